/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces are entries of the tree with properties. */
#include "base/map.h"
#include "catalog/catalog_priv.h"
#include "iceberg/metadata.h"
#include "io/store.h"

str catalog_namespace_location(struct catalog *c, str ns, struct arena *a)
{
    str folder = { 0 }, level;
    while (str_next(&ns, NS_SEP, &level))
        folder = arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(folder), folder.len ? "/" : "",
                              STR_ARG(name_folder(level, a)));
    return store_uri(c->store, folder, a);
}

struct namespace_request {
    str ns;
    const struct property *set;
    size_t set_n;
    const str *removed;
    size_t removed_n;
};

static str what_of(const char *verb, str ns, struct arena *a)
{
    return arena_printf(a, "%s namespace " STR_FMT, verb, STR_ARG(ns_to_text(ns, a)));
}

static bool check_props(const struct property *props, size_t n, struct arena *a, struct error *err)
{
    struct map seen;
    map_init(&seen, a);
    for (size_t i = 0; i < n; i++) {
        if (props[i].key.len == 0)
            return fail(err, ERR_INVALID, "a property has an empty name");
        if (!str_is_utf8(props[i].key) || !str_is_utf8(props[i].value))
            return fail(err, ERR_INVALID, "a property is not valid UTF-8");
        static char mark;
        if (!map_add(&seen, props[i].key, &mark))
            return fail(err, ERR_INVALID, "property is given twice: " STR_FMT,
                        STR_ARG(props[i].key));
    }
    return true;
}

static struct property *copy_props(const struct property *props, size_t n, size_t room,
                                   struct arena *a)
{
    struct property *out = arena_array(a, struct property, n + room);
    for (size_t i = 0; i < n; i++)
        out[i] = props[i];
    return out;
}

static bool put_namespace(struct attempt *t, str ns, struct entry *e, str expected,
                          struct error *err)
{
    str value;
    if (!entry_encode(e, t->arena, &value, err))
        return fail_in(err, "namespace " STR_FMT, STR_ARG(ns_to_text(ns, t->arena)));
    attempt_put(t, key_namespace(ns, t->arena), ENTRY_NAMESPACE, expected, value);
    return true;
}

static bool plan_create(void *ctx, struct attempt *t, struct error *err)
{
    const struct namespace_request *r = ctx;
    struct entry e;
    bool found;
    str value, parent = ns_parent(r->ns);
    if (!view_entry(&t->view, key_namespace(r->ns, t->arena), t->arena, &found, &e, &value, err))
        return false;
    if (found)
        return fail(err, ERR_EXISTS, "Namespace already exists: " STR_FMT,
                    STR_ARG(ns_to_text(r->ns, t->arena)));
    if (parent.len > 0) {
        if (!view_need_namespace(&t->view, parent, t->arena, err))
            return false;
        attempt_need(t, key_namespace(parent, t->arena));
    }
    e = (struct entry){ .type = ENTRY_NAMESPACE,
                        .snapshot_id = SNAPSHOT_NONE,
                        .props = copy_props(r->set, r->set_n, 0, t->arena),
                        .props_n = r->set_n };
    return put_namespace(t, r->ns, &e, (str){ 0 }, err);
}

bool catalog_create_namespace(struct catalog *c, str ref, str ns, const struct property *props,
                              size_t n, const struct commit_info *info, struct arena *a,
                              str *commit_id, struct error *err)
{
    struct namespace_request r = { .ns = ns, .set = props, .set_n = n };
    return ns_check(ns, err) && check_props(props, n, a, err) &&
           attempt_run(c, ref, info, what_of("create", ns, a), plan_create, NULL, &r, a, commit_id,
                       err);
}

/* Sets *out when a key with the prefix exists. */
static bool any_below(struct view *v, str prefix, bool *out, struct error *err)
{
    struct tree_cursor cur;
    if (!tree_seek(&cur, &v->tree, &v->commit.root, prefix, err))
        return false;
    *out = !tree_at_end(&cur) && str_starts(cur.key, prefix);
    tree_close(&cur);
    return true;
}

