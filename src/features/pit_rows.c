/* SPDX-License-Identifier: Apache-2.0
 *
 * From slots to answers.  Each key's slots get a running maximum and the ttl test; the rows that
 * are left, the winners, become a bitmap over (file, row) with a count before each 512 bits, so
 * that a winner's place among all winners is one lookup.  The second pass over the features jumps
 * from bit to bit and copies values, in file order, into one compact record a winner; an entity row
 * then needs one number, its winner, and one access for all its values. */
#include "features/pit_priv.h"

#define PIT_BLOCK_WORDS 8 /* of 64 bits, between two counts */
#define PIT_BLOCK_BITS (PIT_BLOCK_WORDS * 64)

static size_t task_end(size_t i, size_t n)
{
    size_t end = (i + 1) * PIT_TASK_ROWS;
    return end < n ? end : n;
}

static size_t task_count(size_t n)
{
    return (n + PIT_TASK_ROWS - 1) / PIT_TASK_ROWS;
}

static bool same_key(const struct pit *p, size_t a, size_t b)
{
    if (p->slots[a].hash != p->slots[b].hash)
        return false;
    return !p->collisions || pit_key_cmp(p, p->slot_entity[a], p->slot_entity[b]) == 0;
}

/* Whether slot a's own best row is older than slot b's, which is an earlier one of the key. */
static bool loses_to(const struct pit *p, size_t a, int64_t ts, int64_t created, uint64_t row)
{
    const struct pit_slot *s = &p->slots[a];
    int64_t own = s->best_ts, own_created = p->created ? p->created[a] : 0;
    if (row == PIT_NO_ROW || s->best_row == PIT_NO_ROW)
        return row != PIT_NO_ROW;
    if (own != ts)
        return own < ts;
    return own_created != created ? own_created < created : s->best_row < row;
}

static void file_row_reach(struct pit *p, uint64_t ref)
{
    _Atomic int64_t *rows = &p->file_rows[pit_ref_file(ref)];
    int64_t n = pit_ref_row(ref) + 1, old = atomic_load_explicit(rows, memory_order_relaxed);
    while (n > old && !atomic_compare_exchange_weak(rows, &old, n))
        ;
}

/* Slots of a range of buckets; a key's slots are in one bucket. */
static bool settle_buckets(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct pit *p = ctx;
    size_t first = p->buckets[t * PIT_TASK_ROWS].slot;
    size_t end = p->buckets[task_end(t, p->buckets_n)].slot;
    int64_t ts = 0, created = 0;
    uint64_t row = PIT_NO_ROW;
    for (size_t i = first; i < end; i++) {
        struct pit_slot *s = &p->slots[i];
        if (i == first || !same_key(p, i, i - 1))
            row = PIT_NO_ROW;
        if (!loses_to(p, i, ts, created, row)) {
            ts = s->best_ts;
            created = p->created ? p->created[i] : 0;
            row = s->best_row;
        }
        bool found =
            row != PIT_NO_ROW && ts >= pit_oldest(pit_order_time(s->order), p->config.ttl_us);
        atomic_store_explicit(&s->best_row, found ? row : PIT_NO_ROW, memory_order_relaxed);
        if (found)
            file_row_reach(p, row);
    }
    return true;
}

static void bits_alloc(struct pit *p)
{
    size_t files = p->files_n;
    p->file_blocks = pit_pages(files + 1, sizeof *p->file_blocks);
    for (size_t f = 0; f < files; f++)
        p->file_blocks[f + 1] =
            p->file_blocks[f] + (size_t)(p->file_rows[f] + PIT_BLOCK_BITS - 1) / PIT_BLOCK_BITS;
    p->bits = pit_pages(p->file_blocks[files] * PIT_BLOCK_WORDS, sizeof *p->bits);
    p->ranks = pit_pages(p->file_blocks[files] + 1, sizeof *p->ranks);
}

static size_t bit_of(const struct pit *p, uint32_t file, int64_t row)
{
    return p->file_blocks[file] * PIT_BLOCK_BITS + (size_t)row;
}

static bool mark_winners(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct pit *p = ctx;
    for (size_t i = t * PIT_TASK_ROWS; i < task_end(t, p->slots_n); i++) {
        uint64_t ref = p->slots[i].best_row;
        if (ref == PIT_NO_ROW)
            continue;
        size_t bit = bit_of(p, pit_ref_file(ref), pit_ref_row(ref));
        atomic_fetch_or_explicit(&p->bits[bit / 64], (uint64_t)1 << (bit % 64),
                                 memory_order_relaxed);
    }
    return true;
}

