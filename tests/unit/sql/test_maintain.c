/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance through SQL, over real files: the rows are the same before and after, and what is needed stays. */
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "iceberg/update.h"
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

/* ---- Compaction */

static const char *const modes[] = {
    "'format-version'='1'",
    "'format-version'='2'",
    "'format-version'='3'",
    "'format-version'='2', 'write.delete.mode'='merge-on-read', "
    "'write.update.mode'='merge-on-read'",
    "'format-version'='3', 'write.delete.mode'='merge-on-read', "
    "'write.update.mode'='merge-on-read'",
};
#define MODES (sizeof modes / sizeof *modes)

/* 40 rows in eight files, some deleted, some updated. */
static void fill(struct lake *lake, size_t mode, const char *partitioned)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, name VARCHAR, p INTEGER) %s WITH (%s)",
                     partitioned, modes[mode]));
    for (int i = 0; i < 8; i++)
        ask(lake, text_f("INSERT INTO s.t SELECT i, 'n' || i, %d FROM range(%d, %d) r(i)", i % 2,
                         i * 5, i * 5 + 5));
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 3, 22)");
    ask(lake, "UPDATE s.t SET name = 'new' WHERE id IN (2, 23)");
}

/* Every row as text; in format 3 with its id and sequence number. */
static str all_rows(struct lake *lake, size_t mode)
{
    bool lineage = str_find(str_of(modes[mode]), STR("'3'")) >= 0;
    return ask(lake, text_f("SELECT *%s FROM s.t ORDER BY ALL",
                            lineage ? ", _row_id, _last_updated_sequence_number" : ""));
}

static str count_files(struct lake *lake)
{
    return ask(lake, "SELECT count(*) FILTER (content = 0), count(*) FILTER (content > 0) FROM "
                     "s.\"t$files\"");
}

TEST(compaction_changes_files_and_no_rows)
{
    struct lake *lake = open_lake();
    for (size_t m = 2; m < MODES; m++) {
        fill(lake, m, "");
        str before = all_rows(lake, m);
        str done = ask(lake, "CALL system.rewrite_data_files('s.t')");
        CHECK(str_find(done, STR("|1|")) > 0);
        CHECK_STR(count_files(lake), "1|0");
        CHECK(str_eq(all_rows(lake, m), before));
        const struct snapshot *s = metadata_snapshot(table_now(lake));
        CHECK_STR(s->operation, "replace");
        CHECK_STR(property_get(&s->summary, "total-data-files", STR("-")), "1");
        CHECK_STR(ask(lake, "CALL system.rewrite_data_files('s.t')"), "0|0|0|0|0");
        CHECK_INT(metadata_snapshot(table_now(lake))->id, s->id);
        ask(lake, "DELETE FROM s.t WHERE id = 5"); /* the new files are as any others */
        CHECK_STR(ask(lake, "SELECT count(*), min(id) FROM s.t"), "36|0");
    }
    lake_close(lake);
}

TEST(partitions_are_compacted_apart)
{
    struct lake *lake = open_lake();
    for (size_t m = 3; m < MODES; m++) {
        fill(lake, m, "PARTITIONED BY (p)");
        str before = all_rows(lake, m);
        CHECK_STR(ask(lake, "CALL system.rewrite_data_files(table => 's.t', where => 'p = 9')"),
                  "0|0|0|0|0");
        ask(lake, "CALL system.rewrite_data_files(table => 's.t', where => 'p = 1', options => "
                  "map('min-input-files', '2'))");
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.\"t$files\" WHERE content = 0 AND "
                            "partition.p = 1"),
                  "1");
        CHECK(str_eq(all_rows(lake, m), before));
        ask(lake, "CALL system.rewrite_data_files(table => 's.t', options => map('rewrite-all', "
                  "'true', 'partial-progress.enabled', 'true'))");
        CHECK_STR(count_files(lake), "2|0");
        CHECK(str_eq(all_rows(lake, m), before));
    }
    lake_close(lake);
}

TEST(thresholds_decide_which_files_are_worth_it)
{
    struct lake *lake = open_lake();
    fill(lake, 4, "");
    CHECK_STR(ask(lake, "CALL system.rewrite_data_files('s.t', options => map('min-input-files', "
                        "'100', 'delete-ratio-threshold', '1'))"),
              "0|0|0|0|0");
    str done = ask(lake, "CALL system.rewrite_data_files('s.t', options => map('min-input-files', "
                         "'100', 'min-file-size-bytes', '1', 'delete-ratio-threshold', '0.5'))");
    CHECK(str_starts(done, STR("1|1|"))); /* the first file lost three of five rows */
    CHECK_STR(ask(lake, "SELECT count(*), count(DISTINCT id) FROM s.t"), "37|37");
    lake_close(lake);
}

