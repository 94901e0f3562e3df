/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/refs.h"
#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "iceberg/value.h"
#include "lake_test.h"

static const struct metadata *load_on(struct lake *lake, const char *branch)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(catalog_load_table(lake->catalog, str_of(branch), STR("a"), STR("t"), test_arena(), &t,
                                &err));
    return t.metadata;
}

static const struct metadata *load(struct lake *lake)
{
    return load_on(lake, "main");
}

static str columns_of(struct lake *lake)
{
    return type_format(metadata_schema(load(lake))->type, test_arena());
}

TEST(columns_come_and_go_and_old_files_are_read)
{
    struct lake *lake = open_lake();
    struct sql_outcome out;
    ask(lake, "CREATE TABLE a.t AS SELECT 1::INT AS id, 'x' AS s, {'p': 1, 'q': 'u'} AS o");
    ask_on(lake, "", "ALTER TABLE a.t ADD COLUMN n BIGINT COMMENT 'a number' AFTER id", &out);
    CHECK_STR(str_of(out.kind), "ALTER TABLE");
    CHECK_INT(out.commit_id.len, 64);
    ask(lake, "alter table a.t add columns (f float first, m map<string, int>)");
    ask(lake, "ALTER TABLE a.t ADD COLUMN o.r DOUBLE AFTER p");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "NULL|1|NULL|x|{'p': 1, 'r': NULL, 'q': u}|NULL");
    ask(lake, "ALTER TABLE a.t RENAME COLUMN s TO text");
    ask(lake, "ALTER TABLE a.t RENAME o.q TO z");
    ask(lake, "ALTER TABLE a.t DROP COLUMN m, f");
    ask(lake, "ALTER TABLE a.t DROP COLUMN o.p");
    ask(lake, "INSERT INTO a.t VALUES (2, 5, 'y', {'r': 0.5, 'z': 'v'})");
    CHECK_STR(ask(lake, "SELECT * FROM a.t ORDER BY id"),
              "1|NULL|x|{'r': NULL, 'z': u}\n2|5|y|{'r': 0.5, 'z': v}");
    /* A dropped name that comes back is another column. */
    ask(lake, "ALTER TABLE a.t DROP COLUMN text");
    ask(lake, "ALTER TABLE a.t ADD COLUMN text STRING");
    CHECK_STR(ask(lake, "SELECT text FROM a.t"), "NULL\nNULL");
    CHECK_STR(columns_of(lake), "struct<1: id: optional int, 6: n: optional long, 3: o: "
                                "optional struct<11: r: optional double, 5: z: optional string>, "
                                "12: text: optional string>");
    lake_close(lake);
}

TEST(several_changes_are_one_commit)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT, b INT)");
    size_t before = load(lake)->metadata_log_n;
    ask(lake, "ALTER TABLE a.t ADD COLUMN c INT, DROP COLUMN b, ALTER COLUMN id TYPE BIGINT, "
              "SET TBLPROPERTIES ('x' = '1')");
    CHECK_INT(load(lake)->metadata_log_n, before + 1);
    CHECK_STR(columns_of(lake), "struct<1: id: optional long, 3: c: optional int>");
    CHECK_STR(metadata_property(load(lake), "x", (str){ 0 }), "1");
    refuse(lake, "ALTER TABLE a.t ADD COLUMN d INT, DROP COLUMN nope", ERR_NOT_FOUND, "nope");
    CHECK_INT(load(lake)->metadata_log_n, before + 1);
    /* What changes nothing commits nothing. */
    ask(lake, "ALTER TABLE a.t ADD COLUMN IF NOT EXISTS c INT");
    ask(lake, "ALTER TABLE a.t DROP COLUMN IF EXISTS nope");
    ask(lake, "ALTER TABLE IF EXISTS a.nope ADD COLUMN c INT");
    CHECK_INT(load(lake)->metadata_log_n, before + 1);
    lake_close(lake);
}

