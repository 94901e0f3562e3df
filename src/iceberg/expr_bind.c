/* SPDX-License-Identifier: Apache-2.0
 *
 * Binding: names to field ids, literals to values of the field's type.
 *
 * Negation travels down with the walk (`negate`), so that only leaves have to know it.  A literal
 * that is no value of the type is not an error when it is a number: the column's type has a
 * greatest value below it (or none), and the comparison is rewritten to that one. */
#include <float.h>
#include <math.h>

#include "base/vec.h"
#include "iceberg/expr.h"
#include "iceberg/expr_priv.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"

struct binder {
    const struct schema *schema;
    bool case_sensitive;
    struct arena *arena;
    struct error *err;
};

struct target {
    const struct schema_node *node;
    const struct type *type; /* of what is compared */
    const struct transform *transform;
};

static bool is_float(const struct type *t)
{
    return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE;
}

/* A number's text as the value that loses nothing: long, decimal, or else double. */
static bool number_value(str text, struct value *out)
{
    int64_t i;
    int128 unscaled;
    int32_t scale;
    double f;
    if (str_to_i64(text, &i))
        *out = value_i64(TYPE_LONG, i);
    else if (decimal_parse(text, &unscaled, &scale) && scale >= 0 && scale <= 38)
        *out = value_decimal(DECIMAL_PRECISION_MAX, scale, unscaled);
    else if (str_to_f64(text, &f))
        *out = value_f64(TYPE_DOUBLE, f);
    else
        return false;
    return true;
}

/* Beyond the finite values of a float type there are still the infinities. */
static enum value_fit float_fit(const struct type *type, enum value_fit fit, struct value *v)
{
    if (fit != VALUE_BELOW && fit != VALUE_ABOVE)
        return fit;
    double top = type->kind == TYPE_FLOAT ? (double)FLT_MAX : DBL_MAX;
    *v = value_f64(type->kind, fit == VALUE_ABOVE ? top : -INFINITY);
    return VALUE_BETWEEN;
}

static enum value_fit number_fit(const struct type *type, str text, struct arena *a,
                                 struct value *out)
{
    struct value v;
    double f;
    if (is_float(type)) { /* the nearest one, as engines cast a literal */
        if (!str_to_f64(text, &f))
            return VALUE_NO;
        *out = value_f64(type->kind, type->kind == TYPE_FLOAT ? (double)(float)f : f);
        return VALUE_FITS;
    }
    if (!number_value(text, &v))
        return VALUE_NO;
    return value_convert(&v, type, a, out);
}

/* Text for a date column may be a time of that day. */
static bool text_fit(const struct type *type, str text, struct arena *a, struct value *out,
                     enum value_fit *fit, struct error *err)
{
    *fit = VALUE_FITS;
    if (value_from_text(type, text, a, out, err))
        return true;
    struct value time;
    struct error ignored;
    if (type->kind != TYPE_DATE ||
        !value_from_text(type_of(TYPE_TIMESTAMP), text, a, &time, &ignored))
        return false;
    *fit = value_convert(&time, type, a, out);
    return true;
}

static bool bind_literal(const struct binder *b, const struct target *t, const struct literal *lit,
                         struct value *out, enum value_fit *fit)
{
    *out = (struct value){ .kind = (uint8_t)t->type->kind };
    switch (lit->kind) {
    case LITERAL_NULL:
        *out = value_null(t->type->kind);
        *fit = VALUE_FITS;
        return true;
    case LITERAL_BOOL:
        *out = value_bool(lit->boolean);
        *fit = t->type->kind == TYPE_BOOLEAN ? VALUE_FITS : VALUE_NO;
        break;
    case LITERAL_NUMBER:
        *fit = number_fit(t->type, lit->text, b->arena, out);
        break;
    case LITERAL_TEXT:
        if (!text_fit(t->type, lit->text, b->arena, out, fit, b->err))
            return fail_in(b->err, "filter on column \"" STR_FMT "\"", STR_ARG(t->node->name));
        break;
    case LITERAL_VALUE:
        *fit = value_convert(lit->value, t->type, b->arena, out);
        break;
    }
    if (*fit == VALUE_NO) {
        str text = lit->kind == LITERAL_VALUE ? value_to_text(lit->value, b->arena) : lit->text;
        if (lit->kind == LITERAL_BOOL)
            text = lit->boolean ? STR("true") : STR("false");
        return fail(b->err, ERR_INVALID,
                    "filter on column \"" STR_FMT "\": " STR_FMT " is no value of type " STR_FMT,
                    STR_ARG(t->node->name), STR_ARG(text), STR_ARG(type_format(t->type, b->arena)));
    }
    if (is_float(t->type))
        *fit = float_fit(t->type, *fit, out);
    return true;
}

