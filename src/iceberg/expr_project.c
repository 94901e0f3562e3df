/* SPDX-License-Identifier: Apache-2.0
 *
 * Inclusive projection of filters through partition transforms (Iceberg specification, "Scan
 * Planning").  Each rule is of the form: if a row satisfies the leaf, its partition value
 * satisfies the projection.  Where no rule is known, the projection is true.
 *
 * Two things are not in the specification's text:
 * - Writers before Iceberg 0.11 rounded times before 1970 towards zero, so that a negative year,
 *   month, day or hour may be stored one too high; upper ends and equalities allow for it, as the
 *   Java library does.
 * - truncate[W] of the smallest integers wraps round to the largest ones; ends that such rows
 *   could cross allow for it. */
#include <limits.h>

#include "base/vec.h"
#include "iceberg/expr_eval.h"
#include "iceberg/expr_priv.h"
#include "iceberg/partition.h"

struct projector {
    const struct partition_spec *spec;
    const struct schema *schema;
    struct arena *arena;
};

/* One leaf through one partition field. */
struct place {
    struct arena *arena;
    const struct expr *leaf;
    const struct transform *transform;
    int32_t index;
    const struct type *type; /* of the partition values */
};

static const struct expr *project_to(const struct place *p, enum expr_op op,
                                     const struct value *values, size_t n)
{
    return expr_leaf(p->arena, op, p->index, p->type, values, n);
}

static const struct expr *project_one(const struct place *p, enum expr_op op, struct value v)
{
    struct value *kept = arena_new(p->arena, struct value);
    *kept = v;
    return project_to(p, op, kept, 1);
}

static const struct expr *project_set(const struct place *p, struct value *values, size_t n)
{
    n = expr_values_sort(values, n);
    return project_to(p, n == 1 ? EXPR_EQ : EXPR_IN, values, n);
}

/* = and in: the transforms of the values. */
static const struct expr *project_equal(const struct place *p)
{
    struct value *values = arena_array(p->arena, struct value, p->leaf->values_n);
    for (size_t i = 0; i < p->leaf->values_n; i++)
        values[i] = transform_apply(p->transform, &p->leaf->values[i]);
    return project_set(p, values, p->leaf->values_n);
}

static bool is_integer(const struct value *v)
{
    return value_class_of(v->kind) == VALUE_INT;
}

/* The bounds of an integer kind's values. */
static int64_t kind_min(uint8_t kind)
{
    return kind == TYPE_INT || kind == TYPE_DATE ? INT32_MIN : INT64_MIN;
}

static int64_t kind_max(uint8_t kind)
{
    return kind == TYPE_INT || kind == TYPE_DATE ? INT32_MAX : INT64_MAX;
}

/* For integers x < v is x <= v - 1 and x > v is x >= v + 1, which round tighter. */
static struct value inclusive_end(const struct expr *leaf)
{
    struct value v = leaf->values[0];
    if (is_integer(&v)) {
        if (leaf->op == EXPR_LT && v.i > kind_min(v.kind))
            v.i--;
        if (leaf->op == EXPR_GT && v.i < kind_max(v.kind))
            v.i++;
    }
    return v;
}

static bool is_less(enum expr_op op)
{
    return op == EXPR_LT || op == EXPR_LE;
}

static const struct expr *project_range(const struct place *p)
{
    struct value v = inclusive_end(p->leaf);
    struct value end = transform_apply(p->transform, &v);
    return project_one(p, is_less(p->leaf->op) ? EXPR_LE : EXPR_GE, end);
}

/* --- bucket --- */

static const struct expr *project_bucket(const struct place *p)
{
    if (p->leaf->op == EXPR_EQ || p->leaf->op == EXPR_IN)
        return project_equal(p);
    return expr_true();
}

/* --- truncate --- */

static bool wraps(const struct place *p, const struct value *v)
{
    struct value t = transform_apply(p->transform, v);
    return is_integer(v) && expr_value_cmp(&t, v) > 0;
}

static const struct expr *truncate_range(const struct place *p)
{
    const struct value *v = p->leaf->values;
    if (!is_integer(v))
        return project_range(p);
    struct value end = inclusive_end(p->leaf);
    if (wraps(p, &end))
        return expr_true();
    const struct expr *range = project_range(p);
    struct value lowest = value_i64(v->kind, kind_min(v->kind));
    if (!is_less(p->leaf->op) || !wraps(p, &lowest))
        return range;
    struct value wrapped = transform_apply(p->transform, &lowest);
    return expr_or(p->arena, range, project_one(p, EXPR_GE, wrapped));
}

static const struct expr *truncate_prefix(const struct place *p)
{
    struct value prefix = p->leaf->values[0];
    struct value cut = transform_apply(p->transform, &prefix);
    bool longer = cut.bytes.len < prefix.bytes.len; /* than what partitions keep */
    if (p->leaf->op == EXPR_STARTS_WITH)
        return project_one(p, longer ? EXPR_EQ : EXPR_STARTS_WITH, cut);
    return longer ? expr_true() : project_one(p, EXPR_NOT_STARTS_WITH, cut);
}

static const struct expr *project_truncate(const struct place *p)
{
    switch (p->leaf->op) {
    case EXPR_EQ:
    case EXPR_IN:
        return project_equal(p);
    case EXPR_LT:
    case EXPR_LE:
    case EXPR_GT:
    case EXPR_GE:
        return truncate_range(p);
    case EXPR_STARTS_WITH:
    case EXPR_NOT_STARTS_WITH:
        return truncate_prefix(p);
    default:
        return expr_true();
    }
}

/* --- year, month, day, hour --- */

