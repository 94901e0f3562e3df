/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition statistics: a Parquet file with what each partition of a snapshot holds (Iceberg specification, "Partition Statistics"), made
 * from manifests alone.
 *
 *   CALL system.compute_partition_stats(table, snapshot_id) */
#ifndef FIRN_SQL_PARTITION_STATS_H
#define FIRN_SQL_PARTITION_STATS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"

struct access;
struct lake;
struct run; /* sql/statement_priv.h */

struct partition_stats_request {
    str branch;          /* empty: main */
    str table;           /* "ns.name" */
    int64_t snapshot_id; /* 0: the current one */
    const struct access *access;
    struct cancel *cancel;
};

struct partition_stats_result {
    int64_t snapshot_id; /* SNAPSHOT_NONE: the table is empty, nothing was done */
    str path; /* of the file; empty: the snapshot has no files, so there are no partitions */
    int64_t partitions;
    bool written;     /* false: it was there already */
    bool incremental; /* made from an ancestor's file and the manifests written since */
    str commit_id;
};

/* Writes the file and registers it.  From the nearest ancestor that has one only manifests written since are read; when that file cannot
 * be read or does not add up, all are.  ERR_INVALID for a table without partitions, ERR_NOT_FOUND, ERR_DENIED. */
MUST_USE bool run_partition_stats(struct run *r, const struct partition_stats_request *req,
                                  struct partition_stats_result *out, struct error *err);
/* The same in a session of its own. */
MUST_USE bool maintain_partition_stats(struct lake *lake, const struct partition_stats_request *req,
                                       struct arena *a, struct partition_stats_result *out,
                                       struct error *err);

#endif
