/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to other servers, over libcurl: HTTP/1.1, TLS with the certificate checked, answers bounded, redirects followed only
 * when asked for, nothing taken from the environment (no proxy, no .netrc, no cookies).
 *
 * Addresses that users give (webhooks, key sets) may name machines that only this one can reach.  A client with `public_only`
 * looks at the address that is connected to, after the name has been resolved, so a name that changes its mind is no way round. */
#ifndef FIRN_IO_HTTP_H
#define FIRN_IO_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct cancel;
struct sockaddr;
struct http_client;

#define HTTP_URL_BYTES_MAX 8192
#define HTTP_HEAD_BYTES_MAX 65536 /* all header fields of an answer together */
#define HTTP_HEADERS_MAX 128      /* header fields of an answer */
#define HTTP_ANSWER_MAX ((size_t)16 << 20)
#define HTTP_TIMEOUT_MS 30000
#define HTTP_CONNECT_TIMEOUT_MS 10000
#define HTTP_REDIRECTS_MAX 10

struct http_header {
    str name, value;
};

/* 0, NULL, false anywhere: the default. */
struct http_client_options {
    const char *ca_file; /* PEM with the authorities to trust instead of the system's */
    bool
        public_only; /* refuse loopback, private, link-local, shared, multicast, reserved addresses */
    bool https_only;
    size_t idle_max; /* connections kept between calls: 8 */
};

/* A client keeps connections open and is shared by all threads.  Never fails but for ERR_INTERNAL. */
MUST_USE bool http_client_create(const struct http_client_options *options,
                                 struct http_client **out, struct error *err);
/* No call may be under way.  NULL is fine. */
void http_client_destroy(struct http_client *client);

/* Takes the body of an answer piece by piece; false: enough, the call then fails with ERR_CANCELLED. */
typedef bool (*http_sink)(void *ctx, int status, str piece);

/* One request.  0 anywhere: the default. */
struct http_call {
    const char *method; /* "GET" */
    str url;            /* http or https; user information in it is refused */
    const struct http_header *headers;
    size_t headers_n;
    str body;                /* with its Content-Type among the headers; Content-Length is added */
    size_t answer_max;       /* bytes of the answer's body: HTTP_ANSWER_MAX */
    int64_t timeout_ms;      /* for all of it: HTTP_TIMEOUT_MS; below 0: no limit */
    int64_t idle_timeout_ms; /* without a byte: none but timeout_ms (whole seconds, rounded up) */
    int redirects_max;       /* followed, of GET and HEAD; 0: a redirect is an answer like others */
    struct cancel *cancel;   /* asked ten times a second; may be NULL */
    http_sink sink; /* takes the body instead of answer->body, of the last redirect's answer only */
    void *sink_ctx;
};

struct http_answer {
    int status;
    str body;
    const struct http_header *headers; /* as sent, in order */
    size_t headers_n;
};

/* Makes the request; any status is a success.  The answer lives in `a`.  ERR_INVALID for an URL or header that cannot be sent,
 * ERR_DENIED for an address that is not public, a certificate that is not trusted, or a redirect from https to http; ERR_LIMIT for
 * an answer over the limits; ERR_UNAVAILABLE when there is no connection, it breaks or the time is over; ERR_UNKNOWN for the last
 * two after a POST or PATCH was sent: it may have been carried out; ERR_CORRUPT for an answer that is not HTTP; ERR_CANCELLED when
 * cancelled.  Texts name scheme, host and port, never path, query or headers, which may hold secrets.  Any thread. */
MUST_USE bool http_call(struct http_client *client, const struct http_call *call, struct arena *a,
                        struct http_answer *answer, struct error *err);

/* The value of the first header field of this name (any case), empty when there is none. */
str http_answer_header(const struct http_answer *answer, const char *name);

/* Whether an IPv4 or IPv6 address can be that of a server on the public Internet: none of the ranges that IANA's
 * special-purpose registries call not globally reachable, also inside IPv4-mapped, 6to4, Teredo and NAT64 addresses. */
bool http_address_is_public(const struct sockaddr *address);

#endif
