/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes that go elsewhere than to main, writes that are staged, and rows that take the place of others. */
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "lake_test.h"
#include "sql/settings.h"

static const struct metadata *table_now(struct lake *lake)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata;
}

/* A statement with settings; its rows as text. */
static str with(struct lake *lake, struct sql_settings *settings, const char *sql)
{
    struct error err = { 0 };
    struct sql_outcome out;
    struct buf *text = arena_new(test_arena(), struct buf);
    struct sql_request req = { .text = str_of(sql), .settings = settings };
    buf_init(text, ANSWER_MAX);
    buf_in_arena(text, test_arena());
    CHECK_OK(sql_execute(lake, &req, test_arena(), &out, &err));
    add_rows(out.rows, text);
    sql_close(&out);
    return buf_str(text);
}

static void refuse_with(struct lake *lake, struct sql_settings *settings, const char *sql,
                        enum err_code want, const char *words)
{
    struct error err = { 0 };
    struct sql_outcome out = { 0 };
    struct sql_request req = { .text = str_of(sql), .settings = settings };
    CHECK(!sql_execute(lake, &req, test_arena(), &out, &err));
    CHECK_INT(err.code, want);
    CHECK(str_find(str_of(err.msg), str_of(words)) >= 0);
}

static str rows(struct lake *lake, const char *table)
{
    return ask(lake, text_f("SELECT id FROM %s ORDER BY id", table));
}

static const char *const versions[] = {
    "'format-version'='2'",
    "'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
    "'write.merge.mode'='merge-on-read'",
    "'format-version'='3', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
    "'write.merge.mode'='merge-on-read'",
};

TEST(a_branch_is_written_and_read)
{
    for (size_t v = 0; v < 3; v++) {
        struct lake *lake = open_lake();
        ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
        ask(lake, "DROP TABLE IF EXISTS s.t");
        ask(lake, text_f("CREATE TABLE s.t (id BIGINT, v VARCHAR) WITH (%s)", versions[v]));
        ask(lake, "INSERT INTO s.t SELECT i, 'a' FROM range(1, 6) r(i)");
        refuse(lake, "INSERT INTO s.t.branch_x SELECT 9, 'b'", ERR_NOT_FOUND, "no branch \"x\"");
        ask(lake, "ALTER TABLE s.t CREATE BRANCH x");
        ask(lake, "ALTER TABLE s.t CREATE TAG y");
        ask(lake, "INSERT INTO s.t.branch_x SELECT 9, 'b'");
        ask(lake, "DELETE FROM s.t.branch_x WHERE id = 1");
        ask(lake, "UPDATE s.t.branch_x SET v = 'c' WHERE id = 2");
        ask(lake,
            "MERGE INTO s.t.branch_x AS t USING (SELECT 3 AS id UNION ALL SELECT 10) AS n ON t.id = n.id "
            "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, v) VALUES (n.id, 'm')");
        CHECK_STR(rows(lake, "s.t"), "1\n2\n3\n4\n5");
        CHECK_STR(rows(lake, "s.t.branch_x"), "2\n4\n5\n9\n10");
        CHECK_STR(rows(lake, "s.t.tag_y"), "1\n2\n3\n4\n5");
        CHECK_STR(rows(lake, "s.t FOR VERSION AS OF 'x'"), "2\n4\n5\n9\n10");
        CHECK_STR(ask(lake, "SELECT v FROM s.t.branch_x WHERE id = 2"), "c");
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.t.branch_x AS b JOIN s.t AS m USING (id)"),
                  "3");
        refuse(lake, "INSERT INTO s.t.branch_y SELECT 9, 'b'", ERR_INVALID, "is a tag");
        refuse(lake, "SELECT * FROM s.t.branch_y", ERR_NOT_FOUND, "no branch \"y\"");
        refuse(lake, "SELECT * FROM s.t.tag_x", ERR_NOT_FOUND, "no tag \"x\"");
        /* A row that main deletes meanwhile is not missed on the branch. */
        ask(lake, "DELETE FROM s.t WHERE id = 4");
        CHECK_STR(rows(lake, "s.t.branch_x"), "2\n4\n5\n9\n10");
        refuse(lake, "CALL system.fast_forward('s.t', 'main', 'x')", ERR_INVALID,
               "not an ancestor");
        ask(lake, "DROP TABLE s.t");
        lake_close(lake);
    }
}

TEST(a_table_may_be_called_like_a_branch)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.branch_x (id BIGINT)");
    ask(lake, "INSERT INTO s.branch_x SELECT 1");
    CHECK_STR(rows(lake, "s.branch_x"), "1");
    lake_close(lake);
}

/* ---- Write, audit, publish */

