/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_ENGINE_WRITE_PRIV_H
#define FIRN_ENGINE_WRITE_PRIV_H

#include "engine/result.h"
#include "engine/result_write.h"

/* Numbers stand to the right. */
bool column_is_number(const struct result_column *c);

/* The aligned table of result_write. */
MUST_USE bool table_write(struct result *r, const struct result_write_options *o,
                          struct text_sink *sink, int64_t *rows, struct error *err);

#endif
