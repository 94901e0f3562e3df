/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed views of bytes.  A str owns nothing and is not NUL-terminated; whoever made the bytes
 * says how long they live.  No function here allocates. */
#ifndef FIRN_BASE_STR_H
#define FIRN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
    const char *ptr;
    size_t len;
} str;

#define STR(literal) ((str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    } /* for static tables */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""

static inline str str_of(const char *cstr) /* NULL gives the empty view */
{
    return (str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline str str_make(const void *ptr, size_t len)
{
    return (str){ (const char *)ptr, len };
}

static inline bool str_eq(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(str a, const char *cstr)
{
    return str_eq(a, str_of(cstr));
}

int str_cmp(str a, str b);        /* bytes, unsigned; shorter first on a tie */
bool str_eq_nocase(str a, str b); /* ASCII only */
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_starts_nocase(str s, str prefix);
ptrdiff_t str_find(str s, str needle);      /* -1 when absent */
ptrdiff_t str_find_char(str s, char c);     /* -1 when absent */
ptrdiff_t str_rfind_char(str s, char c);    /* -1 when absent */
str str_sub(str s, size_t from, size_t to); /* clamped to s */
str str_from(str s, size_t from);           /* clamped to s */
str str_trim(str s);                        /* ASCII white space off both ends */

/* Cuts the next piece off *rest at `sep`; false when *rest is used up, which is { NULL, 0 }.
 * "a,,b," gives a, "", b, ""; the empty text "" gives one empty piece. */
bool str_next(str *rest, char sep, str *piece);

/* Splits at the first `sep`; false (and *head = s, *tail empty) when there is none. */
bool str_cut(str s, char sep, str *head, str *tail);

/* The whole of s must be the number, in decimal digits after an optional '-'; false on anything
 * else: blanks, '+', hexadecimal, "nan", "inf", overflow (a double that rounds to infinity).  A double
 * may have an exponent and is the nearest one to the text.  No locale. */
bool str_to_i64(str s, int64_t *out);
bool str_to_u64(str s, uint64_t *out);
bool str_to_f64(str s, double *out);

/* Whether s is well-formed UTF-8 without overlong forms and surrogates. */
bool str_is_utf8(str s);

/* What a hexadecimal digit of either case stands for; -1 for another character. */
int str_hex_digit(char c);

/* Stable 64-bit hash, the same on every machine; not for adversarial input without a seed. */
uint64_t str_hash(str s, uint64_t seed);

#endif
