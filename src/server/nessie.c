/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nessie_priv.h"

#define ROOT "/nessie/api"
#define V1 ROOT "/v1/"
#define V2 ROOT "/v2/"
#define RECORDS_MAX 100000

/* ---- Errors ---- */

struct shape {
    int status;
    const char *reason, *code;
};

static const struct shape shapes[ERR_CODES] = {
    [ERR_INVALID] = { 400, "Bad Request", "BAD_REQUEST" },
    [ERR_NOT_FOUND] = { 404, "Not Found", "CONTENT_NOT_FOUND" },
    [ERR_EXISTS] = { 409, "Conflict", "REFERENCE_ALREADY_EXISTS" },
    [ERR_CONFLICT] = { 409, "Conflict", "REFERENCE_CONFLICT" },
    [ERR_DENIED] = { 403, "Forbidden", "FORBIDDEN" },
    [ERR_CORRUPT] = { 500, "Internal Server Error", "UNKNOWN" },
    [ERR_LIMIT] = { 400, "Bad Request", "BAD_REQUEST" },
    [ERR_UNAVAILABLE] = { 503, "Service Unavailable", "SERVICE_UNAVAILABLE" },
    [ERR_UNKNOWN] = { 500, "Internal Server Error", "UNKNOWN" },
    [ERR_CANCELLED] = { 503, "Service Unavailable", "SERVICE_UNAVAILABLE" },
    [ERR_UNSUPPORTED] = { 400, "Bad Request", "BAD_REQUEST" },
    [ERR_INTERNAL] = { 500, "Internal Server Error", "UNKNOWN" },
};

static void begin_error(struct api_answer *answer, struct json_writer *w, int status,
                        const char *reason, const char *code, const char *message)
{
    api_answer_restart(answer, status, w);
    jw_begin_object(w);
    jw_kv_int(w, "status", status);
    jw_kv_str(w, "reason", str_of(reason));
    jw_kv_str(w, "message", str_of(message));
    jw_kv_str(w, "errorCode", str_of(code));
    jw_kv_null(w, "serverStackTrace");
}

/* Statuses that do not follow from the error.  The Java client raises NessieNotAuthorizedException for a 401 whose code it does not
 * know, and for FORBIDDEN another. */
static const struct shape refusals[] = {
    { 401, "Unauthorized", "UNKNOWN" },
    { 405, "Method Not Allowed", "UNKNOWN" },
    { 429, "Too Many Requests", "TOO_MANY_REQUESTS" },
};

static struct shape shape_of(const struct error *err, int status)
{
    struct shape s = shapes[err->code];
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].status == status)
            return refusals[i];
    if (err->code == ERR_NOT_FOUND &&
        (str_find(str_of(err->msg), STR("Branch or tag does not exist")) >= 0 ||
         str_find(str_of(err->msg), STR("Commit does not exist")) >= 0))
        s.code = "REFERENCE_NOT_FOUND";
    else if (str_starts(str_of(err->msg), STR("there is nothing at")))
        s.code = "UNKNOWN"; /* the router's words: no content was asked for */
    s.status = status ? status : s.status;
    return s;
}

void nessie_failed(struct api_answer *answer, const struct error *err, int status)
{
    struct json_writer w;
    struct shape s = shape_of(err, status);
    begin_error(answer, &w, s.status, s.reason, s.code, err->msg);
    jw_end_object(&w);
}

