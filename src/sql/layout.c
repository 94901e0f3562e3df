/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/layout_priv.h"

#include <stdlib.h>

#include "engine/quote.h"
#include "engine/result.h"
#include "engine/session.h"
#include "engine/udf.h"
#include "iceberg/metadata.h"
#include "sql/partition_by.h"

#define SAMPLE_ROWS 20000
#define RANK_BITS_MAX 16
#define SQL_MAX ((size_t)1 << 20)

/* --- what is asked for --- */

static bool no_order(struct error *err)
{
    fail(err, ERR_INVALID, "the table has no sort order to sort its rows by");
    return fail_hint(err,
                     "give one (sort_order => 'a, b DESC'), or ALTER TABLE ... WRITE ORDERED BY");
}

static bool add_curve_column(const struct lex *lex, size_t *i, const struct schema *schema,
                             struct arena *a, struct layout *out, struct error *err)
{
    str *parts;
    size_t n;
    if (!lex_name(lex, i, a, &parts, &n))
        return fail(err, ERR_INVALID, "zorder needs names of columns");
    str name = arena_join(a, parts, n, STR("."));
    const struct field *f = n == 1 ? schema_field_by_name(schema, name, false) : NULL;
    if (!f)
        return fail(err, ERR_INVALID, "the table has no column " STR_FMT " at its top level",
                    STR_ARG(name));
    if (out->z_n == ZORDER_COLUMNS_MAX)
        return fail(err, ERR_INVALID, "zorder takes no more than %d columns", ZORDER_COLUMNS_MAX);
    if (type_is_nested(f->type))
        return fail(err, ERR_UNSUPPORTED, "column " STR_FMT ": zorder takes no nested types",
                    STR_ARG(name));
    out->z[out->z_n++] = f;
    return true;
}

/* "a, b" from token i up to `end`. */
static bool read_curve(const struct lex *lex, size_t i, size_t end, const struct schema *schema,
                       struct arena *a, struct layout *out, struct error *err)
{
    for (;;) {
        if (!add_curve_column(lex, &i, schema, a, out, err))
            return false;
        if (i >= end)
            return true;
        if (!lex_is(lex, i++, ","))
            return fail(err, ERR_INVALID, "zorder takes columns with commas between them");
    }
}

static bool read_order(str text, bool curve, const struct metadata *m, struct arena *a,
                       struct layout *out, struct error *err)
{
    struct lex lex;
    size_t i = 0;
    const struct schema *schema = metadata_schema(m);
    if (!lex_sql(text, a, &lex, err))
        return false;
    if (lex_is(&lex, 0, "ZORDER") && lex_is(&lex, 1, "(")) {
        size_t end = lex_close(&lex, 1);
        if (end + 1 != lex.n)
            return fail(err, ERR_INVALID, "zorder(...) stands alone in a sort order");
        return read_curve(&lex, 2, end, schema, a, out, err);
    }
    if (curve)
        return read_curve(&lex, 0, lex.n, schema, a, out, err);
    if (!sort_by_read(&lex, &i, schema, a, &out->order, err))
        return false;
    return i >= lex.n ||
           fail(err, ERR_INVALID, "the sort order goes on behind its end: \"" STR_FMT "\"",
                STR_ARG(lex.at[i].text));
}

bool layout_read(str strategy, str sort_order, const struct metadata *m, struct arena *a,
                 struct layout *out, struct error *err)
{
    bool curve = str_eq_nocase(strategy, STR("zorder"));
    *out = (struct layout){ .sort = curve || str_eq_nocase(strategy, STR("sort")) };
    if (!out->sort && strategy.len && !str_eq_nocase(strategy, STR("binpack")))
        return fail(err, ERR_INVALID,
                    "the strategy is binpack, sort or zorder, not \"" STR_FMT "\"",
                    STR_ARG(strategy));
    if (!out->sort && sort_order.len)
        return fail(err, ERR_INVALID, "a sort order needs the strategy sort");
    if (!out->sort)
        return true;
    if (!sort_order.len)
        return curve ? fail(err, ERR_INVALID, "zorder needs columns")
                     : metadata_order(m)->fields_n > 0 || no_order(err);
    return read_order(sort_order, curve, m, a, out, err) || fail_in(err, "sort_order");
}

/* --- the curve --- */

/* Sorted values of a sample: of one kind. */
struct scale {
    bool text;
    size_t n;
    double numbers[SAMPLE_ROWS];
    str texts[SAMPLE_ROWS];
};

struct curve {
    struct scale *scales[ZORDER_COLUMNS_MAX];
    size_t n;
    int bits; /* of a rank */
};

