/* SPDX-License-Identifier: Apache-2.0
 *
 * A client is a stock of idle lines; a line is one libcurl handle with at most one connection, used by one call at a time.  So
 * nothing of libcurl is shared between threads but what it guards itself.
 *
 * libcurl sends a request again by itself when a kept connection turns out to be dead before a byte of the answer came.  A server
 * that died between doing and answering looks the same, so requests that must not be done twice go only over connections that were
 * used a moment ago (AGE_POST_S). */
#include "io/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/vec.h"

#define IDLE_MAX 8
#define AGE_S                                                                                      \
    50L /* idle connections older than that are not used again; servers keep them 60 s and more */
#define AGE_POST_S 2L /* by POST and PATCH */
#define POLL_MS 100   /* how often `cancel` is asked */

struct line {
    CURLM *multi;
    CURL *easy;
    struct line *next;
};

struct http_client {
    char *ca_file;
    bool public_only, https_only;
    size_t idle_max;
    pthread_mutex_t lock; /* guards the two below; a leaf */
    struct line *idle;
    size_t idle_n;
};

/* One request of a call; a redirect begins another. */
struct transfer {
    struct http_client *client;
    const struct http_call *call;
    struct arena *a;
    struct buf body;
    VEC(struct http_header) headers;
    size_t head_bytes;
    size_t answer_max;
    CURL *easy;
    str place;         /* "https://host:port", for messages */
    bool may_repeat;   /* doing it twice is doing it once */
    bool refused;      /* an address was not public */
    bool head_too_big; /* limits */
    bool body_too_big;
    bool enough; /* the sink's word */
};

/* ---- Lines ---- */

static void line_destroy(struct line *line)
{
    if (line->easy)
        curl_easy_cleanup(line->easy);
    if (line->multi)
        curl_multi_cleanup(line->multi);
    mem_free(line);
}

static struct line *line_create(void)
{
    struct line *line = mem_new(struct line);
    line->multi = curl_multi_init();
    line->easy = curl_easy_init();
    if (line->multi && line->easy) {
        curl_multi_setopt(line->multi, CURLMOPT_MAXCONNECTS, 1L);
        return line;
    }
    line_destroy(line);
    return NULL;
}

static struct line *line_take(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    struct line *line = client->idle;
    if (line) {
        client->idle = line->next;
        client->idle_n--;
    }
    pthread_mutex_unlock(&client->lock);
    return line ? line : line_create();
}

static void line_give_back(struct http_client *client, struct line *line)
{
    curl_easy_reset(line->easy);
    pthread_mutex_lock(&client->lock);
    bool keep = client->idle_n < client->idle_max;
    if (keep) {
        line->next = client->idle;
        client->idle = line;
        client->idle_n++;
    }
    pthread_mutex_unlock(&client->lock);
    if (!keep)
        line_destroy(line);
}

static bool library_ready;

static void library_init(void)
{
    library_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

bool http_client_create(const struct http_client_options *options, struct http_client **out,
                        struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_init);
    if (!library_ready)
        return fail(err, ERR_INTERNAL, "the HTTP client library does not start");
    struct http_client *client = mem_new(struct http_client);
    pthread_mutex_init(&client->lock, NULL);
    client->public_only = options->public_only;
    client->https_only = options->https_only;
    client->idle_max = options->idle_max ? options->idle_max : IDLE_MAX;
    if (options->ca_file) {
        size_t n = strlen(options->ca_file) + 1;
        client->ca_file = mem_array(char, n);
        memcpy(client->ca_file, options->ca_file, n);
    }
    *out = client;
    return true;
}

void http_client_destroy(struct http_client *client)
{
    if (!client)
        return;
    while (client->idle) {
        struct line *line = client->idle;
        client->idle = line->next;
        line_destroy(line);
    }
    pthread_mutex_destroy(&client->lock);
    mem_free(client->ca_file);
    mem_free(client);
}

/* ---- What a request may look like ---- */

static bool is_token(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') &&
            str_find_char(STR("!#$%&'*+-.^_`|~"), c) < 0)
            return false;
    }
    return s.len > 0 && s.len <= 256;
}

static bool is_field_text(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 127)
            return false;
    return s.len <= HTTP_HEAD_BYTES_MAX;
}

static bool check_call(const struct http_call *call, struct error *err)
{
    str method = str_of(call->method ? call->method : "GET");
    if (!is_token(method) || method.len > 16)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no HTTP method", STR_ARG(method));
    for (size_t i = 0; i < call->headers_n; i++) {
        const struct http_header *h = &call->headers[i];
        if (!is_token(h->name) || !is_field_text(h->value))
            return fail(err, ERR_INVALID, "the header field \"" STR_FMT "\" cannot be sent",
                        STR_ARG(h->name));
    }
    return true;
}

