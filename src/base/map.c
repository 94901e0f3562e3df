/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing over an array of indexes, at most half full.  The hash is seeded once a process,
 * so that keys from requests cannot be chosen to collide. */
#include "base/map.h"

#include <pthread.h>
#include <sys/random.h>

#include "base/vec.h"

#define SLOTS_MIN 16

static uint64_t seed;

static void make_seed(void)
{
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        panic("no randomness from the system");
}

void map_init(struct map *m, struct arena *a)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_seed);
    *m = (struct map){ .arena = a };
}

/* The key's slot, or the free slot where it belongs. */
static uint32_t *find_slot(const struct map *m, str key)
{
    size_t mask = m->slots_n - 1;
    for (size_t i = (size_t)str_hash(key, seed) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &m->slots[i];
        if (*slot == 0 || str_eq(m->entries[*slot - 1].key, key))
            return slot;
    }
}

static void grow_slots(struct map *m)
{
    ASSERT(m->n < UINT32_MAX / 4);
    m->slots_n = m->slots_n ? m->slots_n * 2 : SLOTS_MIN;
    m->slots = arena_array(m->arena, uint32_t, m->slots_n);
    for (size_t i = 0; i < m->n; i++)
        *find_slot(m, m->entries[i].key) = (uint32_t)i + 1;
}

void *map_get(const struct map *m, str key)
{
    if (m->n == 0)
        return NULL;
    uint32_t slot = *find_slot(m, key);
    return slot ? m->entries[slot - 1].value : NULL;
}

/* The entry of the key; a new one has no value yet. */
static struct map_entry *entry_for(struct map *m, str key)
{
    if ((m->n + 1) * 2 > m->slots_n)
        grow_slots(m);
    uint32_t *slot = find_slot(m, key);
    if (*slot == 0) {
        if (m->n == m->entries_cap)
            m->entries = vec_grow(m->arena, m->entries, m->n, &m->entries_cap, sizeof *m->entries);
        m->entries[m->n].key = key;
        *slot = (uint32_t)++m->n;
    }
    return &m->entries[*slot - 1];
}

void *map_put(struct map *m, str key, void *value)
{
    ASSERT(value);
    struct map_entry *e = entry_for(m, key);
    void *previous = e->value;
    e->value = value;
    return previous;
}

bool map_add(struct map *m, str key, void *value)
{
    ASSERT(value);
    struct map_entry *e = entry_for(m, key);
    if (e->value)
        return false;
    e->value = value;
    return true;
}
