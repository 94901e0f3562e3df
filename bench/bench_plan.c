/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan planning of a large table: writes the metadata of a table (paths with random UUIDs, six columns with
 * bounds; no data), and plans it.
 *
 *     bench_plan make FOLDER FILES MANIFESTS VECTORS    VECTORS: deletion vectors, for the first of each few files
 *     bench_plan run FOLDER full|partition|point|range|residual [REPEATS [THREADS]]
 *
 * A run prints one line, separated by tabs: median seconds, seconds to the first file (of the same run), files, delete
 * files, peak memory in MB.  Each case in a process of its own, so that the memory is that of planning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    int64_t files, manifests, vectors;
    struct manifest_file *all; /* data manifests, then delete manifests */
    size_t all_n;
};

static str bound(struct arena *a, struct value v)
{
    return value_encode_in(&v, a);
}

/* The random part of file i's path, the same whenever it is asked for. */
static void file_uuid(int64_t i, char text[UUID_TEXT_LEN + 1])
{
    struct rand r;
    uint8_t random[16];
    rand_init(&r, (uint64_t)i);
    rand_bytes(&r, random, sizeof random);
    struct uuid u = uuid_v4(random);
    uuid_format(&u, text);
}

static str file_path(struct table *t, int64_t i, struct arena *a)
{
    char text[UUID_TEXT_LEN + 1];
    file_uuid(i, text);
    return arena_printf(a, STR_FMT "/data/day=%lld/00000-%lld-%s-00001.parquet",
                        STR_ARG(t->metadata->location), (long long)(i / PARTITION_FILES),
                        (long long)i, text);
}

static struct data_file make_file(struct table *t, int64_t i, struct arena *a)
{
    char text[UUID_TEXT_LEN + 1];
    file_uuid(i, text);
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
        .path = file_path(t, i, a),
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

/* The i-th vector: of the first of each few files, a thousand in one Puffin file. */
static struct data_file make_vector(struct table *t, int64_t i, struct arena *a)
{
    int64_t of = i * (t->files / t->vectors);
    struct value *day = arena_new(a, struct value);
    *day = value_i64(TYPE_INT, of / PARTITION_FILES);
    return (struct data_file){
        .content = FILE_POSITION_DELETES,
        .path = arena_printf(a, STR_FMT "/data/%lld-deletes.puffin", STR_ARG(t->metadata->location),
                             (long long)(i / 1000)),
        .format = STR("puffin"),
        .partition = day,
        .partition_n = 1,
        .records = 10,
        .size = 50000,
        .sort_order_id = -1,
        .first_row_id = -1,
        .referenced_file = file_path(t, of, a),
        .content_offset = 4 + i % 1000 * 48,
        .content_size = 48,
    };
}

static void keep_manifest(struct table *t, struct buf *b, const struct manifest_file *m)
{
    struct error err;
    struct manifest_file *out = &t->all[t->all_n];
    str path = arena_printf(t->arena, "t/metadata/bench-m%zu.avro", t->all_n++);
    check(store_put(t->store, path, buf_str(b), STORE_REPLACE, &err), &err);
    *out = *m;
    out->path = store_uri(t->store, path, t->arena);
    struct field_summary *s = arena_array(t->arena, struct field_summary, 1);
    *s = m->partitions[0];
    s->lower = arena_str(t->arena, s->lower);
    s->upper = arena_str(t->arena, s->upper);
    out->partitions = s;
}

static void write_manifest(struct table *t, bool deletes, int64_t begin, int64_t end)
{
    struct error err;
    struct arena *a = arena_create(0), *row = arena_create(0);
    struct buf b = BUF_INIT(MANIFEST_BYTES_MAX);
    struct manifest_write_options o = { .format_version = t->metadata->format_version,
                                        .content = deletes ? MANIFEST_DELETES : MANIFEST_DATA,
                                        .schema = t->schema,
                                        .spec = metadata_spec(t->metadata),
                                        .snapshot_id = 1 };
    struct manifest_writer *w;
    struct manifest_file m;
    rand_bytes(&t->rand, o.sync, sizeof o.sync);
    check(manifest_writer_create(&o, &b, a, &w, &err), &err);
    for (int64_t i = begin; i < end; i++) {
        struct manifest_entry e = { .status = ENTRY_ADDED,
                                    .snapshot_id = 1,
                                    .sequence_number = -1,
                                    .file_sequence_number = -1,
                                    .file =
                                        deletes ? make_vector(t, i, row) : make_file(t, i, row) };
        check(manifest_writer_add(w, &e, &err), &err);
        arena_reset(row);
    }
    check(manifest_writer_finish(w, &m, &err), &err);
    keep_manifest(t, &b, &m);
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
                          .schema_id = 0,
                          .first_row_id = t->vectors > 0 ? 0 : -1,
                          .added_rows = t->vectors > 0 ? t->files * 1000 : -1 };
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
    check(metadata_create(t->schema, &spec, NULL, store_uri(t->store, STR("t"), t->arena), &none,
                          t->vectors > 0 ? 3 : 2, STR("9c12d441-03fe-4693-9a96-a0705ddf69c1"),
                          1700000000000, t->arena, &t->metadata, &err),
          &err);
    t->schema = metadata_schema(t->metadata);
}

