/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/refs.h"
#include "codec/uri.h"
#include "server/iceberg_priv.h"

/* ---- Reading ---- */

/* Java's client encodes the parent as it does in paths, and then once more as a parameter, PyIceberg as a parameter only; "a+b" may so
 * be one or the other, and is what there is. */
str iceberg_parent(struct app *app, const struct api_request *req, str ref)
{
    struct error ignored = { 0 };
    struct property *props;
    size_t n;
    str once = api_query(req, "parent", ""), twice = once;
    if (!percent_decode(once, true, req->arena, &twice, &ignored) || str_eq(once, twice) ||
        catalog_load_namespace(app->lake->catalog, ref, once, req->arena, &props, &n, &ignored))
        return once;
    return twice;
}

bool iceberg_list_namespaces(struct app *app, struct api_request *req, struct api_answer *answer,
                             struct json_writer *w, struct error *err)
{
    struct iceberg_paging paging;
    struct catalog_page page = { 0 };
    str ref, parent;
    (void)answer;
    iceberg_path(req, 0, &ref);
    if (!iceberg_paging(req, &paging, err))
        return false;
    parent = iceberg_parent(app, req, ref);
    page.next = paging.token;
    jw_begin_object(w);
    jw_kv_array(w, "namespaces");
    do {
        if (!catalog_list_namespaces(app->lake->catalog, ref, parent, page.next, paging.size,
                                     req->arena, &page, err))
            return false;
        for (size_t i = 0; i < page.n; i++)
            iceberg_namespace_write(page.names[i].ns, w);
    } while (paging.all && page.next.len);
    jw_end_array(w);
    iceberg_next_page_write(page.next, w);
    jw_end_object(w);
    return true;
}

static void write_namespace(str ns, const struct property_list *props, struct json_writer *w)
{
    jw_begin_object(w);
    jw_key(w, STR("namespace"));
    iceberg_namespace_write(ns, w);
    jw_key(w, STR("properties"));
    properties_write(props, w);
    jw_end_object(w);
}

/* Clients that choose a table's place themselves (Trino) ask its namespace where. */
static struct property_list with_location(struct app *app, str ns, struct property *props, size_t n,
                                          struct arena *a)
{
    struct property_list given = { props, n };
    if (property_get(&given, "location", (str){ 0 }).ptr)
        return given;
    struct property *all = arena_array(a, struct property, n + 1);
    for (size_t i = 0; i < n; i++)
        all[i] = props[i];
    all[n] =
        (struct property){ STR("location"), catalog_namespace_location(app->lake->catalog, ns, a) };
    return (struct property_list){ all, n + 1 };
}

bool iceberg_load_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err)
{
    struct property *props;
    size_t n;
    str ref, ns = *iceberg_path(req, 1, &ref);
    (void)answer;
    if (!catalog_load_namespace(app->lake->catalog, ref, ns, req->arena, &props, &n, err))
        return false;
    struct property_list all = with_location(app, ns, props, n, req->arena);
    write_namespace(ns, &all, w);
    return true;
}

bool iceberg_namespace_exists(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err)
{
    struct property *props;
    size_t n;
    str ref, ns = *iceberg_path(req, 1, &ref);
    (void)w;
    if (!catalog_load_namespace(app->lake->catalog, ref, ns, req->arena, &props, &n, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

/* ---- Writing ---- */

bool iceberg_create_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct commit_info info;
    struct property_list props;
    str ref, ns;
    (void)answer;
    iceberg_path(req, 0, &ref);
    if (!api_body(req, &doc, err) || !iceberg_commit_info(req, &info, err) ||
        !iceberg_namespace_parse(doc, "namespace", req->arena, &ns, err) ||
        !iceberg_properties_parse(doc, "properties", req->arena, &props, err) ||
        !catalog_create_namespace(app->lake->catalog, ref, ns, props.at, props.n, &info, req->arena,
                                  NULL, err))
        return false;
    write_namespace(ns, &props, w);
    return true;
}

bool iceberg_drop_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err)
{
    struct commit_info info;
    str ref, ns = *iceberg_path(req, 1, &ref);
    (void)w;
    if (!iceberg_commit_info(req, &info, err) ||
        !catalog_drop_namespace(app->lake->catalog, ref, ns, &info, req->arena, NULL, err))
        return false;
    iceberg_no_content(answer);
    return true;
}

struct namespace_update {
    str ref, ns, commit_id;
    struct property_list set;
    const str *removed;
    size_t removed_n;
    struct property_list before; /* of the commit that changed it */
};

static bool has_key(const struct property_list *p, str key)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->at[i].key, key))
            return true;
    return false;
}

