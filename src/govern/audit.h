/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: every decision, allowed or denied, first appended to a spool in the data directory (io/spool.h), later moved in
 * batches to the Iceberg table system.audit_logs (sql/audit_table.h).
 *
 *   A1  A decision is in the spool before the caller hears of it: it survives the end of the process however that comes.  When the machine
 *       itself fails, what was decided in the last AUDIT_SYNC_US may be missing.
 *   A2  An action that cannot be recorded is not allowed (ERR_UNAVAILABLE, ERR_LIMIT when the disk is full).
 *   A3  A segment of the spool is removed after the snapshot that holds its rows has been committed; the rows carry the segment's
 *       name, and a segment whose name is in the table is not written again: nothing is there twice. */
#ifndef FIRN_GOVERN_AUDIT_H
#define FIRN_GOVERN_AUDIT_H

#include "govern/access.h"

#define AUDIT_SYNC_US (1 * 1000000LL)
#define AUDIT_NAMESPACE "system"
#define AUDIT_TABLE_NAME "audit_logs"
#define AUDIT_TABLE AUDIT_NAMESPACE "." AUDIT_TABLE_NAME

struct spool;

/* Where decisions of `g` are recorded; NULL while access control is off. */
struct spool *audit_spool(struct govern *g);

/* The right to move segments to the table: one thread of the process at a time. */
void audit_turn_take(struct govern *g);
void audit_turn_give(struct govern *g);

/* One line.  `reason` says why in a few words.  Also for what is decided elsewhere: a credential that was refused ("AUTHENTICATE"). */
struct audit_event {
    const struct identity *who;
    str request_id, peer;
    str action;                 /* a privilege's name, or a word of its own */
    const struct securable *on; /* NULL: none */
    str ref;
    bool allowed;
    const char *reason;
};
MUST_USE bool audit_note(struct govern *g, const struct audit_event *e, struct error *err);

#endif
