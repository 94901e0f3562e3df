/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/lru.h"

#include "base/thread.h"
#include "test.h"

struct thing {
    struct cached base;
    char name[16];
    atomic_int *alive;
};

static void destroy_thing(struct cached *object)
{
    atomic_fetch_sub(((struct thing *)object)->alive, 1);
}

static struct thing *make(struct arena *a, atomic_int *alive, unsigned number, size_t bytes)
{
    struct thing *t = arena_new(a, struct thing);
    snprintf(t->name, sizeof t->name, "%u", number);
    t->alive = alive;
    t->base.key = str_of(t->name);
    t->base.bytes = bytes;
    t->base.destroy = destroy_thing;
    atomic_fetch_add(alive, 1);
    return t;
}

TEST(the_least_recently_used_goes_first)
{
    struct arena *a = test_arena();
    atomic_int alive = 0;
    struct lru *l = lru_create(30);
    for (unsigned i = 0; i < 3; i++)
        cached_unref(lru_add(l, &make(a, &alive, i, 10)->base));
    cached_unref(lru_get(l, STR("0")));
    cached_unref(lru_add(l, &make(a, &alive, 3, 10)->base));
    CHECK_INT(alive, 3);
    CHECK(!lru_get(l, STR("1")));
    struct cached *held = lru_get(l, STR("0"));
    CHECK(held);
    for (unsigned i = 10; i < 20; i++)
        cached_unref(lru_add(l, &make(a, &alive, i, 10)->base));
    CHECK(!lru_get(l, STR("0")));
    CHECK_INT(alive, 4); /* three listed, one held */
    CHECK_STR(held->key, "0");
    cached_unref(held);
    CHECK_INT(alive, 3);
    lru_destroy(l);
    CHECK_INT(alive, 0);
}

TEST(what_is_there_wins_over_what_is_added)
{
    struct arena *a = test_arena();
    atomic_int alive = 0;
    struct lru *l = lru_create(100);
    struct cached *first = lru_add(l, &make(a, &alive, 7, 1)->base);
    struct cached *second = lru_add(l, &make(a, &alive, 7, 1)->base);
    CHECK(first == second);
    CHECK_INT(alive, 1);
    cached_keep(first, a);
    cached_unref(second);
    lru_destroy(l);
    CHECK_INT(alive, 1); /* the arena's */
    arena_reset(a);
    CHECK_INT(alive, 0);
}

TEST(many_objects_are_found_after_growing)
{
    struct arena *a = test_arena();
    atomic_int alive = 0;
    struct lru *l = lru_create(SIZE_MAX);
    char name[16];
    for (unsigned i = 0; i < 5000; i++)
        cached_unref(lru_add(l, &make(a, &alive, i, 1)->base));
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "%u", i);
        struct cached *c = lru_get(l, str_of(name));
        CHECK(c);
        cached_unref(c);
    }
    lru_destroy(l);
    CHECK_INT(alive, 0);
}

TEST(what_is_dropped_lives_on_with_who_holds_it)
{
    struct arena *a = test_arena();
    atomic_int alive = 0;
    struct lru *l = lru_create(100);
    struct cached *held = lru_add(l, &make(a, &alive, 7, 60)->base);
    lru_drop(l, STR("7"));
    lru_drop(l, STR("8"));
    CHECK(!lru_get(l, STR("7")));
    CHECK_INT(alive, 1);
    cached_unref(held);
    CHECK_INT(alive, 0);
    for (unsigned i = 0; i < 2; i++) /* its bytes are free again */
        cached_unref(lru_add(l, &make(a, &alive, i, 50)->base));
    CHECK_INT(alive, 2);
    lru_destroy(l);
}

TEST(what_is_put_takes_the_place_of_what_was_there)
{
    struct arena *a = test_arena();
    atomic_int alive = 0;
    struct lru *l = lru_create(100);
    cached_unref(lru_add(l, &make(a, &alive, 7, 60)->base));
    struct thing *second = make(a, &alive, 7, 60);
    cached_unref(lru_put(l, &second->base));
    CHECK_INT(alive, 1);
    struct cached *there = lru_get(l, STR("7"));
    CHECK(there == &second->base);
    cached_unref(there);
    lru_destroy(l);
    CHECK_INT(alive, 0);
}
