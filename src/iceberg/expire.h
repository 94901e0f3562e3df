/* SPDX-License-Identifier: Apache-2.0
 *
 * Which snapshots of a table have had their day (Iceberg specification, "Snapshot Retention Policy"):
 *
 *   a ref but main goes when its snapshot is older than max-ref-age-ms (history.expire.max-ref-age-ms);
 *   a branch keeps its newest min-snapshots-to-keep, and all that are not older than
 *   max-snapshot-age-ms; a tag keeps its snapshot; what no ref reaches stays until it is too old.
 *
 * Nothing is changed or removed here: the plan is a list of updates for a commit. */
#ifndef FIRN_ICEBERG_EXPIRE_H
#define FIRN_ICEBERG_EXPIRE_H

#include "iceberg/update.h"

struct store;

#define EXPIRE_AGE_NONE INT64_MIN

struct expire_options {
    int64_t now_ms;
    int64_t older_than_ms; /* EXPIRE_AGE_NONE: by history.expire.max-snapshot-age-ms (5 days) */
    int32_t retain_last;   /* 0: by history.expire.min-snapshots-to-keep (1) */
    const int64_t *ids;    /* go whatever their age; ERR_INVALID when a ref points to one */
    size_t ids_n;
    const int64_t *needed; /* stay whatever their age: other versions of the table point to them */
    size_t needed_n;
    bool clean_metadata; /* specs and schemas that nothing uses go, too: manifest lists are read */
};

struct expire_plan {
    struct table_update *updates;
    size_t updates_n; /* 0: nothing has to go */
    const struct snapshot **gone;
    size_t gone_n;
    size_t refs_n, specs_n, schemas_n; /* that go */
};

/* In `a`; views into `m`.  ERR_DENIED when the table's gc.enabled is false, ERR_NOT_FOUND for an id that the table
 * does not have. */
MUST_USE bool expire_plan(struct store *store, const struct metadata *m,
                          const struct expire_options *o, struct arena *a, struct expire_plan *out,
                          struct error *err);

#endif
