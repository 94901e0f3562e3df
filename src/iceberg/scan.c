/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning goes manifest list -> delete manifests -> data manifests; each step prunes the next.
 *
 * Work is shared by manifest: a thread reads one, drops the files that cannot match and hands the
 * rest over, a chunk of entries at a time, out of an arena that is reset after each chunk.  The
 * only things that grow with the table are the manifest list and the index of delete files. */
#include "iceberg/scan.h"

#include <stdlib.h>

#include "base/env.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/vec.h"
#include "codec/avro.h"
#include "iceberg/delete_file.h"
#include "iceberg/expr_eval.h"
#include "iceberg/metadata.h"
#include "iceberg/scan_priv.h"
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

/* --- preparing --- */

static const struct spec_filter *spec_of(const struct plan_run *p, int32_t id)
{
    for (size_t i = 0; i < p->specs_n; i++)
        if (p->specs[i].spec->id == id)
            return &p->specs[i];
    return NULL;
}

static bool wants_residuals(const struct plan_run *p)
{
    return p->options->residuals || p->options->rows_wanted > 0;
}

static void project_specs(struct plan_run *p, struct arena *a)
{
    const struct metadata *m = p->metadata;
    p->specs = arena_array(a, struct spec_filter, m->specs_n);
    p->specs_n = m->specs_n;
    for (size_t i = 0; i < m->specs_n; i++) {
        const struct partition_spec *spec = m->specs[i];
        p->specs[i] = (struct spec_filter){
            .spec = spec,
            .projected = expr_project(p->filter, spec, p->schema, a),
            .unpartitioned = partition_spec_is_unpartitioned(spec),
        };
        if (wants_residuals(p))
            p->specs[i].residual = residual_make(p->filter, spec, p->schema, a);
    }
}

bool plan_prepare(struct plan_run *p, const struct schema *schema, struct arena *a,
                  struct error *err)
{
    const struct expr *filter = p->options->filter ? p->options->filter : expr_true();
    p->schema = schema;
    if (!expr_bind(filter, schema, p->options->case_sensitive, a, &p->filter, err))
        return false;
    project_specs(p, a);
    return true;
}

/* --- one manifest --- */

/* A manifest that is being read by one thread. */
struct manifest_run {
    struct plan_run *plan;
    const struct manifest_file *file;
    size_t index;
    const struct spec_filter *spec;
    struct arena *arena, *chunk;
    struct scan_stats stats; /* this manifest's share */
};

static bool find_spec(struct manifest_run *m, str bytes, struct error *err)
{
    const struct partition_spec *spec;
    if (!scan_spec_of_manifest(m->plan->metadata, m->file, bytes, m->arena, &spec, err))
        return false;
    m->spec = spec_of(m->plan, spec->id);
    ASSERT(m->spec); /* the plan has all of the table's */
    return true;
}

static bool open_manifest(struct manifest_run *m, bool all_columns, struct manifest_reader **out,
                          struct error *err)
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
                                       .all_columns = all_columns,
                                       .field_ids = m->plan->field_ids,
                                       .field_ids_n = m->plan->field_ids_n };
    return manifest_open(bytes, &o, m->arena, out, err);
}

/* --- data files --- */

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
    return true;
}

static void count_file(struct manifest_run *m, const struct data_file *f)
{
    m->stats.files_selected++;
    m->stats.records += f->records > 0 ? (uint64_t)f->records : 0;
    m->stats.bytes += (uint64_t)f->size;
}

bool plan_has_id(const struct plan_run *p, int64_t snapshot_id)
{
    size_t lo = 0, hi = p->ids_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->ids[mid] < snapshot_id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < p->ids_n && p->ids[lo] == snapshot_id;
}

/* What an entry is in a changelog, by status and the snapshot that set it. */
static enum scan_change change_of(const struct plan_run *p, const struct manifest_entry *e)
{
    bool by_this = e->snapshot_id == p->ids[0];
    if (e->status == ENTRY_DELETED)
        return by_this ? CHANGE_DELETED_FILE : CHANGE_NONE;
    if (e->status == ENTRY_ADDED && by_this)
        return CHANGE_INSERTED;
    return p->added.n > 0 ? CHANGE_DELETED_ROWS : CHANGE_NONE;
}

