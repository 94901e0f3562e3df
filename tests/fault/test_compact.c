/* SPDX-License-Identifier: Apache-2.0
 *
 * Compaction under faults all along its operations on the store: whatever happens, the rows are those from before, and the next
 * compaction does the work. */
#include <unistd.h>

#include "fault/child.h"
#include "io/fault.h"
#include "io/store.h"
#include "unit/sql/lake_test.h"

#define ROWS "SELECT string_agg(id || name, ' ' ORDER BY id) FROM s.t"
#define BEFORE "0n0 2n2 3n3 4n4 5n5 6u 8n8 9n9"
#define FILES                                                                                      \
    "SELECT count(*) FILTER (content = 0), count(*) FILTER (content > 0) FROM s.\"t$files\""
#define COMPACT "CALL system.rewrite_data_files('s.t', options => map('rewrite-all', 'true'))"
#define OPERATIONS_MAX 400

static const char *const modes[] = {
    "'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read'",
    "'format-version'='3', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read'",
};
#define MODES (sizeof modes / sizeof *modes)

static void fill(struct lake *lake, size_t mode)
{
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, name VARCHAR) WITH (%s)", modes[mode]));
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(5) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(5, 10) r(i)");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 7)");
    ask(lake, "UPDATE s.t SET name = 'u' WHERE id = 6");
}

static bool compact_with(struct lake *lake, struct fault *plan)
{
    struct error err = { 0 };
    struct sql_outcome out;
    struct store *real = lake->warehouse;
    lake->warehouse = store_fault_create(real, plan);
    bool ok = execute(lake, "", false, STR(COMPACT), &out, &err);
    if (ok)
        sql_close(&out);
    store_destroy(lake->warehouse);
    lake->warehouse = real;
    return ok;
}

TEST(a_compaction_is_whole_or_not_there)
{
    struct lake *lake = open_lake();
    for (size_t m = 0; m < MODES; m++)
        for (int kind = FAULT_REFUSED; kind <= FAULT_ANSWER_LOST; kind++) {
            int64_t nth = kind == FAULT_REFUSED ? 0 : 3;
            fill(lake, m);
            str files = ask(lake, FILES);
            for (bool ok = false; !ok; nth += 7) { /* some: each takes a while */
                struct fault plan = FAULT_AT((enum fault_kind)kind, nth);
                ok = compact_with(lake, &plan);
                CHECK(ok || fault_fired(&plan));
                CHECK(nth < OPERATIONS_MAX);
                CHECK_STR(ask(lake, ROWS), BEFORE);
                CHECK(ok ? str_is(ask(lake, FILES), "1|0") : str_eq(ask(lake, FILES), files));
            }
            CHECK(nth > 7);
        }
    lake_close(lake);
}

/* The process ends right after its nth write. */
static bool killed_at(size_t mode, int64_t nth)
{
    pid_t child = fork_child();
    if (child == 0) {
        struct fault plan = FAULT_AT(FAULT_KILLED_AFTER, nth);
        plan.writes_only = true;
        struct lake *lake = open_lake();
        fill(lake, mode);
        compact_with(lake, &plan);
        _exit(0);
    }
    return was_killed(child);
}

TEST(a_killed_compaction_leaves_the_table_as_it_was)
{
    int64_t nth = 0;
    while (killed_at(1, nth)) { /* every second write */
        struct lake *lake = open_lake();
        CHECK_STR(ask(lake, ROWS), BEFORE);
        ask(lake, COMPACT);
        CHECK_STR(ask(lake, ROWS), BEFORE);
        CHECK_STR(ask(lake, FILES), "1|0");
        lake_close(lake);
        nth += 2;
        CHECK(nth < OPERATIONS_MAX);
    }
    CHECK(nth > 1);
}
