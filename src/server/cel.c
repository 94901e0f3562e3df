/* SPDX-License-Identifier: Apache-2.0
 *
 * Recursive descent into a tree, which is walked once per row.  Filters come from whoever may read: how high the tree is bounds the stack, and
 * how many nodes are looked at for one row bounds the time, since exists() within exists() multiplies. */
#include "server/cel.h"

#include "base/time.h"
#include "base/vec.h"

enum node_kind {
    NODE_VALUE,
    NODE_LIST,
    NODE_NAME,
    NODE_MEMBER, /* of args[0], or with brackets: index args[1] */
    NODE_INDEX,
    NODE_CALL,
    NODE_NOT,
    NODE_AND,
    NODE_OR,
    NODE_EQ,
    NODE_NE,
    NODE_LT,
    NODE_LE,
    NODE_GT,
    NODE_GE,
    NODE_IN
};

enum function {
    FN_SIZE,
    FN_TIMESTAMP,
    FN_HAS,
    FN_STARTS,
    FN_ENDS,
    FN_CONTAINS,
    FN_EXISTS,
};

static const struct {
    const char *name;
    enum function fn;
    bool method;
    size_t args; /* a method's receiver among them */
} functions[] = {
    { "size", FN_SIZE, false, 1 },           { "size", FN_SIZE, true, 1 },
    { "timestamp", FN_TIMESTAMP, false, 1 }, { "has", FN_HAS, false, 1 },
    { "startsWith", FN_STARTS, true, 2 },    { "endsWith", FN_ENDS, true, 2 },
    { "contains", FN_CONTAINS, true, 2 },    { "exists", FN_EXISTS, true, 3 },
};

struct cel {
    enum node_kind kind;
    enum function fn;
    struct cel_value value; /* NODE_VALUE; the text of names and members */
    VEC(const struct cel *) args;
    int height; /* of the tree below */
};

struct parser {
    str text;
    size_t at;
    int depth;
    struct arena *arena;
    struct error *err;
};

static const struct cel *parse_or(struct parser *p);

static const struct cel *bad(struct parser *p, const char *what)
{
    fail(p->err, ERR_INVALID, "filter: %s at character %zu", what, p->at + 1);
    return NULL;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->text.len && strchr(" \t\r\n", p->text.ptr[p->at]) && p->text.ptr[p->at])
        p->at++;
}

