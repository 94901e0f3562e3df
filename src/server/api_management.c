/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"
#include "server/management_priv.h"

/* ---- What entities have in common ---- */

void management_write_meta(struct json_writer *w, str properties, int64_t created_us,
                           int64_t updated_us, int64_t version)
{
    jw_key(w, STR("properties"));
    jw_raw(w, properties.len ? properties : STR("{}"));
    jw_kv_int(w, "createTimestamp", created_us / 1000);
    jw_kv_int(w, "lastUpdateTimestamp", updated_us / 1000);
    jw_kv_int(w, "entityVersion", version);
}

void management_write_role(struct json_writer *w, const struct role *r, enum role_kind kind)
{
    jw_begin_object(w);
    jw_kv_str(w, "name", r->name);
    if (kind == ROLE_OF_PRINCIPALS)
        jw_kv_bool(w, "federated", false);
    management_write_meta(w, r->properties, r->created_us, r->updated_us, r->version);
    jw_end_object(w);
}

void management_write_roles(struct json_writer *w, const struct role_list *roles,
                            enum role_kind kind)
{
    jw_begin_object(w);
    jw_kv_array(w, "roles");
    for (size_t i = 0; i < roles->n; i++)
        management_write_role(w, &roles->at[i], kind);
    jw_end_array(w);
    jw_end_object(w);
}

bool management_body(struct api_request *req, const char *key, const struct json **out,
                     struct error *err)
{
    const struct json *doc, *inner;
    if (!api_body(req, &doc, err) || !json_opt_obj(doc, key, &inner, err))
        return false;
    *out = inner ? inner : doc;
    return true;
}

bool management_properties(const struct json *doc, struct arena *a, str *out, struct error *err)
{
    const struct json *properties;
    *out = (str){ 0 };
    if (!json_opt_obj(doc, "properties", &properties, err))
        return false;
    if (!properties)
        return true;
    struct buf *text = arena_new(a, struct buf);
    struct json_writer w;
    buf_init(text, API_BODY_SMALL);
    buf_in_arena(text, a);
    jw_init(&w, text);
    jw_json(&w, properties);
    *out = buf_str(text);
    return buf_ok(text, "properties", err);
}

/* ---- Principals ---- */

static void write_principal(struct json_writer *w, const struct principal *p)
{
    jw_begin_object(w);
    jw_kv_str(w, "name", p->name);
    jw_kv_str(w, "clientId", p->client_id);
    jw_kv_bool(w, "enabled", p->enabled);
    jw_kv_bool(w, "credentialRotationRequired", p->rotate_required);
    management_write_meta(w, p->properties, p->created_us, p->updated_us, p->version);
    jw_end_object(w);
}

static void write_principals(struct json_writer *w, const struct principal_list *list)
{
    jw_begin_object(w);
    jw_kv_array(w, "principals");
    for (size_t i = 0; i < list->n; i++)
        write_principal(w, &list->at[i]);
    jw_end_array(w);
    jw_end_object(w);
}

/* The only answer that holds a secret; nobody on the way keeps it. */
static void write_secret(struct api_answer *answer, struct json_writer *w,
                         const struct principal *p, const struct principal_secret *s)
{
    answer->no_store = true;
    jw_begin_object(w);
    jw_key(w, STR("principal"));
    write_principal(w, p);
    jw_kv_object(w, "credentials");
    jw_kv_str(w, "clientId", s->client_id);
    jw_kv_str(w, "clientSecret", s->client_secret);
    jw_end_object(w);
    jw_end_object(w);
}

static MANAGEMENT_HANDLER(list_principals)
{
    struct principal_list list;
    (void)answer;
    if (!principals_list(app->lake->govern, req->arena, &list, err))
        return false;
    write_principals(w, &list);
    return true;
}

static MANAGEMENT_HANDLER(create_principal)
{
    const struct json *doc, *body;
    struct principal p;
    struct principal_secret s;
    str name, properties;
    bool rotate;
    if (!api_body(req, &doc, err) || !management_body(req, "principal", &body, err) ||
        !json_need_str(body, "name", &name, err) ||
        !management_properties(body, req->arena, &properties, err) ||
        !json_opt_bool(doc, "credentialRotationRequired", false, &rotate, err) ||
        !principal_create(app->lake->govern, name, properties, rotate, req->arena, &p, &s, err))
        return false;
    answer->status = 201;
    write_secret(answer, w, &p, &s);
    return true;
}

