/* SPDX-License-Identifier: Apache-2.0
 *
 * Files into tables: Parquet, CSV, TSV, JSON and JSON lines, one or a glob, compressed as their names say.  A load is one
 * commit; its snapshot's summary says which files it came from and how many rows were left behind. */
#ifndef FIRN_INGEST_INGEST_H
#define FIRN_INGEST_INGEST_H

#include "base/arena.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/thread.h"

struct lake;

enum ingest_mode {
    INGEST_APPEND,    /* the table is made when missing */
    INGEST_OVERWRITE, /* all rows of the table are replaced */
    INGEST_MERGE /* rows with the same key are replaced, others added; the last row of a key in the source counts */
};

/* What happens to rows that do not fit the table's types. */
enum ingest_on_error {
    ON_ERROR_FAIL, /* the load fails, naming file, row and column; nothing is written */
    ON_ERROR_SKIP, /* they are left out and counted */
    ON_ERROR_QUARANTINE /* they are kept in <table>_quarantine with the reason, published together with the load */
};

struct access;
struct ingest_request {
    str source; /* absolute path or glob */
    str table;  /* "bronze.flights" */
    str branch; /* empty: main */
    enum ingest_mode mode;
    enum ingest_on_error on_error;
    const str *key; /* columns; INGEST_MERGE */
    size_t key_n;
    str columns; /* "a INTEGER, b DOUBLE": types of the source's columns instead of guessed ones; may be empty */
    str partition_by; /* of a table that is made */
    const struct access
        *access; /* who asks (govern/access.h); NULL: refused while access control is on */
    struct cancel *cancel;
    struct progress *progress;
};

struct ingest_report {
    int64_t rows, rejected, files, bytes, snapshot_id; /* rows and files that the load wrote */
    str commit_id;
    str quarantine; /* the table that got the rejected rows; empty: none */
    bool created;
};

/* "append", "overwrite", "merge"; "fail", "skip", "quarantine".  False for another word. */
bool ingest_mode_parse(str text, enum ingest_mode *out);
bool ingest_on_error_parse(str text, enum ingest_on_error *out);

/* Loads the source.  ERR_NOT_FOUND for a file that is not there, ERR_CORRUPT for one that is damaged, ERR_INVALID for rows that
 * do not fit, ERR_UNSUPPORTED for a kind of file that is not known. */
MUST_USE bool ingest_run(struct lake *lake, const struct ingest_request *req, struct arena *a,
                         struct ingest_report *out, struct error *err);

#endif
