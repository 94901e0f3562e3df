/* SPDX-License-Identifier: Apache-2.0
 *
 * Short ways from and to JSON for the tests of this folder. */
#ifndef FIRN_TEST_ICEBERG_JSON_HELP_H
#define FIRN_TEST_ICEBERG_JSON_HELP_H

#include <stdlib.h>

#include "codec/json.h"
#include "test.h"

/* The tree of a text; single quotes stand for double ones. */
static inline const struct json *json_of(const char *text)
{
    struct arena *a = test_arena();
    struct error err;
    struct json *out;
    char *copy = arena_cstr(a, str_of(text));
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    CHECK_OK(json_parse(str_of(copy), a, &out, &err));
    return out;
}

/* The bytes, now the test's; the buf is given up. */
static inline str buf_taken(struct buf *b)
{
    str s = arena_str(test_arena(), buf_str(b));
    buf_deinit(b);
    return s;
}

/* Single quotes for double ones, so that expected texts read well. */
static inline str quoted(const struct buf *b)
{
    struct arena *a = test_arena();
    char *copy = arena_cstr(a, buf_str(b));
    for (char *p = copy; *p; p++)
        if (*p == '"')
            *p = '\'';
    return str_of(copy);
}

/* The JSON that `call` writes to a struct json_writer w, as a str. */
#define WRITTEN(out, call)                                                                         \
    do {                                                                                           \
        struct buf buf_ = BUF_INIT((size_t)64 << 20);                                              \
        struct json_writer w;                                                                      \
        jw_init(&w, &buf_);                                                                        \
        call;                                                                                      \
        (out) = quoted(&buf_);                                                                     \
        buf_deinit(&buf_);                                                                         \
    } while (0)

/* A whole file, or the test fails. */
static inline str file_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        test_fail(__FILE__, __LINE__, "cannot open %s", path);
    struct buf b = BUF_INIT((size_t)64 << 20);
    for (size_t n = 1; n > 0;) {
        char *room = buf_reserve(&b, 65536);
        CHECK(room);
        n = fread(room, 1, 65536, f);
        b.len += n;
    }
    fclose(f);
    return buf_taken(&b);
}

#endif
