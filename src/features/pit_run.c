/* SPDX-License-Identifier: Apache-2.0
 *
 * Three scans.  The entity relation is fed to the kernel; the files that may matter are offered to
 * it, keys and times only; the files that hold winners are read again for the features.  Each is
 * SELECT count(*) ... WHERE f(columns), where f is a function of ours that answers false: so the
 * engine decodes, prunes and spreads the work over its threads as for any query, and no row ever
 * leaves its pipeline.
 *
 * The range of times (and of an integer key) goes into the scan as an ordinary filter as well, which
 * skips row groups where files are sorted; unless the files' bounds say that it leaves out next to
 * nothing, since comparing each row costs as much as reading one in ten.
 *
 * The scan of keys and times leaves created timestamps out when it can: they decide between rows of
 * one key and one ts only, and are read in a second scan when there are such. */
#include "features/pit_run.h"

#include <stdio.h>

#include "base/buf.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "engine/udf.h"
#include "features/pit_column.h"
#include "iceberg/value.h"

#define PIT_SQL_BYTES_MAX ((size_t)256 << 20)
#define PIT_RUN_GAP 65536 /* rows; half a usual row group: less is not worth a scan of its own */
#define PIT_RUNS_MAX 256  /* scans of one query in the second pass */
#define PIT_TIES_MAX 1000 /* met without created, before the scan starts again with it */
#define PIT_LEFT_OUT 0.06 /* the share of rows left out from which a filter in the scan pays */
#define PIT_TIME_TEXT_MAX                                                                          \
    250000000000000000 /* us; later than year 9800 nothing is written as text */

struct run {
    struct session *session;
    struct arena *arena;
    const struct pit_entities *entities;
    const struct pit_view *view;
    struct pit_config config;
    struct pit *kernel;
    struct pit_files files;
    struct pit_relation view_columns; /* those of the entities: entities->columns */
    const char *key_types[PIT_KEYS_MAX];
    const char *time_type, *ts_type, *created_type;
    bool int_key;
    bool with_created;        /* the scan of times reads created timestamps */
    const uint64_t *file_map; /* file_index of the second pass to file; NULL: the same */
};

static struct buf *sql_in(struct arena *a)
{
    struct buf *b = arena_new(a, struct buf);
    buf_init(b, PIT_SQL_BYTES_MAX);
    buf_in_arena(b, a);
    return b;
}

static struct buf *sql_new(struct run *r)
{
    return sql_in(r->arena);
}

static bool sql_run(struct run *r, struct buf *sql, struct error *err)
{
    str count;
    return buf_ok(sql, "point-in-time join: SQL", err) &&
           session_scalar(r->session, buf_str(sql), r->arena, &count, err);
}

static str select_all(struct arena *a, str from)
{
    return arena_printf(a, "SELECT * FROM " STR_FMT, STR_ARG(from));
}

/* Arguments of a function in a filter. */
struct args {
    const char *types[UDF_ARGS_MAX];
    str sql[UDF_ARGS_MAX];
    size_t n;
};

static void args_add(struct args *args, str sql, const char *type)
{
    ASSERT(args->n < UDF_ARGS_MAX);
    args->sql[args->n] = sql;
    args->types[args->n++] = type;
}

/* A column by name, as `type`, or as it is when that is NULL. */
static bool args_add_column(struct run *r, struct args *args, const struct pit_relation *rel,
                            str name, const char *type, struct error *err)
{
    const struct result_column *c;
    if (!pit_column_find(rel, name, &c, err))
        return false;
    struct buf ident = BUF_INIT(PIT_SQL_BYTES_MAX);
    quote_ident(&ident, c->name);
    args_add(args, arena_str(r->arena, buf_str(&ident)),
             type ? type : arena_cstr(r->arena, c->type_text));
    buf_deinit(&ident);
    return true;
}

/* Gives the call of a function that answers false for every row. */
static bool function_add(struct run *r, const struct args *args, void *ctx,
                         bool (*fn)(void *ctx, const struct udf_call *call, struct error *err),
                         str *call, struct error *err)
{
    struct udf f = {
        .arg_types = args->types, .args_n = args->n, .return_type = "BOOLEAN", .fn = fn, .ctx = ctx
    };
    return udf_add(r->session, &f, args->sql, r->arena, call, err);
}

