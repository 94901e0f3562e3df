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
#include "iceberg/update_priv.h"

#include "codec/uuid.h"

#define FILL(b, list, from, count)                                                                 \
    for (size_t i_ = 0; i_ < (count); i_++)                                                        \
    *vec_push((b)->arena, &(b)->list) = (from)[i_]

/* -- the state ------------------------------------------------------------------------------- */

const struct snapshot *builder_snapshot(const struct builder *b, int64_t id)
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
    if (builder_snapshot(b, s->id) || map_get(&b->removed_ids, id_key(&s->id)))
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
    struct snapshot *own = arena_new(b->arena, struct snapshot);
    *own = *s;
    own->text = (str){ 0 };
    own->text = snapshot_text(s, b->arena); /* all metadata that follows holds it */
    *vec_push(b->arena, &b->added) = own;
    mark(&b->added_ids, own);
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

int64_t builder_time(struct builder *b)
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
    const struct snapshot *s = builder_snapshot(b, r->snapshot_id);
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
            (struct snapshot_log_entry){ builder_time(b), r->snapshot_id };
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
        const struct snapshot *s = builder_snapshot(b, u->snapshot_ids.ids[i]);
        if (!s)
            continue;
        mark(&b->removed_ids, s);
        b->changed = true;
    }
    for (size_t i = b->refs.n; i > 0; i--) /* U4 */
        if (!builder_snapshot(b, b->refs.at[i - 1].snapshot_id))
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

void builder_remove_statistics(struct builder *b, int64_t snapshot_id)
{
    size_t n = 0;
    for (size_t i = 0; i < b->statistics.n; i++)
        if (b->statistics.at[i].snapshot_id != snapshot_id)
            b->statistics.at[n++] = b->statistics.at[i];
    b->changed = b->changed || n != b->statistics.n;
    b->statistics.n = n;
}

void builder_remove_partition_statistics(struct builder *b, int64_t snapshot_id)
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
        return builder_add_schema(b, u->schema, err);
    case UPDATE_SET_CURRENT_SCHEMA:
        return builder_set_current_schema(b, u->id, err);
    case UPDATE_ADD_SPEC:
        return builder_add_spec(b, u->spec, err);
    case UPDATE_SET_DEFAULT_SPEC:
        return builder_set_default_spec(b, u->id, err);
    case UPDATE_ADD_SORT_ORDER:
        return builder_add_order(b, u->order, err);
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        return builder_set_default_order(b, u->id, err);
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
        builder_remove_statistics(b, u->statistics.snapshot_id);
        *vec_push(b->arena, &b->statistics) = u->statistics;
        b->changed = true;
        return true;
    case UPDATE_REMOVE_STATISTICS:
        builder_remove_statistics(b, u->snapshot_id);
        return true;
    case UPDATE_SET_PARTITION_STATISTICS:
        builder_remove_partition_statistics(b, u->partition_statistics.snapshot_id);
        *vec_push(b->arena, &b->partition_statistics) = u->partition_statistics;
        b->changed = true;
        return true;
    case UPDATE_REMOVE_PARTITION_STATISTICS:
        builder_remove_partition_statistics(b, u->snapshot_id);
        return true;
    case UPDATE_REMOVE_SPECS:
        return builder_remove_specs(b, u, err);
    case UPDATE_REMOVE_SCHEMAS:
        return builder_remove_schemas(b, u, err);
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
    return builder_finish(&b, base_location, out, err);
}
