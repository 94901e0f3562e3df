/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the online store: all features of a view for one key, packed so that one feature is found without reading the others.
 *
 *   u64 layout id, i64 event time (us), null bits, one cell a column, bytes of strings
 *
 * Cells are numbers of 1, 4, 8 or 16 bytes; a string's cell is { u32 offset from the row's begin, u32 length }.  Nothing is aligned:
 * the store gives no alignment.  The layout (names and types) stands once in the view's record; its id is a hash of that text, so a
 * row says by itself whether the layout at hand is its own.  Little endian, as every machine that we run on. */
#ifndef FIRN_FEATURES_ONLINE_ROW_H
#define FIRN_FEATURES_ONLINE_ROW_H

#include "base/buf.h"
#include "features/registry.h"
#include "iceberg/value.h"

#define ROW_BYTES_MAX ((size_t)16 << 20)

struct row_column {
    str name;
    const struct type *type;
    uint32_t offset; /* of the cell */
    uint8_t width;
};

/* Immutable. */
struct row_layout {
    uint64_t id;
    str text; /* JSON: [{"name":...,"type":...}] */
    const struct row_column *columns;
    size_t columns_n;
    uint32_t fixed_bytes; /* up to the strings */
};

/* The layout of a view's rows as the view is defined now. */
void row_layout_of(const struct feature_view *v, struct arena *a, struct row_layout *out);
/* From the text that a record holds.  ERR_CORRUPT. */
MUST_USE bool row_layout_parse(str text, struct arena *a, struct row_layout *out,
                               struct error *err);
ptrdiff_t row_layout_find(const struct row_layout *l, str name); /* -1: no such column */

/* Appends a row; `values` has one value a column, of its type.  Check buf_ok. */
void row_pack(const struct row_layout *l, int64_t event_us, const struct value *values,
              struct buf *out);

/* Whether the bytes are a row of this layout; then *event_us. */
bool row_open(const struct row_layout *l, str row, int64_t *event_us);
/* The value of a column, views into the row.  ERR_CORRUPT when it points outside. */
MUST_USE bool row_get(const struct row_layout *l, str row, size_t column, struct value *out,
                      struct error *err);

#endif
