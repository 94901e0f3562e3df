/* SPDX-License-Identifier: Apache-2.0
 *
 * MurmurHash3_x86_32 and MurmurHash3_x64_128 (A. Appleby, public domain algorithms), written for views of bytes. */
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

/* ---- 128 bits. */

#define C1 UINT64_C(0x87c37b91114253d5)
#define C2 UINT64_C(0x4cf5ad432745937f)

static uint64_t rotate64(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

static uint64_t finish64(uint64_t h)
{
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

/* n bytes, n <= 8, little endian. */
static uint64_t load64(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return v;
}

static uint64_t scramble_low(uint64_t k)
{
    return rotate64(k * C1, 31) * C2;
}

static uint64_t scramble_high(uint64_t k)
{
    return rotate64(k * C2, 33) * C1;
}

void murmur3_128(str bytes, uint64_t seed, uint64_t out[2])
{
    uint64_t h1 = seed, h2 = seed;
    size_t i = 0;
    for (; bytes.len - i >= 16; i += 16) {
        h1 = (rotate64(h1 ^ scramble_low(load64(bytes.ptr + i, 8)), 27) + h2) * 5 + 0x52dce729;
        h2 = (rotate64(h2 ^ scramble_high(load64(bytes.ptr + i + 8, 8)), 31) + h1) * 5 + 0x38495ab5;
    }
    size_t left = bytes.len - i;
    if (left > 8)
        h2 ^= scramble_high(load64(bytes.ptr + i + 8, left - 8));
    if (left > 0)
        h1 ^= scramble_low(load64(bytes.ptr + i, left < 8 ? left : 8));
    h1 ^= bytes.len;
    h2 ^= bytes.len;
    h1 += h2;
    h2 += h1;
    h1 = finish64(h1);
    h2 = finish64(h2);
    out[0] = h1 + h2;
    out[1] = h2 + out[0];
}
