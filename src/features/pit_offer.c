/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass over the features.  Nearly every row of a long history loses, and what it costs to lose
 * is memory latency and mispredicted branches.  So rows are worked in small groups, in stages, each
 * of which prefetches for the next, and each of which keeps the rows that go on without a branch:
 *  1. hash; a row outside all times ends here;
 *  2. bucket; a row of an empty bucket ends here;
 *  3. slot: the first one not before (hash, time); of another key, or with a better row, ends here;
 *  4. the rest, one row in ten or less, lock their slot and compare in full.
 * Stage 3 may refuse a row by one relaxed load, without a lock, in any interleaving of threads,
 * because a slot's best ts only grows. */
#include "features/pit_priv.h"

#define GROUP_ROWS 256 /* slots of a group stay in the first-level cache */
#define STEPS 2      /* slots of a bucket passed over before anybody asks whether there are more */
#define SCAN_SLOTS 8 /* longer stretches are searched by halving */

struct probe {
    uint64_t hashes[PIT_BATCH_MAX];
    int64_t from[PIT_BATCH_MAX]; /* the time from which row i counts */
    uint16_t rows[GROUP_ROWS];
    uint32_t slots[GROUP_ROWS];
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

static void probe_times(const struct pit *p, const int64_t *ts, const int64_t *from, size_t first,
                        size_t end, struct probe *q)
{
    int64_t oldest = pit_oldest(p->time_min, p->config.ttl_us), newest = p->time_max;
    const struct pit_bucket *buckets = p->buckets;
    int shift = p->shift;
    size_t n = 0;
    for (size_t i = first; i < end; i++) {
        __builtin_prefetch(&buckets[q->hashes[i] >> shift]);
        q->rows[n] = (uint16_t)i;
        n += (from[i] <= newest) & (ts[i] >= oldest);
    }
    q->n = n;
}

static void probe_whole(const uint64_t *whole, struct probe *q)
{
    size_t n = 0;
    for (size_t j = 0; j < q->n; j++) {
        uint16_t i = q->rows[j];
        q->rows[n] = i;
        n += pit_bit(whole, i);
    }
    q->n = n;
}

static void probe_buckets(const struct pit *p, const int64_t *from, struct probe *q)
{
    const struct pit_bucket *buckets = p->buckets;
    const struct pit_slot *slots = p->slots;
    int64_t oldest = p->time_min;
    int shift = p->shift;
    size_t n = 0;
    for (size_t j = 0; j < q->n; j++) {
        uint16_t i = q->rows[j];
        uint64_t hash = q->hashes[i];
        struct pit_bucket bucket = buckets[hash >> shift];
        uint16_t tick = pit_tick(p, from[i] > oldest ? from[i] : oldest);
        q->rows[n] = i;
        q->slots[n] = bucket.slot;
        n += ((bucket.tags & pit_tag(p, hash)) != 0) & (tick <= bucket.newest);
    }
    q->n = n;
    for (size_t j = 0; j < n; j++) {
        __builtin_prefetch(&slots[q->slots[j]], 1); /* two slots a line: five are covered */
        __builtin_prefetch(&slots[q->slots[j] + 2], 1);
        __builtin_prefetch(&slots[q->slots[j] + 4], 1);
    }
}

/* Whether the slot is before (hash, time), in slot order, without a branch. */
static inline bool slot_before(const struct pit_slot *s, uint64_t hash, uint64_t order)
{
    unsigned __int128 a = (unsigned __int128)s->hash << 64 | s->order;
    unsigned __int128 b = (unsigned __int128)hash << 64 | order;
    return a < b;
}

/* The first slot from `lo` on that is not before (hash, order); there is one, the sentinel. */
static uint32_t slot_bound(const struct pit *p, uint32_t lo, uint64_t hash, uint64_t order)
{
    uint32_t end = p->buckets[(hash >> p->shift) + 1].slot;
    while (end > lo + SCAN_SLOTS) {
        uint32_t mid = lo + (end - lo) / 2;
        if (slot_before(&p->slots[mid], hash, order))
            lo = mid + 1;
        else
            end = mid;
    }
    while (slot_before(&p->slots[lo], hash, order))
        lo++;
    return lo;
}

/* Slots of a hash that several keys share are in order of key, then time: look at each. */
static uint32_t slot_search(const struct pit *p, const struct pit_batch *b, size_t i, uint32_t lo,
                            uint64_t hash, uint64_t order)
{
    for (; p->slots[lo].hash <= hash && lo < p->slots_n; lo++)
        if (p->slots[lo].hash == hash && p->slots[lo].order >= order &&
            pit_key_is(p, b->keys, i, p->slot_entity[lo]))
            return lo;
    return (uint32_t)p->slots_n;
}

static void probe_slots(const struct pit *p, const struct pit_batch *b, const int64_t *from,
                        struct probe *q)
{
    const int64_t *ts = b->ts.data;
    const struct pit_slot *slots = p->slots;
    size_t n = 0;
    for (size_t j = 0; j < q->n; j++) {
        uint16_t i = q->rows[j];
        uint32_t s = q->slots[j];
        uint64_t hash = q->hashes[i], order = pit_order(from[i]);
        for (int k = 0; k < STEPS; k++)
            s += slot_before(&slots[s], hash, order);
        if (__builtin_expect(slot_before(&slots[s], hash, order), 0))
            s = slot_bound(p, s, hash, order);
        q->rows[n] = i;
        q->slots[n] = s;
        n += (s < p->slots_n) & (slots[s].hash == hash) &
             (ts[i] >= atomic_load_explicit(&slots[s].best_ts, memory_order_relaxed));
    }
    q->n = n;
    for (size_t j = 0; b->created.data && p->created && j < n; j++)
        __builtin_prefetch(&p->created[q->slots[j]], 1);
}

/* The same for keys whose hashes do not tell them apart. */
static void probe_slots_colliding(const struct pit *p, const struct pit_batch *b,
                                  const int64_t *from, struct probe *q)
{
    size_t n = 0;
    for (size_t j = 0; j < q->n; j++) {
        uint16_t i = q->rows[j];
        uint32_t s = slot_search(p, b, i, q->slots[j], q->hashes[i], pit_order(from[i]));
        q->rows[n] = i;
        q->slots[n] = s;
        n += s != p->slots_n;
    }
    q->n = n;
}

static inline void spin(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static uint64_t slot_lock(struct pit_slot *slot)
{
    uint64_t row = atomic_load_explicit(&slot->best_row, memory_order_relaxed);
    for (;;) {
        if (row == PIT_LOCKED) {
            spin();
            row = atomic_load_explicit(&slot->best_row, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&slot->best_row, &row, PIT_LOCKED,
                                                         memory_order_acquire,
                                                         memory_order_relaxed)) {
            return row;
        }
    }
}

/* A row as it is offered to a slot. */
struct offered {
    int64_t ts, created;
    uint64_t ref;
    bool told; /* what created is, or that there is none */
};

/* Under the slot's lock, for a row of the same ts as its best one. */
static bool beats(const struct pit *p, uint32_t s, const struct offered *o, uint64_t best_row)
{
    int64_t best_created = p->created ? p->created[s] : 0;
    return o->created > best_created || (o->created == best_created && o->ref > best_row);
}

/* A slot without a row may have a best ts already: pit_again. */
static void slot_offer(struct pit *p, uint32_t s, const struct offered *o)
{
    struct pit_slot *slot = &p->slots[s];
    if (o->ts < pit_oldest(pit_order_time(slot->order), p->config.ttl_us))
        return; /* too old for this slot is too old for the key's later ones */
    uint64_t row = slot_lock(slot);
    int64_t best_ts = atomic_load_explicit(&slot->best_ts, memory_order_relaxed);
    bool tie = o->ts == best_ts && row != PIT_NO_ROW;
    if (tie ? o->told && beats(p, s, o, row) : o->ts >= best_ts) {
        atomic_store_explicit(&slot->best_ts, o->ts, memory_order_relaxed);
        if (p->created && o->told)
            p->created[s] = o->created;
        row = o->ref;
    } else if (tie && !o->told) {
        atomic_fetch_add_explicit(&p->ties_n, 1, memory_order_relaxed);
        row |= PIT_TIED;
    }
    atomic_store_explicit(&slot->best_row, row, memory_order_release);
}

static void offer_rows(struct pit *p, const struct pit_batch *b, const struct probe *q)
{
    const int64_t *ts = b->ts.data, *created = b->created.data;
    struct offered o = { .told = created || !p->config.has_created };
    bool compare = !p->exact && !p->collisions;
    for (size_t j = 0; j < q->n; j++) {
        size_t i = q->rows[j];
        uint32_t s = q->slots[j];
        if (compare && !pit_key_is(p, b->keys, i, p->slot_entity[s]))
            continue;
        if (p->config.has_created && created)
            o.created = pit_bit(b->created.valid, i) ? created[i] : PIT_NULL_TIME;
        if (o.created == PIT_NULL_TIME && p->config.cutoff == PIT_CUTOFF_CREATED)
            continue;
        o.ts = ts[i];
        o.ref = pit_ref(b->file, b->rows[i]);
        slot_offer(p, s, &o);
    }
}

bool pit_open(struct pit *p, size_t files_n, struct error *err)
{
    ASSERT(p->phase == PIT_SEALED);
    if (files_n > PIT_FILES_MAX)
        return fail(err, ERR_LIMIT, "point-in-time join: %zu feature files, at most %u", files_n,
                    PIT_FILES_MAX);
    p->phase = PIT_OFFERING;
    p->files_n = files_n;
    p->file_rows = pit_pages(files_n, sizeof *p->file_rows);
    return true;
}

bool pit_offer(struct pit *p, const struct pit_batch *b, struct error *err)
{
    ASSERT(p->phase == PIT_OFFERING && b->n <= PIT_BATCH_MAX && b->file < p->files_n);
    ASSERT(!p->config.has_created || b->created.data || p->config.cutoff == PIT_CUTOFF_NONE);
    if (b->n == 0 || p->slots_n == 0)
        return true;
    if (b->rows[0] < 0 || b->rows[b->n - 1] >= PIT_FILE_ROWS_MAX)
        return fail(err, ERR_LIMIT, "feature row %lld of a file, at most %lld",
                    (long long)b->rows[b->n - 1], (long long)PIT_FILE_ROWS_MAX);
    struct probe q;
    uint64_t bits[PIT_BATCH_MAX / 64];
    const uint64_t *whole = pit_rows_whole(p, b, bits) ? bits : NULL;
    const int64_t *ts = b->ts.data, *from = counts_from(p, b, q.from);
    pit_hash_keys(p, b->keys, b->n, q.hashes);
    for (size_t at = 0; at < b->n; at += GROUP_ROWS) {
        size_t end = at + GROUP_ROWS < b->n ? at + GROUP_ROWS : b->n;
        probe_times(p, ts, from, at, end, &q);
        if (whole)
            probe_whole(whole, &q);
        probe_buckets(p, from, &q);
        if (p->collisions)
            probe_slots_colliding(p, b, from, &q);
        else
            probe_slots(p, b, from, &q);
        offer_rows(p, b, &q);
    }
    return true;
}

size_t pit_ties(const struct pit *p)
{
    return atomic_load_explicit(&p->ties_n, memory_order_relaxed);
}

/* Most ties are met on the way to a better row, and are gone with it. */
bool pit_tied(const struct pit *p)
{
    if (pit_ties(p) == 0)
        return false;
    for (size_t i = 0; i < p->slots_n; i++)
        if (p->slots[i].best_row & PIT_TIED)
            return true;
    return false;
}

/* The best ts stays: a row that has it comes again, and turns most others away at once. */
void pit_again(struct pit *p)
{
    ASSERT(p->phase == PIT_OFFERING);
    for (size_t i = 0; i < p->slots_n; i++)
        atomic_store_explicit(&p->slots[i].best_row, PIT_NO_ROW, memory_order_relaxed);
    atomic_store_explicit(&p->ties_n, 0, memory_order_relaxed);
}
