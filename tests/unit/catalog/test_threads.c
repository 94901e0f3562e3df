/* SPDX-License-Identifier: Apache-2.0
 *
 * Many writers at once: no row may be lost, none may come twice. */
#include "base/thread.h"
#include "fixture.h"

#define WRITERS 6
#define WRITES 8

struct writer {
    struct fixture *f;
    int number;
    bool own_table; /* else all write to "t" */
    struct thread *thread;
    char failure[600];
};

static bool write_all(struct writer *w, struct arena *a, struct error *err)
{
    char table[16] = "t", file[40];
    if (w->own_table)
        snprintf(table, sizeof table, "t%d", w->number);
    for (int i = 0; i < WRITES; i++) {
        struct write_outcome out;
        snprintf(file, sizeof file, "w%d-%d.parquet", w->number, i);
        if (!append_file(w->f, "", table, file, a, &out, err))
            return false;
    }
    return true;
}

static void run_writer(void *arg)
{
    struct writer *w = arg;
    struct error err = { 0 };
    struct arena *a = arena_create(0);
    if (!write_all(w, a, &err))
        snprintf(w->failure, sizeof w->failure, "%s: %s", err_code_name(err.code), err.msg);
    arena_destroy(a);
}

static void run_writers(struct fixture *f, bool own_table)
{
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ .f = f, .number = i, .own_table = own_table };
        writers[i].thread = thread_start("writer", run_writer, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        thread_join(writers[i].thread);
    for (int i = 0; i < WRITERS; i++)
        if (writers[i].failure[0])
            test_fail(__FILE__, __LINE__, "writer %d: %s", i, writers[i].failure);
}

TEST(writers_of_one_table_lose_nothing)
{
    struct fixture f;
    char file[40];
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    run_writers(&f, false);
    CHECK_INT(count_files(&f, "", "t", ""), WRITERS * WRITES);
    CHECK_INT(total_records(&f, "", "t"), 10 * WRITERS * WRITES);
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < WRITES; i++) {
            snprintf(file, sizeof file, "/w%d-%d.parquet", w, i);
            CHECK_INT(count_files(&f, "", "t", file), 1);
        }
    fixture_close(&f);
}

/* The branch moves under each commit all the time; none may see a conflict. */
TEST(writers_of_many_tables_do_not_disturb_each_other)
{
    struct fixture f;
    struct error err;
    struct log_page log;
    char table[16];
    fixture_open(&f);
    make_namespace(&f, "ns");
    for (int i = 0; i < WRITERS; i++) {
        snprintf(table, sizeof table, "t%d", i);
        make_table(&f, table);
    }
    run_writers(&f, true);
    for (int i = 0; i < WRITERS; i++) {
        snprintf(table, sizeof table, "t%d", i);
        CHECK_INT(count_files(&f, "", table, ""), WRITES);
    }
    CHECK_OK(catalog_log(f.catalog, (str){ 0 }, (str){ 0 }, 0, f.arena, &log, &err));
    CHECK_INT(log.n, 2 + WRITERS + WRITERS * WRITES);
    fixture_close(&f);
}

struct census {
    struct fixture *f;
    const struct metadata *metadata;
    str current;
    struct map listed;
    size_t files, garbage;
};

static bool is_live(const struct census *c, str location)
{
    bool live = str_eq(location, c->current);
    for (size_t i = 0; !live && i < c->metadata->metadata_log_n; i++)
        live = str_eq(location, c->metadata->metadata_log[i].file);
    for (size_t i = 0; !live && i < c->metadata->snapshots_n; i++)
        live = str_eq(location, c->metadata->snapshots[i]->manifest_list);
    return live;
}

static bool visit(void *ctx, str path, const struct store_info *info, struct error *err)
{
    struct census *c = ctx;
    (void)info;
    (void)err;
    str location = store_uri(c->f->store, path, c->f->arena);
    if (!str_ends(path, STR(".metadata.json")) && str_find(path, STR("/snap-")) < 0)
        return true;
    c->files++;
    if (is_live(c, location))
        return true;
    c->garbage++;
    if (!map_get(&c->listed, location))
        test_fail(__FILE__, __LINE__, "neither live nor listed: " STR_FMT, STR_ARG(location));
    return true;
}

/* Every metadata file and manifest list is part of the table or on the collector's list. */
static void check_no_file_is_forgotten(struct fixture *f)
{
    struct error err;
    struct table t;
    struct db_tx *tx;
    struct db_rows rows;
    struct census c = { .f = f };
    CHECK_OK(catalog_load_table(f->catalog, (str){ 0 }, STR("ns"), STR("t"), f->arena, &t, &err));
    c.metadata = t.metadata;
    c.current = t.metadata_location;
    map_init(&c.listed, f->arena);
    CHECK_OK(db_read_begin(f->db, &tx, &err));
    CHECK_OK(
        db_run(tx, STR("SELECT location FROM cat_garbage"), DB_NO_ARGS, f->arena, &rows, &err));
    db_rollback(tx);
    for (size_t i = 0; i < rows.n; i++)
        map_put(&c.listed, db_str(&rows, i, 0), f);
    CHECK_OK(store_list(f->store, STR(""), visit, &c, &err));
    CHECK(c.files > 2 * WRITES);
}

/* Two catalogs over one database, as two servers would be: the compare-and-set alone must hold. */
TEST(two_catalogs_on_one_database_lose_nothing)
{
    struct fixture f, g;
    struct error err;
    fixture_open(&f);
    make_namespace(&f, "ns");
    make_table(&f, "t");
    g = f;
    CHECK_OK(open_catalog(&g, &err));
    struct writer x = { .f = &f, .number = 0 }, y = { .f = &g, .number = 1 };
    x.thread = thread_start("writer", run_writer, &x);
    y.thread = thread_start("writer", run_writer, &y);
    thread_join(x.thread);
    thread_join(y.thread);
    CHECK_STR(str_of(x.failure), "");
    CHECK_STR(str_of(y.failure), "");
    CHECK_INT(count_files(&g, "", "t", ""), 2 * WRITES);
    CHECK_INT(total_records(&f, "", "t"), 20 * WRITES);
    check_no_file_is_forgotten(&f);
    catalog_close(g.catalog);
    fixture_close(&f);
}
