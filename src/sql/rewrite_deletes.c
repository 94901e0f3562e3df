/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting delete files.  The table is planned whole, so that each delete file is known with the data files that it applies to:
 *
 *   dangling     it applies to none: no data file of its partition is older, or the one that it names is gone.  It can
 *                never apply to one again, because files that are added later are younger.
 *   a candidate  all data files that it applies to are among those that were asked for
 *
 * Format 3: data files with candidates get a vector that holds everything, and the candidates go.  Format 2: a partition with enough
 * of them gets new files, sorted by path and position, that hold the positions of its live data files, and all its candidates go.
 * Equality deletes become positions when that is asked for: the engine says which rows they hit.  Then none of them is needed any
 * more. */
#include <stdlib.h>

#include "base/map.h"
#include "codec/roaring.h"
#include "iceberg/delete_file.h"
#include "iceberg/scan.h"
#include "io/store.h"
#include "sql/deletes.h"
#include "sql/lake.h"
#include "sql/own_run_priv.h"
#include "sql/maintain.h"
#include "sql/maintain_priv.h"
#include "sql/target.h"

#define TARGET_BYTES_DEFAULT (INT64_C(64) << 20) /* write.delete.target-file-size-bytes */
#define INPUT_FILES_DEFAULT 5
#define QUERY_MAX ((size_t)256 << 20)

/* A live delete file of the snapshot. */
struct listed {
    struct data_file file;
    bool used;    /* by a data file */
    bool blocked; /* by one that was not asked for */
    bool goes;
};

/* The data files of one partition that position deletes apply to. */
struct part {
    VEC(size_t) files; /* places in the target */
    VEC(struct listed *) deletes;
    bool forced; /* equality deletes of its files become positions */
};

struct rewrite {
    struct dml d;
    const struct deletes_request *req;
    struct deletes_outcome *out;
    int64_t target_bytes, min_bytes, max_bytes, min_input_files;
    struct map by_name;  /* of listed: path and offset */
    struct map by_local; /* equality deletes, by their file here */
    struct map selected; /* paths of data files that were asked for, when there is a condition */
    struct map parts;    /* by partition key */
    VEC(struct listed *) list;
    VEC(size_t) files; /* of the target, sorted, that get deletes written */
    VEC(size_t) runs;  /* format 2: how many of them make a file */
};

/* --- what there is --- */

static str name_of(const struct data_file *f, struct arena *a)
{
    int64_t offset = delete_file_is_vector(f) ? f->content_offset : -1;
    return arena_printf(a, "%lld " STR_FMT, (long long)offset, STR_ARG(f->path));
}

static bool add_listed(struct rewrite *x, const struct data_file *f, struct error *err)
{
    struct arena *a = x->d.a;
    struct store *store = x->d.run->lake->warehouse;
    struct listed *l = arena_new(a, struct listed);
    str path, local;
    data_file_copy(f, a, &l->file);
    *vec_push(a, &x->list) = l;
    map_put(&x->by_name, name_of(&l->file, a), l);
    if (f->content != FILE_EQUALITY_DELETES)
        return true;
    if (!store_from_uri(store, l->file.path, a, &path, err) ||
        !store_local_path(store, path, a, &local, err))
        return fail_in(err, "delete file " STR_FMT, STR_ARG(f->path));
    map_put(&x->by_local, local, l);
    return true;
}

