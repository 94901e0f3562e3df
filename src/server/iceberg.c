/* SPDX-License-Identifier: Apache-2.0 */
#include "server/iceberg_priv.h"

#include <stdio.h>

#include "catalog/refs.h"
#include "codec/uri.h"
#include "codec/uuid.h"
#include "govern/access.h"
#include "io/store.h"
#include "server/auth.h"
#include "server/router.h"

#define ROOT "/iceberg"
#define PREFIXED ROOT "/v1/{prefix}/"
#define IDEMPOTENCY_KEY_LIFETIME "PT24H" /* the ledger keeps them twice as long */
#define PREFIX_MAX 1024

/* ---- Errors ---- */

/* What is not there, or in the way, by the catalog's words. */
static const struct {
    const char *words, *type;
} named_types[] = {
    { "Namespace does not exist", "NoSuchNamespaceException" },
    { "Table does not exist", "NoSuchTableException" },
    { "View does not exist", "NoSuchViewException" },
    { "Function does not exist", "NoSuchFunctionException" },
    { "Namespace is not empty", "NamespaceNotEmptyException" },
    { "Invalid view version:",
      "IllegalArgumentException" }, /* the Java client raises what it is told */
    { "Branch or tag does not exist", "NotFoundException" },
    { "Commit does not exist", "NotFoundException" },
};

struct shape {
    int status;
    const char *type;
};

static const struct shape shapes[ERR_CODES] = {
    [ERR_INVALID] = { 400, "BadRequestException" },
    [ERR_NOT_FOUND] = { 404, "NotFoundException" },
    [ERR_EXISTS] = { 409, "AlreadyExistsException" },
    [ERR_CONFLICT] = { 409, "CommitFailedException" },
    [ERR_DENIED] = { 403, "ForbiddenException" },
    [ERR_CORRUPT] = { 500, "ServiceFailureException" },
    [ERR_LIMIT] = { 400, "BadRequestException" },
    [ERR_UNAVAILABLE] = { 503, "ServiceUnavailableException" },
    [ERR_UNKNOWN] = { 500, "CommitStateUnknownException" },
    [ERR_CANCELLED] = { 503, "ServiceUnavailableException" },
    [ERR_UNSUPPORTED] = { 406, "UnsupportedOperationException" },
    [ERR_INTERNAL] = { 500, "ServiceFailureException" },
};

/* Of a commit nothing was written unless the code is ERR_UNKNOWN (catalog.h, C3 and C4).  A missing thing inside an
 * update must not look like a missing table; what may work later is a commit to try again. */
static const struct shape commit_shapes[ERR_CODES] = {
    [ERR_NOT_FOUND] = { 400, "BadRequestException" },
    [ERR_CORRUPT] = { 400, "BadRequestException" },
    [ERR_UNSUPPORTED] = { 400, "BadRequestException" },
    [ERR_UNAVAILABLE] = { 409, "CommitFailedException" },
    [ERR_CANCELLED] = { 409, "CommitFailedException" },
    [ERR_INTERNAL] = { 500, "CommitStateUnknownException" },
};

void iceberg_refuse(struct api_answer *answer, int status, const char *type, const char *message)
{
    struct json_writer w;
    api_answer_restart(answer, status, &w);
    jw_begin_object(&w);
    jw_kv_object(&w, "error");
    jw_kv_str(&w, "message", str_of(message));
    jw_kv_str(&w, "type", str_of(type));
    jw_kv_int(&w, "code", status);
    jw_end_object(&w);
    jw_end_object(&w);
}

static struct shape shape_of(const struct error *err, bool commit)
{
    struct shape s = shapes[err->code];
    if (err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT || err->code == ERR_INVALID)
        for (size_t i = 0; i < sizeof named_types / sizeof *named_types; i++)
            if (str_find(str_of(err->msg), str_of(named_types[i].words)) >= 0)
                return (struct shape){ s.status, named_types[i].type };
    return commit && commit_shapes[err->code].status ? commit_shapes[err->code] : s;
}

/* Who may not even ask is told in words of his own. */
static void refuse_shaped(struct api_answer *answer, struct shape s, int status,
                          const struct error *err)
{
    const char *type = auth_iceberg_type(status);
    iceberg_refuse(answer, status ? status : s.status, type ? type : s.type, err->msg);
}

void iceberg_failed(struct api_answer *answer, const struct error *err, int status)
{
    refuse_shaped(answer, shape_of(err, false), status, err);
}

void iceberg_commit_failed(struct api_answer *answer, const struct error *err, int status)
{
    refuse_shaped(answer, shape_of(err, true), status, err);
}

/* ---- What requests have in common ---- */

