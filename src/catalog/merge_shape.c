/* SPDX-License-Identifier: Apache-2.0
 *
 * What two sides changed in a table's definition.
 *
 *   S1  Properties merge key by key.
 *   S2  Schema, partitioning and sort order merge each as a whole: one side changed it, or both did so in the same way.  Ids of
 *       columns are given by counting, so a schema that the source made fits only behind the base's.
 *   S3  The higher format version wins; the location, and branches and tags inside of the table, are never merged. */
#include "catalog/merge_priv.h"
#include "iceberg/metadata.h"

static const struct property *find_property(const struct property_list *list, str key)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->at[i].key, key))
            return &list->at[i];
    return NULL;
}

static bool same_property(const struct property *x, const struct property *y)
{
    return (!x && !y) || (x && y && str_eq(x->value, y->value));
}

static bool same_properties(const struct property_list *x, const struct property_list *y)
{
    bool same = x->n == y->n;
    for (size_t i = 0; same && i < x->n; i++)
        same = same_property(&x->at[i], find_property(y, x->at[i].key));
    return same;
}

struct property_lists {
    VEC(struct property) set, removed;
};

/* One key that the source has, or had. */
static bool merge_key(str key, const struct property_list *base, const struct property_list *source,
                      const struct property_list *target, struct arena *a,
                      struct property_lists *out)
{
    const struct property *b = find_property(base, key), *s = find_property(source, key),
                          *t = find_property(target, key);
    if (same_property(b, s) || same_property(s, t))
        return true;
    if (!same_property(b, t))
        return false;
    if (s)
        *vec_push(a, &out->set) = *s;
    else
        vec_push(a, &out->removed)->key = key;
    return true;
}

bool properties_merge(const struct property_list *base, const struct property_list *source,
                      const struct property_list *target, struct arena *a,
                      struct property_list *set, struct property_list *removed, str *key)
{
    struct property_lists lists = { 0 };
    bool ok = true;
    for (size_t i = 0; ok && i < source->n; i++)
        ok = merge_key(*key = source->at[i].key, base, source, target, a, &lists);
    for (size_t i = 0; ok && i < base->n; i++)
        ok = find_property(source, base->at[i].key) ||
             merge_key(*key = base->at[i].key, base, source, target, a, &lists);
    *set = (struct property_list){ lists.set.at, lists.set.n };
    *removed = (struct property_list){ lists.removed.at, lists.removed.n };
    return ok;
}

static bool same_schemas(const struct metadata *x, const struct metadata *y)
{
    return x->last_column_id == y->last_column_id &&
           schema_same(metadata_schema(x), metadata_schema(y));
}

static bool same_spec(const struct metadata *x, const struct metadata *y)
{
    return x->specs_n == y->specs_n && x->last_partition_id == y->last_partition_id &&
           partition_spec_compatible(metadata_spec(x), metadata_spec(y));
}

static bool same_order(const struct metadata *x, const struct metadata *y)
{
    return sort_order_same(metadata_order(x), metadata_order(y));
}

/* Branches and tags inside the table, but for main. */
static bool same_refs(const struct metadata *x, const struct metadata *y)
{
    size_t others = 0;
    for (size_t i = 0; i < y->refs_n; i++)
        others += !str_is(y->refs[i].name, "main");
    for (size_t i = 0; i < x->refs_n; i++) {
        if (str_is(x->refs[i].name, "main"))
            continue;
        const struct snapshot_ref *there = metadata_ref(y, x->refs[i].name);
        if (!there || there->snapshot_id != x->refs[i].snapshot_id)
            return false;
        others--;
    }
    return others == 0;
}

bool shape_same(const struct metadata *x, const struct metadata *y)
{
    return x->format_version == y->format_version && str_eq(x->location, y->location) &&
           x->schemas_n == y->schemas_n && same_schemas(x, y) && same_spec(x, y) &&
           x->orders_n == y->orders_n && same_order(x, y) &&
           same_properties(&x->properties, &y->properties) && same_refs(x, y);
}

