/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

TEST(fail_sets_code_and_text_and_clears_the_hint)
{
    struct error err = { .code = ERR_CORRUPT, .msg = "old", .hint = "old" };
    CHECK(!fail(&err, ERR_INVALID, "column %s has %d values", "x", 3));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_STR(str_of(err.msg), "column x has 3 values");
    CHECK_STR(str_of(err.hint), "");
}

TEST(an_argument_may_be_the_old_text)
{
    struct error err;
    fail(&err, ERR_INVALID, "cause");
    fail_hint(&err, "advice");
    CHECK(!fail_hint(&err, "more %s", err.hint));
    CHECK_STR(str_of(err.hint), "more advice");
    CHECK(!fail_in(&err, "a (%s)", err.msg));
    CHECK_STR(str_of(err.msg), "a (cause): cause");
    fail(&err, ERR_LIMIT, "<%s>", err.msg);
    CHECK_STR(str_of(err.msg), "<a (cause): cause>");
}

TEST(context_keeps_code_and_hint)
{
    struct error err;
    fail(&err, ERR_CONFLICT, "ref moved");
    fail_hint(&err, "retry");
    CHECK(!fail_in(&err, "commit %s", "t"));
    CHECK(!fail_in(&err, "run %d", 7));
    CHECK_STR(str_of(err.msg), "run 7: commit t: ref moved");
    CHECK_INT(err.code, ERR_CONFLICT);
    CHECK_STR(str_of(err.hint), "retry");
}

/* Texts of every length around the size of the field, made of 1 to 4 byte characters. */
TEST(long_texts_are_cut_at_a_character)
{
    static const char *const chars[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
    for (size_t kind = 0; kind < 4; kind++) {
        for (size_t pad = 0; pad < 8; pad++) {
            for (size_t n = 100; n < 140; n++) {
                struct error err;
                char text[700] = "";
                size_t len = pad, width = strlen(chars[kind]);
                memset(text, '.', pad);
                for (size_t i = 0; i < n * 4 / width; i++, len += width)
                    memcpy(text + len, chars[kind], width);
                text[len] = 0;
                fail(&err, ERR_INVALID, "%s", text);
                CHECK(str_is_utf8(str_of(err.msg)));
                CHECK(str_is(str_of(err.msg), text) == (len < sizeof err.msg));
                CHECK(len < sizeof err.msg || str_ends(str_of(err.msg), STR("...")));
                fail_hint(&err, "%s", text);
                CHECK(str_is_utf8(str_of(err.hint)));
                fail_in(&err, "%s", text);
                CHECK(str_is_utf8(str_of(err.msg)));
            }
        }
    }
}

TEST(a_full_text_gains_context_and_stays_valid)
{
    struct error err;
    char text[479 + 1];
    memset(text, 'c', 479);
    text[479] = 0;
    fail(&err, ERR_INVALID, "%s", text);
    CHECK_STR(str_of(err.msg), text);
    for (int i = 0; i < 300; i++) {
        fail_in(&err, "step %d", i);
        CHECK_INT(strlen(err.msg), 479);
    }
    CHECK(str_starts(str_of(err.msg), STR("step 299: step 298: ")));
}

TEST(a_long_context_does_not_push_the_cause_out)
{
    struct error err;
    fail(&err, ERR_INVALID, "the cause");
    fail_in(&err, "%0*d", 2000, 0);
    CHECK(str_ends(str_of(err.msg), STR("...: the cause")));
}

TEST(errno_maps_to_codes)
{
    static const struct {
        int value;
        enum err_code code;
    } cases[] = {
        { ENOENT, ERR_NOT_FOUND }, { EEXIST, ERR_EXISTS },      { EACCES, ERR_DENIED },
        { ENOSPC, ERR_LIMIT },     { EIO, ERR_UNAVAILABLE },    { ENAMETOOLONG, ERR_INVALID },
        { EPERM, ERR_DENIED },     { EAGAIN, ERR_UNAVAILABLE }, { 12345, ERR_UNAVAILABLE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        CHECK_FAILS(fail_errno(&err, cases[i].value, "open %s", "/x"), cases[i].code);
        CHECK(str_starts(str_of(err.msg), STR("open /x: ")));
        CHECK((err.hint[0] != 0) == (cases[i].value == ENOSPC));
    }
    struct error err;
    fail_errno(&err, ENOENT, "open %s", "/x");
    CHECK_STR(str_of(err.msg), "open /x: No such file or directory");
}

TEST(every_code_has_names_and_a_status)
{
    for (int c = ERR_NONE; c < ERR_CODES; c++) {
        CHECK(err_code_name((enum err_code)c)[0] && err_code_type((enum err_code)c)[0]);
        int http = err_http_status((enum err_code)c);
        CHECK(http == 200 || (http >= 400 && http < 600));
        CHECK((http == 200) == (c == ERR_NONE));
    }
    CHECK_STR(str_of(err_code_name(ERR_NOT_FOUND)), "not found");
    CHECK_STR(str_of(err_code_type(ERR_NOT_FOUND)), "NotFound");
    CHECK_INT(err_http_status(ERR_NOT_FOUND), 404);
    CHECK_INT(err_http_status(ERR_CONFLICT), 409);
    CHECK_INT(err_http_status((enum err_code)99), 500);
}

TEST(only_conflicts_and_outages_are_worth_a_retry)
{
    for (int c = ERR_NONE; c < ERR_CODES; c++) {
        struct error err = { .code = (enum err_code)c };
        CHECK(err_retriable(&err) == (c == ERR_CONFLICT || c == ERR_UNAVAILABLE));
    }
}
