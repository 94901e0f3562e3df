/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/vec.h"

TEST(elements_survive_growing_and_new_ones_are_zeroed)
{
    VEC(struct {
        int64_t i;
        char pad[5];
    })
    v = { 0 };
    for (int64_t i = 0; i < 10000; i++) {
        CHECK(vec_push(test_arena(), &v)->i == 0);
        CHECK(v.at[v.n - 1].pad[4] == 0);
        v.at[v.n - 1].i = i;
    }
    CHECK_INT(v.n, 10000);
    for (int64_t i = 0; i < 10000; i++)
        CHECK_INT(v.at[i].i, i);
}

TEST(all_storage_together_is_at_most_twice_the_final_size)
{
    struct arena *a = arena_create(0);
    VEC(int64_t) v = { 0 };
    for (int64_t i = 0; i < 5000; i++)
        *vec_push(a, &v) = i;
    CHECK(arena_used(a) <= 2 * v.cap * sizeof(int64_t));
    CHECK(v.cap < 2 * v.n);
    arena_destroy(a);
}
