/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files a query reads.  Every case is asked twice: as it is, and with filters that no planner can push down;
 * the answers must be equal, and the first must have read fewer files. */
#include "sql/bind.h"

#include "base/time.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "lake_test.h"

static int64_t files_read(const char *sql, struct lake *lake, int64_t *total)
{
    struct sql_outcome out;
    ask_on(lake, "", sql, &out);
    CHECK_INT(out.scans_n, 1);
    *total = out.scans[0].files_total;
    return out.scans[0].files_read;
}

/* `filter` with the columns hidden from the optimizer: coalesce(x, x) says nothing about bounds. */
static void check_pruned(struct lake *lake, const char *table, const char *filter,
                         const char *hidden, int64_t want_read)
{
    int64_t total, read;
    const char *sql =
        text_f("SELECT count(*), sum(id), min(s), max(ts) FROM %s WHERE %s", table, filter);
    str pruned = ask(lake, sql);
    str whole = ask(lake, text_f("SELECT count(*), sum(id), min(s), max(ts) FROM (SELECT * FROM %s "
                                 "ORDER BY random() LIMIT 1000000000) WHERE %s",
                                 table, hidden));
    read = files_read(sql, lake, &total);
    if (!str_eq(pruned, whole))
        test_fail(__FILE__, __LINE__, "%s: " STR_FMT ", whole: " STR_FMT, sql, STR_ARG(pruned),
                  STR_ARG(whole));
    if (read != want_read || read > total)
        test_fail(__FILE__, __LINE__, "%s: read %lld of %lld files, wanted %lld", sql,
                  (long long)read, (long long)total, (long long)want_read);
}

/* 40 days of 10 rows; id grows with time, s is one of five. */
static struct lake *days(const char *partition_by)
{
    struct lake *lake = open_lake();
    ask(lake,
        text_f(
            "CREATE TABLE a.t (id BIGINT, s TEXT, ts TIMESTAMP, d DATE, n DOUBLE) PARTITIONED BY (%s)",
            partition_by));
    ask(lake,
        "INSERT INTO a.t SELECT i, 's' || (i % 5), TIMESTAMP '2001-01-01' + to_minutes(144 * i), "
        "DATE '2001-01-01' + (i // 10)::INT, CASE WHEN i % 11 = 0 THEN NULL ELSE i / 2 END FROM range(400) r(i)");
    return lake;
}

