/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"
#include "base/map.h"
#include "catalog/table.h"
#include "codec/digest.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"
#include "iceberg_test.h"
#include "io/store.h"

#define T "/v1/namespaces/s/tables/t"

static void sql(struct app *app, const char *text)
{
    struct api_answer answer;
    struct api_request req = { .method = STR("POST"),
                               .path = STR("/api/sql"),
                               .body = json_f("{'sql':'%s'}", text),
                               .arena = test_arena(),
                               .in_process = true };
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    if (answer.status != 200)
        test_fail(__FILE__, __LINE__, "%s: " STR_FMT, text, STR_ARG(buf_str(&answer.body)));
    api_answer_deinit(&answer);
}

/* Three snapshots: a file of 10 rows in partition x, one each in x and y, one in y; sorted by id. */
static struct app *app_with_rows(const char *properties)
{
    struct app *app = open_app();
    sql(app, "CREATE SCHEMA s");
    sql(app, "CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p)");
    EXPECT(send(app, "POST", T,
                json_f("{'requirements':[],'updates':[{'action':'set-properties','updates':{%s}}]}",
                       properties)),
           200);
    sql(app, "INSERT INTO s.t SELECT i, chr(120) FROM range(10) r(i)");
    sql(app, "INSERT INTO s.t SELECT i, chr(120 + (i % 2)::INT) FROM range(100, 120) r(i)");
    sql(app, "INSERT INTO s.t SELECT i, chr(121) FROM range(1000, 1005) r(i)");
    return app;
}

static struct reply plan(struct app *app, const char *body)
{
    return send(app, "POST", T "/plan", json_f("%s", body));
}

static const struct json *tasks_of(struct reply r)
{
    struct error err;
    const struct json *tasks;
    EXPECT(r, 200);
    CHECK_OK(json_need_array(parsed(r), "file-scan-tasks", &tasks, &err));
    return tasks;
}

static size_t plan_tasks_of(struct reply r, const struct json **out)
{
    *out = json_get(parsed(r), "plan-tasks");
    return *out ? (*out)->array.n : 0;
}

static int64_t rows_of(const struct json *tasks)
{
    struct error err;
    int64_t sum = 0, n;
    for (size_t i = 0; i < tasks->array.n; i++) {
        CHECK_OK(
            json_need_int(json_get(&tasks->array.items[i], "data-file"), "record-count", &n, &err));
        sum += n;
    }
    return sum;
}

static void check_plan(struct app *app, const char *body, size_t files, int64_t rows)
{
    struct reply r = plan(app, body);
    const struct json *tasks = tasks_of(r);
    CHECK_STR(reply_str(r, "status"), "completed");
    CHECK_INT(tasks->array.n, files);
    CHECK_INT(rows_of(tasks), rows);
}

TEST(filters_leave_the_files_that_may_match)
{
    struct app *app = app_with_rows("");
    check_plan(app, "{}", 4, 35);
    check_plan(app, "{'filter':{'type':'eq','term':'p','value':'x'}}", 2, 20);
    check_plan(app, "{'filter':{'type':'gt','term':'id','value':999}}", 1, 5);
    check_plan(app,
               "{'filter':{'type':'lt','left':{'type':'reference','name':'id'},'right':105},"
               "'select':['id','p','_file'],'case-sensitive':true}",
               3, 30);
    check_plan(app, "{'filter':{'type':'eq','term':'ID','value':3},'case-sensitive':false}", 1, 10);
    check_plan(app, "{'filter':false}", 0, 0);
    app_close(app);
}

