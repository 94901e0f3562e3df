/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata database on a PostgreSQL server, which several Firn servers may share.
 *
 *   P1  A write transaction takes one advisory lock of the schema before its first statement and
 *       holds it to its end.  So write transactions of all servers follow one another whole, as in
 *       SQLite, and READ COMMITTED is the weakest level that keeps every invariant: each statement
 *       after the lock sees all that was committed before, and nobody else commits until the end.
 *       SERIALIZABLE would make every caller repeat transactions that others disturbed, and under
 *       group commit, where all of a server's commits are in one transaction, they always would.
 *   P2  A read transaction is REPEATABLE READ, READ ONLY: one snapshot, taken at begin.  It never
 *       waits for the lock and never fails because of a writer.
 *   P3  A write transaction leaves the number of the commit in this process's own row of
 *       db_outcome.  When the answer to COMMIT is lost, the lock is taken again, on a new
 *       connection: whoever has it knows that the lost transaction has ended, and the row tells
 *       how.  Not pg_xact_status: after a crash a transaction's number can be given out again.
 *   P4  synchronous_commit is never off: what was visible to others was durable.
 *   P5  A peer that is gone is noticed: by keepalives on both sides; a server that stopped in the
 *       middle of a transaction loses its lock after PG_IDLE_MS.
 *
 * Connections are made when first needed and made again when they broke; a begin on a connection
 * that went stale is repeated on a new one, since nothing had been done yet. */
#include "base/env.h"
#include "base/log.h"
#include "io/db_postgres_priv.h"

#include <stdio.h>

#define LOCK_CLASS "1181315694" /* "Firn": the first half of the advisory lock's key */
#define SERVER_VERSION_MIN 120000
#define RETRY_US 50000 /* between attempts to reach the server */
#define RETRY_MAX_US 500000
#define OUTCOME_DAYS "7" /* rows of processes that wrote nothing for so long are dropped */

struct pg_db {
    struct db base;
    struct arena *arena;
    const char *uri;
    char id[33];                   /* of this process's row in db_outcome, hexadecimal */
    int64_t connect_us, settle_us; /* DB_CONNECT_US, DB_SETTLE_US; tests shorten them */
    int64_t commits;               /* the last number tried; guarded by holding the writer's slot */
    struct db_slots slots;
    struct pg_conn writer, readers[DB_READERS];
};

static struct pg_db *pg_of(struct db *db)
{
    return (struct pg_db *)db;
}

static struct pg_conn *conn_of(struct db_tx *tx)
{
    return (struct pg_conn *)tx;
}

/* ---- connecting ---- */

static const char session[] = "SET client_min_messages = error;"
                              "SET lock_timeout = 30000;" /* DB_WAIT_US */
                              "SELECT set_config('synchronous_commit', 'on', false)"
                              " WHERE current_setting('synchronous_commit') = 'off'";
_Static_assert(DB_WAIT_US == 30000000, "lock_timeout above");

/* Before `dbname` stand defaults that the URI may replace, after it what Firn relies on. */
static PGconn *connect_to(const char *uri)
{
    static const char *const keys[] = {
        "connect_timeout",           "keepalives_idle",
        "keepalives_interval",       "keepalives_count",
        "tcp_user_timeout",          "target_session_attrs",
        "fallback_application_name", "dbname",
        "client_encoding",           NULL,
    };
    const char *const values[] = { "5",          "10",   "5", "3",    "30000",
                                   "read-write", "firn", uri, "UTF8", NULL };
    return PQconnectdbParams(keys, values, 1);
}

static bool try_connect(struct pg_db *p, struct pg_conn *c, struct error *err)
{
    char limits[160];
    c->handle = connect_to(p->uri);
    if (!c->handle)
        panic("out of memory in the metadata database");
    c->base.open = true;
    if (PQstatus(c->handle) != CONNECTION_OK) {
        pg_fail(err, NULL, PQerrorMessage(c->handle), STR(""));
        pg_disconnect(c);
        return false;
    }
    int version = PQserverVersion(c->handle);
    if (version < SERVER_VERSION_MIN) {
        pg_disconnect(c);
        return fail(err, ERR_UNSUPPORTED, "PostgreSQL %d is too old, at least %d is needed",
                    version / 10000, SERVER_VERSION_MIN / 10000);
    }
    snprintf(limits, sizeof limits,
             "SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d",
             PG_STATEMENT_MS, PG_IDLE_MS);
    if (pg_exec(c, limits, NULL, err) && pg_exec(c, session, NULL, err))
        return true;
    pg_disconnect(c);
    return false;
}

