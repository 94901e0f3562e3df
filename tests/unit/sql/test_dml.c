/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE, UPDATE and MERGE in every format version and mode.  The last test runs random histories beside a model: a
 * table of plain rows in C; after each step the answers are equal, and every snapshot still gives the rows of its time. */
#include "base/rand.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "lake_test.h"

static const struct {
    const char *name, *properties;
} modes[] = {
    { "v1 copy", "'format-version'='1'" },
    { "v2 copy", "'format-version'='2'" },
    { "v3 copy", "'format-version'='3'" },
    { "v2 merge", "'format-version'='2', 'write.delete.mode'='merge-on-read', "
                  "'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'" },
    { "v3 merge", "'format-version'='3', 'write.delete.mode'='merge-on-read', "
                  "'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'" },
};
#define MODES (sizeof modes / sizeof *modes)

/* Ten rows in two files, of two partitions each when asked. */
static void fill(struct lake *lake, size_t mode, const char *partitioned)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, name VARCHAR, p INTEGER) %s WITH (%s)",
                     partitioned, modes[mode].properties));
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i % 2 FROM range(5) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i % 2 FROM range(5, 10) r(i)");
}

static const struct metadata *table_now(struct lake *lake)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata;
}

static const char *summary(struct lake *lake, const char *key)
{
    return arena_cstr(test_arena(),
                      property_get(&metadata_snapshot(table_now(lake))->summary, key, STR("-")));
}

static void each_mode(void (*test)(struct lake *lake, size_t mode))
{
    struct lake *lake = open_lake();
    for (size_t m = 0; m < MODES; m++)
        for (int p = 0; p < 2; p++) {
            fill(lake, m, p ? "PARTITIONED BY (p)" : "");
            test(lake, m);
        }
    lake_close(lake);
}

static int64_t rows_of(struct lake *lake, const char *sql)
{
    struct sql_outcome out;
    ask_on(lake, "", sql, &out);
    return out.rows_written;
}

static void deletes(struct lake *lake, size_t mode)
{
    (void)mode;
    CHECK_INT(rows_of(lake, "DELETE FROM s.t WHERE id IN (1, 3, 7)"), 3);
    CHECK_STR(ask(lake, "SELECT string_agg(id, ' ' ORDER BY id) FROM s.t"), "0 2 4 5 6 8 9");
    CHECK_INT(rows_of(lake, "DELETE FROM s.t AS x WHERE x.id = (SELECT max(id) FROM s.t)"), 1);
    CHECK_INT(rows_of(lake, "DELETE FROM s.t WHERE id > 100"), 0);
    CHECK_INT(rows_of(lake, "DELETE FROM s.t USING (VALUES (2), (2)) v(k) WHERE id = k"), 1);
    CHECK_STR(ask(lake, "SELECT string_agg(id, ' ' ORDER BY id) FROM s.t"), "0 4 5 6 8");
    CHECK_INT(rows_of(lake, "DELETE FROM s.t"), 5);
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "0");
    CHECK_INT(rows_of(lake, "DELETE FROM s.t"), 0);
}

TEST(rows_are_deleted)
{
    each_mode(deletes);
}

static void updates(struct lake *lake, size_t mode)
{
    (void)mode;
    CHECK_INT(rows_of(lake, "UPDATE s.t SET name = 'x' || id, p = p + 10 WHERE id >= 8"), 2);
    CHECK_INT(rows_of(lake,
                      "UPDATE s.t AS a SET name = v.n FROM (VALUES (1, 'one'), (42, 'no')) v(k, n) "
                      "WHERE a.id = v.k"),
              1);
    CHECK_STR(ask(lake, "SELECT string_agg(id || name || p, ' ' ORDER BY id) FROM s.t"),
              "0n00 1one1 2n20 3n31 4n40 5n51 6n60 7n71 8x810 9x911");
    CHECK_INT(rows_of(lake, "UPDATE s.t SET id = id + 100"), 10);
    CHECK_STR(ask(lake, "SELECT min(id), max(id), count(*) FROM s.t"), "100|109|10");
    refuse(lake, "UPDATE s.t SET name = 'y' FROM (VALUES (0), (0)) v(k) WHERE p = k", ERR_INVALID,
           "match more than one row");
    refuse(lake, "UPDATE s.t SET nothing = 1", ERR_INVALID, "no column nothing");
    refuse(lake, "UPDATE s.t SET id = 1, ID = 2", ERR_INVALID, "twice");
    refuse(lake, "UPDATE s.t SET p = 3000000000", ERR_INVALID, "");
}

TEST(rows_are_updated)
{
    each_mode(updates);
}

