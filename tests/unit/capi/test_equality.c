/* SPDX-License-Identifier: Apache-2.0
 *
 * Equality deletes that are written: what they delete and what they leave alone, their scope, and what other writers do meanwhile. */
#include "base/thread.h"
#include "capi_test.h"

#define ROWS                                                                                       \
    "SELECT coalesce(string_agg(concat(id, name), ' ' ORDER BY id NULLS LAST, name), '') AS x FROM s.t"

static firn_lake *lake;

static const char *const formats[] = { "'format-version' = '2'", "'format-version' = '3'" };

static void make(const char *columns, const char *rest, const char *properties)
{
    if (!lake)
        lake = open_lake("lake");
    run(lake, "CREATE SCHEMA IF NOT EXISTS s");
    run(lake, "DROP TABLE IF EXISTS s.t");
    run(lake,
        arena_printf(test_arena(), "CREATE TABLE s.t (%s) %s WITH (%s)", columns, rest, properties)
            .ptr);
}

static bool holds(const char *condition)
{
    return number(lake, arena_printf(test_arena(), "SELECT CAST((%s) AS INTEGER)", condition).ptr);
}

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!holds(condition))                                                                     \
            test_fail(__FILE__, __LINE__, "not so: %s", condition);                                \
    } while (0)

static void rows_are(int line, const char *want)
{
    if (!holds(arena_printf(test_arena(), "SELECT x = '%s' FROM (" ROWS ")", want).ptr))
        test_fail(__FILE__, line, "the rows are not %s", want);
}
#define ROWS_ARE(want) rows_are(__LINE__, want)

/* What the last snapshot's summary says under a key; -1: nothing. */
static int64_t summary(const char *key)
{
    return number(lake, arena_printf(test_arena(),
                                     "SELECT coalesce(max(CAST(summary['%s'] AS BIGINT)), -1) FROM "
                                     "(SELECT * FROM s.t.snapshots ORDER BY committed_at DESC, "
                                     "CAST(summary['total-data-files'] AS INT) DESC LIMIT 1)",
                                     key)
                            .ptr);
}

static firn_write_options equality(void)
{
    firn_write_options w = write_to("s.t");
    w.deletes = FIRN_DELETES_EQUALITY;
    return w;
}

static void change(const char *rows, const char *keys, firn_write_result *result)
{
    firn_write_options w = equality();
    struct ArrowArrayStream r, k = rows_of(lake, keys);
    if (rows)
        r = rows_of(lake, rows);
    OK(firn_row_delta(lake, &w, rows ? &r : NULL, NULL, &k, result, &err));
    CHECK(!k.release && (!rows || !r.release));
}

static void refused(firn_write_options w, const char *keys, int want, const char *words)
{
    struct ArrowArrayStream k = rows_of(lake, keys);
    FAILS(firn_row_delta(lake, &w, NULL, NULL, &k, NULL, &err), want, words);
    CHECK(!k.release);
}

