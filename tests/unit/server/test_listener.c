/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener over real sockets, on a lake of its own. */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"
#include "codec/json.h"
#include "server/api.h"
#include "server/metrics.h"
#include "sql/lake.h"
#include "test.h"

#define ANSWER_MAX ((size_t)64 << 20)

static struct app *app;
static struct listener *listener;
static int port;
static int cores = 2; /* for queries */

static void serve(struct listener_options o)
{
    struct error err = { 0 };
    struct lake_options lake = { .dir = test_tmpdir(), .threads = cores };
    signal(SIGPIPE, SIG_IGN);
    o.listen = "127.0.0.1:0";
    CHECK_OK(app_open(&lake, &app, &err));
    app->local_files = true;
    CHECK_OK(listener_start_with(app, &o, &listener, &err));
    port = listener_port(listener);
    CHECK(port > 0);
}

static void stop(void)
{
    listener_stop(listener, 5000);
    app_close(app);
}

static int dial(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 30 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(fd, (struct sockaddr *)&at, sizeof at) == 0 ? fd : (close(fd), -1);
}

static void send_text(int fd, str text)
{
    while (text.len) {
        ssize_t n = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text = str_from(text, (size_t)n);
    }
}

struct answer {
    int status;
    str head, body;
    bool closed, cut; /* the connection ended after, before the end of the body */
};

static bool more(int fd, struct buf *in)
{
    char *room = buf_reserve(in, 65536);
    CHECK(room != NULL);
    ssize_t n = recv(fd, room, 65536, 0);
    if (n > 0)
        in->len += (size_t)n;
    return n > 0;
}

static str header(str head, const char *name)
{
    str line;
    while (str_next(&head, '\n', &line))
        if (str_starts_nocase(line, str_of(name)) && line.ptr[strlen(name)] == ':')
            return str_trim(str_from(line, strlen(name) + 1));
    return (str){ 0 };
}

