/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/partition_by.h"

#include "base/vec.h"

static const struct {
    const char *word;
    enum transform_kind kind;
    bool has_param;
    const char *suffix; /* of the partition field's name */
} functions[] = {
    { "identity", TRANSFORM_IDENTITY, false, "" },
    { "bucket", TRANSFORM_BUCKET, true, "_bucket" },
    { "truncate", TRANSFORM_TRUNCATE, true, "_trunc" },
    { "year", TRANSFORM_YEAR, false, "_year" },
    { "years", TRANSFORM_YEAR, false, "_year" },
    { "month", TRANSFORM_MONTH, false, "_month" },
    { "months", TRANSFORM_MONTH, false, "_month" },
    { "day", TRANSFORM_DAY, false, "_day" },
    { "days", TRANSFORM_DAY, false, "_day" },
    { "hour", TRANSFORM_HOUR, false, "_hour" },
    { "hours", TRANSFORM_HOUR, false, "_hour" },
    { "void", TRANSFORM_VOID, false, "_null" },
};

struct parser {
    const struct lex *lex;
    size_t i;
    const struct schema *schema;
    struct arena *a;
    struct error *err;
};

static bool read_column(struct parser *p, const struct schema_node **out)
{
    str *parts;
    size_t n, from = p->i;
    if (!lex_name(p->lex, &p->i, p->a, &parts, &n))
        return fail(p->err, ERR_INVALID, "a column is wanted in the partition fields");
    str name = arena_join(p->a, parts, n, STR("."));
    *out = schema_node_by_name(p->schema, name, false);
    if (!*out)
        return fail(p->err, ERR_INVALID, "there is no column " STR_FMT " to partition by",
                    STR_ARG(lex_span(p->lex, from, p->i)));
    return true;
}

static bool read_param(struct parser *p, int32_t *out)
{
    int64_t v;
    if (p->i >= p->lex->n || !str_to_i64(p->lex->at[p->i].text, &v) || v < 1 || v > INT32_MAX)
        return fail(p->err, ERR_INVALID,
                    "bucket and truncate need a whole number above 0, as in bucket(16, id)");
    p->i++;
    *out = (int32_t)v;
    return true;
}

static bool expect(struct parser *p, const char *what)
{
    if (!lex_is(p->lex, p->i, what))
        return fail(p->err, ERR_INVALID, "a %s is missing in the partition fields", what);
    p->i++;
    return true;
}

/* The arguments of a transform, in either order, up to and with the parenthesis. */
static bool read_arguments(struct parser *p, bool has_param, int32_t *param,
                           const struct schema_node **column)
{
    bool number_first = p->i < p->lex->n && p->lex->at[p->i].kind == LEX_NUMBER;
    if (has_param && number_first && (!read_param(p, param) || !expect(p, ",")))
        return false;
    if (!read_column(p, column))
        return false;
    if (has_param && !number_first && (!expect(p, ",") || !read_param(p, param)))
        return false;
    return expect(p, ")");
}

/* The function at the parser's place; the number of functions when it is none of them. */
static size_t find_function(const struct parser *p)
{
    size_t f = 0, known = sizeof functions / sizeof *functions;
    while (f < known && !str_eq_nocase(p->lex->at[p->i].text, str_of(functions[f].word)))
        f++;
    return f;
}

static bool read_term(struct parser *p, struct partition_term *out)
{
    size_t f = 0, known = sizeof functions / sizeof *functions;
    int32_t param = 0;
    out->transform = transform_make(TRANSFORM_IDENTITY, 0, p->a);
    out->suffix = "";
    if (!lex_is(p->lex, p->i + 1, "("))
        return read_column(p, &out->column);
    if ((f = find_function(p)) == known)
        return fail(p->err, ERR_INVALID,
                    "unknown partition transform " STR_FMT
                    " (identity, bucket, truncate, year, month, day, hour)",
                    STR_ARG(p->lex->at[p->i].text));
    p->i += 2;
    if (!read_arguments(p, functions[f].has_param, &param, &out->column))
        return false;
    out->transform = transform_make(functions[f].kind, param, p->a);
    out->suffix = functions[f].suffix;
    return true;
}

