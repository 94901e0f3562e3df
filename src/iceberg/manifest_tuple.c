/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro types of partition values (Iceberg specification, Appendix A, "Avro").  When reading, the
 * file's type decides how bytes are decoded and the spec's type what they become: a column may
 * have been widened after the file was written, or dropped, when only the file knows its type. */
#include "iceberg/manifest_tuple_priv.h"

#include <stdio.h>

#include "base/time.h"

/* --- reading --- */

struct tuple_step {
    const struct avro_schema *type; /* of the value; the whole field when it is skipped */
    ptrdiff_t place;                /* in the spec; -1: skip */
    bool optional;
    size_t null_branch;
    const struct type *to;
    int64_t scale; /* dates that became timestamps */
};

struct tuple_plan {
    struct tuple_step *steps;
    size_t n;
    const struct type **types; /* of the spec's fields */
    size_t fields_n;
};

/* The type of a value whose column is gone, from the file alone. */
static const struct type *type_of_avro(const struct avro_schema *s, struct arena *a)
{
    bool decimal = str_is(s->logical, "decimal") && s->precision > 0 &&
                   s->precision <= DECIMAL_PRECISION_MAX && s->scale >= 0 &&
                   s->scale <= s->precision;
    switch (s->kind) {
    case AVRO_BOOLEAN:
        return type_of(TYPE_BOOLEAN);
    case AVRO_INT:
        return type_of(str_is(s->logical, "date") ? TYPE_DATE : TYPE_INT);
    case AVRO_LONG:
        if (str_is(s->logical, "time-micros"))
            return type_of(TYPE_TIME);
        if (str_is(s->logical, "timestamp-micros"))
            return type_of(s->adjust_to_utc ? TYPE_TIMESTAMPTZ : TYPE_TIMESTAMP);
        if (str_is(s->logical, "timestamp-nanos"))
            return type_of(s->adjust_to_utc ? TYPE_TIMESTAMPTZ_NS : TYPE_TIMESTAMP_NS);
        return type_of(TYPE_LONG);
    case AVRO_FLOAT:
        return type_of(TYPE_FLOAT);
    case AVRO_DOUBLE:
        return type_of(TYPE_DOUBLE);
    case AVRO_STRING:
        return type_of(TYPE_STRING);
    case AVRO_BYTES:
        return decimal ? type_decimal(a, s->precision, s->scale) : type_of(TYPE_BINARY);
    case AVRO_FIXED:
        if (decimal)
            return type_decimal(a, s->precision, s->scale);
        if (str_is(s->logical, "uuid") && s->size == 16)
            return type_of(TYPE_UUID);
        return s->size > 0 && s->size <= TYPE_FIXED_MAX ? type_fixed(a, (int32_t)s->size)
                                                        : type_of(TYPE_BINARY);
    default:
        return type_of(TYPE_UNKNOWN);
    }
}

static bool kinds_fit(const struct avro_schema *s, const struct type *to)
{
    switch (value_class_of(to->kind)) {
    case VALUE_BOOL:
        return s->kind == AVRO_BOOLEAN;
    case VALUE_INT:
        return s->kind == AVRO_INT || s->kind == AVRO_LONG;
    case VALUE_FLOAT:
        return s->kind == AVRO_FLOAT || s->kind == AVRO_DOUBLE;
    case VALUE_DECIMAL:
        return (s->kind == AVRO_FIXED && s->size <= 16) || s->kind == AVRO_BYTES;
    case VALUE_BYTES:
        return s->kind == AVRO_BYTES || s->kind == AVRO_STRING || s->kind == AVRO_FIXED;
    case VALUE_NONE:
        break;
    }
    return false;
}

static int64_t date_scale(const struct avro_schema *s, const struct type *to)
{
    if (s->kind != AVRO_INT || !str_is(s->logical, "date"))
        return 1;
    if (to->kind == TYPE_TIMESTAMP)
        return US_PER_DAY;
    return to->kind == TYPE_TIMESTAMP_NS ? US_PER_DAY * 1000 : 1;
}

static ptrdiff_t place_of(const struct avro_field *f, const struct partition_spec *spec)
{
    for (size_t i = 0; i < spec->fields_n; i++)
        if (f->id != AVRO_NO_ID ? f->id == spec->fields[i].field_id
                                : str_eq(f->name, spec->fields[i].name))
            return (ptrdiff_t)i;
    return -1;
}

static bool make_step(struct tuple_plan *plan, const struct avro_field *f, ptrdiff_t place,
                      struct arena *a, struct tuple_step *out, struct error *err)
{
    *out = (struct tuple_step){ .type = f->type, .place = -1 };
    if (place < 0 || f->type->kind == AVRO_NULL)
        return true;
    size_t null_branch = 0;
    const struct avro_schema *inner = avro_optional(f->type, &null_branch);
    const struct avro_schema *type = inner != NULL ? inner : f->type;
    if (plan->types[place]->kind == TYPE_UNKNOWN)
        plan->types[place] = type_of_avro(type, a);
    const struct type *to = plan->types[place];
    if (to->kind == TYPE_UNKNOWN)
        return true;
    if (!kinds_fit(type, to))
        return fail(err, ERR_CORRUPT,
                    "manifest: partition field " STR_FMT " has Avro type %s, not %s",
                    STR_ARG(f->name), avro_kind_name(type->kind), type_kind_name(to->kind));
    *out = (struct tuple_step){ type, place, inner != NULL, null_branch, to, date_scale(type, to) };
    return true;
}