static void sum_ranks(struct pit *p)
{
    size_t blocks = p->file_blocks[p->files_n];
    uint32_t n = 0;
    for (size_t b = 0; b < blocks; b++) {
        p->ranks[b] = n;
        for (size_t w = 0; w < PIT_BLOCK_WORDS; w++)
            n += (uint32_t)__builtin_popcountll(p->bits[b * PIT_BLOCK_WORDS + w]);
    }
    p->ranks[blocks] = n;
    p->winners_n = n;
}

/* How many winners come before this bit. */
static uint32_t rank_of(const struct pit *p, size_t bit)
{
    size_t block = bit / PIT_BLOCK_BITS;
    uint32_t n = p->ranks[block];
    for (size_t w = block * PIT_BLOCK_WORDS; w < bit / 64; w++)
        n += (uint32_t)__builtin_popcountll(p->bits[w]);
    uint64_t below = ((uint64_t)1 << (bit % 64)) - 1;
    return n + (uint32_t)__builtin_popcountll(p->bits[bit / 64] & below);
}

static bool number_slots(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct pit *p = ctx;
    for (size_t i = t * PIT_TASK_ROWS; i < task_end(t, p->slots_n); i++) {
        uint64_t ref = p->slots[i].best_row;
        if (ref == PIT_NO_ROW)
            continue;
        uint32_t rank = rank_of(p, bit_of(p, pit_ref_file(ref), pit_ref_row(ref)));
        atomic_store_explicit(&p->slots[i].best_row, rank + 1, memory_order_relaxed);
    }
    return true;
}

static bool number_entities(void *ctx, size_t t, struct error *err)
{
    (void)err;
    struct pit *p = ctx;
    size_t matched = 0;
    for (size_t i = t * PIT_TASK_ROWS; i < task_end(t, p->config.entities_n); i++) {
        uint32_t slot = p->slot_of[i];
        p->slot_of[i] = slot == PIT_NO_SLOT ? 0 : (uint32_t)p->slots[slot].best_row;
        matched += p->slot_of[i] != 0;
    }
    atomic_fetch_add(&p->matched_n, matched);
    return true;
}

bool pit_finish(struct pit *p, struct error *err)
{
    ASSERT(p->phase == PIT_OFFERING && !pit_tied(p));
    p->phase = PIT_FINISHED;
    if (!pit_parallel(p, task_count(p->buckets_n), settle_buckets, p, err))
        return false;
    bits_alloc(p);
    if (!pit_parallel(p, task_count(p->slots_n), mark_winners, p, err))
        return false;
    sum_ranks(p);
    if (!pit_parallel(p, task_count(p->slots_n), number_slots, p, err) ||
        !pit_parallel(p, task_count(p->config.entities_n), number_entities, p, err))
        return false;
    pit_release_slots(p);
    return true;
}

size_t pit_winners(const struct pit *p)
{
    return p->winners_n;
}

size_t pit_matched(const struct pit *p)
{
    return p->matched_n;
}

size_t pit_file_winners(const struct pit *p, uint32_t file)
{
    return p->ranks[p->file_blocks[file + 1]] - p->ranks[p->file_blocks[file]];
}

/* The first set bit at or after `from`, or `end`. */
static size_t next_bit(const struct pit *p, size_t from, size_t end)
{
    while (from < end) {
        uint64_t word = p->bits[from / 64] >> (from % 64);
        if (word) {
            size_t bit = from + (size_t)__builtin_ctzll(word);
            return bit < end ? bit : end;
        }
        from = (from / 64 + 1) * 64;
    }
    return end;
}

bool pit_file_run(const struct pit *p, uint32_t file, int64_t gap, int64_t *from, int64_t *to)
{
    size_t base = bit_of(p, file, 0), end = base + (size_t)p->file_rows[file];
    if (*from >= p->file_rows[file])
        return false;
    size_t first = next_bit(p, base + (size_t)*from, end), last = first;
    if (first == end)
        return false;
    for (size_t bit = first; bit < end && bit - last <= (size_t)gap;
         bit = next_bit(p, bit + 1, end))
        last = bit;
    *from = (int64_t)(first - base);
    *to = (int64_t)(last - base) + 1;
    return true;
}

