/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/maintain.h"

#include "engine/engine.h"
#include "sql/lake.h"

bool maintain_collect(struct lake *lake, int64_t safety_us, bool dry_run, struct cancel *cancel,
                      struct arena *a, struct collect_result *out, struct error *err)
{
    struct collect_options o = { .safety_us = safety_us,
                                 .oldest_scan_us = engine_oldest_session_us(lake->engine),
                                 .dry_run = dry_run,
                                 .cancel = cancel };
    if (safety_us < 0)
        return fail(err, ERR_INVALID, "a safety age is not negative");
    return catalog_collect(lake->catalog, &o, a, out, err);
}
