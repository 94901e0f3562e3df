/* SPDX-License-Identifier: Apache-2.0
 *
 * Each snapshot since the base added manifests of its own; their entries of that snapshot say which files it added and
 * which it removed.  Snapshots that replace files change no rows: their new files are no new rows. */
#include "iceberg/conflict.h"

#include "base/map.h"
#include "iceberg/delete_file.h"
#include "iceberg/expr_eval.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "io/store.h"

struct checking {
    struct store *store;
    const struct metadata *metadata;
    const struct conflict_check *check;
    const struct expr *filter; /* bound */
    struct map touched;        /* paths of check->files -> the file */
    struct map partitions;     /* of those */
    struct map replaced;       /* partitions of check->partitions */
    struct arena *a;
    /* Of the manifest that is read: */
    const struct snapshot *snapshot;
    const struct expr *projected;
    struct arena *scratch;
};

static bool gone(const struct data_file *f, const struct snapshot *s, struct error *err)
{
    return fail(err, ERR_CONFLICT, "the file " STR_FMT " was removed by snapshot %lld meanwhile",
                STR_ARG(f->path), (long long)s->id);
}

static bool may_match(struct checking *c, const struct data_file *f)
{
    if (c->check->partitions_n > 0)
        return map_get(&c->replaced, data_file_partition_key(f, c->scratch)) != NULL;
    return expr_may_match_partition(c->projected, f->partition, f->partition_n) &&
           expr_may_match_metrics(c->filter, f);
}

static bool check_data(struct checking *c, const struct manifest_entry *e, struct error *err)
{
    if (e->status == ENTRY_DELETED)
        return !map_get(&c->touched, e->file.path) || gone(&e->file, c->snapshot, err);
    if (e->status != ENTRY_ADDED || !c->check->no_new_rows ||
        str_is(c->snapshot->operation, "replace") || !may_match(c, &e->file))
        return true;
    return fail(err, ERR_CONFLICT, "snapshot %lld added rows meanwhile that may match: " STR_FMT,
                (long long)c->snapshot->id, STR_ARG(e->file.path));
}

static bool touches(struct checking *c, const struct data_file *d)
{
    str name = delete_file_target(d);
    const struct partition_spec *spec = metadata_spec_by_id(c->metadata, d->spec_id);
    if (name.ptr)
        return map_get(&c->touched, name) != NULL;
    if (d->content == FILE_EQUALITY_DELETES && spec && partition_spec_is_unpartitioned(spec))
        return c->touched.n > 0;
    return map_get(&c->partitions, data_file_partition_key(d, c->scratch)) != NULL;
}

static bool check_deletes(struct checking *c, const struct manifest_entry *e, struct error *err)
{
    bool vector = delete_file_is_vector(&e->file);
    if (e->status != ENTRY_ADDED || (!vector && !c->check->no_new_deletes) || !touches(c, &e->file))
        return true;
    return fail(err, ERR_CONFLICT, "snapshot %lld deleted rows of the same files meanwhile",
                (long long)c->snapshot->id);
}

static bool read_bytes(struct checking *c, const struct manifest_file *m, str *bytes,
                       struct error *err)
{
    str path;
    return store_from_uri(c->store, m->path, c->scratch, &path, err) &&
           store_get(c->store, path, MANIFEST_BYTES_MAX, c->scratch, bytes, err);
}

static bool check_entries(struct checking *c, const struct manifest_file *m, struct error *err)
{
    str bytes;
    struct manifest_reader *r;
    const struct manifest_entry *entries;
    size_t n;
    const struct partition_spec *spec = metadata_spec_by_id(c->metadata, m->spec_id);
    if (!spec)
        return fail(err, ERR_CORRUPT, "partition spec %d is not in the table's metadata",
                    (int)m->spec_id);
    const struct schema *schema = metadata_schema(c->metadata);
    struct manifest_read_options o = {
        .file = m, .spec = spec, .schema = schema, .all_columns = true
    };
    c->projected = expr_project(c->filter, spec, schema, c->scratch);
    if (!read_bytes(c, m, &bytes, err) || !manifest_open(bytes, &o, c->scratch, &r, err))
        return false;
    do {
        if (!manifest_next(r, &entries, &n, err))
            return false;
        for (size_t i = 0; i < n; i++) {
            if (entries[i].snapshot_id != c->snapshot->id)
                continue;
            if (m->content == MANIFEST_DATA ? !check_data(c, &entries[i], err)
                                            : !check_deletes(c, &entries[i], err))
                return false;
        }
    } while (n > 0);
    return true;
}

static bool check_snapshot(struct checking *c, const struct snapshot *s, struct error *err)
{
    struct manifest_file *manifests;
    size_t n;
    c->snapshot = s;
    if (!scan_manifests(c->store, s, c->a, &manifests, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (manifests[i].added_snapshot_id != s->id)
            continue;
        c->scratch = arena_create(0);
        bool ok = check_entries(c, &manifests[i], err);
        arena_destroy(c->scratch);
        if (!ok && err->code == ERR_CONFLICT)
            return false;
        if (!ok)
            return fail_in(err, "manifest " STR_FMT, STR_ARG(manifests[i].path));
    }
    return true;
}

static bool run(struct checking *c, const struct snapshot *head, struct error *err)
{
    const struct conflict_check *check = c->check;
    const struct expr *filter = check->filter ? check->filter : expr_true();
    if (!expr_bind(filter, metadata_schema(c->metadata), true, c->a, &c->filter, err))
        return false;
    for (size_t i = 0; i < check->files_n; i++) {
        const struct data_file *f = check->files[i];
        map_put(&c->touched, f->path, (void *)(uintptr_t)f);
        map_put(&c->partitions, data_file_partition_key(f, c->a), (void *)(uintptr_t)f);
    }
    for (size_t i = 0; i < check->partitions_n; i++)
        map_put(&c->replaced, data_file_partition_key(&check->partitions[i], c->a), c);
    for (const struct snapshot *s = head; s && s->id != check->base_snapshot_id;) {
        if (!check_snapshot(c, s, err))
            return false;
        if (s->parent_id == SNAPSHOT_NONE && check->base_snapshot_id == SNAPSHOT_NONE)
            return true;
        s = metadata_snapshot_by_id(c->metadata, s->parent_id);
        if (!s)
            return fail(err, ERR_CONFLICT,
                        "the table is no longer based on snapshot %lld, which was read",
                        (long long)check->base_snapshot_id);
    }
    return true;
}

bool conflict_check_run(struct store *store, const struct metadata *m, const struct snapshot *head,
                        const struct conflict_check *check, struct error *err)
{
    struct arena *a = arena_create(0);
    struct checking c = { .store = store, .metadata = m, .check = check, .a = a };
    map_init(&c.touched, a);
    map_init(&c.partitions, a);
    map_init(&c.replaced, a);
    bool ok = (head || check->base_snapshot_id == SNAPSHOT_NONE ||
               fail(err, ERR_CONFLICT, "the table is empty by now")) &&
              run(&c, head, err);
    arena_destroy(a);
    return ok;
}
