/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expr.h"
#include "iceberg/expr_priv.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"

struct printer {
    const struct schema *schema;
    struct buf *out;
    struct arena *arena;
};

static bool is_word(str s)
{
    static const char *const keywords[] = { "and",     "or",   "not",  "in",        "is",
                                            "null",    "nan",  "like", "true",      "false",
                                            "between", "date", "time", "timestamp", "starts_with" };
    if (s.len == 0 || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.';
        if (!ok)
            return false;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (str_eq_nocase(s, str_of(keywords[i])))
            return false;
    return true;
}

static void quoted(struct buf *out, str s, char quote)
{
    buf_add_char(out, quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == quote)
            buf_add_char(out, quote);
        buf_add_char(out, s.ptr[i]);
    }
    buf_add_char(out, quote);
}

static void print_name(const struct printer *p, const struct expr *e)
{
    str name = e->name;
    if (name.ptr == NULL && p->schema != NULL)
        name = schema_name_of(p->schema, e->field_id);
    if (e->transform != NULL) {
        buf_add_str(p->out, e->transform->text);
        buf_add_char(p->out, '(');
    }
    if (name.ptr == NULL)
        buf_printf(p->out, "\"#%d\"", (int)e->field_id);
    else if (is_word(name))
        buf_add_str(p->out, name);
    else
        quoted(p->out, name, '"');
    if (e->transform != NULL)
        buf_add_char(p->out, ')');
}

static void print_literal(const struct printer *p, const struct literal *lit);

static void print_value(const struct printer *p, const struct value *v)
{
    if (v->is_null) {
        buf_lit(p->out, "null");
        return;
    }
    str text = value_to_text(v, p->arena);
    switch (v->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DECIMAL:
        buf_add_str(p->out, text);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        if (v->f - v->f == 0)
            buf_add_str(p->out, text);
        else
            quoted(p->out, text, '\'');
        break;
    case TYPE_BINARY:
    case TYPE_FIXED:
        buf_lit(p->out, "x'");
        for (size_t i = 0; i < v->bytes.len; i++)
            buf_printf(p->out, "%02x", (unsigned char)v->bytes.ptr[i]);
        buf_add_char(p->out, '\'');
        break;
    default:
        quoted(p->out, text, '\'');
    }
}

static void print_literal(const struct printer *p, const struct literal *lit)
{
    switch (lit->kind) {
    case LITERAL_NULL:
        buf_lit(p->out, "null");
        break;
    case LITERAL_BOOL:
        buf_add_str(p->out, lit->boolean ? STR("true") : STR("false"));
        break;
    case LITERAL_NUMBER:
        buf_add_str(p->out, lit->text);
        break;
    case LITERAL_TEXT:
        quoted(p->out, lit->text, '\'');
        break;
    case LITERAL_VALUE:
        print_value(p, lit->value);
        break;
    }
}

static void print_operand(const struct printer *p, const struct expr *e, size_t i)
{
    if (e->literals != NULL)
        print_literal(p, &e->literals[i]);
    else
        print_value(p, &e->values[i]);
}

static const char *infix(enum expr_op op)
{
    switch (op) {
    case EXPR_IS_NULL:
        return " is null";
    case EXPR_NOT_NULL:
        return " is not null";
    case EXPR_IS_NAN:
        return " is nan";
    case EXPR_NOT_NAN:
        return " is not nan";
    case EXPR_LT:
        return " < ";
    case EXPR_LE:
        return " <= ";
    case EXPR_GT:
        return " > ";
    case EXPR_GE:
        return " >= ";
    case EXPR_EQ:
        return " = ";
    case EXPR_NE:
        return " != ";
    case EXPR_IN:
        return " in (";
    default:
        return " not in (";
    }
}

static void print_predicate(const struct printer *p, const struct expr *e)
{
    bool prefix = e->op == EXPR_STARTS_WITH || e->op == EXPR_NOT_STARTS_WITH;
    if (prefix) {
        buf_add_str(p->out,
                    e->op == EXPR_STARTS_WITH ? STR("starts_with(") : STR("not starts_with("));
        print_name(p, e);
        buf_lit(p->out, ", ");
        print_operand(p, e, 0);
        buf_add_char(p->out, ')');
        return;
    }
    print_name(p, e);
    buf_add_str(p->out, str_of(infix(e->op)));
    size_t n = e->literals != NULL ? e->literals_n : e->values_n;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_lit(p->out, ", ");
        print_operand(p, e, i);
    }
    if (e->op == EXPR_IN || e->op == EXPR_NOT_IN)
        buf_add_char(p->out, ')');
}

static void print(const struct printer *p, const struct expr *e, bool nested)
{
    switch (e->op) {
    case EXPR_TRUE:
        buf_lit(p->out, "true");
        break;
    case EXPR_FALSE:
        buf_lit(p->out, "false");
        break;
    case EXPR_NOT:
        buf_lit(p->out, "not ");
        print(p, e->args[0], true);
        break;
    case EXPR_AND:
    case EXPR_OR:
        if (nested)
            buf_add_char(p->out, '(');
        for (size_t i = 0; i < e->args_n; i++) {
            if (i > 0)
                buf_add_str(p->out, e->op == EXPR_AND ? STR(" and ") : STR(" or "));
            print(p, e->args[i], true);
        }
        if (nested)
            buf_add_char(p->out, ')');
        break;
    default:
        print_predicate(p, e);
    }
}

void expr_format(const struct expr *e, const struct schema *schema, struct buf *out)
{
    struct arena *a = arena_create(0);
    struct printer p = { schema, out, a };
    print(&p, e, false);
    arena_destroy(a);
}
