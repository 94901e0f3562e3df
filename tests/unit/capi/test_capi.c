/* SPDX-License-Identifier: Apache-2.0
 *
 * The C API as programs call it.  Streams to be written come from queries of the same lake, so that every type goes both ways. */
#include <errno.h>
#include <unistd.h>

#include "base/thread.h"
#include "capi_test.h"

/* ---- A stream that fails after some batches of another */

struct failing {
    struct ArrowArrayStream inner;
    int after;
    bool schema_too;
};

static int failing_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    struct failing *f = s->private_data;
    return f->schema_too ? EIO : f->inner.get_schema(&f->inner, out);
}

static int failing_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    struct failing *f = s->private_data;
    return f->after-- > 0 ? f->inner.get_next(&f->inner, out) : EIO;
}

static const char *failing_error(struct ArrowArrayStream *s)
{
    (void)s;
    return "the cable was cut";
}

static void failing_release(struct ArrowArrayStream *s)
{
    struct failing *f = s->private_data;
    f->inner.release(&f->inner);
    s->release = NULL;
}

static struct ArrowArrayStream failing_stream(struct failing *f)
{
    return (struct ArrowArrayStream){ failing_schema, failing_next, failing_error, failing_release,
                                      f };
}

/* ---- Tests */

TEST(versions_and_codes)
{
    CHECK(strlen(firn_version()) >= 5);
    CHECK_INT(firn_abi_version(), FIRN_ABI_VERSION);
    CHECK_STR(str_of(firn_code_name(FIRN_NOT_FOUND)), "not found");
    CHECK_STR(str_of(firn_code_name(99)), "no such code");
    CHECK_STR(str_of(firn_code_name(-1)), "no such code");
    firn_free(NULL);
    firn_close(NULL);
    firn_table_free(NULL);
    firn_cancel_free(NULL);
    firn_cancel_request(NULL);
}

TEST(appends_and_scans)
{
    firn_lake *lake = open_lake("lake");
    static const char *const columns[] = { "s" };
    static const firn_pair summary[] = { { "job", "seven" } };
    firn_write_result done = FIRN_WRITE_RESULT_INIT;
    run(lake, "CREATE TABLE a.t (x BIGINT, s TEXT) PARTITIONED BY (bucket(4, x))");
    struct ArrowArrayStream s =
        rows_of(lake, "SELECT i AS x, CASE WHEN i % 3 <> 0 THEN 's' || i END AS s "
                      "FROM range(10000) r(i)");
    firn_write_options w = write_to("a.t");
    w.summary = summary;
    w.summary_n = 1;
    OK(firn_append(lake, &w, &s, &done, &err));
    CHECK_INT(done.rows, 10000);
    CHECK_INT(strlen(done.commit), 64);
    append(lake, "a.t", "SELECT 'only' AS s");
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "a.t";
    CHECK_INT(scan(lake, &o), 10001);
    o.filter = "x < 30 AND (s IS NULL) -- and more";
    o.columns = columns;
    o.columns_n = 1;
    CHECK_INT(scan(lake, &o), 10);
    o.limit = 3;
    CHECK_INT(scan(lake, &o), 3);
    o.limit = 0;
    o.filter = NULL;
    o.snapshot_id = done.snapshot_id;
    CHECK_INT(scan(lake, &o), 10000);
    o.snapshot_id = 0;
    o.incremental = 1;
    o.after_snapshot = done.snapshot_id;
    CHECK_INT(scan(lake, &o), 1);
    o.after_snapshot = 0;
    o.to_snapshot = done.snapshot_id;
    CHECK_INT(scan(lake, &o), 10000);
    firn_table *t;
    char *json;
    OK(firn_table_load(lake, NULL, "a.t", &t, &err));
    OK(firn_table_json(t, FIRN_TABLE_SNAPSHOTS, &json, &err));
    CHECK(strstr(json, "\"job\":\"seven\""));
    firn_free(json);
    firn_table_free(t);
    firn_close(lake);
}

