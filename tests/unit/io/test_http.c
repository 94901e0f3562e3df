/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client against a server of this file that says exactly what each test wants said, byte by byte. */
#include "io/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/time.h"
#include "test.h"

/* Answers by path; keeps what it was asked. */
struct server {
    int fd, port;
    struct thread *thread;
    atomic_bool stop;
    atomic_int connections, requests;
    char seen[65536]; /* the last request, of one client at a time */
    size_t seen_n;
};

struct reply {
    const char *path, *text; /* text NULL: closes without a word */
    bool close;
};

static const struct reply replies[] = {
    { "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\nx-two:  b \r\n\r\nhello", false },
    { "/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", false },
    { "/chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      false },
    { "/interim",
      "HTTP/1.1 100 Continue\r\nX-No: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      false },
    { "/short", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", true },
    { "/nothing", NULL, true },
    { "/garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", true },
    { "/badchunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
      true },
    { "/to-ok", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 3\r\n\r\nbye", false },
    { "/loop", "HTTP/1.1 307 Again\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n", false },
    { "/to-file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
      false },
    { "/to-user",
      "HTTP/1.1 302 Found\r\nLocation: http://u:p@127.0.0.1/\r\nContent-Length: 0\r\n\r\n", false },
    { "/silent", "", false },
};

static bool read_request(struct server *s, int fd)
{
    size_t want = SIZE_MAX, have = 0;
    while (have < want && have < sizeof s->seen) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (atomic_load(&s->stop))
            return false;
        if (poll(&p, 1, 20) == 0)
            continue;
        ssize_t n = read(fd, s->seen + have, sizeof s->seen - have);
        if (n <= 0)
            return false;
        s->seen_n = have += (size_t)n;
        str all = str_make(s->seen, s->seen_n);
        ptrdiff_t end = str_find(all, STR("\r\n\r\n")), at = str_find(all, STR("Content-Length: "));
        if (end >= 0) {
            uint64_t length = 0;
            str line = str_from(all, at < 0 ? all.len : (size_t)at + 16);
            str number;
            str_next(&line, '\r', &number);
            str_to_u64(number, &length);
            want = (size_t)end + 4 + length;
        }
    }
    return true;
}

static void send_text(int fd, const char *text)
{
    size_t n = strlen(text);
    CHECK(send(fd, text, n, MSG_NOSIGNAL) >= 0);
}

static void send_large(struct server *s, int fd, bool head)
{
    if (!head)
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
    else
        send_text(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 40000 && !atomic_load(&s->stop); i++)
        if (send(fd, "X-Field: 0123456789012345678901234567890123456789\r\n", 51, MSG_NOSIGNAL) < 0)
            return;
}

/* False: close. */
static bool answer(struct server *s, int fd)
{
    str rest = str_make(s->seen, s->seen_n), path;
    str_next(&rest, ' ', &path);
    str_next(&rest, ' ', &path);
    if (str_is(path, "/large") || str_is(path, "/large-head")) {
        send_large(s, fd, str_is(path, "/large-head"));
        return false;
    }
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        if (!str_is(path, replies[i].path))
            continue;
        if (replies[i].text)
            send_text(fd, replies[i].text);
        return !replies[i].close;
    }
    send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return true;
}

static void serve(void *arg)
{
    struct server *s = arg;
    while (!atomic_load(&s->stop)) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        if (poll(&p, 1, 20) == 0)
            continue;
        int fd = accept(s->fd, NULL, NULL);
        atomic_fetch_add(&s->connections, 1);
        while (read_request(s, fd)) {
            atomic_fetch_add(&s->requests, 1);
            if (!answer(s, fd))
                break;
        }
        close(fd);
    }
}

static struct server *server_start(void)
{
    struct server *s = arena_new(test_arena(), struct server);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(s->fd, 16) == 0);
    CHECK(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    s->port = ntohs(at.sin_port);
    s->thread = thread_start("test-http", serve, s);
    return s;
}

static void server_stop(struct server *s)
{
    atomic_store(&s->stop, true);
    thread_join(s->thread);
    close(s->fd);
}

static str url_of(const struct server *s, const char *path)
{
    return arena_printf(test_arena(), "http://127.0.0.1:%d%s", s->port, path);
}

static struct http_client *client_with(struct http_client_options options)
{
    struct error err = { 0 };
    struct http_client *client;
    CHECK_OK(http_client_create(&options, &client, &err));
    return client;
}

static str seen(const struct server *s)
{
    return str_make(s->seen, s->seen_n);
}

TEST(answers_come_back_whole)
{
    struct error err = { 0 };
    struct server *s = server_start();
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_call call = { .url = url_of(s, "/ok") };
    struct http_answer got;
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_INT(got.status, 200);
    CHECK_STR(got.body, "hello");
    CHECK_STR(http_answer_header(&got, "X-TWO"), "b");
    CHECK_STR(http_answer_header(&got, "absent"), "");
    call.url = url_of(s, "/missing");
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_INT(got.status, 404);
    call.url = url_of(s, "/chunks");
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_STR(got.body, "abcde");
    call.url = url_of(s, "/interim");
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_STR(got.body, "ok");
    CHECK_STR(http_answer_header(&got, "X-No"), "");
    call.url = url_of(s, "/ok");
    call.method = "HEAD";
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_STR(got.body, "");
    CHECK_INT(atomic_load(&s->connections) <= 2, 1); /* kept; HEAD's body of this server ends one */
    http_client_destroy(client);
    server_stop(s);
}

TEST(what_is_sent_is_what_was_asked_for)
{
    struct error err = { 0 };
    struct server *s = server_start();
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_header headers[] = { { STR("Content-Type"), STR("application/json") },
                                     { STR("X-Empty"), STR("") } };
    struct http_call call = { .method = "POST",
                              .url = url_of(s, "/a/../b%2F?x=1"),
                              .body = STR("{\"a\":1}"),
                              .headers = headers,
                              .headers_n = 2 };
    struct http_answer got;
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK(str_starts(seen(s), STR("POST /a/../b%2F?x=1 HTTP/1.1\r\n")));
    CHECK(str_find(seen(s), STR("Content-Length: 7\r\n")) > 0);
    CHECK(str_find(seen(s), STR("X-Empty:\r\n")) > 0);
    CHECK(str_find(seen(s), STR("Expect")) < 0);
    CHECK(str_ends(seen(s), STR("\r\n\r\n{\"a\":1}")));
    call = (struct http_call){ .method = "DELETE", .url = url_of(s, "/gone") };
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK(str_starts(seen(s), STR("DELETE /gone HTTP/1.1\r\n")));
    CHECK(str_find(seen(s), STR("Content-Type")) < 0);
    http_client_destroy(client);
    server_stop(s);
}

TEST(what_cannot_be_sent_is_refused)
{
    struct error err = { 0 };
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_answer got;
    static const char *const urls[] = { "",
                                        "127.0.0.1",
                                        "ftp://127.0.0.1/",
                                        "file:///etc/passwd",
                                        "http://",
                                        "http://user:pw@127.0.0.1/",
                                        "http://user@127.0.0.1/",
                                        "http://127.0.0.1:99999/",
                                        "http://127.0.0.1/a b",
                                        "http://127.0.0.1/\r\nX: y",
                                        "gopher://127.0.0.1/" };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct http_call call = { .url = str_of(urls[i]) };
        CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_INVALID);
    }
    struct http_header bad[] = { { STR("X"), STR("a\r\nY: b") },
                                 { STR("X Y"), STR("a") },
                                 { STR(""), STR("a") } };
    for (size_t i = 0; i < 3; i++) {
        struct http_call call = { .url = STR("http://127.0.0.1:1/"),
                                  .headers = &bad[i],
                                  .headers_n = 1 };
        CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_INVALID);
    }
    struct http_call call = { .url = STR("http://127.0.0.1:1/"), .method = "GE T" };
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_INVALID);
    http_client_destroy(client);
    client = client_with((struct http_client_options){ .https_only = true });
    call = (struct http_call){ .url = STR("http://127.0.0.1:1/") };
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_DENIED);
    http_client_destroy(client);
}

