/* SPDX-License-Identifier: Apache-2.0
 *
 * Iceberg types (Iceberg spec, "Schemas and Data Types"): all of format versions 1 to 3.  A type
 * is immutable once built and owned by an arena; pointers to it may be shared between threads.
 *
 * Nested types keep their parts in one array of fields, so that walks need no case per kind:
 * a struct's are its columns, a list's is one field "element", a map's are "key" and "value". */
#ifndef FIRN_ICEBERG_TYPE_H
#define FIRN_ICEBERG_TYPE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "codec/json.h"

/* The order of the primitive kinds is that of the specification; nested kinds come last. */
enum type_kind {
    TYPE_UNKNOWN,
    TYPE_BOOLEAN,
    TYPE_INT,
    TYPE_LONG,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_DECIMAL,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_TIMESTAMP_NS,
    TYPE_TIMESTAMPTZ_NS,
    TYPE_STRING,
    TYPE_UUID,
    TYPE_FIXED,
    TYPE_BINARY,
    TYPE_GEOMETRY,
    TYPE_GEOGRAPHY,
    TYPE_VARIANT,
    TYPE_STRUCT,
    TYPE_LIST,
    TYPE_MAP,
    TYPE_KINDS
};

#define TYPE_DEPTH_MAX 64        /* nesting of structs, lists and maps */
#define TYPE_FIELDS_MAX 100000   /* fields of one schema, nested ones included */
#define TYPE_FIXED_MAX (1 << 24) /* bytes of a fixed[L] */
#define DECIMAL_PRECISION_MAX 38
#define FIELD_ID_MAX 2147483447 /* ids above are reserved for metadata columns */

struct value;

struct field {
    int32_t id;
    bool required;
    bool has_doc;
    str name;
    str doc;
    const struct type *type;
    /* NULL: none.  A struct's default is a value of kind TYPE_STRUCT that is not null ("{}"). */
    const struct value *initial_default, *write_default;
};

struct type {
    enum type_kind kind;
    int32_t precision, scale; /* decimal */
    int32_t length;           /* fixed */
    str crs, algorithm;       /* geometry, geography: empty when not given */
    const struct field *fields;
    size_t fields_n;
};

static inline bool type_is_primitive(const struct type *t)
{
    return t->kind < TYPE_STRUCT;
}
static inline bool type_is_nested(const struct type *t)
{
    return t->kind >= TYPE_STRUCT;
}
static inline const struct field *type_element(const struct type *t)
{
    return &t->fields[0];
}
static inline const struct field *type_key(const struct type *t)
{
    return &t->fields[0];
}
static inline const struct field *type_value(const struct type *t)
{
    return &t->fields[1];
}

/* A primitive kind without parameters (geometry and geography with their defaults): a constant
 * that lives for ever.  Decimal, fixed and nested kinds are our bug: panics. */
const struct type *type_of(enum type_kind kind);

/* Builders; precision, scale and length must be in range (checked by ASSERT). */
const struct type *type_decimal(struct arena *a, int32_t precision, int32_t scale);
const struct type *type_fixed(struct arena *a, int32_t length);
/* `fields` is not copied and must live as long as the type. */
const struct type *type_struct(struct arena *a, const struct field *fields, size_t n);
const struct type *type_list(struct arena *a, int32_t element_id, bool element_required,
                             const struct type *element);
const struct type *type_map(struct arena *a, int32_t key_id, const struct type *key,
                            int32_t value_id, bool value_required, const struct type *value);

/* The kind's name in the specification: "timestamptz_ns", "decimal", "struct". */
const char *type_kind_name(enum type_kind kind);
/* The first format version that may use the kind: 1 or 3. */
int type_min_version(enum type_kind kind);

/* Reads a primitive's text, such as "decimal(10,2)", "fixed[16]", "geography(srid:4326, karney)".
 * White space inside is allowed as in Java; "fixed(16)" is not.  Fails with ERR_INVALID. */
MUST_USE bool type_parse_text(str text, struct arena *a, const struct type **out,
                              struct error *err);

/* Reads the JSON form (Iceberg spec, Appendix C, "Schemas").  Strings are copied to `a`.
 * Fails with ERR_INVALID or ERR_LIMIT, naming the field. */
MUST_USE bool type_parse(const struct json *json, struct arena *a, const struct type **out,
                         struct error *err);

/* Writes the JSON form. */
void type_write(const struct type *t, struct json_writer *w);
void field_write(const struct field *f, struct json_writer *w);

/* Text for people and for primitives' JSON: "decimal(10, 2)", "struct<1: a: optional int>". */
str type_format(const struct type *t, struct arena *a);

/* Equal in everything, ids, names, docs and defaults included. */
bool type_equal(const struct type *a, const struct type *b);

/* Whether a column of type `from` may become `to` (or is that already) in this format version
 * (Iceberg spec, "Schema Evolution").  Nested types: only when equal. */
bool type_can_promote(const struct type *from, const struct type *to, int format_version);

/* The largest id of the fields inside; 0 for a primitive. */
int32_t type_max_id(const struct type *t);

/* Bytes that decimal(precision) needs in two's complement: 1 to 16 (spec, "Parquet"). */
int32_t decimal_bytes(int32_t precision);

#endif
