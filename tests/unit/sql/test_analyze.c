/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of columns over real files: what they count, what they cost, and what becomes of their files. */
#include "sql/analyze.h"

#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "iceberg/statistics.h"
#include "io/store.h"
#include "lake_test.h"

static struct error err;

static struct table table_now(struct lake *lake)
{
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t;
}

static struct analyze_result analyze(struct lake *lake, const str *columns, size_t n)
{
    struct analyze_request req = { .table = STR("s.t"), .columns = columns, .columns_n = n };
    struct analyze_result out;
    CHECK_OK(maintain_analyze(lake, &req, test_arena(), &out, &err));
    return out;
}

static int64_t distinct(const struct analyze_result *r, const char *column)
{
    for (size_t i = 0; i < r->columns_n; i++)
        if (str_is(r->columns[i].name, column))
            return r->columns[i].distinct;
    return -1;
}

static struct lake *lake_with_rows(void)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake,
        "CREATE TABLE s.t AS SELECT i AS id, (i % 7)::INTEGER AS seven, 'n' || i % 100 AS name,"
        " CASE WHEN i % 2 = 0 THEN i END AS even, [i] AS list, {'x': i % 3} AS point"
        " FROM range(3000) r(i)");
    return lake;
}

TEST(each_plain_column_is_counted)
{
    struct lake *lake = lake_with_rows();
    struct analyze_result r = analyze(lake, NULL, 0);
    CHECK(r.written && !r.incremental);
    CHECK_INT(r.rows_read, 3000);
    CHECK_INT(r.columns_n, 4);
    CHECK_INT(distinct(&r, "id"), 3000);
    CHECK_INT(distinct(&r, "seven"), 7);
    CHECK_INT(distinct(&r, "name"), 100);
    CHECK_INT(distinct(&r, "even"), 1500); /* nulls are no values */
    const struct metadata *m = table_now(lake).metadata;
    CHECK_INT(m->statistics_n, 1);
    CHECK_INT(m->statistics[0].snapshot_id, m->current_snapshot_id);
    CHECK_INT(m->statistics[0].blobs_n, 4);
    CHECK_INT(statistics_distinct(&m->statistics[0], 2), 7);
    lake_close(lake);
}

TEST(every_type_has_its_values)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake,
        "CREATE TABLE s.t AS SELECT i % 2 = 0 AS b, (i % 3)::FLOAT AS f, (i % 4)::DOUBLE AS d,"
        " (i % 5)::DECIMAL(9,2) AS d4, (i % 6)::DECIMAL(38,3) AS d16,"
        " DATE '2001-01-01' + (i % 7)::INTEGER AS day, TIME '01:02:03' + INTERVAL (i % 8) SECOND AS ti,"
        " TIMESTAMP '2001-01-01' + INTERVAL (i % 9) HOUR AS ts,"
        " (TIMESTAMP '2001-01-01' + INTERVAL (i % 10) HOUR)::TIMESTAMPTZ AS tz,"
        " ('00000000-0000-0000-0000-0000000000' || (10 + i % 11))::UUID AS u,"
        " encode('x' || i % 12) AS bin, CASE WHEN i % 2 = 0 THEN '' ELSE 'y' END AS blank"
        " FROM range(5000) r(i)");
    struct analyze_result r = analyze(lake, NULL, 0);
    static const struct {
        const char *name;
        int64_t n;
    } want[] = { { "b", 2 },    { "f", 3 },    { "d", 4 },  { "d4", 5 },  { "d16", 6 },
                 { "day", 7 },  { "ti", 8 },   { "ts", 9 }, { "tz", 10 }, { "u", 11 },
                 { "bin", 12 }, { "blank", 1 } /* the empty text has no hash, in Java neither */ };
    CHECK_INT(r.columns_n, sizeof want / sizeof *want);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        CHECK_INT(distinct(&r, want[i].name), want[i].n);
    lake_close(lake);
}

TEST(large_columns_are_estimated)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t AS SELECT i AS id, i // 4 AS quarter FROM range(200000) r(i)");
    struct analyze_result r = analyze(lake, NULL, 0);
    CHECK(distinct(&r, "id") > 188000 && distinct(&r, "id") < 212000);
    CHECK(distinct(&r, "quarter") > 47000 && distinct(&r, "quarter") < 53000);
    lake_close(lake);
}

TEST(what_is_known_is_not_read_again)
{
    struct lake *lake = lake_with_rows();
    analyze(lake, NULL, 0);
    str commit = table_now(lake).commit_id;
    struct analyze_result r = analyze(lake, NULL, 0);
    CHECK(!r.written);
    CHECK_INT(r.rows_read, 0);
    CHECK_INT(distinct(&r, "name"), 100);
    CHECK_STR(table_now(lake).commit_id, arena_cstr(test_arena(), commit));
    lake_close(lake);
}

TEST(appends_are_read_alone)
{
    struct lake *lake = lake_with_rows();
    analyze(lake, NULL, 0);
    ask(lake, "INSERT INTO s.t SELECT 2990 + i, 8, 'new', NULL, NULL, NULL FROM range(20) r(i)");
    struct analyze_result r = analyze(lake, NULL, 0);
    CHECK(r.written && r.incremental);
    CHECK_INT(r.rows_read, 20);
    CHECK_INT(distinct(&r, "id"), 3010);
    CHECK_INT(distinct(&r, "seven"), 8);
    CHECK_INT(distinct(&r, "name"), 101);
    CHECK_INT(distinct(&r, "even"), 1500);
    ask(lake, "DELETE FROM s.t WHERE id < 1000");
    r = analyze(lake, NULL, 0);
    CHECK(r.written && !r.incremental); /* a sketch forgets nothing */
    CHECK_INT(r.rows_read, 2020);
    CHECK_INT(distinct(&r, "id"), 2010);
    lake_close(lake);
}

