/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata database on SQLite.
 *
 * One connection writes, up to DB_READERS read; each is used by one transaction at a time, so SQLite's own
 * mutexes are off.  WAL lets readers and the writer pass each other; synchronous=FULL syncs the log at
 * each commit.  Statements stay prepared per connection.
 *
 * After an I/O error in COMMIT nobody knows what the disk holds, and a later sync would not tell
 * (the kernel forgets pages that it could not write): the transaction is ERR_UNKNOWN, and the
 * database takes no more writes until it is opened again and the log has been read from the disk. */
#include "io/db_priv.h"

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/vec.h"

#define APPLICATION_ID 0x4669726e /* "Firn", in the file's header */
#define STATEMENTS_MAX 128        /* prepared statements kept for a connection */
#define BUSY_MS 10000             /* wait for another process, such as the sqlite3 shell */
#define SQL_SHOWN 120             /* bytes of a statement in an error's text */

struct statement {
    uint64_t hash; /* of the SQL text */
    uint64_t used; /* when, on the connection's own counter */
    sqlite3_stmt *handle;
};

/* A connection and the transaction that it is in. */
struct conn {
    struct db_conn base; /* first: a tx is its connection */
    sqlite3 *handle;     /* NULL until it is first needed */
    bool broken;         /* SQLite has rolled the transaction back by itself */
    uint64_t counter;
    size_t statements_n;
    struct statement statements[STATEMENTS_MAX];
};

struct sqlite_db {
    struct db base;
    struct arena *arena;
    const char *path;
    struct db_slots slots;
    atomic_bool poisoned; /* set under the writer's slot, never cleared */
    struct conn writer, readers[DB_READERS];
};

static struct sqlite_db *sqlite_of(struct db *db)
{
    return (struct sqlite_db *)db;
}

static struct conn *conn_of(struct db_tx *tx)
{
    return (struct conn *)tx;
}

/* ---- errors ---- */

static const struct {
    int rc; /* extended first */
    enum err_code code;
} codes[] = {
    { SQLITE_CONSTRAINT_UNIQUE, ERR_EXISTS },
    { SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS },
    { SQLITE_CONSTRAINT_ROWID, ERR_EXISTS },
    { SQLITE_CONSTRAINT, ERR_INVALID },
    { SQLITE_BUSY, ERR_UNAVAILABLE },
    { SQLITE_LOCKED, ERR_UNAVAILABLE },
    { SQLITE_IOERR, ERR_UNAVAILABLE },
    { SQLITE_CANTOPEN, ERR_UNAVAILABLE },
    { SQLITE_PROTOCOL, ERR_UNAVAILABLE },
    { SQLITE_FULL, ERR_LIMIT },
    { SQLITE_TOOBIG, ERR_LIMIT },
    { SQLITE_CORRUPT, ERR_CORRUPT },
    { SQLITE_NOTADB, ERR_CORRUPT },
    { SQLITE_READONLY, ERR_DENIED },
    { SQLITE_PERM, ERR_DENIED },
    { SQLITE_AUTH, ERR_DENIED },
    { SQLITE_INTERRUPT, ERR_CANCELLED },
};

static enum err_code code_of(int rc)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].rc == rc)
            return codes[i].code;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].rc == (rc & 0xff))
            return codes[i].code;
    return ERR_INTERNAL;
}

static bool fail_sqlite(struct error *err, sqlite3 *handle, str sql)
{
    int rc = sqlite3_extended_errcode(handle);
    if ((rc & 0xff) == SQLITE_NOMEM)
        panic("out of memory in the metadata database");
    enum err_code code = code_of(rc);
    if (code == ERR_INTERNAL)
        return fail(err, code, "metadata database: %s in \"" STR_FMT "\"", sqlite3_errmsg(handle),
                    STR_ARG(str_sub(sql, 0, SQL_SHOWN)));
    fail(err, code, "metadata database: %s", sqlite3_errmsg(handle));
    if ((rc & 0xff) == SQLITE_FULL)
        fail_hint(err, "make room on the file system and run it again; nothing was changed");
    return false;
}

/* ---- statements ---- */

/* The slot for one more statement: a free one, or the one unused for longest. */
static struct statement *statement_slot(struct conn *c)
{
    if (c->statements_n < STATEMENTS_MAX)
        return &c->statements[c->statements_n++];
    struct statement *oldest = &c->statements[0];
    for (size_t i = 1; i < STATEMENTS_MAX; i++)
        if (c->statements[i].used < oldest->used)
            oldest = &c->statements[i];
    sqlite3_finalize(oldest->handle);
    return oldest;
}

