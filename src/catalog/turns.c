/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/turns_priv.h"

#include <pthread.h>

#include "base/arena.h"

struct turns {
    struct arena *arena;  /* of this struct */
    pthread_mutex_t lock; /* guards the line; never held during work */
    struct turn *first, *last;
};

struct turns *turns_create(void)
{
    struct arena *a = arena_create(0);
    struct turns *t = arena_new(a, struct turns);
    t->arena = a;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void turns_destroy(struct turns *t)
{
    if (!t)
        return;
    ASSERT(!t->first);
    pthread_mutex_destroy(&t->lock);
    arena_destroy(t->arena);
}

static bool share_key(const struct turn *x, const struct turn *y)
{
    for (size_t i = 0; i < x->n; i++)
        for (size_t j = 0; j < y->n; j++)
            if (str_eq(x->keys[i], y->keys[j]))
                return true;
    return false;
}

static bool must_wait(const struct turn *turn)
{
    for (const struct turn *t = turn->before; t; t = t->before)
        if (share_key(t, turn))
            return true;
    return false;
}

void turn_take(struct turns *t, struct turn *turn, const str *keys, size_t n)
{
    *turn = (struct turn){ .keys = keys, .n = n };
    pthread_cond_init(&turn->ready, NULL);
    pthread_mutex_lock(&t->lock);
    turn->before = t->last;
    *(t->last ? &t->last->after : &t->first) = turn;
    t->last = turn;
    while (must_wait(turn))
        pthread_cond_wait(&turn->ready, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void turn_end(struct turns *t, struct turn *turn)
{
    pthread_mutex_lock(&t->lock);
    *(turn->before ? &turn->before->after : &t->first) = turn->after;
    *(turn->after ? &turn->after->before : &t->last) = turn->before;
    for (struct turn *x = turn->after; x; x = x->after)
        if (share_key(x, turn) && !must_wait(x))
            pthread_cond_signal(&x->ready);
    pthread_mutex_unlock(&t->lock);
    pthread_cond_destroy(&turn->ready);
}
