/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance through SQL, over real files: the rows are the same before and after, and what is needed stays. */
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "lake_test.h"

static const struct metadata *table_now(struct lake *lake)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata;
}

static void three_snapshots(struct lake *lake)
{
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t AS SELECT 1 AS id, 'a' AS name");
    ask(lake, "INSERT INTO s.t SELECT 2, 'b'");
    ask(lake, "DELETE FROM s.t WHERE id = 1");
}

TEST(call_expires_and_collects)
{
    struct lake *lake = open_lake();
    three_snapshots(lake);
    CHECK_INT((int64_t)table_now(lake)->snapshots_n, 3);
    CHECK_STR(ask(lake, "CALL system.expire_snapshots('s.t')"), "0|0|0|0|0|0"); /* too young */
    CHECK_STR(ask(lake, "CALL firn.system.expire_snapshots(table => 's.t', older_than => TIMESTAMP "
                        "'2100-01-01 00:00:00', retain_last => 2)"),
              "0|0|0|0|1|0");
    CHECK_STR(ask(lake, "CALL system.expire_snapshots('s.t', TIMESTAMP '2100-01-01', 1)"),
              "1|0|0|1|1|0");
    CHECK_INT((int64_t)table_now(lake)->snapshots_n, 1);
    CHECK_STR(ask(lake, "CALL system.collect_garbage()"), "4|4|0|0|0");
    str removed = ask(lake, "CALL system.collect_garbage(safety_age => '0s')");
    CHECK(str_starts(removed, STR("4|0|0|4|")));
    CHECK_STR(ask(lake, "SELECT * FROM s.t"), "2|b");
    lake_close(lake);
}

TEST(a_query_that_runs_keeps_its_files)
{
    struct lake *lake = open_lake();
    struct sql_outcome reading;
    struct error err = { 0 };
    struct buf text = BUF_INIT(1000);
    three_snapshots(lake);
    CHECK_OK(execute(lake, "", false, STR("SELECT id FROM s.t FOR VERSION AS OF 'main'"), &reading,
                     &err));
    ask(lake, "DELETE FROM s.t");
    ask(lake, "INSERT INTO s.t SELECT 9, 'z'");
    ask(lake, "CALL system.expire_snapshots('s.t', TIMESTAMP '2100-01-01', 1)");
    CHECK(!str_starts(ask(lake, "CALL system.collect_garbage('0s')"), STR("0|")));
    add_rows(reading.rows, &text);
    sql_close(&reading);
    CHECK_STR(buf_str(&text), "2");
    buf_deinit(&text);
    lake_close(lake);
}

TEST(calls_that_are_wrong_say_so)
{
    struct lake *lake = open_lake();
    three_snapshots(lake);
    refuse(lake, "CALL", ERR_INVALID, "needs the name");
    refuse(lake, "CALL system.nothing()", ERR_NOT_FOUND, "no procedure system.nothing");
    refuse(lake, "CALL expire_snapshots('s.t')", ERR_NOT_FOUND, "no procedure");
    refuse(lake, "CALL system.expire_snapshots()", ERR_INVALID, "table is missing");
    refuse(lake, "CALL system.expire_snapshots('s.t'", ERR_INVALID, "is written as");
    refuse(lake, "CALL system.expire_snapshots('s.t') x", ERR_INVALID, "is written as");
    refuse(lake, "CALL system.expire_snapshots('s.u')", ERR_NOT_FOUND, "does not exist");
    refuse(lake, "CALL system.expire_snapshots(tabel => 's.t')", ERR_INVALID,
           "no argument \"tabel\"");
    refuse(lake, "CALL system.expire_snapshots('s.t', table => 's.t')", ERR_INVALID, "twice");
    refuse(lake, "CALL system.expire_snapshots('s.t', 'noon')", ERR_INVALID, "has to be a time");
    refuse(lake, "CALL system.expire_snapshots('s.t', retain_last => 0)", ERR_INVALID,
           "at least 1");
    refuse(lake, "CALL system.expire_snapshots('s.t', snapshot_ids => ARRAY(1, 'x'))", ERR_INVALID,
           "list of numbers");
    refuse(lake, "CALL system.expire_snapshots('s.t', snapshot_ids => ARRAY(1", ERR_INVALID, "");
    refuse(lake, "CALL system.expire_snapshots('s.t', snapshot_ids => ARRAY(7))", ERR_NOT_FOUND,
           "no snapshot 7");
    refuse(lake, "CALL system.collect_garbage('soon')", ERR_INVALID, "duration");
    CHECK_INT((int64_t)table_now(lake)->snapshots_n, 3);
    lake_close(lake);
}
