/* SPDX-License-Identifier: Apache-2.0
 *
 * Which privilege on which object each route needs: one table (permissions.c), read beside the tables of routes.  A route that is not
 * public and has no row there is for nobody. */
#ifndef FIRN_SERVER_PERMISSIONS_H
#define FIRN_SERVER_PERMISSIONS_H

#include "govern/access.h"
#include "server/api.h"

struct permission_row;

/* The row of a route; NULL when there is none. */
const struct permission_row *permission_find(const struct route *route);

/* Words for the description of the API: "TABLE_DROP on table"; what the handler itself asks for is "as its objects need". */
const char *permission_words(const struct permission_row *row);

/* Sets req->access and asks.  ERR_DENIED, and ERR_INVALID where the object stands in a body that cannot be read. */
MUST_USE bool permission_check(struct app *app, const struct route *route, struct api_request *req,
                               struct error *err);

#endif
