/* SPDX-License-Identifier: Apache-2.0
 *
 * Listings: every one is a range of keys (entry.h).  A page token is the last key in hexadecimal,
 * so that pages stay right when names come and go between them. */
#include "catalog/catalog_priv.h"

struct listing {
    str prefix, token;
    size_t limit;
    bool filter; /* only entries of `type` */
    enum entry_type type;
};

static bool start_key(const struct listing *l, struct arena *a, str *out, struct error *err)
{
    str last;
    *out = l->prefix;
    if (l->token.len == 0)
        return true;
    if (!hex_decode(l->token, a, &last) || !str_starts(last, l->prefix))
        return fail(err, ERR_INVALID, "page token is not one of this listing");
    char *next = arena_alloc(a, last.len + 1); /* the next possible key: keys hold zero bytes */
    memcpy(next, last.ptr, last.len);
    *out = str_make(next, last.len + 1);
    return true;
}

static bool add_name(const struct tree_cursor *cur, struct arena *a, struct catalog_name *out,
                     struct error *err)
{
    struct entry e;
    str key = arena_str(a, cur->key);
    if (!entry_decode(arena_str(a, cur->value), a, &e, err) ||
        !key_parse(key, &out->ns, &out->name, err))
        return false;
    out->type = e.type;
    out->location = e.location;
    out->snapshot_id = e.snapshot_id;
    return true;
}

static bool list_from(const struct listing *l, struct tree_cursor *cur, struct arena *a,
                      struct catalog_page *out, struct error *err)
{
    VEC(struct catalog_name) names = { 0 };
    str last = { 0 };
    size_t limit = l->limit && l->limit < LIST_MAX ? l->limit : LIST_MAX;
    while (!tree_at_end(cur) && str_starts(cur->key, l->prefix)) {
        if (names.n == limit) {
            out->next = hex_encode(last, a);
            break;
        }
        struct catalog_name name;
        if (!add_name(cur, a, &name, err))
            return false;
        if (!l->filter || name.type == l->type) {
            *vec_push(a, &names) = name;
            last = arena_str(a, cur->key);
        }
        if (!tree_next(cur, err))
            return false;
    }
    out->names = names.at;
    out->n = names.n;
    return true;
}

static bool list_view(struct view *v, const struct listing *l, struct arena *a,
                      struct catalog_page *out, struct error *err)
{
    struct tree_cursor cur;
    str from;
    *out = (struct catalog_page){ 0 };
    if (!start_key(l, a, &from, err) || !tree_seek(&cur, &v->tree, &v->commit.root, from, err))
        return false;
    bool ok = list_from(l, &cur, a, out, err);
    tree_close(&cur);
    return ok;
}

/* `ns` (may be empty) must exist. */
static bool list_in(struct catalog *c, str ref, str ns, const struct listing *l, struct arena *a,
                    struct catalog_page *out, struct error *err)
{
    struct view v;
    if ((ns.len > 0 && !ns_check(ns, err)) || !view_open(c, ref, a, &v, err))
        return false;
    bool ok = (ns.len == 0 || view_need_namespace(&v, ns, a, err)) && list_view(&v, l, a, out, err);
    view_close(&v);
    return ok;
}

bool catalog_list_namespaces(struct catalog *c, str ref, str parent, str token, size_t limit,
                             struct arena *a, struct catalog_page *out, struct error *err)
{
    struct listing l = { .prefix = key_children(parent, a), .token = token, .limit = limit };
    return list_in(c, ref, parent, &l, a, out, err);
}

bool catalog_list(struct catalog *c, str ref, str ns, enum entry_type type, str token, size_t limit,
                  struct arena *a, struct catalog_page *out, struct error *err)
{
    struct listing l = { key_contents(type, ns, a), token, limit, true, type };
    return ns_check(ns, err) && list_in(c, ref, ns, &l, a, out, err);
}

bool catalog_list_all(struct catalog *c, str ref, str token, size_t limit, struct arena *a,
                      struct catalog_page *out, struct error *err)
{
    struct listing l = { KEY_TABLES, token, limit, true, ENTRY_TABLE };
    return list_in(c, ref, (str){ 0 }, &l, a, out, err);
}
