/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE, UPDATE and MERGE: one SELECT over the table gives the rows that change, into a table of the session:
 *
 *     firn_changes: firn_action   which WHEN of a MERGE, from 1 on; always 1 in DELETE and UPDATE
 *                   firn_file, firn_row   place of the row in the table's files; null for a row that is inserted
 *                   firn_id       its row id (format 3)
 *                   firn_c0 ...   the values of every column afterwards
 *
 * so that conditions and values, whatever they call, are worked out once.  A row of the table may be changed once only. */
#include "codec/roaring.h"
#include "engine/quote.h"
#include "govern/access.h"
#include "iceberg/expr.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "iceberg/value.h"
#include "sql/deletes.h"
#include "sql/dml_priv.h"
#include "sql/lake.h"
#include "sql/schema_name.h"

#define QUERY_MAX ((size_t)64 << 20)

/* ---- The table */

static bool may(struct dml *d, enum privilege privilege, struct error *err)
{
    struct run *r = d->run;
    struct securable on = secure_in(SECURABLE_TABLE, d->ns, d->name, d->a);
    return access_check_in(r->lake->govern, r->req->access, privilege, &on, r->req->branch, err);
}

static const char *const property_of[] = { "delete", "update", "merge" };

/* write.delete.mode and the like. */
static bool read_mode(struct dml *d, struct error *err)
{
    const struct metadata *m = d->table.metadata;
    const char *kind = property_of[d->statement.kind];
    str mode =
        metadata_property(m, arena_printf(d->a, "write.%s.mode", kind).ptr, STR("copy-on-write"));
    str level = metadata_property(m, arena_printf(d->a, "write.%s.isolation-level", kind).ptr,
                                  STR("serializable"));
    d->merge_on_read = str_eq_nocase(mode, STR("merge-on-read")) && m->format_version >= 2;
    d->serializable = str_eq_nocase(level, STR("serializable"));
    if (!str_eq_nocase(mode, STR("merge-on-read")) && !str_eq_nocase(mode, STR("copy-on-write")))
        return fail(err, ERR_INVALID,
                    "write.%s.mode is " STR_FMT ", not copy-on-write or merge-on-read", kind,
                    STR_ARG(mode));
    if (!d->serializable && !str_eq_nocase(level, STR("snapshot")))
        return fail(err, ERR_INVALID,
                    "write.%s.isolation-level is " STR_FMT ", not serializable or snapshot", kind,
                    STR_ARG(level));
    return true;
}

/* The statement's table without the branch that its name may say; the alias stays. */
static bool settle_name(struct dml *d, struct error *err)
{
    struct dml_statement *s = &d->statement;
    if (!schema_name_text(d->run->lake, d->run->req->branch, (const str[]){ s->schema, s->name }, 2,
                          d->a, &s->dotted, err) ||
        !target_name(d->run->lake, d->run->req->branch, s->dotted, d->a, &d->to, err) ||
        !name_split(d->to.table, d->a, &d->ns, &d->name, err))
        return false;
    if (d->to.named) {
        s->dotted = d->to.table;
        s->schema = ns_to_text(d->ns, d->a);
        s->name = d->name;
    }
    return true;
}

bool dml_open(struct dml *d, struct error *err)
{
    struct run *r = d->run;
    const struct dml_statement *s = &d->statement;
    if (!settle_name(d, err) || !may(d, TABLE_WRITE_DATA, err) || !may(d, TABLE_READ_DATA, err) ||
        !catalog_load_table(r->lake->catalog, r->req->branch, d->ns, d->name, d->a, &d->table,
                            err) ||
        !target_settle(d->table.metadata, r->req->settings, &d->to, err) || !read_mode(d, err))
        return false;
    d->schema = metadata_schema(d->table.metadata);
    d->lineage = d->table.metadata->format_version >= 3;
    d->target =
        (struct bind_target){ .schema = s->schema,
                              .name = s->name,
                              .view = arena_printf(d->a, STR_FMT "@target", STR_ARG(s->name)),
                              .table = &d->table,
                              .ref = d->to.branch,
                              .metadata = d->lineage ? SCAN_COLUMN_ROW_ID : 0 };
    return true;
}

/* ---- A DELETE that the files' metrics answer */

