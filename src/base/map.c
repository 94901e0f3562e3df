/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#define SLOTS_MIN 16

void map_init(struct map *m, struct arena *a)
{
    *m = (struct map){ .arena = a };
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t find_slot(const struct map *m, str key)
{
    size_t mask = m->slots_n - 1, i = str_hash(key, 0) & mask;
    while (m->slots[i] && !str_eq(m->entries[m->slots[i] - 1].key, key))
        i = (i + 1) & mask;
    return i;
}

void *map_get(const struct map *m, str key)
{
    if (m->n == 0)
        return NULL;
    uint32_t at = m->slots[find_slot(m, key)];
    return at ? m->entries[at - 1].value : NULL;
}

/* Keeps the load at or below three quarters. */
static void make_room(struct map *m)
{
    if (m->n * 4 < m->slots_n * 3)
        return;
    ASSERT(m->n < UINT32_MAX / 2);
    m->slots_n = m->slots_n ? m->slots_n * 2 : SLOTS_MIN;
    m->slots = arena_array(m->arena, uint32_t, m->slots_n);
    m->entries_cap = m->slots_n;
    struct map_entry *entries = arena_array(m->arena, struct map_entry, m->entries_cap);
    for (size_t i = 0; i < m->n; i++)
        entries[i] = m->entries[i];
    m->entries = entries;
    for (size_t i = 0; i < m->n; i++)
        m->slots[find_slot(m, entries[i].key)] = (uint32_t)i + 1;
}

void *map_put(struct map *m, str key, void *value)
{
    ASSERT(value);
    make_room(m);
    size_t slot = find_slot(m, key);
    if (m->slots[slot]) {
        struct map_entry *e = &m->entries[m->slots[slot] - 1];
        void *previous = e->value;
        e->value = value;
        return previous;
    }
    m->entries[m->n++] = (struct map_entry){ key, value };
    m->slots[slot] = (uint32_t)m->n;
    return NULL;
}

bool map_add(struct map *m, str key, void *value)
{
    if (map_get(m, key))
        return false;
    map_put(m, key, value);
    return true;
}
