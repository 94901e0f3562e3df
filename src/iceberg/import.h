/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files that others wrote, on their way into a table without being written again: which of the table's columns a file
 * holds, what its statistics say of them, and which partition its rows are of. */
#ifndef FIRN_ICEBERG_IMPORT_H
#define FIRN_ICEBERG_IMPORT_H

#include "base/arena.h"
#include "base/error.h"

struct column_stats; /* iceberg/metrics.h */
struct name_mapping;
struct partition_spec;
struct property;
struct schema;
struct value;

/* Which field of the table each field of the file is. */
struct import_link {
    int32_t file_id, table_id;
};

struct import_match {
    const struct import_link *links; /* ascending by file_id */
    size_t n;
};

/* Fields are matched by name through `mapping`, or by id when it is NULL; what the table does not know is left out.
 * ERR_INVALID, naming the column: a type that cannot be read as the table's; an id that is another column's of the table by
 * name; a required column that is neither in the file nor among `given` (a list of column ids) and has no default; or no
 * column in common. */
MUST_USE bool import_match(const struct schema *table, int format_version,
                           const struct name_mapping *mapping, const struct schema *file,
                           const int32_t *given, size_t given_n, struct arena *a,
                           struct import_match *out, struct error *err);

/* Statistics of the file's columns as statistics of the table's: bounds take the table's types, or go.  ERR_INVALID when a
 * required column has nulls. */
MUST_USE bool import_stats(const struct schema *table, const struct import_match *match,
                           const struct column_stats *stats, size_t stats_n, struct arena *a,
                           struct column_stats **out, size_t *n, struct error *err);

/* The "name=value" folders of a path, names and values percent-decoded, outermost first. */
void import_folders(str path, struct arena *a, struct property **out, size_t *n);

/* The values of a spec's fields for one file.  An identity field's comes from a folder of its column's name
 * (__HIVE_DEFAULT_PARTITION__ is null); others, and those without a folder, from bounds that the transform maps to one value.
 * ERR_INVALID when there is none, or a folder and the bounds disagree. */
MUST_USE bool import_partition(const struct schema *table, const struct partition_spec *spec,
                               const struct property *folders, size_t folders_n,
                               const struct column_stats *stats, size_t stats_n, struct arena *a,
                               struct value **out, struct error *err);

#endif
