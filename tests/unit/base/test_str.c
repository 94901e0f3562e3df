/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

TEST(equality_and_order)
{
    CHECK(str_eq(STR(""), (str){ 0 }) && str_is(STR("ab"), "ab") && !str_is(STR("ab"), "abc"));
    CHECK(str_is((str){ 0 }, NULL));
    CHECK(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("b"), STR("a")) > 0);
    CHECK(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("ab"), STR("a")) > 0);
    CHECK(str_cmp(STR("\x7f"), STR("\x80")) < 0);
    CHECK(str_cmp(STR("a\0b"), STR("a\0b")) == 0 && str_cmp(STR("a\0b"), STR("a\0c")) < 0);
    CHECK(str_cmp((str){ 0 }, (str){ 0 }) == 0 && str_cmp((str){ 0 }, STR("a")) < 0);
    CHECK(str_eq_nocase(STR("SeLECT_1"), STR("sElect_1")) && !str_eq_nocase(STR("a"), STR("ab")));
    CHECK(!str_eq_nocase(STR("@"), STR("`")) && !str_eq_nocase(STR("["), STR("{")));
    CHECK(!str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4"))); /* ASCII only */
}

TEST(starts_and_ends)
{
    CHECK(str_starts(STR("abc"), STR("")) && str_starts(STR("abc"), STR("abc")));
    CHECK(str_starts((str){ 0 }, (str){ 0 }) && !str_starts(STR("ab"), STR("abc")));
    CHECK(str_ends(STR("abc"), STR("bc")) && str_ends(STR("abc"), STR("")));
    CHECK(!str_ends(STR("bc"), STR("abc")) && !str_ends(STR("abc"), STR("ab")));
    CHECK(str_starts_nocase(STR("Bearer x"), STR("bearer ")));
    CHECK(!str_starts_nocase(STR("Bear"), STR("bearer ")));
}

TEST(finding)
{
    CHECK_INT(str_find(STR("hello"), STR("l")), 2);
    CHECK_INT(str_find(STR("hello"), STR("lo")), 3);
    CHECK_INT(str_find(STR("hello"), STR("")), 0);
    CHECK_INT(str_find(STR("hello"), STR("hello!")), -1);
    CHECK_INT(str_find((str){ 0 }, STR("x")), -1);
    CHECK_INT(str_find((str){ 0 }, (str){ 0 }), 0);
    CHECK_INT(str_find(STR("a\0bc"), STR("\0b")), 1);
    CHECK_INT(str_find_char(STR("a.b.c"), '.'), 1);
    CHECK_INT(str_rfind_char(STR("a.b.c"), '.'), 3);
    CHECK_INT(str_find_char((str){ 0 }, '.'), -1);
    CHECK_INT(str_rfind_char(STR("abc"), '.'), -1);
}

TEST(pieces)
{
    str s = STR("hello");
    CHECK_STR(str_sub(s, 1, 3), "el");
    CHECK_STR(str_sub(s, 3, 1), "");
    CHECK_STR(str_sub(s, 3, 100), "lo");
    CHECK_STR(str_sub(s, 100, 200), "");
    CHECK_STR(str_from(s, 0), "hello");
    CHECK_STR(str_from(s, 5), "");
    CHECK_STR(str_from(s, SIZE_MAX), "");
    CHECK(str_from((str){ 0 }, 3).len == 0);
    CHECK_STR(str_trim(STR(" \t\r\n a b \v\f")), "a b");
    CHECK_STR(str_trim(STR(" \n ")), "");
    CHECK_STR(str_trim((str){ 0 }), "");
    CHECK_STR(str_trim(STR("\xc2\xa0x")), "\xc2\xa0x");
}

/* Joins the pieces with '|', so that a case is one line. */
static str split(str s, char sep)
{
    str out = STR("<"), piece;
    while (str_next(&s, sep, &piece))
        out = arena_printf(test_arena(), STR_FMT STR_FMT "|", STR_ARG(out), STR_ARG(piece));
    CHECK(!str_next(&s, sep, &piece));
    return out;
}