/* Refuses what is no plain http(s) URL, and says where it leads. */
static bool check_url(struct transfer *t, CURLU *u, struct error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *password = NULL;
    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    curl_url_get(u, CURLUPART_USER, &user, 0);
    curl_url_get(u, CURLUPART_PASSWORD, &password, 0);
    bool ok = true;
    if (!scheme || !host || !port || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        ok = fail(err, ERR_INVALID, "the URL is not http:// or https://");
    else if (user || password)
        ok = fail(err, ERR_INVALID, "the URL of %s holds a user's name or password", host);
    else if (t->client->https_only && strcmp(scheme, "https") != 0)
        ok = fail(err, ERR_DENIED, "the URL of %s is not https://", host);
    else
        t->place = arena_printf(t->a, "%s://%s:%s", scheme, host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_free(password);
    return ok;
}

static bool parse_url(struct transfer *t, CURLU *u, str url, struct error *err)
{
    if (url.len > HTTP_URL_BYTES_MAX)
        return fail(err, ERR_INVALID, "the URL is longer than %d bytes", HTTP_URL_BYTES_MAX);
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || (unsigned char)url.ptr[i] >= 127)
            return fail(err, ERR_INVALID, "the URL has a character that must be percent-encoded");
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, arena_cstr(t->a, url), CURLU_PATH_AS_IS);
    if (rc != CURLUE_OK)
        return fail(err, ERR_INVALID, "the URL cannot be read: %s", curl_url_strerror(rc));
    return check_url(t, u, err);
}

/* ---- What comes back ---- */

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    str line = str_make(bytes, size * n), name, value;
    t->head_bytes += line.len;
    if (str_starts(line, STR("HTTP/")))
        t->headers.n = 0; /* of an interim answer (100) */
    if (t->head_bytes > HTTP_HEAD_BYTES_MAX || t->headers.n >= HTTP_HEADERS_MAX) {
        t->head_too_big = true;
        return 0;
    }
    if (!str_starts(line, STR("HTTP/")) && str_cut(line, ':', &name, &value)) {
        struct http_header *h = vec_push(t->a, &t->headers);
        h->name = arena_str(t->a, name);
        h->value = arena_str(t->a, str_trim(value));
    }
    return line.len;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int status_of(CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t on_piece(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    str piece = str_make(bytes, size * n);
    int status = status_of(t->easy);
    if (!t->call->sink || (t->call->redirects_max > 0 && is_redirect(status))) {
        buf_add_str(&t->body, piece);
        t->body_too_big = t->body.overflow;
        return t->body_too_big ? 0 : piece.len;
    }
    t->enough = !t->call->sink(t->call->sink_ctx, status, piece);
    return t->enough ? 0 : piece.len;
}

/* Called with the address that the name was resolved to, just before connecting to it. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;
    (void)purpose;
    if (t->client->public_only && !http_address_is_public(&address->addr)) {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- One transfer ---- */

static long ms_or(int64_t given, int64_t standard)
{
    int64_t ms = given ? given : standard;
    return ms < 0 ? 0L : (long)ms; /* libcurl's 0: no limit */
}

static void set_limits(struct transfer *t)
{
    CURL *e = t->easy;
    const struct http_call *call = t->call;
    long total = ms_or(call->timeout_ms, HTTP_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, total);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     total && total < HTTP_CONNECT_TIMEOUT_MS ? total
                                                              : (long)HTTP_CONNECT_TIMEOUT_MS);
    if (call->idle_timeout_ms > 0) {
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)((call->idle_timeout_ms + 999) / 1000));
    }
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, t->may_repeat ? AGE_S : AGE_POST_S);
}

static void set_trust(struct transfer *t)
{
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (t->client->ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, t->client->ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
}

static void set_body(struct transfer *t, str method)
{
    CURL *e = t->easy;
    const struct http_call *call = t->call;
    bool wants_body = str_is(method, "POST") || str_is(method, "PUT") || str_is(method, "PATCH");
    if (str_is(method, "HEAD")) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (call->body.len || wants_body) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body.len ? call->body.ptr : "");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, arena_cstr(t->a, method));
}

/* A redirect to another place does not take the caller's secrets along. */
static bool is_secret(str name)
{
    static const char *const secret[] = { "Authorization", "Cookie", "X-API-Key",
                                          "Proxy-Authorization" };
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        if (str_eq_nocase(name, str_of(secret[i])))
            return true;
    return false;
}

