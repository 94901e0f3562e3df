/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog.h"
#include "catalog/refs.h"
#include "iceberg_test.h"

TEST(config_names_what_is_built)
{
    struct app *app = open_app();
    const struct json *list;
    struct error err = { 0 };
    struct reply r = get(app, "/v1/config");
    EXPECT(r, 200);
    CHECK_OK(json_need_array(parsed(r), "endpoints", &list, &err));
    CHECK_INT(list->array.n, 33); /* all but this one and the token endpoint */
    CHECK(str_find(r.body, STR("\"GET /v1/{prefix}/namespaces\"")) > 0);
    CHECK(str_find(r.body, STR("\"HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}\"")) > 0);
    CHECK(str_find(r.body, STR("\"POST /v1/{prefix}/transactions/commit\"")) > 0);
    CHECK(str_find(r.body, STR("\"overrides\":{\"namespace-separator\":\"%1F\"}")) > 0);
    CHECK(str_find(r.body, STR("\"idempotency-key-lifetime\":\"PT24H\"")) > 0);
    app_close(app);
}

TEST(config_maps_a_warehouse_to_a_branch)
{
    struct app *app = open_app();
    struct ref_info ref;
    struct error err = { 0 };
    CHECK_OK(catalog_create_ref(app->lake->catalog, CATALOG_BRANCH, STR("etl/a"), (str){ 0 },
                                test_arena(), &ref, &err));
    struct reply r = get(app, "/v1/config?warehouse=etl%2Fa");
    CHECK(str_find(r.body, STR("\"overrides\":{\"prefix\":\"etl%2Fa\",")) > 0);
    r = get(app, arena_printf(test_arena(), "/v1/config?warehouse=file://%s/lake/warehouse/",
                              test_tmpdir())
                     .ptr);
    CHECK(str_find(r.body, STR("\"prefix\"")) < 0);
    EXPECT_ERROR(get(app, "/v1/config?warehouse=moon"), 404, "NoSuchWarehouseException",
                 "Branch or tag does not exist: moon");
    EXPECT_ERROR(get(app, "/v1/config?warehouse=..%2F.."), 404, "NoSuchWarehouseException", "");
    app_close(app);
}

TEST(namespaces_are_made_loaded_and_dropped)
{
    struct app *app = open_app();
    EXPECT_BODY(
        send(app, "POST", "/v1/namespaces", json_f("{'namespace':['a'],'properties':{'k':'v'}}")),
        200, "{'namespace':['a'],'properties':{'k':'v'}}");
    str here = catalog_namespace_location(app->lake->catalog, STR("a"), test_arena());
    EXPECT_BODY(
        get(app, "/v1/namespaces/a"), 200,
        json_f("{'namespace':['a'],'properties':{'k':'v','location':'" STR_FMT "'}}", STR_ARG(here))
            .ptr);
    EXPECT_EMPTY(send(app, "HEAD", "/v1/namespaces/a", (str){ 0 }), 204);
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces", json_f("{'namespace':['a']}")), 409,
                 "AlreadyExistsException", "Namespace already exists: a");
    EXPECT_EMPTY(send(app, "DELETE", "/v1/namespaces/a", (str){ 0 }), 204);
    EXPECT_ERROR(send(app, "DELETE", "/v1/namespaces/a", (str){ 0 }), 404,
                 "NoSuchNamespaceException", "Namespace does not exist: a");
    EXPECT_ERROR(get(app, "/v1/namespaces/a"), 404, "NoSuchNamespaceException",
                 "Namespace does not exist: a");
    EXPECT(send(app, "HEAD", "/v1/namespaces/a", (str){ 0 }), 404);
    app_close(app);
}

TEST(namespaces_nest)
{
    struct app *app = open_app();
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces", json_f("{'namespace':['a','b']}")), 404,
                 "NoSuchNamespaceException", "Namespace does not exist: a");
    make_namespace(app, "'a'");
    make_namespace(app, "'a','b c'");
    make_namespace(app, "'a','b c','d.e'");
    EXPECT_BODY(get(app, "/v1/namespaces"), 200, "{'namespaces':[['a']],'next-page-token':null}");
    EXPECT_BODY(get(app, "/v1/namespaces?parent=a"), 200,
                "{'namespaces':[['a','b c']],'next-page-token':null}");
    EXPECT_BODY(get(app, "/v1/namespaces?parent=a%1Fb+c"), 200,
                "{'namespaces':[['a','b c','d.e']],'next-page-token':null}");
    EXPECT_BODY(get(app, "/v1/namespaces?parent=a%251Fb%2Bc"), 200,
                "{'namespaces':[['a','b c','d.e']],'next-page-token':null}");
    EXPECT_ERROR(get(app, "/v1/namespaces?parent=a%25"), 404, "NoSuchNamespaceException", "a%");
    EXPECT(get(app, "/v1/namespaces/a%1Fb%20c"), 200);
    EXPECT(get(app, "/v1/namespaces/a%1Fb+c%1Fd.e"), 200);
    EXPECT_ERROR(get(app, "/v1/namespaces?parent=x"), 404, "NoSuchNamespaceException",
                 "Namespace does not exist: x");
    EXPECT_ERROR(send(app, "DELETE", "/v1/namespaces/a", (str){ 0 }), 409,
                 "NamespaceNotEmptyException", "Namespace is not empty: a");
    app_close(app);
}

