/* SPDX-License-Identifier: Apache-2.0
 *
 * Types that the engine's Parquet writer does not have: what is written says what it is, and is read back whole. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/parquet_footer.h"
#include "engine/engine.h"
#include "engine/parquet.h"
#include "engine/parquet_scan.h"
#include "engine/session.h"
#include "iceberg/metrics.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "test.h"

static struct engine *e;
static struct session *s;
static struct error err;

static void setup(void)
{
    e = engine_create(&(struct engine_config){
        .memory_limit = (size_t)1 << 30, .threads = 2, .temp_directory = test_tmpdir() });
    CHECK_OK(session_open(e, &s, &err));
}

static void teardown(void)
{
    session_close(s);
    engine_destroy(e);
}

static const struct schema *schema_of(const char *fields)
{
    struct json *json;
    const struct schema *out;
    str text = arena_printf(test_arena(), "{\"type\":\"struct\",\"fields\":[%s]}", fields);
    CHECK_OK(json_parse(text, test_arena(), &json, &err));
    CHECK_OK(schema_parse(json, test_arena(), &out, &err));
    return out;
}

#define FIELD(id, name, type)                                                                      \
    "{\"id\":" #id ",\"name\":\"" name "\",\"required\":false,\"type\":" type "}"

static struct parquet_file *write_with(struct parquet_write w, size_t *n)
{
    struct parquet_file *files;
    w.dir = test_tmpdir();
    if (!w.prefix.len)
        w.prefix = STR("p");
    CHECK_OK(parquet_write(s, &w, test_arena(), &files, n, &err));
    for (size_t i = 0; i < *n; i++) {
        struct stat st;
        CHECK_INT(stat(files[i].path.ptr, &st), 0);
        CHECK_INT(files[i].size, st.st_size);
    }
    return files;
}

static struct parquet_file *write_rows(const struct schema *schema, const char *sql)
{
    size_t n;
    struct parquet_file *f =
        write_with((struct parquet_write){ .query = str_of(sql), .schema = schema }, &n);
    CHECK_INT(n, 1);
    return f;
}

static str scan_sql(const struct schema *schema, const struct parquet_file *files, size_t n)
{
    struct scan_file *scanned = arena_array(test_arena(), struct scan_file, n);
    struct buf sql = BUF_INIT(1 << 20);
    struct parquet_scan scan = { .schema = schema, .files = scanned, .files_n = n };
    for (size_t i = 0; i < n; i++)
        scanned[i] = (struct scan_file){ .path = files[i].path, .rows = files[i].rows };
    CHECK_OK(parquet_scan_sql(s, &scan, &sql, &err));
    str out = arena_str(test_arena(), buf_str(&sql));
    buf_deinit(&sql);
    return out;
}

/* One value of a query over the files, as text. */
static str ask(const char *what, const struct schema *schema, const struct parquet_file *files,
               size_t n)
{
    str out, sql = arena_printf(test_arena(), "SELECT %s FROM (" STR_FMT ")", what,
                                STR_ARG(scan_sql(schema, files, n)));
    CHECK_OK(session_scalar(s, sql, test_arena(), &out, &err));
    return out;
}

static struct parquet_element element(const struct parquet_file *f, int32_t id)
{
    struct parquet_element *list;
    size_t n;
    char *bytes = arena_alloc(test_arena(), (size_t)f->size);
    int fd = open(f->path.ptr, O_RDONLY);
    CHECK_INT(read(fd, bytes, (size_t)f->size), f->size);
    close(fd);
    str footer =
        str_make(bytes + f->size - f->footer_size - PARQUET_TAIL_BYTES, (size_t)f->footer_size);
    CHECK_OK(parquet_footer_read(footer, test_arena(), &list, &n, &err));
    for (size_t i = 0; i < n; i++)
        if (list[i].id == id)
            return list[i];
    return (struct parquet_element){ .id = -2 };
}

