/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/moves.h"

#include "catalog/catalog_priv.h"
#include "iceberg/conflict.h"
#include "iceberg/metadata.h"
#include "iceberg/pick.h"
#include "iceberg/snapshot.h"
#include "iceberg/update.h"

struct moving {
    struct catalog *catalog;
    const struct move *move;
    const struct write_info *info;
    struct moved *out;
    bool changes;                  /* the plan does something */
    struct snapshot_result picked; /* written by the plan, when files are taken over */
};

static str branch_of(const struct move *v)
{
    return v->branch.len ? v->branch : STR("main");
}

/* What an attempt wrote and did not commit. */
static void drop_picked(struct moving *m)
{
    if (m->picked.written_n > 0)
        garbage_add(m->catalog, "failed snapshot", m->picked.written, m->picked.written_n);
    m->picked = (struct snapshot_result){ 0 };
}

/* ---- Which snapshot */

static bool snapshot_named(const struct metadata *t, int64_t id, const struct snapshot **out,
                           struct error *err)
{
    *out = metadata_snapshot_by_id(t, id);
    return *out || fail(err, ERR_NOT_FOUND, "the table has no snapshot %lld", (long long)id);
}

static bool snapshot_of_ref(const struct metadata *t, str name, const struct snapshot **out,
                            struct error *err)
{
    *out = metadata_snapshot_of_ref(t, name);
    return *out || fail(err, ERR_NOT_FOUND, "the table has no branch or tag \"" STR_FMT "\"",
                        STR_ARG(name));
}

static bool ancestor(const struct metadata *t, const struct snapshot *head,
                     const struct snapshot *to, struct error *err)
{
    return (head && metadata_is_ancestor(t, head->id, to->id)) ||
           fail(err, ERR_INVALID, "snapshot %lld is not an ancestor of the current one, %lld",
                (long long)to->id, (long long)(head ? head->id : SNAPSHOT_NONE));
}

static bool descends(const struct metadata *t, const struct move *v, const struct snapshot *head,
                     const struct snapshot *to, struct error *err)
{
    return !head || metadata_is_ancestor(t, to->id, head->id) ||
           fail(err, ERR_INVALID,
                "cannot fast-forward: \"" STR_FMT "\" is not an ancestor of \"" STR_FMT "\"",
                STR_ARG(branch_of(v)), STR_ARG(v->to));
}

static bool find_source(const struct metadata *t, const struct move *v, const struct snapshot *head,
                        const struct snapshot **out, struct error *err)
{
    switch (v->kind) {
    case MOVE_ROLLBACK:
        return snapshot_named(t, v->snapshot_id, out, err) && ancestor(t, head, *out, err);
    case MOVE_ROLLBACK_TIME:
        *out = pick_before(t, head, v->timestamp_ms);
        return *out || fail(err, ERR_NOT_FOUND, "the branch has no snapshot that old");
    case MOVE_SET_CURRENT:
        return v->to.len ? snapshot_of_ref(t, v->to, out, err)
                         : snapshot_named(t, v->snapshot_id, out, err);
    case MOVE_PUBLISH:
        return pick_staged(t, v->wap_id, out, err);
    case MOVE_FAST_FORWARD:
        return snapshot_of_ref(t, v->to, out, err) && descends(t, v, head, *out, err);
    default:
        return snapshot_named(t, v->snapshot_id, out, err);
    }
}

static bool find_head(const struct metadata *t, const struct move *v, const struct snapshot **out,
                      struct error *err)
{
    str name = branch_of(v);
    const struct snapshot_ref *r = metadata_ref(t, name);
    if (r && r->kind == REF_TAG)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is a tag, not a branch", STR_ARG(name));
    *out = r ? metadata_snapshot_by_id(t, r->snapshot_id) : NULL;
    return r || str_is(name, "main") || v->kind == MOVE_FAST_FORWARD ||
           fail(err, ERR_NOT_FOUND, "the table has no branch \"" STR_FMT "\"", STR_ARG(name));
}

/* ---- The change */

