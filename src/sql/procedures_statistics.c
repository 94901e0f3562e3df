/* SPDX-License-Identifier: Apache-2.0
 *
 * ANALYZE, its procedure, and SHOW STATS FOR, which tells what statistics say without reading a row. */
#include "engine/quote.h"
#include "govern/access.h"
#include "iceberg/scan.h"
#include "iceberg/statistics.h"
#include "sql/analyze.h"
#include "sql/lake.h"
#include "sql/schema_name.h"
#include "sql/partition_stats.h"
#include "sql/procedure_priv.h"

#define ANSWER_SQL_MAX ((size_t)64 << 20)

/* ---- ANALYZE [TABLE] ns.t [(a, b)] */

static bool read_columns(struct run *r, size_t i, struct analyze_request *req, struct error *err)
{
    VEC(str) columns = { 0 };
    bool list = lex_is(&r->lex, i, "(");
    size_t end = list ? lex_close(&r->lex, i) : i, n;
    str *parts;
    for (bool more = list; more; more = lex_is(&r->lex, i, ",")) {
        i++; /* the parenthesis or the comma */
        if (!lex_name(&r->lex, &i, r->a, &parts, &n))
            break;
        *vec_push(r->a, &columns) = arena_join(r->a, parts, n, STR("."));
    }
    if (i != end || end + list != r->lex.n || (list && columns.n == 0))
        return fail(err, ERR_INVALID, "ANALYZE is written as ANALYZE [TABLE] ns.table [(columns)]");
    req->columns = columns.at;
    req->columns_n = columns.n;
    return true;
}

bool run_analyze(struct run *r, struct error *err)
{
    struct analyze_request req = { .branch = r->req->branch,
                                   .access = r->req->access,
                                   .cancel = r->req->cancel };
    struct analyze_result done;
    size_t from = lex_is(&r->lex, 1, "TABLE") ? 2 : 1, i = from, n;
    str *parts;
    if (!lex_name(&r->lex, &i, r->a, &parts, &n) || n < 2)
        return fail(err, ERR_INVALID, "ANALYZE needs the name of a table: namespace.table");
    req.table = lex_span(&r->lex, from, i);
    if (!read_columns(r, i, &req, err) || !run_analyze_table(r, &req, &done, err))
        return false;
    r->out->snapshot_id = done.snapshot_id;
    r->out->commit_id = done.commit_id;
    return true;
}

/* ---- CALL system.compute_table_stats, system.compute_partition_stats */

/* One row with the path, or none. */
static bool answer_path(struct run *r, const char *column, str path, struct error *err)
{
    struct param p = { .is_text = true, .text = path };
    str sql = arena_printf(r->a, "SELECT CAST($1 AS VARCHAR) AS %s%s", column,
                           path.len ? "" : " LIMIT 0");
    return session_query(r->session, sql, &p, 1, &r->out->rows, err);
}

