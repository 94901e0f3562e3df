/* SPDX-License-Identifier: Apache-2.0
 *
 * The point-in-time join over real Parquet files, against the same rules written as a window query. */
#include "features/pit_run.h"

#include <stdio.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/quote.h"
#include "engine/session.h"

#include "test.h"

#define FILES 3

static struct engine *engine;
static struct session *session;
static struct pool *pool;

static void setup(void)
{
    struct error err;
    engine = engine_create(&(struct engine_config){ .threads = 3 });
    pool = pool_create("pit", 2, 64);
    CHECK_OK(session_open(engine, &session, &err));
}

static void teardown(void)
{
    session_close(session);
    pool_destroy(pool);
    engine_destroy(engine);
}

static void run_sql(str sql)
{
    struct error err;
    CHECK_OK(session_exec(session, sql, &err));
}

static str scalar(str sql)
{
    struct error err;
    str out;
    CHECK_OK(session_scalar(session, sql, test_arena(), &out, &err));
    return out;
}

static str path_of(const char *name)
{
    return arena_printf(test_arena(), "%s/%s.parquet", test_tmpdir(), name);
}

static void write_file(const char *name, const char *select)
{
    run_sql(arena_printf(test_arena(),
                         "COPY (%s) TO '" STR_FMT "' (FORMAT parquet, FIELD_IDS 'auto')", select,
                         STR_ARG(path_of(name))));
}

/* Features: small domains, ties in time and created, nulls everywhere. */
static void write_features(void)
{
    for (int f = 0; f < FILES; f++) {
        char name[16], select[2000];
        snprintf(name, sizeof name, "f%d", f);
        snprintf(select, sizeof select,
                 "SELECT CASE WHEN h %% 41 = 0 THEN NULL ELSE (h %% 7)::BIGINT END AS k,"
                 " CASE WHEN h %% 37 = 0 THEN NULL ELSE 'a key of text ' || (h // 7 %% 3) END AS t,"
                 " DATE '2024-01-01' + (h // 21 %% 2)::INTEGER AS d, h // 42 %% 2 = 0 AS b,"
                 " md5('u' || (h // 84 %% 2))::UUID AS u,"
                 " CASE WHEN h %% 31 = 0 THEN NULL"
                 "      ELSE make_timestamp((h // 168 %% 40)::BIGINT) END AS ts,"
                 " CASE WHEN h %% 5 = 0 THEN NULL"
                 "      ELSE make_timestamp((h // 9 %% 4)::BIGINT) END AS created,"
                 " (i + %d * 10000)::BIGINT AS id, 'value ' || i AS text,"
                 " CASE WHEN i %% 3 = 0 THEN NULL ELSE i::DECIMAL(9,2) END AS amount,"
                 " i %% 2 = 0 AS flag, [i] AS nested"
                 " FROM (SELECT i, hash(i + %d * 1000) // 2 AS h FROM range(600) r(i))",
                 f, f);
        write_file(name, select);
    }
}

static const char entity_select[] =
    "SELECT i::INTEGER AS n, CASE WHEN h % 29 = 0 THEN NULL ELSE (h % 7)::INTEGER END AS key,"
    " 'a key of text ' || (h // 7 % 3) AS t, DATE '2024-01-01' + (h // 21 % 2)::INTEGER AS d,"
    " h // 42 % 2 = 0 AS b, md5('u' || (h // 84 % 2))::UUID AS u,"
    " CASE WHEN h % 23 = 0 THEN NULL ELSE make_timestamp((h // 168 % 45)::BIGINT) END AS at"
    " FROM (SELECT i, hash(i // 2 + 5000000) // 2 AS h FROM range(500) r(i))";

struct plan {
    struct scan_file files[FILES];
    int64_t commit_us[FILES];
    struct pit_range range;
    const struct pit_range *bounds;
    int calls;
};

static bool plan_files(void *ctx, const struct pit_range *range, struct arena *a,
                       struct pit_files *out, struct error *err)
{
    (void)a;
    (void)err;
    struct plan *plan = ctx;
    plan->range = *range;
    plan->calls++;
    out->scan.files = plan->files;
    out->scan.files_n = FILES;
    out->commit_us = plan->commit_us;
    out->bounds = plan->bounds;
    return true;
}

