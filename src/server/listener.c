/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of a listener: those of libmicrohttpd, each with an epoll set of its own, which read, answer fast routes and write;
 * the workers, which run slow routes; and one watcher, which notices what epoll cannot: clients that hang up while their
 * connection sleeps, and requests that arrive too slowly. */
#include "server/listener_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "base/time.h"
#include "server/metrics.h"

#define NS_PER_S 1000000000LL
#define BACKLOG 1024
/* Headers and the piece being sent, each connection.  All of it is cleared after each request: 64 KB cost a quarter more
 * CPU time for each online read than 32 KB, and those some per cent more than 16 KB. */
#define CONNECTION_MEMORY ((size_t)16 << 10)
#define WATCH_BUSY_US (100 * US_PER_MS) /* how soon a client that hung up is noticed */
#define WATCH_IDLE_US (500 * US_PER_MS)
#define FLUSH_MS 1000 /* for answers of cancelled requests to go out */

static const struct listener_options defaults = {
    .listen = "127.0.0.1:8181",
    .workers = 8,
    .queue = 64,
    .connections = 1024,
    .idle_s = 60,
    .receive_s = 60,
};

int64_t listener_receive_deadline(const struct listener *l, bool may_idle)
{
    int64_t s = l->options.receive_s + (may_idle ? l->options.idle_s : 0);
    return env_monotonic_ns(env_real()) + s * NS_PER_S;
}

int listener_port(const struct listener *l)
{
    return l->port;
}

str listener_url(const struct listener *l)
{
    return l->url;
}

/* ---- Connections ---- */

/* IPv4 addresses that came through an IPv6 socket are written as the former. */
static void take_peer(struct connection *c, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info ? info->client_addr : NULL;
    const struct in6_addr *v6 = sa && sa->sa_family == AF_INET6
                                    ? &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr
                                    : NULL;
    if (sa && sa->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, c->peer,
                  sizeof c->peer);
    else if (v6 && IN6_IS_ADDR_V4MAPPED(v6))
        inet_ntop(AF_INET, v6->s6_addr + 12, c->peer, sizeof c->peer);
    else if (v6)
        inet_ntop(AF_INET6, v6, c->peer, sizeof c->peer);
}

static void connection_open(struct listener *l, struct MHD_Connection *mhd, void **context)
{
    struct arena *a = arena_create(0);
    struct connection *c = arena_new(a, struct connection);
    int one = 1;
    c->arena = a;
    c->listener = l;
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    take_peer(c, mhd);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    atomic_store(&c->deadline_ns, listener_receive_deadline(l, false));
    pthread_mutex_lock(&l->lock);
    c->next = l->connections;
    c->at = &l->connections;
    if (c->next)
        c->next->at = &c->next;
    l->connections = c;
    pthread_mutex_unlock(&l->lock);
    metrics_connections(l->app->metrics, 1);
    *context = c;
}

/* Comes before the socket is closed, so that the watcher never touches another connection's. */
static void connection_close(struct connection *c)
{
    struct listener *l = c->listener;
    pthread_mutex_lock(&l->lock);
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    pthread_mutex_unlock(&l->lock);
    metrics_connections(l->app->metrics, -1);
    exchange_unref(c->x);
    auth_memory_deinit(&c->memory);
    arena_destroy(c->arena);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    thread_prefer_latency(); /* one of the library's threads, which have no other beginning */
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_open(cls, mhd, context);
    else if (*context)
        connection_close(*context);
}

/* ---- Workers and watcher ---- */

static void work(void *arg)
{
    struct listener *l = arg;
    void *item;
    while (queue_pop(l->queue, &item))
        exchange_work(item);
}

static void wait_for(void *arg)
{
    struct listener *l = arg;
    void *item;
    while (queue_pop(l->waiters_queue, &item)) {
        exchange_work(item);
        atomic_fetch_sub(&l->waiting, 1);
    }
}

static void stop_waiters(struct listener *l)
{
    if (l->waiters_queue)
        queue_close(l->waiters_queue);
    for (int i = 0; i < WAITERS; i++) {
        thread_join(l->waiters[i]);
        l->waiters[i] = NULL;
    }
}

/* A client that shuts its side down while it waits has gone away.  The lock is held. */
static void watch_running(struct listener *l)
{
    for (struct exchange *x = l->running; x; x = x->running_next) {
        struct pollfd p = { .fd = x->fd, .events = POLLRDHUP };
        if (x->fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)))
            exchange_cancel(x);
    }
}

/* A client that ended its side in the middle of a request, all that it sent having been read.  The library, whose epoll is
 * edge-triggered, does not look again when end and last bytes came together. */
static bool ended_early(const struct connection *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };
    int unread = 0;
    return poll(&p, 1, 0) > 0 && (p.revents & POLLRDHUP) && ioctl(c->fd, FIONREAD, &unread) == 0 &&
           unread == 0;
}

/* Ends what will not become a request in time; the library then sees it and closes.  An early end counts when it was seen
 * twice during the same wait: the first time the request may have been just about to run.  The lock is held. */
