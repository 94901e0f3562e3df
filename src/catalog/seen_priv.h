/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of texts in bounded memory (a Bloom filter in blocks of a cache line): seen_has never says no for a text that was added;
 * it says yes for others rarely: one in 10^6 with ten million texts.  One thread. */
#ifndef FIRN_CATALOG_SEEN_PRIV_H
#define FIRN_CATALOG_SEEN_PRIV_H

#include "base/str.h"

#define SEEN_BYTES ((size_t)64 << 20) /* pages are used as they are needed */

struct seen;

struct seen *seen_create(uint64_t seed);
void seen_destroy(struct seen *s); /* NULL is fine */
void seen_add(struct seen *s, str text);
bool seen_has(const struct seen *s, str text);

#endif
