/* SPDX-License-Identifier: Apache-2.0
 *
 * What is the same for every database: cells, thin calls, the schema's steps. */
#include "base/env.h"
#include "base/thread.h"
#include "io/db_priv.h"

const struct db_value *db_cell(const struct db_rows *rows, size_t r, size_t c)
{
    if (r >= rows->n || c >= rows->cols)
        panic("database cell %zu,%zu of %zu,%zu", r, c, rows->n, rows->cols);
    return &rows->cells[r * rows->cols + c];
}

bool db_is_null(const struct db_rows *rows, size_t r, size_t c)
{
    return db_cell(rows, r, c)->kind == DB_NULL;
}

/* The cell when it is of the kind, NULL when it is null. */
static const struct db_value *cell_of(const struct db_rows *rows, size_t r, size_t c,
                                      enum db_kind kind)
{
    const struct db_value *v = db_cell(rows, r, c);
    if (v->kind != kind && v->kind != DB_NULL)
        panic("database column %zu (" STR_FMT ") has kind %d, not %d", c, STR_ARG(rows->names[c]),
              (int)v->kind, (int)kind);
    return v->kind == DB_NULL ? NULL : v;
}

int64_t db_int(const struct db_rows *rows, size_t r, size_t c)
{
    const struct db_value *v = cell_of(rows, r, c, DB_INT);
    return v ? v->i : 0;
}

double db_real(const struct db_rows *rows, size_t r, size_t c)
{
    const struct db_value *v = db_cell(rows, r, c);
    if (v->kind == DB_INT)
        return (double)v->i;
    v = cell_of(rows, r, c, DB_REAL);
    return v ? v->f : 0;
}

str db_str(const struct db_rows *rows, size_t r, size_t c)
{
    const struct db_value *v = db_cell(rows, r, c);
    if (v->kind == DB_BLOB)
        return v->s;
    v = cell_of(rows, r, c, DB_TEXT);
    return v ? v->s : (str){ 0 };
}

bool db_is_uri(str where)
{
    return str_starts(where, STR("postgresql://")) || str_starts(where, STR("postgres://"));
}

bool db_open(str where, struct db **out, struct error *err)
{
    return db_is_uri(where) ? db_postgres_open(where, out, err) : db_sqlite_open(where, out, err);
}

static int64_t known_version(struct db *db, str area)
{
    size_t n = atomic_load(&db->known_n);
    for (size_t i = 0; i < n; i++)
        if (str_is(area, db->known[i].area))
            return db->known[i].version;
    return INT64_MAX; /* somebody else's: none of ours */
}

/* Under the write lock: nobody has brought the schema forward since this program looked. */
static bool check_schema(struct db_tx *tx, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_rows rows;
    bool ok = db_run(tx, STR("SELECT area, max(version) FROM schema_version GROUP BY area"),
                     DB_NO_ARGS, a, &rows, err);
    for (size_t i = 0; ok && i < rows.n; i++) {
        int64_t known = known_version(tx->db, db_str(&rows, i, 0));
        if (db_int(&rows, i, 1) <= known)
            continue;
        ok = fail(err, ERR_UNAVAILABLE,
                  "the database was brought to " STR_FMT
                  " schema version %lld meanwhile, this program knows up to %lld",
                  STR_ARG(db_str(&rows, i, 0)), (long long)db_int(&rows, i, 1), (long long)known);
        fail_hint(err, "start this server again with the newer release");
    }
    arena_destroy(a);
    return ok;
}

bool db_begin(struct db *db, struct db_tx **tx, struct error *err)
{
    if (!db->ops->begin(db, true, tx, err))
        return false;
    if (!db->shared || atomic_load(&db->known_n) == 0 || check_schema(*tx, err))
        return true;
    db_rollback(*tx);
    return false;
}

bool db_read_begin(struct db *db, struct db_tx **tx, struct error *err)
{
    return db->ops->begin(db, false, tx, err);
}

/* What follows a failed statement would work on one engine and not on the other. */
static bool fail_undone(struct error *err)
{
    return fail(err, ERR_UNAVAILABLE,
                "metadata database: the transaction was undone after an earlier error");
}

