/* SPDX-License-Identifier: Apache-2.0
 *
 * Principals: users and services, the secrets that prove them, and the roles that they hold.
 *
 * A principal has a client id and two secrets, the current and the previous one, so that rotation does not break those
 * that still show the old one.  Only salted hashes are kept (PBKDF2-HMAC-SHA256, SECRET_ROUNDS); a secret that was
 * verified is remembered in memory as a keyed digest for SECRET_CACHE_US, so that only the first request pays for
 * the slow hash.  API keys are secrets of 256 random bits, found by their digest: no slow hash is needed.
 *
 * The rows are in the metadata database (area "govern").  Any thread. */
#ifndef FIRN_GOVERN_PRINCIPALS_H
#define FIRN_GOVERN_PRINCIPALS_H

#include "base/arena.h"
#include "base/error.h"
#include "govern/identity.h"

struct govern;

#define SECRET_ROUNDS 60000                  /* of PBKDF2: about 7 ms */
#define SECRET_CACHE_US (5 * 60 * 1000000LL) /* a verified secret is believed for this long */
#define SECRET_HASHES_AT_ONCE                                                                      \
    2 /* slow hashes that run at a time; others wait or are told to come later */
#define PRINCIPAL_NAME_MAX 256 /* bytes of a name of a principal or role */
#define API_KEY_PREFIX "firn_" /* every API key begins so; scanners find leaked ones by it */

struct principal {
    int64_t id;
    str name, client_id;
    bool enabled;
    bool rotate_required; /* after a reset: the secret may only be used to rotate it */
    int64_t created_us, updated_us;
    int64_t version; /* counts changes */
    /* Counts secrets: a token carries the one of the time when it was issued, and ends when another secret is made. */
    int64_t generation;
    str properties; /* JSON object of strings */
};

/* A secret that has just been made: shown once, kept nowhere. */
struct principal_secret {
    str client_id, client_secret;
};

/* Whether client id and secret belong together.  ERR_DENIED with one text for an unknown id, a wrong secret
 * and a disabled principal, after the same work for all; ERR_UNAVAILABLE when too many slow hashes are under way
 * (answer 503 with Retry-After).  Strings live in `a`. */
MUST_USE bool principal_check_secret(struct govern *g, str client_id, str secret, struct arena *a,
                                     struct principal *out, struct error *err);

/* The principal whose API key this is; *key_id (may be NULL) names the key in logs.  ERR_DENIED as above, also for a key that has expired. */
MUST_USE bool principal_find_api_key(struct govern *g, str key, struct arena *a,
                                     struct principal *out, str *key_id, struct error *err);

/* By name (external tokens name a principal so).  ERR_NOT_FOUND. */
MUST_USE bool principal_by_name(struct govern *g, str name, struct arena *a, struct principal *out,
                                struct error *err);

/* The identity of a principal with the roles that `scope` activates: empty or containing "PRINCIPAL_ROLE:ALL": all that it holds;
 * else exactly those named by "PRINCIPAL_ROLE:<name>" (words separated by blanks; a word of another kind is ignored; none left:
 * all).  ERR_DENIED when it is disabled or does not hold a role named.  Answered from memory: a few
 * microseconds.  `credential_id` is copied into the identity; all lives in `a`. */
MUST_USE bool principal_identity(struct govern *g, int64_t principal_id, str scope,
                                 str credential_id, struct arena *a, const struct identity **out,
                                 struct error *err);

/* The same for who shows a token that was issued at `generation` of the principal: ERR_DENIED also when a secret was made since
 * (principal_rotate, principal_reset). */
MUST_USE bool principal_identity_of_token(struct govern *g, int64_t principal_id,
                                          int64_t generation, str scope, str credential_id,
                                          struct arena *a, const struct identity **out,
                                          struct error *err);

/* -- changes: each is one transaction and visible to the next check in this process when it returns; other servers on
 * the same database see it within DB_WATCH_US.  The caller has checked that they are allowed.  ERR_EXISTS,
 * ERR_NOT_FOUND, ERR_INVALID (names), ERR_CONFLICT (`version` is not the current one; 0: any). ------------------- */

/* The first principal, "root" with the role service_admin: turns access control on.  ERR_EXISTS when there are principals. */
MUST_USE bool principals_bootstrap(struct govern *g, struct arena *a, struct principal_secret *out,
                                   struct error *err);
/* As they read; a principal that must rotate can do nothing else until it has. */
MUST_USE bool principal_create(struct govern *g, str name, str properties, bool rotate_required,
                               struct arena *a, struct principal *out,
                               struct principal_secret *secret, struct error *err);
MUST_USE bool principal_update(struct govern *g, str name, int64_t version, str properties,
                               struct arena *a, struct principal *out, struct error *err);
MUST_USE bool principal_enable(struct govern *g, str name, bool enabled, struct error *err);
MUST_USE bool principal_drop(struct govern *g, str name, struct error *err);

/* A new secret; the current one becomes the previous one and both hold (rotate), or both are gone (reset; with `client_id` or `secret`
 * not empty, those are taken instead of made).  Either ends the tokens that were issued before: who still shows a secret that holds
 * gets another. */
MUST_USE bool principal_rotate(struct govern *g, str name, struct arena *a,
                               struct principal_secret *out, struct error *err);
MUST_USE bool principal_reset(struct govern *g, str name, str client_id, str secret,
                              struct arena *a, struct principal_secret *out, struct error *err);

struct principal_list {
    struct principal *at;
    size_t n;
};
/* By name. */
MUST_USE bool principals_list(struct govern *g, struct arena *a, struct principal_list *out,
                              struct error *err);

/* API keys.  `key` is shown once.  expires_us 0: never. */
struct api_key {
    str id, principal, note;
    int64_t created_us, expires_us;
};
struct api_key_list {
    struct api_key *at;
    size_t n;
};
/* As they read. */
MUST_USE bool api_key_create(struct govern *g, str principal, str note, int64_t expires_us,
                             struct arena *a, struct api_key *out, str *key, struct error *err);
MUST_USE bool api_key_drop(struct govern *g, str principal, str id, struct error *err);
MUST_USE bool api_keys_list(struct govern *g, str principal, struct arena *a,
                            struct api_key_list *out, struct error *err);

#endif
