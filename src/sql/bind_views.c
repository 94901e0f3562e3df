/* SPDX-License-Identifier: Apache-2.0
 *
 * Views of the catalog in queries.  A view becomes two views of the session:
 *
 *     "ns$2"."firn$view"   its text; the names of tables in it have the schema "namespace$2", which the text is changed to
 *     "ns"."v"             the columns of the former under the names that the view's schema gives them
 *
 * '$' stands in no name of the catalog.  A name without a namespace is looked for by the engine in the schema of the view that has it,
 * which is that of the view's default namespace.  So every view has tables of its own, and reads them where the query
 * around it travels to.  What a view reads is asked for who runs the query: a view gives nobody rights. */
#include "sql/bind_priv.h"

#include "catalog/views.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "govern/access.h"
#include "iceberg/view.h"
#include "sql/lake.h"
#include "sql/lex.h"
#include "sql/system_names.h"
#include "sql/view_text.h"

#define VIEWS_OF_QUERY_MAX 200 /* two names in a view of views double it */
#define TEXT_MAX ((size_t)128 << 20)
#define INNER_VIEW STR("firn$view")

/* A view while its text is bound. */
struct opened {
    str ns, name;                         /* of the catalog */
    str label;                            /* "gold.v" */
    const struct view_metadata *metadata; /* NULL: it is about to be made */
    str text;
    str dialect;
    str default_schema; /* of names without one: levels joined with dots */
    str default_catalog;
    size_t context;
    struct statement_sources found;
};

ptrdiff_t bind_context_of(const struct binder *b, str schema, str *ns)
{
    ptrdiff_t mark = str_rfind_char(schema, '$');
    int64_t k;
    *ns = schema;
    if (mark < 0 || !str_to_i64(str_from(schema, (size_t)mark + 1), &k) || k < 0 ||
        (size_t)k >= b->contexts.n)
        return -1;
    *ns = str_sub(schema, 0, (size_t)mark);
    return (ptrdiff_t)k;
}

static bool may_know(struct binder *b, str ns, str name, str ref)
{
    struct securable view = secure_in(SECURABLE_VIEW, ns, name, b->a);
    return !govern_on(b->lake->govern) ||
           access_allows(b->req->access, VIEW_READ_PROPERTIES, &view, ref);
}

/* The view that is about to be made. */
static bool is_new(const struct binder *b, str ns, str name, str ref)
{
    const struct bind_view_text *new = b->req->view;
    return new &&str_eq(new->ns, ns) && str_eq(new->name, name) && str_eq(ref, b->req->branch);
}

bool bind_view_first(struct binder *b, str ns, str name, str ref)
{
    struct securable table = secure_in(SECURABLE_TABLE, ns, name, b->a);
    return is_new(b, ns, name, ref) ||
           (govern_on(b->lake->govern) && may_know(b, ns, name, ref) &&
            !access_allows(b->req->access, TABLE_READ_DATA, &table, ref));
}

/* ---- Finding it ---- */

static str schema_in(const struct opened *v, str schema, struct arena *a)
{
    return arena_printf(a, STR_FMT "$%zu", STR_ARG(schema), v->context);
}

static void take_metadata(struct binder *b, struct opened *v, const struct catalog_view *found)
{
    const struct view_version *version = view_metadata_current(found->metadata);
    v->metadata = found->metadata;
    v->default_catalog = version->default_catalog;
    if (version->default_namespace_n)
        v->default_schema =
            arena_join(b->a, version->default_namespace, version->default_namespace_n, STR("."));
}

/* At the catalog's branch or tag that the query travels to, else where the query around it is. */
static bool load(struct binder *b, struct opened *v, struct view_context *at, bool *found,
                 struct error *err)
{
    struct catalog_view view;
    struct error missing = { 0 };
    bool own = str_eq(at->branch, b->req->branch);
    *found = true;
    if (is_new(b, v->ns, v->name, at->branch)) {
        v->text = b->req->view->text;
        v->dialect = STR(VIEW_DIALECT);
        return true;
    }
    if (at->point && at->point->ref.len &&
        catalog_load_view(b->lake->catalog, at->point->ref, v->ns, v->name, b->a, &view,
                          &missing)) {
        at->branch = at->point->ref;
        at->point = NULL;
    } else if (!catalog_load_view(b->lake->catalog, own && b->pin.len ? b->pin : at->branch, v->ns,
                                  v->name, b->a, &view, err)) {
        *found = false;
        return err->code == ERR_NOT_FOUND || err->code == ERR_INVALID;
    } else if (own) {
        b->pin = view.commit_id; /* the tables are read as they were then */
    }
    take_metadata(b, v, &view);
    return view_text_pick(v->metadata, b->a, &v->text, &v->dialect, err);
}

