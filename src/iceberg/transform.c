/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition transforms (Iceberg spec, "Partition Transforms"). */
#include "iceberg/partition.h"

#include "base/time.h"

static const struct {
    const char *name;
    bool parameter;
} transforms[] = {
    [TRANSFORM_IDENTITY] = { "identity", false }, [TRANSFORM_BUCKET] = { "bucket", true },
    [TRANSFORM_TRUNCATE] = { "truncate", true },  [TRANSFORM_YEAR] = { "year", false },
    [TRANSFORM_MONTH] = { "month", false },       [TRANSFORM_DAY] = { "day", false },
    [TRANSFORM_HOUR] = { "hour", false },         [TRANSFORM_VOID] = { "void", false },
};

bool transform_parse(str text, struct arena *a, struct transform *out, struct error *err)
{
    str head = text, inside = { 0 };
    bool bracket = str_cut(text, '[', &head, &inside);
    *out = (struct transform){ .kind = TRANSFORM_UNKNOWN, .text = arena_str(a, text) };
    for (enum transform_kind k = 0; k < TRANSFORM_UNKNOWN; k++) {
        if (!str_eq_nocase(head, str_of(transforms[k].name)) || bracket != transforms[k].parameter)
            continue;
        int64_t n = 0;
        if (bracket &&
            (!str_ends(inside, STR("]")) || !str_to_i64(str_sub(inside, 0, inside.len - 1), &n) ||
             n < 1 || n > INT32_MAX))
            return fail(err, ERR_INVALID, "transform \"" STR_FMT "\" needs a positive number",
                        STR_ARG(text));
        out->kind = k;
        out->param = (int32_t)n;
        break;
    }
    return true;
}

struct transform transform_make(enum transform_kind kind, int32_t param, struct arena *a)
{
    ASSERT(kind < TRANSFORM_UNKNOWN);
    struct transform f = { .kind = kind, .text = str_of(transforms[kind].name) };
    if (transforms[kind].parameter) {
        ASSERT(param > 0);
        f.param = param;
        f.text = arena_printf(a, "%s[%d]", transforms[kind].name, param);
    }
    return f;
}

bool transform_equal(const struct transform *a, const struct transform *b)
{
    if (a->kind == TRANSFORM_UNKNOWN && b->kind == TRANSFORM_UNKNOWN)
        return str_eq(a->text, b->text);
    return a->kind == b->kind && a->param == b->param;
}

static bool is_timestamp(enum type_kind kind)
{
    return kind >= TYPE_TIMESTAMP && kind <= TYPE_TIMESTAMPTZ_NS;
}

/* Iceberg spec, "Partition Transforms", column "Source types". */
static bool accepts(enum transform_kind f, enum type_kind t)
{
    switch (f) {
    case TRANSFORM_IDENTITY:
        return t < TYPE_GEOMETRY;
    case TRANSFORM_BUCKET:
        return t == TYPE_INT || t == TYPE_LONG || t == TYPE_DECIMAL || t == TYPE_DATE ||
               t == TYPE_TIME || is_timestamp(t) || t == TYPE_STRING || t == TYPE_UUID ||
               t == TYPE_FIXED || t == TYPE_BINARY;
    case TRANSFORM_TRUNCATE:
        return t == TYPE_INT || t == TYPE_LONG || t == TYPE_DECIMAL || t == TYPE_STRING ||
               t == TYPE_BINARY;
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH:
    case TRANSFORM_DAY:
        return t == TYPE_DATE || is_timestamp(t);
    case TRANSFORM_HOUR:
        return is_timestamp(t);
    default:
        return true;
    }
}

bool transform_check(const struct transform *f, const struct type *t, struct error *err)
{
    if (f->kind == TRANSFORM_UNKNOWN)
        return fail(err, ERR_UNSUPPORTED, "unknown transform \"" STR_FMT "\"", STR_ARG(f->text));
    if (!accepts(f->kind, t->kind))
        return fail(err, ERR_INVALID, "transform " STR_FMT " does not take values of type %s",
                    STR_ARG(f->text), type_kind_name(t->kind));
    return true;
}

const struct type *transform_result(const struct transform *f, const struct type *source)
{
    switch (f->kind) {
    case TRANSFORM_IDENTITY:
    case TRANSFORM_TRUNCATE:
    case TRANSFORM_VOID:
        return source ? source : type_of(TYPE_UNKNOWN);
    case TRANSFORM_DAY:
        return type_of(TYPE_DATE);
    case TRANSFORM_UNKNOWN:
        return type_of(TYPE_STRING);
    default:
        return type_of(TYPE_INT);
    }
}

