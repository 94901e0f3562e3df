/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/value.h"

#include <math.h>

#include "base/time.h"
#include "codec/digest.h"
#include "unit/iceberg/json_help.h"

static const struct type *type_in(const char *text)
{
    struct error err;
    const struct type *t;
    CHECK_OK(type_parse_text(str_of(text), test_arena(), &t, &err));
    return t;
}

/* A value of a type, from its text. */
static struct value val(const char *type, const char *text)
{
    struct error err;
    struct value v;
    CHECK_OK(value_from_text(type_in(type), str_of(text), test_arena(), &v, &err));
    return v;
}

static str hex(const struct value *v)
{
    return hex_encode(value_encode_in(v, test_arena()), test_arena());
}

static struct value decoded(const char *type, const char *hex_text)
{
    struct error err;
    struct value v;
    str bytes;
    CHECK(hex_decode(str_of(hex_text), test_arena(), &bytes));
    CHECK_OK(value_decode(type_in(type), bytes, &v, &err));
    return v;
}

/* Iceberg spec, Appendix D, and the bytes that the Java library writes. */
TEST(binary_form_both_ways)
{
    static const char *const cases[][3] = {
        { "boolean", "true", "01" },
        { "boolean", "false", "00" },
        { "int", "34", "22000000" },
        { "int", "-1", "ffffffff" },
        { "long", "34", "2200000000000000" },
        { "long", "-9223372036854775808", "0000000000000080" },
        { "float", "1.5", "0000c03f" },
        { "double", "-0.0", "0000000000000080" },
        { "double", "1.5", "000000000000f83f" },
        { "date", "1970-01-02", "01000000" },
        { "date", "1969-12-31", "ffffffff" },
        { "time", "00:00:00.000001", "0100000000000000" },
        { "timestamp", "1970-01-01T00:00:00.000001", "0100000000000000" },
        { "timestamptz", "1970-01-01T01:00:00+01:00", "0000000000000000" },
        { "timestamp_ns", "1970-01-01T00:00:00.000000001", "0100000000000000" },
        { "timestamptz_ns", "1969-12-31T23:59:59.999999999Z", "ffffffffffffffff" },
        { "string", "iceberg", "69636562657267" },
        { "string", "", "" },
        { "uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "f79c3e09677c4bbda4793f349cb785e7" },
        { "fixed[2]", "00ff", "00ff" },
        { "binary", "000102ff", "000102ff" },
        { "decimal(9,2)", "14.20", "058c" },
        { "decimal(9,2)", "0", "00" },
        { "decimal(9,2)", "-0.01", "ff" },
        { "decimal(9,2)", "1.27", "7f" },
        { "decimal(9,2)", "1.28", "0080" },
        { "decimal(9,2)", "-1.28", "80" },
        { "decimal(9,2)", "-1.29", "ff7f" },
        { "decimal(38,0)", "99999999999999999999999999999999999999",
          "4b3b4ca85a86c47a098a223fffffffff" },
        { "decimal(38,0)", "-99999999999999999999999999999999999999",
          "b4c4b357a5793b85f675ddc000000001" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value v = val(cases[i][0], cases[i][1]);
        CHECK_STR(hex(&v), cases[i][2]);
        struct value back = decoded(cases[i][0], cases[i][2]);
        CHECK(value_eq(&v, &back));
        CHECK_INT(back.kind, v.kind);
    }
}

TEST(bounds_from_before_a_promotion)
{
    struct value v = decoded("long", "ffffffff");
    CHECK_INT(v.i, -1);
    v = decoded("double", "0000c03f");
    CHECK(v.f == 1.5);
    v = decoded("timestamp", "01000000");
    CHECK_INT(v.i, US_PER_DAY);
    v = decoded("timestamp_ns", "ffffffff");
    CHECK_INT(v.i, -US_PER_DAY * 1000);
    v = decoded("decimal(38,2)", "058c");
    CHECK(v.dec == 1420);
    v = decoded("decimal(9,2)", "0000000000000000000000000000058c"); /* not the fewest bytes */
    CHECK(v.dec == 1420);
}

TEST(wrong_lengths_are_corrupt)
{
    static const struct {
        const char *type;
        size_t good[3], n;
    } cases[] = {
        { "boolean", { 1 }, 1 },
        { "int", { 4 }, 1 },
        { "long", { 4, 8 }, 2 },
        { "float", { 4 }, 1 },
        { "double", { 4, 8 }, 2 },
        { "date", { 4 }, 1 },
        { "time", { 8 }, 1 },
        { "timestamp", { 4, 8 }, 2 },
        { "timestamptz", { 8 }, 1 },
        { "uuid", { 16 }, 1 },
        { "timestamp_ns", { 4, 8 }, 2 },
    };
    static const char zeros[17];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t n = 0; n <= 17; n++) {
            bool good = false;
            for (size_t j = 0; j < cases[i].n; j++)
                good = good || cases[i].good[j] == n;
            struct error err;
            struct value v;
            if (good)
                CHECK_OK(value_decode(type_in(cases[i].type), str_make(zeros, n), &v, &err));
            else
                CHECK_FAILS(value_decode(type_in(cases[i].type), str_make(zeros, n), &v, &err),
                            ERR_CORRUPT);
        }
    struct error err;
    struct value v;
    CHECK_FAILS(value_decode(type_in("decimal(9,2)"), str_make(zeros, 17), &v, &err), ERR_CORRUPT);
    CHECK_FAILS(value_decode(type_in("decimal(9,2)"), str_make(zeros, 0), &v, &err), ERR_CORRUPT);
    CHECK_FAILS(value_decode(type_in("fixed[2]"), str_make(zeros, 3), &v, &err), ERR_CORRUPT);
    CHECK_FAILS(value_decode(type_in("unknown"), str_make(zeros, 1), &v, &err), ERR_UNSUPPORTED);
    static const char most[4] = { '\xff', '\xff', '\xff', '\x7f' }; /* a day far off */
    CHECK_FAILS(value_decode(type_in("timestamp"), str_make(most, 4), &v, &err), ERR_CORRUPT);
}

/* Iceberg spec, Appendix B. */
TEST(hashes_of_the_specification)
{
    static const struct {
        const char *type, *text;
        int32_t hash;
    } cases[] = {
        { "int", "34", 2017239379 },
        { "long", "34", 2017239379 },
        { "decimal(9,2)", "14.20", -500754589 },
        { "date", "2017-11-16", -653330422 },
        { "time", "22:31:08", -662762989 },
        { "timestamp", "2017-11-16T22:31:08", -2047944441 },
        { "timestamp", "2017-11-16T22:31:08.000001", -1207196810 },
        { "timestamptz", "2017-11-16T14:31:08-08:00", -2047944441 },
        { "timestamptz", "2017-11-16T14:31:08.000001-08:00", -1207196810 },
        { "timestamp_ns", "2017-11-16T22:31:08", -2047944441 },
        { "timestamp_ns", "2017-11-16T22:31:08.000001001", -1207196810 },
        { "timestamptz_ns", "2017-11-16T14:31:08.000001001-08:00", -1207196810 },
        { "string", "iceberg", 1210000089 },
        { "uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", 1488055340 },
        { "fixed[4]", "00010203", -188683207 },
        { "binary", "00010203", -188683207 },
    };
    int32_t hash;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value v = val(cases[i].type, cases[i].text);
        CHECK(value_hash(&v, &hash));
        CHECK_INT(hash, cases[i].hash);
    }
    struct value no = val("double", "1");
    CHECK(!value_hash(&no, &hash));
    no = value_null(TYPE_INT);
    CHECK(!value_hash(&no, &hash));
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

/* Ascending lists: each element is equal to itself and below those after it. */
static void check_order(const struct value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            CHECK_INT(sign(value_cmp(&v[i], &v[j])), (i > j) - (i < j));
}

TEST(order)
{
    struct value doubles[] = { value_null(TYPE_DOUBLE),          value_f64(TYPE_DOUBLE, -INFINITY),
                               value_f64(TYPE_DOUBLE, -1),       value_f64(TYPE_DOUBLE, -0.0),
                               value_f64(TYPE_DOUBLE, 0.0),      value_f64(TYPE_FLOAT, 1.5),
                               value_f64(TYPE_DOUBLE, INFINITY), value_f64(TYPE_DOUBLE, NAN) };
    check_order(doubles, sizeof doubles / sizeof *doubles);
    struct value ints[] = { value_i64(TYPE_LONG, INT64_MIN), value_i64(TYPE_INT, -1),
                            value_i64(TYPE_LONG, 0), value_i64(TYPE_LONG, INT64_MAX) };
    check_order(ints, 4);
    struct value strings[] = { value_bytes(TYPE_STRING, STR("")),
                               value_bytes(TYPE_STRING, STR("a")),
                               value_bytes(TYPE_STRING, STR("aa")),
                               value_bytes(TYPE_STRING, STR("b")),
                               value_bytes(TYPE_STRING, STR("\xc3\xa4")) };
    check_order(strings, 5);
    struct value decimals[] = { val("decimal(38,0)", "-99999999999999999999999999999999999999"),
                                val("decimal(9,2)", "-1.51"),
                                val("decimal(9,1)", "-1.5"),
                                val("decimal(9,2)", "1.49"),
                                val("decimal(9,1)", "1.5"),
                                val("decimal(9,2)", "1.51"),
                                val("decimal(38,0)", "99999999999999999999999999999999999999") };
    check_order(decimals, 7);
    struct value a = val("decimal(9,1)", "1.5"), b = val("decimal(12,5)", "1.50000");
    CHECK(value_eq(&a, &b));
    struct value negative_nan = value_f64(TYPE_DOUBLE, -NAN), nan = value_f64(TYPE_DOUBLE, NAN);
    CHECK(value_eq(&negative_nan, &nan));
    CHECK(value_is_nan(&nan));
}

/* Iceberg spec, "JSON single-value serialization". */
TEST(json_form_both_ways)
{
    static const char *const cases[][2] = {
        { "boolean", "true" },
        { "int", "34" },
        { "long", "-9223372036854775808" },
        { "float", "1.5" },
        { "double", "1e+300" },
        { "decimal(9,2)", "'14.20'" },
        { "decimal(38,38)", "'-0.00000000000000000000000000000000000001'" },
        { "date", "'2017-11-16'" },
        { "date", "'1582-10-04'" },
        { "time", "'22:31:08.123456'" },
        { "timestamp", "'2017-11-16T22:31:08.123456'" },
        { "timestamptz", "'2017-11-16T22:31:08.123456+00:00'" },
        { "timestamp_ns", "'2017-11-16T22:31:08.123456789'" },
        { "timestamptz_ns", "'1917-11-16T22:31:08.000000001+00:00'" },
        { "string", "'iceberg'" },
        { "uuid", "'f79c3e09-677c-4bbd-a479-3f349cb785e7'" },
        { "fixed[4]", "'000102ff'" },
        { "binary", "'000102ff'" },
        { "binary", "''" },
        { "int", "null" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        struct value v;
        str json;
        CHECK_OK(value_parse(type_in(cases[i][0]), json_of(cases[i][1]), test_arena(), &v, &err));
        WRITTEN(json, value_write(&v, &w));
        if (!str_is(json, "1e300")) /* either way of writing it */
            CHECK_STR(json, cases[i][1]);
    }
}

TEST(bad_json_is_refused)
{
    static const char *const cases[][2] = {
        { "boolean", "1" },
        { "int", "2147483648" },
        { "int", "1.5" },
        { "int", "'1'" },
        { "long", "9223372036854775808" },
        { "float", "'1'" },
        { "decimal(9,2)", "1.5" },
        { "decimal(9,2)", "'1.555'" },
        { "decimal(4,2)", "'100.00'" },
        { "date", "'2017-13-01'" },
        { "date", "17000" },
        { "time", "'24:00:00'" },
        { "time", "'1:00'" },
        { "timestamp", "'2017-11-16T22:31:08+00:00'" },
        { "timestamp", "'2017-11-16T22:31:08.123456789'" },
        { "timestamp_ns", "'2017-11-16T22:31:08.1234567891'" },
        { "timestamp_ns", "'2517-11-16T22:31:08'" },
        { "uuid", "'f79c3e09'" },
        { "fixed[4]", "'0001'" },
        { "binary", "'0'" },
        { "binary", "'xx'" },
        { "geometry", "'POINT (30 10)'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        struct value v;
        CHECK_FAILS(value_parse(type_in(cases[i][0]), json_of(cases[i][1]), test_arena(), &v, &err),
                    ERR_INVALID);
    }
    struct error err;
    struct value v;
    struct arena *a = test_arena();
    const struct type *list = type_list(a, 1, false, type_of(TYPE_INT));
    CHECK_FAILS(value_parse(list, json_of("[1]"), a, &v, &err), ERR_UNSUPPORTED);
    CHECK_OK(value_parse(type_struct(a, NULL, 0), json_of("{}"), a, &v, &err));
    CHECK_INT(v.kind, TYPE_STRUCT);
}

TEST(text_for_people)
{
    static const char *const cases[][3] = {
        { "int", "-7", "-7" },
        { "double", "0.1", "0.1" },
        { "double", "nan", "NaN" },
        { "float", "0.1", "0.1" },
        { "decimal(9,2)", "-0.5", "-0.50" },
        { "decimal(9,0)", "12", "12" },
        { "date", "1969-12-31", "1969-12-31" },
        { "time", "1:2", NULL },
        { "time", "22:31", "22:31:00" },
        { "time", "22:31:08.5", "22:31:08.500" },
        { "timestamp", "2017-11-16", "2017-11-16T00:00:00" },
        { "timestamp", "1969-12-31 23:59:59.5", "1969-12-31T23:59:59.500" },
        { "timestamptz", "2017-11-16 10:00:00+02", "2017-11-16T08:00:00+00:00" },
        { "timestamp_ns", "1969-12-31 23:59:59.999999999", "1969-12-31T23:59:59.999999999" },
        { "timestamp_ns", "2001-01-01 00:00:00.5", "2001-01-01T00:00:00.500" },
        { "binary", "00ff", "AP8=" },
        { "uuid", "F79C3E09-677C-4BBD-A479-3F349CB785E7", "f79c3e09-677c-4bbd-a479-3f349cb785e7" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        struct value v;
        bool ok =
            value_from_text(type_in(cases[i][0]), str_of(cases[i][1]), test_arena(), &v, &err);
        CHECK_INT(ok, cases[i][2] != NULL);
        if (ok)
            CHECK_STR(value_to_text(&v, test_arena()), cases[i][2]);
    }
}

static void check_convert(const char *from, const char *text, const char *to, enum value_fit want,
                          const char *result)
{
    struct value v = val(from, text), out;
    enum value_fit got = value_convert(&v, type_in(to), test_arena(), &out);
    if (got != want)
        test_fail(__FILE__, __LINE__, "%s %s to %s: %d, wanted %d", from, text, to, got, want);
    if (result) {
        CHECK_INT(out.kind, type_in(to)->kind);
        CHECK_STR(value_to_text(&out, test_arena()), result);
    }
}

TEST(literals_in_other_types)
{
    check_convert("int", "5", "long", VALUE_FITS, "5");
    check_convert("long", "5", "int", VALUE_FITS, "5");
    check_convert("long", "3000000000", "int", VALUE_ABOVE, NULL);
    check_convert("long", "-3000000000", "int", VALUE_BELOW, NULL);
    check_convert("long", "5", "double", VALUE_FITS, "5.0");
    check_convert("long", "9007199254740993", "double", VALUE_BETWEEN, "9007199254740992.0");
    check_convert("int", "16777217", "float", VALUE_BETWEEN, NULL);
    check_convert("int", "5", "decimal(9,2)", VALUE_FITS, "5.00");
    check_convert("int", "5", "decimal(2,2)", VALUE_ABOVE, NULL);
    check_convert("int", "-5", "decimal(2,2)", VALUE_BELOW, NULL);
    check_convert("double", "1.5", "int", VALUE_BETWEEN, "1");
    check_convert("double", "-1.5", "long", VALUE_BETWEEN, "-2");
    check_convert("double", "2", "int", VALUE_FITS, "2");
    check_convert("double", "1e30", "long", VALUE_ABOVE, NULL);
    check_convert("double", "nan", "long", VALUE_NO, NULL);
    check_convert("double", "0.5", "float", VALUE_FITS, "0.5");
    check_convert("double", "0.1", "float", VALUE_BETWEEN, NULL);
    check_convert("double", "1e300", "float", VALUE_ABOVE, NULL);
    check_convert("double", "-inf", "float", VALUE_FITS, "-Infinity");
    check_convert("float", "0.5", "double", VALUE_FITS, "0.5");
    check_convert("decimal(9,2)", "1.55", "decimal(9,1)", VALUE_BETWEEN, "1.5");
    check_convert("decimal(9,2)", "-1.55", "decimal(9,1)", VALUE_BETWEEN, "-1.6");
    check_convert("decimal(9,1)", "1.5", "decimal(9,3)", VALUE_FITS, "1.500");
    check_convert("decimal(9,2)", "1.55", "int", VALUE_BETWEEN, "1");
    check_convert("decimal(9,2)", "7.00", "long", VALUE_FITS, "7");
    check_convert("decimal(9,2)", "1.55", "double", VALUE_FITS, "1.55");
    check_convert("date", "1970-01-02", "timestamp", VALUE_FITS, "1970-01-02T00:00:00");
    check_convert("date", "1970-01-02", "timestamptz", VALUE_NO, NULL);
    check_convert("timestamp", "1969-12-31 12:00", "date", VALUE_BETWEEN, "1969-12-31");
    check_convert("timestamp", "1970-01-01", "date", VALUE_FITS, "1970-01-01");
    check_convert("timestamp_ns", "1970-01-01 00:00:00.000000001", "timestamp", VALUE_BETWEEN,
                  "1970-01-01T00:00:00");
    check_convert("timestamp", "9000-01-01", "timestamp_ns", VALUE_ABOVE, NULL);
    check_convert("string", "2001-02-03", "date", VALUE_FITS, "2001-02-03");
    check_convert("string", "x", "date", VALUE_NO, NULL);
    check_convert("string", "7", "string", VALUE_FITS, "7");
    check_convert("binary", "0001", "fixed[2]", VALUE_FITS, NULL);
    check_convert("binary", "0001", "fixed[3]", VALUE_NO, NULL);
    check_convert("boolean", "true", "int", VALUE_NO, NULL);
}

TEST(decimal_texts)
{
    static const struct {
        const char *text;
        int64_t unscaled;
        int32_t scale;
    } good[] = { { "1", 1, 0 },       { "-1.50", -150, 2 }, { "+.5", 5, 1 }, { "1e3", 1000, 0 },
                 { "1.5E+1", 15, 0 }, { "1E-7", 1, 7 },     { "000", 0, 0 }, { "5.", 5, 0 } };
    static const char *const bad[] = { "",    ".",      "-",
                                       "1e",  "1.2.3",  "x",
                                       "0x1", "1e9999", "100000000000000000000000000000000000000",
                                       "1e38" };
    int128 v;
    int32_t scale;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(decimal_parse(str_of(good[i].text), &v, &scale));
        CHECK_INT((int64_t)v, good[i].unscaled);
        CHECK_INT(scale, good[i].scale);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!decimal_parse(str_of(bad[i]), &v, &scale));
}

/* Any 16 bytes are a value whose texts read back or are refused, never worse. */
TEST(random_values_go_round)
{
    static const char *const types[] = { "decimal(38,5)", "decimal(38,0)",  "timestamp",
                                         "timestamp_ns",  "timestamptz_ns", "double",
                                         "float",         "long",           "date",
                                         "time" };
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        const struct type *t = type_in(types[i % 10]);
        char bytes[16];
        struct error err;
        struct value v, back;
        rand_bytes(&r, bytes, sizeof bytes);
        size_t n = t->kind == TYPE_DECIMAL                         ? 1 + rand_below(&r, 16)
                   : t->kind == TYPE_FLOAT || t->kind == TYPE_DATE ? 4
                                                                   : 8;
        CHECK_OK(value_decode(t, str_make(bytes, n), &v, &err));
        str text = value_to_text(&v, test_arena());
        if (value_from_text(t, text, test_arena(), &back, &err))
            CHECK(t->kind != TYPE_DECIMAL ? value_eq(&v, &back) : v.dec == back.dec);
        struct value again;
        CHECK_OK(value_decode(t, value_encode_in(&v, test_arena()), &again, &err));
        CHECK(value_eq(&v, &again));
    }
}
