/* SPDX-License-Identifier: Apache-2.0 */
#include "models/data.h"

#include <math.h>

#include "base/buf.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "sql/bind.h"
#include "sql/lake.h"

#define QUERY_MAX ((size_t)64 << 20)

struct reader {
    struct lake *lake;
    const struct train_request *req;
    const struct spec *spec;
    struct arena *a;
    struct session *session;
    struct bound bound;
    struct result_column *columns; /* of the data */
    size_t columns_n;
    str timestamp_type;
    struct data *out;
    size_t holdout_n; /* rows put from the end of the matrix on */
};

/* ---- what is there ------------------------------------------------------------------------------------------- */

static bool is_number(enum column_kind k)
{
    return (k >= COLUMN_BOOL && k <= COLUMN_DECIMAL) || k == COLUMN_NULL;
}

static bool is_time(enum column_kind k)
{
    return k == COLUMN_DATE || (k >= COLUMN_TIMESTAMP && k <= COLUMN_TIMESTAMP_NS) ||
           (k >= COLUMN_I8 && k <= COLUMN_U64);
}

static bool find_column(struct reader *r, const char *what, str name,
                        const struct result_column **out, struct error *err)
{
    struct buf names = BUF_INIT(sizeof err->hint / 2);
    for (size_t i = 0; i < r->columns_n; i++) {
        if (str_eq_nocase(r->columns[i].name, name)) {
            *out = &r->columns[i];
            buf_deinit(&names);
            return true;
        }
        buf_printf(&names, "%s" STR_FMT, i ? ", " : "", STR_ARG(r->columns[i].name));
    }
    fail(err, ERR_INVALID, "%s: the data has no column " STR_FMT, what, STR_ARG(name));
    fail_hint(err, "columns of the data: " STR_FMT "%s", STR_ARG(buf_str(&names)),
              names.overflow ? " ..." : "");
    buf_deinit(&names);
    return false;
}

static bool check_number(struct reader *r, const char *what, str name, struct error *err)
{
    const struct result_column *c;
    if (!find_column(r, what, name, &c, err))
        return false;
    if (is_number(c->kind))
        return true;
    fail(err, ERR_INVALID, "%s: column " STR_FMT " is %.60s, not a number", what, STR_ARG(name),
         arena_cstr(r->a, c->type_text));
    return fail_hint(
        err, "numbers and booleans can be used; turn the column into numbers in data: SELECT ...");
}

static bool check_columns(struct reader *r, struct error *err)
{
    const struct spec *s = r->spec;
    const struct result_column *c;
    if (!check_number(r, "label", s->label, err))
        return false;
    for (size_t i = 0; i < s->features_n; i++)
        if (!check_number(r, "features", s->features[i], err))
            return false;
    if (s->timestamp.len == 0)
        return true;
    if (!find_column(r, "timestamp", s->timestamp, &c, err))
        return false;
    if (!is_time(c->kind))
        return fail(err, ERR_INVALID, "timestamp: column " STR_FMT " is %.60s, not a time",
                    STR_ARG(s->timestamp), arena_cstr(r->a, c->type_text));
    r->timestamp_type = c->type_text;
    return true;
}

static bool bind(struct reader *r, struct error *err)
{
    struct bind_request b = { .query = r->spec->data,
                              .branch = r->req->branch,
                              .local_files = r->req->local_files,
                              .access = r->req->access,
                              .cancel = r->req->cancel };
    session_set_cancel(r->session, r->req->cancel);
    if (!sql_bind(r->lake, r->session, &b, r->a, &r->bound, err) ||
        !session_describe(r->session, r->bound.query, r->a, &r->columns, &r->columns_n, err))
        return fail_in(err, "data");
    struct data *d = r->out;
    d->inputs = arena_array(r->a, struct run_input, r->bound.scans_n);
    for (size_t i = 0; i < r->bound.scans_n; i++)
        d->inputs[d->inputs_n++] = (struct run_input){ .table = r->bound.scans[i].table,
                                                       .snapshot_id = r->bound.scans[i].snapshot_id,
                                                       .context = STR("training") };
    return check_columns(r, err);
}

/* ---- queries over the data ----------------------------------------------------------------------------------- */

/* The statement so far, then the data as its only source; the text goes into the arena. */
static bool over_data(struct reader *r, struct buf *sql, str *out, struct error *err)
{
    buf_printf(sql, " FROM (" STR_FMT "\n) AS training_data", STR_ARG(r->bound.query));
    bool ok = buf_ok(sql, "the query of the training data", err);
    if (ok)
        *out = arena_str(r->a, buf_str(sql));
    buf_deinit(sql);
    return ok;
}

