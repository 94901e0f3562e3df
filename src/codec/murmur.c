/* SPDX-License-Identifier: Apache-2.0
 *
 * MurmurHash3_x86_32 (A. Appleby, public domain algorithm), written for views of bytes. */
#include "codec/murmur.h"

static uint32_t rotate(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

static uint32_t scramble(uint32_t k)
{
    return rotate(k * 0xcc9e2d51, 15) * 0x1b873593;
}

static uint32_t mix(uint32_t h, uint32_t k)
{
    return rotate(h ^ scramble(k), 13) * 5 + 0xe6546b64;
}

static uint32_t finish(uint32_t h, size_t len)
{
    h ^= (uint32_t)len;
    h = (h ^ h >> 16) * 0x85ebca6b;
    h = (h ^ h >> 13) * 0xc2b2ae35;
    return h ^ h >> 16;
}

/* n bytes, n <= 4, little endian. */
static uint32_t load(const char *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint32_t)(unsigned char)p[i] << (8 * i);
    return v;
}

int32_t murmur3_32(str bytes)
{
    uint32_t h = 0;
    size_t i = 0;
    for (; bytes.len - i >= 4; i += 4)
        h = mix(h, load(bytes.ptr + i, 4));
    if (i < bytes.len)
        h ^= scramble(load(bytes.ptr + i, bytes.len - i));
    return (int32_t)finish(h, bytes.len);
}

int32_t murmur3_long(int64_t v)
{
    uint64_t u = (uint64_t)v;
    return (int32_t)finish(mix(mix(0, (uint32_t)u), (uint32_t)(u >> 32)), 8);
}
