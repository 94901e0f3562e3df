/* SPDX-License-Identifier: Apache-2.0
 *
 * A load generator for HTTP/1.1: one thread, one epoll set, N keep-alive connections, each with one
 * request under way.  Time runs from handing the request to the socket until the answer's last byte
 * is there, so it includes what waits in this client: for both sides of a comparison the same.
 *
 *     bench_http PORT PATH [-c CONNECTIONS] [-s SECONDS] [-n REQUESTS] [-w WARM-UP SECONDS] [-b BODIES] [-y]
 *     bench_http PORT PATH [-b BODIES] -p          prints the first answer's body
 *
 * BODIES is a file with a request body a line; they are sent round robin.  Without it requests are GET.
 * With -y it never sleeps: for a client with a core of its own, so that the server does not pay for waking it.
 * Only 127.0.0.1.  Prints one line, tab-separated:
 *
 *     requests/s  p50 us  p99 us  p99.9 us  max us  requests  not-200  bytes of a body (mean) */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/env.h"

#define CONNECTIONS_MAX 1024
#define BODIES_MAX 100000
#define HEAD_MAX 8192                /* of an answer */
#define SCRATCH_BYTES (256 * 1024)   /* one read of a body */
#define FILE_MAX ((size_t)512 << 20) /* of bodies */
#define STALL_MS 10000               /* no answer for so long is a failure */
#define SUB_BITS 6                   /* of a power of two: buckets 1.6 % wide */
#define BUCKETS (64 << SUB_BITS)

struct options {
    uint16_t port;
    const char *path, *bodies;
    int connections;
    double seconds, warm_seconds;
    int64_t requests;
    bool print, spin;
};

struct connection {
    int fd;
    int64_t sent_ns;
    size_t head_len; /* bytes of the head read so far */
    bool in_body;
    size_t body_left;
    int status;
    char head[HEAD_MAX];
};

struct tally {
    uint64_t buckets[BUCKETS];
    int64_t n, failed, bytes, max_ns;
};

