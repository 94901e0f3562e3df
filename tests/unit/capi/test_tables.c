/* SPDX-License-Identifier: Apache-2.0
 *
 * What the C API does to one table besides reading and writing it: evolution, snapshots, maintenance, plans. */
#include "capi_test.h"

static void make(firn_lake *lake, const char *properties)
{
    run(lake, "CREATE SCHEMA IF NOT EXISTS s");
    run(lake, arena_printf(test_arena(), "CREATE TABLE s.t (id BIGINT, name VARCHAR, day DATE) %s",
                           properties)
                  .ptr);
}

static int64_t snapshot_of(firn_lake *lake)
{
    firn_table *t;
    OK(firn_table_load(lake, NULL, "s.t", &t, &err));
    int64_t id = firn_table_snapshot_id(t);
    firn_table_free(t);
    return id;
}

static void has_part(firn_lake *lake, firn_table_part part, const char *words)
{
    firn_table *t;
    char *json;
    OK(firn_table_load(lake, NULL, "s.t", &t, &err));
    OK(firn_table_json(t, part, &json, &err));
    if (!strstr(json, words))
        test_fail(__FILE__, __LINE__, "\"%s\" is not in %s", words, json);
    firn_free(json);
    firn_table_free(t);
}

/* ---- Evolution */

TEST(every_kind_of_change_in_one_commit)
{
    firn_lake *lake = open_lake("lake");
    make(lake, "WITH ('format-version' = '2')");
    append(lake, "s.t", "SELECT 1 AS id, 'a' AS name, DATE '2026-01-01' AS day");
    const firn_change changes[] = {
        { .kind = FIRN_UPGRADE_FORMAT, .name = "3" },
        { .kind = FIRN_ADD_COLUMN, .name = "v", .type = "int", .text = "a value" },
        { .kind = FIRN_MOVE_COLUMN, .name = "v", .type = "after", .text = "id" },
        { .kind = FIRN_MOVE_COLUMN, .name = "day", .type = "first" },
        { .kind = FIRN_SET_DEFAULT, .name = "v", .text = "7" },
        { .kind = FIRN_ADD_PARTITION, .name = "bucket(4, id)" },
        { .kind = FIRN_ADD_PARTITION, .name = "month(day)", .text = "m" },
        { .kind = FIRN_SET_ORDER, .name = "id DESC NULLS LAST, name" },
        { .kind = FIRN_SET_PROPERTY, .name = "owner", .text = "me" },
    };
    OK(firn_alter_table(lake, NULL, "s.t", changes, sizeof changes / sizeof *changes, &err));
    has_part(lake, FIRN_TABLE_METADATA, "\"format-version\":3");
    has_part(lake, FIRN_TABLE_SPECS, "\"name\":\"id_bucket_4\"");
    has_part(lake, FIRN_TABLE_SPECS, "\"name\":\"m\"");
    has_part(lake, FIRN_TABLE_SORT_ORDERS, "\"direction\":\"desc\"");
    has_part(lake, FIRN_TABLE_SCHEMAS, "\"write-default\":7");
    append(lake, "s.t", "SELECT 2 AS id, 'b' AS name, DATE '2026-02-01' AS day");
    CHECK_INT(number(lake, "SELECT v FROM s.t WHERE id = 2"), 7);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t WHERE v IS NULL"), 1);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t.partitions"), 2);
    const firn_change back[] = {
        { .kind = FIRN_DROP_PARTITION, .name = "m" },
        { .kind = FIRN_DROP_PARTITION, .name = "bucket(4, id)" },
        { .kind = FIRN_SET_ORDER, .name = "" },
        { .kind = FIRN_SET_DEFAULT, .name = "v" },
    };
    OK(firn_alter_table(lake, NULL, "s.t", back, 4, &err));
    append(lake, "s.t", "SELECT 3 AS id, 'c' AS name, DATE '2026-02-01' AS day");
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t WHERE v IS NULL"), 2);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t"), 3);
    firn_close(lake);
}