bool tuple_plan_make(const struct avro_schema *record, const struct partition_spec *spec,
                     const struct schema *schema, struct arena *a, const struct tuple_plan **out,
                     struct error *err)
{
    struct tuple_plan *plan = arena_new(a, struct tuple_plan);
    plan->steps = arena_array(a, struct tuple_step, record->n);
    plan->n = record->n;
    plan->fields_n = spec->fields_n;
    plan->types = arena_array(a, const struct type *, spec->fields_n);
    bool *seen = arena_array(a, bool, spec->fields_n);
    for (size_t i = 0; i < spec->fields_n; i++)
        plan->types[i] = partition_field_type(spec, i, schema);
    for (size_t i = 0; i < record->n; i++) {
        ptrdiff_t place = place_of(&record->fields[i], spec);
        if (place >= 0 && seen[place])
            return fail(err, ERR_CORRUPT, "manifest: partition field " STR_FMT " is there twice",
                        STR_ARG(record->fields[i].name));
        if (place >= 0)
            seen[place] = true;
        if (!make_step(plan, &record->fields[i], place, a, &plan->steps[i], err))
            return false;
    }
    *out = plan;
    return true;
}

static struct value read_decimal(const struct tuple_step *s, struct avro_rd *rd)
{
    struct value v;
    struct error ignored;
    str bytes = s->type->kind == AVRO_FIXED ? avro_fixed(rd, s->type->size) : avro_bytes(rd);
    if (rd->bad || !value_decode(s->to, bytes, &v, &ignored)) {
        rd->bad = true;
        return value_null(TYPE_DECIMAL);
    }
    return v;
}

static struct value read_bytes(const struct tuple_step *s, struct avro_rd *rd)
{
    str bytes = s->type->kind == AVRO_FIXED ? avro_fixed(rd, s->type->size) : avro_bytes(rd);
    if (s->to->kind == TYPE_UUID && bytes.len != 16)
        rd->bad = true;
    return value_bytes(s->to->kind, bytes);
}

static struct value read_int(const struct tuple_step *s, struct avro_rd *rd)
{
    int64_t v = avro_long(rd), scaled;
    if (__builtin_mul_overflow(v, s->scale, &scaled))
        rd->bad = true;
    return value_i64(s->to->kind, scaled);
}

static struct value read_value(const struct tuple_step *s, struct avro_rd *rd)
{
    switch (value_class_of(s->to->kind)) {
    case VALUE_BOOL:
        return value_bool(avro_bool(rd));
    case VALUE_INT:
        return read_int(s, rd);
    case VALUE_FLOAT:
        return value_f64(s->to->kind,
                         s->type->kind == AVRO_FLOAT ? (double)avro_float(rd) : avro_double(rd));
    case VALUE_DECIMAL:
        return read_decimal(s, rd);
    default:
        return read_bytes(s, rd);
    }
}

void tuple_read(const struct tuple_plan *plan, struct avro_rd *rd, struct value *out)
{
    for (size_t i = 0; i < plan->fields_n; i++)
        out[i] = value_null(plan->types[i]->kind);
    for (size_t i = 0; i < plan->n; i++) {
        const struct tuple_step *s = &plan->steps[i];
        if (s->place < 0)
            avro_skip(s->type, rd);
        else if (!s->optional || avro_index(rd, 2) != s->null_branch)
            out[s->place] = read_value(s, rd);
    }
}

/* --- writing --- */

/* Avro names are [A-Za-z_][A-Za-z0-9_]*; others are escaped as the Java library does. */
void tuple_name_text(struct buf *out, str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (digit && i > 0))
            buf_add_char(out, c);
        else if (digit)
            buf_printf(out, "_%c", c);
        else
            buf_printf(out, "_x%X", (unsigned)(unsigned char)c);
    }
}

static void fixed_type(struct buf *out, const char *name, int32_t size, const char *more)
{
    buf_printf(out, "{\"type\":\"fixed\",\"name\":\"%s\",\"size\":%d%s}", name, (int)size, more);
}

