/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows made in C one cell at a time, for the engine to read as a relation.  What a cell points to needs to live no longer than
 * the column it belongs to is being filled, so that memory does not grow with the rows. */
#ifndef FIRN_SQL_CELLS_H
#define FIRN_SQL_CELLS_H

#include "base/arena.h"
#include "base/error.h"
#include "engine/udf.h"

struct session;

/* Null, a number (also of times and booleans), or a text or blob: what the column's type says. */
struct cell {
    bool present;
    int64_t i;
    str s;
};

static inline struct cell cell_int(int64_t i)
{
    return (struct cell){ .present = true, .i = i };
}
/* Numbers below zero mean "not known". */
static inline struct cell cell_count(int64_t i)
{
    return (struct cell){ .present = i >= 0, .i = i };
}
static inline struct cell cell_text(str s)
{
    return (struct cell){ .present = s.ptr != NULL, .s = s };
}

struct cells {
    const struct row_source_column
        *columns; /* of type BOOLEAN, INTEGER, BIGINT, TIMESTAMPTZ (microseconds), VARCHAR, BLOB */
    size_t columns_n;
    int64_t rows_hint; /* for the planner */
    void *ctx;         /* outlives the session */
    /* Begins a pass over the rows: its state, in an arena that ends with it. */
    bool (*open)(void *ctx, struct arena *a, void **pass, struct error *err);
    /* The next batch, at most UDF_ROWS_MAX rows; 0: the end.  What the batch before pointed to is not needed any more. */
    bool (*next)(void *pass, size_t *n, struct error *err);
    /* One cell of the batch; `a` lives until the column is filled. */
    bool (*cell)(void *pass, size_t row, size_t column, struct arena *a, struct cell *out,
                 struct error *err);
};

/* The text of the relation for FROM, in `a`, where `t` is kept too: `a` outlives the session. */
MUST_USE bool cells_add(struct session *s, const struct cells *t, struct arena *a, str *from_sql,
                        struct error *err);

#endif
