/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HTTP/1.1 client for talking to a Firn server: one keep-alive connection, requests one after the other, no TLS.
 * Names are resolved by the system.  One thread at a time. */
#ifndef FIRN_CLI_HTTP_H
#define FIRN_CLI_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define HTTP_HEAD_MAX 65536             /* status line and header fields of an answer */
#define HTTP_BODY_MAX ((size_t)4 << 30) /* of an answer that is kept in memory */
#define HTTP_TIMEOUT_S 600              /* without a byte */

struct http;

/* "http://host:port" with an optional path prefix; connects at the first request.  ERR_INVALID for another form. */
MUST_USE bool http_open(str url, struct http **out, struct error *err);
void http_close(struct http *h); /* NULL is fine */

/* Sends one request and reads the answer's body into `body` (cleared first).  A kept connection that the server has
 * closed in between is opened again, once, when nothing of the answer had come.  ERR_UNAVAILABLE when the server does not answer. */
MUST_USE bool http_request(struct http *h, const char *method, str path, str content, int *status,
                           struct buf *body, struct error *err);

#endif
