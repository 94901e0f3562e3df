/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning must never lose a row.  Random rows are grouped into files by a random partition spec,
 * written to a manifest with random metrics modes, read back, and asked with random filters: no
 * file, and no manifest, that holds a matching row may be pruned. */
#include "iceberg/expr_eval.h"

#include <float.h>
#include <math.h>

#include "base/buf.h"
#include "codec/json.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/metrics.h"
#include "iceberg/partition.h"
#include "test.h"

enum { COLUMNS = 16, ROWS_MAX = 120 };

static const char *const column_types[COLUMNS] = {
    "int",  "long",      "float",        "double",         "decimal(9,2)", "date",
    "time", "timestamp", "string",       "binary",         "boolean",      "timestamptz",
    "uuid", "fixed[3]",  "timestamp_ns", "timestamptz_ns",
};

static const struct schema *random_schema(void)
{
    struct buf b = BUF_INIT(1 << 16);
    buf_lit(&b, "{\"type\":\"struct\",\"schema-id\":0,\"fields\":[");
    for (int i = 0; i < COLUMNS; i++)
        buf_printf(&b, "%s{\"id\":%d,\"name\":\"c%d\",\"required\":false,\"type\":\"%s\"}",
                   i ? "," : "", i + 1, i + 1, column_types[i]);
    buf_lit(&b, "]}");
    struct error err;
    struct json *json;
    const struct schema *schema;
    CHECK_OK(json_parse(arena_str(test_arena(), buf_str(&b)), test_arena(), &json, &err));
    CHECK_OK(schema_parse(json, test_arena(), &schema, &err));
    buf_deinit(&b);
    return schema;
}

/* --- values: few enough to collide, with all the awkward ones --- */

static int64_t pick_int(struct rand *r, int64_t lowest, int64_t highest)
{
    static const int64_t near[] = { -100, -11, -10, -9, -3, -1, 0, 1, 2, 9, 10, 11, 25, 99, 100 };
    switch (rand_below(r, 12)) {
    case 0:
        return lowest + (int64_t)rand_below(r, 3);
    case 1:
        return highest - (int64_t)rand_below(r, 3);
    default:
        return near[rand_below(r, sizeof near / sizeof near[0])];
    }
}

static double pick_float(struct rand *r, bool small)
{
    static const double pool[] = { -1.5, -1, -0.0, 0.0, 0.5, 1, 2, 2.5, 100 };
    switch (rand_below(r, 10)) {
    case 0:
        return NAN;
    case 1:
        return rand_below(r, 2) ? INFINITY : -INFINITY;
    case 2:
        return small ? (double)FLT_MAX : DBL_MAX;
    default:
        return pool[rand_below(r, sizeof pool / sizeof pool[0])];
    }
}

static str pick_text(struct rand *r, bool binary)
{
    static const char *const parts[] = { "a",  "b",    "ab",           "\xC3\xA9",
                                         "zz", "\x7F", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF",
                                         "q" };
    struct buf b = BUF_INIT(256);
    size_t n = rand_below(r, 5);
    for (size_t i = 0; i < n; i++) {
        if (binary)
            buf_add_char(&b, rand_below(r, 3) == 0 ? (char)0xFF : (char)rand_below(r, 4));
        else
            buf_add_str(&b, str_of(parts[rand_below(r, sizeof parts / sizeof parts[0])]));
    }
    str s = b.len ? arena_str(test_arena(), buf_str(&b)) : STR("");
    buf_deinit(&b);
    return s;
}

/* Bytes of one length, the first and the last of which differ. */
static str pick_bytes(struct rand *r, size_t n)
{
    char *p = arena_array(test_arena(), char, n);
    p[0] = (char)(rand_below(r, 3) * 120);
    p[n - 1] = (char)rand_below(r, 3);
    return str_make(p, n);
}

