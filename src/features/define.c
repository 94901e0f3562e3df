/* SPDX-License-Identifier: Apache-2.0 */
#include "features/define.h"

#include "base/time.h"
#include "base/vec.h"
#include "catalog/table.h"
#include "govern/access.h"
#include "codec/json.h"
#include "iceberg/metadata.h"
#include "sql/lake.h"
#include "io/yaml.h"

#define COLUMNS_SHOWN 40 /* in a message */

struct defining {
    const struct features_apply_request *req;
    const struct registry *known;
    struct catalog *catalog;
    struct govern *govern;
    struct arena *arena;
    VEC(struct definition) out;
    struct registry mine;   /* what the documents define */
    struct registry merged; /* with what is known already */
    const struct json **documents;
    str document, path; /* of the object at hand, for errors */
};

static const char *const sections[FEATURE_KINDS] = { "entities", "feature_views",
                                                     "feature_services" };

static bool fail_here(const struct defining *d, struct error *err)
{
    return fail_in(err, STR_FMT ": " STR_FMT, STR_ARG(d->document), STR_ARG(d->path));
}

/* ---- JSON with our words */

/* Unknown keys are typing errors. */
static bool check_keys(const struct json *obj, const char *const *known, size_t n, struct arena *a,
                       struct error *err)
{
    if (obj->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "must be a mapping, is %s", json_kind_name(obj->kind));
    for (size_t i = 0; i < obj->object.n; i++) {
        bool ok = false;
        for (size_t k = 0; k < n; k++)
            ok = ok || str_is(obj->object.members[i].key, known[k]);
        if (ok)
            continue;
        str *names = arena_array(a, str, n);
        for (size_t k = 0; k < n; k++)
            names[k] = str_of(known[k]);
        fail(err, ERR_INVALID, "unknown key " STR_FMT, STR_ARG(obj->object.members[i].key));
        return fail_hint(err, "known: " STR_FMT, STR_ARG(arena_join(a, names, n, STR(", "))));
    }
    return true;
}
#define CHECK_KEYS(obj, a, err, ...)                                                               \
    check_keys((obj), (const char *const[]){ __VA_ARGS__ },                                        \
               sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (a), (err))

static bool check_name(str name, const char *what, struct error *err)
{
    if (name.len == 0)
        return fail(err, ERR_INVALID, "%s is empty", what);
    if (name.len > FEATURE_NAME_MAX)
        return fail(err, ERR_LIMIT, "%s has %zu bytes, at most %d are allowed", what, name.len,
                    FEATURE_NAME_MAX);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
        if (!ok)
            return fail(err, ERR_INVALID,
                        "%s " STR_FMT " may hold letters, digits, '_', '-' and '.' only", what,
                        STR_ARG(name));
    }
    return true;
}

/* A list of names, not empty, none twice. */
static bool take_names(const struct json *obj, const char *key, struct arena *a, const str **out,
                       size_t *n, struct error *err)
{
    const struct json *list;
    if (!json_need_array(obj, key, &list, err))
        return false;
    if (list->array.n == 0)
        return fail(err, ERR_INVALID, "%s is empty", key);
    str *names = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *item = &list->array.items[i];
        if (item->kind != JSON_STR || item->s.len == 0)
            return fail(err, ERR_INVALID, "%s[%zu] must be a name, is %s", key, i,
                        json_kind_name(item->kind));
        for (size_t k = 0; k < i; k++)
            if (str_eq(names[k], item->s))
                return fail(err, ERR_INVALID, "%s names " STR_FMT " twice", key, STR_ARG(item->s));
        names[i] = item->s;
    }
    *out = names;
    *n = list->array.n;
    return true;
}

