/* SPDX-License-Identifier: Apache-2.0
 *
 * What to train, out of a file like examples/flights/train.yaml. */
#ifndef FIRN_MODELS_SPEC_H
#define FIRN_MODELS_SPEC_H

#include "base/arena.h"
#include "base/error.h"
#include "models/xgb.h"

struct json;

#define SPEC_PARAMS_MAX 100

enum task {
    TASK_BINARY,     /* labels 0 and 1, predicts the probability of 1 */
    TASK_CLASSES,    /* labels 0 ... classes - 1, predicts a probability for each */
    TASK_REGRESSION, /* any label, predicts a number */
};

struct spec {
    str model, experiment, run_name;
    str data;             /* one SELECT */
    str label, timestamp; /* timestamp empty: no hold-out */
    double holdout;       /* share of the rows; 0: none */
    str *features;
    size_t features_n;
    str objective;
    enum task task;
    int64_t classes;                 /* TASK_CLASSES: num_class, else 1 */
    int rounds, max_bin, early_stop; /* early_stop 0: never */
    int64_t seed;
    bool bins;                /* the tree method works on bins made once */
    struct xgb_param *params; /* as they go to XGBoost, the seed too */
    size_t params_n;
};

/* Strings live in `a` or in the tree.  ERR_INVALID names the key; ERR_UNSUPPORTED an objective that we cannot score. */
MUST_USE bool spec_parse(const struct json *tree, struct arena *a, struct spec *out,
                         struct error *err);

#endif
