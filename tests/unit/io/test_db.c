/* SPDX-License-Identifier: Apache-2.0 */
#include "io/db.h"

#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sched.h>

#include "base/thread.h"
#include "db_place.h"
#include "seccomp.h"
#include "test.h"

static struct error err;

static str db_path(void)
{
    return arena_printf(test_arena(), "%s/catalog.db", test_tmpdir());
}

static struct db *open_db(void)
{
    struct db *db;
    CHECK_OK(db_open(db_place(db_path()), &db, &err));
    return db;
}

static const struct migration steps[] = {
    { 1, "accounts",
      "CREATE TABLE account (id BIGINT PRIMARY KEY, name TEXT UNIQUE, balance BIGINT NOT NULL "
      "CHECK (balance >= 0)); CREATE TABLE note (account BIGINT REFERENCES account (id), body BLOB)" },
    { 2, "balances",
      "INSERT INTO account VALUES (1, 'a', 100); INSERT INTO account VALUES (2, 'b', 0);" },
};

static struct db *open_bank(void)
{
    struct db *db = open_db();
    CHECK_OK(db_migrate(db, "bank", steps, 2, &err));
    return db;
}

static void run(struct db_tx *tx, const char *sql)
{
    CHECK_OK(db_run(tx, str_of(sql), DB_NO_ARGS, NULL, NULL, &err));
}

/* The first column of the first row, in a read transaction of its own. */
static int64_t ask(struct db *db, const char *sql)
{
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(db, &tx, &err));
    CHECK_OK(db_run(tx, str_of(sql), DB_NO_ARGS, test_arena(), &rows, &err));
    CHECK(rows.n >= 1);
    int64_t v = db_int(&rows, 0, 0);
    CHECK_OK(db_commit(tx, &err));
    return v;
}

static int64_t balance(struct db *db, int id)
{
    return ask(db, id == 1 ? "SELECT balance FROM account WHERE id = 1"
                           : "SELECT balance FROM account WHERE id = 2");
}

/* Moves 10 from the first account to the second. */
static bool transfer(struct db *db, struct error *e)
{
    struct db_tx *tx;
    if (!db_begin(db, &tx, e))
        return false;
    str sql = STR("UPDATE account SET balance = balance + ? WHERE id = ?");
    if (!db_run(tx, sql, DB_ARGS(db_val_int(-10), db_val_int(1)), NULL, NULL, e) ||
        !db_run(tx, sql, DB_ARGS(db_val_int(10), db_val_int(2)), NULL, NULL, e)) {
        db_rollback(tx);
        return false;
    }
    return db_commit(tx, e);
}

TEST(values_come_back_as_they_went)
{
    struct db *db = open_db();
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "CREATE TABLE t (i BIGINT, f DOUBLE PRECISION, s TEXT, b BLOB, n TEXT)");
    CHECK_OK(
        db_run(tx, STR("INSERT INTO t VALUES (?, ?, ?, ?, ?)"),
               DB_ARGS(db_val_int(INT64_MIN), db_val_real(0.1), db_val_text(STR("x\xc3\xa9 y")),
                       db_val_blob(STR("")), db_val_opt_text((str){ 0 })),
               test_arena(), &rows, &err));
    CHECK_INT(rows.changes, 1);
    CHECK_OK(db_run(tx, STR("SELECT i, f, s, b, n FROM t"), DB_NO_ARGS, test_arena(), &rows, &err));
    CHECK_INT(rows.n, 1);
    CHECK_INT(rows.cols, 5);
    CHECK_INT(rows.changes, 0);
    CHECK_STR(rows.names[2], "s");
    CHECK_INT(db_int(&rows, 0, 0), INT64_MIN);
    CHECK(db_real(&rows, 0, 1) == 0.1);
    CHECK_STR(db_str(&rows, 0, 2), "x\xc3\xa9 y");
    CHECK(!db_is_null(&rows, 0, 3) && db_str(&rows, 0, 3).len == 0);
    CHECK(db_is_null(&rows, 0, 4) && db_str(&rows, 0, 4).len == 0 && db_int(&rows, 0, 4) == 0);
    CHECK_OK(db_commit(tx, &err));
    db_close(db);
}

