/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning goes manifest list -> delete manifests -> data manifests; each step prunes the next.
 *
 * Work is shared by manifest: a thread reads one, drops the files that cannot match and hands the
 * rest over, a chunk of entries at a time, out of an arena that is reset after each chunk.  The
 * only things that grow with the table are the manifest list and the index of delete files. */
#include "iceberg/scan.h"

#include <pthread.h>

#include "base/env.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/vec.h"
#include "codec/avro.h"
#include "iceberg/delete_index_priv.h"
#include "iceberg/expr_eval.h"
#include "iceberg/metadata.h"
#include "io/store.h"

/* --- which snapshot --- */

bool scan_snapshot(const struct metadata *m, const struct scan_at *at, const struct snapshot **out,
                   struct error *err)
{
    int set = (at->snapshot_id != 0) + (at->ref.len > 0) + (at->timestamp_ms != 0);
    if (set > 1)
        return fail(err, ERR_INVALID,
                    "a snapshot is given by id, by ref or by time, not by %d of them", set);
    if (at->snapshot_id != 0)
        *out = metadata_snapshot_by_id(m, at->snapshot_id);
    else if (at->ref.len > 0)
        *out = metadata_snapshot_of_ref(m, at->ref);
    else if (at->timestamp_ms != 0)
        *out = metadata_snapshot_as_of(m, at->timestamp_ms);
    else
        *out = metadata_snapshot(m);
    if (*out != NULL || set == 0)
        return true;
    if (at->snapshot_id != 0)
        return fail(err, ERR_NOT_FOUND, "there is no snapshot %lld", (long long)at->snapshot_id);
    if (at->ref.len == 0) {
        char time[TIME_TEXT_MAX];
        time_format_iso(at->timestamp_ms * US_PER_MS, time);
        return fail(err, ERR_NOT_FOUND, "the table had no snapshot at %s", time);
    }
    if (str_is(at->ref, "main") && m->current_snapshot_id == SNAPSHOT_NONE)
        return true; /* a table without data has a main branch all the same */
    return fail(err, ERR_NOT_FOUND, "there is no branch or tag \"" STR_FMT "\"", STR_ARG(at->ref));
}

bool scan_schema(const struct metadata *m, const struct scan_at *at, const struct schema **out,
                 struct error *err)
{
    const struct snapshot *snapshot;
    if (!scan_snapshot(m, at, &snapshot, err))
        return false;
    const struct snapshot_ref *ref = at->ref.len > 0 ? metadata_ref(m, at->ref) : NULL;
    bool branch = ref != NULL && ref->kind == REF_BRANCH;
    bool travels = at->snapshot_id != 0 || at->timestamp_ms != 0 || (ref != NULL && !branch);
    *out = travels && snapshot != NULL ? metadata_schema_of(m, snapshot) : metadata_schema(m);
    return true;
}

/* --- files of metadata --- */

static bool load(struct store *store, str location, size_t bytes_max, struct arena *a, str *bytes,
                 struct error *err)
{
    str path;
    if (!store_from_uri(store, location, a, &path, err) ||
        !store_get(store, path, bytes_max, a, bytes, err))
        return fail_in(err, "read " STR_FMT, STR_ARG(location));
    return true;
}

/* Format 1 before manifest lists: nothing but paths. */
static void list_without_list(const struct snapshot *s, struct arena *a, struct manifest_file **out,
                              size_t *n)
{
    *out = arena_array(a, struct manifest_file, s->manifests_n);
    *n = s->manifests_n;
    for (size_t i = 0; i < s->manifests_n; i++) {
        struct manifest_file m = manifest_unknown();
        m.path = s->manifests[i];
        m.spec_id = -1;
        m.added_snapshot_id = s->id;
        (*out)[i] = m;
    }
}

bool scan_manifests(struct store *store, const struct snapshot *snapshot, struct arena *a,
                    struct manifest_file **out, size_t *n, struct error *err)
{
    str bytes;
    if (snapshot->key_id.len > 0)
        return fail(err, ERR_UNSUPPORTED, "snapshot %lld is encrypted", (long long)snapshot->id);
    if (snapshot->manifest_list.len == 0) {
        list_without_list(snapshot, a, out, n);
        return true;
    }
    if (!load(store, snapshot->manifest_list, MANIFEST_LIST_BYTES_MAX, a, &bytes, err))
        return false;
    if (!manifest_list_parse(bytes, a, out, n, err))
        return fail_in(err, "manifest list " STR_FMT, STR_ARG(snapshot->manifest_list));
    return true;
}

