/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "iceberg/update.h"

static struct property_list copy_properties(const struct property_list *p, struct arena *a)
{
    struct property *at = arena_array(a, struct property, p->n);
    for (size_t i = 0; i < p->n; i++)
        at[i] = (struct property){ arena_str(a, p->at[i].key), arena_str(a, p->at[i].value) };
    return (struct property_list){ at, p->n };
}

static const struct snapshot *copy_snapshot(const struct snapshot *s, struct arena *a)
{
    struct snapshot *out = arena_new(a, struct snapshot);
    *out = *s;
    out->manifest_list = arena_str(a, s->manifest_list);
    str *manifests = arena_array(a, str, s->manifests_n);
    for (size_t i = 0; i < s->manifests_n; i++)
        manifests[i] = arena_str(a, s->manifests[i]);
    out->manifests = manifests;
    out->operation = arena_str(a, s->operation);
    out->summary = copy_properties(&s->summary, a);
    out->key_id = arena_str(a, s->key_id);
    out->text = (str){ 0 };
    return out;
}

static bool copy_one(const struct table_update *u, struct arena *a, struct table_update *out)
{
    *out = *u;
    switch (u->kind) {
    case UPDATE_ADD_SNAPSHOT:
        out->snapshot = copy_snapshot(u->snapshot, a);
        return true;
    case UPDATE_SET_SNAPSHOT_REF:
    case UPDATE_REMOVE_SNAPSHOT_REF:
        out->ref.name = arena_str(a, u->ref.name);
        return true;
    case UPDATE_SET_PROPERTIES:
    case UPDATE_REMOVE_PROPERTIES:
        out->properties = copy_properties(&u->properties, a);
        return true;
    case UPDATE_REMOVE_SNAPSHOTS: /* only looked at while they are applied */
    case UPDATE_SET_CURRENT_SCHEMA:
    case UPDATE_SET_DEFAULT_SPEC:
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        return true;
    default:
        return false;
    }
}

bool table_updates_copy(const struct table_update *u, size_t n, struct arena *a,
                        struct table_update **out)
{
    *out = arena_array(a, struct table_update, n);
    for (size_t i = 0; i < n; i++)
        if (!copy_one(&u[i], a, &(*out)[i]))
            return false;
    return true;
}
