/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing data files to tables: plan a snapshot, commit it, and on ERR_CONFLICT plan again on the
 * newer table, after a random pause that grows.  The data files are durable already and are reused
 * by every attempt; manifests are written anew. */
#ifndef FIRN_CATALOG_TABLE_OPS_H
#define FIRN_CATALOG_TABLE_OPS_H

#include "base/thread.h"
#include "catalog/table.h"

struct data_file;

struct write_info {
    struct commit_info commit;
    /* What produced the snapshot (source, run id, offsets, inputs); kept in its summary. */
    const struct property *summary;
    size_t summary_n;
    struct cancel *cancel; /* checked between attempts; may be NULL */
};

struct write_outcome {
    int64_t snapshot_id;
    str commit_id;
    int attempts;
    struct table table; /* after the write */
};

/* Appends the files to the table on a branch.  Any concurrent change of the data is compatible; a
 * schema or partition change that makes the files unfit is ERR_CONFLICT. */
MUST_USE bool catalog_append(struct catalog *c, str ref, str ns, str name,
                             const struct data_file *files, size_t n, const struct write_info *info,
                             struct arena *a, struct write_outcome *out, struct error *err);

/* Replaces all rows by the files (n may be 0).  `base` is the snapshot the caller read (-1: none);
 * when the table has moved on since, ERR_CONFLICT, because rows would be lost unseen; OVERWRITE_ANY
 * replaces whatever is there. */
#define OVERWRITE_ANY INT64_MIN
MUST_USE bool catalog_overwrite_all(struct catalog *c, str ref, str ns, str name, int64_t base,
                                    const struct data_file *files, size_t n,
                                    const struct write_info *info, struct arena *a,
                                    struct write_outcome *out, struct error *err);

/* Replaces exactly the data files `removed` (by path) by `added`; ERR_CONFLICT when one of them is
 * gone. */
MUST_USE bool catalog_replace(struct catalog *c, str ref, str ns, str name, const str *removed,
                              size_t removed_n, const struct data_file *added, size_t added_n,
                              const struct write_info *info, struct arena *a,
                              struct write_outcome *out, struct error *err);

/* Applies updates made elsewhere (schema, properties) as one commit, planned again on conflict:
 * `plan` gets the newest table and an arena for the attempt, and fills a change for it. */
typedef bool (*table_planner)(void *ctx, const struct table *t, struct arena *a,
                              struct table_change *out, struct error *err);
MUST_USE bool catalog_retry(struct catalog *c, str ref, str ns, str name, table_planner plan,
                            void *ctx, const struct write_info *info, struct arena *a,
                            struct write_outcome *out, struct error *err);

#endif
