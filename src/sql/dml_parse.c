/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/dml_parse.h"

#include "base/buf.h"
#include "base/vec.h"

#define SHORT_NAMES_MAX ((size_t)128 << 20)
#define SHOWN_MAX 200 /* bytes of a statement in a message */

struct parser {
    const struct lex *lex;
    size_t i; /* the next token */
    struct arena *a;
    struct dml_statement *out;
    struct error *err;
};

static bool expected(struct parser *p, const char *what)
{
    if (p->i >= p->lex->n)
        return fail(p->err, ERR_INVALID, "%s expected at the end of the statement", what);
    return fail(p->err, ERR_INVALID, "%s expected before \"" STR_FMT "\"", what,
                STR_ARG(p->lex->at[p->i].text));
}

static bool accept(struct parser *p, const char *words)
{
    size_t n = lex_match(p->lex, p->i, words);
    p->i += n;
    return n > 0;
}

static bool need(struct parser *p, const char *words)
{
    return accept(p, words) || expected(p, words);
}

static bool opens(const struct lex *lex, size_t i)
{
    return lex_is(lex, i, "(") || lex_is(lex, i, "[") || lex_is(lex, i, "{");
}

static bool closes(const struct lex *lex, size_t i)
{
    return lex_is(lex, i, ")") || lex_is(lex, i, "]") || lex_is(lex, i, "}");
}

/* From token i on, the first one that is one of these words outside of brackets and CASE ... END; n when there is none.
 * FROM in IS DISTINCT FROM is no such word. */
static size_t find_word(const struct lex *lex, size_t i, const char *const *words)
{
    size_t depth = 0;
    for (; i < lex->n; i++) {
        if (opens(lex, i) || lex_is(lex, i, "CASE"))
            depth++;
        else if ((closes(lex, i) || lex_is(lex, i, "END")) && depth)
            depth--;
        else if (lex_is(lex, i, "DISTINCT") && lex_is(lex, i + 1, "FROM"))
            i++;
        else
            for (size_t w = 0; !depth && words[w]; w++)
                if (lex_is(lex, i, words[w]))
                    return i;
    }
    return lex->n;
}

/* The text of some tokens.  It is written between parentheses of ours, which it must not close: "a) OR (true" would be another
 * condition than the statement's. */
static bool take_span(struct parser *p, size_t from, size_t to, str *out)
{
    size_t depth = 0, i;
    *out = lex_span(p->lex, from, to);
    for (i = from; i < to; i++) {
        if (closes(p->lex, i) && depth-- == 0)
            break;
        depth += opens(p->lex, i);
    }
    return (i == to && depth == 0) ||
           fail(p->err, ERR_INVALID, "brackets do not match in \"" STR_FMT "\"",
                STR_ARG(str_sub(*out, 0, SHOWN_MAX)));
}

/* The text up to one of the words, which must not be empty. */
static bool take_until(struct parser *p, const char *const *words, const char *what, str *out)
{
    size_t begin = p->i, end = find_word(p->lex, begin, words);
    if (end == begin)
        return expected(p, what);
    p->i = end;
    return take_span(p, begin, end, out);
}

static bool is_name(const struct lex *lex, size_t i)
{
    return i < lex->n && (lex->at[i].kind == LEX_WORD || lex->at[i].kind == LEX_QUOTED);
}

static bool is_word_of(const struct lex *lex, size_t i, const char *const *words)
{
    for (size_t w = 0; words[w]; w++)
        if (lex_is(lex, i, words[w]))
            return true;
    return false;
}

static bool parse_table(struct parser *p)
{
    static const char *const followers[] = { "SET", "USING", "WHERE", "RETURNING", NULL };
    str *parts;
    size_t n;
    if (!lex_name(p->lex, &p->i, p->a, &parts, &n))
        return expected(p, "the name of a table");
    if (n < 2)
        return fail(p->err, ERR_INVALID, "the table needs its namespace, as in ns." STR_FMT,
                    STR_ARG(parts[0]));
    p->out->schema = arena_join(p->a, parts, n - 1, STR("."));
    p->out->name = p->out->alias = parts[n - 1];
    if (accept(p, "AS") || (is_name(p->lex, p->i) && !is_word_of(p->lex, p->i, followers))) {
        if (!is_name(p->lex, p->i))
            return expected(p, "an alias");
        p->out->alias = lex_ident(p->lex->at[p->i++], p->a);
    }
    return true;
}

