/* SPDX-License-Identifier: Apache-2.0 */
#include "server/guard.h"
#include "test.h"

TEST(hosts_of_this_machine_pass_and_others_do_not)
{
    static const char *const good[] = { "localhost",   "LOCALHOST:8181", "127.0.0.1",
                                        "127.0.0.1:1", "127.9.8.7:80",   "[::1]",
                                        "[::1]:8181",  "localhost." };
    static const char *const bad[] = { "example.com",
                                       "127.0.0.1.example.com",
                                       "127.0.0.1:x",
                                       "localhost:80:1",
                                       "[::1",
                                       "[::2]:80",
                                       "0.0.0.0",
                                       "126.0.0.1",
                                       "127.0.0",
                                       "127.0.0.256",
                                       "localhost@evil:1",
                                       "127.0.0.0x1",
                                       "[::1]x" };
    struct error err = { 0 };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(guard_host(str_of(good[i]), &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(guard_host(str_of(bad[i]), &err), ERR_DENIED);
    CHECK_FAILS(guard_host((str){ 0 }, &err), ERR_INVALID);
}

TEST(pages_from_elsewhere_change_nothing)
{
    struct error err = { 0 };
    CHECK_OK(guard_origin((str){ 0 }, &err));
    CHECK_OK(guard_origin(STR("http://127.0.0.1:8181"), &err));
    CHECK_OK(guard_origin(STR("https://localhost"), &err));
    CHECK_FAILS(guard_origin(STR("null"), &err), ERR_DENIED);
    CHECK_FAILS(guard_origin(STR("https://example.com"), &err), ERR_DENIED);
    CHECK_FAILS(guard_origin(STR("http://"), &err), ERR_DENIED);
    CHECK_FAILS(guard_origin(STR("file://localhost"), &err), ERR_DENIED);
}

TEST(listens_on_loopback_only)
{
    struct error err = { 0 };
    struct listen_address at;
    CHECK_OK(guard_listen_address(STR("127.0.0.1:8181"), test_arena(), &at, &err));
    CHECK_STR(at.host, "127.0.0.1");
    CHECK_INT(at.port, 8181);
    CHECK_OK(guard_listen_address(STR("localhost:0"), test_arena(), &at, &err));
    CHECK_STR(at.host, "127.0.0.1");
    CHECK_OK(guard_listen_address(STR("[::1]:65535"), test_arena(), &at, &err));
    CHECK(at.ipv6);
    CHECK_FAILS(guard_listen_address(STR("0.0.0.0:8181"), test_arena(), &at, &err), ERR_DENIED);
    CHECK_FAILS(guard_listen_address(STR("192.168.1.1:80"), test_arena(), &at, &err), ERR_DENIED);
    CHECK_FAILS(guard_listen_address(STR("[::]:80"), test_arena(), &at, &err), ERR_DENIED);
    CHECK(*err.hint);
    CHECK_FAILS(guard_listen_address(STR("127.0.0.1"), test_arena(), &at, &err), ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR(":8181"), test_arena(), &at, &err), ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR("127.0.0.1:65536"), test_arena(), &at, &err), ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR("127.0.0.1:-1"), test_arena(), &at, &err), ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR(""), test_arena(), &at, &err), ERR_INVALID);
}

TEST(request_ids_are_plain)
{
    CHECK(guard_request_id(STR("a-B_9.z")));
    CHECK(!guard_request_id(STR("")));
    CHECK(!guard_request_id(STR("a b")));
    CHECK(!guard_request_id(STR("a\r\nX: y")));
    CHECK(
        guard_request_id(STR("0123456789012345678901234567890123456789012345678901234567890123")));
    CHECK(!guard_request_id(
        STR("01234567890123456789012345678901234567890123456789012345678901234")));
}

TEST(targets_are_cut_into_path_and_query)
{
    struct error err = { 0 };
    str path, query;
    CHECK_OK(guard_target(STR("/a/b?x=1&y=?"), &path, &query, &err));
    CHECK_STR(path, "/a/b");
    CHECK_STR(query, "x=1&y=?");
    CHECK_OK(guard_target(STR("http://127.0.0.1:1/a"), &path, &query, &err));
    CHECK_STR(path, "/a");
    CHECK_INT(query.len, 0);
    CHECK_OK(guard_target(STR("http://127.0.0.1"), &path, &query, &err));
    CHECK_STR(path, "/");
    CHECK_FAILS(guard_target(STR("a"), &path, &query, &err), ERR_INVALID);
    CHECK_FAILS(guard_target(STR("*"), &path, &query, &err), ERR_INVALID);
    CHECK_FAILS(guard_target(STR("/a\x01"), &path, &query, &err), ERR_INVALID);
    CHECK_FAILS(guard_target(STR("/\xc3\xa4"), &path, &query, &err), ERR_INVALID);
}
