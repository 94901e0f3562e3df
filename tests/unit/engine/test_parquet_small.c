/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are written without the engine are read by it, value by value. */
#include "engine/parquet_small.h"

#include <math.h>

#include "engine/arrow_rows.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "iceberg/metrics.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "test.h"

static struct error err;

static struct field column(int32_t id, const char *name, enum type_kind kind, bool required)
{
    return (struct field){
        .id = id, .name = str_of(name), .required = required, .type = type_of(kind)
    };
}

static const struct schema *schema_of(const struct field *fields, size_t n)
{
    const struct schema *s;
    CHECK_OK(schema_build(0, fields, n, NULL, 0, test_arena(), &s, &err));
    return s;
}

static str write_small(const struct schema *s, const struct rows_batch *batches, size_t n,
                       struct parquet_file *about)
{
    struct buf out = BUF_INIT(PARQUET_SMALL_BYTES_MAX);
    str path = arena_printf(test_arena(), "%s/small.parquet", test_tmpdir());
    buf_lit(&out, "before");
    CHECK_OK(parquet_small_write(s, batches, n, 0, test_arena(), &out, about, &err));
    CHECK_INT(about->size, (int64_t)out.len - 6);
    FILE *f = fopen(path.ptr, "wb");
    CHECK(f && fwrite(out.ptr + 6, 1, out.len - 6, f) == out.len - 6 && fclose(f) == 0);
    buf_deinit(&out);
    return path;
}

/* One value that a query over the file (%s) gives. */
static str ask(const char *sql, str path)
{
    struct engine *e =
        engine_create(&(struct engine_config){ .memory_limit = (size_t)1 << 30, .threads = 2 });
    struct session *s;
    str out, text = { 0 }, rest = str_of(sql), piece;
    while (str_next(&rest, '@', &piece))
        text = arena_printf(test_arena(), STR_FMT STR_FMT "%s" STR_FMT "%s", STR_ARG(text),
                            STR_ARG(piece), rest.ptr ? "read_parquet('" : "",
                            STR_ARG(rest.ptr ? path : (str){ 0 }), rest.ptr ? "')" : "");
    CHECK_OK(session_open(e, &s, &err));
    CHECK_OK(session_scalar(s, text, test_arena(), &out, &err));
    session_close(s);
    engine_destroy(e);
    return out;
}

