/* SPDX-License-Identifier: Apache-2.0
 *
 * Three-way merge of trees: what the source changed since the merge base is looked up on the
 * target, so that the cost is that of the source's changes.  Entries that only the source changed
 * are taken; those that both changed are merged by their contents where these are tables
 * (merge_table.c) or namespaces, and are conflicts otherwise.  All are decided before anything is
 * written.
 *
 * A pick is the same with other sides: per commit, its parent is the base and it is the source; to
 * revert it, the other way round.  What several commits did to one entry is put together first. */
#include <inttypes.h>

#include "base/map.h"
#include "base/thread.h"
#include "catalog/merge_priv.h"
#include "codec/json.h"
#include "catalog/table_priv.h"
#include "iceberg/metadata.h"
#include "io/store.h"

#define REWRITTEN_BYTES_MAX ((size_t)8 << 20) /* of the list in a summary */

struct change { /* of one entry; value ptr NULL: not there */
    str key, ns, name;
    str base, source, target;
    struct merge_entry *report;
    struct table_merge table;
    bool both;   /* the target changed it too */
    bool broken; /* several commits changed it, and others in between */
    enum entry_type type;
    struct arena *arena; /* of the work on its contents, which many threads share out */
    str combined;        /* the value that both sides' changes make */
    const struct metadata *next;
    str location;     /* of a metadata file written */
    VEC(str) written; /* all files */
};

/* What is common to merges and picks. */
struct merge_options {
    str head;
    bool dry_run;
    enum merge_behavior behavior;
    const struct merge_key *keys;
    size_t keys_n;
};

struct merge {
    const struct merge_request *req; /* or */
    const struct pick_request *pick;
    struct merge_options options;
    struct merge_result *out;
    struct arena *arena; /* of the answer */
    struct catalog *catalog;
    str source_name;
    struct commit source, base;
    VEC(struct change) changes;
    struct map by_key;         /* -> struct change; built once all are there */
    struct map picked;         /* key -> place in changes + 1, while commits are put together */
    VEC(struct change *) work; /* that threads share out */
};

static bool same_value(str x, str y);

static str own(str value, struct arena *a)
{
    return value.ptr ? arena_str(a, value) : (str){ 0 };
}

static struct change *add_change(struct merge *m, str key, str old_value, str new_value)
{
    struct change *ch = vec_push(m->arena, &m->changes);
    ch->key = arena_str(m->arena, key);
    ch->base = own(old_value, m->arena);
    ch->source = own(new_value, m->arena);
    return ch;
}

static bool collect(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct change *ch = add_change(ctx, key, old_value, new_value);
    return key_parse(ch->key, &ch->ns, &ch->name, err);
}

/* What the next commit did, after what those before it did. */
static bool collect_next(void *ctx, str key, str old_value, str new_value, struct error *err)
{
    struct merge *m = ctx;
    size_t place = (size_t)(uintptr_t)map_get(&m->picked, key);
    if (place == 0) {
        if (!collect(ctx, key, old_value, new_value, err))
            return false;
        map_put(&m->picked, m->changes.at[m->changes.n - 1].key, (void *)(uintptr_t)m->changes.n);
        return true;
    }
    struct change *ch = &m->changes.at[place - 1];
    ch->broken = ch->broken || !same_value(ch->source, old_value);
    ch->source = own(new_value, m->arena);
    return true;
}

static bool same_value(str x, str y)
{
    return (x.ptr == NULL) == (y.ptr == NULL) && str_eq(x, y);
}

static void refuse(struct change *ch, enum merge_conflict why, str reason)
{
    ch->report->conflict = true;
    ch->report->why = why;
    ch->report->reason = reason;
}

