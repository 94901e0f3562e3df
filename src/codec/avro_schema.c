/* SPDX-License-Identifier: Apache-2.0
 *
 * Schemas.  Named types are registered when they open and may be used by name once they are closed;
 * so a type cannot contain itself, every value has a finite shape, and walking a schema ends.  A name
 * that is used many times makes a small text stand for a large shape, so types are counted as if
 * they were written out at each use. */
#include "codec/avro.h"

#include "codec/json.h"

struct named {
    str name; /* full */
    struct avro_schema *type;
    bool closed;
};

struct parser {
    struct arena *arena;
    struct named *names;
    size_t names_n, names_cap;
    str space; /* the namespace in force */
    int depth;
};

static const char *const kind_names[] = {
    [AVRO_NULL] = "null",     [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",
    [AVRO_LONG] = "long",     [AVRO_FLOAT] = "float",     [AVRO_DOUBLE] = "double",
    [AVRO_BYTES] = "bytes",   [AVRO_STRING] = "string",   [AVRO_FIXED] = "fixed",
    [AVRO_ENUM] = "enum",     [AVRO_ARRAY] = "array",     [AVRO_MAP] = "map",
    [AVRO_RECORD] = "record", [AVRO_UNION] = "union",
};

const char *avro_kind_name(enum avro_kind kind)
{
    return kind_names[kind];
}

/* Arena memory for n things, or NULL and ERR_LIMIT when the arena's budget does not allow it. */
static void *take(struct parser *p, size_t n, size_t size, struct error *err)
{
    size_t left = arena_left(p->arena);
    if (left >= 64 && n <= (left - 64) / size)
        return arena_alloc_array(p->arena, n, size);
    fail(err, ERR_LIMIT, "Avro schema does not fit into the memory allowed");
    return NULL;
}

/* A kind that a "type" attribute can name; false for the names of named types. */
static bool kind_of(str name, enum avro_kind *out)
{
    for (int kind = AVRO_NULL; kind < AVRO_UNION; kind++) {
        if (str_is(name, kind_names[kind])) {
            *out = (enum avro_kind)kind;
            return true;
        }
    }
    return false;
}

static struct avro_schema *new_schema(struct parser *p, enum avro_kind kind, struct error *err)
{
    struct avro_schema *s = take(p, 1, sizeof *s, err);
    if (!s)
        return NULL;
    s->kind = kind;
    s->element_id = s->key_id = s->value_id = AVRO_NO_ID;
    s->nodes = s->height = 1;
    s->empty = kind == AVRO_NULL;
    return s;
}

/* Adds what lies below `child` to its parent's sums. */
static bool count_child(struct avro_schema *s, const struct avro_schema *child, struct error *err)
{
    s->nodes += child->nodes;
    s->empty += child->empty;
    if (s->height < child->height + 1)
        s->height = child->height + 1;
    if (s->nodes > AVRO_NODES_MAX)
        return fail(err, ERR_LIMIT, "Avro schema has more than %d types", AVRO_NODES_MAX);
    if (s->height > AVRO_DEPTH_MAX)
        return fail(err, ERR_LIMIT, "Avro schema is nested more than %d levels", AVRO_DEPTH_MAX);
    if (s->empty > AVRO_EMPTY_MAX)
        return fail(err, ERR_LIMIT, "Avro schema has more than %d empty types", AVRO_EMPTY_MAX);
    return true;
}

static bool takes_no_bytes(const struct avro_schema *s)
{
    return s->empty == s->nodes;
}

static bool full_name(struct parser *p, str space, str name, str *out, struct error *err)
{
    *out = name;
    if (space.len > AVRO_NAME_BYTES_MAX || name.len > AVRO_NAME_BYTES_MAX)
        return fail(err, ERR_LIMIT, "Avro schema has a name over %d bytes", AVRO_NAME_BYTES_MAX);
    if (space.len == 0 || str_find_char(name, '.') >= 0)
        return true;
    char *text = take(p, space.len + 1 + name.len, 1, err);
    if (!text)
        return false;
    memcpy(text, space.ptr, space.len);
    text[space.len] = '.';
    memcpy(text + space.len + 1, name.ptr, name.len);
    *out = str_make(text, space.len + 1 + name.len);
    return true;
}

static struct named *find_name(struct parser *p, str name)
{
    for (size_t i = 0; i < p->names_n; i++)
        if (str_eq(p->names[i].name, name))
            return &p->names[i];
    return NULL;
}

static bool parse_reference(struct parser *p, str name, const struct avro_schema **out,
                            struct error *err)
{
    str full;
    if (!full_name(p, p->space, name, &full, err))
        return false;
    struct named *named = find_name(p, full);
    if (!named)
        named = find_name(p, name);
    if (!named)
        return fail(err, ERR_CORRUPT, "Avro schema has no type \"" STR_FMT "\"", STR_ARG(name));
    if (!named->closed)
        return fail(err, ERR_UNSUPPORTED, "Avro type \"" STR_FMT "\" contains itself",
                    STR_ARG(name));
    *out = named->type;
    return true;
}

static bool parse_type(struct parser *p, const struct json *v, const struct avro_schema **out,
                       struct error *err);

static bool grow_names(struct parser *p, struct error *err)
{
    size_t cap = p->names_cap ? p->names_cap * 2 : 16;
    if (cap > AVRO_NAMES_MAX)
        return fail(err, ERR_LIMIT, "Avro schema has more than %d named types", AVRO_NAMES_MAX);
    struct named *names = take(p, cap, sizeof *names, err);
    if (!names)
        return false;
    if (p->names_n)
        memcpy(names, p->names, p->names_n * sizeof *names);
    p->names = names;
    p->names_cap = cap;
    return true;
}

/* Registers a record, enum or fixed.  *index is its place among the names. */
static bool open_name(struct parser *p, struct avro_schema *s, const struct json *v, size_t *index,
                      struct error *err)
{
    str name, space;
    if (!json_need_str(v, "name", &name, err) ||
        !json_opt_str(v, "namespace", p->space, &space, err) ||
        !full_name(p, space, name, &s->name, err))
        return false;
    ptrdiff_t dot = str_rfind_char(name, '.');
    p->space = dot >= 0 ? str_sub(name, 0, (size_t)dot) : space;
    enum avro_kind kind;
    if (name.len == 0 || kind_of(name, &kind) || find_name(p, s->name))
        return fail(err, ERR_CORRUPT, "Avro schema may not define \"" STR_FMT "\" here",
                    STR_ARG(s->name));
    if (p->names_n == p->names_cap && !grow_names(p, err))
        return false;
    *index = p->names_n++;
    p->names[*index] = (struct named){ s->name, s, false };
    return true;
}

static bool parse_fields(struct parser *p, struct avro_schema *s, const struct json *v,
                         struct error *err)
{
    const struct json *list, *type;
    if (!json_need_array(v, "fields", &list, err))
        return false;
    s->n = list->array.n;
    s->fields = take(p, s->n, sizeof *s->fields, err);
    if (!s->fields)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        struct avro_field *field = &s->fields[i];
        const struct json *item = &list->array.items[i];
        if (!json_need_str(item, "name", &field->name, err) ||
            !json_opt_i32(item, "field-id", AVRO_NO_ID, &field->id, err) ||
            !json_need(item, "type", &type, err) || !parse_type(p, type, &field->type, err) ||
            !count_child(s, field->type, err))
            return fail_in(err, "field " STR_FMT, STR_ARG(field->name));
    }
    s->empty += s->empty + 1 == s->nodes; /* so is a record of nothing but empty values */
    return true;
}

