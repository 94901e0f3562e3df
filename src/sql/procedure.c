/* SPDX-License-Identifier: Apache-2.0
 *
 * CALL system.name(arguments), by place or by name (name => value), with the values that Spark's procedures take:
 * texts, numbers, true and false, TIMESTAMP '...', array(...), map(key, value, ...), and DuckDB's [...].  */
#include "base/time.h"
#include "engine/quote.h"
#include "govern/access.h"
#include "sql/lake.h"
#include "sql/procedure_priv.h"

/* --- values --- */

static bool no_value(const struct run *r, size_t i, struct error *err)
{
    return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no value of an argument",
                STR_ARG(r->lex.at[i].text));
}

static bool read_scalar(struct run *r, size_t *i, struct argument *out, struct error *err)
{
    bool minus = lex_is(&r->lex, *i, "-");
    struct lex_token t = r->lex.at[*i + minus];
    out->kind = t.kind == LEX_NUMBER ? ARGUMENT_NUMBER : ARGUMENT_TEXT;
    if (t.kind == LEX_NUMBER)
        out->text = minus ? arena_printf(r->a, "-" STR_FMT, STR_ARG(t.text)) : t.text;
    else if (!minus && t.kind == LEX_STRING)
        out->text = lex_string(t, r->a);
    else if (!minus && (lex_is(&r->lex, *i, "TRUE") || lex_is(&r->lex, *i, "FALSE")))
        out->text = lex_is(&r->lex, *i, "TRUE") ? STR("true") : STR("false");
    else
        return no_value(r, *i, err);
    *i += 1 + minus;
    return true;
}

/* The token after the last of a list that begins at `from`: ( or [. */
static size_t list_end(const struct run *r, size_t from)
{
    if (lex_is(&r->lex, from, "("))
        return lex_close(&r->lex, from);
    while (from < r->lex.n && !lex_is(&r->lex, from, "]"))
        from++;
    return from;
}

static bool read_list(struct run *r, size_t *i, struct argument *out, struct error *err)
{
    VEC(str) items = { 0 };
    size_t end = list_end(r, *i);
    if (end >= r->lex.n)
        return fail(err, ERR_INVALID, "a list is not closed in CALL");
    for (*i += 1; *i < end;) {
        struct argument item;
        if (!read_scalar(r, i, &item, err))
            return false;
        *vec_push(r->a, &items) = item.text;
        if (*i < end && !lex_is(&r->lex, *i, ",") && !lex_is(&r->lex, *i, "=") &&
            !lex_is(&r->lex, *i, ":"))
            return no_value(r, *i, err);
        *i += *i < end;
    }
    *i = end + 1;
    out->list = items.at;
    out->list_n = items.n;
    return true;
}

static bool read_value(struct run *r, size_t *i, struct argument *out, struct error *err)
{
    bool list = lex_is(&r->lex, *i, "ARRAY") || lex_is(&r->lex, *i, "LIST_VALUE");
    bool map = lex_is(&r->lex, *i, "MAP");
    if (lex_is(&r->lex, *i, "NULL")) {
        *i += 1;
        return true;
    }
    if (lex_is(&r->lex, *i, "TIMESTAMP") || lex_is(&r->lex, *i, "DATE"))
        *i += 1;
    *i += list || map;
    if (list || map || lex_is(&r->lex, *i, "[")) {
        out->kind = map ? ARGUMENT_MAP : ARGUMENT_LIST;
        if (!read_list(r, i, out, err))
            return false;
        return !map || out->list_n % 2 == 0 ||
               fail(err, ERR_INVALID, "a map is made of keys and values");
    }
    return read_scalar(r, i, out, err);
}

/* --- arguments --- */

/* The place of a parameter in the procedure's list, or -1. */
static int parameter_place(const struct procedure *p, str name)
{
    str rest = str_of(p->parameters), word;
    for (int i = 0; str_next(&rest, ' ', &word); i++)
        if (str_eq_nocase(word, name))
            return i;
    return -1;
}

