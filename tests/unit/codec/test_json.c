/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <math.h>

#include "test.h"

static struct error err;

static const struct json *parse(const char *text)
{
    struct json *v;
    CHECK_OK(json_parse(str_of(text), test_arena(), &v, &err));
    return v;
}

static void refuse(str text, const char *why)
{
    struct json *v;
    CHECK_FAILS(json_parse(text, test_arena(), &v, &err), ERR_INVALID);
    if (str_find(str_of(err.msg), str_of(why)) < 0)
        test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.msg, why);
}

static str write_again(const struct json *v, bool pretty)
{
    struct buf *b = arena_new(test_arena(), struct buf);
    buf_init(b, 1 << 20);
    buf_in_arena(b, test_arena());
    struct json_writer w;
    jw_init(&w, b);
    w.pretty = pretty;
    jw_json(&w, v);
    CHECK_OK(buf_ok(b, "text", &err));
    return buf_str(b);
}

TEST(reads_every_kind)
{
    const struct json *v = parse(" { \"n\" : null, \"t\":true,\"f\":false,\"i\":-12,\"d\":1.5,"
                                 "\"s\":\"x\",\"a\":[1,[],{}],\"o\":{\"k\":[0]} }\n");
    CHECK_INT(v->kind, JSON_OBJECT);
    CHECK_INT(v->object.n, 8);
    CHECK_INT(json_get(v, "n")->kind, JSON_NULL);
    CHECK(json_get(v, "t")->b);
    CHECK_INT(json_get(v, "f")->kind, JSON_BOOL);
    CHECK_INT(json_get(v, "i")->i, -12);
    CHECK(json_get(v, "d")->f == 1.5);
    CHECK_STR(json_get(v, "s")->s, "x");
    CHECK_INT(json_get(v, "a")->array.n, 3);
    CHECK_INT(json_get(json_get(v, "o"), "k")->array.items[0].i, 0);
    CHECK(!json_get(v, "absent"));
    CHECK(!json_get(json_get(v, "i"), "k"));
    CHECK(!json_get(NULL, "k"));
}

TEST(numbers_keep_their_kind_and_value)
{
    CHECK_INT(parse("9223372036854775807")->i, INT64_MAX);
    CHECK_INT(parse("-9223372036854775808")->i, INT64_MIN);
    CHECK_INT(parse("9223372036854775808")->kind, JSON_F64);
    CHECK(parse("9223372036854775808")->f == 9223372036854775808.0);
    CHECK_INT(parse("1.0")->kind, JSON_F64);
    CHECK(parse("1e3")->f == 1000);
    CHECK(parse("0.1e-2")->f == 0.001);
    CHECK(parse("-0.0")->f == 0 && signbit(parse("-0.0")->f));
    CHECK(parse("1e-400")->f == 0);
    refuse(STR("1e400"), "out of range");
}

TEST(refuses_what_is_not_json)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "tru",
        "truex",
        "nul",
        "nulll",
        "NaN",
        "Infinity",
        "+1",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1 2",
        "[1]]",
        "{}}",
        "//x\n1",
        "[1]/**/",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800x\"",
        "\xEF\xBB\xBF"
        "1",
        "[true,fals]",
        "-a",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json *v;
        CHECK_FAILS(json_parse(str_of(bad[i]), test_arena(), &v, &err), ERR_INVALID);
        struct json_reader r;
        jr_init(&r, str_of(bad[i]), test_arena());
        jr_skip(&r);
        CHECK_FAILS(jr_finish(&r, &err), ERR_INVALID);
    }
    refuse(STR("\"\xC0\x80\""), "UTF-8");
    refuse(STR("\"\xED\xA0\x80\""), "UTF-8");
    refuse(STR("\"abc\xFF\""), "UTF-8");
    refuse(STR("1\0"), "text after");
    refuse(STR("[1\0]"), "wanted");
    refuse(STR("\"a\0b\""), "control");
}

