/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server counts, as Prometheus reads it: requests by route and status, a latency histogram a route,
 * connections, requests under way, and the process itself.  Counting takes no lock. */
#ifndef FIRN_SERVER_METRICS_H
#define FIRN_SERVER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct metrics;
struct route;

/* All counts are 0. */
struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *m); /* NULL is fine */

/* A request that was answered, and how long its handler took.  route NULL: none was found.  m NULL counts nothing, here
 * and below. */
void metrics_request(struct metrics *m, const struct route *route, int status, int64_t ns);
void metrics_connections(struct metrics *m, int change); /* opened or closed */
void metrics_in_flight(struct metrics *m, int change);   /* requests begun or ended */
void metrics_refused(struct metrics *m); /* 503 because the workers' queue was full */
/* An action of maintenance (upkeep.h) that ended; `action` is text that lives for ever, and there are few. */
void metrics_maintenance(struct metrics *m, const char *action, bool ok);

int64_t metrics_requests_total(const struct metrics *m); /* of all routes */

/* Appends the Prometheus text format (version 0.0.4). */
void metrics_write(const struct metrics *m, struct buf *out);

#endif