/* --- one plan --- */

/* A partition spec with the filter projected to it. */
struct spec_filter {
    const struct partition_spec *spec;
    const struct expr *projected;
    bool unpartitioned;
};

struct plan_run {
    struct store *store;
    const struct metadata *metadata;
    const struct scan_options *options;
    const struct schema *schema;
    const struct expr *filter; /* bound */
    const int32_t *field_ids;
    size_t field_ids_n;
    struct spec_filter *specs;
    size_t specs_n;
    struct manifest_file *manifests;
    size_t manifests_n;
    size_t *todo; /* manifests of the step that runs */
    size_t todo_n;
    struct delete_index deletes;
    scan_tasks_fn tasks;
    void *ctx;
    /* Guards stats, deletes while they are read, and the callback, which is promised to run one
     * call at a time: callers append to lists and count, and would each need this very lock. */
    pthread_mutex_t lock;
    struct scan_stats stats;
};

static const struct spec_filter *spec_of(const struct plan_run *p, int32_t id)
{
    for (size_t i = 0; i < p->specs_n; i++)
        if (p->specs[i].spec->id == id)
            return &p->specs[i];
    return NULL;
}

static void project_specs(struct plan_run *p, struct arena *a)
{
    const struct metadata *m = p->metadata;
    p->specs = arena_array(a, struct spec_filter, m->specs_n);
    p->specs_n = m->specs_n;
    for (size_t i = 0; i < m->specs_n; i++)
        p->specs[i] = (struct spec_filter){
            .spec = m->specs[i],
            .projected = expr_project(p->filter, m->specs[i], p->schema, a),
            .unpartitioned = partition_spec_is_unpartitioned(m->specs[i]),
        };
}

/* A manifest that is being read by one thread. */
struct manifest_run {
    struct plan_run *plan;
    const struct manifest_file *file;
    size_t index;
    const struct spec_filter *spec;
    struct arena *arena, *chunk;
    struct scan_stats stats; /* this manifest's share */
};

/* The spec of a manifest that no manifest list describes. */
static bool find_spec(struct manifest_run *m, str bytes, struct error *err)
{
    int64_t id = m->file->spec_id;
    if (id < 0) {
        struct avro_reader header;
        if (!avro_open(&header, bytes, m->arena, err))
            return false;
        if (!str_to_i64(avro_meta_get(&header, "partition-spec-id"), &id))
            id = m->plan->metadata->default_spec_id;
    }
    m->spec = id <= INT32_MAX ? spec_of(m->plan, (int32_t)id) : NULL;
    if (m->spec == NULL)
        return fail(err, ERR_CORRUPT, "partition spec %lld is not in the table's metadata",
                    (long long)id);
    return true;
}

static bool open_manifest(struct manifest_run *m, const int32_t *ids, size_t ids_n, bool all,
                          struct manifest_reader **out, struct error *err)
{
    str bytes;
    if (m->file->key_metadata.len > 0)
        return fail(err, ERR_UNSUPPORTED, "the manifest is encrypted");
    if (!load(m->plan->store, m->file->path, MANIFEST_BYTES_MAX, m->arena, &bytes, err) ||
        !find_spec(m, bytes, err))
        return false;
    m->stats.metadata_bytes += bytes.len;
    struct manifest_file *file = arena_new(m->arena, struct manifest_file);
    *file = *m->file;
    file->spec_id = m->spec->spec->id;
    struct manifest_read_options o = { .file = file,
                                       .spec = m->spec->spec,
                                       .schema = m->plan->schema,
                                       .all_columns = all,
                                       .field_ids = ids,
                                       .field_ids_n = ids_n };
    return manifest_open(bytes, &o, m->arena, out, err);
}