static bool take(struct parser *p, const char *token)
{
    skip_space(p);
    if (!str_starts(str_from(p->text, p->at), str_of(token)))
        return false;
    p->at += strlen(token);
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static str take_name(struct parser *p)
{
    skip_space(p);
    size_t begin = p->at;
    while (p->at < p->text.len && is_name_char(p->text.ptr[p->at]))
        p->at++;
    return str_sub(p->text, begin, p->at);
}

static struct cel *node(struct parser *p, enum node_kind kind)
{
    struct cel *n = arena_new(p->arena, struct cel);
    n->kind = kind;
    return n;
}

static bool add_arg(struct parser *p, struct cel *n, const struct cel *arg)
{
    *vec_push(p->arena, &n->args) = arg;
    if (n->height <= arg->height)
        n->height = arg->height + 1;
    return n->height <= CEL_HEIGHT_MAX || bad(p, "too many operations in a row");
}

static struct cel *join(struct parser *p, enum node_kind kind, const struct cel *x,
                        const struct cel *y)
{
    struct cel *n = node(p, kind);
    return add_arg(p, n, x) && (!y || add_arg(p, n, y)) ? n : NULL;
}

/* A hexadecimal escape of `digits` digits as UTF-8; the characters beyond the first plane are not needed. */
static bool take_code(struct parser *p, int digits, char *out, size_t *len)
{
    unsigned code = 0;
    for (int i = 0; i < digits; i++) {
        const char *hex = "0123456789abcdef";
        char c = p->at < p->text.len ? p->text.ptr[p->at] : '\0';
        const char *place = c ? strchr(hex, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (!place)
            return false;
        code = code * 16 + (unsigned)(place - hex);
        p->at++;
    }
    if (code < 0x80) {
        out[(*len)++] = (char)code;
    } else if (code < 0x800) {
        out[(*len)++] = (char)(0xc0 | code >> 6);
        out[(*len)++] = (char)(0x80 | (code & 0x3f));
    } else {
        out[(*len)++] = (char)(0xe0 | code >> 12);
        out[(*len)++] = (char)(0x80 | (code >> 6 & 0x3f));
        out[(*len)++] = (char)(0x80 | (code & 0x3f));
    }
    return true;
}

static bool take_escape(struct parser *p, char *out, size_t *len)
{
    static const char from[] = "nrtbf\\'\"`?", to[] = "\n\r\t\b\f\\'\"`?";
    char c = p->text.ptr[p->at++];
    const char *place = strchr(from, c);
    if (c == 'u' || c == 'x')
        return take_code(p, c == 'u' ? 4 : 2, out, len);
    if (!c || !place)
        return false;
    out[(*len)++] = to[place - from];
    return true;
}

static const struct cel *parse_string(struct parser *p, char quote)
{
    char *out = arena_alloc(p->arena, p->text.len - p->at + 4);
    size_t len = 0;
    while (p->at < p->text.len && p->text.ptr[p->at] != quote) {
        char c = p->text.ptr[p->at++];
        if (c != '\\')
            out[len++] = c;
        else if (p->at == p->text.len || !take_escape(p, out, &len))
            return bad(p, "an escape that is none");
    }
    if (p->at == p->text.len)
        return bad(p, "a text without its end");
    p->at++;
    struct cel *n = node(p, NODE_VALUE);
    n->value = (struct cel_value){ .kind = CEL_STR, .s = { out, len } };
    return n;
}

static const struct cel *parse_number(struct parser *p)
{
    size_t begin = p->at;
    p->at += p->text.ptr[p->at] == '-';
    while (p->at < p->text.len && p->text.ptr[p->at] >= '0' && p->text.ptr[p->at] <= '9')
        p->at++;
    struct cel *n = node(p, NODE_VALUE);
    n->value.kind = CEL_INT;
    if (!str_to_i64(str_sub(p->text, begin, p->at), &n->value.i) ||
        (p->at < p->text.len && (p->text.ptr[p->at] == '.' || is_name_char(p->text.ptr[p->at]))))
        return bad(p, "a number that is not whole");
    return n;
}

/* Expressions up to the closing token. */
static bool parse_args(struct parser *p, const char *close, struct cel *into)
{
    if (take(p, close))
        return true;
    do {
        const struct cel *arg = parse_or(p);
        if (!arg || !add_arg(p, into, arg))
            return false;
    } while (take(p, ","));
    if (take(p, close))
        return true;
    bad(p, "a list that is not closed");
    return false;
}

static const struct cel *parse_call(struct parser *p, str name, const struct cel *receiver)
{
    struct cel *n = node(p, NODE_CALL);
    if ((receiver && !add_arg(p, n, receiver)) || !parse_args(p, ")", n))
        return NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!str_is(name, functions[i].name) || functions[i].method != (receiver != NULL))
            continue;
        if (n->args.n != functions[i].args)
            return bad(p, "a function with too many or too few arguments");
        if (functions[i].fn == FN_EXISTS && n->args.at[1]->kind != NODE_NAME)
            return bad(p, "exists() without a name for the element");
        if (functions[i].fn == FN_HAS && n->args.at[0]->kind != NODE_MEMBER)
            return bad(p, "has() of something that is no member");
        n->fn = functions[i].fn;
        return n;
    }
    fail(p->err, ERR_UNSUPPORTED, "filter: the function " STR_FMT "() is not supported",
         STR_ARG(name));
    return NULL;
}

static const struct cel *parse_word(struct parser *p)
{
    str name = take_name(p);
    if (name.len == 0)
        return bad(p, "something unexpected");
    if (str_is(name, "true") || str_is(name, "false") || str_is(name, "null")) {
        struct cel *n = node(p, NODE_VALUE);
        n->value.kind = str_is(name, "null") ? CEL_NULL : CEL_BOOL;
        n->value.b = str_is(name, "true");
        return n;
    }
    if (take(p, "("))
        return parse_call(p, name, NULL);
    struct cel *n = node(p, NODE_NAME);
    n->value.s = name;
    return n;
}