static bool take_tags(const struct json *obj, struct arena *a, struct feature_head *h,
                      struct error *err)
{
    const struct json *tags;
    if (!json_opt_obj(obj, "tags", &tags, err))
        return fail_hint(err, "tags is a mapping from names to texts");
    if (!tags)
        return true;
    if (tags->object.n > FEATURE_TAGS_MAX)
        return fail(err, ERR_LIMIT, "%zu tags, at most %d are allowed", tags->object.n,
                    FEATURE_TAGS_MAX);
    struct feature_tag *t = arena_array(a, struct feature_tag, tags->object.n);
    for (size_t i = 0; i < tags->object.n; i++) {
        const struct json_member *m = &tags->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "tags." STR_FMT " must be a text, is %s", STR_ARG(m->key),
                        json_kind_name(m->value.kind));
        t[i] = (struct feature_tag){ m->key, m->value.s };
    }
    h->tags = t;
    h->tags_n = tags->object.n;
    return true;
}

/* ---- Names of other objects, merged: the documents' before what is stored */

static struct map *map_of(struct registry *r, enum feature_kind kind)
{
    return kind == FEATURE_ENTITY ? &r->entities : kind == FEATURE_VIEW ? &r->views : &r->services;
}

static bool add_object(struct defining *d, struct feature_head *h, struct error *err)
{
    if (!map_add(map_of(&d->mine, h->kind), h->name, h))
        return fail(err, ERR_INVALID, "the %s " STR_FMT " is defined twice",
                    feature_kind_name(h->kind), STR_ARG(h->name));
    if (d->out.n == DEFINE_OBJECTS_MAX)
        return fail(err, ERR_LIMIT, "more than %d objects", DEFINE_OBJECTS_MAX);
    map_put(map_of(&d->merged, h->kind), h->name, h);
    *vec_push(d->arena, &d->out) = (struct definition){ h, d->document, d->path };
    return true;
}

/* Name, description and tags, which all kinds have; the name goes into the path. */
static bool take_head(struct defining *d, const struct json *obj, enum feature_kind kind, size_t i,
                      struct feature_head *h, struct error *err)
{
    h->kind = kind;
    if (!json_need_str(obj, "name", &h->name, err))
        return false;
    d->path = arena_printf(d->arena, "%s[%zu] (" STR_FMT ")", sections[kind], i, STR_ARG(h->name));
    return check_name(h->name, "the name", err) &&
           json_opt_str(obj, "description", (str){ 0 }, &h->description, err) &&
           take_tags(obj, d->arena, h, err);
}

/* ---- Entities */

static bool take_entity(struct defining *d, const struct json *obj, size_t i, struct error *err)
{
    struct feature_entity *e = arena_new(d->arena, struct feature_entity);
    if (!CHECK_KEYS(obj, d->arena, err, "name", "join_keys", "description", "tags") ||
        !take_head(d, obj, FEATURE_ENTITY, i, &e->head, err))
        return false;
    e->join_keys = &e->head.name;
    e->join_keys_n = 1;
    if (json_get(obj, "join_keys") &&
        !take_names(obj, "join_keys", d->arena, &e->join_keys, &e->join_keys_n, err))
        return false;
    e->head.body = entity_body(e, d->arena);
    return add_object(d, &e->head, err);
}

/* ---- Feature views */

static bool take_ttl(const struct json *obj, int64_t *out, struct error *err)
{
    const struct json *ttl = json_get(obj, "ttl");
    *out = 0;
    if (!ttl || ttl->kind == JSON_NULL || (ttl->kind == JSON_INT && ttl->i == 0))
        return true;
    if (ttl->kind == JSON_STR && time_parse_duration(ttl->s, out) && *out >= 0)
        return true;
    fail(err, ERR_INVALID, "ttl is no duration");
    return fail_hint(err, "durations have a unit: 90s, 15m, 2h, 7d, 1h30m; 0 means no limit");
}

static bool take_source(const struct json *obj, struct arena *a, struct feature_view *v,
                        struct error *err)
{
    const struct json *source;
    if (!json_need_obj(obj, "source", &source, err))
        return false;
    if (!CHECK_KEYS(source, a, err, "table", "timestamp_field", "created_timestamp_column") ||
        !json_need_str(source, "table", &v->table, err) ||
        !json_need_str(source, "timestamp_field", &v->timestamp_field, err) ||
        !json_opt_str(source, "created_timestamp_column", (str){ 0 }, &v->created_column, err))
        return fail_in(err, "source");
    return true;
}