static enum merge_behavior behavior_of(const struct merge *m, const struct change *ch)
{
    for (size_t i = 0; i < m->options.keys_n; i++)
        if (str_eq(m->options.keys[i].ns, ch->ns) && str_eq(m->options.keys[i].name, ch->name))
            return m->options.keys[i].behavior;
    return m->options.behavior;
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
static void decide_change(struct merge *m, struct change *ch)
{
    enum merge_behavior behavior = behavior_of(m, ch);
    bool both = !same_value(ch->target, ch->base);
    if (same_value(ch->source, ch->target) || same_value(ch->source, ch->base))
        accept(ch, MERGE_KEPT, STR("the same on both sides"));
    else if (behavior == MERGE_DROP)
        accept(ch, MERGE_KEPT, STR("the source's change is left out, as asked for"));
    else if (behavior == MERGE_FORCE)
        accept(ch, MERGE_TAKEN, STR("the source's state, as asked for"));
    else if (ch->broken)
        refuse(ch, CONFLICT_CHANGED, STR("another commit changed it between those picked"));
    else if (!both)
        accept(ch, MERGE_TAKEN,
               !ch->source.ptr ? STR("dropped")
               : ch->base.ptr  ? STR("changed")
                               : STR("added"));
    else if (ch->source.ptr && ch->target.ptr &&
             (ch->type == ENTRY_NAMESPACE || (ch->type == ENTRY_TABLE && ch->base.ptr)))
        ch->both = true; /* by contents */
    else if (!ch->base.ptr)
        refuse(ch, CONFLICT_EXISTS, STR("created on both sides"));
    else if (!ch->source.ptr)
        refuse(ch, CONFLICT_GONE, STR("dropped on the source, changed on the target"));
    else if (!ch->target.ptr)
        refuse(ch, CONFLICT_GONE, STR("changed on the source, dropped on the target"));
    else
        refuse(ch, CONFLICT_CHANGED, STR("changed on both sides"));
}

static bool look_up(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    struct arena *a = t->out;
    struct entry e, there;
    bool found;
    if (!tree_get(&t->view.tree, &t->view.commit.root, ch->key, a, &found, &ch->target, err))
        return false;
    if (!found)
        ch->target = (str){ 0 };
    if (!entry_of(ch->source.ptr ? ch->source : ch->base, a, &e, err) ||
        !entry_of(ch->target, a, &there, err))
        return false;
    ch->type = e.type;
    *ch->report = (struct merge_entry){ .type = e.type,
                                        .ns = ch->ns,
                                        .name = ch->name,
                                        .snapshot_id = ch->source.ptr ? e.snapshot_id : -1 };
    decide_change(m, ch);
    if (ch->both && there.type != e.type) {
        ch->both = false;
        refuse(ch, CONFLICT_REPLACED, STR("it is something else on the target"));
    }
    if (ch->report->action == MERGE_KEPT && !ch->both && !ch->report->conflict)
        ch->report->snapshot_id = ch->target.ptr ? there.snapshot_id : -1;
    return true;
}

/* Whether the source's state, or its absence, will stand on the target. */
static bool is_taken(const struct change *ch)
{
    return !ch->report->conflict && !ch->both && ch->report->action == MERGE_TAKEN;
}

/* An entry that is added needs its namespace after the merge. */
static bool check_home(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    str home = ch->name.len ? ch->ns : ns_parent(ch->ns), value;
    bool found;
    if (!ch->source.ptr || ch->target.ptr || home.len == 0 || !is_taken(ch))
        return true;
    str key = key_namespace(home, t->out);
    struct change *own = map_get(&m->by_key, key);
    if (own && own->source.ptr && is_taken(own))
        return true;
    if (!tree_get(&t->view.tree, &t->view.commit.root, key, t->out, &found, &value, err))
        return false;
    if (found)
        attempt_need(t, arena_str(t->arena, key));
    else
        refuse(ch, CONFLICT_NO_HOME, STR("its namespace was dropped on the target"));
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
        *out = ch && !ch->source.ptr && is_taken(ch);
        ok = tree_next(&cur, err);
    }
    tree_close(&cur);
    return ok;
}

/* A namespace that is dropped must be empty after the merge. */
static bool check_dropped(struct merge *m, struct attempt *t, struct change *ch, struct error *err)
{
    bool empty = true;
    if (ch->name.len || ch->source.ptr || !ch->target.ptr || !is_taken(ch))
        return true;
    if (!all_dropped(m, t, key_children(ch->ns, t->out), &empty, err) ||
        !all_dropped(m, t, key_contents(ENTRY_TABLE, ch->ns, t->out), &empty, err) ||
        !all_dropped(m, t, key_contents(ENTRY_FUNCTION, ch->ns, t->out), &empty, err))
        return false;
    if (!empty)
        refuse(ch, CONFLICT_NOT_EMPTY,
               STR("dropped on the source, but it has other contents on the target"));
    t->request.head = &t->view.commit.id; /* nothing may be added meanwhile */
    return true;
}

