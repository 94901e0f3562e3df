/* SPDX-License-Identifier: Apache-2.0
 *
 * A Parquet file's footer: what its columns are annotated as, and a copy of it with some annotations changed.  The engine that
 * writes and reads Parquet knows neither a timestamp with zone in nanoseconds, nor byte arrays of a fixed length, nor coordinate
 * systems, geographies and variants inside structs, all of which Iceberg has; their bytes are the same, only what the footer
 * says of them differs.
 *
 * Parquet format, "parquet.thrift".  No I/O. */
#ifndef FIRN_CODEC_PARQUET_FOOTER_H
#define FIRN_CODEC_PARQUET_FOOTER_H

#include "base/buf.h"

#define PARQUET_TAIL_BYTES 8 /* length of the footer, "PAR1" */
#define PARQUET_FOOTER_MAX ((size_t)256 << 20)
#define PARQUET_ELEMENTS_MAX 1000000
#define PARQUET_CHUNKS_MAX 10000000 /* columns times row groups */

/* Physical types that matter here. */
enum { PARQUET_BYTE_ARRAY = 6, PARQUET_FIXED = 7 };

enum parquet_logical {
    PARQUET_PLAIN, /* none, or one that is not listed here */
    PARQUET_TIMESTAMP,
    PARQUET_VARIANT,
    PARQUET_GEOMETRY,
    PARQUET_GEOGRAPHY,
};
enum { PARQUET_MILLIS = 1, PARQUET_MICROS = 2, PARQUET_NANOS = 3 };

struct parquet_element {
    str name;
    int32_t id;         /* -1: none */
    int32_t type;       /* physical; -1: a group */
    int32_t length;     /* of PARQUET_FIXED */
    int32_t children_n; /* of a group */
    int32_t repetition; /* 0 required, 1 optional, 2 repeated */
    enum parquet_logical logical;
    bool utc;           /* timestamps: adjusted to UTC */
    int unit;           /* timestamps: PARQUET_MILLIS ... */
    str crs, algorithm; /* geometry, geography: empty when not given */
};

/* The length of the footer, out of a file's last 8 bytes.  ERR_CORRUPT: no Parquet file; ERR_UNSUPPORTED: an encrypted one. */
MUST_USE bool parquet_footer_length(str tail, uint32_t *length, struct error *err);

/* The elements of the schema, depth first, the root first.  Strings are views into `footer`.  ERR_CORRUPT, ERR_LIMIT. */
MUST_USE bool parquet_footer_read(str footer, struct arena *a, struct parquet_element **out,
                                  size_t *n, struct error *err);

/* What becomes of one element. */
struct parquet_change {
    size_t element;
    bool annotate; /* its annotation becomes the one below */
    enum parquet_logical logical;
    bool utc; /* of a timestamp in nanoseconds */
    str crs, algorithm;
    int32_t
        fixed; /* > 0: from a byte array to one of this length; the pages are changed elsewhere */
    bool no_bloom;   /* its bloom filters are named no more */
    bool no_extents; /* its geospatial statistics are left out */
};

/* Where bytes of the file move to. */
struct parquet_moves {
    int64_t (*move)(void *ctx, int64_t offset);                   /* of a page or filter */
    int64_t (*grow)(void *ctx, int64_t chunk_start, bool packed); /* added to a chunk's bytes */
    void *ctx;
};

/* A column chunk, in the order of the file's row groups and columns. */
struct parquet_chunk {
    size_t element;      /* its column, in parquet_footer_read's order */
    int32_t codec;       /* as in parquet.thrift: 0 none, 1 snappy, 2 gzip, 6 zstd */
    int64_t start, size; /* its pages */
    int64_t values;
};
MUST_USE bool parquet_footer_chunks(str footer, struct arena *a, struct parquet_chunk **out,
                                    size_t *n, struct error *err);

/* Appends the footer with these changes (ascending by element); `moves` may be NULL.  Nothing else is touched, what is not known
 * here is kept.  ERR_CORRUPT for a damaged footer, ERR_LIMIT. */
MUST_USE bool parquet_footer_change(str footer, const struct parquet_change *changes, size_t n,
                                    const struct parquet_moves *moves, struct buf *out,
                                    struct error *err);

#endif