TEST(rows_of_an_old_spec_move_to_the_new_one)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    fill(lake, 1, "");
    str before = all_rows(lake, 1);
    struct partition_field *f = arena_new(test_arena(), struct partition_field);
    *f = (struct partition_field){ .source_id = 3, .field_id = 1000, .name = STR("p") };
    CHECK_OK(transform_parse(STR("identity"), test_arena(), &f->transform, &err));
    struct partition_spec spec = { .fields = f, .fields_n = 1 };
    struct table_update updates[] = {
        { .kind = UPDATE_ADD_SPEC, .spec = &spec },
        { .kind = UPDATE_SET_DEFAULT_SPEC, .id = LAST_ADDED },
    };
    struct table_change change = {
        .ns = STR("s"), .name = STR("t"), .updates = updates, .updates_n = 2
    };
    struct commit_result done;
    CHECK_OK(
        catalog_commit(lake->catalog, (str){ 0 }, &change, 1, NULL, test_arena(), &done, &err));
    ask(lake, "CALL system.rewrite_data_files('s.t')");
    CHECK_STR(count_files(lake), "2|0");
    CHECK(str_eq(all_rows(lake, 1), before));
    lake_close(lake);
}

TEST(compactions_that_are_wrong_say_so)
{
    struct lake *lake = open_lake();
    three_snapshots(lake);
    refuse(lake, "CALL system.rewrite_data_files('s.u')", ERR_NOT_FOUND, "does not exist");
    refuse(lake, "CALL system.rewrite_data_files('s.t', options => map('speed', 'high'))",
           ERR_INVALID, "no option \"speed\"");
    refuse(lake, "CALL system.rewrite_data_files('s.t', options => map('min-input-files', '0'))",
           ERR_INVALID, "cannot be");
    refuse(lake,
           "CALL system.rewrite_data_files('s.t', options => map('target-file-size-bytes', '10', "
           "'min-file-size-bytes', '20'))",
           ERR_INVALID, "has to be between");
    refuse(lake, "CALL system.rewrite_data_files('s.t', where => 'nothing = 1')", ERR_INVALID, "");
    refuse(lake, "CALL system.rewrite_data_files('s.t', where => '1=1); DROP TABLE s.t; --')",
           ERR_UNSUPPORTED, "");
    CHECK_STR(ask(lake, "SELECT * FROM s.t"), "2|b");
    lake_close(lake);
}

/* ---- Orphans */

TEST(call_removes_orphans)
{
    struct lake *lake = open_lake();
    three_snapshots(lake);
    const struct metadata *m = table_now(lake);
    const char *stray = arena_printf(test_arena(), STR_FMT "/data/stray", STR_ARG(m->location)).ptr;
    FILE *f = fopen(stray, "wb");
    CHECK(f && fputs("rows", f) >= 0 && fclose(f) == 0);
    CHECK_STR(ask(lake, "CALL system.remove_orphan_files('s.t')"), ""); /* too young */
    refuse(lake, "CALL system.remove_orphan_files('s.t', TIMESTAMP '2100-01-01')", ERR_INVALID,
           "24 hours");
    refuse(lake, "CALL system.remove_orphan_files('s.t', location => '/etc')", ERR_DENIED,
           "not the table's location");
    refuse(lake, "CALL system.remove_orphan_files('s.t', prefix_mismatch_mode => 'x')", ERR_INVALID,
           "ERROR, IGNORE or DELETE");
    refuse(lake, "CALL system.remove_orphan_files('s.t', file_list_view => 'x')", ERR_UNSUPPORTED,
           "file_list_view");
    refuse(lake, "CALL system.remove_orphan_files('s.t', equal_schemes => 'x')", ERR_INVALID,
           "has to be a map");
#define REMOVE                                                                                     \
    "CALL system.remove_orphan_files(table => 's.t', older_than => TIMESTAMP '2100-01-01', "       \
    "any_age => true, equal_schemes => map('a,b', 'c')"
    CHECK_STR(ask(lake, REMOVE ", dry_run => true)"), stray);
    CHECK_STR(ask(lake, REMOVE ")"), stray);
    CHECK_STR(ask(lake, REMOVE ")"), "");
    CHECK_STR(ask(lake, "SELECT * FROM s.t"), "2|b");
    ask(lake, "ALTER TABLE s.t SET TBLPROPERTIES ('gc.enabled' = 'false')");
    refuse(lake, "CALL system.remove_orphan_files('s.t')", ERR_DENIED, "gc.enabled");
    lake_close(lake);
}

