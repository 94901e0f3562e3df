/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events.h"

#include "server/hooks.h"
#include "test.h"

static struct event_filter filter_of(const char *types, const char *ns, const char *table)
{
    struct error err;
    struct event_filter f;
    CHECK_OK(event_filter_parse(str_of(types), str_of(ns), str_of(table), (str){ 0 }, test_arena(),
                                &f, &err));
    return f;
}

TEST(places_read_back_as_they_are_written)
{
    static const struct event_cursor places[] = {
        { 0, EVENT_ALL }, { 1, EVENT_ALL }, { 12, 0 }, { 12, 3 }, { INT64_MAX, 100000 },
    };
    struct error err;
    struct event_cursor got;
    char text[EVENT_CURSOR_TEXT_MAX];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        CHECK_OK(event_cursor_parse(event_cursor_format(places[i], text), &got, &err));
        CHECK(got.seq == places[i].seq && got.index == places[i].index);
    }
    CHECK_OK(event_cursor_parse((str){ 0 }, &got, &err));
    CHECK(got.seq == 0 && got.index == EVENT_ALL);
}

TEST(what_is_no_place_is_refused)
{
    static const char *const texts[] = {
        "x",
        "-",
        "-1",
        "1-",
        "1--1",
        "-1-1",
        "1-x",
        "1-1-1",
        " 1",
        "1 ",
        "0-1",
        "0-0",
        "+1",
        "1.0",
        "9223372036854775808",
        "1-9223372036854775808",
        "0x1",
    };
    struct error err;
    struct event_cursor got;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_FAILS(event_cursor_parse(str_of(texts[i]), &got, &err), ERR_INVALID);
}

TEST(filters_know_the_types)
{
    struct error err;
    struct event_filter f;
    CHECK(filter_of("", "", "").wants_entries);
    CHECK(filter_of("table.*", "", "").wants_entries);
    CHECK(filter_of("io.firn.catalog.view.dropped,commit.created", "", "").wants_entries);
    CHECK(!filter_of("ref.*,commit.created", "", "").wants_entries);
    static const char *const wrong[] = { "tables.created", "table", "table.created.now",
                                         "x,table.*" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_FAILS(event_filter_parse(str_of(wrong[i]), (str){ 0 }, (str){ 0 }, (str){ 0 },
                                       test_arena(), &f, &err),
                    ERR_INVALID);
    CHECK_FAILS(
        event_filter_parse((str){ 0 }, STR("a"), STR("a.b"), (str){ 0 }, test_arena(), &f, &err),
        ERR_INVALID);
    CHECK_FAILS(event_filter_parse((str){ 0 }, (str){ 0 }, STR("nodot"), (str){ 0 }, test_arena(),
                                   &f, &err),
                ERR_INVALID);
    str many = STR("table.*");
    for (int i = 0; i < EVENT_TYPES_MAX; i++)
        many = arena_printf(test_arena(), STR_FMT ",table.*", STR_ARG(many));
    CHECK_FAILS(
        event_filter_parse(many, (str){ 0 }, (str){ 0 }, (str){ 0 }, test_arena(), &f, &err),
        ERR_LIMIT);
}

/* The example of the Standard Webhooks libraries. */
TEST(signatures_are_those_of_standard_webhooks)
{
    struct error err;
    str signature;
    CHECK_OK(hook_sign(STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                       STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                       STR("{\"test\": 2432232314}"), test_arena(), &signature, &err));
    CHECK_STR(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    CHECK_FAILS(hook_sign(STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), STR("i"), 1, STR("{}"),
                          test_arena(), &signature, &err),
                ERR_CORRUPT);
}
