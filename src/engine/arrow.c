/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's conversions between its vectors and Arrow do the work.  Its scan of a stream leaves projections and filters to
 * the stream, and a plain stream has neither: so a stream is read by one SELECT of all columns in order, into a table. */
#include "engine/arrow.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/duck_priv.h"
#include "engine/quote.h"
#include "engine/session.h"

#define STREAM_VIEW ARROW_STREAM_VIEW

static bool conversion_failed(struct result *r, duckdb_error_data failed, struct error *err)
{
    bool bad = failed && duckdb_error_data_has_error(failed);
    if (bad)
        duck_fail(r->session, duckdb_error_data_message(failed), err);
    if (failed)
        duckdb_destroy_error_data(&failed);
    return bad;
}

bool result_arrow_schema(struct result *r, struct ArrowSchema *out, struct error *err)
{
    struct arena *a = arena_create(0);
    duckdb_logical_type *types = arena_array(a, duckdb_logical_type, r->columns_n);
    const char **names = arena_array(a, const char *, r->columns_n);
    *out = (struct ArrowSchema){ 0 };
    for (size_t i = 0; i < r->columns_n; i++) {
        types[i] = duckdb_column_logical_type(&r->duck, i);
        names[i] = duckdb_column_name(&r->duck, i);
    }
    duckdb_arrow_options options = duckdb_result_get_arrow_options(&r->duck);
    bool ok = !conversion_failed(
        r, duckdb_to_arrow_schema(options, types, names, r->columns_n, out), err);
    duckdb_destroy_arrow_options(&options);
    for (size_t i = 0; i < r->columns_n; i++)
        duckdb_destroy_logical_type(&types[i]);
    arena_destroy(a);
    return ok || fail_in(err, "the columns as Arrow");
}

bool result_arrow_next(struct result *r, struct ArrowArray *out, struct error *err)
{
    const struct chunk *chunk;
    *out = (struct ArrowArray){ 0 };
    if (!result_next(r, &chunk, err))
        return false;
    if (!chunk)
        return true;
    duckdb_arrow_options options = duckdb_result_get_arrow_options(&r->duck);
    bool ok = !conversion_failed(r, duckdb_data_chunk_to_arrow(options, r->chunk, out), err);
    duckdb_destroy_arrow_options(&options);
    return ok || fail_in(err, "rows as Arrow");
}

/* ---- A stream that gives no rows, over a schema that stays somebody else's */

static int empty_schema(struct ArrowArrayStream *s, struct ArrowSchema *out);

/* A borrowed schema frees nothing. */
static void keep_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static int empty_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    *out = *(const struct ArrowSchema *)s->private_data;
    out->release = keep_schema;
    return 0;
}

static int empty_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    (void)s;
    *out = (struct ArrowArray){ 0 };
    return 0;
}

static const char *empty_error(struct ArrowArrayStream *s)
{
    (void)s;
    return NULL;
}

static void empty_release(struct ArrowArrayStream *s)
{
    s->release = NULL;
}

/* ---- Streams in */

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The engine would give a second column of one name another name, and the values would go nowhere. */
static bool names_differ(const struct ArrowSchema *schema, struct error *err)
{
    size_t n = (size_t)schema->n_children;
    struct arena *a = arena_create(0);
    const char **names = arena_array(a, const char *, n);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        const struct ArrowSchema *child = schema->children ? schema->children[i] : NULL;
        if (!child || !child->format)
            ok = fail(err, ERR_INVALID, "column %zu of the Arrow schema is not described", i + 1);
        else if (!child->name || !*child->name)
            ok = fail(err, ERR_INVALID, "column %zu of the Arrow schema has no name", i + 1);
        else if (!str_is_utf8(str_of(child->name)))
            ok = fail(err, ERR_INVALID, "the name of column %zu is not UTF-8", i + 1);
        else
            names[i] = child->name;
    }
    if (ok)
        qsort(names, n, sizeof *names, by_text);
    for (size_t i = 1; ok && i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            ok = fail(err, ERR_INVALID, "the Arrow schema has two columns %s", names[i]);
    arena_destroy(a);
    return ok;
}

