/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/map.h"

TEST(an_empty_map_has_nothing)
{
    struct map m;
    map_init(&m, test_arena());
    CHECK(map_get(&m, STR("x")) == NULL);
    CHECK(map_get(&m, (str){ 0 }) == NULL);
}

TEST(put_replaces_and_add_does_not)
{
    struct map m;
    int one, two, three;
    map_init(&m, test_arena());
    CHECK(map_put(&m, STR("k"), &one) == NULL);
    CHECK(map_put(&m, STR("k"), &two) == &one);
    CHECK(!map_add(&m, STR("k"), &three));
    CHECK(map_get(&m, STR("k")) == &two);
    CHECK(map_add(&m, STR(""), &three));
    CHECK(map_get(&m, (str){ 0 }) == &three);
    CHECK_INT(m.n, 2);
}

TEST(keys_may_hold_any_byte)
{
    struct map m;
    int one, two;
    map_init(&m, test_arena());
    map_put(&m, STR("a\0b"), &one);
    map_put(&m, STR("a\0c"), &two);
    CHECK(map_get(&m, STR("a\0b")) == &one);
    CHECK(map_get(&m, STR("a\0c")) == &two);
    CHECK(map_get(&m, STR("a")) == NULL);
}

/* Random keys, some of them again; the oracle is an array. */
TEST(many_keys_in_insertion_order)
{
    enum { KEYS = 5000 };
    static int values[2][KEYS];
    struct arena *a = test_arena();
    struct map m;
    struct rand r;
    rand_init(&r, test_seed());
    map_init(&m, a);
    str *keys = arena_array(a, str, KEYS);
    for (int i = 0; i < KEYS; i++) {
        keys[i] = arena_printf(a, "%d/%.*s", i, (int)rand_below(&r, 40),
                               "........................................");
        CHECK(map_add(&m, keys[i], &values[0][i]));
        int again = (int)rand_below(&r, (uint64_t)i + 1);
        CHECK(map_put(&m, arena_str(a, keys[again]), &values[1][again]) != NULL);
        CHECK(!map_add(&m, keys[again], &values[0][again]));
    }
    CHECK_INT(m.n, KEYS);
    for (int i = 0; i < KEYS; i++) {
        int *v = map_get(&m, keys[i]);
        CHECK(v == &values[0][i] || v == &values[1][i]);
        CHECK(str_eq(m.entries[i].key, keys[i]) && m.entries[i].value == v);
        CHECK(map_get(&m, arena_printf(a, "no %d", i)) == NULL);
    }
}
