/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts, least and greatest values from manifests alone. */
#include "iceberg/delete_file.h"
#include "iceberg/expr_priv.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"

struct summing {
    struct scan_summary *out;
    struct arena *arena;
    const struct type *type; /* of the column; NULL: count only */
    int32_t field_id;
    bool any; /* a value that is not null has been seen */
    bool given_up;
};

/* Live rows of a file; false when metadata does not say. */
static bool live_rows(const struct scan_task *t, int64_t *rows)
{
    *rows = t->file->records;
    for (size_t i = 0; i < t->deletes_n; i++) {
        if (!delete_file_is_vector(t->deletes[i]) || t->deletes[i]->records < 0)
            return false;
        *rows -= t->deletes[i]->records;
    }
    return t->file->records >= 0 && *rows >= 0;
}

/* Kinds whose bounds are values of the column, not only bounds. */
static bool has_exact_bounds(const struct type *t, const struct column_metrics *c)
{
    switch (t->kind) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return c->nans == 0;
    case TYPE_STRING:
    case TYPE_FIXED:
    case TYPE_BINARY:
    case TYPE_UUID:
        return false;
    default:
        return t->kind > TYPE_UNKNOWN && t->kind < TYPE_STRING;
    }
}

static void widen(struct summing *s, const struct value *low, const struct value *high)
{
    if (!s->any || expr_value_cmp(low, &s->out->min) < 0)
        s->out->min = *low;
    if (!s->any || expr_value_cmp(high, &s->out->max) > 0)
        s->out->max = *high;
    s->any = true;
}

static bool take_bounds(struct summing *s, const struct scan_task *t)
{
    const struct column_metrics *c = data_file_column(t->file, s->field_id);
    struct value low, high;
    struct error ignored;
    if (t->file->records == 0)
        return true;
    if (t->deletes_n > 0 || c == NULL || c->values < 0 || c->nulls < 0 || c->nulls > c->values)
        return false;
    s->out->nulls += (uint64_t)c->nulls;
    if (c->nulls == c->values)
        return true;
    if (!has_exact_bounds(s->type, c) || c->lower.ptr == NULL || c->upper.ptr == NULL ||
        !value_decode(s->type, c->lower, &low, &ignored) ||
        !value_decode(s->type, c->upper, &high, &ignored) || value_is_nan(&low) ||
        value_is_nan(&high))
        return false;
    widen(s, &low, &high);
    return true;
}

static bool take_tasks(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct summing *s = ctx;
    for (size_t i = 0; i < n; i++) {
        int64_t rows;
        if (tasks[i].residual->op != EXPR_TRUE || !live_rows(&tasks[i], &rows)) {
            s->given_up = true;
            return fail(err, ERR_CANCELLED, "rows must be read");
        }
        s->out->rows += (uint64_t)rows;
        if (s->out->bounds_known)
            s->out->bounds_known = take_bounds(s, &tasks[i]);
    }
    return true;
}

static bool find_column(const struct metadata *m, const struct scan_options *o, int32_t field_id,
                        const struct type **out, struct error *err)
{
    const struct schema *schema = o->schema;
    if (schema == NULL && !scan_schema(m, &o->at, &schema, err))
        return false;
    const struct schema_node *node = schema_node_by_id(schema, field_id);
    if (node == NULL)
        return fail(err, ERR_INVALID, "there is no column %d", field_id);
    if (!type_is_primitive(node->field->type) || node->in_repeated)
        return fail(err, ERR_INVALID, "column \"" STR_FMT "\" is not a single value",
                    STR_ARG(node->name));
    *out = node->field->type;
    return true;
}

bool scan_summarize(struct store *store, struct env *env, const struct metadata *metadata,
                    const struct scan_options *options, int32_t field_id, struct arena *a,
                    struct scan_summary *out, struct error *err)
{
    struct scan_options o = *options;
    struct summing s = { .out = out, .arena = a, .field_id = field_id };
    *out = (struct scan_summary){ .bounds_known = field_id != 0 };
    o.residuals = true;
    if (field_id != 0) {
        if (!find_column(metadata, &o, field_id, &s.type, err))
            return false;
        o.stats_ids = &field_id;
        o.stats_ids_n = 1;
        out->min = out->max = value_null(s.type->kind);
    }
    if (!scan_plan(store, env, metadata, &o, take_tasks, &s, NULL, err)) {
        *out = (struct scan_summary){ 0 };
        return s.given_up;
    }
    out->known = true;
    return true;
}
