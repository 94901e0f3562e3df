/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

static char captured[400000];

static int capture_begin(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/log", test_tmpdir());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    int saved = dup(STDERR_FILENO);
    CHECK(fd >= 0 && saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    return saved;
}

static str capture_end(int saved)
{
    ssize_t n = pread(STDERR_FILENO, captured, sizeof captured, 0);
    CHECK(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    CHECK(n >= 0);
    return str_make(captured, (size_t)n);
}

TEST(a_line_is_logfmt)
{
    int saved = capture_begin();
    log_warn("commit", "retry table=%s attempt=%d", "a.b", 2);
    str line = capture_end(saved);
    CHECK(str_starts(line, STR("ts=")));
    int64_t us, now = env_now_us(env_real());
    ptrdiff_t space = str_find_char(line, ' ');
    CHECK(space > 0 && time_parse(str_sub(line, 3, (size_t)space), &us, NULL));
    CHECK(us <= now && us > now - 60 * US_PER_S);
    CHECK_STR(str_from(line, (size_t)space),
              " level=warn mod=commit msg=\"retry table=a.b attempt=2\"\n");
}

TEST(an_event_stays_one_line)
{
    int saved = capture_begin();
    log_error("http", "%s", "a \"quoted\"\nlevel=error \\ \t\x01 \xc3\xa9");
    str line = capture_end(saved);
    CHECK(str_ends(line, STR("msg=\"a \\\"quoted\\\"\\nlevel=error \\\\ \\x09\\x01 \xc3\xa9\"\n")));
    CHECK_INT(str_find_char(line, '\n'), (long long)line.len - 1);
}

TEST(long_events_are_cut)
{
    for (int n = 2900; n < 3100; n += 7) {
        int saved = capture_begin();
        log_error("m", "%0*d", n, 0);
        log_error("m", "%*s\n\n\n", n, "\"\"\"");
        str line = capture_end(saved);
        CHECK(line.len < 2 * 4096);
        CHECK(str_ends(line, n < 2997 ? STR("\\n\"\n") : STR("...\"\n")));
    }
    int saved = capture_begin();
    char quotes[2000];
    memset(quotes, '"', sizeof quotes);
    log_error("m", "%.*s%.*s", 2000, quotes, 900, quotes);
    str line = capture_end(saved);
    CHECK(line.len <= 4096 && str_ends(line, STR("...\"\n")));
}

TEST(levels_are_obeyed)
{
    int saved = capture_begin();
    log_info("m", "not by default");
    log_set_level(LOG_DEBUG);
    log_debug("m", "now");
    log_set_level(LOG_ERROR);
    log_warn("m", "not any more");
    str line = capture_end(saved);
    CHECK(str_find(line, STR("not")) < 0 && str_find(line, STR("msg=\"now\"")) > 0);
    CHECK(!log_enabled(LOG_WARN) && log_enabled(LOG_ERROR));
}

TEST(level_names)
{
    enum log_level level = LOG_ERROR;
    CHECK(log_level_parse("debug", &level) && level == LOG_DEBUG);
    CHECK(log_level_parse("warn", &level) && level == LOG_WARN);
    CHECK(!log_level_parse("loud", &level) && level == LOG_WARN);
    CHECK(!log_level_parse("", &level));
}

static void log_often(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_error("t", "%s %s", (const char *)arg, "................................");
}

TEST(lines_of_several_threads_do_not_mix)
{
    static char a[] = "aaaa", b[] = "bbbb";
    int saved = capture_begin();
    struct thread *one = thread_start("a", log_often, a), *two = thread_start("b", log_often, b);
    thread_join(one);
    thread_join(two);
    str rest = capture_end(saved), line;
    int lines = 0;
    while (str_next(&rest, '\n', &line) && line.len) {
        CHECK(str_starts(line, STR("ts=")));
        CHECK(str_ends(line, STR("aaaa ................................\"")) ||
              str_ends(line, STR("bbbb ................................\"")));
        lines++;
    }
    CHECK_INT(lines, 1000);
}
