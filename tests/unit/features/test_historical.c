/* SPDX-License-Identifier: Apache-2.0
 *
 * Training sets end to end: SQL fills tables, entities of every kind are joined, answers are read back with SQL.  The join's rules are
 * tested by themselves in test_pit.c. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lake_fixture.h"

#define PAIR_VIEW                                                                                  \
    "entities:\n  - {name: pair, join_keys: [origin, number]}\n"                                   \
    "feature_views:\n"                                                                             \
    "  - {name: pair_stats, entities: [pair], source: {table: gold.pair, timestamp_field: day}}\n" \
    "  - {name: pair_more, entities: [pair], source: {table: gold.pair, timestamp_field: day}}\n"  \
    "feature_services:\n  - {name: all, features: [\"driver_stats:trips\", \"pair_stats:delay\"]}\n"

static void open_filled(struct fixture *f)
{
    struct error err;
    struct features_apply_report r;
    fixture_open(f);
    CHECK_OK(apply(f, DRIVER_VIEW, false, &r, &err));
    CHECK_OK(apply(f, PAIR_VIEW, false, &r, &err));
    sql(f, "INSERT INTO gold.driver SELECT * FROM (VALUES "
           "(1, '2020-01-01 10:00:00', '2020-01-01 10:00:00', 0.1, 1.5, 1, 'a', true, 1.25),"
           "(1, '2020-01-01 11:00:00', '2020-01-01 15:00:00', 0.2, 1.5, 2, 'b', true, 1.25),"
           "(2, '2020-01-01 10:00:00', NULL, 0.3, 1.5, 3, 'c', true, 1.25)) AS t(driver_id, "
           "event_timestamp, created, conv_rate, acc_rate, trips, name, vip, paid)");
    sql(f, "INSERT INTO gold.pair SELECT * FROM (VALUES ('ABC', 1, DATE '2020-01-01', 5.0)) AS "
           "t(origin, number, day, delay)");
}

#define ENTITIES                                                                                   \
    "SELECT * FROM (VALUES (1, TIMESTAMP '2020-01-01 12:00:00', 'ABC', 1, 'p'),"                   \
    "(3, TIMESTAMP '2020-01-01 12:00:00', 'ABC', 2, 'q'),"                                         \
    "(1, TIMESTAMP '2020-01-01 10:30:00', NULL, 1, 'r'),"                                          \
    "(2, TIMESTAMP '2020-01-01 12:00:00.000001', 'ABC', 1, 's'),"                                  \
    "(1, TIMESTAMP '2020-01-01 12:00:00', 'ABC', 1, 'p')"                                          \
    ") AS e(driver_id, event_timestamp, origin, number, mark)"

static const str both[] = { STR_INIT("driver_stats:trips"), STR_INIT("pair_stats:delay") };

static struct features_historical_request request(const char *entities, const char *out)
{
    return (struct features_historical_request){ .entities = str_of(entities),
                                                 .features = { .refs = both, .n = 2 },
                                                 .out = str_of(out),
                                                 .local_files = true };
}

/* All rows of a query as lines of texts. */
static str rows_of(struct fixture *f, const char *query)
{
    struct error err;
    struct sql_outcome out;
    struct sql_request req = { .text = str_of(query), .local_files = true };
    struct buf *text = arena_new(f->arena, struct buf);
    const struct chunk *c;
    buf_init(text, 1 << 20);
    buf_in_arena(text, f->arena);
    CHECK_OK(sql_execute(f->lake, &req, f->arena, &out, &err));
    while (result_next(out.rows, &c, &err) && c) {
        for (size_t i = 0; i < c->n; i++) {
            for (size_t k = 0; k < c->columns_n; k++) {
                buf_add_str(text, k ? STR("|") : STR(""));
                column_text(&c->columns[k], i, text);
            }
            buf_add_char(text, ';');
        }
    }
    sql_close(&out);
    return buf_str(text);
}

/* A table: rows and columns of the entities first and in order, duplicates kept, ttl applied; the report and the snapshot tell. */
TEST(training_set_as_a_table)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    struct table t;
    open_filled(&f);
    struct features_historical_request req = request(ENTITIES, "training.set");
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    CHECK_INT(r.rows, 5);
    CHECK_INT(r.views_n, 2);
    CHECK_INT(r.views[0].matched, 3);
    CHECK_INT(r.views[1].matched, 3);
    CHECK(r.peak_bytes > 0);
    CHECK_STR(rows_of(&f, "SELECT mark, driver_id, trips, delay FROM training.set"),
              "p|1|2|5.0;q|3|NULL|NULL;r|1|1|NULL;s|2|NULL|5.0;p|1|2|5.0;");
    CHECK_OK(catalog_load_table(f.lake->catalog, (str){ 0 }, STR("training"), STR("set"), f.arena,
                                &t, &err));
    CHECK_INT(t.snapshot_id, r.snapshot_id);
    const struct property_list *s = &metadata_snapshot(t.metadata)->summary;
    int64_t input;
    CHECK(str_to_i64(property_get(s, "firn.input.gold.driver", STR("")), &input));
    CHECK_INT(input, r.views[0].snapshot_id);
    CHECK_STR(property_get(s, "firn.feature-refs", STR("")),
              "driver_stats@v1:trips,pair_stats@v1:delay");
    CHECK_STR(property_get(s, "firn.entities", STR("")), ENTITIES);
    fixture_close(&f);
}

