/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include <string.h>

#include "base/thread.h"
#include "engine/engine.h"
#include "iceberg/schema.h"
#include "iceberg/value.h"
#include "test.h"

static struct engine *engine(void)
{
    return engine_create(
        &(struct engine_config){ .memory_limit = (size_t)512 << 20, .threads = 2 });
}

static struct session *open_session(struct engine *e)
{
    struct session *s = NULL;
    struct error err;
    CHECK_OK(session_open(e, &s, &err));
    return s;
}

static str scalar(struct session *s, const char *sql)
{
    struct error err;
    str out;
    CHECK_OK(session_scalar(s, str_of(sql), test_arena(), &out, &err));
    return out;
}

TEST(engine_is_lazy_and_goes_unopened)
{
    engine_destroy(engine());
    engine_destroy(NULL);
    CHECK(str_starts(str_of(engine_version()), STR("v1.")));
}

/* Two sessions side by side have schemas and views of the same names. */
TEST(sessions_do_not_see_each_other)
{
    struct error err;
    struct engine *e = engine();
    struct session *one = open_session(e), *two = open_session(e);
    CHECK_OK(session_exec(one, STR("CREATE SCHEMA bronze; CREATE VIEW bronze.f AS SELECT 1 AS x"),
                          &err));
    CHECK_OK(session_exec(two, STR("CREATE SCHEMA bronze; CREATE VIEW bronze.f AS SELECT 2 AS x"),
                          &err));
    CHECK_STR(scalar(one, "SELECT x FROM bronze.f"), "1");
    CHECK_STR(scalar(two, "SELECT x FROM bronze.f"), "2");
    session_close(one);
    CHECK_STR(scalar(two, "SELECT count(*) FROM duckdb_databases() WHERE NOT internal"), "2");
    session_close(two);
    engine_destroy(e);
}

TEST(settings_are_locked_and_utc)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    CHECK_STR(scalar(s, "SELECT current_setting('TimeZone')"), "UTC");
    CHECK_STR(scalar(s, "SELECT TIMESTAMPTZ '2001-02-03 04:05:06.5'"), "2001-02-03 04:05:06.5+00");
    CHECK_FAILS(session_exec(s, STR("SET memory_limit = '100GB'"), &err), ERR_INVALID);
    CHECK_FAILS(session_exec(s, STR("INSTALL httpfs"), &err), ERR_UNAVAILABLE);
    session_close(s);
    engine_destroy(e);
}

TEST(errors_are_mapped_with_place_and_hint)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    CHECK_FAILS(session_exec(s, STR("SELEC 1"), &err), ERR_INVALID);
    CHECK(str_starts(str_of(err.msg), STR("syntax error at or near")));
    CHECK(str_find(str_of(err.hint), STR("LINE 1: SELEC 1")) >= 0);
    CHECK_FAILS(session_exec(s, STR("SELECT * FROM nowhere"), &err), ERR_INVALID);
    CHECK_FAILS(session_exec(s, STR("SELECT CAST('x' AS INTEGER)"), &err), ERR_INVALID);
    CHECK_FAILS(session_exec(s, STR("SELECT * FROM 'missing.parquet'"), &err), ERR_UNAVAILABLE);
    CHECK_FAILS(session_exec(s, STR("SELECT $1"), &err), ERR_INVALID);
    CHECK_FAILS(session_exec(s, STR("SELECT \0"), &err), ERR_INVALID);
    struct result *r;
    CHECK_FAILS(session_query(s, STR("SELECT 1; SELECT 2"), NULL, 0, &r, &err), ERR_INVALID);
    CHECK_FAILS(session_query(s, STR(" -- nothing"), NULL, 0, &r, &err), ERR_INVALID);
    CHECK_STR(scalar(s, "SELECT 1"), "1");
    session_close(s);
    engine_destroy(e);
}

TEST(memory_limit_is_an_error_not_a_crash)
{
    struct error err;
    struct engine *e = engine_create(&(struct engine_config){ .memory_limit = (size_t)32 << 20 });
    struct session *s = open_session(e);
    CHECK_FAILS(
        session_exec(
            s,
            STR("CREATE TABLE t AS SELECT range::VARCHAR || repeat('x', 50) FROM range(10000000)"),
            &err),
        ERR_LIMIT);
    CHECK_STR(scalar(s, "SELECT 1"), "1");
    session_close(s);
    engine_destroy(e);
}