/* Every type, nulls in the middle, two batches of which one begins inside of its buffers. */
TEST(every_type_reads_as_written)
{
    static const uint8_t bools[] = { 0x05 }, valid[] = { 0x0d }; /* the second is null */
    static const int32_t ints[] = { -5, 0, 7, 2147483647 }, days[] = { -1, 0, 11323, 0 };
    static const int64_t longs[] = { INT64_MIN, 0, 7, INT64_MAX },
                         times[] = { 0, 0, 3723500000, 1 },
                         stamps[] = { -1, 0, 978307200123456, 5 };
    static const float floats[] = { 1.5F, 0, -0.0F, 3.25F };
    static const double doubles[] = { NAN, 0, 2.5, -7 };
    static const int32_t at[] = { 0, 2, 2, 2, 7 };
    static const int64_t wide[] = { 0, 1, 1, 3, 3 };
    const struct field fields[] = {
        column(1, "b", TYPE_BOOLEAN, false),      column(2, "i", TYPE_INT, false),
        column(3, "l", TYPE_LONG, false),         column(4, "f", TYPE_FLOAT, false),
        column(5, "d", TYPE_DOUBLE, false),       column(6, "day", TYPE_DATE, false),
        column(7, "t", TYPE_TIME, false),         column(8, "ts", TYPE_TIMESTAMP, false),
        column(9, "tz", TYPE_TIMESTAMPTZ, false), column(10, "s", TYPE_STRING, false),
        column(11, "x", TYPE_BINARY, false),      column(12, "must", TYPE_LONG, true),
    };
    const struct rows_array all[] = {
        { valid, bools, NULL, false, 0 },
        { valid, ints, NULL, false, 0 },
        { valid, longs, NULL, false, 0 },
        { valid, floats, NULL, false, 0 },
        { valid, doubles, NULL, false, 0 },
        { valid, days, NULL, false, 0 },
        { valid, times, NULL, false, 0 },
        { valid, stamps, NULL, false, 0 },
        { valid, stamps, NULL, false, 0 },
        { valid,
          "ab"
          "gr\xc3\xb6n",
          at, false, 0 },
        { valid, "\x00\xff\x01", wide, true, 0 },
        { NULL, longs, NULL, false, 0 },
    };
    struct rows_array last[12];
    for (size_t i = 0; i < 12; i++) {
        last[i] = all[i];
        last[i].from = 3;
    }
    const struct rows_batch batches[] = { { 3, all }, { 1, last } };
    struct parquet_file about = { 0 };
    str path = write_small(schema_of(fields, 12), batches, 2, &about);
    CHECK_INT(about.rows, 4);
    CHECK_STR(
        ask("SELECT string_agg(concat_ws('|', b, i, l, f, d, day, t, ts, s, hex(x), must), ';') FROM @",
            path),
        "true|-5|-9223372036854775808|1.5|nan|1969-12-31|00:00:00|1969-12-31 "
        "23:59:59.999999|ab|00|-9223372036854775808;0;"
        "true|7|7|-0.0|2.5|2001-01-01|01:02:03.5|2001-01-01 00:00:00.123456||FF01|7;"
        "false|2147483647|9223372036854775807|3.25|-7.0|1970-01-01|00:00:00.000001|1970-01-01 "
        "00:00:00.000005|gr\xc3\xb6n||9223372036854775807");
    CHECK_STR(
        ask("SELECT count(*) FROM @ WHERE b IS NULL AND i IS NULL AND x IS NULL AND tz IS NULL",
            path),
        "1");
    CHECK_STR(
        ask("SELECT concat_ws(' ', typeof(tz), typeof(ts), typeof(day), typeof(t), typeof(s), typeof(x)) FROM @ LIMIT 1",
            path),
        "TIMESTAMP WITH TIME ZONE TIMESTAMP DATE TIME VARCHAR BLOB");
}

/* Values of a column as text, from its statistics. */
static const char *bounds(const struct parquet_file *f, size_t i)
{
    const struct column_stats *c = &f->stats[i];
    return arena_printf(test_arena(), "%lld %lld %lld " STR_FMT " " STR_FMT, (long long)c->values,
                        (long long)c->nulls, (long long)c->nans,
                        STR_ARG(c->min ? value_to_text(c->min, test_arena()) : STR("-")),
                        STR_ARG(c->max ? value_to_text(c->max, test_arena()) : STR("-")))
        .ptr;
}

TEST(statistics_are_of_the_values)
{
    static const double doubles[] = { 3, NAN, -1, 2 };
    static const int64_t longs[] = { 9, 4, 7, 5 };
    static const uint8_t none[] = { 0 }, some[] = { 0x0e };
    static const int32_t at[] = { 0, 1, 2, 3, 4 };
    const struct field fields[] = {
        column(7, "d", TYPE_DOUBLE, false),
        column(3, "l", TYPE_LONG, false),
        column(5, "n", TYPE_LONG, false),
        column(9, "s", TYPE_STRING, false),
    };
    const struct rows_array all[] = { { NULL, doubles, NULL, false, 0 },
                                      { some, longs, NULL, false, 0 },
                                      { none, longs, NULL, false, 0 },
                                      { NULL, "zbya", at, false, 0 } };
    const struct rows_batch batch = { 4, all };
    struct parquet_file about = { 0 };
    str path = write_small(schema_of(fields, 4), &batch, 1, &about);
    CHECK_INT(about.stats_n, 4);
    CHECK_INT(about.stats[0].field_id, 3); /* ascending */
    CHECK_STR(str_of(bounds(&about, 0)), "4 1 -1 4 7");
    CHECK_STR(str_of(bounds(&about, 1)), "4 4 -1 - -");
    CHECK_STR(str_of(bounds(&about, 2)), "4 0 1 -1.0 3.0");
    CHECK_STR(str_of(bounds(&about, 3)), "4 0 -1 a z");
    CHECK_STR(
        ask("SELECT concat(count(*) FILTER (WHERE l < 5), ' ', count(*) FILTER (WHERE s > 'y'), ' ',"
            " count(*) FILTER (WHERE isnan(d))) FROM @",
            path),
        "1 1 1");
}

