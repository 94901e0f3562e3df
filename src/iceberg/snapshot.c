/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/snapshot.h"

#include "base/env.h"
#include "iceberg/delete_index_priv.h"
#include "iceberg/scan.h"
#include "iceberg/snapshot_priv.h"
#include "io/store.h"

int64_t snapshot_new_id(struct env *env, const struct metadata *metadata)
{
    for (;;) {
        int64_t id = (int64_t)(env_random_u64(env) >> 1);
        if (id != 0 && metadata_snapshot_by_id(metadata, id) == NULL)
            return id;
    }
}

/* --- summary --- */

/* A vector counts with its own bytes, not with those of the file that holds many. */
void snapshot_count(struct produce *p, struct snapshot_tally *t, const struct data_file *f)
{
    if (f->content == FILE_DATA) {
        t->data_files++;
        t->records += f->records;
    } else if (f->content == FILE_POSITION_DELETES) {
        *(delete_file_is_vector(f) ? &t->vectors : &t->position_delete_files) += 1;
        t->position_deletes += f->records;
    } else {
        t->equality_delete_files++;
        t->equality_deletes += f->records;
    }
    t->bytes += delete_file_is_vector(f) ? f->content_size : f->size;
    map_add(&p->partitions, data_file_partition_key(f, p->arena), p);
}

struct summary {
    struct produce *p;
    VEC(struct property) list;
};

static void put_text(struct summary *s, const char *key, str value)
{
    *vec_push(s->p->arena, &s->list) = (struct property){ str_of(key), value };
}

static void put_number(struct summary *s, const char *key, int64_t v)
{
    put_text(s, key, arena_printf(s->p->arena, "%lld", (long long)v));
}

static void put_count(struct summary *s, const char *key, int64_t v) /* left out when 0 */
{
    if (v != 0)
        put_number(s, key, v);
}

/* A total follows from the parent's; without one there (old writers) it is left out. */
static void put_total(struct summary *s, const char *key, int64_t added, int64_t gone)
{
    int64_t before = 0;
    if (s->p->parent != NULL &&
        !str_to_i64(property_get(&s->p->parent->summary, key, (str){ 0 }), &before))
        return;
    int64_t total = before + added - gone;
    if (total >= 0)
        put_number(s, key, total);
}

static int64_t delete_files(const struct snapshot_tally *t)
{
    return t->position_delete_files + t->equality_delete_files + t->vectors;
}

static void put_totals(struct summary *s)
{
    const struct snapshot_tally *in = &s->p->added, *out = &s->p->gone;
    put_total(s, "total-records", in->records, out->records);
    put_total(s, "total-files-size", in->bytes, out->bytes);
    put_total(s, "total-data-files", in->data_files, out->data_files);
    put_total(s, "total-delete-files", delete_files(in), delete_files(out));
    put_total(s, "total-position-deletes", in->position_deletes, out->position_deletes);
    put_total(s, "total-equality-deletes", in->equality_deletes, out->equality_deletes);
}

/* The keys and their order are the Java library's (Iceberg specification, Appendix F). */
struct property_list snapshot_summary(struct produce *p)
{
    struct summary s = { .p = p };
    const struct snapshot_tally *in = &p->added, *out = &p->gone;
    for (size_t i = 0; i < p->change->summary.n; i++)
        *vec_push(p->arena, &s.list) = p->change->summary.at[i];
    put_count(&s, "added-data-files", in->data_files);
    put_count(&s, "deleted-data-files", out->data_files);
    put_count(&s, "added-equality-delete-files", in->equality_delete_files);
    put_count(&s, "removed-equality-delete-files", out->equality_delete_files);
    put_count(&s, "added-position-delete-files", in->position_delete_files);
    put_count(&s, "removed-position-delete-files", out->position_delete_files);
    put_count(&s, "added-delete-files", delete_files(in));
    put_count(&s, "removed-delete-files", delete_files(out));
    put_count(&s, "added-dvs", in->vectors);
    put_count(&s, "removed-dvs", out->vectors);
    put_count(&s, "added-records", in->records);
    put_count(&s, "deleted-records", out->records);
    put_count(&s, "added-files-size", in->bytes);
    put_count(&s, "removed-files-size", out->bytes);
    put_count(&s, "added-position-deletes", in->position_deletes);
    put_count(&s, "removed-position-deletes", out->position_deletes);
    put_count(&s, "added-equality-deletes", in->equality_deletes);
    put_count(&s, "removed-equality-deletes", out->equality_deletes);
    put_number(&s, "changed-partition-count", (int64_t)p->partitions.n);
    put_totals(&s);
    put_number(&s, "manifests-created", (int64_t)p->fresh.n);
    put_number(&s, "manifests-kept", (int64_t)p->kept.n);
    put_number(&s, "manifests-replaced", (int64_t)p->replaced);
    put_count(&s, "entries-processed", p->entries_processed);
    return (struct property_list){ s.list.at, s.list.n };
}

/* --- files --- */

