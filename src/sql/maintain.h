/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance that needs more than the catalog: the engine, or what runs in this process.  Callers have asked for
 * permission. */
#ifndef FIRN_SQL_MAINTAIN_H
#define FIRN_SQL_MAINTAIN_H

#include "base/thread.h"
#include "catalog/garbage.h"
#include "iceberg/rewrite.h"

struct access;
struct lake;
struct run; /* sql/statement_priv.h */

/* Removes files that are on the list of garbage, proved and old enough (catalog/garbage.h); scans that run in this
 * process count. */
MUST_USE bool maintain_collect(struct lake *lake, int64_t safety_us, bool dry_run,
                               struct cancel *cancel, struct arena *a, struct collect_result *out,
                               struct error *err);

struct compact_request {
    str branch; /* empty: main */
    str table;  /* "ns.name" */
    str where;  /* an SQL condition: only files that may hold such rows; empty: all */
    struct rewrite_options options;
    bool partial_progress; /* a commit a few groups, rather than all or nothing */
    int64_t max_commits;   /* of partial progress; 0: 10 */
    bool dry_run;
    const struct access *access; /* as in sql_request */
    struct cancel *cancel;
};

struct compact_result {
    int64_t groups, files, files_written, bytes, delete_files; /* files and bytes: written again */
    int64_t failed_files; /* of commits of partial progress that failed */
    int64_t commits, snapshot_id;
    str commit_id; /* of the last commit; empty: nothing had to be done */
};

/* Writes small, large and much deleted data files of a table again, each partition's together, sorted when the table has
 * an order; the rows, and in format 3 their ids and sequence numbers, stay what they are.  Deletes are applied, and
 * delete files of the replaced files alone go.  One commit with the operation replace, or several with partial progress. Rows are
 * streamed: memory is the engine's.  ERR_CONFLICT when others deleted rows of these files or replaced them meanwhile;
 * then the table is as it was and the files written are garbage.  ERR_DENIED, ERR_INVALID, ERR_NOT_FOUND. */
MUST_USE bool maintain_compact(struct lake *lake, const struct compact_request *req,
                               struct arena *a, struct compact_result *out, struct error *err);

/* The same within a statement, in its session. */
MUST_USE bool run_compact(struct run *r, const struct compact_request *req,
                          struct compact_result *out, struct error *err);

#endif
