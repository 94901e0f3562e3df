/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves between snapshots, branches and tags, staged writes, overwrites and files that are added, under every single fault of
 * the store and of the database: the operation with number n is refused, or done with its answer lost, or the process is killed
 * after it.  What succeeded is there, what failed is not, and can be done then. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/child.h"
#include "catalog/table.h"
#include "engine/session.h"
#include "fault/faulty_lake.h"
#include "iceberg/metadata.h"
#include "sql/settings.h"

#define OPERATIONS_MAX 400

/* @FIRST, @LAST and @DIR stand for snapshots that fill() made, and for the warehouse. */
static const struct {
    const char *name, *sql, *wap_id;
} changes[] = {
    { "rollback", "CALL system.rollback_to_snapshot('s.t', @FIRST)", "" },
    { "set current", "CALL system.set_current_snapshot(table => 's.t', ref => 'tagged')", "" },
    { "cherry-pick", "CALL system.cherrypick_snapshot('s.t', @LAST)", "" },
    { "publish", "CALL system.publish_changes('s.t', 'staged')", "" },
    { "fast-forward", "CALL system.fast_forward('s.t', 'behind', 'main')", "" },
    { "upgrade", "CALL system.upgrade('s.t', 3)", "" },
    { "branch", "ALTER TABLE s.t CREATE BRANCH made", "" },
    { "drop", "ALTER TABLE s.t DROP TAG tagged", "" },
    { "stage", "INSERT INTO s.t SELECT 50, 'c'", "more" },
    { "to a branch", "INSERT INTO s.t.branch_behind SELECT 60, 'c'", "" },
    { "overwrite", "INSERT OVERWRITE s.t PARTITION (p = 'a') SELECT 70", "" },
    { "replace", "INSERT INTO s.t REPLACE WHERE id = 2 SELECT 80, 'z'", "" },
    { "add files", "CALL system.add_files('s.t', '@DIR/in')", "" },
};
#define CHANGES (sizeof changes / sizeof *changes)

static bool run_with(struct lake *lake, const char *sql, const char *wap_id, struct error *err)
{
    struct sql_settings settings = { .values[SETTING_WAP_ID] = str_of(wap_id) };
    struct sql_request req = { .text = str_of(sql), .settings = &settings };
    struct sql_outcome out = { 0 };
    bool ok = sql_execute(lake, &req, test_arena(), &out, err);
    if (ok)
        sql_close(&out);
    return ok;
}

static const char *with(const char *text, const char *word, const char *value)
{
    ptrdiff_t at = str_find(str_of(text), str_of(word));
    return at < 0 ? text
                  : text_f("%.*s%s%s", (int)at, text, value, text + at + (ptrdiff_t)strlen(word));
}

/* Main has rows 1 (a), 2 (a), 3 (b), of which the last is an append that was rolled back and picked no more; `behind` is at the first
 * snapshot, `tagged` too, and one write is staged. */
static const char *fill(struct lake *lake, size_t change)
{
    struct error err = { 0 };
    long long first, last;
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake,
        "CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH ('write.wap.enabled'='true', "
        "'write.delete.mode'='merge-on-read')");
    ask(lake, "INSERT INTO s.t SELECT 1, 'a'");
    ask(lake, "ALTER TABLE s.t CREATE BRANCH behind");
    ask(lake, "ALTER TABLE s.t CREATE TAG tagged");
    CHECK_OK(run_with(lake, "INSERT INTO s.t SELECT 9, 'q'", "staged", &err));
    ask(lake, "INSERT INTO s.t SELECT 3, 'b'");
    str ids = ask(lake, "SELECT h.snapshot_id FROM s.t.history h ORDER BY made_current_at LIMIT 2"),
        line;
    int64_t id = 0;
    CHECK(str_next(&ids, '\n', &line) && str_to_i64(line, &id));
    first = id;
    CHECK(str_next(&ids, '\n', &line) && str_to_i64(line, &id));
    last = id;
    ask(lake, text_f("CALL system.rollback_to_snapshot('s.t', %lld)", first));
    ask(lake, "INSERT INTO s.t VALUES (2, 'a')");
    const char *sql = changes[change].sql;
    sql = with(sql, "@FIRST", text_f("%lld", first));
    sql = with(sql, "@LAST", text_f("%lld", last));
    return with(sql, "@DIR", text_f("%s/warehouse", lake->dir));
}

