/* SPDX-License-Identifier: Apache-2.0
 *
 * The matrix of permissions, made from the tables of routes: every route x who asks x which object, every cell asserted.  What a route
 * needs is written down here a second time; a route that is missing here fails the test.
 *
 * Who asks: nobody, somebody without grants, the root principal, an administrator of the catalog but not of the service, holders of each
 * single privilege on the whole catalog, the holder of exactly what is needed on exactly these objects, and the same on a sibling
 * object or at another ref. */
#include "base/vec.h"
#include "catalog/catalog.h"
#include "catalog/refs.h"
#include "govern/roles.h"
#include "io/db.h"
#include "server/events.h"
#include "server/permissions.h"
#include "server/router.h"
#include "sql/lake.h"
#include "test.h"

/* "iceberg:" as in permissions.c.  params: what stands for {x}, separated by blanks; '/' in a namespace separates levels.
 * needs: "PRIVILEGE kind object[@ref]", separated by ';'; empty: any credentials; NULL: public. */
struct row {
    const char *method, *path, *params, *query, *body, *needs;
};

#define NS "a/b"
#define COMMIT_BODY(updates_) "{\"requirements\":[],\"updates\":[" updates_ "]}"
#define ID(ns_, name_) "{\"namespace\":[" ns_ "],\"name\":\"" name_ "\"}"

