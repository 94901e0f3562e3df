/* SPDX-License-Identifier: Apache-2.0
 *
 * The small parts of table metadata from JSON: refs, statistics, encryption keys. */
#include "iceberg/metadata.h"

bool snapshot_ref_parse(const struct json *json, str name, struct arena *a,
                        struct snapshot_ref *out, struct error *err)
{
    str type;
    *out = (struct snapshot_ref){ .name = arena_str(a, name) };
    if (!json_need_int(json, "snapshot-id", &out->snapshot_id, err) ||
        !json_need_str(json, "type", &type, err) ||
        !json_opt_i32(json, "min-snapshots-to-keep", 0, &out->min_snapshots_to_keep, err) ||
        !json_opt_int(json, "max-snapshot-age-ms", 0, &out->max_snapshot_age_ms, err) ||
        !json_opt_int(json, "max-ref-age-ms", 0, &out->max_ref_age_ms, err))
        return fail_in(err, "ref \"" STR_FMT "\"", STR_ARG(name));
    out->kind = str_eq_nocase(type, STR("tag")) ? REF_TAG : REF_BRANCH;
    if (out->kind == REF_BRANCH && !str_eq_nocase(type, STR("branch")))
        return fail(err, ERR_INVALID, "ref \"" STR_FMT "\" has type \"" STR_FMT "\"", STR_ARG(name),
                    STR_ARG(type));
    if (out->min_snapshots_to_keep < 0 || out->max_snapshot_age_ms < 0 || out->max_ref_age_ms < 0)
        return fail(err, ERR_INVALID, "ref \"" STR_FMT "\" has a negative retention",
                    STR_ARG(name));
    return true;
}

static bool parse_blob_fields(const struct json *json, struct arena *a, struct blob_metadata *out,
                              struct error *err)
{
    const struct json *list;
    if (!json_need_array(json, "fields", &list, err))
        return false;
    int32_t *ids = arena_array(a, int32_t, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        const struct json *id = &list->array.items[i];
        if (id->kind != JSON_INT || id->i < 0 || id->i > INT32_MAX)
            return fail(err, ERR_INVALID, "fields[%zu] is no field id", i);
        ids[i] = (int32_t)id->i;
    }
    out->fields = ids;
    out->fields_n = list->array.n;
    return true;
}

static bool parse_blob(const struct json *json, struct arena *a, struct blob_metadata *out,
                       struct error *err)
{
    str type;
    const struct json *properties;
    if (!json_need_str(json, "type", &type, err) ||
        !json_need_int(json, "snapshot-id", &out->snapshot_id, err) ||
        !json_need_int(json, "sequence-number", &out->sequence_number, err) ||
        !parse_blob_fields(json, a, out, err) ||
        !json_opt_obj(json, "properties", &properties, err))
        return fail_in(err, "blob-metadata");
    out->type = arena_str(a, type);
    return !properties || properties_parse(properties, a, &out->properties, err);
}

bool statistics_file_parse(const struct json *json, struct arena *a, struct statistics_file *out,
                           struct error *err)
{
    str path, key;
    const struct json *blobs;
    *out = (struct statistics_file){ 0 };
    if (!json_need_int(json, "snapshot-id", &out->snapshot_id, err) ||
        !json_need_str(json, "statistics-path", &path, err) ||
        !json_need_int(json, "file-size-in-bytes", &out->size, err) ||
        !json_need_int(json, "file-footer-size-in-bytes", &out->footer_size, err) ||
        !json_opt_str(json, "key-metadata", STR(""), &key, err) ||
        !json_need_array(json, "blob-metadata", &blobs, err))
        return fail_in(err, "statistics");
    out->path = arena_str(a, path);
    out->key_metadata = arena_str(a, key);
    struct blob_metadata *list = arena_array(a, struct blob_metadata, blobs->array.n);
    for (size_t i = 0; i < blobs->array.n; i++)
        if (!parse_blob(&blobs->array.items[i], a, &list[i], err))
            return fail_in(err, "statistics of snapshot %lld", (long long)out->snapshot_id);
    out->blobs = list;
    out->blobs_n = blobs->array.n;
    return true;
}

bool partition_statistics_file_parse(const struct json *json, struct arena *a,
                                     struct partition_statistics_file *out, struct error *err)
{
    str path;
    *out = (struct partition_statistics_file){ 0 };
    if (!json_need_int(json, "snapshot-id", &out->snapshot_id, err) ||
        !json_need_str(json, "statistics-path", &path, err) ||
        !json_need_int(json, "file-size-in-bytes", &out->size, err))
        return fail_in(err, "partition-statistics");
    out->path = arena_str(a, path);
    return true;
}

bool encryption_key_parse(const struct json *json, struct arena *a, struct encryption_key *out,
                          struct error *err)
{
    str id;
    if (!json_need_str(json, "key-id", &id, err))
        return fail_in(err, "encryption key");
    *out = (struct encryption_key){ .id = arena_str(a, id), .json = json_copy(json, a) };
    return true;
}