/* ---- Manifests */

#define MANIFESTS                                                                                  \
    "SELECT count(*) FILTER (content = 0), count(*) FILTER (content > 0) FROM s.\"t$manifests\""
/* What a manifest must not change of an entry. */
#define ENTRIES                                                                                    \
    "SELECT snapshot_id, sequence_number, file_sequence_number, data_file.file_path, "             \
    "data_file.record_count FROM s.\"t$entries\" WHERE status < 2 ORDER BY ALL"

TEST(manifests_are_rewritten_and_entries_stay_what_they_are)
{
    struct lake *lake = open_lake();
    for (size_t m = 3; m < MODES; m++) {
        fill(lake, m, "PARTITIONED BY (p)");
        str rows = all_rows(lake, m), entries = ask(lake, ENTRIES);
        str done = ask(lake, "CALL system.rewrite_manifests('s.t')");
        CHECK(str_ends(done, str_of(m == 3 ? "|2" : "|1"))); /* vectors have one already */
        CHECK_STR(ask(lake, MANIFESTS), "1|1");
        CHECK(str_eq(all_rows(lake, m), rows));
        CHECK(str_eq(ask(lake, ENTRIES), entries));
        const struct snapshot *s = metadata_snapshot(table_now(lake));
        CHECK_STR(s->operation, "replace");
        CHECK_STR(property_get(&s->summary, "manifests-created", STR("-")), m == 3 ? "2" : "1");
        CHECK_STR(property_get(&s->summary, "manifests-kept", STR("-")), m == 4 ? "1" : "0");
        CHECK_STR(property_get(&s->summary, "added-data-files", STR("-")), "-");
        CHECK(!str_is(property_get(&s->summary, "entries-processed", STR("-")), "-"));
        CHECK_STR(ask(lake, "CALL system.rewrite_manifests('s.t')"), "0|0");
        CHECK_INT(metadata_snapshot(table_now(lake))->id, s->id);
        ask(lake, "INSERT INTO s.t VALUES (99, 'x', 1)"); /* row ids go on behind */
        ask(lake, "DELETE FROM s.t WHERE id = 5");
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "37");
        if (m == 4)
            CHECK_STR(ask(lake, "SELECT count(DISTINCT _row_id) FROM s.t"), "37");
    }
    lake_close(lake);
}

/* Partitions come together, in order, whatever the number of manifests; small ones make several passes. */
TEST(manifests_are_clustered_by_partition)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT, p INTEGER) PARTITIONED BY (p) "
              "WITH ('format-version'='1', 'commit.manifest-merge.enabled'='false')");
    for (int i = 0; i < 3; i++)
        ask(lake, text_f("INSERT INTO s.t SELECT i + %d, i %% 30 FROM range(30) r(i)", i * 30));
    str entries = ask(lake, ENTRIES);
    ask(lake, "ALTER TABLE s.t SET TBLPROPERTIES ('commit.manifest.target-size-bytes' = '1000')");
    str done = ask(lake, "CALL system.rewrite_manifests('s.t')");
    int64_t n = 0;
    CHECK(str_starts(done, STR("3|")) && str_to_i64(str_sub(done, 2, done.len), &n));
    CHECK(n > 8); /* more than one pass */
    CHECK(str_eq(ask(lake, ENTRIES), entries));
    CHECK_STR(ask(lake, "SELECT sum(id), count(*) FROM s.t"), "4005|90");
    /* Bounds do not overlap but at the edges. */
    str spans = ask(lake, "SELECT sum(CAST(partition_summaries[1].upper_bound AS INTEGER) - "
                          "CAST(partition_summaries[1].lower_bound AS INTEGER)) < 31 FROM "
                          "s.\"t$manifests\"");
    CHECK_STR(spans, "true");
    ask(lake,
        "ALTER TABLE s.t SET TBLPROPERTIES ('commit.manifest.target-size-bytes' = '8388608')");
    CHECK(str_ends(ask(lake, "CALL system.rewrite_manifests('s.t', false)"), STR("|1")));
    CHECK(str_eq(ask(lake, ENTRIES), entries));
    refuse(lake, "CALL system.rewrite_manifests('s.t', spec_id => 7)", ERR_NOT_FOUND,
           "no partition spec 7");
    refuse(lake, "CALL system.rewrite_manifests('s.t', sort_by => array('p'))", ERR_UNSUPPORTED,
           "sort_by");
    refuse(lake, "CALL system.rewrite_manifests('s.u')", ERR_NOT_FOUND, "does not exist");
    lake_close(lake);
}

