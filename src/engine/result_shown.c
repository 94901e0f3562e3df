/* SPDX-License-Identifier: Apache-2.0
 *
 * Variants and geometries have no vectors that may be read through the library's C interface.  A query that gives some is run
 * with them cast: a variant to JSON, a geometry to its well-known text, also inside structs, lists and maps. */
#include "engine/duck_priv.h"
#include "engine/quote.h"
#include "iceberg/type.h"

/* The type to cast to; NULL: it has parts that nothing shows. */
static const struct column_type *shown_type(const struct column_type *t, struct arena *a)
{
    struct column_type *copy = arena_new(a, struct column_type);
    if (t->id == DUCK_TYPE_VARIANT || t->id == DUCK_TYPE_GEOMETRY) {
        *copy = (struct column_type){ .kind = COLUMN_TEXT, .id = DUCKDB_TYPE_VARCHAR };
        if (t->id == DUCK_TYPE_VARIANT)
            copy->alias = STR("JSON");
        return copy;
    }
    if (t->kind == COLUMN_OTHER && !t->children_n)
        return NULL;
    *copy = *t;
    const struct column_type **children = arena_array(a, const struct column_type *, t->children_n);
    for (uint32_t i = 0; i < t->children_n; i++)
        if (!(children[i] = shown_type(t->children[i], a)))
            return NULL;
    copy->children = children;
    return copy;
}

static bool add_column(const struct result_column *c, const struct column_type *t, size_t i,
                       struct arena *a, struct buf *out)
{
    const struct column_type *shown = c->kind == COLUMN_OTHER ? shown_type(t, a) : t;
    if (!shown || t->depth > TYPE_DEPTH_MAX)
        return false;
    if (shown == t)
        buf_printf(out, "c%zu", i);
    else /* the library casts a variant that is null to JSON's null */
        buf_printf(out, "CASE WHEN c%zu IS NOT NULL THEN CAST(c%zu AS " STR_FMT ") END", i, i,
                   STR_ARG(column_type_text(shown, a)));
    buf_lit(out, " AS ");
    quote_ident(out, c->name);
    return true;
}

bool result_shown_sql(str sql, const struct result *r, struct arena *a, str *out)
{
    struct buf text = BUF_INIT(SQL_BYTES_MAX);
    bool ok = true;
    sql = str_trim(sql);
    while (str_ends(sql, STR(";")))
        sql = str_trim(str_sub(sql, 0, sql.len - 1));
    for (size_t i = 0; ok && i < r->columns_n; i++) {
        buf_add_str(&text, i ? STR(", ") : STR("SELECT "));
        ok = add_column(&r->columns[i], r->types[i], i, a, &text);
    }
    buf_lit(&text, " FROM (\n");
    buf_add_str(&text, sql);
    buf_lit(&text, "\n) AS q(");
    for (size_t i = 0; i < r->columns_n; i++)
        buf_printf(&text, "%sc%zu", i ? ", " : "", i);
    buf_add_char(&text, ')');
    ok = ok && !text.overflow;
    *out = arena_str(a, buf_str(&text));
    buf_deinit(&text);
    return ok;
}
