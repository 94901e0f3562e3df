/* SPDX-License-Identifier: Apache-2.0
 *
 * Firn as a library: an Iceberg lakehouse inside of your process.  Link with -lfirn (pkg-config firn).
 *
 * Calls    Every call that can fail returns FIRN_OK (0) or a firn_code, and says more in *err, which may be NULL.
 *          After a failure all results are empty: pointers NULL, streams and schemas with release == NULL.
 * Memory   Each function says who owns what.  Arguments are borrowed until the call returns, except for Arrow streams that are
 *          written: those are consumed, released before the call returns whether it succeeds or not.
 *          Texts (char *) that are handed out are freed with firn_free.
 * Threads  A firn_lake may be used by any number of threads at once.  A firn_table is immutable.  An Arrow stream belongs to one
 *          thread at a time.  Streams that are written are read by one thread at a time, which may be one of the library's own.
 *          Only firn_cancel_request may be called from a signal handler.
 * Units    Times are milliseconds since 1970 UTC (_ms), sizes bytes, limits and counts rows or files as said.
 * Iceberg  Names in quotes below are sections of the Iceberg specification (format/spec.md), which says what tables hold afterwards.
 * Texts    UTF-8, ended by NUL.  A table is "namespace.table", nested ones "a.b.table".  A `ref` is a branch, a tag or a commit
 *          of the catalog (docs/catalog.md); NULL or "" means main.
 * ABI      libfirn.so.0: functions are added, never changed.  Structs of options begin with `size`, set by their _INIT; they grow at
 *          the end, and what an older program does not know of is zero.  All reserved fields must be zero.
 *
 * Everything in its context: docs/c-api.md; a program that uses most of it: examples/c/lake.c. */
#ifndef FIRN_H
#define FIRN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FIRN_API __attribute__((visibility("default")))
#else
#define FIRN_API
#endif

/* Counts up with each addition to this header. */
#define FIRN_ABI_VERSION 3

/* ---- The Arrow C data interface and C stream interface: structs of a fixed layout, shared by all who speak it */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

/* ---- Errors, versions, memory */

/* What the caller can do about it. */
typedef enum firn_code {
    FIRN_OK = 0,
    FIRN_INVALID = 1,      /* the request is wrong: correct it */
    FIRN_NOT_FOUND = 2,    /* the thing named is not there */
    FIRN_EXISTS = 3,       /* the thing to be made is there already */
    FIRN_CONFLICT = 4,     /* somebody was faster and nothing was written: read again and retry */
    FIRN_DENIED = 5,       /* not allowed */
    FIRN_CORRUPT = 6,      /* stored bytes are not what they should be */
    FIRN_LIMIT = 7,        /* a named limit was reached */
    FIRN_UNAVAILABLE = 8,  /* I/O failed, or another process has the lake: retry later */
    FIRN_UNKNOWN = 9,      /* a write may or may not have happened: look before retrying */
    FIRN_CANCELLED = 10,   /* the caller asked to stop, or its time was up */
    FIRN_UNSUPPORTED = 11, /* not built */
    FIRN_INTERNAL = 12     /* a bug of the library */
} firn_code;

typedef struct firn_error {
    size_t size; /* FIRN_ERROR_INIT */
    int32_t code;
    int32_t reserved;
    char message[512]; /* what is wrong and where; lower case, no full stop */
    char hint[256];    /* what to do about it, or empty */
} firn_error;

#define FIRN_ERROR_INIT                                                                            \
    {                                                                                              \
        .size = sizeof(firn_error)                                                                 \
    }

FIRN_API const char *firn_version(void);           /* "0.1.0"; static */
FIRN_API int32_t firn_abi_version(void);           /* FIRN_ABI_VERSION of the library */
FIRN_API const char *firn_code_name(int32_t code); /* "not found"; static, never NULL */
FIRN_API void firn_free(void *text); /* a text that the library handed out; NULL is fine */

/* Stops calls under way, from any thread.  Free it after the last call and stream that was given it. */
typedef struct firn_cancel firn_cancel;
FIRN_API firn_cancel *firn_cancel_create(int64_t timeout_ms); /* from now on; 0: none */
FIRN_API void firn_cancel_request(firn_cancel *cancel);
FIRN_API void firn_cancel_free(firn_cancel *cancel); /* NULL is fine */

/* ---- Lakes */

typedef struct firn_lake firn_lake;

