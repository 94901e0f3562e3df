/* SPDX-License-Identifier: Apache-2.0
 *
 * From entity rows to slots.  A counting sort by bucket (the high bits of the key's hash) puts rows
 * of a key together; each bucket, one or two rows as a rule, is then sorted by (hash, key, T), and
 * equal rows become one slot.  Every step is parallel over rows or buckets but the sum over the
 * bucket counts, which is a millisecond for a million. */
#include "features/pit_priv.h"

#define PIT_SORT_SMALL 16 /* records that are sorted by insertion */
#define PLACE_ROWS 64     /* records whose lines are on their way at once */

struct seal {
    struct pit *p;
    struct pit_record *records; /* in order of bucket */
    _Atomic uint32_t *ends;     /* of buckets: first counts, then cursors */
    size_t records_n, tasks_n;
    struct seal_task {
        uint32_t first; /* record of its first bucket */
        uint32_t slots; /* distinct ones in it, then the first of them */
        int64_t time_min, time_max;
        bool collisions;
    } * tasks;
};

static size_t range_end(size_t i, size_t n)
{
    size_t end = (i + 1) * PIT_TASK_ROWS;
    return end < n ? end : n;
}

static size_t range_count(size_t n)
{
    return (n + PIT_TASK_ROWS - 1) / PIT_TASK_ROWS;
}

static bool count_rows(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct seal *s = ctx;
    struct pit *p = s->p;
    for (size_t i = t * PIT_TASK_ROWS; i < range_end(t, p->config.entities_n); i++)
        if (p->times[i] != PIT_NULL_TIME)
            atomic_fetch_add_explicit(&s->ends[p->hashes[i] >> p->shift], 1, memory_order_relaxed);
    return true;
}

static void sum_counts(struct seal *s)
{
    uint32_t at = 0;
    for (size_t b = 0; b < s->p->buckets_n; b++) {
        uint32_t n = atomic_load_explicit(&s->ends[b], memory_order_relaxed);
        atomic_store_explicit(&s->ends[b], at, memory_order_relaxed);
        if (b % PIT_TASK_ROWS == 0)
            s->tasks[b / PIT_TASK_ROWS].first = at;
        at += n;
    }
    s->records_n = at;
}

/* An atomic step waits for all stores before it, so all steps of a group come before its stores. */
static void place_group(struct seal *s, size_t first, size_t end)
{
    const struct pit *p = s->p;
    uint32_t at[PLACE_ROWS];
    for (size_t i = first; i < end; i++) {
        if (p->times[i] == PIT_NULL_TIME)
            continue;
        at[i - first] =
            atomic_fetch_add_explicit(&s->ends[p->hashes[i] >> p->shift], 1, memory_order_relaxed);
        __builtin_prefetch(&s->records[at[i - first]], 1);
    }
    for (size_t i = first; i < end; i++)
        if (p->times[i] != PIT_NULL_TIME)
            s->records[at[i - first]] =
                (struct pit_record){ p->hashes[i], p->times[i], (uint32_t)i };
}

/* Leaves ends[b] where bucket b ends. */
static bool place_rows(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct seal *s = ctx;
    size_t end = range_end(t, s->p->config.entities_n);
    for (size_t i = t * PIT_TASK_ROWS; i < end; i += PLACE_ROWS)
        place_group(s, i, i + PLACE_ROWS < end ? i + PLACE_ROWS : end);
    return true;
}

/* With p NULL keys of one hash are taken as one key: see sort_bucket. */
static int record_cmp(const struct pit *p, const struct pit_record *a, const struct pit_record *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    int order = p ? pit_key_cmp(p, a->entity, b->entity) : 0;
    return order ? order : (a->time > b->time) - (a->time < b->time);
}

static void sort_small(const struct pit *p, struct pit_record *r, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct pit_record x = r[i];
        size_t j = i;
        for (; j > 0 && record_cmp(p, &x, &r[j - 1]) < 0; j--)
            r[j] = r[j - 1];
        r[j] = x;
    }
}

static void sift_down(const struct pit *p, struct pit_record *r, size_t at, size_t n)
{
    struct pit_record x = r[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && record_cmp(p, &r[child], &r[child + 1]) < 0)
            child++;
        if (record_cmp(p, &x, &r[child]) >= 0)
            break;
        r[at] = r[child];
    }
    r[at] = x;
}

/* When partitions keep failing to halve. */
static void sort_heap(const struct pit *p, struct pit_record *r, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(p, r, i, n);
    for (size_t end = n; end-- > 1;) {
        struct pit_record x = r[0];
        r[0] = r[end];
        r[end] = x;
        sift_down(p, r, 0, end);
    }
}

