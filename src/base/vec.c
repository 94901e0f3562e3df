/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

void *vec_grow(struct arena *a, void *at, size_t n, size_t *cap, size_t size)
{
    size_t wanted = *cap ? *cap * 2 : 8;
    void *p = arena_alloc_array(a, wanted, size);
    if (n)
        memcpy(p, at, n * size);
    *cap = wanted;
    return p;
}
