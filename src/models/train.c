/* SPDX-License-Identifier: Apache-2.0
 *
 * Training.  A run is made first, so that a failure leaves a trace; then data, rounds, scores; then the files are put into the
 * store; and one transaction writes final metrics, artifact rows, the version and the run's end.  Whatever goes wrong before it, or a
 * kill, leaves a FAILED run and no version. */
#include <math.h>

#include "base/env.h"
#include "base/log.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "codec/json.h"
#include "io/store.h"
#include "models/data.h"
#include "models/descriptor.h"
#include "models/models_priv.h"
#include "models/score.h"
#include "models/spec.h"
#include "models/xgb.h"
#include "sql/lake.h"

#define FLUSH_NS                                                                                   \
    1000000000LL /* per-round metrics are written once a second, so that a watcher sees them */
#define SPEC_BYTES_MAX ((size_t)4 << 20)
/* Values of the matrix that pay for one more thread: below, threads wait for each other longer than they work. */
#define VALUES_PER_THREAD ((size_t)250000)

struct training {
    struct models *m;
    const struct train_request *req;
    struct arena *a;   /* the caller's: what the report holds */
    struct arena *big; /* the matrix */
    struct spec spec;
    struct data data;
    struct xgb_matrix *train, *eval;
    struct xgb_booster *booster;
    VEC(struct run_metric) pending; /* points not written yet */
    VEC(struct run_metric) scores;  /* final ones */
    int64_t flushed_ns;
    double best; /* of the watched metric */
    int best_round, rounds;
    struct train_report *out;
};

static int64_t clock_ns(const struct training *t)
{
    return env_monotonic_ns(t->m->lake->env);
}

static double seconds_since(const struct training *t, int64_t from_ns)
{
    return (double)(clock_ns(t) - from_ns) / 1e9;
}

/* ---- what is logged at the beginning ------------------------------------------------------------------------- */

/* A value longer than a param may be is cut where a character ends. */
static str param_value(str value)
{
    if (value.len <= RUN_PARAM_MAX)
        return value;
    size_t len = RUN_PARAM_MAX;
    while (len > 0 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_sub(value, 0, len);
}

/* XGBoost's params under their own names, ours beside them.  eval_metric may be there several times: one param, joined. */
static void make_params(struct training *t, struct run_batch *batch)
{
    const struct spec *s = &t->spec;
    struct run_pair *at = arena_array(t->a, struct run_pair, s->params_n + 8);
    size_t n = 0;
    for (size_t i = 0; i < s->params_n; i++) {
        str key = str_of(s->params[i].name), value = param_value(str_of(s->params[i].value));
        size_t same = 0;
        while (same < n && !str_eq(at[same].key, key))
            same++;
        if (same < n)
            value = param_value(
                arena_printf(t->a, STR_FMT ",%s", STR_ARG(at[same].value), s->params[i].value));
        at[same] = (struct run_pair){ key, value };
        n += same == n;
    }
    at[n++] = (struct run_pair){ STR("rounds"), arena_printf(t->a, "%d", s->rounds) };
    at[n++] = (struct run_pair){ STR("data"), param_value(s->data) };
    at[n++] = (struct run_pair){ STR("label"), param_value(s->label) };
    at[n++] =
        (struct run_pair){ STR("features"),
                           param_value(arena_join(t->a, s->features, s->features_n, STR(", "))) };
    if (s->timestamp.len) {
        at[n++] = (struct run_pair){ STR("timestamp"), param_value(s->timestamp) };
        at[n++] = (struct run_pair){ STR("holdout"), arena_printf(t->a, "%g", s->holdout) };
    }
    if (s->early_stop)
        at[n++] = (struct run_pair){ STR("early_stopping_rounds"),
                                     arena_printf(t->a, "%d", s->early_stop) };
    batch->params = at;
    batch->params_n = n;
}

static bool log_begin(struct training *t, struct error *err)
{
    struct run_batch batch = { 0 };
    make_params(t, &batch);
    return run_log(t->m, t->out->run_id, &batch, err);
}

static bool log_inputs(struct training *t, struct error *err)
{
    struct run_batch batch = { .inputs = t->data.inputs, .inputs_n = t->data.inputs_n };
    struct run_pair cut = { STR("holdout_from"), t->data.cut };
    batch.params = &cut;
    batch.params_n = t->data.cut.len > 0;
    return run_log(t->m, t->out->run_id, &batch, err);
}

/* ---- rounds -------------------------------------------------------------------------------------------------- */

static bool flush_points(struct training *t, struct error *err)
{
    for (size_t i = 0; i < t->pending.n; i += RUN_BATCH_MAX) {
        size_t left = t->pending.n - i;
        struct run_batch batch = { .metrics = t->pending.at + i,
                                   .metrics_n = left < RUN_BATCH_MAX ? left : RUN_BATCH_MAX };
        if (!run_log(t->m, t->out->run_id, &batch, err))
            return false;
    }
    t->pending.n = 0;
    t->flushed_ns = clock_ns(t);
    return true;
}

/* Whether a metric of XGBoost's grows as the model gets better. */
static bool more_is_better(str name)
{
    static const char *const names[] = { "auc", "aucpr", "pre", "map", "ndcg" };
    str head, tail;
    (void)str_cut(name, '@', &head, &tail);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(head, str_of(names[i])))
            return true;
    return false;
}

