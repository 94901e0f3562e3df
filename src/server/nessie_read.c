/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nessie_priv.h"

#include "base/vec.h"
#include "codec/uri.h"
#include "iceberg/metadata.h"

#define CHUNK 1000 /* entries read at once while a filter leaves some out */

/* ---- Contents ---- */

static void write_properties(const struct catalog_entry *e, bool v1, struct json_writer *w)
{
    if (v1 && e->props_n == 0) /* the Python client knows no such member */
        return;
    jw_kv_object(w, "properties");
    for (size_t i = 0; i < e->props_n; i++) {
        jw_key(w, e->props[i].key);
        jw_str(w, e->props[i].value);
    }
    jw_end_object(w);
}

static void write_namespace(const struct catalog_entry *e, bool v1, struct json_writer *w)
{
    str path = e->path, level;
    jw_kv_array(w, "elements");
    while (str_next(&path, NS_SEP, &level))
        jw_str(w, level);
    jw_end_array(w);
    write_properties(e, v1, w);
}

void nessie_content_write(struct app *app, const struct catalog_entry *e, bool v1,
                          struct json_writer *w)
{
    struct entry_ids ids;
    jw_begin_object(w);
    jw_kv_str(w, "type", str_of(nessie_type_name(e->type)));
    jw_kv_str(w, "id", e->id);
    if (e->type == ENTRY_NAMESPACE) {
        write_namespace(e, v1, w);
        jw_end_object(w);
        return;
    }
    catalog_entry_ids(app->lake->catalog, e, &ids);
    jw_kv_str(w, "metadataLocation", e->location);
    if (e->type == ENTRY_TABLE) {
        jw_kv_int(w, "snapshotId", ids.snapshot_id);
        jw_kv_int(w, "schemaId", ids.schema_id);
        jw_kv_int(w, "specId", ids.spec_id);
        jw_kv_int(w, "sortOrderId", ids.order_id);
    } else {
        jw_kv_int(w, "versionId", ids.version_id);
        jw_kv_int(w, "schemaId", ids.schema_id);
        if (v1) { /* required there; both stand in the metadata file */
            jw_kv_str(w, "sqlText", STR("-"));
            jw_kv_str(w, "dialect", STR("-"));
        }
    }
    jw_end_object(w);
}

static void write_effective(const char *name, const struct nessie_ref *r, struct json_writer *w)
{
    jw_kv_object(w, name);
    nessie_ref_write(r, w);
    jw_end_object(w);
}

/* The reference of a request: in v2 in the path, in v1 in the query. */
static bool ref_of(struct app *app, struct api_request *req, struct nessie_ref *out,
                   struct error *err)
{
    if (!nessie_is_v1(req))
        return nessie_resolve(app, req, req->params[0], (str){ 0 }, out, err);
    str in_path = str_starts(req->path, STR("/nessie/api/v1/trees/")) ? req->params[0] : (str){ 0 };
    return nessie_resolve(app, req, in_path.len ? in_path : api_query(req, "ref", ""),
                          nessie_hash_query(req), out, err);
}

NESSIE_HANDLER(nessie_get_content)
{
    struct nessie_ref r;
    struct catalog_entry e;
    bool v1 = nessie_is_v1(req);
    str path, commit;
    (void)answer;
    if (!nessie_key_from_path(req->params[v1 ? 0 : 1], req->arena, &path, err) ||
        !ref_of(app, req, &r, err) ||
        !catalog_entries(app->lake->catalog, r.hash, &path, 1, req->arena, &e, &commit, err))
        return false;
    if (!e.found)
        return fail(err, ERR_NOT_FOUND,
                    "Could not find content for key '" STR_FMT "' in reference '" STR_FMT "'.",
                    STR_ARG(ns_to_text(path, req->arena)), STR_ARG(r.text));
    if (v1) {
        nessie_content_write(app, &e, true, w);
        return true;
    }
    jw_begin_object(w);
    jw_key(w, STR("content"));
    nessie_content_write(app, &e, false, w);
    write_effective("effectiveReference", &r, w);
    jw_end_object(w);
    return true;
}