/* "etl", "etl|warehouse", "|warehouse", "-": a branch or tag, and a name for the one warehouse. */
static str prefix_ref(str prefix)
{
    str ref, warehouse;
    if (str_cut(prefix, '|', &ref, &warehouse) && !str_is(warehouse, "warehouse") &&
        !str_is(warehouse, "firn") && warehouse.len)
        return prefix; /* no branch has such a name */
    return str_is(ref, "-") ? (str){ 0 } : ref;
}

const str *iceberg_path(const struct api_request *req, size_t wanted, str *ref)
{
    size_t n = 0;
    while (n < API_PARAMS_MAX && req->params[n].ptr)
        n++;
    *ref = n > wanted ? prefix_ref(req->params[0]) : (str){ 0 };
    return &req->params[n > wanted];
}

str iceberg_canonical(str path, struct arena *a)
{
    static const char *const roots[] = { "namespaces", "tables", "views", "transactions",
                                         "config" };
    str rest = path, empty, base, ref, version, first;
    if (!str_next(&rest, '/', &empty) || !str_next(&rest, '/', &base) || !str_is(base, "iceberg") ||
        !str_next(&rest, '/', &ref) || str_is(ref, "v1") || ref.len == 0 ||
        !str_next(&rest, '/', &version) || !str_is(version, "v1") || rest.len == 0)
        return path;
    str after = rest;
    str_next(&after, '/', &first);
    if (str_is(first, "oauth")) /* has a row of its own */
        return path;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (str_is(first, roots[i]))
            return arena_printf(a, ROOT "/v1/" STR_FMT "/" STR_FMT, STR_ARG(ref), STR_ARG(rest));
    return arena_printf(a, ROOT "/v1/" STR_FMT, STR_ARG(rest)); /* a prefix follows, which counts */
}

bool iceberg_commit_info(struct api_request *req, struct commit_info *out, struct error *err)
{
    struct uuid key;
    char text[UUID_TEXT_LEN + 1];
    *out = (struct commit_info){ 0 };
    access_sign(req->access, req->arena, out);
    if (req->idempotency_key.len == 0)
        return true;
    if (!uuid_parse(req->idempotency_key, &key))
        return fail(err, ERR_INVALID, "Idempotency-Key is not a UUID: \"" STR_FMT "\"",
                    STR_ARG(str_sub(req->idempotency_key, 0, 100)));
    out->idempotency_key = arena_str(req->arena, uuid_format(&key, text));
    return true;
}

bool iceberg_confined(const struct api_request *req, str ref)
{
    return !access_allows(req->access, TABLE_READ_DATA, &SECURE_CATALOG, ref) ||
           !access_allows(req->access, TABLE_WRITE_DATA, &SECURE_CATALOG, ref);
}

bool iceberg_namespace_parse(const struct json *object, const char *key, struct arena *a, str *out,
                             struct error *err)
{
    const struct json *levels;
    if (!json_need_array(object, key, &levels, err))
        return false;
    if (levels->array.n == 0 || levels->array.n > NS_LEVELS_MAX)
        return fail(err, ERR_INVALID, "%s has %zu levels instead of 1 to %d", key, levels->array.n,
                    NS_LEVELS_MAX);
    str *parts = arena_array(a, str, levels->array.n);
    for (size_t i = 0; i < levels->array.n; i++) {
        const struct json *level = &levels->array.items[i];
        if (level->kind != JSON_STR)
            return fail(err, ERR_INVALID, "%s[%zu] is %s, not a string", key, i,
                        json_kind_name(level->kind));
        if (!name_check(level->s, err))
            return fail_in(err, "%s", key);
        parts[i] = level->s;
    }
    *out = arena_join(a, parts, levels->array.n, str_make((char[]){ NS_SEP }, 1));
    return true;
}

void iceberg_namespace_write(str ns, struct json_writer *w)
{
    str level;
    jw_begin_array(w);
    while (str_next(&ns, NS_SEP, &level))
        jw_str(w, level);
    jw_end_array(w);
}

bool iceberg_properties_parse(const struct json *object, const char *key, struct arena *a,
                              struct property_list *out, struct error *err)
{
    const struct json *properties;
    *out = (struct property_list){ 0 };
    if (!json_opt_obj(object, key, &properties, err))
        return false;
    return !properties || properties_parse(properties, a, out, err) || fail_in(err, "%s", key);
}

bool iceberg_paging(const struct api_request *req, struct iceberg_paging *out, struct error *err)
{
    int64_t size;
    if (!api_query_int(req, "pageSize", 0, 1, INT32_MAX, &size, err))
        return false;
    out->token = api_query(req, "pageToken", NULL);
    out->all = !out->token.ptr;
    out->size = out->all ? 0 : (size_t)size;
    return true;
}

void iceberg_next_page_write(str token, struct json_writer *w)
{
    kv_text(w, "next-page-token", token);
}

void iceberg_no_content(struct api_answer *answer)
{
    answer->status = 204;
    answer->content_type = (str){ 0 };
}