TEST(types_widen)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1::INT AS i, 1.5::FLOAT AS f, 1.25::DECIMAL(5, 2) AS d, "
              "[1, 2] AS l, 'x' AS s");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN i TYPE bigint");
    ask(lake, "ALTER TABLE a.t ALTER f SET DATA TYPE DOUBLE");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN d TYPE DECIMAL(20, 2)");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN l.element TYPE BIGINT");
    ask(lake, "ALTER TABLE a.t CHANGE COLUMN i i2 BIGINT COMMENT 'wide' AFTER s");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "1.5|1.25|[1, 2]|x|1");
    CHECK_STR(ask(lake, "SELECT typeof(i2), typeof(f), typeof(d), typeof(l) FROM a.t"),
              "BIGINT|DOUBLE|DECIMAL(20,2)|BIGINT[]");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN i2 TYPE INT", ERR_INVALID,
           "cannot go from long to int");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN s TYPE INT", ERR_INVALID,
           "cannot go from string to int");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN d TYPE DECIMAL(20, 3)", ERR_INVALID, "cannot go");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN l TYPE BIGINT[]", ERR_INVALID, "cannot go");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN s TYPE nosuch", ERR_INVALID, "no type nosuch");
    lake_close(lake);
}

TEST(a_date_that_partitions_stays_one)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (d DATE, e DATE) PARTITIONED BY (d, month(e))");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN d TYPE TIMESTAMP", ERR_INVALID, "other values");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN e TYPE TIMESTAMP", ERR_INVALID, "cannot go");
    ask(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('format-version' = '3')");
    CHECK_INT(load(lake)->format_version, 3);
    ask(lake, "ALTER TABLE a.t ALTER COLUMN e TYPE TIMESTAMP");
    refuse(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('format-version' = '2')", ERR_INVALID,
           "cannot go back");
    lake_close(lake);
}

TEST(required_columns)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS id, {'x': 1} AS o, NULL::INT AS n");
    refuse(lake, "ALTER TABLE a.t ADD COLUMN c INT NOT NULL", ERR_INVALID, "no default");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN id SET NOT NULL");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN o SET NOT NULL, ALTER COLUMN o.x SET NOT NULL");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN n SET NOT NULL", ERR_INVALID, "have null in it");
    CHECK_STR(columns_of(lake), "struct<1: id: required int, 2: o: required struct<4: x: required "
                                "int>, 3: n: optional int>");
    refuse(lake, "INSERT INTO a.t VALUES (NULL, {'x': 1}, 1)", ERR_INVALID, "id");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN id DROP NOT NULL");
    ask(lake, "INSERT INTO a.t VALUES (NULL, {'x': 1}, 1)");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN id SET NOT NULL", ERR_INVALID, "id");
    lake_close(lake);
}

TEST(defaults)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS id");
    refuse(lake, "ALTER TABLE a.t ADD COLUMN c INT DEFAULT 5", ERR_INVALID, "format version 3");
    ask(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('format-version' = '3')");
    ask(lake, "ALTER TABLE a.t ADD COLUMN c INT NOT NULL DEFAULT 2 + 3 COMMENT 'five'");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "1|5");
    const struct field *f = schema_field_by_name(metadata_schema(load(lake)), STR("c"), true);
    CHECK(f->required && f->initial_default && f->write_default);
    ask(lake, "ALTER TABLE a.t ALTER COLUMN c SET DEFAULT 7");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "1|5"); /* old rows keep the first one */
    f = schema_field_by_name(metadata_schema(load(lake)), STR("c"), true);
    CHECK_INT(f->initial_default->i, 5);
    CHECK_INT(f->write_default->i, 7);
    ask(lake, "ALTER TABLE a.t ALTER COLUMN c DROP DEFAULT");
    CHECK(!schema_field_by_name(metadata_schema(load(lake)), STR("c"), true)->write_default);
    ask(lake, "ALTER TABLE a.t ADD COLUMN d DATE DEFAULT DATE '2001-02-03', "
              "ADD COLUMN s TEXT DEFAULT 'it''s' FIRST");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "it's|1|5|2001-02-03");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN d SET DEFAULT current_date", ERR_INVALID,
           "a default is a constant");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN c SET DEFAULT random()", ERR_INVALID, "random");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN c SET DEFAULT 'x'", ERR_INVALID, "x");
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN c SET DEFAULT (SELECT max(c) FROM a.t)", ERR_INVALID,
           "no table");
    refuse_on(lake, "", false,
              "ALTER TABLE a.t ALTER COLUMN s SET DEFAULT (SELECT content FROM "
              "read_text('/etc/passwd'))",
              ERR_INVALID, "no table");
    refuse(lake, "ALTER TABLE a.t ADD COLUMN l INT[] DEFAULT [1]", ERR_UNSUPPORTED, "list");
    lake_close(lake);
}

