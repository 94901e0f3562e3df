/* SPDX-License-Identifier: Apache-2.0
 *
 * Of many files the one that is damaged is named, and what lies in a file's place and is none is never opened. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/parquet_scan.h"
#include "engine/session.h"
#include "test.h"

#define FILES 5

static struct engine *e;
static struct session *s;
static struct scan_file files[FILES];

static const char *file(int i)
{
    return arena_cstr(test_arena(), arena_printf(test_arena(), "%s/%d.parquet", test_tmpdir(), i));
}

static void make_files(void)
{
    struct error err;
    e = engine_create(&(struct engine_config){ .memory_limit = (size_t)1 << 30, .threads = 2 });
    CHECK_OK(session_open(e, &s, &err));
    for (int i = 0; i < FILES; i++) {
        files[i] = (struct scan_file){ .path = str_of(file(i)) };
        CHECK_OK(session_exec(
            s, arena_printf(test_arena(), "COPY (FROM range(2000) r(i)) TO '%s'", file(i)), &err));
    }
}

static void end(void)
{
    session_close(s);
    engine_destroy(e);
}

/* Noise in place of the first page's header. */
static void damage(int i)
{
    FILE *f = fopen(file(i), "r+b");
    CHECK(f && fseek(f, 4, SEEK_SET) == 0 &&
          fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 8, 1, f) == 1);
    CHECK(fclose(f) == 0);
}

TEST(a_damaged_file_is_named)
{
    struct error err = { 0 };
    make_files();
    CHECK_OK(session_reads(s, files, FILES, &err));
    damage(3);
    str sql = arena_printf(test_arena(), "SELECT sum(i) FROM read_parquet('%s/*.parquet')",
                           test_tmpdir());
    CHECK_FAILS(session_scalar(s, sql, test_arena(), &(str){ 0 }, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "3.parquet: "));
    end();
}

TEST(other_mistakes_blame_no_file)
{
    struct error err = { 0 };
    make_files();
    CHECK_OK(session_reads(s, files, FILES, &err));
    damage(2);
    CHECK(!session_exec(s, STR("SELECT nothing"), &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK(!strstr(err.msg, "parquet"));
    end();
}

TEST(pipes_and_folders_are_no_files)
{
    struct error err = { 0 };
    make_files();
    CHECK(unlink(file(1)) == 0 && mkfifo(file(1), 0600) == 0);
    CHECK_FAILS(session_reads(s, files, FILES, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "1.parquet is no file"));
    CHECK(unlink(file(1)) == 0 && mkdir(file(1), 0700) == 0);
    CHECK_FAILS(session_reads(s, files, FILES, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "1.parquet is no file"));
    end();
}
