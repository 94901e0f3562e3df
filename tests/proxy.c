/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread accepts, one serves each connection.  A request that spans several reads is searched
 * with the end of the bytes before it, so that the text is found wherever it is cut. */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 65536
#define TICK_MS 50 /* how often a quiet connection looks at `stop` */

struct link {
    struct proxy *proxy;
    int client, server;
    bool lose_answer, hold_answer;
    char seen[PROXY_TEXT_MAX + CHUNK]; /* the end of the last bytes, then the new ones */
    size_t seen_n;
};

static bool is_path(const char *where)
{
    return strchr(where, '/') != NULL;
}

/* A socket that is bound or connected to the place; -1 with errno. */
static int open_socket(const char *where, int (*use)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(is_path(where) ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;
    if (fd < 0)
        return -1;
    if (is_path(where)) {
        snprintf(un.sun_path, sizeof un.sun_path, "%s", where);
        rc = use(fd, (const struct sockaddr *)&un, sizeof un);
    } else {
        int yes = 1;
        in.sin_port = htons((uint16_t)strtol(where, NULL, 10));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        rc = use(fd, (const struct sockaddr *)&in, sizeof in);
    }
    if (rc == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* What to do about a hit. */
static enum proxy_cut decide(struct proxy *p)
{
    long long hit = atomic_fetch_add(&p->hits, 1) + 1;
    enum proxy_cut cut = (enum proxy_cut)atomic_exchange(&p->next, PROXY_PASS);
    int every = atomic_load(&p->every);
    if (cut == PROXY_PASS && every > 0 && hit % every == 0)
        cut = hit / every % 2 ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE;
    if (cut == PROXY_CUT_BEFORE)
        atomic_fetch_add(&p->before, 1);
    if (cut == PROXY_CUT_AFTER)
        atomic_fetch_add(&p->after, 1);
    if (cut == PROXY_HOLD)
        atomic_fetch_add(&p->held, 1);
    return cut;
}

static bool holds_text(struct link *l, const char *p, size_t n)
{
    size_t want = strlen(l->proxy->text);
    memcpy(l->seen + l->seen_n, p, n);
    l->seen_n += n;
    bool found = want > 0 && memmem(l->seen, l->seen_n, l->proxy->text, want);
    size_t keep = found || want == 0 ? 0 : l->seen_n < want - 1 ? l->seen_n : want - 1;
    memmove(l->seen, l->seen + l->seen_n - keep, keep);
    l->seen_n = keep;
    return found;
}

/* Passes what one side has sent; false when the connection is to end. */
static bool pass(struct link *l, bool from_client)
{
    char bytes[CHUNK];
    ssize_t n = recv(from_client ? l->client : l->server, bytes, sizeof bytes, 0);
    if (n <= 0 || (!from_client && l->lose_answer))
        return false;
    if (from_client && holds_text(l, bytes, (size_t)n)) {
        enum proxy_cut cut = decide(l->proxy);
        if (cut == PROXY_CUT_BEFORE)
            return false;
        l->lose_answer = cut == PROXY_CUT_AFTER;
        l->hold_answer = cut == PROXY_HOLD;
    }
    if (!from_client && l->hold_answer)
        return true;
    return send_all(from_client ? l->server : l->client, bytes, (size_t)n);
}

static void *serve(void *arg)
{
    struct link *l = arg;
    struct proxy *p = l->proxy;
    bool ok = true;
    while (ok && !atomic_load(&p->stop)) {
        struct pollfd fds[] = { { .fd = l->client, .events = POLLIN },
                                { .fd = l->server, .events = POLLIN } };
        if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2 && ok; i++)
            if (fds[i].revents)
                ok = pass(l, i == 0);
    }
    close(l->client);
    close(l->server);
    free(l);
    atomic_fetch_sub(&p->live, 1);
    return NULL;
}

static void take(struct proxy *p, int client)
{
    pthread_t thread;
    int server = atomic_load(&p->refuse) ? -1 : open_socket(p->target, connect);
    struct link *l = server < 0 ? NULL : calloc(1, sizeof *l);
    if (!l) {
        close(client);
        if (server >= 0)
            close(server);
        return;
    }
    l->proxy = p;
    l->client = client;
    l->server = server;
    atomic_fetch_add(&p->live, 1);
    if (pthread_create(&thread, NULL, serve, l) != 0)
        abort();
    pthread_detach(thread);
}

static void *accept_all(void *arg)
{
    struct proxy *p = arg;
    while (!atomic_load(&p->stop)) {
        struct pollfd fd = { .fd = p->fd, .events = POLLIN };
        int client = poll(&fd, 1, TICK_MS) > 0 ? accept4(p->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (client >= 0)
            take(p, client);
    }
    return NULL;
}

bool proxy_start(struct proxy *p)
{
    struct sockaddr_in in;
    socklen_t len = sizeof in;
    pthread_t thread;
    p->fd = open_socket(p->listen_at, bind);
    if (p->fd < 0 || listen(p->fd, 128) != 0)
        return false;
    if (!is_path(p->listen_at) && getsockname(p->fd, (struct sockaddr *)&in, &len) == 0)
        p->port = ntohs(in.sin_port);
    if (pthread_create(&thread, NULL, accept_all, p) != 0)
        return false;
    p->thread = (unsigned long)thread;
    return true;
}

void proxy_stop(struct proxy *p)
{
    atomic_store(&p->stop, true);
    pthread_join((pthread_t)p->thread, NULL);
    close(p->fd);
    while (atomic_load(&p->live) > 0)
        usleep(1000);
}
