/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expire.h"

#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "catalog/catalog_priv.h"
#include "catalog/garbage.h"
#include "iceberg/update.h"

struct expiring {
    struct catalog *catalog;
    str ref;
    const struct catalog_expire_options *o;
    struct catalog_expire_result *out;
    bool finished;   /* the plan is all that is wanted, or there is nothing to do */
    const str *gone; /* locations listed */
    size_t gone_n;
};

/* Locations as they are spelled, by place. */
struct candidates {
    struct arena *arena, *scratch;
    struct map by_place; /* -> struct candidate */
    size_t left;
};
struct candidate {
    str location;
    enum reach_kind kind;
    bool in_use;
};

static bool add_candidate(void *ctx, enum reach_kind kind, str location, struct error *err)
{
    struct candidates *s = ctx;
    (void)err;
    arena_reset(s->scratch);
    str place = reach_place(location, s->scratch);
    if (map_get(&s->by_place, place))
        return true;
    struct candidate *c = arena_new(s->arena, struct candidate);
    *c = (struct candidate){ arena_str(s->arena, location), kind, false };
    map_add(&s->by_place, arena_str(s->arena, place), c);
    s->left++;
    return true;
}

static bool take_candidate(void *ctx, enum reach_kind kind, str location, struct error *err)
{
    struct candidates *s = ctx;
    (void)kind, (void)err;
    arena_reset(s->scratch);
    struct candidate *c = map_get(&s->by_place, reach_place(location, s->scratch));
    if (c && !c->in_use) {
        c->in_use = true;
        s->left--;
    }
    return true;
}

static bool add_statistics(const struct metadata *was, const struct expire_plan *plan,
                           struct candidates *s, struct error *err)
{
    for (size_t g = 0; g < plan->gone_n; g++) {
        for (size_t i = 0; i < was->statistics_n; i++)
            if (was->statistics[i].snapshot_id == plan->gone[g]->id &&
                !add_candidate(s, REACH_STATISTICS, was->statistics[i].path, err))
                return false;
        for (size_t i = 0; i < was->partition_statistics_n; i++)
            if (was->partition_statistics[i].snapshot_id == plan->gone[g]->id &&
                !add_candidate(s, REACH_STATISTICS, was->partition_statistics[i].path, err))
                return false;
    }
    return true;
}

/* What only the snapshots that go reach. */
static bool find_files(struct expiring *x, const struct metadata *was, const struct metadata *left,
                       const struct expire_plan *plan, struct candidates *s, struct error *err)
{
    struct reach *gone = reach_create(x->catalog->store, x->o->cancel, true, s->arena);
    struct reach *stays = reach_create(x->catalog->store, x->o->cancel, false, s->arena);
    for (size_t i = 0; i < plan->gone_n; i++)
        if (!reach_snapshot(gone, was, plan->gone[i], add_candidate, s, err))
            return false;
    if (!add_statistics(was, plan, s, err))
        return false;
    return s->left == 0 || reach_metadata(stays, left, take_candidate, s, err);
}

static void count_files(struct expiring *x, const struct candidates *s, struct arena *a)
{
    str *gone = arena_array(a, str, s->left);
    memset(x->out->files, 0, sizeof x->out->files);
    x->gone_n = 0;
    for (size_t i = 0; i < s->by_place.n; i++) {
        const struct candidate *c = s->by_place.entries[i].value;
        if (c->in_use)
            continue;
        gone[x->gone_n++] = arena_str(a, c->location);
        x->out->files[c->kind]++;
    }
    x->gone = gone;
}

static bool list_files(struct expiring *x, const struct table *t, const struct expire_plan *plan,
                       struct arena *a, struct error *err)
{
    const struct metadata *left;
    struct arena *own = arena_create(0);
    struct candidates s = { .arena = own, .scratch = arena_create(0) };
    map_init(&s.by_place, own);
    bool ok = metadata_apply(t->metadata, (str){ 0 }, plan->updates, plan->updates_n,
                             env_now_ms(x->catalog->env), own, &left, err) &&
              find_files(x, t->metadata, left, plan, &s, err);
    if (ok)
        count_files(x, &s, a);
    arena_destroy(s.scratch);
    arena_destroy(own);
    return ok && (x->o->dry_run || x->gone_n == 0 ||
                  catalog_list_garbage(x->catalog, "expired", x->gone, x->gone_n, err));
}

/* The whole table must be as it was read: a ref that moves to a snapshot that goes would lose it. */
static void pin_refs(const struct metadata *m, struct arena *a, struct table_change *out)
{
    struct table_requirement *r = arena_array(a, struct table_requirement, m->refs_n + 2);
    size_t n = 0;
    r[n++] = require_uuid(m->uuid);
    bool has_main = false;
    for (size_t i = 0; i < m->refs_n; i++) {
        r[n++] = require_ref(m->refs[i].name, m->refs[i].snapshot_id);
        has_main = has_main || str_is(m->refs[i].name, "main");
    }
    if (!has_main)
        r[n++] = require_ref(STR("main"), SNAPSHOT_NONE);
    out->requirements = r;
    out->requirements_n = n;
}

static bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct expiring *x = ctx;
    struct expire_plan plan;
    int64_t *needed;
    struct expire_options o = { .now_ms = env_now_ms(x->catalog->env),
                                .older_than_ms = x->o->older_than_ms,
                                .retain_last = x->o->retain_last,
                                .ids = x->o->ids,
                                .ids_n = x->o->ids_n,
                                .clean_metadata = x->o->clean_metadata };
    if (!catalog_snapshots_needed(x->catalog, x->ref, t, a, &needed, &o.needed_n, err))
        return false;
    o.needed = needed;
    if (!expire_plan(x->catalog->store, t->metadata, &o, a, &plan, err))
        return false;
    x->out->snapshots = (int64_t)plan.gone_n;
    x->out->refs = (int64_t)plan.refs_n;
    x->out->specs = (int64_t)plan.specs_n;
    x->out->schemas = (int64_t)plan.schemas_n;
    if (plan.updates_n > 0 && !list_files(x, t, &plan, a, err))
        return false;
    x->finished = plan.updates_n == 0 || x->o->dry_run;
    if (x->finished) /* leaves the loop of catalog_retry without a commit */
        return fail(err, ERR_INVALID, "nothing is to be committed");
    *out = (struct table_change){
        .ns = t->ns, .name = t->name, .updates = plan.updates, .updates_n = plan.updates_n
    };
    pin_refs(t->metadata, a, out);
    return true;
}

bool catalog_expire(struct catalog *c, str ref, str ns, str name,
                    const struct catalog_expire_options *o, const struct write_info *info,
                    struct arena *a, struct catalog_expire_result *out, struct error *err)
{
    struct expiring x = { .catalog = c, .ref = ref, .o = o, .out = out };
    struct write_outcome done;
    *out = (struct catalog_expire_result){ 0 };
    if (!catalog_retry(c, ref, ns, name, plan, &x, info, a, &done, err)) {
        if (x.finished)
            *err = (struct error){ 0 };
        return x.finished;
    }
    out->commit_id = done.commit_id;
    /* The safety age counts from here: scans that were planned just before the commit still read them. */
    struct error late = { 0 };
    if (x.gone_n > 0 && !catalog_list_garbage(c, "expired", x.gone, x.gone_n, &late))
        log_warn("catalog", "expired files wait from before their commit on: %s", late.msg);
    return true;
}
