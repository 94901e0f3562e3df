/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that take the place of others, in one commit, as Spark writes it:
 *
 *   INSERT OVERWRITE [TABLE] t [PARTITION (a = 1, b)] [(columns)] query
 *       static: what PARTITION names with a value is replaced, all of the table without one.  dynamic: the partitions that the
 *       query's rows are of, and no other
 *   INSERT INTO [TABLE] t [(columns)] REPLACE WHERE condition query
 *       rows that match the condition are replaced
 *
 * Which of the two INSERT OVERWRITE is says spark.sql.sources.partitionOverwriteMode (sql/settings.h), else the table's
 * firn.overwrite-mode.  Columns with a value in PARTITION are not in the query.  Files that match in part are handled as a
 * DELETE handles them (write.delete.mode), and so are changes that others make meanwhile (write.delete.isolation-level). */
#ifndef FIRN_SQL_OVERWRITE_H
#define FIRN_SQL_OVERWRITE_H

#include "sql/statement_priv.h"

/* Whether the statement, which begins with INSERT, is one of these. */
bool overwrite_begins(const struct lex *lex);

/* Runs it as one commit; the answer is that of an INSERT. */
MUST_USE bool run_overwrite(struct run *r, struct error *err);

#endif
