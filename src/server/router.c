/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables are read once into an index: a route's literal beginning ("/api/tables/" of "/api/tables/{name}/files") is
 * compared first, so that most routes cost one comparison of bytes. */
#include "server/router.h"

#include <pthread.h>

#include "base/env.h"
#include "base/log.h"
#include "codec/uri.h"
#include "server/answer_priv.h"
#include "server/iceberg_priv.h"
#include "server/metrics.h"
#include "server/nessie_priv.h"
#include "server/permissions.h"

#define ROUTES_MAX 1024

const struct route *const route_tables[] = {
    features_routes,  management_routes, models_routes,     system_routes,  page_routes,
    sql_routes,       tables_routes,     refs_routes,       jobs_routes,    iceberg_routes,
    functions_routes, oauth_routes,      nessie_routes,     commits_routes, events_routes,
    webhooks_routes,  maintain_routes,   statistics_routes, moves_routes,   NULL,
};

#define TABLES (sizeof route_tables / sizeof *route_tables - 1)

struct indexed {
    const struct route *route;
    str method, pattern;
    str literal; /* the pattern up to its first '{' */
};

static struct {
    struct indexed at[ROUTES_MAX];
    size_t n;
    size_t tables[TABLES + 1]; /* the number of each table's first route */
} routes;
static pthread_once_t routes_once = PTHREAD_ONCE_INIT;

static void build_index(void)
{
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct route *r = route_tables[t]; r->method; r++) {
            ASSERT(routes.n < ROUTES_MAX);
            struct indexed *x = &routes.at[routes.n++];
            *x = (struct indexed){ .route = r,
                                   .method = str_of(r->method),
                                   .pattern = str_of(r->path) };
            ptrdiff_t brace = str_find_char(x->pattern, '{');
            x->literal = brace < 0 ? x->pattern : str_sub(x->pattern, 0, (size_t)brace);
        }
        routes.tables[t + 1] = routes.n;
    }
}

size_t routes_n(void)
{
    pthread_once(&routes_once, build_index);
    return routes.n;
}

const struct route *route_at(size_t i)
{
    ASSERT(i < routes_n());
    return routes.at[i].route;
}

size_t route_number(const struct route *route)
{
    routes_n();
    for (size_t t = 0; t < TABLES; t++) {
        size_t n = routes.tables[t + 1] - routes.tables[t];
        size_t at = ((uintptr_t)route - (uintptr_t)route_tables[t]) / sizeof *route;
        if (at < n)
            return routes.tables[t] + at;
    }
    return routes.n;
}

/* Whether the path fits the pattern, segment by segment, still encoded.  {x} takes one segment that is not empty, {x...} all that
 * is left. */
static bool path_matches(str pattern, str path, str params[API_PARAMS_MAX])
{
    size_t n = 0;
    str want, got;
    while (str_next(&pattern, '/', &want)) {
        if (str_starts(want, STR("{")) && str_ends(want, STR("...}"))) {
            params[n] = path;
            return path.len > 0;
        }
        if (!str_next(&path, '/', &got))
            return false;
        if (str_starts(want, STR("{"))) {
            ASSERT(n < API_PARAMS_MAX);
            if (got.len == 0)
                return false;
            params[n++] = got;
        } else if (!str_eq(want, got)) {
            return false;
        }
    }
    return path.ptr == NULL;
}

/* Most routes differ from the path where their literal ends, which one look tells. */
static bool fits(const struct indexed *x, str path, str params[API_PARAMS_MAX])
{
    size_t n = x->literal.len;
    if (path.len < n || path.ptr[n - 1] != x->literal.ptr[n - 1] || !str_starts(path, x->literal))
        return false;
    memset(params, 0, API_PARAMS_MAX * sizeof *params);
    return n == x->pattern.len ? path.len == n : path_matches(x->pattern, path, params);
}

/* Decoding comes after cutting, so that %2F inside a segment stays inside. */
static bool take_params(struct api_request *req, const struct route *route,
                        const str params[API_PARAMS_MAX], struct error *err)
{
    for (size_t i = 0; i < API_PARAMS_MAX; i++) {
        req->params[i] = params[i];
        if (str_find_char(params[i], '%') < 0 &&
            !(route->plus_is_space && str_find_char(params[i], '+') >= 0))
            continue;
        if (!percent_decode(params[i], route->plus_is_space, req->arena, &req->params[i], err)) {
            err->code = ERR_INVALID;
            return fail_in(err, "the path");
        }
    }
    return true;
}

/* Spark asks for a table without a namespace when it has taken the table's name for that of a metadata table: "ns.refs" is the
 * refs of "ns", which is looked for first. It goes on when it is told that there is no such table. */
