/* SPDX-License-Identifier: Apache-2.0
 *
 * One request from its first line to the last byte of its answer.
 *
 * libmicrohttpd calls exchange_on_call once when the headers are there, once for each piece of the body, and once at
 * its end.  The answer is queued on that last call, never on the first: a connection whose answer came on the first call is
 * closed after it.  Only refusals of bodies that are not worth reading are sent at once.
 *
 * A slow request leaves the connection suspended.  Whoever holds the exchange then (enum exchange_phase) may touch it; what both
 * sides reach at the same time is the pipe, which has a lock, and `cancel`. */
#include "server/listener_priv.h"

#include <stdio.h>

#include "base/env.h"
#include "base/log.h"
#include "codec/compress.h"
#include "server/metrics.h"
#include "server/router.h"

#define DISCARD_MAX                                                                                \
    ((size_t)1 << 20) /* of a refused request's body, read so that the connection can stay */
#define STREAM_BLOCK ((size_t)32 << 10)
#define BODY_KEPT                                                                                  \
    ((size_t)64 << 10) /* larger memory of bodies and arenas is given back after the request */
#define FAST_BODY_MAX ((size_t)256 << 10) /* a larger one takes a worker, whatever the route */

/* ---- Waking and sleeping ---- */

static void wake(void *ctx)
{
    struct exchange *x = ctx;
    MHD_resume_connection(x->mhd);
}

static void sleep_until_woken(void *ctx)
{
    struct exchange *x = ctx;
    MHD_suspend_connection(x->mhd);
}

/* ---- Lifetime ---- */

static struct exchange *exchange_create(struct listener *l)
{
    struct arena *a = arena_create(0);
    struct exchange *x = arena_new(a, struct exchange);
    ref_init(&x->ref);
    x->arena = a;
    x->listener = l;
    x->req_arena = arena_create(0);
    x->fd = -1;
    buf_init(&x->body, API_BODY_MAX);
    api_answer_init(&x->answer);
    pipe_init(&x->pipe, wake, x);
    return x;
}

void exchange_unref(struct exchange *x)
{
    if (!x || !ref_put(&x->ref))
        return;
    pipe_deinit(&x->pipe);
    api_answer_deinit(&x->answer);
    buf_deinit(&x->body);
    arena_destroy(x->req_arena);
    arena_destroy(x->arena);
}

/* The connection's exchange, as new.  One that a worker had a hand on is left to it. */
static struct exchange *exchange_fresh(struct connection *c)
{
    struct exchange *x = c->x;
    if (!x || x->shared) {
        exchange_unref(x);
        return c->x = exchange_create(c->listener);
    }
    if (arena_used(x->req_arena) > BODY_KEPT) {
        arena_destroy(x->req_arena);
        x->req_arena = arena_create(0);
    } else {
        arena_reset(x->req_arena);
    }
    if (x->body.cap > BODY_KEPT)
        buf_deinit(&x->body);
    x->body.len = 0;
    x->body.overflow = false;
    api_answer_reset(&x->answer);
    return x;
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

/* ---- The request ---- */

static void answer_failed(struct exchange *x, const struct error *err, int status)
{
    route_failed(x->route, x->req.path, &x->answer, err, status);
}

static void refuse(struct exchange *x, const struct error *err, int status)
{
    if (x->refused)
        return;
    x->refused = true;
    answer_failed(x, err, status);
}

void *exchange_on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct listener *l = cls;
    struct connection *c = connection_of(mhd);
    struct exchange *x = exchange_fresh(c);
    struct error err = { 0 };
    atomic_store(&c->deadline_ns, listener_receive_deadline(l, false));
    x->mhd = mhd;
    x->route = NULL;
    x->hosts = 0;
    x->lengths = x->codings = 0;
    x->malformed = false;
    x->host = x->origin = x->api_key = x->authority = x->coding = (str){ 0 };
    x->must_identify = false;
    x->body_size = 0;
    x->head = x->refused = x->packed = false;
    x->encoding = (str){ 0 };
    x->began_ns = env_monotonic_ns(env_real());
    atomic_store(&x->cancel.requested, false);
    x->cancel.deadline_ns = 0;
    x->req = (struct api_request){ .arena = x->req_arena,
                                   .cancel = &x->cancel,
                                   .peer = str_of(c->peer) };
    str whole = arena_str(x->req_arena, str_of(target));
    if (!guard_target(whole, &x->authority, &x->req.path, &x->req.query, &err)) {
        x->req.path = STR("/");
        refuse(x, &err, 0);
    }
    atomic_store(&x->phase, EXCHANGE_BEGUN);
    return x;
}

