/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/clauses.h"

#include "engine/quote.h"
#include "engine/statement.h"
#include "iceberg/value.h"
#include "sql/bind.h"
#include "sql/lake.h"
#include "sql/schema_name.h"
#include "sql/type_text.h"

#define CONSTANT_MAX ((size_t)16 << 20)

bool clause_expected(const struct run *r, size_t i, const char *what, struct error *err)
{
    if (i >= r->lex.n)
        return fail(err, ERR_INVALID, "%s expected at the end of the statement", what);
    return fail(err, ERR_INVALID, "%s expected before \"" STR_FMT "\"", what,
                STR_ARG(r->lex.at[i].text));
}

bool clause_accept(const struct run *r, size_t *i, const char *words)
{
    size_t n = lex_match(&r->lex, *i, words);
    *i += n;
    return n > 0;
}

bool clause_dotted(struct run *r, size_t *i, const char *what, str *out, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(&r->lex, i, r->a, &parts, &n))
        return fail(err, ERR_INVALID, "the name of a %s is missing", what);
    *out = arena_join(r->a, parts, n, STR("."));
    return true;
}

bool clause_table(struct run *r, size_t *i, const char *what, str *out, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(&r->lex, i, r->a, &parts, &n))
        return fail(err, ERR_INVALID, "the name of a %s is missing", what);
    return schema_name_text(r->lake, r->req->branch, parts, n, r->a, out, err);
}

bool clause_namespace(struct run *r, size_t *i, str *out, struct error *err)
{
    str dotted;
    return clause_dotted(r, i, "namespace", &dotted, err) &&
           schema_namespace(r->lake, r->req->branch, dotted, r->a, out, err);
}

bool clause_end(const struct run *r, size_t i, struct error *err)
{
    if (i < r->lex.n)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" was not expected here",
                    STR_ARG(r->lex.at[i].text));
    return true;
}

bool clause_inside(struct run *r, size_t *i, const char *what, size_t *from, size_t *to,
                   struct error *err)
{
    if (!lex_is(&r->lex, *i, "("))
        return fail(err, ERR_INVALID, "an opening parenthesis is missing in %s", what);
    *from = *i + 1;
    *to = lex_close(&r->lex, *i);
    if (*to == r->lex.n)
        return fail(err, ERR_INVALID, "a closing parenthesis is missing in %s", what);
    *i = *to + 1;
    return true;
}

bool clause_text(struct run *r, size_t *i, const char *what, str *out, struct error *err)
{
    if (*i >= r->lex.n || r->lex.at[*i].kind != LEX_STRING)
        return clause_expected(r, *i, what, err);
    *out = lex_string(r->lex.at[(*i)++], r->a);
    return true;
}

static bool read_property(struct run *r, size_t *i, size_t to, struct write_prop *p,
                          struct error *err)
{
    str *parts;
    size_t n;
    bool text = r->lex.at[*i].kind == LEX_STRING;
    if (text)
        p->key = lex_string(r->lex.at[(*i)++], r->a);
    else if (lex_name(&r->lex, i, r->a, &parts, &n))
        p->key = arena_join(r->a, parts, n, STR("."));
    bool equals = clause_accept(r, i, "=");
    if (!p->key.len || *i >= to || !(equals || (text && r->lex.at[*i].kind == LEX_STRING)))
        return fail(err, ERR_INVALID, "table properties are written as 'key' = 'value'");
    bool minus = clause_accept(r, i, "-");
    if (*i >= to)
        return fail(err, ERR_INVALID, "table properties are written as 'key' = 'value'");
    struct lex_token value = r->lex.at[(*i)++];
    p->value = value.kind == LEX_STRING ? lex_string(value, r->a) : value.text;
    if (minus)
        p->value = arena_printf(r->a, "-" STR_FMT, STR_ARG(p->value));
    return true;
}

bool clause_properties(struct run *r, size_t from, size_t to, struct clause_props *out,
                       struct error *err)
{
    for (size_t i = from; i < to;) {
        if (!read_property(r, &i, to, vec_push(r->a, out), err))
            return false;
        if (i < to && !clause_accept(r, &i, ","))
            return fail(err, ERR_INVALID, "a comma is missing between table properties");
    }
    return true;
}

bool clause_may(struct run *r, enum privilege privilege, enum securable_kind kind, str ns, str name,
                struct error *err)
{
    struct securable on = secure_in(kind, ns, name, r->a);
    return access_check_in(r->lake->govern, r->req->access, privilege,
                           ns.len ? &on : &SECURE_CATALOG, r->req->branch, err);
}

