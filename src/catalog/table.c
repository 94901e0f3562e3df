/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables one at a time: load, create, register, drop.  Commits are in table_commit.c, names change in rename.c. */
#include "catalog/confine.h"
#include "catalog/refs.h"
#include "catalog/table_priv.h"
#include "codec/uuid.h"
#include "iceberg/metadata.h"
#include "io/store.h"

#define FORMAT_VERSION_DEFAULT 2

static bool check_names(str ns, str name, struct error *err)
{
    return ns_check(ns, err) && name_check(name, err);
}

static bool no_table(str ns, str name, struct arena *a, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "Table does not exist: " STR_FMT,
                STR_ARG(name_to_text(ns, name, a)));
}

bool table_entry(struct view *v, str ns, str name, struct arena *a, struct entry *out, str *value,
                 struct error *err)
{
    bool found;
    if (!view_entry(v, key_entry(ENTRY_TABLE, ns, name, a), a, &found, out, value, err))
        return false;
    return (found && out->type == ENTRY_TABLE) || no_table(ns, name, a, err);
}

bool catalog_load_table(struct catalog *c, str ref, str ns, str name, struct arena *a,
                        struct table *out, struct error *err)
{
    struct view v;
    struct entry e;
    str value;
    const struct metadata *m;
    if (!check_names(ns, name, err) || !view_open(c, ref, a, &v, err))
        return false;
    bool ok = table_entry(&v, ns, name, a, &e, &value, err);
    view_close(&v);
    if (!ok || !metadata_load(c, e.location, e.uuid, a, &m, err))
        return false;
    metadata_table(m, ref, ns, name, e.location, sha_text(&v.commit.id, a), a, out);
    return true;
}

bool catalog_table_exists(struct catalog *c, str ref, str ns, str name, bool *out,
                          struct error *err)
{
    if (!check_names(ns, name, err))
        return false;
    struct arena *a = arena_create(0);
    struct view v;
    struct entry e;
    str value;
    bool ok = view_open(c, ref, a, &v, err);
    if (ok) {
        ok = view_entry(&v, key_entry(ENTRY_TABLE, ns, name, a), a, out, &e, &value, err);
        view_close(&v);
    }
    *out = ok && *out && e.type == ENTRY_TABLE;
    arena_destroy(a);
    return ok;
}

bool table_need_free(struct attempt *t, str ns, str name, struct error *err)
{
    struct entry e;
    bool found;
    str value;
    if (!view_need_namespace(&t->view, ns, t->arena, err) ||
        !view_entry(&t->view, key_entry(ENTRY_TABLE, ns, name, t->arena), t->arena, &found, &e,
                    &value, err))
        return false;
    if (found)
        return fail(err, ERR_EXISTS, "%s already exists: " STR_FMT,
                    e.type == ENTRY_VIEW ? "View with same name" : "Table",
                    STR_ARG(name_to_text(ns, name, t->arena)));
    attempt_need(t, key_namespace(ns, t->arena));
    return true;
}

bool table_plan_entry(struct attempt *t, str key, const struct metadata *m, str location,
                      str old_value, struct error *err)
{
    str value;
    struct entry e = metadata_entry(m, location);
    if (!entry_encode(&e, t->arena, &value, err))
        return false;
    attempt_put(t, key, ENTRY_TABLE, old_value, value);
    return true;
}

bool table_plan_put(struct attempt *t, str ns, str name, const struct metadata *m,
                    str previous_location, str old_value, str *location, struct error *err)
{
    bool saved = metadata_save(t->catalog, m, previous_location, t->out, location, NULL, err);
    *vec_push(t->arena, &t->written) = *location;
    return saved && table_plan_entry(t, key_entry(ENTRY_TABLE, ns, name, t->arena), m, *location,
                                     old_value, err);
}

struct create {
    const struct table_create *req;
    struct table *out;
    const struct metadata *metadata; /* of the last attempt */
    str location, ref;
};

str table_default_location(struct catalog *c, str ns, str name, str uuid, struct arena *a)
{
    return arena_printf(a, STR_FMT "/" STR_FMT "-" STR_FMT,
                        STR_ARG(catalog_namespace_location(c, ns, a)),
                        STR_ARG(name_folder(name, a)), STR_ARG(uuid));
}

/* Where a new table goes when nobody says: below the `location` of its namespace, else of the warehouse. */
static bool choose_location(struct attempt *t, const struct table_create *req, str uuid, str *out,
                            struct error *err)
{
    struct entry e = { 0 };
    bool found;
    str value;
    *out = req->location;
    if (req->location.len)
        return true;
    if (!view_entry(&t->view, key_namespace(req->ns, t->arena), t->arena, &found, &e, &value, err))
        return false;
    struct property_list props = { e.props, e.props_n };
    str base = property_get(&props, "location", (str){ 0 });
    while (base.len > 1 && str_ends(base, STR("/")))
        base.len--;
    *out = base.len ? arena_printf(t->out, STR_FMT "/" STR_FMT "-" STR_FMT, STR_ARG(base),
                                   STR_ARG(name_folder(req->name, t->arena)), STR_ARG(uuid))
                    : table_default_location(t->catalog, req->ns, req->name, uuid, t->out);
    return true;
}

