/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"

struct queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t room, filled;
    void **items; /* a ring of cap */
    size_t cap, head, n;
    bool closed;
};

struct queue *queue_create(size_t cap)
{
    struct queue *q = calloc(1, sizeof *q);
    void **items = calloc(cap ? cap : 1, sizeof *items);
    pthread_condattr_t attr;
    if (!q || !items)
        panic("out of memory");
    q->items = items;
    q->cap = cap ? cap : 1;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->room, &attr);
    pthread_cond_init(&q->filled, &attr);
    pthread_condattr_destroy(&attr);
    return q;
}

void queue_destroy(struct queue *q)
{
    if (!q)
        return;
    pthread_cond_destroy(&q->room);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    free(q->items);
    free(q);
}

bool queue_push(struct queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    while (q->n == q->cap && !q->closed)
        pthread_cond_wait(&q->room, &q->lock);
    bool ok = !q->closed;
    if (ok) {
        q->items[(q->head + q->n++) % q->cap] = item;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return ok;
}

static bool take(struct queue *q, void **item)
{
    if (q->n == 0)
        return false;
    *item = q->items[q->head];
    q->head = (q->head + 1) % q->cap;
    q->n--;
    pthread_cond_signal(&q->room);
    return true;
}

bool queue_pop(struct queue *q, void **item)
{
    pthread_mutex_lock(&q->lock);
    while (q->n == 0 && !q->closed)
        pthread_cond_wait(&q->filled, &q->lock);
    bool ok = take(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

bool queue_pop_until(struct queue *q, void **item, int64_t timeout_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_us / 1000000;
    until.tv_nsec += timeout_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&q->lock);
    int rc = 0;
    while (q->n == 0 && !q->closed && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&q->filled, &q->lock, &until);
    bool ok = take(q, item);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->room);
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}
