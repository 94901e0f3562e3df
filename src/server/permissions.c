/* SPDX-License-Identifier: Apache-2.0 */
#include "server/permissions.h"

#include <pthread.h>

#include "catalog/catalog.h"
#include "govern/roles.h"
#include "server/iceberg_priv.h"
#include "server/permissions_priv.h"
#include "server/router.h"
#include "sql/lake.h"

/* Where a route names its object. */
enum object_at {
    AT_NOTHING, /* who has credentials may; what the request touches is asked for where it is touched */
    AT_SERVICE,
    AT_CATALOG,      /* at the ref of the path or the query */
    AT_NAMESPACE,    /* {namespace} */
    AT_PARENT_QUERY, /* parent=, else the catalog */
    AT_SPACE_QUERY,  /* namespace=, dotted, else the catalog */
    AT_TABLE,        /* {namespace}, {table} */
    AT_VIEW,
    AT_FUNCTION,
    AT_DOTTED_TABLE, /* {name}: "a.b.t" */
    AT_DOTTED_FUNCTION,
    AT_FEATURE_VIEW, /* {kind}, {name} */
    AT_MODEL,        /* {name} */
    AT_REF,          /* {name...}: the ref itself */
    AT_BODY          /* the row's own question */
};

struct permission_row {
    const char *method, *path;
    enum privilege privilege;
    enum object_at at;
    ask_body ask;
};

#define NESSIE_V1 "/nessie/api/v1/"
#define NESSIE_V2 "/nessie/api/v2/"
#define MANAGEMENT "/api/management/v1/"

