/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of columns: Puffin files of theta sketches beside a table's metadata (Iceberg specification, "Table Statistics"; Puffin
 * specification, "apache-datasketches-theta-v1 blob type").  Nothing here commits. */
#ifndef FIRN_ICEBERG_STATISTICS_H
#define FIRN_ICEBERG_STATISTICS_H

#include "codec/theta.h"
#include "iceberg/metadata.h"

struct env;
struct store;

#define SKETCH_BYTES_MAX ((size_t)8 << 20) /* of one sketch that is read */

/* The distinct values of one column. */
struct column_sketch {
    int32_t field_id;
    struct theta_compact sketch;
};

/* The statistics of the snapshot itself, or else of its nearest ancestor that has some; NULL: none has. */
const struct statistics_file *statistics_at(const struct metadata *m, const struct snapshot *s);

/* How many distinct values a column has, as the file's blobs say; -1 when they do not. */
int64_t statistics_distinct(const struct statistics_file *f, int32_t field_id);

/* Reads the sketches of single columns out of the file; blobs of other types are left out.  In `a`.  ERR_NOT_FOUND,
 * ERR_CORRUPT, ERR_UNSUPPORTED, ERR_LIMIT. */
MUST_USE bool statistics_read(struct store *store, const struct statistics_file *f, struct arena *a,
                              struct column_sketch **out, size_t *n, struct error *err);

/* Writes a file of these sketches, durably, and describes it for set-statistics.  In `a`. */
MUST_USE bool statistics_write(struct store *store, struct env *env, const struct metadata *m,
                               const struct snapshot *s, const struct column_sketch *sketches,
                               size_t n, struct arena *a, struct statistics_file *out,
                               struct error *err);

/* A fresh path of the store for a file of this snapshot among the table's metadata: <folder>/<prefix><snapshot>-<uuid><suffix>. */
MUST_USE bool statistics_path(struct store *store, struct env *env, const struct metadata *m,
                              const struct snapshot *s, const char *prefix, const char *suffix,
                              struct arena *a, str *out, struct error *err);

/* The columns of a partition statistics file of a table with these partition fields (metadata_partition_type), for its format
 * version (Iceberg specification, "Partition Statistics File").  In `a`. */
MUST_USE bool partition_statistics_schema(const struct type *partition, int format_version,
                                          struct arena *a, const struct schema **out,
                                          struct error *err);

/* The file of the snapshot itself, or else of its nearest ancestor that has one; NULL: none has. */
const struct partition_statistics_file *partition_statistics_at(const struct metadata *m,
                                                                const struct snapshot *s);

#endif
