/* SPDX-License-Identifier: Apache-2.0
 *
 * Privileges, in Polaris's words (its management API names them so) and some of our own for what Polaris does not have: refs,
 * functions, feature views, models, jobs.  A privilege is granted on a securable; which others it brings along is one table
 * (privilege.c). */
#ifndef FIRN_GOVERN_PRIVILEGE_H
#define FIRN_GOVERN_PRIVILEGE_H

#include "base/error.h"
#include "base/str.h"

/* What can be granted on, outermost first.  Service is above the catalog: principals, roles, the server itself. */
enum securable_kind {
    SECURABLE_SERVICE,
    SECURABLE_CATALOG,
    SECURABLE_NAMESPACE,
    SECURABLE_TABLE,
    SECURABLE_VIEW,
    SECURABLE_FUNCTION,
    SECURABLE_POLICY,
    SECURABLE_FEATURE_VIEW,
    SECURABLE_MODEL, /* a registered model, or an experiment and its runs, by name */
    SECURABLE_KINDS
};

#define PRIVILEGES(X)                                                                              \
    X(SERVICE_MANAGE_ACCESS)                                                                       \
    X(SERVICE_OPERATE) /* jobs, metrics of the server, maintenance */                              \
    X(CATALOG_MANAGE_ACCESS)                                                                       \
    X(CATALOG_MANAGE_CONTENT)                                                                      \
    X(CATALOG_MANAGE_METADATA)                                                                     \
    X(CATALOG_READ_PROPERTIES)                                                                     \
    X(CATALOG_WRITE_PROPERTIES)                                                                    \
    X(CATALOG_ATTACH_POLICY)                                                                       \
    X(CATALOG_DETACH_POLICY)                                                                       \
    X(NAMESPACE_CREATE)                                                                            \
    X(NAMESPACE_DROP)                                                                              \
    X(NAMESPACE_LIST)                                                                              \
    X(NAMESPACE_READ_PROPERTIES)                                                                   \
    X(NAMESPACE_WRITE_PROPERTIES)                                                                  \
    X(NAMESPACE_FULL_METADATA)                                                                     \
    X(NAMESPACE_ATTACH_POLICY)                                                                     \
    X(NAMESPACE_DETACH_POLICY)                                                                     \
    X(TABLE_CREATE)                                                                                \
    X(TABLE_DROP)                                                                                  \
    X(TABLE_LIST)                                                                                  \
    X(TABLE_READ_PROPERTIES)                                                                       \
    X(TABLE_WRITE_PROPERTIES)                                                                      \
    X(TABLE_READ_DATA)                                                                             \
    X(TABLE_WRITE_DATA)                                                                            \
    X(TABLE_FULL_METADATA)                                                                         \
    X(TABLE_ATTACH_POLICY)                                                                         \
    X(TABLE_DETACH_POLICY)                                                                         \
    X(TABLE_ASSIGN_UUID)                                                                           \
    X(TABLE_UPGRADE_FORMAT_VERSION)                                                                \
    X(TABLE_ADD_SCHEMA)                                                                            \
    X(TABLE_SET_CURRENT_SCHEMA)                                                                    \
    X(TABLE_ADD_PARTITION_SPEC)                                                                    \
    X(TABLE_ADD_SORT_ORDER)                                                                        \
    X(TABLE_SET_DEFAULT_SORT_ORDER)                                                                \
    X(TABLE_ADD_SNAPSHOT)                                                                          \
    X(TABLE_SET_SNAPSHOT_REF)                                                                      \
    X(TABLE_REMOVE_SNAPSHOTS)                                                                      \
    X(TABLE_REMOVE_SNAPSHOT_REF)                                                                   \
    X(TABLE_SET_LOCATION)                                                                          \
    X(TABLE_SET_PROPERTIES)                                                                        \
    X(TABLE_REMOVE_PROPERTIES)                                                                     \
    X(TABLE_SET_STATISTICS)                                                                        \
    X(TABLE_REMOVE_STATISTICS)                                                                     \
    X(TABLE_REMOVE_PARTITION_SPECS)                                                                \
    X(TABLE_MANAGE_STRUCTURE)                                                                      \
    X(VIEW_CREATE)                                                                                 \
    X(VIEW_DROP)                                                                                   \
    X(VIEW_LIST)                                                                                   \
    X(VIEW_READ_PROPERTIES)                                                                        \
    X(VIEW_WRITE_PROPERTIES)                                                                       \
    X(VIEW_FULL_METADATA)                                                                          \
    X(POLICY_CREATE)                                                                               \
    X(POLICY_READ)                                                                                 \
    X(POLICY_WRITE)                                                                                \
    X(POLICY_DROP)                                                                                 \
    X(POLICY_LIST)                                                                                 \
    X(POLICY_FULL_METADATA)                                                                        \
    X(POLICY_ATTACH)                                                                               \
    X(POLICY_DETACH)                                                                               \
    X(FUNCTION_CREATE)                                                                             \
    X(FUNCTION_DROP)                                                                               \
    X(FUNCTION_LIST)                                                                               \
    X(FUNCTION_READ_PROPERTIES)                                                                    \
    X(FUNCTION_WRITE_PROPERTIES)                                                                   \
    X(FUNCTION_FULL_METADATA)                                                                      \
    X(REFERENCE_LIST)   /* names of branches and tags */                                           \
    X(REFERENCE_READ)   /* log, diff, entries of a ref */                                          \
    X(REFERENCE_CREATE) /* the ref named, from one that may be read */                             \
    X(REFERENCE_ASSIGN) /* to another commit */                                                    \
    X(REFERENCE_MERGE)  /* into the ref named; cherry-pick and revert too */                       \
    X(REFERENCE_DELETE)                                                                            \
    X(REFERENCE_FULL_METADATA)                                                                     \
    X(FEATURE_VIEW_CREATE)                                                                         \
    X(FEATURE_VIEW_DROP)                                                                           \
    X(FEATURE_VIEW_LIST)                                                                           \
    X(FEATURE_VIEW_READ_PROPERTIES)                                                                \
    X(FEATURE_VIEW_READ_DATA)  /* online values, training sets */                                  \
    X(FEATURE_VIEW_WRITE_DATA) /* materialize, push */                                             \
    X(FEATURE_VIEW_FULL_METADATA)                                                                  \
    X(MODEL_CREATE)                                                                                \
    X(MODEL_DROP)                                                                                  \
    X(MODEL_LIST)                                                                                  \
    X(MODEL_READ_PROPERTIES)                                                                       \
    X(MODEL_WRITE_PROPERTIES)                                                                      \
    X(MODEL_READ_DATA)  /* artifacts, predictions */                                               \
    X(MODEL_WRITE_DATA) /* runs, metrics, artifacts, versions */                                   \
    X(MODEL_FULL_METADATA)

