/* SPDX-License-Identifier: Apache-2.0 */
#include "io/yaml.h"

#include <string.h>

#include "codec/json.h"
#include "test.h"

static struct error err;

/* The tree as JSON text. */
static str to_json(const char *text)
{
    const struct json *root;
    struct buf *b = arena_new(test_arena(), struct buf);
    struct json_writer w;
    CHECK_OK(yaml_parse(str_of(text), STR("t.yaml"), test_arena(), &root, &err));
    buf_init(b, 1 << 20);
    buf_in_arena(b, test_arena());
    jw_init(&w, b);
    jw_json(&w, root);
    return buf_str(b);
}

static void refuse(const char *text, enum err_code code, const char *place)
{
    const struct json *root;
    err = (struct error){ 0 };
    if (yaml_parse(str_of(text), STR("t.yaml"), test_arena(), &root, &err))
        test_fail(__FILE__, __LINE__, "taken: %s", text);
    if (err.code != code || strncmp(err.msg, place, strlen(place)) != 0)
        test_fail(__FILE__, __LINE__, "%s\n  wanted %s %s, got %s: %s", text, err_code_name(code),
                  place, err_code_name(err.code), err.msg);
}

TEST(a_feature_file)
{
    CHECK_STR(
        to_json("# views\n"
                "entities:          [{name: driver, join_keys: [driver_id]}]\n"
                "feature_views:\n"
                "  - name: driver_stats\n"
                "    ttl: 2h\n"
                "    online: true\n"
                "    source: {table: gold.driver_stats, timestamp_field: event_timestamp}\n"
                "    tags: {}\n"
                "    notes: |\n"
                "      two\n"
                "      lines\n"),
        "{\"entities\":[{\"name\":\"driver\",\"join_keys\":[\"driver_id\"]}],"
        "\"feature_views\":[{\"name\":\"driver_stats\",\"ttl\":\"2h\",\"online\":true,"
        "\"source\":{\"table\":\"gold.driver_stats\",\"timestamp_field\":\"event_timestamp\"},"
        "\"tags\":{},\"notes\":\"two\\nlines\\n\"}]}");
}

TEST(scalars_follow_the_core_schema)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        { "", "null" },
        { "# nothing", "null" },
        { "~", "null" },
        { "Null", "null" },
        { "true", "true" },
        { "FALSE", "false" },
        { "yes", "\"yes\"" },
        { "off", "\"off\"" },
        { "2001-02-03", "\"2001-02-03\"" },
        { "12:30", "\"12:30\"" },
        { "0", "0" },
        { "-17", "-17" },
        { "+17", "17" },
        { "007", "7" },
        { "0x1F", "31" },
        { "0o17", "15" },
        { "0x", "\"0x\"" },
        { "0o8", "\"0o8\"" },
        { "9223372036854775807", "9223372036854775807" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "0x7fffffffffffffff", "9223372036854775807" },
        { "0x8000000000000000", "\"0x8000000000000000\"" },
        { "1.5", "1.5" },
        { "-.5", "-0.5" },
        { "1.5e-3", "0.0015" },
        { "1.", "1.0" },
        { "1.e2", "100.0" },
        { "1e999", "\"1e999\"" },
        { ".", "\".\"" },
        { "-", "[null]" },
        { "1_000", "\"1_000\"" },
        { "1e", "\"1e\"" },
        { ".inf", "\".inf\"" },
        { "\"12\"", "\"12\"" },
        { "'true'", "\"true\"" },
        { "!!str 12", "\"12\"" },
        { "!!float 3", "3.0" },
        { "!!int \"3\"", "3" },
        { "\"a\\u00e9\\n\"", "\"a\xc3\xa9\\n\"" },
        { "--- x\n...\n", "\"x\"" },
        { "%YAML 1.1\n---\nx", "\"x\"" },
        { "a: b: c", NULL },
        { ">\n  folded\n  text", "\"folded text\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!cases[i].json) {
            refuse(cases[i].yaml, ERR_INVALID, "t.yaml:1:");
            continue;
        }
        str got = to_json(cases[i].yaml);
        if (!str_is(got, cases[i].json))
            test_fail(__FILE__, __LINE__, "%s gave " STR_FMT ", wanted %s", cases[i].yaml,
                      STR_ARG(got), cases[i].json);
    }
}

TEST(anchors_and_merges)
{
    CHECK_STR(to_json("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x"),
              "{\"a\":[1,2],\"b\":[1,2],\"c\":3,\"d\":3}");
    CHECK_STR(to_json("base: &b {x: 1, y: 2}\nt: {<<: *b, y: 3, z: 4}"),
              "{\"base\":{\"x\":1,\"y\":2},\"t\":{\"y\":3,\"z\":4,\"x\":1}}");
    CHECK_STR(to_json("p: &p {x: 1}\nq: &q {x: 2, y: 2}\nt: {<<: [*p, *q]}"),
              "{\"p\":{\"x\":1},\"q\":{\"x\":2,\"y\":2},\"t\":{\"x\":1,\"y\":2}}");
    CHECK_STR(to_json("{'<<': 1}"), "{\"<<\":1}");
    refuse("<<: 1", ERR_INVALID, "t.yaml:1:1: <<");
    refuse("a: &x [*x]", ERR_INVALID, "t.yaml:1:8: alias *x stands inside");
    refuse("a: *nope", ERR_INVALID, "t.yaml:1:4: unknown alias *nope");
}

