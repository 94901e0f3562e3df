/* SPDX-License-Identifier: Apache-2.0
 *
 * The management API as Polaris's clients use it: shapes, statuses, and that every grant reads back as it was written. */
#include <sys/stat.h>

#include "codec/json.h"
#include "server/api.h"
#include "sql/lake.h"
#include "test.h"

#define M "/api/management/v1/"

struct world {
    struct app *app;
    struct api_answer answer;
};

static void begin(struct world *w)
{
    struct error err = { 0 };
    struct lake_options o = { .dir = arena_printf(test_arena(), "%s/data", test_tmpdir()).ptr };
    CHECK_OK(app_open(&o, &w->app, &err));
    api_answer_init(&w->answer);
}

static void end(struct world *w)
{
    api_answer_deinit(&w->answer);
    app_close(w->app);
}

/* A request of the process's own user; its answer must have this status. */
static str call(struct world *w, const char *method, const char *path, const char *body, int status)
{
    struct api_request req = { .method = str_of(method),
                               .body = str_of(body),
                               .request_id = STR("test"),
                               .arena = test_arena(),
                               .in_process = true };
    str_cut(str_of(path), '?', &req.path, &req.query);
    api_answer_reset(&w->answer);
    api_dispatch(w->app, &req, &w->answer);
    if (w->answer.status != status)
        test_fail(__FILE__, __LINE__, "%s %s: %d, wanted %d: " STR_FMT, method, path,
                  w->answer.status, status, STR_ARG(buf_str(&w->answer.body)));
    return arena_str(test_arena(), buf_str(&w->answer.body));
}

static const struct json *get(struct world *w, const char *path)
{
    struct error err = { 0 };
    struct json *doc;
    CHECK_OK(json_parse(call(w, "GET", path, NULL, 200), test_arena(), &doc, &err));
    return doc;
}

static const struct json *member(const struct json *doc, const char *key, const char *inner)
{
    const struct json *v = json_get(doc, key);
    CHECK(v != NULL);
    return inner ? member(v, inner, NULL) : v;
}

TEST(principals_as_polaris_has_them)
{
    struct world w;
    struct error err = { 0 };
    struct json *doc;
    begin(&w);
    call(&w, "POST", M "bootstrap", "{}", 201);
    CHECK(w.answer.no_store);
    call(&w, "POST", M "bootstrap", "{}", 409);
    str made = call(&w, "POST", M "principals",
                    "{\"principal\":{\"name\":\"etl\",\"properties\":{\"team\":\"a\"}},"
                    "\"credentialRotationRequired\":true}",
                    201);
    CHECK(w.answer.no_store);
    CHECK_OK(json_parse(made, test_arena(), &doc, &err));
    CHECK_STR(member(doc, "principal", "name")->s, "etl");
    CHECK(member(doc, "principal", "entityVersion")->i == 1);
    CHECK(
        str_eq(member(doc, "principal", "clientId")->s, member(doc, "credentials", "clientId")->s));
    CHECK_INT(member(doc, "credentials", "clientSecret")->s.len, 32);
    call(&w, "POST", M "principals", "{\"principal\":{\"name\":\"etl\"}}", 409);
    call(&w, "POST", M "principals", "{\"principal\":{}}", 400);
    call(&w, "POST", M "principals", "{\"principal\":{\"name\":\"\"}}", 400);
    call(&w, "POST", M "principals", "{\"principal\":{\"name\":\"a\",\"properties\":{\"b\":1}}}",
         400);
    CHECK_INT(member(get(&w, M "principals"), "principals", NULL)->array.n, 2);
    /* No answer but that of making, rotating and resetting has a secret. */
    CHECK(str_find(call(&w, "GET", M "principals/etl", NULL, 200), STR("ecret")) < 0);
    call(&w, "GET", M "principals/nobody", NULL, 404);
    call(&w, "PUT", M "principals/etl", "{\"currentEntityVersion\":9,\"properties\":{}}", 409);
    call(&w, "PUT", M "principals/etl", "{\"currentEntityVersion\":1,\"properties\":{}}", 200);
    CHECK(member(get(&w, M "principals/etl"), "enabled", NULL)->b);
    call(&w, "PUT", M "principals/etl", "{\"enabled\":false}", 200);
    CHECK(!member(get(&w, M "principals/etl"), "enabled", NULL)->b);
    call(&w, "POST", M "principals/etl/rotate", "", 200);
    call(&w, "POST", M "principals/etl/reset", "", 200);
    call(&w, "POST", M "principals/etl/reset",
         "{\"clientId\":\"chosen\",\"clientSecret\":\"0123456789abcdef\"}", 200);
    CHECK_STR(member(get(&w, M "principals/etl"), "clientId", NULL)->s, "chosen");
    call(&w, "POST", M "principals/etl/api-keys", "{\"lifetime\":\"soon\"}", 400);
    call(&w, "POST", M "principals/etl/api-keys", "{\"note\":\"n\",\"lifetime\":\"90d\"}", 201);
    const struct json *keys = member(get(&w, M "principals/etl/api-keys"), "keys", NULL);
    CHECK_INT(keys->array.n, 1);
    CHECK(json_get(&keys->array.items[0], "key") == NULL);
    call(&w, "DELETE", M "principals/etl", NULL, 204);
    call(&w, "DELETE", M "principals/root", NULL, 403);
    call(&w, "GET", M "principals/etl", NULL, 404);
    end(&w);
}

