/* SPDX-License-Identifier: Apache-2.0
 *
 * The row-level deletes of one scan: delete files are noted while it is planned and read when the plan is
 * complete (Iceberg specification, "Row-level Deletes").  Position deletes and deletion vectors become a set of
 * positions for each data file; equality deletes are left to the engine, which joins them (engine/parquet_scan.h).
 *
 *   deletes_create; in the plan's callback deletes_note for each task; deletes_load; deletes_apply */
#ifndef FIRN_SQL_DELETES_H
#define FIRN_SQL_DELETES_H

#include "base/vec.h"
#include "engine/parquet_scan.h"
#include "iceberg/manifest.h"

struct cancel;
struct deletes;
struct lake;
struct metadata;
struct scan_task;
struct session;

/* A delete file, noted once. */
struct delete_ref {
    struct data_file file;
    int64_t sequence;
    size_t index;           /* among equality deletes */
    str target;             /* the one data file that position deletes are of; ptr NULL: several */
    struct positions *rows; /* that it names in its target, while it is read */
    struct arena *arena;    /* of these */
};

/* What applies to one data file. */
struct file_deletes {
    str path; /* of the data file, as the table names it */
    VEC(const struct delete_ref *) positions;
    const struct delete_ref *vector; /* NULL: none; otherwise `positions` is empty */
    bool equality;
    int64_t place;           /* its partition as a number, when equality is set */
    struct positions *found; /* what `deleted` is when it was put together here */
    const struct positions
        *deleted; /* after deletes_load, these or the vector's; NULL: none by position */
};

/* `columns` is the schema that is read.  Everything lives in `a`, which must outlive sessions that read. */
struct deletes *deletes_create(struct lake *lake, const struct metadata *m,
                               const struct schema *columns, struct arena *a);

/* Notes what applies to the task's file; *out is NULL when nothing does.  ERR_UNSUPPORTED for formats other than
 * Parquet, Avro and Puffin, ERR_CORRUPT. */
MUST_USE bool deletes_note(struct deletes *d, const struct scan_task *t, struct file_deletes **out,
                           struct error *err);

/* Reads the position delete files (in the session; NULL: in one of its own) and the vectors (in the lake's pool) of all files noted.
 * ERR_CORRUPT for damaged files and for vectors that hold another number of positions than their entry says. */
MUST_USE bool deletes_load(struct deletes *d, struct session *s, struct cancel *cancel,
                           struct error *err);

/* Fills what concerns deletes, into the scan as a whole and into one of its files. */
MUST_USE bool deletes_apply(struct deletes *d, struct parquet_scan *scan, struct error *err);
void deletes_apply_file(const struct file_deletes *f, struct scan_file *out); /* f may be NULL */

#endif
