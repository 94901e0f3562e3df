/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 on libmicrohttpd: sockets, limits and threads around api.h.  Fast routes are answered on the thread that
 * owns the socket; slow ones (struct route) run on a bounded pool of workers while their connection sleeps, so that a query
 * never delays a health check or an online read.
 *
 * While access control is off the server listens on loopback only, and believes only requests whose Host is this machine
 * (a page elsewhere that rebinds its name to 127.0.0.1 cannot reach it). */
#ifndef FIRN_SERVER_LISTENER_H
#define FIRN_SERVER_LISTENER_H

#include "base/error.h"
#include "base/str.h"

struct app;
struct listener;

/* 0 anywhere means the default. */
struct listener_options {
    const char
        *listen;  /* "127.0.0.1:8181", "localhost:8181", "[::1]:8181"; port 0: any that is free */
    int threads;  /* that serve sockets: the cores */
    int workers;  /* slow requests side by side: 8 */
    size_t queue; /* slow requests that wait; more are answered 503: 64 */
    unsigned connections;             /* 1024 */
    unsigned connections_per_address; /* as many as in all */
    int idle_s;                       /* a connection without a byte is closed: 60 */
    int receive_s;                    /* for a request to arrive whole: 60 */
    const char *tls_cert, *tls_key;   /* PEM files; NULL: no TLS */
};

/* Listens and serves until listener_stop.  ERR_DENIED for an address that is not loopback while access control is off,
 * ERR_UNAVAILABLE naming a port that is taken, ERR_INVALID for an address that is none, errors of the TLS files.  The app must
 * outlive the listener. */
MUST_USE bool listener_start(struct app *app, const char *listen, struct listener **out,
                             struct error *err);
MUST_USE bool listener_start_with(struct app *app, const struct listener_options *options,
                                  struct listener **out, struct error *err);

/* Where it listens. */
int listener_port(const struct listener *l);
str listener_url(const struct listener *l); /* "http://127.0.0.1:8181"; lives as long as l */

/* Whether other machines can reach it; whether it speaks TLS. */
bool listener_on_network(const struct listener *l);
bool listener_has_tls(const struct listener *l);

/* Reads certificate and key again; fine without TLS. */
MUST_USE bool listener_reload(struct listener *l, struct error *err);

/* Stops accepting, lets requests under way finish for at most deadline_ms, cancels those that are left, closes.
 * Not from a handler.  NULL is fine. */
void listener_stop(struct listener *l, int deadline_ms);

#endif
