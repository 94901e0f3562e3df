/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's metadata names files, and whoever may write it could name those of another table: its readers would read them, and
 * its upkeep would delete them.  A commit that is `confined` (catalog.h) may name files only below the table's own places, its
 * location and its write.*.path properties, and no place of its own may reach into another table's.
 *
 *   N1  Of each snapshot that a commit adds: the manifest list; each manifest that neither the snapshot's parent has nor a commit
 *       before has checked; each entry of those, whatever its status.  Files of statistics too.
 *   N2  A place that a commit changes is compared with the metadata files of all tables at the commit's ref and at main.
 *   N3  Of a table that is registered: all manifest lists, and the current snapshot's manifests with their entries.  Files that only
 *       older snapshots name are not read.
 *   N4  Of a metadata file that takes a table's place as a whole (commits of Nessie's clients): the file itself, the earlier ones that
 *       its log names, and of all that the table did not have, the same as in N1 and N2.
 *
 * What a file holds after it has been checked is not looked at again: who can write into the folder itself is not stopped here. */
#ifndef FIRN_CATALOG_CONFINE_H
#define FIRN_CATALOG_CONFINE_H

#include "catalog/catalog_priv.h"

struct table_change;

/* ERR_DENIED names the file or place; ERR_INVALID when a file that is named cannot be read.  `base` NULL: a new table; `change` NULL:
 * it is registered, or made without a commit's updates.  No view may be open. */
MUST_USE bool confine_check(struct catalog *c, str ref, str ns, str name,
                            const struct metadata *base, const struct metadata *next,
                            const struct table_change *change, struct error *err);

/* Whether a file lies in a place of the table; ERR_DENIED when not. */
MUST_USE bool confine_owns(const struct metadata *m, str location, struct error *err);

/* N4: `next`, read from `location`, is to stand for the table whose metadata is `base` at `base_location` (NULL: a new table).  As
 * confine_check. */
MUST_USE bool confine_check_file(struct catalog *c, str ref, str ns, str name,
                                 const struct metadata *base, const struct metadata *next,
                                 str location, str base_location, struct error *err);

#endif
