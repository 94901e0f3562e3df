/* SPDX-License-Identifier: Apache-2.0 */
#include "models/models.h"
#include "server/answer_priv.h"
#include "server/inference.h"

#define PREDICT_BODY_MAX API_BODY_MAX

/* ---- Runs ---- */

static void write_pairs(const char *key, const struct run_pair *p, size_t n, struct json_writer *w)
{
    jw_kv_object(w, key);
    for (size_t i = 0; i < n; i++) {
        jw_key(w, p[i].key);
        jw_str(w, p[i].value);
    }
    jw_end_object(w);
}

static void write_metrics(const struct run_metric *m, size_t n, struct json_writer *w)
{
    jw_kv_object(w, "metrics");
    for (size_t i = 0; i < n; i++) {
        jw_key(w, m[i].key);
        jw_f64(w, m[i].value);
    }
    jw_end_object(w);
}

static void write_inputs(const struct run_input *in, size_t n, struct json_writer *w)
{
    jw_kv_array(w, "inputs");
    for (size_t i = 0; i < n; i++) {
        jw_begin_object(w);
        jw_kv_str(w, "table", in[i].table);
        kv_snapshot(w, "snapshot_id", in[i].snapshot_id);
        jw_kv_str(w, "context", in[i].context);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_run(const struct run_info *r, bool whole, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "run_id", r->id);
    jw_kv_str(w, "name", r->name);
    jw_kv_str(w, "experiment", r->experiment);
    jw_kv_str(w, "status", str_of(run_status_name(r->status)));
    kv_text(w, "message", r->message);
    kv_text(w, "source", r->source);
    kv_text(w, "user", r->user);
    jw_kv_int(w, "start_ms", r->start_ms);
    kv_number(w, "end_ms", r->end_ms);
    write_pairs("params", r->params, r->params_n, w);
    write_metrics(r->metrics, r->metrics_n, w);
    write_pairs("tags", r->tags, r->tags_n, w);
    if (whole) {
        write_inputs(r->inputs, r->inputs_n, w);
        jw_kv_array(w, "artifacts");
        for (size_t i = 0; i < r->artifacts_n; i++) {
            jw_begin_object(w);
            jw_kv_str(w, "path", r->artifacts[i].path);
            jw_kv_int(w, "bytes", r->artifacts[i].bytes);
            jw_end_object(w);
        }
        jw_end_array(w);
    }
    jw_end_object(w);
}

static bool list_runs(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    struct run_query q = { .experiment = api_query(req, "experiment", ""),
                           .model = api_query(req, "model", "") };
    struct run_info *runs;
    int64_t limit, offset;
    size_t n;
    (void)answer;
    if (!api_query_int(req, "limit", 100, 1, RUN_LIST_MAX, &limit, err) ||
        !api_query_int(req, "offset", 0, 0, INT32_MAX, &offset, err))
        return false;
    q.limit = (size_t)limit;
    q.offset = (size_t)offset;
    if (!run_list(app->models, &q, req->arena, &runs, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        write_run(&runs[i], false, w);
    jw_end_array(w);
    return true;
}

static bool show_run(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct run_info run;
    (void)answer;
    if (!run_get(app->models, req->params[0], req->arena, &run, err))
        return false;
    write_run(&run, true, w);
    return true;
}

/* ---- Registry ---- */

static void write_aliases(const struct version_info *v, struct json_writer *w)
{
    jw_kv_array(w, "aliases");
    for (size_t i = 0; i < v->aliases_n; i++)
        jw_str(w, v->aliases[i]);
    jw_end_array(w);
}

static bool list_models(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    struct model_info *models;
    size_t n;
    (void)answer;
    if (!model_list(app->models, req->arena, &models, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct model_info *m = &models[i];
        jw_begin_object(w);
        jw_kv_str(w, "name", m->name);
        jw_kv_int(w, "version", m->latest);
        jw_kv_int(w, "created_ms", m->created_ms);
        jw_kv_int(w, "updated_ms", m->updated_ms);
        if (m->versions_n) {
            jw_kv_str(w, "run_id", m->versions[0].run_id);
            write_aliases(&m->versions[0], w);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
    return true;
}

static bool write_version(struct app *app, const struct version_info *v, struct arena *a,
                          struct json_writer *w, struct error *err)
{
    struct run_info run;
    jw_begin_object(w);
    jw_kv_int(w, "version", v->version);
    jw_kv_int(w, "created_ms", v->created_ms);
    write_aliases(v, w);
    jw_kv_str(w, "path", v->path);
    jw_kv_str(w, "run_id", v->run_id);
    if (v->run_id.len) {
        if (!run_get(app->models, v->run_id, a, &run, err))
            return false;
        jw_key(w, STR("run"));
        write_run(&run, true, w);
    }
    jw_end_object(w);
    return true;
}

static bool show_model(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct model_info m;
    (void)answer;
    if (!model_get(app->models, req->params[0], req->arena, &m, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "name", m.name);
    jw_kv_int(w, "latest", m.latest);
    jw_kv_int(w, "created_ms", m.created_ms);
    jw_kv_int(w, "updated_ms", m.updated_ms);
    jw_kv_array(w, "versions");
    for (size_t i = 0; i < m.versions_n; i++)
        if (!write_version(app, &m.versions[i], req->arena, w, err))
            return false;
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

/* ---- Training and prediction ---- */

static void write_trained(const struct train_report *r, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "model", r->model);
    jw_kv_int(w, "version", r->version);
    jw_kv_str(w, "run_id", r->run_id);
    jw_kv_str(w, "run_name", r->run_name);
    jw_kv_str(w, "experiment", r->experiment);
    jw_kv_str(w, "objective", r->objective);
    jw_kv_int(w, "train_rows", r->rows_train);
    jw_kv_int(w, "holdout_rows", r->rows_holdout);
    jw_kv_int(w, "features", r->features);
    jw_kv_int(w, "rounds", r->rounds);
    kv_text(w, "cut", r->cut);
    jw_kv_object(w, "metrics");
    for (size_t i = 0; i < r->metrics_n; i++) {
        jw_key(w, r->metrics[i].key);
        jw_f64(w, r->metrics[i].value);
    }
    jw_end_object(w);
    write_inputs(r->inputs, r->inputs_n, w);
    jw_kv_f64(w, "read_seconds", r->read_s);
    jw_kv_f64(w, "matrix_seconds", r->matrix_s);
    jw_kv_f64(w, "train_seconds", r->train_s);
    jw_kv_f64(w, "seconds", r->total_s);
    jw_end_object(w);
}

static bool train(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct train_request job = { .local_files = app->local_files,
                                 .access = req->access,
                                 .source = req->in_process ? STR("firn model train") : STR("api"),
                                 .progress = req->progress };
    struct train_report r = { 0 };
    (void)answer;
    if (!api_body(req, &doc, err) || !body_only(doc, "spec branch", err) ||
        !json_need_obj(doc, "spec", &job.spec, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &job.branch, err))
        return false;
    job.cancel = request_cancel(req, 0);
    if (!models_train(app->models, &job, req->arena, &r, err))
        return false;
    write_trained(&r, w);
    return true;
}

/* A version is named by a text or by its number. */
static bool take_version(const struct json *doc, struct arena *a, str *out, struct error *err)
{
    const struct json *v = json_get(doc, "version");
    *out = (str){ 0 };
    if (v && v->kind == JSON_INT)
        *out = arena_printf(a, "%lld", (long long)v->i);
    else
        return json_opt_str(doc, "version", (str){ 0 }, out, err);
    return true;
}

static void write_predictions(const struct prediction *p, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "model", p->model);
    jw_kv_int(w, "version", p->version);
    jw_kv_array(w, "predictions");
    for (size_t i = 0; i < p->rows; i++) {
        if (p->outputs != 1)
            jw_begin_array(w);
        for (size_t k = 0; k < p->outputs; k++)
            jw_f32(w, p->values[i * p->outputs + k]);
        if (p->outputs != 1)
            jw_end_array(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

static bool predict(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    const struct json *doc, *inputs;
    struct prediction p;
    str version;
    (void)answer;
    if (!api_body(req, &doc, err) || !body_only(doc, "inputs version", err) ||
        !take_version(doc, req->arena, &version, err))
        return false;
    inputs = json_get(doc, "inputs");
    if (!inputs)
        return fail(err, ERR_INVALID, "the member \"inputs\" is missing");
    if (!models_predict(app->models, req->params[0], version, inputs, req->arena, &p, err))
        return false;
    write_predictions(&p, w);
    return true;
}

const struct route models_routes[] = {
    ROUTE("POST", "/v2/models/{name}/infer", PERMISSION_READ, inference_infer,
          "Open Inference: predict with the latest version", .body_max = PREDICT_BODY_MAX),
    ROUTE("POST", "/v2/models/{name}/versions/{version}/infer", PERMISSION_READ, inference_infer,
          "Open Inference: predict with a version", .body_max = PREDICT_BODY_MAX),
    ROUTE("GET", "/v2", PERMISSION_PUBLIC, inference_server, "Open Inference: the server"),
    ROUTE("GET", "/v2/health/live", PERMISSION_PUBLIC, inference_live, "Open Inference: liveness"),
    ROUTE("GET", "/v2/health/ready", PERMISSION_PUBLIC, inference_ready,
          "Open Inference: readiness"),
    ROUTE("GET", "/v2/models/{name}", PERMISSION_READ, inference_model,
          "Open Inference: a model's inputs and outputs", .slow = true),
    ROUTE("GET", "/v2/models/{name}/ready", PERMISSION_READ, inference_model_ready,
          "Open Inference: whether a model can be loaded", .slow = true),
    ROUTE("GET", "/v2/models/{name}/versions/{version}", PERMISSION_READ, inference_model,
          "Open Inference: a version's inputs and outputs", .slow = true),
    ROUTE("GET", "/v2/models/{name}/versions/{version}/ready", PERMISSION_READ,
          inference_model_ready, "Open Inference: whether a version can be loaded", .slow = true),
    ROUTE("GET", "/api/models", PERMISSION_READ, list_models, "Registered models", .slow = true),
    ROUTE("POST", "/api/models/train", PERMISSION_WRITE, train, "Train a model: {spec, branch}",
          .slow = true),
    ROUTE("GET", "/api/models/{name}", PERMISSION_READ, show_model,
          "A model's versions with their runs", .slow = true),
    ROUTE("POST", "/api/models/{name}/predict", PERMISSION_READ, predict,
          "Predict: {inputs: {feature: value | [values]}, version}", .slow = true,
          .body_max = PREDICT_BODY_MAX),
    ROUTE("GET", "/api/runs", PERMISSION_READ, list_runs,
          "Runs, newest first; experiment, model, limit, offset", .slow = true),
    ROUTE("GET", "/api/runs/{id}", PERMISSION_READ, show_run, "A run with everything in it",
          .slow = true),
    { 0 },
};
