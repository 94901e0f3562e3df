/* SPDX-License-Identifier: Apache-2.0
 *
 * What govern's files share: the state, the compiled policy, changes.
 *
 *   G1  The rows in the database are the truth; `version` in gov_state counts changes, and every change raises it in its own
 *       transaction.
 *   G2  A policy is everything read at one version, compiled for checks, immutable, and published as a whole.
 *   G3  A change ends by publishing the policy that has it.  Where reading it back fails, `stale` is set and checks deny until
 *       it has been read: a revoked grant is never honoured after the answer. */
#ifndef FIRN_GOVERN_PRIV_H
#define FIRN_GOVERN_PRIV_H

#include <pthread.h>

#include "base/map.h"
#include "base/published.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "govern/roles.h"
#include "io/db.h"

#define SALT_LEN 16

/* A secret as it is kept; hexadecimal, empty: there is none. */
struct secret_hash {
    str salt, hash;
    int64_t rounds;
};

struct catalog_role;

struct principal_row {
    struct principal p;
    struct secret_hash current, previous;
    VEC(struct role_row *) roles;
};

struct role_row {
    struct role r;
    bool service_admin;
    VEC(struct catalog_role *) catalog_roles; /* of a principal role */
    VEC(struct principal_row *) principals;   /* of a principal role */
};

struct catalog_role {
    struct role r;
    uint32_t number; /* dense, for the table of grants */
    VEC(struct role_row *) roles;
    VEC(struct grant) grants;
};

struct key_row {
    struct api_key k;
    int64_t principal_id;
    str digest;
};

/* What one catalog role may do to one object: at all refs, and at those that fit a pattern. */
struct ref_grant {
    str pattern;
    struct privileges may;
    struct ref_grant *next;
};
struct rule {
    uint64_t hash; /* 0: free slot */
    uint32_t role;
    struct securable on;
    struct privileges may;
    struct ref_grant *by_ref;
};

struct policy {
    struct arena *a;
    int64_t version;
    bool on;
    VEC(struct principal_row) principals; /* sorted by name, as all lists */
    VEC(struct role_row) roles;
    VEC(struct catalog_role) catalog_roles;
    VEC(struct key_row) keys;
    struct map principals_by_name, principals_by_client, principals_by_id;
    struct map roles_by_name, roles_by_id, catalog_roles_by_name, catalog_roles_by_id;
    struct map keys_by_digest;
    struct rule *rules; /* open addressing, at most half full */
    size_t rules_n;     /* a power of two */
    size_t grants_n;
    uint64_t seed;
};

struct spool; /* io/spool.h */

struct govern {
    struct db *db;
    struct env *env;
    struct published policy; /* struct policy */
    atomic_bool on, stale;
    struct db_watch watch;    /* for changes that other servers make */
    pthread_mutex_t flushing; /* held while segments of the audit log are written to their table */
    pthread_mutex_t changing; /* one change or reload at a time; held during its transaction */
    struct secret_cache *secrets;
    char *audit_dir;
    struct spool *_Atomic audit; /* opened with the first policy that is on */
};

/* Reads all rows in one transaction and compiles them. */
MUST_USE bool policy_read(struct govern *g, struct policy **out, struct error *err);
void policy_free(struct policy *p); /* NULL is fine */

static inline const struct policy *policy_enter(struct govern *g, unsigned *ticket)
{
    return published_enter(&g->policy, ticket);
}
static inline void policy_leave(struct govern *g, unsigned ticket)
{
    published_leave(&g->policy, ticket);
}

/* NULL when there is none. */
struct principal_row *policy_principal(const struct policy *p, str name);
struct principal_row *policy_principal_by_id(const struct policy *p, int64_t id);
struct role_row *policy_role(const struct policy *p, str name);
struct role_row *policy_role_by_id(const struct policy *p, int64_t id);
struct catalog_role *policy_catalog_role(const struct policy *p, str name);

/* Whether a ref's text begins with a commit id, in full or as "@<id>": no name of a ref does. */
bool policy_is_commit(str ref);

/* The question, without audit: access.h.  `below`: whether something inside `on` may be reached. */
bool policy_allows(const struct policy *p, const struct identity *who, enum privilege privilege,
                   const struct securable *on, str ref);
bool policy_allows_below(const struct policy *p, const struct identity *who,
                         enum privilege privilege, const struct securable *on, str ref);

/* A change: fn runs inside a write transaction that has raised the version; then the policy is read again.  fn may run against
 * `now`, the policy as it is at the begin of the change, which nobody else replaces meanwhile. */
struct change {
    struct govern *g;
    struct db_tx *tx;
    struct arena *a;
    const struct policy *now;
    int64_t now_us;
    void *ctx;
};
MUST_USE bool govern_change(struct govern *g, bool (*fn)(struct change *c, struct error *err),
                            void *ctx, struct error *err);
/* The next id, inside a change. */
MUST_USE bool change_id(struct change *c, int64_t *out, struct error *err);
/* Runs a statement; ERR_NOT_FOUND with these words when it changed no row (`what` may be NULL). */
MUST_USE bool change_run(struct change *c, str sql, const struct db_value *args, size_t n,
                         const char *what, struct error *err);

/* Names of principals and roles: ERR_INVALID.  Properties: a JSON object of strings, or empty. */
MUST_USE bool govern_name_check(str name, const char *what, struct error *err);
MUST_USE bool properties_check(str json, struct arena *a, str *out, struct error *err);

/* Copies out of the policy. */
struct principal principal_copy(const struct principal *p, struct arena *a);
struct role role_copy(const struct role *r, struct arena *a);
struct grant grant_copy(const struct grant *g, struct arena *a);

/* Secrets (secret.c). */
struct secret_cache;
struct secret_cache *secret_cache_create(struct env *env);
void secret_cache_destroy(struct secret_cache *c);
struct secret_hash secret_hash_make(struct env *env, str secret, struct arena *a);
bool secret_hash_matches(const struct secret_hash *h, str secret);
/* Whether this pair was verified lately for this principal at this version. */
bool secret_cache_has(struct secret_cache *c, str client_id, str secret, int64_t id,
                      int64_t version);
void secret_cache_put(struct secret_cache *c, str client_id, str secret, int64_t id,
                      int64_t version);
/* Room for one slow hash; false: too many are under way. */
bool secret_slot_take(struct secret_cache *c);
void secret_slot_give(struct secret_cache *c);

#endif
