/* SPDX-License-Identifier: Apache-2.0
 *
 * What listener.c (sockets, threads, stopping) and exchange.c (one request and its answer) share. */
#ifndef FIRN_SERVER_LISTENER_PRIV_H
#define FIRN_SERVER_LISTENER_PRIV_H

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/queue.h"
#include "base/ref.h"
#include "base/thread.h"
#include "server/api.h"
#include "server/auth.h"
#include "server/guard.h"
#include "server/listener.h"
#include "server/pipe.h"
#include "server/tls.h"

#define WAITERS 32 /* threads for routes that wait */

/* Of a slow request: begun -> receiving -> working -> ready | streaming -> (answered).  A fast one goes from receiving to
 * ready at once, on one thread.  While it is `working` the connection sleeps and the worker owns the exchange; the worker's
 * last act on it is to set the next phase and wake the connection. */
enum exchange_phase {
    EXCHANGE_BEGUN,     /* on_target */
    EXCHANGE_RECEIVING, /* on_headers */
    EXCHANGE_WORKING,   /* submit */
    EXCHANGE_READY,     /* finish_work, answer_fast: a whole answer */
    EXCHANGE_STREAMING, /* sink_piece: an answer that comes through the pipe */
    EXCHANGE_ANSWERED   /* queue_answer */
};

/* One request and its answer.  Belongs to its connection, which uses it again for its next request unless a worker holds it. */
struct exchange {
    struct ref ref;
    struct arena *arena; /* of this struct */
    struct listener *listener;
    struct MHD_Connection *mhd;
    _Atomic enum exchange_phase phase;
    struct api_request req;
    struct api_answer answer;
    struct arena *req_arena;
    struct buf body;
    const struct route *route;
    int64_t began_ns;
    int hosts;            /* Host headers seen */
    str host, origin;     /* as sent */
    str authority;        /* of a target "http://host/path" */
    int lengths, codings; /* Content-Length and Transfer-Encoding fields seen */
    str coding;           /* the last of the latter */
    bool
        malformed; /* where it ends, or what it says, is not sure: the connection is closed after the answer */
    str api_key;        /* header X-API-Key */
    bool must_identify; /* who asks is found out by the worker: it may take a while */
    uint64_t body_size; /* Content-Length; 0 when there is none */
    str encoding;       /* Content-Encoding of the request */
    bool packed;        /* its body is gzip */
    bool head;          /* HEAD: as GET, without the body */
    bool refused;       /* the answer is an error that needs no handler */
    bool counted;       /* in in_flight */
    bool shared;        /* a worker has or had a reference: not used again */
    struct cancel cancel;
    struct pipe pipe;
    char id[17];
    /* Guarded by listener->lock. */
    struct exchange *running_next, **running_at; /* NULL: not in the list of slow requests */
    int fd;                                      /* -1: the connection is gone */
};

struct connection {
    struct arena *arena; /* of this struct */
    struct listener *listener;
    struct exchange *x;
    struct auth_memory memory;   /* touched while the connection is awake */
    char peer[INET6_ADDRSTRLEN]; /* its address, without the port */
    int fd;
    atomic_int_least64_t deadline_ns; /* by which the next request must have arrived; 0: none */
    int64_t
        ended_in; /* the watcher's: the deadline of the wait in which the client ended its side */
    struct connection *next, **at; /* guarded by listener->lock */
};

struct listener {
    struct arena *arena;
    struct app *app;
    struct listener_options options;
    struct listen_address address;
    struct guard_names names;
    struct tls *tls; /* NULL: plain HTTP */
    str url;
    int port;
    struct MHD_Daemon *daemon;
    struct queue *queue; /* of slow exchanges, each with a reference */
    struct thread **workers;
    struct queue *waiters_queue; /* as `queue`, of routes that wait */
    struct thread *waiters[WAITERS];
    atomic_int waiting; /* exchanges in waiters_queue or with a waiter */
    struct thread *watcher;
    struct queue *watcher_wake; /* what the watcher sleeps on; nothing is ever put */
    atomic_bool watcher_stop;
    atomic_bool draining; /* every answer closes its connection */
    atomic_int in_flight;
    atomic_uint_least64_t ids;
    uint64_t ids_base;
    pthread_mutex_t lock; /* guards `connections`, `running`, `stopping` */
    struct connection *connections;
    struct exchange *running;
    bool stopping; /* no slow request is taken any more */
};

/* Callbacks of libmicrohttpd, on the thread that owns the connection; `cls` is the listener. */
void *exchange_on_target(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_call(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **state);
void exchange_on_completed(void *cls, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode why);

/* Runs a slow exchange on a worker and drops the queue's reference. */
void exchange_work(struct exchange *x);
/* Asks a slow exchange to stop, wherever it is; listener->lock is held. */
void exchange_cancel(struct exchange *x);
void exchange_unref(struct exchange *x); /* NULL is fine */

/* By when a request must have arrived whole, from now. */
int64_t listener_receive_deadline(const struct listener *l, bool may_idle);

#endif
