/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/udf.h"

#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/session.h"
#include "test.h"

static struct engine *e;
static struct session *s;

static void setup(void)
{
    struct error err;
    e = engine_create(&(struct engine_config){ .memory_limit = (size_t)512 << 20, .threads = 2 });
    CHECK_OK(session_open(e, &s, &err));
}

static void teardown(void)
{
    session_close(s);
    engine_destroy(e);
}

static str scalar(str sql)
{
    struct error err;
    str out;
    CHECK_OK(session_scalar(s, sql, test_arena(), &out, &err));
    return out;
}

/* Adds two numbers; null when either is null or the sum is 13; fails on 100. */
static bool add(void *ctx, const struct udf_call *call, struct error *err)
{
    atomic_fetch_add((atomic_size_t *)ctx, call->n);
    for (size_t i = 0; i < call->n; i++) {
        bool valid = column_valid(&call->args[0], i) && column_valid(&call->args[1], i);
        int64_t sum = valid ? column_i64(&call->args[0], i) + column_i64(&call->args[1], i) : 13;
        if (sum == 100)
            return fail(err, ERR_CONFLICT, "the sum is 100");
        ((int64_t *)call->out)[i] = sum;
        if (sum == 13)
            call->valid[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    return true;
}

static const char *const two_longs[] = { "BIGINT", "BIGINT" };

TEST(functions_run_on_vectors_and_see_nulls)
{
    struct error err;
    atomic_size_t calls = 0;
    struct udf f = { two_longs, 2, "BIGINT", add, &calls };
    str args[] = { STR("range"), STR("CASE WHEN range % 2 = 0 THEN 1 END") }, call;
    setup();
    CHECK_OK(udf_add(s, &f, args, test_arena(), &call, &err));
    CHECK_STR(
        scalar(arena_printf(test_arena(), "SELECT sum(" STR_FMT ")::BIGINT FROM range(100000)",
                            STR_ARG(call))),
        "2499999987"); /* sum of even + 1, without 12 + 1 */
    CHECK_INT(calls, 100000);
    CHECK_STR(
        scalar(arena_printf(test_arena(), "SELECT count(*) FROM range(5000) WHERE " STR_FMT " > 10",
                            STR_ARG(call))),
        "2494");
    teardown();
}

TEST(errors_of_functions_keep_their_code)
{
    struct error err;
    atomic_size_t calls = 0;
    struct udf f = { two_longs, 2, "BIGINT", add, &calls };
    str args[] = { STR("range"), STR("0") }, call, out;
    setup();
    CHECK_OK(udf_add(s, &f, args, test_arena(), &call, &err));
    CHECK_FAILS(
        session_scalar(
            s,
            arena_printf(test_arena(), "SELECT sum(" STR_FMT ") FROM range(100000)", STR_ARG(call)),
            test_arena(), &out, &err),
        ERR_CONFLICT);
    CHECK_STR(str_of(err.msg), "the sum is 100");
    CHECK_STR(scalar(STR("SELECT 1")), "1");
    teardown();
}

/* A function belongs to its session: another one cannot reach it, nor call it with other arguments. */
TEST(functions_are_private)
{
    struct error err;
    atomic_size_t calls = 0;
    struct udf f = { two_longs, 2, "BIGINT", add, &calls };
    str args[] = { STR("1"), STR("2") }, call, out;
    struct session *other;
    setup();
    CHECK_OK(session_open(e, &other, &err));
    CHECK_OK(udf_add(s, &f, args, test_arena(), &call, &err));
    str sql = arena_printf(test_arena(), "SELECT " STR_FMT, STR_ARG(call));
    CHECK_STR(scalar(sql), "3");
    CHECK_FAILS(session_scalar(other, sql, test_arena(), &out, &err), ERR_INVALID);
    str head = str_sub(call, 0, (size_t)str_find_char(call, ',') + 1);
    CHECK_FAILS(
        session_scalar(s, arena_printf(test_arena(), "SELECT " STR_FMT " 'x', 'y')", STR_ARG(head)),
                       test_arena(), &out, &err),
        ERR_INVALID);
    CHECK_FAILS(session_scalar(
                    s, arena_printf(test_arena(), "SELECT " STR_FMT " 1::BIGINT)", STR_ARG(head)),
                    test_arena(), &out, &err),
                ERR_INVALID);
    CHECK_FAILS(session_scalar(s, STR("SELECT firn_udf_0(range::UBIGINT, 1) FROM range(3)"),
                               test_arena(), &out, &err),
                ERR_INVALID);
    session_close(other);
    f.return_type = "INTEGER[]";
    CHECK_FAILS(udf_add(s, &f, args, test_arena(), &call, &err), ERR_UNSUPPORTED);
    f.return_type = "NOSUCHTYPE";
    CHECK_FAILS(udf_add(s, &f, args, test_arena(), &call, &err), ERR_INVALID);
    teardown();
}

static bool echo_text(void *ctx, const struct udf_call *call, struct error *err)
{
    (void)ctx, (void)err;
    for (size_t i = 0; i < call->n; i++)
        ((str *)call->out)[i] = column_str(&call->args[0], i);
    return true;
}

TEST(texts_go_in_and_out)
{
    struct error err;
    const char *const text[] = { "VARCHAR" };
    struct udf f = { text, 1, "VARCHAR", echo_text, NULL };
    str arg = STR("repeat('\xc3\xa9', range % 20)"), call;
    setup();
    CHECK_OK(udf_add(s, &f, &arg, test_arena(), &call, &err));
    CHECK_STR(scalar(arena_printf(test_arena(),
                                  "SELECT count(*) FROM range(10000) WHERE " STR_FMT " = " STR_FMT,
                                  STR_ARG(call), STR_ARG(arg))),
              "10000");
    teardown();
}

static bool fill(void *ctx, size_t column, int64_t from, size_t n, void *out, uint64_t *valid,
                 struct error *err)
{
    (void)ctx;
    static const char digits[] = "0123456789";
    if (column == 2)
        return fail(err, ERR_DENIED, "the third column was not asked for");
    for (size_t i = 0; i < n; i++) {
        int64_t row = from + (int64_t)i;
        if (column == 0)
            ((int64_t *)out)[i] = row;
        else
            ((str *)out)[i] = (str){ digits + row % 10, 1 };
        if (column == 1 && row % 10 == 3)
            valid[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    return true;
}

TEST(relations_give_their_rows)
{
    struct error err;
    struct row_source_column columns[] = { { STR("n"), "BIGINT" },
                                           { STR("a b"), "VARCHAR" },
                                           { STR("c"), "DECIMAL(10,2)" } };
    struct row_source src = { .columns = columns, .columns_n = 3, .rows_n = 300001, .fill = fill };
    str from, out;
    setup();
    CHECK_OK(rows_add(s, &src, test_arena(), &from, &err));
    CHECK_STR(
        scalar(arena_printf(test_arena(), "SELECT sum(n)::BIGINT FROM " STR_FMT, STR_ARG(from))),
        "45000150000");
    CHECK_STR(
        scalar(arena_printf(test_arena(), "SELECT count(\"a b\") FROM " STR_FMT, STR_ARG(from))),
        "270001");
    CHECK_STR(scalar(arena_printf(test_arena(), "SELECT count(*) FROM " STR_FMT, STR_ARG(from))),
              "300001");
    CHECK_STR(scalar(arena_printf(test_arena(),
                                  "SELECT string_agg(\"a b\", '') FROM " STR_FMT " WHERE n < 5",
                                  STR_ARG(from))),
              "0124");
    CHECK_FAILS(
        session_scalar(s, arena_printf(test_arena(), "SELECT sum(c) FROM " STR_FMT, STR_ARG(from)),
                       test_arena(), &out, &err),
        ERR_DENIED);
    src.ordered = true;
    CHECK_OK(rows_add(s, &src, test_arena(), &from, &err));
    CHECK_STR(scalar(arena_printf(
                  test_arena(),
                  "SELECT count(*) FROM (SELECT n, row_number() OVER () AS r FROM " STR_FMT
                  ") WHERE n + 1 <> r",
                  STR_ARG(from))),
              "0");
    CHECK_FAILS(
        session_scalar(s, STR("SELECT * FROM firn_rows(1::UBIGINT)"), test_arena(), &out, &err),
        ERR_INVALID);
    teardown();
}