TEST(strings_are_unescaped)
{
    CHECK_STR(parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")->s, "\"\\/\b\f\n\r\t");
    CHECK_STR(parse("\"\\u00e9\\u20AC\\ud83d\\ude00\"")->s, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    CHECK_STR(parse("\"plain text over eight bytes, then \\u0041.\"")->s,
              "plain text over eight bytes, then A.");
    CHECK(str_eq(parse("\"a\\u0000b\"")->s, STR("a\0b")));
    CHECK_STR(json_get(parse("{\"\\u006bey\":1}"), "key") ? STR("found") : STR("lost"), "found");
}

TEST(a_string_without_escapes_is_a_view_into_the_text)
{
    const char *text = "[\"abc\"]";
    str s = parse(text)->array.items[0].s;
    CHECK(s.ptr == text + 2);
}

TEST(errors_tell_line_and_column)
{
    refuse(STR("{\n  \"a\": 1,\n  \"b\": tru\n}"), "line 3, column 8");
    refuse(STR("[\"\xC3\xA9\", x]"), "line 1, column 7");
}

TEST(duplicate_keys_are_refused)
{
    refuse(STR("{\"a\":1,\"b\":2,\"a\":3}"), "same key twice");
    refuse(STR("{\"a\":1,\"\\u0061\":3}"), "same key twice");
    struct buf b = BUF_INIT(1 << 20);
    buf_lit(&b, "{\"x17\":0");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, ",\"%c%d\":1", i == 999 ? 'x' : 'y', i == 999 ? 17 : i);
    buf_lit(&b, "}");
    refuse(buf_str(&b), "same key twice");
    char *last = b.ptr + b.len - 6; /* x17":1} */
    CHECK(*last == '1');
    *last = '9';
    struct json *v;
    CHECK_OK(json_parse(buf_str(&b), test_arena(), &v, &err));
    CHECK_INT(v->object.n, 1001);
    buf_deinit(&b);
}

static str nested(int depth)
{
    char *text = arena_alloc(test_arena(), (size_t)depth * 2);
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return str_make(text, (size_t)depth * 2);
}

TEST(depth_is_limited)
{
    struct json *v;
    struct json_reader r;
    CHECK_OK(json_parse(nested(JSON_DEPTH_MAX), test_arena(), &v, &err));
    CHECK_FAILS(json_parse(nested(JSON_DEPTH_MAX + 1), test_arena(), &v, &err), ERR_LIMIT);
    CHECK_FAILS(json_parse(nested(100000), test_arena(), &v, &err), ERR_LIMIT);
    jr_init(&r, nested(JSON_DEPTH_MAX + 1), test_arena());
    jr_skip(&r);
    CHECK_FAILS(jr_finish(&r, &err), ERR_LIMIT);
}

/* The arena's budget must turn into an error before it turns into a panic. */
TEST(memory_is_limited)
{
    struct buf b = BUF_INIT(1 << 20);
    buf_lit(&b, "[0");
    for (int i = 0; i < 5000; i++)
        buf_lit(&b, ",\"\\n\"");
    buf_lit(&b, "]");
    for (size_t budget = 1024; budget < 400000; budget += 7919) {
        struct arena *a = arena_create(budget);
        struct json *v;
        err = (struct error){ 0 };
        if (!json_parse(buf_str(&b), a, &v, &err))
            CHECK_INT(err.code, ERR_LIMIT);
        arena_destroy(a);
    }
    buf_deinit(&b);
}

static const char sample[] =
    "{\"format-version\": 2, \"uuid\": \"9c12d441-03fe-4693-9a96-a0705ddf69c1\", \"x\": [1, -2.5e3, "
    "true, false, null, \"a\\u00e9\\ud83d\\ude00\\n\xC3\xA9\"], \"nested\": {\"a\": {\"b\": []}}}";

TEST(every_truncation_is_refused)
{
    for (size_t n = 0; n < sizeof sample - 1; n++) {
        /* A copy of exactly this length, so that reading on is seen. */
        struct buf b = BUF_INIT(1024);
        buf_add(&b, sample, n);
        struct json *v;
        CHECK_FAILS(json_parse(buf_str(&b), test_arena(), &v, &err), ERR_INVALID);
        buf_deinit(&b);
    }
    CHECK_INT(parse(sample)->object.n, 4);
}

