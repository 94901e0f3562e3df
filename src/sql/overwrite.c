/* SPDX-License-Identifier: Apache-2.0
 *
 * A DELETE of what is replaced, and the query's rows, in one snapshot.  The rows are written first: then the partitions that a
 * dynamic overwrite replaces are known. */
#include "sql/overwrite.h"

#include "base/map.h"
#include "engine/quote.h"
#include "iceberg/metadata.h"
#include "iceberg/pick.h"
#include "iceberg/scan.h"
#include "io/store.h"
#include "sql/deletes.h"
#include "sql/dml_priv.h"
#include "sql/lake.h"
#include "sql/settings.h"
#include "sql/write.h"

#define QUERY_MAX ((size_t)64 << 20)
#define MODE_PROPERTY "firn.overwrite-mode"

/* One of PARTITION (...); an empty value: it is in the query. */
struct static_value {
    str column, value;
};

struct overwrite {
    struct dml d;
    VEC(struct static_value) partition;
    VEC(str) columns; /* of the query, by name; none: by place */
    bool replace_where, by_name;
    bool dynamic;
    str query;
    const struct data_file *rows;
    size_t rows_n;
};

/* ---- The words */

static bool table_word(const struct lex *lex, size_t i)
{
    return lex_is(lex, i, "TABLE");
}

bool overwrite_begins(const struct lex *lex)
{
    if (lex_is(lex, 1, "OVERWRITE"))
        return true;
    if (!lex_is(lex, 1, "INTO"))
        return false;
    size_t i = 2 + table_word(lex, 2);
    while (i < lex->n && (lex->at[i].kind == LEX_WORD || lex->at[i].kind == LEX_QUOTED)) {
        i++;
        if (!lex_is(lex, i, "."))
            break;
        i++;
    }
    i += lex_match(lex, i, "BY NAME");
    if (lex_is(lex, i, "(") && lex_close(lex, i) < lex->n)
        i = lex_close(lex, i) + 1;
    return lex_match(lex, i, "REPLACE WHERE") > 0;
}

static bool begins_query(const struct lex *lex, size_t i)
{
    return lex_is(lex, i, "SELECT") || lex_is(lex, i, "WITH") || lex_is(lex, i, "VALUES") ||
           lex_is(lex, i, "FROM") || lex_is(lex, i, "TABLE");
}

static bool read_name(struct run *r, size_t *i, struct dml_statement *s, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(&r->lex, i, r->a, &parts, &n) || n < 2)
        return fail(err, ERR_INVALID, "the full name of a table, such as ns.t, is missing");
    *s = (struct dml_statement){ .kind = DML_DELETE,
                                 .schema = arena_join(r->a, parts, n - 1, STR(".")),
                                 .name = parts[n - 1],
                                 .alias = parts[n - 1] };
    return true;
}

/* (a = 1, b) */
static bool read_partition(struct overwrite *o, size_t *i, struct error *err)
{
    struct run *r = o->d.run;
    size_t end = lex_is(&r->lex, *i, "(") ? lex_close(&r->lex, *i) : r->lex.n;
    if (end >= r->lex.n)
        return fail(err, ERR_INVALID, "PARTITION is written as PARTITION (column = value, ...)");
    for (size_t k = *i + 1; k < end;) {
        struct static_value *v = vec_push(r->a, &o->partition);
        v->column = lex_ident(r->lex.at[k++], r->a);
        size_t from = k + 1;
        bool given = lex_is(&r->lex, k, "=");
        while (k < end && !lex_is(&r->lex, k, ","))
            k = lex_is(&r->lex, k, "(") ? lex_close(&r->lex, k) + 1 : k + 1;
        if (given)
            v->value = lex_span(&r->lex, from, k);
        if (given ? !v->value.len : k != from - 1)
            return fail(err, ERR_INVALID,
                        "PARTITION is written as PARTITION (column = value, ...)");
        k++;
    }
    *i = end + 1;
    return true;
}

