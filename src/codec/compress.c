/* SPDX-License-Identifier: Apache-2.0
 *
 * Each codec says how large its output can get (packing) or is (unpacking) where it can; the deflate
 * family cannot, so its output buffer is guessed and doubled until it is large enough or the caller's
 * limit is reached. */
#include "codec/compress.h"

#include <libdeflate.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zstd.h>

#define GUESS_MIN ((size_t)4 << 10)
#define GUESS_RATIO 4

#define DEFLATE_LEVEL 6
#define ZSTD_LEVEL 3

static const char *const names[] = {
    [COMPRESSION_NONE] = "none", [COMPRESSION_DEFLATE] = "deflate", [COMPRESSION_ZLIB] = "zlib",
    [COMPRESSION_GZIP] = "gzip", [COMPRESSION_SNAPPY] = "snappy",   [COMPRESSION_ZSTD] = "zstd",
    [COMPRESSION_LZ4] = "lz4",
};

const char *compression_name(enum compression how)
{
    return names[how];
}

bool compression_parse(str name, enum compression *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_is(name, names[i])) {
            *out = (enum compression)i;
            return true;
        }
    }
    return false;
}

uint32_t crc32_of(uint32_t crc, str bytes)
{
    return bytes.len ? libdeflate_crc32(crc, bytes.ptr, bytes.len) : crc;
}

static bool full(const struct buf *out, struct error *err)
{
    return fail(err, ERR_LIMIT, "compressed or unpacked data is larger than %zu bytes", out->max);
}

static size_t deflate_bound(enum compression how, struct libdeflate_compressor *c, size_t n)
{
    return how == COMPRESSION_DEFLATE ? libdeflate_deflate_compress_bound(c, n)
           : how == COMPRESSION_ZLIB  ? libdeflate_zlib_compress_bound(c, n)
                                      : libdeflate_gzip_compress_bound(c, n);
}

static size_t deflate_pack(enum compression how, struct libdeflate_compressor *c, str in, char *out,
                           size_t cap)
{
    return how == COMPRESSION_DEFLATE ? libdeflate_deflate_compress(c, in.ptr, in.len, out, cap)
           : how == COMPRESSION_ZLIB  ? libdeflate_zlib_compress(c, in.ptr, in.len, out, cap)
                                      : libdeflate_gzip_compress(c, in.ptr, in.len, out, cap);
}

static bool compress_deflate(enum compression how, int level, str in, struct buf *out,
                             struct error *err)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(level ? level : DEFLATE_LEVEL);
    if (!c)
        return fail(err, ERR_INVALID, "%s has no level %d", names[how], level);
    size_t bound = deflate_bound(how, c, in.len), left = out->max - out->len;
    size_t room = bound < left ? bound : left, len = 0;
    char *to = room ? buf_reserve(out, room) : NULL;
    if (to)
        len = deflate_pack(how, c, in, to, room);
    libdeflate_free_compressor(c);
    out->len += len;
    return len ? true : full(out, err);
}

static bool compress_snappy(str in, struct buf *out, struct error *err)
{
    size_t len = snappy_max_compressed_length(in.len);
    char *room = buf_reserve(out, len);
    if (!room)
        return full(out, err);
    if (snappy_compress(in.ptr, in.len, room, &len) != SNAPPY_OK)
        return fail(err, ERR_INTERNAL, "snappy could not pack %zu bytes", in.len);
    out->len += len;
    return true;
}

static bool compress_zstd(int level, str in, struct buf *out, struct error *err)
{
    size_t bound = ZSTD_compressBound(in.len);
    char *room = ZSTD_isError(bound) ? NULL : buf_reserve(out, bound);
    if (!room)
        return full(out, err);
    size_t len = ZSTD_compress(room, bound, in.ptr, in.len, level ? level : ZSTD_LEVEL);
    if (ZSTD_isError(len))
        return fail(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(len));
    out->len += len;
    return true;
}

