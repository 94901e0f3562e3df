/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging the contents of one table that both sides changed. */
#ifndef FIRN_CATALOG_MERGE_PRIV_H
#define FIRN_CATALOG_MERGE_PRIV_H

#include "catalog/catalog_priv.h"
#include "iceberg/manifest.h"

enum table_merge_kind {
    TABLE_CONFLICT, /* `reason` says why */
    TABLE_KEEP,     /* the target has all of it */
    TABLE_TAKE,     /* the source has all of it */
    TABLE_REAPPLY,  /* `files` are to be appended to the target */
};

struct table_merge {
    enum table_merge_kind kind;
    str reason;
    const struct metadata *source, *target;
    VEC(struct data_file) files;
};

/* Decides what to do with the three states of a table; reads metadata and manifests, writes
 * nothing.  Everything lives in `a`. */
MUST_USE bool table_merge_decide(struct catalog *c, const struct entry *base,
                                 const struct entry *source, const struct entry *target,
                                 struct arena *a, struct table_merge *out, struct error *err);

#endif
