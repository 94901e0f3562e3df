/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks are written as they are planned; delete files, which several tasks may name, once each into a buffer of their
 * own that follows.
 *
 * Where the protocol's description leaves a choice the Java library's ContentFileParser decides, since it is what reads
 * this: bounds are bytes in hexadecimal, metrics are {"keys":[…],"values":[…]}, and each task has its residual (but
 * for one that is longer than a page of text, which the client has to work out, as format/expressions-spec.md
 * allows). */
#include "base/env.h"
#include "base/time.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "iceberg/expr_json.h"
#include "server/iceberg_plan_priv.h"

#define PAGE_PROPERTY "firn.scan-planning.page-files"
#define TASK_LIFETIME_MS (60 * 60 * 1000LL)
#define TASK_TEXT_LONG                                                                             \
    8192                   /* bytes of a plan task above which there is one, for all that is left */
#define TASKS_MAX 10000    /* plan tasks of one answer */
#define RESIDUAL_MAX 16384 /* bytes of JSON */
#define DELETES_BYTES_MAX ((size_t)128 << 20)
#define PAGE_NS (5 * 1000000000LL) /* then what was found so far is answered */

struct writing {
    const struct metadata *m;
    const struct plan_query *q;
    struct arena *a;
    struct json_writer *w;
    struct buf deletes; /* their JSON, with commas between */
    struct json_writer deletes_w;
    struct map delete_places; /* path and offset -> place + 1 */
    size_t page;              /* files of one answer, about */
    size_t files;
    uint64_t rows_certain;
    const struct expr *residual; /* the last one written, and its text */
    str residual_text;
};

/* --- content files --- */

static void write_partition(const struct data_file *f, struct json_writer *w)
{
    jw_kv_array(w, "partition");
    for (size_t i = 0; i < f->partition_n; i++)
        value_write(&f->partition[i], w);
    jw_end_array(w);
}

static void write_hex(str bytes, struct json_writer *w)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buf b = BUF_INIT(2 * VALUE_BYTES_MAX);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = (uint8_t)bytes.ptr[i];
        buf_add_char(&b, digits[c >> 4]);
        buf_add_char(&b, digits[c & 15]);
    }
    jw_str(w, b.overflow ? (str){ 0 } : buf_str(&b));
    buf_deinit(&b);
}

