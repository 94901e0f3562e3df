/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as text, the way the library's own cast to VARCHAR writes them, except that floating point
 * numbers have the fewest digits that read back. */
#include "base/time.h"
#include "codec/numfmt.h"
#include "engine/duck_priv.h"
#include "engine/text_priv.h"
#include "iceberg/value.h"

/* `digits` of a fraction, without zeros at the end; nothing for zero. */
static void add_fraction(struct buf *out, int64_t fraction, int digits)
{
    if (!fraction)
        return;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    buf_printf(out, ".%0*lld", digits, (long long)fraction);
}

static void add_clock(struct buf *out, int64_t seconds)
{
    buf_printf(out, "%02lld:%02lld:%02lld", (long long)seconds / 3600, (long long)seconds / 60 % 60,
               (long long)seconds % 60);
}

/* Returns whether the year is before the first: " (BC)" then ends the whole. */
static bool add_days(struct buf *out, int64_t days)
{
    int32_t year, month, day;
    civil_from_days(days, &year, &month, &day);
    bool before = year <= 0;
    buf_printf(out, "%04d-%02d-%02d", before ? 1 - year : year, month, day);
    return before;
}

static void add_date(struct buf *out, int32_t days)
{
    if (days == INT32_MAX || days == -INT32_MAX)
        buf_add_str(out, days > 0 ? STR("infinity") : STR("-infinity"));
    else if (add_days(out, days))
        buf_lit(out, " (BC)");
}

/* `v` counts in units of which `per_second` make a second; `digits` of fraction. */
static void add_timestamp(struct buf *out, int64_t v, int64_t per_second, int digits,
                          const struct time_style *style)
{
    if (v == INT64_MAX || v == -INT64_MAX) {
        buf_add_str(out, v > 0 ? STR("infinity") : STR("-infinity"));
        return;
    }
    int64_t seconds = floor_div(v, per_second), days = floor_div(seconds, 86400);
    bool before = add_days(out, days);
    buf_add_char(out, style->separator);
    add_clock(out, seconds - days * 86400);
    add_fraction(out, v - seconds * per_second, digits);
    buf_add_str(out, style->zone);
    if (before)
        buf_lit(out, " (BC)");
}

void text_time(const struct column_view *c, size_t i, const struct time_style *style,
               struct buf *out)
{
    int64_t v = column_i64(c, i);
    struct time_style plain = { style->separator, { 0 } };
    switch (c->kind) {
    case COLUMN_DATE:
        add_date(out, (int32_t)v);
        break;
    case COLUMN_TIME:
        add_clock(out, v / US_PER_S);
        add_fraction(out, v % US_PER_S, 6);
        break;
    case COLUMN_TIME_NS:
        add_clock(out, v / 1000000000);
        add_fraction(out, v % 1000000000, 9);
        break;
    case COLUMN_TIMESTAMPTZ:
        add_timestamp(out, v, US_PER_S, 6, style);
        break;
    case COLUMN_TIMESTAMP:
        add_timestamp(out, v, US_PER_S, 6, &plain);
        break;
    case COLUMN_TIMESTAMP_S:
        add_timestamp(out, v, 1, 0, &plain);
        break;
    case COLUMN_TIMESTAMP_MS:
        add_timestamp(out, v, 1000, 3, &plain);
        break;
    default:
        add_timestamp(out, v, 1000000000, 9, &plain);
    }
}

static void text_time_tz(const struct column_view *c, size_t i, struct buf *out)
{
    duckdb_time_tz_struct t =
        duckdb_from_time_tz((duckdb_time_tz){ ((const uint64_t *)c->data)[i] });
    int offset = t.offset < 0 ? -t.offset : t.offset;
    buf_printf(out, "%02d:%02d:%02d", t.time.hour, t.time.min, t.time.sec);
    add_fraction(out, t.time.micros, 6);
    buf_printf(out, "%c%02d", t.offset < 0 ? '-' : '+', offset / 3600);
    if (offset % 3600)
        buf_printf(out, ":%02d", offset / 60 % 60);
}

static void text_u128(unsigned __int128 v, struct buf *out)
{
    char digits[40];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v);
    buf_add(out, digits + at, sizeof digits - at);
}

static void text_i128(__int128 v, struct buf *out)
{
    if (v < 0)
        buf_add_char(out, '-');
    text_u128(v < 0 ? -(unsigned __int128)v : (unsigned __int128)v, out);
}

