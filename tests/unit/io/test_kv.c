/* SPDX-License-Identifier: Apache-2.0 */
#include "io/kv.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/thread.h"
#include "seccomp.h"
#include "test.h"

static struct error err;

static str kv_dir(void)
{
    return arena_printf(test_arena(), "%s/online", test_tmpdir());
}

static struct kv *open_kv(void)
{
    struct kv *kv;
    CHECK_OK(kv_open(kv_dir(), NULL, &kv, &err));
    return kv;
}

static struct kv_table *table(struct kv *kv, const char *name)
{
    struct kv_table *t;
    CHECK_OK(kv_table(kv, str_of(name), &t, &err));
    return t;
}

static void set(struct kv *kv, struct kv_table *t, const char *key, const char *value)
{
    struct kv_batch *b;
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_put(b, t, str_of(key), str_of(value), &err));
    CHECK_OK(kv_commit(b, &err));
}

/* A copy, "-" when absent. */
static str get(struct kv *kv, struct kv_table *t, const char *key)
{
    struct kv_read *r;
    str v;
    CHECK_OK(kv_read_begin(kv, &r, &err));
    CHECK_OK(kv_get(r, t, str_of(key), &v, &err));
    v = v.ptr ? arena_str(test_arena(), v) : STR("-");
    kv_read_end(r);
    return v;
}

static uint64_t count(struct kv *kv, struct kv_table *t)
{
    struct kv_read *r;
    uint64_t n;
    CHECK_OK(kv_read_begin(kv, &r, &err));
    CHECK_OK(kv_count(r, t, &n, &err));
    kv_read_end(r);
    return n;
}

TEST(round_trip)
{
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "view-1"), *u = table(kv, "view-2");
    CHECK(t == table(kv, "view-1") && t != u);
    CHECK_STR(get(kv, t, "k"), "-");
    set(kv, t, "k", "one");
    set(kv, u, "k", "");
    CHECK_STR(get(kv, t, "k"), "one");
    CHECK_STR(get(kv, u, "k"), "");
    set(kv, t, "k", "two");
    CHECK_STR(get(kv, t, "k"), "two");
    struct kv_batch *b;
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_remove(b, t, STR("k"), &err));
    CHECK_OK(kv_remove(b, t, STR("never"), &err));
    CHECK_OK(kv_commit(b, &err));
    CHECK_STR(get(kv, t, "k"), "-");
    kv_close(kv);
    kv = open_kv();
    CHECK_STR(get(kv, table(kv, "view-2"), "k"), "");
    CHECK_INT(count(kv, table(kv, "view-1")), 0);
    kv_close(kv);
}

TEST(limits)
{
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "t");
    struct kv_batch *b;
    struct kv_read *r;
    char key[KV_KEY_MAX + 1] = { 'k' };
    str v;
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_put(b, t, str_make(key, KV_KEY_MAX), STR("v"), &err));
    CHECK_FAILS(kv_put(b, t, str_make(key, KV_KEY_MAX + 1), STR("v"), &err), ERR_LIMIT);
    CHECK_FAILS(kv_put(b, t, STR(""), STR("v"), &err), ERR_INVALID);
    CHECK_FAILS(kv_put(b, t, STR("k"), str_make(key, (size_t)KV_VALUE_MAX + 1), &err), ERR_LIMIT);
    CHECK_OK(kv_commit(b, &err));
    CHECK_OK(kv_read_begin(kv, &r, &err));
    CHECK_OK(kv_get(r, t, str_make(key, KV_KEY_MAX), &v, &err));
    CHECK_STR(v, "v");
    CHECK_FAILS(kv_get(r, t, str_make(key, KV_KEY_MAX + 1), &v, &err), ERR_LIMIT);
    kv_read_end(r);
    struct kv_table *none;
    CHECK_FAILS(kv_table(kv, STR(""), &none, &err), ERR_INVALID);
    CHECK_FAILS(kv_table(kv, STR("a\0b"), &none, &err), ERR_INVALID);
    kv_close(kv);
}