static struct pit_record median(const struct pit *p, const struct pit_record *r, size_t n)
{
    struct pit_record three[3] = { r[0], r[n / 2], r[n - 1] };
    sort_small(p, three, 3);
    return three[1];
}

/* Hoare's partition: [0, result) is not after the pivot, the rest not before it; both not empty. */
static size_t partition(const struct pit *p, struct pit_record *r, size_t n)
{
    struct pit_record pivot = median(p, r, n);
    size_t i = 0, j = n - 1;
    for (;; i++, j--) {
        while (record_cmp(p, &r[i], &pivot) < 0)
            i++;
        while (record_cmp(p, &pivot, &r[j]) < 0)
            j--;
        if (i >= j)
            return j + 1;
        struct pit_record x = r[i];
        r[i] = r[j];
        r[j] = x;
    }
}

/* Long buckets are hot keys with many times. */
static void sort_records(const struct pit *p, struct pit_record *r, size_t n, int depth)
{
    while (n > PIT_SORT_SMALL) {
        if (depth-- == 0) {
            sort_heap(p, r, n);
            return;
        }
        size_t left = partition(p, r, n);
        if (left < n - left) {
            sort_records(p, r, left, depth);
            r += left;
            n -= left;
        } else {
            sort_records(p, r + left, n - left, depth);
            n = left;
        }
    }
    sort_small(p, r, n);
}

/* Whether a record, not the first of its bucket, opens a slot of its own. */
static bool opens_slot(const struct pit *p, const struct pit_record *r, bool collisions)
{
    return r[0].hash != r[-1].hash || r[0].time != r[-1].time ||
           (collisions && pit_key_cmp(p, r[0].entity, r[-1].entity) != 0);
}

static bool is_one_key(const struct pit *p, const struct pit_record *r, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (pit_key_cmp(p, r[0].entity, r[i].entity) != 0)
            return false;
    return true;
}

static int depth_of(size_t n)
{
    return 2 * (64 - __builtin_clzll(n));
}

/* By hash and time first: comparing keys costs most, and hot keys would be compared with themselves at every step.  Then
 * each run of a hash is looked through once, and sorted by its keys too should there be more than one: true then. */
static bool sort_bucket(const struct pit *p, struct pit_record *r, size_t n)
{
    bool collisions = false;
    sort_records(NULL, r, n, depth_of(n));
    for (size_t i = 0, end; !p->exact && i < n; i = end) {
        for (end = i + 1; end < n && r[end].hash == r[i].hash;)
            end++;
        if (is_one_key(p, r + i, end - i))
            continue;
        sort_records(p, r + i, end - i, depth_of(end - i));
        collisions = true;
    }
    return collisions;
}

static bool sort_buckets(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct seal *s = ctx;
    struct pit *p = s->p;
    struct seal_task task = { .first = s->tasks[t].first, 0, INT64_MAX, INT64_MIN, false };
    uint32_t at = task.first;
    for (size_t b = t * PIT_TASK_ROWS; b < range_end(t, p->buckets_n); b++) {
        uint32_t end = atomic_load_explicit(&s->ends[b], memory_order_relaxed);
        struct pit_record *r = s->records + at;
        size_t n = end - at;
        bool collisions = n > 1 && sort_bucket(p, r, n);
        task.collisions |= collisions;
        for (size_t i = 0; i < n; i++) {
            task.slots += i == 0 || opens_slot(p, &r[i], collisions);
            task.time_min = r[i].time < task.time_min ? r[i].time : task.time_min;
            task.time_max = r[i].time > task.time_max ? r[i].time : task.time_max;
        }
        at = end;
    }
    s->tasks[t] = task;
    return true;
}

static void sum_tasks(struct seal *s)
{
    struct pit *p = s->p;
    uint32_t slots = 0;
    p->time_min = INT64_MAX;
    p->time_max = INT64_MIN;
    for (size_t t = 0; t < s->tasks_n; t++) {
        struct seal_task *task = &s->tasks[t];
        uint32_t n = task->slots;
        task->slots = slots;
        slots += n;
        p->collisions |= task->collisions;
        p->time_min = task->time_min < p->time_min ? task->time_min : p->time_min;
        p->time_max = task->time_max > p->time_max ? task->time_max : p->time_max;
    }
    p->slots_n = slots;
    while (slots && ((uint64_t)p->time_max - (uint64_t)p->time_min) >> p->tick_shift > UINT16_MAX)
        p->tick_shift++;
}

static void slot_init(struct pit *p, uint32_t at, const struct pit_record *r)
{
    struct pit_slot *slot = &p->slots[at];
    slot->hash = r->hash;
    slot->order = pit_order(r->time);
    atomic_init(&slot->best_ts, INT64_MIN);
    atomic_init(&slot->best_row, PIT_NO_ROW);
    if (p->slot_entity)
        p->slot_entity[at] = r->entity;
}

