/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates as the REST protocol writes them. */
#include "iceberg/update.h"

#include "iceberg/partition_priv.h"

#define IDS_MAX 1000000 /* of one update */

static const char *const update_names[UPDATE_KINDS] = {
    [UPDATE_ASSIGN_UUID] = "assign-uuid",
    [UPDATE_UPGRADE_FORMAT_VERSION] = "upgrade-format-version",
    [UPDATE_ADD_SCHEMA] = "add-schema",
    [UPDATE_SET_CURRENT_SCHEMA] = "set-current-schema",
    [UPDATE_ADD_SPEC] = "add-spec",
    [UPDATE_SET_DEFAULT_SPEC] = "set-default-spec",
    [UPDATE_ADD_SORT_ORDER] = "add-sort-order",
    [UPDATE_SET_DEFAULT_SORT_ORDER] = "set-default-sort-order",
    [UPDATE_ADD_SNAPSHOT] = "add-snapshot",
    [UPDATE_SET_SNAPSHOT_REF] = "set-snapshot-ref",
    [UPDATE_REMOVE_SNAPSHOTS] = "remove-snapshots",
    [UPDATE_REMOVE_SNAPSHOT_REF] = "remove-snapshot-ref",
    [UPDATE_SET_LOCATION] = "set-location",
    [UPDATE_SET_PROPERTIES] = "set-properties",
    [UPDATE_REMOVE_PROPERTIES] = "remove-properties",
    [UPDATE_SET_STATISTICS] = "set-statistics",
    [UPDATE_REMOVE_STATISTICS] = "remove-statistics",
    [UPDATE_SET_PARTITION_STATISTICS] = "set-partition-statistics",
    [UPDATE_REMOVE_PARTITION_STATISTICS] = "remove-partition-statistics",
    [UPDATE_REMOVE_SPECS] = "remove-partition-specs",
    [UPDATE_REMOVE_SCHEMAS] = "remove-schemas",
    [UPDATE_ENABLE_ROW_LINEAGE] = "enable-row-lineage",
    [UPDATE_ADD_ENCRYPTION_KEY] = "add-encryption-key",
    [UPDATE_REMOVE_ENCRYPTION_KEY] = "remove-encryption-key",
};

const char *update_kind_name(enum update_kind kind)
{
    return kind < UPDATE_KINDS ? update_names[kind] : "unknown update";
}

struct table_update update_add_snapshot(const struct snapshot *s)
{
    return (struct table_update){ .kind = UPDATE_ADD_SNAPSHOT, .snapshot = s };
}

struct table_update update_set_ref(str name, enum ref_kind kind, int64_t snapshot_id)
{
    return (struct table_update){
        .kind = UPDATE_SET_SNAPSHOT_REF,
        .ref = { .name = name, .kind = kind, .snapshot_id = snapshot_id },
    };
}

void update_take_schema(struct table_update *u, size_t *n, const struct schema *schema)
{
    u[(*n)++] = (struct table_update){ .kind = UPDATE_ADD_SCHEMA, .schema = schema };
    u[(*n)++] = (struct table_update){ .kind = UPDATE_SET_CURRENT_SCHEMA, .id = LAST_ADDED };
}

void update_take_spec(struct table_update *u, size_t *n, const struct partition_spec *spec)
{
    u[(*n)++] = (struct table_update){ .kind = UPDATE_ADD_SPEC, .spec = spec };
    u[(*n)++] = (struct table_update){ .kind = UPDATE_SET_DEFAULT_SPEC, .id = LAST_ADDED };
}

void update_take_order(struct table_update *u, size_t *n, const struct sort_order *order)
{
    u[(*n)++] = (struct table_update){ .kind = UPDATE_ADD_SORT_ORDER, .order = order };
    u[(*n)++] = (struct table_update){ .kind = UPDATE_SET_DEFAULT_SORT_ORDER, .id = LAST_ADDED };
}

/* -- reading --------------------------------------------------------------------------------- */

static bool need_copy(const struct json *json, const char *key, struct arena *a, str *out,
                      struct error *err)
{
    str s;
    if (!json_need_str(json, key, &s, err))
        return false;
    *out = arena_str(a, s);
    return true;
}

