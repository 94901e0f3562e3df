/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's own snapshots, branches and tags through SQL: procedures that move between them, files that are taken over. */
#include <sys/stat.h>

#include "catalog/table.h"
#include "engine/session.h"
#include "iceberg/metadata.h"
#include "lake_test.h"

static const struct metadata *table_of(struct lake *lake, const char *name)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), str_of(name), test_arena(), &t,
                                &err));
    return t.metadata;
}

static const struct metadata *table_now(struct lake *lake)
{
    return table_of(lake, "t");
}

static int64_t head(struct lake *lake)
{
    return table_now(lake)->current_snapshot_id;
}

static str rows(struct lake *lake)
{
    return ask(lake, "SELECT id FROM s.t ORDER BY id");
}

/* Three appends: ids[0] has row 1, ids[1] also 2, ids[2] also 3. */
static void three_appends(struct lake *lake, const char *version, int64_t ids[3])
{
    ask(lake, "CREATE SCHEMA s");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT) WITH ('format-version'='%s')", version));
    for (int i = 0; i < 3; i++) {
        ask(lake, text_f("INSERT INTO s.t SELECT %d", i + 1));
        ids[i] = head(lake);
    }
}

static str summary(struct lake *lake, const char *key)
{
    const struct metadata *m = table_now(lake);
    return property_get(&metadata_snapshot(m)->summary, key, STR("-"));
}

static const char *id_text(int64_t id)
{
    return text_f("%lld", (long long)id);
}

TEST(rollback_goes_back_only)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "2", ids);
    CHECK_STR(ask(lake, text_f("CALL system.rollback_to_snapshot('s.t', %lld)", (long long)ids[0])),
              text_f("%lld|%lld", (long long)ids[2], (long long)ids[0]));
    CHECK_STR(rows(lake), "1");
    refuse(lake, text_f("CALL system.rollback_to_snapshot('s.t', %lld)", (long long)ids[2]),
           ERR_INVALID, "not an ancestor");
    refuse(lake, "CALL system.rollback_to_snapshot('s.t', 77)", ERR_NOT_FOUND, "no snapshot 77");
    refuse(lake, "CALL system.rollback_to_snapshot('s.t')", ERR_INVALID, "snapshot_id is missing");
    size_t log = table_now(lake)->snapshot_log_n; /* to where it is: nothing is committed */
    ask(lake, text_f("CALL system.rollback_to_snapshot(table => 's.t', snapshot_id => %lld)",
                     (long long)ids[0]));
    CHECK_INT((int64_t)table_now(lake)->snapshot_log_n, (int64_t)log);
    CHECK_STR(ask(lake, text_f("CALL system.set_current_snapshot('s.t', %lld)", (long long)ids[2])),
              text_f("%lld|%lld", (long long)ids[0], (long long)ids[2]));
    CHECK_STR(rows(lake), "1\n2\n3");
    lake_close(lake);
}

TEST(rollback_to_a_time)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "1", ids);
    const struct snapshot *second = metadata_snapshot_by_id(table_now(lake), ids[1]);
    ask(lake,
        text_f("CALL system.rollback_to_timestamp('s.t', %lld)", (long long)second->timestamp_ms));
    CHECK_STR(rows(lake), "1"); /* strictly older */
    refuse(lake, "CALL system.rollback_to_timestamp('s.t', TIMESTAMP '2001-01-01 00:00:00')",
           ERR_NOT_FOUND, "that old");
    lake_close(lake);
}

TEST(ancestors_are_told_newest_first)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "2", ids);
    const struct metadata *m = table_now(lake);
    long long t0 = (long long)metadata_snapshot_by_id(m, ids[0])->timestamp_ms;
    long long t1 = (long long)metadata_snapshot_by_id(m, ids[1])->timestamp_ms;
    CHECK_STR(ask(lake, text_f("CALL system.ancestors_of('s.t', %lld)", (long long)ids[1])),
              text_f("%lld|%lld\n%lld|%lld", (long long)ids[1], t1, (long long)ids[0], t0));
    ask(lake, "CREATE TABLE s.e (id BIGINT)");
    CHECK_STR(ask(lake, "CALL system.ancestors_of('s.e')"), "");
    lake_close(lake);
}