TEST(empty_streams_and_empty_tables)
{
    firn_lake *lake = open_lake("lake");
    run(lake, "CREATE TABLE a.t (x BIGINT)");
    append(lake, "a.t", "SELECT 1 AS x WHERE false");
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "a.t";
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    OK(firn_scan(lake, &o, &s, &err));
    CHECK_INT(s.get_schema(&s, &schema), 0);
    CHECK_INT(schema.n_children, 1);
    CHECK_STR(str_of(schema.children[0]->name), "x");
    CHECK_STR(str_of(schema.children[0]->format), "l");
    schema.release(&schema);
    CHECK_INT(drain(&s), 0);
    firn_table *t;
    OK(firn_table_load(lake, NULL, "a.t", &t, &err));
    CHECK_INT(firn_table_snapshot_id(t), -1);
    firn_table_free(t);
    firn_close(lake);
}

TEST(streams_may_be_released_early_and_outlive_the_lake)
{
    firn_lake *lake = open_lake("lake");
    run(lake, "CREATE TABLE a.t AS SELECT i AS x FROM range(100000) r(i)");
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "a.t";
    struct ArrowArrayStream early, late;
    struct ArrowArray batch;
    firn_table *t;
    OK(firn_scan(lake, &o, &early, &err));
    OK(firn_scan(lake, &o, &late, &err));
    OK(firn_table_load(lake, NULL, "a.t", &t, &err));
    CHECK_INT(early.get_next(&early, &batch), 0);
    early.release(&early);
    CHECK(((const int64_t *)batch.children[0]->buffers[1])[1] >= 0); /* its own memory */
    batch.release(&batch);
    firn_close(lake);
    CHECK_INT(drain(&late), 100000);
    CHECK(strstr(firn_table_location(t), "/a/t-"));
    CHECK_INT(strlen(firn_table_uuid(t)), 36);
    firn_table_free(t);
    firn_close(open_lake("lake")); /* it was closed with the last of them */
}

TEST(a_stream_that_fails_writes_nothing)
{
    firn_lake *lake = open_lake("lake");
    run(lake, "CREATE TABLE a.t (x BIGINT)");
    for (int after = 0; after < 3; after++) {
        struct failing f = { .after = after, .schema_too = after == 0 };
        f.inner = rows_of(lake, "SELECT i AS x FROM range(100000) r(i)");
        struct ArrowArrayStream s = failing_stream(&f);
        firn_write_options w = write_to("a.t");
        FAILS(firn_append(lake, &w, &s, NULL, &err), FIRN_INVALID, "the cable was cut");
        CHECK(!s.release);
    }
    CHECK_INT(number(lake, "SELECT count(*) FROM a.t"), 0);
    firn_close(lake);
}

TEST(a_query_that_fails_says_so_in_the_middle)
{
    firn_lake *lake = open_lake("lake");
    struct ArrowArrayStream s =
        rows_of(lake, "SELECT CASE WHEN i = 4900000 THEN error('row ' || i) ELSE i END AS x "
                      "FROM range(5000000) r(i)");
    struct ArrowArray batch;
    int rc;
    while ((rc = s.get_next(&s, &batch)) == 0 && batch.release)
        batch.release(&batch);
    CHECK(rc != 0);
    if (!strstr(s.get_last_error(&s), "row 4900000"))
        test_fail(__FILE__, __LINE__, "%s", s.get_last_error(&s));
    CHECK(s.get_next(&s, &batch) != 0);
    s.release(&s);
    firn_close(lake);
}