static const struct cel *parse_primary(struct parser *p)
{
    skip_space(p);
    char c = p->at < p->text.len ? p->text.ptr[p->at] : '\0';
    if (c == '\'' || c == '"') {
        p->at++;
        return parse_string(p, c);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return parse_number(p);
    if (take(p, "[")) {
        struct cel *n = node(p, NODE_LIST);
        return parse_args(p, "]", n) ? n : NULL;
    }
    if (take(p, "(")) {
        const struct cel *n = parse_or(p);
        return !n || take(p, ")") ? n : bad(p, "a parenthesis that is not closed");
    }
    return parse_word(p);
}

static const struct cel *parse_postfix(struct parser *p)
{
    const struct cel *n = parse_primary(p);
    while (n) {
        if (take(p, ".")) {
            str name = take_name(p);
            if (name.len == 0)
                return bad(p, "a member without a name");
            if (take(p, "(")) {
                n = parse_call(p, name, n);
                continue;
            }
            struct cel *member = join(p, NODE_MEMBER, n, NULL);
            if (member)
                member->value.s = name;
            n = member;
        } else if (take(p, "[")) {
            const struct cel *index = parse_or(p);
            if (!index)
                return NULL;
            if (!take(p, "]"))
                return bad(p, "an index that is not closed");
            n = join(p, NODE_INDEX, n, index);
        } else {
            return n;
        }
    }
    return NULL;
}

static const struct cel *parse_unary(struct parser *p)
{
    skip_space(p);
    if (str_starts(str_from(p->text, p->at), STR("!=")) || !take(p, "!"))
        return parse_postfix(p);
    if (++p->depth > CEL_DEPTH_MAX)
        return bad(p, "too many levels");
    const struct cel *n = parse_unary(p);
    p->depth--;
    return n ? join(p, NODE_NOT, n, NULL) : NULL;
}

static bool take_in(struct parser *p)
{
    skip_space(p);
    str rest = str_from(p->text, p->at);
    return str_starts(rest, STR("in")) && !(rest.len > 2 && is_name_char(rest.ptr[2])) &&
           take(p, "in");
}

static const struct cel *parse_relation(struct parser *p)
{
    static const struct {
        const char *token;
        enum node_kind kind;
    } relations[] = { { "==", NODE_EQ }, { "!=", NODE_NE }, { "<=", NODE_LE },
                      { ">=", NODE_GE }, { "<", NODE_LT },  { ">", NODE_GT } };
    const struct cel *x = parse_unary(p);
    if (!x)
        return NULL;
    enum node_kind kind = NODE_VALUE;
    for (size_t i = 0; kind == NODE_VALUE && i < sizeof relations / sizeof *relations; i++)
        if (take(p, relations[i].token))
            kind = relations[i].kind;
    if (kind == NODE_VALUE && take_in(p))
        kind = NODE_IN;
    if (kind == NODE_VALUE)
        return x;
    const struct cel *y = parse_unary(p);
    return y ? join(p, kind, x, y) : NULL;
}

static const struct cel *parse_and(struct parser *p)
{
    const struct cel *x = parse_relation(p);
    while (x && take(p, "&&")) {
        const struct cel *y = parse_relation(p);
        x = y ? join(p, NODE_AND, x, y) : NULL;
    }
    return x;
}

static const struct cel *parse_or(struct parser *p)
{
    if (++p->depth > CEL_DEPTH_MAX)
        return bad(p, "too many levels");
    const struct cel *x = parse_and(p);
    while (x && take(p, "||")) {
        const struct cel *y = parse_and(p);
        x = y ? join(p, NODE_OR, x, y) : NULL;
    }
    p->depth--;
    return x;
}

bool cel_parse(str text, struct arena *a, const struct cel **out, struct error *err)
{
    struct parser p = { .text = text, .arena = a, .err = err };
    if (text.len > CEL_TEXT_MAX)
        return fail(err, ERR_LIMIT, "a filter of %zu bytes, at most %d are possible", text.len,
                    CEL_TEXT_MAX);
    *out = parse_or(&p);
    if (!*out)
        return false;
    skip_space(&p);
    if (p.at == text.len)
        return true;
    bad(&p, "something unexpected");
    return false;
}

/* ---- Evaluation ---- */

struct scope {
    const struct cel_member *variables;
    size_t n;
    const struct scope *outer;
    struct arena *arena;
    int *steps; /* nodes that may still be looked at */
};

static const struct cel_value *find_member(const struct cel_member *members, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(members[i].name, name))
            return &members[i].value;
    return NULL;
}

static bool eval(const struct cel *e, const struct scope *s, struct cel_value *out,
                 struct error *err);

static bool eval_name(const struct cel *e, const struct scope *s, struct cel_value *out,
                      struct error *err)
{
    for (; s; s = s->outer) {
        const struct cel_value *v = find_member(s->variables, s->n, e->value.s);
        if (v) {
            *out = *v;
            return true;
        }
    }
    return fail(err, ERR_INVALID, "filter: there is no variable " STR_FMT, STR_ARG(e->value.s));
}

