/* SPDX-License-Identifier: Apache-2.0 */
#include "server/plans.h"

#include "base/env.h"
#include "test.h"

#define MINUTE_US 60000000LL

/* A plan that waits until it is let go, or cancelled. */
struct work {
    atomic_bool go, begun, cancelled, released;
    bool fails;
    size_t bytes;
};

static bool make(void *ctx, struct cancel *cancel, struct buf *out, struct error *err)
{
    struct work *w = ctx;
    atomic_store(&w->begun, true);
    while (!atomic_load(&w->go)) {
        if (!cancel_check(cancel, err)) {
            atomic_store(&w->cancelled, true);
            return false;
        }
        env_sleep_us(env_real(), 200);
    }
    for (size_t i = 0; i < w->bytes; i++)
        buf_add_char(out, 'x');
    return !w->fails || fail(err, ERR_CORRUPT, "a manifest is damaged");
}

static void release(void *ctx)
{
    atomic_store(&((struct work *)ctx)->released, true);
}

static str submit(struct plans *p, struct work *w)
{
    struct error err;
    str id;
    struct plan_job job = { make, release, w };
    CHECK_OK(plans_submit(p, STR("table"), &job, test_arena(), &id, &err));
    return id;
}

static enum plan_state state_of(struct plans *p, str id, str *body)
{
    struct error err, failure;
    enum plan_state state;
    CHECK_OK(plans_look(p, STR("table"), id, test_arena(), &state, body, &failure, &err));
    if (state == PLAN_FAILED)
        CHECK_STR(str_of(failure.msg), "a manifest is damaged");
    return state;
}

static void wait_for(struct plans *p, str id, enum plan_state wanted)
{
    str body;
    for (int i = 0; i < 5000 && state_of(p, id, &body) != wanted; i++)
        env_sleep_us(env_real(), 1000);
    CHECK_INT(state_of(p, id, &body), wanted);
}

TEST(a_plan_is_submitted_completed_and_forgotten)
{
    struct pool *pool = pool_create("plans", 2, 8);
    struct env *env = env_fake_create(0, 1, test_seed());
    struct plans *p = plans_create(env, pool);
    struct work w = { .bytes = 10 }, bad = { .fails = true, .go = true };
    struct error err, failure;
    enum plan_state state;
    str body, id = submit(p, &w);
    CHECK_INT(state_of(p, id, &body), PLAN_SUBMITTED);
    atomic_store(&w.go, true);
    wait_for(p, id, PLAN_COMPLETED);
    CHECK(state_of(p, id, &body) == PLAN_COMPLETED && body.len == 10);
    CHECK(atomic_load(&w.released));
    CHECK_FAILS(plans_look(p, STR("other"), id, test_arena(), &state, &body, &failure, &err),
                ERR_NOT_FOUND);
    wait_for(p, submit(p, &bad), PLAN_FAILED);
    env_sleep_us(env, 11 * MINUTE_US);
    CHECK_FAILS(plans_look(p, STR("table"), id, test_arena(), &state, &body, &failure, &err),
                ERR_NOT_FOUND);
    plans_destroy(p);
    pool_destroy(pool);
    env_fake_destroy(env);
}

TEST(a_plan_under_way_is_cancelled)
{
    struct pool *pool = pool_create("plans", 2, 8);
    struct plans *p = plans_create(env_real(), pool);
    struct work w = { 0 };
    struct error err;
    str body, id = submit(p, &w);
    CHECK_OK(plans_cancel(p, STR("table"), id, &err));
    CHECK_INT(state_of(p, id, &body), PLAN_CANCELLED);
    for (int i = 0; i < 5000 && !atomic_load(&w.released); i++)
        env_sleep_us(env_real(), 1000);
    CHECK(atomic_load(&w.cancelled) && atomic_load(&w.released));
    CHECK_INT(state_of(p, id, &body), PLAN_CANCELLED);
    plans_destroy(p);
    pool_destroy(pool);
}

TEST(plans_are_bounded_and_end_with_their_owner)
{
    enum { MANY = 220 };
    struct pool *pool = pool_create("plans", 2, 2 * MANY);
    struct plans *p = plans_create(env_real(), pool);
    struct work *w = arena_array(test_arena(), struct work, MANY);
    struct error err;
    int taken = 0;
    for (int i = 0; i < MANY; i++) {
        str id;
        struct plan_job job = { make, release, &w[i] };
        if (plans_submit(p, STR("table"), &job, test_arena(), &id, &err))
            taken++;
        else
            CHECK(err.code == ERR_UNAVAILABLE && atomic_load(&w[i].released));
    }
    CHECK(taken == 200);
    plans_destroy(p); /* while all wait */
    for (int i = 0; i < MANY; i++)
        CHECK(atomic_load(&w[i].released));
    pool_destroy(pool);
}
