/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance that needs more than the catalog: the engine, or what runs in this process.  Callers have asked for
 * permission. */
#ifndef FIRN_SQL_MAINTAIN_H
#define FIRN_SQL_MAINTAIN_H

#include "base/progress.h"
#include "base/thread.h"
#include "catalog/garbage.h"
#include "catalog/orphans.h"
#include "iceberg/manifests.h"
#include "iceberg/rewrite.h"

struct access;
struct lake;
struct run; /* sql/statement_priv.h */

/* Removes files that are on the list of garbage, proved and old enough (catalog/garbage.h); scans that run in this
 * process count. */
MUST_USE bool maintain_collect(struct lake *lake, int64_t safety_us, bool dry_run,
                               struct cancel *cancel, struct arena *a, struct collect_result *out,
                               struct error *err);

/* Removes orphans of a table, "ns.name" (catalog/orphans.h); o->oldest_scan_us is filled in here. */
MUST_USE bool maintain_orphans(struct lake *lake, str branch, str table,
                               const struct orphans_options *o, struct arena *a,
                               struct orphans_result *out, struct error *err);

/* Writes the manifests of a table again (iceberg/manifests.h), as one commit. */
struct manifests_request {
    str branch, table; /* as below */
    struct manifests_options options;
    bool dry_run;
    const struct write_info *info;
};
struct manifests_outcome {
    struct manifests_result counts;
    int64_t snapshot_id;
    str commit_id; /* empty: nothing had to be done */
};
MUST_USE bool maintain_manifests(struct lake *lake, const struct manifests_request *req,
                                 struct arena *a, struct manifests_outcome *out, struct error *err);

struct compact_request {
    str branch;     /* empty: main */
    str table;      /* "ns.name" */
    str own_branch; /* of the table; empty: main */
    str where;      /* an SQL condition: only files that may hold such rows; empty: all */
    str strategy;   /* binpack (empty), sort or zorder */
    str sort_order; /* sql/layout_priv.h: "a DESC, b", "zorder(a, b)"; empty: the table's */
    struct rewrite_options options;
    bool partial_progress; /* a commit a few groups, rather than all or nothing */
    int64_t max_commits;   /* of partial progress; 0: 10 */
    bool
        drop_dangling; /* delete files that then apply to no data file go, as a commit of its own */
    bool dry_run;
    const struct access *access; /* as in sql_request */
    struct cancel *cancel;
    struct progress *progress; /* may be NULL */
};

struct compact_result {
    int64_t groups, files, files_written, bytes, delete_files; /* files and bytes: written again */
    int64_t failed_files; /* of commits of partial progress that failed */
    int64_t commits, snapshot_id;
    str commit_id; /* of the last commit; empty: nothing had to be done */
};

/* Writes small, large and much deleted data files of a table again, each partition's together, in the order that is asked for
 * or within files in the table's; the rows, and in format 3 their ids and sequence numbers, stay what they are.  Deletes are applied, and
 * delete files of the replaced files alone go.  One commit with the operation replace, or several with partial progress. Rows are
 * streamed: memory is the engine's.  ERR_CONFLICT when others deleted rows of these files or replaced them meanwhile;
 * then the table is as it was and the files written are garbage.  ERR_DENIED, ERR_INVALID, ERR_NOT_FOUND. */
MUST_USE bool maintain_compact(struct lake *lake, const struct compact_request *req,
                               struct arena *a, struct compact_result *out, struct error *err);

/* Position delete files of a table: small ones of a partition become one (format 2), or vectors (format 3); positions of rows whose
 * files are gone are dropped, and with `drop_dangling` all delete files that apply to no data file. */
struct deletes_request {
    str branch, table, own_branch; /* as above */
    str where; /* an SQL condition: only of data files that may hold such rows; empty: all */
    int64_t target_bytes;         /* of a file; 0: write.delete.target-file-size-bytes (64 MB) */
    int64_t min_bytes, max_bytes; /* files outside are written again; 0: 75 % and 180 % of target */
    int64_t min_input_files;      /* fewer in a partition stay; 0: 5 */
    bool all;                     /* every file */
    bool equality;                /* equality deletes, too, become positions */
    bool drop_dangling;           /* equality deletes that apply to no data file, too */
    bool only_dangling;           /* nothing is written */
    bool dry_run;
    const struct access *access; /* as in sql_request */
    struct cancel *cancel;
};
struct deletes_outcome {
    int64_t rewritten_files, added_files, rewritten_bytes, added_bytes;
    int64_t dangling; /* files dropped without being read */
    int64_t snapshot_id;
    str commit_id; /* empty: nothing had to be done */
};
/* One commit `replace`.  ERR_CONFLICT when others replaced these files or deleted rows of them meanwhile; then the table is as it was. */
MUST_USE bool maintain_deletes(struct lake *lake, const struct deletes_request *req,
                               struct arena *a, struct deletes_outcome *out, struct error *err);
/* The same within a statement, in its session. */
MUST_USE bool run_rewrite_deletes(struct run *r, const struct deletes_request *req,
                                  struct deletes_outcome *out, struct error *err);

/* The same within a statement, in its session. */
MUST_USE bool run_compact(struct run *r, const struct compact_request *req,
                          struct compact_result *out, struct error *err);

#endif
