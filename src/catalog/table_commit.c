/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit of one or several tables.  Per attempt: read the entries and their metadata in one
 * view of the branch, check requirements, apply updates, write the new metadata files, publish.
 * When another attempt moved one of these tables first, everything is looked at again, and only a
 * requirement that fails then is a conflict.
 *
 * Replays (C5): a snapshot id belongs to one commit for ever.  When all snapshots that a commit
 * would add are in its tables already, or the ledger says that they were once added to this branch,
 * the commit has been applied. */
#include <inttypes.h>

#include "base/thread.h"
#include "catalog/confine.h"
#include "catalog/garbage.h"
#include "catalog/table_priv.h"
#include "catalog/turns_priv.h"
#include "iceberg/update.h"
#include "io/store.h"

#define CHANGES_MAX 1000 /* tables in one commit */

struct table_plan { /* of one change, in one attempt */
    const struct table_change *change;
    bool found;
    struct entry entry;
    str old_value, location;
    const struct metadata *base, *next;
    struct metadata_draft *draft; /* that next lives in, or NULL */
    struct arena *arena;          /* while the file is written */
    struct buf *text;             /* the file's bytes, when they are wanted */
};

struct table_commit {
    const struct table_change *changes;
    size_t n;
    str ref;
    struct table_plan *plans;
    struct commit_result *out;
    bool applied_before;
    struct sha256 applied_commit;
};

static bool load_base(struct attempt *t, struct table_plan *p, struct error *err)
{
    const struct table_change *ch = p->change;
    str key = key_entry(ENTRY_TABLE, ch->ns, ch->name, t->arena);
    if (!view_entry(&t->view, key, t->out, &p->found, &p->entry, &p->old_value, err))
        return false;
    if (p->found && p->entry.type == ENTRY_TABLE)
        return metadata_load(t->catalog, p->entry.location, p->entry.uuid, t->out, &p->base, err);
    p->found = false;
    p->old_value = (str){ 0 };
    for (size_t i = 0; i < ch->requirements_n; i++)
        if (ch->requirements[i].kind == REQUIRE_CREATE)
            return table_need_free(t, ch->ns, ch->name, err);
    return fail(err, ERR_NOT_FOUND, "Table does not exist: " STR_FMT,
                STR_ARG(name_to_text(ch->ns, ch->name, t->arena)));
}

static str snapshot_ledger_key(const struct attempt *t, str uuid, int64_t snapshot_id)
{
    return arena_printf(t->arena, "snapshot:" STR_FMT ":%" PRId64 ":" STR_FMT, STR_ARG(uuid),
                        snapshot_id, STR_ARG(t->view.ref.name));
}

static bool has_snapshot(const struct metadata *m, const struct snapshot *s)
{
    const struct snapshot *there = m ? metadata_snapshot_by_id(m, s->id) : NULL;
    return there && str_eq(there->manifest_list, s->manifest_list);
}

/* Whether the change adds snapshots and all of them are in the table. */
static bool is_in_table(const struct table_plan *p)
{
    size_t adds = 0;
    for (size_t i = 0; i < p->change->updates_n; i++)
        if (p->change->updates[i].kind == UPDATE_ADD_SNAPSHOT) {
            if (!has_snapshot(p->base, p->change->updates[i].snapshot))
                return false;
            adds++;
        }
    return adds > 0;
}

/* The commit that the ledger has for a snapshot, if it is part of the branch's history. */
static bool ledger_commit(struct attempt *t, str uuid, int64_t snapshot_id, bool *found,
                          struct sha256 *out, struct error *err)
{
    str body;
    if (!ledger_find(t->view.tx, snapshot_ledger_key(t, uuid, snapshot_id), t->arena, found, out,
                     &body, err))
        return false;
    return !*found || history_contains(t->view.tx, &t->view.commit.id, out, found, err);
}

/* As is_in_table, by the ledger: the snapshots may have expired since. */
static bool is_in_ledger(struct attempt *t, const struct table_plan *p, bool *out,
                         struct sha256 *commit, struct error *err)
{
    *out = false;
    for (size_t i = 0; i < p->change->updates_n; i++) {
        const struct table_update *u = &p->change->updates[i];
        if (u->kind != UPDATE_ADD_SNAPSHOT || !p->base)
            continue;
        if (!ledger_commit(t, p->base->uuid, u->snapshot->id, out, commit, err))
            return false;
        if (!*out)
            return true;
    }
    return true;
}

