/* SPDX-License-Identifier: Apache-2.0
 *
 * What durability and lookups cost on this machine: puts, commits, point reads.  Each line is one
 * measure over a fixed count, on one thread and on several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/thread.h"
#include "io/db.h"
#include "io/kv.h"
#include "io/store.h"

#define THREADS 4
#define PUTS 2000
#define COMMITS 2000
#define KEYS 1000000
#define READS 4000000
#define VALUE_BYTES 100

struct bench {
    struct store *store;
    struct db *db;
    struct kv *kv;
    struct kv_table *table;
    size_t per_job;
};

static void must(bool ok, const struct error *err)
{
    if (!ok)
        panic("%s", err->msg);
}

static void report(const char *what, int threads, size_t n, int64_t from_ns)
{
    double s = (double)(env_monotonic_ns(env_real()) - from_ns) / 1e9;
    printf("%-28s %d thread%s %10.0f /s %9.3f us each\n", what, threads, threads > 1 ? "s" : " ",
           (double)n / s, s / (double)n * 1e6 * threads);
}

static bool put_some(void *ctx, size_t job, struct error *err)
{
    struct bench *b = ctx;
    char path[64], bytes[1000] = { 0 };
    for (size_t i = 0; i < b->per_job; i++) {
        int n = snprintf(path, sizeof path, "t/%zu/%zu", job, i);
        if (!store_put(b->store, str_make(path, (size_t)n), str_make(bytes, sizeof bytes),
                       STORE_REPLACE, err))
            return false;
    }
    return true;
}

static bool commit_some(void *ctx, size_t job, struct error *err)
{
    struct bench *b = ctx;
    struct db_tx *tx;
    for (size_t i = 0; i < b->per_job; i++) {
        struct db_value v = db_val_int((int64_t)(job * b->per_job + i));
        if (!db_begin(b->db, &tx, err) ||
            !db_run(tx, STR("INSERT INTO t (id, body) VALUES (?, 'some text of a commit')"), &v, 1,
                    NULL, NULL, err) ||
            !db_commit(tx, err))
            return false;
    }
    return true;
}

static bool select_some(void *ctx, size_t job, struct error *err)
{
    struct bench *b = ctx;
    struct db_tx *tx;
    struct arena *a = arena_create(0);
    bool ok = true;
    for (size_t i = 0; ok && i < b->per_job; i++) {
        struct db_value v = db_val_int((int64_t)((i * 7919 + job) % COMMITS));
        struct db_rows rows;
        ok = db_read_begin(b->db, &tx, err) &&
             db_run(tx, STR("SELECT body FROM t WHERE id = ?"), &v, 1, a, &rows, err) &&
             db_commit(tx, err);
        arena_reset(a);
    }
    arena_destroy(a);
    return ok;
}

static bool read_some(void *ctx, size_t job, struct error *err)
{
    struct bench *b = ctx;
    char key[32];
    for (size_t i = 0; i < b->per_job; i++) {
        struct kv_read *r;
        str v;
        int n = snprintf(key, sizeof key, "key-%09zu", (i * 1000003 + job * 31) % KEYS);
        if (!kv_read_begin(b->kv, &r, err) ||
            !kv_get(r, b->table, str_make(key, (size_t)n), &v, err))
            return false;
        if (v.len != VALUE_BYTES)
            panic("a key is missing");
        kv_read_end(r);
    }
    return true;
}

static void fill(struct bench *b, struct error *err)
{
    struct kv_batch *batch;
    char key[32], value[VALUE_BYTES] = { 0 };
    must(kv_batch_begin(b->kv, &batch, err), err);
    for (size_t i = 0; i < KEYS; i++) {
        int n = snprintf(key, sizeof key, "key-%09zu", i);
        must(kv_put(batch, b->table, str_make(key, (size_t)n), str_make(value, sizeof value), err),
             err);
    }
    must(kv_commit(batch, err), err);
}

static void measure(struct bench *b, const char *what, int threads, size_t n,
                    bool (*fn)(void *, size_t, struct error *))
{
    struct error err;
    struct pool *p = threads > 1 ? pool_create("bench", threads - 1, 64) : NULL;
    b->per_job = n / (size_t)threads;
    int64_t from = env_monotonic_ns(env_real());
    must(p ? pool_for(p, (size_t)threads, fn, b, &err) : fn(b, 0, &err), &err);
    report(what, threads, n, from);
    pool_destroy(p);
}

static void open_all(struct bench *b, const char *dir, struct arena *a, struct error *err)
{
    static const struct migration steps[] = {
        { 1, "t", "CREATE TABLE t (id BIGINT PRIMARY KEY, body TEXT)" },
    };
    struct store_fs_options o = { .root = arena_printf(a, "%s/warehouse", dir) };
    must(store_fs_open(&o, &b->store, err), err);
    must(db_open(arena_printf(a, "%s/catalog.db", dir), &b->db, err), err);
    must(db_migrate(b->db, "bench", steps, 1, err), err);
    must(kv_open(arena_printf(a, "%s/online", dir), NULL, &b->kv, err), err);
    must(kv_table(b->kv, STR("view"), &b->table, err), err);
}

static void empty_table(struct bench *b, struct error *err)
{
    struct db_tx *tx;
    must(db_begin(b->db, &tx, err) &&
             db_run(tx, STR("DELETE FROM t"), DB_NO_ARGS, NULL, NULL, err) && db_commit(tx, err),
         err);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/firn-bench-io-XXXXXX";
    const char *at = argc > 1 ? argv[1] : mkdtemp(dir);
    struct arena *a = arena_create(0);
    struct bench b = { 0 };
    struct error err = { 0 };
    open_all(&b, at, a, &err);
    measure(&b, "store: durable put, 1 KB", 1, PUTS, put_some);
    measure(&b, "store: durable put, 1 KB", THREADS, PUTS, put_some);
    measure(&b, "db: durable commit", 1, COMMITS, commit_some);
    empty_table(&b, &err);
    measure(&b, "db: durable commit", THREADS, COMMITS, commit_some);
    measure(&b, "db: begin, select, end", 1, 100000, select_some);
    measure(&b, "db: begin, select, end", THREADS, 100000, select_some);
    int64_t from = env_monotonic_ns(env_real());
    fill(&b, &err);
    report("kv: put in one batch", 1, KEYS, from);
    measure(&b, "kv: begin, get, end", 1, READS, read_some);
    measure(&b, "kv: begin, get, end", THREADS, READS, read_some);
    kv_close(b.kv);
    db_close(b.db);
    store_destroy(b.store);
    arena_destroy(a);
    printf("files are in %s\n", at);
    return 0;
}
