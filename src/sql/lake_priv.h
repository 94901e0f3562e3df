/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_SQL_LAKE_PRIV_H
#define FIRN_SQL_LAKE_PRIV_H

#include "sql/lake.h"

/* For a database that several servers share: their tables and artifacts must lie in the same places
 * under the same names, since entries name absolute locations.  The first server writes its places
 * down, a later one with others gets ERR_INVALID. */
MUST_USE bool lake_check_places(struct lake *lake, struct error *err);

/* Reads or makes the number by which rows of a shared database name this data directory. */
MUST_USE bool lake_find_server_id(struct lake *lake, struct store *root, struct error *err);

#endif