TEST(tasks_say_what_is_left_of_the_filter)
{
    struct app *app = app_with_rows("");
    struct reply r = plan(app, "{'filter':{'type':'and','left':{'type':'eq','term':'p','value':"
                               "'x'},'right':{'type':'gt-eq','term':'id','value':5}}}");
    const struct json *tasks = tasks_of(r);
    bool part = false, all = false;
    CHECK_INT(tasks->array.n, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct json *left = json_get(&tasks->array.items[i], "residual-filter");
        const struct json *op = json_get(left, "type");
        all = all || (left->kind == JSON_BOOL && left->b);
        part = part || (op != NULL && str_is(op->s, "gt-eq"));
    }
    CHECK(part && all);
    app_close(app);
}

TEST(data_files_are_written_whole)
{
    struct app *app = app_with_rows("");
    struct reply r = plan(app, "{'stats-fields':['id'],'filter':{'type':'gt','term':'id','value':"
                               "999}}");
    const struct json *f = json_get(&tasks_of(r)->array.items[0], "data-file");
    CHECK_STR(json_get(f, "content")->s, "data");
    CHECK_STR(json_get(f, "file-format")->s, "parquet");
    CHECK_STR(json_get(f, "partition")->array.items[0].s, "y");
    CHECK(str_ends(json_get(f, "file-path")->s, STR(".parquet")));
    const struct json *low = json_get(f, "lower-bounds"), *high = json_get(f, "upper-bounds");
    CHECK_INT(json_get(low, "keys")->array.n, 1);
    CHECK_INT(json_get(low, "keys")->array.items[0].i, 1);
    CHECK_STR(json_get(low, "values")->array.items[0].s, "E803000000000000");
    CHECK_STR(json_get(high, "values")->array.items[0].s, "EC03000000000000");
    CHECK_INT(json_get(json_get(f, "null-value-counts"), "values")->array.items[0].i, 0);
    f = json_get(&tasks_of(plan(app, "{}"))->array.items[0], "data-file");
    CHECK(json_get(f, "lower-bounds") == NULL && json_get(f, "value-counts") == NULL);
    app_close(app);
}

static int64_t snapshot_id(struct app *app, size_t i)
{
    struct error err;
    const struct json *list;
    int64_t id;
    CHECK_OK(json_need_array(reply_metadata(get(app, T)), "snapshots", &list, &err));
    CHECK_OK(json_need_int(&list->array.items[i], "snapshot-id", &id, &err));
    return id;
}

TEST(snapshots_and_what_was_appended_between_them_are_planned)
{
    struct app *app = app_with_rows("");
    long long first = snapshot_id(app, 0), second = snapshot_id(app, 1), last = snapshot_id(app, 2);
    struct arena *a = test_arena();
    check_plan(app, arena_printf(a, "{'snapshot-id':%lld}", first).ptr, 1, 10);
    check_plan(app, arena_printf(a, "{'snapshot-id':%lld,'use-snapshot-schema':true}", second).ptr,
               3, 30);
    check_plan(
        app, arena_printf(a, "{'start-snapshot-id':%lld,'end-snapshot-id':%lld}", first, last).ptr,
        3, 25);
    check_plan(app,
               arena_printf(a, "{'start-snapshot-id':%lld,'end-snapshot-id':%lld}", last, last).ptr,
               0, 0);
    EXPECT_ERROR(
        plan(app,
             arena_printf(a, "{'start-snapshot-id':%lld,'end-snapshot-id':%lld}", last, first).ptr),
        400, "BadRequestException", "is not an ancestor");
    app_close(app);
}

