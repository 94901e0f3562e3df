/* SPDX-License-Identifier: Apache-2.0
 *
 * Table metadata that is accepted is whole: its current things are there, and it is written so that
 * it reads back as the same. */
#include "iceberg/metadata.h"

#include "fuzz.h"

static void check_round_trip(const struct metadata *m, struct arena *a)
{
    struct buf b = BUF_INIT((size_t)64 << 20);
    const struct metadata *again;
    struct error err;
    metadata_write(m, &b);
    HOLDS(metadata_parse(buf_str(&b), a, &again, &err));
    HOLDS(metadata_equal(m, again));
    buf_deinit(&b);
}

static void check_lookups(const struct metadata *m)
{
    HOLDS(metadata_schema(m) && metadata_spec(m) && metadata_order(m));
    HOLDS(m->current_snapshot_id == SNAPSHOT_NONE || metadata_snapshot(m));
    for (size_t i = 0; i < m->snapshots_n; i++) {
        HOLDS(metadata_snapshot_by_id(m, m->snapshots[i]->id) == m->snapshots[i]);
        HOLDS(metadata_schema_of(m, m->snapshots[i]));
        (void)metadata_is_ancestor(m, m->snapshots[i]->id, INT64_MIN);
    }
    for (size_t i = 0; i < m->refs_n; i++)
        HOLDS(metadata_snapshot_of_ref(m, m->refs[i].name));
    for (size_t i = 0; i < m->schemas_n; i++)
        for (size_t j = 0; j < m->schemas[i]->nodes_n; j++) {
            const struct schema_node *node = m->schemas[i]->by_id[j];
            HOLDS(schema_node_by_name(m->schemas[i], node->name, true) == node);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    const struct metadata *m;
    struct error err = { 0 };
    if (metadata_parse(str_make(data, size), a, &m, &err)) {
        check_lookups(m);
        check_round_trip(m, a);
    } else {
        HOLDS(fuzz_expected(&err));
    }
    arena_destroy(a);
    return 0;
}
