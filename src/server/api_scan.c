/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scan would read, without reading it: planned as a query's scan is. */
#include <stdlib.h>

#include "base/vec.h"
#include "codec/compress.h"
#include "iceberg/delete_file.h"
#include "iceberg/scan.h"
#include "io/store.h"
#include "server/tables_priv.h"
#include "sql/lake.h"

#define FILES_LISTED_MAX 1000000 /* of one answer */
#define FILES_LISTED_DEFAULT 10000
#define RESIDUAL_TEXT_MAX 4096 /* bytes; a longer one is cut */

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
    return metadata_parse(text, a, out, err);
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
    const struct listed_delete *deletes;
    size_t deletes_n, pieces;
    str residual; /* of a plan with a filter; empty when all rows match */
};

struct listed_delete {
    str path;
    enum file_content content;
    bool vector;
    int64_t records;
};

struct listing {
    const struct metadata *metadata;
    struct arena *a, *scratch;
    const struct schema *schema; /* of a plan: its words for residuals */
    size_t max;
    bool more;
    struct split_options split;
    uint64_t pieces;
    struct {
        int64_t *at;
        size_t n, cap;
    } weights; /* of pieces of listed files */
    struct {
        struct listed_file *at;
        size_t n, cap;
    } files;
};

static void take_deletes(struct listing *l, const struct scan_task *t, struct listed_file *f)
{
    struct listed_delete *d = arena_array(l->a, struct listed_delete, t->deletes_n);
    for (size_t i = 0; i < t->deletes_n; i++)
        d[i] = (struct listed_delete){ .path = arena_str(l->a, t->deletes[i]->path),
                                       .content = t->deletes[i]->content,
                                       .vector = delete_file_is_vector(t->deletes[i]),
                                       .records = t->deletes[i]->records };
    f->deletes = d;
    f->deletes_n = t->deletes_n;
}

static str residual_text(struct listing *l, const struct scan_task *t)
{
    struct buf b = BUF_INIT(EXPR_TEXT_MAX);
    if (t->residual == NULL || t->residual->op == EXPR_TRUE)
        return (str){ 0 };
    expr_format(t->residual, l->schema, &b);
    str text = b.len > RESIDUAL_TEXT_MAX || b.overflow
                   ? arena_printf(l->a, "%.*s ...", RESIDUAL_TEXT_MAX, b.ptr)
                   : arena_str(l->a, buf_str(&b));
    buf_deinit(&b);
    return text;
}

static void take_file(struct listing *l, const struct scan_task *t, size_t pieces)
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
                               .pieces = pieces,
                               .residual = residual_text(l, t) };
    take_deletes(l, t, f);
    if (spec && spec->fields_n && t->file->partition_n == spec->fields_n)
        f->partition = partition_path(spec, t->file->partition, l->a);
}

/* The pieces that readers would take the file in. */
static size_t cut_file(struct listing *l, const struct scan_task *t)
{
    struct file_piece *pieces;
    size_t n;
    if (l->schema == NULL) /* a list of files, no plan */
        return 0;
    data_file_split(t->file, l->split.target_size, l->scratch, &pieces, &n);
    if (l->files.n < l->max)
        for (size_t i = 0; i < n; i++)
            *vec_push(l->a, &l->weights) = split_weight(t, &pieces[i], &l->split);
    l->pieces += n;
    arena_reset(l->scratch);
    return n;
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct listing *l = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        size_t pieces = cut_file(l, &tasks[i]);
        if (l->files.n < l->max)
            take_file(l, &tasks[i], pieces);
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

static void write_deletes(const struct listed_file *f, struct json_writer *w)
{
    if (f->deletes_n == 0)
        return;
    jw_kv_int(w, "delete_files", (int64_t)f->deletes_n);
    jw_kv_array(w, "deletes");
    for (size_t i = 0; i < f->deletes_n; i++) {
        const struct listed_delete *d = &f->deletes[i];
        bool equality = d->content == FILE_EQUALITY_DELETES;
        jw_begin_object(w);
        jw_kv_str(w, "kind",
                  equality    ? STR("equality")
                  : d->vector ? STR("vector")
                              : STR("position"));
        jw_kv_str(w, "path", d->path);
        kv_number(w, "rows", d->records);
        jw_end_object(w);
    }
    jw_end_array(w);
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
        if (f->pieces)
            jw_kv_int(w, "pieces", (int64_t)f->pieces);
        if (f->residual.len)
            jw_kv_str(w, "residual", f->residual);
        write_deletes(f, w);
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

static void destroy_arena(void *arena)
{
    arena_destroy(arena);
}

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

/* How many tasks of about the target size the listed pieces make. */
static size_t count_groups(struct listing *l)
{
    size_t *group = arena_array(l->a, size_t, l->weights.n);
    return split_pack(l->weights.at, l->weights.n, l->split.target_size, l->split.lookback, group);
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
    jw_kv_int(w, "files_all_match", (int64_t)s->files_certain);
    jw_kv_int(w, "pieces", (int64_t)l->pieces);
    jw_kv_int(w, "delete_files", (int64_t)s->delete_files);
    jw_kv_int(w, "position_delete_files", (int64_t)s->position_deletes);
    jw_kv_int(w, "equality_delete_files", (int64_t)s->equality_deletes);
    jw_kv_int(w, "deletion_vectors", (int64_t)s->vectors);
    jw_kv_int(w, "metadata_bytes", (int64_t)s->metadata_bytes);
    jw_kv_f64(w, "seconds", (double)s->wall_ns / 1e9);
    jw_kv_f64(w, "seconds_to_first_file", (double)s->first_ns / 1e9);
    if (body->list) {
        jw_kv_int(w, "groups", (int64_t)count_groups(l));
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
                         .scratch = arena_create(0),
                         .split = split_options_of(t.metadata),
                         .max = body.list ? FILES_LISTED_MAX : 0 };
    arena_defer(req->arena, destroy_arena, l.scratch);
    o.at.snapshot_id = body.snapshot_id;
    o.residuals = true;
    if (!scan_schema(t.metadata, &o.at, &l.schema, err))
        return false;
    o.cancel = request_cancel(req, req->in_process ? 0 : TIMEOUT_MS_DEFAULT);
    if (!scan_plan(t.store, app->lake->env, t.metadata, &o, take_tasks, &l, &stats, err))
        return false;
    write_plan(&body, &stats, &l, w);
    return true;
}
