/* SPDX-License-Identifier: Apache-2.0
 *
 * Views as statements:
 *
 *   CREATE [OR REPLACE] VIEW [IF NOT EXISTS] ns.v [(column [COMMENT 'text'], ...)] [COMMENT 'text']
 *       [TBLPROPERTIES ('key' = 'value', ...)] AS query
 *   ALTER VIEW [IF EXISTS] ns.v RENAME TO name | SET TBLPROPERTIES (...) | UNSET TBLPROPERTIES (...) | AS query
 *   DROP VIEW [IF EXISTS] ns.v
 *
 * The text is kept as it was written, in Firn's dialect, with the view's namespace as the one for names without any, and with
 * the columns that it has now.  It must bind now; what it reads later is looked up when it is read. */
#include "catalog/views.h"

#include "engine/parquet_scan.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/view.h"
#include "sql/bind.h"
#include "sql/clauses.h"
#include "sql/lake.h"
#include "sql/view_text.h"

#define VIEW_UPDATES_MAX 6

struct view_definition {
    bool replace, if_not_exists;
    str dotted, ns, name;
    struct {
        struct column_definition *at; /* names and comments only */
        size_t n, cap;
    } columns;
    struct clause_props props;
    str query;
    const struct schema *schema;
};

static bool may(struct run *r, enum privilege p, str ns, str name, struct error *err)
{
    return clause_may(r, p, name.len ? SECURABLE_VIEW : SECURABLE_NAMESPACE, ns, name, err);
}

/* ---- CREATE ---- */

static bool read_column(struct run *r, size_t *i, struct view_definition *d, struct error *err)
{
    struct column_definition c = { .path_n = 1 };
    str *parts;
    size_t n;
    if (!lex_name(&r->lex, i, r->a, &parts, &n) || n != 1)
        return clause_expected(r, *i, "the name of a column", err);
    c.path = parts;
    c.has_doc = clause_accept(r, i, "COMMENT");
    if (c.has_doc && !clause_text(r, i, "the text of a comment", &c.doc, err))
        return false;
    *vec_push(r->a, &d->columns) = c;
    return true;
}

static bool read_columns(struct run *r, size_t *i, struct view_definition *d, struct error *err)
{
    if (!clause_accept(r, i, "("))
        return true;
    do {
        if (d->columns.n == TYPE_FIELDS_MAX)
            return fail(err, ERR_LIMIT, "a view has more than %d columns", TYPE_FIELDS_MAX);
        if (!read_column(r, i, d, err))
            return false;
    } while (clause_accept(r, i, ","));
    return clause_accept(r, i, ")") || clause_expected(r, *i, ")", err);
}

static bool read_clauses(struct run *r, size_t *i, struct view_definition *d, struct error *err)
{
    size_t from, to;
    str comment;
    while (!clause_accept(r, i, "AS")) {
        if (clause_accept(r, i, "COMMENT")) {
            if (!clause_text(r, i, "the text of a comment", &comment, err))
                return false;
            *vec_push(r->a, &d->props) = (struct write_prop){ STR("comment"), comment };
        } else if (clause_accept(r, i, "TBLPROPERTIES") || clause_accept(r, i, "WITH")) {
            if (!clause_inside(r, i, "CREATE VIEW", &from, &to, err) ||
                !clause_properties(r, from, to, &d->props, err))
                return false;
        } else {
            return clause_expected(r, *i, "AS and a query", err);
        }
    }
    d->query = lex_span(&r->lex, *i, r->lex.n);
    return *i < r->lex.n || clause_expected(r, *i, "a query", err);
}

