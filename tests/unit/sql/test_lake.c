/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/lake.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lake_test.h"

TEST(opens_again)
{
    struct lake *lake = open_lake();
    ask(lake, "CREATE TABLE a.t AS SELECT 42 AS x");
    lake_close(lake);
    lake = open_lake();
    CHECK_STR(ask(lake, "SELECT x FROM a.t"), "42");
    lake_close(lake);
    lake_close(NULL);
}

TEST(one_process_at_a_time)
{
    struct lake *lake = open_lake(), *second = NULL;
    struct error err = { 0 };
    struct lake_options o = { .dir = text_f("%s/lake", test_tmpdir()) };
    CHECK_FAILS(lake_open(&o, &second, &err), ERR_UNAVAILABLE);
    CHECK(str_find(str_of(err.msg), str_of(text_f("%d", (int)getpid()))) >= 0);
    lake_close(lake);
    lake = open_lake();
    lake_close(lake);
}

/* The lock goes with its process, however that ends. */
TEST(lock_of_a_killed_process)
{
    int ready[2];
    char byte;
    CHECK(test_tmpdir() && pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        open_lake();
        CHECK(write(ready[1], "x", 1) == 1);
        pause();
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    struct error err = { 0 };
    struct lake *lake = NULL;
    struct lake_options o = { .dir = text_f("%s/lake", test_tmpdir()),
                              .memory_limit = TEST_MEMORY };
    CHECK_FAILS(lake_open(&o, &lake, &err), ERR_UNAVAILABLE);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    lake = open_lake();
    lake_close(lake);
}

TEST(places_that_are_no_data_directory)
{
    struct error err = { 0 };
    struct lake *lake = NULL;
    struct lake_options o = { .dir = text_f("%s/none", test_tmpdir()), .must_exist = true };
    CHECK_FAILS(lake_open(&o, &lake, &err), ERR_NOT_FOUND);
    CHECK(str_find(str_of(err.hint), STR("firn ingest")) >= 0);
    o = (struct lake_options){ .dir = text_f("%s/none/deeper", test_tmpdir()) };
    CHECK_FAILS(lake_open(&o, &lake, &err), ERR_NOT_FOUND);
    o = (struct lake_options){ .dir = write_file("file", STR("x")) };
    CHECK_FAILS(lake_open(&o, &lake, &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("is a file")) >= 0);
}

static enum err_code open_with_config(const char *text, struct error *err)
{
    struct lake *lake = NULL;
    struct lake_options o = { .dir = text_f("%s/lake", test_tmpdir()) };
    mkdir(o.dir, 0777);
    write_file("lake/firn.yaml", str_of(text));
    *err = (struct error){ 0 };
    if (lake_open(&o, &lake, err))
        lake_close(lake);
    return err->code;
}

TEST(configuration)
{
    struct error err;
    CHECK_INT(open_with_config("memory_limit: 500000000\n", &err), ERR_NONE);
    CHECK_INT(open_with_config("# nothing\n", &err), ERR_NONE);
    CHECK_INT(open_with_config("memory_limt: 5\n", &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("memory_limt")) >= 0);
    CHECK_INT(open_with_config("memory_limit: lots\n", &err), ERR_INVALID);
    CHECK_INT(open_with_config("a: [b\n", &err), ERR_INVALID);
    CHECK(str_find(str_of(err.msg), STR("firn.yaml")) >= 0);
}

TEST(damaged_database)
{
    struct error err = { 0 };
    struct lake *lake = open_lake();
    lake_close(lake);
    write_file("lake/catalog.db",
               STR("this is no database, not at all, but long enough to look at"));
    struct lake_options o = { .dir = text_f("%s/lake", test_tmpdir()),
                              .memory_limit = TEST_MEMORY };
    CHECK_FAILS(lake_open(&o, &lake, &err), ERR_CORRUPT);
    CHECK(str_find(str_of(err.msg), STR("catalog.db")) >= 0);
}
