/* SPDX-License-Identifier: Apache-2.0
 *
 * How good predictions are.  Pure functions; any thread. */
#ifndef FIRN_MODELS_SCORE_H
#define FIRN_MODELS_SCORE_H

#include <stddef.h>

#include "base/arena.h"

/* Area under the ROC curve: the share of (positive, negative) pairs that `p` puts in the right order, equal ones counting half.
 * y is 0 or 1.  NaN when one of the classes is missing.  Takes 16 n bytes from `a`. */
double score_auc(const float *p, const float *y, size_t n, struct arena *a);

/* Share of rows whose class, p >= 0.5, is y. */
double score_accuracy(const float *p, const float *y, size_t n);
/* Mean of -log of the probability given to the right class; probabilities are kept 1e-15 away from 0 and 1. */
double score_logloss(const float *p, const float *y, size_t n);

/* The same for `classes` probabilities per row, y being the number of the class. */
double score_accuracy_multi(const float *p, const float *y, size_t n, size_t classes);
double score_logloss_multi(const float *p, const float *y, size_t n, size_t classes);

/* Root of the mean square, and mean, of the differences. */
double score_rmse(const float *p, const float *y, size_t n);
/* See score_rmse. */
double score_mae(const float *p, const float *y, size_t n);

#endif
