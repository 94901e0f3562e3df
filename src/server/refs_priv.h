/* SPDX-License-Identifier: Apache-2.0
 *
 * What the routes of refs and of commits share. */
#ifndef FIRN_SERVER_REFS_PRIV_H
#define FIRN_SERVER_REFS_PRIV_H

#include "catalog/refs.h"
#include "server/answer_priv.h"

void write_merge(const struct merge_result *r, struct arena *a, struct json_writer *w);
void write_commit(const struct commit_entry *c, struct json_writer *w);
void write_commit_members(const struct commit_entry *c,
                          struct json_writer *w); /* of an open object */
void write_changes(const struct diff_entry *entries, size_t n, struct arena *a,
                   struct json_writer *w);
/* "source", "target" or empty. */
MUST_USE bool parse_prefer(str text, enum merge_behavior *out, struct error *err);

/* Who commits: the caller's name, and as author what the request says, or the same. */
struct commit_info request_commit_info(const struct api_request *req, str message, str author);

#endif
