/* SPDX-License-Identifier: Apache-2.0 */
#include "io/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/vec.h"
#include "test.h"

#define MAX ((size_t)1 << 20)

static struct error err;

static struct store *open_at(str root)
{
    struct store *st;
    CHECK_OK(store_fs_open(&(struct store_fs_options){ .root = root, .clean = true }, &st, &err));
    return st;
}

static const char *in_tmp(const char *name)
{
    return arena_printf(test_arena(), "%s/%s", test_tmpdir(), name).ptr;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void put(struct store *st, const char *path, const char *text)
{
    CHECK_OK(store_put(st, str_of(path), str_of(text), STORE_REPLACE, &err));
}

static str get(struct store *st, const char *path)
{
    str out = { 0 };
    CHECK_OK(store_get(st, str_of(path), MAX, test_arena(), &out, &err));
    return out;
}

static bool fails(struct store *st, const char *path, enum err_code code)
{
    str out;
    CHECK_FAILS(store_get(st, str_of(path), MAX, test_arena(), &out, &err), code);
    return true;
}

TEST(bad_paths_are_refused)
{
    static const char *const bad[] = {
        "",       "/",        ".",          "..",        "a/..",
        "../a",   "a/../b",   "a//b",       "a/",        "//a",
        "a/./b",  "a\\b",     "a?b",        "a#b",       "a\nb",
        "a\x7f",  "\xff\xfe", "a/\xc0\xaf", ".tmp",      "a/.tmp-x/b",
        "a/.tmp", "s3://",    "s3://../x",  "s3://b//x", "/../etc/passwd",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct error){ 0 };
        if (store_path_check(str_of(bad[i]), &err) || err.code != ERR_INVALID)
            test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
    }
    CHECK_FAILS(store_path_check(str_make("a\0b", 3), &err), ERR_INVALID);
    static const char *const good[] = { "a",        "a/b.parquet", "..a/b..",  "k=v%2Fx/y z",
                                        "s3://b/x", "/abs/path",   "\xc3\xa9", "a:b",
                                        "...",      ".git" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(store_path_check(str_of(good[i]), &err));
}

TEST(path_limits)
{
    char long_part[STORE_PART_MAX + 2];
    memset(long_part, 'x', sizeof long_part);
    CHECK_OK(store_path_check(str_make(long_part, STORE_PART_MAX), &err));
    CHECK_FAILS(store_path_check(str_make(long_part, STORE_PART_MAX + 1), &err), ERR_INVALID);
    char *path = arena_alloc(test_arena(), STORE_PATH_MAX + 1);
    for (size_t i = 0; i <= STORE_PATH_MAX; i++)
        path[i] = i % 100 == 99 ? '/' : 'y';
    CHECK_OK(store_path_check(str_make(path, STORE_PATH_MAX), &err));
    CHECK_FAILS(store_path_check(str_make(path, STORE_PATH_MAX + 1), &err), ERR_INVALID);

    struct store *st = open_at(str_of(test_tmpdir()));
    CHECK_OK(store_put(st, str_make(path, STORE_PATH_MAX), STR("deep"), STORE_REPLACE, &err));
    str out;
    CHECK_OK(store_get(st, str_make(path, STORE_PATH_MAX), MAX, test_arena(), &out, &err));
    CHECK_STR(out, "deep");
    store_destroy(st);
}

TEST(round_trip)
{
    struct store *st = open_at(str_of(in_tmp("not/yet/there/")));
    struct store_info info;
    put(st, "a/b/c.txt", "hello");
    CHECK_STR(get(st, "a/b/c.txt"), "hello");
    put(st, "a/b/c.txt", "bye");
    CHECK_STR(get(st, "a/b/c.txt"), "bye");
    CHECK_OK(store_head(st, STR("a/b/c.txt"), &info, &err));
    CHECK_INT(info.size, 3);
    CHECK(info.mtime_us > 1500000000000000);
    put(st, "empty", "");
    CHECK_INT(get(st, "empty").len, 0);
    CHECK_OK(store_delete(st, STR("a/b/c.txt"), &err));
    CHECK_FAILS(store_delete(st, STR("a/b/c.txt"), &err), ERR_NOT_FOUND);
    CHECK_FAILS(store_delete(st, STR("no/such"), &err), ERR_NOT_FOUND);
    CHECK_FAILS(store_head(st, STR("a/b/c.txt"), &info, &err), ERR_NOT_FOUND);
    fails(st, "a/b/c.txt", ERR_NOT_FOUND);
    fails(st, "empty/x", ERR_NOT_FOUND); /* a part of the path is a file */
    fails(st, "a/b", ERR_NOT_FOUND);     /* a folder is no object */
    CHECK_FAILS(store_put(st, STR("empty/x"), STR("1"), STORE_REPLACE, &err), ERR_INVALID);
    CHECK_FAILS(store_put(st, STR("a/b"), STR("1"), STORE_REPLACE, &err), ERR_INVALID);
    CHECK_FAILS(store_delete(st, STR("a/b"), &err), ERR_INVALID);
    store_destroy(st);
}

TEST(get_keeps_its_limit)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    put(st, "x", "12345");
    str out;
    CHECK_OK(store_get(st, STR("x"), 5, test_arena(), &out, &err));
    CHECK_FAILS(store_get(st, STR("x"), 4, test_arena(), &out, &err), ERR_LIMIT);
    struct arena *small = arena_create(2);
    CHECK_FAILS(store_get(st, STR("x"), 5, small, &out, &err), ERR_LIMIT);
    CHECK_FAILS(store_get_range(st, STR("x"), 0, 5, small, &out, &err), ERR_LIMIT);
    arena_destroy(small);
    store_destroy(st);
}