enum privilege {
    PRIVILEGE_MISSING,   /* what a row without one would have */
    PRIVILEGE_PUBLIC,    /* anybody, also without credentials: health, token endpoint, the page */
    PRIVILEGE_SIGNED_IN, /* anybody with credentials; or the handler asks per object */
#define X(name) name,
    PRIVILEGES(X)
#undef X
        PRIVILEGES_N
};

/* A set of privileges. */
struct privileges {
    uint64_t bits[2];
};
_Static_assert(PRIVILEGES_N <= 128, "a set has 128 bits");

static inline bool privileges_has(const struct privileges *set, enum privilege p)
{
    return set->bits[p / 64] >> (p % 64) & 1;
}
static inline void privileges_add(struct privileges *set, enum privilege p)
{
    set->bits[p / 64] |= 1ULL << (p % 64);
}

/* "TABLE_READ_DATA".  Parse answers false for a word that is no privilege. */
const char *privilege_name(enum privilege p);
bool privilege_parse(str word, enum privilege *out);

/* The privilege itself and all that it brings along. */
const struct privileges *privilege_implied(enum privilege p);

/* The kind that its name speaks of; refs count as the catalog. */
enum securable_kind privilege_kind(enum privilege p);

/* Whether the word may be granted on this kind: the kind that it speaks of, and every kind above. */
bool privilege_grantable(enum privilege p, enum securable_kind on);

/* "namespace", as the management API types grants; parse answers false for others. */
const char *securable_kind_name(enum securable_kind kind);
bool securable_kind_parse(str word, enum securable_kind *out);

#endif
