/* SPDX-License-Identifier: Apache-2.0
 *
 * Types: from the library's to ours, to Iceberg's, and back to SQL text.  One table says what every
 * type of the library is. */
#include "base/vec.h"
#include "engine/duck_priv.h"
#include "engine/quote.h"
#include "iceberg/schema.h"

#define ENUM_TEXTS_MAX (1u << 24)

static const struct {
    duckdb_type id;
    enum column_kind kind;
    const char *name;
    enum type_kind iceberg; /* TYPE_UNKNOWN: none */
} simple_types[] = {
    { DUCKDB_TYPE_SQLNULL, COLUMN_NULL, "NULL", TYPE_INT }, /* as CREATE TABLE AS does */
    { DUCKDB_TYPE_BOOLEAN, COLUMN_BOOL, "BOOLEAN", TYPE_BOOLEAN },
    { DUCKDB_TYPE_TINYINT, COLUMN_I8, "TINYINT", TYPE_INT },
    { DUCKDB_TYPE_SMALLINT, COLUMN_I16, "SMALLINT", TYPE_INT },
    { DUCKDB_TYPE_INTEGER, COLUMN_I32, "INTEGER", TYPE_INT },
    { DUCKDB_TYPE_BIGINT, COLUMN_I64, "BIGINT", TYPE_LONG },
    { DUCKDB_TYPE_UTINYINT, COLUMN_U8, "UTINYINT", TYPE_INT },
    { DUCKDB_TYPE_USMALLINT, COLUMN_U16, "USMALLINT", TYPE_INT },
    { DUCKDB_TYPE_UINTEGER, COLUMN_U32, "UINTEGER", TYPE_LONG },
    { DUCKDB_TYPE_UBIGINT, COLUMN_U64, "UBIGINT", TYPE_DECIMAL },
    { DUCKDB_TYPE_HUGEINT, COLUMN_I128, "HUGEINT", TYPE_LONG },
    { DUCKDB_TYPE_UHUGEINT, COLUMN_U128, "UHUGEINT", TYPE_LONG },
    { DUCKDB_TYPE_FLOAT, COLUMN_F32, "FLOAT", TYPE_FLOAT },
    { DUCKDB_TYPE_DOUBLE, COLUMN_F64, "DOUBLE", TYPE_DOUBLE },
    { DUCKDB_TYPE_DATE, COLUMN_DATE, "DATE", TYPE_DATE },
    { DUCKDB_TYPE_TIME, COLUMN_TIME, "TIME", TYPE_TIME },
    { DUCKDB_TYPE_TIME_NS, COLUMN_TIME_NS, "TIME_NS", TYPE_TIME },
    { DUCKDB_TYPE_TIME_TZ, COLUMN_TIME_TZ, "TIME WITH TIME ZONE", TYPE_UNKNOWN },
    { DUCKDB_TYPE_TIMESTAMP, COLUMN_TIMESTAMP, "TIMESTAMP", TYPE_TIMESTAMP },
    { DUCKDB_TYPE_TIMESTAMP_TZ, COLUMN_TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMPTZ },
    { DUCKDB_TYPE_TIMESTAMP_S, COLUMN_TIMESTAMP_S, "TIMESTAMP_S", TYPE_TIMESTAMP },
    { DUCKDB_TYPE_TIMESTAMP_MS, COLUMN_TIMESTAMP_MS, "TIMESTAMP_MS", TYPE_TIMESTAMP },
    { DUCKDB_TYPE_TIMESTAMP_NS, COLUMN_TIMESTAMP_NS, "TIMESTAMP_NS", TYPE_TIMESTAMP_NS },
    { DUCKDB_TYPE_INTERVAL, COLUMN_INTERVAL, "INTERVAL", TYPE_UNKNOWN },
    { DUCKDB_TYPE_VARCHAR, COLUMN_TEXT, "VARCHAR", TYPE_STRING },
    { DUCKDB_TYPE_BLOB, COLUMN_BLOB, "BLOB", TYPE_BINARY },
    { DUCKDB_TYPE_UUID, COLUMN_UUID, "UUID", TYPE_UUID },
    { DUCKDB_TYPE_DECIMAL, COLUMN_DECIMAL, "DECIMAL", TYPE_DECIMAL },
    { DUCKDB_TYPE_ENUM, COLUMN_ENUM, "ENUM", TYPE_STRING },
    { DUCKDB_TYPE_LIST, COLUMN_LIST, "LIST", TYPE_LIST },
    { DUCKDB_TYPE_STRUCT, COLUMN_STRUCT, "STRUCT", TYPE_STRUCT },
    { DUCKDB_TYPE_MAP, COLUMN_MAP, "MAP", TYPE_MAP },
    { DUCKDB_TYPE_ARRAY, COLUMN_ARRAY, "ARRAY", TYPE_LIST },
    { DUCKDB_TYPE_UNION, COLUMN_UNION, "UNION", TYPE_UNKNOWN },
    { DUCKDB_TYPE_BIT, COLUMN_BIT, "BIT", TYPE_UNKNOWN },
    { DUCK_TYPE_GEOMETRY, COLUMN_OTHER, "GEOMETRY", TYPE_GEOMETRY },
    { DUCK_TYPE_VARIANT, COLUMN_OTHER, "VARIANT", TYPE_VARIANT },
};

