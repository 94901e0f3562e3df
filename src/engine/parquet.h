/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the data files of an Iceberg table: the rows of a query as Parquet with field ids, and what a
 * manifest needs to know of each file.  One pass over the query, whatever the number of partitions.
 *
 * Columns of the query are cast to the schema's types (overflow is ERR_INVALID, never silent).  Data
 * files hold all columns of the schema, those of identity transforms too. */
#ifndef FIRN_ENGINE_PARQUET_H
#define FIRN_ENGINE_PARQUET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct column_stats; /* iceberg/metrics.h */
struct partition_spec;
struct schema;
struct param;
struct session;
struct sort_order;
struct transform;
struct type;
struct value;

enum parquet_codec {
    PARQUET_ZSTD,
    PARQUET_SNAPPY,
    PARQUET_UNCOMPRESSED,
    PARQUET_GZIP,
    PARQUET_BROTLI,
    PARQUET_LZ4, /* LZ4_RAW, the one that readers agree on */
};

struct parquet_write {
    str query; /* a SELECT, without a semicolon */
    bool
        by_name; /* its columns are matched by name, missing ones get their write default or null; else by place */
    const struct schema *schema;
    const struct partition_spec *spec; /* NULL or without fields: unpartitioned */
    const struct sort_order *order;    /* NULL: none.  With partitions: one file each, sorted */
    bool
        keep_order; /* rows stay in the query's order; as with `order` they make one file of any size */
    str order_sql; /* ORDER BY over the columns' names instead of `order`: one file, not `sorted`; empty: none */
    const struct value *
        partition; /* of `spec`, that all rows are known to be in: they are written as if there were none */
    const char *dir; /* absolute, must exist; files are made in it or below */
    str prefix;      /* begins every file's name; make it unique (a uuid) */
    enum parquet_codec codec;
    int level; /* of zstd, 1 to 22; 0: the engine's */
    bool
        no_bloom; /* no bloom filters; else for columns that a dictionary suits (not of bytes or floating numbers: they are wrong) */
    double bloom_fpp; /* rate of false positives; 0: the engine's, 0.01 */
    bool shred;       /* variants that are columns are written in typed columns */
    bool bloom_named; /* only these columns, by field id, may have bloom filters */
    const int32_t *bloom_ids;
    size_t bloom_n;
    int64_t file_bytes; /* unpartitioned, unordered: start a new file near this size; 0: 512 MB */
    int64_t row_group_rows;     /* 0: 122,880 */
    const struct param *params; /* of the query */
    size_t params_n;
};

struct parquet_file {
    str path; /* absolute */
    int64_t rows, size, footer_size;
    const struct column_stats *stats; /* ascending by field id; bounds only where they are exact */
    size_t stats_n;
    const struct value *partition; /* spec->fields_n transformed values; NULL when unpartitioned */
    bool sorted;                   /* its rows are in `order` */
};

/* Runs the query and writes its rows: no rows give no files.  On failure files may be left in `dir`: whoever
 * made the directory removes it. */
MUST_USE bool parquet_write(struct session *s, const struct parquet_write *w, struct arena *a,
                            struct parquet_file **out, size_t *n, struct error *err);

/* The same for rows in order (w->order, order_sql or keep_order), in files near w->file_bytes: when `bytes`, what they will take by the
 * caller's guess, is more than one, they are sorted into one file, which is then cut into files of equal numbers of rows, in order; files of
 * partitions, and of rows of which nothing is known (0), are cut when they came out larger.  Needs room in `dir` for the rows twice. */
MUST_USE bool parquet_write_cut(struct session *s, const struct parquet_write *w, int64_t bytes,
                                struct arena *a, struct parquet_file **out, size_t *n,
                                struct error *err);

/* An SQL expression, in `a`, equal to Iceberg's transform of the expression `sql` of type `t`, for this
 * session's statements.  Its type is transform_result's, but INTEGER (days since 1970) for day. */
MUST_USE bool transform_sql(struct session *s, const struct transform *f, const struct type *t,
                            str sql, struct arena *a, str *out, struct error *err);

#endif
