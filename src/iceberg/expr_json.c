/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expr_json.h"

#include "codec/numfmt.h"
#include "iceberg/expr_priv.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"

static const struct {
    enum expr_op op;
    const char *name;
} operators[] = {
    { EXPR_AND, "and" },
    { EXPR_OR, "or" },
    { EXPR_NOT, "not" },
    { EXPR_IS_NULL, "is-null" },
    { EXPR_NOT_NULL, "not-null" },
    { EXPR_IS_NAN, "is-nan" },
    { EXPR_NOT_NAN, "not-nan" },
    { EXPR_LT, "lt" },
    { EXPR_LE, "lt-eq" },
    { EXPR_GT, "gt" },
    { EXPR_GE, "gt-eq" },
    { EXPR_EQ, "eq" },
    { EXPR_NE, "not-eq" },
    { EXPR_STARTS_WITH, "starts-with" },
    { EXPR_NOT_STARTS_WITH, "not-starts-with" },
    { EXPR_IN, "in" },
    { EXPR_NOT_IN, "not-in" },
};

#define OPERATORS (sizeof operators / sizeof operators[0])

struct parser {
    const struct schema *schema; /* or NULL */
    struct arena *arena;
    struct error *err;
};

static bool is_object_of_type(const struct json *json, const char *type)
{
    const struct json *t = json_get(json, "type");
    return t != NULL && t->kind == JSON_STR && str_eq_nocase(t->s, str_of(type));
}

