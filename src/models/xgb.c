/* SPDX-License-Identifier: Apache-2.0
 *
 * XGBoost 1.7.  What of its behaviour this file rests on:
 *
 *   X1  Prediction in place on dense rows writes to a buffer that belongs to the calling thread and the booster, and reads nothing
 *       that changes, once the booster is configured.  Configuring is lazy and not guarded, so xgb_load predicts one row before it
 *       hands the booster out; no parameter is set after that.
 *   X2  The log goes to a callback of the calling thread.  With validate_parameters the names that nothing uses are only logged, at
 *       the first round; we take that line for the error that it is.
 *   X3  A proxy's data is given by address; a batch is read during the call that asked for it and, by the binning, several times.
 *   X4  Finding the cuts takes as long as binning all values, so large matrices take theirs from a sample (the `ref` matrix).
 *   X5  Its readers of models trust their input: cut short, UBJSON is read beyond its end.  So bytes are loaded only after their
 *       digest was found right. */
#include "models/xgb.h"

#include <math.h>
#include <stdio.h>
#include <xgboost/c_api.h>

#include "base/log.h"
#include "base/rand.h"

#define CONFIG_MAX 256
/* Rows of one batch of the binning: more batches cost merges of sketches, fewer cost memory (16 bytes a value at work). */
#define BATCH_ROWS ((size_t)1 << 20)
#define UNUSED_MAX 512
#define SAMPLE_ROWS ((size_t)262144) /* X4: of which each of SAMPLE_BINS_MAX bins still gets 512 */
#define SAMPLE_BINS_MAX 512
#define PREDICT_CONFIG                                                                             \
    "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"                    \
    "\"strict_shape\":true,\"missing\":NaN,\"cache_id\":0}"

struct xgb_matrix {
    struct arena *arena; /* of this struct */
    DMatrixHandle handle;
};

struct xgb_booster {
    struct arena *arena; /* of this struct */
    BoosterHandle handle;
    DMatrixHandle train, eval; /* of the matrices it was made with; NULL when loaded */
};

/* The library's texts begin with a time and a place, "[12:00:00] ./src/x.cc:12: ", and end with a stack. */
static str first_line(str text)
{
    str line, rest;
    if (str_starts(text, STR("["))) {
        str_cut(text, ']', &line, &rest);
        text = str_trim(rest);
    }
    if (str_find_char(text, '/') >= 0 && str_find(text, STR(": ")) > str_find_char(text, '/'))
        text = str_from(text, (size_t)str_find(text, STR(": ")) + 2);
    str_cut(str_trim(text), '\n', &line, &rest);
    return line;
}

static bool xgb_fail(struct error *err, enum err_code code, const char *what)
{
    str line = first_line(str_of(XGBGetLastError()));
    return fail(err, code, "%s: " STR_FMT, what, STR_ARG(str_sub(line, 0, 300)));
}

/* X2: names of parameters that nothing uses; of this thread's last round. */
static _Thread_local char unused[UNUSED_MAX];

static void on_log(const char *text)
{
    str s = str_of(text);
    ptrdiff_t at = str_find(s, STR("Parameters: {"));
    if (at >= 0) {
        str names = str_from(s, (size_t)at + 13), rest;
        str_cut(names, '}', &names, &rest);
        names = str_trim(names);
        snprintf(unused, sizeof unused, STR_FMT, STR_ARG(names));
    } else {
        log_info("xgboost", STR_FMT, STR_ARG(first_line(s)));
    }
}

static void listen_to_log(void)
{
    unused[0] = 0;
    if (XGBRegisterLogCallback(on_log) != 0)
        panic("XGBoost takes no log callback");
}

