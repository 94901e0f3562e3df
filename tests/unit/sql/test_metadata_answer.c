/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts and bounds from manifests: equal to what the rows give, with no file read where that is promised and with all of them
 * where it cannot be certain. */
#include "sql/metadata_answer.h"

#include "lake_test.h"

/* The same with a query that no metadata answers. */
static void check(struct lake *lake, const char *items, const char *from, bool answered)
{
    struct sql_outcome out;
    str got = ask_on(lake, "", text_f("SELECT %s FROM %s", items, from), &out);
    CHECK_INT(out.scans_n, 1);
    if ((out.scans[0].files_read == 0) != answered)
        test_fail(__FILE__, __LINE__, "%s: %lld files read", items,
                  (long long)out.scans[0].files_read);
    str want = ask(lake, text_f("SELECT %s FROM (SELECT * FROM %s LIMIT 1000000)", items, from));
    if (!str_eq(got, want))
        test_fail(__FILE__, __LINE__, "%s: " STR_FMT ", rows say " STR_FMT, items, STR_ARG(got),
                  STR_ARG(want));
}

static struct lake *lake_of(const char *with)
{
    struct lake *lake = open_lake();
    ask(lake,
        text_f(
            "CREATE TABLE a.t (id BIGINT, \"From\" DATE, n DECIMAL(9,2), ts TIMESTAMP, s VARCHAR, "
            "f DOUBLE, empty INTEGER, b BOOLEAN) %s",
            with));
    ask(lake,
        "INSERT INTO a.t SELECT i, DATE '2001-01-01' + i::INT, i / 3, TIMESTAMP '2001-01-01' + to_hours(i), "
        "'s' || i, i / 2, NULL, i > 3 FROM range(-5, 20) r(i)");
    ask(lake,
        "INSERT INTO a.t VALUES (NULL, NULL, -7.25, '1969-12-31 23:59:59.999999', 'x', 'nan', NULL, NULL)");
    return lake;
}

TEST(what_manifests_know)
{
    struct lake *lake = lake_of("");
    static const char *const known[] = {
        "count(*)",
        "COUNT()",
        "count(*) AS rows, min(id) AS \"least of all\", max(id)",
        "min(ID), max(\"from\"), min(n), max(ts)",
        "min(empty), max(empty), min(b), max(b)",
    };
    static const char *const unknown[] = { "min(s)",
                                           "max(f), count(*)",
                                           "count(id)",
                                           "count(*) + 1",
                                           "min(id + 1)",
                                           "count(DISTINCT id)",
                                           "count(*) FILTER (WHERE id > 3)" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        check(lake, known[i], "a.t", true);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        check(lake, unknown[i], "a.t", false);
    check(lake, "count(*)", "a.t AS x", true);
    check(lake, "count(*)", "a.t WHERE id > 3", false);
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t GROUP BY b ORDER BY 1"), "1\n9\n16");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t UNION ALL SELECT 1 ORDER BY 1"), "1\n26");
    CHECK_STR(
        ask(lake,
            "SELECT column_name || ' ' || column_type FROM (DESCRIBE SELECT count(*), min(ID), "
            "max(n) m FROM a.t) LIMIT 1"),
        "count_star() BIGINT");
    str first = ask(lake, "SELECT snapshot_id FROM a.t.snapshots ORDER BY committed_at LIMIT 1");
    CHECK_STR(ask(lake, text_f("SELECT count(*), min(n) FROM a.t FOR VERSION AS OF " STR_FMT,
                               STR_ARG(first))),
              "25|-1.67");
    ask(lake, "CREATE TABLE a.c AS SELECT count(*) AS n FROM a.t");
    CHECK_STR(ask(lake, "SELECT n FROM a.c"), "26");
    lake_close(lake);
}

TEST(an_empty_table)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INTEGER)");
    CHECK_STR(ask(lake, "SELECT count(*), min(id) FROM a.t"), "0|NULL");
    lake_close(lake);
}

TEST(position_deletes_make_it_uncertain)
{
    struct lake *lake = lake_of("WITH ('write.delete.mode' = 'merge-on-read')");
    ask(lake, "DELETE FROM a.t WHERE id = 19");
    check(lake, "count(*)", "a.t", false);
    check(lake, "max(id)", "a.t", false);
    lake_close(lake);
}

TEST(vectors_count_but_have_no_bounds)
{
    struct lake *lake =
        lake_of("WITH ('format-version' = '3', 'write.delete.mode' = 'merge-on-read')");
    ask(lake, "DELETE FROM a.t WHERE id = 19");
    check(lake, "count(*)", "a.t", true);
    check(lake, "max(id)", "a.t", false);
    lake_close(lake);
}

/* Columns that came later, or whose metrics nobody kept. */
TEST(metrics_that_are_not_there)
{
    struct lake *lake = lake_of("WITH ('write.metadata.metrics.default' = 'none', "
                                "'write.metadata.metrics.column.id' = 'full', "
                                "'write.metadata.metrics.column.n' = 'counts')");
    check(lake, "count(*), max(id)", "a.t", true);
    check(lake, "min(n)", "a.t", false);
    check(lake, "min(ts)", "a.t", false);
    CHECK_STR(ask(lake,
                  "SELECT value_counts[3], value_counts[4], lower_bounds[3], hex(lower_bounds[1]) "
                  "FROM a.t.files ORDER BY record_count DESC LIMIT 1"),
              "25|NULL|NULL|FBFFFFFFFFFFFFFF");
    lake_close(lake);
}
