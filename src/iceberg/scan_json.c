/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/scan_json.h"

#include "iceberg/expr_json.h"

#define RESIDUAL_MAX ((size_t)16384)         /* bytes of JSON that are given to a client */
#define RESIDUAL_TEXT_MAX ((size_t)64 << 20) /* that are written at all */
#define DELETES_BYTES_MAX ((size_t)128 << 20)

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

static bool is_wanted(const struct task_writer *t, int32_t id)
{
    size_t lo = 0, hi = t->stats_ids_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (t->stats_ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < t->stats_ids_n && t->stats_ids[lo] == id;
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

static void write_metric(const struct task_writer *g, const struct data_file *f, enum metric which,
                         struct json_writer *w)
{
    static const char *const names[METRICS] = { "column-sizes",      "value-counts",
                                                "null-value-counts", "nan-value-counts",
                                                "lower-bounds",      "upper-bounds" };
    bool any = false;
    for (size_t i = 0; i < f->columns_n; i++) {
        const struct column_metrics *c = &f->columns[i];
        if (!is_known(c, which) || !is_wanted(g, c->field_id))
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
        if (!is_known(c, which) || !is_wanted(g, c->field_id))
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

static void write_file(const struct task_writer *g, const struct data_file *f,
                       int64_t sequence_number, struct json_writer *w)
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
static size_t delete_place(struct task_writer *g, const struct data_file *d)
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

static bool residual_text(struct task_writer *g, const struct expr *e, struct error *err)
{
    struct buf b = BUF_INIT(RESIDUAL_TEXT_MAX);
    struct json_writer w;
    if (e == g->residual && e->op != EXPR_TRUE)
        return true;
    jw_init(&w, &b);
    bool ok = expr_write_json(e, g->schema, &w, err);
    g->residual = e;
    g->residual_text = !ok || b.len > RESIDUAL_MAX ? (str){ 0 } : arena_str(g->a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static bool write_residual(struct task_writer *g, const struct expr *e, struct error *err)
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

static bool write_task(struct task_writer *g, const struct scan_task *t, struct error *err)
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
    return ok;
}

void task_writer_begin(struct task_writer *g)
{
    buf_init(&g->deletes, DELETES_BYTES_MAX);
    map_init(&g->delete_places, g->a);
    jw_init(&g->deletes_w, &g->deletes);
    jw_begin_array(&g->deletes_w);
    jw_kv_array(g->w, "file-scan-tasks");
}

bool task_writer_add(struct task_writer *g, const struct scan_task *tasks, size_t n,
                     struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!write_task(g, &tasks[i], err))
            return false;
    g->residual = NULL; /* it lives as long as the plan's callback */
    return true;
}

bool task_writer_end(struct task_writer *g, struct error *err)
{
    jw_end_array(g->w);
    if (g->delete_places.n == 0)
        return true;
    jw_end_array(&g->deletes_w);
    if (!buf_ok(&g->deletes, "the delete files of a plan", err))
        return false;
    jw_key(g->w, STR("delete-files"));
    jw_raw(g->w, buf_str(&g->deletes));
    return true;
}

void task_writer_deinit(struct task_writer *g)
{
    buf_deinit(&g->deletes);
}