/* What is there is replaced only when asked for. */
/* A row that was deleted is no candidate: the one before it wins, as if it had never been there. */
TEST(deleted_rows_are_no_candidates)
{
    for (int version = 2; version <= 3; version++) {
        struct fixture f;
        struct error err;
        struct features_historical_report r;
        open_filled(&f);
        merge_on_read(&f, "driver", version);
        sql(&f,
            "INSERT INTO gold.driver (driver_id, event_timestamp, trips) SELECT i % 40 + 10, TIMESTAMP '2019-12-31 00:00:00' + "
            "INTERVAL 1 SECOND * i, i FROM range(20000) r(i)");
        sql(&f, "DELETE FROM gold.driver WHERE trips = 2 OR driver_id >= 10 AND trips % 7 <> 0");
        sql(&f, "UPDATE gold.driver SET trips = 33 WHERE driver_id = 2");
        struct features_historical_request req = request(ENTITIES, "training.set");
        CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
        CHECK_STR(rows_of(&f, "SELECT mark, driver_id, trips FROM training.set"),
                  "p|1|1;q|3|NULL;r|1|1;s|2|NULL;p|1|1;");
        req = request(
            "SELECT i + 10 AS driver_id, TIMESTAMP '2019-12-31 05:30:00' AS event_timestamp, 'ABC' AS origin, "
            "1 AS number FROM range(40) r(i)",
            "training.many");
        CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
        CHECK_STR(
            rows_of(
                &f,
                "SELECT count(*) FROM (SELECT driver_id AS d, trips FROM training.many) JOIN (SELECT driver_id, "
                "max(trips) AS best FROM gold.driver WHERE event_timestamp <= TIMESTAMP '2019-12-31 05:30:00' GROUP BY ALL) ON "
                "d = driver_id AND trips = best"),
            "40;");
        fixture_close(&f);
        CHECK_INT(system(arena_printf(test_arena(), "rm -rf '%s/data'", test_tmpdir()).ptr), 0);
    }
}

TEST(nothing_is_overwritten_by_accident)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    open_filled(&f);
    const char *file = arena_printf(f.arena, "%s/out.parquet", test_tmpdir()).ptr;
    const char *outs[] = { "training.set", file };
    for (int i = 0; i < 2; i++) {
        struct features_historical_request req = request(ENTITIES, outs[i]);
        CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
        CHECK_FAILS(features_get_historical(f.features, &req, f.arena, &r, &err), ERR_EXISTS);
        req.overwrite = true;
        CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    }
    CHECK_STR(rows_of(&f, "SELECT count(*) FROM training.set"), "5;");
    fixture_close(&f);
}

/* Files in and out, CSV and Parquet; a table as entities; a service; full names; another time column. */
TEST(entities_and_answers_of_every_kind)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    open_filled(&f);
    const char *dir = test_tmpdir();
    const char *csv = arena_printf(f.arena, "%s/e.csv", dir).ptr,
               *out = arena_printf(f.arena, "%s/o.csv", dir).ptr,
               *parquet = arena_printf(f.arena, "%s/o.parquet", dir).ptr;
    int fd = open(csv, O_WRONLY | O_CREAT, 0600);
    const char text[] = "driver_id,at,origin,number\n1,2020-01-01 12:00:00,ABC,1\n9,2020-01-01 "
                        "12:00:00,XYZ,1\n";
    CHECK(write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    close(fd);
    struct features_historical_request req = request(csv, out);
    req.timestamp = STR("at");
    req.features = (struct feature_refs){ .service = STR("all") };
    req.full_feature_names = true;
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    CHECK_STR(rows_of(&f, arena_printf(f.arena,
                                       "SELECT driver_id, driver_stats__trips, pair_stats__delay "
                                       "FROM '%s'",
                                       out)
                              .ptr),
              "1|2|5.0;9|NULL|NULL;");
    req = request(ENTITIES, "training.entities"); /* entities from a table ... */
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    req = request("training.entities", parquet);
    req.full_feature_names = true;
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    req = request(parquet, out); /* ... and from the file that this made */
    req.overwrite = true;
    req.features = (struct feature_refs){ .refs = (str[]){ STR("pair_more") }, .n = 1 };
    req.full_feature_names = true;
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    CHECK_STR(rows_of(&f, arena_printf(f.arena,
                                       "SELECT mark, trips, driver_stats__trips, pair_more__delay "
                                       "FROM '%s'",
                                       out)
                              .ptr),
              "p|2|2|5.0;q|NULL|NULL|NULL;r|1|1|NULL;s|NULL|NULL|5.0;p|2|2|5.0;");
    fixture_close(&f);
}

