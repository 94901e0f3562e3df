/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes to views.  The rules and the words are those of the reference implementation's builder:
 *
 *  V1 Versions and schemas that are there already are those; else they get the next id above all, whatever came with them.
 *  V2 Of all changes of the current version in one list only the last goes to the version log.
 *  V3 A version has one SQL text a dialect, and no dialect of the current version may get lost unless
 *     replace.drop-dialect.allowed says so.
 *  V4 Only version.history.num-entries versions are kept (those added now and the current one always), and of the log only
 *     what follows the last version that is gone.
 *
 * In one thing it is kinder: "the last added" one is also one that was there already, so that a request that comes again, or
 * meets an equal one, does not fail. */
#include "iceberg/view.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"
#include "codec/uuid.h"

#define HISTORY_SIZE "version.history.num-entries"
#define HISTORY_SIZE_DEFAULT 10
#define DROP_DIALECT_ALLOWED "replace.drop-dialect.allowed"
#define NO_ID (-1)

static const char *const update_names[VIEW_UPDATE_KINDS] = {
    [VIEW_ASSIGN_UUID] = "assign-uuid",
    [VIEW_UPGRADE_FORMAT_VERSION] = "upgrade-format-version",
    [VIEW_ADD_SCHEMA] = "add-schema",
    [VIEW_SET_LOCATION] = "set-location",
    [VIEW_SET_PROPERTIES] = "set-properties",
    [VIEW_REMOVE_PROPERTIES] = "remove-properties",
    [VIEW_ADD_VERSION] = "add-view-version",
    [VIEW_SET_CURRENT_VERSION] = "set-current-view-version",
};

/* -- JSON ------------------------------------------------------------------------------------ */

static bool parse_removals(const struct json *json, struct arena *a, struct view_update *out,
                           struct error *err)
{
    const struct json *list;
    if (!json_need_array(json, "removals", &list, err))
        return false;
    struct property *at = arena_array(a, struct property, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "removals[%zu] is no string", i);
        at[i].key = arena_str(a, list->array.items[i].s);
    }
    out->properties = (struct property_list){ at, list->array.n };
    return true;
}

static bool need_copy(const struct json *json, const char *key, struct arena *a, str *out,
                      struct error *err)
{
    if (!json_need_str(json, key, out, err))
        return false;
    *out = arena_str(a, *out);
    return true;
}

static bool parse_members(const struct json *json, struct arena *a, struct view_update *out,
                          struct error *err)
{
    const struct json *object;
    int32_t version;
    switch (out->kind) {
    case VIEW_ASSIGN_UUID:
        return need_copy(json, "uuid", a, &out->uuid, err);
    case VIEW_UPGRADE_FORMAT_VERSION:
        if (!json_need_i32(json, "format-version", &version, err))
            return false;
        out->format_version = version;
        return true;
    case VIEW_ADD_SCHEMA:
        return json_need_obj(json, "schema", &object, err) &&
               schema_parse(object, a, &out->schema, err);
    case VIEW_SET_LOCATION:
        return need_copy(json, "location", a, &out->location, err);
    case VIEW_SET_PROPERTIES:
        return json_need_obj(json, json_get(json, "updates") ? "updates" : "updated", &object,
                             err) &&
               properties_parse(object, a, &out->properties, err);
    case VIEW_REMOVE_PROPERTIES:
        return parse_removals(json, a, out, err);
    case VIEW_ADD_VERSION:
        return json_need_obj(json, "view-version", &object, err) &&
               view_version_parse(object, a, &out->version, err);
    default:
        return json_need_i32(json, "view-version-id", &out->version_id, err);
    }
}

bool view_update_parse(const struct json *json, struct arena *a, struct view_update *out,
                       struct error *err)
{
    str action;
    *out = (struct view_update){ 0 };
    if (!json_need_str(json, "action", &action, err))
        return fail_in(err, "update");
    for (enum view_update_kind k = 0; k < VIEW_UPDATE_KINDS; k++) {
        if (!str_is(action, update_names[k]))
            continue;
        out->kind = k;
        return parse_members(json, a, out, err) || fail_in(err, "%s", update_names[k]);
    }
    return fail(err, ERR_UNSUPPORTED, "unknown update of a view \"" STR_FMT "\"", STR_ARG(action));
}

static void write_removals(const struct property_list *p, struct json_writer *w)
{
    jw_kv_array(w, "removals");
    for (size_t i = 0; i < p->n; i++)
        jw_str(w, p->at[i].key);
    jw_end_array(w);
}