/* PostgreSQL takes no other text. */
static bool check_texts(const struct db_value *args, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (args[i].kind != DB_TEXT && args[i].kind != DB_BLOB)
            continue;
        if (args[i].s.len > DB_VALUE_BYTES_MAX)
            return fail(err, ERR_LIMIT, "metadata database: a value of %zu bytes", args[i].s.len);
        if (args[i].kind == DB_TEXT &&
            (!str_is_utf8(args[i].s) || str_find_char(args[i].s, '\0') >= 0))
            return fail(err, ERR_INVALID, "metadata database: a text is not UTF-8 or holds a NUL");
    }
    return true;
}

bool db_run(struct db_tx *tx, str sql, const struct db_value *args, size_t n, struct arena *a,
            struct db_rows *rows, struct error *err)
{
    ASSERT(!rows || a);
    if (!check_texts(args, n, err))
        return false;
    bool back = str_starts(sql, STR("ROLLBACK TO "));
    if (tx->failed && !back)
        return fail_undone(err);
    bool ok = tx->db->ops->run(tx, sql, args, n, a, rows, err);
    tx->failed = !ok;
    return ok;
}

bool db_commit(struct db_tx *tx, struct error *err)
{
    if (!tx->failed)
        return tx->db->ops->commit(tx, err);
    db_rollback(tx);
    return fail_undone(err);
}

void db_rollback(struct db_tx *tx)
{
    if (tx)
        tx->db->ops->rollback(tx);
}

void db_close(struct db *db)
{
    if (db)
        db->ops->close(db);
}

/* ---- the schema's steps ---- */

static const char own_tables[] = "CREATE TABLE IF NOT EXISTS schema_version ("
                                 "area TEXT NOT NULL, version BIGINT NOT NULL,"
                                 "name TEXT NOT NULL, PRIMARY KEY (area, version));"
                                 "CREATE TABLE IF NOT EXISTS area_changes ("
                                 "area TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)";

/* The steps of one area. */
struct steps {
    const char *area;
    const struct migration *at;
    size_t n;
};

/* What is applied must be a prefix of our steps. */
static bool check_applied(const struct db_rows *rows, const struct steps *s, struct error *err)
{
    if (rows->n > s->n) {
        fail(err, ERR_INVALID,
             "the database has %s schema version %zu, this program knows up to %zu", s->area,
             rows->n, s->n);
        return fail_hint(err, "use a newer release of firn for this data directory");
    }
    for (size_t i = 0; i < rows->n; i++)
        if (db_int(rows, i, 0) != s->at[i].version || !str_is(db_str(rows, i, 1), s->at[i].name))
            return fail(err, ERR_CORRUPT,
                        "%s schema step %lld of the database is \"" STR_FMT "\", not \"%s\"",
                        s->area, (long long)db_int(rows, i, 0), STR_ARG(db_str(rows, i, 1)),
                        s->at[i].name);
    return true;
}

/* Inside one transaction: looks where the schema is and applies the next step, if there is one. */
static bool apply_next(struct db_tx *tx, const struct steps *s, struct arena *a, bool *done,
                       struct error *err)
{
    struct db_rows rows;
    struct db_value area = db_val_text(str_of(s->area));
    if (!tx->db->ops->script(tx, str_of(own_tables), err) ||
        !db_run(tx, STR("SELECT version, name FROM schema_version WHERE area = ? ORDER BY version"),
                &area, 1, a, &rows, err) ||
        !check_applied(&rows, s, err))
        return false;
    *done = rows.n == s->n;
    if (*done)
        return true;
    const struct migration *m = &s->at[rows.n];
    if (!tx->db->ops->script(tx, str_of(m->sql), err) ||
        !db_run(tx, STR("INSERT INTO schema_version (area, version, name) VALUES (?, ?, ?)"),
                DB_ARGS(area, db_val_int(m->version), db_val_text(str_of(m->name))), NULL, NULL,
                err))
        return fail_in(err, "%s schema step %lld (%s)", s->area, (long long)m->version, m->name);
    return true;
}

