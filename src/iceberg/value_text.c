/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as text and as JSON. */
#include "iceberg/value_priv.h"

#include <inttypes.h>
#include <math.h>

#include "base/time.h"
#include "codec/digest.h"
#include "codec/numfmt.h"
#include "codec/uuid.h"

#define FRACTION_US 6 /* digits */
#define FRACTION_NS 9

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

bool kind_is_zoned(enum type_kind kind)
{
    return kind == TYPE_TIMESTAMPTZ || kind == TYPE_TIMESTAMPTZ_NS;
}

bool kind_is_nanos(enum type_kind kind)
{
    return kind == TYPE_TIMESTAMP_NS || kind == TYPE_TIMESTAMPTZ_NS;
}

/* A text without a zone is UTC; a zone on a type without one is refused, as it would be lost. */
static bool timestamp_from_text(enum type_kind kind, str s, int64_t *out)
{
    int64_t us, rest;
    bool has_zone;
    if (!parse_timestamp(s, &us, &rest, &has_zone) || (has_zone && !kind_is_zoned(kind)))
        return false;
    *out = us;
    if (!kind_is_nanos(kind))
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
    int64_t us = kind_is_nanos(kind) ? floor_div(v, NS_PER_US) : v;
    int64_t rest = kind_is_nanos(kind) ? (v % NS_PER_US + NS_PER_US) % NS_PER_US : 0;
    const char *zone = kind_is_zoned(kind) ? "+00:00" : "";
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
    if (!decimal_parse(s, &v, &scale) ||
        !decimal_rescale(v, scale, t->scale, t->precision, &v, &exact) || !exact)
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

bool value_read_text(const struct type *t, str s, struct arena *a, struct value *out)
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
    if (value_read_text(t, t->kind == TYPE_STRING ? text : str_trim(text), a, out))
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
