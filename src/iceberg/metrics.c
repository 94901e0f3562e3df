/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/metrics.h"

#include <stdlib.h>

#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/value.h"

#define INFERRED_COLUMNS_MAX 100 /* columns that get metrics when the table does not say */
#define COLUMN_PREFIX "write.metadata.metrics.column."

/* --- cutting bounds --- */

/* Bytes of the code point that begins with this byte, 0 when none does. */
static size_t code_point_bytes(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
}

/* The length of the first `width` code points; broken UTF-8 counts byte by byte. */
static size_t prefix_bytes(str s, size_t width)
{
    size_t at = 0;
    for (size_t i = 0; i < width && at < s.len; i++) {
        size_t n = code_point_bytes((unsigned char)s.ptr[at]);
        at += n == 0 || n > s.len - at ? 1 : n;
    }
    return at;
}

static uint32_t code_point_read(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    uint32_t c = n == 1 ? u[0] : u[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (u[i] & 0x3Fu);
    return c;
}

static size_t code_point_write(uint32_t c, char out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* The next scalar value; 0 after the last. */
static uint32_t code_point_next(uint32_t c)
{
    if (c == 0x10FFFF)
        return 0;
    return c == 0xD7FF ? 0xE000 : c + 1;
}

str metrics_lower_text(str s, size_t width)
{
    return str_sub(s, 0, prefix_bytes(s, width));
}

str metrics_upper_text(str s, size_t width, struct arena *a)
{
    size_t end = prefix_bytes(s, width);
    if (end == s.len)
        return s;
    if (!str_is_utf8(s))
        return (str){ 0 };
    while (end > 0) {
        size_t begin = end - 1;
        while (((unsigned char)s.ptr[begin] & 0xC0) == 0x80)
            begin--;
        uint32_t next = code_point_next(code_point_read(s.ptr + begin, end - begin));
        if (next != 0) {
            char *out = arena_alloc(a, begin + 4);
            memcpy(out, s.ptr, begin);
            return str_make(out, begin + code_point_write(next, out + begin));
        }
        end = begin;
    }
    return (str){ 0 };
}

str metrics_lower_bytes(str s, size_t width)
{
    return str_sub(s, 0, width);
}

str metrics_upper_bytes(str s, size_t width, struct arena *a)
{
    if (s.len <= width)
        return s;
    for (size_t end = width; end > 0; end--) {
        unsigned char c = (unsigned char)s.ptr[end - 1];
        if (c == 0xFF)
            continue;
        char *out = arena_alloc(a, end);
        memcpy(out, s.ptr, end);
        out[end - 1] = (char)(c + 1);
        return str_make(out, end);
    }
    return (str){ 0 };
}

/* --- modes --- */

bool metrics_mode_parse(str text, enum metrics_mode *mode, size_t *width, struct error *err)
{
    int64_t n;
    str inner = str_trim(text);
    *width = METRICS_TRUNCATE_DEFAULT;
    if (str_eq_nocase(inner, STR("none")))
        *mode = METRICS_NONE;
    else if (str_eq_nocase(inner, STR("counts")))
        *mode = METRICS_COUNTS;
    else if (str_eq_nocase(inner, STR("full")))
        *mode = METRICS_FULL;
    else if (str_starts_nocase(inner, STR("truncate(")) && str_ends(inner, STR(")")) &&
             str_to_i64(str_sub(inner, 9, inner.len - 1), &n) && n > 0 && n <= INT32_MAX) {
        *mode = METRICS_TRUNCATE;
        *width = (size_t)n;
    } else {
        return fail(err, ERR_INVALID,
                    "metrics mode \"" STR_FMT "\" is none of none, counts, truncate(N), full",
                    STR_ARG(text));
    }
    return true;
}

/* How many primitive fields come before this one in the schema's order of ids. */
static size_t field_rank(const struct schema *s, int32_t id)
{
    size_t rank = 0;
    for (size_t i = 0; i < s->nodes_n && s->by_id[i]->field->id < id; i++)
        rank += type_is_primitive(s->by_id[i]->field->type);
    return rank;
}

/* What a column has that no property names. */
static bool default_mode(const struct schema *schema, const struct property_list *properties,
                         const struct schema_node *node, enum metrics_mode *mode, size_t *width,
                         struct error *err)
{
    str text = property_get(properties, "write.metadata.metrics.default", (str){ 0 });
    if (text.ptr != NULL)
        return metrics_mode_parse(text, mode, width, err) ||
               fail_in(err, "table property write.metadata.metrics.default");
    *mode = METRICS_TRUNCATE;
    *width = METRICS_TRUNCATE_DEFAULT;
    text =
        property_get(properties, "write.metadata.metrics.max-inferred-column-defaults", (str){ 0 });
    int64_t columns_max = INFERRED_COLUMNS_MAX;
    if (text.ptr != NULL && !str_to_i64(text, &columns_max))
        return fail(err, ERR_INVALID,
                    "table property max-inferred-column-defaults is \"" STR_FMT "\"",
                    STR_ARG(text));
    if (schema->nodes_n > (size_t)columns_max &&
        field_rank(schema, node->field->id) >= (size_t)columns_max)
        *mode = METRICS_NONE;
    return true;
}

/* Whether the order of rows is that of the column's values, so that its bounds prune well. */
static bool sorts_by(const struct sort_order *order, int32_t id)
{
    for (size_t i = 0; i < order->fields_n; i++) {
        const struct sort_field *f = &order->fields[i];
        enum transform_kind kind = f->transform.kind;
        if (f->source_id == id && f->source_ids_n <= 1 && kind != TRANSFORM_BUCKET &&
            kind != TRANSFORM_VOID && kind != TRANSFORM_UNKNOWN)
            return true;
    }
    return false;
}

static bool column_mode(const struct schema *schema, const struct sort_order *order,
                        const struct property_list *properties, const struct schema_node *node,
                        struct arena *a, enum metrics_mode *mode, size_t *width, struct error *err)
{
    str key = arena_printf(a, COLUMN_PREFIX STR_FMT, STR_ARG(node->name));
    str text = property_get(properties, key.ptr, (str){ 0 });
    if (text.ptr != NULL) {
        if (!metrics_mode_parse(text, mode, width, err))
            return fail_in(err, "table property " STR_FMT, STR_ARG(key));
        return true;
    }
    if (!default_mode(schema, properties, node, mode, width, err))
        return false;
    if ((*mode == METRICS_NONE || *mode == METRICS_COUNTS) && sorts_by(order, node->field->id)) {
        *mode = METRICS_TRUNCATE;
        *width = METRICS_TRUNCATE_DEFAULT;
    }
    return true;
}

/* --- columns --- */

/* Statistics see -0.0 and 0.0 as equal, bounds do not: the wider one is right. */
static struct value widen_zero(const struct value *v, bool lower)
{
    struct value out = *v;
    if (value_class_of(v->kind) == VALUE_FLOAT && v->f == 0)
        out.f = lower ? -0.0 : 0.0;
    return out;
}

static str make_bound(const struct value *v, bool lower, size_t width, struct arena *a)
{
    struct value wide = widen_zero(v, lower);
    str bytes = v->bytes;
    switch (v->kind) {
    case TYPE_STRING:
        bytes = lower ? metrics_lower_text(bytes, width) : metrics_upper_text(bytes, width, a);
        break;
    case TYPE_BINARY:
    case TYPE_FIXED:
        bytes = lower ? metrics_lower_bytes(bytes, width) : metrics_upper_bytes(bytes, width, a);
        break;
    default:
        return value_encode_in(&wide, a);
    }
    if (bytes.ptr == NULL && v->bytes.len > 0)
        return (str){ 0 };
    return bytes.len == 0 ? STR("") : arena_str(a, bytes);
}

/* Geometries have corners of their extents. */
static bool has_bounds(enum type_kind kind)
{
    return kind != TYPE_VARIANT && kind != TYPE_UNKNOWN && kind < TYPE_STRUCT;
}

static bool check_bound(const struct schema_node *node, const struct value *v, struct error *err)
{
    if (v->is_null || value_is_nan(v) || v->kind != node->field->type->kind)
        return fail(err, ERR_INVALID, "statistics of column " STR_FMT ": a bound is no %s",
                    STR_ARG(node->name), type_kind_name(node->field->type->kind));
    return true;
}

static bool make_column(const struct schema_node *node, const struct column_stats *stats,
                        enum metrics_mode mode, size_t width, struct arena *a,
                        struct column_metrics *out, struct error *err)
{
    *out = (struct column_metrics){
        .field_id = stats->field_id, .size = stats->size, .values = -1, .nulls = -1, .nans = -1
    };
    if (mode == METRICS_NONE)
        return true;
    out->values = stats->values;
    out->nulls = stats->nulls;
    out->nans = stats->nans;
    if (mode == METRICS_COUNTS || node->in_repeated || !has_bounds(node->field->type->kind))
        return true;
    if (mode == METRICS_FULL)
        width = SIZE_MAX;
    if (stats->min != NULL) {
        if (!check_bound(node, stats->min, err))
            return false;
        out->lower = make_bound(stats->min, true, width, a);
    }
    if (stats->max != NULL) {
        if (!check_bound(node, stats->max, err))
            return false;
        out->upper = make_bound(stats->max, false, width, a);
    }
    return true;
}

static int column_order(const void *x, const void *y)
{
    int32_t a = ((const struct column_metrics *)x)->field_id;
    int32_t b = ((const struct column_metrics *)y)->field_id;
    return (a > b) - (a < b);
}

bool metrics_make(const struct schema *schema, const struct sort_order *order,
                  const struct property_list *properties, const struct column_stats *stats,
                  size_t stats_n, struct arena *a, struct column_metrics **out, size_t *n,
                  struct error *err)
{
    struct column_metrics *columns = arena_array(a, struct column_metrics, stats_n ? stats_n : 1);
    for (size_t i = 0; i < stats_n; i++) {
        const struct schema_node *node = schema_node_by_id(schema, stats[i].field_id);
        enum metrics_mode mode;
        size_t width;
        if (node == NULL)
            return fail(err, ERR_INVALID, "statistics of field %d, which the schema does not have",
                        (int)stats[i].field_id);
        if (!column_mode(schema, order, properties, node, a, &mode, &width, err) ||
            !make_column(node, &stats[i], mode, width, a, &columns[i], err))
            return false;
    }
    qsort(columns, stats_n, sizeof *columns, column_order);
    for (size_t i = 1; i < stats_n; i++)
        if (columns[i].field_id == columns[i - 1].field_id)
            return fail(err, ERR_INVALID, "statistics of field %d are there twice",
                        (int)columns[i].field_id);
    *out = columns;
    *n = stats_n;
    return true;
}