/* A wrong password or name stays wrong; libpq tells it in words only. */
static bool is_hopeless(const struct error *err)
{
    static const char *const texts[] = { "authentication failed", "does not exist",
                                         "no password supplied",  "no pg_hba.conf entry",
                                         "invalid connection",    "invalid URI",
                                         "missing \"=\"",         "could not translate" };
    if (err->code != ERR_UNAVAILABLE)
        return true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strstr(err->msg, texts[i]))
            return true;
    return false;
}

/* Connects, again and again until `until_ns` while the server is away. */
static bool connect_until(struct pg_db *p, struct pg_conn *c, int64_t until_ns, struct error *err)
{
    int64_t wait_us = RETRY_US;
    while (!try_connect(p, c, err)) {
        if (is_hopeless(err) || env_monotonic_ns(env_real()) + wait_us * 1000 > until_ns)
            return false;
        env_sleep_us(env_real(), wait_us);
        wait_us = wait_us * 2 < RETRY_MAX_US ? wait_us * 2 : RETRY_MAX_US;
    }
    return true;
}

static int64_t in_us(int64_t us)
{
    return env_monotonic_ns(env_real()) + us * 1000;
}

/* ---- transactions ---- */

#define TAKE_LOCK                                                                                  \
    "BEGIN ISOLATION LEVEL READ COMMITTED;"                                                        \
    "SELECT pg_advisory_xact_lock(" LOCK_CLASS ", hashtext(current_schema()::text))"

static bool begin_on(struct pg_db *p, struct pg_conn *c, bool writes, struct error *err)
{
    /* The first statement takes the snapshot of a reader. */
    const char *sql =
        writes ? TAKE_LOCK : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1";
    bool lost = false, was_open = c->handle;
    int64_t until = in_us(p->connect_us);
    if (!was_open && !connect_until(p, c, until, err))
        return false;
    if (pg_exec(c, sql, &lost, err))
        return true;
    if (lost && was_open)
        return connect_until(p, c, until, err) &&
               (pg_exec(c, sql, &lost, err) || (pg_disconnect(c), false));
    pg_disconnect(c); /* also undoes */
    return false;
}

static bool pg_begin(struct db *db, bool writes, struct db_tx **tx, struct error *err)
{
    struct pg_db *p = pg_of(db);
    struct pg_conn *c = (struct pg_conn *)db_slots_take(&p->slots, writes, err);
    if (!c)
        return false;
    if (!begin_on(p, c, writes, err)) {
        db_slots_give(&p->slots, &c->base);
        return false;
    }
    c->wrote = false;
    c->base.tx = (struct db_tx){ .db = db, .writes = writes };
    *tx = &c->base.tx;
    return true;
}

static bool check_open(const struct pg_conn *c, struct error *err)
{
    return c->handle ||
           fail(err, ERR_UNAVAILABLE,
                "metadata database: the transaction was undone after an earlier error");
}

/* A statement must not have ended the transaction. */
static bool check_inside(struct pg_conn *c, bool ok, struct error *err)
{
    if (!ok || PQtransactionStatus(c->handle) == PQTRANS_INTRANS)
        return ok;
    pg_disconnect(c);
    return fail(err, ERR_INTERNAL, "metadata database: a statement ended the transaction");
}

static bool pg_tx_run(struct db_tx *tx, str sql, const struct db_value *args, size_t n,
                      struct arena *a, struct db_rows *rows, struct error *err)
{
    struct pg_conn *c = conn_of(tx);
    return check_open(c, err) && check_inside(c, pg_run(c, sql, args, n, a, rows, err), err);
}

