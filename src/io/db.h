/* SPDX-License-Identifier: Apache-2.0
 *
 * The metadata database: rows under transactions.  SQLite today, PostgreSQL behind the same seam.
 *
 * Any number of read transactions run beside one write transaction; each sees the state of its
 * begin (a snapshot).  db_begin waits its turn (DB_WAIT_US, then ERR_UNAVAILABLE).  Keep transactions
 * short and do nothing slow in a write transaction.  A thread that holds one must not begin
 * another write transaction: it would wait for itself.
 *
 * SQL is written once for both engines: `?` parameters, no engine's own functions, and values
 * always bound.  "SAVEPOINT x", "ROLLBACK TO x", "RELEASE x" through db_run undo a part of a
 * transaction (group commit: one caller's part).
 *
 * Errors: ERR_EXISTS for a unique key, ERR_INVALID for other constraints, ERR_UNAVAILABLE (busy,
 * I/O failed, nothing written), ERR_LIMIT (disk full, nothing written; too many rows), ERR_CORRUPT,
 * ERR_DENIED, ERR_INTERNAL for wrong SQL, and from db_commit ERR_UNKNOWN: it may or may not be
 * durable.  After ERR_UNKNOWN every later write is refused until the database is opened again, since
 * the operating system may have dropped what could not be written. */
#ifndef FIRN_IO_DB_H
#define FIRN_IO_DB_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/fault.h"

#define DB_WAIT_US (30 * 1000000LL) /* how long a begin waits for its turn */
#define DB_ROWS_MAX 4000000         /* rows of one result; page beyond */
#define DB_READERS 8                /* read connections at most; more readers wait */

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

struct db {
    const struct db_ops *ops;
};

struct db_tx { /* an implementation's transaction begins with this */
    struct db *db;
    bool writes;
};

struct db_ops {
    /* Begins; *tx belongs to the database and ends with commit or rollback. */
    bool (*begin)(struct db *db, bool writes, struct db_tx **tx, struct error *err);
    /* Runs one statement; rows may be NULL.  A failed statement changes nothing; the transaction
     * stays open. */
    bool (*run)(struct db_tx *tx, str sql, const struct db_value *args, size_t n, struct arena *a,
                struct db_rows *rows, struct error *err);
    /* Runs several statements separated by ';', without parameters and results. */
    bool (*script)(struct db_tx *tx, str sql, struct error *err);
    /* Ends tx in every case. */
    bool (*commit)(struct db_tx *tx, struct error *err);
    void (*rollback)(struct db_tx *tx);
    void (*close)(struct db *db);
};

/* Opens or makes a SQLite database file.  ERR_INVALID when the file is some other program's. */
MUST_USE bool db_open(str path, struct db **out, struct error *err);
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

/* A step of the schema.  Versions are 1, 2, 3, ... in the table's order; a step once released never
 * changes.  `sql` may hold several statements. */
struct migration {
    int64_t version;
    const char *name;
    const char *sql;
};

/* Brings the tables of one area ("catalog", "models": each folder that keeps tables has its own
 * numbering) up to the last of its n steps, each in a transaction of its own together with its row
 * (area, version, name) in schema_version.  ERR_INVALID with a hint when the database is newer than
 * the program, ERR_CORRUPT when a step that was applied bears another name than ours. */
MUST_USE bool db_migrate(struct db *db, const char *area, const struct migration *steps, size_t n,
                         struct error *err);

/* Wraps a database (kept alive by the caller, as the plan is): the operation that the plan names
 * fails.  Begin and run count as reads (a statement alone makes nothing durable), commit of a
 * write transaction as a write.  A refused commit rolls back. */
struct db *db_fault_create(struct db *real, struct fault *plan);

#endif
