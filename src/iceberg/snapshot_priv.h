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

#define SNAPSHOT_MANIFEST_BYTES (8 << 20) /* commit.manifest.target-size-bytes */

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
    int64_t entries_processed;       /* of these, when rewriting them is all that is done */
    bool nothing;                    /* a step found that there is nothing to do */
    VEC(str) written;
};

/* What makes the manifests of the snapshot: fills fresh and kept. */
typedef bool (*snapshot_step)(struct produce *p, void *ctx, struct error *err);

/* snapshot_produce with a step of one's own; when it sets p->nothing, *out has no updates. */
MUST_USE bool snapshot_produce_by(struct store *store, struct env *env,
                                  const struct metadata *metadata,
                                  const struct snapshot_change *change, snapshot_step step,
                                  void *ctx, struct arena *a, struct snapshot_result *out,
                                  struct error *err);

/* Entries on their way to manifests of about the target size.  Zero but for p, spec and content. */
struct snapshot_output {
    struct produce *p;
    const struct partition_spec *spec;
    enum manifest_content content;
    int64_t target_bytes; /* 0: the table's property */
    struct arena *arena;  /* of the current manifest */
    struct buf bytes;
    struct manifest_writer *writer; /* NULL: no manifest is open */
};
MUST_USE bool snapshot_output_add(struct snapshot_output *o, const struct manifest_entry *e,
                                  struct error *err);
/* Closes or, after a failure (ok is false), drops what is open; ok, if that worked too. */
MUST_USE bool snapshot_output_end(struct snapshot_output *o, bool ok, struct error *err);

/* Calls fn for each live entry of a manifest; what it gets lives during the call.  `all_columns`: with their metrics. */
typedef bool (*snapshot_entry_fn)(void *ctx, const struct manifest_entry *e, struct error *err);
MUST_USE bool snapshot_visit(struct produce *p, const struct manifest_file *m, bool all_columns,
                             snapshot_entry_fn fn, void *ctx, struct error *err);

/* Fills the counts and the length that old lists leave out, from the manifest itself. */
MUST_USE bool snapshot_complete(struct produce *p, struct manifest_file *m, struct error *err);

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