/* One row of integers. */
static bool query_ints(struct reader *r, str sql, int64_t *out, size_t n, struct error *err)
{
    struct result *rows;
    const struct chunk *chunk;
    if (!session_query(r->session, sql, NULL, 0, &rows, err))
        return false;
    bool ok = result_next(rows, &chunk, err);
    for (size_t i = 0; ok && i < n; i++)
        out[i] = column_i64(&chunk->columns[i], 0);
    result_close(rows);
    return ok;
}

/* How many rows there are; no label and no timestamp may be null. */
static bool count_rows(struct reader *r, struct error *err)
{
    const struct spec *s = r->spec;
    struct buf b = BUF_INIT(QUERY_MAX);
    int64_t counts[3];
    str sql;
    buf_lit(&b, "SELECT count(*), count(");
    quote_ident(&b, s->label);
    buf_lit(&b, "), count(");
    if (s->timestamp.len)
        quote_ident(&b, s->timestamp);
    else
        buf_lit(&b, "*");
    buf_lit(&b, ")");
    if (!over_data(r, &b, &sql, err) || !query_ints(r, sql, counts, 3, err))
        return fail_in(err, "count the rows");
    if (counts[0] == 0)
        return fail(err, ERR_INVALID, "data: there are no rows");
    for (int i = 1; i < 3; i++)
        if (counts[i] != counts[0]) {
            str column = i == 1 ? s->label : s->timestamp;
            fail(err, ERR_INVALID, "%s: column " STR_FMT " is null in %lld of %lld rows",
                 i == 1 ? "label" : "timestamp", STR_ARG(column),
                 (long long)(counts[0] - counts[i]), (long long)counts[0]);
            return fail_hint(err, "leave them out: data: SELECT ... WHERE " STR_FMT " IS NOT NULL",
                             STR_ARG(column));
        }
    r->out->n = (size_t)counts[0];
    return true;
}

/* quantile_disc(x, q) of n values is number ceil(q n) - 1 in their order, so (k + 0.5) / n gives number k, whatever the rounding. */
static bool find_cut(struct reader *r, struct error *err)
{
    struct buf b = BUF_INIT(QUERY_MAX);
    str sql;
    if (r->spec->holdout == 0)
        return true;
    double n = (double)r->out->n, k = floor(n * (1 - r->spec->holdout) + 1e-9);
    if (k > n - 1)
        k = n - 1;
    buf_lit(&b, "SELECT CAST(quantile_disc(");
    quote_ident(&b, r->spec->timestamp);
    buf_printf(&b, ", %.17g) AS VARCHAR)", (k + 0.5) / n);
    return (over_data(r, &b, &sql, err) &&
            session_scalar(r->session, sql, r->a, &r->out->cut, err)) ||
           fail_in(err, "find where the hold-out begins");
}

/* ---- filling the matrix -------------------------------------------------------------------------------------- */

/* A column of a chunk into every `stride`-th float; the common kinds without a switch per value. */
#define FILL(type)                                                                                 \
    for (size_t i = 0; i < n; i++)                                                                 \
        to[i] = column_valid(c, i) ? (float)((const type *)c->data)[i] : NAN;                      \
    break

static void fill_column(const struct column_view *c, size_t n, float *to)
{
    switch (c->kind) {
    case COLUMN_F64:
        FILL(double);
    case COLUMN_F32:
        FILL(float);
    case COLUMN_I64:
        FILL(int64_t);
    case COLUMN_I32:
        FILL(int32_t);
    case COLUMN_BOOL:
        FILL(uint8_t);
    default:
        for (size_t i = 0; i < n; i++)
            to[i] = (float)column_f64(c, i);
    }
}

#define CHUNK_MAX 2048

static bool check_label(const struct spec *s, float v, struct error *err)
{
    if (s->task == TASK_BINARY && v != 0 && v != 1)
        fail(err, ERR_INVALID, "label: " STR_FMT " is %g in a row; binary:logistic takes 0 and 1",
             STR_ARG(s->label), (double)v);
    else if (s->task == TASK_CLASSES && !(v >= 0 && v < (float)s->classes && v == floorf(v)))
        fail(err, ERR_INVALID, "label: " STR_FMT " is %g in a row; classes are 0 to %lld",
             STR_ARG(s->label), (double)v, (long long)s->classes - 1);
    else if (!isfinite(v))
        fail(err, ERR_INVALID, "label: " STR_FMT " is %g in a row", STR_ARG(s->label), (double)v);
    else
        return true;
    return false;
}