TEST(comments_and_places)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (x INT, y INT, z INT)");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN z FIRST");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN x AFTER y");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN x COMMENT 'an x'");
    ask(lake, "COMMENT ON COLUMN a.t.y IS 'a y'");
    ask(lake, "COMMENT ON TABLE a.t IS 'a table'");
    CHECK_STR(columns_of(lake), "struct<3: z: optional int, 2: y: optional int, 1: x: "
                                "optional int>");
    CHECK_STR(schema_field_by_name(metadata_schema(load(lake)), STR("x"), true)->doc, "an x");
    CHECK_STR(schema_field_by_name(metadata_schema(load(lake)), STR("y"), true)->doc, "a y");
    CHECK_STR(metadata_property(load(lake), "comment", (str){ 0 }), "a table");
    ask(lake, "COMMENT ON TABLE a.t IS NULL");
    CHECK(!metadata_property(load(lake), "comment", (str){ 0 }).ptr);
    refuse(lake, "ALTER TABLE a.t ALTER COLUMN x AFTER nope", ERR_NOT_FOUND, "nope");
    lake_close(lake);
}

TEST(partition_fields)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT i::INT AS id, TIMESTAMP '2001-02-03' + INTERVAL (i) DAY "
              "AS ts, 'c' || i % 2 AS c FROM range(4) r(i)");
    ask(lake, "ALTER TABLE a.t ADD PARTITION FIELD bucket(4, id)");
    ask(lake, "ALTER TABLE a.t ADD PARTITION FIELD c AS category, ADD PARTITION FIELD days(ts)");
    const struct partition_spec *s = metadata_spec(load(lake));
    CHECK_INT(s->fields_n, 3);
    CHECK_STR(s->fields[0].name, "id_bucket_4");
    CHECK_STR(s->fields[1].name, "category");
    CHECK_STR(s->fields[2].name, "ts_day");
    ask(lake, "INSERT INTO a.t SELECT id + 10, ts, c FROM a.t");
    ask(lake, "ALTER TABLE a.t DROP PARTITION FIELD bucket(4, id)");
    ask(lake, "ALTER TABLE a.t DROP PARTITION FIELD category");
    ask(lake, "ALTER TABLE a.t REPLACE PARTITION FIELD ts_day WITH months(ts) AS month");
    s = metadata_spec(load(lake));
    CHECK_INT(s->fields_n, 1);
    CHECK_STR(s->fields[0].name, "month");
    CHECK_INT(s->fields[0].field_id, 1003);
    ask(lake, "INSERT INTO a.t SELECT id + 20, ts, c FROM a.t WHERE id < 4");
    CHECK_STR(ask(lake, "SELECT count(*), sum(id) FROM a.t"), "12|138");
    CHECK_STR(ask(lake, "SELECT id FROM a.t WHERE ts = TIMESTAMP '2001-02-04' ORDER BY id"),
              "1\n11\n21");
    CHECK_STR(ask(lake, "SELECT count(DISTINCT spec_id) FROM a.t.files"), "3");
    /* A field that comes back has its old id and name. */
    ask(lake, "ALTER TABLE a.t ADD PARTITION FIELD bucket(4, id)");
    CHECK_INT(metadata_spec(load(lake))->fields[1].field_id, 1000);
    refuse(lake, "ALTER TABLE a.t ADD PARTITION FIELD bucket(4, id)", ERR_EXISTS, "already");
    refuse(lake, "ALTER TABLE a.t ADD PARTITION FIELD c AS month", ERR_EXISTS, "month");
    refuse(lake, "ALTER TABLE a.t DROP PARTITION FIELD hours(ts)", ERR_NOT_FOUND, "hours(ts)");
    refuse(lake, "ALTER TABLE a.t DROP COLUMN ts", ERR_INVALID, "partitioned by column ts");
    ask(lake, "ALTER TABLE a.t RENAME COLUMN ts TO moment");
    CHECK_STR(ask(lake, "SELECT count(*) FROM a.t WHERE moment < TIMESTAMP '2001-02-04'"), "3");
    lake_close(lake);
}

