/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of commands to a Firn server, over io/http.h: where it is, and what proves who asks.  One thread at a time. */
#ifndef FIRN_CLI_HTTP_H
#define FIRN_CLI_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define HTTP_BODY_MAX ((size_t)4 << 30) /* of an answer that is kept in memory */
#define HTTP_TIMEOUT_S 600              /* without a byte */

struct http;

/* What is shown to the server; all may be empty.  A token or an API key goes as it is; a credential ("id:secret") is turned into
 * a token at the first request, and again when that token has expired. */
struct http_login {
    str token, credential;
    const char
        *ca_file; /* PEM with the authority of the server's certificate; NULL: the system's */
};

/* "http[s]://host[:port]" with an optional path prefix; connects at the first request.  login NULL: none.  ERR_INVALID for another
 * form. */
MUST_USE bool http_open(str url, const struct http_login *login, struct http **out,
                        struct error *err);
void http_close(struct http *h); /* NULL is fine */

/* Sends one request and reads the answer's body into `body` (cleared first).  ERR_UNAVAILABLE when the server does not answer;
 * ERR_UNKNOWN when it fell silent after a request that may have been carried out. */
MUST_USE bool http_request(struct http *h, const char *method, str path, str content, int *status,
                           struct buf *body, struct error *err);

/* Takes an answer's pieces as they come; a false answer ends the request. */
typedef bool (*http_pieces)(void *ctx, int status, str piece);

/* The same, streamed. */
MUST_USE bool http_stream(struct http *h, const char *method, str path, str content, int *status,
                          http_pieces sink, void *ctx, struct error *err);

#endif
