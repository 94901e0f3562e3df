/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/schema.h"

#include <stdlib.h>

#include "base/vec.h"
#include "iceberg/schema_priv.h"
#include "iceberg/value.h"

#define NAMES_BYTES_MAX ((size_t)64 << 20) /* of all full names: each repeats its parents' */

/* Stands for a lower-case name that several fields have. */
static struct schema_node ambiguous;

struct builder {
    struct arena *arena;
    struct schema *schema;
    VEC(struct schema_node *) nodes;
    VEC(struct map_entry) shorts; /* "list.x" for "list.element.x" */
    size_t names_bytes;
};

/* -- building -------------------------------------------------------------------------------- */

static str join_name(struct builder *b, str prefix, str name)
{
    return prefix.len == 0
               ? name
               : arena_printf(b->arena, STR_FMT "." STR_FMT, STR_ARG(prefix), STR_ARG(name));
}

static bool add_fields(struct builder *b, const struct type *t, const struct schema_node *parent,
                       str prefix, str short_prefix, struct error *err);

static bool add_field(struct builder *b, const struct field *f, const struct schema_node *parent,
                      str prefix, str short_prefix, struct error *err)
{
    bool repeated = parent && parent->field->type->kind != TYPE_STRUCT;
    b->names_bytes += prefix.len + f->name.len + 1;
    if (b->nodes.n == TYPE_FIELDS_MAX || b->names_bytes > NAMES_BYTES_MAX)
        return fail(err, ERR_LIMIT, "a schema has more than %d fields or %zu bytes of names",
                    TYPE_FIELDS_MAX, NAMES_BYTES_MAX);
    struct schema_node *node = arena_new(b->arena, struct schema_node);
    *node = (struct schema_node){ .field = f,
                                  .parent = parent,
                                  .name = join_name(b, prefix, f->name),
                                  .in_repeated = repeated || (parent && parent->in_repeated) };
    if (f->id < 0 || f->id > FIELD_ID_MAX)
        return fail(err, ERR_INVALID, "field \"" STR_FMT "\" has id %d, outside 0 to %d",
                    STR_ARG(node->name), f->id, FIELD_ID_MAX);
    if (!map_add(&b->schema->by_name, node->name, node))
        return fail(err, ERR_INVALID, "the schema has two fields \"" STR_FMT "\"",
                    STR_ARG(node->name));
    *(struct schema_node **)vec_push(b->arena, &b->nodes) = node;
    str short_name = node->name;
    if (short_prefix.ptr != prefix.ptr || short_prefix.len != prefix.len)
        short_name = join_name(b, short_prefix, f->name);
    if (short_name.ptr != node->name.ptr)
        *(struct map_entry *)vec_push(b->arena, &b->shorts) =
            (struct map_entry){ .key = short_name, .value = node };
    /* A list's struct element and a map's struct value may be left out of names. */
    bool last = repeated && f == &parent->field->type->fields[parent->field->type->fields_n - 1];
    bool skip = last && f->type->kind == TYPE_STRUCT;
    return add_fields(b, f->type, node, node->name, skip ? short_prefix : short_name, err);
}

static bool add_fields(struct builder *b, const struct type *t, const struct schema_node *parent,
                       str prefix, str short_prefix, struct error *err)
{
    for (size_t i = 0; i < t->fields_n; i++)
        if (!add_field(b, &t->fields[i], parent, prefix, short_prefix, err))
            return false;
    return true;
}