struct commit_info clause_commit_info(struct run *r)
{
    struct commit_info info = { 0 };
    access_sign(r->req->access, r->a, &info);
    if (govern_on(r->lake->govern))
        info.confined =
            !access_allows(r->req->access, TABLE_READ_DATA, &SECURE_CATALOG, r->req->branch) ||
            !access_allows(r->req->access, TABLE_WRITE_DATA, &SECURE_CATALOG, r->req->branch);
    return info;
}

size_t clause_behind_with(const struct lex *lex)
{
    size_t i = 1 + lex_is(lex, 1, "RECURSIVE");
    if (!lex_is(lex, 0, "WITH"))
        return 0;
    for (;; i++) {
        i++; /* the name */
        if (lex_is(lex, i, "("))
            i = lex_close(lex, i) + 1;
        if (!lex_is(lex, i, "AS"))
            return 0;
        i++;
        i += lex_is(lex, i, "NOT");
        i += lex_is(lex, i, "MATERIALIZED");
        if (!lex_is(lex, i, "("))
            return 0;
        i = lex_close(lex, i) + 1;
        if (!lex_is(lex, i, ","))
            return i < lex->n ? i : 0;
    }
}

bool clause_write(struct run *r, struct write_request *w, struct error *err)
{
    struct write_result done;
    w->branch = r->req->branch;
    w->local_files = r->req->local_files;
    w->access = r->req->access;
    w->settings = r->req->settings;
    w->params = r->params;
    w->params_n = r->req->params_n;
    w->cancel = r->req->cancel;
    w->session = r->session;
    if (!sql_write_query(r->lake, w, r->a, &done, err))
        return false;
    r->out->rows_written = done.rows;
    r->out->snapshot_id = done.snapshot_id;
    r->out->commit_id = done.commit_id;
    r->out->scans = done.inputs;
    r->out->scans_n = done.inputs_n;
    return true;
}

/* ---- Columns ---- */

/* Whether an expression ends before token i, outside of its brackets. */
static bool ends_expression(const struct run *r, size_t i)
{
    static const char *const words[] = { ",",     ")",        "COMMENT", "FIRST",
                                         "AFTER", "NOT NULL", "UNIQUE",  "PRIMARY KEY" };
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        if (lex_match(&r->lex, i, words[w]))
            return true;
    return i >= r->lex.n;
}

static bool read_expression(struct run *r, size_t *i, str *out, struct error *err)
{
    size_t depth = 0, from = *i;
    for (; *i < r->lex.n && (depth || !ends_expression(r, *i)); ++*i) {
        bool opens = lex_is(&r->lex, *i, "(") || lex_is(&r->lex, *i, "[") ||
                     lex_is(&r->lex, *i, "{") || lex_is(&r->lex, *i, "CASE");
        bool closes = lex_is(&r->lex, *i, ")") || lex_is(&r->lex, *i, "]") ||
                      lex_is(&r->lex, *i, "}") || lex_is(&r->lex, *i, "END");
        if (lex_is(&r->lex, *i, "IS") && lex_is(&r->lex, *i + 1, "NOT"))
            ++*i;
        if (closes && depth-- == 0)
            break;
        depth += opens;
    }
    *out = lex_span(&r->lex, from, *i);
    if (*i == from)
        return clause_expected(r, from, "a value for DEFAULT", err);
    return depth == 0 || fail(err, ERR_INVALID, "brackets do not match in DEFAULT " STR_FMT,
                              STR_ARG(str_sub(*out, 0, 100)));
}

static bool read_option(struct run *r, size_t *i, struct column_definition *d, bool *more,
                        struct error *err)
{
    *more = true;
    if (clause_accept(r, i, "NOT NULL")) {
        d->required = true;
        return true;
    }
    if (clause_accept(r, i, "NULL"))
        return true;
    if (clause_accept(r, i, "PRIMARY KEY")) {
        d->required = d->identifier = true;
        return true;
    }
    if (clause_accept(r, i, "DEFAULT"))
        return read_expression(r, i, &d->default_sql, err);
    if (clause_accept(r, i, "COMMENT")) {
        d->has_doc = true;
        return clause_text(r, i, "the text of a comment", &d->doc, err);
    }
    if (clause_accept(r, i, "FIRST")) {
        d->has_place = true;
        d->place = PLACE_FIRST;
        return true;
    }
    if (clause_accept(r, i, "AFTER")) {
        d->has_place = true;
        d->place = PLACE_AFTER;
        return clause_dotted(r, i, "column", &d->after, err);
    }
    if (lex_is(&r->lex, *i, "CHECK") || lex_is(&r->lex, *i, "UNIQUE") ||
        lex_is(&r->lex, *i, "REFERENCES") || lex_is(&r->lex, *i, "GENERATED") ||
        lex_is(&r->lex, *i, "COLLATE"))
        return fail(err, ERR_UNSUPPORTED, "tables know no " STR_FMT, STR_ARG(r->lex.at[*i].text));
    *more = false;
    return true;
}

