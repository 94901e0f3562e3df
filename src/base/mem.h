/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of things that live longer than a request and are owned by one parent: x_create takes it here, x_destroy gives it back.
 * Zeroed; running out of it panics.  Everything else lives in arenas. */
#ifndef FIRN_BASE_MEM_H
#define FIRN_BASE_MEM_H

#include <stddef.h>

/* n elements of `size` bytes; panics on overflow too. */
void *mem_alloc(size_t n, size_t size);
/* The same memory with room for `n` bytes; what was there is kept, what is new is not zeroed.  `p` may be NULL. */
void *mem_resize(void *p, size_t n);
void mem_free(void *p); /* NULL is fine */

/* Typed and zeroed. */
#define mem_new(type) ((type *)mem_alloc(1, sizeof(type)))
#define mem_array(type, n) ((type *)mem_alloc((n), sizeof(type)))

#endif
