/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/expr_json.h"

#include "iceberg/schema.h"
#include "json_help.h"
#include "test.h"

static const char schema_text[] =
    "{'type':'struct','fields':["
    "{'id':1,'name':'a','required':false,'type':'int'},"
    "{'id':2,'name':'b','required':false,'type':'string'},"
    "{'id':3,'name':'c','required':false,'type':'date'},"
    "{'id':4,'name':'d','required':false,'type':'decimal(9,2)'},"
    "{'id':5,'name':'e','required':false,'type':'double'},"
    "{'id':6,'name':'f','required':false,'type':{'type':'struct','fields':["
    "{'id':7,'name':'g','required':true,'type':'timestamptz'},"
    "{'id':8,'name':'h','required':false,'type':'binary'}]}},"
    "{'id':9,'name':'t','required':false,'type':'timestamp_ns'},"
    "{'id':10,'name':'u','required':false,'type':'uuid'}]}";

static str with_quotes(const char *text)
{
    str s = arena_str(test_arena(), str_of(text));
    char *p = arena_cstr(test_arena(), s);
    for (size_t i = 0; i < s.len; i++)
        p[i] = p[i] == '\'' ? '"' : p[i];
    return str_make(p, s.len);
}

static struct json *parsed(const char *text)
{
    struct json *json;
    struct error err;
    CHECK_OK(json_parse(with_quotes(text), test_arena(), &json, &err));
    return json;
}

static const struct schema *schema(void)
{
    const struct schema *s;
    struct error err;
    CHECK_OK(schema_parse(parsed(schema_text), test_arena(), &s, &err));
    return s;
}