static bool is_exact(const struct expr *e)
{
    if (e->op == EXPR_NE || e->op == EXPR_NOT_IN || e->op == EXPR_NOT_STARTS_WITH)
        return false; /* these hold for null, where SQL's do not */
    if (e->type && e->type->kind == TYPE_FLOAT)
        return false; /* the engine may compare as double, where 0.1 is another number */
    for (size_t i = 0; i < e->args_n; i++)
        if (!is_exact(e->args[i]))
            return false;
    return true;
}

/* The condition as a filter that means the same; NULL when it is not certain to. */
static const struct expr *exact_filter(struct dml *d)
{
    const struct expr *unbound, *bound;
    struct error ignored = { 0 };
    if (!d->statement.condition.len)
        return d->statement.source.len ? NULL : expr_true();
    if (d->statement.source.len || !expr_parse(d->statement.condition, d->a, &unbound, &ignored) ||
        !expr_bind(unbound, d->schema, false, d->a, &bound, &ignored) || !is_exact(bound))
        return NULL;
    return unbound;
}

struct whole {
    struct dml *d;
    struct deletes *deletes;
    bool all; /* every file that may match does so whole */
    VEC(struct target_file) files;
};

static bool take_whole(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct whole *w = ctx;
    for (size_t i = 0; i < n && w->all; i++) {
        struct target_file *f = vec_push(w->d->a, &w->files);
        struct data_file *copy = arena_new(w->d->a, struct data_file);
        w->all = tasks[i].residual->op == EXPR_TRUE;
        data_file_copy(tasks[i].file, w->d->a, copy);
        f->file = copy;
        if (!deletes_note(w->deletes, &tasks[i], &f->deletes, err))
            return false;
        w->all = w->all && !(f->deletes && f->deletes->equality); /* how many rows is not known */
    }
    return true;
}

/* *done: nothing but metadata has to be read, and the files to go are noted. */
static bool delete_whole_files(struct dml *d, bool *done, struct error *err)
{
    struct run *r = d->run;
    const struct expr *filter = exact_filter(d);
    *done = false;
    if (!filter)
        return true;
    struct whole w = { .d = d, .all = true };
    w.deletes = deletes_create(r->lake, d->table.metadata, d->schema, d->a);
    struct scan_options o = {
        .filter = filter, .residuals = true, .pool = r->lake->pool, .cancel = r->req->cancel
    };
    if (metadata_ref(d->table.metadata, d->to.branch))
        o.at.ref = d->to.branch;
    if (!scan_plan(r->lake->warehouse, r->lake->env, d->table.metadata, &o, take_whole, &w, NULL,
                   err))
        return false;
    if (!w.all)
        return true;
    if (!deletes_load(w.deletes, r->session, r->req->cancel, err))
        return false;
    for (size_t i = 0; i < w.files.n; i++) {
        struct target_file *f = &w.files.at[i];
        d->rows += f->file->records;
        if (f->deletes)
            d->rows -= (int64_t)positions_count(f->deletes->deleted);
        dml_remove_file(d, f);
    }
    d->filter = filter;
    *done = true;
    return true;
}

/* ---- The query */

static bool find_column(const struct dml *d, str name, size_t *out, struct error *err)
{
    for (size_t i = 0; i < d->schema->fields_n; i++)
        if (str_eq_nocase(d->schema->fields[i].name, name)) {
            *out = i;
            return true;
        }
    return fail(err, ERR_INVALID, "the table " STR_FMT " has no column " STR_FMT,
                STR_ARG(d->statement.dotted), STR_ARG(name));
}

static void add_member(struct buf *sql, str of, str name)
{
    quote_ident(sql, of);
    buf_add_char(sql, '.');
    quote_ident(sql, name);
}

/* CAST(expression AS the column's type) */
static bool add_cast(const struct dml *d, struct buf *sql, size_t column, str value,
                     struct error *err)
{
    buf_printf(sql, "CAST((" STR_FMT ") AS ", STR_ARG(value));
    bool ok = sql_type(sql, d->schema->fields[column].type, err);
    buf_add_char(sql, ')');
    return ok;
}

