/* SPDX-License-Identifier: Apache-2.0
 *
 * The change feed: pages of events, at once, as soon as there are some (`wait`), or one after the other as server-sent events.  A
 * request that waits looks every LOOK_US whether this process changed the catalog, and asks the database of several servers every
 * SHARED_LOOK_NS. */
#include "base/env.h"
#include "base/time.h"
#include "govern/access.h"
#include "io/db.h"
#include "server/answer_priv.h"
#include "server/auth.h"
#include "server/events.h"
#include "server/hooks.h"
#include "sql/lake.h"

#define LIMIT_DEFAULT 100
#define WAIT_S_MAX 60
#define LOOK_US (25 * US_PER_MS)
#define NS_PER_S 1000000000LL
#define SHARED_LOOK_NS NS_PER_S
#define BEAT_NS (15 * NS_PER_S)        /* a comment, so that nothing on the way thinks it is dead */
#define STREAM_NS (15 * 60 * NS_PER_S) /* then the client comes again */
#define ASK_AGAIN_NS NS_PER_S /* how old the knowledge may be that its credentials are good */

struct feed {
    struct app *app;
    struct api_request *req;
    struct event_filter filter;
    struct event_cursor cursor;
    size_t limit;
};

/* ---- Waiting ---- */

struct watch {
    uint64_t made;
    int64_t asked_ns;
};

/* Whether there may be something new since the watch was set. */
static bool may_have_moved(const struct lake *lake, const struct watch *w)
{
    return catalog_changes_made(lake->catalog) != w->made ||
           (lake->db->shared && env_monotonic_ns(env_real()) - w->asked_ns >= SHARED_LOOK_NS);
}

/* Set before reading: what comes in between is then seen as new. */
static struct watch watch_set(const struct lake *lake)
{
    return (struct watch){ catalog_changes_made(lake->catalog), env_monotonic_ns(env_real()) };
}

/* Until something may have moved, `end_ns`, or the request is over (false). */
static bool wait_until(const struct feed *f, const struct watch *w, int64_t end_ns,
                       struct error *err)
{
    while (!may_have_moved(f->app->lake, w) && env_monotonic_ns(env_real()) < end_ns) {
        if (!cancel_check(f->req->cancel, err))
            return false;
        env_sleep_us(env_real(), LOOK_US);
    }
    return cancel_check(f->req->cancel, err);
}

/* ---- What is asked ---- */

/* "latest" is where the feed ends now. */
static bool parse_cursor(struct feed *f, str text, struct error *err)
{
    int64_t oldest;
    if (!str_is(text, "latest"))
        return event_cursor_parse(text, &f->cursor, err);
    f->cursor.index = EVENT_ALL;
    return catalog_changes_range(f->app->lake->catalog, &oldest, &f->cursor.seq, err);
}

static bool parse_feed(struct feed *f, struct error *err)
{
    struct api_request *req = f->req;
    int64_t limit;
    str after = api_query(req, "after", "");
    if (req->last_event_id.len)
        after = req->last_event_id; /* a stream that goes on */
    if (!api_query_int(req, "limit", LIMIT_DEFAULT, 1, EVENT_PAGE_MAX, &limit, err) ||
        !event_filter_parse(api_query(req, "type", ""), api_query(req, "namespace", ""),
                            api_query(req, "table", ""), api_query(req, "ref", ""), req->arena,
                            &f->filter, err))
        return false;
    f->limit = (size_t)limit;
    return parse_cursor(f, after, err);
}

/* What is not kept any more is 410: waiting or asking again does not help. */
static bool gone(struct api_answer *answer, struct error *err)
{
    if (err->code != ERR_NOT_FOUND)
        return false;
    fail_hint(err, "read what there is now, then follow from after=latest");
    api_answer_error(answer, err, 410);
    return true;
}

static bool read_page(const struct feed *f, struct arena *a, struct event_page *page,
                      struct error *err)
{
    return events_read(f->app->lake, f->cursor, &f->filter, f->req->access, f->limit, a, page, err);
}

/* ---- A page ---- */

static void write_page(const struct feed *f, const struct event_page *page, struct json_writer *w)
{
    char cursor[EVENT_CURSOR_TEXT_MAX];
    jw_begin_object(w);
    jw_kv_array(w, "events");
    for (size_t i = 0; i < page->n; i++)
        event_write(&page->at[i], hooks_source(f->app->hooks), f->req->arena, w);
    jw_end_array(w);
    jw_kv_str(w, "cursor", event_cursor_format(page->next, cursor));
    jw_kv_bool(w, "more", page->more);
    jw_end_object(w);
}

/* Whoever waits shows credentials once; they are asked for again before anything is told. */
static bool is_still_welcome(const struct feed *f, int64_t *asked_ns, struct error *err)
{
    int64_t now = env_monotonic_ns(env_real());
    if (now - *asked_ns < ASK_AGAIN_NS)
        return true;
    *asked_ns = now;
    return auth_still(f->app->auth, f->req, err);
}

