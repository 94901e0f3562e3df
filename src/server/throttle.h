/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets by key (a principal, an address): each may take `burst` at once and `rate` a second on the average.  Memory is
 * bounded: of keys that share a place, the one whose bucket is fullest gives way, which costs it nothing.  Thread-safe. */
#ifndef FIRN_SERVER_THROTTLE_H
#define FIRN_SERVER_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct throttle;

/* rate 0: everything is let through. */
struct throttle *throttle_create(double rate, int64_t burst);
void throttle_destroy(struct throttle *t); /* NULL is fine */

/* Takes one from the key's bucket at this time of a clock that never goes back.  False when it is empty; then *wait_s says after how
 * many seconds, at least 1, there will be one again. */
bool throttle_take(struct throttle *t, uint64_t key, int64_t now_ns, int *wait_s);

/* Whether there is one to take, without taking it. */
bool throttle_has(struct throttle *t, uint64_t key, int64_t now_ns, int *wait_s);

/* The key of an address as text: an IPv6 client has a whole /64, so its half counts. */
uint64_t throttle_address_key(str address);

#endif
