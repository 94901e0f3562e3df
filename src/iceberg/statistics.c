/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/statistics.h"

#include "base/env.h"
#include "base/vec.h"
#include "codec/puffin.h"
#include "codec/uuid.h"
#include "io/store.h"

#define PUFFIN_BYTES_MAX ((size_t)1 << 30)

static const struct statistics_file *statistics_of(const struct metadata *m, int64_t snapshot_id)
{
    for (size_t i = 0; i < m->statistics_n; i++)
        if (m->statistics[i].snapshot_id == snapshot_id)
            return &m->statistics[i];
    return NULL;
}

const struct statistics_file *statistics_at(const struct metadata *m, const struct snapshot *s)
{
    const struct statistics_file *found = NULL;
    for (size_t steps = 0; s && !found && steps <= m->snapshots_n; steps++) {
        found = statistics_of(m, s->id);
        s = s->parent_id == SNAPSHOT_NONE ? NULL : metadata_snapshot_by_id(m, s->parent_id);
    }
    return found;
}

int64_t statistics_distinct(const struct statistics_file *f, int32_t field_id)
{
    for (size_t i = 0; f && i < f->blobs_n; i++) {
        const struct blob_metadata *b = &f->blobs[i];
        int64_t n;
        if (str_is(b->type, PUFFIN_THETA_SKETCH) && b->fields_n == 1 && b->fields[0] == field_id &&
            str_to_i64(property_get(&b->properties, "ndv", (str){ 0 }), &n) && n >= 0)
            return n;
    }
    return -1;
}

/* ---- Reading. */

/* Sizes are those that the file itself has: what metadata says of them is a hint only. */
static bool read_footer(struct store *store, str path, struct arena *a, struct puffin *out,
                        struct error *err)
{
    struct store_info info;
    int64_t size;
    str tail, footer;
    if (!store_head(store, path, &info, err))
        return false;
    if (info.size < PUFFIN_TAIL)
        return fail(err, ERR_CORRUPT, "the file has only %lld bytes", (long long)info.size);
    return store_get_range(store, path, info.size - PUFFIN_TAIL, PUFFIN_TAIL, a, &tail, err) &&
           puffin_footer_size(tail, info.size, &size, err) &&
           store_get_range(store, path, info.size - size, (size_t)size, a, &footer, err) &&
           puffin_footer_parse(footer, info.size, a, out, err);
}

static bool read_sketch(struct store *store, str path, const struct puffin_blob *b, struct arena *a,
                        struct column_sketch *out, struct error *err)
{
    str stored, content;
    out->field_id = b->fields[0];
    if (b->length > (int64_t)SKETCH_BYTES_MAX)
        return fail(err, ERR_LIMIT, "a sketch of %lld bytes is too large", (long long)b->length);
    return store_get_range(store, path, b->offset, (size_t)b->length, a, &stored, err) &&
           puffin_blob_content(b, stored, SKETCH_BYTES_MAX, a, &content, err) &&
           theta_read(content, a, &out->sketch, err);
}

bool statistics_read(struct store *store, const struct statistics_file *f, struct arena *a,
                     struct column_sketch **out, size_t *n, struct error *err)
{
    struct puffin p;
    VEC(struct column_sketch) sketches = { 0 };
    str path;
    bool ok = store_from_uri(store, f->path, a, &path, err) && read_footer(store, path, a, &p, err);
    for (size_t i = 0; ok && i < p.blobs_n; i++)
        if (str_is(p.blobs[i].type, PUFFIN_THETA_SKETCH) && p.blobs[i].fields_n == 1)
            ok = read_sketch(store, path, &p.blobs[i], a, vec_push(a, &sketches), err);
    *out = sketches.at;
    *n = sketches.n;
    return ok || fail_in(err, "statistics " STR_FMT, STR_ARG(f->path));
}

/* ---- Writing. */

bool statistics_path(struct store *store, struct env *env, const struct metadata *m,
                     const struct snapshot *s, const char *prefix, const char *suffix,
                     struct arena *a, str *out, struct error *err)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    str folder = metadata_property(m, "write.metadata.path", (str){ 0 });
    if (!folder.len)
        folder = arena_printf(a, STR_FMT "/metadata", STR_ARG(m->location));
    while (folder.len > 1 && str_ends(folder, STR("/")))
        folder = str_sub(folder, 0, folder.len - 1);
    env_random(env, random, sizeof random);
    struct uuid id = uuid_v4(random);
    str name = arena_printf(a, STR_FMT "/%s%lld-" STR_FMT "%s", STR_ARG(folder), prefix,
                            (long long)s->id, STR_ARG(uuid_format(&id, text)), suffix);
    return store_from_uri(store, name, a, out, err);
}