static bool is_replay(struct attempt *t, struct table_commit *tc, bool ask_ledger, bool *out,
                      struct error *err)
{
    *out = tc->n > 0;
    tc->applied_commit = t->view.commit.id;
    for (size_t i = 0; i < tc->n && *out; i++) {
        *out = is_in_table(&tc->plans[i]);
        if (!*out && ask_ledger && !is_in_ledger(t, &tc->plans[i], out, &tc->applied_commit, err))
            return false;
    }
    return true;
}

/* The commit that added the first change's snapshot, for the answer to a replay. */
static bool replayed_commit(struct attempt *t, struct table_commit *tc, struct error *err)
{
    bool found;
    struct sha256 commit;
    if (!is_in_ledger(t, &tc->plans[0], &found, &commit, err))
        return false;
    if (found)
        tc->applied_commit = commit;
    tc->applied_before = true;
    t->finished = true;
    return true;
}

static bool check_snapshots(struct attempt *t, const struct table_change *ch, struct error *err)
{
    for (size_t i = 0; i < ch->updates_n; i++) {
        str list = { 0 };
        if (ch->updates[i].kind == UPDATE_ADD_SNAPSHOT)
            list = ch->updates[i].snapshot->manifest_list;
        if (!check_place(t->catalog, "manifest list", list, t->arena, err))
            return false;
    }
    return true;
}

/* Into a draft where that is possible, so that the next commit need not read what this one writes. */
static bool apply_updates(struct attempt *t, struct table_plan *p, int64_t now_ms,
                          struct error *err)
{
    const struct table_change *ch = p->change;
    struct table_update *copies;
    str location = p->entry.location;
    p->draft = p->base ? metadata_draft(t->catalog, p->base, location, t->out) : NULL;
    struct arena *own = p->draft ? metadata_draft_arena(p->draft) : NULL;
    if (p->draft && table_updates_copy(ch->updates, ch->updates_n, own, &copies))
        return metadata_apply(p->base, arena_str(own, location), copies, ch->updates_n, now_ms, own,
                              &p->next, err);
    p->draft = NULL;
    return metadata_apply(p->base, location, ch->updates, ch->updates_n, now_ms, t->out, &p->next,
                          err);
}

static bool apply_change(struct attempt *t, struct table_plan *p, struct error *err)
{
    const struct table_change *ch = p->change;
    int64_t now_ms = env_now_ms(t->catalog->env);
    if (p->base && p->base->last_updated_ms > now_ms)
        now_ms = p->base->last_updated_ms;
    return requirements_check(ch->requirements, ch->requirements_n, p->base, err) &&
           check_snapshots(t, ch, err) && apply_updates(t, p, now_ms, err) &&
           (p->next == p->base || metadata_check_places(t->catalog, p->base, p->next, err));
}

static bool apply_all(struct attempt *t, struct table_commit *tc, struct error *err)
{
    for (size_t i = 0; i < tc->n; i++) {
        const struct table_change *ch = tc->plans[i].change;
        if (apply_change(t, &tc->plans[i], err))
            continue;
        if (tc->n > 1)
            fail_in(err, "table " STR_FMT, STR_ARG(name_to_text(ch->ns, ch->name, t->arena)));
        return false;
    }
    return true;
}

static bool confine_all(struct attempt *t, struct table_commit *tc, struct error *err)
{
    for (size_t i = 0; t->info && t->info->confined && i < tc->n; i++) {
        const struct table_plan *p = &tc->plans[i];
        if (p->next != p->base && !confine_check(t->catalog, tc->ref, p->change->ns,
                                                 p->change->name, p->base, p->next, p->change, err))
            return false;
    }
    return true;
}

static void add_ledger(struct attempt *t, struct table_commit *tc)
{
    VEC(struct ledger_row) rows = { 0 };
    for (size_t i = 0; i < tc->n; i++) {
        const struct table_plan *p = &tc->plans[i];
        for (size_t j = 0; j < p->change->updates_n; j++)
            if (p->change->updates[j].kind == UPDATE_ADD_SNAPSHOT)
                vec_push(t->arena, &rows)->key =
                    snapshot_ledger_key(t, p->next->uuid, p->change->updates[j].snapshot->id);
    }
    t->request.ledger = rows.at;
    t->request.ledger_n = rows.n;
}