static bool nothing_left(struct parser *p)
{
    if (lex_is(p->lex, p->i, "RETURNING"))
        return fail(
            p->err, ERR_UNSUPPORTED,
            "RETURNING is not supported: the answer has the number of rows; read what changed "
            "with a SELECT from the table's metadata table changes");
    return p->i == p->lex->n || expected(p, "the end of the statement");
}

static struct dml_action *one_action(struct parser *p, enum dml_do what)
{
    struct dml_action *x = arena_new(p->a, struct dml_action);
    *x = (struct dml_action){ .when = WHEN_MATCHED, .what = what };
    p->out->actions = x;
    p->out->actions_n = 1;
    return x;
}

static const char *const after_source[] = { "WHERE", "RETURNING", NULL };
static const char *const after_condition[] = { "RETURNING", NULL };

static bool parse_source_and_where(struct parser *p, const char *word)
{
    if (accept(p, word) && !take_until(p, after_source, "a table", &p->out->source))
        return false;
    if (accept(p, "WHERE") && !take_until(p, after_condition, "a condition", &p->out->condition))
        return false;
    return nothing_left(p);
}

static bool parse_delete(struct parser *p)
{
    p->i = 2;
    one_action(p, DO_DELETE);
    return parse_table(p) && parse_source_and_where(p, "USING");
}

/* ---- SET */

/* The column before "=". */
static bool parse_column(struct parser *p, str *out)
{
    str *parts;
    size_t n;
    if (lex_is(p->lex, p->i, "("))
        return fail(p->err, ERR_UNSUPPORTED,
                    "SET (columns) = ... is not supported; write SET a = x, b = y");
    if (!lex_name(p->lex, &p->i, p->a, &parts, &n))
        return expected(p, "the name of a column");
    bool own =
        n == 2 && (str_eq_nocase(parts[0], p->out->alias) || str_eq_nocase(parts[0], p->out->name));
    if (n > 1 && !own)
        return fail(p->err, ERR_UNSUPPORTED,
                    "setting a part of the column " STR_FMT
                    " is not supported; set the whole struct",
                    STR_ARG(parts[0]));
    *out = parts[n - 1];
    return true;
}

static bool parse_sets(struct parser *p, const char *const *ends, struct dml_action *x)
{
    VEC(struct dml_set) sets = { 0 };
    const char *stops[8] = { "," };
    for (size_t i = 0; ends[i]; i++)
        stops[i + 1] = ends[i];
    do {
        struct dml_set *s = vec_push(p->a, &sets);
        if (!parse_column(p, &s->column) || !need(p, "=") ||
            !take_until(p, stops, "a value", &s->value))
            return false;
        for (size_t i = 0; i + 1 < sets.n; i++)
            if (str_eq_nocase(sets.at[i].column, s->column))
                return fail(p->err, ERR_INVALID, "the column " STR_FMT " is set twice",
                            STR_ARG(s->column));
    } while (accept(p, ","));
    x->sets = sets.at;
    x->sets_n = sets.n;
    return true;
}

static bool parse_update(struct parser *p)
{
    static const char *const ends[] = { "FROM", "WHERE", "RETURNING", NULL };
    p->i = 1;
    return parse_table(p) && need(p, "SET") && parse_sets(p, ends, one_action(p, DO_UPDATE)) &&
           parse_source_and_where(p, "FROM");
}

/* ---- MERGE */

static const char *const when[] = { "WHEN", NULL };

/* (a, b): the pieces between the commas. */
static bool parse_list(struct parser *p, struct str **out, size_t *n)
{
    static const char *const comma[] = { ",", NULL };
    VEC(str) list = { 0 };
    size_t end = lex_close(p->lex, p->i);
    if (!lex_is(p->lex, p->i, "(") || end == p->lex->n)
        return expected(p, "a list in parentheses");
    for (size_t from = p->i + 1; from < end;) {
        size_t to = find_word(p->lex, from, comma);
        to = to < end ? to : end;
        if (to == from)
            return expected(p, "a value");
        if (!take_span(p, from, to, vec_push(p->a, &list)))
            return false;
        from = to + 1;
    }
    p->i = end + 1;
    *out = list.at;
    *n = list.n;
    return true;
}