static bool takes_entry(const struct plan_run *p, const struct manifest_entry *e)
{
    if (e->file.content != FILE_DATA)
        return false;
    switch (p->take) {
    case TAKE_LIVE:
        return e->status != ENTRY_DELETED;
    case TAKE_ADDED:
        return e->status == ENTRY_ADDED && plan_has_id(p, e->snapshot_id);
    default:
        return change_of(p, e) != CHANGE_NONE;
    }
}

static void find_deletes(const struct manifest_run *m, const struct delete_index *x,
                         const struct manifest_entry *e, const struct data_file *const **out,
                         size_t *n)
{
    delete_index_find(x, &e->file, e->sequence_number, m->chunk, out, n);
}

/* False: the snapshot's deletes do not touch the file. */
static bool make_change(struct manifest_run *m, const struct manifest_entry *e, struct scan_task *t)
{
    const struct plan_run *p = m->plan;
    t->change = change_of(p, e);
    t->change_snapshot_id = p->ids[0];
    t->change_ordinal = p->ordinal;
    find_deletes(m, t->change == CHANGE_INSERTED ? &p->added : &p->deletes, e, &t->deletes,
                 &t->deletes_n);
    if (t->change == CHANGE_DELETED_ROWS)
        find_deletes(m, &p->added, e, &t->added_deletes, &t->added_deletes_n);
    return t->change != CHANGE_DELETED_ROWS || t->added_deletes_n > 0;
}

/* False: the file is not part of the answer after all. */
static bool make_task(struct manifest_run *m, const struct manifest_entry *e, size_t ordinal,
                      struct scan_task *t)
{
    const struct data_file *f = &e->file;
    *t = (struct scan_task){ .file = f,
                             .snapshot_id = e->snapshot_id,
                             .sequence_number = e->sequence_number,
                             .file_sequence_number = e->file_sequence_number,
                             .manifest = m->index,
                             .entry = ordinal };
    if (m->spec->residual != NULL) {
        t->residual = residual_of(m->spec->residual, f->partition, f->partition_n, f, m->chunk);
        if (t->residual->op == EXPR_FALSE) {
            m->stats.files_pruned_metrics++;
            return false;
        }
    }
    if (m->plan->take == TAKE_CHANGES) {
        if (!make_change(m, e, t))
            return false;
    } else {
        find_deletes(m, &m->plan->deletes, e, &t->deletes, &t->deletes_n);
    }
    count_file(m, f);
    m->stats.files_certain += t->residual != NULL && t->residual->op == EXPR_TRUE;
    return true;
}

static void note_certain(struct plan_run *p, const struct scan_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tasks[i].residual->op == EXPR_TRUE && tasks[i].deletes_n == 0 &&
            tasks[i].file->records > 0)
            p->rows_certain += (uint64_t)tasks[i].file->records;
    if (p->rows_certain >= p->options->rows_wanted)
        atomic_store(&p->enough, true);
}

static bool hand_over(struct plan_run *p, const struct scan_task *tasks, size_t n,
                      struct error *err)
{
    if (n == 0)
        return true;
    pthread_mutex_lock(&p->lock);
    if (p->stats.first_ns == 0)
        p->stats.first_ns = env_monotonic_ns(p->env) - p->begin_ns;
    bool ok = p->tasks(p->ctx, tasks, n, err);
    if (p->options->rows_wanted > 0)
        note_certain(p, tasks, n);
    pthread_mutex_unlock(&p->lock);
    return ok;
}

/* Which entries of a manifest are in the part that is planned. */
static bool in_part(const struct manifest_run *m, uint64_t ordinal)
{
    const struct scan_part *part = &m->plan->options->part;
    return m->index != part->manifest_from || ordinal >= part->entry_from;
}

static bool past_part(const struct manifest_run *m, uint64_t ordinal)
{
    const struct scan_part *part = &m->plan->options->part;
    return m->index + 1 == part->manifest_to && part->entry_to > 0 && ordinal >= part->entry_to;
}

static bool plan_entries(struct manifest_run *m, struct manifest_reader *r, struct error *err)
{
    const struct plan_run *p = m->plan;
    const struct manifest_entry *entries;
    size_t n, ordinal = 0;
    for (;;) {
        if (!cancel_check(p->options->cancel, err) || !manifest_next(r, &entries, &n, err))
            return false;
        if (n == 0 || past_part(m, ordinal) || atomic_load(&p->enough))
            return true;
        arena_reset(m->chunk);
        struct scan_task *tasks = arena_array(m->chunk, struct scan_task, n);
        size_t tasks_n = 0;
        for (size_t i = 0; i < n; i++, ordinal++)
            if (takes_entry(p, &entries[i]) && in_part(m, ordinal) && !past_part(m, ordinal) &&
                keep_file(m, &entries[i].file) &&
                make_task(m, &entries[i], ordinal, &tasks[tasks_n]))
                tasks_n++;
        if (!hand_over(m->plan, tasks, tasks_n, err))
            return false;
    }
}

