/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the data files of an Iceberg table as they would be under its current schema: SQL text of a
 * SELECT over exactly these files, with columns found by field id (spec, "Column Projection"). */
#ifndef FIRN_ENGINE_PARQUET_SCAN_H
#define FIRN_ENGINE_PARQUET_SCAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct field;
struct positions; /* codec/roaring.h */
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
    bool avro;    /* the format; else Parquet */

    /* Row-level deletes; files without any are read as if there were none in the table. */
    const struct positions
        *deleted;     /* rows that are gone; NULL: none.  Lives as long as the session */
    bool equality;    /* equality deletes may apply to it */
    int64_t sequence; /* data sequence number */
    int64_t place;    /* a number for its partition, for equality deletes */

    /* For metadata columns. */
    int64_t first_row_id; /* -1: its rows have no ids */
    int32_t spec_id;
    str location;  /* as the table names it */
    str partition; /* an SQL expression of one type for all files */
};

/* Equality deletes with one set of columns: a row is gone when a row of one of these files has the same values (null
 * equals null), is younger, and is of the row's partition. */
struct scan_equality_file {
    str path; /* absolute */
    int64_t sequence;
    int64_t place; /* of its partition; SCAN_ANYWHERE: it applies to all */
    bool avro;
};
#define SCAN_ANYWHERE (-1)

struct scan_equality {
    const int32_t *ids;
    size_t ids_n;
    const struct scan_equality_file *files;
    size_t files_n;
};

/* Columns that every table has besides its own (Iceberg specification, "Reserved Field IDs"). */
enum scan_column {
    SCAN_COLUMN_FILE = 1,       /* _file VARCHAR */
    SCAN_COLUMN_POS = 2,        /* _pos BIGINT */
    SCAN_COLUMN_DELETED = 4,    /* _deleted BOOLEAN: rows that are gone are given, too */
    SCAN_COLUMN_SPEC_ID = 8,    /* _spec_id INTEGER */
    SCAN_COLUMN_PARTITION = 16, /* _partition */
    SCAN_COLUMN_ROW_ID = 32,    /* _row_id BIGINT */
    SCAN_COLUMN_UPDATED = 64,   /* _last_updated_sequence_number BIGINT */
};
#define SCAN_COLUMNS_N 7
/* The name of column 1 << i. */
extern const char *const scan_column_names[SCAN_COLUMNS_N];

#define FIELD_ROW_ID                                                                               \
    2147483540 /* ids of the columns that hold row lineage, in files that have them */
#define FIELD_UPDATED 2147483539

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
    const struct scan_equality *equality;
    size_t equality_n;
    const struct field
        *dropped; /* columns that equality deletes compare and the schema has no more */
    size_t dropped_n;
    unsigned metadata;    /* of scan_column; these come behind the schema's columns, in order */
    str partition_type;   /* of _partition, in SQL */
    int32_t null_deleted; /* instead of leaving rows out, this column is null in them; 0: off */
};

/* Appends the SELECT; its columns are the schema's, in order.  Footers are read only where that can matter: for
 * structs unless same_names, for constants, for a name mapping, and of a single file.  Files are then grouped by shape; shapes
 * that the reader cannot project by id (renamed struct fields, no ids) are rebuilt field by field, and
 * the groups united.  ERR_CORRUPT for a file that is not Parquet, ERR_UNAVAILABLE for one that is not
 * there, ERR_LIMIT for more than SCAN_FILES_MAX files, ERR_UNSUPPORTED for types the engine lacks. */
MUST_USE bool parquet_scan_sql(struct session *s, const struct parquet_scan *scan, struct buf *out,
                               struct error *err);

/* Remembers files that the session's statements are about to read, so that an error can name the one that is damaged.
 * ERR_CORRUPT when a folder, a pipe or a device lies in a file's place. */
MUST_USE bool session_reads(struct session *s, const struct scan_file *files, size_t n,
                            struct error *err);

/* The schema of one Parquet file, with its own field ids; fields without one are numbered behind the largest.
 * *has_ids: whether every field has an id.  For files that are not a table's yet. */
MUST_USE bool parquet_schema_read(struct session *s, str path, struct arena *a,
                                  const struct schema **out, bool *has_ids, struct error *err);

#endif
