/* SPDX-License-Identifier: Apache-2.0
 *
 * Three-way merge of trees: what the source changed since the merge base is looked up on the
 * target, so that the cost is that of the source's changes.  Entries that only the source changed
 * are taken; those that both changed are merged by their contents where these are tables
 * (merge_table.c), and are conflicts otherwise.  All are decided before anything is written. */
#include <inttypes.h>

#include "base/map.h"
#include "catalog/merge_priv.h"
#include "catalog/table_priv.h"
#include "iceberg/snapshot.h"

struct change { /* of one entry; value ptr NULL: not there */
    str key, ns, name;
    str base, source, target;
    struct merge_entry *report;
    struct table_merge table;
    bool both; /* the target changed it too */
};

struct merge {
    const struct merge_request *req;
    struct merge_result *out;
    struct arena *arena; /* of the answer */
    struct ref_row source_ref;
    struct commit source, base;
    VEC(struct change) changes;
    struct map by_key; /* -> struct change; built once all are there */
};

static bool collect(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct merge *m = ctx;
    struct arena *a = m->arena;
    struct change *ch = vec_push(a, &m->changes);
    ch->key = arena_str(a, key);
    ch->base = old_value.ptr ? arena_str(a, old_value) : (str){ 0 };
    ch->source = new_value.ptr ? arena_str(a, new_value) : (str){ 0 };
    return key_parse(ch->key, &ch->ns, &ch->name, err);
}

static bool same_value(str x, str y)
{
    return (x.ptr == NULL) == (y.ptr == NULL) && str_eq(x, y);
}

static void refuse(struct merge *m, struct change *ch, str reason)
{
    if (!ch->report->conflict)
        m->out->conflicts_n++;
    ch->report->conflict = true;
    ch->report->reason = reason;
}

static void accept(struct change *ch, enum merge_action action, str reason)
{
    ch->report->action = action;
    ch->report->reason = reason;
}

static bool entry_of(str value, struct arena *a, struct entry *out, struct error *err)
{
    *out = (struct entry){ 0 };
    return !value.ptr || entry_decode(value, a, out, err);
}

/* What can be said from the tree alone. */
static void decide_change(struct merge *m, struct change *ch, enum entry_type type)
{
    ch->both = !same_value(ch->target, ch->base);
    if (same_value(ch->source, ch->target))
        accept(ch, MERGE_KEPT, STR("the same on both sides"));
    else if (!ch->both)
        accept(ch, MERGE_TAKEN,
               !ch->source.ptr ? STR("dropped")
               : ch->base.ptr  ? STR("changed")
                               : STR("added"));
    else if (!ch->base.ptr)
        refuse(m, ch, STR("created on both sides"));
    else if (!ch->source.ptr)
        refuse(m, ch, STR("dropped on the source, changed on the target"));
    else if (!ch->target.ptr)
        refuse(m, ch, STR("changed on the source, dropped on the target"));
    else if (type != ENTRY_TABLE)
        refuse(m, ch, STR("changed on both sides"));
}

static bool look_up(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    struct arena *a = t->out;
    struct entry e;
    bool found;
    if (!tree_get(&t->view.tree, &t->view.commit.root, ch->key, a, &found, &ch->target, err))
        return false;
    if (!found)
        ch->target = (str){ 0 };
    if (!entry_of(ch->source.ptr ? ch->source : ch->base, a, &e, err))
        return false;
    ch->report->type = e.type;
    ch->report->ns = ch->ns;
    ch->report->name = ch->name;
    ch->report->snapshot_id = ch->source.ptr ? e.snapshot_id : -1;
    decide_change(m, ch, e.type);
    return true;
}

/* An entry that is added needs its namespace after the merge. */
static bool check_home(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    str home = ch->name.len ? ch->ns : ns_parent(ch->ns), value;
    bool found;
    if (!ch->source.ptr || ch->target.ptr || home.len == 0)
        return true;
    str key = key_namespace(home, t->out);
    struct change *own = map_get(&m->by_key, key);
    if (own && own->source.ptr)
        return true;
    if (!tree_get(&t->view.tree, &t->view.commit.root, key, t->out, &found, &value, err))
        return false;
    if (found)
        attempt_need(t, arena_str(t->arena, key));
    else
        refuse(m, ch, STR("its namespace was dropped on the target"));
    return true;
}

