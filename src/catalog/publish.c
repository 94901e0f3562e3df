/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/publish_priv.h"

#include <pthread.h>

#include "base/env.h"
#include "base/log.h"
#include "catalog/entry.h"
#include "catalog/events_priv.h"
#include "catalog/operations_priv.h"
#include "catalog/rules_priv.h"
#include "io/store.h"

#define BATCH_MAX 128 /* requests in one transaction */
#define LEDGER_KEEP_US (48 * 3600 * 1000000LL)
#define LEDGER_PRUNE_EVERY 1000 /* transactions */

struct publisher {
    struct arena *arena; /* of this struct */
    struct db *db;
    struct store *store;
    struct env *env;
    struct lru *nodes;
    atomic_uint_least64_t *changes;
    pthread_mutex_t
        lock; /* guards the queue, busy and the done flags; never held in a transaction */
    struct publish_request *first, **last;
    bool busy;
    uint64_t transactions;
};

struct publisher *publisher_create(struct db *db, struct store *store, struct env *env,
                                   struct lru *nodes, atomic_uint_least64_t *changes)
{
    struct arena *a = arena_create(0);
    struct publisher *p = arena_new(a, struct publisher);
    *p = (struct publisher){
        .arena = a, .db = db, .store = store, .env = env, .nodes = nodes, .changes = changes
    };
    pthread_mutex_init(&p->lock, NULL);
    p->last = &p->first;
    return p;
}

void publisher_destroy(struct publisher *p)
{
    if (!p)
        return;
    ASSERT(!p->first && !p->busy);
    pthread_mutex_destroy(&p->lock);
    arena_destroy(p->arena);
}