void text_number(const struct column_view *c, size_t i, struct buf *out)
{
    char text[DECIMAL_TEXT_MAX > NUM_TEXT_MAX ? DECIMAL_TEXT_MAX : NUM_TEXT_MAX];
    size_t n = 0;
    switch (c->kind) {
    case COLUMN_F32:
        n = num_format_f32(((const float *)c->data)[i], text);
        break;
    case COLUMN_F64:
        n = num_format_f64(((const double *)c->data)[i], text);
        break;
    case COLUMN_DECIMAL:
        n = decimal_format(column_decimal(c, i), c->scale, text);
        break;
    case COLUMN_U64:
        n = num_format_u64(((const uint64_t *)c->data)[i], text);
        break;
    case COLUMN_I128:
        text_i128(column_i128(c, i), out);
        break;
    case COLUMN_U128:
        text_u128((unsigned __int128)column_i128(c, i), out);
        break;
    default:
        n = num_format_i64(column_i64(c, i), text);
    }
    buf_add(out, text, n);
}

static bool add_unit(struct buf *out, int64_t n, const char *unit, bool more)
{
    if (!n)
        return more;
    buf_printf(out, "%s%lld %s%s", more ? " " : "", (long long)n, unit,
               n == 1 || n == -1 ? "" : "s");
    return true;
}

static void text_interval(const struct column_view *c, size_t i, struct buf *out)
{
    const duckdb_interval *v = (const duckdb_interval *)c->data + i;
    bool more = add_unit(out, v->months / 12, "year", false);
    more = add_unit(out, v->months % 12, "month", more);
    more = add_unit(out, v->days, "day", more);
    if (!v->micros && more)
        return;
    uint64_t us = v->micros < 0 ? -(uint64_t)v->micros : (uint64_t)v->micros;
    buf_printf(out, "%s%s", more ? " " : "", v->micros < 0 ? "-" : "");
    add_clock(out, (int64_t)(us / (uint64_t)US_PER_S));
    add_fraction(out, (int64_t)(us % (uint64_t)US_PER_S), 6);
}

static void text_uuid(const struct column_view *c, size_t i, struct buf *out)
{
    uint8_t bytes[16];
    column_uuid(c, i, bytes);
    for (int b = 0; b < 16; b++)
        buf_printf(out, "%s%02x", b == 4 || b == 6 || b == 8 || b == 10 ? "-" : "", bytes[b]);
}

static void add_blob(struct buf *out, str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char b = (unsigned char)bytes.ptr[i];
        if (b >= ' ' && b < 127 && b != '\\' && b != '\'' && b != '"')
            buf_add_char(out, (char)b);
        else
            buf_printf(out, "\\x%02X", b);
    }
}

/* The first byte counts the padding bits of the second. */
static void text_bits(const struct column_view *c, size_t i, struct buf *out)
{
    str bytes = column_str(c, i);
    size_t padding = bytes.len ? (uint8_t)bytes.ptr[0] : 0;
    for (size_t bit = padding; bit + 8 < 8 * bytes.len; bit++)
        buf_add_char(out, (uint8_t)bytes.ptr[1 + bit / 8] >> (7 - bit % 8) & 1 ? '1' : '0');
}

str text_enum(const struct column_view *c, size_t i)
{
    uint32_t at = c->width == 1   ? ((const uint8_t *)c->data)[i]
                  : c->width == 2 ? ((const uint16_t *)c->data)[i]
                                  : ((const uint32_t *)c->data)[i];
    return at < c->type->enum_n ? c->type->enum_texts[at] : (str){ 0 };
}

/* Inside others a text is quoted where it could be mistaken. */
static bool needs_quotes(str s)
{
    static const str special = STR_INIT("'\"(){}[],:=\\\n\t\r");
    if (!s.len || str_eq_nocase(s, STR("null")) || s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ')
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (str_find_char(special, s.ptr[i]) >= 0)
            return true;
    return false;
}

static void add_quoted(struct buf *out, str s)
{
    buf_add_char(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.ptr[i]);
    }
    buf_add_char(out, '\'');
}

static void add_inner_text(struct buf *out, str s)
{
    if (needs_quotes(s))
        add_quoted(out, s);
    else
        buf_add_str(out, s);
}

static void add_inner(const struct column_view *c, size_t i, struct buf *out)
{
    if (column_valid(c, i) && c->kind == COLUMN_TEXT)
        add_inner_text(out, column_str(c, i));
    else if (column_valid(c, i) && c->kind == COLUMN_ENUM)
        add_inner_text(out, text_enum(c, i));
    else
        column_text(c, i, out);
}

struct column_list text_range(const struct column_view *c, size_t i)
{
    if (c->kind == COLUMN_ARRAY)
        return (struct column_list){ i * c->array_n, c->array_n };
    return ((const struct column_list *)c->data)[i];
}