/* ---- Cherry-picks */

TEST(an_append_is_picked_once)
{
    static const char *const versions[] = { "1", "2", "3" };
    for (size_t v = 0; v < 3; v++) {
        struct lake *lake = open_lake();
        int64_t ids[3];
        ask(lake, "DROP SCHEMA IF EXISTS s");
        three_appends(lake, versions[v], ids);
        const char *pick =
            text_f("CALL system.cherrypick_snapshot('s.t', %lld)", (long long)ids[2]);
        refuse(lake, pick, ERR_CONFLICT, "history already");
        ask(lake, text_f("CALL system.rollback_to_snapshot('s.t', %lld)", (long long)ids[0]));
        str answer = ask(lake, pick);
        CHECK(str_starts(answer, str_of(id_text(ids[2]))));
        CHECK(head(lake) != ids[2]);
        CHECK_STR(rows(lake), "1\n3");
        CHECK_STR(summary(lake, "source-snapshot-id"), id_text(ids[2]));
        CHECK_STR(summary(lake, "total-records"), "2");
        refuse(lake, pick, ERR_CONFLICT, "picked already");
        CHECK_STR(rows(lake), "1\n3");
        if (v == 2)
            CHECK_STR(ask(lake, "SELECT count(DISTINCT _row_id) FROM s.t"), "2");
        ask(lake, "DROP TABLE s.t");
        lake_close(lake);
    }
}

TEST(a_child_of_the_head_is_fast_forwarded)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "2", ids);
    ask(lake, text_f("CALL system.rollback_to_snapshot('s.t', %lld)", (long long)ids[1]));
    CHECK_STR(ask(lake, text_f("CALL system.cherrypick_snapshot('s.t', %lld)", (long long)ids[2])),
              text_f("%lld|%lld", (long long)ids[2], (long long)ids[2]));
    CHECK_INT(head(lake), ids[2]);
    /* A delete can be fast-forwarded, but not picked. */
    ask(lake, "DELETE FROM s.t WHERE id = 1");
    int64_t gone = head(lake);
    ask(lake, text_f("CALL system.rollback_to_snapshot('s.t', %lld)", (long long)ids[1]));
    refuse(lake, text_f("CALL system.cherrypick_snapshot('s.t', %lld)", (long long)gone),
           ERR_INVALID, "neither an append");
    refuse(lake, "CALL system.cherrypick_snapshot('s.t', 5)", ERR_NOT_FOUND, "no snapshot 5");
    lake_close(lake);
}

/* ---- Format versions */

TEST(tables_are_upgraded)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "1", ids);
    CHECK_STR(ask(lake, "CALL system.upgrade('s.t', 2)"), "1|2");
    CHECK_STR(ask(lake, "CALL system.upgrade('s.t', 2)"), "2|2");
    ask(lake, "INSERT INTO s.t SELECT 4");
    CHECK_INT(metadata_snapshot(table_now(lake))->sequence_number, 1);
    CHECK_STR(ask(lake, "CALL system.upgrade(table => 's.t', format_version => 3)"), "2|3");
    CHECK_INT(table_now(lake)->next_row_id, 0);
    CHECK_STR(ask(lake, "SELECT count(_row_id), count(*) FROM s.t"), "0|4"); /* no ids yet */
    ask(lake, "INSERT INTO s.t SELECT 5");
    CHECK_STR(ask(lake, "SELECT count(DISTINCT _row_id), min(_row_id), max(_row_id) FROM s.t"),
              "5|0|4");
    CHECK_INT(table_now(lake)->next_row_id, 5);
    refuse(lake, "CALL system.upgrade('s.t', 2)", ERR_INVALID, "cannot go back");
    refuse(lake, "CALL system.upgrade('s.t', 9)", ERR_UNSUPPORTED, "not supported");
    CHECK_STR(rows(lake), "1\n2\n3\n4\n5");
    lake_close(lake);
}

/* ---- Taking tables and files over */

