/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/reach.h"

#include "base/map.h"
#include "base/thread.h"
#include "codec/avro.h"
#include "iceberg/scan.h"
#include "iceberg/snapshot_priv.h"
#include "io/store.h"

struct reach {
    struct store *store;
    struct cancel *cancel;
    struct arena *arena;
    bool deleted, forgives;
    struct map lists, manifests; /* locations read */
};

struct reach *reach_create(struct store *store, struct cancel *cancel, bool deleted,
                           struct arena *a)
{
    struct reach *r = arena_new(a, struct reach);
    *r = (struct reach){ .store = store, .cancel = cancel, .arena = a, .deleted = deleted };
    map_init(&r->lists, a);
    map_init(&r->manifests, a);
    return r;
}

void reach_forgive_missing(struct reach *r, bool forgive)
{
    r->forgives = forgive;
}

bool reach_forgives_missing(const struct reach *r)
{
    return r->forgives;
}

/* After a failure: whether it may be passed over. */
static bool forgiven(const struct reach *r, struct error *err)
{
    if (!r->forgives || err->code != ERR_NOT_FOUND)
        return false;
    *err = (struct error){ 0 };
    return true;
}

static enum reach_kind kind_of(const struct data_file *f)
{
    if (f->content == FILE_DATA)
        return REACH_DATA_FILE;
    return f->content == FILE_POSITION_DELETES ? REACH_POSITION_DELETES : REACH_EQUALITY_DELETES;
}

static bool tell_entries(struct reach *r, struct manifest_reader *reader, reach_fn fn, void *ctx,
                         struct error *err)
{
    const struct manifest_entry *entries;
    size_t n;
    do {
        if (!cancel_check(r->cancel, err) || !manifest_next(reader, &entries, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if ((r->deleted || entries[i].status != ENTRY_DELETED) &&
                !fn(ctx, kind_of(&entries[i].file), entries[i].file.path, err))
                return false;
    } while (n > 0);
    return true;
}

static bool read_entries(struct reach *r, const struct metadata *m, const struct manifest_file *f,
                         struct arena *a, reach_fn fn, void *ctx, struct error *err)
{
    str path, bytes;
    struct manifest_file row = *f;
    struct manifest_read_options o = { .file = &row };
    struct manifest_reader *reader;
    if (f->key_metadata.len > 0)
        return fail(err, ERR_UNSUPPORTED, "the manifest is encrypted");
    if (!store_from_uri(r->store, f->path, a, &path, err) ||
        !store_get(r->store, path, MANIFEST_BYTES_MAX, a, &bytes, err) ||
        !scan_spec_of_manifest(m, f, bytes, a, &o.spec, err))
        return false;
    row.spec_id = o.spec->id;
    o.schema = snapshot_schema_of_spec(m, o.spec);
    return manifest_open(bytes, &o, a, &reader, err) && tell_entries(r, reader, fn, ctx, err);
}

static bool reach_manifest(struct reach *r, const struct metadata *m, const struct manifest_file *f,
                           reach_fn fn, void *ctx, struct error *err)
{
    if (map_get(&r->manifests, f->path))
        return true;
    struct arena *a = arena_create(0);
    bool ok = fn(ctx, REACH_MANIFEST, f->path, err) &&
              (read_entries(r, m, f, a, fn, ctx, err) || forgiven(r, err));
    arena_destroy(a);
    if (!ok)
        return fail_in(err, "manifest " STR_FMT, STR_ARG(f->path));
    map_add(&r->manifests, arena_str(r->arena, f->path), r);
    return true;
}

bool reach_snapshot(struct reach *r, const struct metadata *m, const struct snapshot *s,
                    reach_fn fn, void *ctx, struct error *err)
{
    struct manifest_file *manifests = NULL;
    size_t n = 0;
    if (s->manifest_list.len > 0 && map_get(&r->lists, s->manifest_list))
        return true;
    struct arena *a = arena_create(0);
    bool ok = s->manifest_list.len == 0 || fn(ctx, REACH_MANIFEST_LIST, s->manifest_list, err);
    if (ok && !scan_manifests(r->store, s, a, &manifests, &n, err)) {
        n = 0;
        ok = forgiven(r, err);
    }
    for (size_t i = 0; ok && i < n; i++)
        ok = cancel_check(r->cancel, err) && reach_manifest(r, m, &manifests[i], fn, ctx, err);
    arena_destroy(a);
    if (!ok)
        return fail_in(err, "snapshot %lld", (long long)s->id);
    if (s->manifest_list.len > 0)
        map_add(&r->lists, arena_str(r->arena, s->manifest_list), r);
    return true;
}

bool reach_metadata(struct reach *r, const struct metadata *m, reach_fn fn, void *ctx,
                    struct error *err)
{
    for (size_t i = 0; i < m->snapshots_n; i++)
        if (!reach_snapshot(r, m, m->snapshots[i], fn, ctx, err))
            return false;
    for (size_t i = 0; i < m->statistics_n; i++)
        if (!fn(ctx, REACH_STATISTICS, m->statistics[i].path, err))
            return false;
    for (size_t i = 0; i < m->partition_statistics_n; i++)
        if (!fn(ctx, REACH_STATISTICS, m->partition_statistics[i].path, err))
            return false;
    for (size_t i = 0; i < m->metadata_log_n; i++)
        if (!fn(ctx, REACH_METADATA, m->metadata_log[i].file, err))
            return false;
    return true;
}

static str without_double_slashes(str s, struct arena *a)
{
    if (str_find(s, STR("//")) < 0)
        return s;
    char *out = arena_alloc(a, s.len);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != '/' || n == 0 || out[n - 1] != '/')
            out[n++] = s.ptr[i];
    return str_make(out, n);
}

/* Only the schemes of local files have several spellings; s3a: and s3n: are Hadoop's names of s3:. */
str reach_place(str location, struct arena *a)
{
    if (str_starts(location, STR("file:")))
        location = str_sub(location, 5, location.len);
    if (str_starts(location, STR("/")))
        return without_double_slashes(location, a);
    if (str_starts(location, STR("s3a://")) || str_starts(location, STR("s3n://")))
        return arena_printf(a, "s3" STR_FMT, STR_ARG(str_sub(location, 3, location.len)));
    return location;
}