static str column_list(const struct schema *s, struct arena *a)
{
    str names[COLUMNS_SHOWN + 1];
    size_t n = 0;
    for (; n < s->fields_n && n < COLUMNS_SHOWN; n++)
        names[n] = s->fields[n].name;
    if (n < s->fields_n)
        names[n++] = STR("...");
    return arena_join(a, names, n, STR(", "));
}

/* A column of the view's table; `what` says for what it is needed. */
static bool find_column(const struct feature_view *v, const struct schema *s, const char *what,
                        str name, struct arena *a, const struct field **out, struct error *err)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        if (str_eq(s->fields[i].name, name)) {
            *out = &s->fields[i];
            return true;
        }
    }
    fail(err, ERR_INVALID, "%s: the table " STR_FMT " has no column " STR_FMT, what,
         STR_ARG(v->table), STR_ARG(name));
    return fail_hint(err, "its columns: " STR_FMT, STR_ARG(column_list(s, a)));
}

static bool check_time(const struct feature_view *v, const struct schema *s, const char *what,
                       str name, struct arena *a, struct error *err)
{
    const struct field *f;
    if (!find_column(v, s, what, name, a, &f, err))
        return false;
    switch (f->type->kind) {
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return true;
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return fail(err, ERR_UNSUPPORTED, "%s: the column " STR_FMT " has nanoseconds", what,
                    STR_ARG(name)) ||
               fail_hint(err, "cast it to a timestamp of microseconds in a model");
    default:
        return fail(err, ERR_INVALID,
                    "%s: the column " STR_FMT " must be a timestamp or a date, is " STR_FMT, what,
                    STR_ARG(name), STR_ARG(type_format(f->type, a)));
    }
}

static bool add_key(struct feature_view *v, struct feature_key *keys, const struct schema *s,
                    str entity, str name, struct arena *a, struct error *err)
{
    const struct field *f;
    for (size_t i = 0; i < v->keys_n; i++)
        if (str_eq(keys[i].name, name))
            return fail(err, ERR_INVALID, "entities: the join key " STR_FMT " comes twice",
                        STR_ARG(name));
    if (v->keys_n == FEATURE_KEYS_MAX)
        return fail(err, ERR_LIMIT, "entities: more than %d join keys", FEATURE_KEYS_MAX);
    if (!find_column(v, s, "entities", name, a, &f, err))
        return fail_in(err, "join key of the entity " STR_FMT, STR_ARG(entity));
    if (dtype_key(f->type) == KEY_NONE)
        return fail(err, ERR_INVALID,
                    "entities: the join key " STR_FMT " has type " STR_FMT
                    ", must be int, long, string, date, uuid or boolean",
                    STR_ARG(name), STR_ARG(type_format(f->type, a)));
    keys[v->keys_n++] = (struct feature_key){ f->name, f->type };
    return true;
}

static bool resolve_keys(struct defining *d, struct feature_view *v, const struct schema *s,
                         struct error *err)
{
    struct feature_key *keys = arena_array(d->arena, struct feature_key, FEATURE_KEYS_MAX);
    for (size_t i = 0; i < v->entities_n; i++) {
        const struct feature_entity *e = map_get(&d->merged.entities, v->entities[i]);
        if (!e) {
            fail(err, ERR_INVALID, "entities[%zu]: there is no entity " STR_FMT, i,
                 STR_ARG(v->entities[i]));
            return fail_hint(err, "entities: " STR_FMT,
                             STR_ARG(registry_names(&d->merged, FEATURE_ENTITY, d->arena)));
        }
        for (size_t k = 0; k < e->join_keys_n; k++)
            if (!add_key(v, keys, s, e->head.name, e->join_keys[k], d->arena, err))
                return false;
    }
    v->keys = keys;
    return true;
}