/* Every value of a query parameter that may be repeated, as paths. */
static bool query_keys(const struct api_request *req, const char *name, str **out, size_t *n,
                       struct error *err)
{
    VEC(str) keys = { 0 };
    str rest = req->query, pair, key, value, text;
    while (str_next(&rest, '&', &pair)) {
        if (!str_cut(pair, '=', &key, &value) || !str_is(key, name) || value.len == 0)
            continue;
        if (keys.n == NESSIE_KEYS_MAX)
            return fail(err, ERR_LIMIT, "more than %d keys", NESSIE_KEYS_MAX);
        if (!percent_decode(value, true, req->arena, &text, err) ||
            !nessie_key_from_path(text, req->arena, vec_push(req->arena, &keys), err))
            return false;
    }
    *out = keys.at;
    *n = keys.n;
    return true;
}

NESSIE_HANDLER(nessie_get_contents)
{
    struct nessie_ref r;
    bool v1 = nessie_is_v1(req);
    str *paths, commit;
    size_t n;
    (void)answer;
    bool parsed = str_is(req->method, "POST")
                      ? nessie_keys_parse(req->body, req->arena, &paths, &n, err)
                      : query_keys(req, "key", &paths, &n, err);
    if (!parsed || !ref_of(app, req, &r, err))
        return false;
    struct catalog_entry *entries = arena_array(req->arena, struct catalog_entry, n);
    if (!catalog_entries(app->lake->catalog, r.hash, paths, n, req->arena, entries, &commit, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "contents");
    for (size_t i = 0; i < n; i++) {
        if (!entries[i].found)
            continue;
        jw_begin_object(w);
        jw_key(w, STR("key"));
        nessie_key_write(paths[i], w);
        jw_key(w, STR("content"));
        nessie_content_write(app, &entries[i], v1, w);
        jw_end_object(w);
    }
    jw_end_array(w);
    if (!v1)
        write_effective("effectiveReference", &r, w);
    jw_end_object(w);
    return true;
}

/* ---- Filters of keys ---- */

static bool query_path(struct api_request *req, const char *name, str *out, struct error *err)
{
    str text = api_query(req, name, "");
    *out = (str){ 0 };
    return text.len == 0 || nessie_key_from_path(text, req->arena, out, err);
}

bool nessie_filter_parse(struct api_request *req, struct nessie_filter *out, struct error *err)
{
    str text = api_query(req, "filter", "");
    *out = (struct nessie_filter){ 0 };
    if (api_query(req, "namespaceDepth", "").len)
        return fail(err, ERR_UNSUPPORTED, "namespaceDepth is not supported: use filter");
    return (text.len == 0 || cel_parse(text, req->arena, &out->cel, err)) &&
           query_keys(req, "key", &out->keys, &out->keys_n, err) &&
           query_path(req, "prefix-key", &out->prefix, err) &&
           query_path(req, "min-key", &out->min, err) && query_path(req, "max-key", &out->max, err);
}

static struct cel_value text_value(str s)
{
    return (struct cel_value){ .kind = CEL_STR, .s = s };
}

/* The levels of a path as a list of texts. */
static struct cel_value list_value(str path, struct arena *a)
{
    VEC(struct cel_value) items = { 0 };
    str level;
    while (path.len && str_next(&path, NS_SEP, &level))
        *vec_push(a, &items) = text_value(level);
    return (struct cel_value){ .kind = CEL_LIST, .list = { items.at, items.n } };
}

struct cel_value nessie_key_value(str path, const char *type, struct arena *a)
{
    struct cel_member *m = arena_array(a, struct cel_member, 8);
    str ns = ns_parent(path);
    m[0] = (struct cel_member){ STR("key"), text_value(nessie_key_encoded(path, a)) };
    m[1] = (struct cel_member){ STR("encodedKey"), m[0].value };
    m[2] = (struct cel_member){ STR("keyElements"), list_value(path, a) };
    m[3] = (struct cel_member){ STR("namespace"), text_value(nessie_key_encoded(ns, a)) };
    m[4] = (struct cel_member){ STR("namespaceElements"), list_value(ns, a) };
    m[5] = (struct cel_member){ STR("name"), text_value(ns_last(path)) };
    m[6] = (struct cel_member){ STR("contentType"), text_value(str_of(type)) };
    return (struct cel_value){ .kind = CEL_OBJECT, .object = { m, 7 } };
}

static bool below(str path, str prefix)
{
    return str_starts(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == NS_SEP);
}

static bool in_ranges(const struct nessie_filter *f, str path)
{
    bool named = f->keys_n == 0;
    for (size_t i = 0; i < f->keys_n && !named; i++)
        named = str_eq(f->keys[i], path);
    return named && (f->prefix.len == 0 || below(path, f->prefix)) &&
           (f->min.len == 0 || str_cmp(path, f->min) >= 0) &&
           (f->max.len == 0 || str_cmp(path, f->max) <= 0);
}

bool nessie_filter_passes(const struct nessie_filter *f, str path, enum entry_type type,
                          struct arena *a, bool *out, struct error *err)
{
    *out = in_ranges(f, path);
    if (!*out || !f->cel)
        return true;
    struct cel_member variables[] = {
        { STR("entry"), nessie_key_value(path, nessie_type_name(type), a) },
        { STR("key"), text_value(nessie_key_encoded(path, a)) },
    };
    return cel_holds(f->cel, variables, 2, a, out, err);
}

/* ---- Entries ---- */

static void write_entry(struct app *app, const struct catalog_entry *e, bool v1, bool content,
                        struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "type", str_of(nessie_type_name(e->type)));
    jw_key(w, STR("name"));
    nessie_key_write(e->path, w);
    if (!v1)
        jw_kv_str(w, "contentId", e->id);
    if (!v1 && content) {
        jw_key(w, STR("content"));
        nessie_content_write(app, e, false, w);
    }
    jw_end_object(w);
}