/* A sketch as a blob, packed as Spark and Trino do, and as metadata describes it. */
static bool add_blob(struct puffin_writer *w, const struct snapshot *s,
                     const struct column_sketch *c, struct arena *a, struct blob_metadata *about,
                     struct error *err)
{
    struct buf content = BUF_INIT(SKETCH_BYTES_MAX);
    struct puffin_property *p = arena_new(a, struct puffin_property);
    struct property *same = arena_new(a, struct property);
    struct puffin_blob stored;
    p->key = same->key = STR("ndv");
    p->value = same->value = arena_printf(a, "%lld", (long long)theta_estimate(&c->sketch));
    struct puffin_blob blob = { .type = STR(PUFFIN_THETA_SKETCH),
                                .fields = &c->field_id,
                                .fields_n = 1,
                                .snapshot_id = s->id,
                                .sequence_number = s->sequence_number,
                                .codec = STR("zstd"),
                                .properties = p,
                                .properties_n = 1 };
    theta_write(&c->sketch, &content);
    bool ok =
        buf_ok(&content, "a sketch", err) && puffin_add(w, &blob, buf_str(&content), &stored, err);
    buf_deinit(&content);
    *about = (struct blob_metadata){ .type = blob.type,
                                     .snapshot_id = s->id,
                                     .sequence_number = s->sequence_number,
                                     .fields = &c->field_id,
                                     .fields_n = 1,
                                     .properties = { same, 1 } };
    return ok;
}

bool statistics_write(struct store *store, struct env *env, const struct metadata *m,
                      const struct snapshot *s, const struct column_sketch *sketches, size_t n,
                      struct arena *a, struct statistics_file *out, struct error *err)
{
    struct buf bytes = BUF_INIT(PUFFIN_BYTES_MAX);
    struct puffin_writer w;
    struct blob_metadata *blobs = arena_array(a, struct blob_metadata, n);
    str path;
    bool ok = statistics_path(store, env, m, s, "", ".stats", a, &path, err);
    puffin_begin(&w, &bytes, a);
    for (size_t i = 0; ok && i < n; i++)
        ok = add_blob(&w, s, &sketches[i], a, &blobs[i], err);
    ok = ok && puffin_finish(&w, NULL, 0, false, err);
    *out = (struct statistics_file){ .snapshot_id = s->id, .blobs = blobs, .blobs_n = n };
    if (ok) {
        str all = buf_str(&bytes);
        out->size = (int64_t)all.len;
        out->path = store_uri(store, path, a);
        ok = puffin_footer_size(str_from(all, all.len - PUFFIN_TAIL), out->size, &out->footer_size,
                                err) &&
             store_put(store, path, all, STORE_CREATE_NEW, err);
    }
    buf_deinit(&bytes);
    return ok || fail_in(err, "write statistics");
}

/* ---- Partition statistics. */

bool partition_statistics_schema(const struct type *partition, int format_version, struct arena *a,
                                 const struct schema **out, struct error *err)
{
    enum { ALWAYS, V3_REQUIRED, OPTIONAL, V3_ONLY };
    static const struct {
        const char *name;
        enum type_kind kind;
        int need;
    } counts[] = {
        { "spec_id", TYPE_INT, ALWAYS },
        { "data_record_count", TYPE_LONG, ALWAYS },
        { "data_file_count", TYPE_INT, ALWAYS },
        { "total_data_file_size_in_bytes", TYPE_LONG, ALWAYS },
        { "position_delete_record_count", TYPE_LONG, V3_REQUIRED },
        { "position_delete_file_count", TYPE_INT, V3_REQUIRED },
        { "equality_delete_record_count", TYPE_LONG, V3_REQUIRED },
        { "equality_delete_file_count", TYPE_INT, V3_REQUIRED },
        { "total_record_count", TYPE_LONG, OPTIONAL },
        { "last_updated_at", TYPE_LONG, OPTIONAL },
        { "last_updated_snapshot_id", TYPE_LONG, OPTIONAL },
        { "dv_count", TYPE_INT, V3_ONLY },
    };
    bool v3 = format_version >= 3;
    size_t n = sizeof counts / sizeof *counts;
    struct field *f = arena_array(a, struct field, n + 1);
    f[0] = (struct field){ .id = 1, .name = STR("partition"), .required = true, .type = partition };
    for (size_t i = 0; i < n; i++)
        f[i + 1] = (struct field){ .id = (int32_t)i + 2,
                                   .name = str_of(counts[i].name),
                                   .required = counts[i].need != OPTIONAL &&
                                               (v3 || counts[i].need == ALWAYS),
                                   .type = type_of(counts[i].kind) };
    return schema_build(0, f, v3 ? n + 1 : n, NULL, 0, a, out, err);
}

static const struct partition_statistics_file *partitions_of(const struct metadata *m, int64_t id)
{
    for (size_t i = 0; i < m->partition_statistics_n; i++)
        if (m->partition_statistics[i].snapshot_id == id)
            return &m->partition_statistics[i];
    return NULL;
}

const struct partition_statistics_file *partition_statistics_at(const struct metadata *m,
                                                                const struct snapshot *s)
{
    const struct partition_statistics_file *found = NULL;
    for (size_t steps = 0; s && !found && steps <= m->snapshots_n; steps++) {
        found = partitions_of(m, s->id);
        s = s->parent_id == SNAPSHOT_NONE ? NULL : metadata_snapshot_by_id(m, s->parent_id);
    }
    return found;
}
