/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of one spec and kind are a job of its own.  The first pass counts the entries of each partition; partitions in order
 * of their values, one after the other, are cut into as many outputs as the bytes make.  The second pass puts each entry
 * into the output that its place in that order falls into: since entries are visited in the same order again, its
 * place is that of its partition's first entry and the number of entries of the partition seen so far.  No more
 * than OPEN_MAX outputs are written at a time: when there are more, manifests are read again for the next ones. */
#include "iceberg/manifests.h"

#include <stdlib.h>

#include "base/thread.h"
#include "iceberg/scan.h"
#include "iceberg/snapshot_priv.h"
#include "iceberg/value.h"

#define OPEN_MAX 8 /* of about the target size each */

struct part {
    const struct value *values;
    size_t values_n;
    int64_t entries;
    int64_t first;        /* place of its first entry */
    int64_t seen;         /* in this pass */
    size_t last_manifest; /* that has it, + 1 */
};

/* One spec and kind. */
struct job {
    struct produce *p;
    struct arena *a; /* ends with the job */
    const struct manifests_options *o;
    struct manifests_result *counts;
    int64_t target_bytes;
    struct manifest_file *manifests;
    size_t n;
    struct map parts; /* by data_file_partition_key */
    struct part **order;
    int64_t entries;
    size_t pieces; /* partitions of manifests, summed up: how far they are from being clustered */
    size_t outputs_n, from; /* of the outputs, the first of this pass */
    int64_t per_output;
    struct snapshot_output outputs[OPEN_MAX];
    size_t manifest; /* that is being read */
    struct arena *scratch;
};

/* --- the first pass --- */

static struct part *part_of(struct job *j, const struct data_file *f)
{
    arena_reset(j->scratch);
    str key = data_file_partition_key(f, j->scratch);
    struct part *x = map_get(&j->parts, key);
    if (x)
        return x;
    struct data_file only = { .partition = f->partition, .partition_n = f->partition_n }, copy;
    data_file_copy(&only, j->a, &copy);
    x = arena_new(j->a, struct part);
    *x = (struct part){ .values = copy.partition, .values_n = copy.partition_n };
    map_add(&j->parts, arena_str(j->a, key), x);
    return x;
}

static bool count_entry(void *ctx, const struct manifest_entry *e, struct error *err)
{
    struct job *j = ctx;
    struct part *x = part_of(j, &e->file);
    x->entries++;
    j->entries++;
    if (x->last_manifest != j->manifest + 1) {
        x->last_manifest = j->manifest + 1;
        j->pieces++;
    }
    return j->entries % 4096 || cancel_check(j->o->cancel, err);
}

static int by_values(const void *x, const void *y)
{
    const struct part *a = *(struct part *const *)x, *b = *(struct part *const *)y;
    for (size_t i = 0; i < a->values_n && i < b->values_n; i++) {
        int c = value_cmp(&a->values[i], &b->values[i]);
        if (c)
            return c;
    }
    return (a->values_n > b->values_n) - (a->values_n < b->values_n);
}

static void sort_parts(struct job *j)
{
    int64_t place = 0;
    j->order = arena_array(j->a, struct part *, j->parts.n + 1);
    for (size_t i = 0; i < j->parts.n; i++)
        j->order[i] = j->parts.entries[i].value;
    qsort(j->order, j->parts.n, sizeof *j->order, by_values);
    for (size_t i = 0; i < j->parts.n; i++) {
        j->order[i]->first = place;
        place += j->order[i]->entries;
    }
}

/* How many outputs: by the bytes of entries that are live, as far as one tells. */
static void cut(struct job *j)
{
    double bytes = 0;
    for (size_t i = 0; i < j->n; i++) {
        const struct manifest_file *m = &j->manifests[i];
        double live = (double)(m->added_files + m->existing_files);
        double all = live + (double)m->deleted_files;
        bytes += (double)m->length * (all > 0 ? live / all : 0);
    }
    double outputs = bytes / (double)j->target_bytes;
    j->outputs_n = outputs > 1 ? (size_t)outputs + (outputs > (double)(size_t)outputs) : 1;
    if ((int64_t)j->outputs_n > j->entries)
        j->outputs_n = (size_t)j->entries;
    if (j->outputs_n > 0)
        j->per_output = (j->entries + (int64_t)j->outputs_n - 1) / (int64_t)j->outputs_n;
}

/* As few as there would be, and a partition is split no more often than cutting splits it. */
static bool is_well(const struct job *j)
{
    if (j->o->all)
        return j->n <= 1;
    return j->n <= j->outputs_n && (j->n <= 1 || j->pieces <= j->parts.n + j->outputs_n - 1);
}

/* --- the second pass --- */

static bool put_entry(void *ctx, const struct manifest_entry *entry, struct error *err)
{
    struct job *j = ctx;
    struct manifest_entry e = *entry;
    struct part *x = part_of(j, &e.file);
    size_t to = (size_t)((x->first + x->seen++) / j->per_output);
    e.status = ENTRY_EXISTING;
    if (to < j->from || to >= j->from + OPEN_MAX)
        return true;
    return cancel_check(j->o->cancel, err) &&
           snapshot_output_add(&j->outputs[to - j->from], &e, err);
}

