/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as text, as JSON and in other types. */
#include "iceberg/value.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/time.h"
#include "codec/digest.h"
#include "codec/numfmt.h"
#include "codec/uuid.h"

#define NS_PER_US 1000
#define FRACTION_US 6 /* digits */
#define FRACTION_NS 9

/* -- decimals -------------------------------------------------------------------------------- */

int128 decimal_pow10(int32_t n)
{
    ASSERT(n >= 0 && n <= DECIMAL_PRECISION_MAX);
    int128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

size_t decimal_format(int128 unscaled, int32_t scale, char out[DECIMAL_TEXT_MAX])
{
    char digits[DECIMAL_TEXT_MAX]; /* from the right */
    int n = 0;
    bool negative = unscaled < 0;
    unsigned __int128 v = negative ? -(unsigned __int128)unscaled : (unsigned __int128)unscaled;
    do {
        digits[n++] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v > 0 || n <= scale);
    size_t len = 0;
    if (negative)
        out[len++] = '-';
    while (n > 0) {
        out[len++] = digits[--n];
        if (n == scale && n > 0)
            out[len++] = '.';
    }
    out[len] = 0;
    return len;
}

/* Digits with at most one point; leading zeros do not count. */
static bool parse_digits(str text, int128 *v, int32_t *fraction)
{
    int significant = 0;
    bool point = false, any = false;
    *v = 0;
    *fraction = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        any = true;
        significant += significant > 0 || c != '0';
        if (significant > DECIMAL_PRECISION_MAX || *fraction >= 1000)
            return false;
        *v = *v * 10 + (c - '0');
        *fraction += point;
    }
    return any;
}

bool decimal_parse(str text, int128 *unscaled, int32_t *scale)
{
    text = str_trim(text);
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative || (text.len > 0 && text.ptr[0] == '+'))
        text = str_from(text, 1);
    ptrdiff_t e = str_find_char(text, 'e');
    e = e < 0 ? str_find_char(text, 'E') : e;
    int64_t exponent = 0;
    if (e >= 0) {
        str tail = str_from(text, (size_t)e + 1);
        if (tail.len > 0 && tail.ptr[0] == '+')
            tail = str_from(tail, 1);
        if (!str_to_i64(tail, &exponent) || exponent > 1000 || exponent < -1000)
            return false;
        text = str_sub(text, 0, (size_t)e);
    }
    int128 v;
    int32_t fraction;
    if (!parse_digits(text, &v, &fraction))
        return false;
    int32_t s = fraction - (int32_t)exponent;
    for (; s < 0; s++)
        if (__builtin_mul_overflow(v, (int128)10, &v) || v >= decimal_pow10(38))
            return false;
    *unscaled = negative ? -v : v;
    *scale = s;
    return true;
}

/* The number in another scale, rounded down; *exact says whether nothing was lost.  False when it
 * has too many digits for the precision. */
static bool rescale(int128 v, int32_t from, int32_t to, int32_t precision, int128 *out, bool *exact)
{
    *exact = true;
    while (from < to) {
        if (__builtin_mul_overflow(v, (int128)10, &v))
            return false;
        from++;
    }
    if (from - to > DECIMAL_PRECISION_MAX) {
        *exact = v == 0;
        v = v < 0 ? -1 : 0;
    } else if (from > to) {
        int128 unit = decimal_pow10(from - to), rest = v % unit;
        *exact = rest == 0;
        v = v / unit - (rest < 0);
    }
    *out = v;
    int128 limit = decimal_pow10(precision);
    return v > -limit && v < limit;
}

/* -- dates and times ------------------------------------------------------------------------- */

static bool two_digits(str s, size_t at, int64_t max, int64_t *out)
{
    return at + 2 <= s.len && s.ptr[at] != '-' && s.ptr[at] != '+' &&
           str_to_i64(str_sub(s, at, at + 2), out) && *out <= max;
}

/* ".123" as a number of 10^-digits; true for the empty text. */
static bool parse_fraction(str s, int digits, int64_t *out)
{
    *out = 0;
    if (s.len == 0)
        return true;
    if (s.ptr[0] != '.' || s.len < 2 || s.len > (size_t)digits + 1)
        return false;
    for (size_t i = 1; i <= (size_t)digits; i++) {
        char c = i < s.len ? s.ptr[i] : '0';
        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (c - '0');
    }
    return true;
}