TEST(partition_fields_of_the_first_format_stay_in_place)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT, c TEXT) PARTITIONED BY (c, bucket(2, id)) WITH "
              "('format-version' = '1')");
    ask(lake, "ALTER TABLE a.t DROP PARTITION FIELD c");
    const struct partition_spec *s = metadata_spec(load(lake));
    CHECK_INT(s->fields_n, 2);
    CHECK_STR(s->fields[0].transform.text, "void");
    ask(lake, "INSERT INTO a.t VALUES (1, 'x')");
    ask(lake, "ALTER TABLE a.t ADD PARTITION FIELD c");
    s = metadata_spec(load(lake));
    CHECK_INT(s->fields_n, 3);
    CHECK_STR(s->fields[0].name, "c_1000");
    CHECK_INT(s->fields[2].field_id, 1002);
    ask(lake, "INSERT INTO a.t VALUES (2, 'y')");
    CHECK_STR(ask(lake, "SELECT * FROM a.t ORDER BY id"), "1|x\n2|y");
    lake_close(lake);
}

TEST(write_order)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT, c TEXT)");
    ask(lake, "ALTER TABLE a.t WRITE ORDERED BY c DESC, bucket(4, id) NULLS LAST, "
              "SET TBLPROPERTIES ('x' = 'y')");
    const struct sort_order *o = metadata_order(load(lake));
    CHECK_INT(o->fields_n, 2);
    CHECK(o->fields[0].descending && o->fields[0].nulls_last);
    CHECK(!o->fields[1].descending && o->fields[1].nulls_last);
    CHECK_STR(metadata_property(load(lake), "write.distribution-mode", (str){ 0 }), "range");
    refuse(lake, "ALTER TABLE a.t DROP COLUMN c", ERR_INVALID, "sorted by column c");
    ask(lake, "ALTER TABLE a.t WRITE DISTRIBUTED BY PARTITION LOCALLY ORDERED BY id");
    CHECK_STR(metadata_property(load(lake), "write.distribution-mode", (str){ 0 }), "hash");
    ask(lake, "INSERT INTO a.t SELECT 10 - i, 'x' FROM range(10) r(i)");
    CHECK_STR(ask(lake, "SELECT DISTINCT sort_order_id FROM a.t.files"), "2");
    CHECK_STR(ask(lake, "SELECT id FROM a.t LIMIT 2"), "1\n2");
    ask(lake, "ALTER TABLE a.t WRITE UNORDERED");
    CHECK_INT(metadata_order(load(lake))->fields_n, 0);
    CHECK_STR(metadata_property(load(lake), "write.distribution-mode", (str){ 0 }), "none");
    refuse(lake, "ALTER TABLE a.t WRITE", ERR_INVALID, "ORDERED BY");
    refuse(lake, "ALTER TABLE a.t WRITE ORDERED BY nope", ERR_INVALID, "nope");
    lake_close(lake);
}

TEST(identifier_fields)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (id INT NOT NULL, k TEXT NOT NULL, v INT)");
    ask(lake, "ALTER TABLE a.t SET IDENTIFIER FIELDS id, k");
    CHECK_INT(metadata_schema(load(lake))->identifier_ids_n, 2);
    refuse(lake, "ALTER TABLE a.t DROP COLUMN k", ERR_INVALID, "identifier field");
    refuse(lake, "ALTER TABLE a.t SET IDENTIFIER FIELDS v", ERR_INVALID, "optional");
    ask(lake, "ALTER TABLE a.t DROP IDENTIFIER FIELDS k");
    CHECK_INT(metadata_schema(load(lake))->identifier_ids_n, 1);
    refuse(lake, "ALTER TABLE a.t DROP IDENTIFIER FIELDS k", ERR_INVALID, "no identifier field");
    lake_close(lake);
}

