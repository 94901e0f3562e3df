/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: memory that is freed together, at the end of a request or a job.  A function that
 * returns memory takes the arena it comes from, so that lifetimes stand in signatures.  Memory is
 * zeroed and aligned to 16.  Running out of the machine's memory, or over the arena's budget,
 * panics: compare sizes that come from outside with a named limit before allocating.
 * An arena belongs to one thread at a time. */
#ifndef FIRN_BASE_ARENA_H
#define FIRN_BASE_ARENA_H

#include "base/error.h"
#include "base/str.h"

struct arena;

struct arena *arena_create(size_t bytes_max); /* 0: no budget */
void arena_destroy(struct arena *a);          /* runs deferred calls, last first; NULL is fine */
void arena_reset(struct arena *a);            /* as destroy + create, keeping one block */
size_t arena_used(const struct arena *a);     /* bytes handed out */
size_t
arena_held(const struct arena *a); /* bytes taken for them, with what is not handed out yet */
size_t arena_left(const struct arena *a); /* bytes of the budget not handed out */

/* size 0 gives a place of its own. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t n, size_t size); /* panics on overflow */

/* Typed and zeroed. */
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_array((a), (n), sizeof(type)))

str arena_str(struct arena *a, str s);    /* a copy */
char *arena_cstr(struct arena *a, str s); /* a copy with a NUL after it */
str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3); /* NUL after it too */
str arena_join(struct arena *a, const str *parts, size_t n, str sep);

/* Runs fn(arg) when the arena is reset or destroyed: closes what a request opened. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

#endif