TEST(what_is_wrong_with_a_request_is_said)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        { "{'snapshot-id':1}", "Cannot find snapshot with ID 1" },
        { "{'snapshot-id':1,'start-snapshot-id':1,'end-snapshot-id':2}",
          "cannot provide both snapshotId and startSnapshotId/endSnapshotId" },
        { "{'start-snapshot-id':1}", "startSnapshotId and endSnapshotId is required" },
        { "{'min-rows-requested':-1}", "minRowsRequested is negative" },
        { "{'min-rows-requested':'23'}", "min-rows-requested" },
        { "{'select':['nothing']}", "there is no column \"nothing\"" },
        { "{'select':[3]}", "not a name" },
        { "{'stats-fields':['nothing']}", "there is no column \"nothing\"" },
        { "{'filter':{'type':'eq','term':'nothing','value':1}}", "there is no column \"nothing\"" },
        { "{'filter':{'type':'eq','term':'ID','value':1}}", "there is no column \"ID\"" },
        { "{'filter':{'type':'eq','term':'id','value':'a'}}", "id" },
        { "{'filter':3}", "predicate" },
    };
    struct app *app = app_with_rows("");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        EXPECT_ERROR(plan(app, cases[i].body), 400, "BadRequestException", cases[i].words);
    EXPECT_ERROR(plan(app, "{'filter':{'type':'eq','term':{'type':'transform','transform':"
                           "'zorder','term':'id'},'value':1}}"),
                 406, "UnsupportedOperationException", "zorder");
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/s/tables/u/plan", json_f("{}")), 404,
                 "NoSuchTableException", "Table does not exist: s.u");
    app_close(app);
}

TEST(an_empty_table_is_an_empty_plan)
{
    struct app *app = open_app();
    make_namespace(app, "'s'");
    make_table(app, "s", "t");
    check_plan(app, "{}", 0, 0);
    app_close(app);
}

/* --- plan tasks --- */

static struct reply fetch(struct app *app, str task)
{
    return send(app, "POST", T "/tasks", json_f("{'plan-task':'" STR_FMT "'}", STR_ARG(task)));
}

/* All tasks of a plan, by following its plan tasks; each data file must come once. */
static void follow(struct app *app, const char *body, size_t *files, size_t *fetches)
{
    struct map seen;
    struct reply pending[64];
    size_t n = 0;
    pending[n++] = plan(app, body);
    map_init(&seen, test_arena());
    *files = *fetches = 0;
    while (n > 0) {
        struct reply r = pending[--n];
        const struct json *tasks = tasks_of(r), *more;
        for (size_t i = 0; i < tasks->array.n; i++, ++*files)
            CHECK(map_add(&seen,
                          json_get(json_get(&tasks->array.items[i], "data-file"), "file-path")->s,
                          (void *)1));
        for (size_t i = plan_tasks_of(r, &more); i-- > 0; ++*fetches) {
            CHECK(n < 64);
            pending[n++] = fetch(app, more->array.items[i].s);
        }
    }
}

TEST(what_does_not_fit_a_page_comes_as_plan_tasks)
{
    struct app *app = app_with_rows("'firn.scan-planning.page-files':'1'");
    size_t files, fetches;
    follow(app, "{}", &files, &fetches);
    CHECK_INT(files, 4);
    CHECK(fetches >= 2);
    follow(app, "{'filter':{'type':'eq','term':'p','value':'y'},'stats-fields':['id']}", &files,
           &fetches);
    CHECK_INT(files, 2);
    struct arena *a = test_arena();
    follow(app,
           arena_printf(a, "{'start-snapshot-id':%lld,'end-snapshot-id':%lld}",
                        (long long)snapshot_id(app, 0), (long long)snapshot_id(app, 2))
               .ptr,
           &files, &fetches);
    CHECK_INT(files, 3);
    app_close(app);
}

TEST(a_plan_stops_when_it_has_the_rows_that_are_wanted)
{
    struct app *app = app_with_rows("'firn.scan-planning.page-files':'1'");
    const struct json *more;
    size_t files, fetches;
    struct reply r = plan(app, "{'min-rows-requested':5}");
    CHECK_INT(tasks_of(r)->array.n, 1);
    CHECK_INT(plan_tasks_of(r, &more), 0);
    follow(app, "{'min-rows-requested':16}", &files, &fetches);
    CHECK(files >= 2 && files < 4);
    follow(app, "{'min-rows-requested':1000}", &files, &fetches);
    CHECK_INT(files, 4);
    app_close(app);
}

