/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include <string.h>

#include "base/mem.h"
#include "engine/bind_priv.h"
#include "engine/duck_priv.h"
#include "engine/engine.h"
#include "engine/session_priv.h"
#include "iceberg/type.h"

bool duck_exec(duckdb_connection c, const char *sql, struct error *err)
{
    duckdb_result r;
    bool ok = duckdb_query(c, sql, &r) == DuckDBSuccess;
    if (!ok)
        duck_fail(NULL, duckdb_result_error(&r), err);
    duckdb_destroy_result(&r);
    return ok;
}

static bool attach(struct session *s, struct error *err)
{
    s->catalog = arena_printf(s->arena, "s%llu", (unsigned long long)engine_next(s->engine));
    str sql = arena_printf(s->arena, "ATTACH ':memory:' AS " STR_FMT "; USE " STR_FMT,
                           STR_ARG(s->catalog), STR_ARG(s->catalog));
    return duck_exec(s->connection, sql.ptr, err);
}

static void detach(struct session *s)
{
    struct error err;
    str sql = arena_printf(s->arena, "USE memory; DETACH " STR_FMT, STR_ARG(s->catalog));
    /* A transaction that an error left open would keep the catalog. */
    if (!duck_exec(s->connection, "ROLLBACK", &err))
        err.code = ERR_NONE; /* there was none */
    if (!duck_exec(s->connection, sql.ptr, &err))
        err.code = ERR_NONE; /* freed with the database at the latest */
}

static void free_session(struct session *s)
{
    pthread_mutex_destroy(&s->lock);
    arena_destroy(s->arena);
    mem_free(s);
}

static void learn_connection_id(struct session *s)
{
    duckdb_client_context context;
    duckdb_connection_get_client_context(s->connection, &context);
    s->connection_id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
}

bool session_open(struct engine *e, struct session **out, struct error *err)
{
    if (!engine_open(e, err))
        return false;
    struct session *s = mem_new(struct session);
    s->engine = e;
    s->arena = arena_create(0);
    pthread_mutex_init(&s->lock, NULL);
    if (duckdb_connect(engine_database(e), &s->connection) != DuckDBSuccess) {
        free_session(s);
        return fail(err, ERR_INTERNAL, "the engine gives no connection");
    }
    learn_connection_id(s);
    if (!attach(s, err)) {
        duckdb_disconnect(&s->connection);
        free_session(s);
        return fail_in(err, "open a session");
    }
    engine_session_add(e, s);
    *out = s;
    return true;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    ASSERT(!s->busy);
    engine_callbacks_drop(s->engine, s);
    engine_session_drop(s->engine, s);
    detach(s);
    duckdb_disconnect(&s->connection);
    free_session(s);
}

void session_set_cancel(struct session *s, struct cancel *cancel)
{
    s->cancel = cancel;
}

str session_catalog(const struct session *s)
{
    return s->catalog;
}

struct arena *session_arena(struct session *s)
{
    return s->arena;
}

const char *session_temp_directory(const struct session *s)
{
    return engine_temp_directory(s->engine);
}

const struct type *type_copy_plain(const struct type *t, struct arena *a)
{
    ASSERT(type_is_primitive(t));
    struct type *copy = arena_new(a, struct type);
    *copy = *t;
    return copy;
}

bool session_enter(struct session *s, struct error *err)
{
    if (!cancel_check(s->cancel, err))
        return false;
    s->callback_error.code = ERR_NONE;
    s->watch.connection = s->connection;
    s->watch.cancel = s->cancel;
    if (s->watch.cancel)
        engine_watch(s->engine, &s->watch);
    return true;
}

void session_leave(struct session *s)
{
    if (s->watch.cancel)
        engine_unwatch(s->engine, &s->watch);
    s->watch.cancel = NULL;
}

void session_callback_failed(struct session *s, const struct error *what)
{
    pthread_mutex_lock(&s->lock);
    if (s->callback_error.code == ERR_NONE)
        s->callback_error = *what;
    pthread_mutex_unlock(&s->lock);
}

