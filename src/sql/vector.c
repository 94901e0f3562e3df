/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/vector.h"

#include "codec/puffin.h"
#include "codec/roaring.h"
#include "io/store.h"
#include "sql/lake.h"

#define KEPT_MAX (VECTORS_KEPT_MAX / 4) /* bytes of one; a larger one would drive out all others */

static void destroy_vector(struct cached *object)
{
    arena_destroy(((struct vector *)object)->arena);
}

static bool read_bytes(struct store *store, const struct data_file *entry, struct arena *a,
                       str *out, struct error *err)
{
    str path;
    if (entry->content_offset < 0 || entry->content_size < 0)
        return fail(err, ERR_CORRUPT, "its entry does not say where the vector is");
    if ((uint64_t)entry->content_size > POSITIONS_BYTES_MAX)
        return fail(err, ERR_LIMIT, "%lld bytes are too many for a vector",
                    (long long)entry->content_size);
    return store_from_uri(store, entry->path, a, &path, err) &&
           store_get_range(store, path, entry->content_offset, (size_t)entry->content_size, a, out,
                           err);
}

/* The file's bytes are let go at once, the set is what stays. */
static bool read_set(struct lake *lake, const struct data_file *entry, struct arena *a,
                     const struct positions **out, struct error *err)
{
    struct arena *own = arena_create(0);
    struct positions *p = NULL;
    str bytes;
    bool ok = read_bytes(lake->warehouse, entry, own, &bytes, err) &&
              deletion_vector_read(bytes, a, &p, err);
    arena_destroy(own);
    *out = p;
    return ok;
}

/* A position delete file has no place within a file, so its size stands for it. */
static str key_of(const struct data_file *entry, struct arena *a)
{
    bool vector = entry->content_offset >= 0;
    return arena_printf(a, "%lld %lld " STR_FMT, (long long)entry->content_offset,
                        (long long)(vector ? entry->content_size : entry->size),
                        STR_ARG(entry->path));
}

struct vector *vector_keep(struct lake *lake, const struct data_file *entry,
                           const struct positions *deleted, struct arena *a)
{
    struct vector *v = arena_new(a, struct vector);
    v->arena = a;
    v->deleted = deleted;
    v->base.key = key_of(entry, a);
    v->base.bytes = arena_held(a);
    v->base.destroy = destroy_vector;
    return (struct vector *)(v->base.bytes > KEPT_MAX ? cached_alone(&v->base)
                                                      : lru_add(lake->vectors, &v->base));
}

struct vector *vector_kept(struct lake *lake, const struct data_file *entry)
{
    struct arena *a = arena_create(0);
    struct cached *found = lru_get(lake->vectors, key_of(entry, a));
    arena_destroy(a);
    return (struct vector *)found;
}

static bool find_or_read(struct lake *lake, const struct data_file *entry, struct vector **out,
                         struct error *err)
{
    *out = vector_kept(lake, entry);
    if (*out)
        return true;
    const struct positions *deleted;
    struct arena *a = arena_create(0);
    if (!read_set(lake, entry, a, &deleted, err)) {
        arena_destroy(a);
        return false;
    }
    *out = vector_keep(lake, entry, deleted, a);
    return true;
}

static bool check_count(const struct vector *v, const struct data_file *entry, struct error *err)
{
    uint64_t n = positions_count(v->deleted);
    return n == (uint64_t)entry->records ||
           fail(err, ERR_CORRUPT, "it has %llu positions, its entry says %lld",
                (unsigned long long)n, (long long)entry->records);
}

bool vector_open(struct lake *lake, const struct data_file *entry, struct vector **out,
                 struct error *err)
{
    struct vector *v = NULL;
    bool ok = find_or_read(lake, entry, &v, err) && check_count(v, entry, err);
    if (!ok)
        cached_unref(v ? &v->base : NULL);
    *out = ok ? v : NULL;
    return ok || fail_in(err, "deletion vector " STR_FMT, STR_ARG(entry->path));
}
