/* SPDX-License-Identifier: Apache-2.0
 *
 * Applies table updates.  The rules are those of the Java library's TableMetadata.Builder, which
 * is what other catalogs follow too:
 *
 *  U1 Ids are the table's: an added schema, spec or order that is there already is that one, else
 *     it gets the next id, whatever id came with it.
 *  U2 A snapshot's sequence number is above the table's last, except in v1 and for a snapshot
 *     without a parent.
 *  U3 Setting main writes to the snapshot log; snapshots that were added and replaced as current
 *     within one list of updates leave no trace there.
 *  U4 Removing a snapshot takes its statistics, the refs to it and all log entries before it.
 *  U5 The file that the base was read from goes to the metadata log, which is trimmed.
 *
 * The base is never changed.  Lists of snapshots are long: they are filtered once, at the end,
 * and until then a removed snapshot is only marked. */
#include "iceberg/update.h"

#include "base/vec.h"
#include "codec/uuid.h"
#include "iceberg/metadata_priv.h"
#include "iceberg/partition_priv.h"

#define PREVIOUS_VERSIONS_MAX 100 /* default of write.metadata.previous-versions-max */
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

#define FILL(b, list, from, count)                                                                 \
    for (size_t i_ = 0; i_ < (count); i_++)                                                        \
    *vec_push((b)->arena, &(b)->list) = (from)[i_]

/* -- the state ------------------------------------------------------------------------------- */

/* The bytes of the id in the snapshot itself serve as the key, so they live long enough. */
static str id_key(const int64_t *id)
{
    return str_make(id, sizeof *id);
}

static const struct snapshot *find_snapshot(const struct builder *b, int64_t id)
{
    if (map_get(&b->removed_ids, id_key(&id)))
        return NULL;
    const struct snapshot *added = map_get(&b->added_ids, id_key(&id));
    return added ? added : b->base ? metadata_snapshot_by_id(b->base, id) : NULL;
}

/* Marks a snapshot in one of the sets of ids; the maps hold it but never change it. */
static void mark(struct map *set, const struct snapshot *s)
{
    union {
        const struct snapshot *in;
        void *out;
    } pointer = { .in = s };
    map_put(set, id_key(&s->id), pointer.out);
}

static void put_property(struct builder *b, str key, str value)
{
    struct property *p = map_get(&b->properties_by_key, key);
    if (!p) {
        p = arena_new(b->arena, struct property);
        p->key = key;
        *vec_push(b->arena, &b->properties) = p;
        map_put(&b->properties_by_key, key, p);
    }
    p->value = value.ptr ? value : STR("");
}

static const struct schema *find_schema(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->schemas.n; i++)
        if (b->schemas.at[i]->id == id)
            return b->schemas.at[i];
    return NULL;
}

static const struct partition_spec *find_spec(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->specs.n; i++)
        if (b->specs.at[i]->id == id)
            return b->specs.at[i];
    return NULL;
}

static const struct sort_order *find_order(const struct builder *b, int32_t id)
{
    for (size_t i = 0; i < b->orders.n; i++)
        if (b->orders.at[i]->id == id)
            return b->orders.at[i];
    return NULL;
}

static struct snapshot_ref *find_ref(const struct builder *b, str name)
{
    for (size_t i = 0; i < b->refs.n; i++)
        if (str_eq(b->refs.at[i].name, name))
            return &b->refs.at[i];
    return NULL;
}

static void builder_init(struct builder *b, const struct metadata *base, int64_t now_ms,
                         struct arena *a)
{
    *b = (struct builder){ .arena = a,
                           .base = base,
                           .now_ms = now_ms,
                           .last_schema = NO_ID,
                           .last_spec = NO_ID,
                           .last_order = NO_ID };
    map_init(&b->added_ids, a);
    map_init(&b->removed_ids, a);
    map_init(&b->properties_by_key, a);
    if (!base) {
        b->m = (struct metadata){ .last_partition_id = PARTITION_FIELD_ID_FIRST - 1,
                                  .current_schema_id = NO_ID,
                                  .default_spec_id = NO_ID,
                                  .default_order_id = NO_ID,
                                  .current_snapshot_id = SNAPSHOT_NONE };
        return;
    }
    b->m = *base;
    FILL(b, schemas, base->schemas, base->schemas_n);
    FILL(b, specs, base->specs, base->specs_n);
    FILL(b, orders, base->orders, base->orders_n);
    FILL(b, refs, base->refs, base->refs_n);
    FILL(b, log, base->snapshot_log, base->snapshot_log_n);
    FILL(b, statistics, base->statistics, base->statistics_n);
    FILL(b, partition_statistics, base->partition_statistics, base->partition_statistics_n);
    FILL(b, keys, base->keys, base->keys_n);
    for (size_t i = 0; i < base->properties.n; i++)
        put_property(b, base->properties.at[i].key, base->properties.at[i].value);
}

