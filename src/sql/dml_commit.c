/* SPDX-License-Identifier: Apache-2.0
 *
 * From rows that change to one snapshot.
 *
 *   whole file        all its rows go: the file goes, nothing is written
 *   copy-on-write     the file goes, its other rows are written again
 *   merge-on-read     format 2: a position delete file for each data file, sorted by position
 *                     format 3: a deletion vector that holds the old positions too; the old vector goes
 *
 * Files are durable before the commit, which is checked against what others did since the table was read. */
#include <errno.h>
#include <sys/stat.h>

#include "catalog/table_ops.h"
#include "codec/puffin.h"
#include "codec/roaring.h"
#include "codec/uuid.h"
#include "engine/parquet.h"
#include "engine/udf.h"
#include "govern/access.h"
#include "iceberg/conflict.h"
#include "iceberg/delete_file.h"
#include "iceberg/update.h"
#include "io/store.h"
#include "sql/deletes.h"
#include "sql/dml_priv.h"
#include "sql/equality.h"
#include "sql/lake.h"
#include "sql/write.h"

#define PUFFIN_BYTES_MAX ((size_t)1 << 31)
#define QUERY_MAX ((size_t)256 << 20)

/* ---- Files that go */

static void drop_deletes(struct dml *d, const struct file_deletes *f)
{
    if (f && f->vector)
        *vec_push(d->a, &d->removed_deletes) =
            (struct delete_name){ f->vector->file.path, f->vector->file.content_offset };
    for (size_t i = 0; f && i < f->positions.n; i++)
        if (str_eq(delete_file_target(&f->positions.at[i]->file), f->path))
            *vec_push(d->a, &d->removed_deletes) =
                (struct delete_name){ f->positions.at[i]->file.path, -1 };
}

void dml_remove_file(struct dml *d, const struct target_file *f)
{
    *vec_push(d->a, &d->touched) = f->file;
    *vec_push(d->a, &d->removed) = f->file->path;
    drop_deletes(d, f->deletes);
}

/* ---- Names */

static str new_uuid(struct dml *d)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    env_random(d->run->lake->env, random, sizeof random);
    struct uuid id = uuid_v4(random);
    return arena_str(d->a, uuid_format(&id, text));
}

static bool data_path(struct dml *d, str *out, struct error *err)
{
    return write_data_path(d->run->lake, &d->table, d->table.metadata, d->a, out, err);
}

/* ---- Deletion vectors */

/* What a delete file of this data file has in common with it. */
static struct data_file delete_of(const struct data_file *f)
{
    return (struct data_file){ .content = FILE_POSITION_DELETES,
                               .spec_id = f->spec_id,
                               .partition = f->partition,
                               .partition_n = f->partition_n,
                               .sort_order_id = -1,
                               .first_row_id = -1,
                               .referenced_file = f->path,
                               .content_offset = -1,
                               .content_size = -1 };
}

static bool add_vector(struct dml *d, struct puffin_writer *w, size_t i, struct error *err)
{
    static const int32_t field = DELETE_FIELD_POS;
    const struct target_file *f = &d->target.files[i];
    struct buf content = BUF_INIT(POSITIONS_BYTES_MAX);
    struct puffin_blob stored;
    struct puffin_property *about = arena_array(d->a, struct puffin_property, 2);
    if (f->deletes)
        positions_add_all(d->matched[i], f->deletes->deleted);
    uint64_t count = positions_count(d->matched[i]);
    about[0] = (struct puffin_property){ STR("referenced-data-file"), f->file->path };
    about[1] = (struct puffin_property){ STR("cardinality"),
                                         arena_printf(d->a, "%llu", (unsigned long long)count) };
    struct puffin_blob blob = { .type = STR(PUFFIN_DELETION_VECTOR),
                                .fields = &field,
                                .fields_n = 1,
                                .snapshot_id = -1,
                                .sequence_number = -1,
                                .properties = about,
                                .properties_n = 2 };
    deletion_vector_write(d->matched[i], &content);
    bool ok = buf_ok(&content, "a deletion vector", err) &&
              puffin_add(w, &blob, buf_str(&content), &stored, err);
    buf_deinit(&content);
    struct data_file *out = vec_push(d->a, &d->deletes);
    *out = delete_of(f->file);
    out->format = STR(DELETE_VECTOR_FORMAT);
    out->records = (int64_t)count;
    if (ok) {
        out->content_offset = stored.offset;
        out->content_size = stored.length;
        drop_deletes(d, f->deletes);
    }
    return ok;
}