/* A path that begins with "iceberg:" is that operation of the Iceberg REST catalog, with a prefix and without. */
static const struct permission_row rows[] = {
    { "GET", "iceberg:config", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "GET", "iceberg:namespaces", NAMESPACE_LIST, AT_PARENT_QUERY, NULL },
    { "POST", "iceberg:namespaces", NAMESPACE_CREATE, AT_BODY, ask_create_namespace },
    { "GET", "iceberg:namespaces/{namespace}", NAMESPACE_READ_PROPERTIES, AT_NAMESPACE, NULL },
    { "HEAD", "iceberg:namespaces/{namespace}", NAMESPACE_LIST, AT_NAMESPACE, NULL },
    { "DELETE", "iceberg:namespaces/{namespace}", NAMESPACE_DROP, AT_NAMESPACE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/properties", NAMESPACE_WRITE_PROPERTIES, AT_NAMESPACE,
      NULL },
    { "GET", "iceberg:namespaces/{namespace}/tables", TABLE_LIST, AT_NAMESPACE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/tables", TABLE_CREATE, AT_NAMESPACE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/register", TABLE_CREATE, AT_BODY,
      ask_register_table },
    { "GET", "iceberg:namespaces/{namespace}/tables/{table}", TABLE_READ_PROPERTIES, AT_TABLE,
      NULL },
    { "HEAD", "iceberg:namespaces/{namespace}/tables/{table}", TABLE_LIST, AT_TABLE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}", TABLE_WRITE_PROPERTIES, AT_BODY,
      ask_commit_table },
    { "DELETE", "iceberg:namespaces/{namespace}/tables/{table}", TABLE_DROP, AT_BODY,
      ask_drop_table },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/metrics", TABLE_READ_PROPERTIES,
      AT_TABLE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/plan", TABLE_READ_DATA, AT_TABLE,
      NULL },
    { "GET", "iceberg:namespaces/{namespace}/tables/{table}/plan/{plan-id}", TABLE_READ_DATA,
      AT_TABLE, NULL },
    { "DELETE", "iceberg:namespaces/{namespace}/tables/{table}/plan/{plan-id}", TABLE_READ_DATA,
      AT_TABLE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/tasks", TABLE_READ_DATA, AT_TABLE,
      NULL },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/unregister", TABLE_DROP, AT_TABLE,
      NULL },
    { "GET", "iceberg:namespaces/{namespace}/tables/{table}/credentials", TABLE_READ_DATA, AT_TABLE,
      NULL },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/sign", TABLE_READ_DATA, AT_BODY,
      ask_sign },
    { "GET", "iceberg:namespaces/{namespace}/views", VIEW_LIST, AT_NAMESPACE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/views", VIEW_CREATE, AT_NAMESPACE, NULL },
    { "POST", "iceberg:namespaces/{namespace}/register-view", VIEW_CREATE, AT_NAMESPACE, NULL },
    { "GET", "iceberg:namespaces/{namespace}/views/{view}", VIEW_READ_PROPERTIES, AT_VIEW, NULL },
    { "HEAD", "iceberg:namespaces/{namespace}/views/{view}", VIEW_LIST, AT_VIEW, NULL },
    { "POST", "iceberg:namespaces/{namespace}/views/{view}", VIEW_WRITE_PROPERTIES, AT_VIEW, NULL },
    { "DELETE", "iceberg:namespaces/{namespace}/views/{view}", VIEW_DROP, AT_VIEW, NULL },
    { "GET", "iceberg:namespaces/{namespace}/functions", FUNCTION_LIST, AT_NAMESPACE, NULL },
    { "GET", "iceberg:namespaces/{namespace}/functions/{function}", FUNCTION_READ_PROPERTIES,
      AT_FUNCTION, NULL },
    { "POST", "iceberg:tables/rename", TABLE_DROP, AT_BODY, ask_rename_table },
    { "POST", "iceberg:views/rename", VIEW_DROP, AT_BODY, ask_rename_view },
    { "POST", "iceberg:transactions/commit", TABLE_WRITE_PROPERTIES, AT_BODY, ask_transaction },

    { "POST", "/api/functions", FUNCTION_CREATE, AT_BODY, ask_put_function },
    { "DELETE", "/api/functions/{name}", FUNCTION_DROP, AT_DOTTED_FUNCTION, NULL },

    { "GET", "/api/tables", TABLE_LIST, AT_SPACE_QUERY, NULL },
    { "POST", "/api/tables/plan", TABLE_READ_DATA, AT_BODY, ask_plan },
    { "GET", "/api/tables/{name}", TABLE_READ_PROPERTIES, AT_DOTTED_TABLE, NULL },
    { "GET", "/api/tables/{name}/snapshots", TABLE_READ_PROPERTIES, AT_DOTTED_TABLE, NULL },
    { "GET", "/api/tables/{name}/history", TABLE_READ_PROPERTIES, AT_DOTTED_TABLE, NULL },
    { "GET", "/api/tables/{name}/files", TABLE_READ_DATA, AT_DOTTED_TABLE, NULL },
    { "POST", "/api/tables/{name}/rollback", TABLE_SET_SNAPSHOT_REF, AT_BODY, ask_roll_back },
    { "POST", "/api/tables/{name}/cherry-pick", TABLE_SET_SNAPSHOT_REF, AT_BODY,
      ask_pick_snapshot },
    { "POST", "/api/tables/{name}/upgrade", TABLE_UPGRADE_FORMAT_VERSION, AT_BODY, ask_upgrade },
    { "POST", "/api/tables/{name}/add-files", TABLE_WRITE_DATA, AT_BODY, ask_add_files },
    { "POST", "/api/tables/{name}/expire", TABLE_REMOVE_SNAPSHOTS, AT_BODY, ask_expire },
    { "POST", "/api/tables/{name}/compact", TABLE_WRITE_DATA, AT_BODY, ask_compact },
    { "POST", "/api/tables/{name}/analyze", TABLE_SET_STATISTICS, AT_BODY, ask_analyze },
    { "POST", "/api/tables/{name}/rewrite-deletes", TABLE_WRITE_DATA, AT_BODY, ask_compact },
    { "POST", "/api/tables/{name}/rewrite-manifests", TABLE_WRITE_DATA, AT_BODY, ask_rewrite },
    { "POST", "/api/tables/{name}/orphans", TABLE_REMOVE_SNAPSHOTS, AT_BODY, ask_orphans },
    { "GET", "/api/maintenance", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "POST", "/api/garbage/collect", SERVICE_OPERATE, AT_SERVICE, NULL },

    { "POST", "/api/sql", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "POST", "/api/ingest", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "POST", "/api/build", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "GET", "/api/status", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },

    { "GET", "/api/refs", REFERENCE_LIST, AT_CATALOG, NULL },
    { "POST", "/api/refs", REFERENCE_CREATE, AT_BODY, ask_create_ref },
    { "GET", "/api/refs/{name...}", REFERENCE_LIST, AT_REF, NULL },
    { "PUT", "/api/refs/{name...}", REFERENCE_ASSIGN, AT_BODY, ask_change_ref },
    { "DELETE", "/api/refs/{name...}", REFERENCE_DELETE, AT_REF, NULL },
    { "GET", "/api/commits", REFERENCE_READ, AT_CATALOG, NULL },
    { "GET", "/api/commits/{ref...}", REFERENCE_READ, AT_REF, NULL },
    { "POST", "/api/cherry-pick", REFERENCE_MERGE, AT_BODY, ask_cherry_pick },
    { "POST", "/api/revert", REFERENCE_MERGE, AT_BODY, ask_revert },
    { "GET", "/api/branch-rules", REFERENCE_LIST, AT_CATALOG, NULL },
    { "PUT", "/api/branch-rules", CATALOG_MANAGE_ACCESS, AT_CATALOG, NULL },
    { "DELETE", "/api/branch-rules", CATALOG_MANAGE_ACCESS, AT_CATALOG, NULL },
    { "GET", "/api/events", REFERENCE_READ, AT_BODY, ask_events },
    { "GET", "/api/webhooks", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "POST", "/api/webhooks", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "GET", "/api/webhooks/{name}", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "PUT", "/api/webhooks/{name}", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "DELETE", "/api/webhooks/{name}", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "POST", "/api/webhooks/{name}/test", SERVICE_OPERATE, AT_SERVICE, NULL },
    { "POST", "/api/merge", REFERENCE_MERGE, AT_BODY, ask_merge },
    { "GET", "/api/log", REFERENCE_READ, AT_CATALOG, NULL },
    { "GET", "/api/diff", REFERENCE_READ, AT_BODY, ask_diff },

    { "POST", "/get-online-features", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "GET", "/api/features", FEATURE_VIEW_LIST, AT_CATALOG, NULL },
    { "POST", "/api/features/apply", FEATURE_VIEW_CREATE, AT_BODY, ask_define_features },
    { "POST", "/api/features/historical", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "POST", "/api/features/materialize", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "GET", "/api/features/{kind}/{name}", FEATURE_VIEW_READ_PROPERTIES, AT_FEATURE_VIEW, NULL },
    { "DELETE", "/api/features/{kind}/{name}", FEATURE_VIEW_DROP, AT_FEATURE_VIEW, NULL },

    { "GET", "/api/models", MODEL_LIST, AT_CATALOG, NULL },
    { "POST", "/api/models/train", MODEL_WRITE_DATA, AT_BODY, ask_train },
    { "GET", "/api/models/{name}", MODEL_READ_PROPERTIES, AT_MODEL, NULL },
    { "POST", "/api/models/{name}/predict", MODEL_READ_DATA, AT_MODEL, NULL },
    { "GET", "/api/runs", MODEL_READ_PROPERTIES, AT_CATALOG, NULL },
    { "GET", "/api/runs/{id}", MODEL_READ_PROPERTIES, AT_CATALOG, NULL },
    { "POST", "/v2/models/{name}/infer", MODEL_READ_DATA, AT_MODEL, NULL },
    { "POST", "/v2/models/{name}/versions/{version}/infer", MODEL_READ_DATA, AT_MODEL, NULL },
    { "GET", "/v2/models/{name}", MODEL_READ_PROPERTIES, AT_MODEL, NULL },
    { "GET", "/v2/models/{name}/ready", MODEL_READ_PROPERTIES, AT_MODEL, NULL },
    { "GET", "/v2/models/{name}/versions/{version}", MODEL_READ_PROPERTIES, AT_MODEL, NULL },
    { "GET", "/v2/models/{name}/versions/{version}/ready", MODEL_READ_PROPERTIES, AT_MODEL, NULL },

    { "GET", NESSIE_V2 "config", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "GET", NESSIE_V2 "config/repository", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "POST", NESSIE_V2 "config/repository", CATALOG_WRITE_PROPERTIES, AT_CATALOG, NULL },
    { "GET", NESSIE_V2 "trees", REFERENCE_LIST, AT_CATALOG, NULL },
    { "POST", NESSIE_V2 "trees", REFERENCE_CREATE, AT_BODY, ask_nessie_create },
    { "GET", NESSIE_V2 "trees/{ref}", REFERENCE_LIST, AT_BODY, ask_nessie_list },
    { "PUT", NESSIE_V2 "trees/{ref}", REFERENCE_ASSIGN, AT_BODY, ask_nessie_assign },
    { "DELETE", NESSIE_V2 "trees/{ref}", REFERENCE_DELETE, AT_BODY, ask_nessie_delete },
    { "GET", NESSIE_V2 "trees/{ref}/entries", REFERENCE_READ, AT_BODY, ask_nessie_read },
    { "GET", NESSIE_V2 "trees/{ref}/history", REFERENCE_READ, AT_BODY, ask_nessie_read },
    { "GET", NESSIE_V2 "trees/{ref}/recent-changes", REFERENCE_READ, AT_BODY, ask_nessie_read },
    { "GET", NESSIE_V2 "trees/{from}/diff/{to}", REFERENCE_READ, AT_BODY, ask_nessie_diff },
    { "GET", NESSIE_V2 "trees/{ref}/contents", TABLE_READ_PROPERTIES, AT_BODY,
      ask_nessie_contents },
    { "POST", NESSIE_V2 "trees/{ref}/contents", TABLE_READ_PROPERTIES, AT_BODY,
      ask_nessie_contents },
    { "GET", NESSIE_V2 "trees/{ref}/contents/{key}", TABLE_READ_PROPERTIES, AT_BODY,
      ask_nessie_content },
    { "POST", NESSIE_V2 "trees/{branch}/history/commit", TABLE_WRITE_DATA, AT_BODY,
      ask_nessie_commit },
    { "POST", NESSIE_V2 "trees/{branch}/history/merge", REFERENCE_MERGE, AT_BODY,
      ask_nessie_merge },
    { "POST", NESSIE_V2 "trees/{branch}/history/transplant", REFERENCE_MERGE, AT_BODY,
      ask_nessie_merge },
    { "GET", NESSIE_V1 "config", PRIVILEGE_SIGNED_IN, AT_NOTHING, NULL },
    { "GET", NESSIE_V1 "trees", REFERENCE_LIST, AT_CATALOG, NULL },
    { "GET", NESSIE_V1 "trees/tree", REFERENCE_LIST, AT_CATALOG, NULL },
    { "POST", NESSIE_V1 "trees/tree", REFERENCE_CREATE, AT_BODY, ask_nessie_create },
    { "GET", NESSIE_V1 "trees/tree/{ref}", REFERENCE_LIST, AT_BODY, ask_nessie_list },
    { "GET", NESSIE_V1 "trees/tree/{ref}/entries", REFERENCE_READ, AT_BODY, ask_nessie_read },
    { "GET", NESSIE_V1 "trees/tree/{ref}/log", REFERENCE_READ, AT_BODY, ask_nessie_read },
    { "PUT", NESSIE_V1 "trees/branch/{ref}", REFERENCE_ASSIGN, AT_BODY, ask_nessie_assign },
    { "DELETE", NESSIE_V1 "trees/branch/{ref}", REFERENCE_DELETE, AT_BODY, ask_nessie_delete },
    { "PUT", NESSIE_V1 "trees/tag/{ref}", REFERENCE_ASSIGN, AT_BODY, ask_nessie_assign },
    { "DELETE", NESSIE_V1 "trees/tag/{ref}", REFERENCE_DELETE, AT_BODY, ask_nessie_delete },
    { "POST", NESSIE_V1 "trees/branch/{branch}/commit", TABLE_WRITE_DATA, AT_BODY,
      ask_nessie_commit },
    { "POST", NESSIE_V1 "trees/branch/{branch}/merge", REFERENCE_MERGE, AT_BODY, ask_nessie_merge },
    { "POST", NESSIE_V1 "trees/branch/{branch}/transplant", REFERENCE_MERGE, AT_BODY,
      ask_nessie_merge },
    { "GET", NESSIE_V1 "contents/{key}", TABLE_READ_PROPERTIES, AT_BODY, ask_nessie_content },
    { "POST", NESSIE_V1 "contents", TABLE_READ_PROPERTIES, AT_BODY, ask_nessie_contents },
    { "GET", NESSIE_V1 "diffs/{refs}", REFERENCE_READ, AT_BODY, ask_nessie_diff_v1 },

    { "GET", MANAGEMENT "catalogs", CATALOG_READ_PROPERTIES, AT_CATALOG, NULL },
    { "POST", MANAGEMENT "catalogs", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "catalogs/{catalog}", CATALOG_READ_PROPERTIES, AT_CATALOG, NULL },
    { "PUT", MANAGEMENT "catalogs/{catalog}", CATALOG_WRITE_PROPERTIES, AT_CATALOG, NULL },
    { "DELETE", MANAGEMENT "catalogs/{catalog}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principals", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "POST", MANAGEMENT "principals", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principals/{name}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "PUT", MANAGEMENT "principals/{name}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "DELETE", MANAGEMENT "principals/{name}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "POST", MANAGEMENT "principals/{name}/rotate", SERVICE_MANAGE_ACCESS, AT_BODY, ask_rotate },
    { "POST", MANAGEMENT "principals/{name}/reset", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principals/{name}/principal-roles", SERVICE_MANAGE_ACCESS, AT_SERVICE,
      NULL },
    { "PUT", MANAGEMENT "principals/{name}/principal-roles", SERVICE_MANAGE_ACCESS, AT_SERVICE,
      NULL },
    { "DELETE", MANAGEMENT "principals/{name}/principal-roles/{role}", SERVICE_MANAGE_ACCESS,
      AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principals/{name}/api-keys", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "POST", MANAGEMENT "principals/{name}/api-keys", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "DELETE", MANAGEMENT "principals/{name}/api-keys/{key}", SERVICE_MANAGE_ACCESS, AT_SERVICE,
      NULL },
    { "POST", MANAGEMENT "bootstrap", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principal-roles", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "POST", MANAGEMENT "principal-roles", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principal-roles/{role}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "PUT", MANAGEMENT "principal-roles/{role}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "DELETE", MANAGEMENT "principal-roles/{role}", SERVICE_MANAGE_ACCESS, AT_SERVICE, NULL },
    { "GET", MANAGEMENT "principal-roles/{role}/principals", SERVICE_MANAGE_ACCESS, AT_SERVICE,
      NULL },
    { "GET", MANAGEMENT "principal-roles/{role}/catalog-roles/{catalog}", CATALOG_MANAGE_ACCESS,
      AT_CATALOG, NULL },
    { "PUT", MANAGEMENT "principal-roles/{role}/catalog-roles/{catalog}", CATALOG_MANAGE_ACCESS,
      AT_CATALOG, NULL },
    { "DELETE", MANAGEMENT "principal-roles/{role}/catalog-roles/{catalog}/{catalog-role}",
      CATALOG_MANAGE_ACCESS, AT_CATALOG, NULL },
    { "GET", MANAGEMENT "catalogs/{catalog}/catalog-roles", CATALOG_MANAGE_ACCESS, AT_CATALOG,
      NULL },
    { "POST", MANAGEMENT "catalogs/{catalog}/catalog-roles", CATALOG_MANAGE_ACCESS, AT_CATALOG,
      NULL },
    { "GET", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}", CATALOG_MANAGE_ACCESS,
      AT_CATALOG, NULL },
    { "PUT", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}", CATALOG_MANAGE_ACCESS,
      AT_CATALOG, NULL },
    { "DELETE", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}", CATALOG_MANAGE_ACCESS,
      AT_CATALOG, NULL },
    { "GET", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}/principal-roles",
      CATALOG_MANAGE_ACCESS, AT_CATALOG, NULL },
    { "GET", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}/grants",
      CATALOG_MANAGE_ACCESS, AT_CATALOG, NULL },
    { "PUT", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}/grants",
      CATALOG_MANAGE_ACCESS, AT_BODY, ask_grant },
    { "POST", MANAGEMENT "catalogs/{catalog}/catalog-roles/{catalog-role}/grants",
      CATALOG_MANAGE_ACCESS, AT_BODY, ask_grant },
};