TEST(many_rows_and_bits_over_batches)
{
    enum { N = 1000, BATCHES = 16 };
    static int64_t values[N];
    static uint8_t bits[N / 8 + 1];
    struct rows_array columns[BATCHES][2];
    struct rows_batch batches[BATCHES];
    const struct field fields[] = { column(1, "v", TYPE_LONG, false),
                                    column(2, "b", TYPE_BOOLEAN, true) };
    for (int i = 0; i < N; i++) {
        values[i] = i;
        bits[i / 8] |= (uint8_t)((i % 3 == 0) << (i % 8));
    }
    for (int b = 0; b < BATCHES; b++) { /* 985 rows of the 1,000, from another place each */
        columns[b][0] = (struct rows_array){ bits, values, NULL, false, (size_t)b };
        columns[b][1] = (struct rows_array){ NULL, bits, NULL, false, (size_t)b };
        batches[b] = (struct rows_batch){ N - 15, columns[b] };
    }
    struct parquet_file about = { 0 };
    str path = write_small(schema_of(fields, 2), batches, BATCHES, &about);
    int64_t sum = 0, there = 0;
    for (int b = 0; b < BATCHES; b++)
        for (int i = b; i < b + N - 15; i++)
            if (i % 3 == 0) {
                sum += i;
                there++;
            }
    CHECK_STR(
        ask("SELECT concat_ws(' ', count(*), sum(v), count(v), count(*) FILTER (b), count(*) FILTER (b AND v IS NULL)) FROM @",
            path),
        arena_printf(test_arena(), "%d %lld %lld %lld 0", BATCHES * (N - 15), (long long)sum,
                     (long long)there, (long long)there)
            .ptr);
}

TEST(what_does_not_fit_is_refused)
{
    static const uint8_t gap[] = { 0x01 };
    static const int64_t longs[] = { 1, 2 };
    static const int32_t at[] = { 0, 1, 2 };
    const struct field must = column(1, "must", TYPE_LONG, true),
                       text = column(1, "text", TYPE_STRING, false);
    const struct rows_array nulls = { gap, longs, NULL, false, 0 },
                            bad = { NULL, "a\xff", at, false, 0 };
    struct rows_batch batch = { 2, &nulls };
    struct parquet_file about = { 0 };
    struct buf out = BUF_INIT(1 << 20);
    CHECK_FAILS(
        parquet_small_write(schema_of(&must, 1), &batch, 1, 0, test_arena(), &out, &about, &err),
        ERR_INVALID);
    CHECK(strstr(err.msg, "column must is required"));
    batch.columns = &bad;
    CHECK_FAILS(
        parquet_small_write(schema_of(&text, 1), &batch, 1, 0, test_arena(), &out, &about, &err),
        ERR_INVALID);
    CHECK(strstr(err.msg, "not UTF-8"));
    batch.n = PARQUET_SMALL_ROWS_MAX + 1;
    CHECK_FAILS(
        parquet_small_write(schema_of(&text, 1), &batch, 1, 0, test_arena(), &out, &about, &err),
        ERR_LIMIT);
    CHECK(!parquet_small_takes(type_of(TYPE_UUID)) &&
          !parquet_small_takes(type_decimal(test_arena(), 9, 2)));
    buf_deinit(&out);
}

/* ---- Streams */

