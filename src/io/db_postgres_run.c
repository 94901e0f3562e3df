/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements on one PostgreSQL connection.  Each text is prepared once for each combination of
 * argument kinds and then only named; rows come one at a time, so that a result over the limits is
 * noticed before it fills the memory.  Every wait has an end: a server that does not answer for
 * PG_ANSWER_US costs its connection. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/env.h"
#include "base/vec.h"
#include "io/db_postgres_priv.h"

void pg_disconnect(struct pg_conn *c)
{
    for (size_t i = 0; i < c->statements_n; i++)
        arena_destroy(c->statements[i].text);
    c->statements_n = 0;
    PQfinish(c->handle);
    c->handle = NULL;
    c->base.open = false;
}

/* The connection is of no use any more; the text of libpq is the reason, if it has one. */
static bool fail_lost(struct pg_conn *c, struct error *err)
{
    pg_fail(err, NULL, c->handle ? PQerrorMessage(c->handle) : "", STR(""));
    pg_disconnect(c);
    return false;
}

/* Waits until the next result can be taken without blocking. */
static bool await(struct pg_conn *c, struct error *err)
{
    int64_t until = env_monotonic_ns(env_real()) + c->answer_us * 1000;
    while (PQisBusy(c->handle)) {
        int64_t left_ms = (until - env_monotonic_ns(env_real())) / 1000000;
        struct pollfd p = { .fd = PQsocket(c->handle), .events = POLLIN };
        int rc = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
        if (rc == 0) {
            fail(err, ERR_UNAVAILABLE, "metadata database: no answer for %lld seconds",
                 (long long)(c->answer_us / 1000000));
            pg_disconnect(c);
            return false;
        }
        if ((rc < 0 && errno != EINTR) || (rc > 0 && !PQconsumeInput(c->handle)))
            return fail_lost(c, err);
    }
    return true;
}

/* The next result, NULL after the last.  False when the connection is lost. */
static bool next_result(struct pg_conn *c, PGresult **out, struct error *err)
{
    if (!await(c, err))
        return false;
    *out = PQgetResult(c->handle);
    return true;
}

static bool is_failure(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_FATAL_ERROR || s == PGRES_BAD_RESPONSE || s == PGRES_EMPTY_QUERY ||
           s == PGRES_COPY_IN || s == PGRES_COPY_OUT || s == PGRES_COPY_BOTH;
}

static bool fail_result(const PGresult *r, str sql, struct error *err)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (PQresultStatus(r) == PGRES_EMPTY_QUERY)
        return pg_fail(err, "42601", "empty statement", sql);
    return pg_fail(err, state, text ? text : PQresultErrorMessage(r), sql);
}

/* Takes all results that are left.  ok and *err keep the first failure; a lost connection is one. */
static bool drain(struct pg_conn *c, bool ok, str sql, struct error *err)
{
    for (;;) {
        PGresult *r;
        struct error lost;
        if (!next_result(c, &r, &lost)) {
            if (ok)
                *err = lost;
            return false;
        }
        if (!r)
            break;
        if (ok && is_failure(r))
            ok = fail_result(r, sql, err);
        PQclear(r);
    }
    if (PQstatus(c->handle) != CONNECTION_OK)
        pg_disconnect(c); /* what came before it broke is told in err */
    return ok;
}

bool pg_exec(struct pg_conn *c, const char *sql, bool *lost, struct error *err)
{
    bool ok = PQsendQuery(c->handle, sql) ? drain(c, true, str_of(sql), err) : fail_lost(c, err);
    if (lost)
        *lost = !c->handle;
    return ok;
}

/* ---- prepared statements ---- */

static struct pg_statement *find_statement(struct pg_conn *c, uint64_t hash, str sql,
                                           const char *kinds, size_t n)
{
    for (size_t i = 0; i < c->statements_n; i++) {
        struct pg_statement *s = &c->statements[i];
        if (s->hash == hash && s->n == n && memcmp(s->kinds, kinds, n) == 0 && str_eq(s->sql, sql))
            return s;
    }
    return NULL;
}

