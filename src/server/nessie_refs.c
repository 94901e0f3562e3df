/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nessie_priv.h"

/* ---- Showing ---- */

static bool wants_all(const struct api_request *req)
{
    return str_eq_nocase(api_query(req, "fetch", ""), STR("ALL"));
}

static bool head_of(struct app *app, struct api_request *req, str hash, struct commit_entry *out,
                    struct error *err)
{
    struct log_page log;
    if (!catalog_log(app->lake->catalog, hash, (str){ 0 }, 1, req->arena, &log, err))
        return false;
    *out = log.commits[0];
    return true;
}

/* How far two branches have gone from where they parted is not counted: it would walk both histories. */
static bool write_full(struct app *app, struct api_request *req, const struct nessie_ref *r,
                       bool all, struct json_writer *w, struct error *err)
{
    struct commit_entry head;
    if (all && !head_of(app, req, r->hash, &head, err))
        return false;
    jw_begin_object(w);
    nessie_ref_write(r, w);
    if (all) {
        jw_kv_object(w, "metadata");
        jw_kv_null(w, "numCommitsAhead");
        jw_kv_null(w, "numCommitsBehind");
        jw_key(w, STR("commitMetaOfHEAD"));
        nessie_meta_write(&head, nessie_is_v1(req), w);
        jw_kv_null(w, "commonAncestorHash");
        jw_kv_null(w, "numTotalCommits");
        jw_end_object(w);
    }
    jw_end_object(w);
    return true;
}

/* v1 answers with the reference itself. */
static bool write_single(struct app *app, struct api_request *req, const struct nessie_ref *r,
                         bool all, struct json_writer *w, struct error *err)
{
    if (nessie_is_v1(req))
        return write_full(app, req, r, all, w, err);
    jw_begin_object(w);
    jw_key(w, STR("reference"));
    if (!write_full(app, req, r, all, w, err))
        return false;
    jw_end_object(w);
    return true;
}

struct ref_lister {
    struct app *app;
    struct api_request *req;
    const struct cel *filter;
    bool all;
};

static bool passes(const struct ref_lister *l, const struct ref_info *r, bool *out,
                   struct error *err)
{
    struct arena *a = l->req->arena;
    const char *type = r->kind == CATALOG_TAG ? "TAG" : "BRANCH";
    *out = true;
    if (!l->filter)
        return true;
    struct commit_entry head;
    if (!head_of(l->app, l->req, r->commit_id, &head, err))
        return false;
    struct cel_member ref[] = {
        { STR("name"), { .kind = CEL_STR, .s = r->name } },
        { STR("hash"), { .kind = CEL_STR, .s = r->commit_id } },
    };
    struct cel_member commit[] = {
        { STR("author"), { .kind = CEL_STR, .s = head.author } },
        { STR("message"), { .kind = CEL_STR, .s = head.message } },
        { STR("hash"), { .kind = CEL_STR, .s = head.id } },
        { STR("commitTime"), { .kind = CEL_TIME, .i = head.time_us } },
    };
    struct cel_member variables[] = {
        { STR("ref"), { .kind = CEL_OBJECT, .object = { ref, 2 } } },
        { STR("refType"), { .kind = CEL_STR, .s = str_of(type) } },
        { STR("commit"), { .kind = CEL_OBJECT, .object = { commit, 4 } } },
    };
    return cel_holds(l->filter, variables, 3, a, out, err);
}

