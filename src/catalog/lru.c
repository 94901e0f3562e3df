/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/lru.h"

#include <pthread.h>

#include "base/error.h"

#define SLOTS_MIN 1024 /* a power of two */

struct lru {
    struct arena *arena;  /* of this struct and its slots */
    pthread_mutex_t lock; /* guards all below; never held while an object is destroyed */
    struct cached **slots;
    size_t slots_n, objects, bytes, bytes_max;
    struct cached *newest, *oldest;
};

struct lru *lru_create(size_t bytes_max)
{
    struct arena *a = arena_create(0);
    struct lru *l = arena_new(a, struct lru);
    l->arena = a;
    pthread_mutex_init(&l->lock, NULL);
    l->slots_n = SLOTS_MIN;
    l->slots = arena_array(a, struct cached *, l->slots_n);
    l->bytes_max = bytes_max;
    return l;
}

static struct cached **slot_of(struct lru *l, str key)
{
    struct cached **at = &l->slots[str_hash(key, 0) & (l->slots_n - 1)];
    while (*at && !str_eq((*at)->key, key))
        at = &(*at)->chain;
    return at;
}

static void unlink_age(struct lru *l, struct cached *o)
{
    *(o->newer ? &o->newer->older : &l->newest) = o->older;
    *(o->older ? &o->older->newer : &l->oldest) = o->newer;
    o->newer = o->older = NULL;
}

static void link_newest(struct lru *l, struct cached *o)
{
    o->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = o;
    l->newest = o;
}

static void take_out(struct lru *l, struct cached *o)
{
    struct cached **at = slot_of(l, o->key);
    *at = o->chain;
    o->chain = NULL;
    unlink_age(l, o);
    l->objects--;
    l->bytes -= o->bytes;
}

static void grow(struct lru *l)
{
    struct cached **old = l->slots;
    size_t n = l->slots_n;
    l->slots_n = n * 2;
    l->slots = arena_array(l->arena, struct cached *, l->slots_n);
    for (size_t i = 0; i < n; i++)
        for (struct cached *o = old[i], *next; o; o = next) {
            next = o->chain;
            struct cached **at = &l->slots[str_hash(o->key, 0) & (l->slots_n - 1)];
            o->chain = *at;
            *at = o;
        }
}

struct cached *lru_get(struct lru *l, str key)
{
    pthread_mutex_lock(&l->lock);
    struct cached *o = *slot_of(l, key);
    if (o) {
        ref_get(&o->ref);
        unlink_age(l, o);
        link_newest(l, o);
    }
    pthread_mutex_unlock(&l->lock);
    return o;
}

/* Unlinks what is over the budget, as a list through `chain`; the object just added stays. */
static struct cached *evict(struct lru *l)
{
    struct cached *out = NULL;
    while (l->bytes > l->bytes_max && l->oldest != l->newest) {
        struct cached *o = l->oldest;
        take_out(l, o);
        o->chain = out;
        out = o;
    }
    return out;
}

static void insert(struct lru *l, struct cached *o)
{
    if (l->objects >= l->slots_n)
        grow(l);
    struct cached **at = slot_of(l, o->key);
    o->chain = *at;
    *at = o;
    link_newest(l, o);
    l->objects++;
    l->bytes += o->bytes;
    ref_get(&o->ref); /* the cache's own */
}

/* Lets go of what evict took out. */
static void release(struct cached *evicted)
{
    for (struct cached *next; evicted; evicted = next) {
        next = evicted->chain;
        evicted->chain = NULL;
        cached_unref(evicted);
    }
}

struct cached *lru_put(struct lru *l, struct cached *object)
{
    ref_init(&object->ref);
    pthread_mutex_lock(&l->lock);
    struct cached *there = *slot_of(l, object->key);
    if (there)
        take_out(l, there);
    insert(l, object);
    struct cached *evicted = evict(l);
    pthread_mutex_unlock(&l->lock);
    cached_unref(there);
    release(evicted);
    return object;
}

struct cached *lru_add(struct lru *l, struct cached *object)
{
    ref_init(&object->ref);
    pthread_mutex_lock(&l->lock);
    struct cached *there = *slot_of(l, object->key), *evicted = NULL;
    if (there) {
        ref_get(&there->ref);
    } else {
        insert(l, object);
        evicted = evict(l);
    }
    pthread_mutex_unlock(&l->lock);
    if (there)
        cached_unref(object);
    release(evicted);
    return there ? there : object;
}

void lru_drop(struct lru *l, str key)
{
    pthread_mutex_lock(&l->lock);
    struct cached *o = *slot_of(l, key);
    if (o)
        take_out(l, o);
    pthread_mutex_unlock(&l->lock);
    cached_unref(o);
}

struct cached *cached_alone(struct cached *object)
{
    ref_init(&object->ref);
    return object;
}

void cached_unref(struct cached *object)
{
    if (object && ref_put(&object->ref))
        object->destroy(object);
}

static void unref_cb(void *object)
{
    cached_unref(object);
}

void cached_keep(struct cached *object, struct arena *a)
{
    arena_defer(a, unref_cb, object);
}

void lru_destroy(struct lru *l)
{
    if (!l)
        return;
    while (l->oldest) {
        struct cached *o = l->oldest;
        take_out(l, o);
        cached_unref(o);
    }
    pthread_mutex_destroy(&l->lock);
    arena_destroy(l->arena);
}