static struct value pick_value(struct rand *r, const struct type *t)
{
    int64_t day = 86400LL * 1000000;
    switch (t->kind) {
    case TYPE_UUID:
    case TYPE_FIXED:
        return value_bytes(t->kind, pick_bytes(r, t->kind == TYPE_UUID ? 16 : 3));
    case TYPE_TIMESTAMP_NS:
    case TYPE_TIMESTAMPTZ_NS:
        return value_i64(t->kind,
                         pick_int(r, -900, 900) * (day * 1000 / 3) + (int64_t)rand_below(r, 2));
    case TYPE_INT:
        return value_i64(TYPE_INT, pick_int(r, INT32_MIN, INT32_MAX));
    case TYPE_DATE:
        return value_i64(TYPE_DATE, pick_int(r, -700000, 700000));
    case TYPE_LONG:
        return value_i64(TYPE_LONG, pick_int(r, INT64_MIN, INT64_MAX));
    case TYPE_TIME:
        return value_i64(TYPE_TIME, (int64_t)rand_below(r, 24) * 3600000000LL);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return value_i64(t->kind, pick_int(r, -900, 900) * (day / 3) + (int64_t)rand_below(r, 2));
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return value_f64(t->kind, pick_float(r, t->kind == TYPE_FLOAT));
    case TYPE_DECIMAL:
        return value_decimal(9, 2, pick_int(r, -999999999, 999999999));
    case TYPE_BOOLEAN:
        return value_bool(rand_below(r, 2));
    default:
        return value_bytes(t->kind, pick_text(r, t->kind == TYPE_BINARY));
    }
}

struct row {
    struct value values[COLUMNS];
    struct value tuple[4];
    bool taken;
};

static const struct value *row_get(const void *row, int32_t id)
{
    return &((const struct row *)row)->values[id - 1];
}

static void pick_rows(struct rand *r, const struct schema *schema, struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < COLUMNS; c++)
            rows[i].values[c] = rand_below(r, 8) == 0 ? value_null(schema->fields[c].type->kind)
                                                      : pick_value(r, schema->fields[c].type);
}

/* --- partitioning --- */

static const struct partition_spec *pick_spec(struct rand *r, const struct schema *schema)
{
    struct partition_field *fields = arena_array(test_arena(), struct partition_field, 3);
    struct partition_spec *spec = arena_new(test_arena(), struct partition_spec);
    size_t n = rand_below(r, 3);
    spec->fields = fields;
    while (spec->fields_n < n) {
        int column = (int)rand_below(r, COLUMNS);
        enum transform_kind kind = (enum transform_kind)rand_below(r, TRANSFORM_UNKNOWN);
        if (rand_below(r, 3) == 0)
            kind = TRANSFORM_TRUNCATE; /* the one with the most rules */
        struct transform t = transform_make(kind, 1 + (int32_t)rand_below(r, 12), test_arena());
        struct error ignored;
        if (!transform_check(&t, schema->fields[column].type, &ignored))
            continue;
        fields[spec->fields_n] = (struct partition_field){
            .source_id = column + 1,
            .field_id = 1000 + (int32_t)spec->fields_n,
            .name = arena_printf(test_arena(), "p%zu", spec->fields_n),
            .transform = t,
        };
        spec->fields_n++;
    }
    return spec;
}

static void partition_row(const struct partition_spec *spec, struct row *row)
{
    for (size_t i = 0; i < spec->fields_n; i++) {
        const struct partition_field *f = &spec->fields[i];
        row->tuple[i] = transform_apply(&f->transform, &row->values[f->source_id - 1]);
    }
}

static bool same_tuple(const struct row *x, const struct row *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!value_eq(&x->tuple[i], &y->tuple[i]))
            return false;
    return true;
}

/* --- files --- */

struct group {
    const struct row *rows[ROWS_MAX];
    size_t n;
};

static const char *pick_mode(struct rand *r)
{
    static const char *const modes[] = { "full",         "truncate(1)", "truncate(2)",
                                         "truncate(16)", "counts",      "none" };
    return modes[rand_below(r, sizeof modes / sizeof modes[0])];
}

