/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks.  An identity is the outcome of authentication (server/auth.h makes it from a token, a key or a certificate)
 * and the input of every decision (access.h).  Immutable; it lives as long as the request that carries it. */
#ifndef FIRN_GOVERN_IDENTITY_H
#define FIRN_GOVERN_IDENTITY_H

#include "base/arena.h"

#define IDENTITY_ROLES_MAX 256 /* activated principal roles of one request */

struct identity {
    str principal;        /* its name; "anonymous" without credentials */
    int64_t principal_id; /* 0: not one of the database's */
    const int64_t *roles; /* ids of the principal roles that this request has activated */
    size_t roles_n;
    bool root;         /* everything is allowed: the process itself, or access control is off */
    str credential_id; /* what was shown: a client id, the id of an API key, a token's subject; "local" */
};

/* The process itself (jobs, audit log, commands on a data directory of one's own): may do everything, unrecorded. */
extern const struct identity identity_system;
/* A command on a data directory of one's own, while no server runs: may do everything, and is audited. */
extern const struct identity identity_local;
/* No credentials: may use public routes only. */
extern const struct identity identity_anonymous;

#endif
