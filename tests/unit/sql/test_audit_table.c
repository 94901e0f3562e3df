/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/audit_table.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/result.h"
#include "govern/audit.h"
#include "govern/roles.h"
#include "io/spool.h"
#include "sql/lake.h"
#include "sql/sql.h"
#include "test.h"

struct world {
    struct arena *a;
    struct lake *lake;
    struct identity root;
    int64_t role;
};

static void open_lake(struct world *w)
{
    struct error err = { 0 };
    struct lake_options o = { .dir = arena_printf(test_arena(), "%s/data", test_tmpdir()).ptr,
                              .threads = 2 };
    CHECK_OK(lake_open(&o, &w->lake, &err));
}

static void begin(struct world *w)
{
    struct error err = { 0 };
    struct principal_secret secret;
    struct principal root;
    const struct identity *who;
    *w = (struct world){ .a = test_arena() };
    open_lake(w);
    CHECK_OK(principals_bootstrap(w->lake->govern, w->a, &secret, &err));
    CHECK_OK(principal_by_name(w->lake->govern, STR("root"), w->a, &root, &err));
    CHECK_OK(
        principal_identity(w->lake->govern, root.id, (str){ 0 }, STR("test"), w->a, &who, &err));
    w->root = *who;
}

static struct access by(struct world *w, const struct identity *who, const char *request)
{
    return (struct access){ .govern = w->lake->govern,
                            .who = who,
                            .request_id = str_of(request),
                            .peer = STR("10.0.0.7") };
}

static int64_t number(struct world *w, const char *sql)
{
    struct error err = { 0 };
    struct access x = by(w, &w->root, "reader");
    struct sql_request req = { .text = str_of(sql), .access = &x };
    struct sql_outcome out;
    const struct chunk *chunk;
    CHECK_OK(sql_execute(w->lake, &req, w->a, &out, &err));
    CHECK_OK(result_next(out.rows, &chunk, &err));
    int64_t n = chunk ? column_i64(&chunk->columns[0], 0) : 0;
    sql_close(&out);
    return n;
}

static bool decide(struct world *w, const struct identity *who, const char *request,
                   const char *table)
{
    struct error err = { 0 };
    struct access x = by(w, who, request);
    str level = STR("a");
    struct securable t = { SECURABLE_TABLE, &level, 1, str_of(table) };
    return access_check(&x, TABLE_DROP, &t, STR("dev"), &err);
}

/* What was decided is in the table when somebody asks for it, with who, what, where and why. */
TEST(decisions_are_read_through_sql)
{
    struct world w;
    struct identity nobody = { .principal = STR("eve'; --\n\xff"), .principal_id = 9 };
    begin(&w);
    CHECK(decide(&w, &w.root, "r-1", "t"));
    CHECK(!decide(&w, &nobody, "r-2", "t\"\\"));
    CHECK_INT(number(&w, "SELECT count(*) FROM system.audit_logs WHERE request_id LIKE 'r-%'"), 2);
    CHECK_INT(number(&w,
                     "SELECT count(*) FROM system.audit_logs WHERE request_id = 'r-1' AND allowed"
                     " AND principal = 'root' AND action = 'TABLE_DROP' AND object_kind = 'table'"
                     " AND object = 'a.t' AND ref = 'dev' AND reason = 'granted'"
                     " AND peer = '10.0.0.7' AND credential = 'test'"
                     " AND abs(epoch(now()) - epoch(time)) < 3600"),
              1);
    CHECK_INT(number(&w, "SELECT count(*) FROM system.audit_logs WHERE request_id = 'r-2'"
                         " AND NOT allowed AND reason = 'no grant' AND principal LIKE 'eve%'"),
              1);
    /* Reading it is a decision too. */
    CHECK(number(&w, "SELECT count(*) FROM system.audit_logs WHERE object = 'system.audit_logs'"
                     " AND action = 'TABLE_READ_DATA'") > 0);
    lake_close(w.lake);
}