/* Whether everything below the prefix is dropped by this merge too. */
static bool all_dropped(struct merge *m, struct attempt *t, str prefix, bool *out,
                        struct error *err)
{
    struct tree_cursor cur;
    if (!tree_seek(&cur, &t->view.tree, &t->view.commit.root, prefix, err))
        return false;
    bool ok = true;
    while (ok && *out && !tree_at_end(&cur) && str_starts(cur.key, prefix)) {
        const struct change *ch = map_get(&m->by_key, cur.key);
        *out = ch && !ch->source.ptr;
        ok = tree_next(&cur, err);
    }
    tree_close(&cur);
    return ok;
}

/* A namespace that is dropped must be empty after the merge. */
static bool check_dropped(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    bool empty = true;
    if (ch->name.len || ch->source.ptr || !ch->target.ptr)
        return true;
    if (!all_dropped(m, t, key_children(ch->ns, t->out), &empty, err) ||
        !all_dropped(m, t, key_contents(ENTRY_TABLE, ch->ns, t->out), &empty, err) ||
        !all_dropped(m, t, key_contents(ENTRY_FUNCTION, ch->ns, t->out), &empty, err))
        return false;
    if (!empty)
        refuse(m, ch, STR("dropped on the source, but it has other contents on the target"));
    t->request.head = &t->view.commit.id; /* nothing may be added meanwhile */
    return true;
}

static bool decide_all(struct merge *m, struct attempt *t, struct error *err)
{
    struct merge_result *out = m->out;
    out->n = m->changes.n;
    out->entries = arena_array(t->out, struct merge_entry, out->n);
    map_init(&m->by_key, t->out);
    for (size_t i = 0; i < out->n; i++) {
        m->changes.at[i].report = &out->entries[i];
        map_put(&m->by_key, m->changes.at[i].key, &m->changes.at[i]);
    }
    for (size_t i = 0; i < out->n; i++)
        if (!look_up(m, t, &m->changes.at[i], err) || !check_home(m, t, &m->changes.at[i], err) ||
            !check_dropped(m, t, &m->changes.at[i], err))
            return false;
    return true;
}

static bool decide_table(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    struct entry base, source, target;
    struct arena *a = t->out;
    if (!entry_of(ch->base, a, &base, err) || !entry_of(ch->source, a, &source, err) ||
        !entry_of(ch->target, a, &target, err) ||
        !table_merge_decide(t->catalog, &base, &source, &target, a, &ch->table, err))
        return fail_in(err, "merge " STR_FMT, STR_ARG(name_to_text(ch->ns, ch->name, a)));
    switch (ch->table.kind) {
    case TABLE_CONFLICT:
        refuse(m, ch, ch->table.reason);
        break;
    case TABLE_KEEP:
        accept(ch, MERGE_KEPT, STR("the target has all of the source's rows"));
        ch->report->snapshot_id = target.snapshot_id;
        break;
    case TABLE_TAKE:
        accept(ch, MERGE_TAKEN, STR("the source has all of the target's rows"));
        break;
    case TABLE_REAPPLY:
        accept(ch, MERGE_REAPPLIED,
               arena_printf(a, "%zu appended files appended again", ch->table.files.n));
        break;
    }
    return true;
}

static bool decide_tables(struct merge *m, struct attempt *t, struct error *err)
{
    for (size_t i = 0; i < m->changes.n; i++) {
        struct change *ch = &m->changes.at[i];
        bool undecided = ch->both && !ch->report->conflict && !same_value(ch->source, ch->target);
        if (undecided && !decide_table(m, t, ch, err))
            return false;
    }
    return true;
}

/* The snapshots that are appended again are named in the new one. */
static bool reapply(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    struct arena *a = t->out;
    const struct metadata *next, *base = ch->table.target;
    struct property summary[] = {
        { STR("firn.merged-ref"), m->source_ref.name },
        { STR("firn.merged-commit"), sha_text(&m->source.id, a) },
        { STR("firn.merged-snapshot-id"),
          arena_printf(a, "%" PRId64, ch->table.source->current_snapshot_id) },
    };
    struct snapshot_change change = { .operation = SNAPSHOT_APPEND,
                                      .added = ch->table.files.at,
                                      .added_n = ch->table.files.n,
                                      .summary = { summary, sizeof summary / sizeof *summary } };
    struct snapshot_result r = { 0 };
    struct entry target;
    str location;
    int64_t now_ms = catalog_now_us(t->catalog, base->last_updated_ms * 1000) / 1000;
    bool ok = snapshot_produce(t->catalog->store, t->catalog->env, base, &change, a, &r, err);
    for (size_t i = 0; i < r.written_n; i++)
        *vec_push(t->arena, &t->written) = r.written[i];
    if (!ok || !entry_of(ch->target, a, &target, err) ||
        !metadata_apply(base, target.location, r.updates, r.updates_n, now_ms, a, &next, err) ||
        !table_plan_put(t, ch->ns, ch->name, next, target.location, ch->target, &location, err))
        return fail_in(err, "merge " STR_FMT, STR_ARG(name_to_text(ch->ns, ch->name, a)));
    ch->report->snapshot_id = r.snapshot_id;
    return true;
}

