/* SPDX-License-Identifier: Apache-2.0
 *
 * Schemas: a struct type with an id and identifier fields (Iceberg spec, "Schemas and Data
 * Types", "Identifier Field IDs").  Immutable once built, arena-owned, free to share between
 * threads.  Looking up by id is O(log n), by name O(1).
 *
 * Names of nested fields are written with dots: "a.b", "list.element", "map.value.x"; as in the
 * Java library "list.x" and "map.x" reach into structs too, where that is not ambiguous. */
#ifndef FIRN_ICEBERG_SCHEMA_H
#define FIRN_ICEBERG_SCHEMA_H

#include "base/map.h"
#include "iceberg/type.h"

/* Where a field sits. */
struct schema_node {
    const struct field *field;
    const struct schema_node *parent; /* NULL for a column */
    str name;                         /* full, dotted */
    bool in_repeated;                 /* inside a list or a map */
};

struct schema {
    int32_t id;
    const struct field *fields; /* the columns */
    size_t fields_n;
    const int32_t *identifier_ids;
    size_t identifier_ids_n;
    const struct type *type;          /* the columns as a struct type */
    const struct schema_node **by_id; /* all fields, by id */
    size_t nodes_n;
    struct map by_name;       /* full name -> struct schema_node */
    struct map by_name_lower; /* ASCII lower case -> node; ambiguous ones excluded */
    int32_t max_id;           /* the largest field id; 0 when there is none */
};

/* Builds the indexes and checks: ids not negative, unique and below the reserved ones, names unique, identifier fields as the specification demands.  `fields` and `identifier_ids`
 * are not copied.  ERR_INVALID or ERR_LIMIT. */
MUST_USE bool schema_build(int32_t id, const struct field *fields, size_t fields_n,
                           const int32_t *identifier_ids, size_t identifier_ids_n, struct arena *a,
                           const struct schema **out, struct error *err);

/* Reads {"type":"struct","schema-id":1,"fields":[…]}; a missing schema-id is 0.  Copies strings. */
MUST_USE bool schema_parse(const struct json *json, struct arena *a, const struct schema **out,
                           struct error *err);
/* Writes the same; the id is left out when with_id is false (v1's "schema"). */
void schema_write(const struct schema *s, bool with_id, struct json_writer *w);

/* NULL when there is no such field.  Results live as long as the schema. */
const struct schema_node *schema_node_by_id(const struct schema *s, int32_t id);
const struct field *schema_field_by_id(const struct schema *s, int32_t id);
const struct schema_node *schema_node_by_name(const struct schema *s, str name,
                                              bool case_sensitive);
const struct field *schema_field_by_name(const struct schema *s, str name, bool case_sensitive);
/* The full name of a field id; "" when there is none. */
str schema_name_of(const struct schema *s, int32_t id);
/* The place of a column among the columns, by id; -1 when there is none. */
ptrdiff_t schema_column_index(const struct schema *s, int32_t id);

/* Same columns (ids, names, types, docs, defaults) and identifier fields; ids of the schemas do
 * not count. */
bool schema_same(const struct schema *a, const struct schema *b);

/* The same schema under another id; shares everything else. */
const struct schema *schema_with_id(const struct schema *s, int32_t id, struct arena *a);

/* A copy whose fields are numbered afresh, the columns first, then level by level, from
 * *last_id + 1; *last_id is moved.  Identifier ids follow.  ERR_LIMIT when ids run out. */
MUST_USE bool schema_assign_fresh_ids(const struct schema *s, int32_t id, int32_t *last_id,
                                      struct arena *a, const struct schema **out,
                                      struct error *err);

/* Fails with ERR_INVALID, naming the field, when a type or default needs a later version. */
MUST_USE bool schema_check_version(const struct schema *s, int format_version, struct error *err);

/* Evolution: each returns a new schema with the same id (give it a new one by adding it to a
 * table) in `a`; the old one is untouched and must outlive the new one.  Names are dotted.
 * ERR_NOT_FOUND for a missing column, ERR_EXISTS for a taken name, ERR_INVALID for a change that
 * the specification forbids. */

/* Adds `column` (its id and the ids inside are assigned from *last_id) at the end of the struct
 * `parent` ("" for the top; lists and maps mean their element or value struct).  A required
 * column needs an initial default. */
MUST_USE bool schema_add_column(const struct schema *s, str parent, const struct field *column,
                                int32_t *last_id, struct arena *a, const struct schema **out,
                                struct error *err);
/* Dropping an identifier field is refused, and the last column of a schema too. */
MUST_USE bool schema_drop_column(const struct schema *s, str name, struct arena *a,
                                 const struct schema **out, struct error *err);
/* `to` is the new last part of the name. */
MUST_USE bool schema_rename_column(const struct schema *s, str name, str to, struct arena *a,
                                   const struct schema **out, struct error *err);
MUST_USE bool schema_promote_column(const struct schema *s, str name, const struct type *to,
                                    int format_version, struct arena *a, const struct schema **out,
                                    struct error *err);
/* Only for who has made sure that no row of the table has null in it. */
MUST_USE bool schema_make_required(const struct schema *s, str name, struct arena *a,
                                   const struct schema **out, struct error *err);
MUST_USE bool schema_make_optional(const struct schema *s, str name, struct arena *a,
                                   const struct schema **out, struct error *err);
MUST_USE bool schema_set_doc(const struct schema *s, str name, str doc, struct arena *a,
                             const struct schema **out, struct error *err);
/* NULL takes the write default away.  `value` is not copied. */
MUST_USE bool schema_set_write_default(const struct schema *s, str name, const struct value *value,
                                       struct arena *a, const struct schema **out,
                                       struct error *err);

enum schema_place { PLACE_FIRST, PLACE_AFTER, PLACE_BEFORE };
/* Moves a field inside its struct; `other` is a full dotted name of a sibling. */
MUST_USE bool schema_move_column(const struct schema *s, str name, enum schema_place place,
                                 str other, struct arena *a, const struct schema **out,
                                 struct error *err);
/* Replaces the identifier fields by these dotted names. */
MUST_USE bool schema_set_identifiers(const struct schema *s, const str *names, size_t n,
                                     struct arena *a, const struct schema **out, struct error *err);

#endif
