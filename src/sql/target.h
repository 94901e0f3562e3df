/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a statement writes: a table, a branch of it (ns.t.branch_x, as Spark names it), or nowhere that readers see yet
 * (write-audit-publish: sql/settings.h). */
#ifndef FIRN_SQL_TARGET_H
#define FIRN_SQL_TARGET_H

#include "base/arena.h"
#include "base/error.h"

struct lake;
struct metadata;
struct snapshot;
struct snapshot_change;
struct sql_settings;

#define BRANCH_PREFIX "branch_"
#define TAG_PREFIX "tag_"

struct write_target {
    str table;  /* "ns.name" */
    str branch; /* of the table; empty: main.  One of spark.wap.branch may not be there yet */
    str wap_id; /* the snapshot is staged under this id; empty: it is not */
    bool named; /* the name said the branch */
};

/* Takes a name apart; `ref` is the branch of the catalog.  A table that really has the whole name goes first.  Tells nothing of
 * what is there: permission can be asked between this and the next. */
MUST_USE bool target_name(struct lake *lake, str ref, str dotted, struct arena *a,
                          struct write_target *out, struct error *err);

/* Applies the settings, and looks at the branch.  ERR_NOT_FOUND for a branch that is not there, ERR_INVALID for a tag, and for
 * settings that contradict each other or the name.  `m` NULL: the table is to be made. */
MUST_USE bool target_settle(const struct metadata *m, const struct sql_settings *settings,
                            struct write_target *t, struct error *err);

/* Whether the last part of a name is a branch or a tag of the table before it: "branch_x", "tag_x". */
bool target_names_ref(str part, str *ref);

/* The snapshot that a write to the branch builds on: its head, or main's when it is not there yet.  NULL: none. */
const struct snapshot *target_head(const struct metadata *m, str branch);

/* Fills in branch and staging; the summary gets wap.id in front of what it has. */
void target_apply(const struct write_target *t, struct arena *a, struct snapshot_change *change);

/* Files that were written and are in no snapshot, for the collector; a failure to list them is logged. */
void target_unused(struct lake *lake, const char *why, const str *paths, size_t n);

#endif