/* Entities. */

static bool entities_file(struct session *s, str path, struct arena *a, struct pit_entities *out,
                          bool *in_place, struct error *err)
{
    struct buf *from = sql_in(a);
    buf_lit(from, "read_parquet(");
    quote_text(from, path);
    buf_lit(from, ")");
    out->from = buf_str(from);
    out->ordinal = STR("file_row_number");
    struct pit_relation *columns = arena_new(a, struct pit_relation);
    if (!pit_describe(s, select_all(a, out->from), "entities ", path, a, columns, err))
        return false;
    *in_place = true; /* a column of the engine's own name would hide the place */
    for (size_t i = 0; i < columns->n; i++)
        if (str_eq_nocase(columns->columns[i].name, out->ordinal))
            *in_place = false;
    out->columns = columns;
    return true;
}

static bool entities_table(struct session *s, str query, struct arena *a, struct pit_entities *out,
                           struct error *err)
{
    str parts[3] = { session_catalog(s), STR("main"), STR("firn_entities") };
    struct buf *name = sql_in(a), *sql = sql_in(a);
    quote_name(name, parts, 3);
    buf_lit(sql, "CREATE OR REPLACE TABLE ");
    buf_add_str(sql, buf_str(name));
    buf_lit(sql, " AS ");
    buf_add_str(sql, query);
    out->from = buf_str(name);
    out->ordinal = STR("rowid");
    struct pit_relation *columns = arena_new(a, struct pit_relation);
    out->columns = columns;
    return buf_ok(sql, "entities", err) && session_exec(s, buf_str(sql), err) &&
           pit_describe(s, select_all(a, out->from), "entities", (str){ 0 }, a, columns, err);
}

static bool entities_count(struct session *s, struct arena *a, struct pit_entities *out,
                           struct error *err)
{
    str count;
    str sql = arena_printf(a, "SELECT count(*) FROM " STR_FMT, STR_ARG(out->from));
    if (!session_scalar(s, sql, a, &count, err))
        return false;
    if (!str_to_i64(count, &out->rows_n))
        return fail(err, ERR_INTERNAL, "entities: count is " STR_FMT, STR_ARG(count));
    return true;
}

bool pit_entities_open(struct session *s, str path, str query, str time, struct arena *a,
                       struct pit_entities *out, struct error *err)
{
    bool in_place = false;
    *out = (struct pit_entities){ .time = time };
    if (query.len == 0) {
        if (!entities_file(s, path, a, out, &in_place, err))
            return false;
        query = select_all(a, out->from);
    }
    if (!in_place && !entities_table(s, query, a, out, err))
        return fail_in(err, "entities");
    const struct result_column *column;
    const char *type;
    return entities_count(s, a, out, err) && pit_column_find(out->columns, time, &column, err) &&
           pit_time_type(column, true, &type, err);
}

/* Which columns, of which types. */

static bool resolve_keys(struct run *r, struct error *err)
{
    const struct pit_view *v = r->view;
    if (v->keys_n < 1 || v->keys_n > PIT_KEYS_MAX)
        return fail(err, ERR_LIMIT, "%zu key columns, must be 1 to %d", v->keys_n, PIT_KEYS_MAX);
    r->config.keys_n = v->keys_n;
    for (size_t k = 0; k < v->keys_n; k++) {
        const struct result_column *e, *f;
        if (!pit_column_find(r->entities->columns, v->entity_keys[k], &e, err) ||
            !pit_column_find(&r->view_columns, v->keys[k], &f, err) ||
            !pit_key_kind(e, f, &r->config.keys[k], &r->key_types[k], err))
            return false;
    }
    r->int_key = v->keys_n == 1 && str_is(str_of(r->key_types[0]), "BIGINT");
    return true;
}

