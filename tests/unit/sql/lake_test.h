/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests over a whole lake: one in the test's own folder, statements that must succeed or fail, answers as text with
 * "|" between cells and a newline between rows. */
#ifndef FIRN_TEST_LAKE_TEST_H
#define FIRN_TEST_LAKE_TEST_H

#include "base/buf.h"
#include "base/env.h"
#include "engine/result.h"
#include "sql/lake.h"
#include "sql/sql.h"
#include "db_place.h"
#include "test.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define TEST_MEMORY ((size_t)1 << 30)
#define UNUSED __attribute__((unused))

static UNUSED struct lake *open_lake_with(const struct store_prefix *prefixes, size_t n)
{
    struct error err = { 0 };
    struct lake *lake = NULL;
    struct lake_options o = {
        .dir = arena_printf(test_arena(), "%s/lake", test_tmpdir()).ptr,
        .memory_limit = TEST_MEMORY,
        .threads = 2,
        .catalog = lake_place(),
        .prefixes = prefixes,
        .prefixes_n = n,
    };
    CHECK_OK(lake_open(&o, &lake, &err));
    return lake;
}

static UNUSED struct lake *open_lake(void)
{
    return open_lake_with(NULL, 0);
}

/* A statement on a branch, with or without the files of this machine. */
static UNUSED bool execute(struct lake *lake, const char *branch, bool files, str sql,
                           struct sql_outcome *out, struct error *err)
{
    struct sql_request req = { .text = sql, .branch = str_of(branch), .local_files = files };
    return sql_execute(lake, &req, test_arena(), out, err);
}

static UNUSED void add_rows(struct result *rows, struct buf *out)
{
    struct error err = { 0 };
    const struct chunk *chunk = NULL;
    while (rows) {
        CHECK_OK(result_next(rows, &chunk, &err));
        if (!chunk)
            break;
        for (size_t i = 0; i < chunk->n; i++) {
            if (out->len)
                buf_add_char(out, '\n');
            for (size_t c = 0; c < chunk->columns_n; c++) {
                if (c)
                    buf_add_char(out, '|');
                column_text(&chunk->columns[c], i, out);
            }
        }
    }
}

/* The answer on a branch; *out keeps what the statement did, its strings live as long as the test. */
static UNUSED str ask_on(struct lake *lake, const char *branch, const char *sql,
                         struct sql_outcome *out)
{
    struct error err = { 0 };
    struct buf *text = arena_new(test_arena(), struct buf);
    buf_init(text, ANSWER_MAX);
    buf_in_arena(text, test_arena());
    CHECK_OK(execute(lake, branch, true, str_of(sql), out, &err));
    add_rows(out->rows, text);
    sql_close(out);
    return buf_str(text);
}

static UNUSED str ask(struct lake *lake, const char *sql)
{
    struct sql_outcome out;
    return ask_on(lake, "", sql, &out);
}

/* The statement must fail with this code and these words, at once or while its rows are read. */
static UNUSED void refuse_on(struct lake *lake, const char *branch, bool files, const char *sql,
                             enum err_code want, const char *words)
{
    struct error err = { 0 };
    struct sql_outcome out = { 0 };
    const struct chunk *chunk = NULL;
    bool ok = execute(lake, branch, files, str_of(sql), &out, &err);
    while (ok && out.rows && (ok = result_next(out.rows, &chunk, &err)) && chunk)
        continue;
    sql_close(&out);
    if (ok)
        test_fail(__FILE__, __LINE__, "%s succeeded, wanted %s", sql, err_code_name(want));
    if (err.code != want)
        test_fail(__FILE__, __LINE__, "%s: wanted %s, got %s: %s", sql, err_code_name(want),
                  err_code_name(err.code), err.msg);
    if (str_find(str_of(err.msg), str_of(words)) < 0)
        test_fail(__FILE__, __LINE__, "%s: \"%s\" is not in \"%s\"", sql, words, err.msg);
}

static UNUSED void refuse(struct lake *lake, const char *sql, enum err_code want, const char *words)
{
    refuse_on(lake, "", true, sql, want, words);
}

/* A file of the test's folder with this text; its absolute name. */
static UNUSED const char *write_file(const char *name, str text)
{
    const char *path = arena_printf(test_arena(), "%s/%s", test_tmpdir(), name).ptr;
    FILE *f = fopen(path, "wb");
    CHECK(f);
    CHECK(fwrite(text.ptr, 1, text.len, f) == text.len);
    CHECK(fclose(f) == 0);
    return path;
}

static UNUSED const char *text_f(const char *fmt, ...) PRINTF_LIKE(1, 2);
static UNUSED const char *text_f(const char *fmt, ...)
{
    char text[16384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return arena_cstr(test_arena(), str_of(text));
}

#endif
