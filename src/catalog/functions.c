/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions: kept for engines, run by none of ours.  Their names are their own: a table may have the same. */
#include "catalog/view_priv.h"
#include "iceberg/function.h"
#include "iceberg/metadata.h"

struct function_request {
    str ns, name, text;
    bool replace;
    struct catalog_function *out;
    const struct function_metadata *metadata; /* of the last attempt */
    str written;
};

static bool check_names(str ns, str name, struct error *err)
{
    return ns_check(ns, err) && name_check(name, err);
}

static bool find_entry(struct view *v, str ns, str name, struct arena *a, bool *found,
                       struct entry *out, str *value, struct error *err)
{
    return view_entry(v, key_entry(ENTRY_FUNCTION, ns, name, a), a, found, out, value, err);
}

static bool need_entry(struct view *v, str ns, str name, struct arena *a, struct entry *out,
                       str *value, struct error *err)
{
    bool found;
    if (!view_need_namespace(v, ns, a, err) || !find_entry(v, ns, name, a, &found, out, value, err))
        return false;
    return found || fail(err, ERR_NOT_FOUND, "Function does not exist: " STR_FMT,
                         STR_ARG(name_to_text(ns, name, a)));
}

static void fill(struct catalog_function *out, const struct function_request *r, str location,
                 str commit, struct arena *a)
{
    *out = (struct catalog_function){ .ns = arena_str(a, r->ns),
                                      .name = arena_str(a, r->name),
                                      .commit_id = commit,
                                      .metadata_location = arena_str(a, location),
                                      .metadata = r->metadata };
}

bool catalog_load_function(struct catalog *c, str ref, str ns, str name, struct arena *a,
                           struct catalog_function *out, struct error *err)
{
    struct function_request r = { .ns = ns, .name = name };
    struct view v;
    struct entry e;
    str value;
    if (!check_names(ns, name, err) || !view_open(c, ref, a, &v, err))
        return false;
    bool ok = need_entry(&v, ns, name, a, &e, &value, err);
    view_close(&v);
    if (!ok || !function_file_load(c, e.location, e.uuid, a, &r.metadata, err))
        return false;
    fill(out, &r, e.location, sha_text(&v.commit.id, a), a);
    return true;
}

/* Below the location that the function names, or that of its own. */
static bool base_location(struct function_request *r, struct attempt *t, str *out,
                          struct error *err)
{
    const struct function_metadata *m = r->metadata;
    *out = m->location;
    while (out->len > 1 && str_ends(*out, STR("/")))
        out->len--;
    if (out->len)
        return check_place(t->catalog, "location", *out, t->arena, err);
    *out = table_default_location(t->catalog, r->ns, r->name, m->uuid, t->arena);
    return true;
}

static bool plan_put(void *ctx, struct attempt *t, struct error *err)
{
    struct function_request *r = ctx;
    struct entry e;
    bool found;
    str value, base, previous = { 0 };
    if (!view_need_namespace(&t->view, r->ns, t->arena, err) ||
        !find_entry(&t->view, r->ns, r->name, t->arena, &found, &e, &value, err) ||
        !base_location(r, t, &base, err))
        return false;
    if (found && !r->replace)
        return fail(err, ERR_EXISTS, "Function already exists: " STR_FMT,
                    STR_ARG(name_to_text(r->ns, r->name, t->arena)));
    if (found && !str_eq_nocase(e.uuid, r->metadata->uuid))
        return fail(err, ERR_CONFLICT,
                    "Requirement failed: function UUID does not match: expected " STR_FMT
                    " != " STR_FMT,
                    STR_ARG(e.uuid), STR_ARG(r->metadata->uuid));
    if (found)
        previous = arena_str(t->arena, e.location);
    else
        attempt_need(t, key_namespace(r->ns, t->arena));
    view_close(&t->view);
    bool ok = function_file_save(t->catalog, r->metadata, base, previous, t->out, &r->written, err);
    *vec_push(t->arena, &t->written) = r->written;
    e = (struct entry){ .type = ENTRY_FUNCTION,
                        .uuid = r->metadata->uuid,
                        .location = r->written,
                        .snapshot_id = SNAPSHOT_NONE };
    str encoded;
    if (!ok || !entry_encode(&e, t->arena, &encoded, err))
        return false;
    attempt_put(t, key_entry(ENTRY_FUNCTION, r->ns, r->name, t->arena), ENTRY_FUNCTION,
                found ? value : (str){ 0 }, encoded);
    return true;
}

static bool stored(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                   struct error *err)
{
    struct function_request *r = ctx;
    str id = sha_text(commit, t->out);
    if (replayed)
        return catalog_load_function(t->catalog, id, r->ns, r->name, t->out, r->out, err);
    fill(r->out, r, r->written, id, t->out);
    return true;
}

bool catalog_put_function(struct catalog *c, str ref, str ns, str name, str metadata, bool replace,
                          const struct commit_info *info, struct arena *a,
                          struct catalog_function *out, struct error *err)
{
    struct function_request r = { .ns = ns, .name = name, .replace = replace, .out = out };
    if (!check_names(ns, name, err))
        return false;
    if (!function_metadata_parse(metadata, a, &r.metadata, err)) {
        if (err->code == ERR_CORRUPT)
            err->code = ERR_INVALID; /* a request's, not a stored file's */
        return false;
    }
    str what = arena_printf(a, "put function " STR_FMT, STR_ARG(name_to_text(ns, name, a)));
    return attempt_run(c, ref, info, what, plan_put, stored, &r, a, NULL, err);
}

static bool plan_drop(void *ctx, struct attempt *t, struct error *err)
{
    struct function_request *r = ctx;
    struct entry e;
    str value;
    if (!need_entry(&t->view, r->ns, r->name, t->arena, &e, &value, err))
        return false;
    attempt_remove(t, key_entry(ENTRY_FUNCTION, r->ns, r->name, t->arena), ENTRY_FUNCTION, value);
    return true;
}

bool catalog_drop_function(struct catalog *c, str ref, str ns, str name,
                           const struct commit_info *info, struct arena *a, str *commit_id,
                           struct error *err)
{
    struct function_request r = { .ns = ns, .name = name };
    str what = arena_printf(a, "drop function " STR_FMT, STR_ARG(name_to_text(ns, name, a)));
    return check_names(ns, name, err) &&
           attempt_run(c, ref, info, what, plan_drop, NULL, &r, a, commit_id, err);
}
