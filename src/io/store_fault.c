/* SPDX-License-Identifier: Apache-2.0 */
#include "io/store.h"

struct store_fault {
    struct store base;
    struct store *real;
    struct fault *plan;
    struct arena *arena;
};

static struct store_fault *faulty(struct store *st)
{
    return (struct store_fault *)st;
}

/* The body of every slot: ask the plan, call the real store, ask the plan what to say. */
#define FAULTY(is_write, what, call)                                                               \
    struct store_fault *f = faulty(st);                                                            \
    bool hit = fault_hit(f->plan, (is_write));                                                     \
    if (!fault_before(f->plan, hit, (what), err))                                                  \
        return false;                                                                              \
    return fault_after(f->plan, hit, (is_write), f->real->ops->call, (what), err)

static bool fault_get(struct store *st, str path, size_t bytes_max, struct arena *a, str *out,
                      struct error *err)
{
    FAULTY(false, "get", get(f->real, path, bytes_max, a, out, err));
}

static bool fault_read_at(struct store *st, str path, int64_t offset, void *out, size_t len,
                          struct error *err)
{
    FAULTY(false, "read", read_at(f->real, path, offset, out, len, err));
}

static bool fault_put(struct store *st, str path, str bytes, enum store_put_flags flags,
                      struct error *err)
{
    FAULTY(true, "put", put(f->real, path, bytes, flags, err));
}

/* Whatever happens, nothing has been named yet: a lost answer is no different from a refusal. */
static bool fault_flush(struct store *st, struct error *err)
{
    struct store_fault *f = faulty(st);
    bool hit = fault_hit(f->plan, true);
    return fault_before(f->plan, hit, "flush", err) &&
           fault_after(f->plan, hit, false, store_flush(f->real, err), "flush", err);
}

static bool fault_head(struct store *st, str path, struct store_info *out, struct error *err)
{
    FAULTY(false, "head", head(f->real, path, out, err));
}

static bool fault_remove(struct store *st, str path, struct error *err)
{
    FAULTY(true, "delete", remove(f->real, path, err));
}

static bool fault_list(struct store *st, str folder, store_list_fn *fn, void *ctx,
                       struct error *err)
{
    FAULTY(false, "list", list(f->real, folder, fn, ctx, err));
}

static bool fault_local_path(struct store *st, str path, struct arena *a, str *out,
                             struct error *err)
{
    FAULTY(false, "local path", local_path(f->real, path, a, out, err));
}

static bool fault_stage(struct store *st, str path, struct arena *a, str *local, struct error *err)
{
    FAULTY(false, "stage", stage(f->real, path, a, local, err));
}

static bool fault_publish(struct store *st, str path, str local, enum store_put_flags flags,
                          struct error *err)
{
    FAULTY(true, "publish", publish(f->real, path, local, flags, err));
}

static void fault_discard(struct store *st, str local)
{
    store_discard(faulty(st)->real, local);
}

static str fault_uri(struct store *st, str path, struct arena *a)
{
    return store_uri(faulty(st)->real, path, a);
}

static bool fault_present(struct store *st, str path)
{
    return store_present(faulty(st)->real, path);
}

static bool fault_from_uri(struct store *st, str location, struct arena *a, str *path,
                           struct error *err)
{
    return store_from_uri(faulty(st)->real, location, a, path, err);
}

static void fault_destroy(struct store *st)
{
    arena_destroy(faulty(st)->arena);
}

static const struct store_ops fault_ops = {
    .get = fault_get,
    .read_at = fault_read_at,
    .put = fault_put,
    .flush = fault_flush,
    .head = fault_head,
    .present = fault_present,
    .remove = fault_remove,
    .list = fault_list,
    .local_path = fault_local_path,
    .stage = fault_stage,
    .publish = fault_publish,
    .discard = fault_discard,
    .uri = fault_uri,
    .from_uri = fault_from_uri,
    .destroy = fault_destroy,
};

struct store *store_fault_create(struct store *real, struct fault *plan)
{
    struct arena *a = arena_create(0);
    struct store_fault *f = arena_new(a, struct store_fault);
    *f = (struct store_fault){ .base.ops = &fault_ops, .real = real, .plan = plan, .arena = a };
    return &f->base;
}