static const struct expr *bound_leaf(const struct binder *b, const struct target *t,
                                     enum expr_op op, const struct value *values, size_t n)
{
    const struct expr *e = expr_leaf(b->arena, op, t->node->field->id, t->type, values, n);
    if (t->transform == NULL)
        return e;
    struct expr *over = arena_new(b->arena, struct expr);
    *over = *e;
    over->transform = t->transform;
    over->source_type = t->node->field->type;
    return over;
}

static const struct expr *leaf(const struct binder *b, const struct target *t, enum expr_op op,
                               const struct value *v)
{
    struct value *kept = NULL;
    if (v != NULL) {
        kept = arena_new(b->arena, struct value);
        *kept = *v;
    }
    return bound_leaf(b, t, op, kept, v != NULL);
}

static const struct expr *bind_null_test(const struct binder *b, const struct target *t,
                                         enum expr_op op)
{
    bool never_null = t->node->parent == NULL && t->node->field->required;
    if (never_null)
        return op == EXPR_NOT_NULL ? expr_true() : expr_false();
    /* A transform is null exactly where the column is. */
    struct target column = { t->node, t->node->field->type, NULL };
    return leaf(b, &column, op, NULL);
}

/* x < NaN and the like: NaN equals itself and is above all numbers. */
static const struct expr *compare_nan(const struct binder *b, const struct target *t,
                                      enum expr_op op)
{
    const struct expr *not_null = bind_null_test(b, t, EXPR_NOT_NULL);
    switch (op) {
    case EXPR_EQ:
    case EXPR_GE:
        return leaf(b, t, EXPR_IS_NAN, NULL);
    case EXPR_NE:
        return leaf(b, t, EXPR_NOT_NAN, NULL);
    case EXPR_LT:
        return expr_and(b->arena, not_null, leaf(b, t, EXPR_NOT_NAN, NULL));
    case EXPR_LE:
        return not_null;
    default:
        return expr_false();
    }
}

/* A comparison with something that no value of the type equals: `v` is the next smaller value
 * when it lies between them. */
static const struct expr *compare_unfit(const struct binder *b, const struct target *t,
                                        enum expr_op op, enum value_fit fit, const struct value *v)
{
    if (op == EXPR_EQ)
        return expr_false();
    if (op == EXPR_NE)
        return expr_true();
    bool less = op == EXPR_LT || op == EXPR_LE;
    if (fit == VALUE_BETWEEN)
        return leaf(b, t, less ? EXPR_LE : EXPR_GT, v);
    if (less == (fit == VALUE_ABOVE))
        return bind_null_test(b, t, EXPR_NOT_NULL);
    return expr_false();
}

static bool bind_compare(const struct binder *b, const struct target *t, enum expr_op op,
                         const struct literal *lit, const struct expr **out)
{
    struct value v;
    enum value_fit fit;
    if (!bind_literal(b, t, lit, &v, &fit))
        return false;
    if (v.is_null)
        *out = expr_false();
    else if (fit != VALUE_FITS)
        *out = compare_unfit(b, t, op, fit, &v);
    else if (value_is_nan(&v))
        *out = compare_nan(b, t, op);
    else
        *out = leaf(b, t, op, &v);
    return true;
}

static bool bind_prefix(const struct binder *b, const struct target *t, enum expr_op op,
                        const struct literal *lit, const struct expr **out)
{
    if (t->type->kind != TYPE_STRING || lit->kind == LITERAL_NUMBER || lit->kind == LITERAL_BOOL)
        return fail(b->err, ERR_INVALID,
                    "filter on column \"" STR_FMT
                    "\": a prefix test needs a string column and text",
                    STR_ARG(t->node->name));
    struct value v;
    enum value_fit fit;
    if (!bind_literal(b, t, lit, &v, &fit))
        return false;
    if (v.is_null)
        *out = expr_false();
    else if (v.bytes.len == 0)
        *out = bind_null_test(b, t, op == EXPR_STARTS_WITH ? EXPR_NOT_NULL : EXPR_IS_NULL);
    else
        *out = leaf(b, t, op, &v);
    return true;
}

struct in_values {
    struct value *at;
    size_t n;
    bool has_null, has_nan;
};

static bool bind_values(const struct binder *b, const struct target *t, const struct expr *e,
                        struct in_values *out)
{
    if (e->literals_n > EXPR_VALUES_MAX)
        return fail(b->err, ERR_LIMIT, "filter on column \"" STR_FMT "\": more than %d values",
                    STR_ARG(t->node->name), EXPR_VALUES_MAX);
    *out = (struct in_values){ .at = arena_array(b->arena, struct value, e->literals_n) };
    for (size_t i = 0; i < e->literals_n; i++) {
        struct value v;
        enum value_fit fit;
        if (!bind_literal(b, t, &e->literals[i], &v, &fit))
            return false;
        if (v.is_null)
            out->has_null = true;
        else if (fit == VALUE_FITS && value_is_nan(&v))
            out->has_nan = true;
        else if (fit == VALUE_FITS)
            out->at[out->n++] = v;
    }
    out->n = expr_values_sort(out->at, out->n);
    return true;
}

