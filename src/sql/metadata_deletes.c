/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata table position_deletes: each position that a position delete file or a deletion vector of the snapshot names, whether its
 * data file is still there or not.  Files are read by the engine; vectors are unpacked one at a time.  What is known of a delete file
 * is joined from the table delete_files. */
#include "codec/roaring.h"
#include "engine/parquet_scan.h"
#include "engine/quote.h"
#include "iceberg/delete_file.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "base/vec.h"
#include "io/store.h"
#include "sql/lake.h"
#include "sql/metadata_tables_priv.h"
#include "sql/vector.h"

#define DELETE_FIELD_ROW 2147483544 /* row: what was deleted, in files of old writers */

struct delete_rows {
    struct metadata_source *src;
    VEC(struct scan_file) files;
    VEC(struct data_file) vectors;
};

/* ---- Which files. */

static bool take_file(struct delete_rows *d, const struct data_file *f, struct arena *a,
                      struct error *err)
{
    str path;
    if (delete_file_is_vector(f)) {
        data_file_copy(f, a, vec_push(a, &d->vectors));
        return true;
    }
    bool avro = str_is(f->format, "avro");
    if (!avro && !str_is(f->format, "parquet"))
        return fail(err, ERR_UNSUPPORTED,
                    "delete file " STR_FMT " is " STR_FMT ": only parquet and avro are read",
                    STR_ARG(f->path), STR_ARG(f->format));
    struct scan_file *out = vec_push(a, &d->files);
    *out = (struct scan_file){
        .rows = f->records, .avro = avro, .first_row_id = -1, .location = arena_str(a, f->path)
    };
    return store_from_uri(d->src->lake->warehouse, f->path, a, &path, err) &&
           store_local_path(d->src->lake->warehouse, path, a, &out->path, err);
}

static bool take_manifest(struct delete_rows *d, const struct manifest_file *m, struct arena *a,
                          struct error *err)
{
    struct arena *one = arena_create(0);
    struct manifest_reader *r;
    const struct manifest_entry *entries;
    size_t n = 0;
    bool ok = scan_open_manifest(d->src->lake->warehouse, d->src->metadata, d->src->view.columns, m,
                                 one, &r, err);
    while (ok && (ok = manifest_next(r, &entries, &n, err)) && n > 0)
        for (size_t i = 0; ok && i < n; i++)
            if (entries[i].status != ENTRY_DELETED &&
                entries[i].file.content == FILE_POSITION_DELETES)
                ok = take_file(d, &entries[i].file, a, err);
    arena_destroy(one);
    return ok || fail_in(err, "manifest " STR_FMT, STR_ARG(m->path));
}

static bool find_files(struct delete_rows *d, struct arena *a, struct error *err)
{
    struct manifest_walk walk;
    const struct manifest_file *m;
    manifest_walk_begin(&walk, d->src, false, a);
    do {
        if (!manifest_walk_next(&walk, &m, err) ||
            (m && m->content == MANIFEST_DELETES && !take_manifest(d, m, a, err)))
            return false;
    } while (m);
    return true;
}

/* ---- Vectors as rows. */

static const struct row_source_column vector_columns[] = {
    { STR_INIT("file_path"), "VARCHAR" },
    { STR_INIT("pos"), "BIGINT" },
    { STR_INIT("delete_file_path"), "VARCHAR" },
    { STR_INIT("content_offset"), "BIGINT" },
};

struct vectors_pass {
    const struct delete_rows *of;
    struct arena *one; /* of the vector that is being told */
    const struct positions *positions;
    size_t next;   /* vector */
    uint64_t from; /* position of it that is told next */
    uint64_t batch[UDF_ROWS_MAX];
};

static void destroy_arena(void *arena)
{
    arena_destroy(arena);
}

static bool vectors_open(void *ctx, struct arena *a, void **pass, struct error *err)
{
    (void)err;
    struct vectors_pass *p = arena_new(a, struct vectors_pass);
    p->of = ctx;
    p->one = arena_create(0);
    arena_defer(a, destroy_arena, p->one);
    *pass = p;
    return true;
}

static bool read_next(struct vectors_pass *p, struct error *err)
{
    const struct data_file *entry = &p->of->vectors.at[p->next++];
    arena_reset(p->one);
    p->from = 0;
    p->positions = NULL;
    struct vector *v;
    if (!vector_open(p->of->src->lake, entry, &v, err))
        return false;
    cached_keep(&v->base, p->one);
    p->positions = v->deleted;
    return true;
}