static bool read_definition(struct run *r, struct view_definition *d, struct error *err)
{
    size_t i = lex_match(&r->lex, 0, "CREATE OR REPLACE VIEW");
    d->replace = i > 0;
    i = i ? i : 2;
    d->if_not_exists = clause_accept(r, &i, "IF NOT EXISTS");
    if (d->replace && d->if_not_exists)
        return fail(err, ERR_INVALID, "OR REPLACE and IF NOT EXISTS exclude each other");
    return clause_table(r, &i, "view", &d->dotted, err) &&
           name_split(d->dotted, r->a, &d->ns, &d->name, err) && read_columns(r, &i, d, err) &&
           read_clauses(r, &i, d, err);
}

/* The columns that the text has now, with the names and comments that the statement gives. */
static bool take_schema(struct run *r, struct view_definition *d,
                        const struct result_column *columns, size_t n, struct error *err)
{
    const struct schema *plain;
    if (!columns_schema(columns, n, r->a, &plain, err))
        return false;
    if (d->columns.n && d->columns.n != n)
        return fail(err, ERR_INVALID, "the view names %zu columns and its query has %zu",
                    d->columns.n, n);
    struct field *fields = arena_array(r->a, struct field, n);
    for (size_t i = 0; i < n; i++) {
        fields[i] = plain->fields[i];
        if (!d->columns.n)
            continue;
        fields[i].name = d->columns.at[i].path[0];
        fields[i].has_doc = d->columns.at[i].has_doc;
        fields[i].doc = d->columns.at[i].doc;
    }
    return schema_build(0, fields, n, NULL, 0, r->a, &d->schema, err);
}

static bool bind_definition(struct run *r, struct view_definition *d, struct error *err)
{
    struct bind_view_text text = { d->ns, d->name, d->query };
    struct bound bound;
    struct result_column *columns;
    size_t n;
    struct buf query = BUF_INIT(1 << 16);
    buf_lit(&query, "SELECT * FROM ");
    quote_name(&query, (const str[]){ ns_to_text(d->ns, r->a), d->name }, 2);
    struct bind_request b = { .query = arena_str(r->a, buf_str(&query)),
                              .branch = r->req->branch,
                              .access = r->req->access,
                              .cancel = r->req->cancel,
                              .view = &text };
    buf_deinit(&query);
    return sql_bind(r->lake, r->session, &b, r->a, &bound, err) &&
           session_describe(r->session, bound.query, r->a, &columns, &n, err) &&
           take_schema(r, d, columns, n, err);
}

static void fill_version(struct run *r, const struct view_definition *d, struct view_version *out)
{
    static const struct property summary[] = { { STR_INIT("engine-name"), STR_INIT("firn") },
                                               { STR_INIT("operation"), STR_INIT("create") } };
    struct view_representation *text = arena_new(r->a, struct view_representation);
    VEC(str) levels = { 0 };
    str rest = d->ns, level;
    while (str_next(&rest, NS_SEP, &level))
        *vec_push(r->a, &levels) = level;
    *text = (struct view_representation){ .type = STR("sql"),
                                          .sql = d->query,
                                          .dialect = STR(VIEW_DIALECT) };
    *out = (struct view_version){ .id = 1,
                                  .schema_id = VIEW_VERSION_LAST_ADDED,
                                  .timestamp_ms = env_now_ms(r->lake->env),
                                  .summary = { summary, 2 },
                                  .default_namespace = levels.at,
                                  .default_namespace_n = levels.n,
                                  .representations = text,
                                  .representations_n = 1 };
}

static void list_updates(struct run *r, const struct view_definition *d, struct view_update *u,
                         size_t *n)
{
    struct property *props = arena_array(r->a, struct property, d->props.n);
    for (size_t i = 0; i < d->props.n; i++)
        props[i] = (struct property){ d->props.at[i].key, d->props.at[i].value };
    u[(*n)++] = (struct view_update){ .kind = VIEW_ADD_SCHEMA, .schema = d->schema };
    u[*n].kind = VIEW_ADD_VERSION;
    fill_version(r, d, &u[(*n)++].version);
    u[(*n)++] = (struct view_update){ .kind = VIEW_SET_CURRENT_VERSION,
                                      .version_id = VIEW_VERSION_LAST_ADDED };
    if (d->props.n)
        u[(*n)++] = (struct view_update){ .kind = VIEW_SET_PROPERTIES,
                                          .properties = { props, d->props.n } };
}