static str lower_name(str name, struct arena *a)
{
    char *p = arena_cstr(a, name);
    for (size_t i = 0; i < name.len; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
    return str_make(p, name.len);
}

static void index_names(struct builder *b)
{
    struct schema *s = b->schema;
    for (size_t i = 0; i < b->shorts.n; i++)
        map_add(&s->by_name, b->shorts.at[i].key, b->shorts.at[i].value);
    for (size_t i = 0; i < s->by_name.n; i++) {
        struct schema_node *node = s->by_name.entries[i].value;
        str lower = lower_name(s->by_name.entries[i].key, b->arena);
        if (!map_add(&s->by_name_lower, lower, node) && map_get(&s->by_name_lower, lower) != node)
            map_put(&s->by_name_lower, lower, &ambiguous);
    }
}

static int cmp_nodes(const void *a, const void *b)
{
    int32_t x = (*(const struct schema_node *const *)a)->field->id;
    int32_t y = (*(const struct schema_node *const *)b)->field->id;
    return (x > y) - (x < y);
}

static bool index_ids(struct builder *b, struct error *err)
{
    struct schema *s = b->schema;
    s->nodes_n = b->nodes.n;
    s->by_id = arena_array(b->arena, const struct schema_node *, s->nodes_n);
    for (size_t i = 0; i < s->nodes_n; i++)
        s->by_id[i] = b->nodes.at[i];
    if (s->nodes_n == 0)
        return true;
    qsort(s->by_id, s->nodes_n, sizeof *s->by_id, cmp_nodes);
    for (size_t i = 1; i < s->nodes_n; i++)
        if (s->by_id[i]->field->id == s->by_id[i - 1]->field->id)
            return fail(err, ERR_INVALID, "fields \"" STR_FMT "\" and \"" STR_FMT "\" have id %d",
                        STR_ARG(s->by_id[i - 1]->name), STR_ARG(s->by_id[i]->name),
                        s->by_id[i]->field->id);
    s->max_id = s->by_id[s->nodes_n - 1]->field->id;
    return true;
}

/* Iceberg spec, "Identifier Field IDs". */
static bool check_identifier(const struct schema *s, int32_t id, struct error *err)
{
    const struct schema_node *node = schema_node_by_id(s, id);
    if (!node)
        return fail(err, ERR_INVALID, "identifier field %d is not in the schema", id);
    enum type_kind kind = node->field->type->kind;
    const char *why = kind >= TYPE_STRUCT                         ? "is not a primitive"
                      : kind == TYPE_FLOAT || kind == TYPE_DOUBLE ? "is a float or double"
                      : node->in_repeated                         ? "is inside a list or map"
                                                                  : NULL;
    for (const struct schema_node *n = node; n && !why; n = n->parent)
        if (!n->field->required)
            why = n == node ? "is optional" : "is inside an optional struct";
    return !why ||
           fail(err, ERR_INVALID, "identifier field \"" STR_FMT "\" %s", STR_ARG(node->name), why);
}

bool schema_build(int32_t id, const struct field *fields, size_t fields_n,
                  const int32_t *identifier_ids, size_t identifier_ids_n, struct arena *a,
                  const struct schema **out, struct error *err)
{
    struct schema *s = arena_new(a, struct schema);
    struct builder b = { .arena = a, .schema = s };
    *s = (struct schema){ .id = id,
                          .fields = fields,
                          .fields_n = fields_n,
                          .identifier_ids = identifier_ids,
                          .identifier_ids_n = identifier_ids_n,
                          .type = type_struct(a, fields, fields_n) };
    map_init(&s->by_name, a);
    map_init(&s->by_name_lower, a);
    if (!add_fields(&b, s->type, NULL, (str){ 0 }, (str){ 0 }, err) || !index_ids(&b, err))
        return false;
    index_names(&b);
    for (size_t i = 0; i < identifier_ids_n; i++)
        if (!check_identifier(s, identifier_ids[i], err))
            return false;
    *out = s;
    return true;
}

/* -- JSON ------------------------------------------------------------------------------------ */

static bool parse_identifiers(const struct json *json, struct arena *a, const int32_t **out,
                              size_t *n, struct error *err)
{
    const struct json *ids;
    *n = 0;
    *out = NULL;
    if (!json_opt_array(json, "identifier-field-ids", &ids, err))
        return false;
    if (!ids)
        return true;
    if (ids->array.n > TYPE_FIELDS_MAX)
        return fail(err, ERR_LIMIT, "%zu identifier fields", ids->array.n);
    int32_t *list = arena_array(a, int32_t, ids->array.n);
    for (size_t i = 0; i < ids->array.n; i++) {
        const struct json *id = &ids->array.items[i];
        if (id->kind != JSON_INT || id->i < 0 || id->i > FIELD_ID_MAX)
            return fail(err, ERR_INVALID, "identifier-field-ids[%zu] is no field id", i);
        list[i] = (int32_t)id->i;
    }
    *out = list;
    *n = ids->array.n;
    return true;
}

bool schema_parse(const struct json *json, struct arena *a, const struct schema **out,
                  struct error *err)
{
    const struct type *t;
    const int32_t *identifiers;
    size_t identifiers_n;
    int32_t id;
    if (!json_opt_i32(json, "schema-id", 0, &id, err) ||
        !parse_identifiers(json, a, &identifiers, &identifiers_n, err) ||
        !type_parse(json, a, &t, err))
        return fail_in(err, "schema");
    if (t->kind != TYPE_STRUCT)
        return fail(err, ERR_INVALID, "a schema is a %s, not a struct", type_kind_name(t->kind));
    return schema_build(id, t->fields, t->fields_n, identifiers, identifiers_n, a, out, err);
}

void schema_write(const struct schema *s, bool with_id, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "type", STR("struct"));
    if (with_id)
        jw_kv_int(w, "schema-id", s->id);
    if (s->identifier_ids_n > 0) {
        jw_kv_array(w, "identifier-field-ids");
        for (size_t i = 0; i < s->identifier_ids_n; i++)
            jw_int(w, s->identifier_ids[i]);
        jw_end_array(w);
    }
    jw_kv_array(w, "fields");
    for (size_t i = 0; i < s->fields_n; i++)
        field_write(&s->fields[i], w);
    jw_end_array(w);
    jw_end_object(w);
}

