/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE, UPDATE and MERGE in every format version and mode. */
#include "catalog/refs.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "dml_test.h"

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
    for (size_t m = 0; m < MODES; m++) {
        fill(lake, m, m % 2 ? "PARTITIONED BY (p)" : "");
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

/* ---- Row lineage and metadata columns */

TEST(rows_keep_their_ids)
{
    struct lake *lake = open_lake();
    for (size_t m = 2; m < MODES; m += 2) { /* v3, both modes */
        fill(lake, m, "");
        CHECK_STR(ask(lake, "SELECT min(_row_id), max(_row_id), count(DISTINCT _row_id) FROM s.t"),
                  "0|9|10");
        CHECK_STR(
            ask(lake,
                "SELECT id, _row_id, _last_updated_sequence_number FROM s.t WHERE id IN (1, 7) ORDER BY id"),
            "1|1|1\n7|7|2");
        ask(lake, "UPDATE s.t SET name = 'new' WHERE id = 7");
        ask(lake, "DELETE FROM s.t WHERE id = 1");
        ask(lake,
            "MERGE INTO s.t USING (VALUES (8, 'm'), (77, 'i')) v(id, name) ON t.id = v.id "
            "WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, v.name)");
        CHECK_STR(
            ask(lake,
                "SELECT string_agg(id || ':' || _row_id || ':' || _last_updated_sequence_number, ' ' ORDER BY id) "
                "FROM s.t WHERE id NOT IN (77)"),
            "0:0:1 2:2:1 3:3:1 4:4:1 5:5:2 6:6:2 7:7:3 8:8:5 9:9:2");
        CHECK_STR(
            ask(lake, "SELECT _row_id > 9, _last_updated_sequence_number FROM s.t WHERE id = 77"),
            "true|5");
        CHECK_STR(ask(lake, "SELECT count(*), count(DISTINCT _row_id) FROM s.t"), "10|10");
        const struct metadata *t = table_now(lake);
        for (size_t i = 1; i < t->snapshots_n; i++)
            CHECK_INT(t->snapshots[i]->first_row_id,
                      t->snapshots[i - 1]->first_row_id + t->snapshots[i - 1]->added_rows);
    }
    lake_close(lake);
}

TEST(metadata_columns)
{
    struct lake *lake = open_lake();
    fill(lake, 4, "PARTITIONED BY (p)");
    ask(lake, "DELETE FROM s.t WHERE id = 4");
    CHECK_STR(
        ask(lake, "SELECT count(DISTINCT _file), min(_pos), max(_pos), min(_spec_id) FROM s.t"),
        "4|0|2|0");
    CHECK_STR(ask(lake, "SELECT _partition.p, count(*) FROM s.t GROUP BY ALL ORDER BY ALL"),
              "0|4\n1|5");
    CHECK_STR(ask(lake, "SELECT id FROM s.t WHERE _deleted"), "4");
    CHECK_STR(ask(lake, "SELECT id FROM s.t WHERE _partition.p = 1 AND _pos = 0 ORDER BY id"),
              "1\n5");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t WHERE _file LIKE '%.parquet' AND id > 5"), "4");
    /* Without naming one, there are none; a table's own column of the name wins. */
    CHECK_STR(ask(lake, "SELECT count(*) FROM (DESCRIBE SELECT * FROM s.t)"), "3");
    ask(lake, "CREATE TABLE s.own AS SELECT 5 AS _pos, 'x' AS v");
    CHECK_STR(ask(lake, "SELECT _pos, v FROM s.own"), "5|x");
    ask(lake, "CREATE TABLE s.empty (a INTEGER)");
    CHECK_STR(ask(lake, "SELECT count(_file) FROM s.empty WHERE _pos > 1"), "0");
    lake_close(lake);
}

/* Rows that are gone must not make a query fail. */
TEST(deleted_rows_are_not_computed_with)
{
    struct lake *lake = open_lake();
    for (size_t m = 3; m < MODES; m++) {
        fill(lake, m, "");
        ask(lake, "INSERT INTO s.t VALUES (99, 'bad', 0)");
        ask(lake, "UPDATE s.t SET name = CAST(id AS VARCHAR) WHERE name <> 'bad'");
        ask(lake,
            "INSERT INTO s.t SELECT i, CASE WHEN i = 1500 THEN 'bad' ELSE CAST(i AS VARCHAR) END, 1 FROM range(1000, 3000) r(i)");
        ask(lake, "DELETE FROM s.t WHERE name = 'bad'");
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.t WHERE CAST(name AS INTEGER) > 5"), "2003");
        CHECK_STR(
            ask(lake,
                "SELECT count(*) FROM s.t WHERE id = CAST(name AS INTEGER) AND CAST(name AS INTEGER) > 1"),
            "2007");
    }
    lake_close(lake);
}

/* ---- A DELETE that needs no data */

TEST(whole_files_go_without_being_read)
{
    struct lake *lake = open_lake();
    for (size_t m = 0; m < MODES; m++) {
        fill(lake, m, "PARTITIONED BY (p)");
        CHECK_INT(
            system(text_f("find '%s/lake/warehouse' -name '*.parquet' -exec truncate -s 10 {} +",
                          test_tmpdir())),
            0);
        CHECK_INT(rows_of(lake, "DELETE FROM s.t WHERE p = 1"), 5);
        CHECK_STR(str_of(summary(lake, "deleted-data-files")), "2");
        CHECK_STR(str_of(summary(lake, "deleted-records")), "5");
        CHECK_STR(str_of(summary(lake, "total-records")), "5");
        CHECK_STR(metadata_snapshot(table_now(lake))->operation, "delete");
        CHECK_INT(rows_of(lake, "DELETE FROM s.t WHERE p < 1 AND id < 100"), 5);
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "0");
    }
    lake_close(lake);
}

