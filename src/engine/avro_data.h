/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro data files (Iceberg spec, Appendix A, "Avro").  The engine reads and writes Parquet: an Avro file is made into a Parquet file
 * for the time of a session, with the same rows in the same order and the same field ids, so that projection, defaults, promotions,
 * name mappings and deletes by position are those of all files; what is to be Avro is written as Parquet first, which also tells its
 * statistics. */
#ifndef FIRN_ENGINE_AVRO_DATA_H
#define FIRN_ENGINE_AVRO_DATA_H

#include "base/arena.h"
#include "base/error.h"
#include "codec/avro.h"

struct schema;
struct session;

#define AVRO_DATA_BYTES_MAX ((size_t)4 << 30) /* of one file */

/* A Parquet file of the rows of an Avro file; *out goes with the session.  ERR_CORRUPT and ERR_LIMIT for what is damaged, ERR_UNSUPPORTED
 * for unions of several types and values that no column holds. */
MUST_USE bool avro_to_parquet(struct session *s, str path, str *out, struct error *err);

/* Writes the rows of a Parquet file that parquet_write made for `schema` as an Avro file of the same schema.  ERR_UNSUPPORTED for
 * columns of type variant. */
MUST_USE bool avro_from_parquet(struct session *s, str parquet, const struct schema *schema,
                                enum avro_codec codec, str to, int64_t *size, struct error *err);

#endif
