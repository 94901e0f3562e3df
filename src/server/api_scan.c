/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scan would read, without reading it: planned as a query's scan is. */
#include <stdlib.h>

#include "base/vec.h"
#include "codec/compress.h"
#include "iceberg/scan.h"
#include "io/store.h"
#include "server/tables_priv.h"
#include "sql/lake.h"

#define FILES_LISTED_MAX 1000000 /* of one answer */
#define FILES_LISTED_DEFAULT 10000

/* ---- Tables that no catalog knows ---- */

/* A table by its metadata file alone.  Its folder is the one that holds metadata/, wherever the file says that it was. */
struct loose_table {
    struct store *store;
    const struct metadata *metadata;
};

static void destroy_store(void *store)
{
    store_destroy(store);
}

static bool read_metadata(struct store *store, str name, struct arena *a,
                          const struct metadata **out, struct error *err)
{
    str text;
    if (!store_get(store, arena_printf(a, "metadata/" STR_FMT, STR_ARG(name)), METADATA_BYTES_MAX,
                   a, &text, err))
        return false;
    if (!str_starts(text, STR("\x1f\x8b")))
        return metadata_parse(text, a, out, err);
    struct buf *unpacked = arena_new(a, struct buf);
    buf_init(unpacked, METADATA_BYTES_MAX);
    buf_in_arena(unpacked, a);
    return decompress_bytes(COMPRESSION_GZIP, text, METADATA_BYTES_MAX, unpacked, err) &&
           metadata_parse(buf_str(unpacked), a, out, err);
}

static bool open_loose(str path, struct arena *a, struct loose_table *out, struct error *err)
{
    ptrdiff_t slash = str_rfind_char(path, '/');
    str folder = slash < 0 ? (str){ 0 } : str_sub(path, 0, (size_t)slash);
    if (!str_starts(path, STR("/")) || !str_ends(folder, STR("/metadata")) ||
        str_find(path, STR("/../")) >= 0)
        return fail(
            err, ERR_INVALID,
            "metadata must be the absolute path of a file in a folder \"metadata\", not \"" STR_FMT
            "\"",
            STR_ARG(path));
    str root = str_sub(folder, 0, folder.len - 9), name = str_from(path, (size_t)slash + 1);
    struct store_prefix prefix = { .dir = root };
    struct store_fs_options o = { .root = root };
    if (!store_fs_open(&o, &out->store, err))
        return false;
    bool ok = read_metadata(out->store, name, a, &out->metadata, err);
    store_destroy(out->store);
    if (!ok)
        return fail_in(err, "read " STR_FMT, STR_ARG(path));
    prefix.location = out->metadata->location;
    while (str_ends(prefix.location, STR("/")))
        prefix.location.len--;
    o.prefixes = &prefix;
    o.prefixes_n = str_eq(prefix.location, root) ? 0 : 1;
    if (!store_fs_open(&o, &out->store, err))
        return false;
    arena_defer(a, destroy_store, out->store);
    return true;
}

/* ---- Files ---- */

struct listed_file {
    size_t manifest, entry;
    str path, format, partition;
    int64_t records, size;
    int32_t spec_id;
    size_t deletes;
};

struct listing {
    const struct metadata *metadata;
    struct arena *a;
    size_t max;
    bool more;
    struct {
        struct listed_file *at;
        size_t n, cap;
    } files;
};

static void take_file(struct listing *l, const struct scan_task *t)
{
    const struct partition_spec *spec = metadata_spec_by_id(l->metadata, t->file->spec_id);
    struct listed_file *f = vec_push(l->a, &l->files);
    *f = (struct listed_file){ .manifest = t->manifest,
                               .entry = t->entry,
                               .path = arena_str(l->a, t->file->path),
                               .format = arena_str(l->a, t->file->format),
                               .records = t->file->records,
                               .size = t->file->size,
                               .spec_id = t->file->spec_id,
                               .deletes = t->deletes_n };
    if (spec && spec->fields_n && t->file->partition_n == spec->fields_n)
        f->partition = partition_path(spec, t->file->partition, l->a);
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct listing *l = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        if (l->files.n < l->max)
            take_file(l, &tasks[i]);
        else
            l->more = true;
    }
    return true;
}

