/* SPDX-License-Identifier: Apache-2.0
 *
 * From tables to the online store and back: SQL fills a table, a view is materialised, its features are read. */
#include "base/time.h"
#include "features/online_state.h"
#include "io/kv.h"
#include "lake_fixture.h"

static void sql_driver(struct fixture *f, const char *rows)
{
    sql(f, arena_printf(f->arena,
                        "INSERT INTO gold.driver SELECT * FROM (VALUES %s) AS t(driver_id, "
                        "event_timestamp, created, conv_rate, acc_rate, trips, name, vip, paid)",
                        rows)
               .ptr);
}

static struct features_materialized *fill(struct fixture *f, size_t want)
{
    struct error err;
    struct features_materialized *out;
    struct features_materialize_request req = { 0 };
    size_t n;
    CHECK_OK(features_materialize(f->features, &req, f->arena, &out, &n, &err));
    CHECK_INT(n, want);
    return out;
}

static struct features_lookup_result look(struct fixture *f, const int64_t *ids, size_t n,
                                          const char *ref)
{
    struct error err;
    struct features_lookup_result out;
    str refs[] = { str_of(ref) };
    struct value *keys = arena_array(f->arena, struct value, n);
    for (size_t i = 0; i < n; i++)
        keys[i] = value_i64(TYPE_LONG, ids[i]);
    struct features_key_column key = { STR("driver_id"), keys };
    struct features_lookup_request req = {
        .keys = &key, .keys_n = 1, .rows_n = n, .features = { .refs = refs, .n = 1 }
    };
    CHECK_OK(features_lookup(f->features, &req, f->arena, &out, &err));
    return out;
}

static int64_t trips(struct fixture *f, int64_t id)
{
    struct features_lookup_result out = look(f, &id, 1, "driver_stats:trips");
    return out.statuses[0] == FEATURE_PRESENT ? out.values[0].i : -(int64_t)out.statuses[0];
}

static void open_with_view(struct fixture *f)
{
    struct error err;
    struct features_apply_report r;
    fixture_open(f);
    CHECK_OK(apply(f, DRIVER_VIEW, false, &r, &err));
}

/* The latest row of each key wins: by time, then by created, then by the later append; null keys and times count for nothing. */
TEST(latest_rows_are_served)
{
    struct fixture f;
    open_with_view(&f);
    sql_driver(&f,
               "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25),"
               "(1, '2019-12-31 23:00:00', NULL, 0.2, 1.5, 2, 'b', true, 1.25),"
               "(2, '2019-12-31 23:00:00', '2020-01-01 00:00:00', 0.3, NULL, 3, 'c', NULL, NULL),"
               "(2, '2019-12-31 23:00:00', '2020-01-01 00:00:01', NULL, NULL, 4, NULL, NULL, NULL),"
               "(2, '2019-12-31 23:00:00', NULL, 0.3, NULL, 5, 'c', NULL, NULL),"
               "(NULL, '2020-01-01 00:00:00', NULL, 0.3, NULL, 6, 'c', NULL, NULL),"
               "(3, NULL, NULL, 0.3, NULL, 7, 'c', NULL, NULL),"
               "(4, '2019-12-31 23:00:00', NULL, 0.3, NULL, 8, 'first', NULL, NULL)");
    sql_driver(&f, "(4, '2019-12-31 23:00:00', NULL, 0.3, NULL, 9, 'second', NULL, NULL)");
    struct features_materialized *m = fill(&f, 1);
    CHECK_INT(m[0].rows, 3);
    CHECK(!m[0].unchanged);
    CHECK_INT(trips(&f, 1), 1);
    CHECK_INT(trips(&f, 2), 4);
    CHECK_INT(trips(&f, 3), -FEATURE_NOT_FOUND);
    CHECK_INT(trips(&f, 4), 9);
    int64_t two = 2;
    CHECK_INT(look(&f, &two, 1, "driver_stats:conv_rate").statuses[0], FEATURE_NULL);
    fixture_close(&f);
}

/* Nothing is done twice for a snapshot; a new one replaces the old one as a whole, rows that come late included. */
TEST(follows_snapshots)
{
    struct fixture f;
    open_with_view(&f);
    CHECK_INT(fill(&f, 1)[0].snapshot_id, -1); /* the empty table is published, too */
    CHECK(fill(&f, 1)[0].unchanged);
    sql_driver(&f, "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25)");
    struct features_materialized *first = fill(&f, 1);
    CHECK(!first[0].unchanged);
    CHECK(fill(&f, 1)[0].unchanged);
    sql_driver(&f, "(2, '2019-12-31 22:30:00', NULL, 0.1, 1.5, 2, 'late', true, 1.25)");
    CHECK_INT(trips(&f, 2), -FEATURE_NOT_FOUND);
    struct features_materialized *second = fill(&f, 1);
    CHECK_INT(second[0].rows, 2);
    CHECK(second[0].snapshot_id != first[0].snapshot_id);
    CHECK_INT(trips(&f, 2), 2);
    fixture_close(&f);
    fixture_reopen(&f);
    CHECK_INT(trips(&f, 2), 2);
    CHECK(fill(&f, 1)[0].unchanged);
    fixture_close(&f);
}

