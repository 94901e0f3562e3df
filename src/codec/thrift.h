/* SPDX-License-Identifier: Apache-2.0
 *
 * Thrift's compact protocol, as far as Parquet's footers and page headers need it: read field by field, and written the same
 * way, so that a structure can be copied with some of its fields changed.  What is not understood is copied as it is.
 *
 * Input is hostile: reading past the end sets `bad`, which is sticky; containers say how many elements they have, and each
 * costs a byte at least, except booleans inside structs, which have none. */
#ifndef FIRN_CODEC_THRIFT_H
#define FIRN_CODEC_THRIFT_H

#include "base/buf.h"

#define THRIFT_DEPTH_MAX 32

enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_BYTE = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
    THRIFT_UUID = 13,
};

struct thrift_rd {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct thrift_rd thrift_rd_of(str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    return (struct thrift_rd){ p, p + bytes.len, false };
}

/* A field of the struct that is being read.  Start with { 0 }. */
struct thrift_field {
    int16_t id;
    enum thrift_type type;
};

/* The next field's header; false at the end of the struct, and when rd is bad. */
bool thrift_next(struct thrift_rd *rd, struct thrift_field *f);

/* Values; 0 or empty when rd is bad.  A boolean's value is its field's type. */
int64_t thrift_int(struct thrift_rd *rd); /* i16, i32, i64 */
str thrift_binary(struct thrift_rd *rd);  /* a view */
/* A list's or set's head. */
size_t thrift_list(struct thrift_rd *rd, enum thrift_type *element);
/* Steps over a value of a field (`in_list`: of an element, whose booleans take a byte). */
void thrift_skip(struct thrift_rd *rd, enum thrift_type type, bool in_list);

/* Writing: `last` is the id of the struct's field before, 0 at its beginning, and is moved. */
void thrift_put_field(struct buf *out, int16_t *last, int16_t id, enum thrift_type type);
void thrift_put_stop(struct buf *out);
void thrift_put_int(struct buf *out, int64_t v);
void thrift_put_binary(struct buf *out, str s);
void thrift_put_list(struct buf *out, size_t n, enum thrift_type element);

/* Fields with values, whole. */
void thrift_put_i32_field(struct buf *out, int16_t *last, int16_t id, int64_t v);
void thrift_put_i64_field(struct buf *out, int16_t *last, int16_t id, int64_t v);
void thrift_put_text_field(struct buf *out, int16_t *last, int16_t id, str s);
void thrift_put_bool_field(struct buf *out, int16_t *last, int16_t id, bool v);

/* Copies the value of field f, with its header. */
void thrift_copy_field(struct thrift_rd *rd, struct thrift_field f, struct buf *out, int16_t *last);

#endif
