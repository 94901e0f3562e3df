/* SPDX-License-Identifier: Apache-2.0
 *
 * The MERGE has one source for both streams, told apart by firn_op: 1 a row to be added, 2 a key to be removed.  Source columns get names
 * of our own, so that those in the filter can only be the table's. */
#include "sql/delta.h"

#include "engine/quote.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "sql/equality.h"
#include "sql/lake.h"
#include "sql/overwrite.h"
#include "sql/settings.h"
#include "sql/statement_priv.h"

#define DELTA_SQL_MAX ((size_t)64 << 20)

bool sql_check_condition(str text, struct arena *a, struct error *err)
{
    struct lex lex;
    int depth = 0;
    if (!lex_sql(text, a, &lex, err))
        return fail_in(err, "the filter");
    for (size_t i = 0; i < lex.n; i++) {
        depth += lex_is(&lex, i, "(") - lex_is(&lex, i, ")");
        if (depth < 0 || lex_is(&lex, i, ";"))
            return fail(err, ERR_INVALID, "the filter is not one condition: \"" STR_FMT "\"",
                        STR_ARG(lex.at[i].text));
    }
    if (depth > 0)
        return fail(err, ERR_INVALID, "a parenthesis of the filter stays open");
    return lex.n > 0 || fail(err, ERR_INVALID, "the filter is empty");
}

/* "c" AS firn_r0, ... of a stream's own, NULL AS firn_r0 ... of the other's. */
static void add_columns(struct buf *sql, const struct delta_rows *r, const char *prefix, bool own)
{
    for (size_t i = 0; i < r->columns_n; i++) {
        buf_lit(sql, ", ");
        if (own)
            quote_ident(sql, r->columns[i]);
        else
            buf_lit(sql, "NULL");
        buf_printf(sql, " AS %s%zu", prefix, i);
    }
}

static void add_side(struct buf *sql, const struct delta_request *q, bool keys)
{
    buf_printf(sql, "SELECT %sCAST(%d AS TINYINT) AS firn_op, CAST(NULL AS UBIGINT) AS firn_none",
               keys ? "DISTINCT " : "", keys ? 2 : 1);
    add_columns(sql, &q->rows, "firn_r", !keys);
    add_columns(sql, &q->keys, "firn_k", keys);
    buf_lit(sql, " FROM ");
    quote_ident(sql, keys ? q->keys.table : q->rows.table);
}

static void add_source(struct buf *sql, const struct delta_request *q)
{
    if (q->rows.table.len)
        add_side(sql, q, false);
    if (q->rows.table.len && q->keys.table.len)
        buf_lit(sql, " UNION ALL ");
    if (q->keys.table.len)
        add_side(sql, q, true);
    if (!q->rows.table.len && !q->keys.table.len)
        buf_lit(sql, "SELECT CAST(NULL AS UBIGINT) AS firn_none LIMIT 0");
}

/* Columns of every table that say where a row is; the key as such is never null. */
static bool is_place(str column)
{
    return str_is(column, "_file") || str_is(column, "_pos") || str_is(column, "_row_id");
}

static bool has_places(const struct delta_request *q)
{
    for (size_t i = 0; i < q->keys.columns_n; i++)
        if (is_place(q->keys.columns[i]))
            return true;
    return false;
}

/* The name of the table's column for a key. */
static bool key_column(const struct schema *s, str key, str *out, struct error *err)
{
    *out = key;
    if (is_place(key))
        return true;
    const struct field *f = schema_field_by_name(s, key, false);
    if (!f || schema_column_index(s, f->id) < 0)
        return fail(err, ERR_INVALID, "the table has no column " STR_FMT " to be a key",
                    STR_ARG(key));
    *out = f->name;
    return true;
}

/* Without keys no row of the source meets one of the table: said as an equality, which the engine joins by hashing. */
static bool add_match(struct buf *sql, const struct delta_request *q, const struct schema *s,
                      struct error *err)
{
    if (!q->keys.table.len) {
        buf_lit(sql, "hash(firn_t.");
        quote_ident(sql, s->fields[0].name);
        buf_lit(sql, ") = firn_s.firn_none");
        return true;
    }
    buf_lit(sql, "firn_s.firn_op = 2");
    for (size_t i = 0; i < q->keys.columns_n; i++) {
        str name;
        if (!key_column(s, q->keys.columns[i], &name, err))
            return false;
        buf_lit(sql, " AND firn_t.");
        quote_ident(sql, name);
        buf_printf(sql, " IS NOT DISTINCT FROM firn_s.firn_k%zu", i);
    }
    return true;
}

/* A position that finds no row fails the statement when its row would be made.  The text names a key, or it would be an error of the
 * statement itself and not of this row. */
#define LOST_PLACE "the row to be removed is not there any more: "
static void add_lost(struct buf *sql, const struct delta_request *q, const struct schema *s)
{
    buf_lit(sql, " WHEN NOT MATCHED AND firn_s.firn_op = 2 THEN INSERT (");
    quote_ident(sql, s->fields[0].name);
    buf_lit(sql, ") VALUES (error(concat('" LOST_PLACE "'");
    for (size_t i = 0; i < q->keys.columns_n; i++)
        buf_printf(sql, ", firn_s.firn_k%zu, ' '", i);
    buf_lit(sql, ")))");
}