/* One Puffin file for all vectors of the statement. */
static bool write_vectors(struct dml *d, const size_t *files, size_t n, struct error *err)
{
    struct store *store = d->run->lake->warehouse;
    struct buf out = BUF_INIT(PUFFIN_BYTES_MAX);
    struct puffin_writer w;
    str data, path = { 0 };
    bool ok = data_path(d, &data, err);
    puffin_begin(&w, &out, d->a);
    for (size_t i = 0; ok && i < n; i++)
        ok = add_vector(d, &w, files[i], err);
    ok = ok && puffin_finish(&w, NULL, 0, false, err);
    if (ok)
        path = arena_printf(d->a, STR_FMT "/" STR_FMT "-deletes.puffin", STR_ARG(data),
                            STR_ARG(new_uuid(d)));
    for (size_t i = 0; ok && i < d->deletes.n; i++) { /* named before the attempt */
        d->deletes.at[i].path = store_uri(store, path, d->a);
        d->deletes.at[i].size = (int64_t)out.len;
    }
    ok = ok && store_put(store, path, buf_str(&out), STORE_CREATE_NEW, err);
    buf_deinit(&out);
    return ok;
}

/* ---- Position delete files */

/* The positions of some data files, file by file, a batch after the other: one thread, in order. */
struct position_rows {
    struct dml *d;
    const size_t *files;
    size_t file;   /* the one that is being told */
    uint64_t next; /* in it */
    int64_t from;  /* the batch that is held; -1: none */
    size_t n;
    str paths[UDF_ROWS_MAX];
    uint64_t at[UDF_ROWS_MAX];
};

static void next_positions(struct position_rows *rows, int64_t from, size_t n)
{
    ASSERT(rows->from < 0 ? from == 0 : from == rows->from + (int64_t)rows->n);
    for (size_t i = 0; i < n;) {
        size_t file = rows->files[rows->file];
        size_t got = positions_list(rows->d->matched[file], rows->next, rows->at + i, n - i);
        for (size_t k = i; k < i + got; k++)
            rows->paths[k] = rows->d->target.files[file].file->path;
        i += got;
        rows->next = got ? rows->at[i - 1] + 1 : 0;
        rows->file += !got;
    }
    rows->from = from;
    rows->n = n;
}

static bool fill_positions(void *ctx, size_t column, int64_t from, size_t n, void *out,
                           uint64_t *valid, struct error *err)
{
    (void)valid, (void)err;
    struct position_rows *rows = ctx;
    if (from != rows->from)
        next_positions(rows, from, n);
    if (column == 0)
        memcpy(out, rows->paths, n * sizeof *rows->paths);
    else
        memcpy(out, rows->at, n * sizeof *rows->at);
    return true;
}

/* Bounds of paths that are equal tell readers which file it is, also those that do not know referenced_data_file. */
static void position_metrics(struct dml *d, const size_t *files, size_t n, struct data_file *f)
{
    struct column_metrics *c = arena_array(d->a, struct column_metrics, 2);
    uint64_t *bounds = arena_array(d->a, uint64_t, 2); /* little-endian, as this machine's */
    bounds[0] = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        uint64_t first, last;
        if (!positions_list(d->matched[files[i]], 0, &first, 1) ||
            !positions_last(d->matched[files[i]], &last))
            continue;
        bounds[0] = first < bounds[0] ? first : bounds[0];
        bounds[1] = last > bounds[1] ? last : bounds[1];
    }
    c[0] = (struct column_metrics){ .field_id = DELETE_FIELD_POS,
                                    .size = -1,
                                    .values = f->records,
                                    .nulls = 0,
                                    .nans = -1,
                                    .lower = str_make(&bounds[0], 8),
                                    .upper = str_make(&bounds[1], 8) };
    c[1] = (struct column_metrics){ .field_id = DELETE_FIELD_PATH,
                                    .size = -1,
                                    .values = f->records,
                                    .nulls = 0,
                                    .nans = -1,
                                    .lower = d->target.files[files[0]].file->path,
                                    .upper = d->target.files[files[n - 1]].file->path };
    f->columns = c;
    f->columns_n = 2;
}

