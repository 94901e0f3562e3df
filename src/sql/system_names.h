/* SPDX-License-Identifier: Apache-2.0
 *
 * The namespace "system" holds tables that the server itself keeps (the audit log).  DuckDB has a database of that name, so that
 * system.t would be ambiguous in a session: queries are run with another name for the namespace. */
#ifndef FIRN_SQL_SYSTEM_NAMES_H
#define FIRN_SQL_SYSTEM_NAMES_H

#include "base/arena.h"

#define SYSTEM_ALIAS "firn_system"

/* The query with SYSTEM_ALIAS instead of "system" where that qualifies a name; the query itself where it does not occur. */
str system_names_hide(str query, struct arena *a);

/* The namespace that a schema of the session stands for. */
str system_names_of(str schema);

#endif
