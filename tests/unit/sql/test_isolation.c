/* SPDX-License-Identifier: Apache-2.0
 *
 * What others do while a statement is at work: when its first file is written, another statement runs and commits.  The first
 * one is then checked against that, without doing its work again, and succeeds or fails as its isolation level promises. */
#include <stdatomic.h>
#include <stdlib.h>

#include "catalog/table.h"
#include "iceberg/metadata.h"
#include "io/store.h"
#include "lake_test.h"
#include "sql/settings.h"

/* A store that lets somebody else go first. */
struct meddling {
    struct store base;
    struct store *real;
    struct lake *lake;
    const char *sql;
    atomic_bool done;
    atomic_int published; /* data files, of everybody */
};

static void meddle(struct meddling *m, str path)
{
    struct error err = { 0 };
    struct sql_outcome out;
    if (str_find(path, STR("/data/")) < 0 || atomic_exchange(&m->done, true) || !m->sql)
        return;
    CHECK_OK(execute(m->lake, "", false, str_of(m->sql), &out, &err));
    sql_close(&out);
}

#define OF(st_) ((struct meddling *)(st_))

static bool m_get(struct store *st, str path, size_t max, struct arena *a, str *out,
                  struct error *err)
{
    return OF(st)->real->ops->get(OF(st)->real, path, max, a, out, err);
}
static bool m_read_at(struct store *st, str path, int64_t at, void *out, size_t n,
                      struct error *err)
{
    return OF(st)->real->ops->read_at(OF(st)->real, path, at, out, n, err);
}
static bool m_put(struct store *st, str path, str bytes, enum store_put_flags flags,
                  struct error *err)
{
    meddle(OF(st), path);
    return OF(st)->real->ops->put(OF(st)->real, path, bytes, flags, err);
}
static bool m_head(struct store *st, str path, struct store_info *out, struct error *err)
{
    return OF(st)->real->ops->head(OF(st)->real, path, out, err);
}
static bool m_local_path(struct store *st, str path, struct arena *a, str *out, struct error *err)
{
    return OF(st)->real->ops->local_path(OF(st)->real, path, a, out, err);
}
static bool m_stage(struct store *st, str path, struct arena *a, str *local, struct error *err)
{
    return OF(st)->real->ops->stage(OF(st)->real, path, a, local, err);
}
static bool m_publish(struct store *st, str path, str local, enum store_put_flags flags,
                      struct error *err)
{
    meddle(OF(st), path);
    atomic_fetch_add(&OF(st)->published, 1);
    return OF(st)->real->ops->publish(OF(st)->real, path, local, flags, err);
}
static void m_discard(struct store *st, str local)
{
    store_discard(OF(st)->real, local);
}
static str m_uri(struct store *st, str path, struct arena *a)
{
    return store_uri(OF(st)->real, path, a);
}
static bool m_from_uri(struct store *st, str location, struct arena *a, str *path,
                       struct error *err)
{
    return store_from_uri(OF(st)->real, location, a, path, err);
}

static const struct store_ops meddling_ops = {
    .get = m_get,
    .read_at = m_read_at,
    .put = m_put,
    .head = m_head,
    .local_path = m_local_path,
    .stage = m_stage,
    .publish = m_publish,
    .discard = m_discard,
    .uri = m_uri,
    .from_uri = m_from_uri,
};

/* Runs `sql` while `other` comes in between; ERR_NONE when it succeeded. */
static enum err_code between(struct lake *lake, const char *sql, const char *other, int *published)
{
    struct error err = { 0 };
    struct sql_outcome out;
    struct sql_settings settings = { 0 };
    struct meddling m = {
        .base.ops = &meddling_ops, .real = lake->warehouse, .lake = lake, .sql = other
    };
    if (str_find(str_of(sql), STR("/*dynamic*/")) >= 0)
        settings.values[SETTING_OVERWRITE_MODE] = STR("dynamic");
    struct sql_request req = { .text = str_of(sql), .settings = &settings };
    lake->warehouse = &m.base;
    bool ok = sql_execute(lake, &req, test_arena(), &out, &err);
    lake->warehouse = m.real;
    if (ok)
        sql_close(&out);
    CHECK(atomic_load(&m.done));
    *published = atomic_load(&m.published);
    return ok ? ERR_NONE : err.code;
}

static const char *const modes[] = {
    "'format-version'='2'",
    "'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
    "'write.merge.mode'='merge-on-read'",
    "'format-version'='3', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', "
    "'write.merge.mode'='merge-on-read'",
};
#define MODES (sizeof modes / sizeof *modes)
enum { COPY, MERGE_2, MERGE_3 };