static bool check_cycle(struct binder *b, const struct opened *v, ptrdiff_t outer,
                        struct error *err)
{
    str path = v->label;
    for (ptrdiff_t k = outer; k >= 0; k = b->contexts.at[k].outer) {
        const struct view_context *c = &b->contexts.at[k];
        path = arena_printf(b->a, STR_FMT " -> " STR_FMT,
                            STR_ARG(name_to_text(c->ns, c->name, b->a)), STR_ARG(path));
        if (str_eq(c->ns, v->ns) && str_eq(c->name, v->name))
            return fail(err, ERR_INVALID, "view " STR_FMT " refers to itself: " STR_FMT,
                        STR_ARG(v->label), STR_ARG(path));
    }
    return b->contexts.n < VIEWS_OF_QUERY_MAX ||
           fail(err, ERR_LIMIT, "the query and its views name more than %d views",
                VIEWS_OF_QUERY_MAX);
}

/* ---- Its text ---- */

/* How many tokens from i on are a dotted name of up to `max` parts, which are filled in. */
static size_t read_parts(const struct lex *lex, size_t i, struct arena *a, str *parts, size_t max,
                         size_t *n)
{
    size_t from = i;
    for (*n = 0; *n < max && i < lex->n;) {
        if (lex->at[i].kind != LEX_WORD && lex->at[i].kind != LEX_QUOTED)
            break;
        parts[(*n)++] = lex_ident(lex->at[i], a);
        if (!lex_is(lex, ++i, "."))
            break;
        i++;
    }
    return i - from;
}

/* The schema that a table's name has in the session: its own namespace, a nested one when what looks like a catalog is
 * not the view's. */
static str schema_of(const struct opened *v, const struct statement_name *n, struct arena *a)
{
    str schema = n->schema.len ? n->schema : v->default_schema;
    if (n->catalog.len && !str_eq(n->catalog, v->default_catalog))
        schema = arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(n->catalog), STR_ARG(n->schema));
    return schema_in(v, schema, a);
}

/* The table that a dotted name begins with, and how many of its parts are in front of the table's own name. */
static const struct statement_name *named(const struct opened *v, const str *parts, size_t n,
                                          size_t *qualifiers)
{
    for (size_t i = 0; i < v->found.tables_n; i++) {
        const struct statement_name *t = &v->found.tables[i];
        *qualifiers = t->catalog.len ? 2 : 1;
        if (!t->schema.len || n <= *qualifiers)
            continue;
        const str *schema = t->catalog.len ? parts + 1 : parts;
        if ((!t->catalog.len || str_eq_nocase(parts[0], t->catalog)) &&
            str_eq_nocase(*schema, t->schema) && str_eq_nocase(schema[1], t->name))
            return t;
    }
    return NULL;
}

/* The text with the session's schemas in front of its tables, in columns that name their table in full too. */
static bool rename_tables(struct binder *b, struct opened *v, str text, str *out, struct error *err)
{
    struct lex lex;
    struct buf *sql = arena_new(b->a, struct buf);
    buf_init(sql, TEXT_MAX);
    buf_in_arena(sql, b->a);
    if (!lex_sql(text, b->a, &lex, err))
        return false;
    size_t done = 0; /* bytes of the text */
    for (size_t i = 0; i < lex.n;) {
        str parts[4];
        size_t n, qualifiers, tokens = read_parts(&lex, i, b->a, parts, 4, &n);
        const struct statement_name *t = n > 1 ? named(v, parts, n, &qualifiers) : NULL;
        if (t) {
            str last = lex.at[i + 2 * (qualifiers - 1)].text;
            buf_add_str(sql, str_sub(text, done, (size_t)(lex.at[i].text.ptr - text.ptr)));
            quote_ident(sql, schema_of(v, t, b->a));
            done = (size_t)(last.ptr + last.len - text.ptr);
        }
        i += tokens ? tokens : 1;
    }
    buf_add_str(sql, str_from(text, done));
    *out = buf_str(sql);
    return buf_ok(sql, "a view's text", err);
}