static bool eval_member(const struct cel *e, const struct scope *s, bool ask, struct cel_value *out,
                        struct error *err)
{
    struct cel_value of, index;
    str name = e->value.s;
    if (!eval(e->args.at[0], s, &of, err))
        return false;
    if (e->kind == NODE_INDEX) {
        if (!eval(e->args.at[1], s, &index, err))
            return false;
        if (of.kind == CEL_LIST && index.kind == CEL_INT) {
            if (index.i < 0 || (size_t)index.i >= of.list.n)
                return fail(err, ERR_INVALID, "filter: index %lld of a list of %zu",
                            (long long)index.i, of.list.n);
            *out = of.list.items[index.i];
            return true;
        }
        if (index.kind != CEL_STR)
            return fail(err, ERR_INVALID, "filter: an index that is no text");
        name = index.s;
    }
    const struct cel_value *v =
        of.kind == CEL_OBJECT ? find_member(of.object.members, of.object.n, name) : NULL;
    if (ask)
        *out = (struct cel_value){ .kind = CEL_BOOL, .b = v && v->kind != CEL_NULL };
    else if (v)
        *out = *v;
    else if (of.kind == CEL_OBJECT && e->kind == NODE_INDEX)
        *out = (struct cel_value){ .kind = CEL_NULL };
    else
        return fail(err, ERR_INVALID, "filter: there is no member " STR_FMT, STR_ARG(name));
    return true;
}

static bool equal(const struct cel_value *x, const struct cel_value *y)
{
    if (x->kind != y->kind)
        return false;
    switch (x->kind) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        return x->b == y->b;
    case CEL_INT:
    case CEL_TIME:
        return x->i == y->i;
    case CEL_STR:
        return str_eq(x->s, y->s);
    case CEL_LIST:
        for (size_t i = 0; i < x->list.n && x->list.n == y->list.n; i++)
            if (!equal(&x->list.items[i], &y->list.items[i]))
                return false;
        return x->list.n == y->list.n;
    default:
        return false;
    }
}

static bool compare(const struct cel_value *x, const struct cel_value *y, int *out,
                    struct error *err)
{
    if (x->kind != y->kind || (x->kind != CEL_INT && x->kind != CEL_TIME && x->kind != CEL_STR))
        return fail(err, ERR_INVALID, "filter: two values cannot be put in order");
    *out = x->kind == CEL_STR ? str_cmp(x->s, y->s) : (x->i > y->i) - (x->i < y->i);
    return true;
}

static bool eval_relation(const struct cel *e, const struct scope *s, bool *out, struct error *err)
{
    struct cel_value x, y;
    int order = 0;
    if (!eval(e->args.at[0], s, &x, err) || !eval(e->args.at[1], s, &y, err))
        return false;
    if (e->kind == NODE_EQ || e->kind == NODE_NE) {
        *out = equal(&x, &y) == (e->kind == NODE_EQ);
        return true;
    }
    if (e->kind == NODE_IN) {
        *out = false;
        if (y.kind != CEL_LIST)
            return fail(err, ERR_INVALID, "filter: in is asked of something that is no list");
        for (size_t i = 0; i < y.list.n; i++)
            *out = *out || equal(&x, &y.list.items[i]);
        return true;
    }
    if (!compare(&x, &y, &order, err))
        return false;
    *out = e->kind == NODE_LT   ? order < 0
           : e->kind == NODE_LE ? order <= 0
           : e->kind == NODE_GT ? order > 0
                                : order >= 0;
    return true;
}

static bool truth(const struct cel *e, const struct scope *s, bool *out, struct error *err)
{
    struct cel_value v;
    if (!eval(e, s, &v, err))
        return false;
    *out = v.kind == CEL_BOOL && v.b;
    return v.kind == CEL_BOOL ||
           fail(err, ERR_INVALID, "filter: a value that is not true or false");
}

static bool eval_exists(const struct cel *e, const struct scope *s, bool *out, struct error *err)
{
    struct cel_value list;
    *out = false;
    if (!eval(e->args.at[0], s, &list, err))
        return false;
    if (list.kind != CEL_LIST)
        return fail(err, ERR_INVALID, "filter: exists() is asked of something that is no list");
    for (size_t i = 0; i < list.list.n && !*out; i++) {
        struct cel_member element = { e->args.at[1]->value.s, list.list.items[i] };
        struct scope inner = { &element, 1, s, s->arena, s->steps };
        if (!truth(e->args.at[2], &inner, out, err))
            return false;
    }
    return true;
}