TEST(values_that_a_column_cannot_hold)
{
    struct db *db = open_bank();
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    str insert = STR("INSERT INTO account VALUES (5, ?, 0)");
    CHECK_FAILS(db_run(tx, insert, DB_ARGS(db_val_text(STR("x\0y"))), NULL, NULL, &err),
                ERR_INVALID);
    CHECK_FAILS(db_run(tx, insert, DB_ARGS(db_val_text(STR("\xff"))), NULL, NULL, &err),
                ERR_INVALID);
    CHECK_OK(db_run(tx, insert, DB_ARGS(db_val_text(STR("ok"))), NULL, NULL, &err));
    db_rollback(tx);
    db_close(db);
}

TEST(text_sorts_by_bytes_and_sums_are_numbers)
{
    struct db *db = open_bank();
    struct db_tx *tx;
    struct db_rows rows;
    struct arena *a = test_arena();
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "DELETE FROM account");
    run(tx,
        "INSERT INTO account VALUES (1, 'a', 9223372036854775807), (2, 'B', 0), (3, '\xc3\xa9', 10000),"
        " (4, '_', 40000)");
    CHECK_OK(db_run(tx, STR("SELECT name FROM account ORDER BY name"), DB_NO_ARGS, a, &rows, &err));
    static const char *const order[] = { "B", "_", "a", "\xc3\xa9" };
    for (size_t i = 0; i < 4; i++)
        CHECK_STR(db_str(&rows, i, 0), order[i]);
    CHECK_OK(db_run(tx,
                    STR("SELECT sum(balance), sum(-balance), count(*) FROM account WHERE id > ?"),
                    DB_ARGS(db_val_int(1)), a, &rows, &err));
    CHECK_INT(db_int(&rows, 0, 0), 50000);
    CHECK_INT(db_int(&rows, 0, 1), -50000);
    CHECK_INT(db_int(&rows, 0, 2), 3);
    CHECK_OK(db_run(tx, STR("SELECT sum(balance) FROM account WHERE id = 1"), DB_NO_ARGS, a, &rows,
                    &err));
    CHECK_INT(db_int(&rows, 0, 0), INT64_MAX);
    db_rollback(tx);
    db_close(db);
}

TEST(settings_are_what_durability_needs)
{
    if (on_postgres())
        return; /* about files of SQLite */
    struct db *db = open_db();
    CHECK_INT(ask(db, "PRAGMA synchronous"), 2);
    CHECK_INT(ask(db, "PRAGMA foreign_keys"), 1);
    CHECK_INT(ask(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
    db_close(db);
}

/* A statement fails with the code, and is undone to a savepoint. */
static void refused(struct db_tx *tx, str sql, const struct db_value *args, size_t n,
                    enum err_code code)
{
    run(tx, "SAVEPOINT tried");
    CHECK_FAILS(db_run(tx, sql, args, n, NULL, NULL, &err), code);
    CHECK_FAILS(db_run(tx, STR("SELECT 1"), DB_NO_ARGS, NULL, NULL, &err), ERR_UNAVAILABLE);
    run(tx, "ROLLBACK TO tried");
    run(tx, "RELEASE tried");
}

TEST(constraints_have_codes)
{
    struct db *db = open_bank();
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    str insert = STR("INSERT INTO account VALUES (?, ?, ?)");
    refused(tx, insert, DB_ARGS(db_val_int(1), db_val_text(STR("c")), db_val_int(0)), ERR_EXISTS);
    refused(tx, insert, DB_ARGS(db_val_int(3), db_val_text(STR("a")), db_val_int(0)), ERR_EXISTS);
    refused(tx, insert, DB_ARGS(db_val_int(3), db_val_null(), db_val_int(-1)), ERR_INVALID);
    refused(tx, STR("INSERT INTO note VALUES (9, NULL)"), DB_NO_ARGS, ERR_INVALID);
    refused(tx, STR("SELEKT"), DB_NO_ARGS, ERR_INTERNAL);
    refused(tx, STR("SELECT ?"), DB_NO_ARGS, ERR_INTERNAL);
    refused(tx, STR("SELECT 1; SELECT 2"), DB_NO_ARGS, ERR_INTERNAL);
    refused(tx, STR(" "), DB_NO_ARGS, ERR_INTERNAL);
    run(tx, "INSERT INTO account VALUES (3, 'c', 5);"); /* the transaction is still fine */
    CHECK_OK(db_commit(tx, &err));
    CHECK_INT(ask(db, "SELECT count(*) FROM account"), 3);
    db_close(db);
}

TEST(rollback_and_savepoints)
{
    struct db *db = open_bank();
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "DELETE FROM account");
    db_rollback(tx);
    db_rollback(NULL);
    CHECK_INT(balance(db, 1), 100);
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "UPDATE account SET balance = 1 WHERE id = 1");
    run(tx, "SAVEPOINT one");
    run(tx, "UPDATE account SET balance = 2 WHERE id = 2");
    run(tx, "ROLLBACK TO one");
    run(tx, "RELEASE one");
    CHECK_OK(db_commit(tx, &err));
    CHECK_INT(balance(db, 1), 1);
    CHECK_INT(balance(db, 2), 0);
    db_close(db);
}

