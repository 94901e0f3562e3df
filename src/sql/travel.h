/* SPDX-License-Identifier: Apache-2.0
 *
 * Time travel in SQL: `t FOR VERSION AS OF 123 | 'ref'`, `t FOR TIMESTAMP AS OF '...'`, with SYSTEM_VERSION and SYSTEM_TIME as
 * Spark and Trino write them too.  The clause is cut out and the table gets a name that no catalog entry can have. */
#ifndef FIRN_SQL_TRAVEL_H
#define FIRN_SQL_TRAVEL_H

#include "sql/lex.h"

struct travel {
    str ns, name;         /* as the query names it; ns levels joined with dots */
    str view;             /* the name in the rewritten text, in schema `ns` */
    int64_t snapshot_id;  /* 0: not by snapshot */
    str ref;              /* empty: not by ref */
    int64_t timestamp_us; /* by time when has_time */
    bool has_time;
};

/* *out is `sql` itself when it has no such clause. */
MUST_USE bool travel_rewrite(str sql, struct arena *a, str *out, struct travel **travels, size_t *n,
                             struct error *err);

/* Whether an alias begins at token i, behind the name of a table, so that none has to be made up. */
bool travel_has_alias(const struct lex *lex, size_t i);

#endif
