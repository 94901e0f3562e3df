/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

struct http {
    struct arena *a;
    char *host, *port;
    str prefix;     /* of paths, without a slash at the end */
    int fd;         /* -1: not connected */
    bool used;      /* an answer has come over this connection */
    struct buf in;  /* bytes received and not yet taken */
    struct buf out; /* the request */
};

bool http_open(str url, struct http **out, struct error *err)
{
    str rest = url, host, port;
    if (!str_starts(rest, STR("http://"))) {
        fail(err, ERR_INVALID, "the server's address must begin with http://, not \"" STR_FMT "\"",
             STR_ARG(url));
        return fail_hint(err, "for example http://127.0.0.1:8181");
    }
    rest = str_from(rest, 7);
    struct arena *a = arena_create(0);
    struct http *h = arena_new(a, struct http);
    ptrdiff_t slash = str_find_char(rest, '/');
    str authority = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
    h->prefix = arena_str(a, slash < 0 ? (str){ 0 } : str_from(rest, (size_t)slash));
    while (str_ends(h->prefix, STR("/")))
        h->prefix.len--;
    if (!str_cut(authority, ':', &host, &port))
        port = STR("80");
    h->a = a;
    h->host = arena_cstr(a, host);
    h->port = arena_cstr(a, port);
    h->fd = -1;
    buf_init(&h->in, HTTP_BODY_MAX);
    buf_init(&h->out, HTTP_BODY_MAX);
    *out = h;
    return true;
}

static void disconnect(struct http *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->used = false;
    buf_clear(&h->in);
}

void http_close(struct http *h)
{
    if (!h)
        return;
    disconnect(h);
    buf_deinit(&h->in);
    buf_deinit(&h->out);
    arena_destroy(h->a);
}

static bool connect_to(struct http *h, struct error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int rc = getaddrinfo(h->host, h->port, &hints, &found), saved = ECONNREFUSED;
    if (rc != 0)
        return fail(err, ERR_UNAVAILABLE, "find the server %s: %s", h->host, gai_strerror(rc));
    for (struct addrinfo *ai = found; ai && h->fd < 0; ai = ai->ai_next) {
        h->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
        if (h->fd >= 0 && connect(h->fd, ai->ai_addr, ai->ai_addrlen) != 0) {
            saved = errno;
            disconnect(h);
        }
    }
    freeaddrinfo(found);
    if (h->fd < 0) {
        fail_errno(err, saved, "connect to the server at %s:%s", h->host, h->port);
        err->code = ERR_UNAVAILABLE;
        return fail_hint(err, "start it with: firn serve --listen %s:%s", h->host, h->port);
    }
    struct timeval timeout = { .tv_sec = HTTP_TIMEOUT_S };
    int one = 1;
    setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return true;
}

