/* SPDX-License-Identifier: Apache-2.0
 *
 * The last step of writing a file: its footer says what the engine's writer cannot say (codec/parquet_footer.h), and values of
 * type fixed lose the lengths that stand before them. */
#ifndef FIRN_ENGINE_PARQUET_FINISH_PRIV_H
#define FIRN_ENGINE_PARQUET_FINISH_PRIV_H

#include "base/arena.h"
#include "base/error.h"

struct schema;

struct parquet_finish {
    const struct schema *schema;
    bool bloom_named;         /* columns that may have bloom filters are listed */
    const int32_t *bloom_ids; /* by field id */
    size_t bloom_n;
};

/* Whether files of this schema need it at all. */
bool parquet_finish_needed(const struct parquet_finish *f);

/* Changes the file in its place; *size and *footer_size are those of before, and become those of after.  ERR_UNAVAILABLE,
 * ERR_UNSUPPORTED for a codec that pages of type fixed cannot be packed with. */
MUST_USE bool parquet_finish(const char *path, const struct parquet_finish *f, int64_t *size,
                             int64_t *footer_size, struct error *err);

/* A copy of a file of which timestamps with zone in nanoseconds are said to have none: the engine reads these whole, of the others
 * it keeps microseconds.  The copy is `to`. */
MUST_USE bool parquet_copy_plain_times(const char *path, const char *to, struct error *err);

/* Marks groups as variants, by field id. */
MUST_USE bool parquet_mark_variants(const char *path, const int32_t *ids, size_t n,
                                    struct error *err);

/* The elements of a file's schema, in `a`. */
struct parquet_element;
MUST_USE bool parquet_elements(const char *path, struct arena *a, struct parquet_element **out,
                               size_t *n, struct error *err);

#endif
