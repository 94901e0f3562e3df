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
/* The same, for the record of changes by somebody. */
MUST_USE bool catalog_create_ref_as(struct catalog *c, enum catalog_ref_kind kind, str name,
                                    str from, const struct commit_info *who, struct arena *a,
                                    struct ref_info *out, struct error *err);
/* `expected` (a commit id, may be empty) must be where the ref points: ERR_CONFLICT.  "main" cannot
 * be deleted: ERR_INVALID. */
MUST_USE bool catalog_delete_ref(struct catalog *c, str name, str expected,
                                 const struct commit_info *who, struct error *err);
MUST_USE bool catalog_rename_ref(struct catalog *c, str name, str to, const struct commit_info *who,
                                 struct error *err);
/* Points the ref at another commit, forward or back; `expected` as above.  ERR_DENIED by a rule (rules.h), as in the two above;
 * `who` may be NULL. */
MUST_USE bool catalog_assign_ref(struct catalog *c, str name, str expected, str target,
                                 const struct commit_info *who, struct error *err);
MUST_USE bool catalog_get_ref(struct catalog *c, str name, struct arena *a, struct ref_info *out,
                              struct error *err);
MUST_USE bool catalog_list_refs(struct catalog *c, struct arena *a, struct ref_info **out,
                                size_t *n, struct error *err);

/* Whether the commit that `ref` means is, or was, the state of a branch or tag whose name passes `may` (what a merge brought was not); of those the first
 * CONTAINING_REFS_MAX are looked at, main before all others.  A commit that does not exist lies in none. */
#define CONTAINING_REFS_MAX 100
MUST_USE bool catalog_commit_is_in(struct catalog *c, str ref, bool (*may)(void *ctx, str name),
                                   void *ctx, bool *out, struct error *err);

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

/* What a listing of commits leaves in; empty members ask for nothing. */
struct log_filter {
    str author;                 /* exactly */
    str message;                /* a part of it, ASCII case ignored */
    int64_t since_us, until_us; /* from, before; 0: open */
    str ns, name;               /* commits that changed this entry against their first parent */
    str until_commit;           /* stop after this one */
    /* More, by the caller; may be NULL. */
    bool (*keep)(void *ctx, const struct commit_entry *c, bool *out, struct error *err);
    void *ctx;
};
#define LOG_WALK_MAX                                                                               \
    100000 /* commits looked at for one page; the page is short then and `next` goes on */
/* As catalog_log, the commits that pass. */
MUST_USE bool catalog_log_filtered(struct catalog *c, str ref, const struct log_filter *filter,
                                   str token, size_t limit, struct arena *a, struct log_page *out,
                                   struct error *err);

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

/* Which side of an entry wins without a look at its contents. */
enum merge_behavior {
    MERGE_NORMAL, /* three-way */
    MERGE_FORCE,  /* the source's */
    MERGE_DROP    /* the target's: the source's change is left out */
};
struct merge_key {
    str ns, name; /* name empty: a namespace */
    enum merge_behavior behavior;
};

struct merge_request {
    str from; /* any ref */
    str into; /* a branch */
    str head; /* a commit id that `into` must point to (ERR_CONFLICT); may be empty */
    bool dry_run;
    bool no_fast_forward;         /* a merge commit even where moving the branch would do */
    enum merge_behavior behavior; /* of all keys but these */
    const struct merge_key *keys;
    size_t keys_n;
};

enum merge_action {
    MERGE_TAKEN,
    MERGE_REAPPLIED /* appended files were appended again */,
    MERGE_KEPT,    /* target has it */
    MERGE_COMBINED /* changes of both sides were put together */
};
enum merge_conflict {
    CONFLICT_NONE,
    CONFLICT_EXISTS,    /* created on both sides */
    CONFLICT_GONE,      /* dropped on one side, changed on the other */
    CONFLICT_CHANGED,   /* changed on both sides, and the changes do not go together */
    CONFLICT_REPLACED,  /* another table of the same name */
    CONFLICT_NO_HOME,   /* its namespace is gone */
    CONFLICT_NOT_EMPTY, /* a namespace that goes has contents */
};
struct merge_entry {
    enum entry_type type;
    str ns, name;
    bool conflict;
    enum merge_conflict why;
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

/* Applies what single commits changed against their first parents (or, with `revert`, takes it back) to a branch, as one commit with
 * one parent; the rules are those of a merge.  Commits are refs, in the order in which they are to be applied; when two of them changed
 * one entry, no commit in between may have. */
struct pick_request {
    const str *commits;
    size_t commits_n;
    str into; /* a branch */
    str head; /* as in merge_request */
    bool revert, dry_run;
    enum merge_behavior behavior;
    const struct merge_key *keys;
    size_t keys_n;
};
#define PICK_MAX 1000
/* ERR_INVALID for a root commit, which has nothing to compare with.  Succeeds with up_to_date when the branch has it all. */
MUST_USE bool catalog_pick(struct catalog *c, const struct pick_request *req,
                           const struct commit_info *info, struct arena *a,
                           struct merge_result *out, struct error *err);

#endif