/* Reads until there is an event, or nothing more and the time is over. */
static bool fill_page(struct feed *f, int64_t wait_s, struct event_page *page, struct error *err)
{
    int64_t asked = env_monotonic_ns(env_real()), end_ns = asked + wait_s * NS_PER_S;
    for (;;) {
        struct watch w = watch_set(f->app->lake);
        if (!is_still_welcome(f, &asked, err))
            return false;
        if (!read_page(f, f->req->arena, page, err))
            return false;
        f->cursor = page->next;
        if (page->n > 0 || (!page->more && env_monotonic_ns(env_real()) >= end_ns))
            return true;
        if (!page->more && !wait_until(f, &w, end_ns, err))
            return false;
    }
}

/* ---- A stream of server-sent events ---- */

static bool send_event(const struct feed *f, const struct event *e, api_sink sink, void *sink_ctx)
{
    char id[EVENT_CURSOR_TEXT_MAX];
    struct buf b = BUF_INIT(API_ANSWER_MAX);
    struct json_writer w;
    struct arena *a = arena_create(0);
    buf_printf(&b, "id: " STR_FMT "\nevent: " EVENT_TYPE_PREFIX "%s\ndata: ",
               STR_ARG(event_cursor_format(e->at, id)), event_type(e));
    jw_init(&w, &b);
    event_write(e, hooks_source(f->app->hooks), a, &w);
    buf_add_str(&b, STR("\n\n"));
    bool ok = !b.overflow && sink(sink_ctx, buf_str(&b));
    arena_destroy(a);
    buf_deinit(&b);
    return ok;
}

/* Sends what there is.  *more: there was no room for all of it; *sent: something went out. */
static bool send_page(struct feed *f, api_sink sink, void *sink_ctx, bool *more, bool *sent,
                      struct error *err)
{
    struct arena *a = arena_create(0);
    struct event_page page;
    bool ok = read_page(f, a, &page, err);
    for (size_t i = 0; ok && i < page.n; i++)
        ok = send_event(f, &page.at[i], sink, sink_ctx) ||
             fail(err, ERR_CANCELLED, "the reader is gone");
    if (ok) {
        f->cursor = page.next;
        *more = page.more;
        *sent = page.n > 0;
    }
    arena_destroy(a);
    return ok;
}

static bool stream(void *ctx, api_sink sink, void *sink_ctx, struct error *err)
{
    struct feed *f = ctx;
    int64_t began = env_monotonic_ns(env_real()), beat = began, asked = began;
    if (!sink(sink_ctx, STR("retry: 1000\n\n")))
        return false;
    while (env_monotonic_ns(env_real()) - began < STREAM_NS) {
        struct watch w = watch_set(f->app->lake);
        bool more, sent;
        if (!is_still_welcome(f, &asked, err) || !send_page(f, sink, sink_ctx, &more, &sent, err))
            return false;
        if (sent)
            beat = env_monotonic_ns(env_real());
        int64_t end = asked + ASK_AGAIN_NS < beat + BEAT_NS ? asked + ASK_AGAIN_NS : beat + BEAT_NS;
        if (!more && !wait_until(f, &w, end, err))
            return false;
        if (env_monotonic_ns(env_real()) - beat < BEAT_NS)
            continue;
        if (!sink(sink_ctx, STR(": still here\n\n")))
            return false;
        beat = env_monotonic_ns(env_real());
    }
    return true;
}

/* Whether the place can be gone on from, before anything is sent. */
static bool check_place(struct feed *f, struct error *err)
{
    struct change *changes;
    size_t n;
    int64_t after = f->cursor.seq - (f->cursor.index != EVENT_ALL);
    return catalog_changes(f->app->lake->catalog, after, 1, f->req->arena, &changes, &n, err);
}

static bool wants_stream(const struct api_request *req)
{
    return str_find(req->accept, STR("text/event-stream")) >= 0;
}

static bool feed(struct app *app, struct api_request *req, struct api_answer *answer,
                 struct json_writer *w, struct error *err)
{
    struct feed *f = arena_new(req->arena, struct feed);
    struct event_page page;
    int64_t wait_s;
    *f = (struct feed){ .app = app, .req = req };
    answer->no_store = true;
    if (!parse_feed(f, err) || !api_query_int(req, "wait", 0, 0, WAIT_S_MAX, &wait_s, err))
        return false;
    if (wants_stream(req)) {
        if (!check_place(f, err))
            return gone(answer, err);
        answer->content_type = STR("text/event-stream");
        answer->stream = stream;
        answer->stream_ctx = f;
        return true;
    }
    if (!fill_page(f, wait_s, &page, err))
        return gone(answer, err);
    write_page(f, &page, w);
    return true;
}

const struct route events_routes[] = {
    ROUTE(
        "GET", "/api/events", PERMISSION_READ, feed,
        "What happened to the catalog, as CloudEvents; after, limit, wait, type, namespace, table, "
        "ref; or as text/event-stream",
        .slow = true, .waits = true),
    { 0 },
};
