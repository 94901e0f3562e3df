/* SPDX-License-Identifier: Apache-2.0
 *
 * Schema evolution (Iceberg spec, "Schema Evolution").  Every change replaces the field array of
 * one struct, list or map and rebuilds the path from there to the top; the rest is shared. */
#include "iceberg/schema.h"
#include "iceberg/schema_priv.h"
#include "iceberg/value.h"

struct field_array {
    const struct field *at;
    size_t n;
};

/* The fields beside `node`, itself included. */
static struct field_array siblings(const struct schema *s, const struct schema_node *node)
{
    if (!node->parent)
        return (struct field_array){ s->fields, s->fields_n };
    const struct type *t = node->parent->field->type;
    return (struct field_array){ t->fields, t->fields_n };
}

static struct field *copy_fields(struct field_array fields, size_t room, struct arena *a)
{
    struct field *copy = arena_array(a, struct field, fields.n + room);
    if (fields.n > 0)
        memcpy(copy, fields.at, fields.n * sizeof *copy);
    return copy;
}

/* The schema in which the fields of `owner` (NULL: the columns) are these. */
static bool replace_fields(const struct schema *s, const struct schema_node *owner,
                           struct field_array fields, struct arena *a, const struct schema **out,
                           struct error *err)
{
    for (; owner; owner = owner->parent) {
        struct type *type = arena_new(a, struct type);
        *type = *owner->field->type;
        type->fields = fields.at;
        type->fields_n = fields.n;
        struct field_array beside = siblings(s, owner);
        struct field *copy = copy_fields(beside, 0, a);
        copy[owner->field - beside.at].type = type;
        fields = (struct field_array){ copy, beside.n };
    }
    return schema_build(s->id, fields.at, fields.n, s->identifier_ids, s->identifier_ids_n, a, out,
                        err);
}

static bool replace_field(const struct schema *s, const struct schema_node *node,
                          const struct field *by, struct arena *a, const struct schema **out,
                          struct error *err)
{
    struct field_array beside = siblings(s, node);
    struct field *copy = copy_fields(beside, 0, a);
    copy[node->field - beside.at] = *by;
    return replace_fields(s, node->parent, (struct field_array){ copy, beside.n }, a, out, err);
}

static bool need_node(const struct schema *s, str name, const struct schema_node **out,
                      struct error *err)
{
    *out = schema_node_by_name(s, name, true);
    return *out || fail(err, ERR_NOT_FOUND, "no column \"" STR_FMT "\"", STR_ARG(name));
}

/* Elements, keys and values have fixed names and places. */
static bool need_struct_member(const struct schema_node *node, struct error *err)
{
    if (!node->parent || node->parent->field->type->kind == TYPE_STRUCT)
        return true;
    return fail(err, ERR_INVALID, "\"" STR_FMT "\" is a part of a list or map, not a column",
                STR_ARG(node->name));
}

static bool taken(struct field_array fields, str name)
{
    for (size_t i = 0; i < fields.n; i++)
        if (str_eq(fields.at[i].name, name))
            return true;
    return false;
}

/* The struct that takes new fields under this name; NULL stands for the columns. */
static bool find_struct(const struct schema *s, str name, const struct schema_node **out,
                        struct field_array *fields, struct error *err)
{
    *out = NULL;
    *fields = (struct field_array){ s->fields, s->fields_n };
    if (name.len == 0)
        return true;
    const struct schema_node *node;
    if (!need_node(s, name, &node, err))
        return false;
    const struct type *t = node->field->type;
    if (t->kind == TYPE_LIST || t->kind == TYPE_MAP) {
        node = schema_node_by_id(s, t->fields[t->fields_n - 1].id);
        t = node->field->type;
    }
    if (t->kind != TYPE_STRUCT)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is a %s and takes no columns", STR_ARG(name),
                    type_kind_name(t->kind));
    *out = node;
    *fields = (struct field_array){ t->fields, t->fields_n };
    return true;
}

bool schema_add_column(const struct schema *s, str parent, const struct field *column,
                       int32_t *last_id, struct arena *a, const struct schema **out,
                       struct error *err)
{
    const struct schema_node *owner;
    struct field_array fields;
    if (!find_struct(s, parent, &owner, &fields, err))
        return false;
    if (taken(fields, column->name))
        return fail(err, ERR_EXISTS, "a column \"" STR_FMT "\" is there already",
                    STR_ARG(column->name));
    if (column->required && (!column->initial_default || column->initial_default->is_null))
        return fail(err, ERR_INVALID,
                    "the new column \"" STR_FMT "\" is required but has no default for the rows "
                    "that are there",
                    STR_ARG(column->name));
    const struct field *numbered;
    int32_t last = *last_id;
    if (!fields_assign_fresh_ids(column, 1, &last, a, &numbered, err))
        return false;
    struct field *copy = copy_fields(fields, 1, a);
    copy[fields.n] = *numbered;
    if (!replace_fields(s, owner, (struct field_array){ copy, fields.n + 1 }, a, out, err))
        return false;
    *last_id = last;
    return true;
}

static bool inside(const struct schema_node *node, const struct schema_node *of)
{
    while (node && node != of)
        node = node->parent;
    return node != NULL;
}

bool schema_drop_column(const struct schema *s, str name, struct arena *a,
                        const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err) || !need_struct_member(node, err))
        return false;
    for (size_t i = 0; i < s->identifier_ids_n; i++)
        if (inside(schema_node_by_id(s, s->identifier_ids[i]), node))
            return fail(err, ERR_INVALID, "\"" STR_FMT "\" is an identifier field", STR_ARG(name));
    struct field_array beside = siblings(s, node);
    if (beside.n == 1)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is the only column", STR_ARG(name));
    struct field *copy = arena_array(a, struct field, beside.n);
    size_t n = 0;
    for (size_t i = 0; i < beside.n; i++)
        if (&beside.at[i] != node->field)
            copy[n++] = beside.at[i];
    return replace_fields(s, node->parent, (struct field_array){ copy, n }, a, out, err);
}

