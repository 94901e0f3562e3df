/* SPDX-License-Identifier: Apache-2.0
 *
 * One owner a data directory: a locked file that names the owner.  The kernel drops the lock when
 * the process ends, however it ends; the text in the file is only for people and for commands that look
 * for the running server. */
#ifndef FIRN_IO_LOCK_H
#define FIRN_IO_LOCK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#define LOCK_FILE_NAME "firn.lock"
#define LOCK_URL_MAX 512 /* bytes */

struct lock;

/* Takes the lock of a folder, which must exist, at once or not at all: ERR_UNAVAILABLE "data
 * directory X is in use by process N (URL)". */
MUST_USE bool lock_acquire(str dir, struct lock **out, struct error *err);
/* Writes the URL at which the owner answers, once it listens. */
MUST_USE bool lock_set_url(struct lock *l, str url, struct error *err);
/* Gives the lock back; NULL is fine. */
void lock_release(struct lock *l);

struct lock_owner {
    int64_t pid;
    str url; /* empty when it does not listen */
};

/* Who holds the folder's lock now; *held is false when nobody does.  Thread-safe, changes nothing. */
MUST_USE bool lock_owner_of(str dir, struct arena *a, struct lock_owner *out, bool *held,
                            struct error *err);

#endif