/* Whether the target must follow the source in one part; false: both went their own ways. */
static bool follows(const struct sides *m,
                    bool (*same)(const struct metadata *x, const struct metadata *y), bool *out)
{
    *out = !same(m->base, m->source) && !same(m->source, m->target);
    return !*out || same(m->base, m->target);
}

static struct table_update *add_update(struct table_updates *out, struct arena *a,
                                       enum update_kind kind)
{
    struct table_update *u = vec_push(a, &out->list);
    u->kind = kind;
    return u;
}

/* All schemas that the base does not have, so that the ids of columns that came and went stay used; the current one last. */
static void add_schemas(const struct sides *m, struct arena *a, struct table_updates *out)
{
    for (size_t i = 0; i < m->source->schemas_n; i++)
        if (!metadata_schema_by_id(m->base, m->source->schemas[i]->id))
            add_update(out, a, UPDATE_ADD_SCHEMA)->schema = m->source->schemas[i];
    add_update(out, a, UPDATE_ADD_SCHEMA)->schema = metadata_schema(m->source);
    add_update(out, a, UPDATE_SET_CURRENT_SCHEMA)->id = LAST_ADDED;
}

static void add_specs(const struct sides *m, struct arena *a, struct table_updates *out)
{
    for (size_t i = 0; i < m->source->specs_n; i++)
        if (!metadata_spec_by_id(m->base, m->source->specs[i]->id))
            add_update(out, a, UPDATE_ADD_SPEC)->spec = m->source->specs[i];
    add_update(out, a, UPDATE_ADD_SPEC)->spec = metadata_spec(m->source);
    add_update(out, a, UPDATE_SET_DEFAULT_SPEC)->id = LAST_ADDED;
}

static void add_orders(const struct sides *m, struct arena *a, struct table_updates *out)
{
    add_update(out, a, UPDATE_ADD_SORT_ORDER)->order = metadata_order(m->source);
    add_update(out, a, UPDATE_SET_DEFAULT_SORT_ORDER)->id = LAST_ADDED;
}

static bool add_properties(const struct sides *m, struct arena *a, struct table_updates *out,
                           str *reason)
{
    struct property_list set, removed;
    str key;
    if (!properties_merge(&m->base->properties, &m->source->properties, &m->target->properties, a,
                          &set, &removed, &key)) {
        *reason = arena_printf(a, "property \"" STR_FMT "\" changed on both sides", STR_ARG(key));
        return false;
    }
    if (set.n)
        add_update(out, a, UPDATE_SET_PROPERTIES)->properties = set;
    if (removed.n)
        add_update(out, a, UPDATE_REMOVE_PROPERTIES)->properties = removed;
    return true;
}

bool shape_merge(const struct sides *m, struct arena *a, struct table_updates *out, str *reason)
{
    bool schema, spec, order;
    *reason = (str){ 0 };
    if (!str_eq(m->base->location, m->source->location) &&
        !str_eq(m->source->location, m->target->location))
        *reason = STR("the table's location changed on the source");
    else if (!same_refs(m->base, m->source) && !same_refs(m->source, m->target))
        *reason = STR("branches or tags inside of the table changed on the source");
    else if (!follows(m, same_schemas, &schema))
        *reason = STR("schema changed on both sides");
    else if (!follows(m, same_spec, &spec))
        *reason = STR("partitioning changed on both sides");
    else if (!follows(m, same_order, &order))
        *reason = STR("sort order changed on both sides");
    if (reason->len)
        return false;
    if (m->source->format_version > m->target->format_version)
        add_update(out, a, UPDATE_UPGRADE_FORMAT_VERSION)->format_version =
            m->source->format_version;
    if (schema)
        add_schemas(m, a, out);
    if (spec)
        add_specs(m, a, out);
    if (order)
        add_orders(m, a, out);
    return add_properties(m, a, out, reason);
}
