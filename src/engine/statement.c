/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser gives its tree as JSON (json_serialize_sql).  The engine takes that apart too (json_tree: one row
 * per node, in order, with its parent), since the tree of a long expression is deeper than our JSON reader
 * goes.  Names of common table expressions are followed through their scopes: in
 * WITH f AS (SELECT * FROM f) SELECT * FROM f the inner f is a table, the outer one is not. */
#include "engine/statement.h"

#include "base/vec.h"
#include "engine/duck_priv.h"
#include "engine/quote.h"
#include "engine/session.h"

#define NODES_MAX 10000000
#define WALK_DEPTH_MAX 20000 /* the parser's own limit keeps trees far below */

struct node {
    int64_t id;
    str key, text; /* text: of strings, numbers and true/false */
    struct node *first, *next, *last;
};

/* Names in scope, innermost first. */
struct scope {
    str name;
    const struct scope *outer;
};

struct reader {
    struct arena *arena;
    VEC(struct node *) nodes; /* by id */
    VEC(struct statement_name) tables;
    VEC(str) functions;
    VEC(str) scalars;
    int depth;
};

static struct node *find_node(const struct reader *r, int64_t id)
{
    size_t lo = 0, hi = r->nodes.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->nodes.at[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->nodes.n && r->nodes.at[lo]->id == id ? r->nodes.at[lo] : NULL;
}

static str copy_text(const struct chunk *c, size_t column, size_t row, struct arena *a)
{
    return column_valid(&c->columns[column], row)
               ? arena_str(a, column_str(&c->columns[column], row))
               : (str){ 0 };
}

static bool add_node(struct reader *r, const struct chunk *c, size_t row, struct error *err)
{
    if (r->nodes.n == NODES_MAX)
        return fail(err, ERR_LIMIT, "the query is too long");
    struct node *n = arena_new(r->arena, struct node);
    n->id = column_i64(&c->columns[0], row);
    n->key = copy_text(c, 2, row, r->arena);
    n->text = copy_text(c, 3, row, r->arena);
    *vec_push(r->arena, &r->nodes) = n;
    struct node *parent =
        column_valid(&c->columns[1], row) ? find_node(r, column_i64(&c->columns[1], row)) : NULL;
    if (parent && parent->last)
        parent->last->next = n;
    else if (parent)
        parent->first = n;
    if (parent)
        parent->last = n;
    return true;
}

static bool read_tree(struct session *s, str sql, struct reader *r, struct error *err)
{
    struct buf text = BUF_INIT(SQL_BYTES_MAX);
    struct result *result = NULL;
    const struct chunk *c = NULL;
    buf_lit(&text, "SELECT CAST(id AS BIGINT), CAST(parent AS BIGINT), key, atom ->> '$' FROM "
                   "json_tree(json_serialize_sql(");
    quote_text(&text, sql);
    buf_lit(&text, ")) ORDER BY id");
    bool ok =
        buf_ok(&text, "a query", err) && session_query(s, buf_str(&text), NULL, 0, &result, err);
    while (ok && (ok = result_next(result, &c, err)) && c)
        for (size_t i = 0; ok && i < c->n; i++)
            ok = add_node(r, c, i, err);
    result_close(result);
    buf_deinit(&text);
    return ok;
}

static const struct node *child(const struct node *n, const char *key)
{
    const struct node *c = n ? n->first : NULL;
    while (c && !str_is(c->key, key))
        c = c->next;
    return c;
}

static str text_of(const struct node *n, const char *key)
{
    const struct node *c = child(n, key);
    return c ? c->text : (str){ 0 };
}

static bool in_scope(const struct scope *scope, str name)
{
    while (scope && !str_eq_nocase(scope->name, name))
        scope = scope->outer;
    return scope != NULL;
}

static bool same_name(const struct statement_name *a, const struct statement_name *b)
{
    return str_eq_nocase(a->catalog, b->catalog) && str_eq_nocase(a->schema, b->schema) &&
           str_eq_nocase(a->name, b->name);
}

static void add_table(struct reader *r, const struct node *n, const struct scope *scope)
{
    struct statement_name t = { text_of(n, "catalog_name"), text_of(n, "schema_name"),
                                text_of(n, "table_name") };
    if (!t.name.len || (!t.schema.len && in_scope(scope, t.name)))
        return;
    for (size_t i = 0; i < r->tables.n; i++)
        if (same_name(&r->tables.at[i], &t))
            return;
    *vec_push(r->arena, &r->tables) = t;
}

static str lower(str s, struct arena *a)
{
    char *out = arena_cstr(a, s);
    for (size_t i = 0; i < s.len; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    return (str){ out, s.len };
}

static void add_function(struct reader *r, const struct node *n, bool of_table)
{
    str name = lower(text_of(n, "function_name"), r->arena);
    if (!name.len || str_is(text_of(n, "is_operator"), "true"))
        return;
    for (size_t i = 0; i < (of_table ? r->functions.n : r->scalars.n); i++)
        if (str_eq(of_table ? r->functions.at[i] : r->scalars.at[i], name))
            return;
    if (of_table)
        *vec_push(r->arena, &r->functions) = name;
    else
        *vec_push(r->arena, &r->scalars) = name;
}

static bool walk(struct reader *r, const struct node *n, const struct scope *scope, bool of_table,
                 struct error *err);

static bool walk_children(struct reader *r, const struct node *n, const struct scope *scope,
                          bool function_is_table, struct error *err)
{
    for (const struct node *c = n->first; c; c = c->next)
        if (!str_is(c->key, "cte_map") &&
            !walk(r, c, scope, function_is_table && str_is(c->key, "function"), err))
            return false;
    return true;
}

/* Each common table expression sees those before it, a recursive one itself; the rest of the node sees all. */
static bool walk_query(struct reader *r, const struct node *n, const struct scope *scope,
                       struct error *err)
{
    const struct node *map = child(child(n, "cte_map"), "map");
    for (const struct node *c = map ? map->first : NULL; c; c = c->next) {
        struct scope *named = arena_new(r->arena, struct scope);
        *named = (struct scope){ text_of(c, "key"), scope };
        const struct node *query = child(child(child(c, "value"), "query"), "node");
        bool recursive = str_is(text_of(query, "type"), "RECURSIVE_CTE_NODE");
        if (query && !walk(r, query, recursive ? named : scope, false, err))
            return false;
        scope = named;
    }
    return walk_children(r, n, scope, false, err);
}

static bool walk(struct reader *r, const struct node *n, const struct scope *scope, bool of_table,
                 struct error *err)
{
    if (!n->first)
        return true;
    if (r->depth == WALK_DEPTH_MAX)
        return fail(err, ERR_LIMIT, "the query nests too deeply");
    str type = text_of(n, "type"), class = text_of(n, "class");
    r->depth++;
    if (str_is(type, "BASE_TABLE"))
        add_table(r, n, scope);
    else if (str_is(class, "FUNCTION") || str_is(class, "WINDOW"))
        add_function(r, n, of_table);
    bool ok = child(n, "cte_map") ? walk_query(r, n, scope, err)
                                  : walk_children(r, n, scope, str_is(type, "TABLE_FUNCTION"), err);
    r->depth--;
    return ok;
}

/* The parser's complaint, with its place, comes from the library's own way of parsing. */
static bool refuse(struct session *s, str sql, const struct node *root, struct error *err)
{
    struct result_column *columns;
    struct arena *a = arena_create(0);
    size_t n;
    bool bound = str_is(text_of(root, "error_type"), "parser")
                     ? session_describe(s, sql, a, &columns, &n, err)
                     : true;
    arena_destroy(a);
    if (!bound)
        return false;
    return fail(err, ERR_UNSUPPORTED, "the statement is no query");
}

bool statement_sources(struct session *s, str sql, struct arena *a, struct statement_sources *out,
                       struct error *err)
{
    struct reader r = { .arena = a };
    if (!read_tree(s, sql, &r, err))
        return false;
    const struct node *root = r.nodes.n ? r.nodes.at[0] : NULL;
    const struct node *statements = child(root, "statements");
    if (!statements || !str_is(text_of(root, "error"), "false"))
        return refuse(s, sql, root, err);
    if (!statements->first || statements->first->next)
        return fail(err, ERR_INVALID, "one statement was expected");
    if (!walk(&r, statements->first, NULL, false, err))
        return false;
    *out = (struct statement_sources){ r.tables.at,   r.tables.n,   r.functions.at,
                                       r.functions.n, r.scalars.at, r.scalars.n };
    return true;
}