TEST(keys_delete_what_was_there_before)
{
    for (size_t v = 0; v < 2; v++) {
        firn_write_result r = FIRN_WRITE_RESULT_INIT;
        make("id BIGINT, name VARCHAR", "", formats[v]);
        append(lake, "s.t",
               "SELECT i AS id, 'n' AS name FROM range(5) r(i) UNION ALL SELECT NULL, 'n'");
        /* Null is a key; what no row has is fine; twice is once; the rows of the same commit stay. */
        change("SELECT 3 AS id, 'new' AS name",
               "SELECT * FROM (VALUES (1), (3), (3), (77), (NULL)) v(id)", &r);
        CHECK_INT(r.rows, 5);
        ROWS_ARE("0n 2n 3new 4n");
        CHECK_INT(summary("added-equality-delete-files"), 1);
        CHECK_INT(summary("added-delete-files"), 1);
        CHECK_INT(summary("added-equality-deletes"), 4);
        CHECK_INT(summary("total-equality-deletes"), 4);
        CHECK_INT(summary("total-delete-files"), 1);
        CHECK_INT(summary("added-records"), 1);
        CHECK_INT(summary("total-records"), 7);
        HOLDS(
            "SELECT operation = 'overwrite' FROM s.t.snapshots ORDER BY committed_at DESC LIMIT 1");
        HOLDS("SELECT equality_ids = [1] AND record_count = 4 FROM s.t.delete_files");
        /* Rows added later stay, too. */
        append(lake, "s.t", "SELECT 1 AS id, 'later' AS name");
        ROWS_ARE("0n 1later 2n 3new 4n");
        /* Two columns. */
        change(NULL, "SELECT 'n' AS name, 2::INTEGER AS id UNION ALL SELECT 'x', 4", &r);
        CHECK_INT(r.rows, 2);
        ROWS_ARE("0n 1later 3new 4n");
        HOLDS("SELECT operation = 'delete' FROM s.t.snapshots ORDER BY committed_at DESC LIMIT 1");
        CHECK_INT(summary("total-equality-deletes"), 6);
        /* Nothing to do. */
        int64_t n = number(lake, "SELECT count(*) FROM s.t.snapshots");
        change(NULL, "SELECT 1 AS id WHERE false", NULL);
        CHECK_INT(number(lake, "SELECT count(*) FROM s.t.snapshots"), n);
        /* Other changes and maintenance go with them. */
        run(lake, "DELETE FROM s.t WHERE id = 0");
        run(lake, "UPDATE s.t SET name = 'u' WHERE id = 4");
        ROWS_ARE("1later 3new 4u");
        run(lake,
            "CALL system.rewrite_data_files(table => 's.t', options => map('rewrite-all', 'true', "
            "'remove-dangling-deletes', 'true'))");
        ROWS_ARE("1later 3new 4u");
        CHECK_INT(number(lake, "SELECT count(*) FROM s.t.delete_files"), 0);
    }
    firn_close(lake);
}

TEST(upserts_write_keys)
{
    firn_write_options w = equality();
    firn_write_result r = FIRN_WRITE_RESULT_INIT;
    const char *id = "id";
    make("id BIGINT, name VARCHAR, more INT", "", formats[0]);
    for (int i = 0; i < 3; i++) {
        struct ArrowArrayStream s = rows_of(
            lake, arena_printf(test_arena(),
                               "SELECT i AS id, 'v%d' AS name FROM range(%d, %d) r(i)", i, i, i + 3)
                      .ptr);
        OK(firn_upsert(lake, &w, &s, &id, 1, &r, &err));
        CHECK_INT(r.rows, 6);
    }
    ROWS_ARE("0v0 1v1 2v2 3v2 4v2");
    CHECK_INT(summary("total-equality-deletes"), 9);
    HOLDS("SELECT count(more) = 0 FROM s.t");
    firn_close(lake);
}

/* The partitions that keys say are theirs alone; keys that do not say them are of all. */
TEST(the_scope_of_keys)
{
    for (size_t v = 0; v < 2; v++) {
        make("id BIGINT, name VARCHAR", "PARTITIONED BY (bucket(4, id))", formats[v]);
        append(lake, "s.t", "SELECT i AS id, 'n' || i % 3 AS name FROM range(12) r(i)");
        change(NULL, "SELECT i AS id FROM range(0, 12, 2) r(i)", NULL);
        ROWS_ARE("1n1 3n0 5n2 7n1 9n0 11n2");
        HOLDS(
            "SELECT count(*) > 1 AND max(spec_id) = 0 AND count(\"partition\".id_bucket) = count(*) AND "
            "sum(record_count) = 6 FROM s.t.delete_files");
        CHECK_INT(number(lake, "SELECT count(*) FROM s.t WHERE id = 3"), 1);
        CHECK_INT(number(lake, "SELECT count(*) FROM s.t WHERE id = 4"), 0);
        change("SELECT 3 AS id, 'n0' AS name", "SELECT 'n0' AS name", NULL);
        ROWS_ARE("1n1 3n0 5n2 7n1 11n2");
        HOLDS("SELECT count(*) = 1 FROM s.t.delete_files WHERE spec_id = 1");
        change(NULL, "SELECT 'n1' AS name", NULL); /* the spec is there by now */
        ROWS_ARE("3n0 5n2 11n2");
        HOLDS("SELECT count(*) = 2 AND max(spec_id) = 1 FROM s.t.delete_files WHERE spec_id > 0");
        /* Rows go on into partitions. */
        append(lake, "s.t", "SELECT 20 AS id, 'n1' AS name");
        HOLDS("SELECT count(*) = 0 FROM s.t.files WHERE content = 0 AND spec_id <> 0");
        ROWS_ARE("3n0 5n2 11n2 20n1");
    }
    /* Files of two specs: no partition of either says it for all. */
    make("id BIGINT, name VARCHAR", "PARTITIONED BY (id)", formats[0]);
    append(lake, "s.t", "SELECT i AS id, 'a' AS name FROM range(4) r(i)");
    run(lake, "ALTER TABLE s.t DROP PARTITION FIELD id");
    run(lake, "ALTER TABLE s.t ADD PARTITION FIELD bucket(2, id)");
    append(lake, "s.t", "SELECT i AS id, 'b' AS name FROM range(4) r(i)");
    change(NULL, "SELECT 2 AS id", NULL);
    ROWS_ARE("0a 0b 1a 1b 3a 3b");
    firn_close(lake);
}