bool partition_term_read(const struct lex *lex, size_t *i, const struct schema *schema,
                         struct arena *a, struct partition_term *out, struct error *err)
{
    struct parser p = { .lex = lex, .i = *i, .schema = schema, .a = a, .err = err };
    bool ok = read_term(&p, out);
    *i = p.i;
    return ok && (transform_check(&out->transform, out->column->field->type, err) ||
                  fail_in(err, "partition by " STR_FMT, STR_ARG(out->column->name)));
}

static bool read_field(struct parser *p, size_t number, struct partition_field *out)
{
    struct partition_term term;
    if (!partition_term_read(p->lex, &p->i, p->schema, p->a, &term, p->err))
        return false;
    *out = (struct partition_field){
        .source_id = term.column->field->id,
        .field_id = PARTITION_FIELD_ID_FIRST + (int32_t)number,
        .name = arena_printf(p->a, STR_FMT "%s", STR_ARG(term.column->name), term.suffix),
        .transform = term.transform,
    };
    return true;
}

bool partition_by_parse(str text, const struct schema *schema, struct arena *a,
                        const struct partition_spec **out, struct error *err)
{
    struct lex lex;
    struct parser p = { .lex = &lex, .schema = schema, .a = a, .err = err };
    VEC(struct partition_field) fields = { 0 };
    *out = NULL;
    if (!lex_sql(text, a, &lex, err))
        return false;
    while (p.i < lex.n) {
        if (fields.n && !expect(&p, ","))
            return false;
        if (fields.n == PARTITION_FIELDS_MAX)
            return fail(err, ERR_LIMIT, "more than %d partition fields", PARTITION_FIELDS_MAX);
        size_t number = fields.n;
        if (!read_field(&p, number, vec_push(a, &fields)))
            return false;
    }
    if (fields.n == 0)
        return true;
    struct partition_spec *spec = arena_new(a, struct partition_spec);
    *spec = (struct partition_spec){ 0, fields.at, fields.n };
    *out = spec;
    return partition_spec_check(spec, schema, err);
}

static void read_direction(struct parser *p, struct sort_field *out)
{
    out->descending = lex_is(p->lex, p->i, "DESC");
    p->i += out->descending || lex_is(p->lex, p->i, "ASC");
    out->nulls_last = out->descending;
    if (lex_is(p->lex, p->i, "NULLS") &&
        (lex_is(p->lex, p->i + 1, "FIRST") || lex_is(p->lex, p->i + 1, "LAST"))) {
        out->nulls_last = lex_is(p->lex, p->i + 1, "LAST");
        p->i += 2;
    }
}

bool sort_by_read(const struct lex *lex, size_t *i, const struct schema *schema, struct arena *a,
                  const struct sort_order **out, struct error *err)
{
    struct parser p = { .lex = lex, .i = *i, .schema = schema, .a = a, .err = err };
    VEC(struct sort_field) fields = { 0 };
    do {
        struct partition_term term;
        if (fields.n == PARTITION_FIELDS_MAX)
            return fail(err, ERR_LIMIT, "more than %d sort fields", PARTITION_FIELDS_MAX);
        if (!partition_term_read(lex, &p.i, schema, a, &term, err))
            return false;
        struct sort_field *f = vec_push(a, &fields);
        *f =
            (struct sort_field){ .source_id = term.column->field->id, .transform = term.transform };
        read_direction(&p, f);
    } while (lex_is(lex, p.i, ",") && ++p.i);
    struct sort_order *order = arena_new(a, struct sort_order);
    *order = (struct sort_order){ 1, fields.at, fields.n };
    *i = p.i;
    *out = order;
    return sort_order_check(order, schema, err);
}
