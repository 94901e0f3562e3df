/* SPDX-License-Identifier: Apache-2.0
 *
 * SQL over the lake.  A text is one statement (sql_script splits several).  Queries run in DuckDB over the Iceberg
 * tables that they name; each named table becomes a view over exactly the data files that its snapshot holds
 * and that the query's own filters, as the optimizer pushed them down, cannot exclude.  Writing statements become one catalog
 * commit each.
 *
 *   SELECT ... FROM ns.table [FOR VERSION AS OF snapshot-id | FOR TIMESTAMP AS OF 'time' | FOR VERSION AS OF 'ref']
 *   SELECT ... FROM 'file.parquet'                        (files: only where the request allows them)
 *   CREATE SCHEMA, DROP SCHEMA, CREATE TABLE [AS] [PARTITIONED BY (...)] , INSERT INTO, DROP TABLE
 *   DELETE FROM, UPDATE, MERGE INTO                       (sql/dml_parse.h)
 *   ALTER TABLE, COMMENT ON                               (sql/alter_parse.c)
 *   INSERT OVERWRITE, INSERT INTO ... REPLACE WHERE        (sql/overwrite.c)
 *   SET, RESET                                            (sql/settings.h)
 *   CREATE [OR REPLACE] VIEW, ALTER VIEW, DROP VIEW       (sql/view.c)
 *   CALL system.procedure(...)                            (sql/procedure.c)
 *   ANALYZE [TABLE] ns.table [(columns)], SHOW STATS FOR  (sql/analyze.h)
 *
 * Anything else answers ERR_UNSUPPORTED with the statement's kind in the text. */
#ifndef FIRN_SQL_SQL_H
#define FIRN_SQL_SQL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"

struct access;
struct lake;
struct result;       /* engine/result.h */
struct sql_settings; /* sql/settings.h */
struct session;

struct sql_request {
    str text;         /* one statement, a semicolon after it is fine */
    str branch;       /* empty: "main"; a tag or a branch for reading, a branch for writing */
    bool local_files; /* may read files of this machine by path */
    const struct access
        *access; /* who asks (govern/access.h); NULL: refused while access control is on */
    struct cancel *cancel;    /* may be NULL */
    const struct str *params; /* texts for $1, $2 ... ; a NULL ptr is the SQL NULL */
    size_t params_n;
    struct sql_settings
        *settings; /* of the request; SET changes them.  NULL: none, and none can be set */
};

struct sql_scan_stats {
    str table;           /* "bronze.flights" */
    int64_t snapshot_id; /* -1: no snapshot */
    int64_t files_total, files_read;
};

/* What a statement did.  For a query `rows` streams the answer; otherwise it is NULL. */
struct sql_outcome {
    const char *kind;     /* "SELECT", "INSERT", "CREATE TABLE", ... */
    struct result *rows;  /* closed by sql_close */
    int64_t rows_written; /* -1 when the statement writes no rows */
    int64_t snapshot_id;  /* of the table written, -1 otherwise */
    str commit_id;        /* of the catalog, hexadecimal; empty for queries */
    struct sql_scan_stats *scans;
    size_t scans_n;
    struct session *session; /* owned; the stream runs in it */
};

/* Runs one statement.  On success the caller calls sql_close after reading the rows, also when it stops early.
 * Strings of the outcome live in `a`. */
MUST_USE bool sql_execute(struct lake *lake, const struct sql_request *req, struct arena *a,
                          struct sql_outcome *out, struct error *err);
void sql_close(struct sql_outcome *out);

/* Splits a text at the semicolons outside of quotes and comments; empty statements are left out. */
MUST_USE bool sql_split(str text, struct arena *a, str **out, size_t *n, struct error *err);

#endif
