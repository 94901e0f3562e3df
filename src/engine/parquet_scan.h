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

#define SCAN_FILES_MAX 1000000

/* The value of a column in every row of a file that does not hold the column: that of an identity
 * partition field (spec, "Column Projection").  A column that the file has wins. */
struct scan_constant {
    int32_t field_id;
    const struct value *value;
};

struct scan_file {
    str path; /* absolute */
    const struct scan_constant *constants;
    size_t constants_n;
    int64_t rows; /* for the planner; 0: not known */
};

/* Names that stand for a field id in files without ids (schema.name-mapping.default). */
struct scan_names {
    int32_t field_id;
    const str *names; /* within its parent */
    size_t names_n;
};

struct parquet_scan {
    const struct schema *schema;
    const struct scan_file *files; /* none: an empty relation of the schema's columns */
    size_t files_n;
    const struct scan_names
        *names; /* only for a table that has a name mapping; NULL: files carry ids */
    size_t names_n;
    bool
        positions; /* two more columns: file_index (UBIGINT, place in `files`) and file_row_number (BIGINT) */
    bool
        same_names; /* no field inside a struct was ever renamed, dropped or added in this table: what
                      * lets files be read without a look at their footers first */
};

/* Appends the SELECT; its columns are the schema's, in order.  Footers are read only where that can matter: for
 * structs unless same_names, for constants, for a name mapping, and of a single file.  Files are then grouped by shape; shapes
 * that the reader cannot project by id (renamed struct fields, no ids) are rebuilt field by field, and
 * the groups united.  ERR_CORRUPT for a file that is not Parquet, ERR_UNAVAILABLE for one that is not
 * there, ERR_LIMIT for more than SCAN_FILES_MAX files, ERR_UNSUPPORTED for types the engine lacks. */
MUST_USE bool parquet_scan_sql(struct session *s, const struct parquet_scan *scan, struct buf *out,
                               struct error *err);

/* The schema of one Parquet file, with its own field ids; fields without one are numbered behind the largest.
 * *has_ids: whether every field has an id.  For files that are not a table's yet. */
MUST_USE bool parquet_schema_read(struct session *s, str path, struct arena *a,
                                  const struct schema **out, bool *has_ids, struct error *err);

#endif