static const str features[] = { STR_INIT("id"), STR_INIT("text"), STR_INIT("amount"),
                                STR_INIT("flag") };
static const str entity_keys[] = { STR_INIT("key"), STR_INIT("t"), STR_INIT("d"), STR_INIT("b"),
                                   STR_INIT("u") };
static const str view_keys[] = { STR_INIT("k"), STR_INIT("t"), STR_INIT("d"), STR_INIT("b"),
                                 STR_INIT("u") };

static struct pit_view make_view(struct plan *plan)
{
    struct error err;
    bool has_ids;
    *plan = (struct plan){ .commit_us = { 5, 20, 35 } };
    for (int f = 0; f < FILES; f++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", f);
        plan->files[f] = (struct scan_file){ .path = path_of(name) };
    }
    struct pit_view v = { .name = STR("stats"),
                          .entity_keys = entity_keys,
                          .keys = view_keys,
                          .keys_n = 1,
                          .ts = STR("ts"),
                          .created = STR("created"),
                          .features = features,
                          .names = features,
                          .features_n = 4,
                          .plan = plan_files,
                          .ctx = plan };
    CHECK_OK(
        parquet_schema_read(session, plan->files[0].path, test_arena(), &v.schema, &has_ids, &err));
    return v;
}

/* The rules as a query: the winner's id for each entity row. */
static str oracle_sql(const struct pit_view *v)
{
    struct buf *sql = arena_new(test_arena(), struct buf);
    buf_init(sql, 100000);
    buf_in_arena(sql, test_arena());
    buf_lit(sql,
            "SELECT n, id, text, amount, flag FROM (SELECT e.n, f.id, f.text, f.amount, f.flag,"
            " row_number() OVER (PARTITION BY e.n ORDER BY f.ts DESC NULLS LAST,");
    buf_printf(sql, "%s f.file_index DESC, f.file_row_number DESC) AS place FROM ents e LEFT JOIN ",
               v->created.len ? " f.created DESC NULLS LAST," : "");
    buf_printf(sql,
               "(SELECT *, file_index, file_row_number FROM read_parquet(['" STR_FMT "', '" STR_FMT
               "', '" STR_FMT "'])) f ON f.ts <= e.at",
               STR_ARG(path_of("f0")), STR_ARG(path_of("f1")), STR_ARG(path_of("f2")));
    for (size_t k = 0; k < v->keys_n; k++)
        buf_printf(sql, " AND e." STR_FMT " = f." STR_FMT, STR_ARG(v->entity_keys[k]),
                   STR_ARG(v->keys[k]));
    if (v->ttl_us)
        buf_printf(sql, " AND f.ts >= e.at - INTERVAL %lld MICROSECOND", (long long)v->ttl_us);
    if (v->cutoff == PIT_CUTOFF_CREATED)
        buf_lit(sql, " AND f.created <= e.at");
    if (v->cutoff == PIT_CUTOFF_COMMIT)
        buf_lit(sql, " AND e.at >= make_timestamp(5 + 15 * f.file_index::BIGINT)");
    buf_lit(sql, ") WHERE place = 1");
    return buf_str(sql);
}

/* Joins, writes, and compares with the oracle; rows must stand in the entities' order. */
static void check_view(const struct pit_view *v, str path, str query)
{
    struct error err;
    struct pit_entities e;
    struct pit_joined joined;
    str out = path_of("out");
    CHECK_OK(pit_entities_open(session, path, query, STR("at"), test_arena(), &e, &err));
    CHECK_INT(e.rows_n, 500);
    CHECK_OK(pit_join(session, pool, &e, v, test_arena(), &joined, &err));
    CHECK_OK(pit_write_parquet(session, &e, &joined, 1, out, &err));
    run_sql(arena_printf(test_arena(), "CREATE OR REPLACE TABLE want AS " STR_FMT,
                         STR_ARG(oracle_sql(v))));
    run_sql(arena_printf(test_arena(),
                         "CREATE OR REPLACE TABLE got AS SELECT n, id, text, amount, flag, "
                         "file_row_number AS place FROM read_parquet('" STR_FMT "')",
                         STR_ARG(out)));
    CHECK_STR(
        scalar(STR(
            "SELECT (SELECT count(*) FROM (SELECT * EXCLUDE place FROM got EXCEPT ALL FROM want)) "
            "|| ' ' || (SELECT count(*) FROM (FROM want EXCEPT ALL SELECT * EXCLUDE place FROM got)) "
            "|| ' ' || (SELECT count(*) FROM got WHERE n <> place)")),
        "0 0 0");
    CHECK_STR(scalar(STR("SELECT count(id) FROM want")),
              arena_cstr(test_arena(), arena_printf(test_arena(), "%zu", joined.matched)));
    pit_joined_close(&joined);
}

