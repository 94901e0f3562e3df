/* SPDX-License-Identifier: Apache-2.0
 *
 * One query passes each column through a function in C that feeds its sketch.  Threads of the engine share a sketch: what is above its
 * threshold, which is nearly all of a large table, never takes the lock. */
#include "sql/analyze.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/vec.h"
#include "engine/quote.h"
#include "engine/udf.h"
#include "iceberg/scan.h"
#include "iceberg/statistics.h"
#include "sql/bind.h"
#include "sql/lake.h"
#include "sql/own_run_priv.h"
#include "sql/statistics_priv.h"

#define QUERY_MAX ((size_t)4 << 20)

struct analyzed {
    const struct schema_node *node;
    const char *engine_type;
    pthread_mutex_t lock; /* guards `sketch` */
    struct theta *sketch;
    _Atomic uint64_t limit; /* of the sketch, as it was lately */
    struct theta_compact done;
};

struct analysis {
    struct run *run;
    const struct analyze_request *req;
    struct analyze_result *out;
    struct arena *a;
    struct statistics_of of;
    const struct schema *schema; /* of the snapshot */
    struct analyzed *columns;
    size_t columns_n;
    const struct statistics_file *before; /* of this snapshot or an ancestor; NULL: none */
    struct column_sketch *earlier;        /* in it */
    size_t earlier_n;
    struct statistics_file file;
};

/* ---- The table and its columns. */

static bool has_statistics(const struct type *t)
{
    return type_is_primitive(t) && t->kind != TYPE_UNKNOWN && t->kind != TYPE_VARIANT &&
           t->kind != TYPE_GEOMETRY && t->kind != TYPE_GEOGRAPHY;
}

static bool open_table(struct analysis *x, struct error *err)
{
    x->of = (struct statistics_of){ .run = x->run,
                                    .branch = x->req->branch,
                                    .label = x->req->table,
                                    .access = x->req->access,
                                    .cancel = x->req->cancel };
    if (!statistics_open(&x->of, x->req->snapshot_id, err))
        return false;
    x->schema = x->of.snapshot ? metadata_schema_of(x->of.table.metadata, x->of.snapshot)
                               : metadata_schema(x->of.table.metadata);
    return true;
}

/* Whether the engine can name it as a.b.c: only structs lie above it. */
static bool is_below_structs(const struct schema *s, str name)
{
    for (ptrdiff_t dot; (dot = str_rfind_char(name, '.')) >= 0;) {
        name = str_sub(name, 0, (size_t)dot);
        const struct field *f = schema_field_by_name(s, name, true);
        if (f && f->type->kind != TYPE_STRUCT)
            return false;
    }
    return true;
}

static bool add_column(struct analysis *x, const struct schema_node *node, struct error *err)
{
    struct buf type = BUF_INIT(1 << 16);
    struct analyzed *c = &x->columns[x->columns_n];
    for (size_t i = 0; i < x->columns_n; i++)
        if (x->columns[i].node == node)
            return true;
    if (x->columns_n == ANALYZE_COLUMNS_MAX)
        return fail(err, ERR_LIMIT, "statistics of more than %d columns at once: name some",
                    ANALYZE_COLUMNS_MAX);
    bool ok = sql_type(&type, node->field->type, err);
    if (ok) {
        *c = (struct analyzed){ .node = node, .sketch = theta_create(x->a) };
        c->engine_type = arena_cstr(x->a, buf_str(&type));
        atomic_init(&c->limit, theta_limit(c->sketch));
        pthread_mutex_init(&c->lock, NULL);
        x->columns_n++;
    }
    buf_deinit(&type);
    return ok;
}

