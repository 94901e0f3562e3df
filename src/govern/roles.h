/* SPDX-License-Identifier: Apache-2.0
 *
 * Principal roles, catalog roles and grants.  A principal holds principal roles; a principal role is given catalog roles; a catalog
 * role is granted privileges on securables.  Readers answer from memory; changes are one transaction each
 * (principals.h says when they are seen).
 *
 * Two roles are built in and cannot be dropped: the principal role "service_admin", which may manage principals, roles and
 * the server, and the catalog role "catalog_admin", which may do everything in the catalog. */
#ifndef FIRN_GOVERN_ROLES_H
#define FIRN_GOVERN_ROLES_H

#include "govern/access.h"
#include "govern/principals.h"

#define ROLE_SERVICE_ADMIN "service_admin"
#define ROLE_CATALOG_ADMIN "catalog_admin"
#define PRINCIPAL_ROOT "root"

#define GRANTS_MAX 200000     /* of all catalog roles */
#define PRINCIPALS_MAX 100000 /* and roles of each kind */
#define REF_PATTERN_MAX 200   /* bytes */

enum role_kind { ROLE_OF_PRINCIPALS, ROLE_OF_CATALOG, ROLE_KINDS };

struct role {
    int64_t id;
    str name;
    str properties; /* JSON object of strings */
    int64_t created_us, updated_us, version;
};
struct role_list {
    struct role *at;
    size_t n;
};

/* ERR_INVALID (name, properties), ERR_EXISTS, ERR_NOT_FOUND, ERR_CONFLICT (version is not the current one; 0: any),
 * ERR_DENIED for the built-in ones, ERR_LIMIT. */
MUST_USE bool role_create(struct govern *g, enum role_kind kind, str name, str properties,
                          struct arena *a, struct role *out, struct error *err);
MUST_USE bool role_update(struct govern *g, enum role_kind kind, str name, int64_t version,
                          str properties, struct arena *a, struct role *out, struct error *err);
MUST_USE bool role_drop(struct govern *g, enum role_kind kind, str name, struct error *err);
MUST_USE bool role_by_name(struct govern *g, enum role_kind kind, str name, struct arena *a,
                           struct role *out, struct error *err);
MUST_USE bool roles_list(struct govern *g, enum role_kind kind, struct arena *a,
                         struct role_list *out, struct error *err);

/* Gives a principal a principal role, or takes it.  Giving what is held already is fine; taking what is not held is ERR_NOT_FOUND. */
MUST_USE bool principal_role_give(struct govern *g, str principal, str role, struct error *err);
MUST_USE bool principal_role_take(struct govern *g, str principal, str role, struct error *err);
/* The same for a catalog role and a principal role. */
MUST_USE bool catalog_role_give(struct govern *g, str role, str catalog_role, struct error *err);
MUST_USE bool catalog_role_take(struct govern *g, str role, str catalog_role, struct error *err);

/* Who has which, sorted by name.  ERR_NOT_FOUND. */
MUST_USE bool roles_of_principal(struct govern *g, str principal, struct arena *a,
                                 struct role_list *out, struct error *err);
/* The same. */
MUST_USE bool principals_of_role(struct govern *g, str role, struct arena *a,
                                 struct principal_list *out, struct error *err);
/* The same. */
MUST_USE bool catalog_roles_of_role(struct govern *g, str role, struct arena *a,
                                    struct role_list *out, struct error *err);
/* The same. */
MUST_USE bool roles_of_catalog_role(struct govern *g, str catalog_role, struct arena *a,
                                    struct role_list *out, struct error *err);

struct grant {
    struct securable on;
    enum privilege privilege;
    str ref; /* pattern of branches and tags; empty: "*" */
};
struct grant_list {
    struct grant *at;
    size_t n;
};

/* Adding what is there is fine.  ERR_INVALID when the privilege cannot be granted on the kind or a name is no name.
 * The thing named need not exist (yet). */
MUST_USE bool grant_add(struct govern *g, str catalog_role, const struct grant *grant,
                        struct error *err);
/* ERR_NOT_FOUND when it is not there. */
MUST_USE bool grant_revoke(struct govern *g, str catalog_role, const struct grant *grant,
                           struct error *err);
MUST_USE bool grants_list(struct govern *g, str catalog_role, struct arena *a,
                          struct grant_list *out, struct error *err);

/* The names of an identity's activated principal roles, for messages and rules of branches. */
str *identity_role_names(struct govern *g, const struct identity *who, struct arena *a, size_t *n);

#endif
