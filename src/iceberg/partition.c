/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition specs (Iceberg spec, "Partitioning"). */
#include "iceberg/partition_priv.h"

#define PATH_TEXT_MAX ((size_t)1 << 20) /* of a partition path: longer ones no file system takes */

const struct partition_spec partition_spec_none = { 0 };

/* -- source ids, shared with sort orders ------------------------------------------------------ */

static bool parse_source_ids(const struct json *ids, struct arena *a, const int32_t **out,
                             size_t *n, struct error *err)
{
    if (ids->array.n == 0 || ids->array.n > PARTITION_FIELDS_MAX)
        return fail(err, ERR_INVALID, "source-ids has %zu ids", ids->array.n);
    int32_t *list = arena_array(a, int32_t, ids->array.n);
    for (size_t i = 0; i < ids->array.n; i++) {
        const struct json *id = &ids->array.items[i];
        if (id->kind != JSON_INT || id->i < 0 || id->i > INT32_MAX)
            return fail(err, ERR_INVALID, "source-ids[%zu] is no field id", i);
        list[i] = (int32_t)id->i;
    }
    *out = list;
    *n = ids->array.n;
    return true;
}

bool sources_parse(const struct json *json, struct arena *a, struct sources *out, struct error *err)
{
    const struct json *ids;
    *out = (struct sources){ 0 };
    if (!json_opt_array(json, "source-ids", &ids, err))
        return false;
    if (!ids)
        return json_need_i32(json, "source-id", &out->id, err);
    if (!parse_source_ids(ids, a, &out->ids, &out->n, err))
        return false;
    out->id = out->ids[0];
    if (out->n > 1)
        return true;
    out->ids = NULL; /* one in a list is one */
    out->n = 0;
    return true;
}

void sources_write(const struct sources *s, struct json_writer *w)
{
    if (s->n == 0) {
        jw_kv_int(w, "source-id", s->id);
        return;
    }
    jw_kv_array(w, "source-ids");
    for (size_t i = 0; i < s->n; i++)
        jw_int(w, s->ids[i]);
    jw_end_array(w);
}

bool sources_equal(const struct sources *a, const struct sources *b)
{
    return a->id == b->id && a->n == b->n &&
           (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0);
}

bool source_check(int32_t source_id, const struct transform *f, const struct schema *schema,
                  struct error *err)
{
    const struct schema_node *node = schema_node_by_id(schema, source_id);
    if (!node)
        return fail(err, ERR_INVALID, "source column %d is not in the schema", source_id);
    if (type_is_nested(node->field->type) || node->in_repeated)
        return fail(err, ERR_INVALID,
                    "source column \"" STR_FMT "\" is not a primitive outside lists and maps",
                    STR_ARG(node->name));
    if (!transform_check(f, node->field->type, err))
        return fail_in(err, "source column \"" STR_FMT "\"", STR_ARG(node->name));
    return true;
}

/* -- partition specs ------------------------------------------------------------------------- */

static struct sources field_sources(const struct partition_field *f)
{
    return (struct sources){ .id = f->source_id, .ids = f->source_ids, .n = f->source_ids_n };
}

static bool parse_field(const struct json *json, struct arena *a, struct partition_field *out,
                        struct error *err)
{
    struct sources sources;
    str name, transform;
    if (!json_need_str(json, "name", &name, err) ||
        !json_need_str(json, "transform", &transform, err) ||
        !sources_parse(json, a, &sources, err) ||
        !json_opt_i32(json, "field-id", -1, &out->field_id, err) ||
        !transform_parse(transform, a, &out->transform, err))
        return fail_in(err, "partition field");
    out->name = arena_str(a, name);
    out->source_id = sources.id;
    out->source_ids = sources.ids;
    out->source_ids_n = sources.n;
    if (sources.n > 0)
        out->transform.kind = TRANSFORM_UNKNOWN;
    return true;
}