TEST(a_batch_is_a_unit)
{
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "t");
    set(kv, t, "a", "1");
    struct kv_read *old;
    struct kv_batch *b;
    struct kv_table *none;
    str v;
    CHECK_OK(kv_read_begin(kv, &old, &err));
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_put(b, t, STR("a"), STR("2"), &err));
    CHECK_OK(kv_put(b, t, STR("b"), STR("2"), &err));
    CHECK_STR(get(kv, t, "a"), "1");
    CHECK_FAILS(kv_table(kv, STR("new"), &none, &err), ERR_INTERNAL);
    CHECK(table(kv, "t") == t);
    CHECK_OK(kv_commit(b, &err));
    CHECK_OK(kv_get(old, t, STR("a"), &v, &err));
    CHECK_STR(v, "1");
    CHECK_OK(kv_get(old, t, STR("b"), &v, &err));
    CHECK(!v.ptr);
    kv_read_end(old);
    CHECK_STR(get(kv, t, "b"), "2");
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_drop_prefix(b, t, STR(""), NULL, &err));
    kv_abort(b);
    kv_abort(NULL);
    CHECK_INT(count(kv, t), 2);
    kv_close(kv);
}

TEST(a_table_younger_than_the_reader_is_empty)
{
    struct kv *kv = open_kv();
    struct kv_read *old;
    struct kv_cursor *c;
    struct kv_entry e;
    bool found;
    uint64_t n = 9;
    str v;
    CHECK_OK(kv_read_begin(kv, &old, &err));
    struct kv_table *t = table(kv, "young");
    set(kv, t, "a", "1");
    CHECK_OK(kv_get(old, t, STR("a"), &v, &err));
    CHECK(!v.ptr);
    CHECK_OK(kv_count(old, t, &n, &err));
    CHECK_INT(n, 0);
    CHECK_OK(kv_cursor_open(old, t, STR(""), test_arena(), &c, &err));
    CHECK_OK(kv_next(c, &e, &found, &err));
    CHECK(!found);
    kv_cursor_close(c);
    kv_read_end(old);
    CHECK_STR(get(kv, t, "a"), "1");
    kv_close(kv);
}

/* ---- prefixes ---- */

static void fill(struct kv *kv, struct kv_table *t, const char *prefix, int n)
{
    struct kv_batch *b;
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    for (int i = 0; i < n; i++) {
        str k = arena_printf(test_arena(), "%s%06d", prefix, i * 7919 % n);
        CHECK_OK(kv_put(b, t, k, k, &err));
    }
    CHECK_OK(kv_commit(b, &err));
}

/* Counts by cursor, checking the order. */
static int scan(struct kv *kv, struct kv_table *t, const char *prefix)
{
    struct kv_read *r;
    struct kv_cursor *c;
    struct kv_entry e;
    struct arena *a = arena_create(0);
    str last = { 0 };
    int n = 0;
    CHECK_OK(kv_read_begin(kv, &r, &err));
    CHECK_OK(kv_cursor_open(r, t, str_of(prefix), a, &c, &err));
    for (bool found = true;;) {
        CHECK_OK(kv_next(c, &e, &found, &err));
        if (!found)
            break;
        CHECK(n++ == 0 || str_cmp(last, e.key) < 0);
        CHECK(str_starts(e.key, str_of(prefix)) && str_eq(e.key, e.value));
        last = e.key;
    }
    kv_cursor_close(c);
    kv_read_end(r);
    arena_destroy(a);
    return n;
}

TEST(cursors_and_drop_by_prefix)
{
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "t");
    fill(kv, t, "a:", 5000);
    fill(kv, t, "b:", 3000);
    fill(kv, t, "b;", 10);
    fill(kv, t, "\xff\xff", 10);
    CHECK_INT(scan(kv, t, ""), 8020);
    CHECK_INT(scan(kv, t, "a:"), 5000);
    CHECK_INT(scan(kv, t, "b:"), 3000);
    CHECK_INT(scan(kv, t, "\xff"), 10);
    CHECK_INT(scan(kv, t, "zz"), 0);
    struct kv_batch *b;
    uint64_t n;
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_drop_prefix(b, t, STR("b:"), &n, &err));
    CHECK_INT(n, 3000);
    CHECK_OK(kv_drop_prefix(b, t, STR("b:"), &n, &err));
    CHECK_INT(n, 0);
    CHECK_OK(kv_drop_prefix(b, t, STR("\xff"), &n, &err));
    CHECK_INT(n, 10);
    CHECK_OK(kv_commit(b, &err));
    CHECK_INT(scan(kv, t, ""), 5010);
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    CHECK_OK(kv_drop_prefix(b, t, STR(""), &n, &err));
    CHECK_OK(kv_commit(b, &err));
    CHECK_INT(n, 5010);
    CHECK_INT(count(kv, t), 0);
    kv_close(kv);
}

