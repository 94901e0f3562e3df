/* SPDX-License-Identifier: Apache-2.0
 *
 * The aligned table.  All of its cells are kept as text first, since the last row may be the widest;
 * that is why its memory is limited and rows_max is a good idea.
 *
 *     origin │ flights
 *     ───────┼────────
 *     SFO    │    1234
 */
#include "base/arena.h"
#include "base/vec.h"
#include "engine/write_priv.h"

#define TABLE_BYTES_MAX ((size_t)256 << 20)
#define CELL_BYTES_MAX ((size_t)1 << 20)
#define COLUMN_CELLS_MIN 6 /* a column is not cut below this */

struct cell {
    str text;
    size_t width;
    bool right;
};

struct table {
    struct arena *arena;
    size_t columns_n;
    size_t *widths;
    VEC(struct cell *) rows; /* columns_n each; the first is the header */
    struct buf scratch;
};

/* Line breaks and tabs would tear the table: they are shown as symbols. */
static str one_line(str s, struct table *t)
{
    t->scratch.len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\n')
            buf_lit(&t->scratch, "\u21b5");
        else if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
            buf_lit(&t->scratch, "\u00b7");
        else
            buf_add_char(&t->scratch, s.ptr[i]);
    }
    return buf_str(&t->scratch);
}

static void keep(struct table *t, struct cell *row, size_t c, str text, bool right)
{
    text = arena_str(t->arena, one_line(text, t));
    row[c] = (struct cell){ text, text_width(text), right };
    if (row[c].width > t->widths[c])
        t->widths[c] = row[c].width;
}

static struct cell *add_row(struct table *t)
{
    struct cell *row = arena_array(t->arena, struct cell, t->columns_n);
    *vec_push(t->arena, &t->rows) = row;
    return row;
}

static bool keep_chunk(struct table *t, const struct result_column *columns,
                       const struct chunk *chunk, int64_t rows_max, bool *more, struct error *err)
{
    struct buf text = BUF_INIT(CELL_BYTES_MAX);
    for (size_t i = 0; i < chunk->n && !*more; i++) {
        if (rows_max && (int64_t)t->rows.n - 1 == rows_max) {
            *more = true;
            break;
        }
        struct cell *row = add_row(t);
        for (size_t c = 0; c < chunk->columns_n; c++) {
            buf_clear(&text);
            text.overflow = false; /* a longer cell is cut */
            column_text(&chunk->columns[c], i, &text);
            keep(t, row, c, buf_str(&text), column_is_number(&columns[c]));
        }
    }
    buf_deinit(&text);
    return arena_used(t->arena) <= TABLE_BYTES_MAX ||
           fail(err, ERR_LIMIT, "a table of more than %zu MB: limit its rows or choose csv",
                TABLE_BYTES_MAX >> 20);
}

/* Takes width off the widest column until the line fits. */
static void shrink(struct table *t, size_t width_max)
{
    size_t all = 0;
    for (size_t c = 0; c < t->columns_n; c++)
        all += t->widths[c] + (c ? 3 : 0);
    while (all > width_max) {
        size_t widest = 0;
        for (size_t c = 1; c < t->columns_n; c++)
            if (t->widths[c] > t->widths[widest])
                widest = c;
        if (t->widths[widest] <= COLUMN_CELLS_MIN)
            return;
        t->widths[widest]--;
        all--;
    }
}

static void add_spaces(struct buf *out, size_t n)
{
    while (n--)
        buf_add_char(out, ' ');
}

static void add_cell(const struct table *t, const struct cell *cell, size_t c, struct buf *out)
{
    str text = cell->text;
    size_t width = cell->width;
    bool cut = width > t->widths[c];
    if (cut) {
        text = text_cut(text, t->widths[c] - 1);
        width = text_width(text) + 1;
    }
    size_t padding = t->widths[c] - width;
    if (cell->right)
        add_spaces(out, padding);
    buf_add_str(out, text);
    if (cut)
        buf_lit(out, "\u2026");
    if (!cell->right && c + 1 < t->columns_n)
        add_spaces(out, padding);
}

static void add_line(const struct table *t, const struct cell *row, struct buf *out)
{
    for (size_t c = 0; c < t->columns_n; c++) {
        if (c)
            buf_lit(out, " \u2502 ");
        add_cell(t, &row[c], c, out);
    }
    buf_add_char(out, '\n');
}

static void add_rule(const struct table *t, struct buf *out)
{
    for (size_t c = 0; c < t->columns_n; c++) {
        if (c)
            buf_lit(out, "\u2500\u253c\u2500");
        for (size_t i = 0; i < t->widths[c]; i++)
            buf_lit(out, "\u2500");
    }
    buf_add_char(out, '\n');
}

static void add_count(int64_t rows, bool more, bool count, struct buf *out)
{
    if (more)
        buf_printf(out, "(the first %lld rows; there are more)\n", (long long)rows);
    else if (count)
        buf_printf(out, "(%lld row%s)\n", (long long)rows, rows == 1 ? "" : "s");
}

static bool print(const struct table *t, const struct result_write_options *o, bool more,
                  struct text_sink *sink, struct error *err)
{
    struct buf out = BUF_INIT((size_t)4 * TABLE_BYTES_MAX);
    bool ok = true;
    for (size_t i = 0; ok && i < t->rows.n; i++) {
        add_line(t, t->rows.at[i], &out);
        if (i == 0)
            add_rule(t, &out);
        if (out.len > 65536 || i + 1 == t->rows.n) {
            if (i + 1 == t->rows.n)
                add_count((int64_t)t->rows.n - 1, more, o->count, &out);
            ok = buf_ok(&out, "a row's text", err) && sink->put(sink, buf_str(&out), err);
            buf_clear(&out);
        }
    }
    buf_deinit(&out);
    return ok;
}

bool table_write(struct result *r, const struct result_write_options *o, struct text_sink *sink,
                 int64_t *rows, struct error *err)
{
    struct table t = { .arena = arena_create(0),
                       .columns_n = result_columns_n(r),
                       .scratch = BUF_INIT(3 * CELL_BYTES_MAX) };
    t.widths = arena_array(t.arena, size_t, t.columns_n);
    struct cell *header = add_row(&t);
    for (size_t c = 0; c < t.columns_n; c++)
        keep(&t, header, c, result_columns(r)[c].name, column_is_number(&result_columns(r)[c]));
    const struct chunk *chunk = NULL;
    bool more = false, ok = true;
    while (ok && !more && (ok = result_next(r, &chunk, err)) && chunk)
        ok = keep_chunk(&t, result_columns(r), chunk, o->rows_max, &more, err);
    if (ok && o->width_max > 0)
        shrink(&t, (size_t)o->width_max);
    ok = ok && print(&t, o, more, sink, err);
    *rows = (int64_t)t.rows.n - 1;
    buf_deinit(&t.scratch);
    arena_destroy(t.arena);
    return ok;
}
