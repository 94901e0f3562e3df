/* SPDX-License-Identifier: Apache-2.0
 *
 * A few rows as one Parquet file, without the engine: for appends so small that starting a query would be most of their cost.
 * Columns are flat, values plain, one page each; every reader of Parquet reads it.
 *
 * Rows come as arrays laid out as in the Arrow columnar format; engine/arrow_rows.h makes them of streams. */
#ifndef FIRN_ENGINE_PARQUET_SMALL_H
#define FIRN_ENGINE_PARQUET_SMALL_H

#include "engine/parquet.h"

#define PARQUET_SMALL_ROWS_MAX 16384 /* one row group */
#define PARQUET_SMALL_BYTES_MAX ((size_t)64 << 20)

/* One column of a batch.  Element i of it is element from + i of the buffers. */
struct rows_array {
    const uint8_t *valid; /* a bit each, lowest first; NULL: all are */
    const void *values;   /* as wide as the type; bits for booleans; the bytes of texts */
    const void *offsets;  /* of texts and bytes: int32_t, or int64_t when `wide` */
    bool wide;
    size_t from;
};

struct rows_batch {
    size_t n;
    const struct rows_array *columns; /* as the schema has them */
};

/* Whether a column of this type can be written here: boolean, int, long, float, double, date, time, timestamps in microseconds,
 * string, binary. */
bool parquet_small_takes(const struct type *t);

/* Appends the file to `out`: packed with zstd (level 0: its usual one), with field ids and statistics.  *about gets rows, size, footer size
 * and the statistics of columns, in `a`; its path is left alone.  ERR_INVALID naming the column for a null where a value is required and for text that is not UTF-8;
 * ERR_LIMIT. */
MUST_USE bool parquet_small_write(const struct schema *schema, const struct rows_batch *batches,
                                  size_t n, int level, struct arena *a, struct buf *out,
                                  struct parquet_file *about, struct error *err);

#endif