TEST(roles_are_given_and_taken)
{
    struct world w;
    begin(&w);
    call(&w, "POST", M "bootstrap", "{}", 201);
    call(&w, "POST", M "principals", "{\"principal\":{\"name\":\"bob\"}}", 201);
    call(&w, "POST", M "principal-roles", "{\"principalRole\":{\"name\":\"r\"}}", 201);
    call(&w, "POST", M "principal-roles", "{\"principalRole\":{\"name\":\"r\"}}", 409);
    call(&w, "POST", M "catalogs/firn/catalog-roles", "{\"catalogRole\":{\"name\":\"c\"}}", 201);
    call(&w, "POST", M "catalogs/other/catalog-roles", "{\"catalogRole\":{\"name\":\"c\"}}", 404);
    call(&w, "PUT", M "principals/bob/principal-roles", "{\"principalRole\":{\"name\":\"r\"}}",
         201);
    call(&w, "PUT", M "principals/bob/principal-roles", "{\"principalRole\":{\"name\":\"r\"}}",
         201);
    call(&w, "PUT", M "principals/bob/principal-roles", "{\"principalRole\":{\"name\":\"x\"}}",
         404);
    call(&w, "PUT", M "principal-roles/r/catalog-roles/firn", "{\"catalogRole\":{\"name\":\"c\"}}",
         201);
    CHECK_INT(member(get(&w, M "principals/bob/principal-roles"), "roles", NULL)->array.n, 1);
    CHECK_INT(member(get(&w, M "principal-roles/r/principals"), "principals", NULL)->array.n, 1);
    CHECK_INT(member(get(&w, M "principal-roles/r/catalog-roles/firn"), "roles", NULL)->array.n, 1);
    CHECK_INT(
        member(get(&w, M "catalogs/firn/catalog-roles/c/principal-roles"), "roles", NULL)->array.n,
        1);
    call(&w, "DELETE", M "principal-roles/r/catalog-roles/firn/c", NULL, 204);
    call(&w, "DELETE", M "principal-roles/r/catalog-roles/firn/c", NULL, 404);
    call(&w, "DELETE", M "principals/bob/principal-roles/r", NULL, 204);
    call(&w, "PUT", M "principal-roles/r",
         "{\"currentEntityVersion\":1,\"properties\":{\"a\":\"b\"}}", 200);
    call(&w, "DELETE", M "principal-roles/r", NULL, 204);
    call(&w, "DELETE", M "principal-roles/service_admin", NULL, 403);
    call(&w, "DELETE", M "catalogs/firn/catalog-roles/catalog_admin", NULL, 403);
    call(&w, "GET", M "catalogs", NULL, 200);
    call(&w, "GET", M "catalogs/firn", NULL, 200);
    call(&w, "POST", M "catalogs", "{\"catalog\":{\"name\":\"firn\"}}", 409);
    call(&w, "POST", M "catalogs", "{\"catalog\":{\"name\":\"two\"}}", 406);
    call(&w, "DELETE", M "catalogs/firn", NULL, 406);
    end(&w);
}

#define GRANTS M "catalogs/firn/catalog-roles/c/grants"

static const char *const grants[] = {
    "{\"type\":\"catalog\",\"privilege\":\"CATALOG_MANAGE_CONTENT\",\"ref\":\"dev/*\"}",
    "{\"type\":\"feature-view\",\"featureViewName\":\"v\",\"privilege\":\"FEATURE_VIEW_READ_DATA\"}",
    "{\"type\":\"function\",\"namespace\":[\"a\"],\"functionName\":\"f\",\"privilege\":\"FUNCTION_DROP\"}",
    "{\"type\":\"model\",\"modelName\":\"m\",\"privilege\":\"MODEL_READ_DATA\"}",
    "{\"type\":\"namespace\",\"namespace\":[\"a\",\"b.c\"],\"privilege\":\"TABLE_READ_DATA\"}",
    "{\"type\":\"policy\",\"namespace\":[\"a\"],\"policyName\":\"p\",\"privilege\":\"POLICY_READ\"}",
    "{\"type\":\"service\",\"privilege\":\"SERVICE_OPERATE\"}",
    "{\"type\":\"table\",\"namespace\":[\"a\",\"b.c\"],\"tableName\":\"t\",\"privilege\":\"TABLE_READ_DATA\"}",
    "{\"type\":\"view\",\"namespace\":[\"a\"],\"viewName\":\"v\",\"privilege\":\"VIEW_DROP\"}",
};
#define GRANTS_N (sizeof grants / sizeof *grants)

static const char *wrapped(const char *grant)
{
    return arena_printf(test_arena(), "{\"grant\":%s}", grant).ptr;
}

