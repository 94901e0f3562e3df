/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance, definitions and writes of a table under every single fault of the store and of the database: the operation with number
 * n is refused, or done with its answer lost, or the process ends before or after it.  Then, without faults:
 *
 *   - the table reads as before or as after, rows, branches, definition and counts of files alike; what was acknowledged is there, what
 *     failed is not;
 *   - every file that any snapshot, log or statistics names is there;
 *   - the operation done again leaves what one done once leaves;
 *   - what nobody names is gone once orphans were removed and garbage was collected.
 *
 * Some writes of some operations are tried each time, all of them with FIRN_TEST_ALL, those of
 * one operation with FIRN_TEST_ONLY=its name. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/session.h"
#include "catalog/table.h"
#include "fault/child.h"
#include "fault/faulty_lake.h"
#include "fault/tree.h"
#include "iceberg/metadata.h"
#include "sql/delta.h"
#include "unit/sql/lake_test.h"

#define OPERATIONS_MAX 400

/* @DIR stands for the lake's folder. */
static const struct operation {
    const char *name, *sql; /* NULL: equality deletes */
    bool partial;           /* what is done of it stays */
} operations[] = {
    { "sort",
      "CALL system.rewrite_data_files(table => 's.t', strategy => 'sort', sort_order => 'id DESC', "
      "options => map('rewrite-all', 'true'))",
      false },
    { "zorder",
      "CALL system.rewrite_data_files(table => 's.t', strategy => 'sort', sort_order => "
      "'zorder(id, name)', options => map('rewrite-all', 'true'))",
      false },
    { "in parts",
      "CALL system.rewrite_data_files(table => 's.t', options => map('rewrite-all', 'true', "
      "'partial-progress.enabled', 'true', 'remove-dangling-deletes', 'true'))",
      true },
    { "manifests", "CALL system.rewrite_manifests('s.t')", false },
    { "deletes", "CALL system.rewrite_position_delete_files('s.t', map('rewrite-all', 'true'))",
      false },
    { "expire", "CALL system.expire_snapshots('s.t', TIMESTAMP '2100-01-01 00:00:00', 1)", false },
    { "add files", "CALL system.add_files('s.t', '@DIR/warehouse/in')", false },
    { "analyze", "ANALYZE s.t", false },
    { "partition statistics", "CALL system.compute_partition_stats('s.t')", false },
    { "branch", "ALTER TABLE s.t CREATE BRANCH made RETAIN 7 DAYS", false },
    { "replace branch", "ALTER TABLE s.t REPLACE BRANCH side", false },
    { "drop branch", "ALTER TABLE s.t DROP BRANCH side", false },
    { "tag", "ALTER TABLE s.t CREATE TAG \"v 1\"", false },
    { "add column", "ALTER TABLE s.t ADD COLUMN more DOUBLE", false },
    { "rename column", "ALTER TABLE s.t RENAME COLUMN name TO title", false },
    { "widen column", "ALTER TABLE s.t ALTER COLUMN small TYPE BIGINT", false },
    { "drop column", "ALTER TABLE s.t DROP COLUMN small", false },
    { "properties",
      "ALTER TABLE s.t SET TBLPROPERTIES ('a' = 'b', 'write.metadata.compression-codec' = 'gzip')",
      false },
    { "partition", "ALTER TABLE s.t ADD PARTITION FIELD bucket(4, id)", false },
    { "order", "ALTER TABLE s.t WRITE ORDERED BY id DESC", false },
    { "overwrite", "INSERT INTO s.t REPLACE WHERE p = 1 OR id > 7 SELECT 70, 'x', 7, 1", false },
    { "dynamic overwrite", "INSERT OVERWRITE s.t SELECT 71, 'x', 7, 1", false },
    { "branch overwrite", "INSERT OVERWRITE s.t.branch_side SELECT 72, 'x', 7, 1", false },
    { "update", "UPDATE s.t SET name = 'u' WHERE id = 4", false },
    { "delete", "DELETE FROM s.t WHERE id = 4", false },
    { "merge",
      "MERGE INTO s.t USING (SELECT 4 AS id UNION ALL SELECT 90) q ON t.id = q.id WHEN MATCHED THEN "
      "DELETE WHEN NOT MATCHED THEN INSERT (id, p) VALUES (q.id, 1)",
      false },
    { "replace table",
      "CREATE OR REPLACE TABLE s.t PARTITIONED BY (p) AS SELECT 1 AS id, 'r' AS name, 1 AS "
      "small, 1 AS p",
      false },
    { "equality deletes", NULL, false },
};
#define OPERATIONS_N (sizeof operations / sizeof *operations)

static const char *base_dir(void)
{
    return arena_printf(test_arena(), "%s/base", test_tmpdir()).ptr;
}

static const char *lake_dir(void)
{
    return arena_printf(test_arena(), "%s/lake", test_tmpdir()).ptr;
}

