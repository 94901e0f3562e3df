/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/refs.h"
#include "catalog/views.h"
#include "iceberg/view.h"
#include "lake_test.h"

static const struct view_metadata *load(struct lake *lake, const char *name)
{
    struct error err = { 0 };
    struct catalog_view v;
    CHECK_OK(catalog_load_view(lake->catalog, (str){ 0 }, STR("a"), str_of(name), test_arena(), &v,
                               &err));
    return v.metadata;
}

/* A view as another engine would store it. */
static void make_view(struct lake *lake, const char *name, const char *dialect, const char *sql,
                      const char *default_catalog)
{
    static const struct field columns[] = { { .id = 1, .name = STR_INIT("n") } };
    struct error err = { 0 };
    struct field *f = arena_new(test_arena(), struct field);
    struct catalog_view made;
    const struct schema *schema;
    str *ns = arena_new(test_arena(), str);
    struct view_representation text = { .type = STR("sql"),
                                        .sql = str_of(sql),
                                        .dialect = str_of(dialect) };
    *f = columns[0];
    f->type = type_of(TYPE_LONG);
    *ns = STR("a");
    CHECK_OK(schema_build(0, f, 1, NULL, 0, test_arena(), &schema, &err));
    struct view_update u[3] = { { .kind = VIEW_ADD_SCHEMA },
                                { .kind = VIEW_ADD_VERSION },
                                { .kind = VIEW_SET_CURRENT_VERSION,
                                  .version_id = VIEW_VERSION_LAST_ADDED } };
    u[0].schema = schema;
    u[1].version = (struct view_version){ .id = 1,
                                          .schema_id = VIEW_VERSION_LAST_ADDED,
                                          .timestamp_ms = 1700000000000,
                                          .default_namespace = ns,
                                          .default_namespace_n = 1,
                                          .default_catalog = str_of(default_catalog),
                                          .representations = &text,
                                          .representations_n = 1 };
    CHECK_OK(catalog_create_view(lake->catalog, (str){ 0 }, STR("a"), str_of(name), (str){ 0 }, u,
                                 3, NULL, test_arena(), &made, &err));
}

static struct lake *open_filled(void)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT i AS id, i % 3 AS k FROM range(9) r(i)");
    ask(lake, "CREATE TABLE b.t AS SELECT 100 AS id");
    return lake;
}

TEST(a_view_is_read)
{
    struct lake *lake = open_filled();
    struct sql_outcome out;
    ask_on(lake, "",
           "CREATE VIEW a.v (n COMMENT 'how many', \"key\") COMMENT 'counts' TBLPROPERTIES ('p' = "
           "'q') AS SELECT count(*), k FROM t GROUP BY k -- as it is",
           &out);
    CHECK_STR(str_of(out.kind), "CREATE VIEW");
    CHECK_INT(out.commit_id.len, 64);
    CHECK_STR(ask(lake, "SELECT * FROM a.v ORDER BY \"key\""), "3|0\n3|1\n3|2");
    CHECK_STR(ask_on(lake, "", "SELECT x.n FROM a.v AS x JOIN a.t ON x.key = t.id", &out),
              "3\n3\n3");
    CHECK_INT(out.scans_n, 2);
    const struct view_metadata *m = load(lake, "v");
    CHECK_STR(property_get(&m->properties, "comment", (str){ 0 }), "counts");
    CHECK_STR(property_get(&m->properties, "p", (str){ 0 }), "q");
    CHECK_STR(view_metadata_schema(m)->fields[0].doc, "how many");
    CHECK_STR(view_metadata_sql(m, STR("firn")), "SELECT count(*), k FROM t GROUP BY k");
    CHECK_STR(view_metadata_current(m)->default_namespace[0], "a");
    /* Rows that come later are seen, columns that come later are not. */
    ask(lake, "CREATE VIEW a.w AS SELECT * FROM a.t");
    ask(lake, "ALTER TABLE a.t ADD COLUMN more INT");
    ask(lake, "INSERT INTO a.t VALUES (77, 2, 5)");
    CHECK_STR(ask(lake, "SELECT * FROM a.w WHERE id > 7 ORDER BY id"), "8|2\n77|2");
    ask(lake, "CREATE TABLE a.made AS SELECT * FROM a.w");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.made"), "10");
    CHECK(str_starts(ask(lake, "DESCRIBE a.w"), STR("id|BIGINT|YES")));
    lake_close(lake);
}

