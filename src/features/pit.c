/* SPDX-License-Identifier: Apache-2.0
 *
 * Slot and prefix maximum.  The entity side is the build side: its rows become slots, one for each
 * distinct (key, T), in order.  The feature side streams through once, in any order: a row belongs
 * to the first slot of its key whose T is not before it, and a slot keeps the best row that was
 * offered to it.  A running maximum over each key's slots then gives every slot its winner, since
 * what is a candidate at T is one at every later T.  Memory is that of the entity side.
 *
 * Nearly every row of a long history loses, so the path of a loser is what counts:
 *  1. a batch is worked in stages (hash, bucket, slot), each of which prefetches for the next;
 *  2. a row outside all times, or of an empty bucket, is dropped before a slot is touched;
 *  3. a row older than its slot's best is refused by one relaxed load, without a lock; this is
 *     right in any interleaving because a slot's best ts only grows.
 * Only a row that may win locks its slot, by a compare-and-set on the slot's row. */
#include "features/pit_priv.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PIT_HUGE_BYTES ((size_t)2 << 20)   /* smaller allocations gain nothing from huge pages */
#define PIT_CHUNK_BYTES ((size_t)256 << 10) /* of string heap at a time */
#define PIT_SCAN_SLOTS 8                   /* longer buckets are searched by halving */

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
    if (c->files_n > PIT_FILES_MAX)
        return fail(err, ERR_LIMIT, "point-in-time join: %zu feature files, at most %u",
                    c->files_n, PIT_FILES_MAX);
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
    struct pit *p = calloc(1, sizeof *p);
    if (!p)
        panic("point-in-time join: out of memory");
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
    p->file_rows = pit_pages(config->files_n, sizeof *p->file_rows);
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
    pit_pages_free(p->file_rows, p->config.files_n, sizeof *p->file_rows);
    pit_heap_deinit(&p->heap);
    free(p);
}

void pit_release_slots(struct pit *p)
{
    size_t n = p->config.entities_n;
    for (size_t k = 0; k < p->config.keys_n; k++) {
        pit_pages_free(p->keys[k], n, key_bytes(p->config.keys[k]));
        p->keys[k] = NULL;
    }
    pit_pages_free(p->slots, p->slots_n, sizeof *p->slots);
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
        const str *v = c->data;
        for (size_t i = 0; i < n; i++)
            if (pit_bit(c->valid, i))
                hashes[i] = mix(hashes[i] ^ str_hash(v[i], 0));
    }
}

static void hash_keys(const struct pit *p, const struct pit_column *keys, size_t n,
                      uint64_t *hashes)
{
    memset(hashes, 0, n * sizeof *hashes);
    for (size_t k = 0; k < p->config.keys_n; k++)
        hash_column(p->config.keys[k], &keys[k], n, hashes);
    if (p->config.hash_bits)
        for (size_t i = 0; i < n; i++)
            hashes[i] &= ~(UINT64_MAX >> p->config.hash_bits);
}

