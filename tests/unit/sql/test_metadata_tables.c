/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata tables: their rows against what the statements before must have left, their names in all spellings, and what time
 * travel and branches do to them. */
#include "sql/metadata_tables.h"

#include "lake_test.h"

/* Three days, two appends, and a row deleted by a position delete. */
static struct lake *days(void)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INTEGER, s VARCHAR, d DATE, b BLOB) PARTITIONED BY (d) "
              "WITH ('write.delete.mode' = 'merge-on-read', 'owner' = 'me')");
    ask(lake, "INSERT INTO a.t SELECT i, 's' || i, DATE '2001-01-01' + (i % 2)::INT, "
              "('\\x0' || (i % 10)::VARCHAR)::BLOB FROM range(10) r(i)");
    ask(lake, "INSERT INTO a.t VALUES (100, NULL, DATE '2001-01-03', NULL)");
    ask(lake, "DELETE FROM a.t WHERE id = 3");
    return lake;
}

TEST(tables_of_the_metadata_file)
{
    struct lake *lake = days();
    CHECK_STR(ask(lake,
                  "SELECT operation, summary['added-records'], parent_id IS NULL, "
                  "ends_with(manifest_list, '.avro') FROM a.t.snapshots ORDER BY committed_at"),
              "append|10|true|true\nappend|1|false|true\ndelete|NULL|false|true");
    CHECK_STR(ask(lake, "SELECT count(*), bool_and(is_current_ancestor), count(parent_id) "
                        "FROM a.t.history"),
              "3|true|2");
    CHECK_STR(ask(lake,
                  "SELECT name, type, snapshot_id = (SELECT arg_max(snapshot_id, committed_at) "
                  "FROM a.t.snapshots), max_reference_age_in_ms FROM a.t.refs"),
              "main|BRANCH|true|NULL");
    CHECK_STR(ask(lake, "SELECT count(*), count(latest_snapshot_id), max(latest_sequence_number) "
                        "FROM a.t.metadata_log_entries"),
              "4|3|3");
    CHECK_STR(ask(lake, "SELECT value FROM a.t.properties WHERE key = 'owner'"), "me");
    CHECK_STR(
        ask(lake, "SELECT count(*) FROM a.t.snapshots s JOIN a.t.history h USING (snapshot_id)"),
        "3");
    lake_close(lake);
}

TEST(tables_of_files)
{
    struct lake *lake = days();
    CHECK_STR(ask(lake,
                  "SELECT content, file_format, spec_id, partition.d, record_count, sort_order_id "
                  "FROM a.t.files ORDER BY ALL"),
              "0|PARQUET|0|2001-01-01|5|0\n0|PARQUET|0|2001-01-02|5|0\n0|PARQUET|0|2001-01-03|1|0\n"
              "1|PARQUET|0|2001-01-02|1|NULL");
    CHECK_STR(
        ask(lake,
            "SELECT (SELECT count(*) FROM a.t.data_files), (SELECT count(*) FROM a.t.delete_files), "
            "(SELECT count(*) FROM a.t.all_files), (SELECT count(*) FROM a.t.all_data_files), "
            "(SELECT count(*) FROM a.t.all_delete_files)"),
        "3|1|4|3|1");
    CHECK_STR(
        ask(lake,
            "SELECT value_counts[1], null_value_counts[2], hex(lower_bounds[1]), hex(upper_bounds[4]) "
            "FROM a.t.data_files ORDER BY partition.d"),
        "5|0|00000000|08\n5|0|01000000|09\n1|1|64000000|NULL");
    CHECK_STR(ask(lake, "SELECT readable_metrics.id.lower_bound, readable_metrics.s.upper_bound, "
                        "readable_metrics.d.value_count, hex(readable_metrics.b.upper_bound) "
                        "FROM a.t.data_files ORDER BY 1"),
              "0|s8|5|08\n1|s9|5|09\n100|NULL|1|NULL");
    CHECK_STR(
        ask(lake,
            "SELECT partition.d, record_count, file_count, position_delete_record_count, "
            "position_delete_file_count, last_updated_snapshot_id = (SELECT max_by(snapshot_id, "
            "made_current_at) FROM a.t.history) FROM a.t.partitions ORDER BY 1"),
        "2001-01-01|5|1|0|0|false\n2001-01-02|5|1|1|1|true\n2001-01-03|1|1|0|0|false");
    CHECK_STR(ask(lake, "SELECT status, sequence_number, count(*), sum(data_file.record_count) "
                        "FROM a.t.entries GROUP BY ALL ORDER BY 2, 1"),
              "1|1|2|10\n1|2|1|1\n1|3|1|1");
    CHECK_STR(
        ask(lake, "SELECT content, added_data_files_count, added_delete_files_count, "
                  "partition_summaries FROM a.t.manifests ORDER BY 1, 2"),
        "0|1|0|[{'contains_null': false, 'contains_nan': false, 'lower_bound': 2001-01-03, 'upper_bound': 2001-01-03}]\n"
        "0|2|0|[{'contains_null': false, 'contains_nan': false, 'lower_bound': 2001-01-01, 'upper_bound': 2001-01-02}]\n"
        "1|0|1|[{'contains_null': false, 'contains_nan': false, 'lower_bound': 2001-01-02, 'upper_bound': 2001-01-02}]");
    CHECK_STR(ask(lake, "SELECT count(*), count(DISTINCT path) FROM a.t.all_manifests"), "6|3");
    CHECK_STR(ask(lake,
                  "SELECT sum(file_size_in_bytes) = (SELECT sum(total_data_file_size_in_bytes) "
                  "FROM a.t.partitions) FROM a.t.data_files"),
              "true");
    lake_close(lake);
}

