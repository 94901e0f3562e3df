/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"
#include "base/rand.h"
#include "base/time.h"

/* ---- The real one ---- */

static int64_t real_now_us(struct env *e)
{
    (void)e;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static int64_t real_monotonic_ns(struct env *e)
{
    (void)e;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void real_random(struct env *e, void *out, size_t len)
{
    (void)e;
    char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            panic("no randomness from the system");
        p += n;
        len -= (size_t)n;
    }
}

static void real_sleep_us(struct env *e, int64_t us)
{
    (void)e;
    if (us <= 0)
        return;
    struct timespec left = { us / US_PER_S, us % US_PER_S * 1000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}

struct env *env_real(void)
{
    static const struct env_ops ops = { real_now_us, real_monotonic_ns, real_random,
                                        real_sleep_us };
    static struct env env = { &ops };
    return &env;
}

/* ---- The repeatable one ---- */

struct fake {
    struct env env;
    pthread_mutex_t lock; /* guards all below */
    int64_t now_us, step_us;
    struct rand rand;
};

static int64_t fake_read(struct env *e)
{
    struct fake *f = (struct fake *)e;
    pthread_mutex_lock(&f->lock);
    int64_t now = f->now_us;
    f->now_us += f->step_us;
    pthread_mutex_unlock(&f->lock);
    return now;
}

static int64_t fake_monotonic_ns(struct env *e)
{
    return fake_read(e) * 1000;
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
    struct fake *f = (struct fake *)e;
    pthread_mutex_lock(&f->lock);
    if (us > 0)
        f->now_us += us;
    pthread_mutex_unlock(&f->lock);
}

struct env *env_fake_create(int64_t start_us, int64_t step_us, uint64_t seed)
{
    static const struct env_ops ops = { fake_read, fake_monotonic_ns, fake_random, fake_sleep_us };
    struct fake *f = calloc(1, sizeof *f);
    if (!f)
        panic("out of memory for an env");
    f->env.ops = &ops;
    f->now_us = start_us;
    f->step_us = step_us;
    pthread_mutex_init(&f->lock, NULL);
    rand_init(&f->rand, seed);
    return &f->env;
}

void env_fake_destroy(struct env *e)
{
    struct fake *f = (struct fake *)e;
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

uint64_t env_random_u64(struct env *e)
{
    uint64_t v;
    env_random(e, &v, sizeof v);
    return v;
}
