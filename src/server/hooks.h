/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks: who wants to be told of events, where, and how far that has got.  Rows of the metadata database, so that every server of
 * a shared one knows them; hook_thread.h delivers.
 *
 * A hook is active, paused (by hand), or dead (its receiver did not take an event HOOK_ATTEMPTS_MAX times, or answered 410).  A dead
 * one keeps its place, and goes on from there when it is made active again. */
#ifndef FIRN_SERVER_HOOKS_H
#define FIRN_SERVER_HOOKS_H

#include "server/events.h"

struct db;
struct env;
struct hooks;

#define HOOKS_MAX 100
#define HOOK_NAME_MAX 100
#define HOOK_URL_MAX 2048
#define HOOK_ATTEMPTS_MAX 12 /* about a day with the pauses of hook_thread.c */
#define HOOK_SECRET_PREFIX "whsec_"

enum hook_state { HOOK_ACTIVE = 1, HOOK_PAUSED, HOOK_DEAD };

struct hook {
    int64_t id;
    str name, url;
    str secret;                /* HOOK_SECRET_PREFIX and base64 of 32 bytes; never shown again */
    str types, ns, table, ref; /* the filter's texts (event_filter_parse) */
    enum hook_state state;
    struct event_cursor cursor;
    int64_t attempts;    /* of the next event, in vain */
    int64_t next_us;     /* not before this time */
    int64_t delivered;   /* events */
    int64_t last_us;     /* last attempt; 0: none yet */
    int64_t last_status; /* its HTTP status; 0: there was no answer */
    str last_error;      /* empty: it was taken */
    int64_t created_us;
    str author;
    int64_t revision; /* moves with every change by hand */
};

/* Makes its tables.  `source` of events is made once: "urn:uuid:...".  The database outlives it. */
MUST_USE bool hooks_open(struct db *db, struct env *env, struct hooks **out, struct error *err);
void hooks_close(struct hooks *h); /* NULL is fine */
str hooks_source(const struct hooks *h);
/* Moves with every change by hand that this process makes. */
uint64_t hooks_changed(const struct hooks *h);

/* Adds a hook with a fresh secret; id, secret, state, created_us are set.  ERR_EXISTS, ERR_LIMIT, ERR_INVALID. */
MUST_USE bool hook_add(struct hooks *h, struct hook *hook, struct arena *a, struct error *err);
MUST_USE bool hook_remove(struct hooks *h, str name, struct error *err); /* ERR_NOT_FOUND */
/* Active: attempts begin anew, at once. */
MUST_USE bool hook_set_state(struct hooks *h, str name, enum hook_state state, struct error *err);
MUST_USE bool hook_get(struct hooks *h, str name, struct arena *a, struct hook *out,
                       struct error *err); /* ERR_NOT_FOUND */
/* Sorted by name. */
MUST_USE bool hook_list(struct hooks *h, struct arena *a, struct hook **out, size_t *n,
                        struct error *err);

/* Keeps how far a delivery got (cursor, state, attempts, next_us, delivered, last_*), unless somebody changed the hook by hand
 * meanwhile. */
MUST_USE bool hook_save(struct hooks *h, const struct hook *hook, struct error *err);

/* Of the servers that share a database one delivers: the lease's holder.  *held says whether `holder` has it now, until
 * `until_us`. */
MUST_USE bool hooks_lease(struct hooks *h, int64_t holder, int64_t until_us, bool *held,
                          struct error *err);

/* "v1," and base64 of HMAC-SHA256 over "id.timestamp.body", as the Standard Webhooks convention has it. */
MUST_USE bool hook_sign(str secret, str id, int64_t timestamp_s, str body, struct arena *a,
                        str *out, struct error *err);

#endif
