/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/thrift.h"

static uint8_t read_byte(struct thrift_rd *rd)
{
    if (rd->p == rd->end) {
        rd->bad = true;
        return 0;
    }
    return *rd->p++;
}

static uint64_t read_varint(struct thrift_rd *rd)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = read_byte(rd);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    rd->bad = true;
    return 0;
}

static void jump(struct thrift_rd *rd, uint64_t n)
{
    if (n > (uint64_t)(rd->end - rd->p)) {
        rd->bad = true;
        rd->p = rd->end;
        return;
    }
    rd->p += n;
}

int64_t thrift_int(struct thrift_rd *rd)
{
    uint64_t u = read_varint(rd);
    return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

str thrift_binary(struct thrift_rd *rd)
{
    uint64_t n = read_varint(rd);
    const uint8_t *start = rd->p;
    jump(rd, n);
    return rd->bad ? (str){ 0 } : str_make(start, (size_t)n);
}

bool thrift_next(struct thrift_rd *rd, struct thrift_field *f)
{
    uint8_t head = read_byte(rd);
    f->type = (enum thrift_type)(head & 0x0f);
    if (rd->bad || f->type == THRIFT_STOP)
        return false;
    int64_t id = head >> 4 ? f->id + (head >> 4) : thrift_int(rd);
    if (id < INT16_MIN || id > INT16_MAX || f->type > THRIFT_UUID)
        rd->bad = true;
    f->id = (int16_t)id;
    return !rd->bad;
}

size_t thrift_list(struct thrift_rd *rd, enum thrift_type *element)
{
    uint8_t head = read_byte(rd);
    uint64_t n = head >> 4;
    *element = (enum thrift_type)(head & 0x0f);
    if (n == 15)
        n = read_varint(rd);
    if (n > (uint64_t)(rd->end - rd->p))
        rd->bad = true;
    return rd->bad ? 0 : (size_t)n;
}

static void skip_at(struct thrift_rd *rd, enum thrift_type type, bool in_list, int depth);

static void skip_list(struct thrift_rd *rd, int depth)
{
    enum thrift_type element;
    size_t n = thrift_list(rd, &element);
    for (size_t i = 0; i < n && !rd->bad; i++)
        skip_at(rd, element, true, depth + 1);
}

static void skip_map(struct thrift_rd *rd, int depth)
{
    uint64_t n = read_varint(rd);
    uint8_t types = n ? read_byte(rd) : 0;
    if (n > (uint64_t)(rd->end - rd->p))
        rd->bad = true;
    for (uint64_t i = 0; i < n && !rd->bad; i++) {
        skip_at(rd, (enum thrift_type)(types >> 4), true, depth + 1);
        skip_at(rd, (enum thrift_type)(types & 0x0f), true, depth + 1);
    }
}

static void skip_at(struct thrift_rd *rd, enum thrift_type type, bool in_list, int depth)
{
    struct thrift_field f = { 0 };
    if (depth > THRIFT_DEPTH_MAX)
        rd->bad = true;
    if (rd->bad)
        return;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        jump(rd, in_list);
        break;
    case THRIFT_BYTE:
        jump(rd, 1);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        read_varint(rd);
        break;
    case THRIFT_DOUBLE:
        jump(rd, 8);
        break;
    case THRIFT_BINARY:
        thrift_binary(rd);
        break;
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(rd, depth);
        break;
    case THRIFT_MAP:
        skip_map(rd, depth);
        break;
    case THRIFT_STRUCT:
        while (thrift_next(rd, &f))
            skip_at(rd, f.type, false, depth + 1);
        break;
    case THRIFT_UUID:
        jump(rd, 16);
        break;
    default:
        rd->bad = true;
    }
}

void thrift_skip(struct thrift_rd *rd, enum thrift_type type, bool in_list)
{
    skip_at(rd, type, in_list, 0);
}

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_char(out, (char)(v | 0x80));
    buf_add_char(out, (char)v);
}

void thrift_put_int(struct buf *out, int64_t v)
{
    put_varint(out, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

void thrift_put_field(struct buf *out, int16_t *last, int16_t id, enum thrift_type type)
{
    int delta = id - *last;
    if (delta >= 1 && delta <= 15) {
        buf_add_char(out, (char)(delta << 4 | (int)type));
    } else {
        buf_add_char(out, (char)type);
        thrift_put_int(out, id);
    }
    *last = id;
}

void thrift_put_stop(struct buf *out)
{
    buf_add_char(out, THRIFT_STOP);
}

void thrift_put_binary(struct buf *out, str s)
{
    put_varint(out, s.len);
    buf_add_str(out, s);
}

void thrift_put_list(struct buf *out, size_t n, enum thrift_type element)
{
    if (n < 15) {
        buf_add_char(out, (char)((int)n << 4 | (int)element));
        return;
    }
    buf_add_char(out, (char)(0xf0 | (int)element));
    put_varint(out, n);
}

void thrift_put_i32_field(struct buf *out, int16_t *last, int16_t id, int64_t v)
{
    thrift_put_field(out, last, id, THRIFT_I32);
    thrift_put_int(out, v);
}

void thrift_put_i64_field(struct buf *out, int16_t *last, int16_t id, int64_t v)
{
    thrift_put_field(out, last, id, THRIFT_I64);
    thrift_put_int(out, v);
}

void thrift_put_text_field(struct buf *out, int16_t *last, int16_t id, str s)
{
    thrift_put_field(out, last, id, THRIFT_BINARY);
    thrift_put_binary(out, s);
}

void thrift_put_bool_field(struct buf *out, int16_t *last, int16_t id, bool v)
{
    thrift_put_field(out, last, id, v ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_copy_field(struct thrift_rd *rd, struct thrift_field f, struct buf *out, int16_t *last)
{
    const uint8_t *start = rd->p;
    thrift_skip(rd, f.type, false);
    if (rd->bad)
        return;
    thrift_put_field(out, last, f.id, f.type);
    buf_add(out, start, (size_t)(rd->p - start));
}
