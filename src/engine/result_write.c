/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/result_write.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/json.h"
#include "engine/result.h"
#include "engine/write_priv.h"

#define FLUSH_BYTES ((size_t)64 << 10)
#define ROW_BYTES_MAX ((size_t)1 << 30) /* of one row's text */

static const str format_names[] = {
    [FORMAT_TABLE] = STR_INIT("table"),       [FORMAT_CSV] = STR_INIT("csv"),
    [FORMAT_JSON] = STR_INIT("json"),         [FORMAT_JSONL] = STR_INIT("jsonl"),
    [FORMAT_MARKDOWN] = STR_INIT("markdown"),
};

bool result_format_parse(str name, enum result_format *out)
{
    for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++) {
        if (str_eq(name, format_names[i])) {
            *out = (enum result_format)i;
            return true;
        }
    }
    return false;
}

static bool flush(struct buf *pending, struct text_sink *sink, struct error *err)
{
    bool ok = buf_ok(pending, "a row's text", err) &&
              (pending->len == 0 || sink->put(sink, buf_str(pending), err));
    buf_clear(pending);
    return ok;
}

/* A format in pieces; each appends to `out`. */
struct row_format {
    void (*begin)(const struct result *r, const struct result_write_options *o, struct buf *out);
    void (*row)(const struct result *r, const struct chunk *chunk, size_t i, int64_t n,
                struct buf *out);
    void (*end)(int64_t rows, bool more, struct buf *out);
};

static bool has_special(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == ',' || s.ptr[i] == '"' || s.ptr[i] == '\n' || s.ptr[i] == '\r')
            return true;
    return false;
}

static void add_csv_field(struct buf *out, str s)
{
    if (s.len && !has_special(s)) {
        buf_add_str(out, s);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, s.ptr[i]);
    }
    buf_add_char(out, '"');
}

static void csv_begin(const struct result *r, const struct result_write_options *o, struct buf *out)
{
    const struct result_column *columns = result_columns(r);
    for (size_t i = 0; !o->no_header && i < result_columns_n(r); i++) {
        if (i)
            buf_add_char(out, ',');
        add_csv_field(out, columns[i].name);
    }
    if (!o->no_header)
        buf_add_char(out, '\n');
}

/* Writes the value in place, and quotes it afterwards when it needs that. */
static void add_csv_value(const struct column_view *c, size_t i, struct buf *out)
{
    if (c->kind == COLUMN_NULL || !column_valid(c, i))
        return;
    if (c->kind == COLUMN_TEXT) {
        add_csv_field(out, column_str(c, i));
        return;
    }
    size_t from = out->len;
    column_text(c, i, out);
    str text = { out->ptr + from, out->len - from };
    if (out->overflow || (text.len && !has_special(text)))
        return;
    char *copy = mem_array(char, text.len + 1);
    memcpy(copy, text.ptr, text.len);
    out->len = from;
    add_csv_field(out, (str){ copy, text.len });
    mem_free(copy);
}

static void csv_row(const struct result *r, const struct chunk *chunk, size_t i, int64_t n,
                    struct buf *out)
{
    (void)r;
    (void)n;
    for (size_t c = 0; c < chunk->columns_n; c++) {
        if (c)
            buf_add_char(out, ',');
        add_csv_value(&chunk->columns[c], i, out);
    }
    buf_add_char(out, '\n');
}

static void nothing(int64_t rows, bool more, struct buf *out)
{
    (void)rows;
    (void)more;
    (void)out;
}

static void add_object(const struct result *r, const struct chunk *chunk, size_t i, struct buf *out)
{
    const struct result_column *columns = result_columns(r);
    struct json_writer w;
    jw_init(&w, out);
    jw_begin_object(&w);
    for (size_t c = 0; c < chunk->columns_n; c++) {
        jw_key(&w, columns[c].name);
        column_json(&chunk->columns[c], i, &w);
    }
    jw_end_object(&w);
}

static void jsonl_begin(const struct result *r, const struct result_write_options *o,
                        struct buf *out)
{
    (void)r;
    (void)o;
    (void)out;
}

static void jsonl_row(const struct result *r, const struct chunk *chunk, size_t i, int64_t n,
                      struct buf *out)
{
    (void)n;
    add_object(r, chunk, i, out);
    buf_add_char(out, '\n');
}

static void json_begin(const struct result *r, const struct result_write_options *o,
                       struct buf *out)
{
    (void)r;
    (void)o;
    buf_add_char(out, '[');
}

static void json_row(const struct result *r, const struct chunk *chunk, size_t i, int64_t n,
                     struct buf *out)
{
    buf_add_str(out, n ? STR(",\n ") : STR("\n "));
    add_object(r, chunk, i, out);
}

static void json_end(int64_t rows, bool more, struct buf *out)
{
    (void)more;
    buf_add_str(out, rows ? STR("\n]\n") : STR("]\n"));
}

