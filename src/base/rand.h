/* SPDX-License-Identifier: Apache-2.0
 *
 * A small seeded generator (xoshiro256**) for tests, benchmarks and jitter.  Not for secrets. */
#ifndef FIRN_BASE_RAND_H
#define FIRN_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rand {
    uint64_t s[4];
};

/* Any seed is good; the numbers of a seed never change between versions. */
void rand_init(struct rand *r, uint64_t seed);
uint64_t rand_u64(struct rand *r);
uint64_t rand_below(struct rand *r, uint64_t n); /* 0 <= x < n, n > 0 */
double rand_f64(struct rand *r);                 /* 0 <= x < 1 */
void rand_bytes(struct rand *r, void *out, size_t len);

#endif
