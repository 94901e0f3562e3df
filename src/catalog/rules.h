/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of branches and tags: who may do what to the refs that a pattern names.  They are asked inside the transaction that moves the
 * ref (publish.c, refs.c), so that no way of writing leads past them and a new rule holds from its own commit on.
 *
 *   - A ref that no pattern matches is open.
 *   - Of several patterns that match, each must allow the action.
 *   - A rule lists names for each action: of a principal, "role:NAME", or "*" for everyone, callers without a name too; an empty list
 *     allows nobody.  Nobody stands above the rules: who may change them takes one away first. */
#ifndef FIRN_CATALOG_RULES_H
#define FIRN_CATALOG_RULES_H

#include "catalog/catalog.h"

enum ref_action {
    REF_WRITE,  /* commits to the branch, reverts too */
    REF_MERGE,  /* merges and cherry-picks into it */
    REF_ASSIGN, /* pointing it elsewhere, renaming it */
    REF_DELETE,
    REF_ACTIONS
};

struct rule_names {
    const str *at;
    size_t n;
};

struct ref_rule {
    str pattern; /* "main", "release-*", "*": a star stands for any text, slashes too */
    struct rule_names allowed[REF_ACTIONS];
    str author; /* who set it */
    int64_t updated_us;
};

#define RULES_MAX 1000
#define RULE_NAMES_MAX 100 /* of one list */

/* "write", "merge", "assign", "delete". */
const char *ref_action_name(enum ref_action action);

/* Sets the rule of a pattern, in place of the one it has.  ERR_INVALID, ERR_LIMIT. */
MUST_USE bool catalog_set_rule(struct catalog *c, const struct ref_rule *rule, struct error *err);
MUST_USE bool catalog_drop_rule(struct catalog *c, str pattern,
                                struct error *err); /* ERR_NOT_FOUND */
/* Sorted by pattern. */
MUST_USE bool catalog_list_rules(struct catalog *c, struct arena *a, struct ref_rule **out,
                                 size_t *n, struct error *err);

/* Whether `who` (NULL: nobody in particular) may; ERR_DENIED names the rule. */
MUST_USE bool catalog_check_rules(struct catalog *c, str ref, enum ref_action action,
                                  const struct commit_info *who, struct error *err);

#endif
