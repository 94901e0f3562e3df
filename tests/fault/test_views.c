/* SPDX-License-Identifier: Apache-2.0
 *
 * Views, functions and unregistering under every single fault: a child process runs a script over a faulty store and a faulty
 * database; then everything is opened afresh.  What was acknowledged is there, what was refused is not, what a killed process was
 * doing is there whole or not at all, and the same script with the same keys once more leaves the state without faults. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/catalog/fixture.h"
#include "base/log.h"
#include "catalog/views.h"
#include "iceberg/function.h"
#include "iceberg/view.h"

#define MAIN ((str){ 0 })
#define NS STR("ns")
#define FUNCTION                                                                                   \
    STR("{\"function-uuid\":\"42fd3f91-bc10-41c1-8a52-92b57dd0a9b2\",\"format-version\":1,"        \
        "\"definitions\":[],\"definition-log\":[],\"max-overload-id\":0}")

enum step { STEP_CREATE, STEP_REPLACE, STEP_RENAME, STEP_FUNCTION, STEP_UNREGISTER, STEPS };

static struct view_update version(struct arena *a, const char *sql)
{
    struct view_representation *r = arena_new(a, struct view_representation);
    *r = (struct view_representation){ STR("sql"), str_of(sql), STR("spark"), NULL };
    struct view_version v = { .id = 1,
                              .schema_id = VIEW_VERSION_LAST_ADDED,
                              .timestamp_ms = 1,
                              .representations = r,
                              .representations_n = 1 };
    return (struct view_update){ .kind = VIEW_ADD_VERSION, .version = v };
}

static bool run_step(struct fixture *f, enum step step, struct error *err)
{
    static const char *const keys[STEPS] = { "create", "replace", "rename", "function", "away" };
    struct commit_info info = { .idempotency_key = str_of(keys[step]) };
    struct view_update updates[] = {
        { .kind = VIEW_ADD_SCHEMA, .schema = small_schema(f->arena) },
        version(f->arena, step == STEP_CREATE ? "select 1" : "select 2"),
        { .kind = VIEW_SET_CURRENT_VERSION, .version_id = VIEW_VERSION_LAST_ADDED },
    };
    struct catalog *c = f->catalog;
    struct catalog_view v;
    struct catalog_function fn;
    struct table t;
    switch (step) {
    case STEP_CREATE:
        return catalog_create_view(c, MAIN, NS, STR("v"), (str){ 0 }, updates, 3, &info, f->arena,
                                   &v, err);
    case STEP_REPLACE:
        return catalog_replace_view(c, MAIN, NS, STR("v"), NULL, 0, updates, 3, &info, f->arena, &v,
                                    err);
    case STEP_RENAME:
        return catalog_rename_view(c, MAIN, NS, STR("v"), NS, STR("w"), &info, f->arena, NULL, err);
    case STEP_FUNCTION:
        return catalog_put_function(c, MAIN, NS, STR("f"), FUNCTION, false, &info, f->arena, &fn,
                                    err);
    default:
        return catalog_unregister_table(c, MAIN, NS, STR("t"), &info, f->arena, &t, err) &&
               (t.metadata_location.len > 0 || fail(err, ERR_INTERNAL, "no metadata"));
    }
}

/* How many versions the view has under either name; 0 when there is none. */
static size_t versions(struct fixture *f, str *name)
{
    struct error err = { 0 };
    struct catalog_view v;
    str names[] = { STR("v"), STR("w") };
    size_t n = 0;
    *name = (str){ 0 };
    for (size_t i = 0; i < 2; i++)
        if (catalog_load_view(f->catalog, MAIN, NS, names[i], f->arena, &v, &err)) {
            CHECK_INT(name->len, 0); /* under one name only */
            *name = names[i];
            n = v.metadata->versions_n;
        } else {
            CHECK_INT(err.code, ERR_NOT_FOUND);
        }
    return n;
}

static bool is_done(struct fixture *f, enum step step)
{
    struct error err = { 0 };
    struct catalog_function fn;
    bool there;
    str name;
    size_t n = versions(f, &name);
    switch (step) {
    case STEP_CREATE:
        return n > 0;
    case STEP_REPLACE:
        return n > 1;
    case STEP_RENAME:
        return str_is(name, "w");
    case STEP_FUNCTION:
        return catalog_load_function(f->catalog, MAIN, NS, STR("f"), f->arena, &fn, &err);
    default:
        CHECK_OK(catalog_table_exists(f->catalog, MAIN, NS, STR("t"), &there, &err));
        return !there;
    }
}

