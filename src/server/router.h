/* SPDX-License-Identifier: Apache-2.0
 *
 * From a method and a path to the one route that answers it.  Built once from the tables of the api_*.c files; matching
 * walks the path's segments and allocates nothing. */
#ifndef FIRN_SERVER_ROUTER_H
#define FIRN_SERVER_ROUTER_H

#include "server/api.h"

/* A protocol's routes; ends with a NULL method. */
extern const struct route tables_routes[], sql_routes[], refs_routes[], features_routes[],
    models_routes[], management_routes[], jobs_routes[], system_routes[], page_routes[],
    iceberg_routes[], functions_routes[], oauth_routes[], nessie_routes[], commits_routes[],
    events_routes[], webhooks_routes[], maintain_routes[], statistics_routes[], moves_routes[];

/* The path that stands for the same in the tables: "/iceberg/{ref}/v1/…" is "/iceberg/v1/{ref}/…" (iceberg.c); others are
 * themselves. */
str iceberg_canonical(str path, struct arena *a);

/* Every table above, ends with NULL. */
extern const struct route *const route_tables[];

/* A row of a table; a row whose permission is PERMISSION_MISSING does not compile.  More members may follow:
 * ROUTE("POST", "/api/sql", PERMISSION_WRITE, run_sql, "...", .slow = true). */
#define ROUTE(method_, path_, permission_, handler_, summary_, ...)                                \
    {                                                                                              \
        .method = (method_), .path = (path_), .handler = (handler_), .summary = (summary_),        \
        .permission = (permission_) + 0 * sizeof(struct {                                          \
                                          _Static_assert((permission_) != PERMISSION_MISSING,      \
                                                         "a route needs a permission");            \
                                          int x;                                                   \
                                      }) __VA_OPT__(, ) __VA_ARGS__                                \
    }

/* The route for a request (HEAD without a row of its own: GET's), with req->params filled in, decoded (in req->arena where they had escapes); ERR_NOT_FOUND when no
 * route has the path, ERR_INVALID (*allowed set to the methods that it has, "GET, POST") when none has the method or an
 * escape in the path is wrong. */
MUST_USE bool route_find(struct api_request *req, const struct route **out, str *allowed,
                         struct error *err);

/* Answers an error in the words of the route or, where none was found (NULL), of the protocol that the path belongs to.  status 0: what
 * follows from the error. */
void route_failed(const struct route *route, str path, struct api_answer *answer,
                  const struct error *err, int status);

/* Answers a request that route_find has found the route of; api_dispatch is both. */
void route_run(struct app *app, const struct route *route, struct api_request *req,
               struct api_answer *answer);

/* The same, when the answer is at hand without waiting for anything; false: nothing was done.  For the threads that serve sockets. */
bool route_run_quick(struct app *app, const struct route *route, struct api_request *req,
                     struct api_answer *answer);

/* Every route has a number below routes_n(), the same as long as the process lives. */
size_t routes_n(void);
const struct route *route_at(size_t i);
size_t route_number(const struct route *route);

#endif