static void add_markdown_text(struct buf *out, str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '|' || s.ptr[i] == '\\')
            buf_add_char(out, '\\');
        if (s.ptr[i] == '\n')
            buf_lit(out, "<br>");
        else if (s.ptr[i] != '\r')
            buf_add_char(out, s.ptr[i]);
    }
}

bool column_is_number(const struct result_column *c)
{
    return c->kind >= COLUMN_I8 && c->kind <= COLUMN_DECIMAL;
}

static void markdown_begin(const struct result *r, const struct result_write_options *o,
                           struct buf *out)
{
    (void)o;
    const struct result_column *columns = result_columns(r);
    for (size_t c = 0; c < result_columns_n(r); c++) {
        buf_lit(out, "| ");
        add_markdown_text(out, columns[c].name);
        buf_add_char(out, ' ');
    }
    buf_lit(out, "|\n");
    for (size_t c = 0; c < result_columns_n(r); c++)
        buf_add_str(out, column_is_number(&columns[c]) ? STR("| ---: ") : STR("| --- "));
    buf_lit(out, "|\n");
}

static void markdown_row(const struct result *r, const struct chunk *chunk, size_t i, int64_t n,
                         struct buf *out)
{
    (void)r;
    (void)n;
    struct buf text = BUF_INIT(ROW_BYTES_MAX);
    for (size_t c = 0; c < chunk->columns_n; c++) {
        buf_clear(&text);
        column_text(&chunk->columns[c], i, &text);
        buf_lit(out, "| ");
        add_markdown_text(out, buf_str(&text));
        buf_add_char(out, ' ');
    }
    buf_lit(out, "|\n");
    buf_deinit(&text);
}

static void markdown_end(int64_t rows, bool more, struct buf *out)
{
    if (more)
        buf_printf(out, "\nThe first %lld rows; there are more.\n", (long long)rows);
}

static const struct row_format row_formats[] = {
    [FORMAT_CSV] = { csv_begin, csv_row, nothing },
    [FORMAT_JSON] = { json_begin, json_row, json_end },
    [FORMAT_JSONL] = { jsonl_begin, jsonl_row, nothing },
    [FORMAT_MARKDOWN] = { markdown_begin, markdown_row, markdown_end },
};

/* Rows of one chunk; *more is set when rows_max cut them. */
static bool write_chunk(const struct row_format *f, const struct result *r,
                        const struct chunk *chunk, int64_t rows_max, int64_t *rows, bool *more,
                        struct text_sink *sink, struct buf *pending, struct error *err)
{
    for (size_t i = 0; i < chunk->n; i++) {
        if (rows_max && *rows == rows_max) {
            *more = true;
            return true;
        }
        f->row(r, chunk, i, (*rows)++, pending);
        if (pending->len > FLUSH_BYTES && !flush(pending, sink, err))
            return false;
    }
    return flush(pending, sink, err);
}

static bool write_rows(const struct row_format *f, struct result *r,
                       const struct result_write_options *o, struct text_sink *sink, int64_t *rows,
                       struct error *err)
{
    struct buf pending = BUF_INIT(ROW_BYTES_MAX);
    const struct chunk *chunk = NULL;
    bool more = false, ok = true;
    f->begin(r, o, &pending);
    while (ok && !more && (ok = result_next(r, &chunk, err)) && chunk)
        ok = write_chunk(f, r, chunk, o->rows_max, rows, &more, sink, &pending, err);
    if (ok) {
        f->end(*rows, more, &pending);
        ok = flush(&pending, sink, err);
    }
    buf_deinit(&pending);
    return ok;
}

bool result_write(struct result *r, const struct result_write_options *o, struct text_sink *sink,
                  int64_t *rows, struct error *err)
{
    int64_t own = 0;
    bool ok = o->format == FORMAT_TABLE
                  ? table_write(r, o, sink, &own, err)
                  : write_rows(&row_formats[o->format], r, o, sink, &own, err);
    if (rows)
        *rows = own;
    return ok;
}

static bool buf_put(struct text_sink *sink, str piece, struct error *err)
{
    struct buf_sink *s = (struct buf_sink *)sink;
    buf_add_str(s->out, piece);
    return buf_ok(s->out, "the answer", err);
}

void buf_sink_init(struct buf_sink *s, struct buf *out)
{
    *s = (struct buf_sink){ { buf_put }, out };
}

static bool fd_put(struct text_sink *sink, str piece, struct error *err)
{
    int fd = ((struct fd_sink *)sink)->fd;
    while (piece.len) {
        ssize_t n = write(fd, piece.ptr, piece.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "write the answer");
        piece = str_from(piece, (size_t)n);
    }
    return true;
}

void fd_sink_init(struct fd_sink *s, int fd)
{
    *s = (struct fd_sink){ { fd_put }, fd };
}