static bool keep_file(struct manifest_run *m, const struct data_file *f)
{
    m->stats.files++;
    if (!expr_may_match_partition(m->spec->projected, f->partition, f->partition_n)) {
        m->stats.files_pruned_partition++;
        return false;
    }
    if (!expr_may_match_metrics(m->plan->filter, f)) {
        m->stats.files_pruned_metrics++;
        return false;
    }
    m->stats.files_selected++;
    m->stats.records += f->records > 0 ? (uint64_t)f->records : 0;
    m->stats.bytes += (uint64_t)f->size;
    return true;
}

static struct scan_task make_task(struct manifest_run *m, const struct manifest_entry *e,
                                  size_t ordinal)
{
    struct scan_task t = { .file = &e->file,
                           .snapshot_id = e->snapshot_id,
                           .sequence_number = e->sequence_number,
                           .file_sequence_number = e->file_sequence_number,
                           .manifest = m->index,
                           .entry = ordinal };
    delete_index_find(&m->plan->deletes, &e->file, e->sequence_number, m->chunk, &t.deletes,
                      &t.deletes_n);
    return t;
}

static bool hand_over(struct plan_run *p, const struct scan_task *tasks, size_t n,
                      struct error *err)
{
    if (n == 0)
        return true;
    pthread_mutex_lock(&p->lock);
    bool ok = p->tasks(p->ctx, tasks, n, err);
    pthread_mutex_unlock(&p->lock);
    return ok;
}

static bool plan_entries(struct manifest_run *m, struct manifest_reader *r, struct error *err)
{
    const struct manifest_entry *entries;
    size_t n, ordinal = 0;
    for (;;) {
        if (!cancel_check(m->plan->options->cancel, err) || !manifest_next(r, &entries, &n, err))
            return false;
        if (n == 0)
            return true;
        arena_reset(m->chunk);
        struct scan_task *tasks = arena_array(m->chunk, struct scan_task, n);
        size_t tasks_n = 0;
        for (size_t i = 0; i < n; i++, ordinal++)
            if (entries[i].status != ENTRY_DELETED && entries[i].file.content == FILE_DATA &&
                keep_file(m, &entries[i].file))
                tasks[tasks_n++] = make_task(m, &entries[i], ordinal);
        if (!hand_over(m->plan, tasks, tasks_n, err))
            return false;
    }
}

static bool plan_data_manifest(struct manifest_run *m, struct error *err)
{
    const struct plan_run *p = m->plan;
    struct manifest_reader *r;
    m->stats.manifests_read++;
    return open_manifest(m, p->field_ids, p->field_ids_n, p->options->all_columns, &r, err) &&
           plan_entries(m, r, err);
}

static void add_deletes(struct manifest_run *m, const struct manifest_entry *entries, size_t n)
{
    pthread_mutex_lock(&m->plan->lock);
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = &entries[i].file;
        if (entries[i].status == ENTRY_DELETED || f->content == FILE_DATA ||
            !expr_may_match_partition(m->spec->projected, f->partition, f->partition_n))
            continue;
        delete_index_add(&m->plan->deletes, &entries[i], m->spec->unpartitioned);
        m->stats.delete_files++;
    }
    pthread_mutex_unlock(&m->plan->lock);
}

static bool plan_delete_manifest(struct manifest_run *m, struct error *err)
{
    static const int32_t path_only[] = { DELETE_PATH_FIELD };
    struct manifest_reader *r;
    const struct manifest_entry *entries;
    size_t n;
    m->stats.delete_manifests_read++;
    if (!open_manifest(m, path_only, 1, m->plan->options->all_columns, &r, err))
        return false;
    do {
        if (!cancel_check(m->plan->options->cancel, err) || !manifest_next(r, &entries, &n, err))
            return false;
        add_deletes(m, entries, n);
    } while (n > 0);
    return true;
}

static void add_stats(struct scan_stats *to, const struct scan_stats *s)
{
    to->manifests_read += s->manifests_read;
    to->delete_manifests_read += s->delete_manifests_read;
    to->delete_files += s->delete_files;
    to->files += s->files;
    to->files_selected += s->files_selected;
    to->files_pruned_partition += s->files_pruned_partition;
    to->files_pruned_metrics += s->files_pruned_metrics;
    to->records += s->records;
    to->bytes += s->bytes;
    to->metadata_bytes += s->metadata_bytes;
}

