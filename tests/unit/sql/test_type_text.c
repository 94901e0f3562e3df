/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/type_text.h"

#include "test.h"

static bool read(const char *text, const struct type **out, size_t *end, struct error *err)
{
    struct lex lex;
    int32_t next_id = 1;
    *end = 0;
    if (!lex_sql(str_of(text), test_arena(), &lex, err))
        return false;
    return type_text_read(&lex, end, &next_id, test_arena(), out, err);
}

TEST(types_in_the_words_of_all)
{
    static const struct {
        const char *text, *type;
    } good[] = {
        { "BIGINT", "long" },
        { "long", "long" },
        { "tinyint", "int" },
        { "float", "float" },
        { "DOUBLE PRECISION", "double" },
        { "VARCHAR(20)", "string" },
        { "string", "string" },
        { "ENUM('a', 'b')", "string" },
        { "DECIMAL(10, 2)", "decimal(10, 2)" },
        { "NUMERIC(5)", "decimal(5, 0)" },
        { "DECIMAL", "decimal(18, 3)" },
        { "TIMESTAMP", "timestamp" },
        { "TIMESTAMP(6) WITH TIME ZONE", "timestamptz" },
        { "TIMESTAMP(9)", "timestamp_ns" },
        { "timestamptz_ns", "timestamptz_ns" },
        { "TIMESTAMP_LTZ", "timestamptz" },
        { "timestamp without time zone", "timestamp" },
        { "fixed(16)", "fixed[16]" },
        { "fixed[4]", "fixed[4]" },
        { "blob", "binary" },
        { "uuid", "uuid" },
        { "variant", "variant" },
        { "INTEGER[]", "list<int>" },
        { "INTEGER[3]", "list<int>" },
        { "array<int>", "list<int>" },
        { "array(varchar(3))", "list<string>" },
        { "map<string, array<int>>", "map<string, list<int>>" },
        { "STRUCT(a INTEGER, \"b c\" TEXT)",
          "struct<1: a: optional int, 2: b c: optional string>" },
        { "struct<a: int NOT NULL COMMENT 'x', b: string>",
          "struct<1: a: required int, 2: b: optional string>" },
        { "row(x double, y double)", "struct<1: x: optional double, 2: y: optional double>" },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct type *t;
        struct error err = { 0 };
        size_t end;
        if (!read(good[i].text, &t, &end, &err))
            test_fail(__FILE__, __LINE__, "%s: %s", good[i].text, err.msg);
        if (!str_is(type_format(t, test_arena()), good[i].type))
            test_fail(__FILE__, __LINE__, "%s gives " STR_FMT, good[i].text,
                      STR_ARG(type_format(t, test_arena())));
    }
}

TEST(it_ends_where_the_type_ends)
{
    const struct type *t;
    struct error err = { 0 };
    size_t end;
    CHECK_OK(read("DECIMAL(10, 2) NOT NULL", &t, &end, &err));
    CHECK_INT(end, 6);
    CHECK_OK(read("struct<a: int>, b int", &t, &end, &err));
    CHECK_INT(end, 6);
}

TEST(what_is_no_type)
{
    static const struct {
        const char *text;
        enum err_code code;
        const char *words;
    } bad[] = {
        { "", ERR_INVALID, "a type expected" },
        { "nosuch", ERR_INVALID, "there is no type nosuch" },
        { "INTERVAL", ERR_UNSUPPORTED, "INTERVAL" },
        { "TIME WITH TIME ZONE", ERR_UNSUPPORTED, "TIME WITH TIME ZONE" },
        { "DECIMAL(39, 2)", ERR_INVALID, "1 to 38" },
        { "DECIMAL(3, 4)", ERR_INVALID, "decimal(3, 4)" },
        { "fixed", ERR_INVALID, "length" },
        { "TIMESTAMP(12)", ERR_INVALID, "timestamp(12)" },
        { "struct<a int", ERR_INVALID, "> expected at the end" },
        { "struct<>", ERR_INVALID, "( or <" },
        { "map<int>", ERR_INVALID, ", expected before \">\"" },
        { "array<nosuch>", ERR_INVALID, "nosuch" },
        { "struct<a: nosuch>", ERR_INVALID, "field a" },
        { "VARCHAR(", ERR_INVALID, "closing parenthesis" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct type *t;
        struct error err = { 0 };
        size_t end;
        if (read(bad[i].text, &t, &end, &err) || err.code != bad[i].code ||
            str_find(str_of(err.msg), str_of(bad[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].text, err.msg);
    }
}

TEST(depth_has_a_limit)
{
    struct buf text = BUF_INIT(1 << 16);
    const struct type *t;
    struct error err = { 0 };
    size_t end;
    for (int i = 0; i < 200; i++)
        buf_lit(&text, "array<");
    buf_lit(&text, "int");
    CHECK(!read(arena_cstr(test_arena(), buf_str(&text)), &t, &end, &err));
    CHECK_INT(err.code, ERR_LIMIT);
    buf_clear(&text);
    buf_lit(&text, "int");
    for (int i = 0; i < 200; i++)
        buf_lit(&text, "[]");
    CHECK(!read(arena_cstr(test_arena(), buf_str(&text)), &t, &end, &err));
    CHECK_INT(err.code, ERR_LIMIT);
    buf_deinit(&text);
}
