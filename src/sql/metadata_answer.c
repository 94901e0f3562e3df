/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/metadata_answer.h"

#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "sql/lake.h"
#include "sql/lex.h"

/* Bounds of floats may be wider than the values (-0.0 for 0.0), those of text and bytes may be cut. */
static bool has_certain_bounds(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DECIMAL:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return true;
    default:
        return false;
    }
}

static bool is_name(const struct lex *lex, size_t i)
{
    return i < lex->n && (lex->at[i].kind == LEX_WORD || lex->at[i].kind == LEX_QUOTED);
}

/* min(x); the column must be found as the engine finds it. */
static bool parse_bound(const struct lex *lex, size_t *i, const struct schema *columns,
                        struct arena *a, struct answer_item *out)
{
    bool min = lex_is(lex, *i, "min");
    if ((!min && !lex_is(lex, *i, "max")) || !lex_is(lex, *i + 1, "(") || !is_name(lex, *i + 2) ||
        !lex_is(lex, *i + 3, ")"))
        return false;
    const struct field *f = schema_field_by_name(columns, lex_ident(lex->at[*i + 2], a), false);
    if (!f || schema_column_index(columns, f->id) < 0 || !has_certain_bounds(f->type))
        return false;
    *out = (struct answer_item){ min ? ANSWER_MIN : ANSWER_MAX, f->id };
    *i += 4;
    return true;
}

static bool parse_item(const struct lex *lex, size_t *i, const struct schema *columns,
                       struct arena *a, struct answer_item *out)
{
    size_t count = lex_match(lex, *i, "count ( * )");
    if (!count)
        count = lex_match(lex, *i, "count ( )");
    if (count) {
        *out = (struct answer_item){ ANSWER_COUNT, 0 };
        *i += count;
    } else if (!parse_bound(lex, i, columns, a, out)) {
        return false;
    }
    if (lex_is(lex, *i, "AS") && is_name(lex, *i + 1))
        *i += 2;
    return true;
}

bool answer_parse(str query, const struct schema *columns, struct arena *a,
                  struct answer_item **out, size_t *n)
{
    struct lex lex;
    struct error ignored = { 0 };
    str *parts;
    size_t i = 1, parts_n;
    *n = 0;
    if (!lex_sql(query, a, &lex, &ignored) || !lex_is(&lex, 0, "SELECT"))
        return false;
    *out = arena_array(a, struct answer_item, ANSWER_ITEMS_MAX);
    do {
        i += *n > 0;
        if (*n == ANSWER_ITEMS_MAX || !parse_item(&lex, &i, columns, a, &(*out)[(*n)++]))
            return false;
    } while (lex_is(&lex, i, ","));
    if (!lex_is(&lex, i, "FROM"))
        return false;
    i++;
    if (!lex_name(&lex, &i, a, &parts, &parts_n) || parts_n != 2)
        return false;
    if (lex_is(&lex, i, "AS") && is_name(&lex, i + 1))
        i += 2;
    return i == lex.n;
}

static bool add_item(struct buf *sql, const struct answer_item *item, const struct type *t,
                     const struct scan_summary *s, struct error *err)
{
    if (item->kind != ANSWER_COUNT)
        return quote_value(sql, t, item->kind == ANSWER_MIN ? &s->min : &s->max, err);
    buf_printf(sql, "CAST(%llu AS BIGINT)", (unsigned long long)s->rows);
    return true;
}

bool answer_sql(struct lake *lake, const struct metadata *m, const struct scan_at *at,
                const struct schema *columns, const struct answer_item *items, const str *names,
                size_t n, struct cancel *cancel, struct arena *a, struct buf *sql, bool *known,
                struct error *err)
{
    struct scan_options o = {
        .at = *at, .case_sensitive = true, .pool = lake->pool, .cancel = cancel
    };
    struct scan_summary s = { 0 };
    *known = false;
    buf_lit(sql, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        const struct field *f = schema_field_by_id(columns, items[i].field_id);
        bool again = i > 0 && items[i].field_id == items[i - 1].field_id;
        if (!again &&
            !scan_summarize(lake->warehouse, lake->env, m, &o, items[i].field_id, a, &s, err))
            return false;
        if (!s.known || (items[i].field_id && !s.bounds_known))
            return true;
        buf_add_str(sql, i ? STR(", ") : (str){ 0 });
        if (!add_item(sql, &items[i], f ? f->type : NULL, &s, err))
            return false;
        buf_lit(sql, " AS ");
        quote_ident(sql, names[i]);
    }
    *known = true;
    return true;
}
