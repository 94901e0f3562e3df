/* SPDX-License-Identifier: Apache-2.0
 *
 * Nessie's API request by request; real clients speak to it in tests/interop/nessie.sh. */
#include "iceberg_test.h"
#include "server/cel.h"

static struct reply ask(struct app *app, const char *method, const char *path, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static struct reply ask(struct app *app, const char *method, const char *path, const char *fmt, ...)
{
    va_list args;
    struct api_answer answer;
    struct api_request req = { .method = str_of(method), .arena = test_arena() };
    va_start(args, fmt);
    req.body = quoted(fmt, args);
    va_end(args);
    str_cut(arena_printf(test_arena(), "/nessie/api/%s", path), '?', &req.path, &req.query);
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    struct reply out = { .status = answer.status,
                         .body = arena_str(test_arena(), buf_str(&answer.body)) };
    api_answer_deinit(&answer);
    return out;
}

static void check_error(struct reply r, int status, const char *code, const char *words)
{
    const struct json *doc = parsed(r);
    CHECK_INT(r.status, status);
    CHECK_STR(json_get(doc, "errorCode")->s, code);
    if (str_find(json_get(doc, "message")->s, str_of(words)) < 0)
        test_fail(__FILE__, __LINE__, "message: " STR_FMT, STR_ARG(json_get(doc, "message")->s));
}

static str head(struct app *app, const char *ref)
{
    struct reply r = ask(app, "GET", arena_printf(test_arena(), "v2/trees/%s", ref).ptr, "%s", "");
    CHECK_INT(r.status, 200);
    return json_get(json_get(parsed(r), "reference"), "hash")->s;
}

static struct reply put_namespace(struct app *app, const char *at, const char *name)
{
    return ask(app, "POST", arena_printf(test_arena(), "v2/trees/%s/history/commit", at).ptr,
               "{'commitMeta':{'message':'m','authors':['me']},'operations':[{'type':'PUT','key':"
               "{'elements':['%s']},'content':{'type':'NAMESPACE','elements':['%s'],"
               "'properties':{'k':'v'}}}]}",
               name, name);
}

TEST(references_are_made_assigned_and_deleted)
{
    struct app *app = open_app();
    CHECK_INT(
        ask(app, "POST", "v2/trees?name=dev&type=BRANCH", "{'type':'BRANCH','name':'main'}").status,
        200);
    check_error(ask(app, "POST", "v2/trees?name=dev&type=TAG", "{'name':'main'}"), 409,
                "REFERENCE_ALREADY_EXISTS", "already exists");
    check_error(ask(app, "POST", "v2/trees?name=x&type=TAG", "{'name':'none'}"), 404,
                "REFERENCE_NOT_FOUND", "none");
    check_error(ask(app, "POST", "v2/trees?name=x&type=THING", "{'name':'main'}"), 400,
                "BAD_REQUEST", "BRANCH or TAG");
    str first = head(app, "main");
    CHECK_INT(put_namespace(app, "dev", "a").status, 200);
    CHECK(str_eq(head(app, "dev~1"), first));
    CHECK(str_eq(head(app, "-"), first));
    const char *at = arena_printf(test_arena(), "v2/trees/dev@" STR_FMT, STR_ARG(first)).ptr;
    check_error(ask(app, "DELETE", at, "%s", ""), 409, "REFERENCE_CONFLICT", "has moved");
    check_error(ask(app, "PUT", "v2/trees/dev?type=TAG", "{'name':'main'}"), 409,
                "REFERENCE_CONFLICT", "type");
    CHECK_INT(ask(app, "PUT", "v2/trees/dev", "{'type':'BRANCH','name':'main'}").status, 200);
    CHECK(str_eq(head(app, "dev"), first));
    CHECK_INT(ask(app, "DELETE", "v2/trees/dev", "%s", "").status, 200);
    check_error(ask(app, "GET", "v2/trees/dev", "%s", ""), 404, "REFERENCE_NOT_FOUND", "dev");
    check_error(ask(app, "DELETE", "v2/trees/main", "%s", ""), 400, "BAD_REQUEST", "main");
    check_error(ask(app, "GET", "v2/nope", "%s", ""), 404, "UNKNOWN", "nothing at");
    check_error(ask(app, "DELETE", "v2/config", "%s", ""), 405, "UNKNOWN", "GET");
    check_error(ask(app, "GET", "v2/trees/-x", "%s", ""), 404, "REFERENCE_NOT_FOUND", ": -x");
    CHECK_INT(ask(app, "POST", "v2/trees?name=DETACHED-x&type=BRANCH", "{'name':'main'}").status,
              200);
    CHECK(str_eq(head(app, "DETACHED-x"), first));
    app_close(app);
}

TEST(commits_conflict_only_where_they_touch)
{
    struct app *app = open_app();
    str first = head(app, "main");
    const char *old = arena_printf(test_arena(), "main@" STR_FMT, STR_ARG(first)).ptr;
    CHECK_INT(put_namespace(app, old, "a").status, 200);
    CHECK_INT(put_namespace(app, old, "b").status, 200); /* another key: rebased */
    struct reply r = put_namespace(app, old, "a");
    check_error(r, 409, "REFERENCE_CONFLICT", "already exists");
    CHECK(str_find(r.body, STR("KEY_EXISTS")) > 0);
    r = ask(
        app, "POST", "v2/trees/main/history/commit",
        "{'commitMeta':{'message':'m'},'operations':[{'type':'PUT','key':{'elements':['no','t']},"
        "'content':{'type':'ICEBERG_TABLE','metadataLocation':'/x'}}]}");
    CHECK_INT(r.status, 409);
    CHECK(str_find(r.body, STR("NAMESPACE_ABSENT")) > 0);
    r = ask(app, "POST", "v2/trees/main/history/commit",
            "{'operations':[{'type':'PUT','key':{'elements':['a','t']},"
            "'content':{'type':'ICEBERG_TABLE','metadataLocation':'/nowhere/x.json'}}]}");
    CHECK_INT(r.status / 100, 4);
    r = ask(
        app, "POST", "v2/trees/main/history/commit",
        "{'operations':[{'type':'PUT','key':{'elements':['a','t']},'content':{'type':'DELTA_LAKE_TABLE'}}]}");
    check_error(r, 400, "BAD_REQUEST", "not supported");
    r = ask(app, "POST", "v2/trees/main/history/commit",
            "{'operations':[{'type':'DELETE','key':{'elements':['c']}}]}");
    CHECK(r.status == 409 && str_find(r.body, STR("KEY_DOES_NOT_EXIST")) > 0);
    CHECK_INT(ask(app, "POST", "v2/trees/main/history/commit",
                  "{'operations':[{'type':'DELETE','key':{'elements':['a']}}]}")
                  .status,
              200);
    app_close(app);
}

TEST(entries_and_history_come_in_pages)
{
    struct app *app = open_app();
    for (char name[] = "a"; name[0] < 'f'; name[0]++)
        CHECK_INT(put_namespace(app, "main", name).status, 200);
    struct reply r = ask(app, "GET", "v2/trees/main/entries?max-records=2", "%s", "");
    const struct json *doc = parsed(r);
    CHECK_INT(json_get(doc, "entries")->array.n, 2);
    CHECK(json_get(doc, "hasMore")->b);
    str token = json_get(doc, "token")->s;
    r = ask(
        app, "GET",
        arena_printf(test_arena(), "v2/trees/main/entries?page-token=" STR_FMT, STR_ARG(token)).ptr,
        "%s", "");
    CHECK_INT(json_get(parsed(r), "entries")->array.n, 3);
    /* a filter that leaves out some: no page is larger for it */
    r = ask(app, "GET", "v2/trees/main/entries?max-records=2&filter=entry.name%20!=%20%27a%27",
            "%s", "");
    CHECK_INT(json_get(parsed(r), "entries")->array.n, 2);
    r = ask(app, "GET", "v2/trees/main/entries?filter=entry.name%20in%20%5B%27a%27%2C%27c%27%5D",
            "%s", "");
    CHECK_INT(json_get(parsed(r), "entries")->array.n, 2);
    check_error(
        ask(app, "GET", "v2/trees/main/entries?filter=entry.name.matches(%27x%27)", "%s", ""), 400,
        "BAD_REQUEST", "matches");
    r = ask(app, "GET", "v2/trees/main/history?max-records=2&fetch=ALL", "%s", "");
    doc = parsed(r);
    CHECK_INT(json_get(doc, "logEntries")->array.n, 2);
    CHECK_INT(json_get(&json_get(doc, "logEntries")->array.items[0], "operations")->array.n, 1);
    CHECK(json_get(doc, "hasMore")->b);
    check_error(ask(app, "GET", "v2/trees/main/entries?page-token=zz", "%s", ""), 400,
                "BAD_REQUEST", "page token");
    check_error(ask(app, "GET", "v2/trees/main/contents/a.none", "%s", ""), 404,
                "CONTENT_NOT_FOUND", "a.none");
    r = ask(app, "POST", "v2/trees/main/contents",
            "{'requestedKeys':[{'elements':['a']},{'elements':['z']}]}");
    CHECK_INT(json_get(parsed(r), "contents")->array.n, 1);
    app_close(app);
}

static bool holds(const char *text, enum err_code *code)
{
    struct error err = { 0 };
    const struct cel *e;
    bool out = false;
    struct cel_value list[] = { { .kind = CEL_STR, .s = STR_INIT("a") },
                                { .kind = CEL_STR, .s = STR_INIT("b") } };
    struct cel_member m[] = {
        { STR_INIT("name"), { .kind = CEL_STR, .s = STR_INIT("it's") } },
        { STR_INIT("levels"), { .kind = CEL_LIST, .list = { list, 2 } } },
        { STR_INIT("time"), { .kind = CEL_TIME, .i = 1000000 } },
        { STR_INIT("n"), { .kind = CEL_INT, .i = 3 } },
    };
    struct cel_member x = { STR_INIT("x"), { .kind = CEL_OBJECT, .object = { m, 4 } } };
    bool ok = cel_parse(str_of(text), test_arena(), &e, &err) &&
              cel_holds(e, &x, 1, test_arena(), &out, &err);
    *code = ok ? ERR_NONE : err.code;
    return out;
}

/* A token of a history is a commit id: one of another ref opens nothing, nor does one that came by a merge. */
TEST(page_tokens_do_not_leave_their_ref)
{
    struct app *app = open_app();
    const char *refused = "page token is not one of this listing";
    CHECK_INT(put_namespace(app, "main", "a").status, 200);
    CHECK_INT(
        ask(app, "POST", "v2/trees?name=dev&type=BRANCH", "{'type':'BRANCH','name':'main'}").status,
        200);
    CHECK_INT(put_namespace(app, "dev", "b").status, 200);
    CHECK_INT(put_namespace(app, "main", "c").status, 200);
    struct arena *a = test_arena();
    str dev = head(app, "dev"), before = head(app, "main~1");
    const char *other =
        arena_printf(a, "v2/trees/main/history?page-token=" STR_FMT, STR_ARG(dev)).ptr;
    check_error(ask(app, "GET", other, "%s", ""), 400, "BAD_REQUEST", refused);
    check_error(ask(app, "GET",
                    arena_printf(a, "v1/trees/tree/main/log?pageToken=" STR_FMT, STR_ARG(dev)).ptr,
                    "%s", ""),
                400, "BAD_REQUEST", refused);
    check_error(
        ask(app, "GET", arena_printf(a, "v2/trees/main/history?page-token=%064d", 7).ptr, "%s", ""),
        400, "BAD_REQUEST", refused);
    check_error(ask(app, "GET", "v2/trees/main/history?page-token=x", "%s", ""), 400, "BAD_REQUEST",
                refused);
    struct reply r =
        ask(app, "GET",
            arena_printf(a, "v2/trees/main/history?page-token=" STR_FMT, STR_ARG(before)).ptr, "%s",
            "");
    CHECK_INT(r.status, 200);
    CHECK_STR(
        json_get(json_get(&json_get(parsed(r), "logEntries")->array.items[0], "commitMeta"), "hash")
            ->s,
        arena_cstr(a, before));
    CHECK_INT(ask(app, "POST", "v2/trees/main/history/merge",
                  "{'fromRefName':'dev','fromHash':'" STR_FMT "'}", STR_ARG(dev))
                  .status,
              200);
    check_error(ask(app, "GET", other, "%s", ""), 400, "BAD_REQUEST", refused);
    app_close(app);
}

TEST(filters_hold_fail_and_refuse)
{
    static const struct {
        const char *text;
        bool holds;
        enum err_code code;
    } cases[] = {
        { "x.name == 'it\\'s'", true, ERR_NONE },
        { "x.name == \"it's\" && x.n > 2 && x.n <= 3", true, ERR_NONE },
        { "x.n in [1, 2] || !(x.n != 3)", true, ERR_NONE },
        { "size(x.levels) == 2 && x.levels[1] == 'b'", true, ERR_NONE },
        { "x.levels.exists(l, l.startsWith('b'))", true, ERR_NONE },
        { "x.levels.exists(l, l.endsWith('c'))", false, ERR_NONE },
        { "x.time > timestamp('1970-01-01T00:00:00Z')", true, ERR_NONE },
        { "timestamp(x.time) < timestamp('1970-01-01T00:00:01Z')", false, ERR_NONE },
        { "has(x.none) || x['none'] == null", true, ERR_NONE },
        { "false || x.none == 1", false, ERR_INVALID },
        { "y == 1", false, ERR_INVALID },
        { "x.n", false, ERR_INVALID },
        { "x.n < 'a'", false, ERR_INVALID },
        { "x.name.matches('a')", false, ERR_UNSUPPORTED },
        { "x.n == 1.5", false, ERR_INVALID },
        { "(x.n == 1", false, ERR_INVALID },
        { "x.n == 1 1", false, ERR_INVALID },
        { "'abc", false, ERR_INVALID },
        { "", false, ERR_INVALID },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum err_code code;
        bool got = holds(cases[i].text, &code);
        if (code != cases[i].code || got != cases[i].holds)
            test_fail(__FILE__, __LINE__, "%s: %d, error %s", cases[i].text, got,
                      err_code_name(code));
    }
}

/* `times` times the piece, then the end. */
static const char *repeated(const char *piece, int times, const char *end)
{
    struct buf text = BUF_INIT(1 << 20);
    for (int i = 0; i < times; i++)
        buf_printf(&text, "%s", piece);
    buf_printf(&text, "%s", end);
    const char *out = arena_cstr(test_arena(), buf_str(&text));
    buf_deinit(&text);
    return out;
}

/* Neither the stack nor a worker is at the mercy of who may ask. */
TEST(filters_have_bounds)
{
    enum err_code code;
    CHECK(holds(repeated("x.n == 4 || ", 500, "x.n == 3"), &code));
    CHECK(!holds(repeated("true || ", 2040, "true"), &code) && code == ERR_INVALID);
    CHECK(!holds(repeated(".a", 8000, ""), &code) && code == ERR_INVALID);
    CHECK(!holds(arena_printf(test_arena(), "x%s", repeated(".a", 8000, "")).ptr, &code) &&
          code == ERR_INVALID);
    const char *loop = "[1,2,3,4,5,6,7,8,9,10].exists(i, ";
    CHECK(!holds(arena_printf(test_arena(), "%s%s", repeated(loop, 3, "i == 11"), ")))").ptr,
                 &code) &&
          code == ERR_NONE);
    CHECK(!holds(
              arena_printf(test_arena(), "%s%s", repeated(loop, 12, "i == 11"), "))))))))))))").ptr,
              &code) &&
          code == ERR_LIMIT);
}
