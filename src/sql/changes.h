/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened to a table's rows between two snapshots of its history, row by row: the table's columns (those of the schema given), and
 *
 *   _change_type          INSERT or DELETE; UPDATE_BEFORE and UPDATE_AFTER where pairs are looked for
 *   _change_ordinal       which snapshot of the range, from 0
 *   _commit_snapshot_id   its id
 *
 * Rows that deletes of any kind remove are told with what they were.  A row that was written again unchanged (copy-on-write) is a DELETE
 * and an INSERT, unless that is asked away.  Snapshots that replace files by the same rows change nothing. */
#ifndef FIRN_SQL_CHANGES_H
#define FIRN_SQL_CHANGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "iceberg/scan.h"

struct lake;
struct session;

#define CHANGES_SCANS_MAX 2000 /* snapshots of a range that delete single rows */

struct changes_request {
    const struct metadata *metadata;
    const struct schema *columns;
    struct scan_range range; /* kind is set in here */
    struct cancel *cancel;
};

/* Appends a SELECT that gives them in this session, in no order.  Everything given lives as long as the session.  Errors as
 * scan_plan and deletes_load; ERR_LIMIT. */
MUST_USE bool changes_sql(struct lake *lake, struct session *s, const struct changes_request *req,
                          struct arena *a, struct buf *sql, struct error *err);

#endif