TEST(properties_name_and_location)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS x");
    ask(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('p.q' = 'v', w = 3)");
    ask(lake, "ALTER TABLE a.t SET PROPERTIES z = -1");
    CHECK_STR(metadata_property(load(lake), "p.q", (str){ 0 }), "v");
    CHECK_STR(metadata_property(load(lake), "z", (str){ 0 }), "-1");
    ask(lake, "ALTER TABLE a.t UNSET TBLPROPERTIES IF EXISTS ('p.q', 'nope')");
    CHECK(!metadata_property(load(lake), "p.q", (str){ 0 }).ptr);
    refuse(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('current-snapshot-id' = '1')", ERR_INVALID,
           "no property");
    refuse(lake, "ALTER TABLE a.t SET TBLPROPERTIES ('format-version' = '9')", ERR_INVALID, "9");
    ask(lake, "CREATE SCHEMA b");
    ask(lake, "ALTER TABLE a.t RENAME TO u");
    ask(lake, "ALTER TABLE a.u RENAME TO b.v");
    CHECK_STR(ask(lake, "SELECT x FROM b.v"), "1");
    ask(lake, "ALTER TABLE b.v RENAME TO a.t");
    refuse(lake, "ALTER TABLE a.nope RENAME TO u", ERR_NOT_FOUND, "a.nope");
    refuse(lake, "ALTER TABLE a.t RENAME TO nope.u", ERR_NOT_FOUND, "nope");
    refuse(lake, "ALTER TABLE a.t SET LOCATION 'file:///etc'", ERR_DENIED, "");
    lake_close(lake);
}

TEST(a_branch_evolves_on_its_own)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    struct sql_outcome out;
    ask(lake, "CREATE TABLE a.t AS SELECT 1 AS x");
    struct ref_info made;
    CHECK_OK(catalog_create_ref(lake->catalog, CATALOG_BRANCH, STR("dev"), STR("main"),
                                test_arena(), &made, &err));
    ask_on(lake, "dev", "ALTER TABLE a.t ADD COLUMN y INT", &out);
    CHECK_STR(ask_on(lake, "dev", "SELECT * FROM a.t", &out), "1|NULL");
    CHECK_STR(ask(lake, "SELECT * FROM a.t"), "1");
    CHECK_INT(load_on(lake, "dev")->schemas_n, 2);
    lake_close(lake);
}

