/* SPDX-License-Identifier: Apache-2.0 */
#include "io/kv.h"

#include <pthread.h>

/* Wrappers of transactions and cursors; all of one shape, so that they share a free list. */
struct fault_node {
    union {
        struct kv_read read;
        struct kv_batch batch;
        struct kv_cursor cursor;
    }; /* first */
    void *real;
    struct fault_node *next; /* while free */
};

struct kv_fault {
    struct kv base;
    struct kv *real;
    struct fault *plan;
    pthread_mutex_t lock; /* guards arena and free */
    struct arena *arena;
    struct fault_node *free;
};

static struct kv_fault *faulty(struct kv *kv)
{
    return (struct kv_fault *)kv;
}

static struct fault_node *wrap(struct kv_fault *f, void *real)
{
    pthread_mutex_lock(&f->lock);
    struct fault_node *n = f->free;
    if (n)
        f->free = n->next;
    else
        n = arena_new(f->arena, struct fault_node);
    pthread_mutex_unlock(&f->lock);
    n->real = real;
    return n;
}

static void *real_of(void *wrapped)
{
    return ((struct fault_node *)wrapped)->real;
}

/* Gives the wrapper back and answers what it wrapped. */
static void *unwrap(struct kv_fault *f, void *wrapped)
{
    struct fault_node *n = wrapped;
    pthread_mutex_lock(&f->lock);
    n->next = f->free;
    f->free = n;
    pthread_mutex_unlock(&f->lock);
    return n->real;
}

/* The body of the slots that are reads to the plan. */
#define FAULTY(kv, what, call)                                                                     \
    struct kv_fault *f = faulty(kv);                                                               \
    bool hit = fault_hit(f->plan, false);                                                          \
    if (!fault_before(f->plan, hit, (what), err))                                                  \
        return false;                                                                              \
    return fault_after(f->plan, hit, false, call, (what), err)

static bool fault_table(struct kv *kv, str name, struct kv_table **out, struct error *err)
{
    FAULTY(kv, "table", kv_table(f->real, name, out, err));
}

static bool fault_read_begin(struct kv *kv, struct kv_read **out, struct error *err)
{
    struct kv_fault *f = faulty(kv);
    struct kv_read *real = NULL;
    bool hit = fault_hit(f->plan, false);
    if (!fault_before(f->plan, hit, "begin to read", err))
        return false;
    bool done = kv_read_begin(f->real, &real, err);
    if (!fault_after(f->plan, hit, false, done, "begin to read", err)) {
        if (done)
            kv_read_end(real);
        return false;
    }
    struct fault_node *n = wrap(f, real);
    n->read.kv = kv;
    *out = &n->read;
    return true;
}

static void fault_read_end(struct kv_read *r)
{
    kv_read_end(unwrap(faulty(r->kv), r));
}

static bool fault_get(struct kv_read *r, struct kv_table *t, str key, str *value, struct error *err)
{
    FAULTY(r->kv, "get", kv_get(real_of(r), t, key, value, err));
}

static bool fault_count(struct kv_read *r, struct kv_table *t, uint64_t *n, struct error *err)
{
    FAULTY(r->kv, "count", kv_count(real_of(r), t, n, err));
}

static bool fault_cursor(struct kv_read *r, struct kv_table *t, str prefix, struct arena *a,
                         struct kv_cursor **out, struct error *err)
{
    struct kv_fault *f = faulty(r->kv);
    struct kv_cursor *real = NULL;
    bool hit = fault_hit(f->plan, false);
    if (!fault_before(f->plan, hit, "cursor", err))
        return false;
    bool done = kv_cursor_open(real_of(r), t, prefix, a, &real, err);
    if (!fault_after(f->plan, hit, false, done, "cursor", err)) {
        if (done)
            kv_cursor_close(real);
        return false;
    }
    struct fault_node *n = wrap(f, real);
    n->cursor.read = r;
    *out = &n->cursor;
    return true;
}

static bool fault_next(struct kv_cursor *c, struct kv_entry *out, bool *found, struct error *err)
{
    FAULTY(c->read->kv, "next", kv_next(real_of(c), out, found, err));
}

static void fault_cursor_close(struct kv_cursor *c)
{
    kv_cursor_close(unwrap(faulty(c->read->kv), c));
}

static bool fault_batch_begin(struct kv *kv, struct kv_batch **out, struct error *err)
{
    struct kv_fault *f = faulty(kv);
    struct kv_batch *real = NULL;
    bool hit = fault_hit(f->plan, false);
    if (!fault_before(f->plan, hit, "begin to write", err))
        return false;
    bool done = kv_batch_begin(f->real, &real, err);
    if (!fault_after(f->plan, hit, false, done, "begin to write", err)) {
        if (done)
            kv_abort(real);
        return false;
    }
    struct fault_node *n = wrap(f, real);
    n->batch.kv = kv;
    *out = &n->batch;
    return true;
}

static bool fault_put(struct kv_batch *b, struct kv_table *t, str key, str value, struct error *err)
{
    FAULTY(b->kv, "put", kv_put(real_of(b), t, key, value, err));
}

static bool fault_remove(struct kv_batch *b, struct kv_table *t, str key, struct error *err)
{
    FAULTY(b->kv, "remove", kv_remove(real_of(b), t, key, err));
}

static bool fault_drop(struct kv_batch *b, struct kv_table *t, str prefix, uint64_t *n,
                       struct error *err)
{
    FAULTY(b->kv, "drop", kv_drop_prefix(real_of(b), t, prefix, n, err));
}

static bool fault_commit(struct kv_batch *b, struct error *err)
{
    struct kv_fault *f = faulty(b->kv);
    struct kv_batch *real = unwrap(f, b);
    bool hit = fault_hit(f->plan, true);
    if (!fault_before(f->plan, hit, "commit", err)) {
        kv_abort(real);
        return false;
    }
    return fault_after(f->plan, hit, true, kv_commit(real, err), "commit", err);
}

static void fault_abort(struct kv_batch *b)
{
    kv_abort(unwrap(faulty(b->kv), b));
}

static void fault_close(struct kv *kv)
{
    struct kv_fault *f = faulty(kv);
    pthread_mutex_destroy(&f->lock);
    arena_destroy(f->arena);
}

static const struct kv_ops fault_ops = {
    .table = fault_table,
    .read_begin = fault_read_begin,
    .read_end = fault_read_end,
    .get = fault_get,
    .count = fault_count,
    .cursor = fault_cursor,
    .next = fault_next,
    .cursor_close = fault_cursor_close,
    .batch_begin = fault_batch_begin,
    .put = fault_put,
    .remove = fault_remove,
    .drop = fault_drop,
    .commit = fault_commit,
    .abort = fault_abort,
    .close = fault_close,
};

struct kv *kv_fault_create(struct kv *real, struct fault *plan)
{
    struct arena *a = arena_create(0);
    struct kv_fault *f = arena_new(a, struct kv_fault);
    f->base.ops = &fault_ops;
    f->real = real;
    f->plan = plan;
    f->arena = a;
    pthread_mutex_init(&f->lock, NULL);
    return &f->base;
}
