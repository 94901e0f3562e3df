/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's own snapshots, branches and tags. */
#include "capi/capi_priv.h"
#include "catalog/moves.h"
#include "iceberg/update.h"

_Static_assert(FIRN_ROLLBACK == (int)MOVE_ROLLBACK + 1 &&
                   FIRN_ROLLBACK_TO_TIME == (int)MOVE_ROLLBACK_TIME + 1 &&
                   FIRN_SET_CURRENT == (int)MOVE_SET_CURRENT + 1 &&
                   FIRN_CHERRY_PICK == (int)MOVE_CHERRY_PICK + 1 &&
                   FIRN_PUBLISH == (int)MOVE_PUBLISH + 1 &&
                   FIRN_FAST_FORWARD == (int)MOVE_FAST_FORWARD + 1,
               "kinds of moves are those of catalog/moves.h, from 1 on");

/* ---- Moves */

/* What each kind goes by must be set, and one of them alone. */
static bool check_move(struct call *c, const firn_move_options *o)
{
    static const struct {
        bool id, time, to, wap;
    } takes[] = {
        [FIRN_ROLLBACK] = { .id = true },
        [FIRN_ROLLBACK_TO_TIME] = { .time = true },
        [FIRN_SET_CURRENT] = { .id = true, .to = true },
        [FIRN_CHERRY_PICK] = { .id = true },
        [FIRN_PUBLISH] = { .wap = true },
        [FIRN_FAST_FORWARD] = { .to = true },
    };
    if (o->kind < FIRN_ROLLBACK || o->kind > FIRN_FAST_FORWARD)
        return fail(&c->err, ERR_INVALID, "there is no move of kind %d", (int)o->kind);
    bool id = o->snapshot_id != 0, time = o->timestamp_ms != 0;
    bool stray = (id && !takes[o->kind].id) || (time && !takes[o->kind].time) ||
                 (o->to && !takes[o->kind].to) || (o->wap_id && !takes[o->kind].wap);
    if (stray || id + time + (o->to != NULL) + (o->wap_id != NULL) != 1)
        return fail(&c->err, ERR_INVALID,
                    "of snapshot_id, timestamp_ms, to and wap_id the one must be set that a move "
                    "of kind %d goes by",
                    (int)o->kind);
    return true;
}

static bool move_snapshot(struct call *c, const firn_move_options *o, firn_write_result *result)
{
    str ns, name;
    struct moved done;
    struct write_info info = { .commit = c->info };
    if (!check_move(c, o) || !capi_name(c, o->table, &ns, &name))
        return false;
    struct move move = { .kind = (enum move_kind)(o->kind - 1),
                         .branch = str_of(o->branch),
                         .snapshot_id = o->snapshot_id,
                         .timestamp_ms = o->timestamp_ms,
                         .to = str_of(o->to),
                         .wap_id = str_of(o->wap_id),
                         .dry_run = o->dry_run != 0 };
    if (!catalog_move(c->lake->lake->catalog, str_of(o->ref), ns, name, &move, &info, c->a, &done,
                      &c->err))
        return false;
    write_result(result, done.current_id, 0, done.commit_id);
    return true;
}

int firn_move_snapshot(firn_lake *lake, const firn_move_options *options, firn_write_result *result,
                       firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_options(&c, options, sizeof *options) &&
              move_snapshot(&c, options, result);
    return capi_end(&c, ok);
}

/* ---- Branches and tags of the table */

static bool ref_changes(const struct table *t, const struct table_update *update,
                        const struct snapshot_ref *old, struct arena *a, struct table_change *out)
{
    struct table_update *u = arena_new(a, struct table_update);
    struct table_requirement *r = arena_array(a, struct table_requirement, 2);
    *u = *update;
    r[0] = require_uuid(t->metadata->uuid);
    r[1] = require_ref(u->ref.name, old ? old->snapshot_id : SNAPSHOT_NONE);
    *out = (struct table_change){ .ns = t->ns,
                                  .name = t->name,
                                  .requirements = r,
                                  .requirements_n = 2,
                                  .updates = u,
                                  .updates_n = 1 };
    return true;
}