#define ENDLESS "SELECT sum(a.range * b.range % 7) FROM range(10000000) a, range(10000000) b"

TEST(deadline_stops_a_statement)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    struct env *env = env_real();
    struct cancel c = { .deadline_ns = env_monotonic_ns(env) + 100000000 };
    session_set_cancel(s, &c);
    int64_t from = env_monotonic_ns(env);
    CHECK_FAILS(session_exec(s, STR(ENDLESS), &err), ERR_CANCELLED);
    CHECK(env_monotonic_ns(env) - from < 3000000000);
    CHECK_FAILS(session_exec(s, STR("SELECT 1"), &err), ERR_CANCELLED);
    session_set_cancel(s, NULL);
    CHECK_STR(scalar(s, "SELECT 1"), "1");
    session_close(s);
    engine_destroy(e);
}

static void request_later(void *arg)
{
    env_sleep_us(env_real(), 50000);
    atomic_store(&((struct cancel *)arg)->requested, true);
}

/* Cancels one of two statements: one that gives its first row never, or one that stalls later. */
static void cancel_query(const char *sql)
{
    struct error err = { 0 };
    struct engine *e = engine();
    struct session *s = open_session(e);
    struct cancel c = { 0 };
    struct result *r = NULL;
    const struct chunk *chunk = NULL;
    session_set_cancel(s, &c);
    struct thread *t = thread_start("canceller", request_later, &c);
    bool ok = session_query(s, str_of(sql), NULL, 0, &r, &err);
    while (ok && (ok = result_next(r, &chunk, &err)) && chunk)
        ;
    CHECK(!ok);
    CHECK_INT(err.code, ERR_CANCELLED);
    thread_join(t);
    result_close(r);
    session_close(s);
    engine_destroy(e);
}

TEST(a_flag_set_by_another_thread_stops_a_query)
{
    cancel_query("SELECT range FROM range(1000000000000) WHERE md5(range::VARCHAR) = ''");
}

TEST(a_flag_set_by_another_thread_stops_a_fetch)
{
    cancel_query(
        "SELECT range FROM range(1000000000000) WHERE range < 5000 OR md5(range::VARCHAR) = ''");
}

/* Streaming: the first rows come long before the last, and memory stays bounded. */
TEST(results_stream)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    struct result *r;
    const struct chunk *chunk;
    CHECK_OK(session_query(s, STR("SELECT range, repeat('x', 1000) FROM range(3000000)"), NULL, 0,
                           &r, &err));
    int64_t sum = 0;
    while (true) {
        CHECK_OK(result_next(r, &chunk, &err));
        if (!chunk)
            break;
        for (size_t i = 0; i < chunk->n; i++)
            sum += column_i64(&chunk->columns[0], i);
    }
    CHECK_INT(sum, 2999999LL * 3000000 / 2);
    CHECK_INT(result_rows_read(r), 3000000);
    CHECK_INT(result_rows_changed(r), -1);
    result_close(r);
    /* Closing half-way is fine too. */
    CHECK_OK(session_query(s, STR("SELECT range FROM range(100000000)"), NULL, 0, &r, &err));
    CHECK_OK(result_next(r, &chunk, &err));
    result_close(r);
    CHECK_STR(scalar(s, "SELECT 7"), "7");
    session_close(s);
    engine_destroy(e);
}