TEST(fixed_values_have_their_length)
{
    static const enum parquet_codec codecs[] = { PARQUET_ZSTD, PARQUET_SNAPPY, PARQUET_GZIP,
                                                 PARQUET_UNCOMPRESSED };
    setup();
    const struct schema *schema =
        schema_of(FIELD(1, "n", "\"long\"") "," FIELD(2, "f", "\"fixed[3]\"") "," FIELD(
            3, "l",
            "{\"type\":\"list\",\"element-id\":4,\"element-required\":false,\"element\":\"fixed[5]"
            "\"}") "," FIELD(5, "t", "\"string\""));
    for (size_t i = 0; i < 4; i++) {
        for (int distinct = 3; distinct <= 20000; distinct *= 5000) {
            struct parquet_write w = {
                .schema = schema,
                .codec = codecs[i],
                .row_group_rows = 8192,
                .prefix = arena_printf(test_arena(), "p%zu-%d", i, distinct),
                .query = arena_printf(
                    test_arena(),
                    "SELECT i, CASE WHEN i %% 7 > 0 THEN CAST(substr(md5((i %% %d)::VARCHAR), 1, "
                    "3) AS BLOB) END, [CAST(substr(md5(i::VARCHAR), 1, 5) AS BLOB), NULL], 'x' || "
                    "i FROM range(20000) t(i)",
                    distinct),
            };
            size_t n;
            struct parquet_file *f = write_with(w, &n);
            CHECK_INT(n, 1);
            CHECK_INT(element(f, 2).type, PARQUET_FIXED);
            CHECK_INT(element(f, 2).length, 3);
            CHECK_INT(element(f, 4).length, 5);
            CHECK_STR(
                ask(arena_printf(test_arena(),
                                 "count(*) FILTER (f IS NOT DISTINCT FROM CASE WHEN n %% 7 > 0 "
                                 "THEN CAST(substr(md5((n %% %d)::VARCHAR), 1, 3) AS BLOB) END "
                                 "AND l = [CAST(substr(md5(n::VARCHAR), 1, 5) AS BLOB), NULL] AND "
                                 "t = 'x' || n)",
                                 distinct)
                        .ptr,
                    schema, f, 1),
                "20000");
        }
    }
    teardown();
}

TEST(fixed_values_of_another_length_are_refused)
{
    setup();
    struct parquet_write w = { .schema = schema_of(FIELD(1, "f", "\"fixed[3]\"")),
                               .query = STR("SELECT 'four'::BLOB"),
                               .dir = test_tmpdir(),
                               .prefix = STR("p") };
    struct parquet_file *files;
    size_t n;
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "column f takes values of 3 bytes only"));
    teardown();
}

TEST(nanoseconds_with_zone_are_kept)
{
    setup();
    const struct schema *schema = schema_of(
        FIELD(1, "z", "\"timestamptz_ns\"") "," FIELD(2, "n", "\"timestamp_ns\"") "," FIELD(
            3, "s", "{\"type\":\"struct\",\"fields\":[" FIELD(4, "z", "\"timestamptz_ns\"") "]}"));
    struct parquet_file *f = write_rows(
        schema, "SELECT TIMESTAMP_NS '2020-01-02 03:04:05.123456789', TIMESTAMP_NS '1969-12-31 "
                "23:59:59.999999999', {'z': TIMESTAMP_NS '2020-01-02 03:04:05.000000001'}");
    CHECK(element(f, 1).utc && element(f, 4).utc && !element(f, 2).utc);
    CHECK_INT(element(f, 1).unit, PARQUET_NANOS);
    CHECK_STR(ask("z", schema, f, 1), "2020-01-02 03:04:05.123456789");
    CHECK_STR(ask("n", schema, f, 1), "1969-12-31 23:59:59.999999999");
    CHECK_STR(ask("s.z", schema, f, 1), "2020-01-02 03:04:05.000000001");
    CHECK_INT(f->stats[0].min->i, INT64_C(1577934245123456789));
    teardown();
}

TEST(unknown_is_in_no_file)
{
    setup();
    const struct schema *schema = schema_of(FIELD(1, "u", "\"unknown\"") "," FIELD(
        2, "a", "\"int\"") "," FIELD(3, "s",
                                     "{\"type\":\"struct\",\"fields\":[" FIELD(
                                         4, "u", "\"unknown\"") "," FIELD(5, "b", "\"int\"") "]}"));
    struct parquet_file *f = write_rows(schema, "SELECT NULL, 1, {'u': NULL, 'b': 2}");
    CHECK_INT(element(f, 1).id, -2);
    CHECK_INT(element(f, 4).id, -2);
    CHECK_STR(ask("u IS NULL AND a = 1 AND s.b = 2 AND s.u IS NULL", schema, f, 1), "true");
    struct parquet_write w = { .schema = schema, .dir = test_tmpdir(), .prefix = STR("q") };
    struct parquet_file *files;
    size_t n;
    w.query = STR("SELECT 5, 1, NULL");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    w.query = STR("SELECT NULL, 1, {'u': 5, 'b': 2}");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "only nulls fit"));
    w.schema = schema_of(FIELD(1, "u", "\"unknown\""));
    w.query = STR("SELECT NULL");
    CHECK_FAILS(parquet_write(s, &w, test_arena(), &files, &n, &err), ERR_UNSUPPORTED);
    teardown();
}