/* Two different answers to who asks are none. */
static void take_once(struct exchange *x, str *place, str name, str text)
{
    struct error err = { 0 };
    if (!place->ptr) {
        *place = text;
        return;
    }
    fail(&err, ERR_INVALID, "the request has two header fields " STR_FMT, STR_ARG(name));
    refuse(x, &err, 0);
}

/* What cannot be cut off the stream with certainty is answered at once, and nothing after it is read. */
static void refuse_malformed(struct exchange *x, const struct error *err)
{
    x->malformed = true;
    x->refused = false; /* this comes first */
    refuse(x, err, 400);
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct exchange *x = cls;
    struct error err = { 0 };
    str key = str_make(name, name_len), text = str_make(value, value_len);
    (void)kind;
    if (!guard_field(key, text, &err)) {
        refuse_malformed(x, &err);
    } else if (str_eq_nocase(key, STR("Transfer-Encoding"))) {
        x->coding = text;
        x->codings++;
    } else if (str_eq_nocase(key, STR("Host"))) {
        x->host = text;
        x->hosts++;
    } else if (str_eq_nocase(key, STR("Origin"))) {
        x->origin = text;
    } else if (str_eq_nocase(key, STR("Authorization"))) {
        take_once(x, &x->req.authorization, key, text);
    } else if (str_eq_nocase(key, STR("X-API-Key"))) {
        take_once(x, &x->api_key, key, text);
    } else if (str_eq_nocase(key, STR("Content-Type"))) {
        x->req.content_type = text;
    } else if (str_eq_nocase(key, STR("Accept"))) {
        x->req.accept = text;
    } else if (str_eq_nocase(key, STR("Content-Length"))) {
        x->lengths++;
        if (!str_to_u64(text, &x->body_size))
            x->body_size = UINT64_MAX;
    } else if (str_eq_nocase(key, STR("Accept-Encoding"))) {
        x->req.accepts_gzip = guard_accepts(text, STR("gzip"));
    } else if (str_eq_nocase(key, STR("Content-Encoding"))) {
        x->encoding = text;
    } else if (str_eq_nocase(key, STR("If-None-Match"))) {
        x->req.if_none_match = text;
    } else if (str_eq_nocase(key, STR("Idempotency-Key"))) {
        x->req.idempotency_key = text;
    } else if (str_eq_nocase(key, STR("Prefer"))) {
        x->req.prefer = text;
    } else if (str_eq_nocase(key, STR("Last-Event-ID"))) {
        x->req.last_event_id = text;
    } else if (str_eq_nocase(key, STR("X-Request-Id")) && guard_request_id(text)) {
        x->req.request_id = text;
    }
    return MHD_YES;
}

/* Ids are unique in the process, and differ between processes. */
static void make_request_id(struct exchange *x)
{
    uint64_t id = x->listener->ids_base + atomic_fetch_add(&x->listener->ids, 1);
    for (int i = 15; i >= 0; i--, id >>= 4)
        x->id[i] = "0123456789abcdef"[id & 15];
    x->req.request_id = str_make(x->id, 16);
}

static size_t body_max(const struct exchange *x)
{
    if (!x->route)
        return API_BODY_SMALL;
    return x->route->body_max ? x->route->body_max : API_BODY_SMALL;
}

static void refuse_body(struct exchange *x)
{
    struct error err = { 0 };
    fail(&err, ERR_LIMIT, "the request's body is larger than %zu bytes", body_max(x));
    refuse(x, &err, 413);
}

static bool take_encoding(struct exchange *x, struct error *err)
{
    x->packed = str_eq_nocase(x->encoding, STR("gzip"));
    if (x->packed || x->encoding.len == 0 || str_eq_nocase(x->encoding, STR("identity")))
        return true;
    return fail(err, ERR_INVALID, "Content-Encoding is not gzip: \"" STR_FMT "\"",
                STR_ARG(str_sub(x->encoding, 0, 100)));
}

/* Finds out who asks; what may take a while is left to a worker, which asks again. */
static void identify(struct exchange *x, bool may_block)
{
    struct error err = { 0 };
    struct auth_refusal refusal;
    struct app *app = x->listener->app;
    if (app->local_files && auth_on(app->auth))
        app_trust_files(app, false); /* access control was turned on meanwhile */
    x->req.api_key = x->api_key;
    if (auth_identify(app->auth, &x->req, x->route, x->api_key,
                      may_block ? NULL : &connection_of(x->mhd)->memory, may_block,
                      &x->must_identify, &refusal, &err) ||
        x->must_identify)
        return;
    refuse(x, &err, refusal.status);
    auth_refusal_headers(&refusal, &x->answer);
}

