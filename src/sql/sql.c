/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/sql.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/vec.h"
#include "catalog/catalog.h"
#include "engine/quote.h"
#include "govern/access.h"
#include "iceberg/metadata.h"
#include "sql/audit_table.h"
#include "sql/bind.h"
#include "sql/clauses.h"
#include "sql/lake.h"
#include "sql/show_priv.h"
#include "sql/settings.h"
#include "sql/statement_priv.h"

#define SQL_TEXT_MAX ((size_t)64 << 20)

struct bind_request run_bind(const struct run *r, str query)
{
    return (struct bind_request){ .query = query,
                                  .branch = r->req->branch,
                                  .local_files = r->req->local_files,
                                  .access = r->req->access,
                                  .params = r->params,
                                  .params_n = r->req->params_n,
                                  .settings = r->req->settings,
                                  .cancel = r->req->cancel };
}

static bool query(struct run *r, str prefix, str text, struct error *err)
{
    struct bind_request b = run_bind(r, text);
    struct bound bound;
    if (!sql_bind(r->lake, r->session, &b, r->a, &bound, err))
        return false;
    str sql = arena_printf(r->a, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(bound.query));
    r->out->scans = bound.scans;
    r->out->scans_n = bound.scans_n;
    return session_query(r->session, sql, r->params, r->req->params_n, &r->out->rows, err);
}

static bool run_query(struct run *r, struct error *err)
{
    return query(r, (str){ 0 }, lex_span(&r->lex, 0, r->lex.n), err);
}

/* EXPLAIN [ANALYZE] query: only the query itself names tables. */
static bool run_explain(struct run *r, struct error *err)
{
    size_t words = lex_is(&r->lex, 1, "ANALYZE") ? 2 : 1;
    str prefix = arena_printf(r->a, STR_FMT " ", STR_ARG(lex_span(&r->lex, 0, words)));
    return query(r, prefix, lex_span(&r->lex, words, r->lex.n), err);
}

bool show_query(struct run *r, str sql, struct error *err)
{
    return query(r, (str){ 0 }, sql, err);
}

/* DESCRIBE table and DESCRIBE query are the same thing; SUMMARIZE too. */
static bool run_describe(struct run *r, struct error *err)
{
    str rest = lex_span(&r->lex, 1, r->lex.n),
        prefix = arena_printf(r->a, STR_FMT " ", STR_ARG(r->lex.at[0].text));
    bool is_query = lex_is(&r->lex, 1, "SELECT") || lex_is(&r->lex, 1, "WITH") ||
                    lex_is(&r->lex, 1, "FROM") || lex_is(&r->lex, 1, "VALUES") ||
                    lex_is(&r->lex, 1, "(");
    size_t name = 1 + lex_is(&r->lex, 1, "TABLE"),
           all = lex_is(&r->lex, name, "EXTENDED") || lex_is(&r->lex, name, "FORMATTED");
    bool summary = lex_is(&r->lex, 0, "SUMMARIZE");
    if (!summary && !is_query && show_is_name(r, name + all))
        return show_describe(r, name + all, all, err);
    if (lex_is(&r->lex, 1, "TABLE"))
        rest = lex_span(&r->lex, 2, r->lex.n);
    if (!is_query)
        rest = arena_printf(r->a, "SELECT * FROM " STR_FMT, STR_ARG(rest));
    return query(r, prefix, rest, err);
}

/* Lists show what the caller may see: a table that it may list, a namespace in which there may be one. */
static bool shown(struct run *r, const struct catalog_name *n, bool tables)
{
    struct securable on = secure_in(tables ? SECURABLE_TABLE : SECURABLE_NAMESPACE, n->ns,
                                    tables ? n->name : (str){ 0 }, r->a);
    const struct access *x = r->req->access;
    if (!govern_on(r->lake->govern))
        return true;
    if (tables)
        return access_allows(x, TABLE_LIST, &on, r->req->branch);
    return access_allows_below(x, NAMESPACE_LIST, &on, r->req->branch) ||
           access_allows_below(x, TABLE_LIST, &on, r->req->branch);
}

static void keep_shown(struct run *r, struct catalog_page *page, bool tables)
{
    size_t n = 0;
    for (size_t i = 0; i < page->n; i++)
        if (shown(r, &page->names[i], tables))
            page->names[n++] = page->names[i];
    page->n = n;
}

