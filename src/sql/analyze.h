/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of a table's columns: how many distinct values each has, as theta sketches in a Puffin file that metadata names
 * (iceberg/statistics.h), so that Spark, Trino and we can plan with them.
 *
 *   ANALYZE [TABLE] ns.t [(columns)]
 *   CALL system.compute_table_stats(table, snapshot_id, columns)
 *   SHOW STATS FOR ns.t                                           as Trino answers it */
#ifndef FIRN_SQL_ANALYZE_H
#define FIRN_SQL_ANALYZE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"

struct access;
struct lake;
struct run; /* sql/statement_priv.h */

#define ANALYZE_COLUMNS_MAX 1000 /* sketches take up to 256 KB each while they are made */

struct analyze_request {
    str branch;         /* empty: main */
    str table;          /* "ns.name" */
    const str *columns; /* dotted names; none: all of a plain type at the top */
    size_t columns_n;
    int64_t snapshot_id; /* 0: the current one */
    const struct access *access;
    struct cancel *cancel;
};

struct analyze_column {
    str name;
    int32_t field_id;
    int64_t distinct;
};

struct analyze_result {
    int64_t snapshot_id; /* SNAPSHOT_NONE: the table is empty, nothing was done */
    str path;            /* of the statistics file */
    int64_t rows_read;
    bool written;     /* false: what was asked for was there already */
    bool incremental; /* only rows added since earlier statistics were read */
    const struct analyze_column *columns;
    size_t columns_n;
    str commit_id; /* empty when nothing was committed */
};

/* Reads the columns once, writes a statistics file and registers it.  Rows that were only added since the statistics of an
 * ancestor are read alone.  Statistics of the same snapshot's other columns are kept; the file replaced is garbage.  ERR_NOT_FOUND
 * for the table, snapshot and columns, ERR_INVALID for columns of types that have no statistics, ERR_DENIED. */
MUST_USE bool run_analyze_table(struct run *r, const struct analyze_request *req,
                                struct analyze_result *out, struct error *err);
/* The same in a session of its own. */
MUST_USE bool maintain_analyze(struct lake *lake, const struct analyze_request *req,
                               struct arena *a, struct analyze_result *out, struct error *err);

#endif