static void check_form(struct exchange *x)
{
    struct error err = { 0 };
    if (!x->malformed && !guard_framing(x->lengths, x->codings, x->coding, &err))
        refuse_malformed(x, &err);
    if (!x->malformed && x->hosts > 1) {
        fail(&err, ERR_INVALID, "the request has %d Host headers", x->hosts);
        refuse_malformed(x, &err);
    }
    if (x->malformed || !x->authority.len || str_eq_nocase(x->authority, x->host))
        return;
    fail(&err, ERR_INVALID, "the request's address and its Host header name different servers");
    refuse_malformed(x, &err);
}

static void check_headers(struct exchange *x, str method)
{
    struct error err = { 0 };
    x->head = str_is(method, "HEAD");
    x->req.method = method;
    if (x->malformed)
        return;
    if (!guard_host(x->host, &x->listener->names, &err) ||
        (!x->head && !str_is(method, "GET") &&
         !guard_origin(x->origin, &x->listener->names, &err))) {
        refuse(x, &err, 0);
    } else if (!x->refused && !route_find(&x->req, &x->route, &x->answer.allow, &err)) {
        str allow = x->answer.allow;
        refuse(x, &err, allow.len ? 405 : 0);
    } else if (x->body_size > body_max(x)) {
        refuse_body(x);
    } else if (!take_encoding(x, &err)) {
        refuse(x, &err, 415);
    } else if (!x->refused) {
        identify(x, false);
    }
}

static enum MHD_Result queue_answer(struct exchange *x);

static enum MHD_Result on_headers(struct exchange *x, const char *method)
{
    struct listener *l = x->listener;
    atomic_store(&x->phase, EXCHANGE_RECEIVING);
    atomic_fetch_add(&l->in_flight, 1);
    metrics_in_flight(l->app->metrics, 1);
    x->counted = true;
    MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, take_header, x);
    check_form(x);
    if (x->req.request_id.len == 0)
        make_request_id(x);
    check_headers(x, arena_str(x->req_arena, str_of(method)));
    if (!x->malformed && !(x->refused && x->body_size > DISCARD_MAX))
        return MHD_YES;
    metrics_request(l->app->metrics, x->route, x->answer.status, 0);
    return queue_answer(x);
}

/* A piece of the body.  What a refused request still sends is thrown away, up to a limit. */
static enum MHD_Result on_body(struct exchange *x, str piece)
{
    x->body_size += piece.len; /* of chunked bodies; the header has been checked */
    if (x->refused)
        return x->body_size > 2 * body_max(x) + DISCARD_MAX ? MHD_NO : MHD_YES;
    if (x->body.len + piece.len > body_max(x))
        refuse_body(x);
    else
        buf_add_str(&x->body, piece);
    return MHD_YES;
}

/* ---- The answer ---- */

static void add_header(struct MHD_Response *r, const char *name, str value)
{
    char text[256];
    size_t n = value.len < sizeof text - 1 ? value.len : sizeof text - 1;
    memcpy(text, value.ptr, n);
    text[n] = 0;
    MHD_add_response_header(r, name, text);
}

