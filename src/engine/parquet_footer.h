/* SPDX-License-Identifier: Apache-2.0
 *
 * What the footers of Parquet files say, whoever wrote them: for files that become a table's without being written
 * again. */
#ifndef FIRN_ENGINE_PARQUET_FOOTER_H
#define FIRN_ENGINE_PARQUET_FOOTER_H

#include "base/arena.h"
#include "base/error.h"

struct column_stats; /* iceberg/metrics.h */
struct schema;
struct session;

struct parquet_footer {
    int64_t rows;
    const struct schema *schema;      /* the file's own; files of one shape share it */
    bool has_ids;                     /* every field has an id; else the schema's ids are made up */
    const struct column_stats *stats; /* of leaves outside of lists and maps; by the schema's ids */
    size_t stats_n;
    const int64_t *row_groups; /* where each begins, ascending */
    size_t row_groups_n;
};

/* Reads the footers of n local files.  Bounds are left out where a footer's are not certain to hold for the engine's order:
 * of bytes, UUIDs, and the upper ones of floats (NaN is above all here, and footers leave it out).  ERR_CORRUPT for a
 * file that is not Parquet, ERR_UNAVAILABLE, ERR_UNSUPPORTED for types that tables do not have. */
MUST_USE bool parquet_footers_read(struct session *s, const str *paths, size_t n, struct arena *a,
                                   struct parquet_footer *out, struct error *err);

#endif
