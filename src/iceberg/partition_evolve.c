/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/partition_evolve.h"

#include "iceberg/metadata.h"

ptrdiff_t partition_spec_find(const struct partition_spec *s, int32_t source_id,
                              const struct transform *f)
{
    for (size_t i = 0; i < s->fields_n; i++)
        if (s->fields[i].source_id == source_id && f->kind != TRANSFORM_VOID &&
            transform_equal(&s->fields[i].transform, f))
            return (ptrdiff_t)i;
    return -1;
}

ptrdiff_t partition_spec_find_name(const struct partition_spec *s, str name)
{
    for (size_t i = 0; i < s->fields_n; i++)
        if (str_eq(s->fields[i].name, name))
            return (ptrdiff_t)i;
    return -1;
}

static const struct partition_spec *with_fields(struct partition_field *fields, size_t n,
                                                struct arena *a)
{
    struct partition_spec *s = arena_new(a, struct partition_spec);
    *s = (struct partition_spec){ .id = -1, .fields = fields, .fields_n = n };
    return s;
}

static struct partition_field *copy_fields(const struct partition_spec *s, size_t room,
                                           struct arena *a)
{
    struct partition_field *fields = arena_array(a, struct partition_field, s->fields_n + room);
    if (s->fields_n)
        memcpy(fields, s->fields, s->fields_n * sizeof *fields);
    return fields;
}

static str made_up_name(str column, const struct transform *f, struct arena *a)
{
    static const char *const suffixes[] = {
        [TRANSFORM_YEAR] = "year", [TRANSFORM_MONTH] = "month",   [TRANSFORM_DAY] = "day",
        [TRANSFORM_HOUR] = "hour", [TRANSFORM_BUCKET] = "bucket", [TRANSFORM_TRUNCATE] = "trunc",
        [TRANSFORM_VOID] = "null"
    };
    if (f->kind == TRANSFORM_IDENTITY || f->kind == TRANSFORM_UNKNOWN)
        return column;
    if (f->kind == TRANSFORM_BUCKET || f->kind == TRANSFORM_TRUNCATE)
        return arena_printf(a, STR_FMT "_%s_%d", STR_ARG(column), suffixes[f->kind], f->param);
    return arena_printf(a, STR_FMT "_%s", STR_ARG(column), suffixes[f->kind]);
}

static str name_for(const struct metadata *m, const struct schema_node *column,
                    const struct transform *f, struct arena *a)
{
    for (size_t i = 0; m->format_version > 1 && i < m->specs_n; i++) {
        ptrdiff_t at = partition_spec_find(m->specs[i], column->field->id, f);
        if (at >= 0)
            return m->specs[i]->fields[at].name;
    }
    return made_up_name(column->name, f, a);
}

bool partition_spec_add(const struct metadata *m, const struct partition_spec *s,
                        const struct schema_node *column, const struct transform *f, str name,
                        struct arena *a, const struct partition_spec **out, struct error *err)
{
    ptrdiff_t same = partition_spec_find(s, column->field->id, f);
    if (same >= 0)
        return fail(err, ERR_EXISTS, "the table is partitioned by " STR_FMT "(" STR_FMT ") already",
                    STR_ARG(f->text), STR_ARG(column->name));
    if (s->fields_n >= PARTITION_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "more than %d partition fields", PARTITION_FIELDS_MAX);
    struct partition_field *fields = copy_fields(s, 1, a);
    if (!name.len)
        name = name_for(m, column, f, a);
    ptrdiff_t taken = partition_spec_find_name(s, name);
    if (taken >= 0 && fields[taken].transform.kind != TRANSFORM_VOID)
        return fail(err, ERR_EXISTS, "a partition field " STR_FMT " is there already",
                    STR_ARG(name));
    if (taken >= 0)
        fields[taken].name = arena_printf(a, STR_FMT "_%d", STR_ARG(name), fields[taken].field_id);
    fields[s->fields_n] = (struct partition_field){
        .source_id = column->field->id, .field_id = -1, .name = name, .transform = *f
    };
    *out = with_fields(fields, s->fields_n + 1, a);
    return true;
}

const struct partition_spec *partition_spec_drop(const struct metadata *m,
                                                 const struct partition_spec *s, size_t i,
                                                 struct arena *a)
{
    struct partition_field *fields = copy_fields(s, 0, a);
    if (m->format_version == 1) {
        fields[i].transform = transform_make(TRANSFORM_VOID, 0, a);
        return with_fields(fields, s->fields_n, a);
    }
    memmove(&fields[i], &fields[i + 1], (s->fields_n - i - 1) * sizeof *fields);
    return with_fields(fields, s->fields_n - 1, a);
}