/* Statements of a text; the caller destroys *out also after a failure. */
static bool extract(struct session *s, str sql, duckdb_extracted_statements *out, size_t *n,
                    struct error *err)
{
    *out = NULL;
    if (sql.len > SQL_BYTES_MAX)
        return fail(err, ERR_LIMIT, "SQL of %zu bytes is longer than %zu", sql.len, SQL_BYTES_MAX);
    if (sql.len && memchr(sql.ptr, 0, sql.len))
        return fail(err, ERR_INVALID, "SQL holds a NUL byte");
    char *text = mem_array(char, sql.len + 1);
    if (sql.len)
        memcpy(text, sql.ptr, sql.len);
    *n = duckdb_extract_statements(s->connection, text, out);
    mem_free(text);
    const char *mistake = *n ? NULL : duckdb_extract_statements_error(*out);
    return mistake ? duck_fail(s, mistake, err) : true;
}

/* Prepares statement i; *out must be destroyed also after a failure. */
static bool prepare(struct session *s, duckdb_extracted_statements all, size_t i,
                    duckdb_prepared_statement *out, struct error *err)
{
    *out = NULL;
    if (duckdb_prepare_extracted_statement(s->connection, all, i, out) == DuckDBSuccess)
        return true;
    return duck_fail(s, duckdb_prepare_error(*out), err);
}

/* Prepares the only statement of `sql`. */
static bool prepare_one(struct session *s, str sql, duckdb_prepared_statement *out,
                        struct error *err)
{
    duckdb_extracted_statements all;
    size_t n;
    *out = NULL;
    bool ok = extract(s, sql, &all, &n, err);
    if (ok && n != 1)
        ok = fail(
            err, ERR_INVALID,
            n ? "one statement was expected, the text has %zu" : "the text holds no statement", n);
    if (ok)
        ok = prepare(s, all, 0, out, err);
    duckdb_destroy_extracted(&all);
    return ok;
}

#define ATTEMPTS_MAX 5 /* each loses its reason once in some dozen */

/* Runs a statement, and again when its failure did not say why (duck_reason_lost): what failed has changed nothing.  Callbacks may
 * have, so with them it is run once. */
static bool run_prepared(struct session *s, duckdb_prepared_statement prepared,
                         duckdb_state (*run)(duckdb_prepared_statement, duckdb_result *),
                         duckdb_result *out, struct error *err)
{
    for (int attempt = 1;; attempt++) {
        if (run(prepared, out) == DuckDBSuccess)
            return true;
        const char *text = duckdb_result_error(out);
        bool again = attempt < ATTEMPTS_MAX && s->callbacks_n == 0 && duck_reason_lost(s, text);
        if (!again)
            duck_fail(s, text, err);
        duckdb_destroy_result(out);
        if (!again)
            return false;
    }
}

static bool run_statement(struct session *s, duckdb_extracted_statements all, size_t i,
                          struct error *err)
{
    duckdb_prepared_statement prepared;
    bool ok = prepare(s, all, i, &prepared, err);
    if (ok) {
        duckdb_result r;
        ok = run_prepared(s, prepared, duckdb_execute_prepared, &r, err);
        if (ok)
            duckdb_destroy_result(&r);
    }
    duckdb_destroy_prepare(&prepared);
    return ok;
}

bool session_exec(struct session *s, str sql, struct error *err)
{
    ASSERT(!s->busy);
    duckdb_extracted_statements all;
    size_t n;
    bool ok = extract(s, sql, &all, &n, err);
    if (ok && session_enter(s, err)) {
        for (size_t i = 0; ok && i < n; i++)
            ok = run_statement(s, all, i, err);
        session_leave(s);
    } else {
        ok = false;
    }
    duckdb_destroy_extracted(&all);
    return ok;
}

static void describe_columns(struct result *r)
{
    r->columns_n = duckdb_column_count(&r->duck);
    r->columns = arena_array(r->arena, struct result_column, r->columns_n);
    r->types = arena_array(r->arena, const struct column_type *, r->columns_n);
    for (size_t i = 0; i < r->columns_n; i++) {
        duckdb_logical_type t = duckdb_column_logical_type(&r->duck, i);
        result_column_fill(t, duckdb_column_name(&r->duck, i), r->arena, &r->columns[i],
                           &r->types[i]);
        duckdb_destroy_logical_type(&t);
    }
}

