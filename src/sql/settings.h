/* SPDX-License-Identifier: Apache-2.0
 *
 * What SET changes for the statements after it, in the same request.  Names are Spark's; "spark." before them may be left out
 * where Spark has it.
 *
 *   spark.wap.id                              writes to tables with write.wap.enabled are staged under this id
 *   spark.wap.branch                          such tables are written to, and read from, this branch of theirs
 *   spark.sql.sources.partitionOverwriteMode  INSERT OVERWRITE replaces what it names (static), or the partitions that its
 *                                             rows are of (dynamic); else the table's firn.overwrite-mode, else static */
#ifndef FIRN_SQL_SETTINGS_H
#define FIRN_SQL_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"

struct run; /* sql/statement_priv.h */

enum setting { SETTING_WAP_ID, SETTING_WAP_BRANCH, SETTING_OVERWRITE_MODE, SETTINGS_N };

struct sql_settings {
    str values[SETTINGS_N]; /* empty: not set */
};

/* Sets one; an empty value takes it away.  The value is copied to `a`.  ERR_INVALID for a name that is none, and for a value
 * that the setting does not take. */
MUST_USE bool settings_set(struct sql_settings *s, str name, str value, struct arena *a,
                           struct error *err);

/* The value; empty when it is not set, or `s` is NULL. */
str settings_get(const struct sql_settings *s, enum setting which);

/* The setting's name, for a body that takes them along. */
const char *settings_name(enum setting which);

/* A text that is SET or RESET is applied to the settings; *is_one tells whether it was one.  For whoever sends statements one by
 * one and keeps the settings himself. */
MUST_USE bool settings_statement(struct sql_settings *s, str text, struct arena *a, bool *is_one,
                                 struct error *err);

/* SET name = value, RESET name, RESET */
MUST_USE bool run_set(struct run *r, struct error *err);
MUST_USE bool run_reset(struct run *r, struct error *err);

#endif
