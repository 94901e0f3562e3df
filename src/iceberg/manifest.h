/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests: Avro files that list data files or delete files, with their partition values and
 * column metrics (Iceberg specification, "Manifests").  Formats 1 to 3.
 *
 * Reading follows the writer's schema by field id, so that the order of fields, missing optional
 * fields and fields of later formats do not matter, and streams: a block of entries at a time, as
 * views into the unpacked block.  What an entry inherits (snapshot id, sequence numbers, first row
 * id) is filled in while reading. */
#ifndef FIRN_ICEBERG_MANIFEST_H
#define FIRN_ICEBERG_MANIFEST_H

#include "iceberg/manifest_list.h"

struct partition_spec;
struct schema;
struct value;

#define MANIFEST_BYTES_MAX ((size_t)1 << 30)
#define MANIFEST_ENTRIES_MAX 50000000 /* entries of one manifest */
#define FILE_COLUMNS_MAX 200000       /* columns with metrics, of one file */

enum file_content { FILE_DATA, FILE_POSITION_DELETES, FILE_EQUALITY_DELETES };
enum entry_status { ENTRY_EXISTING, ENTRY_ADDED, ENTRY_DELETED };

/* What a manifest says about one column of one file; -1 and ptr NULL: not said. */
struct column_metrics {
    int32_t field_id;
    int64_t size, values, nulls, nans;
    str lower, upper; /* single values as bytes */
};

/* A data file or a delete file.  Numbers are -1, and views have ptr NULL, when absent. */
struct data_file {
    enum file_content content;
    int32_t spec_id;
    str path, format;              /* format in lower case: "parquet" */
    const struct value *partition; /* partition_n values, one a field of the spec */
    size_t partition_n;
    int64_t records, size;
    const struct column_metrics *columns;
    size_t columns_n;
    str key_metadata;
    const int64_t *split_offsets;
    size_t split_offsets_n;
    const int32_t *equality_ids;
    size_t equality_ids_n;
    int32_t sort_order_id;
    int64_t first_row_id;
    str referenced_file;
    int64_t content_offset, content_size;
};

struct manifest_entry {
    enum entry_status status;
    int64_t snapshot_id;                           /* -1: none even to inherit */
    int64_t sequence_number, file_sequence_number; /* -1: likewise */
    struct data_file file;
};

/* The metrics of this column, or NULL. */
const struct column_metrics *data_file_column(const struct data_file *f, int32_t field_id);

/* Spec and partition tuple as bytes, in `a`; equal exactly when the partitions are (NaNs are made one). */
str data_file_partition_key(const struct data_file *f, struct arena *a);

/* A copy in `a` of everything that f points to. */
void data_file_copy(const struct data_file *f, struct arena *a, struct data_file *out);

struct manifest_read_options {
    const struct manifest_file *file;  /* what entries inherit; NULL: nothing */
    const struct partition_spec *spec; /* required */
    const struct schema *schema;       /* required: gives the types of partition values */
    bool all_columns; /* keep the metrics of all columns, or, but for their sizes, of these only: */
    const int32_t *field_ids; /* ascending */
    size_t field_ids_n;
};

struct manifest_reader;

/* Reads the header.  The reader, and options it points to, live as long as `a`; `bytes` likewise.
 * ERR_CORRUPT, ERR_LIMIT, ERR_UNSUPPORTED (codec). */
MUST_USE bool manifest_open(str bytes, const struct manifest_read_options *options, struct arena *a,
                            struct manifest_reader **out, struct error *err);
/* The next block's entries; *n is 0 at the end.  They are valid until the next call. */
MUST_USE bool manifest_next(struct manifest_reader *r, const struct manifest_entry **entries,
                            size_t *n, struct error *err);
/* The partition spec's id and JSON (a list of fields) and the schema's JSON as the manifest
 * carries them; empty when absent, id -1. */
int32_t manifest_spec_id(const struct manifest_reader *r);
str manifest_spec_json(const struct manifest_reader *r);
str manifest_schema_json(const struct manifest_reader *r);

/* All entries at once; everything lives in `a`, views point into `bytes` or `a`. */
MUST_USE bool manifest_parse(str bytes, const struct manifest_read_options *options,
                             struct arena *a, struct manifest_entry **out, size_t *n,
                             struct error *err);

/* Writing: create, add each entry, finish, which gives the manifest's row for the manifest list
 * (without its path).  One thread. */
struct manifest_write_options {
    int format_version;
    enum manifest_content content;
    const struct schema *schema;
    const struct partition_spec *spec;
    int64_t snapshot_id; /* the snapshot that adds this manifest */
    char sync[16];       /* random */
};

struct manifest_writer;

/* The writer's memory is in `a`; the file is appended to `out`. */
MUST_USE bool manifest_writer_create(const struct manifest_write_options *options, struct buf *out,
                                     struct arena *a, struct manifest_writer **w,
                                     struct error *err);
/* Added entries with sequence_number -1 and snapshot_id -1 inherit; existing and deleted ones must
 * have all three numbers (ERR_INVALID).  Partition values must be as many as the spec has fields
 * and of its types; paths not empty; records and size not negative. */
MUST_USE bool manifest_writer_add(struct manifest_writer *w, const struct manifest_entry *entry,
                                  struct error *err);
/* *out lives in the writer's arena.  min_sequence_number is -1 when entries inherit theirs. */
MUST_USE bool manifest_writer_finish(struct manifest_writer *w, struct manifest_file *out,
                                     struct error *err);

#endif
