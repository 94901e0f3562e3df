/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt to hand an event to a webhook's receiver. */
#ifndef FIRN_SERVER_HOOK_POST_H
#define FIRN_SERVER_HOOK_POST_H

#include "server/hooks.h"

struct cancel;
struct http_client;
struct server_config;

#define HOOK_TIMEOUT_MS 10000

struct hook_outcome {
    bool taken;            /* 2xx */
    bool refused_for_good; /* 410 */
    int status;            /* 0: there was no answer */
    int64_t retry_after_s; /* as the receiver asks; 0: it does not */
    str error;             /* why it was not taken */
};

/* Makes the client that the settings allow: public addresses only, unless they say otherwise. */
MUST_USE bool hook_client(const struct server_config *config, struct http_client **out,
                          struct error *err);

/* Posts the body, signed with the hook's secret, under an id that is the same for each attempt.  The outcome lives in `a`; it
 * fails only when cancelled. */
MUST_USE bool hook_post(struct http_client *client, const struct hook *hook, str id, str body,
                        struct cancel *cancel, struct arena *a, struct hook_outcome *out,
                        struct error *err);

#endif
