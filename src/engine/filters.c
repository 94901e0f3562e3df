/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's relation has columns named c<nonce>_<table>_<field id>, so that every mention in the plan says
 * whose it is, whatever aliases the query uses, and no column of the user's has such a name.  Relations
 * take no filters themselves, so the optimizer leaves theirs in a FILTER right above them. */
#include "engine/filters.h"

#include <stdlib.h>

#include "base/env.h"
#include "base/vec.h"
#include "codec/json.h"

#include "engine/filter_parse_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "engine/udf.h"
#include "iceberg/expr.h"
#include "iceberg/schema.h"

#define ROWS_HINT 1000000 /* so that no table looks small to the planner */
#define PLAN_BYTES_MAX ((size_t)64 << 20)

static bool no_rows(void *ctx, size_t column, int64_t from, size_t n, void *out, uint64_t *valid,
                    struct error *err)
{
    (void)ctx, (void)column, (void)from, (void)n, (void)out, (void)valid;
    return fail(err, ERR_INTERNAL, "a relation for planning was run");
}

static bool add_column(str nonce, size_t table, const struct field *f, struct arena *a,
                       struct row_source_column *out, struct buf *select, struct error *err)
{
    struct buf type = BUF_INIT(1 << 24);
    bool ok = sql_type(&type, f->type, err) && buf_ok(&type, "a type", err);
    out->name = arena_printf(a, STR_FMT "%zu_%d", STR_ARG(nonce), table, f->id);
    out->type = arena_cstr(a, buf_str(&type));
    buf_deinit(&type);
    buf_add_str(select, select->len ? STR(", ") : STR("SELECT "));
    buf_add_str(select, out->name);
    buf_lit(select, " AS ");
    quote_ident(select, f->name);
    return ok || fail_in(err, "column " STR_FMT, STR_ARG(f->name));
}

static bool table_sql(struct session *s, struct filter_table *t, str nonce, size_t index,
                      struct arena *a, struct error *err)
{
    struct row_source src = { .columns_n = t->schema->fields_n,
                              .rows_hint = ROWS_HINT,
                              .fill = no_rows };
    struct row_source_column *columns = arena_array(a, struct row_source_column, src.columns_n);
    struct buf select = BUF_INIT((size_t)1 << 26);
    str from;
    bool ok = true;
    for (size_t i = 0; ok && i < src.columns_n; i++)
        ok = add_column(nonce, index, &t->schema->fields[i], a, &columns[i], &select, err);
    src.columns = columns;
    ok = ok && rows_add(s, &src, a, &from, err);
    if (ok) {
        buf_lit(&select, " FROM ");
        buf_add_str(&select, from);
        t->select_sql = arena_str(a, buf_str(&select));
        ok = buf_ok(&select, "a table's columns", err);
    }
    buf_deinit(&select);
    return ok;
}

bool filter_tables_sql(struct session *s, struct filter_table *tables, size_t n, struct arena *a,
                       struct error *err)
{
    if (n > FILTER_TABLES_MAX)
        return fail(err, ERR_LIMIT, "a query of %zu tables has more than %d", n, FILTER_TABLES_MAX);
    str nonce = arena_printf(a, "c%x_", (unsigned)env_random_u64(env_real()));
    for (size_t i = 0; i < n; i++) {
        ASSERT(tables[i].schema->fields_n);
        tables[i].nonce = nonce;
        if (!table_sql(s, &tables[i], nonce, i, a, err))
            return false;
    }
    return true;
}

/* What was learned of one table's scans; bits by column. */
struct found {
    bool *needed; /* by column */
    const struct expr *filter;
    size_t scans_n;
};

struct plan {
    struct filter_table *tables;
    size_t tables_n;
    struct found *found;
    bool blind; /* a scan could not be told: nothing is known of any table */
    struct arena *arena;
};

/* Values with line breaks come as lists of lines; lists of names look the same. */
static str info_text(const struct json *info, const char *key, struct arena *a)
{
    const struct json *v = json_get(info, key);
    if (!v || v->kind == JSON_STR)
        return v ? v->s : (str){ 0 };
    if (v->kind != JSON_ARRAY)
        return (str){ 0 };
    str *lines = arena_array(a, str, v->array.n);
    for (size_t i = 0; i < v->array.n; i++)
        lines[i] = v->array.items[i].kind == JSON_STR ? v->array.items[i].s : (str){ 0 };
    return arena_join(a, lines, v->array.n, STR("\n"));
}

/* Marks the columns that a scan names; gives its table.  False when it names none or an unknown one. */
static bool read_columns(struct plan *p, str names, size_t *table)
{
    str name, nonce = p->tables[0].nonce;
    bool some = false;
    while (str_next(&names, '\n', &name)) {
        str word, inner;
        int32_t id;
        str_cut(name, '.', &word, &inner); /* a field of a struct */
        if (!filter_name_read(word, nonce, p->tables_n, table, &id))
            return false;
        ptrdiff_t column = schema_column_index(p->tables[*table].schema, id);
        if (column < 0)
            return false;
        p->found[*table].needed[column] = true;
        some = true;
    }
    return some;
}

