/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/type.h"

#include "iceberg/value.h"

#define TYPE_TEXT_MAX ((size_t)16 << 20) /* of type_format's answer */

static const struct {
    const char *name;
    int min_version;
    bool parameters; /* a text of its own form */
} kinds[TYPE_KINDS] = {
    [TYPE_UNKNOWN] = { "unknown", 3, false },
    [TYPE_BOOLEAN] = { "boolean", 1, false },
    [TYPE_INT] = { "int", 1, false },
    [TYPE_LONG] = { "long", 1, false },
    [TYPE_FLOAT] = { "float", 1, false },
    [TYPE_DOUBLE] = { "double", 1, false },
    [TYPE_DECIMAL] = { "decimal", 1, true },
    [TYPE_DATE] = { "date", 1, false },
    [TYPE_TIME] = { "time", 1, false },
    [TYPE_TIMESTAMP] = { "timestamp", 1, false },
    [TYPE_TIMESTAMPTZ] = { "timestamptz", 1, false },
    [TYPE_TIMESTAMP_NS] = { "timestamp_ns", 3, false },
    [TYPE_TIMESTAMPTZ_NS] = { "timestamptz_ns", 3, false },
    [TYPE_STRING] = { "string", 1, false },
    [TYPE_UUID] = { "uuid", 1, false },
    [TYPE_FIXED] = { "fixed", 1, true },
    [TYPE_BINARY] = { "binary", 1, false },
    [TYPE_GEOMETRY] = { "geometry", 3, true },
    [TYPE_GEOGRAPHY] = { "geography", 3, true },
    [TYPE_VARIANT] = { "variant", 3, false },
    [TYPE_STRUCT] = { "struct", 1, true },
    [TYPE_LIST] = { "list", 1, true },
    [TYPE_MAP] = { "map", 1, true },
};

static const struct type constants[TYPE_STRUCT] = {
    [TYPE_UNKNOWN] = { .kind = TYPE_UNKNOWN },
    [TYPE_BOOLEAN] = { .kind = TYPE_BOOLEAN },
    [TYPE_INT] = { .kind = TYPE_INT },
    [TYPE_LONG] = { .kind = TYPE_LONG },
    [TYPE_FLOAT] = { .kind = TYPE_FLOAT },
    [TYPE_DOUBLE] = { .kind = TYPE_DOUBLE },
    [TYPE_DATE] = { .kind = TYPE_DATE },
    [TYPE_TIME] = { .kind = TYPE_TIME },
    [TYPE_TIMESTAMP] = { .kind = TYPE_TIMESTAMP },
    [TYPE_TIMESTAMPTZ] = { .kind = TYPE_TIMESTAMPTZ },
    [TYPE_TIMESTAMP_NS] = { .kind = TYPE_TIMESTAMP_NS },
    [TYPE_TIMESTAMPTZ_NS] = { .kind = TYPE_TIMESTAMPTZ_NS },
    [TYPE_STRING] = { .kind = TYPE_STRING },
    [TYPE_UUID] = { .kind = TYPE_UUID },
    [TYPE_BINARY] = { .kind = TYPE_BINARY },
    [TYPE_GEOMETRY] = { .kind = TYPE_GEOMETRY },
    [TYPE_GEOGRAPHY] = { .kind = TYPE_GEOGRAPHY },
    [TYPE_VARIANT] = { .kind = TYPE_VARIANT },
};

const char *type_kind_name(enum type_kind kind)
{
    return kinds[kind].name;
}

int type_min_version(enum type_kind kind)
{
    return kinds[kind].min_version;
}

const struct type *type_of(enum type_kind kind)
{
    ASSERT(kind < TYPE_STRUCT && kind != TYPE_DECIMAL && kind != TYPE_FIXED);
    return &constants[kind];
}

const struct type *type_decimal(struct arena *a, int32_t precision, int32_t scale)
{
    ASSERT(precision > 0 && precision <= DECIMAL_PRECISION_MAX && scale >= 0 && scale <= precision);
    struct type *t = arena_new(a, struct type);
    *t = (struct type){ .kind = TYPE_DECIMAL, .precision = precision, .scale = scale };
    return t;
}

const struct type *type_fixed(struct arena *a, int32_t length)
{
    ASSERT(length >= 0 && length <= TYPE_FIXED_MAX);
    struct type *t = arena_new(a, struct type);
    *t = (struct type){ .kind = TYPE_FIXED, .length = length };
    return t;
}

const struct type *type_struct(struct arena *a, const struct field *fields, size_t n)
{
    struct type *t = arena_new(a, struct type);
    *t = (struct type){ .kind = TYPE_STRUCT, .fields = fields, .fields_n = n };
    return t;
}

