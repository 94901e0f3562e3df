/* SPDX-License-Identifier: Apache-2.0
 *
 * A journal of small files: what was written to several files becomes durable by one sequential write, as a database's log does for
 * its pages.
 *
 * Who writes a file leaves it unsynced and adds its bytes here; journal_sync then makes everything added so far durable,
 * for all threads that wait at once.  After a power cut journal_open hands every record to its owner, who makes the files whole
 * again.  Two segments take turns: when one is full, the file system is synced by a thread of the journal (a
 * checkpoint), and the segment is used again.
 *
 *   J1  a record counts when it is whole (CRC-32) and of its segment's epoch; the first that is not ends a segment;
 *   J2  records are handed out in the order in which they were added, so a removal undoes the file added before it;
 *   J3  a sync that failed is never tried again: the journal takes no more records, and the files are written once more from the
 *       segment before they count as checkpointed;
 *   J4  segments of the process before are removed only when the files in them are on the disk.
 *
 * One process has the folder open at a time (the caller's lock). */
#ifndef FIRN_IO_JOURNAL_H
#define FIRN_IO_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define JOURNAL_BYTES_MAX                                                                          \
    ((size_t)1 << 20)         /* of a file; beyond, two writes cost more than a sync */
#define JOURNAL_PATH_MAX 4096 /* bytes of a file's name */

struct journal;

enum journal_kind { JOURNAL_WRITTEN = 1, JOURNAL_REMOVED = 2 };

struct journal_record {
    enum journal_kind kind;
    uint64_t epoch; /* of the segment; larger is later */
    str path;       /* as it was given to journal_add */
    str bytes;      /* empty for a removal */
};

/* Makes a file hold its bytes, or go away; need not sync.  With `rewrite` it is written even when it looks right already: the
 * kernel may have kept in memory what it could not write. */
typedef bool journal_redo_fn(void *ctx, const struct journal_record *r, bool rewrite,
                             struct error *err);

struct journal_options {
    str dir;      /* for the segments; made with the first record */
    int files_fd; /* an open folder of the file system on which the files lie; not closed */
    journal_redo_fn *redo; /* called in journal_open, and later by the journal's thread */
    void *ctx;
    size_t segment_bytes; /* 0: 32 MiB */
    unsigned
        begin_after; /* records refused at first: a process that writes a few files is quicker without; 0: none */
};

/* Redoes what an earlier process left, syncs it, removes its segments.  ERR_UNSUPPORTED on a kernel whose syncfs does not report
 * errors (before Linux 5.8); else the errors of redo and of the disk, with the segments left as they were. */
MUST_USE bool journal_open(const struct journal_options *o, struct journal **out,
                           struct error *err);
/* A last checkpoint; the segments are gone after it when it succeeded.  Nobody may be in a call.  NULL is fine. */
void journal_close(struct journal *j);

/* Adds what was done to a file, which the caller has finished (but not synced).  False when it is not taken (too large, journal full
 * or failed, too early): then the caller syncs the file itself.  Any thread. */
MUST_USE bool journal_add(struct journal *j, enum journal_kind kind, str path, str bytes);
/* Everything added before is durable when it returns true; ERR_UNAVAILABLE when the disk refused.  Any thread; those who wait
 * share one sync. */
MUST_USE bool journal_sync(struct journal *j, struct error *err);

/* The next whole record of a segment's bytes, taken off *rest; false at the end.  *epoch is 0 before the first.  Views into *rest. */
bool journal_next(str *rest, uint64_t *epoch, struct journal_record *out);

#endif