/* The slot for one more statement: a free one, or the one unused for longest, which the server is
 * told to forget (in a transaction of the caller's, but that is not undone by its end). */
static bool statement_slot(struct pg_conn *c, struct pg_statement **out, struct error *err)
{
    char sql[48];
    if (c->statements_n < PG_STATEMENTS_MAX) {
        *out = &c->statements[c->statements_n++];
        return true;
    }
    struct pg_statement *oldest = &c->statements[0];
    for (size_t i = 1; i < PG_STATEMENTS_MAX; i++)
        if (c->statements[i].used < oldest->used)
            oldest = &c->statements[i];
    snprintf(sql, sizeof sql, "DEALLOCATE s%llu", (unsigned long long)oldest->name);
    if (!pg_exec(c, sql, NULL, err))
        return false;
    arena_destroy(oldest->text);
    *out = oldest;
    return true;
}

static void statement_name(uint64_t number, char out[24])
{
    snprintf(out, 24, "s%llu", (unsigned long long)number);
}

static bool prepare(struct pg_conn *c, str sql, const Oid *types, const char *kinds, size_t n,
                    struct pg_statement **out, struct error *err)
{
    uint64_t hash = str_hash(sql, str_hash(str_make(kinds, n), 0));
    struct pg_statement *s = find_statement(c, hash, sql, kinds, n);
    if (!s) {
        struct arena *a = arena_create(0);
        size_t params;
        char name[24];
        uint64_t number = ++c->counter;
        str text = pg_sql(sql, a, &params);
        bool ok = params == n || fail(err, ERR_INTERNAL,
                                      "metadata database: %zu values for %zu in \"" STR_FMT "\"", n,
                                      params, STR_ARG(str_sub(sql, 0, PG_SQL_SHOWN)));
        statement_name(number, name);
        if (ok)
            ok = PQsendPrepare(c->handle, name, text.ptr, (int)n, types) ? drain(c, true, sql, err)
                                                                         : fail_lost(c, err);
        if (!ok || !statement_slot(c, &s, err)) {
            arena_destroy(a);
            return false;
        }
        *s = (struct pg_statement){ .hash = hash, .name = number, .text = a, .n = n };
        s->sql = arena_str(a, sql);
        memcpy(s->kinds, kinds, n);
    }
    s->used = ++c->counter;
    *out = s;
    return true;
}

/* ---- rows ---- */

struct reading {
    struct arena *arena;
    struct db_rows *rows;
    VEC(struct db_value) cells;
};

static void read_names(const PGresult *r, struct arena *a, struct db_rows *rows)
{
    rows->cols = (size_t)PQnfields(r);
    str *names = arena_array(a, str, rows->cols);
    for (size_t i = 0; i < rows->cols; i++)
        names[i] = arena_str(a, str_of(PQfname(r, (int)i)));
    rows->names = names;
}

static bool read_cell(struct reading *g, const PGresult *r, int col, struct error *err)
{
    struct db_value v = db_val_null();
    str bytes = str_make(PQgetvalue(r, 0, col), (size_t)PQgetlength(r, 0, col));
    if (!PQgetisnull(r, 0, col) && !pg_decode(PQftype(r, col), bytes, &v, err))
        return false;
    bool copied = v.kind == DB_TEXT || v.kind == DB_BLOB;
    size_t grown = g->cells.n == g->cells.cap ? (g->cells.cap * 2 + 64) * sizeof v : 0;
    if (grown + (copied ? bytes.len + 64 : 0) > arena_left(g->arena))
        return fail(err, ERR_LIMIT, "metadata database: the result is over the memory budget");
    if (copied)
        v.s = v.s.len ? arena_str(g->arena, v.s) : STR("");
    *vec_push(g->arena, &g->cells) = v;
    return true;
}

