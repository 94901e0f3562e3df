/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t bytes_max)
{
    *b = (struct buf)BUF_INIT(bytes_max);
}

void buf_deinit(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf)BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
}

static void grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max)
        cap = b->max;
    char *p = realloc(b->ptr, cap);
    if (!p)
        panic("out of memory: %zu bytes", cap);
    b->ptr = p;
    b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->overflow || n > b->max - b->len) {
        b->overflow = true;
        return NULL;
    }
    if (b->len + n > b->cap)
        grow(b, b->len + n);
    return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->len += n;
}

void buf_add_str(struct buf *b, str s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    char *to = buf_reserve(b, (size_t)n + 1); /* vsnprintf wants room for its NUL */
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_add_i64(struct buf *b, int64_t v)
{
    char text[20], *p = text + sizeof text;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        buf_add_char(b, '-');
    buf_add(b, p, (size_t)(text + sizeof text - p));
}

bool buf_ok(const struct buf *b, const char *what, struct error *err)
{
    if (b->overflow)
        return fail(err, ERR_LIMIT, "%s is larger than %zu bytes", what, b->max);
    return true;
}

static void deinit(void *b)
{
    buf_deinit(b);
}

void buf_in_arena(struct buf *b, struct arena *a)
{
    arena_defer(a, deinit, b);
}