static bool load_entry(struct attempt *t, str ns, struct entry *e, str *value, struct error *err)
{
    bool found;
    if (!view_entry(&t->view, key_namespace(ns, t->arena), t->arena, &found, e, value, err))
        return false;
    return found || fail(err, ERR_NOT_FOUND, "Namespace does not exist: " STR_FMT,
                         STR_ARG(ns_to_text(ns, t->arena)));
}

static bool plan_drop(void *ctx, struct attempt *t, struct error *err)
{
    const struct namespace_request *r = ctx;
    struct entry e;
    str value;
    if (!load_entry(t, r->ns, &e, &value, err))
        return false;
    str prefixes[] = { key_children(r->ns, t->arena), key_contents(ENTRY_TABLE, r->ns, t->arena),
                       key_contents(ENTRY_FUNCTION, r->ns, t->arena) };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        bool any;
        if (!any_below(&t->view, prefixes[i], &any, err))
            return false;
        if (any)
            return fail(err, ERR_CONFLICT, "Namespace is not empty: " STR_FMT,
                        STR_ARG(ns_to_text(r->ns, t->arena)));
        attempt_empty(t, prefixes[i]);
    }
    attempt_remove(t, key_namespace(r->ns, t->arena), ENTRY_NAMESPACE, value);
    return true;
}

bool catalog_drop_namespace(struct catalog *c, str ref, str ns, const struct commit_info *info,
                            struct arena *a, str *commit_id, struct error *err)
{
    struct namespace_request r = { .ns = ns };
    return ns_check(ns, err) && attempt_run(c, ref, info, what_of("drop", ns, a), plan_drop, NULL,
                                            &r, a, commit_id, err);
}

static void remove_prop(struct entry *e, str key)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->props_n; i++)
        if (!str_eq(e->props[i].key, key))
            e->props[kept++] = e->props[i];
    e->props_n = kept;
}

static bool plan_update(void *ctx, struct attempt *t, struct error *err)
{
    const struct namespace_request *r = ctx;
    struct entry e;
    str old, value;
    if (!load_entry(t, r->ns, &e, &old, err))
        return false;
    e.props = copy_props(e.props, e.props_n, r->set_n, t->arena);
    for (size_t i = 0; i < r->removed_n; i++)
        remove_prop(&e, r->removed[i]);
    for (size_t i = 0; i < r->set_n; i++) {
        remove_prop(&e, r->set[i].key);
        e.props[e.props_n++] = r->set[i];
    }
    if (!entry_encode(&e, t->arena, &value, err))
        return false;
    t->finished = str_eq(value, old);
    attempt_put(t, key_namespace(r->ns, t->arena), ENTRY_NAMESPACE, old, value);
    return true;
}

static bool check_disjoint(const struct namespace_request *r, struct error *err)
{
    for (size_t i = 0; i < r->set_n; i++)
        for (size_t j = 0; j < r->removed_n; j++)
            if (str_eq(r->set[i].key, r->removed[j]))
                return fail(err, ERR_INVALID, "property is both set and removed: " STR_FMT,
                            STR_ARG(r->removed[j]));
    return true;
}

bool catalog_update_namespace(struct catalog *c, str ref, str ns, const struct property *set,
                              size_t set_n, const str *removed, size_t removed_n,
                              const struct commit_info *info, struct arena *a, str *commit_id,
                              struct error *err)
{
    struct namespace_request r = { ns, set, set_n, removed, removed_n };
    return ns_check(ns, err) && check_props(set, set_n, a, err) && check_disjoint(&r, err) &&
           attempt_run(c, ref, info, what_of("update", ns, a), plan_update, NULL, &r, a, commit_id,
                       err);
}

bool catalog_load_namespace(struct catalog *c, str ref, str ns, struct arena *a,
                            struct property **props, size_t *n, struct error *err)
{
    struct view v;
    struct entry e;
    bool found = false;
    str value;
    if (!ns_check(ns, err) || !view_open(c, ref, a, &v, err))
        return false;
    bool ok = view_entry(&v, key_namespace(ns, a), a, &found, &e, &value, err);
    view_close(&v);
    if (ok && !found)
        return fail(err, ERR_NOT_FOUND, "Namespace does not exist: " STR_FMT,
                    STR_ARG(ns_to_text(ns, a)));
    if (ok) {
        *props = e.props;
        *n = e.props_n;
    }
    return ok;
}
