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

/* --- the other way round: do all rows match? ---
 *
 * "All match" is "none may match the complement", so that each rule above serves twice, and is as
 * conservative: true is a proof. */

/* What holds for exactly the rows that a bound leaf does not hold for. */
const struct expr *expr_complement(const struct expr *leaf, struct arena *a);

/* Whether each value that these facts allow satisfies one leaf. */
bool expr_leaf_must_match(const struct expr *leaf, const struct expr_facts *facts);

/* Whether each row of the file matches; true also when it has none. */
bool expr_must_match_metrics(const struct expr *bound, const struct data_file *file);

/* What is left of a filter for the rows of one partition: leaves that the partition's values prove
 * or disprove are gone (Iceberg specification, "Scan Planning"; the strict projection). */
struct residual;

/* Made once a partition spec; lives in `a` with the arguments. */
const struct residual *residual_make(const struct expr *bound, const struct partition_spec *spec,
                                     const struct schema *schema, struct arena *a);

/* For a file with these partition values and, when `file` is not NULL, these metrics. */
const struct expr *residual_of(const struct residual *r, const struct value *tuple, size_t n,
                               const struct data_file *file, struct arena *a);

#endif
