/* SPDX-License-Identifier: Apache-2.0
 *
 * The runner itself: this program starts itself again with CASES set, in which case it has other
 * tests, that fail in all the ways that tests fail. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASES "FIRN_TEST_HARNESS"

static void passes(void)
{
    FILE *f = fopen(arena_printf(test_arena(), "%s/file", test_tmpdir()).ptr, "w");
    CHECK(f && fclose(f) == 0);
}

static void fails(void)
{
    struct error err = { .msg = "the reason" };
    printf("files: %s\n", test_tmpdir());
    CHECK_OK(err.code == ERR_INVALID);
}

static void leaks(void)
{
    void *volatile lost = malloc(1000);
    CHECK(lost);
    lost = NULL;
}

static void crashes(void)
{
    raise(SIGSEGV);
}

static void hangs(void)
{
    pause();
}

static void exits(void)
{
    exit(9);
}

static void is_skipped(void)
{
    test_skip("no %s here", "snow");
}

static void prints_its_seed(void)
{
    printf("seed is %llu\n", (unsigned long long)test_seed());
}

__attribute__((constructor)) static void register_cases(void)
{
    static struct test cases[] = {
        { "passes", __FILE__, passes, NULL },
        { "passes_too", __FILE__, passes, NULL },
        { "fails", __FILE__, fails, NULL },
        { "leaks", __FILE__, leaks, NULL },
        { "crashes", __FILE__, crashes, NULL },
        { "hangs", __FILE__, hangs, NULL },
        { "exits", __FILE__, exits, NULL },
        { "is_skipped", __FILE__, is_skipped, NULL },
        { "its_seed", __FILE__, prints_its_seed, NULL },
    };
    if (!getenv(CASES))
        return;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        test_register(&cases[i]);
}

struct run {
    char text[20000];
    int status;
};

/* Runs this program's other tests whose names contain the filter. */
static const struct run *run(const char *filter)
{
    static struct run r;
    char self[512];
    int out[2];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(len > 0 && pipe(out) == 0);
    self[len] = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char name[64];
        snprintf(name, sizeof name, "%s", filter);
        setenv(CASES, "1", 1);
        setenv("FIRN_TEST_TIMEOUT_S", "1", 1);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        execv(self, (char *[]){ self, name, NULL });
        _exit(99);
    }
    close(out[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(out[0], r.text + n, sizeof r.text - 1 - n)) > 0)
        n += (size_t)got;
    r.text[n] = 0;
    close(out[0]);
    CHECK(waitpid(pid, &r.status, 0) == pid);
    return &r;
}

static bool says(const struct run *r, const char *text)
{
    return strstr(r->text, text) != NULL;
}

TEST(a_pass_leaves_nothing_behind)
{
    setenv("TMPDIR", test_tmpdir(), 1);
    const struct run *r = run("passes");
    CHECK(r->status == 0 && says(r, "1 passed, 0 failed\n")); /* the whole name: not passes_too */
    r = run("passe");
    CHECK(r->status == 0 && says(r, "2 passed, 0 failed\n"));
    CHECK(rmdir(test_tmpdir()) == 0);
}

TEST(a_failed_check_shows_place_seed_and_command)
{
    setenv("FIRN_TEST_SEED", "4711", 1);
    setenv("TMPDIR", test_tmpdir(), 1);
    const struct run *r = run("fails");
    CHECK(WEXITSTATUS(r->status) == 1 && says(r, "0 passed, 1 failed\n"));
    CHECK(says(r, "FAILED fails: ") && says(r, "test_harness.c:") && says(r, ": the reason\n"));
    CHECK(says(r, "seed 4711; rerun: ") && says(r, "FIRN_TEST_SEED=4711 ") &&
          says(r, "_harness fails\n"));
    const char *path = strstr(r->text, "files: ");
    CHECK(path &&
          access(arena_cstr(test_arena(), str_make(path + 7, strcspn(path + 7, "\n"))), F_OK) == 0);
}

#if defined(__SANITIZE_ADDRESS__)
TEST(a_leak_fails)
{
    const struct run *r = run("leaks");
    CHECK(WEXITSTATUS(r->status) == 1 && says(r, "0 passed, 1 failed\n"));
    CHECK(says(r, "1000 byte(s) leaked"));
}
#endif

TEST(a_crash_fails)
{
    const struct run *r = run("crashes");
    CHECK(WEXITSTATUS(r->status) == 1 && says(r, "0 passed, 1 failed\n") &&
          says(r, "FAILED crashes: "));
}

TEST(a_hanging_test_is_killed)
{
    const struct run *r = run("hangs");
    CHECK(WEXITSTATUS(r->status) == 1 && says(r, "0 passed, 1 failed\n"));
    CHECK(says(r, "still running after 1 s"));
}

TEST(an_early_exit_fails)
{
    const struct run *r = run("exits");
    CHECK(WEXITSTATUS(r->status) == 1 && says(r, "FAILED exits: exit status 9"));
}

TEST(skipped_tests_are_counted_apart)
{
    const struct run *r = run("is_skipped");
    CHECK(r->status == 0);
    CHECK(says(r, "is_skipped: skipped: no snow here\n") &&
          says(r, "0 passed, 0 failed, 1 skipped\n"));
}

TEST(a_filter_that_fits_nothing_fails)
{
    const struct run *r = run("no such name");
    CHECK(WEXITSTATUS(r->status) == 1 && says(r, "0 passed, 1 failed\n"));
}

TEST(the_seed_can_be_given)
{
    setenv("FIRN_TEST_SEED", "99", 1);
    CHECK(says(run("its_seed"), "seed is 99\n"));
    setenv("FIRN_TEST_SEED", "x9", 1);
    CHECK(run("its_seed")->status != 0);
    unsetenv("FIRN_TEST_SEED");
    CHECK(run("its_seed")->status == 0);
}
