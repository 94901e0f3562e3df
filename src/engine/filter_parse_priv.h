/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_ENGINE_FILTER_PARSE_PRIV_H
#define FIRN_ENGINE_FILTER_PARSE_PRIV_H

#include "base/arena.h"
#include "base/str.h"

struct expr;
struct filter_table;

/* Column names in plans: c<nonce>_<table>_<field id>, the nonce in hex.  False for any other word. */
bool filter_name_read(str word, str nonce, size_t tables_n, size_t *table, int32_t *field_id);

/* Reads a filter as the planner prints it; what is not understood is true.  Predicates of other tables than
 * `table` are not understood either.  Never NULL. */
const struct expr *filter_parse(str text, str nonce, const struct filter_table *tables, size_t n,
                                size_t table, struct arena *a);

#endif
