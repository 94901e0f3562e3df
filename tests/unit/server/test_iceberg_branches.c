/* SPDX-License-Identifier: Apache-2.0
 *
 * Views and functions are versioned as tables are: seen on their branch only, merged, and in conflict by name. */
#include "iceberg_test.h"

#define VIEW(sql_)                                                                                 \
    "\"schema\":{\"type\":\"struct\",\"fields\":[]},\"view-version\":{\"version-id\":1,"           \
    "\"schema-id\":0,\"timestamp-ms\":1,\"summary\":{},\"default-namespace\":[],"                  \
    "\"representations\":[{\"type\":\"sql\",\"sql\":\"" sql_ "\",\"dialect\":\"d\"}]}"
#define CHANGE_SQL(sql_)                                                                           \
    "{\"updates\":[{\"action\":\"add-view-version\",\"view-version\":{\"version-id\":1,"           \
    "\"schema-id\":0,\"timestamp-ms\":2,\"summary\":{},\"default-namespace\":[],"                  \
    "\"representations\":[{\"type\":\"sql\",\"sql\":\"" sql_ "\",\"dialect\":\"d\"}]}},"           \
    "{\"action\":\"set-current-view-version\",\"view-version-id\":-1}]}"

static struct reply api(struct app *app, const char *path, const char *body)
{
    return send_raw(app, "POST", path, str_of(body));
}

static struct app *app_with_branch(void)
{
    struct app *app = open_app();
    make_namespace(app, "'a'");
    make_table(app, "a", "t");
    EXPECT(
        send(app, "POST", "/v1/namespaces/a/views", STR("{\"name\":\"v\"," VIEW("select 1") "}")),
        200);
    EXPECT(api(app, "/api/refs", "{\"name\":\"side\",\"from\":\"main\"}"), 201);
    return app;
}

static bool merged(struct app *app)
{
    struct reply r = api(app, "/api/merge", "{\"from\":\"side\",\"into\":\"main\"}");
    CHECK(r.status == 200 || r.status == 409);
    return r.status == 200 && str_find(r.body, STR("\"applied\":true")) >= 0;
}

TEST(views_of_a_branch_are_merged)
{
    struct app *app = app_with_branch();
    EXPECT(send(app, "POST", "/side/v1/namespaces/a/views",
                STR("{\"name\":\"w\"," VIEW("select 2") "}")),
           200);
    EXPECT(send(app, "POST", "/v1/side/namespaces/a/views/v", STR(CHANGE_SQL("select 3"))), 200);
    EXPECT(get(app, "/v1/namespaces/a/views/w"), 404);
    CHECK(str_find(get(app, "/v1/namespaces/a/views/v").body, STR("select 3")) < 0);
    EXPECT(send(app, "POST", "/v1/namespaces/a/tables",
                json_f("{'name':'other','schema':" SCHEMA "}")),
           200);
    CHECK(merged(app));
    EXPECT(get(app, "/v1/namespaces/a/views/w"), 200);
    CHECK(str_find(get(app, "/v1/namespaces/a/views/v").body, STR("select 3")) > 0);
    app_close(app);
}

TEST(views_changed_on_both_sides_conflict)
{
    struct app *app = app_with_branch();
    EXPECT(send(app, "POST", "/v1/side/namespaces/a/views/v", STR(CHANGE_SQL("select 3"))), 200);
    EXPECT(send(app, "POST", "/v1/namespaces/a/views/v", STR(CHANGE_SQL("select 4"))), 200);
    CHECK(!merged(app));
    CHECK(str_find(get(app, "/v1/namespaces/a/views/v").body, STR("select 3")) < 0);
    app_close(app);
}

/* What is a table here and a view there is a conflict, whichever side changed it into what. */
static void table_against_view(const char *there, const char *here)
{
    struct app *app = app_with_branch();
    struct arena *a = test_arena();
    EXPECT(send(app, "DELETE", arena_printf(a, "%s/namespaces/a/tables/t", there).ptr, (str){ 0 }),
           204);
    EXPECT(send(app, "POST", arena_printf(a, "%s/namespaces/a/views", there).ptr,
                STR("{\"name\":\"t\"," VIEW("select 2") "}")),
           200);
    EXPECT(send(app, "POST", arena_printf(a, "%s/namespaces/a/tables/t", here).ptr,
                json_f("{'updates':[{'action':'set-properties','updates':{'p':'1'}}]}")),
           200);
    CHECK(!merged(app));
    app_close(app);
}

TEST(a_table_and_the_branch_s_view_conflict)
{
    table_against_view("/v1/side", "/v1/main");
}

TEST(a_view_and_the_branch_s_table_conflict)
{
    table_against_view("/v1/main", "/v1/side");
}

TEST(tags_can_be_read_and_not_written)
{
    struct app *app = app_with_branch();
    EXPECT(api(app, "/api/refs", "{\"name\":\"v1\",\"kind\":\"tag\",\"from\":\"main\"}"), 201);
    EXPECT(get(app, "/v1/v1/namespaces/a/views/v"), 200);
    struct reply r = send(app, "POST", "/v1/v1/namespaces/a/views",
                          STR("{\"name\":\"w\"," VIEW("select 2") "}"));
    CHECK(r.status >= 400 && r.status < 500);
    r = send(app, "DELETE", "/v1/v1/namespaces/a/views/v", (str){ 0 });
    CHECK(r.status >= 400 && r.status < 500);
    EXPECT(get(app, "/v1/namespaces/a/views/v"), 200);
    app_close(app);
}
