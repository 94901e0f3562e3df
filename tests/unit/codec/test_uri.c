/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uri.h"

#include "test.h"

static struct error err;

static struct uri parse(const char *text)
{
    struct uri u;
    CHECK_OK(uri_parse(str_of(text), &u, &err));
    return u;
}

TEST(locations_are_taken_apart)
{
    struct uri u = parse("s3://bucket/a/b%2Fc/d=1/x.parquet");
    CHECK_STR(u.scheme, "s3");
    CHECK_STR(u.host, "bucket");
    CHECK_INT(u.port, 0);
    CHECK_STR(u.path, "/a/b%2Fc/d=1/x.parquet");
    static const char *const files[] = { "/w/t", "file:/w/t", "file:///w/t",
                                         "FILE://localhost/w/t" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        u = parse(files[i]);
        CHECK(str_eq_nocase(u.scheme, STR("file")) && u.host.len == 0);
        CHECK_STR(u.path, "/w/t");
    }
    u = parse("http://127.0.0.1:8181");
    CHECK_STR(u.host, "127.0.0.1");
    CHECK_INT(u.port, 8181);
    CHECK_STR(u.path, "");
    u = parse("http://[::1]:8181/x");
    CHECK_STR(u.host, "::1");
    CHECK_INT(u.port, 8181);
    CHECK_STR(parse("/a/..b/c..d/...").path, "/a/..b/c..d/...");
    CHECK_STR(parse("/t\xC3\xA9 space/100%").path, "/t\xC3\xA9 space/100%");
}

TEST(locations_that_are_refused)
{
    static const char *const bad[] = {
        "",
        "relative/path",
        "a",
        "file:relative",
        "file://host/x",
        "file:",
        "file://",
        "s3:/bucket/x",
        "s3:///x",
        "://x",
        "1a://x/y",
        "/a?b",
        "/a#b",
        "s3://b/k?versionId=1",
        "s3://user@b/k",
        "http://a:b@c/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:x/",
        "http://h:/",
        "http://[::1/x",
        "http://[::1]x/",
        "http://[zz]/",
        "/a/../b",
        "/a/./b",
        "/..",
        "/a/..",
        "s3://b/../c",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a/%2e/b",
        "/a\\b",
        "/a\nb",
        "/a\x7f",
        "/a%00b",
        "/a\xff",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct uri u;
        err = (struct error){ 0 };
        if (uri_parse(str_of(bad[i]), &u, &err))
            test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
        CHECK_INT(err.code, ERR_INVALID);
    }
    struct uri u;
    char *longest = arena_alloc(test_arena(), URI_BYTES_MAX + 1);
    memset(longest, 'a', URI_BYTES_MAX + 1);
    longest[0] = '/';
    CHECK_OK(uri_parse(str_make(longest, URI_BYTES_MAX), &u, &err));
    CHECK_FAILS(uri_parse(str_make(longest, URI_BYTES_MAX + 1), &u, &err), ERR_INVALID);
    CHECK_FAILS(uri_parse(STR("/a\0b"), &u, &err), ERR_INVALID);
}

TEST(relative_paths)
{
    static const char *const bad[] = { "",   "/a",     "a/",       "a//b", ".",
                                       "..", "a/../b", "a/%2e%2E", "a\\b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(uri_check_relative(str_of(bad[i]), &err), ERR_INVALID);
    CHECK_OK(uri_check_relative(STR("data/a=%2F/b..c/x"), &err));
}

TEST(joining)
{
    str out;
    CHECK_OK(uri_join(STR("s3://b/w"), STR("t/x"), test_arena(), &out, &err));
    CHECK_STR(out, "s3://b/w/t/x");
    CHECK_OK(uri_join(STR("/w//"), STR("t"), test_arena(), &out, &err));
    CHECK_STR(out, "/w/t");
    CHECK_FAILS(uri_join(STR("/w"), STR("../t"), test_arena(), &out, &err), ERR_INVALID);
}

TEST(below_a_root)
{
    struct uri root = parse("s3://b/w/"), plain = parse("/data/w"), at;
    str rest;
    at = parse("s3a://b/w/t/x");
    CHECK(uri_below(&root, &at, &rest));
    CHECK_STR(rest, "t/x");
    at = parse("s3://b/warehouse/t");
    CHECK(!uri_below(&root, &at, &rest));
    at = parse("s3://c/w/t");
    CHECK(!uri_below(&root, &at, &rest));
    at = parse("s3://b/w/");
    CHECK(!uri_below(&root, &at, &rest));
    at = parse("file:///data/w//t");
    CHECK(uri_below(&plain, &at, &rest));
    CHECK_STR(rest, "t");
    at = parse("/data/w2/t");
    CHECK(!uri_below(&plain, &at, &rest));
    at = parse("/data/w");
    CHECK(!uri_below(&plain, &at, &rest));
    root = parse("/");
    CHECK(uri_below(&root, &plain, &rest));
    CHECK_STR(rest, "data/w");
}

TEST(percent_encoding)
{
    struct buf b = BUF_INIT(1000);
    str out;
    percent_encode(STR("a b/\xC3\xA9~-._%+\x01"), &b);
    CHECK_STR(buf_str(&b), "a%20b%2F%C3%A9~-._%25%2B%01");
    CHECK_OK(percent_decode(buf_str(&b), false, test_arena(), &out, &err));
    CHECK_STR(out, "a b/\xC3\xA9~-._%+\x01");
    CHECK_OK(percent_decode(STR("a+b%2b"), true, test_arena(), &out, &err));
    CHECK_STR(out, "a b+");
    CHECK_OK(percent_decode(STR("a+b"), false, test_arena(), &out, &err));
    CHECK_STR(out, "a+b");
    static const char *const bad[] = { "%", "%4", "%zz", "a%00b", "%4g" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(percent_decode(str_of(bad[i]), false, test_arena(), &out, &err), ERR_INVALID);
    CHECK_FAILS(percent_decode(STR("a\0b"), false, test_arena(), &out, &err), ERR_INVALID);
    buf_deinit(&b);
}