static void lay_in_file(struct lake *lake)
{
    struct error err = { 0 };
    struct session *s;
    mkdir(text_f("%s/warehouse/in", lake->dir), 0777);
    CHECK_OK(session_open(lake->engine, &s, &err));
    CHECK_OK(
        session_exec(s,
                     str_of(text_f("COPY (SELECT 80 AS id, 'f' AS name, 2 AS small, 1 AS p) TO "
                                   "'%s/warehouse/in/f.parquet' (FORMAT parquet)",
                                   lake->dir)),
                     &err));
    session_close(s);
}

/* Two partitions with two files each, deletes, a branch that went its own way, and metadata that is forgotten after two versions. */
static void make_base(void)
{
    struct lake *lake = open_lake();
    lay_in_file(lake);
    ask(lake, "CREATE SCHEMA s");
    ask(lake,
        "CREATE TABLE s.t (id BIGINT, name VARCHAR, small INTEGER, p INTEGER) PARTITIONED BY (p) WITH ("
        "'write.delete.mode'='merge-on-read', 'write.merge.mode'='merge-on-read', "
        "'write.metadata.previous-versions-max'='2', 'firn.overwrite-mode'='dynamic', "
        "'write.metadata.delete-after-commit.enabled'='true')");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i, i % 2 FROM range(6) r(i)");
    ask(lake, "ALTER TABLE s.t CREATE BRANCH side");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i, i % 2 FROM range(6, 10) r(i)");
    ask(lake, "INSERT INTO s.t.branch_side SELECT 50, 's', 5, 0");
    ask(lake, "DELETE FROM s.t WHERE id IN (1, 6)");
    ask(lake, "DELETE FROM s.t WHERE id IN (2, 3)");
    lake_close(lake);
    copy_tree(lake_dir(), base_dir());
}

static struct lake *open_base(void)
{
    remove_tree(lake_dir());
    copy_tree(base_dir(), lake_dir());
    return open_lake();
}

/* What a reader can tell, but for names and times; of what is done in parts, only rows and branches. */
static str state(struct lake *lake, const struct operation *o)
{
    static const char *const parts[] = {
        "SELECT string_agg(t::VARCHAR, ' ' ORDER BY id) FROM s.t AS t",
        "SELECT string_agg(id, ' ' ORDER BY id) FROM s.t.branch_side",
        "SELECT string_agg(concat(name, type, max_reference_age_in_ms), ' ' ORDER BY name) FROM s.t.refs",
        "SELECT count(*) FROM s.t.snapshots",
        "SELECT count(*) FROM s.t.manifests",
        "SELECT string_agg(x, ' ' ORDER BY x) FROM (SELECT concat(content, '/', file_format, record_count, '/', "
        "sort_order_id, '/', spec_id) AS x FROM s.t.files)",
        "SELECT string_agg(concat(column_name, column_type), ' ') FROM (DESCRIBE s.t)",
        "SELECT string_agg(concat(key, '=', value), ' ' ORDER BY key) FROM s.t.properties",
    };
    struct buf *out = arena_new(test_arena(), struct buf);
    struct error err;
    struct table t;
    buf_init(out, 1 << 20);
    buf_in_arena(out, test_arena());
    CHECK_OK(
        catalog_load_table(lake->catalog, (str){ 0 }, STR("s"), STR("t"), test_arena(), &t, &err));
    buf_printf(out, "spec %d order %d statistics %zu %zu", t.metadata->default_spec_id,
               t.metadata->default_order_id, t.metadata->statistics_n,
               t.metadata->partition_statistics_n);
    for (size_t i = 0; i < (o->partial ? 3 : sizeof parts / sizeof *parts); i++) {
        struct sql_outcome done;
        buf_lit(out, "\n");
        if (i == 1 && !metadata_ref(t.metadata, STR("side"))) /* it may be dropped */
            continue;
        buf_add_str(out, ask_on(lake, "", parts[i], &done));
    }
    return str_of(arena_cstr(test_arena(), buf_str(out)));
}

/* ---- Faults */

/* Rows whose keys go as equality deletes. */
static bool upsert(struct lake *lake, struct error *e)
{
    static const str id[] = { STR_INIT("id") };
    static const str all[] = { STR_INIT("id"), STR_INIT("name"), STR_INIT("p") };
    struct error err = { 0 };
    struct sql_outcome out;
    struct session *s;
    CHECK_OK(session_open(lake->engine, &s, &err));
    CHECK_OK(session_exec(s,
                          STR("CREATE TEMP TABLE made AS SELECT unnest([4::BIGINT, 90]) AS id, 'u' "
                              "AS name, 1::INTEGER AS p"),
                          &err));
    struct delta_request q = { .table = STR("s.t"),
                               .session = s,
                               .rows = { STR("made"), all, 3 },
                               .keys = { STR("made"), id, 1 },
                               .equality = true };
    bool ok = sql_row_delta(lake, &q, test_arena(), &out, e);
    session_close(s);
    return ok;
}

static bool run(struct lake *lake, const struct operation *o, struct error *err)
{
    struct sql_outcome out = { 0 };
    if (!o->sql)
        return upsert(lake, err);
    str sql = str_of(o->sql);
    ptrdiff_t at = str_find(sql, STR("@DIR"));
    if (at >= 0)
        sql = arena_printf(test_arena(), "%.*s%s%s", (int)at, sql.ptr, lake->dir, sql.ptr + at + 4);
    if (!execute(lake, "", true, sql, &out, err))
        return false;
    sql_close(&out);
    return true;
}

