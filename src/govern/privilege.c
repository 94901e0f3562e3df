/* SPDX-License-Identifier: Apache-2.0
 *
 * What a granted privilege brings along.  The table holds direct implications; the closure is made once. */
#include "govern/privilege.h"

#include <pthread.h>

static const char *const names[PRIVILEGES_N] = { [PRIVILEGE_MISSING] = "MISSING",
                                                 [PRIVILEGE_PUBLIC] = "PUBLIC",
                                                 [PRIVILEGE_SIGNED_IN] = "SIGNED_IN",
#define X(name) [name] = #name,
                                                 PRIVILEGES(X)
#undef X
};

#define ALSO_MAX 16

/* Metadata of a table may be changed without a right to its rows, so TABLE_WRITE_PROPERTIES does not bring along the updates that
 * say which snapshot is current; TABLE_WRITE_DATA does. */
static const struct {
    enum privilege granted, also[ALSO_MAX];
} implications[] = {
    { CATALOG_MANAGE_CONTENT,
      { CATALOG_MANAGE_METADATA, TABLE_WRITE_DATA, FEATURE_VIEW_READ_DATA, FEATURE_VIEW_WRITE_DATA,
        MODEL_READ_DATA, MODEL_WRITE_DATA } },
    { CATALOG_MANAGE_METADATA,
      { CATALOG_WRITE_PROPERTIES, NAMESPACE_FULL_METADATA, TABLE_FULL_METADATA, VIEW_FULL_METADATA,
        POLICY_FULL_METADATA, FUNCTION_FULL_METADATA, REFERENCE_FULL_METADATA,
        FEATURE_VIEW_FULL_METADATA, MODEL_FULL_METADATA, CATALOG_ATTACH_POLICY,
        CATALOG_DETACH_POLICY } },
    { CATALOG_WRITE_PROPERTIES, { CATALOG_READ_PROPERTIES } },

    { NAMESPACE_FULL_METADATA,
      { NAMESPACE_CREATE, NAMESPACE_DROP, NAMESPACE_WRITE_PROPERTIES, NAMESPACE_ATTACH_POLICY,
        NAMESPACE_DETACH_POLICY } },
    { NAMESPACE_WRITE_PROPERTIES, { NAMESPACE_READ_PROPERTIES } },
    { NAMESPACE_READ_PROPERTIES, { NAMESPACE_LIST } },
    { NAMESPACE_CREATE, { NAMESPACE_LIST } },

    { TABLE_FULL_METADATA,
      { TABLE_CREATE, TABLE_DROP, TABLE_WRITE_PROPERTIES, TABLE_ATTACH_POLICY,
        TABLE_DETACH_POLICY } },
    { TABLE_WRITE_DATA,
      { TABLE_READ_DATA, TABLE_WRITE_PROPERTIES, TABLE_ADD_SNAPSHOT, TABLE_SET_SNAPSHOT_REF,
        TABLE_REMOVE_SNAPSHOTS, TABLE_REMOVE_SNAPSHOT_REF } },
    { TABLE_READ_DATA, { TABLE_READ_PROPERTIES } },
    { TABLE_WRITE_PROPERTIES,
      { TABLE_READ_PROPERTIES, TABLE_MANAGE_STRUCTURE, TABLE_ASSIGN_UUID,
        TABLE_UPGRADE_FORMAT_VERSION, TABLE_SET_LOCATION, TABLE_SET_PROPERTIES,
        TABLE_REMOVE_PROPERTIES, TABLE_SET_STATISTICS, TABLE_REMOVE_STATISTICS } },
    { TABLE_MANAGE_STRUCTURE,
      { TABLE_ADD_SCHEMA, TABLE_SET_CURRENT_SCHEMA, TABLE_ADD_PARTITION_SPEC, TABLE_ADD_SORT_ORDER,
        TABLE_SET_DEFAULT_SORT_ORDER, TABLE_REMOVE_PARTITION_SPECS } },
    { TABLE_READ_PROPERTIES, { TABLE_LIST } },
    { TABLE_CREATE, { TABLE_LIST } },

    { VIEW_FULL_METADATA, { VIEW_CREATE, VIEW_DROP, VIEW_WRITE_PROPERTIES } },
    { VIEW_WRITE_PROPERTIES, { VIEW_READ_PROPERTIES } },
    { VIEW_READ_PROPERTIES, { VIEW_LIST } },
    { VIEW_CREATE, { VIEW_LIST } },

    { POLICY_FULL_METADATA,
      { POLICY_CREATE, POLICY_DROP, POLICY_WRITE, POLICY_ATTACH, POLICY_DETACH } },
    { POLICY_WRITE, { POLICY_READ } },
    { POLICY_READ, { POLICY_LIST } },
    { POLICY_CREATE, { POLICY_LIST } },

    { FUNCTION_FULL_METADATA, { FUNCTION_CREATE, FUNCTION_DROP, FUNCTION_WRITE_PROPERTIES } },
    { FUNCTION_WRITE_PROPERTIES, { FUNCTION_READ_PROPERTIES } },
    { FUNCTION_READ_PROPERTIES, { FUNCTION_LIST } },
    { FUNCTION_CREATE, { FUNCTION_LIST } },

    { REFERENCE_FULL_METADATA,
      { REFERENCE_CREATE, REFERENCE_ASSIGN, REFERENCE_MERGE, REFERENCE_DELETE, REFERENCE_READ } },
    { REFERENCE_READ, { REFERENCE_LIST } },
    { REFERENCE_MERGE, { REFERENCE_LIST } },

    { FEATURE_VIEW_FULL_METADATA,
      { FEATURE_VIEW_CREATE, FEATURE_VIEW_DROP, FEATURE_VIEW_READ_PROPERTIES } },
    { FEATURE_VIEW_CREATE, { FEATURE_VIEW_LIST } },
    { FEATURE_VIEW_READ_PROPERTIES, { FEATURE_VIEW_LIST } },
    { FEATURE_VIEW_READ_DATA, { FEATURE_VIEW_READ_PROPERTIES } },
    { FEATURE_VIEW_WRITE_DATA, { FEATURE_VIEW_READ_PROPERTIES } },

    { MODEL_FULL_METADATA, { MODEL_CREATE, MODEL_DROP, MODEL_WRITE_PROPERTIES } },
    { MODEL_WRITE_PROPERTIES, { MODEL_READ_PROPERTIES } },
    { MODEL_READ_PROPERTIES, { MODEL_LIST } },
    { MODEL_CREATE, { MODEL_LIST } },
    { MODEL_READ_DATA, { MODEL_READ_PROPERTIES } },
    { MODEL_WRITE_DATA, { MODEL_READ_DATA } },
};

