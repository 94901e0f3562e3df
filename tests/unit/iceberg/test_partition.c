/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/partition.h"

#include "base/time.h"
#include "unit/iceberg/json_help.h"

static const struct type *type_in(const char *text)
{
    struct error err;
    const struct type *t;
    CHECK_OK(type_parse_text(str_of(text), test_arena(), &t, &err));
    return t;
}

static struct transform transform_in(const char *text)
{
    struct error err;
    struct transform f;
    CHECK_OK(transform_parse(str_of(text), test_arena(), &f, &err));
    return f;
}

static str applied(const char *transform, const char *type, const char *text)
{
    struct error err;
    struct value v;
    struct transform f = transform_in(transform);
    CHECK_OK(value_from_text(type_in(type), str_of(text), test_arena(), &v, &err));
    CHECK_OK(transform_check(&f, type_in(type), &err));
    struct value r = transform_apply(&f, &v);
    CHECK_INT(r.kind, transform_result(&f, type_in(type))->kind);
    return transform_text(&f, &r, test_arena());
}

TEST(transforms_read_and_print)
{
    static const char *const texts[] = { "identity", "bucket[16]", "truncate[4]", "year",
                                         "month",    "day",        "hour",        "void" };
    for (size_t i = 0; i < 8; i++) {
        struct transform f = transform_in(texts[i]);
        CHECK_INT(f.kind, i);
        CHECK_STR(transform_make(f.kind, f.param, test_arena()).text, texts[i]);
    }
    CHECK_INT(transform_in("bucket[16]").param, 16);
    static const char *const unknown[] = { "zorder", "bucket", "day[3]", "", "bucketx[3]" };
    for (size_t i = 0; i < 5; i++) {
        struct transform f = transform_in(unknown[i]);
        CHECK_INT(f.kind, TRANSFORM_UNKNOWN);
        CHECK_STR(f.text, unknown[i]);
    }
    static const char *const bad[] = { "bucket[0]", "bucket[-1]", "bucket[x]",
                                       "bucket[3",  "truncate[]", "truncate[99999999999]" };
    struct error err;
    struct transform f;
    for (size_t i = 0; i < 6; i++)
        CHECK_FAILS(transform_parse(str_of(bad[i]), test_arena(), &f, &err), ERR_INVALID);
}

/* The examples of the specification, and the sides of zero. */
TEST(transforms_apply)
{
    static const char *const cases[][4] = {
        { "truncate[10]", "int", "1", "0" },
        { "truncate[10]", "int", "-1", "-10" },
        { "truncate[10]", "long", "-10", "-10" },
        { "truncate[10]", "long", "-11", "-20" },
        { "truncate[50]", "decimal(9,2)", "10.65", "10.50" },
        { "truncate[50]", "decimal(9,2)", "-0.05", "-0.50" },
        { "truncate[3]", "string", "iceberg", "ice" },
        { "truncate[3]", "string", "ic", "ic" },
        { "truncate[2]", "string", "\xc3\xa4\xf0\x9f\x98\x80z", "\xc3\xa4\xf0\x9f\x98\x80" },
        { "truncate[3]", "binary", "0102030405", "AQID" },
        { "year", "date", "1970-01-01", "1970" },
        { "year", "date", "1969-12-31", "1969" },
        { "year", "timestamp", "2017-12-01T10:12:55.038194", "2017" },
        { "month", "date", "2017-12-01", "2017-12" },
        { "month", "date", "1969-12-31", "1969-12" },
        { "month", "timestamp", "1967-01-31T23:59:59", "1967-01" },
        { "day", "date", "2017-12-01", "2017-12-01" },
        { "day", "timestamp", "1969-12-31T23:59:59.999999", "1969-12-31" },
        { "day", "timestamp_ns", "1969-12-31T23:59:59.999999999", "1969-12-31" },
        { "hour", "timestamp", "2017-12-01T10:12:55", "2017-12-01-10" },
        { "hour", "timestamptz", "1969-12-31T23:59:59.999999Z", "1969-12-31-23" },
        { "hour", "timestamp_ns", "1970-01-01T01:00:00", "1970-01-01-01" },
        { "void", "int", "7", "null" },
        { "identity", "timestamp", "2017-12-01T10:12:55", "2017-12-01T10:12:55" },
        { "bucket[16]", "int", "34", "3" },
        { "bucket[16]", "long", "34", "3" },
        { "bucket[100]", "string", "iceberg", "89" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(applied(cases[i][0], cases[i][1], cases[i][2]), cases[i][3]);
}

/* hash & INT32_MAX, mod N: never negative. */
TEST(buckets_are_not_negative)
{
    struct transform f = transform_make(TRANSFORM_BUCKET, 7, test_arena());
    for (int64_t i = -1000; i < 1000; i++) {
        struct value v = value_i64(TYPE_LONG, i * 7919);
        int32_t hash;
        CHECK(value_hash(&v, &hash));
        struct value r = transform_apply(&f, &v);
        CHECK(r.i >= 0 && r.i < 7);
        CHECK_INT(r.i, (int64_t)((uint32_t)hash & 0x7fffffffu) % 7);
    }
}

/* What keeps order must do so on any two values. */
TEST(ordered_transforms_keep_order)
{
    static const char *const names[] = { "year", "month", "day", "hour", "truncate[7]" };
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        struct transform f = transform_in(names[i % 5]);
        enum type_kind kind = i % 5 == 4 ? TYPE_LONG : TYPE_TIMESTAMP;
        int64_t range = 200LL * 366 * US_PER_DAY;
        struct value a = value_i64(kind, (int64_t)rand_below(&r, (uint64_t)range) - range / 2);
        struct value b = value_i64(kind, (int64_t)rand_below(&r, (uint64_t)range) - range / 2);
        struct value x = transform_apply(&f, &a), y = transform_apply(&f, &b);
        CHECK(transform_keeps_order(&f));
        CHECK(value_cmp(&a, &b) > 0 || value_cmp(&x, &y) <= 0);
    }
}

TEST(nulls_stay_null)
{
    static const char *const names[] = { "identity", "bucket[4]", "truncate[4]", "year", "void" };
    for (size_t i = 0; i < 5; i++) {
        struct transform f = transform_in(names[i]);
        struct value v = value_null(TYPE_DATE), r = transform_apply(&f, &v);
        CHECK(r.is_null);
        CHECK_STR(transform_text(&f, &r, test_arena()), "null");
    }
}

TEST(types_that_do_not_fit_are_refused)
{
    static const char *const cases[][2] = {
        { "bucket[4]", "boolean" }, { "bucket[4]", "double" },  { "truncate[4]", "date" },
        { "truncate[4]", "uuid" },  { "year", "string" },       { "year", "time" },
        { "hour", "date" },         { "identity", "geometry" }, { "identity", "variant" },
    };
    struct error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transform f = transform_in(cases[i][0]);
        CHECK_FAILS(transform_check(&f, type_in(cases[i][1]), &err), ERR_INVALID);
    }
    struct transform f = transform_in("zorder");
    CHECK_FAILS(transform_check(&f, type_in("int"), &err), ERR_UNSUPPORTED);
}