static void watch_arriving(struct listener *l)
{
    int64_t now = env_monotonic_ns(env_real());
    for (struct connection *c = l->connections; c; c = c->next) {
        int64_t deadline = atomic_load(&c->deadline_ns);
        bool ended = deadline && ended_early(c);
        if ((deadline && now > deadline) || (ended && c->ended_in == deadline))
            shutdown(c->fd, SHUT_RDWR);
        c->ended_in = ended ? deadline : 0;
    }
}

static void watch(void *arg)
{
    struct listener *l = arg;
    bool busy = false;
    while (!atomic_load(&l->watcher_stop)) {
        void *item;
        (void)queue_pop_until(l->watcher_wake, &item, busy ? WATCH_BUSY_US : WATCH_IDLE_US);
        pthread_mutex_lock(&l->lock);
        watch_running(l);
        watch_arriving(l);
        busy = l->running != NULL;
        pthread_mutex_unlock(&l->lock);
    }
}

/* ---- Starting ---- */

static bool bound_port(int fd, int *port)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return false;
    *port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                           : ((struct sockaddr_in *)&at)->sin_port);
    return true;
}

static bool fail_bind(const struct listen_address *address, int saved, struct error *err)
{
    fail_errno(err, saved, "listen on " STR_FMT ":%d", STR_ARG(address->host), address->port);
    if (saved == EADDRINUSE) {
        fail(err, ERR_UNAVAILABLE, "port %d of " STR_FMT " is in use by another program",
             address->port, STR_ARG(address->host));
        return fail_hint(err,
                         "stop it, or choose another port: --listen 127.0.0.1:%d (0: any free one)",
                         address->port < 65535 ? address->port + 1 : 8181);
    }
    if (saved == EACCES)
        return fail_hint(err, "ports below 1024 need privileges; choose a higher one");
    return false;
}

static bool bind_socket(const struct listen_address *address, int *out, struct error *err)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)address->port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)address->port) };
    char host[64];
    int one = 1;
    snprintf(host, sizeof host, STR_FMT, STR_ARG(address->host));
    if (address->ipv6 ? inet_pton(AF_INET6, host, &v6.sin6_addr) != 1
                      : inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        return fail(err, ERR_INVALID, "\"%s\" is no address", host);
    int fd =
        socket(address->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(err, errno, "make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const struct sockaddr *sa =
        address->ipv6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    if (bind(fd, sa, address->ipv6 ? sizeof v6 : sizeof v4) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        return fail_bind(address, saved, err);
    }
    *out = fd;
    return true;
}

static void take_options(struct listener *l, const struct listener_options *o)
{
    l->options = defaults;
    if (o->listen)
        l->options.listen = o->listen;
    if (o->workers)
        l->options.workers = o->workers;
    if (o->queue)
        l->options.queue = o->queue;
    if (o->connections)
        l->options.connections = o->connections;
    l->options.connections_per_address = o->connections_per_address;
    l->options.tls_cert = o->tls_cert;
    l->options.tls_key = o->tls_key;
    if (o->idle_s)
        l->options.idle_s = o->idle_s;
    if (o->receive_s)
        l->options.receive_s = o->receive_s;
    l->options.threads = o->threads ? o->threads : cpu_count();
}

/* Paths and queries are decoded by the router, after cutting. */
static size_t keep_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static void on_library_log(void *cls, const char *fmt, va_list args)
{
    struct error text = { 0 };
    (void)cls;
    if (!log_enabled(LOG_DEBUG))
        return;
    fail_va(&text, ERR_INTERNAL, fmt, args);
    log_debug("http", "%s", text.msg);
}

/* Called for each handshake; the library keeps the connection in the session. */
static int show_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
                            int authorities_n, const gnutls_pk_algorithm_t *algorithms,
                            int algorithms_n, gnutls_pcert_st **chain, unsigned *n,
                            gnutls_privkey_t *key)
{
    (void)authorities, (void)authorities_n, (void)algorithms, (void)algorithms_n;
    struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
    const union MHD_ConnectionInfo *info =
        mhd ? MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT) : NULL;
    const struct connection *c = info ? info->socket_context : NULL;
    if (!c)
        return -1;
    tls_current(c->listener->tls, chain, n, key);
    return 0;
}

static bool start_daemon(struct listener *l, int fd, struct error *err)
{
    unsigned threads = (unsigned)l->options.threads;
    struct MHD_OptionItem more[4] = { { MHD_OPTION_END, 0, NULL } };
    size_t n = 0;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (threads > 1)
        more[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, threads, NULL };
    if (l->tls) {
        flags |= MHD_USE_TLS;
        more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
                                             (void *)(uintptr_t)show_certificate };
        more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
                                             (void *)(uintptr_t)TLS_PRIORITIES };
    }
    more[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
    l->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_on_call, l, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, exchange_on_target, l,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, l, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, l, MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL,
        MHD_OPTION_CONNECTION_LIMIT, l->options.connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)l->options.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, l->options.connections_per_address,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (l->daemon)
        return true;
    close(fd);
    return fail(err, ERR_UNAVAILABLE, "start the HTTP server: %s", strerror(errno));
}