/* The deletes of some data files of one partition, in the order of their paths; `dir` is a staging folder. */
static bool write_positions_of(struct dml *d, const size_t *of, size_t n, str data, str dir,
                               struct error *err)
{
    static const struct row_source_column columns[] = { { STR_INIT("file_path"), "VARCHAR" },
                                                        { STR_INIT("pos"), "BIGINT" } };
    struct session *s = d->run->session;
    struct store *store = d->run->lake->warehouse;
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (int64_t)positions_count(d->matched[of[i]]);
    struct position_rows *rows = arena_new(d->a, struct position_rows);
    rows->d = d;
    rows->files = of;
    rows->from = -1;
    struct row_source src = { .columns = columns,
                              .columns_n = 2,
                              .rows_n = count,
                              .fill = fill_positions,
                              .ctx = rows,
                              .ordered = true };
    struct parquet_file *files;
    size_t files_n;
    str from, prefix = arena_printf(d->a, STR_FMT "-deletes", STR_ARG(new_uuid(d)));
    if (!rows_add(s, &src, d->a, &from, err))
        return false;
    struct parquet_write w = { .query = arena_printf(d->a, "SELECT * FROM " STR_FMT, STR_ARG(from)),
                               .schema = position_delete_schema(d->a),
                               .keep_order = true,
                               .dir = dir.ptr,
                               .prefix = prefix };
    if (!parquet_write(s, &w, d->a, &files, &files_n, err))
        return false;
    ASSERT(files_n == 1);
    str path = arena_printf(d->a, STR_FMT "/" STR_FMT ".parquet", STR_ARG(data), STR_ARG(prefix));
    struct data_file *out = vec_push(d->a, &d->deletes);
    *out = delete_of(d->target.files[of[0]].file);
    if (n > 1)
        out->referenced_file = (str){ 0 };
    out->format = STR("parquet");
    out->path = store_uri(store, path, d->a);
    out->records = count;
    out->size = files[0].size;
    position_metrics(d, of, n, out);
    return store_publish(store, path, files[0].path, STORE_CREATE_NEW, err);
}

/* One file for each run of `files` that `runs` counts; NULL: for each data file. */
static bool write_positions(struct dml *d, const size_t *files, const size_t *runs, size_t n,
                            struct error *err)
{
    struct store *store = d->run->lake->warehouse;
    str data, dir;
    if (!data_path(d, &data, err) ||
        !store_stage(store, arena_printf(d->a, STR_FMT "/deletes", STR_ARG(data)), d->a, &dir, err))
        return false;
    bool ok = mkdir(dir.ptr, 0777) == 0 || fail_errno(err, errno, "make the folder %s", dir.ptr);
    for (size_t i = 0, at = 0; ok && i < n; i++) {
        size_t run = runs ? runs[i] : 1;
        ok = cancel_check(d->run->req->cancel, err) &&
             write_positions_of(d, files + at, run, data, dir, err);
        at += run;
    }
    store_discard(store, dir);
    return ok;
}

bool dml_write_vectors(struct dml *d, const size_t *files, size_t n, struct error *err)
{
    return n == 0 || write_vectors(d, files, n, err);
}

bool dml_write_positions(struct dml *d, const size_t *files, const size_t *runs, size_t n,
                         struct error *err)
{
    return n == 0 || write_positions(d, files, runs, n, err);
}

/* ---- Rows written again */

/* The rows of these files that stay, as a query. */
bool dml_survivors(struct dml *d, const size_t *files, size_t n, struct buf *sql, struct error *err)
{
    struct parquet_scan scan = d->target.scan;
    struct scan_file *left = arena_array(d->a, struct scan_file, n);
    for (size_t i = 0; i < n; i++) {
        left[i] = d->target.files[files[i]].scan;
        struct positions *gone = positions_create(d->a);
        positions_add_all(gone, left[i].deleted);
        positions_add_all(gone, d->matched[files[i]]);
        left[i].deleted = gone;
    }
    scan.files = left;
    scan.files_n = n;
    scan.positions = false;
    scan.metadata = d->lineage ? SCAN_COLUMN_ROW_ID | SCAN_COLUMN_UPDATED : 0;
    return parquet_scan_sql(d->run->session, &scan, sql, err);
}