static bool vectors_next(void *pass, size_t *n, struct error *err)
{
    struct vectors_pass *p = pass;
    for (;;) {
        *n = positions_list(p->positions, p->from, p->batch, UDF_ROWS_MAX);
        if (*n > 0) {
            p->from = p->batch[*n - 1] + 1;
            return true;
        }
        if (p->next == p->of->vectors.n)
            return true;
        if (!read_next(p, err))
            return false;
    }
}

static bool vectors_cell(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                         struct error *err)
{
    (void)a, (void)err;
    const struct vectors_pass *p = pass;
    const struct data_file *v = &p->of->vectors.at[p->next - 1];
    *out = column == 0   ? cell_text(v->referenced_file)
           : column == 1 ? cell_int((int64_t)p->batch[row])
           : column == 2 ? cell_text(v->path)
                         : cell_int(v->content_offset);
    return true;
}

static bool add_vectors(struct delete_rows *d, struct arena *a, struct buf *sql, struct error *err)
{
    str from;
    struct cells t = { .columns = vector_columns,
                       .columns_n = sizeof vector_columns / sizeof *vector_columns,
                       .ctx = d,
                       .open = vectors_open,
                       .next = vectors_next,
                       .cell = vectors_cell };
    if (!cells_add(d->src->session, &t, a, &from, err))
        return false;
    buf_printf(
        sql,
        "SELECT file_path, pos, NULL AS \"row\", delete_file_path, content_offset FROM " STR_FMT,
        STR_ARG(from));
    return true;
}

/* ---- Files as rows. */

/* file_path, pos, and the row with the table's columns. */
static const struct schema *file_schema(const struct schema *columns, struct arena *a)
{
    const struct schema *two = position_delete_schema(a);
    struct field *f = arena_array(a, struct field, 3);
    struct schema *s = arena_new(a, struct schema);
    f[0] = two->fields[0];
    f[1] = two->fields[1];
    f[2] = (struct field){ .id = DELETE_FIELD_ROW,
                           .name = STR("row"),
                           .type = type_struct(a, columns->fields, columns->fields_n) };
    s->fields = f;
    s->fields_n = 3;
    s->type = type_struct(a, f, 3);
    return s;
}

static bool add_files(struct delete_rows *d, struct arena *a, struct buf *sql, struct error *err)
{
    struct parquet_scan scan = { .schema = file_schema(d->src->view.columns, a),
                                 .files = d->files.at,
                                 .files_n = d->files.n,
                                 .metadata = SCAN_COLUMN_FILE };
    buf_lit(sql, "SELECT file_path, pos, \"row\", _file AS delete_file_path,"
                 " CAST(NULL AS BIGINT) AS content_offset FROM (");
    if (!parquet_scan_sql(d->src->session, &scan, sql, err))
        return false;
    buf_lit(sql, ")");
    return true;
}

bool position_deletes_sql(struct metadata_source *src, struct arena *a, struct buf *sql,
                          struct error *err)
{
    struct delete_rows *d = arena_new(a, struct delete_rows);
    bool v3 = src->metadata->format_version >= 3;
    struct metadata_source *files = arena_new(a, struct metadata_source);
    d->src = src;
    *files = *src;
    files->view.kind = METADATA_DELETE_FILES;
    if (!find_files(d, a, err))
        return false;
    buf_printf(
        sql, "SELECT d.file_path, d.pos, d.\"row\", %sf.spec_id, d.delete_file_path%s FROM (",
        metadata_partition_type(src->metadata, src->view.columns, a) ? "f.\"partition\", " : "",
        v3 ? ", f.content_offset, f.content_size_in_bytes" : "");
    if (!add_files(d, a, sql, err))
        return false;
    if (d->vectors.n) {
        buf_lit(sql, " UNION ALL ");
        if (!add_vectors(d, a, sql, err))
            return false;
    }
    buf_lit(sql, ") AS d JOIN (");
    if (!entries_sql(files, a, sql, err))
        return false;
    buf_lit(sql, ") AS f ON f.file_path = d.delete_file_path AND"
                 " (d.content_offset IS NULL OR f.content_offset = d.content_offset)");
    return true;
}
