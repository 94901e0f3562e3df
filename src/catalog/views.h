/* SPDX-License-Identifier: Apache-2.0
 *
 * Views and functions of the catalog.  A view shares its name space with tables; functions have one of their own.  The commit
 * protocol and what `ref` and errors mean are in catalog.h; listings are catalog_list with ENTRY_VIEW and
 * ENTRY_FUNCTION. */
#ifndef FIRN_CATALOG_VIEWS_H
#define FIRN_CATALOG_VIEWS_H

#include "catalog/catalog.h"

struct function_metadata;
struct view_metadata;
struct view_requirement;
struct view_update;

struct catalog_view {
    str ns, name;
    str ref;                              /* as asked, "main" when empty */
    str commit_id;                        /* of the catalog, that the view was read at */
    str metadata_location;                /* absolute */
    const struct view_metadata *metadata; /* immutable, shared; lives as long as the arena */
};

/* ERR_NOT_FOUND "View does not exist", also for a table; ERR_CORRUPT when the file is damaged or another view's. */
MUST_USE bool catalog_load_view(struct catalog *c, str ref, str ns, str name, struct arena *a,
                                struct catalog_view *out, struct error *err);
MUST_USE bool catalog_view_exists(struct catalog *c, str ref, str ns, str name, bool *out,
                                  struct error *err);

/* Makes a view of `updates`, which carry its whole definition but for UUID (made here), format version and location (empty:
 * <warehouse>/<ns>/<name>-<uuid>).  ERR_EXISTS, ERR_NOT_FOUND (namespace), ERR_DENIED (location), ERR_INVALID. */
MUST_USE bool catalog_create_view(struct catalog *c, str ref, str ns, str name, str location,
                                  const struct view_update *updates, size_t n,
                                  const struct commit_info *info, struct arena *a,
                                  struct catalog_view *out, struct error *err);
/* ERR_CONFLICT when a requirement fails against the newest metadata; moves of others are handled inside. */
MUST_USE bool catalog_replace_view(struct catalog *c, str ref, str ns, str name,
                                   const struct view_requirement *requirements,
                                   size_t requirements_n, const struct view_update *updates,
                                   size_t updates_n, const struct commit_info *info,
                                   struct arena *a, struct catalog_view *out, struct error *err);
/* Takes an existing metadata file into the catalog; it stays where it is. */
MUST_USE bool catalog_register_view(struct catalog *c, str ref, str ns, str name,
                                    str metadata_location, const struct commit_info *info,
                                    struct arena *a, struct catalog_view *out, struct error *err);
/* Files stay for the collector. */
MUST_USE bool catalog_drop_view(struct catalog *c, str ref, str ns, str name,
                                const struct commit_info *info, struct arena *a, str *commit_id,
                                struct error *err);
MUST_USE bool catalog_rename_view(struct catalog *c, str ref, str ns, str name, str to_ns,
                                  str to_name, const struct commit_info *info, struct arena *a,
                                  str *commit_id, struct error *err);

struct catalog_function {
    str ns, name;
    str commit_id;
    str metadata_location;
    const struct function_metadata *metadata; /* lives as long as the arena */
};

/* ERR_NOT_FOUND "Function does not exist" (or "Namespace does not exist"). */
MUST_USE bool catalog_load_function(struct catalog *c, str ref, str ns, str name, struct arena *a,
                                    struct catalog_function *out, struct error *err);
/* Stores the metadata (the JSON text of the UDF spec) as a new file; with `replace` over a function of the same UUID.  ERR_EXISTS,
 * ERR_NOT_FOUND (namespace), ERR_CONFLICT (another UUID), ERR_INVALID. */
MUST_USE bool catalog_put_function(struct catalog *c, str ref, str ns, str name, str metadata,
                                   bool replace, const struct commit_info *info, struct arena *a,
                                   struct catalog_function *out, struct error *err);
MUST_USE bool catalog_drop_function(struct catalog *c, str ref, str ns, str name,
                                    const struct commit_info *info, struct arena *a, str *commit_id,
                                    struct error *err);

#endif
