/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/roaring.h"

#include <stdlib.h>

#include "base/env.h"
#include "test.h"

static struct error err;

/* A file that the Java library wrote. */
static str golden(const char *name)
{
    const char *dir = getenv("FIRN_GOLDEN_DIR");
    str path = arena_printf(test_arena(), "%s/iceberg-java/org/apache/iceberg/deletes/%s",
                            dir ? dir : "../shared/golden", name);
    FILE *f = fopen(path.ptr, "rb");
    if (!f)
        test_skip("%s is not there", path.ptr);
    char *bytes = arena_alloc(test_arena(), 65536);
    size_t n = fread(bytes, 1, 65536, f);
    fclose(f);
    return str_make(bytes, n);
}

static str written(struct positions *p)
{
    struct buf *b = arena_new(test_arena(), struct buf);
    buf_init(b, POSITIONS_BYTES_MAX);
    buf_in_arena(b, test_arena());
    positions_write(p, b);
    CHECK(!b->overflow);
    return buf_str(b);
}

static struct positions *read_back(str bytes)
{
    struct positions *p;
    CHECK_OK(positions_read(bytes, test_arena(), &p, &err));
    return p;
}

static void check_same(const struct positions *x, const struct positions *y)
{
    uint64_t a[100], b[100];
    CHECK_INT(positions_count(x), positions_count(y));
    for (uint64_t from = 0;;) {
        size_t n = positions_list(x, from, a, 100);
        CHECK_INT(positions_list(y, from, b, 100), n);
        CHECK(memcmp(a, b, n * sizeof *a) == 0);
        if (n == 0)
            return;
        from = a[n - 1] + 1;
    }
}

TEST(maps_of_other_writers_read_and_are_written_the_same)
{
    static const struct {
        const char *name;
        uint64_t count, last;
    } files[] = {
        { "64mapempty.bin", 0, 0 },
        { "64map32bitvals.bin", 10, 9 },
        { "64mapspreadvals.bin", 100, ((uint64_t)9 << 32) + 9 },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        str bytes = golden(files[i].name);
        struct positions *p = read_back(bytes);
        uint64_t last = 0;
        CHECK_INT(positions_count(p), files[i].count);
        CHECK(positions_last(p, &last) == (files[i].count > 0));
        CHECK_INT(last, files[i].last);
        check_same(p, read_back(written(p)));
    }
}

TEST(positions_that_are_too_large_are_refused)
{
    struct positions *p;
    CHECK_FAILS(positions_read(golden("64maphighvals.bin"), test_arena(), &p, &err), ERR_CORRUPT);
}

/* A set with containers of all three kinds, in two halves. */
static struct positions *mixed(void)
{
    struct positions *p = positions_create(test_arena());
    static const int64_t few[] = { 70000, 70009, 5, 70003, 5, ((int64_t)3 << 32) + 1 };
    positions_add_many(p, few, 6);
    positions_add_range(p, 200000, 260000);
    for (uint64_t i = 300000; i < 380000; i += 2)
        positions_add(p, i);
    positions_add_range(p, ((uint64_t)1 << 32) - 3, ((uint64_t)1 << 32) + 2);
    return p;
}

TEST(what_is_written_reads_back)
{
    struct positions *p = mixed(), *copy = positions_create(test_arena());
    str bytes = written(p);
    CHECK_INT(positions_count(p), 5 + 60000 + 40000 + 5);
    check_same(p, read_back(bytes));
    positions_add_all(copy, p);
    positions_add_all(copy, read_back(bytes));
    CHECK(str_eq(written(copy), bytes));
    CHECK(positions_has(p, 5) && positions_has(p, 200000) && positions_has(p, (uint64_t)1 << 32));
    CHECK(!positions_has(p, 6) && !positions_has(p, 260000) && !positions_has(NULL, 5));
}

TEST(a_mask_is_what_has_says)
{
    static const uint64_t places[] = { 0,      69990,  199000, 259000,
                                       299999, 379000, 65000,  ((uint64_t)1 << 32) - 1000 };
    struct positions *p = mixed();
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint64_t mask[32] = { 0 };
        positions_mask(p, places[i], 2048, mask);
        for (size_t k = 0; k < 2048; k++)
            CHECK((mask[k / 64] >> (k % 64) & 1) == positions_has(p, places[i] + k));
    }
}