static bool read_row(struct reading *g, const PGresult *r, struct error *err)
{
    if (g->rows->n == DB_ROWS_MAX)
        return fail(err, ERR_LIMIT, "metadata database: more than %d rows", DB_ROWS_MAX);
    if (!g->rows->names)
        read_names(r, g->arena, g->rows);
    for (int i = 0; i < PQnfields(r); i++)
        if (!read_cell(g, r, i, err))
            return false;
    g->rows->n++;
    return true;
}

static void read_end(struct reading *g, PGresult *r)
{
    if (!g->rows->names)
        read_names(r, g->arena, g->rows);
    int64_t changes = 0;
    if (!str_starts(str_of(PQcmdStatus(r)), STR("SELECT")) &&
        str_to_i64(str_of(PQcmdTuples(r)), &changes))
        g->rows->changes = changes;
}

/* Reads rows until the statement's end.  A result that is given up in the middle costs the
 * connection: the server would go on sending it. */
static bool read_all(struct pg_conn *c, str sql, struct reading *g, struct error *err)
{
    PGresult *r;
    bool ok = true, more = true;
    while (ok && more) {
        if (!next_result(c, &r, err))
            return false;
        if (!r)
            return true;
        more = PQresultStatus(r) == PGRES_SINGLE_TUPLE;
        if (is_failure(r))
            ok = fail_result(r, sql, err);
        else if (g->rows && more && !read_row(g, r, err)) {
            PQclear(r);
            pg_disconnect(c);
            return false;
        } else if (g->rows && !more)
            read_end(g, r);
        PQclear(r);
    }
    return drain(c, ok, sql, err);
}

/* Savepoints are not prepared: a failed transaction takes ROLLBACK TO, but could not make room for
 * another prepared statement. */
static bool is_savepoint(str sql)
{
    return str_starts(sql, STR("SAVEPOINT ")) || str_starts(sql, STR("RELEASE ")) ||
           str_starts(sql, STR("ROLLBACK TO "));
}

static bool exec_savepoint(struct pg_conn *c, str sql, struct error *err)
{
    char text[PG_SQL_SHOWN];
    if (sql.len >= sizeof text)
        return fail(err, ERR_INTERNAL, "metadata database: a savepoint of %zu bytes", sql.len);
    memcpy(text, sql.ptr, sql.len);
    text[sql.len] = '\0';
    return pg_exec(c, text, NULL, err);
}

bool pg_run(struct pg_conn *c, str sql, const struct db_value *args, size_t n, struct arena *a,
            struct db_rows *rows, struct error *err)
{
    char room[PG_ARGS_MAX][8], kinds[PG_ARGS_MAX], name[24];
    const char *bytes[PG_ARGS_MAX];
    int lens[PG_ARGS_MAX], formats[PG_ARGS_MAX];
    Oid types[PG_ARGS_MAX];
    struct pg_statement *s;
    struct reading g = { .arena = a, .rows = rows };
    if (is_savepoint(sql))
        return exec_savepoint(c, sql, err);
    if (n > PG_ARGS_MAX)
        return fail(err, ERR_INTERNAL, "metadata database: %zu values, at most %d", n, PG_ARGS_MAX);
    for (size_t i = 0; i < n; i++) {
        pg_encode(&args[i], room[i], &types[i], &bytes[i], &lens[i]);
        kinds[i] = (char)args[i].kind;
        formats[i] = 1;
    }
    if (!prepare(c, sql, types, kinds, n, &s, err))
        return false;
    c->wrote |= !str_starts(sql, STR("SELECT"));
    statement_name(s->name, name);
    if (rows)
        *rows = (struct db_rows){ 0 };
    if (!PQsendQueryPrepared(c->handle, name, (int)n, bytes, lens, formats, 1))
        return fail_lost(c, err);
    if (rows)
        PQsetSingleRowMode(c->handle);
    bool ok = read_all(c, sql, &g, err);
    if (ok && rows)
        rows->cells = g.cells.at;
    return ok;
}