/* The catalog's names as rows; DuckDB filters and sorts nothing here, so VALUES is enough. */
static bool names_query(struct run *r, const char *header, struct catalog_page *page, bool tables,
                        struct error *err)
{
    keep_shown(r, page, tables);
    struct buf sql = BUF_INIT(SQL_TEXT_MAX);
    buf_printf(&sql, "SELECT * FROM (VALUES ");
    for (size_t i = 0; i < page->n; i++) {
        buf_printf(&sql, "%s(", i ? ", " : "");
        quote_text(&sql, ns_to_text(page->names[i].ns, r->a));
        if (tables) {
            buf_lit(&sql, ", ");
            quote_text(&sql, page->names[i].name);
        }
        buf_lit(&sql, ")");
    }
    if (page->n == 0)
        buf_printf(&sql, "(NULL%s)", tables ? ", NULL" : "");
    buf_printf(&sql, ") AS names(%s)%s", header, page->n ? "" : " LIMIT 0");
    bool ok = buf_ok(&sql, "the list of names", err) &&
              session_query(r->session, buf_str(&sql), NULL, 0, &r->out->rows, err);
    buf_deinit(&sql);
    return ok;
}

static bool run_show(struct run *r, struct error *err)
{
    struct catalog_page page;
    struct catalog *c = r->lake->catalog;
    bool known;
    if (!show_other(r, &known, err) || known)
        return known && r->out->rows;
    if (lex_is(&r->lex, 1, "SCHEMAS") || lex_is(&r->lex, 1, "NAMESPACES") ||
        lex_is(&r->lex, 1, "DATABASES"))
        return catalog_list_namespaces(c, r->req->branch, (str){ 0 }, (str){ 0 }, 0, r->a, &page,
                                       err) &&
               names_query(r, "namespace", &page, false, err);
    if (lex_is(&r->lex, 1, "STATS"))
        return run_show_stats(r, err);
    if (!lex_is(&r->lex, 1, "TABLES"))
        return fail(err, ERR_UNSUPPORTED,
                    "SHOW " STR_FMT
                    " is not supported (SHOW TABLES, VIEWS, SCHEMAS, COLUMNS, PARTITIONS, "
                    "TBLPROPERTIES, STATS, CREATE TABLE, CREATE VIEW)",
                    STR_ARG(r->lex.at[r->lex.n > 1].text));
    if (r->lex.n == 2)
        return catalog_list_all(c, r->req->branch, (str){ 0 }, 0, r->a, &page, err) &&
               names_query(r, "namespace, name", &page, true, err);
    size_t i = 3;
    str ns;
    return clause_namespace(r, &i, &ns, err) &&
           catalog_list(c, r->req->branch, ns, ENTRY_TABLE, (str){ 0 }, 0, r->a, &page, err) &&
           names_query(r, "namespace, name", &page, true, err);
}

/* The first row whose words begin the statement counts. */
static const struct {
    const char *words, *kind;
    bool (*run)(struct run *r, struct error *err);
} statements[] = {
    { "SELECT", "SELECT", run_query },
    { "WITH", "SELECT", run_query },
    { "FROM", "SELECT", run_query },
    { "VALUES", "SELECT", run_query },
    { "TABLE", "SELECT", run_query },
    { "(", "SELECT", run_query },
    { "PIVOT", "SELECT", run_query },
    { "UNPIVOT", "SELECT", run_query },
    { "EXPLAIN", "EXPLAIN", run_explain },
    { "DESCRIBE", "DESCRIBE", run_describe },
    { "DESC", "DESCRIBE", run_describe },
    { "SUMMARIZE", "SUMMARIZE", run_describe },
    { "SHOW", "SHOW", run_show },
    { "CREATE SCHEMA", "CREATE SCHEMA", run_create_schema },
    { "CREATE TABLE", "CREATE TABLE", run_create_table },
    { "CREATE OR REPLACE TABLE", "CREATE TABLE", run_create_table },
    { "REPLACE TABLE", "CREATE TABLE", run_create_table },
    { "CREATE VIEW", "CREATE VIEW", run_create_view },
    { "CREATE OR REPLACE VIEW", "CREATE VIEW", run_create_view },
    { "INSERT", "INSERT", run_insert },
    { "DELETE FROM", "DELETE", run_change },
    { "UPDATE", "UPDATE", run_change },
    { "MERGE INTO", "MERGE", run_change },
    { "ALTER TABLE", "ALTER TABLE", run_alter_table },
    { "ALTER VIEW", "ALTER VIEW", run_alter_view },
    { "COMMENT ON", "COMMENT", run_comment },
    { "CALL", "CALL", run_call },
    { "SET", "SET", run_set },
    { "RESET", "RESET", run_reset },
    { "ANALYZE", "ANALYZE", run_analyze },
    { "DROP SCHEMA", "DROP SCHEMA", run_drop_schema },
    { "DROP TABLE", "DROP TABLE", run_drop_table },
    { "DROP VIEW", "DROP VIEW", run_drop_view },
};

