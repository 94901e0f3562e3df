/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door to XGBoost's C API.  Errors of the library become ERR_INVALID when it refuses a parameter or a label, ERR_CORRUPT
 * when it refuses a model's bytes, else ERR_INTERNAL; its first line is kept.
 *
 * Threads: everything that trains belongs to one thread at a time.  xgb_predict may be called on one model from any number of
 * threads at once: see xgb.c. */
#ifndef FIRN_MODELS_XGB_H
#define FIRN_MODELS_XGB_H

#include "base/arena.h"
#include "base/error.h"

struct xgb_matrix;
struct xgb_booster;

#define XGB_MODEL_BYTES_MAX ((size_t)1 << 30)

const char *xgb_version(void); /* "1.7.4" */

/* A training matrix: n rows of `columns` floats (NaN: missing), cut into at most max_bin bins per column.  It keeps one byte or
 * two per value and copies the labels; `rows` is not needed afterwards. */
MUST_USE bool xgb_matrix_bins(const float *rows, size_t n, size_t columns, const float *labels,
                              int max_bin, int threads, struct xgb_matrix **out, struct error *err);
/* A matrix with the values themselves: for exact and approximate tree methods, and to evaluate on. */
MUST_USE bool xgb_matrix_plain(const float *rows, size_t n, size_t columns, const float *labels,
                               int threads, struct xgb_matrix **out, struct error *err);
void xgb_matrix_destroy(struct xgb_matrix *m); /* NULL is fine */

struct xgb_param {
    const char *name, *value;
};

/* A booster to train; `eval` may be NULL.  Both matrices must outlive it.  Wrong values of params show at the first round, unknown
 * names too: as ERR_INVALID. */
MUST_USE bool xgb_booster_create(struct xgb_matrix *train, struct xgb_matrix *eval,
                                 const struct xgb_param *params, size_t n, struct xgb_booster **out,
                                 struct error *err);
void xgb_booster_destroy(struct xgb_booster *b); /* NULL is fine */

/* Adds one round, numbered from 0. */
MUST_USE bool xgb_train_round(struct xgb_booster *b, int round, struct error *err);
/* The metrics of the objective, or those of eval_metric, on `eval` after this round: "logloss", 0.45 ...; lives in `a`. */
struct xgb_score {
    str name;
    double value;
};
MUST_USE bool xgb_eval_round(struct xgb_booster *b, int round, struct arena *a,
                             struct xgb_score **out, size_t *n, struct error *err);
/* Keeps only the first `rounds` rounds. */
MUST_USE bool xgb_keep_rounds(struct xgb_booster *b, int rounds, struct error *err);

/* The model as UBJSON. */
MUST_USE bool xgb_save(struct xgb_booster *b, struct arena *a, str *out, struct error *err);
/* A booster for prediction from bytes that xgb_save gave (no others: xgb.c, X5), with this many columns (ERR_CORRUPT otherwise); a call predicts on the calling thread
 * alone. */
MUST_USE bool xgb_load(str bytes, size_t columns, struct xgb_booster **out, struct error *err);

/* Predicts n rows into out, n x outputs floats; ERR_CORRUPT when the model gives another number per row. */
MUST_USE bool xgb_predict(struct xgb_booster *b, const float *rows, size_t n, size_t columns,
                          size_t outputs, float *out, struct error *err);

#endif
