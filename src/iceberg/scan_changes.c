/* SPDX-License-Identifier: Apache-2.0
 *
 * Scans of what lies between two snapshots of one history.
 *
 * Appends: every file that a snapshot of the operation "append" added stands, with that snapshot's id, as an added
 * entry in a manifest which that snapshot wrote.  Such manifests are collected once each, over all snapshots.
 *
 * A changelog goes snapshot by snapshot, oldest first.  Entries that a snapshot added or deleted say so; when it
 * added delete files, each of its other data files is looked up in an index of these alone.  What applied before is
 * in a second index, made of delete files that were live in the parent: live ones that are not new, and those that
 * this snapshot removed (a vector replaces the one before). */
#include <stdlib.h>

#include "base/thread.h"
#include "base/vec.h"
#include "iceberg/metadata.h"
#include "iceberg/scan_priv.h"

struct history {
    VEC(const struct snapshot *) newest_first;
};

static bool missing(int64_t id, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "there is no snapshot %lld", (long long)id);
}

/* The snapshots after `after_id` up to `to`; a history that expiry has cut must not pass for a whole one. */
static bool walk(const struct metadata *m, const struct snapshot *to, int64_t after_id,
                 struct arena *a, struct history *out, struct error *err)
{
    const struct snapshot *s = to;
    for (size_t steps = 0; s != NULL && s->id != after_id; steps++) {
        if (steps > m->snapshots_n)
            return fail(err, ERR_CORRUPT, "the history of snapshot %lld goes in a circle",
                        (long long)to->id);
        *vec_push(a, &out->newest_first) = s;
        s = s->parent_id == SNAPSHOT_NONE ? NULL : metadata_snapshot_by_id(m, s->parent_id);
    }
    if (after_id == 0 || s != NULL)
        return true;
    if (metadata_snapshot_by_id(m, after_id) == NULL)
        return missing(after_id, err);
    return fail(err, ERR_INVALID, "snapshot %lld is not an ancestor of snapshot %lld",
                (long long)after_id, (long long)to->id);
}

static int id_order(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static bool by_these(const struct plan_run *p, const struct manifest_file *m)
{
    return plan_has_id(p, m->added_snapshot_id);
}

struct manifest_list_rows {
    VEC(struct manifest_file) rows;
};

/* Manifests that one of the snapshots wrote, each once. */
static bool collect(struct plan_run *p, const struct snapshot *s, struct map *seen, struct arena *a,
                    struct manifest_list_rows *rows, struct error *err)
{
    struct manifest_file *list;
    size_t n;
    if (!cancel_check(p->options->cancel, err) || !scan_manifests(p->store, s, a, &list, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (list[i].content == MANIFEST_DATA && by_these(p, &list[i]) &&
            map_add(seen, list[i].path, &list[i]))
            *vec_push(a, &rows->rows) = list[i];
    return true;
}

static bool find_appends(struct plan_run *p, const struct history *h, struct arena *a,
                         struct error *err)
{
    size_t n = h->newest_first.n;
    const struct snapshot *const *snapshots = h->newest_first.at;
    int64_t *ids = arena_array(a, int64_t, n);
    struct manifest_list_rows rows = { 0 };
    struct map seen;
    for (size_t i = 0; i < n; i++)
        if (str_is(snapshots[i]->operation, "append"))
            ids[p->ids_n++] = snapshots[i]->id;
    qsort(ids, p->ids_n, sizeof *ids, id_order);
    p->ids = ids;
    p->take = TAKE_ADDED;
    map_init(&seen, a);
    for (size_t i = n; i-- > 0;)
        if (plan_has_id(p, snapshots[i]->id) && !collect(p, snapshots[i], &seen, a, &rows, err))
            return false;
    p->manifests = rows.rows.at;
    p->manifests_n = rows.rows.n;
    p->stats.manifests = p->manifests_n;
    return true;
}

static bool all_of_them(const struct plan_run *p, const struct manifest_file *m)
{
    (void)p;
    (void)m;
    return true;
}

static bool adds_deletes(const struct plan_run *p)
{
    for (size_t i = 0; i < p->manifests_n; i++)
        if (p->manifests[i].content == MANIFEST_DELETES && by_these(p, &p->manifests[i]))
            return true;
    return false;
}

/* Deletes that were there before matter to files that this snapshot deletes, whole or in part. */
static bool change_snapshot(struct plan_run *p, const struct snapshot *s, struct arena *a,
                            struct error *err)
{
    struct manifest_file *list;
    if (!cancel_check(p->options->cancel, err) ||
        !scan_manifests(p->store, s, a, &list, &p->manifests_n, err))
        return false;
    p->manifests = list;
    p->ids = &s->id;
    p->ids_n = 1;
    p->take = TAKE_CHANGES;
    p->delete_take = DELETES_CHANGES;
    bool deletes = adds_deletes(p);
    for (size_t i = 0; i < p->manifests_n; i++)
        if (list[i].content == MANIFEST_DATA)
            p->stats.manifests++;
        else
            p->stats.delete_manifests++;
    return plan_deletes(p, all_of_them, a, err) &&
           plan_data(p, deletes ? all_of_them : by_these, a, err);
}

static bool plan_changelog(struct plan_run *p, const struct history *h, struct error *err)
{
    for (size_t i = h->newest_first.n; i-- > 0;) {
        const struct snapshot *s = h->newest_first.at[i];
        p->ordinal = h->newest_first.n - 1 - i;
        if (str_is(s->operation, "replace"))
            continue;
        struct arena *one = arena_create(0);
        bool ok = change_snapshot(p, s, one, err);
        arena_destroy(one);
        if (!ok)
            return fail_in(err, "snapshot %lld", (long long)s->id);
    }
    return true;
}

/* An empty history when the table has no snapshot. */
static bool find_history(struct plan_run *p, const struct snapshot *to, struct arena *a,
                         struct history *out, struct error *err)
{
    const struct scan_range *r = &p->options->range;
    if (r->to_id != 0 && (to = metadata_snapshot_by_id(p->metadata, r->to_id)) == NULL)
        return missing(r->to_id, err);
    if (to == NULL)
        return r->after_id == 0 || missing(r->after_id, err);
    p->stats.snapshot_id = to->id;
    return walk(p->metadata, to, r->after_id, a, out, err);
}

bool plan_find_appends(struct plan_run *p, const struct snapshot *to, struct arena *a,
                       plan_wanted *wanted, struct error *err)
{
    struct history h = { 0 };
    *wanted = by_these;
    return find_history(p, to, a, &h, err) && find_appends(p, &h, a, err);
}

bool plan_changes(struct plan_run *p, const struct snapshot *to, struct arena *a, struct error *err)
{
    struct history h = { 0 };
    if (!find_history(p, to, a, &h, err))
        return false;
    if (p->options->range.kind == SCAN_CHANGELOG)
        return plan_changelog(p, &h, err);
    return find_appends(p, &h, a, err) && plan_deletes(p, by_these, a, err) &&
           plan_data(p, by_these, a, err);
}
