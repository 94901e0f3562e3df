/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of rows, told from files: what was inserted and deleted, by any kind of delete, at each snapshot. */
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "lake_test.h"

static struct error err;

static const struct metadata *table_now(struct lake *lake)
{
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata;
}

static struct lake *lake_with(int version, const char *mode)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, v VARCHAR) WITH ('format-version' = '%d', "
                     "'write.delete.mode' = '%s', 'write.update.mode' = '%s')",
                     version, mode, mode));
    return lake;
}

#define ALL "SELECT id, v, _change_type, _change_ordinal FROM s.t.changes ORDER BY 4, 3, 1, 2"

/* Deletes that follow each other in one file tell each row once. */
static void check_merge_on_read(int version)
{
    struct lake *lake = lake_with(version, "merge-on-read");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
    ask(lake, "DELETE FROM s.t WHERE id = 2");
    ask(lake, "UPDATE s.t SET v = 'C' WHERE id = 3");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 3)");
    CHECK_STR(ask(lake, ALL), "1|a|INSERT|0\n2|b|INSERT|0\n3|c|INSERT|0\n4|d|INSERT|0\n"
                              "2|b|DELETE|1\n"
                              "3|c|DELETE|2\n3|C|INSERT|2\n"
                              "1|a|DELETE|3\n3|C|DELETE|3");
    ask(lake, "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true'))");
    CHECK_STR(ask(lake, "SELECT count(*), max(_change_ordinal) FROM s.t.changes"), "9|3");
    ask(lake, "DELETE FROM s.t");
    CHECK_STR(ask(lake, "SELECT id, v, _change_type FROM s.t.changes WHERE _change_ordinal = 5"),
              "4|d|DELETE");
    CHECK_STR(ask(lake, "SELECT count(DISTINCT _commit_snapshot_id) FROM \"s\".\"t$changes\""),
              "5");
    lake_close(lake);
}

TEST(position_deletes_are_told)
{
    check_merge_on_read(2);
}

TEST(vectors_are_told)
{
    check_merge_on_read(3);
}

TEST(rows_written_again_are_both)
{
    struct lake *lake = lake_with(2, "copy-on-write");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (2, 'b')");
    ask(lake, "DELETE FROM s.t WHERE id = 1");
    CHECK_STR(ask(lake, ALL),
              "1|a|INSERT|0\n2|b|INSERT|0\n2|b|INSERT|0\n"
              "1|a|DELETE|1\n2|b|DELETE|1\n2|b|DELETE|1\n2|b|INSERT|1\n2|b|INSERT|1");
    lake_close(lake);
}

static str changelog(struct lake *lake, const char *arguments)
{
    str all = ask(lake, text_f("CALL system.create_changelog_view('s.t'%s)", arguments));
    struct buf *out = arena_new(test_arena(), struct buf);
    str line, cell;
    buf_init(out, 1 << 20);
    buf_in_arena(out, test_arena());
    while (str_next(&all, '\n', &line)) { /* without the snapshot's id, which is random */
        for (int i = 0; i < 4 && str_next(&line, '|', &cell); i++)
            buf_printf(out, "%s" STR_FMT, i ? "|" : "", STR_ARG(cell));
        buf_add_char(out, ' ');
    }
    return buf_str(out);
}

TEST(carried_rows_cancel)
{
    struct lake *lake = lake_with(2, "copy-on-write");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (2, 'b'), (3, NULL)");
    ask(lake, "DELETE FROM s.t WHERE id = 1");
    ask(lake, "UPDATE s.t SET v = 'x' WHERE id = 3");
    CHECK_STR(changelog(lake, text_f(", options => map('start-snapshot-id', '%lld')",
                                     (long long)table_now(lake)->snapshots[0]->id)),
              "1|a|DELETE|0 3|NULL|DELETE|1 3|x|INSERT|1 ");
    lake_close(lake);
}

TEST(updates_have_images)
{
    struct lake *lake = lake_with(3, "merge-on-read");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    ask(lake, "UPDATE s.t SET v = 'A' WHERE id = 1");
    ask(lake, "UPDATE s.t SET id = 9 WHERE id = 3");
    CHECK_STR(changelog(lake, ", identifier_columns => array('id')"),
              "1|a|INSERT|0 2|b|INSERT|0 3|c|INSERT|0 1|a|UPDATE_BEFORE|1 1|A|UPDATE_AFTER|1 "
              "3|c|DELETE|2 9|c|INSERT|2 ");
    ask(lake, "INSERT INTO s.t VALUES (1, 'again'), (1, 'and again')");
    refuse(lake, "CALL system.create_changelog_view('s.t', identifier_columns => array('id'))",
           ERR_INVALID, "several rows with the same identifier");
    lake_close(lake);
}

TEST(net_changes_leave_what_is_different_in_the_end)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b')");
    int64_t first = table_now(lake)->current_snapshot_id;
    ask(lake, "INSERT INTO s.t VALUES (3, 'c')");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 3)");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (4, 'd')");
    CHECK_STR(changelog(lake, ", net_changes => true"), "2|b|INSERT|0 1|a|INSERT|3 4|d|INSERT|3 ");
    CHECK_STR(
        changelog(lake, text_f(", net_changes => true, options => map('start-snapshot-id', %lld)",
                               (long long)first)),
        "4|d|INSERT|2 ");
    lake_close(lake);
}

