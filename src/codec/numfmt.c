/* SPDX-License-Identifier: Apache-2.0
 *
 * The fewest decimal digits that read back as the same binary number, after R. Giulietti, "The
 * Schubfach way to render doubles" (2020).
 *
 * A finite v = c * 2^q is the nearest number to every real in an interval around it whose ends lie
 * half way to its neighbours (the ends belong to it when c is even, as readers round ties to even).
 * Let 10^k be the largest power of ten not above the interval's width.  Then multiples of 10^k
 * inside are one to ten, of 10^(k+1) at most one: if there is one of the latter, it is the answer,
 * else the nearest of the former.  So three products tell everything: the lower end, v and the upper
 * end, each divided by 10^k and kept in quarters.  They are computed with a 128-bit 10^-k, rounded
 * up; the paper proves that for doubles, and so for floats, an inexact product never equals a
 * multiple and never falls on its wrong side, if the digits beyond the quarter are folded into one
 * sticky bit ("round to odd"). */
#include "codec/numfmt.h"

#include "codec/numfmt_priv.h"

/* floor(log10(2^e)), floor(log10(3/4 * 2^e)), floor(log2(10^e)), for |e| up to 1233. */
static int log10_of_pow2(int e)
{
    return (e * 1262611) >> 22;
}

static int log10_of_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

static int log2_of_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* The upper 64 of the 192 bits of g * x, with a sticky last bit. */
static uint64_t round_to_odd(struct pow10 g, uint64_t x)
{
    unsigned __int128 low = (unsigned __int128)g.lo * x;
    unsigned __int128 high = (unsigned __int128)g.hi * x + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

struct decimal {
    uint64_t digits;
    int exponent;
};

/* c * 2^q; `closer` when the lower neighbour is half as far as the upper one (c a power of two). */
static struct decimal shortest(uint64_t c, int q, bool closer)
{
    int k = closer ? log10_of_three_quarters_pow2(q) : log10_of_pow2(q);
    int shift = q + log2_of_pow10(-k) + 1;
    struct pow10 g = pow10_table[-k - POW10_MIN];
    uint64_t odd = c & 1;
    uint64_t lower = round_to_odd(g, (4 * c - 2 + closer) << shift) + odd;
    uint64_t v = round_to_odd(g, (4 * c) << shift);
    uint64_t upper = round_to_odd(g, (4 * c + 2) << shift) - odd;

    uint64_t s = v / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above)
            return (struct decimal){ tens + above, k + 1 };
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above)
        return (struct decimal){ s + above, k };
    uint64_t middle = 4 * s + 2;
    bool up = v > middle || (v == middle && (s & 1));
    return (struct decimal){ s + up, k };
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* Writes v's digits so that they end before `end`; returns their begin. */
static char *put_digits(char *end, uint64_t v)
{
    while (v >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * v, 2);
    } else {
        *--end = (char)('0' + v);
    }
    return end;
}

