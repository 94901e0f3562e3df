/* SPDX-License-Identifier: Apache-2.0
 *
 * A cache of immutable objects with reference counts, bounded by bytes, the least recently used
 * thrown out first.  What is thrown out lives on until its last user lets go.  Thread-safe. */
#ifndef FIRN_CATALOG_LRU_H
#define FIRN_CATALOG_LRU_H

#include "base/arena.h"
#include "base/ref.h"
#include "base/str.h"

struct lru;

/* A cached object begins with this.  Set key, bytes and destroy, then hand it to lru_add; the key
 * must live in the object. */
struct cached {
    struct ref ref;
    str key;
    size_t bytes;
    void (*destroy)(struct cached *object);
    struct cached *newer, *older, *chain; /* the cache's own */
};

/* A cache for objects of at most bytes_max in all. */
struct lru *lru_create(size_t bytes_max);
void lru_destroy(struct lru *l); /* NULL is fine; objects in use live on */

/* A reference for the caller, or NULL. */
struct cached *lru_get(struct lru *l, str key);

/* Takes over the caller's new object and returns a reference to it, or to the one that was there
 * before. */
struct cached *lru_add(struct lru *l, struct cached *object);

/* The same, but the new object takes the place of the one that was there. */
struct cached *lru_put(struct lru *l, struct cached *object);

/* Throws the object of that key out, if there is one. */
void lru_drop(struct lru *l, str key);

/* An object that is in no cache, as one that is too large for it: a reference for the caller. */
struct cached *cached_alone(struct cached *object);

void cached_unref(struct cached *object); /* NULL is fine */

/* Hands the caller's reference to the arena: released when it ends. */
void cached_keep(struct cached *object, struct arena *a);

#endif