/* What an action makes of a column; ptr NULL: it says nothing. */
static bool value_of(struct dml *d, const struct dml_action *x, size_t column, str *out,
                     struct error *err)
{
    const struct field *f = &d->schema->fields[column];
    struct buf sql = BUF_INIT(QUERY_MAX);
    *out = (str){ 0 };
    for (size_t i = 0; i < x->sets_n; i++) {
        size_t at = i;
        if (x->sets[i].column.len && !find_column(d, x->sets[i].column, &at, err))
            return false;
        if (at == column)
            *out = x->sets[i].value;
    }
    if (str_eq_nocase(*out, STR("DEFAULT"))) {
        if (!quote_default(&sql, f, err))
            return false;
    } else if (x->all)
        add_member(&sql, d->statement.source_alias, f->name);
    else if (!out->len && x->what == DO_UPDATE)
        add_member(&sql, d->statement.alias, f->name);
    else if (!out->len && x->what == DO_INSERT && !quote_default(&sql, f, err))
        return false;
    if (sql.len)
        *out = arena_str(d->a, buf_str(&sql));
    buf_deinit(&sql);
    return true;
}

static bool check_sets(struct dml *d, struct error *err)
{
    for (size_t i = 0; i < d->statement.actions_n; i++) {
        const struct dml_action *x = &d->statement.actions[i];
        bool by_place = x->sets_n && !x->sets[0].column.len;
        size_t at;
        if (by_place && x->sets_n != d->schema->fields_n)
            return fail(err, ERR_INVALID, "INSERT has %zu values, the table %zu columns", x->sets_n,
                        d->schema->fields_n);
        for (size_t k = 0; !by_place && k < x->sets_n; k++)
            if (!find_column(d, x->sets[k].column, &at, err))
                return false;
    }
    return true;
}

/* , CASE firn_action WHEN 1 THEN ... END AS firn_c0 */
static bool add_values(struct dml *d, struct buf *sql, struct error *err)
{
    for (size_t c = 0; c < d->schema->fields_n; c++) {
        bool any = false;
        buf_lit(sql, ", CASE firn_action");
        for (size_t i = 0; i < d->statement.actions_n; i++) {
            const struct dml_action *x = &d->statement.actions[i];
            str value;
            if (x->what != DO_UPDATE && x->what != DO_INSERT)
                continue;
            if (!value_of(d, x, c, &value, err))
                return false;
            buf_printf(sql, " WHEN %zu THEN ", i + 1);
            if (!add_cast(d, sql, c, value, err))
                return false;
            any = true;
        }
        if (any)
            buf_printf(sql, " END AS firn_c%zu", c);
        else
            buf_printf(sql, " WHEN 0 THEN 0 END AS firn_c%zu", c);
    }
    return true;
}

/* CASE WHEN (condition) THEN 1 WHEN ... END, of the actions of one kind of row. */
static void add_choice(const struct dml *d, enum dml_when when, struct buf *sql)
{
    bool any = false;
    for (size_t i = 0; i < d->statement.actions_n; i++) {
        const struct dml_action *x = &d->statement.actions[i];
        if (x->when != when)
            continue;
        buf_printf(sql, "%s WHEN (" STR_FMT ") THEN ", any ? "" : "CASE",
                   STR_ARG(x->condition.len ? x->condition : STR("true")));
        if (x->what == DO_NOTHING)
            buf_lit(sql, "NULL");
        else
            buf_printf(sql, "%zu", i + 1);
        any = true;
    }
    buf_add_str(sql, any ? STR(" END") : STR("NULL"));
}

static bool has(const struct dml *d, enum dml_when when)
{
    for (size_t i = 0; i < d->statement.actions_n; i++)
        if (d->statement.actions[i].when == when)
            return true;
    return false;
}

static void add_target(const struct dml *d, struct buf *sql)
{
    quote_name(sql, (const str[]){ d->target.schema, d->target.view }, 2);
    buf_lit(sql, " AS ");
    quote_ident(sql, d->statement.alias);
}

/* Place, row id and values; the caller has written the action. */
static bool add_columns(struct dml *d, struct buf *sql, struct error *err)
{
    str alias = d->statement.alias;
    buf_lit(sql, ", ");
    add_member(sql, alias, STR("file_index"));
    buf_lit(sql, " AS firn_file, ");
    add_member(sql, alias, STR("file_row_number"));
    buf_lit(sql, " AS firn_row");
    if (d->statement.kind == DML_DELETE)
        return true;
    if (d->lineage) {
        buf_lit(sql, ", ");
        add_member(sql, alias, STR("_row_id"));
        buf_lit(sql, " AS firn_id");
    }
    return add_values(d, sql, err);
}

