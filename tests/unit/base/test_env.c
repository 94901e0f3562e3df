/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/thread.h"
#include "base/time.h"

TEST(the_fake_clock_moves_by_readings_and_sleep)
{
    struct env *e = env_fake_create(5 * US_PER_S, 10, 1);
    CHECK_INT(env_now_us(e), 5000000);
    CHECK_INT(env_now_us(e), 5000010);
    env_sleep_us(e, 3 * US_PER_S);
    env_sleep_us(e, -100);
    CHECK_INT(env_now_us(e), 8000020);
    CHECK_INT(env_now_ms(e), 8000);
    int64_t before = env_monotonic_ns(e);
    env_sleep_us(e, 7);
    CHECK_INT(env_monotonic_ns(e) - before, 17 * 1000);
    env_fake_destroy(e);
    env_fake_destroy(NULL);
}

TEST(fake_randomness_repeats)
{
    struct env *a = env_fake_create(0, 1, 42), *b = env_fake_create(9, 1, 42);
    struct env *c = env_fake_create(0, 1, 43);
    uint64_t x = env_random_u64(a);
    CHECK(x == env_random_u64(b));
    CHECK(x != env_random_u64(c));
    CHECK(x != env_random_u64(a));
    env_fake_destroy(a);
    env_fake_destroy(b);
    env_fake_destroy(c);
}

static void read_often(void *arg)
{
    for (int i = 0; i < 1000; i++)
        env_now_us(arg);
}

TEST(the_fake_is_thread_safe)
{
    struct env *e = env_fake_create(0, 1, 1);
    struct thread *a = thread_start("a", read_often, e), *b = thread_start("b", read_often, e);
    thread_join(a);
    thread_join(b);
    CHECK_INT(env_now_us(e), 2000);
    env_fake_destroy(e);
}

TEST(the_real_clocks_go_forward)
{
    struct env *e = env_real();
    int64_t wall = env_now_us(e), ns = env_monotonic_ns(e);
    CHECK(wall > 1600000000 * US_PER_S && wall < 32503680000 * US_PER_S);
    env_sleep_us(e, 2000);
    CHECK(env_monotonic_ns(e) - ns >= 2000000);
    env_sleep_us(e, 0);
    env_sleep_us(e, -1);
}

TEST(real_randomness_does_not_repeat)
{
    char a[300] = { 0 }, b[300] = { 0 };
    env_random(env_real(), a, sizeof a);
    env_random(env_real(), b, sizeof b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK(env_random_u64(env_real()) != env_random_u64(env_real()));
}