TEST(ranges)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    put(st, "x", "0123456789");
    str out;
    CHECK_OK(store_get_range(st, STR("x"), 3, 4, test_arena(), &out, &err));
    CHECK_STR(out, "3456");
    CHECK_OK(store_get_range(st, STR("x"), 10, 0, test_arena(), &out, &err));
    CHECK_INT(out.len, 0);
    CHECK_FAILS(store_get_range(st, STR("x"), 7, 4, test_arena(), &out, &err), ERR_CORRUPT);
    CHECK_FAILS(store_get_range(st, STR("x"), 100, 1, test_arena(), &out, &err), ERR_CORRUPT);
    CHECK_FAILS(store_get_range(st, STR("x"), -1, 1, test_arena(), &out, &err), ERR_INVALID);
    CHECK_FAILS(store_get_range(st, STR("y"), 0, 1, test_arena(), &out, &err), ERR_NOT_FOUND);
    char byte;
    CHECK_FAILS(store_read_at(st, STR("x"), 2, &byte, SIZE_MAX, &err), ERR_INVALID);
    CHECK_OK(store_read_at(st, STR("x"), 2, &byte, 1, &err));
    CHECK_INT(byte, '2');
    store_destroy(st);
}

TEST(create_new_never_replaces)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    CHECK_OK(store_put(st, STR("t/v1"), STR("mine"), STORE_CREATE_NEW, &err));
    CHECK_FAILS(store_put(st, STR("t/v1"), STR("yours"), STORE_CREATE_NEW, &err), ERR_EXISTS);
    CHECK_STR(get(st, "t/v1"), "mine");
    CHECK(access(in_tmp(".tmp"), F_OK) == 0);
    CHECK(rmdir(in_tmp(".tmp")) == 0); /* nothing is left in it */
    store_destroy(st);
}

TEST(nothing_leads_out_of_the_root)
{
    write_file(in_tmp("secret"), "secret");
    CHECK(mkdir(in_tmp("root"), 0755) == 0);
    struct store *st = open_at(str_of(in_tmp("root")));
    put(st, "in/file", "inside");
    CHECK(symlink("../secret", in_tmp("root/up")) == 0);
    CHECK(symlink(in_tmp("secret"), in_tmp("root/abs")) == 0);
    CHECK(symlink("..", in_tmp("root/dir")) == 0);
    CHECK(symlink("in/file", in_tmp("root/fine")) == 0);
    CHECK(symlink("loop", in_tmp("root/loop")) == 0);
    fails(st, "up", ERR_DENIED);
    fails(st, "abs", ERR_DENIED);
    fails(st, "dir/secret", ERR_DENIED);
    fails(st, "loop", ERR_DENIED);
    CHECK_STR(get(st, "fine"), "inside");
    str local;
    CHECK_FAILS(store_local_path(st, STR("up"), test_arena(), &local, &err), ERR_DENIED);
    CHECK_FAILS(store_put(st, STR("dir/new"), STR("x"), STORE_REPLACE, &err), ERR_DENIED);
    CHECK_FAILS(store_delete(st, STR("dir/secret"), &err), ERR_DENIED);
    put(st, "up", "replaces the link, does not follow it");
    CHECK(access(in_tmp("new"), F_OK) != 0);
    char text[16] = "";
    int fd = open(in_tmp("secret"), O_RDONLY);
    CHECK(read(fd, text, sizeof text) == 6 && memcmp(text, "secret", 6) == 0);
    close(fd);
    store_destroy(st);
}

