/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/entry.h"

#include <stdlib.h>

#include "catalog/tree.h"
#include "codec/avro.h"
#include "iceberg/metadata.h"

#define ENTRY_VERSION 1

static size_t depth_of(str ns)
{
    size_t depth = ns.len > 0;
    for (size_t i = 0; i < ns.len; i++)
        depth += ns.ptr[i] == NS_SEP;
    return depth;
}

str key_namespace(str ns, struct arena *a)
{
    return arena_printf(a, "N%c" STR_FMT, (int)depth_of(ns), STR_ARG(ns));
}

str key_children(str parent, struct arena *a)
{
    int depth = (int)depth_of(parent) + 1;
    if (parent.len == 0)
        return arena_printf(a, "N%c", depth);
    return arena_printf(a, "N%c" STR_FMT "%c", depth, STR_ARG(parent), NS_SEP);
}

str key_contents(enum entry_type type, str ns, struct arena *a)
{
    return arena_printf(a, "%c" STR_FMT "%c", type == ENTRY_FUNCTION ? 'F' : 'T', STR_ARG(ns), 0);
}

str key_entry(enum entry_type type, str ns, str name, struct arena *a)
{
    if (type == ENTRY_NAMESPACE)
        return key_namespace(ns, a);
    return arena_printf(a, "%c" STR_FMT "%c" STR_FMT, type == ENTRY_FUNCTION ? 'F' : 'T',
                        STR_ARG(ns), 0, STR_ARG(name));
}

bool key_parse(str key, str *ns, str *name, struct error *err)
{
    if (key.len > 2 && key.ptr[0] == 'N') {
        *ns = str_from(key, 2);
        *name = (str){ 0 };
        return true;
    }
    if (key.len > 1 && (key.ptr[0] == 'T' || key.ptr[0] == 'F') &&
        str_cut(str_from(key, 1), '\0', ns, name))
        return true;
    return fail(err, ERR_CORRUPT, "catalog tree: a key of %zu bytes is none of ours", key.len);
}

static int by_key(const void *x, const void *y)
{
    const struct property *a = x, *b = y;
    return str_cmp(a->key, b->key);
}

bool entry_encode(const struct entry *e, struct arena *a, str *out, struct error *err)
{
    if (e->props_n > ENTRY_PROPS_MAX)
        return fail(err, ERR_LIMIT, "%zu properties, at most %d are possible", e->props_n,
                    ENTRY_PROPS_MAX);
    if (e->props_n > 1)
        qsort(e->props, e->props_n, sizeof *e->props, by_key);
    struct buf b = BUF_INIT(TREE_VALUE_MAX);
    avro_put_long(&b, ENTRY_VERSION);
    avro_put_long(&b, e->type);
    avro_put_bytes(&b, e->uuid);
    avro_put_bytes(&b, e->location);
    avro_put_long(&b, e->snapshot_id);
    avro_put_long(&b, (int64_t)e->props_n);
    for (size_t i = 0; i < e->props_n; i++) {
        avro_put_bytes(&b, e->props[i].key);
        avro_put_bytes(&b, e->props[i].value);
    }
    bool ok = buf_ok(&b, "catalog entry", err);
    if (ok)
        *out = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static bool decode_props(struct avro_rd *rd, struct arena *a, struct entry *out)
{
    int64_t n = avro_long(rd);
    if (rd->bad || n < 0 || n > ENTRY_PROPS_MAX)
        return false;
    out->props_n = (size_t)n;
    out->props = arena_array(a, struct property, out->props_n);
    for (size_t i = 0; i < out->props_n; i++) {
        out->props[i].key = avro_bytes(rd);
        out->props[i].value = avro_bytes(rd);
    }
    return !rd->bad && rd->p == rd->end;
}

bool entry_decode(str value, struct arena *a, struct entry *out, struct error *err)
{
    *out = (struct entry){ 0 };
    struct avro_rd rd = avro_rd_of(value);
    int64_t version = avro_long(&rd), type = avro_long(&rd);
    if (!rd.bad && version > ENTRY_VERSION)
        return fail(err, ERR_UNSUPPORTED, "catalog entry of version %lld: a newer program made it",
                    (long long)version);
    out->type = (enum entry_type)type;
    out->uuid = avro_bytes(&rd);
    out->location = avro_bytes(&rd);
    out->snapshot_id = avro_long(&rd);
    if (version != ENTRY_VERSION || type < ENTRY_NAMESPACE || type > ENTRY_FUNCTION ||
        !decode_props(&rd, a, out))
        return fail(err, ERR_CORRUPT, "catalog entry is malformed");
    return true;
}

const char *entry_type_name(enum entry_type type)
{
    static const char *const names[] = { "?", "namespace", "table", "view", "function" };
    return type >= ENTRY_NAMESPACE && type <= ENTRY_FUNCTION ? names[type] : names[0];
}
