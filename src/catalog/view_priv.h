/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files about views and functions share. */
#ifndef FIRN_CATALOG_VIEW_PRIV_H
#define FIRN_CATALOG_VIEW_PRIV_H

#include "catalog/table_priv.h"
#include "catalog/views.h"

/* Parsed metadata by its location, from the cache or the store; lives as long as the arena.  `uuid` (may be empty) must be its
 * own. */
MUST_USE bool view_file_load(struct catalog *c, str location, str uuid, struct arena *a,
                             const struct view_metadata **out, struct error *err);
MUST_USE bool function_file_load(struct catalog *c, str location, str uuid, struct arena *a,
                                 const struct function_metadata **out, struct error *err);
/* Writes metadata durably under a fresh name that follows `previous` (empty: the first version).  A function's lies below
 * `base`. */
MUST_USE bool view_file_save(struct catalog *c, const struct view_metadata *m, str previous,
                             struct arena *a, str *location, struct error *err);
MUST_USE bool function_file_save(struct catalog *c, const struct function_metadata *m, str base,
                                 str previous, struct arena *a, str *location, struct error *err);
/* ERR_DENIED unless every place that the metadata makes us write to may be used. */
MUST_USE bool view_check_places(struct catalog *c, const struct view_metadata *m,
                                struct error *err);

#endif
