/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files about tables share. */
#ifndef FIRN_CATALOG_TABLE_PRIV_H
#define FIRN_CATALOG_TABLE_PRIV_H

#include "catalog/catalog_priv.h"

/* The entry of a table; ERR_NOT_FOUND "Table does not exist", also for a view. */
MUST_USE bool table_entry(struct view *v, str ns, str name, struct arena *a, struct entry *out,
                          str *value, struct error *err);
/* ERR_EXISTS when a table or view has the name, ERR_NOT_FOUND when the namespace is missing; else
 * records that both stay so. */
MUST_USE bool table_need_free(struct attempt *t, str ns, str name, struct error *err);

/* The default folder of a new table or view. */
str table_default_location(struct catalog *c, str ns, str name, str uuid, struct arena *a);
/* A new UUID as text, in `a`. */
str table_new_uuid(struct catalog *c, struct arena *a);

/* As catalog_commit, by a caller who has taken the turn of the tables. */
MUST_USE bool table_commit_in_turn(struct catalog *c, str ref, const struct table_change *changes,
                                   size_t n, const struct commit_info *info, struct arena *a,
                                   struct commit_result *out, struct error *err);
/* The key of a table's turn. */
str table_turn_key(str ref, str ns, str name, struct arena *a);

/* Saves the metadata and plans the entry's edit; `old_value` ptr NULL: a new entry.  The file
 * counts as garbage until published. */
MUST_USE bool table_plan_put(struct attempt *t, str ns, str name, const struct metadata *m,
                             str previous_location, str old_value, str *location,
                             struct error *err);

/* Plans the edit of an entry whose metadata file is written. */
MUST_USE bool table_plan_entry(struct attempt *t, str key, const struct metadata *m, str location,
                               str old_value, struct error *err);

#endif
