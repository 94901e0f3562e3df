/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that commits from several threads is killed at a moment of chance, again and again.
 * Each thread counts in a property of a table; a count is reported once its commit was
 * acknowledged. After each kill, in a process of its own:
 *
 *   - the count is the last one reported, or the one after it that was under way;
 *   - the log has exactly one commit for each count;
 *   - the last commit, sent again under its idempotency key, changes nothing.
 *
 * FIRN_KILLS says how often (default 40). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "catalog/history.h"
#include "fixture.h"

#define WRITERS 5
#define KILLS_DEFAULT 40
#define MAIN ((str){ 0 })

/* The last writers share a table. */
static const char *const tables[WRITERS] = { "a", "b", "c", "both", "both" };

struct counts {
    int64_t at[WRITERS];
    char head[SHA256_TEXT_LEN + 1]; /* of main, when they were checked */
};

struct report {
    int64_t writer, count;
};

/* ---- counting ---- */

static bool set_count(struct fixture *f, int writer, int64_t count, struct arena *a, bool *replayed,
                      struct error *err)
{
    struct property p = { arena_printf(a, "n%d", writer),
                          arena_printf(a, "%lld", (long long)count) };
    struct table_update u = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change change = {
        .ns = STR("ns"), .name = str_of(tables[writer]), .updates = &u, .updates_n = 1
    };
    struct commit_info info = { .idempotency_key =
                                    arena_printf(a, "%d-%lld", writer, (long long)count) };
    struct commit_result r;
    if (!catalog_commit(f->catalog, MAIN, &change, 1, &info, a, &r, err))
        return false;
    *replayed = r.replayed;
    return true;
}

static int64_t get_count(struct fixture *f, int writer)
{
    struct error err;
    struct table t;
    int64_t n = 0;
    CHECK_OK(catalog_load_table(f->catalog, MAIN, STR("ns"), str_of(tables[writer]), f->arena, &t,
                                &err));
    str text =
        property_get(&t.metadata->properties, arena_printf(f->arena, "n%d", writer).ptr, STR("0"));
    CHECK(str_to_i64(text, &n));
    return n;
}

/* ---- the process that is killed ---- */

struct victim {
    struct fixture f;
    struct counts from;
    int fd;
};

static bool count_on(void *ctx, size_t writer, struct error *err)
{
    struct victim *v = ctx;
    struct arena *a = arena_create(0);
    for (int64_t n = v->from.at[writer] + 1;; n++) {
        bool replayed;
        if (!set_count(&v->f, (int)writer, n, a, &replayed, err))
            test_fail(__FILE__, __LINE__, "writer %zu count %lld: %s", writer, (long long)n,
                      err->msg);
        CHECK(!replayed);
        struct report r = { (int64_t)writer, n };
        CHECK(write(v->fd, &r, sizeof r) == (ssize_t)sizeof r); /* as one: it fits the pipe */
        arena_reset(a);
    }
}

static _Noreturn void be_killed(const struct counts *from, int fd)
{
    static struct victim v;
    struct error err;
    v.from = *from;
    v.fd = fd;
    log_set_level(LOG_ERROR);
    open_parts(&v.f, test_tmpdir());
    struct catalog_options o = { .db = v.f.db, .store = v.f.store, .env = v.f.env };
    if (!catalog_open(&o, &v.f.catalog, &err))
        test_fail(__FILE__, __LINE__, "open: %s", err.msg);
    struct pool *p = pool_create("writers", WRITERS, WRITERS);
    (void)!pool_for(p, WRITERS, count_on, &v, &err);
    _exit(1);
}

