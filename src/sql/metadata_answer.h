/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries that the manifests answer: SELECT count(*), min(x), max(y) FROM t, and nothing more.  Only where the answer is certain to be what
 * the rows would give: no deletes but vectors for the count, none for the bounds, and bounds that are values (no text, bytes or floats). */
#ifndef FIRN_SQL_METADATA_ANSWER_H
#define FIRN_SQL_METADATA_ANSWER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct cancel;
struct lake;
struct metadata;
struct scan_at;
struct schema;

enum answer_kind { ANSWER_COUNT, ANSWER_MIN, ANSWER_MAX };

struct answer_item {
    enum answer_kind kind;
    int32_t field_id; /* 0: ANSWER_COUNT */
};

#define ANSWER_ITEMS_MAX 64

/* Whether the query is one of those; then what it asks for, in `a`.  It names one table, which has these columns. */
bool answer_parse(str query, const struct schema *columns, struct arena *a,
                  struct answer_item **out, size_t *n);

/* Appends a SELECT of constants with these names; *known false: the rows must be read. */
MUST_USE bool answer_sql(struct lake *lake, const struct metadata *m, const struct scan_at *at,
                         const struct schema *columns, const struct answer_item *items,
                         const str *names, size_t n, struct cancel *cancel, struct arena *a,
                         struct buf *sql, bool *known, struct error *err);

#endif