static int parameters_n(const struct procedure *p)
{
    int n = 0;
    str rest = str_of(p->parameters), word;
    while (str_next(&rest, ' ', &word))
        n++;
    return n;
}

static bool read_argument(struct call *c, size_t *i, int place, struct error *err)
{
    struct run *r = c->run;
    bool named = lex_is(&r->lex, *i + 1, "=>");
    if (named) {
        str name = lex_ident(r->lex.at[*i], r->a);
        place = parameter_place(c->procedure, name);
        if (place < 0)
            return fail(err, ERR_INVALID, "%s has no argument \"" STR_FMT "\" (it has: %s)",
                        c->procedure->name, STR_ARG(name), c->procedure->parameters);
        *i += 2;
    }
    if (place >= parameters_n(c->procedure))
        return fail(err, ERR_INVALID, "%s takes no more than %d arguments", c->procedure->name,
                    parameters_n(c->procedure));
    if (c->arguments[place].kind != ARGUMENT_NONE)
        return fail(err, ERR_INVALID, "an argument of %s is given twice", c->procedure->name);
    return read_value(r, i, &c->arguments[place], err);
}

static bool read_arguments(struct call *c, size_t i, struct error *err)
{
    struct run *r = c->run;
    size_t end = lex_is(&r->lex, i, "(") ? lex_close(&r->lex, i) : r->lex.n;
    if (end >= r->lex.n || end + 1 != r->lex.n)
        return fail(err, ERR_INVALID, "CALL is written as CALL system.procedure(arguments)");
    i++;
    for (int place = 0; i < end; place++) {
        if (!read_argument(c, &i, place, err))
            return false;
        if (i < end && !lex_is(&r->lex, i++, ","))
            return fail(err, ERR_INVALID, "a comma is missing between the arguments of %s",
                        c->procedure->name);
    }
    return true;
}

/* [catalog.]system.name */
static bool find_procedure(struct call *c, size_t *i, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(&c->run->lex, i, c->run->a, &parts, &n))
        return fail(err, ERR_INVALID, "CALL needs the name of a procedure");
    if (n >= 2 && n <= 3 && str_eq_nocase(parts[n - 2], STR("system")))
        for (const struct procedure *p = procedures; p->name; p++)
            if (str_eq_nocase(parts[n - 1], str_of(p->name))) {
                c->procedure = p;
                return true;
            }
    fail(err, ERR_NOT_FOUND, "there is no procedure " STR_FMT,
         STR_ARG(arena_join(c->run->a, parts, n, STR("."))));
    str names = { 0 };
    for (const struct procedure *p = procedures; p->name; p++)
        names = arena_printf(c->run->a, STR_FMT "%ssystem.%s", STR_ARG(names),
                             names.len ? ", " : "", p->name);
    return fail_hint(err, "there are: " STR_FMT, STR_ARG(names));
}

bool run_call(struct run *r, struct error *err)
{
    struct call c = { .run = r };
    size_t i = 1;
    if (!find_procedure(&c, &i, err) || !read_arguments(&c, i, err))
        return false;
    return c.procedure->run(&c, err) || fail_in(err, "%s", c.procedure->name);
}

/* --- what procedures ask --- */

const struct argument *call_argument(const struct call *c, const char *name)
{
    int place = parameter_place(c->procedure, str_of(name));
    ASSERT(place >= 0 && place < CALL_ARGUMENTS_MAX);
    return &c->arguments[place];
}

static bool wrong(const char *name, const char *what, struct error *err)
{
    return fail(err, ERR_INVALID, "the argument %s has to be %s", name, what);
}

bool call_text(const struct call *c, const char *name, str fallback, str *out, struct error *err)
{
    const struct argument *x = call_argument(c, name);
    *out = x->kind == ARGUMENT_NONE ? fallback : x->text;
    return x->kind == ARGUMENT_NONE || x->kind == ARGUMENT_TEXT || wrong(name, "a text", err);
}

