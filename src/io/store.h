/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects by name: the seam to files today and to S3, GCS and Azure later.  An object appears
 * whole or not at all, is durable when the call that made it has returned true (in a store that keeps
 * a journal: when a store_flush after it has), and is never changed in place; there are no folders, only '/' in names.
 *
 * A store path is either relative to the store's root ("bronze/t-1/data/a.parquet") or a location
 * below an extra prefix that the store was opened with ("s3://bucket/t/metadata/v1.json").  Paths
 * come from table metadata and users, so the wrappers below check each one (store_path_check)
 * before an implementation sees it.
 *
 * Errors of every call: ERR_INVALID for a bad path, ERR_NOT_FOUND, ERR_DENIED (leaves the root,
 * read-only prefix, permissions), ERR_LIMIT (larger than asked for; no space left, nothing
 * changed), ERR_UNAVAILABLE (I/O failed; a write did not happen), ERR_UNKNOWN (a write may or may
 * not have happened or be durable: look before retrying; never retried in here).
 * All functions are thread-safe.  Results live in the arena given. */
#ifndef FIRN_IO_STORE_H
#define FIRN_IO_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/fault.h"

#define STORE_PATH_MAX 3072 /* bytes of a store path; leaves room for the root below PATH_MAX */
#define STORE_PART_MAX 255  /* bytes between two '/' */
#define STORE_DEPTH_MAX 64  /* folders that a listing descends */
#define STORE_TEMP_PREFIX ".tmp" /* parts that begin so are ours: never named, never listed */

struct store {
    const struct store_ops *ops;
};

struct store_info {
    int64_t size;     /* bytes */
    int64_t mtime_us; /* last change, microseconds since 1970 */
};

enum store_put_flags {
    STORE_REPLACE = 0,    /* what is there is replaced */
    STORE_CREATE_NEW = 1, /* the conditional put: ERR_EXISTS when something is there */
    STORE_SELDOM_READ =
        2, /* put only: who writes it keeps what it says, so the machine's memory need not hold the bytes too */
};

/* Called for each object of a listing; `path` and `info` live during the call.  False (with err
 * set) ends the listing, which then fails with that error. */
typedef bool store_list_fn(void *ctx, str path, const struct store_info *info, struct error *err);

/* One slot a method; paths have passed store_path_check.  Implementations are thread-safe. */
struct store_ops {
    /* The whole object; ERR_LIMIT when it has more than bytes_max. */
    bool (*get)(struct store *st, str path, size_t bytes_max, struct arena *a, str *out,
                struct error *err);
    /* Exactly len bytes from offset into out; ERR_CORRUPT when the object ends before. */
    bool (*read_at)(struct store *st, str path, int64_t offset, void *out, size_t len,
                    struct error *err);
    /* Makes durable what put and publish of this process have left to a journal; NULL: nothing is left. */
    bool (*flush)(struct store *st, struct error *err);
    /* Writes an object as a unit, durably.  Two concurrent STORE_CREATE_NEW of one path: exactly
     * one succeeds, the other gets ERR_EXISTS. */
    bool (*put)(struct store *st, str path, str bytes, enum store_put_flags flags,
                struct error *err);
    bool (*head)(struct store *st, str path, struct store_info *out, struct error *err);
    /* Whether the object is there, as far as that is known without waiting; NULL: nothing is known, which counts as there. */
    bool (*present)(struct store *st, str path);
    /* Removing what is not there is ERR_NOT_FOUND where the store can tell (files), else success. */
    bool (*remove)(struct store *st, str path, struct error *err);
    /* Every object below folder ("" for all), in no order, without temporary names. */
    bool (*list)(struct store *st, str folder, store_list_fn *fn, void *ctx, struct error *err);
    /* A file on this machine that holds the object (a remote store fetches it into its cache). */
    bool (*local_path)(struct store *st, str path, struct arena *a, str *out, struct error *err);
    /* A fresh local name with path's extension, where nothing exists yet. */
    bool (*stage)(struct store *st, str path, struct arena *a, str *local, struct error *err);
    /* Takes a finished local file (the staged name, or a file below it) and makes it the object
     * `path`, durably, with put's flags.  The local file is gone after success. */
    bool (*publish)(struct store *st, str path, str local, enum store_put_flags flags,
                    struct error *err);
    /* Removes a staged file or folder tree; fine when nothing is there. */
    void (*discard)(struct store *st, str local);
    /* The absolute location of a path, and back; see store_uri. */
    str (*uri)(struct store *st, str path, struct arena *a);
    bool (*from_uri)(struct store *st, str location, struct arena *a, str *path, struct error *err);
    /* Makes a folder that others will write to by its name; NULL where there are no folders. */
    bool (*make_folder)(struct store *st, str path, struct error *err);
    void (*destroy)(struct store *st);
};

/* ERR_INVALID unless path is well-formed: 1 to STORE_PATH_MAX bytes of valid UTF-8 in parts of 1 to
 * STORE_PART_MAX bytes, no part ".", ".." or temporary, no leading or trailing '/', no control
 * bytes, no '\', '?' or '#'.  A leading "scheme://" or '/' passes: the store looks that prefix up. */
