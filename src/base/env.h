/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam to the world outside that is not storage: clock, randomness, sleep.  Everything that
 * writes a time or makes an id takes a `struct env *`, so that tests can repeat a run exactly. */
#ifndef FIRN_BASE_ENV_H
#define FIRN_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;

struct env_ops {
    int64_t (*now_us)(struct env *e);       /* wall clock, microseconds since 1970 UTC */
    int64_t (*monotonic_ns)(struct env *e); /* never goes back */
    void (*random)(struct env *e, void *out, size_t len); /* unpredictable in the real one */
    void (*sleep_us)(struct env *e, int64_t us);
};

struct env {
    const struct env_ops *ops;
};

/* The real one; a process-wide constant, thread-safe. */
struct env *env_real(void);

/* A repeatable one: the clock starts at start_us and moves by step_us at each reading (and by what
 * is slept); randomness is a generator seeded with `seed`.  Thread-safe. */
struct env *env_fake_create(int64_t start_us, int64_t step_us, uint64_t seed);
void env_fake_destroy(struct env *e);

static inline int64_t env_now_us(struct env *e)
{
    return e->ops->now_us(e);
}
static inline int64_t env_now_ms(struct env *e)
{
    return e->ops->now_us(e) / 1000;
}
static inline int64_t env_monotonic_ns(struct env *e)
{
    return e->ops->monotonic_ns(e);
}
static inline void env_random(struct env *e, void *out, size_t len)
{
    e->ops->random(e, out, len);
}
static inline void env_sleep_us(struct env *e, int64_t us)
{
    e->ops->sleep_us(e, us);
}
/* Eight random bytes as a number. */
uint64_t env_random_u64(struct env *e);

#endif