TEST(grants_read_back_as_they_were_written)
{
    struct world w;
    begin(&w);
    call(&w, "POST", M "catalogs/firn/catalog-roles", "{\"catalogRole\":{\"name\":\"c\"}}", 201);
    for (size_t i = 0; i < GRANTS_N; i++)
        call(&w, "PUT", GRANTS, wrapped(grants[i]), 201);
    str list = call(&w, "GET", GRANTS, NULL, 200);
    for (size_t i = 0; i < GRANTS_N; i++)
        if (str_find(list, str_of(grants[i])) < 0)
            test_fail(__FILE__, __LINE__, "%s is not in " STR_FMT, grants[i], STR_ARG(list));
    call(&w, "POST", GRANTS, wrapped(grants[0]), 201);
    call(&w, "POST", GRANTS, wrapped(grants[0]), 404);
    /* With cascade the grant on the table below the namespace goes too. */
    call(&w, "POST", GRANTS "?cascade=true", wrapped(grants[4]), 201);
    CHECK_INT(member(get(&w, GRANTS), "grants", NULL)->array.n, GRANTS_N - 3);
    end(&w);
}

/* Where tables may lie: the warehouse, and what firn.yaml allows. */
TEST(the_catalog_says_where_its_tables_may_lie)
{
    struct world w;
    begin(&w);
    end(&w);
    CHECK(mkdir(arena_printf(test_arena(), "%s/one", test_tmpdir()).ptr, 0755) == 0);
    CHECK(mkdir(arena_printf(test_arena(), "%s/two", test_tmpdir()).ptr, 0755) == 0);
    FILE *f = fopen(arena_printf(test_arena(), "%s/data/firn.yaml", test_tmpdir()).ptr, "w");
    CHECK(f &&
          fprintf(f, "allowed_locations: [%s/one, {location: 's3://bucket/two', dir: %s/two}]\n",
                  test_tmpdir(), test_tmpdir()) > 0);
    fclose(f);
    begin(&w);
    const struct json *c = get(&w, M "catalogs/firn");
    const struct json *allowed = member(c, "storageConfigInfo", "allowedLocations");
    CHECK_INT(allowed->array.n, 3);
    CHECK(str_eq(allowed->array.items[0].s, member(c, "properties", "default-base-location")->s));
    CHECK(str_ends(allowed->array.items[1].s, STR("/one")));
    CHECK_STR(allowed->array.items[2].s, "s3://bucket/two");
    str refused = call(&w, "POST", M "catalogs", "{\"catalog\":{\"name\":\"other\"}}", 406);
    CHECK(str_find(refused, STR("Creating catalog other is not supported")) >= 0);
    call(&w, "POST", M "catalogs", "{\"catalog\":{\"name\":\"firn\"}}", 409);
    call(&w, "PUT", M "catalogs/firn", "{}", 406);
    call(&w, "GET", M "catalogs/other", NULL, 404);
    end(&w);
}

TEST(bad_grants_are_refused)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"grant\":1}",
        "{\"grant\":{}}",
        "{\"grant\":{\"type\":\"catalog\"}}",
        "{\"grant\":{\"type\":\"cat\",\"privilege\":\"TABLE_LIST\"}}",
        "{\"grant\":{\"type\":\"catalog\",\"privilege\":\"PUBLIC\"}}",
        "{\"grant\":{\"type\":\"catalog\",\"privilege\":\"table_list\"}}",
        "{\"grant\":{\"type\":\"catalog\",\"privilege\":\"SERVICE_MANAGE_ACCESS\"}}",
        "{\"grant\":{\"type\":\"namespace\",\"privilege\":\"TABLE_LIST\"}}",
        "{\"grant\":{\"type\":\"namespace\",\"namespace\":[],\"privilege\":\"TABLE_LIST\"}}",
        "{\"grant\":{\"type\":\"namespace\",\"namespace\":[\"..\"],\"privilege\":\"TABLE_LIST\"}}",
        "{\"grant\":{\"type\":\"table\",\"namespace\":[\"a\"],\"privilege\":\"TABLE_LIST\"}}",
        "{\"grant\":{\"type\":\"table\",\"namespace\":[\"a\"],\"tableName\":\"a*b\",\"privilege\":\"TABLE_LIST\"}}",
        "{\"grant\":{\"type\":\"catalog\",\"privilege\":\"TABLE_LIST\",\"ref\":\"a b\"}}",
        "{\"grant\":{\"type\":\"catalog\",\"privilege\":\"TABLE_LIST\",\"ref\":7}}",
        "{\"grant\":{\"type\":\"catalog\",\"type\":\"catalog\",\"privilege\":\"TABLE_LIST\"}}",
    };
    struct world w;
    begin(&w);
    call(&w, "POST", M "catalogs/firn/catalog-roles", "{\"catalogRole\":{\"name\":\"c\"}}", 201);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        call(&w, "PUT", GRANTS, bad[i], 400);
    call(&w, "PUT", M "catalogs/firn/catalog-roles/none/grants", wrapped(grants[0]), 404);
    CHECK_INT(member(get(&w, GRANTS), "grants", NULL)->array.n, 0);
    end(&w);
}
