/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of append-only segments of lines.  Any number of threads append to the current segment, each line with one system call and
 * without a lock; another thread seals it, reads it whole, and removes it when its lines are safe elsewhere.
 *
 * A line that was appended survives the end of the process; spool_sync makes it survive that of the machine.  A segment
 * that an earlier process left is sealed when the folder is opened, and a line that was cut off by a power failure is cut away.
 * One process has the folder open at a time (the caller's lock). */
#ifndef FIRN_IO_SPOOL_H
#define FIRN_IO_SPOOL_H

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"

struct spool;

#define SPOOL_LINE_MAX ((size_t)64 << 10) /* bytes of a line with its newline */
#define SPOOL_SEGMENT_MAX                                                                          \
    ((size_t)256 << 20) /* bytes; appending to a larger one fails until it has been sealed */

struct spool_segment {
    str id;   /* a UUID */
    str path; /* the file */
    int64_t bytes;
};

/* Opens or makes the folder. */
MUST_USE bool spool_open(str dir, struct env *env, struct spool **out, struct error *err);
/* Syncs and closes; nobody may be in a call.  The current segment stays.  NULL is fine. */
void spool_close(struct spool *s);

/* Appends one line, which ends with a newline and holds no other.  Any thread.  ERR_LIMIT when the disk or the segment is full. */
MUST_USE bool spool_append(struct spool *s, str line, struct error *err);

/* Makes all lines appended before durable. */
MUST_USE bool spool_sync(struct spool *s, struct error *err);

/* Bytes in the current segment, and whether sealed segments wait.  Any thread. */
int64_t spool_pending(struct spool *s);

/* Ends the current segment when it has lines, begins another, and lists all sealed ones, oldest first; durable.  One thread at a time. */
MUST_USE bool spool_seal(struct spool *s, struct arena *a, struct spool_segment **out, size_t *n,
                         struct error *err);
/* Removes a sealed segment. */
MUST_USE bool spool_remove(struct spool *s, str id, struct error *err);

#endif
