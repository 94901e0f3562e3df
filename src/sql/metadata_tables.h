/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata tables: what a table's metadata says, as tables beside it, with the names and columns that Spark gives them:
 *
 *   ns.t.snapshots, ns.t.files ...      as Spark writes it
 *   ns."t$snapshots"                    as Trino does
 *
 * Small ones come out of the table's metadata file.  Those of files stream manifests one after the other, so that memory does not
 * grow with the table, and only the columns that the query needs are made. */
#ifndef FIRN_SQL_METADATA_TABLES_H
#define FIRN_SQL_METADATA_TABLES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct cancel;
struct lake;
struct schema;
struct session;
struct snapshot;
struct table;

enum metadata_table {
    METADATA_TABLE_NONE,
    METADATA_SNAPSHOTS,
    METADATA_HISTORY,
    METADATA_REFS,
    METADATA_LOG_ENTRIES,
    METADATA_PROPERTIES,
    METADATA_MANIFESTS,
    METADATA_ALL_MANIFESTS,
    METADATA_ENTRIES,
    METADATA_ALL_ENTRIES,
    METADATA_FILES,
    METADATA_DATA_FILES,
    METADATA_DELETE_FILES,
    METADATA_ALL_FILES,
    METADATA_ALL_DATA_FILES,
    METADATA_ALL_DELETE_FILES,
    METADATA_PARTITIONS,
    METADATA_POSITION_DELETES,
    METADATA_CHANGES,
    METADATA_PARTITION_ENTRIES, /* no name of its own: what partition statistics are made of */
};

/* The one of this name, any case. */
enum metadata_table metadata_table_named(str name);
/* Whether it shows values of rows (bounds, partitions), so that it needs the privilege to read them. */
bool metadata_table_shows_values(enum metadata_table kind);
/* Whether it is of one snapshot, so that time travel means something to it. */
bool metadata_table_travels(enum metadata_table kind);

/* What to show: everything lives as long as the session. */
struct metadata_view {
    enum metadata_table kind;
    const struct table *table;
    const struct snapshot *snapshot; /* for those that travel; NULL: none */
    const struct snapshot *since;    /* METADATA_PARTITION_ENTRIES: only what snapshots after this
                                      * ancestor added and removed; NULL: all entries */
    const struct schema *columns;    /* to read partitions and bounds with */
    struct cancel *cancel;
};

/* Appends a SELECT that gives the table's rows in this session. */
MUST_USE bool metadata_table_sql(struct lake *lake, struct session *s,
                                 const struct metadata_view *v, struct arena *a, struct buf *sql,
                                 struct error *err);

/* The query with "ns"."t$files" instead of ns.t.files where that stands for a table; the query itself when it does not occur. */
MUST_USE bool metadata_names_rewrite(struct session *s, str query, struct arena *a, str *out,
                                     struct error *err);

#endif