TEST(a_failed_statement_undoes_the_transaction)
{
    struct db *db = open_bank();
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "UPDATE account SET balance = 7 WHERE id = 1");
    CHECK_FAILS(
        db_run(tx, STR("INSERT INTO account VALUES (1, 'x', 0)"), DB_NO_ARGS, NULL, NULL, &err),
        ERR_EXISTS);
    CHECK_FAILS(db_commit(tx, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "earlier error"));
    CHECK_INT(balance(db, 1), 100);
    db_close(db);
}

TEST(a_statement_must_not_end_the_transaction)
{
    struct db *db = open_bank();
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    CHECK_FAILS(db_run(tx, STR("COMMIT"), DB_NO_ARGS, NULL, NULL, &err), ERR_INTERNAL);
    CHECK_FAILS(db_run(tx, STR("SELECT 1"), DB_NO_ARGS, NULL, NULL, &err), ERR_UNAVAILABLE);
    CHECK_FAILS(db_commit(tx, &err), ERR_UNAVAILABLE);
    CHECK_OK(transfer(db, &err));
    db_close(db);
}

TEST(readers_see_the_state_of_their_begin)
{
    struct db *db = open_bank();
    struct db_tx *old, *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(db, &old, &err));
    CHECK_OK(transfer(db, &err));
    str sql = STR("SELECT balance FROM account WHERE id = 1");
    CHECK_OK(db_run(old, sql, DB_NO_ARGS, test_arena(), &rows, &err));
    CHECK_INT(db_int(&rows, 0, 0), 100);
    CHECK_INT(balance(db, 1), 90);
    CHECK_FAILS(db_run(old, STR("DELETE FROM account"), DB_NO_ARGS, NULL, NULL, &err), ERR_DENIED);
    db_rollback(old);
    CHECK_OK(db_begin(db, &tx, &err)); /* uncommitted changes are not seen */
    run(tx, "UPDATE account SET balance = 7");
    CHECK_INT(balance(db, 1), 90);
    db_rollback(tx);
    db_close(db);
}

TEST(a_result_keeps_to_the_memory_budget)
{
    struct db *db = open_db();
    struct db_tx *tx;
    struct db_rows rows;
    struct arena *small = arena_create(100000);
    CHECK_OK(db_read_begin(db, &tx, &err));
    str sql = STR("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                  "SELECT i, 'some text' FROM n");
    CHECK_OK(db_run(tx, sql, DB_ARGS(db_val_int(100)), small, &rows, &err));
    CHECK_INT(rows.n, 100);
    CHECK_FAILS(db_run(tx, sql, DB_ARGS(db_val_int(100000)), small, &rows, &err), ERR_LIMIT);
    db_rollback(tx);
    arena_destroy(small);
    db_close(db);
}

TEST(many_statements_share_the_cache)
{
    struct db *db = open_db();
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(db, &tx, &err));
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 300; i++) {
            str sql = arena_printf(test_arena(), "SELECT %d, ?", i);
            CHECK_OK(db_run(tx, sql, DB_ARGS(db_val_int(round)), test_arena(), &rows, &err));
            CHECK_INT(db_int(&rows, 0, 0), i);
            CHECK_INT(db_int(&rows, 0, 1), round);
        }
    CHECK_OK(db_commit(tx, &err));
    db_close(db);
}

/* ---- opening and the schema ---- */

TEST(migrations_run_once)
{
    struct db *db = open_db();
    CHECK_OK(db_migrate(db, "bank", steps, 1, &err));
    CHECK_INT(ask(db, "SELECT count(*) FROM account"), 0);
    CHECK_OK(db_migrate(db, "bank", steps, 2, &err));
    CHECK_OK(db_migrate(db, "bank", steps, 2, &err));
    CHECK_INT(ask(db, "SELECT count(*) FROM account"), 2);
    static const struct migration other[] = { { 1, "other", "CREATE TABLE other (x TEXT)" } };
    CHECK_OK(db_migrate(db, "other", other, 1, &err)); /* numbered by area */
    CHECK_FAILS(db_migrate(db, "bank", other, 1, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "version 2") && strstr(err.hint, "newer release"));
    struct migration renamed[] = { steps[0], { 2, "another", "" } };
    CHECK_FAILS(db_migrate(db, "bank", renamed, 2, &err), ERR_CORRUPT);
    db_close(db);
}