static bool parse_names(struct parser *p, str **out, size_t *n)
{
    if (!parse_list(p, out, n))
        return false;
    for (size_t i = 0; i < *n; i++) {
        struct lex one;
        size_t at = 0, parts_n;
        str *parts;
        if (!lex_sql((*out)[i], p->a, &one, p->err))
            return false;
        if (!lex_name(&one, &at, p->a, &parts, &parts_n) || at != one.n || parts_n != 1)
            return fail(p->err, ERR_INVALID, "\"" STR_FMT "\" is no name of a column",
                        STR_ARG((*out)[i]));
        (*out)[i] = parts[0];
    }
    return true;
}

/* A table, a function's answer or a query; its alias, made up when there is none. */
static bool parse_source(struct parser *p)
{
    static const char *const ends[] = { "ON", "USING", NULL };
    size_t from = p->i, end = find_word(p->lex, p->i, ends);
    str *parts = NULL;
    size_t n = 0, i = from;
    if (end == from)
        return expected(p, "a table or a query");
    if (!take_span(p, from, end, &p->out->source))
        return false;
    p->out->source_alias = STR("firn_source");
    if (lex_name(p->lex, &i, p->a, &parts, &n))
        p->out->source_alias = parts[n - 1];
    /* The alias is the last name, with or without a list of columns behind it. */
    size_t last = end - 1;
    if (lex_is(p->lex, last, ")"))
        for (size_t k = from; k < end; k++)
            if (lex_is(p->lex, k, "(") && lex_close(p->lex, k) == end - 1 && k > from)
                last = k - 1;
    bool after_name =
        last > from && (lex_is(p->lex, last - 1, "AS") || lex_is(p->lex, last - 1, ")") ||
                        (is_name(p->lex, last - 1) && !lex_is(p->lex, last - 1, "OF")));
    if (is_name(p->lex, last) && after_name && last >= i)
        p->out->source_alias = lex_ident(p->lex->at[last], p->a);
    p->i = end;
    return true;
}

static bool parse_insert(struct parser *p, struct dml_action *x)
{
    str *columns = NULL, *values;
    size_t columns_n = 0, n;
    bool named = lex_is(p->lex, p->i, "(");
    x->what = DO_INSERT;
    if (accept(p, "*") || accept(p, "BY NAME") || p->i == p->lex->n ||
        lex_is(p->lex, p->i, "WHEN")) {
        x->all = true;
        return true;
    }
    if ((named && !parse_names(p, &columns, &columns_n)) || !need(p, "VALUES") ||
        !parse_list(p, &values, &n))
        return false;
    if (named && n != columns_n)
        return fail(p->err, ERR_INVALID, "INSERT names %zu columns and has %zu values", columns_n,
                    n);
    struct dml_set *sets = arena_array(p->a, struct dml_set, n);
    for (size_t i = 0; i < n; i++)
        sets[i] = (struct dml_set){ named ? columns[i] : (str){ 0 }, values[i] };
    x->sets = sets;
    x->sets_n = n;
    return true;
}

static bool parse_do(struct parser *p, struct dml_action *x)
{
    if (accept(p, "DO NOTHING")) {
        x->what = DO_NOTHING;
        return true;
    }
    if (x->when == WHEN_NOT_MATCHED)
        return need(p, "INSERT") && parse_insert(p, x);
    if (accept(p, "DELETE")) {
        x->what = DO_DELETE;
        return true;
    }
    if (!need(p, "UPDATE"))
        return false;
    x->what = DO_UPDATE;
    x->all = accept(p, "SET *") || accept(p, "BY NAME") || p->i == p->lex->n ||
             lex_is(p->lex, p->i, "WHEN");
    if (x->all && x->when == WHEN_NOT_MATCHED_BY_SOURCE)
        return fail(p->err, ERR_INVALID,
                    "a row without a source has no columns to UPDATE SET * from");
    return x->all || (need(p, "SET") && parse_sets(p, when, x));
}

