/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of producing a snapshot. */
#ifndef FIRN_ICEBERG_SNAPSHOT_PRIV_H
#define FIRN_ICEBERG_SNAPSHOT_PRIV_H

#include "base/map.h"
#include "base/vec.h"
#include "codec/uuid.h"
#include "iceberg/metadata.h"
#include "iceberg/snapshot.h"

/* Files and rows that a snapshot adds or takes away, by kind. */
struct snapshot_tally {
    int64_t data_files, records, bytes;
    int64_t position_delete_files, position_deletes; /* deletes: those of vectors, too */
    int64_t equality_delete_files, equality_deletes;
    int64_t vectors;
};

/* One snapshot in the making. */
struct produce {
    struct store *store;
    struct env *env;
    const struct metadata *metadata;
    const struct snapshot_change *change;
    struct arena *arena;
    const struct snapshot *parent; /* NULL: none */
    int64_t snapshot_id, sequence_number;
    char uuid[UUID_TEXT_LEN + 1];
    size_t manifests_made;
    struct map removed;         /* paths still to be found, when not all files go */
    size_t removed_found;       /* of change->removed_n */
    struct map removed_deletes; /* likewise; by path and offset */
    size_t removed_deletes_found;
    struct map partitions; /* that change */
    struct snapshot_tally added, gone;
    VEC(struct manifest_file) fresh; /* written for this snapshot */
    VEC(struct manifest_file) kept;  /* carried over */
    size_t replaced;                 /* manifests rewritten */
    VEC(str) written;
};

/* Manifests of change->added, one or more a spec. */
MUST_USE bool snapshot_write_added(struct produce *p, struct error *err);
/* Carries the parent's manifests over, rewriting those whose files go. */
MUST_USE bool snapshot_carry_over(struct produce *p, struct manifest_file *manifests, size_t n,
                                  struct error *err);
/* Merges small ones of p->kept when there are too many. */
MUST_USE bool snapshot_merge_kept(struct produce *p, struct error *err);

/* Writes an object below the table's metadata folder and remembers it; *location is absolute. */
MUST_USE bool snapshot_put(struct produce *p, str name, str bytes, str *location,
                           struct error *err);

/* The schema that gives the types of a spec's values: the current one, or the newest that has all its columns. */
const struct schema *snapshot_schema_of_spec(const struct metadata *m,
                                             const struct partition_spec *spec);

/* A delete file's name as a key of p->removed_deletes. */
str snapshot_delete_key(str path, int64_t offset, struct arena *a);

/* The summary without "operation". */
struct property_list snapshot_summary(struct produce *p);

/* Counts a file on its way in or out. */
void snapshot_count(struct produce *p, struct snapshot_tally *t, const struct data_file *f);

#endif
