/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Avro records by Iceberg field id: the writer's schema is compared once with a table of
 * the fields that we know, and gives a list of steps, one a field of the file, in the file's
 * order.  Files whose schema has no ids (very old writers) are matched by name. */
#ifndef FIRN_ICEBERG_AVRO_PLAN_PRIV_H
#define FIRN_ICEBERG_AVRO_PLAN_PRIV_H

#include "codec/avro.h"

enum plan_shape { PLAN_LONG, PLAN_BYTES, PLAN_BOOL, PLAN_ARRAY, PLAN_RECORD };

struct plan_field {
    int what; /* the caller's number for it, not negative */
    int32_t id;
    enum plan_shape shape;
    bool required;
    const char *name, *old_name; /* old_name may be NULL */
};

#define PLAN_SKIP (-1)

struct plan_step {
    int what; /* or PLAN_SKIP */
    bool optional;
    size_t null_branch;
    const struct avro_schema *type; /* without the null branch; PLAN_SKIP: all of it */
};

struct plan {
    struct plan_step *steps;
    size_t n;
};

/* `of` names the record in messages.  ERR_CORRUPT when a field has another shape, is there twice,
 * or is required and missing. */
MUST_USE bool plan_make(const struct avro_schema *record, const struct plan_field *fields,
                        size_t fields_n, const char *of, struct arena *a, struct plan *out,
                        struct error *err);

/* Before the value of a step that is not skipped: false when it is null. */
static inline bool plan_present(const struct plan_step *s, struct avro_rd *rd)
{
    return !s->optional || avro_index(rd, 2) != s->null_branch;
}

/* A step for a value that stands alone (an array's items); false when its shape is another. */
bool plan_value(const struct avro_schema *s, enum plan_shape shape, struct plan_step *out);

#endif
