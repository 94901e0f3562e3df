/* SPDX-License-Identifier: Apache-2.0 */
#include "features/feast_json.h"

#include "base/time.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "codec/json.h"
#include "features/features_priv.h"

#define EPOCH_JSON STR("\"1970-01-01T00:00:00Z\"")
#define FEATURES_MAX 100000 /* references of one request */

/* ---- Requests */

/* A number that is an integer, as text and value; anything else is none of ours. */
static void read_number(struct json_reader *r, struct online_cell *cell)
{
    cell->raw = jr_raw(r);
    cell->kind = str_to_i64(cell->raw, &cell->i) ? CELL_INT : CELL_OTHER;
}

static void read_cell(struct json_reader *r, struct online_cell *cell)
{
    enum json_kind kind;
    if (!jr_peek(r, &kind))
        return;
    const char *begin = r->p;
    switch (kind) {
    case JSON_NULL:
        jr_null(r);
        break;
    case JSON_BOOL:
        cell->kind = CELL_BOOL;
        cell->i = jr_bool(r);
        break;
    case JSON_STR:
        cell->kind = CELL_TEXT;
        cell->s = jr_str(r);
        break;
    case JSON_F64:
    case JSON_INT:
        read_number(r, cell);
        return;
    default:
        jr_fail(r, "a join key must be a number, a text, true, false or null");
        return;
    }
    cell->raw = str_make(begin, (size_t)(r->p - begin));
}

struct cells {
    struct online_cell *at;
    size_t n, cap;
};

static bool read_column(struct json_reader *r, struct arena *a, struct cells *out,
                        struct error *err)
{
    jr_array(r);
    while (jr_element(r)) {
        if (out->n == ONLINE_ROWS_MAX)
            return fail(err, ERR_LIMIT, "more than %d entity rows", ONLINE_ROWS_MAX);
        read_cell(r, vec_push(a, out));
    }
    return true;
}

static bool read_entities(struct json_reader *r, struct arena *a, struct feast_request *out,
                          struct error *err)
{
    VEC(struct online_input) inputs = { 0 };
    str name;
    jr_object(r);
    while (jr_member(r, &name)) {
        struct cells cells = { 0 };
        if (!read_column(r, a, &cells, err))
            return false;
        if (inputs.n && cells.n != out->rows_n && !r->mistake)
            return fail(err, ERR_INVALID,
                        "entities." STR_FMT " has %zu values, the columns before it have %zu",
                        STR_ARG(name), cells.n, out->rows_n);
        out->rows_n = cells.n;
        *vec_push(a, &inputs) = (struct online_input){ name, cells.at };
    }
    out->inputs = inputs.at;
    out->inputs_n = inputs.n;
    return true;
}

static bool read_features(struct json_reader *r, struct arena *a, struct feast_request *out,
                          struct error *err)
{
    VEC(str) refs = { 0 };
    out->features.refs = NULL;
    out->features.n = 0;
    if (jr_null(r))
        return true;
    jr_array(r);
    while (jr_element(r)) {
        if (refs.n == FEATURES_MAX)
            return fail(err, ERR_LIMIT, "more than %d features", FEATURES_MAX);
        *vec_push(a, &refs) = jr_str(r);
    }
    out->features.refs = refs.at;
    out->features.n = refs.n;
    return true;
}

static bool read_member(struct json_reader *r, str key, struct arena *a, struct feast_request *out,
                        struct error *err)
{
    if (str_is(key, "entities"))
        return read_entities(r, a, out, err);
    if (str_is(key, "features"))
        return read_features(r, a, out, err);
    if (str_is(key, "feature_service"))
        out->features.service = jr_null(r) ? (str){ 0 } : jr_str(r);
    else if (str_is(key, "full_feature_names"))
        out->full_feature_names = !jr_null(r) && jr_bool(r);
    else
        jr_skip(r); /* Feast's server ignores what it does not know */
    return true;
}

bool feast_request_parse(str body, struct arena *a, struct feast_request *out, struct error *err)
{
    struct json_reader r;
    str key;
    *out = (struct feast_request){ 0 };
    if (body.len > ONLINE_BODY_MAX)
        return fail(err, ERR_LIMIT, "the body has %zu bytes, at most %zu are allowed", body.len,
                    ONLINE_BODY_MAX);
    jr_init(&r, body, a);
    jr_object(&r);
    while (jr_member(&r, &key))
        if (!read_member(&r, key, a, out, err))
            return false;
    if (!jr_finish(&r, err))
        return false;
    if (!out->inputs_n)
        return fail(err, ERR_INVALID, "entities: join keys with their values are missing");
    if (out->features.service.len)
        out->features = (struct feature_refs){ .service = out->features.service };
    return true;
}

