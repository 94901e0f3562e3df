/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/template.h"

#include "test.h"

/* Shows each call as "[function key=value ...]". */
static bool show(void *ctx, const struct template_call *call, struct buf *out, struct error *err)
{
    int *calls = ctx;
    ++*calls;
    if (str_is(call->function, "fail"))
        return fail(err, ERR_NOT_FOUND, "as asked");
    buf_printf(out, "[" STR_FMT, STR_ARG(call->function));
    for (size_t i = 0; i < call->args_n; i++)
        buf_printf(out, " " STR_FMT "%s" STR_FMT, STR_ARG(call->args[i].key),
                   call->args[i].key.len ? "=" : "", STR_ARG(call->args[i].value));
    buf_add_char(out, ']');
    return true;
}

static bool render(const char *text, struct buf *out, struct error *err)
{
    int calls = 0;
    return template_render(str_of(text), STR("models/a.sql"), show, &calls, test_arena(), out, err);
}

static str rendered(const char *text)
{
    struct error err = { 0 };
    struct buf *out = arena_new(test_arena(), struct buf);
    buf_init(out, 65536);
    buf_in_arena(out, test_arena());
    CHECK_OK(render(text, out, &err));
    return buf_str(out);
}

TEST(calls)
{
    CHECK_STR(rendered("SELECT * FROM {{ ref('a') }} x"), "SELECT * FROM [ref a] x");
    CHECK_STR(rendered("{{ref(\"a\")}}{{ source('s', 't') }}"), "[ref a][source s t]");
    CHECK_STR(rendered("{{ config(materialized='table', schema = \"x\", n=3, b=true) }}"),
              "[config materialized=table schema=x n=3 b=true]");
    CHECK_STR(rendered("{{- this -}}"), "[this]");
    CHECK_STR(rendered("{{ f() }}"), "[f]");
    CHECK_STR(rendered("{{\n  ref(\n 'a'\n)\n}}"), "[ref a]");
}

TEST(what_is_no_template)
{
    CHECK_STR(rendered(""), "");
    CHECK_STR(rendered("SELECT {'a': 1} AS s, '{' || '}' AS t"),
              "SELECT {'a': 1} AS s, '{' || '}' AS t");
    CHECK_STR(rendered("a {# a comment {{ ref('x') }} #} b"), "a  b");
    CHECK_STR(rendered("{"), "{");
}

TEST(errors_name_file_and_line)
{
    static const struct {
        const char *text;
        enum err_code code;
        const char *words;
    } bad[] = {
        { "a\n{{ ref('x'", ERR_INVALID, "models/a.sql:2: " },
        { "\n\n{% if x %}", ERR_UNSUPPORTED, "models/a.sql:3: " },
        { "{# open", ERR_INVALID, "models/a.sql:1: " },
        { "\n{{ fail() }}", ERR_NOT_FOUND, "models/a.sql:2: as asked" },
        { "{{ ref('a) }}", ERR_INVALID, "quote is not closed" },
        { "{{ ref('a' }}", ERR_INVALID, "parenthesis is not closed" },
        { "{{ 'x' }}", ERR_UNSUPPORTED, "models/a.sql:1: " },
        { "{{ ref('a') | upper }}", ERR_UNSUPPORTED, "not supported" },
        { "{{ }}", ERR_UNSUPPORTED, "models/a.sql:1: " },
        { "{{ ref(,) }}", ERR_UNSUPPORTED, "models/a.sql:1: " },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = { 0 };
        struct buf out = BUF_INIT(4096);
        CHECK_FAILS(render(bad[i].text, &out, &err), bad[i].code);
        buf_deinit(&out);
        if (str_find(str_of(err.msg), str_of(bad[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].text, err.msg);
    }
}

TEST(too_many_arguments)
{
    struct error err = { 0 };
    struct buf text = BUF_INIT(4096), out = BUF_INIT(4096);
    buf_lit(&text, "{{ f(");
    for (int i = 0; i <= TEMPLATE_ARGS_MAX; i++)
        buf_printf(&text, "%s%d", i ? ", " : "", i);
    buf_lit(&text, ") }}");
    buf_add_char(&text, '\0');
    CHECK_FAILS(render(text.ptr, &out, &err), ERR_LIMIT);
    buf_deinit(&text);
    buf_deinit(&out);
}

/* No beginning of a template is read past its end. */
TEST(every_prefix)
{
    static const char text[] = "a {{ ref('b', x=\"c\") }} {# d #} {{- this -}} e";
    for (size_t n = 0; n < sizeof text; n++) {
        struct error err = { 0 };
        struct buf out = BUF_INIT(4096);
        int calls = 0;
        char *copy = arena_alloc(test_arena(), n);
        memcpy(copy, text, n);
        if (!template_render(str_make(copy, n), STR("t"), show, &calls, test_arena(), &out, &err))
            CHECK(err.code == ERR_INVALID || err.code == ERR_UNSUPPORTED);
        buf_deinit(&out);
    }
}
