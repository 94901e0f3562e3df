/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests whose end two readers could see at different places, over a real socket.  After each comes a second request, which asks to
 * close: what was refused must have ended the connection before that one is answered, and what was accepted must
 * have been cut exactly where RFC 9112 says, so that exactly two answers come. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "server/api.h"
#include "server/listener.h"
#include "sql/lake.h"
#include "test.h"

#define NEXT "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define POST "POST /get-online-features HTTP/1.1\r\nHost: localhost\r\n"
#define GET "GET /health HTTP/1.1\r\n"
#define HOST "Host: localhost\r\n"
#define END "\r\n"

static struct app *app;
static struct listener *listener;

static void serve(void)
{
    struct error err = { 0 };
    struct lake_options lake = { .dir = test_tmpdir(), .threads = 1 };
    signal(SIGPIPE, SIG_IGN);
    CHECK_OK(app_open(&lake, &app, &err));
    CHECK_OK(listener_start(app, "127.0.0.1:0", &listener, &err));
}

static void stop(void)
{
    listener_stop(listener, 2000);
    app_close(app);
}

/* Sends all, ends its side, and reads to the end: "400", "200 200", "" when not a word came back. */
static str answers_to(str request)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)listener_port(listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 10 };
    struct buf in = BUF_INIT(1 << 20), out = BUF_INIT(256);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t n = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    while (request.len && (n = send(fd, request.ptr, request.len, MSG_NOSIGNAL)) > 0)
        request = str_from(request, (size_t)n);
    char *room;
    while ((room = buf_reserve(&in, 4096)) && (n = recv(fd, room, 4096, 0)) > 0)
        in.len += (size_t)n;
    CHECK(n == 0 || in.len > 0 || request.len == 0);
    close(fd);
    str rest = buf_str(&in);
    ptrdiff_t at_line;
    while ((at_line = str_find(rest, STR("HTTP/1.1 "))) >= 0) {
        str status = str_sub(rest, (size_t)at_line + 9, (size_t)at_line + 12);
        buf_printf(&out, "%s" STR_FMT, out.len ? " " : "", STR_ARG(status));
        rest = str_from(rest, (size_t)at_line + 12);
    }
    str copy = arena_str(test_arena(), buf_str(&out));
    buf_deinit(&in);
    buf_deinit(&out);
    return copy;
}

#define V(text) STR_INIT(text)

/* Refused: an answer of 4xx or 5xx (of the library's own ones the head comes twice) or none at all, and the connection is
 * over: the request behind is not answered. */
