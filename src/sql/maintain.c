/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/maintain.h"

#include "catalog/table.h"
#include "engine/engine.h"
#include "io/store.h"
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

bool maintain_orphans(struct lake *lake, str branch, str table, const struct orphans_options *o,
                      struct arena *a, struct orphans_result *out, struct error *err)
{
    str ns, name;
    struct orphans_options own = *o;
    *out = (struct orphans_result){ 0 };
    own.oldest_scan_us = engine_oldest_session_us(lake->engine);
    return name_split(table, a, &ns, &name, err) &&
           catalog_orphans(lake->catalog, branch, ns, name, &own, a, out, err);
}
