/* SPDX-License-Identifier: Apache-2.0
 *
 * Views.  A request to make one carries one version; it becomes the same updates that a replacement sends. */
#include "iceberg/update.h"
#include "iceberg/view.h"
#include "server/iceberg_priv.h"

/* ---- Reading ---- */

bool iceberg_list_views(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    (void)answer;
    return iceberg_list_entries(app, req, ENTRY_VIEW, w, err);
}

bool iceberg_load_view(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct catalog_view v;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    return catalog_load_view(app->lake->catalog, ref, at[0], at[1], req->arena, &v, err) &&
           iceberg_answer_view(app, req, answer, &v, true, w, err);
}

bool iceberg_view_exists(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    bool found;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    (void)w;
    if (!catalog_view_exists(app->lake->catalog, ref, at[0], at[1], &found, err))
        return false;
    if (!found)
        return fail(err, ERR_NOT_FOUND, "View does not exist: " STR_FMT,
                    STR_ARG(name_to_text(at[0], at[1], req->arena)));
    iceberg_no_content(answer);
    return true;
}

/* ---- Writing ---- */

/* Whatever goes wrong after the catalog's commit leaves the client with a change that it does not know of. */
static bool answer_made(struct app *app, struct api_request *req, struct api_answer *answer,
                        const struct catalog_view *v, struct json_writer *w, struct error *err)
{
    if (iceberg_answer_view(app, req, answer, v, false, w, err))
        return true;
    err->code = ERR_UNKNOWN;
    return false;
}

#define CREATE_UPDATES 4

struct view_create {
    str name, location;
    struct view_update updates[CREATE_UPDATES];
};

static bool check_representations(const struct view_version *v, struct error *err)
{
    if (v->representations_n == 0)
        return fail(err, ERR_INVALID, "Cannot create view without specifying a query");
    for (size_t i = 0; i < v->representations_n; i++)
        if (v->representations[i].json)
            return fail(err, ERR_INVALID, "Found unsupported view representations: [" STR_FMT "]",
                        STR_ARG(v->representations[i].type));
    return true;
}

/* The schema's id and the version's link to it are the client's own; the version refers to the schema that comes with it. */
static bool parse_create(struct api_request *req, struct view_create *out, struct error *err)
{
    const struct json *doc, *schema, *version;
    struct view_update *u = out->updates;
    if (!api_body(req, &doc, err) || !json_need_str(doc, "name", &out->name, err) ||
        !json_opt_str(doc, "location", (str){ 0 }, &out->location, err) ||
        !json_need_obj(doc, "schema", &schema, err) ||
        !json_need_obj(doc, "view-version", &version, err))
        return false;
    u[0].kind = VIEW_ADD_SCHEMA;
    u[1].kind = VIEW_ADD_VERSION;
    u[2] = (struct view_update){ .kind = VIEW_SET_CURRENT_VERSION,
                                 .version_id = VIEW_VERSION_LAST_ADDED };
    u[3].kind = VIEW_SET_PROPERTIES;
    if (!schema_parse(schema, req->arena, &u[0].schema, err))
        return fail_in(err, "schema");
    if (!view_version_parse(version, req->arena, &u[1].version, err) ||
        !iceberg_properties_parse(doc, "properties", req->arena, &u[3].properties, err) ||
        !check_representations(&u[1].version, err))
        return false;
    u[1].version.schema_id = VIEW_VERSION_LAST_ADDED;
    return true;
}

bool iceberg_create_view(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    struct view_create create = { 0 };
    struct commit_info info;
    struct catalog_view v;
    str ref, ns = *iceberg_path(req, 1, &ref);
    if (!parse_create(req, &create, err))
        return iceberg_blame_request(err);
    return iceberg_commit_info(req, &info, err) &&
           catalog_create_view(app->lake->catalog, ref, ns, create.name, create.location,
                               create.updates, CREATE_UPDATES, &info, req->arena, &v, err) &&
           answer_made(app, req, answer, &v, w, err);
}

