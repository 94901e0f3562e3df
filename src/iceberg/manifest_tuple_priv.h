/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition tuples in manifests: a record whose fields carry the partition field ids. */
#ifndef FIRN_ICEBERG_MANIFEST_TUPLE_PRIV_H
#define FIRN_ICEBERG_MANIFEST_TUPLE_PRIV_H

#include "codec/avro.h"
#include "iceberg/partition.h"

struct tuple_plan;

/* Compares the file's record with the spec.  ERR_CORRUPT when a field's Avro type cannot hold
 * values of its partition type. */
MUST_USE bool tuple_plan_make(const struct avro_schema *record, const struct partition_spec *spec,
                              const struct schema *schema, struct arena *a,
                              const struct tuple_plan **out, struct error *err);

/* Reads one tuple into `out`, one value a field of the spec; what the file lacks is null. */
void tuple_read(const struct tuple_plan *plan, struct avro_rd *rd, struct value *out);

/* Appends the Avro type of a spec's tuples: a record of optional fields. */
void tuple_schema(const struct partition_spec *spec, const struct schema *schema, struct buf *out);

/* Appends the Avro type of a primitive; `named`: a type of this name was defined before, so that only its name may stand. */
void tuple_type_text(struct buf *out, const struct type *t, bool named);
/* Appends a name as Avro allows it. */
void tuple_name_text(struct buf *out, str name);

/* Whether a value can be written as this field; ERR_INVALID names the field. */
MUST_USE bool tuple_check(const struct partition_spec *spec, size_t i, const struct type *type,
                          const struct value *v, struct error *err);
void tuple_put(const struct type *type, const struct value *v, struct buf *out);

#endif
