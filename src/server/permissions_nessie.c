/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about requests of Nessie's API.  A commit there names metadata files by their place, which may be any table's.  Of a table
 * that is there already the file must be its own (catalog/confine.h, N4); for a new table, and for views, as with a registration
 * (permissions_body.c), who sends one must be able to read every table of the catalog. */
#include "catalog/entries.h"
#include "server/nessie_priv.h"
#include "server/permissions_priv.h"

/* A detached commit has no name, which only grants at all refs fit. */
static bool ask_at(struct asking *q, enum privilege p, str ref, str hash, struct error *err)
{
    return ask(q, p, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 },
               nessie_ref_text(ref, hash, q->req->arena), err);
}

static bool ask_ref(struct asking *q, enum privilege p, str ref, struct error *err)
{
    return ask_at(q, p, ref, (str){ 0 }, err);
}

bool ask_nessie_list(struct asking *q, struct error *err)
{
    return ask_ref(q, REFERENCE_LIST, q->params[0], err);
}

bool ask_nessie_read(struct asking *q, struct error *err)
{
    return ask_at(q, REFERENCE_READ, q->params[0], nessie_hash_query(q->req), err);
}

bool ask_nessie_delete(struct asking *q, struct error *err)
{
    return ask_ref(q, REFERENCE_DELETE, q->params[0], err);
}

bool ask_nessie_assign(struct asking *q, struct error *err)
{
    struct nessie_ref_body body;
    return nessie_ref_parse(q->req->body, q->req->arena, &body, err) &&
           ask_ref(q, REFERENCE_ASSIGN, q->params[0], err) &&
           ask_ref(q, REFERENCE_READ, nessie_target_text(&body, (str){ 0 }, q->req->arena), err);
}

/* v2 has the new name in the query and the source in the body, v1 the other way round. */
bool ask_nessie_create(struct asking *q, struct error *err)
{
    struct nessie_ref_body body;
    bool v1 = nessie_is_v1(q->req);
    if (!nessie_ref_parse(q->req->body, q->req->arena, &body, err))
        return false;
    str name = v1 ? body.name : api_query(q->req, "name", "");
    if (v1)
        body.name = api_query(q->req, "sourceRefName", "");
    return ask_ref(q, REFERENCE_CREATE, name, err) &&
           ask_ref(q, REFERENCE_READ, nessie_target_text(&body, (str){ 0 }, q->req->arena), err);
}

bool ask_nessie_diff(struct asking *q, struct error *err)
{
    return ask_ref(q, REFERENCE_READ, q->params[0], err) &&
           ask_ref(q, REFERENCE_READ, q->params[1], err);
}

/* "from...to" in one segment. */
bool ask_nessie_diff_v1(struct asking *q, struct error *err)
{
    ptrdiff_t at = str_find(q->params[0], STR("..."));
    str from = at < 0 ? q->params[0] : str_sub(q->params[0], 0, (size_t)at);
    str to = at < 0 ? (str){ 0 } : str_from(q->params[0], (size_t)at + 3);
    return ask_ref(q, REFERENCE_READ, from, err) && ask_ref(q, REFERENCE_READ, to, err);
}

/* ---- Keys ---- */

static bool ask_path(struct asking *q, enum privilege p, enum securable_kind kind, str path,
                     str ref, struct error *err)
{
    if (kind == SECURABLE_NAMESPACE)
        return ask(q, p, kind, path, (str){ 0 }, ref, err);
    return ask(q, p, kind, ns_parent(path), ns_last(path), ref, err);
}

/* What the keys name at the ref; a key that names nothing, or a ref that is not there, counts as a table. */
static struct catalog_entry *entries_of(struct asking *q, str ref, const str *paths, size_t n)
{
    struct error ignored = { 0 };
    str commit;
    struct catalog_entry *found = arena_array(q->req->arena, struct catalog_entry, n);
    if (!catalog_entries(q->app->lake->catalog, ref, paths, n, q->req->arena, found, &commit,
                         &ignored))
        memset(found, 0, n * sizeof *found);
    for (size_t i = 0; i < n; i++)
        if (!found[i].found)
            found[i].type = ENTRY_TABLE;
    return found;
}

static bool ask_read(struct asking *q, str ref, const str *paths, size_t n, struct error *err)
{
    static const struct {
        enum privilege p;
        enum securable_kind kind;
    } by_type[] = {
        [ENTRY_NAMESPACE] = { NAMESPACE_READ_PROPERTIES, SECURABLE_NAMESPACE },
        [ENTRY_TABLE] = { TABLE_READ_PROPERTIES, SECURABLE_TABLE },
        [ENTRY_VIEW] = { VIEW_READ_PROPERTIES, SECURABLE_VIEW },
        [ENTRY_FUNCTION] = { FUNCTION_READ_PROPERTIES, SECURABLE_FUNCTION },
    };
    if (n > ENTRIES_MAX)
        return fail(err, ERR_LIMIT, "%zu keys, at most %d", n, ENTRIES_MAX);
    struct catalog_entry *found = entries_of(q, ref, paths, n);
    for (size_t i = 0; i < n; i++)
        if (!ask_path(q, by_type[found[i].type].p, by_type[found[i].type].kind, paths[i], ref, err))
            return false;
    return true;
}

