/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/refs.h"
#include "codec/compress.h"
#include "iceberg_test.h"
#include "io/store.h"

#define T "/v1/namespaces/a/tables"

static struct app *app_with_namespace(void)
{
    struct app *app = open_app();
    make_namespace(app, "'a'");
    return app;
}

static struct reply set_property(struct app *app, const char *name, const char *requirements,
                                 const char *value)
{
    return send(app, "POST", arena_printf(test_arena(), T "/%s", name).ptr,
                json_f("{'requirements':[%s],'updates':[{'action':'set-properties',"
                       "'updates':{'p':'%s'}}]}",
                       requirements, value));
}

TEST(tables_are_made_loaded_listed_and_dropped)
{
    struct app *app = app_with_namespace();
    struct reply made = make_table(app, "a", "t");
    CHECK(str_find(reply_str(made, "metadata-location"), STR("/a/t-")) > 0);
    CHECK(made.etag.len > 10 && made.etag.ptr[0] == '"');
    struct reply loaded = get(app, T "/t");
    EXPECT(loaded, 200);
    CHECK(str_eq(loaded.body, made.body));
    CHECK(str_eq(loaded.etag, made.etag));
    CHECK(str_ends(loaded.body, STR("\"config\":{}}")));
    EXPECT_EMPTY(send(app, "HEAD", T "/t", (str){ 0 }), 204);
    EXPECT_BODY(get(app, T), 200,
                "{'identifiers':[{'namespace':['a'],'name':'t'}],'next-page-token':null}");
    EXPECT_ERROR(send(app, "POST", T, json_f("{'name':'t','schema':" SCHEMA "}")), 409,
                 "AlreadyExistsException", "Table already exists: a.t");
    EXPECT_EMPTY(send(app, "DELETE", T "/t?purgeRequested=true", (str){ 0 }), 204);
    EXPECT_ERROR(get(app, T "/t"), 404, "NoSuchTableException", "Table does not exist: a.t");
    EXPECT_ERROR(send(app, "DELETE", T "/t", (str){ 0 }), 404, "NoSuchTableException",
                 "Table does not exist: a.t");
    EXPECT(send(app, "HEAD", T "/t", (str){ 0 }), 404);
    app_close(app);
}

TEST(a_table_needs_its_namespace)
{
    struct app *app = open_app();
    EXPECT_ERROR(
        send(app, "POST", "/v1/namespaces/x/tables", json_f("{'name':'t','schema':" SCHEMA "}")),
        404, "NoSuchNamespaceException", "Namespace does not exist: x");
    EXPECT_ERROR(get(app, "/v1/namespaces/x/tables"), 404, "NoSuchNamespaceException",
                 "Namespace does not exist: x");
    EXPECT_ERROR(get(app, "/v1/namespaces/x/tables/t"), 404, "NoSuchTableException",
                 "Table does not exist: x.t");
    app_close(app);
}

TEST(a_new_table_has_what_the_request_says)
{
    struct app *app = app_with_namespace();
    struct reply r =
        send(app, "POST", T,
             json_f("{'name':'t','schema':" SCHEMA ",'partition-spec':{'spec-id':0,'fields':["
                    "{'source-id':2,'field-id':1000,'name':'m','transform':'month'}]},"
                    "'write-order':{'order-id':1,'fields':[{'source-id':1,'transform':'identity',"
                    "'direction':'asc','null-order':'nulls-first'}]},"
                    "'properties':{'format-version':'3','k':'v'}}"));
    EXPECT(r, 200);
    CHECK(str_find(r.body, STR("\"format-version\":3")) > 0);
    CHECK(str_find(r.body, STR("\"transform\":\"month\"")) > 0);
    CHECK(str_find(r.body, STR("\"default-sort-order-id\":1")) > 0);
    CHECK(str_find(r.body, STR("\"k\":\"v\"")) > 0);
    app_close(app);
}

