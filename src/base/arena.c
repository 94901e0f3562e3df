/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ALIGNMENT 16u
#define BLOCK_MIN ((size_t)4 << 10)
#define BLOCK_MAX ((size_t)1 << 20)
#define HUGE (BLOCK_MAX / 4) /* allocations from here on get a block of their own */

struct block {
    struct block *next;
    size_t size, used; /* of data */
    _Alignas(ALIGNMENT) char data[];
};

struct deferred {
    void (*fn)(void *arg);
    void *arg;
    struct deferred *next;
};

struct arena {
    struct block *block; /* the one being filled; older ones follow */
    size_t block_size;   /* of the next block */
    size_t used, max;
    struct deferred *deferred;
};

struct arena *arena_create(size_t bytes_max)
{
    struct arena *a = calloc(1, sizeof *a);
    if (!a)
        panic("out of memory");
    a->max = bytes_max ? bytes_max : SIZE_MAX;
    a->block_size = BLOCK_MIN;
    return a;
}

static struct block *block_create(size_t size)
{
    struct block *b = calloc(1, sizeof *b + size);
    if (!b)
        panic("out of memory: %zu bytes", size);
    b->size = size;
    ASAN_POISON_MEMORY_REGION(b->data, size);
    return b;
}

static void block_free(struct block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
    free(b);
}

static void run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
}

static void free_blocks(struct block *b)
{
    while (b) {
        struct block *next = b->next;
        block_free(b);
        b = next;
    }
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    run_deferred(a);
    free_blocks(a->block);
    free(a);
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    struct block *keep = a->block;
    a->used = 0;
    if (!keep)
        return;
    free_blocks(keep->next);
    keep->next = NULL;
    if (keep->size > BLOCK_MAX) { /* a huge one is not worth keeping */
        block_free(keep);
        a->block = NULL;
        return;
    }
    ASAN_UNPOISON_MEMORY_REGION(keep->data, keep->size);
    memset(keep->data, 0, keep->used);
    keep->used = 0;
    ASAN_POISON_MEMORY_REGION(keep->data, keep->size);
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

size_t arena_left(const struct arena *a)
{
    return a->max - a->used;
}

static struct block *block_for(struct arena *a, size_t size)
{
    if (a->block && a->block->size - a->block->used >= size)
        return a->block;
    if (size >= HUGE && a->block) { /* behind the current block, which goes on being filled */
        struct block *b = block_create(size);
        b->next = a->block->next;
        a->block->next = b;
        return b;
    }
    struct block *b = block_create(size > a->block_size ? size : a->block_size);
    if (a->block_size < BLOCK_MAX)
        a->block_size *= 2;
    b->next = a->block;
    a->block = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    if (rounded < size || rounded > a->max - a->used)
        panic("memory budget exceeded: %zu bytes wanted, %zu of %zu in use", size, a->used, a->max);
    struct block *b = block_for(a, rounded);
    void *p = b->data + b->used;
    b->used += rounded;
    a->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        panic("array of %zu times %zu bytes", n, size);
    return arena_alloc(a, bytes);
}

str arena_str(struct arena *a, str s)
{
    return (str){ arena_cstr(a, s), s.len };
}

char *arena_cstr(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    return p;
}

str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (str){ p, (size_t)n };
}

str arena_join(struct arena *a, const str *parts, size_t n, str sep)
{
    size_t len = n > 1 ? sep.len * (n - 1) : 0;
    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    char *p = arena_alloc(a, len + 1), *at = p;
    for (size_t i = 0; i < n; i++) {
        if (i && sep.len)
            at = (char *)memcpy(at, sep.ptr, sep.len) + sep.len;
        if (parts[i].len)
            at = (char *)memcpy(at, parts[i].ptr, parts[i].len) + parts[i].len;
    }
    return (str){ p, len };
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = arena_new(a, struct deferred);
    *d = (struct deferred){ fn, arg, a->deferred };
    a->deferred = d;
}