static void write_members(const struct view_update *u, struct json_writer *w)
{
    switch (u->kind) {
    case VIEW_ASSIGN_UUID:
        jw_kv_str(w, "uuid", u->uuid);
        return;
    case VIEW_UPGRADE_FORMAT_VERSION:
        jw_kv_int(w, "format-version", u->format_version);
        return;
    case VIEW_ADD_SCHEMA:
        jw_key(w, STR("schema"));
        schema_write(u->schema, true, w);
        return;
    case VIEW_SET_LOCATION:
        jw_kv_str(w, "location", u->location);
        return;
    case VIEW_SET_PROPERTIES:
        jw_key(w, STR("updates"));
        properties_write(&u->properties, w);
        return;
    case VIEW_REMOVE_PROPERTIES:
        write_removals(&u->properties, w);
        return;
    case VIEW_ADD_VERSION:
        jw_key(w, STR("view-version"));
        view_version_write(&u->version, w);
        return;
    default:
        jw_kv_int(w, "view-version-id", u->version_id);
        return;
    }
}

void view_update_write(const struct view_update *u, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "action", str_of(update_names[u->kind]));
    write_members(u, w);
    jw_end_object(w);
}

bool view_requirement_parse(const struct json *json, struct arena *a, struct view_requirement *out,
                            struct error *err)
{
    str type;
    *out = (struct view_requirement){ 0 };
    if (!json_need_str(json, "type", &type, err))
        return fail_in(err, "requirement");
    if (!str_is(type, "assert-view-uuid"))
        return fail(err, ERR_UNSUPPORTED, "unknown requirement of a view \"" STR_FMT "\"",
                    STR_ARG(type));
    return need_copy(json, "uuid", a, &out->uuid, err) || fail_in(err, "assert-view-uuid");
}

bool view_requirements_check(const struct view_requirement *r, size_t n,
                             const struct view_metadata *m, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq_nocase(r[i].uuid, m->uuid))
            return fail(err, ERR_CONFLICT,
                        "Requirement failed: view UUID does not match: expected " STR_FMT
                        " != " STR_FMT,
                        STR_ARG(m->uuid), STR_ARG(r[i].uuid));
    return true;
}

/* -- the state ------------------------------------------------------------------------------- */

struct builder {
    struct arena *arena;
    const struct view_metadata *base; /* NULL: a new view */
    struct view_metadata m;           /* single values are kept here, lists below */
    int64_t now_ms;
    bool changed, moved;    /* moved: the current version was set; goes to the log */
    size_t versions_before; /* later ones were added in this list */
    int32_t last_schema, last_version;
    VEC(const struct schema *) schemas;
    VEC(struct view_version) versions;
    VEC(struct property) properties;
};

static void builder_init(struct builder *b, const struct view_metadata *base, int64_t now_ms,
                         struct arena *a)
{
    *b = (struct builder){
        .arena = a, .base = base, .now_ms = now_ms, .last_schema = NO_ID, .last_version = NO_ID
    };
    b->m = base ? *base : (struct view_metadata){ .format_version = VIEW_FORMAT_VERSION };
    for (size_t i = 0; base && i < base->schemas_n; i++)
        *vec_push(a, &b->schemas) = base->schemas[i];
    for (size_t i = 0; base && i < base->versions_n; i++)
        *vec_push(a, &b->versions) = base->versions[i];
    for (size_t i = 0; base && i < base->properties.n; i++)
        *vec_push(a, &b->properties) = base->properties.at[i];
    b->versions_before = b->versions.n;
}

static ptrdiff_t find_version(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->versions.n; i++)
        if (b->versions.at[i].id == id)
            return (ptrdiff_t)i;
    return -1;
}

static bool has_schema(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->schemas.n; i++)
        if (b->schemas.at[i]->id == id)
            return true;
    return false;
}

static bool too_many(const char *what, struct error *err)
{
    return fail(err, ERR_LIMIT, "the view would have more than %d %s", VIEW_VERSIONS_MAX, what);
}

/* -- updates --------------------------------------------------------------------------------- */

static bool assign_uuid(struct builder *b, str uuid, struct error *err)
{
    struct uuid parsed;
    if (!uuid_parse(uuid, &parsed))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no UUID", STR_ARG(uuid));
    if (b->m.uuid.len && !str_eq_nocase(uuid, b->m.uuid))
        return fail(err, ERR_INVALID, "Cannot reassign uuid");
    b->changed |= b->m.uuid.len == 0;
    b->m.uuid = b->m.uuid.len ? b->m.uuid : uuid;
    return true;
}

