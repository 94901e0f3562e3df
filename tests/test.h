/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests register themselves: TEST(name) { ... CHECK(...) }.  Each program runs all of its tests,
 * or those whose names contain the first argument, each in a child process with a timeout, and
 * ends with "N passed, N failed".  A failed test prints its place, its seed (FIRN_TEST_SEED) and
 * the command that runs it alone. */
#ifndef FIRN_TEST_H
#define FIRN_TEST_H

#include <stdio.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"
#include "base/rand.h"
#include "base/str.h"

struct test {
    const char *name, *file;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Leaves the test as not run, with a reason on the line; counted apart. */
_Noreturn void test_skip(const char *fmt, ...) PRINTF_LIKE(1, 2);

#define TEST(test_name)                                                                            \
    static void test_name##_run(void);                                                             \
    __attribute__((constructor)) static void test_name##_register(void)                            \
    {                                                                                              \
        static struct test t = { #test_name, __FILE__, test_name##_run, NULL };                    \
        test_register(&t);                                                                         \
    }                                                                                              \
    static void test_name##_run(void)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
    } while (0)

/* A call that takes `&err`: prints the error's text when the call fails. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        if (!(call))                                                                               \
            test_fail(__FILE__, __LINE__, "%s: %s", #call, err.msg);                               \
    } while (0)

/* A call that takes `&err` must fail with this code. */
#define CHECK_FAILS(call, want)                                                                    \
    do {                                                                                           \
        err = (struct error){ 0 };                                                                 \
        if (call)                                                                                  \
            test_fail(__FILE__, __LINE__, "%s succeeded, wanted %s", #call, err_code_name(want));  \
        if (err.code != (want))                                                                    \
            test_fail(__FILE__, __LINE__, "%s: wanted %s, got %s: %s", #call, err_code_name(want), \
                      err_code_name(err.code), err.msg);                                           \
    } while (0)

#define CHECK_STR(got, want)                                                                       \
    do {                                                                                           \
        str got_ = (got), want_ = str_of(want);                                                    \
        if (!str_eq(got_, want_))                                                                  \
            test_fail(__FILE__, __LINE__, "%s is \"" STR_FMT "\", wanted \"" STR_FMT "\"", #got,   \
                      STR_ARG(got_), STR_ARG(want_));                                              \
    } while (0)

#define CHECK_INT(got, want)                                                                       \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_)                                                                         \
            test_fail(__FILE__, __LINE__, "%s is %lld, wanted %lld", #got, got_, want_);           \
    } while (0)

uint64_t test_seed(void);          /* FIRN_TEST_SEED or a fixed default; printed on failure */
struct arena *test_arena(void);    /* destroyed when the test ends */
const char *test_tmpdir(void);     /* a fresh empty folder, removed when the test passes */
const char *test_source_dir(void); /* the repository's root */
const char *test_golden_dir(void); /* tables written by other engines; may be missing */

#endif
