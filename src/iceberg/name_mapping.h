/* SPDX-License-Identifier: Apache-2.0
 *
 * Name mappings: field ids for data files that have none, by the names of their columns (Iceberg
 * spec, "Column Projection" and "Name Mapping Serialization").  A table keeps one as the property
 * schema.name-mapping.default.  Immutable once built, arena-owned. */
#ifndef FIRN_ICEBERG_NAME_MAPPING_H
#define FIRN_ICEBERG_NAME_MAPPING_H

#include "base/map.h"
#include "iceberg/schema.h"

#define NAME_MAPPING_PROPERTY "schema.name-mapping.default"
#define NAME_MAPPING_NONE (-1) /* a column of the file that the table does not have */

struct name_mapping;

struct mapped_field {
    int32_t field_id; /* NAME_MAPPING_NONE: none */
    const str *names;
    size_t names_n;
    const struct name_mapping *children; /* never NULL */
};

struct name_mapping {
    const struct mapped_field *fields;
    size_t fields_n;
    struct map by_name; /* name -> struct mapped_field */
};

/* Reads [{"field-id":1,"names":["a"],"fields":[…]}]; strings are copied.  A name that is there
 * twice at one level is ERR_INVALID. */
MUST_USE bool name_mapping_parse(const struct json *json, struct arena *a,
                                 const struct name_mapping **out, struct error *err);
/* Writes the same. */
void name_mapping_write(const struct name_mapping *m, struct json_writer *w);

/* The mapping under which the schema's present names mean its ids. */
const struct name_mapping *name_mapping_of(const struct schema *s, struct arena *a);

/* The field that a column of this name is, at this level; NULL when there is none.  Names are
 * literal: a dot is a part of the name.  Lists go on under "element", maps under "key", "value". */
const struct mapped_field *name_mapping_find(const struct name_mapping *m, str name);

#endif
