/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fault_pool_priv.h"

#include <string.h>

void fault_pool_init(struct fault_pool *p, struct fault *plan, struct arena *a)
{
    *p = (struct fault_pool){ .plan = plan, .arena = a };
    pthread_mutex_init(&p->lock, NULL);
}

void fault_pool_deinit(struct fault_pool *p)
{
    struct arena *a = p->arena; /* the pool itself may live in it */
    pthread_mutex_destroy(&p->lock);
    arena_destroy(a);
}

void *fault_wrap(struct fault_pool *p, void *real)
{
    pthread_mutex_lock(&p->lock);
    struct fault_wrapper *w = p->free;
    if (w)
        p->free = w->next;
    else
        w = arena_new(p->arena, struct fault_wrapper);
    pthread_mutex_unlock(&p->lock);
    memset(w->head, 0, sizeof w->head);
    w->real = real;
    return w->head;
}

void *fault_unwrap(struct fault_pool *p, void *wrapper)
{
    struct fault_wrapper *w = wrapper;
    pthread_mutex_lock(&p->lock);
    w->next = p->free;
    p->free = w;
    pthread_mutex_unlock(&p->lock);
    return w->real;
}
