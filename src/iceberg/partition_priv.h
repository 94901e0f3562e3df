/* SPDX-License-Identifier: Apache-2.0
 *
 * What partition specs and sort orders share: the columns that a field is made from. */
#ifndef FIRN_ICEBERG_PARTITION_PRIV_H
#define FIRN_ICEBERG_PARTITION_PRIV_H

#include "iceberg/partition.h"

struct sources {
    int32_t id;         /* the first one */
    const int32_t *ids; /* all, when there are several */
    size_t n;           /* 0 when there is one */
};

/* "source-id" or "source-ids". */
MUST_USE bool sources_parse(const struct json *json, struct arena *a, struct sources *out,
                            struct error *err);
void sources_write(const struct sources *s, struct json_writer *w);
bool sources_equal(const struct sources *a, const struct sources *b);

/* The column is there, primitive, not repeated, and the transform takes it. */
MUST_USE bool source_check(int32_t source_id, const struct transform *f,
                           const struct schema *schema, struct error *err);

/* As partition_spec_parse, but a field without an id keeps -1: a new spec whose ids the table
 * assigns. */
MUST_USE bool partition_spec_parse_unbound(const struct json *json, struct arena *a,
                                           const struct partition_spec **out, struct error *err);
/* Whether the spec can still be written with after the schema changed: sources only. */
MUST_USE bool partition_spec_check_sources(const struct partition_spec *s,
                                           const struct schema *schema, struct error *err);

#endif
