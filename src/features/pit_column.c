/* SPDX-License-Identifier: Apache-2.0 */
#include "features/pit_column.h"

#include <stdio.h>

#include "engine/session.h"
#include "engine/udf.h"

bool pit_describe(struct session *s, str select, const char *what, str name, struct arena *a,
                  struct pit_relation *out, struct error *err)
{
    *out = (struct pit_relation){ .what = what, .name = name };
    if (!session_describe(s, select, a, &out->columns, &out->n, err))
        return fail_in(err, "%s" STR_FMT, what, STR_ARG(name));
    return true;
}

static void list_columns(const struct pit_relation *r, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < r->n; i++) {
        str name = r->columns[i].name;
        if (at + name.len + 8 > size) {
            memcpy(out + at, ", ...", 6);
            return;
        }
        at += (size_t)snprintf(out + at, size - at, "%s" STR_FMT, i ? ", " : "", STR_ARG(name));
    }
}

bool pit_column_find(const struct pit_relation *r, str name, const struct result_column **out,
                     struct error *err)
{
    for (size_t i = 0; i < r->n; i++) {
        if (str_eq_nocase(r->columns[i].name, name)) {
            *out = &r->columns[i];
            return true;
        }
    }
    fail(err, ERR_NOT_FOUND, "%s" STR_FMT " has no column " STR_FMT, r->what, STR_ARG(r->name),
         STR_ARG(name));
    char there[200];
    list_columns(r, there, sizeof there);
    return fail_hint(err, "its columns are %s", there);
}

/* Types of keys.  Two parts are comparable when their SQL types here are the same. */
static const struct key_type {
    enum column_kind kind;
    enum pit_kind as;
    const char *sql_type;
} key_types[] = {
    { COLUMN_BOOL, PIT_BOOL, "BOOLEAN" },
    { COLUMN_I8, PIT_I64, "BIGINT" },
    { COLUMN_I16, PIT_I64, "BIGINT" },
    { COLUMN_I32, PIT_I64, "BIGINT" },
    { COLUMN_I64, PIT_I64, "BIGINT" },
    { COLUMN_U8, PIT_I64, "BIGINT" },
    { COLUMN_U16, PIT_I64, "BIGINT" },
    { COLUMN_U32, PIT_I64, "BIGINT" },
    { COLUMN_DATE, PIT_I32, "DATE" },
    { COLUMN_TEXT, PIT_BYTES, "VARCHAR" },
    { COLUMN_ENUM, PIT_BYTES, "VARCHAR" },
    { COLUMN_BLOB, PIT_BYTES, "BLOB" },
    { COLUMN_UUID, PIT_B16, "UUID" },
    { COLUMN_TIMESTAMP, PIT_I64, "TIMESTAMP" },
    { COLUMN_TIMESTAMPTZ, PIT_I64, "TIMESTAMPTZ" },
};

static const struct key_type *key_type_of(enum column_kind kind)
{
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++)
        if (key_types[i].kind == kind)
            return &key_types[i];
    return NULL;
}

bool pit_key_kind(const struct result_column *entity, const struct result_column *view,
                  enum pit_kind *kind, const char **sql_type, struct error *err)
{
    const struct key_type *e = key_type_of(entity->kind), *v = key_type_of(view->kind);
    const struct result_column *bad = !e ? entity : view;
    if (!e || !v)
        return fail(err, ERR_UNSUPPORTED, "column " STR_FMT " of type " STR_FMT " as a key",
                    STR_ARG(bad->name), STR_ARG(bad->type_text));
    if (!str_is(str_of(e->sql_type), v->sql_type)) {
        fail(err, ERR_INVALID,
             "key " STR_FMT " is " STR_FMT " in the entities and " STR_FMT " in the view",
             STR_ARG(view->name), STR_ARG(entity->type_text), STR_ARG(view->type_text));
        return fail_hint(err, "cast it in the entities' query");
    }
    *kind = e->as;
    *sql_type = e->sql_type;
    return true;
}

