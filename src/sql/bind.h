/* SPDX-License-Identifier: Apache-2.0
 *
 * From the names in a query to the files that it must read.
 *
 *   1. Clauses of time travel, which DuckDB's grammar does not have, are cut out; the table gets a name of its own.
 *   2. DuckDB's parser says which tables and functions the query names.  Each table is looked up in the catalog.  A view's text is
 *      taken apart in the same way, and its tables are read by who asks.
 *   3. The query is planned over empty tables of the same columns: the optimizer pushes filters down, derived ones too.
 *   4. Iceberg plans each scan with the filters that every use of the table has; a view over the files left takes the
 *      table's place. */
#ifndef FIRN_SQL_BIND_H
#define FIRN_SQL_BIND_H

#include "engine/parquet_scan.h"
#include "sql/sql.h"

struct data_file;
struct file_deletes; /* sql/deletes.h */
struct param;
struct scan_range;
struct table;

/* A data file of a target. */
struct target_file {
    const struct data_file *file;
    struct scan_file scan;        /* how it is read */
    struct file_deletes *deletes; /* NULL: none */
};

/* The table that a DELETE, UPDATE or MERGE changes.  In the query it is called "ns"."view" and has, behind its columns,
 * those of `metadata` (engine/parquet_scan.h), and file_index and file_row_number. */
struct bind_target {
    str schema, name, view;
    const struct table *table; /* as it was loaded: the caller commits on top of this */
    str ref;                   /* a branch of the table; empty: main */
    unsigned metadata;
    /* Filled in: */
    const struct expr *filter; /* what the plan left files out by; NULL: nothing */
    struct target_file *files; /* by file_index */
    size_t files_n;
    struct parquet_scan scan; /* how all of it is read */
};

/* A view that is about to be made: names of it in the query mean this text. */
struct bind_view_text {
    str ns, name; /* as the catalog has them */
    str text;     /* a query in Firn's dialect; names without a namespace are in `ns` */
};

struct bind_request {
    str query;  /* one SELECT */
    str branch; /* empty: main */
    bool local_files;
    const struct access *access; /* as in sql_request */
    const struct param *params;
    size_t params_n;
    struct cancel *cancel;
    struct bind_target *target;          /* NULL: none */
    const struct bind_view_text *view;   /* NULL: none */
    const struct sql_settings *settings; /* as in sql_request */
    const struct scan_range
        *range; /* of all tables (iceberg/scan.h); NULL: the rows of one snapshot */
};

struct bound {
    str query; /* to run in the session */
    struct sql_scan_stats *scans;
    size_t scans_n;
};

/* Makes the views that the query needs in the session, and gives the text to run there.  Names that the catalog does not
 * have are left to the session's own tables and views.  A query that names a metadata column (_file, _row_id, ...) has these
 * columns in all its tables.  ERR_NOT_FOUND, ERR_DENIED (files), ERR_INVALID, ERR_UNSUPPORTED (statements that are no
 * query). */
MUST_USE bool sql_bind(struct lake *lake, struct session *s, const struct bind_request *req,
                       struct arena *a, struct bound *out, struct error *err);

#endif