TEST(a_failed_migration_leaves_no_trace)
{
    struct db *db = open_db();
    const struct migration bad[] = { steps[0],
                                     { 2, "bad", "CREATE TABLE ok (x TEXT); CREATE TABLE" } };
    CHECK_FAILS(db_migrate(db, "bank", bad, 2, &err), ERR_INTERNAL);
    CHECK(strstr(err.msg, "bank schema step 2 (bad)"));
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "CREATE TABLE ok (x TEXT)"); /* is not there yet */
    db_rollback(tx);
    CHECK_INT(ask(db, "SELECT max(version) FROM schema_version"), 1);
    db_close(db);
}

static void write_bytes(const char *path, const void *p, size_t n, off_t at)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && pwrite(fd, p, n, at) == (ssize_t)n);
    close(fd);
}

TEST(files_that_are_not_ours)
{
    if (on_postgres())
        return; /* about files of SQLite */
    struct db *db;
    char junk[4096];
    memset(junk, 'j', sizeof junk);
    write_bytes(db_path().ptr, junk, sizeof junk, 0);
    CHECK_FAILS(db_open(db_path(), &db, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "catalog.db"));
    CHECK(unlink(db_path().ptr) == 0);
    db_close(open_bank());
    static const unsigned char other_id[4] = { 1, 2, 3, 4 };
    write_bytes(db_path().ptr, other_id, 4, 68); /* the application id in SQLite's header */
    CHECK_FAILS(db_open(db_path(), &db, &err), ERR_INVALID);
    CHECK_FAILS(db_open(STR("/no/such/folder/x.db"), &db, &err), ERR_UNAVAILABLE);
}

TEST(it_is_there_after_opening_again)
{
    struct db *db = open_bank();
    CHECK_OK(transfer(db, &err));
    db_close(db);
    db = open_bank();
    CHECK_INT(balance(db, 2), 10);
    db_close(db);
}

/* ---- many at once ---- */

static bool transfer_or_look(void *ctx, size_t i, struct error *e)
{
    struct db *db = ctx;
    if (i % 10 == 0)
        return transfer(db, e);
    struct db_tx *tx;
    struct db_rows rows;
    struct arena *a = arena_create(0);
    if (!db_read_begin(db, &tx, e))
        return false;
    bool ok = db_run(tx, STR("SELECT sum(balance) FROM account"), DB_NO_ARGS, a, &rows, e);
    CHECK(!ok || db_int(&rows, 0, 0) == 100);
    arena_destroy(a);
    return db_commit(tx, e) && ok;
}

TEST(threads_read_and_write)
{
    struct db *db = open_bank();
    struct pool *p = pool_create("bank", 2 * DB_READERS, 64);
    CHECK_OK(pool_for(p, 100, transfer_or_look, db, &err));
    CHECK_INT(balance(db, 2), 100);
    pool_destroy(p);
    db_close(db);
}

/* ---- faults ---- */

static void restore(struct db *db)
{
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    run(tx, "UPDATE account SET balance = CASE id WHEN 1 THEN 100 ELSE 0 END");
    CHECK_OK(db_commit(tx, &err));
}

static void check_whole(struct db *db, bool after)
{
    CHECK_INT(balance(db, 1), after ? 90 : 100);
    CHECK_INT(balance(db, 2), after ? 10 : 0);
}

TEST(a_commit_is_before_or_after_under_any_planned_fault)
{
    struct db *real = open_bank();
    for (int kind = FAULT_REFUSED; kind <= FAULT_ANSWER_LOST; kind++) {
        bool fired = true;
        int64_t nth = 0;
        for (; fired; nth++) {
            restore(real);
            struct fault f = FAULT_AT((enum fault_kind)kind, nth);
            struct db *db = db_fault_create(real, &f);
            err = (struct error){ 0 };
            bool ok = transfer(db, &err);
            fired = fault_fired(&f);
            bool lost_commit = kind == FAULT_ANSWER_LOST && nth == 3;
            CHECK(ok == !fired);
            if (!ok)
                CHECK_INT(err.code, lost_commit ? ERR_UNKNOWN : ERR_UNAVAILABLE);
            check_whole(real, ok || lost_commit);
            db_close(db);
        }
        CHECK_INT(nth, 5); /* begin, two updates, commit, and the run in which nothing fires */
    }
    db_close(real);
}