static bool write_some(struct job *j, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < OPEN_MAX; i++)
        j->outputs[i] = (struct snapshot_output){
            .p = j->p,
            .spec = metadata_spec_by_id(j->p->metadata, j->manifests[0].spec_id),
            .content = j->manifests[0].content,
            .target_bytes = j->target_bytes * 2, /* they are cut by entries: some room */
        };
    for (size_t i = 0; i < j->parts.n; i++)
        j->order[i]->seen = 0;
    for (size_t i = 0; ok && i < j->n; i++)
        ok = snapshot_visit(j->p, &j->manifests[i], true, put_entry, j, err);
    for (size_t i = 0; i < OPEN_MAX; i++)
        ok = snapshot_output_end(&j->outputs[i], ok, err) && ok;
    return ok;
}

static bool write_all(struct job *j, struct error *err)
{
    for (j->from = 0; j->from < j->outputs_n; j->from += OPEN_MAX)
        if (!write_some(j, err))
            return false;
    return true;
}

/* --- jobs --- */

static bool run_job(struct job *j, bool dry_run, struct error *err)
{
    struct produce *p = j->p;
    map_init(&j->parts, j->a);
    for (j->manifest = 0; j->manifest < j->n; j->manifest++)
        if (!snapshot_visit(p, &j->manifests[j->manifest], false, count_entry, j, err))
            return false;
    sort_parts(j);
    cut(j);
    if (is_well(j)) {
        for (size_t i = 0; i < j->n; i++)
            *vec_push(p->arena, &p->kept) = j->manifests[i];
        return true;
    }
    size_t fresh = p->fresh.n;
    if (!dry_run && !write_all(j, err))
        return false;
    p->replaced += j->n;
    p->entries_processed += j->entries;
    j->counts->rewritten += (int64_t)j->n;
    j->counts->added += (int64_t)(dry_run ? j->outputs_n : p->fresh.n - fresh);
    j->counts->entries += j->entries;
    return true;
}

struct rewriting {
    const struct manifests_options *o;
    struct manifests_result *counts;
    bool dry_run;
};

static bool is_wanted(const struct produce *p, const struct manifests_options *o, int32_t spec_id)
{
    if (o->spec_id == MANIFESTS_SPEC_ALL)
        return true;
    return spec_id ==
           (o->spec_id == MANIFESTS_SPEC_DEFAULT ? p->metadata->default_spec_id : o->spec_id);
}

static bool rewrite_kind(struct produce *p, const struct rewriting *x, int32_t spec_id,
                         enum manifest_content content, const struct manifest_file *all, size_t n,
                         struct error *err)
{
    struct job j = { .p = p, .o = x->o, .counts = x->counts };
    j.target_bytes = x->o->target_bytes > 0
                         ? x->o->target_bytes
                         : metadata_property_int(p->metadata, "commit.manifest.target-size-bytes",
                                                 SNAPSHOT_MANIFEST_BYTES);
    j.target_bytes = j.target_bytes > 0 ? j.target_bytes : SNAPSHOT_MANIFEST_BYTES;
    j.a = arena_create(0);
    j.manifests = arena_array(j.a, struct manifest_file, n + 1);
    for (size_t i = 0; i < n; i++)
        if (all[i].spec_id == spec_id && all[i].content == content && manifest_has_live(&all[i]))
            j.manifests[j.n++] = all[i];
    j.scratch = arena_create(0);
    bool ok = j.n == 0 || run_job(&j, x->dry_run, err);
    arena_destroy(j.scratch);
    arena_destroy(j.a);
    return ok;
}

static bool rewrite_manifests(struct produce *p, void *ctx, struct error *err)
{
    const struct rewriting *x = ctx;
    struct manifest_file *all = NULL;
    size_t n = 0;
    if (p->parent && !scan_manifests(p->store, p->parent, p->arena, &all, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!snapshot_complete(p, &all[i], err))
            return false;
        if (manifest_has_live(&all[i]) && !is_wanted(p, x->o, all[i].spec_id))
            *vec_push(p->arena, &p->kept) = all[i];
    }
    for (size_t i = 0; i < p->metadata->specs_n; i++) {
        int32_t id = p->metadata->specs[i]->id;
        if (is_wanted(p, x->o, id) && (!rewrite_kind(p, x, id, MANIFEST_DATA, all, n, err) ||
                                       !rewrite_kind(p, x, id, MANIFEST_DELETES, all, n, err)))
            return false;
    }
    x->counts->kept = (int64_t)p->kept.n;
    p->nothing = x->dry_run || x->counts->rewritten == 0;
    return true;
}

bool manifests_rewrite(struct store *store, struct env *env, const struct metadata *m,
                       const struct manifests_options *o, bool dry_run, struct arena *a,
                       struct snapshot_result *out, struct manifests_result *counts,
                       struct error *err)
{
    struct snapshot_change change = { .operation = SNAPSHOT_REPLACE, .branch = o->branch };
    struct rewriting x = { o, counts, dry_run };
    *counts = (struct manifests_result){ 0 };
    *out = (struct snapshot_result){ 0 };
    if (o->spec_id >= 0 && !metadata_spec_by_id(m, o->spec_id))
        return fail(err, ERR_NOT_FOUND, "the table has no partition spec %d", (int)o->spec_id);
    return snapshot_produce_by(store, env, m, &change, rewrite_manifests, &x, a, out, err);
}