#define TABLE                                                                                      \
    "{'type':'struct','fields':[{'id':1,'name':'id','required':true,'type':'long'},"               \
    "{'id':2,'name':'ts','required':false,'type':'timestamp'},"                                    \
    "{'id':3,'name':'s','required':false,'type':'string'},"                                        \
    "{'id':4,'name':'l','required':false,'type':{'type':'list','element-id':5,'element':'int',"    \
    "'element-required':false}}]}"

static const struct schema *table_schema(void)
{
    struct error err;
    const struct schema *s;
    CHECK_OK(schema_parse(json_of(TABLE), test_arena(), &s, &err));
    return s;
}

static const struct partition_spec *spec_of(const char *json)
{
    struct error err;
    const struct partition_spec *s;
    CHECK_OK(partition_spec_parse(json_of(json), test_arena(), &s, &err));
    return s;
}

#define SPEC                                                                                       \
    "{'spec-id':2,'fields':[{'name':'ts_day','transform':'day','source-id':2,'field-id':1000},"    \
    "{'name':'id_bucket','transform':'bucket[16]','source-id':1,'field-id':1003},"                 \
    "{'name':'s','transform':'identity','source-id':3,'field-id':1004}]}"

TEST(specs_read_and_write)
{
    struct error err;
    const struct partition_spec *s = spec_of(SPEC);
    str json;
    WRITTEN(json, partition_spec_write(s, &w));
    CHECK_STR(json, SPEC);
    CHECK_OK(partition_spec_check(s, table_schema(), &err));
    CHECK_INT(partition_spec_max_field_id(s), 1004);
    CHECK_INT(partition_field_by_id(s, 1003)->source_id, 1);
    CHECK(!partition_field_by_id(s, 1001));
    CHECK_STR(
        type_format(partition_type(s, table_schema(), test_arena()), test_arena()),
        "struct<1000: ts_day: optional date, 1003: id_bucket: optional int, 1004: s: optional "
        "string>");
}

/* v1 wrote no field ids and no spec id. */
TEST(v1_fields_are_numbered)
{
    struct error err;
    const struct partition_spec *s;
    const struct json *fields = json_of("[{'name':'a','transform':'identity','source-id':1},"
                                        "{'name':'b','transform':'day','source-id':2}]");
    CHECK_OK(partition_fields_parse(fields, 0, test_arena(), &s, &err));
    CHECK_INT(s->fields[1].field_id, 1001);
    fields = json_of("[{'name':'a','transform':'identity','source-id':1,'field-id':1000},"
                     "{'name':'b','transform':'day','source-id':2}]");
    CHECK_FAILS(partition_fields_parse(fields, 0, test_arena(), &s, &err), ERR_INVALID);
}

