/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>
#include <signal.h>

#include "base/ref.h"
#include "base/thread.h"

static void add_one(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void name_and_signals(void *arg)
{
    sigset_t blocked;
    pthread_getname_np(pthread_self(), arg, 32);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    CHECK(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1);
}

TEST(a_thread_has_a_name_and_takes_no_signals)
{
    char name[32] = "";
    thread_join(thread_start("a very long thread name", name_and_signals, name));
    CHECK_STR(str_of(name), "a very long thr");
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    CHECK(!sigismember(&blocked, SIGTERM));
    thread_join(NULL);
    CHECK(cpu_count() >= 1);
}

TEST(destroying_a_pool_waits_for_its_jobs)
{
    atomic_int n = 0;
    struct pool *p = pool_create("jobs", 3, 2);
    CHECK_INT(pool_threads(p), 3);
    for (int i = 0; i < 1000; i++)
        pool_submit(p, add_one, &n);
    pool_destroy(p);
    CHECK_INT(n, 1000);
    pool_destroy(NULL);
}

static struct pool *shared;
static atomic_int ran;

static void submit_more(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        pool_submit(shared, add_one, &ran);
}

TEST(a_job_may_submit_to_its_own_full_pool)
{
    shared = pool_create("jobs", 1, 1);
    for (int i = 0; i < 20; i++)
        pool_submit(shared, submit_more, NULL);
    /* Jobs may still be submitted by running ones: destroy only when all have been counted. */
    while (atomic_load(&ran) < 200)
        env_sleep_us(env_real(), 1000);
    pool_destroy(shared);
    CHECK_INT(ran, 200);
}

#define N 2000
static atomic_int hits[N];

static bool hit(void *ctx, size_t i, struct error *err)
{
    (void)ctx, (void)err;
    atomic_fetch_add(&hits[i], 1);
    return true;
}

TEST(a_loop_runs_every_index_once)
{
    struct error err = { 0 };
    struct pool *p = pool_create("loop", 3, 2);
    for (size_t n = 0; n < 50; n++)
        CHECK_OK(pool_for(p, n, hit, NULL, &err));
    CHECK_OK(pool_for(p, N, hit, NULL, &err));
    CHECK_OK(pool_for(NULL, N, hit, NULL, &err));
    for (size_t i = 0; i < N; i++)
        CHECK_INT(hits[i], 2 + (i < 49 ? 49 - i : 0));
    pool_destroy(p);
}

static atomic_int started;

static bool fail_at_100(void *ctx, size_t i, struct error *err)
{
    (void)ctx;
    atomic_fetch_add(&started, 1);
    return i != 100 || fail(err, ERR_CORRUPT, "index %zu", i);
}

static bool fail_always(void *ctx, size_t i, struct error *err)
{
    (void)ctx;
    return fail(err, ERR_CORRUPT, "index %zu", i);
}

TEST(a_failure_stops_the_loop)
{
    struct error err = { 0 };
    struct pool *p = pool_create("loop", 3, 16);
    CHECK_FAILS(pool_for(NULL, 1000000, fail_at_100, NULL, &err), ERR_CORRUPT);
    CHECK_STR(str_of(err.msg), "index 100");
    CHECK_INT(started, 101);
    CHECK_FAILS(pool_for(p, 100000000, fail_at_100, NULL, &err), ERR_CORRUPT);
    CHECK_STR(str_of(err.msg), "index 100");
    CHECK(started < 50000000);
    /* Index 0 is always started first, and its error is the one that is kept. */
    for (int i = 0; i < 200; i++) {
        CHECK_FAILS(pool_for(p, 1000, fail_always, NULL, &err), ERR_CORRUPT);
        CHECK_STR(str_of(err.msg), "index 0");
    }
    pool_destroy(p);
}

static bool nested(void *ctx, size_t i, struct error *err)
{
    (void)i;
    int depth = *(int *)ctx + 1;
    atomic_fetch_add(&ran, 1);
    return depth == 4 || pool_for(shared, 5, nested, &depth, err);
}

/* With fewer threads than loops, each of them waiting for the others would never end. */
TEST(loops_nest_without_deadlock)
{
    struct error err = { 0 };
    shared = pool_create("loop", 2, 1);
    int depth = 0;
    CHECK_OK(pool_for(shared, 5, nested, &depth, &err));
    CHECK_INT(ran, 5 + 25 + 125 + 625);
    pool_destroy(shared);
}

static pthread_barrier_t together;

static bool meet(void *ctx, size_t i, struct error *err)
{
    (void)ctx, (void)i, (void)err;
    pthread_barrier_wait(&together);
    return true;
}

/* Three calls meet at a barrier: only possible when two pool threads and the caller run them. */
TEST(the_caller_and_the_pool_work_at_the_same_time)
{
    struct error err = { 0 };
    struct pool *p = pool_create("loop", 2, 8);
    pthread_barrier_init(&together, NULL, 3);
    CHECK_OK(pool_for(p, 3, meet, NULL, &err));
    pool_destroy(p);
    pthread_barrier_destroy(&together);
}

static atomic_bool release_busy;

static void stay_busy(void *arg)
{
    (void)arg;
    while (!atomic_load(&release_busy))
        env_sleep_us(env_real(), 500);
}

TEST(a_busy_pool_does_not_hold_a_loop_up)
{
    struct error err = { 0 };
    struct pool *p = pool_create("loop", 1, 4);
    pool_submit(p, stay_busy, NULL);
    CHECK_OK(pool_for(p, N, hit, NULL, &err)); /* the caller alone */
    atomic_store(&release_busy, true);
    pool_destroy(p);
}

static void loops(void *arg)
{
    struct error err = { 0 };
    for (int i = 0; i < 200; i++)
        CHECK_OK(pool_for(arg, 20, hit, NULL, &err));
}

TEST(several_threads_share_a_pool)
{
    struct pool *p = pool_create("loop", 2, 3);
    struct thread *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = thread_start("caller", loops, p);
    for (int i = 0; i < 3; i++)
        thread_join(t[i]);
    pool_destroy(p);
    for (int i = 0; i < 20; i++)
        CHECK_INT(hits[i], 600);
}

TEST(cancellation_and_deadline)
{
    struct error err = { 0 };
    struct cancel c = { 0 };
    CHECK(cancel_check(NULL, &err) && cancel_check(&c, &err));
    c.deadline_ns = env_monotonic_ns(env_real()) + 60000000000;
    CHECK(cancel_check(&c, &err));
    c.deadline_ns = env_monotonic_ns(env_real()) - 1;
    CHECK_FAILS(cancel_check(&c, &err), ERR_CANCELLED);
    CHECK_STR(str_of(err.msg), "the deadline passed");
    c.deadline_ns = 0;
    atomic_store(&c.requested, true);
    CHECK_FAILS(cancel_check(&c, &err), ERR_CANCELLED);
}

static void get_and_put(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        ref_get(arg);
        CHECK(!ref_put(arg));
    }
}

TEST(the_last_reference_is_told)
{
    struct ref r;
    ref_init(&r);
    struct thread *a = thread_start("a", get_and_put, &r), *b = thread_start("b", get_and_put, &r);
    thread_join(a);
    thread_join(b);
    ref_get(&r);
    CHECK(!ref_put(&r));
    CHECK(ref_put(&r));
}