TEST(bad_tables_are_refused_and_nothing_is_made)
{
    static const char *const bad[] = {
        "",
        "{'name':'t'",
        "{'schema':" SCHEMA "}",
        "{'name':'t'}",
        "{'name':'t','schema':[]}",
        "{'name':'t','schema':{'type':'struct'}}",
        "{'name':'','schema':" SCHEMA "}",
        "{'name':'a/../b','schema':" SCHEMA "}",
        "{'name':'t','schema':" SCHEMA ",'properties':{'format-version':'9'}}",
        "{'name':'t','schema':" SCHEMA ",'stage-create':'yes'}",
        "{'name':'t','schema':" SCHEMA ",'partition-spec':{'spec-id':0,'fields':["
        "{'source-id':9,'field-id':1000,'name':'m','transform':'month'}]}}",
    };
    struct app *app = app_with_namespace();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_ERROR(send(app, "POST", T, json_f("%s", bad[i])), 400, "BadRequestException", "");
    EXPECT_ERROR(
        send(app, "POST", T, json_f("{'name':'t','schema':" SCHEMA ",'location':'/etc/firn'}")),
        403, "ForbiddenException", "");
    EXPECT_BODY(get(app, T), 200, "{'identifiers':[],'next-page-token':null}");
    app_close(app);
}

TEST(etags_spare_what_the_client_has)
{
    struct app *app = app_with_namespace();
    struct reply r = make_table(app, "a", "t");
    str none = { 0 };
    struct reply same = send_with(app, "GET", T "/t", none, NULL, r.etag);
    EXPECT_EMPTY(same, 304);
    CHECK(str_eq(same.etag, r.etag));
    str list = arena_printf(test_arena(), "\"x\", W/" STR_FMT, STR_ARG(r.etag));
    EXPECT(send_with(app, "GET", T "/t", none, NULL, list), 304);
    EXPECT(send_with(app, "GET", T "/t", none, NULL, STR("\"x\"")), 200);
    EXPECT(send_with(app, "GET", T "/t?snapshots=refs", none, NULL, r.etag), 200);
    EXPECT(set_property(app, "t", "", "1"), 200);
    struct reply next = send_with(app, "GET", T "/t", none, NULL, r.etag);
    EXPECT(next, 200);
    CHECK(!str_eq(next.etag, r.etag));
    EXPECT_ERROR(get(app, T "/t?snapshots=some"), 400, "BadRequestException", "snapshots");
    app_close(app);
}

/* The kit moves a metadata file away behind the catalog's back and wants to be told, from memory or not; and all is well when it is
 * back. */
TEST(a_metadata_file_that_has_gone_is_told)
{
    struct app *app = app_with_namespace();
    struct error err = { 0 };
    struct reply made = make_table(app, "a", "t");
    str location = reply_str(made, "metadata-location"), path, bytes, none = { 0 };
    struct store *st = app->lake->warehouse;
    CHECK_OK(store_from_uri(st, location, test_arena(), &path, &err));
    CHECK_OK(store_get(st, path, 1 << 20, test_arena(), &bytes, &err));
    for (int again = 0; again < 2; again++) {
        EXPECT(get(app, T "/t"), 200);
        CHECK(store_present(st, path));
        CHECK_OK(store_delete(st, path, &err));
        CHECK(!store_present(st, path));
        for (int i = 0; i < 2; i++) {
            EXPECT_ERROR(get(app, T "/t"), 404, "NotFoundException",
                         arena_printf(test_arena(),
                                      "Failed to open input stream for file: " STR_FMT,
                                      STR_ARG(location))
                             .ptr);
            EXPECT_ERROR(send_with(app, "GET", T "/t", none, NULL, made.etag), 404,
                         "NotFoundException", "Failed to open input stream");
        }
        EXPECT(send(app, "HEAD", T "/t", none), 204); /* it is in the catalog */
        CHECK_OK(store_put(st, path, bytes, 0, &err));
    }
    EXPECT(get(app, T "/t"), 200);
    app_close(app);
}

TEST(commits_check_their_requirements)
{
    struct app *app = app_with_namespace();
    str uuid = reply_uuid(make_table(app, "a", "t"));
    struct reply r =
        set_property(app, "t",
                     arena_printf(test_arena(), "{'type':'assert-table-uuid','uuid':'" STR_FMT "'}",
                                  STR_ARG(uuid))
                         .ptr,
                     "1");
    EXPECT(r, 200);
    CHECK(str_find(r.body, STR("\"p\":\"1\"")) > 0);
    CHECK(str_eq(get(app, T "/t").body, r.body));
    EXPECT_ERROR(
        set_property(app, "t",
                     "{'type':'assert-table-uuid','uuid':'00000000-0000-4000-8000-000000000000'}",
                     "2"),
        409, "CommitFailedException", "Requirement failed: UUID does not match: expected ");
    EXPECT_ERROR(set_property(app, "t", "{'type':'assert-create'}", "2"), 409,
                 "AlreadyExistsException", "Requirement failed: table already exists");
    EXPECT_ERROR(
        set_property(app, "t", "{'type':'assert-current-schema-id','current-schema-id':7}", "2"),
        409, "CommitFailedException",
        "Requirement failed: current schema changed: expected id 7 != 0");
    EXPECT_ERROR(set_property(app, "t",
                              "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':7}",
                              "2"),
                 409, "CommitFailedException",
                 "Requirement failed: branch or tag main is missing, expected 7");
    EXPECT_ERROR(set_property(app, "u", "", "2"), 404, "NoSuchTableException",
                 "Table does not exist: a.u");
    app_close(app);
}

