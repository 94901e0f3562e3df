/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's state, shared by pit.c (entities and candidates), pit_seal.c (slots) and pit_rows.c
 * (winners and their values). */
#ifndef FIRN_FEATURES_PIT_PRIV_H
#define FIRN_FEATURES_PIT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "features/pit.h"

#define PIT_ROW_BITS 42
#define PIT_NO_ROW 0                  /* a slot without a candidate */
#define PIT_LOCKED UINT64_MAX         /* a slot that a thread is writing */
#define PIT_TIED ((uint64_t)1 << 63)  /* the best row is one of several of its ts */
#define PIT_TASK_ROWS ((size_t)65536) /* rows or buckets of one parallel task */
#define PIT_NO_SLOT UINT32_MAX
#define PIT_SENTINELS 4 /* slots after the last one, greater than any, so that scans need no end */

enum pit_phase { PIT_FEEDING, PIT_SEALED, PIT_OFFERING, PIT_FINISHED, PIT_TAKING, PIT_GATHERING };

/* One key at one time T, and the best feature row for it that no earlier slot of the key has a
 * claim on.  Half a cache line, so that a bucket of two costs one access. */
struct pit_slot {
    uint64_t hash;
    uint64_t order;            /* pit_order(T) */
    _Atomic int64_t best_ts;   /* only grows */
    _Atomic uint64_t best_row; /* pit_ref, perhaps with PIT_TIED; PIT_NO_ROW or PIT_LOCKED */
};

/* Slots whose hashes begin with the same bits, and what turns most strangers away without a look
 * at them: which tags (the next bits of the hash) occur, and a floor of the bucket's latest T. */
struct pit_bucket {
    uint32_t slot;   /* the first; the next bucket's is the end */
    uint16_t tags;   /* one bit each of 16; none in an empty bucket */
    uint16_t newest; /* pit_tick */
};

/* An entity row on its way into a slot. */
struct pit_record {
    uint64_t hash;
    int64_t time;
    uint32_t entity;
};

/* Strings that outlive a batch.  Chunks hang in a list until the kernel goes. */
struct pit_heap {
    pthread_mutex_t lock; /* guards the rest; held for the bump only */
    struct pit_chunk *chunks;
    char *at, *end;
};

struct pit {
    struct pit_config config;
    struct pool *pool;
    enum pit_phase phase;
    size_t files_n;
    bool exact;      /* the hash is a bijection of the one integer key: no key is compared */
    bool collisions; /* different keys share a hash: slots of a hash are not in order of time */

    /* Entity rows as fed, until sealed; the keys stay for as long as they are compared. */
    uint64_t *hashes;
    int64_t *times;
    void *keys[PIT_KEYS_MAX]; /* int64, 16 bytes or str; NULL when exact */

    /* Slots in order of (hash, time); bucket b has slots [slot, next one's slot). */
    struct pit_slot *slots;
    int64_t *created;           /* of a slot's best row; NULL without created */
    uint32_t *slot_entity;      /* an entity row that has the slot's key; NULL when exact */
    uint32_t *slot_of;          /* of an entity row; after pit_finish its winner + 1, or 0 */
    struct pit_bucket *buckets; /* buckets_n and an end */
    size_t slots_n, buckets_n;
    int shift; /* of a hash to its bucket */
    int tick_shift;
    int64_t time_min, time_max;
    _Atomic int64_t key_min, key_max;

    _Atomic size_t ties_n; /* met among rows without their created timestamps */

    /* Winners: one bit a feature row, and a count before each block of 512. */
    _Atomic int64_t *file_rows; /* rows up to the last winner, a file */
    size_t *file_blocks;        /* first block of a file; files_n + 1 */
    _Atomic uint64_t *bits;
    uint32_t *ranks; /* winners before a block; one more at the end */
    size_t winners_n;
    _Atomic size_t matched_n;
    _Atomic size_t taken_n;

    /* Values of winners, row by row: null bits, then cells. */
    char *rows;
    size_t row_bytes, columns_n;
    uint8_t *widths;
    uint32_t *offsets;
    struct pit_heap heap;
};

/* Zeroed memory on huge pages where there are any; random access to it is what the join does. */
void *pit_pages(size_t n, size_t size);
void pit_pages_free(void *ptr, size_t n, size_t size);

char *pit_heap_take(struct pit_heap *heap, size_t bytes); /* thread-safe; until pit_destroy */
void pit_heap_init(struct pit_heap *heap);
void pit_heap_deinit(struct pit_heap *heap);

MUST_USE bool pit_parallel(struct pit *p, size_t n,
                           bool (*fn)(void *ctx, size_t i, struct error *err), void *ctx,
                           struct error *err);

void pit_hash_keys(const struct pit *p, const struct pit_column *keys, size_t n, uint64_t *hashes);

/* One bit a row: all of its key and its time are there.  False: every row is whole. */
bool pit_rows_whole(const struct pit *p, const struct pit_batch *b,
                    uint64_t whole[PIT_BATCH_MAX / 64]);

/* Whether row i of the batch's keys is the key of an entity row; entities' keys among each other. */
bool pit_key_is(const struct pit *p, const struct pit_column *keys, size_t i, uint32_t entity);
int pit_key_cmp(const struct pit *p, uint32_t a, uint32_t b);

/* What is not needed any more, at the end or before. */
void pit_release_slots(struct pit *p);
void pit_release_rows(struct pit *p);

static inline uint64_t pit_ref(uint32_t file, int64_t row)
{
    return ((uint64_t)file + 1) << PIT_ROW_BITS | (uint64_t)row;
}

static inline uint32_t pit_ref_file(uint64_t ref)
{
    return (uint32_t)(ref >> PIT_ROW_BITS) - 1;
}

static inline int64_t pit_ref_row(uint64_t ref)
{
    return (int64_t)(ref & (((uint64_t)1 << PIT_ROW_BITS) - 1));
}

/* A time as an unsigned number in the same order. */
static inline uint64_t pit_order(int64_t time)
{
    return (uint64_t)time ^ (uint64_t)1 << 63;
}

static inline int64_t pit_order_time(uint64_t order)
{
    return (int64_t)(order ^ (uint64_t)1 << 63);
}

static inline bool pit_bit(const uint64_t *bits, size_t i)
{
    return !bits || (bits[i / 64] >> (i % 64) & 1);
}

static inline str pit_text(const struct pit_column *c, size_t i)
{
    return c->text ? c->text(c->data, i) : ((const str *)c->data)[i];
}

/* The earliest ts that time T accepts. */
static inline int64_t pit_oldest(int64_t time, int64_t ttl_us)
{
    int64_t oldest;
    return ttl_us <= 0 || __builtin_sub_overflow(time, ttl_us, &oldest) ? INT64_MIN : oldest;
}

/* A time no earlier than time_min in 16 bits, such that a <= b gives tick(a) <= tick(b). */
static inline uint16_t pit_tick(const struct pit *p, int64_t time)
{
    return (uint16_t)(((uint64_t)time - (uint64_t)p->time_min) >> p->tick_shift);
}

static inline uint16_t pit_tag(const struct pit *p, uint64_t hash)
{
    return (uint16_t)(1u << (hash >> (p->shift - 4) & 15));
}

#endif
