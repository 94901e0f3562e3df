/* SPDX-License-Identifier: Apache-2.0
 *
 * The store when things fail: planned faults, failing and killing system calls, full disks. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "io/store.h"
#include "seccomp.h"
#include "test.h"

#define MAX ((size_t)1 << 24)

static struct error err;

static struct store *open_store(void)
{
    struct store *st;
    CHECK_OK(store_fs_open(
        &(struct store_fs_options){ .root = str_of(test_tmpdir()), .clean = true }, &st, &err));
    return st;
}

/* "-" when absent. */
static str value_of(struct store *st, const char *path)
{
    str out = { 0 };
    err = (struct error){ 0 };
    if (store_get(st, str_of(path), MAX, test_arena(), &out, &err))
        return out;
    CHECK_INT(err.code, ERR_NOT_FOUND);
    return STR("-");
}

static int files_in_temp(void)
{
    DIR *d = opendir(arena_printf(test_arena(), "%s/.tmp", test_tmpdir()).ptr);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* ---- planned faults ---- */

/* Three writes, as a table commit does: two new files, then the pointer. */
static bool three_puts(struct store *st, struct error *e)
{
    return store_put(st, STR("m1"), STR("1"), STORE_CREATE_NEW, e) &&
           store_put(st, STR("m2"), STR("2"), STORE_CREATE_NEW, e) &&
           store_put(st, STR("pointer"), STR("after"), STORE_REPLACE, e);
}

static void run_plan(void *plan)
{
    struct store *real = open_store();
    struct store *st = store_fault_create(real, plan);
    (void)!three_puts(st, &err);
}

static void start_over(struct store *st)
{
    struct error ignored;
    (void)!store_delete(st, STR("m1"), &ignored);
    (void)!store_delete(st, STR("m2"), &ignored);
    CHECK_OK(store_put(st, STR("pointer"), STR("before"), STORE_REPLACE, &err));
}

static void check_answer(struct store *real, const struct fault *f, bool ok)
{
    bool after = str_is(value_of(real, "pointer"), "after");
    if (!ok) {
        bool lost = f->kind == FAULT_ANSWER_LOST;
        CHECK(after == (lost && f->nth == 2));
    } else {
        CHECK(after);
    }
    if (after)
        CHECK(str_is(value_of(real, "m1"), "1") && str_is(value_of(real, "m2"), "2"));
}

TEST(put_is_before_or_after_under_any_planned_fault)
{
    struct store *real = open_store();
    for (int kind = FAULT_REFUSED; kind <= FAULT_ANSWER_LOST; kind++) {
        bool fired = true;
        int64_t nth = 0;
        for (; fired; nth++) {
            start_over(real);
            struct fault f = FAULT_AT((enum fault_kind)kind, nth);
            struct store *st = store_fault_create(real, &f);
            err = (struct error){ 0 };
            bool ok = three_puts(st, &err);
            enum err_code code = err.code;
            fired = fault_fired(&f);
            CHECK(ok == !fired);
            if (!ok)
                CHECK_INT(code, kind == FAULT_REFUSED ? ERR_UNAVAILABLE : ERR_UNKNOWN);
            check_answer(real, &f, ok);
            store_destroy(st);
        }
        CHECK_INT(nth, 4);
    }
    store_destroy(real);
}

TEST(put_is_before_or_after_when_killed_by_plan)
{
    for (int kind = FAULT_KILLED_BEFORE; kind <= FAULT_KILLED_AFTER; kind++)
        for (int64_t nth = 0; nth < 4; nth++) {
            struct store *real = open_store();
            start_over(real);
            struct fault f = FAULT_AT((enum fault_kind)kind, nth);
            int status = in_child(run_plan, &f);
            CHECK_INT(WEXITSTATUS(status), nth < 3 ? FAULT_EXIT_STATUS : 0);
            bool after = str_is(value_of(real, "pointer"), "after");
            CHECK(after == (nth == 3 || (nth == 2 && kind == FAULT_KILLED_AFTER)));
            store_destroy(real);
        }
}

static bool ignore(void *ctx, str path, const struct store_info *info, struct error *e)
{
    (void)ctx, (void)path, (void)info, (void)e;
    return true;
}

TEST(every_method_of_the_faulty_store)
{
    struct store *real = open_store();
    struct fault f = FAULT_AT(FAULT_REFUSED, -1);
    struct store *st = store_fault_create(real, &f);
    struct arena *a = test_arena();
    struct store_info info;
    str s;
    char c;
    CHECK_OK(store_put(st, STR("x"), STR("1"), STORE_REPLACE, &err));
    for (int i = 0; i < 7; i++) {
        atomic_store(&f.seen, 0);
        f.nth = i < 6 ? 0 : -1;
        enum err_code want = ERR_UNAVAILABLE;
        if (i == 0)
            CHECK_FAILS(store_get(st, STR("x"), 9, a, &s, &err), want);
        if (i == 1)
            CHECK_FAILS(store_read_at(st, STR("x"), 0, &c, 1, &err), want);
        if (i == 2)
            CHECK_FAILS(store_head(st, STR("x"), &info, &err), want);
        if (i == 3)
            CHECK_FAILS(store_list(st, STR(""), ignore, NULL, &err), want);
        if (i == 4)
            CHECK_FAILS(store_local_path(st, STR("x"), a, &s, &err), want);
        if (i == 5)
            CHECK_FAILS(store_delete(st, STR("x"), &err), want);
    }
    CHECK_OK(store_stage(st, STR("y"), a, &s, &err));
    store_discard(st, s);
    CHECK_OK(store_from_uri(st, store_uri(st, STR("x"), a), a, &s, &err));
    CHECK_STR(s, "x");
    f.nth = 0;
    f.writes_only = true;
    atomic_store(&f.seen, 0);
    CHECK_OK(store_get(st, STR("x"), 9, a, &s, &err));
    CHECK_FAILS(store_publish(st, STR("y"), s, STORE_REPLACE, &err), ERR_UNAVAILABLE);
    store_destroy(st);
    store_destroy(real);
}

/* ---- system calls that fail or kill ---- */

TEST(a_failed_sync_of_the_file_changes_nothing)
{
    struct store *st = open_store();
    CHECK_OK(store_put(st, STR("x"), STR("before"), STORE_REPLACE, &err));
    seccomp_break(SYS_fsync, next_fd() + 1, EIO); /* the folder is opened first, then the file */
    CHECK_FAILS(store_put(st, STR("x"), STR("after"), STORE_REPLACE, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "x: Input/output error; nothing was changed"));
    CHECK_STR(value_of(st, "x"), "before");
    CHECK_INT(files_in_temp(), 0);
    store_destroy(st);
}

TEST(a_failed_sync_of_the_folder_is_unknown)
{
    struct store *st = open_store();
    CHECK_OK(store_put(st, STR("x"), STR("before"), STORE_REPLACE, &err));
    seccomp_break(SYS_fsync, next_fd(), EIO);
    CHECK_FAILS(store_put(st, STR("x"), STR("after"), STORE_REPLACE, &err), ERR_UNKNOWN);
    CHECK_STR(value_of(st, "x"), "after");
    CHECK_FAILS(store_delete(st, STR("x"), &err), ERR_UNKNOWN);
    CHECK_STR(value_of(st, "x"), "-");
    CHECK_INT(files_in_temp(), 0);
    store_destroy(st);
}

TEST(a_new_folder_that_cannot_be_synced_holds_nothing)
{
    struct store *st = open_store();
    seccomp_break(SYS_fsync, ANY_FD, EIO);
    CHECK_FAILS(store_put(st, STR("new/x"), STR("1"), STORE_REPLACE, &err), ERR_UNAVAILABLE);
    CHECK_FAILS(store_put(st, STR("new/x"), STR("1"), STORE_REPLACE, &err), ERR_UNAVAILABLE);
    CHECK_STR(value_of(st, "new/x"), "-");
    store_destroy(st);
}

TEST(an_odd_error_of_rename_is_unknown)
{
    struct store *st = open_store();
    seccomp_break(SYS_renameat, ANY_FD, EIO);
    seccomp_break(SYS_renameat2, ANY_FD, EIO);
    CHECK_FAILS(store_put(st, STR("x"), STR("1"), STORE_CREATE_NEW, &err), ERR_UNKNOWN);
    CHECK_FAILS(store_put(st, STR("x"), STR("1"), STORE_REPLACE, &err), ERR_UNKNOWN);
    store_destroy(st);
}

TEST(without_rename_noreplace_it_links)
{
    struct store *st = open_store();
    seccomp_break(SYS_renameat2, ANY_FD, EINVAL);
    CHECK_OK(store_put(st, STR("x"), STR("1"), STORE_CREATE_NEW, &err));
    CHECK_FAILS(store_put(st, STR("x"), STR("2"), STORE_CREATE_NEW, &err), ERR_EXISTS);
    CHECK_STR(value_of(st, "x"), "1");
    CHECK_INT(files_in_temp(), 0);
    store_destroy(st);
}

TEST(an_old_kernel_is_told_at_once)
{
    struct store *st;
    seccomp_break(SYS_openat2, ANY_FD, ENOSYS);
    struct store_fs_options o = { .root = str_of(test_tmpdir()) };
    CHECK_FAILS(store_fs_open(&o, &st, &err), ERR_UNSUPPORTED);
    CHECK(strstr(err.msg, "openat2"));
}

struct killing {
    int nr, fd_offset; /* fd_offset -1: any */
    enum store_put_flags flags;
    bool may_be_after;
};

static void put_and_be_killed(void *arg)
{
    const struct killing *k = arg;
    struct store *st = open_store();
    CHECK_OK(store_put(st, STR("d/other"), STR("x"), STORE_REPLACE, &err));
    seccomp_break(k->nr, k->fd_offset < 0 ? ANY_FD : next_fd() + k->fd_offset, SECCOMP_KILL);
    (void)!store_put(st, STR("d/x"), STR("after"), k->flags, &err);
}

TEST(put_is_before_or_after_when_killed_in_a_system_call)
{
    static const struct killing kills[] = {
        { SYS_openat2, -1, STORE_REPLACE, false },      { SYS_write, -1, STORE_REPLACE, false },
        { SYS_fsync, 1, STORE_REPLACE, false },         { SYS_renameat, -1, STORE_REPLACE, false },
        { SYS_renameat2, -1, STORE_CREATE_NEW, false }, { SYS_fsync, 0, STORE_REPLACE, true },
        { SYS_fsync, 0, STORE_CREATE_NEW, true },
    };
    for (size_t i = 0; i < sizeof kills / sizeof *kills; i++) {
        struct store *st = open_store();
        struct error ignored;
        (void)!store_delete(st, STR("d/x"), &ignored);
        struct killing k = kills[i];
        int status = in_child(put_and_be_killed, &k);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
        CHECK_STR(value_of(st, "d/x"), k.may_be_after ? "after" : "-");
        store_destroy(st);
        st = open_store(); /* cleans up */
        CHECK_INT(files_in_temp(), 0);
        store_destroy(st);
    }
}

/* ---- full disks ---- */

static void mount_tiny(const char *size)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", test_tmpdir(), "tmpfs", 0, size) != 0)
        test_skip("a small file system cannot be mounted here (errno %d)", errno);
}

