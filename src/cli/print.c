/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "cli/command.h"
#include "engine/result_write.h"

#define COLUMNS_MAX 32
#define CELL_MAX ((size_t)1 << 20)

void print_count(int64_t n, struct buf *out)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIi64, n < 0 ? -n : n);
    if (n < 0)
        buf_add_char(out, '-');
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf_add_char(out, ',');
        buf_add_char(out, digits[i]);
    }
}

void print_bytes(int64_t n, struct buf *out)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    double v = (double)n;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < sizeof units / sizeof *units; u++)
        v /= 1000;
    buf_printf(out, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void print_time(const struct json *v, struct buf *out)
{
    char text[TIME_TEXT_MAX];
    if (v->kind == JSON_STR) {
        buf_add_str(out, v->s);
        return;
    }
    size_t n = time_format_iso(v->i * US_PER_MS, text);
    buf_add(out, text, n);
}

static double number(const struct json *v)
{
    return v->kind == JSON_INT ? (double)v->i : v->kind == JSON_F64 ? v->f : 0;
}

static void print_plain(const struct json *v, struct buf *out)
{
    struct json_writer w;
    if (v->kind == JSON_STR) {
        buf_add_str(out, v->s);
        return;
    }
    jw_init(&w, out);
    jw_json(&w, v);
}

void print_value(const struct json *v, enum print_kind kind, struct buf *out)
{
    if (!v || v->kind == JSON_NULL)
        return;
    bool is_number = v->kind == JSON_INT || v->kind == JSON_F64;
    if (kind == PRINT_COUNT && v->kind == JSON_INT)
        print_count(v->i, out);
    else if (kind == PRINT_BYTES && v->kind == JSON_INT)
        print_bytes(v->i, out);
    else if (kind == PRINT_TIME && (v->kind == JSON_INT || v->kind == JSON_STR))
        print_time(v, out);
    else if (kind == PRINT_SECONDS && is_number)
        buf_printf(out, "%.2f s", number(v));
    else if (kind == PRINT_FLOAT && is_number)
        buf_printf(out, "%.4g", number(v));
    else
        print_plain(v, out);
}

static void pad(size_t n)
{
    out_printf("%*s", (int)n, "");
}

static void print_cell(str text, size_t width, bool right, bool last)
{
    size_t room = width - text_width(text);
    if (right)
        pad(room);
    out_str(text);
    if (!right && !last)
        pad(room);
    out_str(last ? STR("\n") : STR("  "));
}

void print_rows(const struct json *rows, const struct print_column *columns)
{
    size_t widths[COLUMNS_MAX] = { 0 }, n = 0;
    struct buf cell = BUF_INIT(CELL_MAX);
    for (; columns[n].key && n < COLUMNS_MAX; n++)
        widths[n] = text_width(str_of(columns[n].header ? columns[n].header : columns[n].key));
    for (size_t r = 0; r < rows->array.n; r++) {
        for (size_t c = 0; c < n; c++) {
            buf_clear(&cell);
            print_value(json_get(&rows->array.items[r], columns[c].key), columns[c].kind, &cell);
            size_t width = text_width(buf_str(&cell));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t c = 0; c < n; c++)
        print_cell(str_of(columns[c].header ? columns[c].header : columns[c].key), widths[c],
                   columns[c].kind != PRINT_TEXT && columns[c].kind != PRINT_TIME, c + 1 == n);
    for (size_t r = 0; r < rows->array.n; r++) {
        for (size_t c = 0; c < n; c++) {
            buf_clear(&cell);
            print_value(json_get(&rows->array.items[r], columns[c].key), columns[c].kind, &cell);
            print_cell(buf_str(&cell), widths[c],
                       columns[c].kind != PRINT_TEXT && columns[c].kind != PRINT_TIME, c + 1 == n);
        }
    }
    buf_deinit(&cell);
}

void print_object(const struct json *object, const struct print_column *columns)
{
    struct buf cell = BUF_INIT(CELL_MAX);
    size_t width = 0;
    for (const struct print_column *c = columns; c->key; c++) {
        size_t w = strlen(c->header ? c->header : c->key);
        width = w > width ? w : width;
    }
    for (const struct print_column *c = columns; c->key; c++) {
        buf_clear(&cell);
        print_value(json_get(object, c->key), c->kind, &cell);
        if (cell.len)
            out_printf("%-*s  " STR_FMT "\n", (int)width, c->header ? c->header : c->key,
                       STR_ARG(buf_str(&cell)));
    }
    buf_deinit(&cell);
}