static bool pg_tx_script(struct db_tx *tx, str sql, struct error *err)
{
    struct pg_conn *c = conn_of(tx);
    if (!check_open(c, err))
        return false;
    struct arena *a = arena_create(0);
    size_t params;
    const char *text = pg_sql(sql, a, &params).ptr;
    c->wrote = true;
    bool ok = check_inside(c, pg_exec(c, text, NULL, err), err);
    arena_destroy(a);
    return ok;
}

/* Under the lock: did the transaction with the last number become durable? */
static bool read_outcome(struct pg_db *p, struct pg_conn *c, bool *done, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_rows rows = { 0 };
    bool ok = pg_exec(c, TAKE_LOCK, NULL, err) &&
              pg_run(c, STR("SELECT commits FROM db_outcome WHERE process = ?"),
                     DB_ARGS(db_val_text(str_of(p->id))), a, &rows, err) &&
              pg_exec(c, "ROLLBACK", NULL, err);
    *done = ok && rows.n > 0 && db_int(&rows, 0, 0) == p->commits;
    arena_destroy(a);
    if (!ok && c->handle)
        pg_disconnect(c);
    return ok;
}

/* P3.  True: it is durable.  Otherwise err says that it is not, or that nobody can tell. */
static bool settle(struct pg_db *p, struct pg_conn *c, struct error *err)
{
    struct error why = *err, now;
    int64_t until = in_us(p->settle_us);
    bool done = false, known = false;
    while (!known && connect_until(p, c, until, &now)) {
        known = read_outcome(p, c, &done, &now);
        if (!known && env_monotonic_ns(env_real()) > until)
            break;
    }
    if (!known)
        return fail(err, ERR_UNKNOWN, "%s; whether it was committed cannot be asked: %s", why.msg,
                    now.msg);
    if (!done)
        return fail(err, ERR_UNAVAILABLE, "%s; nothing was written", why.msg);
    log_warn("db", "a commit is durable though its answer was lost: %s", why.msg);
    return true;
}

static bool commit_write(struct pg_db *p, struct pg_conn *c, struct error *err)
{
    char sql[320];
    bool lost = false;
    p->commits++;
    snprintf(sql, sizeof sql,
             "INSERT INTO db_outcome (process, commits) VALUES ('%s', %lld) ON CONFLICT (process) "
             "DO UPDATE SET commits = excluded.commits, at = now(); COMMIT",
             p->id, (long long)p->commits);
    if (pg_exec(c, sql, &lost, err))
        return true;
    /* An error that leaves the connection standing came before the commit record: it is undone. */
    return lost && settle(p, c, err);
}

/* After a failure without a broken connection the server still waits for the end. */
static void end_failed(struct pg_conn *c)
{
    struct error ignored;
    if (c->handle && PQtransactionStatus(c->handle) != PQTRANS_IDLE &&
        !pg_exec(c, "ROLLBACK", NULL, &ignored) && c->handle)
        pg_disconnect(c);
}

static bool pg_commit(struct db_tx *tx, struct error *err)
{
    struct pg_db *p = pg_of(tx->db);
    struct pg_conn *c = conn_of(tx);
    bool ok = check_open(c, err);
    if (ok)
        ok = c->wrote ? commit_write(p, c, err) : pg_exec(c, "COMMIT", NULL, err);
    end_failed(c);
    db_slots_give(&p->slots, &c->base);
    return ok;
}

static void pg_rollback(struct db_tx *tx)
{
    struct pg_conn *c = conn_of(tx);
    end_failed(c);
    db_slots_give(&pg_of(tx->db)->slots, &c->base);
}

static void pg_close(struct db *db)
{
    struct pg_db *p = pg_of(db);
    for (size_t i = 0; i < DB_READERS; i++)
        pg_disconnect(&p->readers[i]);
    pg_disconnect(&p->writer);
    db_slots_deinit(&p->slots);
    arena_destroy(p->arena);
}

static const struct db_ops pg_ops = {
    .begin = pg_begin,
    .run = pg_tx_run,
    .script = pg_tx_script,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .close = pg_close,
};

/* ---- opening ---- */

