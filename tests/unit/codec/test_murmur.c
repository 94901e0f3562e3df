/* SPDX-License-Identifier: Apache-2.0
 *
 * Iceberg spec, Appendix B: the values that every implementation must give. */
#include "codec/murmur.h"

#include "base/time.h"
#include "codec/uuid.h"
#include "test.h"

TEST(values_of_the_specification)
{
    CHECK_INT(murmur3_long(34), 2017239379);
    CHECK_INT(murmur3_32(STR("\x05\x8c")), -500754589); /* 14.20 */
    CHECK_INT(murmur3_long(civil_to_days(2017, 11, 16)), -653330422);
    CHECK_INT(murmur3_long((22 * 3600 + 31 * 60 + 8) * US_PER_S), -662762989);
    int64_t at = civil_to_days(2017, 11, 16) * US_PER_DAY + (22 * 3600 + 31 * 60 + 8) * US_PER_S;
    CHECK_INT(murmur3_long(at), -2047944441);
    CHECK_INT(murmur3_long(at + 1), -1207196810);
    CHECK_INT(murmur3_32(STR("iceberg")), 1210000089);
    struct uuid u;
    CHECK(uuid_parse(STR("f79c3e09-677c-4bbd-a479-3f349cb785e7"), &u));
    CHECK_INT(murmur3_32(str_make(u.bytes, 16)), 1488055340);
    CHECK_INT(murmur3_32(STR("\x00\x01\x02\x03")), -188683207);
}

TEST(the_long_form_is_the_hash_of_eight_bytes)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int i = 0; i < 1000; i++) {
        uint64_t v = rand_u64(&r);
        char bytes[8];
        for (int k = 0; k < 8; k++)
            bytes[k] = (char)(v >> (8 * k));
        CHECK_INT(murmur3_long((int64_t)v), murmur3_32(str_make(bytes, 8)));
    }
    CHECK_INT(murmur3_32(STR("")), 0);
}
