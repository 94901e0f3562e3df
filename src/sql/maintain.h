/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance that needs more than the catalog: the engine, or what runs in this process.  Callers have asked for
 * permission. */
#ifndef FIRN_SQL_MAINTAIN_H
#define FIRN_SQL_MAINTAIN_H

#include "base/thread.h"
#include "catalog/garbage.h"

struct lake;

/* Removes files that are on the list of garbage, proved and old enough (catalog/garbage.h); scans that run in this
 * process count. */
MUST_USE bool maintain_collect(struct lake *lake, int64_t safety_us, bool dry_run,
                               struct cancel *cancel, struct arena *a, struct collect_result *out,
                               struct error *err);

#endif