static bool prepare(struct conn *c, str sql, sqlite3_stmt **out, struct error *err)
{
    if (sql.len > INT32_MAX)
        return fail(err, ERR_LIMIT, "metadata database: a statement of %zu bytes", sql.len);
    uint64_t hash = str_hash(sql, 0);
    for (size_t i = 0; i < c->statements_n; i++) {
        struct statement *s = &c->statements[i];
        if (s->hash == hash && str_is(sql, sqlite3_sql(s->handle))) {
            s->used = ++c->counter;
            *out = s->handle;
            return true;
        }
    }
    const char *tail;
    sqlite3_stmt *handle = NULL;
    if (sqlite3_prepare_v3(c->handle, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, &handle,
                           &tail) != SQLITE_OK)
        return fail_sqlite(err, c->handle, sql);
    if (!handle || str_trim(str_make(tail, (size_t)(sql.ptr + sql.len - tail))).len > 0) {
        sqlite3_finalize(handle);
        return fail(err, ERR_INTERNAL, "metadata database: not one statement: \"" STR_FMT "\"",
                    STR_ARG(str_sub(sql, 0, SQL_SHOWN)));
    }
    *statement_slot(c) = (struct statement){ hash, ++c->counter, handle };
    *out = handle;
    return true;
}

static int bind_value(sqlite3_stmt *s, int i, const struct db_value *v)
{
    const char *bytes = v->s.len ? v->s.ptr : "";
    switch (v->kind) {
    case DB_NULL:
        return sqlite3_bind_null(s, i);
    case DB_INT:
        return sqlite3_bind_int64(s, i, v->i);
    case DB_REAL:
        return sqlite3_bind_double(s, i, v->f);
    case DB_TEXT:
        return sqlite3_bind_text64(s, i, bytes, v->s.len, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(s, i, bytes, v->s.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static bool bind_all(struct conn *c, sqlite3_stmt *s, str sql, const struct db_value *args,
                     size_t n, struct error *err)
{
    if ((size_t)sqlite3_bind_parameter_count(s) != n)
        return fail(err, ERR_INTERNAL, "metadata database: %zu values for %d in \"" STR_FMT "\"", n,
                    sqlite3_bind_parameter_count(s), STR_ARG(str_sub(sql, 0, SQL_SHOWN)));
    for (size_t i = 0; i < n; i++)
        if (bind_value(s, (int)i + 1, &args[i]) != SQLITE_OK)
            return fail_sqlite(err, c->handle, sql);
    return true;
}

/* ---- rows ---- */

struct cells {
    struct db_value *at;
    size_t n, cap;
};

static str column_bytes(sqlite3_stmt *s, int i, bool text)
{
    const void *p = text ? (const void *)sqlite3_column_text(s, i) : sqlite3_column_blob(s, i);
    return str_make(p, (size_t)sqlite3_column_bytes(s, i));
}

/* Appends one cell; false when the arena's budget does not hold it. */
static bool add_cell(sqlite3_stmt *s, int i, struct arena *a, struct cells *cells)
{
    struct db_value v = { .kind = DB_NULL };
    size_t grown = cells->n == cells->cap ? (cells->cap * 2 + 64) * sizeof v : 0;
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        v = db_val_int(sqlite3_column_int64(s, i));
        break;
    case SQLITE_FLOAT:
        v = db_val_real(sqlite3_column_double(s, i));
        break;
    case SQLITE_TEXT:
        v = db_val_text(column_bytes(s, i, true));
        break;
    case SQLITE_BLOB:
        v = db_val_blob(column_bytes(s, i, false));
        break;
    default:
        break;
    }
    bool bytes = v.kind == DB_TEXT || v.kind == DB_BLOB;
    if (grown + (bytes ? v.s.len + 64 : 0) > arena_left(a))
        return false;
    if (bytes)
        v.s = v.s.len ? arena_str(a, v.s) : STR("");
    *vec_push(a, cells) = v;
    return true;
}

static void read_names(sqlite3_stmt *s, struct arena *a, struct db_rows *rows)
{
    rows->cols = (size_t)sqlite3_column_count(s);
    str *names = arena_array(a, str, rows->cols);
    for (size_t i = 0; i < rows->cols; i++)
        names[i] = arena_str(a, str_of(sqlite3_column_name(s, (int)i)));
    rows->names = names;
}

static bool step_all(struct conn *c, sqlite3_stmt *s, str sql, struct arena *a,
                     struct db_rows *rows, struct error *err)
{
    struct cells cells = { 0 };
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (!rows)
            continue;
        if (rows->n == DB_ROWS_MAX)
            return fail(err, ERR_LIMIT, "metadata database: more than %d rows", DB_ROWS_MAX);
        for (size_t i = 0; i < rows->cols; i++)
            if (!add_cell(s, (int)i, a, &cells))
                return fail(err, ERR_LIMIT,
                            "metadata database: the result is over the memory budget");
        rows->n++;
    }
    if (rc != SQLITE_DONE)
        return fail_sqlite(err, c->handle, sql);
    if (rows) {
        rows->cells = cells.at;
        rows->changes = sqlite3_stmt_readonly(s) ? 0 : sqlite3_changes64(c->handle);
    }
    return true;
}

static bool run(struct conn *c, str sql, const struct db_value *args, size_t n, struct arena *a,
                struct db_rows *rows, struct error *err)
{
    sqlite3_stmt *s = NULL;
    if (!prepare(c, sql, &s, err))
        return false;
    if (rows) {
        *rows = (struct db_rows){ 0 };
        read_names(s, a, rows);
    }
    bool ok = bind_all(c, s, sql, args, n, err) && step_all(c, s, sql, a, rows, err);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return ok;
}

static bool run_plain(struct conn *c, str sql, struct error *err)
{
    return run(c, sql, NULL, 0, NULL, NULL, err);
}

/* ---- connections ---- */

static void close_conn(struct conn *c)
{
    for (size_t i = 0; i < c->statements_n; i++)
        sqlite3_finalize(c->statements[i].handle);
    c->statements_n = 0;
    sqlite3_close(c->handle);
    c->handle = NULL;
    c->base.open = false;
}

static bool exec(struct conn *c, const char *sql, struct error *err)
{
    return sqlite3_exec(c->handle, sql, NULL, NULL, NULL) == SQLITE_OK ||
           fail_sqlite(err, c->handle, str_of(sql));
}

static const char settings[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 67108864;"; /* the log shrinks to this after a checkpoint */

static bool open_conn(struct sqlite_db *s, struct conn *c, bool writes, struct error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writes ? SQLITE_OPEN_CREATE : 0);
    int rc = sqlite3_open_v2(s->path, &c->handle, flags, NULL);
    if (!c->handle)
        panic("out of memory in the metadata database");
    sqlite3_extended_result_codes(c->handle, 1);
    sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_busy_timeout(c->handle, BUSY_MS);
    bool ok = rc == SQLITE_OK || fail_sqlite(err, c->handle, STR("open"));
    ok = ok && exec(c, settings, err) && (writes || exec(c, "PRAGMA query_only = ON", err));
    if (!ok) {
        close_conn(c);
        return fail_in(err, "%s", s->path);
    }
    c->base.open = true;
    return true;
}

/* Waits for a connection; NULL with ERR_UNAVAILABLE when the wait is over. */
static struct conn *take_conn(struct sqlite_db *s, bool writes, struct error *err)
{
    struct db_conn *c = db_slots_take(&s->slots, writes, err);
    if (!c || !writes || !atomic_load(&s->poisoned))
        return (struct conn *)c;
    db_slots_give(&s->slots, c);
    fail(err, ERR_UNAVAILABLE,
         "metadata database: an earlier write could not be made durable; no more are taken");
    fail_hint(err, "look at the disk, then start the program again");
    return NULL;
}

static void give_conn(struct sqlite_db *s, struct conn *c)
{
    db_slots_give(&s->slots, &c->base);
}

/* ---- transactions ---- */

static bool begin_on(struct sqlite_db *s, struct conn *c, bool writes, struct error *err)
{
    if (!c->handle && !open_conn(s, c, writes, err))
        return false;
    if (writes)
        return run_plain(c, STR("BEGIN IMMEDIATE"), err);
    /* A plain BEGIN pins nothing: the first read does. */
    if (!run_plain(c, STR("BEGIN"), err))
        return false;
    if (run_plain(c, STR("SELECT 1 FROM sqlite_schema LIMIT 1"), err))
        return true;
    struct error ignored;
    (void)!run_plain(c, STR("ROLLBACK"), &ignored);
    return false;
}

static bool sqlite_begin(struct db *db, bool writes, struct db_tx **tx, struct error *err)
{
    struct sqlite_db *s = sqlite_of(db);
    struct conn *c = take_conn(s, writes, err);
    if (!c)
        return false;
    if (!begin_on(s, c, writes, err)) {
        give_conn(s, c);
        return false;
    }
    c->broken = false;
    c->base.tx = (struct db_tx){ .db = db, .writes = writes };
    *tx = &c->base.tx;
    return true;
}

static bool check_open(struct conn *c, struct error *err)
{
    if (c->broken)
        return fail(err, ERR_UNAVAILABLE,
                    "metadata database: the transaction was undone after an earlier error");
    return true;
}

/* After a full disk or an I/O error SQLite has undone the whole transaction by itself. */
static bool note_broken(struct conn *c, bool ok, struct error *err)
{
    if (!sqlite3_get_autocommit(c->handle))
        return ok;
    c->broken = true;
    if (ok)
        return fail(err, ERR_INTERNAL, "metadata database: a statement ended the transaction");
    return false;
}

static bool sqlite_run(struct db_tx *tx, str sql, const struct db_value *args, size_t n,
                       struct arena *a, struct db_rows *rows, struct error *err)
{
    struct conn *c = conn_of(tx);
    return check_open(c, err) && note_broken(c, run(c, sql, args, n, a, rows, err), err);
}

static bool sqlite_script(struct db_tx *tx, str sql, struct error *err)
{
    struct conn *c = conn_of(tx);
    if (!check_open(c, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = note_broken(c, exec(c, arena_cstr(a, sql), err), err);
    arena_destroy(a);
    return ok;
}

static void undo(struct conn *c)
{
    struct error ignored;
    if (!sqlite3_get_autocommit(c->handle) && !run_plain(c, STR("ROLLBACK"), &ignored))
        close_conn(c); /* closing undoes in any case; the next begin opens afresh */
}

/* Whether a failed COMMIT certainly wrote nothing that could be read back later: the log has no
 * commit frame when a constraint, a lock or a full disk stopped it. */
static bool surely_not_committed(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_READONLY:
        return true;
    default:
        return false;
    }
}

static bool sqlite_commit(struct db_tx *tx, struct error *err)
{
    struct sqlite_db *s = sqlite_of(tx->db);
    struct conn *c = conn_of(tx);
    bool ok = check_open(c, err);
    if (ok) {
        ok = run_plain(c, STR("COMMIT"), err);
        if (!ok && tx->writes && !surely_not_committed(sqlite3_extended_errcode(c->handle))) {
            err->code = ERR_UNKNOWN;
            atomic_store(&s->poisoned, true);
        }
    }
    if (!ok)
        undo(c);
    give_conn(s, c);
    return ok;
}

static void sqlite_rollback(struct db_tx *tx)
{
    struct conn *c = conn_of(tx);
    undo(c);
    give_conn(sqlite_of(tx->db), c);
}

static void sqlite_close(struct db *db)
{
    struct sqlite_db *s = sqlite_of(db);
    for (size_t i = 0; i < DB_READERS; i++)
        close_conn(&s->readers[i]);
    close_conn(&s->writer); /* last: it copies the log into the file and removes it */
    db_slots_deinit(&s->slots);
    arena_destroy(s->arena);
}

static const struct db_ops sqlite_ops = {
    .begin = sqlite_begin,
    .run = sqlite_run,
    .script = sqlite_script,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .close = sqlite_close,
};

/* ---- opening ---- */

static bool pragma_int(struct conn *c, str sql, int64_t *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_rows rows;
    bool ok = run(c, sql, NULL, 0, a, &rows, err);
    if (ok)
        *out = rows.n ? db_int(&rows, 0, 0) : 0;
    arena_destroy(a);
    return ok;
}

/* A new file is marked as ours; a file of another program is left alone. */
static bool check_owner(struct sqlite_db *s, struct error *err)
{
    struct conn *c = &s->writer;
    int64_t id, tables;
    if (!pragma_int(c, STR("PRAGMA application_id"), &id, err) ||
        !pragma_int(c, STR("SELECT count(*) FROM sqlite_schema"), &tables, err))
        return false;
    if (id == APPLICATION_ID)
        return true;
    if (id != 0 || tables != 0)
        return fail(err, ERR_INVALID, "%s is a database of another program", s->path);
    _Static_assert(APPLICATION_ID == 1181315694, "the number in the text below");
    return exec(c, "PRAGMA application_id = 1181315694", err);
}

bool db_sqlite_open(str path, struct db **out, struct error *err)
{
    if (sqlite3_threadsafe() == 0)
        return fail(err, ERR_UNSUPPORTED, "this SQLite library is built without threads");
    struct arena *a = arena_create(0);
    struct sqlite_db *s = arena_new(a, struct sqlite_db);
    s->base.ops = &sqlite_ops;
    s->arena = a;
    s->path = arena_cstr(a, path);
    db_slots_init(&s->slots);
    s->slots.writer = &s->writer.base;
    for (size_t i = 0; i < DB_READERS; i++)
        s->slots.readers[i] = &s->readers[i].base;
    if (!open_conn(s, &s->writer, true, err) || !check_owner(s, err)) {
        sqlite_close(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}