static bool bind_in(const struct binder *b, const struct target *t, enum expr_op op,
                    const struct expr *e, const struct expr **out)
{
    struct in_values values = { 0 };
    if (!bind_values(b, t, e, &values))
        return false;
    bool in = op == EXPR_IN;
    if (!in && values.has_null) { /* x <> null is never true */
        *out = expr_false();
        return true;
    }
    const struct expr *rest = in ? expr_false() : expr_true();
    if (values.n == 1)
        rest = leaf(b, t, in ? EXPR_EQ : EXPR_NE, values.at);
    else if (values.n > 1)
        rest = bound_leaf(b, t, op, values.at, values.n);
    if (values.has_nan) {
        const struct expr *nan = leaf(b, t, in ? EXPR_IS_NAN : EXPR_NOT_NAN, NULL);
        rest = in ? expr_or(b->arena, rest, nan) : expr_and(b->arena, rest, nan);
    }
    *out = rest;
    return true;
}

static bool find_target(const struct binder *b, str name, struct target *out)
{
    const struct schema_node *node = schema_node_by_name(b->schema, name, b->case_sensitive);
    if (node == NULL)
        return fail(b->err, ERR_INVALID, "filter: there is no column \"" STR_FMT "\"",
                    STR_ARG(name));
    if (!type_is_primitive(node->field->type) || node->in_repeated)
        return fail(b->err, ERR_INVALID,
                    "filter: column \"" STR_FMT "\" is not a single value (its type is %s%s)",
                    STR_ARG(name), type_kind_name(node->field->type->kind),
                    node->in_repeated ? ", inside a list or map" : "");
    *out = (struct target){ node, node->field->type, NULL };
    return true;
}

static bool find_transformed(const struct binder *b, const struct expr *e, struct target *out)
{
    if (!find_target(b, e->name, out))
        return false;
    if (e->transform == NULL)
        return true;
    if (!transform_check(e->transform, out->type, b->err))
        return fail_in(b->err, "filter on column \"" STR_FMT "\"", STR_ARG(e->name));
    out->transform = e->transform;
    out->type = transform_result(e->transform, out->type);
    return true;
}

static bool bind_predicate(const struct binder *b, const struct expr *e, bool negate,
                           const struct expr **out)
{
    struct target t = { 0 };
    if (!find_transformed(b, e, &t))
        return false;
    enum expr_op op = negate ? expr_op_negate(e->op) : e->op;
    switch (op) {
    case EXPR_IS_NULL:
    case EXPR_NOT_NULL:
        *out = bind_null_test(b, &t, op);
        return true;
    case EXPR_IS_NAN:
    case EXPR_NOT_NAN:
        if (!is_float(t.type))
            return fail(b->err, ERR_INVALID,
                        "filter on column \"" STR_FMT "\": only float and double have NaN",
                        STR_ARG(e->name));
        *out = leaf(b, &t, op, NULL);
        return true;
    case EXPR_STARTS_WITH:
    case EXPR_NOT_STARTS_WITH:
        return bind_prefix(b, &t, op, e->literals, out);
    case EXPR_IN:
    case EXPR_NOT_IN:
        return bind_in(b, &t, op, e, out);
    default:
        return bind_compare(b, &t, op, e->literals, out);
    }
}

static bool bind(const struct binder *b, const struct expr *e, bool negate, int depth,
                 const struct expr **out);

static bool bind_args(const struct binder *b, const struct expr *e, bool negate, int depth,
                      const struct expr **out)
{
    const struct expr **args = arena_array(b->arena, const struct expr *, e->args_n);
    for (size_t i = 0; i < e->args_n; i++)
        if (!bind(b, e->args[i], negate, depth + 1, &args[i]))
            return false;
    bool is_and = (e->op == EXPR_AND) != negate;
    *out = expr_nary(b->arena, is_and ? EXPR_AND : EXPR_OR, args, e->args_n);
    return true;
}

static bool bind(const struct binder *b, const struct expr *e, bool negate, int depth,
                 const struct expr **out)
{
    if (depth > EXPR_DEPTH_MAX)
        return fail(b->err, ERR_LIMIT, "filter is nested deeper than %d", EXPR_DEPTH_MAX);
    switch (e->op) {
    case EXPR_TRUE:
    case EXPR_FALSE:
        *out = (e->op == EXPR_TRUE) != negate ? expr_true() : expr_false();
        return true;
    case EXPR_AND:
    case EXPR_OR:
        return bind_args(b, e, negate, depth, out);
    case EXPR_NOT:
        return bind(b, e->args[0], !negate, depth + 1, out);
    default:
        return bind_predicate(b, e, negate, out);
    }
}

bool expr_bind(const struct expr *e, const struct schema *schema, bool case_sensitive,
               struct arena *a, const struct expr **out, struct error *err)
{
    struct binder b = { schema, case_sensitive, a, err };
    return bind(&b, e, false, 0, out);
}
