/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit path under every single fault.  A child process runs a script of steps over a faulty
 * store and a faulty database that share one plan; the operation with number n is refused, or done
 * with its answer lost, or the process ends before or after it.  Then everything is opened afresh,
 * without faults:
 *
 *   - what was acknowledged is there, exactly once;
 *   - what was refused is not there; what a killed process was doing is there once or not at all;
 *   - no step ends in ERR_UNKNOWN, because every outcome can be read back here;
 *   - the whole script, sent again with the same idempotency keys, succeeds and leaves exactly the
 *     state without faults. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/catalog/fixture.h"
#include "base/log.h"
#include "tree.h"

#define MAIN ((str){ 0 })

enum step { STEP_OPEN, STEP_CREATE, STEP_APPEND, STEP_APPEND_DEV, STEP_MERGE, STEPS };

/* One table on main with one file, and a branch dev. */
static void make_base(const char *dir)
{
    struct fixture f;
    struct error err;
    struct write_outcome w;
    open_parts(&f, dir);
    CHECK_OK(open_catalog(&f, &err));
    make_namespace(&f, "ns");
    make_table(&f, "t");
    CHECK_OK(append_file(&f, "", "t", "base.parquet", f.arena, &w, &err));
    CHECK_OK(catalog_create_ref(f.catalog, CATALOG_BRANCH, STR("dev"), MAIN, f.arena, NULL, &err));
    fixture_close(&f);
}

static bool append_with_key(struct fixture *f, const char *ref, const char *file, const char *key,
                            struct error *err)
{
    struct table t;
    struct write_outcome w;
    struct write_info info = { .commit.idempotency_key = str_of(key) };
    if (!catalog_load_table(f->catalog, str_of(ref), STR("ns"), STR("t"), f->arena, &t, err))
        return false;
    struct data_file d = data_file_of(t.metadata->location, file, 10, f->arena);
    return catalog_append(f->catalog, str_of(ref), STR("ns"), STR("t"), &d, 1, &info, f->arena, &w,
                          err);
}

static bool run_step(struct fixture *f, enum step step, struct error *err)
{
    struct commit_info info = { .idempotency_key = STR("key-create") };
    struct table_create req = { .ns = STR("ns"),
                                .name = STR("new"),
                                .schema = small_schema(f->arena) };
    struct merge_request merge = { .from = STR("dev"), .into = STR("main") };
    struct merge_result r;
    struct table t;
    switch (step) {
    case STEP_OPEN:
        return open_catalog(f, err);
    case STEP_CREATE:
        return catalog_create_table(f->catalog, MAIN, &req, &info, f->arena, &t, err);
    case STEP_APPEND:
        return append_with_key(f, "main", "a.parquet", "key-append", err);
    case STEP_APPEND_DEV:
        return append_with_key(f, "dev", "d.parquet", "key-append-dev", err);
    default:
        info.idempotency_key = STR("key-merge");
        return catalog_merge(f->catalog, &merge, &info, f->arena, &r, err) &&
               (r.applied || fail(err, ERR_INTERNAL, "merge met a conflict"));
    }
}

/* How often the effect of a step is there. */
static size_t effects(struct fixture *f, enum step step)
{
    struct error err;
    bool there;
    switch (step) {
    case STEP_OPEN:
        return 1;
    case STEP_CREATE:
        CHECK_OK(catalog_table_exists(f->catalog, MAIN, STR("ns"), STR("new"), &there, &err));
        return there;
    case STEP_APPEND:
        return count_files(f, "main", "t", "/a.parquet");
    case STEP_APPEND_DEV:
        return count_files(f, "dev", "t", "/d.parquet");
    default:
        return count_files(f, "main", "t", "/d.parquet");
    }
}

static bool with_reads; /* operations that only read count too */

struct report { /* what the child says before it ends, one per step */
    enum err_code code;
    bool fired;
};

static void child(const char *dir, enum fault_kind kind, int64_t nth, int fd)
{
    struct fixture f, real;
    struct error err = { 0 };
    struct fault plan = FAULT_AT(kind, nth);
    plan.writes_only = !with_reads;
    log_set_level(LOG_ERROR);
    open_parts(&real, dir);
    f = real;
    f.store = store_fault_create(real.store, &plan);
    f.db = db_fault_create(real.db, &plan);
    for (enum step s = STEP_OPEN; s < STEPS; s++) {
        bool ok = run_step(&f, s, &err);
        struct report r = { ok ? ERR_NONE : err.code, fault_fired(&plan) };
        CHECK(write(fd, &r, sizeof r) == (ssize_t)sizeof r);
        if (!ok)
            break;
    }
    _exit(0);
}