TEST(variants_go_round)
{
    setup();
    const struct schema *schema =
        schema_of(FIELD(1, "i", "\"int\"") "," FIELD(2, "v", "\"variant\"") "," FIELD(
            3, "s",
            "{\"type\":\"struct\",\"fields\":[" FIELD(4, "v", "\"variant\"") "," FIELD(
                5, "l",
                "{\"type\":\"list\",\"element-id\":6,\"element-required\":false,\"element\":"
                "\"variant\"}") "]}"));
    struct parquet_file f[2];
    f[0] = *write_rows(schema, "SELECT 1, {'a': [1, 2], 'b': 'x'}::VARIANT, {'v': 42::VARIANT, "
                               "'l': [1::VARIANT, 'y'::VARIANT, NULL]}");
    size_t n;
    f[1] = *write_with(
        (struct parquet_write){
            .schema = schema,
            .prefix = STR("q"),
            .shred = true,
            .query = STR("SELECT 2, DATE '2020-02-02'::VARIANT, NULL UNION ALL SELECT 3, NULL, "
                         "{'v': {'k': 1.5}::VARIANT, 'l': []}") },
        &n);
    CHECK_INT(element(&f[0], 2).logical, PARQUET_VARIANT);
    CHECK_INT(element(&f[0], 2).children_n, 2);
    CHECK_INT(element(&f[1], 2).children_n, 3); /* shredded */
    CHECK_INT(element(&f[0], 4).logical, PARQUET_VARIANT);
    CHECK_INT(element(&f[0], 6).logical, PARQUET_VARIANT);
    CHECK_STR(
        ask("string_agg(v::JSON::VARCHAR, ';' ORDER BY i) FILTER (v IS NOT NULL)", schema, f, 2),
        "{\"a\":[1,2],\"b\":\"x\"};\"2020-02-02\"");
    CHECK_STR(
        ask("string_agg(CASE WHEN s.v IS NULL THEN '-' ELSE s.v::JSON::VARCHAR END, ';' ORDER "
            "BY i)",
            schema, f, 2),
        "42;-;{\"k\":1.5}");
    CHECK_STR(ask("string_agg(coalesce(s.l::JSON[]::VARCHAR, '-'), ';' ORDER BY i)", schema, f, 2),
              "[1, \"y\", null];-;[]");
    /* Shown as JSON, though the query says nothing of it. */
    CHECK_STR(ask("s", schema, f, 1), "{'v': 42, 'l': [1, '\"y\"', 'null']}");
    teardown();
}

static double double_at(const struct value *v, size_t i)
{
    double d;
    CHECK(v && v->bytes.len >= (i + 1) * sizeof d);
    memcpy(&d, v->bytes.ptr + i * sizeof d, sizeof d);
    return d;
}

TEST(geometries_say_where_they_are)
{
    setup();
    const struct schema *schema = schema_of(
        FIELD(1, "g", "\"geometry\"") "," FIELD(2, "p", "\"geometry(srid:3857)\"") "," FIELD(
            3, "e", "\"geography(srid:4326, karney)\"") "," FIELD(4, "z", "\"geometry\""));
    struct parquet_file *f = write_rows(
        schema, "SELECT * FROM (VALUES ('POINT (1 2)'::GEOMETRY, 'LINESTRING (1 2, 3 4)', "
                "st_aswkb('POINT (5 6)'::GEOMETRY), 'POINT Z (1 2 3)'), ('POINT (-1 7)', NULL, "
                "NULL, NULL))");
    CHECK_INT(element(f, 1).logical, PARQUET_GEOMETRY);
    CHECK_STR(element(f, 1).crs, "");
    CHECK_STR(element(f, 2).crs, "srid:3857");
    CHECK_INT(element(f, 3).logical, PARQUET_GEOGRAPHY);
    CHECK_STR(element(f, 3).crs, "srid:4326");
    CHECK_STR(element(f, 3).algorithm, "karney");
    CHECK_STR(ask("string_agg(g::VARCHAR, ';' ORDER BY p IS NULL)", schema, f, 1),
              "POINT (1 2);POINT (-1 7)");
    CHECK_STR(ask("p", schema, f, 1), "LINESTRING (1 2, 3 4)");
    CHECK_STR(ask("e", schema, f, 1), "POINT (5 6)");
    CHECK_INT(f->stats[0].field_id, 1);
    CHECK_INT(f->stats[0].min->bytes.len, 16);
    CHECK(double_at(f->stats[0].min, 0) == -1 && double_at(f->stats[0].min, 1) == 2);
    CHECK(double_at(f->stats[0].max, 0) == 1 && double_at(f->stats[0].max, 1) == 7);
    CHECK(!f->stats[2].min && !f->stats[2].max);
    CHECK_INT(f->stats[3].max->bytes.len, 24);
    CHECK(double_at(f->stats[3].max, 2) == 3);
    teardown();
}

