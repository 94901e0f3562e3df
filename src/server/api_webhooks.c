/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks by hand: made, listed, paused, tried, removed.  The secret is shown in the answer that makes one, and never again. */
#include "base/env.h"
#include "catalog/catalog.h"
#include "io/http.h"
#include "server/config.h"
#include "server/hook_post.h"
#include "server/refs_priv.h"
#include "sql/lake.h"

static const char *state_name(enum hook_state state)
{
    static const char *const names[] = { "", "active", "paused", "dead" };
    return names[state];
}

static void write_members(const struct hook *k, struct json_writer *w)
{
    char cursor[EVENT_CURSOR_TEXT_MAX];
    jw_kv_str(w, "name", k->name);
    jw_kv_str(w, "url", k->url);
    jw_kv_str(w, "state", str_of(state_name(k->state)));
    kv_text(w, "type", k->types);
    kv_text(w, "namespace", k->ns);
    kv_text(w, "table", k->table);
    kv_text(w, "ref", k->ref);
    jw_kv_str(w, "cursor", event_cursor_format(k->cursor, cursor));
    jw_kv_int(w, "delivered", k->delivered);
    jw_kv_int(w, "failed_attempts", k->attempts);
    kv_time(w, "next_attempt", k->state == HOOK_ACTIVE ? k->next_us : 0);
    kv_time(w, "last_attempt", k->last_us);
    kv_number(w, "last_status", k->last_status ? k->last_status : -1);
    kv_text(w, "last_error", k->last_error);
    kv_text(w, "author", k->author);
    kv_time(w, "created", k->created_us);
}

static void write_hook(const struct hook *k, struct json_writer *w)
{
    jw_begin_object(w);
    write_members(k, w);
    jw_end_object(w);
}

/* ---- Routes ---- */

static bool list_hooks(struct app *app, struct api_request *req, struct api_answer *answer,
                       struct json_writer *w, struct error *err)
{
    struct hook *hooks;
    size_t n;
    (void)answer;
    if (!hook_list(app->hooks, req->arena, &hooks, &n, err))
        return false;
    jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        write_hook(&hooks[i], w);
    jw_end_array(w);
    return true;
}

static bool show_hook(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    struct hook k;
    (void)answer;
    if (!hook_get(app->hooks, req->params[0], req->arena, &k, err))
        return false;
    write_hook(&k, w);
    return true;
}

/* "latest" (from now on), or a place in the feed; "0" is its beginning. */
static bool find_begin(struct app *app, str after, struct event_cursor *out, struct error *err)
{
    int64_t oldest, newest;
    if (!catalog_changes_range(app->lake->catalog, &oldest, &newest, err))
        return false;
    *out = (struct event_cursor){ newest, EVENT_ALL };
    if (str_is(after, "latest"))
        return true;
    if (!event_cursor_parse(after, out, err))
        return false;
    if (out->seq > newest)
        return fail(err, ERR_INVALID, "change %lld has not happened: the newest is %lld",
                    (long long)out->seq, (long long)newest);
    if (out->seq < oldest - 1)
        *out = (struct event_cursor){ oldest - 1, EVENT_ALL };
    return true;
}

static bool check_url(const struct app *app, str url, struct error *err)
{
    if (app->config->events_private || str_starts(url, STR("https://")))
        return true;
    fail(err, ERR_INVALID, "the address of a webhook begins with https://");
    return fail_hint(err, "events.private_addresses: true in firn.yaml allows http and addresses "
                          "of this network");
}

static bool parse_hook(struct app *app, struct api_request *req, struct hook *k, struct error *err)
{
    const struct json *doc;
    str after;
    *k = (struct hook){ .author = request_commit_info(req, (str){ 0 }, (str){ 0 }).author };
    return api_body(req, &doc, err) &&
           body_only(doc, "name url type namespace table ref after", err) &&
           json_need_str(doc, "name", &k->name, err) && json_need_str(doc, "url", &k->url, err) &&
           json_opt_str(doc, "type", (str){ 0 }, &k->types, err) &&
           json_opt_str(doc, "namespace", (str){ 0 }, &k->ns, err) &&
           json_opt_str(doc, "table", (str){ 0 }, &k->table, err) &&
           json_opt_str(doc, "ref", (str){ 0 }, &k->ref, err) &&
           json_opt_str(doc, "after", STR("latest"), &after, err) && check_url(app, k->url, err) &&
           find_begin(app, after, &k->cursor, err);
}

