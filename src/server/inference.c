/* SPDX-License-Identifier: Apache-2.0
 *
 * A model takes either one tensor of shape [rows, features], columns in the model's order, or one tensor a feature, named
 * after it, of shape [rows] or [rows, 1].  Null is a missing value. */
#include "server/inference.h"

#include <math.h>
#include <stdio.h>

#include "models/models.h"
#include "server/bodies.h"
#include "version.h"

#define OUTPUT_NAME "predict"

/* ---- Errors and simple answers ---- */

/* Turns a failure into the protocol's shape; the caller returns true. */
static bool answer_error(struct api_answer *answer, const struct error *err)
{
    struct json_writer w;
    api_answer_restart(answer, err_http_status(err->code), &w);
    jw_begin_object(&w);
    jw_kv_str(&w, "error", str_of(err->msg));
    jw_end_object(&w);
    return true;
}

bool inference_server(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)answer, (void)err;
    jw_begin_object(w);
    jw_kv_str(w, "name", STR("firn"));
    jw_kv_str(w, "version", STR(FIRN_VERSION));
    jw_kv_array(w, "extensions");
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

static bool answer_flag(struct json_writer *w, const char *key)
{
    jw_begin_object(w);
    jw_kv_bool(w, key, true);
    jw_end_object(w);
    return true;
}

bool inference_live(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)answer, (void)err;
    return answer_flag(w, "live");
}

bool inference_ready(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)answer, (void)err;
    return answer_flag(w, "ready");
}

/* ---- A model's description ---- */

static void write_tensor_head(struct json_writer *w, str name, size_t columns)
{
    jw_begin_object(w);
    jw_kv_str(w, "name", name);
    jw_kv_str(w, "datatype", STR("FP32"));
    jw_kv_array(w, "shape");
    jw_int(w, -1);
    if (columns > 1)
        jw_int(w, (int64_t)columns);
    jw_end_array(w);
    jw_end_object(w);
}

static void write_model(const struct predictor *p, const struct model_info *m,
                        struct json_writer *w)
{
    size_t n;
    const str *features = predictor_features(p, &n);
    jw_begin_object(w);
    jw_kv_str(w, "name", predictor_model(p));
    jw_kv_array(w, "versions");
    for (size_t i = m->versions_n; i-- > 0;)
        jw_printf(w, "%lld", (long long)m->versions[i].version);
    jw_end_array(w);
    jw_kv_str(w, "platform", STR("xgboost"));
    jw_kv_array(w, "inputs");
    for (size_t i = 0; i < n; i++)
        write_tensor_head(w, features[i], 1);
    jw_end_array(w);
    jw_kv_array(w, "outputs");
    write_tensor_head(w, STR(OUTPUT_NAME), predictor_outputs(p));
    jw_end_array(w);
    jw_end_object(w);
}

bool inference_model(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct predictor *p;
    struct model_info m;
    if (!model_get(app->models, req->params[0], req->arena, &m, err) ||
        !predictor_get(app->models, req->params[0], req->params[1], &p, err))
        return answer_error(answer, err);
    write_model(p, &m, w);
    predictor_unref(p);
    return true;
}

bool inference_model_ready(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err)
{
    struct predictor *p;
    if (!predictor_get(app->models, req->params[0], req->params[1], &p, err))
        return answer_error(answer, err);
    jw_begin_object(w);
    jw_kv_str(w, "name", predictor_model(p));
    jw_kv_bool(w, "ready", true);
    jw_end_object(w);
    predictor_unref(p);
    return true;
}

/* ---- Inference ---- */

static ptrdiff_t find_feature(const str *features, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(features[i], name))
            return (ptrdiff_t)i;
    return -1;
}

/* One tensor with all columns. */
static bool is_matrix(const struct infer_body *body, const str *features, size_t n)
{
    const struct tensor *t = &body->inputs[0];
    if (body->inputs_n != 1 || t->type == TENSOR_BYTES)
        return false;
    bool named = find_feature(features, n, t->name) >= 0;
    return t->dims == 2 && t->shape[1] == (int64_t)n && !(named && n == 1);
}

static bool column_rows(const struct tensor *t, size_t *rows, struct error *err)
{
    if (t->dims == 1 || (t->dims == 2 && t->shape[1] == 1)) {
        *rows = (size_t)t->shape[0];
        return true;
    }
    return fail(err, ERR_INVALID, "input \"" STR_FMT "\" must have the shape [rows] or [rows, 1]",
                STR_ARG(t->name));
}

