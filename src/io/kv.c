/* SPDX-License-Identifier: Apache-2.0
 *
 * What is the same for every online store: limits are checked here. */
#include "io/kv.h"

static bool check_key(str key, struct error *err)
{
    if (key.len == 0)
        return fail(err, ERR_INVALID, "online store: an empty key");
    if (key.len > KV_KEY_MAX)
        return fail(err, ERR_LIMIT, "online store: a key of %zu bytes, at most %d are allowed",
                    key.len, KV_KEY_MAX);
    return true;
}

void kv_close(struct kv *kv)
{
    if (kv)
        kv->ops->close(kv);
}

bool kv_table(struct kv *kv, str name, struct kv_table **out, struct error *err)
{
    if (name.len == 0 || name.len > KV_TABLE_NAME_MAX || memchr(name.ptr, 0, name.len))
        return fail(err, ERR_INVALID,
                    "online store: a table's name has 1 to %d bytes without NUL, not %zu",
                    KV_TABLE_NAME_MAX, name.len);
    return kv->ops->table(kv, name, out, err);
}

bool kv_read_begin(struct kv *kv, struct kv_read **out, struct error *err)
{
    return kv->ops->read_begin(kv, out, err);
}

void kv_read_end(struct kv_read *r)
{
    if (r)
        r->kv->ops->read_end(r);
}

bool kv_get(struct kv_read *r, struct kv_table *t, str key, str *value, struct error *err)
{
    return check_key(key, err) && r->kv->ops->get(r, t, key, value, err);
}

bool kv_count(struct kv_read *r, struct kv_table *t, uint64_t *n, struct error *err)
{
    return r->kv->ops->count(r, t, n, err);
}

bool kv_cursor_open(struct kv_read *r, struct kv_table *t, str prefix, struct arena *a,
                    struct kv_cursor **out, struct error *err)
{
    return (prefix.len == 0 || check_key(prefix, err)) &&
           r->kv->ops->cursor(r, t, prefix, a, out, err);
}

bool kv_next(struct kv_cursor *c, struct kv_entry *out, bool *found, struct error *err)
{
    return c->read->kv->ops->next(c, out, found, err);
}

void kv_cursor_close(struct kv_cursor *c)
{
    if (c)
        c->read->kv->ops->cursor_close(c);
}

bool kv_batch_begin(struct kv *kv, struct kv_batch **out, struct error *err)
{
    return kv->ops->batch_begin(kv, out, err);
}

bool kv_put(struct kv_batch *b, struct kv_table *t, str key, str value, struct error *err)
{
    if (!check_key(key, err))
        return false;
    if (value.len > KV_VALUE_MAX)
        return fail(err, ERR_LIMIT, "online store: a value of %zu bytes, at most %u are allowed",
                    value.len, KV_VALUE_MAX);
    return b->kv->ops->put(b, t, key, value, err);
}

bool kv_remove(struct kv_batch *b, struct kv_table *t, str key, struct error *err)
{
    return check_key(key, err) && b->kv->ops->remove(b, t, key, err);
}

bool kv_drop_prefix(struct kv_batch *b, struct kv_table *t, str prefix, uint64_t *n,
                    struct error *err)
{
    uint64_t dropped = 0;
    if ((prefix.len > 0 && !check_key(prefix, err)) ||
        !b->kv->ops->drop(b, t, prefix, &dropped, err))
        return false;
    if (n)
        *n = dropped;
    return true;
}

bool kv_commit(struct kv_batch *b, struct error *err)
{
    return b->kv->ops->commit(b, err);
}

void kv_abort(struct kv_batch *b)
{
    if (b)
        b->kv->ops->abort(b);
}