/* ---- many at once ---- */

struct shared {
    struct kv *kv;
    struct kv_table *t;
};

/* Writers set x and y together; readers must find them equal. */
static bool write_or_read(void *ctx, size_t i, struct error *e)
{
    struct shared *s = ctx;
    struct kv_read *r;
    struct kv_batch *b;
    str x, y, key = str_make(&i, sizeof i);
    if (i % 50 == 0)
        return kv_batch_begin(s->kv, &b, e) && kv_put(b, s->t, STR("x"), key, e) &&
               kv_put(b, s->t, STR("y"), key, e) && kv_commit(b, e);
    if (!kv_read_begin(s->kv, &r, e))
        return false;
    bool ok = kv_get(r, s->t, STR("x"), &x, e) && kv_get(r, s->t, STR("y"), &y, e);
    CHECK(!ok || (x.ptr == NULL) == (y.ptr == NULL));
    CHECK(!ok || str_eq(x, y));
    kv_read_end(r);
    return ok;
}

TEST(threads_read_and_write)
{
    struct shared s = { .kv = open_kv() };
    s.t = table(s.kv, "t");
    struct pool *p = pool_create("kv", 8, 64);
    CHECK_OK(pool_for(p, 4000, write_or_read, &s, &err));
    pool_destroy(p);
    kv_close(s.kv);
}

static bool open_tables(void *ctx, size_t i, struct error *e)
{
    struct kv_table *t;
    struct kv_batch *b;
    char name[32];
    int n = snprintf(name, sizeof name, "table-%zu", i % 20);
    return kv_table(ctx, str_make(name, (size_t)n), &t, e) && kv_batch_begin(ctx, &b, e) &&
           kv_put(b, t, str_make(name, (size_t)n), STR("1"), e) && kv_commit(b, e);
}

TEST(threads_open_tables)
{
    struct kv *kv = open_kv();
    struct pool *p = pool_create("kv", 8, 64);
    CHECK_OK(pool_for(p, 100, open_tables, kv, &err));
    for (int i = 0; i < 20; i++)
        CHECK_INT(count(kv, table(kv, arena_printf(test_arena(), "table-%d", i).ptr)), 1);
    pool_destroy(p);
    kv_close(kv);
}

TEST(too_many_readers_are_told)
{
    struct kv *kv = open_kv();
    struct kv_read **r = arena_array(test_arena(), struct kv_read *, KV_READERS_MAX + 1);
    int n = 0;
    err = (struct error){ 0 };
    while (n <= KV_READERS_MAX && kv_read_begin(kv, &r[n], &err))
        n++;
    CHECK(n >= KV_READERS_MAX - 1 && n <= KV_READERS_MAX);
    CHECK_INT(err.code, ERR_LIMIT);
    for (int i = 0; i < n; i++)
        kv_read_end(r[i]);
    CHECK_OK(kv_read_begin(kv, &r[0], &err));
    kv_read_end(r[0]);
    kv_close(kv);
}

/* ---- things that go wrong ---- */

TEST(a_full_map)
{
    struct kv *kv;
    CHECK_OK(kv_open(kv_dir(), &(struct kv_options){ .map_bytes = 1 << 20 }, &kv, &err));
    struct kv_table *t = table(kv, "t");
    set(kv, t, "a", "1");
    struct kv_batch *b;
    char value[100000] = { 0 };
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    bool ok = true;
    for (int i = 0; ok; i++) {
        CHECK(i < 100);
        str key = arena_printf(test_arena(), "%d", i);
        ok = kv_put(b, t, key, str_make(value, sizeof value), &err);
    }
    CHECK_INT(err.code, ERR_LIMIT);
    CHECK(strstr(err.hint, "larger"));
    CHECK(!kv_commit(b, &err));
    CHECK(err.code != ERR_UNKNOWN);
    CHECK_INT(count(kv, t), 1);
    kv_close(kv);
    kv = open_kv(); /* with a larger map it goes on */
    CHECK_STR(get(kv, table(kv, "t"), "a"), "1");
    kv_close(kv);
}

