/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files on values share. */
#ifndef FIRN_ICEBERG_VALUE_PRIV_H
#define FIRN_ICEBERG_VALUE_PRIV_H

#include "iceberg/value.h"

#define NS_PER_US 1000

bool kind_is_zoned(enum type_kind kind); /* a timestamp with a zone */
bool kind_is_nanos(enum type_kind kind); /* a timestamp of nanoseconds */

/* value_from_text without a message. */
bool value_read_text(const struct type *t, str s, struct arena *a, struct value *out);

/* The number in another scale, rounded down; *exact says whether nothing was lost.  False when it
 * has too many digits for the precision. */
bool decimal_rescale(int128 v, int32_t from, int32_t to, int32_t precision, int128 *out,
                     bool *exact);

#endif
