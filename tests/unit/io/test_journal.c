/* SPDX-License-Identifier: Apache-2.0
 *
 * A power cut is made by hand: the journal is copied as the disk may have it (all that was synced, and any part of what was not, torn at
 * sectors), the files that it covers are lost or spoiled, then the store is opened again. */
#include "io/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/thread.h"
#include "base/vec.h"
#include "io/store.h"
#include "test.h"

#define SECTOR 512
#define OBJECTS_MAX 64
#define WHOLE_MAX ((size_t)4 << 20)

static struct error err;

static str in_tmp(const char *name)
{
    return arena_printf(test_arena(), "%s/%s", test_tmpdir(), name);
}

static str read_whole(str path)
{
    char *bytes = arena_alloc(test_arena(), WHOLE_MAX);
    int fd = open(arena_cstr(test_arena(), path), O_RDONLY);
    if (fd < 0)
        return (str){ 0 };
    ssize_t n = read(fd, bytes, WHOLE_MAX);
    CHECK(n >= 0);
    close(fd);
    return str_make(bytes, (size_t)n);
}

static void write_whole(str path, str bytes)
{
    int fd = open(arena_cstr(test_arena(), path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    close(fd);
}

/* ---- records ---- */

/* An owner that remembers what it was handed. */
struct seen {
    VEC(struct journal_record) list;
    size_t rewritten;
    bool refuse;
};

static bool remember(void *ctx, const struct journal_record *r, bool rewrite, struct error *e)
{
    struct seen *s = ctx;
    struct journal_record copy = *r;
    if (s->refuse)
        return fail(e, ERR_UNAVAILABLE, "refused");
    copy.path = arena_str(test_arena(), r->path);
    copy.bytes = arena_str(test_arena(), r->bytes);
    *vec_push(test_arena(), &s->list) = copy;
    s->rewritten += rewrite;
    return true;
}

static struct journal *open_journal(struct seen *s, size_t segment_bytes)
{
    struct journal *j;
    struct journal_options o = { .dir = in_tmp("journal"),
                                 .files_fd = open(test_tmpdir(), O_RDONLY | O_DIRECTORY),
                                 .redo = remember,
                                 .ctx = s,
                                 .segment_bytes = segment_bytes };
    CHECK_OK(journal_open(&o, &j, &err));
    return j;
}

TEST(what_was_synced_is_handed_out_in_order_after_a_kill)
{
    struct seen s = { 0 }, none = { 0 };
    struct journal *j = open_journal(&none, 0);
    CHECK(journal_add(j, JOURNAL_WRITTEN, STR("a/b"), STR("some bytes")));
    CHECK(journal_add(j, JOURNAL_WRITTEN, STR("c"), STR("")));
    CHECK(journal_add(j, JOURNAL_REMOVED, STR("a/b"), STR("")));
    CHECK_OK(journal_sync(j, &err));
    str segment = read_whole(in_tmp("journal/segment-0"));
    CHECK(segment.len > 0);
    journal_close(j);
    CHECK_INT(none.list.n, 0);
    CHECK(!read_whole(in_tmp("journal/segment-0")).ptr); /* closed in order: nothing is left */

    write_whole(in_tmp("journal/segment-0"), segment);
    journal_close(open_journal(&s, 0));
    CHECK_INT(s.list.n, 3);
    CHECK_STR(s.list.at[0].path, "a/b");
    CHECK_STR(s.list.at[0].bytes, "some bytes");
    CHECK_STR(s.list.at[1].path, "c");
    CHECK_INT(s.list.at[2].kind, JOURNAL_REMOVED);
    CHECK(!read_whole(in_tmp("journal/segment-0")).ptr);
}

TEST(an_owner_that_fails_keeps_the_segments)
{
    struct seen s = { 0 };
    struct journal *j = open_journal(&s, 0);
    CHECK(journal_add(j, JOURNAL_WRITTEN, STR("a"), STR("1")));
    CHECK_OK(journal_sync(j, &err));
    str segment = read_whole(in_tmp("journal/segment-0"));
    journal_close(j);
    write_whole(in_tmp("journal/segment-0"), segment);
    s.refuse = true;
    struct journal_options o = { .dir = in_tmp("journal"),
                                 .files_fd = open(test_tmpdir(), O_RDONLY | O_DIRECTORY),
                                 .redo = remember,
                                 .ctx = &s };
    CHECK_FAILS(journal_open(&o, &j, &err), ERR_UNAVAILABLE);
    CHECK(read_whole(in_tmp("journal/segment-0")).len == segment.len);
    s.refuse = false;
    journal_close(open_journal(&s, 0));
    CHECK_INT(s.list.n, 1);
}

/* Small segments: they change often, and what is left at the end is the newest, whole and in order. */
TEST(segments_take_turns)
{
    struct seen s = { 0 };
    struct journal *j = open_journal(&s, 4096);
    char name[16];
    int taken = 0;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "%d", i);
        while (!journal_add(j, JOURNAL_WRITTEN, str_of(name),
                            STR("forty bytes are not very many, are they")))
            usleep(100); /* both are full until a checkpoint ends */
        taken++;
        if (i % 7 == 0)
            CHECK_OK(journal_sync(j, &err));
    }
    CHECK_OK(journal_sync(j, &err));
    str one = read_whole(in_tmp("journal/segment-0")),
        two = read_whole(in_tmp("journal/segment-1"));
    journal_close(j);
    CHECK_INT(taken, 2000);
    write_whole(in_tmp("journal/segment-0"), one);
    write_whole(in_tmp("journal/segment-1"), two);
    journal_close(open_journal(&s, 0));
    CHECK(s.list.n > 10);
    for (size_t i = 1; i < s.list.n; i++) {
        int64_t before, now;
        CHECK(str_to_i64(s.list.at[i - 1].path, &before) && str_to_i64(s.list.at[i].path, &now));
        CHECK_INT(now, before + 1);
    }
    CHECK_STR(s.list.at[s.list.n - 1].path, "1999");
}