static int by_place(const void *x, const void *y)
{
    const struct listed_file *a = x, *b = y;
    if (a->manifest != b->manifest)
        return a->manifest < b->manifest ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static void write_files(struct listing *l, struct json_writer *w)
{
    if (l->files.n)
        qsort(l->files.at, l->files.n, sizeof *l->files.at, by_place);
    jw_begin_array(w);
    for (size_t i = 0; i < l->files.n; i++) {
        const struct listed_file *f = &l->files.at[i];
        jw_begin_object(w);
        jw_kv_str(w, "path", f->path);
        jw_kv_str(w, "format", f->format);
        kv_text(w, "partition", f->partition);
        jw_kv_int(w, "spec_id", f->spec_id);
        kv_number(w, "rows", f->records);
        kv_number(w, "bytes", f->size);
        if (f->deletes)
            jw_kv_int(w, "delete_files", (int64_t)f->deletes);
        jw_end_object(w);
    }
    jw_end_array(w);
}

bool list_files(struct app *app, struct api_request *req, struct api_answer *answer,
                struct json_writer *w, struct error *err)
{
    struct table t;
    struct scan_stats stats;
    struct scan_options o = { .pool = app->lake->pool };
    int64_t limit;
    (void)answer;
    if (!api_query_int(req, "limit", FILES_LISTED_DEFAULT, 1, FILES_LISTED_MAX, &limit, err) ||
        !api_query_int(req, "snapshot_id", 0, 1, INT64_MAX, &o.at.snapshot_id, err) ||
        !load_named_table(app, req->params[0], api_query(req, "branch", ""), req->arena, &t, err))
        return false;
    struct listing l = { .metadata = t.metadata, .a = req->arena, .max = (size_t)limit };
    o.cancel = request_cancel(req, 0);
    if (!scan_plan(app->lake->warehouse, app->lake->env, t.metadata, &o, take_tasks, &l, &stats,
                   err))
        return false;
    write_files(&l, w);
    return true;
}

/* ---- Plans ---- */

static bool find_table(struct app *app, const struct plan_body *body, struct arena *a,
                       struct loose_table *out, struct error *err)
{
    struct table t;
    if (body->metadata.len) {
        if (!app->local_files)
            return fail(err, ERR_DENIED, "requests may not read files of the server's machine");
        return open_loose(body->metadata, a, out, err);
    }
    if (!load_named_table(app, body->table, body->branch, a, &t, err))
        return false;
    *out = (struct loose_table){ .store = app->lake->warehouse, .metadata = t.metadata };
    return true;
}

static void write_plan(const struct plan_body *body, const struct scan_stats *s, struct listing *l,
                       struct json_writer *w)
{
    jw_begin_object(w);
    if (body->table.len)
        jw_kv_str(w, "table", body->table);
    else
        jw_kv_str(w, "metadata", body->metadata);
    kv_snapshot(w, "snapshot_id", s->snapshot_id ? s->snapshot_id : -1);
    jw_kv_int(w, "files", (int64_t)s->files_selected);
    jw_kv_int(w, "files_total", (int64_t)s->files);
    jw_kv_int(w, "rows", (int64_t)s->records);
    jw_kv_int(w, "bytes", (int64_t)s->bytes);
    jw_kv_int(w, "pruned_by_manifest", (int64_t)s->files_pruned_manifest);
    jw_kv_int(w, "pruned_by_partition", (int64_t)s->files_pruned_partition);
    jw_kv_int(w, "pruned_by_metrics", (int64_t)s->files_pruned_metrics);
    jw_kv_int(w, "manifests", (int64_t)s->manifests);
    jw_kv_int(w, "manifests_read", (int64_t)s->manifests_read);
    jw_kv_int(w, "delete_files", (int64_t)s->delete_files);
    jw_kv_int(w, "metadata_bytes", (int64_t)s->metadata_bytes);
    jw_kv_f64(w, "seconds", (double)s->wall_ns / 1e9);
    if (body->list) {
        jw_key(w, STR("list"));
        write_files(l, w);
        jw_kv_bool(w, "truncated", l->more);
    }
    jw_end_object(w);
}

bool plan_scan(struct app *app, struct api_request *req, struct api_answer *answer,
               struct json_writer *w, struct error *err)
{
    struct plan_body body;
    struct loose_table t;
    struct scan_stats stats;
    struct scan_options o = { .pool = app->lake->pool };
    (void)answer;
    if (!plan_body_parse(req->body, req->arena, &body, err) ||
        (body.filter.len && !expr_parse(body.filter, req->arena, &o.filter, err)) ||
        !find_table(app, &body, req->arena, &t, err))
        return false;
    struct listing l = { .metadata = t.metadata,
                         .a = req->arena,
                         .max = body.list ? FILES_LISTED_MAX : 0 };
    o.at.snapshot_id = body.snapshot_id;
    o.cancel = request_cancel(req, req->in_process ? 0 : TIMEOUT_MS_DEFAULT);
    if (!scan_plan(t.store, app->lake->env, t.metadata, &o, take_tasks, &l, &stats, err))
        return false;
    write_plan(&body, &stats, &l, w);
    return true;
}
