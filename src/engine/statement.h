/* SPDX-License-Identifier: Apache-2.0
 *
 * What a query reads, as the engine's own parser sees it, before anything is bound: tables need not
 * exist and parameters need no values. */
#ifndef FIRN_ENGINE_STATEMENT_H
#define FIRN_ENGINE_STATEMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct session;

/* A name as written, unquoted; missing parts are empty. */
struct statement_name {
    str catalog, schema, name;
};

struct statement_sources {
    struct statement_name
        *tables; /* each once, in the order of the text; common table expressions are left
                                    * out.  A file, as in FROM 'x.parquet', has its path as name */
    size_t tables_n;
    str *functions; /* table functions (read_csv, range, ...), lower case, each once */
    size_t functions_n;
    str *scalars; /* other functions, aggregates and windows too, without operators */
    size_t scalars_n;
};

/* The sources of one SELECT (also WITH, VALUES, FROM first, DESCRIBE and SUMMARIZE of a query).  Views are not
 * looked into.  A function that runs SQL from a text (query, query_table) is listed like any other.  ERR_INVALID
 * with the place of the mistake for what does not parse or is not one statement, ERR_UNSUPPORTED for
 * statements that are no queries. */
MUST_USE bool statement_sources(struct session *s, str sql, struct arena *a,
                                struct statement_sources *out, struct error *err);

#endif