/* -- identity and place ---------------------------------------------------------------------- */

static bool assign_uuid(struct builder *b, str uuid, struct error *err)
{
    struct uuid parsed;
    if (!uuid_parse(uuid, &parsed))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is no UUID", STR_ARG(uuid));
    if (str_eq_nocase(uuid, b->m.uuid))
        return true;
    if (b->m.uuid.len > 0)
        return fail(err, ERR_INVALID, "the table has UUID " STR_FMT " and keeps it",
                    STR_ARG(b->m.uuid));
    b->m.uuid = uuid;
    b->changed = true;
    return true;
}

static bool upgrade(struct builder *b, int version, struct error *err)
{
    if (version < 1 || version > FORMAT_VERSION_MAX)
        return fail(err, ERR_UNSUPPORTED, "format version %d is not supported, 1 to %d are",
                    version, FORMAT_VERSION_MAX);
    if (version < b->m.format_version)
        return fail(err, ERR_INVALID, "a table of format version %d cannot go back to %d",
                    b->m.format_version, version);
    b->changed = b->changed || version != b->m.format_version;
    b->m.format_version = version;
    return true;
}

static bool set_location(struct builder *b, str location, struct error *err)
{
    while (location.len > 1 && str_ends(location, STR("/")) && !str_ends(location, STR("://")))
        location.len--;
    if (location.len == 0)
        return fail(err, ERR_INVALID, "the table's location is empty");
    b->changed = b->changed || !str_eq(location, b->m.location);
    b->m.location = location;
    return true;
}

static bool enable_row_lineage(const struct builder *b, struct error *err)
{
    return b->m.format_version >= 3 ||
           fail(err, ERR_INVALID, "row lineage needs format version 3, the table has %d",
                b->m.format_version);
}

/* -- schemas --------------------------------------------------------------------------------- */

static bool add_schema(struct builder *b, const struct schema *schema, struct error *err)
{
    if (!schema_check_version(schema, b->m.format_version, err))
        return false;
    int32_t id = b->m.current_schema_id == NO_ID ? 0 : b->m.current_schema_id;
    for (size_t i = 0; i < b->schemas.n; i++) {
        const struct schema *s = b->schemas.at[i];
        if (schema_same(s, schema)) {
            b->last_schema = s->id;
            return true;
        }
        id = s->id >= id ? s->id + 1 : id;
    }
    *vec_push(b->arena, &b->schemas) = schema_with_id(schema, id, b->arena);
    b->last_schema = id;
    if (schema->max_id > b->m.last_column_id)
        b->m.last_column_id = schema->max_id;
    b->changed = true;
    return true;
}

/* LAST_ADDED becomes the id that was added last. */
static bool resolve_last(int32_t *id, int32_t last, const char *what, struct error *err)
{
    if (*id != LAST_ADDED)
        return true;
    *id = last;
    return last != NO_ID || fail(err, ERR_INVALID, "no %s has been added before", what);
}

static bool set_current_schema(struct builder *b, int32_t id, struct error *err)
{
    if (!resolve_last(&id, b->last_schema, "schema", err))
        return false;
    if (!find_schema(b, id))
        return fail(err, ERR_NOT_FOUND, "the table has no schema %d", id);
    b->changed = b->changed || id != b->m.current_schema_id;
    b->m.current_schema_id = id;
    return true;
}

static bool contains(const struct table_update *u, int32_t id)
{
    for (size_t i = 0; i < u->ids.n; i++)
        if (u->ids.ids[i] == id)
            return true;
    return false;
}

static bool remove_schemas(struct builder *b, const struct table_update *u, struct error *err)
{
    if (contains(u, b->m.current_schema_id))
        return fail(err, ERR_INVALID, "schema %d is the current one", b->m.current_schema_id);
    size_t n = 0;
    for (size_t i = 0; i < b->schemas.n; i++)
        if (!contains(u, b->schemas.at[i]->id))
            b->schemas.at[n++] = b->schemas.at[i];
    b->changed = b->changed || n != b->schemas.n;
    b->schemas.n = n;
    return true;
}

