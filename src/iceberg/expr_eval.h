/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning: may a group of rows hold one that matches a bound filter?  Always conservative: "no" is
 * a proof, and anything unknown (a missing metric, a bound that cannot be read, a transform that
 * is not known) counts as "maybe".
 *
 * 1. A filter is projected to each partition spec: for each leaf, and each partition field made
 *    from its column, the predicate that a partition value must satisfy when a row of it may match
 *    (Iceberg specification, "Scan Planning", inclusive projection).
 * 2. The projection is asked over the summaries in a manifest list, then over partition tuples.
 * 3. The filter itself is asked over the metrics of a data file. */
#ifndef FIRN_ICEBERG_EXPR_EVAL_H
#define FIRN_ICEBERG_EXPR_EVAL_H

#include "iceberg/expr.h"
#include "iceberg/value.h"

struct data_file;
struct manifest_file;
struct partition_spec;

/* What is known about the values of one column in a group of rows.  "Values" are neither null nor
 * NaN; each flag is a proof, false when not known. */
struct expr_facts {
    bool no_null, no_nan, no_value;
    bool has_lower, has_upper;
    struct value lower, upper; /* every value lies between them */
};

/* Whether a value that these facts allow may satisfy one leaf. */
bool expr_leaf_may_match(const struct expr *leaf, const struct expr_facts *facts);

/* The inclusive projection of a bound filter: leaves name places in `spec` as field ids. */
const struct expr *expr_project(const struct expr *bound, const struct partition_spec *spec,
                                const struct schema *schema, struct arena *a);

/* Over the projection for the manifest's spec. */
bool expr_may_match_manifest(const struct expr *projected, const struct manifest_file *manifest);
/* `tuple`: the file's partition values, one a field of the spec. */
bool expr_may_match_partition(const struct expr *projected, const struct value *tuple, size_t n);
/* Over the bound filter itself; the file's column metrics must hold the filter's columns. */
bool expr_may_match_metrics(const struct expr *bound, const struct data_file *file);

#endif
