/* SPDX-License-Identifier: Apache-2.0
 *
 * Feast's words for types of features, beside Iceberg's types: which columns a declared type fits, which word a column gets
 * when none is declared, and how join keys are encoded.  One table in dtype.c. */
#ifndef FIRN_FEATURES_DTYPE_H
#define FIRN_FEATURES_DTYPE_H

#include "base/error.h"
#include "base/str.h"

struct type;

/* Decides how a value is written for Feast's clients, too. */
enum dtype {
    DTYPE_BOOL,
    DTYPE_INT32,
    DTYPE_INT64,
    DTYPE_FLOAT32,
    DTYPE_FLOAT64,
    DTYPE_STRING,
    DTYPE_BYTES,
    DTYPE_TIMESTAMP,
    DTYPE_UUID,
    DTYPE_DECIMAL,
    DTYPES
};

/* Numbers of Feast's ValueType, as entity keys carry them. */
enum key_type {
    KEY_NONE = 0, /* no join key */
    KEY_STRING = 2,
    KEY_INT32 = 3,
    KEY_INT64 = 4,
    KEY_BOOL = 7, /* Feast has no such keys: an extension */
    KEY_TIMESTAMP = 8
};

const char *dtype_name(enum dtype d); /* "Float64" */
bool dtype_parse(str word, enum dtype *out);
const char *dtype_words(void); /* all of them, for messages */

/* Whether values of the column's type can be given as d without surprise (integers as Float64 are fine). */
bool dtype_fits(enum dtype d, const struct type *t);
/* The word for a column; false for types that are no features (nested, geometry, variant, unknown). */
bool dtype_of(const struct type *t, enum dtype *out);
/* KEY_NONE for types that are no join keys. */
enum key_type dtype_key(const struct type *t);

#endif
