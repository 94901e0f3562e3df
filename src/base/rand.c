/* SPDX-License-Identifier: Apache-2.0
 *
 * xoshiro256** (Blackman and Vigna, 2018); its state is filled by splitmix64, so that any seed,
 * zero included, gives a good start. */
#include "base/rand.h"

#include <string.h>

#include "base/error.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rand_init(struct rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t rand_u64(struct rand *r)
{
    uint64_t *s = r->s, out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

/* The high half of x * n is uniform once the lowest 2^64 mod n products are refused (Lemire). */
uint64_t rand_below(struct rand *r, uint64_t n)
{
    ASSERT(n > 0);
    uint64_t refuse = (0 - n) % n;
    for (;;) {
        __uint128_t product = (__uint128_t)rand_u64(r) * n;
        if ((uint64_t)product >= refuse)
            return (uint64_t)(product >> 64);
    }
}

double rand_f64(struct rand *r)
{
    return (double)(rand_u64(r) >> 11) * 0x1p-53;
}

void rand_bytes(struct rand *r, void *out, size_t len)
{
    char *p = out;
    while (len > 0) {
        uint64_t v = rand_u64(r);
        size_t n = len < sizeof v ? len : sizeof v;
        memcpy(p, &v, n);
        p += n;
        len -= n;
    }
}
