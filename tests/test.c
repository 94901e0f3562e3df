/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs each test in a child process, so that a crash, a leak or a hang of one is seen and the others still run. */
#include "test.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_S 120
#define EXIT_TEST_FAILED 1
#define EXIT_TEST_SKIPPED 77
#define SEED_DEFAULT 20010101

static struct test *tests, **tests_end = &tests;
static struct arena *arena;
static char tmpdir[512];
static const char *running;

void test_register(struct test *t)
{
    *tests_end = t;
    tests_end = &t->next;
}

uint64_t test_seed(void)
{
    const char *text = getenv("FIRN_TEST_SEED");
    uint64_t seed = SEED_DEFAULT;
    if (text && !str_to_u64(str_of(text), &seed))
        panic("FIRN_TEST_SEED is not a number: %s", text);
    return seed;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%s:%d: failed: ", file, line);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n  in %s, seed %llu\n", running, (unsigned long long)test_seed());
    va_end(args);
    _exit(EXIT_TEST_FAILED); /* what is left open is no leak worth a report */
}

void test_skip(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("%s: skipped: ", running);
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
    _exit(EXIT_TEST_SKIPPED);
}

struct arena *test_arena(void)
{
    if (!arena)
        arena = arena_create(0);
    return arena;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

const char *test_tmpdir(void)
{
    const char *base = getenv("TMPDIR");
    if (*tmpdir)
        return tmpdir;
    snprintf(tmpdir, sizeof tmpdir, "%s/firn-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(tmpdir))
        panic("make a folder like %s: %s", tmpdir, strerror(errno));
    return tmpdir;
}

static const char *env_or(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

const char *test_source_dir(void)
{
    return env_or("FIRN_SOURCE_DIR", ".");
}

const char *test_golden_dir(void)
{
    return env_or("FIRN_GOLDEN_DIR", "../shared/golden");
}

static void run_child(const struct test *t)
{
    running = t->name;
    signal(SIGALRM, SIG_DFL);
    alarm(TIMEOUT_S);
    t->run();
    arena_destroy(arena);
    if (*tmpdir)
        nftw(tmpdir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    exit(0); /* runs the leak check */
}

/* The child's exit status, or 128 + signal. */
static int run_test(const struct test *t)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_child(t);
    if (pid < 0)
        panic("fork: %s", strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void report_failure(const struct test *t, const char *program, int status)
{
    if (status == 128 + SIGALRM)
        fprintf(stderr, "%s: failed: took longer than %d s\n", t->name, TIMEOUT_S);
    else if (status != EXIT_TEST_FAILED)
        fprintf(stderr, "%s: failed: ended with status %d\n", t->name, status);
    fprintf(stderr, "  %s\n  rerun: FIRN_TEST_SEED=%llu %s %s\n", t->file,
            (unsigned long long)test_seed(), program, t->name);
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    for (const struct test *t = tests; t; t = t->next) {
        if (argc > 1 && !strstr(t->name, argv[1]))
            continue;
        int status = run_test(t);
        if (status == 0)
            passed++;
        else if (status == EXIT_TEST_SKIPPED)
            skipped++;
        else
            failed++;
        if (status != 0 && status != EXIT_TEST_SKIPPED)
            report_failure(t, argv[0], status);
    }
    printf("%d passed, %d failed", passed, failed);
    if (skipped)
        printf(", %d skipped", skipped);
    printf("\n");
    return failed || passed + skipped == 0 ? 1 : 0;
}