TEST(changes_that_cannot_be)
{
    firn_lake *lake = open_lake("lake");
    make(lake, "");
    static const struct {
        firn_change change;
        int code;
        const char *words;
    } bad[] = {
        { { .kind = FIRN_UPGRADE_FORMAT, .name = "1" }, FIRN_INVALID, "format version 1" },
        { { .kind = FIRN_UPGRADE_FORMAT, .name = "4" }, FIRN_UNSUPPORTED, "3 is the newest" },
        { { .kind = FIRN_UPGRADE_FORMAT, .name = "two" }, FIRN_INVALID, "no format version" },
        { { .kind = FIRN_MOVE_COLUMN, .name = "id", .type = "last" }, FIRN_INVALID, "not first" },
        { { .kind = FIRN_MOVE_COLUMN, .name = "id", .type = "after" }, FIRN_INVALID, "no column" },
        { { .kind = FIRN_SET_DEFAULT, .name = "none", .text = "1" }, FIRN_NOT_FOUND, "none" },
        { { .kind = FIRN_SET_DEFAULT, .name = "id", .text = "\"x\"" }, FIRN_INVALID, "id" },
        { { .kind = FIRN_ADD_PARTITION, .name = "id, name" }, FIRN_INVALID, "more than one" },
        { { .kind = FIRN_ADD_PARTITION, .name = "hash(id)" }, FIRN_INVALID, "hash" },
        { { .kind = FIRN_DROP_PARTITION, .name = "id" }, FIRN_NOT_FOUND, "not partitioned" },
        { { .kind = FIRN_SET_ORDER, .name = "id; name" }, FIRN_INVALID, "no order" },
        { { .kind = FIRN_SET_IDENTIFIERS, .name = "nobody" }, FIRN_NOT_FOUND, "nobody" },
        { { .kind = 99, .name = "x" }, FIRN_INVALID, "kind 99" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS(firn_alter_table(lake, NULL, "s.t", &bad[i].change, 1, &err), bad[i].code,
              bad[i].words);
    firn_close(lake);
}

/* ---- Snapshots */

static firn_move_options move_of(firn_move_kind kind)
{
    firn_move_options o = FIRN_MOVE_OPTIONS_INIT;
    o.table = "s.t";
    o.kind = kind;
    return o;
}

TEST(a_table_goes_back_and_forth)
{
    firn_lake *lake = open_lake("lake");
    firn_write_result r = FIRN_WRITE_RESULT_INIT;
    make(lake, "");
    append(lake, "s.t", "SELECT 1 AS id");
    int64_t first = snapshot_of(lake);
    append(lake, "s.t", "SELECT 2 AS id");
    int64_t second = snapshot_of(lake);
    firn_move_options o = move_of(FIRN_ROLLBACK);
    o.snapshot_id = first;
    o.dry_run = 1;
    OK(firn_move_snapshot(lake, &o, &r, &err));
    CHECK_INT(snapshot_of(lake), second);
    o.dry_run = 0;
    OK(firn_move_snapshot(lake, &o, &r, &err));
    CHECK_INT(r.snapshot_id, first);
    CHECK_INT((long long)strlen(r.commit), 64);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t"), 1);
    o = move_of(FIRN_CHERRY_PICK);
    o.snapshot_id = second;
    OK(firn_move_snapshot(lake, &o, &r, &err));
    CHECK_INT(number(lake, "SELECT sum(id) FROM s.t"), 3);
    o = move_of(FIRN_SET_CURRENT);
    o.snapshot_id = first;
    OK(firn_move_snapshot(lake, &o, NULL, &err));
    CHECK_INT(snapshot_of(lake), first);
    o.to = "main";
    FAILS(firn_move_snapshot(lake, &o, NULL, &err), FIRN_INVALID, "the one must be set");
    o = move_of(FIRN_ROLLBACK);
    o.snapshot_id = 12345;
    FAILS(firn_move_snapshot(lake, &o, NULL, &err), FIRN_NOT_FOUND, "12345");
    o = move_of((firn_move_kind)7);
    FAILS(firn_move_snapshot(lake, &o, NULL, &err), FIRN_INVALID, "kind 7");
    firn_close(lake);
}

TEST(a_tables_own_branches_and_tags)
{
    firn_lake *lake = open_lake("lake");
    make(lake, "");
    append(lake, "s.t", "SELECT 1 AS id");
    int64_t first = snapshot_of(lake);
    firn_table_ref_options o = FIRN_TABLE_REF_OPTIONS_INIT;
    o.table = "s.t";
    o.name = "audit";
    o.kind = FIRN_BRANCH;
    o.min_snapshots = 3;
    o.max_snapshot_age_ms = 1000;
    o.must_be_new = 1;
    OK(firn_set_table_ref(lake, &o, &err));
    FAILS(firn_set_table_ref(lake, &o, &err), FIRN_EXISTS, "audit");
    has_part(lake, FIRN_TABLE_REFS, "\"min-snapshots-to-keep\":3");
    append(lake, "s.t", "SELECT 2 AS id");
    o.must_be_new = 0;
    o.min_snapshots = 0;
    OK(firn_set_table_ref(lake, &o, &err)); /* moved; what is not said stays */
    has_part(lake, FIRN_TABLE_REFS, "\"min-snapshots-to-keep\":3");
    firn_scan_options scan_o = FIRN_SCAN_OPTIONS_INIT;
    scan_o.table = "s.t";
    scan_o.table_ref = "audit";
    CHECK_INT(scan(lake, &scan_o), 2);
    o = (firn_table_ref_options)FIRN_TABLE_REF_OPTIONS_INIT;
    o.table = "s.t";
    o.name = "v1";
    o.kind = FIRN_TAG;
    o.snapshot_id = first;
    OK(firn_set_table_ref(lake, &o, &err));
    scan_o.table_ref = "v1";
    CHECK_INT(scan(lake, &scan_o), 1);
    o.min_snapshots = 1;
    FAILS(firn_set_table_ref(lake, &o, &err), FIRN_INVALID, "a tag keeps one");
    o.min_snapshots = 0;
    o.kind = FIRN_BRANCH;
    FAILS(firn_set_table_ref(lake, &o, &err), FIRN_INVALID, "is a tag");
    OK(firn_drop_table_ref(lake, NULL, "s.t", "v1", &err));
    FAILS(firn_drop_table_ref(lake, NULL, "s.t", "v1", &err), FIRN_NOT_FOUND, "v1");
    FAILS(firn_drop_table_ref(lake, NULL, "s.t", "main", &err), FIRN_INVALID, "main");
    firn_close(lake);
}

/* ---- Row deltas by place, upserts */

static void by_place(firn_lake *lake, const char *columns, const char *properties)
{
    make(lake, properties);
    append(lake, "s.t", "SELECT i AS id, 'n' || i AS name FROM range(10) r(i)");
    const char *places =
        arena_printf(test_arena(), "SELECT %s FROM s.t WHERE id %% 3 = 0", columns).ptr;
    struct ArrowArrayStream keys = rows_of(lake, places), again = rows_of(lake, places),
                            rows = rows_of(lake, "SELECT 100 AS id");
    firn_write_options w = write_to("s.t");
    firn_write_result r = FIRN_WRITE_RESULT_INIT;
    OK(firn_row_delta(lake, &w, &rows, NULL, &keys, &r, &err));
    CHECK_INT(r.rows, 5);
    CHECK_INT(number(lake, "SELECT sum(id) FROM s.t"), 45 - 18 + 100);
    int64_t before = snapshot_of(lake);
    FAILS(firn_row_delta(lake, &w, NULL, NULL, &again, NULL, &err), FIRN_CONFLICT, "not there");
    CHECK(!again.release);
    CHECK_INT(snapshot_of(lake), before);
    run(lake, "DROP TABLE s.t");
}

TEST(rows_go_by_their_place)
{
    firn_lake *lake = open_lake("lake");
    by_place(lake, "_file, _pos", "");
    by_place(lake, "_file, _pos", "WITH ('write.merge.mode' = 'merge-on-read')");
    by_place(lake, "_row_id", "WITH ('format-version' = '3')");
    firn_close(lake);
}

TEST(upserts)
{
    firn_lake *lake = open_lake("lake");
    firn_write_options w = write_to("s.t");
    firn_write_result r = FIRN_WRITE_RESULT_INIT;
    const char *id = "id";
    make(lake, "");
    append(lake, "s.t", "SELECT 1 AS id, 'a' AS name UNION ALL SELECT NULL, 'nobody'");
    struct ArrowArrayStream s =
        rows_of(lake, "SELECT * FROM (VALUES (1, 'b'), (2, 'c'), (NULL, 'n')) v(id, name)");
    OK(firn_upsert(lake, &w, &s, &id, 1, &r, &err));
    CHECK(!s.release);
    CHECK_INT(r.rows, 5);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t"), 3);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t WHERE name IN ('b', 'c', 'n')"), 3);
    s = rows_of(lake, "SELECT 1 AS id, 'x' AS name UNION ALL SELECT 1, 'y'");
    FAILS(firn_upsert(lake, &w, &s, &id, 1, NULL, &err), FIRN_INVALID, "the same key");
    CHECK(!s.release);
    s = rows_of(lake, "SELECT 1 AS id");
    FAILS(firn_upsert(lake, &w, &s, NULL, 0, NULL, &err), FIRN_INVALID, "no identifier fields");
    s = rows_of(lake, "SELECT 'x' AS name");
    FAILS(firn_upsert(lake, &w, &s, &id, 1, NULL, &err), FIRN_INVALID, "id");
    firn_create_options c = FIRN_CREATE_OPTIONS_INIT;
    c.table = "s.k";
    c.schema_json =
        "{\"type\":\"struct\",\"identifier-field-ids\":[1],\"fields\":[{\"id\":1,\"name\":\"k\","
        "\"required\":true,\"type\":\"int\"},{\"id\":2,\"name\":\"v\",\"required\":false,"
        "\"type\":\"int\"}]}";
    OK(firn_create_table(lake, &c, &err));
    w.table = "s.k";
    for (int i = 0; i < 2; i++) {
        s = rows_of(lake, "SELECT i AS k, 10 * i AS v FROM range(3) r(i)");
        OK(firn_upsert(lake, &w, &s, NULL, 0, &r, &err));
    }
    CHECK_INT(r.rows, 6);
    CHECK_INT(number(lake, "SELECT sum(v) FROM s.k"), 30);
    firn_close(lake);
}