TEST(bad_commits_are_refused_with_4xx)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{'updates':{}}",
        "{'updates':[1]}",
        "{'updates':[{'action':'fly'}]}",
        "{'requirements':[{'type':'assert-moon'}]}",
        "{'updates':[{'action':'set-current-schema','schema-id':77}]}",
        "{'updates':[{'action':'add-snapshot','snapshot':{}}]}",
        "{'updates':[{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':5}]}",
    };
    struct app *app = app_with_namespace();
    struct reply before = make_table(app, "a", "t");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_ERROR(send(app, "POST", T "/t", json_f("%s", bad[i])), 400, "BadRequestException",
                     "");
    EXPECT_ERROR(send(app, "POST", T "/t",
                      json_f("{'updates':[{'action':'set-location','location':'/etc'}]}")),
                 403, "ForbiddenException", "");
    CHECK(str_eq(get(app, T "/t").body, before.body));
    app_close(app);
}

/* The key's first outcome stands: the property of a later commit is not set back. */
TEST(a_repeated_commit_is_applied_once)
{
    struct app *app = app_with_namespace();
    const char *key = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
    str body = json_f("{'updates':[{'action':'set-properties','updates':{'p':'1'}}]}");
    make_table(app, "a", "t");
    EXPECT(send_with(app, "POST", T "/t", body, key, (str){ 0 }), 200);
    EXPECT(set_property(app, "t", "", "2"), 200);
    EXPECT(send_with(app, "POST", T "/t", body, key, (str){ 0 }), 200);
    CHECK(str_find(get(app, T "/t").body, STR("\"p\":\"2\"")) > 0);
    app_close(app);
}

/* Lost answers: what was made, renamed or dropped by a request is answered again as it was. */
TEST(repeats_of_table_requests_change_nothing)
{
    static const char *const keys[] = { "017f22e2-79b0-7cc3-98c4-dc0c0c073901",
                                        "017f22e2-79b0-7cc3-98c4-dc0c0c073902",
                                        "017f22e2-79b0-7cc3-98c4-dc0c0c073903",
                                        "017f22e2-79b0-7cc3-98c4-dc0c0c073904" };
    struct app *app = app_with_namespace();
    str none = { 0 }, create = json_f("{'name':'t','schema':" SCHEMA "}");
    str rename = json_f("{'source':{'namespace':['a'],'name':'t'},"
                        "'destination':{'namespace':['a'],'name':'u'}}");
    str first = { 0 };
    for (int i = 0; i < 2; i++) {
        struct reply r = send_with(app, "POST", T, create, keys[0], none);
        EXPECT(r, 200);
        first = i ? first : r.body;
        CHECK(str_eq(r.body, first));
    }
    for (int i = 0; i < 2; i++)
        EXPECT(send_with(app, "POST", "/v1/tables/rename", rename, keys[1], none), 204);
    for (int i = 0; i < 2; i++)
        EXPECT(send_with(app, "DELETE", T "/u", none, keys[2], none), 204);
    str transaction = json_f("{'table-changes':[{'identifier':{'namespace':['a'],'name':'t'},"
                             "'updates':[{'action':'set-properties','updates':{'p':'1'}}]}]}");
    EXPECT(send(app, "POST", T, create), 200);
    for (int i = 0; i < 2; i++)
        EXPECT(send_with(app, "POST", "/v1/transactions/commit", transaction, keys[3], none), 204);
    EXPECT_ERROR(send_with(app, "DELETE", T "/t", none, keys[3], none), 400, "BadRequestException",
                 "idempotency key was used before");
    EXPECT(get(app, T "/t"), 200);
    app_close(app);
}

