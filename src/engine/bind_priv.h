/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_ENGINE_BIND_PRIV_H
#define FIRN_ENGINE_BIND_PRIV_H

#include "engine/duck_priv.h"
#include "engine/session.h"

/* Every parameter of the statement must be given, and none too many. */
MUST_USE bool bind_params(duckdb_prepared_statement prepared, const struct param *params, size_t n,
                          struct error *err);

#endif
