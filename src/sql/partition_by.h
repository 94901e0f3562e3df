/* SPDX-License-Identifier: Apache-2.0
 *
 * "day(date), bucket(16, id), origin" as a partition spec: the notation of Spark's and Trino's PARTITIONED BY. */
#ifndef FIRN_SQL_PARTITION_BY_H
#define FIRN_SQL_PARTITION_BY_H

#include "base/arena.h"
#include "base/error.h"

struct partition_spec;
struct schema;

/* Field ids are those of a new table (from 1000 on).  Empty text: *out is NULL.  ERR_INVALID names the part that is wrong.
 * Both argument orders of bucket and truncate are understood; plural names (days) too. */
MUST_USE bool partition_by_parse(str text, const struct schema *schema, struct arena *a,
                                 const struct partition_spec **out, struct error *err);

#endif