static const struct row rows[] = {
    /* Iceberg REST: with a prefix the ref is "dev", without it "main". */
    { "GET", "iceberg:config", "", "", NULL, "" },
    { "GET", "iceberg:namespaces", "", "", NULL, "NAMESPACE_LIST catalog" },
    { "POST", "iceberg:namespaces", "", "", "{\"namespace\":[\"a\",\"b\"]}",
      "NAMESPACE_CREATE namespace a" },
    { "GET", "iceberg:namespaces/{namespace}", NS, "", NULL,
      "NAMESPACE_READ_PROPERTIES namespace a/b" },
    { "HEAD", "iceberg:namespaces/{namespace}", NS, "", NULL, "NAMESPACE_LIST namespace a/b" },
    { "DELETE", "iceberg:namespaces/{namespace}", NS, "", NULL, "NAMESPACE_DROP namespace a/b" },
    { "POST", "iceberg:namespaces/{namespace}/properties", NS, "", "{}",
      "NAMESPACE_WRITE_PROPERTIES namespace a/b" },
    { "GET", "iceberg:namespaces/{namespace}/tables", NS, "", NULL, "TABLE_LIST namespace a/b" },
    { "POST", "iceberg:namespaces/{namespace}/tables", NS, "", "{}", "TABLE_CREATE namespace a/b" },
    { "POST", "iceberg:namespaces/{namespace}/register", NS, "", "{}",
      "TABLE_CREATE namespace a/b;TABLE_READ_DATA catalog" },
    { "GET", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "", NULL,
      "TABLE_READ_PROPERTIES table a/b/t" },
    { "HEAD", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "", NULL,
      "TABLE_LIST table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "",
      COMMIT_BODY("{\"action\":\"set-properties\"},{\"action\":\"add-snapshot\"}"),
      "TABLE_SET_PROPERTIES table a/b/t;TABLE_ADD_SNAPSHOT table a/b/t" },
    { "DELETE", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "", NULL,
      "TABLE_DROP table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/metrics", NS " t", "", "{}",
      "TABLE_READ_PROPERTIES table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/plan", NS " t", "", "{}",
      "TABLE_READ_DATA table a/b/t" },
    { "GET", "iceberg:namespaces/{namespace}/tables/{table}/plan/{plan-id}", NS " t p", "", NULL,
      "TABLE_READ_DATA table a/b/t" },
    { "DELETE", "iceberg:namespaces/{namespace}/tables/{table}/plan/{plan-id}", NS " t p", "", NULL,
      "TABLE_READ_DATA table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/tasks", NS " t", "", "{}",
      "TABLE_READ_DATA table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/unregister", NS " t", "", "{}",
      "TABLE_DROP table a/b/t" },
    { "GET", "iceberg:namespaces/{namespace}/tables/{table}/credentials", NS " t", "", NULL,
      "TABLE_READ_DATA table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}/sign", NS " t", "",
      "{\"method\":\"GET\"}", "TABLE_READ_DATA table a/b/t" },
    { "GET", "iceberg:namespaces/{namespace}/views", NS, "", NULL, "VIEW_LIST namespace a/b" },
    { "POST", "iceberg:namespaces/{namespace}/views", NS, "", "{}", "VIEW_CREATE namespace a/b" },
    { "POST", "iceberg:namespaces/{namespace}/register-view", NS, "", "{}",
      "VIEW_CREATE namespace a/b" },
    { "GET", "iceberg:namespaces/{namespace}/views/{view}", NS " v", "", NULL,
      "VIEW_READ_PROPERTIES view a/b/v" },
    { "HEAD", "iceberg:namespaces/{namespace}/views/{view}", NS " v", "", NULL,
      "VIEW_LIST view a/b/v" },
    { "POST", "iceberg:namespaces/{namespace}/views/{view}", NS " v", "", "{}",
      "VIEW_WRITE_PROPERTIES view a/b/v" },
    { "DELETE", "iceberg:namespaces/{namespace}/views/{view}", NS " v", "", NULL,
      "VIEW_DROP view a/b/v" },
    { "GET", "iceberg:namespaces/{namespace}/functions", NS, "", NULL,
      "FUNCTION_LIST namespace a/b" },
    { "GET", "iceberg:namespaces/{namespace}/functions/{function}", NS " f", "", NULL,
      "FUNCTION_READ_PROPERTIES function a/b/f" },
    { "POST", "iceberg:tables/rename", "", "",
      "{\"source\":" ID("\"a\"", "t") ",\"destination\":" ID("\"b\"", "u") "}",
      "TABLE_DROP table a/t;TABLE_CREATE namespace b" },
    { "POST", "iceberg:views/rename", "", "",
      "{\"source\":" ID("\"a\"", "v") ",\"destination\":" ID("\"b\"", "u") "}",
      "VIEW_DROP view a/v;VIEW_CREATE namespace b" },
    { "POST", "iceberg:transactions/commit", "", "",
      "{\"table-changes\":[{\"identifier\":" ID(
          "\"a\"",
          "t") ",\"updates\":[{\"action\":"
               "\"add-schema\"}]},{\"identifier\":" ID(
                   "\"b\"",
                   "u") ",\"requirements\":[{\"type\":"
                        "\"assert-create\"}],\"updates\":[{\"action\":\"add-schema\"},{\"action\":"
                        "\"add-snapshot\"}]}]}",
      "TABLE_ADD_SCHEMA table a/t;TABLE_CREATE namespace b;TABLE_ADD_SNAPSHOT table b/u" },
    { "POST", "/iceberg/v1/oauth/tokens", "", "", "", NULL },
    { "POST", "/iceberg/{ref}/v1/oauth/tokens", "dev", "", "", NULL },

    { "POST", "/api/functions", "", "", "{\"name\":\"a.b.f\",\"branch\":\"dev\"}",
      "FUNCTION_CREATE namespace a/b@dev" },
    { "DELETE", "/api/functions/{name}", "a.b.f", "branch=dev", NULL,
      "FUNCTION_DROP function a/b/f@dev" },
    { "GET", "/api/tables", "", "branch=dev&namespace=a.b", NULL, "TABLE_LIST namespace a/b@dev" },
    { "POST", "/api/tables/plan", "", "", "{\"table\":\"a.b.t\",\"branch\":\"dev\"}",
      "TABLE_READ_DATA table a/b/t@dev" },
    { "GET", "/api/tables/{name}", "a.b.t", "branch=dev", NULL,
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "GET", "/api/tables/{name}/snapshots", "a.b.t", "branch=dev", NULL,
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "GET", "/api/tables/{name}/history", "a.b.t", "branch=dev", NULL,
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "GET", "/api/tables/{name}/files", "a.b.t", "branch=dev", NULL,
      "TABLE_READ_DATA table a/b/t@dev" },
    { "POST", "/api/tables/{name}/rollback", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_SET_SNAPSHOT_REF table a/b/t@dev" },
    { "POST", "/api/tables/{name}/expire", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_REMOVE_SNAPSHOTS table a/b/t@dev" },
    { "POST", "/api/tables/{name}/analyze", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_SET_STATISTICS table a/b/t@dev;TABLE_READ_DATA table a/b/t@dev" },
    { "POST", "/api/tables/{name}/cherry-pick", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_SET_SNAPSHOT_REF table a/b/t@dev;TABLE_WRITE_DATA table a/b/t@dev" },
    { "POST", "/api/tables/{name}/upgrade", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_UPGRADE_FORMAT_VERSION table a/b/t@dev" },
    { "POST", "/api/tables/{name}/add-files", "a.b.t", "", "{\"branch\":\"dev\",\"source\":\"/x\"}",
      "TABLE_WRITE_DATA table a/b/t@dev;TABLE_READ_DATA catalog @dev" },
    { "POST", "/api/tables/{name}/compact", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_WRITE_DATA table a/b/t@dev;TABLE_READ_DATA table a/b/t@dev" },
    { "POST", "/api/tables/{name}/rewrite-deletes", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_WRITE_DATA table a/b/t@dev;TABLE_READ_DATA table a/b/t@dev" },
    { "POST", "/api/tables/{name}/rewrite-manifests", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_WRITE_DATA table a/b/t@dev" },
    { "POST", "/api/tables/{name}/orphans", "a.b.t", "", "{\"branch\":\"dev\"}",
      "TABLE_REMOVE_SNAPSHOTS table a/b/t@dev;TABLE_WRITE_DATA table a/b/t@dev" },
    { "GET", "/api/maintenance", "", "", NULL, "SERVICE_OPERATE service" },
    { "POST", "/api/garbage/collect", "", "", "{}", "SERVICE_OPERATE service" },

    { "POST", "/api/sql", "", "", "{}", "" },
    { "POST", "/api/ingest", "", "", "{}", "" },
    { "POST", "/api/build", "", "", "{}", "" },
    { "GET", "/api/status", "", "", NULL, "" },

    { "GET", "/api/refs", "", "", NULL, "REFERENCE_LIST catalog" },
    { "POST", "/api/refs", "", "", "{\"name\":\"new\",\"from\":\"dev\"}",
      "REFERENCE_CREATE catalog @new;REFERENCE_READ catalog @dev" },
    { "GET", "/api/refs/{name...}", "dev", "", NULL, "REFERENCE_LIST catalog @dev" },
    { "PUT", "/api/refs/{name...}", "dev", "", "{\"to\":\"main\"}",
      "REFERENCE_ASSIGN catalog @dev;REFERENCE_READ catalog" },
    { "DELETE", "/api/refs/{name...}", "dev", "", NULL, "REFERENCE_DELETE catalog @dev" },
    { "GET", "/api/commits", "", "ref=dev", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", "/api/commits/{ref...}", "dev", "", NULL, "REFERENCE_READ catalog @dev" },
    { "POST", "/api/cherry-pick", "", "", "{\"commits\":[\"dev~1\"]}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev" },
    { "POST", "/api/revert", "", "", "{\"into\":\"dev\",\"commits\":[\"x\"]}",
      "REFERENCE_MERGE catalog @dev" },
    { "GET", "/api/branch-rules", "", "", NULL, "REFERENCE_LIST catalog" },
    { "PUT", "/api/branch-rules", "", "", "{}", "CATALOG_MANAGE_ACCESS catalog" },
    { "DELETE", "/api/branch-rules", "", "", NULL, "CATALOG_MANAGE_ACCESS catalog" },
    { "GET", "/api/events", "", "ref=dev", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", "/api/webhooks", "", "", NULL, "SERVICE_OPERATE service" },
    { "POST", "/api/webhooks", "", "", "{}", "SERVICE_OPERATE service" },
    { "GET", "/api/webhooks/{name}", "x", "", NULL, "SERVICE_OPERATE service" },
    { "PUT", "/api/webhooks/{name}", "x", "", "{}", "SERVICE_OPERATE service" },
    { "DELETE", "/api/webhooks/{name}", "x", "", NULL, "SERVICE_OPERATE service" },
    { "POST", "/api/webhooks/{name}/test", "x", "", "", "SERVICE_OPERATE service" },
    { "POST", "/api/merge", "", "", "{\"from\":\"dev\"}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev" },
    { "GET", "/api/log", "", "ref=dev", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", "/api/diff", "", "from=dev&to=main", NULL,
      "REFERENCE_READ catalog @dev;REFERENCE_READ catalog" },

    { "POST", "/get-online-features", "", "", "{}", "" },
    { "GET", "/api/features", "", "", NULL, "FEATURE_VIEW_LIST catalog" },
    { "POST", "/api/features/apply", "", "", "{}", "FEATURE_VIEW_CREATE catalog" },
    { "POST", "/api/features/historical", "", "", "{}", "" },
    { "POST", "/api/features/materialize", "", "", "{}", "" },
    { "GET", "/api/features/{kind}/{name}", "view v", "", NULL,
      "FEATURE_VIEW_READ_PROPERTIES feature-view v" },
    { "DELETE", "/api/features/{kind}/{name}", "view v", "", NULL,
      "FEATURE_VIEW_DROP feature-view v" },

    { "GET", "/api/models", "", "", NULL, "MODEL_LIST catalog" },
    { "POST", "/api/models/train", "", "", "{\"spec\":{\"model\":\"m\"}}",
      "MODEL_WRITE_DATA model m" },
    { "GET", "/api/models/{name}", "m", "", NULL, "MODEL_READ_PROPERTIES model m" },
    { "POST", "/api/models/{name}/predict", "m", "", "{}", "MODEL_READ_DATA model m" },
    { "GET", "/api/runs", "", "", NULL, "MODEL_READ_PROPERTIES catalog" },
    { "GET", "/api/runs/{id}", "r", "", NULL, "MODEL_READ_PROPERTIES catalog" },
    { "POST", "/v2/models/{name}/infer", "m", "", "{}", "MODEL_READ_DATA model m" },
    { "POST", "/v2/models/{name}/versions/{version}/infer", "m 1", "", "{}",
      "MODEL_READ_DATA model m" },
    { "GET", "/v2/models/{name}", "m", "", NULL, "MODEL_READ_PROPERTIES model m" },
    { "GET", "/v2/models/{name}/ready", "m", "", NULL, "MODEL_READ_PROPERTIES model m" },
    { "GET", "/v2/models/{name}/versions/{version}", "m 1", "", NULL,
      "MODEL_READ_PROPERTIES model m" },
    { "GET", "/v2/models/{name}/versions/{version}/ready", "m 1", "", NULL,
      "MODEL_READ_PROPERTIES model m" },
    { "GET", "/v2", "", "", NULL, NULL },
    { "GET", "/v2/health/live", "", "", NULL, NULL },
    { "GET", "/v2/health/ready", "", "", NULL, NULL },
    { "GET", "/", "", "", NULL, NULL },
    { "GET", "/page.js", "", "", NULL, NULL },
    { "GET", "/page.css", "", "", NULL, NULL },
    { "GET", "/health", "", "", NULL, NULL },
    { "GET", "/metrics", "", "", NULL, NULL },
    { "GET", "/openapi.json", "", "", NULL, NULL },

/* Nessie */
#define N1 "/nessie/api/v1/"
#define N2 "/nessie/api/v2/"
#define KEY "{\"elements\":[\"a\",\"b\",\"t\"]}"
#define PUT_NEW                                                                                    \
    "{\"operations\":[{\"type\":\"PUT\",\"key\":" KEY ",\"content\":{\"type\":\"ICEBERG_TABLE\","  \
    "\"metadataLocation\":\"x\"}}]}"
#define PUT_NEEDS                                                                                  \
    "TABLE_WRITE_DATA table a/b/t@dev;TABLE_CREATE namespace a/b@dev;TABLE_READ_DATA catalog @dev"
    { "GET", N2 "config", "", "", NULL, "" },
    { "GET", N2 "config/repository", "", "", NULL, "" },
    { "POST", N2 "config/repository", "", "", "{}", "CATALOG_WRITE_PROPERTIES catalog" },
    { "GET", N2 "trees", "", "", NULL, "REFERENCE_LIST catalog" },
    { "POST", N2 "trees", "", "name=new&type=BRANCH", "{\"type\":\"BRANCH\",\"name\":\"dev\"}",
      "REFERENCE_CREATE catalog @new;REFERENCE_READ catalog @dev" },
    { "GET", N2 "trees/{ref}", "dev", "", NULL, "REFERENCE_LIST catalog @dev" },
    { "PUT", N2 "trees/{ref}", "dev", "", "{\"name\":\"-\"}",
      "REFERENCE_ASSIGN catalog @dev;REFERENCE_READ catalog" },
    { "DELETE", N2 "trees/{ref}", "dev@0123456789abcdef", "", NULL,
      "REFERENCE_DELETE catalog @dev" },
    { "GET", N2 "trees/{ref}/entries", "-", "", NULL, "REFERENCE_READ catalog" },
    { "GET", N2 "trees/{ref}/history", "dev", "", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", N2 "trees/{ref}/recent-changes", "dev", "", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", N2 "trees/{from}/diff/{to}", "dev -", "", NULL,
      "REFERENCE_READ catalog @dev;REFERENCE_READ catalog" },
    { "GET", N2 "trees/{ref}/contents", "dev", "key=a.b.t", NULL,
      "TABLE_READ_PROPERTIES catalog @dev;NAMESPACE_READ_PROPERTIES catalog @dev;"
      "VIEW_READ_PROPERTIES catalog @dev" },
    { "POST", N2 "trees/{ref}/contents", "dev", "", "{\"requestedKeys\":[" KEY "]}",
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "GET", N2 "trees/{ref}/contents/{key}", "dev a.b.t", "", NULL,
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "POST", N2 "trees/{branch}/history/commit", "dev", "", PUT_NEW, PUT_NEEDS },
    { "POST", N2 "trees/{branch}/history/merge", "-", "", "{\"fromRefName\":\"dev\"}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev" },
    { "POST", N2 "trees/{branch}/history/transplant", "-", "", "{\"fromRefName\":\"dev\"}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev" },
    { "GET", N1 "config", "", "", NULL, "" },
    { "GET", N1 "trees", "", "", NULL, "REFERENCE_LIST catalog" },
    { "GET", N1 "trees/tree", "", "", NULL, "REFERENCE_LIST catalog" },
    { "POST", N1 "trees/tree", "", "sourceRefName=dev", "{\"type\":\"BRANCH\",\"name\":\"new\"}",
      "REFERENCE_CREATE catalog @new;REFERENCE_READ catalog @dev" },
    { "GET", N1 "trees/tree/{ref}", "dev", "", NULL, "REFERENCE_LIST catalog @dev" },
    { "GET", N1 "trees/tree/{ref}/entries", "dev", "", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", N1 "trees/tree/{ref}/log", "dev", "", NULL, "REFERENCE_READ catalog @dev" },
    { "PUT", N1 "trees/branch/{ref}", "dev", "", "{\"name\":\"main\"}",
      "REFERENCE_ASSIGN catalog @dev;REFERENCE_READ catalog" },
    { "DELETE", N1 "trees/branch/{ref}", "dev", "", NULL, "REFERENCE_DELETE catalog @dev" },
    { "PUT", N1 "trees/tag/{ref}", "dev", "", "{\"name\":\"main\"}",
      "REFERENCE_ASSIGN catalog @dev;REFERENCE_READ catalog" },
    { "DELETE", N1 "trees/tag/{ref}", "dev", "", NULL, "REFERENCE_DELETE catalog @dev" },
    { "POST", N1 "trees/branch/{branch}/commit", "dev", "", PUT_NEW, PUT_NEEDS },
    { "POST", N1 "trees/branch/{branch}/merge", "main", "", "{\"fromRefName\":\"dev\"}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev" },
    { "POST", N1 "trees/branch/{branch}/transplant", "main", "", "{\"fromRefName\":\"dev\"}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev" },
    { "GET", N1 "contents/{key}", "a.b.t", "ref=dev", NULL,
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "POST", N1 "contents", "", "ref=dev", "{\"requestedKeys\":[" KEY "]}",
      "TABLE_READ_PROPERTIES table a/b/t@dev" },
    { "GET", N1 "diffs/{refs}", "dev...main", "", NULL,
      "REFERENCE_READ catalog @dev;REFERENCE_READ catalog" },

/* Management */
#define M "/api/management/v1/"
#define SERVICE "SERVICE_MANAGE_ACCESS service"
#define ACCESS "CATALOG_MANAGE_ACCESS catalog"
#define CR M "catalogs/{catalog}/catalog-roles"
    { "POST", M "bootstrap", "", "", "", SERVICE },
    { "GET", M "principals", "", "", NULL, SERVICE },
    { "POST", M "principals", "", "", "{}", SERVICE },
    { "GET", M "principals/{name}", "x", "", NULL, SERVICE },
    { "PUT", M "principals/{name}", "x", "", "{}", SERVICE },
    { "DELETE", M "principals/{name}", "x", "", NULL, SERVICE },
    { "POST", M "principals/{name}/rotate", "x", "", "", SERVICE },
    { "POST", M "principals/{name}/reset", "x", "", "", SERVICE },
    { "GET", M "principals/{name}/principal-roles", "x", "", NULL, SERVICE },
    { "PUT", M "principals/{name}/principal-roles", "x", "", "{}", SERVICE },
    { "DELETE", M "principals/{name}/principal-roles/{role}", "x y", "", NULL, SERVICE },
    { "GET", M "principals/{name}/api-keys", "x", "", NULL, SERVICE },
    { "POST", M "principals/{name}/api-keys", "x", "", "{}", SERVICE },
    { "DELETE", M "principals/{name}/api-keys/{key}", "x y", "", NULL, SERVICE },
    { "GET", M "principal-roles", "", "", NULL, SERVICE },
    { "POST", M "principal-roles", "", "", "{}", SERVICE },
    { "GET", M "principal-roles/{role}", "x", "", NULL, SERVICE },
    { "PUT", M "principal-roles/{role}", "x", "", "{}", SERVICE },
    { "DELETE", M "principal-roles/{role}", "x", "", NULL, SERVICE },
    { "GET", M "principal-roles/{role}/principals", "x", "", NULL, SERVICE },
    { "GET", M "principal-roles/{role}/catalog-roles/{catalog}", "x firn", "", NULL, ACCESS },
    { "PUT", M "principal-roles/{role}/catalog-roles/{catalog}", "x firn", "", "{}", ACCESS },
    { "DELETE", M "principal-roles/{role}/catalog-roles/{catalog}/{catalog-role}", "x firn y", "",
      NULL, ACCESS },
    { "GET", M "catalogs", "", "", NULL, "CATALOG_READ_PROPERTIES catalog" },
    { "POST", M "catalogs", "", "", "{}", SERVICE },
    { "GET", M "catalogs/{catalog}", "firn", "", NULL, "CATALOG_READ_PROPERTIES catalog" },
    { "PUT", M "catalogs/{catalog}", "firn", "", "{}", "CATALOG_WRITE_PROPERTIES catalog" },
    { "DELETE", M "catalogs/{catalog}", "firn", "", NULL, SERVICE },
    { "GET", CR, "firn", "", NULL, ACCESS },
    { "POST", CR, "firn", "", "{}", ACCESS },
    { "GET", CR "/{catalog-role}", "firn x", "", NULL, ACCESS },
    { "PUT", CR "/{catalog-role}", "firn x", "", "{}", ACCESS },
    { "DELETE", CR "/{catalog-role}", "firn x", "", NULL, ACCESS },
    { "GET", CR "/{catalog-role}/principal-roles", "firn x", "", NULL, ACCESS },
    { "GET", CR "/{catalog-role}/grants", "firn x", "", NULL, ACCESS },
    { "PUT", CR "/{catalog-role}/grants", "firn x", "", "{\"grant\":{\"type\":\"catalog\"}}",
      ACCESS },
    { "POST", CR "/{catalog-role}/grants", "firn x", "", "{\"grant\":{\"type\":\"catalog\"}}",
      ACCESS },
};
#define ROWS_N (sizeof rows / sizeof *rows)

/* More bodies for routes whose privilege depends on them. */
static const struct row more_rows[] = {
    { "GET", "iceberg:namespaces", "", "parent=a%1Fb", NULL, "NAMESPACE_LIST namespace a/b" },
    { "POST", "iceberg:namespaces", "", "", "{\"namespace\":[\"a\"]}", "NAMESPACE_CREATE catalog" },
    { "DELETE", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "purgeRequested=TRUE",
      NULL, "TABLE_DROP table a/b/t;TABLE_WRITE_DATA table a/b/t" },
    { "PUT", CR "/{catalog-role}/grants", "firn x", "", "{\"grant\":{\"type\":\"service\"}}",
      ACCESS ";" SERVICE },
    { "GET", "/api/tables", "", "", NULL, "TABLE_LIST catalog" },
    { "GET", "/api/events", "", "ref=dev", NULL, "REFERENCE_READ catalog @dev" },
    { "GET", "/api/events", "", "ref=d*", NULL, "" },
#define SIGN(method_, needs_)                                                                      \
    {                                                                                              \
        "POST", "iceberg:namespaces/{namespace}/tables/{table}/sign", NS " t", "",                 \
            "{\"method\":\"" method_ "\"}", needs_ " table a/b/t"                                  \
    }
    SIGN("HEAD", "TABLE_READ_DATA"),
    SIGN("PUT", "TABLE_WRITE_DATA"),
    SIGN("POST", "TABLE_WRITE_DATA"),
    SIGN("DELETE", "TABLE_WRITE_DATA"),
    SIGN("get", "TABLE_WRITE_DATA"),
    { "PUT", "/api/refs/{name...}", "dev", "", "{\"rename\":\"new\"}",
      "REFERENCE_DELETE catalog @dev;REFERENCE_CREATE catalog @new" },
    { "POST", "/api/tables/plan", "", "", "{\"metadata\":\"/x\"}", "TABLE_READ_DATA catalog" },
    /* What is asked about is what the handler looks up, however it is written. */
    { "GET", N2 "trees/{ref}", "-x", "", NULL, "REFERENCE_LIST catalog @-x" },
    { "GET", N2 "trees/{ref}", "DETACHED-x", "", NULL, "REFERENCE_LIST catalog @DETACHED-x" },
    { "GET", N1 "trees/tree/{ref}/log", "dev", "hashOnRef=^2", NULL,
      "REFERENCE_READ catalog @dev^2" },
    { "GET", N1 "trees/tree/{ref}/entries", "dev", "endHash=~1&hashOnRef=^2", NULL,
      "REFERENCE_READ catalog @dev" },
    { "GET", N1 "trees/tree/{ref}/log", "dev", "hashOnRef=0123456789", NULL,
      "REFERENCE_READ catalog @dev" },
    { "GET", N1 "contents/{key}", "a.b.t", "ref=dev&hashOnRef=^2", NULL,
      "TABLE_READ_PROPERTIES table a/b/t@dev^2" },
    { "POST", N2 "trees", "", "name=new&type=BRANCH",
      "{\"type\":\"DETACHED\",\"name\":\"dev\",\"hash\":\"0123456789\"}",
      "REFERENCE_CREATE catalog @new;REFERENCE_READ catalog @*" },
    { "PUT", N2 "trees/{ref}", "new", "", "{\"name\":\"dev\",\"hash\":\"^2\"}",
      "REFERENCE_ASSIGN catalog @new;REFERENCE_READ catalog @dev^2" },
    { "POST", N2 "trees/{branch}/history/merge", "-", "",
      "{\"fromRefName\":\"dev\",\"fromHash\":\"^2\"}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev^2" },
    { "POST", N2 "trees/{branch}/history/transplant", "-", "",
      "{\"fromRefName\":\"dev\",\"hashesToTransplant\":[\"~1\",\"^2\"]}",
      "REFERENCE_MERGE catalog;REFERENCE_READ catalog @dev;REFERENCE_READ catalog @dev^2" },
    { "POST", N2 "trees/{branch}/history/commit", "dev", "",
      "{\"operations\":[{\"type\":\"DELETE\",\"key\":" KEY "}]}", "TABLE_DROP table a/b/t@dev" },
    { "POST", N2 "trees/{branch}/history/commit", "dev", "",
      "{\"operations\":[{\"type\":\"PUT\",\"key\":" KEY ",\"content\":{\"type\":\"NAMESPACE\"}}]}",
      "NAMESPACE_CREATE namespace a/b@dev" },
#define UPDATE(action_, needs_)                                                                    \
    {                                                                                              \
        "POST", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "",                      \
            COMMIT_BODY("{\"action\":\"" action_ "\"}"), needs_ " table a/b/t"                     \
    }
    UPDATE("assign-uuid", "TABLE_ASSIGN_UUID"),
    UPDATE("upgrade-format-version", "TABLE_UPGRADE_FORMAT_VERSION"),
    UPDATE("add-schema", "TABLE_ADD_SCHEMA"),
    UPDATE("set-current-schema", "TABLE_SET_CURRENT_SCHEMA"),
    UPDATE("add-spec", "TABLE_ADD_PARTITION_SPEC"),
    UPDATE("set-default-spec", "TABLE_ADD_PARTITION_SPEC"),
    UPDATE("add-sort-order", "TABLE_ADD_SORT_ORDER"),
    UPDATE("set-default-sort-order", "TABLE_SET_DEFAULT_SORT_ORDER"),
    UPDATE("add-snapshot", "TABLE_ADD_SNAPSHOT"),
    UPDATE("set-snapshot-ref", "TABLE_SET_SNAPSHOT_REF"),
    UPDATE("remove-snapshots", "TABLE_REMOVE_SNAPSHOTS"),
    UPDATE("remove-snapshot-ref", "TABLE_REMOVE_SNAPSHOT_REF"),
    UPDATE("set-location", "TABLE_SET_LOCATION"),
    UPDATE("set-properties", "TABLE_SET_PROPERTIES"),
    UPDATE("remove-properties", "TABLE_REMOVE_PROPERTIES"),
    UPDATE("set-statistics", "TABLE_SET_STATISTICS"),
    UPDATE("remove-statistics", "TABLE_REMOVE_STATISTICS"),
    UPDATE("set-partition-statistics", "TABLE_SET_STATISTICS"),
    UPDATE("remove-partition-statistics", "TABLE_REMOVE_STATISTICS"),
    UPDATE("remove-partition-specs", "TABLE_REMOVE_PARTITION_SPECS"),
    UPDATE("remove-schemas", "TABLE_MANAGE_STRUCTURE"),
    UPDATE("add-encryption-key", "TABLE_WRITE_DATA"),
    UPDATE("remove-encryption-key", "TABLE_WRITE_DATA"),
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "", COMMIT_BODY(""),
      "TABLE_READ_PROPERTIES table a/b/t" },
    { "POST", "iceberg:namespaces/{namespace}/tables/{table}", NS " t", "",
      "{\"requirements\":[{\"type\":\"assert-create\"}],\"updates\":[{\"action\":\"add-schema\"},"
      "{\"action\":\"set-location\"}]}",
      "TABLE_CREATE namespace a/b" },
};

/* ---- What a row says ---- */

struct need {
    enum privilege privilege;
    struct securable on;
    str ref; /* empty: the row's */
};

static str words(str *rest)
{
    str word = { 0 };
    *rest = str_trim(*rest);
    if (!str_cut(*rest, ' ', &word, rest))
        *rest = (str){ 0 };
    return word;
}

static struct securable object_of(enum securable_kind kind, str text)
{
    str level, *levels = arena_array(test_arena(), str, 8);
    size_t n = 0;
    while (text.len && str_next(&text, '/', &level))
        levels[n++] = level;
    if (kind == SECURABLE_NAMESPACE || n == 0)
        return (struct securable){ kind, levels, n, { 0 } };
    return (struct securable){ kind, levels, n - 1, levels[n - 1] };
}

static size_t parse_needs(const char *text, struct need *out)
{
    str rest = str_of(text), one;
    size_t n = 0;
    while (rest.len && str_next(&rest, ';', &one)) {
        struct need *need = &out[n++];
        enum securable_kind kind;
        str privilege = words(&one), what = words(&one), object;
        CHECK(privilege_parse(privilege, &need->privilege) && securable_kind_parse(what, &kind));
        str_cut(str_trim(one), '@', &object, &need->ref);
        need->on = object_of(kind, object);
    }
    return n;
}

/* ---- The world ---- */

struct world {
    struct lake *lake;
    struct app app;
    int64_t by_privilege[PRIVILEGES_N]; /* a role that holds it on the catalog, or on the service */
    int64_t service_admin, catalog_admin, exact;
    int64_t cells;
};

static int64_t make_role(struct world *w, const char *name, const struct need *needs, size_t n,
                         str ref)
{
    struct error err = { 0 };
    struct govern *g = w->lake->govern;
    struct role r, c;
    str s = str_of(name);
    CHECK_OK(role_create(g, ROLE_OF_PRINCIPALS, s, (str){ 0 }, test_arena(), &r, &err));
    CHECK_OK(role_create(g, ROLE_OF_CATALOG, s, (str){ 0 }, test_arena(), &c, &err));
    CHECK_OK(catalog_role_give(g, s, s, &err));
    for (size_t i = 0; i < n; i++) {
        struct grant grant = { needs[i].on, needs[i].privilege,
                               needs[i].ref.len ? needs[i].ref : ref };
        CHECK_OK(grant_add(g, s, &grant, &err));
    }
    return r.id;
}

/* Exactly these grants for the role "exact", or none of them any more. */
static void set_exact(struct world *w, const struct need *needs, size_t n, str ref, bool give)
{
    struct error err = { 0 };
    for (size_t i = 0; i < n; i++) {
        struct grant grant = { needs[i].on, needs[i].privilege,
                               needs[i].ref.len ? needs[i].ref : ref };
        if (give)
            CHECK_OK(grant_add(w->lake->govern, STR("exact"), &grant, &err));
        else if (!grant_revoke(w->lake->govern, STR("exact"), &grant, &err))
            CHECK(err.code == ERR_NOT_FOUND);
    }
}

static void world_begin(struct world *w)
{
    struct error err = { 0 };
    struct principal_secret secret;
    struct role r;
    char dir[4096];
    *w = (struct world){ 0 };
    snprintf(dir, sizeof dir, "%s/data", test_tmpdir());
    struct lake_options o = { .dir = dir };
    CHECK_OK(lake_open(&o, &w->lake, &err));
    w->app.lake = w->lake;
    CHECK_OK(principals_bootstrap(w->lake->govern, test_arena(), &secret, &err));
    CHECK_OK(role_by_name(w->lake->govern, ROLE_OF_PRINCIPALS, STR(ROLE_SERVICE_ADMIN),
                          test_arena(), &r, &err));
    w->service_admin = r.id;
    struct need admin[] = { { CATALOG_MANAGE_ACCESS, SECURE_CATALOG, { 0 } },
                            { CATALOG_MANAGE_CONTENT, SECURE_CATALOG, { 0 } } };
    w->catalog_admin = make_role(w, "catalog admin", admin, 2, (str){ 0 });
    w->exact = make_role(w, "exact", NULL, 0, (str){ 0 });
}

static struct identity holder(const int64_t *role)
{
    return (struct identity){ .principal = STR("tester"),
                              .principal_id = 99,
                              .roles = role,
                              .roles_n = role ? 1 : 0,
                              .credential_id = STR("test") };
}

/* One cell: whether this identity may make the row's request on this route. */
static bool asks(struct world *w, const struct route *route, const struct row *row, bool prefixed,
                 const struct identity *who)
{
    struct error err = { 0 };
    struct arena *a = arena_create(0);
    struct api_request req = { .method = str_of(row->method),
                               .path = str_of(route->path),
                               .query = str_of(row->query),
                               .body = str_of(row->body),
                               .request_id = STR("matrix"),
                               .arena = a,
                               .identity = who };
    str rest = str_of(row->params), param;
    size_t n = 0;
    if (prefixed)
        req.params[n++] = STR("dev");
    while (rest.len && str_next(&rest, ' ', &param)) {
        char *text = arena_cstr(a, param);
        for (char *p = text; str_find(str_of(row->path), STR("{namespace}")) >= 0 && *p; p++)
            *p = *p == '/' ? NS_SEP : *p;
        req.params[n++] = str_of(text);
    }
    bool ok = permission_check(&w->app, route, &req, &err);
    if (!ok && err.code != ERR_DENIED)
        test_fail(__FILE__, __LINE__, "%s %s: %s", row->method, route->path, err.msg);
    w->cells++;
    arena_destroy(a);
    return ok;
}

static void cell(struct world *w, const struct route *route, const struct row *row, bool prefixed,
                 const struct identity *who, const char *what, bool want)
{
    if (asks(w, route, row, prefixed, who) != want)
        test_fail(__FILE__, __LINE__, "%s %s (%s), asked by %s: it must be %s", row->method,
                  route->path, row->needs ? row->needs : "public", what,
                  want ? "allowed" : "denied");
}

/* ---- Cells ---- */

static bool is_service(const struct need *needs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (needs[i].on.kind == SECURABLE_SERVICE)
            return true;
    return false;
}

static bool suffices(enum privilege p, const struct need *needs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!privileges_has(privilege_implied(p), needs[i].privilege))
            return false;
    return true;
}

static void check_common(struct world *w, const struct route *route, const struct row *row,
                         bool prefixed, const struct need *needs, size_t n)
{
    struct identity none = holder(NULL), root = holder(&w->service_admin),
                    admin = holder(&w->catalog_admin);
    int64_t roles[2] = { w->service_admin, w->catalog_admin };
    root.roles = roles;
    root.roles_n = 2;
    cell(w, route, row, prefixed, NULL, "nobody", !row->needs);
    cell(w, route, row, prefixed, &identity_anonymous, "nobody", !row->needs);
    cell(w, route, row, prefixed, &none, "somebody without grants", n == 0);
    cell(w, route, row, prefixed, &root, "root", true);
    cell(w, route, row, prefixed, &admin, "an administrator of the catalog", !is_service(needs, n));
    for (int p = PRIVILEGE_SIGNED_IN + 1; p < PRIVILEGES_N; p++) {
        struct identity one = holder(&w->by_privilege[p]);
        cell(w, route, row, prefixed, &one, privilege_name((enum privilege)p),
             suffices((enum privilege)p, needs, n));
    }
}

/* The same grants on objects beside the ones needed: no grant on the catalog has a sibling. */
static bool beside(struct need *needs, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        struct securable *on = &needs[i].on;
        if (on->name.len) {
            on->name = arena_printf(test_arena(), STR_FMT "2", STR_ARG(on->name));
        } else if (on->kind == SECURABLE_NAMESPACE) {
            str *levels = arena_array(test_arena(), str, on->levels_n);
            memcpy(levels, on->levels, on->levels_n * sizeof *levels);
            levels[on->levels_n - 1] = STR("zz");
            on->levels = levels;
        } else {
            continue;
        }
        any = true;
    }
    return any;
}

static bool bound_to_ref(const struct need *needs, size_t n)
{
    return n > 0 && !is_service(needs, n);
}

static void exact_cell(struct world *w, const struct route *route, const struct row *row,
                       bool prefixed, const struct need *needs, size_t n, const char *what,
                       bool want)
{
    struct identity who = holder(&w->exact);
    str ref = prefixed ? STR("dev") : STR("main");
    set_exact(w, needs, n, ref, true);
    cell(w, route, row, prefixed, &who, what, want);
    set_exact(w, needs, n, ref, false);
}

static void check_exact(struct world *w, const struct route *route, const struct row *row,
                        bool prefixed, const struct need *needs, size_t n)
{
    struct need other[8];
    exact_cell(w, route, row, prefixed, needs, n, "the holder of what is needed", true);
    memcpy(other, needs, n * sizeof *needs);
    if (beside(other, n))
        exact_cell(w, route, row, prefixed, other, n, "the same, elsewhere", false);
    if (!bound_to_ref(needs, n))
        return;
    memcpy(other, needs, n * sizeof *needs);
    for (size_t i = 0; i < n; i++)
        other[i].ref = STR("elsewhere");
    exact_cell(w, route, row, prefixed, other, n, "the same, at another ref", false);
}

static bool row_is_of(const struct row *row, const struct route *route, bool *prefixed)
{
    str want = str_of(row->path), path = str_of(route->path);
    *prefixed = false;
    if (strcmp(row->method, route->method) != 0)
        return false;
    if (!str_starts(want, STR("iceberg:")))
        return str_eq(want, path);
    want = str_from(want, 8);
    if (!str_starts(path, STR("/iceberg/v1/")))
        return false;
    path = str_from(path, 12);
    if (str_starts(path, STR("{prefix}/"))) {
        path = str_from(path, 9);
        *prefixed = true;
    }
    return str_eq(want, path);
}

static void check_row(struct world *w, const struct route *route, const struct row *row,
                      bool prefixed, bool exact)
{
    struct need needs[8];
    size_t n = row->needs ? parse_needs(row->needs, needs) : 0;
    CHECK((row->needs == NULL) == (route->permission == PERMISSION_PUBLIC));
    check_common(w, route, row, prefixed, needs, n);
    if (exact && n)
        check_exact(w, route, row, prefixed, needs, n);
}

static void make_privilege_roles(struct world *w)
{
    for (int p = PRIVILEGE_SIGNED_IN + 1; p < PRIVILEGES_N; p++) {
        bool service = privilege_kind((enum privilege)p) == SECURABLE_SERVICE;
        struct need need = { (enum privilege)p, service ? SECURE_SERVICE : SECURE_CATALOG,
                             STR("*") };
        w->by_privilege[p] = make_role(w, privilege_name((enum privilege)p), &need, 1, (str){ 0 });
    }
}

/* Every route of the server has a row here, and every cell of it holds. */
TEST(every_route_x_every_privilege)
{
    struct world w;
    size_t missing = 0;
    world_begin(&w);
    make_privilege_roles(&w);
    for (size_t i = 0; i < routes_n(); i++) {
        bool prefixed = false, found = false;
        for (size_t k = 0; k < ROWS_N; k++) {
            if (!row_is_of(&rows[k], route_at(i), &prefixed))
                continue;
            found = true;
            check_row(&w, route_at(i), &rows[k], prefixed, false);
        }
        if (!found) {
            missing++;
            printf("no expectations for %s %s\n", route_at(i)->method, route_at(i)->path);
        }
    }
    CHECK_INT(missing, 0);
    printf("%lld cells\n", (long long)w.cells);
    lake_close(w.lake);
}

/* Exactly what is needed on exactly these objects; the same beside them, and at another ref. */
TEST(every_route_x_object)
{
    struct world w;
    world_begin(&w);
    for (size_t i = 0; i < routes_n(); i++) {
        bool prefixed;
        for (size_t k = 0; k < ROWS_N; k++) {
            struct need needs[8];
            if (!row_is_of(&rows[k], route_at(i), &prefixed) || !rows[k].needs || !*rows[k].needs)
                continue;
            size_t n = parse_needs(rows[k].needs, needs);
            check_exact(&w, route_at(i), &rows[k], prefixed, needs, n);
        }
    }
    printf("%lld cells\n", (long long)w.cells);
    lake_close(w.lake);
}

/* Bodies that change what is asked: kinds of updates above all. */
TEST(privileges_that_depend_on_the_body)
{
    struct world w;
    world_begin(&w);
    make_privilege_roles(&w);
    for (size_t k = 0; k < sizeof more_rows / sizeof *more_rows; k++) {
        size_t found = 0;
        bool prefixed;
        for (size_t i = 0; i < routes_n(); i++)
            if (row_is_of(&more_rows[k], route_at(i), &prefixed) && ++found)
                check_row(&w, route_at(i), &more_rows[k], prefixed, !prefixed);
        CHECK(found > 0);
    }
    lake_close(w.lake);
}

/* A body that cannot be read is the request's fault, and nothing is allowed by it. */
TEST(bodies_that_cannot_be_read_are_refused)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{\"updates\":{}}",
        "{\"updates\":[1]}",
        "{\"updates\":[{}]}",
        "{\"updates\":[{\"action\":\"no-such-update\"}]}",
        "{\"updates\":[{\"action\":\"add-schema\",\"action\":\"add-snapshot\"}]}",
        "{\"namespace\":\"a\"}",
        "{\"namespace\":[]}",
        "{\"namespace\":[1]}",
        "{\"namespace\":[\"..\"]}"
    };
    struct world w;
    world_begin(&w);
    struct identity admin = holder(&w.catalog_admin);
    for (size_t i = 0; i < routes_n(); i++) {
        const struct route *r = route_at(i);
        if (strcmp(r->method, "POST") != 0 || !str_starts(str_of(r->path), STR("/iceberg/v1/")) ||
            r->permission == PERMISSION_PUBLIC)
            continue;
        for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
            struct error err = { 0 };
            struct arena *a = arena_create(0);
            struct api_request req = { .method = STR("POST"),
                                       .path = str_of(r->path),
                                       .body = str_of(bodies[k]),
                                       .arena = a,
                                       .identity = &admin,
                                       .params = { STR_INIT("a"), STR_INIT("b"), STR_INIT("c") } };
            if (!permission_check(&w.app, r, &req, &err))
                CHECK(err.code == ERR_INVALID || err.code == ERR_DENIED || err.code == ERR_LIMIT);
            arena_destroy(a);
        }
    }
    lake_close(w.lake);
}

/* One's own secret is one's own to rotate. */
TEST(everybody_rotates_their_own_secret)
{
    struct world w;
    static const struct row own = { "POST", M "principals/{name}/rotate", "tester", "", "", "" };
    world_begin(&w);
    struct identity none = holder(NULL);
    for (size_t i = 0; i < routes_n(); i++)
        if (strcmp(route_at(i)->path, own.path) == 0)
            cell(&w, route_at(i), &own, false, &none, "its principal", true);
    lake_close(w.lake);
}

/* GET /api/commits/{ref}, by who holds REFERENCE_READ at refs of a pattern. */
static bool reads_log(struct world *w, const char *pattern, str ref)
{
    struct error err = { 0 };
    struct identity who = holder(&w->exact);
    struct need need = { REFERENCE_READ, SECURE_CATALOG, str_of(pattern) };
    bool ok = false;
    set_exact(w, &need, 1, (str){ 0 }, true);
    for (size_t i = 0; i < routes_n(); i++) {
        const struct route *r = route_at(i);
        struct api_request req = { .method = STR("GET"),
                                   .path = str_of(r->path),
                                   .arena = test_arena(),
                                   .identity = &who,
                                   .params = { ref } };
        if (strcmp(r->path, "/api/commits/{ref...}") == 0)
            ok = permission_check(&w->app, r, &req, &err);
    }
    CHECK(ok || err.code == ERR_DENIED);
    set_exact(w, &need, 1, (str){ 0 }, false);
    return ok;
}

/* A commit by its id is read by who may read a ref that has it, and by nobody else: an id is no way round a grant at one branch. */
TEST(commit_ids_are_of_the_refs_that_have_them)
{
    struct error err = { 0 };
    struct world w;
    struct ref_info root, dev;
    struct arena *a = test_arena();
    str at_main, at_dev;
    world_begin(&w);
    struct catalog *c = w.lake->catalog;
    CHECK_OK(catalog_get_ref(c, STR("main"), a, &root, &err));
    CHECK_OK(catalog_create_ref(c, CATALOG_BRANCH, STR("dev"), STR("main"), a, &dev, &err));
    CHECK_OK(catalog_create_namespace(c, STR("main"), STR("m"), NULL, 0, NULL, a, &at_main, &err));
    CHECK_OK(catalog_create_namespace(c, STR("dev"), STR("d"), NULL, 0, NULL, a, &at_dev, &err));
    CHECK(reads_log(&w, "dev", at_dev));
    CHECK(reads_log(&w, "dev", root.commit_id)); /* main's, and dev's since the branch */
    CHECK(!reads_log(&w, "dev", at_main));
    CHECK(reads_log(&w, "main", at_main));
    CHECK(!reads_log(&w, "main", at_dev));
    CHECK(reads_log(&w, "*", at_main));
    CHECK(!reads_log(&w, "other", root.commit_id));
    /* As short ids, with steps, and as states of a name. */
    str short_main = arena_printf(a, "@" STR_FMT, STR_ARG(str_sub(at_main, 0, 12)));
    str short_dev = arena_printf(a, "@" STR_FMT, STR_ARG(str_sub(at_dev, 0, 12)));
    CHECK(!reads_log(&w, "dev", short_main));
    CHECK(reads_log(&w, "dev", short_dev));
    CHECK(reads_log(&w, "dev", arena_printf(a, STR_FMT "~1", STR_ARG(at_dev))));
    CHECK(reads_log(&w, "dev", arena_printf(a, STR_FMT "~1", STR_ARG(at_main)))); /* the root */
    CHECK(!reads_log(&w, "dev", arena_printf(a, "main@" STR_FMT, STR_ARG(root.commit_id))));
    CHECK(reads_log(&w, "dev", arena_printf(a, "dev@" STR_FMT, STR_ARG(root.commit_id))));
    /* A pattern fits names, not the digits of an id. */
    str digits = arena_printf(a, STR_FMT "*", STR_ARG(str_sub(at_main, 0, 3)));
    CHECK(!reads_log(&w, digits.ptr, at_main));
    CHECK(reads_log(&w, "?*", at_main)); /* but fits main, which has it */
    CHECK(!reads_log(&w, "dev",
                     STR("00000000000000000000000000000000"
                         "00000000000000000000000000000000")));
    CHECK(!reads_log(&w, "dev", STR("@")));
    CHECK(!reads_log(&w, "dev", STR("@x")));
    /* dev@<id of main> is asked as dev, and is not there. */
    struct catalog_page page;
    CHECK_FAILS(catalog_list_namespaces(c, arena_printf(a, "dev@" STR_FMT, STR_ARG(at_main)),
                                        (str){ 0 }, (str){ 0 }, 0, a, &page, &err),
                ERR_NOT_FOUND);
    lake_close(w.lake);
}

/* Without a ref the feed is for everybody, and tells of each ref only who may read it. */
TEST(the_feed_tells_of_refs_that_may_be_read)
{
    struct error err = { 0 };
    struct world w;
    struct ref_info dev;
    struct event_filter filter;
    struct event_page page;
    struct arena *a = test_arena();
    struct need need = { REFERENCE_READ, SECURE_CATALOG, STR("dev") };
    world_begin(&w);
    struct catalog *c = w.lake->catalog;
    struct identity who = holder(&w.exact);
    struct access x = { .govern = w.lake->govern, .who = &who, .catalog = c };
    struct event_cursor begin = { 0, EVENT_ALL };
    CHECK_OK(catalog_create_ref(c, CATALOG_BRANCH, STR("dev"), STR("main"), a, &dev, &err));
    CHECK_OK(catalog_create_namespace(c, STR("main"), STR("m"), NULL, 0, NULL, a, NULL, &err));
    CHECK_OK(catalog_create_namespace(c, STR("dev"), STR("d"), NULL, 0, NULL, a, NULL, &err));
    CHECK_OK(event_filter_parse((str){ 0 }, (str){ 0 }, (str){ 0 }, (str){ 0 }, a, &filter, &err));
    CHECK_OK(events_read(w.lake, begin, &filter, &x, 100, a, &page, &err));
    CHECK_INT(page.n, 0);
    set_exact(&w, &need, 1, (str){ 0 }, true);
    CHECK_OK(events_read(w.lake, begin, &filter, &x, 100, a, &page, &err));
    CHECK(page.n > 0);
    for (size_t i = 0; i < page.n; i++)
        CHECK_STR(page.at[i].change->ref, "dev");
    lake_close(w.lake);
}

/* Without principals the server is its user's, and nothing is asked. */
TEST(while_access_control_is_off_every_route_is_open)
{
    struct error err = { 0 };
    struct world w = { 0 };
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/data", test_tmpdir());
    CHECK_OK(lake_open(&(struct lake_options){ .dir = dir }, &w.lake, &err));
    w.app.lake = w.lake;
    for (size_t i = 0; i < routes_n(); i++) {
        struct api_request req = { .path = str_of(route_at(i)->path), .arena = test_arena() };
        CHECK_OK(permission_check(&w.app, route_at(i), &req, &err));
    }
    lake_close(w.lake);
}