static void make_base(const char *dir)
{
    struct fixture f;
    struct error err;
    CHECK(mkdir(dir, 0755) == 0);
    open_parts(&f, dir);
    CHECK_OK(open_catalog(&f, &err));
    make_namespace(&f, "ns");
    make_table(&f, "t");
    fixture_close(&f);
}

struct report { /* what the child says, one a step */
    enum err_code code;
    bool fired;
};

static void child(const char *dir, enum fault_kind kind, int64_t nth, int fd)
{
    struct fixture f, real;
    struct error err = { 0 };
    struct fault plan = FAULT_AT(kind, -1);
    plan.writes_only = true; /* faults of reads are those of tables, which test_commit.c sweeps */
    log_set_level(LOG_ERROR);
    open_parts(&real, dir);
    f = real;
    f.store = store_fault_create(real.store, &plan);
    f.db = db_fault_create(real.db, &plan);
    CHECK_OK(open_catalog(&f, &err));
    plan.nth = nth + atomic_load(&plan.seen);
    for (enum step s = 0; s < STEPS; s++) {
        bool ok = run_step(&f, s, &err);
        struct report r = { ok ? ERR_NONE : err.code, fault_fired(&plan) };
        CHECK(write(fd, &r, sizeof r) == (ssize_t)sizeof r);
        if (!ok)
            break;
    }
    _exit(0);
}

static size_t run_child(const char *dir, enum fault_kind kind, int64_t nth, struct report *reports,
                        bool *killed)
{
    int fds[2], status;
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
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    *killed = WEXITSTATUS(status) == FAULT_EXIT_STATUS;
    CHECK(*killed || WEXITSTATUS(status) == 0);
    return n;
}

static void check_after(const char *dir, const struct report *reports, size_t n, const char *what)
{
    struct fixture f;
    struct error err = { 0 };
    open_parts(&f, dir);
    CHECK_OK(open_catalog(&f, &err));
    for (enum step s = 0; s < STEPS; s++) {
        bool answered = s < n, done = is_done(&f, s);
        if (answered && reports[s].code == ERR_UNKNOWN)
            test_fail(__FILE__, __LINE__, "%s: outcome of step %d is unknown", what, (int)s);
        if ((answered && done != (reports[s].code == ERR_NONE)) || (s > n && done))
            test_fail(__FILE__, __LINE__, "%s: step %d answered %s and is %sdone", what, (int)s,
                      answered ? err_code_name(reports[s].code) : "nothing", done ? "" : "not ");
    }
    for (enum step s = 0; s < STEPS; s++)
        if (!run_step(&f, s, &err))
            test_fail(__FILE__, __LINE__, "%s: retry of step %d: %s", what, (int)s, err.msg);
    for (enum step s = 0; s < STEPS; s++)
        CHECK(is_done(&f, s));
    str name;
    CHECK_INT(versions(&f, &name), 2);
    fixture_close(&f);
}

static void sweep(enum fault_kind kind)
{
    bool fired = true;
    int64_t nth = 0;
    for (; fired; nth++) {
        struct report reports[STEPS] = { 0 };
        bool killed;
        char dir[1024], what[128];
        snprintf(dir, sizeof dir, "%s/%lld", test_tmpdir(), (long long)nth);
        snprintf(what, sizeof what, "operation %lld %s", (long long)nth, fault_kind_name(kind));
        make_base(dir);
        size_t n = run_child(dir, kind, nth, reports, &killed);
        fired = killed || (n > 0 && reports[n - 1].fired);
        check_after(dir, reports, n, what);
    }
    CHECK(nth > 8); /* the sweep has met what it is for */
}

TEST(views_survive_any_refused_operation)
{
    sweep(FAULT_REFUSED);
}

TEST(views_survive_any_lost_answer)
{
    sweep(FAULT_ANSWER_LOST);
}

TEST(views_survive_a_kill_before_any_operation)
{
    sweep(FAULT_KILLED_BEFORE);
}

TEST(views_survive_a_kill_after_any_operation)
{
    sweep(FAULT_KILLED_AFTER);
}
