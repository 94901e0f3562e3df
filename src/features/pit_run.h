/* SPDX-License-Identifier: Apache-2.0
 *
 * The point-in-time join driven by the engine: entity rows of any query, feature rows of the Parquet
 * files of a table, both scanned by the engine's own pipelines on all cores, which call the kernel
 * (pit.h) from functions in their filters.  The answer is a set of expressions over the entity
 * relation, so that it is written by whatever writes a query: COPY, or an Iceberg table.
 *
 *   pit_entities_open; for each view pit_join; pit_select_sql; write it; pit_joined_close
 *
 * All in one session, by one thread. */
#ifndef FIRN_FEATURES_PIT_RUN_H
#define FIRN_FEATURES_PIT_RUN_H

#include "engine/parquet_scan.h"
#include "features/pit.h"

struct buf;
struct pool;
struct schema;
struct session;

/* The entity side: a relation of the session whose rows have places 0 ... rows_n - 1. */
struct pit_relation;

struct pit_entities {
    str from;    /* text for FROM, without an alias */
    str ordinal; /* expression: the row's place */
    str time;    /* name of the column that holds T */
    int64_t rows_n;
    const struct pit_relation *columns; /* pit_column.h */
};

/* Entities from one Parquet file, read in place (`path`, and an empty query), or from any query, which
 * is run once, into a table of the session; the next call replaces it.
 * `time` names T: a timestamp of any kind (naive ones are UTC; finer than a microsecond is cut), or
 * a date.  ERR_NOT_FOUND when there is no such column, ERR_INVALID when it is of another type. */
MUST_USE bool pit_entities_open(struct session *s, str path, str query, str time, struct arena *a,
                                struct pit_entities *out, struct error *err);

/* What the entity rows leave open: rows outside of it match nothing. */
struct pit_range {
    bool empty;               /* nothing matches anything */
    int64_t time_lo, time_hi; /* of ts, inclusive; INT64_MIN: no lower bound */
    bool has_key;             /* the key is one integer, and within these */
    int64_t key_lo, key_hi;
};

/* Files to read, in ascending order of (data sequence number, path): the order of the last tie. */
struct pit_files {
    struct parquet_scan scan; /* its schema is taken from the view */
    const int64_t *commit_us; /* of each file's snapshot; needed for PIT_CUTOFF_COMMIT only */
    const int64_t *rows_n;    /* of each file; NULL: not known */
    const struct pit_range
        *bounds; /* of each file's rows, by its statistics; NULL: not known.  What
                                     * the range leaves next to nothing of out is not filtered */
};

struct pit_view {
    str name; /* for errors */
    const struct schema *schema;
    const str *entity_keys; /* columns of the entity relation ... */
    const str *keys;        /* ... that equal these columns of the view */
    size_t keys_n;
    str ts, created;     /* columns; `created` may be empty */
    const str *features; /* columns, flat: no lists, structs or maps */
    const str *names;    /* of the columns of the answer */
    size_t features_n;
    int64_t ttl_us; /* 0: unlimited */
    enum pit_cutoff cutoff;

    /* Plans the scan of the files that may hold rows within the range; called once, when the entity
     * rows are known.  Not called when the range is empty. */
    bool (*plan)(void *ctx, const struct pit_range *range, struct arena *a, struct pit_files *out,
                 struct error *err);
    void *ctx;
};

/* A view joined to the entity rows; keeps the winners' values until closed. */
struct pit_joined {
    struct pit *kernel;
    const struct pit_view *view;
    str *columns; /* one expression per feature, over the entity relation */
    size_t files_read, winners, matched;
};

/* ERR_NOT_FOUND names a missing column, ERR_INVALID one whose type does not fit, ERR_UNSUPPORTED a
 * nested feature, ERR_CORRUPT files that changed while they were read.  Runs in the session's
 * threads and in `pool`; stops with the session's cancel.  `e` and `v` must outlive *out. */
MUST_USE bool pit_join(struct session *s, struct pool *pool, const struct pit_entities *e,
                       const struct pit_view *v, struct arena *a, struct pit_joined *out,
                       struct error *err);
void pit_joined_close(struct pit_joined *j); /* what its expressions need; a zeroed one is fine */

/* Appends SELECT: the entity relation's columns, then those of each joined view, rows in order. */
void pit_select_sql(const struct pit_entities *e, const struct pit_joined *joined, size_t n,
                    struct buf *out);

/* Writes the answer to one Parquet file (LZ4_RAW: a training set is read soon, and packing it took a tenth of the join's time), rows in order, on all
 * cores.  Not atomic: the caller gives a temporary name. */
MUST_USE bool pit_write_parquet(struct session *s, const struct pit_entities *e,
                                const struct pit_joined *joined, size_t n, str path,
                                struct error *err);

#endif