static struct column_stats stats_of(const struct group *g, int column)
{
    struct column_stats s = { .field_id = column + 1, .size = 10, .values = (int64_t)g->n };
    for (size_t i = 0; i < g->n; i++) {
        const struct value *v = &g->rows[i]->values[column];
        if (v->is_null) {
            s.nulls++;
        } else if (value_is_nan(v)) {
            s.nans++;
        } else {
            if (s.min == NULL || value_cmp(v, s.min) < 0)
                s.min = v;
            if (s.max == NULL || value_cmp(v, s.max) > 0)
                s.max = v;
        }
    }
    return s;
}

static struct data_file make_file(struct rand *r, const struct schema *schema,
                                  const struct partition_spec *spec, const struct group *g,
                                  size_t ordinal)
{
    struct column_stats stats[COLUMNS];
    size_t n = 0;
    for (int c = 0; c < COLUMNS; c++) {
        if (rand_below(r, 10) == 0)
            continue;
        stats[n] = stats_of(g, c);
        if (rand_below(r, 10) == 0)
            stats[n].nans = -1;
        if (rand_below(r, 10) == 0)
            stats[n].nulls = -1;
        if (rand_below(r, 10) == 0)
            stats[n].max = NULL;
        n++;
    }
    struct property mode = { STR("write.metadata.metrics.default"), str_of(pick_mode(r)) };
    struct property_list properties = { &mode, 1 };
    struct column_metrics *columns;
    struct error err;
    struct data_file f = { .path = arena_printf(test_arena(), "f%zu", ordinal),
                           .format = STR("parquet"),
                           .partition = g->rows[0]->tuple,
                           .partition_n = spec->fields_n,
                           .records = (int64_t)g->n,
                           .size = 100,
                           .sort_order_id = -1,
                           .first_row_id = -1,
                           .content_offset = -1,
                           .content_size = -1 };
    CHECK_OK(metrics_make(schema, &sort_order_none, &properties, stats, n, test_arena(), &columns,
                          &f.columns_n, &err));
    f.columns = columns;
    return f;
}

/* --- filters --- */

/* A predicate over a transform of a column, with a value that some row may have. */
static const struct expr *pick_over(struct rand *r, const struct schema *schema)
{
    struct arena *a = test_arena();
    struct transform *f = arena_new(a, struct transform);
    struct error ignored;
    for (;;) {
        int column = (int)rand_below(r, COLUMNS);
        const struct type *t = schema->fields[column].type;
        *f = transform_make((enum transform_kind)(TRANSFORM_BUCKET +
                                                  rand_below(r, TRANSFORM_VOID - TRANSFORM_BUCKET)),
                            1 + (int32_t)rand_below(r, 12), a);
        if (!transform_check(f, t, &ignored))
            continue;
        enum expr_op op = (enum expr_op)(EXPR_LT + rand_below(r, EXPR_NE - EXPR_LT + 1));
        struct value source = pick_value(r, t), *v = arena_new(a, struct value);
        *v = transform_apply(f, &source);
        struct literal *lit = arena_new(a, struct literal);
        *lit = (struct literal){ .kind = LITERAL_VALUE, .value = v };
        str name = schema->fields[column].name;
        return expr_over(a,
                         rand_below(r, 4) ? expr_compare(a, op, name, *lit)
                                          : expr_in(a, EXPR_NOT_IN, name, lit, 1),
                         f);
    }
}

static const struct expr *pick_leaf(struct rand *r, const struct schema *schema)
{
    if (rand_below(r, 5) == 0)
        return pick_over(r, schema);
    struct arena *a = test_arena();
    int column = (int)rand_below(r, COLUMNS);
    const struct type *t = schema->fields[column].type;
    str name = schema->fields[column].name;
    for (;;) {
        enum expr_op op =
            (enum expr_op)(EXPR_IS_NULL + rand_below(r, EXPR_NOT_IN - EXPR_IS_NULL + 1));
        bool is_float = t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE;
        bool prefix = op == EXPR_STARTS_WITH || op == EXPR_NOT_STARTS_WITH;
        if ((!is_float && (op == EXPR_IS_NAN || op == EXPR_NOT_NAN)) ||
            (prefix && t->kind != TYPE_STRING))
            continue;
        if (op <= EXPR_NOT_NAN)
            return expr_unary(a, op, name);
        size_t n = op >= EXPR_IN ? rand_below(r, 4) : 1;
        struct literal *lits = arena_array(a, struct literal, n + 1);
        for (size_t i = 0; i < n; i++) {
            struct value *v = arena_new(a, struct value);
            *v = pick_value(r, t);
            lits[i] = (struct literal){ .kind = LITERAL_VALUE, .value = v };
        }
        return op >= EXPR_IN ? expr_in(a, op, name, lits, n) : expr_compare(a, op, name, lits[0]);
    }
}