/* ---- Answers */

void feast_value_write(const struct value *v, enum dtype dtype, struct arena *a,
                       struct json_writer *w)
{
    if (v->is_null) {
        jw_null(w);
        return;
    }
    switch ((enum type_kind)v->kind) {
    case TYPE_BOOLEAN:
        jw_bool(w, v->b);
        return;
    case TYPE_INT:
    case TYPE_LONG:
        if (dtype == DTYPE_FLOAT64)
            jw_f64(w, (double)v->i);
        else
            jw_int(w, v->i);
        return;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        jw_f64(w, v->f);
        return;
    case TYPE_STRING:
        jw_str(w, v->bytes);
        return;
    case TYPE_DATE:
        jw_int(w, v->i * (US_PER_DAY / US_PER_S));
        return;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        jw_int(w, floor_div(v->i, US_PER_S));
        return;
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        jw_int(w, floor_div(v->i, US_PER_S * 1000));
        return;
    case TYPE_BINARY:
    case TYPE_FIXED:
        jw_str(w, base64_encode(v->bytes, a));
        return;
    case TYPE_DECIMAL:
        if (dtype == DTYPE_FLOAT64) {
            jw_raw(w, value_to_text(v, a));
            return;
        }
        break;
    default:
        break;
    }
    jw_str(w, value_to_text(v, a));
}

static const struct {
    char text[24];
    size_t len;
} status_json[] = {
    [FEATURE_PRESENT] = { "\"PRESENT\"", 9 },
    [FEATURE_NULL] = { "\"NULL_VALUE\"", 12 },
    [FEATURE_NOT_FOUND] = { "\"NOT_FOUND\"", 11 },
    [FEATURE_OUTSIDE_MAX_AGE] = { "\"OUTSIDE_MAX_AGE\"", 17 },
};

struct answering {
    struct json_writer w;
    struct arena *arena;
    const struct feast_request *req;
    enum feature_status *statuses; /* of one column */
    str *times;                    /* of one view, quoted */
};

static void write_names(struct answering *w, const struct online_read *read)
{
    jw_kv_object(&w->w, "metadata");
    jw_key(&w->w, STR("feature_names"));
    jw_begin_array(&w->w);
    for (size_t i = 0; i < read->inputs_n; i++)
        jw_str(&w->w, read->inputs[i].name);
    buf_add_str(w->w.out, read->plan->names_json); /* begins with a comma: keys come first */
    jw_end_array(&w->w);
    jw_end_object(&w->w);
}

/* Statuses and times are most of an answer, so their frame is written as text. */
static void begin_statuses(struct answering *w)
{
    buf_lit(w->w.out, ",\"statuses\":[");
}

static void begin_times(struct answering *w)
{
    buf_lit(w->w.out, "],\"event_timestamps\":[");
}

static void end_times(struct answering *w)
{
    buf_add_char(w->w.out, ']');
    jw_end_object(&w->w);
}

static void write_text(struct answering *w, size_t row, const char *text, size_t len)
{
    if (row)
        buf_add_char(w->w.out, ',');
    buf_add(w->w.out, text, len);
}

/* Join keys are echoed as they came, always present, at the epoch. */
static void write_input(struct answering *w, const struct online_input *in, size_t rows_n)
{
    jw_begin_object(&w->w);
    jw_kv_array(&w->w, "values");
    for (size_t r = 0; r < rows_n; r++)
        jw_raw(&w->w, in->cells[r].raw);
    jw_end_array(&w->w);
    begin_statuses(w);
    for (size_t r = 0; r < rows_n; r++)
        write_text(w, r, status_json[FEATURE_PRESENT].text, status_json[FEATURE_PRESENT].len);
    begin_times(w);
    for (size_t r = 0; r < rows_n; r++)
        write_text(w, r, EPOCH_JSON.ptr, EPOCH_JSON.len);
    end_times(w);
}

static void format_times(struct answering *w, const struct online_row *rows, size_t n)
{
    for (size_t r = 0; r < n; r++) {
        w->times[r] = EPOCH_JSON;
        if (rows[r].status == FEATURE_NOT_FOUND)
            continue;
        char *text = arena_alloc(w->arena, TIME_TEXT_MAX + 2);
        size_t len = time_format_iso(rows[r].event_us, text + 1);
        text[0] = text[len + 1] = '"';
        w->times[r] = str_make(text, len + 2);
    }
}

