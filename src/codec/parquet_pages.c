/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_pages.h"

#include "codec/compress.h"
#include "codec/thrift.h"

enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { HEADER_TYPE = 1, HEADER_UNPACKED = 2, HEADER_PACKED = 3, HEADER_CRC = 4 };
enum { HEADER_DATA = 5, HEADER_DICTIONARY = 7, ENCODING = 2 };
enum { ENCODING_PLAIN = 0, ENCODING_PLAIN_DICTIONARY = 2, ENCODING_RLE_DICTIONARY = 8 };

struct page {
    int64_t type, unpacked, packed, encoding;
    str header, body;
};

static bool damaged(struct error *err)
{
    return fail(err, ERR_CORRUPT, "a page of the Parquet file is damaged");
}

static bool find_compression(int32_t codec, enum compression *out, struct error *err)
{
    static const struct {
        int32_t codec;
        enum compression how;
    } known[] = { { 0, COMPRESSION_NONE },
                  { 1, COMPRESSION_SNAPPY },
                  { 2, COMPRESSION_GZIP },
                  { 6, COMPRESSION_ZSTD } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].codec == codec) {
            *out = known[i].how;
            return true;
        }
    }
    return fail(err, ERR_UNSUPPORTED,
                "columns of type fixed are written with zstd, snappy, gzip or no compression");
}

static void read_encoding(struct thrift_rd *rd, struct page *p)
{
    struct thrift_field f = { 0 };
    while (thrift_next(rd, &f)) {
        if (f.id == ENCODING && f.type == THRIFT_I32)
            p->encoding = thrift_int(rd);
        else
            thrift_skip(rd, f.type, false);
    }
}

static bool read_page(struct thrift_rd *rd, struct page *p, struct error *err)
{
    struct thrift_field f = { 0 };
    const uint8_t *start = rd->p;
    *p = (struct page){ .type = -1, .encoding = -1 };
    while (thrift_next(rd, &f)) {
        if (f.type == THRIFT_I32 && f.id == HEADER_TYPE)
            p->type = thrift_int(rd);
        else if (f.type == THRIFT_I32 && f.id == HEADER_UNPACKED)
            p->unpacked = thrift_int(rd);
        else if (f.type == THRIFT_I32 && f.id == HEADER_PACKED)
            p->packed = thrift_int(rd);
        else if (f.type == THRIFT_STRUCT && (f.id == HEADER_DATA || f.id == HEADER_DICTIONARY))
            read_encoding(rd, p);
        else
            thrift_skip(rd, f.type, false);
    }
    if (rd->bad || p->unpacked < 0 || p->packed < 0 || p->packed > rd->end - rd->p ||
        (uint64_t)p->unpacked > PARQUET_PAGE_MAX)
        return damaged(err);
    p->header = str_make(start, (size_t)(rd->p - start));
    p->body = str_make(rd->p, (size_t)p->packed);
    rd->p += p->packed;
    return true;
}

/* Levels before the values of a data page. */
static bool skip_levels(str *values, struct buf *out, struct error *err)
{
    uint32_t n;
    if (values->len < sizeof n)
        return damaged(err);
    memcpy(&n, values->ptr, sizeof n);
    if (n > values->len - sizeof n)
        return damaged(err);
    buf_add(out, values->ptr, n + sizeof n);
    *values = str_from(*values, n + sizeof n);
    return true;
}

static bool strip_lengths(str values, int32_t length, struct buf *out, struct error *err)
{
    while (values.len) {
        uint32_t n;
        if (values.len < sizeof n)
            return damaged(err);
        memcpy(&n, values.ptr, sizeof n);
        if (n > values.len - sizeof n)
            return damaged(err);
        if (n != (uint32_t)length)
            return fail(err, ERR_INVALID, "a value of %u bytes in a column of type fixed[%d]", n,
                        length);
        buf_add(out, values.ptr + sizeof n, n);
        values = str_from(values, n + sizeof n);
    }
    return buf_ok(out, "a page", err);
}

