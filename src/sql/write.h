/* SPDX-License-Identifier: Apache-2.0
 *
 * The one way in which rows become a snapshot: a query over the lake is written as Parquet files with field ids and
 * statistics, and committed.  INSERT, CREATE TABLE AS, ingestion, models and training sets all come here. */
#ifndef FIRN_SQL_WRITE_H
#define FIRN_SQL_WRITE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"

struct access;
struct data_file;
struct lake;
struct metadata;
struct param;
struct session;
struct sort_order;
struct value;
struct sql_settings;
struct table;

enum write_mode {
    WRITE_CREATE, /* the table must not exist */
    WRITE_APPEND, /* it must exist */
    WRITE_REPLACE, /* all rows of the table are replaced; made when missing; the definition follows the
                    * query's columns (sql/evolve.h) */
};

struct write_prop {
    str key, value;
};

struct write_request {
    str branch; /* empty: main */
    str table;  /* "ns.name", quoted parts allowed */
    str query;  /* SELECT text; resolved over the lake like any query */
    enum write_mode mode;
    bool create_missing; /* WRITE_APPEND: make the table when it is not there */
    str partition_by;    /* "day(date), origin"; for a table that is made; empty: none */
    bool local_files;    /* the query may read local files */
    str location;        /* of a table that is made or replaced; empty: its own */
    bool by_place;       /* WRITE_APPEND: columns by place whatever their names, as INSERT has it */
    bool by_name; /* WRITE_APPEND: by name; one that the table does not have is ERR_INVALID */
    const struct param *params; /* of the query (engine/session.h) */
    size_t params_n;
    const struct write_prop *summary; /* what produced the snapshot; kept in its summary */
    size_t summary_n;
    const struct write_prop *properties; /* table properties of a table that is made */
    size_t properties_n;
    const struct access *access;   /* as in sql_request */
    struct sql_settings *settings; /* likewise */
    struct cancel *cancel;
    struct session
        *session; /* run in this session (its own tables and views visible); NULL: a fresh one */
};

struct write_result {
    int64_t snapshot_id, rows, files, bytes;
    str commit_id;
    bool created;                  /* the table was made by this write */
    struct sql_scan_stats *inputs; /* tables and snapshots read (sql.h) */
    size_t inputs_n;
};

/* Runs the query and commits its rows.  Nothing is visible unless it returns true; ERR_CONFLICT only after retries. */
MUST_USE bool sql_write_query(struct lake *lake, const struct write_request *req, struct arena *a,
                              struct write_result *out, struct error *err);

struct ArrowArrayStream; /* engine/arrow_abi.h */

/* Appends the rows of a stream without a session when they are few and fit as they are: a table without partitions and order, of columns
 * that engine/parquet_small.h writes, as its properties have Parquet by default.  Otherwise *done is false, nothing has happened, and `rows` still gives all:
 * the engine has to write them.  Of `req` counts what sql_write_query takes for WRITE_APPEND, but for the query.  The caller releases
 * the stream. */
MUST_USE bool sql_append_small(struct lake *lake, const struct write_request *req,
                               struct ArrowArrayStream *rows, struct arena *a,
                               struct write_result *out, bool *done, struct error *err);

/* The table's data folder (write.data.path, else "data" below its location, by the metadata `m`) as a path of the store; errors name
 * the file that says so. */
MUST_USE bool write_data_path(struct lake *lake, const struct table *t, const struct metadata *m,
                              struct arena *a, str *out, struct error *err);

/* How rows lie in files, other than the table says. */
struct rows_layout {
    const struct value
        *partition; /* of the default spec: all rows are in it; NULL: that is not known */
    const struct sort_order
        *order;    /* its id counts when it is one of the table's; NULL: the table's order */
    str order_sql; /* ORDER BY over the columns, instead; empty: none */
    int64_t bytes; /* that the rows will take, about: more than a file's worth is cut in order */
};

/* The rows of a query that is bound in the session already, as data files of the table: written and durable, not
 * committed.  Its columns are the table's by place; with `lineage` two more follow, _row_id and
 * _last_updated_sequence_number, null where the row is new. */
struct rows_request {
    struct session *session;
    const struct metadata *table;
    str query;
    bool lineage;
    const struct param *params; /* of the query */
    size_t params_n;
    int64_t file_bytes;               /* near which a new file begins; 0: by the table's property */
    const struct rows_layout *layout; /* NULL: as the table says */
    struct cancel *cancel;
};
MUST_USE bool sql_write_rows(struct lake *lake, const struct rows_request *req, struct arena *a,
                             const struct data_file **out, size_t *n, struct error *err);

#endif
