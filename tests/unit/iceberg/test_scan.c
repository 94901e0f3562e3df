/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/scan.h"

#include "base/thread.h"
#include "base/vec.h"
#include "codec/json.h"
#include "golden_tables.h"
#include "iceberg/delete_index_priv.h"
#include "iceberg/value.h"

struct seen {
    uint64_t files, records, deleted, with_deletes;
    VEC(str) delete_paths;
    VEC(str) paths;
    bool equality;
};

static void see_delete(struct seen *s, const struct data_file *d)
{
    s->equality = s->equality || d->content == FILE_EQUALITY_DELETES;
    str key = d->content_offset >= 0 ? arena_printf(test_arena(), STR_FMT "@%lld", STR_ARG(d->path),
                                                    (long long)d->content_offset)
                                     : d->path;
    for (size_t i = 0; i < s->delete_paths.n; i++)
        if (str_eq(s->delete_paths.at[i], key))
            return;
    *vec_push(test_arena(), &s->delete_paths) = arena_str(test_arena(), key);
    s->deleted += (uint64_t)d->records;
}

static bool see(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    (void)err;
    struct seen *s = ctx;
    for (size_t i = 0; i < n; i++) {
        s->files++;
        s->records += (uint64_t)tasks[i].file->records;
        s->with_deletes += tasks[i].deletes_n > 0;
        *vec_push(test_arena(), &s->paths) = arena_str(test_arena(), tasks[i].file->path);
        for (size_t k = 0; k < tasks[i].deletes_n; k++)
            see_delete(s, tasks[i].deletes[k]);
    }
    return true;
}

static struct seen plan(const struct golden *g, struct scan_options o, struct scan_stats *stats)
{
    struct error err;
    struct seen s = { 0 };
    CHECK_OK(scan_plan(g->store, env_real(), g->metadata, &o, see, &s, stats, &err));
    return s;
}

/* --- tables by other engines --- */

static size_t rows_of(const struct json *expected, int64_t snapshot_id)
{
    const struct json *snapshots = json_get(expected, "snapshots");
    const struct json *rows =
        json_get(snapshots, arena_printf(test_arena(), "%lld", (long long)snapshot_id).ptr);
    CHECK(rows != NULL && rows->kind == JSON_ARRAY);
    return rows->array.n;
}

/* All live rows of each snapshot are in the plan; without deletes there are exactly as many. */
static void check_spark_table(const char *name)
{
    struct error err;
    struct json *expected;
    str base = arena_printf(test_arena(), "%s/spark", test_golden_dir());
    str file = arena_printf(test_arena(), "%s/t/%s/expected.json", base.ptr, name);
    CHECK_OK(json_parse(golden_read(file.ptr), test_arena(), &expected, &err));
    str metadata;
    CHECK_OK(json_need_str(expected, "metadata", &metadata, &err));
    struct golden g;
    golden_open(arena_printf(test_arena(), "%s/" STR_FMT, base.ptr, STR_ARG(metadata)).ptr,
                STR("file:/golden/spark"), base, &g);
    CHECK(g.metadata->snapshots_n > 0);
    for (size_t i = 0; i < g.metadata->snapshots_n; i++) {
        int64_t id = g.metadata->snapshots[i]->id;
        struct scan_stats stats;
        struct seen s = plan(&g, (struct scan_options){ .at.snapshot_id = id }, &stats);
        size_t rows = rows_of(expected, id);
        CHECK_INT(stats.files_selected, s.files);
        if (s.with_deletes == 0)
            CHECK_INT(s.records, rows);
        CHECK(s.records >= rows);
        if (!s.equality)
            CHECK(s.records - s.deleted <= rows);
    }
    store_destroy(g.store);
}

TEST(plans_of_spark_tables_hold_the_rows_that_spark_reads)
{
    static const char *const names[] = { "types_v1",    "types_v2", "types_v3",    "evolve_v1",
                                         "evolve_v2",   "mor_v2",   "mor_v3",      "upgraded",
                                         "equality_v2", "copy_v2",  "defaults_v3", "variant_v3" };
    golden_need();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_spark_table(names[i]);
}

static size_t tables_checked;

static bool is_partial(const char *file)
{
    /* Manifests that are not all there or not meant to be read, and a summary that is wrong. */
    static const char *const names[] = { "missing_spec", "w_clean_expired", "v_20240913" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(file, names[i]) != NULL)
            return true;
    return false;
}

