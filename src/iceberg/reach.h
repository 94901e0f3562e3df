/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files a table's metadata reaches: what a garbage collector has to know before it removes
 * anything.  Manifests are read one at a time and each once, whatever the number of snapshots that
 * share it; memory grows with the number of manifests, not of files. */
#ifndef FIRN_ICEBERG_REACH_H
#define FIRN_ICEBERG_REACH_H

#include "base/arena.h"
#include "base/error.h"

struct cancel;
struct metadata;
struct snapshot;
struct store;

enum reach_kind {
    REACH_DATA_FILE,
    REACH_POSITION_DELETES, /* deletion vectors, too */
    REACH_EQUALITY_DELETES,
    REACH_MANIFEST,
    REACH_MANIFEST_LIST,
    REACH_STATISTICS, /* of partitions, too */
    REACH_METADATA,   /* of the metadata log */
    REACH_KINDS
};

/* Gets each location as the metadata spells it, some more than once; valid during the call.  False with
 * *err set stops. */
typedef bool (*reach_fn)(void *ctx, enum reach_kind kind, str location, struct error *err);

struct reach;

/* Lives in `a`; remembers which manifests and lists it has read.  With `deleted` entries of files
 * that a snapshot removed are told, too (candidates for removal); without them only what is live. */
struct reach *reach_create(struct store *store, struct cancel *cancel, bool deleted,
                           struct arena *a);

/* From now on, lists and manifests that are not there (ERR_NOT_FOUND) count as empty, or not (at first): for history whose files were
 * removed. */
void reach_forgive_missing(struct reach *r, bool forgive);
bool reach_forgives_missing(const struct reach *r);

/* The snapshot's manifest list, manifests and files.  ERR_CORRUPT, ERR_NOT_FOUND, ERR_UNSUPPORTED (encrypted):
 * then nothing may be concluded. */
MUST_USE bool reach_snapshot(struct reach *r, const struct metadata *m, const struct snapshot *s,
                             reach_fn fn, void *ctx, struct error *err);

/* All snapshots, statistics and the metadata log. */
MUST_USE bool reach_metadata(struct reach *r, const struct metadata *m, reach_fn fn, void *ctx,
                             struct error *err);

/* A location without the spelling of its scheme: "file:/x", "file:///x" and "/x" are one place, and so are
 * repeated slashes.  In `a` when it has to be changed. */
str reach_place(str location, struct arena *a);

#endif
