/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/function.h"

#include "base/map.h"
#include "codec/uuid.h"
#include "iceberg/metadata_priv.h"

#define OVERLOADS_MAX 10000
#define VERSIONS_MAX 10000
#define PARAMETERS_MAX 1000

/* -- types ----------------------------------------------------------------------------------- */

/* A type is a name, or the object of a nested one; JSON's limit of depth bounds the recursion. */
static bool check_type(const struct json *json, struct error *err)
{
    const struct type *type;
    if (json->kind != JSON_STR && json->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "a type is a JSON %s, not a string or object",
                    json_kind_name(json->kind));
    if (json->kind == JSON_STR && json->s.len == 0)
        return fail(err, ERR_INVALID, "a type has no name");
    struct arena *a = arena_create(0);
    /* Nested types as text ("struct<...>") are left to engines; those that are JSON are checked. */
    bool ok = json->kind == JSON_STR || type_parse(json, a, &type, err);
    arena_destroy(a);
    return ok;
}

/* -- overloads ------------------------------------------------------------------------------- */

struct checker {
    struct arena *arena;
    struct map overloads;  /* id -> struct json of the overload */
    struct map signatures; /* types of the parameters */
    int64_t max_overload_id;
};

static bool unique(struct map *set, struct arena *a, int64_t id, const struct json *value,
                   const char *what, struct error *err)
{
    union {
        const struct json *in;
        void *out;
    } pointer = { .in = value };
    str key = arena_printf(a, "%lld", (long long)id);
    return map_add(set, key, pointer.out) ||
           fail(err, ERR_INVALID, "%s %lld is there twice", what, (long long)id);
}

static bool check_list(const struct json *object, const char *key, size_t max,
                       const struct json **out, struct error *err)
{
    if (!json_need_array(object, key, out, err))
        return false;
    return (*out)->array.n <= max ||
           fail(err, ERR_LIMIT, "%s has %zu entries, at most %zu", key, (*out)->array.n, max);
}

static bool check_representations(const struct json *version, struct error *err)
{
    const struct json *list;
    str dialect, body;
    if (!check_list(version, "representations", PARAMETERS_MAX, &list, err))
        return false;
    for (size_t i = 0; i < list->array.n; i++)
        if (!json_need_str(&list->array.items[i], "dialect", &dialect, err) ||
            !json_need_str(&list->array.items[i],
                           json_get(&list->array.items[i], "sql") ? "sql" : "body", &body, err))
            return fail_in(err, "representations[%zu]", i);
    return true;
}

static bool check_version(struct checker *c, struct map *ids, const struct json *v, size_t i,
                          struct error *err)
{
    int64_t id, time;
    bool deterministic;
    str nulls;
    if (!json_need_int(v, "overload-version-id", &id, err) ||
        !json_need_int(v, "timestamp-ms", &time, err) ||
        !json_opt_bool(v, "deterministic", false, &deterministic, err) ||
        !json_opt_str(v, "null-handling", STR("called_on_null"), &nulls, err) ||
        !check_representations(v, err) || !unique(ids, c->arena, id, v, "overload-version-id", err))
        return fail_in(err, "versions[%zu]", i);
    return str_is(nulls, "called_on_null") || str_is(nulls, "returns_null") ||
           fail(err, ERR_INVALID, "versions[%zu]: null-handling is \"" STR_FMT "\"", i,
                STR_ARG(nulls));
}

static bool check_versions(struct checker *c, const struct json *overload, struct error *err)
{
    const struct json *list;
    struct map ids;
    int64_t current;
    map_init(&ids, c->arena);
    if (!check_list(overload, "versions", VERSIONS_MAX, &list, err) ||
        !json_need_int(overload, "current-overload-version", &current, err))
        return false;
    for (size_t i = 0; i < list->array.n; i++)
        if (!check_version(c, &ids, &list->array.items[i], i, err))
            return false;
    return map_get(&ids, arena_printf(c->arena, "%lld", (long long)current)) ||
           fail(err, ERR_INVALID, "current-overload-version %lld is not among the versions",
                (long long)current);
}

/* Adds the text of the parameters' types to `signature`. */
static bool check_parameters(struct checker *c, const struct json *overload, struct buf *signature,
                             struct error *err)
{
    const struct json *list, *type;
    struct json_writer w;
    str name, doc;
    (void)c;
    if (!check_list(overload, "parameters", PARAMETERS_MAX, &list, err))
        return false;
    jw_init(&w, signature);
    jw_begin_array(&w);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *p = &list->array.items[i];
        if (!json_need_str(p, "name", &name, err) || !json_need(p, "type", &type, err) ||
            !json_opt_str(p, "doc", (str){ 0 }, &doc, err) || !check_type(type, err))
            return fail_in(err, "parameters[%zu]", i);
        jw_json(&w, type);
    }
    jw_end_array(&w);
    return true;
}

static bool check_signature(struct checker *c, const struct json *overload, struct error *err)
{
    static char mark;
    struct buf b = BUF_INIT(FUNCTION_BYTES_MAX);
    bool ok = check_parameters(c, overload, &b, err);
    if (ok && !map_add(&c->signatures, arena_str(c->arena, buf_str(&b)), &mark))
        ok = fail(err, ERR_INVALID, "another overload has the same parameters");
    buf_deinit(&b);
    return ok;
}

