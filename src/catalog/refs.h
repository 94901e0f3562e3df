/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches, tags, the log, differences and merges.  Meaning of `ref`: catalog.h. */
#ifndef FIRN_CATALOG_REFS_H
#define FIRN_CATALOG_REFS_H

#include "catalog/catalog.h"

enum catalog_ref_kind {
    CATALOG_BRANCH = 1,
    CATALOG_TAG,
    CATALOG_COMMIT /* a commit id used as a ref */
};

struct ref_info {
    str name;
    enum catalog_ref_kind kind;
    str commit_id;
    int64_t created_us, updated_us;
};

/* Names: letters, digits and -_./ without "..", "//", ".lock" at the end; not 64 hexadecimal
 * digits; at most 200 bytes. */
MUST_USE bool catalog_create_ref(struct catalog *c, enum catalog_ref_kind kind, str name, str from,
                                 struct arena *a, struct ref_info *out,
                                 struct error *err); /* ERR_EXISTS, ERR_NOT_FOUND (from) */
/* `expected` (a commit id, may be empty) must be where the ref points: ERR_CONFLICT.  "main" cannot
 * be deleted: ERR_INVALID. */
MUST_USE bool catalog_delete_ref(struct catalog *c, str name, str expected, struct error *err);
MUST_USE bool catalog_rename_ref(struct catalog *c, str name, str to, struct error *err);
/* Points the ref at another commit, forward or back; `expected` as above. */
MUST_USE bool catalog_assign_ref(struct catalog *c, str name, str expected, str target,
                                 struct error *err);
MUST_USE bool catalog_get_ref(struct catalog *c, str name, struct arena *a, struct ref_info *out,
                              struct error *err);
MUST_USE bool catalog_list_refs(struct catalog *c, struct arena *a, struct ref_info **out,
                                size_t *n, struct error *err);

struct commit_entry {
    str id;
    str parents
        [2]; /* empty when fewer; the first is the branch's own, the second came by a merge */
    str author, message;
    int64_t time_us;
    /* JSON: [{"op":"create|update|delete","type":"table","name":"ns.t"}, ...], the first
     * OPERATIONS_MAX. */
    str operations;
};
#define OPERATIONS_MAX 100

struct log_page {
    struct commit_entry *commits; /* newest first, along first parents */
    size_t n;
    str next; /* token; empty: the root was reached */
};
/* limit 0: 1000. */
MUST_USE bool catalog_log(struct catalog *c, str ref, str token, size_t limit, struct arena *a,
                          struct log_page *out, struct error *err);

enum diff_kind { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED };
struct diff_entry {
    enum diff_kind kind;
    enum entry_type type;
    str ns, name;                             /* name empty for a namespace */
    str from_location, to_location;           /* metadata, empty on the side where it is not */
    int64_t from_snapshot_id, to_snapshot_id; /* -1: none */
};
/* What has to change in `from` to make it `to`, in the order of the tree; ERR_LIMIT above `max`
 * entries (0: 100,000). */
MUST_USE bool catalog_diff(struct catalog *c, str from, str to, size_t max, struct arena *a,
                           struct diff_entry **out, size_t *n, struct error *err);

struct merge_request {
    str from; /* any ref */
    str into; /* a branch */
    bool dry_run;
    bool no_fast_forward; /* a merge commit even where moving the branch would do */
};

enum merge_action {
    MERGE_TAKEN,
    MERGE_REAPPLIED /* appended files were appended again */,
    MERGE_KEPT /* target has it */
};
struct merge_entry {
    enum entry_type type;
    str ns, name;
    bool conflict;
    enum merge_action action; /* without a conflict */
    str reason;               /* of the conflict, or what was done */
    int64_t snapshot_id;      /* of the table afterwards, -1: none or dropped */
};

struct merge_result {
    bool applied, fast_forward, up_to_date;
    str commit_id; /* where `into` points now (dry run: pointed) */
    str base_id;   /* the merge base */
    struct merge_entry *entries;
    size_t n, conflicts_n;
};

/* Three-way merge per entry.  Succeeds with applied = false and conflicts_n > 0 when there are
 * conflicts: nothing moved then, and each is in `entries`.  ERR_CONFLICT only when the branch kept
 * moving during all retries. */
MUST_USE bool catalog_merge(struct catalog *c, const struct merge_request *req,
                            const struct commit_info *info, struct arena *a,
                            struct merge_result *out, struct error *err);

#endif