TEST(filters_go_through_a_view)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask(lake, "CREATE TABLE a.t PARTITIONED BY (k) AS SELECT i AS id, i % 5 AS k FROM range(100) "
              "r(i)");
    ask(lake, "CREATE VIEW a.v AS SELECT id, k AS key FROM a.t");
    ask(lake, "CREATE VIEW a.w AS SELECT * FROM v");
    CHECK_STR(ask_on(lake, "", "SELECT count(*) FROM a.w WHERE key = 3", &out), "20");
    CHECK_INT(out.scans_n, 1);
    CHECK_STR(out.scans[0].table, "a.t");
    CHECK_INT(out.scans[0].files_total, 5);
    CHECK_INT(out.scans[0].files_read, 1);
    lake_close(lake);
}

TEST(views_of_views)
{
    struct lake *lake = open_filled();
    ask(lake, "CREATE VIEW a.v AS SELECT id FROM t WHERE id > 1");
    ask(lake, "CREATE VIEW b.v AS SELECT t.id, v.id AS other FROM t, a.v");
    CHECK_STR(ask(lake, "SELECT count(*), min(id), min(other) FROM b.v"), "7|100|2");
    CHECK_STR(
        ask(lake, "WITH v AS (SELECT 1 AS one) SELECT one, count(*) FROM v, a.v GROUP BY ALL"),
        "1|7");
    refuse(lake, "CREATE OR REPLACE VIEW a.v AS SELECT id FROM b.v", ERR_INVALID,
           "refers to itself: a.v -> b.v -> a.v");
    refuse(lake, "CREATE VIEW a.self AS SELECT * FROM self", ERR_INVALID, "refers to itself");
    ask(lake, "CREATE OR REPLACE VIEW a.v AS SELECT id FROM a.t WHERE a.t.id > 6");
    CHECK_STR(ask(lake, "SELECT count(*) FROM b.v"), "2");
    CHECK_INT(load(lake, "v")->versions_n, 2);
    /* Somebody else may have made a circle. */
    make_view(lake, "x", "firn", "SELECT n FROM y", "");
    make_view(lake, "y", "firn", "SELECT n FROM x", "");
    refuse(lake, "SELECT * FROM a.x", ERR_INVALID, "a.x -> a.y -> a.x");
    lake_close(lake);
}

TEST(many_views_have_a_limit)
{
    struct lake *lake = open_filled();
    ask(lake, "CREATE VIEW a.v0 AS SELECT id FROM a.t");
    ask(lake, "CREATE VIEW a.w0 AS SELECT id FROM a.t");
    for (int i = 1; i < 7; i++) {
        make_view(lake, text_f("v%d", i), "firn",
                  text_f("SELECT * FROM v%d UNION SELECT * FROM w%d", i - 1, i - 1), "");
        make_view(lake, text_f("w%d", i), "firn",
                  text_f("SELECT * FROM v%d UNION SELECT * FROM w%d", i - 1, i - 1), "");
    }
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.v3"), "9");
    refuse(lake, "SELECT * FROM a.v6 JOIN a.w6 USING (n)", ERR_LIMIT, "200 views");
    lake_close(lake);
}

TEST(time_and_branches_reach_into_views)
{
    struct lake *lake = open_filled();
    struct error err = { 0 };
    struct ref_info made;
    struct sql_outcome out;
    ask(lake, "CREATE VIEW a.v AS SELECT count(*) AS n FROM a.t");
    CHECK_OK(catalog_create_ref(lake->catalog, CATALOG_BRANCH, STR("dev"), STR("main"),
                                test_arena(), &made, &err));
    ask_on(lake, "dev", "INSERT INTO a.t VALUES (1, 1)", &out);
    ask_on(lake, "dev", "CREATE OR REPLACE VIEW a.v AS SELECT -count(*) AS n FROM a.t", &out);
    CHECK_STR(ask(lake, "SELECT n FROM a.v"), "9");
    CHECK_STR(ask_on(lake, "dev", "SELECT n FROM a.v", &out), "-10");
    CHECK_STR(ask(lake, "SELECT x.n, y.n FROM a.v x, a.v FOR VERSION AS OF 'dev' y"), "9|-10");
    refuse(lake, "SELECT * FROM a.v FOR VERSION AS OF 12345", ERR_INVALID, "no snapshots");
    refuse(lake, "SELECT * FROM a.v FOR TIMESTAMP AS OF '2001-01-01'", ERR_NOT_FOUND, "");
    CHECK_STR(ask(lake, "SELECT n FROM a.v FOR TIMESTAMP AS OF '2100-01-01'"), "9");
    /* A view's own time travel wins. */
    ask_on(lake, "", "INSERT INTO a.t VALUES (1, 1)", &out);
    ask(lake,
        text_f("CREATE VIEW a.old AS SELECT (SELECT count(*) FROM a.t FOR VERSION AS OF %lld) "
               "AS was, (SELECT count(*) FROM a.t FOR VERSION AS OF 'dev') AS dev, count(*) "
               "AS n FROM a.t",
               (long long)out.snapshot_id));
    ask(lake, "INSERT INTO a.t VALUES (1, 1)");
    CHECK_STR(ask(lake, "SELECT * FROM a.old, (SELECT count(*) FROM a.t FOR VERSION AS OF 'dev')"),
              "10|10|11|10");
    lake_close(lake);
}

