/* SPDX-License-Identifier: Apache-2.0
 *
 * Named types (fixed, decimal, uuid) are defined where they are first used and only named after that. */
#include "iceberg/avro_schema.h"

#include "base/map.h"
#include "codec/json.h"
#include "iceberg/manifest_tuple_priv.h"
#include "iceberg/schema.h"

struct writer {
    struct buf *out;
    struct arena *arena;
    struct map named;
};

static void put_type(struct writer *w, const struct type *t, int32_t id);

static void put_primitive(struct writer *w, const struct type *t)
{
    bool is_named = t->kind == TYPE_FIXED || t->kind == TYPE_DECIMAL || t->kind == TYPE_UUID;
    str key = is_named ? type_format(t, w->arena) : (str){ 0 };
    if (t->kind == TYPE_UNKNOWN) {
        buf_lit(w->out, "\"null\"");
        return;
    }
    tuple_type_text(w->out, t, is_named && map_get(&w->named, key));
    if (is_named)
        map_put(&w->named, key, w);
}

static void put_optional(struct writer *w, const struct field *f)
{
    bool optional = !f->required && f->type->kind != TYPE_UNKNOWN;
    if (optional)
        buf_lit(w->out, "[\"null\",");
    put_type(w, f->type, f->id);
    if (optional)
        buf_add_char(w->out, ']');
}

static void put_name(struct writer *w, str name)
{
    size_t start = w->out->len;
    buf_add_char(w->out, '"');
    tuple_name_text(w->out, name);
    buf_add_char(w->out, '"');
    str written = str_from(buf_str(w->out), start + 1);
    if (str_eq(str_sub(written, 0, written.len ? written.len - 1 : 0), name))
        return;
    struct json_writer json;
    buf_lit(w->out, ",\"iceberg-field-name\":");
    jw_init(&json, w->out);
    jw_str(&json, name);
}

static void put_field(struct writer *w, const struct field *f)
{
    buf_lit(w->out, "{\"name\":");
    put_name(w, f->name);
    buf_lit(w->out, ",\"type\":");
    put_optional(w, f);
    if (!f->required)
        buf_lit(w->out, ",\"default\":null");
    buf_printf(w->out, ",\"field-id\":%d}", f->id);
}

static void put_record(struct writer *w, const struct field *fields, size_t n, const char *name)
{
    buf_printf(w->out, "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(w->out, ',');
        put_field(w, &fields[i]);
    }
    buf_lit(w->out, "]}");
}

/* Keys that are no text: an array of pairs. */
static void put_map(struct writer *w, const struct type *t)
{
    int32_t key = type_key(t)->id, value = type_value(t)->id;
    if (type_key(t)->type->kind == TYPE_STRING) {
        buf_lit(w->out, "{\"type\":\"map\",\"values\":");
        put_optional(w, type_value(t));
        buf_printf(w->out, ",\"key-id\":%d,\"value-id\":%d}", key, value);
        return;
    }
    str name = arena_printf(w->arena, "k%d_v%d", key, value);
    buf_lit(w->out, "{\"type\":\"array\",\"logicalType\":\"map\",\"items\":");
    put_record(w, t->fields, 2, name.ptr);
    buf_add_char(w->out, '}');
}

static void put_type(struct writer *w, const struct type *t, int32_t id)
{
    switch (t->kind) {
    case TYPE_STRUCT:
        put_record(w, t->fields, t->fields_n, arena_printf(w->arena, "r%d", id).ptr);
        break;
    case TYPE_LIST:
        buf_lit(w->out, "{\"type\":\"array\",\"items\":");
        put_optional(w, type_element(t));
        buf_printf(w->out, ",\"element-id\":%d}", type_element(t)->id);
        break;
    case TYPE_MAP:
        put_map(w, t);
        break;
    default:
        put_primitive(w, t);
    }
}

void avro_schema_write(const struct schema *s, struct buf *out)
{
    struct writer w = { .out = out, .arena = arena_create(0) };
    map_init(&w.named, w.arena);
    put_record(&w, s->fields, s->fields_n, "table");
    arena_destroy(w.arena);
}
