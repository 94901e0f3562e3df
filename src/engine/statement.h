/* SPDX-License-Identifier: Apache-2.0
 *
 * What a text of SQL holds, as the engine's own parser sees it, before anything runs. */
#ifndef FIRN_ENGINE_STATEMENT_H
#define FIRN_ENGINE_STATEMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct session;

enum statement_kind {
    STATEMENT_OTHER,
    STATEMENT_SELECT,
    STATEMENT_INSERT,
    STATEMENT_UPDATE,
    STATEMENT_DELETE,
    STATEMENT_MERGE,
    STATEMENT_CREATE,
    STATEMENT_DROP,
    STATEMENT_ALTER,
    STATEMENT_COPY,
    STATEMENT_EXPLAIN,
    STATEMENT_SET, /* SET, RESET, PRAGMA */
    STATEMENT_ATTACH,
    STATEMENT_TRANSACTION,
    STATEMENT_CALL,
    STATEMENT_PREPARE, /* PREPARE and EXECUTE */
    STATEMENT_KINDS
};

const char *statement_kind_name(enum statement_kind kind); /* "SELECT" */

struct statement {
    enum statement_kind kind;
    size_t params_n; /* parameters that it takes; 0 when that is not known without its tables */
};

/* Parses `sql`: one entry per statement.  Nothing is bound, so tables need not exist: the kind then
 * comes from the words.  ERR_INVALID with the place of the mistake. */
MUST_USE bool statement_parse(struct session *s, str sql, struct arena *a, struct statement **out,
                              size_t *n, struct error *err);

/* A name as written, unquoted: [catalog, schema, table] from the right; missing parts are empty. */
struct statement_name {
    str catalog, schema, name;
};

/* What a query reads. */
struct statement_sources {
    struct statement_name
        *tables; /* each once; names of CTEs are left out; files as in FROM 'x.parquet' have
                                    * the path as name */
    size_t tables_n;
    str *functions; /* table functions (read_csv, range, ...), lower case, each once */
    size_t functions_n;
    str *scalars; /* other functions, operators left out */
    size_t scalars_n;
};

/* The sources of one SELECT (also WITH, VALUES, set operations, FROM-first).  Views are not looked into.
 * ERR_INVALID for a text that is not one query; a function that runs SQL from a text (query, query_table) is
 * listed among the functions like any other. */
MUST_USE bool statement_sources(struct session *s, str sql, struct arena *a,
                                struct statement_sources *out, struct error *err);

#endif