static void destroy_arena(void *a)
{
    arena_destroy(a);
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
        if (!look_up(m, t, &m->changes.at[i], err))
            return false;
    }
    for (size_t i = 0; i < out->n; i++)
        if (!check_home(m, t, &m->changes.at[i], err) ||
            !check_dropped(m, t, &m->changes.at[i], err))
            return false;
    return true;
}

/* ---- Contents, several entries at once ---- */

static void keep_target(struct change *ch, int64_t snapshot_id)
{
    accept(ch, MERGE_KEPT, STR("the target has all of it"));
    ch->report->snapshot_id = snapshot_id;
}

static bool is_append(const struct table_merge *t)
{
    return t->updates.list.n == 0 && t->removed.n == 0 && t->undone.n == 0;
}

static str combine_text(const struct table_merge *t, struct arena *a)
{
    if (is_append(t))
        return arena_printf(a, "%zu appended file%s appended again", t->files.n,
                            t->files.n == 1 ? "" : "s");
    return arena_printf(a, "combined: %zu files added, %zu removed, %zu changes of the definition",
                        t->files.n, t->removed.n + t->undone.n, t->updates.list.n);
}

static bool decide_table(struct merge *m, struct change *ch, struct error *err)
{
    struct entry base, source, target;
    struct arena *a = ch->arena;
    if (!entry_of(ch->base, a, &base, err) || !entry_of(ch->source, a, &source, err) ||
        !entry_of(ch->target, a, &target, err) ||
        !table_merge_decide(m->catalog, &base, &source, &target, a, &ch->table, err))
        return fail_in(err, "merge " STR_FMT, STR_ARG(name_to_text(ch->ns, ch->name, a)));
    const struct table_merge *t = &ch->table;
    if (t->kind == TABLE_CONFLICT)
        refuse(ch, t->replaced ? CONFLICT_REPLACED : CONFLICT_CHANGED, t->reason);
    else if (t->kind == TABLE_KEEP)
        keep_target(ch, target.snapshot_id);
    else if (t->kind == TABLE_TAKE)
        accept(ch, MERGE_TAKEN, STR("the source has all of the target's rows"));
    else
        accept(ch, is_append(t) ? MERGE_REAPPLIED : MERGE_COMBINED, combine_text(t, a));
    return true;
}

/* Properties key by key; of a namespace made on both sides too, by the same rule. */
static bool decide_namespace(struct change *ch, struct error *err)
{
    struct entry base, source, target;
    struct property_list set, removed;
    struct arena *a = ch->arena;
    str key;
    if (!entry_of(ch->base, a, &base, err) || !entry_of(ch->source, a, &source, err) ||
        !entry_of(ch->target, a, &target, err))
        return false;
    struct property_list b = { base.props, base.props_n }, s = { source.props, source.props_n },
                         t = { target.props, target.props_n };
    if (!properties_merge(&b, &s, &t, a, &set, &removed, &key)) {
        refuse(ch, ch->base.ptr ? CONFLICT_CHANGED : CONFLICT_EXISTS,
               arena_printf(a, "property \"" STR_FMT "\" changed on both sides", STR_ARG(key)));
        return true;
    }
    struct property *all = arena_array(a, struct property, t.n + set.n);
    size_t n = 0;
    for (size_t i = 0; i < t.n; i++) {
        bool gone = false;
        for (size_t k = 0; k < set.n + removed.n && !gone; k++)
            gone = str_eq(t.at[i].key, k < set.n ? set.at[k].key : removed.at[k - set.n].key);
        if (!gone)
            all[n++] = t.at[i];
    }
    for (size_t i = 0; i < set.n; i++)
        all[n++] = set.at[i];
    target.props = all;
    target.props_n = n;
    accept(ch, MERGE_COMBINED, STR("properties of both sides"));
    return entry_encode(&target, a, &ch->combined, err);
}

