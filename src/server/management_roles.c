/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/name.h"
#include "io/store.h"
#include "server/management_priv.h"

bool management_catalog(str name, struct error *err)
{
    return str_is(name, GOVERN_CATALOG) ||
           fail(err, ERR_NOT_FOUND, "Catalog does not exist: " STR_FMT " (there is one, %s)",
                STR_ARG(str_sub(name, 0, PRINCIPAL_NAME_MAX)), GOVERN_CATALOG);
}

/* ---- The catalog ---- */

/* The warehouse, and what firn.yaml allows beside it (lake_open has checked its form). */
static void write_allowed(const struct lake *lake, str root, struct json_writer *w)
{
    const struct json *list = lake->config ? json_get(lake->config, "allowed_locations") : NULL;
    jw_kv_array(w, "allowedLocations");
    jw_str(w, root);
    for (size_t i = 0; list && list->kind == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *item = &list->array.items[i];
        const struct json *location = item->kind == JSON_STR ? item : json_get(item, "location");
        if (location && location->kind == JSON_STR)
            jw_str(w, location->s);
    }
    jw_end_array(w);
}

static void write_catalog(struct app *app, struct api_request *req, struct json_writer *w)
{
    str root = store_uri(app->lake->warehouse, STR(""), req->arena);
    jw_begin_object(w);
    jw_kv_str(w, "type", STR("INTERNAL"));
    jw_kv_str(w, "name", STR(GOVERN_CATALOG));
    jw_kv_object(w, "properties");
    jw_kv_str(w, "default-base-location", root);
    jw_end_object(w);
    jw_kv_int(w, "entityVersion", 1);
    jw_kv_object(w, "storageConfigInfo");
    jw_kv_str(w, "storageType", STR("FILE"));
    write_allowed(app->lake, root, w);
    jw_end_object(w);
    jw_end_object(w);
}