bool snapshot_put(struct produce *p, str name, str bytes, str *location, struct error *err)
{
    str dir = metadata_property(p->metadata, "write.metadata.path", (str){ 0 });
    if (dir.len == 0)
        dir = arena_printf(p->arena, STR_FMT "/metadata", STR_ARG(p->metadata->location));
    while (dir.len > 1 && str_ends(dir, STR("/")))
        dir = str_sub(dir, 0, dir.len - 1);
    *location = arena_printf(p->arena, STR_FMT "/" STR_FMT, STR_ARG(dir), STR_ARG(name));
    str path;
    if (!store_from_uri(p->store, *location, p->arena, &path, err))
        return fail_in(err, "write " STR_FMT, STR_ARG(*location));
    /* Named before the attempt: when its answer is lost the object may be there. */
    *vec_push(p->arena, &p->written) = *location;
    if (!store_put(p->store, path, bytes, STORE_CREATE_NEW, err))
        return fail_in(err, "write " STR_FMT, STR_ARG(*location));
    return true;
}

/* --- the base --- */

static str branch_of(const struct snapshot_change *c)
{
    return c->branch.len > 0 ? c->branch : STR("main");
}

static bool find_parent(struct produce *p, struct error *err)
{
    str branch = branch_of(p->change);
    const struct snapshot_ref *ref = metadata_ref(p->metadata, branch);
    if (ref != NULL && ref->kind == REF_TAG)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is a tag and cannot be written to",
                    STR_ARG(branch));
    /* A branch that is not there yet begins at the current snapshot, as in the Java library. */
    p->parent = ref != NULL ? metadata_snapshot_by_id(p->metadata, ref->snapshot_id)
                            : metadata_snapshot(p->metadata);
    if (ref != NULL && p->parent == NULL)
        return fail(err, ERR_CORRUPT,
                    "branch \"" STR_FMT "\" points to snapshot %lld, which is gone",
                    STR_ARG(branch), (long long)ref->snapshot_id);
    int64_t head = p->parent != NULL ? p->parent->id : SNAPSHOT_NONE;
    if (p->change->base_snapshot_id != 0 && p->change->base_snapshot_id != head)
        return fail(err, ERR_CONFLICT, "branch \"" STR_FMT "\" is at snapshot %lld, not at %lld",
                    STR_ARG(branch), (long long)head, (long long)p->change->base_snapshot_id);
    return true;
}

static void note_removed(struct produce *p)
{
    map_init(&p->removed, p->arena);
    map_init(&p->partitions, p->arena);
    for (size_t i = 0; i < p->change->removed_n; i++)
        map_add(&p->removed, p->change->removed[i], p);
    map_init(&p->removed_deletes, p->arena);
    for (size_t i = 0; i < p->change->removed_deletes_n; i++) {
        const struct delete_name *d = &p->change->removed_deletes[i];
        map_add(&p->removed_deletes, snapshot_delete_key(d->path, d->offset, p->arena), p);
    }
}

/* A delete file's name as a map's key. */
str snapshot_delete_key(str path, int64_t offset, struct arena *a)
{
    return arena_printf(a, "%lld " STR_FMT, (long long)offset, STR_ARG(path));
}

static bool check_change(const struct snapshot_change *c, struct error *err)
{
    bool removes = c->remove_all || c->removed_n > 0 || c->removed_deletes_n > 0;
    if (c->operation == SNAPSHOT_APPEND && (removes || c->added_deletes_n > 0))
        return fail(err, ERR_INVALID, "an append removes no files and no rows");
    if (c->operation == SNAPSHOT_DELETE && c->added_n > 0)
        return fail(err, ERR_INVALID, "a delete adds no files");
    if (c->remove_all && (c->removed_n > 0 || c->removed_deletes_n > 0))
        return fail(err, ERR_INVALID, "either all files are removed or those that are named");
    return true;
}

static bool write_manifests(struct produce *p, void *ctx, struct error *err)
{
    (void)ctx;
    struct manifest_file *manifests = NULL;
    size_t n = 0;
    if (!snapshot_write_added(p, err))
        return false;
    if (p->parent != NULL && !scan_manifests(p->store, p->parent, p->arena, &manifests, &n, err))
        return false;
    if (!snapshot_carry_over(p, manifests, n, err) || !snapshot_merge_kept(p, err))
        return false;
    if (!p->change->remove_all && p->removed_deletes_found < p->removed_deletes.n)
        return fail(err, ERR_CONFLICT,
                    "%zu of %zu delete files to be removed are not in the table (any more)",
                    p->removed_deletes.n - p->removed_deletes_found, p->removed_deletes.n);
    if (!p->change->remove_all && p->removed_found < p->removed.n)
        return fail(err, ERR_CONFLICT,
                    "%zu of %zu files to be removed are not in the table (any more)",
                    p->removed.n - p->removed_found, p->removed.n);
    return true;
}