static bool decide_one(void *ctx, size_t i, struct error *err)
{
    struct merge *m = ctx;
    struct change *ch = m->work.at[i];
    return ch->type == ENTRY_NAMESPACE ? decide_namespace(ch, err) : decide_table(m, ch, err);
}

/* Reading and writing files is mostly waiting, so the entries are shared out to threads. */
static bool share_out(struct merge *m, bool (*fn)(void *ctx, size_t i, struct error *err),
                      struct error *err)
{
    return pool_for(m->work.n > 1 ? m->catalog->pool : NULL, m->work.n, fn, m, err);
}

static bool decide_contents(struct merge *m, struct attempt *t, struct error *err)
{
    m->work.n = 0;
    for (size_t i = 0; i < m->changes.n; i++) {
        struct change *ch = &m->changes.at[i];
        if (!ch->both || ch->report->conflict)
            continue;
        ch->arena = arena_create(0);
        arena_defer(t->out, destroy_arena, ch->arena);
        *vec_push(t->arena, &m->work) = ch;
    }
    return share_out(m, decide_one, err);
}

static str rewritten_text(const struct table_merge *t, struct arena *a)
{
    struct buf b = BUF_INIT(REWRITTEN_BYTES_MAX);
    struct json_writer w;
    jw_init(&w, &b);
    jw_begin_array(&w);
    for (size_t i = 0; i < t->rewritten.n; i++)
        jw_str(&w, t->rewritten.at[i]);
    jw_end_array(&w);
    str out = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* Adds a snapshot; what came from where is named in it. */
static bool add_snapshot(struct merge *m, struct change *ch, struct snapshot_change *change,
                         str location, struct error *err)
{
    struct arena *a = ch->arena;
    const struct table_merge *t = &ch->table;
    struct property *summary = arena_array(a, struct property, 4);
    summary[0] = (struct property){ STR("firn.merged-ref"), m->source_name };
    summary[1] = (struct property){ STR(MERGED_COMMIT), sha_text(&m->source.id, a) };
    summary[2] = (struct property){ STR("firn.merged-snapshot-id"),
                                    arena_printf(a, "%" PRId64, t->source->current_snapshot_id) };
    summary[3] = (struct property){ STR(REWRITTEN_FILES), rewritten_text(t, a) };
    change->summary = (struct property_list){ summary, t->rewritten.n ? 4 : 3 };
    struct snapshot_result r = { 0 };
    bool ok = snapshot_produce(m->catalog->store, m->catalog->env, ch->next, change, a, &r, err);
    for (size_t i = 0; i < r.written_n; i++)
        *vec_push(a, &ch->written) = r.written[i];
    int64_t now_ms = catalog_now_us(m->catalog, ch->next->last_updated_ms * 1000) / 1000;
    if (ch->next != t->target) /* the metadata log has the entry already */
        location = (str){ 0 };
    if (ok)
        ok = metadata_apply(ch->next, location, r.updates, r.updates_n, now_ms, a, &ch->next, err);
    if (!ok && err->code == ERR_CONFLICT) { /* a file is gone: that stays so */
        refuse(ch, CONFLICT_CHANGED, arena_printf(a, "%s", err->msg));
        return true;
    }
    return ok;
}

static bool add_snapshots(struct merge *m, struct change *ch, str location, struct error *err)
{
    const struct table_merge *t = &ch->table;
    struct snapshot_change undo = { .operation = SNAPSHOT_DELETE,
                                    .removed = t->undone.at,
                                    .removed_n = t->undone.n };
    struct snapshot_change rest = { .operation = t->operation,
                                    .added = t->files.at,
                                    .added_n = t->files.n,
                                    .removed = t->removed.at,
                                    .removed_n = t->removed.n };
    if (t->undone.n && !add_snapshot(m, ch, &undo, location, err))
        return false;
    return ch->report->conflict || (t->files.n == 0 && t->removed.n == 0) ||
           add_snapshot(m, ch, &rest, location, err);
}

static bool combine_table(struct merge *m, struct change *ch, struct error *err)
{
    struct entry target;
    struct arena *a = ch->arena;
    const struct table_merge *t = &ch->table;
    int64_t now_ms = catalog_now_us(m->catalog, t->target->last_updated_ms * 1000) / 1000;
    if (!entry_of(ch->target, a, &target, err))
        return false;
    ch->next = t->target;
    if (!metadata_apply(t->target, target.location, t->updates.list.at, t->updates.list.n, now_ms,
                        a, &ch->next, err))
        return false;
    if (!add_snapshots(m, ch, target.location, err))
        return false;
    if (ch->report->conflict)
        return true;
    bool saved = metadata_check_places(m->catalog, NULL, ch->next, err) &&
                 metadata_save(m->catalog, ch->next, target.location, a, &ch->location, NULL, err);
    if (ch->location.len)
        *vec_push(a, &ch->written) = ch->location;
    struct entry e = metadata_entry(ch->next, ch->location);
    ch->report->snapshot_id = e.snapshot_id;
    return saved && entry_encode(&e, a, &ch->combined, err);
}

static bool combine_one(void *ctx, size_t i, struct error *err)
{
    struct merge *m = ctx;
    struct change *ch = m->work.at[i];
    return combine_table(m, ch, err) ||
           fail_in(err, "merge " STR_FMT, STR_ARG(name_to_text(ch->ns, ch->name, ch->arena)));
}

static size_t count_conflicts(const struct merge_result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->entries[i].conflict;
    return n;
}

/* Whatever was named counts as written, whether or not all went well. */
static bool combine_tables(struct merge *m, struct attempt *t, struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < m->work.n; i++)
        if (m->work.at[i]->type == ENTRY_TABLE && m->work.at[i]->table.kind == TABLE_COMBINE)
            m->work.at[n++] = m->work.at[i];
    m->work.n = n;
    bool ok = share_out(m, combine_one, err);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m->work.at[i]->written.n; k++)
            *vec_push(t->arena, &t->written) = m->work.at[i]->written.at[k];
    return ok;
}

