/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"
#include "catalog/table.h"
#include "engine/quote.h"
#include "govern/access.h"
#include "iceberg/metadata.h"
#include "sql/lake.h"
#include "sql/overwrite.h"
#include "sql/partition_by.h"
#include "sql/statement_priv.h"
#include "sql/write.h"

#define DEFINITION_MAX ((size_t)4 << 20)

/* A dotted name at token *i, which moves behind it. */
static bool read_dotted(struct run *r, size_t *i, const char *what, str *out, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(&r->lex, i, r->a, &parts, &n))
        return fail(err, ERR_INVALID, "the name of a %s is missing", what);
    *out = arena_join(r->a, parts, n, STR("."));
    return true;
}

/* On a table (with a name), a namespace, or above all of them. */
static bool may(struct run *r, enum privilege privilege, str ns, str name, struct error *err)
{
    struct securable on =
        secure_in(name.len ? SECURABLE_TABLE : SECURABLE_NAMESPACE, ns, name, r->a);
    return access_check_in(r->lake->govern, r->req->access, privilege,
                           ns.len ? &on : &SECURE_CATALOG, r->req->branch, err);
}

static struct commit_info who_commits(struct run *r)
{
    struct commit_info info = { 0 };
    access_sign(r->req->access, r->a, &info);
    return info;
}

static bool nothing_after(const struct run *r, size_t i, struct error *err)
{
    if (i < r->lex.n)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" was not expected here",
                    STR_ARG(r->lex.at[i].text));
    return true;
}

