/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expr.h"

#include <stdlib.h>

#include "base/vec.h"
#include "iceberg/expr_priv.h"
#include "iceberg/partition.h"

const struct expr *expr_true(void)
{
    static const struct expr e = { .op = EXPR_TRUE };
    return &e;
}

const struct expr *expr_false(void)
{
    static const struct expr e = { .op = EXPR_FALSE };
    return &e;
}

const struct expr *expr_nary(struct arena *a, enum expr_op op, const struct expr **args, size_t n)
{
    enum expr_op neutral = op == EXPR_AND ? EXPR_TRUE : EXPR_FALSE;
    enum expr_op final = op == EXPR_AND ? EXPR_FALSE : EXPR_TRUE;
    const struct expr **kept = arena_array(a, const struct expr *, n ? n : 1);
    size_t kept_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (args[i]->op == final)
            return args[i];
        if (args[i]->op != neutral)
            kept[kept_n++] = args[i];
    }
    if (kept_n == 0)
        return op == EXPR_AND ? expr_true() : expr_false();
    if (kept_n == 1)
        return kept[0];
    struct expr *e = arena_new(a, struct expr);
    *e = (struct expr){ .op = op, .args = kept, .args_n = kept_n };
    return e;
}

const struct expr *expr_and(struct arena *a, const struct expr *x, const struct expr *y)
{
    return expr_nary(a, EXPR_AND, (const struct expr *[]){ x, y }, 2);
}

const struct expr *expr_or(struct arena *a, const struct expr *x, const struct expr *y)
{
    return expr_nary(a, EXPR_OR, (const struct expr *[]){ x, y }, 2);
}

const struct expr *expr_not(struct arena *a, const struct expr *x)
{
    if (x->op == EXPR_TRUE)
        return expr_false();
    if (x->op == EXPR_FALSE)
        return expr_true();
    if (x->op == EXPR_NOT)
        return x->args[0];
    struct expr *e = arena_new(a, struct expr);
    const struct expr **args = arena_array(a, const struct expr *, 1);
    args[0] = x;
    *e = (struct expr){ .op = EXPR_NOT, .args = args, .args_n = 1 };
    return e;
}

const struct expr *expr_unary(struct arena *a, enum expr_op op, str name)
{
    ASSERT(op >= EXPR_IS_NULL && op <= EXPR_NOT_NAN);
    struct expr *e = arena_new(a, struct expr);
    *e = (struct expr){ .op = op, .name = name };
    return e;
}

const struct expr *expr_compare(struct arena *a, enum expr_op op, str name, struct literal lit)
{
    ASSERT(op >= EXPR_LT && op <= EXPR_NOT_STARTS_WITH);
    struct literal *lits = arena_new(a, struct literal);
    *lits = lit;
    struct expr *e = arena_new(a, struct expr);
    *e = (struct expr){ .op = op, .name = name, .literals = lits, .literals_n = 1 };
    return e;
}

const struct expr *expr_in(struct arena *a, enum expr_op op, str name, const struct literal *lits,
                           size_t n)
{
    ASSERT(op == EXPR_IN || op == EXPR_NOT_IN);
    struct expr *e = arena_new(a, struct expr);
    *e = (struct expr){ .op = op, .name = name, .literals = lits, .literals_n = n };
    return e;
}

const struct expr *expr_leaf(struct arena *a, enum expr_op op, int32_t field_id,
                             const struct type *type, const struct value *values, size_t n)
{
    struct expr *e = arena_new(a, struct expr);
    *e = (struct expr){
        .op = op, .field_id = field_id, .type = type, .values = values, .values_n = n
    };
    return e;
}

const struct expr *expr_over(struct arena *a, const struct expr *predicate,
                             const struct transform *transform)
{
    ASSERT(expr_is_predicate(predicate));
    struct expr *e = arena_new(a, struct expr);
    *e = *predicate;
    e->transform = transform;
    return e;
}

enum expr_op expr_op_negate(enum expr_op op)
{
    static const enum expr_op opposite[] = {
        [EXPR_IS_NULL] = EXPR_NOT_NULL,
        [EXPR_NOT_NULL] = EXPR_IS_NULL,
        [EXPR_IS_NAN] = EXPR_NOT_NAN,
        [EXPR_NOT_NAN] = EXPR_IS_NAN,
        [EXPR_LT] = EXPR_GE,
        [EXPR_LE] = EXPR_GT,
        [EXPR_GT] = EXPR_LE,
        [EXPR_GE] = EXPR_LT,
        [EXPR_EQ] = EXPR_NE,
        [EXPR_NE] = EXPR_EQ,
        [EXPR_STARTS_WITH] = EXPR_NOT_STARTS_WITH,
        [EXPR_NOT_STARTS_WITH] = EXPR_STARTS_WITH,
        [EXPR_IN] = EXPR_NOT_IN,
        [EXPR_NOT_IN] = EXPR_IN,
    };
    ASSERT(op >= EXPR_IS_NULL && op <= EXPR_NOT_IN);
    return opposite[op];
}