bool schema_rename_column(const struct schema *s, str name, str to, struct arena *a,
                          const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err) || !need_struct_member(node, err))
        return false;
    if (to.len == 0)
        return fail(err, ERR_INVALID, "the new name of \"" STR_FMT "\" is empty", STR_ARG(name));
    if (!str_eq(to, node->field->name) && taken(siblings(s, node), to))
        return fail(err, ERR_EXISTS, "a column \"" STR_FMT "\" is there already", STR_ARG(to));
    struct field f = *node->field;
    f.name = arena_str(a, to);
    return replace_field(s, node, &f, a, out, err);
}

static bool promote_default(const struct value **v, const struct type *to, struct arena *a,
                            struct error *err)
{
    if (!*v)
        return true;
    struct value *wider = arena_new(a, struct value);
    if (value_convert(*v, to, a, wider) != VALUE_FITS)
        return fail(err, ERR_INVALID, "the default does not fit type %s", type_kind_name(to->kind));
    *v = wider;
    return true;
}

bool schema_promote_column(const struct schema *s, str name, const struct type *to,
                           int format_version, struct arena *a, const struct schema **out,
                           struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err))
        return false;
    struct field f = *node->field;
    if (!type_can_promote(f.type, to, format_version))
        return fail(err, ERR_INVALID,
                    "column \"" STR_FMT "\" cannot go from " STR_FMT " to " STR_FMT, STR_ARG(name),
                    STR_ARG(type_format(f.type, a)), STR_ARG(type_format(to, a)));
    if (node->parent && node->parent->field->type->kind == TYPE_MAP &&
        node->field == type_key(node->parent->field->type))
        return fail(err, ERR_INVALID, "the key of a map cannot change");
    f.type = to;
    if (!promote_default(&f.initial_default, to, a, err) ||
        !promote_default(&f.write_default, to, a, err))
        return fail_in(err, "column \"" STR_FMT "\"", STR_ARG(name));
    return replace_field(s, node, &f, a, out, err);
}

bool schema_make_optional(const struct schema *s, str name, struct arena *a,
                          const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err))
        return false;
    if (node->parent && node->parent->field->type->kind == TYPE_MAP &&
        node->field == type_key(node->parent->field->type))
        return fail(err, ERR_INVALID, "the key of a map is always required");
    struct field f = *node->field;
    f.required = false;
    return replace_field(s, node, &f, a, out, err);
}

bool schema_make_required(const struct schema *s, str name, struct arena *a,
                          const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err))
        return false;
    struct field f = *node->field;
    f.required = true;
    return replace_field(s, node, &f, a, out, err);
}

bool schema_set_doc(const struct schema *s, str name, str doc, struct arena *a,
                    const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err) || !need_struct_member(node, err))
        return false;
    struct field f = *node->field;
    f.doc = arena_str(a, doc);
    f.has_doc = true;
    return replace_field(s, node, &f, a, out, err);
}

bool schema_set_write_default(const struct schema *s, str name, const struct value *value,
                              struct arena *a, const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    if (!need_node(s, name, &node, err) || !need_struct_member(node, err))
        return false;
    struct field f = *node->field;
    if (value && value->kind != f.type->kind)
        return fail(err, ERR_INVALID, "a %s is no default for column \"" STR_FMT "\" of type %s",
                    type_kind_name(value->kind), STR_ARG(name), type_kind_name(f.type->kind));
    f.write_default = value;
    return replace_field(s, node, &f, a, out, err);
}

/* Where the moved field goes among the others, once it is taken out. */
static bool target_index(const struct schema *s, const struct schema_node *node,
                         enum schema_place place, str other, size_t *out, struct error *err)
{
    *out = 0;
    if (place == PLACE_FIRST)
        return true;
    const struct schema_node *ref;
    if (!need_node(s, other, &ref, err))
        return false;
    if (ref->parent != node->parent || ref == node)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not beside \"" STR_FMT "\"",
                    STR_ARG(other), STR_ARG(node->name));
    size_t at = (size_t)(ref->field - siblings(s, node).at);
    at -= ref->field > node->field;
    *out = place == PLACE_AFTER ? at + 1 : at;
    return true;
}

bool schema_move_column(const struct schema *s, str name, enum schema_place place, str other,
                        struct arena *a, const struct schema **out, struct error *err)
{
    const struct schema_node *node;
    size_t to;
    if (!need_node(s, name, &node, err) || !need_struct_member(node, err) ||
        !target_index(s, node, place, other, &to, err))
        return false;
    struct field_array beside = siblings(s, node);
    struct field *copy = arena_array(a, struct field, beside.n);
    size_t n = 0;
    for (size_t i = 0; i < beside.n; i++) {
        if (&beside.at[i] == node->field)
            continue;
        n += n == to;
        copy[n++] = beside.at[i];
    }
    copy[to] = *node->field;
    return replace_fields(s, node->parent, (struct field_array){ copy, beside.n }, a, out, err);
}

bool schema_set_identifiers(const struct schema *s, const str *names, size_t n, struct arena *a,
                            const struct schema **out, struct error *err)
{
    int32_t *ids = arena_array(a, int32_t, n);
    for (size_t i = 0; i < n; i++) {
        const struct schema_node *node;
        if (!need_node(s, names[i], &node, err))
            return false;
        ids[i] = node->field->id;
    }
    return schema_build(s->id, s->fields, s->fields_n, ids, n, a, out, err);
}
