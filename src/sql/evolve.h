/* SPDX-License-Identifier: Apache-2.0
 *
 * The changes of definition that let a table take rows of another shape, when all of its rows are replaced. */
#ifndef FIRN_SQL_EVOLVE_H
#define FIRN_SQL_EVOLVE_H

#include "base/arena.h"
#include "base/error.h"

struct metadata;
struct schema;
struct table_update;

/* Columns keep their ids by name where the type is the same or can be widened to the new one; a column of an unrelated type
 * is another column and gets a new id, as do new ones; columns that the rows lack are dropped.  `partition_by` replaces the
 * partition spec; empty: it stays, as far as its columns do.  No updates when nothing has to change. */
MUST_USE bool evolve_to(const struct metadata *m, const struct schema *rows, str partition_by,
                        struct arena *a, struct table_update **updates, size_t *n,
                        struct error *err);

/* The same for a definition that is written out: required columns, comments, defaults and identifier fields are those of `define`, and
 * without `partition_by` the table has no partitions afterwards. */
MUST_USE bool evolve_definition(const struct metadata *m, const struct schema *define,
                                str partition_by, struct arena *a, struct table_update **updates,
                                size_t *n, struct error *err);

#endif