struct load {
    struct options o;
    struct arena *a;
    str *requests; /* whole ones: head and body */
    size_t requests_n, next;
    struct connection *connections;
    char *scratch;
    FILE *print_to; /* bodies go there, when set */
    bool measuring;
    struct tally tally;
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_http: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_ns(void)
{
    return env_monotonic_ns(env_real());
}

/* Buckets are linear below 2^(SUB_BITS+1) ns, then 2^SUB_BITS for each power of two. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < (2u << SUB_BITS))
        return (size_t)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    size_t at = ((size_t)shift << SUB_BITS) + (size_t)(ns >> shift);
    return at < BUCKETS ? at : BUCKETS - 1;
}

static double bucket_ns(size_t at)
{
    if (at < (2u << SUB_BITS))
        return (double)at;
    size_t shift = (at >> SUB_BITS) - 1, low = at - (shift << SUB_BITS);
    return ((double)low + 0.5) * (double)(1ull << shift);
}

static double percentile_us(const struct tally *t, double share)
{
    int64_t rank = (int64_t)(share * (double)t->n), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += (int64_t)t->buckets[i];
        if (seen > rank)
            return bucket_ns(i) / 1000;
    }
    return 0;
}

static str make_request(const struct load *l, str body, bool post)
{
    if (!post)
        return arena_printf(l->a, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", l->o.path,
                            l->o.port);
    return arena_printf(
        l->a,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n" STR_FMT,
        l->o.path, l->o.port, body.len, STR_ARG(body));
}

static str read_whole(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        die(path, strerror(errno));
    long size = ftell(f);
    if (size < 0 || (size_t)size > FILE_MAX)
        die(path, "is too large");
    rewind(f);
    char *p = arena_array(a, char, (size_t)size + 1);
    if (fread(p, 1, (size_t)size, f) != (size_t)size)
        die(path, "cannot be read");
    fclose(f);
    return str_make(p, (size_t)size);
}

static void make_requests(struct load *l)
{
    l->requests = arena_array(l->a, str, BODIES_MAX);
    if (!l->o.bodies) {
        l->requests[l->requests_n++] = make_request(l, (str){ 0 }, false);
        return;
    }
    str rest = read_whole(l->a, l->o.bodies), line;
    while (rest.len && l->requests_n < BODIES_MAX) {
        if (!str_cut(rest, '\n', &line, &rest))
            line = rest, rest = (str){ 0 };
        if (line.len)
            l->requests[l->requests_n++] = make_request(l, line, true);
    }
    if (!l->requests_n)
        die(l->o.bodies, "holds no body");
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static void send_next(struct load *l, struct connection *c)
{
    str rest = l->requests[l->next];
    l->next = l->next + 1 == l->requests_n ? 0 : l->next + 1;
    c->head_len = 0;
    c->in_body = false;
    c->sent_ns = now_ns();
    while (rest.len) {
        ssize_t n = send(c->fd, rest.ptr, rest.len, MSG_NOSIGNAL);
        if (n > 0) {
            rest = str_from(rest, (size_t)n);
        } else if (errno == EAGAIN) {
            struct pollfd p = { .fd = c->fd, .events = POLLOUT };
            if (poll(&p, 1, STALL_MS) <= 0)
                die("send", "the server takes no bytes");
        } else {
            die("send", strerror(errno));
        }
    }
}

static void finish(struct load *l, struct connection *c)
{
    int64_t ns = now_ns() - c->sent_ns;
    struct tally *t = &l->tally;
    if (!l->measuring)
        return;
    t->n++;
    t->failed += c->status != 200;
    t->buckets[bucket_of((uint64_t)ns)]++;
    if (ns > t->max_ns)
        t->max_ns = ns;
}

/* Takes status and length out of a complete head of `len` bytes. */
static void read_head(struct connection *c, size_t len)
{
    c->head[len - 1] = '\0';
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (len < 15 || memcmp(c->head, "HTTP/1.1 ", 9) != 0 || !length)
        die("answer without status or Content-Length", c->head);
    if (strcasestr(c->head, "\r\nconnection: close"))
        die("the server closes the connection after its answer", c->head);
    c->status = (int)strtol(c->head + 9, NULL, 10);
    c->body_left = (size_t)strtoull(length + 17, NULL, 10);
    c->in_body = true;
}

/* Bytes of a body; true when it is complete. */
static bool take_body(struct load *l, struct connection *c, const char *bytes, size_t n)
{
    if (n > c->body_left)
        die("answer", "is longer than its Content-Length");
    if (l->print_to)
        fwrite(bytes, 1, n, l->print_to);
    if (l->measuring)
        l->tally.bytes += (int64_t)n;
    c->body_left -= n;
    return c->body_left == 0;
}

/* What has come of a head, `n` bytes more of it; the rest is body.  True when the answer is complete. */
static bool take_head(struct load *l, struct connection *c, size_t n)
{
    size_t had = c->head_len, from = had < 3 ? 0 : had - 3;
    c->head_len += n;
    char *end = memmem(c->head + from, c->head_len - from, "\r\n\r\n", 4);
    if (!end) {
        if (c->head_len == HEAD_MAX)
            die("answer", "its head is too long");
        return false;
    }
    size_t len = (size_t)(end - c->head) + 4;
    read_head(c, len);
    return take_body(l, c, c->head + len, c->head_len - len);
}

/* Reads what is there; true when the answer is complete. */
static bool receive(struct load *l, struct connection *c)
{
    for (;;) {
        char *to = c->in_body ? l->scratch : c->head + c->head_len;
        size_t room = c->in_body ? SCRATCH_BYTES : HEAD_MAX - c->head_len;
        ssize_t n = recv(c->fd, to, room, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n <= 0)
            die("receive", n == 0 ? "the server closed the connection" : strerror(errno));
        if (c->in_body ? take_body(l, c, to, (size_t)n) : take_head(l, c, (size_t)n))
            return true;
        if ((size_t)n < room && !c->in_body)
            return false;
    }
}

static int open_all(struct load *l)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    l->connections = arena_array(l->a, struct connection, (size_t)l->o.connections);
    for (int i = 0; i < l->o.connections; i++) {
        struct connection *c = &l->connections[i];
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
        c->fd = connect_to(l->o.port);
        if (epoll_ctl(set, EPOLL_CTL_ADD, c->fd, &e) != 0)
            die("epoll", strerror(errno));
        send_next(l, c);
    }
    return set;
}

