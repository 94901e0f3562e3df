/* SPDX-License-Identifier: Apache-2.0
 *
 * The Alpha family (A. Dasgupta, K. Lang, L. Rhodes, J. Thaler, "A Framework for Estimating Stream Expression Cardinalities"):
 * up to k hashes all are kept; from then on each one that is new lowers theta by the factor k / (k + 1), and what lies above goes.
 *
 *  T1 The table holds every hash below theta that was added.  It may hold others still; they go when it is full.
 *  T2 No hash is 0, so 0 is a free place.
 *  T3 The table has at least one free place, so a search ends.
 *
 * The compact form: a preamble of 1 to 3 words of 8 bytes, then the hashes, all little endian.
 *
 *      byte 0 words of the preamble   1 version   2 family (3: compact)   3, 4 unused   5 flags   6, 7 hash of the seed
 *           8 count (4 bytes)        12 p (a float, 1.0)
 *          16 theta, if it is below the most
 *
 * An empty sketch has one word, and so has one with a single hash, which follows. */
#include "codec/theta.h"

#include <stdlib.h>

#include "codec/murmur.h"

#define SLOTS_FIRST 64
#define SLOTS_MAX ((size_t)4 * THETA_K)
#define ALPHA ((double)THETA_K / ((double)THETA_K + 1))

struct theta {
    struct arena *a;
    uint64_t *slots;
    uint64_t *spare; /* as large; for taking out hashes above theta */
    size_t slots_n, used;
    size_t seen; /* new hashes up to k + 1 */
    uint64_t theta;
};

uint64_t theta_hash(str bytes)
{
    uint64_t h[2];
    if (bytes.len == 0)
        return 0;
    murmur3_128(bytes, THETA_SEED, h);
    return h[0] >> 1;
}

/* ---- The table. */

static size_t place_of(const uint64_t *slots, size_t slots_n, uint64_t hash)
{
    size_t at = (size_t)hash & (slots_n - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (slots_n - 1);
    return at;
}

struct theta *theta_create(struct arena *a)
{
    struct theta *t = arena_new(a, struct theta);
    t->a = a;
    t->slots_n = SLOTS_FIRST;
    t->slots = arena_array(a, uint64_t, SLOTS_FIRST);
    t->theta = THETA_MAX;
    return t;
}

/* Into another table, without what is above theta. */
static void move_to(struct theta *t, uint64_t *slots, size_t slots_n)
{
    t->used = 0;
    for (size_t i = 0; i < t->slots_n; i++)
        if (t->slots[i] != 0 && t->slots[i] < t->theta) {
            slots[place_of(slots, slots_n, t->slots[i])] = t->slots[i];
            t->used++;
        }
}

static void make_room(struct theta *t)
{
    if (t->slots_n < SLOTS_MAX) {
        uint64_t *slots = arena_array(t->a, uint64_t, t->slots_n * 2);
        move_to(t, slots, t->slots_n * 2);
        t->slots = slots;
        t->slots_n *= 2;
        return;
    }
    if (!t->spare)
        t->spare = arena_array(t->a, uint64_t, SLOTS_MAX);
    memset(t->spare, 0, SLOTS_MAX * sizeof *t->spare);
    move_to(t, t->spare, SLOTS_MAX);
    uint64_t *was = t->slots;
    t->slots = t->spare;
    t->spare = was;
}

void theta_add(struct theta *t, uint64_t hash)
{
    if (hash == 0 || hash >= t->theta)
        return;
    size_t at = place_of(t->slots, t->slots_n, hash);
    if (t->slots[at] == hash)
        return;
    t->slots[at] = hash;
    t->used++;
    t->seen += t->seen <= THETA_K;
    if (t->seen > THETA_K) /* in doubles, as the library has it */
        t->theta = (uint64_t)((double)t->theta * ALPHA);
    if (t->used > t->slots_n / 4 * 3)
        make_room(t);
}

uint64_t theta_limit(const struct theta *t)
{
    return t->theta;
}

/* ---- Complete sketches. */

static int cmp_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_hashes(uint64_t *at, size_t n)
{
    if (n > 1)
        qsort(at, n, sizeof *at, cmp_hash);
}

void theta_finish(const struct theta *t, struct arena *a, struct theta_compact *out)
{
    uint64_t *hashes = arena_array(a, uint64_t, t->used);
    size_t n = 0;
    for (size_t i = 0; i < t->slots_n; i++)
        if (t->slots[i] != 0 && t->slots[i] < t->theta)
            hashes[n++] = t->slots[i];
    sort_hashes(hashes, n);
    *out = (struct theta_compact){ .hashes = hashes, .n = n, .theta = t->theta };
}

double theta_estimate(const struct theta_compact *s)
{
    return (double)s->n * ((double)THETA_MAX / (double)s->theta);
}

void theta_union(const struct theta_compact *const *sketches, size_t n, struct arena *a,
                 struct theta_compact *out)
{
    uint64_t theta = THETA_MAX;
    size_t total = 0, kept = 0, distinct = 0;
    for (size_t i = 0; i < n; i++) {
        theta = sketches[i]->theta < theta ? sketches[i]->theta : theta;
        total += sketches[i]->n;
    }
    uint64_t *hashes = arena_array(a, uint64_t, total);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sketches[i]->n && sketches[i]->hashes[k] < theta; k++)
            hashes[kept++] = sketches[i]->hashes[k];
    sort_hashes(hashes, kept);
    for (size_t i = 0; i < kept; i++)
        if (distinct == 0 || hashes[i] != hashes[distinct - 1])
            hashes[distinct++] = hashes[i];
    if (distinct > THETA_K) {
        theta = hashes[THETA_K];
        distinct = THETA_K;
    }
    *out = (struct theta_compact){ .hashes = hashes, .n = distinct, .theta = theta };
}