/* The filter in the words of expr_parse, after binding; the error's text when it is refused. */
static str bound_text(const char *text)
{
    const struct schema *s = schema();
    const struct expr *e;
    struct error err;
    struct buf b = BUF_INIT(1 << 16);
    if (!expr_from_json(parsed(text), s, test_arena(), &e, &err) ||
        !expr_bind(e, s, true, test_arena(), &e, &err))
        return arena_printf(test_arena(), "%s", err.msg);
    expr_format(e, s, &b);
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

TEST(both_forms_are_read)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        { "true", "true" },
        { "{'type':'literal','value':false}", "false" },
        { "{'type':'lt-eq','term':'a','value':3}", "a <= 3" },
        { "{'type':'LT_EQ','term':{'type':'reference','term':'a'},'value':3}", "a <= 3" },
        { "{'type':'lt','left':{'type':'reference','name':'a'},'right':3}", "a < 3" },
        { "{'type':'lt','left':3,'right':{'type':'reference','id':1}}", "a > 3" },
        { "{'type':'eq','left':{'type':'literal','value':'2017-11-16','data-type':'date'},"
          "'right':{'type':'reference','name':'c'}}",
          "c = '2017-11-16'" },
        { "{'type':'in','child':{'type':'reference','name':'a'},'values':[3,1,3]}", "a in (1, 3)" },
        { "{'type':'not-in','term':'d','values':{'type':'literals','values':['1.50','2.00'],"
          "'data-type':'decimal(9,2)'}}",
          "d not in (1.50, 2.00)" },
        { "{'type':'not','child':{'type':'is-null','child':{'type':'reference','id':8}}}",
          "f.h is not null" },
        { "{'type':'and','left':{'type':'not-nan','term':'e'},"
          "'right':{'type':'starts-with','term':'b','value':'x'}}",
          "e is not nan and starts_with(b, 'x')" },
        { "{'type':'eq','term':'f.h','value':'78797A21'}", "f.h = x'78797a21'" },
        { "{'type':'lt','term':'c','value':17000}", "c < '2016-07-18'" },
        { "{'type':'eq','term':'t','value':1000001}", "t = '1970-01-01T00:00:01.000001'" },
        { "{'type':'gt','term':'f.g','value':'2017-11-16T22:31:08.000001+00:00'}",
          "f.g > '2017-11-16T22:31:08.000001+00:00'" },
        { "{'type':'gt','term':'a','value':2.5}", "a > 2" },
        { "{'type':'eq','term':{'type':'transform','transform':'identity','term':'a'},'value':1}",
          "a = 1" },
        { "{'type':'in','term':{'type':'transform','transform':'bucket[4]','term':'a'},'values':[1,3]}",
          "bucket[4](a) in (1, 3)" },
        { "{'type':'lt','left':{'type':'transform','transform':'day','term':'f.g'},'right':17000}",
          "day(f.g) < '2016-07-18'" },
        { "{'type':'is-null','term':{'type':'transform','transform':'year','term':'c'}}",
          "c is null" },
        { "{'type':'eq','term':'u','value':'f79c3e09-677c-4bbd-a479-3f349cb785e7'}",
          "u = 'f79c3e09-677c-4bbd-a479-3f349cb785e7'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_STR(bound_text(cases[i].json), cases[i].want);
}

TEST(what_is_no_filter_is_refused_with_the_reason)
{
    static const struct {
        const char *json;
        enum err_code code;
    } cases[] = {
        { "3", ERR_INVALID },
        { "{}", ERR_INVALID },
        { "{'type':'like','term':'b','value':'x'}", ERR_INVALID },
        { "{'type':'eq','term':'a'}", ERR_INVALID },
        { "{'type':'eq','term':'a','value':null}", ERR_INVALID },
        { "{'type':'eq','term':'a','value':[1]}", ERR_INVALID },
        { "{'type':'eq','term':'a','values':[1],'value':1}", ERR_INVALID },
        { "{'type':'is-null','term':'a','value':1}", ERR_INVALID },
        { "{'type':'in','term':'a','value':1}", ERR_INVALID },
        { "{'type':'in','term':'a','values':3}", ERR_INVALID },
        { "{'type':'and','left':true}", ERR_INVALID },
        { "{'type':'eq','left':{'type':'reference','id':99},'right':1}", ERR_INVALID },
        { "{'type':'eq','left':{'type':'literal','value':'NaN','data-type':'double'},'right':"
          "{'type':'reference','name':'e'}}",
          ERR_INVALID },
        { "{'type':'eq','term':{'type':'transform','transform':'zorder','term':'a'},'value':1}",
          ERR_UNSUPPORTED },
        { "{'type':'eq','term':{'type':'transform','transform':'bucket[0]','term':'a'},'value':1}",
          ERR_INVALID },
        { "{'type':'eq','left':{'type':'apply','function':'abs','arguments':[]},'right':1}",
          ERR_UNSUPPORTED },
        { "{'type':'eq','left':{'type':'reference','name':'a'},'right':{'type':'reference',"
          "'name':'b'}}",
          ERR_UNSUPPORTED },
    };
    struct error err;
    const struct expr *e;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_FAILS(expr_from_json(parsed(cases[i].json), schema(), test_arena(), &e, &err),
                    cases[i].code);
}

TEST(depth_is_limited_in_and_out)
{
    struct error err;
    const struct expr *e;
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i <= EXPR_JSON_DEPTH_MAX; i++)
        buf_lit(&b, "{\"type\":\"not\",\"child\":");
    buf_lit(&b, "true");
    for (int i = 0; i <= EXPR_JSON_DEPTH_MAX; i++)
        buf_lit(&b, "}");
    struct json *json;
    CHECK_OK(json_parse(buf_str(&b), test_arena(), &json, &err));
    CHECK_FAILS(expr_from_json(json, NULL, test_arena(), &e, &err), ERR_LIMIT);

    /* 1000 terms of one OR are ten levels, not a thousand. */
    const struct expr *terms[1000];
    for (size_t i = 0; i < 1000; i++)
        terms[i] = expr_compare(test_arena(), EXPR_EQ, STR("a"),
                                literal_number(arena_printf(test_arena(), "%zu", i)));
    e = expr_nary(test_arena(), EXPR_OR, terms, 1000);
    struct json_writer w;
    buf_clear(&b);
    jw_init(&w, &b);
    CHECK_OK(expr_write_json(e, NULL, &w, &err));
    CHECK_OK(json_parse(buf_str(&b), test_arena(), &json, &err));
    CHECK_OK(expr_from_json(json, NULL, test_arena(), &e, &err));

    for (int i = 0; i < 150; i++) {
        struct expr *outer = arena_new(test_arena(), struct expr);
        const struct expr **arg = arena_array(test_arena(), const struct expr *, 1);
        arg[0] = e;
        *outer = (struct expr){ .op = EXPR_NOT, .args = arg, .args_n = 1 };
        e = outer;
    }
    CHECK_FAILS(expr_write_json(e, NULL, &w, &err), ERR_LIMIT);
    buf_deinit(&b);
}

TEST(bound_filters_are_written_in_the_form_that_every_client_reads)
{
    const struct schema *s = schema();
    struct error err;
    const struct expr *e;
    struct buf b = BUF_INIT(1 << 16);
    struct json_writer w;
    CHECK_OK(expr_parse(STR("a in (1, 2) and (c < date '2001-02-03' or d >= 1.5) and "
                            "f.h = x'0aff' and b is null and e > 0.5"),
                        test_arena(), &e, &err));
    CHECK_OK(expr_bind(e, s, true, test_arena(), &e, &err));
    jw_init(&w, &b);
    CHECK_OK(expr_write_json(e, s, &w, &err));
    CHECK(str_find(buf_str(&b), with_quotes("{'type':'in','term':'a','values':[1,2]}")) >= 0);
    CHECK(str_find(buf_str(&b), with_quotes("{'type':'lt','term':'c','value':'2001-02-03'}")) >= 0);
    CHECK(str_find(buf_str(&b), with_quotes("{'type':'gt-eq','term':'d','value':'1.50'}")) >= 0);
    CHECK(str_find(buf_str(&b), with_quotes("{'type':'is-null','term':'b'}")) >= 0);
    CHECK(str_find(buf_str(&b), with_quotes("{'type':'gt','term':'e','value':0.5}")) >= 0);
    buf_deinit(&b);
}
