/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quote.h"

#include "codec/numfmt.h"
#include "iceberg/value.h"

static void add_doubled(struct buf *out, str text, char quote)
{
    for (str rest = text; rest.len;) {
        ptrdiff_t at = str_find_char(rest, quote);
        size_t n = at < 0 ? rest.len : (size_t)at + 1;
        buf_add(out, rest.ptr, n);
        if (at >= 0)
            buf_add_char(out, quote);
        rest = str_from(rest, n);
    }
}

void quote_ident(struct buf *out, str name)
{
    buf_add_char(out, '"');
    add_doubled(out, name, '"');
    buf_add_char(out, '"');
}

void quote_text(struct buf *out, str text)
{
    str piece, rest;
    bool cut = str_cut(text, '\0', &piece, &rest);
    if (cut)
        buf_add_char(out, '(');
    for (;;) {
        buf_add_char(out, '\'');
        add_doubled(out, piece, '\'');
        buf_add_char(out, '\'');
        if (!cut)
            break;
        buf_lit(out, " || chr(0) || ");
        if (!str_cut(rest, '\0', &piece, &rest)) {
            buf_add_char(out, '\'');
            add_doubled(out, piece, '\'');
            buf_lit(out, "')");
            break;
        }
    }
}

void quote_name(struct buf *out, const str *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(out, '.');
        quote_ident(out, parts[i]);
    }
}

static const char *const type_names[TYPE_KINDS] = {
    [TYPE_BOOLEAN] = "BOOLEAN",
    [TYPE_INT] = "INTEGER",
    [TYPE_LONG] = "BIGINT",
    [TYPE_FLOAT] = "FLOAT",
    [TYPE_DOUBLE] = "DOUBLE",
    [TYPE_DATE] = "DATE",
    [TYPE_TIME] = "TIME",
    [TYPE_TIMESTAMP] = "TIMESTAMP",
    [TYPE_TIMESTAMPTZ] = "TIMESTAMPTZ",
    [TYPE_TIMESTAMP_NS] = "TIMESTAMP_NS",
    [TYPE_TIMESTAMPTZ_NS] = "TIMESTAMP_NS", /* in UTC: the engine has none with a zone */
    [TYPE_STRING] = "VARCHAR",
    [TYPE_UUID] = "UUID",
    [TYPE_FIXED] = "BLOB",
    [TYPE_BINARY] = "BLOB",
    [TYPE_GEOMETRY] = "GEOMETRY",
    [TYPE_GEOGRAPHY] = "GEOMETRY",
    [TYPE_VARIANT] = "VARIANT",
    [TYPE_UNKNOWN] = "INTEGER", /* only ever null */
};

/* How DDL names what the engine has no type for; its own types otherwise. */
static bool definition_text(struct buf *out, const struct type *t)
{
    switch (t->kind) {
    case TYPE_FIXED:
        buf_printf(out, "fixed(%d)", (int)t->length);
        return true;
    case TYPE_TIMESTAMPTZ_NS:
    case TYPE_UNKNOWN:
        buf_add_str(out, str_of(type_kind_name(t->kind)));
        return true;
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
        buf_add_str(out, str_of(type_kind_name(t->kind)));
        if (!t->crs.len)
            return true;
        buf_add_char(out, '(');
        quote_text(out, t->crs);
        if (t->algorithm.len) {
            buf_lit(out, ", ");
            quote_text(out, t->algorithm);
        }
        buf_add_char(out, ')');
        return true;
    default:
        return false;
    }
}

static bool any_type(struct buf *out, const struct type *t, bool definition, struct error *err);

static bool struct_sql(struct buf *out, const struct type *t, bool definition, struct error *err)
{
    buf_lit(out, "STRUCT(");
    for (size_t i = 0; i < t->fields_n; i++) {
        if (i)
            buf_lit(out, ", ");
        quote_ident(out, t->fields[i].name);
        buf_add_char(out, ' ');
        if (!any_type(out, t->fields[i].type, definition, err))
            return false;
    }
    buf_add_char(out, ')');
    return true;
}

static bool map_sql(struct buf *out, const struct type *t, bool definition, struct error *err)
{
    buf_lit(out, "MAP(");
    if (!any_type(out, type_key(t)->type, definition, err))
        return false;
    buf_lit(out, ", ");
    if (!any_type(out, type_value(t)->type, definition, err))
        return false;
    buf_add_char(out, ')');
    return true;
}

