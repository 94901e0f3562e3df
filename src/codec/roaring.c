/* SPDX-License-Identifier: Apache-2.0
 *
 * Positions of one upper half (32 bits) are kept in containers of 65,536 positions each:
 *
 *   ARRAY   up to 4,096 lower halves (16 bits), ascending
 *   BITS    a bit for each
 *   FULL    all of them
 *
 * Runs exist in the portable form only.  Memory is the arena's; an array that grows leaves its old place behind,
 * which at most doubles it. */
#include "codec/roaring.h"

#include "base/vec.h"

#define COOKIE_RUNS 12347 /* lower 16 bits; the upper ones hold the number of containers less one */
#define COOKIE_PLAIN 12346
#define OFFSETS_FROM 4 /* with runs, offsets stand only from so many containers on */
#define ARRAY_MAX 4096 /* values of an array */
#define BITS_WORDS 1024
#define CONTAINER_VALUES 65536 /* of one container; containers of one upper half, too */

enum container_kind { CONTAINER_ARRAY, CONTAINER_BITS, CONTAINER_FULL };

struct container {
    uint16_t key; /* bits 16 to 31 of its positions */
    enum container_kind kind;
    uint32_t n; /* positions */
    uint32_t cap;
    uint16_t *array;
    uint64_t *bits;
};

struct half {
    uint32_t key;                     /* bits 32 to 63 */
    VEC(struct container) containers; /* ascending */
};

struct positions {
    struct arena *arena;
    VEC(struct half) halves; /* ascending */
};

struct positions *positions_create(struct arena *a)
{
    struct positions *p = arena_new(a, struct positions);
    p->arena = a;
    return p;
}

/* ---- Finding places */