TEST(a_pipe_does_not_hang)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    CHECK(mkfifo(in_tmp("pipe"), 0644) == 0);
    fails(st, "pipe", ERR_NOT_FOUND);
    store_destroy(st);
}

/* ---- listing ---- */

struct seen {
    str paths[32];
    size_t n, stop_after;
};

static bool note(void *ctx, str path, const struct store_info *info, struct error *e)
{
    struct seen *s = ctx;
    CHECK(s->n < 32 && info->size == 1);
    s->paths[s->n++] = arena_str(test_arena(), path);
    return s->n != s->stop_after || fail(e, ERR_CANCELLED, "enough");
}

static bool saw(const struct seen *s, const char *path)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_is(s->paths[i], path))
            return true;
    return false;
}

TEST(listing)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    put(st, "a/1", "x");
    put(st, "a/b/2", "x");
    put(st, "a/b/c/3", "x");
    put(st, "ab/4", "x");
    put(st, "5", "x");
    CHECK(mkdir(in_tmp("a/.tmp-left"), 0755) == 0);
    write_file(in_tmp("a/.tmp-left/y"), "x");
    write_file(in_tmp("a/.tmpfile"), "x");
    CHECK(symlink("1", in_tmp("a/link")) == 0);
    struct seen s = { 0 };
    CHECK_OK(store_list(st, STR(""), note, &s, &err));
    CHECK_INT(s.n, 5);
    CHECK(saw(&s, "a/1") && saw(&s, "a/b/2") && saw(&s, "a/b/c/3") && saw(&s, "ab/4") &&
          saw(&s, "5"));
    s = (struct seen){ 0 };
    CHECK_OK(store_list(st, STR("a"), note, &s, &err));
    CHECK_INT(s.n, 3);
    s = (struct seen){ 0 };
    CHECK_OK(store_list(st, STR("a/nothing"), note, &s, &err));
    CHECK_OK(store_list(st, STR("5"), note, &s, &err));
    CHECK_INT(s.n, 0);
    s = (struct seen){ .stop_after = 2 };
    CHECK_FAILS(store_list(st, STR(""), note, &s, &err), ERR_CANCELLED);
    CHECK_INT(s.n, 2);
    CHECK_FAILS(store_list(st, STR(".."), note, &s, &err), ERR_INVALID);
    store_destroy(st);
}

TEST(a_listing_has_a_depth_limit)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    char path[3 * (STORE_DEPTH_MAX + 1) + 2] = "";
    size_t n = 0;
    for (int i = 0; i < STORE_DEPTH_MAX; i++, n += 2)
        memcpy(path + n, "d/", 2);
    memcpy(path + n, "x", 2);
    struct seen s = { 0 };
    CHECK(strlen(path) > STORE_DEPTH_MAX);
    put(st, path, "x");
    CHECK_FAILS(store_list(st, STR(""), note, &s, &err), ERR_LIMIT);
    store_destroy(st);
}

/* ---- staging ---- */

TEST(staged_files)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    str local;
    CHECK_OK(store_stage(st, STR("t/data/a.parquet"), test_arena(), &local, &err));
    CHECK(str_ends(local, STR(".parquet")) && local.ptr[0] == '/');
    CHECK_FAILS(store_publish(st, STR("t/data/a.parquet"), local, STORE_CREATE_NEW, &err),
                ERR_NOT_FOUND);
    write_file(local.ptr, "rows");
    CHECK_OK(store_publish(st, STR("t/data/a.parquet"), local, STORE_CREATE_NEW, &err));
    CHECK_STR(get(st, "t/data/a.parquet"), "rows");
    CHECK(access(local.ptr, F_OK) != 0);
    store_discard(st, local); /* nothing is left: fine */

    CHECK_OK(store_stage(st, STR("t/data/a.parquet"), test_arena(), &local, &err));
    write_file(local.ptr, "other");
    CHECK_FAILS(store_publish(st, STR("t/data/a.parquet"), local, STORE_CREATE_NEW, &err),
                ERR_EXISTS);
    CHECK(access(local.ptr, F_OK) == 0);
    store_discard(st, local);
    CHECK(access(local.ptr, F_OK) != 0);
    CHECK_STR(get(st, "t/data/a.parquet"), "rows");
    store_destroy(st);
}

