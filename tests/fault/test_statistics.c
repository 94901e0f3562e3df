/* SPDX-License-Identifier: Apache-2.0
 *
 * ANALYZE and partition statistics under every single fault of the store: the statement fails and metadata is as it was, or it succeeds and
 * the file that metadata names is whole. */
#include "catalog/table.h"
#include "iceberg/statistics.h"
#include "io/fault.h"
#include "io/store.h"
#include "unit/sql/lake_test.h"

#define OPERATIONS_MAX 200

static struct error err;

static const struct metadata *fill(struct lake *lake)
{
    struct table t;
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, "CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p)");
    ask(lake, "INSERT INTO s.t SELECT i, 'p' || i % 3 FROM range(50) r(i)");
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata;
}

static bool run_with(struct lake *lake, const char *sql, struct fault *plan)
{
    struct error ignored = { 0 };
    struct sql_outcome out;
    struct store *real = lake->warehouse;
    lake->warehouse = store_fault_create(real, plan);
    bool ok = execute(lake, "", false, str_of(sql), &out, &ignored);
    if (ok)
        sql_close(&out);
    store_destroy(lake->warehouse);
    lake->warehouse = real;
    return ok;
}

static void check_columns(struct lake *lake, const struct metadata *m, bool done)
{
    struct column_sketch *sketches;
    size_t n;
    CHECK_INT(m->statistics_n, done);
    if (!done)
        return;
    CHECK_OK(
        statistics_read(lake->warehouse, &m->statistics[0], test_arena(), &sketches, &n, &err));
    CHECK_INT(n, 2);
    CHECK_INT(statistics_distinct(&m->statistics[0], 1), 50);
}

static void check_partitions(struct lake *lake, const struct metadata *m, bool done)
{
    CHECK_INT(m->partition_statistics_n, done);
    CHECK_STR(
        ask(lake,
            "SELECT string_agg(\"partition\".p || record_count, ' ' ORDER BY \"partition\".p) FROM s.t.partitions"),
        "p017 p117 p216");
}

static void sweep(const char *sql, enum fault_kind kind, bool reads,
                  void (*check)(struct lake *lake, const struct metadata *m, bool done))
{
    struct lake *lake = open_lake();
    int64_t nth = 0;
    for (bool ok = false; !ok; nth++) {
        struct fault plan = FAULT_AT(kind, nth);
        struct table t;
        fill(lake);
        plan.writes_only = !reads;
        ok = run_with(lake, sql, &plan);
        CHECK(ok || fault_fired(&plan));
        CHECK(nth < OPERATIONS_MAX);
        CHECK_OK(catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t,
                                    &err));
        check(lake, t.metadata, ok);
    }
    CHECK(nth > 1);
    lake_close(lake);
}

TEST(statistics_of_columns_are_whole_or_not_there)
{
    sweep("ANALYZE s.t", FAULT_REFUSED, true, check_columns);
}

TEST(when_the_answer_is_lost_too)
{
    sweep("ANALYZE s.t", FAULT_ANSWER_LOST, false, check_columns);
}

TEST(statistics_of_partitions_are_whole_or_not_there)
{
    sweep("CALL system.compute_partition_stats('s.t')", FAULT_REFUSED, true, check_partitions);
}

TEST(and_when_their_answer_is_lost)
{
    sweep("CALL system.compute_partition_stats('s.t')", FAULT_ANSWER_LOST, false, check_partitions);
}