/* The last metric decides about stopping, as in XGBoost's own packages. */
static void watch(struct training *t, int round, const struct xgb_score *s)
{
    double better = more_is_better(s->name) ? s->value - t->best : t->best - s->value;
    if (round == 0 || better > 0) {
        t->best = s->value;
        t->best_round = round;
    }
}

static bool eval_round(struct training *t, int round, struct error *err)
{
    struct xgb_score *scores;
    size_t n;
    if (!xgb_eval_round(t->booster, round, t->a, &scores, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        *vec_push(t->a, &t->pending) =
            (struct run_metric){ .key = arena_printf(t->a, "holdout_" STR_FMT,
                                                     STR_ARG(scores[i].name)),
                                 .value = scores[i].value,
                                 .timestamp_ms = now_ms(t->m),
                                 .step = round };
    if (n)
        watch(t, round, &scores[n - 1]);
    return t->pending.n < RUN_BATCH_MAX / 2 && clock_ns(t) - t->flushed_ns < FLUSH_NS
               ? true
               : flush_points(t, err);
}

static bool train_rounds(struct training *t, struct error *err)
{
    int wait = t->spec.early_stop;
    for (t->rounds = 0; t->rounds < t->spec.rounds; t->rounds++) {
        if (!cancel_check(t->req->cancel, err) || !xgb_train_round(t->booster, t->rounds, err))
            return false;
        if (t->eval && !eval_round(t, t->rounds, err))
            return false;
        progress_report(t->req->progress, "train", t->rounds + 1, t->spec.rounds);
        if (wait && t->rounds - t->best_round >= wait) {
            t->rounds++; /* this one was trained */
            break;
        }
    }
    if (wait && t->best_round + 1 < t->rounds) {
        t->rounds = t->best_round + 1;
        return xgb_keep_rounds(t->booster, t->rounds, err);
    }
    return true;
}

static int threads_for(const struct training *t)
{
    size_t useful = 1 + t->data.n * t->spec.features_n / VALUES_PER_THREAD;
    size_t threads = (size_t)pool_threads(t->m->lake->pool);
    return (int)(useful < threads ? useful : threads);
}

/* One matrix of bins for the rows to train on, one of values for the hold-out. */
static bool make_matrices(struct training *t, struct error *err)
{
    const struct spec *s = &t->spec;
    const struct data *d = &t->data;
    int threads = threads_for(t);
    bool ok = s->bins ? xgb_matrix_bins(d->rows, d->train_n, s->features_n, d->labels, s->max_bin,
                                        threads, &t->train, err)
                      : xgb_matrix_plain(d->rows, d->train_n, s->features_n, d->labels, threads,
                                         &t->train, err);
    if (ok && d->train_n < d->n)
        ok = xgb_matrix_plain(d->rows + d->train_n * s->features_n, d->n - d->train_n,
                              s->features_n, d->labels + d->train_n, threads, &t->eval, err);
    return ok;
}

static bool make_booster(struct training *t, struct error *err)
{
    const struct spec *s = &t->spec;
    struct xgb_param *params = arena_array(t->a, struct xgb_param, s->params_n + 1);
    memcpy(params, s->params, s->params_n * sizeof *params);
    params[s->params_n] =
        (struct xgb_param){ "nthread", arena_printf(t->a, "%d", threads_for(t)).ptr };
    return xgb_booster_create(t->train, t->eval, params, s->params_n + 1, &t->booster, err);
}

/* ---- scores -------------------------------------------------------------------------------------------------- */

static void add_score(struct training *t, const char *key, double value)
{
    *vec_push(t->a, &t->scores) = (struct run_metric){
        .key = str_of(key), .value = value, .timestamp_ms = now_ms(t->m), .step = t->rounds
    };
}

/* The baseline says for every row what was most frequent, or the mean, among the rows trained on. */
static void score_binary(struct training *t, const float *p, const float *y, size_t n)
{
    double ones = 0;
    float *constant = arena_array(t->big, float, n);
    for (size_t i = 0; i < t->data.train_n; i++)
        ones += (double)t->data.labels[i];
    for (size_t i = 0; i < n; i++)
        constant[i] = (float)(ones / (double)t->data.train_n);
    add_score(t, "auc", score_auc(p, y, n, t->big));
    add_score(t, "baseline_auc", 0.5);
    add_score(t, "accuracy", score_accuracy(p, y, n));
    add_score(t, "baseline_accuracy", score_accuracy(constant, y, n));
    add_score(t, "logloss", score_logloss(p, y, n));
    add_score(t, "baseline_logloss", score_logloss(constant, y, n));
}

static void score_classes(struct training *t, const float *p, const float *y, size_t n)
{
    size_t classes = (size_t)t->spec.classes, major = 0, right = 0;
    size_t *counts = arena_array(t->big, size_t, classes);
    for (size_t i = 0; i < t->data.train_n; i++)
        counts[(size_t)t->data.labels[i]]++;
    for (size_t c = 1; c < classes; c++)
        major = counts[c] > counts[major] ? c : major;
    for (size_t i = 0; i < n; i++)
        right += (size_t)y[i] == major;
    add_score(t, "accuracy", score_accuracy_multi(p, y, n, classes));
    add_score(t, "baseline_accuracy", (double)right / (double)n);
    add_score(t, "mlogloss", score_logloss_multi(p, y, n, classes));
}

static void score_regression(struct training *t, const float *p, const float *y, size_t n)
{
    double sum = 0;
    float *constant = arena_array(t->big, float, n);
    for (size_t i = 0; i < t->data.train_n; i++)
        sum += (double)t->data.labels[i];
    for (size_t i = 0; i < n; i++)
        constant[i] = (float)(sum / (double)t->data.train_n);
    add_score(t, "rmse", score_rmse(p, y, n));
    add_score(t, "baseline_rmse", score_rmse(constant, y, n));
    add_score(t, "mae", score_mae(p, y, n));
    add_score(t, "baseline_mae", score_mae(constant, y, n));
}

static bool evaluate(struct training *t, struct error *err)
{
    const struct spec *s = &t->spec;
    const struct data *d = &t->data;
    size_t n = d->n - d->train_n, outputs = (size_t)s->classes;
    add_score(t, "rows_train", (double)d->train_n);
    add_score(t, "rows_holdout", (double)n);
    add_score(t, "rounds", t->rounds);
    if (n == 0)
        return true;
    progress_report(t->req->progress, "evaluate", 0, 0);
    float *p = arena_array(t->big, float, n *outputs);
    const float *y = d->labels + d->train_n;
    if (!xgb_predict(t->booster, d->rows + d->train_n * s->features_n, n, s->features_n, outputs, p,
                     err))
        return false;
    if (s->task == TASK_BINARY)
        score_binary(t, p, y, n);
    else if (s->task == TASK_CLASSES)
        score_classes(t, p, y, n);
    else
        score_regression(t, p, y, n);
    return true;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

static bool put_file(struct training *t, const char *path, str bytes, struct run_artifact *row,
                     struct error *err)
{
    str at;
    *row = (struct run_artifact){ str_of(path), (int64_t)bytes.len };
    return artifact_path(t->out->run_id, str_of(path), t->a, &at, err) &&
           store_put(t->m->lake->artifacts, at, bytes, STORE_CREATE_NEW, err);
}

static bool spec_text(struct training *t, str *out, struct error *err)
{
    struct buf *b = arena_new(t->a, struct buf);
    struct json_writer w;
    buf_init(b, SPEC_BYTES_MAX);
    buf_in_arena(b, t->a);
    jw_init(&w, b);
    w.pretty = true;
    jw_json(&w, t->req->spec);
    *out = buf_str(b);
    return buf_ok(b, "the description of the model", err);
}

#define FILES 3

static bool put_files(struct training *t, struct run_artifact rows[FILES], struct error *err)
{
    str model, descriptor, spec;
    char digest[SHA256_TEXT_LEN + 1];
    if (!xgb_save(t->booster, t->big, &model, err))
        return false;
    struct sha256 sum = sha256_of(model);
    struct descriptor d = {
        .model = t->spec.model,
        .run_id = t->out->run_id,
        .label = t->spec.label,
        .objective = t->spec.objective,
        .features = t->spec.features,
        .features_n = t->spec.features_n,
        .outputs = (size_t)t->spec.classes,
        .rounds = t->rounds,
        .framework = arena_printf(t->a, "xgboost %s", xgb_version()),
        .sha256 = sha256_format(&sum, digest),
        .inputs = t->data.inputs,
        .inputs_n = t->data.inputs_n,
    };
    return descriptor_write(&d, t->a, &descriptor, err) && spec_text(t, &spec, err) &&
           put_file(t, "model/" MODEL_FILE, model, &rows[0], err) &&
           put_file(t, "model/" MODEL_DESCRIPTOR, descriptor, &rows[1], err) &&
           put_file(t, "spec.json", spec, &rows[2], err);
}

static bool finish_in(struct training *t, struct db_tx *tx, const struct run_artifact *rows,
                      struct error *err)
{
    struct run_batch batch = { .metrics = t->scores.at, .metrics_n = t->scores.n };
    str id = t->out->run_id, path = arena_printf(t->a, "runs/" STR_FMT "/model", STR_ARG(id));
    for (size_t i = 0; i < FILES; i++)
        if (!run_artifact_in(tx, id, rows[i].path, (size_t)rows[i].bytes, err))
            return false;
    return run_log_in(tx, id, &batch, t->a, err) &&
           run_end_in(tx, id, RUN_FINISHED, (str){ 0 }, now_ms(t->m), err) &&
           version_create_in(tx, t->spec.model, id, path, now_ms(t->m), &t->out->version, err);
}

static bool finish(struct training *t, struct error *err)
{
    struct run_artifact rows[FILES];
    struct db_tx *tx;
    if (!put_files(t, rows, err) || !flush_points(t, err) || !cancel_check(t->req->cancel, err) ||
        !db_begin(t->m->lake->db, &tx, err))
        return false;
    bool ok = tx_end(tx, finish_in(t, tx, rows, err), err);
    atomic_fetch_add(&t->m->changes, 1);
    return ok;
}

static void fill_report(struct training *t)
{
    struct train_report *r = t->out;
    r->model = t->spec.model;
    r->experiment = t->spec.experiment;
    r->objective = t->spec.objective;
    r->rows_train = (int64_t)t->data.train_n;
    r->rows_holdout = (int64_t)(t->data.n - t->data.train_n);
    r->features = (int64_t)t->spec.features_n;
    r->rounds = t->rounds;
    r->cut = t->data.cut;
    r->metrics = t->scores.at;
    r->metrics_n = t->scores.n;
    r->inputs = t->data.inputs;
    r->inputs_n = t->data.inputs_n;
}

static bool run_steps(struct training *t, struct error *err)
{
    struct train_report *r = t->out;
    int64_t from = clock_ns(t);
    if (!log_begin(t, err) ||
        !data_read(t->m->lake, t->req, &t->spec, t->big, t->a, &t->data, err) ||
        !log_inputs(t, err))
        return false;
    r->read_s = seconds_since(t, from);
    from = clock_ns(t);
    progress_report(t->req->progress, "prepare", 0, 0);
    if (!make_matrices(t, err) || !make_booster(t, err))
        return false;
    r->matrix_s = seconds_since(t, from);
    from = t->flushed_ns = clock_ns(t);
    if (!train_rounds(t, err) || !evaluate(t, err) || !finish(t, err))
        return false;
    r->train_s = seconds_since(t, from);
    fill_report(t);
    return true;
}

/* The error that counts is the first: a run that cannot be marked is marked by the next models_open. */
static void end_failed(struct training *t, const struct error *why)
{
    struct error err;
    enum run_status status = why->code == ERR_CANCELLED ? RUN_KILLED : RUN_FAILED;
    if (!run_end(t->m, t->out->run_id, status, str_of(why->msg), 0, &err))
        log_warn("models", "run %.8s is not marked as failed: %s", t->out->run_id.ptr, err.msg);
}

static bool make_run(struct training *t, struct error *err)
{
    struct experiment e;
    if (!experiment_ensure(t->m, t->spec.experiment, t->a, &e, err))
        return false;
    struct run_create run = {
        .experiment_id = e.id, .source = t->req->source, .user = t->req->user, .owned = true
    };
    run.name = t->spec.run_name.len ? t->spec.run_name
                                    : arena_printf(t->a, STR_FMT "-%08x", STR_ARG(t->spec.model),
                                                   (unsigned)env_random_u64(t->m->lake->env));
    t->out->run_name = run.name;
    return run_create(t->m, &run, t->a, &t->out->run_id, err);
}

bool models_train(struct models *m, const struct train_request *req, struct arena *a,
                  struct train_report *out, struct error *err)
{
    struct training t = { .m = m, .req = req, .a = a, .out = out };
    int64_t from = env_monotonic_ns(m->lake->env);
    *out = (struct train_report){ 0 };
    if (!spec_parse(req->spec, a, &t.spec, err) || !make_run(&t, err))
        return false;
    t.big = arena_create(0);
    bool ok = run_steps(&t, err);
    if (!ok)
        end_failed(&t, err);
    xgb_booster_destroy(t.booster);
    xgb_matrix_destroy(t.eval);
    xgb_matrix_destroy(t.train);
    arena_destroy(t.big);
    out->total_s = seconds_since(&t, from);
    return ok;
}
