/* SPDX-License-Identifier: Apache-2.0
 *
 * Delete files are rewritten: the rows stay what they are, delete files become few, none dangles. */
#include "delete_test.h"
#include "iceberg/update.h"

#define DELETES                                                                                    \
    "SELECT content, count(*), sum(record_count) FROM s.\"t$delete_files\" GROUP BY 1 ORDER BY 1"

static void fill(struct lake *lake, int version, const char *more)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, text_f("CREATE TABLE s.t (id INTEGER, name VARCHAR, p INTEGER) PARTITIONED BY (p) "
                     "WITH ('format-version'='%d', 'write.delete.mode'='merge-on-read'%s)",
                     version, more));
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i % 2 FROM range(20) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i % 2 FROM range(20, 40) r(i)");
    for (int i = 0; i < 3; i++)
        ask(lake, text_f("DELETE FROM s.t WHERE id IN (%d, %d, %d, %d)", i * 2, i * 2 + 1,
                         i * 2 + 20, i * 2 + 21));
}

static str rows_of(struct lake *lake)
{
    return ask(lake, "SELECT * FROM s.t ORDER BY ALL");
}

TEST(small_position_deletes_of_a_partition_become_one)
{
    struct lake *lake = open_lake();
    fill(lake, 2, "");
    str rows = rows_of(lake);
    CHECK_STR(ask(lake, DELETES), "1|12|12"); /* three statements, four data files */
    str done = ask(lake, "CALL system.rewrite_position_delete_files('s.t')");
    CHECK(str_starts(done, STR("12|2|")));
    CHECK_STR(ask(lake, DELETES), "1|2|12");
    CHECK(str_eq(rows_of(lake), rows));
    const struct snapshot *s = metadata_snapshot(table_now(lake).metadata);
    CHECK_STR(s->operation, "replace");
    CHECK_STR(property_get(&s->summary, "removed-position-delete-files", STR("-")), "12");
    CHECK_STR(property_get(&s->summary, "added-position-delete-files", STR("-")), "2");
    CHECK_STR(property_get(&s->summary, "total-position-deletes", STR("-")), "12");
    CHECK_STR(ask(lake, "CALL system.rewrite_position_delete_files('s.t')"), "0|0|0|0");
    /* They stand for several data files: a compaction leaves them dangling, and takes them along when it is asked. */
    done = ask(lake, "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true', "
                     "'remove-dangling-deletes', 'true'))");
    CHECK(str_starts(done, STR("4|2|")) && str_ends(done, STR("|0|2")));
    CHECK_STR(ask(lake, DELETES), "");
    CHECK(str_eq(rows_of(lake), rows));
    lake_close(lake);
}

TEST(conditions_granularity_and_thresholds)
{
    struct lake *lake = open_lake();
    fill(lake, 2, ", 'write.delete.granularity'='file'");
    str rows = rows_of(lake);
    CHECK_STR(ask(lake, "CALL system.rewrite_position_delete_files(table => 's.t', options => "
                        "map('min-input-files', '7'))"),
              "0|0|0|0");
    str done = ask(lake, "CALL system.rewrite_position_delete_files('s.t', where => 'p = 0')");
    CHECK(str_starts(done, STR("6|2|")));
    CHECK_STR(ask(lake, DELETES), "1|8|12");
    done = ask(lake, "CALL system.rewrite_position_delete_files('s.t')");
    CHECK(str_starts(done, STR("6|2|")));
    CHECK_STR(ask(lake, DELETES), "1|4|12");
    CHECK_STR(ask(lake, "CALL system.rewrite_position_delete_files('s.t', options => "
                        "map('min-input-files', '2'))"),
              "0|0|0|0"); /* one a data file: nothing is gained */
    CHECK(str_eq(rows_of(lake), rows));
    refuse(lake, "CALL system.rewrite_position_delete_files('s.t', options => map('x', '1'))",
           ERR_INVALID, "no option \"x\"");
    refuse(lake,
           "CALL system.rewrite_position_delete_files('s.t', where => 'p = 0', options => "
           "map('convert-equality-deletes', 'true'))",
           ERR_INVALID, "without a condition");
    refuse(lake, "CALL system.rewrite_position_delete_files('s.t', where => 'nothing = 0')",
           ERR_INVALID, "nothing");
    lake_close(lake);
}