static void merges(struct lake *lake, size_t mode)
{
    (void)mode;
    CHECK_INT(
        rows_of(
            lake,
            "MERGE INTO s.t USING (SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (50, 'new'), (51, 'not')) "
            "v(id, name)) AS u ON t.id = u.id "
            "WHEN MATCHED AND u.name = 'a' THEN DELETE "
            "WHEN MATCHED THEN UPDATE SET name = u.name || CASE WHEN true THEN '!' END "
            "WHEN NOT MATCHED AND u.id = 50 THEN INSERT (id, name) VALUES (u.id, upper(u.name)) "
            "WHEN NOT MATCHED BY SOURCE AND t.id = 9 THEN DELETE "
            "WHEN NOT MATCHED BY SOURCE AND t.id = 8 THEN UPDATE SET p = -1"),
        5);
    CHECK_STR(
        ask(lake, "SELECT string_agg(id || name || coalesce(p, 7), ' ' ORDER BY id) FROM s.t"),
        "0n00 2b!0 3n31 4n40 5n51 6n60 7n71 8n8-1 50NEW7");
    ask(lake,
        "CREATE OR REPLACE TABLE s.u AS SELECT * FROM (VALUES (0, 'z', 5), (60, 'sixty', 6)) v(id, name, p)");
    CHECK_INT(rows_of(lake,
                      "MERGE INTO s.t x USING s.u y USING (id) WHEN MATCHED THEN UPDATE SET * "
                      "WHEN NOT MATCHED THEN INSERT *"),
              2);
    CHECK_STR(
        ask(lake,
            "SELECT string_agg(id || name || p, ' ' ORDER BY id) FROM s.t WHERE id IN (0, 60)"),
        "0z5 60sixty6");
    refuse(lake,
           "MERGE INTO s.t USING (VALUES (2, 'q'), (2, 'r')) v(id, name) ON t.id = v.id "
           "WHEN MATCHED THEN UPDATE SET name = v.name",
           ERR_INVALID, "match more than one row");
    CHECK_INT(
        rows_of(
            lake,
            "MERGE INTO s.t USING (VALUES (2), (2)) v(id) ON t.id = v.id WHEN MATCHED THEN DELETE"),
        1);
    CHECK_INT(
        rows_of(
            lake,
            "MERGE INTO s.t USING (VALUES (3)) v(id) ON t.id = v.id WHEN MATCHED THEN DO NOTHING "
            "WHEN NOT MATCHED BY SOURCE THEN DELETE"),
        8);
    CHECK_STR(ask(lake, "SELECT id, name, p FROM s.t"), "3|n3|1");
}

TEST(rows_are_merged)
{
    each_mode(merges);
}

/* The summary counts what the Java library counts. */
TEST(summaries)
{
    struct lake *lake = open_lake();
    fill(lake, 3, "");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 2, 6)");
    CHECK_STR(str_of(summary(lake, "added-position-delete-files")), "2");
    CHECK_STR(str_of(summary(lake, "added-delete-files")), "2");
    CHECK_STR(str_of(summary(lake, "added-position-deletes")), "3");
    CHECK_STR(str_of(summary(lake, "total-position-deletes")), "3");
    CHECK_STR(str_of(summary(lake, "total-records")), "10");
    CHECK_STR(str_of(summary(lake, "added-dvs")), "-");
    CHECK_STR(metadata_snapshot(table_now(lake))->operation, "delete");
    fill(lake, 4, "");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 2, 6)");
    CHECK_STR(str_of(summary(lake, "added-dvs")), "2");
    CHECK_STR(str_of(summary(lake, "added-position-delete-files")), "-");
    ask(lake, "UPDATE s.t SET name = 'q' WHERE id = 3");
    CHECK_STR(str_of(summary(lake, "added-dvs")), "1");
    CHECK_STR(str_of(summary(lake, "removed-dvs")), "1");
    CHECK_STR(str_of(summary(lake, "added-position-deletes")), "3");
    CHECK_STR(str_of(summary(lake, "removed-position-deletes")), "2");
    CHECK_STR(str_of(summary(lake, "total-delete-files")), "2");
    CHECK_STR(str_of(summary(lake, "added-records")), "1");
    CHECK_STR(metadata_snapshot(table_now(lake))->operation, "overwrite");
    /* All that is left of the first file: it goes whole, and its vector with it. */
    ask(lake, "DELETE FROM s.t WHERE id IN (0, 4)");
    CHECK_STR(str_of(summary(lake, "deleted-data-files")), "1");
    CHECK_STR(str_of(summary(lake, "removed-dvs")), "1");
    CHECK_STR(str_of(summary(lake, "added-dvs")), "-");
    CHECK_STR(str_of(summary(lake, "total-delete-files")), "1");
    lake_close(lake);
}