/* A process that ends without a word loses nothing; nothing is written twice when it ended between commit and removal. */
TEST(nothing_is_lost_or_twice_when_the_process_ends)
{
    struct world w;
    struct error err = { 0 };
    struct spool_segment *segments;
    size_t n;
    begin(&w);
    for (int i = 0; i < 10; i++)
        CHECK(decide(&w, &w.root, "first", "t"));
    /* The segment as it was, put back after it has been moved: the process died before it removed it. */
    CHECK_OK(spool_seal(audit_spool(w.lake->govern), w.a, &segments, &n, &err));
    CHECK_INT(n, 1);
    const char *copy = arena_printf(w.a, "%s/copy", test_tmpdir()).ptr;
    const char *place = arena_cstr(w.a, segments[0].path);
    CHECK(link(place, copy) == 0);
    CHECK_OK(audit_flush(w.lake, &err));
    CHECK(faccessat(AT_FDCWD, place, F_OK, 0) != 0);
    CHECK(rename(copy, place) == 0);
    lake_close(w.lake);
    open_lake(&w);
    CHECK(decide(&w, &w.root, "second", "t"));
    lake_close(w.lake); /* with decisions in the spool */
    open_lake(&w);
    CHECK_INT(number(&w, "SELECT count(*) FROM system.audit_logs WHERE request_id = 'first'"), 10);
    CHECK_INT(number(&w, "SELECT count(*) FROM system.audit_logs WHERE request_id = 'second'"), 1);
    CHECK(faccessat(AT_FDCWD, place, F_OK, 0) != 0);
    lake_close(w.lake);
}

/* Decides until it is killed, telling each decision after it was made, and moves segments all the time. */
_Noreturn static void decide_for_ever(struct world *w, int told, int64_t first)
{
    struct error err = { 0 };
    for (int64_t i = first;; i++) {
        char name[32];
        snprintf(name, sizeof name, "k-%lld", (long long)i);
        if (!decide(w, &w->root, name, "t") || write(told, &i, sizeof i) != sizeof i ||
            (i % 5 == 4 && !audit_flush(w->lake, &err)))
            _exit(1);
    }
}

/* Killed at eight moments, segments moving: what was told is in the table once, and at most one more that was not told a kill. */
TEST(kills_lose_nothing_and_repeat_nothing)
{
    struct world w;
    int64_t next = 0, kills = 0;
    struct rand r;
    begin(&w);
    lake_close(w.lake);
    rand_init(&r, test_seed());
    for (; kills < 8; kills++) {
        int told[2];
        int64_t got;
        CHECK(pipe(told) == 0);
        pid_t child = fork();
        if (child == 0) {
            open_lake(&w);
            decide_for_ever(&w, told[1], next);
        }
        close(told[1]);
        CHECK(read(told[0], &got, sizeof got) == sizeof got);
        env_sleep_us(env_real(), (int64_t)rand_below(&r, 120000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(told[0], &got, sizeof got) == sizeof got)
            continue;
        close(told[0]);
        next = got + 2; /* one may have been made and not told */
    }
    open_lake(&w);
    int64_t rows = number(&w, "SELECT count(*) FROM system.audit_logs WHERE request_id LIKE 'k-%'");
    int64_t once = number(
        &w, "SELECT count(DISTINCT request_id) FROM system.audit_logs WHERE request_id LIKE 'k-%'");
    CHECK_INT(rows, once);
    /* next counts one number for each kill that may not have been used. */
    CHECK(rows >= next - kills && rows <= next);
    printf("%lld decisions, %lld kills\n", (long long)rows, (long long)kills);
    lake_close(w.lake);
}

/* Without access control nothing is decided and nothing written. */
TEST(off_means_no_spool)
{
    struct world w = { .a = test_arena() };
    struct error err = { 0 };
    open_lake(&w);
    CHECK(audit_spool(w.lake->govern) == NULL);
    CHECK_OK(audit_flush(w.lake, &err));
    CHECK(faccessat(AT_FDCWD, arena_printf(w.a, "%s/audit", w.lake->dir).ptr, F_OK, 0) != 0);
    lake_close(w.lake);
}