static MANAGEMENT_HANDLER(get_principal)
{
    struct principal p;
    (void)answer;
    if (!principal_by_name(app->lake->govern, req->params[0], req->arena, &p, err))
        return false;
    write_principal(w, &p);
    return true;
}

static MANAGEMENT_HANDLER(update_principal)
{
    const struct json *doc;
    struct principal p;
    int64_t version;
    str properties;
    bool enabled;
    struct govern *g = app->lake->govern;
    (void)answer;
    if (!api_body(req, &doc, err) || !principal_by_name(g, req->params[0], req->arena, &p, err) ||
        !json_opt_int(doc, "currentEntityVersion", 0, &version, err) ||
        !json_opt_bool(doc, "enabled", p.enabled, &enabled, err) ||
        !management_properties(doc, req->arena, &properties, err) ||
        !principal_update(g, p.name, version, properties.len ? properties : p.properties,
                          req->arena, &p, err))
        return false;
    if (enabled != p.enabled && (!principal_enable(g, p.name, enabled, err) ||
                                 !principal_by_name(g, p.name, req->arena, &p, err)))
        return false;
    write_principal(w, &p);
    return true;
}

static MANAGEMENT_HANDLER(drop_principal)
{
    (void)w;
    if (!principal_drop(app->lake->govern, req->params[0], err))
        return false;
    iceberg_no_content(answer);
    return true;
}

static MANAGEMENT_HANDLER(rotate_secret)
{
    struct principal p;
    struct principal_secret s;
    if (!principal_rotate(app->lake->govern, req->params[0], req->arena, &s, err) ||
        !principal_by_name(app->lake->govern, req->params[0], req->arena, &p, err))
        return false;
    write_secret(answer, w, &p, &s);
    return true;
}

static MANAGEMENT_HANDLER(reset_secret)
{
    const struct json *doc = NULL;
    struct principal p;
    struct principal_secret s;
    str id = { 0 }, secret = { 0 };
    if ((req->body.len && !api_body(req, &doc, err)) ||
        (doc && (!json_opt_str(doc, "clientId", (str){ 0 }, &id, err) ||
                 !json_opt_str(doc, "clientSecret", (str){ 0 }, &secret, err))) ||
        !principal_reset(app->lake->govern, req->params[0], id, secret, req->arena, &s, err) ||
        !principal_by_name(app->lake->govern, req->params[0], req->arena, &p, err))
        return false;
    write_secret(answer, w, &p, &s);
    return true;
}

/* While access control is off its caller is who runs the server; later it fails, whoever asks. */
static MANAGEMENT_HANDLER(bootstrap)
{
    struct principal p;
    struct principal_secret s;
    if (!principals_bootstrap(app->lake->govern, req->arena, &s, err) ||
        !principal_by_name(app->lake->govern, STR(PRINCIPAL_ROOT), req->arena, &p, err))
        return false;
    answer->status = 201;
    write_secret(answer, w, &p, &s);
    return true;
}

static MANAGEMENT_HANDLER(list_roles_of_principal)
{
    struct role_list roles;
    (void)answer;
    if (!roles_of_principal(app->lake->govern, req->params[0], req->arena, &roles, err))
        return false;
    management_write_roles(w, &roles, ROLE_OF_PRINCIPALS);
    return true;
}

static MANAGEMENT_HANDLER(give_role)
{
    const struct json *body;
    str name;
    (void)w;
    if (!management_body(req, "principalRole", &body, err) ||
        !json_need_str(body, "name", &name, err) ||
        !principal_role_give(app->lake->govern, req->params[0], name, err))
        return false;
    answer->status = 201;
    answer->content_type = (str){ 0 };
    return true;
}

static MANAGEMENT_HANDLER(take_role)
{
    (void)w;
    if (!principal_role_take(app->lake->govern, req->params[0], req->params[1], err))
        return false;
    iceberg_no_content(answer);
    return true;
}

/* ---- API keys ---- */

static void write_key(struct json_writer *w, const struct api_key *k, str key)
{
    jw_begin_object(w);
    jw_kv_str(w, "id", k->id);
    jw_kv_str(w, "principal", k->principal);
    jw_kv_str(w, "note", k->note);
    kv_time(w, "created", k->created_us);
    kv_time(w, "expires", k->expires_us);
    if (key.len)
        jw_kv_str(w, "key", key);
    jw_end_object(w);
}