static bool check_schema(const struct ArrowSchema *schema, struct error *err)
{
    if (!schema->format || strcmp(schema->format, "+s") != 0)
        return fail(err, ERR_INVALID, "the Arrow schema is %s, not a struct of columns (+s)",
                    schema->format ? schema->format : "empty");
    if (schema->n_children < 1 || schema->n_children > ARROW_COLUMNS_MAX)
        return fail(err, ERR_INVALID, "the Arrow schema has %lld columns, not 1 to %d",
                    (long long)schema->n_children, ARROW_COLUMNS_MAX);
    return names_differ(schema, err);
}

static bool check_stream(struct ArrowArrayStream *in, struct error *err)
{
    struct ArrowSchema schema = { 0 };
    if (!in->release)
        return fail(err, ERR_INVALID, "the Arrow stream has been released");
    int rc = in->get_schema(in, &schema);
    if (rc != 0) {
        const char *why = in->get_last_error ? in->get_last_error(in) : NULL;
        return fail(err, ERR_INVALID, "the Arrow stream has no schema: %s",
                    why && *why ? why : strerror(rc));
    }
    bool ok = check_schema(&schema, err);
    if (schema.release)
        schema.release(&schema);
    return ok;
}

/* A view over the stream: read once, with all columns. */
static bool scan_stream(struct session *s, struct ArrowArrayStream *in, struct error *err)
{
    if (!check_stream(in, err) || !session_enter(s, err))
        return false;
    bool ok =
        duckdb_arrow_scan(s->connection, STREAM_VIEW, (duckdb_arrow_stream)in) == DuckDBSuccess;
    session_leave(s);
    return ok ||
           fail(err, ERR_UNSUPPORTED, "the Arrow schema has a type that the engine does not read");
}

bool session_arrow_table(struct session *s, str name, struct ArrowArrayStream *in, struct arena *a,
                         struct result_column **columns, size_t *n, struct error *err)
{
    struct buf sql = BUF_INIT(1 << 16);
    struct error ignored = { 0 };
    if (!scan_stream(s, in, err))
        return false;
    buf_lit(&sql, "CREATE TABLE ");
    quote_ident(&sql, name);
    buf_lit(&sql, " AS SELECT * FROM " STREAM_VIEW);
    bool ok = buf_ok(&sql, "the name of a table", err) && session_exec(s, buf_str(&sql), err);
    if (!ok)
        fail_in(err, "read the Arrow stream");
    bool dropped = session_exec(s, STR("DROP VIEW IF EXISTS " STREAM_VIEW), &ignored);
    if (ok && !dropped)
        ok = fail(err, ignored.code, "%s", ignored.msg);
    buf_clear(&sql);
    buf_lit(&sql, "SELECT * FROM ");
    quote_ident(&sql, name);
    ok = ok && (!columns || session_describe(s, buf_str(&sql), a, columns, n, err));
    buf_deinit(&sql);
    return ok;
}

bool session_arrow_exec(struct session *s, struct ArrowArrayStream *in, str sql, struct error *err)
{
    struct error ignored = { 0 };
    if (!scan_stream(s, in, err))
        return false;
    bool ok = session_exec(s, sql, err);
    bool dropped = session_exec(s, STR("DROP VIEW IF EXISTS " STREAM_VIEW), &ignored);
    return ok && (dropped || fail(err, ignored.code, "%s", ignored.msg));
}

bool session_arrow_columns(struct session *s, const struct ArrowSchema *schema, struct arena *a,
                           struct result_column **columns, size_t *n, struct error *err)
{
    struct ArrowSchema shallow = *schema;
    struct ArrowArrayStream none = { .get_schema = empty_schema,
                                     .get_next = empty_next,
                                     .get_last_error = empty_error,
                                     .release = empty_release,
                                     .private_data = &shallow };
    struct error ignored = { 0 };
    bool ok = scan_stream(s, &none, err) &&
              session_describe(s, STR("SELECT * FROM " STREAM_VIEW), a, columns, n, err);
    bool dropped = session_exec(s, STR("DROP VIEW IF EXISTS " STREAM_VIEW), &ignored);
    return ok && (dropped || fail(err, ignored.code, "%s", ignored.msg));
}
