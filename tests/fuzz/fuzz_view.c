/* SPDX-License-Identifier: Apache-2.0
 *
 * View metadata that is accepted has its current version and schema, reads back as what was written, and stays so when updates are
 * applied that its own parts make. */
#include "iceberg/view.h"

#include "fuzz.h"

static const struct view_metadata *check_round_trip(const struct view_metadata *m, struct arena *a)
{
    struct buf b = BUF_INIT((size_t)64 << 20);
    const struct view_metadata *again;
    struct error err;
    view_metadata_write(m, &b);
    HOLDS(view_metadata_parse(buf_str(&b), a, &again, &err));
    HOLDS(view_metadata_equal(m, again));
    buf_deinit(&b);
    return again;
}

static void check_lookups(const struct view_metadata *m)
{
    const struct view_version *v = view_metadata_current(m);
    HOLDS(v->id == m->current_version_id);
    HOLDS(view_metadata_schema(m)->id == v->schema_id);
    for (size_t i = 0; i < v->representations_n; i++)
        HOLDS(v->representations[i].json ||
              view_metadata_sql(m, v->representations[i].dialect).ptr);
}

/* Adds each version again, makes it current, and says the schema again: nothing that is there already may be doubled. */
static void check_updates(const struct view_metadata *m, struct arena *a)
{
    for (size_t i = 0; i < m->versions_n && i < 4; i++) {
        const struct view_metadata *next;
        struct error err = { 0 };
        struct view_update updates[] = {
            { .kind = VIEW_ADD_SCHEMA, .schema = m->schemas[0] },
            { .kind = VIEW_ADD_VERSION, .version = m->versions[i] },
            { .kind = VIEW_SET_CURRENT_VERSION, .version_id = VIEW_VERSION_LAST_ADDED },
        };
        if (!view_metadata_apply(m, updates, 3, 1, a, &next, &err)) {
            HOLDS(fuzz_expected(&err));
            continue;
        }
        HOLDS(next->versions_n <= m->versions_n + 1 && next->schemas_n == m->schemas_n);
        check_lookups(check_round_trip(next, a));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    const struct view_metadata *m;
    struct error err = { 0 };
    if (view_metadata_parse(str_make(data, size), a, &m, &err)) {
        check_lookups(m);
        check_round_trip(m, a);
        check_updates(m, a);
    } else {
        HOLDS(fuzz_expected(&err));
    }
    arena_destroy(a);
    return 0;
}
