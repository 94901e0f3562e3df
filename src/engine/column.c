/* SPDX-License-Identifier: Apache-2.0
 *
 * Views of the library's vectors.  Its chunks arrive flat: an array and a mask per vector, children
 * likewise, so a view is a few pointers. */
#include "engine/column.h"

#include <math.h>

#include "engine/duck_priv.h"
#include "iceberg/value.h"

_Static_assert(sizeof(struct column_text) == sizeof(duckdb_string_t), "strings are read in place");
_Static_assert(sizeof(struct column_list) == sizeof(duckdb_list_entry), "lists are read in place");

/* The children's length: lists and maps have as many elements as their vectors say. */
static void children_make(duckdb_vector v, size_t n, const struct column_type *t, struct arena *a,
                          struct column_view *out)
{
    bool in_struct = t->kind == COLUMN_STRUCT || t->kind == COLUMN_UNION;
    bool is_map = t->kind == COLUMN_MAP;
    uint32_t tag = t->kind == COLUMN_UNION; /* a union's first child says which member */
    struct column_view *children = arena_array(a, struct column_view, t->children_n + tag);
    duckdb_vector inside = t->kind == COLUMN_ARRAY ? duckdb_array_vector_get_child(v)
                           : in_struct             ? NULL
                                                   : duckdb_list_vector_get_child(v);
    if (t->kind == COLUMN_ARRAY)
        n *= t->array_n;
    else if (!in_struct)
        n = duckdb_list_vector_get_size(v);
    if (tag) {
        children[0].kind = COLUMN_U8;
        children[0].data = duckdb_vector_get_data(duckdb_struct_vector_get_child(v, 0));
    }
    for (uint32_t i = 0; i < t->children_n; i++) {
        duckdb_vector child = in_struct ? duckdb_struct_vector_get_child(v, i + tag)
                              : is_map  ? duckdb_struct_vector_get_child(inside, i)
                                        : inside;
        column_view_make(child, n, t->children[i], a, &children[i + tag]);
    }
    out->children = children;
    out->children_n = t->children_n + tag;
}

void column_view_make(duckdb_vector v, size_t n, const struct column_type *t, struct arena *a,
                      struct column_view *out)
{
    *out = (struct column_view){
        .kind = t->kind,
        .width = t->width,
        .precision = t->precision,
        .scale = t->scale,
        .array_n = t->array_n,
        .data =
            t->kind == COLUMN_STRUCT || t->kind == COLUMN_ARRAY ? NULL : duckdb_vector_get_data(v),
        .valid = duckdb_vector_get_validity(v),
        .type = t,
    };
    if (t->children_n)
        children_make(v, n, t, a, out);
}

static int64_t integer_at(const struct column_view *c, size_t i, size_t width, bool is_signed)
{
    switch (width) {
    case 1:
        return is_signed ? ((const int8_t *)c->data)[i] : ((const uint8_t *)c->data)[i];
    case 2:
        return is_signed ? ((const int16_t *)c->data)[i] : ((const uint16_t *)c->data)[i];
    case 4:
        return is_signed ? (int64_t)((const int32_t *)c->data)[i] : ((const uint32_t *)c->data)[i];
    default:
        return ((const int64_t *)c->data)[i];
    }
}

int64_t column_i64(const struct column_view *c, size_t i)
{
    switch (c->kind) {
    case COLUMN_BOOL:
    case COLUMN_U8:
        return integer_at(c, i, 1, false);
    case COLUMN_I8:
        return integer_at(c, i, 1, true);
    case COLUMN_U16:
        return integer_at(c, i, 2, false);
    case COLUMN_I16:
        return integer_at(c, i, 2, true);
    case COLUMN_U32:
        return (int64_t)((const uint32_t *)c->data)[i];
    case COLUMN_I32:
    case COLUMN_DATE:
        return integer_at(c, i, 4, true);
    case COLUMN_I64:
    case COLUMN_U64:
    case COLUMN_TIME:
    case COLUMN_TIME_NS:
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
    case COLUMN_TIMESTAMP_S:
    case COLUMN_TIMESTAMP_MS:
    case COLUMN_TIMESTAMP_NS:
        return integer_at(c, i, 8, true);
    default:
        panic("column kind %d is no integer", (int)c->kind);
    }
}

__int128 column_decimal(const struct column_view *c, size_t i)
{
    return c->width == 16 ? column_i128(c, i) : integer_at(c, i, c->width, true);
}