/* WITH may stand in front of statements that write: they get the rest. */
static void cut_with(struct run *r)
{
    static const char *const writing[] = { "INSERT", "UPDATE", "DELETE", "MERGE" };
    size_t i = clause_behind_with(&r->lex);
    for (size_t w = 0; i && w < sizeof writing / sizeof *writing; w++) {
        if (!lex_is(&r->lex, i, writing[w]))
            continue;
        r->with = lex_span(&r->lex, 0, i);
        r->lex.at += i;
        r->lex.n -= i;
        return;
    }
}

static bool dispatch(struct run *r, struct error *err)
{
    if (r->lex.n == 0)
        return fail(err, ERR_INVALID, "the statement is empty");
    cut_with(r);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!lex_match(&r->lex, 0, statements[i].words))
            continue;
        r->out->kind = statements[i].kind;
        return statements[i].run(r, err);
    }
    fail(err, ERR_UNSUPPORTED,
         "statements that begin with " STR_FMT "%s" STR_FMT " are not supported",
         STR_ARG(r->lex.at[0].text), r->lex.n > 1 ? " " : "", STR_ARG(r->lex.at[1].text));
    return fail_hint(
        err,
        "supported: SELECT, EXPLAIN, DESCRIBE, SUMMARIZE, SHOW, CREATE, ALTER and DROP of SCHEMA, TABLE and "
        "VIEW, COMMENT ON, INSERT, DELETE, UPDATE, MERGE, CALL, ANALYZE, SET, RESET");
}

/* A semicolon after the statement is fine, a second statement is not. */
static bool cut_end(struct run *r, struct error *err)
{
    while (r->lex.n && lex_is(&r->lex, r->lex.n - 1, ";"))
        r->lex.n--;
    for (size_t i = 0; i < r->lex.n; i++)
        if (lex_is(&r->lex, i, ";"))
            return fail(err, ERR_INVALID, "more than one statement in one request");
    return true;
}

/* Who asks for the audit log gets what was decided up to now. */
static void freshen_audit(struct lake *lake, const struct sql_request *req)
{
    struct error late = { 0 };
    if (!govern_on(lake->govern) || !req->access || req->access->who == &identity_system ||
        str_find(req->text, STR("audit_logs")) < 0)
        return;
    if (!audit_flush(lake, &late))
        log_error("audit", "%s", late.msg);
}

bool sql_execute(struct lake *lake, const struct sql_request *req, struct arena *a,
                 struct sql_outcome *out, struct error *err)
{
    struct run r = { .lake = lake, .req = req, .a = a, .out = out };
    freshen_audit(lake, req);
    *out = (struct sql_outcome){ .kind = "", .rows_written = -1, .snapshot_id = SNAPSHOT_NONE };
    r.params = arena_array(a, struct param, req->params_n);
    for (size_t i = 0; i < req->params_n; i++)
        r.params[i] = (struct param){ .is_text = true, .text = req->params[i] };
    if (!lex_sql(req->text, a, &r.lex, err) || !cut_end(&r, err) ||
        !session_open(lake->engine, &r.session, err))
        return false;
    out->session = r.session;
    session_set_cancel(r.session, req->cancel);
    if (dispatch(&r, err))
        return true;
    sql_close(out);
    return false;
}

void sql_close(struct sql_outcome *out)
{
    result_close(out->rows);
    session_close(out->session);
    out->rows = NULL;
    out->session = NULL;
}

bool sql_split(str text, struct arena *a, str **out, size_t *n, struct error *err)
{
    struct lex lex;
    VEC(str) pieces = { 0 };
    if (!lex_sql(text, a, &lex, err))
        return false;
    for (size_t i = 0, start = 0; i <= lex.n; i++) {
        if (i < lex.n && !lex_is(&lex, i, ";"))
            continue;
        if (i > start)
            *vec_push(a, &pieces) = lex_span(&lex, start, i);
        start = i + 1;
    }
    *out = pieces.at;
    *n = pieces.n;
    return true;
}