str table_new_uuid(struct catalog *c, struct arena *a)
{
    char text[UUID_TEXT_LEN + 1];
    uint8_t random[16];
    env_random(c->env, random, sizeof random);
    struct uuid id = uuid_v4(random);
    return arena_str(a, uuid_format(&id, text));
}

/* What the request does not say about itself. */
static struct property_list with_defaults(const struct table_create *req, struct arena *a)
{
    static const struct property defaults[] = {
        { STR_INIT("write.parquet.compression-codec"), STR_INIT("zstd") },
    };
    size_t n = req->props_n, defaults_n = sizeof defaults / sizeof *defaults;
    struct property *props = arena_array(a, struct property, n + defaults_n);
    for (size_t i = 0; i < n; i++)
        props[i] = req->props[i];
    struct property_list given = { req->props, req->props_n };
    for (size_t i = 0; i < defaults_n; i++)
        if (!property_get(&given, defaults[i].key.ptr, (str){ 0 }).ptr)
            props[n++] = defaults[i];
    return (struct property_list){ props, n };
}

static bool format_version(const struct table_create *req, int *out, struct error *err)
{
    struct property_list given = { req->props, req->props_n };
    str text = property_get(&given, "format-version", (str){ 0 });
    int64_t version = FORMAT_VERSION_DEFAULT;
    if (text.ptr && (!str_to_i64(text, &version) || version < 1 || version > FORMAT_VERSION_MAX))
        return fail(err, ERR_INVALID, "format-version \"" STR_FMT "\" is not 1 to %d",
                    STR_ARG(text), FORMAT_VERSION_MAX);
    *out = (int)version;
    return true;
}

static bool make_metadata(struct attempt *t, struct create *cr, struct error *err)
{
    const struct table_create *req = cr->req;
    str uuid = table_new_uuid(t->catalog, t->out);
    struct property_list props = with_defaults(req, t->out);
    str location;
    int version = 0;
    return choose_location(t, req, uuid, &location, err) && format_version(req, &version, err) &&
           metadata_create(req->schema, req->spec, req->order, location, &props, version, uuid,
                           env_now_ms(t->catalog->env), t->out, &cr->metadata, err) &&
           metadata_check_places(t->catalog, NULL, cr->metadata, err);
}

/* Other than what is made for it. */
static bool names_places(const struct table_create *req)
{
    bool any = req->location.len > 0;
    for (size_t i = 0; i < req->props_n; i++)
        any |= str_starts(req->props[i].key, STR("write.")) &&
               str_ends(req->props[i].key, STR(".path"));
    return any;
}

static bool plan_create(void *ctx, struct attempt *t, struct error *err)
{
    struct create *cr = ctx;
    const struct table_create *req = cr->req;
    if (!table_need_free(t, req->ns, req->name, err) || !make_metadata(t, cr, err))
        return false;
    view_close(&t->view);
    if (t->info && t->info->confined && names_places(req) &&
        !confine_check(t->catalog, cr->ref, req->ns, req->name, NULL, cr->metadata, NULL, err))
        return false;
    t->finished = req->stage;
    return t->finished || table_plan_put(t, req->ns, req->name, cr->metadata, (str){ 0 },
                                         (str){ 0 }, &cr->location, err);
}

static bool created(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                    struct error *err)
{
    struct create *cr = ctx;
    const struct table_create *req = cr->req;
    str id = sha_text(commit, t->out);
    if (replayed)
        return catalog_load_table(t->catalog, id, req->ns, req->name, t->out, cr->out, err);
    metadata_table(cr->metadata, cr->ref, req->ns, req->name, cr->location, id, t->out, cr->out);
    return true;
}

static str what_of(const char *verb, str ns, str name, struct arena *a)
{
    return arena_printf(a, "%s table " STR_FMT, verb, STR_ARG(name_to_text(ns, name, a)));
}

bool catalog_create_table(struct catalog *c, str ref, const struct table_create *req,
                          const struct commit_info *info, struct arena *a, struct table *out,
                          struct error *err)
{
    struct create cr = { .req = req, .out = out, .ref = ref };
    return check_names(req->ns, req->name, err) &&
           attempt_run(c, ref, info,
                       what_of(req->stage ? "stage" : "create", req->ns, req->name, a), plan_create,
                       created, &cr, a, NULL, err);
}

struct table_request {
    str ns, name, location;
    bool purge, overwrite;
    struct table *out;
    const struct metadata *metadata;
    str ref;
};