TEST(mistakes_have_a_place)
{
    refuse("a: 1\nb: [1, 2\n", ERR_INVALID, "t.yaml:3:1: ");
    refuse("a: 1\n  b: 2\n", ERR_INVALID, "t.yaml:2:4: ");
    refuse("a: 1\nb: 2\na: 3\n", ERR_INVALID, "t.yaml:3:1: key \"a\" stands here twice");
    refuse("{[1]: 2}", ERR_INVALID, "t.yaml:1:2: a key must be a scalar");
    refuse("a\n---\nb\n", ERR_INVALID, "t.yaml:2:1: a second document");
    refuse("x: !custom 1", ERR_INVALID, "t.yaml:1:4: unknown tag !custom");
    refuse("x: !!int abc", ERR_INVALID, "t.yaml:1:4: ");
    refuse("x: !!map [1]", ERR_INVALID, "t.yaml:1:4: ");
    refuse("\tx: 1", ERR_INVALID, "t.yaml:1:1: ");
    refuse("x: \xff", ERR_INVALID, "t.yaml: ");
    refuse("x: \"\\ud800\"", ERR_INVALID, "t.yaml:1:");
}

TEST(depth_at_the_limit)
{
    for (int extra = 0; extra < 2; extra++) {
        int n = YAML_DEPTH_MAX + 1 + extra; /* n brackets: the innermost is at depth n - 1 */
        char *text = arena_alloc(test_arena(), (size_t)(2 * n) + 1);
        memset(text, '[', (size_t)n);
        memset(text + n, ']', (size_t)n);
        if (extra)
            refuse(text, ERR_LIMIT, "t.yaml:1:66: nested deeper");
        else
            CHECK_INT(to_json(text).len, 2 * n);
    }
    /* Depth through aliases: each level adds 10. */
    char *text = arena_alloc(test_arena(), 1000);
    size_t at = (size_t)snprintf(text, 1000, "- &a0 x\n");
    for (int i = 1; i < 9; i++)
        at += (size_t)snprintf(text + at, 1000 - at, "- &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i - 1);
    refuse(text, ERR_LIMIT, "t.yaml:8:");
}

TEST(a_billion_laughs)
{
    char text[2000];
    size_t at = (size_t)snprintf(text, sizeof text, "- &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "- &a%d [", i);
        for (int k = 0; k < 10; k++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s*a%d", k ? "," : "", i - 1);
        at += (size_t)snprintf(text + at, sizeof text - at, "]\n");
    }
    refuse(text, ERR_LIMIT, "t.yaml:");
    CHECK(strstr(err.msg, "nodes"));
}

TEST(every_truncation_is_taken_or_refused)
{
    static const char sample[] =
        "a: &x {b: [1, 2.5, \"q\\u00e9\"], c: 'it''s'}\nd:\n  - *x\n"
        "  - |\n    text\n  - >-\n    folded\n  - ? k\n    : v\ne: !!str 5\n";
    const struct json *root;
    for (size_t n = 0; n < sizeof sample; n++) {
        err = (struct error){ 0 };
        char *copy = arena_alloc(test_arena(), n ? n : 1); /* so that ASan sees the end */
        memcpy(copy, sample, n);
        if (!yaml_parse(str_make(copy, n), STR("t"), test_arena(), &root, &err))
            CHECK(err.code == ERR_INVALID && err.msg[0]);
    }
}

TEST(random_damage)
{
    static const char sample[] =
        "a: &x {b: [1, 2.5], c: 'it'}\nd:\n  - *x\n  - |\n    t\ne: !!str 5\n";
    const struct json *root;
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 3000; i++) {
        char text[sizeof sample];
        memcpy(text, sample, sizeof text);
        for (int k = 0; k < 3; k++)
            text[rand_below(&r, sizeof text - 1)] =
                "[]{}:-,&*!|>'\"%@`#\n\t ?\xff\x01"[rand_below(&r, 24)];
        struct arena *a = arena_create(0);
        (void)!yaml_parse(str_make(text, sizeof text - 1), STR("t"), a, &root, &err);
        arena_destroy(a);
    }
}

TEST(size_is_bounded)
{
    const struct json *root;
    CHECK_FAILS(
        yaml_parse(str_make("x", (size_t)YAML_BYTES_MAX + 1), STR("t"), test_arena(), &root, &err),
        ERR_LIMIT);
}
