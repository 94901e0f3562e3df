/* SPDX-License-Identifier: Apache-2.0
 *
 * A short Arrow stream as rows of a table in memory, without a copy and without the engine (engine/parquet_small.h). */
#ifndef FIRN_ENGINE_ARROW_ROWS_H
#define FIRN_ENGINE_ARROW_ROWS_H

#include "engine/arrow_abi.h"
#include "engine/parquet_small.h"

struct arrow_rows {
    struct rows_batch *batches;
    size_t n, rows;
};

/* Reads the stream to its end when its columns are exactly those of the schema, by name and type, and it has at most rows_max rows: then
 * *fits, and the rows live as long as `a`.  Otherwise *in still gives everything, from its beginning.  Either way the caller releases
 * *in.  ERR_INVALID with the stream's own words when it fails, and for arrays that are no such columns. */
MUST_USE bool arrow_rows_read(struct ArrowArrayStream *in, const struct schema *schema,
                              size_t rows_max, struct arena *a, struct arrow_rows *out, bool *fits,
                              struct error *err);

#endif
