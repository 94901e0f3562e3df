/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns of a chunk in the engine's own memory: typed arrays with a validity mask, read in place.
 * Views live as long as the chunk that they came with. */
#ifndef FIRN_ENGINE_COLUMN_H
#define FIRN_ENGINE_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* What an element of `data` is. */
enum column_kind {
    COLUMN_NULL, /* every value is null; no data */
    COLUMN_BOOL, /* uint8_t, 0 or 1 */
    COLUMN_I8,   /* intN_t, uintN_t */
    COLUMN_I16,
    COLUMN_I32,
    COLUMN_I64,
    COLUMN_U8,
    COLUMN_U16,
    COLUMN_U32,
    COLUMN_U64,
    COLUMN_I128, /* __int128, aligned to 8: read with column_i128 */
    COLUMN_U128, /* the same, unsigned */
    COLUMN_F32,
    COLUMN_F64,
    COLUMN_DECIMAL,     /* unscaled; int16_t, int32_t, int64_t or __int128 by `width`, the bytes */
    COLUMN_DATE,        /* int32_t days since 1970; INT32_MAX and -INT32_MAX are infinities */
    COLUMN_TIME,        /* int64_t microseconds since midnight */
    COLUMN_TIME_NS,     /* int64_t nanoseconds since midnight */
    COLUMN_TIME_TZ,     /* 8 bytes, packed: text only */
    COLUMN_TIMESTAMP,   /* int64_t microseconds; INT64_MAX and -INT64_MAX are infinities */
    COLUMN_TIMESTAMPTZ, /* the same, an instant */
    COLUMN_TIMESTAMP_S, /* int64_t seconds, milliseconds, nanoseconds */
    COLUMN_TIMESTAMP_MS,
    COLUMN_TIMESTAMP_NS,
    COLUMN_INTERVAL, /* int32_t months, int32_t days, int64_t microseconds */
    COLUMN_TEXT,     /* 16 bytes: read with column_str */
    COLUMN_BLOB,     /* 16 bytes: read with column_str */
    COLUMN_UUID,     /* 16 bytes, packed: read with column_uuid */
    COLUMN_ENUM,     /* uint8_t, uint16_t, uint32_t by `width`: an index into `enum_texts` */
    COLUMN_LIST,     /* struct column_list: a range of children[0] */
    COLUMN_STRUCT,   /* children, one per field, same length */
    COLUMN_MAP,      /* struct column_list: a range of children[0] (keys) and [1] (values) */
    COLUMN_ARRAY,    /* `width` elements of children[0] each */
    COLUMN_BIT,      /* text only, as all below */
    COLUMN_UNION,
    COLUMN_OTHER
};

struct column_list {
    uint64_t offset, length;
};

struct arena;
struct column_type; /* the engine's type, immutable; names and parameters */

struct column_view {
    enum column_kind kind;
    uint8_t width;            /* bytes of decimals and enums; elements of arrays */
    uint8_t precision, scale; /* decimal */
    const void *data;
    const uint64_t *valid; /* bit i of word i / 64; NULL: all are */
    const struct column_view *children;
    uint32_t children_n;
    uint32_t array_n; /* elements of an array */
    const struct column_type *type;
};

static inline bool column_valid(const struct column_view *c, size_t i)
{
    return !c->valid || (c->valid[i / 64] >> (i % 64) & 1);
}

/* The layout of the engine's strings: up to 12 bytes stand in place. */
struct column_text {
    union {
        struct {
            uint32_t len;
            char in_place[12];
        };
        struct {
            uint32_t len_again;
            char prefix[4];
            const char *ptr;
        };
    };
};

/* COLUMN_TEXT and COLUMN_BLOB; a view into the chunk.  Not for null. */
static inline str column_str(const struct column_view *c, size_t i)
{
    const struct column_text *t = (const struct column_text *)c->data + i;
    return (str){ t->len <= 12 ? t->in_place : t->ptr, t->len };
}

static inline __int128 column_i128(const struct column_view *c, size_t i)
{
    __int128 v;
    memcpy(&v, (const char *)c->data + 16 * i, 16);
    return v;
}

/* The 16 bytes of a uuid in the order of its text. */
static inline void column_uuid(const struct column_view *c, size_t i, uint8_t out[16])
{
    unsigned __int128 v = (unsigned __int128)column_i128(c, i) ^ (unsigned __int128)1 << 127;
    for (int b = 15; b >= 0; b--, v >>= 8)
        out[b] = (uint8_t)v;
}

/* Integers, dates, times and timestamps of any width, in their own unit; bool as 0 and 1.  Not for
 * the other kinds (U64 wraps). */
int64_t column_i64(const struct column_view *c, size_t i);
/* Any number as a double, decimals scaled; NaN for null and for what is no number. */
double column_f64(const struct column_view *c, size_t i);
/* A decimal's unscaled value. */
__int128 column_decimal(const struct column_view *c, size_t i);

/* Appends a value of any kind as the engine itself would cast it to text, nested ones included; "NULL" for null. */
void column_text(const struct column_view *c, size_t i, struct buf *out);

struct json_writer;
/* Writes a value of any kind as JSON: numbers as numbers (NaN and infinities null; 64-bit and wider
 * integers and decimals in full digits), times in ISO 8601, blobs in base64, structs as objects, maps as
 * objects when keys are text, else as arrays of {"key","value"}. */
void column_json(const struct column_view *c, size_t i, struct json_writer *w);

struct type;
struct value;
/* A value of a primitive Iceberg type out of a column that was cast to it (see quote.h, sql_type).  Bytes
 * are views, except a uuid's, which live in `a`.  ERR_INVALID for infinite dates and kinds that do not fit. */
MUST_USE bool column_value(const struct column_view *c, size_t i, const struct type *t,
                           struct arena *a, struct value *out, struct error *err);

#endif