TEST(a_staged_folder)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    str local;
    CHECK_OK(store_stage(st, STR("t/data/part"), test_arena(), &local, &err));
    CHECK(mkdir(local.ptr, 0755) == 0);
    str sub = arena_printf(test_arena(), STR_FMT "/k=1", STR_ARG(local));
    CHECK(mkdir(sub.ptr, 0755) == 0);
    str one = arena_printf(test_arena(), STR_FMT "/x.parquet", STR_ARG(sub));
    write_file(one.ptr, "rows");
    write_file(arena_printf(test_arena(), STR_FMT "/y.parquet", STR_ARG(sub)).ptr, "more");
    CHECK_OK(store_publish(st, STR("t/data/k=1/x.parquet"), one, STORE_CREATE_NEW, &err));
    CHECK_FAILS(store_publish(st, STR("t/data/k=1"), sub, STORE_CREATE_NEW, &err), ERR_INVALID);
    store_discard(st, local);
    CHECK(access(local.ptr, F_OK) != 0);
    CHECK_STR(get(st, "t/data/k=1/x.parquet"), "rows");
    store_destroy(st);
}

TEST(only_staged_files_are_published)
{
    struct store *st = open_at(str_of(in_tmp("root")));
    put(st, "t/old", "old");
    write_file(in_tmp("outside"), "x");
    static const char *const names[] = { "outside",    "root/t/old",         "root/.tmp",
                                         "root/.tmp/", "root/.tmp/../t/old", "rootx/.tmp/y" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        str local = str_of(in_tmp(names[i]));
        err = (struct error){ 0 };
        CHECK(!store_publish(st, STR("t/new"), local, STORE_REPLACE, &err));
        store_discard(st, local);
    }
    CHECK_STR(get(st, "t/old"), "old");
    fails(st, "t/new", ERR_NOT_FOUND);
    CHECK(access(in_tmp("outside"), F_OK) == 0);
    store_destroy(st);
}

TEST(opening_removes_what_a_killed_process_left)
{
    struct store *st = open_at(str_of(test_tmpdir()));
    put(st, "keep", "x");
    str local;
    CHECK_OK(store_stage(st, STR("a.parquet"), test_arena(), &local, &err));
    CHECK(mkdir(local.ptr, 0755) == 0);
    write_file(arena_printf(test_arena(), STR_FMT "/f", STR_ARG(local)).ptr, "x");
    store_destroy(st);
    st = open_at(str_of(test_tmpdir()));
    CHECK(access(local.ptr, F_OK) != 0);
    CHECK_STR(get(st, "keep"), "x");
    store_destroy(st);
}

/* ---- locations ---- */

static void check_uri(struct store *st, str location, const char *want)
{
    str path;
    CHECK_OK(store_from_uri(st, location, test_arena(), &path, &err));
    CHECK_STR(path, want);
}

TEST(locations)
{
    struct store *st = open_at(str_of(in_tmp("w")));
    struct arena *a = test_arena();
    const char *root = in_tmp("w");
    str uri = store_uri(st, STR("ns/t/metadata/v1.json"), a);
    CHECK_STR(uri, arena_printf(a, "%s/ns/t/metadata/v1.json", root).ptr);
    check_uri(st, uri, "ns/t/metadata/v1.json");
    check_uri(st, arena_printf(a, "file:%s/x", root), "x");
    check_uri(st, arena_printf(a, "file://%s/x", root), "x");
    check_uri(st, arena_printf(a, "file://localhost%s/x%%2Fy", root), "x%2Fy");
    str path;
    const struct {
        const char *location;
        enum err_code code;
    } bad[] = {
        { "/etc/passwd", ERR_DENIED },
        { "file:///etc/passwd", ERR_DENIED },
        { "file://elsewhere/x", ERR_DENIED },
        { "s3://bucket/x", ERR_DENIED },
        { "x", ERR_INVALID },
        { "", ERR_INVALID },
        { in_tmp("w"), ERR_DENIED },
        { in_tmp("wx/y"), ERR_DENIED },
        { in_tmp("w/../secret"), ERR_INVALID },
        { in_tmp("w//x"), ERR_INVALID },
        { in_tmp("w/x?y"), ERR_INVALID },
        { in_tmp("w/x#y"), ERR_INVALID },
        { in_tmp("w/s3://x"), ERR_INVALID },
        { in_tmp("w/"), ERR_DENIED },
        { in_tmp("w/x/"), ERR_INVALID },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct error){ 0 };
        if (store_from_uri(st, str_of(bad[i].location), a, &path, &err) || err.code != bad[i].code)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].location, err.msg);
    }
    fails(st, "/etc/passwd", ERR_DENIED);
    store_destroy(st);
}

