/* SPDX-License-Identifier: Apache-2.0
 *
 * A statement while it runs, shared by sql.c (queries, dispatch) and ddl.c (definitions, INSERT). */
#ifndef FIRN_SQL_STATEMENT_PRIV_H
#define FIRN_SQL_STATEMENT_PRIV_H

#include "engine/session.h"
#include "sql/bind.h"
#include "sql/lex.h"
#include "sql/sql.h"

struct write_prop; /* sql/write.h */

struct run {
    struct lake *lake;
    const struct sql_request *req;
    struct arena *a;
    struct session *session;
    struct lex lex;
    str with; /* WITH name AS (...), in front of a statement that writes; empty: none */
    struct param *params;
    struct sql_outcome *out;
    const struct write_prop *summary; /* of the snapshot that a change makes, besides its own */
    size_t summary_n;
};

/* Each gets the statement's tokens from its first word on. */
bool run_create_schema(struct run *r, struct error *err);
bool run_drop_schema(struct run *r, struct error *err);
bool run_create_table(struct run *r, struct error *err);
bool run_drop_table(struct run *r, struct error *err);
bool run_insert(struct run *r, struct error *err);
bool run_change(struct run *r, struct error *err); /* DELETE, UPDATE, MERGE */
bool run_alter_table(struct run *r, struct error *err);
bool run_create_view(struct run *r, struct error *err);
bool run_alter_view(struct run *r, struct error *err);
bool run_drop_view(struct run *r, struct error *err);
bool run_comment(struct run *r, struct error *err); /* COMMENT ON */
bool run_call(struct run *r, struct error *err);    /* procedures */
bool run_analyze(struct run *r, struct error *err);
bool run_show_stats(struct run *r, struct error *err);

/* What binding a query of the statement needs: its branch, rights, parameters, settings. */
struct bind_request run_bind(const struct run *r, str query);

#endif
