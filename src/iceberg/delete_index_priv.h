/* SPDX-License-Identifier: Apache-2.0
 *
 * Which delete files apply to a data file (Iceberg specification, "Scan Planning", scope rules).
 * Filled by one thread at a time, then read by many. */
#ifndef FIRN_ICEBERG_DELETE_INDEX_PRIV_H
#define FIRN_ICEBERG_DELETE_INDEX_PRIV_H

#include "base/map.h"
#include "base/vec.h"
#include "iceberg/manifest.h"

#define DELETE_PATH_FIELD 2147483546 /* file_path of position delete files */

struct delete_file {
    struct data_file file;
    int64_t sequence_number;
};

struct delete_list {
    VEC(const struct delete_file *) files;
};

struct delete_index {
    struct arena *arena;
    struct map by_path;        /* data file's path: vectors and deletes of one file */
    struct map by_partition;   /* spec id and tuple: position and equality deletes */
    struct delete_list global; /* equality deletes of unpartitioned specs */
    size_t n;
};

void delete_index_init(struct delete_index *x, struct arena *a);

/* Copies the file.  `unpartitioned`: its spec has no field that partitions. */
void delete_index_add(struct delete_index *x, const struct manifest_entry *entry,
                      bool unpartitioned);

/* The files that apply to `file`, in `a`. */
void delete_index_find(const struct delete_index *x, const struct data_file *file,
                       int64_t sequence_number, struct arena *a,
                       const struct data_file *const **out, size_t *n);

/* Spec and tuple as bytes; equal exactly when the partitions are (NaNs are made one). */
str data_file_partition_key(const struct data_file *f, struct arena *a);

#endif
