/* SPDX-License-Identifier: Apache-2.0
 *
 * Slot and prefix maximum.  The entity side is the build side: its rows become slots, one for each
 * distinct (key, T), in order.  The feature side streams through once, in any order: a row belongs
 * to the first slot of its key whose T is not before it, and a slot keeps the best row that was
 * offered to it.  A running maximum over each key's slots then gives every slot its winner, since
 * what is a candidate at T is one at every later T.  Memory is that of the entity side.
 *
 * This file keeps the entity side's keys and times; pit_seal.c makes the slots, pit_offer.c is the
 * pass over the features, pit_rows.c the winners and their values. */
#include "features/pit_priv.h"

#include <sys/mman.h>

#define PIT_HUGE_BYTES ((size_t)2 << 20)    /* smaller allocations gain nothing from huge pages */
#define PIT_CHUNK_BYTES ((size_t)256 << 10) /* of string heap at a time */

struct pit_chunk {
    struct pit_chunk *next;
    size_t size;
};

void *pit_pages(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        panic("point-in-time join: %zu x %zu bytes", n, size);
    bytes = bytes ? bytes : 1;
    void *ptr = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ptr == MAP_FAILED)
        panic("point-in-time join: out of memory: %zu bytes", bytes);
    if (bytes >= PIT_HUGE_BYTES)
        (void)madvise(ptr, bytes, MADV_HUGEPAGE);
    return ptr;
}

void pit_pages_free(void *ptr, size_t n, size_t size)
{
    size_t bytes = n * size;
    if (ptr)
        (void)munmap(ptr, bytes ? bytes : 1);
}

void pit_heap_init(struct pit_heap *heap)
{
    pthread_mutex_init(&heap->lock, NULL);
}

void pit_heap_deinit(struct pit_heap *heap)
{
    for (struct pit_chunk *next, *c = heap->chunks; c; c = next) {
        next = c->next;
        pit_pages_free(c, 1, c->size);
    }
    pthread_mutex_destroy(&heap->lock);
}

/* Under the lock. */
static void heap_grow(struct pit_heap *heap, size_t bytes)
{
    size_t size = sizeof(struct pit_chunk) + bytes;
    size = size < PIT_CHUNK_BYTES ? PIT_CHUNK_BYTES : size;
    struct pit_chunk *c = pit_pages(1, size);
    c->next = heap->chunks;
    c->size = size;
    heap->chunks = c;
    heap->at = (char *)(c + 1);
    heap->end = (char *)c + size;
}

char *pit_heap_take(struct pit_heap *heap, size_t bytes)
{
    pthread_mutex_lock(&heap->lock);
    if ((size_t)(heap->end - heap->at) < bytes)
        heap_grow(heap, bytes);
    char *at = heap->at;
    heap->at += bytes;
    pthread_mutex_unlock(&heap->lock);
    return at;
}

bool pit_parallel(struct pit *p, size_t n, bool (*fn)(void *ctx, size_t i, struct error *err),
                  void *ctx, struct error *err)
{
    if (p->pool && n > 1)
        return pool_for(p->pool, n, fn, ctx, err);
    for (size_t i = 0; i < n; i++)
        if (!fn(ctx, i, err))
            return false;
    return true;
}

static bool config_check(const struct pit_config *c, struct error *err)
{
    if (c->keys_n < 1 || c->keys_n > PIT_KEYS_MAX)
        return fail(err, ERR_LIMIT, "point-in-time join: %zu key columns, must be 1 to %d",
                    c->keys_n, PIT_KEYS_MAX);
    if (c->entities_n >= PIT_ENTITIES_MAX)
        return fail(err, ERR_LIMIT, "point-in-time join: %zu entity rows, at most %u",
                    c->entities_n, PIT_ENTITIES_MAX - 1);
    if (c->ttl_us < 0)
        return fail(err, ERR_INVALID, "point-in-time join: negative ttl");
    if (c->cutoff == PIT_CUTOFF_CREATED && !c->has_created)
        return fail(err, ERR_INVALID, "point-in-time join: a cut-off by created without created");
    return true;
}

static size_t key_bytes(enum pit_kind kind)
{
    return kind == PIT_B16 || kind == PIT_BYTES ? 16 : 8;
}

bool pit_create(const struct pit_config *config, struct pool *pool, struct pit **out,
                struct error *err)
{
    if (!config_check(config, err))
        return false;
    struct pit *p = pit_pages(1, sizeof *p);
    p->config = *config;
    p->pool = pool;
    p->exact = config->keys_n == 1 && config->keys[0] <= PIT_I64 && config->hash_bits == 0;
    size_t n = config->entities_n;
    p->hashes = pit_pages(n, sizeof *p->hashes);
    p->times = pit_pages(n, sizeof *p->times);
    for (size_t i = 0; i < n; i++)
        p->times[i] = PIT_NULL_TIME;
    for (size_t k = 0; !p->exact && k < config->keys_n; k++)
        p->keys[k] = pit_pages(n, key_bytes(config->keys[k]));
    atomic_init(&p->key_min, INT64_MAX);
    atomic_init(&p->key_max, INT64_MIN);
    pit_heap_init(&p->heap);
    *out = p;
    return true;
}