/* ---- From route to row, once ---- */

#define ICEBERG "iceberg:"
#define ROUTES_INDEXED 1024

static const struct permission_row *by_route[ROUTES_INDEXED];
static pthread_once_t by_route_once = PTHREAD_ONCE_INIT;

static bool is_path(const char *pattern, str path)
{
    str want = str_of(pattern);
    if (!str_starts(want, STR(ICEBERG)))
        return str_eq(want, path);
    want = str_from(want, sizeof ICEBERG - 1);
    if (!str_starts(path, STR("/iceberg/v1/")))
        return false;
    path = str_from(path, sizeof "/iceberg/v1/" - 1);
    if (str_starts(path, STR("{prefix}/")))
        path = str_from(path, sizeof "{prefix}/" - 1);
    return str_eq(want, path);
}

static void index_rows(void)
{
    ASSERT(routes_n() <= ROUTES_INDEXED);
    for (size_t i = 0; i < routes_n(); i++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows && !by_route[i]; k++)
            if (strcmp(rows[k].method, route_at(i)->method) == 0 &&
                is_path(rows[k].path, str_of(route_at(i)->path)))
                by_route[i] = &rows[k];
}

const struct permission_row *permission_find(const struct route *route)
{
    pthread_once(&by_route_once, index_rows);
    size_t i = route_number(route);
    return i < routes_n() ? by_route[i] : NULL;
}