static const struct expr *pick_filter(struct rand *r, const struct schema *schema, int depth)
{
    if (depth == 0 || rand_below(r, 3) == 0)
        return pick_leaf(r, schema);
    const struct expr *x = pick_filter(r, schema, depth - 1);
    switch (rand_below(r, 3)) {
    case 0:
        return expr_not(test_arena(), x);
    case 1:
        return expr_and(test_arena(), x, pick_filter(r, schema, depth - 1));
    default:
        return expr_or(test_arena(), x, pick_filter(r, schema, depth - 1));
    }
}

/* --- the property --- */

struct world {
    const struct schema *schema;
    const struct partition_spec *spec;
    struct row rows[ROWS_MAX];
    struct group groups[ROWS_MAX];
    size_t groups_n;
    struct manifest_file manifest;
    struct manifest_entry *entries;
    size_t entries_n;
};

static void make_groups(struct rand *r, struct world *w, size_t rows_n)
{
    for (size_t i = 0; i < rows_n; i++)
        partition_row(w->spec, &w->rows[i]);
    for (size_t i = 0; i < rows_n; i++) {
        if (w->rows[i].taken)
            continue;
        struct group *g = &w->groups[w->groups_n++];
        size_t max = 1 + rand_below(r, 6);
        for (size_t k = i; k < rows_n && g->n < max; k++) {
            if (w->rows[k].taken || !same_tuple(&w->rows[i], &w->rows[k], w->spec->fields_n))
                continue;
            w->rows[k].taken = true;
            g->rows[g->n++] = &w->rows[k];
        }
    }
}

static void write_and_read(struct rand *r, struct world *w)
{
    struct error err;
    struct buf *b = arena_new(test_arena(), struct buf);
    *b = (struct buf)BUF_INIT(1 << 26);
    buf_in_arena(b, test_arena());
    struct manifest_write_options o = { .format_version = 1 + (int)rand_below(r, 3),
                                        .schema = w->schema,
                                        .spec = w->spec,
                                        .snapshot_id = 7,
                                        .sync = "0123456789abcde" };
    struct manifest_writer *writer;
    CHECK_OK(manifest_writer_create(&o, b, test_arena(), &writer, &err));
    for (size_t i = 0; i < w->groups_n; i++) {
        struct manifest_entry e = { .status = ENTRY_ADDED,
                                    .snapshot_id = -1,
                                    .sequence_number = -1,
                                    .file_sequence_number = -1,
                                    .file = make_file(r, w->schema, w->spec, &w->groups[i], i) };
        CHECK_OK(manifest_writer_add(writer, &e, &err));
    }
    CHECK_OK(manifest_writer_finish(writer, &w->manifest, &err));
    struct manifest_read_options read = {
        .file = &w->manifest, .spec = w->spec, .schema = w->schema, .all_columns = true
    };
    CHECK_OK(manifest_parse(buf_str(b), &read, test_arena(), &w->entries, &w->entries_n, &err));
    CHECK_INT(w->entries_n, w->groups_n);
}

static size_t asked, pruned, empty; /* files: asked about, pruned, without a matching row */
static size_t full, proved;         /* and: with matching rows only, known to be so */

static void fail_with(const struct world *w, size_t file, const char *what, const struct expr *e)
{
    struct buf b = BUF_INIT(1 << 16);
    expr_format(e, w->schema, &b);
    test_fail(__FILE__, __LINE__, "file %zu: %s: " STR_FMT, file, what, STR_ARG(buf_str(&b)));
}