static bool set_and_removed(const struct namespace_update *u, struct api_request *req,
                            struct api_answer *answer)
{
    for (size_t i = 0; i < u->removed_n; i++)
        if (has_key(&u->set, u->removed[i])) {
            str text = arena_printf(req->arena,
                                    "Invalid namespace update, cannot simultaneously set and "
                                    "remove keys: [" STR_FMT "]",
                                    STR_ARG(u->removed[i]));
            iceberg_refuse(answer, 422, "UnprocessableEntityException", text.ptr);
            return true;
        }
    return false;
}

/* The properties as the commit found them, read at its parent: exact however many write at the same time, and again when the
 * request is repeated.  A commit that is no younger than the branch was before changed nothing. */
static bool load_before(struct app *app, struct namespace_update *u, str head, bool may_repeat,
                        struct arena *a, struct error *err)
{
    struct log_page log;
    struct property *props;
    str at = u->commit_id;
    if (may_repeat || !str_eq(head, at)) {
        if (!catalog_log(app->lake->catalog, at, (str){ 0 }, 1, a, &log, err))
            return false;
        if (log.n && log.commits[0].parents[0].len)
            at = log.commits[0].parents[0];
    }
    bool ok = catalog_load_namespace(app->lake->catalog, at, u->ns, a, &props, &u->before.n, err);
    if (!ok && err->code == ERR_NOT_FOUND) /* the commit made the namespace: nothing was changed */
        ok = catalog_load_namespace(app->lake->catalog, u->commit_id, u->ns, a, &props,
                                    &u->before.n, err);
    u->before.at = ok ? props : NULL;
    return ok;
}

static void write_update(const struct namespace_update *u, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_array(w, "updated");
    for (size_t i = 0; i < u->set.n; i++)
        jw_str(w, u->set.at[i].key);
    jw_end_array(w);
    for (int there = 1; there >= 0; there--) {
        jw_kv_array(w, there ? "removed" : "missing");
        for (size_t i = 0; i < u->removed_n; i++)
            if (has_key(&u->before, u->removed[i]) == there)
                jw_str(w, u->removed[i]);
        jw_end_array(w);
    }
    jw_end_object(w);
}

static bool parse_update(struct api_request *req, struct namespace_update *u, struct error *err)
{
    const struct json *doc;
    u->ns = *iceberg_path(req, 1, &u->ref);
    return api_body(req, &doc, err) &&
           iceberg_properties_parse(doc, "updates", req->arena, &u->set, err) &&
           body_strings(doc, "removals", req->arena, &u->removed, &u->removed_n, err);
}

bool iceberg_update_namespace(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err)
{
    struct namespace_update u = { 0 };
    struct commit_info info;
    struct log_page head;
    struct catalog *c = app->lake->catalog;
    if (!parse_update(req, &u, err) || !iceberg_commit_info(req, &info, err))
        return false;
    if (set_and_removed(&u, req, answer))
        return true;
    if (!catalog_log(c, u.ref, (str){ 0 }, 1, req->arena, &head, err) ||
        !catalog_update_namespace(c, u.ref, u.ns, u.set.at, u.set.n, u.removed, u.removed_n, &info,
                                  req->arena, &u.commit_id, err))
        return false;
    if (!load_before(app, &u, head.n ? head.commits[0].id : (str){ 0 },
                     info.idempotency_key.len > 0, req->arena, err)) {
        err->code = ERR_UNKNOWN; /* it has been applied */
        return false;
    }
    write_update(&u, w);
    return true;
}
