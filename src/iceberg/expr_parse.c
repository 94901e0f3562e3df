/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters as text: a recursive descent over SQL's spelling of predicates.
 *
 *   or      := and { OR and }
 *   and     := unary { AND unary }
 *   unary   := NOT unary | '(' or ')' | TRUE | FALSE | STARTS_WITH '(' name ',' literal ')'
 *            | literal compare name | name rest
 *   rest    := compare literal | IS [NOT] (NULL | NAN) | [NOT] IN '(' literal {',' literal} ')'
 *            | [NOT] LIKE literal | [NOT] BETWEEN literal AND literal | nothing (a boolean column)
 *
 * A mistake is sticky: the text that follows is not looked at. */
#include "base/vec.h"
#include "iceberg/expr.h"
#include "iceberg/expr_priv.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD, /* a bare identifier or keyword */
    TOKEN_NAME, /* a quoted identifier */
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_SYMBOL, /* text is the symbol */
};

struct token {
    enum token_kind kind;
    str text;
    size_t at; /* offset, for messages */
};

struct parser {
    str text;
    size_t pos;
    struct token token; /* the next one */
    struct arena *arena;
    struct error *err;
    bool bad;
    int depth;
};

static void mistake(struct parser *p, size_t at, const char *what)
{
    if (!p->bad)
        fail(p->err, ERR_INVALID, "filter: %s at column %zu of \"" STR_FMT "\"", what, at + 1,
             STR_ARG(str_sub(p->text, 0, 200)));
    p->bad = true;
    p->token = (struct token){ .at = at };
}

/* --- tokens --- */

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char at(const struct parser *p, size_t i)
{
    return i < p->text.len ? p->text.ptr[i] : '\0';
}

/* Text in quotes, doubled ones inside; copied only when there are such. */
static str take_quoted(struct parser *p)
{
    char quote = p->text.ptr[p->pos];
    size_t begin = ++p->pos, doubled = 0;
    while (p->pos < p->text.len && (at(p, p->pos) != quote || at(p, p->pos + 1) == quote)) {
        if (at(p, p->pos) == quote) {
            doubled++;
            p->pos++;
        }
        p->pos++;
    }
    if (p->pos >= p->text.len) {
        mistake(p, begin - 1, "quote without an end");
        return (str){ 0 };
    }
    str raw = str_sub(p->text, begin, p->pos++);
    if (doubled == 0)
        return raw;
    char *copy = arena_alloc(p->arena, raw.len);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        copy[n++] = raw.ptr[i];
        if (raw.ptr[i] == quote)
            i++;
    }
    return str_make(copy, n);
}

static str take_number(struct parser *p)
{
    size_t begin = p->pos;
    if (at(p, p->pos) == '-' || at(p, p->pos) == '+')
        p->pos++;
    while (is_digit(at(p, p->pos)) || at(p, p->pos) == '.')
        p->pos++;
    char e = at(p, p->pos), sign = at(p, p->pos + 1);
    bool exponent =
        (e == 'e' || e == 'E') &&
        (is_digit(sign) || ((sign == '-' || sign == '+') && is_digit(at(p, p->pos + 2))));
    if (exponent) {
        p->pos += 2;
        while (is_digit(at(p, p->pos)))
            p->pos++;
    }
    if (at(p, begin) == '+')
        begin++;
    str s = str_sub(p->text, begin, p->pos);
    double ignored;
    if (!str_to_f64(s, &ignored) || is_word_start(at(p, p->pos)))
        mistake(p, begin, "malformed number");
    return s;
}

/* A dotted name: parts may be quoted one by one. */
static void take_name(struct parser *p, struct token *t)
{
    VEC(str) parts = { 0 };
    t->kind = TOKEN_WORD;
    for (;;) {
        if (at(p, p->pos) == '"' || at(p, p->pos) == '`') {
            t->kind = TOKEN_NAME;
            *vec_push(p->arena, &parts) = take_quoted(p);
        } else {
            size_t begin = p->pos;
            while (is_word_start(at(p, p->pos)) || is_digit(at(p, p->pos)) || at(p, p->pos) == '$')
                p->pos++;
            if (p->pos == begin && !p->bad)
                mistake(p, begin, "a name must follow the point");
            *vec_push(p->arena, &parts) = str_sub(p->text, begin, p->pos);
        }
        if (p->bad || at(p, p->pos) != '.')
            break;
        p->pos++;
    }
    t->text = parts.n == 1 ? parts.at[0] : arena_join(p->arena, parts.at, parts.n, STR("."));
}

