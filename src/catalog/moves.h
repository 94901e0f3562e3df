/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves of a table's own branches from one snapshot to another (as Iceberg's Spark procedures have them), and its
 * format version.  Each is one commit, planned again on the newest table when another one came first.
 *
 * `ref` is a branch of the catalog, as everywhere; branches and tags in a move are the table's own. */
#ifndef FIRN_CATALOG_MOVES_H
#define FIRN_CATALOG_MOVES_H

#include "catalog/table_ops.h"

enum move_kind {
    MOVE_ROLLBACK,      /* to an ancestor: snapshot_id */
    MOVE_ROLLBACK_TIME, /* to the newest ancestor that is older than timestamp_ms */
    MOVE_SET_CURRENT,   /* to any snapshot: snapshot_id, or that of `to` */
    MOVE_CHERRY_PICK,   /* takes over what snapshot_id did (iceberg/pick.h) */
    MOVE_PUBLISH,       /* the same, of the snapshot with this wap_id */
    MOVE_FAST_FORWARD, /* to `to`, which descends from the branch; a branch that is missing is made */
};

struct move {
    enum move_kind kind;
    str branch;          /* that moves; empty: main */
    int64_t snapshot_id; /* 0: none is given */
    int64_t timestamp_ms;
    str to, wap_id;
    bool dry_run; /* everything is checked, nothing is written */
};

struct moved {
    int64_t source_id; /* the snapshot that was picked, or gone to */
    int64_t previous_id,
        current_id; /* of the branch; -1: it was empty.  Of a dry run that would pick: previous_id */
    bool fast_forward; /* of a cherry-pick: the branch moved to the snapshot itself */
    str commit_id;     /* the catalog's; empty when nothing had to be done */
};

/* ERR_NOT_FOUND (table, snapshot, ref, wap.id), ERR_INVALID (no ancestor, a tag, what cannot be picked), ERR_CONFLICT
 * (picked already; partitions that changed since), and what commits fail with.  In `a`. */
MUST_USE bool catalog_move(struct catalog *c, str ref, str ns, str name, const struct move *move,
                           const struct write_info *info, struct arena *a, struct moved *out,
                           struct error *err);

/* Sets the format version; going back is ERR_INVALID, above 3 ERR_UNSUPPORTED.  From 3 on rows get ids: those of files that
 * are there already with the next commit (Iceberg spec, "Row Lineage for Upgraded Tables").  *was is the version before. */
MUST_USE bool catalog_upgrade_table(struct catalog *c, str ref, str ns, str name, int version,
                                    bool dry_run, const struct write_info *info, struct arena *a,
                                    int *was, str *commit_id, struct error *err);

#endif