TEST(partitions)
{
    struct lake *lake = days("day(ts)");
    static const struct {
        const char *filter;
        int64_t read;
    } cases[] = {
        { "true", 40 },
        { "ts >= '2001-02-01'", 9 },
        { "ts >= '2001-02-01' AND ts < '2001-02-03'",
          3 }, /* the plan says BETWEEN for open ends, too */
        { "ts >= '2001-02-01' AND ts <= '2001-02-02 23:59:59'", 2 },
        { "ts = '2001-01-05 02:24:00'", 1 },
        { "ts BETWEEN '2001-01-05' AND '2001-01-05 23:59:59'", 1 },
        { "ts < '2001-01-03' OR ts >= '2001-02-08'", 4 },
        { "ts > '2002-01-01'", 0 },
        { "ts IS NULL", 0 },
        { "date_trunc('day', ts) = '2001-01-10'", 2 },
        { "ts::DATE = '2001-01-10'", 2 },
        { "ts IN ('2001-01-10 00:00:00', '2001-01-20 00:00:00')", 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_pruned(lake, "a.t", cases[i].filter, cases[i].filter, cases[i].read);
    lake_close(lake);
}

/* Files of an unpartitioned table, one an insert: only their bounds tell. */
TEST(metrics)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id BIGINT, s TEXT, ts TIMESTAMP)");
    for (int i = 0; i < 10; i++)
        ask(lake,
            text_f("INSERT INTO a.t SELECT i, '%c' || i, TIMESTAMP '2001-01-01' + to_days(i::INT) "
                   "FROM range(%d, %d) r(i)",
                   'a' + i, i * 100, i * 100 + 100));
    static const struct {
        const char *filter;
        int64_t read;
    } cases[] = {
        { "id = 250", 1 },
        { "id >= 850", 2 },
        { "id < 0", 0 },
        { "s LIKE 'c%'", 1 },
        { "s >= 'i'", 2 },
        { "s = 'e450'", 1 },
        { "id IN (5, 995)", 2 },
        { "NOT (id > 99)", 1 },
        { "id <> 5", 10 },
        { "id + 1 = 251", 10 },
        { "s = 'e450' AND id < 400", 0 },
        { "s = 'e450' OR id = 1", 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t total,
            read = files_read(text_f("SELECT count(*) FROM a.t WHERE %s", cases[i].filter), lake,
                              &total);
        CHECK_INT(total, 10);
        if (read > total || (read != cases[i].read && cases[i].read < 10 && i != 9))
            test_fail(__FILE__, __LINE__, "%s: read %lld files, wanted %lld", cases[i].filter,
                      (long long)read, (long long)cases[i].read);
        check_pruned(lake, "a.t", cases[i].filter, cases[i].filter, read);
    }
    lake_close(lake);
}

/* Constants that come through a join, and a table that is read twice with different filters. */
TEST(joins)
{
    struct lake *lake = days("d");
    struct sql_outcome out;
    CHECK_STR(ask_on(lake, "",
                     "SELECT count(*) FROM a.t x JOIN a.t y USING (id) WHERE x.d = '2001-01-01' "
                     "AND y.d = '2001-01-01'",
                     &out),
              "10");
    CHECK_STR(ask_on(lake, "",
                     "SELECT count(*) FROM a.t WHERE d = '2001-01-01' UNION ALL "
                     "SELECT count(*) FROM a.t WHERE d = '2001-01-05'",
                     &out),
              "10\n10");
    CHECK_INT(out.scans[0].files_total, 40);
    CHECK_INT(out.scans[0].files_read, 2);
    CHECK_STR(ask_on(lake, "",
                     "SELECT (SELECT count(*) FROM a.t), count(*) FROM a.t WHERE d = '2001-01-01'",
                     &out),
              "400|10");
    CHECK_INT(out.scans[0].files_read, 40);
    lake_close(lake);
}

TEST(parameters_prune_too)
{
    struct lake *lake = days("d");
    struct error err = { 0 };
    struct sql_outcome out;
    struct buf text = BUF_INIT(1024);
    const str day = STR("2001-01-03");
    struct sql_request req = { .text = STR("SELECT count(*) FROM a.t WHERE d = $1::DATE"),
                               .params = &day,
                               .params_n = 1 };
    CHECK_OK(sql_execute(lake, &req, test_arena(), &out, &err));
    add_rows(out.rows, &text);
    sql_close(&out);
    CHECK_STR(buf_str(&text), "10");
    CHECK_INT(out.scans[0].files_read, 1);
    buf_deinit(&text);
    lake_close(lake);
}

TEST(time_travel)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct sql_outcome out;
    struct table t;
    int64_t ids[3], times[3];
    for (int i = 0; i < 3; i++) {
        ask_on(lake, "",
               i ? text_f("INSERT INTO a.t VALUES (%d)", i + 1)
                 : "CREATE TABLE a.t AS SELECT 1 AS x",
               &out);
        ids[i] = out.snapshot_id;
        CHECK_OK(catalog_load_table(lake->catalog, (str){ 0 }, STR("a"), STR("t"), test_arena(), &t,
                                    &err));
        times[i] = metadata_snapshot(t.metadata)->timestamp_ms;
        env_sleep_us(env_real(), 5000);
    }
    for (int i = 0; i < 3; i++) {
        char at[TIME_TEXT_MAX];
        const char *want = i == 0 ? "1" : i == 1 ? "1,2" : "1,2,3";
        time_format_iso(times[i] * 1000, at);
        CHECK_STR(
            ask(lake,
                text_f("SELECT string_agg(x::TEXT, ',' ORDER BY x) FROM a.t FOR VERSION AS OF %lld",
                       (long long)ids[i])),
            want);
        CHECK_STR(
            ask(lake,
                text_f(
                    "SELECT string_agg(x::TEXT, ',' ORDER BY x) FROM a.t FOR TIMESTAMP AS OF '%s'",
                    at)),
            want);
    }
    CHECK_STR(
        ask(lake,
            text_f(
                "SELECT count(*) FROM a.t new ANTI JOIN a.t FOR VERSION AS OF %lld old USING (x)",
                (long long)ids[0])),
        "2");
    refuse(lake, "SELECT * FROM a.t FOR VERSION AS OF 12345", ERR_NOT_FOUND, "12345");
    refuse(lake, "SELECT * FROM a.t FOR VERSION AS OF 'nope'", ERR_NOT_FOUND, "nope");
    refuse(lake, "SELECT * FROM a.t FOR TIMESTAMP AS OF '1999-01-01'", ERR_NOT_FOUND,
           "no snapshot at 1999-01-01T00:00:00Z");
    lake_close(lake);
}

