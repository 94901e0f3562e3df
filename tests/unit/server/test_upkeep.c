/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables keep themselves in order: what a round does, what it leaves alone, what it notes, who does it. */
#include "server/upkeep.h"

#include "base/env.h"
#include "codec/json.h"
#include "db_place.h"
#include "io/db.h"
#include "server/config.h"
#include "sql/lake.h"
#include "test.h"

static struct app *app;

static void open_app(const char *yaml)
{
    struct error err = { 0 };
    struct lake_options o = { .dir = test_tmpdir(), .threads = 2, .catalog = lake_place() };
    FILE *f = fopen(arena_printf(test_arena(), "%s/firn.yaml", test_tmpdir()).ptr, "wb");
    CHECK(f && fputs(yaml, f) >= 0 && fclose(f) == 0);
    CHECK_OK(app_open(&o, &app, &err));
}

static bool take(void *ctx, str piece)
{
    buf_add_str(ctx, piece);
    return true;
}

static const struct json *call(const char *method, const char *path, str body)
{
    struct api_request req = { .method = str_of(method),
                               .path = str_of(path),
                               .body = body,
                               .arena = test_arena(),
                               .in_process = true };
    struct api_answer answer;
    struct error err = { 0 };
    struct json *doc;
    api_answer_init(&answer);
    api_dispatch(app, &req, &answer);
    if (answer.stream)
        CHECK_OK(answer.stream(answer.stream_ctx, take, &answer.body, &err));
    str text = arena_str(test_arena(), buf_str(&answer.body));
    if (answer.status != 200)
        test_fail(__FILE__, __LINE__, "%s answered %d: " STR_FMT, path, answer.status,
                  STR_ARG(text));
    api_answer_deinit(&answer);
    CHECK_OK(json_parse(text, test_arena(), &doc, &err));
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
    const struct json *doc = call("POST", "/api/sql", arena_str(test_arena(), buf_str(&body)));
    buf_deinit(&body);
    return doc;
}

static int64_t count(const char *query)
{
    const struct json *rows = json_get(sql(query), "rows");
    CHECK(rows && rows->array.n == 1 && rows->array.items[0].array.items[0].kind == JSON_INT);
    return rows->array.items[0].array.items[0].i;
}

static void small_files(const char *table, const char *with)
{
    sql(arena_printf(test_arena(), "CREATE TABLE s.%s (a BIGINT) WITH (%s)", table, with).ptr);
    for (int i = 0; i < 6; i++)
        sql(arena_printf(test_arena(), "INSERT INTO s.%s VALUES (%d)", table, i).ptr);
}

static int64_t files(const char *table)
{
    return count(arena_printf(test_arena(), "SELECT count(*) FROM s.\"%s$files\"", table).ptr);
}

static bool round_held(void)
{
    struct error err = { 0 };
    struct cancel stop = { 0 };
    bool held;
    CHECK_OK(upkeep_round(app->upkeep, &stop, &held, &err));
    return held;
}

/* What GET /api/maintenance says of a table; NULL: nothing. */
static const struct json *note_of(const char *table)
{
    const struct json *list = json_get(call("GET", "/api/maintenance", (str){ 0 }), "tables");
    for (size_t i = 0; list && i < list->array.n; i++) {
        const struct json *name = json_get(&list->array.items[i], "table");
        if (name && str_is(name->s, table))
            return &list->array.items[i];
    }
    return NULL;
}