double column_f64(const struct column_view *c, size_t i)
{
    if (!column_valid(c, i))
        return NAN;
    switch (c->kind) {
    case COLUMN_F32:
        return (double)((const float *)c->data)[i];
    case COLUMN_F64:
        return ((const double *)c->data)[i];
    case COLUMN_I128:
        return (double)column_i128(c, i);
    case COLUMN_U128:
        return (double)(unsigned __int128)column_i128(c, i);
    case COLUMN_U64:
        return (double)((const uint64_t *)c->data)[i];
    case COLUMN_DECIMAL:
        return (double)column_decimal(c, i) / pow(10, c->scale);
    case COLUMN_BOOL:
    case COLUMN_I8:
    case COLUMN_U8:
    case COLUMN_I16:
    case COLUMN_U16:
    case COLUMN_I32:
    case COLUMN_U32:
    case COLUMN_I64:
        return (double)column_i64(c, i);
    default:
        return NAN;
    }
}

static bool mismatch(const struct column_view *c, const struct type *t, struct error *err)
{
    return fail(err, ERR_INVALID, "a column of kind %d holds no values of type %s", (int)c->kind,
                type_kind_name(t->kind));
}

static bool integer_value(const struct column_view *c, size_t i, const struct type *t,
                          struct value *out, struct error *err)
{
    int64_t v = column_i64(c, i);
    bool is_time = c->kind == COLUMN_TIMESTAMP || c->kind == COLUMN_TIMESTAMPTZ;
    if ((c->kind == COLUMN_DATE && (v == INT32_MAX || v == -INT32_MAX)) ||
        (is_time && (v == INT64_MAX || v == -INT64_MAX)))
        return fail(err, ERR_INVALID, "infinite dates and times cannot be stored");
    *out = value_i64(t->kind, v);
    return true;
}

static struct value uuid_value(const struct column_view *c, size_t i, struct arena *a)
{
    uint8_t *bytes = arena_alloc(a, 16);
    column_uuid(c, i, bytes);
    return value_bytes(TYPE_UUID, str_make(bytes, 16));
}

/* The kinds that sql_type gives for each Iceberg type. */
static enum column_kind kind_of(enum type_kind kind)
{
    switch (kind) {
    case TYPE_BOOLEAN:
        return COLUMN_BOOL;
    case TYPE_INT:
        return COLUMN_I32;
    case TYPE_LONG:
        return COLUMN_I64;
    case TYPE_FLOAT:
        return COLUMN_F32;
    case TYPE_DOUBLE:
        return COLUMN_F64;
    case TYPE_DECIMAL:
        return COLUMN_DECIMAL;
    case TYPE_DATE:
        return COLUMN_DATE;
    case TYPE_TIME:
        return COLUMN_TIME;
    case TYPE_TIMESTAMP:
        return COLUMN_TIMESTAMP;
    case TYPE_TIMESTAMPTZ:
        return COLUMN_TIMESTAMPTZ;
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return COLUMN_TIMESTAMP_NS;
    case TYPE_STRING:
        return COLUMN_TEXT;
    case TYPE_UUID:
        return COLUMN_UUID;
    case TYPE_FIXED:
    case TYPE_BINARY:
        return COLUMN_BLOB;
    default:
        return COLUMN_OTHER;
    }
}

bool column_value(const struct column_view *c, size_t i, const struct type *t, struct arena *a,
                  struct value *out, struct error *err)
{
    *out = value_null(t->kind);
    if (c->kind == COLUMN_NULL || !column_valid(c, i))
        return true;
    if (c->kind != kind_of(t->kind) || c->kind == COLUMN_OTHER)
        return mismatch(c, t, err);
    switch (c->kind) {
    case COLUMN_BOOL:
        *out = value_bool(column_i64(c, i) != 0);
        return true;
    case COLUMN_F32:
    case COLUMN_F64:
        *out = value_f64(t->kind, column_f64(c, i));
        return true;
    case COLUMN_DECIMAL:
        if (c->precision != t->precision || c->scale != t->scale)
            return mismatch(c, t, err);
        *out = value_decimal(t->precision, t->scale, column_decimal(c, i));
        return true;
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        *out = value_bytes(t->kind, column_str(c, i));
        return true;
    case COLUMN_UUID:
        *out = uuid_value(c, i, a);
        return true;
    default:
        return integer_value(c, i, t, out, err);
    }
}
