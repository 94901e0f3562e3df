/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing arrays inside an arena.  Declare `struct { T *at; size_t n, cap; } v = { 0 };` or a named
 * struct with those three members; vec_push returns a pointer to the new, zeroed element.  Old
 * storage stays in the arena when an array grows, so total use is at most twice the final size. */
#ifndef FIRN_BASE_VEC_H
#define FIRN_BASE_VEC_H

#include "base/arena.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *at;                                                                                  \
        size_t n, cap;                                                                             \
    }

/* Moves n elements of `size` bytes to an array twice as large, and updates *cap. */
void *vec_grow(struct arena *a, void *at, size_t n, size_t *cap, size_t size);

#define vec_push(arena, v)                                                                         \
    ((v)->n == (v)->cap                                                                            \
         ? (void)((v)->at = vec_grow((arena), (v)->at, (v)->n, &(v)->cap, sizeof *(v)->at))        \
         : (void)0,                                                                                \
     &(v)->at[(v)->n++])

#endif