/* "22:31[:08[.123456]]" */
static bool parse_time_of_day(str s, int64_t *us)
{
    int64_t hour, minute, second = 0, fraction = 0;
    if (!two_digits(s, 0, 23, &hour) || s.len < 5 || s.ptr[2] != ':' ||
        !two_digits(s, 3, 59, &minute))
        return false;
    if (s.len > 5 && (s.ptr[5] != ':' || !two_digits(s, 6, 59, &second) ||
                      !parse_fraction(str_from(s, 8), FRACTION_US, &fraction)))
        return false;
    *us = hour * US_PER_HOUR + minute * US_PER_MINUTE + second * US_PER_S + fraction;
    return true;
}

/* base/time reads six digits of a second; digits seven to nine are cut out here. */
static bool parse_timestamp(str s, int64_t *us, int64_t *ns_rest, bool *has_zone)
{
    char text[64];
    *ns_rest = 0;
    ptrdiff_t point = str_find_char(s, '.');
    if (point < 0)
        return time_parse(s, us, has_zone);
    size_t from = (size_t)point + 1, to = from;
    while (to < s.len && s.ptr[to] >= '0' && s.ptr[to] <= '9')
        to++;
    if (to - from <= FRACTION_US)
        return time_parse(s, us, has_zone);
    if (to - from > FRACTION_NS || s.len >= sizeof text)
        return false;
    for (size_t i = from + FRACTION_US; i < from + FRACTION_NS; i++)
        *ns_rest = *ns_rest * 10 + (i < to ? s.ptr[i] - '0' : 0);
    size_t head = from + FRACTION_US, tail = s.len - to;
    memcpy(text, s.ptr, head);
    memcpy(text + head, s.ptr + to, tail);
    return time_parse(str_make(text, head + tail), us, has_zone);
}

static bool zoned(enum type_kind kind)
{
    return kind == TYPE_TIMESTAMPTZ || kind == TYPE_TIMESTAMPTZ_NS;
}

static bool nanos(enum type_kind kind)
{
    return kind == TYPE_TIMESTAMP_NS || kind == TYPE_TIMESTAMPTZ_NS;
}

/* A text without a zone is UTC; a zone on a type without one is refused, as it would be lost. */
static bool timestamp_from_text(enum type_kind kind, str s, int64_t *out)
{
    int64_t us, rest;
    bool has_zone;
    if (!parse_timestamp(s, &us, &rest, &has_zone) || (has_zone && !zoned(kind)))
        return false;
    *out = us;
    if (!nanos(kind))
        return rest == 0;
    return !__builtin_mul_overflow(us, (int64_t)NS_PER_US, out) &&
           !__builtin_add_overflow(*out, rest, out);
}

static str time_to_text(int64_t us, struct arena *a)
{
    int64_t s = us / US_PER_S, fraction = us % US_PER_S;
    str head =
        arena_printf(a, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    if (fraction == 0)
        return head;
    if (fraction % 1000 == 0)
        return arena_printf(a, STR_FMT ".%03d", STR_ARG(head), (int)(fraction / 1000));
    return arena_printf(a, STR_FMT ".%06d", STR_ARG(head), (int)fraction);
}

static str timestamp_to_text(enum type_kind kind, int64_t v, struct arena *a)
{
    char text[TIME_TEXT_MAX];
    int64_t us = nanos(kind) ? floor_div(v, NS_PER_US) : v;
    int64_t rest = nanos(kind) ? (v % NS_PER_US + NS_PER_US) % NS_PER_US : 0;
    const char *zone = zoned(kind) ? "+00:00" : "";
    if (rest == 0) {
        size_t n = time_format_iso(us, text);
        return arena_printf(a, "%.*s%s", (int)n - 1, text, zone);
    }
    int64_t s = floor_div(us, US_PER_S);
    size_t n = time_format_iso(s * US_PER_S, text);
    return arena_printf(a, "%.*s.%09lld%s", (int)n - 1, text,
                        (us - s * US_PER_S) * NS_PER_US + rest, zone);
}

/* -- text ------------------------------------------------------------------------------------ */

static str uuid_text(str bytes, struct arena *a)
{
    struct uuid u = { 0 };
    char text[UUID_TEXT_LEN + 1];
    memcpy(u.bytes, bytes.ptr, bytes.len < sizeof u.bytes ? bytes.len : sizeof u.bytes);
    return arena_str(a, uuid_format(&u, text));
}

static str int_to_text(enum type_kind kind, int64_t v, struct arena *a)
{
    char text[TIME_TEXT_MAX];
    switch (kind) {
    case TYPE_INT:
    case TYPE_LONG:
        return arena_printf(a, "%" PRId64, v);
    case TYPE_DATE:
        return arena_str(a, str_make(text, time_format_date(v, text)));
    case TYPE_TIME:
        return time_to_text(v, a);
    default:
        return timestamp_to_text(kind, v, a);
    }
}

static str bytes_to_text(enum type_kind kind, str bytes, struct arena *a)
{
    if (kind == TYPE_STRING)
        return bytes;
    return kind == TYPE_UUID ? uuid_text(bytes, a) : base64_encode(bytes, a);
}

str value_to_text(const struct value *v, struct arena *a)
{
    char text[DECIMAL_TEXT_MAX];
    if (v->is_null)
        return STR("null");
    switch (value_class_of(v->kind)) {
    case VALUE_BOOL:
        return v->b ? STR("true") : STR("false");
    case VALUE_INT:
        return int_to_text(v->kind, v->i, a);
    case VALUE_FLOAT: {
        size_t n =
            v->kind == TYPE_FLOAT ? num_format_f32((float)v->f, text) : num_format_f64(v->f, text);
        return arena_str(a, str_make(text, n));
    }
    case VALUE_DECIMAL:
        return arena_str(a, str_make(text, decimal_format(v->dec, v->scale, text)));
    case VALUE_BYTES:
        return bytes_to_text(v->kind, v->bytes, a);
    default:
        return STR("{}");
    }
}

static bool float_from_text(str s, double *out)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {
        { "nan", NAN },        { "infinity", INFINITY },
        { "inf", INFINITY },   { "-infinity", -INFINITY },
        { "-inf", -INFINITY },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(s, str_of(names[i].name))) {
            *out = names[i].value;
            return true;
        }
    return num_parse_f64(s, out);
}