TEST(a_full_disk)
{
    mount_tiny("size=256k");
    struct store *st = open_store();
    char bytes[20000];
    memset(bytes, 'x', sizeof bytes);
    str big = str_make(bytes, sizeof bytes);
    int n = 0;
    err = (struct error){ 0 };
    for (; n < 100; n++) {
        str path = arena_printf(test_arena(), "t/data/%d", n);
        if (!store_put(st, path, big, STORE_CREATE_NEW, &err))
            break;
    }
    CHECK(n > 5 && n < 20);
    CHECK_INT(err.code, ERR_LIMIT);
    CHECK(strstr(err.msg, "no space left on device") && strstr(err.msg, "nothing was changed"));
    CHECK(strstr(err.msg, arena_printf(test_arena(), "t/data/%d", n).ptr) && err.hint[0]);
    CHECK_INT(files_in_temp(), 0);
    for (int i = 0; i < n; i++)
        CHECK(str_eq(value_of(st, arena_printf(test_arena(), "t/data/%d", i).ptr), big));
    CHECK_STR(value_of(st, arena_printf(test_arena(), "t/data/%d", n).ptr), "-");
    CHECK_OK(store_delete(st, STR("t/data/0"), &err)); /* room again: it works again */
    CHECK_OK(store_put(st, STR("t/data/0"), STR("small"), STORE_REPLACE, &err));
    store_destroy(st);
    umount2(test_tmpdir(), MNT_DETACH);
}

