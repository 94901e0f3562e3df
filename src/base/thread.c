/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool is a queue of jobs and threads that empty it.
 *
 * pool_for cannot deadlock, whoever calls it: the calling thread works through the indexes itself,
 * and only offers the pool to help.  It waits for helpers that have begun, never for one that is
 * still queued: that one finds the loop closed when its turn comes and drops its reference. */
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/queue.h"
#include "base/ref.h"

#define NAME_MAX_BYTES 15  /* what the kernel keeps */
#define SLICE_NS 200000ULL /* the kernel's own is 3 ms, its least 0.1 ms */

static void *allocate(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        panic("out of memory for %zu bytes", size);
    return p;
}

/* ---- One thread ---- */

struct thread {
    pthread_t id;
    char name[NAME_MAX_BYTES + 1];
    void (*fn)(void *arg);
    void *arg;
};

int cpu_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? n : 1;
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    return NULL;
}

/* What sched_getattr(2) and sched_setattr(2) take; the C library has no declaration of it. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns,
        period_ns; /* of a thread with the ordinary policy, runtime is its slice */
};

void thread_prefer_latency(void)
{
    static _Thread_local bool asked;
    struct attributes attr = { .size = sizeof attr };
    if (asked)
        return;
    asked = true;
    /* Refused or unknown: then the thread runs as before. */
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) != 0 || attr.policy != SCHED_OTHER)
        return;
    attr.runtime_ns = SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

/* Signals stay with the thread that main() runs in. */
struct thread *thread_start(const char *name, void (*fn)(void *arg), void *arg)
{
    struct thread *t = allocate(sizeof *t);
    snprintf(t->name, sizeof t->name, "%.*s", NAME_MAX_BYTES, name);
    t->fn = fn;
    t->arg = arg;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&t->id, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        panic("start thread %s: %s", name, strerror(rc));
    return t;
}

void thread_join(struct thread *t)
{
    if (!t)
        return;
    pthread_join(t->id, NULL);
    free(t);
}

/* ---- Pool ---- */

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct pool {
    struct queue *jobs;
    int n;
    struct thread *threads[];
};

/* The pool that this thread belongs to, if any. */
static _Thread_local const struct pool *own_pool;

static void pool_main(void *arg)
{
    struct pool *p = arg;
    void *item;
    own_pool = p;
    while (queue_pop(p->jobs, &item)) {
        struct job job = *(struct job *)item;
        free(item);
        job.fn(job.arg);
    }
}

struct pool *pool_create(const char *name, int threads, size_t queue_max)
{
    ASSERT(threads > 0);
    struct pool *p = allocate(sizeof *p + (size_t)threads * sizeof p->threads[0]);
    p->jobs = queue_create(queue_max ? queue_max : 1);
    p->n = threads;
    for (int i = 0; i < threads; i++)
        p->threads[i] = thread_start(name, pool_main, p);
    return p;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    queue_close(p->jobs);
    for (int i = 0; i < p->n; i++)
        thread_join(p->threads[i]);
    queue_destroy(p->jobs);
    free(p);
}

int pool_threads(const struct pool *p)
{
    return p->n;
}

static struct job *job_create(void (*fn)(void *arg), void *arg)
{
    struct job *job = allocate(sizeof *job);
    *job = (struct job){ fn, arg };
    return job;
}

static bool try_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
    struct job *job = job_create(fn, arg);
    if (queue_try_push(p->jobs, job))
        return true;
    free(job);
    return false;
}

/* A thread of the pool must not wait for room that only the pool's threads can make. */
void pool_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
    if (own_pool == p) {
        if (!try_submit(p, fn, arg))
            fn(arg);
        return;
    }
    struct job *job = job_create(fn, arg);
    if (!queue_push(p->jobs, job))
        panic("job submitted to a pool that is being destroyed");
}

/* ---- Loops ---- */

struct loop {
    struct ref ref; /* the caller and each offered helper hold one */
    size_t n;
    bool (*fn)(void *ctx, size_t i, struct error *err);
    void *ctx;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t idle;
    int running;     /* helpers inside run_indexes */
    bool closed;     /* the caller is leaving: fn and ctx are gone */
    size_t error_at; /* smallest index that failed; n: none */
    struct error err;
};

static void loop_unref(struct loop *l)
{
    if (!ref_put(&l->ref))
        return;
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->idle);
    free(l);
}

static void keep_error(struct loop *l, size_t i, const struct error *err)
{
    pthread_mutex_lock(&l->lock);
    if (i < l->error_at) {
        l->error_at = i;
        l->err = *err;
    }
    pthread_mutex_unlock(&l->lock);
    atomic_store(&l->stop, true);
}

static void run_indexes(struct loop *l)
{
    while (!atomic_load(&l->stop)) {
        size_t i = atomic_fetch_add(&l->next, 1);
        if (i >= l->n)
            return;
        struct error err = { 0 };
        if (!l->fn(l->ctx, i, &err))
            keep_error(l, i, &err);
    }
}

static void loop_help(void *arg)
{
    struct loop *l = arg;
    pthread_mutex_lock(&l->lock);
    bool join = !l->closed;
    l->running += join;
    pthread_mutex_unlock(&l->lock);
    if (join) {
        run_indexes(l);
        pthread_mutex_lock(&l->lock);
        if (--l->running == 0)
            pthread_cond_signal(&l->idle);
        pthread_mutex_unlock(&l->lock);
    }
    loop_unref(l);
}

static void offer_helpers(struct pool *p, struct loop *l)
{
    for (int k = 0; k < p->n && (size_t)k + 1 < l->n; k++) {
        ref_get(&l->ref);
        if (!try_submit(p, loop_help, l)) {
            loop_unref(l);
            return; /* the pool is busy: the caller goes on alone */
        }
    }
}

bool pool_for(struct pool *p, size_t n, bool (*fn)(void *ctx, size_t i, struct error *err),
              void *ctx, struct error *err)
{
    if (n == 0)
        return true;
    struct loop *l = allocate(sizeof *l);
    ref_init(&l->ref);
    l->n = l->error_at = n;
    l->fn = fn;
    l->ctx = ctx;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->idle, NULL);
    if (p)
        offer_helpers(p, l);
    run_indexes(l);

    pthread_mutex_lock(&l->lock);
    l->closed = true;
    while (l->running > 0)
        pthread_cond_wait(&l->idle, &l->lock);
    bool ok = l->error_at == n;
    if (!ok)
        *err = l->err;
    pthread_mutex_unlock(&l->lock);
    loop_unref(l);
    return ok;
}

/* ---- Cancellation ---- */

bool cancel_check(struct cancel *c, struct error *err)
{
    if (!c)
        return true;
    if (atomic_load_explicit(&c->requested, memory_order_relaxed))
        return fail(err, ERR_CANCELLED, "cancelled by request");
    if (c->deadline_ns == 0)
        return true;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if ((int64_t)t.tv_sec * 1000000000 + t.tv_nsec < c->deadline_ns)
        return true;
    return fail(err, ERR_CANCELLED, "the deadline passed");
}
