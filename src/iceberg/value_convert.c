/* SPDX-License-Identifier: Apache-2.0
 *
 * Literals in other types, for comparing a column with a literal of a neighbouring type without
 * changing what the comparison says: what does not fit is told apart by the side it lies on. */
#include "iceberg/value_priv.h"

#include <float.h>
#include <math.h>

#include "base/time.h"
#include "codec/numfmt.h"

/* n is what the value is in units of the target, rounded down. */
static enum value_fit fit_int(int128 n, bool exact, const struct type *to, struct value *out)
{
    bool narrow = to->kind == TYPE_INT || to->kind == TYPE_DATE;
    int128 min = narrow ? INT32_MIN : INT64_MIN, max = narrow ? INT32_MAX : INT64_MAX;
    if (n < min)
        return VALUE_BELOW;
    if (n > max)
        return VALUE_ABOVE;
    *out = value_i64(to->kind, (int64_t)n);
    return exact ? VALUE_FITS : VALUE_BETWEEN;
}

/* The greatest float or double that is not above n. */
static enum value_fit fit_float(int64_t n, const struct type *to, struct value *out)
{
    double d = to->kind == TYPE_FLOAT ? (double)(float)n : (double)n;
    int128 back = (int128)d;
    if (back > n)
        d = to->kind == TYPE_FLOAT ? (double)nextafterf((float)d, -INFINITY)
                                   : nextafter(d, -INFINITY);
    *out = value_f64(to->kind, d);
    return back == n ? VALUE_FITS : VALUE_BETWEEN;
}

static enum value_fit double_to_float(double d, struct value *out)
{
    if (isinf(d) || isnan(d)) {
        *out = value_f64(TYPE_FLOAT, d);
        return VALUE_FITS;
    }
    if (d > (double)FLT_MAX)
        return VALUE_ABOVE;
    if (d < -(double)FLT_MAX)
        return VALUE_BELOW;
    float f = (float)d;
    bool exact = (double)f == d;
    if ((double)f > d)
        f = nextafterf(f, -INFINITY);
    *out = value_f64(TYPE_FLOAT, (double)f);
    return exact ? VALUE_FITS : VALUE_BETWEEN;
}

static enum value_fit from_float(double d, const struct type *to, struct value *out)
{
    if (to->kind == TYPE_DOUBLE) {
        *out = value_f64(TYPE_DOUBLE, d);
        return VALUE_FITS;
    }
    if (to->kind == TYPE_FLOAT)
        return double_to_float(d, out);
    if ((to->kind != TYPE_INT && to->kind != TYPE_LONG) || isnan(d))
        return VALUE_NO;
    if (d >= 0x1p63)
        return VALUE_ABOVE;
    if (d < -0x1p63)
        return VALUE_BELOW;
    return fit_int((int128)floor(d), floor(d) == d, to, out);
}

static enum value_fit to_decimal(int128 v, int32_t scale, const struct type *to, struct value *out)
{
    int128 n;
    bool exact;
    if (!decimal_rescale(v, scale, to->scale, to->precision, &n, &exact))
        return v < 0 ? VALUE_BELOW : VALUE_ABOVE;
    *out = value_decimal(to->precision, to->scale, n);
    return exact ? VALUE_FITS : VALUE_BETWEEN;
}

static enum value_fit from_decimal(const struct value *v, const struct type *to, struct value *out)
{
    char text[DECIMAL_TEXT_MAX];
    double d;
    int128 n;
    bool exact;
    switch (to->kind) {
    case TYPE_DECIMAL:
        return to_decimal(v->dec, v->scale, to, out);
    case TYPE_INT:
    case TYPE_LONG:
        if (!decimal_rescale(v->dec, v->scale, 0, DECIMAL_PRECISION_MAX, &n, &exact))
            return v->dec < 0 ? VALUE_BELOW : VALUE_ABOVE;
        return fit_int(n, exact, to, out);
    case TYPE_FLOAT:
    case TYPE_DOUBLE: /* the nearest, as SQL casts */
        if (!num_parse_f64(str_make(text, decimal_format(v->dec, v->scale, text)), &d))
            return VALUE_NO;
        *out = value_f64(to->kind, to->kind == TYPE_FLOAT ? (double)(float)d : d);
        return VALUE_FITS;
    default:
        return VALUE_NO;
    }
}

/* Nanoseconds of one unit; 0 for kinds that are no points in time. */
static int64_t unit_ns(enum type_kind kind)
{
    switch (kind) {
    case TYPE_DATE:
        return US_PER_DAY * NS_PER_US;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return NS_PER_US;
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return 1;
    default:
        return 0;
    }
}

static enum value_fit from_point_in_time(const struct value *v, const struct type *to,
                                         struct value *out)
{
    int64_t from_unit = unit_ns(v->kind), to_unit = unit_ns(to->kind);
    if (to_unit == 0 || kind_is_zoned(v->kind) != kind_is_zoned(to->kind))
        return VALUE_NO;
    int128 ns = (int128)v->i * from_unit, rest = ns % to_unit;
    return fit_int(ns / to_unit - (rest < 0), rest == 0, to, out);
}

static enum value_fit from_int(const struct value *v, const struct type *to, struct value *out)
{
    if (v->kind != TYPE_INT && v->kind != TYPE_LONG)
        return from_point_in_time(v, to, out);
    switch (to->kind) {
    case TYPE_INT:
    case TYPE_LONG:
        return fit_int(v->i, true, to, out);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return fit_float(v->i, to, out);
    case TYPE_DECIMAL:
        return to_decimal(v->i, 0, to, out);
    default:
        return VALUE_NO;
    }
}

static enum value_fit from_bytes(const struct value *v, const struct type *to, struct arena *a,
                                 struct value *out)
{
    if (v->kind == TYPE_STRING)
        return value_read_text(to, str_trim(v->bytes), a, out) ? VALUE_FITS : VALUE_NO;
    bool binary = v->kind == TYPE_BINARY || v->kind == TYPE_FIXED || v->kind == TYPE_UUID;
    bool fits = to->kind == TYPE_BINARY ||
                (to->kind == TYPE_FIXED && v->bytes.len == (size_t)to->length) ||
                (to->kind == TYPE_UUID && v->bytes.len == 16);
    if (!binary || !fits)
        return VALUE_NO;
    *out = value_bytes(to->kind, v->bytes);
    return VALUE_FITS;
}

enum value_fit value_convert(const struct value *v, const struct type *to, struct arena *a,
                             struct value *out)
{
    if (v->is_null) {
        *out = value_null(to->kind);
        return VALUE_FITS;
    }
    if (v->kind == to->kind && v->kind != TYPE_DECIMAL && v->kind != TYPE_FIXED) {
        *out = *v;
        return VALUE_FITS;
    }
    switch (value_class_of(v->kind)) {
    case VALUE_INT:
        return from_int(v, to, out);
    case VALUE_FLOAT:
        return from_float(v->f, to, out);
    case VALUE_DECIMAL:
        return from_decimal(v, to, out);
    case VALUE_BYTES:
        return from_bytes(v, to, a, out);
    default:
        return VALUE_NO;
    }
}