static bool need_ids(const struct json *json, const char *key, const struct json **out,
                     struct error *err)
{
    if (!json_need_array(json, key, out, err))
        return false;
    if ((*out)->array.n > IDS_MAX)
        return fail(err, ERR_LIMIT, "%s has %zu entries, limit %d", key, (*out)->array.n, IDS_MAX);
    for (size_t i = 0; i < (*out)->array.n; i++)
        if ((*out)->array.items[i].kind != JSON_INT)
            return fail(err, ERR_INVALID, "%s[%zu] is no integer", key, i);
    return true;
}

static bool parse_snapshot_ids(const struct json *json, struct arena *a, struct table_update *out,
                               struct error *err)
{
    const struct json *list;
    if (!need_ids(json, "snapshot-ids", &list, err))
        return false;
    int64_t *ids = arena_array(a, int64_t, list->array.n);
    for (size_t i = 0; i < list->array.n; i++)
        ids[i] = list->array.items[i].i;
    out->snapshot_ids.ids = ids;
    out->snapshot_ids.n = list->array.n;
    return true;
}

static bool parse_ids(const struct json *json, const char *key, struct arena *a,
                      struct table_update *out, struct error *err)
{
    const struct json *list;
    if (!need_ids(json, key, &list, err))
        return false;
    int32_t *ids = arena_array(a, int32_t, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        int64_t id = list->array.items[i].i;
        if (id < 0 || id > INT32_MAX)
            return fail(err, ERR_INVALID, "%s[%zu] is no id", key, i);
        ids[i] = (int32_t)id;
    }
    out->ids.ids = ids;
    out->ids.n = list->array.n;
    return true;
}

/* The member's older name ("updated", "removed") is still sent by old clients. */
static const char *either(const struct json *json, const char *key, const char *old)
{
    return json_get(json, key) || !json_get(json, old) ? key : old;
}

static bool parse_removals(const struct json *json, struct arena *a, struct table_update *out,
                           struct error *err)
{
    const struct json *list;
    if (!json_need_array(json, either(json, "removals", "removed"), &list, err))
        return false;
    struct property *keys = arena_array(a, struct property, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "removals[%zu] is no string", i);
        keys[i].key = arena_str(a, list->array.items[i].s);
    }
    out->properties = (struct property_list){ keys, list->array.n };
    return true;
}

static bool parse_snapshot(const struct json *json, struct arena *a, struct table_update *out,
                           struct error *err)
{
    struct snapshot *s = arena_new(a, struct snapshot);
    const struct json *snapshot;
    out->snapshot = s;
    return json_need_obj(json, "snapshot", &snapshot, err) && snapshot_parse(snapshot, a, s, err);
}

static bool parse_ref(const struct json *json, struct arena *a, struct table_update *out,
                      struct error *err)
{
    str name;
    return json_need_str(json, "ref-name", &name, err) &&
           snapshot_ref_parse(json, name, a, &out->ref, err);
}

static bool parse_version(const struct json *json, struct table_update *out, struct error *err)
{
    int32_t version;
    if (!json_need_i32(json, "format-version", &version, err))
        return false;
    out->format_version = version;
    return true;
}

/* Updates that carry an object of their own. */
static bool parse_object(const struct json *json, const char *key, struct arena *a,
                         struct table_update *out, struct error *err)
{
    const struct json *object;
    if (!json_need_obj(json, key, &object, err))
        return false;
    switch (out->kind) {
    case UPDATE_ADD_SCHEMA:
        return schema_parse(object, a, &out->schema, err);
    case UPDATE_ADD_SPEC:
        return partition_spec_parse_unbound(object, a, &out->spec, err);
    case UPDATE_ADD_SORT_ORDER:
        return sort_order_parse(object, a, &out->order, err);
    case UPDATE_SET_PROPERTIES:
        return properties_parse(object, a, &out->properties, err);
    case UPDATE_SET_STATISTICS:
        return statistics_file_parse(object, a, &out->statistics, err);
    case UPDATE_SET_PARTITION_STATISTICS:
        return partition_statistics_file_parse(object, a, &out->partition_statistics, err);
    default:
        return encryption_key_parse(object, a, &out->key, err);
    }
}

