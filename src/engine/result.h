/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a query: columns with names and types, and a stream of chunks, so that memory stays
 * bounded however long the answer is.  A result belongs to its session and to one thread at a time;
 * close it before the session's next statement. */
#ifndef FIRN_ENGINE_RESULT_H
#define FIRN_ENGINE_RESULT_H

#include "engine/column.h"

struct arena;
struct schema;
struct type;

struct result_column {
    str name;
    str type_text; /* the engine's: "DECIMAL(10,2)", "STRUCT(a INTEGER)" */
    enum column_kind kind;
    const struct type *type; /* Iceberg's; NULL when it has none (INTERVAL, BIT, UNION, TIMETZ).
                              * Field ids inside are numbered from 1 within the column.  Integers below
                              * 32 bits are int, UINTEGER and HUGEINT (sums) long, UBIGINT decimal(20, 0),
                              * TIMESTAMP_NS timestamp_ns, ENUM and JSON string, ARRAY list. */
};

struct chunk {
    size_t n; /* at most 2048, not 0 */
    const struct column_view *columns;
    size_t columns_n;
};

struct result;

/* The columns live as long as the result. */
size_t result_columns_n(const struct result *r);
const struct result_column *result_columns(const struct result *r);

/* The next chunk, valid until the next call; *out NULL at the end.  ERR_CANCELLED, ERR_LIMIT (memory),
 * ERR_INVALID (a value could not be cast) ... as statements. */
MUST_USE bool result_next(struct result *r, const struct chunk **out, struct error *err);

/* Rows that an INSERT, UPDATE, DELETE or COPY changed; -1 for other statements. */
int64_t result_rows_changed(const struct result *r);
int64_t result_rows_read(const struct result *r); /* delivered by result_next so far */

void result_close(struct result *r); /* NULL is fine; stops the query when rows are left */

/* A schema of columns as a table would have them: ids fresh from 1, all optional.  ERR_UNSUPPORTED
 * names a column whose type Iceberg lacks, ERR_INVALID one whose name is empty or there twice. */
MUST_USE bool columns_schema(const struct result_column *columns, size_t n, struct arena *a,
                             const struct schema **out, struct error *err);

#endif
