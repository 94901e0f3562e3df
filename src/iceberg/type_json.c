/* SPDX-License-Identifier: Apache-2.0
 *
 * Types as JSON (Iceberg spec, Appendix C, "Schemas"). */
#include "iceberg/type.h"
#include "iceberg/value.h"

static bool parse_at(const struct json *json, int depth, struct arena *a, const struct type **out,
                     struct error *err);

static bool parse_default(const struct json *json, const char *key, const struct type *t,
                          struct arena *a, const struct value **out, struct error *err)
{
    const struct json *text = json_get(json, key);
    *out = NULL;
    if (!text || text->kind == JSON_NULL)
        return true;
    struct value *v = arena_new(a, struct value);
    if (!value_parse(t, text, a, v, err))
        return fail_in(err, "%s", key);
    *out = v;
    return true;
}

static bool parse_field_at(const struct json *json, int depth, struct arena *a, struct field *out,
                           struct error *err)
{
    str name, doc;
    if (!json_need_str(json, "name", &name, err))
        return false;
    const struct json *type = json_get(json, "type"), *doc_json = json_get(json, "doc");
    *out = (struct field){ .name = arena_str(a, name) };
    if (!json_need_i32(json, "id", &out->id, err) ||
        !json_need_bool(json, "required", &out->required, err) ||
        !json_opt_str(json, "doc", STR(""), &doc, err) ||
        !parse_at(type, depth, a, &out->type, err) ||
        !parse_default(json, "initial-default", out->type, a, &out->initial_default, err) ||
        !parse_default(json, "write-default", out->type, a, &out->write_default, err))
        return fail_in(err, "field \"" STR_FMT "\"", STR_ARG(name));
    out->has_doc = doc_json && doc_json->kind != JSON_NULL;
    out->doc = arena_str(a, doc);
    return true;
}

static bool parse_struct(const struct json *json, int depth, struct arena *a,
                         const struct type **out, struct error *err)
{
    const struct json *fields;
    if (!json_need_array(json, "fields", &fields, err))
        return false;
    if (fields->array.n > TYPE_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "a struct of %zu fields, limit %d", fields->array.n,
                    TYPE_FIELDS_MAX);
    struct field *f = arena_array(a, struct field, fields->array.n);
    for (size_t i = 0; i < fields->array.n; i++)
        if (!parse_field_at(&fields->array.items[i], depth, a, &f[i], err))
            return false;
    *out = type_struct(a, f, fields->array.n);
    return true;
}

static bool parse_list(const struct json *json, int depth, struct arena *a, const struct type **out,
                       struct error *err)
{
    int32_t id;
    bool required;
    const struct type *element;
    if (!json_need_i32(json, "element-id", &id, err) ||
        !json_need_bool(json, "element-required", &required, err) ||
        !parse_at(json_get(json, "element"), depth, a, &element, err))
        return fail_in(err, "list");
    *out = type_list(a, id, required, element);
    return true;
}

static bool parse_map(const struct json *json, int depth, struct arena *a, const struct type **out,
                      struct error *err)
{
    int32_t key_id, value_id;
    bool required;
    const struct type *key, *value;
    if (!json_need_i32(json, "key-id", &key_id, err) ||
        !json_need_i32(json, "value-id", &value_id, err) ||
        !json_need_bool(json, "value-required", &required, err) ||
        !parse_at(json_get(json, "key"), depth, a, &key, err) ||
        !parse_at(json_get(json, "value"), depth, a, &value, err))
        return fail_in(err, "map");
    *out = type_map(a, key_id, key, value_id, required, value);
    return true;
}

static bool parse_at(const struct json *json, int depth, struct arena *a, const struct type **out,
                     struct error *err)
{
    if (depth >= TYPE_DEPTH_MAX)
        return fail(err, ERR_LIMIT, "a type is nested deeper than %d", TYPE_DEPTH_MAX);
    if (!json)
        return fail(err, ERR_INVALID, "a type is missing");
    if (json->kind == JSON_STR)
        return type_parse_text(json->s, a, out, err);
    str name;
    if (!json_need_str(json, "type", &name, err))
        return false;
    if (str_is(name, "struct"))
        return parse_struct(json, depth + 1, a, out, err);
    if (str_is(name, "list"))
        return parse_list(json, depth + 1, a, out, err);
    if (str_is(name, "map"))
        return parse_map(json, depth + 1, a, out, err);
    return fail(err, ERR_INVALID, "unknown nested type \"" STR_FMT "\"", STR_ARG(name));
}

bool type_parse(const struct json *json, struct arena *a, const struct type **out,
                struct error *err)
{
    return parse_at(json, 0, a, out, err);
}

static void write_default(const char *key, const struct value *v, struct json_writer *w)
{
    if (!v)
        return;
    jw_key(w, str_of(key));
    value_write(v, w);
}

void field_write(const struct field *f, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "id", f->id);
    jw_kv_str(w, "name", f->name);
    jw_kv_bool(w, "required", f->required);
    jw_key(w, STR("type"));
    type_write(f->type, w);
    if (f->has_doc)
        jw_kv_str(w, "doc", f->doc);
    write_default("initial-default", f->initial_default, w);
    write_default("write-default", f->write_default, w);
    jw_end_object(w);
}

static void write_primitive(const struct type *t, struct json_writer *w)
{
    struct arena *a = arena_create(0);
    jw_str(w, type_format(t, a));
    arena_destroy(a);
}

static void write_struct(const struct type *t, struct json_writer *w)
{
    jw_kv_array(w, "fields");
    for (size_t i = 0; i < t->fields_n; i++)
        field_write(&t->fields[i], w);
    jw_end_array(w);
}

static void write_list(const struct type *t, struct json_writer *w)
{
    const struct field *element = type_element(t);
    jw_kv_int(w, "element-id", element->id);
    jw_key(w, STR("element"));
    type_write(element->type, w);
    jw_kv_bool(w, "element-required", element->required);
}

static void write_map(const struct type *t, struct json_writer *w)
{
    const struct field *key = type_key(t), *value = type_value(t);
    jw_kv_int(w, "key-id", key->id);
    jw_key(w, STR("key"));
    type_write(key->type, w);
    jw_kv_int(w, "value-id", value->id);
    jw_key(w, STR("value"));
    type_write(value->type, w);
    jw_kv_bool(w, "value-required", value->required);
}

void type_write(const struct type *t, struct json_writer *w)
{
    if (type_is_primitive(t)) {
        write_primitive(t, w);
        return;
    }
    jw_begin_object(w);
    jw_kv_str(w, "type", str_of(type_kind_name(t->kind)));
    if (t->kind == TYPE_STRUCT)
        write_struct(t, w);
    else if (t->kind == TYPE_LIST)
        write_list(t, w);
    else
        write_map(t, w);
    jw_end_object(w);
}
