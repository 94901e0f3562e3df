/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewrites of manifests and of delete files under faults all along their operations on the store: whatever happens, the rows are
 * those from before, and the next call does the work. */
#include <unistd.h>

#include "fault/child.h"
#include "io/fault.h"
#include "io/store.h"
#include "unit/sql/lake_test.h"

#define ROWS "SELECT string_agg(id || name, ' ' ORDER BY id) FROM s.t"
#define BEFORE "0n0 2n2 4n4 5n5 8n8"
#define OPERATIONS_MAX 400

/* What is called, on which format, and what is counted then. */
static const struct {
    const char *call, *count, *after;
    int version;
} cases[] = {
    { "CALL system.rewrite_manifests('s.t')",
      "SELECT count(*) FILTER (content = 0) FROM s.\"t$manifests\"", "1", 2 },
    { "CALL system.rewrite_position_delete_files('s.t', map('min-input-files', '2'))",
      "SELECT count(*) FROM s.\"t$delete_files\"", "1", 2 },
    { "CALL system.rewrite_position_delete_files('s.t')",
      "SELECT count(*) FROM s.\"t$delete_files\" WHERE file_format = 'PUFFIN'", "2", 3 },
};
#define CASES (sizeof cases / sizeof *cases)

static void fill(struct lake *lake, int version)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, "CREATE TABLE s.t (id BIGINT, name VARCHAR) WITH ('format-version'='2', "
              "'write.delete.mode'='merge-on-read')");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(5) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(5, 10) r(i)");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 7)");
    ask(lake, "DELETE FROM s.t WHERE id IN (3, 6, 9)");
    if (version > 2)
        ask(lake, "CALL system.upgrade('s.t', 3)");
}

static bool call_with(struct lake *lake, const char *call, struct fault *plan)
{
    struct error err = { 0 };
    struct sql_outcome out;
    struct store *real = lake->warehouse;
    lake->warehouse = store_fault_create(real, plan);
    bool ok = execute(lake, "", false, str_of(call), &out, &err);
    if (ok)
        sql_close(&out);
    store_destroy(lake->warehouse);
    lake->warehouse = real;
    return ok;
}

static void sweep(size_t i, enum fault_kind kind, int64_t from)
{
    struct lake *lake = open_lake();
    int64_t nth = from;
    fill(lake, cases[i].version);
    str count = ask(lake, cases[i].count);
    for (bool ok = false; !ok; nth += 5) { /* some: each takes a while */
        struct fault plan = FAULT_AT(kind, nth);
        ok = call_with(lake, cases[i].call, &plan);
        CHECK(ok || fault_fired(&plan));
        CHECK(nth < OPERATIONS_MAX);
        CHECK_STR(ask(lake, ROWS), BEFORE);
        if (ok)
            CHECK_STR(ask(lake, cases[i].count), cases[i].after);
        else
            CHECK(str_eq(ask(lake, cases[i].count), count));
    }
    CHECK(nth > 5);
    lake_close(lake);
}

TEST(a_rewrite_is_whole_or_not_there_when_operations_are_refused)
{
    for (size_t i = 0; i < CASES; i++)
        sweep(i, FAULT_REFUSED, 0);
}

TEST(a_rewrite_is_whole_or_not_there_when_answers_are_lost)
{
    for (size_t i = 0; i < CASES; i++)
        sweep(i, FAULT_ANSWER_LOST, 1);
}

/* The process ends right after its nth write. */
static bool killed_at(size_t i, int64_t nth)
{
    pid_t child = fork_child();
    if (child == 0) {
        struct fault plan = FAULT_AT(FAULT_KILLED_AFTER, nth);
        plan.writes_only = true;
        struct lake *lake = open_lake();
        fill(lake, cases[i].version);
        call_with(lake, cases[i].call, &plan);
        _exit(0);
    }
    return was_killed(child);
}

TEST(a_killed_rewrite_leaves_the_table_as_it_was)
{
    for (size_t i = 0; i < CASES; i++) {
        int64_t nth = 0;
        for (; killed_at(i, nth); nth += 3) {
            struct lake *lake = open_lake();
            CHECK_STR(ask(lake, ROWS), BEFORE);
            ask(lake, cases[i].call);
            CHECK_STR(ask(lake, ROWS), BEFORE);
            CHECK_STR(ask(lake, cases[i].count), cases[i].after);
            lake_close(lake);
            CHECK(nth < OPERATIONS_MAX);
        }
        CHECK(nth > 0);
    }
}