static bool resolve_times(struct run *r, struct error *err)
{
    const struct pit_view *v = r->view;
    const struct result_column *c;
    if (!pit_column_find(r->entities->columns, r->entities->time, &c, err) ||
        !pit_time_type(c, true, &r->time_type, err) ||
        !pit_column_find(&r->view_columns, v->ts, &c, err) ||
        !pit_time_type(c, false, &r->ts_type, err))
        return false;
    r->config.has_created = v->created.len > 0;
    return !r->config.has_created || (pit_column_find(&r->view_columns, v->created, &c, err) &&
                                      pit_time_type(c, false, &r->created_type, err));
}

static bool describe(struct run *r, struct error *err)
{
    struct buf *scan = sql_new(r);
    struct parquet_scan empty = { .schema = r->view->schema };
    if (!parquet_scan_sql(r->session, &empty, scan, err) ||
        !buf_ok(scan, "point-in-time join: SQL", err))
        return false;
    return pit_describe(r->session, buf_str(scan), "feature view ", r->view->name, r->arena,
                        &r->view_columns, err);
}

/* First scan: entities. */

/* What both scans' functions are given first: keys, then the time; `keys` has PIT_KEYS_MAX. */
static struct pit_batch batch_of(const struct run *r, const struct udf_call *call,
                                 struct pit_column *keys)
{
    size_t n = r->config.keys_n;
    for (size_t k = 0; k < n; k++)
        keys[k] = pit_column_arg(call, k);
    return (struct pit_batch){ .n = call->n, .keys = keys, .ts = pit_column_arg(call, n) };
}

static bool feed_call(void *ctx, const struct udf_call *call, struct error *err)
{
    struct run *r = ctx;
    struct pit_column keys[PIT_KEYS_MAX];
    struct pit_batch batch = batch_of(r, call, keys);
    batch.rows = call->args[r->config.keys_n + 1].data;
    return pit_feed(r->kernel, &batch, err);
}

static bool feed(struct run *r, struct error *err)
{
    struct args args = { .n = 0 };
    for (size_t k = 0; k < r->config.keys_n; k++)
        if (!args_add_column(r, &args, r->entities->columns, r->view->entity_keys[k],
                             r->key_types[k], err))
            return false;
    str call;
    if (!args_add_column(r, &args, r->entities->columns, r->entities->time, r->time_type, err))
        return false;
    args_add(&args, r->entities->ordinal, "BIGINT");
    if (!function_add(r, &args, r, feed_call, &call, err))
        return false;
    struct buf *sql = sql_new(r);
    buf_printf(sql, "SELECT count(*) FROM " STR_FMT " WHERE " STR_FMT, STR_ARG(r->entities->from),
               STR_ARG(call));
    return sql_run(r, sql, err) && pit_seal(r->kernel, err);
}

static void range_of(const struct run *r, struct pit_range *out)
{
    *out = (struct pit_range){ 0 };
    out->empty = !pit_time_range(r->kernel, &out->time_lo, &out->time_hi);
    out->has_key = r->int_key && pit_key_range(r->kernel, &out->key_lo, &out->key_hi);
}

/* Batches of the feature side come from one file each; should the engine ever mix them, row by row. */

static bool one_file(const uint64_t *files, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (files[i] != files[0])
            return false;
    return true;
}

static size_t arg_width(const struct column_view *c)
{
    switch (c->kind) {
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        return 16;
    case COLUMN_DECIMAL:
        return c->width;
    default: {
        uint8_t width = 0;
        struct error none;
        struct result_column column = { .kind = c->kind };
        return pit_value_width(&column, &width, &none) ? width : 0;
    }
    }
}

/* Calls fn for each row of the call by itself. */
static bool each_row(void *ctx, const struct udf_call *call,
                     bool (*fn)(void *ctx, const struct udf_call *call, struct error *err),
                     struct error *err)
{
    struct arena *a = arena_create(0);
    struct column_view *args = arena_array(a, struct column_view, call->args_n);
    uint64_t *valid = arena_array(a, uint64_t, call->args_n);
    struct udf_call one = { .n = 1, .args = args, .args_n = call->args_n };
    bool ok = true;
    for (size_t i = 0; ok && i < call->n; i++) {
        for (size_t k = 0; k < call->args_n; k++) {
            args[k] = call->args[k];
            args[k].data = (const char *)args[k].data + i * arg_width(&args[k]);
            valid[k] = column_valid(&call->args[k], i);
            args[k].valid = &valid[k];
        }
        ok = fn(ctx, &one, err);
    }
    arena_destroy(a);
    return ok;
}