TEST(plain_bytes_are_read_as_geometries)
{
    setup();
    const struct schema *bytes = schema_of(FIELD(1, "g", "\"binary\""));
    struct parquet_file *f = write_rows(bytes, "SELECT st_aswkb('POINT (1 2)'::GEOMETRY)");
    CHECK_STR(ask("g", schema_of(FIELD(1, "g", "\"geometry\"")), f, 1), "POINT (1 2)");
    teardown();
}

TEST(bloom_filters_are_of_the_columns_named)
{
    setup();
    const struct schema *schema =
        schema_of(FIELD(1, "a", "\"string\"") "," FIELD(2, "b", "\"string\""));
    const int32_t ids[] = { 2 };
    size_t n;
    struct parquet_file *f = write_with(
        (struct parquet_write){
            .schema = schema,
            .query = STR("SELECT 'x' || i % 50, 'y' || i % 50 FROM range(5000) t(i)"),
            .bloom_named = true,
            .bloom_ids = ids,
            .bloom_n = 1 },
        &n);
    str out, sql = arena_printf(
                 test_arena(),
                 "SELECT string_agg(path_in_schema || ':' || (bloom_filter_offset IS "
                 "NOT NULL), ' ' ORDER BY path_in_schema) FROM parquet_metadata('" STR_FMT "')",
                 STR_ARG(f->path));
    CHECK_OK(session_scalar(s, sql, test_arena(), &out, &err));
    CHECK_STR(out, "a:false b:true");
    CHECK_STR(ask("count(*) FILTER (b = 'y7')", schema, f, 1), "100");
    teardown();
}

TEST(sorted_partitions_hold_every_type)
{
    setup();
    const struct schema *schema =
        schema_of(FIELD(1, "i", "\"int\"") "," FIELD(2, "v", "\"variant\"") "," FIELD(
            3, "g", "\"geometry\"") "," FIELD(4, "u", "\"unknown\"") "," FIELD(5, "f",
                                                                               "\"fixed[2]\""));
    struct partition_field by[] = {
        { .source_id = 5,
          .field_id = 1000,
          .name = STR("f"),
          .transform = transform_make(TRANSFORM_IDENTITY, 0, test_arena()) },
        { .source_id = 4,
          .field_id = 1001,
          .name = STR("u"),
          .transform = transform_make(TRANSFORM_IDENTITY, 0, test_arena()) },
    };
    struct sort_field field = { .source_id = 1, .transform = by[0].transform, .descending = true };
    struct partition_spec spec = { .id = 1, .fields = by, .fields_n = 2 };
    struct sort_order order = { .id = 1, .fields = &field, .fields_n = 1 };
    size_t n;
    struct parquet_file *f = write_with(
        (struct parquet_write){ .schema = schema,
                                .spec = &spec,
                                .order = &order,
                                .query =
                                    STR("SELECT i, {'k': i}::VARIANT, 'POINT (' || i || ' 1)', "
                                        "NULL, ('a' || i % 2)::BLOB FROM range(6) t(i)") },
        &n);
    CHECK_INT(n, 2);
    CHECK_STR(f[1].partition[0].bytes, "a1");
    CHECK(f[1].partition[1].is_null);
    CHECK_STR(ask("string_agg(i || v::VARCHAR || g::VARCHAR, ';')", schema, &f[1], 1),
              "5{'k': 5}POINT (5 1);3{'k': 3}POINT (3 1);1{'k': 1}POINT (1 1)");
    teardown();
}
