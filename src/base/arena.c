/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of blocks, each twice as large as the one before, up to a limit.  Small requests are cut
 * off the first block of the chain; a request that would waste much of a block gets one of its
 * own, put second in the chain so that the first one goes on being used.
 *
 * Under AddressSanitizer what is not handed out is poisoned, with a gap between neighbours, so that
 * running over the end of an arena's string is found as it would be with malloc. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_MIN ((size_t)4 << 10) /* with its header: one page */
#define BLOCK_MAX ((size_t)1 << 20)
#define ALIGN 16

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define GAP 16
#define POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define GAP 0
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

struct block {
    struct block *next;
    size_t size, pos; /* of data */
    _Alignas(ALIGN) char data[];
};

struct deferred {
    void (*fn)(void *arg);
    void *arg;
    struct deferred *next;
};

struct arena {
    struct block *blocks; /* the first one is being used up */
    struct deferred *deferred;
    size_t used, max;
    size_t next_block; /* bytes of the next shared block */
};

static void *must(void *p, size_t size)
{
    if (!p)
        panic("out of memory for %zu bytes", size);
    return p;
}

static struct block *block_create(size_t size)
{
    struct block *b = must(calloc(1, sizeof *b + size), size);
    b->size = size;
    POISON(b->data, size);
    return b;
}

static void block_destroy(struct block *b)
{
    UNPOISON(b->data, b->size);
    free(b);
}

static void *block_take(struct block *b, size_t size)
{
    char *p = b->data + b->pos;
    b->pos += (size + ALIGN - 1) / ALIGN * ALIGN + GAP;
    if (b->pos > b->size)
        b->pos = b->size; /* only the gap may be cut short */
    UNPOISON(p, size);
    return p;
}

struct arena *arena_create(size_t bytes_max)
{
    struct arena *a = must(calloc(1, sizeof *a), sizeof *a);
    a->max = bytes_max ? bytes_max : SIZE_MAX;
    a->next_block = BLOCK_MIN;
    return a;
}

/* A deferred call may itself defer: it runs next. */
static void run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    run_deferred(a);
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        block_destroy(b);
    }
    free(a);
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    struct block *keep = NULL;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        if (!keep && b->size < BLOCK_MAX)
            keep = b;
        else
            block_destroy(b);
    }
    if (keep) {
        UNPOISON(keep->data, keep->pos);
        memset(keep->data, 0, keep->pos);
        POISON(keep->data, keep->size);
        keep->pos = 0;
        keep->next = NULL;
    }
    a->blocks = keep;
    a->used = 0;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

size_t arena_held(const struct arena *a)
{
    size_t bytes = sizeof *a;
    for (const struct block *b = a->blocks; b; b = b->next)
        bytes += sizeof *b + b->size;
    return bytes;
}

size_t arena_left(const struct arena *a)
{
    return a->max - a->used;
}

static void *take_from_new_block(struct arena *a, size_t need, size_t size)
{
    if (a->blocks && need > a->next_block / 4) {
        struct block *own = block_create(need);
        own->next = a->blocks->next;
        a->blocks->next = own;
        return block_take(own, size);
    }
    size_t room = a->next_block - sizeof(struct block);
    struct block *b = block_create(need > room ? need : room);
    b->next = a->blocks;
    a->blocks = b;
    if (a->next_block < BLOCK_MAX)
        a->next_block *= 2;
    return block_take(b, size);
}

/* Not counted against the budget. */
static void *take(struct arena *a, size_t size)
{
    size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
    struct block *b = a->blocks;
    if (b && need <= b->size - b->pos)
        return block_take(b, size);
    return take_from_new_block(a, need, size);
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size == 0)
        size = 1; /* so that every result is a place of its own */
    if (size > arena_left(a))
        panic("arena over its budget: %zu bytes used of %zu, %zu more asked for", a->used, a->max,
              size);
    if (size > PTRDIFF_MAX / 2)
        panic("out of memory for %zu bytes", size);
    a->used += size;
    return take(a, size);
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        panic("array of %zu elements of %zu bytes overflows", n, size);
    return arena_alloc(a, total);
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
    char small[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0)
        panic("arena_printf: bad format: %s", fmt);
    size_t len = (size_t)n;
    char *p = arena_alloc(a, len + 1);
    if (len < sizeof small) {
        memcpy(p, small, len);
    } else {
        va_start(args, fmt);
        vsnprintf(p, len + 1, fmt, args);
        va_end(args);
    }
    return (str){ p, len };
}

str arena_join(struct arena *a, const str *parts, size_t n, str sep)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += parts[i].len + (i ? sep.len : 0);
    char *out = arena_alloc(a, len + 1), *p = out;
    for (size_t i = 0; i < n; i++) {
        if (i && sep.len)
            p = mempcpy(p, sep.ptr, sep.len);
        if (parts[i].len)
            p = mempcpy(p, parts[i].ptr, parts[i].len);
    }
    return (str){ out, len };
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = take(a, sizeof *d);
    *d = (struct deferred){ fn, arg, a->deferred };
    a->deferred = d;
}
