/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches and tags of one table (not of the catalog), as Iceberg's Spark extensions write them:
 *
 *   ALTER TABLE t CREATE | CREATE OR REPLACE | REPLACE  BRANCH | TAG  [IF NOT EXISTS] name
 *       [AS OF VERSION snapshot-id]  [RETAIN n DAYS | HOURS | MINUTES]
 *       [WITH SNAPSHOT RETENTION [n SNAPSHOTS] [n DAYS | HOURS | MINUTES]]            (branches only)
 *   ALTER TABLE t DROP BRANCH | TAG [IF EXISTS] name
 */
#ifndef FIRN_SQL_ALTER_REFS_H
#define FIRN_SQL_ALTER_REFS_H

#include "sql/statement_priv.h"

/* Whether the words from token i on, behind the name of the table, are such a change. */
bool alter_refs_begins(const struct lex *lex, size_t i);

/* Runs it: `table` is the dotted name, i the token behind it.  Asks for permission, commits, fills r->out.  ERR_INVALID (also for
 * what is behind it), ERR_NOT_FOUND, ERR_EXISTS, ERR_DENIED, ERR_CONFLICT. */
MUST_USE bool run_alter_refs(struct run *r, str table, size_t i, struct error *err);

#endif
