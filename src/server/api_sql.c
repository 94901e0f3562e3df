/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/sql.  A query's answer streams: rows are written as the engine gives them, in pieces of PIECE_BYTES, and the engine
 * waits for slow readers.  A failure before the first piece has gone out is answered with its status; after it, JSON and JSON lines
 * end with an "error" member or line, and the other formats are cut off. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "codec/uuid.h"
#include "engine/quote.h"
#include "engine/result.h"
#include "engine/result_write.h"
#include "engine/session.h"
#include "server/answer_priv.h"
#include "sql/bind.h"
#include "sql/lake.h"
#include "sql/sql.h"

#define PIECE_BYTES ((size_t)64 << 10)
#define ROW_BYTES_MAX ((size_t)256 << 20) /* of one row as text */

struct sql_stream {
    struct sql_outcome outcome;
    struct sql_body body;
    struct arena *a;
    const struct access *access; /* who asks */
    int64_t began_ns;
    struct buf text; /* written and not yet passed on */
    struct json_writer w;
    int64_t rows;
    bool passed; /* something has gone out */
    api_sink sink;
    void *sink_ctx;
};

static double seconds_since(int64_t ns)
{
    return (double)(env_monotonic_ns(env_real()) - ns) / 1e9;
}

/* ---- JSON ---- */

static bool pass(struct sql_stream *s, size_t at_least, struct error *err)
{
    if (!buf_ok(&s->text, "a row", err))
        return false;
    if (s->text.len < at_least || s->text.len == 0)
        return true;
    s->passed = true;
    if (!s->sink(s->sink_ctx, buf_str(&s->text)))
        return fail(err, ERR_CANCELLED, "the client has gone away");
    buf_clear(&s->text);
    return true;
}

static void write_columns(struct sql_stream *s)
{
    const struct result_column *columns = result_columns(s->outcome.rows);
    jw_kv_array(&s->w, "columns");
    for (size_t i = 0; i < result_columns_n(s->outcome.rows); i++) {
        jw_begin_object(&s->w);
        jw_kv_str(&s->w, "name", columns[i].name);
        jw_kv_str(&s->w, "type", columns[i].type_text);
        jw_end_object(&s->w);
    }
    jw_end_array(&s->w);
}

static void write_row(struct sql_stream *s, const struct chunk *chunk, size_t row)
{
    jw_begin_array(&s->w);
    for (size_t c = 0; c < chunk->columns_n; c++)
        column_json(&chunk->columns[c], row, &s->w);
    jw_end_array(&s->w);
}

/* Up to max_rows; *more tells whether there would have been others. */
static bool write_rows(struct sql_stream *s, bool *more, struct error *err)
{
    const struct chunk *chunk;
    int64_t max = s->body.max_rows ? s->body.max_rows : INT64_MAX;
    for (;;) {
        if (!result_next(s->outcome.rows, &chunk, err))
            return false;
        if (!chunk)
            return true;
        for (size_t i = 0; i < chunk->n; i++, s->rows++) {
            if (s->rows == max) {
                *more = true;
                return true;
            }
            write_row(s, chunk, i);
            if (!pass(s, PIECE_BYTES, err))
                return false;
        }
    }
}

static void write_stats(struct sql_stream *s)
{
    jw_kv_object(&s->w, "stats");
    jw_kv_int(&s->w, "rows", s->rows);
    jw_kv_f64(&s->w, "seconds", seconds_since(s->began_ns));
    jw_kv_array(&s->w, "scans");
    for (size_t i = 0; i < s->outcome.scans_n; i++) {
        const struct sql_scan_stats *scan = &s->outcome.scans[i];
        jw_begin_object(&s->w);
        jw_kv_str(&s->w, "table", scan->table);
        kv_snapshot(&s->w, "snapshot_id", scan->snapshot_id);
        jw_kv_int(&s->w, "files_total", scan->files_total);
        jw_kv_int(&s->w, "files_read", scan->files_read);
        jw_end_object(&s->w);
    }
    jw_end_array(&s->w);
    jw_end_object(&s->w);
}

/* The error as the last member; a failure to send it changes nothing. */
static bool end_with_error(struct sql_stream *s, const struct error *err)
{
    struct error ignored = { 0 };
    struct buf text = BUF_INIT(4096);
    struct json_writer w;
    if (!s->passed || s->text.overflow)
        return false;
    jw_init(&w, &text);
    api_error_json(err, &w);
    str object = buf_str(&text); /* {"error":{...}} */
    jw_end_array(&s->w);
    jw_key(&s->w, STR("error"));
    jw_raw(&s->w, str_sub(object, 9, object.len - 1));
    jw_end_object(&s->w);
    buf_deinit(&text);
    (void)!pass(s, 0, &ignored);
    return false;
}

