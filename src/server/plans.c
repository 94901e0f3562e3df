/* SPDX-License-Identifier: Apache-2.0
 *
 *   submit ──> SUBMITTED ──finish──> COMPLETED or FAILED ──cancel──> CANCELLED
 *                   └──────cancel──────────────────────────────────────┘
 *
 * An entry that a job still works on is never freed: cancelling sets its flag, and finish() finds it cancelled. */
#include "server/plans.h"

#include <pthread.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/time.h"
#include "codec/uuid.h"

#define PLANS_MAX 200
#define BODY_MAX ((size_t)64 << 20)      /* of one answer */
#define BODIES_MAX ((size_t)256 << 20)   /* of all together */
#define LIFETIME_US (10 * US_PER_MINUTE) /* after it was finished or cancelled */

/* An answer.  Written by its job, then read only, by the list and by whoever fetches it meanwhile. */
struct answer {
    struct ref refs;
    struct buf text;
};

struct plan {
    struct plans *plans;
    char id[UUID_TEXT_LEN + 1];
    struct buf owner;
    struct answer *answer; /* NULL once it was let go */
    struct plan_job job;
    struct cancel cancel;
    enum plan_state state;
    bool running; /* a job holds it */
    int64_t expires_us;
    struct error failure;
    struct plan *next;
};

struct plans {
    struct env *env;
    struct pool *pool;
    pthread_mutex_t
        lock; /* guards the list and all plans in it but cancel, and the answer while running */
    pthread_cond_t idle;
    struct plan *first;
    size_t n, running, bytes;
};

struct plans *plans_create(struct env *env, struct pool *pool)
{
    struct plans *p = mem_new(struct plans);
    p->env = env;
    p->pool = pool;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->idle, NULL);
    return p;
}

static void answer_put(void *arg)
{
    struct answer *x = arg;
    if (!x || !ref_put(&x->refs))
        return;
    buf_deinit(&x->text);
    mem_free(x);
}

static void plan_free(struct plan *plan)
{
    buf_deinit(&plan->owner);
    answer_put(plan->answer);
    mem_free(plan);
}

static void let_go(struct plans *p, struct plan *plan)
{
    if (plan->answer)
        p->bytes -= plan->answer->text.len;
    answer_put(plan->answer);
    plan->answer = NULL;
}

static void sweep(struct plans *p)
{
    int64_t now = env_now_us(p->env);
    for (struct plan **at = &p->first; *at != NULL;) {
        struct plan *plan = *at;
        if (plan->running || plan->expires_us > now) {
            at = &plan->next;
            continue;
        }
        *at = plan->next;
        p->n--;
        let_go(p, plan);
        plan_free(plan);
    }
}

void plans_destroy(struct plans *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    for (struct plan *plan = p->first; plan != NULL; plan = plan->next) {
        atomic_store(&plan->cancel.requested, true);
        plan->expires_us = 0;
    }
    while (p->running > 0)
        pthread_cond_wait(&p->idle, &p->lock);
    while (p->first != NULL) {
        struct plan *plan = p->first;
        p->first = plan->next;
        plan_free(plan);
    }
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* --- jobs --- */

static void finish(struct plan *plan, bool ok, const struct error *err)
{
    struct plans *p = plan->plans;
    pthread_mutex_lock(&p->lock);
    plan->running = false;
    p->running--;
    plan->expires_us = env_now_us(p->env) + LIFETIME_US;
    p->bytes += plan->answer->text.len;
    if (ok && plan->state == PLAN_SUBMITTED && p->bytes > BODIES_MAX) {
        ok = fail(&plan->failure, ERR_UNAVAILABLE, "too many plans are waiting to be fetched");
    } else if (!ok) {
        plan->failure = *err;
    }
    if (plan->state == PLAN_SUBMITTED)
        plan->state = ok ? PLAN_COMPLETED : PLAN_FAILED;
    if (plan->state != PLAN_COMPLETED)
        let_go(p, plan);
    pthread_cond_broadcast(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

static void run(void *arg)
{
    struct plan *plan = arg;
    struct error err = { 0 };
    bool ok = plan->job.make(plan->job.ctx, &plan->cancel, &plan->answer->text, &err) &&
              buf_ok(&plan->answer->text, "the plan", &err);
    plan->job.release(plan->job.ctx);
    finish(plan, ok, &err);
}

static struct plan *new_plan(struct plans *p, str owner, const struct plan_job *job)
{
    struct plan *plan = mem_new(struct plan);
    uint8_t random[16];
    env_random(p->env, random, sizeof random);
    struct uuid u = uuid_v4(random);
    uuid_format(&u, plan->id);
    buf_init(&plan->owner, owner.len + 1);
    buf_add_str(&plan->owner, owner);
    plan->answer = mem_new(struct answer);
    ref_init(&plan->answer->refs);
    buf_init(&plan->answer->text, BODY_MAX);
    plan->plans = p;
    plan->job = *job;
    plan->running = true;
    return plan;
}

bool plans_submit(struct plans *p, str owner, const struct plan_job *job, struct arena *a, str *id,
                  struct error *err)
{
    pthread_mutex_lock(&p->lock);
    sweep(p);
    bool full = p->n >= PLANS_MAX;
    struct plan *plan = full ? NULL : new_plan(p, owner, job);
    if (plan != NULL) {
        plan->next = p->first;
        p->first = plan;
        p->n++;
        p->running++;
        *id = arena_str(a, str_of(plan->id));
    }
    pthread_mutex_unlock(&p->lock);
    if (full) {
        job->release(job->ctx);
        return fail(err, ERR_UNAVAILABLE, "there are %d plans already", PLANS_MAX);
    }
    pool_submit(p->pool, run, plan);
    return true;
}

/* --- looking --- */

static struct plan *find(struct plans *p, str owner, str id, struct error *err)
{
    sweep(p);
    for (struct plan *plan = p->first; plan != NULL; plan = plan->next)
        if (str_is(id, plan->id) && str_eq(buf_str(&plan->owner), owner))
            return plan;
    fail(err, ERR_NOT_FOUND, "Cannot find plan with id " STR_FMT, STR_ARG(str_sub(id, 0, 100)));
    return NULL;
}

bool plans_look(struct plans *p, str owner, str id, struct arena *a, enum plan_state *state,
                str *body, struct error *failure, struct error *err)
{
    struct answer *answer = NULL;
    pthread_mutex_lock(&p->lock);
    const struct plan *plan = find(p, owner, id, err);
    if (plan != NULL) {
        *state = plan->state;
        if (plan->state == PLAN_COMPLETED) {
            answer = plan->answer;
            ref_get(&answer->refs);
        }
        if (plan->state == PLAN_FAILED)
            *failure = plan->failure;
    }
    pthread_mutex_unlock(&p->lock);
    if (answer) {
        arena_defer(a, answer_put, answer);
        *body = buf_str(&answer->text);
    }
    return plan != NULL;
}

bool plans_cancel(struct plans *p, str owner, str id, struct error *err)
{
    pthread_mutex_lock(&p->lock);
    struct plan *plan = find(p, owner, id, err);
    if (plan != NULL) {
        atomic_store(&plan->cancel.requested, true);
        if (!plan->running)
            let_go(p, plan);
        if (plan->state != PLAN_FAILED)
            plan->state = PLAN_CANCELLED;
    }
    pthread_mutex_unlock(&p->lock);
    return plan != NULL;
}