/* -- partition specs ------------------------------------------------------------------------- */

/* An equivalent field of an older spec keeps its id (Iceberg spec, "Partition Evolution"). */
static int32_t reused_field_id(const struct builder *b, const struct partition_field *f)
{
    for (size_t i = 0; i < b->specs.n; i++)
        for (size_t j = 0; j < b->specs.at[i]->fields_n; j++) {
            const struct partition_field *g = &b->specs.at[i]->fields[j];
            if (g->source_id == f->source_id && transform_equal(&g->transform, &f->transform))
                return g->field_id;
        }
    return NO_ID;
}

static bool has_field_id(const struct partition_field *fields, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].field_id == id)
            return true;
    return false;
}

static bool number_fields(struct builder *b, struct partition_field *fields, size_t n,
                          struct error *err)
{
    int32_t last = b->m.last_partition_id;
    for (size_t i = 0; i < n; i++)
        last = fields[i].field_id > last ? fields[i].field_id : last;
    for (size_t i = 0; i < n; i++) {
        if (fields[i].field_id >= 0)
            continue;
        int32_t id = b->m.format_version == 1 ? PARTITION_FIELD_ID_FIRST + (int32_t)i
                                              : reused_field_id(b, &fields[i]);
        fields[i].field_id = id == NO_ID || has_field_id(fields, n, id) ? ++last : id;
    }
    for (size_t i = 0; b->m.format_version == 1 && i < n; i++)
        if (fields[i].field_id != PARTITION_FIELD_ID_FIRST + (int32_t)i)
            return fail(err, ERR_INVALID,
                        "field ids of a v1 partition spec go up from %d, \"" STR_FMT "\" has %d",
                        PARTITION_FIELD_ID_FIRST, STR_ARG(fields[i].name), fields[i].field_id);
    for (size_t i = 0; i < n; i++)
        if (fields[i].field_id > b->m.last_partition_id)
            b->m.last_partition_id = fields[i].field_id;
    return true;
}

static bool add_spec(struct builder *b, const struct partition_spec *spec, struct error *err)
{
    const struct schema *schema = find_schema(b, b->m.current_schema_id);
    if (!schema)
        return fail(err, ERR_INVALID, "a partition spec is added before a current schema is set");
    int32_t id = 0;
    for (size_t i = 0; i < b->specs.n; i++) {
        const struct partition_spec *s = b->specs.at[i];
        if (partition_spec_compatible(s, spec)) {
            b->last_spec = s->id;
            return true;
        }
        id = s->id >= id ? s->id + 1 : id;
    }
    struct partition_field *fields = arena_array(b->arena, struct partition_field, spec->fields_n);
    if (spec->fields_n > 0)
        memcpy(fields, spec->fields, spec->fields_n * sizeof *fields);
    struct partition_spec *copy = arena_new(b->arena, struct partition_spec);
    *copy = (struct partition_spec){ .id = id, .fields = fields, .fields_n = spec->fields_n };
    if (!partition_spec_check(copy, schema, err) || !number_fields(b, fields, spec->fields_n, err))
        return false;
    *vec_push(b->arena, &b->specs) = copy;
    b->last_spec = id;
    b->changed = true;
    return true;
}

static bool set_default_spec(struct builder *b, int32_t id, struct error *err)
{
    if (!resolve_last(&id, b->last_spec, "partition spec", err))
        return false;
    if (!find_spec(b, id))
        return fail(err, ERR_NOT_FOUND, "the table has no partition spec %d", id);
    b->changed = b->changed || id != b->m.default_spec_id;
    b->m.default_spec_id = id;
    return true;
}

static bool remove_specs(struct builder *b, const struct table_update *u, struct error *err)
{
    if (contains(u, b->m.default_spec_id))
        return fail(err, ERR_INVALID, "partition spec %d is the default one", b->m.default_spec_id);
    size_t n = 0;
    for (size_t i = 0; i < b->specs.n; i++)
        if (!contains(u, b->specs.at[i]->id))
            b->specs.at[n++] = b->specs.at[i];
    b->changed = b->changed || n != b->specs.n;
    b->specs.n = n;
    return true;
}

/* -- sort orders ----------------------------------------------------------------------------- */