/* Fields without an id have -1 afterwards. */
static bool parse_fields(const struct json *json, struct arena *a, struct partition_field **out,
                         struct error *err)
{
    if (json->kind != JSON_ARRAY)
        return fail(err, ERR_INVALID, "partition fields are a JSON %s, not an array",
                    json_kind_name(json->kind));
    size_t n = json->array.n;
    if (n > PARTITION_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "%zu partition fields, limit %d", n, PARTITION_FIELDS_MAX);
    *out = arena_array(a, struct partition_field, n);
    for (size_t i = 0; i < n; i++)
        if (!parse_field(&json->array.items[i], a, &(*out)[i], err))
            return false;
    return true;
}

/* Ids are given or not for all fields alike (v1 did not track them). */
static bool number_fields(struct partition_field *fields, size_t n, struct error *err)
{
    size_t missing = 0;
    for (size_t i = 0; i < n; i++)
        missing += fields[i].field_id < 0;
    if (missing == 0)
        return true;
    if (missing < n)
        return fail(err, ERR_INVALID, "%zu of %zu partition fields have no field-id", missing, n);
    for (size_t i = 0; i < n; i++)
        fields[i].field_id = PARTITION_FIELD_ID_FIRST + (int32_t)i;
    return true;
}

static const struct partition_spec *make_spec(int32_t id, const struct partition_field *fields,
                                              size_t n, struct arena *a)
{
    struct partition_spec *s = arena_new(a, struct partition_spec);
    *s = (struct partition_spec){ .id = id, .fields = fields, .fields_n = n };
    return s;
}

bool partition_fields_parse(const struct json *json, int32_t spec_id, struct arena *a,
                            const struct partition_spec **out, struct error *err)
{
    struct partition_field *fields;
    if (!parse_fields(json, a, &fields, err) || !number_fields(fields, json->array.n, err))
        return false;
    *out = make_spec(spec_id, fields, json->array.n, a);
    return true;
}

bool partition_spec_parse_unbound(const struct json *json, struct arena *a,
                                  const struct partition_spec **out, struct error *err)
{
    int32_t id;
    const struct json *list;
    struct partition_field *fields;
    if (!json_opt_i32(json, "spec-id", 0, &id, err) ||
        !json_need_array(json, "fields", &list, err) || !parse_fields(list, a, &fields, err))
        return false;
    *out = make_spec(id, fields, list->array.n, a);
    return true;
}

bool partition_spec_parse(const struct json *json, struct arena *a,
                          const struct partition_spec **out, struct error *err)
{
    int32_t id;
    const struct json *fields;
    return json_opt_i32(json, "spec-id", 0, &id, err) &&
           json_need_array(json, "fields", &fields, err) &&
           partition_fields_parse(fields, id, a, out, err);
}

void partition_fields_write(const struct partition_spec *s, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct partition_field *f = &s->fields[i];
        struct sources sources = field_sources(f);
        jw_begin_object(w);
        jw_kv_str(w, "name", f->name);
        jw_kv_str(w, "transform", f->transform.text);
        sources_write(&sources, w);
        if (f->field_id >= 0) /* else the table is to assign it */
            jw_kv_int(w, "field-id", f->field_id);
        jw_end_object(w);
    }
    jw_end_array(w);
}

void partition_spec_write(const struct partition_spec *s, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_int(w, "spec-id", s->id);
    jw_key(w, STR("fields"));
    partition_fields_write(s, w);
    jw_end_object(w);
}

/* A partition field may share its name with a column only as that column's identity. */
static bool check_name(const struct partition_field *f, const struct schema *schema,
                       struct error *err)
{
    if (f->name.len == 0)
        return fail(err, ERR_INVALID, "a partition field has no name");
    const struct field *column = schema_field_by_name(schema, f->name, true);
    if (!column || (f->transform.kind == TRANSFORM_IDENTITY && column->id == f->source_id))
        return true;
    /* A dropped field's void keeps its name; Java allows that too. */
    if (f->transform.kind == TRANSFORM_VOID)
        return true;
    return fail(err, ERR_INVALID, "the name is that of a column");
}

