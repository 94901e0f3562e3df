/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/parquet_scan.h"

#include <stdio.h>

#include "engine/engine.h"
#include "engine/session.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "test.h"

static struct engine *e;
static struct session *s;

static void setup(void)
{
    struct error err;
    e = engine_create(&(struct engine_config){ .memory_limit = (size_t)1 << 30, .threads = 2 });
    CHECK_OK(session_open(e, &s, &err));
}

static void teardown(void)
{
    session_close(s);
    engine_destroy(e);
}

static str path_of(const char *name)
{
    return arena_printf(test_arena(), "%s/%s", test_tmpdir(), name);
}

static void write_file(const char *name, const char *query, const char *field_ids)
{
    struct error err;
    str sql = arena_printf(test_arena(), "COPY (%s) TO '%s/%s' (FORMAT parquet%s%s%s)", query,
                           test_tmpdir(), name, field_ids ? ", FIELD_IDS {" : "",
                           field_ids ? field_ids : "", field_ids ? "}" : "");
    CHECK_OK(session_exec(s, sql, &err));
}

static const struct schema *schema_json(const char *json)
{
    struct error err;
    struct json *doc;
    const struct schema *out;
    CHECK_OK(json_parse(str_of(json), test_arena(), &doc, &err));
    CHECK_OK(schema_parse(doc, test_arena(), &out, &err));
    return out;
}

/* The scan's rows in a fixed order, cells joined by ",", rows by ";". */
static str rows_of(const struct parquet_scan *scan, const char *tail)
{
    struct error err;
    struct buf sql = BUF_INIT(1 << 24), text = BUF_INIT(1 << 20);
    struct result *r;
    const struct chunk *c;
    buf_lit(&sql, "SELECT * FROM (");
    CHECK_OK(parquet_scan_sql(s, scan, &sql, &err));
    buf_printf(&sql, ") %s ORDER BY ALL", tail);
    CHECK_OK(session_query(s, buf_str(&sql), NULL, 0, &r, &err));
    while (true) {
        CHECK_OK(result_next(r, &c, &err));
        if (!c)
            break;
        for (size_t i = 0; i < c->n; i++) {
            for (size_t k = 0; k < c->columns_n; k++) {
                if (k)
                    buf_add_char(&text, ',');
                column_text(&c->columns[k], i, &text);
            }
            buf_add_char(&text, ';');
        }
    }
    result_close(r);
    str out = arena_str(test_arena(), buf_str(&text));
    buf_deinit(&sql);
    buf_deinit(&text);
    return out;
}

static const char *const flat =
    "{\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"new name\",\"required\":false,\"type\":\"long\"},"
    "{\"id\":3,\"name\":\"f\",\"required\":false,\"type\":\"double\"},"
    "{\"id\":4,\"name\":\"d\",\"required\":false,\"type\":\"decimal(18, 2)\"},"
    "{\"id\":9,\"name\":\"added\",\"required\":false,\"type\":\"int\"},"
    "{\"id\":10,\"name\":\"at\",\"required\":false,\"type\":\"timestamp\",\"initial-default\":\"2001-02-03T04:05:06.5\"},"
    "{\"id\":11,\"name\":\"bytes\",\"required\":false,\"type\":\"binary\",\"initial-default\":\"00ff27\"},"
    "{\"id\":12,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":13,\"element\":\"long\",\"element-required\":false}}]}";