static bool readable(const struct result *r, struct error *err)
{
    for (size_t i = 0; i < r->columns_n; i++)
        if (r->columns[i].kind == COLUMN_OTHER)
            return fail(err, ERR_UNSUPPORTED,
                        "column " STR_FMT " has type " STR_FMT ": cast it to VARCHAR",
                        STR_ARG(r->columns[i].name), STR_ARG(r->columns[i].type_text));
    return true;
}

static struct result *result_make(struct session *s, duckdb_result duck)
{
    struct result *r = mem_new(struct result);
    r->session = s;
    r->arena = arena_create(0);
    r->chunk_arena = arena_create(0);
    r->duck = duck;
    r->rows_changed = duckdb_result_return_type(duck) == DUCKDB_RESULT_TYPE_CHANGED_ROWS
                          ? (int64_t)duckdb_rows_changed(&duck)
                          : -1;
    s->busy = true;
    describe_columns(r);
    return r;
}

/* *out is given also when it has columns that cannot be read. */
static bool execute(struct session *s, str sql, const struct param *params, size_t n, bool *select,
                    struct result **out, struct error *err)
{
    duckdb_prepared_statement prepared;
    duckdb_result duck;
    bool ok = prepare_one(s, sql, &prepared, err) && bind_params(prepared, params, n, err) &&
              run_prepared(s, prepared, duckdb_execute_prepared_streaming, &duck, err);
    if (ok) {
        *select = duckdb_prepared_statement_type(prepared) == DUCKDB_STATEMENT_TYPE_SELECT;
        *out = result_make(s, duck);
    }
    duckdb_destroy_prepare(&prepared);
    return ok;
}

/* Again, with columns cast to what can be read. */
static bool execute_shown(struct session *s, str sql, const struct param *params, size_t n,
                          struct result **out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct error why = *err;
    bool select, ok = result_shown_sql(sql, *out, a, &sql);
    result_close(*out);
    *out = NULL;
    if (ok)
        ok = execute(s, sql, params, n, &select, out, err) && readable(*out, err);
    else
        *err = why;
    if (!ok) {
        result_close(*out);
        *out = NULL;
    }
    arena_destroy(a);
    return ok;
}

bool session_query(struct session *s, str sql, const struct param *params, size_t n,
                   struct result **out, struct error *err)
{
    ASSERT(!s->busy);
    bool select;
    struct result *r = NULL;
    if (!session_enter(s, err))
        return false;
    bool ok = execute(s, sql, params, n, &select, &r, err);
    if (ok && !readable(r, err)) {
        ok = select && execute_shown(s, sql, params, n, &r, err);
        if (!ok && !select) {
            result_close(r);
            r = NULL;
        }
    }
    if (ok)
        *out = r;
    session_leave(s);
    return ok;
}

bool session_scalar(struct session *s, str sql, struct arena *a, str *out, struct error *err)
{
    struct result *r;
    const struct chunk *chunk;
    *out = (str){ 0 };
    if (!session_query(s, sql, NULL, 0, &r, err))
        return false;
    bool ok = result_next(r, &chunk, err);
    if (ok && chunk && chunk->columns_n && column_valid(&chunk->columns[0], 0)) {
        struct buf text = BUF_INIT(SQL_BYTES_MAX);
        column_text(&chunk->columns[0], 0, &text);
        ok = buf_ok(&text, "a value", err);
        *out = arena_str(a, buf_str(&text));
        buf_deinit(&text);
    }
    result_close(r);
    return ok;
}

bool session_describe(struct session *s, str sql, struct arena *a, struct result_column **out,
                      size_t *n, struct error *err)
{
    if (!session_enter(s, err))
        return false;
    duckdb_prepared_statement prepared;
    bool ok = prepare_one(s, sql, &prepared, err);
    if (ok) {
        *n = duckdb_prepared_statement_column_count(prepared);
        *out = arena_array(a, struct result_column, *n);
    }
    for (size_t i = 0; ok && i < *n; i++) {
        duckdb_logical_type t = duckdb_prepared_statement_column_logical_type(prepared, i);
        const char *name = duckdb_prepared_statement_column_name(prepared, i);
        const struct column_type *ignored;
        result_column_fill(t, name, a, &(*out)[i], &ignored);
        duckdb_free((void *)(uintptr_t)name);
        duckdb_destroy_logical_type(&t);
    }
    duckdb_destroy_prepare(&prepared);
    session_leave(s);
    return ok;
}