bool pit_rows_open(struct pit *p, const uint8_t *widths, size_t n, struct error *err)
{
    ASSERT(p->phase == PIT_FINISHED);
    if (n > PIT_COLUMNS_MAX)
        return fail(err, ERR_LIMIT, "%zu feature columns, at most %d", n, PIT_COLUMNS_MAX);
    p->phase = PIT_TAKING;
    p->columns_n = n;
    p->widths = pit_pages(n, sizeof *p->widths);
    p->offsets = pit_pages(n, sizeof *p->offsets);
    uint32_t at = (uint32_t)((n + 63) / 64 * 8);
    for (size_t c = 0; c < n; c++) {
        p->widths[c] = widths[c];
        p->offsets[c] = at;
        at += widths[c] == 0 || widths[c] == 16 ? 16 : 8;
    }
    p->row_bytes = at;
    p->rows = pit_pages(p->winners_n, p->row_bytes);
    return true;
}

void pit_release_rows(struct pit *p)
{
    size_t files = p->files_n;
    if (p->file_blocks) {
        size_t blocks = p->file_blocks[files];
        pit_pages_free(p->bits, blocks * PIT_BLOCK_WORDS, sizeof *p->bits);
        pit_pages_free(p->ranks, blocks + 1, sizeof *p->ranks);
        pit_pages_free(p->file_blocks, files + 1, sizeof *p->file_blocks);
    }
    pit_pages_free(p->rows, p->winners_n, p->row_bytes);
    pit_pages_free(p->widths, p->columns_n, sizeof *p->widths);
    pit_pages_free(p->offsets, p->columns_n, sizeof *p->offsets);
}

/* Winners of a batch: which rows of it, and the record of each. */
struct take {
    uint16_t rows[PIT_BATCH_MAX];
    uint32_t records[PIT_BATCH_MAX];
    size_t n;
};

/* Rows that follow each other, as they do unless the engine filtered: bit by bit. */
static void take_run(const struct pit *p, uint32_t file, const int64_t *rows, size_t n,
                     struct take *t)
{
    size_t first = bit_of(p, file, rows[0]);
    size_t end = bit_of(p, file, p->file_rows[file]);
    end = first + n < end ? first + n : end;
    size_t bit = next_bit(p, first, end);
    if (bit >= end)
        return;
    for (uint32_t record = rank_of(p, bit); bit < end; bit = next_bit(p, bit + 1, end)) {
        t->rows[t->n] = (uint16_t)(bit - first);
        t->records[t->n++] = record++;
    }
}

static void take_each(const struct pit *p, uint32_t file, const int64_t *rows, size_t n,
                      struct take *t)
{
    for (size_t i = 0; i < n; i++) {
        if ((uint64_t)rows[i] >= (uint64_t)p->file_rows[file])
            continue;
        size_t bit = bit_of(p, file, rows[i]);
        if (p->bits[bit / 64] >> (bit % 64) & 1) {
            t->rows[t->n] = (uint16_t)i;
            t->records[t->n++] = rank_of(p, bit);
        }
    }
}

#define COPY_CELLS(type)                                                                           \
    do {                                                                                           \
        const type *from = data;                                                                   \
        for (size_t j = 0; j < t->n; j++)                                                          \
            *(type *)(void *)(to + t->records[j] * p->row_bytes) = from[t->rows[j]];               \
    } while (0)

struct cell16 {
    uint64_t half[2];
};

static void copy_cells(const struct pit *p, const struct take *t, size_t c, const void *data)
{
    char *to = p->rows + p->offsets[c];
    switch (p->widths[c]) {
    case 1:
        COPY_CELLS(uint8_t);
        break;
    case 2:
        COPY_CELLS(uint16_t);
        break;
    case 4:
        COPY_CELLS(uint32_t);
        break;
    case 8:
        COPY_CELLS(uint64_t);
        break;
    default:
        COPY_CELLS(struct cell16);
        break;
    }
}

static bool copy_strings(struct pit *p, const struct take *t, size_t c,
                         const struct pit_column *from, struct error *err)
{
    size_t bytes = 0;
    for (size_t j = 0; j < t->n; j++) {
        size_t len = pit_bit(from->valid, t->rows[j]) ? pit_text(from, t->rows[j]).len : 0;
        if (len > PIT_VALUE_BYTES_MAX)
            return fail(err, ERR_LIMIT, "feature value of %zu bytes, at most %u", len,
                        PIT_VALUE_BYTES_MAX);
        bytes += len;
    }
    char *at = pit_heap_take(&p->heap, bytes);
    for (size_t j = 0; j < t->n; j++) {
        str s = { 0 };
        if (pit_bit(from->valid, t->rows[j]))
            s = pit_text(from, t->rows[j]);
        if (s.len)
            memcpy(at, s.ptr, s.len);
        *(str *)(void *)(p->rows + t->records[j] * p->row_bytes + p->offsets[c]) =
            str_make(at, s.len);
        at += s.len;
    }
    return true;
}

