/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of columns as SQL writes them, in the words of DuckDB, Spark and Trino alike:
 *
 *   BIGINT, long, VARCHAR(20), string, DECIMAL(10, 2), TIMESTAMP WITH TIME ZONE, timestamptz_ns, fixed(16), variant ...
 *   INTEGER[], array<int>, array(integer), list<int>
 *   STRUCT(a INTEGER, b TEXT), struct<a: int NOT NULL COMMENT 'x', b string>, row(a integer)
 *   MAP(TEXT, INTEGER), map<string, int>
 *
 * TIMESTAMP has no time zone, as in DuckDB and Trino; Spark's TIMESTAMP is TIMESTAMP_LTZ here. */
#ifndef FIRN_SQL_TYPE_TEXT_H
#define FIRN_SQL_TYPE_TEXT_H

#include "iceberg/type.h"
#include "sql/lex.h"

/* Reads the type at token *i and moves *i behind it.  Ids of nested fields are *next_id and up, which moves.  ERR_INVALID for what is
 * no type, ERR_UNSUPPORTED for types that tables do not have, ERR_LIMIT for depth. */
MUST_USE bool type_text_read(const struct lex *lex, size_t *i, int32_t *next_id, struct arena *a,
                             const struct type **out, struct error *err);

#endif