TEST(staged_tables_are_made_by_their_commit)
{
    struct app *app = app_with_namespace();
    struct reply r =
        send(app, "POST", T, json_f("{'name':'t','stage-create':true,'schema':" SCHEMA "}"));
    struct error err = { 0 };
    str location;
    EXPECT(r, 200);
    CHECK(str_find(r.body, STR("metadata-location")) < 0);
    EXPECT(get(app, T "/t"), 404);
    CHECK_OK(json_need_str(reply_metadata(r), "location", &location, &err));
    str body = json_f("{'requirements':[{'type':'assert-create'}],'updates':["
                      "{'action':'assign-uuid','uuid':'" STR_FMT "'},"
                      "{'action':'upgrade-format-version','format-version':2},"
                      "{'action':'add-schema','schema':" SCHEMA ",'last-column-id':2},"
                      "{'action':'set-current-schema','schema-id':-1},"
                      "{'action':'add-spec','spec':{'spec-id':0,'fields':[]}},"
                      "{'action':'set-default-spec','spec-id':-1},"
                      "{'action':'add-sort-order','sort-order':{'order-id':0,'fields':[]}},"
                      "{'action':'set-default-sort-order','sort-order-id':-1},"
                      "{'action':'set-location','location':'" STR_FMT "'},"
                      "{'action':'set-properties','updates':{}}]}",
                      STR_ARG(reply_uuid(r)), STR_ARG(location));
    struct reply made = send(app, "POST", T "/t", body);
    EXPECT(made, 200);
    CHECK(str_eq(reply_uuid(made), reply_uuid(r)));
    EXPECT(get(app, T "/t"), 200);
    EXPECT_ERROR(send(app, "POST", T "/t", body), 409, "AlreadyExistsException",
                 "Requirement failed: table already exists");
    app_close(app);
}

TEST(transactions_are_all_or_nothing)
{
    static const char *const change =
        "{'identifier':{'namespace':['a'],'name':'%s'},'requirements':[%s],"
        "'updates':[{'action':'set-properties','updates':{'p':'%d'}}]}";
    struct app *app = app_with_namespace();
    make_table(app, "a", "t");
    make_table(app, "a", "u");
    char one[512], two[512], bad[512];
    snprintf(one, sizeof one, change, "t", "", 1);
    snprintf(two, sizeof two, change, "u", "", 1);
    snprintf(bad, sizeof bad, change, "u",
             "{'type':'assert-current-schema-id','current-schema-id':7}", 2);
    EXPECT_EMPTY(
        send(app, "POST", "/v1/transactions/commit", json_f("{'table-changes':[%s,%s]}", one, two)),
        204);
    CHECK(str_find(get(app, T "/u").body, STR("\"p\":\"1\"")) > 0);
    struct reply before = get(app, T "/t");
    snprintf(one, sizeof one, change, "t", "", 3);
    EXPECT_ERROR(
        send(app, "POST", "/v1/transactions/commit", json_f("{'table-changes':[%s,%s]}", one, bad)),
        409, "CommitFailedException", "current schema changed");
    CHECK(str_eq(get(app, T "/t").body, before.body));
    EXPECT_ERROR(
        send(app, "POST", "/v1/transactions/commit", json_f("{'table-changes':[%s,%s]}", one, one)),
        400, "BadRequestException", "named twice");
    EXPECT_ERROR(send(app, "POST", "/v1/transactions/commit", json_f("{'table-changes':[]}")), 400,
                 "BadRequestException", "");
    EXPECT_ERROR(
        send(app, "POST", "/v1/transactions/commit", json_f("{'table-changes':[{'updates':[]}]}")),
        400, "BadRequestException", "table-changes[0]");
    app_close(app);
}

TEST(tables_are_renamed)
{
    struct app *app = app_with_namespace();
    make_namespace(app, "'b'");
    make_table(app, "a", "t");
    make_table(app, "a", "u");
    str body = json_f("{'source':{'namespace':['a'],'name':'t'},"
                      "'destination':{'namespace':['b'],'name':'t2'}}");
    EXPECT_EMPTY(send(app, "POST", "/v1/tables/rename", body), 204);
    EXPECT(get(app, "/v1/namespaces/b/tables/t2"), 200);
    EXPECT_ERROR(send(app, "POST", "/v1/tables/rename", body), 404, "NoSuchTableException",
                 "Table does not exist: a.t");
    EXPECT_ERROR(send(app, "POST", "/v1/tables/rename",
                      json_f("{'source':{'namespace':['a'],'name':'u'},"
                             "'destination':{'namespace':['b'],'name':'t2'}}")),
                 409, "AlreadyExistsException", "Cannot rename a.u to b.t2. Table already exists");
    EXPECT_ERROR(send(app, "POST", "/v1/tables/rename",
                      json_f("{'source':{'namespace':['a'],'name':'u'},"
                             "'destination':{'namespace':['x'],'name':'u'}}")),
                 404, "NoSuchNamespaceException", "Namespace does not exist: x");
    EXPECT_ERROR(send(app, "POST", "/v1/tables/rename", json_f("{'source':{}}")), 400,
                 "BadRequestException", "source");
    app_close(app);
}

