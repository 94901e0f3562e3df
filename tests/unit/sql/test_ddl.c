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
        { "CREATE OR REPLACE TABLE IF NOT EXISTS a.t (x INT)", ERR_INVALID, "exclude each other" },
        { "CREATE TABLE a.t (x INT DEFAULT 5)", ERR_INVALID, "format version 3" },
        { "CREATE TABLE a.t (x INT, PRIMARY KEY (x))", ERR_INVALID, "optional" },
        { "CREATE TABLE a.t (x INT, PRIMARY KEY (y))", ERR_NOT_FOUND, "y" },
        { "CREATE TABLE a.t (x.y INT)", ERR_INVALID, "dots" },
        { "CREATE TABLE a.t (x INT AFTER y)", ERR_INVALID, "AFTER" },
        { "CREATE TABLE a.t (x INT) LOCATION", ERR_INVALID, "location" },
        { "CREATE TABLE a.t (x INT) WITH ('format-version' = '9')", ERR_INVALID, "9" },
        { "CREATE TABLE a.t (x variant)", ERR_INVALID, "format version 3" },
        { "CREATE TABLE \"a*b\".t (x INT)", ERR_INVALID, "a*b" },
        { "DROP TABLE a.t b", ERR_INVALID, "not expected" },
        { "CREATE SCHEMA", ERR_INVALID, "name of a schema" },
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(lake, bad[i].sql, bad[i].code, bad[i].words);
    CHECK_STR(ask(lake, "SHOW TABLES"), "");
    lake_close(lake);
}

TEST(definitions_in_full)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id bigint NOT NULL COMMENT 'the key', s struct<x: int NOT NULL "
              "COMMENT 'an x', y: array<string>>, c int DEFAULT 40 + 2, m map<string, double>, "
              "PRIMARY KEY (id)) USING iceberg COMMENT 'a table' TBLPROPERTIES "
              "('format-version' = '3', 'p' = 'q') PARTITIONED BY (bucket(4, id))");
    const struct metadata *m = load(lake, "a", "t");
    const struct schema *s = metadata_schema(m);
    CHECK_INT(m->format_version, 3);
    CHECK_STR(type_format(s->type, test_arena()),
              "struct<1: id: required long, 2: s: optional struct<5: x: required int, 6: y: "
              "optional list<string>>, 3: c: optional int, 4: m: optional map<string, double>>");
    CHECK_STR(s->fields[0].doc, "the key");
    CHECK_INT(s->identifier_ids_n, 1);
    CHECK_INT(s->identifier_ids[0], 1);
    CHECK(!s->fields[2].initial_default && s->fields[2].write_default);
    CHECK_STR(metadata_property(m, "comment", (str){ 0 }), "a table");
    CHECK(!metadata_property(m, "format-version", (str){ 0 }).ptr);
    ask(lake, "INSERT INTO a.t (id) VALUES (1)");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "1|NULL|42|NULL");
    str place = arena_printf(test_arena(), STR_FMT "-elsewhere", STR_ARG(m->location));
    ask(lake, text_f("CREATE TABLE a.u (x INT) LOCATION '" STR_FMT "'", STR_ARG(place)));
    CHECK_STR(load(lake, "a", "u")->location, arena_cstr(test_arena(), place));
    ask(lake, text_f("CREATE TABLE a.v LOCATION '" STR_FMT "-2' COMMENT 'made' AS SELECT 1 AS x",
                     STR_ARG(place)));
    CHECK(str_ends(load(lake, "a", "v")->location, STR("-elsewhere-2")));
    refuse(lake, "CREATE TABLE a.w (x INT) LOCATION 'file:///etc/x'", ERR_DENIED, "");
    lake_close(lake);
}