bool call_compute_table_stats(struct call *c, struct error *err)
{
    struct run *r = c->run;
    const struct argument *columns = call_argument(c, "columns");
    struct analyze_request req = { .branch = r->req->branch,
                                   .access = r->req->access,
                                   .cancel = r->req->cancel };
    struct analyze_result done;
    str ns, name;
    if (!call_table(c, TABLE_SET_STATISTICS, &ns, &name, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_int(c, "snapshot_id", 0, 1, &req.snapshot_id, err))
        return false;
    if (columns->kind != ARGUMENT_NONE && columns->kind != ARGUMENT_LIST)
        return fail(err, ERR_INVALID, "the argument columns has to be a list of names");
    req.columns = columns->list;
    req.columns_n = columns->list_n;
    if (!run_analyze_table(r, &req, &done, err))
        return false;
    r->out->commit_id = done.commit_id;
    return answer_path(r, "statistics_file", done.path, err);
}

bool call_compute_partition_stats(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct partition_stats_request req = { .branch = r->req->branch,
                                           .access = r->req->access,
                                           .cancel = r->req->cancel };
    struct partition_stats_result done;
    str ns, name;
    if (!call_table(c, TABLE_SET_STATISTICS, &ns, &name, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_int(c, "snapshot_id", 0, 1, &req.snapshot_id, err) ||
        !run_partition_stats(r, &req, &done, err))
        return false;
    r->out->commit_id = done.commit_id;
    return answer_path(r, "partition_statistics_file", done.path, err);
}

/* ---- SHOW STATS FOR ns.t */

/* What all files say of one column. */
struct column_summary {
    const struct field *field;
    int64_t size, nulls; /* -1: a file does not say */
    bool bounds, any;    /* every file says; one has a value */
    struct value low, high;
};

struct summary {
    struct arena *a;
    struct column_summary *columns;
    size_t n;
    int64_t rows;
};

/* As Trino: bounds of other types may be cut. */
static bool has_range(const struct type *t)
{
    return t->kind >= TYPE_INT && t->kind <= TYPE_TIMESTAMPTZ_NS && t->kind != TYPE_TIME;
}

static void add_count(int64_t *sum, int64_t more)
{
    *sum = *sum < 0 || more < 0 || __builtin_add_overflow(*sum, more, sum) ? -1 : *sum;
}

static void widen(struct summary *s, struct column_summary *c, const struct column_metrics *m,
                  const struct data_file *f)
{
    struct value low, high;
    struct error ignored = { 0 };
    bool empty = f->records == 0 || (m && m->nulls >= 0 && m->nulls == f->records);
    if (empty || !c->bounds)
        return;
    if (!m || !m->lower.ptr || !m->upper.ptr ||
        !value_decode(c->field->type, m->lower, &low, &ignored) ||
        !value_decode(c->field->type, m->upper, &high, &ignored)) {
        c->bounds = false;
        return;
    }
    if (!c->any || value_cmp(&low, &c->low) < 0)
        c->low = value_copy(&low, s->a);
    if (!c->any || value_cmp(&high, &c->high) > 0)
        c->high = value_copy(&high, s->a);
    c->any = true;
}

static bool sum_files(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct summary *s = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = tasks[i].file;
        add_count(&s->rows, f->records);
        for (size_t k = 0; k < s->n; k++) {
            struct column_summary *c = &s->columns[k];
            const struct column_metrics *m = data_file_column(f, c->field->id);
            add_count(&c->size, m ? m->size : -1);
            add_count(&c->nulls, m ? m->nulls : -1);
            widen(s, c, m, f);
        }
    }
    return true;
}

static bool summarize(struct run *r, const struct metadata *m, const struct schema *schema,
                      struct summary *s, struct error *err)
{
    struct scan_options o = {
        .all_columns = true, .ignore_deletes = true, .pool = r->lake->pool, .cancel = r->req->cancel
    };
    s->columns = arena_array(r->a, struct column_summary, schema->fields_n);
    for (size_t i = 0; i < schema->fields_n; i++)
        s->columns[i] = (struct column_summary){ .field = &schema->fields[i],
                                                 .bounds = has_range(schema->fields[i].type) };
    s->n = schema->fields_n;
    return scan_plan(r->lake->warehouse, r->lake->env, m, &o, sum_files, s, NULL, err);
}

static void add_value(struct buf *sql, const struct column_summary *c, const struct value *v,
                      struct arena *a)
{
    if (c->bounds && c->any)
        quote_text(sql, value_to_text(v, a));
    else
        buf_lit(sql, "NULL");
}

static void add_number(struct buf *sql, bool known, double v)
{
    if (known)
        buf_printf(sql, "%.17g::DOUBLE, ", v);
    else
        buf_lit(sql, "NULL::DOUBLE, ");
}

static void add_stats_row(struct buf *sql, const struct summary *s, const struct column_summary *c,
                          int64_t distinct)
{
    buf_lit(sql, "(");
    quote_text(sql, c->field->name);
    buf_lit(sql, ", ");
    add_number(sql, c->size >= 0 && type_is_primitive(c->field->type), (double)c->size);
    add_number(sql, distinct >= 0, (double)distinct);
    add_number(sql, c->nulls >= 0 && s->rows > 0 && type_is_primitive(c->field->type),
               (double)c->nulls / (double)(s->rows > 0 ? s->rows : 1));
    buf_lit(sql, "NULL::DOUBLE, ");
    add_value(sql, c, &c->low, s->a);
    buf_lit(sql, ", ");
    add_value(sql, c, &c->high, s->a);
    buf_lit(sql, "), ");
}

static bool answer_stats(struct run *r, const struct metadata *m, const struct summary *s,
                         struct error *err)
{
    struct buf sql = BUF_INIT(ANSWER_SQL_MAX);
    const struct statistics_file *f = statistics_at(m, metadata_snapshot(m));
    buf_lit(&sql, "SELECT * FROM (VALUES ");
    for (size_t i = 0; i < s->n; i++)
        add_stats_row(&sql, s, &s->columns[i], statistics_distinct(f, s->columns[i].field->id));
    buf_lit(&sql, "(NULL, NULL, NULL, NULL, ");
    if (s->rows >= 0)
        buf_printf(&sql, "%lld::DOUBLE", (long long)s->rows);
    else
        buf_lit(&sql, "NULL");
    buf_lit(&sql, ", NULL, NULL)) AS stats(column_name, data_size, distinct_values_count, "
                  "nulls_fraction, row_count, low_value, high_value)");
    bool ok = buf_ok(&sql, "the statistics", err) &&
              session_query(r->session, buf_str(&sql), NULL, 0, &r->out->rows, err);
    buf_deinit(&sql);
    return ok;
}

bool run_show_stats(struct run *r, struct error *err)
{
    struct table t;
    struct summary s = { .a = r->a };
    size_t i = 3, n;
    str *parts;
    if (!lex_is(&r->lex, 2, "FOR") || !lex_name(&r->lex, &i, r->a, &parts, &n) || n < 2 ||
        i != r->lex.n)
        return fail(err, ERR_INVALID, "SHOW STATS is written as SHOW STATS FOR ns.table");
    str ns;
    if (!schema_namespace(r->lake, r->req->branch, arena_join(r->a, parts, n - 1, STR(".")), r->a,
                          &ns, err))
        return false;
    struct securable on = secure_in(SECURABLE_TABLE, ns, parts[n - 1], r->a);
    return access_check_in(r->lake->govern, r->req->access, TABLE_READ_DATA, &on, r->req->branch,
                           err) &&
           catalog_load_table(r->lake->catalog, r->req->branch, ns, parts[n - 1], r->a, &t, err) &&
           summarize(r, t.metadata, metadata_schema(t.metadata), &s, err) &&
           answer_stats(r, t.metadata, &s, err);
}