TEST(broken_answers_are_told_apart)
{
    struct error err = { 0 };
    struct server *s = server_start();
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_answer got;
    static const struct {
        const char *method, *path;
        enum err_code code;
    } cases[] = {
        { "GET", "/short", ERR_UNAVAILABLE },    { "POST", "/short", ERR_UNKNOWN },
        { "GET", "/nothing", ERR_UNAVAILABLE },  { "POST", "/nothing", ERR_UNKNOWN },
        { "PUT", "/nothing", ERR_UNAVAILABLE },  { "GET", "/garbage", ERR_CORRUPT },
        { "GET", "/badchunk", ERR_UNAVAILABLE }, { "GET", "/large-head", ERR_LIMIT },
        { "GET", "/large", ERR_LIMIT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_call call = { .method = cases[i].method,
                                  .url = url_of(s, cases[i].path),
                                  .answer_max = 1000000 };
        CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), cases[i].code);
        CHECK(strstr(err.msg, cases[i].path) == NULL); /* paths may hold secrets */
    }
    http_client_destroy(client);
    server_stop(s);
}

TEST(nobody_listens)
{
    struct error err = { 0 };
    struct server *s = server_start();
    str url = url_of(s, "/ok");
    server_stop(s);
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_call call = { .method = "POST", .url = url };
    struct http_answer got;
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_UNAVAILABLE);
    http_client_destroy(client);
}