/* ---- Sweeps */

/* What the operation leaves without a fault. */
static str clean_run(const struct operation *o, str *before)
{
    struct error err = { 0 };
    struct lake *lake = open_base();
    *before = state(lake, o);
    if (!run(lake, o, &err))
        test_fail(__FILE__, __LINE__, "%s: %s", o->name, err.msg);
    str after = state(lake, o);
    clean(lake, o->name);
    CHECK_STR(state(lake, o), after.ptr);
    lake_close(lake);
    return after;
}

static void check_after(struct lake *lake, const struct operation *o, const char *what, str before,
                        str after, bool told, bool ok)
{
    struct error err = { 0 };
    str now = state(lake, o);
    bool was = str_eq(now, before), is = str_eq(now, after);
    if (!was && !is)
        test_fail(__FILE__, __LINE__,
                  "%s: neither before nor after:\n" STR_FMT "\n-- before\n" STR_FMT
                  "\n-- after\n" STR_FMT,
                  what, STR_ARG(now), STR_ARG(before), STR_ARG(after));
    if (told && ok != is && !(was && is))
        test_fail(__FILE__, __LINE__, "%s: said %s, and is %s", what, ok ? "done" : "failed",
                  is ? "there" : "not there");
    all_named_is_there(lake, what);
    if (!is) {
        if (!run(lake, o, &err))
            test_fail(__FILE__, __LINE__, "%s: again: %s", what, err.msg);
        now = state(lake, o);
        if (!str_eq(now, after))
            test_fail(__FILE__, __LINE__, "%s: again:\n" STR_FMT "\n-- wanted\n" STR_FMT, what,
                      STR_ARG(now), STR_ARG(after));
    }
    clean(lake, what);
    CHECK_STR(state(lake, o), after.ptr);
}

static const char *what_of(const struct operation *o, enum fault_kind kind, int64_t nth)
{
    return text_f("%s, write %lld %s", o->name, (long long)nth, fault_kind_name(kind));
}

static bool fails_at(const struct operation *o, enum fault_kind kind, int64_t nth, str before,
                     str after)
{
    struct error err = { 0 };
    struct parts p;
    struct lake *lake = open_base();
    make_faulty(&p, lake, kind, nth);
    bool ok = run(lake, o, &err), fired = make_whole(&p);
    const char *what = what_of(o, kind, nth);
    if (!ok && !fired)
        test_fail(__FILE__, __LINE__, "%s: %s", what, err.msg);
    lake_close(lake); /* and with it what is remembered */
    lake = open_lake();
    check_after(lake, o, what, before, after, true, ok);
    lake_close(lake);
    return fired;
}

static bool killed_at(const struct operation *o, enum fault_kind kind, int64_t nth, str before,
                      str after)
{
    remove_tree(lake_dir());
    copy_tree(base_dir(), lake_dir());
    pid_t child = fork_child();
    if (child == 0) {
        struct error err = { 0 };
        struct parts p;
        struct lake *lake = open_lake();
        make_faulty(&p, lake, kind, nth);
        _exit(run(lake, o, &err) ? 0 : 1);
    }
    bool killed = was_killed(child);
    struct lake *lake = open_lake();
    check_after(lake, o, what_of(o, kind, nth), before, after, false, false);
    lake_close(lake);
    return killed;
}

static void sweep(enum fault_kind kind)
{
    const char *only = getenv("FIRN_TEST_ONLY");
    bool all = only || getenv("FIRN_TEST_ALL"), kills = kind >= FAULT_KILLED_BEFORE;
    bool some = false;
    int64_t every = all ? 1 : 17;
    log_set_level(LOG_ERROR);
    make_base();
    for (size_t i = all ? 0 : kind; i < OPERATIONS_N; i += all ? 1 : 3 * FAULT_KINDS) {
        const struct operation *o = &operations[i];
        if (only && strcmp(only, o->name) != 0)
            continue;
        str before, after = clean_run(o, &before);
        bool fired = true;
        int64_t nth = all ? 0 : (int64_t)((i + 3 * (size_t)kind) % 5);
        for (; fired; nth += every) {
            fired = kills ? killed_at(o, kind, nth, before, after)
                          : fails_at(o, kind, nth, before, after);
            CHECK(nth < OPERATIONS_MAX);
        }
        CHECK(!all || nth > 2); /* it has met what it is for */
        some = true;
    }
    CHECK(some);
}

TEST(an_operation_that_is_refused_is_not_there)
{
    sweep(FAULT_REFUSED);
}

TEST(an_operation_whose_answer_is_lost_is_whole_or_not_there)
{
    sweep(FAULT_ANSWER_LOST);
}

TEST(an_operation_that_is_killed_before_a_write_is_whole_or_not_there)
{
    sweep(FAULT_KILLED_BEFORE);
}

TEST(an_operation_that_is_killed_after_a_write_is_whole_or_not_there)
{
    sweep(FAULT_KILLED_AFTER);
}