#define SIMPLE_TYPES_N (sizeof simple_types / sizeof *simple_types)

static size_t simple_index(duckdb_type id)
{
    size_t i = 0;
    while (i < SIMPLE_TYPES_N && simple_types[i].id != id)
        i++;
    return i;
}

static str library_text(char *text, struct arena *a)
{
    str copy = arena_str(a, str_of(text));
    duckdb_free(text);
    return copy;
}

static const struct column_type *child_make(duckdb_logical_type t, struct arena *a)
{
    const struct column_type *child = column_type_make(t, a);
    duckdb_destroy_logical_type(&t);
    return child;
}

static void decimal_make(duckdb_logical_type t, struct column_type *out)
{
    out->precision = duckdb_decimal_width(t);
    out->scale = duckdb_decimal_scale(t);
    out->width = out->precision <= 4 ? 2 : out->precision <= 9 ? 4 : out->precision <= 18 ? 8 : 16;
}

static void enum_make(duckdb_logical_type t, struct arena *a, struct column_type *out)
{
    duckdb_type inside = duckdb_enum_internal_type(t);
    out->width = inside == DUCKDB_TYPE_UTINYINT ? 1 : inside == DUCKDB_TYPE_USMALLINT ? 2 : 4;
    out->enum_n = duckdb_enum_dictionary_size(t);
    ASSERT(out->enum_n <= ENUM_TEXTS_MAX);
    str *texts = arena_array(a, str, out->enum_n);
    for (uint32_t i = 0; i < out->enum_n; i++)
        texts[i] = library_text(duckdb_enum_dictionary_value(t, i), a);
    out->enum_texts = texts;
}

static void fields_make(duckdb_logical_type t, struct arena *a, struct column_type *out)
{
    bool is_union = out->kind == COLUMN_UNION;
    out->children_n = (uint32_t)(is_union ? duckdb_union_type_member_count(t)
                                          : duckdb_struct_type_child_count(t));
    const struct column_type **children =
        arena_array(a, const struct column_type *, out->children_n);
    str *names = arena_array(a, str, out->children_n);
    for (uint32_t i = 0; i < out->children_n; i++) {
        names[i] = library_text(is_union ? duckdb_union_type_member_name(t, i)
                                         : duckdb_struct_type_child_name(t, i),
                                a);
        children[i] = child_make(is_union ? duckdb_union_type_member_type(t, i)
                                          : duckdb_struct_type_child_type(t, i),
                                 a);
    }
    out->children = children;
    out->names = names;
}

static void elements_make(duckdb_logical_type t, struct arena *a, struct column_type *out)
{
    const struct column_type **children = arena_array(a, const struct column_type *, 2);
    if (out->kind == COLUMN_MAP) {
        children[0] = child_make(duckdb_map_type_key_type(t), a);
        children[1] = child_make(duckdb_map_type_value_type(t), a);
    } else if (out->kind == COLUMN_ARRAY) {
        children[0] = child_make(duckdb_array_type_child_type(t), a);
        out->array_n = (uint32_t)duckdb_array_type_array_size(t);
    } else {
        children[0] = child_make(duckdb_list_type_child_type(t), a);
    }
    out->children = children;
    out->children_n = out->kind == COLUMN_MAP ? 2 : 1;
}

