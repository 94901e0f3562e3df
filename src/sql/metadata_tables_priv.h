/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of metadata tables share. */
#ifndef FIRN_SQL_METADATA_TABLES_PRIV_H
#define FIRN_SQL_METADATA_TABLES_PRIV_H

#include "codec/json.h"
#include "sql/cells.h"
#include "sql/metadata_tables.h"

#define JSON_CELL_MAX ((size_t)256 << 20) /* bytes of one nested value */

struct manifest_file;
struct metadata;

struct metadata_source {
    struct lake *lake;
    struct session *session;
    struct metadata_view view;
    const struct metadata *metadata;
};

/* The manifests of one snapshot, or of all. */
struct manifest_walk {
    const struct metadata_source *src;
    bool all;
    size_t next;                     /* of the snapshots, with `all` */
    const struct snapshot *snapshot; /* whose manifests are given */
    int64_t snapshot_id;             /* of the last one */
    struct arena *lists;             /* of one snapshot */
    struct manifest_file *files;
    size_t files_n, at;
};

/* Its memory is in `a`. */
void manifest_walk_begin(struct manifest_walk *w, const struct metadata_source *src, bool all,
                         struct arena *a);
/* The next manifest, valid until the next call; NULL at the end. */
MUST_USE bool manifest_walk_next(struct manifest_walk *w, const struct manifest_file **out,
                                 struct error *err);

/* A nested value on its way through JSON: ends in `a`. */
struct json_cell {
    struct buf text;
    struct json_writer w;
};
void json_cell_begin(struct json_cell *j);
MUST_USE bool json_cell_end(struct json_cell *j, struct arena *a, struct cell *out,
                            struct error *err);

/* Microseconds of a time in milliseconds, which may be any number. */
struct cell cell_time(int64_t ms);

/* A pass over n rows that are in memory. */
struct counted_pass {
    void *ctx;
    size_t n, from, next;
};
MUST_USE bool counted_open(void *ctx, size_t n, struct arena *a, void **pass);
bool counted_next(void *pass, size_t *n, struct error *err);

/* Append the SELECTs. */
MUST_USE bool manifests_sql(struct metadata_source *src, struct arena *a, struct buf *sql,
                            struct error *err);
MUST_USE bool entries_sql(struct metadata_source *src, struct arena *a, struct buf *sql,
                          struct error *err);
MUST_USE bool position_deletes_sql(struct metadata_source *src, struct arena *a, struct buf *sql,
                                   struct error *err);

/* partitions out of the snapshot's partition statistics file (partition_stats.c): whether it has one that is there and of the size that
 * metadata says, and then the SELECT. */
bool partition_stats_current(const struct metadata_source *src, struct arena *a);
MUST_USE bool partition_stats_table_sql(struct metadata_source *src, struct arena *a,
                                        struct buf *sql, struct error *err);

/* A map out of the JSON of a list of {"k":…,"v":…}. */
void add_map_sql(struct buf *sql, const char *column, const char *key, const char *value);

#endif
