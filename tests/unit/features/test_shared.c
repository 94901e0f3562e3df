/* SPDX-License-Identifier: Apache-2.0
 *
 * Two servers on one PostgreSQL database: what one defines the other knows soon after.  Without
 * FIRN_TEST_POSTGRES (tools/with-postgres) nothing is tested here. */
#include <sys/stat.h>

#include "lake_fixture.h"

/* Writes the firn.yaml of a data directory. */
static const char *data_dir(const char *name, const char *config)
{
    const char *dir = arena_printf(test_arena(), "%s/%s", test_tmpdir(), name).ptr;
    CHECK(mkdir(dir, 0755) == 0);
    FILE *f = fopen(arena_printf(test_arena(), "%s/firn.yaml", dir).ptr, "w");
    CHECK(f && fputs(config, f) >= 0 && fclose(f) == 0);
    return dir;
}

static struct lake_options options_of(const char *dir)
{
    return (struct lake_options){ .dir = dir, .memory_limit = 256 << 20, .threads = 2 };
}

static void open_server(struct fixture *f, const char *dir)
{
    struct error err;
    struct lake_options o = options_of(dir);
    f->arena = test_arena();
    CHECK_OK(lake_open(&o, &f->lake, &err));
    CHECK_OK(features_open(f->lake, &f->features, &err));
}

static size_t known(struct fixture *f)
{
    struct error err;
    struct feature_object *at;
    size_t n;
    CHECK_OK(features_list(f->features, f->arena, &at, &n, &err));
    return n;
}

TEST(servers_of_one_catalog)
{
    if (!on_postgres())
        return;
    struct error err;
    struct fixture one, two;
    struct features_apply_report r;
    str uri = db_place(arena_printf(test_arena(), "%s/catalog.db", test_tmpdir()));
    const char *shared =
        arena_printf(test_arena(), "catalog: " STR_FMT "\nwarehouse: %s/w\nartifacts: ../a\n",
                     STR_ARG(uri), test_tmpdir())
            .ptr;
    open_server(&one, data_dir("one", shared));
    open_server(&two, data_dir("two", shared));
    CHECK(one.lake->server_id != two.lake->server_id);
    CHECK_INT(known(&two), 0);
    CHECK_OK(apply(&one, "entities: [{name: driver, join_keys: [driver_id]}]\n", false, &r, &err));
    CHECK_INT(known(&one), 1);
    for (int64_t ms = 0; known(&two) == 0; ms += 10) {
        CHECK(ms < 20 * DB_WATCH_US / 1000);
        env_sleep_us(env_real(), 10000);
    }

    struct lake *lake; /* its tables would lie where the others do not see them */
    struct lake_options elsewhere = options_of(
        data_dir("three", arena_printf(test_arena(), "catalog: " STR_FMT "\n", STR_ARG(uri)).ptr));
    CHECK_FAILS(lake_open(&elsewhere, &lake, &err), ERR_INVALID);
    CHECK(strstr(err.hint, "warehouse: ") && strstr(err.hint, "/w"));

    int64_t id = two.lake->server_id;
    fixture_close(&two);
    struct lake_options again = options_of(arena_printf(test_arena(), "%s/two", test_tmpdir()).ptr);
    CHECK_OK(lake_open(&again, &two.lake, &err));
    CHECK_INT(two.lake->server_id, id); /* it keeps its number */
    lake_close(two.lake);
    fixture_close(&one);
}