TEST(staged_writes_are_published_once)
{
    struct lake *lake = open_lake();
    struct sql_settings set = { 0 };
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT) WITH ('write.wap.enabled'='true')");
    ask(lake, "CREATE TABLE s.plain (id BIGINT)");
    ask(lake, "INSERT INTO s.t SELECT 1");
    with(lake, &set, "SET spark.wap.id = 'audit-1'");
    with(lake, &set, "INSERT INTO s.t SELECT 2");
    with(lake, &set, "INSERT INTO s.plain SELECT 2"); /* it is not audited */
    CHECK_STR(rows(lake, "s.t"), "1");
    CHECK_STR(rows(lake, "s.plain"), "2");
    CHECK_INT((int64_t)table_now(lake)->snapshots_n, 2);
    ask(lake, "INSERT INTO s.t SELECT 3");
    str staged =
        ask(lake, "SELECT snapshot_id FROM s.t.snapshots WHERE summary['wap.id'] = 'audit-1'");
    CHECK_STR(rows(lake, text_f("s.t FOR VERSION AS OF " STR_FMT, STR_ARG(staged))), "1\n2");
    str answer = ask(lake, "CALL system.publish_changes('s.t', 'audit-1')");
    CHECK(str_starts(answer, staged));
    CHECK_STR(rows(lake, "s.t"), "1\n2\n3");
    const struct snapshot *now = metadata_snapshot(table_now(lake));
    CHECK_STR(property_get(&now->summary, "published-wap-id", STR("-")), "audit-1");
    refuse(lake, "CALL system.publish_changes('s.t', 'audit-1')", ERR_CONFLICT, "picked already");
    refuse(lake, "CALL system.publish_changes('s.t', 'audit-2')", ERR_NOT_FOUND, "no snapshot has");
    /* The same id again would be another change under a name that is taken. */
    with(lake, &set, "INSERT INTO s.t SELECT 7");
    refuse(lake, "CALL system.publish_changes('s.t', 'audit-1')", ERR_CONFLICT,
           "several snapshots");
    with(lake, &set, "RESET spark.wap.id");
    with(lake, &set, "INSERT INTO s.t SELECT 8");
    CHECK_STR(rows(lake, "s.t"), "1\n2\n3\n8");
    lake_close(lake);
}

TEST(a_staged_delete_is_published_by_fast_forward)
{
    for (size_t v = 0; v < 3; v++) {
        struct lake *lake = open_lake();
        struct sql_settings set = { 0 };
        ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
        ask(lake, "DROP TABLE IF EXISTS s.t");
        ask(lake, text_f("CREATE TABLE s.t (id BIGINT) WITH ('write.wap.enabled'='true', %s)",
                         versions[v]));
        ask(lake, "INSERT INTO s.t SELECT * FROM range(5)");
        with(lake, &set, "SET wap.id = d1");
        with(lake, &set, "DELETE FROM s.t WHERE id = 2");
        CHECK_STR(rows(lake, "s.t"), "0\n1\n2\n3\n4");
        ask(lake, "CALL system.publish_changes('s.t', 'd1')");
        CHECK_STR(rows(lake, "s.t"), "0\n1\n3\n4");
        lake_close(lake);
    }
}

TEST(an_audit_branch_is_written_and_read)
{
    struct lake *lake = open_lake();
    struct sql_settings set = { 0 };
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT) WITH ('write.wap.enabled'='true')");
    ask(lake, "INSERT INTO s.t SELECT 1");
    with(lake, &set, "SET spark.wap.branch = audit");
    with(lake, &set, "INSERT INTO s.t SELECT 2"); /* makes the branch */
    with(lake, &set, "DELETE FROM s.t WHERE id = 1");
    CHECK_STR(with(lake, &set, "SELECT id FROM s.t"), "2");
    CHECK_STR(with(lake, &set, "SELECT id FROM s.t FOR VERSION AS OF 'main'"), "1");
    CHECK_STR(rows(lake, "s.t"), "1");
    refuse_with(lake, &set, "INSERT INTO s.t.branch_main SELECT 3", ERR_INVALID, "WAP branch");
    with(lake, &set, "SET spark.wap.id = x");
    refuse_with(lake, &set, "INSERT INTO s.t SELECT 3", ERR_INVALID, "both a WAP id");
    with(lake, &set, "RESET");
    ask(lake, "CALL system.fast_forward('s.t', 'main', 'audit')");
    CHECK_STR(rows(lake, "s.t"), "2");
    refuse_with(lake, &set, "SET nothing = 1", ERR_INVALID, "no setting");
    refuse_with(lake, &set, "SET spark.sql.sources.partitionOverwriteMode = x", ERR_INVALID,
                "static or dynamic");
    refuse_with(lake, &set, "SET wap.id", ERR_INVALID, "SET name = value");
    refuse(lake, "SET wap.id = 1", ERR_UNSUPPORTED, "go with a request");
    lake_close(lake);
}