static bool plan_data_manifest(struct manifest_run *m, struct error *err)
{
    struct manifest_reader *r;
    m->stats.manifests_read++;
    return open_manifest(m, m->plan->options->all_columns, &r, err) && plan_entries(m, r, err);
}

/* --- delete files --- */

/* The index that an entry goes to; NULL: none. */
static struct delete_index *index_for(struct plan_run *p, const struct manifest_entry *e)
{
    if (e->file.content == FILE_DATA)
        return NULL;
    if (p->delete_take == DELETES_LIVE)
        return e->status != ENTRY_DELETED ? &p->deletes : NULL;
    bool by_this = e->snapshot_id == p->ids[0];
    if (e->status == ENTRY_ADDED && by_this)
        return &p->added;
    return e->status != ENTRY_DELETED || by_this ? &p->deletes
                                                 : NULL; /* live before the snapshot */
}

static void count_delete(struct scan_stats *s, const struct data_file *f)
{
    s->delete_files++;
    if (f->content == FILE_EQUALITY_DELETES)
        s->equality_deletes++;
    else if (delete_file_is_vector(f))
        s->vectors++;
    else
        s->position_deletes++;
}

static void add_deletes(struct manifest_run *m, const struct manifest_entry *entries, size_t n)
{
    pthread_mutex_lock(&m->plan->lock);
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = &entries[i].file;
        struct delete_index *x = index_for(m->plan, &entries[i]);
        if (x == NULL ||
            !expr_may_match_partition(m->spec->projected, f->partition, f->partition_n))
            continue;
        delete_index_add(x, &entries[i], m->spec->unpartitioned);
        count_delete(&m->stats, f);
    }
    pthread_mutex_unlock(&m->plan->lock);
}

static bool plan_delete_manifest(struct manifest_run *m, struct error *err)
{
    struct manifest_reader *r;
    const struct manifest_entry *entries;
    size_t n;
    m->stats.delete_manifests_read++;
    if (!open_manifest(m, true, &r, err))
        return false;
    do {
        if (!cancel_check(m->plan->options->cancel, err) || !manifest_next(r, &entries, &n, err))
            return false;
        add_deletes(m, entries, n);
    } while (n > 0);
    return true;
}

/* --- all manifests --- */

static void add_stats(struct scan_stats *to, const struct scan_stats *s)
{
    to->manifests_read += s->manifests_read;
    to->delete_manifests_read += s->delete_manifests_read;
    to->delete_files += s->delete_files;
    to->position_deletes += s->position_deletes;
    to->equality_deletes += s->equality_deletes;
    to->vectors += s->vectors;
    to->files += s->files;
    to->files_selected += s->files_selected;
    to->files_certain += s->files_certain;
    to->files_pruned_partition += s->files_pruned_partition;
    to->files_pruned_metrics += s->files_pruned_metrics;
    to->records += s->records;
    to->bytes += s->bytes;
    to->metadata_bytes += s->metadata_bytes;
}

