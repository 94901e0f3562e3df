/* SPDX-License-Identifier: Apache-2.0
 *
 * What only happens with a server on the other side: it goes away, its answers get lost, and others
 * write to it too.  Without FIRN_TEST_POSTGRES (tools/with-postgres) nothing is tested here. */
#include <unistd.h>

#include "base/thread.h"
#include "db_place.h"
#include "io/db_postgres_priv.h"
#include "proxy.h"

static struct error err;
static struct proxy proxy = { .text = "; COMMIT" };

static const struct migration steps[] = { { 1, "counters",
                                            "CREATE TABLE counter (name TEXT PRIMARY KEY, n BIGINT "
                                            "NOT NULL); INSERT INTO counter VALUES ('a', 0)" } };

/* The schema of this test. */
static str schema_uri(void)
{
    return db_place(arena_printf(test_arena(), "%s/catalog.db", test_tmpdir()));
}

static struct db *open_uri(str uri)
{
    struct db *db;
    CHECK_OK(db_open(uri, &db, &err));
    CHECK_OK(db_migrate(db, "counters", steps, 1, &err));
    return db;
}

/* The same URI through the proxy: its socket has the server's file name in a folder of its own. */
static struct db *open_through_proxy(str uri)
{
    struct arena *a = test_arena();
    const char *dir = getenv("FIRN_TEST_PGDIR");
    proxy.target = arena_printf(a, "%s/.s.PGSQL.5432", dir).ptr;
    proxy.listen_at = arena_printf(a, "%s/.s.PGSQL.5432", test_tmpdir()).ptr;
    CHECK(proxy_start(&proxy));
    ptrdiff_t at = str_find(uri, str_of(dir));
    CHECK(at > 0);
    return open_uri(arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(str_sub(uri, 0, (size_t)at)),
                                 test_tmpdir(), STR_ARG(str_from(uri, (size_t)at + strlen(dir)))));
}

/* Reads the counter and writes one more: two that ran side by side would lose one. */
static bool count(struct db *db, struct error *e)
{
    struct db_tx *tx;
    struct db_rows rows;
    struct arena *a = arena_create(0);
    if (!db_begin(db, &tx, e))
        return arena_destroy(a), false;
    bool ok = db_run(tx, STR("SELECT n FROM counter WHERE name = 'a'"), DB_NO_ARGS, a, &rows, e) &&
              db_run(tx, STR("UPDATE counter SET n = ? WHERE name = 'a'"),
                     DB_ARGS(db_val_int(db_int(&rows, 0, 0) + 1)), NULL, NULL, e);
    arena_destroy(a);
    if (ok)
        return db_commit(tx, e);
    db_rollback(tx);
    return false;
}

static int64_t ask(struct db *db, const char *sql)
{
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(db, &tx, &err));
    CHECK_OK(db_run(tx, str_of(sql), DB_NO_ARGS, test_arena(), &rows, &err));
    int64_t v = db_int(&rows, 0, 0);
    CHECK_OK(db_commit(tx, &err));
    return v;
}

static int64_t counted(struct db *db)
{
    return ask(db, "SELECT n FROM counter WHERE name = 'a'");
}

