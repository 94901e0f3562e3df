/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit did, for people: the JSON list kept in the commit, and a message where none was
 * given. */
#ifndef FIRN_CATALOG_OPERATIONS_PRIV_H
#define FIRN_CATALOG_OPERATIONS_PRIV_H

#include "catalog/publish_priv.h"

str operations_json(const struct publish_edit *edits, size_t n, struct arena *a);
str operations_message(const struct publish_edit *edits, size_t n,
                       struct arena *a); /* "update table a.b" */

#endif