static char *put_text(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static char *put_zeros(char *out, int n)
{
    memset(out, '0', (size_t)n);
    return out + n;
}

/* d.ddde-x */
static char *put_scientific(char *out, const char *digits, int n, int exponent)
{
    *out++ = digits[0];
    if (n > 1) {
        *out++ = '.';
        out = put_text(out, digits + 1, (size_t)n - 1);
    }
    *out++ = 'e';
    if (exponent < 0)
        *out++ = '-';
    char text[4], *end = text + sizeof text;
    char *begin = put_digits(end, (uint64_t)(exponent < 0 ? -exponent : exponent));
    return put_text(out, begin, (size_t)(end - begin));
}

/* `point`: how many of the n digits stand before the decimal point; may be negative or above n. */
static char *put_plain(char *out, const char *digits, int n, int point)
{
    if (point <= 0) {
        out = put_text(out, "0.", 2);
        out = put_zeros(out, -point);
        return put_text(out, digits, (size_t)n);
    }
    if (point >= n) {
        out = put_text(out, digits, (size_t)n);
        out = put_zeros(out, point - n);
        return put_text(out, ".0", 2);
    }
    out = put_text(out, digits, (size_t)point);
    *out++ = '.';
    return put_text(out, digits + point, (size_t)(n - point));
}

static char *put_decimal(char *out, struct decimal d)
{
    if (d.digits % 100000000 == 0) {
        d.digits /= 100000000;
        d.exponent += 8;
    }
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    char text[20], *end = text + sizeof text;
    char *digits = put_digits(end, d.digits);
    int n = (int)(end - digits), point = n + d.exponent;
    return point < -4 || point > 16 ? put_scientific(out, digits, n, point - 1)
                                    : put_plain(out, digits, n, point);
}

static size_t put_special(char *out, bool negative, bool nan)
{
    str s = nan ? STR("NaN") : negative ? STR("-Infinity") : STR("Infinity");
    memcpy(out, s.ptr, s.len);
    return s.len;
}

/* Takes apart a number of `width` mantissa bits; bias as of an integral mantissa. */
static size_t format_binary(char *out, bool negative, uint64_t mantissa, int exponent, int width,
                            int exponent_max, int bias)
{
    if (exponent == exponent_max)
        return put_special(out, negative, mantissa != 0);
    char *p = out;
    if (negative)
        *p++ = '-';
    if (exponent == 0 && mantissa == 0)
        return (size_t)(put_text(p, "0.0", 3) - out);
    uint64_t hidden = 1ULL << width;
    uint64_t c = exponent ? mantissa | hidden : mantissa;
    int q = (exponent ? exponent : 1) - bias;
    if (q <= 0 && q >= -width && (c & ((1ULL << -q) - 1)) == 0) { /* an integer below 2^53 */
        p = put_decimal(p, (struct decimal){ c >> -q, 0 });
        return (size_t)(p - out);
    }
    p = put_decimal(p, shortest(c, q, mantissa == 0 && exponent > 1));
    return (size_t)(p - out);
}

size_t num_format_f64(double v, char out[NUM_TEXT_MAX])
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return format_binary(out, bits >> 63, bits & ((1ULL << 52) - 1), (int)(bits >> 52 & 0x7ff), 52,
                         0x7ff, 1075);
}

size_t num_format_f32(float v, char out[NUM_TEXT_MAX])
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return format_binary(out, bits >> 31, bits & ((1U << 23) - 1), (int)(bits >> 23 & 0xff), 23,
                         0xff, 150);
}

static size_t put_u64(char *out, uint64_t v)
{
    char text[20], *end = text + sizeof text;
    char *digits = put_digits(end, v);
    return (size_t)(put_text(out, digits, (size_t)(end - digits)) - out);
}

size_t num_format_u64(uint64_t v, char out[NUM_TEXT_MAX])
{
    return put_u64(out, v);
}

size_t num_format_i64(int64_t v, char out[NUM_TEXT_MAX])
{
    if (v >= 0)
        return put_u64(out, (uint64_t)v);
    out[0] = '-';
    return 1 + put_u64(out + 1, 0 - (uint64_t)v);
}

/* A decimal with at most 19 digits; false for anything else, which is left to the exact way. */
static bool scan_short(str s, struct decimal *d, bool *negative)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    *negative = p < end && *p == '-';
    p += *negative;
    uint64_t digits = 0;
    int n = 0, fraction = 0;
    bool point = false;
    for (; p < end; p++) {
        if (*p == '.' && !point) {
            point = true;
        } else if (*p >= '0' && *p <= '9' && n < 19) {
            digits = digits * 10 + (uint64_t)(*p - '0');
            n += digits != 0;
            fraction += point;
        } else {
            return false;
        }
    }
    *d = (struct decimal){ digits, -fraction };
    return s.len > (size_t)*negative + point;
}

/* The C library also reads "inf", "nan" and hexadecimal. */
static bool decimal_characters(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.ptr[i] < '0' || s.ptr[i] > '9') && str_find_char(STR("+-.eE"), s.ptr[i]) < 0)
            return false;
    return true;
}

bool num_parse_f64(str s, double *out)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    struct decimal d;
    bool negative;
    /* Both operands are exact in a double, so that one division rounds once (Clinger's case). */
    if (scan_short(s, &d, &negative) && d.digits <= 1ULL << 53 && d.exponent >= -22) {
        double v = (double)d.digits / powers[-d.exponent];
        *out = negative ? -v : v;
        return true;
    }
    return decimal_characters(s) && str_to_f64(s, out);
}
