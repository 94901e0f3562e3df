/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the engine's columns and the point-in-time kernel's: which column of a relation is meant,
 * which types of keys, times and features the join takes, and how SQL hands them over. */
#ifndef FIRN_FEATURES_PIT_COLUMN_H
#define FIRN_FEATURES_PIT_COLUMN_H

#include "engine/result.h"
#include "features/pit.h"

struct session;
struct udf_call;

/* A relation's columns, as the engine describes them. */
struct pit_relation {
    const char *what; /* "entities", "view driver_stats": for errors */
    str name;
    struct result_column *columns;
    size_t n;
};

/* The columns of a query, not run; in `a`.  Errors are the session's, with what and name before them. */
MUST_USE bool pit_describe(struct session *s, str select, const char *what, str name,
                           struct arena *a, struct pit_relation *out, struct error *err);

/* ERR_NOT_FOUND with the columns that there are. */
MUST_USE bool pit_column_find(const struct pit_relation *r, str name,
                              const struct result_column **out, struct error *err);

/* How a key part of both sides is compared.  ERR_INVALID when the two types never equal each other,
 * ERR_UNSUPPORTED for types that are no keys. */
MUST_USE bool pit_key_kind(const struct result_column *entity, const struct result_column *view,
                           enum pit_kind *kind, const char **sql_type, struct error *err);

/* The engine's type in which a time is handed over, always microseconds; ERR_INVALID for columns that
 * hold none.  `floor_ns`: nanoseconds may be cut. */
MUST_USE bool pit_time_type(const struct result_column *c, bool floor_ns, const char **sql_type,
                            struct error *err);

/* Bytes of a feature's values as pit_rows_open takes them.  ERR_UNSUPPORTED for nested types. */
MUST_USE bool pit_value_width(const struct result_column *c, uint8_t *width, struct error *err);

/* Argument i of a call as the kernel reads it. */
struct pit_column pit_column_arg(const struct udf_call *call, size_t i);

#endif