TEST(a_full_disk)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", test_tmpdir(), "tmpfs", 0, "size=1m") != 0)
        test_skip("a small file system cannot be mounted here (errno %d)", errno);
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "t");
    struct kv_batch *b;
    char value[100000] = { 0 };
    set(kv, t, "a", "1");
    CHECK_OK(kv_batch_begin(kv, &b, &err));
    for (int i = 0; i < 20; i++)
        CHECK_OK(
            kv_put(b, t, arena_printf(test_arena(), "%d", i), str_make(value, sizeof value), &err));
    CHECK_FAILS(kv_commit(b, &err), ERR_LIMIT);
    CHECK_INT(count(kv, t), 1);
    set(kv, t, "b", "2"); /* it goes on with what fits */
    CHECK_STR(get(kv, t, "b"), "2");
    kv_close(kv);
    umount2(test_tmpdir(), MNT_DETACH);
}

static bool set_a(struct kv *kv, struct kv_table *t, struct error *e)
{
    struct kv_batch *b;
    return kv_batch_begin(kv, &b, e) && kv_put(b, t, STR("a"), STR("2"), e) && kv_commit(b, e);
}

TEST(a_commit_that_cannot_be_synced_changes_nothing)
{
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "t");
    set(kv, t, "a", "1");
    seccomp_break(SYS_fdatasync, ANY_FD, EIO);
    CHECK_FAILS(set_a(kv, t, &err), ERR_UNAVAILABLE);
    CHECK(strstr(err.msg, "nothing was changed"));
    CHECK_STR(get(kv, t, "a"), "1");
    CHECK_FAILS(set_a(kv, t, &err), ERR_UNAVAILABLE);
    kv_close(kv);
    kv = open_kv();
    CHECK_STR(get(kv, table(kv, "t"), "a"), "1");
    kv_close(kv);
}

TEST(a_root_page_that_cannot_be_written_is_unknown_and_the_last)
{
    int root_fd = next_fd() + 2; /* LMDB opens the lock file, the data, the data for root pages */
    struct kv *kv = open_kv();
    struct kv_table *t = table(kv, "t");
    set(kv, t, "a", "1");
    seccomp_break(SYS_pwrite64, root_fd, EIO);
    CHECK_FAILS(set_a(kv, t, &err), ERR_UNKNOWN);
    CHECK_FAILS(set_a(kv, t, &err), ERR_UNAVAILABLE);
    kv_close(kv);
}

/* A store with enough entries, cut at n bytes.  Whatever is read: an answer or an error, no crash. */
TEST(a_truncated_file)
{
    log_set_level(LOG_ERROR);
    struct kv *kv = open_kv();
    fill(kv, table(kv, "t"), "k", 3000);
    kv_close(kv);
    const char *file = arena_printf(test_arena(), "%s/online/data.mdb", test_tmpdir()).ptr;
    struct stat s;
    CHECK(stat(file, &s) == 0 && s.st_size > 100000);
    int bad = 0;
    for (off_t n = s.st_size / 4096 * 4096 - 4096; n >= 8192; n -= 4096 * 5) {
        CHECK(truncate(file, n) == 0);
        struct kv_table *t;
        struct kv_read *r;
        str v;
        err = (struct error){ 0 };
        bool ok = kv_open(kv_dir(), NULL, &kv, &err);
        if (!ok) {
            bad++;
            continue;
        }
        ok = kv_table(kv, STR("t"), &t, &err) && kv_read_begin(kv, &r, &err);
        if (ok) {
            for (int i = 0; ok && i < 3000; i += 100)
                ok = kv_get(r, t, arena_printf(test_arena(), "k%06d", i), &v, &err);
            kv_read_end(r);
        }
        bad += !ok;
        kv_close(kv);
    }
    CHECK(bad > 0);
    CHECK_INT(err.code, ERR_CORRUPT);
}

TEST(a_file_that_is_not_ours)
{
    CHECK(mkdir(kv_dir().ptr, 0755) == 0);
    int fd = open(arena_printf(test_arena(), "%s/online/data.mdb", test_tmpdir()).ptr,
                  O_WRONLY | O_CREAT, 0644);
    char junk[20000];
    memset(junk, 'j', sizeof junk);
    CHECK(write(fd, junk, sizeof junk) == (ssize_t)sizeof junk);
    close(fd);
    struct kv *kv;
    CHECK_FAILS(kv_open(kv_dir(), NULL, &kv, &err), ERR_CORRUPT);
    CHECK_FAILS(kv_open(STR("/no/such/parent/x"), NULL, &kv, &err), ERR_NOT_FOUND);
}

