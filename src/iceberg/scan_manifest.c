/* SPDX-License-Identifier: Apache-2.0
 *
 * One manifest of a snapshot's list, opened for who wants to see what it says rather than to plan a scan. */
#include "codec/avro.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "io/store.h"

bool scan_spec_of_manifest(const struct metadata *metadata, const struct manifest_file *file,
                           str bytes, struct arena *a, const struct partition_spec **out,
                           struct error *err)
{
    int64_t id = file->spec_id;
    if (id < 0) {
        struct avro_reader header;
        if (!avro_open(&header, bytes, a, err))
            return false;
        if (!str_to_i64(avro_meta_get(&header, "partition-spec-id"), &id))
            id = metadata->default_spec_id;
    }
    *out = id >= 0 && id <= INT32_MAX ? metadata_spec_by_id(metadata, (int32_t)id) : NULL;
    return *out || fail(err, ERR_CORRUPT, "partition spec %lld is not in the table's metadata",
                        (long long)id);
}

bool scan_open_manifest(struct store *store, const struct metadata *metadata,
                        const struct schema *schema, const struct manifest_file *file,
                        struct arena *a, struct manifest_reader **out, struct error *err)
{
    str path, bytes;
    const struct partition_spec *spec;
    struct manifest_file *copy = arena_new(a, struct manifest_file);
    struct manifest_read_options *o = arena_new(a, struct manifest_read_options);
    if (file->key_metadata.len > 0)
        return fail(err, ERR_UNSUPPORTED, "the manifest " STR_FMT " is encrypted",
                    STR_ARG(file->path));
    if (!store_from_uri(store, file->path, a, &path, err) ||
        !store_get(store, path, MANIFEST_BYTES_MAX, a, &bytes, err) ||
        !scan_spec_of_manifest(metadata, file, bytes, a, &spec, err))
        return fail_in(err, "manifest " STR_FMT, STR_ARG(file->path));
    *copy = *file;
    ASSERT(spec);
    copy->spec_id = spec->id;
    *o = (struct manifest_read_options){
        .file = copy, .spec = spec, .schema = schema, .all_columns = true
    };
    return manifest_open(bytes, o, a, out, err) ||
           fail_in(err, "manifest " STR_FMT, STR_ARG(file->path));
}
