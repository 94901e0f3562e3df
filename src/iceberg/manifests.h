/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting manifests: the entries of many become few of about the target size, those of one partition together, so that a filter on
 * partitions reads few of them.  Entries keep their snapshot ids, sequence numbers and first row ids; files that are gone are no
 * longer told.  The snapshot's operation is replace, its counts of files are 0.
 *
 * Memory: one key a partition, and a few manifests at a time, whatever the table's size; manifests are read once to learn how large
 * partitions are, and once or, when the result is large, a few times to be written. */
#ifndef FIRN_ICEBERG_MANIFESTS_H
#define FIRN_ICEBERG_MANIFESTS_H

#include "iceberg/snapshot.h"

struct cancel;

#define MANIFESTS_SPEC_DEFAULT (-1)
#define MANIFESTS_SPEC_ALL (-2)

struct manifests_options {
    str branch;           /* of the table; empty: main */
    int32_t spec_id;      /* manifests of this partition spec, or one of the above */
    int64_t target_bytes; /* 0: commit.manifest.target-size-bytes (8 MB) */
    bool
        all; /* write even what is well as it is: one manifest, or as many as there would be and clustered */
    struct cancel *cancel; /* may be NULL */
};

struct manifests_result {
    int64_t rewritten, added, kept; /* manifests */
    int64_t entries;                /* in those rewritten */
};

/* Prepares the snapshot.  `out->updates_n` is 0 when nothing has to be done; with `dry_run` too, after counting.  Otherwise as
 * snapshot_produce. */
MUST_USE bool manifests_rewrite(struct store *store, struct env *env, const struct metadata *m,
                                const struct manifests_options *o, bool dry_run, struct arena *a,
                                struct snapshot_result *out, struct manifests_result *counts,
                                struct error *err);

#endif
