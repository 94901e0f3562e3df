/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/parquet.h"

#include <math.h>

#include "engine/engine.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "iceberg/metrics.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "test.h"

static struct engine *e;
static struct session *s;

static void setup(void)
{
    struct error err;
    e = engine_create(&(struct engine_config){ .memory_limit = (size_t)1 << 30, .threads = 2 });
    CHECK_OK(session_open(e, &s, &err));
}

static void teardown(void)
{
    session_close(s);
    engine_destroy(e);
}

static const struct schema *schema_of(const char *sql)
{
    struct error err;
    struct result_column *c;
    size_t n;
    const struct schema *out;
    CHECK_OK(session_describe(s, str_of(sql), test_arena(), &c, &n, &err));
    CHECK_OK(columns_schema(c, n, test_arena(), &out, &err));
    return out;
}

static str scalar(const char *fmt, const char *arg)
{
    struct error err;
    str out, sql = arena_printf(test_arena(), "%s'%s'%s", fmt, arg, ")");
    CHECK_OK(session_scalar(s, sql, test_arena(), &out, &err));
    return out;
}

static struct parquet_write request(const char *sql)
{
    return (struct parquet_write){
        .query = str_of(sql), .schema = schema_of(sql), .dir = test_tmpdir(), .prefix = STR("p1")
    };
}

static const struct column_stats *stats_of(const struct parquet_file *f, int32_t id)
{
    for (size_t i = 0; i < f->stats_n; i++)
        if (f->stats[i].field_id == id)
            return &f->stats[i];
    test_fail(__FILE__, __LINE__, "no statistics of field %d", id);
}

static str text(const struct value *v)
{
    return v ? value_to_text(v, test_arena()) : STR("none");
}

static void check_bounds(const struct parquet_file *f, int32_t id, const char *min, const char *max)
{
    const struct column_stats *c = stats_of(f, id);
    CHECK_STR(text(c->min), min);
    CHECK_STR(text(c->max), max);
}

#define ALL_TYPES                                                                                                     \
    "SELECT * FROM (VALUES "                                                                                          \
    "(1::INTEGER, 'x''y\"\xc3\xa9,{}='::VARCHAR, 'nan'::DOUBLE, TIMESTAMP '2001-01-01 00:00:00.123456', "             \
    "TIMESTAMPTZ '2001-01-01 00:00:00.123456+02', 12.34::DECIMAL(10,2), 1.5::DECIMAL(38,5), DATE '1969-12-31', "      \
    "TIME '01:02:03.5', 'ffffffff-0000-4000-8000-000000000001'::UUID, '\\x00\\xFF'::BLOB, true, {'a': 1, 'b': 'q'}, " \
    "[1, NULL, 3], MAP {'k': 1.5::DOUBLE}, 9223372036854775807::BIGINT, 0.0::FLOAT), "                                \
    "(-2, 'b', 3.5, '1969-12-31 23:59:59.999999', '2001-06-01 00:00:00+00', -1, -1.5, '2001-01-01', '00:00:00', "     \
    "'00000000-0000-4000-8000-000000000001', '', false, NULL, [], NULL, -1, '-0.0'), "                                \
    "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) "        \
    "t(i, s, d, ts, tz, dc, big_dc, dt, tm, u, b, bo, st, l, m, big, f)"

TEST(statistics_are_exact_values)
{
    struct error err;
    setup();
    struct parquet_write w = request(ALL_TYPES);
    struct parquet_file *files;
    size_t n;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK_INT(n, 1);
    const struct parquet_file *f = &files[0];
    CHECK_INT(f->rows, 3);
    CHECK(f->size > 500 && f->footer_size > 100 && f->footer_size < f->size);
    CHECK(str_starts(f->path, str_of(test_tmpdir())));
    check_bounds(f, 1, "-2", "1");
    check_bounds(f, 2, "b", "x'y\"\xc3\xa9,{}=");
    check_bounds(f, 3, "3.5", "none"); /* NaN is greater than every number */
    CHECK_INT(stats_of(f, 3)->nans, -1);
    check_bounds(f, 4, "1969-12-31T23:59:59.999999", "2001-01-01T00:00:00.123456");
    check_bounds(f, 5, "2000-12-31T22:00:00.123456+00:00", "2001-06-01T00:00:00+00:00");
    check_bounds(f, 6, "-1.00", "12.34");
    check_bounds(f, 7, "-1.50000", "1.50000");
    check_bounds(f, 8, "1969-12-31", "2001-01-01");
    check_bounds(f, 9, "00:00:00", "01:02:03.500");
    check_bounds(f, 10, "00000000-0000-4000-8000-000000000001",
                 "ffffffff-0000-4000-8000-000000000001");
    CHECK_INT(stats_of(f, 11)->min->bytes.len, 0);
    CHECK(str_eq(stats_of(f, 11)->max->bytes, str_make("\x00\xff", 2)));
    check_bounds(f, 12, "false", "true");
    check_bounds(f, 16, "-1", "9223372036854775807");
    CHECK(signbit(stats_of(f, 17)->min->f) && !signbit(stats_of(f, 17)->max->f));
    CHECK_INT(stats_of(f, 17)->nans, 0);
    CHECK_INT(stats_of(f, 1)->nulls, 1);
    CHECK_INT(stats_of(f, 1)->values, 3);
    int32_t inner = schema_field_by_name(w.schema, STR("st.b"), true)->id;
    check_bounds(f, inner, "q", "q");
    /* The ids are in the file. */
    CHECK_STR(scalar("SELECT string_agg(field_id, ',' ORDER BY field_id) FROM parquet_schema(",
                     f->path.ptr),
              "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22");
    teardown();
}

