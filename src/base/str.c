/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

int str_cmp(str a, str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_eq_nocase(str a, str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && str_eq((str){ s.ptr, prefix.len }, prefix);
}

bool str_starts_nocase(str s, str prefix)
{
    return s.len >= prefix.len && str_eq_nocase((str){ s.ptr, prefix.len }, prefix);
}

bool str_ends(str s, str suffix)
{
    return s.len >= suffix.len && str_eq((str){ s.ptr + (s.len - suffix.len), suffix.len }, suffix);
}

ptrdiff_t str_find(str s, str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return -1;
    const char *p = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return p ? p - s.ptr : -1;
}

ptrdiff_t str_find_char(str s, char c)
{
    const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return p ? p - s.ptr : -1;
}

ptrdiff_t str_rfind_char(str s, char c)
{
    const char *p = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return p ? p - s.ptr : -1;
}

str str_sub(str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (str){ s.ptr ? s.ptr + from : NULL, to - from };
}

str str_from(str s, size_t from)
{
    return str_sub(s, from, s.len);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

str str_trim(str s)
{
    while (s.len && is_space(s.ptr[0]))
        s = str_from(s, 1);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_next(str *rest, char sep, str *piece)
{
    if (!rest->ptr)
        return false;
    ptrdiff_t at = str_find_char(*rest, sep);
    if (at < 0) {
        *piece = *rest;
        *rest = (str){ NULL, 0 };
    } else {
        *piece = (str){ rest->ptr, (size_t)at };
        *rest = (str){ rest->ptr + at + 1, rest->len - (size_t)at - 1 };
    }
    return true;
}

bool str_cut(str s, char sep, str *head, str *tail)
{
    ptrdiff_t at = str_find_char(s, sep);
    *head = at < 0 ? s : (str){ s.ptr, (size_t)at };
    *tail = at < 0 ? (str){ NULL, 0 } : str_from(s, (size_t)at + 1);
    return at >= 0;
}

bool str_to_u64(str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_i64(str s, int64_t *out)
{
    bool negative = s.len && s.ptr[0] == '-';
    bool sign = negative || (s.len && s.ptr[0] == '+');
    uint64_t v;
    if (!str_to_u64(str_from(s, sign), &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static locale_t c_locale;

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

bool str_to_f64(str s, double *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char text[512], *end; /* no shortest or exact form of a double that people write is longer */
    if (s.len == 0 || s.len >= sizeof text || is_space(s.ptr[0]))
        return false;
    pthread_once(&once, make_locale);
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    *out = strtod_l(text, &end, c_locale);
    return end == text + s.len;
}

/* Bytes of the sequence that begins with c, 0 when none does; *low and *high bound its second byte. */
static size_t utf8_length(unsigned char c, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef) {
        *low = c == 0xe0 ? 0xa0 : 0x80;  /* overlong */
        *high = c == 0xed ? 0x9f : 0xbf; /* surrogates */
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        *low = c == 0xf0 ? 0x90 : 0x80;
        *high = c == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

bool str_is_utf8(str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    for (size_t i = 0; i < s.len;) {
        unsigned char low, high;
        size_t n = utf8_length(p[i], &low, &high);
        if (n == 0 || n > s.len - i || (n > 1 && (p[i + 1] < low || p[i + 1] > high)))
            return false;
        for (size_t k = 2; k < n; k++)
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
        i += n;
    }
    return true;
}

/* Multiply two words and fold the 128-bit product: each bit of either reaches every bit of the result. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

uint64_t str_hash(str s, uint64_t seed)
{
    const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd1b54a32d192ed03u;
    uint64_t h = seed ^ mix(s.len ^ k0, k1);
    const char *p = s.ptr;
    size_t n = s.len;
    for (; n > 16; n -= 16, p += 16)
        h = mix(load(p, 8) ^ k0 ^ h, load(p + 8, 8) ^ k1);
    uint64_t a = n > 8 ? load(p, 8) : n ? load(p, n) : 0;
    uint64_t b = n > 8 ? load(p + 8, n - 8) : 0;
    return mix(mix(a ^ k1 ^ h, b ^ k0), k0 ^ s.len);
}