TEST(extra_prefixes)
{
    CHECK(mkdir(in_tmp("b"), 0755) == 0 && mkdir(in_tmp("b/t1"), 0755) == 0 &&
          mkdir(in_tmp("c"), 0755) == 0);
    write_file(in_tmp("b/t1/m.json"), "read me");
    struct store_prefix prefixes[] = {
        { STR("s3://bucket/t1"), str_of(in_tmp("b/t1")), false },
        { STR("s3://bucket/t1/deep/"), str_of(in_tmp("c")), true },
        { STR("file:/golden"), str_of(in_tmp("b")), false },
    };
    struct store_fs_options o = { .root = str_of(in_tmp("w")), prefixes, 3, false };
    struct store *st;
    CHECK_OK(store_fs_open(&o, &st, &err));
    check_uri(st, STR("s3://bucket/t1/m.json"), "s3://bucket/t1/m.json");
    CHECK_STR(get(st, "s3://bucket/t1/m.json"), "read me");
    check_uri(st, STR("file:///golden/t1/m.json"), "/golden/t1/m.json");
    CHECK_STR(get(st, "/golden/t1/m.json"), "read me");
    CHECK_STR(store_uri(st, STR("/golden/t1/m.json"), test_arena()), "/golden/t1/m.json");
    fails(st, "s3://bucket/t10/m.json", ERR_DENIED);
    fails(st, "s3://bucket/t1", ERR_DENIED);
    CHECK_FAILS(store_put(st, STR("s3://bucket/t1/new"), STR("x"), STORE_REPLACE, &err),
                ERR_DENIED);
    CHECK_FAILS(store_delete(st, STR("/golden/t1/m.json"), &err), ERR_DENIED);
    put(st, "s3://bucket/t1/deep/new", "written");
    CHECK(access(in_tmp("c/new"), F_OK) == 0);
    str local;
    CHECK_OK(store_local_path(st, STR("/golden/t1/m.json"), test_arena(), &local, &err));
    CHECK_STR(local, in_tmp("b/t1/m.json"));
    CHECK_FAILS(store_local_path(st, STR("/golden/t1/no"), test_arena(), &local, &err),
                ERR_NOT_FOUND);
    store_destroy(st);
    prefixes[0].location = STR("relative");
    CHECK_FAILS(store_fs_open(&o, &st, &err), ERR_INVALID);
    prefixes[0] = (struct store_prefix){ STR("s3://x/y"), str_of(in_tmp("missing")), false };
    CHECK_FAILS(store_fs_open(&o, &st, &err), ERR_NOT_FOUND);
}