/* Pages end where one of the catalog's does, so that its token goes on. */
static bool write_entries(struct app *app, struct api_request *req, const struct nessie_ref *r,
                          const struct nessie_filter *f, struct json_writer *w, str *next,
                          struct error *err)
{
    struct entry_page page = { .next = nessie_query(req, "page-token", "pageToken") };
    bool v1 = nessie_is_v1(req), content = str_is(api_query(req, "content", ""), "true"), keep;
    size_t max, written = 0;
    if (!nessie_max_records(req, &max, err))
        return false;
    do {
        size_t chunk = max - written < CHUNK ? max - written : CHUNK;
        struct arena *scratch = arena_create(0);
        bool ok = catalog_list_entries(app->lake->catalog, r->hash, page.next, chunk, req->arena,
                                       &page, err);
        for (size_t i = 0; ok && i < page.n; i++) {
            ok = nessie_filter_passes(f, page.at[i].path, page.at[i].type, scratch, &keep, err);
            if (ok && keep) {
                write_entry(app, &page.at[i], v1, content, w);
                written++;
            }
        }
        arena_destroy(scratch);
        if (!ok)
            return false;
    } while (page.next.len && written < max);
    *next = page.next;
    return true;
}

NESSIE_HANDLER(nessie_list_entries)
{
    struct nessie_ref r;
    struct nessie_filter f;
    str next;
    (void)answer;
    if (!ref_of(app, req, &r, err) || !nessie_filter_parse(req, &f, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "entries");
    if (!write_entries(app, req, &r, &f, w, &next, err))
        return false;
    jw_end_array(w);
    nessie_page_write(next, w);
    if (!nessie_is_v1(req))
        write_effective("effectiveReference", &r, w);
    jw_end_object(w);
    return true;
}

/* ---- Differences ---- */

struct diff_side {
    const struct nessie_ref *ref;
    struct catalog_entry *entries; /* one a path; not found where it is not */
};

static bool read_side(struct app *app, struct api_request *req, const str *paths, size_t n,
                      struct diff_side *side, struct error *err)
{
    struct catalog *c = app->lake->catalog;
    str commit;
    side->entries = arena_array(req->arena, struct catalog_entry, n);
    for (size_t i = 0; i < n; i += ENTRIES_MAX) {
        size_t some = n - i < ENTRIES_MAX ? n - i : ENTRIES_MAX;
        if (!catalog_entries(c, side->ref->hash, paths + i, some, req->arena, side->entries + i,
                             &commit, err))
            return false;
    }
    return true;
}

static void write_side(struct app *app, const char *name, const struct catalog_entry *e, bool v1,
                       struct json_writer *w)
{
    jw_key(w, str_of(name));
    if (e->found)
        nessie_content_write(app, e, v1, w);
    else
        jw_null(w);
}

static bool changed_paths(struct app *app, struct api_request *req, const struct nessie_ref *from,
                          const struct nessie_ref *to, str **out, size_t *n, struct error *err)
{
    struct diff_entry *diff;
    struct nessie_filter f;
    VEC(str) paths = { 0 };
    size_t all;
    bool keep;
    if (!nessie_filter_parse(req, &f, err) ||
        !catalog_diff(app->lake->catalog, from->hash, to->hash, 0, req->arena, &diff, &all, err))
        return false;
    for (size_t i = 0; i < all; i++) {
        if (diff[i].type == ENTRY_FUNCTION)
            continue;
        str path = diff[i].name.len
                       ? arena_printf(req->arena, STR_FMT "%c" STR_FMT, STR_ARG(diff[i].ns), NS_SEP,
                                      STR_ARG(diff[i].name))
                       : diff[i].ns;
        if (!nessie_filter_passes(&f, path, diff[i].type, req->arena, &keep, err))
            return false;
        if (keep)
            *vec_push(req->arena, &paths) = path;
    }
    *out = paths.at;
    *n = paths.n;
    return true;
}

/* A page token is a place in the list, which stays as long as both commits do: v2 clients page with the effective references. */
static bool page_of(struct api_request *req, size_t n, size_t *begin, size_t *end,
                    struct error *err)
{
    str token = nessie_query(req, "page-token", "pageToken");
    uint64_t at = 0;
    size_t max;
    if (!nessie_max_records(req, &max, err))
        return false;
    if (token.len && (!str_to_u64(token, &at) || at > n))
        return fail(err, ERR_INVALID, "page token is not one of this listing");
    *begin = (size_t)at;
    *end = n - *begin > max ? *begin + max : n;
    return true;
}

static bool write_diff(struct app *app, struct api_request *req, const struct nessie_ref *from,
                       const struct nessie_ref *to, struct json_writer *w, struct error *err)
{
    struct diff_side x = { .ref = from }, y = { .ref = to };
    bool v1 = nessie_is_v1(req);
    str *paths;
    size_t n, begin = 0, end = 0;
    if (!changed_paths(app, req, from, to, &paths, &n, err) ||
        !page_of(req, n, &begin, &end, err) ||
        !read_side(app, req, paths + begin, end - begin, &x, err) ||
        !read_side(app, req, paths + begin, end - begin, &y, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "diffs");
    for (size_t i = 0; i < end - begin; i++) {
        jw_begin_object(w);
        jw_key(w, STR("key"));
        nessie_key_write(paths[begin + i], w);
        write_side(app, "from", &x.entries[i], v1, w);
        write_side(app, "to", &y.entries[i], v1, w);
        jw_end_object(w);
    }
    jw_end_array(w);
    nessie_page_write(end < n ? arena_printf(req->arena, "%zu", end) : (str){ 0 }, w);
    if (!v1) {
        write_effective("effectiveFromReference", from, w);
        write_effective("effectiveToReference", to, w);
    }
    jw_end_object(w);
    return true;
}

NESSIE_HANDLER(nessie_show_diff)
{
    struct nessie_ref from, to;
    (void)answer;
    return nessie_resolve(app, req, req->params[0], (str){ 0 }, &from, err) &&
           nessie_resolve(app, req, req->params[1], (str){ 0 }, &to, err) &&
           write_diff(app, req, &from, &to, w, err);
}

/* "name*hash": v1's way to name a commit. */
static bool resolve_v1(struct app *app, struct api_request *req, str text, struct nessie_ref *out,
                       struct error *err)
{
    str name, hash = { 0 };
    str_cut(text, '*', &name, &hash);
    return nessie_resolve(app, req, name, hash, out, err);
}

NESSIE_HANDLER(nessie_show_diff_v1)
{
    struct nessie_ref from, to;
    ptrdiff_t dots = str_find(req->params[0], STR("..."));
    (void)answer;
    if (dots < 0)
        return fail(err, ERR_INVALID, "a difference is asked for as from...to");
    return resolve_v1(app, req, str_sub(req->params[0], 0, (size_t)dots), &from, err) &&
           resolve_v1(app, req, str_from(req->params[0], (size_t)dots + 3), &to, err) &&
           write_diff(app, req, &from, &to, w, err);
}
