/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: the only place that makes them.  A pool runs jobs first in, first out; a group waits
 * for a set of them and keeps the first error.  Every blocking kind of work has a pool of its own. */
#ifndef FIRN_BASE_THREAD_H
#define FIRN_BASE_THREAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct pool;

int cpu_count(void); /* cores this process may run on, at least 1 */

/* `name` shows in ps and gdb, at most 15 bytes.  queue_max: jobs that may wait; submit blocks then
 * (a job that submits to its own full pool runs the new job itself). */
struct pool *pool_create(const char *name, int threads, size_t queue_max);
void pool_destroy(struct pool *p); /* waits for submitted jobs; NULL is fine */
int pool_threads(const struct pool *p);
void pool_submit(struct pool *p, void (*fn)(void *arg), void *arg);

/* Runs fn(ctx, i, err) for each i < n on the pool and on the calling thread (p NULL: only there).
 * After a failure no further index is started; the error of the smallest failed index is returned.
 * fn runs concurrently with itself, and may call pool_for on the same pool. */
MUST_USE bool pool_for(struct pool *p, size_t n, bool (*fn)(void *ctx, size_t i, struct error *err),
                       void *ctx, struct error *err);

/* Asks the scheduler to let the calling thread run soon after it wakes, in short slices: for threads that answer from memory beside
 * others that compute.  Done once a thread, whoever made it; older kernels (before Linux 6.12) do not heed it. */
void thread_prefer_latency(void);

/* One thread with a join handle, for long-lived services. */
struct thread;
struct thread *thread_start(const char *name, void (*fn)(void *arg), void *arg);
void thread_join(struct thread *t); /* NULL is fine */

/* Cancellation and deadline of a request; readable from any thread. */
struct cancel {
    atomic_bool requested;
    int64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
};
bool cancel_check(struct cancel *c,
                  struct error *err); /* false with ERR_CANCELLED; c may be NULL */

#endif