static void run_db(str text)
{
    struct error err = { 0 };
    struct db_tx *tx;
    CHECK_OK(db_begin(app->lake->db, &tx, &err));
    CHECK_OK(db_run(tx, text, NULL, 0, NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
}

TEST(a_round_does_what_is_due)
{
    open_app("maintenance: {interval: 1h}\n");
    sql("CREATE SCHEMA s");
    small_files("t", "'history.expire.max-snapshot-age-ms'='0'");
    small_files("left", "'firn.maintenance.enabled'='false'");
    small_files("only_manifests", "'firn.maintenance.compact'='false', "
                                  "'firn.maintenance.expire'='false'");
    CHECK_INT(files("t"), 6);
    CHECK(round_held());
    CHECK_INT(files("t"), 1);
    CHECK_INT(count("SELECT sum(a) FROM s.t"), 15);
    CHECK_INT(count("SELECT count(*) FROM s.\"t$snapshots\""), 1);
    CHECK_INT(files("left"), 6);
    CHECK(!note_of("s.left"));
    CHECK_INT(files("only_manifests"), 6);
    CHECK_INT(count("SELECT count(*) FROM s.\"only_manifests$manifests\""), 1);
    const struct json *n = note_of("s.t");
    CHECK(n && json_get(n, "error")->kind == JSON_NULL && json_get(n, "failures")->i == 0);
    CHECK_STR(json_get(n, "done")->s, "compact: 6, expire: 6");
    sql("INSERT INTO s.t VALUES (6)");
    sql("INSERT INTO s.t VALUES (7)");
    int64_t before = count("SELECT count(*) FROM s.\"t$snapshots\"");
    CHECK(round_held()); /* within the hour */
    CHECK_INT(count("SELECT count(*) FROM s.\"t$snapshots\""), before);
    app_close(app);
}

TEST(marked_tables_only)
{
    open_app("maintenance: {tables: marked, expire: false}\n");
    sql("CREATE SCHEMA s");
    small_files("t", "'firn.maintenance.enabled'='true'");
    small_files("u", "'firn.maintenance.compact'='true'");
    CHECK(round_held());
    CHECK_INT(files("t"), 1);
    CHECK_INT(files("u"), 6);
    app_close(app);
}

TEST(one_server_at_a_time)
{
    open_app("maintenance: {enabled: true}\n");
    sql("CREATE SCHEMA s");
    small_files("t", "'format-version'='2'");
    run_db(STR("INSERT INTO keep_lease (id, holder, until_us) VALUES (1, 77, 9000000000000000)"));
    CHECK(!round_held());
    CHECK_INT(files("t"), 6);
    CHECK_INT(json_get(call("GET", "/api/maintenance", (str){ 0 }), "holder")->i, 77);
    run_db(STR("UPDATE keep_lease SET until_us = 1"));
    CHECK(round_held());
    CHECK_INT(files("t"), 1);
    app_close(app);
}

TEST(failures_wait_longer_each_time)
{
    struct error err = { 0 };
    open_app("maintenance: {interval: 10s}\n");
    sql("CREATE SCHEMA s");
    small_files("bad", "'firn.maintenance.compact.strategy'='nonsense'");
    small_files("good", "'format-version'='2'");
    CHECK(round_held());
    CHECK_INT(files("good"), 1); /* the others go on */
    const struct json *n = note_of("s.bad");
    CHECK(n && json_get(n, "failures")->i == 1);
    CHECK(str_find(json_get(n, "error")->s, STR("binpack, sort or zorder")) >= 0);
    CHECK(round_held()); /* not due yet */
    CHECK_INT(json_get(note_of("s.bad"), "failures")->i, 1);
    for (int i = 2; i < 20; i++) {
        run_db(STR("UPDATE keep_tables SET next_us = 1 WHERE name = 's.bad'"));
        CHECK(round_held());
        CHECK_INT(json_get(note_of("s.bad"), "failures")->i, i);
    }
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(app->lake->db, &tx, &err));
    CHECK_OK(db_run(tx, STR("SELECT next_us - last_us FROM keep_tables WHERE name = 's.bad'"), NULL,
                    0, test_arena(), &rows, &err));
    db_rollback(tx);
    CHECK_INT(db_int(&rows, 0, 0), INT64_C(86400000000)); /* at most a day */
    sql("ALTER TABLE s.bad SET TBLPROPERTIES ('firn.maintenance.compact.strategy' = 'binpack')");
    run_db(STR("UPDATE keep_tables SET next_us = 1"));
    CHECK(round_held());
    CHECK_INT(json_get(note_of("s.bad"), "failures")->i, 0);
    CHECK_INT(files("bad"), 1);
    app_close(app);
}

TEST(settings_are_checked)
{
    struct server_config c;
    struct error err = { 0 };
    struct json *doc;
    static const struct {
        const char *json, *words;
    } wrong[] = {
        { "{\"maintenance\":{\"enabled\":1}}", "maintenance.enabled" },
        { "{\"maintenance\":{\"tables\":\"some\"}}", "all or marked" },
        { "{\"maintenance\":{\"interval\":\"1s\"}}", "maintenance.interval" },
        { "{\"maintenance\":{\"compaction\":true}}", "unknown setting maintenance.compaction" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_OK(json_parse(str_of(wrong[i].json), test_arena(), &doc, &err));
        CHECK_FAILS(server_config_read(doc, "/x", test_arena(), &c, &err), ERR_INVALID);
        CHECK(str_find(str_of(err.msg), str_of(wrong[i].words)) >= 0);
    }
    CHECK_OK(server_config_read(NULL, "/x", test_arena(), &c, &err));
    CHECK(!c.upkeep.enabled && !c.upkeep.actions[UPKEEP_ORPHANS] &&
          c.upkeep.actions[UPKEEP_COMPACT]);
}
