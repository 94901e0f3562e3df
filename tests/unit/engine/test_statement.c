/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/statement.h"

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/session.h"
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

/* "tables|table functions|other functions" */
static str sources(const char *sql)
{
    struct error err;
    struct statement_sources found;
    struct buf *out = arena_new(test_arena(), struct buf);
    buf_init(out, 100000);
    buf_in_arena(out, test_arena());
    CHECK_OK(statement_sources(s, str_of(sql), test_arena(), &found, &err));
    for (size_t i = 0; i < found.tables_n; i++)
        buf_printf(out, "%s%.*s/%.*s/%.*s", i ? " " : "", STR_ARG(found.tables[i].catalog),
                   STR_ARG(found.tables[i].schema), STR_ARG(found.tables[i].name));
    buf_add_char(out, '|');
    for (size_t i = 0; i < found.functions_n; i++)
        buf_printf(out, "%s" STR_FMT, i ? " " : "", STR_ARG(found.functions[i]));
    buf_add_char(out, '|');
    for (size_t i = 0; i < found.scalars_n; i++)
        buf_printf(out, "%s" STR_FMT, i ? " " : "", STR_ARG(found.scalars[i]));
    return buf_str(out);
}

TEST(tables_and_functions_are_found)
{
    setup();
    CHECK_STR(
        sources(
            "SELECT a.x FROM bronze.flights a JOIN \"we.ird\".\"T q\" USING (x), c.d.e, bronze.Flights b"),
        "/bronze/flights /we.ird/T q c/d/e||");
    CHECK_STR(
        sources(
            "SELECT sum(x) + 1, rank() OVER (ORDER BY y) FROM 'dir/x.parquet', READ_CSV('q'), range(3)"),
        "//dir/x.parquet|read_csv range|sum rank");
    CHECK_STR(
        sources("FROM t WHERE x IN (SELECT y FROM u WHERE z = $1) AND EXISTS (FROM v) -- FROM w"),
        "//t //u //v||");
    CHECK_STR(sources("SELECT 'FROM nowhere'"), "||");
    CHECK_STR(sources("DESCRIBE bronze.f"), "/bronze/f||");
    CHECK_STR(sources("SELECT (SELECT max(x) FROM inner_t) FROM o UNION SELECT 1 FROM p"),
              "//inner_t //o //p||max");
    CHECK_STR(sources("SELECT * FROM query('SELECT * FROM hidden')"), "|query|");
    teardown();
}

TEST(common_table_expressions_are_scoped)
{
    setup();
    CHECK_STR(sources("WITH f AS (SELECT * FROM f) SELECT * FROM f"), "//f||");
    CHECK_STR(sources("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, A, c"),
              "//c||");
    CHECK_STR(sources("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a"), "//b||");
    CHECK_STR(
        sources(
            "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT * FROM r, s"),
        "//s||");
    CHECK_STR(sources("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a), a"), "//a||");
    CHECK_STR(sources("WITH a AS (SELECT 1) SELECT * FROM x.a WHERE y IN (SELECT * FROM a)"),
              "/x/a||");
    teardown();
}

TEST(deep_expressions_are_read)
{
    setup();
    struct buf sql = BUF_INIT(1 << 20);
    buf_lit(&sql, "SELECT x");
    for (int i = 0; i < 500; i++)
        buf_lit(&sql, " || 'y'");
    buf_lit(&sql, " FROM t");
    buf_add_char(&sql, 0);
    CHECK_STR(sources(sql.ptr), "//t||");
    buf_deinit(&sql);
    teardown();
}

TEST(what_is_no_query_is_refused)
{
    struct error err;
    struct statement_sources found;
    setup();
    CHECK_FAILS(statement_sources(s, STR("SELEC 1"), test_arena(), &found, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.hint), STR("LINE 1")) >= 0);
    CHECK_FAILS(statement_sources(s, STR("SELECT 1; SELECT 2"), test_arena(), &found, &err),
                ERR_INVALID);
    CHECK_FAILS(statement_sources(s, STR(""), test_arena(), &found, &err), ERR_INVALID);
    CHECK_FAILS(statement_sources(s, STR("INSERT INTO t VALUES (1)"), test_arena(), &found, &err),
                ERR_UNSUPPORTED);
    CHECK_FAILS(statement_sources(s, STR("ATTACH 'x.db'"), test_arena(), &found, &err),
                ERR_UNSUPPORTED);
    teardown();
}