/* New manifests first, as the Java library lists them. */
static bool write_list(struct produce *p, str *location, int64_t *next_row_id, struct error *err)
{
    size_t n = p->fresh.n + p->kept.n;
    struct manifest_file *all = arena_array(p->arena, struct manifest_file, n ? n : 1);
    for (size_t i = 0; i < p->fresh.n; i++)
        all[i] = p->fresh.at[i];
    for (size_t i = 0; i < p->kept.n; i++)
        all[p->fresh.n + i] = p->kept.at[i];
    struct manifest_list_info info = {
        .format_version = p->metadata->format_version,
        .snapshot_id = p->snapshot_id,
        .parent_id = p->parent != NULL ? p->parent->id : SNAPSHOT_NONE,
        .sequence_number = p->sequence_number,
        .first_row_id = p->metadata->format_version >= 3 ? p->metadata->next_row_id : -1,
    };
    env_random(p->env, info.sync, sizeof info.sync);
    struct buf b = BUF_INIT(MANIFEST_LIST_BYTES_MAX);
    str name = arena_printf(p->arena, "snap-%lld-1-%s.avro", (long long)p->snapshot_id, p->uuid);
    bool ok = manifest_list_write(&info, all, n, &b, next_row_id, err) &&
              snapshot_put(p, name, buf_str(&b), location, err);
    buf_deinit(&b);
    return ok;
}

static str operation_name(enum snapshot_operation op)
{
    static const str names[] = {
        [SNAPSHOT_APPEND] = STR_INIT("append"),
        [SNAPSHOT_OVERWRITE] = STR_INIT("overwrite"),
        [SNAPSHOT_DELETE] = STR_INIT("delete"),
        [SNAPSHOT_REPLACE] = STR_INIT("replace"),
    };
    return names[op];
}

static const struct snapshot *make_snapshot(struct produce *p, str list, int64_t next_row_id)
{
    const struct metadata *m = p->metadata;
    int64_t now = env_now_ms(p->env);
    bool lineage = m->format_version >= 3;
    struct snapshot *s = arena_new(p->arena, struct snapshot);
    *s = (struct snapshot){
        .id = p->snapshot_id,
        .parent_id = p->parent != NULL ? p->parent->id : SNAPSHOT_NONE,
        .sequence_number = p->sequence_number,
        .timestamp_ms = now > m->last_updated_ms ? now : m->last_updated_ms, /* clocks go back */
        .manifest_list = list,
        .operation = operation_name(p->change->operation),
        .summary = snapshot_summary(p),
        .schema_id = m->current_schema_id,
        .first_row_id = lineage ? m->next_row_id : -1,
        .added_rows = lineage ? next_row_id - m->next_row_id : -1,
    };
    return s;
}

static void make_updates(struct produce *p, struct snapshot_result *out)
{
    str branch = branch_of(p->change);
    const struct snapshot_ref *ref = metadata_ref(p->metadata, branch);
    out->updates = arena_array(p->arena, struct table_update, 2);
    out->updates[out->updates_n++] = update_add_snapshot(out->snapshot);
    struct table_update set = update_set_ref(branch, REF_BRANCH, out->snapshot_id);
    if (ref != NULL) { /* keep its retention */
        set.ref = *ref;
        set.ref.snapshot_id = out->snapshot_id;
    }
    if (!p->change->stage)
        out->updates[out->updates_n++] = set;
    out->requirements = arena_array(p->arena, struct table_requirement, 2);
    if (p->metadata->uuid.len > 0)
        out->requirements[out->requirements_n++] = require_uuid(p->metadata->uuid);
    if (!p->change->stage)
        out->requirements[out->requirements_n++] =
            require_ref(branch, ref != NULL ? ref->snapshot_id : SNAPSHOT_NONE);
}

static void begin(struct produce *p)
{
    uint8_t random[16];
    env_random(p->env, random, sizeof random);
    struct uuid u = uuid_v4(random);
    uuid_format(&u, p->uuid);
    p->snapshot_id = snapshot_new_id(p->env, p->metadata);
    p->sequence_number = metadata_next_sequence_number(p->metadata);
    note_removed(p);
}

bool snapshot_produce_by(struct store *store, struct env *env, const struct metadata *metadata,
                         const struct snapshot_change *change, snapshot_step step, void *ctx,
                         struct arena *a, struct snapshot_result *out, struct error *err)
{
    struct produce p = {
        .store = store, .env = env, .metadata = metadata, .change = change, .arena = a
    };
    str list;
    int64_t next_row_id = -1;
    *out = (struct snapshot_result){ 0 };
    if (!check_change(change, err) || !find_parent(&p, err))
        return false;
    begin(&p);
    bool ok = step(&p, ctx, err) && (p.nothing || write_list(&p, &list, &next_row_id, err));
    out->written = p.written.at;
    out->written_n = p.written.n;
    if (!ok || p.nothing)
        return ok;
    out->snapshot_id = p.snapshot_id;
    out->snapshot = make_snapshot(&p, list, next_row_id);
    make_updates(&p, out);
    return true;
}

bool snapshot_produce(struct store *store, struct env *env, const struct metadata *metadata,
                      const struct snapshot_change *change, struct arena *a,
                      struct snapshot_result *out, struct error *err)
{
    return snapshot_produce_by(store, env, metadata, change, write_manifests, NULL, a, out, err);
}