static bool parse_symbols(struct parser *p, struct avro_schema *s, const struct json *v,
                          struct error *err)
{
    const struct json *list;
    if (!json_need_array(v, "symbols", &list, err))
        return false;
    s->n = list->array.n;
    s->symbols = take(p, s->n, sizeof *s->symbols, err);
    if (!s->symbols)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_CORRUPT, "symbols of an Avro enum must be strings");
        s->symbols[i] = list->array.items[i].s;
    }
    return true;
}

static bool parse_size(struct avro_schema *s, const struct json *v, struct error *err)
{
    int32_t size;
    if (!json_need_i32(v, "size", &size, err))
        return false;
    if (size < 0)
        return fail(err, ERR_CORRUPT, "Avro fixed has size %d", size);
    s->size = (size_t)size;
    s->empty = size == 0;
    return true;
}

static bool parse_named(struct parser *p, struct avro_schema *s, const struct json *v,
                        struct error *err)
{
    size_t index = 0;
    str outer = p->space;
    bool ok =
        open_name(p, s, v, &index, err) && (s->kind == AVRO_RECORD ? parse_fields(p, s, v, err)
                                            : s->kind == AVRO_ENUM ? parse_symbols(p, s, v, err)
                                                                   : parse_size(s, v, err));
    p->space = outer;
    if (ok)
        p->names[index].closed = true;
    return ok;
}

static bool parse_items(struct parser *p, struct avro_schema *s, const struct json *v,
                        struct error *err)
{
    const struct json *type;
    if (!json_opt_i32(v, "element-id", AVRO_NO_ID, &s->element_id, err) ||
        !json_opt_i32(v, "key-id", AVRO_NO_ID, &s->key_id, err) ||
        !json_opt_i32(v, "value-id", AVRO_NO_ID, &s->value_id, err) ||
        !json_need(v, s->kind == AVRO_ARRAY ? "items" : "values", &type, err) ||
        !parse_type(p, type, &s->items, err) || !count_child(s, s->items, err))
        return false;
    /* Else a few bytes could announce any number of them. */
    if (takes_no_bytes(s->items))
        return fail(err, ERR_UNSUPPORTED, "Avro %s of empty values", kind_names[s->kind]);
    return true;
}