TEST(parameters_are_bound_by_place_name_text_and_value)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    struct result *r;
    const struct chunk *chunk;
    struct value day = value_i64(TYPE_DATE, -1);
    struct value dec = value_decimal(10, 2, -1234);
    struct param params[] = {
        { .is_text = true, .text = STR("it's \"x\"") },
        { .type = type_of(TYPE_DATE), .value = &day },
        { .value = &dec },
        { .is_text = true },
    };
    CHECK_OK(
        session_query(s, STR("SELECT $1, $2, $3, $4 IS NULL, typeof($3)"), params, 4, &r, &err));
    CHECK_OK(result_next(r, &chunk, &err));
    struct buf text = BUF_INIT(1000);
    for (size_t i = 0; i < 5; i++) {
        column_text(&chunk->columns[i], 0, &text);
        buf_add_char(&text, ';');
    }
    CHECK_STR(buf_str(&text), "it's \"x\";1969-12-31;-12.34;true;DECIMAL(10,2);");
    buf_deinit(&text);
    result_close(r);
    struct param named[] = { { .name = STR("a"), .is_text = true, .text = STR("5") } };
    CHECK_OK(session_query(s, STR("SELECT $a::INTEGER + 1"), named, 1, &r, &err));
    CHECK_OK(result_next(r, &chunk, &err));
    CHECK_INT(column_i64(&chunk->columns[0], 0), 6);
    result_close(r);
    CHECK_FAILS(session_query(s, STR("SELECT $b"), named, 1, &r, &err), ERR_INVALID);
    CHECK_FAILS(session_query(s, STR("SELECT 1"), named, 1, &r, &err), ERR_INVALID);
    session_close(s);
    engine_destroy(e);
}

TEST(columns_are_described_with_iceberg_types)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    struct result_column *c;
    size_t n;
    CHECK_OK(
        session_describe(s,
                         STR("SELECT 1::TINYINT a, 1.5::DECIMAL(10,2) b, {'x': 1, 'y': ['q']} c, "
                             "map {'k': 1::DOUBLE} d, sum(1) e, INTERVAL 1 DAY f, 1::UBIGINT g, "
                             "'a'::ENUM('a','b') h, now() i, [1,2]::INT[2] j, NULL k"),
                         test_arena(), &c, &n, &err));
    CHECK_INT(n, 11);
    CHECK_INT(c[0].type->kind, TYPE_INT);
    CHECK_STR(c[1].type_text, "DECIMAL(10,2)");
    CHECK_STR(type_format(c[2].type, test_arena()),
              "struct<1: x: optional int, 2: y: optional list<string>>");
    CHECK_STR(c[2].type_text, "STRUCT(\"x\" INTEGER, \"y\" VARCHAR[])");
    CHECK_INT(c[3].type->kind, TYPE_MAP);
    CHECK_INT(c[4].type->kind, TYPE_LONG);
    CHECK(!c[5].type);
    CHECK_STR(type_format(c[6].type, test_arena()), "decimal(20, 0)");
    CHECK_INT(c[7].type->kind, TYPE_STRING);
    CHECK_INT(c[8].type->kind, TYPE_TIMESTAMPTZ);
    CHECK_INT(c[9].type->kind, TYPE_LIST);
    const struct schema *schema;
    CHECK_FAILS(columns_schema(c, n, test_arena(), &schema, &err), ERR_UNSUPPORTED);
    CHECK_OK(columns_schema(c, 5, test_arena(), &schema, &err));
    CHECK_INT(schema->max_id, 10);
    CHECK_INT(schema_field_by_name(schema, STR("c.x"), true)->id, 6);
    session_close(s);
    engine_destroy(e);
}

TEST(changed_rows_are_counted)
{
    struct error err;
    struct engine *e = engine();
    struct session *s = open_session(e);
    struct result *r;
    CHECK_OK(session_exec(s, STR("CREATE TABLE t(x INTEGER)"), &err));
    CHECK_OK(session_query(s, STR("INSERT INTO t SELECT range FROM range(7)"), NULL, 0, &r, &err));
    CHECK_INT(result_rows_changed(r), 7);
    result_close(r);
    session_close(s);
    engine_destroy(e);
}

/* What a session costs; shown, and bounded loosely. */
TEST(sessions_are_cheap)
{
    struct engine *e = engine();
    session_close(open_session(e));
    int64_t from = env_monotonic_ns(env_real());
    for (int i = 0; i < 100; i++)
        session_close(open_session(e));
    int64_t us = (env_monotonic_ns(env_real()) - from) / 100000;
    printf("a session opens and closes in %lld us\n", (long long)us);
    CHECK(us < 50000);
    engine_destroy(e);
}