TEST(types_of_keys)
{
    make(
        "id BIGINT, name VARCHAR, d DECIMAL(20, 2), t TIMESTAMP, u UUID, b BLOB, o BOOLEAN, day DATE",
        "", formats[0]);
    append(
        lake, "s.t",
        "SELECT i AS id, 'ü' || i AS name, i / 4 AS d, TIMESTAMP '2026-01-01 00:00:00' + to_days(i::INT) "
        "AS t, ('00000000-0000-0000-0000-00000000000' || i)::UUID::VARCHAR AS u, ('' || i)::BLOB AS b, i "
        "% 2 = 0 AS o, DATE '2026-01-01' + i::INT AS day FROM range(8) r(i)");
    change(NULL, "SELECT 'ü0' AS name", NULL);
    change(NULL, "SELECT 0.25::DECIMAL(4, 2) AS d", NULL);
    change(NULL, "SELECT TIMESTAMP '2026-01-03 00:00:00' AS t", NULL);
    change(NULL, "SELECT '00000000-0000-0000-0000-000000000003' AS u", NULL);
    change(NULL, "SELECT '4'::BLOB AS b", NULL);
    change(NULL, "SELECT false AS o, DATE '2026-01-06' AS day", NULL);
    HOLDS("SELECT string_agg(id, '' ORDER BY id) = '67' FROM s.t");
    firn_close(lake);
}

TEST(field_ids_say_which_columns_are_meant)
{
    static const int32_t ids[] = { 2, 1 }, twice[] = { 1, 1 }, none[] = { 99, 1 };
    firn_write_options w = equality();
    make("id BIGINT, name VARCHAR", "", formats[0]);
    append(lake, "s.t", "SELECT i AS id, 'n' AS name FROM range(3) r(i)");
    w.key_ids = ids;
    w.key_ids_n = 2;
    struct ArrowArrayStream k = rows_of(lake, "SELECT 'n' AS a, 1 AS b");
    OK(firn_row_delta(lake, &w, NULL, NULL, &k, NULL, &err));
    ROWS_ARE("0n 2n");
    w.key_ids_n = 1;
    refused(w, "SELECT 'n' AS a, 1 AS b", FIRN_INVALID, "2 columns, and 1 field ids");
    w.key_ids_n = 2;
    w.key_ids = twice;
    refused(w, "SELECT 1 AS a, 1 AS b", FIRN_INVALID, "twice");
    w.key_ids = none;
    refused(w, "SELECT 1 AS a, 1 AS b", FIRN_INVALID, "no field 99");
    w.deletes = FIRN_DELETES_BY_TABLE;
    refused(w, "SELECT 1 AS a, 1 AS b", FIRN_INVALID, "equality deletes only");
    ROWS_ARE("0n 2n");
    firn_close(lake);
}