static str state(struct lake *lake)
{
    str rows = ask(lake, "SELECT string_agg(id || p, ' ' ORDER BY id) FROM s.t");
    str behind = ask(lake, "SELECT string_agg(id || p, ' ' ORDER BY id) FROM s.t.branch_behind");
    str refs = ask(lake, "SELECT string_agg(name || type, ' ' ORDER BY name) FROM s.t.refs");
    str n = ask(lake, "SELECT count(*), count(summary['wap.id']) FROM s.t.snapshots");
    str ids = ask(lake, "SELECT count(_row_id) FROM s.t.branch_behind");
    str log =
        ask(lake, "SELECT value FROM s.t.properties WHERE key = 'schema.name-mapping.default'");
    return arena_printf(
        test_arena(), STR_FMT "; " STR_FMT "; " STR_FMT "; " STR_FMT "; " STR_FMT "; %d",
        STR_ARG(rows), STR_ARG(behind), STR_ARG(refs), STR_ARG(n), STR_ARG(ids), log.len > 0);
}

static int64_t version(struct lake *lake)
{
    struct error err = { 0 };
    struct table t;
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    return t.metadata->format_version;
}

static void lay_in_file(struct lake *lake)
{
    struct error err = { 0 };
    struct session *s;
    mkdir(text_f("%s/warehouse", lake->dir), 0777);
    mkdir(text_f("%s/warehouse/in", lake->dir), 0777);
    CHECK_OK(session_open(lake->engine, &s, &err));
    CHECK_OK(session_exec(
        s,
        str_of(text_f("COPY (SELECT 90 AS id, 'f' AS p) TO '%s/warehouse/in/f.parquet' (FORMAT "
                      "parquet)",
                      lake->dir)),
        &err));
    session_close(s);
}

static void sweep(struct lake *lake, size_t change, enum fault_kind kind)
{
    const char *sql = fill(lake, change), *before = state(lake).ptr, *after = NULL;
    int64_t was = version(lake), nth = 0;
    for (bool fired = true; fired; nth++) {
        struct error err = { 0 };
        struct parts p;
        CHECK(nth < OPERATIONS_MAX);
        make_faulty(&p, lake, kind, nth);
        bool ok = run_with(lake, sql, changes[change].wap_id, &err);
        fired = make_whole(&p);
        if (!ok && !fired)
            test_fail(__FILE__, __LINE__, "%s: %s", changes[change].name, err.msg);
        if (!ok)
            CHECK_STR(state(lake), before);
        if (!ok)
            continue;
        if (after)
            CHECK_STR(state(lake), after);
        after = state(lake).ptr;
        CHECK(strcmp(after, before) != 0 || version(lake) != was);
        if (fired)
            sql = fill(lake, change);
    }
    CHECK(nth > 1);
}

/* Every third change, all of them with FIRN_TEST_ALL. */
static void sweep_some(enum fault_kind kind, size_t from)
{
    size_t step = getenv("FIRN_TEST_ALL") ? 1 : 3;
    struct lake *lake = open_lake();
    lay_in_file(lake);
    for (size_t i = from % step; i < CHANGES; i += step)
        sweep(lake, i, kind);
    lake_close(lake);
}

TEST(a_change_that_is_refused_is_not_there)
{
    sweep_some(FAULT_REFUSED, 2);
}

TEST(a_change_whose_answer_is_lost_is_whole_or_not_there)
{
    sweep_some(FAULT_ANSWER_LOST, 1);
}

/* The process ends right after its nth write to store or database. */
static bool killed_at(size_t change, int64_t nth)
{
    pid_t child = fork_child();
    if (child == 0) {
        struct error err = { 0 };
        struct parts p;
        struct lake *lake = open_lake();
        lay_in_file(lake);
        const char *sql = fill(lake, change);
        make_faulty(&p, lake, FAULT_KILLED_AFTER, nth);
        (void)!run_with(lake, sql, changes[change].wap_id, &err);
        _exit(0);
    }
    return was_killed(child);
}

TEST(a_killed_change_is_whole_or_not_there)
{
    static const char *const whole[][2] = {
        /* of cherry-pick and overwrite, rows of main before and after */
        { "1a 2a", "1a 2a 3b" },
        { "1a 2a", "70a" },
    };
    static const size_t which[] = { 2, 10 };
    for (size_t i = 0; i < (getenv("FIRN_TEST_ALL") ? 2 : 1); i++) {
        int64_t nth = 0;
        bool before = false, after = false;
        for (; killed_at(which[i], nth); nth++) {
            struct lake *lake = open_lake();
            str rows = ask(lake, "SELECT string_agg(id || p, ' ' ORDER BY id) FROM s.t");
            before = before || str_is(rows, whole[i][0]);
            after = after || str_is(rows, whole[i][1]);
            CHECK(str_is(rows, whole[i][0]) || str_is(rows, whole[i][1]));
            lake_close(lake);
            CHECK(nth < OPERATIONS_MAX);
        }
        CHECK(nth > 2 && before && after);
    }
}
