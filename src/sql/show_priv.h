/* SPDX-License-Identifier: Apache-2.0
 *
 * DESCRIBE and SHOW of one table or view (show.c); lists of tables and namespaces are in sql.c. */
#ifndef FIRN_SQL_SHOW_PRIV_H
#define FIRN_SQL_SHOW_PRIV_H

#include "sql/statement_priv.h"

/* Whether all from token i on is the full name of a table or view, and of no metadata table. */
bool show_is_name(const struct run *r, size_t i);

/* The columns of the table or view named from token i on; with `all`, all that metadata says of it. */
MUST_USE bool show_describe(struct run *r, size_t i, bool all, struct error *err);

/* SHOW CREATE and its like; *known is false for words that are none of them. */
MUST_USE bool show_other(struct run *r, bool *known, struct error *err);

/* sql.c: a query of the statement's own making. */
MUST_USE bool show_query(struct run *r, str sql, struct error *err);

#endif
