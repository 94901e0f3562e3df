/* SPDX-License-Identifier: Apache-2.0
 *
 * From the names in a query to the files that it must read.
 *
 *   1. Clauses of time travel, which DuckDB's grammar does not have, are cut out; the table gets a name of its own.
 *   2. DuckDB's parser says which tables and functions the query names.  Each table is looked up in the catalog.
 *   3. The query is planned over empty tables of the same columns: the optimizer pushes filters down, derived ones too.
 *   4. Iceberg plans each scan with the filters that every use of the table has; a view over the files left takes the
 *      table's place. */
#ifndef FIRN_SQL_BIND_H
#define FIRN_SQL_BIND_H

#include "sql/sql.h"

struct param;

struct bind_request {
    str query;  /* one SELECT */
    str branch; /* empty: main */
    bool local_files;
    const struct access *access; /* as in sql_request */
    const struct param *params;
    size_t params_n;
    struct cancel *cancel;
};

struct bound {
    str query; /* to run in the session */
    struct sql_scan_stats *scans;
    size_t scans_n;
};

/* Makes the views that the query needs in the session, and gives the text to run there.  Names that the catalog does not
 * have are left to the session's own tables and views.  ERR_NOT_FOUND, ERR_DENIED (files), ERR_INVALID, ERR_UNSUPPORTED
 * (row-level deletes, statements that are no query). */
MUST_USE bool sql_bind(struct lake *lake, struct session *s, const struct bind_request *req,
                       struct arena *a, struct bound *out, struct error *err);

#endif
