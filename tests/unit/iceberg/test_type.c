/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/type.h"
#include "iceberg/value.h"
#include "unit/iceberg/json_help.h"

static const struct type *parse(const char *json)
{
    struct error err;
    const struct type *t;
    CHECK_OK(type_parse(json_of(json), test_arena(), &t, &err));
    return t;
}

static str format(const char *text)
{
    struct error err;
    const struct type *t;
    CHECK_OK(type_parse_text(str_of(text), test_arena(), &t, &err));
    return type_format(t, test_arena());
}

/* Every primitive prints as the specification writes it and reads back. */
TEST(primitives_read_and_print)
{
    static const char *const texts[][2] = {
        { "unknown", "unknown" },
        { "boolean", "boolean" },
        { "int", "int" },
        { "long", "long" },
        { "float", "float" },
        { "double", "double" },
        { "decimal(9,2)", "decimal(9, 2)" },
        { "decimal( 38 , 38 )", "decimal(38, 38)" },
        { "date", "date" },
        { "time", "time" },
        { "timestamp", "timestamp" },
        { "timestamptz", "timestamptz" },
        { "timestamp_ns", "timestamp_ns" },
        { "timestamptz_ns", "timestamptz_ns" },
        { "string", "string" },
        { "uuid", "uuid" },
        { "fixed[16]", "fixed[16]" },
        { "fixed[ 3 ]", "fixed[3]" },
        { "binary", "binary" },
        { "variant", "variant" },
        { "geometry", "geometry" },
        { "geometry(srid:4326)", "geometry(srid:4326)" },
        { "geography", "geography" },
        { "geography(srid:4326)", "geography(srid:4326)" },
        { "geography(srid:4326,karney)", "geography(srid:4326, karney)" },
        { "geography ( projjson:p , VINCENTY )", "geography(projjson:p, VINCENTY)" },
        { "STRING", "string" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_STR(format(texts[i][0]), texts[i][1]);
        CHECK_STR(format(texts[i][1]), texts[i][1]);
    }
}

TEST(bad_primitives_are_refused)
{
    static const char *const texts[] = {
        "",
        "strin",
        "string2",
        "decimal",
        "decimal(9)",
        "decimal(39,2)",
        "decimal(0,0)",
        "decimal(9,10)",
        "decimal(9,-1)",
        "decimal(9,2",
        "decimal(9,2)x",
        "decimal(a,b)",
        "fixed",
        "fixed[]",
        "fixed[-1]",
        "fixed(16)",
        "fixed[99999999999]",
        "geography(x, flat)",
        "int(3)",
        "struct",
        "list",
        "map",
        "decimal[9,2]",
        "timestamp ns",
    };
    struct error err;
    const struct type *t;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_FAILS(type_parse_text(str_of(texts[i]), test_arena(), &t, &err), ERR_INVALID);
        CHECK(err.msg[0]);
    }
}

#define NESTED                                                                                     \
    "{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int','doc':'the a'},"   \
    "{'id':2,'name':'l','required':false,'type':{'type':'list','element-id':3,'element':'string'," \
    "'element-required':true}},{'id':4,'name':'m','required':false,'type':{'type':'map',"          \
    "'key-id':5,'key':'string','value-id':6,'value':{'type':'struct','fields':[{'id':7,"           \
    "'name':'x','required':false,'type':'decimal(9, 2)','write-default':'1.50'}]},"                \
    "'value-required':false}}]}"

TEST(nested_types_keep_everything)
{
    const struct type *t = parse(NESTED);
    str json;
    WRITTEN(json, type_write(t, &w));
    CHECK_STR(json, NESTED);
    CHECK_STR(type_format(t, test_arena()),
              "struct<1: a: required int, 2: l: optional list<string>, 4: m: optional map<string, "
              "struct<7: x: optional decimal(9, 2)>>>");
    CHECK_INT(type_max_id(t), 7);
    CHECK(t->fields[0].has_doc);
    CHECK(!t->fields[1].has_doc);
    CHECK(type_element(t->fields[1].type)->required);
    CHECK(type_key(t->fields[2].type)->required);
    CHECK(!type_value(t->fields[2].type)->required);
}