static bool emit_slots(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct seal *s = ctx;
    struct pit *p = s->p;
    uint32_t at = s->tasks[t].first, slot = s->tasks[t].slots;
    for (size_t b = t * PIT_TASK_ROWS; b < range_end(t, p->buckets_n); b++) {
        uint32_t end = atomic_load_explicit(&s->ends[b], memory_order_relaxed), first = at;
        struct pit_bucket *bucket = &p->buckets[b];
        bucket->slot = slot;
        for (; at < end; at++) {
            struct pit_record *r = &s->records[at];
            if (at == first || opens_slot(p, r, p->collisions))
                slot_init(p, slot++, r);
            p->slot_of[r->entity] = slot - 1;
            uint16_t tick = pit_tick(p, r->time);
            bucket->tags |= pit_tag(p, r->hash);
            bucket->newest = tick > bucket->newest ? tick : bucket->newest;
        }
    }
    return true;
}

/* Rows that match nothing were never placed. */
static bool mark_unplaced(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct pit *p = ((struct seal *)ctx)->p;
    for (size_t i = t * PIT_TASK_ROWS; i < range_end(t, p->config.entities_n); i++)
        if (p->times[i] == PIT_NULL_TIME)
            p->slot_of[i] = PIT_NO_SLOT;
    return true;
}

static void slots_alloc(struct pit *p)
{
    p->slots = pit_pages(p->slots_n + PIT_SENTINELS, sizeof *p->slots);
    for (size_t i = p->slots_n; i < p->slots_n + PIT_SENTINELS; i++)
        p->slots[i] = (struct pit_slot){ .hash = UINT64_MAX, .order = UINT64_MAX };
    if (p->config.has_created)
        p->created = pit_pages(p->slots_n, sizeof *p->created);
    if (!p->exact)
        p->slot_entity = pit_pages(p->slots_n, sizeof *p->slot_entity);
    p->buckets = pit_pages(p->buckets_n + 1, sizeof *p->buckets);
    p->buckets[p->buckets_n].slot = (uint32_t)p->slots_n;
}

static bool seal_run(struct seal *s, struct error *err)
{
    struct pit *p = s->p;
    size_t n = p->config.entities_n;
    if (!pit_parallel(p, range_count(n), count_rows, s, err))
        return false;
    sum_counts(s);
    if (!pit_parallel(p, range_count(n), place_rows, s, err))
        return false;
    p->slot_of = pit_pages(n, sizeof *p->slot_of);
    if (!pit_parallel(p, range_count(n), mark_unplaced, s, err))
        return false;
    pit_pages_free(p->hashes, n, sizeof *p->hashes);
    pit_pages_free(p->times, n, sizeof *p->times);
    p->hashes = NULL;
    p->times = NULL;
    if (!pit_parallel(p, s->tasks_n, sort_buckets, s, err))
        return false;
    sum_tasks(s);
    slots_alloc(p);
    return pit_parallel(p, s->tasks_n, emit_slots, s, err);
}

bool pit_seal(struct pit *p, struct error *err)
{
    ASSERT(p->phase == PIT_FEEDING);
    p->phase = PIT_SEALED;
    size_t n = p->config.entities_n;
    int bits = 1;
    while (((size_t)1 << bits) < n)
        bits++;
    p->shift = 64 - bits;
    p->buckets_n = (size_t)1 << bits;
    struct seal s = { .p = p, .tasks_n = range_count(p->buckets_n) };
    s.ends = pit_pages(p->buckets_n, sizeof *s.ends);
    s.tasks = pit_pages(s.tasks_n, sizeof *s.tasks);
    s.records = pit_pages(n, sizeof *s.records);
    bool ok = seal_run(&s, err);
    pit_pages_free(s.records, n, sizeof *s.records);
    pit_pages_free(s.tasks, s.tasks_n, sizeof *s.tasks);
    pit_pages_free(s.ends, p->buckets_n, sizeof *s.ends);
    return ok;
}

bool pit_time_range(const struct pit *p, int64_t *lo, int64_t *hi)
{
    if (p->slots_n == 0)
        return false;
    *lo = pit_oldest(p->time_min, p->config.ttl_us);
    *hi = p->time_max;
    return true;
}

bool pit_key_range(const struct pit *p, int64_t *lo, int64_t *hi)
{
    if (p->slots_n == 0 || !p->exact)
        return false;
    *lo = atomic_load(&p->key_min);
    *hi = atomic_load(&p->key_max);
    return true;
}
