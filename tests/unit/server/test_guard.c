/* SPDX-License-Identifier: Apache-2.0 */
#include "server/guard.h"
#include "test.h"

static const struct guard_names loopback = { .listens = STR_INIT("127.0.0.1") };

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
        CHECK_OK(guard_host(str_of(good[i]), &loopback, &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(guard_host(str_of(bad[i]), &loopback, &err), ERR_DENIED);
    CHECK_FAILS(guard_host((str){ 0 }, &loopback, &err), ERR_INVALID);
}

TEST(pages_from_elsewhere_change_nothing)
{
    struct error err = { 0 };
    CHECK_OK(guard_origin((str){ 0 }, &loopback, &err));
    CHECK_OK(guard_origin(STR("http://127.0.0.1:8181"), &loopback, &err));
    CHECK_OK(guard_origin(STR("https://localhost"), &loopback, &err));
    CHECK_FAILS(guard_origin(STR("null"), &loopback, &err), ERR_DENIED);
    CHECK_FAILS(guard_origin(STR("https://example.com"), &loopback, &err), ERR_DENIED);
    CHECK_FAILS(guard_origin(STR("http://"), &loopback, &err), ERR_DENIED);
    CHECK_FAILS(guard_origin(STR("file://localhost"), &loopback, &err), ERR_DENIED);
}

TEST(listens_on_loopback_only)
{
    struct error err = { 0 };
    struct listen_address at;
    CHECK_OK(guard_listen_address(STR("127.0.0.1:8181"), false, test_arena(), &at, &err));
    CHECK_STR(at.host, "127.0.0.1");
    CHECK_INT(at.port, 8181);
    CHECK_OK(guard_listen_address(STR("localhost:0"), false, test_arena(), &at, &err));
    CHECK_STR(at.host, "127.0.0.1");
    CHECK_OK(guard_listen_address(STR("[::1]:65535"), false, test_arena(), &at, &err));
    CHECK(at.ipv6);
    CHECK_FAILS(guard_listen_address(STR("0.0.0.0:8181"), false, test_arena(), &at, &err),
                ERR_DENIED);
    CHECK_FAILS(guard_listen_address(STR("192.168.1.1:80"), false, test_arena(), &at, &err),
                ERR_DENIED);
    CHECK_FAILS(guard_listen_address(STR("[::]:80"), false, test_arena(), &at, &err), ERR_DENIED);
    CHECK(*err.hint);
    CHECK_FAILS(guard_listen_address(STR("127.0.0.1"), false, test_arena(), &at, &err),
                ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR(":8181"), false, test_arena(), &at, &err), ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR("127.0.0.1:65536"), false, test_arena(), &at, &err),
                ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR("127.0.0.1:-1"), false, test_arena(), &at, &err),
                ERR_INVALID);
    CHECK_FAILS(guard_listen_address(STR(""), false, test_arena(), &at, &err), ERR_INVALID);
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
    str authority, path, query;
    CHECK_OK(guard_target(STR("/a/b?x=1&y=?"), &authority, &path, &query, &err));
    CHECK_STR(path, "/a/b");
    CHECK_STR(query, "x=1&y=?");
    CHECK_OK(guard_target(STR("http://127.0.0.1:1/a"), &authority, &path, &query, &err));
    CHECK_STR(path, "/a");
    CHECK_INT(query.len, 0);
    CHECK_OK(guard_target(STR("http://127.0.0.1"), &authority, &path, &query, &err));
    CHECK_STR(path, "/");
    CHECK_FAILS(guard_target(STR("a"), &authority, &path, &query, &err), ERR_INVALID);
    CHECK_FAILS(guard_target(STR("*"), &authority, &path, &query, &err), ERR_INVALID);
    CHECK_FAILS(guard_target(STR("/a\x01"), &authority, &path, &query, &err), ERR_INVALID);
    CHECK_FAILS(guard_target(STR("/\xc3\xa4"), &authority, &path, &query, &err), ERR_INVALID);
}

/* With credentials the server may listen elsewhere, and is called by the names that it was given. */
TEST(on_the_network)
{
    struct error err = { 0 };
    struct listen_address at;
    const str hosts[] = { STR("lake.example.org") };
    struct guard_names names = { .hosts = hosts, .hosts_n = 1, .listens = STR("192.168.1.5") };
    CHECK_OK(guard_listen_address(STR("0.0.0.0:8181"), true, test_arena(), &at, &err));
    CHECK(!at.loopback && !at.ipv6);
    CHECK_OK(guard_listen_address(STR("[::]:80"), true, test_arena(), &at, &err));
    CHECK(at.ipv6);
    CHECK_OK(guard_listen_address(STR("localhost:80"), true, test_arena(), &at, &err));
    CHECK(at.loopback);
    CHECK_FAILS(guard_listen_address(STR("lake.example.org:80"), true, test_arena(), &at, &err),
                ERR_INVALID);
    CHECK_OK(guard_host(STR("lake.example.org"), &names, &err));
    CHECK_OK(guard_host(STR("LAKE.example.org:443"), &names, &err));
    CHECK_OK(guard_host(STR("192.168.1.5:8181"), &names, &err));
    CHECK_OK(guard_host(STR("localhost"), &names, &err));
    static const char *const bad[] = { "lake.example.org.evil", "evil",
                                       "192.168.1.6",           "lake.example.org@evil",
                                       "lake.example.org/x",    "lake example.org",
                                       "lake.example.org:8x" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(guard_host(str_of(bad[i]), &names, &err), ERR_DENIED);
    CHECK_OK(guard_origin(STR("https://lake.example.org"), &names, &err));
    CHECK_FAILS(guard_origin(STR("https://evil"), &names, &err), ERR_DENIED);
    names = (struct guard_names){ .listens = STR("0.0.0.0"), .any = true };
    CHECK_OK(guard_host(STR("whatever"), &names, &err));
    CHECK_FAILS(guard_host(STR("what\tever"), &names, &err), ERR_DENIED);
    CHECK_FAILS(guard_host(STR("a,b"), &names, &err), ERR_DENIED);
}

TEST(codings_are_accepted_by_name_and_weight)
{
    static const struct {
        const char *header;
        bool accepted;
    } cases[] = {
        { "", false },
        { "gzip", true },
        { "GZIP", true },
        { "deflate, gzip;q=0.5", true },
        { "gzip;q=0", false },
        { "gzip;q=0.000", false },
        { "gzip; q=1.0 ,br", true },
        { "*", true },
        { "*;q=0", false },
        { "gzip;q=0, *", false },
        { "identity", false },
        { "xgzip", false },
        { "gzip;q=x", false },
        { ",,;q=1,gzip", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (guard_accepts(str_of(cases[i].header), STR("gzip")) != cases[i].accepted)
            test_fail(__FILE__, __LINE__, "\"%s\"", cases[i].header);
}