static bool is_key(const struct feature_view *v, str name)
{
    for (size_t i = 0; i < v->keys_n; i++)
        if (str_eq(v->keys[i].name, name))
            return true;
    return false;
}

static bool declared_column(struct defining *d, struct feature_view *v, const struct schema *s,
                            const struct json *item, struct feature_column *out, struct error *err)
{
    str word;
    const struct field *f;
    if (!CHECK_KEYS(item, d->arena, err, "name", "dtype") ||
        !json_need_str(item, "name", &out->name, err) ||
        !json_need_str(item, "dtype", &word, err) ||
        !find_column(v, s, "name", out->name, d->arena, &f, err))
        return false;
    if (is_key(v, out->name))
        return fail(err, ERR_INVALID, STR_FMT " is a join key", STR_ARG(out->name));
    if (!dtype_parse(word, &out->dtype))
        return fail(err, ERR_INVALID, "dtype " STR_FMT " is not known", STR_ARG(word)) ||
               fail_hint(err, "known: %s", dtype_words());
    if (!dtype_fits(out->dtype, f->type))
        return fail(
            err, ERR_INVALID, "dtype %s does not fit the column " STR_FMT " of type " STR_FMT,
            dtype_name(out->dtype), STR_ARG(out->name), STR_ARG(type_format(f->type, d->arena)));
    out->type = f->type;
    out->field_id = f->id;
    return true;
}

static bool declared_columns(struct defining *d, struct feature_view *v, const struct schema *s,
                             const struct json *list, struct error *err)
{
    struct feature_column *c = arena_array(d->arena, struct feature_column, list->array.n);
    v->columns = c;
    if (list->array.n == 0)
        return fail(err, ERR_INVALID, "schema is empty") ||
               fail_hint(err, "leave it out to take all columns of the table");
    for (size_t i = 0; i < list->array.n; i++, v->columns_n++) {
        if (!declared_column(d, v, s, &list->array.items[i], &c[i], err))
            return fail_in(err, "schema[%zu]", i);
        for (size_t k = 0; k < i; k++)
            if (str_eq(c[k].name, c[i].name))
                return fail(err, ERR_INVALID, "schema[%zu]: " STR_FMT " comes twice", i,
                            STR_ARG(c[i].name));
    }
    return true;
}

static bool all_columns(struct defining *d, struct feature_view *v, const struct schema *s,
                        struct error *err)
{
    struct feature_column *c = arena_array(d->arena, struct feature_column, s->fields_n);
    v->columns = c;
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct field *f = &s->fields[i];
        if (is_key(v, f->name) || str_eq(f->name, v->timestamp_field) ||
            str_eq(f->name, v->created_column))
            continue;
        struct feature_column *out = &c[v->columns_n++];
        *out = (struct feature_column){ .name = f->name, .type = f->type, .field_id = f->id };
        if (!dtype_of(f->type, &out->dtype))
            return fail(err, ERR_UNSUPPORTED,
                        "the column " STR_FMT " has type " STR_FMT ", which cannot be a feature",
                        STR_ARG(f->name), STR_ARG(type_format(f->type, d->arena))) ||
                   fail_hint(err, "list the columns that can in schema");
    }
    if (v->columns_n == 0)
        return fail(err, ERR_INVALID, "the table " STR_FMT " has no columns besides keys and times",
                    STR_ARG(v->table));
    return true;
}

/* Who makes a view shows its table to whoever may read the view, so they must be able to read it themselves. */
static bool may_define(struct defining *d, const struct feature_view *v, str ns, str name,
                       struct error *err)
{
    struct securable view = { .kind = SECURABLE_FEATURE_VIEW, .name = v->head.name };
    struct securable table = secure_in(SECURABLE_TABLE, ns, name, d->arena);
    return access_check_in(d->govern, d->req->access, FEATURE_VIEW_CREATE, &view, d->req->branch,
                           err) &&
           access_check_in(d->govern, d->req->access, TABLE_READ_DATA, &table, d->req->branch, err);
}