/* ---- Overwrites */

static void days(struct lake *lake, size_t v)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH (%s)",
                     versions[v]));
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, NULL)");
    ask(lake, "DELETE FROM s.t WHERE id = 1");
}

static str all(struct lake *lake)
{
    return ask(lake, "SELECT id, p FROM s.t ORDER BY id");
}

TEST(static_overwrites_replace_what_is_named)
{
    for (size_t v = 0; v < 3; v++) {
        struct lake *lake = open_lake();
        days(lake, v);
        ask(lake, "INSERT OVERWRITE s.t PARTITION (p = 'a') SELECT 10");
        CHECK_STR(all(lake), "3|b\n4|NULL\n10|a");
        const struct snapshot *now = metadata_snapshot(table_now(lake));
        CHECK_STR(now->operation, "overwrite");
        CHECK_STR(property_get(&now->summary, "total-records", STR("-")), "3");
        ask(lake, "INSERT OVERWRITE TABLE s.t PARTITION (p = NULL) SELECT 11 WHERE false");
        CHECK_STR(all(lake), "3|b\n10|a");
        ask(lake, "INSERT OVERWRITE s.t PARTITION (p) VALUES (5, 'c')");
        CHECK_STR(all(lake), "5|c");
        ask(lake, "INSERT OVERWRITE s.t (p, id) SELECT 'd', 6");
        CHECK_STR(all(lake), "6|d");
        ask(lake, "INSERT OVERWRITE s.t BY NAME SELECT 'e' AS p, 7 AS id");
        CHECK_STR(all(lake), "7|e");
        ask(lake,
            "INSERT OVERWRITE s.t PARTITION (p = (SELECT max(p) FROM s.t)) SELECT 7 FROM s.t");
        CHECK_STR(all(lake), "7|e");
        ask(lake, "INSERT OVERWRITE s.t SELECT id + 1, p FROM s.t"); /* reads itself */
        CHECK_STR(all(lake), "8|e");
        ask(lake, "INSERT OVERWRITE s.t SELECT * FROM s.t WHERE false");
        CHECK_STR(all(lake), "");
        lake_close(lake);
    }
}

TEST(dynamic_overwrites_replace_partitions)
{
    for (size_t v = 0; v < 3; v++) {
        struct lake *lake = open_lake();
        struct sql_settings set = { 0 };
        days(lake, v);
        with(lake, &set, "SET spark.sql.sources.partitionOverwriteMode = dynamic");
        with(lake, &set, "INSERT OVERWRITE s.t VALUES (20, 'b'), (21, 'z')");
        CHECK_STR(all(lake), "2|a\n4|NULL\n20|b\n21|z");
        const struct snapshot *now = metadata_snapshot(table_now(lake));
        CHECK_STR(property_get(&now->summary, "replace-partitions", STR("-")), "true");
        with(lake, &set, "INSERT OVERWRITE s.t SELECT 22, NULL");
        CHECK_STR(all(lake), "2|a\n20|b\n21|z\n22|NULL");
        int64_t head = table_now(lake)->current_snapshot_id;
        with(lake, &set, "INSERT OVERWRITE s.t SELECT 1, 'x' WHERE false");
        CHECK_INT(table_now(lake)->current_snapshot_id, head);
        ask(lake, "CREATE OR REPLACE TABLE s.u AS SELECT 1 AS id");
        with(lake, &set, "INSERT OVERWRITE s.u SELECT 5");
        CHECK_STR(rows(lake, "s.u"), "5");
        lake_close(lake);
    }
    struct lake *lake = open_lake(); /* by property */
    ask(lake,
        "CREATE OR REPLACE TABLE s.p PARTITIONED BY (p) WITH ('firn.overwrite-mode'='dynamic') AS "
        "SELECT 1 AS id, 'a' AS p UNION ALL SELECT 2, 'b'");
    ask(lake, "INSERT OVERWRITE s.p SELECT 3, 'b'");
    CHECK_STR(rows(lake, "s.p"), "1\n3");
    lake_close(lake);
}