static str take_symbol(struct parser *p)
{
    static const str symbols[] = { STR_INIT("<="), STR_INIT(">="), STR_INIT("<>"), STR_INIT("!="),
                                   STR_INIT("=="), STR_INIT("<"),  STR_INIT(">"),  STR_INIT("="),
                                   STR_INIT("("),  STR_INIT(")"),  STR_INIT(",") };
    str rest = str_from(p->text, p->pos);
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        if (str_starts(rest, symbols[i])) {
            p->pos += symbols[i].len;
            return symbols[i];
        }
    }
    mistake(p, p->pos, "unexpected character");
    return (str){ 0 };
}

static void advance(struct parser *p)
{
    if (p->bad)
        return;
    while (p->pos < p->text.len && strchr(" \t\r\n", p->text.ptr[p->pos]) != NULL)
        p->pos++;
    struct token t = { .at = p->pos };
    char c = at(p, p->pos), d = at(p, p->pos + 1);
    if (p->pos >= p->text.len) {
        t.kind = TOKEN_END;
    } else if (c == '\'') {
        t.kind = TOKEN_TEXT;
        t.text = take_quoted(p);
    } else if ((c == 'x' || c == 'X') && d == '\'') {
        p->pos++;
        t.kind = TOKEN_TEXT;
        t.text = take_quoted(p);
    } else if (is_word_start(c) || c == '"' || c == '`') {
        take_name(p, &t);
    } else if (is_digit(c) || c == '.' || ((c == '-' || c == '+') && (is_digit(d) || d == '.'))) {
        t.kind = TOKEN_NUMBER;
        t.text = take_number(p);
    } else {
        t.kind = TOKEN_SYMBOL;
        t.text = take_symbol(p);
    }
    if (!p->bad)
        p->token = t;
}

static bool is_word(const struct parser *p, const char *word)
{
    return !p->bad && p->token.kind == TOKEN_WORD && str_eq_nocase(p->token.text, str_of(word));
}

static bool take_word(struct parser *p, const char *word)
{
    if (!is_word(p, word))
        return false;
    advance(p);
    return true;
}

static bool is_symbol(const struct parser *p, const char *symbol)
{
    return !p->bad && p->token.kind == TOKEN_SYMBOL && str_is(p->token.text, symbol);
}

static void expect_symbol(struct parser *p, const char *symbol, const char *what)
{
    if (is_symbol(p, symbol))
        advance(p);
    else
        mistake(p, p->token.at, what);
}

static void expect_word(struct parser *p, const char *word, const char *what)
{
    if (!take_word(p, word))
        mistake(p, p->token.at, what);
}

/* --- literals and names --- */

/* date '…', time '…', timestamp '…', timestamptz '…', uuid '…': the column knows its type. */
static bool is_type_word(const struct parser *p)
{
    return is_word(p, "date") || is_word(p, "time") || is_word(p, "timestamp") ||
           is_word(p, "timestamptz") || is_word(p, "uuid");
}

static bool text_follows(const struct parser *p)
{
    str rest = str_trim(str_from(p->text, p->pos));
    return rest.len > 0 && rest.ptr[0] == '\'';
}

static bool is_literal(const struct parser *p)
{
    return p->token.kind == TOKEN_NUMBER || p->token.kind == TOKEN_TEXT || is_word(p, "true") ||
           is_word(p, "false") || is_word(p, "null") || (is_type_word(p) && text_follows(p));
}