static void check_cxx_table(const char *file, str dir)
{
    struct golden g;
    if (is_partial(file))
        return;
    golden_open(file, (str){ 0 }, dir, &g);
    const struct snapshot *current = metadata_snapshot(g.metadata);
    struct scan_stats stats;
    struct error err = { 0 };
    struct seen s = { 0 };
    struct scan_options o = { 0 };
    if (!scan_plan(g.store, env_real(), g.metadata, &o, see, &s, &stats, &err)) {
        CHECK(err.code == ERR_NOT_FOUND || err.code == ERR_DENIED);
    } else if (current != NULL) {
        int64_t total;
        if (str_to_i64(property_get(&current->summary, "total-data-files", (str){ 0 }), &total))
            CHECK_INT(s.files, total);
        if (str_to_i64(property_get(&current->summary, "total-records", (str){ 0 }), &total))
            CHECK_INT(s.records, total);
        tables_checked++;
    }
    store_destroy(g.store);
}

TEST(plans_of_other_tables_hold_as_many_files_and_records_as_their_summaries)
{
    golden_need();
    golden_each(arena_printf(test_arena(), "%s/iceberg-cxx", test_golden_dir()).ptr,
                check_cxx_table);
    golden_each(arena_printf(test_arena(), "%s/icebird", test_golden_dir()).ptr, check_cxx_table);
    CHECK(tables_checked >= 80);
}

/* --- options --- */

static struct golden open_mor(void)
{
    struct golden g;
    struct error err;
    struct json *expected;
    str metadata;
    golden_need();
    str base = arena_printf(test_arena(), "%s/spark", test_golden_dir());
    str file = arena_printf(test_arena(), "%s/t/mor_v2/expected.json", base.ptr);
    CHECK_OK(json_parse(golden_read(file.ptr), test_arena(), &expected, &err));
    CHECK_OK(json_need_str(expected, "metadata", &metadata, &err));
    golden_open(arena_printf(test_arena(), "%s/" STR_FMT, base.ptr, STR_ARG(metadata)).ptr,
                STR("file:/golden/spark"), base, &g);
    return g;
}

static int path_order(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

TEST(many_threads_plan_what_one_does)
{
    struct golden g = open_mor();
    struct pool *pool = pool_create("plan", 3, 8);
    struct scan_stats one, many;
    for (size_t i = 0; i < g.metadata->snapshots_n; i++) {
        struct scan_options o = { .at.snapshot_id = g.metadata->snapshots[i]->id };
        struct seen a = plan(&g, o, &one);
        o.pool = pool;
        struct seen b = plan(&g, o, &many);
        CHECK_INT(a.files, b.files);
        CHECK_INT(a.deleted, b.deleted);
        CHECK_INT(one.bytes, many.bytes);
        CHECK_INT(one.metadata_bytes, many.metadata_bytes);
        qsort(a.paths.at, a.paths.n, sizeof(str), path_order);
        qsort(b.paths.at, b.paths.n, sizeof(str), path_order);
        for (size_t k = 0; k < a.paths.n; k++)
            CHECK(str_eq(a.paths.at[k], b.paths.at[k]));
    }
    pool_destroy(pool);
    store_destroy(g.store);
}

TEST(snapshots_are_chosen_by_id_ref_and_time)
{
    struct golden g = open_mor();
    struct error err;
    const struct snapshot *s;
    struct scan_at at = { .ref = STR("before") };
    CHECK_OK(scan_snapshot(g.metadata, &at, &s, &err));
    CHECK_INT(s->id, metadata_ref(g.metadata, STR("before"))->snapshot_id);
    at = (struct scan_at){ .timestamp_ms = g.metadata->snapshot_log[1].timestamp_ms };
    CHECK_OK(scan_snapshot(g.metadata, &at, &s, &err));
    CHECK_INT(s->id, g.metadata->snapshot_log[1].snapshot_id);
    at = (struct scan_at){ .timestamp_ms = 1 };
    CHECK_FAILS(scan_snapshot(g.metadata, &at, &s, &err), ERR_NOT_FOUND);
    at = (struct scan_at){ .snapshot_id = 1 };
    CHECK_FAILS(scan_snapshot(g.metadata, &at, &s, &err), ERR_NOT_FOUND);
    at = (struct scan_at){ .snapshot_id = 1, .ref = STR("main") };
    CHECK_FAILS(scan_snapshot(g.metadata, &at, &s, &err), ERR_INVALID);
    store_destroy(g.store);
}

/* Each file of a plan with a filter is in the plan without, and those that are missing hold no
 * matching partition value. */
TEST(filters_prune_and_the_numbers_add_up)
{
    static const char *const filters[] = {
        "p = 1", "p in (0, 2)", "id > 150", "id < 0", "p is null or name like 'x%'", "P = 1"
    };
    struct golden g = open_mor();
    struct error err;
    struct scan_stats all, some;
    plan(&g, (struct scan_options){ 0 }, &all);
    uint64_t pruned = 0;
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        struct scan_options o = { 0 };
        CHECK_OK(expr_parse(str_of(filters[i]), test_arena(), &o.filter, &err));
        struct seen s = plan(&g, o, &some);
        CHECK_INT(s.files, some.files_selected);
        CHECK_INT(some.files, all.files);
        CHECK_INT(some.files, some.files_selected + some.files_pruned_manifest +
                                  some.files_pruned_partition + some.files_pruned_metrics);
        pruned += some.files - some.files_selected;
    }
    CHECK(pruned > 0);
    struct scan_options o = { .case_sensitive = true };
    CHECK_OK(expr_parse(STR("P = 1"), test_arena(), &o.filter, &err));
    struct seen s = { 0 };
    CHECK_FAILS(scan_plan(g.store, env_real(), g.metadata, &o, see, &s, &some, &err), ERR_INVALID);
    store_destroy(g.store);
}