/* Serves events until `until_ns`, or until the measured requests are done.  All but the last answers are followed by
 * another request; those under way at the end are not counted. */
static void run_until(struct load *l, int set, int64_t until_ns)
{
    struct epoll_event events[256];
    while (now_ns() < until_ns && l->tally.n < l->o.requests) {
        int n = epoll_wait(set, events, 256, l->o.spin ? 0 : STALL_MS);
        if (n == 0 && !l->o.spin)
            die("wait", "no answer");
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!receive(l, c))
                continue;
            finish(l, c);
            send_next(l, c);
        }
    }
}

static void print_tally(const struct tally *t, double seconds)
{
    printf("%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n",
           (double)t->n / seconds, percentile_us(t, 0.5), percentile_us(t, 0.99),
           percentile_us(t, 0.999), (double)t->max_ns / 1000, t->n, t->failed,
           t->n ? t->bytes / t->n : 0);
}

static void measure(struct load *l)
{
    int set = open_all(l);
    run_until(l, set, now_ns() + (int64_t)(l->o.warm_seconds * 1e9));
    l->measuring = true;
    int64_t start = now_ns();
    run_until(l, set, start + (int64_t)(l->o.seconds * 1e9));
    print_tally(&l->tally, (double)(now_ns() - start) / 1e9);
}

static void print_one(struct load *l)
{
    struct connection *c = arena_new(l->a, struct connection);
    c->fd = connect_to(l->o.port);
    l->print_to = stdout;
    send_next(l, c);
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    do {
        if (poll(&p, 1, STALL_MS) <= 0)
            die("wait", "no answer");
    } while (!receive(l, c));
    if (c->status != 200)
        die("status", "is not 200");
}

static void read_options(int argc, char **argv, struct options *o)
{
    int option;
    *o = (struct options){
        .connections = 1, .seconds = 3, .warm_seconds = 0.5, .requests = INT64_MAX
    };
    while ((option = getopt(argc, argv, "c:s:n:w:b:py")) != -1) {
        switch (option) {
        case 'c':
            o->connections = (int)strtol(optarg, NULL, 10);
            break;
        case 's':
            o->seconds = strtod(optarg, NULL);
            break;
        case 'n':
            o->requests = strtoll(optarg, NULL, 10);
            break;
        case 'w':
            o->warm_seconds = strtod(optarg, NULL);
            break;
        case 'b':
            o->bodies = optarg;
            break;
        case 'p':
            o->print = true;
            break;
        case 'y':
            o->spin = true;
            break;
        default:
            exit(2);
        }
    }
    if (argc - optind != 2 || o->connections < 1 || o->connections > CONNECTIONS_MAX) {
        fprintf(
            stderr,
            "use: bench_http PORT PATH [-c N] [-s SECONDS] [-n REQUESTS] [-w WARM-UP] [-b BODIES] [-p] [-y]\n");
        exit(2);
    }
    o->port = (uint16_t)strtoul(argv[optind], NULL, 10);
    o->path = argv[optind + 1];
}

int main(int argc, char **argv)
{
    static struct load l;
    read_options(argc, argv, &l.o);
    l.a = arena_create(0);
    l.scratch = arena_array(l.a, char, SCRATCH_BYTES);
    make_requests(&l);
    if (l.o.print)
        print_one(&l);
    else
        measure(&l);
    arena_destroy(l.a);
    return 0;
}
