/* SPDX-License-Identifier: Apache-2.0
 *
 * The one way in which identifiers and constant texts enter SQL.  Values of requests are bound as
 * parameters; these are for places where the grammar takes no parameter (COPY's options, file
 * lists, views). */
#ifndef FIRN_ENGINE_QUOTE_H
#define FIRN_ENGINE_QUOTE_H

#include "base/buf.h"

struct type;
struct value;

/* Append "name", with quotes doubled, and 'text', likewise.  A NUL inside a text cannot be written
 * as a literal: it is put as chr(0) between pieces. */
void quote_ident(struct buf *out, str name);
void quote_text(struct buf *out, str text);
/* "a"."b" */
void quote_name(struct buf *out, const str *parts, size_t n);

/* Appends a literal with its exact type, such as 12.30::DECIMAL(10,2) or NULL::VARCHAR.  ERR_UNSUPPORTED
 * for types that the engine does not have. */
MUST_USE bool quote_value(struct buf *out, const struct type *t, const struct value *v,
                          struct error *err);

/* The engine's name of an Iceberg type: "BIGINT", "STRUCT(""a"" INTEGER)".  ERR_UNSUPPORTED for geometry,
 * geography, variant, unknown. */
MUST_USE bool sql_type(struct buf *out, const struct type *t, struct error *err);

#endif