static bool add_hook(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct hook k;
    if (!parse_hook(app, req, &k, err) || !hook_add(app->hooks, &k, req->arena, err))
        return false;
    answer->status = 201;
    answer->no_store = true;
    jw_begin_object(w);
    write_members(&k, w);
    jw_kv_str(w, "secret", k.secret);
    jw_end_object(w);
    return true;
}

static bool change_hook(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    const struct json *doc;
    str state;
    if (!api_body(req, &doc, err) || !body_only(doc, "state", err) ||
        !json_need_str(doc, "state", &state, err))
        return false;
    if (!str_is(state, "active") && !str_is(state, "paused"))
        return fail(err, ERR_INVALID, "state is active or paused, not \"" STR_FMT "\"",
                    STR_ARG(str_sub(state, 0, 100)));
    return hook_set_state(app->hooks, req->params[0],
                          str_is(state, "active") ? HOOK_ACTIVE : HOOK_PAUSED, err) &&
           show_hook(app, req, answer, w, err);
}

static bool remove_hook(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    (void)answer;
    if (!hook_remove(app->hooks, req->params[0], err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "deleted", req->params[0]);
    jw_end_object(w);
    return true;
}

/* ---- A try ---- */

static str test_event(struct app *app, const struct hook *k, str id, struct buf *b)
{
    struct json_writer w;
    jw_init(&w, b);
    jw_begin_object(&w);
    jw_kv_str(&w, "specversion", STR("1.0"));
    jw_kv_str(&w, "id", id);
    jw_kv_str(&w, "source", hooks_source(app->hooks));
    jw_kv_str(&w, "type", STR("io.firn.webhook.test"));
    jw_kv_str(&w, "subject", k->name);
    kv_time(&w, "time", env_now_us(env_real()));
    jw_kv_str(&w, "datacontenttype", STR("application/json"));
    jw_kv_object(&w, "data");
    jw_kv_str(&w, "webhook", k->name);
    jw_end_object(&w);
    jw_end_object(&w);
    return buf_str(b);
}

static void write_outcome(const struct hook_outcome *o, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_bool(w, "delivered", o->taken);
    kv_number(w, "status", o->status ? o->status : -1);
    kv_text(w, "error", o->error);
    jw_end_object(w);
}

static bool try_hook(struct app *app, struct api_request *req, struct api_answer *answer,
                     struct json_writer *w, struct error *err)
{
    struct hook k;
    struct http_client *client;
    struct hook_outcome o;
    struct buf body = BUF_INIT(API_BODY_SMALL);
    (void)answer;
    if (!hook_get(app->hooks, req->params[0], req->arena, &k, err) ||
        !hook_client(app->config, &client, err))
        return false;
    str id =
        arena_printf(req->arena, "test_%016llx", (unsigned long long)env_random_u64(env_real()));
    bool ok = hook_post(client, &k, id, test_event(app, &k, id, &body), request_cancel(req, 0),
                        req->arena, &o, err);
    http_client_destroy(client);
    buf_deinit(&body);
    if (ok)
        write_outcome(&o, w);
    return ok;
}

const struct route webhooks_routes[] = {
    ROUTE("GET", "/api/webhooks", PERMISSION_ADMIN, list_hooks,
          "Who is told of events, and how far that got", .slow = true),
    ROUTE("POST", "/api/webhooks", PERMISSION_ADMIN, add_hook,
          "Tell an address of events: {name, url, type, namespace, table, ref, after}; the answer "
          "has the secret, once",
          .slow = true),
    ROUTE("GET", "/api/webhooks/{name}", PERMISSION_ADMIN, show_hook, "One webhook", .slow = true),
    ROUTE("PUT", "/api/webhooks/{name}", PERMISSION_ADMIN, change_hook,
          "Pause it or make it active (again): {state}", .slow = true),
    ROUTE("DELETE", "/api/webhooks/{name}", PERMISSION_ADMIN, remove_hook, "Remove it",
          .slow = true),
    ROUTE("POST", "/api/webhooks/{name}/test", PERMISSION_ADMIN, try_hook,
          "Post a test event now, once, and say what came back", .slow = true),
    { 0 },
};
