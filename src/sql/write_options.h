/* SPDX-License-Identifier: Apache-2.0
 *
 * What a table's properties say about its data files (write.parquet.*). */
#ifndef FIRN_SQL_WRITE_OPTIONS_H
#define FIRN_SQL_WRITE_OPTIONS_H

#include "base/arena.h"
#include "base/error.h"
#include "codec/avro.h"

struct metadata;
struct parquet_write;

/* Fills in codec, level, bloom filters and rows of a row group; lists are in `a`.  ERR_INVALID for values that make no sense, ERR_UNSUPPORTED for codecs
 * and file formats that are not built. */
MUST_USE bool write_options(const struct metadata *m, struct arena *a, struct parquet_write *out,
                            struct error *err);

/* Whether data files are to be Avro (write.format.default), and how they are packed (write.avro.compression-codec).  Errors as above. */
MUST_USE bool write_avro_options(const struct metadata *m, bool *avro, enum avro_codec *codec,
                                 struct error *err);

#endif
