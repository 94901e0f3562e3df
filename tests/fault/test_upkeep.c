/* SPDX-License-Identifier: Apache-2.0
 *
 * A round of maintenance under every single fault of the store and of the database, its own notes included: the rows are those from
 * before, no file that is named is lost, and the next round does what is left to do. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/result.h"
#include "fault/child.h"
#include "fault/faulty_lake.h"
#include "fault/tree.h"
#include "server/config.h"
#include "server/upkeep.h"
#include "sql/sql.h"
#include "unit/sql/lake_test.h"

#define WRITES_MAX 1000
#define ROWS "0n0 2n2 4n4 5n5 6n6 8n8 9n9 10n0 11n1"

static const char *dir_of(const char *name)
{
    return arena_printf(test_arena(), "%s/%s", test_tmpdir(), name).ptr;
}

static struct app *open_app(void)
{
    struct error err = { 0 };
    struct app *app;
    struct lake_options o = { .dir = dir_of("lake"), .memory_limit = TEST_MEMORY, .threads = 2 };
    CHECK_OK(app_open(&o, &app, &err));
    for (int i = 0; i < UPKEEP_ACTIONS; i++)
        CHECK(i == UPKEEP_ORPHANS || app->config->upkeep.actions[i]);
    return app;
}

static void make_base(void)
{
    struct app *app = open_app();
    struct lake *lake = app->lake;
    ask(lake, "CREATE SCHEMA s");
    ask(lake, "CREATE TABLE s.t (id BIGINT, name VARCHAR, p INTEGER) PARTITIONED BY (p) WITH ("
              "'write.delete.mode'='merge-on-read', 'history.expire.max-snapshot-age-ms'='0', "
              "'write.metadata.previous-versions-max'='3', "
              "'write.metadata.delete-after-commit.enabled'='true', "
              "'firn.maintenance.orphans'='true', "
              "'firn.maintenance.compact.min-input-files'='2')");
    for (int i = 0; i < 12; i += 3)
        ask(lake, text_f("INSERT INTO s.t SELECT i, 'n' || i %% 10, i %% 2 FROM range(%d, %d) r(i)",
                         i, i + 3));
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 7)");
    ask(lake, "DELETE FROM s.t WHERE id = 3");
    app_close(app);
    copy_tree(dir_of("lake"), dir_of("base"));
}

static void back_to_base(void)
{
    remove_tree(dir_of("lake"));
    copy_tree(dir_of("base"), dir_of("lake"));
}

static bool one_round(struct app *app, struct error *err)
{
    struct cancel stop = { 0 };
    bool held = true;
    return upkeep_round(app->upkeep, &stop, &held, err) && held;
}

static void make_due(struct lake *lake)
{
    struct error err = { 0 };
    int64_t changes;
    CHECK_OK(
        db_change(lake->db, STR("UPDATE keep_tables SET next_us = 1"), NULL, 0, &changes, &err));
}

static str rows(struct lake *lake)
{
    return ask(lake, "SELECT string_agg(id || name, ' ' ORDER BY id) FROM s.t");
}

/* The table in order: a file a partition, no deletes, the last snapshots. */
static void check_kept(struct lake *lake, const char *what)
{
    str files =
        ask(lake,
            "SELECT (SELECT string_agg(content || '/' || record_count, ' ' ORDER BY record_count) "
            "FROM s.t.files), (SELECT count(*) <= 2 FROM s.t.snapshots), (SELECT count(*) FROM "
            "s.t.manifests)");
    if (!str_is(files, "0/3 0/6|true|1"))
        test_fail(__FILE__, __LINE__, "%s: is " STR_FMT, what, STR_ARG(files));
}

/* What a fault left: the table as it was, and one more round, or two, keep it. */
static void check_after(struct app *app, const char *what)
{
    struct error err = { 0 };
    CHECK_STR(rows(app->lake), ROWS);
    all_named_is_there(app->lake, what);
    make_due(app->lake);
    if (!one_round(app, &err))
        test_fail(__FILE__, __LINE__, "%s: the next round: %s", what, err.msg);
    CHECK_STR(rows(app->lake), ROWS);
    check_kept(app->lake, what);
    clean(app->lake, what);
    CHECK_STR(rows(app->lake), ROWS);
}

static const char *what_of(enum fault_kind kind, int64_t nth)
{
    return text_f("write %lld %s", (long long)nth, fault_kind_name(kind));
}

static bool fails_at(enum fault_kind kind, int64_t nth)
{
    struct error err = { 0 };
    struct parts p;
    back_to_base();
    struct app *app = open_app();
    make_faulty(&p, app->lake, kind, nth);
    bool ok = one_round(app, &err), fired = make_whole(&p);
    if (!ok && !fired)
        test_fail(__FILE__, __LINE__, "%s: %s", what_of(kind, nth), err.msg);
    app_close(app);
    app = open_app();
    check_after(app, what_of(kind, nth));
    app_close(app);
    return fired;
}

static bool killed_at(enum fault_kind kind, int64_t nth)
{
    back_to_base();
    pid_t child = fork_child();
    if (child == 0) {
        struct error err = { 0 };
        struct parts p;
        struct app *app = open_app();
        make_faulty(&p, app->lake, kind, nth);
        _exit(one_round(app, &err) ? 0 : 1);
    }
    bool killed = was_killed(child);
    struct app *app = open_app();
    check_after(app, what_of(kind, nth));
    app_close(app);
    return killed;
}

/* Each 23rd write, or with FIRN_TEST_ALL every one. */
static void sweep(enum fault_kind kind)
{
    int64_t every = getenv("FIRN_TEST_ALL") ? 1 : 23, nth = every > 1 ? kind : 0;
    bool fired = true;
    log_set_level(LOG_ERROR);
    make_base();
    for (; fired; nth += every) {
        fired = kind >= FAULT_KILLED_BEFORE ? killed_at(kind, nth) : fails_at(kind, nth);
        CHECK(nth < WRITES_MAX);
    }
    CHECK(nth > 20); /* it has met what it is for */
}

TEST(a_round_survives_refused_writes)
{
    sweep(FAULT_REFUSED);
}

TEST(a_round_survives_lost_answers)
{
    sweep(FAULT_ANSWER_LOST);
}

TEST(a_round_survives_kills_before_writes)
{
    sweep(FAULT_KILLED_BEFORE);
}

TEST(a_round_survives_kills_after_writes)
{
    sweep(FAULT_KILLED_AFTER);
}
