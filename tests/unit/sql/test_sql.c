/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/sql.h"

#include "lake_test.h"

TEST(statements_are_told_apart)
{
    struct lake *lake = open_lake();
    static const struct {
        const char *sql, *kind;
    } known[] = {
        { "SELECT 1", "SELECT" },
        { "  /* c */ select 1 ;; ", "SELECT" },
        { "WITH a AS (SELECT 1) FROM a", "SELECT" },
        { "FROM range(3)", "SELECT" },
        { "VALUES (1)", "SELECT" },
        { "(SELECT 1)", "SELECT" },
        { "EXPLAIN SELECT 1", "EXPLAIN" },
        { "SHOW TABLES", "SHOW" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sql_outcome out;
        ask_on(lake, "", known[i].sql, &out);
        CHECK_STR(str_of(out.kind), known[i].kind);
        CHECK_INT(out.rows_written, -1);
    }
    lake_close(lake);
}

TEST(what_is_not_supported_is_refused)
{
    static const char *const bad[] = {
        "PRAGMA version",
        "ATTACH 'x.db'",
        "COPY (SELECT 1) TO '/tmp/firn-test-out.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE MACRO a(x) AS x + 1",
        "BEGIN",
        "EXPORT DATABASE '/tmp/x'",
        "nonsense",
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(lake, bad[i], ERR_UNSUPPORTED, "not supported");
    refuse(lake, "SET threads = 1", ERR_UNSUPPORTED, "settings cannot be changed here");
    refuse(lake, "CALL pragma_version()", ERR_NOT_FOUND, "there is no procedure pragma_version");
    refuse(lake, "", ERR_INVALID, "empty");
    refuse(lake, " ;; -- nothing", ERR_INVALID, "empty");
    refuse(lake, "SELECT 1; SELECT 2", ERR_INVALID, "more than one statement");
    refuse(lake, "SELECT 'open", ERR_INVALID, "not closed");
    lake_close(lake);
}

/* Statements hidden behind a query must not run. */
TEST(no_way_around)
{
    struct lake *lake = open_lake();
    refuse(lake, "EXPLAIN COPY (SELECT 1) TO '/tmp/firn-test-out.csv'", ERR_UNSUPPORTED,
           "no query");
    refuse(lake, "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/firn-test-out.csv'", ERR_UNSUPPORTED,
           "no query");
    refuse_on(lake, "", false, "SELECT * FROM read_csv('/etc/passwd')", ERR_DENIED, "read_csv");
    refuse_on(lake, "", false, "SELECT * FROM '/etc/passwd'", ERR_DENIED, "/etc/passwd");
    refuse_on(lake, "", false, "SELECT * FROM glob('/etc/*')", ERR_DENIED, "glob");
    refuse_on(lake, "", false, "SELECT (SELECT count(*) FROM read_text('/etc/passwd'))", ERR_DENIED,
              "read_text");
    refuse_on(lake, "", false, "DESCRIBE SELECT * FROM read_parquet('/x.parquet')", ERR_DENIED,
              "read_parquet");
    refuse_on(lake, "", false, "CREATE TABLE a.t AS SELECT * FROM read_csv('/etc/passwd')",
              ERR_DENIED, "read_csv");
    CHECK_STR(ask(lake, "SHOW TABLES"), "");
    lake_close(lake);
}

TEST(local_files)
{
    struct lake *lake = open_lake();
    const char *path = write_file("in.csv", STR("a,b\n1,x\n2,y\n"));
    CHECK_STR(ask(lake, text_f("SELECT sum(a), max(b) FROM '%s'", path)), "3|y");
    CHECK_STR(ask(lake, text_f("SELECT count(*) FROM read_csv('%s')", path)), "2");
    refuse_on(lake, "", false, text_f("SELECT * FROM '%s'", path), ERR_DENIED, "in.csv");
    refuse(lake, text_f("SELECT * FROM '%s.gone.csv'", path), ERR_UNAVAILABLE, "gone");
    lake_close(lake);
}

TEST(errors_of_queries)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS x, 'one' AS s");
    refuse(lake, "SELECT * FROM a.nope", ERR_NOT_FOUND, "a.nope");
    refuse(lake, "SELECT * FROM nope.t", ERR_NOT_FOUND, "nope");
    refuse(lake, "SELECT * FROM t", ERR_INVALID, "t");
    refuse(lake, "SELECT * FROM a.b.c.d", ERR_INVALID, "");
    refuse(lake, "SELECT y FROM a.t", ERR_INVALID, "y");
    refuse(lake, "SELECT FROM WHERE", ERR_INVALID, "");
    refuse(lake, "SELECT s::INT FROM a.t", ERR_INVALID, "one");
    refuse(lake, "SELECT x + s::DATE FROM a.t", ERR_INVALID, "");
    refuse_on(lake, "nobranch", true, "SELECT * FROM a.t", ERR_NOT_FOUND, "nobranch");
    lake_close(lake);
}

TEST(parameters)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct sql_outcome out;
    struct buf text = BUF_INIT(1024);
    const str params[] = { STR("3"), STR("it's; DROP TABLE x --"), { NULL, 0 } };
    struct sql_request req = { .text = STR("SELECT $1::INT + 1, $2, $3 IS NULL"),
                               .params = params,
                               .params_n = 3 };
    CHECK_OK(sql_execute(lake, &req, test_arena(), &out, &err));
    add_rows(out.rows, &text);
    sql_close(&out);
    CHECK_STR(buf_str(&text), "4|it's; DROP TABLE x --|true");
    buf_deinit(&text);
    req.params_n = 1;
    CHECK_FAILS(sql_execute(lake, &req, test_arena(), &out, &err), ERR_INVALID);
    lake_close(lake);
}

TEST(splitting_scripts)
{
    struct error err = { 0 };
    str *parts;
    size_t n;
    CHECK_OK(sql_split(STR("SELECT 1; SELECT ';' -- ;\n; /* ; */ ;;\nSELECT $$;$$"), test_arena(),
                       &parts, &n, &err));
    CHECK_INT(n, 3);
    CHECK_STR(parts[0], "SELECT 1");
    CHECK_STR(parts[1], "SELECT ';'");
    CHECK_STR(parts[2], "SELECT $$;$$");
    CHECK_OK(sql_split(STR("  "), test_arena(), &parts, &n, &err));
    CHECK_INT(n, 0);
    CHECK_FAILS(sql_split(STR("SELECT 'x"), test_arena(), &parts, &n, &err), ERR_INVALID);
}

TEST(cancel)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct sql_outcome out;
    struct cancel cancel = { .requested = true };
    struct sql_request req = { .text = STR("SELECT count(*) FROM range(10000000000)"),
                               .cancel = &cancel };
    bool ok = sql_execute(lake, &req, test_arena(), &out, &err);
    const struct chunk *chunk;
    if (ok) {
        ok = result_next(out.rows, &chunk, &err);
        sql_close(&out);
    }
    CHECK(!ok);
    CHECK_INT(err.code, ERR_CANCELLED);
    lake_close(lake);
}