/* Bounds that have no exact text are left out, never wrong. */
TEST(odd_bounds_are_dropped)
{
    struct error err;
    setup();
    struct parquet_write w = request(
        "SELECT * FROM (VALUES ('infinity'::TIMESTAMP, repeat('\xc3\xa9', 5000), '-infinity'::DATE, 'inf'::DOUBLE), "
        "('2001-01-01', 'a', '2001-01-01', 1)) t(ts, s, dt, d)");
    struct parquet_file *files;
    size_t n;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    check_bounds(&files[0], 1, "2001-01-01T00:00:00", "none");
    const struct column_stats *c = stats_of(&files[0], 2);
    CHECK(!c->max || c->max->bytes.len == 10000);
    check_bounds(&files[0], 3, "none", "2001-01-01");
    CHECK_STR(text(stats_of(&files[0], 4)->min), "1.0");
    teardown();
}

TEST(no_rows_give_no_files)
{
    struct error err;
    setup();
    struct parquet_write w = request("SELECT 1 AS a WHERE false");
    struct parquet_file *files;
    size_t n = 9;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK_INT(n, 0);
    CHECK_STR(
        scalar("SELECT count(*) FROM glob(", arena_printf(test_arena(), "%s/*", test_tmpdir()).ptr),
        "0");
    teardown();
}

TEST(files_are_cut_by_size)
{
    struct error err;
    setup();
    struct parquet_write w =
        request("SELECT (range * 7919) % 1000003 AS k, range AS v FROM range(400000)");
    w.file_bytes = 200000;
    w.row_group_rows = 20480;
    struct parquet_file *files;
    size_t n;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK(n > 1);
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        rows += files[i].rows;
        CHECK(!files[i].sorted);
    }
    CHECK_INT(rows, 400000);
    teardown();
}

TEST(order_is_kept_in_one_file)
{
    struct error err;
    setup();
    struct parquet_write w =
        request("SELECT (range * 7919) % 1000003 AS k, range AS v FROM range(400000)");
    struct sort_field field = { .source_id = 1,
                                .transform = transform_make(TRANSFORM_IDENTITY, 0, test_arena()),
                                .descending = true };
    struct sort_order order = { .id = 1, .fields = &field, .fields_n = 1 };
    w.row_group_rows = 20480;
    struct parquet_file *files;
    size_t n;
    w.keep_order = true;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK_INT(n, 1);
    CHECK(!files[0].sorted);
    CHECK_STR(scalar("SELECT count(*) FILTER (v <> file_row_number) FROM read_parquet(",
                     arena_printf(test_arena(), STR_FMT "', file_row_number = true) WHERE ('' = '",
                                  STR_ARG(files[0].path))
                         .ptr),
              "0");
    w.order = &order;
    w.prefix = STR("p2");
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK_INT(n, 1);
    CHECK(files[0].sorted);
    CHECK_STR(
        scalar(
            "SELECT count(*) FILTER (k >= before) FROM (SELECT k, lag(k) OVER (ORDER BY file_row_number) AS before FROM read_parquet(",
            arena_printf(test_arena(), STR_FMT "', file_row_number = true)) WHERE ('' = '",
                         STR_ARG(files[0].path))
                .ptr),
        "0");
    teardown();
}