/* ---- Configuration ---- */

/* A warehouse is a branch or a tag, both ("etl|warehouse"), or this catalog's own folder.  Without a branch it is that of the path,
 * /iceberg/{ref}/v1/config, or main. */
static bool warehouse_ref(struct app *app, struct api_request *req, str *ref, struct error *err)
{
    struct ref_info info;
    str warehouse = api_query(req, "warehouse", "");
    str root = store_uri(app->lake->warehouse, STR(""), req->arena), path;
    iceberg_path(req, 0, ref);
    if (ref->len && !catalog_get_ref(app->lake->catalog, *ref, req->arena, &info, err))
        return false;
    if (warehouse.len == 0 || str_is(warehouse, "warehouse") || str_is(warehouse, "firn"))
        return true;
    while (root.len > 1 && str_ends(root, STR("/")))
        root.len--;
    path = warehouse;
    if (str_starts(path, STR("file:")))
        path = str_from(path, str_starts(path, STR("file://")) ? 7 : 5);
    while (path.len > 1 && str_ends(path, STR("/")))
        path.len--;
    if (str_eq(path, root))
        return true;
    warehouse = prefix_ref(warehouse);
    if (warehouse.len == 0)
        return true;
    if (!catalog_get_ref(app->lake->catalog, warehouse, req->arena, &info, err))
        return false;
    *ref = info.name;
    return true;
}

/* Clients paste the prefix into paths as it comes. */
static void write_prefix(str ref, struct json_writer *w)
{
    struct buf text = BUF_INIT(PREFIX_MAX);
    percent_encode(ref, &text);
    jw_kv_str(w, "prefix", buf_str(&text));
    buf_deinit(&text);
}

static void write_endpoints(struct json_writer *w)
{
    jw_kv_array(w, "endpoints");
    for (const struct route *r = iceberg_routes; r->method; r++)
        if (str_starts(str_of(r->path), STR(PREFIXED)) &&
            !str_ends(str_of(r->path), STR("/config")))
            jw_printf(w, "%s %s", r->method, r->path + sizeof ROOT - 1);
    jw_end_array(w);
}

static bool show_config(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    str ref;
    if (!warehouse_ref(app, req, &ref, err)) {
        if (err->code != ERR_NOT_FOUND && err->code != ERR_INVALID)
            return false;
        iceberg_refuse(answer, 404, "NoSuchWarehouseException", err->msg);
        return true;
    }
    jw_begin_object(w);
    jw_kv_object(w, "defaults");
    jw_end_object(w);
    jw_kv_object(w, "overrides");
    if (ref.len)
        write_prefix(ref, w);
    jw_kv_str(w, "namespace-separator", STR("%1F"));
    jw_end_object(w);
    write_endpoints(w);
    jw_kv_str(w, "idempotency-key-lifetime", STR(IDEMPOTENCY_KEY_LIFETIME));
    jw_end_object(w);
    return true;
}

/* ---- Routes ---- */

#define READ(method_, path_, handler_, summary_)                                                   \
    ROUTE(method_, path_, PERMISSION_READ, handler_, summary_, .slow = true, .gzip = true,         \
          .plus_is_space = true, .failed = iceberg_failed)
#define QUICK(method_, path_, handler_, quick_, summary_)                                          \
    ROUTE(method_, path_, PERMISSION_READ, handler_, summary_, .slow = true, .gzip = true,         \
          .plus_is_space = true, .failed = iceberg_failed, .quick = quick_)
#define WRITE(method_, path_, handler_, summary_)                                                  \
    ROUTE(method_, path_, PERMISSION_WRITE, handler_, summary_, .slow = true, .gzip = true,        \
          .plus_is_space = true, .failed = iceberg_failed, .body_max = API_BODY_MAX)
#define COMMIT(method_, path_, handler_, summary_)                                                 \
    ROUTE(method_, path_, PERMISSION_WRITE, handler_, summary_, .slow = true, .gzip = true,        \
          .plus_is_space = true, .failed = iceberg_commit_failed, .body_max = API_BODY_MAX)

/* A question that may be long. */
#define ASK(method_, path_, handler_, summary_)                                                    \
    ROUTE(method_, path_, PERMISSION_READ, handler_, summary_, .slow = true, .gzip = true,         \
          .plus_is_space = true, .failed = iceberg_failed, .body_max = API_BODY_MAX)

#define NAMESPACE "namespaces/{namespace}"
#define TABLE NAMESPACE "/tables/{table}"
#define VIEW NAMESPACE "/views/{view}"