static bool send_all(struct http *h, struct error *err)
{
    for (size_t sent = 0; sent < h->out.len;) {
        ssize_t n = send(h->fd, h->out.ptr + sent, h->out.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(err, ERR_UNAVAILABLE, "send to the server at %s:%s: %s", h->host, h->port,
                        strerror(errno));
        sent += (size_t)n;
    }
    return true;
}

/* More bytes into h->in; false at the end of the connection too. */
static bool receive(struct http *h, struct error *err)
{
    char *room = buf_reserve(&h->in, 65536);
    if (!room)
        return fail(err, ERR_LIMIT, "the server's answer is larger than %zu bytes", HTTP_BODY_MAX);
    ssize_t n;
    do {
        n = recv(h->fd, room, 65536, 0);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return fail(err, ERR_UNAVAILABLE, "the server at %s:%s %s", h->host, h->port,
                    n == 0 ? "closed the connection" : strerror(errno));
    h->in.len += (size_t)n;
    return true;
}

/* Takes n bytes off the front of what was received. */
static void take(struct http *h, size_t n)
{
    memmove(h->in.ptr, h->in.ptr + n, h->in.len - n);
    h->in.len -= n;
}

static str header_value(str head, str name)
{
    str line;
    while (str_next(&head, '\n', &line))
        if (str_starts_nocase(line, name))
            return str_trim(str_from(line, name.len));
    return (str){ 0 };
}

static bool read_exactly(struct http *h, size_t n, struct buf *body, struct error *err)
{
    while (h->in.len < n)
        if (!receive(h, err))
            return false;
    buf_add(body, h->in.ptr, n);
    take(h, n);
    return true;
}

static bool read_line(struct http *h, struct arena *a, str *line, struct error *err)
{
    ptrdiff_t end;
    while ((end = str_find_char(buf_str(&h->in), '\n')) < 0)
        if (h->in.len > HTTP_HEAD_MAX)
            return fail(err, ERR_CORRUPT, "the server's answer has a line that is too long");
        else if (!receive(h, err))
            return false;
    *line = arena_str(a, str_trim(str_make(h->in.ptr, (size_t)end)));
    take(h, (size_t)end + 1);
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_chunks(struct http *h, struct arena *a, struct buf *body, struct error *err)
{
    for (;;) {
        str line;
        if (!read_line(h, a, &line, err))
            return false;
        size_t size = 0, digits = 0;
        for (; digits < line.len && digits < 8 && hex_value(line.ptr[digits]) >= 0; digits++)
            size = size * 16 + (size_t)hex_value(line.ptr[digits]);
        if (digits == 0)
            return fail(err, ERR_CORRUPT,
                        "the server's answer is not well formed: chunk size " STR_FMT,
                        STR_ARG(line));
        if (!read_exactly(h, size, body, err) || !read_line(h, a, &line, err))
            return false;
        if (size == 0)
            return true;
    }
}

static bool read_answer(struct http *h, struct arena *a, int *status, struct buf *body,
                        struct error *err)
{
    ptrdiff_t end;
    while ((end = str_find(buf_str(&h->in), STR("\r\n\r\n"))) < 0)
        if (h->in.len > HTTP_HEAD_MAX)
            return fail(err, ERR_CORRUPT, "the server's answer has a head larger than %d bytes",
                        HTTP_HEAD_MAX);
        else if (!receive(h, err))
            return false;
    str head = arena_str(a, str_make(h->in.ptr, (size_t)end + 2));
    int64_t code, length = 0;
    if (!str_starts(head, STR("HTTP/1.")) || !str_to_i64(str_sub(head, 9, 12), &code))
        return fail(err, ERR_CORRUPT, "what answers at %s:%s does not speak HTTP", h->host,
                    h->port);
    *status = (int)code;
    take(h, (size_t)end + 4);
    h->used = true;
    str chunked = header_value(head, STR("transfer-encoding:")),
        size = header_value(head, STR("content-length:"));
    bool ok;
    if (str_eq_nocase(chunked, STR("chunked")))
        ok = read_chunks(h, a, body, err);
    else if (size.len && !str_to_i64(size, &length))
        ok = fail(err, ERR_CORRUPT, "the server's answer has no readable length");
    else
        ok = read_exactly(h, (size_t)length, body, err);
    if (!ok || str_eq_nocase(header_value(head, STR("connection:")), STR("close")))
        disconnect(h);
    return ok && buf_ok(body, "the server's answer", err);
}

static bool try_once(struct http *h, int *status, struct buf *body, struct error *err)
{
    if (h->fd < 0 && !connect_to(h, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = send_all(h, err) && read_answer(h, a, status, body, err);
    arena_destroy(a);
    return ok;
}

bool http_request(struct http *h, const char *method, str path, str content, int *status,
                  struct buf *body, struct error *err)
{
    buf_clear(&h->out);
    buf_clear(body);
    buf_printf(&h->out, "%s " STR_FMT STR_FMT " HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: %zu\r\n",
               method, STR_ARG(h->prefix), STR_ARG(path), h->host, h->port, content.len);
    if (content.len)
        buf_lit(&h->out, "Content-Type: application/json\r\n");
    buf_lit(&h->out, "\r\n");
    buf_add_str(&h->out, content);
    if (!buf_ok(&h->out, "the request", err))
        return false;
    *status = 0;
    bool kept = h->used;
    if (try_once(h, status, body, err))
        return true;
    bool again = kept && *status == 0 && h->in.len == 0;
    disconnect(h);
    if (!again)
        return false;
    *err = (struct error){ 0 };
    return try_once(h, status, body, err);
}