/* What was deleted is served no more, with vectors too. */
TEST(deleted_rows_are_not_served)
{
    struct fixture f;
    open_with_view(&f);
    merge_on_read(&f, "driver", 3);
    sql_driver(
        &f,
        "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25), (1, '2019-12-31 23:59:59', NULL, 0.1, 1.5, 7, "
        "'a', true, 1.25), (2, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 2, 'b', true, 1.25)");
    fill(&f, 1);
    CHECK_INT(trips(&f, 1), 1);
    CHECK_INT(trips(&f, 2), 2);
    sql(&f, "DELETE FROM gold.driver WHERE trips IN (1, 2)");
    fill(&f, 1);
    CHECK_INT(trips(&f, 1), 7);
    CHECK_INT(trips(&f, 2), -FEATURE_NOT_FOUND);
    fixture_close(&f);
}

/* An older snapshot can be put back. */
TEST(takes_a_named_snapshot)
{
    struct fixture f;
    struct error err;
    size_t n;
    struct features_materialized *out;
    open_with_view(&f);
    sql_driver(&f, "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25)");
    int64_t first = fill(&f, 1)[0].snapshot_id;
    sql_driver(&f, "(1, '2020-01-01 00:00:01', NULL, 0.1, 1.5, 2, 'a', true, 1.25)");
    fill(&f, 1);
    CHECK_INT(trips(&f, 1), 2);
    struct features_materialize_request req = { .snapshot_id = first };
    CHECK_OK(features_materialize(f.features, &req, f.arena, &out, &n, &err));
    CHECK_INT(trips(&f, 1), 1);
    req.snapshot_id = 4711;
    CHECK_FAILS(features_materialize(f.features, &req, f.arena, &out, &n, &err), ERR_NOT_FOUND);
    fixture_close(&f);
}

/* Keys of every kind come back. */
TEST(keys_of_all_types)
{
    static const struct {
        const char *type, *sql, *json;
    } cases[] = {
        { "int", "CAST(-5 AS INTEGER)", "-5" },
        { "long", "CAST(12345678901 AS BIGINT)", "12345678901" },
        { "string", "'Zoë'", "\"Zoë\"" },
        { "date", "DATE '2001-02-03'", "\"2001-02-03\"" },
        { "uuid", "UUID 'f79c3e09-677c-4bbd-a479-3f349cb785e7'",
          "\"F79C3E09-677C-4BBD-A479-3F349CB785E7\"" },
        { "boolean", "true", "true" },
    };
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    enum feast_error why;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[2] = { (char)('a' + i), 0 };
        struct buf out = BUF_INIT(1 << 20);
        make_table(
            &f, name,
            (struct column[]){ { "k", cases[i].type }, { "ts", "timestamptz" }, { "x", "int" } },
            3);
        sql(&f,
            arena_printf(
                f.arena,
                "INSERT INTO gold.%s SELECT %s AS k, TIMESTAMPTZ '2020-01-01 00:00:00+00' AS ts, "
                "CAST(7 AS INTEGER) AS x",
                name, cases[i].sql)
                .ptr);
        CHECK_OK(
            apply(&f,
                  arena_printf(f.arena,
                               "entities: [{name: k}]\nfeature_views: [{name: %s, entities: [k], "
                               "online: true, source: {table: gold.%s, timestamp_field: ts}}]",
                               name, name)
                      .ptr,
                  false, &r, &err));
        fill(&f, i + 1);
        str body = arena_printf(f.arena, "{\"entities\":{\"k\":[%s]},\"features\":[\"%s:x\"]}",
                                cases[i].json, name);
        CHECK_OK(features_get_online(f.features, NULL, body, f.arena, &out, &why, &err));
        if (str_find(buf_str(&out), STR("{\"values\":[7],\"statuses\":[\"PRESENT\"]")) < 0)
            test_fail(__FILE__, __LINE__, "%s: " STR_FMT, cases[i].type, STR_ARG(buf_str(&out)));
        buf_deinit(&out);
    }
    fixture_close(&f);
}