/* Files of format 2 in a table that was upgraded: vectors take their place, one a data file. */
TEST(in_format_3_position_deletes_become_vectors)
{
    struct lake *lake = open_lake();
    fill(lake, 2, "");
    str rows = rows_of(lake);
    ask(lake, "CALL system.rewrite_position_delete_files('s.t')"); /* of several data files each */
    ask(lake, "DELETE FROM s.t WHERE id = 30");
    ask(lake, "INSERT INTO s.t VALUES (30, 'n30', 0)");
    ask(lake, "CALL system.upgrade('s.t', 3)");
    CHECK_STR(ask(lake, DELETES), "1|3|13");
    str done = ask(lake, "CALL system.rewrite_position_delete_files('s.t')");
    CHECK(str_starts(done, STR("3|4|")));
    CHECK_STR(ask(lake, "SELECT file_format, count(*), sum(record_count), count(DISTINCT "
                        "referenced_data_file) FROM s.\"t$delete_files\" GROUP BY 1"),
              "PUFFIN|4|13|4");
    CHECK(str_eq(rows_of(lake), rows));
    CHECK_STR(ask(lake, "CALL system.rewrite_position_delete_files('s.t')"), "0|0|0|0");
    done =
        ask(lake, "CALL system.rewrite_position_delete_files('s.t', map('rewrite-all', 'true'))");
    CHECK(str_starts(done, STR("4|4|")));
    ask(lake, "DELETE FROM s.t WHERE id = 31");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "27");
    lake_close(lake);
}

TEST(equality_deletes_become_positions)
{
    static const int32_t id[] = { 1 }, name[] = { 2 };
    struct lake *lake = open_lake();
    for (int version = 2; version <= 3; version++) {
        ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
        ask(lake, "DROP TABLE IF EXISTS s.t");
        ask(lake, text_f("CREATE TABLE s.t (id INTEGER, name VARCHAR) WITH ('format-version'='%d', "
                         "'write.delete.mode'='merge-on-read')",
                         version));
        ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(10) r(i)");
        ask(lake, "DELETE FROM s.t WHERE id = 4");
        delete_equal(lake, "SELECT 3 AS id UNION ALL SELECT 77", "id: 1", id, 1, NULL);
        ask(lake, "INSERT INTO s.t VALUES (3, 'again'), (11, 'n5')");
        delete_equal(lake, "SELECT 'n5' AS name", "name: 2", name, 1, NULL);
        ask(lake, "INSERT INTO s.t VALUES (12, 'n5')");
        str rows = rows_of(lake);
        ask(lake, "CALL system.rewrite_position_delete_files('s.t')"); /* leaves them alone */
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.\"t$delete_files\" WHERE content = 2"), "2");
        str done = ask(lake, "CALL system.rewrite_position_delete_files('s.t', options => "
                             "map('convert-equality-deletes', 'true'))");
        CHECK(str_starts(done, version == 2 ? STR("3|1|") : STR("3|2|")));
        CHECK_STR(ask(lake, DELETES), version == 2 ? "1|1|4" : "1|2|4");
        CHECK(str_eq(rows_of(lake), rows));
        ask(lake, "INSERT INTO s.t VALUES (3, 'x')");
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.t WHERE id = 3"), "2");
    }
    lake_close(lake);
}

/* Deletes of any kind that apply to no data file go, and only these. */
TEST(dangling_deletes_go_with_a_compaction)
{
    static const int32_t id[] = { 1 };
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id INTEGER, name VARCHAR) WITH ('format-version'='2', "
              "'write.delete.mode'='merge-on-read')");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(10) r(i)");
    delete_equal(lake, "SELECT 3 AS id", "id: 1", id, 1, NULL);
    ask(lake, "DELETE FROM s.t WHERE id = 4");
    str done = ask(lake, "CALL system.rewrite_data_files('s.t', options => "
                         "map('remove-dangling-deletes', 'true'))");
    CHECK_STR(done, "0|0|0|0|0"); /* both apply still */
    done =
        ask(lake, "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true'))");
    CHECK(str_ends(done, STR("|1"))); /* the position deletes are the file's own */
    CHECK_STR(ask(lake, DELETES), "2|1|1");
    ask(lake, "INSERT INTO s.t VALUES (3, 'young')");
    CHECK_STR(ask(lake, "CALL system.rewrite_data_files('s.t', options => "
                        "map('remove-dangling-deletes', 'true'))"),
              "0|0|0|0|1");
    CHECK_STR(ask(lake, DELETES), "");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "9");
    lake_close(lake);
}