static bool plan_manifest(void *ctx, size_t i, struct error *err)
{
    struct plan_run *p = ctx;
    if (atomic_load(&p->enough))
        return true;
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

static bool part_has(const struct plan_run *p, size_t manifest)
{
    const struct scan_part *part = &p->options->part;
    return part->manifest_to == 0 ||
           (manifest >= part->manifest_from && manifest < part->manifest_to);
}

void plan_choose(struct plan_run *p, enum manifest_content content, plan_wanted wanted,
                 struct arena *a)
{
    p->todo = arena_array(a, size_t, p->manifests_n);
    p->todo_n = 0;
    for (size_t i = 0; i < p->manifests_n; i++) {
        const struct manifest_file *m = &p->manifests[i];
        bool data = content == MANIFEST_DATA;
        if (m->content != content || (data && !part_has(p, i)))
            continue;
        if (wanted == NULL ? !manifest_has_live(m) : !wanted(p, m))
            continue;
        if (may_match(p, m))
            p->todo[p->todo_n++] = i;
        else if (data)
            count_skipped(p, m);
    }
}

/* Columns whose metrics are read: the filter's, those asked for, those that equality deletes compare. */
static void choose_columns(struct plan_run *p, struct arena *a)
{
    const int32_t *lists[4];
    size_t n[4], total = 0;
    expr_field_ids(p->filter, a, &lists[0], &n[0]);
    delete_index_columns(&p->deletes, a, &lists[1], &n[1]);
    delete_index_columns(&p->added, a, &lists[2], &n[2]);
    lists[3] = p->options->stats_ids;
    n[3] = p->options->stats_ids_n;
    for (size_t i = 0; i < 4; i++)
        total += n[i];
    int32_t *ids = arena_array(a, int32_t, total);
    size_t at[4] = { 0 };
    p->field_ids_n = 0;
    for (size_t taken = 0; taken < total; taken++) { /* merges ascending lists */
        size_t best = 4;
        for (size_t i = 0; i < 4; i++)
            if (at[i] < n[i] && (best == 4 || lists[i][at[i]] < lists[best][at[best]]))
                best = i;
        int32_t id = lists[best][at[best]++];
        if (p->field_ids_n == 0 || ids[p->field_ids_n - 1] != id)
            ids[p->field_ids_n++] = id;
    }
    p->field_ids = ids;
}

static void begin_index(struct plan_run *p, struct delete_index *x, struct arena *a)
{
    delete_index_init(x, a);
    x->schema = p->schema;
    x->all_columns = p->options->all_columns;
}

bool plan_deletes(struct plan_run *p, plan_wanted wanted, struct arena *a, struct error *err)
{
    begin_index(p, &p->deletes, a);
    begin_index(p, &p->added, a);
    if (p->options->ignore_deletes)
        return true;
    plan_choose(p, MANIFEST_DELETES, wanted, a);
    if (!run_step(p, err))
        return false;
    delete_index_seal(&p->deletes);
    delete_index_seal(&p->added);
    return true;
}

bool plan_data(struct plan_run *p, plan_wanted wanted, struct arena *a, struct error *err)
{
    choose_columns(p, a);
    plan_choose(p, MANIFEST_DATA, wanted, a);
    return run_step(p, err);
}

/* --- a snapshot --- */

static void count_manifests(struct plan_run *p)
{
    for (size_t i = 0; i < p->manifests_n; i++)
        if (p->manifests[i].content == MANIFEST_DATA)
            p->stats.manifests++;
        else
            p->stats.delete_manifests++;
}

static bool plan_snapshot(struct plan_run *p, const struct snapshot *snapshot, struct arena *a,
                          struct error *err)
{
    struct manifest_file *manifests;
    if (!scan_manifests(p->store, snapshot, a, &manifests, &p->manifests_n, err))
        return false;
    p->manifests = manifests;
    count_manifests(p);
    return plan_deletes(p, NULL, a, err) && plan_data(p, NULL, a, err);
}

static bool run_plan(struct plan_run *p, struct arena *a, struct error *err)
{
    const struct scan_options *o = p->options;
    const struct schema *schema = o->schema;
    const struct snapshot *snapshot;
    if (!scan_snapshot(p->metadata, &o->at, &snapshot, err) ||
        (schema == NULL && !scan_schema(p->metadata, &o->at, &schema, err)) ||
        !plan_prepare(p, schema, a, err))
        return false;
    if (o->range.kind != SCAN_SNAPSHOT)
        return plan_changes(p, snapshot, a, err);
    if (snapshot == NULL)
        return true;
    p->stats.snapshot_id = snapshot->id;
    return plan_snapshot(p, snapshot, a, err);
}

bool scan_plan(struct store *store, struct env *env, const struct metadata *metadata,
               const struct scan_options *options, scan_tasks_fn tasks, void *ctx,
               struct scan_stats *stats, struct error *err)
{
    struct arena *a = arena_create(0);
    struct plan_run p = { .store = store,
                          .env = env,
                          .metadata = metadata,
                          .options = options,
                          .tasks = tasks,
                          .ctx = ctx,
                          .begin_ns = env_monotonic_ns(env) };
    pthread_mutex_init(&p.lock, NULL);
    bool ok = run_plan(&p, a, err);
    p.stats.wall_ns = env_monotonic_ns(env) - p.begin_ns;
    if (stats != NULL)
        *stats = p.stats;
    pthread_mutex_destroy(&p.lock);
    arena_destroy(a);
    return ok;
}
