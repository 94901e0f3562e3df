/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a change that was worked out on one snapshot still holds on a later one: what other writers
 * did in between is read off their manifests, nothing is done again (as the Java library's validations of row
 * deltas and overwrites). */
#ifndef FIRN_ICEBERG_CONFLICT_H
#define FIRN_ICEBERG_CONFLICT_H

#include "iceberg/manifest.h"

struct expr;
struct metadata;
struct snapshot;
struct store;

struct conflict_check {
    int64_t base_snapshot_id; /* that was read; SNAPSHOT_NONE: the table was empty */
    const struct data_file *const
        *files; /* data files that the change removes or deletes rows of */
    size_t files_n;
    bool no_new_rows; /* rows added since that may match the filter are a conflict (serializable) */
    bool no_new_deletes;       /* rows deleted since, of these files, are a conflict */
    const struct expr *filter; /* unbound; NULL: all rows */
    const struct data_file
        *partitions;     /* with no_new_rows: only rows in the partitions of these files count */
    size_t partitions_n; /* 0: the filter decides */
};

/* ERR_CONFLICT names what is in the way: one of the files is gone, or has a new deletion vector (there must never be two),
 * or what the flags say; also when `head` does not descend from the base or snapshots in between are expired. */
MUST_USE bool conflict_check_run(struct store *store, const struct metadata *m,
                                 const struct snapshot *head, const struct conflict_check *check,
                                 struct error *err);

#endif
