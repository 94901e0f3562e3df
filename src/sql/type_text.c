/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/type_text.h"

#include "base/vec.h"

#define DECIMAL_PRECISION 18 /* of a bare DECIMAL, as DuckDB has it */
#define DECIMAL_SCALE 3
#define NANOSECOND_DIGITS 9 /* TIMESTAMP(9) */
#define MICROSECOND_DIGITS 6

struct reader {
    const struct lex *lex;
    size_t i;
    int32_t *next_id;
    struct arena *a;
    int depth;
    struct error *err;
};

/* Words are tried in this order: longer forms first.  What stands in parentheses behind them counts for decimals, fixed and
 * timestamps only. */
static const struct {
    const char *words;
    enum type_kind kind;
} primitives[] = {
    { "BOOLEAN", TYPE_BOOLEAN },
    { "BOOL", TYPE_BOOLEAN },
    { "TINYINT", TYPE_INT },
    { "SMALLINT", TYPE_INT },
    { "INTEGER", TYPE_INT },
    { "INT", TYPE_INT },
    { "INT4", TYPE_INT },
    { "INT2", TYPE_INT },
    { "INT1", TYPE_INT },
    { "BYTE", TYPE_INT },
    { "SHORT", TYPE_INT },
    { "UTINYINT", TYPE_INT },
    { "USMALLINT", TYPE_INT },
    { "UINTEGER", TYPE_LONG },
    { "BIGINT", TYPE_LONG },
    { "LONG", TYPE_LONG },
    { "INT8", TYPE_LONG },
    { "FLOAT", TYPE_FLOAT },
    { "FLOAT4", TYPE_FLOAT },
    { "REAL", TYPE_FLOAT },
    { "DOUBLE PRECISION", TYPE_DOUBLE },
    { "DOUBLE", TYPE_DOUBLE },
    { "FLOAT8", TYPE_DOUBLE },
    { "DECIMAL", TYPE_DECIMAL },
    { "NUMERIC", TYPE_DECIMAL },
    { "DEC", TYPE_DECIMAL },
    { "UBIGINT", TYPE_DECIMAL },
    { "DATE", TYPE_DATE },
    { "TIME", TYPE_TIME },
    { "TIMESTAMPTZ_NS", TYPE_TIMESTAMPTZ_NS },
    { "TIMESTAMP_NS", TYPE_TIMESTAMP_NS },
    { "TIMESTAMPTZ", TYPE_TIMESTAMPTZ },
    { "TIMESTAMP_LTZ", TYPE_TIMESTAMPTZ },
    { "TIMESTAMP_NTZ", TYPE_TIMESTAMP },
    { "TIMESTAMP_S", TYPE_TIMESTAMP },
    { "TIMESTAMP_MS", TYPE_TIMESTAMP },
    { "TIMESTAMP_US", TYPE_TIMESTAMP },
    { "TIMESTAMP", TYPE_TIMESTAMP },
    { "DATETIME", TYPE_TIMESTAMP },
    { "CHARACTER VARYING", TYPE_STRING },
    { "STRING", TYPE_STRING },
    { "VARCHAR", TYPE_STRING },
    { "TEXT", TYPE_STRING },
    { "CHAR", TYPE_STRING },
    { "BPCHAR", TYPE_STRING },
    { "CHARACTER", TYPE_STRING },
    { "ENUM", TYPE_STRING },
    { "UUID", TYPE_UUID },
    { "FIXED", TYPE_FIXED },
    { "BINARY", TYPE_BINARY },
    { "VARBINARY", TYPE_BINARY },
    { "BLOB", TYPE_BINARY },
    { "BYTEA", TYPE_BINARY },
    { "GEOMETRY", TYPE_GEOMETRY },
    { "GEOGRAPHY", TYPE_GEOGRAPHY },
    { "VARIANT", TYPE_VARIANT },
    { "UNKNOWN", TYPE_UNKNOWN },
};

static const char *const without_type[] = { "INTERVAL", "HUGEINT", "UHUGEINT", "BIT",
                                            "UNION",    "JSON",    "VARINT",   "TIMETZ" };

static bool read_type(struct reader *r, const struct type **out);

static bool accept(struct reader *r, const char *words)
{
    size_t n = lex_match(r->lex, r->i, words);
    r->i += n;
    return n > 0;
}

static bool expected(struct reader *r, const char *what)
{
    if (r->i >= r->lex->n)
        return fail(r->err, ERR_INVALID, "%s expected at the end of the statement", what);
    return fail(r->err, ERR_INVALID, "%s expected before \"" STR_FMT "\"", what,
                STR_ARG(r->lex->at[r->i].text));
}