/* Whatever a changed byte makes of the text: an error, or a tree that is written and read alike. */
TEST(changed_bytes_never_confuse_the_parser)
{
    char text[sizeof sample - 1];
    for (size_t i = 0; i < sizeof text; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(text, sample, sizeof text);
            text[i] = (char)(text[i] ^ 1 << bit);
            struct json *v;
            err = (struct error){ 0 };
            if (!json_parse(str_make(text, sizeof text), test_arena(), &v, &err)) {
                CHECK(err.code == ERR_INVALID);
                continue;
            }
            str once = write_again(v, false);
            struct json *again;
            CHECK_OK(json_parse(once, test_arena(), &again, &err));
            CHECK(str_eq(write_again(again, false), once));
        }
    }
}

TEST(members_are_asked_for_by_kind)
{
    const struct json *v = parse("{\"s\":\"x\",\"i\":7,\"d\":1.5,\"b\":true,\"o\":{},\"a\":[],"
                                 "\"z\":null,\"big\":5000000000}");
    str s;
    int64_t i;
    int32_t small;
    double d;
    bool b;
    const struct json *o;
    CHECK_OK(json_need_str(v, "s", &s, &err));
    CHECK_OK(json_need_int(v, "i", &i, &err));
    CHECK_OK(json_need_i32(v, "i", &small, &err));
    CHECK_OK(json_need_f64(v, "i", &d, &err));
    CHECK(d == 7);
    CHECK_OK(json_need_f64(v, "d", &d, &err));
    CHECK_OK(json_need_bool(v, "b", &b, &err));
    CHECK_OK(json_need_obj(v, "o", &o, &err));
    CHECK_OK(json_need_array(v, "a", &o, &err));
    CHECK_FAILS(json_need_str(v, "i", &s, &err), ERR_INVALID);
    CHECK_STR(str_of(err.msg), "\"i\" must be of type string, not integer");
    CHECK_FAILS(json_need_int(v, "d", &i, &err), ERR_INVALID);
    CHECK_FAILS(json_need_int(v, "nope", &i, &err), ERR_INVALID);
    CHECK_STR(str_of(err.msg), "\"nope\" is missing");
    CHECK_FAILS(json_need_i32(v, "big", &small, &err), ERR_INVALID);
    CHECK_FAILS(json_need_obj(v, "a", &o, &err), ERR_INVALID);
    CHECK_FAILS(json_need_str(v, "z", &s, &err), ERR_INVALID);
    CHECK_FAILS(json_need_str(json_get(v, "i"), "z", &s, &err), ERR_INVALID);

    CHECK_OK(json_opt_str(v, "z", STR("else"), &s, &err));
    CHECK_STR(s, "else");
    CHECK_OK(json_opt_int(v, "nope", 3, &i, &err));
    CHECK_INT(i, 3);
    CHECK_OK(json_opt_i32(v, "i", 3, &small, &err));
    CHECK_INT(small, 7);
    CHECK_OK(json_opt_bool(v, "nope", true, &b, &err));
    CHECK(b);
    CHECK_OK(json_opt_f64(v, "nope", 0.5, &d, &err));
    CHECK(d == 0.5);
    CHECK_OK(json_opt_obj(v, "nope", &o, &err));
    CHECK(!o);
    CHECK_OK(json_opt_array(v, "a", &o, &err));
    CHECK(o);
    CHECK_FAILS(json_opt_array(v, "i", &o, &err), ERR_INVALID);
    CHECK_FAILS(json_opt_int(v, "s", 3, &i, &err), ERR_INVALID);
}

TEST(the_pull_reader_reads_without_a_tree)
{
    struct json_reader r;
    str key, name = { 0 }, raw = { 0 };
    int64_t sum = 0;
    bool null = false;
    jr_init(&r,
            STR(" {\"name\": \"x\\ty\", \"ids\": [1, 2 ,3], \"other\": {\"a\": [{}]}, \"raw\" : "
                "[1, {\"k\" : 2}] , \"n\":null}"),
            test_arena());
    jr_object(&r);
    while (jr_member(&r, &key)) {
        if (str_is(key, "name")) {
            name = jr_str(&r);
        } else if (str_is(key, "ids")) {
            jr_array(&r);
            while (jr_element(&r))
                sum += jr_int(&r);
        } else if (str_is(key, "raw")) {
            raw = jr_raw(&r);
        } else if (str_is(key, "n")) {
            null = jr_null(&r);
        } else {
            jr_skip(&r);
        }
    }
    CHECK_OK(jr_finish(&r, &err));
    CHECK_STR(name, "x\ty");
    CHECK_INT(sum, 6);
    CHECK_STR(raw, "[1, {\"k\" : 2}]");
    CHECK(null);
}