/* Renames, promotions, missing columns and defaults, by field id alone. */
TEST(columns_are_found_by_id)
{
    setup();
    write_file(
        "a.parquet",
        "SELECT 1::INTEGER AS old, 'x' AS gone, 1.5::FLOAT AS f, 1.25::DECIMAL(9,2) AS d, [7]::INTEGER[] AS l",
        "old: 1, gone: 2, f: 3, d: 4, l: {__duckdb_field_id: 12, element: 13}");
    write_file(
        "b.parquet",
        "SELECT 5 AS added, 2::BIGINT AS \"new name\", 9 AS old, TIMESTAMP '2000-01-01' AS atime, 2.5::DOUBLE AS f",
        "added: 9, \"new name\": 1, old: 20, atime: 10, f: 3");
    struct scan_file files[] = { { .path = path_of("a.parquet") },
                                 { .path = path_of("b.parquet") } };
    struct parquet_scan scan = { .schema = schema_json(flat), .files = files, .files_n = 2 };
    CHECK_STR(rows_of(&scan, ""), "1,1.5,1.25,NULL,2001-02-03 04:05:06.5,\\x00\\xFF\\x27,[7];"
                                  "2,2.5,NULL,5,2000-01-01 00:00:00,\\x00\\xFF\\x27,NULL;");
    scan.positions = true;
    CHECK_STR(rows_of(&scan, "WHERE file_index = 1"),
              "2,2.5,NULL,5,2000-01-01 00:00:00,\\x00\\xFF\\x27,NULL,1,0;");
    scan.files_n = 0;
    CHECK_STR(rows_of(&scan, ""), "");
    teardown();
}

