/* SPDX-License-Identifier: Apache-2.0
 *
 * A branch for one job of several commits: made where the job begins, merged when all of it is well, gone afterwards.  Readers of
 * the target see all of the job or nothing of it, also when the process is killed in between. */
#ifndef FIRN_CATALOG_WORK_BRANCH_H
#define FIRN_CATALOG_WORK_BRANCH_H

#include "catalog/refs.h"

/* Makes the branch "<job>-<random>" from `into` (empty: main). */
MUST_USE bool work_branch_open(struct catalog *c, struct env *env, const char *job, str into,
                               struct arena *a, str *name, struct error *err);

/* Merges it into the branch that it was made from.  `info` says who runs the job (govern's access_sign fills it in): the rules of
 * that branch are asked for them.  ERR_CONFLICT names the first table that was changed there meanwhile; ERR_DENIED: a rule. */
MUST_USE bool work_branch_merge(struct catalog *c, str name, str into,
                                const struct commit_info *info, struct arena *a,
                                struct merge_result *out, struct error *err);

/* Forgets it, whatever rules say: it was the job's own.  A failure is logged: a branch left behind does no harm. */
void work_branch_drop(struct catalog *c, str name);

#endif
