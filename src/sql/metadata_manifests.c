/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata tables of manifests: one row a manifest of a snapshot's list, or of every snapshot's. */
#include "base/thread.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "sql/lake.h"
#include "sql/metadata_tables_priv.h"

static void destroy_arena(void *arena)
{
    arena_destroy(arena);
}

void manifest_walk_begin(struct manifest_walk *w, const struct metadata_source *src, bool all,
                         struct arena *a)
{
    *w = (struct manifest_walk){ .src = src, .all = all, .lists = arena_create(0) };
    arena_defer(a, destroy_arena, w->lists);
}

static const struct snapshot *next_snapshot(struct manifest_walk *w)
{
    const struct metadata *m = w->src->metadata;
    if (w->all)
        return w->next < m->snapshots_n ? m->snapshots[w->next++] : NULL;
    if (w->src->view.since &&
        w->next > 0) { /* backwards: the caller has seen that it is an ancestor */
        const struct snapshot *s = metadata_snapshot_by_id(m, w->snapshot_id);
        s = s ? metadata_snapshot_by_id(m, s->parent_id) : NULL;
        w->snapshot_id = s ? s->id : SNAPSHOT_NONE;
        return s == w->src->view.since ? NULL : s;
    }
    w->snapshot_id = w->src->view.snapshot ? w->src->view.snapshot->id : SNAPSHOT_NONE;
    return w->next++ == 0 ? w->src->view.snapshot : NULL;
}

bool manifest_walk_next(struct manifest_walk *w, const struct manifest_file **out,
                        struct error *err)
{
    *out = NULL;
    while (w->at == w->files_n) {
        w->at = w->files_n = 0;
        if ((w->snapshot = next_snapshot(w)) == NULL)
            return true;
        arena_reset(w->lists);
        if ((w->src->view.cancel && !cancel_check(w->src->view.cancel, err)) ||
            !scan_manifests(w->src->lake->warehouse, w->snapshot, w->lists, &w->files, &w->files_n,
                            err))
            return false;
    }
    *out = &w->files[w->at++];
    return true;
}

static const struct row_source_column columns[] = {
    { STR_INIT("content"), "INTEGER" },
    { STR_INIT("path"), "VARCHAR" },
    { STR_INIT("length"), "BIGINT" },
    { STR_INIT("partition_spec_id"), "INTEGER" },
    { STR_INIT("added_snapshot_id"), "BIGINT" },
    { STR_INIT("added_data_files_count"), "INTEGER" },
    { STR_INIT("existing_data_files_count"), "INTEGER" },
    { STR_INIT("deleted_data_files_count"), "INTEGER" },
    { STR_INIT("added_delete_files_count"), "INTEGER" },
    { STR_INIT("existing_delete_files_count"), "INTEGER" },
    { STR_INIT("deleted_delete_files_count"), "INTEGER" },
    { STR_INIT("partition_summaries"), "VARCHAR" },
    { STR_INIT("reference_snapshot_id"), "BIGINT" },
    { STR_INIT("key_metadata"), "BLOB" },
};
#define COLUMNS_N (sizeof columns / sizeof *columns)
enum { FIRST_COUNT = 5, SUMMARIES = 11, SNAPSHOT = 12 };

struct manifests_pass {
    struct manifest_walk walk;
    const struct manifest_file *batch; /* of the snapshot's list */
};

static bool manifests_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    struct metadata_source *src = ctx;
    struct manifests_pass *p = arena_new(a, struct manifests_pass);
    manifest_walk_begin(&p->walk, src, src->view.kind == METADATA_ALL_MANIFESTS, a);
    *pass = p;
    return true;
}

/* A batch does not go over the end of a snapshot's list. */
static bool manifests_next(void *pass, size_t *n, struct error *err)
{
    struct manifests_pass *p = pass;
    struct manifest_walk *w = &p->walk;
    if (!manifest_walk_next(w, &p->batch, err))
        return false;
    *n = 0;
    if (!p->batch)
        return true;
    size_t more = w->files_n - w->at < UDF_ROWS_MAX - 1 ? w->files_n - w->at : UDF_ROWS_MAX - 1;
    w->at += more;
    *n = more + 1;
    return true;
}