TEST(columns_can_be_chosen)
{
    struct lake *lake = lake_with_rows();
    ask(lake, "ANALYZE s.t (name, \"seven\")");
    CHECK_INT(table_now(lake).metadata->statistics[0].blobs_n, 2);
    ask(lake, "ANALYZE TABLE s.t (Point.x)"); /* those of the snapshot that are there are kept */
    const struct metadata *m = table_now(lake).metadata;
    CHECK_INT(m->statistics_n, 1);
    CHECK_INT(m->statistics[0].blobs_n, 3);
    const struct field *x = schema_field_by_name(metadata_schema(m), STR("point.x"), true);
    CHECK_INT(statistics_distinct(&m->statistics[0], x->id), 3);
    str answer = ask(lake, "CALL system.compute_table_stats('s.t', columns => array('id'))");
    CHECK_STR(answer, arena_cstr(test_arena(), table_now(lake).metadata->statistics[0].path));
    CHECK_INT(table_now(lake).metadata->statistics[0].blobs_n, 4);
    lake_close(lake);
}

TEST(earlier_snapshots_have_their_own)
{
    struct lake *lake = lake_with_rows();
    int64_t first = table_now(lake).snapshot_id;
    ask(lake, "INSERT INTO s.t SELECT 9000, 70, 'z', NULL, NULL, NULL");
    str call = arena_printf(test_arena(), "CALL system.compute_table_stats('s.t', %lld)",
                            (long long)first);
    ask(lake, call.ptr);
    ask(lake, "ANALYZE s.t");
    const struct metadata *m = table_now(lake).metadata;
    CHECK_INT(m->statistics_n, 2);
    CHECK_INT(statistics_distinct(&m->statistics[0], 2), 7);
    CHECK_INT(statistics_distinct(&m->statistics[1], 2), 8);
    lake_close(lake);
}

TEST(files_go_with_their_snapshot)
{
    struct lake *lake = lake_with_rows();
    analyze(lake, NULL, 0);
    str path, uri = table_now(lake).metadata->statistics[0].path;
    struct store_info info;
    CHECK_OK(store_from_uri(lake->warehouse, uri, test_arena(), &path, &err));
    CHECK(str_starts(ask(lake, "CALL system.collect_garbage('0s')"), STR("0|")));
    CHECK_OK(store_head(lake->warehouse, path, &info, &err));
    ask(lake, "DELETE FROM s.t");
    ask(lake, "CALL system.expire_snapshots('s.t', TIMESTAMP '2100-01-01', 1)");
    CHECK_INT(table_now(lake).metadata->statistics_n, 0);
    ask(lake, "CALL system.collect_garbage('0s')");
    CHECK(!store_head(lake->warehouse, path, &info, &err));
    lake_close(lake);
}

TEST(damaged_statistics_are_made_anew)
{
    struct lake *lake = lake_with_rows();
    analyze(lake, NULL, 0);
    str path;
    CHECK_OK(store_from_uri(lake->warehouse, table_now(lake).metadata->statistics[0].path,
                            test_arena(), &path, &err));
    CHECK_OK(store_put(lake->warehouse, path, STR("PFA1 nothing"), STORE_REPLACE, &err));
    struct analyze_result r = analyze(lake, NULL, 0);
    CHECK(r.written);
    CHECK_INT(distinct(&r, "name"), 100);
    lake_close(lake);
}

TEST(show_stats_answers_from_metadata)
{
    struct lake *lake = lake_with_rows();
    ask(lake, "ANALYZE s.t (id, seven, name, even)");
    CHECK_STR(ask(lake, "SHOW STATS FOR s.t").len ? STR("") : STR("empty"), "");
    ask(lake, "CREATE TABLE s.u AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL");
    str all = ask(lake, "SHOW STATS FOR s.u");
    CHECK(str_find(all, STR("|1|2")) > 0);
    CHECK(str_find(all, STR("0.5")) > 0);
    refuse(lake, "SHOW STATS s.u", ERR_INVALID, "SHOW STATS FOR");
    lake_close(lake);
}

TEST(an_empty_table_has_none)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT)");
    struct analyze_result r = analyze(lake, NULL, 0);
    CHECK(!r.written);
    CHECK_INT(r.snapshot_id, SNAPSHOT_NONE);
    CHECK_STR(ask(lake, "CALL system.compute_table_stats('s.t')"), "");
    ask(lake, "INSERT INTO s.t SELECT NULL");
    r = analyze(lake, NULL, 0);
    CHECK_INT(distinct(&r, "id"), 0);
    lake_close(lake);
}

TEST(what_is_wrong_is_said)
{
    struct lake *lake = lake_with_rows();
    refuse(lake, "ANALYZE", ERR_INVALID, "needs the name");
    refuse(lake, "ANALYZE s.t (", ERR_INVALID, "is written as");
    refuse(lake, "ANALYZE s.t (a b)", ERR_INVALID, "is written as");
    refuse(lake, "ANALYZE s.t ()", ERR_INVALID, "is written as");
    refuse(lake, "ANALYZE s.t x", ERR_INVALID, "is written as");
    refuse(lake, "ANALYZE s.t (nothing)", ERR_NOT_FOUND, "no column \"nothing\"");
    refuse(lake, "ANALYZE s.t (list)", ERR_INVALID, "no statistics of columns like");
    refuse(lake, "ANALYZE s.t (list.element)", ERR_INVALID, "no statistics of columns like");
    refuse(lake, "ANALYZE s.none", ERR_NOT_FOUND, "does not exist");
    refuse(lake, "CALL system.compute_table_stats('s.t', 12345)", ERR_NOT_FOUND, "12345");
    lake_close(lake);
}