static struct pit_view begin(struct plan *plan)
{
    setup();
    write_features();
    write_file("e", entity_select);
    run_sql(arena_printf(test_arena(), "CREATE TABLE ents AS %s", entity_select));
    return make_view(plan);
}

/* Keys of one to five parts, of which the integer is wider in the view; with and without ttl. */
TEST(equals_the_window_query)
{
    struct plan plan;
    struct pit_view v = begin(&plan);
    for (v.keys_n = 1; v.keys_n <= 5; v.keys_n++)
        for (v.ttl_us = 0; v.ttl_us <= 12; v.ttl_us += 6)
            check_view(&v, path_of("e"), (str){ 0 });
    teardown();
}

TEST(a_text_key_equals_the_window_query)
{
    struct plan plan;
    struct pit_view v = begin(&plan);
    v.keys = view_keys + 1;
    v.entity_keys = entity_keys + 1;
    check_view(&v, path_of("e"), (str){ 0 });
    CHECK(!plan.range.has_key);
    teardown();
}

TEST(without_created_the_file_and_the_row_decide)
{
    struct plan plan;
    struct pit_view v = begin(&plan);
    v.created = (str){ 0 };
    check_view(&v, path_of("e"), (str){ 0 });
    teardown();
}

TEST(cut_offs_equal_the_window_query)
{
    struct plan plan;
    struct pit_view v = begin(&plan);
    v.cutoff = PIT_CUTOFF_CREATED;
    check_view(&v, path_of("e"), (str){ 0 });
    v.cutoff = PIT_CUTOFF_COMMIT;
    check_view(&v, path_of("e"), (str){ 0 });
    v.created = (str){ 0 };
    v.ttl_us = 7;
    check_view(&v, path_of("e"), (str){ 0 });
    teardown();
}

TEST(entities_of_a_query_keep_their_order)
{
    struct plan plan;
    struct pit_view v = begin(&plan);
    check_view(&v, (str){ 0 }, STR("SELECT * FROM ents ORDER BY n"));
    teardown();
}

TEST(the_plan_is_told_what_can_matter)
{
    struct plan plan;
    struct pit_view v = begin(&plan);
    v.ttl_us = 3;
    check_view(&v, path_of("e"), (str){ 0 });
    CHECK(plan.range.has_key);
    CHECK_INT(plan.range.key_lo, 0);
    CHECK_INT(plan.range.key_hi, 6);
    CHECK_INT(plan.range.time_lo, -3);
    CHECK_INT(plan.range.time_hi, 44);
    CHECK_INT(plan.calls, 1);
    teardown();
}

/* Bounds decide whether rows are filtered before they reach the join, never what it answers. */
TEST(bounds_of_files_change_no_answer)
{
    static const struct pit_range within = { .time_hi = 39, .has_key = true, .key_hi = 6 },
                                  beyond = { .time_hi = 400, .has_key = true, .key_hi = 6 },
                                  no_key = { .time_hi = 39 },
                                  unknown = { .time_lo = INT64_MIN, .time_hi = INT64_MAX };
    const struct pit_range *const all[] = { &within, &beyond, &no_key, &unknown };
    struct plan plan;
    struct pit_view v = begin(&plan);
    for (size_t i = 0; i < 4; i++) {
        const struct pit_range bounds[FILES] = { within, *all[i], within };
        plan.bounds = bounds;
        for (v.ttl_us = 0; v.ttl_us <= 5; v.ttl_us += 5)
            check_view(&v, path_of("e"), (str){ 0 });
    }
    teardown();
}