TEST(what_cannot_be_a_key_is_refused)
{
    firn_write_options w = equality();
    make("id BIGINT, name VARCHAR, x DOUBLE, st STRUCT(y INT), l INT[]", "", formats[0]);
    append(lake, "s.t", "SELECT 1 AS id, 'a' AS name");
    refused(w, "SELECT 1.5::DOUBLE AS x", FIRN_INVALID, "floating number");
    refused(w, "SELECT {'y': 1} AS st", FIRN_INVALID, "no key");
    refused(w, "SELECT [1] AS l", FIRN_INVALID, "no key");
    refused(w, "SELECT 1 AS \"st.y\"", FIRN_UNSUPPORTED, "nested");
    refused(w, "SELECT 1 AS nobody", FIRN_INVALID, "no column nobody");
    refused(w, "SELECT _file, _pos FROM s.t", FIRN_INVALID, "no column _file");
    refused(w, "SELECT 'text' AS id", FIRN_INVALID, "");
    w.deletes = 7;
    refused(w, "SELECT 1 AS id", FIRN_INVALID, "no kind of deletes");
    w = equality();
    struct ArrowArrayStream k = rows_of(lake, "SELECT 1 AS id");
    FAILS(firn_row_delta(lake, &w, NULL, "id = 1", &k, NULL, &err), FIRN_INVALID, "no filter");
    k = rows_of(lake, "SELECT 1 AS id");
    FAILS(firn_row_delta(lake, &w, &k, NULL, NULL, NULL, &err), FIRN_INVALID, "need keys");
    k = rows_of(lake, "SELECT 1 AS id");
    FAILS(firn_append(lake, &w, &k, NULL, &err), FIRN_INVALID, "no keys");
    k = rows_of(lake, "SELECT 1 AS nobody");
    struct ArrowArrayStream id = rows_of(lake, "SELECT 1 AS id");
    FAILS(firn_row_delta(lake, &w, &k, NULL, &id, NULL, &err), FIRN_INVALID, "nobody");
    ROWS_ARE("1a");
    make("id BIGINT, name VARCHAR", "", "'format-version' = '1'");
    append(lake, "s.t", "SELECT 1 AS id, 'a' AS name");
    refused(equality(), "SELECT 1 AS id", FIRN_INVALID, "upgrade");
    ROWS_ARE("1a");
    firn_close(lake);
}

#define ROUNDS 12

static void add_rows(void *arg)
{
    firn_error e = FIRN_ERROR_INIT;
    for (int i = 0; i < ROUNDS; i++) {
        firn_write_options w = write_to("s.t");
        struct ArrowArrayStream s;
        firn_sql_options o = FIRN_SQL_OPTIONS_INIT;
        o.text = "SELECT 1 AS id, 'm' AS name UNION ALL SELECT 7, 'm'";
        if (firn_sql(lake, &o, &s, NULL, &e) != FIRN_OK ||
            firn_append(lake, &w, &s, NULL, &e) != FIRN_OK)
            *(const char **)arg = "an append failed";
    }
}

/* Keys and rows of several writers get into each other's way nowhere: a commit that came first is built upon. */
TEST(other_writers_rows_before_the_commit_go_too)
{
    const char *failed = NULL;
    make("id BIGINT, name VARCHAR", "", formats[0]);
    append(lake, "s.t", "SELECT i AS id, 'n' AS name FROM range(3) r(i)");
    struct thread *t = thread_start("appends", add_rows, &failed);
    for (int i = 0; i < ROUNDS; i++)
        change(NULL, "SELECT 1 AS id", NULL);
    thread_join(t);
    CHECK(!failed);
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t WHERE id = 7"), ROUNDS);
    change(NULL, "SELECT 1 AS id UNION ALL SELECT 7", NULL);
    ROWS_ARE("0n 2n");
    CHECK_INT(summary("total-delete-files"), ROUNDS + 1);
    CHECK_INT(summary("total-equality-deletes"), ROUNDS + 2);
    firn_close(lake);
}

TEST(branches_of_the_table_have_keys_of_their_own)
{
    firn_write_options w = equality();
    make("id BIGINT, name VARCHAR", "", formats[0]);
    append(lake, "s.t", "SELECT i AS id, 'n' AS name FROM range(3) r(i)");
    run(lake, "ALTER TABLE s.t CREATE BRANCH x");
    w.table = "s.t.branch_x";
    struct ArrowArrayStream k = rows_of(lake, "SELECT 1 AS id");
    OK(firn_row_delta(lake, &w, NULL, NULL, &k, NULL, &err));
    ROWS_ARE("0n 1n 2n");
    CHECK_INT(number(lake, "SELECT count(*) FROM s.t.branch_x"), 2);
    firn_close(lake);
}