static bool upgrade(struct builder *b, int version, struct error *err)
{
    if (version < b->m.format_version)
        return fail(err, ERR_INVALID, "Cannot downgrade v%d view to v%d", b->m.format_version,
                    version);
    return version <= VIEW_FORMAT_VERSION ||
           fail(err, ERR_INVALID, "Unsupported format version: %d", version);
}

/* V1. */
static bool add_schema(struct builder *b, const struct schema *schema, struct error *err)
{
    int64_t id = 0;
    for (size_t i = 0; i < b->schemas.n; i++) {
        if (schema_same(b->schemas.at[i], schema)) {
            b->last_schema = b->schemas.at[i]->id;
            return true;
        }
        if (b->schemas.at[i]->id >= id)
            id = (int64_t)b->schemas.at[i]->id + 1;
    }
    if (b->schemas.n >= VIEW_VERSIONS_MAX || id > INT32_MAX)
        return too_many("schemas", err);
    *vec_push(b->arena, &b->schemas) = schema_with_id(schema, (int32_t)id, b->arena);
    b->last_schema = (int32_t)id;
    b->changed = true;
    return true;
}

static bool set_location(struct builder *b, str location, struct error *err)
{
    while (location.len > 1 && str_ends(location, STR("/")) && !str_ends(location, STR("://")))
        location.len--;
    if (location.len == 0)
        return fail(err, ERR_INVALID, "Invalid location: it is empty");
    b->changed |= !str_eq(location, b->m.location);
    b->m.location = location;
    return true;
}

static ptrdiff_t find_property(const struct builder *b, str key)
{
    for (size_t i = 0; i < b->properties.n; i++)
        if (str_eq(b->properties.at[i].key, key))
            return (ptrdiff_t)i;
    return -1;
}

static void set_properties(struct builder *b, const struct property_list *p)
{
    for (size_t i = 0; i < p->n; i++) {
        ptrdiff_t at = find_property(b, p->at[i].key);
        if (at >= 0)
            b->properties.at[at].value = p->at[i].value;
        else
            *vec_push(b->arena, &b->properties) = p->at[i];
    }
    b->changed |= p->n > 0;
}

static void remove_properties(struct builder *b, const struct property_list *p)
{
    for (size_t i = 0; i < p->n; i++) {
        ptrdiff_t at = find_property(b, p->at[i].key);
        if (at < 0)
            continue;
        memmove(&b->properties.at[at], &b->properties.at[at + 1],
                (b->properties.n - (size_t)at - 1) * sizeof *b->properties.at);
        b->properties.n--;
    }
    b->changed |= p->n > 0;
}

static bool has_property(const struct property_list *p, const struct property *wanted)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->at[i].key, wanted->key))
            return str_eq(p->at[i].value, wanted->value);
    return false;
}

static bool same_properties(const struct property_list *a, const struct property_list *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (!has_property(b, &a->at[i]))
            return false;
    return a->n == b->n;
}

static bool same_levels(const str *a, size_t a_n, const str *b, size_t b_n)
{
    for (size_t i = 0; i < a_n && a_n == b_n; i++)
        if (!str_eq(a[i], b[i]))
            return false;
    return a_n == b_n;
}

static bool same_representation(const struct view_representation *a,
                                const struct view_representation *b)
{
    return !a->json && !b->json && str_eq(a->sql, b->sql) && str_eq(a->dialect, b->dialect);
}

/* Whether both would behave the same, whatever their ids and times. */
static bool same_version(const struct view_version *a, const struct view_version *b)
{
    if (a->schema_id != b->schema_id || a->representations_n != b->representations_n ||
        (a->default_catalog.ptr == NULL) != (b->default_catalog.ptr == NULL) ||
        !str_eq(a->default_catalog, b->default_catalog) ||
        (a->storage_name.ptr == NULL) != (b->storage_name.ptr == NULL) ||
        !str_eq(a->storage_name, b->storage_name) || !same_properties(&a->summary, &b->summary) ||
        !same_levels(a->default_namespace, a->default_namespace_n, b->default_namespace,
                     b->default_namespace_n) ||
        !same_levels(a->storage_namespace, a->storage_namespace_n, b->storage_namespace,
                     b->storage_namespace_n))
        return false;
    for (size_t i = 0; i < a->representations_n; i++)
        if (!same_representation(&a->representations[i], &b->representations[i]))
            return false;
    return true;
}

/* V3, first half. */
static bool check_dialects(const struct view_version *v, struct error *err)
{
    for (size_t i = 0; i < v->representations_n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct view_representation *a = &v->representations[i],
                                             *b = &v->representations[j];
            if (!a->json && !b->json && str_eq_nocase(a->dialect, b->dialect))
                return fail(
                    err, ERR_INVALID,
                    "Invalid view version: Cannot add multiple queries for dialect " STR_FMT,
                    STR_ARG(b->dialect));
        }
    return true;
}

