/* SPDX-License-Identifier: Apache-2.0
 *
 * Views: create, load, replace, register, drop (names change in rename.c).  They stand among the tables, so that a name is one or the other;
 * which of the two it is, is in the words of every refusal, because clients compare them. */
#include "catalog/views.h"

#include "catalog/view_priv.h"
#include "iceberg/view.h"

struct view_request {
    str ns, name, location, ref;
    const struct view_requirement *requirements;
    size_t requirements_n;
    const struct view_update *updates;
    size_t updates_n;
    struct catalog_view *out;
    const struct view_metadata *metadata; /* of the last attempt */
    str written;                          /* its file */
};

static bool check_names(str ns, str name, struct error *err)
{
    return ns_check(ns, err) && name_check(name, err);
}

static bool no_view(str ns, str name, struct arena *a, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "View does not exist: " STR_FMT,
                STR_ARG(name_to_text(ns, name, a)));
}

/* The entry under the name, whatever it is. */
static bool find_entry(struct view *v, str ns, str name, struct arena *a, bool *found,
                       struct entry *out, str *value, struct error *err)
{
    return view_entry(v, key_entry(ENTRY_VIEW, ns, name, a), a, found, out, value, err);
}

static bool need_view(struct view *v, str ns, str name, struct arena *a, struct entry *out,
                      str *value, struct error *err)
{
    bool found;
    if (!find_entry(v, ns, name, a, &found, out, value, err))
        return false;
    return (found && out->type == ENTRY_VIEW) || no_view(ns, name, a, err);
}

static str what_of(const char *verb, str ns, str name, struct arena *a)
{
    return arena_printf(a, "%s view " STR_FMT, verb, STR_ARG(name_to_text(ns, name, a)));
}

static void fill(struct catalog_view *out, const struct view_request *r, str location, str commit,
                 struct arena *a)
{
    *out = (struct catalog_view){ .ns = arena_str(a, r->ns),
                                  .name = arena_str(a, r->name),
                                  .ref = arena_str(a, r->ref.len ? r->ref : MAIN_BRANCH),
                                  .commit_id = commit,
                                  .metadata_location = arena_str(a, location),
                                  .metadata = r->metadata };
}

/* ---- reading ---- */

bool catalog_load_view(struct catalog *c, str ref, str ns, str name, struct arena *a,
                       struct catalog_view *out, struct error *err)
{
    struct view_request r = { .ns = ns, .name = name, .ref = ref };
    struct view v;
    struct entry e;
    str value;
    if (!check_names(ns, name, err) || !view_open(c, ref, a, &v, err))
        return false;
    bool ok = need_view(&v, ns, name, a, &e, &value, err);
    view_close(&v);
    if (!ok || !view_file_load(c, e.location, e.uuid, a, &r.metadata, err))
        return false;
    fill(out, &r, e.location, sha_text(&v.commit.id, a), a);
    return true;
}

bool catalog_view_exists(struct catalog *c, str ref, str ns, str name, bool *out, struct error *err)
{
    if (!check_names(ns, name, err))
        return false;
    struct arena *a = arena_create(0);
    struct view v;
    struct entry e;
    str value;
    bool ok = view_open(c, ref, a, &v, err);
    if (ok) {
        ok = find_entry(&v, ns, name, a, out, &e, &value, err);
        view_close(&v);
    }
    *out = ok && *out && e.type == ENTRY_VIEW;
    arena_destroy(a);
    return ok;
}

/* ---- writing ---- */

static bool taken(const struct entry *e, str ns, str name, struct arena *a, struct error *err)
{
    return fail(err, ERR_EXISTS, "%s already exists: " STR_FMT,
                e->type == ENTRY_VIEW ? "View" : "Table with same name",
                STR_ARG(name_to_text(ns, name, a)));
}

/* Nothing has the name, the namespace is there, and both must stay so. */
static bool need_free(struct attempt *t, str ns, str name, struct error *err)
{
    struct entry e;
    bool found;
    str value;
    if (!view_need_namespace(&t->view, ns, t->arena, err) ||
        !find_entry(&t->view, ns, name, t->arena, &found, &e, &value, err))
        return false;
    if (found)
        return taken(&e, ns, name, t->arena, err);
    attempt_need(t, key_namespace(ns, t->arena));
    return true;
}

static bool put_entry(struct view_request *r, struct attempt *t, str location, str expected,
                      struct error *err)
{
    struct entry e = { .type = ENTRY_VIEW,
                       .uuid = r->metadata->uuid,
                       .location = location,
                       .snapshot_id = SNAPSHOT_NONE };
    str value;
    if (!entry_encode(&e, t->arena, &value, err))
        return false;
    attempt_put(t, key_entry(ENTRY_VIEW, r->ns, r->name, t->arena), ENTRY_VIEW, expected, value);
    return true;
}

/* Writes the file, which counts as garbage until published, and plans the entry. */
static bool save_and_put(struct view_request *r, struct attempt *t, str previous, str expected,
                         struct error *err)
{
    view_close(&t->view);
    bool ok = view_file_save(t->catalog, r->metadata, previous, t->out, &r->written, err);
    *vec_push(t->arena, &t->written) = r->written;
    return ok && put_entry(r, t, r->written, expected, err);
}

static bool written(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                    struct error *err)
{
    struct view_request *r = ctx;
    str id = sha_text(commit, t->out);
    if (replayed)
        return catalog_load_view(t->catalog, id, r->ns, r->name, t->out, r->out, err);
    fill(r->out, r, r->written, id, t->out);
    return true;
}