static bool check_overload(struct checker *c, const struct json *o, struct error *err)
{
    const struct json *result;
    str kind, doc;
    int64_t id;
    if (!json_need_int(o, "overload-id", &id, err) || !json_need(o, "return-type", &result, err) ||
        !json_opt_str(o, "function-type", STR("udf"), &kind, err) ||
        !json_opt_str(o, "doc", (str){ 0 }, &doc, err) || !check_type(result, err) ||
        !check_signature(c, o, err) || !check_versions(c, o, err) ||
        !unique(&c->overloads, c->arena, id, o, "overload-id", err))
        return false;
    if (!str_is(kind, "udf") && !str_is(kind, "udtf"))
        return fail(err, ERR_INVALID, "function-type is \"" STR_FMT "\", not udf or udtf",
                    STR_ARG(kind));
    if (str_is(kind, "udtf") && result->kind != JSON_OBJECT &&
        !str_starts(result->s, STR("struct")))
        return fail(err, ERR_INVALID, "the return-type of a udtf is a struct");
    return id <= c->max_overload_id ||
           fail(err, ERR_INVALID, "overload-id %lld is above max-overload-id %lld", (long long)id,
                (long long)c->max_overload_id);
}

static bool check_log(const struct json *root, struct error *err)
{
    const struct json *log, *list;
    int64_t number;
    if (!check_list(root, "definition-log", VERSIONS_MAX, &log, err))
        return false;
    for (size_t i = 0; i < log->array.n; i++) {
        const struct json *entry = &log->array.items[i];
        if (!json_need_int(entry, "timestamp-ms", &number, err) ||
            !check_list(entry, "overload-versions", OVERLOADS_MAX, &list, err))
            return fail_in(err, "definition-log[%zu]", i);
        for (size_t j = 0; j < list->array.n; j++)
            if (!json_need_int(&list->array.items[j], "overload-id", &number, err) ||
                !json_need_int(&list->array.items[j], "overload-version-id", &number, err))
                return fail_in(err, "definition-log[%zu].overload-versions[%zu]", i, j);
    }
    return true;
}

/* -- the document ---------------------------------------------------------------------------- */

static bool check_definitions(const struct json *root, struct arena *a,
                              struct function_metadata *out, struct error *err)
{
    struct checker c = { .arena = a };
    const struct json *list;
    map_init(&c.overloads, a);
    map_init(&c.signatures, a);
    if (!json_need_int(root, "max-overload-id", &c.max_overload_id, err) ||
        !check_list(root, "definitions", OVERLOADS_MAX, &list, err))
        return false;
    for (size_t i = 0; i < list->array.n; i++)
        if (!check_overload(&c, &list->array.items[i], err))
            return fail_in(err, "definitions[%zu]", i);
    out->definitions_n = list->array.n;
    return check_log(root, err);
}

static bool parse_root(const struct json *root, struct arena *scratch, struct arena *a,
                       struct function_metadata *out, struct error *err)
{
    const struct json *properties;
    struct property_list list;
    struct uuid id;
    str uuid, location, doc;
    int64_t version;
    bool secure;
    if (root->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "it is a JSON %s, not an object", json_kind_name(root->kind));
    if (!json_need_int(root, "format-version", &version, err))
        return false;
    if (version != FUNCTION_FORMAT_VERSION)
        return fail(err, version > FUNCTION_FORMAT_VERSION ? ERR_UNSUPPORTED : ERR_INVALID,
                    "format-version %lld is not supported", (long long)version);
    if (!json_need_str(root, "function-uuid", &uuid, err) ||
        !json_opt_str(root, "location", STR(""), &location, err) ||
        !json_opt_bool(root, "secure", false, &secure, err) ||
        !json_opt_str(root, "doc", STR(""), &doc, err) ||
        !json_opt_obj(root, "properties", &properties, err) ||
        (properties && !properties_parse(properties, scratch, &list, err)) ||
        !check_definitions(root, scratch, out, err))
        return false;
    if (!uuid_parse(uuid, &id))
        return fail(err, ERR_INVALID, "function-uuid \"" STR_FMT "\" is no UUID", STR_ARG(uuid));
    out->uuid = arena_str(a, uuid);
    out->location = arena_str(a, location);
    out->json = json_copy(root, a);
    return true;
}

bool function_metadata_parse(str text, struct arena *a, const struct function_metadata **out,
                             struct error *err)
{
    struct arena *scratch = arena_create(0);
    struct function_metadata *m = arena_new(a, struct function_metadata);
    struct json *root;
    str plain;
    bool ok = metadata_text(text, FUNCTION_BYTES_MAX, scratch, &plain, err) &&
              json_parse(plain, scratch, &root, err) && parse_root(root, scratch, a, m, err);
    arena_destroy(scratch);
    if (ok) {
        *out = m;
        return true;
    }
    if (err->code == ERR_INVALID)
        err->code = ERR_CORRUPT;
    return fail_in(err, "function metadata");
}

void function_metadata_write_json(const struct function_metadata *m, struct json_writer *w)
{
    jw_json(w, m->json);
}