static void plan_change(struct attempt *t, struct change *ch)
{
    if (ch->report->action == MERGE_KEPT)
        attempt_edit(t, ch->key)->expected = ch->target;
    else if (ch->combined.ptr)
        attempt_put(t, ch->key, ch->type, ch->target, ch->combined);
    else if (ch->source.ptr)
        attempt_put(t, ch->key, ch->type, ch->target, ch->source);
    else
        attempt_remove(t, ch->key, ch->type, ch->target);
}

/* Sets what the result says when nothing is published. */
static bool stop(struct merge *m, struct attempt *t, bool applied)
{
    t->finished = true;
    m->out->applied = applied;
    m->out->conflicts_n = count_conflicts(m->out);
    return true;
}

static bool changes_something(const struct merge *m)
{
    for (size_t i = 0; i < m->changes.n; i++)
        if (m->changes.at[i].report->action != MERGE_KEPT)
            return true;
    return false;
}

/* Files of a merge that met a conflict while it wrote are garbage. */
static bool stop_writing(struct merge *m, struct attempt *t)
{
    garbage_add(t->catalog, "failed merge", t->written.at, t->written.n);
    return stop(m, t, false);
}

static bool plan_contents(struct merge *m, struct attempt *t, struct error *err)
{
    view_close(&t->view);
    if (!decide_contents(m, t, err))
        return false;
    if (count_conflicts(m->out) > 0 || m->options.dry_run)
        return stop(m, t, false);
    if (!combine_tables(m, t, err))
        return false;
    if (count_conflicts(m->out) > 0)
        return stop_writing(m, t);
    for (size_t i = 0; i < m->changes.n; i++)
        plan_change(t, &m->changes.at[i]);
    return true;
}

/* ---- Merges ---- */

/* The branch where the caller saw it. */
static bool check_head(const struct merge *m, struct attempt *t, struct error *err)
{
    struct sha256 want;
    if (m->options.head.len == 0)
        return true;
    if (!sha_parse(m->options.head, &want))
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a commit id",
                    STR_ARG(m->options.head));
    if (!sha_equal(&want, &t->view.commit.id))
        return fail(err, ERR_CONFLICT, "branch " STR_FMT " has moved to " STR_FMT,
                    STR_ARG(t->view.ref.name), STR_ARG(sha_text(&t->view.commit.id, t->out)));
    t->request.head = &t->view.commit.id;
    return true;
}