TEST(a_metadata_file_is_registered)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct table t;
    int64_t ids[3];
    three_appends(lake, "2", ids);
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    CHECK_STR(ask(lake, text_f("CALL system.register_table('s.u', '" STR_FMT "')",
                               STR_ARG(t.metadata_location))),
              text_f("%lld|3|3", (long long)ids[2]));
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.u"), "3");
    refuse(lake,
           text_f("CALL system.register_table('s.u', '" STR_FMT "')", STR_ARG(t.metadata_location)),
           ERR_EXISTS, "exists");
    refuse(lake, "CALL system.register_table('s.v')", ERR_INVALID, "metadata_file is missing");
    lake_close(lake);
}

static const char *folder(struct lake *lake, const char *name)
{
    const char *path = text_f("%s/warehouse/%s", lake->dir, name);
    mkdir(text_f("%s/warehouse", lake->dir), 0777);
    mkdir(path, 0777);
    return path;
}

static void parquet(struct lake *lake, const char *query, const char *path)
{
    struct error err = { 0 };
    struct session *s;
    CHECK_OK(session_open(lake->engine, &s, &err));
    CHECK_OK(
        session_exec(s, str_of(text_f("COPY (%s) TO '%s' (FORMAT parquet)", query, path)), &err));
    session_close(s);
}

/* The engine asks a bloom filter of bytes for the wrong hash: rows that are there must come all the same, whoever wrote the filter. */
TEST(bloom_filters_of_bytes_hide_no_row)
{
    struct lake *lake = open_lake();
    const char *in = folder(lake, "bytes");
    for (int i = 0; i < 2; i++)
        parquet(lake,
                "SELECT CASE WHEN i % 2 = 0 THEN unhex('00ff') ELSE unhex('616263') END AS b "
                "FROM range(4000) r(i)",
                text_f("%s/%d.parquet", in, i));
    CHECK_STR(ask(lake, text_f("SELECT count(bloom_filter_offset) FROM "
                               "parquet_metadata('%s/0.parquet')",
                               in)),
              "1"); /* else nothing is shown here */
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (b BLOB)");
    ask(lake, text_f("CALL system.add_files('s.t', '`parquet`.`%s`')", in));
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t WHERE b = unhex('00ff')"), "4000");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t WHERE b IN (unhex('00ff'), unhex('01'))"),
              "4000");
    ask(lake, "CREATE TABLE s.u (b BLOB, x DOUBLE) WITH ("
              "'write.parquet.bloom-filter-enabled.column.b' = 'true', "
              "'write.parquet.bloom-filter-enabled.column.x' = 'true')");
    ask(lake, "INSERT INTO s.u SELECT b, CASE WHEN b = unhex('00ff') THEN '-0.0'::DOUBLE ELSE 1 "
              "END FROM s.t");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.u WHERE b = unhex('00ff')"), "4000");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.u WHERE x = 0"), "4000");
    lake_close(lake);
}

TEST(files_without_ids_get_a_name_mapping)
{
    struct lake *lake = open_lake();
    const char *in = folder(lake, "in");
    parquet(
        lake,
        "SELECT i::BIGINT AS id, 'n' || i AS name, {'x': i, 'y': 'q'} AS st FROM range(1, 4) r(i)",
        text_f("%s/a.parquet", in));
    parquet(lake,
            "SELECT i::INTEGER AS id, NULL::VARCHAR AS name, 7 AS other FROM range(10, 12) r(i)",
            text_f("%s/b.parquet", in));
    parquet(lake, "SELECT 1 AS nothing", text_f("%s/_hidden.parquet", in));
    ask(lake, "CREATE SCHEMA s");
    ask(lake,
        "CREATE TABLE s.t (id BIGINT NOT NULL, name VARCHAR, st STRUCT(x BIGINT, y VARCHAR))");
    CHECK_STR(ask(lake, text_f("CALL system.add_files('s.t', '`parquet`.`%s`')", in)), "2|1");
    CHECK_STR(ask(lake, "SELECT id, name, st.x FROM s.t ORDER BY id"),
              "1|n1|1\n2|n2|2\n3|n3|3\n10|NULL|NULL\n11|NULL|NULL");
    CHECK_STR(ask(lake, "SELECT count(*), min(id), max(id) FROM s.t"), "5|1|11");
    CHECK(metadata_property(table_now(lake), "schema.name-mapping.default", (str){ 0 }).len > 0);
    CHECK_STR(ask(lake,
                  "SELECT lower_bounds IS NOT NULL, record_count, value_counts IS NOT NULL FROM "
                  "s.t.files ORDER BY record_count"),
              "true|2|true\ntrue|3|true");
    /* Bounds from the footers prune. */
    struct sql_outcome out;
    CHECK_STR(ask_on(lake, "", "SELECT name FROM s.t WHERE id = 2", &out), "n2");
    CHECK_INT(out.scans[0].files_read, 1);
    refuse(lake, text_f("CALL system.add_files('s.t', '%s')", in), ERR_EXISTS,
           "in the table already");
    ask(lake, text_f("CALL system.add_files(table => 's.t', source_table => '%s/*.parquet', "
                     "check_duplicate_files => false)",
                     in));
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "10");
    lake_close(lake);
}