static bool put_column(const struct tensor *t, size_t column, size_t columns, size_t rows,
                       float *matrix, struct error *err)
{
    size_t got = 0;
    if (t->type == TENSOR_BYTES)
        return fail(err, ERR_INVALID, "input \"" STR_FMT "\" is BYTES; the model takes numbers",
                    STR_ARG(t->name));
    if (!column_rows(t, &got, err))
        return false;
    if (got != rows)
        return fail(err, ERR_INVALID, "input \"" STR_FMT "\" has %zu rows, others have %zu",
                    STR_ARG(t->name), got, rows);
    for (size_t r = 0; r < rows; r++)
        matrix[r * columns + column] = t->values[r];
    return true;
}

/* Every feature must be given once; inputs that the model does not know are ignored. */
static bool gather_columns(const struct infer_body *body, const str *features, size_t n,
                           struct arena *a, float **matrix, size_t *rows, struct error *err)
{
    bool *given = arena_array(a, bool, n);
    if (!column_rows(&body->inputs[0], rows, err))
        return false;
    if (*rows > PREDICT_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu rows; at most %d", *rows, PREDICT_ROWS_MAX);
    *matrix = arena_array(a, float, *rows *n);
    for (size_t i = 0; i < body->inputs_n; i++) {
        ptrdiff_t f = find_feature(features, n, body->inputs[i].name);
        if (f < 0)
            continue;
        if (given[f])
            return fail(err, ERR_INVALID, "input \"" STR_FMT "\" is given twice",
                        STR_ARG(body->inputs[i].name));
        if (!put_column(&body->inputs[i], (size_t)f, n, *rows, *matrix, err))
            return false;
        given[f] = true;
    }
    for (size_t i = 0; i < n; i++)
        if (!given[i])
            return fail(err, ERR_INVALID, "input \"" STR_FMT "\" is missing", STR_ARG(features[i]));
    return true;
}

static bool check_outputs(const struct infer_body *body, struct error *err)
{
    for (size_t i = 0; i < body->outputs_n; i++)
        if (!str_is(body->outputs[i], OUTPUT_NAME))
            return fail(err, ERR_INVALID,
                        "there is no output \"" STR_FMT "\"; the model has \"%s\"",
                        STR_ARG(body->outputs[i]), OUTPUT_NAME);
    return true;
}

static void write_answer(const struct predictor *p, const struct infer_body *body, const float *out,
                         size_t rows, struct json_writer *w)
{
    size_t k = predictor_outputs(p);
    jw_begin_object(w);
    jw_kv_str(w, "model_name", predictor_model(p));
    jw_key(w, STR("model_version"));
    jw_printf(w, "%lld", (long long)predictor_version(p));
    if (body->id.len)
        jw_kv_str(w, "id", body->id);
    jw_kv_array(w, "outputs");
    jw_begin_object(w);
    jw_kv_str(w, "name", STR(OUTPUT_NAME));
    jw_kv_str(w, "datatype", STR("FP32"));
    jw_kv_array(w, "shape");
    jw_int(w, (int64_t)rows);
    if (k > 1)
        jw_int(w, (int64_t)k);
    jw_end_array(w);
    jw_kv_array(w, "data");
    for (size_t i = 0; i < rows * k; i++)
        jw_f32(w, out[i]);
    jw_end_array(w);
    jw_end_object(w);
    jw_end_array(w);
    jw_end_object(w);
}

static bool infer(struct predictor *p, struct api_request *req, struct json_writer *w,
                  struct error *err)
{
    struct infer_body body;
    float *matrix;
    size_t n = 0, rows = 0;
    const str *features = predictor_features(p, &n);
    if (!infer_body_parse(req->body, req->arena, &body, err) || !check_outputs(&body, err))
        return false;
    if (is_matrix(&body, features, n)) {
        matrix = body.inputs[0].values;
        rows = (size_t)body.inputs[0].shape[0];
    } else if (!gather_columns(&body, features, n, req->arena, &matrix, &rows, err)) {
        return false;
    }
    if (rows > PREDICT_ROWS_MAX)
        return fail(err, ERR_LIMIT, "%zu rows; at most %d", rows, PREDICT_ROWS_MAX);
    float *out = arena_array(req->arena, float, rows *predictor_outputs(p));
    if (rows && !predictor_run(p, matrix, rows, out, err))
        return false;
    write_answer(p, &body, out, rows, w);
    return true;
}

bool inference_infer(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct predictor *p;
    if (!predictor_get(app->models, req->params[0], req->params[1], &p, err))
        return req->in_process ? false : answer_error(answer, err);
    bool ok = infer(p, req, w, err);
    predictor_unref(p);
    return ok || (!req->in_process && answer_error(answer, err));
}