TEST(bad_streams)
{
    static struct ArrowSchema column = { .format = "l", .name = "x" };
    static struct ArrowSchema *twice[] = { &column, &column };
    firn_lake *lake = open_lake("lake");
    struct ArrowSchema schema = { .format = "+s", .n_children = 2, .children = twice };
    firn_create_options c = FIRN_CREATE_OPTIONS_INIT;
    c.table = "a.t";
    c.schema = &schema;
    FAILS(firn_create_table(lake, &c, &err), FIRN_INVALID, "two columns x");
    schema.format = "l";
    FAILS(firn_create_table(lake, &c, &err), FIRN_INVALID, "not a struct");
    schema.format = "+s";
    schema.n_children = 0;
    FAILS(firn_create_table(lake, &c, &err), FIRN_INVALID, "0 columns");
    schema.n_children = 1;
    column.format = "@what";
    FAILS(firn_create_table(lake, &c, &err), FIRN_UNSUPPORTED, "type");
    column.format = "l";
    column.name = NULL;
    FAILS(firn_create_table(lake, &c, &err), FIRN_INVALID, "no name");
    column.name = "x";
    struct ArrowArrayStream released = { 0 };
    firn_write_options w = write_to("a.t");
    FAILS(firn_append(lake, &w, &released, NULL, &err), FIRN_INVALID, "has been released");
    FAILS(firn_append(lake, &w, NULL, NULL, &err), FIRN_INVALID, "NULL");
    firn_close(lake);
}

TEST(overwrites_and_row_deltas)
{
    firn_lake *lake = open_lake("lake");
    firn_write_result done = FIRN_WRITE_RESULT_INIT;
    firn_write_options w = write_to("a.order"); /* a word of SQL */
    run(lake, "CREATE TABLE a.\"order\" (k BIGINT, j TEXT, op BIGINT)");
    append(lake, "a.order",
           "SELECT i AS k, CASE WHEN i % 2 = 0 THEN 'j' END AS j, 1 AS op "
           "FROM range(10) r(i)");
    struct ArrowArrayStream rows = rows_of(lake, "SELECT 100 AS k, 'new' AS j");
    struct ArrowArrayStream keys =
        rows_of(lake, "SELECT * FROM (VALUES (1, NULL), (1, NULL), (2, 'x'), (4, 'j')) v(k, j)");
    OK(firn_row_delta(lake, &w, &rows, "k >= 8", &keys, &done, &err));
    CHECK_INT(done.rows, 5); /* 1, 4, 8, 9 and 100 */
    CHECK_INT(number(lake, "SELECT sum(k) FROM a.\"order\""), 0 + 2 + 3 + 5 + 6 + 7 + 100);
    CHECK_INT(number(lake, "SELECT count(*) FROM a.\"order\" WHERE op IS NULL"), 1);
    firn_table *t;
    char *json;
    OK(firn_table_load(lake, NULL, "a.order", &t, &err));
    OK(firn_table_json(t, FIRN_TABLE_SNAPSHOTS, &json, &err));
    CHECK(strstr(json, "overwrite"));
    CHECK_INT(number(lake, "SELECT 2"), 2);
    firn_free(json);
    firn_table_free(t);
    rows = rows_of(lake, "SELECT 7 AS k");
    OK(firn_overwrite(lake, &w, "k < 100", &rows, NULL, &err));
    CHECK_INT(number(lake, "SELECT sum(k) FROM a.\"order\""), 107);
    OK(firn_row_delta(lake, &w, NULL, "k = 7", NULL, NULL, &err));
    rows = rows_of(lake, "SELECT 3 AS k");
    OK(firn_overwrite(lake, &w, NULL, &rows, NULL, &err));
    CHECK_INT(number(lake, "SELECT sum(k) FROM a.\"order\""), 3);
    rows = rows_of(lake, "SELECT 3 AS k");
    FAILS(firn_overwrite(lake, &w, "", &rows, NULL, &err), FIRN_INVALID, "filter is empty");
    rows = rows_of(lake, "SELECT 3 AS k");
    FAILS(firn_overwrite(lake, &w, "true) THEN DELETE --", &rows, NULL, &err), FIRN_INVALID,
          "not one condition");
    FAILS(firn_row_delta(lake, &w, NULL, NULL, NULL, NULL, &err), FIRN_INVALID, "neither");
    keys = rows_of(lake, "SELECT 3 AS nothing");
    FAILS(firn_row_delta(lake, &w, NULL, NULL, &keys, NULL, &err), FIRN_INVALID, "nothing");
    rows = rows_of(lake, "SELECT 3 AS nothing");
    FAILS(firn_overwrite(lake, &w, NULL, &rows, NULL, &err), FIRN_INVALID, "nothing");
    CHECK_INT(number(lake, "SELECT sum(k) FROM a.\"order\""), 3);
    firn_close(lake);
}