struct save_job {
    struct attempt *attempt;
    struct table_commit *commit;
};

/* Runs on several threads at once, each with a plan of its own. */
static bool save_one(void *ctx, size_t i, struct error *err)
{
    struct save_job *job = ctx;
    struct table_plan *p = &job->commit->plans[i];
    return p->next == p->base || metadata_save(job->attempt->catalog, p->next, p->entry.location,
                                               p->arena, &p->location, p->text, err);
}

/* Writing a file is mostly waiting, so that many are written at once.  Whatever was named counts
 * as written. */
static bool save_files(struct attempt *t, struct table_commit *tc, struct error *err)
{
    struct save_job job = { t, tc };
    bool ok = true;
    for (size_t i = 0; i < tc->n; i++)
        tc->plans[i].arena = arena_create(0);
    if (tc->n == 1) { /* who commits several is not answered with them */
        tc->plans->text = arena_new(t->out, struct buf);
        buf_init(tc->plans->text, METADATA_BYTES_MAX);
        buf_in_arena(tc->plans->text, t->out);
    }
    if (tc->n > 1 && t->catalog->pool)
        ok = pool_for(t->catalog->pool, tc->n, save_one, &job, err);
    else
        for (size_t i = 0; ok && i < tc->n; i++)
            ok = save_one(&job, i, err);
    for (size_t i = 0; i < tc->n; i++) {
        struct table_plan *p = &tc->plans[i];
        p->location = arena_str(t->out, p->location);
        if (p->location.len)
            *vec_push(t->arena, &t->written) = p->location;
        arena_destroy(p->arena);
    }
    return ok;
}

static bool plan_entries(struct attempt *t, struct table_commit *tc, struct error *err)
{
    t->finished = true;
    for (size_t i = 0; i < tc->n; i++) {
        struct table_plan *p = &tc->plans[i];
        const struct table_change *ch = p->change;
        str key = key_entry(ENTRY_TABLE, ch->ns, ch->name, t->arena);
        if (p->next == p->base) { /* nothing changes, but what was checked must still hold */
            attempt_edit(t, key)->expected = p->old_value;
            p->location = p->entry.location;
            continue;
        }
        t->finished = false;
        if (!table_plan_entry(t, key, p->next, p->location, p->old_value, err))
            return false;
    }
    return true;
}

static bool is_logged(const struct metadata *m, str file)
{
    for (size_t i = m->metadata_log_n; i-- > 0;)
        if (str_eq(m->metadata_log[i].file, file))
            return true;
    return false;
}

/* Metadata files that fall off the log are garbage when the table says so (write.metadata.delete-after-commit.enabled): they go once no
 * branch, tag or young commit reaches them.  They are listed before the commit, which does no harm if it fails: a process that ends
 * right after it forgets none. */
static bool forget_metadata(struct attempt *t, const struct table_plan *p, struct error *err)
{
    str wanted =
        metadata_property(p->next, "write.metadata.delete-after-commit.enabled", (str){ 0 });
    if (!p->base || p->next == p->base || !str_eq_nocase(wanted, STR("true")))
        return true;
    str *gone = arena_array(t->arena, str, p->base->metadata_log_n + 1);
    size_t n = 0;
    for (size_t i = 0; i < p->base->metadata_log_n; i++)
        if (!is_logged(p->next, p->base->metadata_log[i].file))
            gone[n++] = p->base->metadata_log[i].file;
    return n == 0 || catalog_list_garbage(t->catalog, "old metadata", gone, n, err);
}

static bool plan_commit(void *ctx, struct attempt *t, struct error *err)
{
    struct table_commit *tc = ctx;
    struct error first;
    bool replay;
    tc->plans = arena_array(t->out, struct table_plan, tc->n);
    for (size_t i = 0; i < tc->n; i++) {
        tc->plans[i].change = &tc->changes[i];
        if (!load_base(t, &tc->plans[i], err))
            return false;
    }
    if (!is_replay(t, tc, false, &replay, err))
        return false;
    if (replay)
        return replayed_commit(t, tc, err);
    if (!apply_all(t, tc, err)) {
        first = *err;
        if (is_replay(t, tc, true, &replay, err) && replay)
            return replayed_commit(t, tc, err);
        *err = first;
        return false;
    }
    view_close(&t->view);
    if (!confine_all(t, tc, err))
        return false;
    add_ledger(t, tc);
    if (!save_files(t, tc, err) || !plan_entries(t, tc, err))
        return false;
    for (size_t i = 0; i < tc->n; i++)
        if (!forget_metadata(t, &tc->plans[i], err))
            return false;
    return true;
}

