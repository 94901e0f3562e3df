/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a Parquet file, one by one into records.  Columns are read through a scan, so they have exactly the schema's types. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/env.h"
#include "engine/avro_data.h"
#include "engine/parquet_scan.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/avro_schema.h"
#include "iceberg/schema.h"

#define SQL_MAX ((size_t)64 << 20)
#define OUT_BYTES ((size_t)4 << 20)     /* written at once */
#define OUT_BYTES_MAX ((size_t)1 << 30) /* with what one record can add */
#define SCHEMA_BYTES_MAX ((size_t)8 << 20)

struct writing {
    struct avro_writer w;
    struct buf out;
    const struct schema *schema;
    int fd;
    int64_t size;
};

static bool flush(struct writing *x, size_t from, struct error *err)
{
    if (x->out.len < from)
        return true;
    for (size_t at = 0; at < x->out.len;) {
        ssize_t put = write(x->fd, x->out.ptr + at, x->out.len - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail_errno(err, errno, "write");
        at += (size_t)put;
    }
    x->size += (int64_t)x->out.len;
    buf_clear(&x->out);
    return true;
}

static bool put_value(struct buf *b, const struct field *f, const struct column_view *c, size_t i,
                      struct error *err);

static void put_decimal(struct buf *b, const struct type *t, __int128 v)
{
    for (int32_t n = decimal_bytes(t->precision); n-- > 0;)
        buf_add_char(b, (char)(v >> 8 * n));
}

static bool put_items(struct buf *b, const struct type *t, const struct column_view *c, size_t i,
                      struct error *err)
{
    struct column_list range = ((const struct column_list *)c->data)[i];
    if (range.length)
        avro_put_long(b, (int64_t)range.length);
    for (size_t k = range.offset; k < range.offset + range.length; k++) {
        bool text_key = t->kind == TYPE_MAP && type_key(t)->type->kind == TYPE_STRING;
        if (text_key)
            avro_put_bytes(b, column_str(&c->children[0], k));
        for (size_t p = text_key; p < t->fields_n; p++)
            if (!put_value(b, &t->fields[p], &c->children[p], k, err))
                return false;
    }
    avro_put_long(b, 0);
    return true;
}

static bool put_plain(struct buf *b, const struct type *t, const struct column_view *c, size_t i,
                      struct error *err)
{
    uint8_t uuid[16];
    switch (t->kind) {
    case TYPE_BOOLEAN:
        avro_put_bool(b, column_i64(c, i) != 0);
        return true;
    case TYPE_FLOAT:
        avro_put_float(b, (float)column_f64(c, i));
        return true;
    case TYPE_DOUBLE:
        avro_put_double(b, column_f64(c, i));
        return true;
    case TYPE_DECIMAL:
        put_decimal(b, t, column_decimal(c, i));
        return true;
    case TYPE_UUID:
        column_uuid(c, i, uuid);
        buf_add(b, uuid, sizeof uuid);
        return true;
    case TYPE_FIXED:
        buf_add_str(b, column_str(c, i));
        return true;
    case TYPE_STRING:
    case TYPE_BINARY:
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
        avro_put_bytes(b, column_str(c, i));
        return true;
    case TYPE_LIST:
    case TYPE_MAP:
        return put_items(b, t, c, i, err);
    case TYPE_STRUCT:
        for (size_t p = 0; p < t->fields_n; p++)
            if (!put_value(b, &t->fields[p], &c->children[p], i, err))
                return false;
        return true;
    default:
        avro_put_long(b, column_i64(c, i));
        return true;
    }
}

static bool put_value(struct buf *b, const struct field *f, const struct column_view *c, size_t i,
                      struct error *err)
{
    bool there = c->kind != COLUMN_NULL && column_valid(c, i);
    if (f->type->kind == TYPE_UNKNOWN)
        return true;
    if (!there && f->required)
        return fail(err, ERR_INVALID, "column " STR_FMT " is required, but has a null",
                    STR_ARG(f->name));
    if (!f->required)
        avro_put_long(b, there);
    return !there || put_plain(b, f->type, c, i, err);
}

/* Geometries as bytes; other columns as the scan gives them. */
static bool add_columns(const struct schema *s, struct buf *sql, struct error *err)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        const struct type *t = s->fields[i].type;
        bool geo = t->kind == TYPE_GEOMETRY || t->kind == TYPE_GEOGRAPHY;
        buf_add_str(sql, i ? STR(", ") : STR("SELECT "));
        if (geo)
            buf_lit(sql, "st_aswkb(");
        quote_ident(sql, s->fields[i].name);
        if (geo)
            buf_add_char(sql, ')');
    }
    return buf_ok(sql, "a statement", err);
}