/* Rows 0 to 3 (p = a) and 10 to 13 (p = b). */
static void fill(struct lake *lake, size_t mode, const char *level)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t PURGE");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH (%s, "
                     "'write.delete.isolation-level'='%s', 'write.update.isolation-level'='%s', "
                     "'write.merge.isolation-level'='%s')",
                     modes[mode], level, level, level));
    ask(lake, "INSERT INTO s.t SELECT i, 'a' FROM range(4) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'b' FROM range(10, 14) r(i)");
}

static str rows(struct lake *lake)
{
    return ask(lake, "SELECT string_agg(id, ' ' ORDER BY id) FROM s.t");
}

#define ALL "0 1 2 3 10 11 12 13"

static const struct {
    const char *sql, *other;
    const char *serializable,
        *snapshot;        /* rows afterwards; NULL: a conflict, and only `other` is there */
    const char *conflict; /* those rows */
    int only;             /* -1: of every mode, else of this one */
} cases[] = {
    /* A row that would have been deleted comes in. */
    { "DELETE FROM s.t WHERE id = 1", "INSERT INTO s.t VALUES (1, 'a')", NULL,
      "0 1 2 3 10 11 12 13", "0 1 1 2 3 10 11 12 13", -1 },
    /* One that the condition rules out by its bounds, and one in another partition. */
    { "DELETE FROM s.t WHERE id = 1", "INSERT INTO s.t VALUES (7, 'a')", "0 2 3 7 10 11 12 13",
      "0 2 3 7 10 11 12 13", NULL, -1 },
    { "UPDATE s.t SET id = 5 WHERE p = 'a' AND id = 2", "INSERT INTO s.t VALUES (2, 'b')",
      "0 1 2 3 5 10 11 12 13", "0 1 2 3 5 10 11 12 13", NULL, -1 },
    /* Another row of the same file goes. */
    { "UPDATE s.t SET id = 5 WHERE id = 2", "DELETE FROM s.t WHERE id = 3", NULL, NULL,
      "0 1 2 10 11 12 13", -1 },
    { "DELETE FROM s.t WHERE id = 1", "DELETE FROM s.t WHERE id = 3", NULL, NULL,
      "0 1 2 10 11 12 13", COPY },
    { "DELETE FROM s.t WHERE id = 1", "DELETE FROM s.t WHERE id = 3", "0 2 10 11 12 13",
      "0 2 10 11 12 13", NULL, MERGE_2 },
    { "DELETE FROM s.t WHERE id = 1", "DELETE FROM s.t WHERE id = 3", NULL, NULL,
      "0 1 2 10 11 12 13", MERGE_3 }, /* there would be two vectors */
    /* The whole file goes, or is written again. */
    { "DELETE FROM s.t WHERE id = 1", "DELETE FROM s.t WHERE p = 'a'", NULL, NULL, "10 11 12 13",
      -1 },
    { "UPDATE s.t SET id = 5 WHERE id = 2",
      "CALL system.rewrite_data_files(table => 's.t', options => map('rewrite-all', 'true'))", NULL,
      NULL, ALL, -1 },
    { "INSERT INTO s.t VALUES (20, 'c')",
      "CALL system.rewrite_data_files(table => 's.t', options => map('rewrite-all', 'true'))",
      ALL " 20", ALL " 20", NULL, -1 },
    /* A match comes in. */
    { "MERGE INTO s.t USING (SELECT 20 AS id) n ON t.id = n.id WHEN NOT MATCHED THEN INSERT (id, p) VALUES (n.id, 'c') "
      "WHEN MATCHED THEN DELETE",
      "INSERT INTO s.t VALUES (20, 'b')", NULL, ALL " 20 20", ALL " 20", -1 },
    /* Overwrites. */
    { "INSERT OVERWRITE s.t PARTITION (p = 'a') SELECT 30", "INSERT INTO s.t VALUES (6, 'a')", NULL,
      "6 10 11 12 13 30", "0 1 2 3 6 10 11 12 13", -1 },
    { "INSERT OVERWRITE s.t PARTITION (p = 'a') SELECT 30", "INSERT INTO s.t VALUES (16, 'b')",
      "10 11 12 13 16 30", "10 11 12 13 16 30", NULL, -1 },
    { "/*dynamic*/ INSERT OVERWRITE s.t SELECT 30, 'a'", "INSERT INTO s.t VALUES (6, 'a')", NULL,
      "6 10 11 12 13 30", "0 1 2 3 6 10 11 12 13", -1 },
    { "/*dynamic*/ INSERT OVERWRITE s.t SELECT 30, 'c'", "INSERT INTO s.t VALUES (6, 'a')",
      "0 1 2 3 6 10 11 12 13 30", "0 1 2 3 6 10 11 12 13 30", NULL, -1 },
    { "/*dynamic*/ INSERT OVERWRITE s.t SELECT 30, 'a'", "DELETE FROM s.t WHERE id = 1", NULL, NULL,
      "0 2 3 10 11 12 13", -1 },
    { "INSERT INTO s.t REPLACE WHERE id = 2 SELECT 30, 'a'", "INSERT INTO s.t VALUES (2, 'b')",
      NULL, "0 1 2 3 10 11 12 13 30", "0 1 2 2 3 10 11 12 13", -1 },
    /* Another definition of the table. */
    { "DELETE FROM s.t WHERE id = 1", "ALTER TABLE s.t ADD COLUMN x INTEGER", NULL, NULL, ALL, -1 },
    { "INSERT INTO s.t VALUES (20, 'c')", "INSERT INTO s.t VALUES (21, 'c')", ALL " 20 21",
      ALL " 20 21", NULL, -1 },
};