TEST(merge_on_read_tables)
{
    firn_lake *lake = open_lake("lake");
    for (int version = 2; version <= 3; version++) {
        const char *name = version == 2 ? "a.two" : "a.three";
        const char number_of[] = { (char)('0' + version), 0 };
        const firn_pair props[] = { { "format-version", number_of },
                                    { "write.merge.mode", "merge-on-read" } };
        firn_create_options c = FIRN_CREATE_OPTIONS_INIT;
        c.table = name;
        c.schema_json = "{\"type\":\"struct\",\"fields\":[{\"id\":7,\"name\":\"k\",\"type\":"
                        "\"long\",\"required\":true}]}";
        c.properties = props;
        c.properties_n = 2;
        if (version == 2)
            OK(firn_create_namespace(lake, NULL, "a", NULL, 0, &err));
        OK(firn_create_table(lake, &c, &err));
        append(lake, name, "SELECT i AS k FROM range(1000) r(i)");
        firn_write_options w = write_to(name);
        struct ArrowArrayStream keys = rows_of(lake, "SELECT i * 10 AS k FROM range(50) r(i)");
        OK(firn_row_delta(lake, &w, NULL, NULL, &keys, NULL, &err));
        firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
        o.table = name;
        CHECK_INT(scan(lake, &o), 950);
        firn_table *t;
        struct ArrowSchema schema;
        OK(firn_table_load(lake, NULL, name, &t, &err));
        OK(firn_table_arrow_schema(t, &schema, &err));
        CHECK_INT(schema.children[0]->flags & ARROW_FLAG_NULLABLE, 0);
        schema.release(&schema);
        firn_table_free(t);
    }
    firn_close(lake);
}

TEST(every_type_goes_both_ways)
{
    firn_lake *lake = open_lake("lake");
    run(lake,
        "CREATE TABLE a.all_types AS SELECT i % 2 = 0 AS b, i::INTEGER AS i, i::BIGINT AS l, "
        "i::FLOAT AS f, i::DOUBLE AS d, (i / 7)::DECIMAL(38, 10) AS dec, "
        "(i / 7)::DECIMAL(9, 2) AS small, DATE '2001-02-03' + i::INTEGER AS day, "
        "TIME '01:02:03.456789' AS t, TIMESTAMP '2001-02-03 04:05:06.789' AS ts, "
        "TIMESTAMPTZ '2001-02-03 04:05:06.789+00' AS tz, 'text ' || repeat('é', i % 50) AS s, "
        "uuid() AS u, 'ab\\x00'::BLOB AS bin, [i, NULL, i + 1] AS li, "
        "{'a': i, 'b': [{'c': i::VARCHAR}]} AS st, MAP {i::VARCHAR: i} AS m "
        "FROM range(-3, 2500) r(i)");
    run(lake, "CREATE TABLE a.copy AS SELECT * FROM a.all_types WHERE false");
    run(lake, "INSERT INTO a.all_types (i) VALUES (9999999)");
    append(lake, "a.copy", "SELECT * FROM a.all_types");
    CHECK_INT(number(lake, "SELECT count(*) FROM a.copy"), 2504);
    CHECK_INT(number(lake, "SELECT count(*) FROM (SELECT * FROM a.copy EXCEPT ALL "
                           "SELECT * FROM a.all_types)"),
              0);
    firn_table *t;
    struct ArrowSchema schema;
    OK(firn_table_load(lake, NULL, "a.copy", &t, &err));
    OK(firn_table_arrow_schema(t, &schema, &err));
    firn_create_options c = FIRN_CREATE_OPTIONS_INIT;
    c.table = "a.third";
    c.schema = &schema;
    OK(firn_create_table(lake, &c, &err));
    append(lake, "a.third", "SELECT * FROM a.all_types");
    schema.release(&schema);
    firn_table_free(t);
    firn_close(lake);
}