static uint32_t file_of(const struct run *r, const struct column_view *files)
{
    uint64_t file = *(const uint64_t *)files->data;
    return (uint32_t)(r->file_map ? r->file_map[file] : file);
}

/* Second scan: keys and times of the features. */

static bool offer_batch(void *ctx, const struct udf_call *call, struct error *err)
{
    struct run *r = ctx;
    size_t keys_n = r->config.keys_n;
    struct pit_column keys[PIT_KEYS_MAX];
    struct pit_batch batch = batch_of(r, call, keys);
    batch.file = file_of(r, &call->args[keys_n + 1]);
    batch.rows = call->args[keys_n + 2].data;
    if (r->with_created)
        batch.created = pit_column_arg(call, keys_n + 3);
    if (r->config.cutoff == PIT_CUTOFF_COMMIT)
        batch.commit_us = r->files.commit_us[batch.file];
    return pit_offer(r->kernel, &batch, err);
}

/* True, which ends the scan, when there are so many ties that it must be made again anyway. */
static bool offer_call(void *ctx, const struct udf_call *call, struct error *err)
{
    struct run *r = ctx;
    bool *stop = call->out;
    stop[0] = pit_ties(r->kernel) > PIT_TIES_MAX;
    if (stop[0])
        return true;
    if (one_file(call->args[r->config.keys_n + 1].data, call->n))
        return offer_batch(ctx, call, err);
    return each_row(ctx, call, offer_batch, err);
}

static bool add_time_bound(struct run *r, struct buf *sql, const char *op, int64_t us,
                           struct error *err)
{
    if (us < -PIT_TIME_TEXT_MAX || us > PIT_TIME_TEXT_MAX)
        return true;
    bool zone = str_is(str_of(r->ts_type), "TIMESTAMPTZ");
    enum type_kind kind = zone ? TYPE_TIMESTAMPTZ : TYPE_TIMESTAMP;
    struct value v = value_i64(kind, us);
    quote_ident(sql, r->view->ts);
    buf_printf(sql, " %s ", op);
    if (!quote_value(sql, type_of(kind), &v, err))
        return false;
    buf_lit(sql, " AND ");
    return true;
}

/* The share of [lo, hi] that lies within [from, to]. */
static double share_within(int64_t lo, int64_t hi, int64_t from, int64_t to)
{
    double first = (double)(lo > from ? lo : from), last = (double)(hi < to ? hi : to);
    return last < first ? 0 : (last - first + 1) / ((double)hi - (double)lo + 1);
}

/* The share of a file's rows that the range holds, were they spread evenly. */
static double range_share(const struct pit_range *range, const struct pit_range *file)
{
    double share = share_within(file->time_lo, file->time_hi, range->time_lo, range->time_hi);
    if (range->has_key)
        share *= file->has_key
                     ? share_within(file->key_lo, file->key_hi, range->key_lo, range->key_hi)
                     : 0;
    return share;
}

static bool filter_pays(const struct run *r, const struct pit_range *range)
{
    double rows = 0, held = 0;
    const struct pit_files *f = &r->files;
    for (size_t i = 0; f->bounds && i < f->scan.files_n; i++) {
        double n = f->rows_n ? (double)f->rows_n[i] : 1;
        rows += n;
        held += n * range_share(range, &f->bounds[i]);
    }
    return !f->bounds || rows - held > rows * PIT_LEFT_OUT;
}

static bool add_range(struct run *r, struct buf *sql, const struct pit_range *range,
                      struct error *err)
{
    if (!add_time_bound(r, sql, ">=", range->time_lo, err) ||
        !add_time_bound(r, sql, "<=", range->time_hi, err))
        return false;
    if (range->has_key) {
        quote_ident(sql, r->view->keys[0]);
        buf_printf(sql, " BETWEEN %lld AND %lld AND ", (long long)range->key_lo,
                   (long long)range->key_hi);
    }
    return true;
}

