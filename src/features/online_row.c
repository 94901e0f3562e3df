/* SPDX-License-Identifier: Apache-2.0 */
#include "features/online_row.h"

#include "codec/json.h"

#define ROW_HEAD 16 /* layout id and event time */
#define LAYOUT_TEXT_MAX ((size_t)16 << 20)
#define STRING_CELL 8

static uint8_t cell_width(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return 1;
    case TYPE_INT:
    case TYPE_DATE:
    case TYPE_FLOAT:
        return 4;
    case TYPE_DECIMAL:
    case TYPE_UUID:
        return 16;
    default: /* long, double, times; strings */
        return 8;
    }
}

static bool is_string(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_BINARY || t->kind == TYPE_FIXED;
}

/* Names and types are set: gives the cells their places. */
static void place_cells(struct row_layout *l, struct row_column *columns, size_t n, str text)
{
    uint32_t at = (uint32_t)(ROW_HEAD + (n + 7) / 8);
    for (size_t i = 0; i < n; i++) {
        columns[i].width = cell_width(columns[i].type);
        columns[i].offset = at;
        at += columns[i].width;
    }
    *l = (struct row_layout){
        .id = str_hash(text, 0), .text = text, .columns = columns, .columns_n = n, .fixed_bytes = at
    };
}

void row_layout_of(const struct feature_view *v, struct arena *a, struct row_layout *out)
{
    struct row_column *columns = arena_array(a, struct row_column, v->columns_n);
    struct buf text = BUF_INIT(LAYOUT_TEXT_MAX);
    struct json_writer w;
    jw_init(&w, &text);
    jw_begin_array(&w);
    for (size_t i = 0; i < v->columns_n; i++) {
        columns[i].name = v->columns[i].name;
        columns[i].type = v->columns[i].type;
        jw_begin_object(&w);
        jw_kv_str(&w, "name", columns[i].name);
        jw_key(&w, STR("type"));
        type_write(columns[i].type, &w);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    ASSERT(!text.overflow); /* the registry's limits are below ours */
    place_cells(out, columns, v->columns_n, arena_str(a, buf_str(&text)));
    buf_deinit(&text);
}

bool row_layout_parse(str text, struct arena *a, struct row_layout *out, struct error *err)
{
    struct json *j;
    if (!json_parse(text, a, &j, err)) {
        err->code = ERR_CORRUPT;
        return fail_in(err, "layout of online rows");
    }
    if (j->kind != JSON_ARRAY || j->array.n > FEATURE_COLUMNS_MAX)
        return fail(err, ERR_CORRUPT, "layout of online rows: not a list of columns");
    struct row_column *columns = arena_array(a, struct row_column, j->array.n);
    for (size_t i = 0; i < j->array.n; i++) {
        const struct json *type;
        if (!json_need_str(&j->array.items[i], "name", &columns[i].name, err) ||
            !json_need(&j->array.items[i], "type", &type, err) ||
            !type_parse(type, a, &columns[i].type, err)) {
            err->code = ERR_CORRUPT;
            return fail_in(err, "layout of online rows, column %zu", i);
        }
        if (!type_is_primitive(columns[i].type))
            return fail(err, ERR_CORRUPT, "layout of online rows, column %zu is nested", i);
    }
    place_cells(out, columns, j->array.n, text);
    return true;
}

ptrdiff_t row_layout_find(const struct row_layout *l, str name)
{
    for (size_t i = 0; i < l->columns_n; i++)
        if (str_eq(l->columns[i].name, name))
            return (ptrdiff_t)i;
    return -1;
}

/* ---- Cells */

static void put_number(char *cell, const struct row_column *c, const struct value *v)
{
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        *cell = (char)v->b;
        break;
    case TYPE_INT:
    case TYPE_DATE:
        memcpy(cell, &(int32_t){ (int32_t)v->i }, 4);
        break;
    case TYPE_FLOAT:
        memcpy(cell, &(float){ (float)v->f }, 4);
        break;
    case TYPE_DOUBLE:
        memcpy(cell, &v->f, 8);
        break;
    case TYPE_DECIMAL:
        memcpy(cell, &v->dec, 16);
        break;
    case TYPE_UUID:
        memcpy(cell, v->bytes.ptr, 16);
        break;
    default:
        memcpy(cell, &v->i, 8);
    }
}

void row_pack(const struct row_layout *l, int64_t event_us, const struct value *values,
              struct buf *out)
{
    size_t begin = out->len;
    char *row = buf_reserve(out, l->fixed_bytes);
    if (!row)
        return;
    memset(row, 0, l->fixed_bytes);
    memcpy(row, &l->id, 8);
    memcpy(row + 8, &event_us, 8);
    out->len += l->fixed_bytes;
    for (size_t i = 0; i < l->columns_n; i++) {
        const struct row_column *c = &l->columns[i];
        if (values[i].is_null) {
            out->ptr[begin + ROW_HEAD + i / 8] |= (char)(1 << i % 8);
        } else if (is_string(c->type)) {
            uint32_t cell[2] = { (uint32_t)(out->len - begin), (uint32_t)values[i].bytes.len };
            memcpy(out->ptr + begin + c->offset, cell, STRING_CELL);
            buf_add_str(out, values[i].bytes);
            if (out->overflow)
                return;
        } else {
            put_number(out->ptr + begin + c->offset, c, &values[i]);
        }
    }
}

bool row_open(const struct row_layout *l, str row, int64_t *event_us)
{
    uint64_t id;
    if (row.len < ROW_HEAD)
        return false;
    memcpy(&id, row.ptr, 8);
    if (id != l->id || row.len < l->fixed_bytes)
        return false;
    memcpy(event_us, row.ptr + 8, 8);
    return true;
}

static struct value number_at(const struct row_column *c, const char *cell)
{
    const struct type *t = c->type;
    float f;
    double d;
    int32_t i32;
    int64_t i64;
    int128 dec;
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return value_bool(*cell != 0);
    case TYPE_INT:
    case TYPE_DATE:
        memcpy(&i32, cell, 4);
        return value_i64(t->kind, i32);
    case TYPE_FLOAT:
        memcpy(&f, cell, 4);
        return value_f64(t->kind, (double)f);
    case TYPE_DOUBLE:
        memcpy(&d, cell, 8);
        return value_f64(t->kind, d);
    case TYPE_DECIMAL:
        memcpy(&dec, cell, 16);
        return value_decimal(t->precision, t->scale, dec);
    case TYPE_UUID:
        return value_bytes(t->kind, str_make(cell, 16));
    default:
        memcpy(&i64, cell, 8);
        return value_i64(t->kind, i64);
    }
}

bool row_get(const struct row_layout *l, str row, size_t column, struct value *out,
             struct error *err)
{
    const struct row_column *c = &l->columns[column];
    if (row.ptr[ROW_HEAD + column / 8] >> column % 8 & 1) {
        *out = value_null(c->type->kind);
        return true;
    }
    if (!is_string(c->type)) {
        *out = number_at(c, row.ptr + c->offset);
        return true;
    }
    uint32_t cell[2];
    memcpy(cell, row.ptr + c->offset, STRING_CELL);
    if (cell[0] > row.len || cell[1] > row.len - cell[0])
        return fail(err, ERR_CORRUPT, "online row: column " STR_FMT " points outside of its row",
                    STR_ARG(c->name));
    *out = value_bytes(c->type->kind, str_make(row.ptr + cell[0], cell[1]));
    return true;
}
