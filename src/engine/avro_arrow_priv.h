/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of an Avro file as an Arrow stream. */
#ifndef FIRN_ENGINE_AVRO_ARROW_PRIV_H
#define FIRN_ENGINE_AVRO_ARROW_PRIV_H

#include "codec/avro.h"
#include "engine/arrow_abi.h"

/* `r` is open, and it and `a` outlive the stream; `why` takes the reason when the stream fails.  ERR_UNSUPPORTED. */
MUST_USE bool avro_arrow_stream(struct avro_reader *r, struct arena *a, struct error *why,
                                struct ArrowArrayStream *out, struct error *err);

/* The type that values have beside null; `s` itself when it is no union. */
const struct avro_schema *avro_plain(const struct avro_schema *s);

/* Whether it is a map with keys of any type: an array of pairs (Iceberg spec, Appendix A). */
bool avro_is_map(const struct avro_schema *s);

#endif
