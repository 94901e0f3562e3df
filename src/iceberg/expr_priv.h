/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of filters only. */
#ifndef FIRN_ICEBERG_EXPR_PRIV_H
#define FIRN_ICEBERG_EXPR_PRIV_H

#include "iceberg/expr.h"
#include "iceberg/value.h"

static inline bool expr_is_predicate(const struct expr *e)
{
    return e->op >= EXPR_IS_NULL;
}

/* Order as a query engine sees it: -0.0 equals 0.0, NaN equals itself and is above all. */
static inline int expr_value_cmp(const struct value *x, const struct value *y)
{
    if (value_class_of(x->kind) != VALUE_FLOAT)
        return value_cmp(x, y);
    bool x_nan = x->f != x->f, y_nan = y->f != y->f;
    if (x_nan || y_nan)
        return (int)x_nan - (int)y_nan;
    return (x->f > y->f) - (x->f < y->f);
}

/* The place of the first of n ascending values that is not less than v. */
size_t expr_values_find(const struct value *values, size_t n, const struct value *v);

/* Sorts in place and drops duplicates; returns how many are left. */
size_t expr_values_sort(struct value *values, size_t n);

/* A bound leaf; `values` is kept. */
const struct expr *expr_leaf(struct arena *a, enum expr_op op, int32_t field_id,
                             const struct type *type, const struct value *values, size_t n);

/* What a bound filter gives when each predicate gives what `leaf` says; AND and OR stop at the first that decides. */
typedef bool (*expr_leaf_fn)(const struct expr *leaf, const void *ctx);
bool expr_evaluate(const struct expr *e, expr_leaf_fn leaf, const void *ctx);

/* The opposite operator of a predicate, for a row without nulls. */
enum expr_op expr_op_negate(enum expr_op op);

#endif
