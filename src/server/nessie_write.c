/* SPDX-License-Identifier: Apache-2.0 */
#include "server/iceberg_priv.h"
#include "server/nessie_priv.h"

/* The branch of a request, and the commit that its caller saw: in v2 both in the path. */
static bool target_branch(struct app *app, struct api_request *req, struct nessie_ref *out,
                          struct error *err)
{
    str expected = nessie_is_v1(req) ? api_query(req, "expectedHash", "") : (str){ 0 };
    if (!nessie_resolve(app, req, req->params[0], expected, out, err))
        return false;
    return (out->name.len && out->kind == CATALOG_BRANCH) ||
           fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a branch, which alone can be written",
                STR_ARG(out->text));
}

static bool write_branch(struct app *app, struct api_request *req, str name, str hash,
                         struct json_writer *w)
{
    struct nessie_ref r = { .name = name, .kind = CATALOG_BRANCH, .hash = hash };
    (void)app;
    (void)req;
    jw_begin_object(w);
    nessie_ref_write(&r, w);
    jw_end_object(w);
    return true;
}

/* ---- Commits ---- */

static const char *const entry_conflict_types[] = {
    [ENTRY_KEY_EXISTS] = "KEY_EXISTS",           [ENTRY_KEY_MISSING] = "KEY_DOES_NOT_EXIST",
    [ENTRY_ID_DIFFERS] = "CONTENT_ID_DIFFERS",   [ENTRY_TYPE_DIFFERS] = "PAYLOAD_DIFFERS",
    [ENTRY_VALUE_DIFFERS] = "VALUE_DIFFERS",     [ENTRY_NAMESPACE_ABSENT] = "NAMESPACE_ABSENT",
    [ENTRY_NOT_A_NAMESPACE] = "NOT_A_NAMESPACE", [ENTRY_NOT_EMPTY] = "NAMESPACE_NOT_EMPTY",
};

static void answer_conflicts(struct api_answer *answer, const struct entry_outcome *out,
                             struct arena *a)
{
    struct nessie_conflict *list = arena_array(a, struct nessie_conflict, out->conflicts_n);
    for (size_t i = 0; i < out->conflicts_n; i++)
        list[i] = (struct nessie_conflict){ entry_conflict_types[out->conflicts[i].kind],
                                            out->conflicts[i].path, out->conflicts[i].message };
    const char *text = out->conflicts_n == 1
                           ? arena_cstr(a, list[0].message)
                           : arena_printf(a, "%zu conflicts, the first: " STR_FMT, out->conflicts_n,
                                          STR_ARG(list[0].message))
                                 .ptr;
    nessie_conflicts(answer, text, list, out->conflicts_n);
}

static void write_added(const struct nessie_commit_body *body, const struct entry_outcome *out,
                        struct json_writer *w)
{
    jw_kv_array(w, "addedContents");
    for (size_t i = 0; i < body->n; i++) {
        if (!out->added[i])
            continue;
        jw_begin_object(w);
        jw_key(w, STR("key"));
        nessie_key_write(body->ops[i].path, w);
        jw_kv_str(w, "contentId", out->ids[i]);
        jw_end_object(w);
    }
    jw_end_array(w);
}

NESSIE_HANDLER(nessie_commit)
{
    struct nessie_commit_body body;
    struct nessie_ref branch;
    struct entry_outcome out;
    if (!nessie_commit_parse(req->body, req->arena, &body, err) ||
        !target_branch(app, req, &branch, err))
        return false;
    struct commit_info info = request_commit_info(req, body.message, body.author);
    info.confined = iceberg_confined(req, branch.name);
    struct entry_commit commit = { .base = branch.exact ? branch.hash : (str){ 0 },
                                   .ops = body.ops,
                                   .n = body.n };
    if (!catalog_commit_entries(app->lake->catalog, branch.name, &commit, &info, req->arena, &out,
                                err))
        return false;
    if (out.conflicts_n > 0) {
        answer_conflicts(answer, &out, req->arena);
        return true;
    }
    if (nessie_is_v1(req))
        return write_branch(app, req, branch.name, out.commit_id, w);
    jw_begin_object(w);
    jw_key(w, STR("targetBranch"));
    write_branch(app, req, branch.name, out.commit_id, w);
    write_added(&body, &out, w);
    jw_end_object(w);
    return true;
}

/* ---- Merges ---- */

static str entry_path(const struct merge_entry *e, struct arena *a)
{
    return e->name.len
               ? arena_printf(a, STR_FMT "%c" STR_FMT, STR_ARG(e->ns), NS_SEP, STR_ARG(e->name))
               : e->ns;
}

static bool answer_merge_conflicts(struct api_answer *answer, const struct merge_result *r,
                                   struct arena *a)
{
    struct nessie_conflict *list = arena_array(a, struct nessie_conflict, r->conflicts_n);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i].conflict && n < r->conflicts_n)
            list[n++] = (struct nessie_conflict){ "KEY_CONFLICT", entry_path(&r->entries[i], a),
                                                  r->entries[i].reason };
    str text = arena_printf(
        a, "The following keys have been changed in conflict: '" STR_FMT "' (" STR_FMT ")%s",
        STR_ARG(ns_to_text(list[0].path, a)), STR_ARG(list[0].message), n > 1 ? " and others" : "");
    nessie_conflicts(answer, text.ptr, list, n);
    return true;
}

static const char *behavior_name(enum merge_behavior b)
{
    return b == MERGE_FORCE ? "FORCE" : b == MERGE_DROP ? "DROP" : "NORMAL";
}

