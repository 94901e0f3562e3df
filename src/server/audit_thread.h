/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's own thread for its audit log: makes decisions durable every second (govern/audit.h, A1) and moves them to their table
 * (sql/audit_table.h). */
#ifndef FIRN_SERVER_AUDIT_THREAD_H
#define FIRN_SERVER_AUDIT_THREAD_H

struct audit_thread;
struct lake;

/* The lake outlives it.  Stop ends the work under way, moves what waits, and joins; NULL is fine. */
struct audit_thread *audit_thread_start(struct lake *lake);
void audit_thread_stop(struct audit_thread *t);

#endif