static bool is_wanted(const struct plan_query *q, int32_t id)
{
    size_t lo = 0, hi = q->stats_ids_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (q->stats_ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < q->stats_ids_n && q->stats_ids[lo] == id;
}

enum metric { SIZES, VALUES, NULLS, NANS, LOWER, UPPER, METRICS };

static int64_t count_of(const struct column_metrics *c, enum metric which)
{
    switch (which) {
    case SIZES:
        return c->size;
    case VALUES:
        return c->values;
    case NULLS:
        return c->nulls;
    default:
        return c->nans;
    }
}

static str bound_of(const struct column_metrics *c, enum metric which)
{
    return which == LOWER ? c->lower : c->upper;
}

static bool is_known(const struct column_metrics *c, enum metric which)
{
    return which >= LOWER ? bound_of(c, which).ptr != NULL : count_of(c, which) >= 0;
}

static void write_metric(const struct writing *g, const struct data_file *f, enum metric which,
                         struct json_writer *w)
{
    static const char *const names[METRICS] = { "column-sizes",      "value-counts",
                                                "null-value-counts", "nan-value-counts",
                                                "lower-bounds",      "upper-bounds" };
    bool any = false;
    for (size_t i = 0; i < f->columns_n; i++) {
        const struct column_metrics *c = &f->columns[i];
        if (!is_known(c, which) || !is_wanted(g->q, c->field_id))
            continue;
        if (!any) {
            jw_kv_object(w, names[which]);
            jw_kv_array(w, "keys");
        }
        any = true;
        jw_int(w, c->field_id);
    }
    if (!any)
        return;
    jw_end_array(w);
    jw_kv_array(w, "values");
    for (size_t i = 0; i < f->columns_n; i++) {
        const struct column_metrics *c = &f->columns[i];
        if (!is_known(c, which) || !is_wanted(g->q, c->field_id))
            continue;
        if (which >= LOWER)
            write_hex(bound_of(c, which), w);
        else
            jw_int(w, count_of(c, which));
    }
    jw_end_array(w);
    jw_end_object(w);
}

static void write_numbers(const struct data_file *f, struct json_writer *w)
{
    if (f->key_metadata.len > 0) {
        jw_key(w, STR("key-metadata"));
        write_hex(f->key_metadata, w);
    }
    if (f->split_offsets_n > 0) {
        jw_kv_array(w, "split-offsets");
        for (size_t i = 0; i < f->split_offsets_n; i++)
            jw_int(w, f->split_offsets[i]);
        jw_end_array(w);
    }
    if (f->content == FILE_EQUALITY_DELETES) {
        jw_kv_array(w, "equality-ids");
        for (size_t i = 0; i < f->equality_ids_n; i++)
            jw_int(w, f->equality_ids[i]);
        jw_end_array(w);
    }
    if (f->sort_order_id >= 0)
        jw_kv_int(w, "sort-order-id", f->sort_order_id);
}

static void write_file(const struct writing *g, const struct data_file *f, int64_t sequence_number,
                       struct json_writer *w)
{
    static const char *const contents[] = { "data", "position-deletes", "equality-deletes" };
    jw_begin_object(w);
    jw_kv_int(w, "spec-id", f->spec_id);
    jw_kv_str(w, "content", str_of(contents[f->content]));
    jw_kv_str(w, "file-path", f->path);
    jw_kv_str(w, "file-format", f->format);
    write_partition(f, w);
    jw_kv_int(w, "file-size-in-bytes", f->size);
    jw_kv_int(w, "record-count", f->records);
    if (f->content == FILE_DATA)
        for (enum metric i = 0; i < METRICS; i++)
            write_metric(g, f, i, w);
    write_numbers(f, w);
    if (f->content == FILE_DATA && f->first_row_id >= 0) {
        jw_kv_int(w, "first-row-id", f->first_row_id);
        jw_kv_int(w, "data-sequence-number", sequence_number);
    }
    if (f->referenced_file.ptr != NULL)
        jw_kv_str(w, "referenced-data-file", f->referenced_file);
    if (f->content_offset >= 0)
        jw_kv_int(w, "content-offset", f->content_offset);
    if (f->content_size >= 0)
        jw_kv_int(w, "content-size-in-bytes", f->content_size);
    jw_end_object(w);
}

/* --- tasks --- */

/* The delete file's place in the answer; it is written when it is new. */
static size_t delete_place(struct writing *g, const struct data_file *d)
{
    str key = arena_printf(g->a, STR_FMT "\n%lld", STR_ARG(d->path), (long long)d->content_offset);
    const size_t *known = map_get(&g->delete_places, key);
    if (known != NULL)
        return *known;
    size_t *place = arena_new(g->a, size_t);
    *place = g->delete_places.n;
    map_put(&g->delete_places, key, place);
    write_file(g, d, 0, &g->deletes_w);
    return *place;
}

static bool residual_text(struct writing *g, const struct expr *e, struct error *err)
{
    struct buf b = BUF_INIT(API_BODY_MAX);
    struct json_writer w;
    if (e == g->residual && e->op != EXPR_TRUE)
        return true;
    jw_init(&w, &b);
    bool ok = expr_write_json(e, g->q->schema, &w, err);
    g->residual = e;
    g->residual_text = !ok || b.len > RESIDUAL_MAX ? (str){ 0 } : arena_str(g->a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static bool write_residual(struct writing *g, const struct expr *e, struct error *err)
{
    if (e->op == EXPR_TRUE) {
        jw_kv_bool(g->w, "residual-filter", true);
        return true;
    }
    if (!residual_text(g, e, err))
        return false;
    if (g->residual_text.len > 0) {
        jw_key(g->w, STR("residual-filter"));
        jw_raw(g->w, g->residual_text);
    }
    return true;
}

static bool write_task(struct writing *g, const struct scan_task *t, struct error *err)
{
    jw_begin_object(g->w);
    jw_key(g->w, STR("data-file"));
    write_file(g, t->file, t->sequence_number, g->w);
    if (t->deletes_n > 0) {
        jw_kv_array(g->w, "delete-file-references");
        for (size_t i = 0; i < t->deletes_n; i++)
            jw_uint(g->w, delete_place(g, t->deletes[i]));
        jw_end_array(g->w);
    }
    bool ok = write_residual(g, t->residual, err);
    jw_end_object(g->w);
    g->files++;
    if (t->residual->op == EXPR_TRUE && t->deletes_n == 0 && t->file->records > 0)
        g->rows_certain += (uint64_t)t->file->records;
    return ok;
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct writing *g = ctx;
    for (size_t i = 0; i < n; i++)
        if (!write_task(g, &tasks[i], err))
            return false;
    /* A residual lives as long as the callback. */
    g->residual = NULL;
    return true;
}

/* --- pages --- */

struct paging {
    struct scan_part *parts;
    size_t n, next; /* parts[next..] are left */
};

static struct scan_part joined(const struct scan_part *parts, size_t n)
{
    return (struct scan_part){ parts[0].manifest_from, parts[n - 1].manifest_to,
                               parts[0].entry_from, parts[n - 1].entry_to };
}

/* How many parts to plan next: with a filter that leaves little, more and more at once. */
static size_t next_parts(const struct paging *p, size_t last, size_t page, size_t files)
{
    size_t left = p->n - p->next, want = last * 4;
    if (p->next > 0 && files > 0) {
        size_t fit = (page - files) / (files / p->next + 1);
        want = fit < want ? fit : want;
    }
    return want < left ? want : left;
}

static bool plan_pages(struct app *app, struct writing *g, struct scan_options *o, struct paging *p,
                       struct error *err)
{
    struct env *env = app->lake->env;
    int64_t begin = env_monotonic_ns(env);
    size_t count = p->n > 0;
    while (count > 0) {
        o->part = joined(&p->parts[p->next], count);
        o->rows_wanted = g->q->rows_wanted > 0 ? (uint64_t)g->q->rows_wanted - g->rows_certain : 0;
        if (!scan_plan(app->lake->warehouse, env, g->m, o, take_tasks, g, NULL, err))
            return false;
        p->next += count;
        if (g->q->rows_wanted > 0 && g->rows_certain >= (uint64_t)g->q->rows_wanted)
            p->next = p->n; /* enough */
        if (g->files >= g->page || env_monotonic_ns(env) - begin > PAGE_NS)
            break;
        count = next_parts(p, count, g->page, g->files);
    }
    return true;
}

/* One plan task a part, so that they can be fetched side by side; one for all that is left where each would be long,
 * or where the next depends on how many rows this page has. */
static bool write_plan_tasks(struct app *app, struct writing *g, const struct paging *p,
                             struct error *err)
{
    struct plan_query q = *g->q;
    size_t left = p->n - p->next, step = left / TASKS_MAX + 1;
    int64_t until = env_now_ms(app->lake->env) + TASK_LIFETIME_MS;
    if (left == 0)
        return true;
    if (q.rows_wanted > 0 || q.filter_text.len > TASK_TEXT_LONG)
        step = left;
    if (q.rows_wanted > 0)
        q.rows_wanted -= (int64_t)g->rows_certain;
    jw_kv_array(g->w, "plan-tasks");
    for (size_t i = p->next; i < p->n; i += step) {
        size_t n = p->n - i < step ? p->n - i : step;
        struct scan_part part = joined(&p->parts[i], n);
        str task = plan_task_format(&q, &part, g->m->uuid, until, g->a);
        if (task.ptr == NULL)
            return fail(err, ERR_LIMIT, "the filter is too long for plan tasks");
        jw_str(g->w, task);
    }
    jw_end_array(g->w);
    return true;
}

static bool write_all(struct app *app, struct writing *g, struct scan_options *o, struct error *err)
{
    struct paging p = { 0 };
    if (g->q->snapshot_id != 0 &&
        !scan_parts(app->lake->warehouse, g->m, o, g->page, g->a, &p.parts, &p.n, err))
        return false;
    jw_kv_array(g->w, "file-scan-tasks");
    if (!plan_pages(app, g, o, &p, err))
        return false;
    jw_end_array(g->w);
    if (g->delete_places.n > 0) {
        if (!buf_ok(&g->deletes, "the delete files of a plan", err))
            return false;
        jw_key(g->w, STR("delete-files"));
        jw_end_array(&g->deletes_w);
        jw_raw(g->w, buf_str(&g->deletes));
    }
    return write_plan_tasks(app, g, &p, err);
}

static size_t page_of(const struct metadata *m)
{
    int64_t n = metadata_property_int(m, PAGE_PROPERTY, PLAN_PAGE_FILES);
    return n < 1 ? 1 : n > PLAN_PAGE_FILES_MAX ? PLAN_PAGE_FILES_MAX : (size_t)n;
}

bool plan_write(struct app *app, const struct metadata *m, const struct plan_query *q,
                struct cancel *cancel, struct arena *a, struct json_writer *w, struct error *err)
{
    struct writing g = {
        .m = m, .q = q, .a = a, .w = w, .page = page_of(m), .deletes = BUF_INIT(DELETES_BYTES_MAX)
    };
    struct scan_options o = {
        .at.snapshot_id = q->appends ? 0 : q->snapshot_id,
        .range = { q->appends ? SCAN_APPENDS : SCAN_SNAPSHOT, q->after_id,
                   q->appends ? q->snapshot_id : 0 },
        .schema = q->schema,
        .filter = q->filter,
        .case_sensitive = q->case_sensitive,
        .stats_ids = q->stats_ids,
        .stats_ids_n = q->stats_ids_n,
        .residuals = true,
        .part = q->part,
        .pool = app->lake->pool,
        .cancel = cancel,
    };
    map_init(&g.delete_places, a);
    jw_init(&g.deletes_w, &g.deletes);
    jw_begin_array(&g.deletes_w);
    bool ok = write_all(app, &g, &o, err);
    buf_deinit(&g.deletes);
    /* The table is there: what is missing now is its metadata. */
    if (!ok && err->code == ERR_NOT_FOUND)
        err->code = ERR_CORRUPT;
    return ok;
}