TEST(plan_tasks_that_are_none_are_not_found)
{
    struct app *app = app_with_rows("'firn.scan-planning.page-files':'1'");
    const struct json *more;
    struct reply r = plan(app, "{}");
    CHECK(plan_tasks_of(r, &more) > 0);
    str task = more->array.items[0].s;
    EXPECT(fetch(app, task), 200);
    static const char *const wrong[] = { "", "x", "e30", "eyJ2IjoxfQ", "!!!!" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        EXPECT_ERROR(fetch(app, str_of(wrong[i])), 404, "NoSuchPlanTaskException",
                     "Could not find tasks for plan task");
    for (size_t cut = 1; cut < task.len; cut += 7)
        EXPECT_ERROR(fetch(app, str_sub(task, 0, cut)), 404, "NoSuchPlanTaskException",
                     "Could not find tasks");
    make_table(app, "s", "u");
    EXPECT_ERROR(send(app, "POST", "/v1/namespaces/s/tables/u/tasks",
                      json_f("{'plan-task':'" STR_FMT "'}", STR_ARG(task))),
                 404, "NoSuchPlanTaskException", "Could not find tasks");
    EXPECT_ERROR(send(app, "POST", T "/tasks", json_f("{}")), 400, "BadRequestException",
                 "plan-task");
    app_close(app);
}

/* What a task says is no more than what a request could ask for; nothing in it is believed. */
TEST(plan_tasks_may_lie)
{
    static const struct {
        const char *part, *more;
        int status;
        size_t files;
    } cases[] = {
        { "0,100,0,0", "", 200, 4 },
        { "2,1,0,0", "", 404, 0 },
        { "0,0,0,0", "", 404, 0 },
        { "0,1", "", 404, 0 },
        { "0,-1,0,0", "", 404, 0 },
        { "1000000,9223372036854775807,0,0", "", 200, 0 },
        { "0,1,9223372036854775807,3", "", 200, 0 },
        { "0,100,0,0", ",'stats':[2147483647,1,1]", 200, 4 },
        { "0,100,0,0", ",'stats':[-1]", 404, 0 },
        { "0,100,0,0", ",'filter':{'type':'eq','term':'p','value':'x'}", 200, 2 },
        { "0,100,0,0", ",'filter':{'type':'eq','term':'q','value':'x'}", 404, 0 },
        { "0,100,0,0", ",'rows':-5", 404, 0 },
        { "0,100,0,0", ",'rows':9223372036854775807", 200, 4 },
        { "0,100,0,0", ",'after':77", 404, 0 },
    };
    struct app *app = app_with_rows("");
    str uuid = reply_uuid(get(app, T));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str text =
            json_f("{'v':1,'table':'" STR_FMT "','snapshot':%lld,'schema':0,'case':true,"
                   "'part':[%s],'until':9000000000000%s}",
                   STR_ARG(uuid), (long long)snapshot_id(app, 2), cases[i].part, cases[i].more);
        struct reply r = fetch(app, base64url_encode(text, test_arena()));
        if (cases[i].status != 200) {
            EXPECT(r, cases[i].status);
            continue;
        }
        CHECK_INT(tasks_of(r)->array.n, cases[i].files);
    }
    app_close(app);
}

/* --- plans made while the client waits --- */

static struct reply poll(struct app *app, str id)
{
    struct reply r = { 0 };
    for (int i = 0; i < 1000; i++) {
        r = get(app, arena_printf(test_arena(), T "/plan/" STR_FMT, STR_ARG(id)).ptr);
        EXPECT(r, 200);
        if (!str_is(reply_str(r, "status"), "submitted"))
            break;
        env_sleep_us(env_real(), 5000);
    }
    return r;
}