/* ---- Strategies */

/* Sum over the files of how far apart a column's bounds are. */
static int64_t spread(struct lake *lake, const char *column)
{
    int64_t n = 0;
    str text = ask(lake, text_f("SELECT CAST(sum(readable_metrics.%s.upper_bound - "
                                "readable_metrics.%s.lower_bound) AS BIGINT) FROM s.\"t$files\"",
                                column, column));
    CHECK(str_to_i64(text, &n));
    return n;
}

static void shuffled(struct lake *lake, const char *more)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, text_f("CREATE TABLE s.t (a BIGINT, b INTEGER, name VARCHAR, p INTEGER) %s", more));
    for (int i = 0; i < 4; i++)
        ask(lake,
            text_f("INSERT INTO s.t SELECT (i * 7919) %% 40000, CAST((i * 104729) %% 40000 AS "
                   "INTEGER), md5(CAST(i AS VARCHAR)) || i, 1 FROM range(%d, %d) r(i)",
                   i * 10000, i * 10000 + 10000));
    ask(lake, "DELETE FROM s.t WHERE a = 77");
}

#define SUMS "SELECT count(*), sum(a), sum(b), count(DISTINCT name) FROM s.t"
#define REWRITE                                                                                    \
    "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true', "                 \
    "'target-file-size-bytes', '400000'), "

TEST(rows_are_sorted_across_files)
{
    struct lake *lake = open_lake();
    static const char *const tables[] = {
        "WITH ('format-version'='3')",
        "PARTITIONED BY (p) WITH ('write.delete.mode'='merge-on-read')",
    };
    for (size_t i = 0; i < 2; i++) {
        shuffled(lake, tables[i]);
        str sums = ask(lake, SUMS);
        int64_t before = spread(lake, "a");
        refuse(lake, REWRITE "strategy => 'sort')", ERR_INVALID, "no sort order");
        str done = ask(lake, REWRITE "strategy => 'sort', sort_order => 'a DESC NULLS LAST, b')");
        CHECK(str_starts(done, STR("4|")) && !str_starts(done, STR("4|1|")));
        CHECK(spread(lake, "a") < 40001 && before > 150000); /* files follow each other */
        CHECK(str_eq(ask(lake, SUMS), sums));
        CHECK_STR(ask(lake, "SELECT count(DISTINCT sort_order_id), min(sort_order_id) FROM "
                            "s.\"t$files\""),
                  "1|0"); /* not the table's order */
        CHECK_STR(ask(lake, "SELECT count(*) FROM (SELECT a, lag(a) OVER (PARTITION BY _file "
                            "ORDER BY _pos) AS before FROM s.t) WHERE a > before"),
                  "0");
        ask(lake, "ALTER TABLE s.t WRITE ORDERED BY b");
        ask(lake, REWRITE "strategy => 'sort')");
        CHECK(spread(lake, "b") < 40001);
        CHECK_STR(ask(lake, "SELECT count(DISTINCT sort_order_id), min(sort_order_id) FROM "
                            "s.\"t$files\""),
                  "1|1");
        CHECK(str_eq(ask(lake, SUMS), sums));
    }
    lake_close(lake);
}

TEST(rows_are_laid_along_a_curve)
{
    struct lake *lake = open_lake();
    shuffled(lake, "");
    str sums = ask(lake, SUMS);
    ask(lake, "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true', "
              "'target-file-size-bytes', '100000'), strategy => 'sort', sort_order => "
              "'zorder(a, b)')");
    str files = ask(lake, "SELECT count(*) FROM s.\"t$files\"");
    int64_t n = 0;
    CHECK(str_to_i64(files, &n) && n > 8);
    /* One column sorted would give 40,000 and n times that: a curve makes both small. */
    CHECK(spread(lake, "a") < n * 26000 && spread(lake, "b") < n * 26000);
    CHECK(str_eq(ask(lake, SUMS), sums));
    ask(lake, REWRITE "strategy => 'zorder', sort_order => 'name, a')");
    CHECK(str_eq(ask(lake, SUMS), sums));
    refuse(lake, REWRITE "strategy => 'zorder')", ERR_INVALID, "needs columns");
    refuse(lake, REWRITE "strategy => 'zorder', sort_order => 'a, nothing')", ERR_INVALID,
           "no column nothing");
    refuse(lake, REWRITE "strategy => 'sort', sort_order => 'zorder(a) DESC')", ERR_INVALID,
           "stands alone");
    refuse(lake, REWRITE "strategy => 'sort', sort_order => 'a b')", ERR_INVALID, "goes on");
    refuse(lake, REWRITE "sort_order => 'a')", ERR_INVALID, "needs the strategy sort");
    refuse(lake, REWRITE "strategy => 'best')", ERR_INVALID, "binpack, sort or zorder");
    lake_close(lake);
}

