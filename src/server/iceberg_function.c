/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions.  The protocol lists and loads them; they are stored and dropped by two routes of our own, since it has none for that. */
#include "iceberg/function.h"
#include "server/iceberg_priv.h"
#include "server/router.h"

bool iceberg_list_functions(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err)
{
    (void)answer;
    return iceberg_list_entries(app, req, ENTRY_FUNCTION, w, err);
}

static void write_function(const struct catalog_function *f, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "metadata-location", f->metadata_location);
    jw_key(w, STR("metadata"));
    function_metadata_write_json(f->metadata, w);
    jw_end_object(w);
}

bool iceberg_load_function(struct app *app, struct api_request *req, struct api_answer *answer,
                           struct json_writer *w, struct error *err)
{
    struct catalog_function f;
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    (void)answer;
    if (!catalog_load_function(app->lake->catalog, ref, at[0], at[1], req->arena, &f, err))
        return false;
    write_function(&f, w);
    return true;
}

/* ---- Our own ---- */

/* {"name":"ns.f","branch":"main","replace":false,"metadata":{…}} */
static bool put_function(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    const struct json *doc, *metadata;
    struct commit_info info;
    struct catalog_function f;
    struct buf text = BUF_INIT(FUNCTION_BYTES_MAX);
    struct json_writer text_w;
    str full, branch, ns, name;
    bool replace;
    if (!api_body(req, &doc, err) || !body_only(doc, "name branch replace metadata", err) ||
        !json_need_str(doc, "name", &full, err) ||
        !json_opt_str(doc, "branch", (str){ 0 }, &branch, err) ||
        !json_opt_bool(doc, "replace", false, &replace, err) ||
        !json_need_obj(doc, "metadata", &metadata, err) ||
        !name_split(full, req->arena, &ns, &name, err) || !iceberg_commit_info(req, &info, err))
        return false;
    jw_init(&text_w, &text);
    jw_json(&text_w, metadata);
    bool ok = buf_ok(&text, "metadata", err) &&
              catalog_put_function(app->lake->catalog, branch, ns, name, buf_str(&text), replace,
                                   &info, req->arena, &f, err);
    buf_deinit(&text);
    if (!ok)
        return false;
    answer->status = 201;
    write_function(&f, w);
    return true;
}

static bool drop_function(struct app *app, struct api_request *req, struct api_answer *answer,
                          struct json_writer *w, struct error *err)
{
    struct commit_info info;
    str ns, name;
    (void)w;
    if (!name_split(req->params[0], req->arena, &ns, &name, err) ||
        !iceberg_commit_info(req, &info, err) ||
        !catalog_drop_function(app->lake->catalog, api_query(req, "branch", NULL), ns, name, &info,
                               req->arena, NULL, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

const struct route functions_routes[] = {
    ROUTE("POST", "/api/functions", PERMISSION_WRITE, put_function,
          "store a function for engines: its metadata of the UDF specification", .slow = true,
          .body_max = FUNCTION_BYTES_MAX),
    ROUTE("DELETE", "/api/functions/{name}", PERMISSION_WRITE, drop_function,
          "drop a function; branch", .slow = true),
    { 0 },
};