static bool stream_json(struct sql_stream *s, struct error *err)
{
    bool more = false;
    jw_init(&s->w, &s->text);
    jw_begin_object(&s->w);
    jw_kv_str(&s->w, "kind", str_of(s->outcome.kind));
    write_columns(s);
    jw_kv_array(&s->w, "rows");
    if (!write_rows(s, &more, err))
        return end_with_error(s, err);
    jw_end_array(&s->w);
    jw_kv_bool(&s->w, "truncated", more);
    write_stats(s);
    jw_end_object(&s->w);
    buf_add_char(&s->text, '\n');
    return pass(s, 0, err);
}

/* ---- Other formats ---- */

struct text_out {
    struct text_sink sink;
    struct sql_stream *stream;
};

static bool put_text(struct text_sink *sink, str piece, struct error *err)
{
    struct sql_stream *s = ((struct text_out *)sink)->stream;
    s->passed = s->passed || piece.len > 0;
    return s->sink(s->sink_ctx, piece) || fail(err, ERR_CANCELLED, "the client has gone away");
}

static enum result_format text_format(enum sql_format format)
{
    switch (format) {
    case SQL_OBJECTS:
        return FORMAT_JSON;
    case SQL_JSONL:
        return FORMAT_JSONL;
    case SQL_CSV:
        return FORMAT_CSV;
    case SQL_MARKDOWN:
        return FORMAT_MARKDOWN;
    default:
        return FORMAT_TABLE;
    }
}

static bool stream_text(struct sql_stream *s, struct error *err)
{
    struct text_out out = { .sink.put = put_text, .stream = s };
    struct result_write_options o = { .format = text_format(s->body.format),
                                      .rows_max = s->body.max_rows,
                                      .count = s->body.format == SQL_TABLE };
    if (result_write(s->outcome.rows, &o, &out.sink, &s->rows, err))
        return true;
    if (s->body.format != SQL_JSONL || !s->passed)
        return false;
    jw_init(&s->w, &s->text);
    api_error_json(err, &s->w);
    buf_add_char(&s->text, '\n');
    s->sink(s->sink_ctx, buf_str(&s->text));
    return false;
}

static bool stream(void *ctx, api_sink sink, void *sink_ctx, struct error *err)
{
    struct sql_stream *s = ctx;
    s->sink = sink;
    s->sink_ctx = sink_ctx;
    buf_init(&s->text, ROW_BYTES_MAX);
    bool ok = s->body.format == SQL_JSON ? stream_json(s, err) : stream_text(s, err);
    buf_deinit(&s->text);
    sql_close(&s->outcome);
    return ok;
}

static str content_type(enum sql_format format)
{
    switch (format) {
    case SQL_JSONL:
        return STR("application/x-ndjson");
    case SQL_CSV:
        return STR("text/csv; charset=utf-8");
    case SQL_MARKDOWN:
        return STR("text/markdown; charset=utf-8");
    case SQL_TABLE:
        return STR("text/plain; charset=utf-8");
    default:
        return STR("application/json");
    }
}

static void answer_rows(struct sql_stream *s, struct api_answer *answer)
{
    answer->content_type = content_type(s->body.format);
    answer->tells_errors = s->body.format == SQL_JSON || s->body.format == SQL_JSONL;
    answer->stream = stream;
    answer->stream_ctx = s;
}

/* ---- A query into a file ---- */

/* Written beside its final name and renamed, so that the file appears whole. */
static bool copy_to(struct session *session, str query, const struct param *params, size_t n,
                    str out, struct arena *a, int64_t *rows, struct error *err)
{
    uint8_t random[16];
    char id[UUID_TEXT_LEN + 1];
    env_random(env_real(), random, sizeof random);
    struct uuid u = uuid_v4(random);
    uuid_format(&u, id);
    const char *temp = arena_printf(a, STR_FMT ".%s.tmp", STR_ARG(out), id).ptr;
    struct buf sql = BUF_INIT(query.len + 65536);
    struct result *r = NULL;
    buf_lit(&sql, "COPY (");
    buf_add_str(&sql, query);
    buf_lit(&sql, "\n) TO ");
    quote_text(&sql, str_of(temp));
    buf_lit(&sql, " (FORMAT parquet, COMPRESSION zstd)");
    bool ok = session_query(session, buf_str(&sql), params, n, &r, err);
    buf_deinit(&sql);
    const struct chunk *chunk;
    while (ok && (ok = result_next(r, &chunk, err)) && chunk)
        continue;
    if (ok)
        *rows = result_rows_changed(r);
    result_close(r);
    if (ok && rename(temp, arena_cstr(a, out)) != 0)
        ok = fail_errno(err, errno, "write " STR_FMT, STR_ARG(out));
    if (!ok)
        unlink(temp);
    return ok;
}

