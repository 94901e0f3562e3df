/* SPDX-License-Identifier: Apache-2.0
 *
 * Databases of earlier schemas are brought forward: each file tests/golden/schema/catalog-N.sql is a
 * database as the program with catalog schema N left it. A new step of the schema gets a new file of
 * the schema before it. */
#include <stdlib.h>
#include <unistd.h>

#include "catalog/events.h"
#include "fixture.h"

#define DUMP_BYTES_MAX (1u << 20)

static str read_dump(const char *name)
{
    struct error err;
    struct store *source;
    str text;
    struct store_fs_options o = { .root = arena_printf(test_arena(), "%s/tests/golden/schema",
                                                       test_source_dir()) };
    CHECK_OK(store_fs_open(&o, &source, &err));
    CHECK_OK(store_get(source, str_of(name), DUMP_BYTES_MAX, test_arena(), &text, &err));
    store_destroy(source);
    return text;
}

/* A SQLite database that the dump was read into. */
static void load_dump(struct fixture *f, const char *name)
{
    struct error err;
    struct db_tx *tx;
    open_parts(f, test_tmpdir());
    CHECK_OK(db_begin(f->db, &tx, &err));
    CHECK_OK(tx->db->ops->script(tx, read_dump(name), &err));
    CHECK_OK(db_commit(tx, &err));
}

static int64_t ask(struct fixture *f, const char *sql)
{
    struct error err;
    struct db_tx *tx;
    struct db_rows rows;
    CHECK_OK(db_read_begin(f->db, &tx, &err));
    CHECK_OK(db_run(tx, str_of(sql), DB_NO_ARGS, f->arena, &rows, &err));
    db_rollback(tx);
    return db_int(&rows, 0, 0);
}

TEST(the_first_schema_is_brought_forward)
{
    if (on_postgres())
        return; /* the dump is SQLite's */
    struct fixture f;
    struct error err;
    struct log_page page;
    struct ref_info *refs;
    size_t n;
    bool there;
    load_dump(&f, "catalog-1.sql");
    CHECK_INT(ask(&f, "SELECT max(version) FROM schema_version WHERE area = 'catalog'"), 1);
    CHECK_OK(open_catalog(&f, &err));
    CHECK(ask(&f, "SELECT max(version) FROM schema_version WHERE area = 'catalog'") >= 3);
    CHECK_OK(catalog_list_refs(f.catalog, f.arena, &refs, &n, &err));
    CHECK_INT(n, 3);
    CHECK_STR(refs[0].name, "dev");
    CHECK_STR(refs[2].name, "v1");
    CHECK(refs[2].kind == CATALOG_TAG);
    CHECK_OK(catalog_table_exists(f.catalog, STR("main"), STR("s"), STR("t"), &there, &err));
    CHECK(there);
    CHECK_OK(catalog_table_exists(f.catalog, STR("dev"), STR("s2"), STR("u"), &there, &err));
    CHECK(there);
    CHECK_OK(catalog_table_exists(f.catalog, STR("main"), STR("s2"), STR("u"), &there, &err));
    CHECK(!there);
    CHECK_OK(catalog_log(f.catalog, STR("dev"), (str){ 0 }, 100, f.arena, &page, &err));
    CHECK_STR(page.commits[page.n - 1].message, "create catalog");
    make_namespace(&f, "ns"); /* and it goes on from there */
    make_table(&f, "t");
    CHECK_OK(catalog_log(f.catalog, STR("main"), (str){ 0 }, 100, f.arena, &page, &err));
    CHECK_INT(page.n, 10);
    fixture_close(&f);
}

TEST(the_schema_of_late_syncing_is_brought_forward)
{
    if (on_postgres())
        return; /* the dump is SQLite's */
    struct fixture f;
    struct error err;
    struct ref_info *refs;
    struct change *changes;
    size_t n;
    bool there;
    load_dump(&f, "catalog-4.sql");
    CHECK_INT(ask(&f, "SELECT max(version) FROM schema_version WHERE area = 'catalog'"), 4);
    CHECK_OK(open_catalog(&f, &err));
    CHECK(ask(&f, "SELECT max(version) FROM schema_version WHERE area = 'catalog'") >= 5);
    CHECK_INT(ask(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'cat_late'"), 0);
    CHECK_OK(catalog_list_refs(f.catalog, f.arena, &refs, &n, &err));
    CHECK_INT(n, 3);
    CHECK_OK(catalog_table_exists(f.catalog, STR("dev"), STR("s2"), STR("u"), &there, &err));
    CHECK(there);
    CHECK_OK(catalog_changes(f.catalog, 0, 100, f.arena, &changes, &n, &err));
    CHECK_INT(n, 6);          /* four statements, a branch, a tag */
    make_namespace(&f, "ns"); /* and it goes on from there */
    make_table(&f, "t");
    fixture_close(&f);
}

/* A program that knows less than the database refuses to open it, and changes nothing. */
TEST(a_newer_schema_is_refused)
{
    struct fixture f;
    struct error err;
    struct db_tx *tx;
    fixture_open(&f);
    catalog_close(f.catalog);
    CHECK_OK(db_begin(f.db, &tx, &err));
    CHECK_OK(db_run(tx,
                    STR("INSERT INTO schema_version (area, version, name) SELECT area, "
                        "max(version) + 1, 'of tomorrow' FROM schema_version WHERE area = "
                        "'catalog' GROUP BY area"),
                    DB_NO_ARGS, NULL, NULL, &err));
    CHECK_OK(db_commit(tx, &err));
    int64_t rows = ask(&f, "SELECT count(*) FROM cat_commits");
    CHECK_FAILS(open_catalog(&f, &err), ERR_INVALID);
    CHECK(strstr(err.msg, "knows up to") && strstr(err.hint, "newer release"));
    CHECK_INT(ask(&f, "SELECT count(*) FROM cat_commits"), rows);
    f.catalog = NULL;
    fixture_close(&f);
}