const struct column_type *column_type_make(duckdb_logical_type t, struct arena *a)
{
    struct column_type *out = arena_new(a, struct column_type);
    out->id = duckdb_get_type_id(t);
    size_t i = simple_index(out->id);
    out->kind = i < SIMPLE_TYPES_N ? simple_types[i].kind : COLUMN_OTHER;
    out->alias = library_text(duckdb_logical_type_get_alias(t), a);
    switch (out->kind) {
    case COLUMN_DECIMAL:
        decimal_make(t, out);
        break;
    case COLUMN_ENUM:
        enum_make(t, a, out);
        break;
    case COLUMN_STRUCT:
    case COLUMN_UNION:
        fields_make(t, a, out);
        break;
    case COLUMN_LIST:
    case COLUMN_MAP:
    case COLUMN_ARRAY:
        elements_make(t, a, out);
        break;
    default:
        break;
    }
    for (uint32_t c = 0; c < out->children_n; c++) {
        const struct column_type *child = out->children[c];
        out->depth = child->depth >= out->depth ? child->depth + 1 : out->depth;
        /* A child that cannot be shown makes the whole so. */
        if (child->kind == COLUMN_OTHER || out->depth > TYPE_DEPTH_MAX)
            out->kind = COLUMN_OTHER;
    }
    return out;
}

static void write_text(const struct column_type *t, struct buf *out);

static void write_fields(const struct column_type *t, struct buf *out)
{
    for (uint32_t i = 0; i < t->children_n; i++) {
        if (i)
            buf_lit(out, ", ");
        quote_ident(out, t->names[i]);
        buf_add_char(out, ' ');
        write_text(t->children[i], out);
    }
    buf_add_char(out, ')');
}

static void write_enum(const struct column_type *t, struct buf *out)
{
    buf_lit(out, "ENUM(");
    for (uint32_t i = 0; i < t->enum_n; i++) {
        if (i)
            buf_lit(out, ", ");
        quote_text(out, t->enum_texts[i]);
    }
    buf_add_char(out, ')');
}

static void write_map(const struct column_type *t, struct buf *out)
{
    buf_lit(out, "MAP(");
    write_text(t->children[0], out);
    buf_lit(out, ", ");
    write_text(t->children[1], out);
    buf_add_char(out, ')');
}

static void write_plain(const struct column_type *t, struct buf *out)
{
    size_t i = simple_index(t->id);
    if (i < SIMPLE_TYPES_N)
        buf_add_str(out, str_of(simple_types[i].name));
    else
        buf_printf(out, "(type %d)", (int)t->id);
}

static void write_text(const struct column_type *t, struct buf *out)
{
    if (t->alias.len) {
        buf_add_str(out, t->alias);
        return;
    }
    switch (t->id) {
    case DUCKDB_TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%d,%d)", t->precision, t->scale);
        break;
    case DUCKDB_TYPE_ENUM:
        write_enum(t, out);
        break;
    case DUCKDB_TYPE_STRUCT:
        buf_lit(out, "STRUCT(");
        write_fields(t, out);
        break;
    case DUCKDB_TYPE_UNION:
        buf_lit(out, "UNION(");
        write_fields(t, out);
        break;
    case DUCKDB_TYPE_MAP:
        write_map(t, out);
        break;
    case DUCKDB_TYPE_LIST:
        write_text(t->children[0], out);
        buf_lit(out, "[]");
        break;
    case DUCKDB_TYPE_ARRAY:
        write_text(t->children[0], out);
        buf_printf(out, "[%u]", t->array_n);
        break;
    default:
        write_plain(t, out);
    }
}

str column_type_text(const struct column_type *t, struct arena *a)
{
    struct buf text = BUF_INIT(SQL_BYTES_MAX);
    write_text(t, &text);
    str out = arena_str(a, buf_str(&text));
    buf_deinit(&text);
    return out;
}