static bool add_named(struct analysis *x, str name, struct error *err)
{
    const struct schema_node *node = schema_node_by_name(x->schema, name, false);
    if (!node)
        return fail(err, ERR_NOT_FOUND, "the table " STR_FMT " has no column \"" STR_FMT "\"",
                    STR_ARG(x->req->table), STR_ARG(name));
    if (!has_statistics(node->field->type) || !is_below_structs(x->schema, node->name))
        return fail(err, ERR_INVALID,
                    "there are no statistics of columns like \"" STR_FMT "\" (%s)", STR_ARG(name),
                    type_kind_name(node->field->type->kind));
    return add_column(x, node, err);
}

static bool choose_columns(struct analysis *x, struct error *err)
{
    size_t n = x->req->columns_n ? x->req->columns_n : x->schema->fields_n;
    x->columns =
        arena_array(x->a, struct analyzed, n < ANALYZE_COLUMNS_MAX ? n : ANALYZE_COLUMNS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &x->schema->fields[i];
        if (x->req->columns_n ? !add_named(x, x->req->columns[i], err)
                              : has_statistics(f->type) &&
                                    !add_column(x, schema_node_by_id(x->schema, f->id), err))
            return false;
    }
    return x->columns_n > 0 ||
           fail(err, ERR_INVALID, "the table " STR_FMT " has no column that statistics are made of",
                STR_ARG(x->req->table));
}

/* ---- What was known before. */

static const struct theta_compact *earlier_of(const struct analysis *x, int32_t field_id)
{
    for (size_t i = 0; i < x->earlier_n; i++)
        if (x->earlier[i].field_id == field_id)
            return &x->earlier[i].sketch;
    return NULL;
}

/* Statistics that cannot be read cost a pass over the table, no more. */
static void read_earlier(struct analysis *x)
{
    struct error late = { 0 };
    x->before = statistics_at(x->of.table.metadata, x->of.snapshot);
    if (!x->before || statistics_read(x->run->lake->warehouse, x->before, x->a, &x->earlier,
                                      &x->earlier_n, &late))
        return;
    log_warn("sql", "statistics are made anew: %s", late.msg);
    x->earlier_n = 0;
}

static bool all_known(const struct analysis *x)
{
    for (size_t i = 0; i < x->columns_n; i++)
        if (!earlier_of(x, x->columns[i].node->field->id))
            return false;
    return true;
}

/* Whether no row went away or changed since the earlier statistics. */
static bool only_added_since(const struct analysis *x)
{
    const struct metadata *m = x->of.table.metadata;
    const struct snapshot *s = x->of.snapshot;
    while (s && s->id != x->before->snapshot_id) {
        if (!str_is(s->operation, "append") && !str_is(s->operation, "replace"))
            return false;
        s = s->parent_id == SNAPSHOT_NONE ? NULL : metadata_snapshot_by_id(m, s->parent_id);
    }
    return s != NULL;
}

/* ---- Rows into sketches. */

/* Iceberg's single-value form of an element, in `bytes`. */
static bool element_bytes(const struct column_view *c, size_t i, const struct type *t,
                          struct arena *a, struct buf *bytes, struct error *err)
{
    struct value v;
    if (c->kind == COLUMN_TEXT || c->kind == COLUMN_BLOB) {
        buf_add_str(bytes, column_str(c, i));
        return true;
    }
    if (!column_value(c, i, t, a, &v, err))
        return false;
    value_encode(&v, bytes);
    return true;
}

static bool hash_elements(const struct analyzed *c, const struct udf_call *call, uint64_t *hashes,
                          size_t *n, struct error *err)
{
    const struct column_view *v = &call->args[0];
    uint64_t limit = atomic_load_explicit(&c->limit, memory_order_relaxed), last = 0;
    struct arena *a = arena_create(0); /* bytes of uuids */
    struct buf bytes = BUF_INIT(VALUE_BYTES_MAX * 4);
    bool ok = true;
    *n = 0;
    for (size_t i = 0; ok && i < call->n; i++) {
        if (!column_valid(v, i))
            continue;
        buf_clear(&bytes);
        ok = element_bytes(v, i, c->node->field->type, a, &bytes, err) &&
             buf_ok(&bytes, "a value", err);
        uint64_t hash = ok ? theta_hash(buf_str(&bytes)) : 0;
        if (hash != 0 && hash < limit && hash != last)
            last = hashes[(*n)++] = hash;
    }
    buf_deinit(&bytes);
    arena_destroy(a);
    return ok;
}

