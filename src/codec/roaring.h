/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of row positions: 64-bit roaring bitmaps, as deletion vectors hold them.  The portable form is
 * that of the Roaring specification's 64-bit extension: a count, then for each used upper half of a
 * position its 32 bits and a 32-bit bitmap, all little-endian.
 *
 * This is not the CRoaring library: the version that Debian 12 has (0.2.66) knows 32-bit bitmaps only,
 * believes counts and orders that it reads, and writes beyond its memory when it unpacks a run that
 * ends at 65535.  Here every byte from outside is checked while it is read.
 *
 * A set is changed by one thread; once it is not changed any more, all threads may read it. */
#ifndef FIRN_CODEC_ROARING_H
#define FIRN_CODEC_ROARING_H

#include "base/arena.h"
#include "base/buf.h"

#define POSITION_MAX (((uint64_t)0x7FFFFFFE << 32) | 0xFFFFFFFF) /* as the Java library has it */
#define POSITIONS_BYTES_MAX ((size_t)1 << 30)                    /* of one set */

struct positions;

/* An empty set, freed with the arena. */
struct positions *positions_create(struct arena *a);

/* Positions must not be above POSITION_MAX (our bug otherwise). */
void positions_add(struct positions *p, uint64_t position);
void positions_add_many(struct positions *p, const int64_t *at, size_t n); /* any order */
void positions_add_range(struct positions *p, uint64_t from, uint64_t to); /* without `to` */
void positions_add_all(struct positions *p, const struct positions *from);

/* Reading.  A NULL set is empty. */
bool positions_has(const struct positions *p, uint64_t position);
uint64_t positions_count(const struct positions *p);
/* The largest one; false when the set is empty. */
bool positions_last(const struct positions *p, uint64_t *out);
/* Up to max positions from `from` on, ascending; gives how many. */
size_t positions_list(const struct positions *p, uint64_t from, uint64_t *out, size_t max);
/* Sets bit i of mask (zeroed by the caller) for each position from + i that is in the set, i < n. */
void positions_mask(const struct positions *p, uint64_t from, size_t n, uint64_t *mask);

/* Appends the portable form, runs packed; the same set always gives the same bytes. */
void positions_write(const struct positions *p, struct buf *out);
#define POSITIONS_BITSETS_MAX 32768 /* 256 MiB unpacked, of one set that is read */
/* Reads exactly these bytes.  ERR_CORRUPT with the place for anything that a writer would not have made: cut
 * short, too long, out of order, wrong cardinalities; ERR_LIMIT above POSITIONS_BYTES_MAX and POSITIONS_BITSETS_MAX. */
MUST_USE bool positions_read(str bytes, struct arena *a, struct positions **out, struct error *err);

#endif
