/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition statistics over real files: they say what the manifests say, made at once or step by step. */
#include "sql/partition_stats.h"

#include <unistd.h>

#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "iceberg/statistics.h"
#include "io/store.h"
#include "lake_test.h"

static struct error err;

static const struct metadata *table_now(struct lake *lake)
{
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata;
}

static struct partition_stats_result compute(struct lake *lake)
{
    struct partition_stats_request req = { .table = STR("s.t") };
    struct partition_stats_result out;
    CHECK_OK(maintain_partition_stats(lake, &req, test_arena(), &out, &err));
    return out;
}

static str local_file(struct lake *lake, str uri)
{
    str path, local;
    CHECK_OK(store_from_uri(lake->warehouse, uri, test_arena(), &path, &err));
    CHECK_OK(store_local_path(lake->warehouse, path, test_arena(), &local, &err));
    return local;
}

/* Rows of a file, read as plain Parquet. */
static str rows_of(struct lake *lake, str uri, const char *columns)
{
    return ask(lake, arena_printf(test_arena(), "SELECT %s FROM read_parquet('" STR_FMT "')",
                                  columns, STR_ARG(local_file(lake, uri)))
                         .ptr);
}

static struct lake *partitioned(int version)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, arena_printf(test_arena(),
                           "CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH "
                           "('format-version' = '%d', 'write.delete.mode' = 'merge-on-read')",
                           version)
                  .ptr);
    ask(lake, "INSERT INTO s.t SELECT i, CASE WHEN i < 30 THEN 'a' WHEN i < 50 THEN 'b' END FROM "
              "range(60) r(i)");
    return lake;
}

TEST(each_partition_has_a_row)
{
    struct lake *lake = partitioned(2);
    ask(lake, "INSERT INTO s.t SELECT i, 'b' FROM range(100, 105) r(i)");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 2, 3)");
    struct partition_stats_result r = compute(lake);
    CHECK(r.written && !r.incremental);
    CHECK_INT(r.partitions, 3);
    CHECK_STR(
        rows_of(lake, r.path,
                "\"partition\".p, spec_id, data_record_count, data_file_count, "
                "position_delete_record_count, position_delete_file_count, "
                "equality_delete_record_count, equality_delete_file_count, total_record_count"),
        "NULL|0|10|1|0|0|0|0|10\na|0|30|1|3|1|0|0|NULL\nb|0|25|2|0|0|0|0|25");
    const struct metadata *m = table_now(lake);
    CHECK_INT(m->partition_statistics_n, 1);
    CHECK_INT(m->partition_statistics[0].snapshot_id, m->current_snapshot_id);
    CHECK(str_find(r.path, STR("/metadata/partition-stats-")) > 0);
    lake_close(lake);
}

TEST(vectors_are_counted_apart)
{
    struct lake *lake = partitioned(3);
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 2, 3)");
    struct partition_stats_result r = compute(lake);
    CHECK_STR(rows_of(lake, r.path,
                      "\"partition\".p, data_record_count, position_delete_record_count, "
                      "position_delete_file_count, dv_count, total_record_count"),
              "NULL|10|0|0|0|10\na|30|3|0|1|27\nb|20|0|0|0|20");
    lake_close(lake);
}

/* The same rows, whether all manifests are read or those since. */
static void go_on(int version)
{
    static const char *const steps[] = {
        "INSERT INTO s.t SELECT i, 'c' FROM range(200, 210) r(i)",
        "DELETE FROM s.t WHERE id IN (31, 32, 205)",
        "DELETE FROM s.t WHERE p IS NULL",
        "UPDATE s.t SET p = 'd' WHERE id = 5",
        "DELETE FROM s.t WHERE id IN (33, 34, 206)",
        "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true'))",
        "INSERT INTO s.t SELECT 900, NULL",
        "DELETE FROM s.t",
        "INSERT INTO s.t SELECT 901, 'z'",
    };
    struct lake *lake = partitioned(version);
    compute(lake);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        ask(lake, steps[i]);
        if (i % 3 == 1)
            continue; /* several snapshots at once */
        str plain = ask(lake, "SELECT \"partition\".p, * EXCLUDE (\"partition\", last_updated_at, "
                              "last_updated_snapshot_id) FROM s.t.partitions ORDER BY ALL");
        struct partition_stats_result r = compute(lake);
        CHECK(r.incremental);
        CHECK(r.written == (r.partitions > 0));
        CHECK_STR(ask(lake, "SELECT \"partition\".p, * EXCLUDE (\"partition\", last_updated_at, "
                            "last_updated_snapshot_id) FROM s.t.partitions ORDER BY ALL"),
                  arena_cstr(test_arena(), plain));
    }
    lake_close(lake);
}

