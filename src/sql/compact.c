/* SPDX-License-Identifier: Apache-2.0
 *
 * Compaction: the table is bound as a DELETE binds it, so that its files are known with their deletes; groups of files are
 * planned (iceberg/rewrite.h), each is written by one query, and the commit is checked as a DELETE's is. */
#include "base/log.h"
#include "catalog/garbage.h"
#include "codec/roaring.h"
#include "sql/deletes.h"
#include "sql/lake.h"
#include "sql/layout_priv.h"
#include "sql/maintain.h"
#include "sql/maintain_priv.h"
#include "sql/own_run_priv.h"
#include "sql/write.h"

#define COMMITS_DEFAULT 10
#define QUERY_MAX ((size_t)256 << 20)

struct compaction {
    struct dml d;
    const struct compact_request *req;
    struct rewrite_options options;
    struct layout layout;
    struct rewrite_group *groups;
    size_t groups_n;
    VEC(struct data_file) added; /* of the next commit */
    int64_t waiting;             /* files of it that are replaced */
    struct compact_result *out;
};

/* --- the table and its files --- */

static size_t deletes_of(const struct file_deletes *f)
{
    return f ? f->positions.n + (f->vector != NULL) + f->equality : 0;
}

static void plan_groups(struct compaction *c)
{
    struct dml *d = &c->d;
    struct rewrite_file *files = arena_array(d->a, struct rewrite_file, d->target.files_n);
    for (size_t i = 0; i < d->target.files_n; i++) {
        const struct target_file *f = &d->target.files[i];
        files[i] = (struct rewrite_file){
            .partition = data_file_partition_key(f->file, d->a),
            .other_spec = f->file->spec_id != d->table.metadata->default_spec_id,
            .size = f->file->size,
            .rows = f->file->records,
            .deleted_rows = f->deletes && f->deletes->deleted
                                ? (int64_t)positions_count(f->deletes->deleted)
                                : 0,
            .delete_files = deletes_of(f->deletes),
        };
    }
    rewrite_plan(&c->options, files, d->target.files_n, d->a, &c->groups, &c->groups_n);
}

/* Bin-packing sorts within files, by the table's order: a group is as large as one, rather than sorted as a whole and cut. */
static bool settle_options(struct compaction *c, struct error *err)
{
    const struct metadata *m = c->d.table.metadata;
    c->options = c->req->options;
    if (!rewrite_defaults(m, &c->options, err) ||
        !layout_read(c->req->strategy, c->req->sort_order, m, c->d.a, &c->layout, err))
        return false;
    if (!c->layout.sort && metadata_order(m)->fields_n > 0 &&
        c->options.group_bytes > c->options.target_bytes)
        c->options.group_bytes = c->options.target_bytes;
    c->d.file_bytes = c->options.target_bytes;
    return true;
}

/* --- writing and committing --- */

/* Files of today's spec are of one partition, which need not be worked out again. */
static bool lay_out(struct compaction *c, const struct rewrite_group *g, struct rows_layout *out,
                    struct error *err)
{
    struct dml *d = &c->d;
    const struct data_file *first = d->target.files[g->files[0]].file;
    struct buf sql = BUF_INIT(QUERY_MAX);
    *out = (struct rows_layout){ .order = c->layout.order, .bytes = c->layout.sort ? g->bytes : 0 };
    if (first->partition_n && first->spec_id == d->table.metadata->default_spec_id)
        out->partition = first->partition;
    if (c->layout.z_n == 0)
        return true;
    bool ok = dml_survivors(d, g->files, g->n, &sql, err) && buf_ok(&sql, "a sample", err) &&
              layout_zorder(&c->layout, d->run->session, buf_str(&sql), d->a, &out->order_sql, err);
    buf_deinit(&sql);
    return ok;
}

static bool write_group(struct compaction *c, const struct rewrite_group *g, struct error *err)
{
    struct dml *d = &c->d;
    struct rows_layout layout;
    d->added = NULL;
    d->added_n = 0;
    d->layout = &layout;
    if (!cancel_check(d->run->req->cancel, err) || !lay_out(c, g, &layout, err) ||
        !dml_rewrite(d, g->files, g->n, err))
        return false;
    for (size_t i = 0; i < d->added_n; i++)
        *vec_push(d->a, &c->added) = d->added[i];
    c->waiting += (int64_t)g->n;
    c->out->bytes += g->bytes;
    return true;
}

/* Files that were written and are in no snapshot, for the collector. */
static void drop_written(struct compaction *c, const struct error *err)
{
    struct error late = { 0 };
    str *paths = arena_array(c->d.a, str, c->added.n);
    for (size_t i = 0; i < c->added.n; i++)
        paths[i] = c->added.at[i].path;
    if (err->code != ERR_UNKNOWN && c->added.n > 0 &&
        !catalog_list_garbage(c->d.run->lake->catalog, "failed compaction", paths, c->added.n,
                              &late))
        log_warn("sql", "files of a failed compaction are not listed: %s", late.msg);
}