static void make_table(struct table *t)
{
    struct error err;
    int64_t delete_manifests = t->vectors > 0 ? t->manifests / 4 + 1 : 0;
    rand_init(&t->rand, 1);
    create_table(t);
    t->all = arena_array(t->arena, struct manifest_file, (size_t)(t->manifests + delete_manifests));
    for (int64_t i = 0; i < t->manifests; i++)
        write_manifest(t, false, t->files * i / t->manifests, t->files * (i + 1) / t->manifests);
    for (int64_t i = 0; i < delete_manifests; i++)
        write_manifest(t, true, t->vectors * i / delete_manifests,
                       t->vectors * (i + 1) / delete_manifests);
    struct manifest_list_info info = { .format_version = t->metadata->format_version,
                                       .snapshot_id = 1,
                                       .parent_id = SNAPSHOT_NONE,
                                       .sequence_number = 1,
                                       .first_row_id = t->vectors > 0 ? 0 : -1 };
    struct buf b = BUF_INIT(MANIFEST_LIST_BYTES_MAX);
    check(manifest_list_write(&info, t->all, t->all_n, &b, NULL, &err), &err);
    check(store_put(t->store, STR("t/metadata/snap-1.avro"), buf_str(&b), STORE_REPLACE, &err),
          &err);
    buf_deinit(&b);
    write_metadata(t, store_uri(t->store, STR("t/metadata/snap-1.avro"), t->arena));
}

/* --- measuring --- */

struct count {
    uint64_t files, path_bytes, deletes;
};

static bool count_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    (void)err;
    struct count *c = ctx;
    c->files += n;
    for (size_t i = 0; i < n; i++) {
        c->path_bytes += tasks[i].file->path.len;
        c->deletes += tasks[i].deletes_n;
    }
    return true;
}

static double peak_mb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static const struct {
    const char *name, *filter;
    bool residuals;
} cases[] = {
    { "full", NULL, false },
    { "partition", "day = 50", false },
    { "point", "id = 12345678", false },
    { "range", "id >= 10000000 and id < 30000000", false },
    { "residual", "id >= 10000000 and id < 30000000", true },
};

static int by_wall(const void *x, const void *y)
{
    const struct scan_stats *a = x, *b = y;
    return (a->wall_ns > b->wall_ns) - (a->wall_ns < b->wall_ns);
}

static int measure(struct table *t, const char *name, size_t repeats, struct pool *pool)
{
    struct error err;
    size_t which = 0, n = sizeof cases / sizeof cases[0];
    while (which < n && strcmp(cases[which].name, name) != 0)
        which++;
    if (which == n) {
        fprintf(stderr, "bench_plan: there is no case %s\n", name);
        return 2;
    }
    struct scan_options o = { .pool = pool,
                              .case_sensitive = true,
                              .residuals = cases[which].residuals };
    if (cases[which].filter)
        check(expr_parse(str_of(cases[which].filter), t->arena, &o.filter, &err), &err);
    struct scan_stats *stats = arena_array(t->arena, struct scan_stats, repeats);
    struct count c = { 0 };
    for (size_t i = 0; i < repeats; i++) {
        c = (struct count){ 0 };
        check(scan_plan(t->store, env_real(), t->metadata, &o, count_tasks, &c, &stats[i], &err),
              &err);
    }
    qsort(stats, repeats, sizeof *stats, by_wall);
    const struct scan_stats *s = &stats[repeats / 2];
    printf("%.4f\t%.4f\t%llu\t%llu\t%.1f\n", (double)s->wall_ns / 1e9, (double)s->first_ns / 1e9,
           (unsigned long long)c.files, (unsigned long long)c.deletes, peak_mb());
    return 0;
}

static bool argument(int argc, char **argv, int i, int64_t fallback, int64_t *out)
{
    *out = fallback;
    return argc <= i || (str_to_i64(str_of(argv[i]), out) && *out >= 0);
}

static int run(struct table *t, int argc, char **argv)
{
    struct error err;
    int64_t repeats, threads;
    str text;
    if (!argument(argc, argv, 4, 5, &repeats) || !argument(argc, argv, 5, cpu_count(), &threads) ||
        repeats < 1 || threads < 1)
        return 2;
    check(store_get(t->store, STR("t/metadata/v1.metadata.json"), METADATA_BYTES_MAX, t->arena,
                    &text, &err),
          &err);
    check(metadata_parse(text, t->arena, &t->metadata, &err), &err);
    /* The calling thread works too. */
    struct pool *pool = threads > 1 ? pool_create("plan", (int)threads - 1, 64) : NULL;
    int status = measure(t, argv[3], (size_t)repeats, pool);
    pool_destroy(pool);
    return status;
}

int main(int argc, char **argv)
{
    struct error err;
    struct table t = { .arena = arena_create(0) };
    bool make = argc == 6 && strcmp(argv[1], "make") == 0;
    if ((!make && (argc < 4 || strcmp(argv[1], "run") != 0)) ||
        (make &&
         (!argument(argc, argv, 3, 0, &t.files) || !argument(argc, argv, 4, 0, &t.manifests) ||
          !argument(argc, argv, 5, 0, &t.vectors) || t.files < 1 || t.manifests < 1))) {
        fprintf(stderr, "usage: bench_plan make FOLDER FILES MANIFESTS VECTORS\n"
                        "       bench_plan run FOLDER CASE [REPEATS [THREADS]]\n");
        return 2;
    }
    struct store_fs_options o = { .root = str_of(argv[2]) };
    check(store_fs_open(&o, &t.store, &err), &err);
    int status = 0;
    if (make)
        make_table(&t);
    else
        status = run(&t, argc, argv);
    store_destroy(t.store);
    arena_destroy(t.arena);
    return status;
}
