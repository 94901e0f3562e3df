/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_ICEBERG_SCHEMA_PRIV_H
#define FIRN_ICEBERG_SCHEMA_PRIV_H

#include "iceberg/schema.h"

/* Copies of the fields, nested ones included, numbered from *last_id + 1: first these, then what
 * is inside each.  The old ids do not matter. */
MUST_USE bool fields_assign_fresh_ids(const struct field *fields, size_t n, int32_t *last_id,
                                      struct arena *a, const struct field **out, struct error *err);

#endif
