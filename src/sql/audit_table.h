/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log as an Iceberg table: system.audit_logs on main, partitioned by day.  Decisions come to it from the spool
 * (govern/audit.h) in batches, one snapshot a segment: by time from a server's own thread, and before a statement that names the
 * table.  What cannot be written stays in the spool. */
#ifndef FIRN_SQL_AUDIT_TABLE_H
#define FIRN_SQL_AUDIT_TABLE_H

#include "base/error.h"

struct lake;

#define AUDIT_FLUSH_US                                                                             \
    (60 * 1000000LL) /* a decision is in the table after this long at most, while a server runs */
#define AUDIT_FLUSH_BYTES ((int64_t)32 << 20) /* or as soon as so much waits */

/* Moves what waits; true when nothing does, or while access control is off.  One at a time in a process; others wait. */
MUST_USE bool audit_flush(struct lake *lake, struct error *err);

#endif