/* ---- What does not parse or does not fit */

TEST(mistakes_are_named)
{
    static const struct {
        const char *sql;
        enum err_code code;
        const char *words;
    } bad[] = {
        { "DELETE FROM", ERR_INVALID, "the name of a table" },
        { "DELETE FROM t", ERR_INVALID, "namespace" },
        { "DELETE FROM s.t WHERE", ERR_INVALID, "a condition" },
        { "DELETE FROM s.t WHERE id = 1 RETURNING id", ERR_UNSUPPORTED, "RETURNING" },
        { "DELETE FROM s.t WHERE nothing = 1", ERR_INVALID, "nothing" },
        { "DELETE FROM s.t WHERE id = 1) OR (true", ERR_INVALID, "brackets do not match" },
        { "DELETE FROM s.t WHERE (id = 1", ERR_INVALID, "brackets do not match" },
        { "DELETE FROM s.t USING s.t) AS u, (s.t WHERE true", ERR_INVALID,
          "brackets do not match" },
        { "UPDATE s.t SET id = 1), (2", ERR_INVALID, "brackets do not match" },
        { "DELETE FROM s.nope", ERR_NOT_FOUND, "nope" },
        { "UPDATE s.t WHERE id = 1", ERR_INVALID, "SET" },
        { "UPDATE s.t SET", ERR_INVALID, "name of a column" },
        { "UPDATE s.t SET id", ERR_INVALID, "=" },
        { "UPDATE s.t SET id =", ERR_INVALID, "a value" },
        { "UPDATE s.t SET id = 1,", ERR_INVALID, "name of a column" },
        { "UPDATE s.t SET (id, p) = (1, 2)", ERR_UNSUPPORTED, "SET (columns)" },
        { "UPDATE s.t SET name.x = 1", ERR_UNSUPPORTED, "part of the column" },
        { "UPDATE s.t SET p = CASE WHEN id = 1 THEN 2", ERR_INVALID, "" },
        { "MERGE INTO s.t", ERR_INVALID, "USING" },
        { "MERGE INTO s.t USING", ERR_INVALID, "a table or a query" },
        { "MERGE INTO s.t USING s.t AS u", ERR_INVALID, "ON" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id", ERR_INVALID, "WHEN" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN MATCHED", ERR_INVALID, "THEN" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN MATCHED THEN INSERT *", ERR_INVALID,
          "UPDATE" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN NOT MATCHED THEN DELETE", ERR_INVALID,
          "INSERT" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET *",
          ERR_INVALID, "without a source" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (id) VALUES (1, 2)",
          ERR_INVALID, "1 columns and has 2 values" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (1)",
          ERR_INVALID, "3 columns" },
        { "MERGE INTO s.t USING s.t AS u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (",
          ERR_INVALID, "parentheses" },
        { "MERGE INTO s.t USING s.t AS u USING (nope) WHEN MATCHED THEN DELETE", ERR_INVALID,
          "nope" },
        { "MERGE INTO s.t USING s.t AS u ON false) OR (true WHEN MATCHED THEN DELETE", ERR_INVALID,
          "brackets do not match" },
        { "MERGE INTO s.t USING s.t AS u ON true WHEN MATCHED AND false) OR (true THEN DELETE",
          ERR_INVALID, "brackets do not match" },
        { "MERGE INTO s.t USING s.t AS u ON true WHEN MATCHED THEN DELETE nonsense", ERR_INVALID,
          "end of the statement" },
    };
    struct lake *lake = open_lake();
    fill(lake, 4, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(lake, bad[i].sql, bad[i].code, bad[i].words);
    ask(lake, "CREATE TABLE s.odd (id INTEGER) WITH ('write.delete.mode'='sometimes')");
    refuse(lake, "DELETE FROM s.odd WHERE id = 1", ERR_INVALID, "copy-on-write or merge-on-read");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "10");
    lake_close(lake);
}