static size_t half_place(const struct positions *p, uint32_t key)
{
    size_t lo = 0, hi = p ? p->halves.n : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->halves.at[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t container_place(const struct half *h, uint32_t key)
{
    size_t lo = 0, hi = h->containers.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (h->containers.at[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Of the first value that is not below `low`. */
static size_t array_place(const struct container *c, uint32_t low)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->array[mid] < low)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const struct container *find(const struct positions *p, uint64_t position)
{
    uint32_t high = (uint32_t)(position >> 32), key = (uint32_t)position >> 16;
    size_t i = half_place(p, high);
    if (!p || i == p->halves.n || p->halves.at[i].key != high)
        return NULL;
    const struct half *h = &p->halves.at[i];
    size_t k = container_place(h, key);
    return k < h->containers.n && h->containers.at[k].key == key ? &h->containers.at[k] : NULL;
}

static struct half *half_of(struct positions *p, uint32_t key)
{
    size_t at = half_place(p, key);
    if (at < p->halves.n && p->halves.at[at].key == key)
        return &p->halves.at[at];
    (void)vec_push(p->arena, &p->halves);
    memmove(&p->halves.at[at + 1], &p->halves.at[at],
            (p->halves.n - 1 - at) * sizeof *p->halves.at);
    p->halves.at[at] = (struct half){ .key = key };
    return &p->halves.at[at];
}

static struct container *container_of(struct positions *p, uint64_t position)
{
    struct half *h = half_of(p, (uint32_t)(position >> 32));
    uint16_t key = (uint16_t)(position >> 16);
    size_t at = h->containers.n;
    if (at && h->containers.at[at - 1].key >= key)
        at = container_place(h, key);
    if (at < h->containers.n && h->containers.at[at].key == key)
        return &h->containers.at[at];
    (void)vec_push(p->arena, &h->containers);
    memmove(&h->containers.at[at + 1], &h->containers.at[at],
            (h->containers.n - 1 - at) * sizeof *h->containers.at);
    h->containers.at[at] = (struct container){ .key = key };
    return &h->containers.at[at];
}

/* ---- Bits */

static bool bit_at(const uint64_t *words, size_t i)
{
    return words[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *words, size_t i)
{
    words[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Bits from to to - 1. */
static void set_bits(uint64_t *words, size_t from, size_t to)
{
    for (; from < to && from % 64; from++)
        set_bit(words, from);
    for (; from + 64 <= to; from += 64)
        words[from / 64] = UINT64_MAX;
    for (; from < to; from++)
        set_bit(words, from);
}

static uint32_t count_bits(const uint64_t *words)
{
    uint32_t n = 0;
    for (size_t i = 0; i < BITS_WORDS; i++)
        n += (uint32_t)__builtin_popcountll(words[i]);
    return n;
}

/* ---- Changing one container */

static void to_bits(struct container *c, struct arena *a)
{
    if (c->kind != CONTAINER_ARRAY)
        return;
    c->bits = arena_array(a, uint64_t, BITS_WORDS);
    for (size_t i = 0; i < c->n; i++)
        set_bit(c->bits, c->array[i]);
    c->kind = CONTAINER_BITS;
}

/* After its bits have changed. */
static void recount(struct container *c)
{
    c->n = count_bits(c->bits);
    if (c->n == CONTAINER_VALUES)
        c->kind = CONTAINER_FULL;
}

static void grow_array(struct container *c, uint32_t n, struct arena *a)
{
    if (n <= c->cap)
        return;
    uint32_t cap = c->cap ? 2 * c->cap : 8;
    cap = cap < n ? n : cap > ARRAY_MAX ? ARRAY_MAX : cap;
    uint16_t *array = arena_array(a, uint16_t, cap);
    if (c->n)
        memcpy(array, c->array, c->n * sizeof *array);
    c->array = array;
    c->cap = cap;
}

static void add_to_array(struct container *c, uint16_t low, struct arena *a)
{
    size_t at = c->n && c->array[c->n - 1] >= low ? array_place(c, low) : c->n;
    if (at < c->n && c->array[at] == low)
        return;
    grow_array(c, c->n + 1, a);
    memmove(&c->array[at + 1], &c->array[at], (c->n - at) * sizeof *c->array);
    c->array[at] = low;
    c->n++;
}

static void add_low(struct container *c, uint16_t low, struct arena *a)
{
    if (c->kind == CONTAINER_ARRAY && c->n < ARRAY_MAX) {
        add_to_array(c, low, a);
        return;
    }
    to_bits(c, a);
    if (c->kind == CONTAINER_FULL || bit_at(c->bits, low))
        return;
    set_bit(c->bits, low);
    if (++c->n == CONTAINER_VALUES)
        c->kind = CONTAINER_FULL;
}

static void add_lows(struct container *c, uint32_t from, uint32_t to, struct arena *a)
{
    if (c->kind == CONTAINER_ARRAY && c->n + (to - from) <= ARRAY_MAX) {
        for (; from < to; from++)
            add_to_array(c, (uint16_t)from, a);
    } else if (to - from == CONTAINER_VALUES) {
        c->kind = CONTAINER_FULL;
        c->n = CONTAINER_VALUES;
    } else if (c->kind != CONTAINER_FULL) {
        to_bits(c, a);
        set_bits(c->bits, from, to);
        recount(c);
    }
}

static void unite(struct container *c, const struct container *from, struct arena *a)
{
    if (from->kind == CONTAINER_FULL)
        add_lows(c, 0, CONTAINER_VALUES, a);
    if (from->kind == CONTAINER_ARRAY)
        for (size_t i = 0; i < from->n; i++)
            add_low(c, from->array[i], a);
    if (from->kind != CONTAINER_BITS || c->kind == CONTAINER_FULL)
        return;
    to_bits(c, a);
    for (size_t i = 0; i < BITS_WORDS; i++)
        c->bits[i] |= from->bits[i];
    recount(c);
}

/* ---- Changing a set */

void positions_add(struct positions *p, uint64_t position)
{
    ASSERT(position <= POSITION_MAX);
    add_low(container_of(p, position), (uint16_t)position, p->arena);
}

void positions_add_many(struct positions *p, const int64_t *at, size_t n)
{
    struct container *c = NULL;
    for (size_t i = 0; i < n; i++) {
        ASSERT((uint64_t)at[i] <= POSITION_MAX);
        if (i == 0 || (at[i] ^ at[i - 1]) >> 16)
            c = container_of(p, (uint64_t)at[i]);
        add_low(c, (uint16_t)at[i], p->arena);
    }
}

void positions_add_range(struct positions *p, uint64_t from, uint64_t to)
{
    ASSERT(to <= POSITION_MAX + 1);
    while (from < to) {
        uint64_t base = from & ~(uint64_t)0xFFFF, end = base + CONTAINER_VALUES;
        uint64_t stop = to < end ? to : end;
        add_lows(container_of(p, from), (uint32_t)(from - base), (uint32_t)(stop - base), p->arena);
        from = stop;
    }
}

void positions_add_all(struct positions *p, const struct positions *from)
{
    for (size_t i = 0; from && i < from->halves.n; i++) {
        const struct half *h = &from->halves.at[i];
        for (size_t k = 0; k < h->containers.n; k++) {
            const struct container *c = &h->containers.at[k];
            unite(container_of(p, (uint64_t)h->key << 32 | (uint64_t)c->key << 16), c, p->arena);
        }
    }
}

/* ---- Reading a set */

static bool has_low(const struct container *c, uint16_t low)
{
    if (c->kind == CONTAINER_FULL)
        return true;
    if (c->kind == CONTAINER_BITS)
        return bit_at(c->bits, low);
    size_t at = array_place(c, low);
    return at < c->n && c->array[at] == low;
}

bool positions_has(const struct positions *p, uint64_t position)
{
    const struct container *c = find(p, position);
    return c && has_low(c, (uint16_t)position);
}

uint64_t positions_count(const struct positions *p)
{
    uint64_t n = 0;
    for (size_t i = 0; p && i < p->halves.n; i++)
        for (size_t k = 0; k < p->halves.at[i].containers.n; k++)
            n += p->halves.at[i].containers.at[k].n;
    return n;
}

/* The first value of a container that is not below `low`, or CONTAINER_VALUES. */
static uint32_t next_low(const struct container *c, uint32_t low)
{
    if (low >= CONTAINER_VALUES || c->kind == CONTAINER_FULL)
        return low;
    if (c->kind == CONTAINER_ARRAY) {
        size_t at = array_place(c, low);
        return at < c->n ? c->array[at] : CONTAINER_VALUES;
    }
    size_t w = low / 64;
    uint64_t word = c->bits[w] & UINT64_MAX << (low % 64);
    while (!word && ++w < BITS_WORDS)
        word = c->bits[w];
    return word ? (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(word) : CONTAINER_VALUES;
}

static uint32_t last_low(const struct container *c)
{
    if (c->kind == CONTAINER_FULL)
        return CONTAINER_VALUES - 1;
    if (c->kind == CONTAINER_ARRAY)
        return c->array[c->n - 1];
    size_t w = BITS_WORDS - 1;
    while (!c->bits[w])
        w--;
    return (uint32_t)(w * 64 + 63) - (uint32_t)__builtin_clzll(c->bits[w]);
}

bool positions_last(const struct positions *p, uint64_t *out)
{
    if (!p || p->halves.n == 0)
        return false;
    const struct half *h = &p->halves.at[p->halves.n - 1];
    const struct container *c = &h->containers.at[h->containers.n - 1];
    *out = (uint64_t)h->key << 32 | (uint64_t)c->key << 16 | last_low(c);
    return true;
}

static size_t list_container(const struct half *h, const struct container *c, uint64_t from,
                             uint64_t *out, size_t max)
{
    uint64_t base = (uint64_t)h->key << 32 | (uint64_t)c->key << 16;
    uint32_t low = from > base ? (uint32_t)(from - base) : 0;
    size_t n = 0;
    for (low = next_low(c, low); n < max && low < CONTAINER_VALUES; low = next_low(c, low + 1))
        out[n++] = base | low;
    return n;
}

size_t positions_list(const struct positions *p, uint64_t from, uint64_t *out, size_t max)
{
    size_t n = 0;
    for (size_t i = half_place(p, (uint32_t)(from >> 32)); p && i < p->halves.n && n < max; i++) {
        const struct half *h = &p->halves.at[i];
        bool same = h->key == (uint32_t)(from >> 32);
        for (size_t k = same ? container_place(h, (uint32_t)from >> 16) : 0;
             k < h->containers.n && n < max; k++)
            n += list_container(h, &h->containers.at[k], from, out + n, max - n);
    }
    return n;
}

/* Bits low to low + n - 1 of a container into mask from bit `shift` on. */
static void mask_container(const struct container *c, uint32_t low, size_t n, uint64_t *mask,
                           size_t shift)
{
    if (c->kind == CONTAINER_FULL) {
        set_bits(mask, shift, shift + n);
        return;
    }
    if (c->kind == CONTAINER_ARRAY) {
        for (size_t i = array_place(c, low); i < c->n && c->array[i] < low + n; i++)
            set_bit(mask, shift + c->array[i] - low);
        return;
    }
    for (size_t done = 0; done < n;) { /* a word of the target at once */
        size_t at = low + done, to = shift + done, room = 64 - to % 64;
        size_t take = n - done < room ? n - done : room;
        uint64_t word = c->bits[at / 64] >> (at % 64);
        if (at % 64 && at / 64 + 1 < BITS_WORDS)
            word |= c->bits[at / 64 + 1] << (64 - at % 64);
        if (take < 64)
            word &= ((uint64_t)1 << take) - 1;
        mask[to / 64] |= word << (to % 64);
        done += take;
    }
}

void positions_mask(const struct positions *p, uint64_t from, size_t n, uint64_t *mask)
{
    for (size_t done = 0; done < n;) {
        uint64_t at = from + done;
        size_t left = CONTAINER_VALUES - (at & 0xFFFF), now = n - done < left ? n - done : left;
        const struct container *c = find(p, at);
        if (c)
            mask_container(c, (uint32_t)(at & 0xFFFF), now, mask, done);
        done += now;
    }
}

/* ---- Writing the portable form */

static void add_le(struct buf *out, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, v >>= 8)
        buf_add_char(out, (char)v);
}

static size_t count_runs(const struct container *c)
{
    size_t runs = 0;
    if (c->kind == CONTAINER_FULL)
        return 1;
    if (c->kind == CONTAINER_ARRAY) {
        for (size_t i = 0; i < c->n; i++)
            runs += i == 0 || c->array[i] != c->array[i - 1] + 1;
        return runs;
    }
    uint64_t before = 0; /* the last bit of the word before */
    for (size_t i = 0; i < BITS_WORDS; i++) {
        runs += (size_t)__builtin_popcountll(c->bits[i] & ~(c->bits[i] << 1 | before));
        before = c->bits[i] >> 63;
    }
    return runs;
}

struct plan {
    size_t runs; /* 0: not as runs */
    size_t bytes;
};

/* The smallest of the three forms; as the Java library decides. */
static struct plan plan_container(const struct container *c)
{
    size_t runs = count_runs(c), as_runs = 2 + 4 * runs;
    size_t plain = c->n <= ARRAY_MAX ? 2 * (size_t)c->n : BITS_WORDS * 8;
    if (as_runs < plain + (c->n <= ARRAY_MAX ? 2 : 0))
        return (struct plan){ runs, as_runs };
    return (struct plan){ 0, plain };
}

static void write_runs(const struct container *c, size_t runs, struct buf *out)
{
    add_le(out, runs, 2);
    for (uint32_t low = next_low(c, 0); low < CONTAINER_VALUES;) {
        uint32_t last = low;
        while (last + 1 < CONTAINER_VALUES && has_low(c, (uint16_t)(last + 1)))
            last++;
        add_le(out, low, 2);
        add_le(out, last - low, 2);
        low = next_low(c, last + 1);
    }
}

/* A FULL one is always runs. */
static void write_container(const struct container *c, struct plan plan, struct buf *out)
{
    if (plan.runs)
        write_runs(c, plan.runs, out);
    else if (c->n > ARRAY_MAX)
        for (size_t i = 0; i < BITS_WORDS; i++)
            add_le(out, c->bits[i], 8);
    else
        for (uint32_t low = next_low(c, 0); low < CONTAINER_VALUES; low = next_low(c, low + 1))
            add_le(out, low, 2);
}

static void write_head(const struct half *h, const struct plan *plans, bool runs, struct buf *out)
{
    size_t n = h->containers.n, at = runs ? 4 + (n + 7) / 8 : 8;
    add_le(out, runs ? COOKIE_RUNS | (uint64_t)(n - 1) << 16 : COOKIE_PLAIN, 4);
    if (!runs)
        add_le(out, n, 4);
    for (size_t i = 0; runs && i < n; i += 8) {
        unsigned byte = 0;
        for (size_t k = i; k < n && k < i + 8; k++)
            byte |= (plans[k].runs > 0) << (k - i);
        buf_add_char(out, (char)byte);
    }
    for (size_t i = 0; i < n; i++) {
        add_le(out, h->containers.at[i].key, 2);
        add_le(out, h->containers.at[i].n - 1, 2);
    }
    if (runs && n < OFFSETS_FROM)
        return;
    at += 8 * n;
    for (size_t i = 0; i < n; at += plans[i++].bytes)
        add_le(out, at, 4);
}

static void write_half(const struct half *h, struct arena *a, struct buf *out)
{
    size_t n = h->containers.n;
    struct plan *plans = arena_array(a, struct plan, n);
    bool runs = false;
    for (size_t i = 0; i < n; i++) {
        plans[i] = plan_container(&h->containers.at[i]);
        runs = runs || plans[i].runs;
    }
    add_le(out, h->key, 4);
    write_head(h, plans, runs, out);
    for (size_t i = 0; i < n; i++)
        write_container(&h->containers.at[i], plans[i], out);
}

void positions_write(const struct positions *p, struct buf *out)
{
    struct arena *a = arena_create(0);
    add_le(out, p->halves.n, 8);
    for (size_t i = 0; i < p->halves.n; i++)
        write_half(&p->halves.at[i], a, out);
    arena_destroy(a);
}

/* ---- Reading the portable form */

/* A reader whose failure is sticky. */
struct input {
    const uint8_t *p, *begin, *end;
    const char *mistake; /* NULL: none; its place is p */
    enum err_code code;
    size_t bitsets;
    struct arena *arena;
};

static void expect(struct input *in, bool holds, const char *mistake)
{
    if (holds || in->mistake)
        return;
    in->mistake = mistake;
    in->code = ERR_CORRUPT;
}

static const uint8_t *take(struct input *in, size_t n)
{
    static const uint8_t zeros[8]; /* for take_le; others ask for the mistake first */
    expect(in, n <= (size_t)(in->end - in->p), "it is cut short");
    if (in->mistake)
        return zeros;
    in->p += n;
    return in->p - n;
}

static uint64_t take_le(struct input *in, size_t bytes)
{
    const uint8_t *p = take(in, bytes);
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void make_bits(struct input *in, struct container *c)
{
    if (++in->bitsets > POSITIONS_BITSETS_MAX && !in->mistake) {
        in->mistake = "it holds too many positions";
        in->code = ERR_LIMIT;
    }
    if (in->mistake)
        return;
    c->bits = arena_array(in->arena, uint64_t, BITS_WORDS);
    c->kind = CONTAINER_BITS;
}

static void read_array(struct input *in, struct container *c)
{
    const uint8_t *p = take(in, 2 * (size_t)c->n);
    if (in->mistake)
        return;
    c->cap = c->n;
    c->array = arena_array(in->arena, uint16_t, c->n);
    for (size_t i = 0; i < c->n; i++) {
        c->array[i] = le16(p + 2 * i);
        expect(in, i == 0 || c->array[i - 1] < c->array[i], "an array is not ascending");
    }
}

static void read_bits(struct input *in, struct container *c)
{
    const uint8_t *p = take(in, BITS_WORDS * 8);
    make_bits(in, c);
    if (in->mistake)
        return;
    memcpy(c->bits, p, BITS_WORDS * 8);
    expect(in, count_bits(c->bits) == c->n, "a bitset has another number of values than it says");
    if (c->n == CONTAINER_VALUES)
        c->kind = CONTAINER_FULL;
}

/* (first, length less one), ascending, without overlap. */
static void check_runs(struct input *in, const uint8_t *p, size_t runs, uint32_t cardinality)
{
    uint32_t next = 0, found = 0;
    for (size_t i = 0; i < runs && !in->mistake; i++) {
        uint32_t first = le16(p + 4 * i), last = first + le16(p + 4 * i + 2);
        expect(in, first >= next && last < CONTAINER_VALUES, "runs are out of order");
        found += last - first + 1;
        next = last + 1;
    }
    expect(in, found == cardinality, "runs have another number of values than they say");
}

static void read_runs(struct input *in, struct container *c)
{
    size_t runs = (size_t)take_le(in, 2);
    const uint8_t *p = take(in, 4 * runs);
    if (in->mistake)
        return;
    check_runs(in, p, runs, c->n);
    if (c->n == CONTAINER_VALUES)
        c->kind = CONTAINER_FULL;
    else if (c->n > ARRAY_MAX)
        make_bits(in, c);
    else
        c->array = arena_array(in->arena, uint16_t, c->n);
    if (in->mistake || c->kind == CONTAINER_FULL)
        return;
    c->cap = c->kind == CONTAINER_ARRAY ? c->n : 0;
    for (size_t i = 0, n = 0; i < runs; i++) {
        uint32_t first = le16(p + 4 * i), last = first + le16(p + 4 * i + 2);
        if (c->kind == CONTAINER_BITS)
            set_bits(c->bits, first, last + 1);
        else
            for (uint32_t v = first; v <= last; v++)
                c->array[n++] = (uint16_t)v;
    }
}

/* What stands before the containers of one upper half. */
struct head {
    size_t n;
    const uint8_t *runs;  /* a bit a container; NULL: none is made of runs */
    const uint8_t *sizes; /* key (2) and cardinality less one (2) a container */
    const uint8_t *offsets;
};

static void read_head(struct input *in, struct head *h)
{
    uint32_t cookie = (uint32_t)take_le(in, 4);
    *h = (struct head){ 0 };
    if ((cookie & 0xFFFF) == COOKIE_RUNS) {
        h->n = (cookie >> 16) + 1;
        h->runs = take(in, (h->n + 7) / 8);
    } else {
        expect(in, cookie == COOKIE_PLAIN, "a bitmap does not begin with its cookie");
        h->n = (size_t)take_le(in, 4);
        expect(in, h->n <= CONTAINER_VALUES, "a bitmap has too many containers");
    }
    h->sizes = take(in, 4 * h->n);
    if (!h->runs || h->n >= OFFSETS_FROM)
        h->offsets = take(in, 4 * h->n);
    for (size_t i = 1; !in->mistake && i < h->n; i++)
        expect(in, le16(h->sizes + 4 * i - 4) < le16(h->sizes + 4 * i),
               "containers are not ascending");
}

static void read_container(struct input *in, const struct head *h, size_t i, const uint8_t *begin,
                           struct container *c)
{
    uint32_t offset = (uint32_t)(in->p - begin), said = offset;
    c->key = le16(h->sizes + 4 * i);
    c->n = (uint32_t)le16(h->sizes + 4 * i + 2) + 1;
    if (h->offsets)
        said = le16(h->offsets + 4 * i) | (uint32_t)le16(h->offsets + 4 * i + 2) << 16;
    expect(in, said == offset, "a container is not where it should be");
    if (h->runs && (h->runs[i / 8] >> (i % 8) & 1))
        read_runs(in, c);
    else if (c->n <= ARRAY_MAX)
        read_array(in, c);
    else
        read_bits(in, c);
}

/* Halves without containers are left out. */
static void read_half(struct input *in, struct positions *out, int64_t *previous)
{
    uint32_t key = (uint32_t)take_le(in, 4);
    struct head head;
    expect(in, key <= POSITION_MAX >> 32, "a position is too large");
    expect(in, (int64_t)key > *previous, "the upper halves are not ascending");
    *previous = key;
    const uint8_t *begin = in->p;
    read_head(in, &head);
    if (in->mistake || head.n == 0)
        return;
    struct half *h = vec_push(in->arena, &out->halves);
    h->key = key;
    h->containers.at = arena_array(in->arena, struct container, head.n);
    h->containers.n = h->containers.cap = head.n;
    for (size_t i = 0; !in->mistake && i < head.n; i++)
        read_container(in, &head, i, begin, &h->containers.at[i]);
}

bool positions_read(str bytes, struct arena *a, struct positions **out, struct error *err)
{
    const uint8_t *begin = (const uint8_t *)bytes.ptr;
    struct input in = { .p = begin, .begin = begin, .end = begin + bytes.len, .arena = a };
    if (bytes.len > POSITIONS_BYTES_MAX)
        return fail(err, ERR_LIMIT, "a roaring bitmap has more than %zu bytes",
                    POSITIONS_BYTES_MAX);
    *out = positions_create(a);
    uint64_t n = take_le(&in, 8);
    int64_t previous = -1;
    for (uint64_t i = 0; !in.mistake && i < n; i++)
        read_half(&in, *out, &previous);
    expect(&in, in.p == in.end, "bytes follow it");
    if (in.mistake)
        return fail(err, in.code, "roaring bitmap, byte %zu: %s", (size_t)(in.p - in.begin),
                    in.mistake);
    return true;
}