static void begin_commit(struct compaction *c)
{
    c->added.n = c->d.removed.n = c->d.removed_deletes.n = c->d.touched.n = 0;
    c->waiting = 0;
}

static bool commit(struct compaction *c, struct error *err)
{
    struct dml *d = &c->d;
    int64_t deletes = (int64_t)d->removed_deletes.n;
    d->added = c->added.at;
    d->added_n = c->added.n;
    bool ok = dml_commit(d, err);
    if (ok) {
        c->out->files += c->waiting;
        c->out->files_written += (int64_t)c->added.n;
        c->out->delete_files += deletes;
        c->out->commits++;
        c->out->snapshot_id = d->run->out->snapshot_id;
        c->out->commit_id = d->run->out->commit_id;
    } else {
        drop_written(c, err);
        c->out->failed_files += c->waiting;
    }
    begin_commit(c);
    return ok;
}

/* With partial progress a commit that fails takes only its own groups with it; the first error is kept. */
static bool rewrite_groups(struct compaction *c, struct error *err)
{
    size_t commits = c->req->partial_progress
                         ? (size_t)(c->req->max_commits ? c->req->max_commits : COMMITS_DEFAULT)
                         : 1;
    size_t per_commit = (c->groups_n + commits - 1) / commits;
    struct error first = { 0 };
    for (size_t i = 0; i < c->groups_n; i++) {
        struct error one = { 0 };
        bool last = (i + 1) % per_commit == 0 || i + 1 == c->groups_n;
        progress_report(c->req->progress, "compact", (int64_t)i, (int64_t)c->groups_n);
        bool written = write_group(c, &c->groups[i], &one);
        if (written && (!last || commit(c, &one)))
            continue;
        if (!written) { /* what the commit has so far goes with it */
            drop_written(c, &one);
            c->out->failed_files += c->waiting + (int64_t)c->groups[i].n;
            begin_commit(c);
        }
        first = first.code ? first : one;
        if (!c->req->partial_progress || one.code == ERR_CANCELLED)
            break;
    }
    if (first.code && c->out->commits > 0) {
        log_warn("sql", "a part of a compaction failed: %s", first.msg);
        return true;
    }
    *err = first.code ? first : *err;
    return !first.code;
}

static void tell_plan(struct compaction *c)
{
    for (size_t i = 0; i < c->groups_n; i++) {
        c->out->files += (int64_t)c->groups[i].n;
        c->out->bytes += c->groups[i].bytes;
    }
}

/* What the compaction left behind counts as removed by it. */
static bool drop_dangling(struct compaction *c, struct error *err)
{
    const struct compact_request *q = c->req;
    struct deletes_request req = { .table = q->table,
                                   .own_branch = q->own_branch,
                                   .drop_dangling = true,
                                   .only_dangling = true,
                                   .access = q->access,
                                   .cancel = q->cancel };
    struct deletes_outcome done;
    if (!run_rewrite_deletes(c->d.run, &req, &done, err))
        return fail_in(err, "the files are compacted, but dangling deletes stay");
    c->out->delete_files += done.dangling;
    if (done.commit_id.len) {
        c->out->commits++;
        c->out->snapshot_id = done.snapshot_id;
        c->out->commit_id = done.commit_id;
    }
    return true;
}

bool run_compact(struct run *r, const struct compact_request *req, struct compact_result *out,
                 struct error *err)
{
    struct compaction c = { .d = { .run = r, .a = r->a }, .req = req, .out = out };
    *out = (struct compact_result){ .snapshot_id = SNAPSHOT_NONE };
    if (!maintain_open(&c.d, req->table, req->own_branch, err) || !settle_options(&c, err) ||
        !maintain_bind(&c.d, req->where, err))
        return false;
    plan_groups(&c);
    out->groups = (int64_t)c.groups_n;
    if (req->dry_run)
        tell_plan(&c);
    if (req->dry_run)
        return true;
    return (c.groups_n == 0 || rewrite_groups(&c, err)) &&
           (!req->drop_dangling || drop_dangling(&c, err));
}

bool maintain_compact(struct lake *lake, const struct compact_request *req, struct arena *a,
                      struct compact_result *out, struct error *err)
{
    struct own_run own;
    if (!own_run_open(&own, lake, req->branch, req->access, req->cancel, a, err))
        return false;
    bool ok = run_compact(&own.run, req, out, err);
    own_run_close(&own);
    return ok || fail_in(err, "compact " STR_FMT, STR_ARG(req->table));
}
