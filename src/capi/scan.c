/* SPDX-License-Identifier: Apache-2.0
 *
 * Scans and SQL.  A scan is a query over one table, so that filters and columns are pushed down, and deletes applied, as in any other. */
#include "base/time.h"
#include "capi/capi_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "sql/bind.h"
#include "sql/changes.h"
#include "sql/delta.h"
#include "sql/lex.h"
#include "sql/sql.h"

bool capi_version(struct call *c, const firn_scan_options *o)
{
    int said = (o->snapshot_id != 0) + (o->table_ref != NULL) + (o->timestamp_ms != 0) +
               (o->incremental != 0);
    if (said > 1)
        return fail(&c->err, ERR_INVALID,
                    "more than one of snapshot_id, table_ref, timestamp_ms and incremental is set");
    if (o->snapshot_id < 0 || o->after_snapshot < 0 || o->to_snapshot < 0)
        return fail(&c->err, ERR_INVALID, "a snapshot id is negative");
    if (o->timestamp_ms > INT64_MAX / 1000 || o->timestamp_ms < 0)
        return fail(&c->err, ERR_INVALID, "timestamp_ms %lld is no time of a snapshot",
                    (long long)o->timestamp_ms);
    return (o->incremental >= 0 && o->incremental <= 2) ||
           fail(&c->err, ERR_INVALID, "incremental is %d, not 0, 1 or 2", (int)o->incremental);
}

static bool add_version(struct call *c, const firn_scan_options *o, struct buf *sql)
{
    char text[TIME_TEXT_MAX];
    if (!capi_version(c, o))
        return false;
    if (o->snapshot_id)
        buf_printf(sql, " FOR VERSION AS OF %lld", (long long)o->snapshot_id);
    if (o->table_ref) {
        buf_lit(sql, " FOR VERSION AS OF ");
        quote_text(sql, str_of(o->table_ref));
    }
    if (o->timestamp_ms) {
        time_format_iso(o->timestamp_ms * 1000, text);
        buf_printf(sql, " FOR TIMESTAMP AS OF '%s'", text);
    }
    return true;
}

static bool add_columns(struct call *c, const firn_scan_options *o, struct buf *sql)
{
    if (!capi_count(c, o->columns, o->columns_n, "columns"))
        return false;
    for (size_t i = 0; i < o->columns_n; i++) {
        if (!capi_needs(c, o->columns[i], "a column's name"))
            return false;
        if (i)
            buf_lit(sql, ", ");
        quote_ident(sql, str_of(o->columns[i]));
    }
    if (!o->columns_n)
        buf_lit(sql, "*");
    return true;
}

/* WHERE and LIMIT. */
static bool add_conditions(struct call *c, const firn_scan_options *o, struct buf *sql)
{
    if (o->filter) {
        if (!sql_check_condition(str_of(o->filter), c->a, &c->err))
            return false;
        buf_printf(sql, " WHERE (%s\n)", o->filter);
    }
    if (o->limit < 0)
        return fail(&c->err, ERR_INVALID, "limit %lld is negative", (long long)o->limit);
    if (o->limit)
        buf_printf(sql, " LIMIT %lld", (long long)o->limit);
    return true;
}

static bool scan_text(struct call *c, const firn_scan_options *o, struct buf *sql)
{
    str ns, name;
    if (!capi_name(c, o->table, &ns, &name))
        return false;
    buf_lit(sql, "SELECT ");
    if (!add_columns(c, o, sql))
        return false;
    buf_lit(sql, " FROM ");
    quote_name(sql, (const str[]){ ns_to_text(ns, c->a), name }, 2);
    return add_version(c, o, sql) && add_conditions(c, o, sql) && buf_ok(sql, "the scan", &c->err);
}

/* The same over what a table went through. */
static bool changes_text(struct call *c, const firn_scan_options *o, struct session *s,
                         struct arena *a, struct buf *sql)
{
    str ns, name;
    struct table t;
    struct lake *lake = c->lake->lake;
    if (!capi_version(c, o) || !capi_name(c, o->table, &ns, &name))
        return false;
    struct securable on = secure_in(SECURABLE_TABLE, ns, name, c->a);
    if (!access_check_in(lake->govern, c->access, TABLE_READ_DATA, &on, str_of(o->ref), &c->err) ||
        !catalog_load_table(lake->catalog, str_of(o->ref), ns, name, a, &t, &c->err))
        return false;
    struct changes_request q = { .metadata = t.metadata,
                                 .columns = metadata_schema(t.metadata),
                                 .range = { .after_id = o->after_snapshot,
                                            .to_id = o->to_snapshot },
                                 .cancel = capi_cancel(o->cancel) };
    buf_lit(sql, "SELECT ");
    if (!add_columns(c, o, sql))
        return false;
    buf_lit(sql, " FROM (");
    if (!changes_sql(lake, s, &q, a, sql, &c->err))
        return false;
    buf_lit(sql, ")");
    return add_conditions(c, o, sql) && buf_ok(sql, "the scan", &c->err);
}