static bool offer_args(struct run *r, struct args *args, struct error *err)
{
    const struct pit_view *v = r->view;
    const struct pit_relation *rel = &r->view_columns;
    for (size_t k = 0; k < v->keys_n; k++)
        if (!args_add_column(r, args, rel, v->keys[k], r->key_types[k], err))
            return false;
    if (!args_add_column(r, args, rel, v->ts, r->ts_type, err))
        return false;
    args_add(args, STR("file_index"), "UBIGINT");
    args_add(args, STR("file_row_number"), "BIGINT");
    return !r->with_created || args_add_column(r, args, rel, v->created, r->created_type, err);
}

static bool offer_scan(struct run *r, const struct pit_range *range, struct error *err)
{
    struct args args = { .n = 0 };
    struct parquet_scan scan = r->files.scan;
    scan.positions = true;
    struct buf *sql = sql_new(r);
    str call;
    buf_lit(sql, "SELECT count(*) FROM (SELECT 1 FROM (");
    if (!parquet_scan_sql(r->session, &scan, sql, err))
        return false;
    buf_lit(sql, ") WHERE ");
    if ((filter_pays(r, range) && !add_range(r, sql, range, err)) || !offer_args(r, &args, err) ||
        !function_add(r, &args, r, offer_call, &call, err))
        return false;
    buf_add_str(sql, call);
    buf_lit(sql, " LIMIT 1)");
    return sql_run(r, sql, err);
}

static bool offer(struct run *r, const struct pit_range *range, struct error *err)
{
    r->with_created = r->config.has_created && r->config.cutoff != PIT_CUTOFF_NONE;
    if (!offer_scan(r, range, err))
        return false;
    if (pit_ties(r->kernel) <= PIT_TIES_MAX && !pit_tied(r->kernel))
        return true;
    pit_again(r->kernel);
    r->with_created = true;
    return offer_scan(r, range, err);
}

/* Third scan: the features of the winners, in groups of columns that a call can take. */

#define TAKE_ARGS 2 /* file and row, before the columns */

struct take_group {
    struct run *run;
    size_t first, n;
};

static bool take_batch(void *ctx, const struct udf_call *call, struct error *err)
{
    const struct take_group *g = ctx;
    struct pit_column columns[UDF_ARGS_MAX];
    for (size_t c = 0; c < g->n; c++)
        columns[c] = pit_column_arg(call, TAKE_ARGS + c);
    return pit_take(g->run->kernel, file_of(g->run, &call->args[0]), call->args[1].data, call->n,
                    g->first, columns, g->n, err);
}

static bool take_call(void *ctx, const struct udf_call *call, struct error *err)
{
    if (one_file(call->args[0].data, call->n))
        return take_batch(ctx, call, err);
    return each_row(ctx, call, take_batch, err);
}

/* The condition of a scan: no call is true, so each one is made for every row. */
static bool take_condition(struct run *r, str file, str *out, struct error *err)
{
    struct buf *sql = sql_new(r);
    size_t n = r->view->features_n, most = UDF_ARGS_MAX - TAKE_ARGS;
    for (size_t first = 0; first == 0 || first < n; first += most) {
        struct take_group *g = arena_new(r->arena, struct take_group);
        *g = (struct take_group){ r, first, n - first < most ? n - first : most };
        struct args args = { .n = 0 };
        str call;
        args_add(&args, file, "UBIGINT");
        args_add(&args, STR("file_row_number"), "BIGINT");
        for (size_t c = first; c < first + g->n; c++)
            if (!args_add_column(r, &args, &r->view_columns, r->view->features[c], NULL, err))
                return false;
        if (!function_add(r, &args, g, take_call, &call, err))
            return false;
        buf_printf(sql, "%s" STR_FMT, first ? " OR " : "", STR_ARG(call));
    }
    *out = buf_str(sql);
    return buf_ok(sql, "point-in-time join: SQL", err);
}

/* Where winners are: whole files, or stretches of them when that is much less. */
struct stretch {
    uint32_t file;
    int64_t from, to;
};