/* A view keeps the id of a version for ever: a new one comes behind the highest. */
static bool replace_view(struct run *r, const struct view_definition *d,
                         const struct catalog_view *old, struct view_update *u, size_t n,
                         struct error *err)
{
    struct commit_info info = clause_commit_info(r);
    struct view_requirement same = { .uuid = old->metadata->uuid };
    struct catalog_view made;
    int32_t last = 0;
    for (size_t i = 0; i < old->metadata->versions_n; i++)
        if (old->metadata->versions[i].id > last)
            last = old->metadata->versions[i].id;
    u[1].version.id = last + 1;
    if (!catalog_replace_view(r->lake->catalog, r->req->branch, d->ns, d->name, &same, 1, u, n,
                              &info, r->a, &made, err))
        return false;
    r->out->commit_id = made.commit_id;
    return true;
}

static bool put_view(struct run *r, const struct view_definition *d, struct error *err)
{
    struct view_update u[VIEW_UPDATES_MAX] = { 0 };
    struct commit_info info = clause_commit_info(r);
    struct catalog_view v;
    struct error missing = { 0 };
    size_t n = 0;
    list_updates(r, d, u, &n);
    if (d->replace &&
        catalog_load_view(r->lake->catalog, r->req->branch, d->ns, d->name, r->a, &v, &missing))
        return replace_view(r, d, &v, u, n, err);
    if (!may(r, VIEW_CREATE, d->ns, (str){ 0 }, err) ||
        !catalog_create_view(r->lake->catalog, r->req->branch, d->ns, d->name, (str){ 0 }, u, n,
                             &info, r->a, &v, err))
        return false;
    r->out->commit_id = v.commit_id;
    return true;
}

bool run_create_view(struct run *r, struct error *err)
{
    struct view_definition d = { 0 };
    bool exists = false;
    if (!read_definition(r, &d, err) ||
        (d.replace ? !may(r, VIEW_WRITE_PROPERTIES, d.ns, d.name, err)
                   : !may(r, VIEW_CREATE, d.ns, (str){ 0 }, err)))
        return false;
    if (d.if_not_exists &&
        !catalog_view_exists(r->lake->catalog, r->req->branch, d.ns, d.name, &exists, err))
        return false;
    if (exists)
        return true;
    if (r->req->params_n)
        return fail(err, ERR_INVALID, "a view has no parameters");
    return bind_definition(r, &d, err) && put_view(r, &d, err);
}

/* ---- ALTER, DROP ---- */

struct view_place {
    str dotted, ns, name;
    bool if_exists;
};

static bool read_place(struct run *r, size_t *i, struct view_place *v, struct error *err)
{
    *i = 2;
    v->if_exists = clause_accept(r, i, "IF EXISTS");
    return clause_table(r, i, "view", &v->dotted, err) &&
           name_split(v->dotted, r->a, &v->ns, &v->name, err);
}

static bool rename_view(struct run *r, size_t i, const struct view_place *v, struct error *err)
{
    struct commit_info info = clause_commit_info(r);
    str to, to_ns = v->ns, to_name;
    if (!clause_table(r, &i, "view", &to, err) || !clause_end(r, i, err))
        return false;
    to_name = ns_from_dotted(to, r->a);
    if (str_find_char(to_name, NS_SEP) >= 0 && !name_split(to, r->a, &to_ns, &to_name, err))
        return false;
    return may(r, VIEW_DROP, v->ns, v->name, err) && may(r, VIEW_CREATE, to_ns, (str){ 0 }, err) &&
           catalog_rename_view(r->lake->catalog, r->req->branch, v->ns, v->name, to_ns, to_name,
                               &info, r->a, &r->out->commit_id, err);
}

