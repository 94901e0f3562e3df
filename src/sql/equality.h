/* SPDX-License-Identifier: Apache-2.0
 *
 * Equality deletes (Iceberg spec, "Equality Delete Files"): rows that have the values of a key go, without being looked for.  A file of keys
 * applies to every row that was committed before it, those of concurrent writers too, and never to rows of its own commit. */
#ifndef FIRN_SQL_EQUALITY_H
#define FIRN_SQL_EQUALITY_H

#include "base/arena.h"
#include "base/error.h"

struct delta_request; /* sql/delta.h */
struct dml;
struct metadata;
struct run; /* sql/statement_priv.h */
struct table_update;

/* The keys of the request (values of columns, not places) as equality delete files, and its rows, as one commit; there is no filter.
 * The outcome counts rows added and keys.  The files are of the partitions that the keys say, where they say them for all data files
 * there are; else of none: they apply to all.  Errors as sql_row_delta; ERR_INVALID too for format 1 and for columns that can be no key
 * (floating numbers, nested ones). */
MUST_USE bool run_equality_delta(struct run *r, const struct delta_request *q, struct error *err);

/* Deletes that are of no partition need a spec without fields: the id of the table's goes to them.  *base becomes metadata that has such a
 * spec; it stays what it is when the table has one already. */
MUST_USE bool equality_settle_spec(struct dml *d, struct arena *a, const struct metadata **base,
                                   struct error *err);

/* Puts the update that adds that spec in front of others. */
void equality_add_spec(struct arena *a, struct table_update **updates, size_t *n);

#endif