/* ---- Bytes. */

#define VERSION 3
#define FAMILY_COMPACT 3
#define FAMILY_AT_MOST 11 /* that the library has given a number */

enum {
    FLAG_BIG_ENDIAN = 1,
    FLAG_READ_ONLY = 2,
    FLAG_EMPTY = 4,
    FLAG_COMPACT = 8,
    FLAG_ORDERED = 16,
    FLAG_SINGLE = 32
};

static uint16_t seed_hash(void)
{
    uint64_t h[2];
    static const char seed[8] = { THETA_SEED & 0xff, THETA_SEED >> 8 };
    murmur3_128(str_make(seed, sizeof seed), 0, h);
    return (uint16_t)h[0];
}

static void add_le(struct buf *out, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_add_char(out, (char)(v >> (8 * i)));
}

static uint64_t load_le(str s, size_t at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)s.ptr[at + i] << (8 * i);
    return v;
}

void theta_write(const struct theta_compact *s, struct buf *out)
{
    bool exact = s->theta == THETA_MAX, empty = exact && s->n == 0, single = exact && s->n == 1;
    unsigned flags = FLAG_READ_ONLY | FLAG_COMPACT | FLAG_ORDERED | (empty ? FLAG_EMPTY : 0) |
                     (single ? FLAG_SINGLE : 0);
    size_t words = empty || single ? 1 : exact ? 2 : 3;
    add_le(out, words, 1);
    add_le(out, VERSION, 1);
    add_le(out, FAMILY_COMPACT, 1);
    add_le(out, 0, 2);
    add_le(out, flags, 1);
    add_le(out, empty ? 0 : seed_hash(), 2); /* the library's empty sketch is of any seed */
    if (words >= 2) {
        add_le(out, s->n, 4);
        add_le(out, 0x3f800000, 4);
    }
    if (words == 3)
        add_le(out, s->theta, 8);
    for (size_t i = 0; i < s->n; i++)
        add_le(out, s->hashes[i], 8);
}