static struct curl_slist *make_headers(struct transfer *t, bool elsewhere)
{
    const struct http_call *call = t->call;
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool typed = false, agent = false;
    for (size_t i = 0; i < call->headers_n; i++) {
        const struct http_header *h = &call->headers[i];
        typed |= str_eq_nocase(h->name, STR("Content-Type"));
        agent |= str_eq_nocase(h->name, STR("User-Agent"));
        if (elsewhere && is_secret(h->name))
            continue;
        str text = h->value.len ? arena_printf(t->a, STR_FMT ": " STR_FMT, STR_ARG(h->name),
                                               STR_ARG(h->value))
                                : arena_printf(t->a, STR_FMT ";", STR_ARG(h->name));
        list = curl_slist_append(list, text.ptr);
    }
    if (!typed)
        list = curl_slist_append(list, "Content-Type:");
    if (!agent)
        list = curl_slist_append(list, "User-Agent: firn");
    return list;
}

/* Runs the handle to its end, or until the caller has had enough. */
static bool run(struct transfer *t, struct line *line, CURLcode *result, struct error *err)
{
    int running = 1, left;
    bool ok = true;
    *result = CURLE_OK;
    if (curl_multi_add_handle(line->multi, line->easy) != CURLM_OK)
        return fail(err, ERR_INTERNAL, "the HTTP client library refuses a request");
    while (ok && running) {
        CURLMcode rc = curl_multi_perform(line->multi, &running);
        if (rc == CURLM_OK && running)
            rc = curl_multi_poll(line->multi, NULL, 0, POLL_MS, NULL);
        if (rc != CURLM_OK)
            ok = fail(err, ERR_INTERNAL, "the HTTP client library: %s", curl_multi_strerror(rc));
        else if (running)
            ok = cancel_check(t->call->cancel, err);
    }
    for (CURLMsg *m; (m = curl_multi_info_read(line->multi, &left));)
        if (m->msg == CURLMSG_DONE)
            *result = m->data.result;
    curl_multi_remove_handle(line->multi, line->easy);
    return ok;
}

/* ---- Errors ---- */

/* No address, no connection, no trust: nothing was sent. */
static bool fail_unsent(const struct transfer *t, CURLcode rc, const char *text, struct error *err)
{
    switch (rc) {
    case CURLE_COULDNT_CONNECT:
        if (!t->refused)
            return fail(err, ERR_UNAVAILABLE, "connect to " STR_FMT ": %s", STR_ARG(t->place),
                        text);
        fail(err, ERR_DENIED, STR_FMT " is an address of this machine or of a private network",
             STR_ARG(t->place));
        return fail_hint(err, "such addresses must be allowed in firn.yaml");
    case CURLE_PEER_FAILED_VERIFICATION:
        fail(err, ERR_DENIED, "the certificate of " STR_FMT " is not trusted: %s",
             STR_ARG(t->place), text);
        return fail_hint(err, "name a file with the authority's certificate (PEM)");
    case CURLE_SSL_CACERT_BADFILE:
        return fail(err, ERR_INVALID, "%s holds no certificates that can be read",
                    t->client->ca_file ? t->client->ca_file : "the system's certificate file");
    case CURLE_SSL_CONNECT_ERROR:
        return fail(err, ERR_UNAVAILABLE, "no TLS connection with " STR_FMT ": %s",
                    STR_ARG(t->place), text);
    default:
        return fail(err, ERR_UNAVAILABLE, "find the server of " STR_FMT ": %s", STR_ARG(t->place),
                    text);
    }
}

static bool fail_broken(const struct transfer *t, CURLcode rc, const char *text, struct error *err)
{
    curl_off_t sent_at = 0;
    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
    enum err_code code = sent_at > 0 && !t->may_repeat ? ERR_UNKNOWN : ERR_UNAVAILABLE;
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return fail(err, code, STR_FMT " does not answer in time", STR_ARG(t->place));
    return fail(err, code, "the connection with " STR_FMT " broke: %s", STR_ARG(t->place), text);
}

static bool fail_transfer(const struct transfer *t, CURLcode rc, const char *text,
                          struct error *err)
{
    if (!*text)
        text = curl_easy_strerror(rc);
    if (t->body_too_big)
        return fail(err, ERR_LIMIT, "the answer of " STR_FMT " is larger than %zu bytes",
                    STR_ARG(t->place), t->answer_max);
    if (t->head_too_big)
        return fail(err, ERR_LIMIT, "the answer of " STR_FMT " has too many header fields",
                    STR_ARG(t->place));
    if (t->enough)
        return fail(err, ERR_CANCELLED, "the answer was not read to its end");
    switch (rc) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
        return fail_unsent(t, rc, text, err);
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return fail_broken(t, rc, text, err);
    default:
        return fail(err, ERR_CORRUPT, "the answer of " STR_FMT " is not well formed: %s",
                    STR_ARG(t->place), text);
    }
}