TEST(equality_sees_every_part)
{
    const struct type *t = parse(NESTED);
    CHECK(type_equal(t, parse(NESTED)));
    static const char *const others[] = {
        "{'type':'struct','fields':[]}",
        "{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int'}]}",
    };
    for (size_t i = 0; i < 2; i++)
        CHECK(!type_equal(t, parse(others[i])));
    const struct type *with = parse("{'type':'struct','fields':[{'id':1,'name':'a','required':true,"
                                    "'type':'int','write-default':1}]}");
    const struct type *without = parse(others[1]);
    CHECK(!type_equal(with, without));
    CHECK(type_equal(without, parse(others[1])));
}

TEST(bad_nested_types_are_refused)
{
    static const char *const texts[] = {
        "{}",
        "{'type':'struct'}",
        "{'type':'struct','fields':{}}",
        "{'type':'struct','fields':[1]}",
        "{'type':'struct','fields':[{'name':'a','required':true,'type':'int'}]}",
        "{'type':'struct','fields':[{'id':1,'required':true,'type':'int'}]}",
        "{'type':'struct','fields':[{'id':1,'name':'a','type':'int'}]}",
        "{'type':'struct','fields':[{'id':1,'name':'a','required':true}]}",
        "{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'int',"
        "'initial-default':'x'}]}",
        "{'type':'struct','fields':[{'id':1,'name':'a','required':true,'type':'variant',"
        "'initial-default':1}]}",
        "{'type':'list','element-id':1,'element':'int'}",
        "{'type':'list','element-id':1,'element-required':true}",
        "{'type':'map','key-id':1,'key':'int','value-id':2,'value-required':true}",
        "{'type':'tuple'}",
        "12",
        "null",
    };
    struct error err;
    const struct type *t;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_FAILS(type_parse(json_of(texts[i]), test_arena(), &t, &err), ERR_INVALID);
}

TEST(nesting_has_a_limit)
{
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < TYPE_DEPTH_MAX + 1; i++)
        buf_lit(&b, "{'type':'list','element-id':1,'element-required':true,'element':");
    buf_lit(&b, "'int'");
    for (int i = 0; i < TYPE_DEPTH_MAX + 1; i++)
        buf_lit(&b, "}");
    struct error err;
    const struct type *t;
    const struct json *json = json_of(arena_cstr(test_arena(), buf_taken(&b)));
    CHECK_FAILS(type_parse(json, test_arena(), &t, &err), ERR_LIMIT);
}

/* Iceberg spec, "Schema Evolution". */
TEST(promotions)
{
    struct arena *a = test_arena();
    const struct type *i = type_of(TYPE_INT), *l = type_of(TYPE_LONG), *d = type_of(TYPE_DATE);
    CHECK(type_can_promote(i, l, 1));
    CHECK(type_can_promote(i, i, 1));
    CHECK(!type_can_promote(l, i, 3));
    CHECK(type_can_promote(type_of(TYPE_FLOAT), type_of(TYPE_DOUBLE), 1));
    CHECK(type_can_promote(type_decimal(a, 9, 2), type_decimal(a, 18, 2), 1));
    CHECK(!type_can_promote(type_decimal(a, 9, 2), type_decimal(a, 18, 3), 3));
    CHECK(!type_can_promote(type_decimal(a, 9, 2), type_decimal(a, 8, 2), 3));
    CHECK(!type_can_promote(d, type_of(TYPE_TIMESTAMP), 2));
    CHECK(type_can_promote(d, type_of(TYPE_TIMESTAMP), 3));
    CHECK(type_can_promote(d, type_of(TYPE_TIMESTAMP_NS), 3));
    CHECK(!type_can_promote(d, type_of(TYPE_TIMESTAMPTZ), 3));
    CHECK(!type_can_promote(type_of(TYPE_UNKNOWN), i, 2));
    CHECK(type_can_promote(type_of(TYPE_UNKNOWN), i, 3));
}

/* The smallest number of bytes for a precision, as Parquet stores fixed decimals. */
TEST(decimal_sizes)
{
    static const int32_t expected[][2] = { { 1, 1 },   { 2, 1 },   { 3, 2 },  { 4, 2 },  { 5, 3 },
                                           { 9, 4 },   { 10, 5 },  { 18, 8 }, { 19, 9 }, { 28, 12 },
                                           { 35, 15 }, { 36, 16 }, { 38, 16 } };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CHECK_INT(decimal_bytes(expected[i][0]), expected[i][1]);
    CHECK_INT(type_min_version(TYPE_TIMESTAMP_NS), 3);
    CHECK_INT(type_min_version(TYPE_TIMESTAMP), 1);
}