static bool write_data(struct dml *d, const size_t *files, size_t n, struct error *err)
{
    struct buf sql = BUF_INIT(QUERY_MAX);
    bool ok = true;
    if (n) {
        buf_lit(&sql, "SELECT * FROM (");
        ok = dml_survivors(d, files, n, &sql, err);
        buf_lit(&sql, ")");
    }
    if (d->new_rows.len)
        buf_printf(&sql, "%s" STR_FMT, n ? " UNION ALL " : "", STR_ARG(d->new_rows));
    struct rows_request req = { .session = d->run->session,
                                .table = d->table.metadata,
                                .query = arena_str(d->a, buf_str(&sql)),
                                .lineage = d->lineage,
                                .file_bytes = d->file_bytes,
                                .layout = d->layout,
                                .cancel = d->run->req->cancel };
    ok = ok && buf_ok(&sql, "the rows to be written", err) &&
         (!req.query.len || sql_write_rows(d->run->lake, &req, d->a, &d->added, &d->added_n, err));
    buf_deinit(&sql);
    return ok;
}

/* ---- Which file becomes what */

/* No row is left: those deleted before and now are all there are. */
static bool is_whole(const struct dml *d, size_t i)
{
    const struct target_file *f = &d->target.files[i];
    if (!f->deletes || !f->deletes->deleted)
        return (int64_t)positions_count(d->matched[i]) >= f->file->records;
    struct arena *a = arena_create(0);
    struct positions *all = positions_create(a);
    positions_add_all(all, d->matched[i]);
    positions_add_all(all, f->deletes->deleted);
    bool whole = (int64_t)positions_count(all) >= f->file->records;
    arena_destroy(a);
    return whole;
}

bool dml_write(struct dml *d, struct error *err)
{
    size_t *partial = arena_array(d->a, size_t, d->target.files_n), n = 0;
    for (size_t i = 0; i < d->target.files_n; i++) {
        if (!d->matched[i])
            continue;
        if (is_whole(d, i)) {
            dml_remove_file(d, &d->target.files[i]);
            continue;
        }
        partial[n++] = i;
        if (d->merge_on_read)
            *vec_push(d->a, &d->touched) = d->target.files[i].file;
        else
            dml_remove_file(d, &d->target.files[i]);
    }
    if (!write_data(d, partial, d->merge_on_read ? 0 : n, err))
        return false;
    if (!d->merge_on_read || !n)
        return true;
    return d->table.metadata->format_version >= 3 ? write_vectors(d, partial, n, err)
                                                  : write_positions(d, partial, NULL, n, err);
}

bool dml_rewrite(struct dml *d, const size_t *files, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        dml_remove_file(d, &d->target.files[files[i]]);
    return write_data(d, files, n, err);
}

/* ---- The commit */

struct committing {
    struct dml *d;
    struct error final; /* of a plan that must not be made again */
    struct snapshot_result made;
};

static enum snapshot_operation operation_of(const struct dml *d)
{
    bool gone = d->removed.n || d->deletes.n;
    if (d->replaces)
        return SNAPSHOT_REPLACE;
    if (d->overwrites)
        return SNAPSHOT_OVERWRITE;
    if (!d->added_n)
        return SNAPSHOT_DELETE;
    return gone ? SNAPSHOT_OVERWRITE : SNAPSHOT_APPEND;
}

static struct property_list summary_of(struct dml *d)
{
    const struct run *r = d->run;
    struct property *s = arena_array(d->a, struct property, r->summary_n + d->bound.scans_n);
    size_t n = 0;
    for (size_t i = 0; i < r->summary_n; i++)
        s[n++] = (struct property){ r->summary[i].key, r->summary[i].value };
    for (size_t i = 0; i < d->bound.scans_n; i++) {
        str key = arena_printf(d->a, "firn.input." STR_FMT, STR_ARG(d->bound.scans[i].table));
        bool seen = false; /* the table itself may be read, too */
        for (size_t k = 0; k < n; k++)
            seen = seen || str_eq(s[k].key, key);
        if (!seen)
            s[n++] =
                (struct property){ key, arena_printf(d->a, "%lld",
                                                     (long long)d->bound.scans[i].snapshot_id) };
    }
    return (struct property_list){ s, n };
}

/* What others did since the table was read. */
static bool still_valid(struct dml *d, const struct metadata *now, struct error *err)
{
    const struct metadata *was = d->table.metadata;
    const struct snapshot *base = target_head(was, d->to.branch),
                          *head = target_head(now, d->to.branch);
    if (!str_eq(now->uuid, was->uuid) || now->current_schema_id != was->current_schema_id ||
        now->default_spec_id != was->default_spec_id || now->format_version != was->format_version)
        return fail(err, ERR_CONFLICT, "the definition of the table changed meanwhile");
    struct conflict_check check = { .base_snapshot_id = base ? base->id : SNAPSHOT_NONE,
                                    .files = d->touched.at,
                                    .files_n = d->touched.n,
                                    .no_new_rows = d->serializable,
                                    .no_new_deletes = !d->deletes_only || !d->merge_on_read,
                                    .filter = d->filter,
                                    .partitions = d->partitions,
                                    .partitions_n = d->partitions_n };
    if ((head ? head->id : SNAPSHOT_NONE) == check.base_snapshot_id)
        return true;
    return conflict_check_run(d->run->lake->warehouse, now, head, &check, err);
}