static bool parse_members(const struct json *json, struct arena *a, struct table_update *out,
                          struct error *err)
{
    switch (out->kind) {
    case UPDATE_ASSIGN_UUID:
        return need_copy(json, "uuid", a, &out->uuid, err);
    case UPDATE_UPGRADE_FORMAT_VERSION:
        return parse_version(json, out, err);
    case UPDATE_ADD_SCHEMA:
        return parse_object(json, "schema", a, out, err);
    case UPDATE_SET_CURRENT_SCHEMA:
        return json_need_i32(json, "schema-id", &out->id, err);
    case UPDATE_ADD_SPEC:
        return parse_object(json, "spec", a, out, err);
    case UPDATE_SET_DEFAULT_SPEC:
        return json_need_i32(json, "spec-id", &out->id, err);
    case UPDATE_ADD_SORT_ORDER:
        return parse_object(json, "sort-order", a, out, err);
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        return json_need_i32(json, "sort-order-id", &out->id, err);
    case UPDATE_ADD_SNAPSHOT:
        return parse_snapshot(json, a, out, err);
    case UPDATE_SET_SNAPSHOT_REF:
        return parse_ref(json, a, out, err);
    case UPDATE_REMOVE_SNAPSHOTS:
        return parse_snapshot_ids(json, a, out, err);
    case UPDATE_REMOVE_SNAPSHOT_REF:
        return need_copy(json, "ref-name", a, &out->ref.name, err);
    case UPDATE_SET_LOCATION:
        return need_copy(json, "location", a, &out->location, err);
    case UPDATE_SET_PROPERTIES:
        return parse_object(json, either(json, "updates", "updated"), a, out, err);
    case UPDATE_REMOVE_PROPERTIES:
        return parse_removals(json, a, out, err);
    case UPDATE_SET_STATISTICS:
        return parse_object(json, "statistics", a, out, err);
    case UPDATE_SET_PARTITION_STATISTICS:
        return parse_object(json, "partition-statistics", a, out, err);
    case UPDATE_REMOVE_STATISTICS:
    case UPDATE_REMOVE_PARTITION_STATISTICS:
        return json_need_int(json, "snapshot-id", &out->snapshot_id, err);
    case UPDATE_REMOVE_SPECS:
        return parse_ids(json, "spec-ids", a, out, err);
    case UPDATE_REMOVE_SCHEMAS:
        return parse_ids(json, "schema-ids", a, out, err);
    case UPDATE_ADD_ENCRYPTION_KEY:
        return parse_object(json, "encryption-key", a, out, err);
    case UPDATE_REMOVE_ENCRYPTION_KEY:
        return need_copy(json, "key-id", a, &out->key.id, err);
    default:
        return true;
    }
}

bool table_update_parse(const struct json *json, struct arena *a, struct table_update *out,
                        struct error *err)
{
    str action;
    *out = (struct table_update){ 0 };
    if (!json_need_str(json, "action", &action, err))
        return fail_in(err, "update");
    for (enum update_kind k = 0; k < UPDATE_KINDS; k++) {
        if (!str_is(action, update_names[k]))
            continue;
        out->kind = k;
        return parse_members(json, a, out, err) || fail_in(err, "%s", update_names[k]);
    }
    return fail(err, ERR_UNSUPPORTED, "unknown update \"" STR_FMT "\"", STR_ARG(action));
}

/* -- writing --------------------------------------------------------------------------------- */

static void write_ids(const char *key, const struct table_update *u, struct json_writer *w)
{
    jw_kv_array(w, key);
    for (size_t i = 0; i < u->ids.n; i++)
        jw_int(w, u->ids.ids[i]);
    jw_end_array(w);
}

