/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of our own: JWTs signed with HS256 by keys that are kept in the metadata database, so that all servers on it and
 * later runs believe them.  A key is made at first use, signs for `key_us`, and is believed until the last token that it
 * signed has expired; then its row goes. */
#ifndef FIRN_SERVER_TOKEN_H
#define FIRN_SERVER_TOKEN_H

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"

struct db;
struct jwt;
struct tokens;

struct tokens_options {
    struct db *db; /* outlives it, as env does */
    struct env *env;
    str issuer; /* `iss` and `aud` */
    int64_t token_us, session_us, key_us;
};

/* Migrates the area "auth".  Reads no key yet. */
MUST_USE bool tokens_open(const struct tokens_options *options, struct tokens **out,
                          struct error *err);
void tokens_close(struct tokens *t); /* NULL is fine */

/* What a token says. */
struct token_claims {
    int64_t principal_id;
    int64_t generation; /* of the principal (govern/principals.h) */
    str principal, client_id;
    str scope;         /* "" or words: the roles that it may activate */
    int64_t expires_s; /* set by token_issue */
    int64_t session_s; /* until when tokens may be exchanged for others; 0: a new session */
};

/* Signs; *claims gets the times.  The token lives in `a`.  ERR_UNAVAILABLE and others of the database.  Any thread; may wait for the
 * database. */
MUST_USE bool token_issue(struct tokens *t, struct token_claims *claims, struct arena *a, str *out,
                          struct error *err);

/* Whether this parsed token claims to be ours (by its issuer). */
bool token_is_ours(const struct tokens *t, const struct jwt *token);

/* Checks signature and claims.  ERR_DENIED; *expired tells a token that was good once (its claims are filled in).  Looks a new
 * key of another server up in the database, at most once a second.  Strings live in `a`.  Any thread. */
MUST_USE bool token_check(struct tokens *t, const struct jwt *token, struct arena *a,
                          struct token_claims *out, bool *expired, struct error *err);

#endif
