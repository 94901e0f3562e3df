/* SPDX-License-Identifier: Apache-2.0
 *
 * Files without row-level deletes, nearly all of them, are read by one scan for those added and one for those removed.  The others are read
 * snapshot by snapshot: a data file may have other deletes at each of them.  Rows that a snapshot deletes from a file that stays are
 * those of the file before without those of the file after. */
#include "sql/changes.h"

#include "base/vec.h"
#include "catalog/table.h"
#include "engine/parquet_scan.h"
#include "engine/quote.h"
#include "iceberg/delete_file.h"
#include "iceberg/metadata.h"
#include "io/store.h"
#include "sql/deletes.h"
#include "sql/lake.h"
#include "sql/scan_names.h"

/* Files that are read by one scan. */
struct change_scan {
    enum scan_change change;
    size_t ordinal;
    VEC(struct scan_file) files;
    VEC(struct file_deletes *) before;       /* that apply, file by file; NULL: none */
    VEC(struct file_deletes *) after;        /* of CHANGE_DELETED_ROWS */
    struct deletes *deletes, *deletes_after; /* NULL: no file has any */
};

struct changes {
    struct lake *lake;
    struct session *session;
    const struct changes_request *req;
    struct arena *a;
    VEC(struct change_scan) scans; /* 0 and 1 are those without deletes */
};

/* ---- Which files. */

static struct change_scan *scan_for(struct changes *c, const struct scan_task *t)
{
    if (!t->deletes_n && t->change != CHANGE_DELETED_ROWS)
        return &c->scans.at[t->change == CHANGE_INSERTED ? 0 : 1];
    for (size_t i = c->scans.n; i-- > 2;)
        if (c->scans.at[i].change == t->change && c->scans.at[i].ordinal == t->change_ordinal)
            return &c->scans.at[i];
    struct change_scan *s = vec_push(c->a, &c->scans);
    s->change = t->change;
    s->ordinal = t->change_ordinal;
    s->deletes = deletes_create(c->lake, c->req->metadata, c->req->columns, c->a);
    if (t->change == CHANGE_DELETED_ROWS)
        s->deletes_after = deletes_create(c->lake, c->req->metadata, c->req->columns, c->a);
    return s;
}

/* What applies once the snapshot is there.  A vector stands for all positions of its file, those before included. */
static struct scan_task task_after(const struct changes *c, const struct scan_task *t)
{
    struct scan_task after = *t;
    bool vector = false;
    const struct data_file **all =
        arena_array(c->a, const struct data_file *, t->deletes_n + t->added_deletes_n);
    size_t n = 0;
    for (size_t i = 0; i < t->added_deletes_n; i++) {
        vector = vector || delete_file_is_vector(t->added_deletes[i]);
        all[n++] = t->added_deletes[i];
    }
    for (size_t i = 0; i < t->deletes_n; i++)
        if (!vector || t->deletes[i]->content == FILE_EQUALITY_DELETES)
            all[n++] = t->deletes[i];
    after.deletes = all;
    after.deletes_n = n;
    return after;
}

static bool describe(struct changes *c, const struct scan_task *t, struct scan_file *out,
                     struct error *err)
{
    str path;
    bool avro = str_is(t->file->format, "avro");
    if (!avro && !str_is(t->file->format, "parquet"))
        return fail(err, ERR_UNSUPPORTED,
                    "data file " STR_FMT " is " STR_FMT
                    ": changes are read from parquet and avro only",
                    STR_ARG(t->file->path), STR_ARG(t->file->format));
    *out = (struct scan_file){ .rows = t->file->records,
                               .avro = avro,
                               .sequence = t->sequence_number,
                               .first_row_id = t->file->first_row_id,
                               .spec_id = t->file->spec_id };
    out->partition = arena_printf(c->a, "{'o': %zu::INTEGER, 's': %lld::BIGINT}", t->change_ordinal,
                                  (long long)t->change_snapshot_id);
    return store_from_uri(c->lake->warehouse, t->file->path, c->a, &path, err) &&
           store_local_path(c->lake->warehouse, path, c->a, &out->path, err);
}

