/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/compress.h"

#include "test.h"

static struct error err;

#define CODECS COMPRESSION_KINDS

static str sample(size_t n)
{
    struct rand r;
    char *p = arena_alloc(test_arena(), n + 1);
    rand_init(&r, test_seed());
    for (size_t i = 0; i < n; i++) /* half noise, half repetition */
        p[i] = (i / 64) % 2 ? (char)rand_u64(&r) : (char)('a' + i % 7);
    return str_make(p, n);
}

static str packed(enum compression how, str in, struct buf *out)
{
    buf_clear(out);
    CHECK_OK(compress_bytes(how, 0, in, out, &err));
    return buf_str(out);
}

TEST(what_is_packed_unpacks)
{
    static const size_t sizes[] = { 0, 1, 2, 63, 64, 1000, 65536, 1000003 };
    struct buf small = BUF_INIT(4 << 20), out = BUF_INIT(4 << 20);
    for (enum compression how = 0; how < CODECS; how++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            str in = sample(sizes[i]), p = packed(how, in, &small);
            buf_clear(&out);
            buf_lit(&out, "kept");
            CHECK_OK(decompress_bytes(how, p, in.len, &out, &err));
            CHECK(str_eq(str_from(buf_str(&out), 4), in));
            if (in.len == 0)
                continue;
            CHECK_FAILS(decompress_bytes(how, p, in.len - 1, &out, &err), ERR_LIMIT);
            CHECK_INT(out.len, 4 + in.len);
        }
    }
    buf_deinit(&small);
    buf_deinit(&out);
}

TEST(every_truncation_is_noticed)
{
    struct buf small = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    str in = sample(700);
    for (enum compression how = COMPRESSION_DEFLATE; how < CODECS; how++) {
        str p = packed(how, in, &small);
        for (size_t n = 0; n < p.len; n++) {
            struct buf copy = BUF_INIT(1 << 20);
            buf_add(&copy, p.ptr, n);
            CHECK_FAILS(decompress_bytes(how, buf_str(&copy), 4096, &out, &err), ERR_CORRUPT);
            CHECK_INT(out.len, 0);
            buf_deinit(&copy);
        }
    }
    buf_deinit(&small);
    buf_deinit(&out);
}

TEST(bytes_after_the_end_are_noticed)
{
    struct buf small = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    for (enum compression how = COMPRESSION_ZLIB; how < CODECS; how++) {
        packed(how, sample(700), &small);
        buf_lit(&small, "\0x");
        CHECK_FAILS(decompress_bytes(how, buf_str(&small), 4096, &out, &err), ERR_CORRUPT);
    }
    buf_deinit(&small);
    buf_deinit(&out);
}

/* PyIceberg cuts zlib's two bytes off the front of its blocks, and one of the four off their end. */
TEST(a_checksum_behind_raw_deflate_is_not_looked_at)
{
    struct buf small = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    packed(COMPRESSION_ZLIB, sample(700), &small);
    str zlib = buf_str(&small);
    CHECK_OK(
        decompress_bytes(COMPRESSION_DEFLATE, str_sub(zlib, 2, zlib.len - 1), 4096, &out, &err));
    CHECK(str_eq(buf_str(&out), sample(700)));
    buf_clear(&out);
    CHECK_OK(decompress_bytes(COMPRESSION_DEFLATE, str_from(zlib, 2), 4096, &out, &err));
    buf_clear(&out);
    buf_lit(&small, "x");
    CHECK_FAILS(
        decompress_bytes(COMPRESSION_DEFLATE, str_from(buf_str(&small), 2), 4096, &out, &err),
        ERR_CORRUPT);
    CHECK_INT(out.len, 0);
    buf_deinit(&small);
    buf_deinit(&out);
}

TEST(changed_bits_never_harm)
{
    struct buf small = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    for (enum compression how = COMPRESSION_DEFLATE; how < CODECS; how++) {
        str p = packed(how, sample(300), &small);
        for (size_t i = 0; i < p.len * 8; i++) {
            char *byte = small.ptr + i / 8;
            *byte = (char)(*byte ^ 1 << (i % 8));
            buf_clear(&out);
            err = (struct error){ 0 };
            if (decompress_bytes(how, p, 4096, &out, &err))
                CHECK(out.len <= 4096);
            else
                CHECK(out.len == 0 && (err.code == ERR_CORRUPT || err.code == ERR_LIMIT));
            *byte = (char)(*byte ^ 1 << (i % 8));
        }
    }
    buf_deinit(&small);
    buf_deinit(&out);
}

TEST(gzip_members_in_a_row_are_one)
{
    struct buf small = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    CHECK_OK(compress_bytes(COMPRESSION_GZIP, 9, STR("one "), &small, &err));
    CHECK_OK(compress_bytes(COMPRESSION_GZIP, 1, STR("two"), &small, &err));
    CHECK_OK(decompress_bytes(COMPRESSION_GZIP, buf_str(&small), 7, &out, &err));
    CHECK_STR(buf_str(&out), "one two");
    buf_clear(&out);
    CHECK_FAILS(decompress_bytes(COMPRESSION_GZIP, buf_str(&small), 6, &out, &err), ERR_LIMIT);
    buf_deinit(&small);
    buf_deinit(&out);
}

TEST(a_full_buffer_is_an_error)
{
    for (enum compression how = 0; how < CODECS; how++) {
        struct buf tiny = BUF_INIT(10), big = BUF_INIT(1 << 20), unpacked = BUF_INIT(699);
        CHECK_FAILS(compress_bytes(how, 0, sample(700), &tiny, &err), ERR_LIMIT);
        str p = packed(how, sample(700), &big);
        CHECK_FAILS(decompress_bytes(how, p, 4096, &unpacked, &err), ERR_LIMIT);
        buf_deinit(&tiny);
        buf_deinit(&big);
        buf_deinit(&unpacked);
    }
}

TEST(a_snappy_size_that_cannot_be_true_is_refused_before_allocating)
{
    struct buf out = BUF_INIT((size_t)1 << 31);
    /* claims a gibibyte */
    CHECK_FAILS(decompress_bytes(COMPRESSION_SNAPPY, STR("\x80\x80\x80\x80\x04"), (size_t)1 << 31,
                                 &out, &err),
                ERR_CORRUPT);
    CHECK_INT(out.cap, 0);
    buf_deinit(&out);
}

TEST(names)
{
    enum compression how;
    CHECK(compression_parse(STR("zstd"), &how) && how == COMPRESSION_ZSTD);
    CHECK(!compression_parse(STR("lzma"), &how));
    CHECK_STR(str_of(compression_name(COMPRESSION_GZIP)), "gzip");
    CHECK_INT(crc32_of(0, STR("123456789")), 0xCBF43926);
    struct buf out = BUF_INIT(100);
    CHECK_FAILS(compress_bytes(COMPRESSION_GZIP, 99, STR("x"), &out, &err), ERR_INVALID);
}
