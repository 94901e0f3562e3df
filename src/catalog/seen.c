/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/seen_priv.h"

#include "base/mem.h"

#define BLOCK_WORDS 8 /* a cache line */
#define BLOCKS (SEEN_BYTES / (BLOCK_WORDS * sizeof(uint64_t)))

struct seen {
    uint64_t seed;
    uint64_t *words;
};

struct seen *seen_create(uint64_t seed)
{
    struct seen *s = mem_new(struct seen);
    s->seed = seed;
    s->words = mem_array(uint64_t, BLOCKS * BLOCK_WORDS);
    return s;
}

void seen_destroy(struct seen *s)
{
    if (!s)
        return;
    mem_free(s->words);
    mem_free(s);
}

/* One hash chooses the block, the other a bit in each of its words. */
static uint64_t *block_of(const struct seen *s, str text, uint64_t *bits)
{
    *bits = str_hash(text, s->seed ^ UINT64_C(0x9e3779b97f4a7c15));
    return s->words + str_hash(text, s->seed) % BLOCKS * BLOCK_WORDS;
}

void seen_add(struct seen *s, str text)
{
    uint64_t bits, *block = block_of(s, text, &bits);
    for (size_t i = 0; i < BLOCK_WORDS; i++, bits >>= 6)
        block[i] |= UINT64_C(1) << (bits & 63);
}

bool seen_has(const struct seen *s, str text)
{
    uint64_t bits;
    const uint64_t *block = block_of(s, text, &bits);
    for (size_t i = 0; i < BLOCK_WORDS; i++, bits >>= 6)
        if (!(block[i] & UINT64_C(1) << (bits & 63)))
            return false;
    return true;
}