/* The value as a DOUBLE or a VARCHAR that sorts as it does, nearly. */
static bool scale_sql(const struct field *f, struct arena *a, str *out, bool *text,
                      struct error *err)
{
    struct buf name = BUF_INIT(SQL_MAX);
    quote_ident(&name, f->name);
    str c = arena_str(a, buf_str(&name));
    buf_deinit(&name);
    *text = false;
    switch (f->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        *out = arena_printf(a, "CAST(" STR_FMT " AS DOUBLE)", STR_ARG(c));
        return true;
    case TYPE_DATE:
        *out = arena_printf(a, "CAST(" STR_FMT " - DATE '1970-01-01' AS DOUBLE)", STR_ARG(c));
        return true;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        *out = arena_printf(a, "CAST(epoch_us(" STR_FMT ") AS DOUBLE)", STR_ARG(c));
        return true;
    case TYPE_STRING:
    case TYPE_UUID:
        *text = true;
        *out = arena_printf(a, "CAST(" STR_FMT " AS VARCHAR)", STR_ARG(c));
        return true;
    case TYPE_BINARY:
    case TYPE_FIXED:
        *text = true;
        *out = arena_printf(a, "hex(" STR_FMT ")", STR_ARG(c));
        return true;
    default:
        return fail(err, ERR_UNSUPPORTED, "column " STR_FMT ": zorder does not take its type",
                    STR_ARG(f->name));
    }
}

static int by_number(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

/* NaN stands above everything. */
static double known(double v)
{
    return v == v ? v : __builtin_inf();
}

static void take_sample(struct curve *c, const struct chunk *rows, struct arena *a)
{
    for (size_t k = 0; k < c->n; k++) {
        struct scale *s = c->scales[k];
        const struct column_view *v = &rows->columns[k];
        for (size_t i = 0; i < rows->n && s->n < SAMPLE_ROWS; i++) {
            if (!column_valid(v, i))
                continue;
            if (s->text)
                s->texts[s->n++] = arena_str(a, column_str(v, i));
            else
                s->numbers[s->n++] = known(((const double *)v->data)[i]);
        }
    }
}

static bool read_sample(struct curve *c, struct session *s, str sql, struct arena *a,
                        struct error *err)
{
    struct result *r = NULL;
    const struct chunk *rows = NULL;
    bool ok = session_query(s, sql, NULL, 0, &r, err) && result_next(r, &rows, err);
    while (ok && rows) {
        take_sample(c, rows, a);
        ok = result_next(r, &rows, err);
    }
    result_close(r);
    for (size_t k = 0; k < c->n; k++)
        if (c->scales[k]->text)
            qsort(c->scales[k]->texts, c->scales[k]->n, sizeof(str), by_text);
        else
            qsort(c->scales[k]->numbers, c->scales[k]->n, sizeof(double), by_number);
    return ok;
}

/* How many of the sample are smaller, as a number of `bits` bits; nulls are 0. */
static uint64_t rank_of(const struct scale *s, const struct column_view *v, size_t i, int bits)
{
    size_t lo = 0, hi = s->n;
    if (!column_valid(v, i) || s->n == 0)
        return 0;
    str text = s->text ? column_str(v, i) : (str){ 0 };
    double number = s->text ? 0 : known(((const double *)v->data)[i]);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->text ? str_cmp(s->texts[mid], text) < 0 : s->numbers[mid] < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return ((uint64_t)lo << bits) / (s->n + 1);
}

static uint64_t interleave(const uint64_t *ranks, size_t n, int bits)
{
    uint64_t z = 0;
    for (int bit = bits - 1; bit >= 0; bit--)
        for (size_t k = 0; k < n; k++)
            z = z << 1 | (ranks[k] >> bit & 1);
    return z;
}

static bool curve_call(void *ctx, const struct udf_call *call, struct error *err)
{
    const struct curve *c = ctx;
    uint64_t ranks[ZORDER_COLUMNS_MAX];
    (void)err;
    for (size_t i = 0; i < call->n; i++) {
        for (size_t k = 0; k < c->n; k++)
            ranks[k] = rank_of(c->scales[k], &call->args[k], i, c->bits);
        ((uint64_t *)call->out)[i] = interleave(ranks, c->n, c->bits);
    }
    return true;
}

bool layout_zorder(const struct layout *l, struct session *s, str rows, struct arena *a,
                   str *order_sql, struct error *err)
{
    struct curve *c = arena_new(a, struct curve);
    const char **types = arena_array(a, const char *, l->z_n);
    str *args = arena_array(a, str, l->z_n);
    str list = { 0 };
    c->n = l->z_n;
    c->bits = (int)(64 / l->z_n) < RANK_BITS_MAX ? (int)(64 / l->z_n) : RANK_BITS_MAX;
    for (size_t k = 0; k < l->z_n; k++) {
        c->scales[k] = arena_new(a, struct scale);
        if (!scale_sql(l->z[k], a, &args[k], &c->scales[k]->text, err))
            return false;
        types[k] = c->scales[k]->text ? "VARCHAR" : "DOUBLE";
        list =
            arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(list), k ? ", " : "", STR_ARG(args[k]));
    }
    str sql = arena_printf(
        a, "SELECT " STR_FMT " FROM (" STR_FMT ") USING SAMPLE reservoir(%d ROWS) REPEATABLE (7)",
        STR_ARG(list), STR_ARG(rows), SAMPLE_ROWS);
    struct udf *f = arena_new(a, struct udf);
    *f = (struct udf){
        .arg_types = types, .args_n = l->z_n, .return_type = "UBIGINT", .fn = curve_call, .ctx = c
    };
    return read_sample(c, s, sql, a, err) && udf_add(s, f, args, a, order_sql, err);
}