TEST(a_plan_may_be_fetched_later_and_cancelled)
{
    struct app *app = app_with_rows("'firn.scan-planning.async':'true'");
    struct reply r = plan(app, "{'filter':{'type':'eq','term':'p','value':'x'}}");
    EXPECT(r, 200);
    CHECK_STR(reply_str(r, "status"), "submitted");
    CHECK(json_get(parsed(r), "file-scan-tasks") == NULL);
    str id = reply_str(r, "plan-id");
    struct reply done = poll(app, id);
    CHECK_STR(reply_str(done, "status"), "completed");
    CHECK_INT(tasks_of(done)->array.n, 2);
    const char *path = arena_printf(test_arena(), T "/plan/" STR_FMT, STR_ARG(id)).ptr;
    EXPECT_EMPTY(send(app, "DELETE", path, (str){ 0 }), 204);
    EXPECT_BODY(get(app, path), 200, "{'status':'cancelled'}");
    EXPECT_EMPTY(send(app, "DELETE", path, (str){ 0 }), 204);
    EXPECT_ERROR(get(app, T "/plan/5dd09a86-0abf-4b05-8c8c-f5e0a1c1d6ab"), 404,
                 "NoSuchPlanIdException", "Cannot find plan with id 5dd09a86");
    EXPECT_ERROR(send(app, "DELETE", T "/plan/x", (str){ 0 }), 404, "NoSuchPlanIdException",
                 "Cannot find plan with id x");
    make_table(app, "s", "u");
    EXPECT_ERROR(
        get(app,
            arena_printf(test_arena(), "/v1/namespaces/s/tables/u/plan/" STR_FMT, STR_ARG(id)).ptr),
        404, "NoSuchPlanIdException", "Cannot find plan");
    EXPECT_ERROR(plan(app, "{'filter':3}"), 400, "BadRequestException", "predicate");
    app_close(app);
}

/* The manifests of the current snapshot go. */
static void lose_manifests(struct app *app)
{
    struct error err;
    struct table t;
    struct manifest_file *m;
    size_t n;
    str path;
    CHECK_OK(catalog_load_table(app->lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(),
                                &t, &err));
    CHECK_OK(scan_manifests(app->lake->warehouse, metadata_snapshot(t.metadata), test_arena(), &m,
                            &n, &err));
    CHECK(n > 0);
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(store_from_uri(app->lake->warehouse, m[i].path, test_arena(), &path, &err));
        CHECK_OK(store_delete(app->lake->warehouse, path, &err));
    }
}

TEST(damage_is_told_and_is_no_missing_table)
{
    struct app *app = app_with_rows("");
    lose_manifests(app);
    EXPECT_ERROR(plan(app, "{}"), 500, "ServiceFailureException", "manifest");
    EXPECT(send(app, "POST", T,
                json_f("{'requirements':[],'updates':[{'action':'set-properties','updates':"
                       "{'firn.scan-planning.async':'true'}}]}")),
           200);
    struct reply r = plan(app, "{}");
    EXPECT(r, 200);
    r = poll(app, reply_str(r, "plan-id"));
    CHECK_STR(reply_str(r, "status"), "failed");
    const struct json *e = json_get(parsed(r), "error");
    CHECK_STR(json_get(e, "type")->s, "ServiceFailureException");
    CHECK_INT(json_get(e, "code")->i, 500);
    CHECK(json_get(parsed(r), "file-scan-tasks") == NULL);
    app_close(app);
}

TEST(the_server_says_that_it_plans)
{
    struct app *app = app_with_rows("'firn.scan-planning.mode':'server'");
    struct reply r = get(app, "/v1/config");
    static const char *const endpoints[] = {
        "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/plan\"",
        "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/plan/{plan-id}\"",
        "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}/plan/{plan-id}\"",
        "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/tasks\"",
    };
    for (size_t i = 0; i < 4; i++)
        CHECK(str_find(r.body, str_of(endpoints[i])) > 0);
    r = get(app, T);
    CHECK(str_find(r.body, json_f("'config':{'scan-planning-mode':'server'}")) > 0);
    app_close(app);
}