static bool compress_lz4(int level, str in, struct buf *out, struct error *err)
{
    LZ4F_preferences_t how = { .frameInfo.contentSize = in.len, .compressionLevel = level };
    size_t bound = LZ4F_compressFrameBound(in.len, &how);
    char *room = buf_reserve(out, bound);
    if (!room)
        return full(out, err);
    size_t len = LZ4F_compressFrame(room, bound, in.ptr, in.len, &how);
    if (LZ4F_isError(len))
        return fail(err, ERR_INTERNAL, "lz4: %s", LZ4F_getErrorName(len));
    out->len += len;
    return true;
}

bool compress_bytes(enum compression how, int level, str in, struct buf *out, struct error *err)
{
    if (in.len == 0)
        in.ptr = "";
    switch (how) {
    case COMPRESSION_NONE:
        buf_add_str(out, in);
        return out->overflow ? full(out, err) : true;
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ZLIB:
    case COMPRESSION_GZIP:
        return compress_deflate(how, level, in, out, err);
    case COMPRESSION_SNAPPY:
        return compress_snappy(in, out, err);
    case COMPRESSION_ZSTD:
        return compress_zstd(level, in, out, err);
    case COMPRESSION_LZ4:
        return compress_lz4(level, in, out, err);
    }
    return fail(err, ERR_INTERNAL, "no compression %d", (int)how);
}

static bool damaged(enum compression how, struct error *err)
{
    return fail(err, ERR_CORRUPT, "%s data is damaged or cut short", names[how]);
}

static bool too_large(enum compression how, size_t max, struct error *err)
{
    return fail(err, ERR_LIMIT, "%s data unpacks to more than %zu bytes", names[how], max);
}

static enum libdeflate_result deflate_unpack(enum compression how,
                                             struct libdeflate_decompressor *d, str in, char *out,
                                             size_t cap, size_t *used, size_t *made)
{
    return how == COMPRESSION_DEFLATE
               ? libdeflate_deflate_decompress_ex(d, in.ptr, in.len, out, cap, used, made)
           : how == COMPRESSION_ZLIB
               ? libdeflate_zlib_decompress_ex(d, in.ptr, in.len, out, cap, used, made)
               : libdeflate_gzip_decompress_ex(d, in.ptr, in.len, out, cap, used, made);
}

/* Where room bytes may be written; a place that is not empty even when room is 0. */
static char *make_room(struct buf *out, size_t room)
{
    static char nowhere[1];
    return room ? buf_reserve(out, room) : nowhere;
}

/* One stream or member at the front of `in`; cuts it off.  At most max bytes come out. */
static bool inflate_one(enum compression how, struct libdeflate_decompressor *d, str *in,
                        size_t max, struct buf *out, struct error *err)
{
    size_t room = in->len > max / GUESS_RATIO ? max : in->len * GUESS_RATIO;
    room = room < GUESS_MIN ? GUESS_MIN : room;
    for (;;) {
        room = room < max ? room : max;
        char *to = make_room(out, room);
        if (!to)
            return full(out, err);
        size_t used = 0, made = 0;
        enum libdeflate_result result = deflate_unpack(how, d, *in, to, room, &used, &made);
        if (result == LIBDEFLATE_SUCCESS) {
            out->len += made;
            *in = str_from(*in, used);
            return true;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
            return damaged(how, err);
        if (room == max)
            return too_large(how, max, err);
        room = room > max / 2 ? max : room * 2;
    }
}

/* A raw stream says itself where it ends.  PyIceberg leaves most of zlib's checksum behind it. */
#define ZLIB_TRAILER 4 /* bytes */

static bool decompress_deflate(enum compression how, str in, size_t max, struct buf *out,
                               struct error *err)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d)
        panic("out of memory");
    size_t begin = out->len;
    bool ok;
    do {
        ok = inflate_one(how, d, &in, max - (out->len - begin), out, err);
    } while (ok && how == COMPRESSION_GZIP && in.len > 0);
    libdeflate_free_decompressor(d);
    if (ok && in.len > (how == COMPRESSION_DEFLATE ? ZLIB_TRAILER : 0))
        return damaged(how, err);
    return ok;
}