/* What records cannot be made of. */
static bool check_type(const struct type *t, bool nested, struct error *err)
{
    bool geo = t->kind == TYPE_GEOMETRY || t->kind == TYPE_GEOGRAPHY;
    if (t->kind == TYPE_VARIANT || (nested && geo))
        return fail(err, ERR_UNSUPPORTED, "writing columns of type %s%s to Avro is not built",
                    type_kind_name(t->kind), nested ? " inside others" : "");
    for (size_t i = 0; type_is_nested(t) && i < t->fields_n; i++)
        if (!check_type(t->fields[i].type, true, err))
            return fail_in(err, STR_FMT, STR_ARG(t->fields[i].name));
    return true;
}

static bool put_rows(struct writing *x, struct result *r, struct error *err)
{
    const struct chunk *c;
    while (result_next(r, &c, err)) {
        if (!c)
            return true;
        for (size_t i = 0; i < c->n; i++) {
            for (size_t p = 0; p < x->schema->fields_n; p++)
                if (!put_value(&x->w.block, &x->schema->fields[p], &c->columns[p], i, err))
                    return false;
            if (!avro_end_record(&x->w, err) || !flush(x, OUT_BYTES, err))
                return false;
        }
    }
    return false;
}

static bool begin(struct writing *x, enum avro_codec codec, struct error *err)
{
    struct buf text = BUF_INIT(SCHEMA_BYTES_MAX);
    char sync[16];
    env_random(env_real(), sync, sizeof sync);
    avro_schema_write(x->schema, &text);
    bool ok = buf_ok(&text, "an Avro schema", err) &&
              avro_writer_init(&x->w, &x->out, buf_str(&text), NULL, 0, codec, sync, err);
    buf_deinit(&text);
    return ok;
}

bool avro_from_parquet(struct session *s, str parquet, const struct schema *schema,
                       enum avro_codec codec, str to, int64_t *size, struct error *err)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    struct writing x = { .schema = schema, .fd = -1 };
    struct scan_file file = { .path = parquet };
    struct parquet_scan scan = { .schema = schema, .files = &file, .files_n = 1 };
    struct result *r = NULL;
    struct arena *a = arena_create(0);
    buf_init(&x.out, OUT_BYTES_MAX);
    bool ok = check_type(schema->type, false, err) && add_columns(schema, &sql, err);
    buf_lit(&sql, " FROM (");
    ok = ok && parquet_scan_sql(s, &scan, &sql, err);
    buf_add_char(&sql, ')');
    if (ok) {
        x.fd = open(arena_cstr(a, to), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        ok = x.fd >= 0 || fail_errno(err, errno, "open " STR_FMT, STR_ARG(to));
    }
    ok = ok && session_query(s, buf_str(&sql), NULL, 0, &r, err) && begin(&x, codec, err) &&
         put_rows(&x, r, err) && avro_writer_finish(&x.w, err) && flush(&x, 1, err);
    result_close(r);
    avro_writer_deinit(&x.w);
    buf_deinit(&x.out);
    buf_deinit(&sql);
    arena_destroy(a);
    if (x.fd >= 0 && close(x.fd) != 0 && ok)
        ok = fail_errno(err, errno, "close " STR_FMT, STR_ARG(to));
    *size = x.size;
    return ok || fail_in(err, "write " STR_FMT, STR_ARG(to));
}
