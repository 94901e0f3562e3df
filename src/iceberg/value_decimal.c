/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimals as 128-bit unscaled numbers. */
#include "iceberg/value_priv.h"

int128 decimal_pow10(int32_t n)
{
    ASSERT(n >= 0 && n <= DECIMAL_PRECISION_MAX);
    int128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

size_t decimal_format(int128 unscaled, int32_t scale, char out[DECIMAL_TEXT_MAX])
{
    char digits[DECIMAL_TEXT_MAX]; /* from the right */
    int n = 0;
    bool negative = unscaled < 0;
    unsigned __int128 v = negative ? -(unsigned __int128)unscaled : (unsigned __int128)unscaled;
    do {
        digits[n++] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v > 0 || n <= scale);
    size_t len = 0;
    if (negative)
        out[len++] = '-';
    while (n > 0) {
        out[len++] = digits[--n];
        if (n == scale && n > 0)
            out[len++] = '.';
    }
    out[len] = 0;
    return len;
}

/* Digits with at most one point; leading zeros do not count. */
static bool parse_digits(str text, int128 *v, int32_t *fraction)
{
    int significant = 0;
    bool point = false, any = false;
    *v = 0;
    *fraction = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        any = true;
        significant += significant > 0 || c != '0';
        if (significant > DECIMAL_PRECISION_MAX || *fraction >= 1000)
            return false;
        *v = *v * 10 + (c - '0');
        *fraction += point;
    }
    return any;
}

bool decimal_parse(str text, int128 *unscaled, int32_t *scale)
{
    text = str_trim(text);
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative || (text.len > 0 && text.ptr[0] == '+'))
        text = str_from(text, 1);
    ptrdiff_t e = str_find_char(text, 'e');
    e = e < 0 ? str_find_char(text, 'E') : e;
    int64_t exponent = 0;
    if (e >= 0) {
        str tail = str_from(text, (size_t)e + 1);
        if (tail.len > 0 && tail.ptr[0] == '+')
            tail = str_from(tail, 1);
        if (!str_to_i64(tail, &exponent) || exponent > 1000 || exponent < -1000)
            return false;
        text = str_sub(text, 0, (size_t)e);
    }
    int128 v;
    int32_t fraction;
    if (!parse_digits(text, &v, &fraction))
        return false;
    int32_t s = fraction - (int32_t)exponent;
    for (; s < 0; s++)
        if (__builtin_mul_overflow(v, (int128)10, &v) || v >= decimal_pow10(38))
            return false;
    *unscaled = negative ? -v : v;
    *scale = s;
    return true;
}

bool decimal_rescale(int128 v, int32_t from, int32_t to, int32_t precision, int128 *out,
                     bool *exact)
{
    *exact = true;
    while (from < to) {
        if (__builtin_mul_overflow(v, (int128)10, &v))
            return false;
        from++;
    }
    if (from - to > DECIMAL_PRECISION_MAX) {
        *exact = v == 0;
        v = v < 0 ? -1 : 0;
    } else if (from > to) {
        int128 unit = decimal_pow10(from - to), rest = v % unit;
        *exact = rest == 0;
        v = v / unit - (rest < 0);
    }
    *out = v;
    int128 limit = decimal_pow10(precision);
    return v > -limit && v < limit;
}
