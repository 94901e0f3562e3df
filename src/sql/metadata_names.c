/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of three parts, which the engine would take for a database, a schema and a table.  The engine's parser says which of them
 * are tables; only those are renamed, where a table can stand. */
#include "engine/quote.h"
#include "engine/statement.h"
#include "sql/lex.h"
#include "sql/metadata_tables.h"
#include "sql/target.h"
#include "sql/travel.h"

#define TEXT_MAX ((size_t)128 << 20)

static bool is_ours(const struct statement_name *n)
{
    str ref; /* a branch or a tag of the table goes the same way */
    return n->catalog.len && (metadata_table_named(n->name) != METADATA_TABLE_NONE ||
                              target_names_ref(n->name, &ref));
}

static bool names_any(const struct statement_sources *found)
{
    for (size_t i = 0; i < found->tables_n; i++)
        if (is_ours(&found->tables[i]))
            return true;
    return false;
}

/* Most queries have none of these words and need not be parsed twice. */
static bool may_name_any(str query, struct arena *a)
{
    static const char *const words[] = {
        "snapshots", "history", "refs",    "properties", "entries", "partitions",
        "manifests", "files",   "branch_", "tag_",       "changes", "position_deletes"
    };
    char *lower = arena_cstr(a, query);
    for (size_t i = 0; i < query.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] - 'A' + 'a');
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        if (str_find(str_make(lower, query.len), str_of(words[w])) >= 0)
            return true;
    return false;
}

static bool is_source(const struct statement_sources *found, const str parts[3])
{
    for (size_t i = 0; i < found->tables_n; i++) {
        const struct statement_name *n = &found->tables[i];
        if (is_ours(n) && str_eq(n->catalog, parts[0]) && str_eq(n->schema, parts[1]) &&
            str_eq(n->name, parts[2]))
            return true;
    }
    return false;
}

static bool follows_table_word(const struct lex *lex, size_t i)
{
    static const char *const words[] = { "FROM",     "JOIN", "TABLE",     "PIVOT", "UNPIVOT",
                                         "DESCRIBE", "DESC", "SUMMARIZE", ",",     "(" };
    for (size_t w = 0; i > 0 && w < sizeof words / sizeof *words; w++)
        if (lex_is(lex, i - 1, words[w]))
            return true;
    return false;
}

/* DESCRIBE and its like take a bare name. */
static bool takes_alias(const struct lex *lex, size_t i, size_t end)
{
    static const char *const bare[] = { "DESCRIBE", "DESC", "SUMMARIZE" };
    for (size_t w = 0; w < sizeof bare / sizeof *bare; w++)
        if (lex_is(lex, i - 1, bare[w]))
            return false;
    return !travel_has_alias(lex, end);
}

static void add_renamed(struct buf *out, const str parts[3], bool alias)
{
    quote_ident(out, parts[0]);
    buf_lit(out, ".\"");
    struct buf name = BUF_INIT(1 << 20);
    quote_ident(&name, parts[1]);
    buf_add(out, name.ptr + 1, name.len - 2);
    buf_deinit(&name);
    buf_add_char(out, '$');
    buf_add_str(out, parts[2]);
    buf_lit(out, "\"");
    if (alias) {
        buf_lit(out, " AS ");
        quote_ident(out, parts[2]);
    }
}

bool metadata_names_rewrite(struct session *s, str query, struct arena *a, str *out,
                            struct error *err)
{
    struct statement_sources found;
    struct lex lex;
    *out = query;
    if (!may_name_any(query, a))
        return true;
    if (!statement_sources(s, query, a, &found, err))
        return false;
    if (!names_any(&found))
        return true;
    if (!lex_sql(query, a, &lex, err))
        return false;
    struct buf *text = arena_new(a, struct buf);
    buf_init(text, TEXT_MAX);
    buf_in_arena(text, a);
    size_t copied = 0; /* tokens before this one are in `text` */
    for (size_t i = 0; i < lex.n; i++) {
        size_t end = i, n;
        str *parts;
        if (!follows_table_word(&lex, i) || !lex_name(&lex, &end, a, &parts, &n) || n != 3 ||
            !is_source(&found, parts))
            continue;
        buf_add_str(text, lex_span(&lex, copied, i));
        buf_add_char(text, ' ');
        add_renamed(text, parts, takes_alias(&lex, i, end));
        buf_add_char(text, ' ');
        copied = end;
        i = end - 1;
    }
    buf_add_str(text, lex_span(&lex, copied, lex.n));
    *out = buf_str(text);
    return buf_ok(text, "the statement", err);
}