typedef struct firn_open_options {
    size_t size;           /* FIRN_OPEN_OPTIONS_INIT */
    int32_t must_exist;    /* FIRN_NOT_FOUND instead of making the data directory */
    int32_t threads;       /* 0: all cores */
    uint64_t memory_limit; /* bytes for queries; 0: as firn.yaml says, else 60 % of the machine's */
    const char
        *catalog; /* postgresql://... or a file, instead of what firn.yaml says; may be NULL */
    const char *warehouse; /* a folder, likewise */
    void *reserved[4];
} firn_open_options;

#define FIRN_OPEN_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(firn_open_options)                                                          \
    }

/* Opens a data directory in this process.  `options` may be NULL.  One process has a data directory at a time: FIRN_UNAVAILABLE
 * names the one that has it.  A catalog behind HTTP (an Iceberg REST catalog) is FIRN_UNSUPPORTED.  The caller closes *out. */
FIRN_API int firn_open(const char *dir, const firn_open_options *options, firn_lake **out,
                       firn_error *err);

/* Opens a single table by its metadata.json (a path or a file: URI), without a catalog: it is called "table.table", and can be read
 * only; writes are FIRN_DENIED.  Its data files may lie wherever the metadata says.  The caller closes *out. */
FIRN_API int firn_open_metadata(const char *metadata_json, const firn_open_options *options,
                                firn_lake **out, firn_error *err);

/* No call may follow.  Streams that are still open keep working: the lake is closed with the last of them.  NULL is fine. */
FIRN_API void firn_close(firn_lake *lake);

/* ---- Lists, as JSON: firn_free(*json) */

/* ["bronze", "bronze.raw"], of the whole tree. */
FIRN_API int firn_list_namespaces(firn_lake *lake, const char *ref, char **json, firn_error *err);
/* ["bronze.events", ...]; ns NULL: of all namespaces. */
FIRN_API int firn_list_tables(firn_lake *lake, const char *ref, const char *ns, char **json,
                              firn_error *err);
/* [{"name":"main","type":"branch","commit":"...64 digits..."}, ...] */
FIRN_API int firn_list_refs(firn_lake *lake, char **json, firn_error *err);

/* ---- Tables */

typedef struct firn_table firn_table; /* a table as it was when it was loaded */

/* The caller frees *out, before or after the lake is closed. */
FIRN_API int firn_table_load(firn_lake *lake, const char *ref, const char *name, firn_table **out,
                             firn_error *err);
FIRN_API void firn_table_free(firn_table *table); /* NULL is fine */

typedef enum firn_table_part {
    FIRN_TABLE_METADATA = 0,   /* all of it, as the metadata.json of its format version has it */
    FIRN_TABLE_SCHEMA = 1,     /* the current schema, as Iceberg writes it */
    FIRN_TABLE_SNAPSHOTS = 2,  /* an array, oldest first */
    FIRN_TABLE_PROPERTIES = 3, /* an object of texts */
    FIRN_TABLE_REFS = 4,       /* the table's own branches and tags, by name */
    /* Since ABI 2: */
    FIRN_TABLE_SPECS = 5,       /* an array of partition specs, the one that is written with last */
    FIRN_TABLE_SORT_ORDERS = 6, /* an array of sort orders, likewise */
    FIRN_TABLE_SCHEMAS = 7      /* an array of schemas, the current one last */
} firn_table_part;

/* JSON: firn_free(*json). */
FIRN_API int firn_table_json(const firn_table *table, firn_table_part part, char **json,
                             firn_error *err);
/* The columns as scans give them; the caller releases *out.  Nullable is what the table does not require. */
FIRN_API int firn_table_arrow_schema(const firn_table *table, struct ArrowSchema *out,
                                     firn_error *err);
FIRN_API int64_t firn_table_snapshot_id(const firn_table *table);  /* -1: none */
FIRN_API const char *firn_table_location(const firn_table *table); /* lives as long as the table */
FIRN_API const char *firn_table_uuid(const firn_table *table);     /* likewise */
FIRN_API const char *firn_table_metadata_file(const firn_table *table); /* likewise */

/* ---- Reading: "Scan Planning", "Column Projection", "Delete Formats" */

