/* SPDX-License-Identifier: Apache-2.0 */
#include "io/spool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "test.h"

static str place(void)
{
    return arena_printf(test_arena(), "%s/spool", test_tmpdir());
}

static str content(const struct spool_segment *s)
{
    char *text = arena_alloc(test_arena(), (size_t)s->bytes);
    int fd = open(arena_cstr(test_arena(), s->path), O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, (size_t)s->bytes) == s->bytes);
    close(fd);
    return str_make(text, (size_t)s->bytes);
}

TEST(lines_are_sealed_read_and_removed)
{
    struct spool *s;
    struct spool_segment *at;
    size_t n;
    struct error err = { 0 };
    CHECK_OK(spool_open(place(), env_real(), &s, &err));
    CHECK_INT(spool_pending(s), 0);
    CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
    CHECK_INT(n, 0);
    CHECK_OK(spool_append(s, STR("one\n"), &err));
    CHECK_OK(spool_append(s, STR("two\n"), &err));
    CHECK_INT(spool_pending(s), 8);
    CHECK_OK(spool_sync(s, &err));
    CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
    CHECK_INT(n, 1);
    CHECK_STR(content(&at[0]), "one\ntwo\n");
    CHECK_OK(spool_append(s, STR("three\n"), &err));
    CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
    CHECK_INT(n, 2);
    CHECK_STR(content(&at[1]), "three\n");
    CHECK_OK(spool_remove(s, at[0].id, &err));
    CHECK_OK(spool_remove(s, at[0].id, &err));
    CHECK_FAILS(spool_remove(s, STR("../x"), &err), ERR_INVALID);
    CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
    CHECK_INT(n, 1);
    spool_close(s);
}

/* A line that was appended is there after the process was killed, at every place of an endless loop. */
TEST(a_killed_process_loses_no_line)
{
    struct spool *s;
    struct spool_segment *at;
    size_t n;
    struct error err = { 0 };
    int told[2];
    str dir = place();
    CHECK(pipe(told) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (!spool_open(dir, env_real(), &s, &err))
            _exit(1);
        for (int64_t i = 0;; i++) {
            char line[32];
            int len = snprintf(line, sizeof line, "%lld\n", (long long)i);
            if (!spool_append(s, str_make(line, (size_t)len), &err) ||
                write(told[1], &i, sizeof i) != sizeof i)
                _exit(1);
        }
    }
    int64_t last = -1;
    while (last < 2000)
        CHECK(read(told[0], &last, sizeof last) == sizeof last);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(told[1]);
    while (read(told[0], &last, sizeof last) == sizeof last)
        continue;
    CHECK_OK(spool_open(place(), env_real(), &s, &err));
    CHECK(spool_pending(s) > 0);
    CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
    CHECK_INT(n, 1);
    str rest = content(&at[0]), line;
    int64_t want = 0, got;
    while (str_next(&rest, '\n', &line) && line.len)
        CHECK(str_to_i64(line, &got) && got == want++);
    CHECK(want > last && want <= last + 2);
    spool_close(s);
}

/* Every way a segment can be cut off: only whole lines stay. */
TEST(what_a_power_failure_cut_off_is_cut_away)
{
    static const char text[] = "first\nsecond\nthird\n";
    const str whole_text = str_of(text);
    struct error err = { 0 };
    for (size_t len = 0; len < sizeof text; len++) {
        struct spool *s;
        struct spool_segment *at;
        size_t n;
        CHECK_OK(spool_open(place(), env_real(), &s, &err));
        CHECK_OK(spool_append(s, whole_text, &err));
        CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
        CHECK_INT(n, 1);
        CHECK(truncate(arena_cstr(test_arena(), at[0].path), (off_t)len) == 0);
        spool_close(s);
        CHECK_OK(spool_open(place(), env_real(), &s, &err));
        CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
        size_t whole = len;
        while (whole > 0 && text[whole - 1] != '\n')
            whole--;
        CHECK_INT(n, whole > 0 ? 1 : 0);
        if (n) {
            CHECK_INT(at[0].bytes, whole);
            CHECK_OK(spool_remove(s, at[0].id, &err));
        }
        spool_close(s);
    }
}

struct writers {
    struct spool *s;
    atomic_int written;
};

static bool write_some(void *ctx, size_t i, struct error *err)
{
    struct writers *w = ctx;
    for (int k = 0; k < 200; k++) {
        char line[64];
        int len = snprintf(line, sizeof line, "%zu-%d\n", i, k);
        if (!spool_append(w->s, str_make(line, (size_t)len), err))
            return false;
        atomic_fetch_add(&w->written, 1);
    }
    return true;
}

static void seal_all(struct spool *s, int *lines)
{
    struct error err = { 0 };
    struct spool_segment *at;
    size_t n;
    CHECK_OK(spool_seal(s, test_arena(), &at, &n, &err));
    for (size_t i = 0; i < n; i++) {
        str rest = content(&at[i]), line;
        while (str_next(&rest, '\n', &line) && line.len)
            ++*lines;
        CHECK_OK(spool_remove(s, at[i].id, &err));
    }
}

static void seal_often(void *arg)
{
    struct writers *w = arg;
    int lines = 0;
    while (atomic_load(&w->written) < 8 * 200)
        seal_all(w->s, &lines);
    seal_all(w->s, &lines);
    CHECK_INT(lines, 8 * 200);
}

TEST(no_line_is_lost_while_segments_change)
{
    struct writers w = { 0 };
    struct error err = { 0 };
    CHECK_OK(spool_open(place(), env_real(), &w.s, &err));
    struct pool *pool = pool_create("test", 4, 16);
    struct thread *sealer = thread_start("sealer", seal_often, &w);
    CHECK_OK(pool_for(pool, 8, write_some, &w, &err));
    thread_join(sealer);
    pool_destroy(pool);
    spool_close(w.s);
}

TEST(long_lines_are_refused)
{
    struct spool *s;
    struct error err = { 0 };
    char *line = arena_alloc(test_arena(), SPOOL_LINE_MAX + 1);
    memset(line, 'x', SPOOL_LINE_MAX + 1);
    line[SPOOL_LINE_MAX] = '\n';
    CHECK_OK(spool_open(place(), env_real(), &s, &err));
    CHECK_FAILS(spool_append(s, str_make(line, SPOOL_LINE_MAX + 1), &err), ERR_LIMIT);
    CHECK_OK(spool_append(s, str_make(line + 1, SPOOL_LINE_MAX), &err));
    spool_close(s);
}