/* So many rows of one key and time that the first scan ends early, and created decides. */
TEST(ties_by_the_thousand)
{
    struct error err;
    struct plan plan;
    setup();
    for (int f = 0; f < FILES; f++) {
        char name[16], select[400];
        snprintf(name, sizeof name, "f%d", f);
        snprintf(
            select, sizeof select,
            "SELECT i %% 50 AS k, make_timestamp(i // 10000) AS ts, (i * 3 + %d)::BIGINT AS id,"
            " make_timestamp((hash(i * 3 + %d) %% 40)::BIGINT) AS created"
            " FROM range(100000) r(i)",
            f, f);
        write_file(name, select);
    }
    struct pit_view v = make_view(&plan);
    v.features_n = 1;
    struct pit_entities e;
    struct pit_joined joined;
    CHECK_OK(pit_entities_open(session, (str){ 0 },
                               STR("SELECT i % 50 AS key, make_timestamp(i // 50) AS at"
                                   " FROM range(500) r(i)"),
                               STR("at"), test_arena(), &e, &err));
    CHECK_OK(pit_join(session, pool, &e, &v, test_arena(), &joined, &err));
    CHECK_INT(joined.matched, 500);
    CHECK_OK(pit_write_parquet(session, &e, &joined, 1, path_of("out"), &err));
    CHECK_STR(scalar(arena_printf(
                  test_arena(),
                  "SELECT count(*) FROM read_parquet('" STR_FMT "') o JOIN (SELECT k, ts,"
                  " arg_max(id, (created, file_index, file_row_number)) AS best FROM"
                  " read_parquet(['" STR_FMT "', '" STR_FMT "', '" STR_FMT "']) GROUP BY ALL) f"
                  " ON o.key = f.k AND o.at = f.ts AND o.id = f.best",
                  STR_ARG(path_of("out")), STR_ARG(path_of("f0")), STR_ARG(path_of("f1")),
                  STR_ARG(path_of("f2")))),
              "500");
    pit_joined_close(&joined);
    teardown();
}

TEST(entities_that_cannot_match_read_no_file)
{
    struct error err;
    struct plan plan;
    struct pit_view v = begin(&plan);
    struct pit_entities e;
    struct pit_joined joined;
    CHECK_OK(pit_entities_open(session, (str){ 0 }, STR("SELECT * FROM ents WHERE \"at\" IS NULL"),
                               STR("at"), test_arena(), &e, &err));
    CHECK_OK(pit_join(session, pool, &e, &v, test_arena(), &joined, &err));
    CHECK_INT(plan.calls, 0);
    CHECK_INT(joined.matched, 0);
    CHECK_OK(pit_write_parquet(session, &e, &joined, 1, path_of("out"), &err));
    pit_joined_close(&joined);
    teardown();
}

/* Sorted files and few entities: winners stand in stretches, which alone are read. */
TEST(stretches_of_large_files)
{
    struct error err;
    struct plan plan;
    setup();
    for (int f = 0; f < FILES; f++) {
        char name[16], select[400];
        snprintf(name, sizeof name, "f%d", f);
        snprintf(
            select, sizeof select,
            "SELECT (%d + i * 3)::BIGINT AS k, make_timestamp(i) AS ts, (i * 3 + %d)::BIGINT AS id"
            " FROM range(300000) r(i)",
            f, f);
        write_file(name, select);
    }
    struct pit_view v = make_view(&plan);
    v.created = (str){ 0 };
    v.features_n = 1;
    struct pit_entities e;
    struct pit_joined joined;
    CHECK_OK(pit_entities_open(session, (str){ 0 },
                               STR("SELECT (i * 9 + j)::BIGINT AS key, make_timestamp(900000) AS at"
                                   " FROM range(100) r(i), range(3) s(j)"),
                               STR("at"), test_arena(), &e, &err));
    CHECK_OK(pit_join(session, pool, &e, &v, test_arena(), &joined, &err));
    CHECK_INT(joined.matched, 300);
    CHECK_OK(pit_write_parquet(session, &e, &joined, 1, path_of("out"), &err));
    CHECK_STR(scalar(arena_printf(test_arena(),
                                  "SELECT count(*) FROM read_parquet('" STR_FMT "') WHERE id = key",
                                  STR_ARG(path_of("out")))),
              "300");
    pit_joined_close(&joined);
    teardown();
}