TEST(metadata_files_are_registered)
{
    struct app *app = app_with_namespace();
    str location = reply_str(make_table(app, "a", "t"), "metadata-location");
    EXPECT(send(app, "DELETE", T "/t", (str){ 0 }), 204);
    str body = json_f("{'name':'r','metadata-location':'" STR_FMT "'}", STR_ARG(location));
    struct reply r = send(app, "POST", "/v1/namespaces/a/register", body);
    EXPECT(r, 200);
    CHECK(str_eq(reply_str(r, "metadata-location"), location));
    CHECK(r.etag.len > 0);
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/a/register", body), 409,
                 "AlreadyExistsException", "Table already exists: a.r");
    EXPECT(send(app, "POST", "/v1/namespaces/a/register",
                json_f("{'name':'r','overwrite':true,'metadata-location':'" STR_FMT "'}",
                       STR_ARG(location))),
           200);
    EXPECT_ERROR(
        send(app, "POST", "/v1/namespaces/a/register",
             json_f("{'name':'s','metadata-location':'" STR_FMT ".gone'}", STR_ARG(location))),
        400, "BadRequestException", "");
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/a/register",
                      json_f("{'name':'s','metadata-location':'/etc/passwd'}")),
                 403, "ForbiddenException", "");
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/x/register", body), 404,
                 "NoSuchNamespaceException", "Namespace does not exist: x");
    app_close(app);
}

TEST(reports_are_taken)
{
    struct app *app = app_with_namespace();
    make_table(app, "a", "t");
    EXPECT_EMPTY(send(app, "POST", T "/t/metrics", json_f("{'report-type':'scan-report'}")), 204);
    EXPECT_ERROR(send(app, "POST", T "/t/metrics", json_f("{}")), 400, "BadRequestException",
                 "report-type");
    EXPECT_ERROR(send(app, "POST", T "/u/metrics", json_f("{'report-type':'scan-report'}")), 404,
                 "NoSuchTableException", "Table does not exist: a.u");
    app_close(app);
}

TEST(lists_of_tables_have_pages)
{
    struct app *app = app_with_namespace();
    for (int i = 0; i < 3; i++)
        make_table(app, "a", arena_printf(test_arena(), "t%d", i).ptr);
    struct reply r = get(app, T "?pageToken=&pageSize=2");
    str token = reply_str(r, "next-page-token");
    CHECK(str_find(r.body, STR("t1")) > 0 && str_find(r.body, STR("t2")) < 0);
    r = get(app,
            arena_printf(test_arena(), T "?pageSize=2&pageToken=" STR_FMT, STR_ARG(token)).ptr);
    CHECK_STR(
        r.body,
        "{\"identifiers\":[{\"namespace\":[\"a\"],\"name\":\"t2\"}],\"next-page-token\":null}");
    app_close(app);
}

/* What is written on a branch stays there, and a tag shows what it was set to. */
TEST(tables_on_branches)
{
    struct app *app = app_with_namespace();
    struct ref_info ref;
    struct error err = { 0 };
    make_table(app, "a", "t");
    CHECK_OK(catalog_create_ref(app->lake->catalog, CATALOG_BRANCH, STR("dev"), (str){ 0 },
                                test_arena(), &ref, &err));
    EXPECT(send(app, "POST", "/v1/dev/namespaces/a/tables/t",
                json_f("{'updates':[{'action':'set-properties','updates':{'p':'1'}}]}")),
           200);
    CHECK(str_find(get(app, T "/t").body, STR("\"p\":\"1\"")) < 0);
    CHECK(str_find(get(app, "/v1/dev/namespaces/a/tables/t").body, STR("\"p\":\"1\"")) > 0);
    EXPECT(send(app, "DELETE", "/v1/dev/namespaces/a/tables/t", (str){ 0 }), 204);
    EXPECT(send(app, "HEAD", T "/t", (str){ 0 }), 204);
    app_close(app);
}

/* Views, functions and scan planning are not built and not advertised. */
TEST(what_is_not_built_is_not_there)
{
    static const char *const paths[] = { "/v1/namespaces/a/dreams", T "/t/dreams" };
    struct app *app = app_with_namespace();
    make_table(app, "a", "t");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        EXPECT(get(app, paths[i]), 404);
    EXPECT(send(app, "PUT", T "/t", json_f("{}")), 405);
    app_close(app);
}

