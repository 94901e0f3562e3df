/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the PostgreSQL engine: words and values (db_postgres_text.c), statements on a
 * connection (db_postgres_run.c), connections and transactions (db_postgres.c). */
#ifndef FIRN_IO_DB_POSTGRES_PRIV_H
#define FIRN_IO_DB_POSTGRES_PRIV_H

#include <libpq-fe.h>

#include "io/db_priv.h"

#define PG_STATEMENTS_MAX 128         /* prepared statements kept for a connection */
#define PG_ARGS_MAX 64                /* parameters of one statement */
#define PG_ANSWER_US (90 * 1000000LL) /* a server that says nothing for so long is given up */
#define PG_STATEMENT_MS 60000         /* the server stops a statement after this */
#define PG_IDLE_MS 60000              /* ... and a transaction that says nothing for this */
#define PG_SQL_SHOWN ((size_t)120)    /* bytes of a statement in an error's text */

struct pg_statement {
    uint64_t hash;      /* of the SQL text as given, and of the kinds of its arguments */
    uint64_t used;      /* when, on the connection's own counter */
    uint64_t name;      /* "s<name>" on the server */
    struct arena *text; /* holds `sql` */
    str sql;
    char kinds[PG_ARGS_MAX];
    size_t n;
};

struct pg_conn {
    struct db_conn base; /* first */
    PGconn *handle;      /* NULL when not connected */
    int64_t answer_us;   /* PG_ANSWER_US */
    bool wrote;          /* the transaction has run something else than reading */
    uint64_t counter;
    size_t statements_n;
    struct pg_statement statements[PG_STATEMENTS_MAX];
};

/* ---- words and values ---- */

/* Firn's SQL in PostgreSQL's words: `?` becomes $1, $2, ...; types get their names there.  *params
 * counts the `?`. */
str pg_sql(str sql, struct arena *a, size_t *params);

/* The wire form of a value: type, bytes, length.  `room` holds eight bytes of a number. */
void pg_encode(const struct db_value *v, char room[8], Oid *type, const char **bytes, int *len);

/* A binary column of a row as a value; bytes stay the row's own.  ERR_INTERNAL for a type that the
 * common SQL has not. */
MUST_USE bool pg_decode(Oid type, str bytes, struct db_value *out, struct error *err);

/* Fails with the code for the SQLSTATE (may be NULL: the connection is lost) and the server's text. */
bool pg_fail(struct error *err, const char *sqlstate, const char *text, str sql);

/* ---- statements ---- */

/* Forgets the connection and what was prepared on it; the transaction in it is lost. */
void pg_disconnect(struct pg_conn *c);

/* Runs SQL in PostgreSQL's own words, several statements perhaps, without parameters and rows.  On
 * failure *lost tells whether the connection is gone (and was forgotten); NULL is fine. */
MUST_USE bool pg_exec(struct pg_conn *c, const char *sql, bool *lost, struct error *err);

/* One statement in Firn's words, as db_ops.run. */
MUST_USE bool pg_run(struct pg_conn *c, str sql, const struct db_value *args, size_t n,
                     struct arena *a, struct db_rows *rows, struct error *err);

#endif