static bool load_results(struct attempt *t, struct table_commit *tc, str ref, struct error *err)
{
    for (size_t i = 0; i < tc->n; i++)
        if (!catalog_load_table(t->catalog, ref, tc->changes[i].ns, tc->changes[i].name, t->out,
                                &tc->out->tables[i], err))
            return false;
    return true;
}

static bool committed(void *ctx, struct attempt *t, const struct sha256 *commit, bool replayed,
                      struct error *err)
{
    struct table_commit *tc = ctx;
    tc->out->replayed = replayed || tc->applied_before;
    tc->out->commit_id = sha_text(tc->applied_before ? &tc->applied_commit : commit, t->out);
    tc->out->tables = arena_array(t->out, struct table, tc->n);
    tc->out->n = tc->n;
    if (replayed)
        return load_results(t, tc, tc->out->commit_id, err);
    for (size_t i = 0; i < tc->n; i++) {
        const struct table_plan *p = &tc->plans[i];
        const struct metadata *m = tc->applied_before ? p->base : p->next;
        str location = tc->applied_before ? p->entry.location : p->location;
        struct table *out = &tc->out->tables[i];
        metadata_table(m, tc->ref, p->change->ns, p->change->name, location, tc->out->commit_id,
                       t->out, out);
        if (p->text)
            out->json = buf_str(p->text);
        if (!tc->applied_before && p->next != p->base)
            metadata_draft_keep(t->catalog, p->draft, m, location);
    }
    return true;
}

static bool check_changes(const struct table_change *changes, size_t n, struct error *err)
{
    if (n == 0 || n > CHANGES_MAX)
        return fail(err, ERR_INVALID, "a commit changes 1 to %d tables, not %zu", CHANGES_MAX, n);
    for (size_t i = 0; i < n; i++) {
        if (!ns_check(changes[i].ns, err) || !name_check(changes[i].name, err))
            return false;
        for (size_t j = 0; j < i; j++)
            if (str_eq(changes[i].ns, changes[j].ns) && str_eq(changes[i].name, changes[j].name))
                return fail(err, ERR_INVALID, "table " STR_FMT " is named twice in one commit",
                            STR_ARG(changes[i].name));
    }
    return true;
}

static str what_of(const struct table_change *changes, size_t n, struct arena *a)
{
    struct buf b = BUF_INIT(4096);
    buf_lit(&b, "commit");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, " " STR_FMT, STR_ARG(name_to_text(changes[i].ns, changes[i].name, a)));
    str out = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

bool table_commit_in_turn(struct catalog *c, str ref, const struct table_change *changes, size_t n,
                          const struct commit_info *info, struct arena *a,
                          struct commit_result *out, struct error *err)
{
    *out = (struct commit_result){ 0 };
    struct table_commit tc = { .changes = changes, .n = n, .ref = ref, .out = out };
    return check_changes(changes, n, err) && attempt_run(c, ref, info, what_of(changes, n, a),
                                                         plan_commit, committed, &tc, a, NULL, err);
}

str table_turn_key(str ref, str ns, str name, struct arena *a)
{
    return arena_printf(a, STR_FMT "%c" STR_FMT "%c" STR_FMT, STR_ARG(ref.len ? ref : MAIN_BRANCH),
                        0, STR_ARG(ns), 0, STR_ARG(name));
}

bool catalog_commit(struct catalog *c, str ref, const struct table_change *changes, size_t n,
                    const struct commit_info *info, struct arena *a, struct commit_result *out,
                    struct error *err)
{
    if (!check_changes(changes, n, err))
        return false;
    str *keys = arena_array(a, str, n);
    for (size_t i = 0; i < n; i++)
        keys[i] = table_turn_key(ref, changes[i].ns, changes[i].name, a);
    struct turn turn;
    turn_take(c->turns, &turn, keys, n);
    bool ok = table_commit_in_turn(c, ref, changes, n, info, a, out, err);
    turn_end(c->turns, &turn);
    return ok;
}
