/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits of the catalog: listed with filters, shown with what they changed, brought to another branch, taken back; and the rules of
 * branches. */
#include "base/time.h"
#include "catalog/refs.h"
#include "catalog/rules.h"
#include "server/refs_priv.h"
#include "sql/lake.h"

#define LIMIT_MAX 10000

static bool query_time(const struct api_request *req, const char *name, int64_t *out,
                       struct error *err)
{
    str text = api_query(req, name, "");
    *out = 0;
    return text.len == 0 || time_parse(text, out, NULL) ||
           fail(err, ERR_INVALID, "%s is not a time: \"" STR_FMT "\"", name,
                STR_ARG(str_sub(text, 0, 100)));
}

static bool parse_filter(const struct api_request *req, struct log_filter *out, struct error *err)
{
    str table = api_query(req, "table", ""), ns = api_query(req, "namespace", "");
    *out = (struct log_filter){ .author = api_query(req, "author", ""),
                                .message = api_query(req, "message", ""),
                                .until_commit = api_query(req, "until_commit", "") };
    if (table.len && ns.len)
        return fail(err, ERR_INVALID, "a table or a namespace, not both");
    if (table.len && !name_split(table, req->arena, &out->ns, &out->name, err))
        return false;
    if (ns.len)
        out->ns = ns_from_dotted(ns, req->arena);
    return query_time(req, "since", &out->since_us, err) &&
           query_time(req, "until", &out->until_us, err);
}

static bool list_commits(struct app *app, struct api_request *req, struct api_answer *answer,
                         struct json_writer *w, struct error *err)
{
    struct log_filter filter;
    struct log_page page;
    int64_t limit;
    (void)answer;
    if (!api_query_int(req, "limit", 100, 1, LIMIT_MAX, &limit, err) ||
        !parse_filter(req, &filter, err) ||
        !catalog_log_filtered(app->lake->catalog, api_query(req, "ref", ""), &filter,
                              api_query(req, "page_token", ""), (size_t)limit, req->arena, &page,
                              err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "commits");
    for (size_t i = 0; i < page.n; i++)
        write_commit(&page.commits[i], w);
    jw_end_array(w);
    kv_text(w, "next_page_token", page.next);
    jw_end_object(w);
    return true;
}

/* The operations that a commit keeps are the first ones only; what it changed against its first parent is all of it. */
static bool show_commit(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    struct log_page page;
    struct diff_entry *changes = NULL;
    size_t n = 0;
    struct catalog *c = app->lake->catalog;
    (void)answer;
    if (!catalog_log(c, req->params[0], (str){ 0 }, 1, req->arena, &page, err))
        return false;
    const struct commit_entry *e = &page.commits[0];
    if (e->parents[0].len &&
        !catalog_diff(c, e->parents[0], e->id, 0, req->arena, &changes, &n, err))
        return false;
    jw_begin_object(w);
    write_commit_members(e, w);
    jw_key(w, STR("changes"));
    write_changes(changes, n, req->arena, w);
    jw_end_object(w);
    return true;
}

static bool pick(struct app *app, struct api_request *req, bool revert, struct json_writer *w,
                 struct error *err)
{
    const struct json *doc;
    struct pick_request p = { .revert = revert };
    struct commit_info info;
    struct merge_result result;
    str message, author, prefer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc, "commits into expected dry_run prefer message author", err) ||
        !body_strings(doc, "commits", req->arena, &p.commits, &p.commits_n, err) ||
        !json_opt_str(doc, "into", STR("main"), &p.into, err) ||
        !json_opt_str(doc, "expected", (str){ 0 }, &p.head, err) ||
        !json_opt_bool(doc, "dry_run", false, &p.dry_run, err) ||
        !json_opt_str(doc, "prefer", (str){ 0 }, &prefer, err) ||
        !parse_prefer(prefer, &p.behavior, err) ||
        !json_opt_str(doc, "message", (str){ 0 }, &message, err) ||
        !json_opt_str(doc, "author", (str){ 0 }, &author, err))
        return false;
    info = request_commit_info(req, message, author);
    if (!catalog_pick(app->lake->catalog, &p, &info, req->arena, &result, err))
        return false;
    write_merge(&result, req->arena, w);
    return true;
}

