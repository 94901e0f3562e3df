/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters as JSON (Iceberg format/expressions-spec.md, Appendix B, and the form before it, which
 * the REST catalog's clients write): {"type":"and","left":…,"right":…}, {"type":"lt-eq",
 * "term":"a.b","value":3}, {"type":"in","child":{"type":"reference","name":"a"},"values":[…]}.
 *
 * Both forms are read.  What is written is the older one, since every client reads it.  Constants
 * keep their text until they meet a column (expr.h), so numbers lose nothing but what JSON's own
 * reading of fractions as doubles takes. */
#ifndef FIRN_ICEBERG_EXPR_JSON_H
#define FIRN_ICEBERG_EXPR_JSON_H

#include "codec/json.h"
#include "iceberg/expr.h"

struct schema;

#define EXPR_JSON_DEPTH_MAX 100 /* leaves room for the document around it */

/* Reads an unbound filter; it lives in `a` and points into `json`.  With a schema, references by
 * field id are read too.  ERR_INVALID for what is no filter; ERR_UNSUPPORTED for functions,
 * unknown transforms and comparisons of two columns, which scans do not plan by; ERR_LIMIT above
 * EXPR_JSON_DEPTH_MAX and EXPR_VALUES_MAX. */
MUST_USE bool expr_from_json(const struct json *json, const struct schema *schema, struct arena *a,
                             const struct expr **out, struct error *err);

/* Writes a filter; bound ones need the schema for their names, and write values in the table
 * format's single-value form.  ERR_LIMIT when it is nested deeper than the writer has room for; then
 * nothing was written. */
MUST_USE bool expr_write_json(const struct expr *e, const struct schema *schema,
                              struct json_writer *w, struct error *err);

#endif