static bool any_type(struct buf *out, const struct type *t, bool definition, struct error *err)
{
    if (definition && definition_text(out, t))
        return true;
    switch (t->kind) {
    case TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%d,%d)", t->precision, t->scale);
        return true;
    case TYPE_STRUCT:
        return struct_sql(out, t, definition, err);
    case TYPE_MAP:
        return map_sql(out, t, definition, err);
    case TYPE_LIST:
        if (!any_type(out, type_element(t)->type, definition, err))
            return false;
        buf_lit(out, "[]");
        return true;
    default:
        ASSERT(type_names[t->kind]);
        buf_add_str(out, str_of(type_names[t->kind]));
        return true;
    }
}

bool sql_type(struct buf *out, const struct type *t, struct error *err)
{
    return any_type(out, t, false, err);
}

bool sql_definition_type(struct buf *out, const struct type *t, struct error *err)
{
    return any_type(out, t, true, err);
}

static void add_hex(struct buf *out, str bytes)
{
    buf_lit(out, "from_hex('");
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(out, "%02x", (unsigned char)bytes.ptr[i]);
    buf_lit(out, "')");
}

static void add_float(struct buf *out, double v)
{
    char text[NUM_TEXT_MAX];
    buf_add_char(out, '\'');
    buf_add(out, text, num_format_f64(v, text));
    buf_add_char(out, '\'');
}

/* Times go through their number, which has no limits of year or zone. */
static void add_value(struct buf *out, const struct value *v)
{
    char text[DECIMAL_TEXT_MAX];
    switch (v->kind) {
    case TYPE_BOOLEAN:
        buf_add_str(out, v->b ? STR("true") : STR("false"));
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        add_float(out, v->f);
        break;
    case TYPE_DECIMAL:
        buf_add_char(out, '\'');
        buf_add(out, text, decimal_format(v->dec, v->scale, text));
        buf_add_char(out, '\'');
        break;
    case TYPE_DATE:
        buf_printf(out, "(DATE '1970-01-01' + %lld)", (long long)v->i);
        break;
    case TYPE_TIME:
        buf_printf(out, "make_time(0, 0, 0) + to_microseconds(%lld)", (long long)v->i);
        break;
    case TYPE_TIMESTAMP:
        buf_printf(out, "make_timestamp(%lld)", (long long)v->i);
        break;
    case TYPE_TIMESTAMPTZ:
        buf_printf(out, "make_timestamptz(%lld)", (long long)v->i);
        break;
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        buf_printf(out, "make_timestamp_ns(%lld)", (long long)v->i);
        break;
    case TYPE_STRING:
        quote_text(out, v->bytes);
        break;
    case TYPE_FIXED:
    case TYPE_BINARY:
        add_hex(out, v->bytes);
        break;
    default:
        buf_printf(out, "%lld", (long long)v->i);
    }
}

static void add_uuid(struct buf *out, str bytes)
{
    buf_add_char(out, '\'');
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                   (unsigned char)bytes.ptr[i]);
    buf_add_char(out, '\'');
}

/* "{}": each field has its own default. */
static bool add_struct(struct buf *out, const struct type *t, struct error *err)
{
    buf_lit(out, "struct_pack(");
    for (size_t i = 0; i < t->fields_n; i++) {
        const struct field *f = &t->fields[i];
        struct value null = value_null(f->type->kind);
        if (i)
            buf_lit(out, ", ");
        quote_ident(out, f->name);
        buf_lit(out, " := ");
        if (!quote_value(out, f->type, f->initial_default ? f->initial_default : &null, err))
            return false;
    }
    buf_add_char(out, ')');
    return true;
}

bool quote_value(struct buf *out, const struct type *t, const struct value *v, struct error *err)
{
    buf_lit(out, "CAST(");
    if (v->is_null)
        buf_lit(out, "NULL");
    else if (t->kind == TYPE_STRUCT) {
        if (!add_struct(out, t, err))
            return false;
    } else if (type_is_nested(t) || t->kind >= TYPE_GEOMETRY)
        return fail(err, ERR_UNSUPPORTED, "constants of type %s are not built",
                    type_kind_name(t->kind));
    else if (v->kind == TYPE_UUID)
        add_uuid(out, v->bytes);
    else
        add_value(out, v);
    buf_lit(out, " AS ");
    if (!sql_type(out, t, err))
        return false;
    buf_add_char(out, ')');
    return true;
}

bool quote_default(struct buf *out, const struct field *f, struct error *err)
{
    struct value null = value_null(f->type->kind);
    return quote_value(out, f->type, f->write_default ? f->write_default : &null, err) ||
           fail_in(err, "the default of column " STR_FMT, STR_ARG(f->name));
}