void nessie_conflicts(struct api_answer *answer, const char *message,
                      const struct nessie_conflict *conflicts, size_t n)
{
    struct json_writer w;
    begin_error(answer, &w, 409, "Conflict", "REFERENCE_CONFLICT", message);
    jw_kv_object(&w, "errorDetails");
    jw_kv_str(&w, "type", STR("REFERENCE_CONFLICTS"));
    jw_kv_array(&w, "conflicts");
    for (size_t i = 0; i < n; i++) {
        jw_begin_object(&w);
        jw_kv_str(&w, "conflictType", str_of(conflicts[i].type));
        jw_key(&w, STR("key"));
        if (conflicts[i].path.ptr)
            nessie_key_write(conflicts[i].path, &w);
        else
            jw_null(&w);
        jw_kv_str(&w, "message", conflicts[i].message);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    jw_end_object(&w);
}

void nessie_no_content(struct api_answer *answer)
{
    answer->status = 204;
    answer->content_type = (str){ 0 };
}

/* ---- What requests have in common ---- */

bool nessie_is_v1(const struct api_request *req)
{
    return str_starts(req->path, STR(V1));
}

str nessie_query(const struct api_request *req, const char *name, const char *name_v1)
{
    str value = api_query(req, name, "");
    return value.len ? value : api_query(req, name_v1, "");
}

/* A log calls it endHash; what means the same to permissions must mean the same to every route. */
str nessie_hash_query(const struct api_request *req)
{
    return nessie_is_v1(req) ? nessie_query(req, "endHash", "hashOnRef") : (str){ 0 };
}

bool nessie_max_records(const struct api_request *req, size_t *out, struct error *err)
{
    str text = nessie_query(req, "max-records", "maxRecords");
    int64_t n = 0;
    if (text.len && (!str_to_i64(text, &n) || n < 0))
        return fail(err, ERR_INVALID, "max-records is not a number: \"" STR_FMT "\"",
                    STR_ARG(str_sub(text, 0, 100)));
    *out = n == 0 || n > RECORDS_MAX ? RECORDS_MAX : (size_t)n;
    return true;
}

void nessie_page_write(str token, struct json_writer *w)
{
    jw_kv_bool(w, "hasMore", token.len > 0);
    kv_text(w, "token", token);
}

/* Where the name ends: at the text's end, or where a commit or steps from it follow. */
static size_t name_len(str text)
{
    size_t n = 0;
    while (n < text.len && !strchr("@*~^", text.ptr[n]))
        n++;
    return n;
}

str nessie_ref_text(str text, str hash, struct arena *a)
{
    str name = str_sub(text, 0, name_len(text));
    if (str_is(name, "-"))
        text = arena_printf(a, "main" STR_FMT, STR_ARG(str_from(text, 1)));
    if (text.len == 0)
        text = STR("main");
    if (str_is(name, "DETACHED"))
        text = str_from(text, name.len);
    if (str_ends(text, STR("@")))
        text.len--;
    if (hash.len == 0)
        return text;
    bool step = strchr("~^*", hash.ptr[0]) != NULL;
    return arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(text), step ? "" : "@", STR_ARG(hash));
}

bool nessie_resolve(struct app *app, struct api_request *req, str text, str hash,
                    struct nessie_ref *out, struct error *err)
{
    struct ref_info info, named;
    struct catalog *c = app->lake->catalog;
    text = nessie_ref_text(text, hash, req->arena);
    size_t n = name_len(text);
    *out = (struct nessie_ref){ .text = text, .exact = n < text.len };
    if (!catalog_get_ref(c, text, req->arena, &info, err))
        return false;
    out->hash = info.commit_id;
    out->kind = info.kind;
    out->name = info.kind == CATALOG_COMMIT ? (str){ 0 } : info.name;
    if (!out->exact || n == 0)
        return true;
    if (!catalog_get_ref(c, str_sub(text, 0, n), req->arena, &named, err))
        return false;
    out->kind = named.kind;
    out->name = named.kind == CATALOG_COMMIT ? (str){ 0 } : named.name;
    return true;
}

static const char *ref_type(const struct nessie_ref *r)
{
    return r->name.len == 0 ? "DETACHED" : r->kind == CATALOG_TAG ? "TAG" : "BRANCH";
}

/* Members of an open object. */
void nessie_ref_write(const struct nessie_ref *r, struct json_writer *w)
{
    jw_kv_str(w, "type", str_of(ref_type(r)));
    if (r->name.len)
        jw_kv_str(w, "name", r->name);
    jw_kv_str(w, "hash", r->hash);
}

const char *nessie_type_name(enum entry_type type)
{
    return type == ENTRY_NAMESPACE ? "NAMESPACE"
           : type == ENTRY_VIEW    ? "ICEBERG_VIEW"
           : type == ENTRY_TABLE   ? "ICEBERG_TABLE"
                                   : "UDF";
}

/* ---- Configuration ---- */

static NESSIE_HANDLER(show_config)
{
    struct log_page log;
    (void)answer;
    if (!catalog_log(app->lake->catalog, (str){ 0 }, (str){ 0 }, 1, req->arena, &log, err))
        return false;
    bool v1 = nessie_is_v1(req);
    jw_begin_object(w);
    jw_kv_str(w, "defaultBranch", STR("main"));
    jw_kv_int(w, "maxSupportedApiVersion", 2);
    if (!v1) {
        jw_kv_int(w, "minSupportedApiVersion", 1);
        jw_kv_int(w, "actualApiVersion", 2);
        jw_kv_str(w, "specVersion", STR("2.2.0"));
    }
    jw_end_object(w);
    return true;
}

