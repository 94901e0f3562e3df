/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting lines: writers of one table in this process plan one after the other, first come first
 * served, instead of planning against a state that will be gone.  It saves work and decides
 * nothing: correctness is the compare-and-set's. */
#ifndef FIRN_CATALOG_TURNS_PRIV_H
#define FIRN_CATALOG_TURNS_PRIV_H

#include <pthread.h>

#include "base/str.h"

struct turns;

struct turns *turns_create(void);
void turns_destroy(struct turns *t); /* NULL is fine */

/* A caller's place in all of its lines; on its stack. */
struct turn {
    const str *keys; /* live as long as the turn */
    size_t n;
    pthread_cond_t ready; /* nobody who came before is in the way any more */
    struct turn *before, *after;
};

/* Waits until nobody who came earlier and shares a key is left.  A thread takes one turn at a
 * time. */
void turn_take(struct turns *t, struct turn *turn, const str *keys, size_t n);
void turn_end(struct turns *t, struct turn *turn);

#endif