static MANAGEMENT_HANDLER(list_keys)
{
    struct api_key_list list;
    (void)answer;
    if (!api_keys_list(app->lake->govern, req->params[0], req->arena, &list, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "keys");
    for (size_t i = 0; i < list.n; i++)
        write_key(w, &list.at[i], (str){ 0 });
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

static MANAGEMENT_HANDLER(create_key)
{
    const struct json *doc;
    struct api_key k;
    str note, lifetime, key;
    int64_t us = 0;
    if (!api_body(req, &doc, err) || !json_opt_str(doc, "note", (str){ 0 }, &note, err) ||
        !json_opt_str(doc, "lifetime", (str){ 0 }, &lifetime, err))
        return false;
    if (lifetime.len && (!time_parse_duration(lifetime, &us) || us <= 0))
        return fail(err, ERR_INVALID, "lifetime is a duration such as 90d, not \"" STR_FMT "\"",
                    STR_ARG(str_sub(lifetime, 0, 100)));
    if (!api_key_create(app->lake->govern, req->params[0], note,
                        us ? env_now_us(app->lake->env) + us : 0, req->arena, &k, &key, err))
        return false;
    answer->status = 201;
    answer->no_store = true;
    write_key(w, &k, key);
    return true;
}

static MANAGEMENT_HANDLER(drop_key)
{
    (void)w;
    if (!api_key_drop(app->lake->govern, req->params[0], req->params[1], err))
        return false;
    iceberg_no_content(answer);
    return true;
}

/* ---- Principal roles ---- */

static MANAGEMENT_HANDLER(list_roles)
{
    struct role_list roles;
    (void)answer;
    if (!roles_list(app->lake->govern, ROLE_OF_PRINCIPALS, req->arena, &roles, err))
        return false;
    management_write_roles(w, &roles, ROLE_OF_PRINCIPALS);
    return true;
}

static MANAGEMENT_HANDLER(create_role)
{
    const struct json *body;
    struct role r;
    str name, properties;
    if (!management_body(req, "principalRole", &body, err) ||
        !json_need_str(body, "name", &name, err) ||
        !management_properties(body, req->arena, &properties, err) ||
        !role_create(app->lake->govern, ROLE_OF_PRINCIPALS, name, properties, req->arena, &r, err))
        return false;
    answer->status = 201;
    management_write_role(w, &r, ROLE_OF_PRINCIPALS);
    return true;
}

static MANAGEMENT_HANDLER(get_role)
{
    struct role r;
    (void)answer;
    if (!role_by_name(app->lake->govern, ROLE_OF_PRINCIPALS, req->params[0], req->arena, &r, err))
        return false;
    management_write_role(w, &r, ROLE_OF_PRINCIPALS);
    return true;
}

static MANAGEMENT_HANDLER(update_role)
{
    const struct json *doc;
    struct role r;
    int64_t version;
    str properties;
    (void)answer;
    if (!api_body(req, &doc, err) || !json_opt_int(doc, "currentEntityVersion", 0, &version, err) ||
        !management_properties(doc, req->arena, &properties, err) ||
        !role_update(app->lake->govern, ROLE_OF_PRINCIPALS, req->params[0], version, properties,
                     req->arena, &r, err))
        return false;
    management_write_role(w, &r, ROLE_OF_PRINCIPALS);
    return true;
}

static MANAGEMENT_HANDLER(drop_role)
{
    (void)w;
    if (!role_drop(app->lake->govern, ROLE_OF_PRINCIPALS, req->params[0], err))
        return false;
    iceberg_no_content(answer);
    return true;
}

static MANAGEMENT_HANDLER(list_principals_of_role)
{
    struct principal_list list;
    (void)answer;
    if (!principals_of_role(app->lake->govern, req->params[0], req->arena, &list, err))
        return false;
    write_principals(w, &list);
    return true;
}

#define PRINCIPAL "principals/{name}"
#define ROLE "principal-roles/{role}"
#define CATALOG "catalogs/{catalog}"
#define CATALOG_ROLE CATALOG "/catalog-roles/{catalog-role}"

const struct route management_routes[] = {
    MANAGE_WRITE("POST", "bootstrap", bootstrap, "turn access control on; root's secret, once"),
    MANAGE_READ("GET", "principals", list_principals, "principals"),
    MANAGE_WRITE("POST", "principals", create_principal, "make a principal; its secret, once"),
    MANAGE_READ("GET", PRINCIPAL, get_principal, "a principal"),
    MANAGE_WRITE("PUT", PRINCIPAL, update_principal, "properties and enabled of a principal"),
    MANAGE_WRITE("DELETE", PRINCIPAL, drop_principal, "drop a principal"),
    MANAGE_WRITE("POST", PRINCIPAL "/rotate", rotate_secret, "a new secret beside the old one"),
    MANAGE_WRITE("POST", PRINCIPAL "/reset", reset_secret, "a new secret instead of all"),
    MANAGE_READ("GET", PRINCIPAL "/principal-roles", list_roles_of_principal,
                "roles of a principal"),
    MANAGE_WRITE("PUT", PRINCIPAL "/principal-roles", give_role, "give a principal a role"),
    MANAGE_WRITE("DELETE", PRINCIPAL "/principal-roles/{role}", take_role,
                 "take a role from a principal"),
    MANAGE_READ("GET", PRINCIPAL "/api-keys", list_keys, "API keys of a principal"),
    MANAGE_WRITE("POST", PRINCIPAL "/api-keys", create_key, "make an API key; shown once"),
    MANAGE_WRITE("DELETE", PRINCIPAL "/api-keys/{key}", drop_key, "drop an API key"),
    MANAGE_READ("GET", "principal-roles", list_roles, "principal roles"),
    MANAGE_WRITE("POST", "principal-roles", create_role, "make a principal role"),
    MANAGE_READ("GET", ROLE, get_role, "a principal role"),
    MANAGE_WRITE("PUT", ROLE, update_role, "properties of a principal role"),
    MANAGE_WRITE("DELETE", ROLE, drop_role, "drop a principal role"),
    MANAGE_READ("GET", ROLE "/principals", list_principals_of_role, "who holds a principal role"),
    MANAGE_READ("GET", ROLE "/catalog-roles/{catalog}", management_catalog_roles_of_role,
                "catalog roles of a principal role"),
    MANAGE_WRITE("PUT", ROLE "/catalog-roles/{catalog}", management_give_catalog_role,
                 "give a principal role a catalog role"),
    MANAGE_WRITE("DELETE", ROLE "/catalog-roles/{catalog}/{catalog-role}",
                 management_take_catalog_role, "take a catalog role from a principal role"),
    MANAGE_READ("GET", "catalogs", management_list_catalogs, "catalogs"),
    MANAGE_WRITE("POST", "catalogs", management_create_catalog, "make a catalog: there is one"),
    MANAGE_READ("GET", CATALOG, management_get_catalog, "a catalog"),
    MANAGE_WRITE("PUT", CATALOG, management_change_catalog, "change a catalog: not supported"),
    MANAGE_WRITE("DELETE", CATALOG, management_change_catalog, "drop a catalog: not supported"),
    MANAGE_READ("GET", CATALOG "/catalog-roles", management_list_catalog_roles, "catalog roles"),
    MANAGE_WRITE("POST", CATALOG "/catalog-roles", management_create_catalog_role,
                 "make a catalog role"),
    MANAGE_READ("GET", CATALOG_ROLE, management_get_catalog_role, "a catalog role"),
    MANAGE_WRITE("PUT", CATALOG_ROLE, management_update_catalog_role,
                 "properties of a catalog role"),
    MANAGE_WRITE("DELETE", CATALOG_ROLE, management_drop_catalog_role, "drop a catalog role"),
    MANAGE_READ("GET", CATALOG_ROLE "/principal-roles", management_roles_of_catalog_role,
                "principal roles that have a catalog role"),
    MANAGE_READ("GET", CATALOG_ROLE "/grants", management_list_grants, "grants of a catalog role"),
    MANAGE_WRITE("PUT", CATALOG_ROLE "/grants", management_add_grant, "add a grant"),
    MANAGE_WRITE("POST", CATALOG_ROLE "/grants", management_revoke_grant,
                 "revoke a grant; cascade=true: below it too"),
    { 0 },
};
