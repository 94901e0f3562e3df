/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/table_ops.h"

#include "catalog/table_priv.h"
#include "catalog/turns_priv.h"
#include "iceberg/snapshot.h"

#define WRITE_ATTEMPTS_MAX 100
#define PAUSE_US_MIN 1000
#define PAUSE_US_MAX 400000

struct write {
    struct catalog *catalog;
    str ref, ns, name;
    const struct write_info *info;
    table_planner plan;
    void *ctx;
    bool again;
};

/* What a planner of this file leaves behind when its plan is not committed. */
struct snapshot_plan {
    struct catalog *catalog;
    struct snapshot_change change;
    struct snapshot_result result;
};

static bool is_cancelled(const struct write *w, struct error *err)
{
    return w->info->cancel && !cancel_check(w->info->cancel, err);
}

static bool write_once(struct write *w, struct arena *a, struct write_outcome *out,
                       struct error *err)
{
    struct table t;
    struct table_change change;
    struct commit_result done;
    w->again = false;
    if (!catalog_load_table(w->catalog, w->ref, w->ns, w->name, a, &t, err))
        return false;
    if (!w->plan(w->ctx, &t, a, &change, err)) /* a conflict with the newest table stays one */
        return not_published(err);
    if (!table_commit_in_turn(w->catalog, w->ref, &change, 1, &w->info->commit, a, &done, err)) {
        w->again = err->code == ERR_CONFLICT;
        return false;
    }
    out->commit_id = done.commit_id;
    out->table = done.tables[0];
    out->snapshot_id = out->table.snapshot_id;
    return true;
}

static void pause_before(struct write *w, int attempt)
{
    int64_t limit = PAUSE_US_MIN << (attempt < 12 ? attempt : 12);
    limit = limit < PAUSE_US_MAX ? limit : PAUSE_US_MAX;
    env_sleep_us(w->catalog->env, 1 + (int64_t)(env_random_u64(w->catalog->env) % (uint64_t)limit));
}

/* One turn for plan and commit: writers of the same table in this process do not spoil each other's
 * plans. */
static bool write_in_turn(struct write *w, struct arena *a, struct write_outcome *out,
                          struct error *err)
{
    struct turn turn;
    str key = table_turn_key(w->ref, w->ns, w->name, a);
    turn_take(w->catalog->turns, &turn, &key, 1);
    bool ok = write_once(w, a, out, err);
    turn_end(w->catalog->turns, &turn);
    return ok;
}

bool catalog_retry(struct catalog *c, str ref, str ns, str name, table_planner plan, void *ctx,
                   const struct write_info *info, struct arena *a, struct write_outcome *out,
                   struct error *err)
{
    static const struct write_info nothing;
    struct write w = { c, ref, ns, name, info ? info : &nothing, plan, ctx, true };
    bool ok = false;
    *out = (struct write_outcome){ .snapshot_id = -1 };
    if (!ns_check(ns, err) || !name_check(name, err))
        return false;
    while (!ok && w.again && out->attempts < WRITE_ATTEMPTS_MAX) {
        if (is_cancelled(&w, err))
            return false;
        if (out->attempts > 0)
            pause_before(&w, out->attempts);
        out->attempts++;
        ok = write_in_turn(&w, a, out, err);
    }
    return ok;
}

static void drop_plan(struct snapshot_plan *p)
{
    if (p->result.written_n > 0)
        garbage_add(p->catalog, "failed snapshot", p->result.written, p->result.written_n);
    p->result = (struct snapshot_result){ 0 };
}

/* The files were written for one schema and spec; they fit later schemas too, which only add or
 * rename by id, unless a column that they lack has become required or their spec is gone.
 * snapshot_produce checks the latter. */
static bool plan_snapshot(void *ctx, const struct table *t, struct arena *a,
                          struct table_change *out, struct error *err)
{
    struct snapshot_plan *p = ctx;
    drop_plan(p); /* of an attempt before this one */
    if (!snapshot_produce(p->catalog->store, p->catalog->env, t->metadata, &p->change, a,
                          &p->result, err))
        return false;
    *out = (struct table_change){ .ns = t->ns,
                                  .name = t->name,
                                  .requirements = p->result.requirements,
                                  .requirements_n = p->result.requirements_n,
                                  .updates = p->result.updates,
                                  .updates_n = p->result.updates_n };
    return true;
}

static bool run_plan(struct catalog *c, str ref, str ns, str name, struct snapshot_plan *p,
                     const struct write_info *info, struct arena *a, struct write_outcome *out,
                     struct error *err)
{
    if (info) {
        p->change.summary.at = info->summary;
        p->change.summary.n = info->summary_n;
    }
    bool ok = catalog_retry(c, ref, ns, name, plan_snapshot, p, info, a, out, err);
    bool unused = ok ? out->snapshot_id != p->result.snapshot_id /* a key was replayed */
                     : err->code != ERR_UNKNOWN;
    if (unused)
        drop_plan(p);
    return ok;
}

bool catalog_append(struct catalog *c, str ref, str ns, str name, const struct data_file *files,
                    size_t n, const struct write_info *info, struct arena *a,
                    struct write_outcome *out, struct error *err)
{
    struct snapshot_plan p = {
        .catalog = c, .change = { .operation = SNAPSHOT_APPEND, .added = files, .added_n = n }
    };
    return run_plan(c, ref, ns, name, &p, info, a, out, err);
}

bool catalog_overwrite_all(struct catalog *c, str ref, str ns, str name, int64_t base,
                           const struct data_file *files, size_t n, const struct write_info *info,
                           struct arena *a, struct write_outcome *out, struct error *err)
{
    struct snapshot_plan p = { .catalog = c,
                               .change = { .operation = SNAPSHOT_OVERWRITE,
                                           .remove_all = true,
                                           .added = files,
                                           .added_n = n } };
    p.change.base_snapshot_id = base == OVERWRITE_ANY ? 0 : base;
    return run_plan(c, ref, ns, name, &p, info, a, out, err);
}

bool catalog_replace(struct catalog *c, str ref, str ns, str name, const str *removed,
                     size_t removed_n, const struct data_file *added, size_t added_n,
                     const struct write_info *info, struct arena *a, struct write_outcome *out,
                     struct error *err)
{
    struct snapshot_plan p = { .catalog = c,
                               .change = { .operation = SNAPSHOT_OVERWRITE,
                                           .removed = removed,
                                           .removed_n = removed_n,
                                           .added = added,
                                           .added_n = added_n } };
    return run_plan(c, ref, ns, name, &p, info, a, out, err);
}
