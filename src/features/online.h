/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the online store: keys in, the rows of every view out, as views into the store while its transaction is open. */
#ifndef FIRN_FEATURES_ONLINE_H
#define FIRN_FEATURES_ONLINE_H

#include "features/online_state.h"
#include "base/published.h"

/* A value of a join key as a client gave it. */
enum cell_kind { CELL_NULL, CELL_INT, CELL_BOOL, CELL_TEXT, CELL_OTHER };
struct online_cell {
    enum cell_kind kind;
    int64_t i;
    str s;   /* text */
    str raw; /* as it is echoed; JSON */
};

struct online_input { /* a column of join keys */
    str name;
    const struct online_cell *cells;
};

/* One view's row for one entity row. */
struct online_row {
    enum feature_status
        status; /* FEATURE_PRESENT: the row counts; FEATURE_NULL does not occur here */
    str bytes;  /* a view into the store */
    int64_t event_us;
    const struct row_layout *layout; /* NULL: that of the plan */
};

struct online_read {
    const struct plan *plan;
    const struct online_input *inputs; /* with the join keys' names */
    size_t inputs_n, rows_n;
    struct online_row *rows; /* of view v and entity row r: v * rows_n + r */
};

struct features;

/* Asks whether every view may be read (FEATURE_VIEW_READ_DATA), takes a state, reads every row and calls `use` while the rows can be read. */
MUST_USE bool
online_with_rows(struct features *f, const struct access *access, const struct feature_refs *refs,
                 bool full, const struct online_input *inputs, size_t inputs_n, size_t rows_n,
                 struct arena *a,
                 bool (*use)(void *ctx, const struct online_read *read, struct error *err),
                 void *ctx, enum feast_error *why, struct error *err);

/* The value of a column for an entity row; null unless the status is FEATURE_PRESENT. */
MUST_USE bool online_value(const struct online_read *read, size_t view, size_t column, size_t row,
                           struct value *out, enum feature_status *status, struct error *err);

#endif