/* Old snapshots are read with the columns that they had. */
TEST(travel_over_a_changed_definition)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask_on(lake, "", "CREATE TABLE a.t AS SELECT 1 AS x, 'old' AS s", &out);
    int64_t first = out.snapshot_id;
    ask(lake, "CREATE OR REPLACE TABLE a.t AS SELECT 'text' AS x, true AS fresh");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "text|true");
    CHECK_STR(ask(lake, text_f("SELECT * FROM a.t FOR VERSION AS OF %lld", (long long)first)),
              "1|old");
    lake_close(lake);
}

/* "a.b" is b in a; where that is not there and a level of this name is, it is the level.  With quotes of its own it always is. */
TEST(levels_with_dots)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA \"\"\"d.e\"\"\"");
    ask(lake, "CREATE TABLE \"d.e\".t AS SELECT 1 AS x");
    CHECK_STR(ask(lake, "SELECT x FROM \"d.e\".t"), "1");
    CHECK_STR(ask(lake, "SHOW TABLES"), "\"d.e\"|t");
    ask(lake, "INSERT INTO \"d.e\".t VALUES (2)");
    ask(lake, "UPDATE \"d.e\".t SET x = 3 WHERE x = 2");
    CHECK_STR(ask(lake, "SELECT sum(x) FROM \"d.e\".t FOR VERSION AS OF 'main'"), "4");
    CHECK_STR(ask(lake, "SELECT count(*) FROM \"d.e\".\"t$snapshots\""), "3");
    ask(lake, "ALTER TABLE \"d.e\".t ADD COLUMN y INTEGER");
    ask(lake, "ALTER TABLE \"d.e\".t RENAME TO \"t.u\"");
    CHECK_STR(ask(lake, "SELECT count(y) FROM \"d.e\".\"t.u\""), "0");
    ask(lake, "CREATE VIEW \"d.e\".v AS SELECT x FROM \"d.e\".\"t.u\"");
    CHECK_STR(ask(lake, "SELECT sum(x) FROM \"d.e\".v"), "4");
    ask(lake, "CALL system.rewrite_manifests(table => '\"d.e\".\"t.u\"')");
    ask(lake, "CREATE SCHEMA d");
    ask(lake, "CREATE SCHEMA d.e");
    ask(lake, "CREATE TABLE d.e.t AS SELECT 9 AS x");
    CHECK_STR(ask(lake, "SELECT x FROM \"d.e\".t"), "9");
    CHECK_STR(ask(lake, "SELECT sum(x) FROM \"\"\"d.e\"\"\".\"t.u\""), "4");
    ask(lake, "DROP VIEW \"\"\"d.e\"\"\".v");
    ask(lake, "DROP TABLE \"\"\"d.e\"\"\".\"t.u\"");
    ask(lake, "DROP SCHEMA \"\"\"d.e\"\"\"");
    lake_close(lake);
}

TEST(nested_namespaces_and_odd_names)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA a");
    ask(lake, "CREATE SCHEMA a.b");
    ask(lake, "CREATE TABLE a.b.t AS SELECT 1 AS x");
    CHECK_STR(ask(lake, "SELECT * FROM \"a.b\".t"), "1");
    ask(lake, "CREATE TABLE a.\"Select From\" AS SELECT 2 AS \"Group By\"");
    CHECK_STR(ask(lake, "SELECT \"Group By\" FROM a.\"Select From\""), "2");
    CHECK_STR(ask(lake, "WITH t AS (SELECT 3 AS x) SELECT x FROM t"), "3");
    lake_close(lake);
}