static bool write_file(struct app *app, const struct sql_stream *s, struct cancel *cancel,
                       int64_t *rows, struct error *err)
{
    const struct sql_body *body = &s->body;
    struct arena *a = s->a;
    struct session *session;
    struct bound bound;
    struct param *params = arena_array(a, struct param, body->params_n);
    for (size_t i = 0; i < body->params_n; i++)
        params[i] = (struct param){ .is_text = true, .text = body->params[i] };
    if (!app->local_files)
        return fail(err, ERR_DENIED, "requests may not write files of the server's machine");
    if (!str_starts(body->out, STR("/")))
        return fail(err, ERR_INVALID, "out must be an absolute path, not \"" STR_FMT "\"",
                    STR_ARG(body->out));
    if (!session_open(app->lake->engine, &session, err))
        return false;
    session_set_cancel(session, cancel);
    struct bind_request bind = { .query = body->sql,
                                 .branch = body->branch,
                                 .local_files = true,
                                 .access = s->access,
                                 .params = params,
                                 .params_n = body->params_n,
                                 .settings = &body->settings,
                                 .cancel = cancel };
    bool ok = sql_bind(app->lake, session, &bind, a, &bound, err) &&
              copy_to(session, bound.query, params, body->params_n, body->out, a, rows, err);
    session_close(session);
    return ok;
}

static bool answer_file(struct app *app, struct sql_stream *s, struct cancel *cancel,
                        struct json_writer *w, struct error *err)
{
    int64_t rows = -1;
    if (!write_file(app, s, cancel, &rows, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "kind", STR("COPY"));
    kv_number(w, "rows_written", rows);
    jw_kv_str(w, "out", s->body.out);
    jw_kv_f64(w, "seconds", seconds_since(s->began_ns));
    jw_end_object(w);
    return true;
}

/* ---- Statements ---- */

static void answer_write(struct sql_stream *s, struct json_writer *w)
{
    const struct sql_outcome *o = &s->outcome;
    jw_begin_object(w);
    jw_kv_str(w, "kind", str_of(o->kind));
    kv_number(w, "rows_written", o->rows_written);
    kv_snapshot(w, "snapshot_id", o->snapshot_id);
    kv_text(w, "commit_id", o->commit_id);
    jw_kv_f64(w, "seconds", seconds_since(s->began_ns));
    jw_end_object(w);
    buf_add_char(w->out, '\n');
}

/* Statements before the last one run for what they do; their rows, if any, are dropped. */
static bool run_statements(struct app *app, struct sql_stream *s, struct cancel *cancel,
                           const str *texts, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct sql_request req = { .text = texts[i],
                                   .branch = s->body.branch,
                                   .local_files = app->local_files,
                                   .access = s->access,
                                   .cancel = cancel,
                                   .params = s->body.params,
                                   .params_n = s->body.params_n,
                                   .settings = &s->body.settings };
        if (!sql_execute(app->lake, &req, s->a, &s->outcome, err))
            return n > 1 ? fail_in(err, "statement %zu of %zu", i + 1, n) : false;
        if (i + 1 < n)
            sql_close(&s->outcome);
    }
    return true;
}

static bool run_sql(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    struct sql_stream *s = arena_new(req->arena, struct sql_stream);
    str *texts;
    size_t n;
    s->a = req->arena;
    s->access = req->access;
    s->began_ns = env_monotonic_ns(env_real());
    if (!sql_body_parse(req->body, s->a, &s->body, err) ||
        !sql_split(s->body.sql, s->a, &texts, &n, err))
        return false;
    if (n == 0)
        return fail(err, ERR_INVALID, "there is no statement in \"sql\"");
    if (n > 1 && (s->body.params_n || s->body.format == SQL_PARQUET))
        return fail(err, ERR_INVALID, "params and format parquet go with one statement, not %zu",
                    n);
    int64_t fallback = req->in_process ? 0 : TIMEOUT_MS_DEFAULT;
    struct cancel *cancel =
        request_cancel(req, s->body.timeout_ms < 0 ? fallback : s->body.timeout_ms);
    if (s->body.format == SQL_PARQUET) {
        s->body.sql = texts[0];
        return answer_file(app, s, cancel, w, err);
    }
    if (!run_statements(app, s, cancel, texts, n, err))
        return false;
    if (s->outcome.rows) {
        answer_rows(s, answer);
        return true;
    }
    answer_write(s, w);
    sql_close(&s->outcome);
    return true;
}

const struct route sql_routes[] = {
    ROUTE(
        "POST", "/api/sql", PERMISSION_WRITE, run_sql,
        "Run SQL: {sql, branch, params, format: json|objects|jsonl|csv|markdown|table|parquet, out, max_rows, timeout_ms, settings}",
        .slow = true, .body_max = API_BODY_MAX),
    { 0 },
};