struct view_change {
    struct view_requirement *requirements;
    size_t requirements_n;
    struct view_update *updates;
    size_t updates_n;
};

static bool list_of(const struct json *doc, const char *key, bool needed, const struct json **out,
                    size_t *n, struct error *err)
{
    *n = 0;
    if (needed ? !json_need_array(doc, key, out, err) : !json_opt_array(doc, key, out, err))
        return false;
    if (*out)
        *n = (*out)->array.n;
    return *n <= UPDATES_MAX ||
           fail(err, ERR_LIMIT, "%s has %zu entries; at most %d", key, *n, UPDATES_MAX);
}

static bool parse_change(const struct json *doc, struct arena *a, struct view_change *out,
                         struct error *err)
{
    const struct json *list;
    if (!list_of(doc, "requirements", false, &list, &out->requirements_n, err))
        return false;
    out->requirements = arena_array(a, struct view_requirement, out->requirements_n);
    for (size_t i = 0; i < out->requirements_n; i++)
        if (!view_requirement_parse(&list->array.items[i], a, &out->requirements[i], err))
            return fail_in(err, "requirements[%zu]", i);
    if (!list_of(doc, "updates", true, &list, &out->updates_n, err))
        return false;
    out->updates = arena_array(a, struct view_update, out->updates_n);
    for (size_t i = 0; i < out->updates_n; i++)
        if (!view_update_parse(&list->array.items[i], a, &out->updates[i], err))
            return fail_in(err, "updates[%zu]", i);
    return true;
}

/* CommitViewRequest may name the view too; it is the one of the path then. */
static bool check_identifier(const struct json *doc, const str *at, struct arena *a,
                             struct error *err)
{
    str ns, name;
    if (!json_get(doc, "identifier") || json_get(doc, "identifier")->kind == JSON_NULL)
        return true;
    if (!iceberg_identifier_parse(doc, "identifier", a, &ns, &name, err))
        return false;
    return (str_eq(ns, at[0]) && str_eq(name, at[1])) ||
           fail(err, ERR_INVALID, "identifier is " STR_FMT ", the path says " STR_FMT,
                STR_ARG(name_to_text(ns, name, a)), STR_ARG(name_to_text(at[0], at[1], a)));
}

bool iceberg_replace_view(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct commit_info info;
    struct view_change change;
    struct catalog_view v;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    if (!api_body(req, &doc, err) || !check_identifier(doc, at, req->arena, err) ||
        !parse_change(doc, req->arena, &change, err)) {
        err->code = ERR_INVALID; /* what cannot be read is the request's fault */
        return false;
    }
    return iceberg_commit_info(req, &info, err) &&
           catalog_replace_view(app->lake->catalog, ref, at[0], at[1], change.requirements,
                                change.requirements_n, change.updates, change.updates_n, &info,
                                req->arena, &v, err) &&
           answer_made(app, req, answer, &v, w, err);
}

bool iceberg_register_view(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct commit_info info;
    struct catalog_view v;
    str ref, name, location, ns = *iceberg_path(req, 1, &ref);
    if (!api_body(req, &doc, err) || !json_need_str(doc, "name", &name, err) ||
        !json_need_str(doc, "metadata-location", &location, err) ||
        !iceberg_commit_info(req, &info, err))
        return false;
    if (!catalog_register_view(app->lake->catalog, ref, ns, name, location, &info, req->arena, &v,
                               err))
        return iceberg_blame_request(err);
    return answer_made(app, req, answer, &v, w, err);
}

bool iceberg_drop_view(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct commit_info info;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    (void)w;
    if (!iceberg_commit_info(req, &info, err) ||
        !catalog_drop_view(app->lake->catalog, ref, at[0], at[1], &info, req->arena, NULL, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

bool iceberg_rename_view(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    (void)w;
    return iceberg_rename_entry(app, req, ENTRY_VIEW, answer, err);
}