/* Outside of the root: only while it is allowed, on whatever file system, and with links. */
TEST(everywhere_when_allowed)
{
    struct store *st = open_at(str_of(in_tmp("w")));
    struct arena *a = test_arena();
    const char *outside = in_tmp("out/t/m.json");
    str path, local;
    CHECK_FAILS(store_from_uri(st, str_of(outside), a, &path, &err), ERR_DENIED);
    CHECK_FAILS(store_put(st, str_of(outside), STR("x"), STORE_CREATE_NEW, &err), ERR_DENIED);
    store_fs_allow_everywhere(st, true);
    check_uri(st, arena_printf(a, "file://%s", outside), outside);
    check_uri(st, str_of(in_tmp("w/a")), "a");
    CHECK_FAILS(store_from_uri(st, STR("/x/../etc/passwd"), a, &path, &err), ERR_INVALID);
    CHECK_FAILS(store_from_uri(st, STR("file://host/x"), a, &path, &err), ERR_DENIED);
    CHECK_FAILS(store_from_uri(st, STR("s3://b/x"), a, &path, &err), ERR_DENIED);
    CHECK_FAILS(store_from_uri(st, STR("/"), a, &path, &err), ERR_DENIED);
    CHECK_OK(store_put(st, str_of(outside), STR("x"), STORE_CREATE_NEW, &err));
    CHECK_FAILS(store_put(st, str_of(outside), STR("x"), STORE_CREATE_NEW, &err), ERR_EXISTS);
    CHECK_STR(get(st, outside), "x");
    CHECK(symlink(in_tmp("out"), in_tmp("link")) == 0);
    CHECK_STR(get(st, in_tmp("link/t/m.json")), "x");
    const char *staged = in_tmp("out/new/d.parquet");
    CHECK_OK(store_stage(st, str_of(staged), a, &local, &err));
    CHECK(str_ends(local, STR(".parquet")) && str_starts(local, str_of(in_tmp("out/new/.tmp"))));
    write_file(local.ptr, "data");
    CHECK_OK(store_publish(st, str_of(staged), local, STORE_CREATE_NEW, &err));
    CHECK_STR(get(st, staged), "data");
    CHECK_OK(store_stage(st, str_of(staged), a, &local, &err));
    CHECK(mkdir(local.ptr, 0755) == 0);
    write_file(arena_printf(a, STR_FMT "/f", STR_ARG(local)).ptr, "part");
    CHECK_OK(store_publish(st, str_of(in_tmp("out/new/p=1/f")),
                           arena_printf(a, STR_FMT "/f", STR_ARG(local)), STORE_CREATE_NEW, &err));
    store_discard(st, local);
    CHECK(access(local.ptr, F_OK) != 0);
    CHECK_STR(get(st, in_tmp("out/new/p=1/f")), "part");
    CHECK_OK(store_delete(st, str_of(staged), &err));
    CHECK_OK(store_make_folder(st, str_of(in_tmp("out/made/deep")), &err));
    CHECK_OK(store_make_folder(st, str_of(in_tmp("out/made/deep")), &err));
    CHECK_OK(store_make_folder(st, STR("here/too"), &err));
    CHECK(access(in_tmp("out/made/deep"), F_OK) == 0 && access(in_tmp("w/here/too"), F_OK) == 0);
    CHECK_FAILS(store_make_folder(st, str_of(in_tmp("out/t/m.json/x")), &err), ERR_NOT_FOUND);
    store_fs_allow_everywhere(st, false);
    CHECK_FAILS(store_make_folder(st, str_of(in_tmp("out/other")), &err), ERR_DENIED);
    fails(st, outside, ERR_DENIED);
    store_destroy(st);
}

/* ---- many at once ---- */

struct race {
    struct store *st;
    atomic_int won, lost;
};

static bool race_one(void *ctx, size_t i, struct error *e)
{
    struct race *r = ctx;
    char path[64];
    int n = snprintf(path, sizeof path, "race/%zu/deep/v1", i / 8);
    if (store_put(r->st, str_make(path, (size_t)n), STR("x"), STORE_CREATE_NEW, e)) {
        atomic_fetch_add(&r->won, 1);
        return true;
    }
    CHECK(e->code == ERR_EXISTS);
    atomic_fetch_add(&r->lost, 1);
    return true;
}

TEST(of_many_writers_one_wins)
{
    struct race r = { .st = open_at(str_of(test_tmpdir())) };
    struct pool *p = pool_create("race", 8, 64);
    CHECK_OK(pool_for(p, 8 * 40, race_one, &r, &err));
    CHECK_INT(atomic_load(&r.won), 40);
    CHECK_INT(atomic_load(&r.lost), 7 * 40);
    pool_destroy(p);
    store_destroy(r.st);
}

static bool replace_or_read(void *ctx, size_t i, struct error *e)
{
    struct race *r = ctx;
    struct arena *a = arena_create(0);
    char bytes[4096];
    memset(bytes, 'a' + (int)(i % 26), sizeof bytes);
    str seen;
    bool ok = i % 2 ? store_put(r->st, STR("hot"), str_make(bytes, sizeof bytes), STORE_REPLACE, e)
                    : store_get(r->st, STR("hot"), MAX, a, &seen, e);
    if (ok && i % 2 == 0) {
        CHECK_INT(seen.len, sizeof bytes);
        CHECK(memcmp(seen.ptr, seen.ptr + 1, seen.len - 1) == 0);
    }
    arena_destroy(a);
    return ok;
}

TEST(readers_never_see_half_an_object)
{
    struct race r = { .st = open_at(str_of(test_tmpdir())) };
    char first[4096];
    memset(first, 'z', sizeof first);
    CHECK_OK(store_put(r.st, STR("hot"), str_make(first, sizeof first), STORE_REPLACE, &err));
    struct pool *p = pool_create("hot", 4, 64);
    CHECK_OK(pool_for(p, 400, replace_or_read, &r, &err));
    pool_destroy(p);
    store_destroy(r.st);
}