static bool add_order(struct builder *b, const struct sort_order *order, struct error *err)
{
    const struct schema *schema = find_schema(b, b->m.current_schema_id);
    if (!schema)
        return fail(err, ERR_INVALID, "a sort order is added before a current schema is set");
    int32_t id = order->fields_n > 0;
    for (size_t i = 0; i < b->orders.n; i++) {
        const struct sort_order *o = b->orders.at[i];
        if (sort_order_same(o, order)) {
            b->last_order = o->id;
            return true;
        }
        if (order->fields_n > 0 && o->id >= id)
            id = o->id + 1;
    }
    struct sort_order *copy = arena_new(b->arena, struct sort_order);
    *copy = (struct sort_order){ .id = id, .fields = order->fields, .fields_n = order->fields_n };
    if (!sort_order_check(copy, schema, err))
        return false;
    *vec_push(b->arena, &b->orders) = copy;
    b->last_order = id;
    b->changed = true;
    return true;
}

static bool set_default_order(struct builder *b, int32_t id, struct error *err)
{
    if (!resolve_last(&id, b->last_order, "sort order", err))
        return false;
    if (!find_order(b, id))
        return fail(err, ERR_NOT_FOUND, "the table has no sort order %d", id);
    b->changed = b->changed || id != b->m.default_order_id;
    b->m.default_order_id = id;
    return true;
}

/* -- snapshots and refs ---------------------------------------------------------------------- */

static bool add_row_ids(struct builder *b, const struct snapshot *s, struct error *err)
{
    if (b->m.format_version < 3)
        return true;
    if (s->first_row_id < 0 || s->added_rows < 0)
        return fail(err, ERR_INVALID,
                    "snapshot %lld has no first-row-id or added-rows, which "
                    "format version 3 needs",
                    (long long)s->id);
    if (s->first_row_id < b->m.next_row_id)
        return fail(err, ERR_CONFLICT,
                    "snapshot %lld starts at row %lld, behind the table's next row, %lld",
                    (long long)s->id, (long long)s->first_row_id, (long long)b->m.next_row_id);
    if (__builtin_add_overflow(s->first_row_id, s->added_rows, &b->m.next_row_id))
        return fail(err, ERR_LIMIT, "the table has used up its row ids");
    return true;
}

static bool add_snapshot(struct builder *b, const struct snapshot *s, struct error *err)
{
    if (b->schemas.n == 0 || b->specs.n == 0 || b->orders.n == 0)
        return fail(err, ERR_INVALID,
                    "a snapshot is added before a schema, a partition spec and "
                    "a sort order");
    if (find_snapshot(b, s->id) || map_get(&b->removed_ids, id_key(&s->id)))
        return fail(err, ERR_INVALID, "a snapshot %lld is there already", (long long)s->id);
    if (b->m.format_version > 1 && s->parent_id != SNAPSHOT_NONE &&
        s->sequence_number <= b->m.last_sequence_number) /* U2 */
        return fail(err, ERR_CONFLICT,
                    "snapshot %lld has sequence number %lld, not above the table's last, %lld",
                    (long long)s->id, (long long)s->sequence_number,
                    (long long)b->m.last_sequence_number);
    if (!add_row_ids(b, s, err))
        return false;
    if (b->m.format_version > 1 && s->sequence_number > b->m.last_sequence_number)
        b->m.last_sequence_number = s->sequence_number;
    b->m.last_updated_ms = s->timestamp_ms;
    b->timed = true;
    b->changed = true;
    *vec_push(b->arena, &b->added) = s;
    mark(&b->added_ids, s);
    return true;
}

static bool check_ref(const struct snapshot_ref *r, struct error *err)
{
    if (r->name.len == 0)
        return fail(err, ERR_INVALID, "a ref has no name");
    if (r->kind == REF_TAG && str_is(r->name, MAIN_BRANCH))
        return fail(err, ERR_INVALID, "main is a branch, not a tag");
    if (r->kind == REF_TAG && (r->min_snapshots_to_keep != 0 || r->max_snapshot_age_ms != 0))
        return fail(err, ERR_INVALID,
                    "tag \"" STR_FMT "\" cannot keep a number or age of snapshots",
                    STR_ARG(r->name));
    return true;
}

static bool same_ref(const struct snapshot_ref *a, const struct snapshot_ref *b)
{
    return a->snapshot_id == b->snapshot_id && a->kind == b->kind &&
           a->min_snapshots_to_keep == b->min_snapshots_to_keep &&
           a->max_snapshot_age_ms == b->max_snapshot_age_ms &&
           a->max_ref_age_ms == b->max_ref_age_ms;
}