TEST(partitions_come_from_folders_or_bounds)
{
    struct lake *lake = open_lake();
    const char *in = folder(lake, "in");
    folder(lake, "in/p=x");
    folder(lake, "in/p=__HIVE_DEFAULT_PARTITION__");
    parquet(lake, "SELECT 1 AS id, DATE '2020-02-03' AS d", text_f("%s/p=x/a.parquet", in));
    parquet(lake, "SELECT 2 AS id, DATE '2020-03-03' AS d",
            text_f("%s/p=__HIVE_DEFAULT_PARTITION__/b.parquet", in));
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id INTEGER, d DATE, p VARCHAR) PARTITIONED BY (p, month(d))");
    CHECK_STR(ask(lake, text_f("CALL system.add_files('s.t', 'parquet.%s', map('p', 'x'))", in)),
              "1|1");
    CHECK_STR(ask(lake, "SELECT id, d, p FROM s.t"), "1|2020-02-03|x");
    CHECK_STR(ask(lake, text_f("CALL system.add_files('s.t', '%s/p=__HIVE*/*')", in)), "1|1");
    CHECK_STR(ask(lake, "SELECT id, p FROM s.t WHERE p IS NULL"), "2|NULL");
    CHECK_STR(ask(lake, "SELECT id FROM s.t WHERE d < DATE '2020-03-01'"), "1");
    /* Two months in one file: no value is certain. */
    parquet(lake, "SELECT unnest([DATE '2020-02-03', DATE '2020-03-03']) AS d, 3 AS id",
            text_f("%s/p=x/c.parquet", in));
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/p=x/c.parquet')", in), ERR_INVALID,
           "neither in its path nor certain");
    /* The column is in the file and says something else. */
    parquet(lake, "SELECT 4 AS id, DATE '2020-02-03' AS d, 'z' AS p",
            text_f("%s/p=x/d.parquet", in));
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/p=x/d.parquet')", in), ERR_INVALID,
           "holds other values: z");
    lake_close(lake);
}

TEST(files_of_another_table)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.f (id BIGINT, p VARCHAR) PARTITIONED BY (bucket(4, id))");
    ask(lake, "INSERT INTO s.f SELECT i, 'p' || i FROM range(20) r(i)");
    ask(lake, "CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (bucket(4, id))");
    CHECK_STR(ask(lake, "CALL system.add_files('s.t', 's.f')"), "4|4");
    CHECK_STR(ask(lake, "SELECT count(*), sum(id) FROM s.t"), "20|190");
    CHECK_STR(ask(lake, "SELECT p FROM s.t WHERE id = 7"), "p7");
    /* The ids of another layout are refused rather than mixed up. */
    ask(lake, "CREATE TABLE s.o (p VARCHAR, id BIGINT)");
    refuse(lake, "CALL system.add_files('s.o', 's.f')", ERR_INVALID, "");
    ask(lake, "CREATE TABLE s.n (id BIGINT, p VARCHAR) PARTITIONED BY (bucket(8, id))");
    refuse(lake, "CALL system.add_files('s.n', 's.f')", ERR_INVALID, "neither in its path");
    /* Rows that are deleted would come back. */
    ask(lake, "CREATE TABLE s.d (id BIGINT) WITH ('write.delete.mode'='merge-on-read')");
    ask(lake, "INSERT INTO s.d SELECT * FROM range(10)");
    ask(lake, "DELETE FROM s.d WHERE id = 3");
    ask(lake, "CREATE TABLE s.e (id BIGINT)");
    refuse(lake, "CALL system.add_files('s.e', 's.d')", ERR_INVALID, "compact the table first");
    lake_close(lake);
}

