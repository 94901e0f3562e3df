/* SPDX-License-Identifier: Apache-2.0
 *
 * What one snapshot did to the files of its table, and whether another line of history may take that over: the
 * rules of the Java library's CherryPickOperation and WapUtil. */
#ifndef FIRN_ICEBERG_PICK_H
#define FIRN_ICEBERG_PICK_H

#include "iceberg/manifest.h"

struct metadata;
struct snapshot;
struct store;

/* Keys of summaries. */
#define WAP_ID "wap.id"                         /* of a staged snapshot */
#define PUBLISHED_WAP_ID "published-wap-id"     /* of the one that took it over */
#define SOURCE_SNAPSHOT_ID "source-snapshot-id" /* likewise */
#define REPLACE_PARTITIONS "replace-partitions" /* "true": a dynamic overwrite */

struct snapshot_files {
    const struct data_file *added; /* data files; they will get row ids of their own */
    size_t added_n;
    const struct data_file *removed;
    size_t removed_n;
    bool adds_deletes; /* it added delete files, too */
};

/* Reads the manifests that the snapshot wrote.  In `a`.  ERR_CORRUPT and what stores fail with. */
MUST_USE bool snapshot_files_read(struct store *store, const struct metadata *m,
                                  const struct snapshot *s, struct arena *a,
                                  struct snapshot_files *out, struct error *err);

/* How a snapshot gets onto a branch whose head is `head` (NULL: the branch is empty). */
enum pick_way {
    PICK_FAST_FORWARD, /* its parent is the head: the branch moves to it */
    PICK_APPEND,       /* its files are appended again */
    PICK_REPLACE, /* its files replace those that it replaced, if nobody touched the partitions */
};

/* ERR_CONFLICT when it, or a snapshot made from it, or its wap.id is in the branch's history already; ERR_INVALID when it
 * is no append and no replacement of partitions that is based on the branch. */
MUST_USE bool pick_check(const struct metadata *m, const struct snapshot *head,
                         const struct snapshot *s, enum pick_way *out, struct error *err);

/* The staged snapshot with this wap.id.  ERR_NOT_FOUND; ERR_CONFLICT when there are several. */
MUST_USE bool pick_staged(const struct metadata *m, str wap_id, const struct snapshot **out,
                          struct error *err);

/* The newest snapshot of the line that ends at `head` which is older than `timestamp_ms`; NULL: none. */
const struct snapshot *pick_before(const struct metadata *m, const struct snapshot *head,
                                   int64_t timestamp_ms);

#endif
