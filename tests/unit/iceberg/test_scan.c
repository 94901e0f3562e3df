/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/scan.h"

#include "base/thread.h"
#include "base/vec.h"
#include "codec/json.h"
#include "golden_tables.h"
#include "iceberg/snapshot.h"
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