TEST(what_does_not_fit_is_not_taken)
{
    struct seen s = { 0 };
    struct journal *j = open_journal(&s, 0);
    char *large = arena_alloc(test_arena(), JOURNAL_BYTES_MAX + 1);
    memset(large, 'x', JOURNAL_BYTES_MAX + 1);
    CHECK(!journal_add(j, JOURNAL_WRITTEN, STR("a"), str_make(large, JOURNAL_BYTES_MAX + 1)));
    CHECK(journal_add(j, JOURNAL_WRITTEN, STR("a"), str_make(large, JOURNAL_BYTES_MAX)));
    CHECK(!journal_add(j, JOURNAL_WRITTEN, STR(""), STR("x")));
    CHECK_OK(journal_sync(j, &err));
    journal_close(j);
}

struct adders {
    struct journal *j;
    atomic_int taken;
};

static bool add_many(void *ctx, size_t i, struct error *e)
{
    struct adders *a = ctx;
    char name[32];
    for (int k = 0; k < 200; k++) {
        snprintf(name, sizeof name, "%zu-%d", i, k);
        a->taken += journal_add(a->j, JOURNAL_WRITTEN, str_of(name), str_of(name));
        if (!journal_sync(a->j, e))
            return false;
    }
    return true;
}

TEST(many_threads_share_the_syncs)
{
    struct seen s = { 0 };
    struct adders a = { .j = open_journal(&s, 0) };
    struct pool *p = pool_create("adders", 8, 8);
    CHECK_OK(pool_for(p, 8, add_many, &a, &err));
    pool_destroy(p);
    str segment = read_whole(in_tmp("journal/segment-0"));
    journal_close(a.j);
    write_whole(in_tmp("journal/segment-0"), segment);
    journal_close(open_journal(&s, 0));
    CHECK_INT(a.taken, 1600);
    CHECK_INT(s.list.n, 1600);
    for (size_t i = 0; i < s.list.n; i++)
        CHECK(str_eq(s.list.at[i].path, s.list.at[i].bytes));
}