bool clause_column(struct run *r, size_t *i, int32_t *next_id, struct column_definition *out,
                   struct error *err)
{
    str *parts;
    bool more = true;
    *out = (struct column_definition){ 0 };
    if (!lex_name(&r->lex, i, r->a, &parts, &out->path_n))
        return clause_expected(r, *i, "the name of a column", err);
    out->path = parts;
    (void)clause_accept(r, i, ":");
    if (!type_text_read(&r->lex, i, next_id, r->a, &out->type, err))
        return fail_in(err, "column " STR_FMT,
                       STR_ARG(arena_join(r->a, parts, out->path_n, STR("."))));
    while (more)
        if (!read_option(r, i, out, &more, err))
            return fail_in(err, "column " STR_FMT,
                           STR_ARG(arena_join(r->a, parts, out->path_n, STR("."))));
    return true;
}

/* ---- Constants ---- */

/* Words that stand for functions without parentheses. */
static bool check_words(struct run *r, str expression, struct error *err)
{
    static const char *const words[] = {
        "current_date", "current_time", "current_timestamp", "localtime",      "localtimestamp",
        "current_user", "session_user", "current_role",      "current_schema", "current_catalog",
        "user"
    };
    struct lex lex;
    if (!lex_sql(expression, r->a, &lex, err))
        return false;
    for (size_t i = 0; i < lex.n; i++)
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            if (lex_is(&lex, i, words[w]))
                return fail(err, ERR_INVALID,
                            "a default is a constant: %s has another value each time", words[w]);
    return true;
}

/* Functions like now() and random() would be worked out here, once, and not for each row. */
static bool check_constant(struct run *r, str query, struct error *err)
{
    struct statement_sources found;
    struct buf sql = BUF_INIT(CONSTANT_MAX);
    str word;
    if (!statement_sources(r->session, query, r->a, &found, err))
        return false;
    if (found.tables_n || found.functions_n)
        return fail(err, ERR_INVALID, "a default is a constant: it can name no table");
    if (!found.scalars_n)
        return true;
    buf_lit(&sql, "SELECT min(function_name) FROM duckdb_functions() WHERE stability <> "
                  "'CONSISTENT' AND function_name IN (");
    for (size_t i = 0; i < found.scalars_n; i++) {
        if (i)
            buf_lit(&sql, ", ");
        quote_text(&sql, found.scalars[i]);
    }
    buf_add_char(&sql, ')');
    bool ok = buf_ok(&sql, "a default", err) &&
              session_scalar(r->session, buf_str(&sql), r->a, &word, err);
    buf_deinit(&sql);
    if (!ok || !word.ptr)
        return ok;
    return fail(err, ERR_INVALID,
                "a default is a constant: " STR_FMT " has another value each time", STR_ARG(word));
}

static bool constant_query(struct run *r, str expression, const struct type *type, str *out,
                           struct error *err)
{
    struct buf sql = BUF_INIT(CONSTANT_MAX);
    buf_printf(&sql, "SELECT CAST((" STR_FMT ") AS ", STR_ARG(expression));
    bool ok = sql_type(&sql, type, err);
    buf_lit(&sql, ") AS value");
    ok = ok && buf_ok(&sql, "a default", err);
    *out = arena_str(r->a, buf_str(&sql));
    buf_deinit(&sql);
    return ok;
}

static bool take_constant(struct run *r, str query, const struct type *type,
                          const struct value **out, struct error *err)
{
    struct result *rows;
    const struct chunk *chunk;
    struct value v;
    bool ok;
    if (!session_query(r->session, query, r->params, r->req->params_n, &rows, err))
        return false;
    ok = result_next(rows, &chunk, err);
    if (ok && chunk && chunk->n && column_valid(&chunk->columns[0], 0)) {
        struct value *kept = arena_new(r->a, struct value);
        ok = column_value(&chunk->columns[0], 0, type, r->a, &v, err);
        if (ok)
            *kept = value_copy(&v, r->a);
        *out = kept;
    }
    result_close(rows);
    return ok;
}

bool clause_default(struct run *r, str expression, const struct type *type,
                    const struct value **out, struct error *err)
{
    str query;
    *out = NULL;
    if (str_eq_nocase(expression, STR("NULL")))
        return true;
    if (type_is_nested(type) || type->kind >= TYPE_GEOMETRY || type->kind == TYPE_UNKNOWN)
        return fail(err, ERR_UNSUPPORTED, "a column of type %s has no default but NULL",
                    type_kind_name(type->kind));
    return (check_words(r, expression, err) && constant_query(r, expression, type, &query, err) &&
            check_constant(r, query, err) && take_constant(r, query, type, out, err)) ||
           fail_in(err, "DEFAULT " STR_FMT, STR_ARG(str_sub(expression, 0, 100)));
}
