/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "lake_test.h"

static const struct metadata *load(struct lake *lake, const char *ns, const char *name)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(catalog_load_table(lake->catalog, (str){ 0 }, str_of(ns), str_of(name), test_arena(),
                                &t, &err));
    return t.metadata;
}

TEST(schemas)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask_on(lake, "", "CREATE SCHEMA a", &out);
    CHECK_STR(str_of(out.kind), "CREATE SCHEMA");
    CHECK_INT(out.commit_id.len, 64);
    refuse(lake, "CREATE SCHEMA a", ERR_EXISTS, "already exists");
    ask(lake, "create schema if not exists a;");
    ask(lake, "CREATE SCHEMA a.b");
    CHECK_STR(ask(lake, "SHOW SCHEMAS"), "a");
    refuse(lake, "DROP SCHEMA a", ERR_CONFLICT, "not empty");
    ask(lake, "DROP SCHEMA a.b");
    ask(lake, "DROP SCHEMA a");
    refuse(lake, "DROP SCHEMA a", ERR_NOT_FOUND, "a");
    ask(lake, "DROP SCHEMA IF EXISTS a");
    CHECK_STR(ask(lake, "SHOW SCHEMAS"), "");
    lake_close(lake);
}

TEST(tables)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask_on(lake, "",
           "CREATE TABLE a.t (id BIGINT NOT NULL, name TEXT, ts TIMESTAMP, price DECIMAL(10, 2), "
           "tags TEXT[], place STRUCT(x DOUBLE, y DOUBLE)) PARTITIONED BY (day(ts), bucket(4, id)) "
           "WITH (\"write.parquet.compression-codec\" = 'snappy', owner = 'me')",
           &out);
    CHECK_STR(str_of(out.kind), "CREATE TABLE");
    const struct metadata *m = load(lake, "a", "t");
    const struct schema *s = metadata_schema(m);
    CHECK_INT(s->fields_n, 6);
    CHECK(s->fields[0].required);
    CHECK(!s->fields[1].required);
    CHECK_STR(type_format(s->fields[3].type, test_arena()), "decimal(10, 2)");
    CHECK_INT(metadata_spec(m)->fields_n, 2);
    CHECK_STR(metadata_spec(m)->fields[1].transform.text, "bucket[4]");
    CHECK_STR(metadata_property(m, "owner", (str){ 0 }), "me");
    CHECK_STR(metadata_property(m, "write.parquet.compression-codec", (str){ 0 }), "snappy");
    CHECK_INT(m->format_version, 2);
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "");
    CHECK_STR(ask(lake, "SHOW TABLES"), "a|t");
    CHECK_STR(ask(lake, "SHOW TABLES FROM a"), "a|t");
    ask(lake, "CREATE TABLE IF NOT EXISTS a.t (other INT)");
    refuse(lake, "CREATE TABLE a.t (other INT)", ERR_EXISTS, "exists");
    ask(lake, "DROP TABLE a.t");
    refuse(lake, "SELECT * FROM a.t", ERR_NOT_FOUND, "a.t");
    refuse(lake, "DROP TABLE a.t", ERR_NOT_FOUND, "a.t");
    ask(lake, "DROP TABLE IF EXISTS a.t");
    CHECK_STR(ask(lake, "SHOW TABLES"), "");
    lake_close(lake);
}

TEST(describe_and_explain)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS x, 'y' AS s");
    CHECK(str_starts(ask(lake, "DESCRIBE a.t"), STR("x|INTEGER|YES")));
    CHECK(str_starts(ask(lake, "DESC TABLE a.t"), STR("x|INTEGER|YES")));
    CHECK(str_starts(ask(lake, "DESCRIBE SELECT s FROM a.t"), STR("s|VARCHAR|YES")));
    CHECK(str_find(ask(lake, "EXPLAIN SELECT * FROM a.t WHERE x > 0"), STR("x")) >= 0);
    CHECK(str_find(ask(lake, "EXPLAIN ANALYZE SELECT count(*) FROM a.t"), STR("Total Time")) >= 0);
    CHECK(str_starts(ask(lake, "SUMMARIZE a.t"), STR("x|INTEGER|1|1")));
    lake_close(lake);
}

TEST(replace)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS x, 'old' AS s");
    int64_t before = load(lake, "a", "t")->current_snapshot_id;
    str uuid = load(lake, "a", "t")->uuid;
    ask(lake, "CREATE OR REPLACE TABLE a.t AS SELECT 2::BIGINT AS x, 3.5 AS d");
    CHECK_STR(ask(lake, "SELECT x, d FROM a.t"), "2|3.5");
    CHECK_STR(load(lake, "a", "t")->uuid, arena_cstr(test_arena(), uuid)); /* the same table */
    CHECK_STR(ask(lake, text_f("SELECT x, s FROM a.t FOR VERSION AS OF %lld", (long long)before)),
              "1|old");
    lake_close(lake);
}

TEST(wrong_definitions)
{
    static const struct {
        const char *sql;
        enum err_code code;
        const char *words;
    } bad[] = {
        { "CREATE TABLE a.t", ERR_INVALID, "needs columns or AS" },
        { "CREATE TABLE t (x INT)", ERR_INVALID, "t" },
        { "CREATE TABLE a.t (x INT", ERR_INVALID, "closing parenthesis" },
        { "CREATE TABLE a.t (x NOSUCHTYPE)", ERR_INVALID, "NOSUCHTYPE" },
        { "CREATE TABLE a.t (x INT, x INT)", ERR_INVALID, "x" },
        { "CREATE TABLE a.t (x INT) AS SELECT 1", ERR_UNSUPPORTED, "both columns and AS" },
        { "CREATE TABLE a.t (x INT) CLUSTERED BY (x)", ERR_INVALID, "CLUSTERED" },
        { "CREATE TABLE a.t (x INT) PARTITIONED BY (day(x))", ERR_INVALID, "partition by x" },
        { "CREATE TABLE a.t (x INTERVAL)", ERR_UNSUPPORTED, "x" },
        { "CREATE TABLE a.t () ", ERR_INVALID, "" },
        { "CREATE OR REPLACE TABLE a.t (x INT)", ERR_UNSUPPORTED, "OR REPLACE" },
        { "CREATE TABLE \"a/b\".t (x INT)", ERR_INVALID, "a/b" },
        { "DROP TABLE a.t b", ERR_INVALID, "not expected" },
        { "CREATE SCHEMA", ERR_INVALID, "name of a schema" },
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(lake, bad[i].sql, bad[i].code, bad[i].words);
    CHECK_STR(ask(lake, "SHOW TABLES"), "");
    lake_close(lake);
}
