/* SPDX-License-Identifier: Apache-2.0
 *
 * Theta sketches of Apache DataSketches, which count distinct values in a few kilobytes: the content of Puffin blobs of type
 * "apache-datasketches-theta-v1" (Puffin specification, "Blob types").
 *
 * A sketch keeps the hashes below a threshold, theta; how many there are, over the part of all hashes that theta is, estimates
 * how many distinct values there were.  Up to THETA_K values it is exact; above, one standard error is 1.1 to 1.6 %.
 *
 * Values go in as Iceberg's single-value bytes.  Those without bytes (the empty text) are not counted, as in the Java library, so
 * that sketches of different engines may be united. */
#ifndef FIRN_CODEC_THETA_H
#define FIRN_CODEC_THETA_H

#include "base/arena.h"
#include "base/buf.h"

#define THETA_SEED 9001 /* the library's default; sketches of another cannot be united with ours */
#define THETA_K 4096    /* nominal entries, the library's default */
#define THETA_MAX ((uint64_t)INT64_MAX) /* theta of a sketch that is exact: hashes have 63 bits */
#define THETA_HASHES_MAX ((size_t)1 << 26) /* of a sketch that is read: the library's largest */

/* The hash by which a value is known; 0, which no sketch holds, when there are no bytes. */
uint64_t theta_hash(str bytes);

/* A sketch while values are added: the library's Alpha family, so the same values in the same order give the same bytes.  One
 * thread at a time. */
struct theta;
struct theta *theta_create(struct arena *a); /* empty; lives in the arena */
void theta_add(struct theta *t, uint64_t hash);
/* Hashes from this one on are no news to the sketch.  It only ever falls. */
uint64_t theta_limit(const struct theta *t);

/* A sketch that is complete: what is stored.  Immutable. */
struct theta_compact {
    const uint64_t *hashes; /* ascending, each below theta, none twice */
    size_t n;
    uint64_t theta;
};

/* In `a`. */
void theta_finish(const struct theta *t, struct arena *a, struct theta_compact *out);
/* Distinct values. */
double theta_estimate(const struct theta_compact *s);
/* The sketch of all values of all; of more than THETA_K hashes the least are kept.  In `a`. */
void theta_union(const struct theta_compact *const *sketches, size_t n, struct arena *a,
                 struct theta_compact *out);

/* Appends the compact ordered form, version 3. */
void theta_write(const struct theta_compact *s, struct buf *out);
/* Reads a compact sketch, ordered or not, exactly these bytes.  In `a`.  ERR_CORRUPT with what is wrong; ERR_UNSUPPORTED for
 * sketches that are no compact ones, of older versions, packed (version 4) or of another seed; ERR_LIMIT. */
MUST_USE bool theta_read(str bytes, struct arena *a, struct theta_compact *out, struct error *err);

#endif