typedef struct firn_scan_options {
    size_t size; /* FIRN_SCAN_OPTIONS_INIT */
    const char *table;
    const char *ref;            /* of the catalog */
    const char *const *columns; /* names; NULL: all */
    size_t columns_n;
    const char *
        filter; /* a condition as SQL has it after WHERE; NULL: all rows.  Files that it excludes are not read */
    int64_t limit; /* rows; 0: all */
    /* At most one of these four; else the newest snapshot. */
    int64_t snapshot_id;   /* 0: not set */
    const char *table_ref; /* a branch or tag of the table's own; NULL: not set */
    int64_t timestamp_ms;  /* as of that time, since 1970 UTC; 0: not set */
    /* 1: the rows that append snapshots brought after `after_snapshot` (0: ever), up to `to_snapshot` (0: now), those deleted since too.
     * 2 (since ABI 2): all changes of rows between them, with the columns _change_type (INSERT, DELETE), _change_ordinal and
     * _commit_snapshot_id behind the table's; a row that was written again unchanged is a DELETE and an INSERT. */
    int32_t incremental;
    int32_t reserved1;
    int64_t after_snapshot, to_snapshot;
    firn_cancel *cancel; /* may be NULL; lives as long as the stream */
    void *reserved[4];
} firn_scan_options;

#define FIRN_SCAN_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(firn_scan_options)                                                          \
    }

/* Rows with all deletes applied, batch by batch in bounded memory.  The caller releases *out, at any time; it may outlive
 * firn_close.  Errors in the middle come from get_next, its text from get_last_error.  Types: docs/c-api.md. */
FIRN_API int firn_scan(firn_lake *lake, const firn_scan_options *options,
                       struct ArrowArrayStream *out, firn_error *err);

/* ---- Planning: which files a scan would read (since ABI 2) */

/* A plan under way: its table as it was when it was opened.  One thread at a time; it may outlive firn_close. */
typedef struct firn_plan firn_plan;

/* Plans a scan without reading a row.  Of the options `columns` and `limit` do not count.  `filter` is a condition that files can be
 * left out by: comparisons, IN, IS [NOT] NULL, IS NAN, LIKE 'x%', AND, OR, NOT (docs/sql.md); anything else is FIRN_INVALID.
 * The caller closes *out. */
FIRN_API int firn_plan_open(firn_lake *lake, const firn_scan_options *options, firn_plan **out,
                            firn_error *err);
/* The next files, some thousand at a time in bounded memory, as the Iceberg REST protocol writes them (ScanTasks):
 * {"file-scan-tasks":[{"data-file":{...},"delete-file-references":[0],"residual-filter":...}, ...],"delete-files":[...]}; references are
 * places in the same text's delete-files, and a residual-filter of true says that all rows of the file match.  *json (firn_free) is NULL
 * after the last. */
FIRN_API int firn_plan_next(firn_plan *plan, char **json, firn_error *err);
FIRN_API void firn_plan_close(firn_plan *plan); /* NULL is fine */

/* ---- Writing: "Snapshots", "Delete Formats", "Writer Requirements" */

typedef struct firn_pair {
    const char *key, *value;
} firn_pair;

typedef enum firn_deletes {
    FIRN_DELETES_BY_TABLE =
        0, /* rows are looked for, and written again or deleted by position, as write.merge.mode says */
    FIRN_DELETES_EQUALITY = 1 /* nothing is read: the keys become equality delete files */
} firn_deletes;

typedef struct firn_write_options {
    size_t size; /* FIRN_WRITE_OPTIONS_INIT */
    const char *table;
    const char *branch;       /* NULL: main */
    const firn_pair *summary; /* kept in the snapshot's summary */
    size_t summary_n;
    firn_cancel *cancel; /* may be NULL */
    /* Since ABI 3, of firn_row_delta and firn_upsert: */
    int32_t deletes; /* firn_deletes: what becomes of the keys */
    int32_t reserved1;
    const int32_t *
        key_ids; /* ids of the fields that the columns of `keys` are, by place; NULL: they are found by name */
    size_t key_ids_n;
    void *reserved[1];
} firn_write_options;

#define FIRN_WRITE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(firn_write_options)                                                         \
    }

typedef struct firn_write_result {
    size_t size;         /* FIRN_WRITE_RESULT_INIT */
    int64_t snapshot_id; /* of the table; -1: none */
    int64_t rows;        /* added and removed */
    char commit[65];     /* of the catalog, 64 hexadecimal digits; empty: none */
    char reserved[63];
} firn_write_result;

#define FIRN_WRITE_RESULT_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(firn_write_result)                                                          \
    }