/* v3: several sources, kept but not understood. */
TEST(several_sources_are_kept)
{
    static const char json[] =
        "{'spec-id':0,'fields':[{'name':'z','transform':'zorder','source-ids':[1,3],"
        "'field-id':1000}]}";
    struct error err;
    const struct partition_spec *s = spec_of(json);
    str back;
    WRITTEN(back, partition_spec_write(s, &w));
    CHECK_STR(back, json);
    CHECK_FAILS(partition_spec_check(s, table_schema(), &err), ERR_UNSUPPORTED);
    s = spec_of("{'fields':[{'name':'b','transform':'bucket[4]','source-ids':[1]}]}");
    CHECK_INT(s->fields[0].transform.kind, TRANSFORM_BUCKET);
    CHECK_INT(s->fields[0].source_id, 1);
}

TEST(bad_specs_are_refused)
{
    static const char *const texts[] = {
        "{'fields':[{'name':'x','transform':'identity','source-id':9}]}",
        "{'fields':[{'name':'x','transform':'identity','source-id':4}]}",
        "{'fields':[{'name':'x','transform':'identity','source-id':5}]}",
        "{'fields':[{'name':'x','transform':'year','source-id':3}]}",
        "{'fields':[{'name':'id','transform':'bucket[4]','source-id':1}]}",
        "{'fields':[{'name':'id','transform':'identity','source-id':3}]}",
        "{'fields':[{'name':'','transform':'identity','source-id':3}]}",
        "{'fields':[{'name':'x','transform':'day','source-id':2},"
        "{'name':'x','transform':'hour','source-id':2}]}",
        "{'fields':[{'name':'x','transform':'day','source-id':2},"
        "{'name':'y','transform':'day','source-id':2}]}",
        "{'fields':[{'name':'x','transform':'day','source-id':2,'field-id':1000},"
        "{'name':'y','transform':'hour','source-id':2,'field-id':1000}]}",
    };
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_FAILS(partition_spec_check(spec_of(texts[i]), table_schema(), &err), ERR_INVALID);
    static const char *const malformed[] = { "{}",
                                             "{'fields':{}}",
                                             "{'fields':[1]}",
                                             "{'fields':[{'name':'x','transform':'day'}]}",
                                             "{'fields':[{'name':'x','source-id':1}]}",
                                             "{'fields':[{'transform':'day','source-id':1}]}" };
    const struct partition_spec *s;
    for (size_t i = 0; i < 6; i++)
        CHECK_FAILS(partition_spec_parse(json_of(malformed[i]), test_arena(), &s, &err),
                    ERR_INVALID);
}

TEST(a_dropped_source_reads_as_unknown)
{
    const struct partition_spec *s =
        spec_of("{'fields':[{'name':'x','transform':'identity','source-id':77},"
                "{'name':'y','transform':'bucket[2]','source-id':77}]}");
    CHECK_INT(partition_field_type(s, 0, table_schema())->kind, TYPE_UNKNOWN);
    CHECK_INT(partition_field_type(s, 1, table_schema())->kind, TYPE_INT);
}

TEST(paths_are_encoded)
{
    const struct partition_spec *s = spec_of(SPEC);
    struct value values[] = { value_i64(TYPE_DATE, 0), value_null(TYPE_INT),
                              value_bytes(TYPE_STRING, STR("a/b c=\xc3\xa4*")) };
    CHECK_STR(partition_path(s, values, test_arena()),
              "ts_day=1970-01-01/id_bucket=null/s=a%2Fb+c%3D%C3%A4*");
    CHECK_STR(partition_path(&partition_spec_none, NULL, test_arena()), "");
    CHECK(partition_spec_is_unpartitioned(&partition_spec_none));
    CHECK(!partition_spec_is_unpartitioned(s));
}

#define ORDER                                                                                      \
    "{'order-id':3,'fields':[{'transform':'identity','source-id':2,'direction':'asc',"             \
    "'null-order':'nulls-first'},{'transform':'bucket[4]','source-id':3,'direction':'desc',"       \
    "'null-order':'nulls-last'}]}"

TEST(sort_orders)
{
    struct error err;
    const struct sort_order *o, *other;
    CHECK_OK(sort_order_parse(json_of(ORDER), test_arena(), &o, &err));
    str json;
    WRITTEN(json, sort_order_write(o, &w));
    CHECK_STR(json, ORDER);
    CHECK_OK(sort_order_check(o, table_schema(), &err));
    CHECK(o->fields[1].descending && o->fields[1].nulls_last && !o->fields[0].descending);
    CHECK(sort_order_same(o, o));
    CHECK(!sort_order_same(o, &sort_order_none));
    static const char *const bad[] = {
        "{'fields':[]}",
        "{'order-id':1}",
        "{'order-id':1,'fields':[{'transform':'identity','source-id':2,'direction':'up',"
        "'null-order':'nulls-first'}]}",
        "{'order-id':1,'fields':[{'transform':'identity','source-id':2,'direction':'asc'}]}",
    };
    for (size_t i = 0; i < 4; i++)
        CHECK_FAILS(sort_order_parse(json_of(bad[i]), test_arena(), &other, &err), ERR_INVALID);
    struct sort_order zero = *o, empty = { .id = 1 };
    zero.id = 0;
    CHECK_FAILS(sort_order_check(&zero, table_schema(), &err), ERR_INVALID);
    CHECK_FAILS(sort_order_check(&empty, table_schema(), &err), ERR_INVALID);
}