static void transfer_by_plan(void *plan)
{
    (void)!transfer(db_fault_create(open_bank(), plan), &err);
}

TEST(a_commit_is_before_or_after_when_killed_by_plan)
{
    for (int kind = FAULT_KILLED_BEFORE; kind <= FAULT_KILLED_AFTER; kind++)
        for (int64_t nth = 0; nth < 4; nth++) {
            struct db *db = open_bank();
            restore(db);
            db_close(db);
            struct fault f = FAULT_AT((enum fault_kind)kind, nth);
            int status = in_child(transfer_by_plan, &f);
            CHECK_INT(WEXITSTATUS(status), FAULT_EXIT_STATUS);
            db = open_bank();
            check_whole(db, kind == FAULT_KILLED_AFTER && nth == 3);
            db_close(db);
        }
}

TEST(script_and_reads_fail_by_plan)
{
    struct db *real = open_db();
    for (int64_t nth = 0;; nth++) {
        struct fault f = FAULT_AT(FAULT_REFUSED, nth);
        struct db *db = db_fault_create(real, &f);
        bool ok = db_migrate(db, "bank", steps, 2, &err);
        bool fired = fault_fired(&f);
        CHECK(ok == !fired);
        db_close(db);
        if (!fired)
            break;
        CHECK(nth < 100);
    }
    CHECK_INT(balance(real, 1), 100);
    db_close(real);
}

/* ---- system calls that fail or kill ---- */

TEST(a_commit_that_cannot_be_synced_is_unknown_and_the_last)
{
    if (on_postgres())
        return; /* about files of SQLite */
    struct db *db = open_bank();
    seccomp_break(SYS_fdatasync, ANY_FD, EIO);
    seccomp_break(SYS_fsync, ANY_FD, EIO);
    CHECK_FAILS(transfer(db, &err), ERR_UNKNOWN);
    check_whole(db, false); /* this process reads the state before */
    CHECK_FAILS(transfer(db, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "durable"));
    db_close(db);
}

struct killing {
    int nr, nth_transfer;
};

static void transfer_and_be_killed(void *arg)
{
    const struct killing *k = arg;
    struct db *db = open_bank();
    for (int i = 0; i < k->nth_transfer; i++)
        CHECK_OK(transfer(db, &err));
    seccomp_break(k->nr, ANY_FD, SECCOMP_KILL);
    (void)!transfer(db, &err);
}

TEST(a_commit_is_before_or_after_when_killed_in_a_system_call)
{
    if (on_postgres())
        return; /* about files of SQLite */
    static const int calls[] = { SYS_pwrite64, SYS_fdatasync };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int n = 0; n < 3; n++) {
            struct db *db = open_bank();
            restore(db);
            db_close(db);
            struct killing k = { calls[i], n };
            int status = in_child(transfer_and_be_killed, &k);
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
            db = open_bank();
            int64_t moved = 100 - balance(db, 1);
            CHECK(moved == 10 * n || moved == 10 * (n + 1));
            CHECK_INT(balance(db, 2), moved);
            db_close(db);
        }
}

TEST(a_full_disk)
{
    if (on_postgres())
        return; /* about files of SQLite */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", test_tmpdir(), "tmpfs", 0, "size=1m") != 0)
        test_skip("a small file system cannot be mounted here (errno %d)", errno);
    struct db *db = open_bank();
    struct db_tx *tx;
    char body[50000];
    memset(body, 'x', sizeof body);
    int64_t n = 0;
    for (bool ok = true; ok; n += ok) {
        CHECK(n < 100);
        CHECK_OK(db_begin(db, &tx, &err));
        ok = db_run(tx, STR("INSERT INTO note VALUES (1, ?)"),
                    DB_ARGS(db_val_blob(str_make(body, sizeof body))), NULL, NULL, &err);
        if (!ok)
            db_rollback(tx);
        else
            ok = db_commit(tx, &err);
    }
    CHECK_INT(err.code, ERR_LIMIT);
    CHECK(n > 3);
    CHECK_INT(ask(db, "SELECT count(*) FROM note"), n);
    db_close(db);
    umount2(test_tmpdir(), MNT_DETACH);
}