MUST_USE bool store_path_check(str path, struct error *err);

/* The whole object, at most bytes_max bytes (ERR_LIMIT beyond). */
MUST_USE bool store_get(struct store *st, str path, size_t bytes_max, struct arena *a, str *out,
                        struct error *err);
/* Exactly len bytes from offset; ERR_CORRUPT when the object ends before. */
MUST_USE bool store_get_range(struct store *st, str path, int64_t offset, size_t len,
                              struct arena *a, str *out, struct error *err);
/* The same into the caller's memory. */
MUST_USE bool store_read_at(struct store *st, str path, int64_t offset, void *out, size_t len,
                            struct error *err);
/* Writes the object as a unit; durable when it returns true, in a store with a journal when a later store_flush has. */
MUST_USE bool store_put(struct store *st, str path, str bytes, enum store_put_flags flags,
                        struct error *err);
/* Whatever was put or published before, by any thread, is durable when it returns true.  To be called before anything durable
 * names an object.  ERR_UNAVAILABLE: it may not be. */
MUST_USE bool store_flush(struct store *st, struct error *err);
/* Size and time of an object. */
MUST_USE bool store_head(struct store *st, str path, struct store_info *out, struct error *err);
/* False when the object is known not to be there; about a microsecond, for checks on hot paths.  A path that is none is not there. */
bool store_present(struct store *st, str path);
/* Removes an object; durable when it returns true.  A collector's tool, not a request's. */
MUST_USE bool store_delete(struct store *st, str path, struct error *err);
/* Calls fn for every object below the folder ("" for all), in no order. */
MUST_USE bool store_list(struct store *st, str folder, store_list_fn *fn, void *ctx,
                         struct error *err);
/* An absolute file name to read the object from, for libraries that open files themselves. */
MUST_USE bool store_local_path(struct store *st, str path, struct arena *a, str *out,
                               struct error *err);
/* A local name (NUL-terminated) at which the caller makes a file, or a folder with files, meant
 * for the object `path`; only path's extension and place matter.  Publish each file, then discard. */
MUST_USE bool store_stage(struct store *st, str path, struct arena *a, str *local,
                          struct error *err);
/* Makes a staged file the object `path`, as store_put would. */
MUST_USE bool store_publish(struct store *st, str path, str local, enum store_put_flags flags,
                            struct error *err);
/* Removes what is left of a staged name; call it on every way out. */
void store_discard(struct store *st, str local);

/* The absolute location that table metadata records for a path ("/srv/firn/warehouse/x"; a path
 * below an extra prefix is its own location). */
str store_uri(struct store *st, str path, struct arena *a);
/* The path of a location: "/abs/x", "file:/abs/x", "file:///abs/x", or one below an extra prefix;
 * ERR_DENIED for any other place, ERR_INVALID for "..", '?', '#' and the like.  Locations are taken
 * byte for byte: '%' is never decoded, as Iceberg's writers do not. */
MUST_USE bool store_from_uri(struct store *st, str location, struct arena *a, str *path,
                             struct error *err);

/* Where objects are files: makes the folder, which may be there already, for programs that write into it themselves and make
 * none.  Nothing elsewhere. */
MUST_USE bool store_make_folder(struct store *st, str path, struct error *err);

/* Frees the store; NULL is fine. */
void store_destroy(struct store *st);

/* A prefix outside the root that may be named.  Longest match wins. */
struct store_prefix {
    str location;  /* as metadata spells it: "s3://bucket/t", "file:/golden/spark", "/data/t" */
    str dir;       /* the folder on this machine that holds it; empty: the location's own path */
    bool writable; /* false: put, publish and delete below it are ERR_DENIED */
};

struct store_fs_options {
    str root; /* folder; made (durably) when missing */
    const struct store_prefix *prefixes;
    size_t prefixes_n;
    bool clean; /* remove temporary files that a killed process left; only under the data lock */
    /* The folder of a journal for small new objects below root (io/journal.h); empty: each is synced.  Only under the data lock.
     * What an earlier process left there is put in order by store_fs_open. */
    str journal;
    unsigned journal_after; /* objects that are synced before the journal begins */
};

/* Files below a root folder.  Every open goes through openat2 with RESOLVE_BENEATH, so neither ".."
 * nor a symbolic link leads out.  ERR_UNSUPPORTED on a kernel without openat2 (before Linux 5.6). */
MUST_USE bool store_fs_open(const struct store_fs_options *o, struct store **out,
                            struct error *err);

/* Whether locations outside of the root and the prefixes ("/abs/x", "file:/abs/x") may be used too, as far as the user of this
 * process can reach them.  Not at first; any thread.  Only for stores that store_fs_open made. */
void store_fs_allow_everywhere(struct store *st, bool allowed);

/* Wraps a store (kept alive by the caller, as the plan is): the operation that the plan names
 * fails.  get, read_at, head, list, local_path, stage count as reads; put, publish, delete as
 * writes; discard and names never fail. */
struct store *store_fault_create(struct store *real, struct fault *plan);

#endif
