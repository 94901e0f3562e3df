/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounded queue of pointers between threads; closing wakes everybody. */
#ifndef FIRN_BASE_QUEUE_H
#define FIRN_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* cap: items that may wait, at least 1. */
struct queue *queue_create(size_t cap);
void queue_destroy(struct queue *q);              /* NULL is fine; nobody may wait in it any more */
bool queue_push(struct queue *q, void *item);     /* blocks while full; false when closed */
bool queue_try_push(struct queue *q, void *item); /* false when full or closed, at once */
bool queue_pop(struct queue *q, void **item); /* blocks while empty; false when closed and empty */
bool queue_pop_until(struct queue *q, void **item, int64_t timeout_us); /* false on timeout too */
void queue_close(struct queue *q);

#endif
