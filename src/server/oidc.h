/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of other issuers (OpenID Connect): checked with the issuer's published keys, which come from a file or an URL (firn.yaml,
 * auth.oidc) and are kept, so that the server goes on while the issuer is away.  Keys are fetched again when they are
 * older than `refresh`, and when a token names one that is not there, at most every OIDC_RETRY_US. */
#ifndef FIRN_SERVER_OIDC_H
#define FIRN_SERVER_OIDC_H

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"
#include "server/config.h"

#define OIDC_RETRY_US (10 * 1000000LL)
#define OIDC_LEEWAY_S 60 /* the issuer's clock */
#define OIDC_FETCH_MS 10000
#define OIDC_ROLES_MAX 256

struct jwt;
struct oidc;

/* The providers of the configuration (which outlives it).  Reads no keys yet; ERR_INTERNAL only. */
MUST_USE bool oidc_open(const struct server_config *config, struct env *env, struct oidc **out,
                        struct error *err);
void oidc_close(struct oidc *o); /* NULL is fine */

/* Whether the token names an issuer of the configuration. */
bool oidc_knows(const struct oidc *o, const struct jwt *token);

/* What an external token says about its bearer. */
struct oidc_subject {
    str principal; /* the name to look up */
    bool
        has_roles; /* the provider has a claim for roles: only those named (and held) are activated */
    str roles[OIDC_ROLES_MAX];
    size_t roles_n;
    int64_t expires_s;
};

/* Checks a token of a known issuer.  ERR_DENIED with what is wrong; *expired tells one that was good once.  Without may_block nothing is
 * fetched: *must_block says that the question must be asked again with may_block, on a thread that may wait.
 * ERR_UNAVAILABLE: there are no keys at all yet.  Strings live in `a`. */
MUST_USE bool oidc_check(struct oidc *o, const struct jwt *token, bool may_block, struct arena *a,
                         struct oidc_subject *out, bool *expired, bool *must_block,
                         struct error *err);

#endif