/* -- lookups --------------------------------------------------------------------------------- */

const struct schema_node *schema_node_by_id(const struct schema *s, int32_t id)
{
    size_t low = 0, high = s->nodes_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->by_id[mid]->field->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->nodes_n && s->by_id[low]->field->id == id ? s->by_id[low] : NULL;
}

const struct field *schema_field_by_id(const struct schema *s, int32_t id)
{
    const struct schema_node *node = schema_node_by_id(s, id);
    return node ? node->field : NULL;
}

/* By comparing with each; there is no arena here to make a key in. */
static const struct schema_node *find_long_name(const struct schema *s, str name)
{
    const struct schema_node *found = NULL;
    for (size_t i = 0; i < s->by_name.n; i++) {
        if (!str_eq_nocase(s->by_name.entries[i].key, name))
            continue;
        if (found && found != s->by_name.entries[i].value)
            return NULL;
        found = s->by_name.entries[i].value;
    }
    return found;
}

const struct schema_node *schema_node_by_name(const struct schema *s, str name, bool case_sensitive)
{
    char small[256];
    if (case_sensitive)
        return map_get(&s->by_name, name);
    if (name.len > sizeof small)
        return find_long_name(s, name);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        small[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    const struct schema_node *node = map_get(&s->by_name_lower, str_make(small, name.len));
    return node == &ambiguous ? NULL : node;
}

const struct field *schema_field_by_name(const struct schema *s, str name, bool case_sensitive)
{
    const struct schema_node *node = schema_node_by_name(s, name, case_sensitive);
    return node ? node->field : NULL;
}

str schema_name_of(const struct schema *s, int32_t id)
{
    const struct schema_node *node = schema_node_by_id(s, id);
    return node ? node->name : STR("");
}

ptrdiff_t schema_column_index(const struct schema *s, int32_t id)
{
    const struct schema_node *node = schema_node_by_id(s, id);
    return node && !node->parent ? node->field - s->fields : -1;
}

/* -- relations ------------------------------------------------------------------------------- */

static bool is_identifier(const struct schema *s, int32_t id)
{
    for (size_t i = 0; i < s->identifier_ids_n; i++)
        if (s->identifier_ids[i] == id)
            return true;
    return false;
}

bool schema_same(const struct schema *a, const struct schema *b)
{
    if (a->identifier_ids_n != b->identifier_ids_n || !type_equal(a->type, b->type))
        return false;
    for (size_t i = 0; i < a->identifier_ids_n; i++)
        if (!is_identifier(b, a->identifier_ids[i]))
            return false;
    return true;
}

const struct schema *schema_with_id(const struct schema *s, int32_t id, struct arena *a)
{
    if (s->id == id)
        return s;
    struct schema *copy = arena_new(a, struct schema);
    *copy = *s;
    copy->id = id;
    return copy;
}

bool schema_check_version(const struct schema *s, int format_version, struct error *err)
{
    for (size_t i = 0; i < s->nodes_n; i++) {
        const struct field *f = s->by_id[i]->field;
        int needed = type_min_version(f->type->kind);
        if (needed > format_version)
            return fail(err, ERR_INVALID,
                        "type %s of \"" STR_FMT "\" needs format version %d, the table has %d",
                        type_kind_name(f->type->kind), STR_ARG(s->by_id[i]->name), needed,
                        format_version);
        if (f->initial_default && format_version < 3)
            return fail(err, ERR_INVALID,
                        "the initial default of \"" STR_FMT "\" needs format version 3, the table "
                        "has %d",
                        STR_ARG(s->by_id[i]->name), format_version);
        if (f->type->kind == TYPE_UNKNOWN && f->required)
            return fail(err, ERR_INVALID, "\"" STR_FMT "\" of type unknown must be optional",
                        STR_ARG(s->by_id[i]->name));
    }
    return true;
}

static bool fresh_type(const struct type *t, int32_t *last_id, struct arena *a,
                       const struct type **out, struct error *err);

bool fields_assign_fresh_ids(const struct field *fields, size_t n, int32_t *last_id,
                             struct arena *a, const struct field **out, struct error *err)
{
    struct field *copy = arena_array(a, struct field, n);
    for (size_t i = 0; i < n; i++) {
        if (*last_id >= FIELD_ID_MAX)
            return fail(err, ERR_LIMIT, "the table has used up its field ids");
        copy[i] = fields[i];
        copy[i].id = ++*last_id;
    }
    for (size_t i = 0; i < n; i++)
        if (!fresh_type(fields[i].type, last_id, a, &copy[i].type, err))
            return false;
    *out = copy;
    return true;
}

static bool fresh_type(const struct type *t, int32_t *last_id, struct arena *a,
                       const struct type **out, struct error *err)
{
    *out = t;
    if (type_is_primitive(t))
        return true;
    struct type *copy = arena_new(a, struct type);
    *copy = *t;
    *out = copy;
    return fields_assign_fresh_ids(t->fields, t->fields_n, last_id, a, &copy->fields, err);
}

bool schema_assign_fresh_ids(const struct schema *s, int32_t id, int32_t *last_id, struct arena *a,
                             const struct schema **out, struct error *err)
{
    const struct field *fields;
    const struct schema *fresh;
    if (!fields_assign_fresh_ids(s->fields, s->fields_n, last_id, a, &fields, err) ||
        !schema_build(id, fields, s->fields_n, NULL, 0, a, &fresh, err))
        return false;
    int32_t *ids = arena_array(a, int32_t, s->identifier_ids_n);
    for (size_t i = 0; i < s->identifier_ids_n; i++) {
        const struct field *f =
            schema_field_by_name(fresh, schema_name_of(s, s->identifier_ids[i]), true);
        ASSERT(f); /* the copy has the same names */
        ids[i] = f->id;
    }
    return schema_build(id, fields, s->fields_n, ids, s->identifier_ids_n, a, out, err);
}