/* Values bound to a statement, and a branch. */
TEST(parameters_and_branches)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct sql_outcome out;
    const str params[] = { STR_INIT("4"), STR_INIT("bound") };
    fill(lake, 4, "");
    CHECK_OK(catalog_create_ref(lake->catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 }, test_arena(),
                                NULL, &err));
    struct sql_request req = { .text =
                                   STR("UPDATE s.t SET name = $2 WHERE id > CAST($1 AS INTEGER)"),
                               .branch = STR("dev"),
                               .params = params,
                               .params_n = 2 };
    CHECK_OK(sql_execute(lake, &req, test_arena(), &out, &err));
    CHECK_INT(out.rows_written, 5);
    sql_close(&out);
    CHECK_STR(ask_on(lake, "dev", "SELECT count(*) FROM s.t WHERE name = 'bound'", &out), "5");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t WHERE name = 'bound'"), "0");
    lake_close(lake);
}

TEST(with_defaults_and_full_names)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT NOT NULL, n INT DEFAULT 7, s TEXT) TBLPROPERTIES "
              "('format-version' = '3')");
    ask(lake, "INSERT INTO a.t SELECT i, i, 'x' FROM range(6) r(i)");
    ask(lake, "WITH c AS (SELECT 1 AS k) DELETE FROM a.t WHERE id IN (SELECT k FROM c)");
    ask(lake, "WITH c AS (SELECT 2 AS k, 'two' AS w) UPDATE a.t SET s = c.w, n = DEFAULT FROM c "
              "WHERE a.t.id = c.k");
    ask(lake, "UPDATE a.t SET a.t.n = a.t.n + 100 WHERE a.t.id = 3");
    ask(lake, "WITH c AS (SELECT 4 AS id UNION ALL SELECT 9) MERGE INTO a.t USING c ON a.t.id = "
              "c.id WHEN MATCHED THEN UPDATE SET s = DEFAULT, n = a.t.n * 2 WHEN NOT MATCHED THEN "
              "INSERT (id, n) VALUES (c.id, DEFAULT)");
    ask(lake, "DELETE FROM a.t WHERE a.t.id = 5");
    CHECK_STR(ask(lake, "SELECT * FROM a.t ORDER BY id"),
              "0|0|x\n2|7|two\n3|103|x\n4|8|NULL\n9|7|NULL");
    refuse(lake, "UPDATE a.t SET id = NULL", ERR_INVALID, "id is required");
    refuse(lake, "UPDATE a.t SET id = DEFAULT", ERR_INVALID, "id is required");
    ask(lake, "ALTER TABLE a.t CREATE BRANCH x");
    ask(lake, "INSERT INTO a.t.branch_x (id, n) VALUES (20, DEFAULT)");
    CHECK_STR(ask(lake, "SELECT n FROM a.t.branch_x WHERE id = 20"), "7");
    refuse(lake, "INSERT INTO a.t.branch_x DEFAULT VALUES", ERR_INVALID, "id is required");
    refuse(lake, "INSERT INTO a.t.branch_none (id, n) VALUES (1, DEFAULT)", ERR_NOT_FOUND, "none");
    refuse(lake, "DELETE FROM a.t RETURNING id", ERR_UNSUPPORTED, "RETURNING");
    refuse(lake, "WITH c AS (SELECT 1 AS k) DELETE FROM a.nope", ERR_NOT_FOUND, "a.nope");
    refuse(lake,
           "WITH c AS (SELECT * FROM read_text('/etc/passwd')) DELETE FROM a.t WHERE id = 1 "
           "AND EXISTS (SELECT 1 FROM a.missing)",
           ERR_NOT_FOUND, "a.missing");
    refuse_on(lake, "", false,
              "WITH c AS (SELECT * FROM read_text('/etc/passwd')) INSERT INTO a.t SELECT 1, 2, "
              "content FROM c",
              ERR_DENIED, "read_text");
    lake_close(lake);
}