TEST(definitions)
{
    firn_lake *lake = open_lake("lake");
    char *json;
    firn_table *t;
    OK(firn_create_namespace(lake, NULL, "a", NULL, 0, &err));
    OK(firn_create_namespace(lake, NULL, "a.b", NULL, 0, &err));
    FAILS(firn_create_namespace(lake, NULL, "a", NULL, 0, &err), FIRN_EXISTS, "exists");
    run(lake, "CREATE TABLE a.t (x INTEGER, y TEXT, z TEXT)");
    append(lake, "a.t", "SELECT 1::INTEGER AS x, 'y' AS y");
    const firn_change changes[] = {
        { .kind = FIRN_ADD_COLUMN,
          .name = "address",
          .type = "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"street\",\"type\":"
                  "\"string\",\"required\":false}]}" },
        { .kind = FIRN_ADD_COLUMN, .name = "address.no", .type = "int", .text = "house" },
        { .kind = FIRN_WIDEN_COLUMN, .name = "x", .type = "long" },
        { .kind = FIRN_RENAME_COLUMN, .name = "y", .text = "why" },
        { .kind = FIRN_DROP_COLUMN, .name = "z" },
        { .kind = FIRN_SET_PROPERTY, .name = "p", .text = "1" },
        { .kind = FIRN_SET_PROPERTY, .name = "q", .text = "1" },
        { .kind = FIRN_REMOVE_PROPERTY, .name = "q" },
    };
    OK(firn_alter_table(lake, NULL, "a.t", changes, 8, &err));
    CHECK_INT(
        number(lake, "SELECT count(*) FROM a.t WHERE why = 'y' AND x = 1 AND address IS NULL"), 1);
    const firn_change bad[] = { { .kind = FIRN_SET_PROPERTY, .name = "never", .text = "1" },
                                { .kind = FIRN_WIDEN_COLUMN, .name = "x", .type = "int" } };
    FAILS(firn_alter_table(lake, NULL, "a.t", bad, 2, &err), FIRN_INVALID, "change 2");
    const firn_change unknown = { .kind = 77, .name = "x" };
    FAILS(firn_alter_table(lake, NULL, "a.t", &unknown, 1, &err), FIRN_INVALID, "kind 77");
    FAILS(firn_alter_table(lake, NULL, "a.t", NULL, 0, &err), FIRN_INVALID, "0 changes");
    OK(firn_table_load(lake, NULL, "a.t", &t, &err));
    OK(firn_table_json(t, FIRN_TABLE_PROPERTIES, &json, &err));
    CHECK(strstr(json, "\"p\":\"1\"") && !strstr(json, "\"q\"") && !strstr(json, "never"));
    firn_free(json);
    firn_table_free(t);
    OK(firn_rename_table(lake, NULL, "a.t", "a.b.u", &err));
    OK(firn_list_tables(lake, NULL, NULL, &json, &err));
    CHECK_STR(str_of(json), "[\"a.b.u\"]");
    firn_free(json);
    OK(firn_list_namespaces(lake, NULL, &json, &err));
    CHECK_STR(str_of(json), "[\"a\",\"a.b\"]");
    firn_free(json);
    FAILS(firn_list_tables(lake, NULL, "nowhere", &json, &err), FIRN_NOT_FOUND, "nowhere");
    CHECK(!json);
    FAILS(firn_drop_namespace(lake, NULL, "a.b", &err), FIRN_CONFLICT, "not empty");
    OK(firn_drop_table(lake, NULL, "a.b.u", 0, &err));
    OK(firn_drop_namespace(lake, NULL, "a.b", &err));
    FAILS(firn_table_load(lake, NULL, "a.b.u", &t, &err), FIRN_NOT_FOUND, "");
    CHECK(!t);
    firn_close(lake);
}

