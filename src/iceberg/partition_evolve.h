/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition evolution (Iceberg spec, "Partition Evolution"): the next spec of a table, a field at a time, as the Java library's
 * UpdatePartitionSpec makes it.  Ids are given when the spec is added to the table (builder_add_spec): fields that stay
 * keep theirs, a field that an older spec had gets it back. */
#ifndef FIRN_ICEBERG_PARTITION_EVOLVE_H
#define FIRN_ICEBERG_PARTITION_EVOLVE_H

#include "iceberg/partition.h"

struct metadata;

/* The place of the field of this source and transform, or of this name; -1 when there is none.  Void fields are found by name only. */
ptrdiff_t partition_spec_find(const struct partition_spec *s, int32_t source_id,
                              const struct transform *f);
ptrdiff_t partition_spec_find_name(const struct partition_spec *s, str name);

/* `s` with one more field.  An empty name: that of an older spec of `m` for the same field, else made of the column's name and the
 * transform, as "ts_day", "id_bucket_16".  The name of a void field is taken over.  ERR_EXISTS when the field or its name is there. */
MUST_USE bool partition_spec_add(const struct metadata *m, const struct partition_spec *s,
                                 const struct schema_node *column, const struct transform *f,
                                 str name, struct arena *a, const struct partition_spec **out,
                                 struct error *err);

/* `s` without field i; in format 1 it stays as a void field, for there the places of fields count. */
const struct partition_spec *partition_spec_drop(const struct metadata *m,
                                                 const struct partition_spec *s, size_t i,
                                                 struct arena *a);

#endif
