/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expr_eval.h"

#include "iceberg/expr_priv.h"
#include "iceberg/manifest.h"
#include "iceberg/partition.h"

/* --- one leaf over facts --- */

static bool below(const struct expr_facts *f, const struct value *v) /* all values are < v */
{
    return f->has_upper && expr_value_cmp(&f->upper, v) < 0;
}

static bool above(const struct expr_facts *f, const struct value *v) /* all values are > v */
{
    return f->has_lower && expr_value_cmp(&f->lower, v) > 0;
}

/* All values are this one; NULL when that is not known. */
static const struct value *only_value(const struct expr_facts *f)
{
    if (f->has_lower && f->has_upper && expr_value_cmp(&f->lower, &f->upper) == 0)
        return &f->lower;
    return NULL;
}

static bool may_be_in(const struct expr *e, const struct expr_facts *f)
{
    size_t i = f->has_lower ? expr_values_find(e->values, e->values_n, &f->lower) : 0;
    return i < e->values_n && !below(f, &e->values[i]);
}

static bool may_be_outside(const struct expr *e, const struct expr_facts *f)
{
    const struct value *only = only_value(f);
    if (only == NULL)
        return true;
    size_t i = expr_values_find(e->values, e->values_n, only);
    return i == e->values_n || expr_value_cmp(&e->values[i], only) != 0;
}

static bool may_start_with(const struct expr_facts *f, const struct value *prefix)
{
    str p = prefix->bytes;
    if (f->has_lower && str_cmp(str_sub(f->lower.bytes, 0, p.len), p) > 0)
        return false;
    return !below(f, prefix);
}

static bool may_start_otherwise(const struct expr_facts *f, const struct value *prefix)
{
    return !f->has_lower || !f->has_upper || !str_starts(f->lower.bytes, prefix->bytes) ||
           !str_starts(f->upper.bytes, prefix->bytes);
}

/* Whether a value that is neither null nor NaN may match. */
static bool value_may_match(const struct expr *e, const struct expr_facts *f)
{
    const struct value *v = e->values;
    switch (e->op) {
    case EXPR_IS_NULL:
    case EXPR_IS_NAN:
        return false;
    case EXPR_NOT_NULL:
    case EXPR_NOT_NAN:
        return true;
    case EXPR_LT:
        return !f->has_lower || expr_value_cmp(&f->lower, v) < 0;
    case EXPR_LE:
        return !above(f, v);
    case EXPR_GT:
        return !f->has_upper || expr_value_cmp(&f->upper, v) > 0;
    case EXPR_GE:
        return !below(f, v);
    case EXPR_EQ:
        return !above(f, v) && !below(f, v);
    case EXPR_NE:
    case EXPR_NOT_IN:
        return may_be_outside(e, f);
    case EXPR_IN:
        return may_be_in(e, f);
    case EXPR_STARTS_WITH:
        return may_start_with(f, v);
    case EXPR_NOT_STARTS_WITH:
        return may_start_otherwise(f, v);
    default:
        return true;
    }
}

static bool null_matches(enum expr_op op)
{
    return op == EXPR_IS_NULL || op == EXPR_NOT_NAN || op == EXPR_NE || op == EXPR_NOT_IN ||
           op == EXPR_NOT_STARTS_WITH;
}

static bool nan_matches(enum expr_op op)
{
    return op == EXPR_IS_NAN || op == EXPR_NOT_NULL || op == EXPR_GT || op == EXPR_GE ||
           op == EXPR_NE || op == EXPR_NOT_IN;
}

bool expr_leaf_may_match(const struct expr *leaf, const struct expr_facts *f)
{
    return (!f->no_null && null_matches(leaf->op)) || (!f->no_nan && nan_matches(leaf->op)) ||
           (!f->no_value && value_may_match(leaf, f));
}

bool expr_leaf_must_match(const struct expr *leaf, const struct expr_facts *f)
{
    if ((!f->no_null && !null_matches(leaf->op)) || (!f->no_nan && !nan_matches(leaf->op)))
        return false;
    struct expr other = *leaf;
    other.op = expr_op_negate(leaf->op);
    return f->no_value || !value_may_match(&other, f);
}

/* --- trees --- */

typedef void (*facts_fn)(const void *group, const struct expr *leaf, struct expr_facts *out);

/* What is known of the column, or of its transform, that was asked for last: a range asks twice. */
struct memo {
    const struct expr *leaf;
    struct expr_facts facts;
};

struct group {
    facts_fn facts;
    const void *of;
    struct memo *memo;
};

static const struct expr_facts *facts_of(const struct group *g, const struct expr *leaf)
{
    struct memo *m = g->memo;
    if (m->leaf && m->leaf->field_id == leaf->field_id && m->leaf->type == leaf->type &&
        m->leaf->source_type == leaf->source_type && m->leaf->transform == leaf->transform)
        return &m->facts;
    m->facts = (struct expr_facts){ .no_nan = leaf->type->kind != TYPE_FLOAT &&
                                              leaf->type->kind != TYPE_DOUBLE };
    g->facts(g->of, leaf, &m->facts);
    m->leaf = leaf;
    return &m->facts;
}

static bool group_may_match(const struct expr *leaf, const void *ctx)
{
    return expr_leaf_may_match(leaf, facts_of(ctx, leaf));
}

