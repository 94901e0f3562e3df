/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uuid.h"

#include "test.h"

TEST(text_and_bytes)
{
    struct uuid u;
    char text[UUID_TEXT_LEN + 1];
    CHECK(uuid_parse(STR("F79C3E09-677c-4bbd-a479-3f349cb785e7"), &u));
    CHECK_INT(u.bytes[0], 0xf7);
    CHECK_INT(u.bytes[15], 0xe7);
    CHECK_STR(uuid_format(&u, text), "f79c3e09-677c-4bbd-a479-3f349cb785e7");
    CHECK_INT(text[UUID_TEXT_LEN], 0);
    static const char *const bad[] = {
        "",
        "f79c3e09677c4bbda4793f349cb785e7",
        "f79c3e09-677c-4bbd-a479-3f349cb785e",
        "f79c3e09-677c-4bbd-a479-3f349cb785e77",
        "f79c3e09-677c-4bbd-a479-3f349cb785eg",
        "f79c3e0-9677c-4bbd-a479-3f349cb785e7",
        "{79c3e09-677c-4bbd-a479-3f349cb785e}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!uuid_parse(str_of(bad[i]), &u));
}

TEST(version_4_and_7)
{
    uint8_t ones[16];
    char text[UUID_TEXT_LEN + 1];
    memset(ones, 0xff, sizeof ones);
    struct uuid u = uuid_v4(ones);
    CHECK_STR(uuid_format(&u, text), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    u = uuid_v7(0x017F22E279B0, ones); /* RFC 9562, appendix A.6 has this time */
    CHECK_STR(uuid_format(&u, text), "017f22e2-79b0-7fff-bfff-ffffffffffff");
    struct uuid later = uuid_v7(0x017F22E279B1, (uint8_t[10]){ 0 });
    CHECK(memcmp(u.bytes, later.bytes, 16) < 0);
}