/* The same source with the same transform twice says nothing new and is refused by Java. */
static bool check_redundant(const struct partition_spec *s, size_t i, struct error *err)
{
    const struct partition_field *f = &s->fields[i];
    for (size_t j = 0; j < i; j++) {
        const struct partition_field *g = &s->fields[j];
        if (str_eq(g->name, f->name))
            return fail(err, ERR_INVALID, "the name is there twice");
        if (f->field_id >= 0 && g->field_id == f->field_id)
            return fail(err, ERR_INVALID, "field id %d is there twice", f->field_id);
        if (f->transform.kind != TRANSFORM_VOID && g->source_id == f->source_id &&
            transform_equal(&f->transform, &g->transform))
            return fail(err, ERR_INVALID, "same source and transform as \"" STR_FMT "\"",
                        STR_ARG(g->name));
    }
    return true;
}

bool partition_spec_check(const struct partition_spec *s, const struct schema *schema,
                          struct error *err)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct partition_field *f = &s->fields[i];
        bool dropped =
            f->transform.kind == TRANSFORM_VOID && !schema_node_by_id(schema, f->source_id);
        if (!check_name(f, schema, err) || !check_redundant(s, i, err) ||
            (!dropped && !source_check(f->source_id, &f->transform, schema, err)))
            return fail_in(err, "partition field \"" STR_FMT "\"", STR_ARG(f->name));
    }
    return true;
}

bool partition_spec_check_sources(const struct partition_spec *s, const struct schema *schema,
                                  struct error *err)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct partition_field *f = &s->fields[i];
        if (f->transform.kind != TRANSFORM_VOID && f->transform.kind != TRANSFORM_UNKNOWN &&
            !source_check(f->source_id, &f->transform, schema, err))
            return fail_in(err, "partition field \"" STR_FMT "\"", STR_ARG(f->name));
    }
    return true;
}

bool partition_spec_compatible(const struct partition_spec *a, const struct partition_spec *b)
{
    if (a->fields_n != b->fields_n)
        return false;
    for (size_t i = 0; i < a->fields_n; i++) {
        struct sources x = field_sources(&a->fields[i]), y = field_sources(&b->fields[i]);
        if (!sources_equal(&x, &y) || !str_eq(a->fields[i].name, b->fields[i].name) ||
            !transform_equal(&a->fields[i].transform, &b->fields[i].transform))
            return false;
    }
    return true;
}

int32_t partition_spec_max_field_id(const struct partition_spec *s)
{
    int32_t max = PARTITION_FIELD_ID_FIRST - 1;
    for (size_t i = 0; i < s->fields_n; i++)
        max = s->fields[i].field_id > max ? s->fields[i].field_id : max;
    return max;
}

const struct partition_field *partition_field_by_id(const struct partition_spec *s,
                                                    int32_t field_id)
{
    for (size_t i = 0; i < s->fields_n; i++)
        if (s->fields[i].field_id == field_id)
            return &s->fields[i];
    return NULL;
}

const struct type *partition_field_type(const struct partition_spec *s, size_t i,
                                        const struct schema *schema)
{
    const struct field *source = schema_field_by_id(schema, s->fields[i].source_id);
    return transform_result(&s->fields[i].transform, source ? source->type : NULL);
}

const struct type *partition_type(const struct partition_spec *s, const struct schema *schema,
                                  struct arena *a)
{
    struct field *fields = arena_array(a, struct field, s->fields_n);
    for (size_t i = 0; i < s->fields_n; i++)
        fields[i] = (struct field){ .id = s->fields[i].field_id,
                                    .name = s->fields[i].name,
                                    .type = partition_field_type(s, i, schema) };
    return type_struct(a, fields, s->fields_n);
}

/* As java.net.URLEncoder: a space is '+', '*' stays. */
static void url_encode(str s, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '.' || c == '-' || c == '*' || c == '_') {
            buf_add_char(out, (char)c);
        } else if (c == ' ') {
            buf_add_char(out, '+');
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, hex[c >> 4]);
            buf_add_char(out, hex[c & 15]);
        }
    }
}

str partition_path(const struct partition_spec *s, const struct value *values, struct arena *a)
{
    struct buf b = BUF_INIT(PATH_TEXT_MAX);
    for (size_t i = 0; i < s->fields_n; i++) {
        if (i > 0)
            buf_add_char(&b, '/');
        url_encode(s->fields[i].name, &b);
        buf_add_char(&b, '=');
        url_encode(transform_text(&s->fields[i].transform, &values[i], a), &b);
    }
    str path = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return path;
}
