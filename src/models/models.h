/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: tracked runs (tracking.h), registered versions (registry.h), training and prediction.
 *
 * A version's folder in the artifact store holds
 *   model.ubj    the booster, as XGBoost writes it
 *   model.json   features in order, label, objective, outputs, the snapshots trained on, SHA-256 of model.ubj
 * and is never changed once the version is registered. */
#ifndef FIRN_MODELS_MODELS_H
#define FIRN_MODELS_MODELS_H

#include "base/progress.h"
#include "base/thread.h"
#include "models/registry.h"
#include "models/tracking.h"

struct json;
struct lake;
struct models;

/* Brings the tables up to date and marks the runs that died with the last process (tracking.h, R3).  The lake must outlive it.
 * models_close waits for nobody: no call may be under way; NULL is fine. */
MUST_USE bool models_open(struct lake *lake, struct models **out, struct error *err);
void models_close(struct models *m);

#define TRAIN_MATRIX_BYTES_MAX ((size_t)4 << 30) /* rows x features x 4 */
#define TRAIN_FEATURES_MAX 4096
#define TRAIN_ROUNDS_MAX 100000

struct access;
struct train_request {
    const struct json *spec; /* the tree of a file like examples/flights/train.yaml */
    str branch;              /* of the data; empty: main */
    bool local_files;        /* the data may name files of this machine */
    const struct access
        *access;      /* who asks (govern/access.h); NULL: refused while access control is on */
    str source, user; /* kept with the run; may be empty */
    struct cancel *cancel; /* may be NULL, as progress */
    struct progress *progress;
};

struct train_report {
    str model;
    int64_t version;
    str run_id, run_name, experiment, objective;
    int64_t rows_train, rows_holdout, features,
        rounds; /* rounds: kept, fewer after an early stop */
    str cut;    /* rows from this timestamp on were held out; empty: none were */
    const struct run_metric *
        metrics; /* final ones: auc, baseline_auc, accuracy, baseline_accuracy, logloss, rmse ... */
    size_t metrics_n;
    const struct run_input *inputs; /* tables and snapshots read */
    size_t inputs_n;
    double read_s, matrix_s, train_s, total_s;
};

/* Trains, evaluates on the hold-out, logs a run and registers the next version.  ERR_INVALID names the key, column or value of
 * the spec that is wrong, ERR_LIMIT a matrix over TRAIN_MATRIX_BYTES_MAX.  Version, metrics and artifacts become visible in the
 * one transaction that ends the run; after a failure the run is FAILED with the reason and no version exists. */
MUST_USE bool models_train(struct models *m, const struct train_request *req, struct arena *a,
                           struct train_report *out, struct error *err);

/* ---- prediction ---------------------------------------------------------------------------------------------- */

/* A version in memory: immutable, shared by all threads, cached by `models`. */
struct predictor;

/* A reference; `which` as in version_get.  A few hundred nanoseconds once loaded.  ERR_NOT_FOUND; ERR_CORRUPT names the file. */
MUST_USE bool predictor_get(struct models *m, str name, str which, struct predictor **out,
                            struct error *err);
void predictor_unref(struct predictor *p); /* NULL is fine */

/* Of the version; live as long as the reference. */
str predictor_model(const struct predictor *p);
int64_t predictor_version(const struct predictor *p);
const str *predictor_features(const struct predictor *p,
                              size_t *n);            /* names, in the order of columns */
size_t predictor_outputs(const struct predictor *p); /* numbers per row: 1, or one per class */

#define PREDICT_ROWS_MAX 1000000

/* `rows`: n rows of as many floats as there are features, NaN where a value is missing.  out: n x outputs, row by row. */
MUST_USE bool predictor_run(struct predictor *p, const float *rows, size_t n, float *out,
                            struct error *err);

struct prediction {
    str model;
    int64_t version;
    size_t rows, outputs;
    const float *values; /* rows x outputs; write them with jw_f32 */
    bool single;         /* the input was one row of plain values, not lists */
};

/* Predicts for values by name: {feature: value}, {feature: [values]} or [{feature: value}, ...].  Numbers, booleans, and null for
 * a missing value.  ERR_INVALID names features that are not given; names that the model does not know are ignored. */
MUST_USE bool models_predict(struct models *m, str name, str which, const struct json *input,
                             struct arena *a, struct prediction *out, struct error *err);

#endif
