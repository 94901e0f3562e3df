/* SPDX-License-Identifier: Apache-2.0
 *
 * CREATE TABLE:
 *
 *   CREATE [OR REPLACE] TABLE [IF NOT EXISTS] ns.t
 *       [(column type [NOT NULL] [DEFAULT constant] [COMMENT 'text'] [PRIMARY KEY], ..., [PRIMARY KEY (columns)])]
 *       [USING iceberg] [PARTITIONED BY (...)] [LOCATION 'uri'] [COMMENT 'text'] [TBLPROPERTIES | WITH (...)] [AS query]
 *
 * OR REPLACE keeps the table: its UUID, its snapshots and their schemas stay, what is current is new.  A column of the same name and
 * type keeps its id. */
#include "catalog/table_ops.h"
#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "sql/clauses.h"
#include "sql/evolve.h"
#include "sql/lake.h"
#include "sql/partition_by.h"

#define REPLACE_UPDATES_MAX 16
#define VERSION_PROPERTY "format-version"

struct definition {
    str dotted, ns, name;
    bool replace, if_not_exists;
    struct {
        struct column_definition *at;
        size_t n, cap;
    } columns;
    VEC(str) identifiers;
    str partition_by; /* without its parentheses */
    str location;
    struct clause_props props;
    str query; /* empty without AS */
    const struct schema *schema;
    const struct partition_spec *spec; /* NULL: none */
};

/* ---- The words ---- */

static bool read_key(struct run *r, size_t *i, struct definition *d, struct error *err)
{
    do {
        if (!clause_dotted(r, i, "column", vec_push(r->a, &d->identifiers), err))
            return false;
    } while (clause_accept(r, i, ","));
    return clause_accept(r, i, ")") || clause_expected(r, *i, ")", err);
}

static bool read_columns(struct run *r, size_t *i, struct definition *d, struct error *err)
{
    int32_t next_id = 1;
    do {
        struct column_definition c;
        if (clause_accept(r, i, "PRIMARY KEY (")) {
            if (!read_key(r, i, d, err))
                return false;
            continue;
        }
        if (d->columns.n == TYPE_FIELDS_MAX)
            return fail(err, ERR_LIMIT, "a table has more than %d columns", TYPE_FIELDS_MAX);
        if (!clause_column(r, i, &next_id, &c, err))
            return false;
        if (c.path_n != 1 || c.has_place)
            return fail(err, ERR_INVALID,
                        "column " STR_FMT
                        ": a new table takes neither dots in names nor FIRST and AFTER",
                        STR_ARG(c.path[0]));
        if (c.identifier)
            *vec_push(r->a, &d->identifiers) = c.path[0];
        *vec_push(r->a, &d->columns) = c;
    } while (clause_accept(r, i, ","));
    return clause_accept(r, i, ")") ||
           (*i >= r->lex.n
                ? fail(err, ERR_INVALID, "a closing parenthesis is missing in CREATE TABLE")
                : clause_expected(r, *i, ") or a comma", err));
}

/* Trino's names of what others have clauses for. */
static void take_properties(struct run *r, struct clause_props *props, struct definition *d)
{
    for (size_t i = 0; i < props->n; i++) {
        struct write_prop p = props->at[i];
        if (str_is(p.key, "location"))
            d->location = p.value;
        else if (str_is(p.key, "format_version"))
            *vec_push(r->a, &d->props) = (struct write_prop){ STR(VERSION_PROPERTY), p.value };
        else
            *vec_push(r->a, &d->props) = p;
    }
}

static bool read_clause(struct run *r, size_t *i, struct definition *d, struct error *err)
{
    size_t from, to;
    str comment;
    struct clause_props props = { 0 };
    if (clause_accept(r, i, "PARTITIONED BY")) {
        if (!clause_inside(r, i, "CREATE TABLE", &from, &to, err))
            return false;
        d->partition_by = lex_span(&r->lex, from, to);
        return true;
    }
    if (clause_accept(r, i, "WITH") || clause_accept(r, i, "TBLPROPERTIES")) {
        if (!clause_inside(r, i, "CREATE TABLE", &from, &to, err) ||
            !clause_properties(r, from, to, &props, err))
            return false;
        take_properties(r, &props, d);
        return true;
    }
    if (clause_accept(r, i, "USING ICEBERG"))
        return true;
    if (clause_accept(r, i, "LOCATION"))
        return clause_text(r, i, "the text of a location", &d->location, err);
    if (clause_accept(r, i, "COMMENT")) {
        if (!clause_text(r, i, "the text of a comment", &comment, err))
            return false;
        *vec_push(r->a, &d->props) = (struct write_prop){ STR("comment"), comment };
        return true;
    }
    return fail(err, ERR_INVALID, "\"" STR_FMT "\" was not expected in CREATE TABLE",
                STR_ARG(r->lex.at[*i].text));
}