static bool int_from_text(const struct type *t, str s, int64_t *out)
{
    switch (t->kind) {
    case TYPE_INT:
        return str_to_i64(s, out) && *out >= INT32_MIN && *out <= INT32_MAX;
    case TYPE_LONG:
        return str_to_i64(s, out);
    case TYPE_DATE:
        return time_parse_date(s, out);
    case TYPE_TIME:
        return parse_time_of_day(s, out);
    default:
        return timestamp_from_text(t->kind, s, out);
    }
}

static bool decimal_from_text(const struct type *t, str s, struct value *out)
{
    int128 v;
    int32_t scale;
    bool exact;
    if (!decimal_parse(s, &v, &scale) || !rescale(v, scale, t->scale, t->precision, &v, &exact) ||
        !exact)
        return false;
    *out = value_decimal(t->precision, t->scale, v);
    return true;
}

static bool bytes_from_text(const struct type *t, str s, struct arena *a, str *out)
{
    struct uuid u;
    switch (t->kind) {
    case TYPE_STRING:
        *out = arena_str(a, s);
        return true;
    case TYPE_UUID:
        if (!uuid_parse(s, &u))
            return false;
        *out = arena_str(a, str_make(u.bytes, sizeof u.bytes));
        return true;
    case TYPE_FIXED:
    case TYPE_BINARY:
        return hex_decode(s, a, out) && (t->kind == TYPE_BINARY || out->len == (size_t)t->length);
    default:
        return false;
    }
}

static bool from_text(const struct type *t, str s, struct arena *a, struct value *out)
{
    *out = (struct value){ .kind = (uint8_t)t->kind };
    switch (value_class_of(t->kind)) {
    case VALUE_BOOL:
        out->b = str_eq_nocase(s, STR("true"));
        return out->b || str_eq_nocase(s, STR("false"));
    case VALUE_INT:
        return int_from_text(t, s, &out->i);
    case VALUE_FLOAT:
        if (!float_from_text(s, &out->f))
            return false;
        if (t->kind == TYPE_FLOAT)
            out->f = (double)(float)out->f;
        return true;
    case VALUE_DECIMAL:
        return decimal_from_text(t, s, out);
    case VALUE_BYTES:
        return bytes_from_text(t, s, a, &out->bytes);
    default:
        return false;
    }
}

bool value_from_text(const struct type *t, str text, struct arena *a, struct value *out,
                     struct error *err)
{
    if (from_text(t, t->kind == TYPE_STRING ? text : str_trim(text), a, out))
        return true;
    return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no value of type " STR_FMT, STR_ARG(text),
                STR_ARG(type_format(t, a)));
}

