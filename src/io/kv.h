/* SPDX-License-Identifier: Apache-2.0
 *
 * Ordered bytes by key, in named tables: the online store.  LMDB today, Redis behind the same seam.
 *
 * Readers take no lock that a writer holds, see the state of their begin, and get views into the
 * map without a copy; a view dies with its read transaction.  Long reads keep old pages from being
 * reused, so end them.  One batch writes at a time; it is published as a unit and durable when
 * kv_commit has returned true.
 *
 * Errors: ERR_LIMIT (key too long, map or disk full: nothing changed), ERR_CORRUPT, ERR_UNAVAILABLE,
 * and from kv_commit ERR_UNKNOWN (rare: the root page could not be written): open again and look.
 * A key that is not there is no error. */
#ifndef FIRN_IO_KV_H
#define FIRN_IO_KV_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/fault.h"

#define KV_KEY_MAX 511           /* bytes of a key, LMDB's default */
#define KV_VALUE_MAX (64u << 20) /* bytes of a value */
#define KV_TABLE_NAME_MAX 200    /* bytes of a table's name */
#define KV_MAP_BYTES                                                                               \
    ((uint64_t)64 << 30)    /* default map size; the file stays as small as its data */
#define KV_TABLES_MAX 1000  /* named tables of one store */
#define KV_READERS_MAX 1000 /* read transactions open at once */

struct kv_table; /* a named table; lives as long as the store */
struct kv_entry {
    str key, value;
};

struct kv {
    const struct kv_ops *ops;
};
struct kv_read { /* an implementation's transaction begins with this */
    struct kv *kv;
};
struct kv_batch {
    struct kv *kv;
};
struct kv_cursor {
    struct kv_read *read;
};

struct kv_ops {
    bool (*table)(struct kv *kv, str name, struct kv_table **out, struct error *err);
    bool (*read_begin)(struct kv *kv, struct kv_read **out, struct error *err);
    void (*read_end)(struct kv_read *r);
    bool (*get)(struct kv_read *r, struct kv_table *t, str key, str *value, struct error *err);
    bool (*count)(struct kv_read *r, struct kv_table *t, uint64_t *n, struct error *err);
    bool (*cursor)(struct kv_read *r, struct kv_table *t, str prefix, struct arena *a,
                   struct kv_cursor **out, struct error *err);
    bool (*next)(struct kv_cursor *c, struct kv_entry *out, bool *found, struct error *err);
    void (*cursor_close)(struct kv_cursor *c);
    bool (*batch_begin)(struct kv *kv, struct kv_batch **out, struct error *err);
    bool (*put)(struct kv_batch *b, struct kv_table *t, str key, str value, struct error *err);
    bool (*remove)(struct kv_batch *b, struct kv_table *t, str key, struct error *err);
    bool (*drop)(struct kv_batch *b, struct kv_table *t, str prefix, uint64_t *n,
                 struct error *err);
    bool (*commit)(struct kv_batch *b, struct error *err);
    void (*abort)(struct kv_batch *b);
    void (*close)(struct kv *kv);
};

struct kv_options {
    uint64_t map_bytes; /* 0: KV_MAP_BYTES */
};

/* Opens or makes a store in a folder (made when missing); options may be NULL. */
MUST_USE bool kv_open(str dir, const struct kv_options *o, struct kv **out, struct error *err);
/* Closes; no transaction may be open.  NULL is fine. */
void kv_close(struct kv *kv);

/* The table of that name, made (durably) when missing.  Cheap after the first call; keep the
 * pointer where it is hot.  Never from inside the same thread's batch: making waits for it. */
MUST_USE bool kv_table(struct kv *kv, str name, struct kv_table **out, struct error *err);

/* A consistent view; a fraction of a microsecond.  Used by one thread at a time, ended by any. */
MUST_USE bool kv_read_begin(struct kv *kv, struct kv_read **out, struct error *err);
void kv_read_end(struct kv_read *r); /* NULL is fine */

/* The value as a view into the map until kv_read_end; value->ptr is NULL when the key is absent
 * (an empty value has a pointer). */
MUST_USE bool kv_get(struct kv_read *r, struct kv_table *t, str key, str *value, struct error *err);
/* Entries in the table. */
MUST_USE bool kv_count(struct kv_read *r, struct kv_table *t, uint64_t *n, struct error *err);

/* Entries whose keys begin with prefix ("" for all), in key order (bytes, unsigned).  The cursor lives in `a`;
 * close it before kv_read_end.  kv_next sets *found to false at the end. */
MUST_USE bool kv_cursor_open(struct kv_read *r, struct kv_table *t, str prefix, struct arena *a,
                             struct kv_cursor **out, struct error *err);
MUST_USE bool kv_next(struct kv_cursor *c, struct kv_entry *out, bool *found, struct error *err);
void kv_cursor_close(struct kv_cursor *c); /* NULL is fine */

/* A batch of writes; waits for the batch before it.  It belongs to the thread that began it.  After
 * a failed call other than a key too long, abort it. */
MUST_USE bool kv_batch_begin(struct kv *kv, struct kv_batch **out, struct error *err);
/* Sets a key; keys have 1 to KV_KEY_MAX bytes. */
MUST_USE bool kv_put(struct kv_batch *b, struct kv_table *t, str key, str value, struct error *err);
/* Removes a key; fine when it is not there. */
MUST_USE bool kv_remove(struct kv_batch *b, struct kv_table *t, str key, struct error *err);
/* Removes every key with the prefix ("": the whole content, at once); *n may be NULL. */
MUST_USE bool kv_drop_prefix(struct kv_batch *b, struct kv_table *t, str prefix, uint64_t *n,
                             struct error *err);
/* Publishes the batch durably.  It is over whatever the answer. */
MUST_USE bool kv_commit(struct kv_batch *b, struct error *err);
/* Drops the batch; NULL is fine. */
void kv_abort(struct kv_batch *b);

/* Wraps a store (kept alive by the caller, as the plan is): commit counts as a write, table,
 * begin, get, count, cursor and the calls of a batch as reads. */
struct kv *kv_fault_create(struct kv *real, struct fault *plan);

#endif
