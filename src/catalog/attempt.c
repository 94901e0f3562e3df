/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop around every change: look at the branch, plan edits, publish; when an entry that the
 * plan looked at has moved, plan again.  A plan that no longer makes sense then fails with its own
 * words. */
#include "base/log.h"
#include "catalog/catalog_priv.h"
#include "catalog/events_priv.h"

#define ATTEMPTS_MAX 60
#define PAUSE_US_MIN 500
#define PAUSE_US_MAX 100000
#define IDEMPOTENCY_KEY_MAX 255

struct publish_edit *attempt_edit(struct attempt *t, str key)
{
    struct publish_edit *e = vec_push(t->arena, &t->edits);
    e->key = key;
    return e;
}

void attempt_put(struct attempt *t, str key, enum entry_type type, str expected, str value)
{
    struct publish_edit *e = attempt_edit(t, key);
    e->expected = expected;
    e->write = true;
    e->value = value;
    e->type = type;
}

void attempt_remove(struct attempt *t, str key, enum entry_type type, str expected)
{
    attempt_put(t, key, type, expected, (str){ 0 });
    t->edits.at[t->edits.n - 1].remove = true;
}

void attempt_need(struct attempt *t, str key)
{
    attempt_edit(t, key)->expect = EXPECT_PRESENT;
}

void attempt_empty(struct attempt *t, str prefix)
{
    attempt_edit(t, prefix)->expect = EXPECT_EMPTY;
}

static int64_t pause_us(struct env *env, int n)
{
    int64_t limit = PAUSE_US_MIN << (n < 10 ? n : 10);
    limit = limit < PAUSE_US_MAX ? limit : PAUSE_US_MAX;
    return 1 + (int64_t)(env_random_u64(env) % (uint64_t)limit);
}

static str idempotency_row(const struct attempt *t)
{
    return arena_printf(t->arena, "key:" STR_FMT, STR_ARG(t->info->idempotency_key));
}

/* C5: a key that was used gives the outcome recorded under it. */
static bool find_replay(struct attempt *t, str what, bool *found, struct sha256 *commit,
                        struct error *err)
{
    str body;
    *found = false;
    if (t->info->idempotency_key.len == 0)
        return true;
    if (t->info->idempotency_key.len > IDEMPOTENCY_KEY_MAX)
        return fail(err, ERR_INVALID, "idempotency key of %zu bytes is longer than %d",
                    t->info->idempotency_key.len, IDEMPOTENCY_KEY_MAX);
    if (!ledger_find(t->view.tx, idempotency_row(t), t->arena, found, commit, &body, err))
        return false;
    if (*found && !str_eq(body, what))
        return fail(err, ERR_INVALID,
                    "idempotency key was used before for another request: " STR_FMT, STR_ARG(body));
    return true;
}

static void add_ledger(struct attempt *t, str what)
{
    if (t->info->idempotency_key.len == 0)
        return;
    struct ledger_row *rows = arena_array(t->arena, struct ledger_row, t->request.ledger_n + 1);
    for (size_t i = 0; i < t->request.ledger_n; i++)
        rows[i] = t->request.ledger[i];
    rows[t->request.ledger_n++] = (struct ledger_row){ idempotency_row(t), what };
    t->request.ledger = rows;
}

static bool publish_attempt(struct attempt *t, str what, struct error *err)
{
    add_ledger(t, what);
    t->request.edits = t->edits.at;
    t->request.n = t->edits.n;
    t->request.branch = t->view.ref.name;
    t->request.author = t->info->author;
    t->request.who = t->info;
    if (t->request.message.len == 0)
        t->request.message = t->info->message;
    return publish(t->catalog->publisher, &t->request, err);
}

struct run {
    str what;
    attempt_planner plan;
    attempt_done done;
    void *ctx;
    str *commit_id;
    bool again; /* worth another attempt */
};

static bool answer(struct run *r, struct attempt *t, const struct sha256 *commit, bool replayed,
                   struct error *err)
{
    if (r->commit_id)
        *r->commit_id = sha_text(commit, t->out);
    if (!r->done || r->done(r->ctx, t, commit, replayed, err))
        return true;
    if (!t->finished) /* the commit stands, only its outcome could not be read (C4) */
        err->code = ERR_UNKNOWN;
    return false;
}

/* Files of an attempt that came to nothing; not when it is unknown whether it did (C6). */
static void drop_files(struct attempt *t, const struct error *err)
{
    if (err->code != ERR_UNKNOWN && t->written.n > 0)
        garbage_add(t->catalog, "failed commit", t->written.at, t->written.n);
}

static bool attempt_once(struct run *r, struct attempt *t, struct error *err)
{
    bool replay;
    struct sha256 commit;
    r->again = false;
    if (!view_need_branch(&t->view, err) || !find_replay(t, r->what, &replay, &commit, err))
        return false;
    if (replay) {
        view_close(&t->view);
        return answer(r, t, &commit, true, err);
    }
    bool planned = r->plan(r->ctx, t, err);
    view_close(&t->view);
    if (planned && t->finished)
        return answer(r, t, &t->view.commit.id, false, err);
    if (!planned)
        not_published(err);
    else if (publish_attempt(t, r->what, err))
        return answer(r, t, &t->request.commit_id, false, err);
    r->again = planned && err->code == ERR_CONFLICT;
    drop_files(t, err);
    return false;
}

bool attempt_run(struct catalog *c, str ref, const struct commit_info *info, str what,
                 attempt_planner plan, attempt_done done, void *ctx, struct arena *a,
                 str *commit_id, struct error *err)
{
    static const struct commit_info nobody;
    struct run r = { what, plan, done, ctx, commit_id, true };
    bool ok = false;
    for (int n = 0; !ok && r.again && n < ATTEMPTS_MAX; n++) {
        struct arena *scratch = arena_create(0);
        struct attempt t = {
            .catalog = c, .arena = scratch, .out = a, .info = info ? info : &nobody
        };
        if (n > 0)
            env_sleep_us(c->env, pause_us(c->env, n));
        r.again = false;
        ok = view_open(c, ref, scratch, &t.view, err) && attempt_once(&r, &t, err);
        view_close(&t.view);
        arena_destroy(scratch);
    }
    return ok;
}

void garbage_add(struct catalog *c, const char *why, const str *locations, size_t n)
{
    struct db_tx *tx;
    struct error err = { 0 };
    int64_t now_us = env_now_us(c->env);
    bool ok = db_begin(c->db, &tx, &err);
    if (ok) {
        for (size_t i = 0; ok && i < n; i++)
            ok = garbage_insert(tx, locations[i], str_of(why), now_us, &err);
        if (ok)
            ok = db_commit(tx, &err);
        else
            db_rollback(tx);
    }
    if (!ok)
        log_warn("catalog", "%zu files are garbage and not listed: %s", n, err.msg);
}
