/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/result.h"

#include "codec/json.h"
#include "engine/engine.h"
#include "engine/quote.h"
#include "engine/result_write.h"
#include "engine/session.h"
#include "iceberg/value.h"
#include "test.h"

static struct engine *e;
static struct session *s;

static void setup(void)
{
    struct error err;
    e = engine_create(&(struct engine_config){ .memory_limit = (size_t)512 << 20, .threads = 2 });
    CHECK_OK(session_open(e, &s, &err));
}

static void teardown(void)
{
    session_close(s);
    engine_destroy(e);
}

static str written(const char *sql, struct result_write_options o)
{
    struct error err;
    struct result *r;
    struct buf_sink sink;
    struct buf *out = arena_new(test_arena(), struct buf);
    buf_init(out, 1 << 24);
    buf_in_arena(out, test_arena());
    buf_sink_init(&sink, out);
    CHECK_OK(session_query(s, str_of(sql), NULL, 0, &r, &err));
    CHECK_OK(result_write(r, &o, &sink.sink, NULL, &err));
    result_close(r);
    return buf_str(out);
}

#define WRITTEN(sql, ...) written(sql, (struct result_write_options){ __VA_ARGS__ })

/* Our text of a value against the engine's own cast. */
TEST(values_print_as_the_engine_casts_them)
{
    static const char *const values[] = {
        "true",
        "(-128)::TINYINT",
        "255::UTINYINT",
        "18446744073709551615::UBIGINT",
        "(-170141183460469231731687303715884105728)::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "1.5::FLOAT",
        "(-0.1)::DOUBLE",
        "12.30::DECIMAL(4,2)",
        "(-0.05)::DECIMAL(9,2)",
        "123456789012345.678::DECIMAL(18,3)",
        "(-1.5)::DECIMAL(38,10)",
        "DATE '2001-02-03'",
        "DATE '0044-03-15 (BC)'",
        "DATE 'infinity'",
        "DATE '-infinity'",
        "DATE '10183-09-21'",
        "TIME '01:02:03.040500'",
        "TIME '23:59:59'",
        "TIMETZ '01:02:03.5+02:30'",
        "TIMETZ '01:02:03-08'",
        "TIMESTAMP '2001-02-03 04:05:06.789'",
        "TIMESTAMP '1969-12-31 23:59:59.999999'",
        "TIMESTAMP '-infinity'",
        "TIMESTAMPTZ '2001-02-03 04:05:06+01'",
        "TIMESTAMP_S '2001-02-03 04:05:06'",
        "TIMESTAMP_MS '2001-02-03 04:05:06.07'",
        "TIMESTAMP_NS '2001-02-03 04:05:06.000000007'",
        "INTERVAL '1 year 2 months 3 days 04:05:06.7'",
        "INTERVAL '-1 day'",
        "INTERVAL '0 days'",
        "INTERVAL '-90 minutes'",
        "INTERVAL '14 months'",
        "'a b'::VARCHAR",
        "'\\x00\\xFFa\\x27'::BLOB",
        "'5eb9e186-d6f6-4abe-836a-acf8978247d2'::UUID",
        "'00000000-0000-0000-0000-000000000001'::UUID",
        "'b'::ENUM('a','b')",
        "[1,NULL,3]",
        "['a','b c','it''s', '', 'null', 'x,y', '{q}', NULL]",
        "{'a': 1, 'b': 'x y', 'c d': [1]}",
        "MAP {'k': 1, 'l': 2}",
        "[]::INTEGER[]",
        "[[1],[2,3]]",
        "[1,2,3]::INTEGER[3]",
        "[{'a': [1]}]",
        "'101'::BIT",
        "'1'::BIT",
        "NULL::INTEGER",
        "union_value(k := 5)",
        "'{\"a\":1}'::JSON",
        "{'a': NULL}",
        "MAP {1: ['x']}",
        "MAP {[1]: 'it''s'}",
    };
    struct error err;
    setup();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct result *r;
        const struct chunk *c;
        struct buf ours = BUF_INIT(10000), theirs = BUF_INIT(10000);
        str sql = arena_printf(test_arena(), "SELECT %s, coalesce(CAST(%s AS VARCHAR), 'NULL')",
                               values[i], values[i]);
        CHECK_OK(session_query(s, sql, NULL, 0, &r, &err));
        CHECK_OK(result_next(r, &c, &err));
        column_text(&c->columns[0], 0, &ours);
        column_text(&c->columns[1], 0, &theirs);
        if (!str_eq(buf_str(&ours), buf_str(&theirs)))
            test_fail(__FILE__, __LINE__, "%s is \"" STR_FMT "\", the engine says \"" STR_FMT "\"",
                      values[i], STR_ARG(buf_str(&ours)), STR_ARG(buf_str(&theirs)));
        buf_deinit(&ours);
        buf_deinit(&theirs);
        result_close(r);
    }
    teardown();
}

