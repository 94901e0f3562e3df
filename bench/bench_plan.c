/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan planning of a large table: writes the metadata of a table of 1 M data files in 40 manifests
 * (paths with random UUIDs, six columns with bounds; no data), then plans it in full, for one
 * partition, and for one point, and prints time and peak memory.
 *
 *     bench_plan FOLDER [FILES [MANIFESTS [THREADS]]]
 *
 * The table is kept in FOLDER; a second run finds it there and measures only, so that the memory
 * figure is that of planning. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/env.h"
#include "base/rand.h"
#include "base/thread.h"
#include "codec/json.h"
#include "codec/uuid.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "iceberg/update.h"
#include "io/store.h"

#define PARTITION_FILES 1000 /* files of one value of the partition column */

static const char schema_text[] =
    "{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
    "{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"},"
    "{\"id\":2,\"name\":\"day\",\"required\":false,\"type\":\"int\"},"
    "{\"id\":3,\"name\":\"ts\",\"required\":false,\"type\":\"timestamptz\"},"
    "{\"id\":4,\"name\":\"name\",\"required\":false,\"type\":\"string\"},"
    "{\"id\":5,\"name\":\"price\",\"required\":false,\"type\":\"double\"},"
    "{\"id\":6,\"name\":\"amount\",\"required\":false,\"type\":\"decimal(12,2)\"}]}";

static void check(bool ok, const struct error *err)
{
    if (ok)
        return;
    fprintf(stderr, "bench_plan: %s\n", err->msg);
    exit(1);
}

/* --- making the table --- */

struct table {
    struct store *store;
    struct arena *arena;
    struct rand rand;
    const struct schema *schema;
    const struct metadata *metadata;
    int64_t files, manifests;
};

static str bound(struct arena *a, struct value v)
{
    return value_encode_in(&v, a);
}

static struct data_file make_file(struct table *t, int64_t i, struct arena *a)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    rand_bytes(&t->rand, random, sizeof random);
    struct uuid u = uuid_v4(random);
    uuid_format(&u, text);
    struct value *day = arena_new(a, struct value);
    *day = value_i64(TYPE_INT, i / PARTITION_FILES);
    struct column_metrics *c = arena_array(a, struct column_metrics, 6);
    struct value low[6] = {
        value_i64(TYPE_LONG, i * 1000),
        *day,
        value_i64(TYPE_TIMESTAMPTZ, i * 60000000),
        value_bytes(TYPE_STRING, arena_printf(a, "%.16s", text)),
        value_f64(TYPE_DOUBLE, rand_f64(&t->rand)),
        value_decimal(12, 2, (int128)rand_below(&t->rand, 100000)),
    };
    struct value high[6] = {
        value_i64(TYPE_LONG, i * 1000 + 999),
        *day,
        value_i64(TYPE_TIMESTAMPTZ, i * 60000000 + 59999999),
        value_bytes(TYPE_STRING, arena_printf(a, "%.15sz", text)),
        value_f64(TYPE_DOUBLE, 100 + rand_f64(&t->rand)),
        value_decimal(12, 2, (int128)(100000 + rand_below(&t->rand, 100000))),
    };
    for (int k = 0; k < 6; k++)
        c[k] = (struct column_metrics){ .field_id = k + 1,
                                        .size = 1000 + (int64_t)rand_below(&t->rand, 10000),
                                        .values = 1000,
                                        .nulls = 0,
                                        .nans = k == 4 ? 0 : -1,
                                        .lower = bound(a, low[k]),
                                        .upper = bound(a, high[k]) };
    return (struct data_file){
        .path = arena_printf(a, STR_FMT "/data/day=%lld/00000-%lld-%s-00001.parquet",
                             STR_ARG(t->metadata->location), (long long)day->i, (long long)i, text),
        .format = STR("parquet"),
        .partition = day,
        .partition_n = 1,
        .records = 1000,
        .size = 40000 + (int64_t)rand_below(&t->rand, 10000),
        .columns = c,
        .columns_n = 6,
        .sort_order_id = 0,
        .first_row_id = -1,
        .content_offset = -1,
        .content_size = -1,
    };
}