TEST(dialects)
{
    struct lake *lake = open_filled();
    make_view(lake, "s", "spark",
              "SELECT count(*) AS `n` FROM prod.a.t AS `my t` WHERE \"it's\" = 'it''s' AND "
              "`my t`.id > 1 /* `not \"this */",
              "prod");
    CHECK_STR(ask(lake, "SELECT * FROM a.s"), "7");
    make_view(lake, "d", "DuckDB", "FROM t SELECT max(id)", "");
    CHECK_STR(ask(lake, "SELECT n FROM a.d"), "8");
    make_view(lake, "p", "trino", "SELECT approx_distinct_nothing(id) FROM \"a\".\"t\"", "");
    refuse(lake, "SELECT * FROM a.p", ERR_INVALID, "approx_distinct_nothing");
    make_view(lake, "h", "hive", "SELECT 1", "");
    refuse(lake, "SELECT * FROM a.h", ERR_UNSUPPORTED, "view a.h: the view has hive");
    make_view(lake, "bad", "spark", "SELEKT 1", "");
    refuse(lake, "SELECT * FROM a.bad", ERR_INVALID, "view a.bad (spark)");
    lake_close(lake);
}

TEST(a_view_reads_no_files)
{
    struct lake *lake = open_filled();
    refuse(lake, "CREATE VIEW a.f AS SELECT * FROM read_csv('/etc/passwd')", ERR_DENIED,
           "read_csv");
    make_view(lake, "f", "firn", "SELECT count(*) FROM read_text('/etc/passwd')", "");
    make_view(lake, "g", "firn", "SELECT * FROM '/etc/passwd.csv'", "");
    make_view(lake, "c", "firn", "COPY (SELECT 1) TO '/tmp/firn-test-out.csv'", "");
    make_view(lake, "two", "firn", "SELECT 1; DROP SCHEMA a", "");
    make_view(lake, "out", "firn", "SELECT 1) AS v; DROP SCHEMA a; SELECT (1", "");
    refuse(lake, "SELECT * FROM a.f", ERR_DENIED, "read_text");
    refuse(lake, "SELECT * FROM a.g", ERR_DENIED, "passwd");
    refuse(lake, "SELECT * FROM a.c", ERR_UNSUPPORTED, "view a.c");
    refuse(lake, "SELECT * FROM a.two", ERR_UNSUPPORTED, "view a.two");
    refuse(lake, "SELECT * FROM a.out", ERR_INVALID, "view a.out");
    lake_close(lake);
}

TEST(metadata_columns_and_tables_inside)
{
    struct lake *lake = open_filled();
    ask(lake, "CREATE VIEW a.files AS SELECT count(*) AS n FROM a.t.snapshots");
    CHECK_STR(ask(lake, "SELECT n FROM a.files"), "1");
    ask(lake, "CREATE VIEW a.pos AS SELECT id, _pos AS place FROM a.t");
    CHECK_STR(ask(lake, "SELECT sum(place), count(*) FROM a.pos"), "36|9");
    CHECK_STR(ask(lake, "SELECT p.place, t._pos FROM a.pos p JOIN a.t USING (id) WHERE id = 5"),
              "5|5");
    refuse(lake, "SELECT _pos FROM a.files", ERR_INVALID, "_pos");
    lake_close(lake);
}