static const struct {
    const char *name;
    str bytes;
} refused[] = {
    { "both lengths", V(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
    { "both lengths, other order",
      V(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n") },
    { "two lengths", V(POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}") },
    { "two different lengths", V(POST "Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}") },
    { "a list of lengths", V(POST "Content-Length: 2, 2\r\n\r\n{}") },
    { "+", V(POST "Content-Length: +2\r\n\r\n{}") },
    { "-", V(POST "Content-Length: -2\r\n\r\n{}") },
    { "hex", V(POST "Content-Length: 0x2\r\n\r\n{}") },
    { "space inside", V(POST "Content-Length: 1 2\r\n\r\n{}") },
    { "overflow", V(POST "Content-Length: 18446744073709551618\r\n\r\n{}") },
    { "no length", V(POST "Content-Length:\r\n\r\n") },
    { "space before the colon", V(POST "Content-Length : 2\r\n\r\n{}") },
    { "xchunked", V(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n") },
    { "gzip, chunked", V(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") },
    { "chunked, identity", V(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n") },
    { "identity", V(POST "Transfer-Encoding: identity\r\n\r\n") },
    { "chunked twice",
      V(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
    { "chunked and identity",
      V(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n") },
    { "vertical tab", V(POST "Transfer-Encoding: \x0b"
                             "chunked\r\n\r\n0\r\n\r\n") },
    { "encoding, space before the colon", V(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n") },
    { "encoding on a line of its own", V(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") },
    { "quoted encoding", V(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n") },
    { "chunked in HTTP/1.0", V("POST /get-online-features HTTP/1.0\r\n" HOST
                               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
    { "first header is a fold", V(GET " Host: localhost\r\n\r\n") },
    { "CR alone", V(GET "Host: localhost\rX: y\r\n\r\n") },
    { "CR alone in a value", V(GET HOST "X: a\rTransfer-Encoding: chunked\r\n\r\n") },
    { "control character", V(GET HOST "X: a\x01"
                                      "b\r\n\r\n") },
    { "space in a name", V(GET HOST "foo bar: x\r\n\r\n") },
    { "bytes in a name", V(GET HOST "f\xc3\xb6\xc3\xb6: x\r\n\r\n") },
    { "no colon", V(GET HOST "foo\r\n\r\n") },
    { "NUL in a name", V(GET HOST "X\0Y: z\r\n\r\n") },
    { "no Host", V(GET "\r\n") },
    { "two Hosts", V(GET HOST HOST "\r\n") },
    { "address and Host differ", V("GET http://evil/health HTTP/1.1\r\n" HOST "\r\n") },
    { "no version", V("GET /health\r\n\r\n") },
    { "HTTP/2 preface", V("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
    { "version in small letters", V("GET /health http/1.1\r\n" HOST "\r\n") },
    { "a word after the version", V("GET /health HTTP/1.1 x\r\n" HOST "\r\n") },
    { "chunk size with sign", V(POST "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n") },
    { "chunk size 0x", V(POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n") },
    { "chunk size overflows",
      V(POST "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n") },
    { "chunk size with blank", V(POST "Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n") },
    { "chunk longer than it says", V(POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n") },
    { "no chunk size", V(POST "Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n") },
};

/* Accepted: the statuses of both requests. */
static const struct {
    const char *name, *statuses;
    str bytes;
} accepted[] = {
    { "plain", "200 200", V(GET HOST "\r\n") },
    { "a body", "422 200", V(POST "Content-Length: 2\r\n\r\n{}") },
    { "blanks around the length", "422 200", V(POST "Content-Length: \t 2\r\n\r\n{}") },
    { "chunks", "422 200",
      V(POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n01\r\n}\r\n0\r\n\r\n") },
    { "Chunked", "422 200", V(POST "Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") },
    { "chunk extension", "422 200",
      V(POST "Transfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\n{}\r\n0;x\r\n\r\n") },
    { "trailers change nothing", "422 200",
      V(POST
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n") },
    { "GET with a body", "200 200",
      V(GET HOST "Content-Length: "
                 "58"
                 "\r\n\r\n"
                 "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Pad: 12345678\r\n\r\n\r\n") },
    { "HEAD without a body", "200 200", V("HEAD /health HTTP/1.1\r\n" HOST "\r\n") },
    { "empty lines first", "200 200", V("\r\n\r\n" GET HOST "\r\n") },
    { "address and Host agree", "200 200",
      V("GET http://LOCALHOST/health HTTP/1.1\r\n" HOST "\r\n") },
    { "upgrade to HTTP/2 is not taken", "200 200",
      V(GET HOST
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n") },
    { "another Host", "403 200", V(GET "Host: evil\r\n\r\n") },
    { "a Host with a path", "403 200", V(GET "Host: localhost/evil\r\n\r\n") },
    { "a Host with a user", "403 200", V(GET "Host: evil@localhost\r\n\r\n") },
    { "a Host after a comma", "403 200", V(GET "Host: localhost,evil\r\n\r\n") },
    { "a Host with a blank", "403 200", V(GET "Host: localhost evil\r\n\r\n") },
    { "CONNECT", "400 200", V("CONNECT localhost:443 HTTP/1.1\r\n" HOST "\r\n") },
    { "OPTIONS *", "400 200", V("OPTIONS * HTTP/1.1\r\n" HOST "\r\n") },
    { "small letters", "405 200", V("get /health HTTP/1.1\r\n" HOST "\r\n") },
    { "dots", "404 200", V("GET /x/../health HTTP/1.1\r\n" HOST "\r\n") },
    { "encoded dots", "404 200", V("GET /x/%2e%2e/health HTTP/1.1\r\n" HOST "\r\n") },
    { "two slashes", "404 200", V("GET //health HTTP/1.1\r\n" HOST "\r\n") },
    { "encoded slash", "404 200", V("GET /%2fhealth HTTP/1.1\r\n" HOST "\r\n") },
    { "encoded letter", "404 200", V("GET /%68ealth HTTP/1.1\r\n" HOST "\r\n") },
    { "encoded NUL", "404 200", V("GET /health%00 HTTP/1.1\r\n" HOST "\r\n") },
    { "semicolon", "404 200", V("GET /health;x=1 HTTP/1.1\r\n" HOST "\r\n") },
    { "fragment", "404 200", V("GET /health#x HTTP/1.1\r\n" HOST "\r\n") },
    { "backslash", "400 200", V("GET \\health HTTP/1.1\r\n" HOST "\r\n") },
    { "bytes", "400 200", V("GET /h\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n") },
    { "page of another site", "403 200",
      V(POST "Origin: https://evil\r\nContent-Length: 2\r\n\r\n{}") },
    { "sandboxed page", "403 200", V(POST "Origin: null\r\nContent-Length: 2\r\n\r\n{}") },
    { "page of another name for this machine", "403 200",
      V(POST "Origin: http://localhost.evil\r\nContent-Length: 2\r\n\r\n{}") },
};

TEST(what_could_be_read_in_two_ways_ends_the_connection)
{
    serve();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        str request =
            arena_join(test_arena(), (const str[]){ refused[i].bytes, STR(NEXT) }, 2, (str){ 0 });
        str got = answers_to(request);
        if (str_find(got, STR("20")) >= 0)
            test_fail(__FILE__, __LINE__, "%s: answered \"" STR_FMT "\"", refused[i].name,
                      STR_ARG(got));
    }
    stop();
}

TEST(all_else_is_cut_where_it_ends)
{
    serve();
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        str request =
            arena_join(test_arena(), (const str[]){ accepted[i].bytes, STR(NEXT) }, 2, (str){ 0 });
        str got = answers_to(request);
        if (!str_is(got, accepted[i].statuses))
            test_fail(__FILE__, __LINE__, "%s: answered \"" STR_FMT "\", wanted \"%s\"",
                      accepted[i].name, STR_ARG(got), accepted[i].statuses);
    }
    stop();
}

TEST(too_large)
{
    serve();
    struct buf b = BUF_INIT(1 << 20);
    buf_lit(&b, "GET /");
    for (int i = 0; i < 40000; i++)
        buf_add_char(&b, 'a');
    buf_lit(&b, " HTTP/1.1\r\n" HOST "\r\n");
    str got = answers_to(buf_str(&b));
    CHECK(got.len == 0 || str_is(got, "414"));
    buf_clear(&b);
    buf_lit(&b, GET HOST "X: ");
    for (int i = 0; i < 40000; i++)
        buf_add_char(&b, 'a');
    buf_lit(&b, "\r\n\r\n");
    got = answers_to(buf_str(&b));
    CHECK(got.len == 0 || str_is(got, "431"));
    buf_clear(&b);
    buf_lit(&b, GET HOST);
    for (int i = 0; i < 3000; i++)
        buf_printf(&b, "X-%d: y\r\n", i);
    buf_lit(&b, "\r\n");
    got = answers_to(buf_str(&b));
    CHECK(got.len == 0 || str_is(got, "431"));
    buf_deinit(&b);
    CHECK_STR(answers_to(STR(NEXT)), "200"); /* and it lives */
    stop();
}

/* One address may hold only so many connections; when one ends there is room again. */
TEST(connections_of_one_address)
{
    struct error err = { 0 };
    struct lake_options lake = { .dir = test_tmpdir(), .threads = 1 };
    struct listener_options o = { .listen = "127.0.0.1:0",
                                  .connections_per_address = 2,
                                  .threads = 1 };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int held[2];
    signal(SIGPIPE, SIG_IGN);
    CHECK_OK(app_open(&lake, &app, &err));
    CHECK_OK(listener_start_with(app, &o, &listener, &err));
    at.sin_port = htons((uint16_t)listener_port(listener));
    for (int i = 0; i < 2; i++) {
        char byte;
        held[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(connect(held[i], (struct sockaddr *)&at, sizeof at) == 0);
        CHECK(send(held[i], GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1, MSG_NOSIGNAL) > 0);
        CHECK(recv(held[i], &byte, 1, 0) == 1);
    }
    CHECK_STR(answers_to(STR(NEXT)), "");
    close(held[0]);
    close(held[1]);
    str got = { 0 };
    for (int i = 0; i < 100 && !str_is(got, "200"); i++) {
        env_sleep_us(env_real(), 20000);
        got = answers_to(STR(NEXT));
    }
    CHECK_STR(got, "200");
    stop();
}