static bool write_column(struct answering *w, const struct online_read *read, size_t view,
                         size_t column, struct error *err)
{
    enum dtype dtype = read->plan->views[view].columns[column].column->dtype;
    struct value v;
    jw_begin_object(&w->w);
    jw_kv_array(&w->w, "values");
    for (size_t r = 0; r < read->rows_n; r++) {
        if (!online_value(read, view, column, r, &v, &w->statuses[r], err))
            return false;
        feast_value_write(&v, dtype, w->arena, &w->w);
    }
    jw_end_array(&w->w);
    begin_statuses(w);
    for (size_t r = 0; r < read->rows_n; r++)
        write_text(w, r, status_json[w->statuses[r]].text, status_json[w->statuses[r]].len);
    begin_times(w);
    for (size_t r = 0; r < read->rows_n; r++) {
        str time = w->statuses[r] == FEATURE_NOT_FOUND ? EPOCH_JSON : w->times[r];
        write_text(w, r, time.ptr, time.len);
    }
    end_times(w);
    return true;
}

static bool write_answer(void *ctx, const struct online_read *read, struct error *err)
{
    struct answering *w = ctx;
    w->statuses = arena_array(w->arena, enum feature_status, read->rows_n);
    w->times = arena_array(w->arena, str, read->rows_n);
    jw_begin_object(&w->w);
    jw_kv_array(&w->w, "results");
    for (size_t i = 0; i < read->inputs_n; i++)
        write_input(w, &read->inputs[i], read->rows_n);
    for (size_t v = 0; v < read->plan->views_n; v++) {
        format_times(w, &read->rows[v * read->rows_n], read->rows_n);
        for (size_t c = 0; c < read->plan->views[v].columns_n; c++)
            if (!write_column(w, read, v, c, err))
                return false;
    }
    jw_end_array(&w->w);
    write_names(w, read);
    jw_end_object(&w->w);
    return buf_ok(w->w.out, "the answer", err);
}

bool features_get_online(struct features *f, const struct access *access, str body, struct arena *a,
                         struct buf *out, enum feast_error *why, struct error *err)
{
    struct feast_request req;
    struct answering w = { .arena = a, .req = &req };
    *why = FEAST_VALIDATION;
    if (!feast_request_parse(body, a, &req, err))
        return false;
    jw_init(&w.w, out);
    return online_with_rows(f, access, &req.features, req.full_feature_names, req.inputs,
                            req.inputs_n, req.rows_n, a, write_answer, &w, why, err);
}

/* ---- Errors */

static const struct {
    const char *class;
    int status; /* 0: that of the error's code */
} classes[] = {
    [FEAST_OTHER] = { "FeastError", 0 },
    [FEAST_VIEW_NOT_FOUND] = { "FeatureViewNotFoundException", 404 },
    [FEAST_SERVICE_NOT_FOUND] = { "FeatureServiceNotFoundException", 404 },
    [FEAST_ENTITY_NOT_FOUND] = { "EntityNotFoundException", 404 },
    [FEAST_FEATURE_NOT_FOUND] = { "FeastObjectNotFoundException", 404 },
    [FEAST_NAME_COLLISION] = { "FeatureNameCollisionError", 422 },
};

#define ERROR_BODY_MAX 8192

/* FastAPI's shape for bodies that do not fit. */
static int validation_error(const struct error *err, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_array(w, "detail");
    jw_begin_object(w);
    jw_kv_array(w, "loc");
    jw_str(w, STR("body"));
    jw_end_array(w);
    jw_kv_str(w, "msg", str_of(err->msg));
    jw_kv_str(w, "type", STR("value_error"));
    jw_end_object(w);
    jw_end_array(w);
    jw_end_object(w);
    return err->code == ERR_LIMIT ? 413 : 422;
}

int features_online_error(const struct error *err, enum feast_error why, struct buf *out)
{
    struct json_writer w, inner_writer;
    struct buf inner = BUF_INIT(ERROR_BODY_MAX);
    jw_init(&w, out);
    if (why == FEAST_VALIDATION)
        return validation_error(err, &w);
    jw_init(&inner_writer, &inner);
    jw_begin_object(&inner_writer);
    jw_kv_str(&inner_writer, "module", STR("feast.errors"));
    jw_kv_str(&inner_writer, "class", str_of(classes[why].class));
    jw_kv_str(&inner_writer, "message", str_of(err->msg));
    jw_end_object(&inner_writer);
    jw_str(&w, buf_str(&inner));
    buf_deinit(&inner);
    return classes[why].status ? classes[why].status : err_http_status(err->code);
}