TEST(sql_in_the_words_of_postgresql)
{
    static const struct {
        const char *from, *to;
        size_t params;
    } cases[] = {
        { "SELECT a FROM t WHERE b = ? AND c > ?", "SELECT a FROM t WHERE b = $1 AND c > $2", 2 },
        { "SELECT '?', \"?\", 'it''s ?' -- ?\n, ?", "SELECT '?', \"?\", 'it''s ?' -- ?\n, $1", 1 },
        { "SELECT CAST(? AS TEXT), CAST(? AS INTEGER)",
          "SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT)", 2 },
        { "CREATE TABLE t (a TEXT, b BLOB, c REAL, TEXTS INTEGER); INSERT INTO t VALUES ('TEXT')",
          "CREATE TABLE t (a TEXT COLLATE \"C\", b BYTEA, c DOUBLE PRECISION, TEXTS BIGINT); "
          "INSERT INTO t VALUES ('TEXT')",
          0 },
        { "", "", 0 },
        { "SELECT 'open", "SELECT 'open", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        CHECK_STR(pg_sql(str_of(cases[i].from), test_arena(), &n), cases[i].to);
        CHECK_INT(n, cases[i].params);
    }
}

static void check_error(const char *state, const char *text, enum err_code code)
{
    CHECK(!pg_fail(&err, state, text, STR("SELECT 1")));
    CHECK_INT(err.code, code);
    CHECK(str_find_char(str_of(err.msg), '\n') < 0);
}

TEST(errors_of_the_server_have_codes)
{
    check_error("23505", "duplicate key\n", ERR_EXISTS);
    check_error("23503", "foreign key", ERR_INVALID);
    check_error("53100", "could not extend file: No space left on device", ERR_LIMIT);
    CHECK(strstr(err.hint, "nothing was changed"));
    check_error("40001", "could not serialize", ERR_UNAVAILABLE);
    check_error("55P03", "canceling statement due to lock timeout", ERR_UNAVAILABLE);
    check_error("57P01", "terminating connection\nDETAIL: x", ERR_UNAVAILABLE);
    check_error("25006", "read-only transaction", ERR_DENIED);
    check_error("42703", "column x does not exist", ERR_INTERNAL);
    check_error("XX001", "invalid page in block 3", ERR_CORRUPT);
    check_error(NULL, "", ERR_UNAVAILABLE);
}

TEST(numbers_of_the_server_are_read)
{
    struct db_value v;
    const struct {
        str bytes;
        int64_t want;
    } cases[] = {
        { STR("\0\0\0\0\0\0\0\0"), 0 },
        { STR("\0\x1\0\0\0\0\0\0\0\x7b"), 123 },
        { STR("\0\x1\0\x1\x40\0\0\0\0\x5"), -50000 },
        { STR("\0\x2\0\x1\0\0\0\0\0\x1\x9\x29"), 12345 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(pg_decode(1700, cases[i].bytes, &v, &err));
        CHECK(v.kind == DB_INT);
        CHECK_INT(v.i, cases[i].want);
    }
    CHECK_OK(pg_decode(1700, STR("\0\x1\xff\xff\0\0\0\x2\x13\x88"), &v, &err)); /* 0.50 */
    CHECK(v.kind == DB_REAL && v.f == 0.5);
    CHECK_FAILS(pg_decode(1700, STR("\0\x9\0\0\0\0\0\0"), &v, &err), ERR_INTERNAL);  /* cut */
    CHECK_FAILS(pg_decode(1700, STR("\0\0\0\0\xc0\0\0\0"), &v, &err), ERR_INTERNAL); /* NaN */
    CHECK_FAILS(pg_decode(1114, STR("\0\0\0\0\0\0\0\0"), &v, &err), ERR_INTERNAL);   /* timestamp */
    CHECK_OK(pg_decode(16, STR("\x1"), &v, &err));
    CHECK_INT(v.i, 1);
    CHECK_OK(pg_decode(23, STR("\xff\xff\xff\xfe"), &v, &err));
    CHECK_INT(v.i, -2);
}

TEST(a_lost_answer_is_settled)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *db = open_through_proxy(uri), *direct = open_uri(uri);
    CHECK(db->shared);
    CHECK_OK(count(db, &err));
    proxy.next = PROXY_CUT_AFTER; /* it is durable: told as success */
    CHECK_OK(count(db, &err));
    CHECK_INT(counted(direct), 2);
    proxy.next = PROXY_CUT_BEFORE; /* it never arrived: certainly nothing was written */
    CHECK_FAILS(count(db, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "nothing was written"));
    CHECK_INT(counted(direct), 2);
    CHECK_OK(count(db, &err)); /* and it goes on */
    CHECK_INT(counted(db), 3);
    CHECK_INT(proxy.before + proxy.after, 2);
    db_close(db);
    db_close(direct);
    proxy_stop(&proxy);
}

TEST(an_outcome_that_cannot_be_asked_is_unknown)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *db = open_through_proxy(uri), *direct = open_uri(uri);
    db_postgres_set_waits(db, 200000, 400000, 30000000);
    proxy.next = PROXY_CUT_AFTER;
    proxy.refuse = true;
    CHECK_FAILS(count(db, &err), ERR_UNKNOWN);
    CHECK_INT(counted(direct), 1);
    CHECK_FAILS(count(db, &err), ERR_UNAVAILABLE); /* away */
    proxy.refuse = false;
    CHECK_OK(count(db, &err)); /* later writes go on */
    CHECK_INT(counted(db), 2);
    db_close(db);
    db_close(direct);
    proxy_stop(&proxy);
}

/* The connection stands, but nothing comes: as when a cable is pulled. */
TEST(an_answer_that_never_comes)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *db = open_through_proxy(uri);
    db_postgres_set_waits(db, DB_CONNECT_US, DB_SETTLE_US, 300000);
    proxy.next = PROXY_HOLD;
    CHECK_OK(count(db, &err));
    CHECK_INT(proxy.held, 1);
    CHECK_INT(counted(db), 1);
    db_close(db);
    proxy_stop(&proxy);
}

static void drop_all(struct db *db)
{
    (void)ask(db, "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                  "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend') x");
}

TEST(stale_connections_are_made_again)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *db = open_uri(uri), *other = open_uri(uri);
    struct db_tx *tx;
    CHECK_OK(count(db, &err));
    CHECK_INT(counted(db), 1);
    drop_all(other);
    CHECK_INT(counted(db), 1); /* the reader's connection */
    CHECK_OK(count(db, &err)); /* the writer's */
    CHECK_OK(db_begin(db, &tx, &err));
    drop_all(other); /* in the middle */
    CHECK_FAILS(db_run(tx, STR("UPDATE counter SET n = 7"), DB_NO_ARGS, NULL, NULL, &err),
                ERR_UNAVAILABLE);
    CHECK_FAILS(db_run(tx, STR("ROLLBACK TO x"), DB_NO_ARGS, NULL, NULL, &err), ERR_UNAVAILABLE);
    db_rollback(tx);
    CHECK_OK(count(db, &err));
    CHECK_INT(counted(db), 3);
    db_close(db);
    db_close(other);
}

