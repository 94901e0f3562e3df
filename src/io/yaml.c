/* SPDX-License-Identifier: Apache-2.0
 *
 * From libyaml's events to the JSON tree, by recursive descent.  An alias shares what the anchor
 * built, so memory is bounded by the text; what a walker would meet is bounded by counting the
 * nodes below an anchor each time it is used. */
#include "io/yaml.h"

#include <yaml.h>

#include "base/map.h"
#include "base/vec.h"

#define NUMBER_MAX 64 /* bytes; longer digits are text */

struct parser {
    yaml_parser_t yaml;
    str name;
    struct arena *arena;
    struct map anchors; /* name -> struct anchor */
    size_t nodes;
    struct error *err;
};

/* A value and what it costs to walk it. */
struct node {
    struct json value;
    size_t nodes;
    int height; /* levels below: 0 for a scalar */
};

struct anchor {
    struct node node;
    bool open; /* still being built: an alias to it would never end */
};

static bool parse_node(struct parser *p, const yaml_event_t *e, int depth, struct node *out);

/* ---- errors and events ---- */

static bool fail_at(struct parser *p, enum err_code code, yaml_mark_t mark, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static bool fail_at(struct parser *p, enum err_code code, yaml_mark_t mark, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail_va(p->err, code, fmt, args);
    va_end(args);
    return fail_in(p->err, STR_FMT ":%zu:%zu", STR_ARG(p->name), mark.line + 1, mark.column + 1);
}

static bool next_event(struct parser *p, yaml_event_t *e)
{
    if (yaml_parser_parse(&p->yaml, e))
        return true;
    if (p->yaml.error == YAML_MEMORY_ERROR)
        panic("out of memory in YAML");
    yaml_mark_t mark = p->yaml.problem_mark;
    const char *problem = p->yaml.problem ? p->yaml.problem : "not YAML";
    if (p->yaml.error == YAML_READER_ERROR)
        return fail(p->err, ERR_INVALID, STR_FMT ": %s at byte %zu", STR_ARG(p->name), problem,
                    p->yaml.problem_offset);
    if (p->yaml.context)
        return fail_at(p, ERR_INVALID, mark, "%s (%s)", problem, p->yaml.context);
    return fail_at(p, ERR_INVALID, mark, "%s", problem);
}

static bool count_nodes(struct parser *p, size_t n, yaml_mark_t mark)
{
    p->nodes += n;
    if (p->nodes > YAML_NODES_MAX)
        return fail_at(p, ERR_LIMIT, mark, "more than %d nodes", YAML_NODES_MAX);
    return true;
}

/* ---- scalars ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_digits(str s, size_t i)
{
    while (i < s.len && is_digit(s.ptr[i]))
        i++;
    return i;
}

/* "0x1f" or "0o17". */
static bool parse_radix(str s, struct json *out)
{
    int bits = str_starts(s, STR("0x")) ? 4 : str_starts(s, STR("0o")) ? 3 : 0;
    if (!bits || s.len < 3)
        return false;
    uint64_t v = 0;
    for (size_t i = 2; i < s.len; i++) {
        char c = s.ptr[i];
        int digit = is_digit(c)              ? c - '0'
                    : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                    : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                             : 99;
        if (digit >= 1 << bits || v >> (63 - bits))
            return false;
        v = v << bits | (uint64_t)digit;
    }
    *out = (struct json){ .kind = JSON_INT, .i = (int64_t)v };
    return true;
}

/* Whether s, without its sign, is digits with at most one dot and an optional exponent. */
static bool is_decimal(str s, bool *is_int)
{
    size_t i = skip_digits(s, 0), digits = i;
    *is_int = i == s.len;
    if (i < s.len && s.ptr[i] == '.') {
        size_t from = i + 1;
        i = skip_digits(s, from);
        digits += i - from;
    }
    if (digits == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
            i++;
        size_t from = i;
        i = skip_digits(s, from);
        if (i == from)
            return false;
    }
    return i == s.len;
}

/* Rewrites what YAML allows and a strict number reader may not: "+1", ".5", "5.", leading zeros. */
static bool parse_number(str s, struct json *out)
{
    bool negative = str_starts(s, STR("-")), is_int;
    str digits = negative || str_starts(s, STR("+")) ? str_from(s, 1) : s;
    if (digits.len >= NUMBER_MAX || !is_decimal(digits, &is_int))
        return false;
    while (digits.len > 1 && digits.ptr[0] == '0' && is_digit(digits.ptr[1]))
        digits = str_from(digits, 1);
    char text[NUMBER_MAX + 4];
    size_t n = 0;
    if (negative)
        text[n++] = '-';
    if (digits.ptr[0] == '.')
        text[n++] = '0';
    for (size_t i = 0; i < digits.len; i++) {
        text[n++] = digits.ptr[i];
        if (digits.ptr[i] == '.' && (i + 1 == digits.len || !is_digit(digits.ptr[i + 1])))
            text[n++] = '0';
    }
    str plain = str_make(text, n);
    if (is_int && str_to_i64(plain, &out->i)) {
        out->kind = JSON_INT;
        return true;
    }
    double f;
    if (!str_to_f64(plain, &f) || !(f >= -1.7976931348623157e308 && f <= 1.7976931348623157e308))
        return false;
    *out = (struct json){ .kind = JSON_F64, .f = f };
    return true;
}

/* A plain scalar, by the core schema. */
static void resolve_plain(str s, struct json *out)
{
    static const struct {
        const char *text;
        struct json value;
    } words[] = {
        { "", { .kind = JSON_NULL } },
        { "~", { .kind = JSON_NULL } },
        { "null", { .kind = JSON_NULL } },
        { "Null", { .kind = JSON_NULL } },
        { "NULL", { .kind = JSON_NULL } },
        { "true", { .kind = JSON_BOOL, .b = true } },
        { "True", { .kind = JSON_BOOL, .b = true } },
        { "TRUE", { .kind = JSON_BOOL, .b = true } },
        { "false", { .kind = JSON_BOOL, .b = false } },
        { "False", { .kind = JSON_BOOL, .b = false } },
        { "FALSE", { .kind = JSON_BOOL, .b = false } },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(s, words[i].text)) {
            *out = words[i].value;
            return;
        }
    if (!parse_radix(s, out) && !parse_number(s, out))
        *out = (struct json){ .kind = JSON_STR, .s = s };
}

/* Only the tags of the core schema; one that contradicts the text is a mistake. */
static bool apply_tag(struct parser *p, const char *tag, yaml_mark_t mark, str text,
                      struct json *out)
{
    static const struct {
        const char *tag;
        enum json_kind kind;
    } tags[] = {
        { YAML_STR_TAG, JSON_STR },    { YAML_INT_TAG, JSON_INT },
        { YAML_FLOAT_TAG, JSON_F64 },  { YAML_BOOL_TAG, JSON_BOOL },
        { YAML_NULL_TAG, JSON_NULL },  { YAML_SEQ_TAG, JSON_ARRAY },
        { YAML_MAP_TAG, JSON_OBJECT }, { "!", JSON_STR },
    };
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (!str_is(str_of(tag), tags[i].tag))
            continue;
        if (tags[i].kind == JSON_STR && out->kind != JSON_ARRAY && out->kind != JSON_OBJECT)
            *out = (struct json){ .kind = JSON_STR, .s = text };
        else if (tags[i].kind == JSON_F64 && out->kind == JSON_INT)
            *out = (struct json){ .kind = JSON_F64, .f = (double)out->i };
        if (out->kind == tags[i].kind)
            return true;
        return fail_at(p, ERR_INVALID, mark, "the value is not of the type that its tag says");
    }
    return fail_at(p, ERR_INVALID, mark, "unknown tag %.80s", tag);
}

