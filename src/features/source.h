/* SPDX-License-Identifier: Apache-2.0
 *
 * The table behind a feature view, at one snapshot: its schema, and the data files that may matter, in the order in which the last
 * tie is decided (data sequence number, then path). */
#ifndef FIRN_FEATURES_SOURCE_H
#define FIRN_FEATURES_SOURCE_H

#include "catalog/table.h"
#include "features/pit_run.h"
#include "features/registry.h"

struct lake;
struct snapshot;

struct source {
    struct lake *lake;
    const struct feature_view *view;
    struct cancel *cancel;
    struct table table;
    const struct snapshot *snapshot; /* NULL: the table is empty */
    const struct schema *schema;
};

/* snapshot_id 0: the current one.  ERR_NOT_FOUND for a table or snapshot that is gone, ERR_INVALID when columns that the view
 * needs are gone or have other types. */
MUST_USE bool source_open(struct lake *lake, str branch, const struct feature_view *view,
                          int64_t snapshot_id, struct cancel *cancel, struct arena *a,
                          struct source *out, struct error *err);

int64_t source_snapshot_id(const struct source *s); /* -1: none */

/* The files that may hold rows within the range; as pit_view's plan wants it, ctx is the source.  Deleted rows are among
 * them, with a null timestamp. */
MUST_USE bool source_plan(void *ctx, const struct pit_range *range, struct arena *a,
                          struct pit_files *out, struct error *err);

#endif
