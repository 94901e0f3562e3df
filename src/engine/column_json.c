/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/digest.h"
#include "codec/json.h"
#include "engine/duck_priv.h"
#include "engine/text_priv.h"

#define BLOB_BYTES_MAX ((size_t)1 << 30)

/* What JSON has no kind of goes out as text. */
static void add_as_text(const struct column_view *c, size_t i, struct json_writer *w)
{
    static const struct time_style iso = { 'T', STR_INIT("Z") };
    struct buf text = BUF_INIT(BLOB_BYTES_MAX);
    if (text_class_of(c->kind) == TEXT_TIME)
        text_time(c, i, &iso, &text);
    else
        text_odd(c, i, &text);
    jw_str(w, buf_str(&text));
    buf_deinit(&text);
}

static void add_blob(const struct column_view *c, size_t i, struct json_writer *w)
{
    struct arena *a = arena_create(0);
    jw_str(w, base64_encode(column_str(c, i), a));
    arena_destroy(a);
}

/* Numbers of more than 64 bits, and decimals: all their digits. */
static void add_digits(const struct column_view *c, size_t i, struct json_writer *w)
{
    struct buf text = BUF_INIT(BLOB_BYTES_MAX);
    text_number(c, i, &text);
    jw_raw(w, buf_str(&text));
    buf_deinit(&text);
}

static void add_number(const struct column_view *c, size_t i, struct json_writer *w)
{
    switch (c->kind) {
    case COLUMN_F32:
        jw_f32(w, ((const float *)c->data)[i]);
        break;
    case COLUMN_F64:
        jw_f64(w, ((const double *)c->data)[i]);
        break;
    case COLUMN_U64:
        jw_uint(w, ((const uint64_t *)c->data)[i]);
        break;
    case COLUMN_I128:
    case COLUMN_U128:
    case COLUMN_DECIMAL:
        add_digits(c, i, w);
        break;
    default:
        jw_int(w, column_i64(c, i));
    }
}

static void add_list(const struct column_view *c, size_t i, struct json_writer *w)
{
    struct column_list range = text_range(c, i);
    jw_begin_array(w);
    for (size_t k = 0; k < range.length; k++)
        column_json(&c->children[0], range.offset + k, w);
    jw_end_array(w);
}

static void add_text_map(const struct column_view *c, struct column_list range,
                         struct json_writer *w)
{
    jw_begin_object(w);
    for (size_t k = range.offset; k < range.offset + range.length; k++) {
        jw_key(w, column_str(&c->children[0], k));
        column_json(&c->children[1], k, w);
    }
    jw_end_object(w);
}

static void add_pairs(const struct column_view *c, struct column_list range, struct json_writer *w)
{
    jw_begin_array(w);
    for (size_t k = range.offset; k < range.offset + range.length; k++) {
        jw_begin_object(w);
        jw_key(w, STR("key"));
        column_json(&c->children[0], k, w);
        jw_key(w, STR("value"));
        column_json(&c->children[1], k, w);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void add_struct(const struct column_view *c, size_t i, struct json_writer *w)
{
    jw_begin_object(w);
    for (uint32_t k = 0; k < c->children_n; k++) {
        jw_key(w, c->type->names[k]);
        column_json(&c->children[k], i, w);
    }
    jw_end_object(w);
}

static void add_nested(const struct column_view *c, size_t i, struct json_writer *w)
{
    switch (c->kind) {
    case COLUMN_LIST:
    case COLUMN_ARRAY:
        add_list(c, i, w);
        break;
    case COLUMN_MAP:
        (c->children[0].kind == COLUMN_TEXT ? add_text_map : add_pairs)(c, text_range(c, i), w);
        break;
    case COLUMN_STRUCT:
        add_struct(c, i, w);
        break;
    default:
        column_json(text_union_member(c, i), i, w);
    }
}

void column_json(const struct column_view *c, size_t i, struct json_writer *w)
{
    if (c->kind == COLUMN_NULL || !column_valid(c, i)) {
        jw_null(w);
        return;
    }
    switch (text_class_of(c->kind)) {
    case TEXT_BOOL:
        jw_bool(w, column_i64(c, i) != 0);
        break;
    case TEXT_NUMBER:
        add_number(c, i, w);
        break;
    case TEXT_TEXT:
        jw_str(w, c->kind == COLUMN_ENUM ? text_enum(c, i) : column_str(c, i));
        break;
    case TEXT_BLOB:
        add_blob(c, i, w);
        break;
    case TEXT_NESTED:
        add_nested(c, i, w);
        break;
    default:
        add_as_text(c, i, w);
    }
}
