/* SPDX-License-Identifier: Apache-2.0
 *
 * Deletion vectors as sets of rows (Iceberg specification, "Deletion Vectors"), and position delete files of one data file, which
 * say the same.  They never change once they are written, so the lake keeps what it read lately, by file and place, at most
 * VECTORS_KEPT_MAX bytes. */
#ifndef FIRN_SQL_VECTOR_H
#define FIRN_SQL_VECTOR_H

#include "catalog/lru.h"
#include "iceberg/manifest.h"

#define VECTORS_KEPT_MAX ((size_t)32 << 20)

struct lake;
struct positions;

struct vector {
    struct cached base; /* let go with cached_unref, or handed to an arena with cached_keep */
    struct arena *arena;
    const struct positions *deleted;
};

/* A reference to the vector of a manifest's entry.  ERR_CORRUPT with its file for one that is damaged, or holds another
 * number of positions than the entry says, ERR_LIMIT for one of more than POSITIONS_BYTES_MAX.  Any thread. */
MUST_USE bool vector_open(struct lake *lake, const struct data_file *entry, struct vector **out,
                          struct error *err);

/* A reference to the rows of a position delete file when they are kept, else NULL.  Any thread. */
struct vector *vector_kept(struct lake *lake, const struct data_file *entry);

/* Keeps them: a set in an arena, which is taken over.  A reference for the caller.  Any thread. */
struct vector *vector_keep(struct lake *lake, const struct data_file *entry,
                           const struct positions *deleted, struct arena *a);

#endif