static struct privileges closure[PRIVILEGES_N];
static pthread_once_t closure_once = PTHREAD_ONCE_INIT;

static void unite(struct privileges *set, const struct privileges *more)
{
    for (size_t i = 0; i < sizeof set->bits / sizeof *set->bits; i++)
        set->bits[i] |= more->bits[i];
}

/* As many rounds as chains are long; the table has no cycles that would matter. */
static void make_closure(void)
{
    for (int p = 0; p < PRIVILEGES_N; p++)
        privileges_add(&closure[p], (enum privilege)p);
    for (int round = 0; round < 8; round++)
        for (size_t i = 0; i < sizeof implications / sizeof *implications; i++)
            for (size_t k = 0; k < ALSO_MAX && implications[i].also[k]; k++)
                unite(&closure[implications[i].granted], &closure[implications[i].also[k]]);
}

const struct privileges *privilege_implied(enum privilege p)
{
    pthread_once(&closure_once, make_closure);
    ASSERT((unsigned)p < PRIVILEGES_N);
    return &closure[p];
}

const char *privilege_name(enum privilege p)
{
    return (unsigned)p < PRIVILEGES_N ? names[p] : "?";
}

bool privilege_parse(str word, enum privilege *out)
{
    for (int p = PRIVILEGE_SIGNED_IN + 1; p < PRIVILEGES_N; p++) {
        if (str_is(word, names[p])) {
            *out = (enum privilege)p;
            return true;
        }
    }
    return false;
}

/* A privilege speaks of the kind that its name begins with. */
static const struct {
    const char *begin;
    enum securable_kind kind;
} spoken[] = {
    { "SERVICE_", SECURABLE_SERVICE },
    { "CATALOG_", SECURABLE_CATALOG },
    { "REFERENCE_", SECURABLE_CATALOG },
    { "NAMESPACE_", SECURABLE_NAMESPACE },
    { "TABLE_", SECURABLE_TABLE },
    { "VIEW_", SECURABLE_VIEW },
    { "FUNCTION_", SECURABLE_FUNCTION },
    { "POLICY_", SECURABLE_POLICY },
    { "FEATURE_VIEW_", SECURABLE_FEATURE_VIEW },
    { "MODEL_", SECURABLE_MODEL },
};

enum securable_kind privilege_kind(enum privilege p)
{
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++)
        if (str_starts(str_of(privilege_name(p)), str_of(spoken[i].begin)))
            return spoken[i].kind;
    return SECURABLE_SERVICE;
}

static bool inside_namespace(enum securable_kind kind)
{
    return kind == SECURABLE_TABLE || kind == SECURABLE_VIEW || kind == SECURABLE_FUNCTION ||
           kind == SECURABLE_POLICY;
}

bool privilege_grantable(enum privilege p, enum securable_kind on)
{
    enum securable_kind kind = privilege_kind(p);
    if (p <= PRIVILEGE_SIGNED_IN || (unsigned)p >= PRIVILEGES_N)
        return false;
    if (kind == on)
        return true;
    if (kind == SECURABLE_SERVICE)
        return false;
    return on == SECURABLE_CATALOG || (on == SECURABLE_NAMESPACE && inside_namespace(kind));
}

static const char *const kind_names[SECURABLE_KINDS] = {
    [SECURABLE_SERVICE] = "service",     [SECURABLE_CATALOG] = "catalog",
    [SECURABLE_NAMESPACE] = "namespace", [SECURABLE_TABLE] = "table",
    [SECURABLE_VIEW] = "view",           [SECURABLE_FUNCTION] = "function",
    [SECURABLE_POLICY] = "policy",       [SECURABLE_FEATURE_VIEW] = "feature-view",
    [SECURABLE_MODEL] = "model",
};

const char *securable_kind_name(enum securable_kind kind)
{
    return (unsigned)kind < SECURABLE_KINDS ? kind_names[kind] : "?";
}

bool securable_kind_parse(str word, enum securable_kind *out)
{
    for (int k = 0; k < SECURABLE_KINDS; k++) {
        if (str_is(word, kind_names[k])) {
            *out = (enum securable_kind)k;
            return true;
        }
    }
    return false;
}