TEST(the_lock_of_a_server_that_is_gone_is_free)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *db = open_through_proxy(uri), *other = open_uri(uri);
    struct db_tx *tx;
    CHECK_OK(db_begin(db, &tx, &err));
    CHECK_OK(db_run(tx, STR("UPDATE counter SET n = 100"), DB_NO_ARGS, NULL, NULL, &err));
    proxy_stop(&proxy); /* as when its machine is switched off and the network says so */
    CHECK_OK(count(other, &err));
    CHECK_INT(counted(other), 1);
    db_postgres_set_waits(db, 1000, 1000, 30000000);
    CHECK_FAILS(db_commit(tx, &err), ERR_UNKNOWN);
    db_close(db);
    db_close(other);
}

struct crowd {
    struct db *dbs[2];
};

static bool count_in_a_crowd(void *ctx, size_t i, struct error *e)
{
    struct crowd *c = ctx;
    return count(c->dbs[i % 2], e);
}

TEST(two_servers_write_one_after_the_other)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct crowd c = { { open_uri(uri), open_uri(uri) } };
    struct pool *p = pool_create("crowd", 8, 64);
    CHECK_OK(pool_for(p, 200, count_in_a_crowd, &c, &err));
    CHECK_INT(counted(c.dbs[0]), 200);
    pool_destroy(p);
    db_close(c.dbs[0]);
    db_close(c.dbs[1]);
}

static bool open_and_count(void *ctx, size_t i, struct error *e)
{
    struct db *db;
    (void)i;
    if (!db_open(*(str *)ctx, &db, e))
        return false;
    bool ok = db_migrate(db, "counters", steps, 1, e) && count(db, e);
    db_close(db);
    return ok;
}

TEST(servers_that_start_at_once_make_the_schema_once)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct pool *p = pool_create("start", 8, 64);
    CHECK_OK(pool_for(p, 16, open_and_count, &uri, &err));
    struct db *db = open_uri(uri);
    CHECK_INT(counted(db), 16);
    pool_destroy(p);
    db_close(db);
}

TEST(a_server_that_knows_less_writes_no_more)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *old = open_uri(uri), *new;
    const struct migration more[] = { steps[0],
                                      { 2, "more", "ALTER TABLE counter ADD COLUMN x BIGINT" } };
    CHECK_OK(count(old, &err));
    CHECK_OK(db_open(uri, &new, &err));
    CHECK_OK(db_migrate(new, "counters", more, 2, &err));
    CHECK_FAILS(count(old, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "counters schema version 2") && strstr(err.hint, "newer release"));
    CHECK_INT(counted(old), 1); /* it goes on reading */
    CHECK_OK(count(new, &err));
    CHECK_INT(counted(old), 2);
    db_close(old);
    CHECK_OK(db_open(uri, &old, &err)); /* and does not start again */
    CHECK_FAILS(db_migrate(old, "counters", steps, 1, &err), ERR_INVALID);
    db_close(old);
    db_close(new);
}

TEST(a_schema_of_another_program_is_left_alone)
{
    if (!on_postgres())
        return;
    str uri = schema_uri();
    struct db *server, *db;
    struct db_tx *tx;
    CHECK_OK(db_open(str_of(getenv("FIRN_TEST_POSTGRES")), &server, &err));
    CHECK_OK(db_begin(server, &tx, &err));
    ptrdiff_t at = str_rfind_char(uri, 'D'); /* ...search_path%3DNAME */
    CHECK_OK(db_run(tx,
                    arena_printf(test_arena(), "CREATE TABLE " STR_FMT ".theirs (x TEXT)",
                                 STR_ARG(str_from(uri, (size_t)at + 1))),
                    DB_NO_ARGS, NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
    db_close(server);
    CHECK_FAILS(db_open(uri, &db, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "another program") && strstr(err.hint, "search_path%3D"));
}

TEST(places_that_are_not_there)
{
    struct db *db;
    if (!on_postgres())
        return;
    static const char *const bad[] = { "postgresql://u:secret@/x?nonsense=1",
                                       "postgresql://u:secret%zz@/x",
                                       "postgresql://u:secret@[::1/x" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_FAILS(db_open(str_of(bad[i]), &db, &err), ERR_INVALID);
        CHECK(!strstr(err.msg, "secret") && strstr(err.hint, "postgresql://"));
    }
    CHECK_FAILS(db_open(arena_printf(test_arena(), "postgresql://firn:secret@/none?host=%s",
                                     getenv("FIRN_TEST_PGDIR")),
                        &db, &err),
                ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "does not exist") && !strstr(err.msg, "secret"));
    CHECK(db_is_uri(STR("postgres://x")) && !db_is_uri(STR("/postgres")));
}