static bool take(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct changes *c = ctx;
    for (size_t i = 0; i < n; i++) {
        const struct scan_task *t = &tasks[i];
        struct change_scan *s = scan_for(c, t);
        struct file_deletes *before = NULL, *after = NULL;
        if (!describe(c, t, vec_push(c->a, &s->files), err) ||
            (s->deletes && !deletes_note(s->deletes, t, &before, err)))
            return false;
        if (s->deletes_after) {
            struct scan_task then = task_after(c, t);
            if (!deletes_note(s->deletes_after, &then, &after, err))
                return false;
        }
        *vec_push(c->a, &s->before) = before;
        *vec_push(c->a, &s->after) = after;
    }
    return true;
}

/* ---- SQL. */

/* The scan with these deletes; two more columns say which row it is when `positions`. */
static bool add_scan(struct changes *c, const struct change_scan *s, bool after, struct buf *sql,
                     struct error *err)
{
    struct deletes *d = after ? s->deletes_after : s->deletes;
    struct scan_file *files = arena_array(c->a, struct scan_file, s->files.n);
    struct parquet_scan scan = { .schema = c->req->columns,
                                 .files = files,
                                 .files_n = s->files.n,
                                 .metadata = after ? 0 : SCAN_COLUMN_PARTITION,
                                 .partition_type = STR("STRUCT(o INTEGER, s BIGINT)"),
                                 .positions = s->deletes_after != NULL,
                                 .same_names = c->req->metadata->schemas_n == 1 };
    if (d && (!deletes_load(d, c->session, c->req->cancel, err) || !deletes_apply(d, &scan, err)))
        return false;
    for (size_t i = 0; i < s->files.n; i++) {
        files[i] = s->files.at[i];
        if (d)
            deletes_apply_file(after ? s->after.at[i] : s->before.at[i], &files[i]);
    }
    return scan_names_of(c->req->metadata, c->a, &scan.names, &scan.names_n, err) &&
           parquet_scan_sql(c->session, &scan, sql, err);
}

static bool add_changes(struct changes *c, const struct change_scan *s, struct buf *sql,
                        struct error *err)
{
    buf_lit(sql, "SELECT ");
    for (size_t i = 0; i < c->req->columns->fields_n; i++) {
        quote_ident(sql, c->req->columns->fields[i].name);
        buf_lit(sql, ", ");
    }
    buf_printf(sql,
               "'%s' AS _change_type, _partition.o AS _change_ordinal, _partition.s AS"
               " _commit_snapshot_id FROM (",
               s->change == CHANGE_INSERTED ? "INSERT" : "DELETE");
    if (!add_scan(c, s, false, sql, err))
        return false;
    buf_lit(sql, ")");
    if (!s->deletes_after)
        return true;
    buf_lit(sql, " ANTI JOIN (SELECT file_index, file_row_number FROM (");
    if (!add_scan(c, s, true, sql, err))
        return false;
    buf_lit(sql, ")) AS firn_left USING (file_index, file_row_number)");
    return true;
}

bool changes_sql(struct lake *lake, struct session *session, const struct changes_request *req,
                 struct arena *a, struct buf *sql, struct error *err)
{
    struct changes c = { .lake = lake, .session = session, .req = req, .a = a };
    struct scan_options o = { .range = req->range, .cancel = req->cancel, .pool = lake->pool };
    o.range.kind = SCAN_CHANGELOG;
    vec_push(a, &c.scans)->change = CHANGE_INSERTED;
    vec_push(a, &c.scans)->change = CHANGE_DELETED_FILE;
    if (!scan_plan(lake->warehouse, lake->env, req->metadata, &o, take, &c, NULL, err))
        return false;
    if (c.scans.n > CHANGES_SCANS_MAX)
        return fail(err, ERR_LIMIT,
                    "more than %d snapshots of the range delete single rows: ask for a shorter one",
                    CHANGES_SCANS_MAX);
    bool first = true;
    for (size_t i = 0; i < c.scans.n; i++) {
        if (i > 0 && c.scans.at[i].files.n == 0) /* the first gives the columns */
            continue;
        buf_add_str(sql, first ? (str){ 0 } : STR(" UNION ALL "));
        first = false;
        if (!add_changes(&c, &c.scans.at[i], sql, err))
            return false;
    }
    return true;
}
