/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/queue.h"

#define THREAD_NAME_MAX 16

int cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

struct thread {
    pthread_t id;
    char name[THREAD_NAME_MAX];
    void (*fn)(void *arg);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    return NULL;
}

struct thread *thread_start(const char *name, void (*fn)(void *arg), void *arg)
{
    struct thread *t = calloc(1, sizeof *t);
    if (!t)
        panic("out of memory");
    size_t n = strnlen(name, THREAD_NAME_MAX - 1);
    memcpy(t->name, name, n);
    t->fn = fn;
    t->arg = arg;
    int rc = pthread_create(&t->id, NULL, thread_main, t);
    if (rc != 0)
        panic("start the thread %s: %s", name, strerror(rc));
    return t;
}

void thread_join(struct thread *t)
{
    if (!t)
        return;
    pthread_join(t->id, NULL);
    free(t);
}

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct pool {
    struct queue *jobs;
    struct thread **threads;
    int threads_n;
};

static void pool_main(void *arg)
{
    struct pool *p = arg;
    void *item;
    while (queue_pop(p->jobs, &item)) {
        struct job job = *(struct job *)item;
        free(item);
        job.fn(job.arg);
    }
}

struct pool *pool_create(const char *name, int threads, size_t queue_max)
{
    struct pool *p = calloc(1, sizeof *p);
    struct thread **list = calloc((size_t)threads, sizeof(struct thread *));
    if (!p || !list)
        panic("out of memory");
    p->jobs = queue_create(queue_max);
    p->threads = list;
    p->threads_n = threads;
    for (int i = 0; i < threads; i++)
        p->threads[i] = thread_start(name, pool_main, p);
    return p;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    queue_close(p->jobs);
    for (int i = 0; i < p->threads_n; i++)
        thread_join(p->threads[i]);
    queue_destroy(p->jobs);
    free(p->threads);
    free(p);
}

int pool_threads(const struct pool *p)
{
    return p->threads_n;
}

void pool_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
    struct job *job = malloc(sizeof *job);
    if (!job)
        panic("out of memory");
    *job = (struct job){ fn, arg };
    if (!queue_push(p->jobs, job))
        panic("a job for a pool that is being destroyed");
}

/* One pool_for.  Helpers that the pool starts late, after the caller has finished all indexes, find nothing to do: so the
 * caller never waits for a job that has not begun, and nesting cannot deadlock.  The last one out frees it. */
struct loop {
    bool (*fn)(void *ctx, size_t i, struct error *err);
    void *ctx;
    size_t n;
    atomic_size_t next;
    atomic_int holders;   /* the caller and the jobs submitted */
    pthread_mutex_t lock; /* guards running, failed, err */
    pthread_cond_t idle;
    int running; /* jobs inside loop_run */
    bool failed;
    struct error err;
};

static void loop_release(struct loop *l)
{
    if (atomic_fetch_sub(&l->holders, 1) != 1)
        return;
    pthread_cond_destroy(&l->idle);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void loop_run(struct loop *l)
{
    size_t i;
    while ((i = atomic_fetch_add(&l->next, 1)) < l->n) {
        struct error err = { 0 };
        if (l->fn(l->ctx, i, &err))
            continue;
        atomic_store(&l->next, l->n);
        pthread_mutex_lock(&l->lock);
        if (!l->failed)
            l->err = err;
        l->failed = true;
        pthread_mutex_unlock(&l->lock);
    }
}

static void loop_job(void *arg)
{
    struct loop *l = arg;
    pthread_mutex_lock(&l->lock);
    l->running++;
    pthread_mutex_unlock(&l->lock);
    loop_run(l);
    pthread_mutex_lock(&l->lock);
    if (--l->running == 0)
        pthread_cond_signal(&l->idle);
    pthread_mutex_unlock(&l->lock);
    loop_release(l);
}

bool pool_for(struct pool *p, size_t n, bool (*fn)(void *ctx, size_t i, struct error *err),
              void *ctx, struct error *err)
{
    size_t helpers = p && n > 1 ? (size_t)p->threads_n : 0;
    if (helpers > n - 1)
        helpers = n ? n - 1 : 0;
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        panic("out of memory");
    l->fn = fn;
    l->ctx = ctx;
    l->n = n;
    atomic_init(&l->holders, (int)helpers + 1);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->idle, NULL);
    for (size_t i = 0; i < helpers; i++)
        pool_submit(p, loop_job, l);
    loop_run(l);
    pthread_mutex_lock(&l->lock);
    while (l->running > 0)
        pthread_cond_wait(&l->idle, &l->lock);
    bool ok = !l->failed;
    if (!ok)
        *err = l->err;
    pthread_mutex_unlock(&l->lock);
    loop_release(l);
    return ok;
}

bool cancel_check(struct cancel *c, struct error *err)
{
    if (!c)
        return true;
    if (atomic_load_explicit(&c->requested, memory_order_relaxed))
        return fail(err, ERR_CANCELLED, "cancelled");
    if (!c->deadline_ns)
        return true;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if ((int64_t)t.tv_sec * 1000000000 + t.tv_nsec < c->deadline_ns)
        return true;
    return fail(err, ERR_CANCELLED, "the time limit has passed");
}
