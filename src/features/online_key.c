/* SPDX-License-Identifier: Apache-2.0 */
#include "features/online_key.h"

#include "codec/digest.h"
#include "iceberg/type.h"

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t n)
{
    if (n)
        memcpy(p, bytes, n);
    return p + n;
}

static size_t value_bytes(enum key_type type, const struct key_part *part)
{
    switch (type) {
    case KEY_STRING:
        return part->s.len;
    case KEY_INT32:
        return 4;
    case KEY_BOOL:
        return 1;
    default:
        return 8;
    }
}

void key_shape_init(const struct feature_key *keys, size_t n, struct arena *a,
                    struct key_shape *out)
{
    size_t bytes = 4;
    *out = (struct key_shape){ .n = n };
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && str_cmp(keys[i].name, keys[out->order[at - 1]].name) < 0; at--)
            out->order[at] = out->order[at - 1];
        out->order[at] = i;
        bytes += 8 + keys[i].name.len;
    }
    uint8_t *head = arena_alloc(a, bytes), *p = put_u32(head, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct feature_key *k = &keys[out->order[i]];
        out->types[i] = dtype_key(k->type);
        p = put_u32(put_u32(p, KEY_STRING), (uint32_t)k->name.len);
        p = put_bytes(p, k->name.ptr, k->name.len);
    }
    out->head = str_make(head, bytes);
}

static void encode_to(const struct key_shape *shape, const struct key_part *parts, uint8_t *p)
{
    p = put_bytes(p, shape->head.ptr, shape->head.len);
    for (size_t i = 0; i < shape->n; i++) {
        const struct key_part *part = &parts[shape->order[i]];
        size_t n = value_bytes(shape->types[i], part);
        p = put_u32(put_u32(p, (uint32_t)shape->types[i]), (uint32_t)n);
        if (shape->types[i] == KEY_STRING) {
            p = put_bytes(p, part->s.ptr, n);
            continue;
        }
        for (size_t b = 0; b < n; b++)
            *p++ = (uint8_t)((uint64_t)part->i >> 8 * b);
    }
}

/* Too long for the store: the digest stands for it. */
static size_t encode_long(const struct key_shape *shape, const struct key_part *parts, size_t bytes,
                          struct arena *a, uint8_t out[KV_KEY_MAX])
{
    uint8_t *whole = arena_alloc(a, bytes);
    encode_to(shape, parts, whole);
    struct sha256 digest = sha256_of(str_make(whole, bytes));
    put_bytes(put_u32(out, UINT32_MAX), digest.bytes, SHA256_LEN);
    return 4 + SHA256_LEN;
}

size_t key_encode(const struct key_shape *shape, const struct key_part *parts, struct arena *a,
                  uint8_t out[KV_KEY_MAX])
{
    size_t bytes = shape->head.len;
    for (size_t i = 0; i < shape->n; i++)
        bytes += 8 + value_bytes(shape->types[i], &parts[shape->order[i]]);
    if (bytes > KV_KEY_MAX)
        return encode_long(shape, parts, bytes, a, out);
    encode_to(shape, parts, out);
    return bytes;
}
