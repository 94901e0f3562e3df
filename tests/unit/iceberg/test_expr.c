/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expr.h"

#include <math.h>

#include "codec/json.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "test.h"

static const struct schema *test_schema(void)
{
    static const char text[] =
        "{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
        "{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"int\"},"
        "{\"id\":2,\"name\":\"b\",\"required\":false,\"type\":\"string\"},"
        "{\"id\":3,\"name\":\"c\",\"required\":false,\"type\":\"double\"},"
        "{\"id\":4,\"name\":\"d\",\"required\":false,\"type\":\"date\"},"
        "{\"id\":5,\"name\":\"m\",\"required\":false,\"type\":\"decimal(9,2)\"},"
        "{\"id\":6,\"name\":\"ok\",\"required\":false,\"type\":\"boolean\"},"
        "{\"id\":7,\"name\":\"r\",\"required\":true,\"type\":\"long\"},"
        "{\"id\":8,\"name\":\"s\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["
        "{\"id\":9,\"name\":\"x\",\"required\":true,\"type\":\"int\"}]}},"
        "{\"id\":10,\"name\":\"list\",\"required\":false,\"type\":{\"type\":\"list\","
        "\"element-id\":11,\"element\":\"int\",\"element-required\":true}},"
        "{\"id\":12,\"name\":\"Odd Name\",\"required\":false,\"type\":\"int\"},"
        "{\"id\":13,\"name\":\"bin\",\"required\":false,\"type\":\"binary\"},"
        "{\"id\":14,\"name\":\"f\",\"required\":false,\"type\":\"float\"}]}";
    struct error err;
    struct json *json;
    const struct schema *schema;
    CHECK_OK(json_parse(str_of(text), test_arena(), &json, &err));
    CHECK_OK(schema_parse(json, test_arena(), &schema, &err));
    return schema;
}

static str text_of(const struct expr *e, const struct schema *schema)
{
    struct buf b = BUF_INIT(1 << 20);
    expr_format(e, schema, &b);
    str s = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return s;
}

static str parsed(const char *text)
{
    struct error err;
    const struct expr *e;
    CHECK_OK(expr_parse(str_of(text), test_arena(), &e, &err));
    return text_of(e, NULL);
}

static str bound(const char *text)
{
    struct error err;
    const struct expr *e, *b;
    CHECK_OK(expr_parse(str_of(text), test_arena(), &e, &err));
    CHECK_OK(expr_bind(e, test_schema(), false, test_arena(), &b, &err));
    return text_of(b, test_schema());
}

static void bad(const char *text)
{
    struct error err;
    const struct expr *e;
    CHECK_FAILS(expr_parse(str_of(text), test_arena(), &e, &err), ERR_INVALID);
}

static void unbindable(const char *text)
{
    struct error err;
    const struct expr *e, *b;
    CHECK_OK(expr_parse(str_of(text), test_arena(), &e, &err));
    CHECK_FAILS(expr_bind(e, test_schema(), true, test_arena(), &b, &err), ERR_INVALID);
}

TEST(text_is_read_as_sql_means_it)
{
    CHECK_STR(parsed("a >= 3 and b in ('x','y') and c is not null and d like 'p%'"),
              "a >= 3 and b in ('x', 'y') and c is not null and starts_with(d, 'p')");
    CHECK_STR(parsed("a=1 or b<>2 and not c==3"), "a = 1 or (b != 2 and not c = 3)");
    CHECK_STR(parsed("(a = 1 or b = 2) AND c IS NULL"), "(a = 1 or b = 2) and c is null");
    CHECK_STR(parsed("a between 1 and 5"), "a >= 1 and a <= 5");
    CHECK_STR(parsed("a not between -1 and 5.5e3"), "not (a >= -1 and a <= 5.5e3)");
    CHECK_STR(parsed("3 < a"), "a > 3");
    CHECK_STR(parsed("\"Odd Name\" = 1 and s.x = 2"), "\"Odd Name\" = 1 and s.x = 2");
    CHECK_STR(parsed("b = 'it''s'"), "b = 'it''s'");
    CHECK_STR(parsed("d >= date '2001-02-03'"), "d >= '2001-02-03'");
    CHECK_STR(parsed("ok"), "ok = true");
    CHECK_STR(parsed("not ok and true"), "not ok = true");
    CHECK_STR(parsed("c is not nan"), "c is not nan");
    CHECK_STR(parsed("starts_with(b, 'q')"), "starts_with(b, 'q')");
    CHECK_STR(parsed("b not like 'p%'"), "not starts_with(b, 'p')");
    CHECK_STR(parsed("b like 'p'"), "b = 'p'");
    CHECK_STR(parsed("date = 1"), "\"date\" = 1");
}

