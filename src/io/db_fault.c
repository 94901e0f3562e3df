/* SPDX-License-Identifier: Apache-2.0 */
#include "io/db.h"

#include "io/fault_pool_priv.h"

_Static_assert(sizeof(struct db_tx) <= FAULT_HEAD_BYTES, "a transaction is the head of a wrapper");

struct db_fault {
    struct db base;
    struct db *real;
    struct fault_pool pool;
};

static struct db_fault *faulty(struct db *db)
{
    return (struct db_fault *)db;
}

static bool fault_begin(struct db *db, bool writes, struct db_tx **tx, struct error *err)
{
    struct db_fault *f = faulty(db);
    struct db_tx *real = NULL;
    FAULTY_OPEN(&f->pool, "begin", f->real->ops->begin(f->real, writes, &real, err),
                db_rollback(real));
    *tx = fault_wrap(&f->pool, real);
    **tx = (struct db_tx){ .db = db, .writes = writes };
    return true;
}

static bool fault_run(struct db_tx *tx, str sql, const struct db_value *args, size_t n,
                      struct arena *a, struct db_rows *rows, struct error *err)
{
    FAULTY(&faulty(tx->db)->pool, "run", db_run(fault_real(tx), sql, args, n, a, rows, err));
}

static bool fault_script(struct db_tx *tx, str sql, struct error *err)
{
    struct db_tx *real = fault_real(tx);
    FAULTY(&faulty(tx->db)->pool, "script", real->db->ops->script(real, sql, err));
}

static bool fault_commit(struct db_tx *tx, struct error *err)
{
    struct fault_pool *pool = &faulty(tx->db)->pool;
    bool writes = tx->writes;
    struct db_tx *real = fault_unwrap(pool, tx);
    FAULTY_COMMIT(pool, writes, db_commit(real, err), db_rollback(real));
}

static void fault_rollback(struct db_tx *tx)
{
    db_rollback(fault_unwrap(&faulty(tx->db)->pool, tx));
}

static void fault_close(struct db *db)
{
    fault_pool_deinit(&faulty(db)->pool);
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
    fault_pool_init(&f->pool, plan, a);
    return &f->base;
}