static bool cherry_pick(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    (void)answer;
    return pick(app, req, false, w, err);
}

static bool revert(struct app *app, struct api_request *req, struct api_answer *answer,
                   struct json_writer *w, struct error *err)
{
    (void)answer;
    return pick(app, req, true, w, err);
}

/* ---- Rules ---- */

static void write_rule(const struct ref_rule *r, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "pattern", r->pattern);
    for (int i = 0; i < REF_ACTIONS; i++) {
        jw_kv_array(w, ref_action_name((enum ref_action)i));
        for (size_t k = 0; k < r->allowed[i].n; k++)
            jw_str(w, r->allowed[i].at[k]);
        jw_end_array(w);
    }
    kv_text(w, "author", r->author);
    kv_time(w, "updated", r->updated_us);
    jw_end_object(w);
}

static bool list_rules(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct ref_rule *rules;
    size_t n;
    (void)answer;
    if (!catalog_list_rules(app->lake->catalog, req->arena, &rules, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        write_rule(&rules[i], w);
    jw_end_array(w);
    return true;
}

/* An action that the body does not have is everyone's. */
static bool parse_rule(struct api_request *req, struct ref_rule *out, struct error *err)
{
    static const str everyone[] = { STR_INIT("*") };
    const struct json *doc;
    *out = (struct ref_rule){ .author = request_commit_info(req, (str){ 0 }, (str){ 0 }).author };
    if (!api_body(req, &doc, err) || !body_only(doc, "pattern write merge assign delete", err) ||
        !json_need_str(doc, "pattern", &out->pattern, err))
        return false;
    for (int i = 0; i < REF_ACTIONS; i++) {
        const char *key = ref_action_name((enum ref_action)i);
        if (!json_get(doc, key))
            out->allowed[i] = (struct rule_names){ everyone, 1 };
        else if (!body_strings(doc, key, req->arena, &out->allowed[i].at, &out->allowed[i].n, err))
            return false;
    }
    return true;
}

static bool set_rule(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct ref_rule rule;
    (void)answer;
    if (!parse_rule(req, &rule, err) || !catalog_set_rule(app->lake->catalog, &rule, err))
        return false;
    write_rule(&rule, w);
    return true;
}

static bool drop_rule(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    str pattern = api_query(req, "pattern", "");
    (void)answer;
    if (!catalog_drop_rule(app->lake->catalog, pattern, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "deleted", pattern);
    jw_end_object(w);
    return true;
}

const struct route commits_routes[] = {
    ROUTE(
        "GET", "/api/commits", PERMISSION_READ, list_commits,
        "Commits of a ref, newest first; ref, limit, page_token, author, message, since, until, table, "
        "namespace, until_commit",
        .slow = true),
    ROUTE("GET", "/api/commits/{ref...}", PERMISSION_READ, show_commit,
          "One commit and all that it changed", .slow = true),
    ROUTE("POST", "/api/cherry-pick", PERMISSION_WRITE, cherry_pick,
          "Apply single commits: {commits, into, expected, dry_run, prefer, message, author}",
          .slow = true),
    ROUTE("POST", "/api/revert", PERMISSION_WRITE, revert,
          "Take single commits back: {commits, into, expected, dry_run, prefer, message, author}",
          .slow = true),
    ROUTE("GET", "/api/branch-rules", PERMISSION_READ, list_rules,
          "Who may do what to the refs that patterns name", .slow = true),
    ROUTE("PUT", "/api/branch-rules", PERMISSION_ADMIN, set_rule,
          "Set a pattern's rule: {pattern, write, merge, assign, delete}: lists of names",
          .slow = true),
    ROUTE("DELETE", "/api/branch-rules", PERMISSION_ADMIN, drop_rule, "Drop a rule; pattern",
          .slow = true),
    { 0 },
};
