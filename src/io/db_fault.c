/* SPDX-License-Identifier: Apache-2.0 */
#include "io/db.h"

#include <pthread.h>

struct fault_tx {
    struct db_tx tx; /* first */
    struct db_tx *real;
    struct fault_tx *next; /* while free */
};

struct db_fault {
    struct db base;
    struct db *real;
    struct fault *plan;
    pthread_mutex_t lock; /* guards arena and free */
    struct arena *arena;
    struct fault_tx *free;
};

static struct db_fault *faulty(struct db *db)
{
    return (struct db_fault *)db;
}

static struct fault_tx *take_tx(struct db_fault *f)
{
    pthread_mutex_lock(&f->lock);
    struct fault_tx *t = f->free;
    if (t)
        f->free = t->next;
    else
        t = arena_new(f->arena, struct fault_tx);
    pthread_mutex_unlock(&f->lock);
    return t;
}

/* Gives the wrapper back and answers what it wrapped. */
static struct db_tx *unwrap(struct db_fault *f, struct db_tx *tx)
{
    struct fault_tx *t = (struct fault_tx *)tx;
    struct db_tx *real = t->real;
    pthread_mutex_lock(&f->lock);
    t->next = f->free;
    f->free = t;
    pthread_mutex_unlock(&f->lock);
    return real;
}

static bool fault_begin(struct db *db, bool writes, struct db_tx **tx, struct error *err)
{
    struct db_fault *f = faulty(db);
    struct db_tx *real = NULL;
    bool hit = fault_hit(f->plan, false);
    if (!fault_before(f->plan, hit, "begin", err))
        return false;
    bool done = f->real->ops->begin(f->real, writes, &real, err);
    if (!fault_after(f->plan, hit, false, done, "begin", err)) {
        if (done)
            db_rollback(real);
        return false;
    }
    struct fault_tx *t = take_tx(f);
    *t = (struct fault_tx){ .tx = { .db = db, .writes = writes }, .real = real };
    *tx = &t->tx;
    return true;
}

static bool fault_run(struct db_tx *tx, str sql, const struct db_value *args, size_t n,
                      struct arena *a, struct db_rows *rows, struct error *err)
{
    struct db_fault *f = faulty(tx->db);
    bool hit = fault_hit(f->plan, false);
    if (!fault_before(f->plan, hit, "run", err))
        return false;
    bool ok = db_run(((struct fault_tx *)tx)->real, sql, args, n, a, rows, err);
    return fault_after(f->plan, hit, false, ok, "run", err);
}

static bool fault_script(struct db_tx *tx, str sql, struct error *err)
{
    struct db_fault *f = faulty(tx->db);
    struct db_tx *real = ((struct fault_tx *)tx)->real;
    bool hit = fault_hit(f->plan, false);
    if (!fault_before(f->plan, hit, "script", err))
        return false;
    return fault_after(f->plan, hit, false, real->db->ops->script(real, sql, err), "script", err);
}

static bool fault_commit(struct db_tx *tx, struct error *err)
{
    struct db_fault *f = faulty(tx->db);
    bool writes = tx->writes;
    struct db_tx *real = unwrap(f, tx);
    bool hit = fault_hit(f->plan, writes);
    if (!fault_before(f->plan, hit, "commit", err)) {
        db_rollback(real);
        return false;
    }
    return fault_after(f->plan, hit, writes, db_commit(real, err), "commit", err);
}

static void fault_rollback(struct db_tx *tx)
{
    db_rollback(unwrap(faulty(tx->db), tx));
}

static void fault_close(struct db *db)
{
    struct db_fault *f = faulty(db);
    pthread_mutex_destroy(&f->lock);
    arena_destroy(f->arena);
}

static const struct db_ops fault_ops = {
    .begin = fault_begin,
    .run = fault_run,
    .script = fault_script,
    .commit = fault_commit,
    .rollback = fault_rollback,
    .close = fault_close,
};

struct db *db_fault_create(struct db *real, struct fault *plan)
{
    struct arena *a = arena_create(0);
    struct db_fault *f = arena_new(a, struct db_fault);
    f->base.ops = &fault_ops;
    f->real = real;
    f->plan = plan;
    f->arena = a;
    pthread_mutex_init(&f->lock, NULL);
    return &f->base;
}
