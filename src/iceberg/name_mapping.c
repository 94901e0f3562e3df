/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/name_mapping.h"

static const struct name_mapping no_children;

static bool parse_names(const struct json *json, struct arena *a, struct mapped_field *out,
                        struct error *err)
{
    const struct json *list;
    if (!json_need_array(json, "names", &list, err))
        return false;
    str *names = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "names[%zu] is no string", i);
        names[i] = arena_str(a, list->array.items[i].s);
    }
    out->names = names;
    out->names_n = list->array.n;
    return true;
}

/* Enters the fields under their names; a map finds doubles in linear time. */
static bool index_names(struct name_mapping *m, struct mapped_field *fields, struct arena *a,
                        struct error *err)
{
    map_init(&m->by_name, a);
    for (size_t i = 0; i < m->fields_n; i++)
        for (size_t j = 0; j < fields[i].names_n; j++)
            if (!map_add(&m->by_name, fields[i].names[j], &fields[i]))
                return fail(err, ERR_INVALID, "name \"" STR_FMT "\" is mapped twice",
                            STR_ARG(fields[i].names[j]));
    return true;
}

static bool parse_field(const struct json *json, struct arena *a, struct mapped_field *out,
                        struct error *err)
{
    const struct json *children;
    out->children = &no_children;
    return json_opt_i32(json, "field-id", NAME_MAPPING_NONE, &out->field_id, err) &&
           parse_names(json, a, out, err) && json_opt_array(json, "fields", &children, err) &&
           (!children || name_mapping_parse(children, a, &out->children, err));
}

/* JSON's own limit of depth bounds the recursion. */
bool name_mapping_parse(const struct json *json, struct arena *a, const struct name_mapping **out,
                        struct error *err)
{
    if (json->kind != JSON_ARRAY)
        return fail(err, ERR_INVALID, "a name mapping is a JSON %s, not an array",
                    json_kind_name(json->kind));
    if (json->array.n > TYPE_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "%zu mapped fields, limit %d", json->array.n, TYPE_FIELDS_MAX);
    struct name_mapping *m = arena_new(a, struct name_mapping);
    struct mapped_field *fields = arena_array(a, struct mapped_field, json->array.n);
    for (size_t i = 0; i < json->array.n; i++)
        if (!parse_field(&json->array.items[i], a, &fields[i], err))
            return fail_in(err, "name mapping, field %zu", i);
    m->fields = fields;
    m->fields_n = json->array.n;
    *out = m;
    return index_names(m, fields, a, err);
}

void name_mapping_write(const struct name_mapping *m, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct mapped_field *f = &m->fields[i];
        jw_begin_object(w);
        if (f->field_id != NAME_MAPPING_NONE)
            jw_kv_int(w, "field-id", f->field_id);
        jw_kv_array(w, "names");
        for (size_t j = 0; j < f->names_n; j++)
            jw_str(w, f->names[j]);
        jw_end_array(w);
        if (f->children->fields_n > 0) {
            jw_key(w, STR("fields"));
            name_mapping_write(f->children, w);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
}

static const struct name_mapping *of_fields(const struct field *fields, size_t n, struct arena *a)
{
    struct name_mapping *m = arena_new(a, struct name_mapping);
    struct mapped_field *mapped = arena_array(a, struct mapped_field, n);
    struct error unused;
    for (size_t i = 0; i < n; i++) {
        const struct type *t = fields[i].type;
        mapped[i] = (struct mapped_field){ .field_id = fields[i].id,
                                           .names = &fields[i].name,
                                           .names_n = 1,
                                           .children = of_fields(t->fields, t->fields_n, a) };
    }
    m->fields = mapped;
    m->fields_n = n;
    ASSERT(index_names(m, mapped, a, &unused)); /* a schema has no name twice */
    return m;
}

const struct name_mapping *name_mapping_of(const struct schema *s, struct arena *a)
{
    return of_fields(s->fields, s->fields_n, a);
}

const struct mapped_field *name_mapping_find(const struct name_mapping *m, str name)
{
    return m->fields_n > 0 ? map_get(&m->by_name, name) : NULL;
}
