/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that fills during a commit: the data directory lies on a small file system of which a
 * ballast leaves a little more free each time, so that every step of a commit is the one that finds
 * no room. Each attempt is answered with success, or with a 4xx that says that the disk is full;
 * the table is as before or as after; and with room again the same request succeeds. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "iceberg_test.h"

#define DISK "size=24m"
#define STEP_BYTES 4096
#define STEPS 40
#define TABLE "/v1/namespaces/a/tables/t"

static const char *ballast(void)
{
    return arena_printf(test_arena(), "%s/ballast", test_tmpdir()).ptr;
}

/* Fills the disk but for `left` bytes. */
static void fill(int64_t left)
{
    struct statvfs st;
    CHECK(statvfs(test_tmpdir(), &st) == 0);
    int64_t size = (int64_t)(st.f_bavail * st.f_bsize) - left;
    int fd = open(ballast(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && size > 0 && posix_fallocate(fd, 0, size) == 0);
    close(fd);
}

static str property(struct app *app)
{
    const struct json *m = reply_metadata(get(app, TABLE));
    const struct json *v = json_get(json_get(m, "properties"), "n");
    return v ? v->s : STR("none");
}

static struct reply commit(struct app *app, int n)
{
    return send(app, "POST", TABLE,
                json_f("{'requirements':[],'updates':[{'action':'set-properties','updates':"
                       "{'n':'%d'}}]}",
                       n));
}

TEST(a_disk_that_fills_during_a_commit)
{
    if (on_postgres())
        return; /* about this machine's disk */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", test_tmpdir(), "tmpfs", 0, DISK) != 0)
        test_skip("a small file system cannot be mounted here (errno %d)", errno);
    struct app *app = open_app();
    int failed = 0, done = 0;
    make_namespace(app, "'a'");
    EXPECT(make_table(app, "a", "t"), 200);
    str was = property(app);
    for (int i = 0; i < STEPS; i++) {
        fill((int64_t)i * STEP_BYTES);
        struct reply r = commit(app, i);
        str now = property(app);
        bool ok = r.status == 200;
        if (!ok && (r.status >= 500 || str_find(r.body, STR("no space")) < 0) &&
            str_find(r.body, STR("full")) < 0)
            test_fail(__FILE__, __LINE__, "%d bytes left: %d " STR_FMT, i * STEP_BYTES, r.status,
                      STR_ARG(r.body));
        CHECK_STR(now, ok ? arena_printf(test_arena(), "%d", i).ptr
                          : arena_printf(test_arena(), STR_FMT, STR_ARG(was)).ptr);
        CHECK(unlink(ballast()) == 0);
        failed += !ok;
        done += ok;
        if (!ok)
            EXPECT(commit(app, i), 200);
        was = property(app);
        CHECK_STR(was, arena_printf(test_arena(), "%d", i).ptr);
    }
    printf("%d without room, %d with\n", failed, done);
    CHECK(failed > 1 && done > 1);
    app_close(app);
    umount2(test_tmpdir(), MNT_DETACH);
}
