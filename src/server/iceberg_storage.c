/* SPDX-License-Identifier: Apache-2.0
 *
 * Access to a table's files: credentials to hand out, requests to sign.  Firn's warehouse is a folder, whose files engines open with
 * their own rights: there is nothing to hand out and nothing to sign.  Both answers come only after everything was checked that
 * must be checked before a credential may be made:
 *
 *   S1  the table exists, and who asks may see it (the router's check);
 *   S2  every location in its metadata may be used now, whatever was allowed when it was recorded;
 *   S3  what is to be signed lies below one of the table's own locations, a whole number of path segments, after parsing and
 *       not by comparing text: no "..", no escapes of them, no query, no other host. */
#include "catalog/catalog.h"
#include "codec/uri.h"
#include "io/store.h"
#include "server/iceberg_priv.h"

/* S2. */
static bool check_location(struct app *app, str location, struct arena *a, struct error *err)
{
    str path;
    if (location.len == 0 || store_from_uri(app->lake->warehouse, location, a, &path, err))
        return true;
    if (err->code == ERR_INVALID)
        err->code = ERR_DENIED;
    return fail_in(err, "the table's location");
}

static bool load_checked(struct app *app, struct api_request *req, struct table *out,
                         struct error *err)
{
    static const char *const keys[] = { "write.data.path", "write.metadata.path",
                                        "write.object-storage.path", "write.folder-storage.path" };
    str ref;
    const str *at = iceberg_path(req, 2, &ref);
    if (!catalog_load_table(app->lake->catalog, ref, at[0], at[1], req->arena, out, err) ||
        !check_location(app, out->metadata->location, req->arena, err))
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!check_location(app, metadata_property(out->metadata, keys[i], (str){ 0 }), req->arena,
                            err))
            return false;
    return true;
}

bool iceberg_load_credentials(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err)
{
    struct table t;
    (void)answer;
    if (!load_checked(app, req, &t, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "storage-credentials");
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

/* ---- Signing ---- */

static const char *const methods[] = { "PUT", "GET", "HEAD", "POST", "DELETE", "PATCH", "OPTIONS" };

struct sign_request {
    str region, method, provider;
    struct uri uri;
};

static bool parse_sign(struct api_request *req, struct sign_request *out, struct error *err)
{
    const struct json *doc, *headers;
    str uri;
    if (!api_body(req, &doc, err) || !json_need_str(doc, "region", &out->region, err) ||
        !json_need_str(doc, "uri", &uri, err) || !json_need_str(doc, "method", &out->method, err) ||
        !json_need_obj(doc, "headers", &headers, err) ||
        !json_opt_str(doc, "provider", STR("s3"), &out->provider, err))
        return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (str_is(out->method, methods[i]))
            return uri_parse(uri, &out->uri, err) || fail_in(err, "uri");
    return fail(err, ERR_INVALID, "method \"" STR_FMT "\" is not one to sign",
                STR_ARG(str_sub(out->method, 0, 50)));
}

/* S3, for one of the table's folders. */
static bool is_below(str folder, const struct uri *asked)
{
    struct error ignored = { 0 };
    struct uri root;
    str rest;
    return folder.len && uri_parse(folder, &root, &ignored) && uri_below(&root, asked, &rest) &&
           rest.len > 0;
}

static bool belongs_to(const struct metadata *m, const struct uri *asked)
{
    return is_below(m->location, asked) ||
           is_below(metadata_property(m, "write.data.path", (str){ 0 }), asked) ||
           is_below(metadata_property(m, "write.metadata.path", (str){ 0 }), asked);
}

bool iceberg_sign(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err)
{
    struct sign_request sign;
    struct table t;
    (void)answer, (void)w;
    if (!parse_sign(req, &sign, err) || !load_checked(app, req, &t, err))
        return false;
    if (!belongs_to(t.metadata, &sign.uri))
        return fail(err, ERR_DENIED,
                    "what is to be signed is not below the location of table " STR_FMT,
                    STR_ARG(name_to_text(t.ns, t.name, req->arena)));
    return fail(err, ERR_INVALID,
                "Remote signing is not enabled: the table's files are local and need no signature");
}