static void start_over(struct merge *m)
{
    *m->out = (struct merge_result){ 0 };
    m->changes.n = m->work.n = m->work.cap = 0;
    m->work.at = NULL;
}

static bool find_source(struct merge *m, struct attempt *t, struct error *err)
{
    bool found;
    struct sha256 base;
    struct ref_row source_ref;
    if (!ref_resolve(t->view.tx, m->req->from, t->out, &source_ref, &m->source, err) ||
        !history_merge_base(t->view.tx, &m->source.id, &t->view.commit.id, &found, &base, err))
        return false;
    m->source_name = source_ref.name;
    if (!found)
        return fail(err, ERR_INVALID, STR_FMT " and " STR_FMT " have no common history",
                    STR_ARG(m->source_name), STR_ARG(t->view.ref.name));
    m->out->base_id = sha_text(&base, t->out);
    return commit_load(t->view.tx, &base, t->out, &m->base, err);
}

static bool may_forward(const struct merge *m, const struct attempt *t)
{
    return sha_equal(&m->base.id, &t->view.commit.id) && !m->req->no_fast_forward &&
           m->options.behavior == MERGE_NORMAL && m->options.keys_n == 0;
}

static bool plan_merge(void *ctx, struct attempt *t, struct error *err)
{
    struct merge *m = ctx;
    start_over(m);
    t->request.action = REF_MERGE;
    if (!check_head(m, t, err) || !find_source(m, t, err))
        return false;
    m->out->up_to_date = sha_equal(&m->base.id, &m->source.id);
    if (m->out->up_to_date)
        return stop(m, t, true);
    if (!tree_diff(&t->view.tree, &m->base.root, &m->source.root, collect, m, err) ||
        !decide_all(m, t, err))
        return false;
    m->out->fast_forward = may_forward(m, t);
    if (m->out->fast_forward) {
        view_close(&t->view);
        t->request.head = &t->view.commit.id;
        t->request.move_to = &m->source.id;
        return !m->options.dry_run || stop(m, t, false);
    }
    t->request.second_parent = &m->source.id;
    if (t->info->message.len == 0)
        t->request.message = arena_printf(t->arena, "merge " STR_FMT " into " STR_FMT,
                                          STR_ARG(m->source_name), STR_ARG(t->view.ref.name));
    return plan_contents(m, t, err);
}

static bool merged(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                   struct error *err)
{
    struct merge *m = ctx;
    (void)err;
    if (replayed)
        *m->out = (struct merge_result){ 0 };
    if (!t->finished || replayed)
        m->out->applied = true;
    m->out->commit_id = sha_text(commit, t->out);
    return true;
}

bool catalog_merge(struct catalog *c, const struct merge_request *req,
                   const struct commit_info *info, struct arena *a, struct merge_result *out,
                   struct error *err)
{
    struct merge m = { .req = req,
                       .options = { req->head, req->dry_run, req->behavior, req->keys,
                                    req->keys_n },
                       .catalog = c,
                       .out = out,
                       .arena = a };
    str what =
        arena_printf(a, "merge " STR_FMT " into " STR_FMT, STR_ARG(req->from), STR_ARG(req->into));
    *out = (struct merge_result){ 0 };
    return attempt_run(c, req->into, info, what, plan_merge, merged, &m, a, NULL, err);
}

/* ---- Picks ---- */

static bool collect_commit(struct merge *m, struct attempt *t, str ref, struct commit *at,
                           struct error *err)
{
    struct ref_row row;
    struct commit parent;
    if (!ref_resolve(t->view.tx, ref, t->out, &row, at, err))
        return false;
    if (at->parents_n == 0)
        return fail(err, ERR_INVALID, "commit " STR_FMT " has no parent to compare with",
                    STR_ARG(sha_text(&at->id, t->out)));
    if (!commit_load(t->view.tx, &at->parents[0], t->out, &parent, err))
        return false;
    bool revert = m->pick->revert;
    return tree_diff(&t->view.tree, revert ? &at->root : &parent.root,
                     revert ? &parent.root : &at->root, collect_next, m, err);
}