TEST(every_spelling)
{
    struct lake *lake = days();
    static const char *const froms[] = {
        "a.t.files",
        "a.\"t$files\"",
        "\"a\".\"t\".\"files\"",
        "a.t.FILES",
        "a.t.files f",
        "a.t . files WHERE true",
        "(SELECT * FROM a.t.files)",
        "(VALUES (1)) v(x), a.t.files",
        "a.t.files FOR VERSION AS OF 'main'",
        "a.\"t$files\" FOR VERSION AS OF 'main' AS x",
    };
    for (size_t i = 0; i < sizeof froms / sizeof *froms; i++)
        CHECK_STR(ask(lake, text_f("SELECT count(file_path) FROM %s", froms[i])), "4");
    CHECK_STR(ask(lake, "SELECT files.content FROM a.t.files ORDER BY 1 DESC LIMIT 1"), "1");
    CHECK_STR(ask(lake, "SELECT column_name FROM (DESCRIBE a.t.refs) LIMIT 1"), "name");
    /* A column of that name, and a table in a namespace of the table's name. */
    ask(lake, "CREATE TABLE a.u AS SELECT 7 AS files");
    CHECK_STR(ask(lake, "SELECT a.u.files FROM a.u"), "7");
    ask(lake, "CREATE TABLE \"a.u\".files AS SELECT 8 AS x");
    CHECK_STR(ask(lake, "SELECT * FROM \"a.u\".files FOR VERSION AS OF 'main'"), "8");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.u.snapshots"), "1");
    refuse(lake, "SELECT * FROM a.t.nothing", ERR_INVALID, "three parts");
    refuse(lake, "SELECT * FROM a.v.files", ERR_NOT_FOUND, "a.v");
    refuse(lake, "SELECT * FROM a.\"t$nothing\"", ERR_INVALID, "t$nothing");
    refuse(lake, "INSERT INTO a.\"t$files\" VALUES (1)", ERR_INVALID, "t$files");
    lake_close(lake);
}

TEST(time_travel)
{
    struct lake *lake = days();
    str first = ask(lake, "SELECT snapshot_id FROM a.t.snapshots ORDER BY committed_at LIMIT 1");
    CHECK_STR(ask(lake, text_f("SELECT count(*) FROM a.t.files FOR VERSION AS OF " STR_FMT,
                               STR_ARG(first))),
              "2");
    CHECK_STR(ask(lake, text_f("SELECT sum(record_count), max(last_updated_snapshot_id) FROM "
                               "a.\"t$partitions\" FOR VERSION AS OF " STR_FMT,
                               STR_ARG(first))),
              text_f("10|" STR_FMT, STR_ARG(first)));
    CHECK_STR(ask(lake, text_f("SELECT count(*) FROM a.t.manifests FOR VERSION AS OF " STR_FMT
                               " m, a.t.entries e",
                               STR_ARG(first))),
              "4");
    refuse(lake, text_f("SELECT * FROM a.t.snapshots FOR VERSION AS OF " STR_FMT, STR_ARG(first)),
           ERR_INVALID, "AS OF has no meaning");
    refuse(lake, "SELECT * FROM a.t.files FOR VERSION AS OF 1", ERR_NOT_FOUND, "snapshot 1");
    lake_close(lake);
}

TEST(an_empty_table_and_one_without_partitions)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INTEGER)");
    CHECK_STR(
        ask(lake,
            "SELECT (SELECT count(*) FROM a.t.files), (SELECT count(*) FROM a.t.entries), "
            "(SELECT count(*) FROM a.t.partitions), (SELECT count(*) FROM a.t.manifests), "
            "(SELECT count(*) FROM a.t.all_entries), (SELECT count(*) FROM a.t.snapshots), "
            "(SELECT count(*) FROM a.t.refs), (SELECT count(*) FROM a.t.metadata_log_entries)"),
        "0|0|0|0|0|0|0|1");
    ask(lake, "INSERT INTO a.t VALUES (1), (2)");
    CHECK_STR(ask(lake, "SELECT record_count, file_count FROM a.t.partitions"), "2|1");
    refuse(lake, "SELECT partition FROM a.t.files", ERR_INVALID, "partition");
    lake_close(lake);
}

/* Several manifests, the same relation twice in one query, a query that stops early. */
TEST(files_are_streamed)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INTEGER, s VARCHAR) PARTITIONED BY (id) "
              "WITH ('commit.manifest-merge.enabled' = 'false')");
    ask(lake, "INSERT INTO a.t SELECT i, 'x' FROM range(60) r(i)");
    ask(lake, "INSERT INTO a.t SELECT i, 'x' FROM range(60, 100) r(i)");
    CHECK_STR(ask(lake, "SELECT count(*), sum(partition.id), min(file_path) <> max(file_path), "
                        "sum(readable_metrics.id.upper_bound) FROM a.t.files"),
              "100|4950|true|4950");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t.files x JOIN a.t.files y USING (file_path)"),
              "100");
    CHECK_STR(ask(lake, "SELECT count(*) FROM (SELECT * FROM a.t.files LIMIT 10)"), "10");
    lake_close(lake);
}