const struct type *type_list(struct arena *a, int32_t element_id, bool element_required,
                             const struct type *element)
{
    struct field *f = arena_new(a, struct field);
    *f = (struct field){
        .id = element_id, .required = element_required, .name = STR("element"), .type = element
    };
    struct type *t = arena_new(a, struct type);
    *t = (struct type){ .kind = TYPE_LIST, .fields = f, .fields_n = 1 };
    return t;
}

const struct type *type_map(struct arena *a, int32_t key_id, const struct type *key,
                            int32_t value_id, bool value_required, const struct type *value)
{
    struct field *f = arena_array(a, struct field, 2);
    f[0] = (struct field){ .id = key_id, .required = true, .name = STR("key"), .type = key };
    f[1] = (struct field){
        .id = value_id, .required = value_required, .name = STR("value"), .type = value
    };
    struct type *t = arena_new(a, struct type);
    *t = (struct type){ .kind = TYPE_MAP, .fields = f, .fields_n = 2 };
    return t;
}

/* -- text ------------------------------------------------------------------------------------ */

/* "name(a,b)" or "name[a]" in pieces; false when the brackets do not close at the end. */
static bool cut_parameters(str text, char open, char close, str *head, str *inside)
{
    ptrdiff_t at = str_find_char(text, open);
    if (at < 0) {
        *head = str_trim(text);
        *inside = (str){ 0 };
        return true;
    }
    *head = str_trim(str_sub(text, 0, (size_t)at));
    *inside = str_sub(text, (size_t)at + 1, text.len - 1);
    return text.ptr[text.len - 1] == close;
}

static bool parse_decimal(str inside, struct arena *a, const struct type **out, struct error *err)
{
    str p, s;
    int64_t precision, scale;
    if (!str_cut(inside, ',', &p, &s) || !str_to_i64(str_trim(p), &precision) ||
        !str_to_i64(str_trim(s), &scale))
        return fail(err, ERR_INVALID, "decimal needs a precision and a scale, not \"" STR_FMT "\"",
                    STR_ARG(inside));
    if (precision < 1 || precision > DECIMAL_PRECISION_MAX || scale < 0 || scale > precision)
        return fail(err, ERR_INVALID,
                    "decimal(" STR_FMT ") is out of range: precision 1 to %d, "
                    "scale 0 to the precision",
                    STR_ARG(inside), DECIMAL_PRECISION_MAX);
    *out = type_decimal(a, (int32_t)precision, (int32_t)scale);
    return true;
}

static bool parse_fixed(str inside, struct arena *a, const struct type **out, struct error *err)
{
    int64_t length;
    if (!str_to_i64(str_trim(inside), &length) || length < 0 || length > TYPE_FIXED_MAX)
        return fail(err, ERR_INVALID, "fixed[" STR_FMT "] needs a length of 0 to %d",
                    STR_ARG(inside), TYPE_FIXED_MAX);
    *out = type_fixed(a, (int32_t)length);
    return true;
}

static bool parse_geo(enum type_kind kind, str inside, struct arena *a, const struct type **out,
                      struct error *err)
{
    static const char *const algorithms[] = { "spherical", "vincenty", "thomas", "andoyer",
                                              "karney" };
    str crs = str_trim(inside), algorithm = { 0 };
    if (kind == TYPE_GEOGRAPHY && str_cut(inside, ',', &crs, &algorithm)) {
        crs = str_trim(crs);
        algorithm = str_trim(algorithm);
        bool known = false;
        for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
            known = known || str_eq_nocase(algorithm, str_of(algorithms[i]));
        if (!known)
            return fail(err, ERR_INVALID, "unknown edge-interpolation algorithm \"" STR_FMT "\"",
                        STR_ARG(algorithm));
    }
    struct type *t = arena_new(a, struct type);
    *t = (struct type){ .kind = kind,
                        .crs = arena_str(a, crs),
                        .algorithm = arena_str(a, algorithm) };
    *out = t;
    return true;
}

static bool parse_parametric(enum type_kind kind, str text, struct arena *a,
                             const struct type **out, struct error *err)
{
    char open = kind == TYPE_FIXED ? '[' : '(', close = kind == TYPE_FIXED ? ']' : ')';
    str head, inside;
    if (!cut_parameters(text, open, close, &head, &inside))
        return fail(err, ERR_INVALID, "malformed type \"" STR_FMT "\"", STR_ARG(text));
    switch (kind) {
    case TYPE_DECIMAL:
        return parse_decimal(inside, a, out, err);
    case TYPE_FIXED:
        return parse_fixed(inside, a, out, err);
    default:
        return parse_geo(kind, inside, a, out, err);
    }
}

