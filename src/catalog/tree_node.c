/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a node: version 1, level, number of entries; per entry the key, then in leaves the
 * value, in inner nodes the child's name and its count.  Numbers are zigzag varints, bytes are
 * length and content, as in Avro. */
#include "catalog/tree_priv.h"
#include "codec/avro.h"

#define NODE_VERSION 1
#define KEY_SEED 0x6669726e74726565ULL /* "firntree"; part of the format (T2) */

bool node_key_closes(str key, int level)
{
    int bits = NODE_FANOUT_BITS * (level + 1);
    if (bits >= 64)
        return false;
    return (str_hash(key, KEY_SEED) & (((uint64_t)1 << bits) - 1)) == 0;
}

void node_encode(int level, const struct node_entry *entries, size_t n, struct buf *out)
{
    avro_put_long(out, NODE_VERSION);
    avro_put_long(out, level);
    avro_put_long(out, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        avro_put_bytes(out, entries[i].key);
        if (level == 0) {
            avro_put_bytes(out, entries[i].value);
        } else {
            buf_add_str(out, entries[i].value);
            avro_put_long(out, (int64_t)entries[i].count);
        }
    }
}

static struct node_entry read_entry(struct avro_rd *rd, int level)
{
    struct node_entry e = { .key = avro_bytes(rd), .count = 1 };
    if (level == 0) {
        e.value = avro_bytes(rd);
        return e;
    }
    e.value = avro_fixed(rd, SHA256_LEN);
    int64_t count = avro_long(rd);
    if (count <= 0)
        rd->bad = true;
    e.count = (uint64_t)count;
    return e;
}

static void node_destroy(struct cached *object)
{
    arena_destroy(((struct node *)object)->arena);
}

static struct node *node_create(str bytes, const struct sha256 *hash, size_t n, char **copy)
{
    size_t size = sizeof(struct node) + n * sizeof(struct node_entry) + bytes.len;
    struct arena *a = arena_create(0);
    struct node *node = arena_alloc(a, size);
    node->arena = a;
    *copy = (char *)(node->entries + n);
    memcpy(*copy, bytes.ptr, bytes.len);
    node->hash = *hash;
    node->n = n;
    node->base.key = str_make(node->hash.bytes, SHA256_LEN);
    node->base.bytes = size;
    node->base.destroy = node_destroy;
    ref_init(&node->base.ref);
    return node;
}

static bool parse_entries(struct node *node, struct avro_rd *rd)
{
    for (size_t i = 0; i < node->n; i++) {
        node->entries[i] = read_entry(rd, node->level);
        if (rd->bad || (i > 0 && str_cmp(node->entries[i - 1].key, node->entries[i].key) >= 0))
            return false;
    }
    return rd->p == rd->end;
}

bool node_parse(str bytes, const struct sha256 *hash, struct node **out, struct error *err)
{
    if (bytes.len > NODE_BYTES_MAX)
        return fail(err, ERR_CORRUPT, "tree node has %zu bytes, at most %zu are possible",
                    bytes.len, NODE_BYTES_MAX);
    struct avro_rd rd = avro_rd_of(bytes);
    int64_t version = avro_long(&rd), level = avro_long(&rd), n = avro_long(&rd);
    if (rd.bad || version != NODE_VERSION)
        return fail(err, ERR_CORRUPT, "tree node has version %lld, not %d", (long long)version,
                    NODE_VERSION);
    if (level < 0 || level >= TREE_LEVELS_MAX || n < 0 || n > NODE_ENTRIES_MAX ||
        (level > 0 && n == 0))
        return fail(err, ERR_CORRUPT, "tree node has level %lld and %lld entries", (long long)level,
                    (long long)n);
    char *copy;
    size_t head = (size_t)((const char *)rd.p - bytes.ptr);
    struct node *node = node_create(bytes, hash, (size_t)n, &copy);
    node->level = (int)level;
    rd = avro_rd_of(str_make(copy + head, bytes.len - head));
    if (!parse_entries(node, &rd)) {
        node_destroy(&node->base);
        return fail(err, ERR_CORRUPT, "tree node is cut short or out of order");
    }
    *out = node;
    return true;
}

static bool read_node(const struct tree *t, const struct sha256 *hash, struct node **out,
                      struct error *err)
{
    struct arena *a = arena_create(0);
    str bytes;
    bool ok = t->io->load(t->io->ctx, hash, a, &bytes, err);
    if (ok) {
        struct sha256 got = sha256_of(bytes);
        ok = memcmp(&got, hash, sizeof got) == 0 ||
             fail(err, ERR_CORRUPT, "tree node's bytes do not match its name");
    }
    ok = ok && node_parse(bytes, hash, out, err);
    arena_destroy(a);
    return ok;
}

bool node_load(const struct tree *t, const struct sha256 *hash, struct node **out,
               struct error *err)
{
    struct cached *hit = lru_get(t->cache, str_make(hash->bytes, SHA256_LEN));
    if (hit) {
        *out = (struct node *)hit;
        return true;
    }
    struct node *node;
    if (!read_node(t, hash, &node, err)) {
        char text[SHA256_TEXT_LEN + 1];
        sha256_format(hash, text);
        return fail_in(err, "catalog tree %.16s", text);
    }
    *out = (struct node *)lru_add(t->cache, &node->base);
    return true;
}

void node_unref(struct node *n)
{
    if (n)
        cached_unref(&n->base);
}

size_t node_find(const struct node *n, str key)
{
    size_t lo = 0, hi = n->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(n->entries[mid].key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