bool transform_keeps_order(const struct transform *f)
{
    return f->kind != TRANSFORM_BUCKET && f->kind != TRANSFORM_VOID && f->kind != TRANSFORM_UNKNOWN;
}

/* Prefix of at most `n` code points; a stray continuation byte counts as part of one. */
static str prefix_code_points(str s, int32_t n)
{
    size_t i = 0;
    for (int32_t seen = 0; i < s.len; i++)
        if (((uint8_t)s.ptr[i] & 0xc0) != 0x80 && seen++ == n)
            break;
    return str_sub(s, 0, i);
}

/* v - (v mod w) with a remainder that is never negative; the one below the smallest wraps, as in
 * the Java library. */
static int64_t truncate_i64(int64_t v, int32_t w, bool is_int)
{
    int64_t rest = (v % w + w) % w;
    uint64_t low = (uint64_t)v - (uint64_t)rest;
    return is_int ? (int32_t)(uint32_t)low : (int64_t)low;
}

static struct value truncate_value(const struct value *v, int32_t w)
{
    struct value r = *v;
    switch (v->kind) {
    case TYPE_INT:
    case TYPE_LONG:
        r.i = truncate_i64(v->i, w, v->kind == TYPE_INT);
        return r;
    case TYPE_DECIMAL: {
        int128 rest = (v->dec % w + w) % w;
        r.dec = (int128)((unsigned __int128)v->dec - (unsigned __int128)rest);
        return r;
    }
    case TYPE_STRING:
        r.bytes = prefix_code_points(v->bytes, w);
        return r;
    case TYPE_BINARY:
        r.bytes = str_sub(v->bytes, 0, (size_t)w);
        return r;
    default:
        panic("truncate of a %s", type_kind_name(v->kind));
    }
}

/* Units of the kind in a day or an hour; 1 for a date's day. */
static int64_t units_per_hour(enum type_kind kind)
{
    bool ns = kind == TYPE_TIMESTAMP_NS || kind == TYPE_TIMESTAMPTZ_NS;
    return ns ? US_PER_HOUR * 1000 : US_PER_HOUR;
}

static int64_t days_of(const struct value *v)
{
    return v->kind == TYPE_DATE ? v->i : floor_div(v->i, 24 * units_per_hour(v->kind));
}

static struct value calendar_value(enum transform_kind f, const struct value *v)
{
    int32_t year, month, day;
    if (f == TRANSFORM_HOUR)
        return value_i64(TYPE_INT, floor_div(v->i, units_per_hour(v->kind)));
    if (f == TRANSFORM_DAY)
        return value_i64(TYPE_DATE, days_of(v));
    civil_from_days(days_of(v), &year, &month, &day);
    int64_t years = (int64_t)year - 1970;
    return value_i64(TYPE_INT, f == TRANSFORM_YEAR ? years : years * 12 + month - 1);
}

struct value transform_apply(const struct transform *f, const struct value *v)
{
    ASSERT(f->kind != TRANSFORM_UNKNOWN);
    if (f->kind == TRANSFORM_IDENTITY)
        return *v;
    if (f->kind == TRANSFORM_VOID || v->is_null) {
        struct type source = { .kind = v->kind };
        return value_null(transform_result(f, &source)->kind);
    }
    if (f->kind == TRANSFORM_TRUNCATE)
        return truncate_value(v, f->param);
    if (f->kind != TRANSFORM_BUCKET)
        return calendar_value(f->kind, v);
    int32_t hash = 0;
    ASSERT(value_hash(v, &hash));
    return value_i64(TYPE_INT, (hash & INT32_MAX) % f->param);
}

static str year_text(int64_t year, struct arena *a)
{
    return arena_printf(a, year < 0 ? "-%04lld" : "%04lld", (long long)(year < 0 ? -year : year));
}

str transform_text(const struct transform *f, const struct value *result, struct arena *a)
{
    char date[TIME_TEXT_MAX];
    if (result->is_null)
        return STR("null");
    switch (f->kind) {
    case TRANSFORM_YEAR:
        return year_text(1970 + result->i, a);
    case TRANSFORM_MONTH: {
        int64_t years = floor_div(result->i, 12);
        return arena_printf(a, STR_FMT "-%02d", STR_ARG(year_text(1970 + years, a)),
                            (int)(result->i - years * 12 + 1));
    }
    case TRANSFORM_DAY:
        return arena_str(a, str_make(date, time_format_date(result->i, date)));
    case TRANSFORM_HOUR: {
        int64_t days = floor_div(result->i, 24);
        size_t n = time_format_date(days, date);
        return arena_printf(a, "%.*s-%02d", (int)n, date, (int)(result->i - days * 24));
    }
    default:
        return value_to_text(result, a);
    }
}