bool pit_time_type(const struct result_column *c, bool floor_ns, const char **sql_type,
                   struct error *err)
{
    *sql_type = "TIMESTAMP";
    switch (c->kind) {
    case COLUMN_TIMESTAMPTZ:
        *sql_type = "TIMESTAMPTZ";
        return true;
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMP_S:
    case COLUMN_TIMESTAMP_MS:
    case COLUMN_DATE:
        return true;
    case COLUMN_TIMESTAMP_NS:
        if (floor_ns)
            return true;
        return fail(err, ERR_UNSUPPORTED, "column " STR_FMT ": feature times in nanoseconds",
                    STR_ARG(c->name));
    default:
        fail(err, ERR_INVALID, "column " STR_FMT " is " STR_FMT ", not a timestamp",
             STR_ARG(c->name), STR_ARG(c->type_text));
        return fail_hint(err, "cast it in a query: CAST(\"" STR_FMT "\" AS TIMESTAMP)",
                         STR_ARG(c->name));
    }
}

/* Bytes of the values that are all alike. */
static const uint8_t kind_widths[] = {
    [COLUMN_BOOL] = 1,         [COLUMN_I8] = 1,           [COLUMN_U8] = 1,
    [COLUMN_I16] = 2,          [COLUMN_U16] = 2,          [COLUMN_I32] = 4,
    [COLUMN_U32] = 4,          [COLUMN_F32] = 4,          [COLUMN_DATE] = 4,
    [COLUMN_I64] = 8,          [COLUMN_U64] = 8,          [COLUMN_F64] = 8,
    [COLUMN_TIME] = 8,         [COLUMN_TIME_NS] = 8,      [COLUMN_TIME_TZ] = 8,
    [COLUMN_TIMESTAMP] = 8,    [COLUMN_TIMESTAMPTZ] = 8,  [COLUMN_TIMESTAMP_S] = 8,
    [COLUMN_TIMESTAMP_MS] = 8, [COLUMN_TIMESTAMP_NS] = 8, [COLUMN_I128] = 16,
    [COLUMN_U128] = 16,        [COLUMN_UUID] = 16,        [COLUMN_INTERVAL] = 16,
};

static uint8_t decimal_width(uint8_t precision)
{
    return precision <= 4 ? 2 : precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
}

/* The engine writes DECIMAL(precision, scale). */
static uint8_t decimal_precision(str type_text)
{
    int64_t precision = 0;
    str head, tail;
    if (!str_cut(type_text, '(', &head, &tail) || !str_cut(tail, ',', &head, &tail) ||
        !str_to_i64(str_trim(head), &precision) || precision < 1 || precision > 38)
        return 0;
    return (uint8_t)precision;
}

bool pit_value_width(const struct result_column *c, uint8_t *width, struct error *err)
{
    *width = 0;
    if (c->kind == COLUMN_TEXT || c->kind == COLUMN_BLOB)
        return true;
    if (c->kind == COLUMN_DECIMAL && decimal_precision(c->type_text))
        *width = decimal_width(decimal_precision(c->type_text));
    else if ((size_t)c->kind < sizeof kind_widths)
        *width = kind_widths[c->kind];
    if (*width)
        return true;
    return fail(err, ERR_UNSUPPORTED, "column " STR_FMT " of type " STR_FMT " as a feature",
                STR_ARG(c->name), STR_ARG(c->type_text));
}

static str read_text(const void *data, size_t i)
{
    return column_str(&(struct column_view){ .data = data }, i);
}

struct pit_column pit_column_arg(const struct udf_call *call, size_t i)
{
    const struct column_view *c = &call->args[i];
    bool text = c->kind == COLUMN_TEXT || c->kind == COLUMN_BLOB;
    return (struct pit_column){ c->data, c->valid, text ? read_text : NULL };
}