size_t expr_values_find(const struct value *values, size_t n, const struct value *v)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (expr_value_cmp(&values[mid], v) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int value_order(const void *x, const void *y)
{
    return expr_value_cmp(x, y);
}

size_t expr_values_sort(struct value *values, size_t n)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, value_order);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (expr_value_cmp(&values[kept - 1], &values[i]) != 0)
            values[kept++] = values[i];
    return kept;
}

struct id_list {
    VEC(int32_t) ids;
};

static void collect_ids(const struct expr *e, struct arena *a, struct id_list *out)
{
    for (size_t i = 0; i < e->args_n; i++)
        collect_ids(e->args[i], a, out);
    if (expr_is_predicate(e))
        *vec_push(a, &out->ids) = e->field_id;
}

static int id_order(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

void expr_field_ids(const struct expr *e, struct arena *a, const int32_t **ids, size_t *n)
{
    struct id_list list = { 0 };
    collect_ids(e, a, &list);
    *ids = list.ids.at;
    *n = 0;
    if (list.ids.n == 0)
        return;
    qsort(list.ids.at, list.ids.n, sizeof(int32_t), id_order);
    for (size_t i = 0; i < list.ids.n; i++)
        if (*n == 0 || list.ids.at[*n - 1] != list.ids.at[i])
            list.ids.at[(*n)++] = list.ids.at[i];
}

/* What a predicate answers for null. */
static bool holds_for_null(enum expr_op op)
{
    return op == EXPR_IS_NULL || op == EXPR_NE || op == EXPR_NOT_IN || op == EXPR_NOT_NAN ||
           op == EXPR_NOT_STARTS_WITH;
}

static bool value_in(const struct expr *e, const struct value *v)
{
    size_t i = expr_values_find(e->values, e->values_n, v);
    return i < e->values_n && expr_value_cmp(&e->values[i], v) == 0;
}

static bool leaf_matches(const struct expr *e, const struct value *v)
{
    struct value of;
    if (v == NULL || v->is_null)
        return holds_for_null(e->op);
    if (e->transform != NULL) {
        of = transform_apply(e->transform, v);
        v = &of;
    }
    switch (e->op) {
    case EXPR_IS_NULL:
        return false;
    case EXPR_NOT_NULL:
        return true;
    case EXPR_IS_NAN:
        return value_is_nan(v);
    case EXPR_NOT_NAN:
        return !value_is_nan(v);
    case EXPR_LT:
        return expr_value_cmp(v, e->values) < 0;
    case EXPR_LE:
        return expr_value_cmp(v, e->values) <= 0;
    case EXPR_GT:
        return expr_value_cmp(v, e->values) > 0;
    case EXPR_GE:
        return expr_value_cmp(v, e->values) >= 0;
    case EXPR_EQ:
        return expr_value_cmp(v, e->values) == 0;
    case EXPR_NE:
        return expr_value_cmp(v, e->values) != 0;
    case EXPR_STARTS_WITH:
        return str_starts(v->bytes, e->values->bytes);
    case EXPR_NOT_STARTS_WITH:
        return !str_starts(v->bytes, e->values->bytes);
    case EXPR_IN:
        return value_in(e, v);
    case EXPR_NOT_IN:
        return !value_in(e, v);
    default:
        panic("filter operator %d is not a predicate", (int)e->op);
    }
}

bool expr_evaluate(const struct expr *e, expr_leaf_fn leaf, const void *ctx)
{
    bool is_and = e->op == EXPR_AND;
    switch (e->op) {
    case EXPR_TRUE:
        return true;
    case EXPR_FALSE:
        return false;
    case EXPR_AND:
    case EXPR_OR:
        for (size_t i = 0; i < e->args_n; i++)
            if (expr_evaluate(e->args[i], leaf, ctx) != is_and)
                return !is_and;
        return is_and;
    case EXPR_NOT:
        panic("a filter is evaluated before it was bound");
    default:
        return leaf(e, ctx);
    }
}

struct row {
    expr_get_fn get;
    const void *row;
};

static bool row_matches(const struct expr *leaf, const void *ctx)
{
    const struct row *r = ctx;
    return leaf_matches(leaf, r->get(r->row, leaf->field_id));
}

bool expr_matches(const struct expr *e, expr_get_fn get, const void *row)
{
    return expr_evaluate(e, row_matches, &(struct row){ get, row });
}
