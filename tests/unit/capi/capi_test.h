/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the C API: a lake in the test's own folder, streams that come from queries, calls that must succeed or fail. */
#ifndef FIRN_TEST_CAPI_TEST_H
#define FIRN_TEST_CAPI_TEST_H

#include <firn.h>
#include <stdlib.h>

#include "base/buf.h"
#include "test.h"

#define UNUSED __attribute__((unused))

static firn_error err = FIRN_ERROR_INIT;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != FIRN_OK)                                                                     \
            test_fail(__FILE__, __LINE__, "%s: %s (%s)", #call, err.message, err.hint);            \
    } while (0)

#define FAILS(call, want, words)                                                                   \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        if (code_ != (want) || err.code != code_ || !strstr(err.message, words))                   \
            test_fail(__FILE__, __LINE__, "%s: wanted %d \"%s\", got %d %s", #call, want, words,   \
                      code_, err.message);                                                         \
    } while (0)

static UNUSED firn_lake *open_lake(const char *name)
{
    firn_lake *lake;
    firn_open_options o = FIRN_OPEN_OPTIONS_INIT;
    o.memory_limit = (uint64_t)1 << 30;
    o.threads = 2;
    OK(firn_open(arena_printf(test_arena(), "%s/%s", test_tmpdir(), name).ptr, &o, &lake, &err));
    return lake;
}

static UNUSED struct ArrowArrayStream rows_of(firn_lake *lake, const char *sql)
{
    struct ArrowArrayStream out;
    firn_sql_options o = FIRN_SQL_OPTIONS_INIT;
    o.text = sql;
    OK(firn_sql(lake, &o, &out, NULL, &err));
    return out;
}

static UNUSED void run(firn_lake *lake, const char *sql)
{
    struct ArrowArrayStream out = rows_of(lake, sql);
    if (out.release)
        out.release(&out);
}

/* Reads to the end and releases; how many rows there were. */
static UNUSED int64_t drain(struct ArrowArrayStream *s)
{
    struct ArrowArray batch;
    int64_t n = 0;
    for (;;) {
        int rc = s->get_next(s, &batch);
        if (rc)
            test_fail(__FILE__, __LINE__, "get_next: %s", s->get_last_error(s));
        if (!batch.release)
            break;
        n += batch.length;
        batch.release(&batch);
    }
    s->release(s);
    CHECK(!s->release);
    return n;
}

/* A number that a query gives. */
static UNUSED int64_t number(firn_lake *lake, const char *sql)
{
    struct ArrowArrayStream s =
        rows_of(lake, arena_printf(test_arena(), "SELECT CAST((%s) AS BIGINT)", sql).ptr);
    struct ArrowArray batch;
    CHECK_INT(s.get_next(&s, &batch), 0);
    CHECK(batch.release && batch.length == 1);
    int64_t v = ((const int64_t *)batch.children[0]->buffers[1])[batch.children[0]->offset];
    batch.release(&batch);
    s.release(&s);
    return v;
}

static UNUSED firn_write_options write_to(const char *table)
{
    firn_write_options o = FIRN_WRITE_OPTIONS_INIT;
    o.table = table;
    return o;
}

static UNUSED void append(firn_lake *lake, const char *table, const char *sql)
{
    firn_write_options o = write_to(table);
    struct ArrowArrayStream s = rows_of(lake, sql);
    OK(firn_append(lake, &o, &s, NULL, &err));
    CHECK(!s.release);
}

static UNUSED int64_t scan(firn_lake *lake, const firn_scan_options *o)
{
    struct ArrowArrayStream s;
    OK(firn_scan(lake, o, &s, &err));
    return drain(&s);
}

/* What a text of JSON says under a key that stands in it once: a number. */
static UNUSED long long json_number(const char *json, const char *key)
{
    const char *at = strstr(json, arena_printf(test_arena(), "\"%s\":", key).ptr);
    if (!at)
        test_fail(__FILE__, __LINE__, "no %s in %s", key, json);
    return strtoll(at + strlen(key) + 3, NULL, 10);
}

#endif
