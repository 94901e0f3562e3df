/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#define CAP_MIN 4

void *vec_grow(struct arena *a, void *at, size_t n, size_t *cap, size_t size)
{
    ASSERT(*cap <= SIZE_MAX / 2);
    size_t grown = *cap ? *cap * 2 : CAP_MIN;
    void *p = arena_alloc_array(a, grown, size);
    if (n)
        memcpy(p, at, n * size);
    *cap = grown;
    return p;
}
