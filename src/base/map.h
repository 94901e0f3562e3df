/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash map from bytes to a pointer, in an arena.  Keys are not copied: they must live as long as
 * the map.  Values must not be NULL.  Iteration is in insertion order.  Not thread-safe. */
#ifndef FIRN_BASE_MAP_H
#define FIRN_BASE_MAP_H

#include "base/arena.h"
#include "base/str.h"

struct map_entry {
    str key;
    void *value;
};

struct map {
    struct arena *arena;
    struct map_entry *entries; /* in insertion order, n of them */
    uint32_t *slots;           /* index + 1 into entries, 0 = free */
    size_t n, entries_cap, slots_n;
};

/* An empty map, which allocates from `a` as it grows. */
void map_init(struct map *m, struct arena *a);
void *map_get(const struct map *m, str key);        /* NULL when absent */
void *map_put(struct map *m, str key, void *value); /* the previous value, or NULL */
bool map_add(struct map *m, str key, void *value);  /* false when the key was there */

#endif