void pit_destroy(struct pit *p)
{
    if (!p)
        return;
    pit_release_slots(p);
    size_t n = p->config.entities_n;
    pit_pages_free(p->hashes, n, sizeof *p->hashes);
    pit_pages_free(p->times, n, sizeof *p->times);
    pit_pages_free(p->slot_of, n, sizeof *p->slot_of);
    pit_release_rows(p);
    pit_pages_free(p->file_rows, p->files_n, sizeof *p->file_rows);
    pit_heap_deinit(&p->heap);
    pit_pages_free(p, 1, sizeof *p);
}

void pit_release_slots(struct pit *p)
{
    size_t n = p->config.entities_n;
    for (size_t k = 0; k < p->config.keys_n; k++) {
        pit_pages_free(p->keys[k], n, key_bytes(p->config.keys[k]));
        p->keys[k] = NULL;
    }
    pit_pages_free(p->slots, p->slots_n + PIT_SENTINELS, sizeof *p->slots);
    pit_pages_free(p->created, p->slots_n, sizeof *p->created);
    pit_pages_free(p->slot_entity, p->slots_n, sizeof *p->slot_entity);
    pit_pages_free(p->buckets, p->buckets_n + 1, sizeof *p->buckets);
    p->slots = NULL;
    p->created = NULL;
    p->slot_entity = NULL;
    p->buckets = NULL;
}

/* Bijective, so that equal hashes of one integer are equal integers; the high bits choose the
 * bucket.  (The constant is 2^64 divided by the golden ratio.) */
static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    return x * 0xbf58476d1ce4e5b9u;
}

/* An integer part of a key as int64. */
static inline int64_t key_int(enum pit_kind kind, const void *data, size_t i)
{
    switch (kind) {
    case PIT_BOOL:
        return ((const uint8_t *)data)[i] != 0;
    case PIT_I8:
        return ((const int8_t *)data)[i];
    case PIT_I16:
        return ((const int16_t *)data)[i];
    case PIT_I32:
        return ((const int32_t *)data)[i];
    default:
        return ((const int64_t *)data)[i];
    }
}