static bool bound_text(struct json_writer *w, const char *key, str bytes, const struct type *t,
                       const struct transform *f, struct arena *a, struct error *err)
{
    struct value v;
    jw_key(w, str_of(key));
    if (bytes.ptr == NULL || t->kind == TYPE_UNKNOWN) {
        jw_null(w);
        return true;
    }
    if (!value_decode(t, bytes, &v, err)) {
        jw_null(w);
        return false;
    }
    jw_str(w, transform_text(f, &v, a));
    return true;
}

static bool summaries_cell(const struct metadata_source *src, const struct manifest_file *m,
                           struct arena *a, struct cell *out, struct error *err)
{
    struct json_cell j;
    bool ok = true;
    const struct partition_spec *spec = metadata_spec_by_id(
        src->metadata, m->spec_id < 0 ? src->metadata->default_spec_id : m->spec_id);
    if (!m->partitions)
        return true;
    json_cell_begin(&j);
    jw_begin_array(&j.w);
    for (size_t i = 0; ok && spec && i < m->partitions_n && i < spec->fields_n; i++) {
        const struct field_summary *f = &m->partitions[i];
        const struct type *t = partition_field_type(spec, i, src->view.columns);
        jw_begin_object(&j.w);
        jw_kv_bool(&j.w, "contains_null", f->contains_null);
        if (f->contains_nan >= 0)
            jw_kv_bool(&j.w, "contains_nan", f->contains_nan);
        ok = bound_text(&j.w, "lower_bound", f->lower, t, &spec->fields[i].transform, a, err) &&
             bound_text(&j.w, "upper_bound", f->upper, t, &spec->fields[i].transform, a, err);
        jw_end_object(&j.w);
    }
    jw_end_array(&j.w);
    if (ok)
        return json_cell_end(&j, a, out, err);
    buf_deinit(&j.text);
    return fail_in(err, "manifest " STR_FMT, STR_ARG(m->path));
}

/* Counts of the other content are 0. */
static struct cell count_cell(const struct manifest_file *m, size_t i)
{
    int64_t counts[] = { m->added_files, m->existing_files, m->deleted_files };
    bool deletes = i >= 3;
    return deletes == (m->content == MANIFEST_DELETES) ? cell_count(counts[i % 3]) : cell_int(0);
}

static bool manifests_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                           struct error *err)
{
    struct manifests_pass *p = pass;
    const struct manifest_file *m = &p->batch[row];
    switch (column) {
    case 0:
        *out = cell_int(m->content);
        return true;
    case 1:
        *out = cell_text(m->path);
        return true;
    case 2:
        *out = cell_count(m->length);
        return true;
    case 3:
        *out = cell_count(m->spec_id);
        return true;
    case 4:
        *out = cell_count(m->added_snapshot_id);
        return true;
    case SUMMARIES:
        return summaries_cell(p->walk.src, m, a, out, err);
    case SNAPSHOT:
        *out = cell_int(p->walk.snapshot->id);
        return true;
    case COLUMNS_N - 1:
        *out = cell_text(m->key_metadata);
        return true;
    default:
        *out = count_cell(m, column - FIRST_COUNT);
        return true;
    }
}

bool manifests_sql(struct metadata_source *src, struct arena *a, struct buf *sql, struct error *err)
{
    str from;
    struct cells t = { .columns = columns,
                       .columns_n = COLUMNS_N,
                       .ctx = src,
                       .open = manifests_open,
                       .next = manifests_next,
                       .cell = manifests_cell };
    if (!cells_add(src->session, &t, a, &from, err))
        return false;
    buf_lit(sql, "SELECT *");
    if (src->view.kind == METADATA_MANIFESTS)
        buf_lit(sql, " EXCLUDE (reference_snapshot_id, key_metadata)");
    buf_lit(sql, " REPLACE (CAST(CAST(partition_summaries AS JSON) AS STRUCT(contains_null BOOLEAN,"
                 " contains_nan BOOLEAN, lower_bound VARCHAR, upper_bound VARCHAR)[])"
                 " AS partition_summaries)");
    buf_printf(sql, " FROM " STR_FMT, STR_ARG(from));
    return true;
}
