/* SPDX-License-Identifier: Apache-2.0
 *
 * In which order a compaction writes rows: the table's, a given one, or along a Z-order curve over some columns.
 *
 * Z-order: each column's value is replaced by its rank among a sample of the rows, so that columns of any type, range and skew weigh the
 * same; the bits of the ranks are interleaved, the first column's first, and rows sorted by the number. */
#ifndef FIRN_SQL_LAYOUT_PRIV_H
#define FIRN_SQL_LAYOUT_PRIV_H

#include "base/arena.h"
#include "base/error.h"

struct cancel;
struct field;
struct metadata;
struct schema;
struct session;
struct sort_order;

#define ZORDER_COLUMNS_MAX 8

struct layout {
    const struct sort_order *order; /* NULL: the table's */
    bool sort;                      /* whole groups are sorted, not only files */
    const struct field *z[ZORDER_COLUMNS_MAX];
    size_t z_n; /* 0: no Z-order */
};

/* `strategy` is binpack, sort or zorder (empty: binpack); `sort_order` "a DESC NULLS LAST, bucket(4, b)" or "zorder(a, b)", as Spark's
 * procedure takes it; for the strategy zorder "a, b" too.  Empty: the table's order, which then must be one to be sorted by.
 * ERR_INVALID, ERR_UNSUPPORTED for columns that a curve cannot be laid through. */
MUST_USE bool layout_read(str strategy, str sort_order, const struct metadata *m, struct arena *a,
                          struct layout *out, struct error *err);

/* The expression to sort rows by, of a layout with a Z-order, for this session; a sample of `rows`, a query with the table's columns, is
 * read.  In `a`, which outlives the session's use of it. */
MUST_USE bool layout_zorder(const struct layout *l, struct session *s, str rows, struct arena *a,
                            str *order_sql, struct error *err);

#endif