static bool plan_register(void *ctx, struct attempt *t, struct error *err)
{
    struct table_request *r = ctx;
    struct entry e;
    bool found;
    str old = { 0 }, key = key_entry(ENTRY_TABLE, r->ns, r->name, t->arena);
    if (!view_entry(&t->view, key, t->arena, &found, &e, &old, err))
        return false;
    if (!(found && r->overwrite && e.type == ENTRY_TABLE)) {
        if (!table_need_free(t, r->ns, r->name, err))
            return false;
        old = (str){ 0 };
    }
    view_close(&t->view);
    if (!check_place(t->catalog, "metadata-location", r->location, t->arena, err) ||
        !metadata_load(t->catalog, r->location, (str){ 0 }, t->out, &r->metadata, err) ||
        !metadata_check_places(t->catalog, NULL, r->metadata, err) ||
        (t->info && t->info->confined &&
         !confine_check(t->catalog, r->ref, r->ns, r->name, NULL, r->metadata, NULL, err)))
        return false;
    return table_plan_entry(t, key, r->metadata, r->location, old, err);
}

static bool registered(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                       struct error *err)
{
    struct table_request *r = ctx;
    str id = sha_text(commit, t->out);
    if (replayed)
        return catalog_load_table(t->catalog, id, r->ns, r->name, t->out, r->out, err);
    metadata_table(r->metadata, r->ref, r->ns, r->name, arena_str(t->out, r->location), id, t->out,
                   r->out);
    return true;
}

bool catalog_register_table(struct catalog *c, str ref, str ns, str name, str metadata_location,
                            bool overwrite, const struct commit_info *info, struct arena *a,
                            struct table *out, struct error *err)
{
    struct table_request r = { .ns = ns,
                               .name = name,
                               .location = metadata_location,
                               .overwrite = overwrite,
                               .out = out,
                               .ref = ref };
    return check_names(ns, name, err) && attempt_run(c, ref, info, what_of("register", ns, name, a),
                                                     plan_register, registered, &r, a, NULL, err);
}

/* The folder of a dropped table goes on the list; what else reaches its files, the collector finds
 * out. */
static bool list_location(const struct table_request *r, const struct entry *e, struct attempt *t,
                          struct error *err)
{
    const struct metadata *m;
    if (!r->purge)
        return true;
    if (!metadata_load(t->catalog, e->location, e->uuid, t->arena, &m, err))
        return false;
    str *locations = arena_array(t->arena, str, 1);
    locations[0] = m->location;
    t->request.garbage = locations;
    t->request.garbage_n = 1;
    return true;
}

static bool plan_drop(void *ctx, struct attempt *t, struct error *err)
{
    struct table_request *r = ctx;
    struct entry e;
    str value;
    if (!table_entry(&t->view, r->ns, r->name, t->arena, &e, &value, err) ||
        !list_location(r, &e, t, err))
        return false;
    attempt_remove(t, key_entry(ENTRY_TABLE, r->ns, r->name, t->arena), ENTRY_TABLE, value);
    return true;
}

bool catalog_drop_table(struct catalog *c, str ref, str ns, str name, bool purge,
                        const struct commit_info *info, struct arena *a, str *commit_id,
                        struct error *err)
{
    struct table_request r = { .ns = ns, .name = name, .purge = purge };
    return check_names(ns, name, err) && attempt_run(c, ref, info, what_of("drop", ns, name, a),
                                                     plan_drop, NULL, &r, a, commit_id, err);
}

static bool plan_unregister(void *ctx, struct attempt *t, struct error *err)
{
    struct table_request *r = ctx;
    struct entry e;
    str value;
    if (!table_entry(&t->view, r->ns, r->name, t->arena, &e, &value, err) ||
        !metadata_load(t->catalog, e.location, e.uuid, t->out, &r->metadata, err))
        return false;
    r->location = arena_str(t->out, e.location);
    attempt_remove(t, key_entry(ENTRY_TABLE, r->ns, r->name, t->arena), ENTRY_TABLE, value);
    return true;
}

/* Of a request that comes again, the table is in the commit before. */
static bool unregistered(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                         struct error *err)
{
    struct table_request *r = ctx;
    struct log_page log;
    if (!replayed)
        return registered(ctx, t, commit, false, err);
    if (!catalog_log(t->catalog, sha_text(commit, t->out), (str){ 0 }, 1, t->out, &log, err))
        return false;
    return catalog_load_table(t->catalog, log.commits[0].parents[0], r->ns, r->name, t->out, r->out,
                              err);
}

bool catalog_unregister_table(struct catalog *c, str ref, str ns, str name,
                              const struct commit_info *info, struct arena *a, struct table *out,
                              struct error *err)
{
    struct table_request r = { .ns = ns, .name = name, .out = out, .ref = ref };
    return check_names(ns, name, err) &&
           attempt_run(c, ref, info, what_of("unregister", ns, name, a), plan_unregister,
                       unregistered, &r, a, NULL, err);
}