static void start_threads(struct listener *l)
{
    l->queue = queue_create(l->options.queue);
    l->watcher_wake = queue_create(1);
    l->workers = arena_array(l->arena, struct thread *, (size_t)l->options.workers);
    for (int i = 0; i < l->options.workers; i++)
        l->workers[i] = thread_start("firn-worker", work, l);
    l->waiters_queue = queue_create(WAITERS);
    for (int i = 0; i < WAITERS; i++)
        l->waiters[i] = thread_start("firn-waiter", wait_for, l);
    l->watcher = thread_start("firn-watch", watch, l);
}

static void listener_destroy(struct listener *l)
{
    if (l->queue)
        queue_close(l->queue);
    for (int i = 0; l->workers && i < l->options.workers; i++)
        thread_join(l->workers[i]);
    stop_waiters(l);
    atomic_store(&l->watcher_stop, true);
    if (l->watcher_wake)
        queue_close(l->watcher_wake);
    thread_join(l->watcher);
    queue_destroy(l->queue);
    queue_destroy(l->waiters_queue);
    queue_destroy(l->watcher_wake);
    tls_close(l->tls);
    pthread_mutex_destroy(&l->lock);
    arena_destroy(l->arena);
}

static void take_names(struct listener *l)
{
    const struct server_config *c = l->app->config;
    bool every = str_is(l->address.host, "0.0.0.0") || str_is(l->address.host, "::");
    l->names = (struct guard_names){ .hosts = c->hosts,
                                     .hosts_n = c->hosts_n,
                                     .listens = l->address.host,
                                     .any = every && c->hosts_n == 0 };
}

bool listener_on_network(const struct listener *l)
{
    return !l->address.loopback;
}

bool listener_has_tls(const struct listener *l)
{
    return l->tls != NULL;
}

bool listener_reload(struct listener *l, struct error *err)
{
    return !l->tls || tls_reload(l->tls, err);
}

bool listener_start_with(struct app *app, const struct listener_options *options,
                         struct listener **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct listener *l = arena_new(a, struct listener);
    int fd = -1;
    l->arena = a;
    l->app = app;
    pthread_mutex_init(&l->lock, NULL);
    take_options(l, options);
    if (!guard_listen_address(str_of(l->options.listen), auth_on(app->auth), a, &l->address, err) ||
        (l->options.tls_cert &&
         !tls_open(str_of(l->options.tls_cert), str_of(l->options.tls_key), &l->tls, err)) ||
        !bind_socket(&l->address, &fd, err)) {
        listener_destroy(l);
        return false;
    }
    l->ids_base = env_random_u64(env_real());
    bound_port(fd, &l->port);
    l->url = arena_printf(a, l->address.ipv6 ? "%s://[" STR_FMT "]:%d" : "%s://" STR_FMT ":%d",
                          l->tls ? "https" : "http", STR_ARG(l->address.host), l->port);
    take_names(l);
    start_threads(l);
    if (!start_daemon(l, fd, err)) {
        listener_destroy(l);
        return false;
    }
    *out = l;
    return true;
}

bool listener_start(struct app *app, const char *listen, struct listener **out, struct error *err)
{
    return listener_start_with(app, &(struct listener_options){ .listen = listen }, out, err);
}

/* ---- Stopping ---- */

static void wait_until_quiet(struct listener *l, int ms)
{
    int64_t deadline = env_monotonic_ns(env_real()) + ms * (NS_PER_S / 1000);
    while (atomic_load(&l->in_flight) > 0 && env_monotonic_ns(env_real()) < deadline)
        env_sleep_us(env_real(), 2000);
}

static void cancel_running(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    for (struct exchange *x = l->running; x; x = x->running_next)
        exchange_cancel(x);
    pthread_mutex_unlock(&l->lock);
}

/* What only waits has nothing to finish. */
static void cancel_waiting(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    for (struct exchange *x = l->running; x; x = x->running_next)
        if (x->route->waits)
            exchange_cancel(x);
    pthread_mutex_unlock(&l->lock);
}

/* No connection may sleep when the library stops: the workers wake each, and they are waited for. */
void listener_stop(struct listener *l, int deadline_ms)
{
    if (!l)
        return;
    atomic_store(&l->draining, true);
    int fd = MHD_quiesce_daemon(l->daemon);
    if (fd >= 0)
        close(fd);
    cancel_waiting(l);
    wait_until_quiet(l, deadline_ms);
    int left = atomic_load(&l->in_flight);
    cancel_running(l);
    if (left > 0)
        log_warn("http", "stopping: %d requests cancelled", left);
    queue_close(l->queue);
    for (int i = 0; i < l->options.workers; i++)
        thread_join(l->workers[i]);
    l->options.workers = 0;
    stop_waiters(l);
    wait_until_quiet(l, FLUSH_MS);
    MHD_stop_daemon(l->daemon);
    listener_destroy(l);
}