/* What is not said stays as it was. */
static struct snapshot_ref wanted_ref(const firn_table_ref_options *o, const struct metadata *m,
                                      const struct snapshot_ref *old)
{
    struct snapshot_ref r = { .name = str_of(o->name),
                              .kind = o->kind == FIRN_TAG ? REF_TAG : REF_BRANCH };
    if (old)
        r = *old;
    r.snapshot_id = o->snapshot_id ? o->snapshot_id : m->current_snapshot_id;
    if (o->max_ref_age_ms)
        r.max_ref_age_ms = o->max_ref_age_ms;
    if (o->max_snapshot_age_ms)
        r.max_snapshot_age_ms = o->max_snapshot_age_ms;
    if (o->min_snapshots)
        r.min_snapshots_to_keep = o->min_snapshots;
    return r;
}

static bool plan_set_ref(void *ctx, const struct table *t, struct arena *a,
                         struct table_change *out, struct error *err)
{
    const firn_table_ref_options *o = ctx;
    const struct metadata *m = t->metadata;
    const struct snapshot_ref *old = metadata_ref(m, str_of(o->name));
    enum ref_kind kind = o->kind == FIRN_TAG ? REF_TAG : REF_BRANCH;
    if (old && o->must_be_new)
        return fail(err, ERR_EXISTS, "the table has \"%s\" already", o->name);
    if (old && old->kind != kind)
        return fail(err, ERR_INVALID, "\"%s\" is a %s of the table", o->name,
                    old->kind == REF_TAG ? "tag" : "branch");
    struct table_update u = { .kind = UPDATE_SET_SNAPSHOT_REF, .ref = wanted_ref(o, m, old) };
    if (!metadata_snapshot_by_id(m, u.ref.snapshot_id))
        return fail(err, ERR_NOT_FOUND, "the table has no snapshot %lld",
                    (long long)u.ref.snapshot_id);
    return ref_changes(t, &u, old, a, out);
}

static bool plan_drop_ref(void *ctx, const struct table *t, struct arena *a,
                          struct table_change *out, struct error *err)
{
    const char *name = ctx;
    const struct snapshot_ref *old = metadata_ref(t->metadata, str_of(name));
    if (!old)
        return fail(err, ERR_NOT_FOUND, "the table has no branch or tag \"%s\"", name);
    if (str_is(old->name, "main"))
        return fail(err, ERR_INVALID, "the branch main cannot be dropped");
    struct table_update u = { .kind = UPDATE_REMOVE_SNAPSHOT_REF, .ref.name = old->name };
    return ref_changes(t, &u, old, a, out);
}

static bool change_ref(struct call *c, const char *ref, const char *table, const char *name,
                       table_planner plan, const void *ctx)
{
    str ns, last;
    struct write_outcome done;
    struct write_info info = { .commit = c->info };
    if (!capi_name(c, table, &ns, &last) || !capi_needs(c, name, "the ref's name"))
        return false;
    if (!*name || !str_is_utf8(str_of(name)))
        return fail(&c->err, ERR_INVALID, "the ref's name is %s", *name ? "not UTF-8" : "empty");
    return catalog_retry(c->lake->lake->catalog, str_of(ref), ns, last, plan,
                         (void *)(uintptr_t)ctx, &info, c->a, &done, &c->err);
}

static bool check_ref(struct call *c, const firn_table_ref_options *o)
{
    bool tag = o->kind == FIRN_TAG;
    if (!tag && o->kind != FIRN_BRANCH)
        return fail(&c->err, ERR_INVALID, "there is no ref of kind %d", (int)o->kind);
    if (o->max_ref_age_ms < 0 || o->max_snapshot_age_ms < 0 || o->min_snapshots < 0)
        return fail(&c->err, ERR_INVALID, "ages and numbers of snapshots cannot be negative");
    return !tag || (!o->max_snapshot_age_ms && !o->min_snapshots) ||
           fail(&c->err, ERR_INVALID, "a tag keeps one snapshot: it has no snapshot retention");
}

int firn_set_table_ref(firn_lake *lake, const firn_table_ref_options *options, firn_error *err)
{
    struct call c;
    bool ok = capi_begin(&c, lake, true, err) && capi_options(&c, options, sizeof *options) &&
              check_ref(&c, options) &&
              change_ref(&c, options->ref, options->table, options->name, plan_set_ref, options);
    return capi_end(&c, ok);
}

int firn_drop_table_ref(firn_lake *lake, const char *ref, const char *table, const char *name,
                        firn_error *err)
{
    struct call c;
    bool ok =
        capi_begin(&c, lake, true, err) && change_ref(&c, ref, table, name, plan_drop_ref, name);
    return capi_end(&c, ok);
}
