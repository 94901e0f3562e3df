/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of building a scan's SQL: parquet_scan.c reads files, parquet_deletes.c takes rows out and adds
 * metadata columns. */
#ifndef FIRN_ENGINE_PARQUET_SCAN_PRIV_H
#define FIRN_ENGINE_PARQUET_SCAN_PRIV_H

#include "base/vec.h"
#include "engine/parquet_scan.h"
#include "engine/parquet_shape_priv.h"
#include "iceberg/schema.h"

/* Which row-level deletes the files of a group have: they are read in different ways. */
enum deletes_class { DELETES_NONE, DELETES_POSITIONS, DELETES_EQUALITY, DELETES_CLASSES };

/* Files that are read by one SELECT. */
struct group {
    const struct shape *shape; /* NULL: not looked at */
    enum deletes_class deletes;
    VEC(size_t) files;
};

struct builder {
    struct session *s;
    const struct parquet_scan *scan;
    struct arena *arena;
    struct buf *out;
    size_t lambdas;             /* for their parameters' names */
    const struct field *fields; /* that the group is read with */
    size_t fields_n;
};

/* Columns that a wrapped group's inner SELECT has besides its fields. */
#define INNER_FILE "firn_file" /* file_index within the group */
#define INNER_ROW "firn_row"   /* file_row_number */

/* Whether the group's rows need more than being read. */
bool group_is_wrapped(const struct builder *b, const struct group *g);

/* The fields to read a wrapped group with: the schema's, then those that deletes and lineage need. */
void group_fields(struct builder *b, const struct group *g);

/* Around the inner SELECT: before it and after it. */
MUST_USE bool add_wrap_begin(struct builder *b, const struct group *g, struct error *err);
MUST_USE bool add_wrap_end(struct builder *b, const struct group *g, struct error *err);

/* , file_index, file_row_number as the caller of the scan wants them; the arguments are the group's own. */
void add_positions(struct builder *b, const struct group *g, const char *file, const char *row);

/* Metadata columns of a relation without rows. */
void add_empty_metadata(struct builder *b);

/* A whole scan into b->out; for the delete files of another scan. */
MUST_USE bool parquet_scan_build(struct session *s, const struct parquet_scan *scan,
                                 struct arena *a, struct buf *out, struct error *err);

#endif
