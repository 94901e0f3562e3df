/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"
#include "io/db_priv.h"

void db_slots_init(struct db_slots *s)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->freed, &attr);
    pthread_condattr_destroy(&attr);
}

void db_slots_deinit(struct db_slots *s)
{
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
}

static struct db_conn *free_slot(struct db_slots *s, bool writes)
{
    if (writes)
        return s->writer->taken ? NULL : s->writer;
    struct db_conn *unopened = NULL; /* an open one is better */
    for (size_t i = 0; i < DB_READERS; i++) {
        struct db_conn *c = s->readers[i];
        if (!c->taken && c->open)
            return c;
        if (!c->taken && !unopened)
            unopened = c;
    }
    return unopened;
}

struct db_conn *db_slots_take(struct db_slots *s, bool writes, struct error *err)
{
    int64_t until = env_monotonic_ns(env_real()) + DB_WAIT_US * 1000;
    struct timespec at = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
    struct db_conn *c;
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    while (!(c = free_slot(s, writes)) && rc == 0)
        rc = pthread_cond_timedwait(&s->freed, &s->lock, &at);
    if (c)
        c->taken = true;
    pthread_mutex_unlock(&s->lock);
    if (!c)
        fail(err, ERR_UNAVAILABLE, "metadata database: busy for %lld seconds",
             (long long)(DB_WAIT_US / 1000000));
    return c;
}

void db_slots_give(struct db_slots *s, struct db_conn *c)
{
    pthread_mutex_lock(&s->lock);
    c->taken = false;
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
}