TEST(ranges_end_where_they_are_told)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    for (int i = 0; i < 4; i++)
        ask(lake, text_f("INSERT INTO s.t VALUES (%d, 'v')", i));
    const struct metadata *m = table_now(lake);
    CHECK_STR(
        changelog(lake, text_f(", options => map('start-snapshot-id', '%lld', "
                               "'end-snapshot-id', '%lld')",
                               (long long)m->snapshots[0]->id, (long long)m->snapshots[2]->id)),
        "1|v|INSERT|0 2|v|INSERT|1 ");
    CHECK_STR(ask(lake, text_f("SELECT count(*) FROM s.t.changes FOR VERSION AS OF %lld",
                               (long long)m->snapshots[1]->id)),
              "2");
    CHECK_STR(changelog(lake, ", options => map('start-timestamp', '0', 'end-timestamp', "
                              "'99999999999999')"),
              "0|v|INSERT|0 1|v|INSERT|1 2|v|INSERT|2 3|v|INSERT|3 ");
    lake_close(lake);
}

TEST(columns_are_those_of_today)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b')");
    ask(lake, "ALTER TABLE s.t RENAME COLUMN v TO w");
    ask(lake, "ALTER TABLE s.t ADD COLUMN n BIGINT");
    ask(lake, "DELETE FROM s.t WHERE w = 'a'");
    CHECK_STR(ask(lake, "SELECT id, w, n, _change_type FROM s.t.changes ORDER BY ALL"),
              "1|a|NULL|DELETE\n1|a|NULL|INSERT\n2|b|NULL|INSERT");
    lake_close(lake);
}

TEST(an_empty_table_has_no_changes)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    CHECK_STR(ask(lake, "SELECT * FROM s.t.changes"), "");
    CHECK_STR(ask(lake, "CALL system.create_changelog_view('s.t')"), "");
    lake_close(lake);
}

TEST(what_is_wrong_is_said)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a')");
    static const struct {
        const char *arguments;
        enum err_code code;
        const char *says;
    } cases[] = {
        { ", changelog_view => 'v'", ERR_UNSUPPORTED, "the rows are the answer" },
        { ", options => map('start-snapshot-id', '12')", ERR_NOT_FOUND, "12" },
        { ", options => map('start', '12')", ERR_INVALID, "no option \"start\"" },
        { ", options => map('start-snapshot-id', 'x')", ERR_INVALID, "has to be a number" },
        { ", options => map('end-timestamp', '5')", ERR_NOT_FOUND, "as old as" },
        { ", compute_updates => true", ERR_INVALID, "needs identifier_columns" },
        { ", identifier_columns => array('nope')", ERR_NOT_FOUND, "no column \"nope\"" },
        { ", identifier_columns => array('id'), net_changes => true, compute_updates => true",
          ERR_INVALID, "do not go together" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(lake, text_f("CALL system.create_changelog_view('s.t'%s)", cases[i].arguments),
               cases[i].code, cases[i].says);
    lake_close(lake);
}

/* ---- position_deletes */

TEST(position_deletes_name_positions)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    ask(lake, "INSERT INTO s.t SELECT i, 'v' FROM range(10) r(i)");
    ask(lake, "DELETE FROM s.t WHERE id IN (2, 5)");
    ask(lake, "DELETE FROM s.t WHERE id = 7");
    CHECK_STR(
        ask(lake,
            "SELECT pos, \"row\", spec_id, file_path = (SELECT file_path FROM s.t.data_files),"
            " delete_file_path IN (SELECT file_path FROM s.t.delete_files)"
            " FROM s.t.position_deletes ORDER BY pos"),
        "2|NULL|0|true|true\n5|NULL|0|true|true\n7|NULL|0|true|true");
    lake_close(lake);
}

TEST(vectors_name_positions)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH "
              "('format-version' = '3', 'write.delete.mode' = 'merge-on-read')");
    ask(lake,
        "INSERT INTO s.t SELECT i, CASE WHEN i % 2 = 0 THEN 'even' END FROM range(10000) r(i)");
    ask(lake, "DELETE FROM s.t WHERE id >= 2000 AND id < 8000");
    CHECK_STR(
        ask(lake,
            "SELECT \"partition\".p, count(*), count(DISTINCT pos), min(pos), max(pos),"
            " count(DISTINCT content_offset) FROM s.t.position_deletes GROUP BY 1 ORDER BY 1 NULLS FIRST"),
        "NULL|3000|3000|1000|3999|1\neven|3000|3000|1000|3999|1");
    CHECK_STR(ask(lake,
                  "SELECT count(*) FROM s.t.position_deletes d JOIN s.t.delete_files f ON"
                  " f.file_path = d.delete_file_path AND f.content_offset = d.content_offset AND"
                  " f.referenced_data_file = d.file_path"),
              "6000");
    lake_close(lake);
}

TEST(no_deletes_no_positions)
{
    struct lake *lake = lake_with(2, "merge-on-read");
    CHECK_STR(ask(lake, "SELECT * FROM s.t.position_deletes"), "");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a')");
    CHECK_STR(ask(lake, "SELECT * FROM s.t.position_deletes"), "");
    lake_close(lake);
}
