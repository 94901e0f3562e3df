/* SPDX-License-Identifier: Apache-2.0
 *
 * Column statistics of a written file.  The writer gives them as text, exact or not at all (it leaves
 * out bounds of long texts).  What they say, tried with 1.5.6:
 *   booleans are 1 and 0; blobs upper-case hex; decimals with their scale; doubles have shortest digits
 *   min and max leave NaN out, which sorts above all in the engine: has_nan takes the max away
 *   -0.0 and 0.0 count as equal: a zero bound is given the sign that covers both
 *   a variant's columns are told of each by itself: their sizes are added up; what is null is not known
 *   a geometry has its extents instead of bounds, of which a point each is made; a geography's would be those of a plane
 *   infinite and BC dates have texts that are no ISO dates: such a bound is dropped. */
#include "engine/parquet_stats_priv.h"

#include <math.h>
#include <stdlib.h>

#include "codec/digest.h"
#include "engine/quote.h"
#include "iceberg/metrics.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"

#define NAME_BYTES_MAX ((size_t)1 << 20)

static void add_leaves(const struct field *f, bool optional, struct buf *path, struct arena *a,
                       struct map *out);

/* A leaf, and whether nothing around it may be null. */
struct leaf {
    const struct field *field;
    bool required;
};

static void add_leaf(const struct field *f, bool optional, const struct buf *path, struct arena *a,
                     struct map *out)
{
    struct leaf *leaf = arena_new(a, struct leaf);
    *leaf = (struct leaf){ f, f->required && !optional };
    map_put(out, arena_str(a, buf_str(path)), leaf);
}

static void add_leaves(const struct field *f, bool optional, struct buf *path, struct arena *a,
                       struct map *out)
{
    size_t len = path->len;
    if (len)
        buf_add_char(path, '.');
    quote_ident(path, f->name);
    if (!type_is_nested(f->type))
        add_leaf(f, optional, path, a, out);
    /* Empty lists count as nulls inside, so nothing below them can be checked. */
    bool inside = optional || !f->required || f->type->kind != TYPE_STRUCT;
    for (size_t i = 0; type_is_nested(f->type) && i < f->type->fields_n; i++)
        add_leaves(&f->type->fields[i], inside, path, a, out);
    path->len = len;
}

void stats_names(const struct schema *schema, struct arena *a, struct map *out)
{
    struct buf path = BUF_INIT(NAME_BYTES_MAX);
    map_init(out, a);
    for (size_t i = 0; i < schema->fields_n; i++)
        add_leaves(&schema->fields[i], false, &path, a, out);
    buf_deinit(&path);
}

static bool bytes_value(const struct type *t, str hex, struct arena *a, struct value *out)
{
    str bytes;
    if (!hex_decode(hex, a, &bytes))
        return false;
    *out = value_bytes(t->kind, bytes);
    return true;
}

static bool float_value(const struct type *t, str text, struct value *out)
{
    double v;
    if (!str_to_f64(text, &v) || isnan(v))
        return false;
    *out = value_f64(t->kind, t->kind == TYPE_FLOAT ? (double)(float)v : v);
    return true;
}

bool stats_value(const struct type *t, str text, struct arena *a, struct value *out)
{
    struct error ignored;
    switch (t->kind) {
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
    case TYPE_VARIANT:
    case TYPE_UNKNOWN:
        return false;
    case TYPE_BOOLEAN:
        *out = value_bool(str_is(text, "1") || str_is(text, "true"));
        return str_is(text, "1") || str_is(text, "0") || str_is(text, "true") ||
               str_is(text, "false");
    case TYPE_STRING:
        *out = value_bytes(TYPE_STRING, arena_str(a, text));
        return true;
    case TYPE_FIXED:
    case TYPE_BINARY:
        return bytes_value(t, text, a, out);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return float_value(t, text, out);
    default:
        return value_from_text(t, text, a, out, &ignored);
    }
}

static const struct value *bound(const struct type *t, str text, bool is_max, struct arena *a)
{
    struct value *v = arena_new(a, struct value);
    if (!text.ptr || !stats_value(t, text, a, v))
        return NULL;
    if ((t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE) && v->f == 0)
        v->f = is_max ? 0.0 : -0.0;
    return v;
}

/* The map's texts by key; missing ones have no ptr. */
struct texts {
    str size, min, max, nulls, values, has_nan;
    str extents[2][4]; /* least and greatest x, y, z, m */
};