TEST(columns_are_cast_and_matched)
{
    struct error err;
    setup();
    struct parquet_write w = request("SELECT 1::INTEGER AS a, 'x' AS b");
    struct parquet_file *files;
    size_t n;
    w.query = STR("SELECT 3000000000 AS a, 'x' AS b");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    w.query = STR("SELECT 1");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    w.query = STR("SELECT 'y' AS B, 5 AS c");
    w.by_name = true;
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    w.query = STR("SELECT $1 AS B -- the end");
    struct param p = { .is_text = true, .text = STR("y") };
    w.params = &p;
    w.params_n = 1;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    check_bounds(&files[0], 2, "y", "y");
    CHECK_INT(stats_of(&files[0], 1)->nulls, 1);
    teardown();
}

TEST(required_columns_refuse_nulls)
{
    struct error err;
    setup();
    struct parquet_write w = request("SELECT 1 AS a, [1] AS l");
    struct field fields[2] = { w.schema->fields[0], w.schema->fields[1] };
    fields[0].required = fields[1].required = true;
    CHECK_OK(schema_build(0, fields, 2, NULL, 0, test_arena(), &w.schema, &err));
    struct parquet_file *files;
    size_t n;
    w.query = STR("SELECT NULL, [1]");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    w.query = STR("SELECT 1, NULL");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    w.query = STR("SELECT 1, []");
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    teardown();
}

static void check_partition(const char *transform, int32_t source, const char *want)
{
    struct error err;
    struct partition_field f = { .source_id = source, .field_id = 1000, .name = STR("p") };
    struct partition_spec spec = { .id = 1, .fields = &f, .fields_n = 1 };
    struct parquet_write w = request(ALL_TYPES);
    struct parquet_file *files;
    struct buf all = BUF_INIT(100000);
    size_t n;
    CHECK_OK(transform_parse(str_of(transform), test_arena(), &f.transform, &err));
    w.spec = &spec;
    w.prefix = arena_printf(test_arena(), "%s%d", transform[0] == 'i' ? "i" : "x", source);
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        const struct column_stats *c = stats_of(&files[i], source);
        /* Each file's value is the transform of its bounds, as iceberg/partition.c computes it. */
        if (c->min) {
            struct value v = transform_apply(&f.transform, c->min);
            CHECK(value_eq(&v, files[i].partition));
        }
        rows += files[i].rows;
        str t = files[i].partition->is_null ? STR("null")
                                            : value_to_text(files[i].partition, test_arena());
        CHECK(buf_str(&all).len + t.len < 90000);
        buf_printf(&all, "[" STR_FMT "]", STR_ARG(t));
    }
    CHECK_INT(rows, 3);
    CHECK_INT(str_find(str_of(want), STR("?")) < 0 ? (int)n : 0,
              str_find(str_of(want), STR("?")) < 0 ? 3 : 0);
    if (want[0] != '?') {
        str rest = str_of(want), piece;
        while (str_next(&rest, ';', &piece))
            if (str_find(buf_str(&all),
                         arena_printf(test_arena(), "[" STR_FMT "]", STR_ARG(piece))) < 0)
                test_fail(__FILE__, __LINE__, "%s of %d: no " STR_FMT " in " STR_FMT, transform,
                          source, STR_ARG(piece), STR_ARG(buf_str(&all)));
    }
    buf_deinit(&all);
}

TEST(partition_values_come_back_typed)
{
    setup();
    check_partition("identity", 1, "-2;1;null");
    check_partition("identity", 2, "b;x'y\"\xc3\xa9,{}=;null");
    check_partition("identity", 4, "1969-12-31T23:59:59.999999;2001-01-01T00:00:00.123456;null");
    check_partition("identity", 5, "2000-12-31T22:00:00.123456+00:00;null");
    check_partition("identity", 6, "-1.00;12.34;null");
    check_partition("identity", 7, "-1.50000;null");
    check_partition("identity", 8, "1969-12-31;2001-01-01;null");
    check_partition("identity", 9, "00:00:00;01:02:03.500;null");
    check_partition("identity", 10, "ffffffff-0000-4000-8000-000000000001;null");
    check_partition("identity", 11, "null");
    check_partition("identity", 12, "true;false;null");
    check_partition("identity", 16, "9223372036854775807;null");
    check_partition("year", 4, "-1;31;null");
    check_partition("month", 4, "-1;372;null");
    check_partition("day", 8, "1969-12-31;2001-01-01;null");
    check_partition("hour", 4, "-1;null");
    check_partition("day", 5, "null");
    check_partition("truncate[10]", 1, "-10;0;null");
    check_partition("truncate[1]", 2, "b;x;null");
    check_partition("truncate[50]", 6, "-1.00;12.00;null");
    check_partition("truncate[50]", 7, "null");
    check_partition("truncate[1]", 11, "null");
    for (int32_t id = 4; id <= 11; id++)
        check_partition("bucket[97]", id, "?");
    check_partition("bucket[97]", 1, "?");
    check_partition("bucket[97]", 2, "?");
    check_partition("void", 1, "?");
    teardown();
}