static void array_interface(char out[CONFIG_MAX], const float *data, size_t n, size_t columns)
{
    snprintf(out, CONFIG_MAX,
             "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)data, n, columns);
}

const char *xgb_version(void)
{
    static _Thread_local char text[32];
    int major, minor, patch;
    XGBoostVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

/* ---- matrices ------------------------------------------------------------------------------------------------ */

static void wrap_matrix(DMatrixHandle handle, struct xgb_matrix **out)
{
    struct arena *a = arena_create(0);
    *out = arena_new(a, struct xgb_matrix);
    (*out)->arena = a;
    (*out)->handle = handle;
}

void xgb_matrix_destroy(struct xgb_matrix *m)
{
    if (!m)
        return;
    XGDMatrixFree(m->handle);
    arena_destroy(m->arena);
}

bool xgb_matrix_plain(const float *rows, size_t n, size_t columns, const float *labels, int threads,
                      struct xgb_matrix **out, struct error *err)
{
    char data[CONFIG_MAX], config[CONFIG_MAX];
    DMatrixHandle handle;
    listen_to_log();
    array_interface(data, rows, n, columns);
    snprintf(config, sizeof config, "{\"missing\":NaN,\"nthread\":%d}", threads);
    if (XGDMatrixCreateFromDense(data, config, &handle) != 0)
        return xgb_fail(err, ERR_INTERNAL, "make a matrix");
    if (XGDMatrixSetDenseInfo(handle, "label", labels, n, 1) != 0) {
        XGDMatrixFree(handle);
        return xgb_fail(err, ERR_INVALID, "the labels");
    }
    wrap_matrix(handle, out);
    return true;
}

struct batches {
    DMatrixHandle proxy;
    const float *rows, *labels; /* labels NULL: none */
    size_t n, columns, at;
};

static void batches_reset(DataIterHandle ctx)
{
    ((struct batches *)ctx)->at = 0;
}

static int batches_next(DataIterHandle ctx)
{
    struct batches *b = ctx;
    char data[CONFIG_MAX];
    size_t n = b->n - b->at < BATCH_ROWS ? b->n - b->at : BATCH_ROWS;
    if (n == 0)
        return 0;
    array_interface(data, b->rows + b->at * b->columns, n, b->columns);
    /* A failure leaves no data, which the library then reports itself. */
    if (XGProxyDMatrixSetDataDense(b->proxy, data) != 0 ||
        (b->labels && XGDMatrixSetDenseInfo(b->proxy, "label", b->labels + b->at, n, 1) != 0))
        return 0;
    b->at += n;
    return 1;
}

/* The cuts are those of `like` when it is there. */
static bool make_bins(struct batches *b, int max_bin, int threads, DMatrixHandle like,
                      DMatrixHandle *out, struct error *err)
{
    char config[CONFIG_MAX];
    snprintf(config, sizeof config, "{\"missing\":NaN,\"nthread\":%d,\"max_bin\":%d}", threads,
             max_bin);
    if (XGProxyDMatrixCreate(&b->proxy) != 0)
        return xgb_fail(err, ERR_INTERNAL, "make a matrix");
    int rc = XGQuantileDMatrixCreateFromCallback(b, b->proxy, like, batches_reset, batches_next,
                                                 config, out);
    bool ok = rc == 0 || xgb_fail(err, ERR_INVALID, "make a matrix");
    XGDMatrixFree(b->proxy);
    return ok;
}

/* Two rows with the least and the greatest value of each column. */
static void find_ends(const float *rows, size_t n, size_t columns, float *least, float *greatest)
{
    for (size_t c = 0; c < columns; c++)
        least[c] = greatest[c] = NAN;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < columns; c++) {
            float v = rows[i * columns + c];
            least[c] = !(v >= least[c]) && !isnan(v) ? v : least[c];
            greatest[c] = !(v <= greatest[c]) && !isnan(v) ? v : greatest[c];
        }
}

/* One row, chosen by a fixed seed, out of each of SAMPLE_ROWS equal stretches, and the ends of each column, without which values
 * beyond the last cut would be trained on as less than it and predicted as greater. */
static void make_sample(const float *rows, size_t n, size_t columns, struct arena *a,
                        struct batches *out)
{
    float *sample = arena_array(a, float, (SAMPLE_ROWS + 2) * columns);
    struct rand r;
    rand_init(&r, 1);
    for (size_t i = 0; i < SAMPLE_ROWS; i++) {
        size_t from = i * n / SAMPLE_ROWS, to = (i + 1) * n / SAMPLE_ROWS;
        size_t row = from + rand_below(&r, to - from);
        memcpy(sample + i * columns, rows + row * columns, columns * sizeof *sample);
    }
    find_ends(rows, n, columns, sample + SAMPLE_ROWS * columns,
              sample + (SAMPLE_ROWS + 1) * columns);
    *out = (struct batches){ .rows = sample, .n = SAMPLE_ROWS + 2, .columns = columns };
}

/* X4 */
bool xgb_matrix_bins(const float *rows, size_t n, size_t columns, const float *labels, int max_bin,
                     int threads, struct xgb_matrix **out, struct error *err)
{
    struct batches all = { .rows = rows, .labels = labels, .n = n, .columns = columns }, some;
    DMatrixHandle handle, cuts = NULL;
    bool ok = true;
    listen_to_log();
    if (n >= SAMPLE_ROWS * 4 && max_bin <= SAMPLE_BINS_MAX) {
        struct arena *a = arena_create(0);
        make_sample(rows, n, columns, a, &some);
        ok = make_bins(&some, max_bin, threads, NULL, &cuts, err);
        arena_destroy(a);
    }
    ok = ok && make_bins(&all, max_bin, threads, cuts, &handle, err);
    if (cuts)
        XGDMatrixFree(cuts);
    if (ok)
        wrap_matrix(handle, out);
    return ok;
}

/* ---- training ------------------------------------------------------------------------------------------------ */

static struct xgb_booster *new_booster(void)
{
    struct arena *a = arena_create(0);
    struct xgb_booster *b = arena_new(a, struct xgb_booster);
    b->arena = a;
    return b;
}

static bool set_param(struct xgb_booster *b, const char *name, const char *value, struct error *err)
{
    return XGBoosterSetParam(b->handle, name, value) == 0 ||
           xgb_fail(err, ERR_INVALID, "a parameter");
}

bool xgb_booster_create(struct xgb_matrix *train, struct xgb_matrix *eval,
                        const struct xgb_param *params, size_t n, struct xgb_booster **out,
                        struct error *err)
{
    struct xgb_booster *b = new_booster();
    DMatrixHandle matrices[2] = { train->handle, eval ? eval->handle : NULL };
    listen_to_log();
    b->train = train->handle;
    b->eval = eval ? eval->handle : NULL;
    bool ok = XGBoosterCreate(matrices, eval ? 2 : 1, &b->handle) == 0 ||
              xgb_fail(err, ERR_INTERNAL, "make a booster");
    ok = ok && set_param(b, "validate_parameters", "1", err) && set_param(b, "verbosity", "1", err);
    for (size_t i = 0; ok && i < n; i++)
        ok = set_param(b, params[i].name, params[i].value, err);
    if (!ok) {
        xgb_booster_destroy(b);
        return false;
    }
    *out = b;
    return true;
}

void xgb_booster_destroy(struct xgb_booster *b)
{
    if (!b)
        return;
    if (b->handle)
        XGBoosterFree(b->handle);
    arena_destroy(b->arena);
}

bool xgb_train_round(struct xgb_booster *b, int round, struct error *err)
{
    listen_to_log();
    if (XGBoosterUpdateOneIter(b->handle, round, b->train) != 0)
        return xgb_fail(err, ERR_INVALID, "train");
    if (unused[0])
        return fail(err, ERR_INVALID, "params: XGBoost does not know or does not use %s", unused);
    return true;
}

/* "[29]\teval-logloss:0.45\teval-auc:0.8" */
bool xgb_eval_round(struct xgb_booster *b, int round, struct arena *a, struct xgb_score **out,
                    size_t *n, struct error *err)
{
    DMatrixHandle eval[1] = { b->eval };
    const char *names[1] = { "eval" }, *text;
    if (XGBoosterEvalOneIter(b->handle, round, eval, names, 1, &text) != 0)
        return xgb_fail(err, ERR_INVALID, "evaluate");
    str rest = arena_str(a, str_of(text)), piece;
    *out = arena_array(a, struct xgb_score, rest.len / 6 + 1);
    *n = 0;
    while (str_next(&rest, '\t', &piece)) {
        ptrdiff_t colon = str_rfind_char(piece, ':');
        if (!str_starts(piece, STR("eval-")) || colon < 0)
            continue;
        struct xgb_score *s = &(*out)[(*n)++];
        s->name = str_sub(piece, 5, (size_t)colon);
        str number = str_from(piece, (size_t)colon + 1);
        if (!str_to_f64(number, &s->value))
            s->value = str_is(number, "inf")    ? (double)INFINITY
                       : str_is(number, "-inf") ? -(double)INFINITY
                                                : (double)NAN;
    }
    return true;
}

bool xgb_keep_rounds(struct xgb_booster *b, int rounds, struct error *err)
{
    BoosterHandle kept;
    if (XGBoosterSlice(b->handle, 0, rounds, 1, &kept) != 0)
        return xgb_fail(err, ERR_INTERNAL, "keep the best rounds");
    XGBoosterFree(b->handle);
    b->handle = kept;
    return true;
}

bool xgb_save(struct xgb_booster *b, struct arena *a, str *out, struct error *err)
{
    bst_ulong len;
    const char *bytes;
    if (XGBoosterSaveModelToBuffer(b->handle, "{\"format\":\"ubj\"}", &len, &bytes) != 0)
        return xgb_fail(err, ERR_INTERNAL, "save the model");
    if (len > XGB_MODEL_BYTES_MAX)
        return fail(err, ERR_LIMIT, "the model has %zu bytes, more than %zu", (size_t)len,
                    XGB_MODEL_BYTES_MAX);
    *out = arena_str(a, str_make(bytes, len));
    return true;
}

/* ---- prediction ---------------------------------------------------------------------------------------------- */

/* X1: makes the lazy configuration happen now. */
static bool warm_up(struct xgb_booster *b, size_t columns, struct error *err)
{
    char data[CONFIG_MAX];
    const bst_ulong *shape;
    const float *values;
    bst_ulong dims;
    array_interface(data, arena_array(b->arena, float, columns), 1, columns);
    return XGBoosterPredictFromDense(b->handle, data, PREDICT_CONFIG, NULL, &shape, &dims,
                                     &values) == 0 ||
           xgb_fail(err, ERR_CORRUPT, "the model does not predict");
}

bool xgb_load(str bytes, size_t columns, struct xgb_booster **out, struct error *err)
{
    struct xgb_booster *b = new_booster();
    bst_ulong found = 0;
    listen_to_log();
    bool ok =
        XGBoosterCreate(NULL, 0, &b->handle) == 0 || xgb_fail(err, ERR_INTERNAL, "make a booster");
    ok = ok && (XGBoosterLoadModelFromBuffer(b->handle, bytes.ptr, bytes.len) == 0 ||
                xgb_fail(err, ERR_CORRUPT, "read the model"));
    ok = ok && (XGBoosterGetNumFeature(b->handle, &found) == 0 ||
                xgb_fail(err, ERR_CORRUPT, "read the model"));
    if (ok && found != columns)
        ok = fail(err, ERR_CORRUPT, "the model has %zu features, its description %zu",
                  (size_t)found, columns);
    ok = ok && set_param(b, "nthread", "1", err) && warm_up(b, columns, err);
    if (!ok) {
        xgb_booster_destroy(b);
        return false;
    }
    *out = b;
    return true;
}

bool xgb_predict(struct xgb_booster *b, const float *rows, size_t n, size_t columns, size_t outputs,
                 float *out, struct error *err)
{
    char data[CONFIG_MAX];
    const bst_ulong *shape;
    const float *values;
    bst_ulong dims;
    if (n == 0)
        return true;
    array_interface(data, rows, n, columns);
    if (XGBoosterPredictFromDense(b->handle, data, PREDICT_CONFIG, NULL, &shape, &dims, &values) !=
        0)
        return xgb_fail(err, ERR_INTERNAL, "predict");
    size_t per_row = dims == 2 ? (size_t)shape[1] : 1;
    if (shape[0] != n || per_row != outputs)
        return fail(err, ERR_CORRUPT, "the model gives %zu numbers for a row instead of %zu",
                    per_row, outputs);
    memcpy(out, values, n * outputs * sizeof *out);
    return true;
}