TEST(splitting)
{
    str head, tail;
    CHECK_STR(split(STR("a,,b,"), ','), "<a||b||");
    CHECK_STR(split(STR("a"), ','), "<a|");
    CHECK_STR(split(STR(","), ','), "<||");
    CHECK_STR(split(STR(""), ','), "<|");
    CHECK_STR(split((str){ 0 }, ','), "<");
    CHECK(str_cut(STR("k=v=w"), '=', &head, &tail));
    CHECK_STR(head, "k");
    CHECK_STR(tail, "v=w");
    CHECK(str_cut(STR("k="), '=', &head, &tail));
    CHECK(head.len == 1 && tail.len == 0 && tail.ptr != NULL);
    CHECK(!str_cut(STR("k"), '=', &head, &tail));
    CHECK_STR(head, "k");
    CHECK(tail.len == 0 && tail.ptr == NULL);
}

TEST(integers)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "007", true, 7 },
        { "-12", true, -12 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "18446744073709551616", false, 0 },
        { "99999999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "+1", false, 0 },
        { "--1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "0x10", false, 0 },
        { "1.0", false, 0 },
        { "1e3", false, 0 },
        { "\xd9\xa1", false, 0 }, /* a digit, but not an ASCII one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v = 77;
        CHECK(str_to_i64(str_of(cases[i].text), &v) == cases[i].ok);
        CHECK_INT(v, cases[i].ok ? cases[i].value : 77);
    }
    uint64_t u;
    CHECK(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK(!str_to_u64(STR("18446744073709551616"), &u) && !str_to_u64(STR("-1"), &u));
    CHECK(!str_to_u64(STR("1\0"), &u));
    int64_t v;
    CHECK(str_to_i64(str_make("1234", 2), &v) && v == 12); /* nothing behind the view is read */
}

TEST(doubles)
{
    static const char *const good[] = {
        "0",
        "-0",
        "1.5",
        ".5",
        "5.",
        "1e3",
        "1E+3",
        "-1.25e-3",
        "0.1",
        "4.9e-324",
        "1e-400",
        "1.7976931348623157e308",
        "9007199254740993",
        "2.2250738585072011e-308",
        "123456789012345678901234567890",
        "0.3000000000000000444089209850062616169452667236328125",
    };
    static const char *const bad[] = {
        "",      "-",      ".",   "e5",    "1e",   "1e+",      "+1",  " 1",
        "1 ",    "0x1p3",  "nan", "inf",   "-inf", "infinity", "1,5", "1.2.3",
        "1e400", "-1e400", "1d5", "1e5.0", "--1",  "1_000",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double v = NAN, want = strtod(good[i], NULL);
        CHECK(str_to_f64(str_of(good[i]), &v));
        CHECK(memcmp(&v, &want, sizeof v) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double v = 77;
        CHECK(!str_to_f64(str_of(bad[i]), &v));
        CHECK(v == 77);
    }
}

TEST(doubles_round_trip)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rand_u64(&r);
        double want, got;
        char text[64];
        memcpy(&want, &bits, sizeof want);
        if (!isfinite(want))
            continue;
        int n = snprintf(text, sizeof text, "%.17g", want);
        CHECK(str_to_f64(str_make(text, (size_t)n), &got));
        CHECK(memcmp(&got, &want, sizeof got) == 0);
    }
}

TEST(long_doubles)
{
    char text[1200];
    double v;
    int n = snprintf(text, sizeof text, "%.1074f", 4.9406564584124654e-324); /* exact */
    CHECK(str_to_f64(str_make(text, (size_t)n), &v) && v == 4.9406564584124654e-324);
    memset(text, '1', sizeof text);
    text[1] = '.';
    CHECK(str_to_f64(str_make(text, 1100), &v) && v == 10 / 9.0);
    CHECK(!str_to_f64(str_make(text, 1101), &v));
}

