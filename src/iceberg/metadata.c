/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups and invariants of table metadata, and new tables. */
#include "iceberg/metadata_priv.h"

#include <stdlib.h>

#include "base/vec.h"
#include "iceberg/update.h"

/* -- lookups --------------------------------------------------------------------------------- */

const struct schema *metadata_schema_by_id(const struct metadata *m, int32_t id)
{
    for (size_t i = 0; i < m->schemas_n; i++)
        if (m->schemas[i]->id == id)
            return m->schemas[i];
    return NULL;
}

const struct partition_spec *metadata_spec_by_id(const struct metadata *m, int32_t id)
{
    for (size_t i = 0; i < m->specs_n; i++)
        if (m->specs[i]->id == id)
            return m->specs[i];
    return NULL;
}

const struct sort_order *metadata_order_by_id(const struct metadata *m, int32_t id)
{
    for (size_t i = 0; i < m->orders_n; i++)
        if (m->orders[i]->id == id)
            return m->orders[i];
    return NULL;
}

const struct schema *metadata_schema(const struct metadata *m)
{
    return metadata_schema_by_id(m, m->current_schema_id);
}

const struct partition_spec *metadata_spec(const struct metadata *m)
{
    return metadata_spec_by_id(m, m->default_spec_id);
}

/* Fields of different specs may have the same name, but not in one struct. */
static str partition_name(const struct field *taken, size_t n, const struct field *f,
                          struct arena *a)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(taken[i].name, f->name))
            return arena_printf(a, STR_FMT "_%d", STR_ARG(f->name), (int)f->id);
    return f->name;
}

const struct type *metadata_partition_type(const struct metadata *m, const struct schema *schema,
                                           struct arena *a)
{
    VEC(struct field) fields = { 0 };
    for (size_t i = 0; i < m->specs_n; i++) {
        const struct type *t = partition_type(m->specs[i], schema, a);
        for (size_t k = 0; k < t->fields_n; k++) {
            bool seen = t->fields[k].type->kind == TYPE_UNKNOWN;
            for (size_t j = 0; j < fields.n; j++)
                seen = seen || fields.at[j].id == t->fields[k].id;
            if (seen)
                continue;
            struct field f = t->fields[k];
            f.name = partition_name(fields.at, fields.n, &f, a);
            *vec_push(a, &fields) = f;
        }
    }
    return fields.n ? type_struct(a, fields.at, fields.n) : NULL;
}

const struct sort_order *metadata_order(const struct metadata *m)
{
    return metadata_order_by_id(m, m->default_order_id);
}

ptrdiff_t metadata_snapshot_place(const struct metadata *m, int64_t id)
{
    size_t low = 0, high = m->snapshots_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->snapshots_by_id[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < m->snapshots_n && m->snapshots_by_id[low]->id == id ? (ptrdiff_t)low : -1;
}

const struct snapshot *metadata_snapshot_by_id(const struct metadata *m, int64_t id)
{
    ptrdiff_t place = metadata_snapshot_place(m, id);
    return place < 0 ? NULL : m->snapshots_by_id[place];
}

const struct snapshot *metadata_snapshot(const struct metadata *m)
{
    return m->current_snapshot_id == SNAPSHOT_NONE
               ? NULL
               : metadata_snapshot_by_id(m, m->current_snapshot_id);
}

const struct snapshot_ref *metadata_ref(const struct metadata *m, str name)
{
    for (size_t i = 0; i < m->refs_n; i++)
        if (str_eq(m->refs[i].name, name))
            return &m->refs[i];
    return NULL;
}

const struct snapshot *metadata_snapshot_of_ref(const struct metadata *m, str name)
{
    const struct snapshot_ref *ref = metadata_ref(m, name);
    return ref ? metadata_snapshot_by_id(m, ref->snapshot_id) : NULL;
}

const struct snapshot *metadata_snapshot_as_of(const struct metadata *m, int64_t timestamp_ms)
{
    for (size_t i = m->snapshot_log_n; i > 0; i--)
        if (m->snapshot_log[i - 1].timestamp_ms <= timestamp_ms)
            return metadata_snapshot_by_id(m, m->snapshot_log[i - 1].snapshot_id);
    return NULL;
}

const struct schema *metadata_schema_of(const struct metadata *m, const struct snapshot *s)
{
    const struct schema *schema = s->schema_id >= 0 ? metadata_schema_by_id(m, s->schema_id) : NULL;
    return schema ? schema : metadata_schema(m);
}

bool metadata_is_ancestor(const struct metadata *m, int64_t id, int64_t ancestor)
{
    for (size_t steps = 0; steps <= m->snapshots_n; steps++) { /* a damaged file may have a loop */
        if (id == ancestor)
            return true;
        const struct snapshot *s = metadata_snapshot_by_id(m, id);
        if (!s || s->parent_id == SNAPSHOT_NONE)
            return false;
        id = s->parent_id;
    }
    return false;
}

str property_get(const struct property_list *p, const char *key, str fallback)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_is(p->at[i].key, key))
            return p->at[i].value;
    return fallback;
}