/* More features than one function takes arguments. */
TEST(a_hundred_features)
{
    enum { N = 100 };
    struct error err;
    struct plan plan;
    setup();
    struct buf *select = arena_new(test_arena(), struct buf),
               *sums = arena_new(test_arena(), struct buf);
    buf_init(select, 100000);
    buf_init(sums, 100000);
    buf_in_arena(select, test_arena());
    buf_in_arena(sums, test_arena());
    str *names = arena_array(test_arena(), str, N);
    buf_lit(select, "SELECT i::BIGINT AS k, make_timestamp(i) AS ts");
    buf_lit(sums, "0");
    for (int c = 0; c < N; c++) {
        names[c] = arena_printf(test_arena(), "c%d", c);
        buf_printf(select, ", CASE WHEN i = %d THEN NULL ELSE i * 1000 + %d END AS c%d", c, c, c);
        buf_printf(sums,
                   " + (c%d IS NOT DISTINCT FROM CASE WHEN key = %d THEN NULL"
                   " ELSE key * 1000 + %d END)::INTEGER",
                   c, c, c);
    }
    buf_lit(select, " FROM range(200) r(i)");
    str text = arena_str(test_arena(), buf_str(select));
    for (int f = 0; f < FILES; f++)
        write_file(f == 0 ? "f0" : f == 1 ? "f1" : "f2", arena_cstr(test_arena(), text));
    struct pit_view v = make_view(&plan);
    v.created = (str){ 0 };
    v.features = v.names = names;
    v.features_n = N;
    struct pit_entities e;
    struct pit_joined joined;
    CHECK_OK(pit_entities_open(session, (str){ 0 },
                               STR("SELECT i::BIGINT AS key, make_timestamp(500) AS at"
                                   " FROM range(200) r(i)"),
                               STR("at"), test_arena(), &e, &err));
    CHECK_OK(pit_join(session, pool, &e, &v, test_arena(), &joined, &err));
    CHECK_OK(pit_write_parquet(session, &e, &joined, 1, path_of("out"), &err));
    CHECK_STR(scalar(arena_printf(test_arena(),
                                  "SELECT count(*) FROM read_parquet('" STR_FMT "') WHERE " STR_FMT
                                  " = 100",
                                  STR_ARG(path_of("out")), STR_ARG(buf_str(sums)))),
              "200");
    pit_joined_close(&joined);
    teardown();
}

static void check_refused(const struct pit_view *v, enum err_code code)
{
    struct error err;
    struct pit_entities e;
    struct pit_joined joined;
    CHECK_OK(
        pit_entities_open(session, path_of("e"), (str){ 0 }, STR("at"), test_arena(), &e, &err));
    CHECK_FAILS(pit_join(session, pool, &e, v, test_arena(), &joined, &err), code);
    CHECK(str_find(str_of(err.msg), STR("stats")) >= 0);
}

TEST(what_does_not_fit_is_named)
{
    struct error err;
    struct plan plan;
    struct pit_view good = begin(&plan), v = good;
    str missing = STR("nothing"), text = STR("t"), nested = STR("nested"), key = STR("k");
    v.keys = &missing;
    check_refused(&v, ERR_NOT_FOUND);
    v = good;
    v.keys = &text; /* an integer in the entities */
    check_refused(&v, ERR_INVALID);
    v = good;
    v.ts = key;
    check_refused(&v, ERR_INVALID);
    v = good;
    v.features = v.names = &nested;
    v.features_n = 1;
    check_refused(&v, ERR_UNSUPPORTED);
    struct pit_entities e;
    CHECK_FAILS(
        pit_entities_open(session, path_of("e"), (str){ 0 }, STR("when"), test_arena(), &e, &err),
        ERR_NOT_FOUND);
    CHECK_FAILS(
        pit_entities_open(session, path_of("e"), (str){ 0 }, STR("n"), test_arena(), &e, &err),
        ERR_INVALID);
    teardown();
}