TEST(replaced_definitions_keep_the_table)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t PARTITIONED BY (s) AS SELECT 1 AS x, 'old' AS s, 2.5 AS gone");
    const struct metadata *was = load(lake, "a", "t");
    int64_t before = was->current_snapshot_id;
    ask(lake, "CREATE OR REPLACE TABLE a.t (s TEXT NOT NULL COMMENT 'new', y INT, x BIGINT) "
              "COMMENT 'again'");
    const struct metadata *m = load(lake, "a", "t");
    CHECK_STR(m->uuid, arena_cstr(test_arena(), was->uuid));
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "");
    CHECK_INT(m->snapshots_n, 1);
    CHECK_INT(metadata_spec(m)->fields_n, 0);
    CHECK_STR(type_format(metadata_schema(m)->type, test_arena()),
              "struct<2: s: required string, 4: y: optional int, 5: x: optional long>");
    CHECK_STR(ask(lake, text_f("SELECT x, s FROM a.t FOR VERSION AS OF %lld", (long long)before)),
              "1|old");
    ask(lake, "INSERT INTO a.t VALUES ('a', 1, 2)");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "a|1|2");
    ask(lake, "CREATE OR REPLACE TABLE a.t TBLPROPERTIES ('format-version' = '3', 'k' = 'v') AS "
              "SELECT 'b' AS s");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "b");
    CHECK_INT(load(lake, "a", "t")->format_version, 3);
    CHECK_STR(metadata_property(load(lake, "a", "t"), "k", (str){ 0 }), "v");
    ask(lake, "CREATE OR REPLACE TABLE a.new (x INT)");
    ask(lake, "REPLACE TABLE a.new (y INT)");
    CHECK_STR(ask(lake, "SELECT * FROM a.new"), "");
    lake_close(lake);
}

TEST(inserts)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT NOT NULL, s TEXT DEFAULT 'none', n INT, o STRUCT(x INT)) "
              "TBLPROPERTIES ('format-version' = '3')");
    ask(lake, "INSERT INTO a.t (n, id) VALUES (10, 1)");
    ask(lake,
        "INSERT INTO a.t VALUES (2, DEFAULT, DEFAULT, {'x': 1}), (1 + 2, 'a, DEFAULT', 5, NULL)");
    ask(lake, "INSERT INTO TABLE a.t (id, s) VALUES (4, NULL), (5, DEFAULT)");
    ask(lake, "INSERT INTO a.t BY NAME SELECT 6 AS id, 7 AS n");
    ask(lake, "WITH c AS (SELECT 7 AS k), d(j) AS (SELECT 8) INSERT INTO a.t (id, n) SELECT k, j "
              "FROM c, d");
    CHECK_STR(ask(lake, "SELECT id, s, n FROM a.t ORDER BY id"),
              "1|none|10\n2|none|NULL\n3|a, DEFAULT|5\n4|NULL|NULL\n5|none|NULL\n6|none|7\n"
              "7|none|8");
    refuse(lake, "INSERT INTO a.t DEFAULT VALUES", ERR_INVALID, "id is required");
    refuse(lake, "INSERT INTO a.t (n) VALUES (1)", ERR_INVALID, "id, which is required");
    refuse(lake, "INSERT INTO a.t VALUES (NULL, 'x', 1, NULL)", ERR_INVALID, "id is required");
    refuse(lake, "INSERT INTO a.t (id, nope) VALUES (1, 2)", ERR_INVALID, "no column nope");
    refuse(lake, "INSERT INTO a.t (id, nope) VALUES (1, DEFAULT)", ERR_INVALID, "no column nope");
    refuse(lake, "INSERT INTO a.t (id, id) VALUES (1, 2)", ERR_INVALID, "named twice");
    refuse(lake, "INSERT INTO a.t (id) VALUES (1, 2)", ERR_INVALID, "");
    refuse(lake, "INSERT INTO a.t (id, n, s) VALUES (1, 2)", ERR_INVALID, "");
    refuse(lake, "INSERT INTO a.t (id, o.x) VALUES (1, 2)", ERR_UNSUPPORTED, "parts of o");
    refuse(lake, "INSERT INTO a.t (id) VALUES (1) RETURNING id", ERR_UNSUPPORTED,
           "RETURNING is not supported: the answer has the number of rows; read");
    refuse(lake, "INSERT INTO a.t (id) VALUES (1) ON CONFLICT DO NOTHING", ERR_UNSUPPORTED,
           "ON CONFLICT");
    refuse(lake, "INSERT INTO a.t (id", ERR_INVALID, "closing parenthesis");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t"), "7");
    lake_close(lake);
}

