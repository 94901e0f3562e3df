/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/value.h"

#include "base/time.h"
#include "codec/murmur.h"

#define INT128_BYTES 16

enum value_class value_class_of(enum type_kind kind)
{
    switch (kind) {
    case TYPE_BOOLEAN:
        return VALUE_BOOL;
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return VALUE_INT;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return VALUE_FLOAT;
    case TYPE_DECIMAL:
        return VALUE_DECIMAL;
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
    case TYPE_VARIANT:
        return VALUE_BYTES;
    default:
        return VALUE_NONE;
    }
}

struct value value_copy(const struct value *v, struct arena *a)
{
    struct value copy = *v;
    if (!v->is_null && value_class_of(v->kind) == VALUE_BYTES)
        copy.bytes = arena_str(a, v->bytes);
    return copy;
}

bool value_is_nan(const struct value *v)
{
    return !v->is_null && value_class_of(v->kind) == VALUE_FLOAT && v->f != v->f;
}

/* -- order ----------------------------------------------------------------------------------- */

static int cmp_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* What Java's doubleToLongBits gives: one NaN, above infinity as a signed number. */
static int64_t canonical_bits(double d)
{
    if (d != d)
        return 0x7ff8000000000000LL;
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static int cmp_f64(double a, double b)
{
    if (a < b)
        return -1;
    if (a > b)
        return 1;
    return cmp_i64(canonical_bits(a), canonical_bits(b));
}

static int cmp_int128(int128 a, int128 b)
{
    return (a > b) - (a < b);
}

/* The one with more digits behind the point is cut down to the other's scale; what was cut
 * decides a tie.  So nothing can overflow. */
static int cmp_decimal(const struct value *a, const struct value *b)
{
    if (a->scale == b->scale)
        return cmp_int128(a->dec, b->dec);
    if (a->scale < b->scale)
        return -cmp_decimal(b, a);
    int128 unit = decimal_pow10(a->scale - b->scale);
    int c = cmp_int128(a->dec / unit, b->dec);
    return c ? c : cmp_int128(a->dec % unit, 0);
}

int value_cmp(const struct value *a, const struct value *b)
{
    if (a->is_null || b->is_null)
        return (int)b->is_null - (int)a->is_null;
    enum value_class class = value_class_of(a->kind);
    ASSERT(class == value_class_of(b->kind));
    switch (class) {
    case VALUE_BOOL:
        return (int)a->b - (int)b->b;
    case VALUE_INT:
        return cmp_i64(a->i, b->i);
    case VALUE_FLOAT:
        return cmp_f64(a->f, b->f);
    case VALUE_DECIMAL:
        return cmp_decimal(a, b);
    case VALUE_BYTES:
        return str_cmp(a->bytes, b->bytes);
    default:
        return 0;
    }
}

/* -- binary form ----------------------------------------------------------------------------- */

static uint64_t read_le(str bytes)
{
    uint64_t v = 0;
    for (size_t i = bytes.len; i > 0; i--)
        v = v << 8 | (uint8_t)bytes.ptr[i - 1];
    return v;
}

static void write_le(uint64_t v, size_t n, struct buf *out)
{
    char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(uint8_t)(v >> (8 * i));
    buf_add(out, bytes, n);
}

static int128 read_be128(str bytes)
{
    unsigned __int128 v = (uint8_t)bytes.ptr[0] & 0x80 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.len; i++)
        v = v << 8 | (uint8_t)bytes.ptr[i];
    return (int128)v;
}

