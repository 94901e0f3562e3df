/* SPDX-License-Identifier: Apache-2.0
 *
 * What rewrites of data files and of delete files share: the table bound as a DELETE binds it, so that its files are known with
 * their deletes. */
#ifndef FIRN_SQL_MAINTAIN_PRIV_H
#define FIRN_SQL_MAINTAIN_PRIV_H

#include "sql/dml_priv.h"

/* Opens the table, "ns.name", or a branch of its own, for a change that keeps its rows; d has run and a.  ERR_DENIED without TABLE_WRITE_DATA and
 * TABLE_READ_DATA. */
MUST_USE bool maintain_open(struct dml *d, str table, str own_branch, struct error *err);

/* Plans its files into d->target, all or those that may hold rows that meet a condition, with their deletes. */
MUST_USE bool maintain_bind(struct dml *d, str where, struct error *err);

#endif
