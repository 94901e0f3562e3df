/* SPDX-License-Identifier: Apache-2.0
 *
 * DuckDB prints the tree that its parser made as JSON; what a query reads is found in it by the types of its nodes. */
#include "engine/statement.h"

#include "base/vec.h"
#include "codec/json.h"
#include "engine/session.h"
#include "engine/quote.h"

#define TREE_SQL_MAX ((size_t)128 << 20)

struct walk {
    struct arena *a;
    VEC(struct statement_name) tables;
    VEC(str) functions;
    VEC(str) scalars;
    VEC(str) ctes;
};

static str text_member(const struct json *node, const char *key)
{
    const struct json *v = json_get(node, key);
    return v && v->kind == JSON_STR ? v->s : (str){ 0 };
}

static bool has_name(const str *names, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(names[i], name))
            return true;
    return false;
}

static str lower(str s, struct arena *a)
{
    char *out = arena_cstr(a, s);
    for (size_t i = 0; i < s.len; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] + 32);
    return str_make(out, s.len);
}

static void add_table(struct walk *w, const struct json *node)
{
    struct statement_name t = { text_member(node, "catalog_name"), text_member(node, "schema_name"),
                                text_member(node, "table_name") };
    for (size_t i = 0; i < w->tables.n; i++) {
        const struct statement_name *known = &w->tables.at[i];
        if (str_eq(known->catalog, t.catalog) && str_eq(known->schema, t.schema) &&
            str_eq(known->name, t.name))
            return;
    }
    *vec_push(w->a, &w->tables) = t;
}

static void walk(struct walk *w, const struct json *node, bool in_table_function);

static void walk_object(struct walk *w, const struct json *node, bool in_table_function)
{
    str type = text_member(node, "type"), function = text_member(node, "function_name");
    bool table_function = str_is(type, "TABLE_FUNCTION");
    if (str_is(type, "BASE_TABLE") && json_get(node, "table_name"))
        add_table(w, node);
    if (function.len && in_table_function) {
        function = lower(function, w->a);
        if (!has_name(w->functions.at, w->functions.n, function))
            *vec_push(w->a, &w->functions) = function;
    } else if (function.len) {
        const struct json *op = json_get(node, "is_operator");
        function = lower(function, w->a);
        if (!(op && op->kind == JSON_BOOL && op->b) &&
            !has_name(w->scalars.at, w->scalars.n, function))
            *vec_push(w->a, &w->scalars) = function;
    }
    for (size_t i = 0; i < node->object.n; i++) {
        const struct json_member *m = &node->object.members[i];
        /* Only the call itself is the table function; functions in its arguments are plain ones. */
        walk(w, &m->value, table_function && str_is(m->key, "function"));
    }
}

/* {"map": [{"key": name, "value": ...}, ...]} */
static void collect_ctes(struct walk *w, const struct json *node)
{
    const struct json *map = json_get(json_get(node, "cte_map"), "map");
    for (size_t i = 0; map && map->kind == JSON_ARRAY && i < map->array.n; i++)
        *vec_push(w->a, &w->ctes) = text_member(&map->array.items[i], "key");
}

static void walk(struct walk *w, const struct json *node, bool in_table_function)
{
    if (node->kind == JSON_ARRAY) {
        for (size_t i = 0; i < node->array.n; i++)
            walk(w, &node->array.items[i], false);
    } else if (node->kind == JSON_OBJECT) {
        collect_ctes(w, node);
        walk_object(w, node, in_table_function);
    }
}

/* Names without a schema that a WITH clause defines stand for that query. */
static void drop_ctes(struct walk *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->tables.n; i++) {
        const struct statement_name *t = &w->tables.at[i];
        if (t->schema.len || !has_name(w->ctes.at, w->ctes.n, t->name))
            w->tables.at[kept++] = *t;
    }
    w->tables.n = kept;
}

static bool syntax_tree(struct session *s, str sql, struct arena *a, struct json **out,
                        struct error *err)
{
    struct buf call = BUF_INIT(TREE_SQL_MAX);
    str text;
    buf_lit(&call, "SELECT json_serialize_sql(");
    quote_text(&call, sql);
    buf_lit(&call, ")");
    bool ok = buf_ok(&call, "the statement", err) &&
              session_scalar(s, buf_str(&call), a, &text, err) && json_parse(text, a, out, err);
    buf_deinit(&call);
    return ok;
}

bool statement_sources(struct session *s, str sql, struct arena *a, struct statement_sources *out,
                       struct error *err)
{
    struct walk w = { .a = a };
    struct json *tree;
    if (!syntax_tree(s, sql, a, &tree, err))
        return false;
    const struct json *failed = json_get(tree, "error"), *statements = json_get(tree, "statements");
    if (failed && failed->kind == JSON_BOOL && failed->b)
        return fail(err, ERR_INVALID, STR_FMT, STR_ARG(text_member(tree, "error_message")));
    if (!statements || statements->kind != JSON_ARRAY || statements->array.n != 1)
        return fail(err, ERR_INVALID, "one query is wanted");
    walk(&w, statements, false);
    drop_ctes(&w);
    *out = (struct statement_sources){ w.tables.at,   w.tables.n,   w.functions.at,
                                       w.functions.n, w.scalars.at, w.scalars.n };
    return true;
}
