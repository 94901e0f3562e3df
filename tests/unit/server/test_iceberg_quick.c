/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads that the threads of the sockets answer from memory: the same answers, and none that a change has made wrong. */
#include "govern/principals.h"
#include "iceberg_test.h"
#include "server/router.h"

#define LOAD "/iceberg/v1/namespaces/a/tables/t"

struct load {
    const char *path, *query;
    bool gzip;
    str if_none_match;
};

static struct api_request request_of(struct load l, struct arena *a)
{
    return (struct api_request){ .method = STR("GET"),
                                 .path = str_of(l.path ? l.path : LOAD),
                                 .query = str_of(l.query),
                                 .accepts_gzip = l.gzip,
                                 .if_none_match = l.if_none_match,
                                 .arena = a };
}

/* What the quick way answers; status 0: it is left to the handler. */
static struct reply quick(struct app *app, struct load l)
{
    struct error err = { 0 };
    struct api_answer answer;
    const struct route *route;
    struct arena *a = arena_create(0); /* what is remembered must not need the request */
    struct api_request req = request_of(l, a);
    struct reply out = { 0 };
    api_answer_init(&answer);
    CHECK_OK(route_find(&req, &route, &answer.allow, &err));
    if (route_run_quick(app, route, &req, &answer)) {
        str body = answer.borrowed.len ? answer.borrowed : buf_str(&answer.body);
        out = (struct reply){ answer.status, arena_str(test_arena(), body),
                              arena_str(test_arena(), answer.etag), answer.content_type };
        CHECK(answer.gzipped == (l.gzip && answer.status == 200));
    }
    api_answer_deinit(&answer);
    arena_destroy(a);
    return out;
}

/* The handler's answer, in an arena of its own. */
static struct reply slow(struct app *app, struct load l)
{
    struct api_answer answer;
    struct arena *a = arena_create(0);
    struct api_request req = request_of(l, a);
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    struct reply out = { answer.status, arena_str(test_arena(), buf_str(&answer.body)),
                         arena_str(test_arena(), answer.etag), answer.content_type };
    api_answer_deinit(&answer);
    arena_destroy(a);
    return out;
}

static struct app *app_with_table(void)
{
    struct app *app = open_app();
    make_namespace(app, "'a'");
    make_table(app, "a", "t");
    return app;
}

/* Both ways agree, after the handler has answered once. */
static void check_same(struct app *app, struct load l)
{
    CHECK_INT(quick(app, l).status, 0);
    struct reply by_handler = slow(app, l), at_once = quick(app, l);
    CHECK_INT(by_handler.status, 200);
    CHECK_INT(at_once.status, 200);
    CHECK(str_eq(at_once.body, by_handler.body));
    CHECK(str_eq(at_once.etag, by_handler.etag));
}

TEST(a_load_is_answered_from_memory_the_second_time)
{
    struct app *app = app_with_table();
    check_same(app, (struct load){ 0 });
    check_same(app, (struct load){ .query = "snapshots=refs" });
    check_same(app, (struct load){ .gzip = true });
    check_same(app, (struct load){ .path = "/iceberg/v1/main/namespaces/a/tables/t" });
    struct reply r = quick(app, (struct load){ 0 });
    struct load again = { .if_none_match = r.etag };
    CHECK_INT(quick(app, again).status, 304);
    CHECK_INT(quick(app, again).body.len, 0);
    again.gzip = true; /* the tag of the other form */
    CHECK_INT(quick(app, again).status, 304);
    again.if_none_match = STR("\"other\"");
    CHECK_INT(quick(app, again).status, 200);
    app_close(app);
}

TEST(a_long_answer_is_not_copied_and_lives_as_long_as_it_is_sent)
{
    struct app *app = app_with_table();
    char *text = arena_alloc(test_arena(), 100001);
    memset(text, 'x', 100000);
    text[100000] = 0;
    str body = arena_printf(test_arena(),
                            "{\"requirements\":[],\"updates\":[{\"action\":\"set-properties\","
                            "\"updates\":{\"p\":\"%s\"}}]}",
                            text);
    EXPECT(send_raw(app, "POST", LOAD, body), 200);
    check_same(app, (struct load){ 0 });
    CHECK(quick(app, (struct load){ 0 }).body.len > 100000);
    app_close(app);
}

TEST(a_change_ends_what_is_remembered)
{
    struct app *app = app_with_table();
    str set =
        json_f("{'requirements':[],'updates':[{'action':'set-properties','updates':{'p':'1'}}]}");
    check_same(app, (struct load){ 0 });
    EXPECT(send_raw(app, "POST", LOAD, set), 200);
    CHECK_INT(quick(app, (struct load){ 0 }).status, 0);
    CHECK(str_find(slow(app, (struct load){ 0 }).body, STR("\"p\":\"1\"")) > 0);
    CHECK(str_find(quick(app, (struct load){ 0 }).body, STR("\"p\":\"1\"")) > 0);
    const char *on_dev = "/iceberg/v1/dev/namespaces/a/tables/t";
    EXPECT(send_raw(app, "POST", "/api/refs", json_f("{'name':'dev','kind':'branch'}")), 201);
    check_same(app, (struct load){ .path = on_dev });
    EXPECT(send_raw(app, "DELETE", "/api/refs/dev", (str){ 0 }), 200);
    CHECK_INT(quick(app, (struct load){ .path = on_dev }).status, 0);
    CHECK_INT(slow(app, (struct load){ .path = on_dev }).status, 404);
    CHECK_INT(quick(app, (struct load){ .path = on_dev }).status, 0);
    app_close(app);
}

/* Who may read a commit that is named by its id or by steps is asked of the database. */
TEST(only_names_of_refs_are_remembered)
{
    struct app *app = app_with_table();
    const char *paths[] = { "/iceberg/v1/main~0/namespaces/a/tables/t",
                            "/iceberg/v1/main*2099-01-01/namespaces/a/tables/t" };
    for (size_t i = 0; i < 2; i++) {
        slow(app, (struct load){ .path = paths[i] });
        CHECK_INT(quick(app, (struct load){ .path = paths[i] }).status, 0);
    }
    app_close(app);
}

TEST(who_may_not_read_is_refused_the_quick_way_too)
{
    struct error err = { 0 };
    struct principal_secret secret;
    struct app *app = app_with_table();
    check_same(app, (struct load){ 0 });
    CHECK_OK(principals_bootstrap(app->lake->govern, test_arena(), &secret, &err));
    struct reply r = quick(app, (struct load){ 0 });
    CHECK(r.status == 401 || r.status == 403);
    CHECK(str_find(r.body, STR("metadata")) < 0);
    app_close(app);
}

/* Another server may change what this one remembers. */
TEST(nothing_is_remembered_of_a_shared_database)
{
    if (!on_postgres())
        return;
    struct app *app = app_with_table();
    slow(app, (struct load){ 0 });
    CHECK_INT(quick(app, (struct load){ 0 }).status, 0);
    app_close(app);
}