TEST(mistakes_in_text_name_their_place)
{
    struct error err;
    const struct expr *e;
    bad("");
    bad("a >=");
    bad("a in (1, 2");
    bad("a in ()");
    bad("(a = 1");
    bad("a = 1 b = 2");
    bad("a = 'x");
    bad("a like '%x'");
    bad("a = 1.2.3");
    bad("a ? 3");
    bad("a is 3");
    bad("a. = 1");
    CHECK(!expr_parse(STR("a = 1 and ?"), test_arena(), &e, &err));
    CHECK(str_find(str_of(err.msg), STR("column 11")) >= 0);
    struct buf deep = BUF_INIT(1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_add_char(&deep, '(');
    CHECK_FAILS(expr_parse(buf_str(&deep), test_arena(), &e, &err), ERR_INVALID);
    buf_deinit(&deep);
}

TEST(binding_moves_not_into_the_leaves_and_simplifies)
{
    CHECK_STR(bound("not (a < 3 and b = 'x')"), "a >= 3 or b != 'x'");
    CHECK_STR(bound("not (a in (1, 2, 2) or c is null)"), "a not in (1, 2) and c is not null");
    CHECK_STR(bound("a in (5)"), "a = 5");
    CHECK_STR(bound("a in (null)"), "false");
    CHECK_STR(bound("a not in (1, null)"), "false");
    CHECK_STR(bound("a = null or b = 'x'"), "b = 'x'");
    CHECK_STR(bound("r is null"), "false");
    CHECK_STR(bound("r is not null and a = 1"), "a = 1");
    CHECK_STR(bound("s.x is null"), "s.x is null"); /* its struct may be null */
    CHECK_STR(bound("b like '%'"), "b is not null");
    CHECK_STR(bound("not not a = 1"), "a = 1");
}

TEST(numbers_between_and_beyond_a_types_values_are_resolved)
{
    CHECK_STR(bound("a < 2.5"), "a <= 2");
    CHECK_STR(bound("a <= 2.5"), "a <= 2");
    CHECK_STR(bound("a > 2.5"), "a > 2");
    CHECK_STR(bound("a >= 2.5"), "a > 2");
    CHECK_STR(bound("a >= -2.5"), "a > -3");
    CHECK_STR(bound("a = 2.5"), "false");
    CHECK_STR(bound("a != 2.5"), "true");
    CHECK_STR(bound("a = 3.0"), "a = 3");
    CHECK_STR(bound("a < 3000000000"), "a is not null");
    CHECK_STR(bound("a > 3000000000"), "false");
    CHECK_STR(bound("a > -3000000000"), "a is not null");
    CHECK_STR(bound("a in (1, 3000000000, 2.5)"), "a = 1");
    CHECK_STR(bound("r < 99999999999999999999"), "true");
    CHECK_STR(bound("m < 1.234"), "m <= 1.23");
    CHECK_STR(bound("m = 1.5"), "m = 1.50");
    CHECK_STR(bound("d < '2001-02-03 12:00:00'"), "d <= '2001-02-03'");
    CHECK_STR(bound("c = 'NaN'"), "c is nan");
    CHECK_STR(bound("c >= 'NaN'"), "c is nan");
    CHECK_STR(bound("c < 'NaN'"), "c is not null and c is not nan");
    CHECK_STR(bound("c > 'NaN'"), "false");
}

TEST(what_does_not_fit_the_schema_is_refused)
{
    unbindable("nothere = 1");
    unbindable("A = 1"); /* case matters when asked for */
    unbindable("a = 'x'");
    unbindable("b = 1");
    unbindable("a = true");
    unbindable("d = 'yesterday'");
    unbindable("s = 1");
    unbindable("list.element = 1");
    unbindable("a is nan");
    unbindable("a like 'p%'");
    unbindable("ok = 3");
}

/* A row as values by field id 1 to 14. */
static const struct value *get(const void *row, int32_t id)
{
    return &((const struct value *)row)[id];
}

static bool matches(const char *text, const struct value *row)
{
    struct error err;
    const struct expr *e, *b;
    CHECK_OK(expr_parse(str_of(text), test_arena(), &e, &err));
    CHECK_OK(expr_bind(e, test_schema(), false, test_arena(), &b, &err));
    return expr_matches(b, get, row);
}

TEST(rows_match_by_the_stated_meaning)
{
    struct value row[15];
    for (size_t i = 0; i < 15; i++)
        row[i] = value_null(TYPE_INT);
    row[1] = value_i64(TYPE_INT, 3);
    row[2] = value_bytes(TYPE_STRING, STR("pq"));
    row[3] = value_f64(TYPE_DOUBLE, NAN);
    row[14] = value_f64(TYPE_FLOAT, -0.0);
    CHECK(matches("a = 3 and b like 'p%'", row));
    CHECK(!matches("a < 3", row));
    CHECK(matches("a in (1, 2, 3)", row));
    CHECK(!matches("a not in (1, 2, 3)", row));
    CHECK(matches("c > 1e308", row)); /* NaN is above all */
    CHECK(!matches("c < 1e308", row));
    CHECK(matches("c is nan", row));
    CHECK(matches("f = 0", row));
    CHECK(!matches("d = '2001-01-01'", row)); /* null */
    CHECK(matches("d != '2001-01-01'", row));
    CHECK(matches("d is null", row));
    CHECK(!matches("m > 0 or m <= 0", row));
    CHECK(matches("not (a > 3 or b = 'x')", row));
}

TEST(field_ids_are_sorted_and_unique)
{
    struct error err;
    const struct expr *e, *b;
    const int32_t *ids;
    size_t n;
    CHECK_OK(expr_parse(STR("c > 1 and (a = 1 or a = 2) and b = 'x'"), test_arena(), &e, &err));
    CHECK_OK(expr_bind(e, test_schema(), true, test_arena(), &b, &err));
    expr_field_ids(b, test_arena(), &ids, &n);
    CHECK_INT(n, 3);
    CHECK_INT(ids[0], 1);
    CHECK_INT(ids[1], 2);
    CHECK_INT(ids[2], 3);
    expr_field_ids(expr_true(), test_arena(), &ids, &n);
    CHECK_INT(n, 0);
}
