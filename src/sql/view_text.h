/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a catalog's view that can be run here.  A view has a text for each dialect that it was written for; Firn runs its own and
 * DuckDB's as they are, Trino's too, and Spark's with other quotes around names and texts.  Whether it then means something, DuckDB
 * says. */
#ifndef FIRN_SQL_VIEW_TEXT_H
#define FIRN_SQL_VIEW_TEXT_H

#include "base/arena.h"
#include "base/error.h"

struct view_metadata;

#define VIEW_DIALECT "firn" /* of views that are made here */

/* The text of the current version, of the first of firn, duckdb, trino and spark that it has, and the dialect's name.
 * ERR_UNSUPPORTED names those that it has. */
MUST_USE bool view_text_pick(const struct view_metadata *m, struct arena *a, str *out, str *dialect,
                             struct error *err);

/* `name` becomes "name" and "text" becomes 'text'; what is in comments and in 'texts' stays.  In `a`. */
str view_text_of_spark(str sql, struct arena *a);

#endif
