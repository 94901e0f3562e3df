/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/parquet_cast_priv.h"

#include "engine/quote.h"
#include "iceberg/type.h"

#define EXPRESSION_MAX ((size_t)64 << 20)

bool type_is_stored(const struct type *t)
{
    return t->kind != TYPE_UNKNOWN;
}

/* Whether a value is stored other than by a cast to the engine's type. */
static bool is_special(const struct type *t, bool nested)
{
    if (t->kind == TYPE_UNKNOWN || t->kind == TYPE_FIXED)
        return true;
    if (t->kind == TYPE_VARIANT)
        return nested;
    for (size_t i = 0; type_is_nested(t) && i < t->fields_n; i++)
        if (is_special(t->fields[i].type, true))
            return true;
    return false;
}

struct rebuild {
    struct arena *arena;
    size_t lambdas;
    struct error *err;
};

static bool add_stored(struct rebuild *r, const struct field *f, str sql, struct buf *out);

static str captured(struct rebuild *r, const struct field *f, str sql, bool *ok)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX);
    *ok = *ok && add_stored(r, f, sql, &text) && buf_ok(&text, "an expression", r->err);
    str out = arena_str(r->arena, buf_str(&text));
    buf_deinit(&text);
    return out;
}

static bool not_stored(struct rebuild *r, const char *what)
{
    return fail(r->err, ERR_UNSUPPORTED, "files cannot hold a %s of type unknown", what);
}

/* A value of unknown is lost unless it is null. */
static void add_null_check(const struct field *f, str sql, struct arena *a, struct buf *out)
{
    str text =
        arena_printf(a, "column " STR_FMT " is of type unknown: only nulls fit", STR_ARG(f->name));
    buf_printf(out, "WHEN " STR_FMT " IS NOT NULL THEN error(", STR_ARG(sql));
    quote_text(out, text);
    buf_lit(out, ") ");
}

static str member(struct rebuild *r, str sql, str name)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX);
    buf_printf(&text, "struct_extract(" STR_FMT ", ", STR_ARG(sql));
    quote_text(&text, name);
    buf_add_char(&text, ')');
    str out = arena_str(r->arena, buf_str(&text));
    buf_deinit(&text);
    return out;
}

static bool add_struct(struct rebuild *r, const struct type *t, str sql, struct buf *out)
{
    size_t stored = 0;
    bool ok = true;
    buf_printf(out, "CASE WHEN " STR_FMT " IS NULL THEN NULL ", STR_ARG(sql));
    for (size_t i = 0; i < t->fields_n; i++)
        if (!type_is_stored(t->fields[i].type))
            add_null_check(&t->fields[i], member(r, sql, t->fields[i].name), r->arena, out);
    buf_lit(out, "ELSE struct_pack(");
    for (size_t i = 0; ok && i < t->fields_n; i++) {
        const struct field *f = &t->fields[i];
        if (!type_is_stored(f->type))
            continue;
        if (stored++)
            buf_lit(out, ", ");
        quote_ident(out, f->name);
        buf_lit(out, " := ");
        ok = add_stored(r, f, member(r, sql, f->name), out);
    }
    buf_lit(out, ") END");
    return ok && (stored || not_stored(r, "struct whose fields are all"));
}

static bool add_list(struct rebuild *r, const struct type *t, str sql, struct buf *out)
{
    bool ok = true;
    str e = arena_printf(r->arena, "e%zu", r->lambdas++);
    if (!type_is_stored(type_element(t)->type))
        return not_stored(r, "list");
    str element = captured(r, type_element(t), e, &ok);
    buf_printf(out, "list_transform(%.*s, lambda %.*s: %.*s)", STR_ARG(sql), STR_ARG(e),
               STR_ARG(element));
    return ok;
}

static bool add_map(struct rebuild *r, const struct type *t, str sql, struct buf *out)
{
    bool ok = true;
    str e = arena_printf(r->arena, "e%zu", r->lambdas++);
    if (!type_is_stored(type_key(t)->type) || !type_is_stored(type_value(t)->type))
        return not_stored(r, "map");
    str key = captured(r, type_key(t), arena_printf(r->arena, STR_FMT ".key", STR_ARG(e)), &ok);
    str value =
        captured(r, type_value(t), arena_printf(r->arena, STR_FMT ".value", STR_ARG(e)), &ok);
    buf_printf(out,
               "map_from_entries(list_transform(map_entries(%.*s), lambda %.*s: struct_pack(k := "
               "%.*s, v := %.*s)))",
               STR_ARG(sql), STR_ARG(e), STR_ARG(key), STR_ARG(value));
    return ok;
}

static void add_fixed(const struct field *f, str sql, struct arena *a, struct buf *out)
{
    str text = arena_printf(a, "column " STR_FMT " takes values of %d bytes only", STR_ARG(f->name),
                            f->type->length);
    buf_printf(out, "CASE WHEN octet_length(" STR_FMT ") <> %d THEN error(", STR_ARG(sql),
               f->type->length);
    quote_text(out, text);
    buf_printf(out, ") ELSE " STR_FMT " END", STR_ARG(sql));
}

/* `sql` with its type, which the engine forgets of a part of a constant null. */
static bool typed(struct rebuild *r, const struct field *f, str sql, str *out)
{
    struct buf text = BUF_INIT(EXPRESSION_MAX);
    bool ok = cast_to_type(f, sql, (str){ 0 }, &text, r->err);
    *out = arena_str(r->arena, buf_str(&text));
    buf_deinit(&text);
    return ok;
}

static bool add_stored(struct rebuild *r, const struct field *f, str sql, struct buf *out)
{
    if (!typed(r, f, sql, &sql))
        return false;
    if (!is_special(f->type, true)) {
        buf_add_str(out, sql);
        return true;
    }
    switch (f->type->kind) {
    case TYPE_STRUCT:
        return add_struct(r, f->type, sql, out);
    case TYPE_LIST:
        return add_list(r, f->type, sql, out);
    case TYPE_MAP:
        return add_map(r, f->type, sql, out);
    case TYPE_FIXED:
        add_fixed(f, sql, r->arena, out);
        return true;
    default: /* a variant */
        buf_printf(out,
                   "CASE WHEN %.*s IS NOT NULL THEN CAST(variant_to_parquet_variant(%.*s) AS "
                   "STRUCT(metadata BLOB, \"value\" BLOB)) END",
                   STR_ARG(sql), STR_ARG(sql));
        return true;
    }
}

bool cast_to_type(const struct field *f, str sql, str from, struct buf *out, struct error *err)
{
    bool geo = f->type->kind == TYPE_GEOMETRY || f->type->kind == TYPE_GEOGRAPHY;
    if (geo && str_is(from, "BLOB")) {
        buf_printf(out, "st_geomfromwkb(" STR_FMT ")", STR_ARG(sql));
        return true;
    }
    buf_printf(out, "CAST(" STR_FMT " AS ", STR_ARG(sql));
    if (!sql_type(out, f->type, err))
        return false;
    buf_add_char(out, ')');
    return buf_ok(out, "a statement", err);
}

bool cast_for_file(const struct field *f, str sql, str from, bool shred, struct arena *a,
                   struct buf *out, struct error *err)
{
    struct buf cast = BUF_INIT(EXPRESSION_MAX);
    struct rebuild r = { .arena = a, .err = err };
    bool ok = cast_to_type(f, sql, from, &cast, err);
    if (ok && is_special(f->type, !shred))
        ok = add_stored(&r, f, arena_str(a, buf_str(&cast)), out);
    else if (ok)
        buf_add_str(out, buf_str(&cast));
    buf_deinit(&cast);
    return ok;
}
