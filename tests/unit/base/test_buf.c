/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/buf.h"

TEST(bytes_are_appended)
{
    struct buf b = BUF_INIT(1000);
    CHECK(buf_str(&b).len == 0);
    buf_lit(&b, "one ");
    buf_add_str(&b, STR("two"));
    buf_add_char(&b, ' ');
    buf_add(&b, "\0x", 2);
    buf_printf(&b, " %d%s", 3, "!");
    buf_add_str(&b, (str){ 0 });
    CHECK(str_eq(buf_str(&b), STR("one two \0x 3!")));
    buf_deinit(&b);
    CHECK(b.ptr == NULL && b.len == 0 && b.max == 1000);
}

TEST(growth_keeps_the_bytes)
{
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 30000; i++)
        buf_add_char(&b, (char)(i * 7));
    CHECK_INT(b.len, 30000);
    for (int i = 0; i < 30000; i++)
        CHECK(b.ptr[i] == (char)(i * 7));
    buf_deinit(&b);
}

/* Every way of adding, one byte below, at and above every small cap. */
TEST(the_cap_is_exact)
{
    struct error err;
    for (size_t max = 0; max < 200; max++) {
        for (size_t n = max > 2 ? max - 2 : 0; n < max + 3; n++) {
            struct buf added = BUF_INIT(max), printed = BUF_INIT(max), chars = BUF_INIT(max);
            char text[256];
            memset(text, 'x', n);
            buf_add(&added, text, n);
            buf_printf(&printed, "%.*s", (int)n, text);
            for (size_t i = 0; i < n; i++)
                buf_add_char(&chars, 'x');
            CHECK_INT(added.len, n <= max ? n : 0);
            CHECK_INT(printed.len, n <= max ? n : 0);
            CHECK_INT(chars.len, n <= max ? n : max);
            if (n <= max) {
                CHECK_OK(buf_ok(&added, "a", &err) && buf_ok(&printed, "b", &err) &&
                         buf_ok(&chars, "c", &err));
                CHECK(n == 0 ||
                      (memcmp(printed.ptr, text, n) == 0 && memcmp(chars.ptr, text, n) == 0));
            } else {
                CHECK_FAILS(buf_ok(&added, "the answer", &err), ERR_LIMIT);
                CHECK(str_starts(str_of(err.msg), STR("the answer is larger than ")));
                CHECK_FAILS(buf_ok(&printed, "x", &err), ERR_LIMIT);
                CHECK_FAILS(buf_ok(&chars, "x", &err), ERR_LIMIT);
            }
            buf_deinit(&added);
            buf_deinit(&printed);
            buf_deinit(&chars);
        }
    }
}

TEST(after_an_overflow_everything_is_dropped_until_clear)
{
    struct buf b = BUF_INIT(4);
    buf_lit(&b, "abc");
    buf_lit(&b, "de");
    CHECK(b.overflow);
    buf_lit(&b, "f");
    buf_add_char(&b, 'f');
    buf_printf(&b, "%d", 1);
    CHECK(buf_reserve(&b, 0) == NULL);
    CHECK_STR(buf_str(&b), "abc");
    buf_clear(&b);
    buf_lit(&b, "wxyz");
    CHECK(!b.overflow);
    CHECK_STR(buf_str(&b), "wxyz");
    buf_deinit(&b);
}

TEST(huge_requests_are_refused_not_wrapped)
{
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    buf_lit(&b, "abc");
    CHECK(buf_reserve(&b, SIZE_MAX - 1) == NULL);
    CHECK(b.overflow);
    buf_deinit(&b);
}

TEST(reserved_room_may_be_written)
{
    struct buf b = BUF_INIT(500);
    char *p = buf_reserve(&b, 500);
    CHECK(p != NULL);
    memset(p, 'r', 500);
    b.len += 500;
    CHECK(buf_reserve(&b, 0) != NULL);
    CHECK(buf_reserve(&b, 1) == NULL);
    buf_deinit(&b);
}

TEST(integers_are_as_printf_writes_them)
{
    static const int64_t special[] = { 0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, INT64_MIN + 1 };
    struct rand r;
    rand_init(&r, test_seed());
    for (size_t i = 0; i < 2000; i++) {
        int64_t v = i < sizeof special / sizeof special[0]
                        ? special[i]
                        : (int64_t)rand_u64(&r) >> rand_below(&r, 64);
        char want[32];
        snprintf(want, sizeof want, "%lld", (long long)v);
        struct buf b = BUF_INIT(20);
        buf_add_i64(&b, v);
        CHECK_STR(buf_str(&b), want);
        buf_deinit(&b);
    }
}

/* The leak check of this process is the test. */
TEST(an_arena_frees_its_buffers)
{
    struct buf *b = arena_new(test_arena(), struct buf);
    buf_init(b, 1000);
    buf_in_arena(b, test_arena());
    buf_lit(b, "freed by the arena");
}