static bool feed(void *ctx, const struct udf_call *call, struct error *err)
{
    struct analyzed *c = ctx;
    uint64_t hashes[UDF_ROWS_MAX];
    size_t n;
    if (!hash_elements(c, call, hashes, &n, err))
        return false;
    if (n == 0)
        return true;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < n; i++)
        theta_add(c->sketch, hashes[i]);
    atomic_store_explicit(&c->limit, theta_limit(c->sketch), memory_order_relaxed);
    pthread_mutex_unlock(&c->lock);
    return true;
}

static void quote_path(struct buf *out, str dotted)
{
    str part;
    for (bool more = false; str_next(&dotted, '.', &part); more = true) {
        if (more)
            buf_add_char(out, '.');
        quote_ident(out, part);
    }
}

/* count(feed(column)) */
static bool add_feed(struct analysis *x, struct analyzed *c, struct buf *sql, struct error *err)
{
    struct buf path = BUF_INIT(1 << 20);
    const char *types[] = { c->engine_type };
    struct udf f = {
        .arg_types = types, .args_n = 1, .return_type = "BOOLEAN", .fn = feed, .ctx = c
    };
    str call, arg;
    buf_lit(&path, "firn_t.");
    if (str_eq(c->node->name, c->node->field->name)) /* a name may have dots of its own */
        quote_ident(&path, c->node->name);
    else
        quote_path(&path, c->node->name);
    arg = arena_str(x->a, buf_str(&path));
    buf_deinit(&path);
    if (!udf_add(x->run->session, &f, &arg, x->a, &call, err))
        return false;
    buf_printf(sql, ", count(" STR_FMT ")", STR_ARG(call));
    return true;
}

static bool add_query(struct analysis *x, struct buf *sql, struct error *err)
{
    buf_lit(sql, "SELECT count(*)");
    for (size_t i = 0; i < x->columns_n; i++)
        if (!add_feed(x, &x->columns[i], sql, err))
            return false;
    buf_lit(sql, " FROM ");
    quote_name(sql, (const str[]){ ns_to_text(x->of.ns, x->a), x->of.name }, 2);
    buf_printf(sql, " FOR VERSION AS OF %lld AS firn_t", (long long)x->of.snapshot->id);
    return buf_ok(sql, "the query of the columns", err);
}

static bool read_rows(struct analysis *x, struct error *err)
{
    struct run *r = x->run;
    struct buf sql = BUF_INIT(QUERY_MAX);
    struct bound bound;
    struct scan_range added = { .kind = SCAN_APPENDS, .to_id = x->of.snapshot->id };
    struct bind_request b = { .branch = x->req->branch,
                              .access = x->req->access,
                              .cancel = x->req->cancel };
    str rows;
    bool ok = add_query(x, &sql, err);
    if (x->out->incremental) {
        added.after_id = x->before->snapshot_id;
        b.range = &added;
    }
    b.query = arena_str(x->a, buf_str(&sql));
    buf_deinit(&sql);
    ok = ok && sql_bind(r->lake, r->session, &b, x->a, &bound, err) &&
         session_scalar(r->session, bound.query, x->a, &rows, err);
    return ok && (str_to_i64(rows, &x->out->rows_read) ||
                  fail(err, ERR_INTERNAL, "a count of rows is \"" STR_FMT "\"", STR_ARG(rows)));
}

static void finish_columns(struct analysis *x)
{
    for (size_t i = 0; i < x->columns_n; i++) {
        struct analyzed *c = &x->columns[i];
        const struct theta_compact *parts[] = { &c->done, earlier_of(x, c->node->field->id) };
        theta_finish(c->sketch, x->a, &c->done);
        if (x->out->incremental)
            theta_union(parts, 2, x->a, &c->done);
    }
}