TEST(required_structs_are_named)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT, o STRUCT(x INT) NOT NULL, l INT[] NOT NULL)");
    refuse(lake, "INSERT INTO a.t (id, l) VALUES (1, [1])", ERR_INVALID, "o, which is required");
    refuse(lake, "INSERT INTO a.t VALUES (1, NULL, [1])", ERR_INVALID, "column o is required");
    refuse(lake, "INSERT INTO a.t VALUES (1, {'x': 1}, NULL)", ERR_INVALID, "column l is required");
    lake_close(lake);
}

TEST(what_is_there_is_shown)
{
    struct lake *lake = open_lake();
    ask(lake,
        "CREATE TABLE a.t (id INT NOT NULL COMMENT 'it''s', s TEXT DEFAULT 'x', \"day\" DATE, "
        "PRIMARY KEY (id)) PARTITIONED BY (bucket(4, id), month(\"day\")) COMMENT 'a table' "
        "TBLPROPERTIES ('format-version' = '3', 'p' = 'q')");
    CHECK_STR(ask(lake, "DESCRIBE a.t"), "id|INTEGER|NO|PRI|NULL|NULL|it's\n"
                                         "s|VARCHAR|YES|NULL|x|NULL|NULL\n"
                                         "day|DATE|YES|NULL|NULL|NULL|NULL");
    CHECK_STR(ask(lake, "SHOW COLUMNS FROM a.t"), arena_cstr(test_arena(), ask(lake, "DESC a.t")));
    str all = ask(lake, "DESCRIBE TABLE EXTENDED a.t");
    CHECK(str_find(all,
                   STR("Partitioned by|bucket(4, id) AS id_bucket, month(day) AS day_month")) >= 0);
    CHECK(str_find(all, STR("p|q")) >= 0);
    CHECK_STR(ask(lake, "SHOW TBLPROPERTIES a.t ('p')"), "p|q");
    /* What is shown makes the same table again. */
    ask(lake, "ALTER TABLE a.t WRITE ORDERED BY s");
    str text = ask(lake, "SHOW CREATE TABLE a.t");
    ptrdiff_t at = str_find(text, STR("\nLOCATION")), end = str_find(text, STR("\nCOMMENT"));
    CHECK(at > 0 && end > at);
    str again = arena_printf(test_arena(), "CREATE TABLE b.u" STR_FMT STR_FMT,
                             STR_ARG(str_sub(text, strlen("CREATE TABLE \"a\".\"t\""), (size_t)at)),
                             STR_ARG(str_from(text, (size_t)end)));
    ask(lake, arena_cstr(test_arena(), again));
    CHECK(
        schema_same(metadata_schema(load(lake, "a", "t")), metadata_schema(load(lake, "b", "u"))));
    CHECK(partition_spec_compatible(metadata_spec(load(lake, "a", "t")),
                                    metadata_spec(load(lake, "b", "u"))));
    CHECK_INT(load(lake, "b", "u")->format_version, 3);
    ask(lake, "CREATE VIEW a.v (n COMMENT 'how many') COMMENT 'c' AS SELECT count(*) FROM t");
    CHECK_STR(ask(lake, "SHOW CREATE VIEW a.v"), "CREATE VIEW \"a\".\"v\" (\n  \"n\" COMMENT 'how "
                                                 "many')\nCOMMENT 'c'\nAS SELECT count(*) FROM t");
    CHECK_STR(ask(lake, "SHOW VIEWS"), "a|v");
    CHECK_STR(ask(lake, "SHOW VIEWS FROM b"), "");
    CHECK(str_find(ask(lake, "DESCRIBE EXTENDED a.v"), STR("View text|SELECT count(*) FROM t")) >
          0);
    CHECK_STR(ask(lake, "SHOW TABLES"), "a|t\nb|u");
    ask(lake, "INSERT INTO a.t VALUES (1, 'y', DATE '2001-02-03')");
    CHECK(str_find(ask(lake, "SHOW PARTITIONS a.t"), STR("2001")) >= 0 ||
          ask(lake, "SHOW PARTITIONS a.t").len > 0);
    refuse(lake, "SHOW CREATE VIEW a.t", ERR_INVALID, "is a table");
    refuse(lake, "SHOW CREATE TABLE a.nope", ERR_NOT_FOUND, "a.nope");
    refuse(lake, "SHOW FUNCTIONS", ERR_UNSUPPORTED, "SHOW FUNCTIONS");
    refuse(lake, "DESCRIBE a.nope", ERR_NOT_FOUND, "a.nope");
    lake_close(lake);
}