/* DELETE and UPDATE. */
static bool plain_query(struct dml *d, struct buf *sql, struct error *err)
{
    const struct dml_statement *s = &d->statement;
    buf_lit(sql, "SELECT 1 AS firn_action");
    if (!add_columns(d, sql, err))
        return false;
    buf_lit(sql, " FROM ");
    add_target(d, sql);
    if (s->source.len)
        buf_printf(sql, ", " STR_FMT, STR_ARG(s->source));
    if (s->condition.len)
        buf_printf(sql, " WHERE (" STR_FMT ")", STR_ARG(s->condition));
    return true;
}

static void add_on(const struct dml *d, struct buf *sql)
{
    const struct dml_statement *s = &d->statement;
    buf_lit(sql, " ON (");
    for (size_t i = 0; i < s->columns_n; i++) {
        if (i)
            buf_lit(sql, " AND ");
        add_member(sql, s->alias, s->columns[i]);
        buf_lit(sql, " = ");
        add_member(sql, s->source_alias, s->columns[i]);
    }
    buf_add_str(sql, s->condition);
    buf_add_char(sql, ')');
}

static bool merge_query(struct dml *d, struct buf *sql, struct error *err)
{
    const struct dml_statement *s = &d->statement;
    bool keep_target = has(d, WHEN_NOT_MATCHED_BY_SOURCE), keep_source = has(d, WHEN_NOT_MATCHED);
    struct buf here = BUF_INIT(1 << 20);
    add_member(&here, s->alias, STR("file_index"));
    buf_printf(sql, "SELECT * FROM (SELECT CASE WHEN " STR_FMT " IS NULL THEN ",
               STR_ARG(buf_str(&here)));
    add_choice(d, WHEN_NOT_MATCHED, sql);
    buf_lit(sql, " WHEN ");
    add_member(sql, s->source_alias, STR("firn_present"));
    buf_lit(sql, " THEN ");
    add_choice(d, WHEN_MATCHED, sql);
    buf_lit(sql, " ELSE ");
    add_choice(d, WHEN_NOT_MATCHED_BY_SOURCE, sql);
    buf_lit(sql, " END AS firn_action");
    buf_deinit(&here);
    if (!add_columns(d, sql, err))
        return false;
    buf_lit(sql, " FROM ");
    add_target(d, sql);
    buf_printf(sql, " %s JOIN (SELECT *, true AS firn_present FROM " STR_FMT ") AS ",
               keep_target   ? keep_source ? "FULL" : "LEFT"
               : keep_source ? "RIGHT"
                             : "INNER",
               STR_ARG(s->source));
    quote_ident(sql, s->source_alias);
    add_on(d, sql);
    buf_lit(sql, ") WHERE firn_action IS NOT NULL");
    return true;
}

/* ---- Running it */

static bool find_changes(struct dml *d, struct error *err)
{
    struct run *r = d->run;
    struct buf sql = BUF_INIT(QUERY_MAX);
    struct result *made = NULL;
    bool ok =
        check_sets(d, err) &&
        (d->statement.kind == DML_MERGE ? merge_query(d, &sql, err) : plain_query(d, &sql, err)) &&
        buf_ok(&sql, "the statement", err);
    struct bind_request b = run_bind(
        r, arena_printf(d->a, STR_FMT " " STR_FMT, STR_ARG(r->with), STR_ARG(buf_str(&sql))));
    b.target = &d->target;
    buf_deinit(&sql);
    if (!ok || !sql_bind(r->lake, r->session, &b, d->a, &d->bound, err))
        return false;
    str create =
        arena_printf(d->a, "CREATE TABLE firn_changes AS " STR_FMT, STR_ARG(d->bound.query));
    const struct chunk *c;
    ok = session_query(r->session, create, r->params, r->req->params_n, &made, err);
    while (ok && (ok = result_next(made, &c, err)) && c)
        ;
    result_close(made);
    return ok;
}

/* One WHEN MATCHED THEN DELETE cannot contradict itself. */
static bool may_match_twice(const struct dml *d)
{
    const struct dml_action *x = d->statement.actions;
    for (size_t i = 0; i < d->statement.actions_n; i++)
        if (x[i].when == WHEN_MATCHED && (x[i].what != DO_DELETE || x[i].condition.len))
            return false;
    return true;
}

static bool check_once(struct dml *d, struct error *err)
{
    str n;
    if (may_match_twice(d))
        return true;
    if (!session_scalar(d->run->session,
                        STR("SELECT count(*) FROM (SELECT 1 FROM firn_changes WHERE firn_file IS "
                            "NOT NULL GROUP BY firn_file, firn_row HAVING count(*) > 1)"),
                        d->a, &n, err))
        return false;
    return str_is(n, "0") ||
           fail(err, ERR_INVALID,
                "%s rows of " STR_FMT " match more than one row of the source each",
                arena_cstr(d->a, n), STR_ARG(d->statement.dotted));
}

