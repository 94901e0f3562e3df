/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that come from outside of SQL put on top of a table: some are removed by a condition, some by their keys, some added, all in one
 * commit.  The rows are in tables of a session (engine/arrow.h).  It is a MERGE, whose rules hold: write.merge.mode, write.merge.isolation-level. */
#ifndef FIRN_SQL_DELTA_H
#define FIRN_SQL_DELTA_H

#include "sql/sql.h"
#include "sql/write.h"

/* A table of the session with its columns. */
struct delta_rows {
    str table; /* empty: none */
    const str *columns;
    size_t columns_n;
};

struct delta_request {
    str branch; /* empty: main */
    str table;  /* "ns.name" */
    struct session *session;
    struct delta_rows rows; /* added; columns of the table by name, others get their default */
    struct delta_rows
        keys; /* rows of the table with these values go; null equals null.  _file with _pos, and _row_id, say where a row
                             * is: ERR_CONFLICT when it is not there any more */
    bool
        equality; /* the keys are not looked for, but written as equality deletes (sql/equality.h) */
    const int32_t
        *key_ids; /* of the table's fields that their columns are, by place; NULL: by name */
    size_t key_ids_n;
    str filter; /* and those that match this condition; empty: none */
    const struct write_prop *summary;
    size_t summary_n;
    const struct access *access;
    struct cancel *cancel;
};

/* `out` has no rows to be read and need not be closed; rows_written counts removed and added ones.  ERR_INVALID for a filter that is no single
 * condition and for columns that the table lacks, ERR_CONFLICT as MERGE. */
MUST_USE bool sql_row_delta(struct lake *lake, const struct delta_request *req, struct arena *a,
                            struct sql_outcome *out, struct error *err);

/* The rows (no keys, no filter) take the place of the partitions that they are of; of a table without partitions, of all its rows.
 * Errors and `out` as above. */
MUST_USE bool sql_replace_partitions(struct lake *lake, const struct delta_request *req,
                                     struct arena *a, struct sql_outcome *out, struct error *err);

/* Whether a text can stand between parentheses as one condition: not empty, all its parentheses its own, no semicolon.
 * ERR_INVALID. */
MUST_USE bool sql_check_condition(str text, struct arena *a, struct error *err);

#endif
