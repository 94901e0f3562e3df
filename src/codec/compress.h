/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole buffers in, whole buffers out.  Pure; any thread. */
#ifndef FIRN_CODEC_COMPRESS_H
#define FIRN_CODEC_COMPRESS_H

#include "base/buf.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_DEFLATE, /* raw, RFC 1951; up to 4 bytes behind it are not looked at */
    COMPRESSION_ZLIB,    /* RFC 1950 */
    COMPRESSION_GZIP,    /* RFC 1952; several members in a row are read as one */
    COMPRESSION_SNAPPY,  /* raw, without framing */
    COMPRESSION_ZSTD,
    COMPRESSION_LZ4, /* one frame, which says its size when we make it */
};
#define COMPRESSION_KINDS (COMPRESSION_LZ4 + 1)

/* Packs `in` and appends to `out`; `level` 0 takes the codec's usual one.  ERR_LIMIT when out is full. */
MUST_USE bool compress_bytes(enum compression how, int level, str in, struct buf *out,
                             struct error *err);

/* Unpacks the whole of `in` and appends at most max bytes to `out`.  ERR_LIMIT when there are more or
 * `out` is full, ERR_CORRUPT when `in` is damaged, cut short or followed by other bytes.  On failure
 * `out` is as long as before. */
MUST_USE bool decompress_bytes(enum compression how, str in, size_t max, struct buf *out,
                               struct error *err);

/* "gzip" and so on; false for an unknown name. */
bool compression_parse(str name, enum compression *out);
const char *compression_name(enum compression how);

/* CRC-32 as gzip, PNG and Avro use it; start with crc = 0. */
uint32_t crc32_of(uint32_t crc, str bytes);

#endif