static bool write_refs(const struct ref_lister *l, const struct ref_info *refs, size_t n,
                       struct json_writer *w, struct error *err)
{
    str token = nessie_query(l->req, "page-token", "pageToken"), last = { 0 };
    size_t max, written = 0;
    bool keep;
    if (!nessie_max_records(l->req, &max, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "references");
    for (size_t i = 0; i < n; i++) {
        if ((token.len && str_cmp(refs[i].name, token) <= 0) ||
            !access_allows(l->req->access, REFERENCE_LIST, &SECURE_CATALOG, refs[i].name))
            continue;
        if (!passes(l, &refs[i], &keep, err))
            return false;
        if (!keep)
            continue;
        if (written == max) {
            jw_end_array(w);
            nessie_page_write(last, w);
            jw_end_object(w);
            return true;
        }
        struct nessie_ref r = { .name = refs[i].name,
                                .kind = refs[i].kind,
                                .hash = refs[i].commit_id };
        bool all =
            l->all && access_allows(l->req->access, REFERENCE_READ, &SECURE_CATALOG, refs[i].name);
        if (!write_full(l->app, l->req, &r, all, w, err))
            return false;
        last = refs[i].name;
        written++;
    }
    jw_end_array(w);
    nessie_page_write((str){ 0 }, w);
    jw_end_object(w);
    return true;
}

NESSIE_HANDLER(nessie_list_refs)
{
    struct ref_info *refs;
    struct ref_lister l = { .app = app, .req = req, .all = wants_all(req) };
    str filter = api_query(req, "filter", "");
    size_t n;
    (void)answer;
    return (filter.len == 0 || cel_parse(filter, req->arena, &l.filter, err)) &&
           catalog_list_refs(app->lake->catalog, req->arena, &refs, &n, err) &&
           write_refs(&l, refs, n, w, err);
}

NESSIE_HANDLER(nessie_get_ref)
{
    struct nessie_ref r;
    (void)answer;
    return nessie_resolve(app, req, req->params[0], (str){ 0 }, &r, err) &&
           write_single(app, req, &r, wants_all(req), w, err);
}

/* Where a reference pointed before is not recorded; its commits are (history). */
NESSIE_HANDLER(nessie_recent_changes)
{
    struct nessie_ref r;
    (void)answer;
    if (!nessie_resolve(app, req, req->params[0], (str){ 0 }, &r, err))
        return false;
    jw_begin_object(w);
    jw_key(w, STR("reference"));
    jw_begin_object(w);
    nessie_ref_write(&r, w);
    jw_end_object(w);
    jw_kv_str(w, "commitLogConsistency", STR("NOT_CHECKED"));
    jw_kv_object(w, "current");
    jw_kv_str(w, "commitHash", r.hash);
    jw_kv_str(w, "commitConsistency", STR("NOT_CHECKED"));
    jw_end_object(w);
    jw_kv_array(w, "previous");
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

/* ---- Changing ---- */

static bool parse_type(str type, enum catalog_ref_kind *out, struct error *err)
{
    *out = str_eq_nocase(type, STR("TAG")) ? CATALOG_TAG : CATALOG_BRANCH;
    return *out == CATALOG_TAG || str_eq_nocase(type, STR("BRANCH")) ||
           fail(err, ERR_INVALID, "a reference is of type BRANCH or TAG, not \"" STR_FMT "\"",
                STR_ARG(str_sub(type, 0, 100)));
}

/* Without a hash it is the name's head. */
str nessie_target_text(const struct nessie_ref_body *body, str via, struct arena *a)
{
    str name = via.len ? via : body->name;
    if (body->hash.len && (name.len == 0 || str_eq_nocase(body->type, STR("DETACHED"))))
        return arena_printf(a, "@" STR_FMT, STR_ARG(body->hash));
    return nessie_ref_text(name, body->hash, a);
}

static bool target_of(struct app *app, struct api_request *req, const struct nessie_ref_body *body,
                      str via, struct nessie_ref *out, struct error *err)
{
    return nessie_resolve(app, req, nessie_target_text(body, via, req->arena), (str){ 0 }, out,
                          err);
}

/* v1 has the new name and type in the body, and the source's name in the query. */
NESSIE_HANDLER(nessie_create_ref)
{
    struct commit_info who = request_commit_info(req, (str){ 0 }, (str){ 0 });
    struct nessie_ref_body body;
    struct nessie_ref from;
    struct ref_info made;
    enum catalog_ref_kind kind;
    bool v1 = nessie_is_v1(req);
    (void)answer;
    if (!nessie_ref_parse(req->body, req->arena, &body, err))
        return false;
    str name = v1 ? body.name : api_query(req, "name", "");
    str via = v1 ? api_query(req, "sourceRefName", "") : (str){ 0 };
    if (!parse_type(v1 ? body.type : api_query(req, "type", ""), &kind, err))
        return false;
    if (v1 && via.len == 0)
        body.name = (str){ 0 };
    if (!target_of(app, req, &body, via, &from, err) ||
        !catalog_create_ref_as(app->lake->catalog, kind, name, from.hash, &who, req->arena, &made,
                               err))
        return false;
    struct nessie_ref r = { .name = made.name, .kind = made.kind, .hash = made.commit_id };
    return write_single(app, req, &r, false, w, err);
}

/* The reference that a request changes, and where it must point. */
static bool checked_ref(struct app *app, struct api_request *req, struct nessie_ref *out,
                        str *expected, struct error *err)
{
    struct nessie_ref named;
    str type = api_query(req, "type", ""), want = api_query(req, "expectedHash", "");
    enum catalog_ref_kind kind;
    if (nessie_is_v1(req))
        type = str_starts(req->path, STR("/nessie/api/v1/trees/tag/")) ? STR("TAG") : STR("BRANCH");
    if (!nessie_resolve(app, req, req->params[0], want, &named, err))
        return false;
    if (named.name.len == 0)
        return fail(err, ERR_INVALID, "a commit cannot be assigned or deleted");
    *expected = named.exact ? named.hash : (str){ 0 };
    if (!nessie_resolve(app, req, named.name, (str){ 0 }, out, err))
        return false;
    if (type.len && (!parse_type(type, &kind, err) ||
                     (kind != out->kind && !fail(err, ERR_CONFLICT,
                                                 "expected reference type " STR_FMT
                                                 " does not match the existing reference " STR_FMT,
                                                 STR_ARG(type), STR_ARG(out->name)))))
        return false;
    return true;
}

/* A reference that is somewhere else is told as such. */
static bool moved(struct api_answer *answer, const struct error *err)
{
    struct nessie_conflict c = { "UNEXPECTED_HASH", { 0 }, str_of(err->msg) };
    if (err->code != ERR_CONFLICT)
        return false;
    nessie_conflicts(answer, err->msg, &c, 1);
    return true;
}

NESSIE_HANDLER(nessie_assign_ref)
{
    struct nessie_ref_body body;
    struct nessie_ref r, target;
    str expected;
    struct commit_info who = request_commit_info(req, (str){ 0 }, (str){ 0 });
    if (!nessie_ref_parse(req->body, req->arena, &body, err) ||
        !checked_ref(app, req, &r, &expected, err) ||
        !target_of(app, req, &body, (str){ 0 }, &target, err))
        return false;
    if (!catalog_assign_ref(app->lake->catalog, r.name, expected, target.hash, &who, err))
        return moved(answer, err);
    r.hash = target.hash;
    if (!nessie_is_v1(req))
        return write_single(app, req, &r, false, w, err);
    nessie_no_content(answer);
    return true;
}

NESSIE_HANDLER(nessie_delete_ref)
{
    struct nessie_ref r;
    str expected;
    struct commit_info who = request_commit_info(req, (str){ 0 }, (str){ 0 });
    if (!checked_ref(app, req, &r, &expected, err))
        return false;
    if (!catalog_delete_ref(app->lake->catalog, r.name, expected, &who, err))
        return moved(answer, err);
    if (!nessie_is_v1(req))
        return write_single(app, req, &r, false, w, err);
    nessie_no_content(answer);
    return true;
}