TEST(a_branch_of_the_table_is_maintained_by_itself)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake,
        "CREATE TABLE s.t (id BIGINT, name VARCHAR) WITH ('write.delete.mode'='merge-on-read')");
    ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b')");
    ask(lake, "ALTER TABLE s.t CREATE BRANCH \"x y\"");
    ask(lake, "INSERT INTO s.t.\"branch_x y\" VALUES (3, 'c'), (4, 'd')");
    ask(lake, "INSERT INTO s.t.\"branch_x y\" VALUES (5, 'e'), (6, 'f')");
    ask(lake, "DELETE FROM s.t.\"branch_x y\" WHERE id = 3");
    ask(lake, "DELETE FROM s.t.\"branch_x y\" WHERE id = 5");
    int64_t head = table_now(lake)->current_snapshot_id;
    CHECK_STR(ask(lake, "CALL system.rewrite_manifests(table => 's.t', branch => 'x y')"), "5|2");
    CHECK_STR(ask(lake, "SELECT count(*), sum(id) FROM s.t.\"branch_x y\""), "4|13");
    CHECK(
        str_starts(ask(lake, "CALL system.rewrite_position_delete_files(table => 's.t', branch => "
                             "'x y', options => map('rewrite-all', 'true'))"),
                   STR("2|1|")));
    CHECK(str_starts(ask(lake,
                         "CALL system.rewrite_data_files(table => 's.t', branch => 'x y', options "
                         "=> map('rewrite-all', 'true', 'remove-dangling-deletes', 'true'))"),
                     STR("3|1|")));
    CHECK_STR(ask(lake, "SELECT count(*), sum(id) FROM s.t.\"branch_x y\""), "4|13");
    CHECK_INT(table_now(lake)->current_snapshot_id, head); /* main is where it was */
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "2");
    refuse(lake, "CALL system.rewrite_manifests(table => 's.t', branch => 'none')", ERR_NOT_FOUND,
           "none");
    refuse(lake, "CALL system.rewrite_data_files(table => 's.t', branch => 'none')", ERR_NOT_FOUND,
           "none");
    refuse(lake, "CALL system.expire_snapshots(table => 's.t', branch => 'x y')", ERR_INVALID,
           "branch");
    lake_close(lake);
}

/* Rows in order fill files of the target size, those of a partition too. */
TEST(sorted_writes_are_cut)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    static const char *const by[] = { "", "PARTITIONED BY (p)" };
    for (size_t i = 0; i < 2; i++) {
        ask(lake, "DROP TABLE IF EXISTS s.t");
        ask(lake,
            text_f("CREATE TABLE s.t (id BIGINT, p INT) %s WITH ('write.target-file-size-bytes' = "
                   "'100000')",
                   by[i]));
        ask(lake, "ALTER TABLE s.t WRITE ORDERED BY id");
        ask(lake, "INSERT INTO s.t SELECT hash(i) // 3, i % 2 FROM range(100000) r(i)");
        CHECK_STR(ask(lake,
                      "SELECT count(*) >= 8, max(file_size_in_bytes) < 200000, min(sort_order_id), "
                      "sum(record_count) FROM s.t.files"),
                  "true|true|1|100000");
        CHECK_STR(ask(lake, "SELECT count(*), count(DISTINCT id) FROM s.t"), "100000|100000");
        /* No two files of a partition overlap. */
        CHECK_STR(ask(lake,
                      "SELECT count(*) FROM (SELECT a, lag(z) OVER (PARTITION BY p ORDER BY a) AS "
                      "before FROM (SELECT min(id) AS a, max(id) AS z, "
                      "CASE WHEN _partition IS NULL THEN 0 ELSE min(p) END AS p FROM s.t GROUP BY "
                      "_file, _partition)) WHERE a < before"),
                  "0");
    }
    lake_close(lake);
}