bool type_parse_text(str text, struct arena *a, const struct type **out, struct error *err)
{
    text = str_trim(text);
    size_t n = 0; /* the name: letters, digits and _ */
    while (n < text.len && text.ptr[n] != '(' && text.ptr[n] != '[' && text.ptr[n] != ' ')
        n++;
    str name = str_sub(text, 0, n);
    for (enum type_kind k = 0; k < TYPE_STRUCT; k++) {
        if (!str_eq_nocase(name, str_of(kinds[k].name)))
            continue;
        if (kinds[k].parameters)
            return parse_parametric(k, text, a, out, err);
        if (n == text.len) {
            *out = type_of(k);
            return true;
        }
    }
    return fail(err, ERR_INVALID, "unknown type \"" STR_FMT "\"", STR_ARG(text));
}

static void format_into(const struct type *t, struct buf *b);

static void format_struct(const struct type *t, struct buf *b)
{
    buf_lit(b, "struct<");
    for (size_t i = 0; i < t->fields_n; i++) {
        const struct field *f = &t->fields[i];
        buf_printf(b, "%s%d: " STR_FMT ": %s ", i ? ", " : "", f->id, STR_ARG(f->name),
                   f->required ? "required" : "optional");
        format_into(f->type, b);
    }
    buf_add_char(b, '>');
}

static void format_geo(const struct type *t, struct buf *b)
{
    buf_add_str(b, str_of(kinds[t->kind].name));
    if (t->crs.len == 0 && t->algorithm.len == 0)
        return;
    buf_add_char(b, '(');
    buf_add_str(b, t->crs.len ? t->crs : STR("OGC:CRS84"));
    if (t->algorithm.len) {
        buf_lit(b, ", ");
        buf_add_str(b, t->algorithm);
    }
    buf_add_char(b, ')');
}

static void format_into(const struct type *t, struct buf *b)
{
    switch (t->kind) {
    case TYPE_DECIMAL:
        buf_printf(b, "decimal(%d, %d)", t->precision, t->scale);
        return;
    case TYPE_FIXED:
        buf_printf(b, "fixed[%d]", t->length);
        return;
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
        format_geo(t, b);
        return;
    case TYPE_STRUCT:
        format_struct(t, b);
        return;
    case TYPE_LIST:
        buf_lit(b, "list<");
        format_into(type_element(t)->type, b);
        buf_add_char(b, '>');
        return;
    case TYPE_MAP:
        buf_lit(b, "map<");
        format_into(type_key(t)->type, b);
        buf_lit(b, ", ");
        format_into(type_value(t)->type, b);
        buf_add_char(b, '>');
        return;
    default:
        buf_add_str(b, str_of(kinds[t->kind].name));
    }
}

str type_format(const struct type *t, struct arena *a)
{
    struct buf b = BUF_INIT(TYPE_TEXT_MAX);
    format_into(t, &b);
    str s = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* -- relations ------------------------------------------------------------------------------- */

static bool default_equal(const struct value *a, const struct value *b)
{
    return a == b || (a && b && value_eq(a, b));
}

static bool field_equal(const struct field *a, const struct field *b)
{
    return a->id == b->id && a->required == b->required && a->has_doc == b->has_doc &&
           str_eq(a->name, b->name) && str_eq(a->doc, b->doc) &&
           default_equal(a->initial_default, b->initial_default) &&
           default_equal(a->write_default, b->write_default) && type_equal(a->type, b->type);
}

bool type_equal(const struct type *a, const struct type *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        a->length != b->length || !str_eq(a->crs, b->crs) ||
        !str_eq_nocase(a->algorithm, b->algorithm) || a->fields_n != b->fields_n)
        return false;
    for (size_t i = 0; i < a->fields_n; i++)
        if (!field_equal(&a->fields[i], &b->fields[i]))
            return false;
    return true;
}

bool type_can_promote(const struct type *from, const struct type *to, int format_version)
{
    if (type_equal(from, to))
        return true;
    switch (from->kind) {
    case TYPE_UNKNOWN:
        return format_version >= 3;
    case TYPE_INT:
        return to->kind == TYPE_LONG;
    case TYPE_FLOAT:
        return to->kind == TYPE_DOUBLE;
    case TYPE_DATE:
        return format_version >= 3 && (to->kind == TYPE_TIMESTAMP || to->kind == TYPE_TIMESTAMP_NS);
    case TYPE_DECIMAL:
        return to->kind == TYPE_DECIMAL && to->scale == from->scale &&
               to->precision > from->precision;
    default:
        return false;
    }
}

int32_t type_max_id(const struct type *t)
{
    int32_t max = 0;
    for (size_t i = 0; i < t->fields_n; i++) {
        int32_t inner = type_max_id(t->fields[i].type);
        max = t->fields[i].id > max ? t->fields[i].id : max;
        max = inner > max ? inner : max;
    }
    return max;
}

int32_t decimal_bytes(int32_t precision)
{
    ASSERT(precision > 0 && precision <= DECIMAL_PRECISION_MAX);
    int128 limit = decimal_pow10(precision) - 1;
    int32_t bytes = 1;
    while (bytes < 16 && limit > (((int128)1 << (8 * bytes - 1)) - 1))
        bytes++;
    return bytes;
}