TEST(rows_that_match_are_replaced)
{
    for (size_t v = 0; v < 3; v++) {
        struct lake *lake = open_lake();
        days(lake, v);
        ask(lake,
            "INSERT INTO s.t REPLACE WHERE id BETWEEN 2 AND 3 SELECT id * 10, p FROM s.t WHERE id = 3");
        CHECK_STR(all(lake), "4|NULL\n30|b");
        ask(lake, "INSERT INTO TABLE s.t REPLACE WHERE (p IS NULL) VALUES (5, 'n'), (6, 'n')");
        CHECK_STR(all(lake), "5|n\n6|n\n30|b");
        ask(lake, "INSERT INTO s.t BY NAME REPLACE WHERE id = 6 SELECT 'q' AS p, 7 AS id");
        CHECK_STR(all(lake), "5|n\n7|q\n30|b");
        ask(lake, "INSERT INTO s.t (p, id) REPLACE WHERE id = 7 SELECT 'r', 8");
        CHECK_STR(all(lake), "5|n\n8|r\n30|b");
        lake_close(lake);
    }
}

TEST(overwrites_go_to_branches_and_can_be_staged)
{
    struct lake *lake = open_lake();
    struct sql_settings set = { 0 };
    days(lake, 0);
    ask(lake, "ALTER TABLE s.t CREATE BRANCH x");
    ask(lake, "INSERT OVERWRITE s.t.branch_x PARTITION (p = 'a') SELECT 50");
    CHECK_STR(all(lake), "2|a\n3|b\n4|NULL");
    CHECK_STR(rows(lake, "s.t.branch_x"), "3\n4\n50");
    ask(lake, "ALTER TABLE s.t SET TBLPROPERTIES ('write.wap.enabled'='true')");
    with(lake, &set, "SET wap.id = r1");
    with(lake, &set, "SET spark.sql.sources.partitionOverwriteMode = dynamic");
    with(lake, &set, "INSERT OVERWRITE s.t SELECT 60, 'b'");
    CHECK_STR(all(lake), "2|a\n3|b\n4|NULL");
    ask(lake, "INSERT INTO s.t SELECT 70, 'c'"); /* elsewhere: the partition is as it was */
    ask(lake, "CALL system.publish_changes('s.t', 'r1')");
    CHECK_STR(all(lake), "2|a\n4|NULL\n60|b\n70|c");
    with(lake, &set, "SET wap.id = r2");
    with(lake, &set, "INSERT OVERWRITE s.t SELECT 80, 'c'");
    ask(lake, "INSERT INTO s.t SELECT 71, 'c'");
    refuse(lake, "CALL system.publish_changes('s.t', 'r2')", ERR_CONFLICT, "added rows meanwhile");
    lake_close(lake);
}

TEST(overwrites_that_are_wrong)
{
    struct lake *lake = open_lake();
    days(lake, 0);
    refuse(lake, "INSERT OVERWRITE", ERR_INVALID, "full name");
    refuse(lake, "INSERT OVERWRITE s.t", ERR_INVALID, "VALUES or a query");
    refuse(lake, "INSERT OVERWRITE s.t PARTITION (id = 1) SELECT 'a'", ERR_INVALID, "no partition");
    refuse(lake, "INSERT OVERWRITE s.t PARTITION (p = ) SELECT 1", ERR_INVALID, "is written as");
    refuse(lake, "INSERT OVERWRITE s.t PARTITION p SELECT 1", ERR_INVALID, "is written as");
    refuse(lake, "INSERT OVERWRITE s.t PARTITION (p = 'a') SELECT 1, 'a'", ERR_INVALID,
           "2 columns");
    refuse(lake, "INSERT OVERWRITE s.t SELECT 1", ERR_INVALID, "1 columns, where 2");
    refuse(lake, "INSERT OVERWRITE s.t (id, x) SELECT 1, 2", ERR_INVALID, "no column \"x\"");
    refuse(lake, "INSERT INTO s.t REPLACE WHERE SELECT 1, 2", ERR_INVALID, "needs a condition");
    refuse(lake, "INSERT INTO s.t REPLACE WHERE nothing = 1 SELECT 1, 'a'", ERR_INVALID, "");
    refuse(lake, "INSERT OVERWRITE s.none SELECT 1", ERR_NOT_FOUND, "");
    refuse(lake, "INSERT s.t SELECT 1", ERR_INVALID, "INTO or OVERWRITE");
    /* A value may name no more than a query may. */
    refuse_on(
        lake, "", false,
        "INSERT OVERWRITE s.t PARTITION (p = (SELECT content FROM read_text('/etc/hostname'))) "
        "SELECT 1",
        ERR_DENIED, "read_text");
    refuse(lake, "INSERT OVERWRITE s.t PARTITION (p = (SELECT p FROM s.none)) SELECT 1",
           ERR_NOT_FOUND, "s.none");
    CHECK_STR(all(lake), "2|a\n3|b\n4|NULL");
    lake_close(lake);
}
