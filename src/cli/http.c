/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http.h"

#include "codec/json.h"
#include "codec/uri.h"
#include "io/http.h"

#define TOKEN_PATH "/iceberg/v1/oauth/tokens"
#define TOKEN_ANSWER_MAX ((size_t)1 << 20)

struct http {
    struct arena *a;
    struct http_client *client;
    str base;       /* without a slash at the end */
    str credential; /* "id:secret" or empty */
    str header;     /* "Bearer ..." or empty */
    bool fresh;     /* the token was made of the credential for this very request */
};

static bool bad_url(str url, struct error *err)
{
    fail(err, ERR_INVALID,
         "the server's address must begin with http:// or https://, not \"" STR_FMT "\"",
         STR_ARG(url));
    return fail_hint(err, "for example http://127.0.0.1:8181");
}

bool http_open(str url, const struct http_login *login, struct http **out, struct error *err)
{
    struct http_login none = { 0 };
    struct http_client *client;
    if (!login)
        login = &none;
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        return bad_url(url, err);
    if (!http_client_create(&(struct http_client_options){ .ca_file = login->ca_file }, &client,
                            err))
        return false;
    struct arena *a = arena_create(0);
    struct http *h = arena_new(a, struct http);
    h->a = a;
    h->client = client;
    while (str_ends(url, STR("/")))
        url.len--;
    h->base = arena_str(a, url);
    h->credential = arena_str(a, login->credential);
    if (login->token.len)
        h->header = arena_printf(a, "Bearer " STR_FMT, STR_ARG(login->token));
    *out = h;
    return true;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    http_client_destroy(h->client);
    arena_destroy(h->a);
}

/* ---- Logging in ---- */

static str login_form(struct http *h, struct arena *a)
{
    struct buf *form = arena_new(a, struct buf);
    str id, secret;
    buf_init(form, 65536);
    buf_in_arena(form, a);
    str_cut(h->credential, ':', &id, &secret);
    buf_lit(form, "grant_type=client_credentials&client_id=");
    percent_encode(id, form);
    buf_lit(form, "&client_secret=");
    percent_encode(secret, form);
    return buf_str(form);
}

static bool take_token(struct http *h, const struct http_answer *answer, struct arena *a,
                       struct error *err)
{
    struct json *doc;
    struct error unreadable = { 0 };
    bool good = json_parse(answer->body, a, &doc, &unreadable);
    const struct json *token = good ? json_get(doc, "access_token") : NULL,
                      *why = good ? json_get(doc, "error_description") : NULL;
    if (answer->status == 200 && token && token->kind == JSON_STR) {
        h->header = arena_printf(h->a, "Bearer " STR_FMT, STR_ARG(token->s));
        return true;
    }
    if (why && why->kind == JSON_STR)
        return fail(err, ERR_DENIED, "logging in: " STR_FMT, STR_ARG(str_sub(why->s, 0, 300)));
    return fail(err, ERR_DENIED, "logging in was answered with status %d", answer->status);
}

static bool log_in(struct http *h, struct error *err)
{
    struct arena *a = arena_create(0);
    struct http_header type = { STR("Content-Type"), STR("application/x-www-form-urlencoded") };
    struct http_call call = { .method = "POST",
                              .url = arena_printf(a, STR_FMT TOKEN_PATH, STR_ARG(h->base)),
                              .headers = &type,
                              .headers_n = 1,
                              .body = login_form(h, a),
                              .answer_max = TOKEN_ANSWER_MAX };
    struct http_answer answer;
    bool ok = http_call(h->client, &call, a, &answer, err) && take_token(h, &answer, a, err);
    arena_destroy(a);
    h->fresh = ok;
    return ok;
}

/* ---- Requests ---- */

static bool send_once(struct http *h, const char *method, str path, str content, http_pieces sink,
                      void *ctx, int *status, struct error *err)
{
    struct arena *a = arena_create(0);
    struct http_header headers[2];
    struct http_call call = { .method = method,
                              .url =
                                  arena_printf(a, STR_FMT STR_FMT, STR_ARG(h->base), STR_ARG(path)),
                              .headers = headers,
                              .body = content,
                              .timeout_ms = -1,
                              .idle_timeout_ms = HTTP_TIMEOUT_S * 1000,
                              .sink = sink,
                              .sink_ctx = ctx };
    struct http_answer answer;
    if (content.len)
        headers[call.headers_n++] =
            (struct http_header){ STR("Content-Type"), STR("application/json") };
    if (h->header.len)
        headers[call.headers_n++] = (struct http_header){ STR("Authorization"), h->header };
    bool ok = http_call(h->client, &call, a, &answer, err);
    *status = answer.status;
    arena_destroy(a);
    if (!ok && err->code == ERR_UNAVAILABLE && !*err->hint &&
        str_starts(str_of(err->msg), STR("connect to")))
        fail_hint(err, "is it running? (firn serve)");
    return ok;
}

/* What a 401 or 419 says is kept back until it is known whether logging in again helps. */
struct gate {
    http_pieces sink;
    void *ctx;
    bool closed; /* swallow such an answer */
};

static bool is_refused(int status)
{
    return status == 401 || status == 419;
}

static bool pass(void *ctx, int status, str piece)
{
    struct gate *g = ctx;
    return (g->closed && is_refused(status)) || g->sink(g->ctx, status, piece);
}

bool http_stream(struct http *h, const char *method, str path, str content, int *status,
                 http_pieces sink, void *ctx, struct error *err)
{
    struct gate g = { sink, ctx, false };
    *status = 0;
    h->fresh = false;
    if (!h->header.len && h->credential.len && !log_in(h, err))
        return false;
    g.closed = h->credential.len && !h->fresh;
    if (!send_once(h, method, path, content, pass, &g, status, err))
        return false;
    if (!g.closed || !is_refused(*status))
        return true;
    g.closed = false;
    return log_in(h, err) && send_once(h, method, path, content, pass, &g, status, err);
}

static bool into_body(void *ctx, int status, str piece)
{
    (void)status;
    buf_add_str(ctx, piece);
    return true;
}

bool http_request(struct http *h, const char *method, str path, str content, int *status,
                  struct buf *body, struct error *err)
{
    buf_clear(body);
    return http_stream(h, method, path, content, status, into_body, body, err) &&
           buf_ok(body, "the server's answer", err);
}
