/* SPDX-License-Identifier: Apache-2.0
 *
 * Transforms, partition specs and sort orders (Iceberg spec, "Partitioning", "Sorting").  All
 * immutable once built and arena-owned. */
#ifndef FIRN_ICEBERG_PARTITION_H
#define FIRN_ICEBERG_PARTITION_H

#include "iceberg/schema.h"
#include "iceberg/value.h"

enum transform_kind {
    TRANSFORM_IDENTITY,
    TRANSFORM_BUCKET,
    TRANSFORM_TRUNCATE,
    TRANSFORM_YEAR,
    TRANSFORM_MONTH,
    TRANSFORM_DAY,
    TRANSFORM_HOUR,
    TRANSFORM_VOID,
    TRANSFORM_UNKNOWN, /* a later specification's; `text` keeps it.  Readable, never written with */
};

struct transform {
    enum transform_kind kind;
    int32_t param; /* bucket's N, truncate's W; positive */
    str text;      /* as written in the metadata */
};

/* Reads "bucket[16]", "day", …; a text that is none of ours gives TRANSFORM_UNKNOWN.  Fails
 * only for a known name with a bad parameter.  Copies the text. */
MUST_USE bool transform_parse(str text, struct arena *a, struct transform *out, struct error *err);
/* Builds one; `param` counts for bucket and truncate only. */
struct transform transform_make(enum transform_kind kind, int32_t param, struct arena *a);
bool transform_equal(const struct transform *a, const struct transform *b);

/* ERR_INVALID when values of type `t` cannot be transformed; unknown: ERR_UNSUPPORTED. */
MUST_USE bool transform_check(const struct transform *f, const struct type *t, struct error *err);
/* The type of results: the source's for identity, truncate and void, date for day, int for the
 * others (string for an unknown transform).  `source` NULL (a dropped column): unknown, for
 * identity, truncate and void.  Lives for ever or as long as `source`. */
const struct type *transform_result(const struct transform *f, const struct type *source);
/* Whether a <= b implies f(a) <= f(b): identity, truncate, year, month, day, hour. */
bool transform_keeps_order(const struct transform *f);

/* Applies to a value of the checked type; null gives null.  Bytes are views into v's, except
 * that nothing is ever allocated: truncated text is a prefix.  An unknown transform is a bug. */
struct value transform_apply(const struct transform *f, const struct value *v);

/* The result as text for a partition path: "2001-02", "2001-02-03-04", "null"; not escaped. */
str transform_text(const struct transform *f, const struct value *result, struct arena *a);

struct partition_field {
    int32_t source_id; /* of the first source */
    int32_t field_id;  /* 1000 and up; -1 in an update: the table assigns it */
    str name;
    struct transform transform;
    const int32_t *source_ids; /* v3, several sources; else NULL.  Then the transform is unknown */
    size_t source_ids_n;
};

struct partition_spec {
    int32_t id;
    const struct partition_field *fields;
    size_t fields_n;
};

#define PARTITION_FIELDS_MAX 1000
#define PARTITION_FIELD_ID_FIRST 1000

extern const struct partition_spec partition_spec_none; /* id 0, no fields */

static inline bool partition_spec_is_unpartitioned(const struct partition_spec *s)
{
    for (size_t i = 0; i < s->fields_n; i++)
        if (s->fields[i].transform.kind != TRANSFORM_VOID)
            return false;
    return true;
}

/* Reads {"spec-id":0,"fields":[…]}; missing field ids are assigned from 1000 (v1).  A missing
 * spec-id is 0.  Strings are copied. */
MUST_USE bool partition_spec_parse(const struct json *json, struct arena *a,
                                   const struct partition_spec **out, struct error *err);
/* Reads v1's bare array of fields as spec 0. */
MUST_USE bool partition_fields_parse(const struct json *json, int32_t spec_id, struct arena *a,
                                     const struct partition_spec **out, struct error *err);
void partition_spec_write(const struct partition_spec *s, struct json_writer *w);
/* v1's bare array. */
void partition_fields_write(const struct partition_spec *s, struct json_writer *w);

/* Sources exist, are primitive, not inside lists or maps, and fit their transforms; names are
 * unique and clash with no column (but an identity field may have its source's name). */
MUST_USE bool partition_spec_check(const struct partition_spec *s, const struct schema *schema,
                                   struct error *err);
/* Same fields (source, transform, name); spec and field ids do not count. */
bool partition_spec_compatible(const struct partition_spec *a, const struct partition_spec *b);
int32_t partition_spec_max_field_id(const struct partition_spec *s); /* 999 when empty */
const struct partition_field *partition_field_by_id(const struct partition_spec *s,
                                                    int32_t field_id); /* or NULL */

/* The struct type of partition tuples: one optional field per partition field, in order, with
 * the partition field's id and name.  Dropped sources have type unknown. */
const struct type *partition_type(const struct partition_spec *s, const struct schema *schema,
                                  struct arena *a);
/* The type of field i of the tuple; see partition_type. */
const struct type *partition_field_type(const struct partition_spec *s, size_t i,
                                        const struct schema *schema);

/* "name=value/name2=value2", URL-encoded as Java's URLEncoder does; values are the transforms'
 * results, one per field of the spec.  "" for a spec without fields.
 * At most 1 MiB, cut off there: no file system takes a tenth of it. */
str partition_path(const struct partition_spec *s, const struct value *values, struct arena *a);

struct sort_field {
    int32_t source_id;
    struct transform transform;
    bool descending, nulls_last;
    const int32_t *source_ids; /* as in partition_field */
    size_t source_ids_n;
};

struct sort_order {
    int32_t id; /* 0: unsorted */
    const struct sort_field *fields;
    size_t fields_n;
};

extern const struct sort_order sort_order_none; /* id 0, no fields */

/* Reads and writes {"order-id":1,"fields":[…]}; strings are copied. */
MUST_USE bool sort_order_parse(const struct json *json, struct arena *a,
                               const struct sort_order **out, struct error *err);
void sort_order_write(const struct sort_order *o, struct json_writer *w);
/* As partition_spec_check.  Id 0 must be empty and other ids must not be. */
MUST_USE bool sort_order_check(const struct sort_order *o, const struct schema *schema,
                               struct error *err);
/* Same fields; ids do not count. */
bool sort_order_same(const struct sort_order *a, const struct sort_order *b);

#endif