TEST(going_on_gives_what_all_manifests_give)
{
    go_on(2);
}

TEST(going_on_with_vectors_too)
{
    go_on(3);
}

TEST(the_table_partitions_comes_out_of_the_file)
{
    struct lake *lake = partitioned(2);
    str plain = ask(lake, "SELECT * FROM s.t.partitions ORDER BY ALL");
    struct partition_stats_result r = compute(lake);
    CHECK_STR(ask(lake, "SELECT * FROM s.t.partitions ORDER BY ALL"),
              arena_cstr(test_arena(), plain));
    /* Proof that it was read: another file of the same size is not what metadata means, but it is what is there. */
    str path = local_file(lake, r.path);
    CHECK(unlink(path.ptr) == 0);
    CHECK_STR(ask(lake, "SELECT * FROM s.t.partitions ORDER BY ALL"), /* manifests are left */
              arena_cstr(test_arena(), plain));
    lake_close(lake);
}

TEST(a_file_that_is_damaged_is_made_anew)
{
    struct lake *lake = partitioned(2);
    struct partition_stats_result r = compute(lake);
    str path;
    CHECK_OK(store_from_uri(lake->warehouse, r.path, test_arena(), &path, &err));
    CHECK_OK(store_put(lake->warehouse, path, STR("PAR1 nothing PAR1"), STORE_REPLACE, &err));
    ask(lake, "INSERT INTO s.t SELECT 900, 'a'");
    r = compute(lake);
    CHECK(r.written && !r.incremental);
    CHECK_INT(r.partitions, 3);
    lake_close(lake);
}

TEST(evolution_keeps_what_was)
{
    struct lake *lake = partitioned(2);
    compute(lake);
    ask(lake, "ALTER TABLE s.t ADD PARTITION FIELD bucket(4, id)");
    ask(lake, "INSERT INTO s.t SELECT i, 'a' FROM range(1000, 1100) r(i)");
    struct partition_stats_result r = compute(lake);
    CHECK(r.incremental);
    CHECK_INT(r.partitions, 3 + 4);
    CHECK_STR(rows_of(lake, r.path, "sum(data_record_count), count(DISTINCT spec_id)"), "160|2");
    lake_close(lake);
}

TEST(procedure_and_refusals)
{
    struct lake *lake = partitioned(2);
    int64_t first = table_now(lake)->current_snapshot_id;
    ask(lake, "INSERT INTO s.t SELECT 900, 'x'");
    ask(lake, arena_printf(test_arena(), "CALL system.compute_partition_stats('s.t', %lld)",
                           (long long)first)
                  .ptr);
    CHECK_INT(table_now(lake)->partition_statistics[0].snapshot_id, first);
    str path = ask(lake, "CALL system.compute_partition_stats(table => 's.t')");
    CHECK(path.len > 0);
    CHECK_STR(ask(lake, "CALL system.compute_partition_stats('s.t')"), /* it is there already */
              arena_cstr(test_arena(), path));
    CHECK_INT(table_now(lake)->partition_statistics_n, 2);
    ask(lake, "CALL system.expire_snapshots('s.t', TIMESTAMP '2100-01-01', 1)");
    CHECK_INT(table_now(lake)->partition_statistics_n, 1);
    ask(lake, "CREATE TABLE s.flat AS SELECT 1 AS a");
    refuse(lake, "CALL system.compute_partition_stats('s.flat')", ERR_INVALID, "no partitions");
    refuse(lake, "CALL system.compute_partition_stats('s.t', 77)", ERR_NOT_FOUND, "77");
    ask(lake, "CREATE TABLE s.empty (a BIGINT) PARTITIONED BY (a)");
    CHECK_STR(ask(lake, "CALL system.compute_partition_stats('s.empty')"), "");
    lake_close(lake);
}