static bool read_columns(struct overwrite *o, size_t *i, struct error *err)
{
    struct run *r = o->d.run;
    size_t end = lex_close(&r->lex, *i);
    if (end >= r->lex.n)
        return fail(err, ERR_INVALID, "a closing parenthesis is missing in INSERT");
    for (size_t k = *i + 1; k < end; k += 2) {
        if (r->lex.at[k].kind != LEX_WORD && r->lex.at[k].kind != LEX_QUOTED)
            return fail(err, ERR_INVALID, "a list of columns holds \"" STR_FMT "\"",
                        STR_ARG(r->lex.at[k].text));
        *vec_push(r->a, &o->columns) = lex_ident(r->lex.at[k], r->a);
    }
    *i = end + 1;
    return true;
}

/* The condition goes up to where a query begins. */
static bool read_where(struct overwrite *o, size_t *i, struct error *err)
{
    struct run *r = o->d.run;
    size_t from = *i;
    while (*i < r->lex.n && !begins_query(&r->lex, *i))
        *i = lex_is(&r->lex, *i, "(") ? lex_close(&r->lex, *i) + 1 : *i + 1;
    if (*i >= r->lex.n || *i == from)
        return fail(err, ERR_INVALID, "REPLACE WHERE needs a condition and then a query");
    o->d.statement.condition = lex_span(&r->lex, from, *i);
    o->replace_where = true;
    return true;
}

static bool read_statement(struct overwrite *o, struct error *err)
{
    struct run *r = o->d.run;
    const struct lex *lex = &r->lex;
    size_t i = 2 + table_word(lex, 2);
    if (!read_name(r, &i, &o->d.statement, err))
        return false;
    if (lex_is(lex, i, "PARTITION") && (i++, !read_partition(o, &i, err)))
        return false;
    if (lex_match(lex, i, "BY NAME")) {
        o->by_name = true;
        i += 2;
    }
    if (lex_is(lex, i, "(") && !begins_query(lex, i + 1) && !lex_is(lex, i + 1, "(") &&
        !read_columns(o, &i, err))
        return false;
    if (lex_match(lex, i, "REPLACE WHERE") && (i += 2, !read_where(o, &i, err)))
        return false;
    o->query = lex_span(lex, i < lex->n ? i : lex->n, lex->n);
    return i < lex->n || fail(err, ERR_INVALID, "INSERT needs VALUES or a query");
}

/* ---- What is replaced */

static bool is_partition_column(const struct overwrite *o, str column)
{
    const struct metadata *m = o->d.table.metadata;
    const struct partition_spec *spec = metadata_spec(m);
    const struct field *f = schema_field_by_name(metadata_schema(m), column, false);
    for (size_t i = 0; f && i < spec->fields_n; i++)
        if (spec->fields[i].source_id == f->id &&
            spec->fields[i].transform.kind == TRANSFORM_IDENTITY)
            return true;
    return false;
}

static bool read_mode(struct overwrite *o, struct error *err)
{
    str mode = settings_get(o->d.run->req->settings, SETTING_OVERWRITE_MODE);
    if (!mode.len)
        mode = metadata_property(o->d.table.metadata, MODE_PROPERTY, STR("static"));
    o->dynamic = !o->replace_where && str_eq_nocase(mode, STR("dynamic"));
    return o->dynamic || str_eq_nocase(mode, STR("static")) || o->replace_where ||
           fail(err, ERR_INVALID, MODE_PROPERTY " is \"" STR_FMT "\", not static or dynamic",
                STR_ARG(mode));
}

/* a = 1 AND b IS NOT DISTINCT FROM NULL */
static bool settle_condition(struct overwrite *o, struct error *err)
{
    struct buf sql = BUF_INIT(1 << 20);
    for (size_t i = 0; i < o->partition.n; i++) {
        const struct static_value *v = &o->partition.at[i];
        if (!is_partition_column(o, v->column)) {
            buf_deinit(&sql);
            return fail(err, ERR_INVALID,
                        "\"" STR_FMT "\" is no partition of the table by a column's own value",
                        STR_ARG(v->column));
        }
        if (!v->value.len)
            continue;
        bool null = str_eq_nocase(v->value, STR("NULL"));
        buf_printf(&sql, "%s", sql.len ? " AND " : "");
        quote_ident(&sql, v->column);
        buf_printf(&sql, null ? " IS NULL" : " = " STR_FMT, STR_ARG(v->value));
    }
    if (!o->replace_where)
        o->d.statement.condition = arena_str(o->d.a, buf_str(&sql));
    bool ok = buf_ok(&sql, "the condition", err);
    buf_deinit(&sql);
    return ok;
}