static enum merge_behavior behavior_of(const struct nessie_merge_body *body,
                                       const struct merge_entry *e)
{
    for (size_t i = 0; i < body->keys_n; i++)
        if (str_eq(body->keys[i].ns, e->ns) && str_eq(body->keys[i].name, e->name))
            return body->keys[i].behavior;
    return body->behavior;
}

static void write_details(const struct merge_result *r, const struct nessie_merge_body *body,
                          bool v1, struct arena *a, struct json_writer *w)
{
    jw_kv_array(w, "details");
    for (size_t i = 0; i < r->n; i++) {
        const struct merge_entry *e = &r->entries[i];
        str path = entry_path(e, a);
        jw_begin_object(w);
        jw_key(w, STR("key"));
        nessie_key_write(path, w);
        jw_kv_str(w, "mergeBehavior", str_of(behavior_name(behavior_of(body, e))));
        if (v1) {
            jw_kv_str(w, "conflictType", str_of(e->conflict ? "UNRESOLVABLE" : "NONE"));
            jw_kv_array(w, "sourceCommits");
            jw_end_array(w);
            jw_kv_array(w, "targetCommits");
            jw_end_array(w);
        } else if (e->conflict) {
            jw_kv_object(w, "conflict");
            jw_kv_str(w, "conflictType", STR("KEY_CONFLICT"));
            jw_key(w, STR("key"));
            nessie_key_write(path, w);
            jw_kv_str(w, "message", e->reason);
            jw_end_object(w);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_result(const struct merge_result *r, const struct nessie_merge_body *body,
                         const struct nessie_ref *branch, str before, bool v1, struct arena *a,
                         struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_bool(w, "wasApplied", r->applied && !r->up_to_date);
    jw_kv_bool(w, "wasSuccessful", r->conflicts_n == 0);
    kv_text(w, "resultantTargetHash", r->commit_id);
    kv_text(w, "commonAncestor", r->base_id);
    jw_kv_str(w, "targetBranch", branch->name);
    jw_kv_str(w, "effectiveTargetHash", before);
    kv_text(w, "expectedHash", branch->exact ? branch->hash : (str){ 0 });
    if (v1) {
        jw_kv_array(w, "sourceCommits");
        jw_end_array(w);
        jw_kv_null(w, "targetCommits");
    }
    write_details(r, body, v1, a, w);
    jw_end_object(w);
}

/* What merges and transplants share: the body, the branch and where it pointed. */
struct merging {
    struct nessie_merge_body body;
    struct nessie_ref branch, head;
    struct commit_info info;
    struct merge_result result;
};

static bool begin_merge(struct app *app, struct api_request *req, struct merging *m,
                        struct error *err)
{
    if (!nessie_merge_parse(req->body, req->arena, &m->body, err) ||
        !target_branch(app, req, &m->branch, err) ||
        !nessie_resolve(app, req, m->branch.name, (str){ 0 }, &m->head, err))
        return false;
    m->info = request_commit_info(req, m->body.message, m->body.author);
    return true;
}

static bool end_merge(struct api_request *req, struct api_answer *answer, struct merging *m,
                      struct json_writer *w)
{
    if (m->result.conflicts_n > 0 && !m->body.as_result)
        return answer_merge_conflicts(answer, &m->result, req->arena);
    write_result(&m->result, &m->body, &m->branch, m->head.hash, nessie_is_v1(req), req->arena, w);
    return true;
}

/* As Nessie does it, a merge is always a commit of its own. */
NESSIE_HANDLER(nessie_merge)
{
    struct merging m = { 0 };
    struct nessie_ref from;
    if (!begin_merge(app, req, &m, err) ||
        !nessie_resolve(app, req, m.body.from_ref, m.body.from_hash, &from, err))
        return false;
    struct merge_request merge = { .from = from.name.len && !from.exact ? from.name : from.text,
                                   .into = m.branch.name,
                                   .dry_run = m.body.dry_run,
                                   .no_fast_forward = true,
                                   .behavior = m.body.behavior,
                                   .keys = m.body.keys,
                                   .keys_n = m.body.keys_n };
    return catalog_merge(app->lake->catalog, &merge, &m.info, req->arena, &m.result, err) &&
           end_merge(req, answer, &m, w);
}

/* The commits must be in the history of the reference that is named. */
static bool resolve_hashes(struct app *app, struct api_request *req, struct merging *m,
                           struct error *err)
{
    struct nessie_ref r;
    if (m->body.hashes_n == 0)
        return fail(err, ERR_INVALID, "no hashes given to transplant");
    for (size_t i = 0; i < m->body.hashes_n; i++) {
        if (!nessie_resolve(app, req, m->body.from_ref, m->body.hashes[i], &r, err))
            return false;
        m->body.hashes[i] = r.hash;
    }
    return true;
}

NESSIE_HANDLER(nessie_transplant)
{
    struct merging m = { 0 };
    if (!begin_merge(app, req, &m, err) || !resolve_hashes(app, req, &m, err))
        return false;
    struct pick_request pick = { .commits = m.body.hashes,
                                 .commits_n = m.body.hashes_n,
                                 .into = m.branch.name,
                                 .dry_run = m.body.dry_run,
                                 .behavior = m.body.behavior,
                                 .keys = m.body.keys,
                                 .keys_n = m.body.keys_n };
    return catalog_pick(app->lake->catalog, &pick, &m.info, req->arena, &m.result, err) &&
           end_merge(req, answer, &m, w);
}