/* Without pageToken everything comes at once, whatever pageSize says. */
TEST(lists_of_namespaces_have_pages)
{
    struct app *app = open_app();
    for (int i = 0; i < 5; i++)
        make_namespace(app, arena_printf(test_arena(), "'n%d'", i).ptr);
    EXPECT_BODY(get(app, "/v1/namespaces?pageSize=2"), 200,
                "{'namespaces':[['n0'],['n1'],['n2'],['n3'],['n4']],'next-page-token':null}");
    struct reply r = get(app, "/v1/namespaces?pageSize=2&pageToken=");
    CHECK(str_starts(r.body, STR("{\"namespaces\":[[\"n0\"],[\"n1\"]],\"next-page-token\":\"")));
    str token = reply_str(r, "next-page-token");
    r = get(app, arena_printf(test_arena(), "/v1/namespaces?pageSize=4&pageToken=" STR_FMT,
                              STR_ARG(token))
                     .ptr);
    CHECK_STR(r.body, "{\"namespaces\":[[\"n2\"],[\"n3\"],[\"n4\"]],\"next-page-token\":null}");
    EXPECT_ERROR(get(app, "/v1/namespaces?pageToken=moon"), 400, "BadRequestException",
                 "page token");
    EXPECT_ERROR(get(app, "/v1/namespaces?pageSize=0"), 400, "BadRequestException", "pageSize");
    app_close(app);
}

TEST(properties_are_set_and_removed)
{
    struct app *app = open_app();
    EXPECT(send(app, "POST", "/v1/namespaces",
                json_f("{'namespace':['a'],'properties':{'k':'v','l':'w'}}")),
           200);
    EXPECT_BODY(send(app, "POST", "/v1/namespaces/a/properties",
                     json_f("{'updates':{'m':'x','location':'/lake'},'removals':['k','z']}")),
                200, "{'updated':['m','location'],'removed':['k'],'missing':['z']}");
    EXPECT_BODY(get(app, "/v1/namespaces/a"), 200,
                "{'namespace':['a'],'properties':{'l':'w','location':'/lake','m':'x'}}");
    EXPECT_BODY(send(app, "POST", "/v1/namespaces/a/properties", json_f("{'removals':['k']}")), 200,
                "{'updated':[],'removed':[],'missing':['k']}");
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/a/properties",
                      json_f("{'updates':{'m':'x'},'removals':['m']}")),
                 422, "UnprocessableEntityException", "[m]");
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/b/properties", json_f("{'removals':['k']}")),
                 404, "NoSuchNamespaceException", "Namespace does not exist: b");
    app_close(app);
}

/* A repeated request is answered as the first one was, though the property is gone by then. */
TEST(repeats_of_namespace_requests_change_nothing)
{
    struct app *app = open_app();
    const char *key = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
               *other = "017f22e2-79b0-7cc3-98c4-dc0c0c073990";
    str body = json_f("{'namespace':['a'],'properties':{'k':'v'}}");
    str update = json_f("{'updates':{'m':'x'},'removals':['k']}");
    for (int i = 0; i < 3; i++) {
        EXPECT(send_with(app, "POST", "/v1/namespaces", body, key, (str){ 0 }), 200);
        EXPECT_BODY(
            send_with(app, "POST", "/v1/namespaces/a/properties", update, other, (str){ 0 }), 200,
            "{'updated':['m'],'removed':['k'],'missing':[]}");
    }
    EXPECT_ERROR(send_with(app, "POST", "/v1/namespaces", body, "x", (str){ 0 }), 400,
                 "BadRequestException", "Idempotency-Key is not a UUID");
    app_close(app);
}

TEST(bad_namespaces_are_refused)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{'namespace':'a'}",
        "{'namespace':[]}",
        "{'namespace':[1]}",
        "{'namespace':['']}",
        "{'namespace':['..']}",
        "{'namespace':['a/../b']}",
        "{'namespace':['a\\u001fb']}",
        "{'namespace':['a'],'properties':{'k':1}}",
        "{'namespace':['a'],'properties':[]}",
        "{'namespace':['a'],'namespace':['b']}",
    };
    struct app *app = open_app();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_ERROR(send(app, "POST", "/v1/namespaces", json_f("%s", bad[i])), 400,
                     "BadRequestException", "");
    EXPECT_ERROR(get(app, "/v1/namespaces/..%2F"), 400, "BadRequestException", "");
    EXPECT_BODY(get(app, "/v1/namespaces"), 200, "{'namespaces':[],'next-page-token':null}");
    app_close(app);
}

/* Each branch has its own namespaces; tags and commits can be read only. */
TEST(prefixes_choose_the_branch)
{
    struct app *app = open_app();
    struct ref_info ref;
    struct error err = { 0 };
    struct catalog *c = app->lake->catalog;
    make_namespace(app, "'a'");
    CHECK_OK(
        catalog_create_ref(c, CATALOG_BRANCH, STR("dev"), (str){ 0 }, test_arena(), &ref, &err));
    CHECK_OK(catalog_create_ref(c, CATALOG_TAG, STR("t1"), (str){ 0 }, test_arena(), &ref, &err));
    EXPECT(send(app, "POST", "/v1/dev/namespaces", json_f("{'namespace':['b']}")), 200);
    EXPECT(get(app, "/v1/dev/namespaces/b"), 200);
    EXPECT(get(app, "/v1/namespaces/b"), 404);
    EXPECT(get(app, "/v1/t1/namespaces/a"), 200);
    EXPECT_ERROR(send(app, "POST", "/v1/t1/namespaces", json_f("{'namespace':['c']}")), 400,
                 "BadRequestException", "not a branch");
    EXPECT_ERROR(get(app, "/v1/moon/namespaces"), 404, "NotFoundException",
                 "Branch or tag does not exist: moon");
    /* A namespace may have the name of a part of the paths. */
    make_namespace(app, "'namespaces'");
    EXPECT(get(app, "/v1/namespaces/namespaces"), 200);
    EXPECT(get(app, "/v1/namespaces/namespaces/tables"), 200);
    app_close(app);
}
