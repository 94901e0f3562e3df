/* SPDX-License-Identifier: Apache-2.0 */
#include "server/router.h"
#include "test.h"

static struct api_request request(const char *method, const char *path)
{
    return (struct api_request){ .method = str_of(method),
                                 .path = str_of(path),
                                 .arena = test_arena() };
}

TEST(every_route_has_a_permission_a_handler_and_a_summary)
{
    CHECK(routes_n() > 30);
    for (size_t i = 0; i < routes_n(); i++) {
        const struct route *r = route_at(i);
        CHECK(r->permission >= PERMISSION_PUBLIC && r->permission <= PERMISSION_ADMIN);
        CHECK(r->handler && r->summary && *r->summary);
        CHECK(r->path[0] == '/');
        CHECK(r->body_max <= API_BODY_MAX);
        CHECK_INT(route_number(r), i);
    }
}

/* Two rows that differ only in the names of their parameters would hide one another. */
TEST(no_route_is_there_twice)
{
    for (size_t i = 0; i < routes_n(); i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(route_at(i)->method, route_at(k)->method) != 0)
                continue;
            str a = str_of(route_at(i)->path), b = str_of(route_at(k)->path), x, y;
            bool same = true;
            while (same && str_next(&a, '/', &x)) {
                bool more = str_next(&b, '/', &y);
                bool both_open = str_starts(x, STR("{")) && more && str_starts(y, STR("{"));
                same = more && (both_open || str_eq(x, y));
            }
            if (same && !b.ptr)
                test_fail(__FILE__, __LINE__, "%s %s and %s", route_at(i)->method,
                          route_at(i)->path, route_at(k)->path);
        }
    }
}

/* A literal path must come before a pattern that would take it. */
TEST(every_route_is_reached_by_its_own_pattern)
{
    struct error err = { 0 };
    for (size_t i = 0; i < routes_n(); i++) {
        const struct route *found;
        str allowed;
        struct buf path = BUF_INIT(1024);
        str rest = str_of(route_at(i)->path), segment;
        while (str_next(&rest, '/', &segment)) {
            buf_add_str(&path, str_starts(segment, STR("{")) ? STR("x") : segment);
            if (rest.ptr)
                buf_add_char(&path, '/');
        }
        buf_add_char(&path, 0);
        struct api_request req = request(route_at(i)->method, path.ptr);
        CHECK_OK(route_find(&req, &found, &allowed, &err));
        if (found != route_at(i))
            test_fail(__FILE__, __LINE__, "%s is answered by %s", route_at(i)->path, found->path);
        buf_deinit(&path);
    }
}

TEST(parameters_are_decoded_after_cutting)
{
    struct error err = { 0 };
    const struct route *r;
    str allowed;
    struct api_request req = request("GET", "/api/tables/a%2Fb.c%20d/files");
    CHECK_OK(route_find(&req, &r, &allowed, &err));
    CHECK(strcmp(r->path, "/api/tables/{name}/files") == 0);
    CHECK_STR(req.params[0], "a/b.c d");
    req = request("DELETE", "/api/refs/team/x%2Fy");
    CHECK_OK(route_find(&req, &r, &allowed, &err));
    CHECK_STR(req.params[0], "team/x/y");
    req = request("GET", "/api/tables/%zz");
    CHECK_FAILS(route_find(&req, &r, &allowed, &err), ERR_INVALID);
    CHECK_INT(allowed.len, 0);
    req = request("GET", "/api/tables/a%00b");
    CHECK_FAILS(route_find(&req, &r, &allowed, &err), ERR_INVALID);
}

TEST(unknown_paths_and_methods_are_told_apart)
{
    struct error err = { 0 };
    const struct route *r;
    str allowed;
    static const char *const nowhere[] = { "/nowhere", "/api/tables/",          "/api",   "//",
                                           "/health/", "/api/tables/x/files/y", "/HEALTH" };
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct api_request req = request("GET", nowhere[i]);
        CHECK_FAILS(route_find(&req, &r, &allowed, &err), ERR_NOT_FOUND);
        CHECK_INT(allowed.len, 0);
    }
    struct api_request req = request("PUT", "/api/refs");
    CHECK_FAILS(route_find(&req, &r, &allowed, &err), ERR_INVALID);
    CHECK_STR(allowed, "GET, POST");
}

TEST(dispatch_answers_unknown_paths_in_json)
{
    struct app app = { 0 };
    struct api_request req = request("GET", "/nowhere");
    struct api_answer answer;
    struct json *doc;
    struct error err = { 0 };
    api_answer_init(&answer);
    api_dispatch(&app, &req, &answer);
    CHECK_INT(answer.status, 404);
    CHECK_OK(json_parse(buf_str(&answer.body), test_arena(), &doc, &err));
    CHECK_STR(json_get(json_get(doc, "error"), "type")->s, "NotFound");
    api_answer_reset(&answer);
    req = request("POST", "/health");
    api_dispatch(&app, &req, &answer);
    CHECK_INT(answer.status, 405);
    CHECK_STR(answer.allow, "GET");
    api_answer_reset(&answer);
    req = request("GET", "/openapi.json");
    api_dispatch(&app, &req, &answer);
    CHECK_INT(answer.status, 200);
    CHECK_OK(json_parse(buf_str(&answer.body), test_arena(), &doc, &err));
    const struct json *paths = json_get(doc, "paths");
    CHECK(json_get(json_get(paths, "/api/sql"), "post") != NULL);
    CHECK(json_get(json_get(paths, "/api/refs/{name}"), "delete") != NULL);
    api_answer_deinit(&answer);
}

TEST(queries_are_decoded)
{
    struct api_request req = request("GET", "/x");
    struct error err = { 0 };
    int64_t n;
    req.query = STR("a=1+2%2F3&b=&c&d=%41%zz&limit=7&a=9&big=99999999999999999999");
    CHECK_STR(api_query(&req, "a", "no"), "1 2/3");
    CHECK_STR(api_query(&req, "b", "no"), "");
    CHECK_STR(api_query(&req, "c", "no"), "");
    CHECK_STR(api_query(&req, "d", "no"), "A%zz");
    CHECK_STR(api_query(&req, "e", "no"), "no");
    CHECK_OK(api_query_int(&req, "limit", 1, 0, 10, &n, &err));
    CHECK_INT(n, 7);
    CHECK_OK(api_query_int(&req, "other", 3, 0, 10, &n, &err));
    CHECK_INT(n, 3);
    CHECK_FAILS(api_query_int(&req, "limit", 1, 0, 6, &n, &err), ERR_INVALID);
    CHECK_FAILS(api_query_int(&req, "a", 1, 0, 6, &n, &err), ERR_INVALID);
    CHECK_FAILS(api_query_int(&req, "big", 1, 0, 6, &n, &err), ERR_INVALID);
}