/* Runs the script in a child; fills in what it reported and returns the number of reports. */
static size_t run_child(const char *dir, enum fault_kind kind, int64_t nth, struct report *reports,
                        int *status)
{
    int fds[2];
    size_t n = 0;
    CHECK(pipe(fds) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        child(dir, kind, nth, fds[1]);
    }
    close(fds[1]);
    while (n < STEPS && read(fds[0], &reports[n], sizeof *reports) == (ssize_t)sizeof *reports)
        n++;
    close(fds[0]);
    CHECK(waitpid(pid, status, 0) == pid);
    return n;
}

static void check_after(const char *dir, const struct report *reports, size_t n, const char *what)
{
    struct fixture f;
    struct error err;
    open_parts(&f, dir);
    if (!open_catalog(&f, &err))
        test_fail(__FILE__, __LINE__, "%s: open: %s", what, err.msg);
    for (enum step s = STEP_CREATE; s < STEPS; s++) {
        bool answered = s < n; /* not so for the step in which the process was killed */
        size_t there = effects(&f, s), want = answered && reports[s].code == ERR_NONE;
        if (answered && reports[s].code == ERR_UNKNOWN)
            test_fail(__FILE__, __LINE__, "%s: outcome of step %d is unknown", what, (int)s);
        if (there > 1 || (answered && there != want) || (s > n && there != 0))
            test_fail(__FILE__, __LINE__, "%s: step %d answered %s and is there %zu times", what,
                      (int)s, answered ? err_code_name(reports[s].code) : "nothing", there);
    }
    for (enum step s = STEP_CREATE; s < STEPS; s++)
        if (!run_step(&f, s, &err))
            test_fail(__FILE__, __LINE__, "%s: retry of step %d: %s", what, (int)s, err.msg);
    for (enum step s = STEP_OPEN; s < STEPS; s++)
        CHECK_INT(effects(&f, s), 1);
    CHECK_INT(count_files(&f, "main", "t", ""), 3);
    CHECK_INT(total_records(&f, "main", "t"), 30);
    CHECK_INT(count_files(&f, "dev", "t", ""), 2);
    fixture_close(&f);
}

/* Writes are tried one by one.  Reads are many, and around them all kinds of faults but a refusal show what they show around the write
 * that follows: each sixth operation, or with FIRN_TEST_ALL every one. */
static void sweep(enum fault_kind kind)
{
    const char *tmp = test_tmpdir();
    char base[1024], dir[1024], what[128];
    snprintf(base, sizeof base, "%s/base", tmp);
    snprintf(dir, sizeof dir, "%s/run", tmp);
    CHECK(mkdir(dir, 0755) == 0);
    make_base(dir); /* at the place where it is used: metadata holds absolute locations */
    copy_tree(dir, base);
    remove_tree(dir);
    bool fired = true;
    int64_t nth = 0, every = with_reads && !getenv("FIRN_TEST_ALL") ? 6 : 1;
    for (; fired; nth += every) {
        struct report reports[STEPS] = { 0 };
        int status;
        copy_tree(base, dir);
        size_t n = run_child(dir, kind, nth, reports, &status);
        bool killed = WIFEXITED(status) && WEXITSTATUS(status) == FAULT_EXIT_STATUS;
        snprintf(what, sizeof what, "operation %lld %s", (long long)nth, fault_kind_name(kind));
        if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
            test_fail(__FILE__, __LINE__, "%s: child ended with status %x", what, status);
        fired = killed || (n > 0 && reports[n - 1].fired);
        if (!fired)
            CHECK(n == STEPS && reports[n - 1].code == ERR_NONE);
        check_after(dir, reports, n, what);
        remove_tree(dir);
    }
    CHECK(nth > (with_reads ? 60 : 12)); /* the sweep has met what it is for */
}

TEST(commits_survive_any_refused_write)
{
    sweep(FAULT_REFUSED);
}

TEST(commits_survive_refused_reads)
{
    with_reads = true;
    sweep(FAULT_REFUSED);
}

TEST(commits_survive_any_lost_answer)
{
    sweep(FAULT_ANSWER_LOST);
}

TEST(commits_survive_a_kill_before_any_operation)
{
    sweep(FAULT_KILLED_BEFORE);
}

TEST(commits_survive_a_kill_after_any_operation)
{
    sweep(FAULT_KILLED_AFTER);
}
