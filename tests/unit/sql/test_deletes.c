/* SPDX-License-Identifier: Apache-2.0
 *
 * Row-level deletes as other writers make them: equality deletes by any columns, with nulls, by partition and age, over
 * columns that were renamed or dropped since; all kinds on one table; and damaged or lying delete files. */
#include "codec/puffin.h"
#include "codec/roaring.h"
#include "delete_test.h"

static void start(struct lake *lake, const char *more)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake,
        text_f(
            "CREATE TABLE s.t (id INTEGER, name VARCHAR, p INTEGER) %s WITH ('format-version'='2', "
            "'write.delete.mode'='merge-on-read')",
            more));
    ask(lake,
        "INSERT INTO s.t VALUES (1, 'a', 0), (2, 'b', 1), (3, NULL, 0), (4, 'b', 0), (NULL, NULL, 1)");
}

#define IDS                                                                                        \
    "SELECT coalesce(string_agg(coalesce(id, -1) || coalesce(name, '~'), ' ' ORDER BY id NULLS LAST), '') FROM s.t"

TEST(equality_deletes_by_any_columns_with_nulls_and_by_age)
{
    static const int32_t id[] = { 1 }, name[] = { 2 }, both[] = { 2, 1 };
    struct lake *lake = open_lake();
    start(lake, "");
    delete_equal(lake, "SELECT 1 AS id UNION ALL SELECT 77", "id: 1", id, 1, NULL);
    CHECK_STR(ask(lake, IDS), "2b 3~ 4b -1~");
    ask(lake, "INSERT INTO s.t VALUES (1, 'again', 5)"); /* younger than the delete */
    CHECK_STR(ask(lake, IDS), "1again 2b 3~ 4b -1~");
    delete_equal(lake, "SELECT CAST(NULL AS VARCHAR) AS name, 3 AS id", "name: 2, id: 1", both, 2,
                 NULL);
    CHECK_STR(ask(lake, IDS), "1again 2b 4b -1~");
    delete_equal(lake, "SELECT CAST(NULL AS VARCHAR) AS name", "name: 2", name, 1, NULL);
    CHECK_STR(ask(lake, IDS), "1again 2b 4b");
    ask(lake, "INSERT INTO s.t VALUES (9, NULL, 5)");
    ask(lake,
        "DELETE FROM s.t WHERE id = 2"); /* a position delete on a file that has equality deletes */
    CHECK_STR(ask(lake, IDS), "1again 4b 9~");
    CHECK_STR(ask(lake, "SELECT count(*), count(*) FILTER (WHERE _deleted) FROM s.t"), "7|4");
    CHECK_STR(ask(lake, "SELECT id FROM s.t WHERE name = 'b'"), "4");
    lake_close(lake);
}

TEST(equality_deletes_of_a_partition)
{
    static const int32_t name[] = { 2 };
    struct lake *lake = open_lake();
    struct value zero = value_i64(TYPE_INT, 0);
    start(lake, "PARTITIONED BY (p)");
    delete_equal(lake, "SELECT 'b' AS name", "name: 2", name, 1, &zero);
    CHECK_STR(ask(lake, IDS), "1a 2b 3~ -1~"); /* 2 is in partition 1 */
    ask(lake, "INSERT INTO s.t VALUES (5, 'b', 0)");
    CHECK_STR(ask(lake, IDS), "1a 2b 3~ 5b -1~");
    lake_close(lake);
}

static void evolve(struct lake *lake, bool drop)
{
    struct table t = table_now(lake);
    const struct schema *s = metadata_schema(t.metadata), *next;
    struct table_update u[2] = { { .kind = UPDATE_ADD_SCHEMA },
                                 { .kind = UPDATE_SET_CURRENT_SCHEMA, .id = LAST_ADDED } };
    struct commit_info info = { 0 };
    struct commit_result done;
    if (drop)
        CHECK_OK(schema_drop_column(s, STR("name"), test_arena(), &next, &err));
    else
        CHECK_OK(schema_rename_column(s, STR("name"), STR("title"), test_arena(), &next, &err));
    u[0].schema = next;
    struct table_change c = { .ns = STR("s"), .name = STR("t"), .updates = u, .updates_n = 2 };
    CHECK_OK(catalog_commit(lake->catalog, (str){ 0 }, &c, 1, &info, test_arena(), &done, &err));
}

TEST(columns_that_deletes_compare_may_be_renamed_or_dropped)
{
    static const int32_t name[] = { 2 };
    for (int drop = 0; drop < 2; drop++) {
        struct lake *lake = open_lake();
        start(lake, "");
        delete_equal(lake, "SELECT 'b' AS name", "name: 2", name, 1, NULL);
        evolve(lake, drop);
        CHECK_STR(ask(lake, "SELECT string_agg(id, ' ' ORDER BY id) FROM s.t"), "1 3");
        CHECK_STR(ask(lake, "SELECT count(*) FROM s.t"), "3");
        lake_close(lake);
        CHECK_INT(system(text_f("rm -rf '%s/lake'", test_tmpdir())), 0);
    }
}

/* ---- Position deletes and vectors that lie */

static struct data_file first_file(struct lake *lake)
{
    str path = ask(lake, "SELECT DISTINCT _file FROM s.t LIMIT 1");
    return (struct data_file){ .path = path };
}