static void copy_nulls(const struct pit *p, const struct take *t, size_t c, const uint64_t *valid)
{
    for (size_t j = 0; valid && j < t->n; j++)
        if (!pit_bit(valid, t->rows[j])) {
            uint64_t *nulls = (void *)(p->rows + t->records[j] * p->row_bytes);
            nulls[c / 64] |= (uint64_t)1 << (c % 64);
        }
}

static bool copy_column(struct pit *p, const struct take *t, size_t c,
                        const struct pit_column *from, struct error *err)
{
    if (!p->widths[c]) {
        if (!copy_strings(p, t, c, from, err))
            return false;
    } else {
        copy_cells(p, t, c, from->data);
    }
    copy_nulls(p, t, c, from->valid);
    return true;
}

bool pit_take(struct pit *p, uint32_t file, const int64_t *rows, size_t n, size_t first,
              const struct pit_column *columns, size_t columns_n, struct error *err)
{
    ASSERT(p->phase == PIT_TAKING && n <= PIT_BATCH_MAX && file < p->files_n);
    ASSERT(first + columns_n <= p->columns_n);
    if (n == 0 || rows[0] >= p->file_rows[file])
        return true;
    if (rows[0] < 0)
        return fail(err, ERR_INVALID, "negative row number");
    struct take t;
    t.n = 0;
    if (rows[n - 1] - rows[0] == (int64_t)n - 1)
        take_run(p, file, rows, n, &t);
    else
        take_each(p, file, rows, n, &t);
    for (size_t c = 0; t.n && c < columns_n; c++)
        if (!copy_column(p, &t, first + c, &columns[c], err))
            return false;
    if (first == 0)
        atomic_fetch_add_explicit(&p->taken_n, t.n, memory_order_relaxed);
    return true;
}

bool pit_rows_close(struct pit *p, struct error *err)
{
    ASSERT(p->phase == PIT_TAKING);
    p->phase = PIT_GATHERING;
    size_t taken = atomic_load(&p->taken_n);
    if (taken != p->winners_n)
        return fail(err, ERR_CORRUPT, "feature files changed: %zu of %zu rows were found again",
                    taken, p->winners_n);
    return true;
}

#define GATHER_CELLS(type)                                                                         \
    do {                                                                                           \
        type *to = out;                                                                            \
        for (size_t i = 0; i < n; i++)                                                             \
            if (records[i])                                                                        \
                to[i] = *(const type *)(const void *)(from + (records[i] - 1) * p->row_bytes);     \
            else                                                                                   \
                to[i] = (type){ 0 };                                                               \
    } while (0)

static void gather_cells(const struct pit *p, const uint32_t *records, size_t n, size_t c,
                         void *out)
{
    const char *from = p->rows + p->offsets[c];
    switch (p->widths[c]) {
    case 0:
        GATHER_CELLS(str);
        break;
    case 1:
        GATHER_CELLS(uint8_t);
        break;
    case 2:
        GATHER_CELLS(uint16_t);
        break;
    case 4:
        GATHER_CELLS(uint32_t);
        break;
    case 8:
        GATHER_CELLS(uint64_t);
        break;
    default:
        GATHER_CELLS(struct cell16);
        break;
    }
}

static void gather_valid(const struct pit *p, const uint32_t *records, size_t n, size_t c,
                         uint64_t *valid)
{
    memset(valid, 0, (n + 63) / 64 * 8);
    for (size_t i = 0; i < n; i++) {
        if (!records[i])
            continue;
        const uint64_t *nulls = (const void *)(p->rows + (records[i] - 1) * p->row_bytes);
        uint64_t there = ~nulls[c / 64] >> (c % 64) & 1;
        valid[i / 64] |= there << (i % 64);
    }
}

bool pit_gather(const struct pit *p, const int64_t *ordinals, size_t n, size_t column, void *out,
                uint64_t *valid, struct error *err)
{
    ASSERT(p->phase == PIT_GATHERING && n <= PIT_BATCH_MAX && column < p->columns_n);
    uint32_t records[PIT_BATCH_MAX];
    for (size_t i = 0; i < n; i++) {
        if ((uint64_t)ordinals[i] >= p->config.entities_n)
            return fail(err, ERR_INVALID, "entity row %lld is not one of %zu",
                        (long long)ordinals[i], p->config.entities_n);
        records[i] = p->slot_of[ordinals[i]];
        if (records[i])
            __builtin_prefetch(p->rows + (records[i] - 1) * p->row_bytes);
    }
    gather_cells(p, records, n, column, out);
    gather_valid(p, records, n, column, valid);
    return true;
}
