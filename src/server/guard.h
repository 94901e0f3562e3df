/* SPDX-License-Identifier: Apache-2.0
 *
 * What is checked about a request before anything looks at what it asks for.  Pure functions. */
#ifndef FIRN_SERVER_GUARD_H
#define FIRN_SERVER_GUARD_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* "host:port" to listen on; host is a number or localhost.  ERR_INVALID for anything else; ERR_DENIED unless it is localhost,
 * 127.x.x.x or [::1], or requests must show credentials. */
struct listen_address {
    str host; /* without brackets; "127.0.0.1" for localhost */
    bool ipv6;
    bool loopback;
    int port;
};
MUST_USE bool guard_listen_address(str text, bool with_credentials, struct arena *a,
                                   struct listen_address *out, struct error *err);

/* By which names this server may be called, beside those of loopback. */
struct guard_names {
    const str *hosts; /* of firn.yaml */
    size_t hosts_n;
    str listens; /* the address that it listens on */
    bool any;    /* it listens on every address, and no names were given: all are good */
};

/* A Host header (port optional) that names this server; ERR_DENIED otherwise, ERR_INVALID when it is missing.  A page that rebinds its
 * own name to 127.0.0.1 sends its own name. */
MUST_USE bool guard_host(str host, const struct guard_names *names, struct error *err);

/* An Origin header of a request that changes something: absent (empty), or http(s) of this server; else ERR_DENIED. */
MUST_USE bool guard_origin(str origin, const struct guard_names *names, struct error *err);

/* Whether a client's X-Request-Id may be repeated in logs and answers: 1 to 64 letters, digits and "._-". */
bool guard_request_id(str id);

/* Whether an Accept-Encoding header admits this coding: named, or by "*", and not with q=0. */
bool guard_accepts(str header, str coding);

/* Cuts a request target into path and query, and what stands in front of the path of "http://host/path" (empty: nothing);
 * ERR_INVALID when no path is left or it has control characters or bytes above 126. */
MUST_USE bool guard_target(str target, str *authority, str *path, str *query, struct error *err);

/* A header field as it came: the name is a token, the value has no control characters.  ERR_INVALID: two readers might see two
 * different requests in it. */
MUST_USE bool guard_field(str name, str value, struct error *err);

/* How the body's end is told (RFC 9112, section 6): how many Content-Length and Transfer-Encoding fields there are, and the last of the
 * latter.  ERR_INVALID for more than one, for both kinds, and for another encoding than "chunked". */
MUST_USE bool guard_framing(int lengths, int encodings, str encoding, struct error *err);

#endif
