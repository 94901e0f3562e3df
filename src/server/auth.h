/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a request shows to who asks: `Authorization: Bearer` with a token of ours, a token of a configured issuer
 * (oidc.h) or an API key; `X-API-Key`; `Authorization: Basic` with a client id and its secret.
 *
 * While access control is off everybody who reaches the server is the user who runs it, and what requests show is not looked at.
 * Once it is on, a request without credentials has no identity: it may use public routes only.  Failed
 * attempts are counted by address and requests by principal (throttle.h). */
#ifndef FIRN_SERVER_AUTH_H
#define FIRN_SERVER_AUTH_H

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"
#include "govern/principals.h"
#include "server/config.h"
#include "server/token.h"

struct api_answer;
struct api_request;
struct auth;
struct db;
struct govern;
struct route;

/* `govern`, `db`, `env` and the configuration outlive it.  govern NULL: access control is off. */
MUST_USE bool auth_open(const struct server_config *config, struct govern *govern, struct db *db,
                        struct env *env, struct auth **out, struct error *err);
void auth_close(struct auth *auth); /* NULL is fine */

/* Whether requests must show who they come from. */
bool auth_on(const struct auth *auth);

/* Why a request is not let through: the HTTP status (401, 419, 429, 503) and header fields. */
struct auth_refusal {
    int status;
    str www_authenticate; /* lives in the request's arena */
    int retry_after_s;
};

/* What a connection remembers of the token of ours that it showed last, so that showing it again costs a comparison.  One
 * thread at a time; zeroed at first. */
struct auth_memory {
    struct arena *a;
    str authorization; /* the header; empty: nothing is remembered */
    struct token_claims claims;
};
void auth_memory_deinit(struct auth_memory *memory);

/* Sets req->identity from req->authorization and `api_key` (the header X-API-Key; empty: none), and checks the limits.  Without
 * credentials req->identity stays NULL, which is a refusal (401) unless the route is public.  Without may_block it never
 * waits: *must_block then asks for another call on a thread that may.  Some microseconds, less with `memory` (may be NULL).
 * False with *err and *refusal. */
MUST_USE bool auth_identify(struct auth *auth, struct api_request *req, const struct route *route,
                            str api_key, struct auth_memory *memory, bool may_block,
                            bool *must_block, struct auth_refusal *refusal, struct error *err);

/* Whether what a request showed when it came is good still, for answers that go on for long: its token may have expired, its principal
 * been dropped.  Counts nothing; some microseconds.  ERR_DENIED when it is not. */
MUST_USE bool auth_still(struct auth *auth, const struct api_request *req, struct error *err);

/* Puts a refusal's header fields into the answer that was made of it. */
void auth_refusal_headers(const struct auth_refusal *refusal, struct api_answer *answer);

/* The type of an error of the Iceberg REST catalog with this status (401, 419, 429); NULL for others. */
const char *auth_iceberg_type(int status);

/* ---- For the token endpoint (oauth.c) ---- */

/* Client id and secret of an `Authorization: Basic` header.  False: it is another header, or broken (*broken). */
bool auth_basic(str authorization, struct arena *a, str *client_id, str *secret, bool *broken);

/* Who a subject token stands for: one of ours or of a configured issuer.  *expired tells a token that was good once. */
struct auth_subject {
    int64_t principal_id, generation;
    str client_id, scope;
    int64_t session_s;
};
MUST_USE bool auth_subject_of(struct auth *auth, str token, struct arena *a,
                              struct auth_subject *out, bool *expired, struct error *err);

/* False while this address has failed too often; then *wait_s says for how long. */
bool auth_may_try(struct auth *auth, str peer, int *wait_s);
void auth_count_failure(struct auth *auth, str peer);
/* Into the audit log (govern/audit.h), as AUTHENTICATE. */
void auth_note_refusal(struct auth *auth, const struct api_request *req, const char *why);

/* NULL while access control is off. */
struct govern *auth_govern(const struct auth *auth);
struct tokens *auth_tokens(const struct auth *auth);

#endif
