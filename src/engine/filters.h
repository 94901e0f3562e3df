/* SPDX-License-Identifier: Apache-2.0
 *
 * What the optimizer pushed down into each scan of a query: the filters that Iceberg prunes files
 * with.  Read from EXPLAIN (FORMAT json), and conservative: a piece that is not understood is
 * left out, which only reads more files. */
#ifndef FIRN_ENGINE_FILTERS_H
#define FIRN_ENGINE_FILTERS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct param;
struct session;

enum filter_op {
    FILTER_EQ,
    FILTER_NE,
    FILTER_LT,
    FILTER_LE,
    FILTER_GT,
    FILTER_GE,
    FILTER_IN,
    FILTER_IS_NULL,
    FILTER_NOT_NULL,
    FILTER_STARTS_WITH
};

struct filter_literal {
    bool quoted; /* a text, date, time ... ; else a number or true/false */
    str text;    /* quotes undone */
};

/* One predicate; a scan's predicates all hold for the rows that it must give. */
struct filter {
    str column; /* "a", or "a.b" for a field of a struct */
    enum filter_op op;
    const struct filter_literal *literals; /* one; IN: any number; null tests and: none */
    size_t literals_n;
};

struct scan_filters {
    str table; /* which relation: see session_filters */
    const struct filter *filters;
    size_t filters_n;
    const str *columns; /* that the query needs of this scan */
    size_t columns_n;
};

/* Plans `sql` without running it.  Every relation that the caller wants to tell apart must be a view or
 * table made by filters_table; each place where the query reads it gives one entry with its name. */
MUST_USE bool session_filters(struct session *s, str sql, const struct param *params, size_t n,
                              struct arena *a, struct scan_filters **out, size_t *scans_n,
                              struct error *err);

#endif