static bool check_preamble(str b, struct error *err)
{
    unsigned version = (unsigned char)b.ptr[1], family = (unsigned char)b.ptr[2];
    unsigned flags = (unsigned char)b.ptr[5];
    if (family == 0 || family > FAMILY_AT_MOST)
        return fail(err, ERR_CORRUPT, "theta sketch: there is no family %u", family);
    if (family != FAMILY_COMPACT || !(flags & FLAG_COMPACT))
        return fail(err, ERR_UNSUPPORTED, "theta sketch: it is not a compact one (family %u)",
                    family);
    if (version != VERSION)
        return fail(err, version == 0 || version > 4 ? ERR_CORRUPT : ERR_UNSUPPORTED,
                    "theta sketch: version %u (version %d is read)", version, VERSION);
    if (flags & FLAG_BIG_ENDIAN)
        return fail(err, ERR_UNSUPPORTED, "theta sketch: it is big endian");
    if (!(flags & FLAG_EMPTY) && load_le(b, 6, 2) != seed_hash())
        return fail(err, ERR_UNSUPPORTED, "theta sketch: its hashes have another seed (%04x)",
                    (unsigned)load_le(b, 6, 2));
    return true;
}

/* How many hashes there are, where they begin, and theta. */
static bool read_counts(str b, size_t *from, size_t *n, uint64_t *theta, struct error *err)
{
    size_t words = (unsigned char)b.ptr[0] & 0x3f;
    unsigned flags = (unsigned char)b.ptr[5];
    *from = words * 8;
    *theta = THETA_MAX;
    *n = 0;
    if (words < 1 || words > 3 || b.len < words * 8)
        return fail(err, ERR_CORRUPT, "theta sketch: a preamble of %zu words in %zu bytes", words,
                    b.len);
    if (words == 1) /* older writers do not set the flag of a single one */
        *n = flags & FLAG_EMPTY ? 0 : 1;
    else
        *n = (size_t)load_le(b, 8, 4);
    if (words == 3)
        *theta = load_le(b, 16, 8);
    if (*theta == 0 || *theta > THETA_MAX)
        return fail(err, ERR_CORRUPT, "theta sketch: theta is out of range");
    if (*n > THETA_HASHES_MAX)
        return fail(err, ERR_LIMIT, "theta sketch: %zu hashes are more than %zu", *n,
                    THETA_HASHES_MAX);
    if ((flags & FLAG_EMPTY) && *n > 0)
        return fail(err, ERR_CORRUPT, "theta sketch: it is empty and has %zu hashes", *n);
    if (b.len != *from + *n * 8)
        return fail(err, ERR_CORRUPT, "theta sketch: %zu hashes in %zu bytes", *n, b.len - *from);
    return true;
}

bool theta_read(str bytes, struct arena *a, struct theta_compact *out, struct error *err)
{
    size_t from, n;
    uint64_t theta;
    if (bytes.len < 8)
        return fail(err, ERR_CORRUPT, "theta sketch: %zu bytes are too few", bytes.len);
    if (!check_preamble(bytes, err) || !read_counts(bytes, &from, &n, &theta, err))
        return false;
    uint64_t *hashes = arena_array(a, uint64_t, n);
    for (size_t i = 0; i < n; i++) {
        hashes[i] = load_le(bytes, from + 8 * i, 8);
        if (hashes[i] == 0 || hashes[i] >= theta)
            return fail(err, ERR_CORRUPT, "theta sketch: hash %zu is not below theta", i);
    }
    if (!((unsigned char)bytes.ptr[5] & FLAG_ORDERED))
        sort_hashes(hashes, n);
    for (size_t i = 1; i < n; i++)
        if (hashes[i] <= hashes[i - 1])
            return fail(err, ERR_CORRUPT, "theta sketch: hash %zu is out of order", i);
    *out = (struct theta_compact){ .hashes = hashes, .n = n, .theta = theta };
    return true;
}
