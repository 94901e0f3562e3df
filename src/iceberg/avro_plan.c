/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/avro_plan_priv.h"

static bool has_shape(const struct avro_schema *s, enum plan_shape shape)
{
    switch (shape) {
    case PLAN_LONG:
        return s->kind == AVRO_INT || s->kind == AVRO_LONG;
    case PLAN_BYTES:
        return s->kind == AVRO_BYTES || s->kind == AVRO_STRING;
    case PLAN_BOOL:
        return s->kind == AVRO_BOOLEAN;
    case PLAN_ARRAY:
        return s->kind == AVRO_ARRAY;
    case PLAN_RECORD:
        return s->kind == AVRO_RECORD;
    }
    return false;
}

bool plan_value(const struct avro_schema *s, enum plan_shape shape, struct plan_step *out)
{
    size_t null_branch = 0;
    const struct avro_schema *inner = avro_optional(s, &null_branch);
    *out = (struct plan_step){ .optional = inner != NULL,
                               .null_branch = null_branch,
                               .type = inner != NULL ? inner : s };
    return has_shape(out->type, shape);
}

static bool has_ids(const struct avro_schema *record)
{
    for (size_t i = 0; i < record->n; i++)
        if (record->fields[i].id != AVRO_NO_ID)
            return true;
    return false;
}

static const struct plan_field *find(const struct avro_field *f, bool by_id,
                                     const struct plan_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct plan_field *p = &fields[i];
        if (by_id ? f->id == p->id
                  : str_is(f->name, p->name) || (p->old_name && str_is(f->name, p->old_name)))
            return p;
    }
    return NULL;
}

static bool make_step(const struct avro_field *f, const struct plan_field *known, const char *of,
                      struct plan_step *out, struct error *err)
{
    *out = (struct plan_step){ .what = PLAN_SKIP, .type = f->type };
    if (known == NULL || (f->type->kind == AVRO_NULL && !known->required))
        return true;
    if (!plan_value(f->type, known->shape, out))
        return fail(err, ERR_CORRUPT, "%s: field %s has Avro type %s", of, known->name,
                    avro_kind_name(f->type->kind));
    out->what = known->what;
    return true;
}

static bool check_complete(const struct plan *plan, const struct plan_field *fields, size_t n,
                           const char *of, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t seen = 0;
        for (size_t k = 0; k < plan->n; k++)
            seen += plan->steps[k].what == fields[i].what;
        if (seen > 1)
            return fail(err, ERR_CORRUPT, "%s: field %s is there %zu times", of, fields[i].name,
                        seen);
        if (seen == 0 && fields[i].required)
            return fail(err, ERR_CORRUPT, "%s: field %s is missing", of, fields[i].name);
    }
    return true;
}

bool plan_make(const struct avro_schema *record, const struct plan_field *fields, size_t fields_n,
               const char *of, struct arena *a, struct plan *out, struct error *err)
{
    if (record->kind != AVRO_RECORD)
        return fail(err, ERR_CORRUPT, "%s: Avro type is %s, not record", of,
                    avro_kind_name(record->kind));
    *out = (struct plan){ arena_array(a, struct plan_step, record->n), record->n };
    bool by_id = has_ids(record);
    for (size_t i = 0; i < record->n; i++) {
        const struct avro_field *f = &record->fields[i];
        if (!make_step(f, find(f, by_id, fields, fields_n), of, &out->steps[i], err))
            return false;
    }
    return check_complete(out, fields, fields_n, of, err);
}
