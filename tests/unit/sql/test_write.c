/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/write.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "catalog/refs.h"
#include "catalog/table.h"
#include "io/store.h"
#include "lake_test.h"

TEST(insert_by_place_and_by_name)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask(lake, "CREATE TABLE a.t (x INT, s TEXT, d DOUBLE)");
    ask_on(lake, "", "INSERT INTO a.t VALUES (1, 'one', 1.5), (2, NULL, NULL)", &out);
    CHECK_STR(str_of(out.kind), "INSERT");
    CHECK_INT(out.rows_written, 2);
    CHECK(out.snapshot_id > 0);
    CHECK_INT(out.commit_id.len, 64);
    ask(lake, "INSERT INTO a.t (s, x) SELECT 'three', 3");
    ask(lake, "INSERT INTO a.t (d, x) VALUES (4.5, 4)");
    ask(lake, "INSERT INTO a.t SELECT x + 10, s, d FROM a.t WHERE x = 1");
    CHECK_STR(ask(lake, "SELECT * FROM a.t ORDER BY x"),
              "1|one|1.5\n2|NULL|NULL\n3|three|NULL\n4|NULL|4.5\n11|one|1.5");
    lake_close(lake);
}

TEST(no_rows)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask(lake, "CREATE TABLE a.t (x INT)");
    ask_on(lake, "", "INSERT INTO a.t SELECT 1 WHERE false", &out);
    CHECK_INT(out.rows_written, 0);
    CHECK_INT(out.snapshot_id, -1);
    ask(lake, "CREATE TABLE a.empty AS SELECT 1 AS x WHERE false");
    CHECK_STR(ask(lake, "SELECT count(*), max(x) FROM a.empty"), "0|NULL");
    ask(lake, "INSERT INTO a.empty VALUES (7)");
    CHECK_STR(ask(lake, "SELECT x FROM a.empty"), "7");
    lake_close(lake);
}

TEST(values_of_every_type)
{
    struct lake *lake = open_lake();
    ask(lake,
        "CREATE TABLE a.t AS SELECT true AS b, -5 AS i, 9223372036854775807 AS l, 1.5::REAL AS f, "
        "'nan'::DOUBLE AS d, -12.34::DECIMAL(10, 2) AS n, "
        "12345678901234567890123456789012345678::DECIMAL(38, 0) AS big, DATE '1969-12-31' AS dt, "
        "TIME '23:59:59.999999' AS tm, TIMESTAMP '1900-01-01 00:00:00.000001' AS ts, "
        "TIMESTAMPTZ '2024-02-29 12:00:00+02' AS tz, 'größe 🙂' AS s, '\\x00\\xFF'::BLOB AS x, "
        "'12151fd2-7586-11e9-8f9e-2a86e4085a59'::UUID AS u, {'a': 1, 'b': ['x', NULL]} AS st, "
        "[1, NULL, 3] AS li, MAP {'k': 1, 'l': NULL} AS m, "
        "[{'p': MAP {1: DATE '2001-01-01'}}] AS deep");
    ask(lake, "INSERT INTO a.t (i) VALUES (6)");
    CHECK_STR(
        ask(lake, "SELECT * FROM a.t WHERE i = -5"),
        "true|-5|9223372036854775807|1.5|NaN|-12.34|12345678901234567890123456789012345678|1969-12-31|"
        "23:59:59.999999|1900-01-01 00:00:00.000001|2024-02-29 10:00:00+00|größe 🙂|\\x00\\xFF|"
        "12151fd2-7586-11e9-8f9e-2a86e4085a59|{'a': 1, 'b': [x, NULL]}|[1, NULL, 3]|"
        "{k=1, l=NULL}|[{'p': {1=2001-01-01}}]");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t WHERE b IS NULL AND st IS NULL AND m IS NULL"),
              "1");
    lake_close(lake);
}

TEST(every_transform)
{
    static const char *const specs[] = {
        "id",        "bucket(3, id)", "truncate(10, id)", "truncate(2, s)",        "year(ts)",
        "month(ts)", "day(ts)",       "hour(ts)",         "day(ts), bucket(2, s)", "s"
    };
    struct lake *lake = open_lake();
    ask(lake,
        "CREATE TABLE a.plain AS SELECT i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE 's' || (i % 5) END AS s, "
        "TIMESTAMP '1969-12-30 22:00:00' + to_minutes(101 * i) AS ts FROM range(40) t(i)");
    str want = ask(lake, "SELECT * FROM a.plain ORDER BY id");
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        ask(lake, text_f("CREATE TABLE a.p%zu PARTITIONED BY (%s) AS SELECT * FROM a.plain", i,
                         specs[i]));
        str got = ask(lake, text_f("SELECT * FROM a.p%zu ORDER BY id", i));
        if (!str_eq(got, want))
            test_fail(__FILE__, __LINE__, "partitioned by %s: rows differ", specs[i]);
    }
    lake_close(lake);
}