/* ---- the store over it ---- */

static struct store *open_store(void)
{
    struct store *st;
    struct store_fs_options o = { .root = in_tmp("files"),
                                  .clean = true,
                                  .journal = in_tmp("journal") };
    CHECK_OK(store_fs_open(&o, &st, &err));
    return st;
}

struct object {
    str path, bytes;
    bool flushed, removed;
};

static str some_bytes(struct rand *r, size_t n)
{
    char *p = arena_alloc(test_arena(), n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)rand_u64(r);
    return str_make(p, n);
}

static void make_object(struct store *st, struct object *o, int i, struct rand *r)
{
    *o =
        (struct object){ arena_printf(test_arena(), "ns/t-%d/%s/f%d.bin", i % 3,
                                      i % 2 ? "data" : "metadata", i),
                         some_bytes(r, (size_t)rand_below(r, i % 5 ? 3000 : 60000)), false, false };
    if (i % 4) {
        CHECK_OK(store_put(st, o->path, o->bytes, STORE_CREATE_NEW, &err));
        return;
    }
    str local;
    CHECK_OK(store_stage(st, o->path, test_arena(), &local, &err));
    write_whole(local, o->bytes);
    CHECK_OK(store_publish(st, o->path, local, STORE_CREATE_NEW, &err));
}

/* What the disk may have of the journal: all up to `synced`, and of the rest each sector or not. */
static str torn(str journal, size_t synced, struct rand *r)
{
    char *p = arena_alloc(test_arena(), journal.len + 1);
    size_t end = synced + rand_below(r, journal.len - synced + 1);
    memcpy(p, journal.ptr, journal.len);
    for (size_t at = (synced + SECTOR - 1) / SECTOR * SECTOR; at < end; at += SECTOR)
        if (rand_below(r, 3) == 0)
            memset(p + at, 0, end - at < SECTOR ? end - at : SECTOR);
    return str_make(p, end);
}

/* A file that was never synced: gone, empty, cut, or of zeros. */
static void spoil(const struct object *o, struct rand *r)
{
    str path = in_tmp(arena_printf(test_arena(), "files/" STR_FMT, STR_ARG(o->path)).ptr);
    char *p = arena_alloc(test_arena(), o->bytes.len + 1);
    memset(p, 0, o->bytes.len + 1);
    switch (rand_below(r, 5)) {
    case 0:
        unlink(arena_cstr(test_arena(), path));
        break;
    case 1:
        write_whole(path, STR(""));
        break;
    case 2:
        write_whole(path, str_sub(o->bytes, 0, o->bytes.len / 2));
        break;
    case 3:
        write_whole(path, str_make(p, o->bytes.len));
        break;
    default:
        break; /* it was written after all */
    }
}

static void check_object(struct store *st, const struct object *o)
{
    str got = { 0 };
    bool there = store_get(st, o->path, WHOLE_MAX, test_arena(), &got, &err);
    if (o->removed && o->flushed)
        CHECK(!there);
    else if (o->flushed)
        CHECK(there && str_eq(got, o->bytes));
    else
        CHECK(there || err.code == ERR_NOT_FOUND);
}