/* In all of these: the stream is read to its end first, beyond the memory limit into a file of the lake's tmp folder; then everything
 * becomes one commit, or nothing does.  Columns go to the table's by name, cast where no value can be lost in silence; columns that are missing
 * get their default or null.  Other writers' commits meanwhile are not lost; FIRN_CONFLICT when both do not go together.  `result` may be NULL. */

/* Adds rows.  An empty stream commits nothing. */
FIRN_API int firn_append(firn_lake *lake, const firn_write_options *options,
                         struct ArrowArrayStream *rows, firn_write_result *result, firn_error *err);

/* Removes the rows that match `filter` (an SQL condition; NULL: all rows), and adds the stream's. */
FIRN_API int firn_overwrite(firn_lake *lake, const firn_write_options *options, const char *filter,
                            struct ArrowArrayStream *rows, firn_write_result *result,
                            firn_error *err);

/* Removes the rows that match `filter` (NULL: none by filter) and those whose values are those of a row of `keys` in all columns of that
 * stream (null equals null; NULL: none by key), and adds those of `rows` (NULL: none).
 * Keys may be positions, too: the columns _file and _pos, or _row_id (format 3), as scans give them when they are named.  A row of `keys`
 * that finds no row of the table is fine, but a position that finds none is FIRN_CONFLICT: the row was deleted, or its file
 * rewritten, since it was read.
 * With FIRN_DELETES_EQUALITY ("Equality Delete Files", formats 2 and 3) every row that has the values of a key and was committed before is
 * gone, whoever wrote it; the rows of this call stay.  There is no filter; keys are columns that are not nested and no floating numbers.  result->rows
 * counts rows and keys. */
FIRN_API int firn_row_delta(firn_lake *lake, const firn_write_options *options,
                            struct ArrowArrayStream *rows, const char *filter,
                            struct ArrowArrayStream *keys, firn_write_result *result,
                            firn_error *err);

/* Adds the rows in place of those that have the same values in the columns `keys`, names (NULL: the table's identifier fields; null
 * equals null).  FIRN_INVALID when two of the rows have the same key.  Since ABI 2. */
FIRN_API int firn_upsert(firn_lake *lake, const firn_write_options *options,
                         struct ArrowArrayStream *rows, const char *const *keys, size_t keys_n,
                         firn_write_result *result, firn_error *err);

/* The rows take the place of the partitions that they are of, whole ones; of a table without partitions, of all its rows.  Since
 * ABI 2. */
FIRN_API int firn_overwrite_partitions(firn_lake *lake, const firn_write_options *options,
                                       struct ArrowArrayStream *rows, firn_write_result *result,
                                       firn_error *err);

/* ---- Definitions: "Schemas", "Partitioning", "Sorting", "Schema Evolution", "Partition Evolution".  Each is one commit; `ref` is a branch */

/* Parents are not made; properties may be NULL when n is 0. */
FIRN_API int firn_create_namespace(firn_lake *lake, const char *ref, const char *ns,
                                   const firn_pair *properties, size_t n, firn_error *err);
FIRN_API int firn_drop_namespace(firn_lake *lake, const char *ref, const char *ns, firn_error *err);

typedef struct firn_create_options {
    size_t size; /* FIRN_CREATE_OPTIONS_INIT */
    const char *table;
    const char *ref;
    const struct ArrowSchema
        *schema;             /* one of these two; stays the caller's, all columns become optional */
    const char *schema_json; /* as Iceberg writes schemas; ids are assigned anew */
    const char *partition_by;    /* "day(ts), bucket(16, id)"; NULL: none */
    const firn_pair *properties; /* "format-version" too: "2" */
    size_t properties_n;
    void *reserved[4];
} firn_create_options;

#define FIRN_CREATE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .size = sizeof(firn_create_options)                                                        \
    }

FIRN_API int firn_create_table(firn_lake *lake, const firn_create_options *options,
                               firn_error *err);
/* purge: its files may go, too, once nothing needs them. */
FIRN_API int firn_drop_table(firn_lake *lake, const char *ref, const char *name, int purge,
                             firn_error *err);
FIRN_API int firn_rename_table(firn_lake *lake, const char *ref, const char *name, const char *to,
                               firn_error *err);