static bool resolve_view(struct defining *d, struct feature_view *v, const struct json *obj,
                         struct error *err)
{
    str ns, name;
    struct table t;
    const struct json *columns;
    if (!name_split(v->table, d->arena, &ns, &name, err) || !may_define(d, v, ns, name, err) ||
        !catalog_load_table(d->catalog, d->req->branch, ns, name, d->arena, &t, err))
        return fail_in(err, "source.table");
    const struct schema *s = metadata_schema(t.metadata);
    if (!check_time(v, s, "source.timestamp_field", v->timestamp_field, d->arena, err) ||
        (v->created_column.len &&
         !check_time(v, s, "source.created_timestamp_column", v->created_column, d->arena, err)) ||
        !resolve_keys(d, v, s, err) || !json_opt_array(obj, "schema", &columns, err))
        return false;
    if (!(columns ? declared_columns(d, v, s, columns, err) : all_columns(d, v, s, err)))
        return false;
    if (v->columns_n > FEATURE_COLUMNS_MAX)
        return fail(err, ERR_LIMIT, "%zu features, at most %d are allowed", v->columns_n,
                    FEATURE_COLUMNS_MAX);
    return true;
}

static bool take_view(struct defining *d, const struct json *obj, size_t i, struct error *err)
{
    struct feature_view *v = arena_new(d->arena, struct feature_view);
    if (!CHECK_KEYS(obj, d->arena, err, "name", "entities", "ttl", "online", "source", "schema",
                    "description", "tags") ||
        !take_head(d, obj, FEATURE_VIEW, i, &v->head, err) ||
        !take_names(obj, "entities", d->arena, &v->entities, &v->entities_n, err) ||
        !take_ttl(obj, &v->ttl_us, err) || !json_opt_bool(obj, "online", false, &v->online, err) ||
        !take_source(obj, d->arena, v, err) || !resolve_view(d, v, obj, err))
        return false;
    v->head.body = view_body(v, d->arena);
    return add_object(d, &v->head, err);
}

/* ---- Feature services */

static bool check_service(struct defining *d, const struct feature_service *s, struct error *err)
{
    struct feature_selection *selection;
    size_t n;
    enum feast_error why;
    struct feature_refs refs = { .refs = s->refs, .n = s->refs_n };
    if (registry_select(&d->merged, &refs, d->arena, &selection, &n, &why, err))
        return true;
    err->code = ERR_INVALID;
    return fail_in(err, "features");
}

static bool take_service(struct defining *d, const struct json *obj, size_t i, struct error *err)
{
    struct feature_service *s = arena_new(d->arena, struct feature_service);
    if (!CHECK_KEYS(obj, d->arena, err, "name", "features", "description", "tags") ||
        !take_head(d, obj, FEATURE_SERVICE, i, &s->head, err) ||
        !take_names(obj, "features", d->arena, &s->refs, &s->refs_n, err) ||
        !check_service(d, s, err))
        return false;
    s->head.body = service_body(s, d->arena);
    return add_object(d, &s->head, err);
}

/* ---- Documents */

static bool (*const takers[FEATURE_KINDS])(struct defining *d, const struct json *obj, size_t i,
                                           struct error *err) = {
    [FEATURE_ENTITY] = take_entity,
    [FEATURE_VIEW] = take_view,
    [FEATURE_SERVICE] = take_service,
};

static bool take_section(struct defining *d, const struct json *doc, enum feature_kind kind,
                         struct error *err)
{
    const struct json *list;
    d->path = str_of(sections[kind]);
    if (!json_opt_array(doc, sections[kind], &list, err))
        return fail_here(d, err);
    for (size_t i = 0; list && i < list->array.n; i++) {
        d->path = arena_printf(d->arena, "%s[%zu]", sections[kind], i);
        if (!takers[kind](d, &list->array.items[i], i, err))
            return fail_here(d, err);
    }
    return true;
}

