/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans under way, by id: made on a pool, kept until they are cancelled or some minutes old.  How many there are and
 * how much they hold is bounded.  Thread-safe. */
#ifndef FIRN_SERVER_PLANS_H
#define FIRN_SERVER_PLANS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/thread.h"

struct env;
struct plans;

enum plan_state { PLAN_SUBMITTED, PLAN_COMPLETED, PLAN_FAILED, PLAN_CANCELLED };

/* Plans are made on the pool, which outlives them. */
struct plans *plans_create(struct env *env, struct pool *pool);
/* Cancels and waits for plans under way; NULL is fine. */
void plans_destroy(struct plans *p);

/* Makes a plan's answer on the pool: writes a whole JSON text to `out`.  `ctx` is released in every case. */
struct plan_job {
    bool (*make)(void *ctx, struct cancel *cancel, struct buf *out, struct error *err);
    void (*release)(void *ctx);
    void *ctx;
};

/* Starts one.  *id lives in `a`.  `owner` says what it belongs to (a table): it is found under the same only.
 * ERR_UNAVAILABLE when there are too many already. */
MUST_USE bool plans_submit(struct plans *p, str owner, const struct plan_job *job, struct arena *a,
                           str *id, struct error *err);

/* Where it stands; *body (of a completed one) lives as long as `a`, *failure is why it failed.  ERR_NOT_FOUND. */
MUST_USE bool plans_look(struct plans *p, str owner, str id, struct arena *a,
                         enum plan_state *state, str *body, struct error *failure,
                         struct error *err);

/* Stops it and lets go of its answer.  ERR_NOT_FOUND. */
MUST_USE bool plans_cancel(struct plans *p, str owner, str id, struct error *err);

#endif
