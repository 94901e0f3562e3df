/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hook_thread.h"

#include "base/env.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "io/db.h"
#include "io/http.h"
#include "server/api.h"
#include "server/config.h"
#include "server/hook_post.h"
#include "sql/lake.h"

#define LOOK_US (50 * US_PER_MS) /* how often it is looked whether there is something to do */
#define SHARED_LOOK_US US_PER_S  /* and how often a database is asked to which others write too */
#define SAVE_US (10 * US_PER_S)  /* a place that moved without a delivery is noted that often */
#define BATCH_EVENTS 100         /* of one hook, then it is the next one's turn */
#define PAUSE_US_MIN US_PER_S
#define PAUSE_US_MAX (6 * US_PER_HOUR)
#define PAUSE_FACTOR 3
#define LEASE_US (60 * US_PER_S)
#define LEASE_LEFT_US (30 * US_PER_S) /* less is renewed; more than an attempt may take */
#define PRUNE_US US_PER_HOUR
#define UNREAD_US (5 * US_PER_S) /* events could not be read: tried again after that */

/* How far a hook got beyond what its row says. */
struct hook_place {
    int64_t id, revision;
    struct event_cursor cursor;
    int64_t saved_us;
};

struct hook_thread {
    struct app *app;
    struct http_client *client;
    struct thread *thread;
    struct cancel stop;
    struct hook_place progress[HOOKS_MAX];
    uint64_t seen_changes, seen_hooks;
    int64_t looked_us, next_us; /* next_us: when a hook has to be tried again */
    int64_t leased_us, pruned_us;
    bool again; /* a hook has more */
};

static int64_t now(void)
{
    return env_now_us(env_real());
}

static bool stopping(struct hook_thread *t)
{
    return atomic_load(&t->stop.requested);
}

/* ---- Progress ---- */

static struct hook_place *progress_of(struct hook_thread *t, const struct hook *k)
{
    struct hook_place *free_one = &t->progress[0];
    for (size_t i = 0; i < HOOKS_MAX; i++) {
        if (t->progress[i].id == k->id)
            return &t->progress[i];
        if (t->progress[i].id == 0)
            free_one = &t->progress[i];
    }
    return free_one;
}

static bool is_after(struct event_cursor x, struct event_cursor y)
{
    return x.seq > y.seq || (x.seq == y.seq && x.index > y.index);
}

/* Goes on from what is known in memory, unless somebody changed the hook. */
static void take_progress(struct hook_thread *t, struct hook *k)
{
    struct hook_place *p = progress_of(t, k);
    if (p->id == k->id && p->revision == k->revision && is_after(p->cursor, k->cursor))
        k->cursor = p->cursor;
}

static void save(struct hook_thread *t, struct hook *k, bool now_or_never)
{
    struct error err = { 0 };
    struct hook_place *p = progress_of(t, k);
    if (p->id != k->id || p->revision != k->revision)
        *p = (struct hook_place){ k->id, k->revision, k->cursor, now() };
    p->cursor = k->cursor;
    if (!now_or_never && now() - p->saved_us < SAVE_US)
        return;
    p->saved_us = now();
    if (!hook_save(t->app->hooks, k, &err))
        log_warn("webhook", "the place of " STR_FMT " was not kept: %s", STR_ARG(k->name), err.msg);
}

/* ---- Whose turn it is ---- */

/* W4 */
static bool may_deliver(struct hook_thread *t)
{
    struct error err = { 0 };
    struct lake *lake = t->app->lake;
    bool held;
    if (!lake->db->shared || t->leased_us - now() > LEASE_LEFT_US)
        return true;
    int64_t until = now() + LEASE_US;
    if (!hooks_lease(t->app->hooks, lake->server_id, until, &held, &err)) {
        log_warn("webhook", "lease: %s", err.msg);
        return false;
    }
    t->leased_us = held ? until : 0;
    return held;
}

/* Another server need not wait for the lease to run out. */
static void leave_turn(struct hook_thread *t)
{
    struct error err = { 0 };
    bool held;
    if (t->leased_us && !hooks_lease(t->app->hooks, t->app->lake->server_id, 0, &held, &err))
        log_warn("webhook", "lease: %s", err.msg);
}

/* ---- One hook ---- */