/* v1 has the ref in the query. */
static str content_ref(struct asking *q)
{
    str text = nessie_is_v1(q->req) ? api_query(q->req, "ref", "") : q->params[0];
    return nessie_ref_text(text, nessie_hash_query(q->req), q->req->arena);
}

bool ask_nessie_content(struct asking *q, struct error *err)
{
    str path, key = q->params[nessie_is_v1(q->req) ? 0 : 1];
    return nessie_key_from_path(key, q->req->arena, &path, err) &&
           ask_read(q, content_ref(q), &path, 1, err);
}

/* The keys of a GET stand in the query, several of one name; reading all that the ref has is what that takes. */
bool ask_nessie_contents(struct asking *q, struct error *err)
{
    str *paths;
    size_t n;
    if (!str_is(q->req->method, "POST"))
        return ask(q, TABLE_READ_PROPERTIES, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 },
                   content_ref(q), err) &&
               ask(q, NAMESPACE_READ_PROPERTIES, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 },
                   content_ref(q), err) &&
               ask(q, VIEW_READ_PROPERTIES, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 },
                   content_ref(q), err);
    return nessie_keys_parse(q->req->body, q->req->arena, &paths, &n, err) &&
           ask_read(q, content_ref(q), paths, n, err);
}

/* ---- Commits ---- */

static bool ask_put(struct asking *q, const struct entry_op *op, str ref, struct error *err)
{
    if (op->type == ENTRY_NAMESPACE)
        return op->id.len ? ask_path(q, NAMESPACE_WRITE_PROPERTIES, SECURABLE_NAMESPACE, op->path,
                                     ref, err)
                          : ask(q, NAMESPACE_CREATE, SECURABLE_NAMESPACE, ns_parent(op->path),
                                (str){ 0 }, ref, err);
    bool table = op->type == ENTRY_TABLE;
    return ask_path(q, table ? TABLE_WRITE_DATA : VIEW_WRITE_PROPERTIES,
                    table ? SECURABLE_TABLE : SECURABLE_VIEW, op->path, ref, err) &&
           (op->id.len || ask(q, table ? TABLE_CREATE : VIEW_CREATE, SECURABLE_NAMESPACE,
                              ns_parent(op->path), (str){ 0 }, ref, err)) &&
           ((table && op->id.len) ||
            ask(q, TABLE_READ_DATA, SECURABLE_CATALOG, (str){ 0 }, (str){ 0 }, ref, err));
}

static bool ask_remove(struct asking *q, const struct entry_op *op, str ref, struct error *err)
{
    struct catalog_entry *e = entries_of(q, ref, &op->path, 1);
    if (e->type == ENTRY_NAMESPACE)
        return ask_path(q, NAMESPACE_DROP, SECURABLE_NAMESPACE, op->path, ref, err);
    return ask_path(q, e->type == ENTRY_VIEW ? VIEW_DROP : TABLE_DROP,
                    e->type == ENTRY_VIEW ? SECURABLE_VIEW : SECURABLE_TABLE, op->path, ref, err);
}

bool ask_nessie_commit(struct asking *q, struct error *err)
{
    struct nessie_commit_body body;
    str ref = nessie_ref_text(q->params[0], (str){ 0 }, q->req->arena);
    if (!nessie_commit_parse(q->req->body, q->req->arena, &body, err))
        return false;
    if (body.n == 0)
        return ask_ref(q, REFERENCE_READ, ref, err);
    for (size_t i = 0; i < body.n; i++) {
        const struct entry_op *op = &body.ops[i];
        if (op->kind == ENTRY_OP_UNCHANGED ? !ask_read(q, ref, &op->path, 1, err)
            : op->kind == ENTRY_OP_PUT     ? !ask_put(q, op, ref, err)
                                           : !ask_remove(q, op, ref, err))
            return false;
    }
    return true;
}

/* Merges and transplants: commits of a ref into the one of the path. */
bool ask_nessie_merge(struct asking *q, struct error *err)
{
    struct nessie_merge_body body;
    if (!nessie_merge_parse(q->req->body, q->req->arena, &body, err))
        return false;
    if (!ask_ref(q, REFERENCE_MERGE, q->params[0], err) ||
        !ask_at(q, REFERENCE_READ, body.from_ref, body.from_hash, err))
        return false;
    for (size_t i = 0; i < body.hashes_n; i++) /* ids stay in the ref's history; "^2" may not */
        if (str_find_char(body.hashes[i], '^') >= 0 &&
            !ask_at(q, REFERENCE_READ, body.from_ref, body.hashes[i], err))
            return false;
    return true;
}