static bool parse_attributes(struct avro_schema *s, const struct json *v, struct error *err)
{
    const struct json *utc = json_get(v, "adjust-to-utc");
    if (!json_opt_str(v, "logicalType", (str){ 0 }, &s->logical, err) ||
        !json_opt_i32(v, "precision", 0, &s->precision, err) ||
        !json_opt_i32(v, "scale", 0, &s->scale, err))
        return false;
    s->adjust_to_utc = utc && utc->kind == JSON_BOOL && utc->b;
    return true;
}

static bool parse_object(struct parser *p, const struct json *v, const struct avro_schema **out,
                         struct error *err)
{
    const struct json *type;
    enum avro_kind kind;
    if (!json_need(v, "type", &type, err))
        return false;
    if (type->kind != JSON_STR)
        return parse_type(p, type, out, err);
    if (!kind_of(type->s, &kind))
        return parse_reference(p, type->s, out, err);
    struct avro_schema *s = new_schema(p, kind, err);
    *out = s;
    if (!s || !parse_attributes(s, v, err))
        return false;
    if (kind == AVRO_ARRAY || kind == AVRO_MAP)
        return parse_items(p, s, v, err);
    if (kind == AVRO_RECORD || kind == AVRO_ENUM || kind == AVRO_FIXED)
        return parse_named(p, s, v, err);
    return true;
}

static bool parse_union(struct parser *p, const struct json *v, const struct avro_schema **out,
                        struct error *err)
{
    struct avro_schema *s = new_schema(p, AVRO_UNION, err);
    if (!s)
        return false;
    s->n = v->array.n;
    s->branches = take(p, s->n, sizeof *s->branches, err);
    if (!s->branches)
        return false;
    if (s->n == 0)
        return fail(err, ERR_CORRUPT, "Avro union without branches");
    for (size_t i = 0; i < s->n; i++) {
        const struct avro_schema **branch = &s->branches[i];
        if (!parse_type(p, &v->array.items[i], branch, err) || !count_child(s, *branch, err))
            return false;
        if ((*branch)->kind == AVRO_UNION)
            return fail(err, ERR_CORRUPT, "Avro union inside a union");
        s->empty -= (*branch)->empty; /* a branch costs its index */
    }
    *out = s;
    return true;
}

static bool parse_word(struct parser *p, str word, const struct avro_schema **out,
                       struct error *err)
{
    enum avro_kind kind;
    if (!kind_of(word, &kind))
        return parse_reference(p, word, out, err);
    if (kind >= AVRO_FIXED)
        return fail(err, ERR_CORRUPT, "Avro schema uses \"" STR_FMT "\" without a definition",
                    STR_ARG(word));
    *out = new_schema(p, kind, err);
    return *out;
}

static bool parse_type(struct parser *p, const struct json *v, const struct avro_schema **out,
                       struct error *err)
{
    bool ok;
    /* A type takes up to three levels of JSON; this bounds our own recursion. */
    if (p->depth >= 3 * AVRO_DEPTH_MAX)
        return fail(err, ERR_LIMIT, "Avro schema is nested more than %d levels", AVRO_DEPTH_MAX);
    p->depth++;
    if (v->kind == JSON_STR)
        ok = parse_word(p, v->s, out, err);
    else if (v->kind == JSON_ARRAY)
        ok = parse_union(p, v, out, err);
    else
        ok = parse_object(p, v, out, err);
    p->depth--;
    return ok;
}

bool avro_schema_parse(str text, struct arena *a, const struct avro_schema **out, struct error *err)
{
    struct parser p = { .arena = a };
    struct json *root;
    if (text.len > AVRO_SCHEMA_BYTES_MAX)
        return fail(err, ERR_LIMIT, "Avro schema of %zu bytes is larger than %zu", text.len,
                    AVRO_SCHEMA_BYTES_MAX);
    if (json_parse(text, a, &root, err) && parse_type(&p, root, out, err))
        return true;
    if (err->code == ERR_INVALID)
        err->code = ERR_CORRUPT;
    return fail_in(err, "Avro schema");
}

const struct avro_schema *avro_optional(const struct avro_schema *s, size_t *null_branch)
{
    if (s->kind != AVRO_UNION || s->n != 2)
        return NULL;
    size_t null = s->branches[0]->kind == AVRO_NULL ? 0 : 1;
    if (s->branches[null]->kind != AVRO_NULL || s->branches[1 - null]->kind == AVRO_NULL)
        return NULL;
    *null_branch = null;
    return s->branches[1 - null];
}

const struct avro_field *avro_field_by_id(const struct avro_schema *record, int32_t id)
{
    for (size_t i = 0; record->kind == AVRO_RECORD && i < record->n; i++)
        if (record->fields[i].id == id)
            return &record->fields[i];
    return NULL;
}

const struct avro_field *avro_field_by_name(const struct avro_schema *record, const char *name)
{
    for (size_t i = 0; record->kind == AVRO_RECORD && i < record->n; i++)
        if (str_is(record->fields[i].name, name))
            return &record->fields[i];
    return NULL;
}
