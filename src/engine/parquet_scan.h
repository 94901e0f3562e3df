/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the data files of an Iceberg table as they would be under its current schema: SQL text of a
 * SELECT over exactly these files, with columns found by field id (spec, "Column Projection"). */
#ifndef FIRN_ENGINE_PARQUET_SCAN_H
#define FIRN_ENGINE_PARQUET_SCAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct schema;
struct session;
struct value;

/* A column of a file that its bytes need not hold: an identity partition value (the file's column wins
 * nowhere: Iceberg says the constant does only when the column is absent). */
struct scan_constant {
    int32_t field_id;
    const struct value *value;
};

struct scan_file {
    str path; /* absolute */
    const struct scan_constant *constants;
    size_t constants_n;
};

/* Names that stand for field ids in files that have none (schema.name-mapping.default). */
struct name_mapping {
    int32_t field_id;
    const str *names; /* of one field, within its parent */
    size_t names_n;
};

struct parquet_scan {
    const struct schema *schema;
    const struct scan_file *files; /* none: an empty relation of the schema's columns */
    size_t files_n;
    const struct name_mapping *names; /* NULL: names of the schema itself, for files without ids */
    size_t names_n;
    bool
        positions; /* two more columns: file_index (UBIGINT, place in `files`) and file_row_number (BIGINT) */
    bool
        same_shape; /* all files were written with one schema like the first one's: only it is looked at.  Set it
                      * for files of one schema id */
};

/* Appends the SELECT.  Looks at the files' footers to choose how to read them: files of equal shape
 * are read by one scan; shapes that projection by id cannot do (nested evolution, no ids) get scans of
 * their own with explicit casts, united.  ERR_CORRUPT for a file that is not Parquet, ERR_UNAVAILABLE
 * for one that is not there, ERR_INVALID for a column that cannot become its current type. */
MUST_USE bool parquet_scan_sql(struct session *s, const struct parquet_scan *scan, struct buf *out,
                               struct error *err);

/* The schema of a Parquet file, with its own field ids; fields without one are numbered behind the largest.
 * *has_ids: whether every field has an id. */
MUST_USE bool parquet_schema_read(struct session *s, str path, struct arena *a,
                                  const struct schema **out, bool *has_ids, struct error *err);

#endif