TEST(branches_tags_and_merges)
{
    firn_lake *lake = open_lake("lake");
    char *json;
    run(lake, "CREATE TABLE a.t (x BIGINT)");
    OK(firn_create_ref(lake, FIRN_BRANCH, "work", NULL, &err));
    OK(firn_create_ref(lake, FIRN_TAG, "before", "main", &err));
    firn_write_options w = write_to("a.t");
    w.branch = "work";
    struct ArrowArrayStream s = rows_of(lake, "SELECT 1 AS x");
    OK(firn_append(lake, &w, &s, NULL, &err));
    CHECK_INT(number(lake, "SELECT count(*) FROM a.t"), 0);
    OK(firn_merge(lake, "work", NULL, "done", &json, &err));
    CHECK(strstr(json, "\"applied\":true"));
    firn_free(json);
    CHECK_INT(number(lake, "SELECT count(*) FROM a.t"), 1);
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "a.t";
    o.ref = "before";
    CHECK_INT(scan(lake, &o), 0);
    s = rows_of(lake, "SELECT 5 AS x");
    OK(firn_overwrite(lake, &w, NULL, &s, NULL, &err));
    w.branch = NULL;
    s = rows_of(lake, "SELECT 6 AS x");
    OK(firn_overwrite(lake, &w, NULL, &s, NULL, &err));
    FAILS(firn_merge(lake, "work", "main", NULL, &json, &err), FIRN_CONFLICT, "nothing was merged");
    CHECK(strstr(json, "\"a.t\"") && strstr(json, "\"applied\":false"));
    firn_free(json);
    OK(firn_list_refs(lake, &json, &err));
    CHECK(strstr(json, "\"before\",\"type\":\"tag\""));
    firn_free(json);
    OK(firn_delete_ref(lake, "work", &err));
    FAILS(firn_delete_ref(lake, "work", &err), FIRN_NOT_FOUND, "work");
    FAILS(firn_create_ref(lake, (firn_ref_kind)9, "x", NULL, &err), FIRN_INVALID, "kind 9");
    firn_close(lake);
}

TEST(a_table_by_its_metadata_file)
{
    firn_lake *lake = open_lake("lake"), *bare;
    firn_table *t;
    run(lake, "CREATE TABLE a.t AS SELECT i AS x FROM range(100) r(i)");
    OK(firn_table_load(lake, NULL, "a.t", &t, &err));
    int64_t first = firn_table_snapshot_id(t);
    firn_table_free(t);
    run(lake, "DELETE FROM a.t WHERE x < 10");
    OK(firn_table_load(lake, NULL, "a.t", &t, &err));
    OK(firn_open_metadata(firn_table_metadata_file(t), NULL, &bare, &err));
    firn_table_free(t);
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "table.table";
    CHECK_INT(scan(bare, &o), 90);
    o.snapshot_id = first;
    CHECK_INT(scan(bare, &o), 100);
    CHECK_INT(number(bare, "SELECT sum(x) FROM \"table\".\"table\" WHERE x > 97"), 98 + 99);
    firn_sql_options q = FIRN_SQL_OPTIONS_INIT;
    q.text = "DROP TABLE \"table\".\"table\"";
    FAILS(firn_sql(bare, &q, NULL, NULL, &err), FIRN_DENIED, "read only");
    FAILS(firn_drop_table(bare, NULL, "table.table", 1, &err), FIRN_DENIED, "read only");
    firn_close(bare);
    FAILS(firn_open_metadata("/no/such/v1.metadata.json", NULL, &bare, &err), FIRN_NOT_FOUND,
          "/no/such");
    CHECK(!bare);
    firn_close(lake);
}

