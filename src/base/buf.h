/* SPDX-License-Identifier: Apache-2.0
 *
 * Owned, growing bytes with a mandatory cap.  Growth beyond the cap sets `overflow` and drops the
 * bytes; check it once at the end (buf_ok).  Memory comes from malloc; buf_deinit frees it. */
#ifndef FIRN_BASE_BUF_H
#define FIRN_BASE_BUF_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct buf {
    char *ptr;
    size_t len, cap, max;
    bool overflow;
};

#define BUF_INIT(bytes_max)                                                                        \
    {                                                                                              \
        .max = (bytes_max)                                                                         \
    }

/* Adding to a buffer that has overflowed does nothing. */
void buf_init(struct buf *b, size_t bytes_max);
void buf_deinit(struct buf *b);
void buf_clear(struct buf *b);              /* len = 0, no overflow; keeps memory */
char *buf_reserve(struct buf *b, size_t n); /* room for n more bytes at the end, or NULL */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, str s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_i64(struct buf *b, int64_t v); /* decimal, faster than printf */

#define buf_lit(b, literal) buf_add((b), "" literal, sizeof(literal) - 1)

static inline str buf_str(const struct buf *b) /* valid until the next change */
{
    return (str){ b->ptr, b->len };
}

/* ERR_LIMIT naming `what` when the cap was hit. */
MUST_USE bool buf_ok(const struct buf *b, const char *what, struct error *err);

/* Registers buf_deinit with the arena, so that nobody has to free it.  *b itself must live as long
 * as the arena: take it from there, not from the stack of a function that returns before. */
void buf_in_arena(struct buf *b, struct arena *a);

#endif