typedef enum firn_change_kind {
    FIRN_ADD_COLUMN = 1,      /* name, type, text: its doc, or NULL */
    FIRN_DROP_COLUMN = 2,     /* name */
    FIRN_RENAME_COLUMN = 3,   /* name, text: the new last part of the name */
    FIRN_WIDEN_COLUMN = 4,    /* name, type */
    FIRN_SET_PROPERTY = 5,    /* name, text */
    FIRN_REMOVE_PROPERTY = 6, /* name */
    FIRN_MAKE_OPTIONAL = 7,   /* name */
    FIRN_SET_DOC = 8,         /* name, text */
    /* Since ABI 2: */
    FIRN_MOVE_COLUMN =
        9, /* name, type: first, after or before, text: the column that it goes after or before */
    FIRN_SET_IDENTIFIERS = 10, /* name: columns that tell rows apart, "a, b.c"; empty: none */
    FIRN_SET_DEFAULT =
        11, /* name, text: what new rows get, as Iceberg's JSON has single values; NULL: null */
    FIRN_ADD_PARTITION = 12,  /* name: "bucket(16, id)", text: the field's name, or NULL */
    FIRN_DROP_PARTITION = 13, /* name: the transform, or the field's name */
    FIRN_SET_ORDER = 14,      /* name: "a DESC NULLS LAST, bucket(4, b)"; empty: unsorted */
    FIRN_SET_LOCATION = 15,   /* name: where new files go */
    FIRN_UPGRADE_FORMAT = 16  /* name: "2" or "3" */
} firn_change_kind;

typedef struct firn_change {
    int32_t kind; /* firn_change_kind */
    int32_t reserved;
    const char *name; /* dotted for nested fields: "address.street" */
    const char *type; /* as Iceberg writes it: long, decimal(10, 2), or the JSON of a nested type */
    const char *text;
} firn_change;

/* All changes in order as one commit, or none. */
FIRN_API int firn_alter_table(firn_lake *lake, const char *ref, const char *name,
                              const firn_change *changes, size_t n, firn_error *err);

/* ---- Snapshots of one table (since ABI 2): "Snapshot References", "Snapshot Retention Policy".  Each is one commit; `ref` is a branch of the catalog, `branch` one of the table */

typedef enum firn_move_kind {
    FIRN_ROLLBACK = 1,         /* back to an ancestor: snapshot_id */
    FIRN_ROLLBACK_TO_TIME = 2, /* back to the newest ancestor that is older than timestamp_ms */
    FIRN_SET_CURRENT = 3,      /* to any snapshot: snapshot_id, or that of `to` */
    FIRN_CHERRY_PICK = 4,      /* takes over what snapshot_id did */
    FIRN_PUBLISH = 5,          /* takes over the staged snapshot that has wap_id */
    FIRN_FAST_FORWARD = 6      /* to `to`, which descends from the branch */
} firn_move_kind;

typedef struct firn_move_options {
    size_t size; /* FIRN_MOVE_OPTIONS_INIT */
    const char *table;
    const char *ref;
    const char *branch;   /* that moves; NULL: the table's main */
    int32_t kind;         /* firn_move_kind */
    int32_t dry_run;      /* 1: everything is checked, nothing is written */
    int64_t snapshot_id;  /* 0: not set */
    int64_t timestamp_ms; /* since 1970 UTC */
    const char *to;       /* a branch or tag of the table; NULL: not set */
    const char *wap_id;   /* NULL: not set */
    void *reserved[4];
} firn_move_options;

#define FIRN_MOVE_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(firn_move_options)                                                          \
    }

/* result->snapshot_id is the branch's snapshot afterwards; its commit is empty when there was nothing to do. */
FIRN_API int firn_move_snapshot(firn_lake *lake, const firn_move_options *options,
                                firn_write_result *result, firn_error *err);

typedef struct firn_table_ref_options {
    size_t size; /* FIRN_TABLE_REF_OPTIONS_INIT */
    const char *table;
    const char *ref;
    const char *name;
    int32_t kind;           /* firn_ref_kind */
    int32_t must_be_new;    /* 1: FIRN_EXISTS when it is there; else it is moved */
    int64_t snapshot_id;    /* 0: the current one */
    int64_t max_ref_age_ms; /* expiry takes the ref away after that time; 0: never, or as it was */
    int64_t
        max_snapshot_age_ms; /* how long expiry keeps a branch's snapshots; 0: by the table's properties, or as it was */
    int32_t min_snapshots; /* how many of a branch it keeps at least; 0: likewise */
    int32_t reserved1;
    void *reserved[4];
} firn_table_ref_options;

#define FIRN_TABLE_REF_OPTIONS_INIT                                                                \
    {                                                                                              \
        .size = sizeof(firn_table_ref_options)                                                     \
    }