static void read_chunks(int fd, struct buf *in, size_t at, struct buf *body, struct answer *out)
{
    for (;;) {
        ptrdiff_t end;
        while ((end = str_find(str_from(buf_str(in), at), STR("\r\n"))) < 0)
            if (!more(fd, in)) {
                out->cut = true;
                return;
            }
        size_t size = 0;
        for (size_t i = 0; i < (size_t)end; i++) {
            char c = in->ptr[at + i];
            size = size * 16 + (size_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        at += (size_t)end + 2;
        while (in->len < at + size + 2)
            if (!more(fd, in)) {
                out->cut = true;
                return;
            }
        buf_add(body, in->ptr + at, size);
        at += size + 2;
        if (size == 0)
            return;
    }
}

/* Reads one answer; `no_body` after HEAD. */
static struct answer receive(int fd, bool no_body)
{
    struct answer out = { 0 };
    struct buf in = BUF_INIT(ANSWER_MAX), body = BUF_INIT(ANSWER_MAX);
    ptrdiff_t end;
    while ((end = str_find(buf_str(&in), STR("\r\n\r\n"))) < 0) {
        if (!more(fd, &in)) {
            out.closed = true;
            buf_deinit(&in);
            return out;
        }
    }
    int64_t status = 0, length = 0;
    out.head = arena_str(test_arena(), str_sub(buf_str(&in), 0, (size_t)end + 2));
    CHECK(str_to_i64(str_sub(out.head, 9, 12), &status));
    out.status = (int)status;
    if (no_body) {
        CHECK_INT(in.len, end + 4);
    } else if (str_eq_nocase(header(out.head, "Transfer-Encoding"), STR("chunked"))) {
        read_chunks(fd, &in, (size_t)end + 4, &body, &out);
    } else {
        CHECK(str_to_i64(header(out.head, "Content-Length"), &length));
        while (in.len < (size_t)end + 4 + (size_t)length)
            CHECK(more(fd, &in));
        buf_add(&body, in.ptr + end + 4, (size_t)length);
    }
    out.body = arena_str(test_arena(), buf_str(&body));
    buf_deinit(&in);
    buf_deinit(&body);
    return out;
}

static void ask(int fd, const char *method, const char *path, str body)
{
    struct buf text = BUF_INIT(ANSWER_MAX);
    buf_printf(&text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n", method,
               path, body.len);
    buf_add_str(&text, body);
    send_text(fd, buf_str(&text));
    buf_deinit(&text);
}

static struct answer call(int fd, const char *method, const char *path, const char *body)
{
    ask(fd, method, path, str_of(body));
    return receive(fd, false);
}

static struct answer once(const char *text)
{
    int fd = dial();
    send_text(fd, str_of(text));
    struct answer a = receive(fd, false);
    close(fd);
    return a;
}

static const struct json *parsed(struct answer a)
{
    struct json *doc;
    struct error err = { 0 };
    CHECK_OK(json_parse(a.body, test_arena(), &doc, &err));
    return doc;
}

static str error_type(struct answer a)
{
    const struct json *type = json_get(json_get(parsed(a), "error"), "type");
    return type ? type->s : (str){ 0 };
}

TEST(a_connection_stays_open_over_many_requests)
{
    serve((struct listener_options){ 0 });
    int fd = dial();
    for (int i = 0; i < 300; i++) {
        struct answer a = i % 3 == 0   ? call(fd, "GET", "/health", "")
                          : i % 3 == 1 ? call(fd, "POST", "/api/sql", "{\"sql\":\"SELECT 1 AS x\"}")
                                       : call(fd, "GET", "/nowhere", "");
        CHECK_INT(a.status, i % 3 == 2 ? 404 : 200);
        CHECK_INT(header(a.head, "Connection").len, 0);
        CHECK_STR(header(a.head, "X-Content-Type-Options"), "nosniff");
    }
    close(fd);
    stop();
}

TEST(answers_have_their_statuses)
{
    serve((struct listener_options){ 0 });
    int fd = dial();
    struct answer a = call(fd, "POST", "/health", "{}");
    CHECK_INT(a.status, 405);
    CHECK_STR(header(a.head, "Allow"), "GET");
    CHECK_STR(error_type(a), "Invalid");
    a = call(fd, "POST", "/api/sql", "{\"sql\":");
    CHECK_INT(a.status, 400);
    CHECK(str_find(a.body, STR("line 1")) >= 0);
    CHECK_INT(call(fd, "POST", "/api/sql", "").status, 400);
    CHECK_INT(call(fd, "POST", "/api/sql", "{\"sql\":\"SELECT * FROM no.table\"}").status, 404);
    CHECK_INT(call(fd, "POST", "/api/sql", "{\"sql\":\"SELECT FROM FROM\"}").status, 400);
    CHECK_INT(call(fd, "GET", "/api/tables/a.b", "").status, 404);
    CHECK_INT(call(fd, "GET", "/api/log?limit=0", "").status, 400);
    ask(fd, "HEAD", "/health", (str){ 0 });
    CHECK_INT(receive(fd, true).status, 200);
    CHECK_INT(call(fd, "GET", "/health", "").status, 200);
    close(fd);
    stop();
}

TEST(large_bodies_are_refused)
{
    serve((struct listener_options){ 0 });
    struct answer a =
        once("POST /api/refs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");
    CHECK_INT(a.status, 413);
    /* Without a length: it is noticed while it comes. */
    int fd = dial();
    send_text(
        fd,
        STR("POST /api/refs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"));
    char *block = arena_alloc(test_arena(), 65536);
    memset(block, ' ', 65536);
    for (int i = 0; i < 20; i++) {
        send_text(fd, STR("10000\r\n"));
        send_text(fd, str_make(block, 65536));
        send_text(fd, STR("\r\n"));
    }
    send_text(fd, STR("0\r\n\r\n"));
    a = receive(fd, false);
    CHECK_INT(a.status, 413);
    CHECK_STR(error_type(a), "LimitReached");
    CHECK_INT(call(fd, "GET", "/health", "").status, 200);
    close(fd);
    stop();
}

TEST(requests_for_other_hosts_and_from_other_pages_are_denied)
{
    serve((struct listener_options){ 0 });
    CHECK_INT(once("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 403);
    CHECK_INT(once("GET /health HTTP/1.1\r\nHost: localhost:9\r\n\r\n").status, 200);
    CHECK_INT(once("GET /health HTTP/1.1\r\n\r\n").status, 400);
    CHECK_INT(once("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").status,
              400);
    CHECK_INT(once("POST /api/sql HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
                   "Content-Length: 16\r\n\r\n{\"sql\":\"SELECT\"}")
                  .status,
              403);
    CHECK_INT(once("POST /api/sql HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:1\r\n"
                   "Content-Length: 18\r\n\r\n{\"sql\":\"SELECT 1\"}")
                  .status,
              200);
    CHECK_INT(
        once("GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n")
            .status,
        200);
    stop();
}

TEST(request_ids_come_back)
{
    serve((struct listener_options){ 0 });
    struct answer a =
        once("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: abc-1\r\n\r\n");
    CHECK_STR(header(a.head, "X-Request-Id"), "abc-1");
    a = once("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b\r\n\r\n");
    CHECK_INT(header(a.head, "X-Request-Id").len, 16);
    stop();
}

TEST(garbage_gets_an_error_or_a_closed_connection)
{
    static const char *const garbage[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /api/sql HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    };
    serve((struct listener_options){ 0 });
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        int fd = dial();
        send_text(fd, str_of(garbage[i]));
        shutdown(fd, SHUT_WR);
        struct answer a = receive(fd, false);
        CHECK(a.closed || a.status >= 400);
        close(fd);
    }
    int fd = dial();
    CHECK_INT(call(fd, "GET", "/health", "").status, 200);
    close(fd);
    stop();
}

static const char *const endless =
    "{\"sql\":\"SELECT count(*) FROM range(100000000000) a, range(100000) b WHERE a.range * b.range = 7\"}";

/* Asks for what never ends until it is let in: with a queue of one, a request is sent away when the one before it has not been
 * taken yet. */
static int ask_endless(void)
{
    char c;
    int fd = dial();
    for (;;) {
        ask(fd, "POST", "/api/sql", str_of(endless));
        env_sleep_us(env_real(), 200000);
        if (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
            return fd;
        CHECK_INT(receive(fd, false).status, 503);
    }
}

TEST(slow_requests_do_not_delay_fast_ones)
{
    serve((struct listener_options){ .threads = 1, .workers = 2, .queue = 1 });
    int fd = dial(), slow[2] = { ask_endless(), ask_endless() };
    int64_t began = env_monotonic_ns(env_real());
    for (int i = 0; i < 20; i++)
        CHECK_INT(call(fd, "GET", "/health", "").status, 200);
    CHECK(env_monotonic_ns(env_real()) - began < 2000000000LL);
    /* Both workers are busy: one more waits, and the next is sent away at once. */
    int waiting[4], waiting_n = 0;
    struct answer a = { 0 };
    while (a.status != 503 && waiting_n < 4) {
        int more_fd = waiting[waiting_n++] = dial();
        ask(more_fd, "POST", "/api/sql", str_of(endless));
        struct pollfd readable = { .fd = more_fd, .events = POLLIN };
        if (poll(&readable, 1, 2000) == 1)
            a = receive(more_fd, false);
    }
    CHECK_INT(a.status, 503);
    CHECK_STR(header(a.head, "Retry-After"), "1");
    /* Clients that hang up free their workers. */
    close(slow[0]);
    close(slow[1]);
    for (int i = 0; i < waiting_n; i++)
        close(waiting[i]);
    for (int i = 0; i < 100 && a.status == 503; i++) {
        env_sleep_us(env_real(), 100000);
        a = call(fd, "POST", "/api/sql", "{\"sql\":\"SELECT 1\"}");
    }
    CHECK_INT(a.status, 200);
    close(fd);
    stop();
}

TEST(a_query_that_takes_too_long_is_stopped)
{
    serve((struct listener_options){ 0 });
    int fd = dial();
    struct answer a = call(
        fd, "POST", "/api/sql",
        "{\"timeout_ms\":200,\"sql\":\"SELECT count(*) FROM range(100000000000) a, range(100000) b WHERE a.range * b.range = 7\"}");
    CHECK_INT(a.status, 408);
    CHECK_STR(error_type(a), "Cancelled");
    CHECK_INT(call(fd, "GET", "/health", "").status, 200);
    close(fd);
    stop();
}

/* A connection that sleeps while a worker runs its request is not idle. */
TEST(slow_answers_outlive_the_idle_limit)
{
    serve((struct listener_options){ .idle_s = 1, .receive_s = 1 });
    int fd = dial();
    struct answer a = call(
        fd, "POST", "/api/sql",
        "{\"timeout_ms\":3000,\"sql\":\"SELECT count(*) FROM range(100000000000) a, range(100000) b WHERE a.range * b.range = 7\"}");
    CHECK_INT(a.status, 408);
    CHECK_INT(call(fd, "GET", "/health", "").status, 200);
    close(fd);
    stop();
}

TEST(long_answers_stream)
{
    serve((struct listener_options){ 0 });
    int fd = dial();
    struct answer a =
        call(fd, "POST", "/api/sql",
             "{\"format\":\"csv\",\"sql\":\"SELECT range AS n FROM range(1000000)\"}");
    CHECK_INT(a.status, 200);
    CHECK_STR(header(a.head, "Content-Type"), "text/csv; charset=utf-8");
    CHECK(!a.cut);
    size_t lines = 0;
    for (size_t i = 0; i < a.body.len; i++)
        lines += a.body.ptr[i] == '\n';
    CHECK_INT(lines, 1000001);
    a = call(fd, "POST", "/api/sql",
             "{\"max_rows\":3,\"sql\":\"SELECT range AS n FROM range(10)\"}");
    const struct json *doc = parsed(a);
    CHECK_INT(json_get(doc, "rows")->array.n, 3);
    CHECK(json_get(doc, "truncated")->b);
    close(fd);
    stop();
}

/* After the first piece the status is sent: the error stands in the body, and the body is well formed. */
TEST(an_error_in_the_middle_of_a_stream_is_told)
{
    str failing = STR(
        "{\"sql\":\"SELECT CASE WHEN range < 900000 THEN '1' ELSE 'x' END::INTEGER AS n FROM range(1000000)\"");
    cores = 1; /* with more, the engine may lose the reason of a failure (engine/duck_priv.h) */
    serve((struct listener_options){ 0 });
    int fd = dial();
    struct buf text = BUF_INIT(1024);
    buf_add_str(&text, failing);
    buf_lit(&text, "}");
    ask(fd, "POST", "/api/sql", buf_str(&text));
    struct answer a = receive(fd, false);
    CHECK_INT(a.status, 200);
    CHECK(!a.cut);
    CHECK_STR(error_type(a), "Invalid");
    buf_clear(&text);
    buf_add_str(&text, failing);
    buf_lit(&text, ",\"format\":\"csv\"}");
    ask(fd, "POST", "/api/sql", buf_str(&text));
    a = receive(fd, false);
    CHECK_INT(a.status, 200);
    CHECK(a.cut);
    buf_deinit(&text);
    close(fd);
    stop();
}

/* A client that leaves in the middle frees its worker, and nobody else notices. */
TEST(clients_that_leave_in_the_middle_of_a_stream)
{
    serve((struct listener_options){ .workers = 1, .queue = 4 });
    for (int i = 0; i < 5; i++) {
        char some[1000];
        int fd = dial();
        ask(fd, "POST", "/api/sql",
            STR("{\"format\":\"jsonl\",\"sql\":\"SELECT range AS n, 'some text to fill it' AS t FROM range(1000000000)\"}"));
        CHECK(recv(fd, some, sizeof some, 0) > 0);
        close(fd);
    }
    int fd = dial();
    CHECK_INT(call(fd, "POST", "/api/sql", "{\"sql\":\"SELECT 1\"}").status, 200);
    close(fd);
    stop();
}

TEST(requests_that_arrive_too_slowly_are_cut_off)
{
    serve((struct listener_options){ .receive_s = 1, .idle_s = 60 });
    int fd = dial();
    char c;
    int64_t began = env_monotonic_ns(env_real());
    ssize_t n = -1;
    struct timeval patience = { .tv_usec = 50000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    send_text(fd, STR("GET /health HTTP/1.1\r\nHost: localhost\r\n"));
    for (int i = 0; i < 100 && n != 0; i++) { /* a header a little at a time, for ever */
        send_text(fd, STR("X"));
        n = recv(fd, &c, 1, 0);
        if (n < 0 && errno != EAGAIN)
            n = 0;
    }
    CHECK_INT(n, 0);
    CHECK(env_monotonic_ns(env_real()) - began < 4000000000LL);
    close(fd);
    stop();
}

static void stop_in_thread(void *arg)
{
    (void)arg;
    listener_stop(listener, 10000);
}

TEST(stopping_lets_requests_finish)
{
    serve((struct listener_options){ 0 });
    int fd = dial(), idle = dial();
    CHECK_INT(call(idle, "GET", "/health", "").status, 200);
    ask(fd, "POST", "/api/sql",
        STR("{\"sql\":\"SELECT count(*) AS n FROM range(30000000) t WHERE sqrt(range) > 10\"}"));
    env_sleep_us(env_real(), 50000);
    struct thread *stopper = thread_start("stopper", stop_in_thread, NULL);
    struct answer a = receive(fd, false);
    CHECK_INT(a.status, 200);
    thread_join(stopper);
    CHECK_INT(dial(), -1);
    close(fd);
    close(idle);
    app_close(app);
}

TEST(stopping_cancels_what_does_not_finish)
{
    serve((struct listener_options){ 0 });
    int fd = dial();
    ask(fd, "POST", "/api/sql", str_of(endless));
    env_sleep_us(env_real(), 200000);
    int64_t began = env_monotonic_ns(env_real());
    listener_stop(listener, 100);
    CHECK(env_monotonic_ns(env_real()) - began < 5000000000LL);
    struct answer a = receive(fd, false);
    CHECK(a.closed || a.status == 408);
    close(fd);
    app_close(app);
}

TEST(a_port_in_use_is_named)
{
    struct error err = { 0 };
    struct listener *second;
    char listen[64];
    serve((struct listener_options){ 0 });
    snprintf(listen, sizeof listen, "127.0.0.1:%d", listener_port(listener));
    CHECK_FAILS(listener_start(app, listen, &second, &err), ERR_UNAVAILABLE);
    CHECK(str_find(str_of(err.msg), str_from(str_of(listen), 10)) >= 0);
    CHECK(*err.hint);
    CHECK_FAILS(listener_start(app, "0.0.0.0:0", &second, &err), ERR_DENIED);
    stop();
}

TEST(metrics_count_requests)
{
    serve((struct listener_options){ 0 });
    int fd = dial();
    for (int i = 0; i < 5; i++)
        call(fd, "GET", "/health", "");
    call(fd, "GET", "/nowhere", "");
    struct answer a = call(fd, "GET", "/metrics", "");
    CHECK_INT(a.status, 200);
    CHECK(
        str_find(
            a.body,
            STR("firn_http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 5\n")) >=
        0);
    CHECK(str_find(a.body,
                   STR("firn_http_requests_total{method=\"\",route=\"\",status=\"404\"} 1\n")) >=
          0);
    CHECK(str_find(a.body, STR("le=\"+Inf\"} 5\n")) >= 0);
    CHECK(str_find(a.body, STR("firn_http_connections 1\n")) >= 0);
    CHECK(str_find(a.body, STR("firn_http_requests_in_flight 1\n")) >= 0);
    CHECK(str_find(a.body, STR("process_resident_memory_bytes ")) >= 0);
    close(fd);
    stop();
}

TEST(the_page_and_its_parts)
{
    static const char *const parts[][2] = { { "/", "text/html; charset=utf-8" },
                                            { "/page.js", "text/javascript; charset=utf-8" },
                                            { "/page.css", "text/css; charset=utf-8" } };
    serve((struct listener_options){ 0 });
    int fd = dial();
    for (size_t i = 0; i < 3; i++) {
        struct answer a = call(fd, "GET", parts[i][0], "");
        CHECK_INT(a.status, 200);
        CHECK_STR(header(a.head, "Content-Type"), parts[i][1]);
        CHECK(a.body.len > 1000);
        CHECK_INT(header(a.head, "Content-Security-Policy").len > 0, i == 0);
    }
    close(fd);
    stop();
}