static void write_lists(const struct table_update *u, struct json_writer *w)
{
    if (u->kind == UPDATE_REMOVE_SNAPSHOTS) {
        jw_kv_array(w, "snapshot-ids");
        for (size_t i = 0; i < u->snapshot_ids.n; i++)
            jw_int(w, u->snapshot_ids.ids[i]);
        jw_end_array(w);
    } else if (u->kind == UPDATE_REMOVE_PROPERTIES) {
        jw_kv_array(w, "removals");
        for (size_t i = 0; i < u->properties.n; i++)
            jw_str(w, u->properties.at[i].key);
        jw_end_array(w);
    } else {
        write_ids(u->kind == UPDATE_REMOVE_SPECS ? "spec-ids" : "schema-ids", u, w);
    }
}

static void write_statistics(const struct table_update *u, struct json_writer *w)
{
    if (u->kind == UPDATE_SET_STATISTICS) {
        jw_kv_int(w, "snapshot-id", u->statistics.snapshot_id); /* deprecated, still expected */
        jw_key(w, STR("statistics"));
        statistics_file_write(&u->statistics, w);
    } else {
        jw_key(w, STR("partition-statistics"));
        partition_statistics_file_write(&u->partition_statistics, w);
    }
}

static void write_members(const struct table_update *u, struct json_writer *w)
{
    switch (u->kind) {
    case UPDATE_ASSIGN_UUID:
        jw_kv_str(w, "uuid", u->uuid);
        return;
    case UPDATE_UPGRADE_FORMAT_VERSION:
        jw_kv_int(w, "format-version", u->format_version);
        return;
    case UPDATE_ADD_SCHEMA:
        jw_key(w, STR("schema"));
        schema_write(u->schema, true, w);
        return;
    case UPDATE_SET_CURRENT_SCHEMA:
        jw_kv_int(w, "schema-id", u->id);
        return;
    case UPDATE_ADD_SPEC:
        jw_key(w, STR("spec"));
        partition_spec_write(u->spec, w);
        return;
    case UPDATE_SET_DEFAULT_SPEC:
        jw_kv_int(w, "spec-id", u->id);
        return;
    case UPDATE_ADD_SORT_ORDER:
        jw_key(w, STR("sort-order"));
        sort_order_write(u->order, w);
        return;
    case UPDATE_SET_DEFAULT_SORT_ORDER:
        jw_kv_int(w, "sort-order-id", u->id);
        return;
    case UPDATE_ADD_SNAPSHOT:
        jw_key(w, STR("snapshot"));
        snapshot_write(u->snapshot, FORMAT_VERSION_MAX, w);
        return;
    case UPDATE_SET_SNAPSHOT_REF:
        jw_kv_str(w, "ref-name", u->ref.name);
        snapshot_ref_write_members(&u->ref, w);
        return;
    case UPDATE_REMOVE_SNAPSHOT_REF:
        jw_kv_str(w, "ref-name", u->ref.name);
        return;
    case UPDATE_SET_LOCATION:
        jw_kv_str(w, "location", u->location);
        return;
    case UPDATE_SET_PROPERTIES:
        jw_key(w, STR("updates"));
        properties_write(&u->properties, w);
        return;
    case UPDATE_REMOVE_SNAPSHOTS:
    case UPDATE_REMOVE_PROPERTIES:
    case UPDATE_REMOVE_SPECS:
    case UPDATE_REMOVE_SCHEMAS:
        write_lists(u, w);
        return;
    case UPDATE_SET_STATISTICS:
    case UPDATE_SET_PARTITION_STATISTICS:
        write_statistics(u, w);
        return;
    case UPDATE_REMOVE_STATISTICS:
    case UPDATE_REMOVE_PARTITION_STATISTICS:
        jw_kv_int(w, "snapshot-id", u->snapshot_id);
        return;
    case UPDATE_ADD_ENCRYPTION_KEY:
        jw_key(w, STR("encryption-key"));
        jw_json(w, u->key.json);
        return;
    case UPDATE_REMOVE_ENCRYPTION_KEY:
        jw_kv_str(w, "key-id", u->key.id);
        return;
    default:
        return;
    }
}

void table_update_write(const struct table_update *u, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "action", str_of(update_kind_name(u->kind)));
    write_members(u, w);
    jw_end_object(w);
}
