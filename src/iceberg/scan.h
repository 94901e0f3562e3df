/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan planning: which data files of a snapshot may hold rows that match a filter, and which
 * delete files apply to each.
 *
 * Manifests are read in parallel and their tasks handed over block by block; memory is bounded by
 * one manifest a thread, whatever the size of the table (delete files are kept, data files are
 * not).  Delete manifests are read first. */
#ifndef FIRN_ICEBERG_SCAN_H
#define FIRN_ICEBERG_SCAN_H

#include "iceberg/expr.h"
#include "iceberg/manifest.h"

struct cancel;
struct env;
struct metadata;
struct pool;
struct snapshot;
struct store;

/* Which snapshot: at most one of these is set; none means the current one. */
struct scan_at {
    int64_t snapshot_id;  /* 0: not set */
    str ref;              /* a branch or a tag; empty: not set */
    int64_t timestamp_ms; /* the newest snapshot of the history at that time; 0: not set */
};

struct scan_options {
    struct scan_at at;
    const struct expr *filter; /* unbound; NULL: all rows */
    bool case_sensitive;
    bool all_columns;    /* give the metrics of all columns with each file, not only the filter's */
    bool ignore_deletes; /* do not read delete manifests; tasks have none */
    struct pool *pool;   /* NULL: the calling thread only */
    struct cancel *cancel; /* NULL: none */
};

/* A data file to read.  Everything it points to lives during the callback only. */
struct scan_task {
    const struct data_file *file;
    int64_t snapshot_id; /* that added it */
    int64_t sequence_number, file_sequence_number;
    const struct data_file *const *deletes; /* that apply to it */
    size_t deletes_n;
    size_t manifest, entry; /* place in the snapshot: sort by these for a stable order */
};

struct scan_stats {
    int64_t snapshot_id;              /* 0: the table has none */
    size_t manifests, manifests_read; /* data manifests */
    size_t delete_manifests, delete_manifests_read, delete_files;
    uint64_t files; /* live ones in the manifests that were read, and in those skipped if known */
    uint64_t files_selected, files_pruned_manifest, files_pruned_partition, files_pruned_metrics;
    uint64_t records, bytes; /* of the selected files */
    uint64_t metadata_bytes; /* of manifest list and manifests read */
    int64_t wall_ns;
};

/* Gets tasks of one block of a manifest.  Calls come from any thread, one at a time.  False with
 * *err set stops the plan. */
typedef bool (*scan_tasks_fn)(void *ctx, const struct scan_task *tasks, size_t n,
                              struct error *err);

/* ERR_NOT_FOUND for a snapshot or ref that is not there; ERR_INVALID for a filter that does not
 * fit; ERR_CORRUPT for damaged files.  A table without a snapshot gives no tasks.  *stats (may be
 * NULL) is filled also after a failure, as far as it went.  Thread-safe. */
MUST_USE bool scan_plan(struct store *store, struct env *env, const struct metadata *metadata,
                        const struct scan_options *options, scan_tasks_fn tasks, void *ctx,
                        struct scan_stats *stats, struct error *err);

/* The snapshot that `at` means; *out is NULL when the table has none and nothing was asked for. */
MUST_USE bool scan_snapshot(const struct metadata *metadata, const struct scan_at *at,
                            const struct snapshot **out, struct error *err);

/* The schema to read with: the snapshot's own for an id, a tag or a time, otherwise the table's
 * current one. */
MUST_USE bool scan_schema(const struct metadata *metadata, const struct scan_at *at,
                          const struct schema **out, struct error *err);

/* Reads a snapshot's manifests; the rows live in `a`.  Format 1 snapshots without a manifest list
 * give one row a manifest with nothing but its path known. */
MUST_USE bool scan_manifests(struct store *store, const struct snapshot *snapshot, struct arena *a,
                             struct manifest_file **out, size_t *n, struct error *err);

#endif
