/* SPDX-License-Identifier: Apache-2.0 */
#include "io/lock.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct error err;

static bool held(struct lock_owner *owner)
{
    bool is;
    CHECK_OK(lock_owner_of(str_of(test_tmpdir()), test_arena(), owner, &is, &err));
    return is;
}

TEST(one_owner)
{
    struct lock *l, *second;
    struct lock_owner owner;
    str dir = str_of(test_tmpdir());
    CHECK(!held(&owner));
    CHECK_OK(lock_acquire(dir, &l, &err));
    CHECK_FAILS(lock_acquire(dir, &second, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, arena_printf(test_arena(), "in use by process %d", (int)getpid()).ptr));
    CHECK(!strstr(err.msg, "("));
    CHECK_OK(lock_set_url(l, STR("http://127.0.0.1:8181"), &err));
    CHECK_FAILS(lock_acquire(dir, &second, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "(http://127.0.0.1:8181)") && strstr(err.hint, "--server http://"));
    CHECK(held(&owner));
    CHECK_INT(owner.pid, getpid());
    CHECK_STR(owner.url, "http://127.0.0.1:8181");
    lock_release(l);
    lock_release(NULL);
    CHECK(!held(&owner));
    CHECK_OK(lock_acquire(dir, &l, &err));
    lock_release(l);
}

TEST(bad_urls_and_folders)
{
    struct lock *l;
    char url[LOCK_URL_MAX + 1];
    memset(url, 'u', sizeof url);
    CHECK_FAILS(lock_acquire(STR("/no/such/folder"), &l, &err), ERR_NOT_FOUND);
    CHECK_OK(lock_acquire(str_of(test_tmpdir()), &l, &err));
    CHECK_OK(lock_set_url(l, str_make(url, LOCK_URL_MAX), &err));
    CHECK_FAILS(lock_set_url(l, str_make(url, LOCK_URL_MAX + 1), &err), ERR_INVALID);
    CHECK_FAILS(lock_set_url(l, STR("a\nb"), &err), ERR_INVALID);
    lock_release(l);
}

TEST(a_killed_owner_gives_it_back)
{
    struct lock *l;
    struct lock_owner owner;
    int ready[2];
    char byte;
    CHECK(test_tmpdir() && pipe(ready) == 0); /* the folder is made before the fork */
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_OK(lock_acquire(str_of(test_tmpdir()), &l, &err));
        CHECK(write(ready[1], "x", 1) == 1);
        pause();
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK_FAILS(lock_acquire(str_of(test_tmpdir()), &l, &err), ERR_UNAVAILABLE);
    CHECK(held(&owner));
    CHECK_INT(owner.pid, pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(!held(&owner));
    CHECK_OK(lock_acquire(str_of(test_tmpdir()), &l, &err));
    lock_release(l);
}