/* (a), (a, b), ('text'), and [a] of fixed: numbers are kept, the rest is passed over. */
static bool read_params(struct reader *r, bool brackets, int64_t params[2], size_t *n)
{
    const char *close = lex_is(r->lex, r->i, "[") ? "]" : ")";
    *n = 0;
    if (!lex_is(r->lex, r->i, "(") && !(brackets && lex_is(r->lex, r->i, "[")))
        return true;
    for (r->i++; !lex_is(r->lex, r->i, close); r->i++) {
        if (r->i >= r->lex->n)
            return expected(r, "a closing parenthesis");
        if (*n < 2 && str_to_i64(r->lex->at[r->i].text, &params[*n]))
            ++*n;
    }
    r->i++;
    return true;
}

static bool make_decimal(struct reader *r, const int64_t *params, size_t n, const struct type **out)
{
    int64_t precision = n ? params[0] : DECIMAL_PRECISION, scale = n > 1 ? params[1]
                                                                   : n   ? 0
                                                                         : DECIMAL_SCALE;
    if (precision < 1 || precision > DECIMAL_PRECISION_MAX || scale < 0 || scale > precision)
        return fail(
            r->err, ERR_INVALID,
            "decimal(%lld, %lld): the precision is 1 to %d and the scale 0 to the precision",
            (long long)precision, (long long)scale, DECIMAL_PRECISION_MAX);
    *out = type_decimal(r->a, (int32_t)precision, (int32_t)scale);
    return true;
}

static bool make_fixed(struct reader *r, const int64_t *params, size_t n, const struct type **out)
{
    if (n != 1 || params[0] < 1 || params[0] > TYPE_FIXED_MAX)
        return fail(r->err, ERR_INVALID, "fixed needs its length in bytes, as in fixed(16)");
    *out = type_fixed(r->a, (int32_t)params[0]);
    return true;
}

/* TIMESTAMP(6) WITH TIME ZONE and the like. */
static bool make_timestamp(struct reader *r, enum type_kind kind, const int64_t *params, size_t n,
                           const struct type **out)
{
    bool zone = kind == TYPE_TIMESTAMPTZ || kind == TYPE_TIMESTAMPTZ_NS, nanos = false;
    if (n && (params[0] < 0 || params[0] > NANOSECOND_DIGITS))
        return fail(r->err, ERR_INVALID, "timestamp(%lld): the precision is 0 to %d",
                    (long long)params[0], NANOSECOND_DIGITS);
    nanos = kind == TYPE_TIMESTAMP_NS || kind == TYPE_TIMESTAMPTZ_NS ||
            (n && params[0] > MICROSECOND_DIGITS);
    if (accept(r, "WITH TIME ZONE") || accept(r, "WITH LOCAL TIME ZONE"))
        zone = true;
    else
        (void)accept(r, "WITHOUT TIME ZONE");
    *out = type_of(zone    ? nanos ? TYPE_TIMESTAMPTZ_NS : TYPE_TIMESTAMPTZ
                   : nanos ? TYPE_TIMESTAMP_NS
                           : TYPE_TIMESTAMP);
    return true;
}

/* geometry('srid:3857'), geography('srid:4326', 'karney'): the specification's own text. */
static bool make_geo(struct reader *r, enum type_kind kind, size_t from, const struct type **out)
{
    struct buf text = BUF_INIT(1 << 16);
    buf_add_str(&text, str_of(type_kind_name(kind)));
    for (size_t i = from + 1; i < r->i; i++)
        buf_add_str(&text, r->lex->at[i].kind == LEX_STRING ? lex_string(r->lex->at[i], r->a)
                                                            : r->lex->at[i].text);
    bool ok = buf_ok(&text, "a type", r->err) && type_parse_text(buf_str(&text), r->a, out, r->err);
    buf_deinit(&text);
    return ok;
}

static bool make_primitive(struct reader *r, enum type_kind kind, const char *words, size_t from,
                           const struct type **out)
{
    int64_t params[2];
    size_t n;
    if (!read_params(r, kind == TYPE_FIXED, params, &n))
        return false;
    switch (kind) {
    case TYPE_DECIMAL:
        if (strcmp(words, "UBIGINT") == 0) {
            *out = type_decimal(r->a, 20, 0);
            return true;
        }
        return make_decimal(r, params, n, out);
    case TYPE_FIXED:
        return make_fixed(r, params, n, out);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return make_timestamp(r, kind, params, n, out);
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
        return make_geo(r, kind, from, out);
    case TYPE_TIME:
        if (accept(r, "WITH TIME ZONE"))
            return fail(r->err, ERR_UNSUPPORTED, "tables have no type TIME WITH TIME ZONE");
        (void)accept(r, "WITHOUT TIME ZONE");
        break;
    default:
        break;
    }
    *out = type_of(kind);
    return true;
}

static bool read_primitive(struct reader *r, const struct type **out)
{
    size_t from = r->i;
    for (size_t k = 0; k < sizeof primitives / sizeof *primitives; k++)
        if (accept(r, primitives[k].words))
            return make_primitive(r, primitives[k].kind, primitives[k].words, from, out);
    for (size_t k = 0; k < sizeof without_type / sizeof *without_type; k++)
        if (lex_is(r->lex, r->i, without_type[k]))
            return fail(r->err, ERR_UNSUPPORTED, "tables have no type %s", without_type[k]);
    if (r->i >= r->lex->n || r->lex->at[r->i].kind != LEX_WORD)
        return expected(r, "a type");
    return fail(r->err, ERR_INVALID, "there is no type " STR_FMT, STR_ARG(r->lex->at[r->i].text));
}