static struct texts read_texts(const struct column_view *map, size_t row)
{
    struct texts t = { 0 };
    const struct {
        const char *key;
        str *to;
    } fields[] = {
        { "column_size_bytes", &t.size },
        { "min", &t.min },
        { "max", &t.max },
        { "null_count", &t.nulls },
        { "num_values", &t.values },
        { "has_nan", &t.has_nan },
        { "bbox_xmin", &t.extents[0][0] },
        { "bbox_ymin", &t.extents[0][1] },
        { "bbox_zmin", &t.extents[0][2] },
        { "bbox_mmin", &t.extents[0][3] },
        { "bbox_xmax", &t.extents[1][0] },
        { "bbox_ymax", &t.extents[1][1] },
        { "bbox_zmax", &t.extents[1][2] },
        { "bbox_mmax", &t.extents[1][3] },
    };
    struct column_list range = ((const struct column_list *)map->data)[row];
    for (size_t k = range.offset; k < range.offset + range.length; k++)
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            if (str_is(column_str(&map->children[0], k), fields[f].key) &&
                column_valid(&map->children[1], k))
                *fields[f].to = column_str(&map->children[1], k);
    return t;
}

static int64_t count_of(str text)
{
    int64_t n;
    return text.ptr && str_to_i64(text, &n) && n >= 0 ? n : -1;
}

/* A corner of the extents: x and y, then z, then m; z is NaN when there is m only (Iceberg spec, "Bound Serialization"). */
static const struct value *corner(enum type_kind kind, const str texts[4], struct arena *a)
{
    double at[4] = { NAN, NAN, NAN, NAN };
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        if (!texts[i].ptr)
            continue;
        if (!str_to_f64(texts[i], &at[i]) || isnan(at[i]))
            return NULL;
        n = i + 1;
    }
    if (isnan(at[0]) || isnan(at[1]))
        return NULL;
    struct value *v = arena_new(a, struct value);
    char *bytes = arena_alloc(a, sizeof at);
    memcpy(bytes, at, n * sizeof *at);
    *v = value_bytes(kind, str_make(bytes, n * sizeof *at));
    return v;
}

static void stats_of(const struct field *f, const struct texts *t, struct arena *a,
                     struct column_stats *out)
{
    bool nan = str_is(t->has_nan, "true");
    *out = (struct column_stats){
        .field_id = f->id,
        .size = count_of(t->size),
        .values = count_of(t->values),
        .nulls = count_of(t->nulls),
        .nans = t->has_nan.ptr && !nan ? 0 : -1,
        .min = bound(f->type, t->min, false, a),
        .max = nan ? NULL : bound(f->type, t->max, true, a),
    };
    if (f->type->kind == TYPE_GEOMETRY) {
        out->min = corner(TYPE_GEOMETRY, t->extents[0], a);
        out->max = corner(TYPE_GEOMETRY, t->extents[1], a);
    }
}

/* A variant's leaf by the name of a column inside it, such as "v"."typed_value"."a"; NULL: it is inside none. */
static const struct leaf *variant_around(const struct map *names, str name)
{
    for (size_t i = 1; i + 1 < name.len; i++) {
        const struct leaf *leaf = name.ptr[i] == '"' && name.ptr[i + 1] == '.'
                                      ? map_get(names, str_sub(name, 0, i + 1))
                                      : NULL;
        if (leaf && leaf->field->type->kind == TYPE_VARIANT)
            return leaf;
    }
    return NULL;
}

/* Adds what is told of one of a variant's columns. */
static void add_variant(const struct leaf *leaf, const struct texts *t, struct column_stats *out,
                        size_t *n)
{
    int64_t size = count_of(t->size);
    size_t i = 0;
    while (i < *n && out[i].field_id != leaf->field->id)
        i++;
    if (i == *n)
        out[(*n)++] = (struct column_stats){
            .field_id = leaf->field->id, .values = -1, .nulls = -1, .nans = -1
        };
    out[i].size += size > 0 ? size : 0;
}

static int by_field_id(const void *a, const void *b)
{
    int32_t x = ((const struct column_stats *)a)->field_id;
    int32_t y = ((const struct column_stats *)b)->field_id;
    return (x > y) - (x < y);
}

bool stats_read(const struct column_view *map, size_t i, const struct map *names, struct arena *a,
                struct column_stats **out, size_t *n, struct error *err)
{
    struct column_list range = ((const struct column_list *)map->data)[i];
    *n = 0;
    *out = arena_array(a, struct column_stats, range.length);
    for (size_t k = range.offset; k < range.offset + range.length; k++) {
        str name = column_str(&map->children[0], k);
        const struct leaf *leaf = map_get(names, name);
        const struct leaf *variant = leaf ? NULL : variant_around(names, name);
        struct texts texts = read_texts(&map->children[1], k);
        if (variant) {
            add_variant(variant, &texts, *out, n);
            continue;
        }
        if (!leaf)
            return fail(err, ERR_INTERNAL, "the writer tells of a column " STR_FMT, STR_ARG(name));
        struct column_stats *stats = &(*out)[(*n)++];
        stats_of(leaf->field, &texts, a, stats);
        if (leaf->required && stats->nulls > 0)
            return fail(err, ERR_INVALID, "column " STR_FMT " is required, but %lld rows have null",
                        STR_ARG(leaf->field->name), (long long)stats->nulls);
    }
    qsort(*out, *n, sizeof **out, by_field_id);
    return true;
}