/* W5 */
static int64_t pause_us(int64_t attempts)
{
    int64_t us = PAUSE_US_MIN;
    for (int64_t i = 1; i < attempts && us < PAUSE_US_MAX; i++)
        us *= PAUSE_FACTOR;
    if (us > PAUSE_US_MAX)
        us = PAUSE_US_MAX;
    return us / 2 + (int64_t)(env_random_u64(env_real()) % (uint64_t)(us / 2));
}

static void not_taken(struct hook_thread *t, struct hook *k, const struct hook_outcome *o)
{
    int64_t pause = pause_us(++k->attempts), asked = o->retry_after_s * US_PER_S;
    k->next_us = now() + (pause > asked ? pause : asked);
    if (o->refused_for_good || k->attempts >= t->app->config->events_attempts)
        k->state = HOOK_DEAD;
    log_warn("webhook", "hook=" STR_FMT " attempt=%lld state=%s err=\"" STR_FMT "\"",
             STR_ARG(k->name), (long long)k->attempts, k->state == HOOK_DEAD ? "dead" : "active",
             STR_ARG(o->error));
}

/* Posts one event; *taken says whether to go on.  False when the thread is to stop. */
static bool deliver(struct hook_thread *t, struct hook *k, const struct event *e, struct arena *a,
                    bool *taken)
{
    char cursor[EVENT_CURSOR_TEXT_MAX];
    struct hook_outcome o;
    struct json_writer w;
    struct error err = { 0 };
    struct buf body = BUF_INIT(API_ANSWER_MAX);
    str source = hooks_source(t->app->hooks);
    str id = arena_printf(a, "msg_" STR_FMT "-" STR_FMT, STR_ARG(str_from(source, 9)),
                          STR_ARG(event_cursor_format(e->at, cursor)));
    jw_init(&w, &body);
    event_write(e, source, a, &w);
    bool ok = hook_post(t->client, k, id, buf_str(&body), &t->stop, a, &o, &err);
    buf_deinit(&body);
    *taken = ok && o.taken;
    if (!ok)
        return false;
    k->last_us = now();
    k->last_status = o.status;
    k->last_error = o.error;
    if (!o.taken) {
        not_taken(t, k, &o);
        return true;
    }
    k->cursor = e->at;
    k->attempts = k->next_us = 0;
    k->delivered++;
    return true;
}

/* The place of a hook is not in the feed any more: it goes on where the feed begins, or, when its place lies ahead (an older copy of the
 * database came back), where it ends. */
static bool find_place(struct hook_thread *t, struct hook *k, struct error *err)
{
    int64_t oldest, newest;
    log_warn("webhook", "hook=" STR_FMT " err=\"%s\"", STR_ARG(k->name), err->msg);
    if (!catalog_changes_range(t->app->lake->catalog, &oldest, &newest, err))
        return false;
    bool missed = k->cursor.seq < oldest;
    k->cursor = (struct event_cursor){ missed ? oldest - 1 : newest, EVENT_ALL };
    k->last_error = missed ? STR("events that are not kept any more were missed")
                           : STR("the database is an older copy: went on where the feed ends");
    save(t, k, true);
    return true;
}

static bool read_events(struct hook_thread *t, struct hook *k, struct arena *a,
                        struct event_page *page, struct error *err)
{
    struct event_filter filter;
    return event_filter_parse(k->types, k->ns, k->table, k->ref, a, &filter, err) &&
           events_read(t->app->lake, k->cursor, &filter, NULL, BATCH_EVENTS, a, page, err);
}

static void serve_hook(struct hook_thread *t, struct hook *k)
{
    struct arena *a = arena_create(0);
    struct event_page page = { 0 };
    struct error err = { 0 };
    struct event_cursor before = k->cursor;
    bool tried = false, taken = true;
    if (!read_events(t, k, a, &page, &err)) {
        bool lost = err.code == ERR_NOT_FOUND || err.code == ERR_INVALID;
        if (!lost || !find_place(t, k, &err)) {
            log_error("webhook", "hook=" STR_FMT " err=\"%s\"", STR_ARG(k->name), err.msg);
            k->next_us = now() + UNREAD_US;
        } else {
            t->again = true;
        }
    } else {
        for (size_t i = 0; taken && i < page.n && !stopping(t) && may_deliver(t); i++) {
            if (!deliver(t, k, &page.at[i], a, &taken))
                break;
            tried = true;
        }
        if (taken && !stopping(t) && may_deliver(t)) {
            k->cursor = page.next;
            t->again |= page.more;
        }
        if (tried || is_after(k->cursor, before))
            save(t, k, tried);
    }
    arena_destroy(a);
}

