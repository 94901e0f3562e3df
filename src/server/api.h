/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and their answers, whoever carries them: the HTTP listener (listener.h) or a command of the same process
 * (cli/).  A command is a request too, so each thing is written once, and `--server` costs nothing.
 *
 * One table lists every route with the permission that it needs; a row without one does not compile (router.c).
 * Handlers run on worker threads, one request each, and may block. */
#ifndef FIRN_SERVER_API_H
#define FIRN_SERVER_API_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/thread.h"
#include "codec/json.h"

struct access;
struct auth;
struct features;
struct hooks;
struct upkeep;
struct identity;
struct lake;
struct lru;
struct metrics;
struct models;
struct plans;
struct server_config;

/* What a process serves: the lake and the domains over it.  Made once, used by all threads. */
struct app {
    struct arena *arena; /* of this struct */
    struct lake *lake;
    struct features *features;
    struct models *models;
    struct metrics *metrics;
    struct lru *table_answers;    /* encoded, by metadata file (iceberg_answer.c) */
    struct lru *loads;            /* which of them answers a request, as the catalog stands */
    struct plans *plans;          /* of scans, made while the client waits elsewhere (plans.h) */
    struct auth *auth;            /* who a request comes from (auth.h) */
    struct hooks *hooks;          /* who is told of events (hooks.h) */
    struct upkeep *upkeep;        /* tables that keep themselves in order (upkeep.h) */
    struct server_config *config; /* the server's part of firn.yaml (config.h) */
    int64_t started_us;
    bool
        local_files; /* requests may name files of this machine: true in-process and without credentials on loopback */
};

struct lake_options;

/* This process works for its user alone: requests may name files of this machine, and tables may lie anywhere that the user can
 * reach.  Taken back (false) as soon as others than that user can send requests.  Any thread. */
void app_trust_files(struct app *app, bool trusted);

/* Opens the lake and the domains over it; app_close undoes it, NULL is fine. */
MUST_USE bool app_open(const struct lake_options *options, struct app **out, struct error *err);
void app_close(struct app *app);

enum permission {
    PERMISSION_MISSING, /* what a row without one would have; refused by the compiler */
    PERMISSION_PUBLIC,  /* health, metrics, the page: no data */
    PERMISSION_READ,    /* tables, features, models, their data */
    PERMISSION_WRITE,
    PERMISSION_ADMIN
};

#define API_PARAMS_MAX 8
#define API_BODY_MAX ((size_t)64 << 20)    /* of a request, for routes that take documents */
#define API_BODY_SMALL ((size_t)1 << 20)   /* and for all others */
#define API_ANSWER_MAX ((size_t)256 << 20) /* of an answer that is not streamed */

struct api_request {
    str method; /* "GET" */
    str path; /* as in a URL: percent-encoded, without query; the router cuts it before it decodes */
    str query; /* as it came: "a=1&b=2" */
    str content_type, accept;
    str if_none_match, idempotency_key; /* headers of these names */
    str prefer;                         /* likewise (RFC 7240) */
    str last_event_id;                  /* likewise (server-sent events) */
    bool accepts_gzip;                  /* Accept-Encoding */
    str body;
    str request_id;
    struct arena *arena; /* lives until the answer has been sent */
    struct cancel *cancel;
    struct progress *progress; /* in-process only, else NULL */
    bool in_process;
    const struct identity *
        identity; /* who asks (govern/identity.h), from the credentials shown; NULL: nobody showed any */
    str authorization; /* header of this name: the token endpoint's client credentials */
    str api_key;       /* header X-API-Key */
    str peer;          /* address that the request came from; empty in-process */
    const struct access
        *access; /* set by api_dispatch: what handlers ask and hand down (govern/access.h) */
    str params
        [API_PARAMS_MAX]; /* what stood for {x} in the route, in order, decoded; set by the router */
};

/* Takes a streamed answer piece by piece; false when the receiver is gone: stop. */
typedef bool (*api_sink)(void *ctx, str piece);

struct api_answer {
    int status;       /* 200 */
    str content_type; /* "application/json" */
    struct buf body;  /* memory is the answer's: api_answer_deinit */
    /* Instead of `body`, bytes that live as long as the request's arena: nothing is copied.  api_dispatch copies them into body. */
    str borrowed;
    /* When set it is called after the handler has returned, on the same thread, and writes the body; it releases what
     * it holds in every case.  A failure before the first piece is answered like a handler's.  Later it can only end the body
     * early, unless the format has a place for errors and the stream has written it there (tells_errors). */
    bool (*stream)(void *ctx, api_sink sink, void *sink_ctx, struct error *err);
    void *stream_ctx;
    bool tells_errors;
    str allow;            /* of a 405: the methods that the path has */
    int retry_after_s;    /* 0: no such header */
    str etag;             /* with its quotes; empty: no such header */
    bool gzipped;         /* body or borrowed is packed: Content-Encoding: gzip */
    str www_authenticate; /* of a 401 */
    bool no_store;        /* Cache-Control: no-store, for answers with secrets in them */
};

/* Begin and end of an answer: 200 with an empty JSON body. */
void api_answer_init(struct api_answer *answer);
void api_answer_reset(struct api_answer *answer); /* as new, keeping a small body's memory */
void api_answer_deinit(struct api_answer *answer);

/* Finds the route, checks the permission, runs the handler, turns errors into
 * {"error":{"type":"NotFound","code":404,"message":"...","hint":"..."}}.  Always leaves a full answer; the caller runs
 * answer->stream when it is set. */
void api_dispatch(struct app *app, struct api_request *req, struct api_answer *answer);

/* The value of a query parameter, decoded into the arena; `fallback` when absent. */
str api_query(const struct api_request *req, const char *name, const char *fallback);
MUST_USE bool api_query_int(const struct api_request *req, const char *name, int64_t fallback,
                            int64_t min, int64_t max, int64_t *out, struct error *err);
/* The body as a JSON object; ERR_INVALID (400) with line and column when it is not. */
MUST_USE bool api_body(const struct api_request *req, const struct json **out, struct error *err);

/* A handler answers by writing JSON through `w` (into answer->body) and returning true, or fails. */
typedef bool (*api_handler)(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err);

struct route {
    const char *method,
        *path; /* "/api/tables/{name}"; {name} takes one segment, {name...} the rest */
    enum permission permission;
    api_handler handler;
    const char *summary; /* for the description of the API */
    bool
        slow; /* runs queries or touches the disk: on a worker thread, not on the one that serves sockets */
    bool
        waits; /* a slow one that waits for something to happen: on threads of its own, and ended at once when the server stops */
    size_t body_max;    /* bytes; 0: API_BODY_SMALL */
    bool plus_is_space; /* in parameters, as java.net.URLEncoder writes them */
    bool gzip;          /* answers of some size are packed for who accepts that; slow routes only */
    /* Of a slow route, or NULL: fills in the answer when it is at hand in memory, waits for nothing; false: the handler has to run. */
    bool (*quick)(struct app *app, struct api_request *req, struct api_answer *answer);
    /* Words errors as the route's protocol does; NULL: api_answer_error. */
    void (*failed)(struct api_answer *answer, const struct error *err, int status);
};

/* Writes an error as the API's error object. */
void api_error_json(const struct error *err, struct json_writer *w);

/* Drops what has been answered so far; JSON with this status follows. */
void api_answer_restart(struct api_answer *answer, int status, struct json_writer *w);

/* Makes the answer that error, with this HTTP status (0: the code's own). */
void api_answer_error(struct api_answer *answer, const struct error *err, int status);

#endif