TEST(every_truncation_and_a_longer_text_are_refused)
{
    struct positions *p = positions_create(test_arena()), *out;
    positions_add_range(p, 10, 5000);
    positions_add(p, 70000);
    positions_add(p, 70002);
    for (uint64_t i = 131072; i < 141072; i += 2)
        positions_add(p, i);
    str bytes = written(p);
    for (size_t n = 0; n < bytes.len; n++) {
        struct buf cut = BUF_INIT(POSITIONS_BYTES_MAX); /* of its own, for the sanitizer */
        buf_add(&cut, bytes.ptr, n);
        CHECK_FAILS(positions_read(buf_str(&cut), test_arena(), &out, &err), ERR_CORRUPT);
        buf_deinit(&cut);
    }
    char *longer = arena_alloc(test_arena(), bytes.len + 1);
    memcpy(longer, bytes.ptr, bytes.len);
    CHECK_FAILS(positions_read(str_make(longer, bytes.len + 1), test_arena(), &out, &err),
                ERR_CORRUPT);
}

TEST(lies_are_found)
{
    static const struct {
        const char *bytes;
        size_t n;
    } lies[] = {
#define LIE(text) { text, sizeof(text) - 1 }
#define HEAD "\1\0\0\0\0\0\0\0\0\0\0\0"
        LIE("\377\377\377\377\377\377\377\377"),                    /* 2^64 - 1 halves */
        LIE(HEAD "\x3a\x30\0\0\377\377\377\377"),                   /* 2^32 containers */
        LIE(HEAD "\x3a\x30\0\0\1\0\0\0\0\0\1\0\x10\0\0\0\5\0\4\0"), /* not ascending */
        LIE(HEAD "\x3a\x30\0\0\1\0\0\0\0\0\1\0\x10\0\0\0\5\0\5\0"), /* twice */
        LIE(HEAD "\x3a\x30\0\0\1\0\0\0\0\0\1\0\x11\0\0\0\5\0\6\0"), /* wrong offset */
        LIE(HEAD "\x3b\x30\0\0\1\0\0\3\0\1\0\5\0\2\0"),             /* 3 values, not 3 + 1 */
        LIE(HEAD "\x3b\x30\0\0\1\0\0\3\0\2\0\5\0\1\0\6\0\1\0"),     /* runs overlap */
        LIE(HEAD "\x3b\x30\0\0\1\0\0\2\0\1\0\376\377\2\0"),         /* a run too long */
        LIE(HEAD "\x3c\x30\0\0\1\0\0\0\0\0\1\0\x10\0\0\0\5\0\6\0"), /* cookie */
        LIE("\2\0\0\0\0\0\0\0\0\0\0\0\x3a\x30\0\0\0\0\0\0\0\0\0\0\x3a\x30\0\0\0\0\0\0"), /* keys */
    };
    struct positions *out;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        str bytes = arena_str(test_arena(), str_make(lies[i].bytes, lies[i].n));
        CHECK_FAILS(positions_read(bytes, test_arena(), &out, &err), ERR_CORRUPT);
    }
    /* A bitset that holds another number of values than it says. */
    struct positions *p = positions_create(test_arena());
    for (uint64_t i = 0; i < 20000; i += 2)
        positions_add(p, i);
    str bytes = written(p);
    char *bad = arena_alloc(test_arena(), bytes.len);
    memcpy(bad, bytes.ptr, bytes.len);
    bad[bytes.len - 1] = 1;
    CHECK_FAILS(positions_read(str_make(bad, bytes.len), test_arena(), &out, &err), ERR_CORRUPT);
}

TEST(random_sets_equal_a_plain_list)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (int round = 0; round < 30; round++) {
        bool *model = arena_alloc(test_arena(), 200000);
        struct positions *p = positions_create(test_arena());
        for (int step = 0; step < 40; step++) {
            uint64_t from = rand_below(&r, 199000), n = rand_below(&r, step % 4 ? 3 : 20000);
            uint64_t gap = 1 + rand_below(&r, 3);
            for (uint64_t i = from; i < from + n && i < 200000; i += gap) {
                positions_add(p, i);
                model[i] = true;
            }
        }
        struct positions *again = read_back(written(p));
        for (uint64_t i = 0; i < 200000; i += 1 + rand_below(&r, 5))
            CHECK(positions_has(again, i) == model[i]);
        check_same(p, again);
    }
}
