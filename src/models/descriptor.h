/* SPDX-License-Identifier: Apache-2.0
 *
 * model.json, beside a version's model.ubj: what the booster does not know about itself. */
#ifndef FIRN_MODELS_DESCRIPTOR_H
#define FIRN_MODELS_DESCRIPTOR_H

#include "base/map.h"
#include "models/tracking.h"

#define DESCRIPTOR_FORMAT 1
#define DESCRIPTOR_BYTES_MAX ((size_t)4 << 20)

struct descriptor {
    str model, run_id, label, objective;
    const str *features; /* in the order of columns */
    size_t features_n;
    struct map places; /* feature -> its column + 1, as a pointer; made by descriptor_parse */
    size_t outputs;    /* numbers per row */
    int64_t rounds;
    str framework; /* "xgboost 1.7.4" */
    str sha256;    /* of model.ubj, hexadecimal */
    const struct run_input *inputs;
    size_t inputs_n;
};

/* Its text, in `a`; ERR_LIMIT when it would be longer than DESCRIPTOR_BYTES_MAX. */
MUST_USE bool descriptor_write(const struct descriptor *d, struct arena *a, str *out,
                               struct error *err);

/* ERR_CORRUPT on anything that descriptor_write does not write, ERR_UNSUPPORTED for a newer format.  Strings live in `a`. */
MUST_USE bool descriptor_parse(str text, struct arena *a, struct descriptor *out,
                               struct error *err);

#endif