static bool read_definition(struct run *r, struct definition *d, struct error *err)
{
    size_t i = lex_match(&r->lex, 0, "CREATE OR REPLACE TABLE");
    d->replace = i > 0 || lex_is(&r->lex, 0, "REPLACE");
    i = i ? i : 2;
    d->if_not_exists = clause_accept(r, &i, "IF NOT EXISTS");
    if (d->replace && d->if_not_exists)
        return fail(err, ERR_INVALID, "OR REPLACE and IF NOT EXISTS exclude each other");
    if (!clause_table(r, &i, "table", &d->dotted, err) ||
        !name_split(d->dotted, r->a, &d->ns, &d->name, err) ||
        (clause_accept(r, &i, "(") && !read_columns(r, &i, d, err)))
        return false;
    while (i < r->lex.n && !lex_is(&r->lex, i, "AS"))
        if (!read_clause(r, &i, d, err))
            return false;
    if (i < r->lex.n)
        d->query = lex_span(&r->lex, i + 1, r->lex.n);
    if (d->columns.n == 0 && d->query.len == 0)
        return fail(err, ERR_INVALID, "CREATE TABLE needs columns or AS and a query");
    if (d->columns.n && d->query.len)
        return fail(err, ERR_UNSUPPORTED, "CREATE TABLE with both columns and AS is not supported");
    return true;
}

/* ---- Columns ---- */

/* The format version that the statement asks for; 0: none. */
static int asked_version(const struct definition *d)
{
    int64_t v = 0;
    for (size_t i = 0; i < d->props.n; i++)
        if (str_is(d->props.at[i].key, VERSION_PROPERTY) && !str_to_i64(d->props.at[i].value, &v))
            v = 0;
    return (int)v;
}

/* A default is for rows that are written: there are none yet that would read it. */
static bool make_field(struct run *r, const struct column_definition *c, int version,
                       struct field *f, struct error *err)
{
    *f = (struct field){ .name = c->path[0],
                         .type = c->type,
                         .required = c->required,
                         .has_doc = c->has_doc,
                         .doc = c->doc };
    if (!c->default_sql.len)
        return true;
    if (!clause_default(r, c->default_sql, c->type, &f->write_default, err))
        return fail_in(err, "column " STR_FMT, STR_ARG(f->name));
    if (!f->write_default || version >= 3)
        return true;
    fail(err, ERR_INVALID, "column " STR_FMT ": defaults of columns need format version 3",
         STR_ARG(f->name));
    return fail_hint(err, "TBLPROPERTIES ('format-version' = '3')");
}

static bool define_schema(struct run *r, struct definition *d, int version, struct error *err)
{
    const struct schema *plain, *numbered;
    struct field *fields = arena_array(r->a, struct field, d->columns.n);
    int32_t last = 0, next = 1000000;
    for (size_t i = 0; i < d->columns.n; i++) {
        if (!make_field(r, &d->columns.at[i], version, &fields[i], err))
            return false;
        fields[i].id = next++;
    }
    if (!schema_build(0, fields, d->columns.n, NULL, 0, r->a, &plain, err) ||
        !schema_assign_fresh_ids(plain, 0, &last, r->a, &numbered, err) ||
        !schema_set_identifiers(numbered, d->identifiers.at, d->identifiers.n, r->a, &d->schema,
                                err))
        return false;
    return partition_by_parse(d->partition_by, d->schema, r->a, &d->spec, err);
}

/* ---- A new table ---- */

static bool may(struct run *r, enum privilege p, str ns, str name, struct error *err)
{
    return clause_may(r, p, name.len ? SECURABLE_TABLE : SECURABLE_NAMESPACE, ns, name, err);
}