static bool eval_text(const struct cel *e, const struct scope *s, bool *out, struct error *err)
{
    struct cel_value x, y;
    if (!eval(e->args.at[0], s, &x, err) || !eval(e->args.at[1], s, &y, err))
        return false;
    *out = false;
    if (x.kind == CEL_NULL)
        return true;
    if (x.kind != CEL_STR || y.kind != CEL_STR)
        return fail(err, ERR_INVALID, "filter: a text function of something that is no text");
    *out = e->fn == FN_STARTS ? str_starts(x.s, y.s)
           : e->fn == FN_ENDS ? str_ends(x.s, y.s)
                              : str_find(x.s, y.s) >= 0;
    return true;
}

static bool eval_call(const struct cel *e, const struct scope *s, struct cel_value *out,
                      struct error *err)
{
    struct cel_value x;
    out->kind = CEL_BOOL;
    switch (e->fn) {
    case FN_HAS:
        return eval_member(e->args.at[0], s, true, out, err);
    case FN_EXISTS:
        return eval_exists(e, s, &out->b, err);
    case FN_SIZE:
        if (!eval(e->args.at[0], s, &x, err))
            return false;
        if (x.kind != CEL_LIST && x.kind != CEL_STR && x.kind != CEL_OBJECT)
            return fail(err, ERR_INVALID, "filter: size() of something that has none");
        *out = (struct cel_value){ .kind = CEL_INT,
                                   .i = (int64_t)(x.kind == CEL_LIST  ? x.list.n
                                                  : x.kind == CEL_STR ? x.s.len
                                                                      : x.object.n) };
        return true;
    case FN_TIMESTAMP:
        if (!eval(e->args.at[0], s, &x, err))
            return false;
        out->kind = CEL_TIME;
        out->i = x.kind == CEL_TIME ? x.i : 0;
        return x.kind == CEL_TIME || (x.kind == CEL_STR && time_parse(x.s, &out->i, NULL)) ||
               fail(err, ERR_INVALID, "filter: timestamp() of something that is no time");
    default:
        return eval_text(e, s, &out->b, err);
    }
}

static bool eval_list(const struct cel *e, const struct scope *s, struct cel_value *out,
                      struct error *err)
{
    struct cel_value *items = arena_array(s->arena, struct cel_value, e->args.n);
    for (size_t i = 0; i < e->args.n; i++)
        if (!eval(e->args.at[i], s, &items[i], err))
            return false;
    *out = (struct cel_value){ .kind = CEL_LIST, .list = { items, e->args.n } };
    return true;
}

static bool eval_logic(const struct cel *e, const struct scope *s, bool *out, struct error *err)
{
    if (!truth(e->args.at[0], s, out, err))
        return false;
    if (e->kind == NODE_NOT) {
        *out = !*out;
        return true;
    }
    if (*out == (e->kind == NODE_OR))
        return true;
    return truth(e->args.at[1], s, out, err);
}

static bool eval(const struct cel *e, const struct scope *s, struct cel_value *out,
                 struct error *err)
{
    *out = (struct cel_value){ .kind = CEL_BOOL };
    if (--*s->steps < 0)
        return fail(err, ERR_LIMIT, "filter: it takes more than %d steps for one row",
                    CEL_STEPS_MAX);
    switch (e->kind) {
    case NODE_VALUE:
        *out = e->value;
        return true;
    case NODE_LIST:
        return eval_list(e, s, out, err);
    case NODE_NAME:
        return eval_name(e, s, out, err);
    case NODE_MEMBER:
    case NODE_INDEX:
        return eval_member(e, s, false, out, err);
    case NODE_CALL:
        return eval_call(e, s, out, err);
    case NODE_NOT:
    case NODE_AND:
    case NODE_OR:
        return eval_logic(e, s, &out->b, err);
    default:
        return eval_relation(e, s, &out->b, err);
    }
}

bool cel_holds(const struct cel *e, const struct cel_member *variables, size_t n, struct arena *a,
               bool *out, struct error *err)
{
    int steps = CEL_STEPS_MAX;
    struct scope s = { variables, n, NULL, a, &steps };
    return truth(e, &s, out, err);
}