/* Starts it, kills it after some microseconds, takes down what it reported; the number of reports. */
static int kill_one(struct counts *c, struct rand *rng)
{
    int fds[2], n = 0;
    struct report r;
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        be_killed(c, fds[1]);
    close(fds[1]);
    struct pollfd p = { .fd = fds[0], .events = POLLIN };
    bool early = rand_below(rng, 10) == 0; /* while it opens the database */
    CHECK(early || poll(&p, 1, 30000) == 1);
    usleep((useconds_t)rand_below(rng, 20000));
    CHECK(kill(pid, SIGKILL) == 0);
    while (read(fds[0], &r, sizeof r) == (ssize_t)sizeof r) {
        CHECK_INT(r.count, c->at[r.writer] + 1);
        c->at[r.writer] = r.count;
        n++;
    }
    close(fds[0]);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return n;
}

/* ---- the process that looks afterwards ---- */

static int64_t count_log(struct fixture *f, const char *since, str *head)
{
    struct error err;
    struct log_page page;
    str ref = STR("main");
    int64_t n = 0;
    for (;;) {
        CHECK_OK(catalog_log(f->catalog, ref, (str){ 0 }, 1000, f->arena, &page, &err));
        if (str_is(ref, "main"))
            *head = page.commits[0].id;
        for (size_t i = 0; i < page.n; i++) {
            if (str_is(page.commits[i].id, since))
                return n;
            n++;
        }
        CHECK(page.next.len > 0);
        ref = page.next;
    }
}

/* Leaves the counts that are there in *c, which must be those reported, or one more each. */
static void check_counts(struct counts *c, const struct counts *before)
{
    struct fixture f;
    struct error err;
    str head;
    int64_t done = 0;
    fixture_open(&f);
    for (int i = 0; i < WRITERS; i++) {
        int64_t n = get_count(&f, i);
        bool replayed = true;
        if (n != c->at[i] && n != c->at[i] + 1)
            test_fail(__FILE__, __LINE__, "writer %d was told %lld and finds %lld", i,
                      (long long)c->at[i], (long long)n);
        c->at[i] = n;
        done += n - before->at[i];
        if (n > 0)
            CHECK_OK(set_count(&f, i, n, f.arena, &replayed, &err));
        CHECK(replayed);
    }
    CHECK_INT(count_log(&f, before->head, &head), done);
    memcpy(c->head, head.ptr, SHA256_TEXT_LEN);
    fixture_close(&f);
}

/* In a process of its own, so that threads and caches of one round do not stay for the next. */
static void check_in_child(struct counts *c, const struct counts *before)
{
    int fds[2], status;
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        check_counts(c, before);
        _exit(write(fds[1], c, sizeof *c) == (ssize_t)sizeof *c ? 0 : 1);
    }
    close(fds[1]);
    bool got = read(fds[0], c, sizeof *c) == (ssize_t)sizeof *c;
    close(fds[0]);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(got);
}

static void make_tables(struct counts *c)
{
    struct fixture f;
    str head;
    fixture_open(&f);
    make_namespace(&f, "ns");
    for (int i = 0; i < WRITERS - 1; i++)
        make_table(&f, tables[i]);
    struct error err;
    struct log_page page;
    CHECK_OK(catalog_log(f.catalog, STR("main"), (str){ 0 }, 1, f.arena, &page, &err));
    head = page.commits[0].id;
    memcpy(c->head, head.ptr, SHA256_TEXT_LEN);
    fixture_close(&f);
}

TEST(every_acknowledged_commit_survives_a_kill)
{
    struct counts c = { 0 };
    struct rand rng;
    int64_t kills = KILLS_DEFAULT, reported = 0;
    const char *text = getenv("FIRN_KILLS");
    CHECK(!text || (str_to_i64(str_of(text), &kills) && kills > 0));
    rand_init(&rng, test_seed());
    make_tables(&c);
    for (int64_t i = 0; i < kills; i++) {
        struct counts before = c;
        reported += kill_one(&c, &rng);
        check_in_child(&c, &before);
    }
    CHECK(reported > kills); /* or it was killed too early to mean something */
    printf("%lld kills, %lld commits acknowledged\n", (long long)kills, (long long)reported);
}