void tuple_type_text(struct buf *out, const struct type *t, bool named)
{
    static const char *const plain[TYPE_KINDS] = {
        [TYPE_UNKNOWN] = "\"int\"",
        [TYPE_BOOLEAN] = "\"boolean\"",
        [TYPE_INT] = "\"int\"",
        [TYPE_LONG] = "\"long\"",
        [TYPE_FLOAT] = "\"float\"",
        [TYPE_DOUBLE] = "\"double\"",
        [TYPE_DATE] = "{\"type\":\"int\",\"logicalType\":\"date\"}",
        [TYPE_TIME] = "{\"type\":\"long\",\"logicalType\":\"time-micros\"}",
        [TYPE_TIMESTAMP] =
            "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":false}",
        [TYPE_TIMESTAMPTZ] =
            "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":true}",
        [TYPE_TIMESTAMP_NS] =
            "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\",\"adjust-to-utc\":false}",
        [TYPE_TIMESTAMPTZ_NS] =
            "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\",\"adjust-to-utc\":true}",
        [TYPE_STRING] = "\"string\"",
    };
    char name[64], more[96];
    if (t->kind == TYPE_UUID) {
        snprintf(name, sizeof name, "uuid_fixed");
        snprintf(more, sizeof more, ",\"logicalType\":\"uuid\"");
    } else if (t->kind == TYPE_DECIMAL) {
        snprintf(name, sizeof name, "decimal_%d_%d", (int)t->precision, (int)t->scale);
        snprintf(more, sizeof more, ",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d",
                 (int)t->precision, (int)t->scale);
    } else if (t->kind == TYPE_FIXED) {
        snprintf(name, sizeof name, "fixed_%d", (int)t->length);
        more[0] = '\0';
    } else {
        buf_add_str(out, str_of(plain[t->kind] ? plain[t->kind] : "\"bytes\""));
        return;
    }
    int32_t size = t->kind == TYPE_UUID      ? 16
                   : t->kind == TYPE_DECIMAL ? decimal_bytes(t->precision)
                                             : t->length;
    if (named)
        buf_printf(out, "\"%s\"", name);
    else
        fixed_type(out, name, size, more);
}

static bool same_named(const struct type *x, const struct type *y)
{
    return x->kind == y->kind &&
           (x->kind == TYPE_UUID || (x->kind == TYPE_FIXED && x->length == y->length) ||
            (x->kind == TYPE_DECIMAL && x->precision == y->precision && x->scale == y->scale));
}

static bool named_before(const struct partition_spec *spec, size_t i, const struct schema *schema)
{
    const struct type *t = partition_field_type(spec, i, schema);
    for (size_t k = 0; k < i; k++)
        if (same_named(t, partition_field_type(spec, k, schema)))
            return true;
    return false;
}

void tuple_schema(const struct partition_spec *spec, const struct schema *schema, struct buf *out)
{
    buf_lit(out, "{\"type\":\"record\",\"name\":\"r102\",\"fields\":[");
    for (size_t i = 0; i < spec->fields_n; i++) {
        buf_printf(out, "%s{\"name\":\"", i ? "," : "");
        tuple_name_text(out, spec->fields[i].name);
        buf_lit(out, "\",\"type\":[\"null\",");
        tuple_type_text(out, partition_field_type(spec, i, schema), named_before(spec, i, schema));
        buf_printf(out, "],\"default\":null,\"field-id\":%d}", (int)spec->fields[i].field_id);
    }
    buf_lit(out, "]}");
}

bool tuple_check(const struct partition_spec *spec, size_t i, const struct type *type,
                 const struct value *v, struct error *err)
{
    if (v->is_null)
        return true;
    bool ok = value_class_of(v->kind) == value_class_of(type->kind) && type->kind != TYPE_UNKNOWN;
    if (type->kind == TYPE_UUID || type->kind == TYPE_FIXED)
        ok = ok && v->bytes.len == (type->kind == TYPE_UUID ? 16 : (size_t)type->length);
    if (type->kind == TYPE_DECIMAL)
        ok = ok && v->scale == type->scale && v->precision <= type->precision;
    if (!ok)
        return fail(err, ERR_INVALID, "partition field " STR_FMT ": value of kind %s is no %s",
                    STR_ARG(spec->fields[i].name), type_kind_name(v->kind),
                    type_kind_name(type->kind));
    return true;
}

static void put_decimal(struct buf *out, int128 unscaled, int32_t size)
{
    unsigned char bytes[16];
    for (int32_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)((unsigned __int128)unscaled >> (8 * (size - 1 - i)));
    buf_add(out, bytes, (size_t)size);
}

void tuple_put(const struct type *type, const struct value *v, struct buf *out)
{
    avro_put_long(out, v->is_null ? 0 : 1);
    if (v->is_null)
        return;
    switch (value_class_of(type->kind)) {
    case VALUE_BOOL:
        avro_put_bool(out, v->b);
        break;
    case VALUE_INT:
        avro_put_long(out, v->i);
        break;
    case VALUE_FLOAT:
        if (type->kind == TYPE_FLOAT)
            avro_put_float(out, (float)v->f);
        else
            avro_put_double(out, v->f);
        break;
    case VALUE_DECIMAL:
        put_decimal(out, v->dec, decimal_bytes(type->precision));
        break;
    default:
        if (type->kind == TYPE_UUID || type->kind == TYPE_FIXED)
            buf_add_str(out, v->bytes);
        else
            avro_put_bytes(out, v->bytes);
    }
}