static struct literal take_literal(struct parser *p)
{
    struct literal lit = { .kind = LITERAL_NULL };
    if (is_type_word(p) && text_follows(p))
        advance(p);
    if (p->token.kind == TOKEN_NUMBER) {
        lit = literal_number(p->token.text);
    } else if (p->token.kind == TOKEN_TEXT) {
        lit = literal_text(p->token.text);
    } else if (is_word(p, "true") || is_word(p, "false")) {
        lit = (struct literal){ .kind = LITERAL_BOOL, .boolean = is_word(p, "true") };
    } else if (!is_word(p, "null")) {
        mistake(p, p->token.at, "a literal must stand");
        return lit;
    }
    advance(p);
    return lit;
}

static str take_column(struct parser *p)
{
    str name = p->token.text;
    if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_NAME) {
        mistake(p, p->token.at, "a column must stand");
        return (str){ 0 };
    }
    advance(p);
    return name;
}

static bool take_compare(struct parser *p, enum expr_op *op)
{
    static const struct {
        const char *symbol;
        enum expr_op op;
    } table[] = { { "=", EXPR_EQ },  { "==", EXPR_EQ }, { "<>", EXPR_NE }, { "!=", EXPR_NE },
                  { "<=", EXPR_LE }, { "<", EXPR_LT },  { ">=", EXPR_GE }, { ">", EXPR_GT } };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (is_symbol(p, table[i].symbol)) {
            *op = table[i].op;
            advance(p);
            return true;
        }
    }
    return false;
}

/* --- predicates --- */

static const struct expr *negated(struct parser *p, const struct expr *e, bool negate)
{
    return negate ? expr_not(p->arena, e) : e;
}

static const struct expr *parse_is(struct parser *p, str name)
{
    bool negate = take_word(p, "not");
    if (take_word(p, "null"))
        return expr_unary(p->arena, negate ? EXPR_NOT_NULL : EXPR_IS_NULL, name);
    expect_word(p, "nan", "null, not null, nan or not nan must follow is");
    return expr_unary(p->arena, negate ? EXPR_NOT_NAN : EXPR_IS_NAN, name);
}

static const struct expr *parse_in(struct parser *p, str name, bool negate)
{
    VEC(struct literal) list = { 0 };
    expect_symbol(p, "(", "( must follow in");
    while (!p->bad) {
        *vec_push(p->arena, &list) = take_literal(p);
        if (list.n > EXPR_VALUES_MAX)
            mistake(p, p->token.at, "too many values in a list");
        if (!is_symbol(p, ","))
            break;
        advance(p);
    }
    expect_symbol(p, ")", ", or ) must stand in a list");
    return expr_in(p->arena, negate ? EXPR_NOT_IN : EXPR_IN, name, list.at, list.n);
}

/* `pattern` without its wildcard is a prefix, or the whole value. */
static const struct expr *parse_like(struct parser *p, str name, bool negate)
{
    size_t where = p->token.at;
    struct literal lit = take_literal(p);
    if (lit.kind != LITERAL_TEXT) {
        mistake(p, where, "like needs a pattern in quotes");
        return expr_true();
    }
    ptrdiff_t any = str_find_char(lit.text, '%'), one = str_find_char(lit.text, '_');
    if (one >= 0 || (any >= 0 && (size_t)any + 1 != lit.text.len)) {
        mistake(p, where, "like takes a prefix and one % at the end only");
        return expr_true();
    }
    if (any < 0)
        return expr_compare(p->arena, negate ? EXPR_NE : EXPR_EQ, name, lit);
    lit.text = str_sub(lit.text, 0, lit.text.len - 1);
    return expr_compare(p->arena, negate ? EXPR_NOT_STARTS_WITH : EXPR_STARTS_WITH, name, lit);
}

static const struct expr *parse_between(struct parser *p, str name, bool negate)
{
    struct literal low = take_literal(p);
    expect_word(p, "and", "and must stand in between");
    struct literal high = take_literal(p);
    const struct expr *e = expr_and(p->arena, expr_compare(p->arena, EXPR_GE, name, low),
                                    expr_compare(p->arena, EXPR_LE, name, high));
    return negated(p, e, negate);
}