TEST(what_does_not_fit_is_refused)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT NOT NULL, small DECIMAL(4, 1), s TEXT)");
    refuse(lake, "INSERT INTO a.t VALUES (NULL, 1, 'x')", ERR_INVALID, "id is required");
    refuse(lake, "INSERT INTO a.t (s) VALUES ('x')", ERR_INVALID,
           "no column id, which is required");
    refuse(lake, "INSERT INTO a.t VALUES ('ten', 1, 'x')", ERR_INVALID, "ten");
    refuse(lake, "INSERT INTO a.t VALUES (3000000000, 1, 'x')", ERR_INVALID, "3000000000");
    refuse(lake, "INSERT INTO a.t VALUES (1, 12345.6, 'x')", ERR_INVALID, "12345.6");
    refuse(lake, "INSERT INTO a.t VALUES (1, 2)", ERR_INVALID, "2 columns");
    refuse(lake, "INSERT INTO a.t (id, nope) VALUES (1, 2)", ERR_INVALID, "a.t");
    refuse(lake, "INSERT INTO a.gone VALUES (1)", ERR_NOT_FOUND, "a.gone");
    refuse(lake, "INSERT INTO a.t", ERR_INVALID, "needs VALUES");
    refuse(lake, "CREATE TABLE a.u AS SELECT INTERVAL 1 DAY AS i", ERR_UNSUPPORTED, "i");
    refuse(lake, "CREATE TABLE a.u AS SELECT 1 AS x, 2 AS x", ERR_INVALID, "x");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t"), "0");
    CHECK_STR(ask(lake, "SHOW TABLES"), "a|t");
    lake_close(lake);
}

/* The rows of a failing query came too late: nothing of them is visible, and no file is left. */
static bool count_file(void *ctx, str path, const struct store_info *info, struct error *err)
{
    (void)info, (void)err;
    *(int *)ctx += str_ends(path, STR(".parquet"));
    return true;
}

static int data_files(struct lake *lake)
{
    struct error err = { 0 };
    int n = 0;
    CHECK_OK(store_list(lake->warehouse, (str){ 0 }, count_file, &n, &err));
    return n;
}

TEST(failure_in_the_middle)
{
    struct lake *lake = open_lake();
    refuse(
        lake,
        "CREATE TABLE a.t AS SELECT CAST(CASE WHEN i < 900000 THEN '1' ELSE 'bad' END AS INT) AS x "
        "FROM range(1000000) t(i)",
        ERR_INVALID, "bad");
    CHECK_STR(ask(lake, "SHOW TABLES"), "");
    CHECK_INT(data_files(lake), 0);
    lake_close(lake);
}

TEST(branches)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct ref_info ref;
    struct merge_result merged;
    struct commit_info info = { 0 };
    struct sql_outcome out;
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS x");
    CHECK_OK(catalog_create_ref(lake->catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 }, test_arena(),
                                &ref, &err));
    CHECK_OK(catalog_create_ref(lake->catalog, CATALOG_TAG, STR("v1"), (str){ 0 }, test_arena(),
                                &ref, &err));
    ask_on(lake, "dev", "INSERT INTO a.t VALUES (2)", &out);
    ask_on(lake, "dev", "CREATE TABLE a.u AS SELECT 5 AS y", &out);
    CHECK_STR(ask(lake, "SELECT x FROM a.t"), "1");
    refuse(lake, "SELECT * FROM a.u", ERR_NOT_FOUND, "a.u");
    CHECK_STR(ask_on(lake, "dev", "SELECT sum(x) FROM a.t", &out), "3");
    refuse_on(lake, "v1", true, "INSERT INTO a.t VALUES (3)", ERR_INVALID, "v1");
    struct merge_request req = { .from = STR("dev"), .into = STR("main") };
    CHECK_OK(catalog_merge(lake->catalog, &req, &info, test_arena(), &merged, &err));
    CHECK_INT(merged.conflicts_n, 0);
    CHECK_STR(ask(lake, "SELECT sum(x) FROM a.t"), "3");
    CHECK_STR(ask(lake, "SELECT y FROM a.u"), "5");
    CHECK_STR(ask_on(lake, "v1", "SELECT sum(x) FROM a.t", &out), "1");
    CHECK_STR(ask(lake, "SELECT sum(x) FROM a.t FOR VERSION AS OF 'v1'"), "1");
    lake_close(lake);
}

static bool append_some(void *ctx, size_t i, struct error *err)
{
    struct arena *a = arena_create(0);
    struct write_result done;
    struct write_request w = { .table = STR("a.t"),
                               .query = arena_printf(a, "SELECT %zu::INT AS x", i),
                               .mode = WRITE_APPEND };
    bool ok = sql_write_query(ctx, &w, a, &done, err);
    arena_destroy(a);
    return ok;
}