/* ---- The file and the commit. */

/* With the columns of the same snapshot that were not asked for. */
static bool write_file(struct analysis *x, struct error *err)
{
    VEC(struct column_sketch) all = { 0 };
    const struct lake *lake = x->run->lake;
    for (size_t i = 0; i < x->columns_n; i++)
        *vec_push(x->a, &all) =
            (struct column_sketch){ x->columns[i].node->field->id, x->columns[i].done };
    bool same = x->before && x->before->snapshot_id == x->of.snapshot->id;
    for (size_t i = 0; same && i < x->earlier_n; i++) {
        bool made = false;
        for (size_t k = 0; k < x->columns_n; k++)
            made = made || all.at[k].field_id == x->earlier[i].field_id;
        if (!made)
            *vec_push(x->a, &all) = x->earlier[i];
    }
    return statistics_write(lake->warehouse, lake->env, x->of.table.metadata, x->of.snapshot,
                            all.at, all.n, x->a, &x->file, err);
}

static bool commit(struct analysis *x, struct error *err)
{
    struct table_update u = { .kind = UPDATE_SET_STATISTICS, .statistics = x->file };
    if (!statistics_commit(&x->of, &u, x->file.path, "statistics", &x->out->commit_id, err))
        return false;
    if (x->before && x->before->snapshot_id == x->of.snapshot->id)
        statistics_list_garbage(&x->of, "replaced statistics", x->before->path);
    x->out->path = x->file.path;
    x->out->written = true;
    return true;
}

static void report(struct analysis *x)
{
    struct analyze_column *columns = arena_array(x->a, struct analyze_column, x->columns_n);
    for (size_t i = 0; i < x->columns_n; i++) {
        const struct schema_node *node = x->columns[i].node;
        const struct theta_compact *s =
            x->out->written ? &x->columns[i].done : earlier_of(x, node->field->id);
        columns[i] =
            (struct analyze_column){ node->name, node->field->id, (int64_t)theta_estimate(s) };
    }
    x->out->columns = columns;
    x->out->columns_n = x->columns_n;
    x->out->snapshot_id = x->of.snapshot->id;
}

static bool analyze(struct analysis *x, struct error *err)
{
    read_earlier(x);
    if (x->before && x->before->snapshot_id == x->of.snapshot->id && all_known(x)) {
        x->out->path = x->before->path;
        report(x);
        return true;
    }
    x->out->incremental = x->before && x->before->snapshot_id != x->of.snapshot->id &&
                          all_known(x) && only_added_since(x);
    if (!read_rows(x, err))
        return false;
    finish_columns(x);
    if (!write_file(x, err) || !commit(x, err))
        return false;
    report(x);
    return true;
}

bool run_analyze_table(struct run *r, const struct analyze_request *req, struct analyze_result *out,
                       struct error *err)
{
    struct analysis x = { .run = r, .req = req, .out = out, .a = r->a };
    *out = (struct analyze_result){ .snapshot_id = SNAPSHOT_NONE };
    bool ok = open_table(&x, err) && (!x.of.snapshot || choose_columns(&x, err)) &&
              (!x.of.snapshot || analyze(&x, err));
    for (size_t i = 0; i < x.columns_n; i++)
        pthread_mutex_destroy(&x.columns[i].lock);
    return ok;
}

bool maintain_analyze(struct lake *lake, const struct analyze_request *req, struct arena *a,
                      struct analyze_result *out, struct error *err)
{
    struct own_run own;
    if (!own_run_open(&own, lake, req->branch, req->access, req->cancel, a, err))
        return false;
    bool ok = run_analyze_table(&own.run, req, out, err);
    own_run_close(&own);
    return ok || fail_in(err, "analyze " STR_FMT, STR_ARG(req->table));
}
