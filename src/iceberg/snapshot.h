/* SPDX-License-Identifier: Apache-2.0
 *
 * Producing snapshots: writes manifests and a manifest list, and gives the table updates that make
 * them the head of a branch.  Nothing here commits; a caller that fails to commit tells the
 * collector about the files written and, on a conflict, produces again from the new metadata. */
#ifndef FIRN_ICEBERG_SNAPSHOT_H
#define FIRN_ICEBERG_SNAPSHOT_H

#include "iceberg/manifest.h"
#include "iceberg/update.h"

struct env;
struct store;

enum snapshot_operation {
    SNAPSHOT_APPEND,    /* files added */
    SNAPSHOT_OVERWRITE, /* files added and removed, rows change */
    SNAPSHOT_DELETE,    /* files removed */
    SNAPSHOT_REPLACE,   /* files added and removed, rows stay the same (compaction) */
};

/* One delete file of the table; many deletion vectors may lie in one Puffin file. */
struct delete_name {
    str path;
    int64_t offset; /* content_offset of a vector; -1: the whole file */
};

struct snapshot_change {
    enum snapshot_operation operation;
    str branch;                    /* empty: main */
    const struct data_file *added; /* data files; their spec_id says by which spec */
    size_t added_n;
    const str *removed; /* paths of live data files; a missing one is ERR_CONFLICT */
    size_t removed_n;
    const struct data_file *added_deletes; /* delete files: position deletes in v2, vectors in v3 */
    size_t added_deletes_n;
    const struct delete_name *removed_deletes; /* live ones; a missing one is ERR_CONFLICT */
    size_t removed_deletes_n;
    bool remove_all;              /* all live files instead */
    bool stage;                   /* the snapshot is added, but no branch moves to it */
    struct property_list summary; /* more keys for the summary */
    int64_t
        base_snapshot_id; /* 0: the branch's head; otherwise the head must be this (ERR_CONFLICT) */
};

struct snapshot_result {
    int64_t snapshot_id;
    const struct snapshot *snapshot;
    struct table_update *updates; /* add-snapshot, set-snapshot-ref (not of a staged one) */
    size_t updates_n;
    struct table_requirement
        *requirements; /* assert-table-uuid, assert-ref-snapshot-id (likewise) */
    size_t requirements_n;
    str *written; /* locations of manifests and manifest list, for the collector on failure */
    size_t written_n;
};

/* Everything in *out lives in `a`; views point into `metadata` and `change` too.  On failure
 * out->written still names what was written.  Small manifests are merged when there are
 * commit.manifest.min-count-to-merge of them.  Delete files that are not named stay (they do no harm to
 * files that are gone), but go with remove_all.  ERR_INVALID for files that do not fit the table or its
 * format version, ERR_CONFLICT. */
MUST_USE bool snapshot_produce(struct store *store, struct env *env,
                               const struct metadata *metadata,
                               const struct snapshot_change *change, struct arena *a,
                               struct snapshot_result *out, struct error *err);

/* A random positive id that the table does not have. */
int64_t snapshot_new_id(struct env *env, const struct metadata *metadata);

#endif