/* Before the first write of the area's own folder, by the thread that opens it. */
static void know(struct db *db, const char *area, int64_t version)
{
    size_t n = atomic_load(&db->known_n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(db->known[i].area, area) == 0) {
            db->known[i].version = version;
            return;
        }
    ASSERT(n < DB_AREAS_MAX);
    db->known[n].area = area;
    db->known[n].version = version;
    atomic_store(&db->known_n, n + 1);
}

bool db_migrate(struct db *db, const char *area, const struct migration *steps, size_t n,
                struct error *err)
{
    for (size_t i = 0; i < n; i++)
        ASSERT(steps[i].version == (int64_t)i + 1);
    struct arena *a = arena_create(0);
    struct steps s = { area, steps, n };
    bool ok = true;
    for (bool done = false; ok && !done; arena_reset(a)) {
        struct db_tx *tx;
        ok = db->ops->begin(db, true, &tx, err); /* whatever is known */
        if (!ok)
            break;
        ok = apply_next(tx, &s, a, &done, err);
        if (ok)
            ok = db_commit(tx, err);
        else
            db_rollback(tx);
    }
    arena_destroy(a);
    if (ok)
        know(db, area, (int64_t)n);
    return ok;
}

/* ---- what others change ---- */

bool db_touch(struct db_tx *tx, const char *area, struct error *err)
{
    return db_run(tx,
                  STR("INSERT INTO area_changes (area, n) VALUES (?, 1) ON CONFLICT (area) "
                      "DO UPDATE SET n = area_changes.n + 1"),
                  DB_ARGS(db_val_text(str_of(area))), NULL, NULL, err);
}

bool db_change(struct db *db, str sql, const struct db_value *args, size_t n, int64_t *changes,
               struct error *err)
{
    struct db_tx *tx;
    struct db_rows rows = { 0 };
    if (!db_begin(db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = db_run(tx, sql, args, n, a, &rows, err);
    if (ok)
        ok = db_commit(tx, err);
    else
        db_rollback(tx);
    if (changes)
        *changes = rows.changes;
    arena_destroy(a);
    return ok;
}

bool db_select(struct db *db, str sql, const struct db_value *args, size_t n, struct arena *a,
               struct db_rows *rows, struct error *err)
{
    struct db_tx *tx;
    if (!db_read_begin(db, &tx, err))
        return false;
    bool ok = db_run(tx, sql, args, n, a, rows, err);
    db_rollback(tx);
    return ok;
}

/* How often the area was touched; 0 when never. */
static bool read_changes(struct db *db, const char *area, int64_t *out)
{
    struct error err;
    struct db_rows rows;
    struct arena *a = arena_create(0);
    bool ok = db_select(db, STR("SELECT n FROM area_changes WHERE area = ?"),
                        DB_ARGS(db_val_text(str_of(area))), a, &rows, &err);
    if (ok)
        *out = rows.n ? db_int(&rows, 0, 0) : 0;
    arena_destroy(a);
    return ok;
}

void db_watch_init(struct db_watch *w, struct db *db, const char *area, struct pool *pool,
                   void (*moved)(void *arg), void *arg)
{
    *w = (struct db_watch){ .db = db, .area = area, .pool = pool, .moved = moved, .arg = arg };
}

static void look(void *arg)
{
    struct db_watch *w = arg;
    int64_t n;
    if (read_changes(w->db, w->area, &n) && atomic_exchange(&w->seen, n + 1) != n + 1)
        w->moved(w->arg); /* 0: not looked yet */
    atomic_store(&w->looked_us, env_monotonic_ns(env_real()) / 1000);
    atomic_store(&w->looking, false);
}

void db_watch(struct db_watch *w)
{
    if (!w->db->shared)
        return;
    long long looked = atomic_load(&w->looked_us);
    if ((looked == 0 || env_monotonic_ns(env_real()) / 1000 - looked >= DB_WATCH_US) &&
        !atomic_exchange(&w->looking, true)) {
        if (w->pool)
            pool_submit(w->pool, look, w);
        else
            look(w);
    }
}

void db_watch_end(struct db_watch *w)
{
    while (atomic_load(&w->looking))
        env_sleep_us(env_real(), 1000);
}
