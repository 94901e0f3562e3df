/* SPDX-License-Identifier: Apache-2.0
 *
 * One byte more than `cap` is allocated, so that printf's NUL has a place when the text fills the
 * buffer to its cap. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP_MIN 64

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
    size_t cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX - 1 : b->cap * 2;
    if (cap < need)
        cap = need;
    if (cap < CAP_MIN)
        cap = CAP_MIN;
    if (cap > b->max)
        cap = b->max;
    char *p = realloc(b->ptr, cap + 1);
    if (!p)
        panic("out of memory for a buffer of %zu bytes", cap);
    b->ptr = p;
    b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->overflow || n > b->max - b->len) {
        b->overflow = true;
        return NULL;
    }
    if (!b->ptr || n > b->cap - b->len)
        grow(b, b->len + n);
    return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *to = n ? buf_reserve(b, n) : NULL;
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
    if (b->len < b->cap && !b->overflow)
        b->ptr[b->len++] = c;
    else
        buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    size_t room = b->ptr ? b->cap - b->len + 1 : 0;
    va_start(args, fmt);
    int n = vsnprintf(room ? b->ptr + b->len : NULL, room, fmt, args);
    va_end(args);
    if (n < 0)
        panic("buf_printf: bad format: %s", fmt);
    char *to = buf_reserve(b, (size_t)n);
    if (!to)
        return;
    if ((size_t)n >= room) {
        va_start(args, fmt);
        vsnprintf(to, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    b->len += (size_t)n;
}

void buf_add_i64(struct buf *b, int64_t v)
{
    char text[20], *p = text + sizeof text; /* -9223372036854775808 */
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (v < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(text + sizeof text - p));
}

bool buf_ok(const struct buf *b, const char *what, struct error *err)
{
    return !b->overflow || fail(err, ERR_LIMIT, "%s is larger than %zu bytes", what, b->max);
}

static void deinit_cb(void *arg)
{
    buf_deinit(arg);
}

void buf_in_arena(struct buf *b, struct arena *a)
{
    arena_defer(a, deinit_cb, b);
}
