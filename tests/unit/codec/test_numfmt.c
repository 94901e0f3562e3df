/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/numfmt.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "codec/numfmt_priv.h"
#include "test.h"

static str f64_text(double v)
{
    char *text = arena_alloc(test_arena(), NUM_TEXT_MAX);
    return str_make(text, num_format_f64(v, text));
}

static str f32_text(float v)
{
    char *text = arena_alloc(test_arena(), NUM_TEXT_MAX);
    return str_make(text, num_format_f32(v, text));
}

TEST(doubles_have_the_fewest_digits)
{
    CHECK_STR(f64_text(0.0), "0.0");
    CHECK_STR(f64_text(-0.0), "-0.0");
    CHECK_STR(f64_text(1), "1.0");
    CHECK_STR(f64_text(-10), "-10.0");
    CHECK_STR(f64_text(0.1), "0.1");
    CHECK_STR(f64_text(0.3), "0.3");
    CHECK_STR(f64_text(0.1 + 0.2), "0.30000000000000004");
    CHECK_STR(f64_text(1.0 / 3), "0.3333333333333333");
    CHECK_STR(f64_text(123456.789), "123456.789");
    CHECK_STR(f64_text(1e15), "1000000000000000.0");
    CHECK_STR(f64_text(9007199254740992), "9007199254740992.0");
    CHECK_STR(f64_text(1e16), "1e16");
    CHECK_STR(f64_text(1e22), "1e22");
    CHECK_STR(f64_text(1e23), "1e23");
    CHECK_STR(f64_text(9.5e-5), "0.000095");
    CHECK_STR(f64_text(1e-5), "0.00001");
    CHECK_STR(f64_text(9.9e-6), "9.9e-6");
    CHECK_STR(f64_text(5e-324), "5e-324");
    CHECK_STR(f64_text(DBL_MIN), "2.2250738585072014e-308");
    CHECK_STR(f64_text(DBL_MAX), "1.7976931348623157e308");
    CHECK_STR(f64_text(2.0 * DBL_EPSILON), "4.440892098500626e-16");
    CHECK_STR(f64_text((double)NAN), "NaN");
    CHECK_STR(f64_text(-(double)INFINITY), "-Infinity");
}

TEST(floats_have_the_fewest_digits_of_a_float)
{
    CHECK_STR(f32_text(0.1F), "0.1");
    CHECK_STR(f32_text(16777216.0F), "16777216.0");
    CHECK_STR(f32_text(3.4028235e38F), "3.4028235e38");
    CHECK_STR(f32_text(1e-45F), "1e-45");
    CHECK_STR(f32_text(1.0F / 3), "0.33333334");
    CHECK_STR(f32_text(-1.5F), "-1.5");
    CHECK_STR(f32_text((float)INFINITY), "Infinity");
}

TEST(integers)
{
    char text[NUM_TEXT_MAX];
    CHECK_STR(str_make(text, num_format_i64(INT64_MIN, text)), "-9223372036854775808");
    CHECK_STR(str_make(text, num_format_i64(0, text)), "0");
    CHECK_STR(str_make(text, num_format_i64(-7, text)), "-7");
    CHECK_STR(str_make(text, num_format_u64(UINT64_MAX, text)), "18446744073709551615");
}

static int significant_digits(str s)
{
    int n = 0, zeros = 0;
    for (size_t i = 0; i < s.len && s.ptr[i] != 'e'; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || (n == 0 && s.ptr[i] == '0'))
            continue;
        n++;
        zeros = s.ptr[i] == '0' ? zeros + 1 : 0;
    }
    return n - zeros;
}

/* The C library finds the fewest digits the slow way. */
static int digits_by_search(double v, char out[40])
{
    for (int n = 1; n <= 17; n++) {
        snprintf(out, 40, "%.*e", n - 1, v);
        if (strtod(out, NULL) == v)
            return n;
    }
    return 17;
}

static void check_double(uint64_t bits)
{
    double v, back;
    char text[NUM_TEXT_MAX + 1], searched[40];
    memcpy(&v, &bits, sizeof v);
    if (v - v != 0)
        return;
    size_t len = num_format_f64(v, text);
    CHECK(len < NUM_TEXT_MAX);
    text[len] = 0;
    if (strtod(text, NULL) != v)
        test_fail(__FILE__, __LINE__, "%a became %s", v, text);
    CHECK(num_parse_f64(str_make(text, len), &back) && memcmp(&back, &v, sizeof v) == 0);
    int want = digits_by_search(v, searched), got = significant_digits(str_make(text, len));
    bool power_of_two = (bits & ((1ULL << 52) - 1)) == 0; /* its interval is not symmetric */
    if (v != 0 && (got > want || (got < want && !power_of_two)))
        test_fail(__FILE__, __LINE__, "%s has %d digits, %s has %d", text, got, searched, want);
    /* With as many digits the library's is the nearest one. */
    if (got == want && strtod(searched, NULL) == v && !power_of_two) {
        char again[40];
        snprintf(again, sizeof again, "%.*e", want - 1, v);
        CHECK(want >= 17 || strtold(text, NULL) == strtold(again, NULL));
    }
}