TEST(partitions_are_replaced)
{
    firn_lake *lake = open_lake("lake");
    firn_write_options w = write_to("s.p");
    firn_write_result r = FIRN_WRITE_RESULT_INIT;
    run(lake, "CREATE SCHEMA s");
    run(lake, "CREATE TABLE s.p (id BIGINT, part VARCHAR) PARTITIONED BY (part)");
    append(lake, "s.p", "SELECT i AS id, 'p' || (i % 3) AS part FROM range(9) r(i)");
    struct ArrowArrayStream s =
        rows_of(lake, "SELECT 'p1' AS part, 100 AS id UNION ALL SELECT 'new', 200");
    OK(firn_overwrite_partitions(lake, &w, &s, &r, &err));
    CHECK(!s.release);
    CHECK_INT(number(lake, "SELECT sum(id) FROM s.p"), 300 + 0 + 3 + 6 + 2 + 5 + 8);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.p WHERE part = 'p1'"), 1);
    CHECK_INT((long long)strlen(r.commit), 64);
    s = rows_of(lake, "SELECT 1 AS nobody");
    FAILS(firn_overwrite_partitions(lake, &w, &s, NULL, &err), FIRN_INVALID, "nobody");
    CHECK(!s.release);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.p"), 8);
    firn_close(lake);
}