/* Unknown views, views that are not online, and tables that changed under the view are refused; the store stays as it was. */
TEST(what_cannot_be_materialised)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct features_materialized *out;
    size_t n;
    const str unknown[] = { STR("nope") }, offline[] = { STR("pair_stats") };
    struct features_materialize_request req = { .views = unknown, .views_n = 1 };
    open_with_view(&f);
    CHECK_OK(apply(&f,
                   "entities: [{name: pair, join_keys: [origin, number]}]\n"
                   "feature_views: [{name: pair_stats, entities: [pair], "
                   "source: {table: gold.pair, timestamp_field: day}}]",
                   false, &r, &err));
    CHECK_FAILS(features_materialize(f.features, &req, f.arena, &out, &n, &err), ERR_NOT_FOUND);
    req.views = offline;
    CHECK_FAILS(features_materialize(f.features, &req, f.arena, &out, &n, &err), ERR_INVALID);
    sql_driver(&f, "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25)");
    fill(&f, 1);
    sql(&f, "DROP TABLE gold.driver");
    CHECK_FAILS(features_materialize(f.features, &(struct features_materialize_request){ 0 },
                                     f.arena, &out, &n, &err),
                ERR_NOT_FOUND);
    make_table(&f, "driver",
               (struct column[]){ { "driver_id", "long" },
                                  { "event_timestamp", "timestamp" },
                                  { "created", "timestamp" } },
               3);
    CHECK_FAILS(features_materialize(f.features, &(struct features_materialize_request){ 0 },
                                     f.arena, &out, &n, &err),
                ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("has no column conv_rate")) >= 0);
    CHECK_INT(trips(&f, 1), 1);
    fixture_close(&f);
}

/* A view that is deleted takes its rows along; one of the same name starts empty. */
TEST(deleted_views_leave_no_rows)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    struct feature_object o;
    open_with_view(&f);
    sql_driver(&f, "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25)");
    fill(&f, 1);
    CHECK_OK(features_describe(f.features, FEATURE_VIEW, STR("driver_stats"), f.arena, &o, &err));
    CHECK(o.materialized);
    CHECK_INT(o.rows, 1);
    CHECK_OK(features_delete(f.features, FEATURE_VIEW, STR("driver_stats"), &err));
    CHECK_OK(apply(&f, DRIVER_VIEW, false, &r, &err));
    CHECK_INT(trips(&f, 1), -FEATURE_NOT_FOUND);
    fixture_close(&f);
}

/* New definitions need new rows: the same snapshot is materialised again, and what the store has is served until then. */
TEST(changed_views_are_filled_again)
{
    struct fixture f;
    struct error err;
    struct features_apply_report r;
    open_with_view(&f);
    sql_driver(&f, "(1, '2020-01-01 00:00:00', NULL, 0.1, 1.5, 1, 'a', true, 1.25)");
    CHECK_OK(apply(&f, DRIVER_VIEW "    schema: [{name: conv_rate, dtype: Float64}]\n", false, &r,
                   &err));
    fill(&f, 1);
    CHECK_OK(apply(&f, DRIVER_VIEW, false, &r, &err));
    CHECK_INT(trips(&f, 1), -FEATURE_NOT_FOUND);
    CHECK(!fill(&f, 1)[0].unchanged);
    CHECK_INT(trips(&f, 1), 1);
    fixture_close(&f);
}

/* Many rows over several chunks and appends, against plain SQL's answer. */
TEST(many_rows)
{
    struct fixture f;
    open_with_view(&f);
    for (int i = 0; i < 3; i++)
        sql(&f,
            arena_printf(
                f.arena,
                "INSERT INTO gold.driver SELECT (r * 7919 + %d) %% 5000 AS driver_id, "
                "TIMESTAMP '2019-12-31 22:00:00' + to_microseconds((r * 104729) %% 7000000000) AS event_timestamp, "
                "CAST(NULL AS TIMESTAMP) AS created, CAST(r AS DOUBLE) AS conv_rate, "
                "CAST(NULL AS FLOAT) AS acc_rate, CAST(r AS INTEGER) AS trips, "
                "'n' || r AS name, true AS vip, CAST(NULL AS DECIMAL(10,2)) AS paid "
                "FROM range(%d, %d) AS t(r)",
                i, i * 10000, (i + 1) * 10000)
                .ptr);
    CHECK_INT(fill(&f, 1)[0].rows, 5000);
    struct error err;
    struct sql_outcome out;
    struct sql_request req = {
        .text = STR("SELECT driver_id, CAST(arg_max(trips, event_timestamp) AS BIGINT) "
                    "FROM gold.driver GROUP BY driver_id")
    };
    CHECK_OK(sql_execute(f.lake, &req, f.arena, &out, &err));
    const struct chunk *c;
    size_t rows = 0;
    while (result_next(out.rows, &c, &err) && c) {
        for (size_t i = 0; i < c->n; i++, rows++)
            CHECK_INT(trips(&f, column_i64(&c->columns[0], i)), column_i64(&c->columns[1], i));
    }
    CHECK_INT(rows, 5000);
    sql_close(&out);
    fixture_close(&f);
}
