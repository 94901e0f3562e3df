/* SPDX-License-Identifier: Apache-2.0
 *
 * Small parts of the demo: facts for --json, tensors, and starting clean. */
#ifndef FIRN_CLI_DEMO_PRIV_H
#define FIRN_CLI_DEMO_PRIV_H

#include "cli/command.h"
#include "codec/json.h"

/* Appends "step_name": value to the members of the answer. */
void demo_fact(struct buf *facts, const char *step, const char *name, double value);

/* {"name":..., "shape":[1,1], "datatype":"FP64", "data":[value]} */
void demo_tensor(struct json_writer *w, str name, double value);

/* Removes the data directory of this call, if it is one of Firn's and nobody uses it.  ERR_INVALID when the folder holds
 * something else, so that a typing error removes nothing. */
bool demo_clean(struct cli *cli, struct error *err);

#endif