const char *permission_words(const struct permission_row *row)
{
    return row->at == AT_NOTHING ? "as its objects need" : privilege_name(row->privilege);
}

/* ---- Asking ---- */

bool ask(struct asking *q, enum privilege p, enum securable_kind kind, str ns, str name, str ref,
         struct error *err)
{
    if (kind == SECURABLE_NAMESPACE && ns.len == 0)
        kind = SECURABLE_CATALOG;
    struct securable on = secure_in(kind, ns, name, q->req->arena);
    return access_check(q->req->access, p, &on, ref, err);
}

static bool ask_dotted(struct asking *q, enum privilege p, enum securable_kind kind,
                       struct error *err)
{
    str ns, name;
    return name_split(q->params[0], q->req->arena, &ns, &name, err) &&
           ask(q, p, kind, ns, name, q->ref, err);
}

static bool ask_row(struct asking *q, const struct permission_row *r, struct error *err)
{
    enum privilege p = r->privilege;
    const str *at = q->params, none = { 0 };
    switch (r->at) {
    case AT_NOTHING:
        return true;
    case AT_SERVICE:
        return ask(q, p, SECURABLE_SERVICE, none, none, none, err);
    case AT_CATALOG:
        return ask(q, p, SECURABLE_CATALOG, none, none, q->ref, err);
    case AT_NAMESPACE:
        return ask(q, p, SECURABLE_NAMESPACE, at[0], none, q->ref, err);
    case AT_PARENT_QUERY:
        return ask(q, p, SECURABLE_NAMESPACE, iceberg_parent(q->app, q->req, q->ref), none, q->ref,
                   err);
    case AT_SPACE_QUERY:
        return ask(q, p, SECURABLE_NAMESPACE,
                   ns_from_dotted(api_query(q->req, "namespace", ""), q->req->arena), none, q->ref,
                   err);
    case AT_TABLE:
        return ask(q, p, SECURABLE_TABLE, at[0], at[1], q->ref, err);
    case AT_VIEW:
        return ask(q, p, SECURABLE_VIEW, at[0], at[1], q->ref, err);
    case AT_FUNCTION:
        return ask(q, p, SECURABLE_FUNCTION, at[0], at[1], q->ref, err);
    case AT_DOTTED_TABLE:
        return ask_dotted(q, p, SECURABLE_TABLE, err);
    case AT_DOTTED_FUNCTION:
        return ask_dotted(q, p, SECURABLE_FUNCTION, err);
    case AT_FEATURE_VIEW:
        return ask(q, p, SECURABLE_FEATURE_VIEW, none, at[1], q->ref, err);
    case AT_MODEL:
        return ask(q, p, SECURABLE_MODEL, none, at[0], q->ref, err);
    case AT_REF:
        return ask(q, p, SECURABLE_CATALOG, none, none, at[0], err);
    case AT_BODY:
        return r->ask(q, err);
    }
    return fail(err, ERR_DENIED, "this route has no permission set");
}