/* False when reading the files whole is as good. */
static bool find_stretches(const struct run *r, struct stretch *out, size_t *n)
{
    int64_t held = 0, total = 0;
    *n = 0;
    for (uint32_t f = 0; f < r->files.scan.files_n; f++) {
        struct stretch s = { f, 0, 0 };
        int64_t last = 0;
        while (pit_file_run(r->kernel, f, PIT_RUN_GAP, &s.from, &s.to)) {
            if (*n == PIT_RUNS_MAX)
                return false;
            out[(*n)++] = s;
            held += s.to - s.from;
            last = s.to;
            s.from = s.to;
        }
        if (last > 0)
            total += r->files.rows_n ? r->files.rows_n[f] : last;
    }
    return held < total / 4 * 3;
}

static bool take_files(struct run *r, struct buf *sql, struct error *err)
{
    struct parquet_scan scan = r->files.scan;
    struct scan_file *files = arena_array(r->arena, struct scan_file, scan.files_n);
    uint64_t *map = arena_array(r->arena, uint64_t, scan.files_n);
    scan.positions = true;
    scan.files_n = 0;
    for (uint32_t f = 0; f < r->files.scan.files_n; f++)
        if (pit_file_winners(r->kernel, f)) {
            map[scan.files_n] = f;
            files[scan.files_n++] = r->files.scan.files[f];
        }
    scan.files = files;
    r->file_map = map;
    str condition;
    buf_lit(sql, "SELECT count(*) FROM (");
    if (!parquet_scan_sql(r->session, &scan, sql, err) ||
        !take_condition(r, STR("file_index"), &condition, err))
        return false;
    buf_lit(sql, ") WHERE ");
    buf_add_str(sql, condition);
    return true;
}

static bool add_stretch(struct run *r, struct buf *sql, const struct stretch *at, struct error *err)
{
    struct parquet_scan scan = r->files.scan;
    scan.positions = true;
    scan.files = &r->files.scan.files[at->file];
    scan.files_n = 1;
    buf_printf(sql, "SELECT *, %u::UBIGINT AS firn_file FROM (", at->file);
    if (!parquet_scan_sql(r->session, &scan, sql, err))
        return false;
    buf_printf(sql, ") WHERE file_row_number BETWEEN %lld AND %lld", (long long)at->from,
               (long long)at->to - 1);
    return true;
}

static bool take_stretches(struct run *r, struct buf *sql, const struct stretch *at, size_t n,
                           struct error *err)
{
    str condition;
    if (!take_condition(r, STR("firn_file"), &condition, err))
        return false;
    r->file_map = NULL;
    buf_lit(sql, "SELECT count(*) FROM (");
    for (size_t i = 0; i < n; i++) {
        buf_add_str(sql, i ? STR(" UNION ALL ") : STR(""));
        if (!add_stretch(r, sql, &at[i], err))
            return false;
    }
    buf_lit(sql, ") WHERE ");
    buf_add_str(sql, condition);
    return true;
}

static bool open_rows(struct run *r, struct error *err)
{
    size_t n = r->view->features_n;
    uint8_t *widths = arena_array(r->arena, uint8_t, n);
    for (size_t i = 0; i < n; i++) {
        const struct result_column *c;
        if (!pit_column_find(&r->view_columns, r->view->features[i], &c, err) ||
            !pit_value_width(c, &widths[i], err))
            return false;
    }
    return pit_rows_open(r->kernel, widths, n, err);
}

static bool take(struct run *r, struct error *err)
{
    if (!open_rows(r, err))
        return false;
    if (pit_winners(r->kernel) == 0)
        return pit_rows_close(r->kernel, err);
    struct buf *sql = sql_new(r);
    struct stretch *at = arena_array(r->arena, struct stretch, PIT_RUNS_MAX);
    size_t n;
    bool some = find_stretches(r, at, &n);
    if (some ? !take_stretches(r, sql, at, n, err) : !take_files(r, sql, err))
        return false;
    return sql_run(r, sql, err) && pit_rows_close(r->kernel, err);
}

/* The answer: one function a feature, of an entity row's place. */

struct gather {
    struct pit *kernel;
    size_t column;
};

static bool gather_call(void *ctx, const struct udf_call *call, struct error *err)
{
    const struct gather *g = ctx;
    return pit_gather(g->kernel, call->args[0].data, call->n, g->column, call->out, call->valid,
                      err);
}

