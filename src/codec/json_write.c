/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer.  Commas and line breaks come from two flags; one bit a level says whether an object or
 * an array is open, to catch our own mistakes (not below JSON_DEPTH_MAX levels, which our own
 * documents never reach but a user's nested values may). */
#include "codec/json.h"

#include <stdio.h>

#include "codec/json_priv.h"
#include "codec/numfmt.h"

void jw_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){ .out = out };
}

static bool in_object(const struct json_writer *w)
{
    int level = w->depth - 1;
    return level >= 0 && level < JSON_DEPTH_MAX && (w->objects[level / 64] >> (level % 64) & 1);
}

static void new_line(struct json_writer *w)
{
    buf_add_char(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        buf_lit(w->out, "  ");
}

static void separate(struct json_writer *w)
{
    if (w->comma)
        buf_add_char(w->out, ',');
    if (w->pretty && w->depth > 0)
        new_line(w);
}

static void before_value(struct json_writer *w)
{
    if (w->keyed) {
        w->keyed = false;
        return;
    }
    ASSERT(!in_object(w));
    separate(w);
}

static void begin(struct json_writer *w, char bracket, bool object)
{
    before_value(w);
    buf_add_char(w->out, bracket);
    int level = w->depth++;
    if (level < JSON_DEPTH_MAX) {
        uint64_t bit = 1ULL << (level % 64), *word = &w->objects[level / 64];
        *word = object ? *word | bit : *word & ~bit;
    }
    w->comma = false;
}

static void end(struct json_writer *w, char bracket, bool object)
{
    ASSERT(w->depth > 0 && !w->keyed && (w->depth > JSON_DEPTH_MAX || in_object(w) == object));
    w->depth--;
    if (w->pretty && w->comma)
        new_line(w);
    buf_add_char(w->out, bracket);
    w->comma = true;
}

void jw_begin_object(struct json_writer *w)
{
    begin(w, '{', true);
}

void jw_end_object(struct json_writer *w)
{
    end(w, '}', true);
}

void jw_begin_array(struct json_writer *w)
{
    begin(w, '[', false);
}

void jw_end_array(struct json_writer *w)
{
    end(w, ']', false);
}

/* 0: stands as it is; 'u': \u00XX; else the letter after the backslash. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

/* Whether a string can stand as it is, ASCII only. */
static bool plain_ascii(str s)
{
    const char *p = s.len ? s.ptr : "", *end = p + s.len;
    while (end - p >= 8 && json_plain8(p))
        p += 8;
    for (; p < end; p++)
        if ((unsigned char)*p >= 0x80 || escape_of((unsigned char)*p))
            return false;
    return true;
}

static void put_escaped(struct buf *out, str s)
{
    size_t plain = 0; /* where the run of bytes that stay as they are begins */
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char e = escape_of(c);
        if (!e)
            continue;
        buf_add(out, s.ptr + plain, i - plain);
        plain = i + 1;
        if (e == 'u')
            buf_printf(out, "\\u%04x", c);
        else
            buf_add(out, (char[]){ '\\', e }, 2);
    }
    buf_add(out, s.ptr + plain, s.len - plain);
}

/* The length of the well-formed sequence at p, or 0. */
static size_t sequence_len(str s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++)
        if (str_is_utf8(str_sub(s, 0, n)))
            return n;
    return 0;
}

static void put_repaired(struct buf *out, str s)
{
    while (s.len > 0) {
        size_t n = sequence_len(s);
        if (n)
            put_escaped(out, str_sub(s, 0, n));
        else
            buf_lit(out, "\xEF\xBF\xBD");
        s = str_from(s, n ? n : 1);
    }
}

static void put_string(struct buf *out, str s)
{
    buf_add_char(out, '"');
    if (plain_ascii(s))
        buf_add_str(out, s);
    else if (str_is_utf8(s))
        put_escaped(out, s);
    else
        put_repaired(out, s);
    buf_add_char(out, '"');
}

void jw_key(struct json_writer *w, str key)
{
    ASSERT(!w->keyed && (w->depth > JSON_DEPTH_MAX || in_object(w)));
    separate(w);
    put_string(w->out, key);
    buf_add_char(w->out, ':');
    if (w->pretty)
        buf_add_char(w->out, ' ');
    w->keyed = true;
}

void jw_str(struct json_writer *w, str s)
{
    before_value(w);
    put_string(w->out, s);
    w->comma = true;
}

void jw_raw(struct json_writer *w, str json)
{
    before_value(w);
    buf_add_str(w->out, json);
    w->comma = true;
}

void jw_int(struct json_writer *w, int64_t v)
{
    char text[NUM_TEXT_MAX];
    jw_raw(w, str_make(text, num_format_i64(v, text)));
}

void jw_uint(struct json_writer *w, uint64_t v)
{
    char text[NUM_TEXT_MAX];
    jw_raw(w, str_make(text, num_format_u64(v, text)));
}

void jw_f64(struct json_writer *w, double v)
{
    char text[NUM_TEXT_MAX];
    if (v - v != 0)
        jw_null(w);
    else
        jw_raw(w, str_make(text, num_format_f64(v, text)));
}

void jw_f32(struct json_writer *w, float v)
{
    char text[NUM_TEXT_MAX];
    if (v - v != 0)
        jw_null(w);
    else
        jw_raw(w, str_make(text, num_format_f32(v, text)));
}

void jw_bool(struct json_writer *w, bool v)
{
    jw_raw(w, v ? STR("true") : STR("false"));
}

void jw_null(struct json_writer *w)
{
    jw_raw(w, STR("null"));
}

void jw_printf(struct json_writer *w, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    jw_str(w, str_make(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

void jw_json(struct json_writer *w, const struct json *v)
{
    switch (v->kind) {
    case JSON_NULL:
        jw_null(w);
        break;
    case JSON_BOOL:
        jw_bool(w, v->b);
        break;
    case JSON_INT:
        jw_int(w, v->i);
        break;
    case JSON_F64:
        jw_f64(w, v->f);
        break;
    case JSON_STR:
        jw_str(w, v->s);
        break;
    case JSON_ARRAY:
        jw_begin_array(w);
        for (size_t i = 0; i < v->array.n; i++)
            jw_json(w, &v->array.items[i]);
        jw_end_array(w);
        break;
    case JSON_OBJECT:
        jw_begin_object(w);
        for (size_t i = 0; i < v->object.n; i++) {
            jw_key(w, v->object.members[i].key);
            jw_json(w, &v->object.members[i].value);
        }
        jw_end_object(w);
        break;
    }
}