/* ---- gzip ---- */

static struct reply packed_get(struct app *app, const char *path, str if_none_match, bool *packed)
{
    struct api_answer answer;
    struct api_request req = { .method = STR("GET"),
                               .arena = test_arena(),
                               .if_none_match = if_none_match,
                               .accepts_gzip = true };
    str_cut(arena_printf(test_arena(), "/iceberg%s", path), '?', &req.path, &req.query);
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    *packed = answer.gzipped;
    struct reply out = { answer.status, arena_str(test_arena(), buf_str(&answer.body)),
                         arena_str(test_arena(), answer.etag), answer.content_type };
    api_answer_deinit(&answer);
    return out;
}

static str unpacked(str bytes)
{
    struct error err = { 0 };
    struct buf b = BUF_INIT(16 << 20);
    CHECK_OK(decompress_bytes(COMPRESSION_GZIP, bytes, 16 << 20, &b, &err));
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

TEST(answers_are_packed_for_who_takes_that)
{
    struct app *app = app_with_namespace();
    str none = { 0 };
    bool packed;
    make_table(app, "a", "t");
    struct reply plain = get(app, T "/t");
    for (int again = 0; again < 2; again++) { /* made, then from the cache */
        struct reply r = packed_get(app, T "/t", none, &packed);
        EXPECT(r, 200);
        CHECK(packed && str_eq(unpacked(r.body), plain.body));
        CHECK(!str_eq(r.etag, plain.etag));
        /* Either tag stands for the version, whichever form is asked for now. */
        EXPECT(packed_get(app, T "/t", r.etag, &packed), 304);
        EXPECT(packed_get(app, T "/t", plain.etag, &packed), 304);
        CHECK(!packed);
        EXPECT(send_with(app, "GET", T "/t", none, NULL, r.etag), 304);
    }
    EXPECT(packed_get(app, T, none, &packed), 200);
    CHECK(!packed); /* small */
    EXPECT(send(app, "POST", "/v1/namespaces",
                json_f("{'namespace':['b'],'properties':{'p':'%04000d'}}", 0)),
           200);
    struct reply b = packed_get(app, "/v1/namespaces/b", none, &packed);
    CHECK(packed && str_eq(unpacked(b.body), get(app, "/v1/namespaces/b").body));
    EXPECT(packed_get(app, T "/no", none, &packed), 404);
    CHECK(!packed);
    app_close(app);
}

/* ---- Repeats ---- */

TEST(repeats_of_views_and_of_giving_up)
{
    static const char *const keys[] = { "017f22e2-79b0-7cc3-98c4-dc0c0c073911",
                                        "017f22e2-79b0-7cc3-98c4-dc0c0c073912",
                                        "017f22e2-79b0-7cc3-98c4-dc0c0c073913",
                                        "017f22e2-79b0-7cc3-98c4-dc0c0c073914" };
    struct app *app = app_with_namespace();
    str none = { 0 };
    make_table(app, "a", "t");
    str view = json_f("{'name':'v','schema':" SCHEMA
                      ",'view-version':{'version-id':1,'schema-id':0,'timestamp-ms':1,'summary':{},"
                      "'default-namespace':[],'representations':[{'type':'sql','sql':'x','dialect':"
                      "'d'}]}}");
    str change = json_f("{'updates':[{'action':'set-properties','updates':{'p':'1'}}]}");
    struct reply made = send_with(app, "POST", "/v1/namespaces/a/views", view, keys[0], none);
    EXPECT(made, 200);
    CHECK(str_eq(send_with(app, "POST", "/v1/namespaces/a/views", view, keys[0], none).body,
                 made.body));
    EXPECT(send(app, "POST", "/v1/namespaces/a/views", view), 409);
    for (int i = 0; i < 2; i++)
        EXPECT(send_with(app, "POST", "/v1/namespaces/a/views/v", change, keys[1], none), 200);
    for (int i = 0; i < 2; i++)
        EXPECT(send_with(app, "DELETE", "/v1/namespaces/a/views/v", none, keys[2], none), 204);
    struct reply last = send_with(app, "POST", T "/t/unregister", none, keys[3], none);
    EXPECT(last, 200);
    CHECK(str_eq(send_with(app, "POST", T "/t/unregister", none, keys[3], none).body, last.body));
    EXPECT(send(app, "POST", T "/t/unregister", none), 404);
    app_close(app);
}
