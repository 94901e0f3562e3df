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

/* Appends a literal with its exact type, such as 12.30::DECIMAL(10,2) or NULL::VARCHAR.  A struct's only constant that is not null
 * has the initial defaults of its fields.  ERR_UNSUPPORTED for constants of lists, maps, geometries and variants. */
MUST_USE bool quote_value(struct buf *out, const struct type *t, const struct value *v,
                          struct error *err);

struct field;
/* The write default of a field as such a literal, or its null. */
MUST_USE bool quote_default(struct buf *out, const struct field *f, struct error *err);

/* The engine's name of an Iceberg type: "BIGINT", "STRUCT(""a"" INTEGER)".  What it has no type for is read as its nearest: a
 * timestamptz_ns is a TIMESTAMP_NS in UTC, a geography a GEOMETRY, unknown an INTEGER that is null. */
MUST_USE bool sql_type(struct buf *out, const struct type *t, struct error *err);
/* The same as a definition of a table names it: "fixed(4)", "geography('srid:4326', 'karney')". */
MUST_USE bool sql_definition_type(struct buf *out, const struct type *t, struct error *err);

#endif