struct source {
    const char *format, *name;
    int batches, length, released;
    bool fails, nulls;
};
static int64_t counted[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static void schema_done(struct ArrowSchema *x)
{
    x->release = NULL;
}

static void array_done(struct ArrowArray *x)
{
    ((struct source *)x->private_data)->released++;
    x->release = NULL;
}

static int give_schema(struct ArrowArrayStream *in, struct ArrowSchema *out)
{
    static struct ArrowSchema child, *children[] = { &child };
    const struct source *s = in->private_data;
    child = (struct ArrowSchema){ .format = s->format, .name = s->name, .release = schema_done };
    *out = (struct ArrowSchema){
        .format = "+s", .n_children = 1, .children = children, .release = schema_done
    };
    return 0;
}

static int give_batch(struct ArrowArrayStream *in, struct ArrowArray *out)
{
    static struct ArrowArray child, *children[] = { &child };
    static const void *buffers[] = { NULL, counted }, *top[] = { counted };
    struct source *s = in->private_data;
    *out = (struct ArrowArray){ 0 };
    if (s->fails)
        return 5;
    if (s->batches-- <= 0)
        return 0;
    child = (struct ArrowArray){ .length = s->length, .n_buffers = 2, .buffers = buffers };
    *out = (struct ArrowArray){ .length = s->length,
                                .null_count = s->nulls,
                                .n_buffers = 1,
                                .buffers = top,
                                .n_children = 1,
                                .children = children,
                                .release = array_done,
                                .private_data = s };
    return 0;
}

static const char *give_error(struct ArrowArrayStream *in)
{
    (void)in;
    return "the cable was cut";
}

static void stream_done(struct ArrowArrayStream *in)
{
    in->release = NULL;
}

static struct ArrowArrayStream stream_of(struct source *s)
{
    return (struct ArrowArrayStream){ give_schema, give_batch, give_error, stream_done, s };
}

static bool fits(struct source *s, struct ArrowArrayStream *in, size_t max, struct arrow_rows *out)
{
    const struct field f = column(1, "v", TYPE_LONG, false);
    bool ok;
    *in = stream_of(s);
    CHECK_OK(arrow_rows_read(in, schema_of(&f, 1), max, test_arena(), out, &ok, &err));
    return ok;
}

TEST(short_streams_of_the_tables_types_fit)
{
    struct ArrowArrayStream in;
    struct arrow_rows rows = { 0 };
    static struct source s; /* arrays are released with the arena */
    s = (struct source){ .format = "l", .name = "V", .batches = 2, .length = 8 };
    CHECK(fits(&s, &in, 16, &rows));
    CHECK_INT(rows.n, 2);
    CHECK_INT(rows.rows, 16);
    CHECK(rows.batches[1].columns[0].values == counted);
    CHECK_INT(s.released, 0); /* they live as long as the arena */
    in.release(&in);
    static const struct source others[] = {
        { .format = "i", .name = "v" },
        { .format = "l", .name = "w" },
        { .format = "g", .name = "v" },
        { .format = "l", .name = "v", .nulls = true, .batches = 1, .length = 3 },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        s = others[i];
        CHECK(!fits(&s, &in, 16, &rows));
        in.release(&in);
    }
}

/* What was read before the stream turned out to be too long comes again. */
TEST(long_streams_begin_again)
{
    struct ArrowArrayStream in;
    struct ArrowArray batch;
    struct arrow_rows rows = { 0 };
    for (int taken = 0; taken <= 5; taken++) {
        static struct source s;
        s = (struct source){ .format = "l", .name = "v", .batches = 5, .length = 8 };
        CHECK(!fits(&s, &in, 20, &rows));
        for (int i = 0; i < taken; i++) {
            CHECK(in.get_next(&in, &batch) == 0 && batch.release && batch.length == 8);
            batch.release(&batch);
        }
        if (taken == 5)
            CHECK(in.get_next(&in, &batch) == 0 && !batch.release);
        in.release(&in);
        CHECK_INT(s.released, taken > 3 ? taken : 3); /* three had been read */
        CHECK(!in.release);
    }
}

TEST(streams_that_fail_say_why)
{
    struct ArrowArrayStream in;
    struct arrow_rows rows = { 0 };
    const struct field f = column(1, "v", TYPE_LONG, false),
                       text = column(1, "v", TYPE_STRING, false);
    bool ok;
    static struct source s;
    s = (struct source){ .format = "l", .name = "v", .fails = true };
    in = stream_of(&s);
    CHECK_FAILS(arrow_rows_read(&in, schema_of(&f, 1), 10, test_arena(), &rows, &ok, &err),
                ERR_INVALID);
    CHECK(strstr(err.msg, "the cable was cut"));
    s = (struct source){ .format = "u", .name = "v", .batches = 1, .length = 2 };
    in = stream_of(&s); /* two buffers for a text */
    CHECK_FAILS(arrow_rows_read(&in, schema_of(&text, 1), 10, test_arena(), &rows, &ok, &err),
                ERR_INVALID);
    CHECK(strstr(err.msg, "is no array of its type"));
}