static bool ask_to_stop(void *ctx, int status, str piece)
{
    (void)ctx, (void)status, (void)piece;
    return false;
}

TEST(time_and_cancel_end_a_call)
{
    struct error err = { 0 };
    struct server *s = server_start();
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_answer got;
    struct http_call call = { .url = url_of(s, "/silent"), .timeout_ms = 150 };
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_UNAVAILABLE);
    call.method = "POST";
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_UNKNOWN);
    struct cancel cancel = { .deadline_ns = env_monotonic_ns(env_real()) + 200000000 };
    call = (struct http_call){ .url = url_of(s, "/silent"), .cancel = &cancel };
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_CANCELLED);
    call = (struct http_call){ .url = url_of(s, "/ok"), .sink = ask_to_stop };
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_CANCELLED);
    http_client_destroy(client);
    server_stop(s);
}

TEST(redirects_are_followed_when_asked_for)
{
    struct error err = { 0 };
    struct server *s = server_start();
    struct http_client *client = client_with((struct http_client_options){ 0 });
    struct http_answer got;
    struct http_call call = { .url = url_of(s, "/to-ok") };
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_INT(got.status, 302);
    CHECK_STR(got.body, "bye");
    call.redirects_max = 3;
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_INT(got.status, 200);
    CHECK_STR(got.body, "hello");
    call.method = "POST";
    CHECK_OK(http_call(client, &call, test_arena(), &got, &err));
    CHECK_INT(got.status, 302);
    call = (struct http_call){ .url = url_of(s, "/loop"), .redirects_max = 3 };
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_LIMIT);
    call.url = url_of(s, "/to-file");
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_INVALID);
    call.url = url_of(s, "/to-user");
    CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_INVALID);
    http_client_destroy(client);
    server_stop(s);
}

/* A name that resolves to this machine is no way round, nor are the other forms of its address. */
TEST(a_public_client_does_not_reach_this_machine)
{
    struct error err = { 0 };
    struct server *s = server_start();
    struct http_client *client = client_with((struct http_client_options){ .public_only = true });
    static const char *const hosts[] = { "127.0.0.1",  "localhost", "[::1]", "0.0.0.0",
                                         "2130706433", "0x7f.1",    "127.1", "[::ffff:127.0.0.1]" };
    struct http_answer got;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct http_call call = { .url = arena_printf(test_arena(), "http://%s:%d/ok", hosts[i],
                                                      s->port) };
        CHECK_FAILS(http_call(client, &call, test_arena(), &got, &err), ERR_DENIED);
    }
    CHECK_INT(atomic_load(&s->connections), 0);
    http_client_destroy(client);
    server_stop(s);
}