/* Whether old writers may have stored a value one too high. */
static bool may_be_off(const struct place *p)
{
    return !(p->transform->kind == TRANSFORM_DAY && p->leaf->type->kind == TYPE_DATE);
}

static const struct expr *time_equal(const struct place *p)
{
    size_t n = p->leaf->values_n, out_n = 0;
    struct value *values = arena_array(p->arena, struct value, 2 * n);
    for (size_t i = 0; i < n; i++) {
        struct value v = transform_apply(p->transform, &p->leaf->values[i]);
        values[out_n++] = v;
        if (v.i < 0 && may_be_off(p))
            values[out_n++] = value_i64(v.kind, v.i + 1);
    }
    return project_set(p, values, out_n);
}

static const struct expr *time_range(const struct place *p)
{
    struct value v = inclusive_end(p->leaf);
    struct value end = transform_apply(p->transform, &v);
    if (!is_less(p->leaf->op))
        return project_one(p, EXPR_GE, end);
    if (end.i < 0 && may_be_off(p))
        end.i++;
    return project_one(p, EXPR_LE, end);
}

static const struct expr *project_time(const struct place *p)
{
    switch (p->leaf->op) {
    case EXPR_EQ:
    case EXPR_IN:
        return time_equal(p);
    case EXPR_LT:
    case EXPR_LE:
    case EXPR_GT:
    case EXPR_GE:
        return time_range(p);
    default:
        return expr_true();
    }
}

/* --- all --- */

static const struct expr *project_place(const struct place *p)
{
    enum transform_kind kind = p->transform->kind;
    if (kind == TRANSFORM_VOID || kind == TRANSFORM_UNKNOWN)
        return expr_true();
    if (kind == TRANSFORM_IDENTITY)
        return project_to(p, p->leaf->op, p->leaf->values, p->leaf->values_n);
    if (p->leaf->op == EXPR_IS_NULL || p->leaf->op == EXPR_NOT_NULL)
        return project_to(p, p->leaf->op, NULL, 0); /* null stays null, all else does not */
    switch (kind) {
    case TRANSFORM_BUCKET:
        return project_bucket(p);
    case TRANSFORM_TRUNCATE:
        return project_truncate(p);
    default:
        return project_time(p);
    }
}

/* A leaf over the very transform that the field was made with: the partition value is what it compares.  Old writers'
 * times before 1970 (see above) may be one too high there. */
static const struct expr *project_same(const struct projector *pr, const struct partition_field *f,
                                       int32_t index, const struct expr *leaf)
{
    struct place p = { pr->arena, leaf, &f->transform, index, leaf->type };
    bool time = f->transform.kind >= TRANSFORM_YEAR && f->transform.kind <= TRANSFORM_HOUR;
    bool day_of_date = f->transform.kind == TRANSFORM_DAY && leaf->source_type->kind == TYPE_DATE;
    if (time && !day_of_date && leaf->op != EXPR_GT && leaf->op != EXPR_GE)
        for (size_t i = 0; i < leaf->values_n; i++)
            if (leaf->values[i].i <= 0)
                return expr_true();
    return project_to(&p, leaf->op, leaf->values, leaf->values_n);
}

/* A leaf over a transform says something about fields of that transform only. */
static const struct expr *project_over(const struct projector *pr, const struct expr *leaf)
{
    const struct expr *all = expr_true();
    for (size_t i = 0; i < pr->spec->fields_n; i++) {
        const struct partition_field *f = &pr->spec->fields[i];
        if (f->source_id == leaf->field_id && f->source_ids_n <= 1 &&
            schema_field_by_id(pr->schema, f->source_id) != NULL &&
            transform_equal(&f->transform, leaf->transform))
            all = expr_and(pr->arena, all, project_same(pr, f, (int32_t)i, leaf));
    }
    return all;
}

static bool can_project(const struct projector *pr, const struct partition_field *f,
                        const struct expr *leaf)
{
    struct error ignored;
    return f->source_id == leaf->field_id && f->source_ids_n <= 1 &&
           f->transform.kind != TRANSFORM_UNKNOWN && f->transform.kind != TRANSFORM_VOID &&
           schema_field_by_id(pr->schema, f->source_id) != NULL &&
           transform_check(&f->transform, leaf->type, &ignored);
}

static const struct expr *project_leaf(const struct projector *pr, const struct expr *leaf)
{
    const struct expr *all = expr_true();
    if (leaf->transform != NULL)
        return project_over(pr, leaf);
    for (size_t i = 0; i < pr->spec->fields_n; i++) {
        const struct partition_field *f = &pr->spec->fields[i];
        if (!can_project(pr, f, leaf))
            continue;
        struct place p = { pr->arena, leaf, &f->transform, (int32_t)i,
                           transform_result(&f->transform, leaf->type) };
        all = expr_and(pr->arena, all, project_place(&p));
    }
    return all;
}

static const struct expr *project(const struct projector *pr, const struct expr *e)
{
    if (e->op == EXPR_TRUE || e->op == EXPR_FALSE)
        return e;
    if (expr_is_predicate(e))
        return project_leaf(pr, e);
    ASSERT(e->op != EXPR_NOT);
    const struct expr **args = arena_array(pr->arena, const struct expr *, e->args_n);
    for (size_t i = 0; i < e->args_n; i++)
        args[i] = project(pr, e->args[i]);
    return expr_nary(pr->arena, e->op, args, e->args_n);
}

const struct expr *expr_project(const struct expr *bound, const struct partition_spec *spec,
                                const struct schema *schema, struct arena *a)
{
    struct projector pr = { spec, schema, a };
    return project(&pr, bound);
}
