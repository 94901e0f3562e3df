/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <string.h>

/* splitmix64 spreads a small seed over the state. */
static uint64_t spread(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rand_init(struct rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = spread(&seed);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t rand_u64(struct rand *r)
{
    uint64_t *s = r->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rand_u64(r) * n) >> 64);
}

double rand_f64(struct rand *r)
{
    return (double)(rand_u64(r) >> 11) * 0x1p-53;
}

void rand_bytes(struct rand *r, void *out, size_t len)
{
    for (char *p = out; len;) {
        uint64_t v = rand_u64(r);
        size_t n = len < sizeof v ? len : sizeof v;
        memcpy(p, &v, n);
        p += n;
        len -= n;
    }
}