static bool take_places(struct dml *d, const struct chunk *c, struct error *err)
{
    const uint64_t *file = c->columns[0].data;
    const int64_t *row = c->columns[1].data;
    for (size_t i = 0, end; i < c->n; i = end) {
        if (file[i] >= d->target.files_n)
            return fail(err, ERR_INTERNAL, "a row of file %llu of %zu", (unsigned long long)file[i],
                        d->target.files_n);
        struct positions **p = &d->matched[file[i]];
        if (!*p)
            *p = positions_create(d->a);
        for (end = i + 1; end < c->n && file[end] == file[i];)
            end++;
        positions_add_many(*p, row + i, end - i);
    }
    return true;
}

static bool read_places(struct dml *d, struct error *err)
{
    struct result *r;
    const struct chunk *c;
    bool ok;
    d->matched = arena_array(d->a, struct positions *, d->target.files_n);
    if (!session_query(d->run->session,
                       STR("SELECT firn_file, firn_row FROM firn_changes WHERE firn_file IS NOT "
                           "NULL ORDER BY ALL"),
                       NULL, 0, &r, err))
        return false;
    while ((ok = result_next(r, &c, err)) && c)
        if (!(ok = take_places(d, c, err)))
            break;
    result_close(r);
    for (size_t i = 0; i < d->target.files_n; i++)
        d->rows += (int64_t)positions_count(d->matched[i]);
    return ok;
}

/* The query for rows that UPDATE and INSERT make; counts those inserted. */
static bool new_rows(struct dml *d, struct error *err)
{
    struct buf sql = BUF_INIT(QUERY_MAX), which = BUF_INIT(1 << 20);
    str inserted, any = STR("0");
    for (size_t i = 0; i < d->statement.actions_n; i++) {
        enum dml_do what = d->statement.actions[i].what;
        if (what == DO_UPDATE || what == DO_INSERT)
            buf_printf(&which, "%s%zu", which.len ? ", " : "", i + 1);
    }
    bool ok = session_scalar(d->run->session,
                             STR("SELECT count(*) FROM firn_changes WHERE firn_file IS NULL"), d->a,
                             &inserted, err);
    int64_t n = 0;
    d->rows += ok && str_to_i64(inserted, &n) ? n : 0;
    if (ok && which.len)
        ok = session_scalar(
            d->run->session,
            arena_printf(d->a,
                         "SELECT count(*) FROM firn_changes WHERE firn_action IN (" STR_FMT ")",
                         STR_ARG(buf_str(&which))),
            d->a, &any, err);
    if (ok && !str_is(any, "0")) {
        for (size_t c = 0; c < d->schema->fields_n; c++)
            buf_printf(&sql, "%sfirn_c%zu", c ? ", " : "SELECT ", c);
        if (d->lineage)
            buf_lit(&sql, ", firn_id, CAST(NULL AS BIGINT)");
        buf_printf(&sql, " FROM firn_changes WHERE firn_action IN (" STR_FMT ")",
                   STR_ARG(buf_str(&which)));
        d->new_rows = arena_str(d->a, buf_str(&sql));
    }
    buf_deinit(&sql);
    buf_deinit(&which);
    return ok;
}

static bool change_rows(struct dml *d, struct error *err)
{
    if (!find_changes(d, err) || !check_once(d, err) || !read_places(d, err) || !new_rows(d, err))
        return false;
    d->filter = d->target.filter;
    return dml_write(d, err);
}

bool dml_change(struct dml *d, struct error *err)
{
    bool done = false;
    if (d->statement.kind == DML_DELETE && !delete_whole_files(d, &done, err))
        return false;
    return done || change_rows(d, err);
}

bool run_change(struct run *r, struct error *err)
{
    struct dml d = { .run = r, .a = r->a };
    if (!dml_short_names(&r->lex, d.a, err) || !dml_parse(&r->lex, d.a, &d.statement, err) ||
        !dml_open(&d, err))
        return false;
    d.deletes_only = d.statement.kind == DML_DELETE;
    if (dml_change(&d, err) && dml_commit(&d, err))
        return true;
    dml_drop(&d);
    return false;
}