static const struct type *struct_type(const struct column_type *t, int32_t *next_id,
                                      struct arena *a)
{
    struct field *fields = arena_array(a, struct field, t->children_n);
    for (uint32_t i = 0; i < t->children_n; i++) {
        fields[i].id = (*next_id)++;
        fields[i].name = t->names[i];
        if (!(fields[i].type = column_type_iceberg(t->children[i], next_id, a)))
            return NULL;
    }
    return type_struct(a, fields, t->children_n);
}

static const struct type *list_type(const struct column_type *t, int32_t *next_id, struct arena *a)
{
    int32_t id = (*next_id)++;
    const struct type *element = column_type_iceberg(t->children[0], next_id, a);
    return element ? type_list(a, id, false, element) : NULL;
}

static const struct type *map_type(const struct column_type *t, int32_t *next_id, struct arena *a)
{
    int32_t key_id = (*next_id)++, value_id = (*next_id)++;
    const struct type *key = column_type_iceberg(t->children[0], next_id, a);
    const struct type *value = column_type_iceberg(t->children[1], next_id, a);
    return key && value ? type_map(a, key_id, key, value_id, false, value) : NULL;
}

const struct type *column_type_iceberg(const struct column_type *t, int32_t *next_id,
                                       struct arena *a)
{
    size_t i = simple_index(t->id);
    if (i == SIMPLE_TYPES_N)
        return NULL;
    switch (simple_types[i].iceberg) {
    case TYPE_UNKNOWN:
        return NULL;
    case TYPE_DECIMAL:
        return t->kind == COLUMN_U64 ? type_decimal(a, 20, 0)
                                     : type_decimal(a, t->precision, t->scale);
    case TYPE_LIST:
        return list_type(t, next_id, a);
    case TYPE_STRUCT:
        return struct_type(t, next_id, a);
    case TYPE_MAP:
        return map_type(t, next_id, a);
    default:
        return type_of(simple_types[i].iceberg);
    }
}

duckdb_logical_type duck_type_named(const char *name)
{
    for (size_t i = 0; i < SIMPLE_TYPES_N && simple_types[i].kind != COLUMN_DECIMAL; i++)
        if (strcmp(simple_types[i].name, name) == 0)
            return duckdb_create_logical_type(simple_types[i].id);
    return NULL;
}

void result_column_fill(duckdb_logical_type type, const char *name, struct arena *a,
                        struct result_column *out, const struct column_type **type_out)
{
    const struct column_type *t = column_type_make(type, a);
    int32_t next_id = 1;
    *out = (struct result_column){
        .name = arena_str(a, str_of(name)),
        .type_text = column_type_text(t, a),
        .kind = t->kind,
        .type = column_type_iceberg(t, &next_id, a),
    };
    *type_out = t;
}

/* The type with ids from *next_id on. */
static const struct type *renumber(const struct type *t, int32_t *next_id, struct arena *a)
{
    if (!type_is_nested(t))
        return t;
    struct type *copy = arena_new(a, struct type);
    struct field *fields = arena_array(a, struct field, t->fields_n);
    *copy = *t;
    copy->fields = fields;
    for (size_t i = 0; i < t->fields_n; i++) {
        fields[i] = t->fields[i];
        fields[i].id = (*next_id)++;
    }
    for (size_t i = 0; i < t->fields_n; i++)
        fields[i].type = renumber(fields[i].type, next_id, a);
    return copy;
}

bool columns_schema(const struct result_column *columns, size_t n, struct arena *a,
                    const struct schema **out, struct error *err)
{
    if (n > TYPE_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "%zu columns are more than %d", n, TYPE_FIELDS_MAX);
    struct field *fields = arena_array(a, struct field, n);
    int32_t next_id = (int32_t)n + 1;
    for (size_t i = 0; i < n; i++) {
        if (!columns[i].type)
            return fail(err, ERR_UNSUPPORTED, "column " STR_FMT ": tables have no type " STR_FMT,
                        STR_ARG(columns[i].name), STR_ARG(columns[i].type_text));
        fields[i] = (struct field){ .id = (int32_t)i + 1,
                                    .name = arena_str(a, columns[i].name),
                                    .type = renumber(columns[i].type, &next_id, a) };
    }
    return schema_build(0, fields, n, NULL, 0, a, out, err);
}