TEST(statements_that_are_wrong)
{
    static const struct {
        const char *sql;
        enum err_code code;
        const char *words;
    } bad[] = {
        { "ALTER TABLE", ERR_INVALID, "name of a table" },
        { "ALTER TABLE t ADD COLUMN c INT", ERR_INVALID, "t" },
        { "ALTER TABLE a.t", ERR_INVALID, "ADD, DROP, RENAME" },
        { "ALTER TABLE a.t FROB", ERR_INVALID, "before \"FROB\"" },
        { "ALTER TABLE a.t ADD COLUMN", ERR_INVALID, "name of a column" },
        { "ALTER TABLE a.t ADD COLUMN c", ERR_INVALID, "column c: a type expected" },
        { "ALTER TABLE a.t ADD COLUMN x INT", ERR_EXISTS, "x already" },
        { "ALTER TABLE a.t ADD COLUMN X INT", ERR_EXISTS, "X already" },
        { "ALTER TABLE a.t ADD COLUMN c INT CHECK (c > 1)", ERR_UNSUPPORTED, "CHECK" },
        { "ALTER TABLE a.t ADD COLUMN c INT DEFAULT (1", ERR_INVALID, "brackets" },
        { "ALTER TABLE a.t ADD COLUMN nope.c INT", ERR_NOT_FOUND, "nope" },
        { "ALTER TABLE a.t ADD COLUMN x.c INT", ERR_INVALID, "takes no columns" },
        { "ALTER TABLE a.t ADD COLUMNS (c INT", ERR_INVALID, ") expected" },
        { "ALTER TABLE a.t DROP COLUMN nope", ERR_NOT_FOUND, "nope" },
        { "ALTER TABLE a.t DROP COLUMN x", ERR_INVALID, "only column" },
        { "ALTER TABLE a.t RENAME COLUMN x", ERR_INVALID, "TO expected" },
        { "ALTER TABLE a.t RENAME COLUMN x TO a.b", ERR_INVALID, "one part" },
        { "ALTER TABLE a.t ALTER COLUMN x", ERR_INVALID, "TYPE, SET NOT NULL" },
        { "ALTER TABLE a.t ALTER COLUMN x TYPE BIGINT USING x + 1", ERR_UNSUPPORTED, "USING" },
        { "ALTER TABLE a.t SET TBLPROPERTIES ('a')", ERR_INVALID, "'key' = 'value'" },
        { "ALTER TABLE a.t SET TBLPROPERTIES ('a' = )", ERR_INVALID, "'key' = 'value'" },
        { "ALTER TABLE a.t SET LOCATION", ERR_INVALID, "location" },
        { "ALTER TABLE a.t RENAME TO u, ADD COLUMN c INT", ERR_INVALID, "alone" },
        { "ALTER TABLE a.t ADD PARTITION FIELD frob(x)", ERR_INVALID, "frob" },
        { "ALTER TABLE a.t ADD PARTITION FIELD day(x)", ERR_INVALID, "x" },
        { "ALTER TABLE a.t ADD COLUMN c INT extra", ERR_INVALID, "not expected" },
        { "ALTER TABLE a.nope ADD COLUMN c INT", ERR_NOT_FOUND, "a.nope" },
        { "COMMENT ON TABLE t IS 'x'", ERR_INVALID, "full name" },
        { "COMMENT ON COLUMN a.t IS 'x'", ERR_INVALID, "full name" },
        { "COMMENT ON INDEX a.t IS 'x'", ERR_INVALID, "TABLE or COLUMN" },
    };
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (x INT)");
    size_t log = load(lake)->metadata_log_n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(lake, bad[i].sql, bad[i].code, bad[i].words);
    CHECK_INT(load(lake)->metadata_log_n, log);
    lake_close(lake);
}

TEST(names_that_need_quotes)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t (\"Mixed Case\" INT, \"select\" INT)");
    ask(lake, "ALTER TABLE a.t ADD COLUMN \"a \"\"quoted\"\" one\" INT AFTER \"Mixed Case\"");
    ask(lake, "ALTER TABLE a.t ALTER COLUMN \"select\" TYPE BIGINT");
    ask(lake, "ALTER TABLE a.t RENAME COLUMN \"mixed case\" TO \"add\"");
    CHECK_STR(columns_of(lake), "struct<1: add: optional int, 3: a \"quoted\" one: optional int, "
                                "2: select: optional long>");
    lake_close(lake);
}

static bool add_one(void *ctx, size_t i, struct error *err)
{
    struct arena *a = arena_create((size_t)64 << 20);
    struct sql_outcome out;
    struct sql_request req = { .text = arena_printf(
                                   a, "ALTER TABLE a.t ADD COLUMN c%zu INT, ADD COLUMN d INT", i) };
    if (i % 2)
        req.text = arena_printf(a, "ALTER TABLE a.t ADD COLUMN c%zu INT FIRST", i);
    bool ok = sql_execute(ctx, &req, a, &out, err);
    if (ok)
        sql_close(&out);
    arena_destroy(a);
    return ok || (i % 2 == 0 && err->code == ERR_EXISTS);
}

/* Each is planned again on what the others made: columns that do not meet all come, of those with one name one. */
TEST(several_change_a_table_at_once)
{
    enum { CHANGES = 8 };
    struct lake *lake = open_lake();
    struct error err = { 0 };
    ask(lake, "CREATE TABLE a.t (x INT)");
    CHECK_OK(pool_for(lake->pool, CHANGES, add_one, lake, &err));
    const struct schema *s = metadata_schema(load(lake));
    CHECK_INT(s->fields_n, 1 + CHANGES / 2 + 2);
    for (size_t i = 0; i < s->fields_n; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(s->fields[i].id != s->fields[k].id);
    lake_close(lake);
}
