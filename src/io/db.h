/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata database: rows under transactions, in a SQLite file or on a PostgreSQL server.
 *
 * Any number of read transactions run beside one write transaction; each sees the state of its
 * begin (a snapshot).  db_begin waits its turn (DB_WAIT_US, then ERR_UNAVAILABLE), on PostgreSQL
 * among all servers that share the database.  So write transactions follow one another whole: what
 * one reads stays true until it commits, and no transaction fails because of another.  Keep them
 * short and do nothing slow in one.  A thread that holds one must not begin another write
 * transaction: it would wait for itself.
 *
 * After a statement has failed a transaction takes nothing but "ROLLBACK TO x" (a savepoint made
 * before) or db_rollback: so that both engines behave the same.  "SAVEPOINT x", "ROLLBACK TO x",
 * "RELEASE x" through db_run undo a part of a transaction (group commit: one caller's part).
 *
 * SQL is written once, in the words that both engines know:
 *   - `?` parameters, values always bound; each has the type of its db_value in PostgreSQL, so write
 *     no db_val_int into a text column or a place where the engine would have to guess;
 *   - types BIGINT, DOUBLE PRECISION, TEXT, BLOB (INTEGER, REAL mean the first two); TEXT compares
 *     and sorts by bytes and holds valid UTF-8 without NUL;
 *   - INSERT ... ON CONFLICT, never INSERT OR; no AUTOINCREMENT, rowid, LIKE (its case differs),
 *     PRAGMA, functions beyond count, sum, min, max, coalesce, length, lower, upper; conditions are
 *     conditions, not numbers (`owned = 1`, not `owned`); no ORDER BY over nulls (their place differs);
 *   - in GROUP BY queries only grouped columns and aggregates; names in lower case, unquoted.
 *
 * Errors: ERR_EXISTS for a unique key, ERR_INVALID for other constraints, ERR_UNAVAILABLE (busy,
 * I/O failed, the server is away, nothing written), ERR_LIMIT (disk full, nothing written; too many
 * rows), ERR_CORRUPT, ERR_DENIED, ERR_INTERNAL for wrong SQL, and from db_commit ERR_UNKNOWN: it may
 * or may not be durable.  SQLite then refuses every later write until the database is opened again,
 * since the operating system may have dropped what could not be written.  PostgreSQL is asked what
 * became of the transaction, and ERR_UNKNOWN is left only when it cannot be reached for
 * DB_SETTLE_US; later writes go on. */
#ifndef FIRN_IO_DB_H
#define FIRN_IO_DB_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/fault.h"

#define DB_WAIT_US (30 * 1000000LL)     /* how long a begin waits for its turn */
#define DB_ROWS_MAX 4000000             /* rows of one result; page beyond */
#define DB_VALUE_BYTES_MAX (256u << 20) /* of one text or blob */
#define DB_READERS 8                    /* read connections at most; more readers wait */
#define DB_CONNECT_US (5 * 1000000LL)   /* how long a begin tries to reach a server that is away */
#define DB_SETTLE_US (15 * 1000000LL)   /* how long a commit whose answer was lost is asked after */

enum db_kind { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };

struct db_value {
    enum db_kind kind;
    union {
        int64_t i;
        double f;
        str s; /* text and blob */
    };
};

static inline struct db_value db_val_null(void)
{
    return (struct db_value){ .kind = DB_NULL };
}
static inline struct db_value db_val_int(int64_t i)
{
    return (struct db_value){ .kind = DB_INT, .i = i };
}
static inline struct db_value db_val_real(double f)
{
    return (struct db_value){ .kind = DB_REAL, .f = f };
}
static inline struct db_value db_val_text(str s)
{
    return (struct db_value){ .kind = DB_TEXT, .s = s };
}
static inline struct db_value db_val_blob(str s)
{
    return (struct db_value){ .kind = DB_BLOB, .s = s };
}
static inline struct db_value db_val_opt_text(str s) /* NULL when s has no bytes pointer */
{
    return s.ptr ? db_val_text(s) : db_val_null();
}

/* Parameters in place: db_run(tx, sql, DB_ARGS(db_val_int(7), db_val_text(name)), a, &rows, err).
 * Without parameters: DB_NO_ARGS. */
#define DB_ARGS(...)                                                                               \
    (const struct db_value[]){ __VA_ARGS__ },                                                      \
        sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_NO_ARGS NULL, 0

struct db_rows {
    size_t n, cols;
    const str *names;             /* cols of them */
    const struct db_value *cells; /* n * cols, row by row */
    int64_t changes;              /* rows changed by INSERT, UPDATE, DELETE */
};

/* Cells.  Reading a cell as another kind than it is, or out of range, is our bug and panics; a null
 * reads as 0 or the empty view. */
const struct db_value *db_cell(const struct db_rows *rows, size_t r, size_t c);
bool db_is_null(const struct db_rows *rows, size_t r, size_t c);
int64_t db_int(const struct db_rows *rows, size_t r, size_t c);
double db_real(const struct db_rows *rows, size_t r, size_t c);
str db_str(const struct db_rows *rows, size_t r, size_t c); /* text or blob */

#define DB_AREAS_MAX 32 /* that migrate */

struct db {
    const struct db_ops *ops;
    bool
        shared; /* other processes write to it too: nothing that can change may be kept in memory */
    struct {
        const char *area;
        int64_t version;
    } known[DB_AREAS_MAX]; /* the schema as this program knows it; db_migrate appends */
    atomic_size_t known_n;
};

struct db_tx { /* an implementation's transaction begins with this */
    struct db *db;
    bool writes;
    bool failed; /* a statement failed; only "ROLLBACK TO" goes on.  Kept by db_run */
};

struct db_ops {
    /* Begins; *tx belongs to the database and ends with commit or rollback. */
    bool (*begin)(struct db *db, bool writes, struct db_tx **tx, struct error *err);
    /* Runs one statement; rows may be NULL.  A failed statement changes nothing. */
    bool (*run)(struct db_tx *tx, str sql, const struct db_value *args, size_t n, struct arena *a,
                struct db_rows *rows, struct error *err);
    /* Runs several statements separated by ';', without parameters and results. */
    bool (*script)(struct db_tx *tx, str sql, struct error *err);
    /* Ends tx in every case. */
    bool (*commit)(struct db_tx *tx, struct error *err);
    void (*rollback)(struct db_tx *tx);
    void (*close)(struct db *db);
};

/* Opens a database: "postgresql://user@host:port/name?..." (libpq's form; its environment variables
 * count) on a server, anything else as the path of a SQLite file, which is made when missing.
 * ERR_INVALID when file or schema hold some other program's tables.  Errors and logs never show a
 * password. */
MUST_USE bool db_open(str where, struct db **out, struct error *err);
/* Whether the text names a PostgreSQL database. */
bool db_is_uri(str where);
/* Closes; no transaction may be open.  NULL is fine. */
void db_close(struct db *db);

/* Begins a write transaction (one at a time), or a read transaction. */
MUST_USE bool db_begin(struct db *db, struct db_tx **tx, struct error *err);
MUST_USE bool db_read_begin(struct db *db, struct db_tx **tx, struct error *err);

/* Runs one statement with its parameters bound; the rows live in `a`.  `a` and `rows` may be NULL
 * for statements whose result does not matter. */
MUST_USE bool db_run(struct db_tx *tx, str sql, const struct db_value *args, size_t n,
                     struct arena *a, struct db_rows *rows, struct error *err);

/* Makes a write transaction durable (ends a read one).  The transaction is over whatever the
 * answer; only ERR_UNKNOWN leaves open whether it happened. */
MUST_USE bool db_commit(struct db_tx *tx, struct error *err);
/* Undoes and ends; NULL is fine. */
void db_rollback(struct db_tx *tx);

/* One statement as a write transaction of its own; *changes (may be NULL) is how many rows it touched.  Errors as db_commit. */
MUST_USE bool db_change(struct db *db, str sql, const struct db_value *args, size_t n,
                        int64_t *changes, struct error *err);
/* One query as a read transaction of its own. */
MUST_USE bool db_select(struct db *db, str sql, const struct db_value *args, size_t n,
                        struct arena *a, struct db_rows *rows, struct error *err);

/* A step of the schema.  Versions are 1, 2, 3, ... in the table's order; a step once released never
 * changes.  `sql` may hold several statements. */
struct migration {
    int64_t version;
    const char *name;
    const char *sql;
};

/* Servers of one database are brought to a newer release one after the other.  As soon as the first of them has
 * applied a step, db_begin fails on those that do not know it, with ERR_UNAVAILABLE and a hint, since what they
 * would write may break the newer one's rules; they go on reading.  So a step must leave what is there readable
 * for the program before it: add tables and columns, never drop or rename one that is still read. */

/* Brings the tables of one area ("catalog", "models": each folder that keeps tables has its own
 * numbering) up to the last of its n steps, each in a transaction of its own together with its row
 * (area, version, name) in schema_version.  ERR_INVALID with a hint when the database is newer than
 * the program, ERR_CORRUPT when a step that was applied bears another name than ours. */
MUST_USE bool db_migrate(struct db *db, const char *area, const struct migration *steps, size_t n,
                         struct error *err);

/* What is kept in memory of a shared database gets old.  Whoever changes an area that somebody keeps
 * in memory touches it in the same transaction.  Whoever keeps it calls db_watch before using it:
 * once in DB_WATCH_US that has `moved` called on the pool when the area was touched since (and the
 * first time), so that a change is seen by the other servers that much later, and no caller waits
 * (without a pool, the one that looks does).
 * While the database cannot be asked, what is known is used on.  On a database of this process alone
 * nothing happens. */
#define DB_WATCH_US 1000000
struct pool;
struct db_watch {
    struct db *db;
    const char *area;
    struct pool *pool;
    void (*moved)(void *arg);
    void *arg;
    atomic_llong looked_us, seen;
    atomic_bool looking;
};
MUST_USE bool db_touch(struct db_tx *tx, const char *area, struct error *err);
void db_watch_init(struct db_watch *w, struct db *db, const char *area, struct pool *pool,
                   void (*moved)(void *arg), void *arg);
void db_watch(struct db_watch *w);
void db_watch_end(struct db_watch *w); /* waits for a look that is under way */

/* Wraps a database (kept alive by the caller, as the plan is): the operation that the plan names
 * fails.  Begin and run count as reads (a statement alone makes nothing durable), commit of a
 * write transaction as a write.  A refused commit rolls back. */
struct db *db_fault_create(struct db *real, struct fault *plan);

#endif