static bool decompress_snappy(str in, size_t max, struct buf *out, struct error *err)
{
    size_t len = 0;
    if (snappy_uncompressed_length(in.ptr, in.len, &len) != SNAPPY_OK)
        return damaged(COMPRESSION_SNAPPY, err);
    if (len > max)
        return too_large(COMPRESSION_SNAPPY, max, err);
    /* A copy makes at most 64 bytes of 2: a larger claim is a lie, found out before allocating. */
    if (len / 32 > in.len)
        return damaged(COMPRESSION_SNAPPY, err);
    char *to = make_room(out, len);
    if (!to)
        return full(out, err);
    if (snappy_uncompress(in.ptr, in.len, to, &len) != SNAPPY_OK)
        return damaged(COMPRESSION_SNAPPY, err);
    out->len += len;
    return true;
}

/* Streamed, as frames need not say their size and a said size may be a lie. */
static bool decompress_zstd(str in, size_t max, struct buf *out, struct error *err)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    if (!d)
        panic("out of memory");
    ZSTD_inBuffer from = { in.ptr, in.len, 0 };
    size_t begin = out->len, step = ZSTD_DStreamOutSize();
    bool ok = true;
    while (ok) {
        size_t left = max - (out->len - begin);
        size_t room = left < step ? left : step;
        char *to = make_room(out, room);
        if (!to) {
            ok = full(out, err);
            break;
        }
        ZSTD_outBuffer piece = { to, room, 0 };
        size_t before = from.pos;
        size_t rest = ZSTD_decompressStream(d, &piece, &from);
        out->len += piece.pos;
        if (ZSTD_isError(rest))
            ok = damaged(COMPRESSION_ZSTD, err);
        else if (rest == 0 && from.pos == from.size)
            break; /* a frame is complete and nothing follows */
        else if (piece.pos == 0 && from.pos == before)
            ok = left == 0 ? too_large(COMPRESSION_ZSTD, max, err) : damaged(COMPRESSION_ZSTD, err);
    }
    ZSTD_freeDCtx(d);
    return ok;
}

#define LZ4_STEP ((size_t)256 << 10) /* bytes unpacked at once */

/* Streamed, like zstd; exactly one frame. */
static bool decompress_lz4(str in, size_t max, struct buf *out, struct error *err)
{
    LZ4F_dctx *d = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)))
        panic("out of memory");
    size_t begin = out->len;
    bool ok = true;
    while (ok) {
        size_t left = max - (out->len - begin);
        size_t made = left < LZ4_STEP ? left : LZ4_STEP, used = in.len;
        char *to = make_room(out, made);
        if (!to) {
            ok = full(out, err);
            break;
        }
        size_t rest = LZ4F_decompress(d, to, &made, in.ptr, &used, NULL);
        in = str_from(in, LZ4F_isError(rest) ? 0 : used);
        if (LZ4F_isError(rest)) {
            ok = damaged(COMPRESSION_LZ4, err);
            break;
        }
        out->len += made;
        if (rest == 0)
            ok = in.len == 0 || damaged(COMPRESSION_LZ4, err);
        else if (made == 0 && used == 0)
            ok = left == 0 && in.len ? too_large(COMPRESSION_LZ4, max, err)
                                     : damaged(COMPRESSION_LZ4, err);
        if (rest == 0)
            break;
    }
    LZ4F_freeDecompressionContext(d);
    return ok;
}

bool decompress_bytes(enum compression how, str in, size_t max, struct buf *out, struct error *err)
{
    size_t before = out->len;
    bool ok = false;
    if (in.len == 0)
        in.ptr = "";
    if (max > out->max - out->len)
        max = out->max - out->len;
    switch (how) {
    case COMPRESSION_NONE:
        if (in.len > max)
            return too_large(how, max, err);
        buf_add_str(out, in);
        return out->overflow ? full(out, err) : true;
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ZLIB:
    case COMPRESSION_GZIP:
        ok = decompress_deflate(how, in, max, out, err);
        break;
    case COMPRESSION_SNAPPY:
        ok = decompress_snappy(in, max, out, err);
        break;
    case COMPRESSION_ZSTD:
        ok = decompress_zstd(in, max, out, err);
        break;
    case COMPRESSION_LZ4:
        ok = decompress_lz4(in, max, out, err);
        break;
    }
    if (!ok)
        out->len = before;
    return ok;
}
