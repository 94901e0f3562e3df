/* SPDX-License-Identifier: Apache-2.0
 *
 * The runner behind test.h.  A test runs in a child process that leads a process group: whatever
 * it does to its memory, its threads or its own children, the next one starts clean, and a test
 * that hangs is killed with all it started.  The child ends through exit(), so that the leak check
 * runs in it; any status but 0 (passed) and SKIPPED fails the test. */
#include "test.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"

#define TIMEOUT_S 120   /* unless FIRN_TEST_TIMEOUT_S says another */
#define CHECK_FAILED 76 /* and it has been printed */
#define SKIPPED 77      /* as automake's */
#define DEFAULT_SEED 20010203

static struct test *tests, **tests_end = &tests;

/* Of the test that runs; set before the fork, so that both sides know them. */
static const char *program;
static const char *current = "";
static char tmpdir[PATH_MAX];

/* Of the child. */
static struct arena *arena;
static bool tmpdir_made;

void test_register(struct test *t)
{
    *tests_end = t;
    tests_end = &t->next;
}

/* ---- What tests call ---- */

void test_fail(const char *file, int line, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    printf("FAILED %s: %s:%d: %s\n", current, file, line, text);
    fflush(NULL);
    _exit(CHECK_FAILED); /* from any thread; nothing is unwound, so leaks mean nothing */
}

void test_skip(const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    printf("%s: skipped: %s\n", current, text);
    fflush(NULL);
    _exit(SKIPPED);
}

uint64_t test_seed(void)
{
    uint64_t seed;
    const char *text = getenv("FIRN_TEST_SEED");
    if (!text)
        return DEFAULT_SEED;
    if (!str_to_u64(str_of(text), &seed))
        panic("FIRN_TEST_SEED is not a number: %s", text);
    return seed;
}

struct arena *test_arena(void)
{
    if (!arena)
        arena = arena_create(0);
    return arena;
}

const char *test_tmpdir(void)
{
    if (!tmpdir_made && mkdir(tmpdir, 0700) != 0)
        panic("make %s: %m", tmpdir);
    tmpdir_made = true;
    return tmpdir;
}

const char *test_source_dir(void)
{
    static char dir[PATH_MAX];
    const char *given = getenv("FIRN_SOURCE_DIR");
    if (given)
        return given;
    /* Where this file was compiled: the build gives absolute paths. */
    str here = STR(__FILE__), tail = STR("/tests/test.c");
    if (!str_ends(here, tail))
        panic("FIRN_SOURCE_DIR is not set");
    snprintf(dir, sizeof dir, "%.*s", (int)(here.len - tail.len), here.ptr);
    return dir;
}

const char *test_golden_dir(void)
{
    static char dir[PATH_MAX];
    const char *given = getenv("FIRN_GOLDEN_DIR");
    if (given)
        return given;
    snprintf(dir, sizeof dir, "%s/../shared/golden", test_source_dir());
    return dir;
}

/* ---- The runner ---- */

static _Noreturn void run_child(const struct test *t)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    t->run();
    arena_destroy(arena);
    arena = NULL;
    exit(0);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        fprintf(stderr, "remove %s: %m\n", path);
}

static void choose_tmpdir(size_t nth)
{
    const char *base = getenv("TMPDIR");
    snprintf(tmpdir, sizeof tmpdir, "%s/firn-test-%d-%zu", base && *base ? base : "/tmp",
             (int)getpid(), nth);
    remove_tree(tmpdir); /* of an earlier process with our number */
}

static int64_t timeout_s(void)
{
    int64_t s;
    const char *text = getenv("FIRN_TEST_TIMEOUT_S");
    return text && str_to_i64(str_of(text), &s) ? s : TIMEOUT_S;
}

/* False when the child was still running after the timeout; it is dead in any case. */
static bool wait_child(pid_t pid, int *status)
{
    bool in_time = true;
    int fd = pidfd_open(pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int64_t end_ns = env_monotonic_ns(env_real()) + timeout_s() * 1000000000LL;
    for (;;) {
        int64_t left_ms = (end_ns - env_monotonic_ns(env_real())) / 1000000;
        int rc = fd < 0 ? 1 : poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);
        if (rc < 0 && errno == EINTR)
            continue;
        in_time = rc != 0;
        break;
    }
    if (fd >= 0)
        close(fd);
    if (!in_time)
        kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        continue;
    kill(-pid, SIGKILL); /* what it left running */
    return in_time;
}

static void print_failure(int status, bool in_time)
{
    if (!in_time)
        printf("FAILED %s: Timeout: still running after %lld s\n", current, (long long)timeout_s());
    else if (WIFSIGNALED(status))
        printf("FAILED %s: ended by signal %d (%s)\n", current, WTERMSIG(status),
               strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != CHECK_FAILED)
        printf("FAILED %s: exit status %d (of a sanitizer: 23 leaks, 66 races, 1 all else)\n",
               current, WEXITSTATUS(status));
    const char *lsan = getenv("LSAN_OPTIONS");
    printf("  seed %llu; rerun: %s%s%sFIRN_TEST_SEED=%llu %s %s\n", (unsigned long long)test_seed(),
           lsan ? "LSAN_OPTIONS=" : "", lsan ? lsan : "", lsan ? " " : "",
           (unsigned long long)test_seed(), program, current);
    if (access(tmpdir, F_OK) == 0)
        printf("  its files are in %s\n", tmpdir);
}

static enum { PASSED, FAILED, NOT_RUN } run_one(const struct test *t, size_t nth)
{
    int status = 0;
    int64_t begin_us = env_monotonic_ns(env_real()) / 1000;
    current = t->name;
    choose_tmpdir(nth);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        panic("fork: %m");
    if (pid == 0)
        run_child(t);
    bool in_time = wait_child(pid, &status);
    bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
    if (!in_time || !WIFEXITED(status) || (WEXITSTATUS(status) != 0 && !skipped)) {
        print_failure(status, in_time);
        return FAILED;
    }
    remove_tree(tmpdir);
    if (!skipped)
        printf("ok %s (%lld ms)\n", t->name,
               (long long)(env_monotonic_ns(env_real()) / 1000 - begin_us) / 1000);
    return skipped ? NOT_RUN : PASSED;
}

/* A filter that is the name of a test means that one alone. */
static bool selected(const struct test *t, const char *filter)
{
    if (!filter)
        return true;
    for (const struct test *other = tests; other; other = other->next)
        if (str_is(str_of(other->name), filter))
            return str_is(str_of(t->name), filter);
    return str_find(str_of(t->name), str_of(filter)) >= 0;
}

int main(int argc, char **argv)
{
    const char *filter = argc > 1 ? argv[1] : NULL;
    size_t counts[3] = { 0 }, nth = 0;
    program = argv[0];
    test_seed(); /* a wrong one is told at once */
    for (const struct test *t = tests; t; t = t->next)
        if (selected(t, filter))
            counts[run_one(t, nth++)]++;
    if (nth == 0)
        printf("FAILED: no test's name contains \"%s\"\n", filter ? filter : "");
    counts[FAILED] += nth == 0;
    printf("%zu passed, %zu failed", counts[PASSED], counts[FAILED]);
    if (counts[NOT_RUN])
        printf(", %zu skipped", counts[NOT_RUN]);
    printf("\n");
    return counts[FAILED] != 0;
}