static bool may_match(const struct expr *e, facts_fn facts, const void *group)
{
    struct memo memo = { .leaf = NULL };
    return expr_evaluate(e, group_may_match, &(struct group){ facts, group, &memo });
}

static bool group_must_match(const struct expr *leaf, const void *ctx)
{
    return expr_leaf_must_match(leaf, facts_of(ctx, leaf));
}

/* Of or: some argument must match by itself, which is less than could be proved. */
static bool must_match(const struct expr *e, facts_fn facts, const void *group)
{
    struct memo memo = { .leaf = NULL };
    return expr_evaluate(e, group_must_match, &(struct group){ facts, group, &memo });
}

/* A bound as bytes; one that cannot be read, or is NaN (old writers), is not known. */
static bool bound_decode(const struct type *type, str bytes, struct value *out)
{
    struct error ignored;
    if (bytes.ptr == NULL || !type_is_primitive(type))
        return false;
    if (type->kind == TYPE_GEOMETRY || type->kind == TYPE_GEOGRAPHY || type->kind == TYPE_VARIANT ||
        type->kind == TYPE_UNKNOWN)
        return false;
    if (type->kind == TYPE_FIXED) /* may have been cut short */
        type = type_of(TYPE_BINARY);
    return value_decode(type, bytes, out, &ignored) && !value_is_nan(out);
}

static void facts_bounds(const struct type *type, str lower, str upper, struct expr_facts *f)
{
    f->has_lower = bound_decode(type, lower, &f->lower);
    f->has_upper = bound_decode(type, upper, &f->upper);
    /* One that is there but unreadable discredits the other (a NaN among Parquet's statistics). */
    if ((lower.ptr != NULL && !f->has_lower) || (upper.ptr != NULL && !f->has_upper))
        f->has_lower = f->has_upper = false;
}

static void facts_of_summary(const void *group, const struct expr *leaf, struct expr_facts *f)
{
    const struct manifest_file *m = group;
    if ((size_t)leaf->field_id >= m->partitions_n)
        return;
    const struct field_summary *s = &m->partitions[leaf->field_id];
    f->no_null = !s->contains_null;
    f->no_nan = f->no_nan || s->contains_nan == 0;
    facts_bounds(leaf->type, s->lower, s->upper, f);
}

bool expr_may_match_manifest(const struct expr *projected, const struct manifest_file *m)
{
    if (projected->op == EXPR_TRUE || projected->op == EXPR_FALSE)
        return projected->op == EXPR_TRUE;
    if (m->partitions == NULL)
        return true;
    return may_match(projected, facts_of_summary, m);
}

struct tuple {
    const struct value *values;
    size_t n;
};

static void facts_of_tuple(const void *group, const struct expr *leaf, struct expr_facts *f)
{
    const struct tuple *t = group;
    if ((size_t)leaf->field_id >= t->n)
        return;
    const struct value *v = &t->values[leaf->field_id];
    bool nan = !v->is_null && value_is_nan(v);
    f->no_null = !v->is_null;
    f->no_nan = !nan;
    f->no_value = v->is_null || nan;
    if (f->no_value || value_class_of(v->kind) != value_class_of(leaf->type->kind))
        return;
    f->has_lower = f->has_upper = true;
    f->lower = f->upper = *v;
}

bool expr_may_match_partition(const struct expr *projected, const struct value *tuple, size_t n)
{
    struct tuple group = { tuple, n };
    return may_match(projected, facts_of_tuple, &group);
}

/* What bounds of the column say about a transform of it: nothing, but where it keeps order. */
static void transform_bounds(const struct expr *leaf, struct expr_facts *f)
{
    if (!transform_keeps_order(leaf->transform)) {
        f->has_lower = f->has_upper = false;
        return;
    }
    struct value low = f->lower, high = f->upper;
    if (f->has_lower)
        f->lower = transform_apply(leaf->transform, &low);
    if (f->has_upper)
        f->upper = transform_apply(leaf->transform, &high);
    /* truncate[W] of the smallest integers wraps round to the largest. */
    if (leaf->transform->kind == TRANSFORM_TRUNCATE &&
        value_class_of(leaf->type->kind) != VALUE_BYTES &&
        (!f->has_lower || expr_value_cmp(&f->lower, &low) > 0))
        f->has_lower = f->has_upper = false;
}

static void facts_of_metrics(const void *group, const struct expr *leaf, struct expr_facts *f)
{
    const struct column_metrics *c = data_file_column(group, leaf->field_id);
    if (c == NULL)
        return;
    f->no_null = c->nulls == 0;
    f->no_nan = f->no_nan || c->nans == 0;
    if (c->values >= 0 && c->nulls >= 0) {
        if (c->nulls >= c->values)
            f->no_value = f->no_nan = true;
        else if (c->nans >= 0 && c->nulls + c->nans >= c->values)
            f->no_value = true;
    }
    facts_bounds(leaf->transform ? leaf->source_type : leaf->type, c->lower, c->upper, f);
    if (leaf->transform != NULL)
        transform_bounds(leaf, f);
}

bool expr_may_match_metrics(const struct expr *bound, const struct data_file *file)
{
    if (file->records == 0)
        return false;
    return may_match(bound, facts_of_metrics, file);
}

bool expr_must_match_metrics(const struct expr *bound, const struct data_file *file)
{
    return file->records == 0 || must_match(bound, facts_of_metrics, file);
}
