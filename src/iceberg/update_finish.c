/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a list of updates: long lists are filtered, logs brought up to date, and the result
 * is checked as a whole. */
#include "iceberg/partition_priv.h"
#include "iceberg/update_priv.h"

#define PREVIOUS_VERSIONS_MAX 100 /* default of write.metadata.previous-versions-max */

static void finish_snapshots(struct builder *b)
{
    size_t before = b->base ? b->base->snapshots_n : 0, n = 0;
    if (b->added.n == 0 && b->removed_ids.n == 0)
        return;
    const struct snapshot **list =
        arena_array(b->arena, const struct snapshot *, before + b->added.n);
    for (size_t i = 0; i < before + b->added.n; i++) {
        const struct snapshot *s = i < before ? b->base->snapshots[i] : b->added.at[i - before];
        if (b->removed_ids.n == 0 || !map_get(&b->removed_ids, id_key(&s->id)))
            list[n++] = s;
    }
    b->m.snapshots = list;
    b->m.snapshots_n = n;
    for (size_t i = 0; i < b->removed_ids.n; i++) {
        const struct snapshot *s = b->removed_ids.entries[i].value;
        builder_remove_statistics(b, s->id);
        builder_remove_partition_statistics(b, s->id);
    }
}

/* U3 and U4.  An entry of a removed snapshot takes the history before it along: else the one
 * before would seem to have been current in its time. */
static bool finish_log(struct builder *b, struct error *err)
{
    size_t n = 0, before = b->base ? b->base->snapshot_log_n : 0;
    for (size_t i = 0; i < b->log.n; i++) {
        int64_t id = b->log.at[i].snapshot_id;
        bool intermediate =
            i >= before && id != b->m.current_snapshot_id && map_get(&b->added_ids, id_key(&id));
        if (b->removed_ids.n > 0 && !builder_snapshot(b, id))
            n = 0;
        else if (!intermediate)
            b->log.at[n++] = b->log.at[i];
    }
    b->log.n = n;
    b->m.snapshot_log = b->log.at;
    b->m.snapshot_log_n = n;
    bool changed = b->log.n != before || b->added.n > 0;
    if (changed && n > 0 && b->m.current_snapshot_id != SNAPSHOT_NONE &&
        b->log.at[n - 1].snapshot_id != b->m.current_snapshot_id)
        return fail(err, ERR_INVALID, "the snapshot log would not end with the current snapshot");
    return true;
}

static void finish_properties(struct builder *b)
{
    struct property *list = arena_array(b->arena, struct property, b->properties.n);
    size_t n = 0;
    for (size_t i = 0; i < b->properties.n; i++)
        if (b->properties.at[i]->value.ptr)
            list[n++] = *b->properties.at[i];
    b->m.properties = (struct property_list){ list, n };
}

/* U5. */
static void finish_metadata_log(struct builder *b, str base_location)
{
    if (!b->base || base_location.len == 0)
        return;
    int64_t max =
        metadata_property_int(&b->m, "write.metadata.previous-versions-max", PREVIOUS_VERSIONS_MAX);
    size_t have = b->base->metadata_log_n, limit = max < 1 ? 1 : (size_t)max;
    size_t skip = have >= limit ? have - limit + 1 : 0;
    struct metadata_log_entry *list =
        arena_array(b->arena, struct metadata_log_entry, have - skip + 1);
    for (size_t i = skip; i < have; i++)
        list[i - skip] = b->base->metadata_log[i];
    list[have - skip] = (struct metadata_log_entry){ b->base->last_updated_ms, base_location };
    b->m.metadata_log = list;
    b->m.metadata_log_n = have - skip + 1;
}

static void finish_lists(struct builder *b)
{
    b->m.schemas = b->schemas.at;
    b->m.schemas_n = b->schemas.n;
    b->m.specs = b->specs.at;
    b->m.specs_n = b->specs.n;
    b->m.orders = b->orders.at;
    b->m.orders_n = b->orders.n;
    b->m.refs = b->refs.at;
    b->m.refs_n = b->refs.n;
    b->m.statistics = b->statistics.at;
    b->m.statistics_n = b->statistics.n;
    b->m.partition_statistics = b->partition_statistics.at;
    b->m.partition_statistics_n = b->partition_statistics.n;
    b->m.keys = b->keys.at;
    b->m.keys_n = b->keys.n;
}

static bool check_complete(const struct builder *b, struct error *err)
{
    const char *missing = b->m.format_version == 0                        ? "format version"
                          : b->schemas.n == 0                             ? "schema"
                          : b->specs.n == 0                               ? "partition spec"
                          : b->orders.n == 0                              ? "sort order"
                          : b->m.location.len == 0                        ? "location"
                          : b->m.uuid.len == 0 && b->m.format_version > 1 ? "UUID"
                                                                          : NULL;
    return !missing || fail(err, ERR_INVALID, "the table has no %s", missing);
}

/* The schema may have lost a column that the default spec or order needs. */
static bool check_bound(const struct metadata *m, struct error *err)
{
    if (!metadata_check(m, err) ||
        !partition_spec_check_sources(metadata_spec(m), metadata_schema(m), err))
        return false;
    const struct sort_order *order = metadata_order(m);
    for (size_t i = 0; i < order->fields_n; i++)
        if (order->fields[i].transform.kind != TRANSFORM_UNKNOWN &&
            !source_check(order->fields[i].source_id, &order->fields[i].transform,
                          metadata_schema(m), err))
            return fail_in(err, "sort field %zu", i);
    return true;
}

bool builder_finish(struct builder *b, str base_location, const struct metadata **out,
                    struct error *err)
{
    if (!check_complete(b, err))
        return false;
    finish_snapshots(b);
    finish_lists(b);
    if (!finish_log(b, err))
        return false;
    builder_time(b);
    finish_properties(b);
    finish_metadata_log(b, base_location);
    struct metadata *m = arena_new(b->arena, struct metadata);
    *m = b->m;
    if (!metadata_index_snapshots(m, b->arena, err) || !check_bound(m, err))
        return false;
    *out = m;
    return true;
}
