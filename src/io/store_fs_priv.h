/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the store on files share: store_fs.c finds, reads and lists, store_fs_write.c writes, store_fs_journal.c
 * keeps the journal. */
#ifndef FIRN_IO_STORE_FS_PRIV_H
#define FIRN_IO_STORE_FS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/fs_priv.h"
#include "io/journal.h"
#include "io/store.h"

#define STORE_TEMP_DIR STORE_TEMP_PREFIX
#define DURABLE_SLOTS 8192 /* folders remembered; the set starts afresh when three quarters full */

struct root {
    int fd;       /* of dir; -1 while not open */
    str dir;      /* absolute, without links, NUL-terminated */
    str location; /* the normalised prefix of its locations */
    bool writable;
    bool
        everywhere; /* the root of the file system, with "" for dir and location; its temporary names stand beside the objects */
};

struct store_fs {
    struct store base;
    struct arena *arena;
    struct journal *journal; /* of the first root; NULL: none */
    struct root *roots;      /* the first is the store's own */
    size_t roots_n;
    atomic_bool everywhere; /* whether the last root may be used */
    uint64_t seed;          /* of temporary names and of hashes */
    atomic_ullong temp_next;
    pthread_mutex_t lock; /* guards durable and durable_n; not held across I/O */
    uint64_t durable[DURABLE_SLOTS];
    size_t durable_n;
};

/* A path taken apart: rel below root, which is folder/name. */
struct place {
    struct root *root;
    str path; /* as the caller named it, for messages */
    char rel[STORE_PATH_MAX + 1];
    size_t name_at; /* where the name begins in rel; 0: no folder */
};

static inline struct store_fs *fs_of(struct store *st)
{
    return (struct store_fs *)st;
}

/* Opens a path below a root. */
static inline int root_open(const struct root *r, const char *path, int flags, mode_t mode)
{
    return r->everywhere ? fs_open_anywhere(r->fd, path, flags, mode)
                         : fs_open_beneath(r->fd, path, flags, mode);
}

/* Finds the root of a well-formed path; ERR_DENIED outside of all of them. */
bool fs_resolve(struct store_fs *s, str path, struct place *p, struct error *err);

/* Opens the journal that the options ask for, with what an earlier process left in it put in order. */
bool fs_open_journal(struct store_fs *s, const struct store_fs_options *o, struct error *err);
/* Whether an object of so many bytes may be left to the journal. */
bool fs_may_journal(const struct store_fs *s, const struct place *p, size_t bytes,
                    enum store_put_flags flags);
/* Makes the folder of p and those above it where they are missing.  The caller closes it; -1 with err set.  Durable, or not (`synced`). */
int fs_open_folder(struct store_fs *s, const struct place *p, bool synced, struct error *err);
/* Writes an object whole; durable with `synced`. */
bool fs_put_at(struct store_fs *s, const struct place *p, str bytes, enum store_put_flags flags,
               bool synced, struct error *err);
/* Syncs an object that is in its place, and its folders. */
bool fs_settle(struct store_fs *s, const struct place *p, struct error *err);
/* Leave an object in its place to the journal; where that does not take it, it is synced.  The second reads its bytes. */
bool fs_journal_written(struct store_fs *s, const struct place *p, str bytes, struct error *err);
bool fs_journal_file(struct store_fs *s, const struct place *p, struct error *err);
/* Tells the journal that an object has gone. */
void fs_journal_removed(struct store_fs *s, const struct place *p);
bool fs_flush(struct store *st, struct error *err);

/* The writing slots of store_ops. */
bool fs_put(struct store *st, str path, str bytes, enum store_put_flags flags, struct error *err);
bool fs_remove(struct store *st, str path, struct error *err);
bool fs_stage(struct store *st, str path, struct arena *a, str *local, struct error *err);
bool fs_publish(struct store *st, str path, str local, enum store_put_flags flags,
                struct error *err);
void fs_discard(struct store *st, str local);
bool fs_make_folder(struct store *st, str path, struct error *err);

#endif
