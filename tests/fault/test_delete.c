/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE, UPDATE and MERGE under every single fault of the store: the operation with number n is refused, or done with its
 * answer lost, or the process is killed after a write.  The statement succeeds or fails; the table then has the
 * rows from before or from after. */
#include <unistd.h>

#include "fault/child.h"
#include "io/fault.h"
#include "io/store.h"
#include "unit/sql/lake_test.h"

#define ROWS "SELECT string_agg(id || name, ' ' ORDER BY id) FROM s.t"
#define OPERATIONS_MAX 400

static const struct {
    const char *sql, *after;
} changes[] = {
    { "DELETE FROM s.t WHERE id % 4 = 1", "0n0 2n2 3n3 4n4 6n6 7n7 8n8" },
    { "UPDATE s.t SET name = 'u' WHERE id IN (2, 7)", "0n0 1n1 2u 3n3 4n4 5n5 6n6 7u 8n8 9n9" },
    { "MERGE INTO s.t USING (VALUES (3, 'x'), (40, 'y')) v(id, name) ON t.id = v.id WHEN MATCHED THEN DELETE WHEN NOT "
      "MATCHED THEN INSERT *",
      "0n0 1n1 2n2 4n4 5n5 6n6 7n7 8n8 9n9 40y" },
};
#define BEFORE "0n0 1n1 2n2 3n3 4n4 5n5 6n6 7n7 8n8 9n9"

static const char *const modes[] = {
    "'format-version'='2'",
    "'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
    "'write.merge.mode'='merge-on-read'",
    "'format-version'='3', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
    "'write.merge.mode'='merge-on-read'",
};
#define MODES (sizeof modes / sizeof *modes)

static void fill(struct lake *lake, const char *properties)
{
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, name VARCHAR) WITH (%s)", properties));
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(5) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i FROM range(5, 10) r(i)");
}

/* The statement over a store with this fault; whether it succeeded. */
static bool change_with(struct lake *lake, const char *sql, struct fault *plan)
{
    struct error err = { 0 };
    struct sql_outcome out;
    struct store *real = lake->warehouse;
    lake->warehouse = store_fault_create(real, plan);
    bool ok = execute(lake, "", false, str_of(sql), &out, &err);
    if (ok)
        sql_close(&out);
    store_destroy(lake->warehouse);
    lake->warehouse = real;
    return ok;
}

static void sweep(struct lake *lake, size_t mode, size_t change, enum fault_kind kind, bool reads)
{
    int64_t nth = 0;
    fill(lake, modes[mode]);
    for (bool ok = false; !ok; nth++) {
        struct fault plan = FAULT_AT(kind, nth);
        plan.writes_only = !reads;
        ok = change_with(lake, changes[change].sql, &plan);
        CHECK(ok || fault_fired(&plan));
        CHECK(nth < OPERATIONS_MAX);
        CHECK_STR(ask(lake, ROWS), ok ? changes[change].after : BEFORE);
    }
    CHECK(nth > 2);
}

TEST(a_change_is_whole_or_not_there)
{
    static const struct {
        size_t mode, change;
        bool reads;
    } runs[] = {
        { 0, 0, false }, { 1, 0, false }, { 1, 2, false }, { 2, 1, false }, { 2, 2, true }
    };
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        sweep(lake, runs[i].mode, runs[i].change, FAULT_REFUSED, runs[i].reads);
        sweep(lake, runs[i].mode, runs[i].change, FAULT_ANSWER_LOST, runs[i].reads);
    }
    lake_close(lake);
}

/* The process ends right after its nth write. */
static bool killed_at(size_t mode, size_t change, int64_t nth)
{
    pid_t child = fork_child();
    if (child == 0) {
        struct fault plan = FAULT_AT(FAULT_KILLED_AFTER, nth);
        plan.writes_only = true;
        struct lake *lake = open_lake();
        fill(lake, modes[mode]);
        change_with(lake, changes[change].sql, &plan);
        _exit(0);
    }
    return was_killed(child);
}

TEST(a_killed_change_leaves_the_table_as_it_was)
{
    for (size_t m = 1; m < MODES; m++) {
        int64_t nth = 0;
        while (killed_at(m, m, nth)) {
            struct lake *lake = open_lake();
            CHECK_STR(ask(lake, ROWS), BEFORE); /* the commit is no write of this store */
            ask(lake, changes[m].sql);
            CHECK_STR(ask(lake, ROWS), changes[m].after);
            lake_close(lake);
            CHECK(++nth < OPERATIONS_MAX);
        }
        CHECK(nth > 2);
    }
}
