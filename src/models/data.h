/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows to train on, out of the lake into memory.
 *
 * The hold-out is the last part of the time: with n rows in the order of the timestamp, the cut is the timestamp of row
 * floor(n (1 - holdout)), counted from 0, and rows from the cut on, ties included, are held out.  So no row that is trained on is
 * as late as one that is evaluated on. */
#ifndef FIRN_MODELS_DATA_H
#define FIRN_MODELS_DATA_H

#include "models/models.h"
#include "models/spec.h"

struct data {
    float *rows;   /* n x features, those to train on first; NaN: missing */
    float *labels; /* n */
    size_t n, train_n;
    str cut; /* as text; empty without hold-out */
    struct run_input *inputs;
    size_t inputs_n;
};

/* Rows and labels live in `big`, texts in `a`.  ERR_INVALID names a column that is missing or no number, or that has a value
 * which cannot be trained on; ERR_LIMIT over TRAIN_MATRIX_BYTES_MAX, before anything is allocated. */
MUST_USE bool data_read(struct lake *lake, const struct train_request *req, const struct spec *spec,
                        struct arena *big, struct arena *a, struct data *out, struct error *err);

#endif