static void hash_ints(enum pit_kind kind, const void *data, size_t n, uint64_t *hashes)
{
    if (kind == PIT_I64) {
        const int64_t *v = data;
        for (size_t i = 0; i < n; i++)
            hashes[i] = mix(hashes[i] ^ (uint64_t)v[i]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        hashes[i] = mix(hashes[i] ^ (uint64_t)key_int(kind, data, i));
}

/* Null strings are not looked at: what a null holds is nobody's promise. */
static void hash_column(enum pit_kind kind, const struct pit_column *c, size_t n, uint64_t *hashes)
{
    if (kind <= PIT_I64) {
        hash_ints(kind, c->data, n, hashes);
    } else if (kind == PIT_B16) {
        const uint64_t(*v)[2] = c->data;
        for (size_t i = 0; i < n; i++)
            hashes[i] = mix(mix(hashes[i] ^ v[i][0]) ^ v[i][1]);
    } else {
        for (size_t i = 0; i < n; i++)
            if (pit_bit(c->valid, i))
                hashes[i] = mix(hashes[i] ^ str_hash(pit_text(c, i), 0));
    }
}

void pit_hash_keys(const struct pit *p, const struct pit_column *keys, size_t n, uint64_t *hashes)
{
    memset(hashes, 0, n * sizeof *hashes);
    for (size_t k = 0; k < p->config.keys_n; k++)
        hash_column(p->config.keys[k], &keys[k], n, hashes);
    if (p->config.hash_bits)
        for (size_t i = 0; i < n; i++)
            hashes[i] &= ~(UINT64_MAX >> p->config.hash_bits);
}

bool pit_rows_whole(const struct pit *p, const struct pit_batch *b,
                    uint64_t whole[PIT_BATCH_MAX / 64])
{
    bool some = false;
    for (size_t k = 0; k <= p->config.keys_n; k++) {
        const uint64_t *valid = k < p->config.keys_n ? b->keys[k].valid : b->ts.valid;
        if (!valid)
            continue;
        for (size_t w = 0; w < (b->n + 63) / 64; w++)
            whole[w] = some ? whole[w] & valid[w] : valid[w];
        some = true;
    }
    return some;
}

static void key_range_widen(struct pit *p, const struct pit_batch *b, const uint64_t *whole)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    for (size_t i = 0; i < b->n; i++) {
        if (!pit_bit(whole, i))
            continue;
        int64_t v = key_int(p->config.keys[0], b->keys[0].data, i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    int64_t old = atomic_load(&p->key_min);
    while (lo < old && !atomic_compare_exchange_weak(&p->key_min, &old, lo))
        ;
    old = atomic_load(&p->key_max);
    while (hi > old && !atomic_compare_exchange_weak(&p->key_max, &old, hi))
        ;
}

/* Strings of the batch's whole rows move to the heap with one call. */
static void keep_strings(struct pit *p, const struct pit_batch *b, const uint64_t *whole,
                         const struct pit_column *from, str *to)
{
    size_t bytes = 0;
    for (size_t i = 0; i < b->n; i++)
        bytes += pit_bit(whole, i) ? pit_text(from, i).len : 0;
    char *at = pit_heap_take(&p->heap, bytes);
    for (size_t i = 0; i < b->n; i++) {
        if (!pit_bit(whole, i))
            continue;
        str text = pit_text(from, i);
        if (text.len)
            memcpy(at, text.ptr, text.len);
        to[b->rows[i]] = str_make(at, text.len);
        at += text.len;
    }
}

static void keep_keys(struct pit *p, const struct pit_batch *b, const uint64_t *whole)
{
    for (size_t k = 0; k < p->config.keys_n; k++) {
        enum pit_kind kind = p->config.keys[k];
        const void *from = b->keys[k].data;
        if (kind == PIT_BYTES) {
            keep_strings(p, b, whole, &b->keys[k], p->keys[k]);
            continue;
        }
        for (size_t i = 0; i < b->n; i++) {
            if (kind == PIT_B16)
                memcpy((char *)p->keys[k] + b->rows[i] * 16, (const char *)from + i * 16, 16);
            else
                ((int64_t *)p->keys[k])[b->rows[i]] = key_int(kind, from, i);
        }
    }
}

bool pit_feed(struct pit *p, const struct pit_batch *b, struct error *err)
{
    ASSERT(p->phase == PIT_FEEDING && b->n <= PIT_BATCH_MAX);
    for (size_t i = 0; i < b->n; i++)
        if ((uint64_t)b->rows[i] >= p->config.entities_n)
            return fail(err, ERR_INVALID, "entity row %lld is not one of %zu",
                        (long long)b->rows[i], p->config.entities_n);
    uint64_t hashes[PIT_BATCH_MAX], bits[PIT_BATCH_MAX / 64];
    const uint64_t *whole = pit_rows_whole(p, b, bits) ? bits : NULL;
    const int64_t *times = b->ts.data;
    pit_hash_keys(p, b->keys, b->n, hashes);
    for (size_t i = 0; i < b->n; i++) {
        p->hashes[b->rows[i]] = hashes[i];
        p->times[b->rows[i]] = pit_bit(whole, i) ? times[i] : PIT_NULL_TIME;
    }
    if (p->exact)
        key_range_widen(p, b, whole);
    else
        keep_keys(p, b, whole);
    return true;
}

bool pit_key_is(const struct pit *p, const struct pit_column *keys, size_t i, uint32_t entity)
{
    for (size_t k = 0; k < p->config.keys_n; k++) {
        enum pit_kind kind = p->config.keys[k];
        if (kind <= PIT_I64) {
            if (key_int(kind, keys[k].data, i) != ((const int64_t *)p->keys[k])[entity])
                return false;
        } else if (kind == PIT_B16) {
            if (memcmp((const char *)keys[k].data + i * 16,
                       (const char *)p->keys[k] + (size_t)entity * 16, 16) != 0)
                return false;
        } else if (!str_eq(pit_text(&keys[k], i), ((const str *)p->keys[k])[entity])) {
            return false;
        }
    }
    return true;
}

int pit_key_cmp(const struct pit *p, uint32_t a, uint32_t b)
{
    int order = 0;
    for (size_t k = 0; k < p->config.keys_n && order == 0; k++) {
        enum pit_kind kind = p->config.keys[k];
        if (kind <= PIT_I64) {
            int64_t x = ((const int64_t *)p->keys[k])[a], y = ((const int64_t *)p->keys[k])[b];
            order = (x > y) - (x < y);
        } else if (kind == PIT_B16) {
            order = memcmp((const char *)p->keys[k] + (size_t)a * 16,
                           (const char *)p->keys[k] + (size_t)b * 16, 16);
        } else {
            order = str_cmp(((const str *)p->keys[k])[a], ((const str *)p->keys[k])[b]);
        }
    }
    return order;
}