static bool no_namespace(str path, struct error *err)
{
    static const char *const kinds[][2] = { { "/namespaces//tables/", "Table" },
                                            { "/namespaces//views/", "View" } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ptrdiff_t at = str_find(path, str_of(kinds[i][0]));
        if (at >= 0 && str_starts(path, STR("/iceberg/")))
            return fail(err, ERR_NOT_FOUND, "%s does not exist: " STR_FMT, kinds[i][1],
                        STR_ARG(str_from(path, (size_t)at + strlen(kinds[i][0]))));
    }
    return fail(err, ERR_NOT_FOUND, "there is nothing at " STR_FMT, STR_ARG(path));
}

static bool no_route(struct api_request *req, str *allowed, struct error *err)
{
    struct buf methods = BUF_INIT(256);
    for (size_t i = 0; i < routes_n(); i++) {
        str params[API_PARAMS_MAX];
        if (fits(&routes.at[i], req->path, params))
            buf_printf(&methods, "%s%s", methods.len ? ", " : "", routes.at[i].route->method);
    }
    *allowed = arena_str(req->arena, buf_str(&methods));
    buf_deinit(&methods);
    if (allowed->len == 0)
        return no_namespace(req->path, err);
    return fail(err, ERR_INVALID, STR_FMT " does not answer " STR_FMT " (it answers " STR_FMT ")",
                STR_ARG(req->path), STR_ARG(req->method), STR_ARG(*allowed));
}

static bool find_method(str method, str path, const struct route **out, str params[API_PARAMS_MAX])
{
    for (size_t i = 0; i < routes_n(); i++) {
        const struct indexed *x = &routes.at[i];
        if (str_eq(x->method, method) && fits(x, path, params)) {
            *out = x->route;
            return true;
        }
    }
    return false;
}

bool route_find(struct api_request *req, const struct route **out, str *allowed, struct error *err)
{
    str params[API_PARAMS_MAX];
    *allowed = (str){ 0 };
    req->path = iceberg_canonical(req->path, req->arena);
    if (find_method(req->method, req->path, out, params) ||
        (str_is(req->method, "HEAD") && find_method(STR("GET"), req->path, out, params)))
        return take_params(req, *out, params, err);
    return no_route(req, allowed, err);
}

/* Clients of a protocol read its errors, also where it has no route. */
static const struct {
    const char *below;
    void (*failed)(struct api_answer *answer, const struct error *err, int status);
} protocols[] = {
    { "/iceberg/", iceberg_failed },
    { "/nessie/", nessie_failed },
    { "/api/management/", iceberg_failed },
};

void route_failed(const struct route *route, str path, struct api_answer *answer,
                  const struct error *err, int status)
{
    if (route) {
        (route->failed ? route->failed : api_answer_error)(answer, err, status);
        return;
    }
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (str_starts(path, str_of(protocols[i].below))) {
            protocols[i].failed(answer, err, status);
            return;
        }
    api_answer_error(answer, err, status);
}

void route_run(struct app *app, const struct route *route, struct api_request *req,
               struct api_answer *answer)
{
    struct error err = { 0 };
    struct json_writer w;
    int64_t began = env_monotonic_ns(env_real());
    jw_init(&w, &answer->body);
    if (!permission_check(app, route, req, &err) || !route->handler(app, req, answer, &w, &err) ||
        !buf_ok(&answer->body, "the answer", &err)) {
        if (err.code == ERR_INTERNAL)
            log_error("api", "%s %s req=" STR_FMT " err=\"%s\"", route->method, route->path,
                      STR_ARG(req->request_id), err.msg);
        route_failed(route, req->path, answer, &err, 0);
    } else if (route->gzip) {
        answer_gzip(req, answer);
    }
    metrics_request(app->metrics, route, answer->status, env_monotonic_ns(env_real()) - began);
}

bool route_run_quick(struct app *app, const struct route *route, struct api_request *req,
                     struct api_answer *answer)
{
    struct error err = { 0 };
    int64_t began = env_monotonic_ns(env_real());
    if (!route->quick || !route->quick(app, req, answer))
        return false;
    if (!permission_check(app, route, req, &err))
        route_failed(route, req->path, answer, &err, 0);
    metrics_request(app->metrics, route, answer->status, env_monotonic_ns(env_real()) - began);
    return true;
}

void api_dispatch(struct app *app, struct api_request *req, struct api_answer *answer)
{
    struct error err = { 0 };
    const struct route *route = NULL;
    if (route_find(req, &route, &answer->allow, &err)) {
        route_run(app, route, req, answer);
        buf_add_str(&answer->body, answer->borrowed);
        answer->borrowed = (str){ 0 };
        return;
    }
    int status = answer->allow.len ? 405 : err_http_status(err.code);
    route_failed(route, req->path, answer, &err, status);
    metrics_request(app->metrics, NULL, status, 0);
}