bool run_create_schema(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF NOT EXISTS");
    struct commit_info info = who_commits(r);
    str name;
    i += words;
    if (!read_dotted(r, &i, "schema", &name, err) || !nothing_after(r, i, err) ||
        !may(r, NAMESPACE_CREATE, ns_parent(ns_from_dotted(name, r->a)), (str){ 0 }, err))
        return false;
    if (catalog_create_namespace(r->lake->catalog, r->req->branch, ns_from_dotted(name, r->a), NULL,
                                 0, &info, r->a, &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_EXISTS;
}

bool run_drop_schema(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF EXISTS");
    struct commit_info info = who_commits(r);
    str name;
    i += words;
    if (!read_dotted(r, &i, "schema", &name, err) || !nothing_after(r, i, err) ||
        !may(r, NAMESPACE_DROP, ns_from_dotted(name, r->a), (str){ 0 }, err))
        return false;
    if (catalog_drop_namespace(r->lake->catalog, r->req->branch, ns_from_dotted(name, r->a), &info,
                               r->a, &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_NOT_FOUND;
}

bool run_drop_table(struct run *r, struct error *err)
{
    size_t i = 2, words = lex_match(&r->lex, 2, "IF EXISTS");
    struct commit_info info = who_commits(r);
    str dotted, ns, name;
    i += words;
    if (!read_dotted(r, &i, "table", &dotted, err))
        return false;
    bool purge = lex_is(&r->lex, i, "PURGE");
    if (!nothing_after(r, i + purge, err) || !name_split(dotted, r->a, &ns, &name, err) ||
        !may(r, TABLE_DROP, ns, name, err))
        return false;
    if (catalog_drop_table(r->lake->catalog, r->req->branch, ns, name, purge, &info, r->a,
                           &r->out->commit_id, err))
        return true;
    return words && err->code == ERR_NOT_FOUND;
}

/* CREATE TABLE in its parts. */
struct definition {
    str name; /* dotted */
    bool replace, if_not_exists;
    str columns;      /* "(a INTEGER NOT NULL, ...)"; empty with AS */
    str partition_by; /* without its parentheses */
    VEC(struct write_prop) props;
    str query; /* empty without AS */
};

/* WITH (key = 'value', ...) and TBLPROPERTIES ('key' = 'value', ...) */
static bool read_properties(struct run *r, size_t from, size_t to, struct definition *d,
                            struct error *err)
{
    for (size_t i = from; i < to;) {
        struct write_prop *p = vec_push(r->a, &d->props);
        str *parts;
        size_t n;
        if (r->lex.at[i].kind == LEX_STRING)
            p->key = lex_string(r->lex.at[i++], r->a);
        else if (lex_name(&r->lex, &i, r->a, &parts, &n))
            p->key = arena_join(r->a, parts, n, STR("."));
        if (!p->key.len || !lex_is(&r->lex, i, "=") || i + 1 >= to)
            return fail(err, ERR_INVALID, "table properties are written as 'key' = 'value'");
        struct lex_token value = r->lex.at[i + 1];
        p->value = value.kind == LEX_STRING ? lex_string(value, r->a) : value.text;
        i += 2;
        if (i < to && !lex_is(&r->lex, i++, ","))
            return fail(err, ERR_INVALID, "a comma is missing between table properties");
    }
    return true;
}

/* The inside of the parentheses at token i; *i moves behind them. */
static bool read_inside(struct run *r, size_t *i, size_t *from, size_t *to, struct error *err)
{
    if (!lex_is(&r->lex, *i, "("))
        return fail(err, ERR_INVALID, "an opening parenthesis is missing in CREATE TABLE");
    *from = *i + 1;
    *to = lex_close(&r->lex, *i);
    if (*to == r->lex.n)
        return fail(err, ERR_INVALID, "a closing parenthesis is missing in CREATE TABLE");
    *i = *to + 1;
    return true;
}

static bool read_clause(struct run *r, size_t *i, struct definition *d, struct error *err)
{
    size_t words, from, to;
    if ((words = lex_match(&r->lex, *i, "PARTITIONED BY"))) {
        *i += words;
        if (!read_inside(r, i, &from, &to, err))
            return false;
        d->partition_by = lex_span(&r->lex, from, to);
        return true;
    }
    if ((words = lex_match(&r->lex, *i, "WITH (")) ||
        (words = lex_match(&r->lex, *i, "TBLPROPERTIES ("))) {
        *i += words - 1;
        return read_inside(r, i, &from, &to, err) && read_properties(r, from, to, d, err);
    }
    if ((words = lex_match(&r->lex, *i, "USING ICEBERG"))) {
        *i += words;
        return true;
    }
    return fail(err, ERR_INVALID, "\"" STR_FMT "\" was not expected in CREATE TABLE",
                STR_ARG(r->lex.at[*i].text));
}

static bool read_definition(struct run *r, struct definition *d, struct error *err)
{
    d->replace = lex_is(&r->lex, 1, "OR");
    size_t i = d->replace ? 4 : 2, words = lex_match(&r->lex, i, "IF NOT EXISTS");
    d->if_not_exists = words > 0;
    i += words;
    if (!read_dotted(r, &i, "table", &d->name, err))
        return false;
    if (lex_is(&r->lex, i, "(")) {
        size_t from, to, start = i;
        if (!read_inside(r, &i, &from, &to, err))
            return false;
        d->columns = lex_span(&r->lex, start, i);
    }
    while (i < r->lex.n && !lex_is(&r->lex, i, "AS"))
        if (!read_clause(r, &i, d, err))
            return false;
    if (i < r->lex.n)
        d->query = lex_span(&r->lex, i + 1, r->lex.n);
    if (d->columns.len == 0 && d->query.len == 0)
        return fail(err, ERR_INVALID, "CREATE TABLE needs columns or AS and a query");
    if (d->columns.len && d->query.len)
        return fail(err, ERR_UNSUPPORTED, "CREATE TABLE with both columns and AS is not supported");
    if (d->replace && d->if_not_exists)
        return fail(err, ERR_INVALID, "OR REPLACE and IF NOT EXISTS exclude each other");
    return true;
}

/* DuckDB reads the column definitions: a table of the session is made from them, and asked for its columns. */
static bool define_columns(struct run *r, const struct definition *d, const struct schema **out,
                           struct error *err)
{
    struct result_column *columns;
    const struct schema *plain;
    struct result *rows;
    const struct chunk *chunk;
    size_t n;
    str sql = arena_printf(r->a, "CREATE TABLE firn_definition " STR_FMT, STR_ARG(d->columns));
    if (!session_exec(r->session, sql, err) ||
        !session_describe(r->session, STR("SELECT * FROM firn_definition"), r->a, &columns, &n,
                          err) ||
        !columns_schema(columns, n, r->a, &plain, err) ||
        !session_query(
            r->session,
            STR("SELECT \"notnull\" FROM pragma_table_info('firn_definition') ORDER BY cid"), NULL,
            0, &rows, err))
        return false;
    struct field *fields = arena_array(r->a, struct field, n);
    size_t at = 0;
    bool ok;
    while ((ok = result_next(rows, &chunk, err)) && chunk)
        for (size_t i = 0; i < chunk->n && at < n; i++, at++) {
            fields[at] = plain->fields[at];
            fields[at].required = column_i64(&chunk->columns[0], i) != 0;
        }
    result_close(rows);
    return ok && schema_build(0, fields, n, NULL, 0, r->a, out, err);
}

static bool ensure_namespace(struct run *r, str ns, struct error *err)
{
    struct commit_info info = who_commits(r);
    struct property *props;
    struct error missing = { 0 };
    size_t n;
    if (catalog_load_namespace(r->lake->catalog, r->req->branch, ns, r->a, &props, &n, &missing))
        return true;
    if (!may(r, NAMESPACE_CREATE, ns_parent(ns), (str){ 0 }, err))
        return false;
    if (catalog_create_namespace(r->lake->catalog, r->req->branch, ns, NULL, 0, &info, r->a, NULL,
                                 err))
        return true;
    return err->code == ERR_EXISTS;
}

static bool create_empty(struct run *r, const struct definition *d, struct error *err)
{
    struct commit_info info = who_commits(r);
    struct table made;
    struct table_create create = { .props_n = d->props.n };
    struct property *props = arena_array(r->a, struct property, d->props.n);
    for (size_t i = 0; i < d->props.n; i++)
        props[i] = (struct property){ d->props.at[i].key, d->props.at[i].value };
    create.props = props;
    if (!name_split(d->name, r->a, &create.ns, &create.name, err) ||
        !may(r, TABLE_CREATE, create.ns, (str){ 0 }, err) ||
        !define_columns(r, d, &create.schema, err) ||
        !partition_by_parse(d->partition_by, create.schema, r->a, &create.spec, err) ||
        !ensure_namespace(r, create.ns, err) ||
        !catalog_create_table(r->lake->catalog, r->req->branch, &create, &info, r->a, &made, err))
        return false;
    r->out->commit_id = made.commit_id;
    return true;
}

static bool write_table(struct run *r, struct write_request *w, struct error *err)
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

bool run_create_table(struct run *r, struct error *err)
{
    struct definition d = { 0 };
    if (!read_definition(r, &d, err))
        return false;
    if (d.columns.len && d.replace)
        return fail(err, ERR_UNSUPPORTED,
                    "CREATE OR REPLACE TABLE is supported with AS and a query only");
    struct write_request w = { .table = d.name,
                               .query = d.query,
                               .mode = d.replace ? WRITE_REPLACE : WRITE_CREATE,
                               .partition_by = d.partition_by,
                               .properties = d.props.at,
                               .properties_n = d.props.n };
    if (d.columns.len ? create_empty(r, &d, err) : write_table(r, &w, err))
        return true;
    return d.if_not_exists && err->code == ERR_EXISTS;
}

/* INSERT INTO name [(columns)] query.  The columns name those of the query. */
bool run_insert(struct run *r, struct error *err)
{
    size_t i = 2;
    if (overwrite_begins(&r->lex))
        return run_overwrite(r, err);
    if (!lex_is(&r->lex, 1, "INTO"))
        return fail(err, ERR_INVALID, "INSERT is followed by INTO or OVERWRITE");
    struct write_request w = { .mode = WRITE_APPEND };
    if (!read_dotted(r, &i, "table", &w.table, err))
        return false;
    bool named = lex_is(&r->lex, i, "(") && !lex_is(&r->lex, i + 1, "SELECT") &&
                 !lex_is(&r->lex, i + 1, "WITH") && !lex_is(&r->lex, i + 1, "FROM") &&
                 !lex_is(&r->lex, i + 1, "VALUES") && !lex_is(&r->lex, i + 1, "(");
    size_t close = named ? lex_close(&r->lex, i) : i;
    if (named && close == r->lex.n)
        return fail(err, ERR_INVALID, "a closing parenthesis is missing in INSERT");
    size_t start = named ? close + 1 : i;
    if (start >= r->lex.n)
        return fail(err, ERR_INVALID, "INSERT needs VALUES or a query");
    w.query = lex_span(&r->lex, start, r->lex.n);
    w.by_place = !named;
    if (named)
        w.query = arena_printf(r->a, "SELECT * FROM (" STR_FMT ") AS src" STR_FMT, STR_ARG(w.query),
                               STR_ARG(lex_span(&r->lex, i, close + 1)));
    return write_table(r, &w, err);
}