MANAGEMENT_HANDLER(management_list_catalogs)
{
    (void)answer, (void)err;
    jw_begin_object(w);
    jw_kv_array(w, "catalogs");
    write_catalog(app, req, w);
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

MANAGEMENT_HANDLER(management_get_catalog)
{
    (void)answer;
    if (!management_catalog(req->params[0], err))
        return false;
    write_catalog(app, req, w);
    return true;
}

MANAGEMENT_HANDLER(management_create_catalog)
{
    const struct json *body;
    str name;
    (void)app, (void)answer, (void)w;
    if (!management_body(req, "catalog", &body, err) || !json_need_str(body, "name", &name, err))
        return false;
    if (str_is(name, GOVERN_CATALOG))
        return fail(err, ERR_EXISTS, "Catalog already exists: %s", GOVERN_CATALOG);
    fail(err, ERR_UNSUPPORTED,
         "Creating catalog " STR_FMT " is not supported: a data directory has one catalog, %s",
         STR_ARG(str_sub(name, 0, NAME_BYTES_MAX)), GOVERN_CATALOG);
    return fail_hint(err, "make a branch of it, or serve another data directory");
}

MANAGEMENT_HANDLER(management_change_catalog)
{
    (void)app, (void)answer, (void)w;
    return management_catalog(req->params[0], err) &&
           fail(err, ERR_UNSUPPORTED,
                "Changing or dropping catalog %s is not supported: it is set up in firn.yaml",
                GOVERN_CATALOG);
}

/* ---- Catalog roles ---- */

MANAGEMENT_HANDLER(management_list_catalog_roles)
{
    struct role_list roles;
    (void)answer;
    if (!management_catalog(req->params[0], err) ||
        !roles_list(app->lake->govern, ROLE_OF_CATALOG, req->arena, &roles, err))
        return false;
    management_write_roles(w, &roles, ROLE_OF_CATALOG);
    return true;
}

MANAGEMENT_HANDLER(management_create_catalog_role)
{
    const struct json *body;
    struct role r;
    str name, properties;
    if (!management_catalog(req->params[0], err) ||
        !management_body(req, "catalogRole", &body, err) ||
        !json_need_str(body, "name", &name, err) ||
        !management_properties(body, req->arena, &properties, err) ||
        !role_create(app->lake->govern, ROLE_OF_CATALOG, name, properties, req->arena, &r, err))
        return false;
    answer->status = 201;
    management_write_role(w, &r, ROLE_OF_CATALOG);
    return true;
}

MANAGEMENT_HANDLER(management_get_catalog_role)
{
    struct role r;
    (void)answer;
    if (!management_catalog(req->params[0], err) ||
        !role_by_name(app->lake->govern, ROLE_OF_CATALOG, req->params[1], req->arena, &r, err))
        return false;
    management_write_role(w, &r, ROLE_OF_CATALOG);
    return true;
}

MANAGEMENT_HANDLER(management_update_catalog_role)
{
    const struct json *doc;
    struct role r;
    int64_t version;
    str properties;
    (void)answer;
    if (!management_catalog(req->params[0], err) || !api_body(req, &doc, err) ||
        !json_opt_int(doc, "currentEntityVersion", 0, &version, err) ||
        !management_properties(doc, req->arena, &properties, err) ||
        !role_update(app->lake->govern, ROLE_OF_CATALOG, req->params[1], version, properties,
                     req->arena, &r, err))
        return false;
    management_write_role(w, &r, ROLE_OF_CATALOG);
    return true;
}

MANAGEMENT_HANDLER(management_drop_catalog_role)
{
    (void)w;
    if (!management_catalog(req->params[0], err) ||
        !role_drop(app->lake->govern, ROLE_OF_CATALOG, req->params[1], err))
        return false;
    iceberg_no_content(answer);
    return true;
}

MANAGEMENT_HANDLER(management_roles_of_catalog_role)
{
    struct role_list roles;
    (void)answer;
    if (!management_catalog(req->params[0], err) ||
        !roles_of_catalog_role(app->lake->govern, req->params[1], req->arena, &roles, err))
        return false;
    management_write_roles(w, &roles, ROLE_OF_PRINCIPALS);
    return true;
}

MANAGEMENT_HANDLER(management_catalog_roles_of_role)
{
    struct role_list roles;
    (void)answer;
    if (!management_catalog(req->params[1], err) ||
        !catalog_roles_of_role(app->lake->govern, req->params[0], req->arena, &roles, err))
        return false;
    management_write_roles(w, &roles, ROLE_OF_CATALOG);
    return true;
}

/* A role with grants on the service is given by who manages the service: managing a catalog must not lead there. */
static bool may_give(struct app *app, struct api_request *req, str catalog_role, struct error *err)
{
    struct grant_list grants;
    if (!grants_list(app->lake->govern, catalog_role, req->arena, &grants, err))
        return false;
    for (size_t i = 0; i < grants.n; i++)
        if (grants.at[i].on.kind == SECURABLE_SERVICE)
            return access_check(req->access, SERVICE_MANAGE_ACCESS, &SECURE_SERVICE, (str){ 0 },
                                err);
    return true;
}

MANAGEMENT_HANDLER(management_give_catalog_role)
{
    const struct json *body;
    str name;
    (void)w;
    if (!management_catalog(req->params[1], err) ||
        !management_body(req, "catalogRole", &body, err) ||
        !json_need_str(body, "name", &name, err) || !may_give(app, req, name, err) ||
        !catalog_role_give(app->lake->govern, req->params[0], name, err))
        return false;
    answer->status = 201;
    answer->content_type = (str){ 0 };
    return true;
}

MANAGEMENT_HANDLER(management_take_catalog_role)
{
    (void)w;
    if (!management_catalog(req->params[1], err) ||
        !catalog_role_take(app->lake->govern, req->params[0], req->params[2], err))
        return false;
    iceberg_no_content(answer);
    return true;
}

/* ---- Grants ---- */

/* The member that holds the object's name, by kind; NULL: it has none. */
static const char *const name_keys[SECURABLE_KINDS] = {
    [SECURABLE_TABLE] = "tableName",       [SECURABLE_VIEW] = "viewName",
    [SECURABLE_FUNCTION] = "functionName", [SECURABLE_POLICY] = "policyName",
    [SECURABLE_MODEL] = "modelName",       [SECURABLE_FEATURE_VIEW] = "featureViewName",
};

static bool has_namespace(enum securable_kind kind)
{
    return kind == SECURABLE_NAMESPACE || kind == SECURABLE_TABLE || kind == SECURABLE_VIEW ||
           kind == SECURABLE_FUNCTION || kind == SECURABLE_POLICY;
}

static void write_grant(struct json_writer *w, const struct grant *g)
{
    jw_begin_object(w);
    jw_kv_str(w, "type", str_of(securable_kind_name(g->on.kind)));
    if (has_namespace(g->on.kind)) {
        jw_kv_array(w, "namespace");
        for (size_t i = 0; i < g->on.levels_n; i++)
            jw_str(w, g->on.levels[i]);
        jw_end_array(w);
    }
    if (name_keys[g->on.kind])
        jw_kv_str(w, name_keys[g->on.kind], g->on.name);
    jw_kv_str(w, "privilege", str_of(privilege_name(g->privilege)));
    if (!str_is(g->ref, "*"))
        jw_kv_str(w, "ref", g->ref);
    jw_end_object(w);
}

static bool parse_grant(struct api_request *req, struct grant *out, struct error *err)
{
    const struct json *body;
    str type, privilege, ns;
    *out = (struct grant){ 0 };
    if (!management_body(req, "grant", &body, err) || !json_need_str(body, "type", &type, err) ||
        !json_need_str(body, "privilege", &privilege, err) ||
        !json_opt_str(body, "ref", (str){ 0 }, &out->ref, err))
        return false;
    if (!securable_kind_parse(type, &out->on.kind))
        return fail(err, ERR_INVALID,
                    "a grant is on service, catalog, namespace, table, view, "
                    "function, policy, feature-view or model, not \"" STR_FMT "\"",
                    STR_ARG(str_sub(type, 0, 100)));
    if (!privilege_parse(privilege, &out->privilege))
        return fail(err, ERR_INVALID, "unknown privilege \"" STR_FMT "\"",
                    STR_ARG(str_sub(privilege, 0, 100)));
    enum securable_kind kind = out->on.kind;
    if (has_namespace(kind)) {
        if (!iceberg_namespace_parse(body, "namespace", req->arena, &ns, err))
            return false;
        out->on = secure_in(kind, ns, (str){ 0 }, req->arena);
    }
    return !name_keys[kind] || json_need_str(body, name_keys[kind], &out->on.name, err);
}

MANAGEMENT_HANDLER(management_list_grants)
{
    struct grant_list grants;
    (void)answer;
    if (!management_catalog(req->params[0], err) ||
        !grants_list(app->lake->govern, req->params[1], req->arena, &grants, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "grants");
    for (size_t i = 0; i < grants.n; i++)
        write_grant(w, &grants.at[i]);
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

MANAGEMENT_HANDLER(management_add_grant)
{
    struct grant g;
    (void)w;
    if (!management_catalog(req->params[0], err) || !parse_grant(req, &g, err) ||
        !grant_add(app->lake->govern, req->params[1], &g, err))
        return false;
    answer->status = 201;
    answer->content_type = (str){ 0 };
    return true;
}

static bool is_below(const struct securable *what, const struct securable *on)
{
    if (on->kind == SECURABLE_CATALOG)
        return what->kind != SECURABLE_SERVICE && what->kind != SECURABLE_CATALOG;
    if (on->kind != SECURABLE_NAMESPACE || what->levels_n < on->levels_n ||
        (what->kind == SECURABLE_NAMESPACE && what->levels_n == on->levels_n))
        return false;
    for (size_t i = 0; i < on->levels_n; i++)
        if (!str_eq(what->levels[i], on->levels[i]))
            return false;
    return true;
}

static bool revoke_below(struct app *app, struct api_request *req, const struct grant *g,
                         struct error *err)
{
    struct grant_list grants;
    if (!grants_list(app->lake->govern, req->params[1], req->arena, &grants, err))
        return false;
    for (size_t i = 0; i < grants.n; i++)
        if (grants.at[i].privilege == g->privilege && is_below(&grants.at[i].on, &g->on) &&
            !grant_revoke(app->lake->govern, req->params[1], &grants.at[i], err))
            return false;
    return true;
}

MANAGEMENT_HANDLER(management_revoke_grant)
{
    struct grant g;
    (void)w;
    bool cascade = str_is(api_query(req, "cascade", "false"), "true");
    if (!management_catalog(req->params[0], err) || !parse_grant(req, &g, err) ||
        !grant_revoke(app->lake->govern, req->params[1], &g, err) ||
        (cascade && !revoke_below(app, req, &g, err)))
        return false;
    answer->status = 201;
    answer->content_type = (str){ 0 };
    return true;
}