TEST(public_addresses)
{
    static const struct {
        const char *text;
        bool is_public;
    } cases[] = {
        { "8.8.8.8", true },
        { "1.1.1.1", true },
        { "0.0.0.0", false },
        { "10.1.2.3", false },
        { "100.64.0.1", false },
        { "100.128.0.1", true },
        { "127.0.0.1", false },
        { "169.254.169.254", false },
        { "172.15.255.255", true },
        { "172.16.0.1", false },
        { "172.31.255.255", false },
        { "172.32.0.1", true },
        { "192.168.1.1", false },
        { "192.0.0.1", false },
        { "192.0.2.7", false },
        { "198.18.0.1", false },
        { "198.19.255.255", false },
        { "198.20.0.1", true },
        { "198.51.100.1", false },
        { "203.0.113.9", false },
        { "223.255.255.255", true },
        { "224.0.0.1", false },
        { "239.1.1.1", false },
        { "240.0.0.1", false },
        { "255.255.255.255", false },
        { "::", false },
        { "::1", false },
        { "::ffff:127.0.0.1", false },
        { "::ffff:8.8.8.8", true },
        { "::127.0.0.1", false },
        { "64:ff9b::7f00:1", false },
        { "64:ff9b::808:808", true },
        { "64:ff9b:1::1", false },
        { "fe80::1", false },
        { "fc00::1", false },
        { "fd12::1", false },
        { "ff02::1", false },
        { "2001:db8::1", false },
        { "2002:7f00:1::", false },
        { "2002:808:808::", true },
        { "2001:0:1:2:3:4:80ff:fffe", false }, /* Teredo of 127.0.0.1 */
        { "2001:10::1", false },
        { "2606:4700:4700::1111", true },
        { "3fff:1000::1", true },
        { "3fff:0:1::1", false },
        { "4000::1", false },
        { "100::1", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        const struct sockaddr *sa = (const struct sockaddr *)&v4;
        if (inet_pton(AF_INET, cases[i].text, &v4.sin_addr) != 1) {
            CHECK_INT(inet_pton(AF_INET6, cases[i].text, &v6.sin6_addr), 1);
            sa = (const struct sockaddr *)&v6;
        }
        if (http_address_is_public(sa) != cases[i].is_public)
            test_fail(__FILE__, __LINE__, "%s", cases[i].text);
    }
}

static bool ask(void *ctx, size_t i, struct error *err)
{
    struct http_client *client = ((void **)ctx)[0];
    const struct server *s = ((void **)ctx)[1];
    struct arena *a = arena_create(0);
    char url[64];
    struct http_answer got;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/missing", s->port);
    struct http_call call = { .url = str_of(url) };
    bool ok = http_call(client, &call, a, &got, err) &&
              (got.status == 404 || fail(err, ERR_INTERNAL, "status %d of %zu", got.status, i));
    arena_destroy(a);
    return ok;
}

TEST(threads_share_a_client)
{
    struct error err = { 0 };
    struct server *servers[1] = { server_start() };
    struct http_client *client = client_with((struct http_client_options){ .idle_max = 1 });
    void *ctx[] = { client, servers[0] };
    struct pool *pool = pool_create("test", 1, 8);
    CHECK_OK(pool_for(NULL, 20, ask, ctx, &err));
    CHECK_INT(atomic_load(&servers[0]->connections), 1);
    http_client_destroy(client); /* the server serves one connection at a time */
    client = client_with((struct http_client_options){ 0 });
    ctx[0] = client;
    pool_destroy(pool);
    CHECK_OK(pool_for(NULL, 5, ask, ctx, &err));
    http_client_destroy(client);
    server_stop(servers[0]);
}