/* With known_at a row counts only from its created time; a view without one goes by commit time, and all commits are of today. */
TEST(known_at_leaves_out_the_future)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    open_filled(&f);
    struct features_historical_request req = request(ENTITIES, "training.set");
    req.known_at = true;
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    CHECK_STR(rows_of(&f, "SELECT mark, trips, delay FROM training.set"),
              "p|1|5.0;q|NULL|NULL;r|1|NULL;s|NULL|5.0;p|1|5.0;");
    fixture_close(&f);
}

/* Mistakes are found before the work and leave nothing behind. */
TEST(mistakes_leave_nothing)
{
    static const struct {
        const char *entities, *out, *says;
        enum err_code code;
    } cases[] = {
        { "SELECT 1 AS driver_id", "t.x", "event_timestamp", ERR_NOT_FOUND },
        { "SELECT 'x' AS event_timestamp, 1 AS driver_id, 'a' AS origin, 1 AS number", "t.x",
          "not a timestamp", ERR_INVALID },
        { "SELECT now()::TIMESTAMP AS event_timestamp, 1 AS driver_id", "t.x", "origin",
          ERR_NOT_FOUND },
        { "SELECT now()::TIMESTAMP AS event_timestamp, 'x' AS driver_id, 'a' AS origin, 1 AS number",
          "t.x", "driver_id", ERR_INVALID },
        { "SELECT now()::TIMESTAMP AS event_timestamp, 1 AS driver_id, 'a' AS origin, 1 AS number, 1 "
          "AS TRIPS",
          "t.x", "trips", ERR_INVALID },
        { "SELEC 1", "t.x", "name", ERR_INVALID },
        { "no.table", "t.x", "no", ERR_NOT_FOUND },
        { "/no/file.parquet", "t.x", "/no/file.parquet", ERR_UNAVAILABLE },
        { ENTITIES, "/tmp/x.txt", ".parquet or .csv", ERR_INVALID },
        { ENTITIES, "x", "out", ERR_INVALID },
    };
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    bool exists;
    open_filled(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct features_historical_request req = request(cases[i].entities, cases[i].out);
        err = (struct error){ 0 };
        CHECK(!features_get_historical(f.features, &req, f.arena, &r, &err));
        if (str_find(str_of(err.msg), str_of(cases[i].says)) < 0 || err.code != cases[i].code)
            test_fail(__FILE__, __LINE__, "case %zu: %s: \"%s\"", i, err_code_name(err.code),
                      err.msg);
    }
    CHECK_OK(catalog_table_exists(f.lake->catalog, (str){ 0 }, STR("t"), STR("x"), &exists, &err));
    CHECK(!exists);
    fixture_close(&f);
}

/* Requests that may not touch files do not. */
TEST(files_need_permission)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    static const char *const cases[][2] = {
        { ENTITIES, "/tmp/x.parquet" },
        { "/etc/passwd", "t.x" },
        { "SELECT * FROM read_csv('/etc/passwd')", "t.x" },
    };
    open_filled(&f);
    for (size_t i = 0; i < 3; i++) {
        struct features_historical_request req = request(cases[i][0], cases[i][1]);
        req.local_files = false;
        CHECK_FAILS(features_get_historical(f.features, &req, f.arena, &r, &err), ERR_DENIED);
    }
    fixture_close(&f);
}

/* Two views with one name for a feature: full names are asked for, and the error says so. */
TEST(clashing_names_are_refused)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    str refs[] = { STR("pair_stats"), STR("pair_more") };
    open_filled(&f);
    struct features_historical_request req = request(ENTITIES, "training.set");
    req.features = (struct feature_refs){ .refs = refs, .n = 2 };
    CHECK_FAILS(features_get_historical(f.features, &req, f.arena, &r, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.hint), STR("full_feature_names")) >= 0);
    req.full_feature_names = true;
    CHECK_OK(features_get_historical(f.features, &req, f.arena, &r, &err));
    fixture_close(&f);
}

/* A cancelled join stops and writes nothing. */
TEST(cancelled)
{
    struct fixture f;
    struct error err;
    struct features_historical_report r;
    struct cancel cancel = { 0 };
    bool exists;
    open_filled(&f);
    atomic_store(&cancel.requested, true);
    struct features_historical_request req = request(ENTITIES, "training.set");
    req.cancel = &cancel;
    CHECK_FAILS(features_get_historical(f.features, &req, f.arena, &r, &err), ERR_CANCELLED);
    CHECK_OK(catalog_table_exists(f.lake->catalog, (str){ 0 }, STR("training"), STR("set"), &exists,
                                  &err));
    CHECK(!exists);
    fixture_close(&f);
}