static bool add_version(struct builder *b, const struct view_version *given, struct error *err)
{
    struct view_version v = *given;
    int64_t id = v.id > 0 ? v.id : 1;
    if (v.schema_id == VIEW_VERSION_LAST_ADDED) {
        if (b->last_schema == NO_ID)
            return fail(err, ERR_INVALID, "Cannot set last added schema: no schema has been added");
        v.schema_id = b->last_schema;
    }
    for (size_t i = 0; i < b->versions.n; i++) {
        if (same_version(&b->versions.at[i], &v)) {
            b->last_version = b->versions.at[i].id;
            return true;
        }
        if (b->versions.at[i].id >= id)
            id = (int64_t)b->versions.at[i].id + 1;
    }
    if (!has_schema(b, v.schema_id))
        return fail(err, ERR_INVALID, "Cannot add version with unknown schema: %d", v.schema_id);
    if (b->versions.n >= VIEW_VERSIONS_MAX || id > INT32_MAX)
        return too_many("versions", err);
    if (!check_dialects(&v, err))
        return false;
    v.id = (int32_t)id;
    *vec_push(b->arena, &b->versions) = v;
    b->last_version = v.id;
    b->changed = true;
    return true;
}

static bool set_current(struct builder *b, int32_t id, struct error *err)
{
    if (id == VIEW_VERSION_LAST_ADDED) {
        if (b->last_version == NO_ID)
            return fail(err, ERR_INVALID,
                        "Cannot set last version id: no current version id has been set");
        id = b->last_version;
    }
    if (id == b->m.current_version_id && b->m.current_version_id > 0)
        return true;
    if (find_version(b, id) < 0)
        return fail(err, ERR_INVALID, "Cannot set current version to unknown version: %d", id);
    b->m.current_version_id = id;
    b->moved = b->changed = true;
    return true;
}

static bool apply_one(struct builder *b, const struct view_update *u, struct error *err)
{
    switch (u->kind) {
    case VIEW_ASSIGN_UUID:
        return assign_uuid(b, u->uuid, err);
    case VIEW_UPGRADE_FORMAT_VERSION:
        return upgrade(b, u->format_version, err);
    case VIEW_ADD_SCHEMA:
        return add_schema(b, u->schema, err);
    case VIEW_SET_LOCATION:
        return set_location(b, u->location, err);
    case VIEW_SET_PROPERTIES:
        set_properties(b, &u->properties);
        return true;
    case VIEW_REMOVE_PROPERTIES:
        remove_properties(b, &u->properties);
        return true;
    case VIEW_ADD_VERSION:
        return add_version(b, &u->version, err);
    default:
        return set_current(b, u->version_id, err);
    }
}

/* -- the end --------------------------------------------------------------------------------- */

static str dialects_of(const struct view_version *v, struct arena *a)
{
    str *names = arena_array(a, str, v->representations_n);
    size_t n = 0;
    for (size_t i = 0; i < v->representations_n; i++)
        if (!v->representations[i].json)
            names[n++] = v->representations[i].dialect;
    return arena_join(a, names, n, STR(", "));
}

static bool has_dialect(const struct view_version *v, str dialect)
{
    for (size_t i = 0; i < v->representations_n; i++)
        if (!v->representations[i].json && str_eq_nocase(v->representations[i].dialect, dialect))
            return true;
    return false;
}

/* V3, second half. */
static bool check_dropped_dialects(struct builder *b, const struct view_version *current,
                                   struct error *err)
{
    if (!b->base ||
        str_eq_nocase(property_get(&b->m.properties, DROP_DIALECT_ALLOWED, STR("")), STR("true")))
        return true;
    const struct view_version *before = view_metadata_current(b->base);
    for (size_t i = 0; i < before->representations_n; i++) {
        const struct view_representation *r = &before->representations[i];
        if (r->json || has_dialect(current, r->dialect))
            continue;
        return fail(err, ERR_INVALID,
                    "Cannot replace view due to loss of view dialects (" DROP_DIALECT_ALLOWED
                    "=false):\nPrevious dialects: [" STR_FMT "]\nNew dialects: [" STR_FMT "]",
                    STR_ARG(dialects_of(before, b->arena)),
                    STR_ARG(dialects_of(current, b->arena)));
    }
    return true;
}

