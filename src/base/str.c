/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <endian.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"

/* The longest text of a double that is read.  The exact decimal form of any double has at most
 * 1,077 characters; a longer text is not a number that a program wrote. */
#define F64_TEXT_MAX 1100

int str_cmp(str a, str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_nocase(str a, str b)
{
    return a.len == b.len && str_starts_nocase(a, b);
}

bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && str_eq((str){ s.ptr, prefix.len }, prefix);
}

bool str_ends(str s, str suffix)
{
    return s.len >= suffix.len && str_eq(str_from(s, s.len - suffix.len), suffix);
}

bool str_starts_nocase(str s, str prefix)
{
    if (s.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (lower(s.ptr[i]) != lower(prefix.ptr[i]))
            return false;
    return true;
}

ptrdiff_t str_find(str s, str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return -1;
    const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at ? at - s.ptr : -1;
}

ptrdiff_t str_find_char(str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

ptrdiff_t str_rfind_char(str s, char c)
{
    const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

str str_sub(str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (str){ from ? s.ptr + from : s.ptr, to - from };
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
    size_t from = 0, to = s.len;
    while (from < to && is_space(s.ptr[from]))
        from++;
    while (to > from && is_space(s.ptr[to - 1]))
        to--;
    return str_sub(s, from, to);
}

bool str_next(str *rest, char sep, str *piece)
{
    if (!rest->ptr)
        return false;
    str tail;
    if (!str_cut(*rest, sep, piece, &tail))
        tail = (str){ NULL, 0 };
    *rest = tail;
    return true;
}

bool str_cut(str s, char sep, str *head, str *tail)
{
    ptrdiff_t at = str_find_char(s, sep);
    *head = at < 0 ? s : str_sub(s, 0, (size_t)at);
    *tail = at < 0 ? (str){ NULL, 0 } : str_from(s, (size_t)at + 1);
    return at >= 0;
}

bool str_to_u64(str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_i64(str s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t v;
    if (!str_to_u64(str_from(s, negative), &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - v : v);
    return true;
}

static size_t digits_at(str s, size_t i)
{
    size_t n = 0;
    while (i + n < s.len && s.ptr[i + n] >= '0' && s.ptr[i + n] <= '9')
        n++;
    return n;
}

/* -?(digits[.digits] | .digits)[e[+-]digits]: strtod itself would take blanks, hex, "inf", "nan". */
static bool is_decimal(str s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-';
    size_t whole = digits_at(s, i), fraction = 0;
    i += whole;
    if (i < s.len && s.ptr[i] == '.') {
        fraction = digits_at(s, i + 1);
        i += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
            i++;
        size_t exponent = digits_at(s, i);
        i += exponent;
        if (exponent == 0)
            return false;
    }
    return i == s.len;
}

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale)
        panic("out of memory for the C locale");
}

bool str_to_f64(str s, double *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char text[F64_TEXT_MAX + 1];
    if (s.len > F64_TEXT_MAX || !is_decimal(s))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    pthread_once(&once, make_c_locale);
    double v = strtod_l(text, NULL, c_locale);
    if (isinf(v))
        return false;
    *out = v;
    return true;
}

/* Length of the character at p, 0 when it is malformed.  Unicode 15, table 3-7. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    unsigned c = p[0];
    size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (n <= 1 || n > left)
        return n <= 1 ? n : 0;
    unsigned low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

bool str_is_utf8(str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    for (size_t i = 0; i < s.len;) {
        uint64_t eight;
        if (s.len - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t n = utf8_len(p + i, s.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

/* Hash: 16 bytes a step are multiplied to 128 bits and folded.  The constants are the fractions of
 * the square roots of 2, 3, 5 and 7. */
#define H2 0x6a09e667f3bcc909u
#define H3 0xbb67ae8584caa73bu
#define H5 0x3c6ef372fe94f82bu
#define H7 0xa54ff53a5f1d36f1u

static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t r = (__uint128_t)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static uint64_t read64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static uint64_t read32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

int str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint64_t str_hash(str s, uint64_t seed)
{
    const char *p = s.ptr;
    uint64_t a = 0, b = 0, state = fold(seed ^ H2, s.len ^ H3);
    if (s.len > 16) {
        size_t left = s.len;
        for (; left > 16; left -= 16, p += 16)
            state = fold(read64(p) ^ H5, read64(p + 8) ^ state);
        /* The last 16 bytes, which may overlap what was read. */
        a = read64(p + left - 16);
        b = read64(p + left - 8);
    } else if (s.len >= 8) {
        a = read64(p);
        b = read64(p + s.len - 8);
    } else if (s.len >= 4) {
        a = read32(p);
        b = read32(p + s.len - 4);
    } else if (s.len > 0) {
        a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[s.len / 2] << 8 |
            (unsigned char)p[s.len - 1];
    }
    __uint128_t r = (__uint128_t)(a ^ H3) * (b ^ state);
    return fold((uint64_t)r ^ H7 ^ s.len, (uint64_t)(r >> 64) ^ H2);
}