/* There is nothing to configure: no kind of repository configuration is known. */
static NESSIE_HANDLER(show_repository)
{
    (void)app;
    (void)req;
    (void)answer;
    (void)err;
    jw_begin_object(w);
    jw_kv_array(w, "configs");
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

static NESSIE_HANDLER(set_repository)
{
    (void)app;
    (void)req;
    (void)answer;
    (void)w;
    return fail(err, ERR_UNSUPPORTED, "repository configurations are not supported");
}

/* ---- Routes ---- */

#define READ(method_, path_, handler_, summary_)                                                   \
    ROUTE(method_, path_, PERMISSION_READ, handler_, summary_, .slow = true,                       \
          .failed = nessie_failed, .body_max = API_BODY_MAX)
#define WRITE(method_, path_, handler_, summary_)                                                  \
    ROUTE(method_, path_, PERMISSION_WRITE, handler_, summary_, .slow = true,                      \
          .failed = nessie_failed, .body_max = API_BODY_MAX)

#define V1_NAMED(kind_)                                                                            \
    WRITE("PUT", V1 "trees/" kind_ "/{ref}", nessie_assign_ref, "Nessie v1: assign a reference"),  \
        WRITE("DELETE", V1 "trees/" kind_ "/{ref}", nessie_delete_ref,                             \
              "Nessie v1: delete a reference")

const struct route nessie_routes[] = {
    READ("GET", V2 "config", show_config, "Nessie: configuration"),
    READ("GET", V2 "config/repository", show_repository, "Nessie: repository configurations"),
    WRITE("POST", V2 "config/repository", set_repository, "Nessie: set a repository configuration"),
    READ("GET", V2 "trees", nessie_list_refs, "Nessie: references; fetch, filter, max-records"),
    WRITE("POST", V2 "trees", nessie_create_ref, "Nessie: make a reference; name, type"),
    READ("GET", V2 "trees/{ref}", nessie_get_ref, "Nessie: one reference; fetch"),
    WRITE("PUT", V2 "trees/{ref}", nessie_assign_ref, "Nessie: assign a reference; type"),
    WRITE("DELETE", V2 "trees/{ref}", nessie_delete_ref, "Nessie: delete a reference; type"),
    READ("GET", V2 "trees/{ref}/entries", nessie_list_entries,
         "Nessie: keys of a reference; filter, content, key, prefix-key, min-key, max-key"),
    READ("GET", V2 "trees/{ref}/history", nessie_show_log,
         "Nessie: commits of a reference; fetch, filter, limit-hash"),
    READ("GET", V2 "trees/{ref}/recent-changes", nessie_recent_changes,
         "Nessie: where a reference pointed"),
    READ("GET", V2 "trees/{from}/diff/{to}", nessie_show_diff,
         "Nessie: what differs between two references"),
    READ("GET", V2 "trees/{ref}/contents", nessie_get_contents, "Nessie: contents of keys; key"),
    READ("POST", V2 "trees/{ref}/contents", nessie_get_contents,
         "Nessie: contents of keys: {requestedKeys}"),
    READ("GET", V2 "trees/{ref}/contents/{key}", nessie_get_content, "Nessie: content of a key"),
    WRITE("POST", V2 "trees/{branch}/history/commit", nessie_commit,
          "Nessie: commit puts and deletes of keys"),
    WRITE("POST", V2 "trees/{branch}/history/merge", nessie_merge, "Nessie: merge a reference"),
    WRITE("POST", V2 "trees/{branch}/history/transplant", nessie_transplant,
          "Nessie: apply single commits"),
    READ("GET", V1 "config", show_config, "Nessie v1: configuration"),
    READ("GET", V1 "trees", nessie_list_refs, "Nessie v1: references"),
    READ("GET", V1 "trees/tree", nessie_get_ref, "Nessie v1: the default branch"),
    WRITE("POST", V1 "trees/tree", nessie_create_ref, "Nessie v1: make a reference"),
    READ("GET", V1 "trees/tree/{ref}", nessie_get_ref, "Nessie v1: one reference"),
    READ("GET", V1 "trees/tree/{ref}/entries", nessie_list_entries,
         "Nessie v1: keys of a reference"),
    READ("GET", V1 "trees/tree/{ref}/log", nessie_show_log, "Nessie v1: commits of a reference"),
    V1_NAMED("branch"),
    V1_NAMED("tag"),
    WRITE("POST", V1 "trees/branch/{branch}/commit", nessie_commit, "Nessie v1: commit"),
    WRITE("POST", V1 "trees/branch/{branch}/merge", nessie_merge, "Nessie v1: merge"),
    WRITE("POST", V1 "trees/branch/{branch}/transplant", nessie_transplant,
          "Nessie v1: apply single commits"),
    READ("GET", V1 "contents/{key}", nessie_get_content, "Nessie v1: content of a key; ref"),
    READ("POST", V1 "contents", nessie_get_contents, "Nessie v1: contents of keys; ref"),
    READ("GET", V1 "diffs/{refs}", nessie_show_diff_v1,
         "Nessie v1: what differs: from...to, each with *hash"),
    { 0 },
};