static bool add_answer(struct run *r, size_t i, str *out, struct error *err)
{
    const struct result_column *c;
    if (!pit_column_find(&r->view_columns, r->view->features[i], &c, err))
        return false;
    struct gather *g = arena_new(r->arena, struct gather);
    *g = (struct gather){ r->kernel, i };
    struct args args = { .n = 0 };
    args_add(&args, r->entities->ordinal, "BIGINT");
    struct udf f = { .arg_types = args.types,
                     .args_n = 1,
                     .return_type = arena_cstr(r->arena, c->type_text),
                     .fn = gather_call,
                     .ctx = g };
    return udf_add(r->session, &f, args.sql, r->arena, out, err);
}

static bool add_answers(struct run *r, struct pit_joined *out, struct error *err)
{
    out->columns = arena_array(r->arena, str, r->view->features_n);
    for (size_t i = 0; i < r->view->features_n; i++)
        if (!add_answer(r, i, &out->columns[i], err))
            return false;
    return true;
}

/* The files are planned when it is known which times and keys can matter. */
static bool run_join(struct run *r, struct pool *pool, struct error *err)
{
    struct pit_range range;
    if (!pit_create(&r->config, pool, &r->kernel, err) || !feed(r, err))
        return false;
    range_of(r, &range);
    if (!range.empty && !r->view->plan(r->view->ctx, &range, r->arena, &r->files, err))
        return false;
    if (r->config.cutoff == PIT_CUTOFF_COMMIT && r->files.scan.files_n && !r->files.commit_us)
        return fail(err, ERR_INTERNAL, "a cut-off by commit without commit times");
    if (!pit_open(r->kernel, r->files.scan.files_n, err))
        return false;
    r->files.scan.schema = r->view->schema;
    if (r->files.scan.files_n && !offer(r, &range, err))
        return false;
    return pit_finish(r->kernel, err) && take(r, err);
}

bool pit_join(struct session *s, struct pool *pool, const struct pit_entities *e,
              const struct pit_view *v, struct arena *a, struct pit_joined *out, struct error *err)
{
    struct run *r = arena_new(a, struct run);
    *out = (struct pit_joined){ .view = v };
    *r = (struct run){ .session = s, .arena = a, .entities = e, .view = v };
    r->config.ttl_us = v->ttl_us;
    r->config.cutoff = v->cutoff;
    r->config.entities_n = (size_t)e->rows_n;
    bool ok = describe(r, err) && resolve_keys(r, err) && resolve_times(r, err) &&
              run_join(r, pool, err) && add_answers(r, out, err);
    out->kernel = r->kernel;
    if (!ok) {
        pit_joined_close(out);
        return fail_in(err, "feature view " STR_FMT, STR_ARG(v->name));
    }
    out->files_read = r->files.scan.files_n;
    out->winners = pit_winners(r->kernel);
    out->matched = pit_matched(r->kernel);
    return true;
}

void pit_joined_close(struct pit_joined *j)
{
    pit_destroy(j->kernel);
    j->kernel = NULL;
}

void pit_select_sql(const struct pit_entities *e, const struct pit_joined *joined, size_t n,
                    struct buf *out)
{
    buf_lit(out, "SELECT *");
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < joined[i].view->features_n; c++) {
            buf_lit(out, ", ");
            buf_add_str(out, joined[i].columns[c]);
            buf_lit(out, " AS ");
            quote_ident(out, joined[i].view->names[c]);
        }
    buf_lit(out, " FROM ");
    buf_add_str(out, e->from);
}

bool pit_write_parquet(struct session *s, const struct pit_entities *e,
                       const struct pit_joined *joined, size_t n, str path, struct error *err)
{
    struct buf sql = BUF_INIT(PIT_SQL_BYTES_MAX);
    buf_lit(&sql, "COPY (");
    pit_select_sql(e, joined, n, &sql);
    buf_lit(&sql, ") TO ");
    quote_text(&sql, path);
    buf_lit(&sql, " (FORMAT parquet, COMPRESSION lz4_raw, WRITE_BLOOM_FILTER false)");
    bool ok = buf_ok(&sql, "point-in-time join: SQL", err) && session_exec(s, buf_str(&sql), err);
    buf_deinit(&sql);
    return ok;
}