static const struct expr *parse_after_name(struct parser *p, str name)
{
    enum expr_op op;
    if (take_compare(p, &op))
        return expr_compare(p->arena, op, name, take_literal(p));
    if (take_word(p, "is"))
        return parse_is(p, name);
    bool negate = take_word(p, "not");
    if (take_word(p, "in"))
        return parse_in(p, name, negate);
    if (take_word(p, "like"))
        return parse_like(p, name, negate);
    if (take_word(p, "between"))
        return parse_between(p, name, negate);
    if (negate)
        mistake(p, p->token.at, "in, like or between must follow not");
    struct literal yes = { .kind = LITERAL_BOOL, .boolean = true };
    return expr_compare(p->arena, EXPR_EQ, name, yes);
}

/* 3 < a: the column comes second. */
static const struct expr *parse_flipped(struct parser *p)
{
    static const enum expr_op mirror[] = {
        [EXPR_LT] = EXPR_GT, [EXPR_LE] = EXPR_GE, [EXPR_GT] = EXPR_LT,
        [EXPR_GE] = EXPR_LE, [EXPR_EQ] = EXPR_EQ, [EXPR_NE] = EXPR_NE,
    };
    struct literal lit = take_literal(p);
    enum expr_op op;
    if (!take_compare(p, &op)) {
        if (lit.kind == LITERAL_BOOL)
            return lit.boolean ? expr_true() : expr_false();
        mistake(p, p->token.at, "a comparison must follow");
        return expr_true();
    }
    return expr_compare(p->arena, mirror[op], take_column(p), lit);
}

static const struct expr *parse_starts_with(struct parser *p)
{
    advance(p);
    expect_symbol(p, "(", "( must follow starts_with");
    str name = take_column(p);
    expect_symbol(p, ",", ", must follow the column of starts_with");
    struct literal prefix = take_literal(p);
    expect_symbol(p, ")", ") must end starts_with");
    return expr_compare(p->arena, EXPR_STARTS_WITH, name, prefix);
}

static const struct expr *parse_or(struct parser *p);

static const struct expr *parse_unary(struct parser *p)
{
    if (++p->depth > EXPR_DEPTH_MAX)
        mistake(p, p->token.at, "nested too deep");
    const struct expr *e = expr_true();
    if (p->bad) {
        /* the mistake stands already */
    } else if (take_word(p, "not")) {
        e = expr_not(p->arena, parse_unary(p));
    } else if (is_symbol(p, "(")) {
        advance(p);
        e = parse_or(p);
        expect_symbol(p, ")", ") is missing");
    } else if (is_literal(p)) {
        e = parse_flipped(p);
    } else if (is_word(p, "starts_with") &&
               str_starts(str_trim(str_from(p->text, p->pos)), STR("("))) {
        e = parse_starts_with(p);
    } else {
        str name = take_column(p);
        if (!p->bad)
            e = parse_after_name(p, name);
    }
    p->depth--;
    return e;
}

struct expr_list {
    VEC(const struct expr *) args;
};

static const struct expr *parse_and(struct parser *p)
{
    struct expr_list list = { 0 };
    do
        *vec_push(p->arena, &list.args) = parse_unary(p);
    while (take_word(p, "and"));
    return expr_nary(p->arena, EXPR_AND, list.args.at, list.args.n);
}

static const struct expr *parse_or(struct parser *p)
{
    struct expr_list list = { 0 };
    do
        *vec_push(p->arena, &list.args) = parse_and(p);
    while (take_word(p, "or"));
    return expr_nary(p->arena, EXPR_OR, list.args.at, list.args.n);
}

bool expr_parse(str text, struct arena *a, const struct expr **out, struct error *err)
{
    if (text.len > EXPR_TEXT_MAX)
        return fail(err, ERR_LIMIT, "filter has %zu bytes, at most %zu are read", text.len,
                    EXPR_TEXT_MAX);
    struct parser p = { .text = text, .arena = a, .err = err };
    advance(&p);
    *out = parse_or(&p);
    if (!p.bad && p.token.kind != TOKEN_END)
        mistake(&p, p.token.at, "and, or or the end must follow");
    return !p.bad;
}