static const char outcome_table[] =
    "CREATE TABLE IF NOT EXISTS db_outcome (process TEXT NOT NULL PRIMARY KEY,"
    " commits BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now());"
    "DELETE FROM db_outcome WHERE at < now() - interval '" OUTCOME_DAYS " days'";

/* A schema with tables but without ours belongs to another program. */
static bool check_owner(struct db_tx *tx, struct arena *a, struct error *err)
{
    struct db_rows rows;
    if (!db_run(
            tx,
            STR("SELECT current_schema(), count(*), coalesce(sum(CASE relname WHEN "
                "'db_outcome' THEN 1 ELSE 0 END), 0) FROM pg_catalog.pg_class WHERE relkind = 'r' AND "
                "relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = "
                "current_schema())"),
            DB_NO_ARGS, a, &rows, err))
        return false;
    if (db_is_null(&rows, 0, 0))
        return fail(err, ERR_INVALID,
                    "the schema in the metadata database's search path is not there") ||
               fail_hint(err, "make it: CREATE SCHEMA firn");
    if (db_int(&rows, 0, 1) == 0 || db_int(&rows, 0, 2) > 0)
        return true;
    fail(err, ERR_INVALID,
         "schema " STR_FMT " of the metadata database holds tables of another program",
         STR_ARG(db_str(&rows, 0, 0)));
    return fail_hint(err, "make an empty one and append ?options=-csearch_path%%3DNAME to the URI");
}

static bool prepare_schema(struct db *db, struct error *err)
{
    struct db_tx *tx;
    if (!db_begin(db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = check_owner(tx, a, err) && pg_exec(conn_of(tx), outcome_table, NULL, err);
    arena_destroy(a);
    conn_of(tx)->wrote = ok; /* so that the row is there, and may be written */
    if (ok)
        return db_commit(tx, err);
    db_rollback(tx);
    return false;
}

static void make_id(char out[33])
{
    unsigned long long halves[2];
    env_random(env_real(), halves, sizeof halves);
    snprintf(out, 33, "%016llx%016llx", halves[0], halves[1]);
}

/* What libpq says about a bad URI may quote a part of the password. */
static bool check_uri(const char *uri, struct error *err)
{
    char *text = NULL;
    PQconninfoOption *parts = PQconninfoParse(uri, &text);
    bool ok = parts;
    PQconninfoFree(parts);
    PQfreemem(text);
    if (ok)
        return true;
    fail(err, ERR_INVALID, "the metadata database's URI is not well-formed");
    return fail_hint(err, "postgresql://user@host:port/name?parameter=value, with %%XX for bytes "
                          "that mean something in a URI");
}

bool db_postgres_open(str uri, struct db **out, struct error *err)
{
    if (!PQisthreadsafe())
        return fail(err, ERR_UNSUPPORTED, "this PostgreSQL library is built without threads");
    struct arena *a = arena_create(0);
    struct pg_db *p = arena_new(a, struct pg_db);
    p->base = (struct db){ .ops = &pg_ops, .shared = true };
    p->arena = a;
    p->connect_us = DB_CONNECT_US;
    p->settle_us = DB_SETTLE_US;
    p->uri = arena_cstr(a, uri);
    make_id(p->id);
    db_slots_init(&p->slots);
    p->slots.writer = &p->writer.base;
    for (size_t i = 0; i < DB_READERS; i++)
        p->slots.readers[i] = &p->readers[i].base;
    p->writer.answer_us = PG_ANSWER_US;
    for (size_t i = 0; i < DB_READERS; i++)
        p->readers[i].answer_us = PG_ANSWER_US;
    if (!check_uri(p->uri, err) || !prepare_schema(&p->base, err)) {
        pg_close(&p->base);
        return fail_in(err, "open the metadata database");
    }
    *out = &p->base;
    return true;
}

void db_postgres_set_waits(struct db *db, int64_t connect_us, int64_t settle_us, int64_t answer_us)
{
    struct pg_db *p = pg_of(db);
    ASSERT(db->ops == &pg_ops);
    p->writer.answer_us = answer_us;
    p->connect_us = connect_us;
    p->settle_us = settle_us;
}
