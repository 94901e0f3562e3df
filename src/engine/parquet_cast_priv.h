/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns on their way into a file, where the engine's writer is not Iceberg's: of type unknown nothing is stored, a variant
 * is its two byte arrays (the engine shreds those that are columns, which few can read), a fixed must have its length. */
#ifndef FIRN_ENGINE_PARQUET_CAST_PRIV_H
#define FIRN_ENGINE_PARQUET_CAST_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct field;
struct type;

/* Whether files hold anything of it. */
bool type_is_stored(const struct type *t);

/* Appends the expression `sql` (of any type, `from` its text or empty) in the engine's type of field f. */
MUST_USE bool cast_to_type(const struct field *f, str sql, str from, struct buf *out,
                           struct error *err);

/* The same as files hold it; `shred`: variants as the engine writes them, in typed columns.  ERR_UNSUPPORTED
 * for what no file can hold: a list or map of unknown, a struct of nothing else. */
MUST_USE bool cast_for_file(const struct field *f, str sql, str from, bool shred, struct arena *a,
                            struct buf *out, struct error *err);

#endif