/* ---- Rounds ---- */

static void serve_round(struct hook_thread *t, struct hook *hooks, size_t n)
{
    t->next_us = INT64_MAX;
    for (size_t i = 0; i < n && !stopping(t) && may_deliver(t); i++) {
        struct hook *k = &hooks[i];
        if (k->state != HOOK_ACTIVE)
            continue;
        take_progress(t, k);
        if (k->next_us <= now())
            serve_hook(t, k);
        if (k->state == HOOK_ACTIVE && k->next_us > now() && k->next_us < t->next_us)
            t->next_us = k->next_us;
    }
}

static int64_t oldest_place(const struct hook *hooks, size_t n)
{
    int64_t seq = INT64_MAX;
    for (size_t i = 0; i < n; i++)
        if (hooks[i].state == HOOK_ACTIVE && hooks[i].cursor.seq < seq)
            seq = hooks[i].cursor.seq;
    return seq;
}

static void prune(struct hook_thread *t, const struct hook *hooks, size_t n)
{
    struct error err = { 0 };
    int64_t pruned, before = now() - t->app->config->events_retention_us;
    if (now() - t->pruned_us < PRUNE_US)
        return;
    if (!catalog_changes_prune(t->app->lake->catalog, before, oldest_place(hooks, n), &pruned,
                               &err))
        log_warn("webhook", "changes are kept for now: %s", err.msg);
    else if (pruned > 0)
        return; /* there may be more: the next round */
    t->pruned_us = now();
}

/* Hooks that were removed. */
static void forget_progress(struct hook_thread *t, const struct hook *hooks, size_t n)
{
    for (size_t i = 0; i < HOOKS_MAX; i++) {
        bool there = false;
        for (size_t k = 0; k < n && !there; k++)
            there = hooks[k].id == t->progress[i].id;
        if (!there)
            t->progress[i] = (struct hook_place){ 0 };
    }
}

static void round_of(struct hook_thread *t)
{
    struct arena *a = arena_create(0);
    struct hook *hooks;
    size_t n;
    struct error err = { 0 };
    t->again = false;
    t->looked_us = now();
    t->seen_changes = catalog_changes_made(t->app->lake->catalog);
    t->seen_hooks = hooks_changed(t->app->hooks);
    if (hook_list(t->app->hooks, a, &hooks, &n, &err)) {
        forget_progress(t, hooks, n);
        prune(t, hooks, n); /* by the places that are in the database */
        serve_round(t, hooks, n);
    } else {
        log_warn("webhook", "%s", err.msg);
    }
    arena_destroy(a);
}

static bool is_due(struct hook_thread *t)
{
    int64_t since = now() - t->looked_us;
    return t->again || since < 0 || now() >= t->next_us ||
           catalog_changes_made(t->app->lake->catalog) != t->seen_changes ||
           hooks_changed(t->app->hooks) != t->seen_hooks || since >= PRUNE_US ||
           (t->app->lake->db->shared && since >= SHARED_LOOK_US);
}

static void work(void *arg)
{
    struct hook_thread *t = arg;
    t->again = true;
    while (!stopping(t)) {
        if (is_due(t))
            round_of(t);
        else
            env_sleep_us(env_real(), LOOK_US);
    }
    leave_turn(t);
}

bool hook_thread_start(struct app *app, struct hook_thread **out, struct error *err)
{
    struct http_client *client;
    *out = NULL;
    if (!hook_client(app->config, &client, err))
        return false;
    struct hook_thread *t = mem_new(struct hook_thread);
    t->app = app;
    t->client = client;
    t->thread = thread_start("firn-webhook", work, t);
    *out = t;
    return true;
}

void hook_thread_stop(struct hook_thread *t)
{
    if (!t)
        return;
    atomic_store(&t->stop.requested, true);
    thread_join(t->thread);
    http_client_destroy(t->client);
    mem_free(t);
}