/* One bit a row: all of its key and its time are there.  False: every row is whole. */
static bool rows_whole(const struct pit *p, const struct pit_batch *b,
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

static bool batch_check(const struct pit *p, const struct pit_batch *b, enum pit_phase phase)
{
    return p->phase == phase && b->n <= PIT_BATCH_MAX;
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
                         const str *from, str *to)
{
    size_t bytes = 0;
    for (size_t i = 0; i < b->n; i++)
        bytes += pit_bit(whole, i) ? from[i].len : 0;
    char *at = pit_heap_take(&p->heap, bytes);
    for (size_t i = 0; i < b->n; i++) {
        if (!pit_bit(whole, i))
            continue;
        if (from[i].len)
            memcpy(at, from[i].ptr, from[i].len);
        to[b->rows[i]] = str_make(at, from[i].len);
        at += from[i].len;
    }
}

static void keep_keys(struct pit *p, const struct pit_batch *b, const uint64_t *whole)
{
    for (size_t k = 0; k < p->config.keys_n; k++) {
        enum pit_kind kind = p->config.keys[k];
        const void *from = b->keys[k].data;
        if (kind == PIT_BYTES) {
            keep_strings(p, b, whole, from, p->keys[k]);
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
    ASSERT(batch_check(p, b, PIT_FEEDING));
    for (size_t i = 0; i < b->n; i++)
        if ((uint64_t)b->rows[i] >= p->config.entities_n)
            return fail(err, ERR_INVALID, "entity row %lld is not one of %zu",
                        (long long)b->rows[i], p->config.entities_n);
    uint64_t hashes[PIT_BATCH_MAX], bits[PIT_BATCH_MAX / 64];
    const uint64_t *whole = rows_whole(p, b, bits) ? bits : NULL;
    const int64_t *times = b->ts.data;
    hash_keys(p, b->keys, b->n, hashes);
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
        } else if (!str_eq(((const str *)keys[k].data)[i], ((const str *)p->keys[k])[entity])) {
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

/* A batch between two stages. */
struct probe {
    uint64_t hashes[PIT_BATCH_MAX];
    int64_t from[PIT_BATCH_MAX]; /* the time from which row i counts */
    uint32_t lo[PIT_BATCH_MAX], hi[PIT_BATCH_MAX];
    uint16_t rows[PIT_BATCH_MAX];
    size_t n;
};

/* A row counts from its ts on, with a cut-off not before it was known either. */
static const int64_t *counts_from(const struct pit *p, const struct pit_batch *b, int64_t *from)
{
    const int64_t *ts = b->ts.data, *created = b->created.data;
    if (p->config.cutoff == PIT_CUTOFF_NONE)
        return ts;
    for (size_t i = 0; i < b->n; i++) {
        int64_t known = b->commit_us;
        if (p->config.cutoff == PIT_CUTOFF_CREATED)
            known = pit_bit(b->created.valid, i) ? created[i] : INT64_MAX;
        from[i] = ts[i] > known ? ts[i] : known;
    }
    return from;
}

/* Stage 1: drops rows that no time wants, and asks for the buckets of the others. */
static void probe_times(const struct pit *p, const struct pit_batch *b, const int64_t *from,
                        struct probe *q)
{
    uint64_t bits[PIT_BATCH_MAX / 64];
    const uint64_t *whole = rows_whole(p, b, bits) ? bits : NULL;
    const int64_t *ts = b->ts.data;
    int64_t oldest = pit_oldest(p->time_min, p->config.ttl_us);
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        __builtin_prefetch(&p->buckets[q->hashes[i] >> p->shift]);
        q->rows[n] = (uint16_t)i;
        n += (from[i] <= p->time_max) & (ts[i] >= oldest);
    }
    q->n = n;
    if (!whole)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        q->rows[kept] = q->rows[i];
        kept += pit_bit(whole, q->rows[i]);
    }
    q->n = kept;
}

/* Stage 2: drops rows of empty buckets, and asks for the slots of the others. */
static void probe_buckets(const struct pit *p, struct probe *q)
{
    size_t n = 0;
    for (size_t j = 0; j < q->n; j++) {
        uint16_t i = q->rows[j];
        size_t bucket = q->hashes[i] >> p->shift;
        uint32_t lo = p->buckets[bucket], hi = p->buckets[bucket + 1];
        __builtin_prefetch(&p->slots[lo], 1);
        q->rows[n] = i;
        q->lo[n] = lo;
        q->hi[n] = hi;
        n += lo != hi;
    }
    q->n = n;
}

/* The first of slots [lo, hi) that is not before (hash, from). */
static uint32_t slot_bound(const struct pit *p, uint32_t lo, uint32_t hi, uint64_t hash,
                           int64_t from)
{
    while (hi - lo > PIT_SCAN_SLOTS) {
        uint32_t mid = lo + (hi - lo) / 2;
        const struct pit_slot *s = &p->slots[mid];
        if (s->hash < hash || (s->hash == hash && s->time < from))
            lo = mid + 1;
        else
            hi = mid;
    }
    while (lo < hi && (p->slots[lo].hash < hash ||
                       (p->slots[lo].hash == hash && p->slots[lo].time < from)))
        lo++;
    return lo;
}

/* Slots of a hash that several keys share are in order of key, then time: look at each. */
static uint32_t slot_search(const struct pit *p, const struct pit_batch *b, size_t i, uint32_t lo,
                            uint32_t hi, uint64_t hash, int64_t from)
{
    for (; lo < hi; lo++)
        if (p->slots[lo].hash == hash && p->slots[lo].time >= from &&
            pit_key_is(p, b->keys, i, p->slot_entity[lo]))
            return lo;
    return PIT_NO_SLOT;
}

static uint32_t slot_find(const struct pit *p, const struct pit_batch *b, const struct probe *q,
                          size_t j, int64_t from)
{
    size_t i = q->rows[j];
    if (p->collisions)
        return slot_search(p, b, i, q->lo[j], q->hi[j], q->hashes[i], from);
    uint32_t s = slot_bound(p, q->lo[j], q->hi[j], q->hashes[i], from);
    if (s == q->hi[j] || p->slots[s].hash != q->hashes[i])
        return PIT_NO_SLOT;
    if (!p->exact && !pit_key_is(p, b->keys, i, p->slot_entity[s]))
        return PIT_NO_SLOT;
    return s;
}

static uint64_t slot_lock(struct pit_slot *slot)
{
    uint64_t row = atomic_load_explicit(&slot->best_row, memory_order_relaxed);
    for (;;) {
        if (row == PIT_LOCKED) {
            __builtin_ia32_pause();
            row = atomic_load_explicit(&slot->best_row, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&slot->best_row, &row, PIT_LOCKED,
                                                         memory_order_acquire,
                                                         memory_order_relaxed)) {
            return row;
        }
    }
}

static void slot_offer(struct pit *p, uint32_t s, int64_t ts, int64_t created, uint64_t ref)
{
    struct pit_slot *slot = &p->slots[s];
    if (ts < atomic_load_explicit(&slot->best_ts, memory_order_relaxed) ||
        ts < pit_oldest(slot->time, p->config.ttl_us))
        return; /* too old for this slot is too old for the key's later ones */
    uint64_t row = slot_lock(slot);
    int64_t best_ts = atomic_load_explicit(&slot->best_ts, memory_order_relaxed);
    int64_t best_created = p->created ? p->created[s] : 0;
    if (row == PIT_NO_ROW || ts > best_ts ||
        (ts == best_ts &&
         (created > best_created || (created == best_created && ref > row)))) {
        atomic_store_explicit(&slot->best_ts, ts, memory_order_relaxed);
        if (p->created)
            p->created[s] = created;
        row = ref;
    }
    atomic_store_explicit(&slot->best_row, row, memory_order_release);
}

/* Stage 3. */
static void probe_slots(struct pit *p, const struct pit_batch *b, const int64_t *from,
                        const struct probe *q)
{
    const int64_t *ts = b->ts.data, *created = b->created.data;
    for (size_t j = 0; j < q->n; j++) {
        size_t i = q->rows[j];
        uint32_t s = slot_find(p, b, q, j, from[i]);
        if (s == PIT_NO_SLOT)
            continue;
        int64_t c = 0;
        if (p->config.has_created)
            c = pit_bit(b->created.valid, i) ? created[i] : PIT_NULL_TIME;
        if (c == PIT_NULL_TIME && p->config.cutoff == PIT_CUTOFF_CREATED)
            continue;
        slot_offer(p, s, ts[i], c, pit_ref(b->file, b->rows[i]));
    }
}

bool pit_offer(struct pit *p, const struct pit_batch *b, struct error *err)
{
    ASSERT(batch_check(p, b, PIT_OFFERING) && b->file < p->config.files_n);
    if (b->n == 0 || p->slots_n == 0)
        return true;
    if (b->rows[0] < 0 || b->rows[b->n - 1] >= PIT_FILE_ROWS_MAX)
        return fail(err, ERR_LIMIT, "feature row %lld of a file, at most %lld",
                    (long long)b->rows[b->n - 1], (long long)PIT_FILE_ROWS_MAX);
    struct probe q;
    hash_keys(p, b->keys, b->n, q.hashes);
    const int64_t *from = counts_from(p, b, q.from);
    probe_times(p, b, from, &q);
    probe_buckets(p, &q);
    probe_slots(p, b, from, &q);
    return true;
}
