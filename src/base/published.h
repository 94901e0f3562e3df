/* SPDX-License-Identifier: Apache-2.0
 *
 * A pointer to something immutable that readers take without a lock and writers replace.  Readers only count themselves in and out of
 * one of two counters; a writer swaps the pointer, then waits until every reader that may have seen the old one has left.
 *
 *   P1  A reader counts itself in before it loads the pointer (all operations are sequentially consistent).
 *   P2  After the swap the writer turns readers to the other counter and waits for the first to reach zero, twice: so it has
 *       seen zero on both, after the swap.  A reader that it did not see counts in later and loads the new pointer.
 *   P3  Readers keep what they took for microseconds; they never wait for writers. */
#ifndef FIRN_BASE_PUBLISHED_H
#define FIRN_BASE_PUBLISHED_H

#include <stdatomic.h>

#include "base/env.h"

#define PUBLISHED_WAIT_US 50

struct published {
    void *_Atomic current;
    _Alignas(64) atomic_uint turn; /* lowest bit: the counter that new readers take */
    _Alignas(64) atomic_long readers[2];
};

static inline void *published_enter(struct published *p, unsigned *ticket)
{
    *ticket = atomic_load(&p->turn) & 1;
    atomic_fetch_add(&p->readers[*ticket], 1);
    return atomic_load(&p->current);
}

static inline void published_leave(struct published *p, unsigned ticket)
{
    atomic_fetch_sub(&p->readers[ticket], 1);
}

/* Returns the old value, which nobody reads any more.  One writer at a time: the caller has a lock. */
static inline void *published_swap(struct published *p, void *now, struct env *env)
{
    void *was = atomic_exchange(&p->current, now);
    for (int i = 0; i < 2; i++) {
        unsigned before = atomic_fetch_add(&p->turn, 1) & 1;
        while (atomic_load(&p->readers[before]) != 0)
            env_sleep_us(env, PUBLISHED_WAIT_US);
    }
    return was;
}

#endif