/* ---- Calls ---- */

static bool transfer_once(struct transfer *t, struct line *line, CURLU *u, bool elsewhere,
                          int *status, struct error *err)
{
    str method = str_of(t->call->method ? t->call->method : "GET");
    char text[CURL_ERROR_SIZE] = "";
    CURLcode rc;
    curl_easy_reset(line->easy);
    t->easy = line->easy;
    t->headers.n = t->head_bytes = 0;
    buf_clear(&t->body);
    set_limits(t);
    set_trust(t);
    set_body(t, method);
    struct curl_slist *headers = make_headers(t, elsewhere);
    curl_easy_setopt(t->easy, CURLOPT_CURLU, u);
    curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_piece);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    bool ok = run(t, line, &rc, err) && (rc == CURLE_OK || fail_transfer(t, rc, text, err));
    *status = status_of(t->easy);
    curl_slist_free_all(headers);
    return ok;
}

/* Moves `u` to where a redirect leads. */
static bool follow(struct transfer *t, CURLU *u, bool *elsewhere, struct error *err)
{
    struct http_answer seen = { .headers = t->headers.at, .headers_n = t->headers.n };
    str location = http_answer_header(&seen, "Location"), before = t->place;
    if (!parse_url(t, u, location, err))
        return fail_in(err, "a redirect of " STR_FMT, STR_ARG(before));
    if (str_starts(before, STR("https://")) && !str_starts(t->place, STR("https://")))
        return fail(err, ERR_DENIED, STR_FMT " redirects to " STR_FMT ", which has no TLS",
                    STR_ARG(before), STR_ARG(t->place));
    *elsewhere |= !str_eq(before, t->place);
    return true;
}

static bool call_over(struct transfer *t, struct line *line, CURLU *u, int *status,
                      struct error *err)
{
    int left =
        t->call->redirects_max < HTTP_REDIRECTS_MAX ? t->call->redirects_max : HTTP_REDIRECTS_MAX;
    str method = str_of(t->call->method ? t->call->method : "GET");
    bool elsewhere = false, follows = str_is(method, "GET") || str_is(method, "HEAD");
    struct http_answer seen;
    if (!follows)
        left = 0;
    for (;;) {
        if (!transfer_once(t, line, u, elsewhere, status, err))
            return false;
        seen = (struct http_answer){ .headers = t->headers.at, .headers_n = t->headers.n };
        if (!follows || t->call->redirects_max <= 0 || !is_redirect(*status) ||
            !http_answer_header(&seen, "Location").len)
            return true;
        if (left-- == 0)
            return fail(err, ERR_LIMIT, STR_FMT " redirects too often", STR_ARG(t->place));
        if (!follow(t, u, &elsewhere, err))
            return false;
    }
}

bool http_call(struct http_client *client, const struct http_call *call, struct arena *a,
               struct http_answer *answer, struct error *err)
{
    str method = str_of(call->method ? call->method : "GET");
    struct transfer t = { .client = client, .call = call, .a = a };
    t.answer_max = call->answer_max ? call->answer_max : HTTP_ANSWER_MAX;
    t.may_repeat = !str_is(method, "POST") && !str_is(method, "PATCH");
    *answer = (struct http_answer){ 0 };
    if (!check_call(call, err) || !cancel_check(call->cancel, err))
        return false;
    CURLU *u = curl_url();
    bool ok = u ? parse_url(&t, u, call->url, err) : fail(err, ERR_INTERNAL, "out of URL handles");
    struct line *line = ok ? line_take(client) : NULL;
    if (ok && !line)
        ok = fail(err, ERR_INTERNAL, "the HTTP client library gives no handle");
    buf_init(&t.body, t.answer_max);
    if (ok && call_over(&t, line, u, &answer->status, err)) {
        answer->body = arena_str(a, buf_str(&t.body));
        answer->headers = t.headers.at;
        answer->headers_n = t.headers.n;
    } else {
        ok = false;
    }
    buf_deinit(&t.body);
    if (line)
        line_give_back(client, line);
    curl_url_cleanup(u);
    return ok;
}

str http_answer_header(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->headers_n; i++)
        if (str_eq_nocase(answer->headers[i].name, str_of(name)))
            return answer->headers[i].value;
    return (str){ 0 };
}
