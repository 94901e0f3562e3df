/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of the store on files share: store_fs.c finds, reads and lists,
 * store_fs_write.c writes. */
#ifndef FIRN_IO_STORE_FS_PRIV_H
#define FIRN_IO_STORE_FS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/fs_priv.h"
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
    struct root *roots; /* the first is the store's own */
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

/* The writing slots of store_ops. */
bool fs_put(struct store *st, str path, str bytes, enum store_put_flags flags, struct error *err);
bool fs_remove(struct store *st, str path, struct error *err);
bool fs_stage(struct store *st, str path, struct arena *a, str *local, struct error *err);
bool fs_publish(struct store *st, str path, str local, enum store_put_flags flags,
                struct error *err);
void fs_discard(struct store *st, str local);
bool fs_make_folder(struct store *st, str path, struct error *err);

#endif
