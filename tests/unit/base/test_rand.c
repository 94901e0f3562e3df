/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

/* Fixed for all times: tests and benchmarks name their data by seed.  Computed with an independent
 * implementation of splitmix64 and xoshiro256**. */
TEST(known_numbers)
{
    struct rand r;
    rand_init(&r, 0);
    CHECK(rand_u64(&r) == 0x99ec5f36cb75f2b4u);
    CHECK(rand_u64(&r) == 0xbf6e1f784956452au);
    CHECK(rand_u64(&r) == 0x1a5f849d4933e6e0u);
}

TEST(the_same_seed_gives_the_same_numbers)
{
    struct rand a, b, c;
    rand_init(&a, 7);
    rand_init(&b, 7);
    rand_init(&c, 8);
    int same = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t x = rand_u64(&a);
        CHECK(x == rand_u64(&b));
        same += x == rand_u64(&c);
    }
    CHECK(same == 0);
}

TEST(below_is_in_range_and_even)
{
    struct rand r;
    int seen[7] = { 0 };
    rand_init(&r, test_seed());
    for (int i = 0; i < 70000; i++)
        seen[rand_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        CHECK(seen[i] > 9500 && seen[i] < 10500);
    for (int i = 0; i < 100; i++) {
        CHECK(rand_below(&r, 1) == 0);
        CHECK(rand_below(&r, UINT64_MAX) < UINT64_MAX);
    }
}

TEST(doubles_are_below_one)
{
    struct rand r;
    double sum = 0;
    rand_init(&r, test_seed());
    for (int i = 0; i < 10000; i++) {
        double x = rand_f64(&r);
        CHECK(x >= 0 && x < 1);
        sum += x;
    }
    CHECK(sum > 4800 && sum < 5200);
}

TEST(bytes_of_any_length)
{
    for (size_t n = 0; n < 40; n++) {
        unsigned char bytes[41] = { 0 };
        struct rand r;
        int zeros = 0;
        rand_init(&r, test_seed() + n);
        rand_bytes(&r, bytes, n);
        CHECK(bytes[n] == 0);
        for (size_t i = 0; i < n; i++)
            zeros += bytes[i] == 0;
        CHECK(zeros <= 3);
    }
}
