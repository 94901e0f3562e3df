/* SPDX-License-Identifier: Apache-2.0
 *
 * Which delete files apply to a data file (Iceberg specification, "Scan Planning", scope rules):
 *
 *   deletion vector     names the file; same partition; not older than the file.  The newest one, and then no
 *                       position delete files count
 *   position deletes    same partition, not older; when they name one file (referenced_data_file, or bounds of
 *                       file_path that are equal) only that one, else those between the bounds
 *   equality deletes    same partition, or any when their spec has none; younger than the file.  Those whose
 *                       bounds have no value in common with the file's are left out
 *
 * Deletes of one file are found by its path, others by partition, then by sequence number, so that a plan costs
 * what it finds, however many delete files there are.
 *
 * Filled by one thread at a time, sealed, then read by many. */
#ifndef FIRN_ICEBERG_DELETE_INDEX_PRIV_H
#define FIRN_ICEBERG_DELETE_INDEX_PRIV_H

#include "base/map.h"
#include "base/vec.h"
#include "iceberg/delete_file.h"

struct schema;

struct delete_file {
    struct data_file file;
    int64_t sequence_number;
    const struct delete_file *next; /* that names the same data file */
};

struct delete_list { /* by sequence number once sealed */
    VEC(const struct delete_file *) files;
};

struct partition_deletes {
    struct delete_list positions, equalities;
};

struct delete_index {
    struct arena *arena, *scratch;
    const struct schema
        *schema;      /* gives the types of bounds; NULL: equality deletes are not pruned by them */
    bool all_columns; /* keep metrics of all columns */
    struct map by_path;             /* data file's path -> struct delete_file: those that name it */
    struct map by_partition;        /* spec id and tuple -> struct partition_deletes */
    struct delete_list global;      /* equality deletes of unpartitioned specs */
    const struct delete_file *last; /* what the next one has in common with it is kept once */
    size_t n;
};

void delete_index_init(struct delete_index *x, struct arena *a);

/* Copies the file.  `unpartitioned`: its spec has no field that partitions. */
void delete_index_add(struct delete_index *x, const struct manifest_entry *entry,
                      bool unpartitioned);

/* After the last one was added, before the first is looked for. */
void delete_index_seal(struct delete_index *x);

/* The columns that equality deletes compare, ascending, each once. */
void delete_index_columns(const struct delete_index *x, struct arena *a, const int32_t **ids,
                          size_t *n);

/* The files that apply to `file`, in `a`. */
void delete_index_find(const struct delete_index *x, const struct data_file *file,
                       int64_t sequence_number, struct arena *a,
                       const struct data_file *const **out, size_t *n);

#endif
