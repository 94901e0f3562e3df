/* SPDX-License-Identifier: Apache-2.0
 *
 * Existing Parquet files become files of a table, where they are, without being written again: metrics come from their
 * footers, partitions from their folders or their metrics (iceberg/import.h). */
#ifndef FIRN_SQL_ADD_FILES_H
#define FIRN_SQL_ADD_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"

struct access;
struct lake;
struct property;
struct run; /* sql/statement_priv.h */

#define ADD_FILES_MAX 1000000 /* of one call */

struct add_files_request {
    str branch;       /* of the catalog; empty: main */
    str table;        /* "ns.name" */
    str table_branch; /* of the table; empty: main */
    str source;       /* a folder, a file, or a pattern of *, ? and [..]; or the name of a table */
    bool from_table;  /* its data files, which have to be without row deletes */
    const struct property *only; /* files whose folders have these values ("name=value") */
    size_t only_n;
    bool allow_duplicates; /* do not look whether a file is in the table already */
    bool dry_run;
    const struct access *access; /* as in sql_request */
    struct cancel *cancel;
};

struct add_files_result {
    int64_t files, rows, bytes, partitions;
    bool mapping; /* the files have no field ids and the table got a name mapping for them */
    int64_t snapshot_id;
    str commit_id; /* empty: nothing was added */
};

/* One commit with the operation append.  Hidden files (names that begin with _ or .) are left out.  ERR_INVALID names the file
 * and why it does not fit; ERR_EXISTS when files are in the table already; ERR_NOT_FOUND (no table, no files), ERR_DENIED (also
 * for places outside of what the lake may read), ERR_CORRUPT, ERR_CONFLICT when the table's schema or partitioning changed
 * meanwhile.  The files are the table's from then on: expiry may delete them. */
MUST_USE bool run_add_files(struct run *r, const struct add_files_request *req,
                            struct add_files_result *out, struct error *err);

/* The same in a session of its own. */
MUST_USE bool add_files(struct lake *lake, const struct add_files_request *req, struct arena *a,
                        struct add_files_result *out, struct error *err);

#endif