/* ---- The rows */

static str given_value(const struct overwrite *o, str column)
{
    for (size_t i = 0; i < o->partition.n; i++)
        if (str_eq_nocase(o->partition.at[i].column, column))
            return o->partition.at[i].value;
    return (str){ 0 };
}

/* The place among the query's columns of a column of the table; -1: it is left out. */
static ptrdiff_t place_in_list(const struct overwrite *o, str column)
{
    for (size_t i = 0; i < o->columns.n; i++)
        if (str_eq_nocase(o->columns.at[i], column))
            return (ptrdiff_t)i;
    return -1;
}

static bool has_column(const struct schema *s, str name)
{
    for (size_t i = 0; i < s->fields_n; i++)
        if (str_eq_nocase(s->fields[i].name, name))
            return true;
    return false;
}

static bool check_list(const struct overwrite *o, size_t n, struct error *err)
{
    const struct schema *s = o->d.schema;
    size_t want = s->fields_n;
    for (size_t i = 0; i < o->columns.n; i++)
        if (!has_column(s, o->columns.at[i]))
            return fail(err, ERR_INVALID, "the table has no column \"" STR_FMT "\"",
                        STR_ARG(o->columns.at[i]));
    for (size_t i = 0; i < o->partition.n; i++)
        want -= o->partition.at[i].value.len > 0;
    want = o->columns.n ? o->columns.n : want;
    return n == want ||
           fail(err, ERR_INVALID, "the query has %zu columns, where %zu are wanted", n, want);
}

/* SELECT of the table's columns in order, over the query whose columns are q0, q1, ... */
static bool rows_query(struct overwrite *o, str bound, size_t n, struct buf *sql, struct error *err)
{
    const struct schema *s = o->d.schema;
    size_t next = 0;
    if (!check_list(o, n, err))
        return false;
    buf_lit(sql, "SELECT ");
    for (size_t i = 0; i < s->fields_n; i++) {
        str value = given_value(o, s->fields[i].name);
        ptrdiff_t at = o->columns.n ? place_in_list(o, s->fields[i].name)
                       : value.len  ? -1
                                    : (ptrdiff_t)next++;
        buf_printf(sql, i ? ", " : "");
        if (value.len)
            buf_printf(sql, "(" STR_FMT ")", STR_ARG(value));
        else if (at >= 0)
            buf_printf(sql, "q%td", at);
        else
            buf_lit(sql, "NULL");
    }
    buf_printf(sql, " FROM (" STR_FMT "\n) AS firn_query(", STR_ARG(bound));
    for (size_t i = 0; i < n; i++)
        buf_printf(sql, "%sq%zu", i ? ", " : "", i);
    buf_add_char(sql, ')');
    return buf_ok(sql, "the query", err);
}

static bool has_values(const struct overwrite *o)
{
    for (size_t i = 0; i < o->partition.n; i++)
        if (o->partition.at[i].value.len)
            return true;
    return false;
}

static bool write_rows(struct overwrite *o, struct error *err)
{
    struct dml *d = &o->d;
    struct run *r = d->run;
    struct bind_request b = run_bind(r, o->query);
    struct result_column *columns;
    struct buf sql = BUF_INIT(QUERY_MAX);
    size_t n;
    if (!sql_bind(r->lake, r->session, &b, d->a, &d->bound, err) ||
        !session_describe(r->session, d->bound.query, d->a, &columns, &n, err))
        return false;
    if (o->by_name) /* the query's own names */
        for (size_t i = 0; i < n; i++)
            *vec_push(d->a, &o->columns) = columns[i].name;
    /* Values of PARTITION are expressions, too: what they name is looked up and asked about like the query. */
    bool ok = rows_query(o, has_values(o) ? o->query : d->bound.query, n, &sql, err);
    str query = arena_str(d->a, buf_str(&sql));
    buf_deinit(&sql);
    if (ok && has_values(o)) {
        b.query = query;
        ok = sql_bind(r->lake, r->session, &b, d->a, &d->bound, err);
        query = d->bound.query;
    }
    struct rows_request req = { .session = r->session,
                                .table = d->table.metadata,
                                .query = query,
                                .params = r->params,
                                .params_n = r->req->params_n,
                                .cancel = r->req->cancel };
    return ok && sql_write_rows(r->lake, &req, d->a, &o->rows, &o->rows_n, err);
}