TEST(wrong_arguments)
{
    firn_lake *lake = open_lake("lake"), *other;
    struct ArrowArrayStream s;
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    firn_sql_options q = FIRN_SQL_OPTIONS_INIT;
    FAILS(firn_open(NULL, NULL, &other, &err), FIRN_INVALID, "no data directory");
    FAILS(firn_scan(NULL, &o, &s, &err), FIRN_INVALID, "no lake");
    CHECK(!s.release);
    FAILS(firn_scan(lake, NULL, &s, &err), FIRN_INVALID, "options are NULL");
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "table's name is NULL");
    o.table = "nodots";
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "names no namespace");
    o.table = "a.missing";
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_NOT_FOUND, "missing");
    run(lake, "CREATE TABLE a.t AS SELECT 1 AS x");
    o.table = "a.t";
    o.filter = "x = 1) OR (true";
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "not one condition");
    o.filter = "y = 1";
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "y");
    o.filter = NULL;
    o.snapshot_id = 5;
    o.timestamp_ms = 5;
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "more than one");
    o.timestamp_ms = 0;
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_NOT_FOUND, "5");
    o.size = 8;
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "size");
    FAILS(firn_sql(lake, &q, &s, NULL, &err), FIRN_INVALID, "statement is NULL");
    q.text = "SELEC 1";
    FAILS(firn_sql(lake, &q, &s, NULL, &err), FIRN_UNSUPPORTED, "SELEC");
    CHECK_INT(firn_sql(lake, &q, &s, NULL, NULL), FIRN_UNSUPPORTED);
    FAILS(firn_open(arena_printf(test_arena(), "%s/lake", test_tmpdir()).ptr, NULL, &other, &err),
          FIRN_UNAVAILABLE, "");
    static const firn_pair taken[] = { { "added-records", "1" } };
    firn_write_options w = write_to("a.t");
    w.summary = taken;
    w.summary_n = 1;
    s = rows_of(lake, "SELECT 2 AS x");
    FAILS(firn_append(lake, &w, &s, NULL, &err), FIRN_INVALID, "added-records");
    firn_close(lake);
}

TEST(cancelling)
{
    firn_lake *lake = open_lake("lake");
    firn_cancel *cancel = firn_cancel_create(0), *late = firn_cancel_create(100);
    struct ArrowArrayStream s;
    struct ArrowArray batch;
    firn_sql_options q = FIRN_SQL_OPTIONS_INIT;
    int rc;
    q.text = "SELECT a.i FROM range(100000000) a(i), range(1000) b(i)";
    q.cancel = cancel;
    OK(firn_sql(lake, &q, &s, NULL, &err));
    CHECK_INT(s.get_next(&s, &batch), 0);
    batch.release(&batch);
    firn_cancel_request(cancel);
    while ((rc = s.get_next(&s, &batch)) == 0 && batch.release)
        batch.release(&batch);
    CHECK_INT(rc, ECANCELED);
    s.release(&s);
    q.text = "SELECT sum(a.i) FROM range(100000000) a(i), range(1000) b(i)";
    q.cancel = late;
    rc = firn_sql(lake, &q, &s, NULL, &err);
    if (rc == FIRN_OK) {
        CHECK_INT(s.get_next(&s, &batch), ECANCELED);
        s.release(&s);
    } else {
        CHECK_INT(rc, FIRN_CANCELLED);
    }
    firn_cancel_free(cancel);
    firn_cancel_free(late);
    firn_close(lake);
}

/* ---- Two threads */

static void write_and_read(void *arg)
{
    firn_lake *lake = arg;
    firn_error mine = FIRN_ERROR_INIT;
    for (int i = 0; i < 5; i++) {
        firn_write_options w = write_to("a.t");
        firn_sql_options q = FIRN_SQL_OPTIONS_INIT;
        firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
        struct ArrowArrayStream s;
        o.table = "a.t";
        q.text = "SELECT i AS x FROM range(3000) r(i)";
        CHECK_INT(firn_sql(lake, &q, &s, NULL, &mine), FIRN_OK);
        if (firn_append(lake, &w, &s, NULL, &mine) != FIRN_OK)
            test_fail(__FILE__, __LINE__, "%s", mine.message);
        CHECK_INT(firn_scan(lake, &o, &s, &mine), FIRN_OK);
        CHECK_INT(drain(&s) % 3000, 0);
    }
}

TEST(threads_share_a_lake)
{
    firn_lake *lake = open_lake("lake");
    run(lake, "CREATE TABLE a.t (x BIGINT)");
    struct thread *other = thread_start("other", write_and_read, lake);
    write_and_read(lake);
    thread_join(other);
    CHECK_INT(number(lake, "SELECT count(*) FROM a.t"), 30000);
    firn_close(lake);
}
