/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/system_names.h"

#include "base/buf.h"
#include "sql/lex.h"

#define TEXT_MAX ((size_t)128 << 20)

static bool qualifies(const struct lex *lex, size_t i, struct arena *a)
{
    const struct lex_token *t = &lex->at[i];
    if ((t->kind != LEX_WORD && t->kind != LEX_QUOTED) || !lex_is(lex, i + 1, ".") ||
        (i > 0 && lex_is(lex, i - 1, ".")))
        return false;
    return str_eq_nocase(lex_ident(*t, a), STR("system"));
}

str system_names_hide(str query, struct arena *a)
{
    struct lex lex;
    struct error ignored = { 0 };
    size_t done = 0;
    if (str_find(query, STR("ystem")) < 0 && str_find(query, STR("YSTEM")) < 0)
        return query;
    if (!lex_sql(query, a, &lex, &ignored))
        return query; /* what is wrong with it is said where it is run */
    struct buf *out = arena_new(a, struct buf);
    buf_init(out, TEXT_MAX);
    buf_in_arena(out, a);
    for (size_t i = 0; i < lex.n; i++) {
        if (!qualifies(&lex, i, a))
            continue;
        size_t at = (size_t)(lex.at[i].text.ptr - query.ptr);
        buf_add_str(out, str_sub(query, done, at));
        buf_lit(out, SYSTEM_ALIAS);
        done = at + lex.at[i].text.len;
    }
    if (done == 0)
        return query;
    buf_add_str(out, str_from(query, done));
    return out->overflow ? query : buf_str(out);
}

str system_names_of(str schema)
{
    return str_is(schema, SYSTEM_ALIAS) ? STR("system") : schema;
}