static bool ensure_namespace(struct run *r, str ns, struct error *err)
{
    struct commit_info info = clause_commit_info(r);
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

static struct property_list list_properties(struct run *r, const struct definition *d,
                                            bool with_version)
{
    struct property *props = arena_array(r->a, struct property, d->props.n);
    size_t n = 0;
    for (size_t i = 0; i < d->props.n; i++)
        if (with_version || !str_is(d->props.at[i].key, VERSION_PROPERTY))
            props[n++] = (struct property){ d->props.at[i].key, d->props.at[i].value };
    return (struct property_list){ props, n };
}

static bool create_empty(struct run *r, struct definition *d, struct error *err)
{
    struct commit_info info = clause_commit_info(r);
    struct table made;
    struct property_list props = list_properties(r, d, true);
    struct table_create create = {
        .ns = d->ns, .name = d->name, .location = d->location, .props = props.at, .props_n = props.n
    };
    if (!may(r, TABLE_CREATE, d->ns, (str){ 0 }, err) ||
        !define_schema(r, d, asked_version(d), err) || !ensure_namespace(r, d->ns, err))
        return false;
    create.schema = d->schema;
    create.spec = d->spec;
    if (!catalog_create_table(r->lake->catalog, r->req->branch, &create, &info, r->a, &made, err))
        return false;
    r->out->commit_id = made.commit_id;
    return true;
}

/* ---- One that is replaced ---- */

struct replacing {
    struct run *r;
    struct definition *d;
};

static bool plan_replace(void *ctx, const struct table *t, struct arena *a,
                         struct table_change *out, struct error *err)
{
    struct replacing *p = ctx;
    struct definition *d = p->d;
    const struct metadata *m = t->metadata;
    struct table_update *u = arena_array(a, struct table_update, REPLACE_UPDATES_MAX), *shape;
    struct property_list props = list_properties(p->r, d, false);
    int version = asked_version(d);
    size_t n = 0, shape_n;
    if (version && version < m->format_version)
        return fail(err, ERR_INVALID, "the table has format version %d, which cannot go back to %d",
                    m->format_version, version);
    if (!define_schema(p->r, d, version ? version : m->format_version, err) ||
        !evolve_definition(m, d->schema, d->partition_by, a, &shape, &shape_n, err))
        return false;
    if (version > m->format_version)
        u[n++] = (struct table_update){ .kind = UPDATE_UPGRADE_FORMAT_VERSION,
                                        .format_version = version };
    if (m->current_snapshot_id != SNAPSHOT_NONE)
        u[n++] = (struct table_update){ .kind = UPDATE_REMOVE_SNAPSHOT_REF,
                                        .ref = { .name = STR("main") } };
    for (size_t i = 0; i < shape_n; i++)
        u[n++] = shape[i];
    if (props.n)
        u[n++] = (struct table_update){ .kind = UPDATE_SET_PROPERTIES, .properties = props };
    if (d->location.len)
        u[n++] = (struct table_update){ .kind = UPDATE_SET_LOCATION, .location = d->location };
    struct table_requirement *same = arena_array(a, struct table_requirement, 2);
    same[0] = require_uuid(m->uuid);
    same[1] =
        (struct table_requirement){ .kind = REQUIRE_CURRENT_SCHEMA_ID, .id = m->current_schema_id };
    *out = (struct table_change){ .ns = t->ns,
                                  .name = t->name,
                                  .requirements = same,
                                  .requirements_n = 2,
                                  .updates = u,
                                  .updates_n = n };
    return true;
}

/* Rows that are current go: that is a right of its own. */
static bool replace_table(struct run *r, struct definition *d, struct error *err)
{
    struct replacing p = { r, d };
    struct write_info info = { .commit = clause_commit_info(r), .cancel = r->req->cancel };
    struct write_outcome done;
    bool exists;
    if (!may(r, TABLE_WRITE_DATA, d->ns, d->name, err) ||
        !may(r, TABLE_WRITE_PROPERTIES, d->ns, d->name, err) ||
        !catalog_table_exists(r->lake->catalog, r->req->branch, d->ns, d->name, &exists, err))
        return false;
    if (!exists)
        return create_empty(r, d, err);
    if (!catalog_retry(r->lake->catalog, r->req->branch, d->ns, d->name, plan_replace, &p, &info,
                       r->a, &done, err))
        return false;
    r->out->commit_id = done.commit_id;
    return true;
}

static bool create_as(struct run *r, const struct definition *d, struct error *err)
{
    struct write_request w = { .table = d->dotted,
                               .query = d->query,
                               .mode = d->replace ? WRITE_REPLACE : WRITE_CREATE,
                               .partition_by = d->partition_by,
                               .location = d->location,
                               .properties = d->props.at,
                               .properties_n = d->props.n };
    if (d->replace && !may(r, TABLE_WRITE_PROPERTIES, d->ns, d->name, err))
        return false;
    return clause_write(r, &w, err);
}

bool run_create_table(struct run *r, struct error *err)
{
    struct definition d = { 0 };
    if (!read_definition(r, &d, err))
        return false;
    if (d.query.len ? create_as(r, &d, err)
        : d.replace ? replace_table(r, &d, err)
                    : create_empty(r, &d, err))
        return true;
    return d.if_not_exists && err->code == ERR_EXISTS;
}