TEST(files_that_do_not_fit_are_refused)
{
    struct lake *lake = open_lake();
    const char *in = folder(lake, "in");
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT NOT NULL, name VARCHAR)");
    parquet(lake, "SELECT 'x' AS id", text_f("%s/text.parquet", in));
    parquet(lake, "SELECT 'x' AS name", text_f("%s/less.parquet", in));
    parquet(lake, "SELECT 1 AS other", text_f("%s/other.parquet", in));
    parquet(lake, "SELECT NULL::BIGINT AS id", text_f("%s/null.parquet", in));
    FILE *f = fopen(text_f("%s/bad.parquet", in), "wb");
    CHECK(f && fputs("PAR1 this is no file PAR1", f) >= 0 && fclose(f) == 0);
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/text.parquet')", in), ERR_INVALID,
           "cannot be read as long");
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/less.parquet')", in), ERR_INVALID,
           "required column id is not in the file");
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/other.parquet')", in), ERR_INVALID, "");
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/null.parquet')", in), ERR_INVALID,
           "nulls");
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/bad.parquet')", in), ERR_INVALID,
           "bad.parquet");
    refuse(lake, text_f("CALL system.add_files('s.t', '%s/none*')", in), ERR_NOT_FOUND, "no files");
    refuse(lake, "CALL system.add_files('s.t', '/etc')", ERR_DENIED, "outside");
    refuse(lake, "CALL system.add_files('s.t', '`orc`.`/x`')", ERR_UNSUPPORTED, "only Parquet");
    refuse(lake, "CALL system.add_files('s.t', 's.none')", ERR_NOT_FOUND, "");
    CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "0");
    CHECK_INT((int64_t)table_now(lake)->snapshots_n, 0);
    lake_close(lake);
}

/* ---- Branches and tags of the table */

static str refs(struct lake *lake)
{
    return ask(lake, "SELECT name, type, max_reference_age_in_ms, min_snapshots_to_keep, "
                     "max_snapshot_age_in_ms FROM s.t.refs ORDER BY name");
}

