/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of byte arrays made into pages of byte arrays of one length (Parquet format, "PLAIN"): the length before each value goes.
 * What a dictionary or levels hold stays as it is.  No I/O. */
#ifndef FIRN_CODEC_PARQUET_PAGES_H
#define FIRN_CODEC_PARQUET_PAGES_H

#include "base/buf.h"

#define PARQUET_PAGE_MAX ((size_t)1 << 30)

struct parquet_pages {
    int32_t codec;           /* of the chunk: 0 none, 1 snappy, 2 gzip, 6 zstd */
    int32_t length;          /* of each value */
    bool repeated, optional; /* whether repetition and definition levels stand before the values */
};

/* Appends the chunk's pages.  *grown: how many bytes there are more, unpacked; *shift: how far its first data page moved within
 * the chunk.  ERR_UNSUPPORTED for other codecs and encodings, ERR_INVALID for a value of another length, ERR_CORRUPT. */
MUST_USE bool parquet_pages_fix(str chunk, const struct parquet_pages *p, struct buf *out,
                                int64_t *grown, int64_t *shift, struct error *err);

#endif
