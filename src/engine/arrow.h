/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as Arrow arrays, and Arrow streams as tables of a session (Arrow C data interface). */
#ifndef FIRN_ENGINE_ARROW_H
#define FIRN_ENGINE_ARROW_H

#include "engine/arrow_abi.h"
#include "engine/result.h"

struct session;

#define ARROW_COLUMNS_MAX 100000

/* The columns of a result as a struct schema; the caller releases *out. */
MUST_USE bool result_arrow_schema(struct result *r, struct ArrowSchema *out, struct error *err);

/* The next rows as a struct array that owns its memory and may outlive the result; the caller releases *out, whose release
 * is NULL at the end.  Errors as result_next; not to be mixed with it. */
MUST_USE bool result_arrow_next(struct result *r, struct ArrowArray *out, struct error *err);

/* Reads a stream to its end into a new table of the session, which the engine spills to disk as it needs; the stream is not released.
 * The columns are given when `columns` is not NULL, in `a`.  ERR_INVALID for what is no struct stream, columns without a name or of
 * the same name, and with the stream's own words when it fails; ERR_UNSUPPORTED for types that the engine does not have. */
MUST_USE bool session_arrow_table(struct session *s, str name, struct ArrowArrayStream *in,
                                  struct arena *a, struct result_column **columns, size_t *n,
                                  struct error *err);

/* Runs one statement that reads the stream once, as the relation ARROW_STREAM_VIEW, all columns in order; the stream is not released.
 * Errors as above. */
#define ARROW_STREAM_VIEW "firn_arrow_stream"
MUST_USE bool session_arrow_exec(struct session *s, struct ArrowArrayStream *in, str sql,
                                 struct error *err);

/* The columns that a table made from rows of this schema would have, in `a`.  `schema` stays the caller's.  Errors as above. */
MUST_USE bool session_arrow_columns(struct session *s, const struct ArrowSchema *schema,
                                    struct arena *a, struct result_column **columns, size_t *n,
                                    struct error *err);

#endif
