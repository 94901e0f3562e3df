/* SPDX-License-Identifier: Apache-2.0
 *
 * Function metadata (Iceberg UDF spec, format version 1).  Firn keeps functions for engines and runs none of them: what is
 * checked is the form, and the document is kept whole, fields that are not known too.  Immutable, owned by the arena. */
#ifndef FIRN_ICEBERG_FUNCTION_H
#define FIRN_ICEBERG_FUNCTION_H

#include "base/buf.h"
#include "codec/json.h"

#define FUNCTION_BYTES_MAX ((size_t)16 << 20) /* of one metadata file */
#define FUNCTION_FORMAT_VERSION 1

struct function_metadata {
    str uuid;
    str location; /* empty: not said */
    size_t definitions_n;
    const struct json *json; /* the whole document */
};

/* Reads a function's metadata.  What is accepted has unique overload and version ids, at most one overload per signature, the
 * current version of each overload, and a log that names only overloads and versions below what was assigned.  Strings
 * are copied.  ERR_CORRUPT with the field's path, ERR_UNSUPPORTED for a later format version, ERR_LIMIT. */
MUST_USE bool function_metadata_parse(str text, struct arena *a,
                                      const struct function_metadata **out, struct error *err);
void function_metadata_write_json(const struct function_metadata *m, struct json_writer *w);

#endif
