/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_ENGINE_PARQUET_STATS_PRIV_H
#define FIRN_ENGINE_PARQUET_STATS_PRIV_H

#include "base/arena.h"
#include "base/map.h"
#include "engine/column.h"

struct column_stats;
struct schema;
struct type;
struct value;

/* Leaves of a schema by the writer's name of them: "a"."b" -> field. */
void stats_names(const struct schema *schema, struct arena *a, struct map *out);

/* Row i of RETURN_STATS' column_statistics, ascending by field id.  ERR_INTERNAL when a name is not the
 * schema's, ERR_INVALID when a required column has nulls. */
MUST_USE bool stats_read(const struct column_view *map, size_t i, const struct map *names,
                         struct arena *a, struct column_stats **out, size_t *n, struct error *err);

/* A bound's text as a value; false when it has none that is exact. */
bool stats_value(const struct type *t, str text, struct arena *a, struct value *out);

#endif