TEST(a_disk_without_room_for_names)
{
    mount_tiny("nr_inodes=10");
    struct store *st = open_store();
    int n = 0;
    err = (struct error){ 0 };
    for (; n < 100; n++)
        if (!store_put(st, arena_printf(test_arena(), "a/b/%d", n), STR("x"), STORE_REPLACE, &err))
            break;
    CHECK(n > 2 && n < 10);
    CHECK_INT(err.code, ERR_LIMIT);
    CHECK_FAILS(store_put(st, STR("c/d/e"), STR("x"), STORE_REPLACE, &err), ERR_LIMIT);
    CHECK_STR(value_of(st, "a/b/0"), "x");
    store_destroy(st);
    umount2(test_tmpdir(), MNT_DETACH);
}

TEST(a_file_size_limit)
{
    struct store *st = open_store();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = { 4096, 4096 };
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    char bytes[5000] = { 0 };
    CHECK_OK(store_put(st, STR("x"), str_make(bytes, 4096), STORE_REPLACE, &err));
    CHECK_FAILS(store_put(st, STR("x"), str_make(bytes, 5000), STORE_REPLACE, &err), ERR_LIMIT);
    CHECK_INT(value_of(st, "x").len, 4096);
    CHECK_INT(files_in_temp(), 0);
    store_destroy(st);
}

TEST(no_descriptors_left)
{
    struct store *st = open_store();
    CHECK_OK(store_put(st, STR("d/x"), STR("1"), STORE_REPLACE, &err));
    struct rlimit before, limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (int spare = 0; spare < 3; spare++) {
        limit = (struct rlimit){ (rlim_t)(next_fd() + spare), before.rlim_max };
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        bool ok = store_put(st, STR("d/x"), STR("2"), STORE_REPLACE, &err);
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        CHECK(ok == (spare == 2));
        CHECK_STR(value_of(st, "d/x"), ok ? "2" : "1");
    }
    CHECK_INT(files_in_temp(), 0);
    store_destroy(st);
}