TEST(json_has_every_kind)
{
    struct error err;
    setup();
    str got = WRITTEN(
        "SELECT 1 AS a, 'x\"y' AS b, NULL AS c, 1.50::DECIMAL(9,2) AS d, 'nan'::DOUBLE AS e, 9223372036854775807 AS f, "
        "18446744073709551616::HUGEINT AS g, TIMESTAMP '2001-02-03 04:05:06.5' AS h, TIMESTAMPTZ '2001-02-03 04:05:06+00' AS i, "
        "[1,NULL] AS j, {'k': true} AS k, MAP {'x': 1} AS l, MAP {1: 'x'} AS m, '\\x00\\xFF'::BLOB AS n, DATE '2001-02-03' AS o, "
        "'5eb9e186-d6f6-4abe-836a-acf8978247d2'::UUID AS p, 0.1::FLOAT AS q, 'b'::ENUM('a','b') AS r, INTERVAL 1 DAY AS s",
        .format = FORMAT_JSONL);
    CHECK_STR(
        got,
        "{\"a\":1,\"b\":\"x\\\"y\",\"c\":null,\"d\":1.50,\"e\":null,\"f\":9223372036854775807,\"g\":18446744073709551616,"
        "\"h\":\"2001-02-03T04:05:06.5\",\"i\":\"2001-02-03T04:05:06Z\",\"j\":[1,null],\"k\":{\"k\":true},\"l\":{\"x\":1},"
        "\"m\":[{\"key\":1,\"value\":\"x\"}],\"n\":\"AP8=\",\"o\":\"2001-02-03\",\"p\":\"5eb9e186-d6f6-4abe-836a-acf8978247d2\","
        "\"q\":0.1,\"r\":\"b\",\"s\":\"1 day\"}\n");
    CHECK_STR(WRITTEN("SELECT range AS n FROM range(0)", .format = FORMAT_JSON), "[]\n");
    got = WRITTEN("SELECT range AS n FROM range(10000)", .format = FORMAT_JSON);
    struct json *doc;
    CHECK_OK(json_parse(got, test_arena(), &doc, &err));
    CHECK_INT(doc->array.n, 10000);
    teardown();
}

TEST(csv_tells_null_from_empty)
{
    setup();
    CHECK_STR(
        WRITTEN(
            "SELECT * FROM (VALUES (1, 'a,b', [1,2]), (NULL, '', NULL), (3, 'say \"x\"\ny', [])) t(a, \"b c\", \"d,e\")",
            .format = FORMAT_CSV),
        "a,b c,\"d,e\"\n1,\"a,b\",\"[1, 2]\"\n,\"\",\n3,\"say \"\"x\"\"\ny\",[]\n");
    CHECK_STR(WRITTEN("SELECT 1 AS a", .format = FORMAT_CSV, .no_header = true), "1\n");
    CHECK_STR(WRITTEN("SELECT range AS a FROM range(9)", .format = FORMAT_CSV, .rows_max = 2),
              "a\n0\n1\n");
    teardown();
}

TEST(markdown_escapes)
{
    setup();
    CHECK_STR(
        WRITTEN("SELECT 'a|b' AS t, 1 AS n UNION ALL SELECT 'x', NULL", .format = FORMAT_MARKDOWN),
        "| t | n |\n| --- | ---: |\n| a\\|b | 1 |\n| x | NULL |\n");
    teardown();
}

TEST(tables_are_aligned_by_width)
{
    setup();
    CHECK_STR(
        WRITTEN(
            "SELECT * FROM (VALUES ('\xe6\x97\xa5\xe6\x9c\xac', 1), ('e\xcc\x81', 100), ('line\nbreak', NULL)) t(name, n)",
            .format = FORMAT_TABLE, .count = true),
        "name       \xe2\x94\x82    n\n"
        "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\xbc"
        "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\n"
        "\xe6\x97\xa5\xe6\x9c\xac       \xe2\x94\x82    1\n"
        "e\xcc\x81          \xe2\x94\x82  100\n"
        "line\xe2\x86\xb5"
        "break \xe2\x94\x82 NULL\n"
        "(3 rows)\n");
    str got = WRITTEN("SELECT repeat('x', 100) AS a, 1 AS b FROM range(5)", .format = FORMAT_TABLE,
                      .width_max = 20, .rows_max = 1);
    str first, rest;
    str_cut(got, '\n', &first, &rest);
    CHECK_INT(text_width(first), 20);
    CHECK(str_find(got, STR("xxxxxxxxxx\xe2\x80\xa6")) >= 0);
    CHECK(str_ends(got, STR("(the first 1 rows; there are more)\n")));
    teardown();
}