/* The definition, with what every view has. */
static bool make_metadata(struct view_request *r, struct attempt *t, struct error *err)
{
    struct catalog *c = t->catalog;
    str uuid = table_new_uuid(c, t->out);
    struct view_update *all = arena_array(t->out, struct view_update, r->updates_n + 2);
    all[0] = (struct view_update){ .kind = VIEW_ASSIGN_UUID, .uuid = uuid };
    all[1] = (struct view_update){
        .kind = VIEW_SET_LOCATION,
        .location =
            r->location.len ? r->location : table_default_location(c, r->ns, r->name, uuid, t->out)
    };
    for (size_t i = 0; i < r->updates_n; i++)
        all[i + 2] = r->updates[i];
    return view_metadata_apply(NULL, all, r->updates_n + 2, env_now_ms(c->env), t->out,
                               &r->metadata, err) &&
           view_check_places(c, r->metadata, err);
}

static bool plan_create(void *ctx, struct attempt *t, struct error *err)
{
    struct view_request *r = ctx;
    return need_free(t, r->ns, r->name, err) && make_metadata(r, t, err) &&
           save_and_put(r, t, (str){ 0 }, (str){ 0 }, err);
}

bool catalog_create_view(struct catalog *c, str ref, str ns, str name, str location,
                         const struct view_update *updates, size_t n,
                         const struct commit_info *info, struct arena *a, struct catalog_view *out,
                         struct error *err)
{
    struct view_request r = { .ns = ns,
                              .name = name,
                              .location = location,
                              .ref = ref,
                              .updates = updates,
                              .updates_n = n,
                              .out = out };
    return check_names(ns, name, err) && attempt_run(c, ref, info, what_of("create", ns, name, a),
                                                     plan_create, written, &r, a, NULL, err);
}

static bool plan_replace(void *ctx, struct attempt *t, struct error *err)
{
    struct view_request *r = ctx;
    const struct view_metadata *base;
    struct entry e;
    bool found;
    str value;
    if (!find_entry(&t->view, r->ns, r->name, t->arena, &found, &e, &value, err))
        return false;
    if (found && e.type != ENTRY_VIEW)
        return taken(&e, r->ns, r->name, t->arena, err);
    if (!found)
        return no_view(r->ns, r->name, t->arena, err);
    if (!view_file_load(t->catalog, e.location, e.uuid, t->out, &base, err) ||
        !view_requirements_check(r->requirements, r->requirements_n, base, err) ||
        !view_metadata_apply(base, r->updates, r->updates_n, env_now_ms(t->catalog->env), t->out,
                             &r->metadata, err))
        return false;
    if (r->metadata == base) {
        r->written = arena_str(t->out, e.location);
        t->finished = true;
        return true;
    }
    return view_check_places(t->catalog, r->metadata, err) &&
           save_and_put(r, t, arena_str(t->arena, e.location), value, err);
}

bool catalog_replace_view(struct catalog *c, str ref, str ns, str name,
                          const struct view_requirement *requirements, size_t requirements_n,
                          const struct view_update *updates, size_t updates_n,
                          const struct commit_info *info, struct arena *a, struct catalog_view *out,
                          struct error *err)
{
    struct view_request r = { .ns = ns,
                              .name = name,
                              .ref = ref,
                              .requirements = requirements,
                              .requirements_n = requirements_n,
                              .updates = updates,
                              .updates_n = updates_n,
                              .out = out };
    return check_names(ns, name, err) && attempt_run(c, ref, info, what_of("replace", ns, name, a),
                                                     plan_replace, written, &r, a, NULL, err);
}

static bool plan_register(void *ctx, struct attempt *t, struct error *err)
{
    struct view_request *r = ctx;
    if (!need_free(t, r->ns, r->name, err))
        return false;
    view_close(&t->view);
    r->written = arena_str(t->out, r->location);
    return check_place(t->catalog, "metadata-location", r->location, t->arena, err) &&
           view_file_load(t->catalog, r->location, (str){ 0 }, t->out, &r->metadata, err) &&
           view_check_places(t->catalog, r->metadata, err) &&
           put_entry(r, t, r->written, (str){ 0 }, err);
}

bool catalog_register_view(struct catalog *c, str ref, str ns, str name, str metadata_location,
                           const struct commit_info *info, struct arena *a,
                           struct catalog_view *out, struct error *err)
{
    struct view_request r = {
        .ns = ns, .name = name, .location = metadata_location, .ref = ref, .out = out
    };
    return check_names(ns, name, err) && attempt_run(c, ref, info, what_of("register", ns, name, a),
                                                     plan_register, written, &r, a, NULL, err);
}

static bool plan_drop(void *ctx, struct attempt *t, struct error *err)
{
    struct view_request *r = ctx;
    struct entry e;
    str value;
    if (!need_view(&t->view, r->ns, r->name, t->arena, &e, &value, err))
        return false;
    attempt_remove(t, key_entry(ENTRY_VIEW, r->ns, r->name, t->arena), ENTRY_VIEW, value);
    return true;
}

bool catalog_drop_view(struct catalog *c, str ref, str ns, str name, const struct commit_info *info,
                       struct arena *a, str *commit_id, struct error *err)
{
    struct view_request r = { .ns = ns, .name = name };
    return check_names(ns, name, err) && attempt_run(c, ref, info, what_of("drop", ns, name, a),
                                                     plan_drop, NULL, &r, a, commit_id, err);
}