static float *place_of(struct reader *r, bool held_out, float *label)
{
    struct data *d = r->out;
    size_t row = held_out ? d->n - ++r->holdout_n : d->train_n++;
    d->labels[row] = *label;
    return d->rows + row * r->spec->features_n;
}

/* Rows get their places, then each column is spread over them. */
static bool take_chunk(struct reader *r, const struct chunk *c, struct error *err)
{
    const struct spec *s = r->spec;
    float values[CHUNK_MAX], *places[CHUNK_MAX];
    size_t features = s->features_n;
    if (c->n > CHUNK_MAX || r->out->train_n + r->holdout_n + c->n > r->out->n)
        return fail(err, ERR_INVALID, "data: the query gives other rows each time that it runs");
    fill_column(&c->columns[features], c->n, values);
    const uint8_t *held_out = c->columns[features + 1].data;
    for (size_t i = 0; i < c->n; i++) {
        if (!check_label(s, values[i], err))
            return false;
        places[i] = place_of(r, held_out[i], &values[i]);
    }
    for (size_t f = 0; f < features; f++) {
        bool infinite = false;
        fill_column(&c->columns[f], c->n, values);
        for (size_t i = 0; i < c->n; i++) {
            infinite |= isinf(values[i]) != 0;
            places[i][f] = values[i];
        }
        if (infinite)
            return fail(err, ERR_INVALID,
                        "features: " STR_FMT
                        " has a value that is infinite, or too large for a float",
                        STR_ARG(s->features[f]));
    }
    return true;
}

static bool take_all(struct reader *r, struct result *rows, struct error *err)
{
    const struct chunk *chunk;
    struct data *d = r->out;
    for (;;) {
        if (!result_next(rows, &chunk, err))
            return false;
        if (!chunk)
            break;
        if (!take_chunk(r, chunk, err))
            return false;
        progress_report(r->req->progress, "read", (int64_t)(d->train_n + r->holdout_n),
                        (int64_t)d->n);
    }
    if (d->train_n + r->holdout_n != d->n)
        return fail(err, ERR_INVALID, "data: the query gives other rows each time that it runs");
    if (d->train_n == 0)
        return fail(err, ERR_INVALID,
                    "holdout: all %zu rows are at " STR_FMT
                    " or later, which leaves none to train on",
                    d->n, STR_ARG(d->cut));
    return true;
}

/* SELECT feature, ..., label, timestamp >= cut */
static bool select_rows(struct reader *r, str *sql, struct error *err)
{
    const struct spec *s = r->spec;
    struct buf b = BUF_INIT(QUERY_MAX);
    buf_lit(&b, "SELECT ");
    for (size_t i = 0; i < s->features_n; i++) {
        quote_ident(&b, s->features[i]);
        buf_lit(&b, ", ");
    }
    quote_ident(&b, s->label);
    buf_lit(&b, ", ");
    if (r->out->cut.len) {
        quote_ident(&b, s->timestamp);
        buf_printf(&b, " >= CAST($1 AS " STR_FMT ")", STR_ARG(r->timestamp_type));
    } else {
        buf_lit(&b, "false");
    }
    return over_data(r, &b, sql, err);
}

static bool read_rows(struct reader *r, struct arena *big, struct error *err)
{
    struct data *d = r->out;
    struct param cut = { .is_text = true, .text = d->cut };
    struct result *rows;
    str sql;
    if (d->n > TRAIN_MATRIX_BYTES_MAX / sizeof(float) / r->spec->features_n) {
        fail(err, ERR_LIMIT, "%zu rows of %zu features take more than %zu MB of memory", d->n,
             r->spec->features_n, TRAIN_MATRIX_BYTES_MAX >> 20);
        return fail_hint(err,
                         "train on fewer features or rows: data: SELECT ... USING SAMPLE 10%%");
    }
    d->rows = arena_array(big, float, d->n * r->spec->features_n);
    d->labels = arena_array(big, float, d->n);
    if (!select_rows(r, &sql, err) ||
        !session_query(r->session, sql, &cut, d->cut.len ? 1 : 0, &rows, err))
        return fail_in(err, "data");
    bool ok = take_all(r, rows, err);
    result_close(rows);
    return ok;
}

bool data_read(struct lake *lake, const struct train_request *req, const struct spec *spec,
               struct arena *big, struct arena *a, struct data *out, struct error *err)
{
    struct reader r = { .lake = lake, .req = req, .spec = spec, .a = a, .out = out };
    *out = (struct data){ 0 };
    if (!session_open(lake->engine, &r.session, err))
        return false;
    bool ok = bind(&r, err) && count_rows(&r, err) && find_cut(&r, err) && read_rows(&r, big, err);
    session_close(r.session);
    return ok;
}