static bool parse_scalar(struct parser *p, const yaml_event_t *e, struct node *out)
{
    str raw = str_make(e->data.scalar.value, e->data.scalar.length);
    if (raw.len + 64 > arena_left(p->arena))
        return fail_at(p, ERR_LIMIT, e->start_mark, "over the memory budget");
    str text = raw.len ? arena_str(p->arena, raw) : STR("");
    const char *tag = (const char *)e->data.scalar.tag;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *out = (struct node){ .nodes = 1, .value = { .kind = JSON_STR, .s = text } };
    if (plain || tag)
        resolve_plain(text, &out->value);
    if (!tag)
        return true;
    return apply_tag(p, tag, e->start_mark, text, &out->value);
}

/* ---- collections ---- */

static void add_child(struct node *out, const struct node *child)
{
    out->nodes += child->nodes;
    if (child->height + 1 > out->height)
        out->height = child->height + 1;
}

static bool parse_array(struct parser *p, int depth, struct node *out)
{
    VEC(struct json) items = { 0 };
    for (;;) {
        yaml_event_t e;
        if (!next_event(p, &e))
            return false;
        struct node child;
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        bool ok = end || parse_node(p, &e, depth + 1, &child);
        yaml_event_delete(&e);
        if (!ok)
            return false;
        if (end)
            break;
        *vec_push(p->arena, &items) = child.value;
        add_child(out, &child);
    }
    out->value = (struct json){ .kind = JSON_ARRAY, .array = { items.at, items.n } };
    return true;
}

