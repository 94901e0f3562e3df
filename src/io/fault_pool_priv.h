/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers of what the faulty implementations hand out (transactions, batches, cursors): the caller sees the head, which is what
 * the interface says, the real thing is behind it.  Wrappers given back are used again.  Thread-safe. */
#ifndef FIRN_IO_FAULT_POOL_PRIV_H
#define FIRN_IO_FAULT_POOL_PRIV_H

#include <pthread.h>

#include "base/arena.h"
#include "io/fault.h"

#define FAULT_HEAD_BYTES 64

struct fault_wrapper {
    _Alignas(16) char head[FAULT_HEAD_BYTES];
    void *real;
    struct fault_wrapper *next; /* while free */
};

struct fault_pool {
    struct fault *plan;
    struct arena *arena;  /* the implementation's own */
    pthread_mutex_t lock; /* guards arena and free */
    struct fault_wrapper *free;
};

/* The arena is kept until deinit, which destroys it. */
void fault_pool_init(struct fault_pool *p, struct fault *plan, struct arena *a);
void fault_pool_deinit(struct fault_pool *p);

/* A wrapper with an empty head. */
void *fault_wrap(struct fault_pool *p, void *real);
/* Gives the wrapper back and answers what it wrapped. */
void *fault_unwrap(struct fault_pool *p, void *wrapper);

static inline void *fault_real(void *wrapper)
{
    return ((struct fault_wrapper *)wrapper)->real;
}

/* The body of an operation that has nothing to undo, and is a read to the plan. */
#define FAULTY(pool, what, call)                                                                   \
    struct fault *plan_ = (pool)->plan;                                                            \
    bool hit_ = fault_hit(plan_, false);                                                           \
    if (!fault_before(plan_, hit_, (what), err))                                                   \
        return false;                                                                              \
    return fault_after(plan_, hit_, false, call, (what), err)

/* The same for one that opens `real`, which `undo` closes when its answer is lost; the function goes on. */
#define FAULTY_OPEN(pool, what, call, undo)                                                        \
    do {                                                                                           \
        struct fault *plan_ = (pool)->plan;                                                        \
        bool hit_ = fault_hit(plan_, false);                                                       \
        if (!fault_before(plan_, hit_, (what), err))                                               \
            return false;                                                                          \
        bool done_ = call;                                                                         \
        if (!fault_after(plan_, hit_, false, done_, (what), err)) {                                \
            if (done_)                                                                             \
                undo;                                                                              \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

/* And for the end of a batch or transaction: `undo` ends it when it is refused. */
#define FAULTY_COMMIT(pool, is_write, call, undo)                                                  \
    struct fault *plan_ = (pool)->plan;                                                            \
    bool hit_ = fault_hit(plan_, is_write);                                                        \
    if (!fault_before(plan_, hit_, "commit", err)) {                                               \
        undo;                                                                                      \
        return false;                                                                              \
    }                                                                                              \
    return fault_after(plan_, hit_, is_write, call, "commit", err)

#endif