/* The fewest bytes of two's complement, big endian; the answer is their number. */
static size_t write_be128(int128 v, char out[INT128_BYTES])
{
    size_t n = 1;
    while (n < INT128_BYTES) {
        int128 half = (int128)1 << (8 * n - 1);
        if (v >= -half && v < half)
            break;
        n++;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(uint8_t)((unsigned __int128)v >> (8 * (n - 1 - i)));
    return n;
}

static bool bad_length(const struct type *t, str bytes, struct error *err)
{
    return fail(err, ERR_CORRUPT, "%zu bytes are no value of type %s", bytes.len,
                type_kind_name(t->kind));
}

static bool decode_int(const struct type *t, str bytes, int64_t *out, struct error *err)
{
    bool narrow = t->kind == TYPE_INT || t->kind == TYPE_DATE;
    if (bytes.len == 8 && !narrow) {
        *out = (int64_t)read_le(bytes);
        return true;
    }
    if (bytes.len != 4)
        return bad_length(t, bytes, err);
    int64_t v = (int32_t)(uint32_t)read_le(bytes), unit = 1;
    switch (t->kind) {
    case TYPE_INT:
    case TYPE_DATE:
    case TYPE_LONG:
        break;
    case TYPE_TIMESTAMP: /* was a date */
        unit = US_PER_DAY;
        break;
    case TYPE_TIMESTAMP_NS:
        unit = US_PER_DAY * 1000;
        break;
    default:
        return bad_length(t, bytes, err);
    }
    if (__builtin_mul_overflow(v, unit, out))
        return fail(err, ERR_CORRUPT, "day %lld is out of the range of %s", (long long)v,
                    type_kind_name(t->kind));
    return true;
}

static bool decode_float(const struct type *t, str bytes, double *out, struct error *err)
{
    if (bytes.len == 4) { /* a double that was a float too */
        uint32_t bits = (uint32_t)read_le(bytes);
        float f;
        memcpy(&f, &bits, sizeof f);
        *out = (double)f;
        return true;
    }
    if (bytes.len != 8 || t->kind == TYPE_FLOAT)
        return bad_length(t, bytes, err);
    uint64_t bits = read_le(bytes);
    memcpy(out, &bits, sizeof *out);
    return true;
}

static bool decode_bytes(const struct type *t, str bytes, str *out, struct error *err)
{
    *out = bytes;
    if (t->kind == TYPE_UUID && bytes.len != 16)
        return bad_length(t, bytes, err);
    if (t->kind == TYPE_FIXED && bytes.len > (size_t)t->length) /* bounds may be cut short */
        return bad_length(t, bytes, err);
    return true;
}

bool value_decode(const struct type *t, str bytes, struct value *out, struct error *err)
{
    *out = (struct value){ .kind = (uint8_t)t->kind };
    switch (value_class_of(t->kind)) {
    case VALUE_BOOL:
        if (bytes.len != 1)
            return bad_length(t, bytes, err);
        out->b = bytes.ptr[0] != 0;
        return true;
    case VALUE_INT:
        return decode_int(t, bytes, &out->i, err);
    case VALUE_FLOAT:
        return decode_float(t, bytes, &out->f, err);
    case VALUE_DECIMAL:
        if (bytes.len == 0 || bytes.len > INT128_BYTES)
            return bad_length(t, bytes, err);
        *out = value_decimal(t->precision, t->scale, read_be128(bytes));
        return true;
    case VALUE_BYTES:
        return decode_bytes(t, bytes, &out->bytes, err);
    default:
        return fail(err, ERR_UNSUPPORTED, "values of type %s have no binary form",
                    type_kind_name(t->kind));
    }
}

static void encode_float(const struct value *v, struct buf *out)
{
    if (v->kind == TYPE_FLOAT) {
        float f = (float)v->f;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        write_le(bits, 4, out);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &v->f, sizeof bits);
    write_le(bits, 8, out);
}

void value_encode(const struct value *v, struct buf *out)
{
    ASSERT(!v->is_null);
    char be[INT128_BYTES];
    switch (value_class_of(v->kind)) {
    case VALUE_BOOL:
        buf_add_char(out, v->b ? 1 : 0);
        return;
    case VALUE_INT:
        write_le((uint64_t)v->i, v->kind == TYPE_INT || v->kind == TYPE_DATE ? 4 : 8, out);
        return;
    case VALUE_FLOAT:
        encode_float(v, out);
        return;
    case VALUE_DECIMAL:
        buf_add(out, be, write_be128(v->dec, be));
        return;
    case VALUE_BYTES:
        buf_add_str(out, v->bytes);
        return;
    default:
        panic("a value of type %s has no binary form", type_kind_name(v->kind));
    }
}

str value_encode_in(const struct value *v, struct arena *a)
{
    struct buf b = BUF_INIT(VALUE_BYTES_MAX);
    value_encode(v, &b);
    str s = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* -- hash ------------------------------------------------------------------------------------ */

bool value_hash(const struct value *v, int32_t *out)
{
    if (v->is_null)
        return false;
    char be[INT128_BYTES];
    switch (v->kind) {
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        *out = murmur3_long(v->i);
        return true;
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS: /* Appendix B, note 3: hashed as microseconds */
        *out = murmur3_long(floor_div(v->i, 1000));
        return true;
    case TYPE_DECIMAL:
        *out = murmur3_32(str_make(be, write_be128(v->dec, be)));
        return true;
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
        *out = murmur3_32(v->bytes);
        return true;
    default:
        return false;
    }
}
