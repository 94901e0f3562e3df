/* SPDX-License-Identifier: Apache-2.0
 *
 * What a query asks of each table before it reads any file: the filters that Iceberg prunes manifests
 * and files with, and the columns.  The query is planned over relations without rows that have the
 * tables' schemas; the optimizer moves its filters, with all that it derives from them (ranges from
 * date_trunc and LIKE, constants through joins), down to each of them, and they are read off the
 * plan.  Conservative: what is not understood counts as true, which only reads more files.
 *
 *     filter_tables_sql(s, tables, n, ...)       gives each table a SELECT: make it the table's view
 *     session_filters(s, query, ..., tables, n)  plans the query and fills in what each table needs
 */
#ifndef FIRN_ENGINE_FILTERS_H
#define FIRN_ENGINE_FILTERS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct expr;
struct param;
struct schema;
struct session;

#define FILTER_TABLES_MAX 10000

struct filter_table {
    const struct schema *schema; /* given by the caller */
    str select_sql;              /* from filter_tables_sql */
    str nonce;                   /* its own */
    /* From session_filters: */
    size_t scans_n; /* places where the query reads the table */
    const struct expr
        *filter; /* unbound; the OR of all places.  True also when the plan says nothing */
    const int32_t *field_ids; /* columns that it needs, ascending */
    size_t field_ids_n;
};

/* Once per session and set of tables.  ERR_UNSUPPORTED for columns that the engine has no type for. */
MUST_USE bool filter_tables_sql(struct session *s, struct filter_table *tables, size_t n,
                                struct arena *a, struct error *err);

/* Errors are the query's own: it is parsed and bound, but not run. */
MUST_USE bool session_filters(struct session *s, str sql, const struct param *params,
                              size_t params_n, struct filter_table *tables, size_t n,
                              struct arena *a, struct error *err);

#endif