static void drop_made(struct committing *c)
{
    target_unused(c->d->run->lake, "failed snapshot", c->made.written, c->made.written_n);
    c->made = (struct snapshot_result){ 0 };
}

static bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct committing *c = ctx;
    struct dml *d = c->d;
    struct lake *lake = d->run->lake;
    struct snapshot_change change = { .operation = operation_of(d),
                                      .added = d->added,
                                      .added_n = d->added_n,
                                      .removed = d->removed.at,
                                      .removed_n = d->removed.n,
                                      .added_deletes = d->deletes.at,
                                      .added_deletes_n = d->deletes.n,
                                      .removed_deletes = d->removed_deletes.at,
                                      .removed_deletes_n = d->removed_deletes.n,
                                      .summary = summary_of(d) };
    target_apply(&d->to, a, &change);
    drop_made(c); /* by an attempt before this one */
    if (!still_valid(d, t->metadata, err)) {
        c->final = *err; /* a conflict of this kind does not go away */
        err->code = ERR_INVALID;
        return false;
    }
    const struct metadata *base = t->metadata;
    if ((d->unscoped && !equality_settle_spec(d, a, &base, err)) ||
        !snapshot_produce(lake->warehouse, lake->env, base, &change, a, &c->made, err))
        return false;
    if (base != t->metadata)
        equality_add_spec(a, &c->made.updates, &c->made.updates_n);
    struct table_requirement *pins =
        arena_array(a, struct table_requirement, c->made.requirements_n + 2);
    size_t n = c->made.requirements_n;
    memcpy(pins, c->made.requirements, n * sizeof *pins);
    pins[n++] = (struct table_requirement){ .kind = REQUIRE_CURRENT_SCHEMA_ID,
                                            .id = t->metadata->current_schema_id };
    pins[n++] = (struct table_requirement){ .kind = REQUIRE_DEFAULT_SPEC_ID,
                                            .id = t->metadata->default_spec_id };
    *out = (struct table_change){ .ns = d->ns,
                                  .name = d->name,
                                  .requirements = pins,
                                  .requirements_n = n,
                                  .updates = c->made.updates,
                                  .updates_n = c->made.updates_n };
    return true;
}

bool dml_commit(struct dml *d, struct error *err)
{
    struct run *r = d->run;
    struct committing c = { .d = d };
    struct write_info info = { .cancel = r->req->cancel };
    struct write_outcome done;
    r->out->rows_written = d->rows;
    r->out->scans = d->bound.scans;
    r->out->scans_n = d->bound.scans_n;
    r->out->snapshot_id = d->table.snapshot_id;
    r->out->commit_id = d->table.commit_id;
    if (!d->added_n && !d->removed.n && !d->deletes.n && !d->removed_deletes.n)
        return true;
    access_sign(r->req->access, d->a, &info.commit);
    if (!catalog_retry(r->lake->catalog, r->req->branch, d->ns, d->name, plan, &c, &info, d->a,
                       &done, err)) {
        if (c.final.code)
            *err = c.final;
        d->uncertain = err->code == ERR_UNKNOWN;
        if (!d->uncertain)
            drop_made(&c);
        return false;
    }
    r->out->snapshot_id = c.made.snapshot_id;
    r->out->commit_id = done.commit_id;
    return true;
}

void dml_drop(struct dml *d)
{
    str *paths = arena_array(d->a, str, d->added_n + d->deletes.n);
    size_t n = 0;
    for (size_t i = 0; i < d->added_n; i++)
        paths[n++] = d->added[i].path;
    for (size_t i = 0; i < d->deletes.n; i++)
        if (d->deletes.at[i].path.len && (n == 0 || !str_eq(paths[n - 1], d->deletes.at[i].path)))
            paths[n++] = d->deletes.at[i].path; /* vectors share one file */
    if (!d->uncertain)
        target_unused(d->run->lake, "failed change", paths, n);
}
