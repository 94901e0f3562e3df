/* SPDX-License-Identifier: Apache-2.0
 *
 * Table metadata in the making; update_apply.c says by which rules. */
#ifndef FIRN_ICEBERG_UPDATE_PRIV_H
#define FIRN_ICEBERG_UPDATE_PRIV_H

#include "base/map.h"
#include "base/vec.h"
#include "iceberg/metadata_priv.h"
#include "iceberg/update.h"

#define NO_ID (-1)

struct builder {
    struct arena *arena;
    const struct metadata *base; /* NULL: a new table */
    struct metadata m;           /* single values are kept here, lists below */
    int64_t now_ms;
    bool changed, timed; /* timed: last_updated_ms was set by a snapshot */
    int32_t last_schema, last_spec, last_order;
    VEC(const struct schema *) schemas;
    VEC(const struct partition_spec *) specs;
    VEC(const struct sort_order *) orders;
    VEC(const struct snapshot *) added;
    struct map added_ids, removed_ids; /* the 8 bytes of an id -> something */
    VEC(struct snapshot_ref) refs;
    VEC(struct snapshot_log_entry) log;
    VEC(struct property *) properties; /* value.ptr NULL: removed */
    struct map properties_by_key;
    VEC(struct statistics_file) statistics;
    VEC(struct partition_statistics_file) partition_statistics;
    VEC(struct encryption_key) keys;
};

/* The bytes of the id in the snapshot itself serve as the key, so they live long enough. */
static inline str id_key(const int64_t *id)
{
    return str_make(id, sizeof *id);
}

/* The snapshot as things stand; NULL when it was removed or never there. */
const struct snapshot *builder_snapshot(const struct builder *b, int64_t id);

/* The time of this commit; the first call settles it. */
int64_t builder_time(struct builder *b);

void builder_remove_statistics(struct builder *b, int64_t snapshot_id);
void builder_remove_partition_statistics(struct builder *b, int64_t snapshot_id);

/* update_shape.c: one update each. */
MUST_USE bool builder_add_schema(struct builder *b, const struct schema *schema, struct error *err);
MUST_USE bool builder_set_current_schema(struct builder *b, int32_t id, struct error *err);
MUST_USE bool builder_remove_schemas(struct builder *b, const struct table_update *u,
                                     struct error *err);
MUST_USE bool builder_add_spec(struct builder *b, const struct partition_spec *spec,
                               struct error *err);
MUST_USE bool builder_set_default_spec(struct builder *b, int32_t id, struct error *err);
MUST_USE bool builder_remove_specs(struct builder *b, const struct table_update *u,
                                   struct error *err);
MUST_USE bool builder_add_order(struct builder *b, const struct sort_order *order,
                                struct error *err);
MUST_USE bool builder_set_default_order(struct builder *b, int32_t id, struct error *err);

/* Makes the metadata, checked as a whole. */
MUST_USE bool builder_finish(struct builder *b, str base_location, const struct metadata **out,
                             struct error *err);

#endif