TEST(a_mistake_in_the_pull_reader_is_sticky)
{
    struct json_reader r;
    str key;
    jr_init(&r, STR("{\"a\": \"x\", \"b\": 1}"), test_arena());
    jr_object(&r);
    CHECK(jr_member(&r, &key));
    CHECK_INT(jr_int(&r), 0);
    CHECK(!jr_member(&r, &key));
    CHECK_STR(jr_str(&r), "");
    CHECK(jr_f64(&r) == 0 && !jr_bool(&r) && !jr_element(&r) && !jr_null(&r));
    CHECK_FAILS(jr_finish(&r, &err), ERR_INVALID);
    CHECK_STR(str_of(err.msg), "JSON, line 1, column 7: a number is wanted");

    jr_init(&r, STR("[1.5]"), test_arena());
    jr_array(&r);
    CHECK(jr_element(&r));
    CHECK_INT(jr_int(&r), 0);
    CHECK_FAILS(jr_finish(&r, &err), ERR_INVALID);
    CHECK_STR(str_of(err.msg), "JSON, line 1, column 2: an integer of 64 bits is wanted");

    jr_init(&r, STR("[7]"), test_arena());
    jr_array(&r);
    CHECK(jr_element(&r));
    jr_fail(&r, "no such thing");
    CHECK_FAILS(jr_finish(&r, &err), ERR_INVALID);
    CHECK_STR(str_of(err.msg), "JSON, line 1, column 2: no such thing");

    jr_init(&r, STR("[7] 8"), test_arena());
    jr_skip(&r);
    CHECK_FAILS(jr_finish(&r, &err), ERR_INVALID);
}

TEST(the_writer_writes_what_is_read)
{
    struct buf b = BUF_INIT(4096);
    struct json_writer w;
    jw_init(&w, &b);
    jw_begin_object(&w);
    jw_kv_str(&w, "s", STR("a\"b\\c\n\x01\xC3\xA9/"));
    jw_kv_int(&w, "i", INT64_MIN);
    jw_kv_f64(&w, "d", 0.1);
    jw_kv_f64(&w, "nan", (double)NAN);
    jw_kv_array(&w, "a");
    jw_uint(&w, UINT64_MAX);
    jw_begin_object(&w);
    jw_end_object(&w);
    jw_f32(&w, 0.1F);
    jw_raw(&w, STR("[1]"));
    jw_printf(&w, "%d\t", 5);
    jw_end_array(&w);
    jw_kv_object(&w, "o");
    jw_kv_bool(&w, "t", true);
    jw_kv_null(&w, "n");
    jw_end_object(&w);
    jw_end_object(&w);
    CHECK_STR(buf_str(&b), "{\"s\":\"a\\\"b\\\\c\\n\\u0001\xC3\xA9/\",\"i\":-9223372036854775808,"
                           "\"d\":0.1,\"nan\":null,\"a\":[18446744073709551615,{},0.1,[1],"
                           "\"5\\t\"],\"o\":{\"t\":true,\"n\":null}}");
    buf_deinit(&b);
}

TEST(the_writer_repairs_invalid_utf8)
{
    struct json v = { .kind = JSON_STR, .s = STR("a\xFF\"\xC3\xA9\xE2\x82") };
    CHECK_STR(write_again(&v, false), "\"a\xEF\xBF\xBD\\\"\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(pretty_text_is_indented)
{
    CHECK_STR(write_again(parse("{\"a\":[1,{\"b\":[]}],\"c\":{}}"), true),
              "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
    CHECK_STR(write_again(parse("[]"), true), "[]");
}

TEST(deeper_than_the_parser_can_still_be_written)
{
    struct buf b = BUF_INIT(4096);
    struct json_writer w;
    jw_init(&w, &b);
    for (int i = 0; i < 2 * JSON_DEPTH_MAX; i++) {
        jw_begin_object(&w);
        jw_key(&w, STR("k"));
    }
    jw_int(&w, 1);
    for (int i = 0; i < 2 * JSON_DEPTH_MAX; i++)
        jw_end_object(&w);
    CHECK_INT(b.len, 2 * JSON_DEPTH_MAX * 6 + 1);
    buf_deinit(&b);
}