static int64_t commit_time(struct builder *b)
{
    if (!b->timed) { /* a clock that went back must not make the file unreadable */
        int64_t before = b->base ? b->base->last_updated_ms : b->now_ms;
        b->m.last_updated_ms = b->now_ms > before ? b->now_ms : before;
        b->timed = true;
    }
    return b->m.last_updated_ms;
}

static bool set_ref(struct builder *b, const struct snapshot_ref *r, struct error *err)
{
    if (!check_ref(r, err))
        return false;
    struct snapshot_ref *old = find_ref(b, r->name);
    if (old && same_ref(old, r))
        return true;
    const struct snapshot *s = find_snapshot(b, r->snapshot_id);
    if (!s)
        return fail(err, ERR_NOT_FOUND, "ref \"" STR_FMT "\": the table has no snapshot %lld",
                    STR_ARG(r->name), (long long)r->snapshot_id);
    if (map_get(&b->added_ids, id_key(&r->snapshot_id))) {
        b->m.last_updated_ms = s->timestamp_ms;
        b->timed = true;
    }
    if (str_is(r->name, MAIN_BRANCH)) {
        b->m.current_snapshot_id = r->snapshot_id;
        *vec_push(b->arena, &b->log) =
            (struct snapshot_log_entry){ commit_time(b), r->snapshot_id };
    }
    *(old ? old : vec_push(b->arena, &b->refs)) = *r;
    b->changed = true;
    return true;
}

static void remove_ref(struct builder *b, str name)
{
    struct snapshot_ref *old = find_ref(b, name);
    if (!old)
        return;
    if (str_is(name, MAIN_BRANCH))
        b->m.current_snapshot_id = SNAPSHOT_NONE;
    size_t at = (size_t)(old - b->refs.at);
    memmove(old, old + 1, (b->refs.n - at - 1) * sizeof *old);
    b->refs.n--;
    b->changed = true;
}

static void remove_snapshots(struct builder *b, const struct table_update *u)
{
    for (size_t i = 0; i < u->snapshot_ids.n; i++) {
        const struct snapshot *s = find_snapshot(b, u->snapshot_ids.ids[i]);
        if (!s)
            continue;
        mark(&b->removed_ids, s);
        b->changed = true;
    }
    for (size_t i = b->refs.n; i > 0; i--) /* U4 */
        if (!find_snapshot(b, b->refs.at[i - 1].snapshot_id))
            remove_ref(b, b->refs.at[i - 1].name);
}

/* -- properties, statistics, keys ------------------------------------------------------------ */

static void set_properties(struct builder *b, const struct property_list *p)
{
    for (size_t i = 0; i < p->n; i++)
        put_property(b, p->at[i].key, p->at[i].value);
    b->changed = b->changed || p->n > 0;
}

static void remove_properties(struct builder *b, const struct property_list *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct property *old = map_get(&b->properties_by_key, p->at[i].key);
        if (old)
            old->value = (str){ 0 };
    }
    b->changed = b->changed || p->n > 0;
}

static void remove_statistics(struct builder *b, int64_t snapshot_id)
{
    size_t n = 0;
    for (size_t i = 0; i < b->statistics.n; i++)
        if (b->statistics.at[i].snapshot_id != snapshot_id)
            b->statistics.at[n++] = b->statistics.at[i];
    b->changed = b->changed || n != b->statistics.n;
    b->statistics.n = n;
}

static void remove_partition_statistics(struct builder *b, int64_t snapshot_id)
{
    size_t n = 0;
    for (size_t i = 0; i < b->partition_statistics.n; i++)
        if (b->partition_statistics.at[i].snapshot_id != snapshot_id)
            b->partition_statistics.at[n++] = b->partition_statistics.at[i];
    b->changed = b->changed || n != b->partition_statistics.n;
    b->partition_statistics.n = n;
}

static bool add_key(struct builder *b, const struct encryption_key *key, struct error *err)
{
    if (b->m.format_version < 3)
        return fail(err, ERR_INVALID, "encryption keys need format version 3, the table has %d",
                    b->m.format_version);
    for (size_t i = 0; i < b->keys.n; i++)
        if (str_eq(b->keys.at[i].id, key->id))
            return true;
    *vec_push(b->arena, &b->keys) = *key;
    b->changed = true;
    return true;
}

static void remove_key(struct builder *b, str id)
{
    size_t n = 0;
    for (size_t i = 0; i < b->keys.n; i++)
        if (!str_eq(b->keys.at[i].id, id))
            b->keys.at[n++] = b->keys.at[i];
    b->changed = b->changed || n != b->keys.n;
    b->keys.n = n;
}

