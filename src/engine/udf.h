/* SPDX-License-Identifier: Apache-2.0
 *
 * C in SQL: scalar functions and relations whose work a callback does, vector by vector, on all of the
 * engine's threads.  Both are made per session, reached from its SQL only, and end with it. */
#ifndef FIRN_ENGINE_UDF_H
#define FIRN_ENGINE_UDF_H

#include "base/arena.h"
#include "base/error.h"
#include "engine/column.h"

struct session;

/* A call on n rows (at most UDF_ROWS_MAX).  Arguments are flat views; nulls are given to the callback. */
struct udf_call {
    size_t n;
    const struct column_view *args;
    size_t args_n;
    void *out; /* n elements, laid out as column.h says for the return type; text and blob: n of
                      * struct str, copied by the engine; all zero before the call */
    uint64_t *valid; /* (n + 63) / 64 words, all bits set before the call */
};

struct udf {
    const char *const
        *arg_types; /* the engine's names: "BIGINT"; args are cast to them.  No nested types */
    size_t args_n;  /* 1 to UDF_ARGS_MAX */
    const char
        *return_type; /* any type without children, and no ENUM: "BOOLEAN", "DECIMAL(10,2)" */
    /* Thread-safe; false ends the query with its error. */
    bool (*fn)(void *ctx, const struct udf_call *call, struct error *err);
    void *ctx; /* outlives the session */
};

#define UDF_ARGS_MAX 32
#define UDF_ROWS_MAX 2048 /* of one call */

/* Gives the text of a call with these arguments, each an SQL expression: `firn_udf_3(8273..., CAST(x AS
 * BIGINT))`.  In `a`.  ERR_INVALID for type names that the engine does not know, ERR_LIMIT for too many
 * functions of one session. */
MUST_USE bool udf_add(struct session *s, const struct udf *f, const str *args_sql, struct arena *a,
                      str *call_sql, struct error *err);

/* Rows of which nobody knows how many there are before they have been read: one thread reads them in order, batch by batch.
 * Each use of the relation in a query opens it for itself, possibly on different threads. */
struct row_stream {
    /* *scan is closed when the query ends; `ctx` is the source's. */
    bool (*open)(void *ctx, void **scan, struct error *err);
    /* The next batch: how many rows it has, at most UDF_ROWS_MAX; 0 at the end. */
    bool (*next)(void *scan, size_t *n, struct error *err);
    /* Fills one column of the batch; as row_source's fill. */
    bool (*fill)(void *scan, size_t column, void *out, uint64_t *valid, struct error *err);
    void (*close)(void *scan);
};

/* A relation. */
struct row_source_column {
    str name;
    const char *type; /* as a udf's return type; any type when there are no rows */
};

struct row_source {
    const struct row_source_column *columns;
    size_t columns_n;
    int64_t rows_n;
    int64_t rows_hint; /* added to rows_n in what the planner expects */
    /* Fills rows [from, from + n) of one column; as udf_call's out and valid.  Thread-safe, each
     * needed column and row once, in no order; at most UDF_ROWS_MAX rows. */
    bool (*fill)(void *ctx, size_t column, int64_t from, size_t n, void *out, uint64_t *valid,
                 struct error *err);
    void *ctx;
    bool ordered; /* rows come in order, then from one thread; else on all threads */
    const struct row_stream *stream; /* not NULL: instead of `fill`; rows_n is 0 */
};

/* Gives the text of the relation, such as `firn_rows(8273...)`, for FROM.  `src` outlives its use; in `a`. */
MUST_USE bool rows_add(struct session *s, const struct row_source *src, struct arena *a,
                       str *from_sql, struct error *err);

#endif