/* One commit keeps its message; of several the ids are named, as far as there is room. */
static void pick_message(struct merge *m, struct attempt *t)
{
    const struct pick_request *req = m->pick;
    struct buf text = BUF_INIT(8192);
    str id = sha_text(&m->source.id, t->arena);
    if (t->info->message.len)
        return;
    if (req->commits_n == 1 && !req->revert)
        buf_printf(&text, STR_FMT, STR_ARG(m->source.message));
    else if (req->commits_n == 1)
        buf_printf(&text, "revert \"" STR_FMT "\"\n\nThis reverts commit " STR_FMT ".",
                   STR_ARG(m->source.message), STR_ARG(id));
    else
        buf_printf(&text, "%s %zu commits up to " STR_FMT, req->revert ? "revert" : "pick",
                   req->commits_n, STR_ARG(id));
    t->request.message = buf_str(&text).len ? arena_str(t->arena, buf_str(&text)) : STR("pick");
    buf_deinit(&text);
}

/* A table that goes back to an older metadata file needs the snapshot that this names. */
static bool check_restored(struct merge *m, struct change *ch, struct arena *a, struct error *err)
{
    struct entry e;
    const struct metadata *md;
    struct store_info info;
    str path;
    if (ch->type != ENTRY_TABLE || !ch->source.ptr || !is_taken(ch))
        return true;
    if (!entry_of(ch->source, a, &e, err))
        return false;
    bool ok = metadata_load(m->catalog, e.location, e.uuid, a, &md, err);
    const struct snapshot *s = ok ? metadata_snapshot(md) : NULL;
    if (ok && s && s->manifest_list.len)
        ok = store_from_uri(m->catalog->store, s->manifest_list, a, &path, err) &&
             store_head(m->catalog->store, path, &info, err);
    if (ok || err->code != ERR_NOT_FOUND)
        return ok;
    refuse(ch, CONFLICT_CHANGED, STR("the files of its earlier state are gone"));
    return true;
}

static bool collect_picks(struct merge *m, struct attempt *t, struct error *err)
{
    map_init(&m->picked, t->out);
    for (size_t i = 0; i < m->pick->commits_n; i++)
        if (!collect_commit(m, t, m->pick->commits[i], &m->source, err))
            return false;
    m->source_name = m->pick->commits[m->pick->commits_n - 1];
    return true;
}

static bool plan_pick(void *ctx, struct attempt *t, struct error *err)
{
    struct merge *m = ctx;
    start_over(m);
    t->request.action = m->pick->revert ? REF_WRITE : REF_MERGE;
    if (!check_head(m, t, err) || !collect_picks(m, t, err) || !decide_all(m, t, err))
        return false;
    view_close(&t->view);
    for (size_t i = 0; m->pick->revert && i < m->changes.n; i++)
        if (!check_restored(m, &m->changes.at[i], t->out, err))
            return false;
    pick_message(m, t);
    if (!plan_contents(m, t, err) || t->finished)
        return t->finished;
    m->out->up_to_date = !changes_something(m);
    return !m->out->up_to_date || stop(m, t, true);
}

bool catalog_pick(struct catalog *c, const struct pick_request *req, const struct commit_info *info,
                  struct arena *a, struct merge_result *out, struct error *err)
{
    struct merge m = { .pick = req,
                       .options = { req->head, req->dry_run, req->behavior, req->keys,
                                    req->keys_n },
                       .catalog = c,
                       .out = out,
                       .arena = a };
    *out = (struct merge_result){ 0 };
    if (req->commits_n == 0 || req->commits_n > PICK_MAX)
        return fail(err, ERR_INVALID, "1 to %d commits are picked at once, not %zu", PICK_MAX,
                    req->commits_n);
    struct buf what = BUF_INIT((size_t)1 << 20);
    buf_printf(&what, "%s", req->revert ? "revert" : "pick");
    for (size_t i = 0; i < req->commits_n; i++)
        buf_printf(&what, " " STR_FMT, STR_ARG(req->commits[i]));
    buf_printf(&what, " into " STR_FMT, STR_ARG(req->into));
    str text = arena_str(a, buf_str(&what));
    buf_deinit(&what);
    return attempt_run(c, req->into, info, text, plan_pick, merged, &m, a, NULL, err);
}
