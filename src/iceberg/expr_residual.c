/* SPDX-License-Identifier: Apache-2.0
 *
 * Residuals.  Each leaf is projected to the partition spec twice, as it stands and as its
 * complement.  A partition that the first rules out has no row that matches the leaf; one that the
 * second rules out has no other.  So strict projection needs no rules of its own, for any
 * transform. */
#include "iceberg/expr_eval.h"
#include "iceberg/expr_priv.h"
#include "iceberg/manifest.h"

static bool is_ordering(enum expr_op op)
{
    return op >= EXPR_LT && op <= EXPR_GE;
}

static const struct expr *flipped(const struct expr *leaf, struct arena *a)
{
    struct expr *e = arena_new(a, struct expr);
    *e = *leaf;
    e->op = expr_op_negate(leaf->op);
    return e;
}

const struct expr *expr_complement(const struct expr *leaf, struct arena *a)
{
    ASSERT(expr_is_predicate(leaf));
    if (!is_ordering(leaf->op)) /* exactly one of the two holds for null and NaN as well */
        return flipped(leaf, a);
    return expr_or(a, flipped(leaf, a),
                   expr_leaf(a, EXPR_IS_NULL, leaf->field_id,
                             leaf->transform ? leaf->source_type : leaf->type, NULL, 0));
}

struct residual {
    const struct expr *e;
    struct residual *args; /* of and, or: e->args_n */
    /* Of a leaf: what partitions with a row that matches it satisfy, and those with one that does not. */
    const struct expr *some, *others;
};

struct maker {
    const struct partition_spec *spec;
    const struct schema *schema;
    struct arena *arena;
};

static void make(const struct maker *m, const struct expr *e, struct residual *out)
{
    out->e = e;
    if (expr_is_predicate(e)) {
        out->some = expr_project(e, m->spec, m->schema, m->arena);
        out->others = expr_project(expr_complement(e, m->arena), m->spec, m->schema, m->arena);
        return;
    }
    out->args = arena_array(m->arena, struct residual, e->args_n);
    for (size_t i = 0; i < e->args_n; i++)
        make(m, e->args[i], &out->args[i]);
}

const struct residual *residual_make(const struct expr *bound, const struct partition_spec *spec,
                                     const struct schema *schema, struct arena *a)
{
    struct maker m = { spec, schema, a };
    struct residual *r = arena_new(a, struct residual);
    make(&m, bound, r);
    return r;
}

/* The group of rows that is asked about. */
struct group {
    const struct value *tuple;
    size_t n;
    const struct data_file *file;
    struct arena *arena;
};

static const struct expr *leaf_residual(const struct residual *r, const struct group *g)
{
    if (!expr_may_match_partition(r->some, g->tuple, g->n))
        return expr_false();
    if (!expr_may_match_partition(r->others, g->tuple, g->n))
        return expr_true();
    if (g->file == NULL)
        return r->e;
    if (!expr_may_match_metrics(r->e, g->file))
        return expr_false();
    return expr_must_match_metrics(r->e, g->file) ? expr_true() : r->e;
}

static const struct expr *residual(const struct residual *r, const struct group *g)
{
    if (expr_is_predicate(r->e))
        return leaf_residual(r, g);
    if (r->e->args_n == 0)
        return r->e;
    const struct expr **args = arena_array(g->arena, const struct expr *, r->e->args_n);
    bool same = true;
    for (size_t i = 0; i < r->e->args_n; i++) {
        args[i] = residual(&r->args[i], g);
        same = same && args[i] == r->e->args[i];
    }
    return same ? r->e : expr_nary(g->arena, r->e->op, args, r->e->args_n);
}

const struct expr *residual_of(const struct residual *r, const struct value *tuple, size_t n,
                               const struct data_file *file, struct arena *a)
{
    struct group g = { tuple, n, file, a };
    return residual(r, &g);
}