static void write_manifest(struct table *t, int64_t index, struct manifest_file *out)
{
    struct error err;
    struct arena *a = arena_create(0), *row = arena_create(0);
    struct buf b = BUF_INIT(MANIFEST_BYTES_MAX);
    struct manifest_write_options o = { .format_version = 2,
                                        .schema = t->schema,
                                        .spec = metadata_spec(t->metadata),
                                        .snapshot_id = 1 };
    struct manifest_writer *w;
    rand_bytes(&t->rand, o.sync, sizeof o.sync);
    check(manifest_writer_create(&o, &b, a, &w, &err), &err);
    int64_t begin = t->files * index / t->manifests, end = t->files * (index + 1) / t->manifests;
    for (int64_t i = begin; i < end; i++) {
        struct manifest_entry e = { .status = ENTRY_ADDED,
                                    .snapshot_id = 1,
                                    .sequence_number = -1,
                                    .file_sequence_number = -1,
                                    .file = make_file(t, i, row) };
        check(manifest_writer_add(w, &e, &err), &err);
        arena_reset(row);
    }
    check(manifest_writer_finish(w, out, &err), &err);
    str path = arena_printf(t->arena, "t/metadata/bench-m%lld.avro", (long long)index);
    check(store_put(t->store, path, buf_str(&b), STORE_REPLACE, &err), &err);
    out->path = store_uri(t->store, path, t->arena);
    struct field_summary *s = arena_array(t->arena, struct field_summary, 1);
    *s = out->partitions[0];
    s->lower = arena_str(t->arena, s->lower);
    s->upper = arena_str(t->arena, s->upper);
    out->partitions = s;
    buf_deinit(&b);
    arena_destroy(row);
    arena_destroy(a);
}

static void write_metadata(struct table *t, str list)
{
    struct error err;
    struct snapshot s = { .id = 1,
                          .parent_id = SNAPSHOT_NONE,
                          .sequence_number = 1,
                          .timestamp_ms = 1700000000000,
                          .manifest_list = list,
                          .operation = STR("append"),
                          .first_row_id = -1,
                          .added_rows = -1 };
    struct table_update updates[] = { update_add_snapshot(&s),
                                      update_set_ref(STR("main"), REF_BRANCH, 1) };
    const struct metadata *m;
    check(metadata_apply(t->metadata, (str){ 0 }, updates, 2, 1700000000001, t->arena, &m, &err),
          &err);
    struct buf b = BUF_INIT(METADATA_BYTES_MAX);
    metadata_write(m, &b);
    check(store_put(t->store, STR("t/metadata/v1.metadata.json"), buf_str(&b), STORE_REPLACE, &err),
          &err);
    buf_deinit(&b);
}

static void create_table(struct table *t)
{
    struct error err;
    struct json *json;
    check(json_parse(str_of(schema_text), t->arena, &json, &err), &err);
    check(schema_parse(json, t->arena, &t->schema, &err), &err);
    struct partition_field field = {
        .source_id = 2,
        .field_id = 1000,
        .name = STR("day"),
        .transform = transform_make(TRANSFORM_IDENTITY, 0, t->arena),
    };
    struct partition_spec spec = { .id = 0, .fields = &field, .fields_n = 1 };
    struct property_list none = { 0 };
    check(metadata_create(t->schema, &spec, NULL, store_uri(t->store, STR("t"), t->arena), &none, 2,
                          STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"), 1700000000000, t->arena,
                          &t->metadata, &err),
          &err);
    t->schema = metadata_schema(t->metadata);
}