static void plan_ref(const struct moving *m, const struct table *t, int64_t to, struct arena *a,
                     struct table_change *out)
{
    str name = branch_of(m->move);
    const struct snapshot_ref *old = metadata_ref(t->metadata, name);
    struct table_update *u = arena_new(a, struct table_update);
    struct table_requirement *r = arena_array(a, struct table_requirement, 2);
    *u = update_set_ref(name, REF_BRANCH, to);
    if (old) { /* its retention stays */
        u->ref = *old;
        u->ref.snapshot_id = to;
    }
    r[0] = require_ref(name, old ? old->snapshot_id : SNAPSHOT_NONE);
    r[1] = require_uuid(t->metadata->uuid);
    out->updates = u;
    out->updates_n = 1;
    out->requirements = r;
    out->requirements_n = t->metadata->uuid.len ? 2 : 1;
}

static struct property_list pick_summary(const struct moving *m, const struct snapshot *s,
                                         struct arena *a)
{
    size_t more = m->info->summary_n, n = 0;
    struct property *p = arena_array(a, struct property, more + 2);
    str wap_id = property_get(&s->summary, WAP_ID, (str){ 0 });
    for (size_t i = 0; i < more; i++)
        p[n++] = m->info->summary[i];
    if (wap_id.len)
        p[n++] = (struct property){ STR(PUBLISHED_WAP_ID), wap_id };
    p[n++] =
        (struct property){ STR(SOURCE_SNAPSHOT_ID), arena_printf(a, "%lld", (long long)s->id) };
    return (struct property_list){ p, n };
}

/* The partitions that a snapshot replaced have to be as it saw them. */
static bool check_partitions(struct moving *m, const struct metadata *t,
                             const struct snapshot *head, const struct snapshot *s,
                             const struct snapshot_files *files, struct arena *a, struct error *err)
{
    const struct data_file **gone = arena_array(a, const struct data_file *, files->removed_n);
    for (size_t i = 0; i < files->removed_n; i++)
        gone[i] = &files->removed[i];
    struct conflict_check check = { .base_snapshot_id = s->parent_id,
                                    .files = gone,
                                    .files_n = files->removed_n,
                                    .no_new_rows = files->added_n > 0,
                                    .no_new_deletes = true,
                                    .partitions = files->added,
                                    .partitions_n = files->added_n };
    return conflict_check_run(m->catalog->store, t, head, &check, err);
}

static bool plan_pick(struct moving *m, const struct table *t, const struct snapshot *head,
                      const struct snapshot *s, bool replace, struct arena *a,
                      struct table_change *out, struct error *err)
{
    struct snapshot_files files;
    const struct metadata *meta = t->metadata;
    if (!snapshot_files_read(m->catalog->store, meta, s, a, &files, err) ||
        (replace && !check_partitions(m, meta, head, s, &files, a, err)))
        return false;
    if (files.adds_deletes)
        return fail(err, ERR_INVALID, "snapshot %lld deletes single rows, which cannot be picked",
                    (long long)s->id);
    str *removed = arena_array(a, str, files.removed_n);
    for (size_t i = 0; i < files.removed_n; i++)
        removed[i] = files.removed[i].path;
    struct snapshot_change change = { .operation = replace ? SNAPSHOT_OVERWRITE : SNAPSHOT_APPEND,
                                      .branch = m->move->branch,
                                      .added = files.added,
                                      .added_n = files.added_n,
                                      .removed = removed,
                                      .removed_n = replace ? files.removed_n : 0,
                                      .summary = pick_summary(m, s, a) };
    if (m->move->dry_run)
        return true;
    if (!snapshot_produce(m->catalog->store, m->catalog->env, meta, &change, a, &m->picked, err))
        return false;
    out->updates = m->picked.updates;
    out->updates_n = m->picked.updates_n;
    out->requirements = m->picked.requirements;
    out->requirements_n = m->picked.requirements_n;
    m->out->current_id = m->picked.snapshot_id;
    return true;
}

static bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct moving *m = ctx;
    const struct move *v = m->move;
    const struct snapshot *head = NULL, *s;
    enum pick_way way = PICK_FAST_FORWARD;
    bool picks = v->kind == MOVE_CHERRY_PICK || v->kind == MOVE_PUBLISH;
    drop_picked(m); /* of an attempt before this one */
    *out = (struct table_change){ .ns = t->ns, .name = t->name };
    if (!find_head(t->metadata, v, &head, err) || !find_source(t->metadata, v, head, &s, err) ||
        (picks && !pick_check(t->metadata, head, s, &way, err)))
        return false;
    m->out->source_id = s->id;
    m->out->previous_id = head ? head->id : SNAPSHOT_NONE;
    m->out->current_id = m->out->previous_id;
    m->out->fast_forward = picks && way == PICK_FAST_FORWARD;
    m->changes = !head || head->id != s->id;
    if (way != PICK_FAST_FORWARD)
        return plan_pick(m, t, head, s, way == PICK_REPLACE, a, out, err);
    m->out->current_id = s->id;
    plan_ref(m, t, s->id, a, out);
    return true;
}

/* ---- Running it */

/* A look before the commit: a dry run, and a branch that is where it is to be, need none. */
static bool look(struct moving *m, str ref, str ns, str name, struct arena *a, struct error *err)
{
    struct table t;
    struct table_change ignored;
    struct move dry = *m->move;
    struct moving first = *m;
    dry.dry_run = true;
    first.move = &dry;
    if (!catalog_load_table(m->catalog, ref, ns, name, a, &t, err) ||
        !plan(&first, &t, a, &ignored, err))
        return false;
    m->changes = first.changes;
    return true;
}

bool catalog_move(struct catalog *c, str ref, str ns, str name, const struct move *move,
                  const struct write_info *info, struct arena *a, struct moved *out,
                  struct error *err)
{
    static const struct write_info nothing;
    struct moving m = { .catalog = c, .move = move, .info = info ? info : &nothing, .out = out };
    struct write_outcome done;
    *out = (struct moved){ 0 };
    if (!look(&m, ref, ns, name, a, err))
        return false;
    if (move->dry_run || !m.changes)
        return true;
    bool ok = catalog_retry(c, ref, ns, name, plan, &m, m.info, a, &done, err);
    bool unused = ok ? !metadata_snapshot_by_id(done.table.metadata, m.picked.snapshot_id)
                     : err->code != ERR_UNKNOWN;
    if (unused)
        drop_picked(&m);
    if (ok)
        out->commit_id = done.commit_id;
    return ok;
}

/* ---- Format version */

struct upgrading {
    int version, was;
};

static bool plan_upgrade(void *ctx, const struct table *t, struct arena *a,
                         struct table_change *out, struct error *err)
{
    struct upgrading *u = ctx;
    struct table_update *update = arena_new(a, struct table_update);
    struct table_requirement *r = arena_new(a, struct table_requirement);
    u->was = t->metadata->format_version;
    *update = (struct table_update){ .kind = UPDATE_UPGRADE_FORMAT_VERSION,
                                     .format_version = u->version };
    *r = require_uuid(t->metadata->uuid);
    if (u->version < u->was)
        return fail(err, ERR_INVALID, "the table has format version %d and cannot go back to %d",
                    u->was, u->version);
    *out = (struct table_change){ .ns = t->ns,
                                  .name = t->name,
                                  .requirements = r,
                                  .requirements_n = t->metadata->uuid.len > 0,
                                  .updates = update,
                                  .updates_n = 1 };
    return true;
}

bool catalog_upgrade_table(struct catalog *c, str ref, str ns, str name, int version, bool dry_run,
                           const struct write_info *info, struct arena *a, int *was, str *commit_id,
                           struct error *err)
{
    struct upgrading u = { .version = version };
    struct table t;
    struct table_change ignored;
    struct write_outcome done;
    *commit_id = (str){ 0 };
    if (version < 1 || version > FORMAT_VERSION_MAX)
        return fail(err, ERR_UNSUPPORTED, "format version %d is not supported, 1 to %d are",
                    version, FORMAT_VERSION_MAX);
    if (!catalog_load_table(c, ref, ns, name, a, &t, err) ||
        !plan_upgrade(&u, &t, a, &ignored, err))
        return false;
    *was = u.was;
    if (dry_run || u.was == version)
        return true;
    if (!catalog_retry(c, ref, ns, name, plan_upgrade, &u, info, a, &done, err))
        return false;
    *was = u.was;
    *commit_id = done.commit_id;
    return true;
}
