/* SPDX-License-Identifier: Apache-2.0
 *
 * Expected bytes and digests are those of Apache DataSketches for Java 6.2.0, fed with the same values. */
#include "codec/theta.h"

#include "codec/digest.h"
#include "test.h"

static struct error err;

static void add_long(struct theta *t, int64_t v)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)v >> (8 * i));
    theta_add(t, theta_hash(str_make(bytes, 8)));
}

static struct theta_compact *longs(int64_t from, int64_t to)
{
    struct theta *t = theta_create(test_arena());
    struct theta_compact *out = arena_new(test_arena(), struct theta_compact);
    for (int64_t i = from; i < to; i++)
        add_long(t, i);
    theta_finish(t, test_arena(), out);
    return out;
}

static str bytes_of(const struct theta_compact *s)
{
    struct buf out = BUF_INIT(1 << 20);
    theta_write(s, &out);
    str bytes = arena_str(test_arena(), buf_str(&out));
    buf_deinit(&out);
    return bytes;
}

static str digest_of(const struct theta_compact *s)
{
    struct sha256 d = sha256_of(bytes_of(s));
    char *text = arena_alloc(test_arena(), SHA256_TEXT_LEN + 1);
    return sha256_format(&d, text);
}

TEST(sketches_are_those_of_the_java_library)
{
    static const struct {
        int64_t n;
        double estimate;
        const char *digest;
    } cases[] = {
        { 0, 0, "b8c4f29742a5fdfb5d127bce574c5780bf7c3cf3fb0e09157312f06e6546e896" },
        { 1, 1, "e81d5c85bb25b760d465b1bb9b3447003816889278347d08c35d4cdaea3f271f" },
        { 2, 2, "957d80fb50536b8ca7a89977135ee8a5a6313d15e20e764ccf269c52241ea410" },
        { 10, 10, "27543c20e0ff9e52c0bd22c1eae6caa1f9b1d7c369cb6a2648d8939ef0016858" },
        { 4096, 4096, "56309b2e7bbe48c7b3e6846c3b5f667e13b2db1b093af9a12e56e68dea12548d" },
        { 4097, 4095.999756, "c9c45f834675a4ef17463c429f5d2208ef999586d71691a690eb49595ac40b49" },
        { 5000, 4979.300051, "de36827023d5af2bac1df0a9deeffd4c19d79f4b8fd8306847bc81bb5af393b4" },
        { 100000, 98042.383974,
          "f877054e2147b324ac1e9298ad44cfac9421a558d7cb6dcc7de08ddd277f1a01" },
        { 1000000, 1004032.297420,
          "e3ec20c0128455e8f9f8562b5ea5444aeff817281113e39ce509a88aaf6ff9d8" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct theta_compact *s = longs(0, cases[i].n);
        CHECK_STR(digest_of(s), cases[i].digest);
        double off = theta_estimate(s) - cases[i].estimate;
        CHECK(off > -1e-5 && off < 1e-5);
    }
}

TEST(texts_are_hashed_as_their_bytes)
{
    static const char *const texts[] = {
        "", "a", "snow", "sixteen bytes...", "seventeen bytes..", "Größe", "a"
    };
    struct theta *t = theta_create(test_arena());
    struct theta_compact s;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        theta_add(t, theta_hash(str_of(texts[i])));
    theta_finish(t, test_arena(), &s);
    CHECK_INT(s.n, 5); /* the empty text does not count, nor does it in Java */
    CHECK_STR(digest_of(&s), "e57d109f73e6d8d15618be631408f2a045b5f01b25846daf691e93d055867e3d");
}

TEST(unions_are_those_of_the_java_library)
{
    struct theta_compact out;
    const struct theta_compact *large[] = { longs(0, 20000), longs(10000, 50000) };
    theta_union(large, 2, test_arena(), &out);
    CHECK_STR(digest_of(&out), "2f3e459a6a26f53bb81a1efb82c24d711005a6ec9aa5be310accf04b2c36f292");
    const struct theta_compact *small[] = { longs(0, 200), longs(100, 300) };
    theta_union(small, 2, test_arena(), &out);
    CHECK_STR(digest_of(&out), "742ac95c4230a860483c68192f9231d934223ff3e9951826f6bb9ba0a9004f3f");
    theta_union(NULL, 0, test_arena(), &out);
    CHECK_INT(out.n, 0);
    CHECK(out.theta == THETA_MAX);
}

/* Values that come again change nothing, whenever they come. */
TEST(repetition_changes_nothing)
{
    struct theta *t = theta_create(test_arena());
    struct theta_compact s;
    for (int64_t i = 0; i < 20000; i++) {
        add_long(t, i);
        add_long(t, i / 2);
    }
    theta_finish(t, test_arena(), &s);
    CHECK_STR(digest_of(&s), digest_of(longs(0, 20000)).ptr);
}

TEST(what_is_written_is_read)
{
    static const int64_t sizes[] = { 0, 1, 2, 4096, 9000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct theta_compact *s = longs(0, sizes[i]), back;
        CHECK_OK(theta_read(bytes_of(s), test_arena(), &back, &err));
        CHECK_INT(back.n, s->n);
        CHECK(back.theta == s->theta);
        CHECK(back.n == 0 || memcmp(back.hashes, s->hashes, 8 * s->n) == 0);
    }
}

TEST(unordered_sketches_are_sorted)
{
    str bytes = bytes_of(longs(0, 3));
    char *b = arena_cstr(test_arena(), bytes), word[8];
    struct theta_compact s;
    memcpy(word, b + 16, 8);
    memcpy(b + 16, b + 24, 8);
    memcpy(b + 24, word, 8);
    CHECK_FAILS(theta_read(str_make(b, bytes.len), test_arena(), &s, &err), ERR_CORRUPT);
    CHECK(strstr(err.msg, "out of order"));
    b[5] &= ~16;
    CHECK_OK(theta_read(str_make(b, bytes.len), test_arena(), &s, &err));
    CHECK(s.hashes[0] < s.hashes[1] && s.hashes[1] < s.hashes[2]);
}

TEST(every_truncation_is_refused)
{
    str bytes = bytes_of(longs(0, 9000));
    struct theta_compact s;
    for (size_t n = 0; n < bytes.len; n += n < 64 ? 1 : 509)
        CHECK(!theta_read(str_sub(bytes, 0, n), test_arena(), &s, &err));
}

TEST(damage_has_a_name)
{
    static const struct {
        size_t at;
        char byte;
        enum err_code code;
        const char *says;
    } cases[] = {
        { 0, 4, ERR_CORRUPT, "preamble of 4 words" },
        { 1, 4, ERR_UNSUPPORTED, "version 4" },
        { 1, 0, ERR_CORRUPT, "version 0" },
        { 2, 1, ERR_UNSUPPORTED, "not a compact one (family 1)" },
        { 2, 77, ERR_CORRUPT, "no family 77" },
        { 5, 0x1b, ERR_UNSUPPORTED, "big endian" },
        { 5, 0x1e, ERR_CORRUPT, "is empty and has" },
        { 6, 0, ERR_UNSUPPORTED, "another seed" },
        { 8, 1, ERR_CORRUPT, "hashes in" },
        { 11, 127, ERR_LIMIT, "are more than" },
        { 23, (char)0x80, ERR_CORRUPT, "theta is out of range" },
        { 23, 0, ERR_CORRUPT, "is not below theta" },
    };
    str bytes = bytes_of(longs(0, 9000));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct theta_compact s;
        char *b = arena_cstr(test_arena(), bytes);
        b[cases[i].at] = cases[i].byte;
        CHECK_FAILS(theta_read(str_make(b, bytes.len), test_arena(), &s, &err), cases[i].code);
        CHECK(strstr(err.msg, cases[i].says));
    }
}