static bool list_manifest(struct rewrite *x, const struct manifest_file *m, struct arena *a,
                          struct error *err)
{
    struct manifest_reader *r;
    const struct manifest_entry *entries;
    const struct metadata *t = x->d.table.metadata;
    size_t n;
    if (!scan_open_manifest(x->d.run->lake->warehouse, t, metadata_schema(t), m, a, &r, err))
        return false;
    do {
        if (!cancel_check(x->req->cancel, err) || !manifest_next(r, &entries, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (entries[i].status != ENTRY_DELETED && !add_listed(x, &entries[i].file, err))
                return false;
    } while (n > 0);
    return true;
}

static bool list_deletes(struct rewrite *x, struct error *err)
{
    const struct snapshot *s = target_head(x->d.table.metadata, x->d.to.branch);
    struct manifest_file *manifests = NULL;
    size_t n = 0;
    map_init(&x->by_name, x->d.a);
    map_init(&x->by_local, x->d.a);
    if (s && !scan_manifests(x->d.run->lake->warehouse, s, x->d.a, &manifests, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (manifests[i].content != MANIFEST_DELETES || !manifest_has_live(&manifests[i]))
            continue;
        struct arena *a = arena_create(0);
        bool ok = list_manifest(x, &manifests[i], a, err);
        arena_destroy(a);
        if (!ok)
            return false;
    }
    return true;
}

/* --- what was asked for --- */

static bool select_files(struct rewrite *x, struct error *err)
{
    struct dml chosen = { .run = x->d.run, .a = x->d.a, .to = x->d.to };
    if (!x->req->where.len)
        return true;
    if (x->req->equality)
        return fail(err, ERR_INVALID,
                    "equality deletes become positions in the whole table, without a condition");
    map_init(&x->selected, x->d.a);
    if (!maintain_open(&chosen, x->req->table, x->req->own_branch, err) ||
        !maintain_bind(&chosen, x->req->where, err))
        return false;
    for (size_t i = 0; i < chosen.target.files_n; i++)
        map_add(&x->selected, chosen.target.files[i].file->path, x);
    return true;
}

static bool is_selected(const struct rewrite *x, const struct target_file *f)
{
    return !x->req->where.len || map_get(&x->selected, f->file->path);
}

static struct listed *find_listed(const struct rewrite *x, const struct data_file *f,
                                  struct arena *scratch)
{
    return map_get(&x->by_name, name_of(f, scratch));
}

static void use(struct listed *l, bool selected)
{
    if (!l)
        return;
    l->used = true;
    l->blocked = l->blocked || !selected;
}

static void note_uses(struct rewrite *x, struct arena *scratch)
{
    const struct parquet_scan *scan = &x->d.target.scan;
    for (size_t i = 0; i < x->d.target.files_n; i++) {
        const struct target_file *f = &x->d.target.files[i];
        bool selected = is_selected(x, f);
        if (!f->deletes)
            continue;
        arena_reset(scratch);
        if (f->deletes->vector)
            use(find_listed(x, &f->deletes->vector->file, scratch), selected);
        for (size_t k = 0; k < f->deletes->positions.n; k++)
            use(find_listed(x, &f->deletes->positions.at[k]->file, scratch), selected);
    }
    for (size_t i = 0; i < scan->equality_n; i++)
        for (size_t k = 0; k < scan->equality[i].files_n; k++)
            use(map_get(&x->by_local, scan->equality[i].files[k].path), true);
}

static void settle_options(struct rewrite *x)
{
    const struct deletes_request *q = x->req;
    int64_t target = q->target_bytes;
    if (target == 0)
        target = metadata_property_int(x->d.table.metadata, "write.delete.target-file-size-bytes",
                                       TARGET_BYTES_DEFAULT);
    x->target_bytes = target > 0 ? target : TARGET_BYTES_DEFAULT;
    x->min_bytes = q->min_bytes ? q->min_bytes : (int64_t)((double)x->target_bytes * 0.75);
    x->max_bytes = q->max_bytes ? q->max_bytes : (int64_t)((double)x->target_bytes * 1.8);
    x->min_input_files = q->min_input_files ? q->min_input_files : INPUT_FILES_DEFAULT;
}

/* --- equality deletes as positions --- */

static bool take_matches(struct rewrite *x, const size_t *places, const struct chunk *c)
{
    struct dml *d = &x->d;
    const uint64_t *file = c->columns[0].data;
    const int64_t *pos = c->columns[1].data;
    for (size_t i = 0, end; i < c->n; i = end) {
        size_t at = places[file[i]];
        for (end = i + 1; end < c->n && file[end] == file[i];)
            end++;
        if (!d->matched[at])
            d->matched[at] = positions_create(d->a);
        positions_add_many(d->matched[at], pos + i, end - i);
    }
    return true;
}

/* The rows that equality deletes hit, of the files that have some. */
static bool find_matches(struct rewrite *x, const struct scan_file *files, const size_t *places,
                         size_t n, struct error *err)
{
    struct parquet_scan scan = x->d.target.scan;
    struct session *s = x->d.run->session;
    struct buf sql = BUF_INIT(QUERY_MAX);
    struct result *r = NULL;
    const struct chunk *c = NULL;
    scan.files = files;
    scan.files_n = n;
    scan.positions = true;
    scan.metadata = SCAN_COLUMN_DELETED;
    buf_lit(&sql, "SELECT file_index, file_row_number FROM (");
    bool ok = parquet_scan_sql(s, &scan, &sql, err);
    buf_lit(&sql, ") WHERE _deleted");
    ok = ok && buf_ok(&sql, "the query for equality deletes", err) &&
         session_query(s, buf_str(&sql), NULL, 0, &r, err) && result_next(r, &c, err);
    while (ok && c)
        ok = take_matches(x, places, c) && result_next(r, &c, err);
    result_close(r);
    buf_deinit(&sql);
    return ok;
}

static bool match_equality(struct rewrite *x, struct error *err)
{
    struct dml *d = &x->d;
    struct scan_file *files = arena_array(d->a, struct scan_file, d->target.files_n);
    size_t *places = arena_array(d->a, size_t, d->target.files_n), n = 0;
    for (size_t i = 0; i < d->target.files_n; i++)
        if (d->target.files[i].deletes && d->target.files[i].deletes->equality) {
            files[n] = d->target.files[i].scan;
            files[n].deleted = NULL; /* these are known */
            places[n++] = i;
        }
    return n == 0 || find_matches(x, files, places, n, err);
}

/* --- which go --- */

static void let_go(struct rewrite *x, struct listed *l)
{
    const struct data_file *f = &l->file;
    bool vector = delete_file_is_vector(f);
    if (l->goes)
        return;
    l->goes = true;
    *vec_push(x->d.a, &x->d.removed_deletes) =
        (struct delete_name){ f->path, vector ? f->content_offset : -1 };
    if (l->used) {
        x->out->rewritten_files++;
        x->out->rewritten_bytes += vector ? f->content_size : f->size;
    } else {
        x->out->dangling++;
    }
}

static void drop_dangling(struct rewrite *x)
{
    for (size_t i = 0; i < x->list.n; i++) {
        struct listed *l = x->list.at[i];
        bool equality = l->file.content == FILE_EQUALITY_DELETES;
        bool converted = equality && x->req->equality && !x->req->only_dangling;
        if (converted || (!l->used && (!equality || x->req->drop_dangling)))
            let_go(x, l);
    }
}

static int by_path(const void *a, const void *b, void *ctx)
{
    const struct dml *d = ctx;
    const struct target_file *x = &d->target.files[*(const size_t *)a],
                             *y = &d->target.files[*(const size_t *)b];
    return str_cmp(x->file->path, y->file->path);
}

/* Candidates among the position deletes of a data file. */
static size_t candidates_of(const struct rewrite *x, const struct target_file *f,
                            struct listed **out, struct arena *scratch)
{
    size_t n = 0;
    for (size_t k = 0; f->deletes && k < f->deletes->positions.n; k++) {
        struct listed *l = find_listed(x, &f->deletes->positions.at[k]->file, scratch);
        if (l && !l->blocked)
            out[n++] = l;
    }
    if (f->deletes && f->deletes->vector && x->req->all) {
        struct listed *l = find_listed(x, &f->deletes->vector->file, scratch);
        if (l && !l->blocked)
            out[n++] = l;
    }
    return n;
}

static size_t deletes_of(const struct target_file *f)
{
    return f->deletes ? f->deletes->positions.n + 1 : 1;
}

/* Format 3: every data file with a candidate, or with rows that equality deletes hit. */
static bool plan_vectors(struct rewrite *x, struct error *err)
{
    struct dml *d = &x->d;
    for (size_t i = 0; i < d->target.files_n; i++) {
        const struct target_file *f = &d->target.files[i];
        struct arena *scratch = arena_create(0);
        struct listed **found = arena_array(scratch, struct listed *, deletes_of(f));
        size_t n = candidates_of(x, f, found, scratch);
        for (size_t k = 0; k < n; k++)
            let_go(x, found[k]);
        arena_destroy(scratch);
        if (n == 0 && !d->matched[i])
            continue;
        if (f->deletes->vector && d->matched[i]) { /* its positions move */
            struct listed *l = find_listed(x, &f->deletes->vector->file, d->a);
            if (l)
                let_go(x, l);
        }
        if (!d->matched[i])
            d->matched[i] = positions_create(d->a);
        *vec_push(d->a, &d->touched) = f->file;
        if (positions_count(d->matched[i]) ||
            (f->deletes->deleted && positions_count(f->deletes->deleted)))
            *vec_push(d->a, &x->files) = i;
    }
    return cancel_check(x->req->cancel, err);
}

static struct part *part_of(struct rewrite *x, const struct target_file *f)
{
    str key = data_file_partition_key(f->file, x->d.a);
    struct part *p = map_get(&x->parts, key);
    if (!p) {
        p = arena_new(x->d.a, struct part);
        map_add(&x->parts, key, p);
    }
    return p;
}

static void fill_parts(struct rewrite *x)
{
    struct dml *d = &x->d;
    struct map seen;
    map_init(&x->parts, d->a);
    map_init(&seen, d->a);
    for (size_t i = 0; i < d->target.files_n; i++) {
        const struct target_file *f = &d->target.files[i];
        if (!f->deletes)
            continue;
        struct listed **found = arena_array(d->a, struct listed *, deletes_of(f));
        size_t n = candidates_of(x, f, found, d->a);
        if (n == 0 && !d->matched[i])
            continue;
        struct part *p = part_of(x, f);
        *vec_push(d->a, &p->files) = i;
        p->forced = p->forced || d->matched[i];
        for (size_t k = 0; k < n; k++)
            if (map_add(&seen, name_of(&found[k]->file, d->a), x))
                *vec_push(d->a, &p->deletes) = found[k];
    }
}

static bool by_file(const struct rewrite *x)
{
    str granularity =
        metadata_property(x->d.table.metadata, "write.delete.granularity", STR("partition"));
    return str_eq_nocase(granularity, STR("file"));
}

/* Where each data file has a delete file of its own, nothing is gained. */
static bool is_apart(const struct rewrite *x, const struct part *p)
{
    for (size_t i = 0; i < p->deletes.n; i++)
        if (!delete_file_target(&p->deletes.at[i]->file).ptr)
            return false;
    return by_file(x) && p->deletes.n <= p->files.n;
}

static bool part_is_worth_it(const struct rewrite *x, const struct part *p)
{
    int64_t odd = 0, bytes = 0;
    for (size_t i = 0; i < p->deletes.n; i++) {
        int64_t size = p->deletes.at[i]->file.size;
        if (size < x->min_bytes || size > x->max_bytes) {
            odd++;
            bytes += size;
        }
    }
    if (is_apart(x, p) && !p->forced && !x->req->all)
        return false;
    return p->forced || x->req->all ||
           (odd > 1 && (odd >= x->min_input_files || bytes > x->target_bytes)) ||
           bytes > x->max_bytes;
}

/* Bytes of a position in the files of today. */
static double bytes_a_position(const struct part *p)
{
    double bytes = 0, positions = 0;
    for (size_t i = 0; i < p->deletes.n; i++) {
        bytes += (double)p->deletes.at[i]->file.size;
        positions += (double)p->deletes.at[i]->file.records;
    }
    return positions > 0 ? bytes / positions : 1;
}

/* Cuts the files of a partition into runs of about the target size. */
static void cut_part(struct rewrite *x, struct part *p)
{
    struct dml *d = &x->d;
    bool alone = by_file(x);
    double each = bytes_a_position(p), bytes = 0;
    size_t run = 0;
    qsort_r(p->files.at, p->files.n, sizeof *p->files.at, by_path, d);
    for (size_t i = 0; i < p->files.n; i++) {
        size_t at = p->files.at[i];
        const struct file_deletes *f = d->target.files[at].deletes;
        struct positions *all = positions_create(d->a);
        if (f->deleted)
            positions_add_all(all, f->deleted);
        if (d->matched[at])
            positions_add_all(all, d->matched[at]);
        d->matched[at] = all;
        uint64_t n = positions_count(all);
        if (n == 0)
            continue;
        double size = (double)n * each;
        if (run > 0 && (alone || bytes + size > (double)x->target_bytes)) {
            *vec_push(d->a, &x->runs) = run;
            run = 0;
            bytes = 0;
        }
        *vec_push(d->a, &x->files) = at;
        run++;
        bytes += size;
    }
    if (run > 0)
        *vec_push(d->a, &x->runs) = run;
}

static bool plan_positions(struct rewrite *x, struct error *err)
{
    fill_parts(x);
    for (size_t i = 0; i < x->parts.n; i++) {
        struct part *p = x->parts.entries[i].value;
        if (!cancel_check(x->req->cancel, err))
            return false;
        if (!part_is_worth_it(x, p))
            continue;
        cut_part(x, p);
        for (size_t k = 0; k < p->deletes.n; k++)
            let_go(x, p->deletes.at[k]);
    }
    return true;
}

/* --- all of it --- */

static bool plan_rewrite(struct rewrite *x, struct error *err)
{
    struct arena *scratch = arena_create(0);
    settle_options(x);
    note_uses(x, scratch);
    arena_destroy(scratch);
    if (!x->req->only_dangling) {
        if (x->req->equality && !match_equality(x, err))
            return false;
        if (!(x->d.lineage ? plan_vectors(x, err) : plan_positions(x, err)))
            return false;
    }
    drop_dangling(x);
    x->out->added_files = (int64_t)(x->d.lineage ? x->files.n : x->runs.n);
    return true;
}

static bool write_deletes(struct rewrite *x, struct error *err)
{
    struct dml *d = &x->d;
    return d->lineage ? dml_write_vectors(d, x->files.at, x->files.n, err)
                      : dml_write_positions(d, x->files.at, x->runs.at, x->runs.n, err);
}

static bool commit(struct rewrite *x, struct error *err)
{
    struct dml *d = &x->d;
    for (size_t i = 0; i < d->deletes.n; i++) {
        const struct data_file *f = &d->deletes.at[i];
        x->out->added_bytes += delete_file_is_vector(f) ? f->content_size : f->size;
    }
    d->deletes_only = d->merge_on_read = true; /* rows that others delete meanwhile do not matter */
    if (!dml_commit(d, err)) {
        dml_drop(d);
        return false;
    }
    x->out->snapshot_id = d->run->out->snapshot_id;
    x->out->commit_id = d->run->out->commit_id;
    return true;
}

bool run_rewrite_deletes(struct run *r, const struct deletes_request *req,
                         struct deletes_outcome *out, struct error *err)
{
    struct rewrite x = { .d = { .run = r, .a = r->a }, .req = req, .out = out };
    *out = (struct deletes_outcome){ .snapshot_id = SNAPSHOT_NONE };
    if (!maintain_open(&x.d, req->table, req->own_branch, err) ||
        !maintain_bind(&x.d, (str){ 0 }, err) || !select_files(&x, err) || !list_deletes(&x, err) ||
        !plan_rewrite(&x, err))
        return false;
    if (req->dry_run || x.d.removed_deletes.n == 0)
        return true;
    if (!write_deletes(&x, err)) {
        dml_drop(&x.d);
        return false;
    }
    return commit(&x, err);
}

bool maintain_deletes(struct lake *lake, const struct deletes_request *req, struct arena *a,
                      struct deletes_outcome *out, struct error *err)
{
    struct own_run own;
    if (!own_run_open(&own, lake, req->branch, req->access, req->cancel, a, err))
        return false;
    bool ok = run_rewrite_deletes(&own.run, req, out, err);
    own_run_close(&own);
    return ok || fail_in(err, "rewrite deletes of " STR_FMT, STR_ARG(req->table));
}