/* The query over one snapshot, or over appends. */
static bool bind_scan(struct call *c, const firn_scan_options *o, str text, struct session *s,
                      struct arena *a, str *query)
{
    struct bound bound;
    struct scan_range range = { SCAN_APPENDS, o->after_snapshot, o->to_snapshot };
    struct bind_request b = { .query = arena_str(a, text),
                              .branch = arena_str(a, str_of(o->ref)),
                              .access = capi_access(c->lake, a),
                              .cancel = capi_cancel(o->cancel),
                              .range = o->incremental ? &range : NULL };
    if (!sql_bind(c->lake->lake, s, &b, a, &bound, &c->err))
        return false;
    *query = bound.query;
    return true;
}

#define CHANGES 2 /* of firn_scan_options.incremental */

/* Arena and session become the stream's. */
static bool run_scan(struct call *c, const firn_scan_options *o, struct buf *text,
                     struct ArrowArrayStream *out)
{
    struct arena *a = arena_create(0);
    struct session *s;
    struct result *rows;
    str query = { 0 };
    if (!session_open(c->lake->lake->engine, &s, &c->err)) {
        arena_destroy(a);
        return false;
    }
    session_set_cancel(s, capi_cancel(o->cancel));
    bool ok = o->incremental == CHANGES
                  ? changes_text(c, o, s, a, text)
                  : scan_text(c, o, text) && bind_scan(c, o, buf_str(text), s, a, &query);
    if (o->incremental == CHANGES)
        query = arena_str(a, buf_str(text));
    if (ok && session_query(s, query, NULL, 0, &rows, &c->err))
        return stream_open(c->lake, s, rows, a, out, &c->err);
    session_close(s);
    arena_destroy(a);
    return false;
}

int firn_scan(firn_lake *lake, const firn_scan_options *options, struct ArrowArrayStream *out,
              firn_error *err)
{
    struct call c;
    struct buf sql = BUF_INIT(CAPI_SQL_MAX);
    if (out)
        *out = (struct ArrowArrayStream){ 0 };
    bool ok = capi_begin(&c, lake, false, err) && capi_needs(&c, out, "the stream") &&
              capi_options(&c, options, sizeof *options) && run_scan(&c, options, &sql, out);
    buf_deinit(&sql);
    return capi_end(&c, ok);
}

/* What a table opened by its file may be asked. */
static bool is_query(struct call *c, const firn_sql_options *o)
{
    return !c->lake->read_only || sql_is_query(str_of(o->text), c->a) ||
           fail(&c->err, ERR_DENIED,
                "a table that was opened by its metadata file can be read only");
}

static bool run_sql(struct call *c, const firn_sql_options *o, struct ArrowArrayStream *out,
                    firn_write_result *result)
{
    struct sql_outcome done;
    struct arena *a = arena_create(0);
    str *params = arena_array(a, str, o->params_n);
    for (size_t i = 0; i < o->params_n; i++)
        params[i] = o->params[i] ? arena_str(a, str_of(o->params[i])) : (str){ 0 };
    struct sql_request req = { .text = arena_str(a, str_of(o->text)),
                               .branch = arena_str(a, str_of(o->ref)),
                               .local_files = o->local_files != 0,
                               .access = capi_access(c->lake, a),
                               .cancel = capi_cancel(o->cancel),
                               .params = params,
                               .params_n = o->params_n };
    bool ok = sql_execute(c->lake->lake, &req, a, &done, &c->err);
    if (ok && result)
        write_result(result, done.snapshot_id, done.rows_written, done.commit_id);
    if (ok && done.rows && out)
        return stream_open(c->lake, done.session, done.rows, a, out, &c->err);
    if (ok)
        sql_close(&done);
    arena_destroy(a);
    return ok;
}

int firn_sql(firn_lake *lake, const firn_sql_options *options, struct ArrowArrayStream *out,
             firn_write_result *result, firn_error *err)
{
    struct call c;
    if (out)
        *out = (struct ArrowArrayStream){ 0 };
    bool ok = capi_begin(&c, lake, false, err) && capi_options(&c, options, sizeof *options) &&
              capi_needs(&c, options->text, "the statement") &&
              capi_count(&c, options->params, options->params_n, "parameters") &&
              is_query(&c, options) && run_sql(&c, options, out, result);
    return capi_end(&c, ok);
}