static void cut_power(uint64_t seed)
{
    struct rand r;
    struct object objects[OBJECTS_MAX];
    rand_init(&r, seed);
    struct store *st = open_store();
    int n = 1 + (int)rand_below(&r, OBJECTS_MAX - 1), flushed = 0;
    size_t synced = 0;
    for (int i = 0; i < n; i++) {
        make_object(st, &objects[i], i, &r);
        if (i > 2 && rand_below(&r, 9) == 0 && !objects[i - 2].removed) {
            CHECK_OK(store_delete(st, objects[i - 2].path, &err));
            objects[i - 2].removed = true;
            objects[i - 2].flushed = false;
        }
        if (rand_below(&r, 4) == 0) {
            CHECK_OK(store_flush(st, &err));
            for (flushed = 0; flushed <= i; flushed++)
                objects[flushed].flushed = true;
            synced = read_whole(in_tmp("journal/segment-0")).len;
        }
    }
    str journal = read_whole(in_tmp("journal/segment-0"));
    store_destroy(st);
    for (int i = 0; i < n; i++)
        if (!objects[i].removed)
            spoil(&objects[i], &r);
    write_whole(in_tmp("journal/segment-0"), torn(journal, synced, &r));
    st = open_store();
    for (int i = 0; i < n; i++) {
        check_object(st, &objects[i]);
        struct error ignored;
        if (!store_delete(st, objects[i].path, &ignored))
            CHECK_INT(ignored.code, ERR_NOT_FOUND);
    }
    store_destroy(st);
}

TEST(a_power_cut_loses_nothing_that_was_flushed)
{
    const char *cuts = getenv("FIRN_POWER_CUTS");
    int64_t n = 25;
    if (cuts)
        CHECK(str_to_i64(str_of(cuts), &n));
    for (int64_t i = 0; i < n / (cuts ? 20 : 1); i++)
        cut_power((uint64_t)i + 1);
}

static bool check_lost(struct store *st)
{
    str got = { 0 };
    return !store_get(st, STR("a/f"), WHOLE_MAX, test_arena(), &got, &err) || !str_is(got, "bytes");
}

/* The test above must be able to fail: without its journal the store has lost something. */
TEST(without_the_journal_files_would_be_lost)
{
    struct store *st = open_store();
    CHECK_OK(store_put(st, STR("a/f"), STR("bytes"), STORE_CREATE_NEW, &err));
    CHECK_OK(store_flush(st, &err));
    str journal = read_whole(in_tmp("journal/segment-0"));
    store_destroy(st);
    write_whole(in_tmp("files/a/f"), STR(""));
    st = open_store();
    CHECK(check_lost(st));
    store_destroy(st);
    write_whole(in_tmp("journal/segment-0"), journal);
    st = open_store();
    CHECK(!check_lost(st));
    store_destroy(st);
}

TEST(a_journal_that_cannot_be_made_costs_speed_only)
{
    write_whole(in_tmp("journal"), STR("a file"));
    struct store *st;
    struct store_fs_options o = { .root = in_tmp("files"), .journal = in_tmp("journal") };
    CHECK_FAILS(store_fs_open(&o, &st, &err), ERR_NOT_FOUND); /* not a folder: said at once */
    unlink(in_tmp("journal").ptr);
    st = open_store();
    write_whole(in_tmp("journal"), STR("a file"));
    CHECK_OK(store_put(st, STR("a/f"), STR("bytes"), STORE_CREATE_NEW, &err));
    CHECK_OK(store_flush(st, &err));
    CHECK(!check_lost(st));
    store_destroy(st);
}

TEST(the_journal_does_not_lead_out_of_the_store)
{
    struct seen s = { 0 };
    struct journal *j = open_journal(&s, 0);
    CHECK(journal_add(j, JOURNAL_WRITTEN, STR("../outside"), STR("1")));
    CHECK_OK(journal_sync(j, &err));
    str segment = read_whole(in_tmp("journal/segment-0"));
    journal_close(j);
    write_whole(in_tmp("journal/segment-0"), segment);
    struct store *st;
    struct store_fs_options o = { .root = in_tmp("files"), .journal = in_tmp("journal") };
    CHECK_FAILS(store_fs_open(&o, &st, &err), ERR_INVALID);
    CHECK(!read_whole(in_tmp("outside")).ptr);
}