static bool plan_manifest(void *ctx, size_t i, struct error *err)
{
    struct plan_run *p = ctx;
    struct manifest_run m = { .plan = p,
                              .index = p->todo[i],
                              .file = &p->manifests[p->todo[i]],
                              .arena = arena_create(0),
                              .chunk = arena_create(0) };
    bool ok = m.file->content == MANIFEST_DELETES ? plan_delete_manifest(&m, err)
                                                  : plan_data_manifest(&m, err);
    if (!ok && err->code != ERR_CANCELLED)
        fail_in(err, "manifest " STR_FMT, STR_ARG(m.file->path));
    pthread_mutex_lock(&p->lock);
    add_stats(&p->stats, &m.stats);
    pthread_mutex_unlock(&p->lock);
    arena_destroy(m.chunk);
    arena_destroy(m.arena);
    return ok;
}

static bool run_step(struct plan_run *p, struct error *err)
{
    if (p->options->pool != NULL)
        return pool_for(p->options->pool, p->todo_n, plan_manifest, p, err);
    for (size_t i = 0; i < p->todo_n; i++)
        if (!plan_manifest(p, i, err))
            return false;
    return true;
}

static bool may_match(const struct plan_run *p, const struct manifest_file *m)
{
    const struct spec_filter *s = spec_of(p, m->spec_id);
    return s == NULL || expr_may_match_manifest(s->projected, m); /* unknown: fails when read */
}

static void count_skipped(struct plan_run *p, const struct manifest_file *m)
{
    uint64_t live = 0;
    if (m->added_files > 0)
        live += (uint64_t)m->added_files;
    if (m->existing_files > 0)
        live += (uint64_t)m->existing_files;
    p->stats.files += live;
    p->stats.files_pruned_manifest += live;
}

static void choose_manifests(struct plan_run *p, enum manifest_content content)
{
    p->todo_n = 0;
    for (size_t i = 0; i < p->manifests_n; i++) {
        const struct manifest_file *m = &p->manifests[i];
        if (m->content != content || !manifest_has_live(m))
            continue;
        if (may_match(p, m))
            p->todo[p->todo_n++] = i;
        else if (content == MANIFEST_DATA)
            count_skipped(p, m);
    }
}

static bool run_plan(struct plan_run *p, struct arena *a, struct error *err)
{
    const struct snapshot *snapshot;
    const struct scan_options *o = p->options;
    if (!scan_snapshot(p->metadata, &o->at, &snapshot, err) ||
        !scan_schema(p->metadata, &o->at, &p->schema, err))
        return false;
    const struct expr *filter = o->filter != NULL ? o->filter : expr_true();
    if (!expr_bind(filter, p->schema, o->case_sensitive, a, &p->filter, err))
        return false;
    if (snapshot == NULL)
        return true;
    p->stats.snapshot_id = snapshot->id;
    if (!scan_manifests(p->store, snapshot, a, &p->manifests, &p->manifests_n, err))
        return false;
    for (size_t i = 0; i < p->manifests_n; i++)
        if (p->manifests[i].content == MANIFEST_DATA)
            p->stats.manifests++;
        else
            p->stats.delete_manifests++;
    expr_field_ids(p->filter, a, &p->field_ids, &p->field_ids_n);
    project_specs(p, a);
    p->todo = arena_array(a, size_t, p->manifests_n);
    if (!o->ignore_deletes) {
        choose_manifests(p, MANIFEST_DELETES);
        if (!run_step(p, err))
            return false;
    }
    choose_manifests(p, MANIFEST_DATA);
    return run_step(p, err);
}

bool scan_plan(struct store *store, struct env *env, const struct metadata *metadata,
               const struct scan_options *options, scan_tasks_fn tasks, void *ctx,
               struct scan_stats *stats, struct error *err)
{
    int64_t begin = env_monotonic_ns(env);
    struct arena *a = arena_create(0);
    struct plan_run p = {
        .store = store, .metadata = metadata, .options = options, .tasks = tasks, .ctx = ctx
    };
    pthread_mutex_init(&p.lock, NULL);
    delete_index_init(&p.deletes, a);
    bool ok = run_plan(&p, a, err);
    p.stats.wall_ns = env_monotonic_ns(env) - begin;
    if (stats != NULL)
        *stats = p.stats;
    pthread_mutex_destroy(&p.lock);
    arena_destroy(a);
    return ok;
}