static bool refuse(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    (void)ctx;
    (void)tasks;
    (void)n;
    return fail(err, ERR_LIMIT, "enough");
}

TEST(a_plan_stops_when_it_is_told_to)
{
    struct golden g = open_mor();
    struct error err;
    struct cancel cancel = { .requested = true };
    struct scan_options o = { .cancel = &cancel };
    struct seen s = { 0 };
    CHECK_FAILS(scan_plan(g.store, env_real(), g.metadata, &o, see, &s, NULL, &err), ERR_CANCELLED);
    CHECK_INT(s.files, 0);
    o.cancel = NULL;
    CHECK_FAILS(scan_plan(g.store, env_real(), g.metadata, &o, refuse, NULL, NULL, &err),
                ERR_LIMIT);
    store_destroy(g.store);
}

/* Iceberg specification, "Scan Planning": which deletes apply to which data file. */
TEST(deletes_apply_by_age_partition_and_name)
{
    struct delete_index x;
    struct value p[2] = { value_i64(TYPE_INT, 1), value_i64(TYPE_INT, 2) };
    struct manifest_entry d[] = {
        { .sequence_number = 5,
          .file = { .content = FILE_POSITION_DELETES,
                    .path = STR("pos"),
                    .format = STR("parquet"),
                    .partition = &p[0],
                    .partition_n = 1 } },
        { .sequence_number = 5,
          .file = { .content = FILE_EQUALITY_DELETES,
                    .path = STR("eq"),
                    .format = STR("parquet"),
                    .partition = &p[0],
                    .partition_n = 1 } },
        { .sequence_number = 5,
          .file = { .content = FILE_POSITION_DELETES,
                    .path = STR("dv"),
                    .format = STR("puffin"),
                    .partition = &p[0],
                    .partition_n = 1,
                    .referenced_file = STR("b") } },
        { .sequence_number = 7,
          .file = { .spec_id = 1,
                    .content = FILE_EQUALITY_DELETES,
                    .path = STR("global"),
                    .format = STR("parquet") } },
    };
    delete_index_init(&x, test_arena());
    for (size_t i = 0; i < 4; i++)
        delete_index_add(&x, &d[i], i == 3);
    delete_index_seal(&x);
    static const struct {
        const char *path;
        int partition;
        int64_t sequence;
        const char *want;
    } cases[] = {
        { "a", 0, 4, "pos eq global" }, { "a", 0, 5, "pos global" },
        { "a", 0, 6, "global" },        { "a", 0, 7, "" },
        { "a", 1, 4, "global" },        { "b", 0, 4, "dv eq global" },
        { "b", 0, 5, "dv global" },     { "b", 1, 4, "global" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct data_file f = { .path = str_of(cases[i].path),
                               .partition = &p[cases[i].partition],
                               .partition_n = 1 };
        const struct data_file *const *out;
        size_t n;
        str names[4];
        delete_index_find(&x, &f, cases[i].sequence, test_arena(), &out, &n);
        for (size_t k = 0; k < n; k++)
            names[k] = out[k]->path;
        CHECK_STR(arena_join(test_arena(), names, n, STR(" ")), cases[i].want);
    }
}