/* What is left of the filter decides as the filter does, for every row of the file. */
static void check_residual(struct world *w, size_t i, const struct expr *e,
                           const struct residual *r)
{
    const struct data_file *f = &w->entries[i].file;
    const struct expr *of_partition =
        residual_of(r, f->partition, f->partition_n, NULL, test_arena());
    const struct expr *left = residual_of(r, f->partition, f->partition_n, f, test_arena());
    bool must = expr_must_match_metrics(e, f), all = true;
    for (size_t k = 0; k < w->groups[i].n; k++) {
        const struct row *row = w->groups[i].rows[k];
        bool matches = expr_matches(e, row_get, row);
        all = all && matches;
        if (matches != expr_matches(of_partition, row_get, row))
            fail_with(w, i, "residual by partition", e);
        if (matches != expr_matches(left, row_get, row))
            fail_with(w, i, "residual", e);
        if (must && !matches)
            fail_with(w, i, "all rows should match by metrics", e);
    }
    full += all;
    proved += left->op == EXPR_TRUE;
}

static void check_filter(struct world *w, const struct expr *unbound)
{
    struct error err;
    const struct expr *e;
    CHECK_OK(expr_bind(unbound, w->schema, true, test_arena(), &e, &err));
    const struct expr *projected = expr_project(e, w->spec, w->schema, test_arena());
    const struct residual *residual = residual_make(e, w->spec, w->schema, test_arena());
    bool any = false;
    for (size_t i = 0; i < w->groups_n; i++) {
        bool hit = false;
        for (size_t k = 0; k < w->groups[i].n; k++)
            hit = hit || expr_matches(e, row_get, w->groups[i].rows[k]);
        const struct data_file *f = &w->entries[i].file;
        bool by_tuple = expr_may_match_partition(projected, f->partition, f->partition_n);
        bool by_metrics = expr_may_match_metrics(e, f);
        if (hit && (!by_tuple || !by_metrics))
            fail_with(w, i, by_tuple ? "pruned by metrics" : "pruned by partition", e);
        check_residual(w, i, e, residual);
        asked++;
        empty += !hit;
        pruned += !by_tuple || !by_metrics;
        any = any || hit;
    }
    CHECK(!any || expr_may_match_manifest(projected, &w->manifest));
}

TEST(no_file_with_a_matching_row_is_ever_pruned)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int round = 0; round < 450; round++) {
        struct world *w = arena_new(test_arena(), struct world);
        w->schema = random_schema();
        w->spec = pick_spec(&r, w->schema);
        size_t rows_n = 1 + rand_below(&r, ROWS_MAX);
        pick_rows(&r, w->schema, w->rows, rows_n);
        make_groups(&r, w, rows_n);
        write_and_read(&r, w);
        for (int i = 0; i < 60; i++)
            check_filter(w, pick_filter(&r, w->schema, 2));
    }
    CHECK(pruned * 4 > empty); /* and it is worth something */
    CHECK(proved * 4 > full);
    CHECK(asked > 100000);
}

TEST(a_complement_holds_for_exactly_the_other_rows)
{
    struct rand r;
    struct error err;
    const struct schema *schema = random_schema();
    struct row *rows = arena_array(test_arena(), struct row, ROWS_MAX);
    rand_init(&r, test_seed());
    pick_rows(&r, schema, rows, ROWS_MAX);
    for (int i = 0; i < 2000; i++) {
        const struct expr *leaf;
        CHECK_OK(expr_bind(pick_leaf(&r, schema), schema, true, test_arena(), &leaf, &err));
        if (leaf->op < EXPR_IS_NULL)
            continue;
        const struct expr *other = expr_complement(leaf, test_arena());
        for (int k = 0; k < ROWS_MAX; k++)
            CHECK(expr_matches(leaf, row_get, &rows[k]) != expr_matches(other, row_get, &rows[k]));
    }
}