str metadata_property(const struct metadata *m, const char *key, str fallback)
{
    return property_get(&m->properties, key, fallback);
}

int64_t metadata_property_int(const struct metadata *m, const char *key, int64_t fallback)
{
    int64_t v;
    return str_to_i64(metadata_property(m, key, STR("")), &v) ? v : fallback;
}

int64_t metadata_next_sequence_number(const struct metadata *m)
{
    return m->format_version > 1 ? m->last_sequence_number + 1 : 0;
}

bool metadata_equal(const struct metadata *a, const struct metadata *b)
{
    struct buf x = BUF_INIT(METADATA_BYTES_MAX), y = BUF_INIT(METADATA_BYTES_MAX);
    metadata_write(a, &x);
    metadata_write(b, &y);
    bool equal = !x.overflow && !y.overflow && str_eq(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return equal;
}

/* -- invariants ------------------------------------------------------------------------------ */

static int cmp_snapshots(const void *a, const void *b)
{
    int64_t x = (*(const struct snapshot *const *)a)->id;
    int64_t y = (*(const struct snapshot *const *)b)->id;
    return (x > y) - (x < y);
}

bool metadata_index_snapshots(struct metadata *m, struct arena *a, struct error *err)
{
    m->snapshots_by_id = arena_array(a, const struct snapshot *, m->snapshots_n);
    if (m->snapshots_n == 0)
        return true;
    memcpy(m->snapshots_by_id, m->snapshots, m->snapshots_n * sizeof *m->snapshots);
    qsort(m->snapshots_by_id, m->snapshots_n, sizeof *m->snapshots_by_id, cmp_snapshots);
    for (size_t i = 1; i < m->snapshots_n; i++)
        if (m->snapshots_by_id[i]->id == m->snapshots_by_id[i - 1]->id)
            return fail(err, ERR_INVALID, "two snapshots have id %lld",
                        (long long)m->snapshots_by_id[i]->id);
    return true;
}

static bool check_current(const struct metadata *m, struct error *err)
{
    if (!metadata_schema(m))
        return fail(err, ERR_INVALID, "the current schema %d is not among the schemas",
                    m->current_schema_id);
    if (!metadata_spec(m))
        return fail(err, ERR_INVALID, "the default partition spec %d is not among the specs",
                    m->default_spec_id);
    if (!metadata_order(m))
        return fail(err, ERR_INVALID, "the default sort order %d is not among the sort orders",
                    m->default_order_id);
    return true;
}

static bool check_snapshots(const struct metadata *m, struct error *err)
{
    if (m->current_snapshot_id != SNAPSHOT_NONE && !metadata_snapshot(m))
        return fail(err, ERR_INVALID, "the current snapshot %lld is not among the snapshots",
                    (long long)m->current_snapshot_id);
    for (size_t i = 0; m->format_version > 1 && i < m->snapshots_n; i++)
        if (m->snapshots[i]->sequence_number > m->last_sequence_number)
            return fail(err, ERR_INVALID,
                        "snapshot %lld has sequence number %lld, after the table's last, %lld",
                        (long long)m->snapshots[i]->id, (long long)m->snapshots[i]->sequence_number,
                        (long long)m->last_sequence_number);
    return true;
}

static bool check_refs(const struct metadata *m, struct error *err)
{
    for (size_t i = 0; i < m->refs_n; i++)
        if (!metadata_snapshot_by_id(m, m->refs[i].snapshot_id))
            return fail(err, ERR_INVALID,
                        "ref \"" STR_FMT "\" points to snapshot %lld, which is not there",
                        STR_ARG(m->refs[i].name), (long long)m->refs[i].snapshot_id);
    const struct snapshot_ref *main = metadata_ref(m, STR(MAIN_BRANCH));
    if (main ? main->snapshot_id != m->current_snapshot_id
             : m->current_snapshot_id != SNAPSHOT_NONE)
        return fail(err, ERR_INVALID, "the current snapshot %lld is not that of branch main",
                    (long long)m->current_snapshot_id);
    return true;
}

/* Machines' clocks may differ by a minute. */
static bool in_order(int64_t before, int64_t after)
{
    int64_t difference;
    return !__builtin_sub_overflow(after, before, &difference) && difference >= -CLOCK_SKEW_MS;
}

static bool check_logs(const struct metadata *m, struct error *err)
{
    for (size_t i = 0; i < m->snapshot_log_n; i++) {
        int64_t next =
            i + 1 < m->snapshot_log_n ? m->snapshot_log[i + 1].timestamp_ms : m->last_updated_ms;
        if (!in_order(m->snapshot_log[i].timestamp_ms, next))
            return fail(err, ERR_INVALID, "snapshot-log[%zu] is later than what follows", i);
    }
    for (size_t i = 0; i < m->metadata_log_n; i++) {
        int64_t next =
            i + 1 < m->metadata_log_n ? m->metadata_log[i + 1].timestamp_ms : m->last_updated_ms;
        if (!in_order(m->metadata_log[i].timestamp_ms, next))
            return fail(err, ERR_INVALID, "metadata-log[%zu] is later than what follows", i);
    }
    return true;
}

bool metadata_check(const struct metadata *m, struct error *err)
{
    return check_current(m, err) && check_snapshots(m, err) && check_refs(m, err) &&
           check_logs(m, err);
}

/* -- new tables ------------------------------------------------------------------------------ */

/* What the Java library never stores: they ask for something or show something. */
static bool is_reserved(str key)
{
    static const char *const names[] = {
        "format-version",
        "uuid",
        "snapshot-count",
        "current-snapshot-id",
        "current-schema",
        "default-partition-spec",
        "default-sort-order",
        "current-snapshot-summary",
        "current-snapshot-timestamp-ms",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(key, names[i]))
            return true;
    return false;
}

static struct property_list kept_properties(const struct property_list *p, struct arena *a)
{
    struct property *list = arena_array(a, struct property, p ? p->n : 0);
    size_t n = 0;
    for (size_t i = 0; p && i < p->n; i++)
        if (!is_reserved(p->at[i].key))
            list[n++] = p->at[i];
    return (struct property_list){ list, n };
}

/* The id in `to` of the column that has `id` in `from`, by its name. */
static bool map_id(const struct schema *from, const struct schema *to, int32_t id, int32_t *out,
                   struct error *err)
{
    const struct schema_node *node = schema_node_by_id(from, id);
    if (!node)
        return fail(err, ERR_INVALID, "source column %d is not in the schema", id);
    *out = schema_field_by_name(to, node->name, true)->id;
    return true;
}

static bool fresh_spec(const struct partition_spec *spec, const struct schema *from,
                       const struct schema *to, struct arena *a, const struct partition_spec **out,
                       struct error *err)
{
    struct partition_field *fields = arena_array(a, struct partition_field, spec->fields_n);
    for (size_t i = 0; i < spec->fields_n; i++) {
        fields[i] = spec->fields[i];
        fields[i].field_id = PARTITION_FIELD_ID_FIRST + (int32_t)i;
        if (!map_id(from, to, spec->fields[i].source_id, &fields[i].source_id, err))
            return fail_in(err, "partition field \"" STR_FMT "\"", STR_ARG(fields[i].name));
    }
    struct partition_spec *s = arena_new(a, struct partition_spec);
    *s = (struct partition_spec){ .id = 0, .fields = fields, .fields_n = spec->fields_n };
    *out = s;
    return true;
}

static bool fresh_order(const struct sort_order *order, const struct schema *from,
                        const struct schema *to, struct arena *a, const struct sort_order **out,
                        struct error *err)
{
    struct sort_field *fields = arena_array(a, struct sort_field, order->fields_n);
    for (size_t i = 0; i < order->fields_n; i++) {
        fields[i] = order->fields[i];
        if (!map_id(from, to, order->fields[i].source_id, &fields[i].source_id, err))
            return fail_in(err, "sort field %zu", i);
    }
    struct sort_order *o = arena_new(a, struct sort_order);
    *o = (struct sort_order){ .id = order->fields_n > 0,
                              .fields = fields,
                              .fields_n = order->fields_n };
    *out = o;
    return true;
}

bool metadata_create(const struct schema *schema, const struct partition_spec *spec,
                     const struct sort_order *order, str location,
                     const struct property_list *properties, int format_version, str uuid,
                     int64_t now_ms, struct arena *a, const struct metadata **out,
                     struct error *err)
{
    const struct schema *fresh;
    int32_t last_id = 0;
    if (!schema_assign_fresh_ids(schema, 0, &last_id, a, &fresh, err) ||
        !fresh_spec(spec ? spec : &partition_spec_none, schema, fresh, a, &spec, err) ||
        !fresh_order(order ? order : &sort_order_none, schema, fresh, a, &order, err))
        return false;
    struct table_update updates[] = {
        { .kind = UPDATE_ASSIGN_UUID, .uuid = uuid },
        { .kind = UPDATE_UPGRADE_FORMAT_VERSION, .format_version = format_version },
        { .kind = UPDATE_ADD_SCHEMA, .schema = fresh },
        { .kind = UPDATE_SET_CURRENT_SCHEMA, .id = LAST_ADDED },
        { .kind = UPDATE_ADD_SPEC, .spec = spec },
        { .kind = UPDATE_SET_DEFAULT_SPEC, .id = LAST_ADDED },
        { .kind = UPDATE_ADD_SORT_ORDER, .order = order },
        { .kind = UPDATE_SET_DEFAULT_SORT_ORDER, .id = LAST_ADDED },
        { .kind = UPDATE_SET_LOCATION, .location = location },
        { .kind = UPDATE_SET_PROPERTIES, .properties = kept_properties(properties, a) },
    };
    return metadata_apply(NULL, STR(""), updates, sizeof updates / sizeof *updates, now_ms, a, out,
                          err);
}
