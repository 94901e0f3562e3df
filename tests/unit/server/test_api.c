/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests in the process, as commands make them: what handlers answer, on a lake of the test's own. */
#include "server/api.h"

#include <fcntl.h>
#include <unistd.h>

#include "sql/lake.h"
#include "db_place.h"
#include "test.h"

static struct app *app;

static void open_app(void)
{
    struct error err = { 0 };
    struct lake_options o = { .dir = test_tmpdir(), .threads = 2, .catalog = lake_place() };
    CHECK_OK(app_open(&o, &app, &err));
    app->local_files = true;
}

static bool take(void *ctx, str piece)
{
    buf_add_str(ctx, piece);
    return true;
}

/* The whole answer as text. */
static str call_text(const char *method, const char *path, const char *body, int want_status)
{
    struct api_request req = {
        .method = str_of(method), .body = str_of(body), .arena = test_arena(), .in_process = true
    };
    struct api_answer answer;
    struct error err = { 0 };
    str_cut(str_of(path), '?', &req.path, &req.query);
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    if (answer.stream) {
        CHECK_INT(answer.body.len, 0);
        CHECK_OK(answer.stream(answer.stream_ctx, take, &answer.body, &err));
    }
    str text = arena_str(test_arena(), buf_str(&answer.body));
    if (answer.status != want_status)
        test_fail(__FILE__, __LINE__, "%s %s answered %d: " STR_FMT, method, path, answer.status,
                  STR_ARG(text));
    api_answer_deinit(&answer);
    return text;
}

static const struct json *call(const char *method, const char *path, const char *body,
                               int want_status)
{
    struct json *doc;
    struct error err = { 0 };
    CHECK_OK(json_parse(call_text(method, path, body, want_status), test_arena(), &doc, &err));
    return doc;
}

static const struct json *sql(const char *text)
{
    struct buf body = BUF_INIT(1 << 20);
    struct json_writer w;
    jw_init(&w, &body);
    jw_begin_object(&w);
    jw_kv_str(&w, "sql", str_of(text));
    jw_end_object(&w);
    const struct json *doc =
        call("POST", "/api/sql", arena_cstr(test_arena(), buf_str(&body)), 200);
    buf_deinit(&body);
    return doc;
}

static int64_t number(const struct json *doc, const char *key)
{
    const struct json *v = json_get(doc, key);
    if (!v || v->kind != JSON_INT)
        test_fail(__FILE__, __LINE__, "%s is no whole number", key);
    return v->i;
}

static str text(const struct json *doc, const char *key)
{
    const struct json *v = json_get(doc, key);
    return v && v->kind == JSON_STR ? v->s : (str){ 0 };
}

static int64_t cell(const struct json *answer)
{
    return json_get(answer, "rows")->array.items[0].array.items[0].i;
}