static void add_scan(struct plan *p, const struct json *info, const str *filters, size_t n)
{
    size_t table;
    if (!read_columns(p, info_text(info, "Projections", p->arena), &table)) {
        p->blind = true;
        return;
    }
    const struct expr *all = expr_true();
    for (size_t i = 0; i < n; i++)
        all = expr_and(
            p->arena, all,
            filter_parse(filters[i], p->tables[0].nonce, p->tables, p->tables_n, table, p->arena));
    struct found *f = &p->found[table];
    f->filter = f->scans_n++ ? expr_or(p->arena, f->filter, all) : all;
}

/* Filters above a node that hold for all of its rows, innermost last. */
struct above {
    VEC(str) texts;
};

static void walk(struct plan *p, const struct json *node, struct above above)
{
    const struct json *info = json_get(node, "extra_info"), *children = json_get(node, "children");
    const struct json *name = json_get(node, "name");
    str kind = name && name->kind == JSON_STR ? str_trim(name->s) : (str){ 0 };
    size_t passed = 0; /* children that the filters above hold for */
    if (str_is(kind, "FIRN_ROWS")) {
        add_scan(p, info, above.texts.at, above.texts.n);
    } else if (str_is(kind, "FILTER")) {
        *vec_push(p->arena, &above.texts) = info_text(info, "Expression", p->arena);
        passed = 1;
    } else if (str_is(kind, "HASH_JOIN")) {
        /* IN with a long list: its left side's rows go through with a mark. */
        passed = str_is(info_text(info, "Join Type", p->arena), "MARK");
    }
    for (size_t i = 0; children && children->kind == JSON_ARRAY && i < children->array.n; i++)
        walk(p, &children->array.items[i], i < passed ? above : (struct above){ 0 });
}

static void all_columns(struct filter_table *t, const bool *needed, struct arena *a)
{
    int32_t *ids = arena_array(a, int32_t, t->schema->fields_n);
    t->field_ids_n = 0;
    for (size_t i = 0; i < t->schema->fields_n; i++)
        if (!needed || needed[i])
            ids[t->field_ids_n++] = t->schema->fields[i].id;
    t->field_ids = ids;
    for (size_t i = 1; i < t->field_ids_n; i++) /* columns are nearly in order of ids */
        for (size_t k = i; k && ids[k - 1] > ids[k]; k--) {
            int32_t swap = ids[k];
            ids[k] = ids[k - 1];
            ids[k - 1] = swap;
        }
}

/* A table that the plan does not show counts as read in full: the plan may have folded it away by rules
 * that do not hold once it has rows. */
static void learn(struct plan *p, const struct json *root)
{
    p->found = arena_array(p->arena, struct found, p->tables_n);
    for (size_t i = 0; i < p->tables_n; i++)
        p->found[i].needed = arena_array(p->arena, bool, p->tables[i].schema->fields_n);
    if (root && root->kind == JSON_ARRAY && root->array.n)
        walk(p, &root->array.items[0], (struct above){ 0 });
    else
        p->blind = true;
    for (size_t i = 0; i < p->tables_n; i++) {
        const struct found *f = &p->found[i];
        bool known = !p->blind && f->scans_n;
        p->tables[i].scans_n = f->scans_n;
        p->tables[i].filter = known ? f->filter : expr_true();
        all_columns(&p->tables[i], known ? f->needed : NULL, p->arena);
    }
}

/* "LINE 3: ..." of a hint counts our line, too. */
static void count_own_lines(struct error *err)
{
    str hint = str_of(err->hint), rest;
    ptrdiff_t at = str_find(hint, STR("LINE "));
    int64_t line;
    if (at < 0)
        return;
    str number = str_from(hint, (size_t)at + 5);
    if (!str_cut(number, ':', &number, &rest) || !str_to_i64(number, &line) || line < 2)
        return;
    fail_hint(err, STR_FMT "LINE %lld:" STR_FMT, STR_ARG(str_sub(hint, 0, (size_t)at)),
              (long long)line - 1, STR_ARG(rest));
}

/* The plan as JSON text, in `a`. */
static bool explain(struct session *s, str sql, const struct param *params, size_t n,
                    struct arena *a, str *out, struct error *err)
{
    struct buf text = BUF_INIT(PLAN_BYTES_MAX);
    struct result *r = NULL;
    const struct chunk *chunk = NULL;
    buf_lit(&text, "EXPLAIN (FORMAT json)\n"); /* a line of its own: errors quote the query's */
    buf_add_str(&text, sql);
    bool ok = buf_ok(&text, "a query", err) &&
              session_query(s, buf_str(&text), params, n, &r, err) && result_next(r, &chunk, err);
    if (!ok)
        count_own_lines(err);
    buf_clear(&text);
    if (ok && chunk && chunk->columns_n == 2)
        column_text(&chunk->columns[1], 0, &text);
    result_close(r);
    *out = arena_str(a, buf_str(&text));
    buf_deinit(&text);
    return ok;
}

bool session_filters(struct session *s, str sql, const struct param *params, size_t params_n,
                     struct filter_table *tables, size_t n, struct arena *a, struct error *err)
{
    struct plan plan = { .tables = tables, .tables_n = n, .arena = a };
    struct json *root = NULL;
    struct error ignored;
    str text;
    if (!explain(s, sql, params, params_n, a, &text, err))
        return false;
    /* A plan deeper than our reader goes is as good as none. */
    if (n && !json_parse(text, a, &root, &ignored))
        root = NULL;
    if (n)
        learn(&plan, root);
    return true;
}
