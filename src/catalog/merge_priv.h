/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging the contents of one table that both sides changed. */
#ifndef FIRN_CATALOG_MERGE_PRIV_H
#define FIRN_CATALOG_MERGE_PRIV_H

#include "catalog/catalog_priv.h"
#include "iceberg/manifest.h"
#include "iceberg/snapshot.h"

#define MERGED_COMMIT                                                                              \
    "firn.merged-commit" /* in the summary of a snapshot that a merge, pick or revert made */

/* And, as a JSON array, files that never were in the table: their rows are in files that the snapshot added. */
#define REWRITTEN_FILES "firn.rewritten-files"
#define REWRITTEN_MAX 1000

/* Three states of one table: what the source did since `base` is to be done to `target`. */
struct sides {
    const struct metadata *base, *source, *target;
};

enum table_merge_kind {
    TABLE_CONFLICT, /* `reason` says why */
    TABLE_KEEP,     /* the target has all of it */
    TABLE_TAKE,     /* the source has all of it */
    TABLE_COMBINE,  /* the target's metadata with `updates`, then `files` and `removed` */
};

struct table_updates {
    VEC(struct table_update) list;
};

struct table_merge {
    enum table_merge_kind kind;
    bool replaced; /* of a conflict: by another table */
    str reason;
    const struct metadata *source, *target;
    struct table_updates updates; /* shape, snapshots carried over, a rollback */
    VEC(struct data_file) files;  /* to be added */
    VEC(str) removed;             /* paths to be removed: their rows come in `files` */
    VEC(str) rewritten;           /* paths that the target never had, whose rows come in `files` */
    VEC(str) undone;              /* paths to be removed first, with their rows */
    enum snapshot_operation operation;
};

/* Decides what to do with the three states of a table; reads metadata and manifests, writes
 * nothing.  Everything lives in `a`. */
MUST_USE bool table_merge_decide(struct catalog *c, const struct entry *base,
                                 const struct entry *source, const struct entry *target,
                                 struct arena *a, struct table_merge *out, struct error *err);

/* merge_shape.c: what the source changed in everything but rows, as updates of the target.  False with *reason when the changes
 * of both sides do not go together. */
bool shape_merge(const struct sides *m, struct arena *a, struct table_updates *out, str *reason);
/* Everything but the rows of main. */
bool shape_same(const struct metadata *x, const struct metadata *y);

/* Properties of both sides in one list, sorted by nothing in particular; false when both changed one key in different ways. */
bool properties_merge(const struct property_list *base, const struct property_list *source,
                      const struct property_list *target, struct arena *a,
                      struct property_list *set, struct property_list *removed, str *key);

#endif