static bool write_change(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    if (ch->report->action == MERGE_REAPPLIED)
        return reapply(m, t, ch, err);
    if (ch->report->action == MERGE_KEPT)
        attempt_edit(t, ch->key)->expected = ch->target;
    else if (ch->source.ptr)
        attempt_put(t, ch->key, ch->report->type, ch->target, ch->source);
    else
        attempt_remove(t, ch->key, ch->report->type, ch->target);
    return true;
}

static bool write_all(struct merge *m, struct attempt *t, struct error *err)
{
    for (size_t i = 0; i < m->changes.n; i++)
        if (!write_change(m, t, &m->changes.at[i], err))
            return false;
    t->request.second_parent = &m->source.id;
    if (t->info->message.len == 0)
        t->request.message = arena_printf(t->arena, "merge " STR_FMT " into " STR_FMT,
                                          STR_ARG(m->source_ref.name), STR_ARG(t->view.ref.name));
    return true;
}

static bool find_source(struct merge *m, struct attempt *t, struct error *err)
{
    bool found;
    struct sha256 base;
    if (!ref_resolve(t->view.tx, m->req->from, t->out, &m->source_ref, &m->source, err) ||
        !history_merge_base(t->view.tx, &m->source.id, &t->view.commit.id, &found, &base, err))
        return false;
    if (!found)
        return fail(err, ERR_INVALID, STR_FMT " and " STR_FMT " have no common history",
                    STR_ARG(m->source_ref.name), STR_ARG(t->view.ref.name));
    m->out->base_id = sha_text(&base, t->out);
    return commit_load(t->view.tx, &base, t->out, &m->base, err);
}

/* Sets what the result says when nothing is published. */
static bool stop(struct merge *m, struct attempt *t, bool applied)
{
    t->finished = true;
    m->out->applied = applied;
    return true;
}

static bool plan_merge(void *ctx, struct attempt *t, struct error *err)
{
    struct merge *m = ctx;
    *m->out = (struct merge_result){ 0 };
    m->changes.n = 0;
    if (!find_source(m, t, err))
        return false;
    m->out->up_to_date = sha_equal(&m->base.id, &m->source.id);
    if (m->out->up_to_date)
        return stop(m, t, true);
    if (!tree_diff(&t->view.tree, &m->base.root, &m->source.root, collect, m, err) ||
        !decide_all(m, t, err))
        return false;
    m->out->fast_forward = sha_equal(&m->base.id, &t->view.commit.id) && !m->req->no_fast_forward;
    view_close(&t->view);
    if (m->out->fast_forward) {
        t->request.head = &t->view.commit.id;
        t->request.move_to = &m->source.id;
        t->edits.n = 0;
        return !m->req->dry_run || stop(m, t, false);
    }
    if (!decide_tables(m, t, err))
        return false;
    if (m->out->conflicts_n > 0 || m->req->dry_run)
        return stop(m, t, false);
    return write_all(m, t, err);
}

static bool merged(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                   struct error *err)
{
    struct merge *m = ctx;
    (void)err;
    if (replayed)
        *m->out = (struct merge_result){ 0 };
    if (!t->finished)
        m->out->applied = true;
    m->out->commit_id = sha_text(commit, t->out);
    return true;
}

bool catalog_merge(struct catalog *c, const struct merge_request *req,
                   const struct commit_info *info, struct arena *a, struct merge_result *out,
                   struct error *err)
{
    struct merge m = { .req = req, .out = out, .arena = a };
    str what =
        arena_printf(a, "merge " STR_FMT " into " STR_FMT, STR_ARG(req->from), STR_ARG(req->into));
    *out = (struct merge_result){ 0 };
    return attempt_run(c, req->into, info, what, plan_merge, merged, &m, a, NULL, err);
}
