/* SPDX-License-Identifier: Apache-2.0
 *
 * Probes, metrics, the description of the API.  All of it without touching the data, so that it answers under any load. */
#include "base/env.h"
#include "engine/engine.h"
#include "server/answer_priv.h"
#include "server/metrics.h"
#include "server/permissions.h"
#include "sql/lake.h"
#include "version.h"

static bool health(struct app *app, struct api_request *req, struct api_answer *answer,
                   struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)answer, (void)err;
    jw_begin_object(w);
    jw_kv_str(w, "status", STR("ok"));
    jw_end_object(w);
    return true;
}

static bool show_metrics(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    (void)req, (void)w, (void)err;
    answer->content_type = STR("text/plain; version=0.0.4; charset=utf-8");
    metrics_write(app->metrics, &answer->body);
    return true;
}

static bool show_status(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    (void)req, (void)answer, (void)err;
    jw_begin_object(w);
    jw_kv_str(w, "version", STR(FIRN_VERSION));
    jw_kv_str(w, "engine", str_of(engine_version()));
    jw_kv_str(w, "data_dir", str_of(app->lake->dir));
    kv_time(w, "started", app->started_us);
    jw_kv_f64(w, "uptime_seconds", (double)(env_now_us(env_real()) - app->started_us) / 1e6);
    jw_kv_int(w, "requests", metrics_requests_total(app->metrics));
    jw_kv_bool(w, "local_files", app->local_files);
    jw_end_object(w);
    return true;
}

/* ---- Description ---- */

/* "/a/{name...}" is written "/a/{name}". */
static str described_path(str path, struct arena *a)
{
    ptrdiff_t dots = str_find(path, STR("...}"));
    if (dots < 0)
        return path;
    return arena_printf(a, STR_FMT "}", STR_ARG(str_sub(path, 0, (size_t)dots)));
}

static void write_parameters(str path, struct json_writer *w)
{
    str segment;
    jw_kv_array(w, "parameters");
    while (str_next(&path, '/', &segment)) {
        if (!str_starts(segment, STR("{")))
            continue;
        jw_begin_object(w);
        jw_kv_str(w, "name", str_sub(segment, 1, segment.len - 1));
        jw_kv_str(w, "in", STR("path"));
        jw_kv_bool(w, "required", true);
        jw_kv_object(w, "schema");
        jw_kv_str(w, "type", STR("string"));
        jw_end_object(w);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_operation(const struct route *r, str path, struct json_writer *w)
{
    static const char *const permissions[] = { "", "public", "read", "write", "admin" };
    char method[8] = "";
    for (size_t i = 0; r->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)(r->method[i] | 0x20);
    jw_kv_object(w, method);
    jw_kv_str(w, "summary", str_of(r->summary));
    jw_kv_str(w, "x-firn-permission", str_of(permissions[r->permission]));
    if (permission_find(r))
        jw_kv_str(w, "x-firn-privilege", str_of(permission_words(permission_find(r))));
    write_parameters(path, w);
    jw_kv_object(w, "responses");
    jw_kv_object(w, "200");
    jw_kv_str(w, "description", STR("done"));
    jw_end_object(w);
    jw_kv_object(w, "default");
    jw_kv_str(w, "description", STR("an error: {error: {type, code, message, hint}}"));
    jw_end_object(w);
    jw_end_object(w);
    jw_end_object(w);
}

static bool same_path(size_t i, size_t k)
{
    return str_is(str_of(route_at(i)->path), route_at(k)->path);
}

/* Whether an earlier row has the path, which has been written with it. */
static bool written(size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_path(i, k))
            return true;
    return false;
}

static void write_paths(struct arena *a, struct json_writer *w)
{
    jw_kv_object(w, "paths");
    for (size_t i = 0; i < routes_n(); i++) {
        if (written(i))
            continue;
        str path = described_path(str_of(route_at(i)->path), a);
        jw_key(w, path);
        jw_begin_object(w);
        for (size_t k = i; k < routes_n(); k++)
            if (same_path(k, i))
                write_operation(route_at(k), path, w);
        jw_end_object(w);
    }
    jw_end_object(w);
}

static bool describe(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    (void)app, (void)answer, (void)err;
    jw_begin_object(w);
    jw_kv_str(w, "openapi", STR("3.1.0"));
    jw_kv_object(w, "info");
    jw_kv_str(w, "title", STR("Firn"));
    jw_kv_str(w, "version", STR(FIRN_VERSION));
    jw_end_object(w);
    write_paths(req->arena, w);
    jw_end_object(w);
    return true;
}

const struct route system_routes[] = {
    ROUTE("GET", "/health", PERMISSION_PUBLIC, health, "Whether the server answers"),
    ROUTE("GET", "/metrics", PERMISSION_PUBLIC, show_metrics, "Counters, as Prometheus reads them"),
    ROUTE("GET", "/openapi.json", PERMISSION_PUBLIC, describe, "This description"),
    ROUTE("GET", "/api/status", PERMISSION_READ, show_status, "Version, data directory, uptime"),
    { 0 },
};