TEST(numbers_know_no_locale)
{
    static const char *const comma[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    double v;
    for (size_t i = 0; i < sizeof comma / sizeof comma[0]; i++)
        if (setlocale(LC_ALL, comma[i]))
            break;
    CHECK(str_to_f64(STR("1.5"), &v) && v == 1.5);
    CHECK(!str_to_f64(STR("1,5"), &v));
}

/* Straight from the definition: decode, then ask whether the shortest form was used. */
static bool utf8_by_definition(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned c = p[i], value;
        size_t len = c < 0x80             ? 1
                     : (c & 0xe0) == 0xc0 ? 2
                     : (c & 0xf0) == 0xe0 ? 3
                     : (c & 0xf8) == 0xf0 ? 4
                                          : 0;
        if (len == 0 || len > n - i)
            return false;
        value = len == 1 ? c : c & (0xffu >> (len + 1));
        for (size_t k = 1; k < len; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            value = value << 6 | (p[i + k] & 0x3f);
        }
        size_t shortest = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
        if (shortest != len || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            return false;
        i += len;
    }
    return true;
}

TEST(utf8)
{
    CHECK(str_is_utf8((str){ 0 }) &&
          str_is_utf8(STR("plain ascii, long enough for the fast path")));
    CHECK(str_is_utf8(STR("12345678\xf0\x9f\x98\x80 12345678 \xe2\x82\xac")));
    CHECK(!str_is_utf8(STR("12345678\xff")) && !str_is_utf8(STR("12345678\xe2\x82")));
}

TEST(utf8_agrees_with_the_definition)
{
    /* All sequences of up to two bytes, and of three and four over the bytes that matter. */
    static const unsigned char edges[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                           0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                           0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff };
    enum { N = sizeof edges };
    for (unsigned i = 0; i < 65536; i++) {
        unsigned char p[2] = { (unsigned char)(i >> 8), (unsigned char)i };
        CHECK(str_is_utf8(str_make(p, 2)) == utf8_by_definition(p, 2));
        CHECK(str_is_utf8(str_make(p, 1)) == utf8_by_definition(p, 1));
    }
    for (unsigned i = 0; i < N * N * N * N; i++) {
        unsigned char p[4] = { edges[i / (N * N * N)], edges[i / (N * N) % N], edges[i / N % N],
                               edges[i % N] };
        for (size_t n = 3; n <= 4; n++)
            CHECK(str_is_utf8(str_make(p, n)) == utf8_by_definition(p, n));
    }
}

/* The hash is stored nowhere today, but "the same on every machine" is its contract. */
TEST(hash_is_stable)
{
    CHECK(str_hash(STR("firn"), 0) == 0xb63ae8814457f596u);
    CHECK(str_hash((str){ 0 }, 0) == str_hash(STR(""), 0));
    CHECK(str_hash(STR("a"), 0) != str_hash(STR("a"), 1));
    CHECK(str_hash(STR("a"), 0) != str_hash(STR("a\0"), 0));
}

/* Each bit of the input turns each bit of the output in about half of the cases. */
TEST(hash_avalanche)
{
    enum { ROUNDS = 3000 };
    struct rand r;
    rand_init(&r, test_seed());
    static const size_t lengths[] = { 1, 3, 4, 7, 8, 12, 16, 17, 31, 32, 33, 100 };
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        int flips[64] = { 0 };
        for (int i = 0; i < ROUNDS; i++) {
            char key[100];
            rand_bytes(&r, key, lengths[k]);
            uint64_t bit = rand_below(&r, lengths[k] * 8),
                     h = str_hash(str_make(key, lengths[k]), 0);
            key[bit / 8] = (char)(key[bit / 8] ^ 1 << bit % 8);
            h ^= str_hash(str_make(key, lengths[k]), 0);
            for (int b = 0; b < 64; b++)
                flips[b] += (int)(h >> b & 1);
        }
        for (int b = 0; b < 64; b++) /* 1500 +- 8 standard deviations of 27 */
            CHECK(flips[b] > ROUNDS / 2 - 220 && flips[b] < ROUNDS / 2 + 220);
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

TEST(hash_of_names_with_numbers_does_not_collide)
{
    enum { KEYS = 200000 };
    uint64_t *hashes = arena_array(test_arena(), uint64_t, KEYS);
    static int low[4096];
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "key-%d", i);
        hashes[i] = str_hash(str_make(key, (size_t)n), 0);
        low[hashes[i] & 4095]++;
    }
    qsort(hashes, KEYS, sizeof hashes[0], compare_u64);
    for (int i = 1; i < KEYS; i++)
        CHECK(hashes[i] != hashes[i - 1]);
    for (int i = 0; i < 4096; i++) /* 49 expected in each of the slots that a map would use */
        CHECK(low[i] > 5 && low[i] < 110);
}