static bool change_properties(struct run *r, size_t i, bool set, const struct view_place *v,
                              struct error *err)
{
    struct commit_info info = clause_commit_info(r);
    struct clause_props props = { 0 };
    struct catalog_view made;
    VEC(struct property) list = { 0 };
    size_t from, to;
    if (!set)
        (void)clause_accept(r, &i, "IF EXISTS");
    if (!clause_inside(r, &i, "ALTER VIEW", &from, &to, err) || !clause_end(r, i, err) ||
        (set && !clause_properties(r, from, to, &props, err)))
        return false;
    for (size_t k = 0; k < props.n; k++)
        *vec_push(r->a, &list) = (struct property){ props.at[k].key, props.at[k].value };
    for (size_t k = from; !set && k < to;) {
        struct property *p = vec_push(r->a, &list);
        if (!clause_text(r, &k, "the key of a property", &p->key, err) ||
            (k < to && !clause_accept(r, &k, ",") && !clause_expected(r, k, ",", err)))
            return false;
    }
    struct view_update u = { .kind = set ? VIEW_SET_PROPERTIES : VIEW_REMOVE_PROPERTIES,
                             .properties = { list.at, list.n } };
    if (!may(r, VIEW_WRITE_PROPERTIES, v->ns, v->name, err) ||
        !catalog_replace_view(r->lake->catalog, r->req->branch, v->ns, v->name, NULL, 0, &u, 1,
                              &info, r->a, &made, err))
        return false;
    r->out->commit_id = made.commit_id;
    return true;
}

/* ALTER VIEW v AS query: only a view that is there. */
static bool change_text(struct run *r, size_t i, const struct view_place *v, struct error *err)
{
    struct view_definition d = {
        .replace = true, .dotted = v->dotted, .ns = v->ns, .name = v->name
    };
    struct catalog_view old;
    d.query = lex_span(&r->lex, i, r->lex.n);
    if (i >= r->lex.n)
        return clause_expected(r, i, "a query", err);
    return may(r, VIEW_WRITE_PROPERTIES, v->ns, v->name, err) &&
           catalog_load_view(r->lake->catalog, r->req->branch, v->ns, v->name, r->a, &old, err) &&
           bind_definition(r, &d, err) && put_view(r, &d, err);
}

bool run_alter_view(struct run *r, struct error *err)
{
    struct view_place v;
    size_t i;
    bool ok;
    if (!read_place(r, &i, &v, err))
        return false;
    if (clause_accept(r, &i, "RENAME TO"))
        ok = rename_view(r, i, &v, err);
    else if (clause_accept(r, &i, "SET TBLPROPERTIES"))
        ok = change_properties(r, i, true, &v, err);
    else if (clause_accept(r, &i, "UNSET TBLPROPERTIES"))
        ok = change_properties(r, i, false, &v, err);
    else if (clause_accept(r, &i, "AS"))
        ok = change_text(r, i, &v, err);
    else
        ok = clause_expected(r, i, "RENAME TO, SET TBLPROPERTIES, UNSET TBLPROPERTIES or AS", err);
    return ok || (v.if_exists && err->code == ERR_NOT_FOUND &&
                  str_starts(str_of(err->msg), STR("View does not exist")));
}

bool run_drop_view(struct run *r, struct error *err)
{
    struct view_place v;
    struct commit_info info = clause_commit_info(r);
    size_t i;
    if (!read_place(r, &i, &v, err) || !clause_end(r, i, err) ||
        !may(r, VIEW_DROP, v.ns, v.name, err))
        return false;
    return catalog_drop_view(r->lake->catalog, r->req->branch, v.ns, v.name, &info, r->a,
                             &r->out->commit_id, err) ||
           (v.if_exists && err->code == ERR_NOT_FOUND);
}