/* Makes or moves a branch or tag of the table itself. */
FIRN_API int firn_set_table_ref(firn_lake *lake, const firn_table_ref_options *options,
                                firn_error *err);
FIRN_API int firn_drop_table_ref(firn_lake *lake, const char *ref, const char *table,
                                 const char *name, firn_error *err);

/* ---- Maintenance (since ABI 2).  *json (may be NULL; firn_free) is what was done, an array of objects: docs/sql.md, "Procedures" */

typedef struct firn_call_options {
    size_t size;           /* FIRN_CALL_OPTIONS_INIT */
    const char *procedure; /* "rewrite_data_files", as in CALL system.rewrite_data_files(...) */
    const char *table;     /* its argument `table`; NULL: none */
    const char *ref;       /* a branch of the catalog */
    const firn_pair *
        arguments; /* by name; values as SQL writes them: 5, true, 'text', TIMESTAMP '2026-02-03 04:05:06', array(1, 2), map('a', 'b') */
    size_t arguments_n;
    firn_cancel *cancel; /* may be NULL */
    void *reserved[4];
} firn_call_options;

#define FIRN_CALL_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(firn_call_options)                                                          \
    }

/* Any procedure. */
FIRN_API int firn_call(firn_lake *lake, const firn_call_options *options, char **json,
                       firn_error *err);

/* Small files become large ones, and deletes go into the data; `where` (NULL: all) chooses the files. */
FIRN_API int firn_compact(firn_lake *lake, const char *ref, const char *table, const char *where,
                          char **json, firn_error *err);
/* Snapshots older than that go, but for the newest `retain_last` (0: by the table's properties) and what branches and tags keep;
 * older_than_ms since 1970 UTC; 0: by the table's properties.  Files are put on the list of the collector, not removed. */
FIRN_API int firn_expire_snapshots(firn_lake *lake, const char *ref, const char *table,
                                   int64_t older_than_ms, int32_t retain_last, char **json,
                                   firn_error *err);
/* Files below the table's location that nothing reaches, older than that (0: three days ago; a day ago at the latest); dry_run: they are listed only. */
FIRN_API int firn_remove_orphans(firn_lake *lake, const char *ref, const char *table,
                                 int64_t older_than_ms, int dry_run, char **json, firn_error *err);
FIRN_API int firn_rewrite_manifests(firn_lake *lake, const char *ref, const char *table,
                                    char **json, firn_error *err);
/* Writes statistics of the columns (numbers of distinct values) as a Puffin file. */
FIRN_API int firn_analyze(firn_lake *lake, const char *ref, const char *table, char **json,
                          firn_error *err);

/* ---- Branches, tags, merges: of the whole catalog */

typedef enum firn_ref_kind { FIRN_BRANCH = 1, FIRN_TAG = 2 } firn_ref_kind;

/* At `from`, any ref. */
FIRN_API int firn_create_ref(firn_lake *lake, firn_ref_kind kind, const char *name,
                             const char *from, firn_error *err);
FIRN_API int firn_delete_ref(firn_lake *lake, const char *name, firn_error *err);

/* Merges any ref into a branch.  *json (may be NULL; firn_free) is {"applied":true,"commit":"...","conflicts":[{"name":"ns.t","reason":
 * "..."}]}.  FIRN_CONFLICT with *json filled when the changes do not go together: nothing moved then. */
FIRN_API int firn_merge(firn_lake *lake, const char *from, const char *into, const char *message,
                        char **json, firn_error *err);

/* ---- SQL */

typedef struct firn_sql_options {
    size_t size;               /* FIRN_SQL_OPTIONS_INIT */
    const char *text;          /* one statement: docs/sql.md */
    const char *ref;           /* what names mean, and where it writes */
    const char *const *params; /* texts for $1, $2 ...; NULL: the SQL NULL */
    size_t params_n;
    int32_t local_files; /* 1: may read files of this machine by their path */
    int32_t reserved1;
    firn_cancel *cancel; /* may be NULL; lives as long as the stream */
    void *reserved[4];
} firn_sql_options;

#define FIRN_SQL_OPTIONS_INIT                                                                      \
    {                                                                                              \
        .size = sizeof(firn_sql_options)                                                           \
    }

/* Runs a statement.  The rows of a query come as a stream that the caller releases; other statements leave out->release NULL
 * and fill *result.  Either may be NULL: the rows are dropped then. */
FIRN_API int firn_sql(firn_lake *lake, const firn_sql_options *options,
                      struct ArrowArrayStream *out, firn_write_result *result, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