static void add_list(const struct column_view *c, size_t i, struct buf *out)
{
    struct column_list range = text_range(c, i);
    buf_add_char(out, '[');
    for (size_t k = 0; k < range.length; k++) {
        if (k)
            buf_lit(out, ", ");
        add_inner(&c->children[0], range.offset + k, out);
    }
    buf_add_char(out, ']');
}

static void add_map(const struct column_view *c, size_t i, struct buf *out)
{
    struct column_list range = text_range(c, i);
    buf_add_char(out, '{');
    for (size_t k = 0; k < range.length; k++) {
        if (k)
            buf_lit(out, ", ");
        add_inner(&c->children[0], range.offset + k, out);
        buf_add_char(out, '=');
        add_inner(&c->children[1], range.offset + k, out);
    }
    buf_add_char(out, '}');
}

static void add_struct(const struct column_view *c, size_t i, struct buf *out)
{
    buf_add_char(out, '{');
    for (uint32_t k = 0; k < c->children_n; k++) {
        if (k)
            buf_lit(out, ", ");
        add_quoted(out, c->type->names[k]);
        buf_lit(out, ": ");
        add_inner(&c->children[k], i, out);
    }
    buf_add_char(out, '}');
}

const struct column_view *text_union_member(const struct column_view *c, size_t i)
{
    uint8_t tag = ((const uint8_t *)c->children[0].data)[i];
    return &c->children[tag + 1u < c->children_n ? tag + 1u : 0];
}

static void add_nested(const struct column_view *c, size_t i, struct buf *out)
{
    switch (c->kind) {
    case COLUMN_LIST:
    case COLUMN_ARRAY:
        add_list(c, i, out);
        break;
    case COLUMN_MAP:
        add_map(c, i, out);
        break;
    case COLUMN_STRUCT:
        add_struct(c, i, out);
        break;
    default:
        column_text(text_union_member(c, i), i, out);
    }
}

void column_text(const struct column_view *c, size_t i, struct buf *out)
{
    if (c->kind == COLUMN_NULL || !column_valid(c, i)) {
        buf_lit(out, "NULL");
        return;
    }
    static const struct time_style sql = { ' ', STR_INIT("+00") };
    switch (text_class_of(c->kind)) {
    case TEXT_BOOL:
        buf_add_str(out, column_i64(c, i) ? STR("true") : STR("false"));
        break;
    case TEXT_NUMBER:
        text_number(c, i, out);
        break;
    case TEXT_TIME:
        text_time(c, i, &sql, out);
        break;
    case TEXT_TEXT:
        buf_add_str(out, c->kind == COLUMN_ENUM ? text_enum(c, i) : column_str(c, i));
        break;
    case TEXT_BLOB:
        add_blob(out, column_str(c, i));
        break;
    case TEXT_NESTED:
        add_nested(c, i, out);
        break;
    case TEXT_ODD:
        text_odd(c, i, out);
        break;
    }
}

void text_odd(const struct column_view *c, size_t i, struct buf *out)
{
    switch (c->kind) {
    case COLUMN_UUID:
        text_uuid(c, i, out);
        break;
    case COLUMN_INTERVAL:
        text_interval(c, i, out);
        break;
    case COLUMN_TIME_TZ:
        text_time_tz(c, i, out);
        break;
    case COLUMN_BIT:
        text_bits(c, i, out);
        break;
    default:
        panic("column kind %d has no text", (int)c->kind);
    }
}

enum text_class text_class_of(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_BOOL:
        return TEXT_BOOL;
    case COLUMN_DATE:
    case COLUMN_TIME:
    case COLUMN_TIME_NS:
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
    case COLUMN_TIMESTAMP_S:
    case COLUMN_TIMESTAMP_MS:
    case COLUMN_TIMESTAMP_NS:
        return TEXT_TIME;
    case COLUMN_TEXT:
    case COLUMN_ENUM:
        return TEXT_TEXT;
    case COLUMN_BLOB:
        return TEXT_BLOB;
    case COLUMN_LIST:
    case COLUMN_STRUCT:
    case COLUMN_MAP:
    case COLUMN_ARRAY:
    case COLUMN_UNION:
        return TEXT_NESTED;
    case COLUMN_UUID:
    case COLUMN_INTERVAL:
    case COLUMN_TIME_TZ:
    case COLUMN_BIT:
    case COLUMN_NULL:
    case COLUMN_OTHER:
        return TEXT_ODD;
    default:
        return TEXT_NUMBER;
    }
}