TEST(appends_by_many_threads)
{
    enum { THREADS = 4, EACH = 5 };
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (x INT)");
    struct error err = { 0 };
    CHECK_OK(pool_for(lake->pool, THREADS * EACH, append_some, lake, &err));
    CHECK_STR(ask(lake, "SELECT count(*), sum(x) FROM a.t"), "20|190");
    lake_close(lake);
}

/* ---- A process that is killed while it writes. */

#define KILLS 12

static void write_until_killed(void)
{
    struct lake *lake = open_lake();
    for (int i = 0;; i++) {
        ask(lake, text_f("CREATE TABLE IF NOT EXISTS k.t%d PARTITIONED BY (bucket(4, id)) AS "
                         "SELECT i AS id, 'v' || i AS s FROM range(3000) r(i)",
                         i % 50));
        ask(lake, "INSERT INTO k.log SELECT i AS id FROM range(1000) r(i)");
    }
}

/* What is there is whole, whatever was under way. */
static void check_whole(void)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    str names = ask(lake, "SHOW TABLES"), line;
    while (names.len && str_next(&names, '\n', &line)) {
        str ns, name;
        CHECK(str_cut(line, '|', &ns, &name));
        str n = ask_on(lake, "",
                       text_f("SELECT count(*), count(DISTINCT id) FROM k." STR_FMT, STR_ARG(name)),
                       &out);
        int64_t rows, distinct;
        str left, right;
        CHECK(str_cut(n, '|', &left, &right) && str_to_i64(left, &rows) &&
              str_to_i64(right, &distinct));
        if (str_is(name, "log"))
            CHECK_INT(rows % 1000, 0);
        else
            CHECK_INT(rows, 3000);
    }
    lake_close(lake);
}

TEST(killed_while_writing)
{
    struct rand rng;
    rand_init(&rng, test_seed());
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE k.log (id BIGINT)");
    lake_close(lake);
    for (int i = 0; i < KILLS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            write_until_killed();
            _exit(0);
        }
        env_sleep_us(env_real(), 1000 * (100 + (int64_t)rand_below(&rng, 400)));
        CHECK(kill(child, SIGKILL) == 0);
        CHECK(waitpid(child, NULL, 0) == child);
        check_whole();
    }
}

struct slow_insert {
    struct lake *lake;
    enum err_code code; /* ERR_NONE: it was done */
};

static void insert_slowly(void *arg)
{
    struct slow_insert *s = arg;
    struct error err = { 0 };
    struct arena *a = arena_create(0);
    struct sql_outcome out;
    struct sql_request req = {
        .text = STR("INSERT INTO a.t SELECT count(*) FROM range(40000000) r(i) WHERE i % 3 = 1")
    };
    if (sql_execute(s->lake, &req, a, &out, &err))
        sql_close(&out);
    s->code = err.code;
    arena_destroy(a);
}

/* Whoever is told so can simply run it again: it is a conflict, not a mistake of theirs. */
TEST(a_table_that_changes_under_an_insert_is_a_conflict)
{
    struct lake *lake = open_lake();
    bool met = false;
    for (int i = 0; i < 20 && !met; i++) {
        struct slow_insert s = { .lake = lake };
        ask(lake, "CREATE OR REPLACE TABLE a.t AS SELECT 1::BIGINT AS x");
        struct thread *t = thread_start("insert", insert_slowly, &s);
        env_sleep_us(env_real(), 20000 * (1 + i % 5));
        ask(lake, "CREATE OR REPLACE TABLE a.t AS SELECT 1::BIGINT AS x, 2 AS y");
        thread_join(t);
        CHECK(s.code == ERR_NONE || s.code == ERR_CONFLICT);
        met = s.code == ERR_CONFLICT;
    }
    CHECK(met);
    lake_close(lake);
}

TEST(a_truncated_decimal_has_no_digit_more_than_its_type)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA a");
    ask(lake, "CREATE TABLE a.t (x DECIMAL(10,2), i INT) PARTITIONED BY (truncate(500, x))");
    ask(lake, "INSERT INTO a.t VALUES (-99999995.00, 1), (99999999.99, 2), (-0.01, 3), (NULL, 4)");
    refuse(lake, "INSERT INTO a.t VALUES (-99999999.99, 1)", ERR_INVALID,
           "-100000000.00 has more digits than decimal(10, 2)");
    CHECK_STR(ask(lake, "SELECT i FROM a.t WHERE x < -99999990"), "1");
    CHECK_STR(ask(lake, "SELECT i FROM a.t WHERE x = 99999999.99"), "2");
    ask(lake, "DELETE FROM a.t WHERE x < 0");
    CHECK_STR(ask(lake, "SELECT string_agg(i, ' ' ORDER BY i) FROM a.t"), "2 4");
    lake_close(lake);
}