static bool parse_documents(struct defining *d, struct error *err)
{
    if (d->req->documents_n > FEATURE_DOCUMENTS_MAX)
        return fail(err, ERR_LIMIT, "%zu documents, at most %d are allowed", d->req->documents_n,
                    FEATURE_DOCUMENTS_MAX);
    d->documents = arena_array(d->arena, const struct json *, d->req->documents_n);
    for (size_t i = 0; i < d->req->documents_n; i++) {
        const struct feature_document *doc = &d->req->documents[i];
        if (!yaml_parse(doc->text, doc->name, d->arena, &d->documents[i], err))
            return false;
        if (d->documents[i]->kind == JSON_NULL) /* empty */
            continue;
        if (!CHECK_KEYS(d->documents[i], d->arena, err, "entities", "feature_views",
                        "feature_services"))
            return fail_in(err, STR_FMT, STR_ARG(doc->name));
    }
    return true;
}

static void start_merged(struct defining *d)
{
    for (int kind = 0; kind < FEATURE_KINDS; kind++) {
        const struct map *known = registry_map(d->known, (enum feature_kind)kind);
        map_init(map_of(&d->mine, (enum feature_kind)kind), d->arena);
        map_init(map_of(&d->merged, (enum feature_kind)kind), d->arena);
        for (size_t i = 0; i < known->n; i++)
            map_put(map_of(&d->merged, (enum feature_kind)kind), known->entries[i].key,
                    known->entries[i].value);
    }
}

static bool same_keys(const struct feature_entity *x, const struct feature_entity *y)
{
    if (x->join_keys_n != y->join_keys_n)
        return false;
    for (size_t i = 0; i < x->join_keys_n; i++)
        if (!str_eq(x->join_keys[i], y->join_keys[i]))
            return false;
    return true;
}

/* A stored view whose entity changes its keys has to be applied with it. */
static bool check_stored_view(const struct defining *d, const struct feature_view *v,
                              struct error *err)
{
    for (size_t i = 0; i < v->entities_n; i++) {
        const struct feature_entity *now = map_get(&d->mine.entities, v->entities[i]);
        const struct feature_entity *was = map_get(&d->known->entities, v->entities[i]);
        if (now && was && !same_keys(now, was))
            return fail(err, ERR_INVALID,
                        "the join keys of entity " STR_FMT " change, and feature view " STR_FMT
                        " uses them",
                        STR_ARG(v->entities[i]), STR_ARG(v->head.name)) ||
                   fail_hint(err, "apply the view's definition together with the entity's");
    }
    return true;
}

/* What is stored and not in the documents must still hold after the change. */
static bool check_stored(struct defining *d, struct error *err)
{
    const struct map *views = &d->known->views, *services = &d->known->services;
    for (size_t i = 0; i < views->n; i++)
        if (!map_get(&d->mine.views, views->entries[i].key) &&
            !check_stored_view(d, views->entries[i].value, err))
            return false;
    for (size_t i = 0; i < services->n; i++)
        if (!map_get(&d->mine.services, services->entries[i].key) &&
            !check_service(d, services->entries[i].value, err))
            return fail_in(err, "feature service " STR_FMT " would break",
                           STR_ARG(services->entries[i].key));
    return true;
}

bool define(const struct features_apply_request *req, const struct registry *known,
            struct lake *lake, struct arena *a, struct definitions *out, struct error *err)
{
    struct defining d = {
        .req = req, .known = known, .catalog = lake->catalog, .govern = lake->govern, .arena = a
    };
    start_merged(&d);
    if (!parse_documents(&d, err))
        return false;
    for (int kind = 0; kind < FEATURE_KINDS; kind++) {
        for (size_t i = 0; i < req->documents_n; i++) {
            d.document = req->documents[i].name;
            if (d.documents[i]->kind == JSON_OBJECT &&
                !take_section(&d, d.documents[i], (enum feature_kind)kind, err))
                return false;
        }
    }
    *out = (struct definitions){ d.out.at, d.out.n };
    return check_stored(&d, err);
}