bool call_int(const struct call *c, const char *name, int64_t fallback, int64_t min, int64_t *out,
              struct error *err)
{
    const struct argument *x = call_argument(c, name);
    *out = fallback;
    if (x->kind == ARGUMENT_NONE)
        return true;
    if (x->kind == ARGUMENT_LIST || x->kind == ARGUMENT_MAP || !str_to_i64(x->text, out))
        return wrong(name, "a whole number", err);
    return *out >= min ||
           fail(err, ERR_INVALID, "the argument %s is %lld and has to be at least %lld", name,
                (long long)*out, (long long)min);
}

bool call_bool(const struct call *c, const char *name, bool fallback, bool *out, struct error *err)
{
    const struct argument *x = call_argument(c, name);
    *out = fallback;
    if (x->kind == ARGUMENT_NONE)
        return true;
    *out = str_eq_nocase(x->text, STR("true"));
    return *out || str_eq_nocase(x->text, STR("false")) || wrong(name, "true or false", err);
}

bool call_time(const struct call *c, const char *name, int64_t fallback, int64_t *out,
               struct error *err)
{
    const struct argument *x = call_argument(c, name);
    *out = fallback;
    if (x->kind == ARGUMENT_NONE || (x->kind == ARGUMENT_NUMBER && str_to_i64(x->text, out)))
        return true;
    if (x->kind != ARGUMENT_TEXT || !time_parse(x->text, out, NULL))
        return wrong(name, "a time (TIMESTAMP '2026-02-03 04:05:06')", err);
    *out = floor_div(*out, US_PER_MS);
    return true;
}

bool call_ints(const struct call *c, const char *name, int64_t **out, size_t *n, struct error *err)
{
    const struct argument *x = call_argument(c, name);
    *n = 0;
    *out = arena_array(c->run->a, int64_t, x->list_n + 1);
    if (x->kind == ARGUMENT_NUMBER && str_to_i64(x->text, *out)) {
        *n = 1;
        return true;
    }
    if (x->kind != ARGUMENT_NONE && x->kind != ARGUMENT_LIST)
        return wrong(name, "a list of numbers", err);
    for (size_t i = 0; i < x->list_n; i++)
        if (!str_to_i64(x->list[i], &(*out)[(*n)++]))
            return wrong(name, "a list of numbers", err);
    return true;
}

bool call_table(const struct call *c, enum privilege privilege, str *ns, str *name,
                struct error *err)
{
    struct run *r = c->run;
    str dotted;
    if (!call_text(c, "table", (str){ 0 }, &dotted, err))
        return false;
    if (dotted.len == 0)
        return fail(err, ERR_INVALID, "the argument table is missing");
    if (!name_split(dotted, r->a, ns, name, err))
        return false;
    struct securable on = secure_in(SECURABLE_TABLE, *ns, *name, r->a);
    return access_check_in(r->lake->govern, r->req->access, privilege, &on, r->req->branch, err);
}

struct write_info call_info(const struct call *c)
{
    struct write_info info = { .cancel = c->run->req->cancel };
    access_sign(c->run->req->access, c->run->a, &info.commit);
    return info;
}

bool call_answer(const struct call *c, const char *names, const int64_t *values, struct error *err)
{
    struct buf sql = BUF_INIT(1 << 16);
    str rest = str_of(names), word;
    for (size_t i = 0; str_next(&rest, ' ', &word); i++) {
        buf_printf(&sql, i ? ", " : "SELECT ");
        if (values[i] < 0)
            buf_lit(&sql, "CAST(NULL AS BIGINT)");
        else
            buf_printf(&sql, "CAST(%lld AS BIGINT)", (long long)values[i]);
        buf_printf(&sql, " AS " STR_FMT, STR_ARG(word));
    }
    bool ok = buf_ok(&sql, "the answer", err) &&
              session_query(c->run->session, buf_str(&sql), NULL, 0, &c->run->out->rows, err);
    buf_deinit(&sql);
    return ok;
}