/* As the Java library reads them: '-' or '_' between words. */
static bool find_operator(str name, enum expr_op *out)
{
    char text[32];
    if (name.len >= sizeof text)
        return false;
    for (size_t i = 0; i < name.len; i++)
        text[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
    for (size_t i = 0; i < OPERATORS; i++)
        if (str_eq_nocase(str_make(text, name.len), str_of(operators[i].name))) {
            *out = operators[i].op;
            return true;
        }
    return false;
}

/* --- references --- */

/* What a predicate asks: a column, or a partition transform of it. */
struct term {
    str name;
    const struct transform *transform; /* or NULL */
};

static bool parse_id(const struct parser *p, const struct json *json, str *out)
{
    int32_t id;
    if (!json_need_i32(json, "id", &id, p->err))
        return false;
    if (p->schema == NULL || schema_node_by_id(p->schema, id) == NULL)
        return fail(p->err, ERR_INVALID, "filter: there is no field %d", id);
    *out = schema_name_of(p->schema, id);
    return true;
}

static bool parse_transform(const struct parser *p, const struct json *json, const struct json **of,
                            struct term *out)
{
    str text;
    struct transform *t = arena_new(p->arena, struct transform);
    if (!json_need_str(json, "transform", &text, p->err) || !json_need(json, "term", of, p->err) ||
        !transform_parse(text, p->arena, t, p->err))
        return fail_in(p->err, "filter");
    if (t->kind == TRANSFORM_UNKNOWN || t->kind == TRANSFORM_VOID)
        return fail(p->err, ERR_UNSUPPORTED,
                    "filter: scans are not planned by the transform " STR_FMT,
                    STR_ARG(str_sub(text, 0, 60)));
    out->transform = t->kind == TRANSFORM_IDENTITY ? NULL : t;
    return true;
}

/* "a.b", {"type":"reference","term"|"name":"a.b"}, {"type":"reference","id":3}, or
 * {"type":"transform","transform":"bucket[16]","term":…}. */
static bool parse_term(const struct parser *p, const struct json *json, struct term *out)
{
    *out = (struct term){ 0 };
    if (is_object_of_type(json, "transform") && !parse_transform(p, json, &json, out))
        return false;
    if (json->kind == JSON_STR) {
        out->name = json->s;
        return true;
    }
    if (is_object_of_type(json, "apply"))
        return fail(p->err, ERR_UNSUPPORTED, "filter: scans are not planned by functions");
    if (!is_object_of_type(json, "reference"))
        return fail(p->err, ERR_INVALID, "filter: %s stands where a column is named",
                    json_kind_name(json->kind));
    if (json_get(json, "id") != NULL)
        return parse_id(p, json, &out->name);
    return json_need_str(json, json_get(json, "term") ? "term" : "name", &out->name, p->err);
}

static const struct expr *over_term(const struct parser *p, const struct term *term,
                                    const struct expr *predicate)
{
    return term->transform ? expr_over(p->arena, predicate, term->transform) : predicate;
}

/* --- constants --- */

/* Whole numbers are days, or microseconds, where a time is compared: so the Java library reads them. */
static bool time_literal(const struct parser *p, const struct term *term, int64_t i,
                         struct literal *out)
{
    const struct schema_node *node =
        p->schema ? schema_node_by_name(p->schema, term->name, false) : NULL;
    if (node == NULL)
        return false;
    const struct type *type = node->field->type;
    enum type_kind kind =
        term->transform ? transform_result(term->transform, type)->kind : type->kind;
    if (kind < TYPE_DATE || kind > TYPE_TIMESTAMPTZ_NS)
        return false;
    if (kind == TYPE_DATE && (i < INT32_MIN || i > INT32_MAX))
        return false;
    if (kind == TYPE_TIMESTAMP_NS)
        kind = TYPE_TIMESTAMP;
    if (kind == TYPE_TIMESTAMPTZ_NS)
        kind = TYPE_TIMESTAMPTZ;
    struct value *v = arena_new(p->arena, struct value);
    *v = value_i64(kind, i);
    *out = (struct literal){ .kind = LITERAL_VALUE, .value = v };
    return true;
}

static bool plain_literal(const struct parser *p, const struct term *term, const struct json *json,
                          struct literal *out)
{
    char digits[NUM_TEXT_MAX];
    switch (json->kind) {
    case JSON_BOOL:
        *out = (struct literal){ .kind = LITERAL_BOOL, .boolean = json->b };
        return true;
    case JSON_INT:
        if (!time_literal(p, term, json->i, out))
            *out = literal_number(arena_printf(p->arena, "%lld", (long long)json->i));
        return true;
    case JSON_F64:
        *out =
            literal_number(arena_str(p->arena, str_make(digits, num_format_f64(json->f, digits))));
        return true;
    case JSON_STR:
        *out = literal_text(json->s);
        return true;
    default:
        return fail(p->err, ERR_INVALID, "filter on column \"" STR_FMT "\": %s is no constant",
                    STR_ARG(term->name), json_kind_name(json->kind));
    }
}

static bool typed_literal(const struct parser *p, const struct json *value,
                          const struct json *data_type, struct literal *out)
{
    const struct type *type;
    struct value *v = arena_new(p->arena, struct value);
    if (!type_parse(data_type, p->arena, &type, p->err) ||
        !value_parse(type, value, p->arena, v, p->err))
        return fail_in(p->err, "filter");
    if (v->is_null || type_is_nested(type) || value_is_nan(v))
        return fail(p->err, ERR_INVALID, "filter: null, NaN and nested values are no constants");
    *out = (struct literal){ .kind = LITERAL_VALUE, .value = v };
    return true;
}

static bool parse_literal(const struct parser *p, const struct term *term, const struct json *json,
                          struct literal *out)
{
    const struct json *value, *type;
    if (json->kind != JSON_OBJECT)
        return plain_literal(p, term, json, out);
    if (!is_object_of_type(json, "literal"))
        return fail(p->err, ERR_INVALID,
                    "filter on column \"" STR_FMT "\": an object that is no literal",
                    STR_ARG(term->name));
    value = json_get(json, "value");
    type = json_get(json, "data-type");
    if (value == NULL)
        return fail(p->err, ERR_INVALID, "filter: a literal without a value");
    return type ? typed_literal(p, value, type, out) : plain_literal(p, term, value, out);
}

/* "values": an array of literals, or {"type":"literals","values":[…],"data-type":…}. */
static bool parse_literals(const struct parser *p, const struct term *term, const struct json *json,
                           struct literal **out, size_t *n)
{
    const struct json *type = NULL;
    if (is_object_of_type(json, "literals")) {
        type = json_get(json, "data-type");
        if (!json_need_array(json, "values", &json, p->err))
            return false;
    }
    if (json->kind != JSON_ARRAY)
        return fail(p->err, ERR_INVALID, "filter on column \"" STR_FMT "\": values is %s",
                    STR_ARG(term->name), json_kind_name(json->kind));
    if (json->array.n > EXPR_VALUES_MAX)
        return fail(p->err, ERR_LIMIT, "filter on column \"" STR_FMT "\": more than %d values",
                    STR_ARG(term->name), EXPR_VALUES_MAX);
    *n = json->array.n;
    *out = arena_array(p->arena, struct literal, *n);
    for (size_t i = 0; i < *n; i++) {
        const struct json *item = &json->array.items[i];
        if (type ? !typed_literal(p, item, type, &(*out)[i])
                 : !parse_literal(p, term, item, &(*out)[i]))
            return false;
    }
    return true;
}

/* --- predicates --- */

static bool is_reference(const struct json *json)
{
    return is_object_of_type(json, "reference") || is_object_of_type(json, "transform") ||
           is_object_of_type(json, "apply");
}

/* a < b is b > a. */
static enum expr_op mirrored(enum expr_op op)
{
    switch (op) {
    case EXPR_LT:
        return EXPR_GT;
    case EXPR_LE:
        return EXPR_GE;
    case EXPR_GT:
        return EXPR_LT;
    case EXPR_GE:
        return EXPR_LE;
    default:
        return op;
    }
}

/* The column's and the constant's place in either form. */
static bool find_operands(const struct parser *p, const struct json *json, enum expr_op *op,
                          const struct json **column, const struct json **constant)
{
    if (json_get(json, "term") != NULL)
        return json_need(json, "term", column, p->err) &&
               json_need(json, "value", constant, p->err);
    if (!json_need(json, "left", column, p->err) || !json_need(json, "right", constant, p->err))
        return false;
    if (is_reference(*column) && is_reference(*constant))
        return fail(p->err, ERR_UNSUPPORTED,
                    "filter: scans are not planned by comparisons of two columns");
    bool prefix = *op == EXPR_STARTS_WITH || *op == EXPR_NOT_STARTS_WITH;
    if (!prefix && is_reference(*constant)) {
        const struct json *swap = *column;
        *column = *constant;
        *constant = swap;
        *op = mirrored(*op);
    }
    return true;
}

static bool parse_compare(const struct parser *p, const struct json *json, enum expr_op op,
                          const struct expr **out)
{
    const struct json *column, *constant;
    struct literal lit;
    struct term term;
    if (json_get(json, "values") != NULL)
        return fail(p->err, ERR_INVALID, "filter: a comparison has values, not a value");
    if (!find_operands(p, json, &op, &column, &constant) || !parse_term(p, column, &term) ||
        !parse_literal(p, &term, constant, &lit))
        return false;
    *out = over_term(p, &term, expr_compare(p->arena, op, term.name, lit));
    return true;
}

static bool parse_test(const struct parser *p, const struct json *json, enum expr_op op,
                       const struct expr **out)
{
    bool set = op == EXPR_IN || op == EXPR_NOT_IN;
    const struct json *column, *values;
    struct literal *lits = NULL;
    size_t n = 0;
    struct term term;
    if (json_get(json, "value") != NULL || (!set && json_get(json, "values") != NULL))
        return fail(p->err, ERR_INVALID, "filter: a %s has a value",
                    set ? "set test" : "test of one column");
    if (!json_need(json, json_get(json, "term") ? "term" : "child", &column, p->err) ||
        !parse_term(p, column, &term))
        return false;
    if (!set) {
        *out = over_term(p, &term, expr_unary(p->arena, op, term.name));
        return true;
    }
    if (!json_need(json, "values", &values, p->err) || !parse_literals(p, &term, values, &lits, &n))
        return false;
    *out = over_term(p, &term, expr_in(p->arena, op, term.name, lits, n));
    return true;
}

/* --- trees --- */

static bool parse(const struct parser *p, const struct json *json, int depth,
                  const struct expr **out);

static bool parse_pair(const struct parser *p, const struct json *json, enum expr_op op, int depth,
                       const struct expr **out)
{
    const struct json *left, *right;
    const struct expr *args[2];
    if (!json_need(json, "left", &left, p->err) || !json_need(json, "right", &right, p->err) ||
        !parse(p, left, depth + 1, &args[0]) || !parse(p, right, depth + 1, &args[1]))
        return false;
    *out = expr_nary(p->arena, op, args, 2);
    return true;
}

static bool parse_not(const struct parser *p, const struct json *json, int depth,
                      const struct expr **out)
{
    const struct json *child;
    const struct expr *e;
    if (!json_need(json, "child", &child, p->err) || !parse(p, child, depth + 1, &e))
        return false;
    *out = expr_not(p->arena, e);
    return true;
}

static bool parse_constant(const struct parser *p, const struct json *json, const struct expr **out)
{
    bool b;
    if (!json_need_bool(json, "value", &b, p->err))
        return false;
    *out = b ? expr_true() : expr_false();
    return true;
}

static bool parse_operator(const struct parser *p, const struct json *json, int depth,
                           const struct expr **out)
{
    enum expr_op op;
    str type;
    if (!json_need_str(json, "type", &type, p->err))
        return fail_in(p->err, "filter");
    if (!find_operator(type, &op))
        return fail(p->err, ERR_INVALID, "filter: there is no operation \"" STR_FMT "\"",
                    STR_ARG(str_sub(type, 0, 60)));
    switch (op) {
    case EXPR_AND:
    case EXPR_OR:
        return parse_pair(p, json, op, depth, out);
    case EXPR_NOT:
        return parse_not(p, json, depth, out);
    case EXPR_IS_NULL:
    case EXPR_NOT_NULL:
    case EXPR_IS_NAN:
    case EXPR_NOT_NAN:
    case EXPR_IN:
    case EXPR_NOT_IN:
        return parse_test(p, json, op, out);
    default:
        return parse_compare(p, json, op, out);
    }
}

static bool parse(const struct parser *p, const struct json *json, int depth,
                  const struct expr **out)
{
    if (depth > EXPR_JSON_DEPTH_MAX)
        return fail(p->err, ERR_LIMIT, "filter is nested deeper than %d", EXPR_JSON_DEPTH_MAX);
    if (json->kind == JSON_BOOL) {
        *out = json->b ? expr_true() : expr_false();
        return true;
    }
    if (json->kind != JSON_OBJECT)
        return fail(p->err, ERR_INVALID, "filter: %s where a predicate is needed",
                    json_kind_name(json->kind));
    if (is_object_of_type(json, "literal"))
        return parse_constant(p, json, out);
    return parse_operator(p, json, depth, out);
}

bool expr_from_json(const struct json *json, const struct schema *schema, struct arena *a,
                    const struct expr **out, struct error *err)
{
    struct parser p = { schema, a, err };
    return parse(&p, json, 0, out);
}

/* --- writing --- */

struct printer {
    const struct schema *schema;
    struct json_writer *w;
};

static const char *operator_name(enum expr_op op)
{
    for (size_t i = 0; i < OPERATORS; i++)
        if (operators[i].op == op)
            return operators[i].name;
    panic("filter operator %d has no name", (int)op);
}

/* JSON has no infinities: text then, which binding reads. */
static void write_value(const struct printer *p, const struct value *v)
{
    bool infinite = !v->is_null && value_class_of(v->kind) == VALUE_FLOAT && v->f - v->f != 0;
    if (infinite)
        jw_str(p->w, v->f > 0 ? STR("Infinity") : STR("-Infinity"));
    else
        value_write(v, p->w);
}

static void write_literal(const struct printer *p, const struct literal *lit)
{
    switch (lit->kind) {
    case LITERAL_BOOL:
        jw_bool(p->w, lit->boolean);
        break;
    case LITERAL_NUMBER:
        jw_raw(p->w, lit->text);
        break;
    case LITERAL_TEXT:
        jw_str(p->w, lit->text);
        break;
    case LITERAL_VALUE:
        write_value(p, lit->value);
        break;
    default:
        jw_null(p->w);
    }
}

static void write_operand(const struct printer *p, const struct expr *e, size_t i)
{
    if (e->literals != NULL)
        write_literal(p, &e->literals[i]);
    else
        write_value(p, &e->values[i]);
}

static void write_term(const struct printer *p, const struct expr *e)
{
    str name = e->name.ptr == NULL ? schema_name_of(p->schema, e->field_id) : e->name;
    if (e->transform == NULL) {
        jw_kv_str(p->w, "term", name);
        return;
    }
    jw_kv_object(p->w, "term");
    jw_kv_str(p->w, "type", STR("transform"));
    jw_kv_str(p->w, "transform", e->transform->text);
    jw_kv_str(p->w, "term", name);
    jw_end_object(p->w);
}

static void write_predicate(const struct printer *p, const struct expr *e)
{
    bool bound = e->name.ptr == NULL, set = e->op == EXPR_IN || e->op == EXPR_NOT_IN;
    size_t n = bound ? e->values_n : e->literals_n;
    jw_begin_object(p->w);
    jw_kv_str(p->w, "type", str_of(operator_name(e->op)));
    write_term(p, e);
    if (set) {
        jw_kv_array(p->w, "values");
        for (size_t i = 0; i < n; i++)
            write_operand(p, e, i);
        jw_end_array(p->w);
    } else if (n > 0) {
        jw_key(p->w, STR("value"));
        write_operand(p, e, 0);
    }
    jw_end_object(p->w);
}

static void write(const struct printer *p, const struct expr *e);

/* The protocol's AND and OR have two sides; halves keep it shallow. */
static void write_args(const struct printer *p, const char *type, const struct expr *const *args,
                       size_t n)
{
    if (n == 1) {
        write(p, args[0]);
        return;
    }
    jw_begin_object(p->w);
    jw_kv_str(p->w, "type", str_of(type));
    jw_key(p->w, STR("left"));
    write_args(p, type, args, (n + 1) / 2);
    jw_key(p->w, STR("right"));
    write_args(p, type, args + (n + 1) / 2, n / 2);
    jw_end_object(p->w);
}

static void write(const struct printer *p, const struct expr *e)
{
    switch (e->op) {
    case EXPR_TRUE:
    case EXPR_FALSE:
        jw_bool(p->w, e->op == EXPR_TRUE);
        break;
    case EXPR_AND:
    case EXPR_OR:
        write_args(p, operator_name(e->op), e->args, e->args_n);
        break;
    case EXPR_NOT:
        jw_begin_object(p->w);
        jw_kv_str(p->w, "type", STR("not"));
        jw_key(p->w, STR("child"));
        write(p, e->args[0]);
        jw_end_object(p->w);
        break;
    default:
        write_predicate(p, e);
    }
}

/* Levels of objects that an expression takes. */
static int depth_of(const struct expr *e)
{
    int deepest = 0, own = 1;
    for (size_t i = 0; i < e->args_n; i++) {
        int d = depth_of(e->args[i]);
        deepest = d > deepest ? d : deepest;
    }
    for (size_t n = 2; n < e->args_n; n *= 2)
        own++;
    return own + deepest;
}

bool expr_write_json(const struct expr *e, const struct schema *schema, struct json_writer *w,
                     struct error *err)
{
    struct printer p = { schema, w };
    if (depth_of(e) + w->depth + 2 >= JSON_DEPTH_MAX)
        return fail(err, ERR_LIMIT, "filter is nested too deep for JSON");
    write(&p, e);
    return true;
}