TEST(branches_and_tags_are_made_and_dropped)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "2", ids);
    ask(lake, "ALTER TABLE s.t CREATE BRANCH b");
    ask(lake, text_f("ALTER TABLE s.t CREATE TAG \"a tag\" AS OF VERSION %lld RETAIN 7 DAYS",
                     (long long)ids[0]));
    ask(lake,
        "ALTER TABLE s.t CREATE BRANCH c RETAIN 2 HOURS WITH SNAPSHOT RETENTION 3 SNAPSHOTS 4 DAYS");
    ask(lake, "ALTER TABLE s.t CREATE BRANCH d WITH SNAPSHOT RETENTION 5 MINUTES");
    CHECK_STR(refs(lake), "a tag|TAG|604800000|NULL|NULL\n"
                          "b|BRANCH|NULL|NULL|NULL\n"
                          "c|BRANCH|7200000|3|345600000\n"
                          "d|BRANCH|NULL|NULL|300000\n"
                          "main|BRANCH|NULL|NULL|NULL");
    CHECK_STR(ask(lake, "SELECT id FROM s.t FOR VERSION AS OF 'a tag'"), "1");
    /* Again. */
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b", ERR_EXISTS, "already");
    ask(lake, "ALTER TABLE s.t CREATE BRANCH IF NOT EXISTS b");
    refuse(lake, "ALTER TABLE s.t CREATE TAG b", ERR_INVALID, "is a branch");
    refuse(lake, "ALTER TABLE s.t REPLACE BRANCH e", ERR_NOT_FOUND, "no branch");
    ask(lake,
        text_f("ALTER TABLE s.t CREATE OR REPLACE BRANCH c AS OF VERSION %lld", (long long)ids[1]));
    CHECK_INT(metadata_ref(table_now(lake), STR("c"))->snapshot_id, ids[1]);
    CHECK_INT(metadata_ref(table_now(lake), STR("c"))->min_snapshots_to_keep, 3); /* stays */
    ask(lake, text_f("ALTER TABLE s.t REPLACE TAG \"a tag\" AS OF VERSION %lld RETAIN 1 DAYS",
                     (long long)ids[1]));
    CHECK_INT(metadata_ref(table_now(lake), STR("a tag"))->max_ref_age_ms, 86400000);
    /* Moves. */
    CHECK_STR(ask(lake, "CALL system.fast_forward('s.t', 'c', 'main')"),
              text_f("c|%lld|%lld", (long long)ids[1], (long long)ids[2]));
    ask(lake, "INSERT INTO s.t SELECT 4");
    refuse(lake, "CALL system.fast_forward('s.t', 'main', 'c')", ERR_INVALID, "not an ancestor");
    refuse(lake, "CALL system.fast_forward('s.t', 'a tag', 'main')", ERR_INVALID, "is a tag");
    refuse(lake, "CALL system.fast_forward('s.t', 'c', 'nix')", ERR_NOT_FOUND, "no branch or tag");
    CHECK(
        str_starts(ask(lake, "CALL system.fast_forward('s.t', 'new', 'main')"), STR("new|NULL|")));
    ask(lake, "CALL system.set_current_snapshot(table => 's.t', ref => 'a tag')");
    CHECK_INT(head(lake), ids[1]);
    refuse(lake, "CALL system.set_current_snapshot('s.t')", ERR_INVALID, "either");
    /* Dropping. */
    ask(lake, "ALTER TABLE s.t DROP BRANCH b");
    ask(lake, "ALTER TABLE s.t DROP TAG \"a tag\"");
    ask(lake, "ALTER TABLE s.t DROP BRANCH IF EXISTS b");
    refuse(lake, "ALTER TABLE s.t DROP BRANCH b", ERR_NOT_FOUND, "no branch");
    refuse(lake, "ALTER TABLE s.t DROP TAG c", ERR_INVALID, "is a branch");
    refuse(lake, "ALTER TABLE s.t DROP BRANCH main", ERR_INVALID, "cannot be dropped");
    lake_close(lake);
}

TEST(refs_that_are_written_wrongly)
{
    struct lake *lake = open_lake();
    int64_t ids[3];
    three_appends(lake, "2", ids);
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH", ERR_INVALID, "is missing");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b x", ERR_INVALID, "not expected");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b AS OF VERSION 'x'", ERR_INVALID, "whole number");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b AS OF VERSION 99", ERR_NOT_FOUND,
           "no snapshot 99");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b RETAIN 0 DAYS", ERR_INVALID, "from 1");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b RETAIN 3 WEEKS", ERR_INVALID, "DAYS, HOURS");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b RETAIN 3", ERR_INVALID, "DAYS, HOURS");
    refuse(lake, "ALTER TABLE s.t CREATE TAG b WITH SNAPSHOT RETENTION 3 SNAPSHOTS", ERR_INVALID,
           "a tag keeps");
    refuse(lake, "ALTER TABLE s.t CREATE BRANCH b WITH SNAPSHOT RETENTION", ERR_INVALID, "");
    refuse(lake, "ALTER TABLE s.none CREATE BRANCH b", ERR_NOT_FOUND, "");
    ask(lake, "CREATE TABLE s.e (id BIGINT)");
    refuse(lake, "ALTER TABLE s.e CREATE BRANCH b", ERR_INVALID, "no snapshot");
    CHECK_INT((int64_t)table_now(lake)->refs_n, 1);
    lake_close(lake);
}