static bool apply_one(struct builder *b, const struct table_update *u, struct error *err)
{
    switch (u->kind) {
    case UPDATE_ASSIGN_UUID:
        return assign_uuid(b, u->uuid, err);
    case UPDATE_UPGRADE_FORMAT_VERSION:
        return upgrade(b, u->format_version, err);
    case UPDATE_ADD_SCHEMA:
        return add_schema(b, u->schema, err);
    case UPDATE_SET_CURRENT_SCHEMA:
        return set_current_schema(b, u->id, err);
    case UPDATE_ADD_SPEC:
        return add_spec(b, u->spec, err);
    case UPDATE_SET_DEFAULT_SPEC:
        return set_default_spec(b, u->id, err);
    case UPDATE_ADD_SORT_ORDER:
        return add_order(b, u->order, err);
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        return set_default_order(b, u->id, err);
    case UPDATE_ADD_SNAPSHOT:
        return add_snapshot(b, u->snapshot, err);
    case UPDATE_SET_SNAPSHOT_REF:
        return set_ref(b, &u->ref, err);
    case UPDATE_REMOVE_SNAPSHOTS:
        remove_snapshots(b, u);
        return true;
    case UPDATE_REMOVE_SNAPSHOT_REF:
        remove_ref(b, u->ref.name);
        return true;
    case UPDATE_SET_LOCATION:
        return set_location(b, u->location, err);
    case UPDATE_SET_PROPERTIES:
        set_properties(b, &u->properties);
        return true;
    case UPDATE_REMOVE_PROPERTIES:
        remove_properties(b, &u->properties);
        return true;
    case UPDATE_SET_STATISTICS:
        remove_statistics(b, u->statistics.snapshot_id);
        *vec_push(b->arena, &b->statistics) = u->statistics;
        b->changed = true;
        return true;
    case UPDATE_REMOVE_STATISTICS:
        remove_statistics(b, u->snapshot_id);
        return true;
    case UPDATE_SET_PARTITION_STATISTICS:
        remove_partition_statistics(b, u->partition_statistics.snapshot_id);
        *vec_push(b->arena, &b->partition_statistics) = u->partition_statistics;
        b->changed = true;
        return true;
    case UPDATE_REMOVE_PARTITION_STATISTICS:
        remove_partition_statistics(b, u->snapshot_id);
        return true;
    case UPDATE_REMOVE_SPECS:
        return remove_specs(b, u, err);
    case UPDATE_REMOVE_SCHEMAS:
        return remove_schemas(b, u, err);
    case UPDATE_ENABLE_ROW_LINEAGE:
        return enable_row_lineage(b, err);
    case UPDATE_ADD_ENCRYPTION_KEY:
        return add_key(b, &u->key, err);
    case UPDATE_REMOVE_ENCRYPTION_KEY:
        remove_key(b, u->key.id);
        return true;
    default:
        return fail(err, ERR_INTERNAL, "update of kind %d", (int)u->kind);
    }
}

/* -- the end --------------------------------------------------------------------------------- */

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
        remove_statistics(b, s->id);
        remove_partition_statistics(b, s->id);
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
        if (!find_snapshot(b, id) && b->removed_ids.n > 0)
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

static bool finish(struct builder *b, str base_location, const struct metadata **out,
                   struct error *err)
{
    if (!check_complete(b, err))
        return false;
    finish_snapshots(b);
    finish_lists(b);
    if (!finish_log(b, err))
        return false;
    commit_time(b);
    finish_properties(b);
    finish_metadata_log(b, base_location);
    struct metadata *m = arena_new(b->arena, struct metadata);
    *m = b->m;
    if (!metadata_index_snapshots(m, b->arena, err) || !check_bound(m, err))
        return false;
    *out = m;
    return true;
}

bool metadata_apply(const struct metadata *base, str base_location,
                    const struct table_update *updates, size_t n, int64_t now_ms, struct arena *a,
                    const struct metadata **out, struct error *err)
{
    struct builder b;
    if (n > UPDATES_MAX)
        return fail(err, ERR_LIMIT, "%zu updates in one commit, limit %d", n, UPDATES_MAX);
    builder_init(&b, base, now_ms, a);
    for (size_t i = 0; i < n; i++)
        if (!apply_one(&b, &updates[i], err))
            return fail_in(err, "%s", update_kind_name(updates[i].kind));
    if (base && !b.changed) {
        *out = base;
        return true;
    }
    return finish(&b, base_location, out, err);
}
