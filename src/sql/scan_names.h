/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's name mapping as the scan wants it: for data files without field ids, which other programs made and a
 * table took over (Iceberg spec, "Column Projection"). */
#ifndef FIRN_SQL_SCAN_NAMES_H
#define FIRN_SQL_SCAN_NAMES_H

#include "base/arena.h"
#include "base/error.h"

struct metadata;
struct scan_names;

/* The names of every field of the property schema.name-mapping.default, nested ones too; *n is 0 when the table has none.
 * ERR_CORRUPT when the property is no name mapping. */
MUST_USE bool scan_names_of(const struct metadata *m, struct arena *a,
                            const struct scan_names **out, size_t *n, struct error *err);

#endif
