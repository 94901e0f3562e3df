/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/late.h"

#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define MAIN STR("main")

static void open_late(struct fixture *f)
{
    struct error err;
    open_parts(f, test_tmpdir());
    f->late = true;
    CHECK_OK(open_catalog(f, &err));
}

static int64_t rows_left(struct fixture *f)
{
    struct error err;
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(f->db, &tx, &err));
    CHECK_OK(db_run(tx, STR("SELECT COUNT(*) FROM cat_late"), DB_NO_ARGS, f->arena, &rows, &err));
    db_rollback(tx);
    return db_int(&rows, 0, 0);
}

static struct table load(struct fixture *f, const char *name)
{
    struct error err;
    struct table t;
    CHECK_OK(catalog_load_table(f->catalog, MAIN, STR("ns"), str_of(name), f->arena, &t, &err));
    return t;
}

static void append(struct fixture *f, const char *table, const char *file)
{
    struct error err;
    struct write_outcome out;
    CHECK_OK(append_file(f, "", table, file, f->arena, &out, &err));
}

/* Commits, and ends without a chance to sync anything. */
static void in_a_process_that_dies(void (*fn)(struct fixture *f))
{
    test_tmpdir(); /* made before, so that both have the same */
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct fixture f;
        open_late(&f);
        fn(&f);
        _exit(rows_left(&f) > 0 ? 0 : 9);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
}

static void make_and_append(struct fixture *f)
{
    make_namespace(f, "ns");
    make_table(f, "t");
    make_table(f, "u");
    append(f, "t", "a.parquet");
    append(f, "t", "b.parquet");
}

TEST(files_that_a_power_cut_took_are_written_again)
{
    struct fixture f;
    in_a_process_that_dies(make_and_append);
    CHECK(lose_late_files(test_tmpdir(), "%/ns/t-%", true) == 3);
    CHECK(lose_late_files(test_tmpdir(), "%/ns/u-%", false) == 1);
    fixture_open(&f); /* by a process that syncs at once */
    CHECK_INT(rows_left(&f), 0);
    CHECK_INT(total_records(&f, "", "t"), 20);
    CHECK_INT(load(&f, "u").snapshot_id, -1);
    append(&f, "t", "c.parquet");
    CHECK_INT(total_records(&f, "", "t"), 30);
    fixture_close(&f);
}

TEST(a_close_leaves_nothing_to_be_synced)
{
    struct fixture f;
    open_late(&f);
    make_and_append(&f);
    CHECK(rows_left(&f) > 0);
    fixture_close(&f);
    fixture_open(&f);
    CHECK_INT(rows_left(&f), 0);
    CHECK_INT(total_records(&f, "", "t"), 20);
    fixture_close(&f);
}

TEST(rows_go_once_their_files_are_synced)
{
    struct fixture f;
    open_late(&f);
    make_and_append(&f);
    for (int i = 0; i < 100 && rows_left(&f) > 0; i++)
        env_sleep_us(f.env, 50000);
    CHECK_INT(rows_left(&f), 0);
    fixture_close(&f);
}

TEST(large_files_are_synced_at_once)
{
    struct fixture f;
    struct error err;
    open_late(&f);
    make_namespace(&f, "ns");
    struct property big = { STR("note"), { 0 } };
    char *text = arena_array(f.arena, char, LATE_FILE_MAX + 1);
    memset(text, 'x', LATE_FILE_MAX);
    big.value = str_make(text, LATE_FILE_MAX);
    struct table_create req = { .ns = STR("ns"),
                                .name = STR("big"),
                                .schema = small_schema(f.arena),
                                .props = &big,
                                .props_n = 1 };
    struct table t;
    CHECK_OK(catalog_create_table(f.catalog, MAIN, &req, NULL, f.arena, &t, &err));
    CHECK_INT(rows_left(&f), 0);
    CHECK_STR(metadata_property(load(&f, "big").metadata, "note", (str){ 0 }), big.value.ptr);
    fixture_close(&f);
}

TEST(a_refused_commit_leaves_no_row)
{
    struct fixture f;
    struct error err;
    struct table t;
    open_late(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    int64_t before = rows_left(&f);
    CHECK_FAILS(try_table(&f, "", "t", &t, &err), ERR_EXISTS);
    struct table_requirement never = { .kind = REQUIRE_CREATE };
    struct property p = { STR("k"), STR("v") };
    struct table_update set = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change change = { .ns = STR("ns"),
                                   .name = STR("t"),
                                   .requirements = &never,
                                   .requirements_n = 1,
                                   .updates = &set,
                                   .updates_n = 1 };
    struct commit_result result;
    CHECK_FAILS(catalog_commit(f.catalog, MAIN, &change, 1, NULL, f.arena, &result, &err),
                ERR_EXISTS);
    CHECK(rows_left(&f) <= before);
    fixture_close(&f);
}