/* ---- Maintenance */

TEST(maintenance)
{
    firn_lake *lake = open_lake("lake");
    char *json;
    make(lake, "");
    for (int i = 0; i < 6; i++)
        append(
            lake, "s.t",
            arena_printf(test_arena(), "SELECT %d AS id, 'x' AS name, NULL::DATE AS day", i).ptr);
    OK(firn_compact(lake, NULL, "s.t", NULL, &json, &err));
    CHECK_INT(json_number(json, "rewritten_data_files_count"), 6);
    firn_free(json);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t.files"), 1);
    OK(firn_rewrite_manifests(lake, NULL, "s.t", &json, &err));
    firn_free(json);
    OK(firn_analyze(lake, NULL, "s.t", &json, &err));
    firn_free(json);
    has_part(lake, FIRN_TABLE_METADATA, "\"statistics-path\"");
    CHECK(number(lake, "SELECT count(*) FROM s.t.snapshots") > 6);
    OK(firn_expire_snapshots(lake, NULL, "s.t", 4102444800000, 1, &json, &err));
    firn_free(json);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t.snapshots"), 1);
    CHECK_INT(number(lake, "SELECT sum(id) FROM s.t"), 15);
    OK(firn_remove_orphans(lake, NULL, "s.t", 0, 1, &json, &err));
    CHECK(json[0] == '[');
    firn_free(json);
    const firn_pair arguments[] = { { "dry_run", "true" }, { "safety_age", "1000" } };
    firn_call_options o = FIRN_CALL_OPTIONS_INIT;
    o.procedure = "collect_garbage";
    o.arguments = arguments;
    o.arguments_n = 1;
    OK(firn_call(lake, &o, &json, &err));
    firn_free(json);
    firn_close(lake);
}