TEST(position_deletes_of_several_files_in_one)
{
    struct lake *lake = open_lake();
    start(lake, "");
    str path = first_file(lake).path;
    struct data_file f = make_file(
        lake,
        text_f("SELECT '" STR_FMT
               "' AS file_path, 1::BIGINT AS pos UNION ALL SELECT 'elsewhere', 2 UNION ALL "
               "SELECT '" STR_FMT "', 3",
               STR_ARG(path), STR_ARG(path)),
        "file_path: 2147483546, pos: 2147483545");
    f.content = FILE_POSITION_DELETES;
    commit_deletes(lake, &f, 1);
    CHECK_STR(ask(lake, IDS), "1a 3~ -1~");
    ask(lake, "INSERT INTO s.t VALUES (8, 'h', 1)");
    CHECK_STR(ask(lake, IDS), "1a 3~ 8h -1~");
    f = make_file(lake,
                  text_f("SELECT '" STR_FMT "' AS file_path, (-5)::BIGINT AS pos", STR_ARG(path)),
                  "file_path: 2147483546, pos: 2147483545");
    f.content = FILE_POSITION_DELETES;
    commit_deletes(lake, &f, 1);
    refuse(lake, "SELECT * FROM s.t", ERR_CORRUPT, "position -5");
    lake_close(lake);
}

/* A delete file of one data file, which names it and another. */
static struct data_file delete_one(struct lake *lake, str path, int pos)
{
    struct data_file f =
        make_file(lake,
                  text_f("SELECT '" STR_FMT
                         "' AS file_path, %d::BIGINT AS pos UNION ALL SELECT 'elsewhere', 0",
                         STR_ARG(path), pos),
                  "file_path: 2147483546, pos: 2147483545");
    f.content = FILE_POSITION_DELETES;
    f.referenced_file = path;
    commit_deletes(lake, &f, 1);
    return f;
}

TEST(position_deletes_of_one_file_are_read_once)
{
    struct lake *lake = open_lake();
    start(lake, "");
    str path = first_file(lake).path, gone;
    struct data_file first = delete_one(lake, path, 1);
    CHECK_STR(ask(lake, IDS), "1a 3~ 4b -1~");
    CHECK_OK(store_from_uri(lake->warehouse, first.path, test_arena(), &gone, &err));
    CHECK_OK(store_delete(lake->warehouse, gone, &err));
    CHECK_STR(ask(lake, IDS), "1a 3~ 4b -1~");
    delete_one(lake, path, 3);
    CHECK_STR(ask(lake, IDS), "1a 3~ -1~");
    CHECK_STR(ask(lake, IDS), "1a 3~ -1~");
    delete_one(lake, path, -5);
    refuse(lake, "SELECT * FROM s.t", ERR_CORRUPT, "position -5");
    refuse(lake, "SELECT * FROM s.t", ERR_CORRUPT, "position -5");
    lake_close(lake);
}

/* A vector of positions 1 and 3 as it is, then with each kind of lie. */
static void commit_vector(struct lake *lake, int64_t records, size_t cut, bool damage)
{
    struct positions *p = positions_create(test_arena());
    struct buf b = BUF_INIT(1 << 20);
    const struct metadata *m = table_now(lake).metadata;
    str location = arena_printf(test_arena(), STR_FMT "/data/v%lld-%zu-%d.puffin",
                                STR_ARG(m->location), (long long)records, cut, damage);
    str path;
    positions_add(p, 1);
    positions_add(p, 3);
    deletion_vector_write(p, &b);
    if (damage)
        b.ptr[b.len - 6] ^= 1;
    CHECK_OK(store_from_uri(lake->warehouse, location, test_arena(), &path, &err));
    CHECK_OK(store_put(lake->warehouse, path, str_sub(buf_str(&b), 0, b.len - cut),
                       STORE_CREATE_NEW, &err));
    struct data_file f = { .content = FILE_POSITION_DELETES,
                           .path = location,
                           .format = STR("puffin"),
                           .records = records,
                           .size = (int64_t)b.len,
                           .sort_order_id = -1,
                           .first_row_id = -1,
                           .referenced_file = first_file(lake).path,
                           .content_offset = 0,
                           .content_size = (int64_t)b.len };
    commit_deletes(lake, &f, 1);
    buf_deinit(&b);
}

TEST(vectors_that_lie_are_refused)
{
    static const struct {
        int64_t records;
        size_t cut;
        bool damage;
        const char *words;
    } lies[] = { { 2, 0, false, NULL },
                 { 3, 0, false, "2 positions, its entry says 3" },
                 { 2, 3, false, "" },
                 { 2, 0, true, "checksum" } };
    struct lake *lake = open_lake();
    ask(lake, "CREATE SCHEMA s");
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        ask(lake, "DROP TABLE IF EXISTS s.t");
        ask(lake, "CREATE TABLE s.t (id INTEGER, name VARCHAR) WITH ('format-version'='3')");
        ask(lake, "INSERT INTO s.t VALUES (1, 'a'), (2, 'b'), (3, NULL), (4, 'b'), (5, 'c')");
        commit_vector(lake, lies[i].records, lies[i].cut, lies[i].damage);
        if (lies[i].words)
            refuse(lake, "SELECT * FROM s.t", ERR_CORRUPT, lies[i].words);
        else
            CHECK_STR(ask(lake, IDS), "1a 3~ 5c");
    }
    lake_close(lake);
}