static void put_header(const struct page *p, size_t unpacked, size_t packed, struct buf *out)
{
    struct thrift_rd rd = thrift_rd_of(p->header);
    struct thrift_field f = { 0 };
    int16_t last = 0;
    while (thrift_next(&rd, &f)) {
        bool size = f.id == HEADER_UNPACKED || f.id == HEADER_PACKED;
        if (!size && f.id != HEADER_CRC) {
            thrift_copy_field(&rd, f, out, &last);
            continue;
        }
        thrift_skip(&rd, f.type, false);
        if (size)
            thrift_put_i32_field(out, &last, f.id,
                                 (int64_t)(f.id == HEADER_PACKED ? packed : unpacked));
    }
    thrift_put_stop(out);
}

/* The page's content without lengths, in `plain`. */
static bool fix_body(const struct page *p, const struct parquet_pages *how, struct buf *raw,
                     struct buf *plain, struct error *err)
{
    enum compression c = COMPRESSION_NONE;
    buf_clear(raw);
    buf_clear(plain);
    if (!find_compression(how->codec, &c, err) ||
        !decompress_bytes(c, p->body, (size_t)p->unpacked, raw, err))
        return false;
    str values = buf_str(raw);
    bool levels = p->type == PAGE_DATA;
    if ((levels && how->repeated && !skip_levels(&values, plain, err)) ||
        (levels && how->optional && !skip_levels(&values, plain, err)))
        return false;
    return strip_lengths(values, how->length, plain, err);
}

static bool fix_page(const struct page *p, const struct parquet_pages *how, struct buf *raw,
                     struct buf *plain, struct buf *out, struct error *err)
{
    struct buf packed = BUF_INIT(PARQUET_PAGE_MAX);
    enum compression c = COMPRESSION_NONE;
    bool ok = fix_body(p, how, raw, plain, err) && find_compression(how->codec, &c, err) &&
              compress_bytes(c, 0, buf_str(plain), &packed, err);
    if (ok) {
        put_header(p, plain->len, packed.len, out);
        buf_add_str(out, buf_str(&packed));
        ok = buf_ok(out, "a column chunk", err);
    }
    buf_deinit(&packed);
    return ok;
}

/* One page, changed or as it is; *grown: how many bytes it has more, unpacked. */
static bool take_page(const struct page *p, const struct parquet_pages *how, struct buf *raw,
                      struct buf *plain, struct buf *out, int64_t *grown, struct error *err)
{
    bool by_index = p->type == PAGE_DATA && (p->encoding == ENCODING_PLAIN_DICTIONARY ||
                                             p->encoding == ENCODING_RLE_DICTIONARY);
    if (by_index) {
        buf_add_str(out, p->header);
        buf_add_str(out, p->body);
        return buf_ok(out, "a column chunk", err);
    }
    bool plain_dictionary =
        p->type == PAGE_DICTIONARY &&
        (p->encoding == ENCODING_PLAIN || p->encoding == ENCODING_PLAIN_DICTIONARY);
    if (!plain_dictionary && !(p->type == PAGE_DATA && p->encoding == ENCODING_PLAIN))
        return fail(err, ERR_UNSUPPORTED,
                    "a page of type %lld with encoding %lld in a column of type fixed",
                    (long long)p->type, (long long)p->encoding);
    if (!fix_page(p, how, raw, plain, out, err))
        return false;
    *grown = (int64_t)plain->len - p->unpacked;
    return true;
}

bool parquet_pages_fix(str chunk, const struct parquet_pages *p, struct buf *out, int64_t *grown,
                       int64_t *shift, struct error *err)
{
    struct thrift_rd rd = thrift_rd_of(chunk);
    struct buf raw = BUF_INIT(PARQUET_PAGE_MAX), plain = BUF_INIT(PARQUET_PAGE_MAX);
    size_t start = out->len;
    bool ok = true, seen = false;
    *grown = *shift = 0;
    while (ok && rd.p < rd.end) {
        struct page page;
        const uint8_t *at = rd.p;
        int64_t more = 0;
        size_t before = out->len;
        ok = read_page(&rd, &page, err);
        if (ok && page.type == PAGE_DATA && !seen) {
            seen = true;
            *shift = (int64_t)(before - start) - (int64_t)(at - (const uint8_t *)chunk.ptr);
        }
        ok = ok && take_page(&page, p, &raw, &plain, out, &more, err);
        *grown += more;
    }
    buf_deinit(&raw);
    buf_deinit(&plain);
    return ok;
}