/* The ref of an Iceberg path is its prefix, that of others stands in the query. */
static void find_ref(struct asking *q)
{
    str path = str_of(q->route->path);
    if (str_starts(path, STR("/iceberg/"))) {
        size_t n = 0, prefix = str_find(path, STR("/{prefix}/")) >= 0 ? 1 : 0;
        while (n < API_PARAMS_MAX && q->req->params[n].ptr)
            n++;
        q->params = iceberg_path(q->req, n - prefix, &q->ref);
        return;
    }
    q->params = q->req->params;
    q->ref = api_query(q->req, "branch", "");
    if (q->ref.len == 0)
        q->ref = api_query(q->req, "ref", "");
}

/* NULL in tests that have no lake: then there is nothing to guard. */
static struct govern *govern_of(const struct app *app)
{
    return app && app->lake ? app->lake->govern : NULL;
}

static bool is_on(const struct app *app)
{
    return govern_of(app) && govern_on(govern_of(app));
}

static void set_access(struct app *app, struct api_request *req)
{
    struct access *x = arena_new(req->arena, struct access);
    const struct identity *who = req->identity ? req->identity : &identity_anonymous;
    if (req->in_process)
        who = &identity_local;
    else if (!is_on(app))
        who = &identity_system;
    *x = (struct access){
        .govern = govern_of(app), .who = who, .request_id = req->request_id, .peer = req->peer
    };
    if (x->govern)
        x->catalog = app->lake->catalog;
    req->access = x;
}

bool permission_check(struct app *app, const struct route *route, struct api_request *req,
                      struct error *err)
{
    struct asking q = { .app = app, .req = req, .route = route };
    const struct permission_row *row;
    set_access(app, req);
    if (route->permission == PERMISSION_MISSING)
        return fail(err, ERR_DENIED, "this route has no permission set");
    if (route->permission == PERMISSION_PUBLIC || !is_on(app))
        return true;
    if (app->local_files && !req->in_process)
        app_trust_files(app, false); /* others than the user of this process ask from now on */
    row = permission_find(route);
    if (!row)
        return access_denied(req->access, SERVICE_OPERATE, &SECURE_SERVICE, (str){ 0 }, err);
    if (req->access->who == &identity_anonymous)
        return fail(err, ERR_DENIED, "credentials are needed");
    find_ref(&q);
    return ask_row(&q, row, err);
}