TEST(calls_that_cannot_be)
{
    firn_lake *lake = open_lake("lake");
    char *json = NULL;
    make(lake, "");
    static const struct {
        const char *procedure, *key, *value;
        int code;
        const char *words;
    } bad[] = {
        { "rewrite_data_files(table => 'x'", NULL, NULL, FIRN_INVALID, "no name of a procedure" },
        { "", NULL, NULL, FIRN_INVALID, "no name of a procedure" },
        { "rewrite_everything", NULL, NULL, FIRN_NOT_FOUND, "no procedure" },
        { "rewrite_data_files", "wherefore", "1", FIRN_INVALID, "no argument" },
        { "rewrite_data_files", "where => ''", "1", FIRN_INVALID, "no name of an argument" },
        { "rewrite_data_files", "where", "'x', strategy => 'y'", FIRN_INVALID, "single value" },
        { "rewrite_data_files", "where", "'x') --", FIRN_INVALID, "where" },
        { "rewrite_data_files", "where", "'x'; DROP TABLE s.t", FIRN_INVALID, "where" },
        { "rewrite_data_files", "where", "", FIRN_INVALID, "where" },
        { "rewrite_data_files", "where", NULL, FIRN_INVALID, "value" },
        { "expire_snapshots", "retain_last", "0", FIRN_INVALID, "retain_last" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const firn_pair p = { bad[i].key, bad[i].value };
        firn_call_options o = FIRN_CALL_OPTIONS_INIT;
        o.procedure = bad[i].procedure;
        o.table = "s.t";
        o.arguments = &p;
        o.arguments_n = bad[i].key != NULL;
        FAILS(firn_call(lake, &o, &json, &err), bad[i].code, bad[i].words);
        CHECK(!json);
    }
    FAILS(firn_compact(lake, NULL, NULL, NULL, NULL, &err), FIRN_INVALID, "table is missing");
    FAILS(firn_compact(lake, NULL, "s.none", NULL, NULL, &err), FIRN_NOT_FOUND, "s.none");
    FAILS(firn_compact(lake, NULL, "s.t", "id >", NULL, &err), FIRN_INVALID, "");
    firn_close(lake);
}

/* ---- Plans */

static int count_of(const char *text, const char *words)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

/* The pages of a plan in one text. */
static str plan(firn_lake *lake, const firn_scan_options *o)
{
    firn_plan *p;
    char *json;
    struct buf *all = arena_new(test_arena(), struct buf);
    buf_init(all, 1 << 24);
    buf_in_arena(all, test_arena());
    OK(firn_plan_open(lake, o, &p, &err));
    for (;;) {
        OK(firn_plan_next(p, &json, &err));
        if (!json)
            break;
        buf_add_str(all, str_of(json));
        firn_free(json);
    }
    firn_plan_close(p);
    buf_add_char(all, 0);
    return buf_str(all);
}

TEST(plans_name_the_files)
{
    firn_lake *lake = open_lake("lake");
    make(lake, "WITH ('write.delete.mode' = 'merge-on-read')");
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "s.t";
    CHECK_STR(str_of(plan(lake, &o).ptr), "");
    for (int i = 0; i < 4; i++)
        append(lake, "s.t",
               arena_printf(test_arena(), "SELECT %d + j AS id FROM range(10) r(j)", 10 * i).ptr);
    int64_t before = snapshot_of(lake);
    run(lake, "DELETE FROM s.t WHERE id = 35");
    const char *all = plan(lake, &o).ptr;
    CHECK_INT(count_of(all, "\"data-file\":"), 4);
    CHECK_INT(count_of(all, "\"delete-file-references\":[0]"), 1);
    CHECK_INT(count_of(all, "\"delete-files\":["), 1);
    CHECK_INT(count_of(all, "\"residual-filter\":true"), 4);
    o.filter = "id >= 25";
    const char *some = plan(lake, &o).ptr;
    CHECK_INT(count_of(some, "\"data-file\":"), 2);
    CHECK_INT(count_of(some, "\"residual-filter\":true"), 1);
    CHECK_INT(count_of(some, "\"residual-filter\":{"), 1);
    o.filter = "id > 1000";
    CHECK_STR(str_of(plan(lake, &o).ptr), "");
    o.filter = NULL;
    o.snapshot_id = before;
    CHECK_INT(count_of(plan(lake, &o).ptr, "delete-file"), 0);
    o.snapshot_id = 0;
    o.incremental = 1;
    o.after_snapshot = before;
    CHECK_STR(str_of(plan(lake, &o).ptr), "");
    firn_plan *p;
    o.incremental = 2;
    FAILS(firn_plan_open(lake, &o, &p, &err), FIRN_UNSUPPORTED, "scan them");
    o.incremental = 3;
    FAILS(firn_plan_open(lake, &o, &p, &err), FIRN_INVALID, "incremental is 3");
    o.incremental = 0;
    o.filter = "hash(id) = 3";
    FAILS(firn_plan_open(lake, &o, &p, &err), FIRN_INVALID, "");
    CHECK(!p);
    o.filter = "nobody = 3";
    FAILS(firn_plan_open(lake, &o, &p, &err), FIRN_INVALID, "nobody");
    firn_plan_close(NULL);
    firn_close(lake);
}

TEST(changes_between_snapshots)
{
    firn_lake *lake = open_lake("lake");
    make(lake, "WITH ('format-version' = '3', 'write.delete.mode' = 'merge-on-read')");
    firn_scan_options o = FIRN_SCAN_OPTIONS_INIT;
    o.table = "s.t";
    o.incremental = 2;
    CHECK_INT(scan(lake, &o), 0);
    append(lake, "s.t", "SELECT i AS id FROM range(10) r(i)");
    int64_t first = snapshot_of(lake);
    run(lake, "DELETE FROM s.t WHERE id < 3");
    append(lake, "s.t", "SELECT 100 AS id");
    CHECK_INT(scan(lake, &o), 14);
    o.after_snapshot = first;
    CHECK_INT(scan(lake, &o), 4);
    o.filter = "_change_type = 'DELETE' AND id > 0";
    const char *const columns[] = { "id", "_change_ordinal" };
    o.columns = columns;
    o.columns_n = 2;
    CHECK_INT(scan(lake, &o), 2);
    o.limit = 1;
    CHECK_INT(scan(lake, &o), 1);
    o.after_snapshot = 77;
    struct ArrowArrayStream s;
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_NOT_FOUND, "77");
    o.after_snapshot = 0;
    o.filter = "id; DROP TABLE s.t";
    FAILS(firn_scan(lake, &o, &s, &err), FIRN_INVALID, "one condition");
    firn_close(lake);
}

TEST(catalogs_behind_http_are_not_opened)
{
    firn_lake *lake;
    firn_open_options o = FIRN_OPEN_OPTIONS_INIT;
    FAILS(firn_open("https://example.org/iceberg", NULL, &lake, &err), FIRN_UNSUPPORTED, "HTTP");
    CHECK(!lake);
    o.catalog = "http://example.org/iceberg";
    FAILS(firn_open(test_tmpdir(), &o, &lake, &err), FIRN_UNSUPPORTED, "HTTP");
    CHECK(!lake && err.hint[0]);
}
