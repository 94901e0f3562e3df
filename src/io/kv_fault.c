/* SPDX-License-Identifier: Apache-2.0 */
#include "io/kv.h"

#include "io/fault_pool_priv.h"

_Static_assert(sizeof(struct kv_read) <= FAULT_HEAD_BYTES &&
                   sizeof(struct kv_batch) <= FAULT_HEAD_BYTES &&
                   sizeof(struct kv_cursor) <= FAULT_HEAD_BYTES,
               "each is the head of a wrapper");

struct kv_fault {
    struct kv base;
    struct kv *real;
    struct fault_pool pool;
};

static struct kv_fault *faulty(struct kv *kv)
{
    return (struct kv_fault *)kv;
}

static struct fault_pool *pool_of(struct kv *kv)
{
    return &faulty(kv)->pool;
}

static bool fault_table(struct kv *kv, str name, struct kv_table **out, struct error *err)
{
    FAULTY(pool_of(kv), "table", kv_table(faulty(kv)->real, name, out, err));
}

static bool fault_read_begin(struct kv *kv, struct kv_read **out, struct error *err)
{
    struct kv_fault *f = faulty(kv);
    struct kv_read *real = NULL;
    FAULTY_OPEN(&f->pool, "begin to read", kv_read_begin(f->real, &real, err), kv_read_end(real));
    *out = fault_wrap(&f->pool, real);
    (*out)->kv = kv;
    return true;
}

static void fault_read_end(struct kv_read *r)
{
    kv_read_end(fault_unwrap(pool_of(r->kv), r));
}

static bool fault_get(struct kv_read *r, struct kv_table *t, str key, str *value, struct error *err)
{
    FAULTY(pool_of(r->kv), "get", kv_get(fault_real(r), t, key, value, err));
}

static bool fault_count(struct kv_read *r, struct kv_table *t, uint64_t *n, struct error *err)
{
    FAULTY(pool_of(r->kv), "count", kv_count(fault_real(r), t, n, err));
}

static bool fault_cursor(struct kv_read *r, struct kv_table *t, str prefix, struct arena *a,
                         struct kv_cursor **out, struct error *err)
{
    struct kv_cursor *real = NULL;
    FAULTY_OPEN(pool_of(r->kv), "cursor", kv_cursor_open(fault_real(r), t, prefix, a, &real, err),
                kv_cursor_close(real));
    *out = fault_wrap(pool_of(r->kv), real);
    (*out)->read = r;
    return true;
}

static bool fault_next(struct kv_cursor *c, struct kv_entry *out, bool *found, struct error *err)
{
    FAULTY(pool_of(c->read->kv), "next", kv_next(fault_real(c), out, found, err));
}

static void fault_cursor_close(struct kv_cursor *c)
{
    kv_cursor_close(fault_unwrap(pool_of(c->read->kv), c));
}

static bool fault_batch_begin(struct kv *kv, struct kv_batch **out, struct error *err)
{
    struct kv_fault *f = faulty(kv);
    struct kv_batch *real = NULL;
    FAULTY_OPEN(&f->pool, "begin to write", kv_batch_begin(f->real, &real, err), kv_abort(real));
    *out = fault_wrap(&f->pool, real);
    (*out)->kv = kv;
    return true;
}

static bool fault_put(struct kv_batch *b, struct kv_table *t, str key, str value, struct error *err)
{
    FAULTY(pool_of(b->kv), "put", kv_put(fault_real(b), t, key, value, err));
}

static bool fault_remove(struct kv_batch *b, struct kv_table *t, str key, struct error *err)
{
    FAULTY(pool_of(b->kv), "remove", kv_remove(fault_real(b), t, key, err));
}

static bool fault_drop(struct kv_batch *b, struct kv_table *t, str prefix, uint64_t *n,
                       struct error *err)
{
    FAULTY(pool_of(b->kv), "drop", kv_drop_prefix(fault_real(b), t, prefix, n, err));
}

static bool fault_commit(struct kv_batch *b, struct error *err)
{
    struct fault_pool *pool = pool_of(b->kv);
    struct kv_batch *real = fault_unwrap(pool, b);
    FAULTY_COMMIT(pool, true, kv_commit(real, err), kv_abort(real));
}

static void fault_abort(struct kv_batch *b)
{
    kv_abort(fault_unwrap(pool_of(b->kv), b));
}

static void fault_close(struct kv *kv)
{
    fault_pool_deinit(pool_of(kv));
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
    fault_pool_init(&f->pool, plan, a);
    return &f->base;
}