/* ---- Partitions that go */

struct leaving {
    struct overwrite *o;
    struct deletes *deletes;
    struct map partitions;
    bool all; /* an unpartitioned table is one partition */
};

static bool take_leaving(void *ctx, const struct scan_task *tasks, size_t n, struct error *err)
{
    struct leaving *l = ctx;
    struct dml *d = &l->o->d;
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = tasks[i].file;
        if (!l->all && !map_get(&l->partitions, data_file_partition_key(f, d->a)))
            continue;
        struct data_file *copy = arena_new(d->a, struct data_file);
        struct target_file gone = { .file = copy };
        data_file_copy(f, d->a, copy);
        if (!deletes_note(l->deletes, &tasks[i], &gone.deletes, err))
            return false;
        dml_remove_file(d, &gone);
    }
    return true;
}

static bool remove_partitions(struct overwrite *o, struct error *err)
{
    struct dml *d = &o->d;
    struct run *r = d->run;
    const struct metadata *m = d->table.metadata;
    struct leaving l = { .o = o, .all = partition_spec_is_unpartitioned(metadata_spec(m)) };
    struct scan_options so = { .cancel = r->req->cancel };
    if (metadata_ref(m, d->to.branch))
        so.at.ref = d->to.branch;
    l.deletes = deletes_create(r->lake, m, d->schema, d->a);
    map_init(&l.partitions, d->a);
    for (size_t i = 0; i < o->rows_n; i++)
        map_put(&l.partitions, data_file_partition_key(&o->rows[i], d->a), o);
    if (!l.all) {
        d->partitions = o->rows;
        d->partitions_n = o->rows_n;
    }
    return o->rows_n == 0 ||
           scan_plan(r->lake->warehouse, r->lake->env, m, &so, take_leaving, &l, NULL, err);
}

/* ---- All of it */

static void join_files(struct overwrite *o)
{
    struct dml *d = &o->d;
    struct data_file *all = arena_array(d->a, struct data_file, d->added_n + o->rows_n);
    int64_t rows = 0;
    for (size_t i = 0; i < d->added_n; i++)
        all[i] = d->added[i];
    for (size_t i = 0; i < o->rows_n; i++) {
        all[d->added_n + i] = o->rows[i];
        rows += o->rows[i].records;
    }
    d->added = all;
    d->added_n += o->rows_n;
    d->rows = rows;
}

static bool overwrite(struct overwrite *o, struct error *err)
{
    static const struct write_prop replaces[] = { { STR_INIT(REPLACE_PARTITIONS),
                                                    STR_INIT("true") } };
    struct dml *d = &o->d;
    d->overwrites = true;
    if (!write_rows(o, err))
        return false;
    struct bound source = d->bound;
    bool ok = o->dynamic ? remove_partitions(o, err) : dml_change(d, err);
    join_files(o);
    if (d->bound.scans != source.scans) /* what the rows were made of is what counts */
        d->bound = source;
    if (o->dynamic && !d->run->summary_n) {
        d->run->summary = replaces;
        d->run->summary_n = 1;
    }
    return ok && dml_commit(d, err);
}

bool run_overwrite(struct run *r, struct error *err)
{
    struct overwrite o = { .d = { .run = r, .a = r->a } };
    if (!read_statement(&o, err) || !dml_open(&o.d, err) || !read_mode(&o, err) ||
        !settle_condition(&o, err))
        return false;
    if (overwrite(&o, err))
        return true;
    dml_drop(&o.d);
    return false;
}