static void make_table(struct table *t)
{
    struct error err;
    rand_init(&t->rand, 1);
    create_table(t);
    struct manifest_file *all = arena_array(t->arena, struct manifest_file, (size_t)t->manifests);
    for (int64_t i = 0; i < t->manifests; i++)
        write_manifest(t, i, &all[i]);
    struct manifest_list_info info = { .format_version = 2,
                                       .snapshot_id = 1,
                                       .parent_id = SNAPSHOT_NONE,
                                       .sequence_number = 1,
                                       .first_row_id = -1 };
    struct buf b = BUF_INIT(MANIFEST_LIST_BYTES_MAX);
    check(manifest_list_write(&info, all, (size_t)t->manifests, &b, NULL, &err), &err);
    check(store_put(t->store, STR("t/metadata/snap-1.avro"), buf_str(&b), STORE_REPLACE, &err),
          &err);
    buf_deinit(&b);
    write_metadata(t, store_uri(t->store, STR("t/metadata/snap-1.avro"), t->arena));
}

/* --- measuring --- */

struct count {
    uint64_t files, path_bytes;
};

static bool count_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    (void)err;
    struct count *c = ctx;
    c->files += n;
    for (size_t i = 0; i < n; i++)
        c->path_bytes += tasks[i].file->path.len;
    return true;
}

static double peak_mb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static void measure(struct table *t, struct pool *pool, const char *name, const char *filter)
{
    struct error err;
    struct scan_options o = { .pool = pool, .case_sensitive = true };
    if (filter != NULL)
        check(expr_parse(str_of(filter), t->arena, &o.filter, &err), &err);
    int64_t best = INT64_MAX;
    struct scan_stats s = { 0 };
    struct count c = { 0 };
    for (int i = 0; i < 3; i++) {
        c = (struct count){ 0 };
        check(scan_plan(t->store, env_real(), t->metadata, &o, count_tasks, &c, &s, &err), &err);
        best = s.wall_ns < best ? s.wall_ns : best;
    }
    printf(
        "%-14s %9.3f s  %9llu of %llu files  %3zu of %zu manifests  %7.1f MB read  peak %.1f MB\n",
        name, (double)best / 1e9, (unsigned long long)c.files, (unsigned long long)s.files,
        s.manifests_read, s.manifests, (double)s.metadata_bytes / 1e6, peak_mb());
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_plan FOLDER [FILES [MANIFESTS [THREADS]]]\n");
        return 2;
    }
    struct error err;
    struct table t = { .arena = arena_create(0), .files = 1000000, .manifests = 40 };
    int64_t threads = cpu_count();
    bool ok = (argc < 3 || str_to_i64(str_of(argv[2]), &t.files)) &&
              (argc < 4 || str_to_i64(str_of(argv[3]), &t.manifests)) &&
              (argc < 5 || str_to_i64(str_of(argv[4]), &threads));
    if (!ok || t.files < 1 || t.manifests < 1 || threads < 1) {
        fprintf(stderr, "bench_plan: FILES, MANIFESTS and THREADS are numbers\n");
        return 2;
    }
    struct store_fs_options o = { .root = str_of(argv[1]) };
    check(store_fs_open(&o, &t.store, &err), &err);
    struct store_info info;
    if (!store_head(t.store, STR("t/metadata/v1.metadata.json"), &info, &err)) {
        make_table(&t);
        printf("made the table (run again for a fair memory figure)\n");
    }
    str text;
    check(store_get(t.store, STR("t/metadata/v1.metadata.json"), METADATA_BYTES_MAX, t.arena, &text,
                    &err),
          &err);
    check(metadata_parse(text, t.arena, &t.metadata, &err), &err);
    /* The calling thread works too. */
    struct pool *pool = threads > 1 ? pool_create("plan", (int)threads - 1, 64) : NULL;
    measure(&t, pool, "point", "id = 123456789");
    measure(&t, pool, "one partition", "day = 500");
    measure(&t, pool, "full", NULL);
    pool_destroy(pool);
    store_destroy(t.store);
    arena_destroy(t.arena);
    return 0;
}