static void add_insert(struct buf *sql, const struct delta_rows *rows)
{
    buf_lit(sql, " WHEN NOT MATCHED AND firn_s.firn_op = 1 THEN INSERT (");
    for (size_t i = 0; i < rows->columns_n; i++) {
        buf_add_str(sql, i ? STR(", ") : STR(""));
        quote_ident(sql, rows->columns[i]);
    }
    buf_lit(sql, ") VALUES (");
    for (size_t i = 0; i < rows->columns_n; i++)
        buf_printf(sql, "%sfirn_s.firn_r%zu", i ? ", " : "", i);
    buf_lit(sql, ")");
}

static bool merge_text(const struct delta_request *q, str ns, str name, const struct schema *s,
                       struct arena *a, str *out, struct error *err)
{
    struct buf sql = BUF_INIT(DELTA_SQL_MAX);
    buf_lit(&sql, "MERGE INTO ");
    quote_name(&sql, (const str[]){ ns_to_text(ns, a), name }, 2);
    buf_lit(&sql, " AS firn_t USING (");
    add_source(&sql, q);
    buf_lit(&sql, ") AS firn_s ON ");
    bool ok = add_match(&sql, q, s, err);
    if (q->keys.table.len)
        buf_lit(&sql, " WHEN MATCHED THEN DELETE");
    if (q->filter.len)
        buf_printf(&sql, " WHEN NOT MATCHED BY SOURCE AND (" STR_FMT "\n) THEN DELETE",
                   STR_ARG(q->filter));
    if (q->rows.table.len)
        add_insert(&sql, &q->rows);
    if (has_places(q))
        add_lost(&sql, q, s);
    ok = ok && buf_ok(&sql, "the statement", err);
    *out = arena_str(a, buf_str(&sql));
    buf_deinit(&sql);
    return ok;
}

/* Removing by a condition alone: metadata may answer it. */
static bool delete_text(const struct delta_request *q, str ns, str name, struct arena *a, str *out,
                        struct error *err)
{
    struct buf sql = BUF_INIT(DELTA_SQL_MAX);
    buf_lit(&sql, "DELETE FROM ");
    quote_name(&sql, (const str[]){ ns_to_text(ns, a), name }, 2);
    buf_printf(&sql, " WHERE " STR_FMT, STR_ARG(q->filter));
    bool ok = buf_ok(&sql, "the statement", err);
    *out = arena_str(a, buf_str(&sql));
    buf_deinit(&sql);
    return ok;
}

/* A run of the session whose text is put in by the caller. */
static struct run run_of(struct lake *lake, const struct delta_request *q,
                         struct sql_request *request, struct arena *a, struct sql_outcome *out)
{
    *request =
        (struct sql_request){ .branch = q->branch, .access = q->access, .cancel = q->cancel };
    return (struct run){ .lake = lake,
                         .req = request,
                         .a = a,
                         .session = q->session,
                         .out = out,
                         .summary = q->summary,
                         .summary_n = q->summary_n };
}

bool sql_row_delta(struct lake *lake, const struct delta_request *q, struct arena *a,
                   struct sql_outcome *out, struct error *err)
{
    struct table t;
    str ns, name, text;
    struct sql_request request;
    struct run run = run_of(lake, q, &request, a, out);
    if (q->equality)
        return run_equality_delta(&run, q, err);
    *out = (struct sql_outcome){ .kind = "MERGE", .rows_written = 0, .snapshot_id = SNAPSHOT_NONE };
    if (q->filter.len && !sql_check_condition(q->filter, a, err))
        return false;
    if (!name_split(q->table, a, &ns, &name, err) ||
        !catalog_load_table(lake->catalog, q->branch, ns, name, a, &t, err))
        return false;
    bool one = q->filter.len && !q->rows.table.len && !q->keys.table.len;
    bool ok = one ? delete_text(q, ns, name, a, &text, err)
                  : merge_text(q, ns, name, metadata_schema(t.metadata), a, &text, err);
    if (!ok || !lex_sql(text, a, &run.lex, err))
        return false;
    request.text = text;
    if (run_change(&run, err))
        return true;
    if (has_places(q) && str_find(str_of(err->msg), STR(LOST_PLACE)) >= 0)
        err->code = ERR_CONFLICT;
    return fail_in(err, "change " STR_FMT, STR_ARG(q->table));
}

static bool overwrite_text(const struct delta_request *q, struct arena *a, str *out,
                           struct error *err)
{
    str ns, name;
    struct buf sql = BUF_INIT(DELTA_SQL_MAX);
    if (!name_split(q->table, a, &ns, &name, err))
        return false;
    buf_lit(&sql, "INSERT OVERWRITE ");
    quote_name(&sql, (const str[]){ ns_to_text(ns, a), name }, 2);
    buf_lit(&sql, " BY NAME SELECT * FROM ");
    quote_ident(&sql, q->rows.table);
    bool ok = buf_ok(&sql, "the statement", err);
    *out = arena_str(a, buf_str(&sql));
    buf_deinit(&sql);
    return ok;
}

bool sql_replace_partitions(struct lake *lake, const struct delta_request *q, struct arena *a,
                            struct sql_outcome *out, struct error *err)
{
    struct sql_settings settings = { 0 };
    struct sql_request request;
    struct run run = run_of(lake, q, &request, a, out);
    *out =
        (struct sql_outcome){ .kind = "INSERT", .rows_written = 0, .snapshot_id = SNAPSHOT_NONE };
    request.settings = &settings;
    if (!settings_set(&settings, str_of(settings_name(SETTING_OVERWRITE_MODE)), STR("dynamic"), a,
                      err) ||
        !overwrite_text(q, a, &request.text, err) || !lex_sql(request.text, a, &run.lex, err))
        return false;
    return run_overwrite(&run, err) || fail_in(err, "overwrite " STR_FMT, STR_ARG(q->table));
}