struct members {
    struct json_member *at;
    size_t n, cap;
    struct map seen; /* by key, of those at */
};

static bool add_member(struct parser *p, struct members *m, str key, const struct json *value)
{
    if (!map_add(&m->seen, key, p))
        return false;
    *vec_push(p->arena, m) = (struct json_member){ key, *value };
    return true;
}

/* `<<`: adds the members of a mapping, or of each mapping of a list, that are not there yet. */
static bool merge(struct parser *p, struct members *m, const struct json *from)
{
    if (from->kind == JSON_OBJECT) {
        for (size_t i = 0; i < from->object.n; i++)
            add_member(p, m, from->object.members[i].key, &from->object.members[i].value);
        return true;
    }
    if (from->kind != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < from->array.n; i++)
        if (from->array.items[i].kind != JSON_OBJECT || !merge(p, m, &from->array.items[i]))
            return false;
    return true;
}

/* A key: scalar text, or the merge key. */
static bool read_key(struct parser *p, const yaml_event_t *e, str *key, bool *is_merge)
{
    if (e->type != YAML_SCALAR_EVENT)
        return fail_at(p, ERR_INVALID, e->start_mark, "a key must be a scalar");
    if (e->data.scalar.anchor)
        return fail_at(p, ERR_INVALID, e->start_mark, "a key with an anchor is not supported");
    str raw = str_make(e->data.scalar.value, e->data.scalar.length);
    *is_merge = str_is(raw, "<<") && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *key = arena_str(p->arena, raw);
    return count_nodes(p, 1, e->start_mark);
}

/* Reads one member, or sees the end of the mapping. */
static bool parse_member(struct parser *p, int depth, struct members *m, struct members *merged,
                         struct node *out, bool *end)
{
    yaml_event_t k, v;
    if (!next_event(p, &k))
        return false;
    yaml_mark_t mark = k.start_mark;
    str key = { 0 };
    bool is_merge = false;
    *end = k.type == YAML_MAPPING_END_EVENT;
    bool ok = *end || read_key(p, &k, &key, &is_merge);
    yaml_event_delete(&k);
    if (!ok || *end)
        return ok;
    struct node child;
    if (!next_event(p, &v))
        return false;
    ok = parse_node(p, &v, depth + 1, &child);
    yaml_event_delete(&v);
    if (!ok)
        return false;
    add_child(out, &child);
    if (is_merge)
        return merge(p, merged, &child.value) ||
               fail_at(p, ERR_INVALID, mark, "<< takes a mapping or a list of mappings");
    return add_member(p, m, key, &child.value) ||
           fail_at(p, ERR_INVALID, mark, "key \"" STR_FMT "\" stands here twice",
                   STR_ARG(str_sub(key, 0, 80)));
}

static bool parse_object(struct parser *p, int depth, struct node *out)
{
    struct members m = { 0 }, merged = { 0 };
    map_init(&m.seen, p->arena);
    map_init(&merged.seen, p->arena);
    for (bool end = false; !end;)
        if (!parse_member(p, depth, &m, &merged, out, &end))
            return false;
    for (size_t i = 0; i < merged.n; i++) /* the mapping's own keys win, wherever << stands */
        add_member(p, &m, merged.at[i].key, &merged.at[i].value);
    out->value = (struct json){ .kind = JSON_OBJECT, .object = { m.at, m.n } };
    return true;
}

/* ---- nodes, anchors, the document ---- */