/* The page may load only what comes from here, and nobody may frame it. */
static void add_page_headers(struct MHD_Response *r)
{
    MHD_add_response_header(
        r, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'");
    MHD_add_response_header(r, "X-Frame-Options", "DENY");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
}

static void add_headers(struct exchange *x, struct MHD_Response *r)
{
    const struct api_answer *answer = &x->answer;
    if (answer->content_type.len)
        add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    add_header(r, "X-Request-Id", x->req.request_id);
    if (str_starts(answer->content_type, STR("text/html")))
        add_page_headers(r);
    if (answer->allow.len)
        add_header(r, MHD_HTTP_HEADER_ALLOW, answer->allow);
    if (answer->etag.len)
        add_header(r, MHD_HTTP_HEADER_ETAG, answer->etag);
    if (answer->gzipped)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    if (x->route && x->route->gzip)
        MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    if (answer->www_authenticate.len)
        add_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, answer->www_authenticate);
    if (answer->no_store)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (answer->retry_after_s > 0) {
        char text[16];
        snprintf(text, sizeof text, "%d", answer->retry_after_s);
        MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
    if (x->malformed || atomic_load(&x->listener->draining))
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
}

static ssize_t read_stream(void *cls, uint64_t pos, char *out, size_t max)
{
    struct exchange *x = cls;
    (void)pos;
    ssize_t n = pipe_read(&x->pipe, out, max, sleep_until_woken);
    if (n == -1)
        return MHD_CONTENT_READER_END_OF_STREAM;
    return n == -2 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static struct MHD_Response *whole_response(const struct api_answer *answer)
{
    struct MHD_IoVec bytes = { answer->borrowed.ptr, answer->borrowed.len };
    if (bytes.iov_len)
        return MHD_create_response_from_iovec(&bytes, 1, NULL, NULL);
    return MHD_create_response_from_buffer(answer->body.len, answer->body.ptr,
                                           MHD_RESPMEM_PERSISTENT);
}

/* The body stays in the exchange until the answer has been sent: nothing is copied. */
static enum MHD_Result queue_answer(struct exchange *x)
{
    struct MHD_Response *r;
    if (atomic_exchange(&x->phase, EXCHANGE_ANSWERED) == EXCHANGE_STREAMING)
        r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, x, NULL);
    else
        r = whole_response(&x->answer);
    if (!r)
        return MHD_NO;
    add_headers(x, r);
    enum MHD_Result ok = MHD_queue_response(x->mhd, (unsigned)x->answer.status, r);
    MHD_destroy_response(r);
    return ok;
}

/* ---- Slow requests ---- */

/* Refuses what waits too long already rather than let it wait longer. */
static void refuse_busy(struct exchange *x, bool stopping)
{
    struct error err = { 0 };
    fail(&err, ERR_UNAVAILABLE,
         stopping ? "the server is stopping" : "too many requests are waiting");
    metrics_refused(x->listener->app->metrics);
    refuse(x, &err, 503);
    metrics_request(x->listener->app->metrics, x->route, 503, 0);
}

static bool add_running(struct exchange *x)
{
    struct listener *l = x->listener;
    pthread_mutex_lock(&l->lock);
    bool ok = !l->stopping;
    if (ok) {
        x->fd = connection_of(x->mhd)->fd;
        x->running_next = l->running;
        x->running_at = &l->running;
        if (l->running)
            l->running->running_at = &x->running_next;
        l->running = x;
    }
    pthread_mutex_unlock(&l->lock);
    return ok;
}

static void remove_running(struct exchange *x)
{
    pthread_mutex_lock(&x->listener->lock);
    *x->running_at = x->running_next;
    if (x->running_next)
        x->running_next->running_at = x->running_at;
    x->running_at = NULL;
    pthread_mutex_unlock(&x->listener->lock);
}

/* A request that waits for something to happen takes no worker from those that have work to do; each has a thread, or is refused. */
static bool take_waiter(struct exchange *x)
{
    struct listener *l = x->listener;
    if (atomic_fetch_add(&l->waiting, 1) < WAITERS && queue_try_push(l->waiters_queue, x))
        return true;
    atomic_fetch_sub(&l->waiting, 1);
    return false;
}

/* The connection sleeps before the worker can know of it, since the worker wakes it. */
static enum MHD_Result submit(struct exchange *x)
{
    if (!add_running(x)) {
        refuse_busy(x, true);
        return queue_answer(x);
    }
    x->shared = true;
    ref_get(&x->ref);
    atomic_store(&x->phase, EXCHANGE_WORKING);
    MHD_suspend_connection(x->mhd);
    if (x->route && x->route->waits ? take_waiter(x) : queue_try_push(x->listener->queue, x))
        return MHD_YES;
    remove_running(x);
    refuse_busy(x, false);
    atomic_store(&x->phase, EXCHANGE_READY);
    MHD_resume_connection(x->mhd);
    exchange_unref(x);
    return MHD_YES;
}

void exchange_cancel(struct exchange *x)
{
    atomic_store(&x->cancel.requested, true);
    pipe_abandon(&x->pipe);
}

/* What a stream writes first starts the answer; until then a failure can still be answered as one. */
static bool sink_piece(void *ctx, str piece)
{
    struct exchange *x = ctx;
    if (piece.len == 0)
        return true;
    if (atomic_load(&x->phase) == EXCHANGE_WORKING) {
        atomic_store(&x->phase, EXCHANGE_STREAMING);
        MHD_resume_connection(x->mhd);
    }
    return pipe_write(&x->pipe, piece);
}

/* True when the answer went through the pipe. */
static bool run_stream(struct exchange *x)
{
    struct error err = { 0 };
    bool ok = x->answer.stream(x->answer.stream_ctx, sink_piece, x, &err);
    if (atomic_load(&x->phase) != EXCHANGE_WORKING) {
        if (!ok)
            log_info("http", "stream ended early req=" STR_FMT " err=\"%s\"",
                     STR_ARG(x->req.request_id), err.msg);
        pipe_end(&x->pipe, !ok && !x->answer.tells_errors);
        return true;
    }
    if (!ok)
        answer_failed(x, &err, 0);
    return false;
}

/* A body that came packed, as it was before; it may have as many bytes as the route allows then too. */
static bool unpack_body(struct exchange *x, struct error *err)
{
    if (!x->packed)
        return true;
    struct buf *plain = arena_new(x->req_arena, struct buf);
    buf_init(plain, body_max(x));
    buf_in_arena(plain, x->req_arena);
    bool ok = decompress_bytes(COMPRESSION_GZIP, x->req.body, body_max(x), plain, err);
    x->req.body = buf_str(plain);
    if (!ok && err->code == ERR_CORRUPT)
        err->code = ERR_INVALID;
    return ok || fail_in(err, "the request's body");
}

/* A request that waited so long that its client left is not begun. */
static void run(struct exchange *x)
{
    struct error err = { 0 };
    if (x->must_identify)
        identify(x, true);
    if (x->refused) {
        metrics_request(x->listener->app->metrics, x->route, x->answer.status, 0);
        return;
    }
    if (!unpack_body(x, &err))
        answer_failed(x, &err, err.code == ERR_LIMIT ? 413 : 400);
    else if (cancel_check(&x->cancel, &err))
        route_run(x->listener->app, x->route, &x->req, &x->answer);
    else
        answer_failed(x, &err, 503);
}

void exchange_work(struct exchange *x)
{
    run(x);
    bool streamed = x->answer.stream && run_stream(x);
    remove_running(x);
    if (!streamed) {
        struct MHD_Connection *mhd = x->mhd;
        atomic_store(&x->phase, EXCHANGE_READY);
        MHD_resume_connection(mhd);
    }
    exchange_unref(x);
}

/* ---- Calls of the library ---- */

static enum MHD_Result answer_fast(struct exchange *x)
{
    x->req.body = buf_str(&x->body);
    route_run(x->listener->app, x->route, &x->req, &x->answer);
    ASSERT(!x->answer.stream);
    return queue_answer(x);
}

/* The request is whole. */
static enum MHD_Result on_end(struct exchange *x)
{
    atomic_store(&connection_of(x->mhd)->deadline_ns, 0);
    if (x->refused) {
        metrics_request(x->listener->app->metrics, x->route, x->answer.status, 0);
        return queue_answer(x);
    }
    x->req.body = buf_str(&x->body);
    if (!x->must_identify && route_run_quick(x->listener->app, x->route, &x->req, &x->answer))
        return queue_answer(x);
    return x->route->slow || x->must_identify || x->packed || x->body.len > FAST_BODY_MAX
               ? submit(x)
               : answer_fast(x);
}

enum MHD_Result exchange_on_call(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **state)
{
    struct exchange *x = *state;
    (void)cls, (void)mhd, (void)url, (void)version;
    switch (atomic_load(&x->phase)) {
    case EXCHANGE_BEGUN:
        return on_headers(x, method);
    case EXCHANGE_RECEIVING:
        if (*upload_size == 0)
            return on_end(x);
        str piece = str_make(upload, *upload_size);
        *upload_size = 0;
        return on_body(x, piece);
    case EXCHANGE_READY:
    case EXCHANGE_STREAMING:
        return queue_answer(x);
    case EXCHANGE_WORKING:
    case EXCHANGE_ANSWERED:
        break;
    }
    return MHD_NO;
}

static void log_request(const struct exchange *x, enum MHD_RequestTerminationCode why)
{
    if (!log_enabled(LOG_INFO))
        return;
    log_info("http", STR_FMT " " STR_FMT " status=%d ms=%.2f req=" STR_FMT "%s",
             STR_ARG(x->req.method), STR_ARG(x->req.path), x->answer.status,
             (double)(env_monotonic_ns(env_real()) - x->began_ns) / 1e6, STR_ARG(x->req.request_id),
             why == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : " gone=true");
}

void exchange_on_completed(void *cls, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode why)
{
    struct listener *l = cls;
    struct exchange *x = *state;
    if (!x || !x->counted)
        return;
    log_request(x, why);
    x->counted = false;
    if (x->shared) {
        pthread_mutex_lock(&l->lock);
        x->fd = -1;
        if (x->running_at)
            exchange_cancel(x);
        pthread_mutex_unlock(&l->lock);
    }
    atomic_store(&connection_of(mhd)->deadline_ns, listener_receive_deadline(l, true));
    metrics_in_flight(l->app->metrics, -1);
    atomic_fetch_sub(&l->in_flight, 1);
}
