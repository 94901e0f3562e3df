/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"
#include "base/rand.h"

static int64_t real_now_us(struct env *e)
{
    struct timespec t;
    (void)e;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t real_monotonic_ns(struct env *e)
{
    struct timespec t;
    (void)e;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void real_random(struct env *e, void *out, size_t len)
{
    (void)e;
    for (char *p = out; len;) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            panic("no randomness from the system: %s", strerror(errno));
        p += n;
        len -= (size_t)n;
    }
}

static void real_sleep_us(struct env *e, int64_t us)
{
    struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    (void)e;
    while (us > 0 && nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

struct env *env_real(void)
{
    static const struct env_ops ops = { real_now_us, real_monotonic_ns, real_random,
                                        real_sleep_us };
    static struct env real = { &ops };
    return &real;
}

struct fake {
    struct env env;
    pthread_mutex_t lock; /* guards what follows */
    int64_t now_us, elapsed_us, step_us;
    struct rand rand;
};

/* Moves the clock and gives its reading before. */
static int64_t fake_advance(struct fake *f, int64_t us, bool wall)
{
    pthread_mutex_lock(&f->lock);
    int64_t reading = wall ? f->now_us : f->elapsed_us;
    f->now_us += us;
    f->elapsed_us += us;
    pthread_mutex_unlock(&f->lock);
    return reading;
}

static int64_t fake_now_us(struct env *e)
{
    struct fake *f = (struct fake *)e;
    return fake_advance(f, f->step_us, true);
}

static int64_t fake_monotonic_ns(struct env *e)
{
    struct fake *f = (struct fake *)e;
    return fake_advance(f, f->step_us, false) * 1000;
}

static void fake_random(struct env *e, void *out, size_t len)
{
    struct fake *f = (struct fake *)e;
    pthread_mutex_lock(&f->lock);
    rand_bytes(&f->rand, out, len);
    pthread_mutex_unlock(&f->lock);
}

static void fake_sleep_us(struct env *e, int64_t us)
{
    fake_advance((struct fake *)e, us > 0 ? us : 0, true);
}

struct env *env_fake_create(int64_t start_us, int64_t step_us, uint64_t seed)
{
    static const struct env_ops ops = { fake_now_us, fake_monotonic_ns, fake_random,
                                        fake_sleep_us };
    struct fake *f = calloc(1, sizeof *f);
    if (!f)
        panic("out of memory");
    f->env.ops = &ops;
    f->now_us = start_us;
    f->step_us = step_us;
    pthread_mutex_init(&f->lock, NULL);
    rand_init(&f->rand, seed);
    return &f->env;
}

void env_fake_destroy(struct env *e)
{
    if (!e)
        return;
    pthread_mutex_destroy(&((struct fake *)e)->lock);
    free(e);
}

uint64_t env_random_u64(struct env *e)
{
    uint64_t v;
    env_random(e, &v, sizeof v);
    return v;
}