static bool parse_when(struct parser *p, struct dml_action *x)
{
    static const char *const then[] = { "THEN", NULL };
    if (!need(p, "WHEN"))
        return false;
    if (accept(p, "MATCHED"))
        x->when = WHEN_MATCHED;
    else if (accept(p, "NOT MATCHED BY SOURCE"))
        x->when = WHEN_NOT_MATCHED_BY_SOURCE;
    else if (accept(p, "NOT MATCHED BY TARGET") || accept(p, "NOT MATCHED"))
        x->when = WHEN_NOT_MATCHED;
    else
        return expected(p, "MATCHED or NOT MATCHED");
    if (accept(p, "AND") && !take_until(p, then, "a condition", &x->condition))
        return false;
    return need(p, "THEN") && parse_do(p, x);
}

static bool parse_merge(struct parser *p)
{
    VEC(struct dml_action) actions = { 0 };
    str *columns = NULL;
    p->i = 2;
    if (!parse_table(p) || !need(p, "USING") || !parse_source(p))
        return false;
    if (accept(p, "USING")
            ? !parse_names(p, &columns, &p->out->columns_n)
            : !need(p, "ON") || !take_until(p, when, "a condition", &p->out->condition))
        return false;
    p->out->columns = columns;
    do {
        if (!parse_when(p, vec_push(p->a, &actions)))
            return false;
    } while (lex_is(p->lex, p->i, "WHEN"));
    p->out->actions = actions.at;
    p->out->actions_n = actions.n;
    return nothing_left(p);
}

bool dml_parse(const struct lex *lex, struct arena *a, struct dml_statement *out, struct error *err)
{
    struct parser p = { .lex = lex, .a = a, .out = out, .err = err };
    *out = (struct dml_statement){ .kind = lex_is(lex, 0, "DELETE")   ? DML_DELETE
                                           : lex_is(lex, 0, "UPDATE") ? DML_UPDATE
                                                                      : DML_MERGE };
    return out->kind == DML_DELETE   ? parse_delete(&p)
           : out->kind == DML_UPDATE ? parse_update(&p)
                                     : parse_merge(&p);
}

/* ---- Names in full */

/* Whether the parts stand at token i with a column behind them, where a table cannot stand. */
static bool names_column(const struct lex *lex, size_t i, const str *parts, size_t n,
                         struct arena *a)
{
    static const char *const before_tables[] = { "FROM",   "JOIN", "INTO",  "USING",
                                                 "UPDATE", ".",    "TABLE", NULL };
    if (i > 0 && is_word_of(lex, i - 1, before_tables))
        return false;
    for (size_t k = 0; k < n; k++, i += 2)
        if (!is_name(lex, i) || !str_eq_nocase(lex_ident(lex->at[i], a), parts[k]) ||
            !lex_is(lex, i + 1, "."))
            return false;
    return is_name(lex, i) || lex_is(lex, i, "*");
}

bool dml_short_names(struct lex *lex, struct arena *a, struct error *err)
{
    static const char *const followers[] = { "SET", "USING", "WHERE", "RETURNING", NULL };
    size_t i = lex_is(lex, 0, "UPDATE") ? 1 : 2, n, done = 0;
    str *parts;
    struct buf *text = arena_new(a, struct buf);
    if (!lex_name(lex, &i, a, &parts, &n) || n < 2 ||
        (i < lex->n && !is_word_of(lex, i, followers)))
        return true;
    buf_init(text, SHORT_NAMES_MAX);
    buf_in_arena(text, a);
    for (; i < lex->n; i++) {
        if (!names_column(lex, i, parts, n, a))
            continue;
        buf_add_str(text, lex_span(lex, done, i));
        buf_add_char(text, ' ');
        done = i + 2 * (n - 1);
        i = done;
    }
    if (!done)
        return true;
    buf_add_str(text, lex_span(lex, done, lex->n));
    return buf_ok(text, "the statement", err) && lex_sql(buf_str(text), a, lex, err);
}