#define OPERATIONS(root_)                                                                          \
    READ("GET", root_ "namespaces", iceberg_list_namespaces, "Iceberg: list namespaces"),          \
        WRITE("POST", root_ "namespaces", iceberg_create_namespace,                                \
              "Iceberg: create a namespace"),                                                      \
        READ("GET", root_ NAMESPACE, iceberg_load_namespace, "Iceberg: a namespace's properties"), \
        READ("HEAD", root_ NAMESPACE, iceberg_namespace_exists, "Iceberg: is there a namespace"),  \
        WRITE("DELETE", root_ NAMESPACE, iceberg_drop_namespace, "Iceberg: drop a namespace"),     \
        WRITE("POST", root_ NAMESPACE "/properties", iceberg_update_namespace,                     \
              "Iceberg: set and remove properties of a namespace"),                                \
        READ("GET", root_ NAMESPACE "/tables", iceberg_list_tables, "Iceberg: list tables"),       \
        WRITE("POST", root_ NAMESPACE "/tables", iceberg_create_table,                             \
              "Iceberg: create or stage a table"),                                                 \
        WRITE("POST", root_ NAMESPACE "/register", iceberg_register_table,                         \
              "Iceberg: register a metadata file as a table"),                                     \
        QUICK("GET", root_ TABLE, iceberg_load_table, iceberg_load_quick,                          \
              "Iceberg: load a table; snapshots=all|refs"),                                        \
        READ("HEAD", root_ TABLE, iceberg_table_exists, "Iceberg: is there a table"),              \
        COMMIT("POST", root_ TABLE, iceberg_commit_table, "Iceberg: commit changes of a table"),   \
        WRITE("DELETE", root_ TABLE, iceberg_drop_table, "Iceberg: drop a table; purgeRequested"), \
        READ("POST", root_ TABLE "/metrics", iceberg_report_metrics,                               \
             "Iceberg: take a report of a scan or commit"),                                        \
        ASK("POST", root_ TABLE "/plan", iceberg_plan_scan,                                        \
            "Iceberg: plan a scan; Prefer: respond-async"),                                        \
        READ("GET", root_ TABLE "/plan/{plan-id}", iceberg_fetch_plan,                             \
             "Iceberg: where a plan stands"),                                                      \
        READ("DELETE", root_ TABLE "/plan/{plan-id}", iceberg_cancel_plan,                         \
             "Iceberg: cancel a plan"),                                                            \
        ASK("POST", root_ TABLE "/tasks", iceberg_fetch_tasks,                                     \
            "Iceberg: the files of a plan task"),                                                  \
        WRITE("POST", root_ TABLE "/unregister", iceberg_unregister_table,                         \
              "Iceberg: give a table up, keeping its files"),                                      \
        READ("GET", root_ TABLE "/credentials", iceberg_load_credentials,                          \
             "Iceberg: credentials for a table's files; none for local ones"),                     \
        READ("POST", root_ TABLE "/sign", iceberg_sign,                                            \
             "Iceberg: sign a request for a table's files; not for local ones"),                   \
        READ("GET", root_ NAMESPACE "/views", iceberg_list_views, "Iceberg: list views"),          \
        WRITE("POST", root_ NAMESPACE "/views", iceberg_create_view, "Iceberg: create a view"),    \
        WRITE("POST", root_ NAMESPACE "/register-view", iceberg_register_view,                     \
              "Iceberg: register a metadata file as a view"),                                      \
        READ("GET", root_ VIEW, iceberg_load_view, "Iceberg: load a view"),                        \
        READ("HEAD", root_ VIEW, iceberg_view_exists, "Iceberg: is there a view"),                 \
        COMMIT("POST", root_ VIEW, iceberg_replace_view, "Iceberg: commit changes of a view"),     \
        WRITE("DELETE", root_ VIEW, iceberg_drop_view, "Iceberg: drop a view"),                    \
        WRITE("POST", root_ "views/rename", iceberg_rename_view, "Iceberg: rename a view"),        \
        READ("GET", root_ NAMESPACE "/functions", iceberg_list_functions,                          \
             "Iceberg: list functions"),                                                           \
        READ("GET", root_ NAMESPACE "/functions/{function}", iceberg_load_function,                \
             "Iceberg: load a function"),                                                          \
        WRITE("POST", root_ "tables/rename", iceberg_rename_table, "Iceberg: rename a table"),     \
        COMMIT("POST", root_ "transactions/commit", iceberg_commit_transaction,                    \
               "Iceberg: commit changes of several tables as one")

/* Paths without a prefix come first, so that a namespace may have any name. */
const struct route iceberg_routes[] = {
    READ("GET", ROOT "/v1/config", show_config,
         "Iceberg: configuration; warehouse is a branch or tag"),
    OPERATIONS(ROOT "/v1/"),
    READ("GET", PREFIXED "config", show_config,
         "Iceberg: configuration of a branch or tag; also /iceberg/{prefix}/v1/config"),
    OPERATIONS(PREFIXED),
    { 0 },
};