/* The bracket that closes the one taken: ">" for "<", ")" for "(". */
static bool open_bracket(struct reader *r, const char **close)
{
    *close = lex_is(r->lex, r->i, "<") ? ">" : ")";
    if (!accept(r, "<") && !accept(r, "("))
        return expected(r, "( or <");
    return true;
}

static bool close_bracket(struct reader *r, const char *close)
{
    return accept(r, close) || expected(r, close);
}

static bool read_list(struct reader *r, const struct type **out)
{
    const char *close;
    const struct type *element;
    int32_t id = (*r->next_id)++;
    if (!open_bracket(r, &close) || !read_type(r, &element) || !close_bracket(r, close))
        return false;
    *out = type_list(r->a, id, false, element);
    return true;
}

static bool read_map(struct reader *r, const struct type **out)
{
    const char *close;
    const struct type *key, *value;
    int32_t id = *r->next_id;
    *r->next_id += 2;
    if (!open_bracket(r, &close) || !read_type(r, &key) || (!accept(r, ",") && !expected(r, ",")) ||
        !read_type(r, &value) || !close_bracket(r, close))
        return false;
    *out = type_map(r->a, id, key, id + 1, false, value);
    return true;
}

/* name [:] type [NOT NULL] [COMMENT 'text'] */
static bool read_member(struct reader *r, struct field *f)
{
    const struct lex_token *t = &r->lex->at[r->i];
    if (r->i >= r->lex->n || (t->kind != LEX_WORD && t->kind != LEX_QUOTED))
        return expected(r, "the name of a field");
    f->id = (*r->next_id)++;
    f->name = arena_str(r->a, lex_ident(*t, r->a));
    r->i++;
    (void)accept(r, ":");
    if (!read_type(r, &f->type))
        return fail_in(r->err, "field " STR_FMT, STR_ARG(f->name));
    f->required = accept(r, "NOT NULL");
    if (!accept(r, "COMMENT"))
        return true;
    if (r->i >= r->lex->n || r->lex->at[r->i].kind != LEX_STRING)
        return expected(r, "a text");
    f->has_doc = true;
    f->doc = arena_str(r->a, lex_string(r->lex->at[r->i++], r->a));
    return true;
}

static bool read_struct(struct reader *r, const struct type **out)
{
    const char *close;
    VEC(struct field) fields = { 0 };
    if (!open_bracket(r, &close))
        return false;
    do {
        struct field f = { 0 };
        if (fields.n == TYPE_FIELDS_MAX)
            return fail(r->err, ERR_LIMIT, "a struct has more than %d fields", TYPE_FIELDS_MAX);
        if (!read_member(r, &f))
            return false;
        *vec_push(r->a, &fields) = f;
    } while (accept(r, ","));
    *out = type_struct(r->a, fields.at, fields.n);
    return close_bracket(r, close);
}

/* INTEGER[], INTEGER[3], INTEGER ARRAY: lists, however often. */
static bool read_suffixes(struct reader *r, const struct type **out)
{
    for (int depth = r->depth;; depth++) {
        bool list = accept(r, "[ ]") || accept(r, "ARRAY");
        if (!list && lex_is(r->lex, r->i, "[") && lex_is(r->lex, r->i + 2, "]")) {
            r->i += 3;
            list = true;
        }
        if (!list)
            return true;
        if (depth >= TYPE_DEPTH_MAX)
            return fail(r->err, ERR_LIMIT, "the type is nested deeper than %d", TYPE_DEPTH_MAX);
        *out = type_list(r->a, (*r->next_id)++, false, *out);
    }
}

static bool read_type(struct reader *r, const struct type **out)
{
    bool ok;
    if (++r->depth > TYPE_DEPTH_MAX)
        return fail(r->err, ERR_LIMIT, "the type is nested deeper than %d", TYPE_DEPTH_MAX);
    if (accept(r, "STRUCT") || accept(r, "ROW"))
        ok = read_struct(r, out);
    else if (accept(r, "ARRAY") || accept(r, "LIST"))
        ok = read_list(r, out);
    else if (accept(r, "MAP"))
        ok = read_map(r, out);
    else
        ok = read_primitive(r, out);
    ok = ok && read_suffixes(r, out);
    r->depth--;
    return ok;
}

bool type_text_read(const struct lex *lex, size_t *i, int32_t *next_id, struct arena *a,
                    const struct type **out, struct error *err)
{
    struct reader r = { .lex = lex, .i = *i, .next_id = next_id, .a = a, .err = err };
    bool ok = read_type(&r, out);
    *i = r.i;
    return ok;
}