TEST(widths)
{
    CHECK_INT(text_width(STR("abc")), 3);
    CHECK_INT(text_width(STR("\xf0\x9f\x98\x80")), 2);
    CHECK_INT(text_width(STR("\xe2\x82\xac")), 1);
    CHECK_INT(text_width(STR("\xff\xc3")), 2);
    CHECK_STR(text_cut(STR("\xe6\x97\xa5\xe6\x9c\xac"), 3), "\xe6\x97\xa5");
    enum result_format f;
    CHECK(result_format_parse(STR("jsonl"), &f) && f == FORMAT_JSONL);
    CHECK(!result_format_parse(STR("xml"), &f));
}

TEST(types_without_text_are_refused)
{
    struct error err;
    struct result *r;
    setup();
    CHECK_FAILS(session_query(s, STR("SELECT 5::BIGNUM AS x"), NULL, 0, &r, &err), ERR_UNSUPPORTED);
    CHECK(str_find(str_of(err.msg), STR("cast it to VARCHAR")) >= 0);
    teardown();
}

TEST(names_and_literals_are_quoted)
{
    struct error err;
    setup();
    struct buf sql = BUF_INIT(10000);
    str parts[] = { STR("a\"b"), STR("c d") };
    quote_name(&sql, parts, 2);
    CHECK_STR(buf_str(&sql), "\"a\"\"b\".\"c d\"");
    buf_clear(&sql);
    buf_lit(&sql, "SELECT ");
    quote_text(&sql, STR("it's \0 a \0\0 test"));
    str got;
    CHECK_OK(session_scalar(s, buf_str(&sql), test_arena(), &got, &err));
    CHECK(str_eq(got, STR("it's \0 a \0\0 test")));
    buf_deinit(&sql);
    teardown();
}

static void check_literal(const struct type *t, struct value v)
{
    struct error err;
    struct buf sql = BUF_INIT(10000);
    struct result *r;
    const struct chunk *c;
    struct value back;
    buf_lit(&sql, "SELECT ");
    CHECK_OK(quote_value(&sql, t, &v, &err));
    CHECK_OK(session_query(s, buf_str(&sql), NULL, 0, &r, &err));
    CHECK_OK(result_next(r, &c, &err));
    CHECK_OK(column_value(&c->columns[0], 0, t, test_arena(), &back, &err));
    if (v.is_null != back.is_null || (!v.is_null && !value_eq(&v, &back)))
        test_fail(__FILE__, __LINE__, "a literal of type %s came back as another: " STR_FMT,
                  type_kind_name(t->kind), STR_ARG(buf_str(&sql)));
    result_close(r);
    buf_deinit(&sql);
}

TEST(literals_come_back_as_the_same_values)
{
    setup();
    struct rand rand;
    rand_init(&rand, test_seed());
    const struct type *dec = type_decimal(test_arena(), 38, 10),
                      *small = type_decimal(test_arena(), 4, 2);
    for (int i = 0; i < 40; i++) {
        int64_t n = (int64_t)rand_u64(&rand), us = n % 8000000000000000;
        double d;
        memcpy(&d, &n, 8);
        char bytes[16];
        rand_bytes(&rand, bytes, 16);
        check_literal(type_of(TYPE_INT), value_i64(TYPE_INT, (int32_t)n));
        check_literal(type_of(TYPE_LONG), value_i64(TYPE_LONG, i ? n : INT64_MIN));
        check_literal(type_of(TYPE_DOUBLE), value_f64(TYPE_DOUBLE, d));
        check_literal(type_of(TYPE_FLOAT), value_f64(TYPE_FLOAT, (double)(float)d));
        check_literal(dec, value_decimal(38, 10, (int128)n * 1000000007));
        check_literal(small, value_decimal(4, 2, n % 10000));
        check_literal(type_of(TYPE_DATE), value_i64(TYPE_DATE, (int32_t)n % 3000000));
        check_literal(type_of(TYPE_TIME),
                      value_i64(TYPE_TIME, (int64_t)((uint64_t)n % 86400000000)));
        check_literal(type_of(TYPE_TIMESTAMP), value_i64(TYPE_TIMESTAMP, us));
        check_literal(type_of(TYPE_TIMESTAMPTZ), value_i64(TYPE_TIMESTAMPTZ, us));
        check_literal(type_of(TYPE_TIMESTAMP_NS), value_i64(TYPE_TIMESTAMP_NS, us));
        check_literal(type_of(TYPE_UUID), value_bytes(TYPE_UUID, str_make(bytes, 16)));
        check_literal(type_of(TYPE_BINARY),
                      value_bytes(TYPE_BINARY, str_make(bytes, (size_t)i % 16)));
    }
    check_literal(type_of(TYPE_STRING), value_bytes(TYPE_STRING, STR("it's \"\xc3\xa9\"")));
    check_literal(type_of(TYPE_BOOLEAN), value_bool(true));
    check_literal(type_of(TYPE_STRING), value_null(TYPE_STRING));
    teardown();
}