/* The time transforms in SQL against iceberg/partition.c over random instants. */
TEST(time_transforms_agree_with_the_definition)
{
    struct error err;
    setup();
    static const enum transform_kind kinds[] = { TRANSFORM_YEAR, TRANSFORM_MONTH, TRANSFORM_DAY,
                                                 TRANSFORM_HOUR };
    static const enum type_kind types[] = { TYPE_TIMESTAMP, TYPE_TIMESTAMPTZ, TYPE_TIMESTAMP_NS };
    struct rand rand;
    rand_init(&rand, test_seed());
    for (int round = 0; round < 400; round++) {
        const struct type *t = type_of(types[round % 3]);
        struct transform f = transform_make(kinds[round / 3 % 4], 0, test_arena());
        int64_t range = 4000000000000000;
        struct value v =
            value_i64(t->kind, (int64_t)rand_below(&rand, 2 * (uint64_t)range) - range);
        if (round < 24)
            v.i = round % 2 ? -1 : 0;
        struct value want = transform_apply(&f, &v);
        struct buf literal = BUF_INIT(1000);
        CHECK_OK(quote_value(&literal, t, &v, &err));
        str sql, got;
        CHECK_OK(transform_sql(s, &f, t, buf_str(&literal), test_arena(), &sql, &err));
        CHECK_OK(session_scalar(s, arena_printf(test_arena(), "SELECT " STR_FMT, STR_ARG(sql)),
                                test_arena(), &got, &err));
        int64_t number;
        CHECK(str_to_i64(got, &number));
        CHECK_INT(number, want.i);
        buf_deinit(&literal);
    }
    teardown();
}

/* Many partitions in one pass; the rows all arrive. */
TEST(many_partitions_in_one_pass)
{
    struct error err;
    setup();
    struct parquet_write w = request(
        "SELECT TIMESTAMP '2001-01-01' + to_minutes((range * 7919) % 525600) AS at, range AS v FROM range(300000)");
    struct partition_field f = { .source_id = 1,
                                 .field_id = 1000,
                                 .name = STR("at_day"),
                                 .transform = transform_make(TRANSFORM_DAY, 0, test_arena()) };
    struct partition_spec spec = { .id = 1, .fields = &f, .fields_n = 1 };
    w.spec = &spec;
    struct parquet_file *files;
    size_t n;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK_INT(n, 365);
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += files[i].rows;
    CHECK_INT(rows, 300000);
    teardown();
}

TEST(partitions_are_sorted)
{
    struct error err;
    setup();
    struct parquet_write w =
        request("SELECT i % 5 AS p, (i * 7919) % 10007 AS k, {'a': i} AS s FROM range(20000) t(i)");
    struct sort_field field = { .source_id = 2,
                                .transform = transform_make(TRANSFORM_IDENTITY, 0, test_arena()) };
    struct sort_order order = { .id = 1, .fields = &field, .fields_n = 1 };
    struct partition_field by = {
        .source_id = 1, .field_id = 1000, .name = STR("p"), .transform = field.transform
    };
    struct partition_spec spec = { .id = 1, .fields = &by, .fields_n = 1 };
    struct parquet_file *files;
    size_t n;
    struct value limit = value_i64(TYPE_INT, 20000);
    struct param param = { .type = type_of(TYPE_INT), .value = &limit };
    w.order = &order;
    w.spec = &spec;
    w.query =
        STR("SELECT i % 5 AS p, (i * 7919) % 10007 AS k, {'a': i} AS s FROM range(30000) t(i) "
            "WHERE i < $1");
    w.params = &param;
    w.params_n = 1;
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, &n, &err));
    CHECK_INT(n, 5);
    for (size_t i = 0; i < n; i++) {
        CHECK(files[i].sorted);
        CHECK_INT(files[i].rows, 4000);
        CHECK_INT(files[i].partition[0].i, i);
        CHECK_STR(
            scalar("SELECT count(*) FILTER (k < before) || ' ' || min(p) || ' ' || max(p) FROM "
                   "(SELECT k, p, lag(k) OVER (ORDER BY file_row_number) AS before FROM "
                   "read_parquet(",
                   arena_printf(test_arena(), STR_FMT "', file_row_number = true)) WHERE ('' = '",
                                STR_ARG(files[i].path))
                       .ptr),
            arena_printf(test_arena(), "0 %zu %zu", i, i).ptr);
    }
    teardown();
}