bool ledger_find(struct db_tx *tx, str key, struct arena *a, bool *found, struct sha256 *commit,
                 str *body, struct error *err)
{
    struct db_rows rows;
    *found = false;
    if (!db_run(tx, STR("SELECT commit_id, body FROM cat_ledger WHERE ledger_key = ?"),
                DB_ARGS(db_val_text(key)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return true;
    str id = db_str(&rows, 0, 0);
    if (id.len != SHA256_LEN)
        return fail(err, ERR_CORRUPT, "ledger names a commit by %zu bytes", id.len);
    memcpy(commit->bytes, id.ptr, SHA256_LEN);
    *body = db_str(&rows, 0, 1);
    *found = true;
    return true;
}

/* A key that is there is kept: its first outcome is the one that was answered. */
bool ledger_add(struct db_tx *tx, const struct ledger_row *row, const struct sha256 *commit,
                int64_t now_us, struct error *err)
{
    return db_run(tx,
                  STR("INSERT INTO cat_ledger (ledger_key, commit_id, body, time_us) "
                      "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
                  DB_ARGS(db_val_text(row->key), db_val_blob(sha_str(commit)),
                          db_val_text(row->body.ptr ? row->body : STR("")), db_val_int(now_us)),
                  NULL, NULL, err);
}

bool garbage_insert(struct db_tx *tx, str location, str why, int64_t now_us, struct error *err)
{
    return db_run(tx,
                  STR("INSERT INTO cat_garbage (location, why, time_us) VALUES (?, ?, ?) "
                      "ON CONFLICT DO NOTHING"),
                  DB_ARGS(db_val_text(location), db_val_text(why), db_val_int(now_us)), NULL, NULL,
                  err);
}

static bool conflict(const struct publish_edit *e, struct arena *a, struct error *err)
{
    str ns = { 0 }, name = { 0 };
    struct error ignored;
    if (e->expect == EXPECT_EMPTY || !key_parse(e->key, &ns, &name, &ignored))
        return fail(err, ERR_CONFLICT, "catalog has changed");
    return fail(err, ERR_CONFLICT, "catalog has changed: " STR_FMT,
                STR_ARG(name_to_text(ns, name, a)));
}

static bool check_empty(const struct tree *t, const struct sha256 *root, str prefix, bool *met,
                        struct error *err)
{
    struct tree_cursor c;
    if (!tree_seek(&c, t, root, prefix, err))
        return false;
    *met = tree_at_end(&c) || !str_starts(c.key, prefix);
    tree_close(&c);
    return true;
}

/* P1: what an edit expects is looked at in the tree that it is then applied to, under the write
 * lock. */
static bool check_edit(const struct tree *t, const struct sha256 *root,
                       const struct publish_edit *e, struct arena *a, struct error *err)
{
    bool met = false, found;
    str value;
    if (e->expect == EXPECT_EMPTY) {
        if (!check_empty(t, root, e->key, &met, err))
            return false;
    } else {
        if (!tree_get(t, root, e->key, a, &found, &value, err))
            return false;
        if (e->expect == EXPECT_PRESENT)
            met = found;
        else
            met = e->expected.ptr ? found && str_eq(value, e->expected) : !found;
    }
    return met || conflict(e, a, err);
}

static bool apply_edits(const struct tree *t, const struct sha256 *root,
                        const struct publish_request *r, struct arena *a, struct sha256 *out,
                        struct error *err)
{
    struct tree_edit *edits = arena_array(a, struct tree_edit, r->n);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct publish_edit *e = &r->edits[i];
        if (!check_edit(t, root, e, a, err))
            return false;
        if (e->write)
            edits[n++] = (struct tree_edit){ e->key, e->value, e->remove };
    }
    return tree_apply(t, root, edits, n, out, err);
}

static int64_t max_i64(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

static void set_parents(struct commit *c, const struct commit *head,
                        const struct publish_request *r)
{
    c->parents[c->parents_n++] = head->id;
    if (r->second_parent)
        c->parents[c->parents_n++] = *r->second_parent;
}

static bool second_generation(struct db_tx *tx, const struct publish_request *r, struct arena *a,
                              int64_t *generation, struct error *err)
{
    struct commit second;
    if (!r->second_parent)
        return true;
    if (!commit_load(tx, r->second_parent, a, &second, err))
        return false;
    *generation = max_i64(*generation, second.generation);
    return true;
}

static bool make_commit(struct publisher *p, struct db_tx *tx, struct publish_request *r,
                        const struct commit *head, struct arena *a, int64_t now_us,
                        struct error *err)
{
    struct node_io io = history_node_io(tx);
    struct tree t = { &io, p->nodes };
    struct commit c = { .time_us = max_i64(now_us, head->time_us), .author = r->author };
    int64_t generation = head->generation;
    set_parents(&c, head, r);
    if (!apply_edits(&t, &head->root, r, a, &c.root, err) ||
        !second_generation(tx, r, a, &generation, err))
        return false;
    c.generation = generation + 1;
    c.operations = operations_json(r->edits, r->n, a);
    c.message = r->message.len ? r->message : operations_message(r->edits, r->n, a);
    if (!commit_save(tx, &c, r->nonce.bytes, err))
        return false;
    r->commit_id = c.id;
    return true;
}

static bool write_rows(struct db_tx *tx, const struct publish_request *r, int64_t now_us,
                       struct error *err)
{
    for (size_t i = 0; i < r->ledger_n; i++)
        if (!ledger_add(tx, &r->ledger[i], &r->commit_id, now_us, err))
            return false;
    for (size_t i = 0; i < r->garbage_n; i++)
        if (!garbage_insert(tx, r->garbage[i], STR("dropped"), now_us, err))
            return false;
    return true;
}

static bool head_of(struct db_tx *tx, const struct publish_request *r, struct arena *a,
                    struct commit *head, struct error *err)
{
    struct ref_row ref;
    if (!ref_resolve(tx, r->branch, a, &ref, head, err))
        return false;
    if (ref.kind != CATALOG_BRANCH)
        return fail(err, ERR_INVALID, STR_FMT " is not a branch", STR_ARG(r->branch));
    if (r->head && !sha_equal(r->head, &head->id))
        return fail(err, ERR_CONFLICT, "branch " STR_FMT " has moved", STR_ARG(r->branch));
    return true;
}

static bool record(struct db_tx *tx, const struct publish_request *r, const struct sha256 *from,
                   int64_t now_us, struct error *err)
{
    bool merge = r->second_parent || r->move_to;
    return change_record(tx,
                         &(struct change_row){ .kind = merge ? CHANGE_MERGE : CHANGE_COMMIT,
                                               .ref_kind = CATALOG_BRANCH,
                                               .ref = r->branch,
                                               .other = r->move_to ? STR("fast-forward") : STR(""),
                                               .from = from,
                                               .to = &r->commit_id,
                                               .who = r->who },
                         now_us, err);
}

static bool do_request(struct publisher *p, struct db_tx *tx, struct publish_request *r,
                       struct arena *a, struct error *err)
{
    struct commit head;
    bool moved = false;
    int64_t now_us = env_now_us(p->env);
    if (!head_of(tx, r, a, &head, err) || !rules_check(tx, r->branch, r->action, r->who, a, err))
        return false;
    if (r->move_to)
        r->commit_id = *r->move_to;
    else if (!make_commit(p, tx, r, &head, a, now_us, err))
        return false;
    if (!ref_move(tx, r->branch, &head.id, &r->commit_id, now_us, &moved, err))
        return false;
    if (!moved)
        return fail(err, ERR_CONFLICT, "branch " STR_FMT " has moved", STR_ARG(r->branch));
    return record(tx, r, &head.id, now_us, err) && write_rows(tx, r, now_us, err);
}

/* Runs one request in a savepoint, so that its failure leaves the others' work alone.  False when
 * the transaction itself is lost. */
static bool do_guarded(struct publisher *p, struct db_tx *tx, struct publish_request *r,
                       struct arena *a, struct error *err)
{
    if (!db_run(tx, STR("SAVEPOINT request"), DB_NO_ARGS, NULL, NULL, err))
        return false;
    r->ok = do_request(p, tx, r, a, &r->err);
    if (!r->ok && !db_run(tx, STR("ROLLBACK TO request"), DB_NO_ARGS, NULL, NULL, err))
        return false;
    return db_run(tx, STR("RELEASE request"), DB_NO_ARGS, NULL, NULL, err);
}

static bool prune_ledger(struct publisher *p, struct db_tx *tx, struct error *err)
{
    if (p->transactions++ % LEDGER_PRUNE_EVERY != 0)
        return true;
    return db_run(tx, STR("DELETE FROM cat_ledger WHERE time_us < ?"),
                  DB_ARGS(db_val_int(env_now_us(p->env) - LEDGER_KEEP_US)), NULL, NULL, err);
}

static size_t count_ok(const struct publish_request *batch)
{
    size_t n = 0;
    for (; batch; batch = batch->next)
        n += batch->ok;
    return n;
}

static bool fill_transaction(struct publisher *p, struct db_tx *tx, struct publish_request *batch,
                             struct error *err)
{
    struct arena *a = arena_create(0);
    bool ok = prune_ledger(p, tx, err);
    for (struct publish_request *r = batch; ok && r; r = r->next) {
        ok = do_guarded(p, tx, r, a, err);
        arena_reset(a);
    }
    arena_destroy(a);
    return ok;
}

static bool is_there(struct db_tx *tx, const struct publish_request *r, bool *out,
                     struct error *err)
{
    if (!r->move_to)
        return commit_exists(tx, &r->commit_id, out, err);
    struct arena *a = arena_create(0);
    struct ref_row ref;
    bool found, ok = ref_load(tx, r->branch, a, &found, &ref, err);
    if (ok && found)
        ok = history_contains(tx, &ref.commit_id, r->move_to, out, err);
    arena_destroy(a);
    return ok;
}

/* C4: the answer to a commit was lost, so the outcome is read back.  All requests of a transaction
 * share it. */
static bool was_committed(struct publisher *p, const struct publish_request *batch, bool *out,
                          struct error *err)
{
    while (batch && !batch->ok)
        batch = batch->next;
    struct db_tx *tx;
    if (!batch || !db_read_begin(p->db, &tx, err))
        return false;
    bool ok = is_there(tx, batch, out, err);
    db_rollback(tx);
    return ok;
}

static void fail_all(struct publish_request *batch, const struct error *err)
{
    for (; batch; batch = batch->next)
        if (batch->ok) {
            batch->ok = false;
            batch->err = *err;
        }
}

static void finish_transaction(struct publisher *p, struct db_tx *tx, struct publish_request *batch)
{
    struct error err = { 0 }, read_err = { 0 };
    bool there = false;
    if (db_commit(tx, &err))
        return;
    if (err.code == ERR_UNKNOWN && was_committed(p, batch, &there, &read_err) && there) {
        log_warn("catalog", "commit is durable though its answer was lost: %s", err.msg);
        return;
    }
    fail_all(batch, &err);
}

/* Every request of the batch is settled afterwards: ok, or err set.  The files that the requests name are durable before the
 * transaction begins (C2). */
static void run_batch(struct publisher *p, struct publish_request *batch)
{
    struct error err = { 0 };
    struct db_tx *tx;
    bool ok = store_flush(p->store, &err) && db_begin(p->db, &tx, &err);
    if (ok && !fill_transaction(p, tx, batch, &err)) {
        db_rollback(tx);
        ok = false;
    }
    if (!ok) {
        for (struct publish_request *r = batch; r; r = r->next) {
            r->ok = false;
            r->err = err;
        }
    } else if (count_ok(batch) == 0) {
        db_rollback(tx);
    } else {
        finish_transaction(p, tx, batch);
        atomic_fetch_add(p->changes, 1);
    }
}

static struct publish_request *take_batch(struct publisher *p)
{
    struct publish_request *batch = p->first, **end = &p->first;
    for (int n = 0; *end && n < BATCH_MAX; n++)
        end = &(*end)->next;
    p->first = *end;
    *end = NULL;
    if (!p->first)
        p->last = &p->first;
    return batch;
}

static void lead(struct publisher *p)
{
    struct publish_request *batch = take_batch(p);
    p->busy = true;
    pthread_mutex_unlock(&p->lock);
    run_batch(p, batch);
    pthread_mutex_lock(&p->lock);
    for (struct publish_request *r = batch, *next; r; r = next) {
        next = r->next; /* r's owner may leave as soon as the lock is free */
        r->done = true;
        pthread_cond_signal(&r->settled);
    }
    p->busy = false;
    if (p->first)
        pthread_cond_signal(&p->first->settled);
}

bool publish(struct publisher *p, struct publish_request *r, struct error *err)
{
    env_random(p->env, r->nonce.bytes, sizeof r->nonce.bytes);
    r->done = r->ok = false;
    r->next = NULL;
    r->err = (struct error){ 0 };
    pthread_cond_init(&r->settled, NULL);
    pthread_mutex_lock(&p->lock);
    *p->last = r;
    p->last = &r->next;
    while (!r->done) {
        if (p->busy)
            pthread_cond_wait(&r->settled, &p->lock);
        else
            lead(p);
    }
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&r->settled);
    if (!r->ok)
        *err = r->err;
    return r->ok;
}
