/* SPDX-License-Identifier: Apache-2.0
 *
 * What the schema of a statement names.  The engine's names have one schema, so that a nested namespace is written as one quoted
 * identifier, "a.b".t, as Trino has it; catalogs may also hold a level whose own name has a dot. */
#ifndef FIRN_SQL_SCHEMA_NAME_H
#define FIRN_SQL_SCHEMA_NAME_H

#include "base/arena.h"
#include "base/error.h"

struct lake;

/* The namespace, in `a`: b in a for "a.b" when that is there or when nothing is, else the level that is called so.  A level that
 * keeps its own quotes ("""a.b""") is never taken apart (catalog/name.h).  `ref` as in sql_request. */
MUST_USE bool schema_namespace(struct lake *lake, str ref, str schema, struct arena *a, str *ns,
                               struct error *err);

/* A name of n parts as the text that name_split (catalog/name.h) takes apart again. */
MUST_USE bool schema_name_text(struct lake *lake, str ref, const str *parts, size_t n,
                               struct arena *a, str *out, struct error *err);

#endif