/* AS OF in the view's own text. */
static bool rewrite_travels(struct binder *b, const struct opened *v, str text, str *out,
                            struct error *err)
{
    struct travel *travels;
    size_t n;
    if (!travel_rewrite(system_names_hide(text, b->a), b->a, out, &travels, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct travel *t = vec_push(b->a, &b->travels);
        *t = travels[i];
        t->ns = schema_in(v, t->ns, b->a);
    }
    return metadata_names_rewrite(b->session, *out, b->a, out, err);
}

static bool bind_tables(struct binder *b, struct opened *v, struct error *err)
{
    for (size_t i = 0; i < v->found.tables_n; i++) {
        const struct statement_name *n = &v->found.tables[i];
        struct statement_name inner = { .name = n->name };
        if (!n->schema.len && str_find_char(n->name, '/') >= 0)
            return fail(err, ERR_DENIED, "a view reads no files: " STR_FMT, STR_ARG(n->name));
        if (str_is(n->schema, "information_schema") || str_is(n->schema, "pg_catalog"))
            continue;
        inner.schema = schema_of(v, n, b->a);
        if (!bind_name(b, &inner, (ptrdiff_t)v->context, err))
            return false;
    }
    return true;
}

/* Names, tables and files of the text; *sql is what the session runs. */
static bool bind_text(struct binder *b, struct opened *v, str *sql, struct error *err)
{
    unsigned outside = b->metadata;
    str text;
    bool ok = bind_metadata_words(b, v->text, &b->metadata, err) &&
              rewrite_travels(b, v, v->text, &text, err) &&
              statement_sources(b->session, text, b->a, &v->found, err) &&
              bind_check_functions(&v->found, false, err) && bind_tables(b, v, err) &&
              rename_tables(b, v, text, sql, err);
    b->metadata = outside;
    return ok;
}

/* ---- In the session ---- */

static void add_create(struct buf *sql, str schema, str name)
{
    buf_lit(sql, "CREATE SCHEMA IF NOT EXISTS ");
    quote_ident(sql, schema);
    buf_lit(sql, "; CREATE OR REPLACE VIEW ");
    quote_name(sql, (const str[]){ schema, name }, 2);
    buf_lit(sql, " AS ");
}

/* SELECT v."a" ... FROM the text AS v("a", ...): columns that the text has got since are not the view's. */
static void add_columns(struct buf *sql, const struct opened *v, str schema)
{
    const struct schema *s = v->metadata ? view_metadata_schema(v->metadata) : NULL;
    size_t n = s ? s->fields_n : 0;
    buf_lit(sql, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        buf_add_str(sql, i ? STR(", v.") : STR("v."));
        quote_ident(sql, s->fields[i].name);
    }
    buf_add_str(sql, n ? STR(" FROM ") : STR("* FROM "));
    quote_name(sql, (const str[]){ schema, INNER_VIEW }, 2);
    buf_lit(sql, " AS v");
    for (size_t i = 0; i < n; i++) {
        buf_add_char(sql, i ? ',' : '(');
        quote_ident(sql, s->fields[i].name);
    }
    if (n)
        buf_add_char(sql, ')');
}

static bool note_view(struct binder *b, const struct opened *v, const struct statement_name *view,
                      str text, struct error *err)
{
    struct buf sql = BUF_INIT(TEXT_MAX);
    str schema = schema_in(v, v->default_schema, b->a);
    add_create(&sql, schema, INNER_VIEW);
    buf_add_str(&sql, text);
    buf_lit(&sql, "; ");
    add_create(&sql, view->schema, view->name);
    add_columns(&sql, v, schema);
    bool ok = buf_ok(&sql, "a view", err);
    vec_push(b->a, &b->views)->sql = arena_str(b->a, buf_str(&sql));
    buf_deinit(&sql);
    return ok;
}

static bool open_view(struct binder *b, struct opened *v, const struct statement_name *view,
                      const struct view_context *at, struct error *err)
{
    str sql;
    if (!check_cycle(b, v, at->outer, err))
        return false;
    v->context = b->contexts.n;
    *vec_push(b->a, &b->contexts) = *at;
    return bind_text(b, v, &sql, err) && note_view(b, v, view, sql, err);
}

bool bind_view(struct binder *b, const struct statement_name *view, str ns, str name,
               const struct travel *point, ptrdiff_t context, bool *found, struct error *err)
{
    struct view_context at = { ns, name, point,
                               context >= 0 ? b->contexts.at[context].branch : b->req->branch,
                               context };
    struct opened v = { .ns = ns,
                        .name = name,
                        .label = name_to_text(ns, name, b->a),
                        .default_schema = ns_to_text(ns, b->a) };
    *found = false;
    if (!is_new(b, ns, name, at.branch) && !may_know(b, ns, name, at.branch))
        return true;
    if (!load(b, &v, &at, found, err))
        return fail_in(err, "view " STR_FMT, STR_ARG(v.label));
    if (!*found)
        return true;
    if (point && point->snapshot_id)
        return fail(err, ERR_INVALID,
                    "view " STR_FMT " has no snapshots: AS OF takes a time, or a branch or tag",
                    STR_ARG(v.label));
    return open_view(b, &v, view, &at, err) ||
           fail_in(err, "view " STR_FMT " (" STR_FMT ")", STR_ARG(v.label), STR_ARG(v.dialect));
}

bool bind_make_views(struct binder *b, struct error *err)
{
    for (size_t i = 0; i < b->views.n; i++)
        if (!session_exec(b->session, b->views.at[i].sql, err))
            return fail_in(err, "a view of the query");
    return true;
}
