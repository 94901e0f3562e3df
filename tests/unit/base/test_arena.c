/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISONED(p) __asan_address_is_poisoned(p)
#endif

/* Whether fn ends the process by abort(). */
static bool panics(void (*fn)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        fn();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST(memory_is_zeroed_aligned_and_apart)
{
    struct arena *a = arena_create(0);
    struct rand r;
    rand_init(&r, test_seed());
    struct {
        unsigned char *p;
        size_t n;
    } all[600];
    for (size_t i = 0; i < 600; i++) {
        size_t n = all[i].n = i % 50 == 49 ? rand_below(&r, 300000) : rand_below(&r, 300);
        unsigned char *p = all[i].p = arena_alloc(a, n);
        CHECK((uintptr_t)p % 16 == 0);
        for (size_t k = 0; k < n; k++)
            CHECK(p[k] == 0);
        memset(p, (int)(i & 0xff), n);
    }
    for (size_t i = 0; i < 600; i++)
        for (size_t k = 0; k < all[i].n; k++)
            CHECK(all[i].p[k] == (i & 0xff));
    arena_destroy(a);
}

TEST(a_request_of_nothing_has_a_place_of_its_own)
{
    struct arena *a = test_arena();
    void *p = arena_alloc(a, 0), *q = arena_alloc(a, 0);
    CHECK(p && q && p != q);
}

TEST(reset_gives_zeroed_memory_again)
{
    struct arena *a = arena_create(0);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 200; i++) {
            char *p = arena_alloc(a, 1000);
            for (int k = 0; k < 1000; k++)
                CHECK(p[k] == 0);
            memset(p, 0xee, 1000);
        }
        CHECK(arena_used(a) == 200 * 1000);
        arena_reset(a);
        CHECK(arena_used(a) == 0);
    }
    arena_reset(a);
    arena_destroy(a);
    arena_destroy(NULL);
}

TEST(reset_after_a_large_block_keeps_working)
{
    struct arena *a = arena_create(0);
    memset(arena_alloc(a, 3 << 20), 1, 3 << 20);
    arena_reset(a);
    char *p = arena_alloc(a, 64);
    for (int k = 0; k < 64; k++)
        CHECK(p[k] == 0);
    arena_destroy(a);
}

TEST(budget_counts_what_is_handed_out)
{
    struct arena *a = arena_create(1000);
    CHECK_INT(arena_left(a), 1000);
    arena_alloc(a, 600);
    CHECK_INT(arena_used(a), 600);
    CHECK_INT(arena_left(a), 400);
    arena_alloc(a, 400);
    CHECK_INT(arena_left(a), 0);
    arena_reset(a);
    CHECK_INT(arena_left(a), 1000);
    arena_destroy(a);
}

static void over_budget(void)
{
    struct arena *a = arena_create(1000);
    arena_alloc(a, 600);
    arena_alloc(a, 401);
}

static void array_overflow(void)
{
    arena_alloc_array(arena_create(0), SIZE_MAX / 4, 5);
}

static void more_than_the_machine_has(void)
{
    arena_alloc(arena_create(0), SIZE_MAX - 100);
}

TEST(what_is_held_covers_what_is_handed_out)
{
    struct arena *a = arena_create(0);
    size_t before = arena_held(a);
    for (size_t n = 1; n < 100000; n *= 3) {
        arena_alloc(a, n);
        CHECK(arena_held(a) >= before + arena_used(a));
        CHECK(arena_held(a) < before + 4 * arena_used(a) + 8192);
    }
    arena_destroy(a);
}

TEST(too_much_panics)
{
    CHECK(panics(over_budget));
    CHECK(panics(array_overflow));
    CHECK(panics(more_than_the_machine_has));
}

struct order {
    int calls[4], n;
};

static struct order order;

static void note(void *arg)
{
    order.calls[order.n++] = *(int *)arg;
}

static void note_and_defer(void *arg)
{
    note(arg);
    static int later = 9;
    arena_defer(test_arena(), note, &later);
}

TEST(deferred_calls_run_last_first)
{
    struct arena *a = arena_create(0);
    static int one = 1, two = 2, three = 3;
    arena_defer(a, note, &one);
    arena_defer(a, note, &two);
    arena_reset(a);
    CHECK(order.n == 2 && order.calls[0] == 2 && order.calls[1] == 1);
    arena_defer(a, note, &three);
    arena_destroy(a);
    CHECK(order.n == 3 && order.calls[2] == 3);
}

TEST(a_deferred_call_may_defer)
{
    static int one = 1, two = 2;
    arena_defer(test_arena(), note, &one);
    arena_defer(test_arena(), note_and_defer, &two);
    arena_reset(test_arena());
    CHECK(order.n == 3 && order.calls[0] == 2 && order.calls[1] == 9 && order.calls[2] == 1);
}

TEST(deferring_needs_no_budget)
{
    static int one = 1;
    struct arena *a = arena_create(16);
    arena_alloc(a, 16);
    arena_defer(a, note, &one);
    arena_destroy(a);
    CHECK(order.n == 1);
}

TEST(strings_are_copied)
{
    struct arena *a = test_arena();
    char text[] = "abc";
    str copy = arena_str(a, str_of(text));
    char *c = arena_cstr(a, (str){ text, 2 });
    text[0] = text[1] = 'x';
    CHECK_STR(copy, "abc");
    CHECK_STR(str_of(c), "ab");
    CHECK(arena_str(a, (str){ 0 }).len == 0);
    CHECK_STR(str_of(arena_cstr(a, (str){ 0 })), "");
}

TEST(printf_of_any_length)
{
    struct arena *a = test_arena();
    for (int n = 0; n < 700; n++) {
        str s = arena_printf(a, "%*s|%d", n, "", n);
        CHECK(s.len == (size_t)n + 1 + (n < 10 ? 1 : n < 100 ? 2 : 3));
        CHECK(s.ptr[n] == '|' && s.ptr[s.len] == 0);
    }
}

TEST(join)
{
    struct arena *a = test_arena();
    str parts[] = { STR("a"), STR(""), STR("bc") };
    CHECK_STR(arena_join(a, parts, 3, STR(", ")), "a, , bc");
    CHECK_STR(arena_join(a, parts, 3, STR("")), "abc");
    CHECK_STR(arena_join(a, parts, 1, STR(", ")), "a");
    CHECK_STR(arena_join(a, NULL, 0, STR(", ")), "");
}

#ifdef POISONED
TEST(bytes_that_are_not_handed_out_are_poisoned)
{
    struct arena *a = arena_create(0);
    char *p = arena_alloc(a, 13), *q = arena_alloc(a, 16);
    CHECK(!POISONED(p + 12) && POISONED(p + 13) && POISONED(p + 16));
    CHECK(!POISONED(q) && !POISONED(q + 15) && POISONED(q + 16));
    arena_reset(a);
    CHECK(POISONED(p) && POISONED(q));
    arena_destroy(a);
}
#endif