/* ---- planned faults ---- */

static bool publish(struct kv *kv, struct error *e)
{
    struct kv_table *t;
    struct kv_batch *b;
    if (!kv_table(kv, STR("t"), &t, e) || !kv_batch_begin(kv, &b, e))
        return false;
    if (!kv_drop_prefix(b, t, STR("v"), NULL, e) || !kv_put(b, t, STR("v1"), STR("new"), e) ||
        !kv_remove(b, t, STR("old"), e)) {
        kv_abort(b);
        return false;
    }
    return kv_commit(b, e);
}

static void prepare(struct kv *kv)
{
    set(kv, table(kv, "t"), "v1", "before");
    set(kv, table(kv, "t"), "old", "before");
}

static bool is_after(struct kv *kv)
{
    bool after = str_is(get(kv, table(kv, "t"), "v1"), "new");
    CHECK_STR(get(kv, table(kv, "t"), "old"), after ? "-" : "before");
    CHECK(after || str_is(get(kv, table(kv, "t"), "v1"), "before"));
    return after;
}

TEST(a_batch_is_before_or_after_under_any_planned_fault)
{
    struct kv *real = open_kv();
    for (int kind = FAULT_REFUSED; kind <= FAULT_ANSWER_LOST; kind++) {
        bool fired = true;
        int64_t nth = 0;
        for (; fired; nth++) {
            prepare(real);
            struct fault f = FAULT_AT((enum fault_kind)kind, nth);
            struct kv *kv = kv_fault_create(real, &f);
            bool ok = publish(kv, &err);
            fired = fault_fired(&f);
            bool lost_commit = kind == FAULT_ANSWER_LOST && nth == 5;
            CHECK(ok == !fired);
            if (!ok)
                CHECK_INT(err.code, lost_commit ? ERR_UNKNOWN : ERR_UNAVAILABLE);
            CHECK(is_after(real) == (ok || lost_commit));
            kv_close(kv);
        }
        CHECK_INT(nth, 7);
    }
    kv_close(real);
}

TEST(reads_fail_by_plan)
{
    struct kv *real = open_kv();
    prepare(real);
    for (int64_t nth = 0; nth < 5; nth++) {
        struct fault f = FAULT_AT(FAULT_REFUSED, nth);
        struct kv *kv = kv_fault_create(real, &f);
        struct kv_table *t = table(real, "t");
        struct kv_read *r = NULL;
        struct kv_cursor *c = NULL;
        struct kv_entry e;
        uint64_t n;
        str v;
        bool found, ok = kv_read_begin(kv, &r, &err) && kv_get(r, t, STR("v1"), &v, &err) &&
                         kv_count(r, t, &n, &err) &&
                         kv_cursor_open(r, t, STR(""), test_arena(), &c, &err) &&
                         kv_next(c, &e, &found, &err);
        CHECK(!ok && fault_fired(&f));
        kv_cursor_close(c);
        kv_read_end(r);
        kv_close(kv);
    }
    kv_close(real);
}

struct killing {
    int nr; /* 0: by plan */
    struct fault plan;
};

static void publish_and_be_killed(void *arg)
{
    struct killing *k = arg;
    struct kv *kv = open_kv();
    if (k->nr)
        seccomp_break(k->nr, ANY_FD, SECCOMP_KILL);
    else
        kv = kv_fault_create(kv, &k->plan);
    (void)!publish(kv, &err);
}

TEST(a_batch_is_before_or_after_when_killed)
{
    for (int i = 0; i < 4; i++) {
        struct kv *kv = open_kv();
        prepare(kv);
        kv_close(kv);
        struct killing k = { .nr = i == 0 ? SYS_fdatasync : i == 1 ? SYS_pwrite64 : 0 };
        k.plan = (struct fault)FAULT_AT(i == 2 ? FAULT_KILLED_BEFORE : FAULT_KILLED_AFTER, 5);
        int status = in_child(publish_and_be_killed, &k);
        CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == FAULT_EXIT_STATUS);
        kv = open_kv();
        CHECK(is_after(kv) == (i == 3));
        kv_close(kv);
    }
}
