/* SPDX-License-Identifier: Apache-2.0
 *
 * What functions (udf.c) and relations (rows.c) share. */
#ifndef FIRN_ENGINE_CALLBACK_PRIV_H
#define FIRN_ENGINE_CALLBACK_PRIV_H

#include "engine/duck_priv.h"
#include "engine/udf.h"

#define VALID_WORDS (UDF_ROWS_MAX / 64)

/* Where a callback writes n values of one vector. */
struct vector_out {
    duckdb_vector vector;
    const struct column_type *type;
    size_t n;
    void *data; /* for the callback */
    uint64_t valid[VALID_WORDS];
    str *texts; /* `data` of texts and blobs; UDF_ROWS_MAX of them, the caller's */
};

void vector_out_begin(struct vector_out *out, duckdb_vector v, const struct column_type *t,
                      size_t n, str *texts);
void vector_out_end(struct vector_out *out);

/* The type that a name stands for; the caller destroys *logical. */
MUST_USE bool type_of_name(struct session *s, const char *name, duckdb_logical_type *logical,
                           struct error *err);

/* A new callback with room for n types and a fresh id; registered with callback_publish. */
MUST_USE bool callback_make(struct session *s, size_t types_n, struct callback **out,
                            struct error *err);
/* Fills type i by its name; unless `any`, only types that vector_out and views can hold. */
MUST_USE bool callback_type(struct callback *c, size_t i, const char *name, bool any,
                            struct error *err);
void callback_publish(struct callback *c);

/* Bytes of a value of a plain type; 0: not one that callbacks can have. */
size_t plain_width(const struct column_type *t);

#endif
