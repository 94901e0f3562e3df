/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/refs.h"
#include "codec/json.h"
#include "govern/access.h"
#include "server/refs_priv.h"
#include "sql/lake.h"

#define LOG_LIMIT_MAX 10000

static const char *kind_name(enum catalog_ref_kind kind)
{
    return kind == CATALOG_BRANCH ? "branch" : kind == CATALOG_TAG ? "tag" : "commit";
}

struct commit_info request_commit_info(const struct api_request *req, str message, str author)
{
    struct commit_info info = { .message = message };
    access_sign(req->access, req->arena, &info);
    if (author.len)
        info.author = author;
    return info;
}

static void write_ref(const struct ref_info *r, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "name", r->name);
    jw_kv_str(w, "kind", str_of(kind_name(r->kind)));
    jw_kv_str(w, "commit_id", r->commit_id);
    kv_time(w, "created", r->created_us);
    kv_time(w, "updated", r->updated_us);
    jw_end_object(w);
}

static bool list_refs(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    struct ref_info *refs;
    size_t n;
    str kind = api_query(req, "kind", "");
    (void)answer;
    if (!catalog_list_refs(app->lake->catalog, req->arena, &refs, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        if ((kind.len == 0 || str_is(kind, kind_name(refs[i].kind))) &&
            access_allows(req->access, REFERENCE_LIST, &SECURE_CATALOG, refs[i].name))
            write_ref(&refs[i], w);
    jw_end_array(w);
    return true;
}

static bool create_ref(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    const struct json *doc;
    str name, kind, from;
    struct ref_info ref;
    if (!api_body(req, &doc, err) || !body_only(doc, "name kind from", err) ||
        !json_need_str(doc, "name", &name, err) ||
        !json_opt_str(doc, "kind", STR("branch"), &kind, err) ||
        !json_opt_str(doc, "from", (str){ 0 }, &from, err))
        return false;
    if (!str_is(kind, "branch") && !str_is(kind, "tag"))
        return fail(err, ERR_INVALID, "kind must be branch or tag, not \"" STR_FMT "\"",
                    STR_ARG(kind));
    struct commit_info who = request_commit_info(req, (str){ 0 }, (str){ 0 });
    if (!catalog_create_ref_as(app->lake->catalog,
                               str_is(kind, "tag") ? CATALOG_TAG : CATALOG_BRANCH, name, from, &who,
                               req->arena, &ref, err))
        return false;
    answer->status = 201;
    write_ref(&ref, w);
    return true;
}

static bool get_ref(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    struct ref_info ref;
    (void)answer;
    if (!catalog_get_ref(app->lake->catalog, req->params[0], req->arena, &ref, err))
        return false;
    write_ref(&ref, w);
    return true;
}

static bool delete_ref(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct commit_info who = request_commit_info(req, (str){ 0 }, (str){ 0 });
    (void)answer;
    if (!catalog_delete_ref(app->lake->catalog, req->params[0], api_query(req, "expected", ""),
                            &who, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "deleted", req->params[0]);
    jw_end_object(w);
    return true;
}

/* {to, expected} moves it, {rename} gives it another name. */
static bool change_ref(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct catalog *c = app->lake->catalog;
    struct commit_info who = request_commit_info(req, (str){ 0 }, (str){ 0 });
    struct ref_info ref;
    str to, expected, name, at = req->params[0];
    (void)answer;
    if (!api_body(req, &doc, err) || !body_only(doc, "to expected rename", err) ||
        !json_opt_str(doc, "to", (str){ 0 }, &to, err) ||
        !json_opt_str(doc, "expected", (str){ 0 }, &expected, err) ||
        !json_opt_str(doc, "rename", (str){ 0 }, &name, err))
        return false;
    if ((to.len > 0) == (name.len > 0))
        return fail(err, ERR_INVALID, "either \"to\" or \"rename\" is needed");
    bool ok = to.len ? catalog_assign_ref(c, at, expected, to, &who, err)
                     : catalog_rename_ref(c, at, name, &who, err);
    if (!ok || !catalog_get_ref(c, to.len ? at : name, req->arena, &ref, err))
        return false;
    write_ref(&ref, w);
    return true;
}

static const char *action_name(const struct merge_entry *e)
{
    static const char *const names[] = { "taken", "reapplied", "kept", "combined" };
    return e->conflict ? "conflict" : names[e->action];
}

static const char *type_name(enum entry_type type)
{
    static const char *const names[] = { "", "namespace", "table", "view", "function" };
    return names[type];
}

/* The dotted name; of a namespace its own. */
static str entry_name(str ns, str name, struct arena *a)
{
    return name.len ? name_to_text(ns, name, a) : ns_to_text(ns, a);
}

void write_merge(const struct merge_result *r, struct arena *a, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_bool(w, "applied", r->applied);
    jw_kv_bool(w, "fast_forward", r->fast_forward);
    jw_kv_bool(w, "up_to_date", r->up_to_date);
    jw_kv_str(w, "commit_id", r->commit_id);
    kv_text(w, "base_id", r->base_id);
    jw_kv_int(w, "conflicts", (int64_t)r->conflicts_n);
    jw_kv_array(w, "entries");
    for (size_t i = 0; i < r->n; i++) {
        const struct merge_entry *e = &r->entries[i];
        jw_begin_object(w);
        jw_kv_str(w, "type", str_of(type_name(e->type)));
        jw_kv_str(w, "name", entry_name(e->ns, e->name, a));
        jw_kv_bool(w, "conflict", e->conflict);
        jw_kv_str(w, "action", str_of(action_name(e)));
        kv_text(w, "reason", e->reason);
        kv_snapshot(w, "snapshot_id", e->snapshot_id);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

/* A merge with conflicts is an answer, not a failure: it says which tables are in the way. */
bool parse_prefer(str text, enum merge_behavior *out, struct error *err)
{
    *out = str_is(text, "source")   ? MERGE_FORCE
           : str_is(text, "target") ? MERGE_DROP
                                    : MERGE_NORMAL;
    return text.len == 0 || *out != MERGE_NORMAL ||
           fail(err, ERR_INVALID, "prefer is source or target, not \"" STR_FMT "\"",
                STR_ARG(str_sub(text, 0, 100)));
}

static bool merge(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct merge_request m = { 0 };
    struct commit_info info;
    struct merge_result result;
    str message, author, prefer;
    (void)answer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc, "from into expected dry_run no_fast_forward prefer message author", err) ||
        !json_opt_str(doc, "expected", (str){ 0 }, &m.head, err) ||
        !json_opt_str(doc, "prefer", (str){ 0 }, &prefer, err) ||
        !parse_prefer(prefer, &m.behavior, err) || !json_need_str(doc, "from", &m.from, err) ||
        !json_opt_str(doc, "into", STR("main"), &m.into, err) ||
        !json_opt_bool(doc, "dry_run", false, &m.dry_run, err) ||
        !json_opt_bool(doc, "no_fast_forward", false, &m.no_fast_forward, err) ||
        !json_opt_str(doc, "message", (str){ 0 }, &message, err) ||
        !json_opt_str(doc, "author", (str){ 0 }, &author, err))
        return false;
    info = request_commit_info(req, message, author);
    if (!catalog_merge(app->lake->catalog, &m, &info, req->arena, &result, err))
        return false;
    write_merge(&result, req->arena, w);
    return true;
}

void write_commit_members(const struct commit_entry *c, struct json_writer *w)
{
    jw_kv_str(w, "id", c->id);
    jw_kv_array(w, "parents");
    for (size_t i = 0; i < 2; i++)
        if (c->parents[i].len)
            jw_str(w, c->parents[i]);
    jw_end_array(w);
    kv_text(w, "author", c->author);
    jw_kv_str(w, "message", c->message);
    kv_time(w, "time", c->time_us);
    if (c->operations.len) {
        jw_key(w, STR("operations"));
        jw_raw(w, c->operations);
    }
}

void write_commit(const struct commit_entry *c, struct json_writer *w)
{
    jw_begin_object(w);
    write_commit_members(c, w);
    jw_end_object(w);
}

/* The next page begins at the last commit's first parent: ref=<its id>. */
static bool show_log(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct log_page page;
    int64_t limit;
    (void)answer;
    if (!api_query_int(req, "limit", 100, 1, LOG_LIMIT_MAX, &limit, err) ||
        !catalog_log(app->lake->catalog, api_query(req, "ref", ""), (str){ 0 }, (size_t)limit,
                     req->arena, &page, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < page.n; i++)
        write_commit(&page.commits[i], w);
    jw_end_array(w);
    return true;
}

void write_changes(const struct diff_entry *entries, size_t n, struct arena *a,
                   struct json_writer *w)
{
    static const char *const changes[] = { "added", "removed", "changed" };
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct diff_entry *e = &entries[i];
        jw_begin_object(w);
        jw_kv_str(w, "change", str_of(changes[e->kind]));
        jw_kv_str(w, "type", str_of(type_name(e->type)));
        jw_kv_str(w, "name", entry_name(e->ns, e->name, a));
        kv_snapshot(w, "from_snapshot_id", e->from_snapshot_id);
        kv_snapshot(w, "to_snapshot_id", e->to_snapshot_id);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static bool show_diff(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    struct diff_entry *entries;
    size_t n;
    (void)answer;
    if (!catalog_diff(app->lake->catalog, api_query(req, "from", ""), api_query(req, "to", ""), 0,
                      req->arena, &entries, &n, err))
        return false;
    write_changes(entries, n, req->arena, w);
    return true;
}

const struct route refs_routes[] = {
    ROUTE("GET", "/api/refs", PERMISSION_READ, list_refs, "Branches and tags; kind=branch|tag",
          .slow = true),
    ROUTE("POST", "/api/refs", PERMISSION_WRITE, create_ref, "Make a ref: {name, kind, from}",
          .slow = true),
    ROUTE("GET", "/api/refs/{name...}", PERMISSION_READ, get_ref, "One branch or tag",
          .slow = true),
    ROUTE("PUT", "/api/refs/{name...}", PERMISSION_WRITE, change_ref,
          "Move a ref: {to, expected}; or name it anew: {rename}", .slow = true),
    ROUTE("DELETE", "/api/refs/{name...}", PERMISSION_WRITE, delete_ref,
          "Delete a ref; expected=<commit it must point to>", .slow = true),
    ROUTE("POST", "/api/merge", PERMISSION_WRITE, merge,
          "Merge: {from, into, expected, dry_run, no_fast_forward, prefer, message, author}",
          .slow = true),
    ROUTE("GET", "/api/log", PERMISSION_READ, show_log,
          "Commits of a ref, newest first; ref, limit", .slow = true),
    ROUTE("GET", "/api/diff", PERMISSION_READ, show_diff, "What differs between two refs; from, to",
          .slow = true),
    { 0 },
};
