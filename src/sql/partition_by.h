/* SPDX-License-Identifier: Apache-2.0
 *
 * "day(date), bucket(16, id), origin" as a partition spec: the notation of Spark's and Trino's PARTITIONED BY. */
#ifndef FIRN_SQL_PARTITION_BY_H
#define FIRN_SQL_PARTITION_BY_H

#include "iceberg/partition.h"
#include "sql/lex.h"

/* Field ids are those of a new table (from 1000 on).  Empty text: *out is NULL.  ERR_INVALID names the part that is wrong.
 * Both argument orders of bucket and truncate are understood; plural names (days) too. */
MUST_USE bool partition_by_parse(str text, const struct schema *schema, struct arena *a,
                                 const struct partition_spec **out, struct error *err);

/* One field: a column or a transform of one. */
struct partition_term {
    const struct schema_node *column;
    struct transform transform;
    const char *suffix; /* of the name that a new table's field gets: "_day" */
};
/* Reads the term at token *i and moves *i behind it. */
MUST_USE bool partition_term_read(const struct lex *lex, size_t *i, const struct schema *schema,
                                  struct arena *a, struct partition_term *out, struct error *err);

/* Reads "a DESC NULLS FIRST, bucket(4, b)" from token *i on and moves *i behind it; at least one field.  Nulls stand where Spark puts
 * them when nothing is said: first going up, last going down.  The order's id is 1. */
MUST_USE bool sort_by_read(const struct lex *lex, size_t *i, const struct schema *schema,
                           struct arena *a, const struct sort_order **out, struct error *err);

#endif