TEST(definitions)
{
    struct lake *lake = open_filled();
    ask(lake, "CREATE VIEW a.v AS SELECT 1 AS x");
    str uuid = load(lake, "v")->uuid;
    refuse(lake, "CREATE VIEW a.v AS SELECT 2 AS x", ERR_EXISTS, "a.v");
    ask(lake, "CREATE VIEW IF NOT EXISTS a.v AS SELECT 2 AS x");
    CHECK_STR(ask(lake, "SELECT x FROM a.v"), "1");
    ask(lake, "ALTER VIEW a.v AS SELECT 3 AS x");
    CHECK_STR(ask(lake, "SELECT x FROM a.v"), "3");
    CHECK_STR(load(lake, "v")->uuid, arena_cstr(test_arena(), uuid));
    ask(lake, "ALTER VIEW a.v SET TBLPROPERTIES ('p' = '1', 'q' = '2')");
    ask(lake, "ALTER VIEW a.v UNSET TBLPROPERTIES ('p')");
    CHECK_STR(property_get(&load(lake, "v")->properties, "q", (str){ 0 }), "2");
    CHECK(!property_get(&load(lake, "v")->properties, "p", (str){ 0 }).ptr);
    ask(lake, "ALTER VIEW a.v RENAME TO w");
    ask(lake, "ALTER VIEW a.w RENAME TO b.v");
    CHECK_STR(ask(lake, "SELECT x FROM b.v"), "3");
    refuse(lake, "ALTER VIEW a.v RENAME TO u", ERR_NOT_FOUND, "View does not exist");
    ask(lake, "ALTER VIEW IF EXISTS a.v RENAME TO u");
    refuse(lake, "ALTER VIEW b.v RENAME TO b.t", ERR_EXISTS, "");
    refuse(lake, "CREATE VIEW a.t AS SELECT 1 AS x", ERR_EXISTS, "a.t");
    refuse(lake, "CREATE TABLE b.v AS SELECT 1 AS x", ERR_EXISTS, "b.v");
    refuse(lake, "DROP TABLE b.v", ERR_NOT_FOUND, "b.v");
    refuse(lake, "DROP VIEW a.t", ERR_NOT_FOUND, "View does not exist");
    refuse(lake, "INSERT INTO b.v VALUES (1)", ERR_NOT_FOUND, "b.v");
    ask(lake, "DROP VIEW b.v");
    ask(lake, "DROP VIEW IF EXISTS b.v");
    refuse(lake, "SELECT * FROM b.v", ERR_NOT_FOUND, "b.v");
    lake_close(lake);
}

TEST(definitions_that_are_wrong)
{
    static const struct {
        const char *sql;
        enum err_code code;
        const char *words;
    } bad[] = {
        { "CREATE VIEW", ERR_INVALID, "name of a view" },
        { "CREATE VIEW v AS SELECT 1", ERR_INVALID, "v" },
        { "CREATE VIEW a.v", ERR_INVALID, "AS and a query" },
        { "CREATE VIEW a.v AS", ERR_INVALID, "a query" },
        { "CREATE VIEW a.v AS INSERT INTO a.t VALUES (1)", ERR_UNSUPPORTED, "no query" },
        { "CREATE VIEW a.v AS DELETE FROM a.t", ERR_UNSUPPORTED, "no query" },
        { "CREATE VIEW a.v AS SELECT nope FROM a.t", ERR_INVALID, "nope" },
        { "CREATE VIEW a.v AS SELECT * FROM a.nope", ERR_NOT_FOUND, "a.nope" },
        { "CREATE VIEW a.v (x, y) AS SELECT 1", ERR_INVALID,
          "names 2 columns and its query has 1" },
        { "CREATE VIEW a.v (x, x) AS SELECT 1, 2", ERR_INVALID, "x" },
        { "CREATE VIEW a.v AS SELECT INTERVAL 1 DAY AS x", ERR_UNSUPPORTED, "x" },
        { "CREATE VIEW nope.v AS SELECT 1", ERR_NOT_FOUND, "nope" },
        { "CREATE OR REPLACE VIEW IF NOT EXISTS a.v AS SELECT 1", ERR_INVALID, "exclude" },
        { "ALTER VIEW a.v FROB", ERR_INVALID, "RENAME TO" },
        { "DROP VIEW a.v b", ERR_INVALID, "not expected" },
    };
    struct lake *lake = open_filled();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(lake, bad[i].sql, bad[i].code, bad[i].words);
    lake_close(lake);
}