/* Files of the table's folder that no snapshot has. */
static str strays(struct lake *lake)
{
    return ask(
        lake,
        text_f(
            "SELECT count(*) FROM glob('%s/warehouse/s/*/data/**') g WHERE NOT EXISTS (SELECT 1 FROM "
            "s.t.all_files f WHERE f.file_path = g.file)",
            lake->dir));
}

static void check_case(struct lake *lake, size_t i, size_t mode, bool serializable)
{
    const char *wanted = serializable ? cases[i].serializable : cases[i].snapshot;
    int published;
    fill(lake, mode, serializable ? "serializable" : "snapshot");
    enum err_code code = between(lake, cases[i].sql, cases[i].other, &published);
    if (code != (wanted ? ERR_NONE : ERR_CONFLICT))
        test_fail(__FILE__, __LINE__, "%s, meanwhile %s, mode %zu, %s: %s", cases[i].sql,
                  cases[i].other, mode, serializable ? "serializable" : "snapshot",
                  err_code_name(code));
    if (!str_eq(rows(lake), str_of(wanted ? wanted : cases[i].conflict)))
        test_fail(__FILE__, __LINE__, "%s, meanwhile %s, mode %zu: rows " STR_FMT, cases[i].sql,
                  cases[i].other, mode, STR_ARG(rows(lake)));
}

/* Each case in one mode a level, in all of them with FIRN_TEST_ALL. */
TEST(isolation_is_what_the_level_promises)
{
    bool all = getenv("FIRN_TEST_ALL") != NULL;
    struct lake *lake = open_lake();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t m = 0; m < MODES; m++) {
            if (cases[i].only >= 0 && (size_t)cases[i].only != m)
                continue;
            if (all || cases[i].only >= 0 || m == i % MODES)
                check_case(lake, i, m, true);
            if (all || cases[i].only >= 0 || m == (i + 1) % MODES)
                check_case(lake, i, m, false);
        }
    lake_close(lake);
}

/* Files that are written once serve a commit that somebody came in between of; those of a conflict are garbage. */
TEST(work_is_not_done_twice_and_conflicts_leave_nothing)
{
    for (size_t m = 0; m < MODES; m++) {
        struct lake *lake = open_lake();
        int alone, meddled;
        fill(lake, m, "serializable");
        CHECK_INT(between(lake, "UPDATE s.t SET id = 5 WHERE p = 'a' AND id = 2", NULL, &alone),
                  ERR_NONE);
        fill(lake, m, "serializable");
        CHECK_INT(between(lake, "UPDATE s.t SET id = 5 WHERE p = 'a' AND id = 2",
                          "DELETE FROM s.t WHERE p = 'b'", &meddled),
                  ERR_NONE);
        CHECK_INT(meddled, alone);
        fill(lake, m, "serializable");
        CHECK_INT(between(lake, "UPDATE s.t SET id = 5 WHERE id = 2",
                          "DELETE FROM s.t WHERE p = 'a'", &meddled),
                  ERR_CONFLICT);
        CHECK(!str_is(strays(lake), "0"));
        ask(lake, "CALL system.collect_garbage('0s')");
        CHECK_STR(strays(lake), "0");
        CHECK_STR(rows(lake), "10 11 12 13");
        lake_close(lake);
    }
}
