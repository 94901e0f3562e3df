/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring under one lock.  Waiting is timed by the monotonic clock. */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/time.h"

struct queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t not_empty, not_full;
    size_t cap, head, n;
    bool closed;
    void *items[];
};

struct queue *queue_create(size_t cap)
{
    ASSERT(cap > 0 && cap < SIZE_MAX / sizeof(void *) / 2);
    struct queue *q = calloc(1, sizeof *q + cap * sizeof(void *));
    if (!q)
        panic("out of memory for a queue of %zu", cap);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->not_empty, &attr);
    pthread_cond_init(&q->not_full, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&q->lock, NULL);
    q->cap = cap;
    return q;
}

void queue_destroy(struct queue *q)
{
    if (!q)
        return;
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    free(q);
}

/* The lock is held and there is room. */
static void put(struct queue *q, void *item)
{
    q->items[(q->head + q->n++) % q->cap] = item;
    pthread_cond_signal(&q->not_empty);
}

/* The lock is held.  False when there is nothing. */
static bool take(struct queue *q, void **item)
{
    if (q->n == 0)
        return false;
    *item = q->items[q->head];
    q->head = (q->head + 1) % q->cap;
    q->n--;
    pthread_cond_signal(&q->not_full);
    return true;
}

bool queue_push(struct queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    while (q->n == q->cap && !q->closed)
        pthread_cond_wait(&q->not_full, &q->lock);
    bool ok = !q->closed;
    if (ok)
        put(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

bool queue_try_push(struct queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    bool ok = !q->closed && q->n < q->cap;
    if (ok)
        put(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

bool queue_pop(struct queue *q, void **item)
{
    pthread_mutex_lock(&q->lock);
    while (q->n == 0 && !q->closed)
        pthread_cond_wait(&q->not_empty, &q->lock);
    bool ok = take(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

static struct timespec time_after(int64_t us)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (us > 0) {
        t.tv_sec += us / US_PER_S;
        t.tv_nsec += us % US_PER_S * 1000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
    }
    return t;
}

bool queue_pop_until(struct queue *q, void **item, int64_t timeout_us)
{
    struct timespec until = time_after(timeout_us);
    pthread_mutex_lock(&q->lock);
    while (q->n == 0 && !q->closed)
        if (pthread_cond_timedwait(&q->not_empty, &q->lock, &until) == ETIMEDOUT)
            break;
    bool ok = take(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->lock);
}
