/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's schema as the Avro schema of its data files (Iceberg spec, Appendix A, "Avro"). */
#ifndef FIRN_ICEBERG_AVRO_SCHEMA_H
#define FIRN_ICEBERG_AVRO_SCHEMA_H

#include "base/buf.h"

struct schema;

/* Appends the JSON text: a record with field ids; names that Avro does not allow are escaped and kept as "iceberg-field-name". */
void avro_schema_write(const struct schema *s, struct buf *out);

#endif
