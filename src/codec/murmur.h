/* SPDX-License-Identifier: Apache-2.0
 *
 * MurmurHash3, x86 32-bit variant, seed 0: the hash of Iceberg's bucket transform (Iceberg spec,
 * Appendix B).  Pure. */
#ifndef FIRN_CODEC_MURMUR_H
#define FIRN_CODEC_MURMUR_H

#include "base/str.h"

/* Of bytes: strings, binary, fixed, uuid (its 16 bytes), decimals (the fewest two's-complement bytes,
 * big endian). */
int32_t murmur3_32(str bytes);

/* Of int, long, date, time, timestamp: the value's eight bytes, little endian. */
int32_t murmur3_long(int64_t v);

/* MurmurHash3, x64 128-bit variant: the hash of Apache DataSketches. */
void murmur3_128(str bytes, uint64_t seed, uint64_t out[2]);

#endif
