/* SPDX-License-Identifier: Apache-2.0
 *
 * The question that everything asks which moves a ref. */
#ifndef FIRN_CATALOG_RULES_PRIV_H
#define FIRN_CATALOG_RULES_PRIV_H

#include "catalog/rules.h"
#include "io/db.h"

/* ERR_DENIED unless every rule whose pattern fits `ref` allows the action to `who` (NULL: nobody in particular). */
MUST_USE bool rules_check(struct db_tx *tx, str ref, enum ref_action action,
                          const struct commit_info *who, struct arena *a, struct error *err);

/* Whether the text fits a pattern, in which a star stands for any text. */
bool rule_pattern_fits(str pattern, str text);

#endif
