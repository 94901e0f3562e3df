/* SPDX-License-Identifier: Apache-2.0
 *
 * A proxy that breaks connections at the worst moment.  It passes bytes between its clients and a
 * server, and when a client's bytes hold a certain text it may cut the connection before they
 * reach the server (nothing happened), or let them through, wait for the server's answer and cut
 * then (it happened, and the client cannot know).  Tests of databases look for "COMMIT", tests of
 * HTTP for "POST". */
#ifndef FIRN_TESTS_PROXY_H
#define FIRN_TESTS_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PROXY_TEXT_MAX 64

enum proxy_cut {
    PROXY_PASS,
    PROXY_CUT_BEFORE, /* the request is lost */
    PROXY_CUT_AFTER,  /* the answer is lost */
    PROXY_HOLD        /* the answer never comes, and the connection stays */
};

struct proxy {
    const char *listen_at;     /* a port on 127.0.0.1 (0: any), or a socket's path */
    const char *target;        /* likewise */
    char text[PROXY_TEXT_MAX]; /* what a client's bytes are searched for */
    atomic_int next;           /* enum proxy_cut: what to do at the next hit, once */
    atomic_int every;          /* every so many hits are cut by turns, before and after; 0: none */
    atomic_bool refuse;        /* new connections are closed at once */
    atomic_llong hits, before, after, held; /* counted */
    atomic_int live;
    atomic_bool stop;
    int fd, port; /* port: where it listens, when not at a path */
    unsigned long thread;
};

/* Begins to listen; false with errno.  The struct stays the caller's and must outlive the proxy. */
bool proxy_start(struct proxy *p);
/* Stops listening and cuts what is open. */
void proxy_stop(struct proxy *p);

#endif
