/* SPDX-License-Identifier: Apache-2.0
 *
 * A run without a statement: work on tables that a procedure or a request asks for, in a session of its own. */
#ifndef FIRN_SQL_OWN_RUN_PRIV_H
#define FIRN_SQL_OWN_RUN_PRIV_H

#include "sql/statement_priv.h"

struct own_run {
    struct run run; /* points into this struct: do not copy it */
    struct sql_request request;
    struct sql_outcome outcome;
};

/* The caller closes it.  `access` and `cancel` as in sql_request. */
MUST_USE bool own_run_open(struct own_run *o, struct lake *lake, str branch,
                           const struct access *access, struct cancel *cancel, struct arena *a,
                           struct error *err);
void own_run_close(struct own_run *o);

#endif
