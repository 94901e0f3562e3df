/* SPDX-License-Identifier: Apache-2.0
 *
 * What makers of statistics files have in common: the table that they are of, and the commit that names a file. */
#ifndef FIRN_SQL_STATISTICS_PRIV_H
#define FIRN_SQL_STATISTICS_PRIV_H

#include "catalog/table.h"
#include "iceberg/update.h"
#include "sql/statement_priv.h"

/* A snapshot of a table, and who asks.  The caller sets the first members; statistics_open the rest, which live in run->a. */
struct statistics_of {
    struct run *run;
    str branch, label;           /* label: "ns.name" */
    const struct access *access; /* as in sql_request */
    struct cancel *cancel;
    str ns, name;
    struct table table;
    const struct snapshot *snapshot; /* NULL: the table is empty */
};

/* Loads the table and finds the snapshot (0: the current one), if the caller may read the rows and set statistics.  ERR_DENIED,
 * ERR_NOT_FOUND. */
MUST_USE bool statistics_open(struct statistics_of *x, int64_t snapshot_id, struct error *err);

/* Commits the update that names the file at `path`, as "WHAT of TABLE".  When that fails for certain the file is listed as garbage.
 * ERR_NOT_FOUND when the snapshot has been expired meanwhile. */
MUST_USE bool statistics_commit(const struct statistics_of *x, const struct table_update *update,
                                str path, const char *what, str *commit_id, struct error *err);

/* Lists a file that nothing names any more; a failure is only logged. */
void statistics_list_garbage(const struct statistics_of *x, const char *why, str path);

#endif