static void write_file(const char *name, const char *content, char path[512])
{
    snprintf(path, 512, "%s/%s", test_tmpdir(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    close(fd);
}

TEST(tables_from_first_to_last)
{
    open_app();
    CHECK_INT(call("GET", "/api/tables", "", 200)->array.n, 0);
    sql("CREATE SCHEMA s");
    const struct json *made = sql(
        "CREATE TABLE s.t PARTITIONED BY (bucket(4, id)) AS SELECT range AS id, 'x' AS t FROM range(100)");
    CHECK_STR(text(made, "kind"), "CREATE TABLE");
    CHECK_INT(number(made, "rows_written"), 100);
    CHECK_INT(text(made, "commit_id").len, 64);
    int64_t first = number(made, "snapshot_id");
    sql("INSERT INTO s.t VALUES (1000, 'y')");
    const struct json *list = call("GET", "/api/tables?namespace=s", "", 200);
    CHECK_INT(list->array.n, 1);
    CHECK_STR(text(&list->array.items[0], "name"), "s.t");
    CHECK_INT(number(&list->array.items[0], "rows"), 101);
    CHECK_INT(number(&list->array.items[0], "snapshots"), 2);
    const struct json *shown = call("GET", "/api/tables/s.t", "", 200);
    CHECK_STR(text(shown, "partition_by"), "bucket(4, id)");
    CHECK_INT(json_get(shown, "columns")->array.n, 2);
    CHECK_STR(text(&json_get(shown, "columns")->array.items[0], "type"), "long");
    const struct json *snapshots = call("GET", "/api/tables/s.t/snapshots", "", 200);
    CHECK_INT(snapshots->array.n, 2);
    CHECK_INT(number(&snapshots->array.items[1], "added_rows"), 1);
    CHECK_INT(number(&snapshots->array.items[1], "parent_id"), first);
    CHECK_INT(call("GET", "/api/tables/s.t/snapshots?limit=1", "", 200)->array.n, 1);
    int64_t rows = 0;
    const struct json *files = call("GET", "/api/tables/s.t/files", "", 200);
    for (size_t i = 0; i < files->array.n; i++)
        rows += number(&files->array.items[i], "rows");
    CHECK_INT(rows, 101);
    const struct json *plan =
        call("POST", "/api/tables/plan",
             "{\"table\":\"s.t\",\"filter\":\"id = 1000\",\"list\":true}", 200);
    CHECK_INT(number(plan, "files"), 1);
    CHECK_INT(number(plan, "files_total"), (int64_t)files->array.n);
    CHECK_INT(json_get(plan, "list")->array.n, 1);
    CHECK_INT(number(plan, "files") + number(plan, "pruned_by_manifest") +
                  number(plan, "pruned_by_partition") + number(plan, "pruned_by_metrics"),
              number(plan, "files_total"));
    /* The same by its metadata file, as a table that no catalog knows. */
    char body[1024];
    snprintf(body, sizeof body, "{\"metadata\":\"" STR_FMT "\",\"filter\":\"id = 1000\"}",
             STR_ARG(text(shown, "metadata_location")));
    CHECK_INT(number(call("POST", "/api/tables/plan", body, 200), "bytes"), number(plan, "bytes"));
    app->local_files = false;
    call("POST", "/api/tables/plan", body, 403);
    app->local_files = true;
    snprintf(body, sizeof body, "{\"snapshot_id\":%lld}", (long long)first);
    CHECK_INT(number(call("POST", "/api/tables/s.t/rollback", body, 200), "snapshot_id"), first);
    CHECK_INT(cell(sql("SELECT count(*) FROM s.t")), 100);
    CHECK_INT(call("GET", "/api/tables/s.t/history", "", 200)->array.n, 3);
    call("POST", "/api/tables/s.t/rollback", "{\"snapshot_id\":5}", 404);
    call("GET", "/api/tables/s.none", "", 404);
    call("GET", "/api/tables/none", "", 400);
    call("POST", "/api/tables/plan", "{\"table\":\"s.t\",\"filter\":\"nothing = 1\"}", 400);
    call("POST", "/api/tables/plan", "{\"table\":\"s.t\",\"filter\":\"id = \"}", 400);
    app_close(app);
}

TEST(branches_merge_and_the_log_tells)
{
    open_app();
    sql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS x");
    CHECK_STR(text(call("POST", "/api/refs", "{\"name\":\"team/exp\"}", 201), "kind"), "branch");
    call("POST", "/api/refs", "{\"name\":\"team/exp\"}", 409);
    call("POST", "/api/refs", "{\"name\":\"v1\",\"kind\":\"tag\"}", 201);
    call("POST", "/api/refs", "{\"name\":\"v2\",\"kind\":\"twig\"}", 400);
    CHECK_INT(call("GET", "/api/refs", "", 200)->array.n, 3);
    CHECK_INT(call("GET", "/api/refs?kind=tag", "", 200)->array.n, 1);
    CHECK_STR(text(call("GET", "/api/refs/team/exp", "", 200), "name"), "team/exp");
    call("POST", "/api/sql", "{\"sql\":\"INSERT INTO s.t VALUES (2)\",\"branch\":\"team/exp\"}",
         200);
    const struct json *diff = call("GET", "/api/diff?from=main&to=team/exp", "", 200);
    CHECK_INT(diff->array.n, 1);
    CHECK_STR(text(&diff->array.items[0], "change"), "changed");
    CHECK_STR(text(&diff->array.items[0], "name"), "s.t");
    const struct json *dry =
        call("POST", "/api/merge", "{\"from\":\"team/exp\",\"dry_run\":true}", 200);
    CHECK(!json_get(dry, "applied")->b);
    CHECK_INT(cell(sql("SELECT count(*) FROM s.t")), 1);
    CHECK(json_get(call("POST", "/api/merge", "{\"from\":\"team/exp\"}", 200), "applied")->b);
    CHECK_INT(cell(sql("SELECT count(*) FROM s.t")), 2);
    CHECK(json_get(call("POST", "/api/merge", "{\"from\":\"team/exp\"}", 200), "up_to_date")->b);
    const struct json *log = call("GET", "/api/log?limit=2", "", 200);
    CHECK_INT(log->array.n, 2);
    CHECK_INT(text(&log->array.items[0], "id").len, 64);
    CHECK(text(&log->array.items[0], "time").len > 0);
    call("DELETE", "/api/refs/team%2Fexp", "", 200);
    call("DELETE", "/api/refs/team/exp", "", 404);
    call("DELETE", "/api/refs/main", "", 400);
    app_close(app);
}

/* Both sides replaced the rows: the merge says so, and moves nothing. */
TEST(conflicting_merges_name_the_table)
{
    open_app();
    sql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS x");
    call("POST", "/api/refs", "{\"name\":\"b\"}", 201);
    sql("CREATE OR REPLACE TABLE s.t AS SELECT 2 AS x");
    call("POST", "/api/sql",
         "{\"sql\":\"CREATE OR REPLACE TABLE s.t AS SELECT 3 AS x\",\"branch\":\"b\"}", 200);
    const struct json *merge = call("POST", "/api/merge", "{\"from\":\"b\"}", 200);
    CHECK(!json_get(merge, "applied")->b);
    CHECK_INT(number(merge, "conflicts"), 1);
    bool named = false;
    const struct json *entries = json_get(merge, "entries");
    for (size_t i = 0; i < entries->array.n; i++)
        named = named || (str_is(text(&entries->array.items[i], "name"), "s.t") &&
                          json_get(&entries->array.items[i], "conflict")->b);
    CHECK(named);
    CHECK_INT(cell(sql("SELECT x FROM s.t")), 2);
    app_close(app);
}

TEST(answers_of_queries_in_every_format)
{
    open_app();
    CHECK_STR(call_text("POST", "/api/sql",
                        "{\"sql\":\"SELECT 1 AS a, NULL AS b, 'x,y' AS c\",\"format\":\"csv\"}",
                        200),
              "a,b,c\n1,,\"x,y\"\n");
    CHECK_STR(call_text("POST", "/api/sql",
                        "{\"sql\":\"SELECT range AS n FROM range(2)\",\"format\":\"jsonl\"}", 200),
              "{\"n\":0}\n{\"n\":1}\n");
    CHECK(str_find(call_text("POST", "/api/sql", "{\"sql\":\"SELECT 1 AS a\",\"format\":\"table\"}",
                             200),
                   STR("(1 row)")) >= 0);
    CHECK(str_find(call_text("POST", "/api/sql",
                             "{\"sql\":\"SELECT 1 AS a\",\"format\":\"markdown\"}", 200),
                   STR("| 1 |")) >= 0);
    const struct json *doc = call(
        "POST", "/api/sql",
        "{\"sql\":\"SELECT $1::BIGINT AS big, $2 AS t, $3 AS n\",\"params\":[9223372036854775807,\"é\",null]}",
        200);
    const struct json *row = &json_get(doc, "rows")->array.items[0];
    CHECK_INT(row->array.items[0].i, INT64_MAX);
    CHECK_STR(row->array.items[1].s, "é");
    CHECK(row->array.items[2].kind == JSON_NULL);
    CHECK_STR(text(&json_get(doc, "columns")->array.items[0], "type"), "BIGINT");
    /* Nothing: columns are there, rows are not. */
    doc = sql("SELECT 1 AS a WHERE false");
    CHECK_INT(json_get(doc, "columns")->array.n, 1);
    CHECK_INT(json_get(doc, "rows")->array.n, 0);
    call("POST", "/api/sql", "{\"sql\":\" ; \"}", 400);
    call("POST", "/api/sql", "{\"sql\":\"SELECT 1; SELECT nothing\"}", 400);
    CHECK_INT(cell(sql("SELECT 1; SELECT 2;")), 2);
    app_close(app);
}

TEST(queries_into_files)
{
    char body[1024], path[512];
    open_app();
    snprintf(path, sizeof path, "%s/out.parquet", test_tmpdir());
    snprintf(body, sizeof body,
             "{\"sql\":\"SELECT range AS n FROM range(5)\",\"format\":\"parquet\",\"out\":\"%s\"}",
             path);
    CHECK_INT(number(call("POST", "/api/sql", body, 200), "rows_written"), 5);
    char query[1024];
    snprintf(query, sizeof query, "SELECT sum(n)::INT FROM '%s'", path);
    CHECK_INT(cell(sql(query)), 10);
    /* A failure leaves what was there, and nothing beside it. */
    snprintf(
        body, sizeof body,
        "{\"sql\":\"SELECT CAST('x' || range AS INTEGER) AS n FROM range(5)\",\"format\":\"parquet\",\"out\":\"%s\"}",
        path);
    call("POST", "/api/sql", body, 400);
    CHECK_INT(cell(sql(query)), 10);
    app->local_files = false;
    call("POST", "/api/sql", body, 403);
    app_close(app);
}

TEST(files_are_loaded_and_models_built)
{
    char path[512], body[2048];
    open_app();
    write_file("a.csv", "id,v\n1,10\n2,20\n3,30\n", path);
    snprintf(body, sizeof body, "{\"source\":\"%s\",\"table\":\"bronze.a\"}", path);
    const struct json *loaded = call("POST", "/api/ingest", body, 200);
    CHECK_INT(number(loaded, "rows"), 3);
    CHECK(json_get(loaded, "created")->b);
    call("POST", "/api/ingest", "{\"source\":\"a.csv\",\"table\":\"bronze.a\"}", 400);
    call("POST", "/api/ingest", "{\"source\":\"/none/a.csv\",\"table\":\"bronze.a\"}", 404);
    call("POST", "/api/ingest",
         "{\"source\":\"/none/a.csv\",\"table\":\"bronze.a\",\"mode\":\"x\"}", 400);
    const struct json *built = call(
        "POST", "/api/build",
        "{\"files\":{\"models/silver/b.sql\":\"SELECT id, v * 2 AS w FROM {{ source('bronze', 'a') }}\",\"models/sources.yml\":\"sources: [{name: bronze, tables: [{name: a}]}]\"}}",
        200);
    CHECK(json_get(built, "merged")->b);
    CHECK_STR(text(&json_get(built, "models")->array.items[0], "table"), "silver.b");
    CHECK_INT(cell(sql("SELECT sum(w)::INT FROM silver.b")), 120);
    call("POST", "/api/build", "{\"files\":{\"models/silver/b.sql\":1}}", 400);
    app_close(app);
}

TEST(features_and_models_that_are_not_there)
{
    open_app();
    CHECK_INT(call("GET", "/api/features", "", 200)->array.n, 0);
    CHECK_INT(call("GET", "/api/models", "", 200)->array.n, 0);
    CHECK_INT(call("GET", "/api/runs", "", 200)->array.n, 0);
    call("GET", "/api/features/feature_view/none", "", 404);
    call("GET", "/api/features/thing/none", "", 400);
    call("POST", "/api/features/apply", "{}", 400);
    call("POST", "/api/features/apply", "{\"documents\":[{\"text\":\"entities: 5\"}]}", 400);
    call("GET", "/api/models/none", "", 404);
    call("GET", "/api/runs/none", "", 404);
    call("POST", "/api/models/train", "{\"spec\":{}}", 400);
    call("POST", "/api/models/none/predict", "{\"inputs\":{}}", 404);
    CHECK(text(call("GET", "/v2/models/none", "", 404), "error").len > 0);
    CHECK(json_get(call("GET", "/v2/health/ready", "", 200), "ready")->b);
    app_close(app);
}

TEST(features_from_definition_to_online_read)
{
    open_app();
    sql("CREATE SCHEMA g; CREATE TABLE g.stats AS SELECT driver_id, event_timestamp, rate::DOUBLE AS rate FROM (VALUES "
        "(1, TIMESTAMP '2024-01-01', 0.5), (1, TIMESTAMP '2024-01-02', 0.75), (2, TIMESTAMP '2024-01-01', 0.25)) "
        "t(driver_id, event_timestamp, rate)");
    static const char *const apply =
        "{\"documents\":[{\"name\":\"f.yaml\",\"text\":\"entities: [{name: driver, join_keys: [driver_id]}]\\n"
        "feature_views: [{name: stats, entities: [driver], online: true, source: {table: g.stats, timestamp_field: event_timestamp}}]\\n\"}]}";
    CHECK_INT(number(call("POST", "/api/features/apply", apply, 200), "created"), 2);
    CHECK_INT(number(call("POST", "/api/features/apply", apply, 200), "unchanged"), 2);
    CHECK_STR(text(call("GET", "/api/features/feature_view/stats", "", 200), "kind"),
              "feature_view");
    const struct json *historical = call(
        "POST", "/api/features/historical",
        "{\"entities\":\"SELECT 1 AS driver_id, TIMESTAMP '2024-01-01 12:00:00' AS event_timestamp\","
        "\"features\":[\"stats:rate\"],\"out\":\"g.training\"}",
        200);
    CHECK_INT(number(historical, "rows"), 1);
    CHECK_INT(number(&json_get(historical, "views")->array.items[0], "matched"), 1);
    CHECK_INT(cell(sql("SELECT (rate * 100)::INT FROM g.training")), 50);
    const struct json *stored = call("POST", "/api/features/materialize", "{}", 200);
    CHECK_INT(number(&stored->array.items[0], "rows"), 2);
    const struct json *online =
        call("POST", "/get-online-features",
             "{\"features\":[\"stats:rate\"],\"entities\":{\"driver_id\":[1,9]}}", 200);
    const struct json *values = json_get(&json_get(online, "results")->array.items[1], "values");
    CHECK(values->array.items[0].f == 0.75);
    CHECK(values->array.items[1].kind == JSON_NULL);
    call("DELETE", "/api/features/entity/driver", "", 409);
    call("DELETE", "/api/features/feature_view/stats", "", 200);
    call("DELETE", "/api/features/entity/driver", "", 200);
    app_close(app);
}