/* -- JSON ------------------------------------------------------------------------------------ */

static bool wrong_json(const struct type *t, const struct json *json, struct error *err)
{
    return fail(err, ERR_INVALID, "a JSON %s is no value of type %s", json_kind_name(json->kind),
                type_kind_name(t->kind));
}

static bool parse_nested(const struct type *t, const struct json *json, struct value *out,
                         struct error *err)
{
    if (t->kind != TYPE_STRUCT || json->kind != JSON_OBJECT || json->object.n > 0)
        return fail(err, ERR_UNSUPPORTED,
                    "defaults of type %s are not supported, but {} of a "
                    "struct is",
                    type_kind_name(t->kind));
    *out = (struct value){ .kind = TYPE_STRUCT };
    return true;
}

static bool parse_number(const struct type *t, const struct json *json, struct value *out,
                         struct error *err)
{
    bool whole = json->kind == JSON_INT;
    if (t->kind == TYPE_INT || t->kind == TYPE_LONG) {
        if (!whole || (t->kind == TYPE_INT && (json->i < INT32_MIN || json->i > INT32_MAX)))
            return wrong_json(t, json, err);
        *out = value_i64(t->kind, json->i);
        return true;
    }
    if (!whole && json->kind != JSON_F64)
        return wrong_json(t, json, err);
    double d = whole ? (double)json->i : json->f;
    *out = value_f64(t->kind, t->kind == TYPE_FLOAT ? (double)(float)d : d);
    return true;
}

bool value_parse(const struct type *t, const struct json *json, struct arena *a, struct value *out,
                 struct error *err)
{
    *out = value_null(t->kind);
    if (json->kind == JSON_NULL)
        return true;
    switch (t->kind) {
    case TYPE_UNKNOWN:
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
    case TYPE_VARIANT:
        return fail(err, ERR_INVALID, "a value of type %s must be null here",
                    type_kind_name(t->kind));
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        return parse_nested(t, json, out, err);
    case TYPE_BOOLEAN:
        if (json->kind != JSON_BOOL)
            return wrong_json(t, json, err);
        *out = value_bool(json->b);
        return true;
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return parse_number(t, json, out, err);
    default:
        return json->kind == JSON_STR ? value_from_text(t, json->s, a, out, err)
                                      : wrong_json(t, json, err);
    }
}

static void write_hex(str bytes, struct json_writer *w)
{
    static const char digits[] = "0123456789abcdef";
    struct buf b = BUF_INIT(2 * VALUE_BYTES_MAX);
    for (size_t i = 0; i < bytes.len; i++) {
        buf_add_char(&b, digits[(uint8_t)bytes.ptr[i] >> 4]);
        buf_add_char(&b, digits[(uint8_t)bytes.ptr[i] & 15]);
    }
    jw_str(w, buf_str(&b));
    buf_deinit(&b);
}

static void write_as_text(const struct value *v, struct json_writer *w)
{
    struct arena *a = arena_create(0);
    jw_str(w, value_to_text(v, a));
    arena_destroy(a);
}

void value_write(const struct value *v, struct json_writer *w)
{
    if (v->is_null) {
        jw_null(w);
        return;
    }
    switch (v->kind) {
    case TYPE_BOOLEAN:
        jw_bool(w, v->b);
        return;
    case TYPE_INT:
    case TYPE_LONG:
        jw_int(w, v->i);
        return;
    case TYPE_FLOAT:
        jw_f32(w, (float)v->f);
        return;
    case TYPE_DOUBLE:
        jw_f64(w, v->f);
        return;
    case TYPE_STRING:
        jw_str(w, v->bytes);
        return;
    case TYPE_FIXED:
    case TYPE_BINARY:
        write_hex(v->bytes, w);
        return;
    case TYPE_STRUCT:
        jw_begin_object(w);
        jw_end_object(w);
        return;
    case TYPE_UNKNOWN:
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
    case TYPE_VARIANT:
        jw_null(w);
        return;
    default:
        write_as_text(v, w);
    }
}

/* -- other types ----------------------------------------------------------------------------- */

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
    if (!rescale(v, scale, to->scale, to->precision, &n, &exact))
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
        if (!rescale(v->dec, v->scale, 0, DECIMAL_PRECISION_MAX, &n, &exact))
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
    if (to_unit == 0 || zoned(v->kind) != zoned(to->kind))
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
        return from_text(to, str_trim(v->bytes), a, out) ? VALUE_FITS : VALUE_NO;
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