static const char *const nested =
    "{\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"st\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["
    "  {\"id\":2,\"name\":\"p\",\"required\":false,\"type\":\"long\"},{\"id\":3,\"name\":\"q2\",\"required\":false,\"type\":\"string\"}]}},"
    "{\"id\":4,\"name\":\"ls\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":5,\"element-required\":false,\"element\":"
    "  {\"type\":\"struct\",\"fields\":[{\"id\":6,\"name\":\"x2\",\"required\":false,\"type\":\"double\"}]}}},"
    "{\"id\":7,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":8,\"key\":\"string\",\"value-id\":9,\"value-required\":false,\"value\":"
    "  {\"type\":\"struct\",\"fields\":[{\"id\":10,\"name\":\"y\",\"required\":false,\"type\":\"int\"},{\"id\":11,\"name\":\"z\",\"required\":false,\"type\":\"int\"}]}}}]}";

/* Fields inside structs were renamed, one's name was reused by another, some came later. */
TEST(nested_fields_are_found_by_id)
{
    setup();
    write_file(
        "a.parquet",
        "SELECT {'p': 1::INTEGER, 'q': 'u'} AS st, [{'x': 1.5::FLOAT}, NULL] AS ls, MAP {'k': {'z': 5}} AS m UNION ALL SELECT NULL, NULL, NULL",
        "st: {__duckdb_field_id: 1, p: 2, q: 3}, ls: {__duckdb_field_id: 4, element: {__duckdb_field_id: 5, x: 6}}, "
        "m: {__duckdb_field_id: 7, key: 8, value: {__duckdb_field_id: 9, z: 10}}");
    write_file(
        "b.parquet",
        "SELECT {'q2': 'w', 'p': 7::BIGINT} AS st, [{'x2': 2.5::DOUBLE}] AS ls, MAP {'k': {'y': 1, 'z': 2}} AS m",
        "st: {__duckdb_field_id: 1, p: 2, q2: 3}, ls: {__duckdb_field_id: 4, element: {__duckdb_field_id: 5, x2: 6}}, "
        "m: {__duckdb_field_id: 7, key: 8, value: {__duckdb_field_id: 9, y: 10, z: 11}}");
    struct scan_file files[] = { { .path = path_of("b.parquet") },
                                 { .path = path_of("a.parquet") },
                                 { .path = path_of("b.parquet") } };
    struct parquet_scan scan = {
        .schema = schema_json(nested), .files = files, .files_n = 3, .positions = true
    };
    CHECK_STR(rows_of(&scan, ""),
              "{'p': 1, 'q2': u},[{'x2': 1.5}, NULL],{k={'y': 5, 'z': NULL}},1,0;"
              "{'p': 7, 'q2': w},[{'x2': 2.5}],{k={'y': 1, 'z': 2}},0,0;"
              "{'p': 7, 'q2': w},[{'x2': 2.5}],{k={'y': 1, 'z': 2}},2,0;"
              "NULL,NULL,NULL,1,1;");
    teardown();
}

TEST(files_without_ids_go_by_the_name_mapping)
{
    setup();
    write_file("a.parquet", "SELECT 1::INTEGER AS first, {'p': 3, 'was': 'u'} AS st, 'x' AS other",
               NULL);
    write_file("b.parquet", "SELECT 2::INTEGER AS \"first\"", "first: 1");
    const struct schema *schema = schema_json(
        "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"},"
        "{\"id\":2,\"name\":\"st\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":[{\"id\":3,\"name\":\"is\",\"required\":false,\"type\":\"string\"}]}},"
        "{\"id\":4,\"name\":\"other\",\"required\":false,\"type\":\"string\"}]}");
    str first[] = { STR("id"), STR("first") }, st[] = { STR("st") },
        was[] = { STR("is"), STR("was") };
    struct scan_names names[] = { { 1, first, 2 }, { 2, st, 1 }, { 3, was, 2 } };
    struct scan_file files[] = { { .path = path_of("a.parquet") },
                                 { .path = path_of("b.parquet") } };
    struct parquet_scan scan = {
        .schema = schema, .files = files, .files_n = 2, .names = names, .names_n = 3
    };
    CHECK_STR(rows_of(&scan, ""), "1,{'is': u},NULL;2,NULL,NULL;"); /* `other` is not mapped */
    teardown();
}

/* The planner learns the rows of many files from us, of one file from its footer. */
TEST(rows_are_told_to_the_planner)
{
    struct error err;
    setup();
    write_file("a.parquet", "SELECT range::INTEGER AS a FROM range(1234)", "a: 1");
    struct scan_file files[] = { { .path = path_of("a.parquet"), .rows = 1000 },
                                 { .path = path_of("a.parquet"), .rows = 2345 } };
    struct parquet_scan scan = {
        .schema = schema_json(
            "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"b\",\"required\":false,\"type\":\"long\"}]}"),
        .files = files,
        .files_n = 2
    };
    for (size_t n = 2; n > 0; n--) {
        struct buf sql = BUF_INIT(1 << 20);
        struct result *r;
        const struct chunk *c;
        scan.files_n = n;
        buf_lit(&sql, "EXPLAIN (FORMAT json) SELECT * FROM (");
        CHECK_OK(parquet_scan_sql(s, &scan, &sql, &err));
        buf_lit(&sql, ") WHERE b > 5");
        CHECK_OK(session_query(s, buf_str(&sql), NULL, 0, &r, &err));
        CHECK_OK(result_next(r, &c, &err));
        str plan = column_str(&c->columns[1], 0);
        CHECK(str_find(plan, STR("\"Filters\": ")) >= 0);
        CHECK(str_find(plan, n == 2 ? STR("\"669\"") : STR("\"246\"")) >=
              0); /* a fifth passes, it guesses */
        result_close(r);
        buf_deinit(&sql);
    }
    teardown();
}

/* Identity partition values stand in for a column that a file does not hold, never for one it has. */
TEST(constants_fill_missing_columns)
{
    setup();
    write_file("a.parquet", "SELECT 1 AS a", "a: 1");
    write_file("b.parquet", "SELECT 2 AS a", "a: 1");
    write_file("c.parquet", "SELECT 3 AS a, NULL::VARCHAR AS p", "a: 1, p: 2");
    const struct schema *schema = schema_json(
        "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"int\"},{\"id\":2,\"name\":\"p\",\"required\":false,\"type\":\"string\"}]}");
    struct value v[] = { value_bytes(TYPE_STRING, STR("it's")), value_null(TYPE_STRING),
                         value_bytes(TYPE_STRING, STR("wrong")) };
    struct scan_constant c[] = { { 2, &v[0] }, { 2, &v[1] }, { 2, &v[2] } };
    struct scan_file files[] = {
        { .path = path_of("a.parquet"), .constants = &c[0], .constants_n = 1 },
        { .path = path_of("c.parquet"), .constants = &c[2], .constants_n = 1 },
        { .path = path_of("b.parquet"), .constants = &c[1], .constants_n = 1 }
    };
    struct parquet_scan scan = { .schema = schema, .files = files, .files_n = 3 };
    CHECK_STR(rows_of(&scan, ""), "1,it's;2,NULL;3,NULL;");
    teardown();
}

TEST(paths_are_taken_literally)
{
    setup();
    write_file("x*[1]?''.parquet", "SELECT 1 AS a", "a: 1");
    write_file("xy1z''.parquet", "SELECT 2 AS a", "a: 1");
    struct scan_file files[] = { { .path = path_of("x*[1]?'.parquet") } };
    struct parquet_scan scan = {
        .schema = schema_json(
            "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\\\"b\",\"required\":false,\"type\":\"int\"}]}"),
        .files = files,
        .files_n = 1
    };
    CHECK_STR(rows_of(&scan, ""), "1;");
    teardown();
}

TEST(bad_files_are_told)
{
    struct error err;
    setup();
    struct buf sql = BUF_INIT(1 << 20);
    FILE *f = fopen(arena_cstr(test_arena(), path_of("bad.parquet")), "w");
    CHECK(f && fputs("this is not a Parquet file", f) >= 0 && fclose(f) == 0);
    const struct schema *out;
    bool ids;
    CHECK_FAILS(parquet_schema_read(s, path_of("bad.parquet"), test_arena(), &out, &ids, &err),
                ERR_CORRUPT);
    CHECK_FAILS(parquet_schema_read(s, path_of("none.parquet"), test_arena(), &out, &ids, &err),
                ERR_UNAVAILABLE);
    struct scan_file files[] = { { .path = path_of("bad.parquet") } };
    struct parquet_scan scan = { .schema = schema_json(nested), .files = files, .files_n = 1 };
    CHECK_FAILS(parquet_scan_sql(s, &scan, &sql, &err), ERR_CORRUPT);
    buf_deinit(&sql);
    teardown();
}

TEST(schemas_of_files_are_read)
{
    struct error err;
    setup();
    const struct schema *out;
    bool ids;
    write_file(
        "a.parquet",
        "SELECT {'p': 1} AS st, [{'x': 1}] AS ls, MAP {'k': 5} AS m, 1.5::DECIMAL(9,2) AS d",
        "st: {__duckdb_field_id: 11, p: 12}, ls: {__duckdb_field_id: 4, element: {__duckdb_field_id: 5, x: 6}}, m: {__duckdb_field_id: 7, key: 8, value: 9}, d: 20");
    CHECK_OK(parquet_schema_read(s, path_of("a.parquet"), test_arena(), &out, &ids, &err));
    CHECK(ids);
    CHECK_INT(schema_field_by_name(out, STR("st.p"), true)->id, 12);
    CHECK_INT(schema_field_by_name(out, STR("ls.element.x"), true)->id, 6);
    CHECK_INT(schema_field_by_name(out, STR("m.value"), true)->id, 9);
    CHECK_STR(type_format(schema_field_by_id(out, 20)->type, test_arena()), "decimal(9, 2)");
    write_file("b.parquet", "SELECT 1 AS a, [2] AS l", NULL);
    CHECK_OK(parquet_schema_read(s, path_of("b.parquet"), test_arena(), &out, &ids, &err));
    CHECK(!ids);
    CHECK_INT(out->max_id, 3);
    teardown();
}

TEST(thousands_of_files_are_planned_fast)
{
    struct error err;
    setup();
    write_file("a.parquet", "SELECT 1 AS a", "a: 1");
    struct scan_file *files = arena_array(test_arena(), struct scan_file, 3000);
    for (size_t i = 0; i < 3000; i++)
        files[i].path = path_of("a.parquet");
    struct parquet_scan scan = {
        .schema = schema_json(
            "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"int\"}]}"),
        .files = files,
        .files_n = 3000
    };
    struct buf sql = BUF_INIT(1 << 24);
    int64_t from = env_monotonic_ns(env_real());
    buf_lit(&sql, "SELECT sum(a) FROM (");
    CHECK_OK(parquet_scan_sql(s, &scan, &sql, &err));
    buf_add_char(&sql, ')');
    str sum;
    CHECK_OK(session_scalar(s, buf_str(&sql), test_arena(), &sum, &err));
    CHECK_STR(sum, "3000");
    printf("3,000 files: %lld ms\n", (long long)(env_monotonic_ns(env_real()) - from) / 300000);
    buf_deinit(&sql);
    teardown();
}