static bool history_size(const struct builder *b, size_t *out, struct error *err)
{
    str text = property_get(&b->m.properties, HISTORY_SIZE, (str){ 0 });
    int64_t size = HISTORY_SIZE_DEFAULT;
    if (text.ptr && !str_to_i64(text, &size))
        return fail(err, ERR_INVALID, HISTORY_SIZE " must be a number but was " STR_FMT,
                    STR_ARG(str_sub(text, 0, 100)));
    if (size <= 0)
        return fail(err, ERR_INVALID, HISTORY_SIZE " must be positive but was %lld",
                    (long long)size);
    *out = size < VIEW_VERSIONS_MAX ? (size_t)size : VIEW_VERSIONS_MAX;
    return true;
}

static void finish_log(struct builder *b)
{
    struct view_log_entry *log = arena_array(b->arena, struct view_log_entry, b->m.log_n + 1);
    size_t n = b->m.log_n;
    for (size_t i = 0; i < n; i++)
        log[i] = b->m.log[i];
    if (b->moved) {
        size_t at = (size_t)find_version(b, b->m.current_version_id);
        bool added = at >= b->versions_before;
        log[n++] = (struct view_log_entry){ added ? b->versions.at[at].timestamp_ms : b->now_ms,
                                            b->m.current_version_id };
    }
    b->m.log = log;
    b->m.log_n = n;
}

static int newest_first(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a < b) - (a > b);
}

/* The smallest id that is kept beside the current version. */
static int32_t oldest_kept(const struct builder *b, size_t keep)
{
    int32_t *ids = arena_array(b->arena, int32_t, b->versions.n);
    size_t n = 0;
    for (size_t i = 0; i < b->versions.n; i++)
        if (b->versions.at[i].id != b->m.current_version_id)
            ids[n++] = b->versions.at[i].id;
    if (n > 1)
        qsort(ids, n, sizeof *ids, newest_first);
    return keep < 2 ? INT32_MAX : ids[keep - 2];
}

/* V4. */
static void expire(struct builder *b, size_t keep)
{
    size_t added = b->versions.n - b->versions_before, n = 0, log_n = 0;
    added += (size_t)find_version(b, b->m.current_version_id) < b->versions_before;
    keep = keep > added ? keep : added;
    if (b->versions.n <= keep)
        return;
    int32_t oldest = oldest_kept(b, keep);
    for (size_t i = 0; i < b->versions.n; i++)
        if (b->versions.at[i].id >= oldest || b->versions.at[i].id == b->m.current_version_id)
            b->versions.at[n++] = b->versions.at[i];
    b->versions.n = n;
    struct view_log_entry *log = arena_array(b->arena, struct view_log_entry, b->m.log_n);
    for (size_t i = 0; i < b->m.log_n; i++) {
        if (find_version(b, b->m.log[i].version_id) < 0)
            log_n = 0;
        else
            log[log_n++] = b->m.log[i];
    }
    b->m.log = log;
    b->m.log_n = log_n;
}

static bool finish(struct builder *b, const struct view_metadata **out, struct error *err)
{
    size_t keep = 0;
    if (b->m.location.len == 0)
        return fail(err, ERR_INVALID, "Invalid location: null");
    if (b->versions.n == 0)
        return fail(err, ERR_INVALID, "Invalid view: no versions were added");
    if (b->m.uuid.len == 0)
        return fail(err, ERR_INVALID, "Invalid view: it has no UUID");
    ptrdiff_t current = find_version(b, b->m.current_version_id);
    if (current < 0)
        return fail(err, ERR_INVALID, "Cannot find current version %d in view versions",
                    b->m.current_version_id);
    int32_t schema = b->versions.at[current].schema_id; /* of an old version it may be missing */
    if (!has_schema(b, schema))
        return fail(err, ERR_INVALID, "Cannot find current schema with id %d in schemas", schema);
    b->m.properties = (struct property_list){ b->properties.at, b->properties.n };
    if (!check_dropped_dialects(b, &b->versions.at[current], err) || !history_size(b, &keep, err))
        return false;
    finish_log(b);
    expire(b, keep);
    b->m.schemas = b->schemas.at;
    b->m.schemas_n = b->schemas.n;
    b->m.versions = b->versions.at;
    b->m.versions_n = b->versions.n;
    struct view_metadata *m = arena_new(b->arena, struct view_metadata);
    *m = b->m;
    *out = m;
    return true;
}

bool view_metadata_apply(const struct view_metadata *base, const struct view_update *updates,
                         size_t n, int64_t now_ms, struct arena *a,
                         const struct view_metadata **out, struct error *err)
{
    struct builder b;
    builder_init(&b, base, now_ms, a);
    for (size_t i = 0; i < n; i++)
        if (!apply_one(&b, &updates[i], err))
            return false;
    if (base && !b.changed) {
        *out = base;
        return true;
    }
    return finish(&b, out, err);
}