static bool parse_alias(struct parser *p, const yaml_event_t *e, int depth, struct node *out)
{
    str name = str_of((const char *)e->data.alias.anchor);
    const struct anchor *found = map_get(&p->anchors, name);
    if (!found)
        return fail_at(p, ERR_INVALID, e->start_mark, "unknown alias *" STR_FMT,
                       STR_ARG(str_sub(name, 0, 80)));
    if (found->open)
        return fail_at(p, ERR_INVALID, e->start_mark, "alias *" STR_FMT " stands inside its anchor",
                       STR_ARG(str_sub(name, 0, 80)));
    if (depth + found->node.height > YAML_DEPTH_MAX)
        return fail_at(p, ERR_LIMIT, e->start_mark, "nested deeper than %d", YAML_DEPTH_MAX);
    *out = found->node;
    return count_nodes(p, out->nodes, e->start_mark);
}

static struct anchor *add_anchor(struct parser *p, const yaml_char_t *name)
{
    if (!name)
        return NULL;
    struct anchor *a = arena_new(p->arena, struct anchor);
    a->open = true;
    map_put(&p->anchors, arena_str(p->arena, str_of((const char *)name)), a);
    return a;
}

static bool parse_collection(struct parser *p, const yaml_event_t *e, int depth, struct node *out)
{
    *out = (struct node){ .nodes = 1 };
    bool is_array = e->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = is_array ? e->data.sequence_start.tag : e->data.mapping_start.tag;
    bool ok = is_array ? parse_array(p, depth, out) : parse_object(p, depth, out);
    return ok && (!tag || apply_tag(p, (const char *)tag, e->start_mark, STR(""), &out->value));
}

static bool parse_node(struct parser *p, const yaml_event_t *e, int depth, struct node *out)
{
    *out = (struct node){ 0 };
    if (depth > YAML_DEPTH_MAX)
        return fail_at(p, ERR_LIMIT, e->start_mark, "nested deeper than %d", YAML_DEPTH_MAX);
    if (e->type == YAML_ALIAS_EVENT)
        return parse_alias(p, e, depth, out);
    if (!count_nodes(p, 1, e->start_mark))
        return false;
    const yaml_char_t *name = e->type == YAML_SCALAR_EVENT           ? e->data.scalar.anchor
                              : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.anchor
                                                                     : e->data.mapping_start.anchor;
    struct anchor *a = add_anchor(p, name);
    bool ok =
        e->type == YAML_SCALAR_EVENT ? parse_scalar(p, e, out) : parse_collection(p, e, depth, out);
    if (ok && a)
        *a = (struct anchor){ .node = *out };
    return ok;
}

/* The first event that is not the stream's or a document's beginning, or the stream's end. */
static bool parse_document(struct parser *p, struct json *out)
{
    int documents = 0;
    for (;;) {
        yaml_event_t e;
        if (!next_event(p, &e))
            return false;
        struct node node;
        bool ok = true, end = e.type == YAML_STREAM_END_EVENT;
        switch (e.type) {
        case YAML_DOCUMENT_START_EVENT:
            if (++documents > 1)
                ok = fail_at(p, ERR_INVALID, e.start_mark, "a second document");
            break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_STREAM_END_EVENT:
            break;
        default:
            ok = parse_node(p, &e, 0, &node);
            *out = node.value;
            break;
        }
        yaml_event_delete(&e);
        if (!ok || end)
            return ok;
    }
}

bool yaml_parse(str text, str name, struct arena *a, const struct json **out, struct error *err)
{
    if (text.len > YAML_BYTES_MAX)
        return fail(err, ERR_LIMIT, STR_FMT ": %zu bytes, at most %u are allowed", STR_ARG(name),
                    text.len, YAML_BYTES_MAX);
    struct parser p = { .name = name, .arena = a, .err = err };
    map_init(&p.anchors, a);
    if (!yaml_parser_initialize(&p.yaml))
        panic("out of memory in YAML");
    yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.yaml, (const unsigned char *)(text.len ? text.ptr : ""),
                                 text.len);
    struct json *root = arena_new(a, struct json);
    bool ok = parse_document(&p, root);
    yaml_parser_delete(&p.yaml);
    if (ok)
        *out = root;
    return ok;
}
