/* SPDX-License-Identifier: Apache-2.0
 *
 * Column metrics of a data file that was just written: from the statistics that the writer gives
 * to what a manifest keeps, by the table's metrics modes (write.metadata.metrics.*). */
#ifndef FIRN_ICEBERG_METRICS_H
#define FIRN_ICEBERG_METRICS_H

#include "base/arena.h"

struct column_metrics;
struct property_list;
struct sort_order;
struct schema;
struct value;

#define METRICS_TRUNCATE_DEFAULT 16 /* code points, or bytes of binary */

enum metrics_mode { METRICS_NONE, METRICS_COUNTS, METRICS_TRUNCATE, METRICS_FULL };

/* What is known about one column; -1 and NULL: not known.  min and max are values of the column's
 * type, neither null nor NaN; strings and bytes may be bounds already. */
struct column_stats {
    int32_t field_id;
    int64_t size, values, nulls, nans;
    const struct value *min, *max;
};

/* The mode for a column, by its dotted name: write.metadata.metrics.column.NAME, then
 * write.metadata.metrics.default, then truncate(16); a column that rows are sorted by gets at least that, unless it is
 * named itself.  ERR_INVALID for a text that is no mode. */
MUST_USE bool metrics_mode_parse(str text, enum metrics_mode *mode, size_t *width,
                                 struct error *err);

/* The metrics of stats_n columns, ascending by field id, in `a`.  Columns that the schema does not
 * have are ERR_INVALID.  Columns below lists and maps get no bounds. */
MUST_USE bool metrics_make(const struct schema *schema, const struct sort_order *order,
                           const struct property_list *properties, const struct column_stats *stats,
                           size_t stats_n, struct arena *a, struct column_metrics **out, size_t *n,
                           struct error *err);

/* Bounds of strings and bytes cut to `width` code points or bytes.  The lower one is a prefix; the
 * upper one is a prefix with its last part incremented, or ptr NULL when there is none. */
str metrics_lower_text(str s, size_t width);
str metrics_upper_text(str s, size_t width, struct arena *a);
str metrics_lower_bytes(str s, size_t width);
str metrics_upper_bytes(str s, size_t width, struct arena *a);

#endif
