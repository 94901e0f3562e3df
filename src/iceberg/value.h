/* SPDX-License-Identifier: Apache-2.0
 *
 * Single values of primitive types: bounds in manifests, partition values, literals in filters,
 * column defaults (Iceberg spec, Appendix D).  A value is 32 bytes and passed by pointer or copy;
 * bytes of strings, uuids, fixed and binary are views into memory of whoever made the value.
 *
 * Members by kind:
 *   boolean                                     b
 *   int long date time timestamp[tz][_ns]       i (days, microseconds or nanoseconds since 1970,
 *                                               microseconds since midnight)
 *   float double                                f (a float's value is exactly a float)
 *   decimal                                     dec, unscaled, with precision and scale
 *   string uuid(16) fixed binary geo* variant   bytes
 * A null value keeps its kind and has no member. */
#ifndef FIRN_ICEBERG_VALUE_H
#define FIRN_ICEBERG_VALUE_H

#include "base/buf.h"
#include "iceberg/type.h"

typedef __int128 int128;

struct value {
    uint8_t kind; /* enum type_kind */
    bool is_null;
    uint8_t precision, scale; /* decimal */
    union {
        bool b;
        int64_t i;
        double f;
        int128 dec;
        str bytes;
    };
};
_Static_assert(sizeof(struct value) <= 32, "values are copied about");

#define VALUE_BYTES_MAX ((size_t)16 << 20) /* of one encoded value */

static inline struct value value_null(enum type_kind kind)
{
    return (struct value){ .kind = (uint8_t)kind, .is_null = true };
}
static inline struct value value_bool(bool b)
{
    return (struct value){ .kind = TYPE_BOOLEAN, .b = b };
}
/* int, long, date, time and timestamps */
static inline struct value value_i64(enum type_kind kind, int64_t i)
{
    return (struct value){ .kind = (uint8_t)kind, .i = i };
}
/* float and double */
static inline struct value value_f64(enum type_kind kind, double f)
{
    return (struct value){ .kind = (uint8_t)kind, .f = f };
}
static inline struct value value_decimal(int32_t precision, int32_t scale, int128 unscaled)
{
    return (struct value){ .kind = TYPE_DECIMAL,
                           .precision = (uint8_t)precision,
                           .scale = (uint8_t)scale,
                           .dec = unscaled };
}
/* string, uuid, fixed, binary; a view */
static inline struct value value_bytes(enum type_kind kind, str bytes)
{
    return (struct value){ .kind = (uint8_t)kind, .bytes = bytes };
}

/* Which member of the union a kind uses. */
enum value_class { VALUE_NONE, VALUE_BOOL, VALUE_INT, VALUE_FLOAT, VALUE_DECIMAL, VALUE_BYTES };
enum value_class value_class_of(enum type_kind kind);

/* A copy whose bytes live in `a`. */
struct value value_copy(const struct value *v, struct arena *a);

/* Reads the single-value binary form of type `t`.  The bytes stay where they are (views).  Bounds
 * written before a promotion are understood: 4 bytes for a long (int), a double (float) and a
 * timestamp[_ns] (date), any length up to 16 for a decimal.  ERR_CORRUPT when the length does
 * not fit the type, ERR_UNSUPPORTED for nested types. */
MUST_USE bool value_decode(const struct type *t, str bytes, struct value *out, struct error *err);

/* Appends the single-value binary form.  The value must not be null nor nested (ASSERT). */
void value_encode(const struct value *v, struct buf *out);
str value_encode_in(const struct value *v, struct arena *a);

/* Order as in the Java library: nulls first; false < true; floats as Double.compare, so -0.0 <
 * 0.0 and NaN above everything and equal to itself; strings by UTF-8 bytes, binary, fixed and
 * uuid by unsigned bytes, shorter first on a tie; decimals of differing scale by their number.
 * Kinds may differ only inside a class (int and long, float and double).  <0, 0, >0. */
int value_cmp(const struct value *a, const struct value *b);
static inline bool value_eq(const struct value *a, const struct value *b)
{
    return value_cmp(a, b) == 0;
}
bool value_is_nan(const struct value *v); /* a float or double that is NaN */

/* JSON single-value form (Iceberg spec, "JSON single-value serialization").  Parsing copies
 * bytes to `a`; JSON null gives a null value.  Nested types: a struct's default "{}" gives a
 * value of kind TYPE_STRUCT, everything else is ERR_UNSUPPORTED. */
MUST_USE bool value_parse(const struct type *t, const struct json *json, struct arena *a,
                          struct value *out, struct error *err);
void value_write(const struct value *v, struct json_writer *w);

/* Text for people, SQL literals without quotes and partition paths (not escaped): "2001-02-03",
 * "2001-02-03T04:05:06.789", timestamptz with "+00:00", decimals with their scale, binary and
 * fixed in base64, "null".  As the Java library's identity transform prints them. */
str value_to_text(const struct value *v, struct arena *a);

/* Reads such a text as type `t`; booleans, numbers, dates, times and timestamps as SQL writes
 * them, uuid with dashes, binary and fixed in hexadecimal.  ERR_INVALID. */
MUST_USE bool value_from_text(const struct type *t, str text, struct arena *a, struct value *out,
                              struct error *err);

/* What value_convert found. */
enum value_fit {
    VALUE_FITS,    /* *out is the same value in the type */
    VALUE_BELOW,   /* smaller than every value of the type */
    VALUE_ABOVE,   /* greater than every value of the type */
    VALUE_BETWEEN, /* not representable, but within the range: equal to no value of the type */
    VALUE_NO       /* no conversion between these types */
};
/* A literal in another type: int <-> long, integers to float, double and decimal, double <->
 * float, date <-> timestamp, us <-> ns, decimals of another scale, string to everything
 * value_from_text reads.  When it does not fit exactly *out is the next smaller value for
 * VALUE_BETWEEN. */
enum value_fit value_convert(const struct value *v, const struct type *to, struct arena *a,
                             struct value *out);

/* The 32-bit murmur3 hash of Iceberg spec, Appendix B.  False for types without one (boolean,
 * float, double, unknown, geo, variant, nested) and for null. */
bool value_hash(const struct value *v, int32_t *out);

/* decimal text helper: digits with `scale` behind the point.  `out` gets a NUL. */
#define DECIMAL_TEXT_MAX 48
size_t decimal_format(int128 unscaled, int32_t scale, char out[DECIMAL_TEXT_MAX]);
/* Reads "-12.34", "1e3"; *scale is the number of digits behind the point.  False when it is no
 * number or has more than 38 digits. */
bool decimal_parse(str text, int128 *unscaled, int32_t *scale);
/* 10^n for 0 <= n <= 38. */
int128 decimal_pow10(int32_t n);

#endif