TEST(random_doubles_read_back_and_are_shortest)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 60000; i++)
        check_double(rand_u64(&r));
    for (int i = 0; i < 20000; i++) { /* values as people write them */
        double v = (double)rand_below(&r, 1000000000) / pow(10, (double)rand_below(&r, 10));
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        check_double(bits);
    }
    for (uint64_t e = 0; e < 2047; e++) { /* around each power of two */
        check_double(e << 52);
        check_double((e << 52) + 1);
        check_double((e << 52) | ((1ULL << 52) - 1));
    }
    for (uint64_t tiny = 1; tiny < 2000; tiny++)
        check_double(tiny);
}

TEST(random_floats_read_back_and_are_shortest)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 50000; i++) {
        uint32_t bits = (uint32_t)rand_u64(&r);
        float v;
        char text[NUM_TEXT_MAX + 1], searched[40];
        memcpy(&v, &bits, sizeof v);
        if (v - v != 0 || (bits & 0x7fffff) == 0)
            continue;
        size_t len = num_format_f32(v, text);
        text[len] = 0;
        CHECK(strtof(text, NULL) == v);
        int n = 0;
        do
            snprintf(searched, sizeof searched, "%.*e", n++, (double)v);
        while (strtof(searched, NULL) != v);
        CHECK_INT(significant_digits(str_make(text, len)), n);
    }
}

TEST(decimal_text_becomes_the_nearest_double)
{
    static const char *const good[] = {
        "0",
        "-0",
        "1",
        "0.1",
        "00012",
        "1e5",
        "1E-5",
        "2.5e+3",
        "9007199254740993",
        "0.30000000000000004",
        "1234567890123456789012345678901234567890",
        "2.2250738585072011e-308",
        "4.9e-324",
        "123456789.123456789",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double v;
        CHECK(num_parse_f64(str_of(good[i]), &v));
        CHECK(v == strtod(good[i], NULL));
    }
    static const char *const bad[] = { "",   "-",  ".",   "1.2.3", "abc", "1x",
                                       " 1", "1 ", "--1", "nan",   "inf", "0x10" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double v;
        CHECK(!num_parse_f64(str_of(bad[i]), &v));
    }
}

/* Big numbers as 32-bit limbs, least first: just enough to compute the table again. */
#define LIMBS 80
struct big {
    uint32_t limb[LIMBS];
};

static void big_multiply(struct big *b, uint32_t by)
{
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)b->limb[i] * by;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    CHECK(carry == 0);
}

/* Returns the remainder. */
static uint32_t big_divide(struct big *b, uint32_t by)
{
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | b->limb[i];
        b->limb[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    return (uint32_t)rest;
}

static int big_bits(const struct big *b)
{
    for (int i = LIMBS * 32 - 1; i >= 0; i--)
        if (b->limb[i / 32] >> (i % 32) & 1)
            return i + 1;
    return 0;
}

/* The upper 128 bits, plus one when anything nonzero lies below them (or `more`). */
static struct pow10 big_round_up(const struct big *b, bool more)
{
    struct pow10 p = { 0, 0 };
    int top = big_bits(b);
    for (int i = top - 1; i >= 0; i--) {
        uint64_t bit = b->limb[i / 32] >> (i % 32) & 1;
        if (top - 1 - i < 64)
            p.hi = p.hi << 1 | bit;
        else if (top - 1 - i < 128)
            p.lo = p.lo << 1 | bit;
        else
            more |= bit;
    }
    if (top <= 64)
        p.hi <<= 64 - top;
    else if (top < 128)
        p.lo <<= 128 - top;
    p.lo += more;
    p.hi += more && p.lo == 0;
    return p;
}

TEST(every_power_of_ten_is_right)
{
    struct big b = { { 1 } };
    for (int k = 0; k <= POW10_MAX; k++) {
        struct pow10 want = big_round_up(&b, false), got = pow10_table[k - POW10_MIN];
        CHECK(want.hi == got.hi && want.lo == got.lo);
        big_multiply(&b, 10);
    }
    b = (struct big){ { 0 } };
    b.limb[LIMBS - 1] = 1; /* a power of two so large that the quotients keep 128 bits */
    bool more = false;
    for (int k = -1; k >= POW10_MIN; k--) {
        more |= big_divide(&b, 10) != 0;
        struct pow10 want = big_round_up(&b, more), got = pow10_table[k - POW10_MIN];
        CHECK(want.hi == got.hi && want.lo == got.lo);
    }
}
